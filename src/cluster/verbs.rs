//! What can be asked of a cluster. Generic over what is decoded: callers name small structs of their own or take
//! `serde_json::Value`.

use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::Error;
use super::list::{Query, what_all};
use super::objects::Object;
use super::request::{ApiRequest, Replay};
use super::resource::Resource;
use super::retry::Proof;
use super::{Cluster, decode};
use crate::chain::wire::FIELD_MANAGER;

/// How to create.
pub struct Create<'a> {
    /// Let the server do everything but keep it.
    pub dry_run: bool,
    /// How to know our own object again if a try was lost on the way.
    pub proof: Proof<'a>,
}

impl Default for Create<'_> {
    fn default() -> Self {
        Self { dry_run: false, proof: Proof::SameContent }
    }
}

/// A change of an object that is there.
#[derive(Debug, Clone, Copy)]
pub enum Patch<'a> {
    /// RFC 6902. After a lost answer it is sent again: begin it with a `test` (on `/metadata/resourceVersion`) if
    /// it must happen once only; then the second one is [`Error::Conflict`], and reading tells.
    Json(&'a Value),
    /// RFC 7386. Twice is the same as once.
    Merge(&'a Value),
}

/// How to delete. An object without conditions is not deleted: the name may have got another owner meanwhile.
#[derive(Debug, Clone)]
pub struct Delete {
    /// Only the object with this uid.
    pub uid: String,
    /// And only in this version.
    pub resource_version: Option<String>,
    /// Let the server do everything but delete.
    pub dry_run: bool,
}

impl Delete {
    /// The object with this uid, and nothing else.
    pub fn uid(uid: impl Into<String>) -> Self {
        Self { uid: uid.into(), resource_version: None, dry_run: false }
    }
}

/// What a delete came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// The server has begun (or done) it.
    Accepted,
    /// There is no such object any more.
    AlreadyGone,
}

/// What `/version` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServerVersion {
    /// Major.
    pub major: String,
    /// Minor; some vendors append a `+`.
    pub minor: String,
    /// `v1.36.3`.
    pub git_version: String,
}

impl ServerVersion {
    /// Major and minor as numbers.
    pub fn numbers(&self) -> Option<(u32, u32)> {
        let digits = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok();
        Some((digits(&self.major)?, digits(&self.minor)?))
    }
}

/// `deployment.apps/build in namespace x`.
fn what(resource: &Resource, namespace: Option<&str>, name: &str) -> String {
    let mut what = resource.object(name);
    if let (true, Some(namespace)) = (resource.namespaced, namespace) {
        what.push_str(" in namespace ");
        what.push_str(namespace);
    }
    what
}

fn name_of(object: &Value) -> Result<&str, Error> {
    object["metadata"]["name"].as_str().filter(|name| !name.is_empty()).ok_or_else(|| Error::Invalid {
        what: object["kind"].as_str().unwrap_or("object").to_owned(),
        why: "it has no metadata.name; names are never left to the server (generateName)".to_owned(),
        causes: Vec::new(),
    })
}

impl Cluster {
    /// The object of this name; `None` if there is none.
    ///
    /// # Errors
    /// What [any call](Cluster#errors-of-any-call) can end with; that there is no such object is no error.
    pub async fn get<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<T>, Error> {
        self.get_by(ApiRequest::get(resource.path(namespace, Some(name)), what(resource, namespace, name)))
            .await
    }

    /// The metadata alone of the object of this name; `None` if there is none.
    ///
    /// # Errors
    /// As [`Cluster::get`].
    pub async fn get_metadata(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Object>, Error> {
        let mut request =
            ApiRequest::get(resource.path(namespace, Some(name)), what(resource, namespace, name));
        request.metadata_only = true;
        self.get_by(request).await
    }

    async fn get_by<T: DeserializeOwned>(&self, request: ApiRequest) -> Result<Option<T>, Error> {
        match self.call(&request).await {
            Ok(answer) => decode(&answer.body, &request.what).map(Some),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an object by a plain POST; the server decides who is first.
    ///
    /// If an answer is lost, the object is looked at and [`Create::proof`] says whether it is ours; so
    /// [`Error::AlreadyExists`] always means somebody else's (or an older) object. Unknown fields are refused, as
    /// kubectl does.
    ///
    /// # Errors
    /// What [any call](Cluster#errors-of-any-call) can end with; [`Error::AlreadyExists`]; [`Error::Invalid`] for
    /// content that the server does not accept, or an object without a name; [`Error::NotFound`] for a namespace or a
    /// kind that is not there.
    pub async fn create<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        object: &Value,
        how: &Create<'_>,
    ) -> Result<T, Error> {
        let name = name_of(object)?;
        let what = what(resource, namespace, name);
        let mut request = ApiRequest::new(Method::POST, resource.path(namespace, None), what.clone())
            .query("fieldManager", FIELD_MANAGER)
            .query("fieldValidation", "Strict")
            .json(object);
        let answer = if how.dry_run {
            request = request.query("dryRun", "All");
            self.call(&request).await?
        } else {
            request.replay = Replay::Create;
            let look = ApiRequest::get(resource.path(namespace, Some(name)), what.clone());
            self.call_create(&request, &look, object, &how.proof).await?
        };
        decode(&answer.body, &what)
    }

    /// Changes an object that is there.
    ///
    /// # Errors
    /// What [any call](Cluster#errors-of-any-call) can end with; [`Error::NotFound`]; [`Error::Conflict`] for a
    /// `test` that does not hold or a stale resourceVersion; [`Error::Invalid`] for content that the server does not
    /// accept.
    pub async fn patch<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        patch: Patch<'_>,
    ) -> Result<T, Error> {
        self.patch_at(resource, namespace, name, None, patch, false).await
    }

    /// The same as a dry run: the server does everything but keep it.
    ///
    /// # Errors
    /// As [`Cluster::patch`].
    pub async fn try_patch<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        patch: Patch<'_>,
    ) -> Result<T, Error> {
        self.patch_at(resource, namespace, name, None, patch, true).await
    }

    /// Changes a subresource (`status`, `scale`) of an object; in a dry run the server does everything but keep it.
    ///
    /// # Errors
    /// As [`Cluster::patch`].
    pub async fn patch_subresource<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        subresource: &str,
        patch: Patch<'_>,
        dry_run: bool,
    ) -> Result<T, Error> {
        self.patch_at(resource, namespace, name, Some(subresource), patch, dry_run).await
    }

    async fn patch_at<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        subresource: Option<&str>,
        patch: Patch<'_>,
        dry_run: bool,
    ) -> Result<T, Error> {
        let mut target = resource.path(namespace, Some(name));
        if let Some(subresource) = subresource {
            target.push('/');
            target.push_str(subresource);
        }
        let (content_type, body) = match patch {
            Patch::Json(body) => ("application/json-patch+json", body),
            Patch::Merge(body) => ("application/merge-patch+json", body),
        };
        let mut request = ApiRequest::new(Method::PATCH, target, what(resource, namespace, name))
            .query("fieldManager", FIELD_MANAGER)
            .json(body);
        request.content_type = content_type;
        request.tests = matches!(patch, Patch::Json(steps)
            if steps.as_array().is_some_and(|steps| steps.iter().any(|step| step["op"] == "test")));
        if dry_run {
            request = request.query("dryRun", "All");
        }
        let answer = self.call(&request).await?;
        decode(&answer.body, &request.what)
    }

    /// Server-side apply, never forced: a field that somebody else holds is [`Error::Conflict`], which names them.
    ///
    /// Not for a claim: two that apply both succeed. And a field that others write (a listener's image, replicas)
    /// must carry its live value, or be left out.
    ///
    /// # Errors
    /// What [any call](Cluster#errors-of-any-call) can end with; [`Error::Conflict`] for a field that somebody else
    /// holds; [`Error::Invalid`] for content that the server does not accept, or an object without a name;
    /// [`Error::NotFound`] for a namespace or a kind that is not there.
    pub async fn apply<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        object: &Value,
        dry_run: bool,
    ) -> Result<T, Error> {
        let name = name_of(object)?;
        let mut request = ApiRequest::new(
            Method::PATCH,
            resource.path(namespace, Some(name)),
            what(resource, namespace, name),
        )
        .query("fieldManager", FIELD_MANAGER)
        .query("fieldValidation", "Strict")
        .query("force", "false")
        .json(object);
        // JSON is YAML; the server knows server-side apply by this type alone.
        request.content_type = "application/apply-patch+yaml";
        if dry_run {
            request = request.query("dryRun", "All");
        }
        let answer = self.call(&request).await?;
        decode(&answer.body, &request.what)
    }

    /// Deletes exactly the object that `how` describes, and what it owns after it. Another uid under that name is
    /// [`Error::Conflict`]; an object that is gone is a success.
    ///
    /// # Errors
    /// What [any call](Cluster#errors-of-any-call) can end with; [`Error::Conflict`] if another object has the name
    /// by now, or the version has moved on.
    pub async fn delete(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        how: &Delete,
    ) -> Result<Deletion, Error> {
        let mut conditions = json!({"uid": how.uid});
        if let Some(version) = &how.resource_version {
            conditions["resourceVersion"] = json!(version);
        }
        // a Job whose deletion does not say so leaves behind what it owns, and Kueue's quota with that
        let mut body = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": conditions, "propagationPolicy": "Background",
        });
        if how.dry_run {
            body["dryRun"] = json!(["All"]);
        }
        let request = ApiRequest::new(
            Method::DELETE,
            resource.path(namespace, Some(name)),
            what(resource, namespace, name),
        )
        .json(&body);
        match self.call(&request).await {
            Ok(_) => Ok(Deletion::Accepted),
            Err(Error::NotFound { .. }) => Ok(Deletion::AlreadyGone),
            Err(error) => Err(error),
        }
    }

    /// Deletes whatever the query selects of a kind in a namespace; what belongs to it goes after it.
    ///
    /// The server tells of everything that it has deleted, which may be more than is taken: it is deleted all the same.
    ///
    /// # Errors
    /// What [any call](Cluster#errors-of-any-call) can end with but [`Error::TooLarge`]. After [`Error::Timeout`] some may be
    /// deleted.
    pub async fn delete_all(&self, resource: &Resource, namespace: &str, query: &Query) -> Result<(), Error> {
        let namespace = Some(namespace);
        let how = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
        let request =
            ApiRequest::new(Method::DELETE, resource.path(namespace, None), what_all(resource, namespace))
                .query_if("labelSelector", query.labels.as_deref())
                .query_if("fieldSelector", query.fields.as_deref())
                .json(&how);
        match self.call(&request).await {
            Ok(_) | Err(Error::TooLarge { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether the server serves a kind of a named group.
    ///
    /// # Errors
    /// What [any call](Cluster#errors-of-any-call) can end with; that there is no such group is no error.
    pub async fn serves(&self, resource: &Resource) -> Result<bool, Error> {
        let path = format!("/apis/{}/{}", resource.group, resource.version);
        let group: Option<Value> =
            self.get_by(ApiRequest::get(path, format!("kinds of {}", resource.group))).await?;
        let kinds = group.as_ref().and_then(|group| group["resources"].as_array());
        Ok(kinds.is_some_and(|kinds| kinds.iter().any(|it| it["name"] == resource.plural)))
    }

    /// What version the server is.
    ///
    /// # Errors
    /// What [any call](Cluster#errors-of-any-call) can end with.
    pub async fn version(&self) -> Result<ServerVersion, Error> {
        let request = ApiRequest::get("/version".to_owned(), "version of the API server".to_owned());
        let answer = self.call(&request).await?;
        decode(&answer.body, &request.what)
    }
}

#[cfg(test)]
#[path = "verbs_tests.rs"]
mod tests;
