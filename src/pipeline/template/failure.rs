//! Why a template cannot be rendered, in our words: Tera's own would list every name that it knows.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::rendering::{Failed, RENDERED_BYTES, RenderError, Rendering, TOO_LONG};
use crate::pipeline::facts::Fact;
use crate::pipeline::fault::{Fault, did_you_mean};
use crate::pipeline::scan::{self, Token, Use};

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
        let bound = scan::bound(&checked.pieces);
        if let Some(fault) =
            checked.paths().filter(touches).find_map(|path| self.undefined(&path, context, &bound))
        {
            return fault;
        }
        let reads_env = checked
            .pieces
            .iter()
            .filter(|piece| piece.spans(bytes.start))
            .flat_map(scan::uses)
            .any(|found| matches!(found, Use::Path(path) if path[0].text == "env"));
        let fault = Fault::new("this cannot be rendered").at(checked.place(bytes.start));
        let correct = "correct the expression, or what it gets";
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
            let known = context.keys().map(String::as_str).chain(bound.iter().copied());
            return Some(
                Fault::new(format!("`{}` is not defined", root.text))
                    .at(checked.place(root.bytes.start))
                    .why("no value, fact or `set` has that name")
                    .hint(did_you_mean(root.text, known).unwrap_or_else(|| {
                        format!("give it with `--set {0}=…` or in a values file, or write `{0} | default(value=…)`", root.text)
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
            let fallback = format!("write `{name} | default(value=…)` if it may be missing");
            return Some(
                match (root.text, self.facts.group(root.text).and_then(|group| group.get(field.text))) {
                    (_, Some(Fact::Unset(why))) => fault.why(why.as_str()).hint(fallback),
                    ("env", _) => fault
                        .why(format!("the environment has no `{}`", field.text))
                        .hint(format!("set it before you run this, or {fallback}")),
                    _ => {
                        let known = value
                            .as_object()
                            .into_iter()
                            .flat_map(|fields| fields.keys().map(String::as_str));
                        fault.hint(did_you_mean(field.text, known).unwrap_or(fallback))
                    }
                },
            );
        }
        None
    }
}
