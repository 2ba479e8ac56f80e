//! Manifests of every shape in which people keep Keel's keys: each is woven, or refused with the one advice that helps.

use super::*;

enum Comes {
    /// Woven, with these notices and no others.
    Woven(&'static [&'static str]),
    /// Refused with one fault, which says all of these.
    Refused(&'static [&'static str]),
}

use Comes::{Refused, Woven};

const PARKED: &str = "its Keel keys are parked";

/// Rows of a file's name and what becomes of it, with the file's text.
macro_rules! shapes {
    ($(($name:literal, $comes:expr $(,)?)),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../tests/data/shapes/", $name, ".yaml")), $comes)),*]
    };
}

const SHAPES: &[(&str, &str, Comes)] = shapes![
    ("policy-as-label", Woven(&[])),
    ("policy-as-annotation", Woven(&[])),
    ("poll-with-schedule", Woven(&[])),
    ("in-a-list", Woven(&[])),
    ("list-of-nothing", Woven(&[])),
    ("helm-rendered", Woven(&[])),
    ("comments-only", Woven(&[])),
    ("kustomized", Woven(&[])),
    ("with-its-namespace", Woven(&[])),
    ("image-without-tag", Woven(&[])),
    ("latest-with-versions", Woven(&[])),
    ("several-one-picked", Woven(&[PARKED])),
    ("daemonset-beside", Woven(&[PARKED])),
    (
        "two-containers-named",
        Woven(&["container proxy runs as a sidecar", "keel.sh/monitorContainers: \"tests\" is replaced"]),
    ),
    ("tag-and-digest", Woven(&["Keel takes the digest for the tag, and never updates"])),
    ("webhooks-only", Woven(&["`keel.sh/trigger` is missing"])),
    ("observer", Woven(&["`keel.observer/policy` is an obsolete key", "`keel.sh/trigger` is missing"])),
    ("unknown-keys", Woven(&["no key `keel.sh/match-pre-release`", "no key `keel.sh/poll`"])),
    ("versions-without-dots", Woven(&["the tag `20260131` has no dot"])),
    (
        "extensions-v1beta1",
        Refused(&["extensions/v1beta1 Deployment is not served", "write apiVersion: apps/v1"]),
    ),
    ("apps-v1beta2", Refused(&["apps/v1beta2 Deployment is not served", "write apiVersion: apps/v1"])),
    (
        "ingress-of-old",
        Refused(&["extensions/v1beta1 Ingress is not served", "apiVersion: networking.k8s.io/v1"]),
    ),
    ("cronjob-of-old", Refused(&["batch/v1beta1 CronJob is not served", "write apiVersion: batch/v1"])),
    (
        "pod-security-policy",
        Refused(&[
            "policy/v1beta1 PodSecurityPolicy is not served",
            "Kubernetes 1.25 took",
            "--pod-security LEVEL",
        ]),
    ),
    ("several-with-keys", Refused(&["2 Deployments have a Keel policy", "studioci.dev/build: \"true\""])),
    ("cronjob-only", Refused(&["the policy stands on CronJob/nightly", "as a Deployment of apps/v1"])),
    (
        "statefulset-with-keys",
        Refused(&["the policy stands on StatefulSet/tests", "as a Deployment of apps/v1"]),
    ),
    ("daemonset-with-keys", Refused(&["the policy stands on DaemonSet/tests", "as a Deployment of apps/v1"])),
    ("two-containers", Refused(&["2 containers, and none is named", "studioci.dev/build-container: NAME"])),
    (
        "keys-in-the-pod-template",
        Refused(&["keel.sh/policy stands on its pod template, where Keel does not look"]),
    ),
    ("policy-never", Refused(&["Deployment/tests (policy never, or an empty one)"])),
    ("policy-misspelled", Refused(&["Keel spells it keel.sh/policy, not keel.sh/polciy"])),
    ("approvals", Refused(&["`keel.sh/approvals` is `1`", "remove `keel.sh/approvals`"])),
    ("digest-alone", Refused(&["names a digest and no tag", "name the tag alone"])),
    ("latest-with-force", Refused(&["`force` without match-tag", "keel.sh/matchTag: \"true\""])),
    ("latest-with-glob", Refused(&["cannot move from the tag `latest`"])),
    ("glob-as-label", Refused(&["a glob or regexp policy stands in a label", "an annotation"])),
    (
        "match-tag-unquoted",
        Refused(&["keel.sh/matchTag is true, not a string", "keel.sh/matchTag: \"true\""]),
    ),
    ("env-unquoted", Refused(&["containers[0].env[0].value is 8080, not a string", "write value: \"8080\""])),
    (
        "capitals-in-another-image",
        Refused(&[
            "container cache: the image `registry.example/Team/cache:1`",
            "a repository is in lower case",
        ]),
    ),
    ("cluster-role-binding", Refused(&["ClusterRoleBinding is cluster-scoped", "write a RoleBinding"])),
    ("custom-resource", Refused(&["monitoring.coreos.com/v1 ServiceMonitor is not a kind"])),
];

#[test]
fn every_shape_is_woven_or_refused_with_the_one_advice_that_helps() {
    let mut wrong = Vec::new();
    for (name, text, comes) in SHAPES {
        let says_all = |said: &[String], words: &[&str]| {
            said.len() == words.len() && said.iter().zip(words).all(|(said, words)| said.contains(words))
        };
        let (said, right) = match (woven(text, &settings()), comes) {
            (Ok(plan), comes) => {
                let said: Vec<String> = plan.notices.iter().map(ToString::to_string).collect();
                let right = matches!(comes, Woven(words) if says_all(&said, words));
                (said, right)
            }
            (Err(faults), comes) => {
                let all = shown(&faults);
                let right = faults.len() == 1
                    && matches!(comes, Refused(words) if words.iter().all(|words| all.contains(words)));
                (vec![all], right)
            }
        };
        if !right {
            wrong.push(format!("{name}: {said:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
