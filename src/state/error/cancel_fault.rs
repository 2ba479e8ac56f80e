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
        /// A chain of which none but a side build runs.
        SideRuns { chain: String, build: String } Usage
            "no push of chain {chain} is being built; what runs is {build}, a build by hand, and that is meant by its own name"
            => "to cancel it: kubectl studioci cancel {build}";
        /// A chain of which none but several side builds run.
        SidesRun { chain: String, builds: String } Usage
            "no push of chain {chain} is being built; what runs are builds by hand, and those are meant by their own names: {builds}"
            => "name the one that is meant: kubectl studioci cancel BUILD";
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
