//! Secrets that `start --secret` copies into the chain, and from there into each build's namespace.
//!
//! What they are called and which keys they have stands in the record. What they hold stands in the chain's Secret and
//! nowhere else, a key for each of theirs, so that whoever writes that one key renews a login.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::base64::base64;
use super::build::Map;

/// The types of Secrets that images are pulled with.
const PULL_TYPES: [&str; 2] = ["kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"];

/// A Secret as it is copied; what it holds is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedSecret {
    /// Its name in each build's namespace.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its keys, and whether what stands there is no text.
    pub keys: BTreeMap<String, bool>,
}

/// A copied Secret with what it holds, as a build's namespace gets it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct FilledSecret {
    /// The object, without a namespace.
    pub object: Value,
    /// The keys of the chain's Secret that should be there, and are not.
    pub missing: Vec<String>,
}

impl std::fmt::Debug for FilledSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.object["metadata"]["name"];
        f.debug_struct("FilledSecret")
            .field("name", name)
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

impl FilledSecret {
    /// Whether images are pulled with it.
    pub fn pulls(&self) -> bool {
        self.object["type"].as_str().is_some_and(|kind| PULL_TYPES.contains(&kind))
    }
}

impl CopiedSecret {
    /// The key of the chain's Secret that holds one of its keys. No variable of an environment has a dot in its name.
    pub fn home_key(&self, key: &str) -> String {
        let binary = self.keys.get(key).copied().unwrap_or_default();
        format!("{}.{}.{key}", if binary { "secret-base64" } else { "secret" }, self.name)
    }

    /// The Secret with what the chain's Secret holds.
    pub fn filled(&self, held: &Map, labels: &Value) -> FilledSecret {
        let mut data = BTreeMap::new();
        let mut missing = Vec::new();
        for (key, binary) in &self.keys {
            let at = self.home_key(key);
            match held.get(&at) {
                Some(text) if *binary => drop(data.insert(key, text.clone())),
                Some(text) => drop(data.insert(key, base64(text))),
                None => missing.push(at),
            }
        }
        let object = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": self.kind,
            "metadata": { "name": self.name, "labels": labels },
            "data": data,
        });
        FilledSecret { object, missing }
    }
}

/// Whether a key of the chain's Secret is a variable's, which templates read.
pub fn is_variable(key: &str) -> bool {
    !key.contains(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> CopiedSecret {
        let keys = BTreeMap::from([(".dockerconfigjson".to_owned(), false), ("ca.p12".to_owned(), true)]);
        CopiedSecret { name: "reg.login".into(), kind: PULL_TYPES[0].into(), keys }
    }

    #[test]
    fn a_copied_secret_is_filled_from_the_chains_own() {
        let held = Map::from([
            ("secret.reg.login..dockerconfigjson".to_owned(), "{}".to_owned()),
            ("secret-base64.reg.login.ca.p12".to_owned(), "AP8=".to_owned()),
            ("TOKEN".to_owned(), "t".to_owned()),
        ]);
        let filled = login().filled(&held, &json!({ "a": "b" }));
        assert_eq!(filled.missing, Vec::<String>::new());
        assert_eq!(
            filled.object,
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
                "metadata": { "name": "reg.login", "labels": { "a": "b" } },
                "data": { ".dockerconfigjson": "e30=", "ca.p12": "AP8=" },
            })
        );
        assert!(filled.pulls());
        assert!(!format!("{filled:?}").contains("e30"));
    }

    #[test]
    fn what_is_missing_is_named_by_its_key_in_home() {
        let filled = login().filled(&Map::new(), &json!({}));
        assert_eq!(filled.missing, ["secret.reg.login..dockerconfigjson", "secret-base64.reg.login.ca.p12"]);
        assert_eq!(["A_b1", "secret.a.b", "github-token"].map(is_variable), [true, false, false]);
    }
}
