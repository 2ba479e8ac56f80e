//! A template, what it reads, and what it becomes.
//!
//! The language is Tera 2, one file: no includes, no inheritance. Values stand at the top (`{{ Registry }}`) and under
//! `values`, facts under `git`, `user`, `image`, `build`, and the environment under `env`, each variable by its literal
//! name. Faults are told in our words: Tera's own would list every name that it knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;

use serde_json::{Map, Value};
use tera::{Context, ErrorKind, Tera};

use super::documents::{self, Document, Lines};
use super::facts::{Fact, Facts, RESERVED, Reads, Wanted};
use super::fault::{Fault, Origin, Place, did_you_mean};
use super::scan::{self, Piece, Token, Use};
use super::sources::Text;
use super::{filters, marks};

/// What a template became. Its debug form shows no secret.
#[derive(Clone, PartialEq)]
pub struct Rendered {
    /// The text, with secrets.
    pub text: String,
    /// The text with every secret value replaced by `***`.
    pub masked: String,
    /// The documents, with secrets.
    pub documents: Vec<Document>,
    /// Names of the secret environment variables that the template reads.
    pub secrets: BTreeSet<String>,
}

impl Rendered {
    /// The documents of the masked text, to look at what would be done without seeing a secret.
    ///
    /// # Errors
    /// None in practice: the text differs from one that was read only by its masks.
    pub fn masked_documents(&self) -> Result<Vec<Document>, Fault> {
        documents::read(RENDERED, &self.masked)
    }
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered")
            .field("masked", &self.masked)
            .field("secrets", &self.secrets)
            .finish_non_exhaustive()
    }
}

/// Name of the rendered text in faults.
pub const RENDERED: &str = "the rendered text";

/// What a template reads of its surroundings; the environment each variable literally, as `env.NAME`.
///
/// # Errors
/// A template that is no template, and any other use of `env`: it is no object to list or to index.
pub fn reads(template: &Text) -> Result<Reads, Fault> {
    let checked = Checked::of(template)?;
    Ok(Reads {
        env: checked.env_names(),
        git: checked.wanted("git"),
        user: checked.wanted("user"),
        build: checked.wanted("build"),
    })
}

/// Values of the environment for one rendering.
pub(super) type Env = BTreeMap<String, String>;

/// All that a rendering takes but the environment.
pub(super) struct Renderer<'a> {
    pub(super) checked: Checked<'a>,
    pub(super) values: Map<String, Value>,
    pub(super) facts: &'a Facts,
    /// Whether each document says which template lines it comes from.
    pub(super) traced: bool,
}

/// The template lines behind a line of a rendered text, counted from 1; none where nothing sure can be said. Who asks for
/// the first one pays for all.
pub(super) type Behind<'a> = &'a dyn Fn(usize) -> Option<Lines>;

impl Renderer<'_> {
    /// Renders with an environment.
    pub(super) fn run(&self, env: &Env) -> Result<String, Failed> {
        let context = context(&self.values, self.facts, env);
        run(&self.checked.tera, &context).map_err(|error| Failed { error, context })
    }

    /// The template lines behind each line of a rendered text; none where nothing sure can be said.
    pub(super) fn lines(&self, env: &Env, plain: &str) -> Vec<Option<Lines>> {
        let mapped = || {
            let marked = marks::lay(&self.checked.template.text)?;
            let context = context(&self.values, self.facts, env);
            let rendered = run(&parse(&marked.template).ok()?, &context).ok()?;
            marked.read(&rendered, plain)
        };
        mapped().unwrap_or_default()
    }

    /// A failed rendering in our words. `shown`: whether Tera's words hold nothing secret.
    pub(super) fn failure(&self, failed: &Failed, shown: bool) -> Fault {
        self.checked.failure(failed, self.facts, shown)
    }
}

/// A rendering that failed, and what it had to read.
pub(super) struct Failed {
    pub(super) error: Error,
    pub(super) context: Map<String, Value>,
}

/// Why a rendering failed, and where in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Error {
    pub(super) message: String,
    pub(super) bytes: std::ops::Range<usize>,
}

fn context(values: &Map<String, Value>, facts: &Facts, env: &Env) -> Map<String, Value> {
    let mut context = values.clone();
    context.insert("values".to_owned(), Value::Object(values.clone()));
    for (name, group) in facts.groups() {
        let known = group.iter().filter_map(|(name, fact)| match fact {
            Fact::Known(value) => Some((name.clone(), value.clone())),
            Fact::Unset(_) => None,
        });
        context.insert(name.to_owned(), Value::Object(known.collect()));
    }
    let env = env.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    context.insert("env".to_owned(), Value::Object(env.collect()));
    context
}

/// A template that parses and reads only what it may.
pub(super) struct Checked<'a> {
    pub(super) template: &'a Text,
    pieces: Vec<Piece<'a>>,
    tera: Tera,
}

const INTERNAL: &str = "pipeline";

fn parse(text: &str) -> Result<Tera, tera::Error> {
    let mut tera = Tera::new();
    tera.autoescape_on(Vec::<&'static str>::new());
    filters::register(&mut tera);
    tera.add_raw_template(INTERNAL, text)?;
    Ok(tera)
}

fn run(tera: &Tera, context: &Map<String, Value>) -> Result<String, Error> {
    let context = Context::from_serialize(context)
        .map_err(|error| Error { message: error.to_string(), bytes: 0..0 })?;
    let mut text = Bounded(Vec::new());
    tera.render_to(INTERNAL, &context, &mut text).map_err(|error| match error.kind() {
        ErrorKind::RenderingError(report) | ErrorKind::SyntaxError(report) => {
            Error { message: report.message().to_owned(), bytes: report.span().range.clone() }
        }
        ErrorKind::Io(_) => Error { message: TOO_LONG.to_owned(), bytes: 0..0 },
        kind => Error { message: kind.to_string(), bytes: 0..0 },
    })?;
    String::from_utf8(text.0).map_err(|error| Error { message: error.to_string(), bytes: 0..0 })
}

/// Bytes of a rendered text at most: twice what a chain's record can hold.
pub const RENDERED_BYTES: usize = 2 << 20;
/// What an [`Error`] says of a text that is longer.
const TOO_LONG: &str = "the rendered text is too long";

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

impl<'a> Checked<'a> {
    /// Parses a template and refuses what it may not use.
    pub(super) fn of(template: &'a Text) -> Result<Self, Fault> {
        let place = |offset: usize| Place::at_offset(&template.name, &template.text, offset);
        let parsed = parse(&template.text);
        if let Err(error) = &parsed
            && let ErrorKind::SyntaxError(report) = error.kind()
        {
            return Err(Fault::new("the template cannot be read")
                .at(place(report.span().range.start))
                .why(report.message())
                .hint(
                    "text that holds `{{`, `{%` or `{#` for something else goes between {% raw %} and {% endraw %}",
                ));
        }
        let pieces = scan::pieces(&template.text);
        for piece in &pieces {
            refuse_other_files(piece).map_err(|(at, fault)| fault.at(place(at)))?;
            for found in scan::uses(piece) {
                refuse_use(&found).map_err(|(at, fault)| fault.at(place(at)))?;
            }
        }
        match parsed {
            Ok(tera) => Ok(Self { template, pieces, tera }),
            Err(error) => Err(Fault::new("the template cannot be read")
                .at(place(0))
                .why(error.to_string())
                .hint("write it as Tera reads templates: https://keats.github.io/tera/")),
        }
    }

    fn uses(&self) -> impl Iterator<Item = Use<'a>> {
        self.pieces.iter().flat_map(scan::uses)
    }

    fn paths(&self) -> impl Iterator<Item = Vec<Token<'a>>> {
        self.uses().filter_map(|found| match found {
            Use::Path(path) => Some(path),
            _ => None,
        })
    }

    /// The names of all `env.NAME`.
    pub(super) fn env_names(&self) -> BTreeSet<String> {
        self.paths()
            .filter(|path| path[0].text == "env")
            .filter_map(|path| path.get(1).map(|name| name.text.to_owned()))
            .collect()
    }

    /// The facts of a group that it reads.
    fn wanted(&self, group: &str) -> Wanted {
        let names = self
            .paths()
            .filter(|path| path[0].text == group)
            .map(|path| path.get(1).map(|name| name.text.to_owned()));
        names.collect::<Option<_>>().map_or(Wanted::All, Wanted::Only)
    }

    /// Faults a fact that does not exist under any circumstances: also in an `if`, where Tera would read it as false.
    pub(super) fn known_facts(&self, facts: &Facts) -> Result<(), Fault> {
        for path in self.paths() {
            if let (root, Some(name)) = (&path[0], path.get(1))
                && let Some(group) = facts.group(root.text)
                && !group.contains_key(name.text)
            {
                let known: Vec<&str> = group.keys().map(String::as_str).collect();
                let hint = did_you_mean(name.text, known.iter().copied())
                    .or_else(|| (!known.is_empty()).then(|| format!("there are: {}", known.join(", "))));
                return Err(Fault::new(format!("there is no fact `{}.{}`", root.text, name.text))
                    .at(self.place(name.bytes.start))
                    .maybe_hint(hint));
            }
        }
        Ok(())
    }

    fn place(&self, offset: usize) -> Place {
        Place::at_offset(&self.template.name, &self.template.text, offset)
    }

    /// The template lines of a fault's place in the rendered text.
    pub(super) fn origin(&self, lines: Option<Lines>) -> Option<Origin> {
        let Lines { first, last } = lines?;
        let text = self.template.text.lines().nth(first - 1).unwrap_or_default().to_owned();
        Some(Origin { file: self.template.name.clone(), first, last, text })
    }

    /// A failed rendering in our words. `shown`: whether Tera's words hold nothing secret.
    fn failure(&self, failed: &Failed, facts: &Facts, shown: bool) -> Fault {
        let Failed { error: Error { message, bytes }, context } = failed;
        if shown && message == TOO_LONG {
            return Fault::new(format!("the rendered text is larger than {} MiB", RENDERED_BYTES >> 20))
                .at(self.place(0))
                .why("no cluster takes objects of that size")
                .hint("look for loops that repeat much; put large files into the image, or into a volume");
        }
        let touches = |path: &Vec<Token<'_>>| {
            let end = path.last().map_or(0, |token| token.bytes.end);
            path[0].bytes.start < bytes.end.max(bytes.start + 1) && bytes.start < end
        };
        let bound = scan::bound(&self.pieces);
        if let Some(fault) =
            self.paths().filter(touches).find_map(|path| self.undefined(&path, context, facts, &bound))
        {
            return fault;
        }
        let reads_env = self
            .pieces
            .iter()
            .filter(|piece| piece.spans(bytes.start))
            .flat_map(scan::uses)
            .any(|found| matches!(found, Use::Path(path) if path[0].text == "env"));
        let fault = Fault::new("this cannot be rendered").at(self.place(bytes.start));
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
        facts: &Facts,
        bound: &BTreeSet<&str>,
    ) -> Option<Fault> {
        let root = &path[0];
        if bound.contains(root.text) || root.text == "loop" {
            return None;
        }
        let Some(mut value) = context.get(root.text) else {
            let known = context.keys().map(String::as_str).chain(bound.iter().copied());
            return Some(
                Fault::new(format!("`{}` is not defined", root.text))
                    .at(self.place(root.bytes.start))
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
            let fault = Fault::new(format!("`{name}` is not defined")).at(self.place(field.bytes.start));
            let fallback = format!("write `{name} | default(value=…)` if it may be missing");
            return Some(match (root.text, facts.group(root.text).and_then(|group| group.get(field.text))) {
                (_, Some(Fact::Unset(why))) => fault.why(why.as_str()).hint(fallback),
                ("env", _) => fault
                    .why(format!("the environment has no `{}`", field.text))
                    .hint(format!("set it before you run this, or {fallback}")),
                _ => {
                    let known =
                        value.as_object().into_iter().flat_map(|fields| fields.keys().map(String::as_str));
                    fault.hint(did_you_mean(field.text, known).unwrap_or(fallback))
                }
            });
        }
        None
    }
}

/// A fault and its place in the template, in bytes.
type Refusal = (usize, Fault);

fn refuse_other_files(piece: &Piece<'_>) -> Result<(), Refusal> {
    let Some(first) = piece.tokens().first() else { return Ok(()) };
    let keyword = piece.keyword().unwrap_or_default();
    let other = ["include", "extends", "block", "endblock", "component", "endcomponent"].contains(&keyword);
    if other || matches!(first.text, "<" | "</") {
        let what = if other {
            format!("`{keyword}` has no place in a pipeline")
        } else {
            "components have no place in a pipeline".to_owned()
        };
        return Err((
            first.bytes.start,
            Fault::new(what)
                .why("a pipeline is one template, as it travels in one object and in one image")
                .hint("use `set`, `if` and `for`"),
        ));
    }
    Ok(())
}

fn refuse_use(found: &Use<'_>) -> Result<(), Refusal> {
    let unknown = |token: &Token<'_>, what: &str, known: &mut dyn Iterator<Item = &'static str>| {
        let known: Vec<&str> = known.collect();
        if known.contains(&token.text) {
            return Ok(());
        }
        let hint = did_you_mean(token.text, known.iter().copied())
            .unwrap_or_else(|| format!("there are: {}", known.join(", ")));
        Err((token.bytes.start, Fault::new(format!("there is no {what} `{}`", token.text)).hint(hint)))
    };
    match found {
        Use::Filter(token) => unknown(token, "filter", &mut filters::filters()),
        Use::Test(token) => unknown(token, "test", &mut filters::tests()),
        Use::Function(token) => unknown(token, "function", &mut filters::functions()),
        Use::Bound(token) if RESERVED.contains(&token.text) => Err((token.bytes.start,
            Fault::new(format!("a template cannot make its own `{}`", token.text))
                .why("the name means something else")
                .hint("choose another name"),
        )),
        Use::Path(path) if path[0].text == "env" && path.len() == 1 => Err((path[0].bytes.start,
            Fault::new("`env` is no object")
                .why("only what a template reads literally is read from the environment and kept for later builds")
                .hint("write env.NAME, once for each variable"),
        )),
        Use::Path(path) if path[0].text == "__tera_context" => {
            Err((path[0].bytes.start,
                Fault::new("a template cannot list everything that it could read")
                    .hint("write the names of what it needs"),
            ))
        }
        Use::Bound(_) | Use::Path(_) => Ok(()),
    }
}

/// Reads the documents of a rendered text and tells their faults, and where it is `traced` them, too, which template lines
/// they come from.
pub(super) fn read(
    checked: &Checked<'_>,
    text: &str,
    behind: Behind<'_>,
    traced: bool,
) -> Result<Vec<Document>, Fault> {
    let mut found = documents::read(RENDERED, text).map_err(|fault| {
        let origin = fault.place.as_ref().and_then(|place| checked.origin(behind(place.line)));
        fault.from(origin)
    })?;
    for document in found.iter_mut().filter(|_| traced) {
        document.from = behind(document.line);
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
