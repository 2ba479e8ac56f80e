//! Why a build is not cancelled.

use crate::chain::case::cases;

cases! {
    /// Why a build is not cancelled.
    #[derive(Debug, thiserror::Error)]
    pub enum CancelFault {}

    "cancel" {
        /// A listener.
        NothingPushed { build: String, chain: String } Usage
            "build {build} is a listener: nothing was pushed to it yet"
            => "to have no push built, stop the chain instead: kubectl studioci stop {chain}";
        /// A build that has its verdict.
        Over { build: String, verdict: String } Usage
            "build {build} is already {verdict}"
            => "there is nothing to cancel; what became of it: kubectl studioci report {build}";
        /// A bare claim.
        OfClaim { namespace: String } Usage
            "namespace {namespace} is a bare claim, not a build"
            => "to dispose of it: kubectl studioci cleanup {namespace}";
        /// A chain of which no build runs.
        NothingRuns { chain: String } Usage
            "no build of chain {chain} runs"
            => "kubectl studioci status {chain} shows its builds; to have no push built, stop the chain: kubectl studioci \
                stop {chain}";
        /// A chain of which several builds run.
        SeveralRun { chain: String, builds: String } Usage
            "several builds of chain {chain} run: {builds}"
            => "name the one that is meant: kubectl studioci cancel BUILD";
        /// The namespace went meanwhile.
        Gone { build: String } Ownership
            "namespace {build} was deleted meanwhile, and another one may have its name"
            => "kubectl studioci status shows which builds there are";
    }
}
