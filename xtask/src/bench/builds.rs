//! Builds by the thousand: finished, recorded, and with all that proves them their chain's, so that they can be listed and
//! disposed of as if they had run. They are written straight into etcd, and hold nothing.

use serde_json::{Map, Value, json};
use test_cluster::etcd;

use crate::failure::Failure;

/// As many builds of a chain as its history holds.
const PER_CHAIN: usize = 200;
/// What the names of all of them begin with.
const PREFIX: &str = "bench-";
/// When all of it happened: long ago for any rule.
const TIME: &str = "2026-01-01T00:00:00Z";
const IMAGE: &str = "registry.example/team/ci";
const UUID: &str = "6a2f41a3-c54c-4ce8-82d2-0324e1c32e22";

/// Makes `count` builds; what was made before goes. From within the cluster's network, home being there.
pub(super) fn make(count: usize) -> Result<(), Failure> {
    clear()?;
    let mut objects = Vec::new();
    for (number, first) in (0..count).step_by(PER_CHAIN).enumerate() {
        let last = PER_CHAIN.min(count - first);
        let chain = format!("{PREFIX}{number:03}");
        // ended: of what comes after the last build nobody waits for a push
        let mut head = Map::from_iter([
            ("uuid".to_owned(), json!(UUID)),
            ("generation".to_owned(), json!((last + 1).to_string())),
            ("ended".to_owned(), json!("at the end of the bench")),
        ]);
        let mut history = Map::new();
        for generation in 1..=last {
            let build = Build { chain: &chain, number, generation };
            head.insert(format!("settled.{generation}"), json!(build.uid()));
            head.insert(format!("built.{generation}"), json!(build.version()));
            history.insert(format!("build.{generation:08}"), json!(build.entry().to_string()));
            objects.push((format!("/registry/namespaces/{}", build.name()), build.namespace()));
        }
        for (name, data) in [(format!("chain-{chain}"), head), (format!("history-{chain}"), history)] {
            let mut labels = json!({"app.kubernetes.io/managed-by": "studioci", "studioci.dev/chain": chain});
            if name.starts_with("chain") {
                labels["studioci.dev/role"] = json!("head");
            }
            let object = json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": name,
                    "namespace": "studioci",
                    "uid": uid(usize::from(name.starts_with("chain")), number),
                    "creationTimestamp": TIME,
                    "labels": labels,
                },
                "data": data,
            });
            objects.push((format!("/registry/configmaps/studioci/{name}"), object));
        }
    }
    Ok(etcd::put(&objects)?)
}

/// A build that goes on: whoever watches it waits for its verdict. Its namespace, as the API server stores it.
pub(super) fn running() -> Value {
    let mut namespace = Build { chain: RUNNING, number: 0, generation: 1 }.namespace();
    let metadata = &mut namespace["metadata"];
    metadata["labels"]["studioci.dev/phase"] = json!("Building");
    if let Some(annotations) = metadata["annotations"].as_object_mut() {
        annotations.retain(|key, _| {
            !["verdict", "cause", "at-recorded", "at-finished"].iter().any(|end| key.ends_with(end))
        });
    }
    namespace
}

/// The head that proves it its chain's.
pub(super) fn head_of_running() -> Value {
    let build = Build { chain: RUNNING, number: 0, generation: 1 };
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": format!("chain-{RUNNING}"),
            "namespace": "studioci",
            "uid": uid(3_000_000, 1),
            "creationTimestamp": TIME,
            "labels": {"app.kubernetes.io/managed-by": "studioci", "studioci.dev/chain": RUNNING, "studioci.dev/role": "head"},
        },
        "data": {"uuid": UUID, "generation": "1", "namespace": build.name(), "uid": build.uid()},
    })
}

/// Makes it; [`clear`] removes it. Its chain is [`RUNNING`].
pub(super) fn make_running() -> Result<(), Failure> {
    let (namespace, head) = (running(), head_of_running());
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let keys = [
        format!("/registry/configmaps/studioci/{}", name(&head)),
        format!("/registry/namespaces/{}", name(&namespace)),
    ];
    let [of_head, of_namespace] = keys;
    Ok(etcd::put(&[(of_head, head), (of_namespace, namespace)])?)
}

/// The chain of the build that goes on.
pub(super) const RUNNING: &str = "bench-running";

/// Removes all of them.
pub(super) fn clear() -> Result<(), Failure> {
    for kind in ["namespaces/", "configmaps/studioci/chain-", "configmaps/studioci/history-"] {
        etcd::remove(&format!("/registry/{kind}{PREFIX}"))?;
    }
    Ok(())
}

/// The name of the build in the middle of `count`.
pub(super) fn one_of(count: usize) -> String {
    let number = count / 2 / PER_CHAIN;
    Build { chain: &format!("{PREFIX}{number:03}"), number, generation: 1 }.name()
}

/// What selects them, and nothing else.
pub(super) const SELECTOR: &str = "app.kubernetes.io/managed-by=studioci,studioci.dev/chain";

struct Build<'a> {
    chain: &'a str,
    number: usize,
    generation: usize,
}

impl Build<'_> {
    fn name(&self) -> String {
        format!("{}-build-{:05}", self.chain, self.generation)
    }

    fn uid(&self) -> String {
        uid(2 + self.number, self.generation)
    }

    fn version(&self) -> String {
        format!("build-{:05}@sha256:{:064x}", self.generation, self.generation)
    }

    fn namespace(&self) -> Value {
        let (tag, digest) =
            (format!("build-{:05}", self.generation), format!("sha256:{:064x}", self.generation));
        let mut annotations = json!({
            "studioci.dev/chain-uuid": UUID,
            "studioci.dev/owner": uid(900_000 + self.number, self.generation),
            "studioci.dev/generation": self.generation.to_string(),
            "studioci.dev/prefix": "ci",
            "studioci.dev/lent": "{}",
            "studioci.dev/parent": format!("{}-build-{:05}", self.chain, self.generation - 1),
            "studioci.dev/successor": format!("{}-build-{:05}", self.chain, self.generation + 1),
            "studioci.dev/verdict": "Passed",
            "studioci.dev/cause": "exit code 0",
            "studioci.dev/dispatch": "done",
            "studioci.dev/baseline": format!("build-{:05}@sha256:{:064x}", self.generation - 1, self.generation - 1),
            "studioci.dev/image": IMAGE,
            "studioci.dev/tag": tag,
            "studioci.dev/digest": digest,
            "studioci.dev/revision": format!("{:040x}", self.generation),
            "studioci.dev/job-uid": uid(800_000 + self.number, self.generation),
            "studioci.dev/heartbeat": TIME,
        });
        for phase in
            ["claimed", "listening", "triggered", "detached", "preparing", "building", "recorded", "finished"]
        {
            annotations[format!("studioci.dev/at-{phase}")] = json!(TIME);
        }
        let labels = json!({
            "app.kubernetes.io/managed-by": "studioci",
            "kubernetes.io/metadata.name": self.name(),
            "studioci.dev/chain": self.chain,
            "studioci.dev/phase": "Finished",
        });
        // who wrote which key, as the API server keeps it of every object
        let keys = |map: &Value| {
            let own = map.as_object().into_iter().flatten();
            own.map(|(key, _)| (format!("f:{key}"), json!({}))).collect::<Map<_, _>>()
        };
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": self.name(),
                "uid": self.uid(),
                "creationTimestamp": TIME,
                "labels": labels,
                "annotations": annotations,
                "managedFields": [{
                    "manager": "kubectl-studioci",
                    "operation": "Update",
                    "apiVersion": "v1",
                    "time": TIME,
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:metadata": {"f:annotations": keys(&annotations), "f:labels": keys(&labels)}},
                }],
            },
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        })
    }

    /// What home's history says of it.
    fn entry(&self) -> Value {
        json!({
            "generation": self.generation,
            "namespace": self.name(),
            "uid": self.uid(),
            "verdict": "Passed",
            "cause": "exit code 0",
            "image": IMAGE,
            "version": self.version(),
            "times": {"Finished": TIME},
        })
    }
}

fn uid(kind: usize, number: usize) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}
