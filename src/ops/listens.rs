//! Whether somebody listens for a chain: not what its phase says, which an agent wrote that may be dead or stuck by now.

use super::error::Result;
use super::select;
use crate::chain::build::{Build, Phase};
use crate::chain::pod::Pod;
use crate::chain::signs::{self, Listener, STOOD_DOWN, STUCK, Signs};
use crate::cluster::Cluster;
use crate::cluster::resource as kind;

/// Why a build whose phase says that it listens, or is past that, does not; `None` if nothing speaks against it.
///
/// Whoever may not look into the namespace believes the phase.
pub(super) async fn deaf(cluster: &Cluster, build: &Build) -> Result<Option<String>> {
    let (select, namespace) = (select::listeners(), Some(build.namespace.as_str()));
    let look = async {
        tokio::try_join!(
            cluster.list::<Listener>(&kind::DEPLOYMENTS, namespace, &select),
            cluster.list::<Pod>(&kind::PODS, namespace, &select),
        )
    };
    let (listeners, pods) = match Box::pin(look).await {
        Err(error) if error.is_rbac() => return Ok(None),
        seen => seen?,
    };
    let listener = listeners.items.first().map_or(signs::Seen::Gone, signs::Seen::There);
    let of: Vec<&Pod> = pods.items.iter().collect();
    let signs = Signs::of(build, listener, &of, None, pods.date.unwrap_or_default());
    Ok(reason(build, &signs, &pods.items))
}

fn reason(build: &Build, signs: &Signs, pods: &[Pod]) -> Option<String> {
    let own_word = build.waiting.clone().filter(|why| why.starts_with(STUCK) || why.starts_with(STOOD_DOWN));
    let runs = pods.iter().any(|pod| !pod.deleted && pod.phase == "Running");
    own_word.or_else(|| signs.trouble.clone()).or_else(|| {
        (build.phase == Phase::Listening && !runs).then(|| "no pod of its listener runs".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::build::{Map, Told};
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
            Build::read(Told {
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
