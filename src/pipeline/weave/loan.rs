//! What a pipeline's Namespace document lends to the claimed namespace: labels and annotations, and nothing else.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chain_settings::{self, ChainAnnotations};
use super::settings::BadSetting;
use super::subject::{Subject, escaped, listed};
use crate::chain::build::Map;
use crate::chain::publishing::PublishAsked;
use crate::chain::retention::Rules;
use crate::chain::{rights, wire};
use crate::keel::parking;
use crate::pipeline::fault::Fault;

/// Labels and annotations for the claimed namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Loan {
    /// Labels, without ours, the server's and those of Pod Security.
    pub labels: Map,
    /// Annotations, without ours and the server's.
    pub annotations: Map,
    /// The labels of Pod Security, which are fixed when a chain is started.
    pub pod_security: PodSecurity,
    /// Which builds the chain disposes of.
    #[serde(default)]
    pub retention: Rules,
    /// So many bytes of a build's log are kept.
    #[serde(default)]
    pub keep_log: Option<usize>,
    /// Whether a newer push cancels older builds.
    #[serde(default)]
    pub supersede: bool,
    /// Who is told of them.
    #[serde(default)]
    pub publish: PublishAsked,
}

/// The six labels of Pod Security; an empty value is an absent label.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PodSecurity {
    /// Values in the order of [`PodSecurity::MODES`].
    pub values: [String; 6],
}

impl PodSecurity {
    /// Prefix of the labels.
    pub const PREFIX: &'static str = rights::POD_SECURITY;
    /// What follows the prefix, in the order in which the admission policies join the values.
    pub const MODES: [&'static str; 6] = rights::POD_SECURITY_MODES;

    /// Reads the six among any labels.
    pub fn read(labels: &Map) -> Self {
        Self {
            values: Self::MODES
                .map(|mode| labels.get(&format!("{}{mode}", Self::PREFIX)).cloned().unwrap_or_default()),
        }
    }

    /// The labels, absent ones left out.
    pub fn labels(&self) -> Map {
        Self::MODES
            .iter()
            .zip(&self.values)
            .filter(|(_, value)| !value.is_empty())
            .map(|(mode, value)| (format!("{}{mode}", Self::PREFIX), value.clone()))
            .collect()
    }
}

/// The namespaces by which a pipeline means "the build's namespace".
pub(super) fn own_namespaces<'a>(subjects: &[Subject<'a>], build: Option<Subject<'a>>) -> Vec<&'a str> {
    let mut own: Vec<&str> = subjects
        .iter()
        .filter(|subject| subject.is("", "Namespace"))
        .map(Subject::name)
        .filter(|name| !name.is_empty())
        .collect();
    if own.is_empty() {
        // Nothing says it outright: then it is where the build workload itself would go.
        own.extend(build.and_then(|build| build.namespace()));
    }
    own.dedup();
    own
}

/// Reads the Namespace document, if there is one.
pub(super) fn read(subjects: &[Subject<'_>], faults: &mut Vec<Fault>) -> Loan {
    let documents: Vec<&Subject<'_>> =
        subjects.iter().filter(|subject| subject.is("", "Namespace")).collect();
    let subject = match *documents {
        [] => return Loan::default(),
        [only] => only,
        [_, second, ..] => {
            faults.push(second.at("/kind").fault(
                format!("{} Namespace documents: {}", documents.len(), listed(&documents)),
                "a build has one namespace, which studioci makes; a Namespace document lends it labels and annotations",
                "keep one of them, or none",
            ));
            return Loan::default();
        }
    };
    let labels = subject.labels();
    let pod_security = PodSecurity::read(&labels);
    check_pod_security(subject, &pod_security, faults);
    let lent = |map: Map| map.into_iter().filter(|(key, _)| is_lent(key)).collect();
    let annotations = subject.annotations();
    let (ChainAnnotations { retention, keep_log, supersede, publish }, bad) =
        chain_settings::read(&annotations);
    for BadSetting { key, value, why } in bad {
        faults.push(subject.at(&format!("/metadata/annotations/{}", escaped(key))).fault(
            format!("annotation {key}: {value:?} cannot be read"),
            why,
            "write another value, or take it out",
        ));
    }
    let (labels, annotations) = (lent(labels), lent(annotations));
    Loan { labels, annotations, pod_security, retention, keep_log, supersede, publish }
}

fn check_pod_security(subject: &Subject<'_>, found: &PodSecurity, faults: &mut Vec<Fault>) {
    for (mode, value) in PodSecurity::MODES.iter().zip(&found.values).filter(|(_, value)| !value.is_empty()) {
        let (fits, want) = if mode.ends_with("-version") {
            let version = value.strip_prefix("v1.").is_some_and(|minor| minor.parse::<u16>().is_ok());
            (version || value == "latest", "latest or v1.N")
        } else {
            (
                matches!(value.as_str(), "privileged" | "baseline" | "restricted"),
                "privileged, baseline or restricted",
            )
        };
        if !fits {
            let label = escaped(&format!("{}{mode}", PodSecurity::PREFIX));
            faults.push(subject.at(&format!("/metadata/labels/{label}")).fault(
                format!("label {}{mode}: {value:?} is not a Pod Security value", PodSecurity::PREFIX),
                "the API server would take the strictest level for a value that it does not know, or warn",
                format!("write {want}"),
            ));
        }
    }
}

/// Ours would forge a claim; `kubernetes.io/` is the server's; Keel does not read Namespaces.
fn is_lent(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    let ours = key == wire::MANAGED_BY || wire::is_ours(key);
    let server = matches!(domain, "kubernetes.io" | "kubectl.kubernetes.io" | "pod-security.kubernetes.io");
    // a janitor counts from the creation of a namespace, and would delete the listener that waits in it
    !ours && !server && domain != chain_settings::JANITOR && !parking::is_keel_key(key)
}

/// Whether a value stands for no namespace or one of the pipeline's own.
pub(super) fn is_own(namespace: Option<&Value>, own: &[&str]) -> bool {
    match namespace {
        None | Some(Value::Null) => true,
        Some(value) => value.as_str().is_some_and(|name| name.is_empty() || own.contains(&name)),
    }
}
