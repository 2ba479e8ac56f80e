//! What a person should know, though nothing is refused for it.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

pub use crate::keel::lint::Severity;

/// The stable name of a finding.
pub type LintCode = Cow<'static, str>;

/// A word of the rendered text, and the one right thing to write instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintFix {
    /// Line in the rendered text, from 1.
    pub line: usize,
    /// Column of its first letter, from 1.
    pub column: usize,
    /// The word as it stands there.
    pub written: String,
    /// What to write.
    pub instead: String,
}

/// What a fault is called, where it has a name of its own, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedFault {
    /// Its stable name.
    pub code: LintCode,
    /// What to write instead, where only one thing is right.
    pub fix: Option<LintFix>,
}

/// Something that a person should know, though nothing is refused for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanNotice {
    /// Its stable name; none for what is true of every pipeline that is looked at.
    pub code: Option<LintCode>,
    /// How much it matters; never an error.
    pub severity: Severity,
    /// The object, as `Kind/name`; or the file or flag that a value comes from.
    pub about: String,
    /// The template lines that it is about, from 1, where known.
    pub lines: Option<RangeInclusive<usize>>,
    /// Line and column in the rendered text, from 1, where it is about a field.
    pub place: Option<(usize, usize)>,
    /// What there is to know.
    pub text: String,
    /// Why it is so.
    pub why: Option<String>,
    /// What to do.
    pub remedy: Option<String>,
    /// What to write instead, where only one thing is right.
    pub fix: Option<LintFix>,
}

impl PlanNotice {
    /// A warning that only says what there is to know.
    pub fn new(about: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            code: None,
            severity: Severity::Warning,
            about: about.into(),
            lines: None,
            place: None,
            text: text.into(),
            why: None,
            remedy: None,
            fix: None,
        }
    }

    /// Gives it its stable name.
    #[must_use]
    pub fn coded(mut self, code: &'static str) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Says that it may well be as meant.
    #[must_use]
    pub fn note(mut self) -> Self {
        self.severity = Severity::Note;
        self
    }

    /// Adds the reason.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Adds what to write, if that is certain.
    #[must_use]
    pub fn fixed(mut self, fix: Option<LintFix>) -> Self {
        self.fix = fix;
        self
    }
}

impl fmt::Display for PlanNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { about, lines, text, .. } = self;
        match lines.as_ref().map(|lines| (lines.start(), lines.end())) {
            Some((first, last)) if first == last => write!(f, "{about} (line {first}): {text}")?,
            Some((first, last)) => write!(f, "{about} (lines {first} to {last}): {text}")?,
            None => write!(f, "{about}: {text}")?,
        }
        for (link, said) in [(": ", &self.why), ("; ", &self.remedy)] {
            if let Some(said) = said {
                write!(f, "{link}{said}")?;
            }
        }
        Ok(())
    }
}
