//! What a shell script calls, as far as can be told without running it.
//!
//! Enough of a shell's grammar to find commands with their lines: quotes, `$( … )`, comments, here-documents and words that go on
//! on the next line. Nothing is expanded. What stands in quotes behind `sh -c`, `eval` and `trap` is a script, too.

mod scanner;

use std::ops::RangeInclusive;

pub(super) use scanner::steps;

/// One thing that a script does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShellStep {
    /// Its lines, from 1.
    pub(super) lines: RangeInclusive<usize>,
    /// What it is.
    pub(super) kind: StepKind,
    /// Whether it ends at `&`: nobody waits for it.
    pub(super) aside: bool,
    /// Whether it stands within a word of another one: `$( … )`, or a quoted script.
    pub(super) nested: bool,
}

/// What a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StepKind {
    /// A word of the shell's own (`while`, `do`, `{` …), with what stands behind a `for`.
    Keyword(String),
    /// A command with its words, quotes taken off.
    Command(Vec<String>),
}

impl ShellStep {
    pub(super) fn keyword(&self) -> Option<&str> {
        match &self.kind {
            StepKind::Keyword(word) => Some(word),
            StepKind::Command(_) => None,
        }
    }

    pub(super) fn words(&self) -> &[String] {
        match &self.kind {
            StepKind::Command(words) => words,
            StepKind::Keyword(_) => &[],
        }
    }

    /// The words as one line.
    pub(super) fn told(&self) -> String {
        self.words().join(" ")
    }
}

const KEYWORDS: [&str; 14] =
    ["if", "then", "elif", "else", "fi", "while", "until", "do", "done", "{", "}", "!", "function", "time"];

/// The words of a command that are scripts.
fn scripts_in(words: &[String]) -> impl Iterator<Item = &str> {
    let program = words[0].rsplit('/').next().unwrap_or_default();
    let at = match program {
        "sh" | "bash" | "dash" | "ash" | "ksh" | "zsh" => {
            words.iter().position(|word| word.starts_with('-') && word.ends_with('c')).map(|at| at + 1)
        }
        "eval" | "trap" => Some(1),
        _ => None,
    };
    at.and_then(|at| words.get(at)).map(String::as_str).into_iter()
}

/// The words of a command behind `kubectl`, however it is called; none if it calls something else.
pub(super) fn kubectl(words: &[String]) -> Option<&[String]> {
    let is_setting = |word: &String| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    };
    let wraps = |word: &String| {
        matches!(
            word.as_str(),
            "sudo" | "exec" | "command" | "env" | "nohup" | "microk8s" | "k3s" | "minikube"
        )
    };
    let at = words.iter().position(|word| !is_setting(word) && !wraps(word))?;
    let program = words[at].rsplit('/').next().unwrap_or_default();
    matches!(program, "kubectl" | "microk8s.kubectl" | "oc").then(|| &words[at + 1..])
}

/// The steps of a command as an object has it, and of the script that it brings.
pub(super) fn of_command(words: &[String]) -> Vec<ShellStep> {
    if words.is_empty() {
        return Vec::new();
    }
    let mut all: Vec<ShellStep> = scripts_in(words).flat_map(steps).collect();
    let kind = StepKind::Command(words.to_vec());
    all.push(ShellStep { lines: 1..=1, kind, aside: false, nested: false });
    all
}

/// A loop that nothing ends, or a command that waits for ever.
pub(super) fn endless(steps: &[ShellStep]) -> Vec<RangeInclusive<usize>> {
    let mut found = Vec::new();
    for (at, step) in steps.iter().enumerate().filter(|(_, step)| !step.nested) {
        let follows = steps.get(at + 1).map(ShellStep::told).unwrap_or_default();
        let begins = match step.keyword() {
            Some("while") => matches!(
                follows.as_str(),
                "true" | ":" | "[ 1 ]" | "[ true ]" | "test 1" | "((1))" | "/bin/true"
            ),
            Some("until") => matches!(follows.as_str(), "false" | "/bin/false" | "((0))"),
            Some(word) => word.strip_prefix("for ").is_some_and(|rest| rest == "((;;))"),
            None => {
                let told = step.told();
                let waits = told == "sleep infinity" || told == "tail -f /dev/null" || told == "sleep inf";
                if waits && !step.aside {
                    found.push(step.lines.clone());
                }
                false
            }
        };
        let Some(end) = begins.then(|| done_of(steps, at)).flatten() else { continue };
        let leaves = |step: &ShellStep| {
            matches!(step.words().first().map(String::as_str), Some("break" | "exit" | "return" | "exec"))
        };
        if !steps[end].aside && !steps[at..end].iter().any(leaves) {
            found.push(*step.lines.start()..=*steps[end].lines.end());
        }
    }
    found
}

/// The `done` of a loop.
fn done_of(steps: &[ShellStep], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, step) in steps.iter().enumerate().skip(at) {
        match step.keyword() {
            Some("do") => depth += 1,
            Some("done") if depth <= 1 => return Some(index),
            Some("done") => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
