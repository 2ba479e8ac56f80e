//! A values file, read as it was written.
//!
//! Values are people's own, and what they wrote is what they mean: `1.10` and `00215e6` are a version and a revision, not
//! 1.1 and 215000000. So a number stays one only if it is rendered as it was written; else it is text, and the document
//! that it is put into says what it is. All else is YAML 1.2, where `no` is text.
//!
//! The reader gives numbers without their text. So a file is read twice: for the shape of it, and, led by that, for the
//! text of each number.

mod read;
mod shape;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use self::read::{ReadNode, taken_apart};
use self::shape::{Shape, ShapeOf};
use super::GivenText;

/// Why a file cannot be read.
#[derive(Debug)]
pub(super) struct Unread {
    /// Line and column, from 1.
    pub(super) place: Option<(usize, usize)>,
    /// What is wrong with YAML that can be parsed.
    pub(super) ours: Option<String>,
    /// What to do about that.
    pub(super) hint: Option<String>,
    /// What the parser says.
    pub(super) why: String,
}

/// What a text holds.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) value: Value,
    /// The texts in it that other readers of YAML take for booleans or numbers.
    pub(super) texts: Vec<GivenText>,
}

/// Reads a text.
///
/// # Errors
/// No YAML, and what YAML allows and no value is: names that are there twice or are no words, tags, merge keys of
/// something else than mappings or against a name of the mapping's own.
pub(super) fn read(text: &str) -> Result<Written, Unread> {
    let said = OurRefusal::default();
    let shapes = ShapeOf { text };
    let reader = || serde_yaml::Deserializer::from_str(text);
    let read = shapes.deserialize(reader()).and_then(|shape| {
        let seed = AsWritten { shape: &shape, shapes, said: &said };
        seed.deserialize(reader())
    });
    let node = read.map_err(|error| {
        let (ours, hint) = said.0.take().map_or((None, None), |(what, hint)| (Some(what), hint));
        let why = error.to_string();
        Unread {
            place: error.location().map(|place| (place.line(), place.column())),
            ours,
            hint,
            why: why.split(" at line ").next().unwrap_or_default().to_owned(),
        }
    })?;
    let (value, texts) = taken_apart(node, text);
    Ok(Written { value, texts })
}

/// What we refuse, which the reader passes on as its own error with the place.
#[derive(Debug, Default)]
struct OurRefusal(RefCell<Option<(String, Option<String>)>>);

impl OurRefusal {
    fn refuse<E: de::Error>(&self, what: String, hint: Option<&str>) -> E {
        let error = E::custom(&what);
        self.0.replace(Some((what, hint.map(str::to_owned))));
        error
    }
}

/// The value of a node whose shape is known.
#[derive(Clone, Copy)]
struct AsWritten<'a> {
    shape: &'a Shape,
    shapes: ShapeOf<'a>,
    said: &'a OurRefusal,
}

impl<'a> AsWritten<'a> {
    fn of(self, shape: &'a Shape) -> Self {
        Self { shape, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for AsWritten<'_> {
    type Value = ReadNode;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ReadNode, D::Error> {
        let known = match self.shape {
            Shape::Plain(value) => ReadNode::Plain(value.clone()),
            Shape::Bare(text, at) => ReadNode::Bare(text.clone(), *at),
            Shape::Number(_) => return deserializer.deserialize_str(self),
            Shape::List(_) => return deserializer.deserialize_seq(self),
            Shape::Mapping(_) => return deserializer.deserialize_map(self),
            Shape::Tagged(_) => return deserializer.deserialize_any(self),
        };
        deserializer.deserialize_ignored_any(IgnoredAny).map(|_| known)
    }
}

impl<'de> Visitor<'de> for AsWritten<'_> {
    type Value = ReadNode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same text as before")
    }

    fn visit_str<E>(self, text: &str) -> Result<ReadNode, E> {
        Ok(match self.shape {
            Shape::Number(Some((number, rendered))) if rendered == text => {
                ReadNode::Plain(number.clone().into())
            }
            _ => match self.shapes.bare(text) {
                Some(at) => ReadNode::Bare(text.to_owned(), at),
                None => ReadNode::Plain(text.into()),
            },
        })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<ReadNode, A::Error> {
        let Shape::Tagged(tag) = self.shape else {
            return Err(de::Error::custom("a tag that was not there"));
        };
        let what = format!("the tag !{} means nothing in a values file", tag.trim_start_matches('!'));
        Err(self.said.refuse(what, Some("leave it out, and quote the value if it is text")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ReadNode, A::Error> {
        let Shape::List(shapes) = self.shape else {
            return Err(de::Error::custom("a list that was not there"));
        };
        let mut list = Vec::with_capacity(shapes.len());
        for shape in shapes {
            list.extend(items.next_element_seed(self.of(shape))?);
        }
        // the end of the list is an event of its own
        items.next_element::<IgnoredAny>()?;
        Ok(ReadNode::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<ReadNode, A::Error> {
        let Shape::Mapping(shapes) = self.shape else {
            return Err(de::Error::custom("a mapping that was not there"));
        };
        let said = self.said;
        let (mut own, mut merged) = (BTreeMap::new(), BTreeMap::new());
        for (key, value) in shapes {
            let is_merge = matches!(key, Shape::Bare(key, _) if key == MERGE);
            let seen = (!is_merge).then_some(&own);
            let Some(name) = pairs.next_key_seed(NameOf { shape: key, said, seen })? else { break };
            let of = self.of(value);
            if !is_merge {
                own.insert(name, pairs.next_value_seed(of)?);
                continue;
            }
            for (name, value) in pairs.next_value_seed(Merged { of })? {
                // of such a pair helm takes the one that YAML does not
                if own.get(&name).or(merged.get(&name)).is_some_and(|there: &ReadNode| !there.same(&value)) {
                    let what = format!("`<<` brings `{name}`, which is given before it as well");
                    return Err(said.refuse(what, Some("put one `<<` first: what follows it wins")));
                }
                merged.insert(name, value);
            }
        }
        pairs.next_key::<IgnoredAny>()?;
        merged.extend(own);
        Ok(ReadNode::Mapping(merged))
    }
}

/// The key whose mappings are merged into the one that it stands in; in quotes it is a name as any other.
const MERGE: &str = "<<";

/// The name that a key is.
struct NameOf<'a> {
    shape: &'a Shape,
    said: &'a OurRefusal,
    /// What the mapping has before it of names that may stand there once.
    seen: Option<&'a BTreeMap<String, ReadNode>>,
}

impl<'de> DeserializeSeed<'de> for NameOf<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        match self.shape {
            Shape::List(_) | Shape::Mapping(_) | Shape::Tagged(_) => deserializer.deserialize_any(self),
            Shape::Plain(_) | Shape::Bare(..) | Shape::Number(_) => deserializer.deserialize_str(self),
        }
    }
}

impl NameOf<'_> {
    fn no_word<E: de::Error>(&self, is: &str) -> E {
        let what = format!("the name of a value must be a word, and this is {is}");
        self.said.refuse(
            what,
            Some("quote it; braces in braces, as of an unquoted `{{ … }}`, read as such a name"),
        )
    }
}

impl<'de> Visitor<'de> for NameOf<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<String, E> {
        match self.shape {
            Shape::Plain(Value::Null) if name.is_empty() => {
                Err(self.said.refuse("a value has no name".to_owned(), Some("write a name before the colon")))
            }
            Shape::Plain(Value::Null) => {
                let what = format!("`{name}` is no name of a value: YAML reads it as null");
                Err(self.said.refuse(what, Some("quote it")))
            }
            _ if self.seen.is_some_and(|seen| seen.contains_key(name)) => {
                let what = format!("`{name}` is there twice");
                Err(self.said.refuse(what, Some("remove or rename one of them")))
            }
            _ => Ok(name.to_owned()),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.no_word("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.no_word("a mapping"))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        let Shape::Tagged(tag) = self.shape else { return Err(self.no_word("none")) };
        let what = format!("the tag !{} means nothing in a values file", tag.trim_start_matches('!'));
        Err(self.said.refuse(what, Some("leave it out")))
    }
}

/// What a merge key brings: a mapping, or a list of them, of which the first that has a name wins.
struct Merged<'a> {
    of: AsWritten<'a>,
}

impl<'de> DeserializeSeed<'de> for Merged<'_> {
    type Value = BTreeMap<String, ReadNode>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let said = self.of.said;
        let sources = match self.of.deserialize(deserializer)? {
            ReadNode::List(items) => items,
            value => vec![value],
        };
        let mut all = BTreeMap::new();
        for source in sources.into_iter().rev() {
            let ReadNode::Mapping(fields) = source else {
                let what = "`<<` takes a mapping, or a list of mappings".to_owned();
                return Err(said.refuse(
                    what,
                    Some("write `<<: *name`, with `&name` at the mapping that it stands for"),
                ));
            };
            all.extend(fields);
        }
        Ok(all)
    }
}
