//! Where the API server takes strings only. In YAML `1.10`, `yes` and `0123` are none, and the server refuses the object, or
//! gets another value than was written.

use serde_json::Value;

use super::subject::{Spot, Subject, list, text};
use crate::pipeline::fault::Fault;

/// Checks all such fields of an object. They are told by their names: a field of the same name is the same in whatever pod or
/// selector it stands.
pub(super) fn check(subject: &Subject<'_>, faults: &mut Vec<Fault>) {
    let mut look = StringFields { subject, faults, found: 0 };
    for field in ["metadata", "spec"] {
        if let Some(value) = subject.value.get(field) {
            look.field("", field, value);
        }
    }
    let maps: &[&str] = match (subject.group(), subject.kind()) {
        ("", "ConfigMap") => &["data", "binaryData"],
        ("", "Secret") => &["stringData", "data"],
        _ => &[],
    };
    for field in maps {
        look.map(field, subject.value.get(*field));
    }
    if subject.is("", "Service") || subject.is("", "ReplicationController") {
        look.map("spec.selector", subject.value.pointer("/spec/selector"));
    }
    let more = look.found.saturating_sub(TOLD);
    if more > 0 {
        faults.push(subject.fault(
            format!("{more} more of its fields are no strings"),
            "the API server takes strings only",
            "write them in quotes, too",
        ));
    }
}

/// Whether something stands there that is told as no string.
pub(super) fn is_otherwise(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !value.is_string() && !value.is_null())
}

/// Faults of an object that are told one by one; to place one takes a look through the whole object.
const TOLD: usize = 20;

struct StringFields<'a, 'f> {
    subject: &'a Subject<'a>,
    faults: &'f mut Vec<Fault>,
    found: usize,
}

impl StringFields<'_, '_> {
    /// Looks at a field and all below it. `above`: the path to the object that has it, with a dot at its end.
    fn field(&mut self, above: &str, field: &str, value: &Value) {
        let place = format!("{above}{field}");
        match field {
            "metadata" => {
                self.scalar(&format!("{place}.name"), "name", value.get("name").unwrap_or(&Value::Null));
                for map in ["labels", "annotations"] {
                    self.map(&format!("{place}.{map}"), value.get(map));
                }
            }
            "matchLabels" | "nodeSelector" => self.map(&place, Some(value)),
            "containers" | "initContainers" => {
                for (index, container) in list(value, "").iter().enumerate() {
                    self.scalar(&format!("{place}[{index}].name"), "name", &container["name"]);
                }
            }
            // names and paths, in whatever pod or claim
            "workingDir" | "imagePullPolicy" | "mountPath" | "subPath" | "serviceAccountName"
            | "hostname" | "restartPolicy" | "storageClassName" => self.scalar(&place, field, value),
            "configMapRef" | "secretRef" | "configMapKeyRef" | "secretKeyRef" => {
                for part in ["name", "key"] {
                    self.scalar(&format!("{place}.{part}"), part, &value[part]);
                }
            }
            "command" | "args" => self.list(&place, value),
            "env" | "httpHeaders" => self.named(&place, value),
            "matchExpressions" | "matchFields" => {
                for (index, expression) in list(value, "").iter().enumerate() {
                    self.list(&format!("{place}[{index}].values"), &expression["values"]);
                }
            }
            "tolerations" => {
                for (index, toleration) in list(value, "").iter().enumerate() {
                    self.scalar(&format!("{place}[{index}]"), "value", &toleration["value"]);
                }
            }
            "image" if !value.is_object() => self.scalar(&place, "image", value),
            _ => {}
        }
        self.below(&place, value);
    }

    fn below(&mut self, place: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    self.field(&format!("{place}."), field, value);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.below(&format!("{place}[{index}]"), item);
                }
            }
            _ => {}
        }
    }

    /// Entries of a map; one that is null would be lost.
    fn map(&mut self, place: &str, map: Option<&Value>) {
        if let Some(other) = map.filter(|map| !map.is_object() && !map.is_null()) {
            self.found += 1;
            self.faults.push(self.spot(place, other).fault(
                format!("{place} is no mapping"),
                "the API server takes names and their strings",
                "write a name and its string a line, as in `name: \"value\"`",
            ));
        }
        for (key, value) in map.and_then(Value::as_object).into_iter().flatten() {
            if !value.is_string() {
                self.fault(&format!("{place}: {key}"), key, value);
            }
        }
    }

    /// Items of a list; one that is null would be lost.
    fn list(&mut self, place: &str, items: &Value) {
        for (index, item) in list(items, "").iter().enumerate() {
            if !item.is_string() {
                self.fault(&format!("{place}[{index}]"), "", item);
            }
        }
    }

    /// Names and values; a value that is null is one that is left out.
    fn named(&mut self, place: &str, items: &Value) {
        for (index, item) in list(items, "").iter().enumerate() {
            self.scalar(&format!("{place}[{index}]"), "name", &item["name"]);
            let place = match text(item, "/name") {
                Some(name) => format!("{place}: {name}"),
                None => format!("{place}[{index}]"),
            };
            self.scalar(&place, "value", &item["value"]);
        }
    }

    /// A field that may be left out.
    fn scalar(&mut self, place: &str, key: &str, value: &Value) {
        if is_otherwise(Some(value)) {
            self.fault(place, key, value);
        }
    }

    /// Whether what stands there is a Secret's own.
    fn is_secret(&self, place: &str) -> bool {
        self.subject.is("", "Secret") && !place.starts_with("metadata")
    }

    /// Where a value stands; the line of a Secret's value would show it.
    fn spot(&self, place: &str, value: &Value) -> Spot<'_> {
        if self.is_secret(place) { self.subject.at("") } else { self.subject.on(value) }
    }

    /// `key`: what stands before the value where it is written, empty for an item of a list.
    fn fault(&mut self, place: &str, key: &str, value: &Value) {
        self.found += 1;
        if self.found > TOLD {
            return;
        }
        let secret = self.is_secret(place);
        let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
        let written = self.subject.written(value);
        let (what, hint) = match value {
            Value::Null => {
                ("null".to_owned(), format!("write {key}\"\" if it is to be empty, or take it out"))
            }
            Value::Bool(_) | Value::Number(_) if !secret => {
                let read = value.to_string();
                let written = written.unwrap_or(&read);
                let reads = if written == read { String::new() } else { format!(", which reads as {read}") };
                (format!("{written}{reads}"), format!("write {key}\"{written}\""))
            }
            Value::Bool(_) | Value::Number(_) => {
                ("a number or a boolean".to_owned(), format!("write {key}\"…\", with the quotes"))
            }
            _ if secret => ("a list or a mapping".to_owned(), "write a string in quotes".to_owned()),
            _ => (value.to_string(), "write a string in quotes".to_owned()),
        };
        self.faults.push(self.spot(place, value).fault(
            format!("{place} is {what}, not a string"),
            "the API server takes strings only",
            hint,
        ));
    }
}
