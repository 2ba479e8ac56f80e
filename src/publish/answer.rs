//! What GitHub's answers mean: done, never, or again and when.

use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};
use jiff::Timestamp;
use serde_json::Value;

use super::fault::PublishFault;
use super::patience::Setback;
use crate::chain::bound::TimeBound;
use crate::cluster::Hindrance;
use crate::cluster::outside::{HttpAnswer, NoAnswer, http_date};

/// How long GitHub asks to wait where it does not say how long.
const UNSAID: Duration = Duration::from_secs(60);
/// Characters of another's words that are passed on.
const WORDS: usize = 200;

/// No answer.
pub(super) fn unanswered(server: String, no: NoAnswer) -> Setback {
    match no {
        NoAnswer::Link { why: Hindrance::Certificate(why), .. } => {
            Setback::Never(PublishFault::CertificateRefused { server, why: why.to_string() })
        }
        NoAnswer::Link { why, may_pass } => {
            let fault = PublishFault::Unreached { server, why: why.to_string() };
            if may_pass { Setback::again(fault) } else { Setback::Never(fault) }
        }
        NoAnswer::Silent(after) => {
            Setback::again(PublishFault::Unanswered { server, bound: TimeBound(after) })
        }
        NoAnswer::TooLarge(most) => Setback::Never(PublishFault::AnswerEndless { server, most }),
    }
}

/// Whether the other side is in trouble of its own, or has too much to do: the same request may do later.
pub(super) fn passing(server: &str, answer: &HttpAnswer) -> Option<Setback> {
    let code = answer.code.as_u16();
    match code {
        429 => Some(limited(server, wait(answer).unwrap_or(UNSAID))),
        408 | 425 | 500.. => {
            let trouble = PublishFault::ServerTrouble { server: server.to_owned(), code };
            Some(Setback::after(trouble, wait(answer).unwrap_or_default()))
        }
        _ => None,
    }
}

fn limited(server: &str, after: Duration) -> Setback {
    let bound = TimeBound(after);
    Setback::after(PublishFault::RateLimited { server: server.to_owned(), bound }, after)
}

/// How long the other side asks to wait, by its own clock.
fn wait(answer: &HttpAnswer) -> Option<Duration> {
    let now = answer.date();
    let until = |at: Timestamp| {
        let left = at.duration_since(now?);
        // its clock shows whole seconds
        Some(Duration::try_from(left).unwrap_or_default() + Duration::from_secs(1))
    };
    let text = |name: &str| Some(answer.headers.get(name)?.to_str().ok()?.trim());
    if let Some(after) = text(RETRY_AFTER.as_str()) {
        return match after.parse().map(Duration::from_secs) {
            Ok(after) => Some(after),
            Err(_) => until(http_date(after)?),
        };
    }
    if text("x-ratelimit-remaining") != Some("0") {
        return None;
    }
    until(Timestamp::from_second(text("x-ratelimit-reset")?.parse().ok()?).ok()?)
}

/// Whether a 403 means "not now": the limit of an hour, or the secondary one, which says so in words alone at times.
fn is_limit(headers: &HeaderMap, said: &str) -> bool {
    headers.contains_key(RETRY_AFTER)
        || headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0")
        || said.to_ascii_lowercase().contains("rate limit")
}

/// What was asked, as far as the meaning of an answer depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatusQuestion<'a> {
    pub(super) server: &'a str,
    pub(super) repository: &'a str,
    pub(super) revision: &'a str,
    pub(super) context: &'a str,
    /// What must not be quoted.
    pub(super) token: &'a str,
}

impl StatusQuestion<'_> {
    /// The value of an answer that is no redirect.
    ///
    /// # Errors
    /// Whether the same request may do later, or never, and why.
    pub(super) fn value(&self, answer: &HttpAnswer) -> Result<Value, Setback> {
        let server = self.server.to_owned();
        let code = answer.code.as_u16();
        if let Some(setback) = passing(self.server, answer) {
            return Err(setback);
        }
        let value: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let said = self.said(value.as_ref());
        if answer.code == StatusCode::FORBIDDEN && is_limit(&answer.headers, &said) {
            return Err(limited(self.server, wait(answer).unwrap_or(UNSAID)));
        }
        let Some(value) = value else {
            return Err(Setback::Never(PublishFault::NotGithub { server, code }));
        };
        if answer.code.is_success() {
            return Ok(value);
        }
        let repository = self.repository.to_owned();
        Err(Setback::Never(match code {
            401 => PublishFault::TokenRefused { server },
            403 | 404 => PublishFault::NotAllowed { server, repository, why: said },
            422 if said.contains("No commit found") => {
                PublishFault::NoSuchCommit { revision: self.revision.to_owned(), repository }
            }
            422 if said.contains("maximum number of statuses") => PublishFault::TooManyStatuses {
                revision: self.revision.to_owned(),
                context: self.context.to_owned(),
            },
            _ => PublishFault::Refused { server, code, why: said },
        }))
    }

    /// GitHub's words: the message, and those of each error below it.
    fn said(&self, value: Option<&Value>) -> String {
        let Some(value) = value else { return String::new() };
        let below = value["errors"].as_array().into_iter().flatten();
        let below = below.filter_map(|error| error["message"].as_str().or_else(|| error.as_str()));
        let words: Vec<&str> = value["message"].as_str().into_iter().chain(below).collect();
        let words = words.join(": ");
        // somebody between us and GitHub may answer with all that we sent
        let words = if self.token.is_empty() { words } else { words.replace(self.token, "…") };
        let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect();
        if line.trim().is_empty() { "it does not say why".to_owned() } else { line }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const ASKED: StatusQuestion<'_> = StatusQuestion {
        server: "https://gh",
        repository: "o/r",
        revision: "abc",
        context: "studioci/app",
        token: "TOKEN",
    };
    /// Seven o'clock.
    const DATE: (&str, &str) = ("date", "Tue, 24 Nov 2026 07:00:00 GMT");

    fn told(code: u16, headers: &[(&'static str, &str)], body: &'static str) -> Result<Value, Setback> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let answer = HttpAnswer {
            code: StatusCode::from_u16(code).unwrap(),
            headers: map,
            body: Bytes::from_static(body.as_bytes()),
        };
        ASKED.value(&answer)
    }

    fn seconds(setback: Result<Value, Setback>) -> u64 {
        match setback {
            Err(Setback::Again { after, .. }) => after.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_limit_is_obeyed_in_every_form_in_which_it_is_told() {
        let reset = ("x-ratelimit-reset", "1795503630");
        let spent = ("x-ratelimit-remaining", "0");
        for (code, headers, body, expected) in [
            (429, vec![("retry-after", "7")], "{}", 7),
            (403, vec![("retry-after", "7")], "{}", 7),
            (403, vec![DATE, ("retry-after", "Tue, 24 Nov 2026 07:00:30 GMT")], "{}", 31),
            (403, vec![DATE, spent, reset], "{}", 31),
            (429, vec![DATE, spent, reset], "<html>", 31),
            // a reset that is past by the server's own clock
            (403, vec![("date", "Tue, 24 Nov 2026 08:00:00 GMT"), spent, reset], "{}", 1),
            // without the server's clock nothing is compared
            (403, vec![spent, reset], "{}", 60),
            (429, vec![("retry-after", "soon")], "{}", 60),
            (429, vec![], "", 60),
            (403, vec![], r#"{"message":"You have exceeded a secondary rate limit."}"#, 60),
            (429, vec![("retry-after", "99999999999")], "{}", 3600),
            (503, vec![("retry-after", "5")], "<html>", 5),
            (502, vec![], "<html>", 0),
            (408, vec![], "", 0),
        ] {
            assert_eq!(seconds(told(code, &headers, body)), expected, "{code} {headers:?}");
        }
    }

    #[test]
    fn what_will_not_change_by_itself_is_final_and_says_why() {
        for (code, body, expected) in [
            (401, r#"{"message":"Bad credentials"}"#, "https://gh does not accept the token"),
            (
                403,
                r#"{"message":"Resource not accessible by integration"}"#,
                "or there is no such repository: Resource not",
            ),
            (404, r#"{"message":"Not Found"}"#, "statuses on o/r, or there is no such repository: Not Found"),
            (422, r#"{"message":"No commit found for SHA: abc"}"#, "o/r has no commit abc"),
            (
                422,
                r#"{"message":"Validation Failed","errors":[{"message":"This SHA and context has reached the maximum number of statuses."}]}"#,
                "as many statuses of studioci/app as GitHub takes",
            ),
            (422, r#"{"message":"Validation Failed","errors":["bad"]}"#, "HTTP 422: Validation Failed: bad"),
            (422, r#"{"message":"you sent TOKEN"}"#, "you sent …"),
            (451, "{}", "HTTP 451: it does not say why"),
            (200, "<html>", "does not answer as GitHub does: HTTP 200"),
            (404, "<html>", "does not answer as GitHub does: HTTP 404"),
            (403, "", "does not answer as GitHub does: HTTP 403"),
        ] {
            match told(code, &[], body) {
                Err(Setback::Never(fault)) => {
                    assert!(fault.to_string().contains(expected), "{code}: {fault}");
                    assert!(!fault.to_string().contains("TOKEN"), "{fault}");
                }
                other => panic!("{code} {body}: {other:?}"),
            }
        }
        assert_eq!(told(201, &[], r#"{"id":1}"#), Ok(serde_json::json!({ "id": 1 })));
    }
}
