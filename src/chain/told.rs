//! What a CI container tells its agent: one file, written by `agent tell` and read as whatever a stranger left there.
//!
//! The pushed image decides what runs beside that file, so nothing in it is believed that is not of this very form:
//!
//! | part | form |
//! |---|---|
//! | header | one line of JSON, `Header`, at most [`HEADER_BYTES`] |
//! | text | after it, where the header says `text`: the pipeline, UTF-8, at most [`BROUGHT_BYTES`] |
//!
//! What has another form is a fault of the push, never "the image brings no pipeline".

use serde::{Deserialize, Serialize};

use super::freeze::Pushed;

/// The file in the folder that both containers mount.
pub const TOLD_FILE: &str = "told";
/// The longest pipeline that an image may bring, bytes. It is held in memory here, and rendered within bounds.
pub const BROUGHT_BYTES: usize = 256 * 1024;
/// The longest header.
pub const HEADER_BYTES: usize = 4096;
/// The most that is read of the file: one byte more than fits, so that too much is seen as such.
pub const TOLD_BYTES: usize = HEADER_BYTES + BROUGHT_BYTES + 1;
/// The longest revision.
const REVISION_CHARACTERS: usize = 64;
/// Of what cannot be used so much is quoted.
const QUOTED_CHARACTERS: usize = 64;

/// What an image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// The pipeline that it holds.
    pub pipeline: Pushed,
    /// The source revision that it was built from.
    pub revision: Option<String>,
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    pipeline: Brings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
}

/// What the image brings by way of a pipeline.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Brings {
    /// The image holds no such file.
    Absent,
    /// The text follows.
    Text,
    /// The file is there and cannot be used, and why.
    Unreadable(String),
}

impl Telling {
    /// The file's content.
    pub fn write(&self) -> Vec<u8> {
        let (pipeline, text) = match &self.pipeline {
            Pushed::Absent => (Brings::Absent, ""),
            Pushed::Text(text) => (Brings::Text, text.as_str()),
            Pushed::Unreadable(why) => (Brings::Unreadable(why.chars().take(512).collect()), ""),
        };
        let revision = self.revision.as_ref().map(|revision| quoted(revision));
        let header = serde_json::json!(Header { pipeline, revision });
        format!("{header}\n{text}").into_bytes()
    }

    /// Reads what stands there.
    ///
    /// # Errors
    /// Why it is not what `agent tell` writes, one sentence.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
        let (Some(first), Some(text)) = (parts.next(), parts.next()) else {
            return Err("what the image tells has no first line".to_owned());
        };
        if first.len() > HEADER_BYTES {
            return Err(format!(
                "the first line of what the image tells is longer than {HEADER_BYTES} bytes"
            ));
        }
        let header: Header = serde_json::from_slice(first)
            .map_err(|_| "the first line of what the image tells is not what agent tell writes".to_owned())?;
        if let Some(revision) = header.revision.as_ref().filter(|it| !is_revision(it)) {
            return Err(format!(
                "the image tells revision {:?}; a revision is up to {REVISION_CHARACTERS} of a-z, A-Z, 0-9 and . _ / -",
                quoted(revision)
            ));
        }
        let pipeline = match header.pipeline {
            Brings::Text if text.len() > BROUGHT_BYTES => {
                return Err(format!("the image tells a pipeline of more than {BROUGHT_BYTES} bytes"));
            }
            Brings::Text => match std::str::from_utf8(text) {
                Ok(text) => Pushed::Text(text.to_owned()),
                Err(_) => return Err("the pipeline that the image tells is not UTF-8 text".to_owned()),
            },
            _ if !text.is_empty() => {
                return Err("what the image tells goes on behind its first line".to_owned());
            }
            Brings::Absent => Pushed::Absent,
            Brings::Unreadable(why) => Pushed::Unreadable(plain(&why)),
        };
        Ok(Self { pipeline, revision: header.revision })
    }
}

/// Whether a text can be a source revision.
pub fn is_revision(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
    (1..=REVISION_CHARACTERS).contains(&text.len()) && text.bytes().all(fits)
}

fn quoted(text: &str) -> String {
    // one more than fits, so that what is too long is still seen as such
    text.chars().take(QUOTED_CHARACTERS + 1).collect()
}

/// A stranger's words as part of one line of ours.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(512).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read() {
        for pipeline in [
            Pushed::Absent,
            Pushed::Text(String::new()),
            Pushed::Text("a: 1\n\nb: \"ü\"\n".to_owned()),
            Pushed::Text("x".repeat(BROUGHT_BYTES)),
            Pushed::Unreadable("permission denied".to_owned()),
        ] {
            for revision in [None, Some("refs/heads/a_b-1.2".to_owned()), Some("f".repeat(64))] {
                let telling = Telling { pipeline: pipeline.clone(), revision };
                let bytes = telling.write();
                assert!(bytes.len() < TOLD_BYTES);
                assert_eq!(Telling::read(&bytes), Ok(telling));
            }
        }
    }

    #[test]
    fn nothing_else_is_believed() {
        let long = format!("{{\"pipeline\":\"text\"}}\n{}", "x".repeat(BROUGHT_BYTES + 1));
        let header = format!("{{\"pipeline\":{{\"unreadable\":\"{}\"}}}}\n", "x".repeat(HEADER_BYTES));
        for (bytes, why) in [
            (&b""[..], "no first line"),
            (b"{\"pipeline\":\"absent\"}", "no first line"),
            (b"\n", "not what agent tell writes"),
            (b"apiVersion: v1\nkind: Pod\n", "not what agent tell writes"),
            (b"{\"pipeline\":\"none\"}\n", "not what agent tell writes"),
            (b"{\"pipeline\":\"absent\",\"token\":1}\n", "not what agent tell writes"),
            (b"{\"pipeline\":\"absent\"}\nkind: Pod\n", "goes on behind"),
            (b"{\"pipeline\":\"text\"}\n\xff\xfe", "not UTF-8 text"),
            (long.as_bytes(), "more than 262144 bytes"),
            (header.as_bytes(), "longer than 4096 bytes"),
            (b"{\"pipeline\":\"absent\",\"revision\":\"\"}\n", "tells revision \"\""),
            (b"{\"pipeline\":\"absent\",\"revision\":\"a\\nb\"}\n", "tells revision \"a\\nb\""),
            (b"{\"pipeline\":\"absent\",\"revision\":\"\\u001b[2J\"}\n", "tells revision \"\\u{1b}[2J\""),
        ] {
            let error = Telling::read(bytes).expect_err(why);
            assert!(error.contains(why), "{error}");
            assert!(!error.contains(|c: char| c.is_control()), "{error:?}");
        }
    }

    #[test]
    fn a_revision_that_is_too_long_is_seen_as_such() {
        let telling = Telling { pipeline: Pushed::Absent, revision: Some("f".repeat(500)) };
        assert!(Telling::read(&telling.write()).expect_err("too long").contains("tells revision"));
    }

    #[test]
    fn the_words_of_an_image_stay_on_one_line() {
        let bytes = b"{\"pipeline\":{\"unreadable\":\"a\\nPassed\\u001b[2J\"}}\n";
        let telling = Telling::read(bytes).expect("well formed");
        assert_eq!(telling.pipeline, Pushed::Unreadable("a Passed [2J".to_owned()));
    }
}
