//! What becomes of the rest when a build is over: support goes to zero, and nothing may bring it back.

use serde_json::{Value, json};

use super::kinds::kind_of;
use super::{Kind, Plan};

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
    pub fn endings(&self) -> Vec<(Kind, String, Ending)> {
        let mut endings = Vec::new();
        for object in &self.rest {
            let Some(kind) = kind_of(object) else { continue };
            let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let ending = match &*kind.kind {
                "CronJob" => Ending::Patch(json!({ "spec": { "suspend": true } })),
                "HorizontalPodAutoscaler" | "DaemonSet" => Ending::Delete,
                _ => continue,
            };
            endings.push((kind, name, ending));
        }
        endings.extend(self.support.iter().map(|support| {
            let patch = json!({ "spec": { "replicas": 0 } });
            (support.kind.clone(), support.name.clone(), Ending::Patch(patch))
        }));
        endings
    }
}
