//! What goes wrong, told once: what, where, why, what to do, and the exit code.

use std::fmt;
use std::io;

use crate::output::console::{Console, sanitise};

/// How a verb ends. One function gives the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitKind {
    /// Done, or the build passed.
    Done,
    /// The answer is no: Failed, Errored, Cancelled, or findings.
    No,
    /// A wrong command line, or a wrong configuration.
    Usage,
    /// The cluster cannot be reached or refuses.
    Cluster,
    /// It took too long.
    Timeout,
    /// What was ours is somebody else's now.
    OwnershipLost,
    /// Ctrl-C.
    Interrupted,
    /// Whoever read our stdout has gone: `status | head -1` has all that it wanted.
    ReaderGone,
}

impl ExitKind {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done | Self::ReaderGone => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Cluster => 3,
            Self::Timeout => 4,
            Self::OwnershipLost => 5,
            Self::Interrupted => 130,
        }
    }
}

/// Why a verb could not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code's name.
    pub kind: ExitKind,
    /// What went wrong and where, one sentence without a full stop; a line break in it is one that somebody else said.
    pub what: String,
    /// The cause.
    pub why: Option<Box<str>>,
    /// What to do about it.
    pub remedy: Option<Box<str>>,
    /// Further lines, printed as they are.
    pub hints: Vec<String>,
    /// Whether nobody wants to read of it.
    pub quiet: bool,
}

impl Failure {
    /// A failure of which only the sentence is known.
    pub fn new(kind: ExitKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), why: None, remedy: None, hints: Vec::new(), quiet: false }
    }

    /// A wrong command line or configuration.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(ExitKind::Usage, what)
    }

    /// Says why.
    #[must_use]
    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = Some(why.to_string().into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl fmt::Display) -> Self {
        self.remedy = Some(remedy.to_string().into());
        self
    }

    /// Adds a line that is printed as it is.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Prints it on stderr, unless it is a quiet one.
    pub fn print(&self, console: &mut Console) {
        if !self.quiet {
            console.talk_lines(&self.to_string());
        }
    }
}

impl fmt::Display for Failure {
    /// `error: …` as kubectl says it, then a line for each thing known, indented; no final newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", sanitise(&self.what))?;
        let known = [("why", self.why.as_deref()), ("remedy", self.remedy.as_deref())];
        for (name, text) in known {
            let Some(text) = text else { continue };
            let mut lines = text.lines();
            write!(f, "\n  {name}: {}", lines.next().unwrap_or_default())?;
            for line in lines {
                write!(f, "\n    {line}")?;
            }
        }
        self.hints.iter().try_for_each(|hint| write!(f, "\n{hint}"))
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    /// An error of our own stdout; files are [`Failure`]s with their path long before.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { quiet: true, ..Self::new(ExitKind::ReaderGone, "nobody reads stdout any more") };
        }
        Self::usage("stdout cannot be written").because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::console::StreamStyle;

    #[test]
    fn exit_codes_are_the_documented_ones() {
        for (kind, code) in [
            (ExitKind::Done, 0),
            (ExitKind::No, 1),
            (ExitKind::Usage, 2),
            (ExitKind::Cluster, 3),
            (ExitKind::Timeout, 4),
            (ExitKind::OwnershipLost, 5),
            (ExitKind::Interrupted, 130),
            (ExitKind::ReaderGone, 0),
        ] {
            assert_eq!(kind.code(), code, "{kind:?}");
        }
    }

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let failure = Failure::usage("undefined variable `repoo`")
            .because("no value has that name\nat line 3")
            .remedy("did you mean `repo`?")
            .hint("See 'kubectl studioci render --help' for usage.");
        assert_eq!(
            failure.to_string(),
            "error: undefined variable `repoo`\n  why: no value has that name\n    at line 3\n  remedy: did you mean `repo`?\nSee 'kubectl studioci render --help' for usage."
        );
    }

    #[test]
    fn what_others_say_begins_no_line_of_its_own() {
        let forged = "x: admission webhook \"w\" denied the request: no\nerror: and so on";
        let failure = Failure::usage(forged).because("a\nb").remedy("c\nd");
        assert_eq!(
            failure.to_string(),
            "error: x: admission webhook \"w\" denied the request: no\\nerror: and so on\n  why: a\n    b\n  remedy: c\n    d"
        );
    }

    #[test]
    fn a_reader_that_has_gone_is_passed_over_in_silence() {
        let (mut console, captured) = Console::captured(StreamStyle::default(), StreamStyle::default());
        Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).print(&mut console);
        assert_eq!(captured.err(), "");
        Failure::from(io::Error::from(io::ErrorKind::StorageFull)).print(&mut console);
        assert!(captured.err().starts_with("error: stdout cannot be written"), "{}", captured.err());
    }
}
