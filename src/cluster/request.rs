//! What is asked of the API server: method, path, query, body, and whether it may be asked again.

use http::Method;
use serde_json::Value;

use crate::chain::resource::escape_into;

/// Whether a request may be sent again after an outcome that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replay {
    /// The same request twice is the same as once: reads, reviews, server-side apply, merge patches, deletes
    /// with a uid, and whatever carries a resourceVersion that the first one would have made stale.
    Safe,
    /// A plain create: look first whether the object is there, and whose it is.
    Create,
}

/// Bytes of one answer at most: several times what the largest object has, so that nobody who may write objects can fill
/// the memory of who reads them.
pub(super) const ANSWER_BYTES: usize = 8 << 20;

/// One request, sent as often as the rules of [`super::retry`] allow.
#[derive(Debug, Clone)]
pub(super) struct ApiRequest {
    pub(super) method: Method,
    pub(super) path: String,
    query: String,
    pub(super) body: Vec<u8>,
    pub(super) content_type: &'static str,
    pub(super) replay: Replay,
    /// What it is about, for people: `deployment.apps/build in namespace x`.
    pub(super) what: String,
    /// Bytes of the answer at most.
    pub(super) most: usize,
    /// Of each object the metadata alone is wanted (`PartialObjectMetadata`).
    pub(super) metadata_only: bool,
    /// A JSON patch with a `test`: the server answers a failed test with 422 and not one word about it.
    pub(super) tests: bool,
}

impl ApiRequest {
    pub(super) fn new(method: Method, path: String, what: String) -> Self {
        Self {
            method,
            path,
            query: String::new(),
            body: Vec::new(),
            content_type: "application/json",
            replay: Replay::Safe,
            what,
            most: ANSWER_BYTES,
            metadata_only: false,
            tests: false,
        }
    }

    pub(super) fn get(path: String, what: String) -> Self {
        Self::new(Method::GET, path, what)
    }

    pub(super) fn query(mut self, key: &str, value: &str) -> Self {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        escape_into(&mut self.query, key);
        self.query.push('=');
        escape_into(&mut self.query, value);
        self
    }

    pub(super) fn query_if(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(key, value),
            None => self,
        }
    }

    pub(super) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    /// Path and query.
    pub(super) fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_escaped() {
        let request = ApiRequest::get("/api/v1/pods".to_owned(), String::new())
            .query("labelSelector", "a/b in (c,d),e!=f")
            .query("limit", "500")
            .query_if("continue", None)
            .query_if("continue", Some("ey=="));
        assert_eq!(
            request.target(),
            "/api/v1/pods?labelSelector=a%2Fb%20in%20%28c%2Cd%29%2Ce%21%3Df&limit=500&continue=ey%3D%3D"
        );
    }
}
