//! A document as the weave looks at it, and small ways to read JSON.

use std::fmt;

use serde_json::{Map as Object, Value};

use super::Notice;
use crate::chain::build::Map;
use crate::pipeline::documents::Document;
use crate::pipeline::fault::Fault;

/// One object of the pipeline: a document, or an item of a document that is a `List`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) number: usize,
    pub(super) line: usize,
    pub(super) value: &'a Value,
}

impl<'a> Subject<'a> {
    /// All objects, in order; `List`s are taken apart as kubectl does.
    pub(super) fn all(documents: &'a [Document]) -> Vec<Self> {
        documents
            .iter()
            .flat_map(|document| {
                let (number, line) = (document.number, document.line);
                let items = match document.value.get("items").and_then(Value::as_array) {
                    Some(items) if text(&document.value, "/kind") == Some("List") => items.iter().collect(),
                    _ => vec![&document.value],
                };
                items.into_iter().map(move |value| Self { number, line, value })
            })
            .collect()
    }

    pub(super) fn api_version(&self) -> &'a str {
        self.text("/apiVersion").unwrap_or_default()
    }

    pub(super) fn group(&self) -> &'a str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    pub(super) fn kind(&self) -> &'a str {
        self.text("/kind").unwrap_or_default()
    }

    pub(super) fn name(&self) -> &'a str {
        self.text("/metadata/name").unwrap_or_default()
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

    /// A fault of this object; `what` continues `Deployment/build: `.
    pub(super) fn fault(
        &self,
        what: impl fmt::Display,
        why: impl Into<String>,
        hint: impl Into<String>,
    ) -> Fault {
        fault(format!("{self}, document {} (line {}): {what}", self.number, self.line), why, hint)
    }

    pub(super) fn notice(&self, text: impl Into<String>) -> Notice {
        Notice { about: self.to_string(), line: self.line, text: text.into() }
    }
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or =
            |text: &'static str, word: &str| if word.is_empty() { text.to_owned() } else { word.to_owned() };
        write!(f, "{}/{}", or("<no kind>", self.kind()), or("<no name>", self.name()))
    }
}

/// A fault of the pipeline as a whole.
pub(super) fn fault(what: impl Into<String>, why: impl Into<String>, hint: impl Into<String>) -> Fault {
    Fault { what: what.into(), place: None, why: why.into(), hint: hint.into() }
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The entries of a map that are strings; the others are [`super::check`]'s business.
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
