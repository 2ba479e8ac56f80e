//! A build: one link of a chain, one namespace, read from that Namespace's labels and annotations.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::trying::Trying;
use super::wire;
use crate::keel::image::Digest;

/// Labels or annotations.
pub type Map = BTreeMap<String, String>;

/// Where a build is on its way. Each phase is written before its work begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The namespace is ours; the listener is not there yet.
    Claimed,
    /// The listener waits for a push.
    Listening,
    /// A push was seen and frozen.
    Triggered,
    /// Keel has let go of the Deployment; read back.
    Detached,
    /// Another build of the chain has the slot.
    Queued,
    /// The rest of the pipeline is being applied and support comes up.
    Preparing,
    /// The build's Job exists.
    Building,
    /// Verdict and cause are in home.
    Recorded,
    /// Everything is scaled to zero.
    Finished,
    /// The namespace is being deleted.
    Disposing,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Self; 10] = [
        Self::Claimed,
        Self::Listening,
        Self::Triggered,
        Self::Detached,
        Self::Queued,
        Self::Preparing,
        Self::Building,
        Self::Recorded,
        Self::Finished,
        Self::Disposing,
    ];

    /// The word on the wire and in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "Claimed",
            Self::Listening => "Listening",
            Self::Triggered => "Triggered",
            Self::Detached => "Detached",
            Self::Queued => "Queued",
            Self::Preparing => "Preparing",
            Self::Building => "Building",
            Self::Recorded => "Recorded",
            Self::Finished => "Finished",
            Self::Disposing => "Disposing",
        }
    }

    /// The annotation that holds when this phase began.
    pub fn time_key(self) -> String {
        format!("{}{}", wire::AT, self.as_str().to_ascii_lowercase())
    }
}

/// A word on the wire that this program does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {word:?} is not one that this version knows")]
pub struct UnknownWord {
    /// What kind of word it is.
    pub what: &'static str,
    /// The word.
    pub word: String,
}

macro_rules! word {
    ($type:ident, $what:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl FromStr for $type {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL
                    .into_iter()
                    .find(|value| value.as_str() == word)
                    .ok_or_else(|| UnknownWord { what: $what, word: word.to_owned() })
            }
        }
    };
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The build container exited 0.
    Passed,
    /// The build said no.
    Failed,
    /// We could not run it, or it was disrupted.
    Errored,
    /// Somebody ended it.
    Cancelled,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 4] = [Self::Passed, Self::Failed, Self::Errored, Self::Cancelled];

    /// The word on the wire and in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "Passed",
            Self::Failed => "Failed",
            Self::Errored => "Errored",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// How far the dispatch of the successor is. Apart from the phase, since it may lag behind the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dispatch {
    /// Not begun, or being retried.
    Pending,
    /// The successor's namespace is ours.
    Claimed,
    /// The successor's listener exists.
    Done,
    /// The chain has ended: there is no successor.
    Ended,
}

impl Dispatch {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Claimed, Self::Done, Self::Ended];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Claimed => "claimed",
            Self::Done => "done",
            Self::Ended => "ended",
        }
    }

    /// Whether an agent may finish.
    pub fn settled(self) -> bool {
        matches!(self, Self::Done | Self::Ended)
    }
}

word!(Phase, "phase");
word!(Verdict, "verdict");
word!(Dispatch, "dispatch state");

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
        (!tag.is_empty()).then(|| Self { tag: tag.to_owned(), content })
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
            Some(tag) => Ok(Self::Pending(tag.to_owned())),
            None => text.parse().map(Self::At),
        }
    }
}

/// One build, as its Namespace tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Build {
    /// Name of the Namespace.
    pub namespace: String,
    /// uid of the Namespace.
    pub uid: String,
    /// resourceVersion that this was read at; what is decided on it is written with it.
    pub resource_version: String,
    /// Whether the Namespace is Terminating.
    pub terminating: bool,
    /// When the Namespace was created.
    pub created: Option<Timestamp>,
    /// The chain's name.
    pub chain: String,
    /// The chain's uuid.
    pub chain_uuid: String,
    /// The uuid that proves the claim.
    pub owner: String,
    /// The number of the link, from 1; 0 for a bare claim.
    pub generation: u64,
    /// Namespace of the build before.
    pub parent: Option<String>,
    /// Namespace of the build after.
    pub successor: Option<String>,
    /// Where it is.
    pub phase: Phase,
    /// How it ended.
    pub verdict: Option<Verdict>,
    /// Why it ended so.
    pub cause: Option<String>,
    /// Why it stands still.
    pub waiting: Option<String>,
    /// The push that is being tried.
    pub trying: Option<Trying>,
    /// How far the dispatch is.
    pub dispatch: Dispatch,
    /// Why the dispatch fails.
    pub dispatch_error: Option<String>,
    /// What its listener started from.
    pub baseline: Baseline,
    /// Image name without tag.
    pub image: Option<String>,
    /// What triggered it.
    pub version: Option<Version>,
    /// Source revision.
    pub revision: Option<String>,
    /// uid of the build's Job, once it was created.
    pub job_uid: Option<String>,
    /// The last sign of life of its agent, as it was written.
    pub heartbeat: Option<String>,
    /// When each phase began.
    pub times: BTreeMap<Phase, Timestamp>,
}

/// Why a Namespace cannot be read as a build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotABuild {
    /// A label or annotation is missing.
    #[error("namespace {namespace} has no {key}")]
    Missing {
        /// The Namespace.
        namespace: String,
        /// The key.
        key: &'static str,
    },
    /// A value is not what it should be.
    #[error("namespace {namespace}: {key} {value:?} cannot be read")]
    Bad {
        /// The Namespace.
        namespace: String,
        /// The key.
        key: &'static str,
        /// What stands there.
        value: String,
    },
}

impl NotABuild {
    /// The Namespace.
    pub fn namespace(&self) -> &str {
        let (Self::Missing { namespace, .. } | Self::Bad { namespace, .. }) = self;
        namespace
    }

    /// The same of several namespaces: the end of a sentence that begins with them.
    pub fn of_several(&self) -> String {
        match self {
            Self::Missing { key, .. } => format!("have no {key}"),
            Self::Bad { key, .. } => format!("have a {key} that cannot be read"),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        self.remedy_for(self.namespace())
    }

    /// What to do about it in a namespace of this name, or of a name that is left to the reader.
    pub fn remedy_for(&self, namespace: &str) -> String {
        let (Self::Missing { key, .. } | Self::Bad { key, .. }) = self;
        let verb = if [wire::CHAIN, wire::PHASE].contains(key) { "label" } else { "annotate" };
        format!(
            "restore it (kubectl {verb} --overwrite namespace {namespace} {key}=…); until then nothing is done there, and \
             nothing deleted"
        )
    }
}

fn word<T: FromStr>(text: Option<String>, bad: impl Fn(&str) -> NotABuild) -> Result<Option<T>, NotABuild> {
    text.map(|text| text.parse().map_err(|_| bad(&text))).transpose()
}

/// A Namespace's metadata, as far as a build is read from it.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Its name.
    pub namespace: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// Its resourceVersion.
    pub resource_version: &'a str,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Whether it has a deletionTimestamp.
    pub terminating: bool,
    /// Its labels.
    pub labels: &'a Map,
    /// Its annotations.
    pub annotations: &'a Map,
}

impl Build {
    /// Reads a build from a Namespace.
    ///
    /// # Errors
    /// A missing or unreadable label or annotation, named; hand-edited state is never guessed at.
    pub fn read(object: Told<'_>) -> Result<Self, NotABuild> {
        let Told { namespace, uid, resource_version, created, terminating, labels, annotations } = object;
        let missing = |key| NotABuild::Missing { namespace: namespace.to_owned(), key };
        let bad = |key, value: &str| NotABuild::Bad {
            namespace: namespace.to_owned(),
            key,
            value: value.to_owned(),
        };
        let told = |key: &str| annotations.get(key).cloned();
        let must = |key: &'static str| told(key).ok_or_else(|| missing(key));
        let generation = must(wire::GENERATION)?;
        let content = told(wire::DIGEST);
        let tag = told(wire::TAG);
        let version = Version::of_words(tag.as_deref().unwrap_or("none yet"), content.as_deref())
            .ok_or_else(|| bad(wire::DIGEST, content.as_deref().unwrap_or_default()))?;
        let phase = labels.get(wire::PHASE).cloned();
        Ok(Self {
            namespace: namespace.to_owned(),
            uid: uid.to_owned(),
            resource_version: resource_version.to_owned(),
            terminating,
            created,
            chain: labels.get(wire::CHAIN).cloned().ok_or_else(|| missing(wire::CHAIN))?,
            chain_uuid: must(wire::CHAIN_UUID)?,
            owner: must(wire::OWNER)?,
            generation: generation.parse().map_err(|_| bad(wire::GENERATION, &generation))?,
            parent: told(wire::PARENT),
            successor: told(wire::SUCCESSOR),
            phase: word(phase, |value| bad(wire::PHASE, value))?.ok_or_else(|| missing(wire::PHASE))?,
            verdict: word(told(wire::VERDICT), |value| bad(wire::VERDICT, value))?,
            cause: told(wire::CAUSE),
            waiting: told(wire::WAITING),
            trying: told(wire::TRYING).and_then(|text| text.parse().ok()),
            dispatch: word(told(wire::DISPATCH), |value| bad(wire::DISPATCH, value))?
                .unwrap_or(Dispatch::Pending),
            dispatch_error: told(wire::DISPATCH_ERROR),
            baseline: word(told(wire::BASELINE), |value| bad(wire::BASELINE, value))?
                .unwrap_or(Baseline::None),
            image: told(wire::IMAGE),
            version: tag.map(|_| version),
            revision: told(wire::REVISION),
            job_uid: told(wire::JOB_UID),
            heartbeat: told(wire::HEARTBEAT),
            times: Phase::ALL
                .into_iter()
                .filter_map(|phase| Some((phase, annotations.get(&phase.time_key())?.parse().ok()?)))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn told<'a>(labels: &'a Map, annotations: &'a Map) -> Told<'a> {
        Told {
            namespace: "ci-a",
            uid: "u",
            resource_version: "1",
            created: None,
            terminating: false,
            labels,
            annotations,
        }
    }

    #[test]
    fn words_on_the_wire_are_read_back() {
        for phase in Phase::ALL {
            assert_eq!(phase.as_str().parse(), Ok(phase));
        }
        for verdict in Verdict::ALL {
            assert_eq!(verdict.as_str().parse(), Ok(verdict));
        }
        for dispatch in Dispatch::ALL {
            assert_eq!(dispatch.as_str().parse(), Ok(dispatch));
        }
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

    #[test]
    fn a_namespace_is_read_as_a_build() {
        let labels = map(&[(wire::CHAIN, "app"), (wire::PHASE, "Building")]);
        let annotations = map(&[
            (wire::CHAIN_UUID, "c"),
            (wire::OWNER, "o"),
            (wire::GENERATION, "4"),
            (wire::TAG, "build-4"),
            ("studioci.dev/at-building", "2026-01-02T03:04:05Z"),
        ]);
        let build = Build::read(told(&labels, &annotations)).expect("a build");
        assert_eq!((build.generation, build.phase, build.dispatch), (4, Phase::Building, Dispatch::Pending));
        assert_eq!(build.version.map(|version| version.to_string()).as_deref(), Some("build-4"));
        assert!(build.times.contains_key(&Phase::Building));
    }

    #[test]
    fn hand_edited_state_is_named_and_not_guessed_at() {
        let labels = map(&[(wire::CHAIN, "app"), (wire::PHASE, "Listening")]);
        let annotations = map(&[(wire::CHAIN_UUID, "c"), (wire::OWNER, "o"), (wire::GENERATION, "1")]);
        for (key, value) in [
            (wire::GENERATION, "one"),
            (wire::DIGEST, "sha256:1"),
            (wire::VERDICT, "Fine"),
            (wire::DISPATCH, "maybe"),
            (wire::BASELINE, "@"),
        ] {
            let mut annotations = annotations.clone();
            annotations.insert(key.to_owned(), value.to_owned());
            let why = Build::read(told(&labels, &annotations)).expect_err(key);
            assert!(why.to_string().contains(key) && why.to_string().contains(value), "{why}");
        }
        for key in [wire::CHAIN_UUID, wire::OWNER, wire::GENERATION] {
            let mut annotations = annotations.clone();
            annotations.remove(key);
            let why = Build::read(told(&labels, &annotations)).expect_err(key);
            assert!(why.to_string().contains(key), "{why}");
        }
        let odd = map(&[(wire::CHAIN, "app"), (wire::PHASE, "Dreaming")]);
        assert!(Build::read(told(&odd, &annotations)).is_err());
    }
}
