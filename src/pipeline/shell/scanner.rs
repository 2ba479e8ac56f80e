//! A script cut into its steps.

use super::{KEYWORDS, ShellStep, StepKind, scripts_in};

/// The steps of a script, in order.
pub(in crate::pipeline) fn steps(script: &str) -> Vec<ShellStep> {
    let mut scanner =
        Scanner { text: script, at: 0, line: 1, steps: Vec::new(), heredocs: Vec::new(), closing: None };
    scanner.list(None, false);
    scanner.steps
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    steps: Vec<ShellStep>,
    /// The ends of here-documents that begin after this line.
    heredocs: Vec<(String, bool)>,
    /// What ends the list that is read.
    closing: Option<char>,
}

/// The words of a command that has not ended.
#[derive(Default)]
struct OpenWords {
    words: Vec<String>,
    first: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.rest().chars().next()?;
        self.at += letter.len_utf8();
        if letter == '\n' {
            self.line += 1;
        }
        Some(letter)
    }

    fn take(&mut self, text: &str) -> bool {
        let there = self.rest().starts_with(text);
        if there {
            self.at += text.len();
        }
        there
    }

    /// Commands up to a closing sign, or to the end.
    fn list(&mut self, closing: Option<char>, nested: bool) {
        let mut open = OpenWords::default();
        let mut parentheses = 0_usize;
        let outer = std::mem::replace(&mut self.closing, closing);
        while let Some(letter) = self.rest().chars().next() {
            match letter {
                c if Some(c) == closing && parentheses == 0 => {
                    self.next();
                    break;
                }
                '\\' if self.rest().starts_with("\\\n") => {
                    self.next();
                    self.next();
                }
                '\n' => {
                    self.end(&mut open, false, nested);
                    self.next();
                    self.skip_heredocs();
                }
                ' ' | '\t' | '\r' => drop(self.next()),
                '#' => {
                    let length = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.at += length;
                }
                ';' | '|' => {
                    self.next();
                    self.end(&mut open, false, nested);
                }
                '&' => {
                    self.next();
                    // `&&`, `&>` and `>&` start nothing aside
                    let joined = self.take("&") || self.rest().starts_with('>');
                    self.end(&mut open, !joined, nested);
                }
                '(' if self.rest().starts_with("((") => self.arithmetic(&mut open),
                '(' => {
                    self.next();
                    // `name ()` declares a function
                    if self.rest().trim_start().starts_with(')') && open.words.len() == 1 {
                        self.at += self.rest().find(')').unwrap_or_default() + 1;
                        let name = open.words.remove(0);
                        self.keyword(format!("function {name}"), self.line, nested);
                    } else {
                        parentheses += 1;
                        self.end(&mut open, false, nested);
                    }
                }
                ')' => {
                    self.next();
                    parentheses = parentheses.saturating_sub(1);
                    self.end(&mut open, false, nested);
                }
                '<' | '>' => self.redirection(),
                _ => self.word(&mut open, nested),
            }
        }
        self.end(&mut open, false, nested);
        self.closing = outer;
    }

    /// `(( … ))`, which is one word.
    fn arithmetic(&mut self, open: &mut OpenWords) {
        let length = self.rest().find("))").map_or(self.rest().len(), |end| end + 2);
        let word: String = self.rest()[..length].chars().filter(|c| !c.is_whitespace()).collect();
        let end = self.at + length;
        if open.words.is_empty() {
            open.first = self.line;
        }
        while self.at < end {
            self.next();
        }
        open.words.push(word);
    }

    fn redirection(&mut self) {
        if self.take("<<<") || !self.take("<<") {
            while matches!(self.rest().chars().next(), Some('<' | '>' | '&')) {
                self.next();
            }
            return;
        }
        let indented = self.take("-");
        let blanks = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
        self.at += blanks;
        let ends = |c: char| c.is_whitespace() || matches!(c, ';' | '|' | '&' | ')' | '<' | '>');
        let length = self.rest().find(ends).unwrap_or(self.rest().len());
        let word = self.rest()[..length].replace(['\'', '"', '\\'], "");
        self.at += length;
        self.heredocs.push((word, indented));
    }

    fn skip_heredocs(&mut self) {
        for (end, indented) in std::mem::take(&mut self.heredocs) {
            while !self.rest().is_empty() {
                let length = self.rest().find('\n').map_or(self.rest().len(), |at| at + 1);
                let line = self.rest()[..length].trim_end_matches(['\n', '\r']);
                let line = if indented { line.trim_start_matches('\t') } else { line };
                let last = line == end;
                self.at += length;
                self.line += 1;
                if last {
                    break;
                }
            }
        }
    }

    /// One word, quotes taken off; what is called within it is a step of its own.
    fn word(&mut self, open: &mut OpenWords, nested: bool) {
        let first = self.line;
        let mut word = String::new();
        let mut quoted = false;
        while let Some(letter) = self.rest().chars().next() {
            match letter {
                c if c.is_whitespace() || matches!(c, ';' | '|' | '&' | '(' | ')' | '<' | '>') => break,
                c if Some(c) == self.closing => break,
                '\'' => {
                    quoted = true;
                    self.next();
                    while let Some(c) = self.next().filter(|c| *c != '\'') {
                        word.push(c);
                    }
                }
                '"' => {
                    quoted = true;
                    self.next();
                    self.in_double_quotes(&mut word);
                }
                _ => self.letter(&mut word),
            }
        }
        if open.words.is_empty() {
            if !quoted && KEYWORDS.contains(&word.as_str()) {
                return self.keyword(word, first, nested);
            }
            open.first = first;
        }
        open.words.push(word);
    }

    fn in_double_quotes(&mut self, word: &mut String) {
        while let Some(letter) = self.rest().chars().next() {
            if letter == '"' {
                self.next();
                break;
            }
            self.letter(word);
        }
    }

    /// One letter of a word, or what is called there.
    fn letter(&mut self, word: &mut String) {
        if self.take("\\") {
            match self.next() {
                None | Some('\n') => {}
                Some(letter) => word.push(letter),
            }
        } else if self.take("$((") {
            let length = self.rest().find("))").map_or(self.rest().len(), |end| end + 2);
            let end = self.at + length;
            while self.at < end {
                self.next();
            }
            word.push('$');
        } else if self.take("$(") {
            self.list(Some(')'), true);
            word.push('$');
        } else if self.take("`") {
            self.list(Some('`'), true);
            word.push('$');
        } else if let Some(letter) = self.next() {
            word.push(letter);
        }
    }

    fn keyword(&mut self, word: String, line: usize, nested: bool) {
        self.steps.push(ShellStep {
            lines: line..=line,
            kind: StepKind::Keyword(word),
            aside: false,
            nested,
        });
    }

    fn end(&mut self, open: &mut OpenWords, aside: bool, nested: bool) {
        let OpenWords { words, first } = std::mem::take(open);
        if aside && words.is_empty() {
            // `done &`
            if let Some(last) = self.steps.last_mut() {
                last.aside = true;
            }
        }
        if words.is_empty() {
            return;
        }
        if matches!(words[0].as_str(), "for" | "select" | "case") {
            return self.keyword(words.join(" "), first, nested);
        }
        // a function of the form `function name {`
        if let Some(last) = self.steps.last_mut()
            && last.keyword() == Some("function")
            && *last.lines.end() == first
        {
            last.kind = StepKind::Keyword(format!("function {}", words[0]));
            if words.get(1).is_some_and(|word| word == "{") {
                self.keyword("{".to_owned(), first, nested);
            }
            return;
        }
        for script in scripts_in(&words) {
            let inner = steps(script).into_iter().map(|step| ShellStep {
                lines: first + step.lines.start() - 1..=first + step.lines.end() - 1,
                nested: true,
                ..step
            });
            self.steps.extend(inner);
        }
        let kind = StepKind::Command(words);
        self.steps.push(ShellStep { lines: first..=self.line, kind, aside, nested });
    }
}
