//! Where a reader is in a log, and which of what a server sends again it has had.
//!
//! A server is asked for the time of each line, and puts it before it. To go on after a cut it is asked for what was written
//! since the second of the last line, since its answer knows no smaller unit: so what comes again is told by the time, and lines
//! of the very same time by their number. A line that was cut goes on at its byte.

use std::collections::VecDeque;

use jiff::Timestamp;

/// A time and a blank are no longer than this; what is longer was not written with a time.
pub(super) const STAMP: usize = 48;
/// Bytes of a word of the node's at most.
const WORD: usize = 1024;
/// Lines of a file of 10 MiB at most, at which a kubelet rotates it unless it is told otherwise.
const LINES: usize = 1 << 18;

/// What comes of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogPiece {
    /// A line, or a part of one.
    Text {
        /// When the line was begun.
        at: Timestamp,
        /// Whether it begins here.
        begins: bool,
        /// What the container wrote, its line end included.
        bytes: Vec<u8>,
        /// Whether it ends here; the last line of a log may have no end.
        ends: bool,
    },
    /// What was written after this time was lost, up to what comes next: the node has rotated the log.
    Lost(Timestamp),
    /// What the node says in the log's place.
    Said(String),
    /// The container began anew; what comes next is of that run.
    Restarted,
    /// Nothing can be read just now, and why. It is tried again.
    Trouble(super::Error),
    /// Nothing can be read at all.
    Failed(super::Error),
}

/// Where a reader is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LogCursor {
    /// The time of the newest line.
    pub(super) at: Option<Timestamp>,
    /// Whole lines of that time.
    same: usize,
    /// Bytes of the line of that time that was cut.
    open: Option<usize>,
}

/// What is known of the line that comes.
#[derive(Debug)]
enum LogLine {
    /// Its time has not come, or not all of it.
    Stamp(Vec<u8>),
    /// A line of which this many bytes were had, or all.
    Text { at: Timestamp, had: Option<usize>, begins: bool },
    /// A line without a time.
    Word(Vec<u8>),
}

/// One answer, as it comes.
#[derive(Debug)]
pub(super) struct LogScan {
    line: LogLine,
    /// Lines of the cursor's time that have come again.
    again: usize,
    /// Whether anything of the cursor's time has come again, or nothing has to.
    met: bool,
    /// Whether it is beyond the cursor.
    beyond: bool,
    /// Times of its last lines, each later than the one before: a kubelet that found its file rotated several times reads the
    /// newest as often, from the beginning.
    seen: VecDeque<Timestamp>,
}

impl LogScan {
    /// An answer to what was asked for at this cursor.
    pub(super) fn at(cursor: &LogCursor) -> Self {
        let fresh = cursor.at.is_none();
        Self { line: LogLine::Stamp(Vec::new()), again: 0, met: fresh, beyond: fresh, seen: VecDeque::new() }
    }

    /// Takes in what has come.
    pub(super) fn take(&mut self, mut data: &[u8], cursor: &mut LogCursor, out: &mut impl Extend<LogPiece>) {
        while !data.is_empty() {
            let end = memchr::memchr(b'\n', data);
            match &mut self.line {
                LogLine::Stamp(stamp) => {
                    let blank = memchr::memchr(b' ', data).filter(|at| end.is_none_or(|end| *at < end));
                    let Some(at) = blank.filter(|at| stamp.len() + at <= STAMP) else {
                        // no time: either too little has come, or the node speaks
                        let taken = end.map_or(data.len(), |end| end);
                        stamp.extend_from_slice(&data[..taken]);
                        data = &data[taken..];
                        if end.is_some() || stamp.len() > STAMP {
                            self.line = LogLine::Word(std::mem::take(stamp));
                        }
                        continue;
                    };
                    stamp.extend_from_slice(&data[..at]);
                    let time = std::str::from_utf8(stamp).ok().and_then(|text| text.parse().ok());
                    if let Some(time) = time {
                        data = &data[at + 1..];
                        let had = self.begin(time, cursor, out);
                        self.line = LogLine::Text { at: time, had, begins: had == Some(0) };
                    } else {
                        self.line = LogLine::Word(std::mem::take(stamp));
                        data = &data[at..];
                    }
                }
                LogLine::Text { at, had, begins } => {
                    let taken = end.map_or(data.len(), |end| end + 1);
                    let (mut text, rest) = data.split_at(taken);
                    data = rest;
                    if let Some(left) = had {
                        let skip = (*left).min(text.len());
                        *left -= skip;
                        text = &text[skip..];
                        if !text.is_empty() {
                            cursor.had(*at, text.len(), end.is_some());
                            out.extend([LogPiece::Text {
                                at: *at,
                                begins: std::mem::take(begins),
                                bytes: text.to_vec(),
                                ends: end.is_some(),
                            }]);
                        }
                    }
                    if end.is_some() {
                        self.line = LogLine::Stamp(Vec::new());
                    }
                }
                LogLine::Word(word) => {
                    let taken = end.map_or(data.len(), |end| end + 1);
                    word.extend_from_slice(&data[..taken]);
                    word.truncate(WORD);
                    data = &data[taken..];
                    if end.is_some() {
                        self.word(out);
                    }
                }
            }
        }
    }

    /// Nothing more comes; `whole`: by the server's will.
    pub(super) fn end(mut self, whole: bool, out: &mut impl Extend<LogPiece>) {
        if let LogLine::Stamp(stamp) = &mut self.line {
            self.line = LogLine::Word(std::mem::take(stamp));
        }
        if whole && let LogLine::Word(_) = self.line {
            self.word(out);
        }
    }

    fn word(&mut self, out: &mut impl Extend<LogPiece>) {
        if let LogLine::Word(word) = std::mem::replace(&mut self.line, LogLine::Stamp(Vec::new())) {
            let text = String::from_utf8_lossy(&word).trim().to_owned();
            out.extend((!text.is_empty()).then_some(LogPiece::Said(text)));
        }
    }

    /// How many bytes of a line of this time were had; none where it was had whole.
    fn begin(
        &mut self,
        at: Timestamp,
        cursor: &mut LogCursor,
        out: &mut impl Extend<LogPiece>,
    ) -> Option<usize> {
        let last = cursor.at.unwrap_or(Timestamp::MIN);
        if self.beyond && at < last && self.seen.binary_search(&at).is_ok() {
            (self.beyond, self.met, self.again) = (false, false, 0);
        }
        if self.beyond {
            self.goes_on(at, cursor);
            return Some(0);
        }
        if at < last {
            return None;
        }
        if at == last {
            self.met = true;
            self.again += 1;
            if self.again <= cursor.same {
                return None;
            }
            self.beyond = true;
            return Some(cursor.open.unwrap_or_default());
        }
        self.beyond = true;
        // a line that was cut and does not come again is as lost as one that has not come at all
        if !self.met || cursor.open.is_some() {
            out.extend([LogPiece::Lost(last)]);
        }
        self.goes_on(at, cursor);
        Some(0)
    }

    fn goes_on(&mut self, at: Timestamp, cursor: &mut LogCursor) {
        cursor.begin(at);
        if self.seen.back().is_none_or(|last| at > *last) {
            self.seen.push_back(at);
        }
        if self.seen.len() > LINES {
            self.seen.pop_front();
        }
    }
}

impl LogCursor {
    fn begin(&mut self, at: Timestamp) {
        // a clock that was set back is not followed: what is newest stays newest
        if self.at.is_none_or(|last| at > last) {
            *self = Self { at: Some(at), same: 0, open: None };
        }
    }

    fn had(&mut self, at: Timestamp, bytes: usize, ends: bool) {
        if self.at != Some(at) {
            return;
        }
        if ends {
            self.same += 1;
            self.open = None;
        } else {
            self.open = Some(self.open.unwrap_or_default() + bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an answer in pieces of this many bytes, and how it ends.
    fn read(cursor: &mut LogCursor, answer: &str, pieces: usize, whole: bool) -> Vec<LogPiece> {
        let mut out = Vec::new();
        let mut scan = LogScan::at(cursor);
        for piece in answer.as_bytes().chunks(pieces) {
            scan.take(piece, cursor, &mut out);
        }
        scan.end(whole, &mut out);
        out
    }

    /// What was written, with a mark where something was lost.
    fn text(pieces: &[LogPiece]) -> String {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                LogPiece::Text { bytes, .. } => text.push_str(&String::from_utf8_lossy(bytes)),
                LogPiece::Lost(_) => text.push_str("<lost>"),
                LogPiece::Said(said) => text.extend(["<", said, ">"]),
                other => panic!("{other:?}"),
            }
        }
        text
    }

    fn at(second: u32, nanos: u32, text: &str) -> String {
        format!("2026-11-29T10:00:{second:02}.{nanos:09}+02:00 {text}")
    }

    #[test]
    fn what_a_container_wrote_comes_out_without_its_times_however_it_is_cut_up() {
        let written = [
            "plain\n",
            "\n",
            "\r50%\r100%\n",
            "2026-11-29T10:00:00Z a time of its own\n",
            "a b  c\n",
            "no end",
        ];
        let answer: String = (1..).zip(written).map(|(second, line)| at(second, 0, line)).collect();
        for pieces in [1, 2, 7, 36, 1000] {
            let mut cursor = LogCursor::default();
            let out = read(&mut cursor, &answer, pieces, true);
            assert_eq!(text(&out), written.concat(), "{pieces}");
            let begun =
                out.iter().filter(|piece| matches!(piece, LogPiece::Text { begins: true, .. })).count();
            assert_eq!(begun, written.len(), "{pieces}");
            assert_eq!((cursor.same, cursor.open), (0, Some(6)), "{pieces}");
        }
    }

    #[test]
    fn wherever_an_answer_is_cut_nothing_is_lost_and_nothing_comes_twice() {
        // three lines of the same time, and two seconds
        let lines = [
            at(1, 0, "one\n"),
            at(1, 5, "two\n"),
            at(1, 5, "two\n"),
            at(1, 5, "and three\n"),
            at(1, 9, "four\n"),
            at(2, 0, "five\n"),
        ];
        let whole = lines.concat();
        let want = "one\ntwo\ntwo\nand three\nfour\nfive\n";
        for first in 0..whole.len() {
            for second in [first, (first + 13).min(whole.len()), whole.len()] {
                let mut cursor = LogCursor::default();
                let mut out = read(&mut cursor, &whole[..first], 5, false);
                for cut in [second, whole.len()] {
                    // the server sends whatever is of that second or later
                    let since = cursor.at.map(Timestamp::as_second);
                    let answer = match since {
                        Some(since) => {
                            let of = |line: &String| {
                                line.split(' ').next().unwrap().parse::<Timestamp>().unwrap().as_second()
                                    >= since
                            };
                            let before: usize = lines.iter().filter(|line| !of(line)).map(String::len).sum();
                            whole[before.min(cut)..cut].to_owned()
                        }
                        None => whole[..cut].to_owned(),
                    };
                    out.extend(read(&mut cursor, &answer, 7, cut == whole.len()));
                }
                assert_eq!(text(&out), want, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_stretch_that_the_node_has_no_more_is_told() {
        let mut cursor = LogCursor::default();
        read(&mut cursor, &(at(1, 0, "one\n") + &at(2, 0, "two\n")), 100, false);
        let mut rotated = cursor.clone();
        assert_eq!(text(&read(&mut rotated, &at(9, 0, "nine\n"), 100, true)), "<lost>nine\n");
        assert_eq!(text(&read(&mut cursor, &(at(2, 0, "two\n") + &at(9, 0, "nine\n")), 100, true)), "nine\n");
        // a line that was cut, and is gone
        let mut cursor = LogCursor::default();
        let begun = at(3, 0, "half a li");
        assert_eq!(text(&read(&mut cursor, &begun, 100, false)), "half a li");
        assert_eq!(text(&read(&mut cursor.clone(), &at(4, 0, "four\n"), 100, true)), "<lost>four\n");
        assert_eq!(
            text(&read(&mut cursor, &(at(3, 0, "half a line\n") + &at(4, 0, "four\n")), 3, true)),
            "ne\nfour\n"
        );
    }

    #[test]
    fn a_file_that_a_node_reads_anew_in_one_answer_comes_once() {
        let line = |n: u32| at(n, 7, &format!("{n}\n"));
        let lines = |from: u32, to: u32| (from..=to).map(line).collect::<String>();
        // the newest file begins with 4; of the one before it something was lost
        let two_of_a_time = at(6, 7, "and 6\n");
        let answer = [
            lines(1, 2),
            lines(4, 6),
            two_of_a_time.clone(),
            lines(4, 6),
            two_of_a_time,
            lines(7, 8),
            lines(4, 4),
        ];
        for pieces in [1, 50, 10_000] {
            let mut cursor = LogCursor::default();
            let out = read(&mut cursor, &answer.concat(), pieces, false);
            assert_eq!(text(&out), "1\n2\n4\n5\n6\nand 6\n7\n8\n", "{pieces}");
            assert_eq!(text(&read(&mut cursor, &lines(8, 9), pieces, true)), "9\n");
        }
    }

    #[test]
    fn nothing_new_is_nothing_and_a_clock_that_was_set_back_hides_no_line_of_an_answer() {
        let mut cursor = LogCursor::default();
        let answer = at(5, 0, "five\n") + &at(3, 0, "three\n") + &at(6, 0, "six\n");
        assert_eq!(text(&read(&mut cursor, &answer, 9, true)), "five\nthree\nsix\n");
        assert_eq!(read(&mut cursor.clone(), "", 9, true), []);
        assert_eq!(read(&mut cursor, &at(6, 0, "six\n"), 9, true), []);
    }

    #[test]
    fn what_the_node_says_in_a_logs_place_is_told_as_its_word() {
        for said in [
            "unable to retrieve container logs for containerd://abc",
            "rpc error: code = NotFound desc = an error occurred when try to find container \"x\"\n",
            "failed\n",
        ] {
            for pieces in [1, 60, 1000] {
                let answer = at(1, 0, "one\n") + said;
                let out = read(&mut LogCursor::default(), &answer, pieces, true);
                assert_eq!(text(&out), format!("one\n<{}>", said.trim()), "{pieces}");
            }
        }
        let long = read(&mut LogCursor::default(), &"x".repeat(1 << 20), 1000, true);
        assert!(text(&long).len() <= WORD + 2);
        // of a time that was cut nothing is known
        assert_eq!(read(&mut LogCursor::default(), "2026-11-29T10:0", 100, false), []);
    }
}
