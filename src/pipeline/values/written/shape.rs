//! What a values file holds before it is known how its numbers were written.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// A node without the text of its numbers.
#[derive(Debug)]
pub(super) enum Shape {
    /// Null, a boolean, or a text that stands in quotes, as a block or with a tag.
    Plain(Value),
    /// A text without any of these, and where it stands, in bytes.
    Bare(String, usize),
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

/// Reads the shape of a node of this text.
#[derive(Clone, Copy)]
pub(super) struct ShapeOf<'de> {
    pub(super) text: &'de str,
}

impl ShapeOf<'_> {
    /// Where a part of the text stands, if it is a word without quotes or a tag. The reader tells neither, but hands out the
    /// text's own bytes where they are the value.
    pub(super) fn bare(self, part: &str) -> Option<usize> {
        let at = part.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        let (before, from) = self.text.split_at_checked(at)?;
        let is_bare = from.starts_with(part) && !before.ends_with(['"', '\'']) && !ends_with_tag(before);
        is_bare.then_some(at)
    }
}

/// Whether a tag stands right before a node, with or without an anchor.
fn ends_with_tag(before: &str) -> bool {
    let mut lines = before.rsplit('\n');
    let own = lines.next().unwrap_or_default();
    let above =
        || lines.map(|line| line.split('#').next().unwrap_or_default()).find(|line| !line.trim().is_empty());
    let line = if own.trim().is_empty() { above().unwrap_or_default() } else { own };
    let words = line.split_whitespace().rev().map(|word| word.trim_start_matches(['[', '{', ',']));
    words.take_while(|word| word.starts_with(['!', '&'])).any(|word| word.starts_with('!'))
}

impl<'de> DeserializeSeed<'de> for ShapeOf<'de> {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ShapeOf<'de> {
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

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Shape, E> {
        Ok(self
            .bare(value)
            .map_or_else(|| Shape::Plain(value.into()), |at| Shape::Bare(value.to_owned(), at)))
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
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Shape::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Shape, A::Error> {
        let mut mapping = Vec::new();
        while let Some(pair) = pairs.next_entry_seed(self, self)? {
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
