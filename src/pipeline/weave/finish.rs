//! What becomes of the rest when a build is over: support goes to zero, and nothing may bring it back.

use serde_json::{Value, json};

use super::Plan;
use crate::chain::resource::Resource;

/// What is done to one object at the finish.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// This merge patch.
    Patch(Value),
    /// It is deleted.
    Delete,
}

impl Plan {
    /// What ends, in order: whatever would bring support back first, support last.
    pub fn endings(&self) -> Vec<(Resource, String, Ending)> {
        let mut endings = Vec::new();
        for (kind, object) in &self.rest {
            let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let ending = match kind.kind {
                "CronJob" => Ending::Patch(json!({ "spec": { "suspend": true } })),
                "HorizontalPodAutoscaler" | "DaemonSet" => Ending::Delete,
                _ => continue,
            };
            endings.push((*kind, name, ending));
        }
        endings.extend(self.support.iter().map(|support| {
            let patch = json!({ "spec": { "replicas": 0 } });
            (support.kind, support.name.clone(), Ending::Patch(patch))
        }));
        endings
    }
}
