//! What the ClusterRole of a workspace covers.

use serde_json::Value;

/// What the ClusterRole `studioci-workspace` covers in this cluster, an admin's additions included.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Workspace {
    rules: Vec<Value>,
}

impl Workspace {
    /// Reads the ClusterRole, as the API server has filled it.
    pub fn read(role: &Value) -> Self {
        Self { rules: role["rules"].as_array().cloned().unwrap_or_default() }
    }

    /// Whether an agent may `verb` objects of a kind; `resource` is the plural, `group` empty for the core group.
    pub fn covers(&self, group: &str, resource: &str, verb: &str) -> bool {
        let holds = |rule: &Value, key: &str, wanted: &str| {
            rule[key].as_array().is_some_and(|list| list.iter().any(|it| it == wanted || it == "*"))
        };
        self.rules.iter().any(|rule| {
            rule["resourceNames"].as_array().is_none_or(Vec::is_empty)
                && holds(rule, "apiGroups", group)
                && holds(rule, "resources", resource)
                && holds(rule, "verbs", verb)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workspace_covers_what_its_rules_say() {
        let workspace = Workspace::read(&json!({ "rules": [
            { "apiGroups": ["", "apps"], "resources": ["pods", "deployments"], "verbs": ["*"] },
            { "apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "create"] },
            { "apiGroups": ["batch"], "resources": ["*"], "verbs": ["create"] },
            { "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["one"] },
        ]}));
        let cases = [
            ("", "pods", "create", true),
            ("apps", "deployments", "patch", true),
            ("batch", "jobs", "create", true),
            ("batch", "jobs", "delete", false),
            ("", "serviceaccounts", "create", true),
            ("", "serviceaccounts", "impersonate", false),
            ("", "pods/exec", "create", false),
            ("", "secrets", "get", false),
            ("example.com", "widgets", "create", false),
        ];
        for (group, resource, verb, expected) in cases {
            assert_eq!(workspace.covers(group, resource, verb), expected, "{verb} {resource}.{group}");
        }
        assert!(!Workspace::read(&json!({})).covers("", "pods", "get"));
    }
}
