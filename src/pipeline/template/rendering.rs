//! One rendering of a template: what it takes, and its text or why there is none.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Map, Value};
use tera::{Context, ErrorKind, Tera};

use super::checked::{Checked, INTERNAL, parse};
use crate::pipeline::documents::Lines;
use crate::pipeline::facts::{Fact, Facts, RESERVED};
use crate::pipeline::marks;

/// Values of the environment for one rendering.
pub(in crate::pipeline) type Env = BTreeMap<String, String>;

/// All that a rendering takes but the environment.
pub(in crate::pipeline) struct Rendering<'a> {
    pub(in crate::pipeline) checked: Checked<'a>,
    pub(in crate::pipeline) values: Map<String, Value>,
    pub(in crate::pipeline) facts: &'a Facts,
    /// Whether each document says which template lines it comes from.
    pub(in crate::pipeline) traced: bool,
}

impl Rendering<'_> {
    /// Renders with an environment.
    ///
    /// # Errors
    /// Tera's own words and place, or that the text is longer than [`RENDERED_BYTES`], with what was read.
    pub(in crate::pipeline) fn run(&self, env: &Env) -> Result<String, Failed> {
        let context = context(&self.values, self.facts, env);
        match run(&self.checked.tera, &context) {
            Ok(text) => match self.joined_to_nothing(&context) {
                None => Ok(text),
                Some(bytes) => {
                    let message = "there is nothing to join".to_owned();
                    Err(Failed { error: RenderError { message, bytes }, context })
                }
            },
            Err(error) => Err(Failed { error, context }),
        }
    }

    /// The template lines behind each line of a rendered text; none where nothing sure can be said.
    pub(in crate::pipeline) fn lines(&self, env: &Env, plain: &str) -> Vec<Option<Lines>> {
        let mapped = || {
            let marked = marks::lay(&self.checked.template.text)?;
            let context = context(&self.values, self.facts, env);
            let rendered = run(&parse(&marked.template).ok()?, &context).ok()?;
            marked.read(&rendered, plain)
        };
        mapped().unwrap_or_default()
    }
}

/// A rendering that failed, and what it had to read.
pub(in crate::pipeline) struct Failed {
    pub(in crate::pipeline) error: RenderError,
    pub(in crate::pipeline) context: Map<String, Value>,
}

/// Why a rendering failed, and where in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::pipeline) struct RenderError {
    pub(in crate::pipeline) message: String,
    pub(in crate::pipeline) bytes: std::ops::Range<usize>,
}

fn context(values: &Map<String, Value>, facts: &Facts, env: &Env) -> Map<String, Value> {
    let mut context = values.clone();
    context.retain(|name, _| !RESERVED.contains(&name.as_str()));
    context.insert("values".to_owned(), Value::Object(values.clone()));
    for (name, group) in facts.groups() {
        let known = group.iter().filter_map(|(name, fact)| match fact {
            Fact::Known(value) => Some((name.clone(), value.clone())),
            Fact::Unset(_) => None,
        });
        // where the template reads what both hold, it was refused before
        let both = match values.get(name) {
            None => Value::Object(known.collect()),
            Some(Value::Object(fields)) => {
                let besides = fields.iter().filter(|(name, _)| !group.contains_key(*name));
                Value::Object(
                    known.chain(besides.map(|(name, value)| (name.clone(), value.clone()))).collect(),
                )
            }
            Some(plain) => plain.clone(),
        };
        context.insert(name.to_owned(), both);
    }
    let env = env.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    context.insert("env".to_owned(), Value::Object(env.collect()));
    context
}

fn run(tera: &Tera, context: &Map<String, Value>) -> Result<String, RenderError> {
    let context = Context::from_serialize(context)
        .map_err(|error| RenderError { message: error.to_string(), bytes: 0..0 })?;
    let mut text = Bounded(Vec::new());
    tera.render_to(INTERNAL, &context, &mut text).map_err(|error| match error.kind() {
        ErrorKind::RenderingError(report) | ErrorKind::SyntaxError(report) => {
            RenderError { message: report.message().to_owned(), bytes: report.span().range.clone() }
        }
        ErrorKind::Io(_) => RenderError { message: TOO_LONG.to_owned(), bytes: 0..0 },
        kind => RenderError { message: kind.to_string(), bytes: 0..0 },
    })?;
    String::from_utf8(text.0).map_err(|error| RenderError { message: error.to_string(), bytes: 0..0 })
}

/// Bytes of a rendered text at most: twice what a chain's record can hold.
pub(super) const RENDERED_BYTES: usize = 2 << 20;
/// What an [`RenderError`] says of a text that is longer.
pub(super) const TOO_LONG: &str = "the rendered text is too long";

/// A text that takes no more than it may hold.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > RENDERED_BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
