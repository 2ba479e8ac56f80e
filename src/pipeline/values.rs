//! Values: files merged in order, then `--set-json`, `--set` and `--set-file`, as helm orders them.
//!
//! Mappings merge deeply, everything else replaces. Null is not given: it takes back what an earlier source gives, and
//! is nowhere in the result but as an item of a list.

mod json;
mod names;
mod written;

use serde_json::{Map, Value};

pub use self::json::json_fault;
pub use self::names::name_fault;
use self::names::{part_fault, segments};
use super::fault::{Fault, Location};
use super::sources::{Sources, Text};

/// Values, merged, and what each source gives.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    /// What a template reads.
    pub(super) all: Map<String, Value>,
    /// What they are of, in the order in which they were merged.
    pub(super) given: Vec<GivenBy>,
}

/// What one file or flag gives.
#[derive(Debug, Clone)]
pub(super) struct GivenBy {
    /// The file's name, or the flag with the name of its value.
    pub(super) source: String,
    /// The file's text; none of a flag.
    pub(super) file: Option<String>,
    /// Texts that a document would take for something else: the one of `--set`, and words of a file without quotes.
    pub(super) texts: Vec<GivenText>,
    /// The values, nulls included.
    pub(super) fields: Map<String, Value>,
}

/// A text that a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GivenText {
    /// Where the value is; an item of a list by its number.
    pub(super) path: Vec<String>,
    pub(super) text: String,
    /// The line of a file.
    pub(super) line: Option<usize>,
}

impl Values {
    /// Merges all values.
    ///
    /// # Errors
    /// A file that is no YAML mapping; a name that is none; JSON that is none; a flag below a value that is no mapping.
    pub(super) fn merge(sources: &Sources) -> Result<Self, Fault> {
        let mut values = Self::default();
        for file in &sources.values {
            let (fields, texts) = read(file)?;
            let text = Some(file.text.clone());
            values.deepen(GivenBy { source: file.name.clone(), file: text, texts, fields });
        }
        for text in &sources.set_json {
            let (name, value) = json::read(text).map_err(|why| {
                Fault::new(format!("--set-json {text}: {why}")).hint("write it as in --set-json 'Gpus=2'")
            })?;
            match (name, value) {
                (Some(name), value) => values.assign("--set-json", &name, value, None)?,
                (None, Value::Object(fields)) => {
                    let source = "--set-json".to_owned();
                    values.deepen(GivenBy { source, file: None, texts: Vec::new(), fields });
                }
                (None, _) => {}
            }
        }
        for (name, text) in &sources.set {
            values.assign("--set", name, Value::String(text.clone()), Some(text))?;
        }
        for (name, file) in &sources.set_file {
            values.assign("--set-file", name, Value::String(file.text.clone()), None)?;
        }
        Ok(values)
    }

    /// The value at a path, in which items of lists stand by their numbers.
    pub(super) fn at<S: AsRef<str>>(&self, path: &[S]) -> Option<&Value> {
        item_at(&self.all, path)
    }

    /// What each source gives as a text, where none after it gives something else there.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&GivenBy, &GivenText)> {
        let sources = self.given.iter().enumerate();
        let all = sources.flat_map(|(index, given)| given.texts.iter().map(move |text| (index, given, text)));
        all.filter(|(index, _, text)| {
            let mut later = self.given[index + 1..].iter();
            later.all(|later| item_at(&later.fields, &text.path).is_none())
                && self.at(&text.path).and_then(Value::as_str) == Some(&text.text)
        })
        .map(|(_, given, text)| (given, text))
    }

    fn deepen(&mut self, given: GivenBy) {
        deep(&mut self.all, given.fields.clone());
        self.given.push(given);
    }

    /// Sets one value; null takes it back.
    fn assign(&mut self, flag: &str, name: &str, value: Value, text: Option<&String>) -> Result<(), Fault> {
        let path = segments(name);
        let (last, above) = path.split_last().expect("a name has a part");
        if !value.is_object()
            && !value.is_null()
            && let Some(taken) = self.flag_below(&path)
        {
            return Err(Fault::new(format!("{flag} {name}: it takes away what {taken} gives"))
                .why("a value is either plain or a mapping")
                .hint(format!("leave out one of the two; {flag} comes after it")));
        }
        let mut place = Some(&mut self.all);
        for (index, part) in above.iter().enumerate() {
            let fields = place.take().expect("the way ends below");
            if value.is_null() && !fields.contains_key(part) {
                break;
            }
            place = match fields.entry(part.as_str()).or_insert_with(|| Value::Object(Map::new())) {
                Value::Object(fields) => Some(fields),
                _ => return Err(self.plain_above(flag, name, &path[..=index])),
            };
        }
        match (place, &value) {
            (Some(place), Value::Null) => drop(place.remove(last)),
            (Some(place), value) => drop(place.insert(last.clone(), given(value.clone()))),
            (None, _) => {}
        }
        let texts = text.map(|text| GivenText { path: path.clone(), text: text.clone(), line: None });
        let texts = texts.into_iter().collect();
        let fields = path.into_iter().rfold(value, |value, part| Map::from_iter([(part, value)]).into());
        let Value::Object(fields) = fields else { return Ok(()) };
        self.given.push(GivenBy { source: format!("{flag} {name}"), file: None, texts, fields });
        Ok(())
    }

    /// The flag before that gives a mapping here, or something below. What a file gives is there to be replaced.
    fn flag_below(&self, path: &[String]) -> Option<&str> {
        let flags = self.given.iter().filter(|given| given.file.is_none());
        let mut below = flags.filter(|given| at(&given.fields, path).is_some_and(Value::is_object));
        below.next().map(|given| given.source.as_str())
    }

    /// The fault of a flag below a value that is no mapping.
    fn plain_above(&self, flag: &str, name: &str, path: &[String]) -> Fault {
        let is_plain = |value: &Value| !value.is_object() && !value.is_null();
        let dotted = path.join(".");
        let source = self.given.iter().rev().find(|given| at(&given.fields, path).is_some_and(is_plain));
        Fault::new(format!("{flag} {name}: `{dotted}` is not a mapping"))
            .why(format!(
                "{} gives it one plain value",
                source.map(|given| given.source.as_str()).unwrap_or_default()
            ))
            .hint(format!("leave out either that or what is below `{dotted}`"))
    }
}

/// The value at a path below these.
fn at<'v>(fields: &'v Map<String, Value>, path: &[String]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(fields.get(first)?, |value, name| value.get(name))
}

/// The same of a path in which items of lists stand by their numbers.
fn item_at<'v, S: AsRef<str>>(fields: &'v Map<String, Value>, path: &[S]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().map(AsRef::as_ref).try_fold(fields.get(first.as_ref())?, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    })
}

fn deep(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (_, Value::Null) => drop(into.remove(&name)),
            (Some(Value::Object(old)), Value::Object(new)) => deep(old, new),
            (_, value) => drop(into.insert(name, given(value))),
        }
    }
}

/// A value without what is not given.
fn given(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let there = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(there.map(|(name, value)| (name, given(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(given).collect()),
        plain => plain,
    }
}

/// What to do about a file that holds something else than values.
const HINT: &str = "write a name and its value a line, as in `Registry: registry.example`";

fn read(file: &Text) -> Result<(Map<String, Value>, Vec<GivenText>), Fault> {
    let place = |line, column| Location::of(&file.name, &file.text, line, column);
    let written = written::read(&file.text).map_err(|wrong| {
        let fault = match wrong.ours {
            Some(what) => Fault::new(what).maybe_hint(wrong.hint),
            None => Fault::new("this values file is not YAML").why(wrong.why).hint(HINT),
        };
        fault.at(wrong.place.map_or_else(|| place(1, 0), |(line, column)| place(line, column)))
    })?;
    let fields = match written.value {
        Value::Object(fields) => fields,
        Value::Null => Map::new(),
        _ => {
            return Err(Fault::new("a values file must be a mapping of names to values")
                .at(place(1, 0))
                .hint(HINT));
        }
    };
    for name in fields.keys() {
        if let Some(why) = part_fault(name) {
            let begins =
                |line: &&str| line.trim_start_matches(['"', '\'', '?', '{', ' ']).starts_with(name.trim());
            let found = file.text.lines().enumerate().find(|(_, line)| begins(line));
            let at = found.and_then(|(index, line)| Some((index + 1, line.find(|sign| sign != ' ')? + 1)));
            return Err(Fault::new(format!("`{name}` is no name of a value"))
                .at(at.map_or_else(|| place(1, 0), |(line, column)| place(line, column)))
                .why(why)
                .hint("name the value as the template does"));
        }
    }
    Ok((fields, written.texts))
}

#[cfg(test)]
mod tests;
