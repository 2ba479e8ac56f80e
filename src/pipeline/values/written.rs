//! A values file, read as it was written.
//!
//! Values are people's own, and what they wrote is what they mean: `1.10` and `00215e6` are a version and a revision, not
//! 1.1 and 215000000. So a number stays one only if it is rendered as it was written; else it is text, and the document
//! that it is put into says what it is. All else is YAML 1.2, where `no` is text.
//!
//! The reader gives numbers without their text. So a file is read twice: for the shape of it, and, led by that, for the
//! text of each number.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

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

/// Reads a text.
///
/// # Errors
/// No YAML, and what YAML allows and no value is: names that are there twice or are no words, tags, merge keys of
/// something else than mappings or against a name of the mapping's own.
pub(super) fn read(text: &str) -> Result<Value, Unread> {
    let said = OurRefusal::default();
    let read = serde_yaml::from_str::<Shape>(text).and_then(|shape| {
        let seed = AsWritten { shape: &shape, said: &said };
        seed.deserialize(serde_yaml::Deserializer::from_str(text))
    });
    read.map_err(|error| {
        let (ours, hint) = said.0.take().map_or((None, None), |(what, hint)| (Some(what), hint));
        let why = error.to_string();
        Unread {
            place: error.location().map(|place| (place.line(), place.column())),
            ours,
            hint,
            why: why.split(" at line ").next().unwrap_or_default().to_owned(),
        }
    })
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

/// A node without the text of its numbers.
#[derive(Debug)]
enum Shape {
    /// Null, a boolean, or a text.
    Plain(Value),
    /// A number, and how it is rendered; none if it is too large for one.
    Number(Option<(Number, String)>),
    List(Vec<Shape>),
    Mapping(Vec<(Shape, Shape)>),
    /// What has a tag that YAML itself does not know.
    Tagged(String),
}

impl Shape {
    fn number(number: impl Into<Number>) -> Self {
        let number = number.into();
        let rendered = number.to_string();
        Self::Number(Some((number, rendered)))
    }
}

impl<'de> de::Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Plain(Value::Null))
    }

    /// Nothing in the file.
    fn visit_none<E>(self) -> Result<Shape, E> {
        Ok(Shape::Plain(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Shape, E> {
        Ok(Shape::Plain(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Shape, E> {
        Ok(Shape::Plain(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Shape, E> {
        Ok(Shape::number(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Shape, E> {
        Ok(Shape::number(value))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Shape, E> {
        Ok(Shape::Number(None))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Shape, E> {
        Ok(Shape::Number(None))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Shape, E> {
        // as a template renders it: with a fraction, whatever it is
        Ok(Shape::Number(Number::from_f64(value).map(|number| (number, format!("{value:?}")))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Shape::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Shape, A::Error> {
        let mut mapping = Vec::new();
        while let Some(pair) = pairs.next_entry()? {
            mapping.push(pair);
        }
        Ok(Shape::Mapping(mapping))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Shape, A::Error> {
        let (tag, content) = tagged.variant::<String>()?;
        de::VariantAccess::newtype_variant::<IgnoredAny>(content)?;
        Ok(Shape::Tagged(tag))
    }
}

/// The value of a node whose shape is known.
struct AsWritten<'a> {
    shape: &'a Shape,
    said: &'a OurRefusal,
}

impl<'de> DeserializeSeed<'de> for AsWritten<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.shape {
            Shape::Plain(value) => deserializer.deserialize_ignored_any(IgnoredAny).map(|_| value.clone()),
            Shape::Number(_) => deserializer.deserialize_str(self),
            Shape::List(_) => deserializer.deserialize_seq(self),
            Shape::Mapping(_) => deserializer.deserialize_map(self),
            Shape::Tagged(_) => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for AsWritten<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same text as before")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(match self.shape {
            Shape::Number(Some((number, rendered))) if rendered == text => number.clone().into(),
            _ => text.into(),
        })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        let Shape::Tagged(tag) = self.shape else {
            return Err(de::Error::custom("a tag that was not there"));
        };
        let what = format!("the tag !{} means nothing in a values file", tag.trim_start_matches('!'));
        Err(self.said.refuse(what, Some("leave it out, and quote the value if it is text")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let Shape::List(shapes) = self.shape else {
            return Err(de::Error::custom("a list that was not there"));
        };
        let mut list = Vec::with_capacity(shapes.len());
        for shape in shapes {
            list.extend(items.next_element_seed(AsWritten { shape, said: self.said })?);
        }
        // the end of the list is an event of its own
        items.next_element::<IgnoredAny>()?;
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let Shape::Mapping(shapes) = self.shape else {
            return Err(de::Error::custom("a mapping that was not there"));
        };
        let said = self.said;
        let (mut own, mut merged) = (Map::new(), Map::new());
        for (key, value) in shapes {
            let is_merge = matches!(key, Shape::Plain(Value::String(key)) if key == MERGE);
            let Some(name) = pairs.next_key_seed(NameOf { shape: key, said, seen: &own })? else { break };
            let of = AsWritten { shape: value, said };
            if !is_merge {
                own.insert(name, pairs.next_value_seed(of)?);
                continue;
            }
            for (name, value) in pairs.next_value_seed(Merged { of })? {
                // of such a pair helm takes the one that YAML does not
                if own.get(&name).or(merged.get(&name)).is_some_and(|there| *there != value) {
                    let what = format!("`<<` brings `{name}`, which is given before it as well");
                    return Err(said.refuse(what, Some("put one `<<` first: what follows it wins")));
                }
                merged.insert(name, value);
            }
        }
        pairs.next_key::<IgnoredAny>()?;
        merged.extend(own);
        Ok(Value::Object(merged))
    }
}

/// The key whose mappings are merged into the one that it stands in.
const MERGE: &str = "<<";

/// The name that a key is.
struct NameOf<'a> {
    shape: &'a Shape,
    said: &'a OurRefusal,
    /// What the mapping has before it.
    seen: &'a Map<String, Value>,
}

impl<'de> DeserializeSeed<'de> for NameOf<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        match self.shape {
            Shape::Plain(Value::Null) | Shape::List(_) | Shape::Mapping(_) | Shape::Tagged(_) => {
                deserializer.deserialize_any(self)
            }
            Shape::Plain(_) | Shape::Number(_) => deserializer.deserialize_str(self),
        }
    }
}

impl NameOf<'_> {
    fn no_word<E: de::Error>(&self) -> E {
        let what = "the name of a value must be a word".to_owned();
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
        if self.seen.contains_key(name) {
            let what = format!("`{name}` is there twice");
            return Err(self.said.refuse(what, Some("remove or rename one of them")));
        }
        Ok(name.to_owned())
    }

    fn visit_unit<E: de::Error>(self) -> Result<String, E> {
        Err(self.no_word())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.no_word())
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.no_word())
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.no_word())
    }
}

/// What a merge key brings: a mapping, or a list of them, of which the first that has a name wins.
struct Merged<'a> {
    of: AsWritten<'a>,
}

impl<'de> DeserializeSeed<'de> for Merged<'_> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let said = self.of.said;
        let sources = match self.of.deserialize(deserializer)? {
            Value::Array(items) => items,
            value => vec![value],
        };
        let mut all = Map::new();
        for source in sources.into_iter().rev() {
            let Value::Object(fields) = source else {
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
