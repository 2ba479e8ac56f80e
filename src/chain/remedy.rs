//! What to do about a listener that does not come up: the remedy that fits the cause.
//!
//! Clauses without a full stop; where the cause is known, the command or the annotation that mends it.

use super::denial::Denier;
use super::pod::{Container, Standstill, image_trouble, login_refused, not_in_registry};
use super::wire;

/// What names of ours begin with; no container of a template's has such a name.
const OURS: &str = "studioci-";
/// Taints of nodes that are in trouble themselves begin so.
const NODE_TAINTS: &str = "node.kubernetes.io/";

/// The listener that a remedy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patient<'a> {
    /// Its chain.
    pub chain: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Whether it keeps all scheduling fields of the template ([`wire::LISTENER_SCHEDULING`]).
    pub scheduled_as_template: bool,
    /// Whether it is no listener, but the agent of a side build.
    pub by_hand: bool,
}

impl Patient<'_> {
    /// What makes a fresh listener of a chain whose pipeline is as it was.
    pub fn anew(&self) -> String {
        format!(
            "kubectl studioci stop {} and kubectl studioci start, which raises a fresh listener",
            self.chain
        )
    }

    /// For a pod that stands still.
    pub fn of_pod(&self, pod: &str, standstill: Standstill<'_>) -> String {
        match standstill {
            Standstill::Unschedulable(why) => self.of_scheduling(why),
            Standstill::Container(container, reason, message) if image_trouble(reason) => {
                self.of_image(container, reason, message)
            }
            Standstill::Container(Container { name, .. }, "CrashLoopBackOff", _) => {
                format!("its last words: kubectl logs -n {} {pod} -c {name} --previous", self.namespace)
            }
            Standstill::Container(container, _, message) => self.of_container(pod, container, message),
        }
    }

    fn of_scheduling(&self, why: &str) -> String {
        let foreign = why
            .split("untolerated taint")
            .skip(1)
            .any(|rest| !rest.trim_start_matches([' ', '(', 's', ')', '{']).starts_with(NODE_TAINTS));
        if foreign || why.contains("didn't match Pod's node affinity/selector") {
            return if self.scheduled_as_template {
                "change nodeSelector, affinity or tolerations in the build workload's pod template so that a node fits, \
                 and run kubectl studioci start again"
                    .to_owned()
            } else {
                // newer schedulers do not say which taint
                let ready = if why.contains("untolerated taint(s)") {
                    "; a node that is only not Ready takes it by itself once it is"
                } else {
                    ""
                };
                format!(
                    "annotate the build workload with {}: template, so that its listener may go where its builds go, and \
                     run kubectl studioci start again{ready}",
                    wire::LISTENER_SCHEDULING
                )
            };
        }
        if why.contains("Insufficient") || why.contains("Too many pods") {
            "make room on a node, or add one; the listener comes up by itself then".to_owned()
        } else if why.contains("were unschedulable") {
            "kubectl uncordon NODE, of a node that may take it; the listener comes up by itself then"
                .to_owned()
        } else {
            "get a node Ready (kubectl get nodes shows which are not), or add one; the listener comes up by itself then"
                .to_owned()
        }
    }

    fn of_image(&self, container: &Container, reason: &str, message: &str) -> String {
        let Container { name, image, .. } = container;
        if name.starts_with(OURS) {
            return format!(
                "an administrator names an agent image that the nodes can pull: kubectl studioci setup --agent-image \
                 IMAGE; then {}",
                self.anew()
            );
        }
        let message = message.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
        if reason == "InvalidImageName" {
            format!(
                "correct the image of container {name} in the pipeline, and run kubectl studioci start again"
            )
        } else if login_refused(&message) {
            // some registries answer so where nothing was ever pushed
            let first =
                if says(&["does not exist"]) { "; if nothing was pushed there yet, push first" } else { "" };
            format!(
                "let the build workload's pod template name, under imagePullSecrets, a Secret of the pipeline that may pull \
                 it, or give one with --secret, and run kubectl studioci start again{first}"
            )
        } else if not_in_registry(&message) && self.by_hand {
            format!(
                "push {image}, or build another one: kubectl studioci cancel {}, then kubectl studioci trigger {} --tag TAG",
                self.namespace, self.chain
            )
        } else if not_in_registry(&message) {
            format!("push {image}, or start from a tag that exists: kubectl studioci start --tag TAG")
        } else if says(&["toomanyrequests", "429"]) {
            "the registry limits how often it may be asked: a pull Secret under imagePullSecrets in the build workload's pod \
             template lifts that for most; it is tried again by itself"
                .to_owned()
        } else {
            let host = image.split('/').next().unwrap_or(image);
            format!("let the nodes reach and trust the registry {host}; it is tried again by itself")
        }
    }

    fn of_container(&self, pod: &str, container: &Container, message: &str) -> String {
        let Container { name, .. } = container;
        let identity = ["runAsNonRoot", "non-numeric user"].iter().any(|words| message.contains(words));
        if identity {
            return format!(
                "annotate the build workload with {}: '{{runAsUser: 1000}}', and run kubectl studioci start again",
                wire::LISTENER_SECURITY
            );
        }
        if message.contains("exec format error") || message.contains("no such file or directory") {
            return format!(
                "the agent image must hold this program for the nodes' architecture: an administrator runs kubectl \
                 studioci setup --agent-image IMAGE; then {}",
                self.anew()
            );
        }
        format!(
            "mend what container {name} waits for; what the kubelet tried: kubectl describe pod -n {} {pod}",
            self.namespace
        )
    }

    /// For a pod that the API server refuses.
    pub fn of_refusal(&self, message: &str) -> String {
        let Self { namespace, .. } = self;
        let by_itself = "the listener comes up by itself then";
        match Denier::of(message) {
            Some(Denier::Quota) => {
                let quota = message.split_once(" quota: ").map(|(_, rest)| rest);
                let quota = quota.and_then(|rest| rest.split([',', ':']).next()).unwrap_or("QUOTA");
                format!(
                    "raise it, or free something: kubectl edit resourcequota -n {namespace} {quota}; {by_itself}"
                )
            }
            Some(Denier::LimitRange) => format!(
                "let pods as small as the listener's in: kubectl edit limitrange -n {namespace}; {by_itself}"
            ),
            Some(Denier::PodSecurity)
                if message.contains("runAsNonRoot") || message.contains("runAsUser") =>
            {
                format!(
                    "annotate the build workload with {}: '{{runAsUser: 1000}}', or give kubectl studioci start a \
                 --pod-security that admits it",
                    wire::LISTENER_SECURITY
                )
            }
            Some(Denier::PodSecurity) => {
                "give kubectl studioci start a --pod-security that admits it".to_owned()
            }
            Some(Denier::Webhook(name)) => format!(
                "have whoever runs the admission webhook {name} let pods labelled {}=listener in; {by_itself}",
                wire::ROLE
            ),
            Some(Denier::Unanswered(name)) => format!(
                "mend the service of the admission webhook {name} (kubectl get validatingwebhookconfigurations,\
                 mutatingwebhookconfigurations -o yaml names it); {by_itself}"
            ),
            Some(Denier::Policy(name)) if name.starts_with(OURS) => {
                format!("an administrator runs kubectl studioci setup of this version; then {}", self.anew())
            }
            Some(Denier::Policy(name)) => format!(
                "have whoever made it let pods labelled {}=listener in: kubectl edit validatingadmissionpolicy {name}; \
                 {by_itself}",
                wire::ROLE
            ),
            Some(Denier::PriorityClass(name)) => format!(
                "an administrator creates PriorityClass {name}, or take priorityClassName out of the build workload's pod \
                 template and run kubectl studioci start again"
            ),
            Some(Denier::RuntimeClass(name)) => format!(
                "an administrator creates RuntimeClass {name}, or take runtimeClassName out of the build workload's pod \
                 template and run kubectl studioci start again"
            ),
            Some(Denier::ServiceAccount) => {
                let account =
                    message.split_once("serviceaccount \"").and_then(|(_, rest)| rest.split_once('"'));
                let account = account.map_or(wire::AGENT_ACCOUNT, |(account, _)| account);
                format!("kubectl create serviceaccount -n {namespace} {account}; {by_itself}")
            }
            Some(Denier::Terminating) => self.anew(),
            Some(Denier::Escalation | Denier::Other) | None => {
                format!(
                    "have whoever runs the cluster let pods labelled {}=listener in; {by_itself}",
                    wire::ROLE
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: Patient<'_> =
        Patient { chain: "app", namespace: "ci-a", scheduled_as_template: false, by_hand: false };

    #[test]
    fn a_taint_or_a_selector_is_followed_by_the_template() {
        let of = |patient: Patient<'_>, why: &str| patient.of_pod("p", Standstill::Unschedulable(why));
        let template = Patient { scheduled_as_template: true, ..PATIENT };
        for (why, words, as_template) in [
            (
                "0/3 nodes are available: 3 node(s) had untolerated taint {nvidia.com/gpu: present}.",
                "listener-scheduling: template",
                "change nodeSelector, affinity or tolerations",
            ),
            (
                "0/3 nodes are available: 3 node(s) had untolerated taint(s).",
                "listener-scheduling: template",
                "change nodeSelector, affinity or tolerations",
            ),
            (
                "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {gpu: }. preemption: 0/2",
                "listener-scheduling: template",
                "change nodeSelector, affinity or tolerations",
            ),
            (
                "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
                "listener-scheduling: template",
                "change nodeSelector, affinity or tolerations",
            ),
            (
                "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.",
                "get a node Ready",
                "get a node Ready",
            ),
            ("0/1 nodes are available: 1 Insufficient memory.", "make room on a node", "make room on a node"),
            ("0/1 nodes are available: 1 Too many pods.", "make room on a node", "make room on a node"),
            (
                "0/1 nodes are available: 1 node(s) were unschedulable.",
                "kubectl uncordon",
                "kubectl uncordon",
            ),
            ("no nodes available to schedule pods", "get a node Ready", "get a node Ready"),
        ] {
            assert!(of(PATIENT, why).contains(words), "{why}: {}", of(PATIENT, why));
            assert!(of(template, why).contains(as_template), "{why}: {}", of(template, why));
        }
    }

    #[test]
    fn a_container_that_does_not_come_up_names_who_mends_it() {
        let of = |name: &str, reason: &str, message: &str| {
            let container =
                Container { name: name.into(), image: "r.example/app:1".into(), ..Container::default() };
            PATIENT.of_pod("build-x", Standstill::Container(&container, reason, message))
        };
        for (name, reason, message, words) in [
            (
                "studioci-install",
                "ErrImagePull",
                "not found",
                "setup --agent-image IMAGE; then kubectl studioci stop app",
            ),
            ("studioci-agent", "ImagePullBackOff", "unauthorized", "setup --agent-image IMAGE"),
            (
                "build",
                "ErrImagePull",
                "r.example/app:1: not found",
                "push r.example/app:1, or start from a tag that exists",
            ),
            ("build", "ErrImagePull", "401 Unauthorized", "imagePullSecrets"),
            ("build", "ErrImagePull", "pull access denied, repository does not exist", "imagePullSecrets"),
            (
                "build",
                "ErrImagePull",
                "access denied: it does not exist",
                "start again; if nothing was pushed",
            ),
            ("build", "ErrImagePull", "toomanyrequests: slow down", "limits how often"),
            ("build", "ErrImagePull", "dial tcp: i/o timeout", "reach and trust the registry r.example"),
            ("build", "ErrImagePull", "x509: unknown authority", "reach and trust the registry r.example"),
            ("build", "InvalidImageName", "", "correct the image of container build"),
            ("build", "CrashLoopBackOff", "", "kubectl logs -n ci-a build-x -c build --previous"),
            (
                "build",
                "CreateContainerConfigError",
                "container has runAsNonRoot and image will run as root",
                "studioci.dev/listener-security: '{runAsUser: 1000}'",
            ),
            (
                "build",
                "CreateContainerConfigError",
                "container has runAsNonRoot and image has non-numeric user (ci)",
                "studioci.dev/listener-security",
            ),
            (
                "studioci-agent",
                "RunContainerError",
                "exec /x: exec format error",
                "for the nodes' architecture",
            ),
            (
                "build",
                "CreateContainerError",
                "context deadline exceeded",
                "kubectl describe pod -n ci-a build-x",
            ),
        ] {
            let said = of(name, reason, message);
            assert!(said.contains(words), "{name} {reason} {message}: {said}");
        }
    }

    #[test]
    fn who_has_asked_for_a_tag_by_hand_asks_for_another_and_leaves_the_chain_alone() {
        let container = Container { name: "build".into(), image: "r/app:1".into(), ..Container::default() };
        let standstill = Standstill::Container(&container, "ErrImagePull", "r/app:1: not found");
        let said = Patient { by_hand: true, ..PATIENT }.of_pod("build-x", standstill);
        let another = "kubectl studioci cancel ci-a, then kubectl studioci trigger app --tag TAG";
        assert!(said.contains(another) && !said.contains("start"), "{said}");
    }

    #[test]
    fn a_refusal_names_who_lets_the_listener_in() {
        let forbidden = |why: &str| format!("pods \"build-x\" is forbidden: {why}");
        for (why, words) in [
            ("exceeded quota: tight, requested: pods=1", "kubectl edit resourcequota -n ci-a tight;"),
            ("failed quota: tight: must specify limits.cpu", "kubectl edit resourcequota -n ci-a tight;"),
            ("minimum cpu usage per Container is 1, but request is 10m", "kubectl edit limitrange -n ci-a"),
            (
                "violates PodSecurity \"restricted:latest\": runAsNonRoot != true (pod or container …)",
                "studioci.dev/listener-security: '{runAsUser: 1000}'",
            ),
            (
                "violates PodSecurity \"baseline:latest\": hostPath volumes",
                "start a --pod-security that admits it",
            ),
            ("no PriorityClass with name high was found", "creates PriorityClass high"),
            ("pod rejected: RuntimeClass \"gvisor\" not found", "creates RuntimeClass gvisor"),
            (
                "error looking up service account ci-a/studioci-agent.app: serviceaccount \"studioci-agent.app\" not found",
                "kubectl create serviceaccount -n ci-a studioci-agent.app;",
            ),
            (
                "ValidatingAdmissionPolicy 'studioci-listener' with binding 'x' denied request: no",
                "runs kubectl studioci setup of this version",
            ),
            (
                "ValidatingAdmissionPolicy 'theirs' with binding 'x' denied request: no",
                "validatingadmissionpolicy theirs",
            ),
            ("something new", "have whoever runs the cluster"),
        ] {
            let said = PATIENT.of_refusal(&forbidden(why));
            assert!(said.contains(words), "{why}: {said}");
        }
        for (why, words) in [
            (
                "admission webhook \"a.b\" denied the request: no",
                "runs the admission webhook a.b let pods labelled studioci.dev/role=listener in",
            ),
            (
                "Internal error occurred: failed calling webhook \"a.b\": refused",
                "mend the service of the admission webhook a.b",
            ),
        ] {
            let said = PATIENT.of_refusal(why);
            assert!(said.contains(words), "{why}: {said}");
        }
    }
}
