//! The one place that writes: data to stdout, talk to stderr.
//!
//! Scripts read stdout, people read both, so nothing that is not asked-for data ever goes there. Data is buffered;
//! talk flushes it first, so that a terminal shows both in the order in which they were said. Whether a stream may be
//! coloured is handed in.
//!
//! Most of what is shown was said by others: a pushed image, a kubelet, a webhook, whoever edits an annotation. So every
//! line goes through [`sanitise`], into a pipe too: a log is read on a terminal later, and a line break in it would be a
//! line that we never said.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};

#[cfg(test)]
mod captured;
pub mod live;

#[cfg(test)]
pub(crate) use self::captured::Captured;
use self::live::LiveLine;
use crate::pipeline::documents::steers;

/// What is known of a stream before the first byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamStyle {
    /// Escape sequences are welcome.
    pub colour: bool,
}

struct Stream {
    sink: Box<dyn Write>,
    style: StreamStyle,
}

/// Stdout and stderr, or what stands for them.
pub struct Console {
    out: Stream,
    err: Stream,
    live: Option<LiveLine>,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut all = f.debug_struct("Console");
        all.field("out", &self.out.style).field("err", &self.err.style).field("live", &self.live).finish()
    }
}

impl Console {
    /// The streams of the process.
    pub fn standard(out: StreamStyle, err: StreamStyle) -> Self {
        Self::over(Box::new(BufWriter::new(io::stdout())), out, Box::new(io::stderr()), err)
    }

    /// Other sinks, in the order stdout, stderr.
    pub fn over(
        out: Box<dyn Write>,
        out_style: StreamStyle,
        err: Box<dyn Write>,
        err_style: StreamStyle,
    ) -> Self {
        let (out, err) = (Stream { sink: out, style: out_style }, Stream { sink: err, style: err_style });
        Self { out, err, live: None }
    }

    /// On a terminal where this line moves: whatever is written stands above it.
    #[must_use]
    pub fn with_live(self, live: Option<LiveLine>) -> Self {
        Self { live, ..self }
    }

    /// The line that moves, where there is one.
    pub fn live(&self) -> Option<LiveLine> {
        self.live.clone()
    }

    /// Stdout, with nothing in the way.
    fn out(&mut self) -> &mut dyn Write {
        if let Some(live) = &self.live {
            live.step_aside();
        }
        &mut *self.out.sink
    }

    /// Writes data exactly as it is: documents and objects, whose format has escapes of its own.
    ///
    /// # Errors
    /// What the stream says; [`io::ErrorKind::BrokenPipe`] when the reader has gone.
    pub fn data(&mut self, text: &str) -> io::Result<()> {
        self.out().write_all(text.as_bytes())
    }

    /// Writes bytes as somebody else wrote them: those of a log, for whoever asked for just that.
    ///
    /// # Errors
    /// As [`Console::data`].
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out().write_all(bytes)
    }

    /// Writes one line of data.
    ///
    /// # Errors
    /// As [`Console::data`].
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        let out = self.out();
        out.write_all(sanitise(text).as_bytes())?;
        out.write_all(b"\n")
    }

    /// Writes one line of data that somebody waits for.
    ///
    /// # Errors
    /// As [`Console::data`].
    pub fn event(&mut self, text: &str) -> io::Result<()> {
        self.line(text)?;
        self.flush()
    }

    /// Hands on what is buffered.
    ///
    /// # Errors
    /// As [`Console::data`].
    pub fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out().flush();
        if let Some(live) = &self.live {
            live.come_back();
        }
        flushed
    }

    /// Says one line to people. A closed stderr is no reason to stop, so its errors are dropped.
    pub fn talk(&mut self, text: &str) {
        self.say(&sanitise(text));
    }

    /// Says several lines to people: those of the text, which are ours, and so are the tabs that they begin with.
    pub fn talk_lines(&mut self, text: &str) {
        let clean = |line: &str| {
            let said = line.trim_start_matches('\t');
            format!("{}{}", &line[..line.len() - said.len()], sanitise(said))
        };
        self.say(&text.split('\n').map(clean).collect::<Vec<_>>().join("\n"));
    }

    /// `Warning: …`, as kubectl passes on what a server warns of. One line.
    pub fn warning(&mut self, text: &str) {
        let word = if self.err.style.colour { "\u{1b}[33;1mWarning:\u{1b}[0m" } else { "Warning:" };
        self.say(&format!("{word} {}", sanitise(text)));
    }

    fn say(&mut self, clean: &str) {
        let _ = self.out().flush();
        let _ = self.err.sink.write_all(format!("{clean}\n").as_bytes());
        let _ = self.err.sink.flush();
        if let Some(live) = &self.live {
            live.come_back();
        }
    }
}

/// One line without what steers a terminal or a reader: `\n` and `\r` for line breaks and `^[` for ESC and its like, as
/// kubectl shows them, and `\u{…}` for what has no such name.
pub fn sanitise(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => clean.push_str("\\n"),
            '\r' => clean.push_str("\\r"),
            '\0'..='\u{1f}' => {
                clean.push('^');
                // 0x00–0x1f and 0x40–0x5f are the same row of the ASCII table.
                clean.push(char::from(c as u8 + 0x40));
            }
            '\u{7f}' => clean.push_str("^?"),
            c if steers(c) => clean.extend(c.escape_unicode()),
            c => clean.push(c),
        }
    }
    Cow::Owned(clean)
}

/// Text that may have lines of its own, without what else steers a terminal: what somebody asked for as it is.
pub(super) fn harmless(text: &str) -> String {
    let lines =
        |line: &str| line.split('\t').map(|part| sanitise(part).into_owned()).collect::<Vec<_>>().join("\t");
    text.split('\n').map(lines).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMINAL: StreamStyle = StreamStyle { colour: true };
    const PIPE: StreamStyle = StreamStyle { colour: false };

    #[test]
    fn data_and_talk_go_apart() {
        let (mut console, captured) = Console::captured(PIPE, PIPE);
        console.line("a row").unwrap();
        console.talk("a word");
        console.warning("look");
        assert_eq!(
            (captured.out().as_str(), captured.err().as_str()),
            ("a row\n", "a word\nWarning: look\n")
        );
    }

    #[test]
    fn colour_only_where_it_is_welcome() {
        let (mut console, captured) = Console::captured(TERMINAL, TERMINAL);
        console.warning("look");
        assert_eq!(captured.err(), "\u{1b}[33;1mWarning:\u{1b}[0m look\n");
        let (mut console, captured) = Console::captured(TERMINAL, PIPE);
        console.warning("look");
        assert_eq!(captured.err(), "Warning: look\n");
    }

    #[test]
    fn no_line_is_steered_by_what_others_say() {
        for style in [TERMINAL, PIPE] {
            let (mut console, captured) = Console::captured(style, PIPE);
            console.line("a\u{1b}[2Jb\nchain/x started").unwrap();
            console.event("c\r\u{2028}d").unwrap();
            console.talk("one\u{7}\nerror: two\u{202e}");
            console.warning("three\nfour\u{200b}");
            console.talk_lines("error: five\r\n  why: six\u{85}");
            assert_eq!(captured.out(), "a^[[2Jb\\nchain/x started\nc\\r\\u{2028}d\n");
            assert_eq!(
                captured.err(),
                "one^G\\nerror: two\\u{202e}\nWarning: three\\nfour\\u{200b}\nerror: five\\r\n  why: six\\u{85}\n"
            );
        }
    }

    #[test]
    fn every_character_that_steers_has_a_harmless_form() {
        let mut steering = 0;
        for c in (0..=0x000e_007f).filter_map(char::from_u32).filter(|c| steers(*c)) {
            steering += 1;
            let text = format!("a{c}b");
            let clean = sanitise(&text);
            assert!(!clean.chars().any(steers), "{:x} became {clean:?}", u32::from(c));
        }
        assert!(steering > 65 + 128, "controls, tags and more: {steering}");
        for c in ["\0", "\u{7f}", "\u{9b}", "\u{2029}", "\u{feff}", "\u{ad}", "\u{e0041}"] {
            assert!(matches!(sanitise(c), Cow::Owned(_)), "{c:?}");
        }
        assert!(matches!(sanitise("plain grüße 漢字 ✓️"), Cow::Borrowed(_)));
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_stdout_is_told_and_a_closed_stderr_is_not() {
        let mut console = Console::over(Box::new(Closed), PIPE, Box::new(Closed), PIPE);
        console.talk("nobody hears");
        console.warning("nobody hears");
        assert_eq!(console.line("row").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
