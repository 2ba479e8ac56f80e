//! Whether a chain really has somebody who listens. Its phase does not tell: the agent that wrote it may be dead or stuck
//! by now.

use super::status;
use crate::chain::build::{Build, Phase};
use crate::chain::pod::Pod;
use crate::chain::signs::{STOOD_DOWN, STUCK, Signs};
use crate::cluster::Cluster;
use crate::state::error::{Error, Result};

/// Why a build whose phase says that it listens, or is past that, does not; `None` if nothing speaks against it.
///
/// Whoever may not look into the namespace believes the phase.
pub(super) async fn not_listening(cluster: &Cluster, build: &Build) -> Result<Option<String>> {
    match Box::pin(status::signs_of(cluster, build)).await {
        Err(Error::Cluster(error)) if error.is_rbac() => Ok(None),
        seen => {
            let (signs, pods) = seen?;
            Ok(reason(build, &signs, &pods))
        }
    }
}

/// The same of what is seen.
pub(super) fn reason(build: &Build, signs: &Signs, pods: &[Pod]) -> Option<String> {
    let own_word = build.waiting.clone().filter(|why| why.starts_with(STUCK) || why.starts_with(STOOD_DOWN));
    let runs = pods.iter().any(|pod| !pod.deleted && pod.phase == "Running");
    own_word.or_else(|| signs.trouble.clone()).or_else(|| {
        (build.phase == Phase::Listening && !runs).then(|| "no pod of its listener runs".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::build::{Map, NamespaceView};
    use crate::chain::wire;

    #[test]
    fn the_phase_alone_is_no_proof() {
        let running = || Pod { phase: "Running".to_owned(), ..Pod::default() };
        let map = |pairs: &[(&str, &str)]| -> Map {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let labels = map(&[(wire::CHAIN, "app"), (wire::PHASE, "Listening")]);
        let annotations = map(&[(wire::CHAIN_UUID, "c"), (wire::OWNER, "o"), (wire::GENERATION, "1")]);
        let listening = || {
            Build::read(NamespaceView {
                namespace: "ci-a",
                uid: "u",
                resource_version: "1",
                created: None,
                terminating: false,
                labels: &labels,
                annotations: &annotations,
            })
            .unwrap()
        };
        let fine = Signs::default();
        assert_eq!(reason(&listening(), &fine, &[running()]), None);
        let waits = Build { waiting: Some("the tag is gone from the registry".to_owned()), ..listening() };
        assert_eq!(reason(&waits, &fine, &[running()]), None, "it listens, and says what it found");
        for why in ["its agent cannot go on: no record", "stood down: the chain has ended"] {
            let build = Build { waiting: Some(why.to_owned()), ..listening() };
            assert_eq!(reason(&build, &fine, &[running()]).as_deref(), Some(why));
        }
        let trouble = Signs { trouble: Some("it crashes".to_owned()), ..Signs::default() };
        assert_eq!(reason(&listening(), &trouble, &[running()]).as_deref(), Some("it crashes"));
        let going = Pod { deleted: true, ..running() };
        for pods in [vec![], vec![going], vec![Pod::default()]] {
            assert_eq!(reason(&listening(), &fine, &pods).as_deref(), Some("no pod of its listener runs"));
        }
    }
}
