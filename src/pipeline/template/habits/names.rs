//! Names as Helm has them, and how a template names the same.

use super::phrase::{ATOM, MeantFor, Note, Phrase, Stop, Told};
use super::words::ABSENT_WORDS;
use crate::pipeline::facts::RESERVED;
use crate::pipeline::scan::Token;

/// How names are found.
pub(super) const NAMED: &str =
    "values are named as in their file, facts are `git`, `user`, `image` and `build`";

fn absent(at: usize, what: impl Into<String>, hint: impl Into<String>) -> Stop {
    Stop::Absent(Note { at, what: what.into(), more: hint.into(), meant: MeantFor::Us })
}

/// A name that nothing here has.
pub(super) fn unknown(token: &Token<'_>) -> Stop {
    if !ABSENT_WORDS.contains(&token.text) {
        return Stop::Unreadable;
    }
    let hint = "work it out beforehand and give the outcome with `--set NAME=…`, or leave it to the build";
    absent(token.bytes.start, format!("there is no counterpart of `{}`", token.text), hint)
}

/// Helm's look into the cluster.
pub(super) fn no_cluster(at: usize) -> Stop {
    let hint = "a pipeline is rendered without a cluster: give what it needs with `--set NAME=…` or in a values file, or \
                let the build look";
    absent(at, "there is no counterpart of `lookup`", hint)
}

/// What Helm keeps under a root: here, and why.
pub(super) fn root(at: usize, root: &str, fields: &[&str]) -> Result<Option<(String, String)>, Stop> {
    let named = |text: String| Ok(Some((text, NAMED.to_owned())));
    match (root, fields) {
        ("Values", []) => named("values".to_owned()),
        ("Values", [first, ..]) if RESERVED.contains(first) => {
            let more = format!("`{first}` alone means something else in a template");
            Ok(Some((format!("values.{}", fields.join(".")), more)))
        }
        ("Values", fields) => named(fields.join(".")),
        ("Release" | "Chart", ["Name"]) => named("build.chain".to_owned()),
        ("Release", ["Namespace"]) => named("build.namespace".to_owned()),
        ("Release", ["Revision"]) => named("build.generation".to_owned()),
        ("Chart", ["Version" | "AppVersion"]) => named("image.tag".to_owned()),
        ("Release" | "Chart" | "Capabilities" | "Template" | "Subcharts" | "Files", _) => Err(absent(
            at,
            format!("there is no counterpart of `.{}`", [&[root], fields].concat().join(".")),
            "give what the template needs with `--set NAME=…` or in a values file",
        )),
        _ => Ok(None),
    }
}

/// A name for the text of a file, and how it is given.
pub(super) fn file(path: &Phrase) -> Result<(String, String), Stop> {
    let path = path.literal().ok_or(Stop::Unreadable)?;
    let name = identifier(path.rsplit('/').next().unwrap_or(path)).ok_or(Stop::Unreadable)?;
    let more = format!("its text is given with `--set-file {name}={path}`");
    Ok((name, more))
}

/// A text as a name.
pub(super) fn identifier(text: &str) -> Option<String> {
    let name = text.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    let name = name.trim_start_matches(|letter: char| letter == '_' || letter.is_ascii_digit());
    (!name.is_empty()).then(|| name.to_owned())
}

/// Fields that Jinja's `loop` has and Tera's has not.
pub(super) fn of_loop(field: &str) -> Option<&'static str> {
    match field {
        "revindex" => Some("loop.length - loop.index0"),
        "revindex0" => Some("loop.length - loop.index"),
        _ => None,
    }
}

/// A variable of the environment.
pub(super) fn variable(name: &Phrase) -> Told {
    let name = name.literal().ok_or(Stop::Unreadable)?;
    Ok(Phrase::new(format!("env.{name}"), ATOM))
}

/// The name of a text that Helm includes by a longer one.
pub(super) fn kept(name: &Phrase) -> Result<String, Stop> {
    let name = name.literal().and_then(|name| name.rsplit(['.', '/']).next()).and_then(identifier);
    name.ok_or(Stop::Unreadable)
}
