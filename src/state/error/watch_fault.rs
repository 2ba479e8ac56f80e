//! Why nothing is followed, or not to its verdict.

use crate::chain::bound::TimeBound;
use crate::chain::case::cases;
use crate::chain::wire::HOME;

cases! {
    /// Why nothing is followed, or not to its verdict.
    #[derive(Debug, thiserror::Error)]
    pub enum WatchFault {}

    "watch" {
        /// Several chains, and none is named.
        SeveralChains { chains: String } Usage
            "there are several chains: {chains}"
            => "say which: kubectl studioci watch CHAIN";
        /// No chain at all.
        NothingToWatch {} Usage
            "there is nothing to watch"
            => "start a chain with kubectl studioci start";
        /// No verdict in time.
        NoVerdict { namespace: String, bound: TimeBound } Timeout
            "no verdict of the build in {namespace} after {bound}"
            => "kubectl studioci status {namespace} says what it does; come back with kubectl studioci watch {namespace}";
        /// The chain has ended before that build began.
        NeverBuilds { namespace: String, chain: String, how: String } Usage
            "nothing will be built in {namespace}: chain {chain} has ended ({how})"
            => "kubectl studioci report {chain} tells what was built; kubectl studioci start carries the chain on";
        /// No build of the commit in time.
        NoBuildOf { chain: String, revision: String, bound: TimeBound } Timeout
            "chain {chain} has had no build of {revision} after {bound}"
            => "it may still come (kubectl studioci watch {chain} --revision {revision}), or its image was never pushed, or Keel has \
                taken another one instead: kubectl studioci report {chain} lists what was built";
        /// A build that may be of any commit.
        NoRevision { build: String, revision: String } Usage
            "the image of build {build} tells no revision, so nobody can say whether it is of {revision}"
            => "have the image tell it (environment variable STUDIOCI_REVISION), or find it in the tag with the annotation \
                studioci.dev/revision-from-tag; this build is followed by kubectl studioci watch {build}";
        /// The namespace went before there was a verdict.
        DeletedBeforeVerdict { namespace: String, object: String } Ownership
            "namespace {namespace} was deleted before the build had a verdict"
            => "what is known of it: kubectl get configmap -n {HOME} {object}";
    }
}
