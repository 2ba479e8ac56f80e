//! A build as an object, for programs: what `status -o json` prints and what a webhook is sent. `docs/status-json.md`
//! documents it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::build::{Build, Map, Verdict};
use super::reserved::Reserved;

/// Version of the object.
pub const API_VERSION: &str = "studioci.dev/v1";

/// What is known of a build only by looking at more than its Namespace; nothing where nobody looked.
#[derive(Debug, Clone, Default)]
pub struct Seen<'a> {
    /// Labels of its Namespace.
    pub labels: Option<&'a Map>,
    /// What keeps it from going on.
    pub trouble: Option<&'a str>,
    /// What to do about that.
    pub remedy: Option<&'a str>,
    /// Since when Keel has not moved a listener that it should have looked at since.
    pub silent_since: Option<Timestamp>,
    /// The table's WHY.
    pub why: Option<String>,
    /// Why nothing proves it its chain's: then nothing is told that a program may count.
    pub unproved: Option<&'a str>,
}

/// The object. What is not known is absent, never null.
pub fn build_object(build: &Build, seen: &Seen<'_>, now: Timestamp) -> Value {
    let counts = seen.unproved.is_none();
    let took = build.duration(now).filter(|_| counts);
    let seconds = took.map(|(from, to)| to.duration_since(from).as_secs().max(0));
    let object = BuildObject {
        api_version: API_VERSION,
        kind: "Build",
        metadata: BuildMetadata {
            name: &build.namespace,
            uid: &build.uid,
            creation_timestamp: build.created.map(time),
            labels: seen.labels.filter(|labels| !labels.is_empty()),
        },
        spec: BuildSpec {
            chain: &build.chain,
            chain_uuid: &build.chain_uuid,
            owner: &build.owner,
            generation: build.generation,
            side: build.is_side().then_some(if build.retry_of.is_some() { "retry" } else { "trigger" }),
            retry_of: build.retry_of.as_deref(),
            parent: build.parent.as_deref(),
            baseline: build.baseline.to_string(),
        },
        status: BuildStatus {
            phase: build.phase_shown().as_str(),
            unproved: seen.unproved,
            verdict: build.verdict.filter(|_| counts).map(Verdict::as_str),
            cause: build.cause.as_deref().filter(|_| counts),
            waiting: build.waiting.as_deref(),
            trouble: seen.trouble.filter(|_| counts),
            remedy: seen.remedy.filter(|_| counts),
            silent_since: seen.silent_since.filter(|_| counts).map(time),
            why: seen.why.as_deref(),
            terminating: build.terminating,
            image: build.image.as_deref(),
            tag: build.version.as_ref().map(|version| version.tag.as_str()),
            digest: build.version.as_ref().and_then(|version| Some(version.digest()?.as_str())),
            revision: build.revision.as_deref(),
            successor: build.successor.as_deref(),
            dispatch: build.dispatch.as_str(),
            dispatch_error: build.dispatch_error.as_deref(),
            phase_times: build.times.iter().map(|(phase, at)| (phase.as_str(), time(*at))).collect(),
            duration_seconds: seconds,
            reserved: build.reserved.as_ref().filter(|_| counts),
        },
    };
    serde_json::to_value(object).expect("strings and numbers are JSON")
}

/// Whole seconds, as Kubernetes writes times.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Fields are only ever added within `studioci.dev/v1`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildObject<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: BuildMetadata<'a>,
    spec: BuildSpec<'a>,
    status: BuildStatus<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildMetadata<'a> {
    /// Name of the build's namespace, which is the build's name.
    name: &'a str,
    /// uid of the Namespace.
    uid: &'a str,
    /// When the Namespace was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_timestamp: Option<String>,
    /// Labels of the Namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a Map>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildSpec<'a> {
    /// The chain's name.
    chain: &'a str,
    /// The chain's uuid.
    #[serde(rename = "chainUUID")]
    chain_uuid: &'a str,
    /// The uuid that proves the claim.
    owner: &'a str,
    /// The number of the link, from 1.
    generation: u64,
    /// Of a side build, by which verb it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<&'static str>,
    /// The build that it is a retry of.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_of: Option<&'a str>,
    /// Namespace of the build before.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<&'a str>,
    /// What the listener starts from and does not build: `none`, `TAG@?` or `TAG[@DIGEST]`.
    baseline: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildStatus<'a> {
    /// Where the build is.
    phase: &'static str,
    /// Why nothing proves it its chain's.
    #[serde(skip_serializing_if = "Option::is_none")]
    unproved: Option<&'a str>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    /// Why it ended so.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    /// What its agent says it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<&'a str>,
    /// What keeps it from going on, seen from outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<&'a str>,
    /// What to do about the trouble.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a str>,
    /// Since when Keel has not moved a listener that it should have looked at since.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_since: Option<String>,
    /// The table's WHY.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    /// Whether the Namespace is being deleted.
    terminating: bool,
    /// Name of the image, without tag and digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    /// The tag that triggered.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    /// The digest that triggered; absent for an unpinned build.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a str>,
    /// Source revision of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'a str>,
    /// Namespace of the build after.
    #[serde(skip_serializing_if = "Option::is_none")]
    successor: Option<&'a str>,
    /// How far the dispatch of the successor is.
    dispatch: &'static str,
    /// Why the last try to dispatch failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    dispatch_error: Option<&'a str>,
    /// When each phase began, by its name.
    phase_times: BTreeMap<&'static str, String>,
    /// Whole seconds from the push being seen to the verdict, or to now.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<i64>,
    /// What it has reserved, once it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved: Option<&'a Reserved>,
}
