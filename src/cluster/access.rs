//! May we? Asked before anything is created, so that nothing is left half done for want of a right.

use futures_util::{StreamExt as _, TryStreamExt as _};
use http::Method;
use serde_json::{Value, json};

use super::error::Error;
use super::request::ApiRequest;
use super::resource::{Resource, SELF_SUBJECT_ACCESS_REVIEWS, SELF_SUBJECT_REVIEWS, SUBJECT_ACCESS_REVIEWS};
use super::{Cluster, IN_FLIGHT, decode};

/// One right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// `create`, `list` …
    pub verb: String,
    /// API group; empty for core.
    pub group: String,
    /// Plural.
    pub resource: String,
    /// Subresource, such as `log`.
    pub subresource: Option<String>,
    /// In which namespace; `None` = in all, or the cluster scope.
    pub namespace: Option<String>,
    /// Of this name only.
    pub name: Option<String>,
}

impl Access {
    /// The right to `verb` objects of a kind.
    pub fn to(verb: &str, resource: &Resource, namespace: Option<&str>) -> Self {
        Self {
            verb: verb.to_owned(),
            group: resource.group.to_owned(),
            resource: resource.plural.to_owned(),
            subresource: None,
            namespace: namespace.map(str::to_owned),
            name: None,
        }
    }

    fn review(&self) -> Value {
        let mut attributes = json!({"verb": self.verb, "group": self.group, "resource": self.resource});
        let optional =
            [("subresource", &self.subresource), ("namespace", &self.namespace), ("name", &self.name)];
        for (key, value) in optional {
            if let Some(value) = value {
                attributes[key] = json!(value);
            }
        }
        json!({
            "apiVersion": SELF_SUBJECT_ACCESS_REVIEWS.api_version(),
            "kind": SELF_SUBJECT_ACCESS_REVIEWS.kind,
            "spec": {"resourceAttributes": attributes},
        })
    }
}

/// What the API server's authorizers say of a right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it is held.
    pub allowed: bool,
    /// The authorizer's words; RBAC's begin with `RBAC:`, those of AlwaysAllow and of `system:masters` are empty.
    pub reason: String,
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if let Some(subresource) = &self.subresource {
            write!(f, "/{subresource}")?;
        }
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in the namespace {namespace}"),
            None => f.write_str(" at the cluster scope"),
        }
    }
}

impl Cluster {
    /// The namespace that is meant where none is named, as kubectl has it: the context's, the pod's, else `default`.
    pub fn default_namespace(&self) -> &str {
        self.inner.transport.about.namespace.as_deref().map_or("default", str::trim)
    }

    /// Whether we hold each of these rights, in their order (SelfSubjectAccessReview; RBAC is not guessed at).
    ///
    /// # Errors
    /// What [any call](Cluster#errors-of-any-call) can end with; then nothing is known of the other rights either.
    pub async fn can_i(&self, rights: &[Access]) -> Result<Vec<bool>, Error> {
        futures_util::stream::iter(rights)
            .map(|right| self.review(right))
            .buffered(IN_FLIGHT)
            .try_collect()
            .await
    }

    /// The name that the API server knows us by (SelfSubjectReview).
    ///
    /// # Errors
    /// What [any call](Cluster#errors-of-any-call) can end with.
    pub async fn whoami(&self) -> Result<String, Error> {
        let request = ApiRequest::new(
            Method::POST,
            SELF_SUBJECT_REVIEWS.path(None, None),
            "question who we are".to_owned(),
        )
        .json(
            &json!({ "apiVersion": SELF_SUBJECT_REVIEWS.api_version(), "kind": SELF_SUBJECT_REVIEWS.kind }),
        );
        let answer: Value = decode(&self.call(&request).await?.body, &request.what)?;
        Ok(answer["status"]["userInfo"]["username"].as_str().unwrap_or_default().to_owned())
    }

    async fn review(&self, right: &Access) -> Result<bool, Error> {
        Ok(self.why(right).await?.allowed)
    }

    /// Whether we hold a right, and by whose word (SelfSubjectAccessReview).
    ///
    /// # Errors
    /// What [any call](Cluster#errors-of-any-call) can end with.
    pub async fn why(&self, right: &Access) -> Result<Judgement, Error> {
        let what = format!("question whether we may {right}");
        self.judge(SELF_SUBJECT_ACCESS_REVIEWS, what, &right.review()).await
    }

    /// Whether somebody else holds a right (SubjectAccessReview); few may ask that.
    ///
    /// # Errors
    /// What [any call](Cluster#errors-of-any-call) can end with: most often [`Error::Forbidden`].
    pub async fn why_of(&self, user: &str, right: &Access) -> Result<Judgement, Error> {
        let mut question = right.review();
        question["kind"] = json!(SUBJECT_ACCESS_REVIEWS.kind);
        question["spec"]["user"] = json!(user);
        self.judge(SUBJECT_ACCESS_REVIEWS, format!("question whether {user} may {right}"), &question).await
    }

    async fn judge(&self, kind: Resource, what: String, question: &Value) -> Result<Judgement, Error> {
        // A review is kept nowhere: asking twice is safe.
        let request = ApiRequest::new(Method::POST, kind.path(None, None), what).json(question);
        let answer: Value = decode(&self.call(&request).await?.body, &request.what)?;
        Ok(Judgement {
            allowed: answer["status"]["allowed"].as_bool().unwrap_or(false),
            reason: answer["status"]["reason"].as_str().unwrap_or_default().to_owned(),
        })
    }
}
