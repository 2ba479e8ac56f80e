//! What `logs` writes: bytes as a container wrote them, each line after the container's name where there are several.
//!
//! Whoever asks for a log wants what is in it, colours and progress bars included: this is the one thing that is written
//! without being made harmless, as `kubectl logs` does it.

use std::io;

use jiff::Timestamp;

use super::console::Console;
use crate::cluster::{LogName, LogPiece};

/// Colours of names, in the order in which containers come: cyan, green, magenta, yellow, blue, red.
const COLOURS: [u8; 6] = [36, 32, 35, 33, 34, 31];

/// Writes logs.
pub struct LogPrinter<'a> {
    console: &'a mut Console,
    colour: bool,
    timestamps: bool,
    seen: Vec<LogName>,
    /// Whose line has no end yet.
    open: Option<usize>,
    /// What was said last, so that an outage is said once.
    said: String,
}

impl<'a> LogPrinter<'a> {
    /// `colour`: whether names are coloured; `timestamps`: whether each line begins with its time.
    pub fn new(console: &'a mut Console, colour: bool, timestamps: bool) -> Self {
        Self { console, colour, timestamps, seen: Vec::new(), open: None, said: String::new() }
    }

    /// Writes what comes of a container's log. `several`: whether there are others.
    ///
    /// # Errors
    /// What stdout says.
    pub fn piece(&mut self, of: &LogName, several: bool, piece: &LogPiece) -> io::Result<()> {
        let container = &of.container;
        match piece {
            LogPiece::Text { at, begins, bytes, ends } => {
                self.said.clear();
                self.part(of, several, (*begins).then_some(*at), bytes, *ends)?;
                self.console.flush()?;
            }
            LogPiece::Lost(after) => self.say(format!(
                "a stretch of the log of container {container} is lost, after {after}: its node has rotated it"
            )),
            LogPiece::Said(text) => self.say(format!("of container {container} the node says: {text}")),
            LogPiece::Restarted => self.say(format!("container {container} began anew")),
            LogPiece::Trouble(error) | LogPiece::Failed(error) => self.say(error.to_string()),
        }
        Ok(())
    }

    /// Writes what was kept of a container's log.
    ///
    /// # Errors
    /// What stdout says.
    pub fn kept(&mut self, of: &LogName, several: bool, bytes: &[u8]) -> io::Result<()> {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.part(of, several, None, line, line.ends_with(b"\n"))?;
        }
        self.console.flush()
    }

    /// Says something, unless it was just said.
    pub fn say(&mut self, text: String) {
        if self.said != text {
            self.console.talk(&text);
            self.said = text;
        }
    }

    /// Warns of something.
    pub fn warn(&mut self, text: &str) {
        self.console.warning(text);
    }

    /// Writes a line, or a part of one. `begun`: when the line was, where it begins here and that is known.
    fn part(
        &mut self,
        of: &LogName,
        several: bool,
        begun: Option<Timestamp>,
        bytes: &[u8],
        ends: bool,
    ) -> io::Result<()> {
        let place = self.seen.iter().position(|seen| seen == of).unwrap_or_else(|| {
            self.seen.push(of.clone());
            self.seen.len() - 1
        });
        let goes_on = self.open == Some(place);
        if !goes_on {
            if self.open.is_some() {
                // no line of one container goes on in that of another
                self.console.raw(b"\n")?;
            }
            if several {
                self.name(of, place)?;
            }
            if self.timestamps
                && let Some(at) = begun
            {
                self.console.raw(format!("{at} ").as_bytes())?;
            }
        }
        self.open = (!ends).then_some(place);
        self.console.raw(bytes)
    }

    fn name(&mut self, of: &LogName, place: usize) -> io::Result<()> {
        let pods = self.seen.iter().any(|seen| seen.pod != of.pod);
        let name = if pods { format!("{}/{}", of.pod, of.container) } else { of.container.clone() };
        let text = if self.colour {
            format!("\u{1b}[{}m{name}\u{1b}[0m ", COLOURS[place % COLOURS.len()])
        } else {
            format!("{name} ")
        };
        self.console.raw(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::console::StreamStyle;
    use super::*;

    fn of(container: &str) -> LogName {
        LogName { pod: "p".to_owned(), container: container.to_owned() }
    }

    fn text(begins: bool, bytes: &str) -> LogPiece {
        LogPiece::Text {
            at: "2026-11-29T10:00:00.5Z".parse().unwrap(),
            begins,
            bytes: bytes.as_bytes().to_vec(),
            ends: bytes.ends_with('\n'),
        }
    }

    fn printed(colour: bool, timestamps: bool, pieces: &[(&str, bool, LogPiece)]) -> (String, String) {
        let style = StreamStyle::default();
        let (mut console, captured) = Console::captured(style, style);
        let mut printer = LogPrinter::new(&mut console, colour, timestamps);
        for (container, several, piece) in pieces {
            printer.piece(&of(container), *several, piece).unwrap();
        }
        (captured.out(), captured.err())
    }

    #[test]
    fn a_single_container_is_written_byte_for_byte() {
        let pieces = [
            ("build", false, text(true, "one\n")),
            ("build", false, text(true, "\r50%\r")),
            ("build", false, text(false, "100%\u{1b}[31m\n")),
            ("build", false, text(true, "no end")),
        ];
        assert_eq!(printed(true, false, &pieces).0, "one\n\r50%\r100%\u{1b}[31m\nno end");
        let stamped = "2026-11-29T10:00:00.5Z one\n2026-11-29T10:00:00.5Z \r50%\r100%\u{1b}[31m\n2026-11-29T10:00:00.5Z no end";
        assert_eq!(printed(true, true, &pieces).0, stamped);
    }

    #[test]
    fn each_line_of_several_has_its_name_and_no_line_goes_on_in_anothers() {
        let pieces = [
            ("db", true, text(true, "ready\n")),
            ("build", true, text(true, "half ")),
            ("build", true, text(false, "a line ")),
            ("db", true, text(true, "query\n")),
            ("build", true, text(false, "rest\n")),
            ("build", true, text(true, "no end")),
            ("db", true, text(true, "bye\n")),
        ];
        let plain = "db ready\nbuild half a line \ndb query\nbuild rest\nbuild no end\ndb bye\n";
        assert_eq!(printed(false, false, &pieces).0, plain);
        let coloured = printed(true, false, &pieces).0;
        assert!(
            coloured.starts_with("\u{1b}[36mdb\u{1b}[0m ready\n\u{1b}[32mbuild\u{1b}[0m half"),
            "{coloured}"
        );
    }

    #[test]
    fn what_is_said_of_a_log_is_no_part_of_it_and_is_said_once() {
        let lost = LogPiece::Lost("2026-11-29T10:00:00Z".parse().unwrap());
        let said = LogPiece::Said("rpc error\u{1b}[2J".to_owned());
        let pieces = [
            ("build", false, text(true, "a\n")),
            ("build", false, lost),
            ("build", false, said.clone()),
            ("build", false, said),
            ("build", false, LogPiece::Restarted),
            ("build", false, text(true, "b\n")),
        ];
        let (out, err) = printed(true, false, &pieces);
        assert_eq!(out, "a\nb\n");
        assert_eq!(
            err,
            "a stretch of the log of container build is lost, after 2026-11-29T10:00:00Z: its node has rotated it\n\
             of container build the node says: rpc error^[[2J\ncontainer build began anew\n"
        );
    }
}
