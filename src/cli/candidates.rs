//! What may come next on a command line: verbs, flags and values, read off the very command that parses it.

use std::error::Error;

use clap::{Arg, ArgAction, Command, ValueHint};

use super::flag_word::FlagWord;
use super::named::{OF_BUILD, OF_CHAIN};
use super::output::Sentence;
use crate::pipeline::documents::steers;

/// A word that may stand there, and what is told of it, if anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) word: String,
    pub(super) told: String,
}

impl Candidate {
    /// Of both one line: a tab or a line break would end it.
    pub(super) fn new(word: impl Into<String>, told: &str) -> Self {
        let told = told.lines().next().unwrap_or_default().replace(char::is_control, " ");
        Self { word: word.into(), told: told.trim_end_matches('.').to_owned() }
    }
}

/// Where more is known of a word than the command itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    /// Nowhere.
    Nothing,
    /// It is a file, which a shell finds better.
    Files,
    /// The kubeconfig's contexts.
    Contexts,
    /// The kubeconfig's clusters.
    Clusters,
    /// The kubeconfig's users.
    Users,
    /// The cluster's chains.
    Chains,
    /// The cluster's chains and builds.
    ChainsAndBuilds,
    /// The cluster's builds.
    Builds,
    /// The cluster's builds and bare claims.
    Namespaces,
}

impl Beyond {
    /// What completes a name behind its kind, as `-o name` prints it: `chain/ma`.
    fn behind_kind(self, begun: &str) -> Option<Completion> {
        let named = [Self::Chains, Self::ChainsAndBuilds, Self::Builds, Self::Namespaces].contains(&self);
        let (kind, name) = begun.split_once('/').filter(|_| named)?;
        let is = |kinds: &[&str]| kinds.iter().any(|known| kind.eq_ignore_ascii_case(known));
        let beyond = match self {
            Self::ChainsAndBuilds if is(&OF_BUILD) => Self::Builds,
            Self::Builds | Self::Namespaces if is(&OF_BUILD) => self,
            Self::ChainsAndBuilds | Self::Chains if is(&OF_CHAIN) => Self::Chains,
            _ => Self::Nothing,
        };
        let (listed, begun) = (format!("{kind}/"), name.to_owned());
        Some(Completion { beyond, begun, listed, ..Completion::nothing() })
    }
}

/// What completes a word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Completion {
    pub(super) candidates: Vec<Candidate>,
    pub(super) beyond: Beyond,
    /// The words before that say how to connect.
    pub(super) connection: Vec<String>,
    /// What there is of the word, or of the flag's value in it.
    begun: String,
    /// What stands before that in a list.
    listed: String,
    /// What need not be said again.
    taken: Vec<String>,
}

impl Completion {
    /// What completes the last of these words, of which the program's name is none.
    pub(super) fn of(words: &[String]) -> Self {
        let mut root = super::command();
        // hands the flags that all verbs have to each of them
        root.build();
        let (last, before) = words.split_last().map_or(("", &[][..]), |(last, before)| (last, before));
        let mut place = Place {
            root: &root,
            command: &root,
            path: Vec::new(),
            awaits: None,
            given: Vec::new(),
            others: Vec::new(),
            flags_over: false,
            connection: Vec::new(),
        };
        for word in before {
            place.pass(word);
        }
        let mut completion = place.completion(last);
        let own = std::mem::take(&mut completion.candidates);
        completion.add(own);
        completion.connection = place.connection;
        completion
    }

    /// Takes what fits.
    pub(super) fn add(&mut self, more: impl IntoIterator<Item = Candidate>) {
        let fits = |it: &Candidate| {
            // another word than this would be no name, and as it is it steers the terminal
            let plain = !it.word.contains(steers);
            plain && it.word.starts_with(self.begun.as_str()) && !self.taken.contains(&it.word)
        };
        let whole = |it: Candidate| Candidate { word: format!("{}{}", self.listed, it.word), ..it };
        self.candidates.extend(more.into_iter().filter(fits).map(whole));
    }

    fn nothing() -> Self {
        Self {
            candidates: Vec::new(),
            beyond: Beyond::Nothing,
            connection: Vec::new(),
            begun: String::new(),
            listed: String::new(),
            taken: Vec::new(),
        }
    }
}

/// Where on the command line the next word stands.
struct Place<'a> {
    root: &'a Command,
    /// The verb's, once it was named.
    command: &'a Command,
    /// The verbs down to it.
    path: Vec<&'a str>,
    /// The flag whose value comes next.
    awaits: Option<&'a Arg>,
    /// The flags that were given.
    given: Vec<&'a Arg>,
    /// The words that are neither verb nor flag.
    others: Vec<String>,
    /// Whether `--` has ended the flags.
    flags_over: bool,
    /// The flags that all verbs have, as they were written.
    connection: Vec<String>,
}

impl Place<'_> {
    /// Goes past a word.
    fn pass(&mut self, word: &str) {
        if let Some(flag) = self.awaits.take() {
            if flag.is_global_set() {
                self.connection.push(word.to_owned());
            }
        } else if !self.flags_over && word == "--" {
            self.flags_over = true;
        } else if !self.flags_over && word.len() > 1 && word.starts_with('-') {
            if let Some(read) = FlagWord::read(word, self.command) {
                if read.flags.iter().all(|flag| flag.is_global_set()) {
                    self.connection.push(word.to_owned());
                }
                self.given.extend(read.flags);
                self.awaits = read.next;
            }
        } else if let (true, Some(verb)) = (self.others.is_empty(), self.command.find_subcommand(word)) {
            self.command = verb;
            self.path.push(verb.get_name());
        } else {
            self.others.push(word.to_owned());
        }
    }

    fn completion(&self, last: &str) -> Completion {
        if let Some(flag) = self.awaits {
            return self.value(flag, last);
        }
        if !self.flags_over && last.starts_with('-') {
            let Some((name, value)) = last.split_once('=') else { return self.flags(last) };
            let read = FlagWord::read(name, self.command).and_then(|read| read.flags.last().copied());
            return match read.filter(|flag| flag.get_action().takes_values()) {
                Some(flag) => self.value(flag, value),
                None => Completion::nothing(),
            };
        }
        if self.command.has_subcommands() {
            // a word that is no verb stands where one should
            let verbs = self.command.get_subcommands().filter(|verb| !verb.is_hide_set());
            let verbs = verbs.filter(|_| self.others.is_empty() && !self.flags_over);
            let told = |verb: &Command| verb.get_about().map(ToString::to_string).unwrap_or_default();
            let candidates = verbs.map(|verb| Candidate::new(verb.get_name(), &told(verb))).collect();
            return Completion { candidates, begun: last.to_owned(), ..Completion::nothing() };
        }
        let all: Vec<&Arg> = self.command.get_positionals().collect();
        let repeated = |arg: &&&Arg| matches!(arg.get_action(), ArgAction::Append);
        match all.get(self.others.len()).or_else(|| all.last().filter(repeated)) {
            Some(arg) => {
                let bare = |word: &String| word.rsplit('/').next().unwrap_or_default().to_owned();
                Completion { taken: self.others.iter().map(bare).collect(), ..self.value(arg, last) }
            }
            None => Completion::nothing(),
        }
    }

    /// Flags that have not been given, and do not contradict one that has.
    fn flags(&self, last: &str) -> Completion {
        let against = |one: &Arg, other: &Arg| {
            self.command.get_arg_conflicts_with(one).iter().any(|it| it.get_id() == other.get_id())
        };
        let over = |arg: &Arg| {
            let once = !matches!(arg.get_action(), ArgAction::Append | ArgAction::Count);
            self.given.iter().any(|given| {
                (once && given.get_id() == arg.get_id()) || against(given, arg) || against(arg, given)
            })
        };
        let mut candidates = Vec::new();
        for arg in self.command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set()) {
            if over(arg) {
                continue;
            }
            let told = arg.get_help().map(ToString::to_string).unwrap_or_default();
            candidates.extend(arg.get_long().map(|long| Candidate::new(format!("--{long}"), &told)));
            candidates.extend(arg.get_short().map(|short| Candidate::new(format!("-{short}"), &told)));
        }
        Completion { candidates, begun: last.to_owned(), ..Completion::nothing() }
    }

    /// Values of a flag, or of what else is asked for.
    fn value(&self, arg: &Arg, begun: &str) -> Completion {
        let values = arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
        let told =
            |help: Option<&clap::builder::StyledStr>| help.map(ToString::to_string).unwrap_or_default();
        let mut candidates: Vec<Candidate> =
            values.map(|value| Candidate::new(value.get_name(), &told(value.get_help()))).collect();
        if candidates.is_empty() {
            candidates = self.allowed(arg).iter().map(|word| Candidate::new(word, "")).collect();
        }
        let beyond = if candidates.is_empty() { beyond(arg) } else { Beyond::Nothing };
        if let Some(behind) = beyond.behind_kind(begun) {
            return behind;
        }
        let (listed, begun) = match arg.get_value_delimiter().and_then(|comma| begun.rfind(comma)) {
            Some(at) => begun.split_at(at + 1),
            None => ("", begun),
        };
        let taken = listed.split_terminator(',').map(str::to_owned).collect();
        let (listed, begun) = (listed.to_owned(), begun.to_owned());
        Completion { candidates, beyond, begun, listed, taken, ..Completion::nothing() }
    }

    /// What the flag's own parser names when it refuses a word: it keeps no list that could be asked for.
    fn allowed(&self, flag: &Arg) -> Vec<String> {
        let Some(long) = flag.get_long() else { return Vec::new() };
        let flag = format!("--{long}=");
        let words = std::iter::once(super::CALLED).chain(self.path.iter().copied());
        let refused =
            self.root.clone().try_get_matches_from(words.chain(std::iter::once(flag.as_str()))).err();
        let sentence = refused.as_ref().and_then(Error::source).and_then(|source| source.downcast_ref());
        sentence.map(|sentence: &Sentence| sentence.allowed.clone()).unwrap_or_default()
    }
}

/// Where more is known, by what the help calls the value.
fn beyond(arg: &Arg) -> Beyond {
    match arg.get_long() {
        Some("context" | "contexts") => return Beyond::Contexts,
        Some("cluster") => return Beyond::Clusters,
        Some("user") => return Beyond::Users,
        Some("chain") => return Beyond::Chains,
        _ => {}
    }
    let name = arg.get_value_names().and_then(<[_]>::first).map(ToString::to_string).unwrap_or_default();
    let is = |word: &str| name.split(['|', '=']).any(|part| part == word);
    if is("CHAIN") && is("BUILD") {
        Beyond::ChainsAndBuilds
    } else if is("CHAIN") {
        Beyond::Chains
    } else if is("BUILD") {
        Beyond::Builds
    } else if is("NAMESPACE") {
        Beyond::Namespaces
    } else if is("FILE") || arg.get_value_hint() == ValueHint::AnyPath {
        Beyond::Files
    } else {
        Beyond::Nothing
    }
}

#[cfg(test)]
#[path = "candidates_tests.rs"]
mod tests;
