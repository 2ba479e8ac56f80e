//! Documents to plan: what of a pipeline becomes the listener, what the build's Job, and what is applied when a build
//! is prepared.
//!
//! [`plan`] collects every fault instead of stopping at the first, and refuses what the cluster would refuse later
//! or, worse, silently do differently: no build workload or several, another namespace, cluster-scoped documents, kinds
//! that the workspace role does not cover, rights that an agent cannot hand on, and whatever reaches for the agent's
//! own ServiceAccount. What is made is named nowhere but in [`crate::chain::wire`]; namespaces are left out and
//! filled in by [`place`].

mod chain_settings;
mod check;
mod copies;
mod fields;
mod find;
mod fits;
mod footing;
mod images;
mod job;
pub mod kinds;
pub(super) mod lint;
mod listener;
mod loan;
mod probe;
mod rest;
mod rights;
mod settings;
mod subject;
mod warn;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::documents::Document;
use super::fault::Fault;
pub use super::notice::PlanNotice;
use crate::chain::build::Map;
use crate::chain::copied::FilledSecret;
use crate::chain::resource::Resource;
use crate::keel::image::ImageRef;
use crate::keel::policy::Policy;

pub use fits::Running;
pub use job::BuildOf;
pub use listener::{AGENT_CONTAINER, ListenerOf, TOLD_FOLDER};
pub use loan::{Loan, PodSecurity};
pub use probe::{PROBE, probe};
pub use rest::{Support, place};
pub(super) use rights::beyond;
pub use settings::{
    ADOPT_AFTER, BuildSettings, INJECTED_DEADLINE, MAX_PER_HOUR, RECHECK, duration, per_hour,
};

use footing::Footing;
use subject::{Subject, list, text};

/// What a plan depends on besides the pipeline itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanInput {
    /// The chain's name.
    pub chain: String,
    /// The chain's uuid.
    pub chain_uuid: String,
    /// The image that holds this program and nothing else; home names it.
    pub agent_image: String,
    /// Whether the chain's builds may get `studioci-trusted`.
    pub trusted_build: bool,
    /// The tag that the listener starts from, where it is not the template's own (`--tag`, or what a push brought): the
    /// policy must be able to move on from it.
    pub tag: Option<String>,
    /// Whether Keel is not to move it on: of a tag that is built by hand its policy asks nothing.
    pub by_hand: bool,
    /// What the template is told that the build's namespace is called (`build.namespace`).
    pub namespace: Option<String>,
    /// The Secrets that the chain copies into each build's namespace.
    pub copied: Vec<FilledSecret>,
}

/// The Deployment whose pod template a build runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildWorkload {
    /// Its name; the listener has the same.
    pub name: String,
    /// The build container.
    pub container: String,
    /// The CI image as the template names it.
    pub image: ImageRef,
    /// Labels of the Deployment, as the template gives them.
    pub labels: Map,
    /// Annotations of the Deployment, as the template gives them.
    pub annotations: Map,
    /// What the annotations say.
    pub settings: BuildSettings,
    /// The pod template.
    template: Value,
    /// Pull Secrets of the ServiceAccount that the template names, which the listener does not run as.
    account_pull_secrets: Vec<String>,
}

impl BuildWorkload {
    /// The build container, as the template has it.
    fn container_of_template(&self) -> &Value {
        list(&self.template, "/spec/containers")
            .iter()
            .find(|container| text(container, "/name") == Some(&self.container))
            .unwrap_or(&Value::Null)
    }

    /// What Keel does with it.
    pub fn policy(&self) -> Policy {
        Policy::of(&self.labels, &self.annotations)
    }

    /// Whether one tag is pushed over again and again.
    pub fn match_tag(&self) -> bool {
        self.policy().match_tag()
    }
}

/// What becomes of a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The build workload.
    pub build: BuildWorkload,
    /// What the pipeline's Namespace document lends to the claimed namespace.
    pub namespace: Loan,
    /// Secrets that the listener's pod and Keel need to read the registry; they are created before it.
    pub pull_secrets: Vec<Value>,
    /// Scalable workloads besides the build.
    pub support: Vec<Support>,
    /// Every kind that will be written, for a check of rights before anything is created.
    pub kinds: Vec<Resource>,
    /// What a person should know.
    pub notices: Vec<PlanNotice>,
    rest: Vec<(Resource, Value)>,
    footing: Footing,
    settings: PlanInput,
}

impl Plan {
    /// All other objects, in the order they came, ready for apply but for the namespace ([`place`]).
    pub fn rest(&self) -> Vec<(Resource, Value)> {
        self.rest.clone()
    }
}

/// Weaves the documents of a rendered pipeline into a plan.
///
/// # Errors
/// Every fault that was found, in the order of the documents, then those of the pipeline as a whole.
pub fn plan(documents: &[Document], settings: &PlanInput) -> Result<Plan, Vec<Fault>> {
    let subjects = Subject::all(documents);
    let mut faults = Vec::new();
    let found = find::build(&subjects, &mut faults);
    let own = loan::own_namespaces(&subjects, found);
    // by this name its hosts are found, too
    let told = settings.namespace.as_deref().filter(|name| !name.is_empty());
    let all_own: Vec<&str> = own.iter().copied().chain(told).collect();
    let own: Vec<&str> = own.into_iter().filter(|name| Some(*name) != told).collect();
    for subject in &subjects {
        // where none is found, that alone is told
        let is_build = found.is_none_or(|build| std::ptr::eq(build.value, subject.value));
        check::subject(subject, is_build, &all_own, settings, &mut faults);
    }
    check::pipeline(&subjects, found, &mut faults);
    copies::check(&subjects, &settings.copied, &mut faults);
    let namespace = loan::read(&subjects, &mut faults);
    let mut notices = Vec::new();
    let build = found.and_then(|found| find::read(&found, &subjects, settings, &mut faults, &mut notices));
    let Some(build) = build.filter(|_| faults.is_empty()) else {
        return Err(faults);
    };
    warn::all(&subjects, &build, &own, &mut notices);
    let woven = rest::weave(&subjects, &build, settings, &mut notices);
    Ok(Plan {
        footing: Footing::of(&build),
        build,
        namespace,
        pull_secrets: woven.pull_secrets,
        support: woven.support,
        kinds: woven.kinds,
        notices,
        rest: woven.rest,
        settings: settings.clone(),
    })
}

/// Labels that everything of a chain carries.
fn labels(settings: &PlanInput) -> [(String, String); 2] {
    use crate::chain::wire;
    [
        (wire::MANAGED_BY.to_owned(), wire::MANAGED_BY_VALUE.to_owned()),
        (wire::CHAIN.to_owned(), settings.chain.clone()),
    ]
}

#[cfg(test)]
mod tests;
