//! Values that a template never reads.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::keel::nearest::nearest;
use crate::pipeline::codes;
use crate::pipeline::notice::PlanNotice;
use crate::pipeline::template::Checked;
use crate::pipeline::uses;
use crate::pipeline::values::{GivenBy, Values};

/// Names that mean something else wherever they stand alone.
const ONLY_BELOW: [&str; 4] = ["env", "values", "loop", "__tera_context"];

/// Names of a file that are told at most.
const SHOWN: usize = 3;

/// One notice for each file and flag that gives something unread. Whatever may be read, as by an index or a loop, counts
/// as read.
pub(super) fn all(checked: &Checked<'_>, values: &Values) -> Vec<PlanNotice> {
    let reads = ReadPaths::of(checked);
    values.given.iter().filter_map(|given| of(given, &reads)).collect()
}

fn of(given: &GivenBy, reads: &ReadPaths<'_>) -> Option<PlanNotice> {
    let mut unread = Vec::new();
    reads.unread(&given.fields, &mut Vec::new(), &mut unread);
    if let Some(text) = &given.file {
        let anchored = anchored(text);
        unread.retain(|path| !path.last().is_some_and(|name| anchored.contains(name)));
    }
    let first = unread.first()?;
    let instead = |path: &[&str], link: &str, end: &str| {
        reads.instead(path).map_or_else(String::new, |instead| format!("{link}{instead}{end}"))
    };
    let text = if given.file.is_none() && is_all(&given.fields, first) {
        format!("the template does not read it{}", instead(first, "; ", ""))
    } else {
        let named = unread.iter().take(SHOWN);
        let named = named.map(|path| format!("`{}`{}", path.join("."), instead(path, " (", ")")));
        let named = named.collect::<Vec<_>>().join(", ");
        let more = unread.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("the template does not read {named}{more}")
    };
    Some(PlanNotice::new(given.source.clone(), text).coded(codes::VALUE_UNREAD))
}

/// Whether everything that is given stands at this path or below it.
fn is_all(fields: &Map<String, Value>, path: &[&str]) -> bool {
    let Some((name, below)) = path.split_first() else { return true };
    fields.len() == 1
        && fields.get(*name).is_some_and(|value| {
            below.is_empty() || value.as_object().is_some_and(|fields| is_all(fields, below))
        })
}

/// Names of values of a file that are there for the aliases of others.
fn anchored(text: &str) -> BTreeSet<&str> {
    let pairs = text.lines().filter(|line| line.contains('&')).filter_map(|line| line.split_once(':'));
    pairs.filter(|(_, value)| value.trim_start().starts_with('&')).map(|(name, _)| name.trim()).collect()
}

/// The paths of values that a template reads; an empty one is all of them.
struct ReadPaths<'a>(Vec<Vec<&'a str>>);

impl<'a> ReadPaths<'a> {
    fn of(checked: &Checked<'a>) -> Self {
        let paths = checked.paths().map(|path| path.iter().map(|token| token.text).collect::<Vec<_>>());
        Self(
            paths
                .filter_map(|path| match path[0] {
                    "values" => Some(path[1..].to_vec()),
                    "env" | "loop" => None,
                    _ => Some(path),
                })
                .collect(),
        )
    }

    /// Collects the paths below one that nothing reads, in part or as part of something larger.
    fn unread<'v>(
        &self,
        fields: &'v Map<String, Value>,
        path: &mut Vec<&'v str>,
        found: &mut Vec<Vec<&'v str>>,
    ) {
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            path.push(name);
            let whole = self.0.iter().any(|read| path.starts_with(read));
            let below = self.0.iter().any(|read| read.starts_with(path));
            match value {
                _ if whole => {}
                Value::Object(fields) if below => self.unread(fields, path, found),
                _ if below => {}
                _ => found.push(path.clone()),
            }
            path.pop();
        }
    }

    /// What is read in place of an unread path.
    fn instead(&self, path: &[&str]) -> Option<String> {
        if ONLY_BELOW.contains(&path[0]) {
            return Some(format!("a value named `{0}` is read as `values.{0}`", path[0]));
        }
        let (last, above) = path.split_last()?;
        let beside =
            self.0.iter().filter(|read| read.starts_with(above)).filter_map(|read| read.get(above.len()));
        let name = nearest(last, beside.copied())?;
        Some(format!("did you mean `{}`?", uses::spelled(&[above, &[name]].concat())))
    }
}
