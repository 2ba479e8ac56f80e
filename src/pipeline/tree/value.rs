//! The JSON value that kubectl makes of a tree.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::{Node, NodeKind, Style, Wrong};
use crate::pipeline::dialect::{self, Scalar};

/// The JSON value that kubectl makes of a node.
///
/// # Errors
/// What kubectl refuses or would silently change: keys that are there twice or are no words, tags that mean nothing or do
/// not fit, numbers that JSON cannot hold.
pub(in crate::pipeline) fn value(node: &Node) -> Result<Value, Wrong> {
    match &node.kind {
        NodeKind::Scalar { .. } => scalar(node),
        NodeKind::Sequence(items) => items.iter().map(value).collect::<Result<_, _>>().map(Value::Array),
        NodeKind::Mapping(_) => mapping(node).map(|fields| {
            Value::Object(fields.into_iter().map(|(key, field)| (key, field.value)).collect::<Map<_, _>>())
        }),
    }
}

/// A scalar with the tag that it has, or as it resolves.
fn scalar(node: &Node) -> Result<Value, Wrong> {
    let NodeKind::Scalar { text, style, tag } = &node.kind else { return Ok(Value::Null) };
    let resolved = if *style == Style::Plain { dialect::resolve(text) } else { Scalar::Text };
    let resolved = match tag.as_deref() {
        None => resolved,
        Some("!!str" | "!") => Scalar::Text,
        Some(tag) => tagged(node, tag, dialect::resolve(text))?,
    };
    match (resolved, tag) {
        (Scalar::NotFinite, _) => {
            Err(Wrong::new(node, "infinity and NaN have no place in a Kubernetes object")
                .why("kubectl reads it as a number that JSON cannot hold")
                .hint("quote it if it is meant as text"))
        }
        // In a value `<<` is only text.
        (Scalar::Merge, _) => Ok(Value::String(text.clone())),
        (resolved, _) => Ok(dialect::json(resolved, text).unwrap_or(Value::Null)),
    }
}

fn tagged(node: &Node, tag: &str, resolved: Scalar) -> Result<Scalar, Wrong> {
    let fits = match (tag, &resolved) {
        ("!!null", Scalar::Null)
        | ("!!bool", Scalar::Bool(_))
        | ("!!float", Scalar::Number(_) | Scalar::NotFinite) => true,
        ("!!int", Scalar::Number(number)) => !number.is_f64(),
        ("!!timestamp", Scalar::Text) if dialect::looks_like_date(node.text().unwrap_or_default()) => true,
        ("!!null" | "!!bool" | "!!int" | "!!float" | "!!timestamp", _) => false,
        ("!!binary", _) => {
            return Err(Wrong::new(node, "the tag `!!binary` has the value decoded")
                .why("kubectl decodes it, and a Kubernetes object holds base64 as text")
                .hint("leave the tag out"));
        }
        _ => {
            return Err(Wrong::new(node, format!("the tag `{tag}` means nothing to Kubernetes"))
                .why("kubectl drops it without a word")
                .hint("leave it out, and quote the value if it is text"));
        }
    };
    if fits {
        Ok(resolved)
    } else {
        Err(Wrong::new(node, format!("this does not fit its tag `{tag}`")).hint("leave the tag out"))
    }
}

/// A field of a mapping: its value, its key, and whether `<<` brought it.
struct Field<'a> {
    value: Value,
    key: &'a Node,
    merged: bool,
}

fn mapping(node: &Node) -> Result<BTreeMap<String, Field<'_>>, Wrong> {
    let NodeKind::Mapping(pairs) = &node.kind else { return Ok(BTreeMap::new()) };
    let mut fields: BTreeMap<String, Field<'_>> = BTreeMap::new();
    for (key, node) in pairs {
        if is_merge(key) {
            for (name, value) in merged(key, node)? {
                match fields.get(&name) {
                    Some(field) if !field.merged => {
                        return Err(Wrong::new(
                            key,
                            format!("`<<` brings `{name}`, which line {} sets as well", field.key.line),
                        )
                        .why("kubectl takes the merged value, YAML says the other one")
                        .hint("put `<<` first: what follows it wins with both"));
                    }
                    Some(_) => {
                        return Err(Wrong::new(key, format!("two `<<` bring `{name}`"))
                            .why("kubectl takes the later one's, others the earlier one's")
                            .hint("write one `<<: [*a, *b]`: the first of the list wins"));
                    }
                    None => fields.insert(name, Field { value, key, merged: true }),
                };
            }
            continue;
        }
        let name = key_name(key)?;
        if let Some(first) = fields.get(&name)
            && !first.merged
        {
            return Err(twice(&name, first.key, key));
        }
        fields.insert(name, Field { value: value(node)?, key, merged: false });
    }
    Ok(fields)
}

/// The fault of two keys that are one, in the words that were written.
fn twice(name: &str, first: &Node, second: &Node) -> Wrong {
    let places = if first.line == second.line {
        format!("columns {} and {} of line {}", first.column, second.column, first.line)
    } else {
        format!("lines {} and {}", first.line, second.line)
    };
    let written = [first, second].map(|key| key.text().unwrap_or(name));
    let (what, why) = if written[0] == written[1] {
        let what = format!("the key `{}` is there twice: {places}", written[0]);
        (what, "kubectl would silently take the last one")
    } else {
        let what =
            format!("the key `{name}` is there twice, as `{}` and as `{}`: {places}", written[0], written[1]);
        (what, "kubectl makes words of booleans and numbers, and would silently take the last one")
    };
    Wrong::new(second, what).why(why).hint("remove or rename one of them")
}

pub(super) fn is_merge(key: &Node) -> bool {
    matches!(&key.kind, NodeKind::Scalar { text, style: Style::Plain, tag } if text == "<<" && matches!(tag.as_deref(), None | Some("!!merge")))
}

/// What a merge key brings; of several mappings the first that has a key wins.
fn merged(key: &Node, node: &Node) -> Result<Map<String, Value>, Wrong> {
    let sources: Vec<&Node> = match &node.kind {
        NodeKind::Sequence(items) => items.iter().collect(),
        _ => vec![node],
    };
    let mut all = Map::new();
    for source in sources.into_iter().rev() {
        let NodeKind::Mapping(_) = source.kind else {
            return Err(
                Wrong::new(key, "`<<` takes a mapping, or a list of mappings").hint("write `<<: *name`")
            );
        };
        if let Value::Object(fields) = value(source)? {
            all.extend(fields);
        }
    }
    Ok(all)
}

/// The text of a key: kubectl makes strings of numbers and booleans.
///
/// # Errors
/// A key that is a list, a mapping, null or a fraction.
pub(in crate::pipeline) fn key_name(key: &Node) -> Result<String, Wrong> {
    let NodeKind::Scalar { text, .. } = &key.kind else {
        return Err(Wrong::new(key, "a key must be one word, not a list or mapping")
            .why("braces in braces, as of an unquoted `{{ … }}`, read as such a key")
            .hint("quote the value"));
    };
    if dialect::resolve(text) == Scalar::NotFinite && scalar(key).is_err() {
        return Err(Wrong::new(key, format!("the key `{text}` is a number"))
            .why("kubectl makes a word of it")
            .hint("quote it"));
    }
    match scalar(key)? {
        Value::String(name) => Ok(name),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) if !is_fraction(&number) => Ok(number.to_string()),
        Value::Null => Err(Wrong::new(key, "a key cannot be null").hint("quote it")),
        _ => Err(Wrong::new(key, format!("the key `{text}` is a number with a fraction"))
            .why("kubectl rounds such a key before it makes a word of it")
            .hint("quote it")),
    }
}

fn is_fraction(number: &Number) -> bool {
    number.is_f64()
}
