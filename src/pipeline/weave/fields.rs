//! What the API server takes in which field, for every kind that a pipeline may hold.
//!
//! In YAML `1.10`, `yes` and `0123` are no strings, and `"1000"` is no number: the server refuses the object, or gets another
//! value than was written. `fields.txt` is the table, which `tests/fields` makes of the API's own schema and holds against it.
//! A field that is not in it is let pass, since a server may be newer, and so is null, which is a field left out.

use std::sync::LazyLock;

use serde_json::{Number, Value};

use super::subject::{Subject, escaped};
use crate::chain::base64::of_base64;
use crate::chain::quantity::Quantity;
use crate::pipeline::codes;
use crate::pipeline::dialect::{Scalar, resolve};
use crate::pipeline::fault::Fault;
use crate::pipeline::secrets::BLOCK_MASK;

/// Types by name, in order, and the groups of each: what is taken, then the fields that take it.
static TYPES: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    include_str!("fields.txt").lines().map(|line| line.split_once("; ").unwrap_or((line, ""))).collect()
});

/// Faults of an object that are told one by one.
const TOLD: usize = 20;
/// Letters of a text that are shown.
const SHOWN: usize = 40;

/// Checks all fields of an object that the table knows.
pub(super) fn check(subject: &Subject<'_>, faults: &mut Vec<Fault>) {
    let name = format!("{}:{}", subject.api_version(), subject.kind());
    let Some((takes, _)) = type_of(&name) else { return };
    let mut look = FieldLook { subject, faults, found: 0, path: Vec::new() };
    look.value(takes, takes, subject.value);
    let more = look.found.saturating_sub(TOLD);
    if more > 0 {
        faults.push(subject.fault(
            format!("{more} more of its fields hold what they do not take"),
            format!("the first {TOLD} are told"),
            "mend those first: the others may be of the same kind",
        ));
    }
}

/// A type of the table, and its groups.
fn type_of(name: &str) -> Option<(&'static str, &'static str)> {
    TYPES.binary_search_by_key(&name, |(name, _)| name).ok().map(|found| TYPES[found])
}

/// What a field of a type takes.
fn taken(groups: &'static str, field: &str) -> Option<&'static str> {
    groups.split("; ").find_map(|group| {
        let (takes, fields) = group.split_once(' ')?;
        fields.split(' ').any(|it| it == field).then_some(takes)
    })
}

/// What a field takes that is no scalar, spelled as in the table; a `*` stands for the field's own name.
enum FieldShape {
    List(&'static str),
    Map(&'static str),
    /// Groups of its type.
    Fields(&'static str),
    Scalar,
}

impl FieldShape {
    fn of(takes: &'static str, field: &str) -> Self {
        if let Some(of) = takes.strip_prefix("[]") {
            return Self::List(of);
        }
        if let Some(of) = takes.strip_prefix("{}") {
            return Self::Map(of);
        }
        match type_of(if takes == "*" { field } else { takes }) {
            Some((_, groups)) => Self::Fields(groups),
            None => Self::Scalar,
        }
    }
}

/// A step from an object towards a value in it.
#[derive(Clone, Copy)]
enum PathPart<'a> {
    Field(&'a str),
    /// A name that the pipeline gives.
    Entry(&'a str),
    Item(usize),
}

struct FieldLook<'a, 'f> {
    subject: &'a Subject<'a>,
    faults: &'f mut Vec<Fault>,
    found: usize,
    path: Vec<PathPart<'a>>,
}

impl<'a> FieldLook<'a, '_> {
    /// Looks at a value and all below it. `field`: the nearest field above it.
    fn value(&mut self, takes: &'static str, field: &'a str, value: &'a Value) {
        let shape = FieldShape::of(takes, field);
        match (&shape, value) {
            (FieldShape::List(of), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.below(PathPart::Item(index), of, field, item);
                }
            }
            (FieldShape::Map(of), Value::Object(entries)) => {
                for (name, value) in entries {
                    self.below(PathPart::Entry(name), of, field, value);
                }
            }
            (FieldShape::Fields(groups), Value::Object(fields)) => {
                for (field, value) in fields {
                    if let Some(takes) = taken(groups, field) {
                        self.below(PathPart::Field(field), takes, field, value);
                    }
                }
            }
            (FieldShape::Scalar, value) if fits(takes, value) => {}
            // the server reads an entry that is null as an empty one, and what was meant is lost
            (FieldShape::Scalar, Value::Null)
                if is_text(takes) && !matches!(self.path.last(), Some(PathPart::Field(_))) =>
            {
                self.fault(takes, &shape, value);
            }
            (_, Value::Null) => {}
            _ => self.fault(takes, &shape, value),
        }
    }

    fn below(&mut self, step: PathPart<'a>, takes: &'static str, field: &'a str, value: &'a Value) {
        self.path.push(step);
        self.value(takes, field, value);
        self.path.pop();
    }

    /// The value's place as a person reads it: `spec.template.metadata.labels: app`, `spec.ports[0].port`.
    fn place(&self) -> String {
        let mut place = String::new();
        let pointer = self.pointer();
        for (index, step) in self.path.iter().enumerate() {
            let last = index + 1 == self.path.len();
            match step {
                PathPart::Field(name) if place.is_empty() => place.push_str(name),
                PathPart::Field(name) => place.extend([".", name]),
                PathPart::Entry(name) => {
                    let written = self.subject.document.written_key(&pointer).filter(|_| last);
                    place.extend([": ", written.unwrap_or(name)]);
                }
                PathPart::Item(index) => place.extend(["[", &index.to_string(), "]"]),
            }
        }
        place
    }

    fn pointer(&self) -> String {
        let parts = self.path.iter().map(|step| match step {
            PathPart::Field(name) | PathPart::Entry(name) => format!("/{}", escaped(name)),
            PathPart::Item(index) => format!("/{index}"),
        });
        parts.collect()
    }

    fn fault(&mut self, takes: &'static str, shape: &FieldShape, value: &Value) {
        self.found += 1;
        if self.found > TOLD {
            return;
        }
        let (place, pointer) = (self.place(), self.pointer());
        let misfit = Misfit {
            value,
            written: self.subject.document.written(&pointer),
            key: match self.path.last() {
                // `n: 1` reads as `false: 1`, unless the key is quoted, too
                Some(PathPart::Entry(name)) => match self.subject.document.written_key(&pointer) {
                    Some(written) if written != *name => format!("{written:?}: "),
                    _ => format!("{name}: "),
                },
                Some(PathPart::Field(name)) => format!("{name}: "),
                _ => String::new(),
            },
            secret: self.subject.document.holds_secret(&pointer),
        };
        let (noun, only, hint) = match shape {
            FieldShape::List(of) => ("a list", "a list there", misfit.as_list(of)),
            FieldShape::Map("string" | "base64") => (
                "a mapping",
                "names and their strings there",
                "write a name and its string a line, as in `name: \"value\"`".to_owned(),
            ),
            FieldShape::Map(_) | FieldShape::Fields(_) => (
                "a mapping",
                "a mapping there",
                "write a name and its value a line, as in `name: value`".to_owned(),
            ),
            FieldShape::Scalar => misfit.as_scalar(takes),
        };
        let fault = self.subject.at(&pointer).fault(
            format!("{place} is {}, not {noun}", misfit.what()),
            format!("the API server takes {only}"),
            hint,
        );
        let code = match value {
            Value::Number(_) if takes == "string" => codes::UNQUOTED_NUMBER,
            Value::Bool(_) if takes == "string" => codes::UNQUOTED_BOOLEAN,
            _ => codes::UNUSABLE,
        };
        let quoted = misfit.written.filter(|_| code != codes::UNUSABLE && !misfit.secret);
        let fix = quoted.and_then(|word| self.subject.word_at(&pointer, word, &format!("\"{word}\"")));
        self.faults.push(fault.coded(code).fixed(fix));
    }
}

/// A value that is not what its field takes.
struct Misfit<'a> {
    value: &'a Value,
    /// As the pipeline writes it.
    written: Option<&'a str>,
    /// What stands before it, empty for an item of a list.
    key: String,
    /// Whether nobody is to see it.
    secret: bool,
}

impl Misfit<'_> {
    fn what(&self) -> String {
        match self.value {
            Value::Null => "null".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "a mapping".to_owned(),
            Value::String(_) if self.secret => "a text".to_owned(),
            Value::String(text) => quoted(text),
            Value::Bool(_) | Value::Number(_) if self.secret => "a number or a boolean".to_owned(),
            Value::Bool(_) | Value::Number(_) => {
                let read = self.value.to_string();
                match self.written {
                    Some(written) if written != read => format!("{written}, which reads as {read}"),
                    _ => read,
                }
            }
        }
    }

    /// What a scalar is called, what the server takes, and what to write.
    fn as_scalar(&self, takes: &str) -> (&'static str, &'static str, String) {
        let key = &self.key;
        let text = self.value.as_str().filter(|_| !self.secret);
        match takes {
            "base64" => (
                "base64",
                "base64 only",
                if self.secret {
                    "write it in base64, or as it is under stringData".to_owned()
                } else {
                    "write it in base64, or as it is under data".to_owned()
                },
            ),
            "bool" => (
                "a boolean",
                "true and false only",
                match text.map(resolve) {
                    Some(Scalar::Bool(meant)) => format!("write {key}{meant}"),
                    _ => format!("write {key}true or {key}false"),
                },
            ),
            "int32" | "int64" => (
                match self.value {
                    Value::Number(number) if number.is_i64() || number.is_u64() => "a number that fits there",
                    _ => "a whole number",
                },
                if takes == "int32" { "whole numbers of 32 bits only" } else { "whole numbers only" },
                match text.map(|text| (text, resolve(text))) {
                    Some((text, Scalar::Number(meant))) if fits(takes, &Value::Number(meant.clone())) => {
                        format!("write {key}{text}")
                    }
                    _ => "write a whole number".to_owned(),
                },
            ),
            "quantity" => (
                "a quantity",
                "numbers and strings such as 500m and 2Gi there",
                "write a number, with a unit such as m, M, G, Mi or Gi if it has one".to_owned(),
            ),
            "int-or-string" => (
                "a whole number or a string",
                "whole numbers and strings only",
                "write a whole number, or a string in quotes".to_owned(),
            ),
            _ => ("a string", "strings only", self.as_string()),
        }
    }

    fn as_string(&self) -> String {
        let key = &self.key;
        match self.value {
            Value::Null => format!("write {key}\"\" if it is to be empty, or take it out"),
            Value::Bool(_) | Value::Number(_) if self.secret => {
                format!("write {key}\"…\", with the quotes")
            }
            Value::Bool(_) | Value::Number(_) => {
                let read = self.value.to_string();
                format!("write {key}\"{}\"", self.written.unwrap_or(&read))
            }
            _ => "write a string in quotes".to_owned(),
        }
    }

    /// The list that may have been meant: of this one string.
    fn as_list(&self, of: &str) -> String {
        let one = match self.value {
            Value::String(text) => Some(text.as_str()),
            Value::Bool(_) | Value::Number(_) => self.written,
            _ => None,
        };
        match one.filter(|text| of == "string" && !self.secret && text.chars().count() <= SHOWN) {
            Some(text) => format!("write {}[{text:?}]", self.key),
            None => "write each item on a line of its own, after `- `".to_owned(),
        }
    }
}

fn is_text(takes: &str) -> bool {
    matches!(takes, "string" | "base64")
}

/// Whether the server takes a scalar. A word that the table of this program has and this function has not lets all pass.
fn fits(takes: &str, value: &Value) -> bool {
    let whole = |from: i64, to: i64| matches!(value, Value::Number(number) if whole(number).is_some_and(|it| (from..=to).contains(&it)));
    let of_32_bits = || whole(i64::from(i32::MIN), i64::from(i32::MAX));
    match takes {
        "string" => value.is_string(),
        // a Secret that is shown has masks for values
        "base64" => value.as_str().is_some_and(|text| text == BLOCK_MASK || of_base64(text).is_some()),
        "bool" => value.is_boolean(),
        "int32" => of_32_bits(),
        "int64" => whole(i64::MIN, i64::MAX),
        "quantity" => {
            value.is_number() || value.as_str().is_some_and(|text| Quantity::parse(text.trim()).is_some())
        }
        "int-or-string" => value.is_string() || of_32_bits(),
        _ => true,
    }
}

/// A number without a fraction; `1.0`, which an object of JSON may hold, is one.
fn whole(number: &Number) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a float that is compared with what becomes of it")]
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| number.is_f64() && float.abs() < 1e18)?;
        (float.fract() == 0.0).then_some(float as i64)
    })
}

/// The beginning of a text, in quotes.
fn quoted(text: &str) -> String {
    let start: String = text.chars().take(SHOWN).collect();
    if start.len() == text.len() { format!("{text:?}") } else { format!("{start:?} …") }
}

#[cfg(test)]
mod tests;
