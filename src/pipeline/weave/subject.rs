//! A document as the weave looks at it, and small ways to read JSON.

use std::fmt;

use serde_json::{Map as Object, Value};

use super::PlanNotice;
use crate::chain::build::Map;
pub(super) use crate::keel::pointer::escaped;
use crate::pipeline::documents::{Document, Lines};
use crate::pipeline::fault::{Fault, Location, Origin};
use crate::pipeline::notice::LintFix;
use crate::pipeline::template::RENDERED;

/// Name of the text behind the rendered one, until [`Fault::of_template`] says which.
const TEMPLATE: &str = "the template";

/// One object of the pipeline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) document: &'a Document,
    pub(super) value: &'a Value,
}

impl<'a> Subject<'a> {
    /// All objects, in order.
    pub(super) fn all(documents: &'a [Document]) -> Vec<Self> {
        documents.iter().map(|document| Self { document, value: &document.value }).collect()
    }

    pub(super) fn api_version(&self) -> &'a str {
        self.document.api_version()
    }

    pub(super) fn group(&self) -> &'a str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    pub(super) fn kind(&self) -> &'a str {
        self.document.kind()
    }

    pub(super) fn name(&self) -> &'a str {
        self.document.name()
    }

    pub(super) fn namespace(&self) -> Option<&'a str> {
        self.text("/metadata/namespace").filter(|namespace| !namespace.is_empty())
    }

    pub(super) fn is(&self, group: &str, kind: &str) -> bool {
        self.group() == group && self.kind() == kind
    }

    pub(super) fn text(&self, pointer: &str) -> Option<&'a str> {
        text(self.value, pointer)
    }

    pub(super) fn list(&self, pointer: &str) -> &'a [Value] {
        list(self.value, pointer)
    }

    pub(super) fn labels(&self) -> Map {
        strings(self.value.pointer("/metadata/labels"))
    }

    pub(super) fn annotations(&self) -> Map {
        strings(self.value.pointer("/metadata/annotations"))
    }

    /// Where the pod template of a workload is, the Pod itself for a Pod.
    pub(super) fn pod_template(&self) -> Option<&'a Value> {
        let pointer = match (self.group(), self.kind()) {
            ("", "Pod") => "",
            ("", "ReplicationController")
            | ("apps", "Deployment" | "StatefulSet" | "ReplicaSet" | "DaemonSet")
            | ("batch", "Job") => "/spec/template",
            ("batch", "CronJob") => "/spec/jobTemplate/spec/template",
            _ => return None,
        };
        self.value.pointer(pointer)
    }

    /// What is at a JSON pointer, or at the nearest place above it that is there.
    pub(super) fn at(&self, pointer: &str) -> Spot<'a> {
        let (line, column) = self.document.place(pointer);
        Spot { subject: *self, line, column }
    }

    /// A line and column of the rendered text.
    pub(super) fn on_place(&self, line: usize, column: usize) -> Spot<'a> {
        Spot { subject: *self, line, column }
    }

    /// The place of a value of this very object.
    pub(super) fn on(&self, value: &Value) -> Spot<'a> {
        self.at(&pointer_of(self.value, value).unwrap_or_default())
    }

    /// A scalar of this very object as it is written.
    pub(super) fn written(&self, value: &Value) -> Option<&'a str> {
        self.document.written(&pointer_of(self.value, value)?)
    }

    /// What to write for a value that stands without quotes; none where that is not how it stands.
    pub(super) fn word_of(&self, value: &Value, written: &str, instead: &str) -> Option<LintFix> {
        self.word_at(&pointer_of(self.value, value)?, written, instead)
    }

    /// The same by a JSON pointer.
    pub(super) fn word_at(&self, pointer: &str, written: &str, instead: &str) -> Option<LintFix> {
        let (line, column) = self.document.bare(pointer, written)?;
        Some(LintFix { line, column, written: written.to_owned(), instead: instead.to_owned() })
    }

    /// A fault of this object; `what` continues `document 3 (Deployment build): `.
    pub(super) fn fault(
        &self,
        what: impl fmt::Display,
        why: impl Into<String>,
        hint: impl Into<String>,
    ) -> Fault {
        self.at("").fault(what, why, hint)
    }
}

/// A field of an object, where it stands in the rendered text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    subject: Subject<'a>,
    line: usize,
    column: usize,
}

impl Spot<'_> {
    /// The line in the rendered text.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// A fault of this field; `what` continues `document 3 (Deployment build): `.
    pub(super) fn fault(
        &self,
        what: impl fmt::Display,
        why: impl Into<String>,
        hint: impl Into<String>,
    ) -> Fault {
        let Self { subject: Subject { document, .. }, line, column } = *self;
        let hidden = document.hides(line);
        let text = if hidden { String::new() } else { document.line_of(line).to_owned() };
        let place = Location { file: RENDERED.to_owned(), line, column, text };
        let origin = document.origin(line).map(|Lines { first, last }| Origin {
            file: TEMPLATE.to_owned(),
            first,
            last,
            text: String::new(),
            hidden,
        });
        fault(format!("{}: {what}", document.title()), why, hint).at(place).from(origin)
    }

    /// A notice of this field.
    pub(super) fn notice(&self, code: &'static str, text: impl Into<String>) -> PlanNotice {
        PlanNotice {
            lines: self.subject.document.origin(self.line).map(|Lines { first, last }| first..=last),
            place: Some((self.line, self.column)),
            ..PlanNotice::new(self.subject.to_string(), text).coded(code)
        }
    }
}

/// The JSON pointer of a value within another one: of this very one, not of its like.
fn pointer_of(within: &Value, value: &Value) -> Option<String> {
    if std::ptr::eq(within, value) {
        return Some(String::new());
    }
    let below = |part: &str, child| Some(format!("/{part}{}", pointer_of(child, value)?));
    match within {
        Value::Object(fields) => fields.iter().find_map(|(key, child)| below(&escaped(key), child)),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, child)| below(&index.to_string(), child))
        }
        _ => None,
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            "" => write!(f, "{} without a name", self.kind()),
            name => write!(f, "{}/{name}", self.kind()),
        }
    }
}

/// A fault of the pipeline as a whole.
pub(super) fn fault(what: impl Into<String>, why: impl Into<String>, hint: impl Into<String>) -> Fault {
    Fault::new(what).why(why).hint(hint)
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether something else stands there than what a field takes, which [`super::fields`] tells.
pub(super) fn is_other(value: Option<&Value>, takes: impl Fn(&Value) -> bool) -> bool {
    value.is_some_and(|value| !value.is_null() && !takes(value))
}

/// The entries of a map that are strings; the others are told by [`super::fields`].
pub(super) fn strings(map: Option<&Value>) -> Map {
    map.and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// The object at a key, made if it is not there (or is no object).
pub(super) fn object_at<'a>(
    value: &'a mut Object<String, Value>,
    key: &str,
) -> &'a mut Object<String, Value> {
    let entry = value.entry(key).or_insert_with(|| Value::Object(Object::new()));
    if !entry.is_object() {
        *entry = Value::Object(Object::new());
    }
    entry.as_object_mut().expect("made an object just above")
}

/// `a, b and c`.
pub(super) fn listed<T: fmt::Display>(words: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    match words.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
