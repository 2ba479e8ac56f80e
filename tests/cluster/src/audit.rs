//! The API server's audit log: which requests reached it, by whom, in which order, and what came of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::api::Api;
use crate::error::{At, Error};

/// One finished request. A watch appears twice, when it begins and when it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// `ResponseComplete`; of a watch that begins, `ResponseStarted`.
    pub stage: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Path and query.
    #[serde(rename = "requestURI")]
    pub uri: String,
    /// Who asked.
    pub user: User,
    /// Whom they acted as, if anybody.
    pub impersonated_user: Option<User>,
    /// What the client calls itself.
    pub user_agent: String,
    /// What was asked for; empty for paths that are no resource.
    pub object_ref: Object,
    /// What came of it.
    pub response_status: Status,
    /// When it arrived: RFC 3339 in UTC with six digits of a second, so that text order is the order in time.
    pub request_received_timestamp: String,
    /// When it was answered, likewise.
    pub stage_timestamp: String,
}

/// Who asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct User {
    /// The user's name; of an impersonating request, the true one.
    pub username: String,
    /// Only an impersonated one is worth a look: others have one of the server's.
    pub uid: String,
    /// Their groups.
    pub groups: Vec<String>,
    /// What else is known of them: of a ServiceAccount's token, the pod that it was made for.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// The name of the pod whose token it was.
    pub fn pod(&self) -> Option<&str> {
        self.extra.get("authentication.kubernetes.io/pod-name")?.first().map(String::as_str)
    }
}

/// What a request is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Object {
    /// `pods`, `namespaces` …
    pub resource: String,
    /// `log`, `status` …
    pub subresource: String,
    /// Empty for cluster-wide requests.
    pub namespace: String,
    /// Empty for lists, and for creations whose name the server takes from the body.
    pub name: String,
    /// Empty for the core group.
    pub api_group: String,
}

/// What came of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The HTTP status.
    pub code: u16,
}

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

/// The log of one cluster.
#[derive(Debug, Clone)]
pub struct Log {
    file: PathBuf,
    api: Api,
}

impl Log {
    pub(crate) fn new(file: PathBuf, api: Api) -> Log {
        Log { file, api }
    }

    /// The file, one JSON object a line.
    pub fn file(&self) -> &PathBuf {
        &self.file
    }

    /// The end of the log as it is now.
    pub fn mark(&self) -> Result<Mark, Error> {
        Ok(Mark(std::fs::metadata(&self.file).at("look at", &self.file)?.len()))
    }

    /// All requests that were answered between the mark and this call, in the order in which they *arrived*. The log is
    /// written after the answer, so one last request of our own is sent and waited for; it is not in the result.
    pub fn since(&self, mark: Mark) -> Result<Vec<Event>, Error> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let last = format!("/version?studioci-mark={}-{}", std::process::id(), self.mark()?.0);
        self.api.get(&last)?;
        let until = Instant::now() + PATIENCE;
        loop {
            let events = self.read(mark)?;
            if events.iter().any(|event| event.uri.starts_with(&last)) {
                let mut events: Vec<Event> = events
                    .into_iter()
                    .filter(|event| !event.uri.starts_with("/version?studioci-mark="))
                    .collect();
                events.sort_by(|a, b| a.request_received_timestamp.cmp(&b.request_received_timestamp));
                return Ok(events);
            }
            if Instant::now() > until {
                return Err(Error::Late {
                    what: "a request was not in the audit log".into(),
                    after: PATIENCE,
                    last,
                });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn read(&self, mark: Mark) -> Result<Vec<Event>, Error> {
        let mut file = File::open(&self.file).at("open", &self.file)?;
        file.seek(SeekFrom::Start(mark.0)).at("read", &self.file)?;
        let mut text = String::new();
        file.read_to_string(&mut text).at("read", &self.file)?;
        // a line without its end is still being written
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let events = whole.lines().map(serde_json::from_str).collect::<Result<_, _>>();
        events.map_err(std::io::Error::from).at("read", &self.file)
    }
}
