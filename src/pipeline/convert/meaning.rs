//! What a part of a Go template stands for: values, facts, variables, and the expressions made of them.

use super::phrase::{Holds, Phrased, TeraPhrase, TextPart, is_plain};
use crate::pipeline::facts::RESERVED;
use crate::pipeline::uses::KEYWORDS;

/// What something stands for.
#[derive(Debug, Clone)]
pub(super) enum Meaning {
    /// All that the template is given: `.` at the top.
    Root,
    /// `.duat`: stencil's facts.
    Facts,
    /// `.Env`.
    Env,
    /// A mapping that was written down, so that what it holds keeps its meaning.
    Record(Vec<(String, Meaning)>),
    Phrase(TeraPhrase),
    /// Nothing that could be read, and why.
    Nothing(&'static str),
}

impl From<TeraPhrase> for Meaning {
    fn from(phrase: TeraPhrase) -> Self {
        Self::Phrase(phrase)
    }
}

impl Meaning {
    /// The fields below it.
    ///
    /// # Errors
    /// A fact that there is not here, or a field of something that has none.
    pub(super) fn fields(&self, names: &[String]) -> Result<Self, String> {
        names.iter().try_fold(self.clone(), |meaning, name| meaning.field(name))
    }

    pub(super) fn field(&self, name: &str) -> Result<Self, String> {
        Ok(match self {
            Self::Root => match name {
                "duat" => Self::Facts,
                "Env" => Self::Env,
                name => Self::Phrase(value(name)?),
            },
            Self::Facts => Self::Phrase(fact(name)?),
            Self::Env => Self::Phrase(env(name)?),
            Self::Record(fields) => match fields.iter().rev().find(|(field, _)| field == name) {
                Some((_, meaning)) => meaning.clone(),
                None => return Err(format!("the mapping has no `{name}`")),
            },
            Self::Phrase(phrase) => Self::Phrase(phrase.field(name)?),
            Self::Nothing(why) => return Err((*why).to_owned()),
        })
    }

    /// Its expression.
    ///
    /// # Errors
    /// What has none.
    pub(super) fn phrase(&self) -> Phrased {
        match self {
            Self::Phrase(phrase) => Ok(phrase.clone()),
            Self::Record(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), value.phrase()?)));
                TeraPhrase::map(&fields.collect::<Result<Vec<_>, String>>()?)
            }
            Self::Root => {
                Err("all values at once have no counterpart, since Go means facts and environment, \
                               too; name those that are meant"
                    .to_owned())
            }
            Self::Facts => Err("all facts at once have no counterpart; name those that are meant".to_owned()),
            Self::Env => {
                Err("the whole environment has no counterpart; name the variables that are meant".to_owned())
            }
            Self::Nothing(why) => Err((*why).to_owned()),
        }
    }
}

/// A value.
fn value(name: &str) -> Phrased {
    if !is_plain(name) || KEYWORDS.contains(&name) || name == "continue" {
        return TeraPhrase::name("values", Holds::Map).item(&TeraPhrase::literal(name));
    }
    let text = if RESERVED.contains(&name) { format!("values.{name}") } else { name.to_owned() };
    Ok(TeraPhrase::name(text, Holds::Anything))
}

/// A variable of the environment.
pub(super) fn env(name: &str) -> Phrased {
    if !is_plain(name) {
        return Err(format!("`{name}` can be no variable of the environment"));
    }
    let mut phrase = TeraPhrase::name(format!("env.{name}"), Holds::Text);
    phrase.missing = true;
    Ok(phrase)
}

/// One of stencil's facts.
fn fact(name: &str) -> Phrased {
    let ours = match name {
        "gitHash" => "git.hash",
        "gitBranch" => "git.branch",
        "gitTag" => "git.tag",
        "gitURL" => "git.url",
        "gitDir" => "git.dir",
        "version" => "git.version",
        "module" => "git.module",
        "userID" => "user.id",
        "userName" => "user.name",
        "userGroupID" => "user.group_id",
        "awsecr" => {
            return Err(
                "nobody asks AWS for the registry here: give its name as a value, with --set".to_owned()
            );
        }
        name => return Err(format!("stencil has no fact `{name}`")),
    };
    let mut phrase = TeraPhrase::name(ours, Holds::Text);
    phrase.missing = true;
    Ok(phrase)
}

/// A text in which `$X` and `${X}` stand for variables of the environment.
///
/// # Errors
/// A variable that has no name of one.
pub(super) fn expanded(text: &str) -> Phrased {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let after = &rest[at + 1..];
        let (name, length) = if let Some(inner) = after.strip_prefix('{') {
            let end = inner.find('}').ok_or("a `${` has no end")?;
            (&inner[..end], end + 2)
        } else {
            let letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let end = after.find(|it: char| !letter(it)).unwrap_or(after.len());
            (&after[..end], end)
        };
        parts.push(TextPart::Text(rest[..at].to_owned()));
        parts.push(TextPart::Value(env(name)?));
        rest = &after[length..];
    }
    parts.push(TextPart::Text(rest.to_owned()));
    concat(parts)
}

/// One text of parts.
pub(super) fn concat(parts: Vec<TextPart>) -> Phrased {
    let mut all: Vec<TextPart> = Vec::new();
    for part in parts {
        let inner = match part {
            TextPart::Value(TeraPhrase { literal: Some(text), .. }) => vec![TextPart::Text(text)],
            TextPart::Value(TeraPhrase { pieces: Some(pieces), .. }) => pieces,
            part => vec![part],
        };
        for part in inner {
            match (all.last_mut(), part) {
                (_, TextPart::Text(text)) if text.is_empty() => {}
                (Some(TextPart::Text(before)), TextPart::Text(text)) => before.push_str(&text),
                (_, part) => all.push(part),
            }
        }
    }
    match &all[..] {
        [] => return Ok(TeraPhrase::literal("")),
        [TextPart::Text(text)] => return Ok(TeraPhrase::literal(text)),
        [TextPart::Value(value)] if value.holds == Holds::Text => return Ok(value.clone()),
        _ => {}
    }
    let mut format = String::new();
    let mut values = Vec::new();
    for part in &all {
        match part {
            TextPart::Text(text) => format += &text.replace('%', "%%"),
            TextPart::Value(value) => {
                if !prints(value) {
                    return Err(NO_NOTATION.to_owned());
                }
                format += "%v";
                values.push(value.clone());
            }
        }
    }
    let mut phrase = printf(&format, &values)?;
    phrase.pieces = Some(all);
    Ok(phrase)
}

/// Values with blanks between them.
pub(super) fn spaced(parts: &[TeraPhrase]) -> Vec<TextPart> {
    let mut all = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            all.push(TextPart::Text(" ".to_owned()));
        }
        all.push(TextPart::Value(part.clone()));
    }
    all
}

/// A text by Go's printf.
pub(super) fn printf(format: &str, values: &[TeraPhrase]) -> Phrased {
    let arguments = [("format", &TeraPhrase::literal(format)), ("args", &TeraPhrase::list(values)?)];
    TeraPhrase::function("go_printf", &arguments, Holds::Text)
}

/// Why a list cannot be written.
pub(super) const NO_NOTATION: &str = "Go writes a list or a mapping in a notation of its own, which is no YAML; join it, or write it by `toJson`";

/// Whether something can be written.
pub(super) fn prints(phrase: &TeraPhrase) -> bool {
    matches!(phrase.holds, Holds::Anything | Holds::Text | Holds::Number | Holds::Bool)
}
