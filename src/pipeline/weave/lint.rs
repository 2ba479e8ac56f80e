//! What is looked for only where a person asks what may be wrong (`render --check`): an operation has no use for it, and
//! every look at a document takes its time.

mod pods;
mod registry;
mod words;

use super::subject::Subject;
use super::{Plan, PlanNotice};
use crate::pipeline::codes;
use crate::pipeline::documents::Document;

/// Looks at documents, and at what becomes of them where they are a plan.
pub(in crate::pipeline) fn notices(documents: &[Document], plan: Option<&Plan>) -> Vec<PlanNotice> {
    let mut notices = Vec::new();
    for subject in Subject::all(documents) {
        words::old_booleans(&subject, &mut notices);
        hooks_of_helm(&subject, &mut notices);
        may_wait(&subject, &mut notices);
        pods::look(&subject, plan, &mut notices);
        if let Some(plan) = plan.filter(|plan| is_build(&subject, plan)) {
            registry::look(&subject, plan, &mut notices);
        }
    }
    notices
}

/// What documents say in plain text though it has the name of a secret, each with its line in the rendered text.
pub(in crate::pipeline) fn secrets(documents: &[Document]) -> Vec<(usize, String)> {
    Subject::all(documents).iter().flat_map(pods::secrets).collect()
}

fn is_build(subject: &Subject<'_>, plan: &Plan) -> bool {
    subject.is("apps", "Deployment") && subject.name() == plan.build.name
}

/// Nobody but helm reads its hooks: such a document is applied like every other.
fn hooks_of_helm(subject: &Subject<'_>, notices: &mut Vec<PlanNotice>) {
    if subject.annotations().contains_key("helm.sh/hook") {
        let spot = subject.at("/metadata/annotations/helm.sh~1hook");
        notices.push(
            spot.notice(codes::HELM_HOOK, "it is a hook of helm")
                .why("only helm reads that: the object is applied with all others, before a build")
                .remedy("take the annotation out, and the object too if it is for an install only"),
        );
    }
}

/// What some clusters never fulfil.
fn may_wait(subject: &Subject<'_>, notices: &mut Vec<PlanNotice>) {
    if subject.is("", "Service") && subject.text("/spec/type") == Some("LoadBalancer") {
        notices.push(
            subject
                .at("/spec/type")
                .notice(codes::LOAD_BALANCER, "its address may be pending for ever")
                .why(
                    "a cluster without load balancers never gives one, and with them each build asks for one of its own",
                )
                .remedy("take the type out: a build reaches the Service by its name"),
        );
    }
    let shared = subject.list("/spec/accessModes").iter().any(|mode| mode.as_str() == Some("ReadWriteMany"));
    if subject.is("", "PersistentVolumeClaim")
        && shared
        && subject.text("/spec/storageClassName").is_none()
        && subject.text("/spec/volumeName").is_none()
    {
        notices.push(
            subject
                .at("/spec/accessModes")
                .notice(codes::SHARED_CLAIM, "its volume may be pending for ever")
                .why("few default storage classes have ReadWriteMany, and a pod that mounts the claim waits for it")
                .remedy("name a storageClassName that has it, or ask for ReadWriteOnce"),
        );
    }
}
