//! What is woven, held by tables and two snapshots.

mod fields;
mod job;
mod listener;
mod placed;
mod refused;
mod rest;
mod shapes;
mod snapshots;
mod told;

use super::*;
use crate::chain::build::Version;
use crate::pipeline::documents;

/// Of the shape that real pipelines have: support, claims, pull secrets, hooks, a sidecar, GPUs, Keel's keys as labels.
const RICH: &str = include_str!("rich.yaml");

/// The least that is a pipeline.
const LEAST: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata:
  name: build
  annotations: {keel.sh/policy: "glob:build-*", keel.sh/trigger: poll, keel.sh/pollSchedule: "@every 1m"}
spec:
  selector: {matchLabels: {app: build}}
  template:
    metadata: {labels: {app: build}}
    spec:
      containers:
      - name: ci
        image: registry.example.com/app:build-20260101
"#;

fn settings() -> PlanInput {
    PlanInput {
        chain: "lidar-main".to_owned(),
        chain_uuid: "7f1c3f0e-8a4c-4d8e-9a43-0c8d1e3a5b77".to_owned(),
        agent_image: "ghcr.io/studioci/kubectl-studioci:0.1.0".to_owned(),
        trusted_build: false,
        tag: None,
        by_hand: false,
        namespace: None,
        copied: Vec::new(),
    }
}

fn woven(text: &str, settings: &PlanInput) -> Result<Plan, Vec<Fault>> {
    plan(&documents::read("pipeline", text).unwrap(), settings)
}

fn good(text: &str) -> Plan {
    woven(text, &settings()).unwrap_or_else(|faults| panic!("{}", shown(&faults)))
}

fn shown(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The least pipeline with one text replaced, which must be there.
fn least(from: &str, to: &str) -> String {
    assert!(LEAST.contains(from), "{from}");
    LEAST.replacen(from, to, 1)
}

/// The least pipeline and another document.
fn with(document: &str) -> String {
    format!("{LEAST}---\n{document}\n")
}

/// The pod of the least pipeline with fields put into its pod spec and its container.
fn spec(fields: &str, container: &str) -> String {
    least("      containers:\n", &format!("{fields}      containers:\n")).replacen(
        "name: ci\n",
        &format!("name: ci\n{container}"),
        1,
    )
}

fn version() -> Version {
    format!("build-20260102@sha256:{}", "0a".repeat(32)).parse().unwrap()
}

fn job_of(text: &str, version: &Version) -> Value {
    good(text).job(&BuildOf {
        namespace: "ci-eager-hopper",
        generation: 3,
        version,
        revision: Some("123e456"),
        parent: Some("ci-brave-lovelace"),
    })
}
