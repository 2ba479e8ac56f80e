//! What the CI container tells, and what it means that it does not.
//!
//! A told file belongs to one run of the container: a restart pulls again and tells again. So what was read counts only if
//! the kubelet names the same run before and after it, and if it was written since that run began.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Agent;
use crate::agent::verdict::{self, StandstillBounds};
use crate::agent::{Observation, OwnContainer};
use crate::chain::build::{Build, Map, Phase};
use crate::chain::pod::{Container, Pod, Ran, Silence, State};
use crate::chain::told::Telling;
use crate::chain::wire;
use crate::cluster::resource as kind;
use crate::local::told::{Heard, hear};
use crate::pipeline::weave;
use crate::state::error::Result;

/// How often the told file is looked for while it is waited for. No request goes with it.
const LISTEN_AGAIN: Duration = Duration::from_millis(250);

/// What is waited for longer than this is said.
const SAID_AFTER: SignedDuration = SignedDuration::from_secs(verdict::SAID_AFTER);

/// Since when the image has not told what it brings, nor failed to, as this agent has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AwaitedSince {
    image: String,
    since: Timestamp,
}

impl AwaitedSince {
    /// When it is said.
    pub(super) fn said_at(&self) -> Timestamp {
        self.since + SAID_AFTER
    }
}

/// Since when nothing is told, and when that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SilentSince {
    image: String,
    pub(super) ends: Timestamp,
    /// Whether the file is waited for: the container runs.
    runs: bool,
    /// When that run began.
    started: Option<Timestamp>,
}

impl Agent<'_> {
    /// What the CI container of the own pod does. `annotations`: those of the own Deployment.
    pub(super) fn running(
        &mut self,
        pod: Option<&Pod>,
        annotations: Option<&Map>,
        build: &Build,
    ) -> OwnContainer {
        let Some(own) = pod.and_then(|pod| pod.container(&self.me.container)) else {
            (self.findings.silence, self.findings.awaited) = (None, None);
            return OwnContainer {
                image: String::new(),
                ran: Ran::Pending,
                run: String::new(),
                started: None,
                told: false,
                trouble: None,
                mute: None,
            };
        };
        let told = self.cache.freeze.is_none() && own.state == State::Running && self.has_told(own.started);
        let silence = own.silence();
        let (trouble, fault) = match silence {
            // nobody will push another one: what was asked for by hand is waited for no longer than what does not heal
            Silence::Theirs(why) if build.is_side() => (why.clone(), why),
            Silence::Theirs(why) => (why, None),
            Silence::Image(why) => ((own.state != State::Running).then(|| why.clone()), Some(why)),
        };
        // how far a listener is that has not listened yet is seen from outside
        let awaited = !told && self.cache.freeze.is_none() && build.phase == Phase::Listening;
        let trouble = trouble.or_else(|| self.awaited(own, awaited));
        OwnContainer {
            image: own.image.clone(),
            ran: own.ran(),
            run: own.container_id.clone(),
            started: own.started,
            told,
            trouble,
            mute: self.mute(own, fault.filter(|_| !told), annotations),
        }
    }

    /// What the container does that is awaited for longer than goes without saying: a large image is pulled, a volume mounted.
    fn awaited(&mut self, own: &Container, awaited: bool) -> Option<String> {
        let now = self.now();
        let known = self.findings.awaited.take().filter(|known| awaited && known.image == own.image);
        let since = known.map_or(now, |known| known.since);
        self.findings.awaited = awaited.then(|| AwaitedSince { image: own.image.clone(), since });
        (awaited && since + SAID_AFTER <= now).then(|| own.awaited())
    }

    /// The reason for which nothing is told, once it has stood for as long as what does not heal by itself may.
    fn mute(&mut self, own: &Container, fault: Option<String>, annotations: Option<&Map>) -> Option<String> {
        let (now, runs) = (self.now(), own.state == State::Running);
        let Some(why) = fault.filter(|_| self.cache.freeze.is_none()) else {
            self.findings.silence = None;
            return None;
        };
        let ends = match &self.findings.silence {
            Some(silence) if silence.image == own.image => silence.ends,
            _ => own.started.unwrap_or(now).min(now) + patience(annotations),
        };
        self.findings.silence =
            Some(SilentSince { image: own.image.clone(), ends, runs, started: own.started });
        (ends <= now).then_some(why)
    }

    /// Whether the folder holds something that was told since then; what, is read when it is needed.
    fn has_told(&self, started: Option<Timestamp>) -> bool {
        match hear(&self.me.told) {
            Heard::Nothing => false,
            Heard::Said(_, at) => since(at, started),
            Heard::Unreadable(_) => true,
        }
    }

    /// Comes back once there is something told, for who waits for that; never for anybody else.
    pub(super) async fn hears(&self) {
        let Some(silence) = self.findings.silence.as_ref().filter(|silence| silence.runs) else {
            return std::future::pending().await;
        };
        while !self.has_told(silence.started) {
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    }

    /// What this run of the CI container tells; `None` where it is another run by now, or nothing was told after all.
    ///
    /// What is there and cannot be used is the inner error, one sentence.
    pub(super) async fn telling(
        &self,
        seen: &Observation,
    ) -> Result<Option<std::result::Result<Telling, String>>> {
        let telling = match hear(&self.me.told) {
            Heard::Nothing => return Ok(None),
            Heard::Said(_, at) if !since(at, seen.running.started) => return Ok(None),
            Heard::Said(said, _) => said.read().and_then(|bytes| Telling::read(&bytes)),
            Heard::Unreadable(why) => Err(why),
        };
        let pod = match self.me.role.pod() {
            Some(pod) => self.cluster.get::<Pod>(&kind::PODS, Some(&self.me.namespace), pod).await?,
            None => None,
        };
        let same = pod.as_ref().and_then(|pod| pod.container(&self.me.container)).is_some_and(|own| {
            own.state == State::Running
                && own.container_id == seen.running.run
                && own.image == seen.running.image
        });
        Ok(same.then_some(telling))
    }
}

/// Whether something was written in this run. Both times are the node's; the kubelet tells the second only. A container may
/// write before its runtime has noted that it runs: so it tells twice, some seconds apart.
fn since(at: Option<Timestamp>, started: Option<Timestamp>) -> bool {
    match (at, started) {
        (Some(at), Some(started)) => at >= started,
        _ => true,
    }
}

/// How long an image may tell nothing: `studioci.dev/pending-deadline`, as the listener carries it.
fn patience(annotations: Option<&Map>) -> SignedDuration {
    let written = annotations.and_then(|map| weave::duration(map.get(wire::PENDING_DEADLINE)?).ok());
    written
        .and_then(|bound| SignedDuration::try_from(bound).ok())
        .unwrap_or(SignedDuration::from_secs(StandstillBounds::default().stuck))
}
