//! What a bug report gets to see of a cluster, and how that is packed.
//!
//! An object is shown by what is known to be harmless, and not without what is known to be secret: fields that nobody has thought
//! of stay out. What is left is masked all the same, by the values of every Secret that could be read.

mod shown;

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::chain::masking::Masking;

pub use shown::shown;

/// The folder that everything is in.
const FOLDER: &str = "studioci-bundle";
/// Bytes of one file at most.
const FILE_BYTES: usize = 1 << 20;
/// Bytes of all of them at most.
const ALL_BYTES: usize = 16 << 20;
/// What a block of an archive has.
const BLOCK: usize = 512;

/// A bundle that grows file by file.
#[derive(Debug, Default)]
pub struct Bundle {
    masking: Masking,
    files: Vec<(String, String)>,
    bytes: usize,
    left_out: Vec<String>,
}

impl Bundle {
    /// An empty one. `masking`: whatever must not be in it.
    pub fn new(masking: Masking) -> Self {
        Self { masking, ..Self::default() }
    }

    /// How much of it could not be had, which `left-out.txt` names.
    pub fn left_out(&self) -> usize {
        self.left_out.len()
    }

    /// Adds objects, of which those at the end are left out where they are too many.
    pub fn objects(&mut self, path: &str, objects: impl IntoIterator<Item = Value>) {
        let mut items: Vec<Value> = objects.into_iter().map(|object| shown(&object)).collect();
        let all = items.len();
        let mut bytes: Vec<usize> = items.iter().map(|item| item.to_string().len()).collect();
        while bytes.iter().sum::<usize>() > FILE_BYTES / 2 {
            bytes.pop();
            items.pop();
        }
        if items.len() < all {
            self.left_out.push(format!("{path}: {} of {all} objects", all - items.len()));
        }
        self.value(path, json!({ "items": items }));
    }

    /// Adds a value that is ours.
    pub fn value(&mut self, path: &str, mut value: Value) {
        self.masking.value(&mut value);
        anonymise(&mut value);
        self.add(path, format!("{value:#}\n"));
    }

    /// Adds lines that somebody wrote.
    pub fn text(&mut self, path: &str, text: &str) {
        let text: String = self.masking.text(text).lines().map(|line| without_users(line) + "\n").collect();
        self.add(path, text);
    }

    /// Says of something why it is not there.
    pub fn without(&mut self, path: &str, why: &str) {
        self.left_out.push(format!("{path}: {}", without_users(&self.masking.text(why))));
    }

    fn add(&mut self, path: &str, text: String) {
        if text.len() > FILE_BYTES || self.bytes + text.len() > ALL_BYTES {
            self.left_out.push(format!("{path}: too large"));
            return;
        }
        self.bytes += text.len();
        self.files.push((path.to_owned(), text));
    }

    /// Packs it: a tar archive in gzip, in which everything has the same time.
    ///
    /// # Errors
    /// None, since it is packed in memory.
    pub fn pack(mut self, now: Timestamp) -> io::Result<Vec<u8>> {
        if !self.left_out.is_empty() {
            let told = self.left_out.join("\n") + "\n";
            self.files.push(("left-out.txt".to_owned(), told));
        }
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        for (path, text) in &self.files {
            packed.write_all(&header(&format!("{FOLDER}/{path}"), text.len(), now))?;
            packed.write_all(text.as_bytes())?;
            packed.write_all(&vec![0; text.len().next_multiple_of(BLOCK) - text.len()])?;
        }
        packed.write_all(&[0; 2 * BLOCK])?;
        packed.finish()
    }
}

/// The header of a file in an archive (POSIX.1-1988, ustar). The crate `tar` would bring the reading of archives and of folders
/// with it, for these few lines. `path`: at most 100 bytes, which the names of namespaces leave room for.
fn header(path: &str, bytes: usize, now: Timestamp) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path.get(..100).unwrap_or(path));
    put(100, "0000600\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{bytes:011o}\0"));
    put(136, &format!("{:011o}\0", now.as_second().max(0)));
    // the sum counts itself as blanks
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\0");
    put(263, "00");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// Takes the users and passwords out of whatever addresses a value holds.
fn anonymise(value: &mut Value) {
    match value {
        Value::String(text) if text.contains("://") => *text = without_users(text),
        Value::Array(items) => items.iter_mut().for_each(anonymise),
        Value::Object(fields) => fields.values_mut().for_each(anonymise),
        _ => {}
    }
}

/// A line without the users and passwords of addresses in it.
fn without_users(line: &str) -> String {
    let mut clean = String::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let ends = |c: char| c.is_whitespace() || "/\"'<>\\".contains(c);
        let authority = &behind[..behind.find(ends).unwrap_or(behind.len())];
        rest = authority.rfind('@').map_or(behind, |at| &behind[at + 1..]);
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn unpacked(bundle: Bundle) -> Vec<u8> {
        let packed = bundle.pack(Timestamp::UNIX_EPOCH).unwrap();
        let mut bytes = Vec::new();
        GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// The files of an archive, each with its path; `native_06` has tar itself read one.
    fn files(mut archive: &[u8]) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| {
            String::from_utf8(bytes.split(|byte| *byte == 0).next().unwrap().to_vec()).unwrap()
        };
        let octal = |bytes: &[u8]| usize::from_str_radix(text(bytes).trim(), 8).unwrap();
        let mut files = Vec::new();
        while archive[0] != 0 {
            let (header, rest) = archive.split_at(BLOCK);
            let counted: usize =
                header[..148].iter().chain(&header[156..]).map(|byte| usize::from(*byte)).sum();
            assert_eq!(octal(&header[148..156]), counted + 8 * 32, "its sum");
            assert_eq!(
                (octal(&header[100..108]), &header[156..157], &header[257..265]),
                (0o600, &b"0"[..], &b"ustar\x0000"[..])
            );
            let size = octal(&header[124..136]);
            files.push((text(&header[..100]), String::from_utf8(rest[..size].to_vec()).unwrap()));
            archive = &rest[size.next_multiple_of(BLOCK)..];
        }
        assert_eq!(archive, [0; 2 * BLOCK]);
        files
    }

    #[test]
    fn an_archive_holds_the_texts_without_what_is_masked() {
        let mut bundle = Bundle::new(Masking::of(["hunter22"]));
        bundle.text("keel.log", &"x".repeat(511));
        bundle.text("builds/ci-a/agent.log", "it says hunter22\nhttps://me:pw@host/x\n");
        bundle.value("versions.json", json!({ "a": ["hunter22", "https://me:pw@host/x"] }));
        bundle.without("home.json", "may not list hunter22");
        let expected = [
            ("keel.log", "x".repeat(511) + "\n"),
            ("builds/ci-a/agent.log", "it says ***\nhttps://host/x\n".to_owned()),
            ("versions.json", "{\n  \"a\": [\n    \"***\",\n    \"https://host/x\"\n  ]\n}\n".to_owned()),
            ("left-out.txt", "home.json: may not list ***\n".to_owned()),
        ];
        let expected = expected.map(|(path, text)| (format!("{FOLDER}/{path}"), text));
        assert_eq!(files(&unpacked(bundle)), expected);
    }

    #[test]
    fn what_is_too_much_is_left_out_and_that_is_said() {
        let mut bundle = Bundle::default();
        let event = |number: usize| json!({ "kind": "Event", "message": "m".repeat(10_000), "reason": number.to_string() });
        bundle.objects("events.json", (0..200).map(event));
        for number in 0..40 {
            bundle.text(&format!("{number}.log"), &"y".repeat(FILE_BYTES / 2));
        }
        bundle.text("long.log", &"y".repeat(FILE_BYTES));
        let bytes = unpacked(bundle);
        assert!(bytes.len() <= ALL_BYTES + (64 << 10), "{}", bytes.len());
        let text = String::from_utf8_lossy(&bytes);
        let told = &text[text.find("events.json: ").unwrap()..];
        assert!(
            told.contains(" of 200 objects\n") && told.contains("39.log: too large\nlong.log: too large\n"),
            "{told}"
        );
        assert!(text.contains("\"reason\": \"0\"") && !text.contains("\"reason\": \"199\""));
    }

    #[test]
    fn of_an_address_in_a_line_whoever_it_is_for_is_left_out() {
        for (line, clean) in [
            ("git clone https://user:p@ss@host/x from http://h/", "git clone https://host/x from http://h/"),
            ("proxy \"http://token@proxy:3128\"", "proxy \"http://proxy:3128\""),
            ("https://host/a@b", "https://host/a@b"),
            ("nothing @ all", "nothing @ all"),
            ("ends with ://", "ends with ://"),
        ] {
            assert_eq!(without_users(line), clean);
        }
    }
}
