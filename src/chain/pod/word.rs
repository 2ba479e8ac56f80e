//! A container's own word of how it ended, as its build wrote it: anything.

/// Characters of it at most.
const LONGEST: usize = 200;

/// The first line of a termination message that says something, without control characters and the sequences that colour a
/// terminal.
pub(super) fn first_word(message: &str) -> Option<String> {
    let word = message.split(['\n', '\r']).map(plain).find(|line| !line.is_empty())?;
    Some(match word.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", word[..end].trim_end()),
        None => word,
    })
}

/// A line without what steers a terminal (ECMA-48: CSI and OSC sequences, and single escapes).
fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => match rest.next() {
                Some('[') => drop(rest.find(|c| matches!(c, '@'..='~'))),
                Some(']') => drop(rest.find(|c| matches!(c, '\u{7}' | '\u{9c}' | '\u{1b}'))),
                _ => {}
            },
            '\u{9b}' => drop(rest.find(|c| matches!(c, '@'..='~'))),
            '\t' => text.push(' '),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_says_something_is_the_word() {
        for (message, word) in [
            ("the tests of module x fail\nmore\n", "the tests of module x fail"),
            ("\n  \n\r\nlate\n", "late"),
            ("\u{1b}[1;31mred\u{1b}[0m and\tplain\u{7}", "red and plain"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}[2J\u{1b}[31m\u{0}\nsecond", "second"),
            ("10%\r100%", "10%"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}[", ""),
            ("\u{fffd}\u{fffd}", "\u{fffd}\u{fffd}"),
            ("", ""),
        ] {
            assert_eq!(first_word(message).unwrap_or_default(), word, "{message:?}");
        }
        let long = first_word(&"ä".repeat(300)).expect("a word");
        assert_eq!(long, "ä".repeat(LONGEST) + "…");
    }
}
