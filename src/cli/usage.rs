//! A command line that cannot be understood, in kubectl's words.

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::CALLED;
use super::failure::Failure;
use super::flag_word::FlagWord;
use super::output::Sentence;

/// What clap has to say: a text that was asked for, or a failure.
pub(super) fn explain(
    error: &clap::Error,
    args: &[OsString],
    command: &clap::Command,
) -> Result<String, Failure> {
    let called = called(args, command);
    let told = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let flag = name(&told(ContextKind::InvalidArg));
    let what = match error.kind() {
        // A bare `kubectl studioci` is a question, not a mistake; kubectl answers it the same way.
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return Ok(error.to_string()),
        ErrorKind::UnknownArgument => unknown(&flag),
        ErrorKind::InvalidSubcommand => {
            format!("unknown command \"{}\" for \"{called}\"", told(ContextKind::InvalidSubcommand))
        }
        ErrorKind::InvalidValue if told(ContextKind::InvalidValue).is_empty() => {
            format!("flag needs an argument: {flag}")
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => invalid(error, &flag),
        ErrorKind::ArgumentConflict => conflict(error, &flag),
        ErrorKind::MissingRequiredArgument => format!("{flag} is required"),
        ErrorKind::NoEquals => format!("flag needs \"=\" before its value: {flag}"),
        ErrorKind::TooManyValues => format!("{flag} takes no value"),
        _ => error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    };
    let mut failure = Failure::usage(what);
    if let Some(nearest) = nearest(error) {
        failure = failure.hint(format!("\nDid you mean this?\n\t{nearest}\n"));
    }
    Err(failure.hint(format!("See '{called} --help' for usage.")))
}

/// `--chain <NAME>` or `-o <FORMAT>` without what stands for its value, `[NAMESPACE]...` without its brackets; several
/// are parted by commas.
fn name(arg: &str) -> String {
    let bare = |arg: &str| match arg.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((positional, _)) => positional.to_owned(),
        None => arg.split([' ', '=', '[']).next().unwrap_or(arg).to_owned(),
    };
    arg.split(", ").map(bare).collect::<Vec<_>>().join(", ")
}

fn unknown(flag: &str) -> String {
    match flag.strip_prefix('-') {
        Some(long) if long.starts_with('-') => format!("unknown flag: {flag}"),
        Some(short) if !short.is_empty() => {
            let letter = short.chars().next().unwrap_or_default();
            format!("unknown shorthand flag: '{letter}' in -{short}")
        }
        _ => format!("unexpected argument \"{flag}\""),
    }
}

fn invalid(error: &clap::Error, flag: &str) -> String {
    let source = std::error::Error::source(error);
    if let Some(sentence) = source.filter(|source| source.is::<Sentence>()) {
        return sentence.to_string();
    }
    let value = error.get(ContextKind::InvalidValue).map(ToString::to_string).unwrap_or_default();
    let mut text = format!("invalid argument \"{value}\" for {flag}");
    if let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue) {
        let _ = write!(text, ", allowed are: {}", valid.join(","));
    } else if let Some(source) = source {
        let _ = write!(text, ": {source}");
    }
    text
}

fn conflict(error: &clap::Error, flag: &str) -> String {
    let prior = match error.get(ContextKind::PriorArg) {
        Some(ContextValue::Strings(several)) => several.join(", "),
        Some(ContextValue::String(one)) => one.clone(),
        _ => String::new(),
    };
    let prior = name(&prior);
    if prior.is_empty() || prior == flag {
        format!("{flag} was given twice")
    } else {
        format!("{flag} cannot be used with {prior}")
    }
}

/// The flag, verb or value that was meant, as far as clap can guess.
fn nearest(error: &clap::Error) -> Option<String> {
    [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| match error.get(kind)? {
            ContextValue::String(one) => Some(name(one)),
            // clap puts the nearest last.
            ContextValue::Strings(several) if !several.is_empty() => {
                Some(several.iter().rev().map(String::as_str).collect::<Vec<_>>().join("\n\t"))
            }
            _ => None,
        })
}

/// The command as typed, down to the verb that clap was reading: verbs stand before anything else but flags and their
/// values, and what comes after another word is that word's.
fn called(args: &[OsString], command: &clap::Command) -> String {
    let mut called = CALLED.to_owned();
    let mut command = command;
    let mut words = args.iter().skip(1).filter_map(|arg| arg.to_str());
    while let Some(word) = words.next() {
        if word.starts_with('-') && word.len() > 1 {
            match FlagWord::read(word, command) {
                Some(FlagWord { next: Some(_), .. }) => drop(words.next()),
                Some(_) => {}
                None => break,
            }
        } else if let Some(verb) = command.find_subcommand(word) {
            let _ = write!(called, " {word}");
            command = verb;
        } else {
            break;
        }
    }
    called
}
