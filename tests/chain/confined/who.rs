//! The cast, and the words of each validation.

use super::ask::{Wanted, Who};

pub(crate) const ADMIN: Who = Who::Admin;
/// Bound to `studioci-user` by her group.
pub(crate) const ALICE: Who = Who::Person("alice", &["devs"]);
/// May write any Namespace by a role that is none of ours.
pub(crate) const BOB: Who = Who::Person("bob", &[]);
/// Bound to ClusterRole `studioci-user`, and in home to a Role that an administrator narrowed.
pub(crate) const CAROL: Who = Who::Person("carol", &[]);
/// Likewise, to one chain.
pub(crate) const DAVE: Who = Who::Person("dave", &[]);
/// Bound to nothing.
pub(crate) const EVE: Who = Who::Person("eve", &[]);

/// The ServiceAccount of chain `a`'s agents.
pub(crate) const AGENT: &str = "studioci-agent.a";
/// That of chain `b`'s.
pub(crate) const AGENT_B: &str = "studioci-agent.b";
const AGENT_T: &str = "studioci-agent.t";
/// The agents of chain `a`, oldest first.
pub(crate) const ONE: Who = Who::Account("ci-a-one", AGENT);
pub(crate) const TWO: Who = Who::Account("ci-a-two", AGENT);
pub(crate) const THREE: Who = Who::Account("ci-a-three", AGENT);
/// The agents of chain `t`, whose builds are trusted.
pub(crate) const TRUST: Who = Who::Account("ci-t-trust", AGENT_T);
pub(crate) const TRUST2: Who = Who::Account("ci-t-next", AGENT_T);
/// A build of chain `a` that its pipeline gave wide rights in its own namespace.
pub(crate) const BUILD: Who = Who::Account("ci-a-one", "builder");
/// A build of chain `t`.
pub(crate) const TRUSTED: Who = Who::Account("ci-t-next", "builder");
/// ServiceAccounts elsewhere.
pub(crate) const KEEL: Who = Who::Account("ci-plain", "keel");
pub(crate) const OPERATOR: Who = Who::Account("ci-plain", "operator");
/// Renews a login of chain `a`.
pub(crate) const RENEWER: Who = Who::Account("ci-plain", "renewer");
/// May write the same Secret, and not use the chain.
pub(crate) const STRANGER: Who = Who::Account("ci-plain", "stranger");
/// Called like an agent, in a namespace of no chain.
pub(crate) const IMPOSTOR: Who = Who::Account("ci-plain", AGENT);
pub(crate) const KUBELET: Who = Who::Kubelet;
/// Lives in kube-system and is no controller; an administrator gave it wide rights.
pub(crate) const ADDON: Who = Who::Account("kube-system", "addon");
/// Controllers, by their own credentials.
pub(crate) const NAMESPACE_CONTROLLER: Who = Who::Account("kube-system", "namespace-controller");
pub(crate) const PUBLISHER: Who = Who::Account("kube-system", "root-ca-cert-publisher");
pub(crate) const REPLICA_SET_CONTROLLER: Who = Who::Account("kube-system", "replicaset-controller");
pub(crate) const DEPLOYMENT_CONTROLLER: Who = Who::Account("kube-system", "deployment-controller");
pub(crate) const COLLECTOR: Who = Who::Account("kube-system", "generic-garbage-collector");
pub(crate) const JOB_CONTROLLER: Who = Who::Account("kube-system", "job-controller");
/// All of them, where they have none of their own.
pub(crate) const MANAGER: Who = Who::Person("system:kube-controller-manager", &[]);

/// The chain of a namespace of the cast.
pub(crate) fn chain_of(namespace: &str) -> &'static str {
    match namespace {
        "ci-b-other" => "b",
        "ci-t-trust" | "ci-t-next" => "t",
        _ => "a",
    }
}

/// Defines the wanted answers, one a validation, and the list of them all.
macro_rules! validations {
    ($($name:ident = $policy:literal: $words:literal;)*) => {
        $(pub(crate) const $name: Wanted = Wanted::Policy(&[($policy, $words)]);)*
        /// Every validation: its policy, and words of its message that no other one of that policy has.
        pub(crate) const VALIDATIONS: &[(&str, &str)] = &[$(($policy, $words)),*];
    };
}

validations! {
    OWN_CHAIN = "studioci-agent": "may write only inside its own chain";
    IN_HOME = "studioci-agent": "in home studioci-agent may only update";
    EVERYWHERE = "studioci-agent": "may bind cluster-wide only ClusterRole studioci-agent";
    HAND_ON = "studioci-agent": "may bind a Role to ServiceAccounts of the same namespace";
    SUCCESSOR = "studioci-agent": "a namespace made by studioci-agent carries";
    UNTRUSTED = "studioci-agent": "only a chain started with --trusted-build may carry";
    NAMED = "studioci-agent": "a namespace made by studioci-agent is called";
    LENT = "studioci-agent": "a namespace made by studioci-agent is lent";
    FIXED = "studioci-agent": "of a namespace studioci-agent changes the phase";
    METADATA = "studioci-agent": "gives nothing an owner or a finalizer";
    LISTENER = "studioci-agent": "may run as an agent";
    WORKSPACE = "studioci-rights": "studioci-workspace may be bound only inside";
    USER = "studioci-rights": "studioci-user is bound by an admin only";
    ONE_AGENT = "studioci-rights": "studioci-agent may be bound only cluster-wide";
    HOME = "studioci-rights": "home holds only Roles chain-NAME";
    CHAIN_ROLE = "studioci-rights": "Role chain-NAME grants only";
    OF_CHAINS = "studioci-rights": "in home you may write only the ConfigMaps and Secrets of chains";
    NAMES = "studioci-rights": "a chain's namespace is called";
    LENDS = "studioci-rights": "a chain's namespace is lent only";
    KEEPS = "studioci-rights": "no other labels and annotations than they were lent";
    CLAIM = "studioci-rights": "a chain's namespace may be made only by";
    TRUSTING = "studioci-rights": "trusted-build is set at creation only";
    SAME_CHAIN = "studioci-rights": "no namespace enters, leaves or changes its chain";
    POD_SECURITY = "studioci-rights": "only granted Pod Security labels";
    OWN_NAMESPACE = "studioci-rights": "a build may not write its own Namespace";
    ITS_ACCOUNT = "studioci-rights": "is made only in a namespace of that chain";
    KUBELETS = "studioci-identity": "tokens of agents go to kubelets only";
    TOKEN_SECRET = "studioci-identity": "no token Secret for an agent";
    ITS_AGENT = "studioci-identity": "a build may not touch its agent's ServiceAccount";
    NO_RIGHTS = "studioci-identity": "a build may not hand out rights";
    INTO_PODS = "studioci-identity": "a build reaches into no pod";
    FOREIGN_AGENT = "studioci-identity": "agents of another chain have no place";
    FREEZE = "studioci-identity": "nobody but this namespace's agent touches what it froze";
    ROOT_CA = "studioci-identity": "which API server its agent believes";
    DECOY = "studioci-identity": "only what runs as the agent is labelled";
    ONE_POD = "studioci-identity": "a listener is scaled to one pod at most";
    ITS_NEWS = "studioci-identity": "a build says nothing in Events of its Namespace";
    AGENTS_KIND = "studioci-listener": "only a Deployment may run as an agent";
    AGENTS_PLACE = "studioci-listener": "stands in a namespace of the chain";
    DEPLOYMENT = "studioci-listener": "has one pod at most, is rolled out as";
    OWNED = "studioci-listener": "is owned by nothing, and held by no finalizer";
    TEMPLATE = "studioci-listener": "carries only labels and annotations of ours";
    IMAGE = "studioci-listener": "an image that setup permits";
    COMMANDS = "studioci-listener": "each with its own command";
    PLAIN_CONTAINERS = "studioci-listener": "has arguments, hooks, probes";
    ENVIRONMENT = "studioci-listener": "the environment of a listener's containers is fixed";
    BOUNDED = "studioci-listener": "limits of CPU and memory";
    MOUNTS = "studioci-listener": "the token is mounted in studioci-agent only";
    VOLUMES = "studioci-listener": "a listener has the volumes";
    POD_FIELDS = "studioci-listener": "shares nothing with its node";
    CONTAINER_SECURITY = "studioci-listener": "have no capabilities";
    MOVES = "studioci-listener": "nobody changes more than the CI container's image";
    REPOSITORY = "studioci-listener": "stays in its repository";
}

/// The only validation of a wanted answer.
const fn only(wanted: Wanted) -> (&'static str, &'static str) {
    match wanted {
        Wanted::Policy([one]) => *one,
        _ => unreachable!(),
    }
}

/// Refused by several policies; the server names one of them.
macro_rules! either {
    ($($name:ident = $($one:ident)|+;)*) => {
        $(pub(crate) const $name: Wanted = Wanted::Policy(&[$(only($one)),+]);)*
    };
}

either! {
    AS_AGENT = LISTENER | AGENTS_KIND;
    AS_ITS_AGENT = AGENTS_KIND | ITS_AGENT;
    UNLABELLED = COMMANDS | LISTENER;
    COMMANDS_OR_MOVES = COMMANDS | MOVES;
    MARKS_ITSELF = TRUSTING | OWN_NAMESPACE;
    LEAVES = SAME_CHAIN | OWN_NAMESPACE;
    AT_HOME = HOME | ITS_ACCOUNT;
    ELSEWHERE = ITS_ACCOUNT | FOREIGN_AGENT;
    OWN_OR_FOREIGN = OWN_CHAIN | FOREIGN_AGENT;
    AS_FOREIGN_AGENT = LISTENER | FOREIGN_AGENT | AGENTS_PLACE;
    ITS_LISTENER = ITS_AGENT | IMAGE;
    ITS_AGENTS_POD = ITS_AGENT | INTO_PODS;
    ITS_MAPS = FREEZE | ROOT_CA;
    ITS_LABEL = DECOY | INTO_PODS;
    BOUNDED_OR_MOVES = BOUNDED | MOVES;
    RESIZES = AGENTS_KIND | INTO_PODS | ITS_AGENT;
    ITS_OWNED = ITS_AGENT | OWNED;
    ITS_TEMPLATE = ITS_AGENT | TEMPLATE;
    ITS_AGENT_GOES = ITS_AGENT | MOVES | DECOY | COMMANDS;
    OWN_CHAIN_OR_GONE = OWN_CHAIN | FOREIGN_AGENT;
    LEAVES_AGENT = MOVES | DECOY | COMMANDS;
    GRABS = WORKSPACE | NO_RIGHTS;
}
