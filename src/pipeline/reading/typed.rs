//! Texts that a template takes for booleans or numbers: they are true unless empty, and never equal to a number. `--set` gives
//! such, and so do words of a values file that other readers of YAML take for something else (`no`, `007`).

mod names;
mod operand;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;

use serde_json::Value;

use self::names::{Names, StandsFor};
use self::operand::Operand;
use crate::pipeline::codes;
use crate::pipeline::dialect::{self, Scalar};
use crate::pipeline::notice::PlanNotice;
use crate::pipeline::template::Checked;
use crate::pipeline::uses::{self, Use};
use crate::pipeline::values::{GivenBy, GivenText, Values};

/// Notices of one source at most; a list may hold a thousand such words.
const SHOWN: usize = 3;

/// One notice for each text that makes a condition or comparison come out wrong.
pub(super) fn all(checked: &Checked<'_>, values: &Values) -> Vec<PlanNotice> {
    let suspects = Suspects::of(values);
    if suspects.all.is_empty() {
        return Vec::new();
    }
    let mut found: BTreeMap<usize, String> = BTreeMap::new();
    let mut names = Names::of(&checked.pieces);
    for piece in &checked.pieces {
        let tokens = piece.tokens();
        for start in uses::uses(piece).into_iter().filter_map(|found| match found {
            Use::Path(path) => Some(path[0].bytes.start),
            _ => None,
        }) {
            let index = tokens.partition_point(|token| token.bytes.start < start);
            let Some((known, end)) = names.known_at(piece, index) else { continue };
            let operand = Operand::around(tokens, index, end);
            let mut wrong = suspects.go_wrong(&known, &operand);
            if let Some((sign, other)) = operand.other(|index| names.known_at(piece, index)) {
                wrong.extend(suspects.go_wrong_beside(&known, sign, &other));
            }
            for (suspect, why) in wrong {
                let place = checked.place(start);
                found
                    .entry(suspect)
                    .or_insert_with(|| format!("{why} ({}, line {})", place.file, place.line));
            }
        }
        names.pass(piece);
    }
    told(&suspects.all, &found)
}

fn told(suspects: &[Suspect<'_>], found: &BTreeMap<usize, String>) -> Vec<PlanNotice> {
    let mut notices: Vec<PlanNotice> = Vec::new();
    let mut of_file: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (index, why) in found {
        let suspect = &suspects[*index];
        if suspect.by.file.is_some() {
            let (count, last) = of_file.entry(&suspect.by.source).or_default();
            *count += 1;
            if *count > SHOWN {
                continue;
            }
            *last = notices.len();
        }
        notices.push(suspect.notice(why));
    }
    for (count, last) in of_file.into_values().filter(|(count, _)| *count > SHOWN) {
        let more = count - SHOWN;
        if let Some(remedy) = &mut notices[last].remedy {
            let _ = write!(remedy, "; so it is with {more} more of its words");
        }
    }
    notices
}

/// A text that looks like something else.
struct Suspect<'a> {
    by: &'a GivenBy,
    path: Vec<&'a str>,
    text: &'a str,
    line: Option<usize>,
    /// What it would be in a document.
    means: Scalar,
}

impl<'a> Suspect<'a> {
    fn of(by: &'a GivenBy, GivenText { path, text, line }: &'a GivenText) -> Option<Self> {
        let means = dialect::resolve(text);
        let other = matches!(means, Scalar::Bool(_) | Scalar::Number(_))
            || (means == Scalar::Null && !text.is_empty());
        let path = path.iter().map(String::as_str).collect();
        other.then_some(Self { by, path, text, line: *line, means })
    }

    fn notice(&self, why: &str) -> PlanNotice {
        let (kind, json) = match &self.means {
            Scalar::Bool(value) => ("a boolean", value.to_string()),
            Scalar::Number(value) => ("a number", value.to_string()),
            _ => ("null", "null".to_owned()),
        };
        let (about, text, remedy) = match self.line {
            None => {
                let name =
                    self.path.iter().map(|part| part.replace('.', "\\.")).collect::<Vec<_>>().join(".");
                let about = format!("--set {name}={}", self.text);
                (about, format!("it is text, {why}"), format!("for {kind} write --set-json {name}={json}"))
            }
            Some(line) => {
                let name = uses::spelled(&self.path);
                let about = format!("{}, line {line}", self.by.source);
                let text = format!("`{name}` is the text {}, {why}", self.text);
                (about, text, format!("for {kind} write {json}"))
            }
        };
        PlanNotice::new(about, text).remedy(remedy).coded(codes::VALUE_TEXT)
    }
}

/// Those that one name in a loop stands for are looked at up to here.
const OF_A_LOOP: usize = 1000;

/// All such texts.
struct Suspects<'a> {
    all: Vec<Suspect<'a>>,
    by_path: BTreeMap<Vec<&'a str>, usize>,
    values: &'a Values,
}

impl<'a> Suspects<'a> {
    fn of(values: &'a Values) -> Self {
        let all: Vec<_> = values.texts().filter_map(|(by, given)| Suspect::of(by, given)).collect();
        let by_path = all.iter().enumerate().map(|(index, suspect)| (suspect.path.clone(), index)).collect();
        Self { all, by_path, values }
    }

    /// Those that a name stands for.
    fn at<'s>(&'s self, known: &'s StandsFor<'_>) -> impl Iterator<Item = (usize, &'s Suspect<'a>)> {
        let within = known.within();
        let from: Vec<&str> = within.clone();
        let all = self.by_path.range::<[&str], _>((Bound::Included(from.as_slice()), Bound::Unbounded));
        let near: Vec<_> = all
            .take_while(|(path, _)| path.starts_with(&within))
            .map(|(path, index)| (path, *index))
            .collect();
        near.into_iter()
            .filter(|(path, _)| known.is_at(path))
            .take(OF_A_LOOP)
            .map(|(_, index)| (index, &self.all[index]))
    }

    /// Those that go wrong as a part of what stands around them.
    fn go_wrong(&self, known: &StandsFor<'_>, operand: &Operand<'_, '_>) -> Vec<(usize, String)> {
        let alone =
            self.at(known).filter_map(|(at, suspect)| Some((at, operand.goes_wrong(&suspect.means)?)));
        let mut wrong: Vec<_> = alone.collect();
        let Some(literal) = operand.sought() else { return wrong };
        let path = known.exact();
        let list = path.and_then(|path| self.values.at(&path)).and_then(Value::as_array);
        let there = |item: &Value| operand::is_same(literal, &plain(item));
        if list.is_some_and(|items| !items.iter().any(there)) {
            let meant = |(_, suspect): &(usize, &Suspect<'_>)| operand::is_same(literal, &suspect.means);
            let why = format!("and never equal to {literal}");
            wrong.extend(self.at(&known.clone().each()).filter(meant).map(|(at, _)| (at, why.clone())));
        }
        wrong
    }

    /// Those that make two values beside a sign come out otherwise than what they mean.
    fn go_wrong_beside(
        &self,
        left: &StandsFor<'_>,
        sign: &str,
        right: &StandsFor<'_>,
    ) -> Vec<(usize, String)> {
        let mut wrong = Vec::new();
        for (mine, other, is_left) in [(left, right, true), (right, left, false)] {
            let Some(path) = other.exact() else { continue };
            let Some(value) = self.values.at(&path) else { continue };
            for (at, suspect) in self.at(mine) {
                let why = match sign {
                    "in" if is_left && mine.exact().is_some() => self.sought_in(suspect, &path, value),
                    "==" | "!=" => self.unequal(suspect, &path, value),
                    "<" | ">" | "<=" | ">=" => self.ordered(suspect, &path, value),
                    _ => None,
                };
                wrong.extend(why.map(|why| (at, why)));
            }
        }
        wrong
    }

    fn unequal(&self, suspect: &Suspect<'_>, path: &[&str], value: &Value) -> Option<String> {
        let wrong = suspect.means(&self.meant(path, value)) && value != suspect.text;
        wrong.then(|| {
            let text = value.as_str().map_or_else(|| value.to_string(), |text| format!("the text {text}"));
            format!("and never equal to `{}`, which is {text}", uses::spelled(path))
        })
    }

    fn sought_in(&self, suspect: &Suspect<'_>, path: &[&str], value: &Value) -> Option<String> {
        let items = value.as_array()?;
        let equal = |(index, item): (usize, &Value)| {
            suspect.means(&self.meant(&[path, &[index.to_string().as_str()]].concat(), item))
        };
        let wrong = items.iter().enumerate().any(equal) && items.iter().all(|item| item != suspect.text);
        wrong.then(|| format!("and equal to nothing in `{}`", uses::spelled(path)))
    }

    fn ordered(&self, suspect: &Suspect<'_>, path: &[&str], value: &Value) -> Option<String> {
        let (Scalar::Number(mine), Scalar::Number(theirs)) = (&suspect.means, self.meant(path, value)) else {
            return None;
        };
        let text = value.as_str()?;
        let as_numbers = mine.as_f64()?.partial_cmp(&theirs.as_f64()?)?;
        let name = uses::spelled(path);
        (suspect.text.cmp(text) != as_numbers)
            .then(|| format!("and compared letter by letter with `{name}`, which is the text {text}"))
    }

    /// What a value is, or means if it is one of the texts.
    fn meant(&self, path: &[&str], value: &Value) -> Scalar {
        match self.by_path.get(path) {
            Some(index) => self.all[*index].means.clone(),
            None => plain(value),
        }
    }
}

/// What a value is that is no such text.
fn plain(value: &Value) -> Scalar {
    match value {
        Value::Bool(value) => Scalar::Bool(*value),
        Value::Number(number) => Scalar::Number(number.clone()),
        _ => Scalar::Text,
    }
}

impl Suspect<'_> {
    fn means(&self, other: &Scalar) -> bool {
        match (&self.means, other) {
            (Scalar::Bool(value), Scalar::Bool(other)) => value == other,
            (Scalar::Number(number), Scalar::Number(other)) => number.as_f64() == other.as_f64(),
            _ => false,
        }
    }
}
