//! A word of a command line that begins with a dash, as the parser reads it.

use clap::{Arg, Command};

/// The flags of one word.
pub(super) struct FlagWord<'a> {
    /// All of them: of `-vn` two.
    pub(super) flags: Vec<&'a Arg>,
    /// The one whose value is the word after this one.
    pub(super) next: Option<&'a Arg>,
}

impl<'a> FlagWord<'a> {
    /// Reads a word; none where the command has no such flag.
    pub(super) fn read(word: &str, command: &'a Command) -> Option<Self> {
        let apart = |arg: &Arg| arg.get_action().takes_values() && !arg.is_require_equals_set();
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let arg = command.get_arguments().find(|arg| arg.get_long() == Some(name))?;
            return Some(Self {
                flags: vec![arg],
                next: Some(arg).filter(|arg| value.is_none() && apart(arg)),
            });
        }
        // of `-vn x` the first that takes a value has the rest of the word, or else the next one
        let (mut flags, mut letters) = (Vec::new(), word.strip_prefix('-')?.chars());
        while let Some(letter) = letters.next() {
            let arg = command.get_arguments().find(|arg| arg.get_short() == Some(letter))?;
            flags.push(arg);
            if arg.get_action().takes_values() {
                let next = Some(arg).filter(|arg| letters.as_str().is_empty() && apart(arg));
                return Some(Self { flags, next });
            }
        }
        Some(Self { flags, next: None })
    }
}
