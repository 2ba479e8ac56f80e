//! A gate on the way of a build's agent: the API server refuses it a phase, so that it stands still in the one before
//! for as long as a proof likes.
//!
//! An admission policy of the proof's own, with the refused phases in a ConfigMap: a change of that acts within
//! milliseconds, where a policy takes half a second.

use serde_json::{Value, json};

use crate::retag::Task;
use crate::world::{AGENT, World, status_of};

/// Name of the policy, its binding and its ConfigMap.
const NAME: &str = "test-gate";
/// Where the ConfigMap is.
const PLACE: &str = "default";
/// An object that the policy always refuses.
const PROBE: &str = "test-gate-probe";

/// What follows Finished: the agent's last act, the scaling of its own Deployment.
pub(crate) const ASLEEP: &str = "Asleep";

/// Open again when the proof is over.
pub(crate) struct Gate<'a> {
    world: &'a World,
}

impl<'a> Gate<'a> {
    /// Puts the gate up, open, and waits until it acts.
    pub(crate) fn new(world: &'a World) -> Self {
        let gate = Self { world };
        let chain = "namespaceObject.metadata.labels[?'studioci.dev/chain'].orValue('')";
        let generation = "namespaceObject.metadata.annotations[?'studioci.dev/generation'].orValue('')";
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": { "name": NAME },
            "spec": {
                "paramKind": { "apiVersion": "v1", "kind": "ConfigMap" },
                "matchConstraints": { "resourceRules": [
                    { "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["namespaces"] },
                    { "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"] },
                    { "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"] },
                ] },
                "variables": [
                    { "name": "agent", "expression": "request.userInfo.username.contains(':studioci-agent.')" },
                    { "name": "kind", "expression": "request.resource.resource" },
                    { "name": "probe", "expression": format!("variables.kind == 'configmaps' && object.metadata.name == '{PROBE}'") },
                    { "name": "listener", "expression":
                        "variables.kind == 'deployments' && dyn(object).metadata.?labels[?'studioci.dev/role'].orValue('') == 'listener'" },
                    { "name": "phase", "expression": format!(
                        "variables.kind == 'namespaces' ? dyn(object).metadata.labels[?'studioci.dev/phase'].orValue('') \
                         : variables.listener && request.operation == 'UPDATE' && dyn(object).spec.replicas == 0 ? '{ASLEEP}' : ''") },
                    { "name": "build", "expression": format!(
                        "variables.kind == 'namespaces' ? dyn(object).metadata.labels[?'studioci.dev/chain'].orValue('') + '.' \
                         + dyn(object).metadata.annotations[?'studioci.dev/generation'].orValue('') \
                         : variables.kind == 'deployments' ? {chain} + '.' + {generation} : ''") },
                    { "name": "born", "expression": "variables.listener && request.operation == 'CREATE' && !(has(request.dryRun) && request.dryRun)" },
                ],
                "validations": [
                    { "expression": "!variables.probe", "message": "the gate acts", "reason": "Forbidden" },
                    {
                        "expression": "!variables.agent || variables.phase == '' || params.data[?variables.build].orValue('') != variables.phase",
                        "messageExpression": "'the gate before ' + variables.phase",
                        "reason": "Forbidden",
                    },
                    {
                        "expression": "!variables.agent || !variables.born || !(('listener.' + variables.build) in params.data)",
                        "message": "the gate before this listener",
                        "reason": "Forbidden",
                    },
                ],
            },
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": { "name": NAME },
            "spec": {
                "policyName": NAME,
                "paramRef": { "name": NAME, "namespace": PLACE, "parameterNotFoundAction": "Allow" },
                "validationActions": ["Deny"],
            },
        });
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": NAME, "namespace": PLACE },
            "data": { "open": "" },
        });
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": [map, policy, binding] });
        let file = world.file("gate.json", &list.to_string());
        world.kubectl(&["delete", "configmap", NAME, "-n", PLACE, "--ignore-not-found"]).ok();
        world.kubectl(&["apply", "-f", &file]).ok();
        world.until("the gate acts", || {
            let probe = ["create", "configmap", PROBE, "-n", PLACE, "--dry-run=server"];
            world.kubectl(&probe).err.contains("the gate acts").then_some(())
        });
        gate
    }

    /// Changes what is refused; `null` takes a key away.
    fn set(&self, key: &str, value: &Value) {
        let patch = json!({ "data": { key: value } }).to_string();
        self.world.kubectl(&["patch", "configmap", NAME, "-n", PLACE, "--type=merge", "-p", &patch]).ok();
    }

    /// The agent of that generation does not get into this phase from now on.
    pub(crate) fn shut(&self, generation: u64, phase: &str) {
        self.set(&format!("{}.{generation}", self.world.chain), &json!(phase));
    }

    /// It gets everywhere.
    pub(crate) fn open(&self, generation: u64) {
        self.set(&format!("{}.{generation}", self.world.chain), &Value::Null);
    }

    /// The listener of that generation cannot be created by an agent, or can again.
    pub(crate) fn listener(&self, generation: u64, shut: bool) {
        let value = if shut { json!("") } else { Value::Null };
        self.set(&format!("listener.{}.{generation}", self.world.chain), &value);
    }

    /// Waits until the agent of that generation stands before the gate: in `phase`, and refused the next one.
    pub(crate) fn waits(&self, generation: u64, phase: &str, next: &str) -> Agent {
        self.world.until(&format!("generation {generation} in {phase}, before {next}"), || {
            let build = self.world.build(generation)?;
            let agent = Agent::of(self.world, build["metadata"]["name"].as_str()?)?;
            let refused = agent.diary(self.world).contains(&format!("the gate before {next}"));
            (build["status"]["phase"] == phase && refused).then_some(agent)
        })
    }
}

/// The pod of a listener at work.
pub(crate) struct Agent {
    pod: Value,
    task: Task,
}

impl Agent {
    /// The one pod of a namespace's listener that runs; `None` while there is none, or two.
    pub(crate) fn of(world: &World, namespace: &str) -> Option<Self> {
        let pods = world.get(&["pods", "-n", namespace, "-l", "studioci.dev/role=listener"]);
        let mut pods: Vec<Value> = pods["items"].as_array()?.clone();
        pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let runs = |pod: &Value| !status_of(pod, AGENT)["state"]["running"].is_null();
        let pod = (pods.len() == 1 && runs(&pods[0])).then(|| pods.remove(0))?;
        let task = Task::find(world, &pod)?;
        Some(Self { pod, task })
    }

    fn text(&self, pointer: &str) -> &str {
        self.pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// What it wrote into its diary since the start of its container.
    pub(crate) fn diary(&self, world: &World) -> String {
        let (namespace, name) = (self.text("/metadata/namespace"), self.text("/metadata/name"));
        let said = world.kubectl(&["logs", "-n", namespace, name, "-c", AGENT]);
        // a container that is about to start has no log yet, and a pod may be gone by now
        if said.code == 0 { said.out } else { String::new() }
    }

    /// `kill -9` of its process; the kubelet starts the container again.
    pub(crate) fn kill(&self, world: &World) {
        self.task.kill(world);
    }

    /// `kill -9` of its process and its pod, without grace: a node that went down, as its Deployment sees it.
    pub(crate) fn destroy(&self, world: &World) {
        self.kill(world);
        let (namespace, name) = (self.text("/metadata/namespace"), self.text("/metadata/name"));
        world.kubectl(&["delete", "pod", "-n", namespace, name, "--grace-period=0", "--force"]).ok();
    }
}

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        // the policy stays for the next proof: the API server stops to watch ConfigMaps for good when the last policy
        // that asks for one is deleted, and no later one acts until it is started again
        let _ = self.world.kubectl(&["delete", "configmap", NAME, "-n", PLACE, "--ignore-not-found"]);
    }
}
