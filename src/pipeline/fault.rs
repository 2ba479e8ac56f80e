//! What is wrong with a pipeline: what, where, why, and what to do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::notice::{LintFix, NamedFault};
use crate::keel::nearest::nearest;

/// Several faults, all found in one go.
pub type Faults = Vec<Fault>;

/// A place in a text, with the line itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// Name of the text, as the person knows it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1; 0 when only the line is known.
    pub column: usize,
    /// The line itself.
    pub text: String,
}

impl Location {
    /// The place at a line and column (both from 1) of a text. What lies behind its end is at its end.
    pub fn of(file: &str, text: &str, line: usize, column: usize) -> Self {
        let lines = lines(text);
        let number = line.clamp(1, lines.len());
        let text = lines[number - 1].to_owned();
        let end = text.chars().count() + 1;
        let column = if line > number { end } else { column.min(end) };
        Self { file: file.to_owned(), line: number, column, text }
    }

    /// The place at a byte offset of a text.
    pub fn at_offset(file: &str, text: &str, offset: usize) -> Self {
        let before = lines(text.get(..offset).unwrap_or(text));
        let column = before.last().map_or(0, |line| line.chars().count()) + 1;
        Self::of(file, text, before.len(), column)
    }
}

/// The lines of a text, of which there is always one, without their ends. A carriage return alone ends one, too, as in YAML.
fn lines(text: &str) -> Vec<&str> {
    let ends =
        |(at, sign): &(usize, char)| *sign == '\n' || (*sign == '\r' && !text[at + 1..].starts_with('\n'));
    let mut start = 0;
    let mut lines: Vec<&str> = Vec::new();
    for (at, _) in text.char_indices().filter(ends) {
        lines.push(text[start..at].trim_end_matches('\r'));
        start = at + 1;
    }
    lines.push(&text[start..]);
    lines
}

/// The template lines that a rendered line comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the template.
    pub file: String,
    /// First line, from 1.
    pub first: usize,
    /// Last line, from 1, never before the first.
    pub last: usize,
    /// The template's own text of the first line.
    pub text: String,
    /// Whether it may hold what nobody is to see: then it is not shown.
    pub hidden: bool,
}

/// What is wrong, where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Fault {
    /// What is wrong, in one sentence.
    pub what: String,
    /// Where: in the template, a values file or the rendered text.
    pub place: Option<Box<Location>>,
    /// For a place in the rendered text: the template lines it comes from.
    pub origin: Option<Box<Origin>>,
    /// Why it is wrong.
    pub why: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// What it is called, where it has a name of its own.
    pub named: Option<Box<NamedFault>>,
}

impl Fault {
    /// A fault that only says what is wrong.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), place: None, origin: None, why: None, hint: None, named: None }
    }

    /// Adds the place.
    #[must_use]
    pub fn at(mut self, place: Location) -> Self {
        self.place = Some(Box::new(place));
        self
    }

    /// Adds the template lines behind the place.
    #[must_use]
    pub fn from(mut self, origin: Option<Origin>) -> Self {
        self.origin = origin.map(Box::new);
        self
    }

    /// Names the template, and shows its line, where the template lines are known by number only.
    #[must_use]
    pub fn of_template(mut self, name: &str, text: &str) -> Self {
        if let Some(origin) = self.origin.as_mut().filter(|origin| origin.text.is_empty()) {
            name.clone_into(&mut origin.file);
            if !origin.hidden {
                let line = text.lines().nth(origin.first.saturating_sub(1)).unwrap_or_default();
                line.clone_into(&mut origin.text);
            }
        }
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
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Gives it a stable name of its own.
    #[must_use]
    pub fn coded(mut self, code: &'static str) -> Self {
        self.named = Some(Box::new(NamedFault { code: code.into(), fix: None }));
        self
    }

    /// Adds what to write to one that has a name, if that is certain.
    #[must_use]
    pub fn fixed(mut self, fix: Option<LintFix>) -> Self {
        if let Some(named) = &mut self.named {
            named.fix = fix;
        }
        self
    }

    /// Adds what to do if there is something to say.
    #[must_use]
    pub fn maybe_hint(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}

/// Longest part of a line that is shown.
const WIDTH: usize = 120;

/// A line, cut to what fits, without control characters, and the column's place in it (from 0).
fn window(text: &str, column: usize) -> (String, usize) {
    let clean: Vec<char> = text
        .trim_end()
        .chars()
        .map(|letter| match letter {
            '\t' => ' ',
            letter if letter.is_control() => '\u{fffd}',
            letter => letter,
        })
        .collect();
    if clean.len() <= WIDTH {
        return (clean.into_iter().collect(), column.saturating_sub(1));
    }
    let start = column.saturating_sub(WIDTH / 2).min(clean.len() - WIDTH);
    let end = start + WIDTH;
    let shown: String = clean[start..end].iter().collect();
    let before = if start > 0 { "…" } else { "" };
    let after = if end < clean.len() { "…" } else { "" };
    (
        format!("{before}{shown}{after}"),
        (column.saturating_sub(1) + before.chars().count()).saturating_sub(start),
    )
}

impl Fault {
    /// Where, what, why and what to do in one line, for an annotation. A place in the rendered text, which nobody has
    /// at hand, is told only where the template line behind it is not known.
    pub fn one_line(&self) -> String {
        let mut line = match (&self.origin, &self.place) {
            (Some(origin), _) => format!("{}, line {}: ", origin.file, origin.first),
            (None, Some(place)) => format!("{}, line {}: ", place.file, place.line),
            (None, None) => String::new(),
        };
        line.push_str(&self.what);
        for (link, text) in [(": ", &self.why), ("; ", &self.hint)] {
            if let Some(text) = text {
                line.push_str(link);
                line.push_str(text.trim_end_matches('.'));
            }
        }
        line.lines().map(str::trim).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&indented(&self.what))?;
        // the line number alone of a text that nobody has at hand says nothing
        let hidden = self.origin.as_ref().is_some_and(|origin| origin.hidden);
        let known =
            self.place.as_ref().filter(|place| self.origin.is_none() || hidden || !place.text.is_empty());
        // what stands in the template at the same place is shown once; other numbers may be in what is said of it
        let same = known.zip(self.origin.as_ref()).filter(|(place, origin)| {
            !hidden && (origin.first, origin.last, &origin.text) == (place.line, place.line, &place.text)
        });
        if let Some(place) = known {
            let file = same.map_or(&place.file, |(_, origin)| &origin.file);
            write!(f, "\n  at {file}, line {}", place.line)?;
            if place.column > 0 {
                write!(f, ", column {}", place.column)?;
            }
            if !place.text.trim().is_empty() {
                let (text, column) = window(&place.text, place.column);
                let number = place.line.to_string();
                write!(f, "\n    {number} | {text}")?;
                if place.column > 0 {
                    write!(f, "\n    {:width$} | {:column$}^", "", "", width = number.len())?;
                }
            }
        }
        if let Some(origin) = self.origin.as_ref().filter(|_| same.is_none()) {
            let Origin { file, first, last, text, .. } = origin.as_ref();
            if first == last {
                write!(f, "\n  from {file}, line {first}")?;
            } else {
                write!(f, "\n  from {file}, lines {first} to {last}")?;
            }
            if !text.trim().is_empty() {
                write!(f, "\n    {first} | {}", window(text, 0).0)?;
            }
        }
        if let Some(why) = &self.why {
            write!(f, "\n  why: {}", indented(why))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {}", indented(hint))?;
        }
        Ok(())
    }
}

/// A text of several lines under its first: what a template says begins no line of its own.
fn indented(text: &str) -> String {
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n    ")
}

/// The words `did you mean …?` for the nearest known name.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|candidate| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_where_why_and_what_to_do() {
        let text = "a: 1\nimage: {{ Registri }}\n";
        let fault = Fault::new("`Registri` is not defined")
            .at(Location::at_offset("pipeline.yaml", text, 15))
            .from(Some(Origin { file: "base".into(), first: 3, last: 5, text: "x".into(), hidden: false }))
            .why("no value of that name")
            .maybe_hint(did_you_mean("Registri", ["Image", "Registry"]));
        assert_eq!(
            fault.to_string(),
            "`Registri` is not defined\n  at pipeline.yaml, line 2, column 11\n    2 | image: {{ Registri }}\n      |           ^\n  \
             from base, lines 3 to 5\n    3 | x\n  why: no value of that name\n  hint: did you mean `Registry`?"
        );
    }

    #[test]
    fn a_line_that_the_template_has_at_the_same_place_is_shown_once() {
        let place = Location::of("the rendered text", "a\nb: c", 2, 4);
        let shown = |first, last, text: &str| {
            let origin =
                Origin { file: "p.yaml".to_owned(), first, last, text: text.to_owned(), hidden: false };
            Fault::new("x").at(place.clone()).from(Some(origin)).to_string()
        };
        assert_eq!(shown(2, 2, "b: c"), "x\n  at p.yaml, line 2, column 4\n    2 | b: c\n      |    ^");
        for said in [shown(2, 2, "b: {{ c }}"), shown(7, 7, "b: c"), shown(2, 3, "b: c")] {
            assert!(said.contains("at the rendered text, line 2, column 4"), "{said}");
            assert!(said.contains("from p.yaml, line"), "{said}");
        }
    }

    #[test]
    fn no_line_of_a_fault_is_somebody_elses() {
        let fault = Fault::new("`a\nerror: b`").why("c\nerror: d").hint("e\n  f");
        assert_eq!(fault.to_string(), "`a\n    error: b`\n  why: c\n    error: d\n  hint: e\n      f");
    }

    #[test]
    fn a_place_is_one_of_its_text() {
        let text = "a\r\nb\rü\n";
        for (line, column, expected) in [
            (1, 1, (1, 1, "a")),
            (2, 9, (2, 2, "b")),
            (3, 2, (3, 2, "ü")),
            (4, 1, (4, 1, "")),
            (9, 5, (4, 1, "")),
        ] {
            let place = Location::of("f", text, line, column);
            assert_eq!((place.line, place.column, place.text.as_str()), expected, "{line}:{column}");
        }
        for (offset, expected) in
            [(0, (1, 1)), (1, (1, 2)), (3, (2, 1)), (5, (3, 1)), (7, (3, 2)), (8, (4, 1))]
        {
            let place = Location::at_offset("f", text, offset);
            assert_eq!((place.line, place.column), expected, "{offset}");
        }
    }

    #[test]
    fn one_line_says_it_all() {
        let fault = Fault::new("not YAML").at(Location::of("the rendered text", "a: [", 1, 4));
        assert_eq!(fault.one_line(), "the rendered text, line 1: not YAML");
        let origin = Origin { file: "p.yaml".into(), first: 3, last: 5, text: "a: [".into(), hidden: false };
        let fault = fault.from(Some(origin)).why("it is open\n  still.").hint("close it");
        assert_eq!(fault.one_line(), "p.yaml, line 3: not YAML: it is open still; close it");
    }

    #[test]
    fn a_long_line_is_cut_around_its_column() {
        let text = format!("{}X{}", "a".repeat(300), "b".repeat(300));
        let fault = Fault::new("x").at(Location { file: "f".into(), line: 1, column: 301, text });
        let shown = fault.to_string();
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines[3].chars().position(|letter| letter == '^').unwrap();
        assert_eq!(lines[2].chars().nth(caret), Some('X'));
        assert!(lines[2].chars().count() < 140);
    }

    #[test]
    fn control_characters_are_not_passed_on() {
        let fault = Fault::new("x").at(Location::of("f", "a\u{1b}[31mb", 1, 1));
        assert!(!fault.to_string().contains('\u{1b}'));
    }
}
