//! A chain as an object, for programs: what `status --chains -o json` prints. `docs/status-json.md` documents it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::build::Build;
use super::build_object::{API_VERSION, time};
use super::reserved::Reserved;

/// What is known of a chain.
#[derive(Debug, Clone, Default)]
pub struct ChainSeen {
    /// Its name.
    pub name: String,
    /// Its uuid; none where neither home nor a build tells it.
    pub uuid: Option<String>,
    /// The build of its newest generation, as far as its namespace is there.
    pub newest: Option<Build>,
    /// The newest build that has ended, and its verdict.
    pub last: Option<(String, String)>,
    /// Since when the newest listens.
    pub listening_since: Option<Timestamp>,
    /// Since when nothing of the chain builds.
    pub idle_since: Option<Timestamp>,
    /// How many of its builds have a namespace; none where nobody counted.
    pub builds: Option<usize>,
    /// When and by whom it was ended, in words.
    pub ended: Option<String>,
    /// What is wrong with its head, one sentence: without that nothing is built.
    pub fault: Option<String>,
    /// What those of its builds have reserved that home remembers; none where it knows of none.
    pub reserved: Option<Reserved>,
}

impl ChainSeen {
    /// The object. What is not known is absent, never null. `why`: why it stands still.
    pub fn object(&self, why: Option<&str>) -> Value {
        let newest = self.newest.as_ref();
        let object = ChainObject {
            api_version: API_VERSION,
            kind: "Chain",
            metadata: ChainMetadata { name: &self.name, uid: self.uuid.as_deref() },
            status: ChainStatus {
                newest_build: newest.map(|build| build.namespace.as_str()),
                phase: newest.map(|build| build.phase_shown().as_str()),
                last_build: self.last.as_ref().map(|(build, _)| build.as_str()),
                last_verdict: self.last.as_ref().map(|(_, verdict)| verdict.as_str()),
                listening_since: self.listening_since.map(time),
                idle_since: self.idle_since.map(time),
                builds: self.builds,
                ended: self.ended.as_deref(),
                reserved: self.reserved.as_ref(),
                why,
            },
        };
        serde_json::to_value(object).expect("strings and numbers are JSON")
    }
}

/// Fields are only ever added within `studioci.dev/v1`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChainObject<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: ChainMetadata<'a>,
    status: ChainStatus<'a>,
}

#[derive(Debug, Serialize)]
struct ChainMetadata<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChainStatus<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_build: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_build: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_verdict: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listening_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    builds: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved: Option<&'a Reserved>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}
