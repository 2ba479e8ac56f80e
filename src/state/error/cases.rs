//! The cases: of each its facts, whose fault it is, what it says and what to do.

use super::{
    cancel_fault::CancelFault, log_fault::LogFault, side_fault::SideFault, start_flag_fault::StartFlagFault,
    watch_fault::WatchFault,
};
use crate::chain::bound::TimeBound;
use crate::chain::case::cases;
use crate::chain::wire::{CHAIN, FREEZE, HOME, HOME_CONFIG, LISTENER_SECURITY, ROLE_USER, ROLE_WORKSPACE};
use crate::cluster;
use crate::pipeline::fault::Fault;

cases! {
    /// An operation's failure.
    #[derive(Debug, thiserror::Error)]
    pub enum Error {
        /// The API server, or the way to it.
        #[error(transparent)]
        Cluster(#[from] cluster::Error),
        #[error(transparent)]
        StartFlag(#[from] StartFlagFault),
        #[error(transparent)]
        Log(#[from] LogFault),
        #[error(transparent)]
        Cancel(#[from] CancelFault),
        #[error(transparent)]
        Watch(#[from] WatchFault),
        #[error(transparent)]
        Side(#[from] SideFault),
        /// The pipeline cannot be used; every fault found, not only the first.
        #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
        Pipeline(Vec<Fault>),
    }

    "Home and setup" {
        /// `setup` was not done, or not to its end.
        NotSetUp { what: String } Unready
            "{what}"
            => "an administrator runs kubectl studioci setup once (kubectl studioci setup --print shows what it installs)";
        /// A person lacks what the role of people brings.
        NotAUser { what: String, user: String } Unready
            "{what}"
            => "ask an administrator to bind you to ClusterRole {ROLE_USER} and to Role {ROLE_USER} in namespace {HOME}:\n  \
                kubectl create clusterrolebinding {ROLE_USER}-NAME --clusterrole {ROLE_USER} --user {user:?}\n  \
                kubectl create rolebinding -n {HOME} {ROLE_USER}-NAME --role {ROLE_USER} --user {user:?}\n\
                Who is to use one chain alone gets what kubectl studioci setup --print --group GROUP --chain CHAIN prints. If there is no such role yet, kubectl studioci setup comes first.";
        /// Home lacks a setting.
        SettingMissing { key: String } Unready
            "ConfigMap {HOME_CONFIG} in {HOME} has no {key}"
            => "it was edited by hand; an administrator runs kubectl studioci setup again";
        /// Home's list of added keys is none.
        AddedKeysUnreadable { key: String, value: String } Unready
            "ConfigMap {HOME_CONFIG} in {HOME}: {key} {value:?} cannot be read"
            => "it was edited by hand; an administrator runs kubectl studioci setup again with --added-label and \
                --added-annotation";
        /// Home's agent image is no reference.
        AgentImageUnreadable { key: String, value: String, why: String } Unready
            "ConfigMap {HOME_CONFIG} in {HOME}: {key} {value:?} is not an image reference: {why}"
            => "it was edited by hand; an administrator runs kubectl studioci setup again with --agent-image";
        /// Another major version has set the cluster up.
        OtherLayout { found: String, own: String } Unready
            "home (namespace {HOME}) has layout {found:?}, and this kubectl-studioci writes {own}"
            => "use the version of kubectl-studioci that set this cluster up; nothing was changed";
        /// Admission policies are other than expected.
        PoliciesDiffer { which: String } Unready
            "builds may not be confined: {which} is not what this version of kubectl-studioci expects"
            => "an administrator runs kubectl studioci setup of this version; what differs: \
                kubectl studioci setup --print | kubectl diff -f -";
        /// Admission policies are there and let through what they refuse.
        PoliciesIdle { user: String } Unready
            "the admission policies are installed and do not act: {user} got through with what they refuse"
            => "check that the API server's admission plugin ValidatingAdmissionPolicy is on, and that the bindings of the \
                policies say Deny";
        /// `setup` by somebody who is no administrator.
        NotAnAdministrator { why: String } Unready
            "setup needs the rights of an administrator: {why}"
            => "have somebody with cluster-admin run it, or apply what kubectl studioci setup --print prints";
        /// The API server has no admission policies.
        ServerTooOld { version: String, oldest: String } Unready
            "the API server is {version}; admission policies need Kubernetes {oldest}"
            => "upgrade the cluster; nothing was changed";
        /// A newer `setup` has been here.
        NewerSetup {} Unready
            "this cluster was set up by a newer kubectl-studioci, and its roles say which agent images and keys are allowed"
            => "change them with that version; nothing was changed";
        /// Somebody changes what `setup` installs.
        SetupRaced { object: String } Unready
            "{object} keeps being changed by somebody else"
            => "find out who does (kubectl get … -o yaml --show-managed-fields), and run setup again";
        /// An agent image that is no reference.
        NotAnImage { image: String, why: String } Usage
            "{image:?} is not an image reference: {why}"
            => "write it as REGISTRY/REPOSITORY@sha256:…; the registry reports the digest when the image is pushed";
        /// An agent image that is not pinned.
        ImageNotPinned { image: String } Usage
            "{image:?} does not name an image by its digest"
            => "write it as REGISTRY/REPOSITORY@sha256:…; the registry reports the digest when the image is pushed";
        /// No agent image.
        NoAgentImage {} Usage
            "no agent image is named"
            => "push the image and name it by its digest: --agent-image REGISTRY/REPOSITORY@sha256:…";
        /// A key that no label or annotation has.
        NotAKey { key: String } Usage
            "{key:?} is not a valid key of a label or an annotation"
            => "write it as kubectl shows it, such as istio.io/rev; repeat the flag for several keys";
        /// The pipeline wants kinds that the workspace role does not cover.
        KindsNotCovered { kinds: String } Unready
            "agents may not create what the pipeline asks for: {kinds}"
            => "ClusterRole {ROLE_WORKSPACE} does not cover it; an administrator adds a ClusterRole with the label \
                studioci.dev/aggregate-to-workspace: \"true\"";
    }
    "A chain's objects in home" {
        /// The head is gone.
        HeadGone { chain: String } Ownership
            "chain {chain} has no head in {HOME} any more"
            => "somebody deleted it: delete what is left of the chain (kubectl delete -n {HOME} configmap,secret,role -l \
                {CHAIN}={chain}) and start it anew";
        /// The head cannot be read.
        HeadEdited { object: String, why: String } Unready
            "ConfigMap {object} in {HOME}: {why}"
            => "it was edited by hand: kubectl edit configmap -n {HOME} {object} puts that key right, or start the chain under \
                another name with --chain";
        /// The record cannot be read.
        RecordEdited { chain: String, object: String, key: String, why: String } Unready
            "record of chain {chain} (ConfigMap {object} in {HOME}): {key}: {why}"
            => "it was edited by hand or written by another program: kubectl edit configmap -n {HOME} {object} puts it right, \
                or start the chain under another name with --chain";
        /// The chain's Secret cannot be read.
        SecretEdited { object: String, key: String } Unready
            "Secret {object} in {HOME}: {key} is not UTF-8 text"
            => "it was edited by hand: kubectl edit secret -n {HOME} {object} puts it right";
        /// More than a record may hold.
        RecordTooLarge { chain: String, bytes: usize, most: usize } Usage
            "template, values and files of chain {chain} are {bytes} bytes; its record in home holds {most}"
            => "put large files into the image, or into a ConfigMap or Secret of their own";
        /// The record is gone.
        RecordGone { chain: String } Unready
            "chain {chain} has no record in {HOME}"
            => "it was deleted; start the chain anew under another name";
        /// The record is an earlier chain's of that name.
        RecordOfAnother { chain: String } Unready
            "the record of chain {chain} in {HOME} is another chain's"
            => "it was edited by hand or left over; start the chain anew under another name";
        /// The history is gone.
        HistoryGone { object: String } Unready
            "ConfigMap {object} is gone from {HOME}"
            => "create it again, empty: nothing is finished before its result is in it";
        /// The seed cannot be read.
        SeedEdited { chain: String, object: String } Unready
            "Secret {object} in {HOME} holds no seed"
            => "it was edited by hand; delete it: kubectl studioci start --chain {chain}, with its pipeline, then writes another one";
        /// The seed is gone.
        SeedGone { chain: String, object: String } Unready
            "Secret {object} is gone from {HOME}, so no namespace can be claimed"
            => "somebody deleted it; kubectl studioci start writes another one for chain {chain} and raises a fresh listener";
        /// A chain that was to be forgotten is another one by now.
        StartedWhileDeleted { chain: String } Ownership
            "chain {chain} was started anew while it was being deleted"
            => "the new one was not touched; run this again to delete it, too";
    }
    "Builds" {
        /// A Namespace of ours that is no build any more.
        BuildEdited { finding: String, remedy: String } Unready
            "{finding}"
            => "it was edited by hand: {remedy}";
        /// Which chains there are may not be asked.
        ChainsUnlisted { why: String } Unready
            "which chains there are cannot be read: {why}"
            => "name yours, which needs no more rights than it has given you: kubectl studioci doctor CHAIN --repair";
        /// Neither a chain's name nor a build's.
        NoSuchName { what: &'static str, name: String, remedy: String } Usage
            "there is no {what} called {name:?}"
            => "{remedy}";
        /// A chain of which no namespace is there.
        ChainWithoutBuilds { chain: String, why: String, remedy: String } Usage
            "chain {chain} has no builds here: {why}"
            => "{remedy}";
        /// No chain of that name.
        NoSuchChain { chain: String, remedy: String } Usage
            "there is no chain called {chain:?}"
            => "{remedy}";
        /// A namespace that was never ours.
        NotABuildNamespace { namespace: String } Usage
            "namespace {namespace} is no build: it does not carry the labels of studioci"
            => "kubectl studioci status shows all builds";
        /// A namespace that only looks like its chain's.
        NotProvablyOurs { namespace: String, why: String } Ownership
            "namespace {namespace} is not provably ours: {why}"
            => "it was made or edited by hand, or is older than what home remembers; work on it with kubectl alone";
        /// A kind that nothing here creates.
        UnknownKind { kind: String, version: String } Usage
            "kind {kind} ({version}) is not one that can be created here"
            => "leave it out of the pipeline";
        /// A rendering that came to no end by no fault of the pipeline.
        NotRendered { why: String } Timeout
            "the pipeline could not be rendered: {why}"
            => "this says nothing about the pipeline: run it again; if that does not help, check the load of this machine, and \
                its limits on processes and memory";
    }
    "claim" {
        /// Somebody took a namespace between our create and our look at it.
        TakenFromUs { namespace: String } Ownership
            "namespace {namespace} was taken from us between its creation and the check of it"
            => "have whoever or whatever deletes or relabels namespaces in this cluster (a webhook, a syncer) spare it, then \
                run it again";
        /// All names that were tried are in use.
        NamesTaken { tried: usize, prefix: String, occupants: String } Ownership
            "the first {tried} names {prefix}-… are all taken: {occupants}"
            => "names that nobody can guess should not collide this often: check who makes namespaces here, and whether a \
                webhook changes their labels or annotations";
        /// The controller manager does not come to the fresh namespace.
        NoServiceAccount { namespace: String, bound: TimeBound } Timeout
            "namespace {namespace} has no default ServiceAccount after {bound}, which kube-controller-manager makes"
            => "run this again; if that does not help, have whoever runs the cluster get kube-controller-manager to run";
    }
    "start" {
        /// The chain has ended.
        ChainEnded { chain: String, how: String } Ownership
            "chain {chain} has ended ({how})"
            => "kubectl studioci start --chain {chain}, with its pipeline, carries it on";
        /// The head has left the generation that was to be raised.
        HeadMoved { chain: String, generation: u64, head: u64, place: String } Ownership
            "generation {generation} of chain {chain} is elsewhere by now (the head is at generation {head} in {place})"
            => "somebody else carries the chain on; kubectl studioci watch {chain} follows it";
        /// Another chain of that name by now.
        AnotherChain { chain: String } Ownership
            "chain {chain} was deleted and started again in the meantime"
            => "run it again: it finds the new one";
        /// The chain is being purged.
        Purging { chain: String } Ownership
            "chain {chain} is being purged"
            => "let kubectl studioci stop {chain} --purge finish (run it again), then start the chain again";
        /// Two change one chain at the same time.
        Raced { chain: String } Ownership
            "somebody else is changing chain {chain} right now"
            => "run it again: it goes on from what they have done";
        /// The record went while the chain was started.
        RecordVanished { chain: String } Ownership
            "the record of chain {chain} vanished while the chain was being started"
            => "run it again";
        /// The chain of that name builds another image.
        OtherRepository { chain: String, theirs: String, ours: String } Ownership
            "chain {chain} belongs to image repository {theirs}; this pipeline's is {ours}"
            => "give this chain another name with --chain";
        /// The chain of that name belongs to another checkout.
        OtherRemote { chain: String, theirs: String, ours: String } Ownership
            "chain {chain} belongs to git remote {theirs}; this checkout's is {ours}"
            => "give this chain another name with --chain";
        /// Home holds the rest of an earlier chain of that name.
        LeftOver { chain: String } Unready
            "{HOME} holds the record of an earlier chain {chain}, whose head was deleted"
            => "give this chain another name with --chain, or delete what is left over: kubectl delete -n {HOME} \
                configmap,secret,role -l {CHAIN}={chain}";
        /// No namespace of the chain is left.
        NamespacesGone { chain: String, generation: u64 } Unready
            "chain {chain} is at generation {generation}, and none of its namespaces is there"
            => "they were deleted by hand; run start again, which raises a fresh listener";
        /// The fresh namespace went.
        DeletedMeanwhile { namespace: String } Ownership
            "namespace {namespace} was deleted while its listener came up"
            => "have whoever or whatever deletes namespaces here spare it, then run start again";
        /// The listener does not come up.
        NotListening { namespace: String, bound: TimeBound, why: String, remedy: String } Timeout
            "the listener in {namespace} does not listen after {bound}: {why}"
            => "{remedy}";
        /// The chain is as it should be, and nobody listens.
        NobodyListens { chain: String, bound: TimeBound, why: String } Timeout
            "chain {chain} is as it was asked for, but after {bound} nobody listens: {why}"
            => "fix what is named, or let a fresh listener carry on from another tag: kubectl studioci start --tag TAG";
        /// A new chain's tag is not there, and its policy wants one that is.
        TagMissing { image: String, policy: String } Usage
            "{image} is not in the registry, and with policy {policy} Keel watches nothing before the tag it starts from exists"
            => "push that tag first, or name one that exists with --tag; nothing was left behind";
        /// The same of a chain that was there before.
        TagMissingStill { image: String, policy: String } Usage
            "{image} is not in the registry, and with policy {policy} Keel watches nothing before the tag it starts from exists"
            => "push that tag, or run start again with --tag and one that exists; the chain stays as it is until then";
        /// The API server refuses an object of the pipeline.
        RefusedByServer { why: String } Usage
            "the API server refuses what the pipeline asks for: {why}"
            => "correct the pipeline and run start again";
        /// Pod Security refuses a pod of the pipeline.
        RefusedByPodSecurity { why: String } Usage
            "the API server refuses what the pipeline asks for: {why}"
            => "set what the message names in the build workload's pod template (of its listener, annotation \
                {LISTENER_SECURITY} sets the user), or let --pod-security or the pipeline's Namespace document name a level \
                that admits it";
        /// A prefix that is no label.
        BadPrefix { prefix: String, why: String } Usage
            "prefix {prefix:?} {why}"
            => "namespaces are called PREFIX-ADJECTIVE-SURNAME; give --prefix a short DNS label";
        /// A chain's name that is no label.
        BadChainName { chain: String, why: String } Usage
            "chain name {chain:?} {why}"
            => "choose another name with --chain";
        /// A tag that no image has.
        BadTag { tag: String, why: String } Usage
            "{tag:?} is not a tag: {why}"
            => "name the tag alone with --tag, such as build-0007, without the image";
        /// The chain label of bare claims.
        ReservedName { chain: String } Usage
            "a chain cannot be called {chain:?}: that is the chain label of bare claims"
            => "choose another name with --chain";
        /// Nothing gives the chain a name.
        NoChainName { why: String } Usage
            "the chain has no name, since that is derived from the git repository and branch: {why}"
            => "name it with --chain NAME, or run this in a checkout that is on a branch";
        /// What a Namespace document lends cannot be a right.
        NotLendable { why: String } Usage
            "what the Namespace document lends to the chain's namespaces cannot be fixed: {why}"
            => "take it out of the pipeline's Namespace document, or shorten it";
    }
    "scale" {
        /// A build without support.
        NoSupport { build: String } Usage
            "build {build} has no support to scale"
            => "its pipeline brings no Deployment, StatefulSet, ReplicaSet or ReplicationController besides the build, or was \
                refused before it came up; kubectl studioci status says which";
        /// A build on its way out.
        BeingDeleted { build: String } Usage
            "build {build} is being deleted"
            => "choose another build: kubectl studioci status";
        /// A bare claim.
        BareClaim { namespace: String } Usage
            "namespace {namespace} is a bare claim, not a build: it has no support"
            => "what you put into it yourself, scale with kubectl scale";
        /// A listener.
        IsListener { build: String, chain: String } Usage
            "build {build} is a listener: it holds nothing to scale until a push comes"
            => "choose a build that is over: kubectl studioci status {chain}";
        /// A build whose support comes up later.
        SupportNotYet { build: String, phase: String } Usage
            "build {build} is {phase}: its support is not there yet, and comes up by itself"
            => "follow it with kubectl studioci watch {build}";
        /// A build that stands on its support.
        SupportInUse { build: String, phase: String } Usage
            "build {build} is {phase}: it stands on its support"
            => "wait for its verdict (kubectl studioci watch {build}); its support goes to 0 by itself then, or end the build \
                with kubectl studioci cancel {build}";
        /// How many replicas it had is not known.
        CountUnknown { what: String } Usage
            "{what}"
            => "it was edited by hand; scale this one with kubectl scale --replicas";
        /// A dry run binds nobody.
        DryRunMayNot { right: String } Unready
            "you may not {right}"
            => "without --dry-run you are bound to ClusterRole {ROLE_WORKSPACE} there first, which a dry run does not";
        /// Support does not come up, or go.
        SupportNotSettled { build: String, state: String, bound: TimeBound, missing: String } Timeout
            "support of build {build} is not {state} after {bound}: {missing}"
            => "it goes on by itself; what is named above is in its way; a longer --timeout waits longer";
    }
    "stop and cleanup" {
        /// A chain that was purged is carried on by somebody.
        StartedWhilePurged { chain: String } Ownership
            "chain {chain} was started again while it was being purged"
            => "it goes on; to end it after all run kubectl studioci stop {chain} --purge again";
        /// A chain that was stopped is another one by now.
        StartedWhileStopped { chain: String } Ownership
            "chain {chain} was deleted and started again while it was being stopped"
            => "run this again to end the new one, too";
        /// Builds run on.
        StillRunning { chain: String, bound: TimeBound, builds: String } Timeout
            "builds of chain {chain} still run after {bound}: {builds}"
            => "the chain has ended and takes no more pushes; run stop {chain} --purge again for the rest. Of a build that \
                never ends, the agent may be gone: the next one, which kubectl studioci start raises for chain {chain}, ends \
                it in its place; or kubectl delete namespace takes it away unfinished";
        /// Namespaces are Terminating still.
        StillTerminating { bound: TimeBound, namespaces: String, remedy: String } Timeout
            "not gone after {bound}: {namespaces}"
            => "{remedy}";
    }
    "What stops an agent" {
        /// Its own namespace is gone.
        OwnNamespaceGone { namespace: String } Unready
            "namespace {namespace} is gone"
            => "nothing is left to do here";
        /// Its chain is gone.
        OwnChainGone { chain: String } Unready
            "chain {chain} has no head in {HOME}"
            => "nothing is left to do here";
        /// What it froze is gone.
        FreezeGone { namespace: String, deployment: String } Unready
            "ConfigMap {FREEZE} is gone from {namespace}"
            => "it was deleted by hand, and this build with it: kubectl delete deployment -n {namespace} {deployment} ends it, \
                and kubectl studioci start carries the chain on";
        /// What it froze cannot be read.
        FreezeEdited { namespace: String, deployment: String } Unready
            "ConfigMap {FREEZE} in {namespace} cannot be read"
            => "it was edited by hand, and this build is lost with it: kubectl delete deployment -n {namespace} {deployment} \
                ends it, and kubectl studioci start carries the chain on";
    }
}
