//! Whether a pushed pipeline can carry on a chain: checked before anything is detached.

use serde::{Deserialize, Serialize};

use super::Plan;
use super::subject::fault;
use crate::keel::image::ImageRef;
use crate::keel::policy::Policy;
use crate::pipeline::fault::Fault;

/// What a living chain is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Name of the chain's image, without tag and digest.
    pub image: String,
    /// Name of the chain's build workload.
    pub workload: String,
    /// Name of its build container.
    pub container: String,
    /// The tag now running, from which Keel must be able to move on.
    pub tag: String,
}

impl Plan {
    /// Checks that this plan's listener can succeed the one that runs.
    ///
    /// # Errors
    /// Every difference: another image repository, build workload or build container, or a policy that cannot move
    /// from the tag now running.
    pub fn fits(&self, running: &Running) -> Result<(), Vec<Fault>> {
        let build = &self.build;
        let mut faults = Vec::new();
        let mut differ = |what: &str, before: &str, now: &str, why: &str| {
            faults.push(fault(
                format!("the {what} is now {now}; the chain was started with {before}"),
                why,
                format!("keep {before}, or end this chain and start another"),
            ));
        };
        let repository =
            ImageRef::parse(&running.image).map_or_else(|_| running.image.clone(), |it| it.repository_key());
        if repository != build.image.repository_key() {
            differ(
                "image",
                &running.image,
                &build.image.name,
                "a chain follows the pushes to one repository",
            );
        }
        if running.workload != build.name {
            differ(
                "build workload",
                &running.workload,
                &build.name,
                "listeners of a chain have one name, by which people and their tools find them",
            );
        }
        if running.container != build.container {
            differ(
                "build container",
                &running.container,
                &build.container,
                "logs, verdicts and what Keel monitors go by its name",
            );
        }
        if !self.settings.by_hand
            && let Err(why) = Policy::of(&build.labels, &build.annotations).can_move_from(&running.tag)
        {
            faults.push(fault(
                format!("Deployment/{}: its policy cannot move on from tag {}", build.name, running.tag),
                why,
                "choose a policy that accepts later tags than this one, or start a chain with --tag",
            ));
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}
