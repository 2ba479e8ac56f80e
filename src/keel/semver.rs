//! Versions as Keel reads them: Masterminds/semver 1.5, which is lenient (`v1.2`, `01.0.0`), not semver.org.

#[cfg(any(test, feature = "testing"))]
use std::cmp::Ordering;

/// A version of one to three numbers with optional pre-release and build metadata.
///
/// Ordering and equality of the numbers and the pre-release are in [`SemVer::precedence`]; build metadata does
/// not count there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SemVer {
    /// First number.
    pub(super) major: i64,
    /// Second number, 0 where absent.
    pub(super) minor: i64,
    /// Third number, 0 where absent.
    pub(super) patch: i64,
    /// What stands behind `-`, empty where absent.
    pub(super) pre: String,
}

const INVALID: &str = "Invalid Semantic Version";

impl SemVer {
    /// Reads a version.
    ///
    /// # Errors
    /// Keel's own words: the text is no version, or a number does not fit 63 bits.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix('v').unwrap_or(text);
        let (rest, metadata) = split_off(rest, '+');
        let (numbers, pre) = split_off(rest, '-');
        if !metadata.is_none_or(dotted) || !pre.is_none_or(dotted) {
            return Err(INVALID.to_owned());
        }
        let segments: Vec<&str> = numbers.split('.').collect();
        let digits = |s: &&str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if segments.len() > 3 || !segments.iter().all(digits) {
            return Err(INVALID.to_owned());
        }
        let number = |i: usize| {
            match segments.get(i) {
            None => Ok(0),
            Some(segment) => segment.parse().map_err(|_| {
                format!(
                    "Error parsing version segment: strconv.ParseInt: parsing \"{segment}\": value out of range"
                )
            }),
        }
        };
        Ok(Self {
            major: number(0)?,
            minor: number(1)?,
            patch: number(2)?,
            pre: pre.unwrap_or_default().to_owned(),
        })
    }

    #[cfg(any(test, feature = "testing"))]
    /// Which of two versions is the newer one; build metadata is ignored, a pre-release is older than its release.
    pub(super) fn precedence(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch)).then_with(
            || match (self.pre.is_empty(), other.pre.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => pre_release(&self.pre, &other.pre),
            },
        )
    }
}

fn split_off(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(head, tail)| (head, Some(tail)))
}

/// Dot-separated identifiers of letters, digits and hyphens, none of them empty.
fn dotted(text: &str) -> bool {
    let identifier = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    text.split('.').all(identifier)
}

#[cfg(any(test, feature = "testing"))]
/// Part by part; a missing part is the lowest, a number is below a word.
fn pre_release(one: &str, other: &str) -> Ordering {
    let (mut ones, mut others) = (one.split('.'), other.split('.'));
    loop {
        let (a, b) = match (ones.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => (a.unwrap_or_default(), b.unwrap_or_default()),
        };
        let order = match (a.parse::<u64>(), b.parse::<u64>()) {
            _ if a == b => Ordering::Equal,
            _ if a.is_empty() => Ordering::Less,
            _ if b.is_empty() => Ordering::Greater,
            // `07` and `7` differ as text but not as numbers; Keel then calls the first one the lower.
            (Ok(a), Ok(b)) => a.cmp(&b).then(Ordering::Less),
            (Err(_), Err(_)) => a.cmp(b),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}
