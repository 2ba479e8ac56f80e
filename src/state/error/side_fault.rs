//! Why nothing is built by hand.

use crate::chain::case::cases;
use crate::chain::wire::MAX_PER_HOUR;

cases! {
    /// Why nothing is built by hand.
    #[derive(Debug, thiserror::Error)]
    pub enum SideFault {}

    "trigger and retry" {
        /// A chain to which nothing was pushed yet.
        NoTag { chain: String } Usage
            "chain {chain} has seen no image yet, so that there is no newest tag"
            => "name one: kubectl studioci trigger {chain} --tag TAG";
        /// A chain that somebody has stopped.
        ChainStopped { chain: String, how: String } Usage
            "chain {chain} has ended ({how}), and builds nothing"
            => "carry it on with its pipeline (kubectl studioci start --chain {chain}), then run this again";
        /// A chain that has begun too many builds.
        Rests { chain: String, until: String, most: u32 } Unready
            "chain {chain} pauses until {until}: {most} builds of it have begun within an hour"
            => "run it again then; a pipeline that is started with a higher {MAX_PER_HOUR} allows more";
        /// It was made for so long that somebody else has given it up.
        GivenUp { namespace: String } Ownership
            "namespace {namespace} was not complete within an hour, and is given up"
            => "run it again; what was made of it is disposed of";
        /// A chain where a build is meant.
        OfChain { chain: String } Usage
            "{chain} is a chain, and a build is tried again"
            => "name the build (kubectl studioci report {chain} lists them), or build the newest image: kubectl studioci trigger \
                {chain}";
        /// A bare claim.
        NothingInClaim { namespace: String } Usage
            "namespace {namespace} is a bare claim, in which nothing was built"
            => "kubectl studioci status shows all builds";
        /// A listener.
        NothingBuilt { build: String, chain: String } Usage
            "build {build} is a listener: nothing was built there yet"
            => "to build the newest image: kubectl studioci trigger {chain}";
        /// A build that goes on.
        StillRuns { build: String } Usage
            "build {build} has no verdict yet"
            => "wait for it (kubectl studioci watch {build}), or end it first (kubectl studioci cancel {build})";
        /// A build of which nobody knows what it ran.
        Unpinned { build: String, chain: String } Usage
            "nobody knows the digest of what build {build} has run"
            => "build what its tag means now: kubectl studioci trigger {chain} --tag TAG";
        /// A build of which not enough is left.
        NothingKept { build: String, chain: String, why: String } Usage
            "build {build} cannot be tried again: {why}"
            => "build its tag with the pipeline of now: kubectl studioci trigger {chain} --tag TAG";
    }
}
