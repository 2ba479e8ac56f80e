//! Every name of ours that is written into a cluster. Nothing else in the code spells a `studioci.dev/*` key.
//!
//! Labels select, annotations tell. `keel.sh/*` keys live in [`crate::keel`].

/// Field manager of every write.
pub const FIELD_MANAGER: &str = "kubectl-studioci";
/// Source of the Events that are written.
pub const EVENT_SOURCE: &str = "studioci";
/// The project's page.
pub const HOMEPAGE: &str = "https://github.com/studioci/kubectl-studioci";
/// The agent image that `setup` writes into home unless told otherwise; the version is the tag.
pub const AGENT_IMAGE: &str = "ghcr.io/studioci/kubectl-studioci";

/// Home: the namespace of chain records, history and chain secrets.
pub const HOME: &str = "studioci";
/// ConfigMap in home: layout version and agent image.
pub const HOME_CONFIG: &str = "studioci";
/// Layout version of home that this program writes; agents accept the same major.
pub const HOME_VERSION: &str = "2.0";
/// Key of [`HOME_CONFIG`]: the layout version.
pub const HOME_KEY_VERSION: &str = "version";
/// Key of [`HOME_CONFIG`]: the agent image.
pub const HOME_KEY_AGENT_IMAGE: &str = "agentImage";
/// Key of [`HOME_CONFIG`]: the keys that webhooks of this cluster put on namespaces; absent where there are none.
pub const HOME_KEY_ADDED: &str = "addedKeys";
/// Key of [`HOME_CONFIG`]: the proxy by which agents reach whom they tell of builds; absent where there is none.
pub const HOME_KEY_PROXY: &str = "httpsProxy";
/// Key of [`HOME_CONFIG`]: the hosts that they reach without it.
pub const HOME_KEY_NO_PROXY: &str = "noProxy";
/// What the name of an agent's ServiceAccount begins with; the chain's name follows.
pub const AGENT_ACCOUNT: &str = "studioci-agent.";
/// ClusterRole bound per namespace to that namespace's agent.
pub const ROLE_WORKSPACE: &str = "studioci-workspace";
/// ClusterRole bound cluster-wide to every agent.
pub const ROLE_AGENT: &str = "studioci-agent";
/// ClusterRole that a trusted build's agent may hand on.
pub const ROLE_TRUSTED: &str = "studioci-trusted";
/// ClusterRole and Role in home of people.
pub const ROLE_USER: &str = "studioci-user";
/// The admission policies, each with a binding of the same name.
pub const POLICIES: [&str; 4] =
    ["studioci-agent", "studioci-rights", "studioci-identity", "studioci-listener"];
/// Annotation of a policy: its number, so that a newer one is known as such.
pub const CONFINEMENT: &str = "studioci.dev/confinement";

/// Chain label of a namespace that the verb `claim` made.
pub const CLAIM_CHAIN: &str = "claim";

/// Label: `studioci` on everything of ours.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGED_BY_VALUE: &str = "studioci";
/// Label on namespaces and on what a build consists of: the chain's name.
pub const CHAIN: &str = "studioci.dev/chain";
/// Label of a build's namespace: its phase.
pub const PHASE: &str = "studioci.dev/phase";
/// Label of workloads: `listener`, `build`, `support` or `probe`; of a chain's head in home: [`ROLE_HEAD`].
pub const ROLE: &str = "studioci.dev/role";
/// Value of [`ROLE`] on a head, so that heads are listed without what else home holds of chains.
pub const ROLE_HEAD: &str = "head";

/// Scheduling gate of a build's pod that Kueue admits: it runs once support is ready, which waits for that admission.
pub const SUPPORT_GATE: &str = "studioci.dev/support";

/// Annotation of a namespace: the uuid that proves a claim ours, derived from the chain's seed and the generation.
pub const OWNER: &str = "studioci.dev/owner";
/// Annotation of a namespace: what its name begins with; whoever makes it must hold the right to that.
pub const PREFIX: &str = "studioci.dev/prefix";
/// Annotation of a namespace: the labels and annotations that it is lent, as [`super::rights::lent`] writes them;
/// whoever makes it must hold the right to exactly these.
pub const LENT: &str = "studioci.dev/lent";
/// Annotation of a namespace: the keys that webhooks of this cluster put on it, as [`super::rights::Added`] writes them;
/// an administrator allows them. Absent where there are none.
pub const ADDED: &str = "studioci.dev/added";
/// Annotation of a namespace: the chain's uuid.
pub const CHAIN_UUID: &str = "studioci.dev/chain-uuid";
/// Annotation: the build's generation, a number from 1.
pub const GENERATION: &str = "studioci.dev/generation";
/// Annotation of a side build's namespace: the build that it is a retry of; absent where a tag was asked for. That it is a side
/// build its number says ([`super::side`]), which the policies keep as it is.
pub const RETRY_OF: &str = "studioci.dev/retry-of";
/// Annotation: the namespace of the build before this one.
pub const PARENT: &str = "studioci.dev/parent";
/// Annotation: the namespace of the build after this one.
pub const SUCCESSOR: &str = "studioci.dev/successor";
/// Annotation: the verdict, once there is one; beside it a label of the same key and word, which servers select by and nothing
/// here reads.
pub const VERDICT: &str = "studioci.dev/verdict";
/// Annotation: why the verdict is what it is, one sentence.
pub const CAUSE: &str = "studioci.dev/cause";
/// Annotation: why the build stands still, one sentence; removed when it moves on.
pub const WAITING: &str = "studioci.dev/waiting";
/// Annotation beside [`WAITING`]: that it is Kueue which is waited for, as a case and the LocalQueue: `not-served main`.
pub const WAITS_FOR_KUEUE: &str = "studioci.dev/waits-for-kueue";
/// Annotation of a build's namespace: that it is to be cancelled, and why, which becomes its cause. Set by a person or by a
/// later agent of the chain; policy `studioci-rights` keeps it from the build itself.
pub const CANCEL: &str = "studioci.dev/cancel";
/// Annotation: the push that is being checked, and how many starts of the agent have found it so; removed when it has
/// been.
pub const TRYING: &str = "studioci.dev/trying";
/// Annotation: when the agent of a build that goes on was last at work, RFC 3339. Others look whether it changes, and never
/// compare it with a clock of theirs.
pub const HEARTBEAT: &str = "studioci.dev/heartbeat";
/// Annotation: state of the dispatch: `pending`, `claimed`, `done` or `ended`.
pub const DISPATCH: &str = "studioci.dev/dispatch";
/// Annotation: why the last try to dispatch failed.
pub const DISPATCH_ERROR: &str = "studioci.dev/dispatch-error";
/// Annotation: what the listener starts from and does not build: `none`, `TAG` (digest pending) or `TAG@DIGEST`.
pub const BASELINE: &str = "studioci.dev/baseline";
/// Annotation: name of the image, without tag and digest.
pub const IMAGE: &str = "studioci.dev/image";
/// Annotation: the tag that triggered.
pub const TAG: &str = "studioci.dev/tag";
/// Annotation: the digest that triggered; absent for an unpinned build, `unseen` where the image never ran.
pub const DIGEST: &str = "studioci.dev/digest";
/// Annotation: the source revision of the image.
pub const REVISION: &str = "studioci.dev/revision";
/// Prefix of the annotations that hold when a phase began (`studioci.dev/at-building`), RFC 3339.
pub const AT: &str = "studioci.dev/at-";
/// Annotation of a namespace whose builds may get `studioci-trusted`.
pub const TRUSTED_BUILD: &str = "studioci.dev/trusted-build";

/// Annotation of a build's namespace, set by a person: nothing disposes of it while this is there. Its value says why.
pub const HOLD: &str = "studioci.dev/hold";

/// Annotation of the pipeline's Namespace document: builds that ended longer ago are disposed of (`7d`).
pub const OLDER_THAN: &str = "studioci.dev/older-than";
/// Annotation of the pipeline's Namespace document: the newest so many builds of each verdict stay.
pub const KEEP: &str = "studioci.dev/keep";
/// Annotation of the pipeline's Namespace document: what did not pass stays at least so long (`30d`).
pub const KEEP_FAILED: &str = "studioci.dev/keep-failed";
/// Annotation of the pipeline's Namespace document: the repository on GitHub that gets commit statuses (`OWNER/REPO`; empty
/// for that of the git remote).
pub const GITHUB: &str = "studioci.dev/github";
/// Annotation of the pipeline's Namespace document: the API of a GitHub Enterprise.
pub const GITHUB_URL: &str = "studioci.dev/github-url";
/// Annotation of the pipeline's Namespace document: where a build can be looked at (`https://HOST/{namespace}`).
pub const LINK: &str = "studioci.dev/link";
/// Annotation of the pipeline's Namespace document: who is sent each build's object.
pub const WEBHOOK: &str = "studioci.dev/webhook";
/// Annotation of the pipeline's Namespace document: the template of what it is sent instead.
pub const WEBHOOK_TEMPLATE: &str = "studioci.dev/webhook-template";

/// Annotation of the pipeline's Namespace document: `"true"` has a newer push cancel what is queued or runs of older ones.
pub const SUPERSEDE: &str = "studioci.dev/supersede";
/// Annotation of the pipeline's Namespace document: so much of a build's log is kept when it is recorded (`256Ki`); `0` is none.
pub const KEEP_LOG: &str = "studioci.dev/keep-log";

/// Annotation of a Deployment: `"true"` picks the build workload among several with a policy.
pub const BUILD: &str = "studioci.dev/build";
/// Annotation of the build workload: which container is the build container.
pub const BUILD_CONTAINER: &str = "studioci.dev/build-container";
/// Annotation of the build workload: how long a build may run (`6h`, `90m`).
pub const DEADLINE: &str = "studioci.dev/deadline";
/// Annotation of the build workload: how long a build's pod may be Pending for a reason that cannot heal by itself.
pub const PENDING_DEADLINE: &str = "studioci.dev/pending-deadline";
/// Annotation of the build workload: how long a build may wait for a node, or for a quota.
pub const SCHEDULING_DEADLINE: &str = "studioci.dev/scheduling-deadline";
/// Annotation of the build workload: how long support may take to get ready before a build (`15m`).
pub const SUPPORT_DEADLINE: &str = "studioci.dev/support-deadline";
/// Annotation of the build workload: how long containers that others put into the build's pod may run on after the verdict
/// (`30s`); then they are ended.
pub const INJECTED_DEADLINE: &str = "studioci.dev/injected-deadline";
/// Annotation of the build workload: where the CI image holds the pipeline text.
pub const PIPELINE_PATH: &str = "studioci.dev/pipeline-path";
/// Default of [`PIPELINE_PATH`], relative to the image's working directory.
pub const PIPELINE_PATH_DEFAULT: &str = ".studioci/pipeline.yaml";
/// Annotation of the build workload: `template` keeps all scheduling fields on the listener.
pub const LISTENER_SCHEDULING: &str = "studioci.dev/listener-scheduling";
/// Annotation of the build workload: a YAML mapping of securityContext fields for the listener, or `omit`.
pub const LISTENER_SECURITY: &str = "studioci.dev/listener-security";
/// Annotation of the build workload: how many builds of the chain may run at once.
pub const MAX_PARALLEL: &str = "studioci.dev/max-parallel";
/// Annotation of the build workload: how many builds of the chain may begin within an hour.
pub const MAX_PER_HOUR: &str = "studioci.dev/max-per-hour";
/// Annotation of the build workload: a regular expression with a group `revision`, applied to the tag.
pub const REVISION_FROM_TAG: &str = "studioci.dev/revision-from-tag";
/// Annotation of the build workload: how often a waiting listener is rechecked: is its tag still in the registry, and does
/// a tag that is pushed over mean another image by now. Without it, every 15 min where the tag is pushed over, every hour
/// where it is not and Keel polls, else never.
pub const RECHECK: &str = "studioci.dev/recheck";
/// Annotation of the build workload: how long an agent must not have run before a later one ends its build (`5m`).
pub const ADOPT_AFTER: &str = "studioci.dev/adopt-after";
/// Annotation of a build's namespace: uid of the Job, written once it exists, so that a deleted one is not made again.
pub const JOB_UID: &str = "studioci.dev/job-uid";
/// Annotation of a build's namespace: what it has reserved, as [`super::reserved::Reserved`] writes it.
pub const RESERVED: &str = "studioci.dev/reserved";
/// Annotation of support: the replicas that the template asked for.
pub const REPLICAS: &str = "studioci.dev/replicas";

/// Name of the freeze, a ConfigMap in the build's namespace.
pub const FREEZE: &str = "studioci-freeze";
/// Name of the build's Job.
pub const JOB: &str = "studioci-build";

/// The ServiceAccount that the agents of a chain run as: the user name that every policy sees says which chain it is.
///
/// A dot stands in no chain's name, so that the end is the chain and nothing else.
pub fn agent_account(chain: &str) -> String {
    format!("{AGENT_ACCOUNT}{chain}")
}
/// Whether a key is of our domain, or of one below it.
pub fn is_ours(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    domain == "studioci.dev" || domain.ends_with(".studioci.dev")
}
/// Whether a ServiceAccount's name is kept for agents, of whichever chain.
pub fn is_agent_account(name: &str) -> bool {
    name.strip_prefix(AGENT_ACCOUNT.trim_end_matches('.'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
/// The name of a chain's head (ConfigMap), Secret and Role in home.
pub fn chain_object(chain: &str) -> String {
    format!("chain-{chain}")
}
/// The name of a chain's seed (Secret) in home, apart from the Secret of the values that a template reads.
pub fn seed_object(chain: &str) -> String {
    format!("seed-{chain}")
}
/// The name of a chain's record (ConfigMap) in home.
pub fn record_object(chain: &str) -> String {
    format!("record-{chain}")
}
/// The name of a chain's history (ConfigMap) in home.
pub fn history_object(chain: &str) -> String {
    format!("history-{chain}")
}
/// The name of one of a chain's Secrets in home that keep the logs of its builds, by its place among them.
pub fn log_object(chain: &str, place: u64) -> String {
    format!("log-{chain}-{place}")
}
/// What the keys of builds begin with, in a history and in what keeps logs.
pub const BUILD_KEY: &str = "build.";
/// The key of a generation there; sorts as the generations do.
pub fn build_key(generation: u64) -> String {
    format!("{BUILD_KEY}{generation:08}")
}
/// The generation of such a key.
pub fn build_of_key(key: &str) -> Option<u64> {
    key.strip_prefix(BUILD_KEY)?.parse().ok()
}
