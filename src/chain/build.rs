//! A build: one link of a chain, one namespace, read from that Namespace's labels and annotations.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;

use super::kueue::KueueWait;
pub use super::phase::{Dispatch, Happening, Phase, Verdict};
use super::reserved::Reserved;
use super::trying::Trying;
pub use super::version::{Baseline, Content, Version};
use super::{age, side, wire};
use crate::keel::image::{ImageRef, check_tag};
pub use crate::keel::names::Map;

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
    /// The number of the link, from 1; 0 for a bare claim; a side build's own ([`side`]).
    pub generation: u64,
    /// The build that a side build is a retry of.
    pub retry_of: Option<String>,
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
    /// Why it is to be cancelled, once somebody asked for that.
    pub cancel: Option<String>,
    /// Why it stands still.
    pub waiting: Option<String>,
    /// What it waits for in Kueue, where it is that.
    pub kueue: Option<KueueWait>,
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
    /// What it has reserved, once it was recorded.
    pub reserved: Option<Reserved>,
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
pub struct NamespaceView<'a> {
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
    pub fn read(object: NamespaceView<'_>) -> Result<Self, NotABuild> {
        let NamespaceView { namespace, uid, resource_version, created, terminating, labels, annotations } =
            object;
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
        if let Some(tag) = tag.as_ref().filter(|tag| check_tag(tag).is_err()) {
            return Err(bad(wire::TAG, tag));
        }
        let image = told(wire::IMAGE);
        if let Some(image) = image.as_ref().filter(|image| ImageRef::check_repository(image).is_err()) {
            return Err(bad(wire::IMAGE, image));
        }
        let version = Version::of_words(tag.as_deref().unwrap_or("none"), content.as_deref())
            .ok_or_else(|| bad(wire::DIGEST, content.as_deref().unwrap_or_default()))?;
        let phase = labels.get(wire::PHASE).cloned();
        let chain = labels.get(wire::CHAIN).cloned().ok_or_else(|| missing(wire::CHAIN))?;
        if chain.is_empty() {
            return Err(bad(wire::CHAIN, &chain));
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            uid: uid.to_owned(),
            resource_version: resource_version.to_owned(),
            terminating,
            created,
            chain,
            chain_uuid: must(wire::CHAIN_UUID)?,
            owner: must(wire::OWNER)?,
            generation: generation.parse().map_err(|_| bad(wire::GENERATION, &generation))?,
            retry_of: told(wire::RETRY_OF),
            parent: told(wire::PARENT),
            successor: told(wire::SUCCESSOR),
            phase: word(phase, |value| bad(wire::PHASE, value))?.ok_or_else(|| missing(wire::PHASE))?,
            verdict: word(told(wire::VERDICT), |value| bad(wire::VERDICT, value))?,
            cause: told(wire::CAUSE),
            cancel: told(wire::CANCEL),
            waiting: told(wire::WAITING),
            kueue: told(wire::WAITS_FOR_KUEUE).and_then(|text| text.parse().ok()),
            trying: told(wire::TRYING).and_then(|text| text.parse().ok()),
            dispatch: word(told(wire::DISPATCH), |value| bad(wire::DISPATCH, value))?
                .unwrap_or(Dispatch::Pending),
            dispatch_error: told(wire::DISPATCH_ERROR),
            baseline: word(told(wire::BASELINE), |value| bad(wire::BASELINE, value))?
                .unwrap_or(Baseline::None),
            image,
            version: tag.map(|_| version),
            revision: told(wire::REVISION),
            job_uid: told(wire::JOB_UID),
            heartbeat: told(wire::HEARTBEAT),
            // it tells, and decides nothing
            reserved: told(wire::RESERVED).and_then(|text| serde_json::from_str(&text).ok()),
            times: Phase::ALL
                .into_iter()
                .filter_map(|phase| Some((phase, annotations.get(&phase.time_key())?.parse().ok()?)))
                .collect(),
        })
    }

    /// Its phase; of one whose namespace is Terminating, whatever its label says, that it goes.
    pub fn phase_shown(&self) -> Phase {
        if self.terminating { Phase::Disposing } else { self.phase }
    }

    /// Whether somebody has asked for it by hand: a side build, and no link of its chain.
    pub fn is_side(&self) -> bool {
        side::is_side(self.generation)
    }

    /// Whether it has something to build and has not come to its end: what can be cancelled. A side build has it from the start.
    pub fn runs(&self) -> bool {
        let from = if self.is_side() { Phase::Claimed } else { Phase::Triggered };
        (from..=Phase::Building).contains(&self.phase) && self.verdict.is_none() && !self.terminating
    }

    /// From the push being seen to the verdict, or to `now`; none for a listener.
    pub fn duration(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let from = *self.times.get(&Phase::Triggered)?;
        let recorded = [Phase::Recorded, Phase::Finished].iter().find_map(|phase| self.times.get(phase));
        match (recorded, self.verdict) {
            (Some(at), _) => Some((from, *at)),
            // The verdict came without its time; an ever growing duration would be a lie.
            (None, Some(_)) => None,
            (None, None) => Some((from, now)),
        }
    }

    /// `Passed after 7m5s`, or the verdict alone where its time is not known; none before there is one.
    pub fn verdict_after(&self) -> Option<String> {
        let verdict = self.verdict?;
        let times = self.times.get(&Phase::Triggered).zip(self.times.get(&Phase::Recorded));
        Some(match times {
            Some((from, to)) => format!("{verdict} after {}", age::human(*from, *to)),
            None => verdict.to_string(),
        })
    }
}

#[cfg(test)]
impl Build {
    /// A build of chain `app` in generation 4, with these annotations besides.
    pub(crate) fn played(namespace: &str, phase: Phase, more: &[(&str, &str)]) -> Self {
        let map = |pairs: &[(&str, &str)]| -> Map {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let labels = map(&[(wire::CHAIN, "app"), (wire::PHASE, phase.as_str())]);
        let mut annotations = map(&[(wire::CHAIN_UUID, "c"), (wire::OWNER, "o"), (wire::GENERATION, "4")]);
        annotations.extend(map(more));
        let uid = format!("uid-of-{namespace}");
        let (labels, annotations) = (&labels, &annotations);
        let view = NamespaceView {
            namespace,
            uid: &uid,
            resource_version: "1",
            created: None,
            terminating: false,
            labels,
            annotations,
        };
        Self::read(view).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn told<'a>(labels: &'a Map, annotations: &'a Map) -> NamespaceView<'a> {
        NamespaceView {
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
            (wire::BASELINE, "a/b@?"),
            (wire::BASELINE, "-1"),
            (wire::TAG, "a/b"),
            (wire::TAG, "1.0.0+5"),
            (wire::TAG, ""),
            (wire::IMAGE, "r.example//app"),
            (wire::IMAGE, "r.example/app:1"),
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
        let nobodys = map(&[(wire::CHAIN, ""), (wire::PHASE, "Listening")]);
        let why = Build::read(told(&nobodys, &annotations)).unwrap_err();
        assert_eq!(why.to_string(), "namespace ci-a: studioci.dev/chain \"\" cannot be read");
        let odd = map(&[(wire::CHAIN, "app"), (wire::PHASE, "Dreaming")]);
        assert!(Build::read(told(&odd, &annotations)).is_err());
    }
}
