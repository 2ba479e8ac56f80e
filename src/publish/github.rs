//! Commit statuses on GitHub: what is there is read, and what is missing is written.
//!
//! Statuses are append-only, and the latest one of a context counts. So nothing is sent before it is known what is there of the
//! same build, and a write whose answer was lost is looked for before it is sent again. That two agents do not write at once, and an older build
//! not after a newer one, is for the caller to see to.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::Full;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::answer::{StatusQuestion, unanswered};
use super::fault::PublishFault;
use super::patience::{Setback, patiently};
use super::{Outcome, address};
use crate::chain::commit_status::CommitStatus;
use crate::chain::repository::GithubRepository;
use crate::chain::resource::escape_into;
use crate::chain::revision::is_commit_id;
use crate::cluster::outside::{HttpAnswer, NoWayOut, Outside, WayOut};

/// Redirects that are followed, one after the other.
const REDIRECTS: usize = 3;
/// Statuses on a page.
const PAGE: usize = 100;
/// Pages that are read at most, the newest first: a build's own statuses are among the newest.
const PAGES: usize = 10;
/// The commit that no repository has.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// It may set statuses on the repository.
    May,
    /// It may; the repository has another name by now, to which GitHub redirects.
    MayRenamed,
}

/// A repository on GitHub, and the right to say something there. Its debug form shows no token.
#[derive(Debug)]
pub(super) struct Github {
    outside: Outside,
    /// Without a slash at its end.
    api: String,
    server: String,
    repository: String,
    token: SecretString,
    authorization: HeaderValue,
}

impl Github {
    /// `api`: the address of the API, [`GITHUB_API`](crate::chain::repository::GITHUB_API) or a GitHub Enterprise's.
    ///
    /// # Errors
    /// An address, a token, an authority or a proxy that cannot be used; nothing is sent yet.
    pub(super) fn new(
        api: &str,
        repository: &GithubRepository,
        token: &SecretString,
        way: &WayOut<'_>,
    ) -> Result<Self, PublishFault> {
        let uri = address::read(address::GITHUB, api)?;
        let outside = Outside::to(&uri, way).map_err(of_way)?;
        Self::over(outside, &uri, repository, token)
    }

    /// The same over this way.
    pub(super) fn over(
        outside: Outside,
        api: &Uri,
        repository: &GithubRepository,
        token: &SecretString,
    ) -> Result<Self, PublishFault> {
        let token: SecretString = token.expose_secret().trim().into();
        let value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()));
        let value = value.ok().filter(|_| !token.expose_secret().is_empty());
        let mut authorization = value.ok_or(PublishFault::TokenUnsendable {})?;
        authorization.set_sensitive(true);
        let server = address::origin(api);
        let api = format!("{server}{}", api.path().trim_end_matches('/'));
        Ok(Self { outside, api, server, repository: repository.to_string(), token, authorization })
    }

    /// Whether the token may set statuses on the repository: one is asked for on a commit that no repository has.
    ///
    /// # Errors
    /// That it may not, or that nobody could tell within that time, and why.
    pub(super) async fn right(&self, context: &str, within: Duration) -> Result<Right, PublishFault> {
        let body = json!({ "state": "pending", "context": context });
        let path = self.path(&["statuses", NO_COMMIT]);
        let asked = self.asked(NO_COMMIT, context);
        let answer = patiently(within, async || {
            let (answer, renamed) = self.send(&Method::POST, &path, Some(&body)).await?;
            asked.value(&answer).map(|_| renamed).or_else(|setback| match setback {
                Setback::Never(PublishFault::NoSuchCommit { .. }) => Ok(renamed),
                other => Err(other),
            })
        });
        match answer.await {
            Ok(false) => Ok(Right::May),
            Ok(true) => Ok(Right::MayRenamed),
            Err(Setback::Again { why, .. } | Setback::Never(why)) => Err(why),
        }
    }

    /// Has this status be the latest of its context on the commit, within that time as far as GitHub lets us.
    pub(super) async fn publish(&self, revision: &str, status: &CommitStatus, within: Duration) -> Outcome {
        if !is_commit_id(revision) {
            // a branch's name would be taken for its newest commit
            return Outcome::Unpublished(PublishFault::RevisionIsNoCommit { revision: revision.to_owned() });
        }
        let revision = revision.to_ascii_lowercase();
        let asked = self.asked(&revision, &status.context);
        let mut commit = [40, 64].contains(&revision.len()).then(|| revision.clone());
        let mut sent = false;
        let done = patiently(within, async || {
            let commit = match &mut commit {
                Some(commit) => commit,
                none => none.insert(self.commit(&asked).await?),
            };
            let latest = self.latest(commit, status, &asked).await?;
            if latest.as_ref().is_some_and(|latest| says(latest, status)) {
                return Ok(());
            }
            // whatever becomes of it, from here on it may be there
            sent = true;
            let path = self.path(&["statuses", commit]);
            let (answer, _) = self.send(&Method::POST, &path, Some(&body(status))).await?;
            asked.value(&answer).map(drop)
        });
        match done.await {
            Ok(()) if sent => Outcome::Published,
            Ok(()) => Outcome::AlreadyThere,
            Err(Setback::Again { why, after }) => Outcome::Later { after, why },
            Err(Setback::Never(why)) => Outcome::Unpublished(why),
        }
    }

    /// The whole id of a commit that is known by its beginning. A branch or tag of that name is not meant.
    async fn commit(&self, asked: &StatusQuestion<'_>) -> Result<String, Setback> {
        let path = self.path(&["commits", asked.revision]);
        let (answer, _) = self.send(&Method::GET, &path, None).await?;
        let value = asked.value(&answer)?;
        let commit = value["sha"].as_str().filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        commit.filter(|id| id.starts_with(asked.revision)).map(str::to_owned).ok_or_else(|| {
            Setback::Never(PublishFault::NoSuchCommit {
                revision: asked.revision.to_owned(),
                repository: asked.repository.to_owned(),
            })
        })
    }

    /// The latest status of this build. One of another build that came after it is no reason to repeat what is there.
    async fn latest(
        &self,
        commit: &str,
        status: &CommitStatus,
        asked: &StatusQuestion<'_>,
    ) -> Result<Option<Value>, Setback> {
        let ours = |there: &Value| {
            let text = |key: &str| there[key].as_str().unwrap_or_default();
            // GitHub holds two contexts for one that differ in case alone
            text("context").eq_ignore_ascii_case(&status.context)
                && status.is_of_this_build(text("description"))
        };
        for page in 1..=PAGES {
            let path = format!("{}?per_page={PAGE}&page={page}", self.path(&["commits", commit, "statuses"]));
            let (answer, _) = self.send(&Method::GET, &path, None).await?;
            let statuses = match asked.value(&answer) {
                Ok(Value::Array(statuses)) => statuses,
                Ok(_) => {
                    let (server, code) = (self.server.clone(), answer.code.as_u16());
                    return Err(Setback::Never(PublishFault::NotGithub { server, code }));
                }
                // a commit that is not there, or a right that is missing: writing tells which
                Err(Setback::Never(PublishFault::NoSuchCommit { .. } | PublishFault::NotAllowed { .. })) => {
                    break;
                }
                Err(other) => return Err(other),
            };
            let count = statuses.len();
            if let Some(status) = statuses.into_iter().find(ours) {
                return Ok(Some(status));
            }
            if count < PAGE {
                break;
            }
        }
        Ok(None)
    }

    fn asked<'a>(&'a self, revision: &'a str, context: &'a str) -> StatusQuestion<'a> {
        let token = self.token.expose_secret();
        StatusQuestion { server: &self.server, repository: &self.repository, revision, context, token }
    }

    /// The path of something in the repository.
    fn path(&self, parts: &[&str]) -> String {
        let mut path = format!("{}/repos/{}", self.api, self.repository);
        for part in parts {
            path.push('/');
            escape_into(&mut path, part);
        }
        path
    }

    /// Sends a request, and once more wherever GitHub redirects it on the same server, as it does for a repository that was
    /// renamed; whether it did.
    async fn send(
        &self,
        method: &Method,
        to: &str,
        body: Option<&Value>,
    ) -> Result<(HttpAnswer, bool), Setback> {
        let malformed = |error: http::Error| {
            Setback::Never(PublishFault::OutletMalformed { what: address::GITHUB, why: error.to_string() })
        };
        let mut to: Uri = to.parse().map_err(|error: http::uri::InvalidUri| malformed(error.into()))?;
        for followed in 0..=REDIRECTS {
            let request = self.request(method, &to, body).map_err(malformed)?;
            let answer = self.outside.send(request).await;
            let answer = answer.map_err(|no| unanswered(self.server.clone(), no))?;
            if !matches!(answer.code.as_u16(), 301 | 302 | 307 | 308) {
                return Ok((answer, followed > 0));
            }
            let location = answer.headers.get(LOCATION).and_then(|location| location.to_str().ok());
            to = address::redirected(&to, location.unwrap_or_default()).map_err(|to| {
                Setback::Never(PublishFault::SentElsewhere { server: self.server.clone(), to })
            })?;
        }
        Err(Setback::Never(PublishFault::RedirectedTooOften { server: self.server.clone() }))
    }

    fn request(
        &self,
        method: &Method,
        to: &Uri,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(to)
            .header(AUTHORIZATION, &self.authorization)
            .header(ACCEPT, "application/vnd.github+json")
            .header(USER_AGENT, super::USER_AGENT)
            .header("x-github-api-version", "2022-11-28");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Full::from(body.map(Value::to_string).unwrap_or_default()))
    }
}

/// What GitHub is sent.
fn body(status: &CommitStatus) -> Value {
    let mut body = json!({
        "state": status.state.as_str(),
        "context": status.context,
        "description": status.description,
    });
    if let Some(link) = &status.link {
        body["target_url"] = json!(link);
    }
    body
}

/// Whether what is there says the same.
fn says(there: &Value, status: &CommitStatus) -> bool {
    let text = |key: &str| there[key].as_str().filter(|text| !text.is_empty());
    text("state") == Some(status.state.as_str())
        && text("description") == Some(status.description.as_str())
        && text("target_url") == status.link.as_deref()
}

/// Why there is no way out.
pub(super) fn of_way(none: NoWayOut) -> PublishFault {
    match none {
        NoWayOut::Authority(why) => PublishFault::AuthorityUnusable { why },
        NoWayOut::Proxy(fault) => PublishFault::ProxyUnusable { why: fault.to_string() },
    }
}
