//! A template that parses and reads only what it may.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tera::{ErrorKind, Tera};

use super::habits::Looked;
use super::{elsewhere, unconverted};
use crate::pipeline::documents::Lines;
use crate::pipeline::facts::{Facts, RESERVED, Wanted};
use crate::pipeline::fault::{Fault, Location, Origin, did_you_mean};
use crate::pipeline::filters;
use crate::pipeline::scan::{self, Piece, Token};
use crate::pipeline::sources::Text;
use crate::pipeline::uses::{self, Use};

/// A template that parses and reads only what it may.
pub(in crate::pipeline) struct Checked<'a> {
    pub(in crate::pipeline) template: &'a Text,
    pub(in crate::pipeline) pieces: Vec<Piece<'a>>,
    pub(super) tera: Tera,
}

/// The name of the one template among Tera's.
pub(super) const INTERNAL: &str = "pipeline";

/// Parses a text with our filters.
///
/// # Errors
/// Tera's own, of a text that is no template.
pub(super) fn parse(text: &str) -> Result<Tera, tera::Error> {
    let mut tera = Tera::new();
    tera.autoescape_on(Vec::<&'static str>::new());
    filters::register(&mut tera);
    tera.add_raw_template(INTERNAL, text)?;
    Ok(tera)
}

/// Whether a text is a template if what it begins is ended, and what it ends is begun.
fn parses(text: &str) -> bool {
    let around = [
        ("", ""),
        ("", "{% endif %}"),
        ("", "{% endfor %}"),
        ("", "{% endset %}"),
        ("", "{% endfilter %}"),
        ("{% if true %}", ""),
        ("{% if true %}", "{% endif %}"),
        ("{% for x in [] %}", ""),
        ("{% for x in [] %}", "{% endfor %}"),
        ("{% set x %}", ""),
        ("{% filter upper %}", ""),
    ];
    around.iter().any(|(before, after)| parse(&format!("{before}{text}{after}")).is_ok())
}

impl<'a> Checked<'a> {
    /// Parses a template and refuses what it may not use.
    ///
    /// # Errors
    /// A template that is none, and every use of what no pipeline has: other files, unknown filters, tests and functions,
    /// names of its own for what means something else, `env` as an object.
    pub(in crate::pipeline) fn of(template: &'a Text) -> Result<Self, Fault> {
        Self::read(template).map_err(|fault| elsewhere::named(template, fault))
    }

    fn read(template: &'a Text) -> Result<Self, Fault> {
        let place = |offset: usize| Location::at_offset(&template.name, &template.text, offset);
        let parsed = parse(&template.text);
        let pieces = scan::pieces(&template.text);
        let looked = Looked::new(&template.text, &pieces, &parses);
        if let Err(error) = &parsed
            && let ErrorKind::SyntaxError(report) = error.kind()
        {
            let at = report.span().range.start;
            if let Some(habit) = looked.first(at) {
                let at = place(habit.at);
                return Err(habit.fault(at));
            }
            // what has no name here may be why the rest of the tag cannot be read
            for piece in pieces.iter().filter(|piece| piece.spans(at)) {
                let refused = refuse_other_files(piece)
                    .and_then(|()| uses::uses(piece).iter().try_for_each(refuse_use));
                refused.map_err(|(at, fault)| fault.at(place(at)))?;
            }
            return Err(Fault::new("the template cannot be read").at(place(at)).why(report.message()).hint(
                "text that holds `{{`, `{%` or `{#` for something else goes between {% raw %} and {% endraw %}",
            ));
        }
        for (index, piece) in pieces.iter().enumerate() {
            refuse_other_files(piece).map_err(|(at, fault)| fault.at(place(at)))?;
            for found in uses::uses(piece) {
                if let Use::Function(token) = &found
                    && token.text == unconverted::NAME
                {
                    return Err(unconverted::fault(piece, token).at(place(token.bytes.start)));
                }
                refuse_use(&found).map_err(|(at, fault)| match looked.of(index) {
                    Some(habit) => {
                        let at = place(habit.at);
                        habit.fault(at)
                    }
                    None => fault.at(place(at)),
                })?;
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

    /// What people write elsewhere, in the tag at a place.
    pub(super) fn habit(&self, at: usize) -> Option<Fault> {
        let index = self.pieces.iter().position(|piece| piece.spans(at))?;
        let habit = Looked::new(&self.template.text, &self.pieces, &parses).of(index)?;
        let place = self.place(habit.at);
        Some(habit.fault(place))
    }

    fn uses(&self) -> impl Iterator<Item = Use<'a>> {
        self.pieces.iter().flat_map(uses::uses)
    }

    pub(in crate::pipeline) fn paths(&self) -> impl Iterator<Item = Vec<Token<'a>>> {
        self.uses().filter_map(|found| match found {
            Use::Path(path) => Some(path),
            _ => None,
        })
    }

    /// The names of all `env.NAME`.
    pub(in crate::pipeline) fn env_names(&self) -> BTreeSet<String> {
        self.paths()
            .filter(|path| path[0].text == "env")
            .filter_map(|path| path.get(1).map(|name| name.text.to_owned()))
            .collect()
    }

    /// The facts of a group that it reads.
    pub(super) fn wanted(&self, group: &str) -> Wanted {
        let names = self
            .paths()
            .filter(|path| path[0].text == group)
            .map(|path| path.get(1).map(|name| name.text.to_owned()));
        names.collect::<Option<_>>().map_or(Wanted::All, Wanted::Only)
    }

    /// Faults a fact that does not exist under any circumstances, and is no value of that name: also in an `if`, where Tera
    /// would read it as false.
    ///
    /// # Errors
    /// The first such fact, with those that there are.
    pub(in crate::pipeline) fn known_facts(
        &self,
        facts: &Facts,
        values: &Map<String, Value>,
    ) -> Result<(), Fault> {
        for path in self.paths() {
            if let (root, Some(name)) = (&path[0], path.get(1))
                && let Some(group) = facts.group(root.text)
                && !group.contains_key(name.text)
                && values.get(root.text).and_then(|value| value.get(name.text)).is_none()
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

    pub(in crate::pipeline) fn place(&self, offset: usize) -> Location {
        Location::at_offset(&self.template.name, &self.template.text, offset)
    }

    /// The template lines of a fault's place in the rendered text.
    pub(in crate::pipeline) fn origin(&self, lines: Option<Lines>) -> Option<Origin> {
        let Lines { first, last } = lines?;
        let text = self.template.text.lines().nth(first - 1).unwrap_or_default().to_owned();
        Some(Origin { file: self.template.name.clone(), first, last, text, hidden: false })
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
        Use::Argument(of, name) => {
            let known = filters::arguments(of.text);
            if known.contains(&name.text) {
                return Ok(());
            }
            let hint = did_you_mean(name.text, known.iter().copied()).unwrap_or_else(|| match known {
                [] => "take it out: it takes none".to_owned(),
                known => format!("there are: {}", known.join(", ")),
            });
            let what = format!("`{}` has no argument `{}`", of.text, name.text);
            Err((name.bytes.start, Fault::new(what).why("Tera would read over it").hint(hint)))
        }
        Use::Bound(token) if RESERVED.contains(&token.text) => Err((token.bytes.start,
            Fault::new(format!("a template cannot make its own `{}`", token.text))
                .why("the name means something else")
                .hint("choose another name"),
        )),
        Use::Path(path) if path[0].text == "env" && path.len() == 1 => Err((path[0].bytes.start,
            Fault::new("`env` is no object")
                .why("only what a template reads literally is read from the environment and kept for later builds")
                .hint("write env.NAME, once for each variable; a value with the name `env` is read as values.env"),
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
