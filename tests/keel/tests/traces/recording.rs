//! What the real Keel was seen to do, as it was recorded.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

type Strings = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
pub(crate) struct Recordings {
    pub(crate) sequences: Vec<Sequence>,
}

impl Recordings {
    pub(crate) fn read() -> Self {
        serde_json::from_str(include_str!("../../../data/keel-traces.json")).expect("recorded traces")
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Sequence {
    pub(crate) name: String,
    /// The versions of Keel that agree on it.
    pub(crate) keel: Vec<String>,
    /// The real Keel did not repeat itself: only the end counts.
    #[serde(default)]
    pub(crate) unstable: bool,
    pub(crate) initial: Initial,
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) expect: Vec<Expectation>,
    #[serde(rename = "final")]
    pub(crate) last: BTreeMap<String, Last>,
    #[serde(default)]
    pub(crate) registry_requests: Vec<Requests>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Initial {
    pub(crate) keel: Process,
    pub(crate) registry: Vec<(String, String)>,
    /// Repository → `user:password` without which it answers nothing.
    #[serde(default)]
    pub(crate) locked: Strings,
    /// Pull Secret → `user:password` that it holds for the registry.
    #[serde(default)]
    pub(crate) secrets: Strings,
    pub(crate) deployments: Vec<Deployment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Process {
    Running,
    Stopped,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) object: String,
    #[serde(default)]
    pub(crate) labels: Strings,
    #[serde(default)]
    pub(crate) annotations: Strings,
    pub(crate) containers: Strings,
    #[serde(default)]
    pub(crate) init_containers: Strings,
    #[serde(default)]
    pub(crate) pull_secrets: Vec<String>,
    #[serde(default = "one")]
    pub(crate) replicas: u32,
    #[serde(default)]
    pub(crate) paused: bool,
}

fn one() -> u32 {
    1
}

#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    pub(crate) n: u32,
    /// Seconds since the Deployments were created.
    pub(crate) at_s: Option<f64>,
    /// Seconds since the held request came.
    pub(crate) plus_s: Option<f64>,
    #[serde(flatten)]
    pub(crate) action: Action,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum Action {
    Push { tag: String, content: String },
    Untag { tag: String },
    Lock { repository: String, login: String },
    Secret { object: String, login: String },
    Create { deployment: Deployment },
    Merge { object: String, patch: Value },
    Delete { object: String },
    RenameKeys { object: String },
    RestoreKeys { object: String },
    RunningPod { object: String, content: String },
    StopKeel,
    StartKeel,
    HoldNext { request: String },
    Release,
    LoseNext,
    DelayPut { ms: u64 },
    End,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Expectation {
    pub(crate) after_step: u32,
    pub(crate) object: String,
    /// Absent where nothing was written.
    pub(crate) within_s: Option<f64>,
    pub(crate) status: Option<u16>,
    #[serde(alias = "attempted")]
    pub(crate) change: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Last {
    pub(crate) containers: Strings,
    #[serde(default)]
    pub(crate) init_containers: Strings,
    pub(crate) replicas: u32,
    #[serde(default)]
    pub(crate) labels: Vec<String>,
    pub(crate) annotations: Vec<String>,
    pub(crate) template_annotations: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Requests {
    pub(crate) after_step: u32,
    /// Request → fewest and most.
    pub(crate) seen: BTreeMap<String, (usize, usize)>,
}
