//! Lists: what is asked for, how fresh, and in how many pages.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::Error;
use super::request::ApiRequest;
use super::resource::Resource;
use super::{Cluster, decode};

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

    /// Of these the ones that another label selector takes, too.
    #[must_use]
    pub fn and_labels(self, selector: Option<&str>) -> Self {
        let more = selector.filter(|selector| !selector.is_empty());
        let labels = self.labels.into_iter().chain(more.map(str::to_owned)).collect::<Vec<_>>().join(",");
        Self { labels: (!labels.is_empty()).then_some(labels), ..self }
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

/// What a list is called in messages.
pub(super) fn what_all(resource: &Resource, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) if resource.namespaced => format!("list of {resource} in namespace {namespace}"),
        _ => format!("list of {resource}"),
    }
}

impl Cluster {
    /// All objects that the query selects; in all namespaces if none is given.
    ///
    /// A quorum list comes in pages, so that memory stays flat; if its continue token expires, it begins anew. The
    /// cache answers in one piece, unless that would be too large; then it comes in pages, too. A page that is too large
    /// is asked for again with fewer objects.
    ///
    /// # Errors
    /// What [any call](Cluster#errors-of-any-call) can end with; [`Error::NotFound`] for a kind that the server does
    /// not serve; [`Error::Gone`] if the continue token expires again and again; [`Error::TooLarge`] for a list of
    /// more than 256 MiB.
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
            let mut request = ApiRequest::get(resource.path(namespace, None), what_all(resource, namespace))
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
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
