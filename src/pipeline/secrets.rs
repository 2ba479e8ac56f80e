//! Secrets in a rendered text: where they may stand, and the text without them.
//!
//! What depends on a secret is found by rendering again with stand-ins: one of the same length, one longer, both empty
//! where the secret is empty, so that a choice by emptiness stays the same. A value under a Secret's `data` or
//! `stringData` that changes is masked in all renderings; what still differs then depends on a secret where it may not.
//! So the masked text is the same whatever the secrets hold.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::documents::{self, Document, Part, SECRET, SECRET_FIELDS};
use super::fault::{Fault, Faults, Location};
use super::template::{Behind, Checked, Env, Failed, RENDERED, Rendered, Rendering, read, trace};
use super::tree::{Node, NodeKind, Style, key_name};

/// What stands for a secret value.
const MASK: &str = "'***'";
/// What stands for one that is a block: the `|` before it stays.
pub(super) const BLOCK_MASK: &str = "***";

/// Where a scalar stands, and its mask.
type Slot = (Range<usize>, &'static str);

/// Renders, checks where secrets went, and reads the documents.
///
/// # Errors
/// A template that cannot be rendered, a text that cannot be read, and a secret value that stands where anybody may read it.
pub(super) fn render(renderer: &Rendering<'_>) -> Result<Rendered, Fault> {
    let checked = &renderer.checked;
    let names = checked.env_names();
    let secret: Vec<&str> =
        renderer.facts.secret_names().into_iter().filter(|name| names.contains(*name)).collect();
    let with = |stands_in: &dyn Fn(&str) -> Option<Length>| -> Env {
        let read = renderer.facts.env.iter().filter(|(name, _)| names.contains(*name));
        read.map(|(name, env)| {
            let length = if env.secret { stands_in(name) } else { None };
            (name.clone(), length.map_or_else(|| env.value.clone(), |length| stand_in(&env.value, length)))
        })
        .collect()
    };
    let env = with(&|_| None);
    let others: Vec<Result<String, Failed>> = match secret.as_slice() {
        [] => Vec::new(),
        _ => [Length::Same, Length::Longer].map(|length| renderer.run(&with(&|_| Some(length)))).into(),
    };
    let text = renderer.run(&env).map_err(|failed| {
        // Tera's words are shown only if they do not depend on what the secrets hold.
        let same =
            |other: &Result<String, Failed>| other.as_ref().is_err_and(|other| other.error == failed.error);
        renderer.failure(&failed, others.iter().all(same))
    })?;
    // another rendering, which only a fault or a plan is worth
    let (plain, env) = (text.clone(), &env);
    let lines = LazyCell::new(|| Arc::new(renderer.lines(env, &plain)));
    let lines = || Arc::clone(&lines);
    let lines = Behind(&lines);
    let traced = renderer.traced;
    let mut renderings = vec![text];
    for other in others {
        renderings.push(other.map_err(|failed| renderer.failure(&failed, false))?);
    }
    let secrets = secret.iter().map(|name| (*name).to_owned()).collect();
    if renderings.iter().all(|other| *other == renderings[0]) {
        let text = renderings.swap_remove(0);
        let mut documents = read(checked, &text, lines)?;
        if traced {
            trace(&mut documents, &text, None, lines);
        }
        return Ok(Rendered { masked: text.clone(), text, documents, secrets, notices: Vec::new() });
    }

    let hide = |fault: Fault| hidden(checked, &secret, &fault, &renderings, lines);
    let parsed: Result<Vec<Vec<Part>>, Fault> =
        renderings.iter().map(|text| documents::parts(RENDERED, text)).collect();
    let parts = parsed.map_err(hide)?;
    let masks = differing(&renderings, &parts);
    let mut masked: Vec<Masked> =
        renderings.iter().zip(&parts).map(|(text, parts)| mask(text, parts, &masks)).collect();
    if let Some(other) = masked.iter().find(|other| other.text != masked[0].text) {
        let matters = |name: &&&str| {
            let one = with(&|other| (other == **name).then_some(Length::Longer));
            let alone = renderer.run(&one).ok().and_then(|text| {
                let parts = documents::parts(RENDERED, &text).ok()?;
                Some(mask(&text, &parts, &masks).text)
            });
            alone.as_deref() != Some(masked[0].text.as_str())
        };
        let culprits: Vec<&str> = secret.iter().filter(matters).copied().collect();
        return Err(outside(checked, &culprits, &masked[0], &other.text, &renderings[0], lines));
    }
    let mut documents = read(checked, &renderings[0], lines).map_err(hide)?;
    for other in &renderings[1..] {
        let others = documents::read(RENDERED, other).map_err(hide)?;
        let pairs = documents.iter().zip(&others);
        if let Some((document, _)) = pairs.into_iter().find(|(a, b)| in_the_open(a) != in_the_open(b)) {
            return Err(forbidden(&secret).at(place(checked, document.line, lines)).why(format!(
                "in {} an alias or a merge key takes it from there to elsewhere",
                document.title()
            )));
        }
    }
    if traced {
        trace(&mut documents, &renderings[0], Some(&masked[0].text), lines);
    }
    let (masked, text) = (masked.swap_remove(0).text, renderings.swap_remove(0));
    Ok(Rendered { masked, text, documents, secrets, notices: Vec::new() })
}

/// A document without what may be secret.
fn in_the_open(document: &Document) -> Value {
    let mut value = document.value.clone();
    if let (SECRET, Some(fields)) = ((document.api_version(), document.kind()), value.as_object_mut()) {
        fields.retain(|field, _| !SECRET_FIELDS.contains(&field.as_str()));
    }
    value
}

/// How long a stand-in is.
#[derive(Debug, Clone, Copy)]
enum Length {
    Same,
    Longer,
}

/// Another text of the same shape: blanks and line breaks stay, every other letter becomes a letter.
fn stand_in(value: &str, length: Length) -> String {
    let (letters, more) = match length {
        Length::Same => ("kqzvjwx", ""),
        Length::Longer => ("bhpmgfdt", "bhpmg"),
    };
    let mut supply = letters.chars().cycle();
    let mut out: String = value
        .chars()
        .map(|letter| if letter.is_whitespace() { letter } else { supply.next().unwrap_or('x') })
        .collect();
    let end = out.trim_end().len();
    if end > 0 {
        out.insert_str(end, more);
    }
    out
}

/// The scalars of Secrets that may be secret, by a path that is the same in all renderings.
fn allowed(parts: &[Part]) -> BTreeMap<String, Slot> {
    let mut found = BTreeMap::new();
    for part in parts {
        in_object(&part.root, &part.number.to_string(), &mut found);
    }
    found
}

fn in_object(node: &Node, path: &str, found: &mut BTreeMap<String, Slot>) {
    for (index, item) in documents::list_items(node).unwrap_or_default().iter().enumerate() {
        in_object(item, &format!("{path}/{index}"), found);
    }
    let word = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
    if (word("apiVersion"), word("kind")) != SECRET {
        return;
    }
    for field in SECRET_FIELDS {
        let Some(NodeKind::Mapping(pairs)) = node.get(field).map(|node| &node.kind) else { continue };
        for (key, value) in pairs {
            if let (Ok(key), NodeKind::Scalar { style, .. }, false) =
                (key_name(key), &value.kind, value.alias)
            {
                let mask = if *style == Style::Block { BLOCK_MASK } else { MASK };
                found.insert(format!("{path}/{field}/{key}"), (value.bytes.clone(), mask));
            }
        }
    }
}

/// The paths of allowed scalars that are not the same in all renderings.
fn differing(renderings: &[String], parts: &[Vec<Part>]) -> BTreeSet<String> {
    let all: Vec<BTreeMap<String, Slot>> = parts.iter().map(|parts| allowed(parts)).collect();
    let text =
        |index: usize, path: &str| all[index].get(path).map(|(bytes, _)| &renderings[index][bytes.clone()]);
    let same = |path: &&String| (1..all.len()).all(|index| text(index, path) == text(0, path));
    all.iter().flat_map(BTreeMap::keys).filter(|path| !same(path)).cloned().collect()
}

struct Masked {
    text: String,
    /// Each mask: where it ends, and where the original goes on.
    masks: Vec<(usize, usize)>,
}

fn mask(text: &str, parts: &[Part], paths: &BTreeSet<String>) -> Masked {
    let mut slots: Vec<Slot> =
        allowed(parts).into_iter().filter(|(path, _)| paths.contains(path)).map(|(_, slot)| slot).collect();
    slots.sort_by_key(|(bytes, _)| bytes.start);
    let mut masked = Masked { text: String::with_capacity(text.len()), masks: Vec::new() };
    let mut copied = 0;
    for (bytes, mask) in slots {
        masked.text.push_str(&text[copied..bytes.start]);
        masked.text.push_str(mask);
        copied = bytes.start + text[bytes].trim_end().len();
        masked.masks.push((masked.text.len(), copied));
    }
    masked.text.push_str(&text[copied..]);
    masked
}

impl Masked {
    /// The place in the text before masking.
    fn original(&self, offset: usize) -> usize {
        let last = self.masks.iter().rev().find(|(end, _)| *end <= offset);
        last.map_or(offset, |(end, original)| original + (offset - end))
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`env.{name}`")).collect::<Vec<_>>().join(", ")
}

/// The place of a line, shown only as far as it is not secret: the template's line, else the number.
fn place(checked: &Checked<'_>, line: usize, lines: Behind<'_>) -> Location {
    match checked.origin(lines.line(line)) {
        Some(origin) => Location { file: origin.file, line: origin.first, column: 0, text: origin.text },
        None => Location { file: RENDERED.to_owned(), line, column: 0, text: String::new() },
    }
}

/// The fault of a secret that went where it may not.
fn outside(
    checked: &Checked<'_>,
    names: &[&str],
    masked: &Masked,
    other: &str,
    text: &str,
    lines: Behind<'_>,
) -> Fault {
    let same = masked.text.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let offset = masked.original(same).min(text.len());
    let line =
        text.char_indices().take_while(|(at, _)| *at < offset).filter(|(_, letter)| *letter == '\n').count()
            + 1;
    forbidden(names)
        .at(place(checked, line, lines))
        .why("every variable of the environment is secret unless given as plain")
}

fn forbidden(names: &[&str]) -> Fault {
    let is = if names.len() == 1 { "is" } else { "are" };
    Fault::new(format!(
        "{} {is} secret, and may stand only under `data` or `stringData` of a Secret",
        list(names)
    ))
    .hint(format!(
        "give {} for what may be seen; put the rest into a Secret and refer to that",
        names.iter().map(|name| format!("`--env {name}`")).collect::<Vec<_>>().join(", ")
    ))
}

/// A fault of the YAML, without what depends on a secret.
fn hidden(
    checked: &Checked<'_>,
    names: &[&str],
    fault: &Fault,
    renderings: &[String],
    lines: Behind<'_>,
) -> Fault {
    let all: Faults = renderings.iter().filter_map(|text| documents::read(RENDERED, text).err()).collect();
    let line = fault.place.as_ref().map_or(1, |place| place.line);
    let alike = all.len() == renderings.len()
        && all
            .iter()
            .all(|other| (&other.what, &other.why, &other.hint) == (&all[0].what, &all[0].why, &all[0].hint))
        && all.iter().all(|other| other.place.as_ref().map(|place| place.line) == Some(line));
    if !alike {
        return Fault::new(format!("what {} holds breaks the YAML", list(names)))
            .at(place(checked, line, lines))
            .why("it stands there as it is, and holds letters that mean something in YAML")
            .hint("write `| quote` after it, or `| b64_encode` under a Secret's `data`");
    }
    let mut fault = fault.clone();
    fault.origin = checked.origin(lines.line(line)).map(Box::new);
    if let Some(place) = &mut fault.place
        && all.iter().any(|other| other.place.as_ref().is_none_or(|other| other.text != place.text))
    {
        place.text.clear();
    }
    fault
}
