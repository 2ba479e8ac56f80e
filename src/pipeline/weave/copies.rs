//! Secrets that the chain copies into each build's namespace, beside those of the pipeline.

use serde_json::{Map as Object, Value, json};

use super::subject::{Subject, text};
use crate::chain::copied::FilledSecret;
use crate::chain::wire;
use crate::pipeline::fault::Fault;

/// Holds that a copied Secret is whole, and that the pipeline brings none of its name: of two, the later would win.
pub(super) fn check(subjects: &[Subject<'_>], copied: &[FilledSecret], faults: &mut Vec<Fault>) {
    for FilledSecret { object, missing } in copied {
        let name = text(object, "/metadata/name").unwrap_or_default();
        for subject in subjects.iter().filter(|subject| subject.is("", "Secret") && subject.name() == name) {
            faults.push(subject.at("/metadata/name").fault(
                format!("the chain copies a Secret {name} into each build's namespace"),
                "start --secret was given that name, and of two Secrets the later would overwrite the other",
                "rename this one, or start the chain without --secret for it",
            ));
        }
        if !missing.is_empty() {
            faults.push(
                Fault::new(format!("Secret {name} cannot be copied: {} is gone", missing.join(", ")))
                    .why(format!(
                        "the Secret chain-NAME in namespace {} holds what start --secret has copied",
                        wire::HOME
                    ))
                    .hint("write that key again, or run kubectl studioci start with --secret once more"),
            );
        }
    }
}

/// Has a pod pull its images with the copied pull Secrets, too. Keel reads those of the pod, and of no ServiceAccount.
pub(super) fn pull_with(template: &Value, copied: &[FilledSecret]) -> Value {
    let mut template = template.clone();
    let Some(spec) = template.get_mut("spec").and_then(Value::as_object_mut) else { return template };
    for FilledSecret { object, .. } in copied.iter().filter(|secret| secret.pulls()) {
        name_once(spec, &object["metadata"]["name"]);
    }
    template
}

fn name_once(spec: &mut Object<String, Value>, name: &Value) {
    let named = spec.entry("imagePullSecrets").or_insert_with(|| json!([]));
    if let Some(named) = named.as_array_mut()
        && named.iter().all(|it| it["name"] != *name)
    {
        named.push(json!({ "name": name }));
    }
}
