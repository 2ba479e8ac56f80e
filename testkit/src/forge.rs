//! A forge that keeps commit statuses as GitHub does: append-only, by commit, the latest of a context first.
//!
//! What GitHub answers was written down from its documentation and from what it is seen to answer; a test adds the faults.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use crate::scripted::{Reply, SeenRequest};

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum ForgeFault {
    /// This is answered in its place, and nothing is done.
    Instead(Reply),
    /// It is done, and this is answered.
    AfterDoing(Reply),
}

/// What is behind a forge.
#[derive(Debug)]
pub struct ForgeState {
    /// `OWNER/REPO`.
    pub repository: String,
    /// What it was called before: requests are redirected.
    pub renamed_from: Option<String>,
    /// The token that is known.
    pub token: String,
    /// Whether it may set statuses.
    pub may_write: bool,
    /// Ids of the commits that there are.
    pub commits: Vec<String>,
    /// Statuses by commit, the oldest first.
    pub statuses: BTreeMap<String, Vec<Value>>,
    /// Statuses of one context that a commit takes.
    pub most: usize,
    /// What goes wrong with the next requests, one each; then all goes well.
    pub faults: VecDeque<Option<ForgeFault>>,
}

impl ForgeState {
    /// The statuses of a context on a commit, the oldest first: state and description.
    pub fn said(&self, commit: &str, context: &str) -> Vec<(String, String)> {
        let statuses = self.statuses.get(commit).into_iter().flatten();
        let ours = statuses.filter(|status| status["context"] == context);
        let text = |status: &Value, key: &str| status[key].as_str().unwrap_or_default().to_owned();
        ours.map(|status| (text(status, "state"), text(status, "description"))).collect()
    }
}

/// A forge. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Forge {
    state: Arc<Mutex<ForgeState>>,
}

fn message(code: u16, text: &str) -> Reply {
    Reply::Json(
        code,
        json!({ "message": text, "documentation_url": "https://docs", "status": code.to_string() }),
    )
}

impl Forge {
    /// One with this repository and these commits, which knows this token.
    pub fn new(repository: &str, token: &str, commits: &[&str]) -> Self {
        let state = ForgeState {
            repository: repository.to_owned(),
            renamed_from: None,
            token: token.to_owned(),
            may_write: true,
            commits: commits.iter().map(|commit| (*commit).to_owned()).collect(),
            statuses: BTreeMap::new(),
            most: 1000,
            faults: VecDeque::new(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// What is behind it, which stands still as long as this is held.
    pub fn state(&self) -> MutexGuard<'_, ForgeState> {
        self.state.lock().unwrap()
    }

    /// Answers a request: the script of a server.
    pub fn answer(&self, seen: &SeenRequest) -> Reply {
        let mut state = self.state();
        match state.faults.pop_front().flatten() {
            Some(ForgeFault::Instead(reply)) => reply,
            Some(ForgeFault::AfterDoing(reply)) => {
                state.serve(seen);
                reply
            }
            None => state.serve(seen),
        }
    }
}

impl ForgeState {
    fn serve(&mut self, seen: &SeenRequest) -> Reply {
        if seen.headers.get("user-agent").is_none() {
            return Reply::Text(403, Vec::new(), "Request forbidden by administrative rules.".to_owned());
        }
        let proof = seen.headers.get("authorization").and_then(|value| value.to_str().ok());
        if proof != Some(&format!("Bearer {}", self.token)) {
            return message(401, "Bad credentials");
        }
        // whatever stands before `/repos` is where an enterprise serves it
        let path = seen.path.find("/repos/").map_or("", |at| &seen.path[at + "/repos/".len()..]);
        if let Some(old) = self.renamed_from.as_ref().filter(|old| path.starts_with(old.as_str())) {
            let code = if seen.method == "GET" { 301 } else { 307 };
            let to = seen.path.replacen(old.as_str(), &self.repository, 1);
            let query = if seen.query.is_empty() { String::new() } else { format!("?{}", seen.query) };
            return Reply::With(
                code,
                vec![("location", format!("{to}{query}"))],
                json!({ "message": "Moved Permanently" }),
            );
        }
        let Some(rest) = path.strip_prefix(&self.repository).and_then(|rest| rest.strip_prefix('/')) else {
            return message(404, "Not Found");
        };
        let parts: Vec<&str> = rest.split('/').collect();
        match (seen.method.as_str(), parts.as_slice()) {
            ("GET", ["commits", revision]) => match self.named(revision) {
                Some(commit) => Reply::Json(200, json!({ "sha": commit, "commit": {} })),
                None => message(422, &format!("No commit found for SHA: {revision}")),
            },
            ("GET", ["commits", commit, "statuses"]) => self.page(seen, commit),
            ("POST", ["statuses", commit]) => self.add(seen, commit),
            _ => message(404, "Not Found"),
        }
    }

    /// The one commit whose id begins so.
    fn named(&self, revision: &str) -> Option<String> {
        let mut found = self.commits.iter().filter(|commit| commit.starts_with(revision));
        found.next().filter(|_| found.next().is_none()).cloned()
    }

    fn page(&self, seen: &SeenRequest, commit: &str) -> Reply {
        if !self.commits.iter().any(|known| known == commit) {
            return message(404, "Not Found");
        }
        let number = |key: &str, otherwise: usize| {
            seen.parameter(key).and_then(|value| value.parse().ok()).unwrap_or(otherwise)
        };
        let (size, page) = (number("per_page", 30).min(100), number("page", 1).max(1));
        let statuses = self.statuses.get(commit).into_iter().flatten().rev();
        let page: Vec<&Value> = statuses.skip((page - 1) * size).take(size).collect();
        Reply::Json(200, json!(page))
    }

    fn add(&mut self, seen: &SeenRequest, commit: &str) -> Reply {
        if !self.may_write {
            return message(403, "Resource not accessible by personal access token");
        }
        if !self.commits.iter().any(|known| known == commit) {
            return message(422, &format!("No commit found for SHA: {commit}"));
        }
        let invalid = |why: &str| {
            let error = json!({ "resource": "Status", "code": "custom", "message": why });
            Reply::Json(422, json!({ "message": "Validation Failed", "errors": [error] }))
        };
        let text = |key: &str| seen.body[key].as_str().unwrap_or_default().to_owned();
        let (state, context, description) = (text("state"), text("context"), text("description"));
        if !["pending", "success", "failure", "error"].contains(&state.as_str()) {
            return invalid("state is not included in the list");
        }
        if description.chars().count() > 140 {
            return invalid("description is too long (maximum is 140 characters)");
        }
        if self.said(commit, &context).len() >= self.most {
            return invalid("This SHA and context has reached the maximum number of statuses.");
        }
        let link = seen.body.get("target_url").cloned().unwrap_or_default();
        let statuses = self.statuses.entry(commit.to_owned()).or_default();
        let status = json!({
            "id": statuses.len() + 1,
            "state": state,
            "context": context,
            "description": description,
            "target_url": link,
        });
        statuses.push(status.clone());
        Reply::Json(201, status)
    }
}
