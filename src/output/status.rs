//! The view of builds: `status` as a table, as names and as objects. `docs/status-json.md` documents the objects.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::listing::{Listed, Rows};
use super::short::short;
use super::table::NONE;
use crate::chain::age;
use crate::chain::build::{Baseline, Build, Content, Dispatch, Map, Phase, Version};
use crate::chain::build_object::{Seen, build_object};
use crate::chain::named::MeantName;
use crate::chain::pod::not_in_registry;
use crate::chain::side::number;
use crate::chain::signs::Signs;
use crate::chain::wire;

/// What is said on stderr where there is nothing to show.
pub const NOTHING_FOUND: &str = "No resources found";

/// What fits a terminal of 80 columns beside names of usual length. A reason is as long as it is, so it comes last.
const HEADERS: [&str; 6] = ["Name", "Chain", "Gen", "Status", "Tag", "Age"];
const WIDE: [&str; 9] =
    ["Phase", "Verdict", "Digest", "Duration", "Parent", "Successor", "Revision", "Dispatch", "Image"];
const LAST: &str = "Why";
/// What is shown in place of a phase or a verdict that only the namespace itself tells.
const UNPROVED: &str = "Unproved";

/// How long an agent may take to come up before a person is told what to do without it.
const LATE: SignedDuration = SignedDuration::from_mins(2);

/// The builds that a name means: those of a chain, or the one in a namespace. No name means all but bare claims,
/// which are namespaces and no builds.
pub fn select<'a>(builds: &'a [Build], named: Option<MeantName<'_>>) -> Vec<&'a Build> {
    let meant = |build: &&Build| match named {
        Some(named) => named.takes(build),
        None => build.chain != wire::CLAIM_CHAIN,
    };
    builds.iter().filter(meant).collect()
}

/// Builds in the order in which they are shown, and what is needed to tell of them.
#[derive(Debug)]
pub struct View<'a> {
    builds: Vec<&'a Build>,
    signs: &'a BTreeMap<String, Signs>,
    labels: Option<&'a BTreeMap<String, Map>>,
    now: Timestamp,
}

impl<'a> View<'a> {
    /// Orders builds, newest first; those of the same second by chain, and the later generation first.
    ///
    /// `signs` tells, by namespace, of what no agent could record, such as an image that cannot be pulled.
    /// `now` is the server's time, so that a laptop's clock makes no ages up.
    pub fn new(
        builds: impl IntoIterator<Item = &'a Build>,
        signs: &'a BTreeMap<String, Signs>,
        now: Timestamp,
    ) -> Self {
        let mut builds: Vec<_> = builds.into_iter().collect();
        builds.sort_by(|a, b| {
            // A Namespace without a creation time is one that a server has not answered for yet: newest of all.
            let newest = |build: &Build| build.created.unwrap_or(Timestamp::MAX);
            newest(b)
                .cmp(&newest(a))
                .then_with(|| a.chain.cmp(&b.chain))
                .then_with(|| b.generation.cmp(&a.generation))
                .then_with(|| a.namespace.cmp(&b.namespace))
        });
        Self { builds, signs, labels: None, now }
    }

    /// With the labels of their namespaces.
    #[must_use]
    pub fn with_labels(self, labels: &'a BTreeMap<String, Map>) -> Self {
        Self { labels: Some(labels), ..self }
    }

    /// Without what is seen now of namespaces: for builds whose own are gone, under whose names others may stand.
    pub(super) fn of_gone(&self) -> View<'static> {
        static NOTHING: BTreeMap<String, Signs> = BTreeMap::new();
        View { builds: Vec::new(), signs: &NOTHING, labels: None, now: self.now }
    }

    /// The time of the look.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.builds.is_empty()
    }

    /// The builds, in order.
    pub fn builds(&self) -> &[&'a Build] {
        &self.builds
    }

    /// One build as an object. What is not known is absent, never null.
    pub fn object_of(&self, build: &Build) -> Value {
        let seen = Seen {
            labels: self.labels_of(build),
            trouble: self.trouble(build),
            remedy: self.signs.get(&build.namespace).and_then(|signs| signs.remedy.as_deref()),
            silent_since: self.silent_since(build),
            why: self.why(build),
            unproved: self.unproved(build),
        };
        build_object(build, &seen, self.now)
    }

    /// One build's cells. `wide` adds columns, and shows revisions as they are.
    pub(super) fn cells_of(&self, build: &Build, wide: bool) -> Vec<String> {
        let tag = text(build.version.as_ref().map(|version| &version.tag));
        let mut cells = vec![
            build.namespace.clone(),
            build.chain.clone(),
            number(build.generation),
            if self.unproved(build).is_none() || build.terminating { status(build) } else { UNPROVED }
                .to_owned(),
            if wide { tag } else { short(&tag) },
            age::since(build.created, self.now),
        ];
        if wide {
            let counts = self.unproved(build).is_none();
            let duration = build.duration(self.now).filter(|_| counts);
            cells.extend([
                build.phase_shown().to_string(),
                text(build.verdict.as_ref().filter(|_| counts)),
                digest(build),
                duration.map_or_else(|| NONE.to_owned(), |(from, to)| age::human(from, to)),
                text(build.parent.as_ref()),
                text(build.successor.as_ref()),
                text(build.revision.as_ref()),
                build.dispatch.as_str().to_owned(),
                text(build.image.as_ref()),
            ]);
        }
        cells.push(self.why(build).unwrap_or_default());
        cells
    }

    pub(super) fn labels_of(&self, build: &Build) -> Option<&Map> {
        self.labels?.get(&build.namespace)
    }

    /// Why nothing proves a build its chain's, where that is so.
    pub(super) fn unproved(&self, build: &Build) -> Option<&str> {
        self.signs.get(&build.namespace)?.unproved.as_deref()
    }

    fn trouble(&self, build: &Build) -> Option<&str> {
        self.signs.get(&build.namespace)?.trouble.as_deref()
    }

    /// What keeps a build from going on, and what to do about that.
    fn told(&self, build: &Build) -> Option<String> {
        self.signs.get(&build.namespace).filter(|signs| signs.trouble.is_some())?.sentence()
    }

    /// What becomes of a side build that has no agent for long: its making was broken off, most likely.
    fn half_made(&self, build: &Build) -> Option<String> {
        let is_late = |created| self.now.duration_since(created) >= LATE;
        let half_made = build.is_side() && build.phase == Phase::Claimed && !build.terminating;
        let half_made = half_made && build.verdict.is_none() && build.created.is_some_and(is_late);
        half_made.then(|| format!("kubectl studioci cancel {} gives it up", build.namespace))
    }

    fn silent_since(&self, build: &Build) -> Option<Timestamp> {
        self.signs.get(&build.namespace)?.silent_since
    }

    /// Why a build stands still or did not pass, the most pressing reason first; none where all is as it should be.
    pub fn why(&self, build: &Build) -> Option<String> {
        if let Some(why) = self.unproved(build) {
            let says = build.verdict.map(|verdict| format!("; it says {verdict}")).unwrap_or_default();
            return Some(format!("{why}{says}"));
        }
        let mut reasons = Vec::new();
        if let Some(error) = build.dispatch_error.as_deref().filter(|_| !build.dispatch.settled()) {
            reasons.push(format!("chain is broken, no next listener: {error}"));
        }
        if build.verdict.is_some() {
            reasons.extend(build.cause.clone());
            reasons.extend(self.told(build));
            // what runs on of its pod; that the dispatch is waited for is said already
            let on = build.phase == Phase::Recorded && build.dispatch.settled();
            reasons.extend(build.waiting.clone().filter(|_| on));
        } else {
            // the first push is what a listener without an image waits for, and `start` has said so
            let first =
                build.phase == Phase::Claimed && build.baseline == Baseline::None && build.waiting.is_some();
            let trouble = self.trouble(build).filter(|trouble| !(first && not_in_registry(trouble)));
            reasons.extend(trouble.and_then(|_| self.told(build)));
            // what an idle agent said before it was stopped is old; a build's last words may be all that is known
            let old = !reasons.is_empty() && (build.phase <= Phase::Listening || build.terminating);
            reasons.extend(build.waiting.clone().filter(|_| !old));
            if reasons.is_empty() && !build.terminating {
                reasons.extend(idle(build, self.signs.get(&build.namespace)));
                reasons.extend(
                    self.silent_since(build)
                        .map(|since| format!("Keel has not moved this for {}", age::human(since, self.now))),
                );
            }
        }
        reasons.extend(self.half_made(build));
        let reasons: Vec<_> = reasons.iter().map(|reason| reason.trim_end_matches('.')).collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}

impl Rows for View<'_> {
    fn count(&self) -> usize {
        self.builds.len()
    }

    fn headers(&self, wide: bool) -> Vec<&'static str> {
        HEADERS.into_iter().chain(WIDE.into_iter().filter(|_| wide)).chain([LAST]).collect()
    }

    fn cells(&self, place: usize, wide: bool) -> Vec<String> {
        self.cells_of(self.builds[place], wide)
    }

    fn labels(&self, place: usize) -> Option<&Map> {
        self.labels_of(self.builds[place])
    }
}

impl Listed for View<'_> {
    fn kind(&self) -> &'static str {
        "Build"
    }

    fn name(&self, place: usize) -> String {
        format!("namespace/{}", self.builds[place].namespace)
    }

    fn object(&self, place: usize) -> Value {
        self.object_of(self.builds[place])
    }
}

/// What a build in good order waits for.
pub(super) fn idle(build: &Build, signs: Option<&Signs>) -> Option<String> {
    match (build.phase, &build.baseline) {
        (Phase::Listening, _) if build.is_side() => Some("waiting for its image".to_owned()),
        (Phase::Listening, Baseline::None) => Some("waiting for the first push".to_owned()),
        (Phase::Listening, Baseline::Pending(tag) | Baseline::At(Version { tag, .. })) => {
            Some(format!("waiting for a push after {}", short(tag)))
        }
        (Phase::Claimed, _) if build.is_side() => {
            Some(match signs.and_then(|signs| signs.standing.as_ref()) {
                Some(standing) => format!("waiting for its agent: {standing}"),
                None => "waiting for its agent".to_owned(),
            })
        }
        (Phase::Claimed, _) => Some(match signs.and_then(|signs| signs.standing.as_ref()) {
            Some(standing) => format!("waiting for its listener: {standing}"),
            None => "waiting for its listener".to_owned(),
        }),
        (Phase::Recorded, _) if build.dispatch == Dispatch::Pending => {
            Some("waiting for its dispatch".to_owned())
        }
        _ => None,
    }
}

/// Where a build is: its verdict once there is one, else its phase.
pub(super) fn status(build: &Build) -> &'static str {
    match (build.phase_shown(), build.verdict) {
        (Phase::Disposing, _) | (_, None) => build.phase_shown().as_str(),
        (_, Some(verdict)) => verdict.as_str(),
    }
}

/// The short digest; an image that was side-loaded has none, and its build is unpinned.
fn digest(build: &Build) -> String {
    match build.version.as_ref().map(|version| &version.content) {
        Some(Content::Digest(digest)) => digest.short().to_owned(),
        Some(Content::SideLoaded) => "unpinned".to_owned(),
        Some(Content::Unseen) | None => String::new(),
    }
}

fn text<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests;
