//! Everything that an action is decided on: what the cluster shows at one moment.

use jiff::Timestamp;

use super::left::Leftover;
use super::verdict::Judged;
use crate::chain::build::{Build, Content, Version};
use crate::chain::freeze::Freeze;
use crate::chain::head::Head;
use crate::chain::pod::Ran;
use crate::keel::image::ImageRef;

/// The agent's own Deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnDeployment {
    /// Image of the build container in its pod template.
    pub image: String,
    /// Whether any live `keel.sh/*` key is on it.
    pub keyed: bool,
    /// `spec.replicas`.
    pub replicas: u32,
    /// Whether it follows one tag that is pushed over.
    pub pushed_over: bool,
}

/// What the CI container of the agent's own pod runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnContainer {
    /// Image of the container in the pod's spec, as written there.
    pub image: String,
    /// The digest, as far as the kubelet has told.
    pub ran: Ran,
    /// The run of the container that this is: its containerID.
    pub run: String,
    /// When that run began.
    pub started: Option<Timestamp>,
    /// Whether that run has told what the image says of itself, readable or not.
    pub told: bool,
    /// Why it stands still, as far as is known.
    pub trouble: Option<String>,
    /// Why the image tells nothing, after the bound of what does not heal by itself.
    pub mute: Option<String>,
}

impl OwnContainer {
    /// The (tag, digest); `None` while the digest is not published, or for an image that cannot be read. Of an image that
    /// never ran within its bound no digest will be seen.
    pub fn version(&self) -> Option<Version> {
        let tag = ImageRef::parse(&self.image).ok()?.tag;
        match &self.ran {
            Ran::Pending if self.mute.is_some() => Some(Version { tag, content: Content::Unseen }),
            Ran::Pending => None,
            Ran::Digest(digest) => Some(Version { tag, content: Content::Digest(digest.clone()) }),
            Ran::SideLoaded => Some(Version { tag, content: Content::SideLoaded }),
        }
    }
}

/// One scalable workload of the pipeline other than the build workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportState {
    /// `kind/name`, for people.
    pub name: String,
    /// Replicas that must be ready before a build.
    pub wanted: u32,
    /// `spec.replicas` now; `None` = it does not exist.
    pub replicas: Option<u32>,
    /// Replicas that are ready by the workload's own idea, of the newest generation.
    pub ready: u32,
    /// What is wrong with its pods.
    pub trouble: Option<String>,
}

/// What is known at one moment.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The agent's clock.
    pub now: Timestamp,
    /// The agent's own build.
    pub build: Build,
    /// The chain's head.
    pub head: Head,
    /// The agent's own Deployment.
    pub listener: OwnDeployment,
    /// The agent's own pod.
    pub running: OwnContainer,
    /// What triggered, if something has.
    pub freeze: Option<Freeze>,
    /// Generations of the chain before this one that wait for a slot too; looked up only where a slot is wanted.
    pub before: Vec<u64>,
    /// Earlier builds that this one takes the place of; looked up only where a slot is wanted, and none where the chain builds
    /// every push.
    pub outdated: Vec<Build>,
    /// Generations whose build slot nobody will give back; looked up only where a slot is wanted.
    pub lost_slots: Vec<u64>,
    /// How many builds of the chain may run at once.
    pub max_parallel: usize,
    /// Whether a failed dispatch may be tried again by now.
    pub dispatch_due: bool,
    /// Whether this run of the agent has applied the rest of the pipeline.
    pub prepared: bool,
    /// Support, looked at from Preparing on.
    pub support: Vec<SupportState>,
    /// How long support may take to get ready, seconds.
    pub support_bound: i64,
    /// Whether Kueue admits the build's Job, which then comes before support; looked up while the build waits.
    pub queues: bool,
    /// What the Job and its pod say, from Building on, or from the moment that it is in Kueue's queue.
    pub judged: Judged,
    /// What still runs of the build's pods, from Recorded on.
    pub left: Vec<Leftover>,
    /// Until when that may run on.
    pub left_until: Timestamp,
    /// Whether the recheck of the tag that it listens on is due.
    pub recheck_due: bool,
    /// How many builds of the chain may begin within an hour.
    pub max_per_hour: usize,
}
