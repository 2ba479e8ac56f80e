//! What can be asked of a cluster. Generic over what is decoded: callers name small structs of their own or take
//! `serde_json::Value`.

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::error::Error;
use super::request::{Replay, Request};
use super::resource::Resource;
use super::retry::Proof;
use super::{Cluster, decode};
use crate::chain::wire::FIELD_MANAGER;

/// Objects per page of a list, kubectl's number.
const PAGE: usize = 500;
/// By how much a page gets smaller whose answer was too large.
const SMALLER: usize = 8;
/// Bytes of an answer from the cache, which comes in one piece.
const CACHED_BYTES: usize = 64 << 20;
/// Bytes of all pages of a list at most; of what is decoded a fraction stays.
const LIST_BYTES: usize = 256 << 20;
/// How often a list is begun anew because its continue token expired.
const RESTARTS: u32 = 3;

/// How fresh a list must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consistency {
    /// What the store holds now. For every decision about ownership.
    #[default]
    Quorum,
    /// What the API server's cache holds: cheaper, and possibly a moment (with several API servers: more) behind.
    /// For showing.
    Cached,
}

/// What to list or watch.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Label selector.
    pub labels: Option<String>,
    /// Field selector.
    pub fields: Option<String>,
    /// How fresh.
    pub consistency: Consistency,
    /// So many objects at most; `None` = all.
    pub most: Option<usize>,
}

impl Query {
    /// By label selector.
    pub fn labels(selector: impl Into<String>) -> Self {
        Self { labels: Some(selector.into()), ..Self::default() }
    }

    /// By field selector.
    pub fn fields(selector: impl Into<String>) -> Self {
        Self { fields: Some(selector.into()), ..Self::default() }
    }

    /// The one object of this name.
    pub fn named(name: &str) -> Self {
        Self::fields(format!("metadata.name={name}"))
    }

    /// No more than so many objects, of which there may be any number.
    #[must_use]
    pub fn at_most(self, most: usize) -> Self {
        Self { most: Some(most), ..self }
    }

    /// From the API server's cache.
    #[must_use]
    pub fn cached(self) -> Self {
        Self { consistency: Consistency::Cached, ..self }
    }
}

/// A list.
#[derive(Debug, Clone, PartialEq)]
pub struct List<T> {
    /// The objects.
    pub items: Vec<T>,
    /// The version of the whole, to watch from.
    pub resource_version: String,
    /// The server's clock at the time of the answer: ages are counted from it, not from a clock of ours.
    pub date: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Page<T> {
    metadata: PageMeta,
    // A list without items is sent as null by some servers.
    items: Option<Vec<T>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct PageMeta {
    resource_version: String,
    r#continue: Option<String>,
}

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

pub(super) fn what_all(resource: &Resource, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) if resource.namespaced => format!("list of {resource} in namespace {namespace}"),
        _ => format!("list of {resource}"),
    }
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
    pub async fn get<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<T>, Error> {
        let request = Request::get(resource.path(namespace, Some(name)), what(resource, namespace, name));
        match self.call(&request).await {
            Ok(answer) => decode(&answer.body, &request.what).map(Some),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects that the query selects; in all namespaces if none is given.
    ///
    /// A quorum list comes in pages, so that memory stays flat; if its continue token expires, it begins anew. The
    /// cache answers in one piece, unless that would be too large; then it comes in pages, too. A page that is too large
    /// is asked for again with fewer objects.
    pub async fn list<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        query: &Query,
    ) -> Result<List<T>, Error> {
        let most = query.most.unwrap_or(usize::MAX);
        let (mut cached, mut limit) = (query.consistency == Consistency::Cached, PAGE.min(most));
        let (mut restarts, mut bytes) = (0, 0);
        let mut list = List { items: Vec::new(), resource_version: String::new(), date: None };
        let mut next: Option<String> = None;
        loop {
            let mut request = Request::get(resource.path(namespace, None), what_all(resource, namespace))
                .query_if("labelSelector", query.labels.as_deref())
                .query_if("fieldSelector", query.fields.as_deref())
                .query("limit", &limit.to_string())
                .query_if("continue", next.as_deref());
            if cached {
                // most servers answer such a question in one piece whatever the limit
                request = request.query("resourceVersion", "0");
                request.most = CACHED_BYTES;
            }
            let answer = match self.call(&request).await {
                Ok(answer) => answer,
                Err(Error::TooLarge { .. }) if cached => {
                    (cached, next) = (false, None);
                    list.items.clear();
                    continue;
                }
                Err(Error::TooLarge { .. }) if limit > 1 => {
                    limit = (limit / SMALLER).max(1);
                    continue;
                }
                Err(Error::Gone { .. }) if next.is_some() && restarts < RESTARTS => {
                    restarts += 1;
                    next = None;
                    list.items.clear();
                    continue;
                }
                Err(error) => return Err(error),
            };
            bytes += answer.body.len();
            if bytes > LIST_BYTES {
                return Err(Error::TooLarge { what: request.what, most: LIST_BYTES });
            }
            let page: Page<T> = decode(&answer.body, &request.what)?;
            list.items.extend(page.items.unwrap_or_default());
            list.items.truncate(most);
            list.resource_version = page.metadata.resource_version;
            list.date = answer.date();
            next = page.metadata.r#continue.filter(|token| !token.is_empty());
            if next.is_none() || list.items.len() == most {
                return Ok(list);
            }
        }
    }

    /// Creates an object by a plain POST; the server decides who is first.
    ///
    /// If an answer is lost, the object is looked at and [`Create::proof`] says whether it is ours; so
    /// [`Error::AlreadyExists`] always means somebody else's (or an older) object. Unknown fields are refused, as
    /// kubectl does.
    pub async fn create<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        object: &Value,
        how: &Create<'_>,
    ) -> Result<T, Error> {
        let name = name_of(object)?;
        let what = what(resource, namespace, name);
        let mut request = Request::new(Method::POST, resource.path(namespace, None), what.clone())
            .query("fieldManager", FIELD_MANAGER)
            .query("fieldValidation", "Strict")
            .json(object);
        let answer = if how.dry_run {
            request = request.query("dryRun", "All");
            self.call(&request).await?
        } else {
            request.replay = Replay::Create;
            let look = Request::get(resource.path(namespace, Some(name)), what.clone());
            self.call_create(&request, &look, object, &how.proof).await?
        };
        decode(&answer.body, &what)
    }

    /// Changes an object that is there.
    pub async fn patch<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
        patch: Patch<'_>,
    ) -> Result<T, Error> {
        self.patch_at(resource, namespace, name, None, patch, false).await
    }

    /// Changes a subresource (`status`, `scale`) of an object; in a dry run the server does everything but keep it.
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
        let mut request = Request::new(Method::PATCH, target, what(resource, namespace, name))
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

    /// Server-side apply, never forced: a field that somebody else holds is [`Error::Conflict`], which names him.
    ///
    /// Not for a claim: two that apply both succeed. And a field that others write (a listener's image, replicas)
    /// must carry its live value, or be left out.
    pub async fn apply<T: DeserializeOwned>(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        object: &Value,
        dry_run: bool,
    ) -> Result<T, Error> {
        let name = name_of(object)?;
        let mut request = Request::new(
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

    /// Deletes exactly the object that `how` describes. Another uid under that name is [`Error::Conflict`]; an
    /// object that is gone is a success.
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
        let mut body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": conditions});
        if how.dry_run {
            body["dryRun"] = json!(["All"]);
        }
        let request = Request::new(
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

    /// What version the server is.
    pub async fn version(&self) -> Result<ServerVersion, Error> {
        let request = Request::get("/version".to_owned(), "version of the API server".to_owned());
        let answer = self.call(&request).await?;
        decode(&answer.body, &request.what)
    }
}

#[cfg(test)]
#[path = "verbs_tests.rs"]
mod tests;
