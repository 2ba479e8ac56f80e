//! The CI image: its tag, and what its registry asks for, as far as its name tells. `docs/registries.md` says it at length.

use crate::keel::image::ImageRef;
use crate::keel::lint::is_hash;
use crate::keel::registry::{is_localhost, may_be_plain};
use crate::pipeline::codes;
use crate::pipeline::notice::PlanNotice;
use crate::pipeline::weave::Plan;
use crate::pipeline::weave::subject::Subject;

/// Looks at the image of the build workload.
pub(super) fn look(subject: &Subject<'_>, plan: &Plan, notices: &mut Vec<PlanNotice>) {
    let image = &plan.build.image;
    let key = image.repository_key();
    let host = key.split('/').next().unwrap_or_default();
    let container = plan.build.container_of_template();
    // the plan has a copy of the template
    let index =
        subject.list("/spec/template/spec/containers").iter().position(|it| it["name"] == container["name"]);
    let spot = subject.at(&format!("/spec/template/spec/containers/{}/image", index.unwrap_or_default()));
    let notice = |code, what: String| spot.notice(code, what);
    if plan.build.policy().matches(&image.tag) == Some(false) {
        let policy = plan.build.policy().name();
        notices.push(
            notice(
                codes::TAG_UNMATCHED,
                format!("the policy `{policy}` does not match the tag `{}`", image.tag),
            )
            .why("the chain starts from it, and never comes back to a tag of that shape")
            .remedy("start from a tag that the pattern matches, if there is one yet")
            .note(),
        );
    }
    if is_localhost(host) {
        notices.push(
            notice(codes::REGISTRY_LOCALHOST, format!("the registry is {host}"))
                .why("to Keel that is its own pod, where no registry is: it never sees a push")
                .remedy("name the registry as pods and nodes both reach it"),
        );
    } else if may_be_plain(host) {
        notices.push(
            notice(codes::REGISTRY_PLAIN_HTTP, format!("the registry {host} may speak plain http"))
                .why("Keel asks by https, unless its own environment says INSECURE_REGISTRY=true, and nodes ask as their \
                      runtime is set up")
                .remedy("check both, see docs/registries.md; nothing is to do for a registry with TLS")
                .note(),
        );
    }
    let pulls = !plan.build.pull_secret_names().is_empty();
    if !pulls && is_private(host) {
        notices.push(
            notice(
                codes::PULL_SECRET_MISSING,
                format!("the registry {host} is private, and no pull Secret is named"),
            )
            .why("a node may have rights of its own; Keel asks without a login, unless it was given one")
            .remedy("name one under imagePullSecrets, or give Keel the right to read, see docs/registries.md")
            .note(),
        );
    }
    if pulls && is_ecr(host) {
        notices.push(
            notice(codes::REGISTRY_LOGIN, format!("logins of {host} expire after 12 hours"))
                .why("a listener may wait for weeks, and then neither Keel nor a node can read the registry")
                .remedy("have the login renewed, see docs/rotating-logins.md")
                .note(),
        );
    }
    if host == "quay.io" && has_hash(image) && plan.build.settings.revision_from_tag.is_none() {
        notices.push(
            notice(codes::QUAY_REVISION, format!("the tag {} names a revision that nobody reads", image.tag))
                .why("quay.io's builders tell an image nothing of its commit: builds have no revision, and no commit gets \
                      a status")
                .remedy("annotate studioci.dev/revision-from-tag: '(?P<revision>[0-9a-f]{7,40})$'"),
        );
    }
}

fn has_hash(image: &ImageRef) -> bool {
    image.tag.split(['-', '_', '.']).any(is_hash)
}

fn is_ecr(host: &str) -> bool {
    host.contains(".dkr.ecr.") && host.contains(".amazonaws.com")
}

fn is_private(host: &str) -> bool {
    is_ecr(host) || host.ends_with(".azurecr.io") || host.ends_with("-docker.pkg.dev")
}
