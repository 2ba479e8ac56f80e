//! The environment of whoever runs the command.

use std::collections::{BTreeMap, BTreeSet};
use std::env::{self, VarError};

/// A variable that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {name} holds bytes that are not UTF-8")]
pub struct NotText {
    /// Its name.
    pub name: String,
}

/// Reads the variables of these names; those that are not set are left out.
///
/// # Errors
/// A variable whose value is not text. The value is not shown.
#[expect(clippy::disallowed_methods, reason = "the names that a template reads literally")]
pub fn read(names: &BTreeSet<String>) -> Result<BTreeMap<String, String>, NotText> {
    let mut found = BTreeMap::new();
    for name in names {
        match env::var(name) {
            Ok(value) => {
                found.insert(name.clone(), value);
            }
            Err(VarError::NotPresent) => {}
            Err(VarError::NotUnicode(_)) => return Err(NotText { name: name.clone() }),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_and_set_is_read() {
        let names = ["PATH", "STUDIOCI_TEST_NEVER_SET"].map(str::to_owned).into();
        let found = read(&names).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["PATH"]);
        assert!(!found["PATH"].is_empty());
    }
}
