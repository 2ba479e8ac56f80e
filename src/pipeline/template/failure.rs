//! Why a template cannot be rendered, in our words: Tera's own would list every name that it knows.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Map, Value};

use super::rendering::{Failed, RENDERED_BYTES, RenderError, Rendering, TOO_LONG};
use crate::keel::nearest::nearest;
use crate::pipeline::dialect::{self, Scalar};
use crate::pipeline::facts::{Fact, RESERVED};
use crate::pipeline::fault::Fault;
use crate::pipeline::scan::{Token, TokenKind};
use crate::pipeline::uses::{self, Use};

impl Rendering<'_> {
    /// A failed rendering in our words. `shown`: whether Tera's words hold nothing secret.
    pub(in crate::pipeline) fn failure(&self, failed: &Failed, shown: bool) -> Fault {
        let checked = &self.checked;
        let Failed { error: RenderError { message, bytes }, context } = failed;
        if shown && message == TOO_LONG {
            return Fault::new(format!("the rendered text is larger than {} MiB", RENDERED_BYTES >> 20))
                .at(checked.place(0))
                .why("no cluster takes objects of that size")
                .hint("look for loops that repeat much; put large files into the image, or into a volume");
        }
        let touches = |path: &Vec<Token<'_>>| {
            let end = path.last().map_or(0, |token| token.bytes.end);
            path[0].bytes.start < bytes.end.max(bytes.start + 1) && bytes.start < end
        };
        let bound = uses::bound(&checked.pieces);
        if let Some(habit) = checked.habit(bytes.start) {
            return habit;
        }
        if let Some(fault) = self.with_minus(bytes, context) {
            return fault;
        }
        if let Some(fault) =
            checked.paths().filter(touches).find_map(|path| self.undefined(&path, context, &bound))
        {
            return fault;
        }
        let reads_env = checked
            .pieces
            .iter()
            .filter(|piece| piece.spans(bytes.start))
            .flat_map(uses::uses)
            .any(|found| matches!(found, Use::Path(path) if path[0].text == "env"));
        let fault = Fault::new("this cannot be rendered").at(checked.place(bytes.start));
        let is_number = |path: Vec<Token<'_>>| {
            let ours = bound.contains(path[0].text);
            if ours { None } else { self.text_for_number(&path, context) }
        };
        let correct = checked.paths().filter(touches).find_map(is_number);
        let correct = correct.unwrap_or_else(|| "correct the expression, or what it gets".to_owned());
        match (message.split_once(" Available "), shown) {
            // A field of something that the template itself made.
            (Some((message, _)), true) => fault.why(message.trim_end_matches('.')).hint(correct),
            (None, true) => fault.why(message.as_str()).hint(correct),
            (_, false) if reads_env => fault
                .why("it depends on what a secret environment variable holds")
                .hint("give the variable with `--env NAME` if it may be seen"),
            (_, false) => fault
                .why("a value does not fit; it is not shown, since the template reads secrets")
                .hint(correct),
        }
    }

    /// Where a path that leads nowhere stands beside a `~`: Tera joins nothing for it, without a word. Only what is rendered in
    /// any case is looked at: outside of blocks, and in expressions without a condition.
    pub(super) fn joined_to_nothing(&self, context: &Map<String, Value>) -> Option<Range<usize>> {
        let bound = uses::bound(&self.checked.pieces);
        let mut depth = 0_usize;
        for piece in &self.checked.pieces {
            match piece.keyword() {
                Some("if" | "for" | "filter") => depth += 1,
                Some("endif" | "endfor" | "endfilter") => depth = depth.saturating_sub(1),
                _ => {}
            }
            let tokens = piece.tokens();
            let chosen = ["if", "and", "or", "not", "is", "?"];
            if depth > 0 || tokens.iter().any(|token| chosen.contains(&token.text)) {
                continue;
            }
            for found in uses::uses(piece) {
                let Use::Path(path) = found else { continue };
                let (start, end) = (path[0].bytes.start, path.last()?.bytes.end);
                let before = tokens.iter().rev().find(|token| token.bytes.end <= start);
                let after = tokens.iter().find(|token| token.bytes.start >= end);
                let joined = |token: Option<&Token<'_>>| token.is_some_and(|token| token.text == "~");
                if (joined(before) && after.is_none_or(|token| token.text != "|") || joined(after))
                    && self.undefined(&path, context, &bound).is_some()
                {
                    return Some(start..end);
                }
            }
        }
        None
    }

    /// The fault of a path that leads nowhere.
    fn undefined(
        &self,
        path: &[Token<'_>],
        context: &Map<String, Value>,
        bound: &BTreeSet<&str>,
    ) -> Option<Fault> {
        let (checked, root) = (&self.checked, &path[0]);
        if bound.contains(root.text) || root.text == "loop" {
            return None;
        }
        let Some(mut value) = context.get(root.text) else {
            // a group of facts is no value: alone it is rendered as a mapping
            let alone = |name: &&str| path.len() > 1 || !RESERVED.contains(name);
            let known = context.keys().map(String::as_str).filter(alone).chain(bound.iter().copied());
            let whole = path.iter().map(|token| token.text).collect::<Vec<_>>().join(".");
            return Some(
                Fault::new(format!("`{}` is not defined", root.text))
                    .at(checked.place(root.bytes.start))
                    .why(
                        self.why_no_default(path, 0)
                            .unwrap_or_else(|| "no value, fact or `set` has that name".to_owned()),
                    )
                    .hint(meant(&[], root.text, known).unwrap_or_else(|| {
                        let fallback = self.fallback(path, 0);
                        format!("give it with `--set {whole}=…` or in a values file, or write `{fallback}`")
                    })),
            );
        };
        for (index, field) in path.iter().enumerate().skip(1) {
            if let Some(next) = value.get(field.text) {
                value = next;
                continue;
            }
            let name: Vec<&str> = path[..=index].iter().map(|token| token.text).collect();
            let name = name.join(".");
            let fault = Fault::new(format!("`{name}` is not defined")).at(checked.place(field.bytes.start));
            let fallback = format!("write `{}` if it may be missing", self.fallback(path, index));
            let named_env = context.get("values").and_then(|values| values.get("env")?.get(field.text));
            return Some(
                match (root.text, self.facts.group(root.text).and_then(|group| group.get(field.text))) {
                    (_, Some(Fact::Unset(why))) => fault.why(why.as_str()).hint(fallback),
                    ("env", _) if named_env.is_some() => fault
                        .why(format!("the environment has no `{}`", field.text))
                        .hint(format!("write `values.{name}` for the value of that name")),
                    ("env", _) => fault
                        .why(format!("the environment has no `{}`", field.text))
                        .hint(format!("set it before you run this, or {fallback}")),
                    _ => {
                        let known = value
                            .as_object()
                            .into_iter()
                            .flat_map(|fields| fields.keys().map(String::as_str));
                        let fault = match self.why_no_default(path, index) {
                            Some(why) => fault.why(why),
                            None => fault,
                        };
                        let above: Vec<&str> = path[..index].iter().map(|token| token.text).collect();
                        if let Some(written) = self.length(path, index, value) {
                            return Some(fault.why("a list has a length by a filter").hint(written));
                        }
                        fault.hint(meant(&above, field.text, known).unwrap_or(fallback))
                    }
                },
            );
        }
        None
    }

    /// What to write for the `length` of a list or text.
    fn length(&self, path: &[Token<'_>], index: usize, of: &Value) -> Option<String> {
        let (last, above) = path.split_last()?;
        let counts = matches!(last.text, "length" | "size" | "count" | "len") && index + 1 == path.len();
        let counted = &self.checked.template.text[path[0].bytes.start..above.last()?.bytes.end];
        let written = self.rewritten(path[0].bytes.start..last.bytes.end, &format!("{counted} | length"))?;
        (counts && (of.is_array() || of.is_string())).then(|| format!("write `{written}`"))
    }

    /// A tag with something else in a place of it.
    fn rewritten(&self, bytes: Range<usize>, with: &str) -> Option<String> {
        let tag = self.checked.pieces.iter().find(|piece| piece.spans(bytes.start))?.bytes();
        let text = &self.checked.template.text;
        Some(format!("{}{with}{}", &text[tag.start..bytes.start], &text[bytes.end..tag.end]))
    }

    /// The fault of a name with a minus in it, such as `image-tag`, which Tera reads as a difference.
    fn with_minus(&self, failed: &Range<usize>, context: &Map<String, Value>) -> Option<Fault> {
        let piece = self.checked.pieces.iter().find(|piece| piece.spans(failed.start))?;
        let mut names = with_minus(piece.tokens()).into_iter();
        let (parts, bytes) = names
            .find(|(_, bytes)| failed.start < bytes.end && bytes.start < failed.end.max(failed.start + 1))?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (root, rest) = parts.split_first()?;
        let values = context.get("values").and_then(Value::as_object);
        let root = if root.contains('-') { values?.get(*root) } else { context.get(*root) };
        let there = root.and_then(|root| rest.iter().try_fold(root, |value, name| value.get(*name)));
        let is_number =
            parts.iter().any(|part| part.rsplit('-').next().is_some_and(|last| last.parse::<f64>().is_ok()));
        if there.is_none() && is_number {
            return None;
        }
        let spelled = uses::spelled(&parts);
        let fault = Fault::new(format!("`{}` is no name in a template", parts.join(".")))
            .at(self.checked.place(bytes.start))
            .why("a `-` is a minus there, and a name that has one stands in brackets");
        Some(match there {
            Some(_) => fault.hint(format!("write `{}`", self.rewritten(bytes, &spelled)?)),
            None => fault.hint(format!(
                "write `{spelled}`, and give it with `--set {}=…` or in a values file",
                parts.join(".").trim_start_matches("values.")
            )),
        })
    }

    /// What a path falls back to where its part of this index may be missing: `a?.b | default(value=…)`, with the default
    /// that it has in the template.
    fn fallback(&self, path: &[Token<'_>], missing: usize) -> String {
        let mut text = String::new();
        for (index, token) in path.iter().enumerate() {
            text += match index {
                0 => "",
                _ if index > missing => "?.",
                _ => ".",
            };
            text += token.text;
        }
        text + " " + self.default_after(path).unwrap_or("| default(value=…)")
    }

    /// Why a path that has a default fails all the same.
    fn why_no_default(&self, path: &[Token<'_>], missing: usize) -> Option<String> {
        let (there, last) = (&path[missing], path.last()?);
        self.default_after(path).map(|_| {
            format!("`default` stands in for a missing `{}`, not for a missing `{}`", last.text, there.text)
        })
    }

    /// The `| default(…)` right after a path, as it is written.
    fn default_after(&self, path: &[Token<'_>]) -> Option<&str> {
        let end = path.last()?.bytes.end;
        let tokens = self.checked.pieces.iter().find(|piece| piece.spans(path[0].bytes.start))?.tokens();
        let rest = &tokens[tokens.iter().position(|token| token.bytes.start >= end)?..];
        let after = uses::after_default(rest, 0);
        Some(&self.checked.template.text[rest.first()?.bytes.start..rest[..after].last()?.bytes.end])
    }

    /// What to do where a text was taken for a number.
    fn text_for_number(&self, path: &[Token<'_>], context: &Map<String, Value>) -> Option<String> {
        let root = path[0].text;
        if root == "env" || self.facts.group(root).is_some() {
            return None;
        }
        let value = path[1..].iter().try_fold(context.get(root)?, |value, field| value.get(field.text))?;
        let Scalar::Number(number) = dialect::resolve(value.as_str()?) else { return None };
        let name = path.iter().map(|token| token.text).collect::<Vec<_>>().join(".");
        let filter = if number.is_f64() { "float" } else { "int" };
        let given = name.strip_prefix("values.").unwrap_or(&name);
        Some(format!(
            "`{name}` is text: write `{name} | {filter}`, or give a number: `--set-json {given}={number}`"
        ))
    }
}

/// The words for a name that is near, with the path to it.
fn meant<'k>(above: &[&str], name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let near = nearest(name, known)?;
    let path = uses::spelled(&[above, &[near]].concat());
    // beside what is wrong the name alone is enough
    let told = if path.ends_with(']') { path.as_str() } else { near };
    Some(format!("did you mean `{told}`?"))
}

/// Paths whose names have a minus in them, with no blank around it.
fn with_minus(tokens: &[Token<'_>]) -> Vec<(Vec<String>, Range<usize>)> {
    let touches = |at: usize| {
        at > 0 && tokens.get(at).is_some_and(|token| token.bytes.start == tokens[at - 1].bytes.end)
    };
    let is_name = |at: usize| tokens.get(at).is_some_and(|token| token.kind == TokenKind::Name);
    let is_part = |at: usize| {
        tokens.get(at).is_some_and(|token| token.kind != TokenKind::Sign && token.kind != TokenKind::Text)
    };
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if !is_name(at) || (at > 0 && matches!(tokens[at - 1].text, "." | "?.")) {
            at += 1;
            continue;
        }
        let (start, mut parts) = (at, vec![tokens[at].text.to_owned()]);
        loop {
            let follows = touches(at + 1) && touches(at + 2);
            match uses::text(tokens, at + 1) {
                "." | "?." if is_name(at + 2) => parts.push(tokens[at + 2].text.to_owned()),
                "-" if follows && is_part(at + 2) => {
                    if let Some(last) = parts.last_mut() {
                        last.push('-');
                        last.push_str(tokens[at + 2].text);
                    }
                }
                _ => break,
            }
            at += 2;
        }
        if parts.iter().any(|part| part.contains('-')) {
            found.push((parts, tokens[start].bytes.start..tokens[at].bytes.end));
        }
        at += 1;
    }
    found
}
