//! Findings about keys that Keel ignores: for where they stand, or for how they are spelled.

use super::{Findings, Linted, codes};
use crate::keel::names;

/// Keys that Keel compares exactly; the others of its keys it reads in any case.
const EXACT: [&str; 10] = [
    names::POLICY,
    names::MATCH_TAG,
    names::MATCH_TAG_LEGACY,
    names::MATCH_PRE_RELEASE,
    names::TRIGGER,
    names::POLL_SCHEDULE,
    names::APPROVALS,
    names::APPROVAL_DEADLINE,
    names::NOTIFY,
    names::RELEASE_NOTES,
];

/// Keys on the pod template, and keys that differ from Keel's only in case.
pub(super) fn misplaced(subject: &Linted, findings: &mut Findings) {
    let template = subject.template_labels.keys().chain(subject.template_annotations.keys());
    for key in template.filter(|key| names::is_known(key) && *key != names::UPDATE_TIME) {
        findings.error(
            codes::KEY_ON_PODS,
            format!("`{key}` stands on the pod template"),
            "Keel reads only the workload's own metadata and ignores this key.",
            format!("Move `{key}` to metadata.annotations of the workload."),
        );
    }
    for key in subject.labels.keys().chain(subject.annotations.keys()) {
        if let Some(exact) = EXACT.iter().find(|name| key.eq_ignore_ascii_case(name) && key != *name) {
            findings.error(
                codes::KEY_CASE,
                format!("`{key}` is not spelled as Keel spells it"),
                "Keel compares this key exactly and ignores the one that is there.",
                format!("Write `{exact}`."),
            );
        }
    }
}

/// Whether this is what follows `@every`: `5m`.
fn is_duration(value: &str) -> bool {
    value.starts_with(|first: char| first.is_ascii_digit()) && value.ends_with(['s', 'm', 'h'])
}

/// Keys of Keel's prefix that are none of its keys.
pub(super) fn unknown(subject: &Linted, findings: &mut Findings) {
    let Linted { labels, annotations, template_labels, template_annotations, .. } = subject;
    for map in [labels, annotations, template_labels, template_annotations] {
        for (key, value) in map.iter().filter(|(key, _)| names::is_of_keel(key) && !names::is_known(key)) {
            findings.warning(
                codes::KEY_UNKNOWN,
                format!("Keel has no key `{key}`"),
                "Keel ignores it.",
                match (names::meant(key), names::policy_word(key)) {
                    (_, Some(policy)) if value != "false" => {
                        format!("Write `{}: {policy}`, or take it out.", names::POLICY)
                    }
                    (_, Some(_)) | (Some(names::APPROVALS | names::APPROVAL_DEADLINE), None) => {
                        "Take it out.".to_owned()
                    }
                    // a duration alone is no schedule
                    (Some(names::POLL_SCHEDULE), None) if is_duration(value) => {
                        format!(
                            "Write `{}: \"@every {value}\"` if that is meant, or take it out.",
                            names::POLL_SCHEDULE
                        )
                    }
                    (Some(known), None) => {
                        format!("Write `{known}` if that is meant, or take it out.")
                    }
                    (None, None) => "Take it out.".to_owned(),
                },
            );
        }
    }
}
