//! What an API server answers when it does not do as asked: its `Status`, and the [`Error`] that it becomes.

use serde::Deserialize;

use super::config_fault::ConfigFault;
use super::connection_info::ConnectionInfo;
use super::error::{Denier, Error};
use super::forbidden::Forbidden;

/// The API server's `Status`, as far as we read it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) message: String,
    pub(super) reason: String,
    pub(super) code: u16,
    pub(super) details: Option<StatusDetails>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct StatusDetails {
    pub(super) causes: Vec<StatusCause>,
    pub(super) retry_after_seconds: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct StatusCause {
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) field: String,
}

impl Status {
    /// Reads an answer that is not a success. What stands between us and the server may answer in HTML or plain
    /// text; its first line is kept.
    pub(super) fn read(code: u16, body: &[u8]) -> Self {
        let mut status = serde_json::from_slice::<Self>(body).unwrap_or_default();
        status.code = code;
        if status.message.is_empty() {
            let text = String::from_utf8_lossy(body);
            let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
            status.message = format!("HTTP {code}: {}", line.chars().take(200).collect::<String>());
        }
        status
    }

    fn has_cause(&self, reason: &str) -> bool {
        self.causes().iter().any(|cause| cause.reason == reason)
    }

    pub(super) fn causes(&self) -> &[StatusCause] {
        self.details.as_ref().map_or(&[], |details| &details.causes)
    }

    /// The error that this answer to a request about `what` is. `tests`: the request was a JSON patch with a
    /// `test`, whose failure the server reports as a 422 without causes.
    pub(super) fn into_error(self, what: &str, about: &ConnectionInfo, tests: bool) -> Error {
        let what = what.to_owned();
        let why = self.message.clone();
        if let Some(by) = self.denier() {
            return Error::Denied { what, why, by };
        }
        match (self.code, self.reason.as_str()) {
            (401, _) => {
                let (server, user, giver) =
                    (about.server.clone(), about.user.clone(), about.givers.credentials);
                if about.withheld {
                    let field = about.givers.server.server_field();
                    return ConfigFault::CredentialsWithheld { server, user, field }.into();
                }
                Error::Unauthorized { server, user, why, giver }
            }
            (403, _) => match Forbidden::read(&why) {
                Some(forbidden) => Error::Forbidden(Box::new(forbidden)),
                None => Error::Denied { what, why, by: Denier::Other },
            },
            (404, _) => Error::NotFound { what, why },
            (409, "AlreadyExists") => Error::AlreadyExists { what, why },
            (409, _) => Error::Conflict { what, why },
            (410, _) => Error::Gone { what, why },
            (422, _) if tests && self.causes().is_empty() => {
                Error::Conflict { what, why: "a test of the JSON patch did not hold".to_owned() }
            }
            (400 | 422, _) => {
                let causes = self
                    .causes()
                    .iter()
                    .filter(|cause| !cause.field.is_empty())
                    .map(|cause| format!("{}: {}", cause.field, cause.message))
                    .collect();
                Error::Invalid { what, why, causes }
            }
            (429, _) => Error::TooManyRequests { what, why },
            (code, _) => Error::Other { what, code, why },
        }
    }

    /// Who in admission denied it, if this is such a denial.
    fn denier(&self) -> Option<Denier> {
        let by = Denier::of(&self.message);
        if let Some(Denier::Webhook(_) | Denier::Policy(_)) = by {
            return by;
        }
        if self.code != 403 {
            return None;
        }
        if self.has_cause("NamespaceTerminating") {
            return Some(Denier::Terminating);
        }
        by
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
