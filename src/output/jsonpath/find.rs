//! What a template finds in an object, node by node.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::parse::{PathNode, Slice};
use crate::output::go;

/// What was found: text of the template itself, what stands in the object, or what was made of either.
#[derive(Debug, Clone, PartialEq)]
pub enum PathValue<'a> {
    /// Text of the template.
    Text(&'a str),
    /// What stands in the object.
    At(&'a Value),
    /// A number or a boolean of the template; a byte of a text.
    Made(Value),
}

impl<'a> PathValue<'a> {
    /// As a value.
    pub fn value(&self) -> Cow<'_, Value> {
        match self {
            Self::Text(text) => Cow::Owned(Value::from(*text)),
            Self::At(value) => Cow::Borrowed(value),
            Self::Made(value) => Cow::Borrowed(value),
        }
    }

    /// As a value of its own.
    pub fn into_value(self) -> Value {
        self.value().into_owned()
    }

    /// What it holds, each on its own: fields in order, items, bytes.
    fn children(&self) -> Vec<PathValue<'a>> {
        let bytes = |text: &str| text.bytes().map(|byte| PathValue::Made(byte.into())).collect();
        match self {
            Self::At(Value::Object(fields)) => fields.values().map(PathValue::At).collect(),
            Self::At(Value::Array(items)) => items.iter().map(PathValue::At).collect(),
            Self::At(Value::String(text)) => bytes(text),
            Self::Text(text) => bytes(text),
            Self::At(_) | Self::Made(_) => Vec::new(),
        }
    }

    fn is_null(&self) -> bool {
        *self == Self::At(&Value::Null)
    }
}

type PathValues<'a> = Vec<PathValue<'a>>;

/// Why a node finds nothing, and what counts as found all the same where it is only asked whether there is something.
struct PathFault<'a> {
    why: String,
    left: PathValues<'a>,
}

/// Finds what each part finds.
pub(super) fn find<'a>(nodes: &'a [Vec<PathNode>], object: &'a Value) -> Result<Vec<PathValues<'a>>, String> {
    Finder { nodes, ..Finder::default() }.from(0, &PathValue::At(object))
}

/// Where in nested ranges we are, counted as client-go counts: what a template without its `{end}` prints depends on it.
#[derive(Default)]
struct Finder<'a> {
    nodes: &'a [Vec<PathNode>],
    begun: usize,
    within: usize,
    ended: usize,
    last_end: Option<usize>,
}

impl<'a> Finder<'a> {
    fn from(&mut self, first: usize, object: &PathValue<'a>) -> Result<Vec<PathValues<'a>>, String> {
        let mut all = Vec::new();
        let mut at = first;
        while at < self.nodes.len() {
            let found = self.list(vec![object.clone()], &self.nodes[at]).map_err(|fault| fault.why)?;
            if self.ended > 0 && self.ended <= self.within {
                self.ended -= 1;
                self.last_end = Some(at);
                break;
            }
            if self.begun > 0 {
                self.begun -= 1;
                self.within += 1;
                if found.is_empty() {
                    // only to know where its end is
                    self.from(at + 1, &PathValue::At(&Value::Null))?;
                }
                for one in found {
                    all.extend(self.from(at + 1, &one)?);
                }
                self.within -= 1;
                at = self.last_end.filter(|end| *end > at).unwrap_or(at);
            } else {
                all.push(found);
            }
            at += 1;
        }
        Ok(all)
    }

    fn list(
        &mut self,
        values: PathValues<'a>,
        nodes: &'a [PathNode],
    ) -> Result<PathValues<'a>, PathFault<'a>> {
        nodes.iter().try_fold(values, |values, node| self.node(values, node))
    }

    fn node(&mut self, values: PathValues<'a>, node: &'a PathNode) -> Result<PathValues<'a>, PathFault<'a>> {
        let each = |made: Value| Ok(values.iter().map(|_| PathValue::Made(made.clone())).collect());
        match node {
            PathNode::Text(text) => Ok(vec![PathValue::Text(text)]),
            PathNode::Int(int) => each(Value::from(*int)),
            PathNode::Float(float) => each(Number::from_f64(*float).map_or(Value::Null, Value::Number)),
            PathNode::Bool(bool) => each(Value::from(*bool)),
            PathNode::Word(word) => self.word(values, word),
            PathNode::Field(name) => Ok(values
                .iter()
                .filter_map(|value| match value {
                    PathValue::At(Value::Object(fields)) => fields.get(name).map(PathValue::At),
                    _ => None,
                })
                .collect()),
            PathNode::Wildcard => Ok(values.iter().flat_map(PathValue::children).collect()),
            PathNode::Recursive => Ok(recursive(&values)),
            PathNode::Slice(slice) => sliced(&values, *slice),
            PathNode::Filter { left, operator, right } => {
                self.filter(values, left, operator.as_deref(), right)
            }
            PathNode::Union(lists) => {
                let mut found = Vec::new();
                for list in lists {
                    match self.list(values.clone(), list) {
                        Ok(more) => found.extend(more),
                        Err(fault) => return Err(PathFault { left: values, ..fault }),
                    }
                }
                Ok(found)
            }
        }
    }

    fn word(&mut self, values: PathValues<'a>, word: &str) -> Result<PathValues<'a>, PathFault<'a>> {
        match word {
            "range" => {
                self.begun += 1;
                Ok(values)
            }
            "end" if self.within > 0 => {
                self.ended += 1;
                Ok(Vec::new())
            }
            "end" => Err(PathFault { why: "not in range, nothing to end".to_owned(), left: Vec::new() }),
            word => Err(PathFault { why: format!("unrecognized identifier {word}"), left: values }),
        }
    }

    fn filter(
        &mut self,
        values: PathValues<'a>,
        left: &'a [PathNode],
        operator: Option<&str>,
        right: &'a [PathNode],
    ) -> Result<PathValues<'a>, PathFault<'a>> {
        let mut found = Vec::new();
        for value in &values {
            let PathValue::At(Value::Array(items)) = value else {
                let why =
                    format!("{} is not array or slice and cannot be filtered", go::text(&value.value()));
                return Err(PathFault { why, left: values });
            };
            for item in items {
                let lefts = self.list(vec![PathValue::At(item)], left);
                let Some(operator) = operator else {
                    let lefts = lefts.unwrap_or_else(|fault| fault.left);
                    found.extend((!lefts.is_empty()).then_some(PathValue::At(item)));
                    continue;
                };
                let rights = lefts.and_then(|lefts| match lefts.len() {
                    0 => Ok((lefts, Vec::new())),
                    1 => self.list(vec![PathValue::At(item)], right).map(|rights| (lefts, rights)),
                    _ => Err(PathFault { why: SEVERAL.to_owned(), left: Vec::new() }),
                });
                let (lefts, rights) = match rights {
                    Ok(both) => both,
                    Err(fault) => return Err(PathFault { left: values, ..fault }),
                };
                let holds = match (lefts.as_slice(), rights.as_slice()) {
                    ([], _) | (_, []) => continue,
                    ([left], [right]) => compare(&left.value(), operator, &right.value()),
                    _ => Err(SEVERAL.to_owned()),
                };
                match holds {
                    Ok(true) => found.push(PathValue::At(item)),
                    Ok(false) => {}
                    Err(why) => return Err(PathFault { why, left: found }),
                }
            }
        }
        Ok(found)
    }
}

const SEVERAL: &str = "can only compare one element at a time";

/// Each that holds something, and what it holds; what holds nothing is not there.
fn recursive<'a>(values: &[PathValue<'a>]) -> PathValues<'a> {
    let mut found = Vec::new();
    for value in values {
        let children = value.children();
        if !children.is_empty() {
            found.push(value.clone());
            found.extend(recursive(&children));
        }
    }
    found
}

fn sliced<'a>(values: &[PathValue<'a>], slice: Slice) -> Result<PathValues<'a>, PathFault<'a>> {
    let mut found = Vec::new();
    for value in values {
        if value.is_null() {
            continue;
        }
        let fault = |why| Err(PathFault { why, left: values.to_vec() });
        let PathValue::At(Value::Array(items)) = value else {
            return fault(format!("{} is not array or slice", go::type_of(&value.value())));
        };
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let from = slice.from.unwrap_or(0);
        let from = if from < 0 { from.saturating_add(length) } else { from };
        let to = slice.to.unwrap_or(length);
        let to = if to < 0 || (to == 0 && slice.one) { to.saturating_add(length) } else { to };
        if from == to {
            // client-go looks at no further value then
            return Ok(found);
        }
        let out = |index: i64| format!("array index out of bounds: index {index}, length {length}");
        if !(0..length).contains(&from) {
            return fault(out(from));
        }
        if !(0..=length).contains(&to) {
            return fault(out(to.saturating_sub(1)));
        }
        if from > to {
            return fault(format!("starting index {from} is greater than ending index {to}"));
        }
        let step = slice.step.map_or(Some(1), |step| usize::try_from(step).ok().filter(|step| *step > 0));
        let Some(step) = step else { return fault("step must be > 0".to_owned()) };
        let place = |index: i64| usize::try_from(index).unwrap_or_default();
        found.extend(items[place(from)..place(to)].iter().step_by(step).map(PathValue::At));
    }
    Ok(found)
}

fn compare(left: &Value, operator: &str, right: &Value) -> Result<bool, String> {
    let bad = |value: &Value| matches!(value, Value::Null | Value::Array(_) | Value::Object(_));
    let unordered = || Err("invalid type for comparison".to_owned());
    if !matches!(operator, "<" | ">" | "==" | "!=" | "<=" | ">=") {
        return Err(format!("unrecognized filter operator {operator}"));
    }
    if bad(left) || bad(right) {
        return unordered();
    }
    let order = match (left, right) {
        (Value::Bool(_), Value::Bool(_)) if !matches!(operator, "==" | "!=") => return unordered(),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            // a whole number and a fraction are not compared either
            (None, None) => {
                left.as_f64().zip(right.as_f64()).and_then(|(left, right)| left.partial_cmp(&right))
            }
            _ => return Err("incompatible types for comparison".to_owned()),
        },
        _ => return Err("incompatible types for comparison".to_owned()),
    };
    Ok(match operator {
        "<" => order == Some(Ordering::Less),
        ">" => order == Some(Ordering::Greater),
        "==" => order == Some(Ordering::Equal),
        "!=" => order != Some(Ordering::Equal),
        "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}
