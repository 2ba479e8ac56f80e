//! RBAC's refusals: who may not do what where, and the rule that would let them.

use std::fmt::Write as _;

/// A denial by the authorizer, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// The user as the server names it.
    pub user: String,
    /// `create`, `list` …
    pub verb: String,
    /// Plural, with `/subresource`; or a URL path, if `group` is `None`.
    pub resource: String,
    /// API group, empty for core; `None` for a URL path.
    pub group: Option<String>,
    /// The namespace; `None` at the cluster scope.
    pub namespace: Option<String>,
    /// The server's whole message.
    pub message: String,
}

impl std::fmt::Display for Forbidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, verb, resource, .. } = self;
        write!(f, "user {user:?} may not {verb} {resource}")?;
        if let Some(group) = self.group.as_deref().filter(|group| !group.is_empty()) {
            write!(f, ".{group}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in the namespace {namespace}"),
            None if self.group.is_some() => f.write_str(" at the cluster scope"),
            None => Ok(()),
        }
    }
}

impl Forbidden {
    /// Whether the server saw no credentials: nobody should grant that user anything.
    pub(super) fn is_of_nobody(&self) -> bool {
        self.user == "system:anonymous"
    }

    /// Reads the sentence that the API server writes; `None` if it is another one.
    ///
    /// `… is forbidden: User "u" cannot get resource "pods/log" in API group "" in the namespace "n"`, or
    /// `… at the cluster scope`, or `User "u" cannot get path "/x"`.
    pub(super) fn read(message: &str) -> Option<Self> {
        let (_, rest) = message.split_once("User \"")?;
        let (user, rest) = rest.split_once("\" cannot ")?;
        // The server quotes as Go does; for names that is as JSON does.
        let user = serde_json::from_str(&format!("\"{user}\"")).unwrap_or_else(|_| user.to_owned());
        let (verb, rest) = rest.split_once(' ')?;
        let forbidden = |resource: &str, group: Option<&str>, namespace: Option<&str>| Self {
            user: user.clone(),
            verb: verb.to_owned(),
            resource: resource.to_owned(),
            group: group.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            message: message.to_owned(),
        };
        if let Some(rest) = rest.strip_prefix("path \"") {
            return Some(forbidden(rest.split('"').next()?, None, None));
        }
        let (resource, rest) = rest.strip_prefix("resource \"")?.split_once("\" in API group \"")?;
        let (group, rest) = rest.split_once('"')?;
        let namespace =
            rest.strip_prefix(" in the namespace \"").and_then(|rest| rest.split_once('"')).map(|it| it.0);
        Some(forbidden(resource, Some(group), namespace))
    }

    /// A Role and its binding (or the cluster-wide pair) with just the missing rule, ready to apply.
    pub fn rule(&self) -> String {
        let (kind, scope) = match &self.namespace {
            Some(namespace) => ("Role", format!(", namespace: {}", quoted(namespace))),
            None => ("ClusterRole", String::new()),
        };
        let name = format!("studioci-{}-{}", self.verb, self.resource.trim_matches('/').replace('/', "-"));
        let name = quoted(&name.to_ascii_lowercase());
        let rule = match &self.group {
            Some(group) => format!(
                "- apiGroups: [{}]\n  resources: [{}]\n  verbs: [{}]\n",
                quoted(group),
                quoted(&self.resource),
                quoted(&self.verb)
            ),
            None => {
                format!(
                    "- nonResourceURLs: [{}]\n  verbs: [{}]\n",
                    quoted(&self.resource),
                    quoted(&self.verb)
                )
            }
        };
        let subject = match self.user.strip_prefix("system:serviceaccount:").and_then(|it| it.split_once(':'))
        {
            Some((namespace, account)) => {
                format!(
                    "{{kind: ServiceAccount, name: {}, namespace: {}}}",
                    quoted(account),
                    quoted(namespace)
                )
            }
            None => {
                format!("{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {}}}", quoted(&self.user))
            }
        };
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {name}{scope}}}\nrules:\n{rule}---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}Binding\nmetadata: {{name: {name}{scope}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {name}}}\nsubjects:\n- {subject}\n"
        );
        text
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
