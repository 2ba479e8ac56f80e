//! Policies.
use crate::chain::build::Map;
/// A policy.
#[derive(Debug)]
pub struct Policy(String);
impl Policy {
    /// Reads.
    pub fn of(labels: &Map, annotations: &Map) -> Self {
        Self(annotations.get("keel.sh/policy").or(labels.get("keel.sh/policy")).cloned().unwrap_or_default())
    }
    /// Whether it can move on.
    pub fn can_move_from(&self, tag: &str) -> Result<(), String> {
        if matches!(&*self.0, "major" | "minor" | "patch" | "all") && !tag.contains('.') {
            return Err(format!("{tag} is not a semver tag"));
        }
        Ok(())
    }
}
