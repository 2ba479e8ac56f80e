//! The end of a build's log, as it is kept in home: which Secret it goes into, what makes room for it, and its form.
//!
//! A chain has a ring of Secrets, and a generation its place in it, so that two builds that end at the same time rarely write
//! into the same one. An entry is packed (gzip): a line of JSON that says what there is, then the bytes of each container, one
//! after the other, as the container wrote them but for what is masked. An agent wrote it, and a build may have got hold of
//! one: what is read is bounded before it is unpacked.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::quantity::Quantity;
use super::side::is_side;
use super::wire;

/// How many Secrets a chain's ring has.
const RING: u64 = 8;
/// Bytes of one of them at most; a Secret may hold 1 MiB.
const SECRET_BYTES: usize = 900 * 1024;
/// Bytes that are kept of a build unless it says otherwise.
const DEFAULT: usize = 256 * 1024;
/// Bytes that may be kept of a build: packed, what cannot be packed still fits into a Secret.
const MOST: usize = 512 * 1024;
/// Of so many containers of a build the log is kept.
pub const CONTAINERS: usize = 4;
/// Bytes of an entry that is read, unpacked: more than any that was written by this program.
const READ: u64 = 4 << 20;
/// Bytes of its first line.
const HEAD: usize = 64 * 1024;

/// What is kept of a build's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptLog {
    /// uid of the build's namespace.
    pub uid: String,
    /// Why nothing is there, or not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// A part for each container, the build's own first.
    pub containers: Vec<KeptPart>,
}

/// What is kept of one container's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptPart {
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Whether something is missing before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Why nothing is there, or not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How many bytes follow.
    len: usize,
    /// What the container wrote.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

impl KeptPart {
    /// What a container wrote.
    pub fn of(pod: &str, container: &str, cut: bool, bytes: Vec<u8>) -> Self {
        Self { pod: pod.to_owned(), container: container.to_owned(), cut, len: bytes.len(), bytes, why: None }
    }

    /// Nothing, and why.
    pub fn unread(pod: &str, container: &str, why: String) -> Self {
        Self { why: Some(why), ..Self::of(pod, container, false, Vec::new()) }
    }

    /// Cut at the front, so that no more than `most` bytes are left.
    fn shorten(&mut self, most: usize) {
        let over = self.bytes.len().saturating_sub(most);
        self.cut |= over > 0;
        self.bytes.drain(..over);
        self.len = self.bytes.len();
    }
}

impl KeptLog {
    /// Cut to so many bytes in all: each container has its share, and what one does not need the others have.
    #[must_use]
    pub fn within(mut self, most: usize) -> Self {
        let mut parts: Vec<&mut KeptPart> = self.containers.iter_mut().collect();
        parts.sort_by_key(|part| part.bytes.len());
        let (mut left, mut count) = (most, parts.len());
        for part in parts {
            part.shorten(left / count);
            left -= part.bytes.len();
            count -= 1;
        }
        self
    }

    /// Whether there is anything of what a container wrote.
    pub fn is_empty(&self) -> bool {
        self.containers.iter().all(|part| part.bytes.is_empty())
    }

    /// Packed. The same log is packed into the same bytes.
    pub fn pack(&self) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        let head = json!(self).to_string() + "\n";
        let parts = self.containers.iter().map(|part| part.bytes.as_slice());
        std::iter::once(head.as_bytes())
            .chain(parts)
            .try_for_each(|bytes| packed.write_all(bytes))
            .and_then(|()| packed.finish())
            .expect("memory takes everything")
    }

    /// Unpacks what an agent wrote.
    ///
    /// # Errors
    /// What is wrong with it; nothing of it is quoted.
    pub fn unpack(packed: &[u8]) -> Result<Self, String> {
        let mut bytes = Vec::new();
        GzDecoder::new(packed)
            .take(READ + 1)
            .read_to_end(&mut bytes)
            .map_err(|_| "it cannot be unpacked".to_owned())?;
        if bytes.len() as u64 > READ {
            return Err(format!("it is larger than {READ} bytes"));
        }
        let head = memchr::memchr(b'\n', &bytes).filter(|end| *end <= HEAD);
        let (head, mut rest) = bytes.split_at(head.ok_or("it has no first line")?);
        let mut log: Self =
            serde_json::from_slice(head).map_err(|_| "its first line cannot be read".to_owned())?;
        rest = &rest[1..];
        for part in &mut log.containers {
            let (bytes, after) =
                rest.split_at_checked(part.len).ok_or("it ends before its first line says")?;
            part.bytes = bytes.to_vec();
            rest = after;
        }
        Ok(log)
    }
}

/// The Secret that a generation's log goes into.
pub fn secret_of(chain: &str, generation: u64) -> String {
    wire::log_object(chain, generation % RING)
}

/// All Secrets of a chain's ring.
pub fn ring(chain: &str) -> Vec<String> {
    (0..RING).map(|place| wire::log_object(chain, place)).collect()
}

/// What of a Secret makes room for an entry of `len` bytes: whatever is none, side builds of before, then the oldest. `held`: keys
/// and the bytes behind them, by the keys' order.
pub fn makes_room<'a>(
    held: impl DoubleEndedIterator<Item = (&'a str, usize)>,
    key: &str,
    len: usize,
) -> Vec<&'a str> {
    let (mut bytes, mut full) = (key.len() + len, false);
    let of_side = |it: &(&str, usize)| wire::build_of_key(it.0).is_some_and(is_side);
    let (sides, links): (Vec<_>, Vec<_>) = held.rev().filter(|(other, _)| *other != key).partition(of_side);
    let others = links.into_iter().chain(sides);
    let goes = others.filter(|(other, len)| {
        bytes += other.len() + len;
        full |= bytes > SECRET_BYTES;
        full || !other.starts_with(wire::BUILD_KEY)
    });
    goes.map(|(other, _)| other).collect()
}

/// The bytes that are kept of a build where nobody says otherwise.
pub fn default_size() -> usize {
    DEFAULT
}

/// Reads how many bytes are to be kept, a Kubernetes quantity: `256Ki`, `0.25Mi`, `100k`, `0`.
///
/// Source of the rule: the API's *Quantity*; what is a fraction of a byte is rounded up.
///
/// # Errors
/// What is expected.
pub fn size(text: &str) -> Result<usize, String> {
    const FORM: &str = "it must be a size such as 256Ki, or 0 for none";
    let bytes = Quantity::parse(text).and_then(Quantity::whole).ok_or(FORM)?;
    match usize::try_from(bytes) {
        Ok(bytes) if bytes <= MOST => Ok(bytes),
        _ => Err("it must be 512Ki at most: what is kept stands in Secrets".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const K: usize = 1024;

    fn part(name: &str, bytes: impl Into<Vec<u8>>) -> KeptPart {
        KeptPart::of("p", name, false, bytes.into())
    }

    fn log(containers: Vec<KeptPart>) -> KeptLog {
        KeptLog { uid: "u".to_owned(), why: None, containers }
    }

    #[test]
    fn what_a_container_wrote_comes_back_byte_for_byte() {
        let odd = b"\r50%\r100%\r\n\x1b[31mred\x1b[0m\xff\xfe\0{\"len\": 3}\n\nno last newline".to_vec();
        let log = log(vec![
            KeptPart { cut: true, ..part("build", odd) },
            part("empty", ""),
            KeptPart::unread("p", "init", "the kubelet is away".to_owned()),
            part("db", "\n"),
        ]);
        let packed = log.pack();
        assert_eq!(KeptLog::unpack(&packed), Ok(log.clone()));
        assert_eq!(log.pack(), packed, "twice the same");
        assert!(!log.is_empty() && self::log(vec![part("empty", "")]).is_empty());
    }

    #[test]
    fn what_cannot_have_been_written_by_this_program_is_refused_and_never_quoted() {
        let gzip = |bytes: &[u8]| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(bytes).unwrap();
            packed.finish().unwrap()
        };
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 1 << 20);
        let long_head = format!("{{\"uid\":\"{}\",\"containers\":[]}}\n", "x".repeat(HEAD));
        let short =
            r#"{"uid":"u","containers":[{"pod":"p","container":"c","len":9}]}"#.to_owned() + "\nSECRET";
        for (packed, why) in [
            (b"SECRET SECRET SECRET".to_vec(), "it cannot be unpacked"),
            (log(vec![part("build", "text")]).pack()[..40].to_vec(), "it cannot be unpacked"),
            (bomb, "it is larger than 4194304 bytes"),
            (gzip(b""), "it has no first line"),
            (gzip(b"SECRET"), "it has no first line"),
            (gzip(long_head.as_bytes()), "it has no first line"),
            (gzip(b"{\"uid\": SECRET}\n"), "its first line cannot be read"),
            (gzip(short.as_bytes()), "it ends before its first line says"),
        ] {
            assert_eq!(KeptLog::unpack(&packed), Err(why.to_owned()));
        }
    }

    #[test]
    fn each_container_has_its_share_and_what_one_does_not_need_the_others_have() {
        let lens = |lens: &[usize], most| {
            let parts = lens.iter().map(|len| part("c", "x".repeat(*len))).collect();
            let log = log(parts).within(most);
            log.containers.iter().map(|part| (part.bytes.len(), part.cut)).collect::<Vec<_>>()
        };
        assert_eq!(lens(&[100], 100), [(100, false)]);
        assert_eq!(lens(&[101], 100), [(100, true)]);
        assert_eq!(lens(&[1000, 10], 100), [(90, true), (10, false)]);
        assert_eq!(lens(&[1000, 10, 1000], 100), [(45, true), (10, false), (45, true)]);
        assert_eq!(lens(&[0, 0], 100), [(0, false), (0, false)]);
        assert_eq!(lens(&[5, 5], 0), [(0, true), (0, true)]);
        assert_eq!(lens(&[], 100), []);
        let kept = log(vec![part("c", "the end")]).within(3);
        assert_eq!(kept.containers[0].bytes, b"end");
        assert_eq!(KeptLog::unpack(&kept.pack()), Ok(kept));
    }

    #[test]
    fn the_oldest_of_a_secret_make_room_and_whatever_is_no_log() {
        let goes = |held: &[(&str, usize)], generation: u64, len: usize| {
            let held: BTreeMap<&str, usize> = held.iter().copied().collect();
            let goes =
                makes_room(held.iter().map(|(key, len)| (*key, *len)), &wire::build_key(generation), len);
            goes.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let held = [("build.00000001", 300 * K), ("build.00000009", 300 * K), ("build.00000017", 300 * K)];
        assert_eq!(goes(&held, 25, 200 * K), ["build.00000001"]);
        assert_eq!(goes(&held, 25, 400 * K), ["build.00000009", "build.00000001"]);
        assert_eq!(goes(&held[1..], 25, 200 * K), Vec::<String>::new());
        assert_eq!(goes(&held, 17, 100 * K), Vec::<String>::new(), "it replaces itself");
        assert_eq!(goes(&[("note", 1), ("build.00000001", 1)], 9, 1), ["note"]);
        // side builds of before, then the oldest
        let held = [("build.00000009", 300 * K), ("build.00000017", 300 * K), ("build.90000001", 200 * K)];
        assert_eq!(goes(&held, 25, 200 * K), ["build.90000001"]);
        assert_eq!(goes(&held, 90_000_009, 400 * K), ["build.00000009", "build.90000001"]);
        // once it is full, what is older goes, however small
        let held = [("build.00000001", 1), ("build.00000009", 890 * K), ("build.00000017", 20 * K)];
        assert_eq!(goes(&held, 25, K), ["build.00000009", "build.00000001"]);
    }

    #[test]
    fn what_cannot_be_packed_fits_into_a_secret() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[2]
        };
        let noise: Vec<u8> = (0..MOST).map(|_| random()).collect();
        let packed = log(vec![part("build", noise)]).within(MOST).pack();
        assert!(packed.len() > MOST && packed.len() < SECRET_BYTES, "{}", packed.len());
    }

    #[test]
    fn generations_go_round_the_ring_and_no_chain_has_anothers() {
        assert_eq!(secret_of("a", 1), "log-a-1");
        assert_eq!(secret_of("a", 8), "log-a-0");
        assert_eq!(secret_of("a-1", 7), "log-a-1-7");
        assert_eq!(ring("a-1").len(), 8);
        assert!(ring("a").iter().all(|name| !ring("a-1").contains(name)));
    }

    #[test]
    fn a_size_is_a_quantity_and_half_a_mebibyte_at_most() {
        for (text, bytes) in [
            ("0", 0),
            ("1", 1),
            ("256Ki", 256 * 1024),
            ("0.25Mi", 256 * 1024),
            ("512Ki", 512 * 1024),
            (".5Mi", 512 * 1024),
            ("100k", 100_000),
            ("1e3", 1000),
            ("5E+2", 500),
            ("1500m", 2),
            ("0Gi", 0),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "-1", "Ki", "256KB", "256 Ki", "256ki", "inf", "NaN", "1.2.3", "1e", "0x10", "none"]
        {
            assert!(size(text).unwrap_err().contains("such as 256Ki"), "{text}");
        }
        for text in ["513Ki", "1Mi", "524289", "1e99", "1Gi", "9999999999999999999999999"] {
            assert!(size(text).unwrap_err().contains("512Ki at most"), "{text}");
        }
    }
}
