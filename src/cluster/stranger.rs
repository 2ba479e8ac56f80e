//! Answers that no API server gives: a login page, a redirection, a path that leads to something else.
//!
//! Pure. Taken for an API server's, a page that is not there would be an object that is not there.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use serde::Deserialize;

use super::config_fault::ConfigFault;
use super::connection_info::ConnectionInfo;
use super::error::Error;
use super::request::ApiRequest;
use super::url;

/// What every API server serves, so that not even a missing kind explains a 404 there that is no Status.
const SERVED: [&str; 3] = ["/api/v1/", "/apis/apps/v1/", "/apis/authorization.k8s.io/v1/"];
/// What Go's API server says of a group or version that it does not serve.
const NO_SUCH_PATH: &[u8] = b"404 page not found";
/// What servers say that are spoken to without TLS: Go's, nginx, Apache.
const SPEAKS_HTTPS: [&str; 3] = [
    "HTTP request to an HTTPS server",
    "plain HTTP request was sent to HTTPS port",
    "speaking plain HTTP to an SSL-enabled server port",
];

#[derive(Deserialize)]
struct OfKind {
    kind: String,
}

/// The error that an answer is which no API server gives; `None` for all others.
pub(super) fn stranger(
    about: &ConnectionInfo,
    request: &ApiRequest,
    code: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<Error> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // a pod's log is plain text, whatever it begins with
    let page = match text(CONTENT_TYPE) {
        "" => body.trim_ascii_start().starts_with(b"<"),
        kind => kind.to_ascii_lowercase().contains("html"),
    };
    let answer = match code.as_u16() {
        400 if SPEAKS_HTTPS.iter().any(|words| String::from_utf8_lossy(body).contains(words)) => {
            let (server, field) = (about.server.clone(), about.givers.server.server_field());
            return Some(ConfigFault::ServerSpeaksHttps { server, field }.into());
        }
        300..=399 => format!("a redirection{}", elsewhere(text(LOCATION))),
        401 | 407 | 429 | 500.. => return None,
        404 if !page && !is_status(body) => {
            let served = SERVED.iter().any(|path| request.path.starts_with(path));
            if !served && body.trim_ascii() == NO_SUCH_PATH {
                return None;
            }
            "which is no answer of Kubernetes".to_owned()
        }
        _ if page => "a page of HTML".to_owned(),
        _ => return None,
    };
    Some(Error::NoApiServer {
        what: request.what.clone(),
        url: format!("{}{}", about.server, request.path),
        proxy: about.proxy.clone(),
        answer: format!("{code}, {answer}"),
        giver: about.givers.server,
    })
}

/// Where a redirection leads. Not to which path there: what we sent may stand in it.
fn elsewhere(location: &str) -> String {
    match url::shown(location).split_once("://") {
        Some((scheme, rest)) => format!(" to {scheme}://{}", rest.split('/').next().unwrap_or_default()),
        None => String::new(),
    }
}

fn is_status(body: &[u8]) -> bool {
    serde_json::from_slice::<OfKind>(body).is_ok_and(|found| found.kind == "Status")
}

#[cfg(test)]
#[path = "stranger_tests.rs"]
mod tests;
