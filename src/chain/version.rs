//! What a listener runs (a tag, and the content it stood for), and which version a listener starts from.

use std::fmt;
use std::str::FromStr;

use super::phase::UnknownWord;
use crate::keel::image::{Digest, check_tag};

/// What a listener runs, or ran: a tag and, where the registry's digest is known, the digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The tag.
    pub tag: String,
    /// What that tag meant.
    pub content: Content,
}

/// What a tag meant when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// The registry's digest.
    Digest(Digest),
    /// An image that was loaded into the node by hand: no registry knows it, the tag alone tells it from others, and the
    /// build is shown as unpinned.
    SideLoaded,
    /// An image that never ran, so that no digest of it was seen: it is no other image, whatever that one's digest.
    Unseen,
}

impl Version {
    /// The registry's digest, if it was seen.
    pub fn digest(&self) -> Option<&Digest> {
        match &self.content {
            Content::Digest(digest) => Some(digest),
            Content::SideLoaded | Content::Unseen => None,
        }
    }

    /// What stands behind the tag on the wire: the digest, `unseen`, or nothing.
    pub fn content_word(&self) -> Option<&str> {
        match &self.content {
            Content::Digest(digest) => Some(digest.as_str()),
            Content::Unseen => Some(CONTENT_UNSEEN),
            Content::SideLoaded => None,
        }
    }

    /// Reads what [`Self::content_word`] says.
    pub fn of_words(tag: &str, content: Option<&str>) -> Option<Self> {
        let content = match content {
            None => Content::SideLoaded,
            Some(CONTENT_UNSEEN) => Content::Unseen,
            Some(digest) => Content::Digest(Digest::parse(digest)?),
        };
        check_tag(tag).is_ok().then(|| Self { tag: tag.to_owned(), content })
    }

    /// Whether both are the same image, as far as can be told.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = match (&self.content, &other.content) {
            (Content::Unseen, Content::Unseen) => true,
            (Content::Unseen, _) | (_, Content::Unseen) => false,
            // a side-loaded image has no digest: there only the tag tells
            (Content::SideLoaded, _) | (_, Content::SideLoaded) => true,
            (Content::Digest(a), Content::Digest(b)) => a == b,
        };
        self.tag == other.tag && same
    }
}

const CONTENT_UNSEEN: &str = "unseen";

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tag)?;
        match self.content_word() {
            Some(word) => write!(f, "@{word}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Version {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let unknown = || UnknownWord { what: "version", word: text.to_owned() };
        let (tag, content) = match text.split_once('@') {
            Some((tag, content)) => (tag, Some(content)),
            None => (text, None),
        };
        Self::of_words(tag, content).ok_or_else(unknown)
    }
}

/// The (tag, digest) that a listener starts from and does not build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Baseline {
    /// Build the first image seen.
    None,
    /// The template's tag, as `start` wrote it; the agent fills in the digest it comes up with.
    Pending(String),
    /// Exactly this.
    At(Version),
}

const BASELINE_NONE: &str = "none";
const BASELINE_PENDING: &str = "?";

impl Baseline {
    /// The tag that a listener starts from; none where whatever comes first is built.
    pub fn tag(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Pending(tag) => Some(tag),
            Self::At(version) => Some(&version.tag),
        }
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str(BASELINE_NONE),
            Self::Pending(tag) => write!(f, "{tag}@{BASELINE_PENDING}"),
            Self::At(version) => version.fmt(f),
        }
    }
}

impl FromStr for Baseline {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        if text == BASELINE_NONE {
            return Ok(Self::None);
        }
        match text.strip_suffix("@?") {
            Some(tag) if check_tag(tag).is_err() => Err(UnknownWord { what: "tag", word: tag.to_owned() }),
            Some(tag) => Ok(Self::Pending(tag.to_owned())),
            None => text.parse().map(Self::At),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_on_the_wire_is_read_back() {
        let digest = Digest::parse(&format!("sha256:{}", "0c".repeat(32))).unwrap();
        for baseline in [
            Baseline::None,
            Baseline::Pending("build-1".to_owned()),
            Baseline::At(Version { tag: "build-1".to_owned(), content: Content::SideLoaded }),
            Baseline::At(Version { tag: "build-1".to_owned(), content: Content::Unseen }),
            Baseline::At(Version { tag: "build-1".to_owned(), content: Content::Digest(digest) }),
        ] {
            assert_eq!(baseline.to_string().parse(), Ok(baseline));
        }
    }

    #[test]
    fn what_was_never_seen_is_no_digest() {
        let version = |content: &str| format!("t{content}").parse::<Version>().unwrap();
        let digest = |letter: &str| version(&format!("@sha256:{}", letter.repeat(64)));
        for (a, b, same) in [
            (digest("a"), digest("a"), true),
            (digest("a"), digest("b"), false),
            (digest("a"), version(""), true),
            (digest("a"), version("@unseen"), false),
            (version(""), version("@unseen"), false),
            (version("@unseen"), version("@unseen"), true),
        ] {
            assert_eq!((a.is_same(&b), b.is_same(&a)), (same, same), "{a} {b}");
        }
        assert_eq!(version("@unseen").digest(), None);
        assert!("t@seen".parse::<Version>().is_err());
    }
}
