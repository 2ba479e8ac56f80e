//! What is known of a cluster. Whoever collects it says of each fact why it is not known, if it is not.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::deployment::KeelFacts;
use crate::chain::build::{Build, Map};
use crate::chain::head::Head;
use crate::chain::record::ChainSettings;
use crate::chain::signs::Signs;

/// Why a fact is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withheld {
    /// It could not be read, which says nothing of it.
    Unread(String),
    /// It is not as it must be: what, and what to do about it.
    Wrong(String, String),
}

impl Withheld {
    /// It as it is said.
    pub fn said(&self) -> &str {
        match self {
            Self::Unread(why) | Self::Wrong(why, _) => why,
        }
    }
}

/// A fact.
pub type Learnt<T> = Result<T, Withheld>;

/// What the API server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// `v1.36.3`.
    pub version: String,
    /// Major and minor, where they are numbers.
    pub numbers: Option<(u32, u32)>,
    /// The oldest that will do.
    pub oldest: (u32, u32),
    /// Whether it serves admission policies.
    pub serves_policies: Learnt<bool>,
}

/// What came of a request that the policies must refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// A policy refused it.
    Refused,
    /// Whoever asked may bypass the policies.
    LetOff,
    /// RBAC refused it before any policy was asked.
    NotAsked,
}

/// How one object of `setup` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsInstalled {
    /// As this version installs it.
    Same,
    /// It is not there.
    Missing,
    /// It is other than this version installs it.
    Differs,
    /// A newer version installed it.
    Newer,
}

/// What is known of `setup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupFacts {
    /// The agent image that home names.
    pub agent_image: Learnt<String>,
    /// The number of policies that are newer than this program's, and this program's.
    pub newer: Learnt<Option<(u64, u64)>>,
    /// What came of the trial.
    pub trial: Learnt<Trial>,
    /// Whether the authorizer ever says no.
    pub authorizes: Learnt<bool>,
    /// The objects besides the policies, by name as kubectl shows it.
    pub objects: Vec<(String, Learnt<AsInstalled>)>,
}

/// Everything that is known of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterFacts {
    /// The server's clock.
    pub now: Timestamp,
    /// The server; where it is wrong nothing else is known.
    pub server: Learnt<ServerFacts>,
    /// What `setup` has left; none if the server was not reached.
    pub setup: Option<SetupFacts>,
    /// Keel; none if the server was not reached.
    pub keel: Option<KeelSeen>,
    /// The chains that were asked for.
    pub chains: Vec<ChainFacts>,
    /// Why it is not known which chains there are.
    pub chains_unread: Vec<Withheld>,
}

/// Rights in words, and whether each is held.
pub type HeldRights = Vec<(String, Learnt<bool>)>;

/// What is known of Keel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeelSeen {
    /// The Keels of this cluster.
    pub found: Learnt<Vec<KeelFacts>>,
    /// When Keel, wherever it runs, has last moved a Deployment.
    pub moved: Option<Timestamp>,
    /// By ServiceAccount: each right that it needs, and whether it is held.
    pub rights: Vec<(String, HeldRights)>,
    /// What the end of its log says of our images; none where there is no Keel to ask.
    pub log: Option<Learnt<Vec<String>>>,
}

/// A pull Secret as Keel reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSecretFacts {
    /// Its namespace and name.
    pub object: String,
    /// Its type; none where it is not there.
    pub kind: Option<String>,
    /// The registries that it has a login for; none where they cannot be read.
    pub registries: Option<Vec<String>>,
}

/// A namespace with the chain's label of which no build can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedNamespace {
    /// Its name.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do about it, where it is the chain's.
    pub remedy: String,
}

/// What is known of one chain.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainFacts {
    /// Its name.
    pub name: String,
    /// Its head; none in it where home has none.
    pub head: Learnt<Option<Head>>,
    /// Whether home has its seed.
    pub seed: Learnt<bool>,
    /// What `start` fixed; none in it where home has no record.
    pub settings: Learnt<Option<ChainSettings>>,
    /// Its history; none in it where home has none.
    pub history: Learnt<Option<Map>>,
    /// Bytes of its objects in home, by name.
    pub sizes: Vec<(String, usize)>,
    /// Its builds.
    pub builds: Learnt<Vec<Build>>,
    /// What is seen of them from outside, by namespace.
    pub signs: BTreeMap<String, Signs>,
    /// Namespaces that were deleted before their builds had ended, which nobody has said yet.
    pub lost: Vec<String>,
    /// uids of namespaces that are left over for certain.
    pub left_over: Learnt<BTreeSet<String>>,
    /// Namespaces of which no build can be read.
    pub edited: Vec<EditedNamespace>,
    /// The pull Secrets that its newest listener names.
    pub pull_secrets: Vec<Learnt<PullSecretFacts>>,
}
