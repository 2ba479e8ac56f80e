//! Why there is no log, or none is kept.

use crate::chain::case::cases;
use crate::chain::wire::HOME;

cases! {
    /// Why there is no log, or none is kept.
    #[derive(Debug, thiserror::Error)]
    pub enum LogFault {}

    "logs" {
        /// Several chains, and none is named.
        WhichChain { chains: String } Usage
            "there are several chains: {chains}"
            => "say whose log is meant: kubectl studioci logs CHAIN";
        /// No chain at all.
        NoChain {} Usage
            "there is no chain, and so no log"
            => "start a chain with kubectl studioci start";
        /// Nothing has run yet.
        NothingYet { build: String, phase: String } Usage
            "build {build} is {phase}: no container of it has run yet"
            => "kubectl studioci logs -f {build} waits for it";
        /// A container that is not there.
        NoSuchContainer { build: String, container: String, there: String } Usage
            "build {build} has no container {container} that has run"
            => "choose one of those in its namespace: {there}";
        /// A container of which nothing was kept.
        NotAmongKept { build: String, container: String, there: String } Usage
            "the pods of build {build} are gone, and of container {container} nothing was kept"
            => "kept is the log of the build container and of what failed; here: {there}";
        /// The agent's pod is gone.
        DiaryGone { build: String } Usage
            "the pod of the agent of build {build} is gone, and its diary with it"
            => "what the build came to is in kubectl studioci logs {build}";
        /// Nothing was kept.
        NotKept { build: String } Usage
            "the pods of build {build} are gone, and nothing of its log was kept"
            => "kubectl studioci start --keep-log 256Ki keeps that of later builds; the diary of the build's agent says \
                why none was, if one was to be";
        /// What was kept has made room.
        FallenOut { build: String } Usage
            "the pods of build {build} are gone, and what was kept of its log has made room for that of later builds"
            => "kubectl studioci start --keep-log SIZE with a smaller size keeps that of more builds";
        /// A Secret of the kept logs is gone.
        KeptLogsGone { object: String, chain: String } Unready
            "Secret {object} is gone from {HOME}, so the build's log cannot be kept"
            => "kubectl studioci start --chain {chain}, with the pipeline of before, makes it again";
        /// A kept log cannot be read.
        KeptLogUnreadable { object: String, key: String, why: String } Unready
            "Secret {object} in {HOME}: {key} is no kept log: {why}"
            => "an agent wrote something else, or it was edited by hand: what there is of it is in kubectl get secret -n {HOME} {object} -o yaml";
    }
}
