//! Which build is meant, how long it is followed, and what is said of what is not there: against a scripted server, on a paused
//! clock.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{BodyEnd, Reply, Scripted};
use tokio::time::Instant;

use super::*;
use crate::chain::base64::base64;
use crate::chain::head::Head;
use crate::chain::kept_log::{KeptLog, KeptPart, secret_of};
use crate::chain::wire;
use crate::state::error::{Error, WatchFault};

/// A Namespace of a build.
fn namespace(name: &str, chain: &str, generation: u64, phase: &str, more: &[(&str, &str)]) -> Value {
    let mut it = json!({ "metadata": {
        "name": name, "uid": format!("uid-{name}"), "resourceVersion": "1",
        "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: chain, wire::PHASE: phase },
        "annotations": { wire::CHAIN_UUID: "c", wire::OWNER: "o", wire::GENERATION: generation.to_string(),
            wire::JOB_UID: format!("job-{name}") },
    } });
    for (key, value) in more {
        it["metadata"]["annotations"][*key] = json!(value);
    }
    it
}

const PASSED: &[(&str, &str)] =
    &[(wire::VERDICT, "Passed"), (wire::CAUSE, "container build exited with code 0")];
const FAILED: &[(&str, &str)] =
    &[(wire::VERDICT, "Failed"), (wire::CAUSE, "container build exited with code 2")];

/// A pod of the Job of a build, with a container that runs, and others that wait to.
fn pod(namespace: &str, runs: &str, waits: &[&str]) -> Value {
    let names: Vec<&str> = std::iter::once(runs).chain(waits.iter().copied()).collect();
    let state = |name: &str| {
        if name == runs {
            json!({ "running": {} })
        } else {
            json!({ "waiting": { "reason": "PodInitializing" } })
        }
    };
    let statuses: Vec<Value> =
        names.iter().map(|name| json!({ "name": name, "state": state(name), "restartCount": 0 })).collect();
    let containers: Vec<Value> = names.iter().map(|name| json!({ "name": name, "image": "i" })).collect();
    json!({
        "metadata": { "namespace": namespace, "name": "studioci-build-x", "uid": format!("pod-{namespace}"),
            "ownerReferences": [{ "controller": true, "uid": format!("job-{namespace}") }] },
        "spec": { "restartPolicy": "Never", "containers": containers },
        "status": { "phase": "Running", "containerStatuses": statuses },
    })
}

/// The same once its containers have ended.
fn ended(mut pod: Value) -> Value {
    pod["status"]["phase"] = json!("Succeeded");
    for status in pod["status"]["containerStatuses"].as_array_mut().unwrap() {
        status["state"] = json!({ "terminated": { "exitCode": 0 } });
    }
    pod
}

/// What history has of a build of chain `app`.
fn entry(namespace: &str, generation: u64, verdict: &str, log_kept: bool) -> Entry {
    Entry {
        generation,
        namespace: namespace.to_owned(),
        uid: format!("uid-{namespace}"),
        verdict: verdict.to_owned(),
        cause: "container build exited with code 2".to_owned(),
        image: None,
        version: None,
        revision: None,
        times: [("recorded".to_owned(), Timestamp::UNIX_EPOCH)].into(),
        exits: Vec::new(),
        events: Vec::new(),
        retry_of: None,
        text: None,
        log_kept,
        reserved: None,
    }
}

/// A line of a log with its time, as a node has it.
fn line(second: u64, text: &str) -> String {
    format!("2026-11-29T10:00:{second:02}.000000000Z {text}\n")
}

/// Lines of a log, each so many seconds after the one before, and how it ends.
type Written = (Vec<(u64, String)>, BodyEnd);

/// What a cluster answers.
#[derive(Default)]
struct Ground {
    namespaces: Vec<Value>,
    pods: Vec<Value>,
    /// Heads in home, where they are others than those that know each namespace.
    heads: Option<Vec<Value>>,
    /// The head from the second time on that it is asked for.
    settles: Option<Value>,
    /// Whether nobody may read heads.
    blind: bool,
    /// Events of the watches, each so many seconds after the one before.
    namespaces_then: Vec<(u64, Value)>,
    pods_then: Vec<(u64, Value)>,
    /// Objects in home, by kind and name.
    home: BTreeMap<String, Value>,
    /// Logs by container.
    logs: BTreeMap<&'static str, Written>,
}

impl Ground {
    fn of(namespaces: Vec<Value>) -> Self {
        Self { namespaces, ..Self::default() }
    }

    /// Home knows these builds of chain `app`.
    fn remembers(mut self, entries: &[Entry]) -> Self {
        let data: BTreeMap<String, String> = entries
            .iter()
            .map(|entry| (wire::build_key(entry.generation), json!(entry).to_string()))
            .collect();
        let metadata = json!({ "name": "history-app", "labels": { wire::CHAIN: "app" } });
        self.home.insert("configmaps/history-app".to_owned(), json!({ "metadata": metadata, "data": data }));
        self
    }

    /// Home keeps this of the log of a build of chain `app`.
    fn keeps(mut self, namespace: &str, generation: u64, containers: Vec<KeptPart>) -> Self {
        let log = KeptLog { uid: format!("uid-{namespace}"), why: None, containers };
        let object = format!("secrets/{}", secret_of("app", generation));
        let data = json!({ wire::build_key(generation): base64(log.pack()) });
        self.home.insert(object, json!({ "metadata": { "name": "x" }, "type": "Opaque", "data": data }));
        self
    }

    /// This container's log has these lines, and ends.
    fn writes(mut self, container: &'static str, lines: &[&str]) -> Self {
        let lines = lines.iter().zip(1..).map(|(text, second)| (0, line(second, text))).collect();
        self.logs.insert(container, (lines, BodyEnd::Close));
        self
    }

    fn serve(self) -> (Cluster, Scripted) {
        let mut asked = 0;
        Cluster::scripted(move |request| {
            let after = |events: &[(u64, String)], end: BodyEnd| {
                let lines = events.iter().map(|(after, text)| (Duration::from_secs(*after), text.clone()));
                Reply::Stream(lines.collect(), end)
            };
            let events = |events: &[(u64, Value)]| {
                let lines: Vec<_> =
                    events.iter().map(|(after, event)| (*after, format!("{event}\n"))).collect();
                after(&lines, BodyEnd::Silence)
            };
            let list = |items: &[&Value]| {
                let items: Vec<_> = items.iter().filter(|it| request.selects(it)).collect();
                Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
            };
            let watches = request.query.contains("watch=true");
            let path = request.path.strip_prefix("/api/v1/namespaces").unwrap();
            let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
            match &parts[..] {
                [""] if watches => events(&self.namespaces_then),
                [""] => list(&self.namespaces.iter().collect::<Vec<_>>()),
                ["studioci", "configmaps"] => list(&self.home.values().collect::<Vec<_>>()),
                ["studioci", "configmaps", _] if self.blind => {
                    let why = "configmaps \"x\" is forbidden: User \"alice\" cannot get resource \"configmaps\" in API group \"\" in \
                               the namespace \"studioci\"";
                    Reply::Status(403, "Forbidden", why)
                }
                ["studioci", "configmaps", name] if name.starts_with("chain-") => {
                    asked += 1;
                    if let Some(head) = self.settles.as_ref().filter(|_| asked > 1) {
                        return Reply::Json(200, head.clone());
                    }
                    let mut heads =
                        self.heads.clone().unwrap_or_else(|| Head::objects_of(&self.namespaces)).into_iter();
                    match heads.find(|head| head["metadata"]["name"] == *name) {
                        Some(head) => Reply::Json(200, head),
                        None => Reply::Status(404, "NotFound", "not found"),
                    }
                }
                ["studioci", kind, name] => match self.home.get(&format!("{kind}/{name}")) {
                    Some(object) => Reply::Json(200, object.clone()),
                    None => Reply::Status(404, "NotFound", "not found"),
                },
                [_, "pods"] if watches => events(&self.pods_then),
                [namespace, "pods"] => {
                    let here = |pod: &&Value| pod["metadata"]["namespace"] == *namespace;
                    list(&self.pods.iter().filter(here).collect::<Vec<_>>())
                }
                [namespace, "pods", _] => Reply::Json(200, ended(pod(namespace, "build", &[]))),
                [_, "pods", _, "log"] => {
                    let container = request.query.split('&').find_map(|it| it.strip_prefix("container="));
                    let (lines, end) = &self.logs[container.unwrap()];
                    after(lines, *end)
                }
                _ => panic!("nobody answers {}", request.line()),
            }
        })
    }

    /// How it ended, and what was told: of several containers each with its name, notices in brackets.
    async fn asked(self, request: LogsRequest) -> (std::result::Result<LogsEnd, Error>, String) {
        let (cluster, _) = self.serve();
        let mut said = String::new();
        let mut tell = |told: LogTold<'_>| {
            let (of, several, bytes) = match told {
                LogTold::Piece { of, several, piece: LogPiece::Text { bytes, .. } } => {
                    (of, several, &bytes[..])
                }
                LogTold::Piece { piece, .. } => {
                    write!(said, "{piece:?}").unwrap();
                    return true;
                }
                LogTold::Kept { of, several, bytes } => (of, several, bytes),
                LogTold::Notice(text) => {
                    writeln!(said, "[{text}]").unwrap();
                    return true;
                }
                LogTold::Warning(text) => {
                    writeln!(said, "[Warning: {text}]").unwrap();
                    return true;
                }
            };
            if several {
                write!(said, "{}: ", of.container).unwrap();
            }
            said.push_str(std::str::from_utf8(bytes).unwrap());
            true
        };
        let end = Box::pin(logs(&cluster, &request, &mut tell)).await;
        (end, said)
    }

    async fn told(self, request: LogsRequest) -> String {
        let (end, said) = self.asked(request).await;
        match end {
            Ok(LogsEnd::Told) => said,
            other => panic!("{other:?} {said}"),
        }
    }

    async fn refused(self, request: LogsRequest) -> String {
        let (end, said) = self.asked(request).await;
        assert_eq!(said, "");
        end.unwrap_err().to_string()
    }
}

fn named(name: &str) -> LogsRequest {
    LogsRequest { name: Some(name.to_owned()), ..LogsRequest::default() }
}

fn here(chain: Option<&str>) -> LogsRequest {
    LogsRequest { here: chain.map(str::to_owned), ..LogsRequest::default() }
}

fn follow(of: LogsRequest) -> LogsRequest {
    LogsRequest { follow: true, ..of }
}

const KEPT_OF: &str = "this is the end of its log, as it was kept";

/// A chain `app`, whose build `ci-1` is over, `ci-2` runs, and `ci-3` waits.
fn turning() -> Ground {
    let namespaces = vec![
        namespace("ci-1", "app", 1, "Finished", PASSED),
        namespace("ci-2", "app", 2, "Building", &[]),
        namespace("ci-3", "app", 3, "Listening", &[]),
    ];
    let mut ground = Ground::of(namespaces).writes("build", &["one", "two"]);
    ground.pods = vec![pod("ci-2", "build", &[])];
    ground
}

/// The same, where none runs.
fn waiting() -> Ground {
    let namespaces =
        vec![namespace("ci-1", "app", 1, "Finished", PASSED), namespace("ci-2", "app", 2, "Listening", &[])];
    let part = KeptPart::of("studioci-build-x", "build", false, b"kept\n".to_vec());
    Ground::of(namespaces).remembers(&[entry("ci-1", 1, "Passed", true)]).keeps("ci-1", 1, vec![part])
}

#[tokio::test(start_paused = true)]
async fn without_a_name_the_chain_of_the_checkout_is_meant_else_the_only_one_and_of_several_none() {
    let with_another = || {
        let mut ground = turning();
        ground.namespaces.push(namespace("ci-9", "other", 1, "Listening", &[]));
        ground
    };
    assert_eq!(with_another().told(here(Some("app"))).await, "one\ntwo\n");
    for chain in [None, Some("app-gone"), Some("no such/label")] {
        let said = with_another().refused(here(chain)).await;
        assert_eq!(said, "there are several chains: app, other", "{chain:?}");
        assert_eq!(turning().told(here(chain)).await, "one\ntwo\n", "{chain:?}: it is the only one");
        assert_eq!(Ground::default().refused(here(chain)).await, "there is no chain, and so no log");
    }
    // of the checkout's chain home alone is left
    let mut ground = waiting();
    ground.namespaces = vec![namespace("ci-9", "other", 1, "Listening", &[])];
    let said = ground.told(here(Some("app"))).await;
    assert!(said.ends_with(&format!("{KEPT_OF}]\nkept\n")), "{said}");
}

#[tokio::test(start_paused = true)]
async fn of_a_chain_the_running_build_is_meant_else_the_last_one() {
    assert_eq!(turning().told(named("app")).await, "one\ntwo\n");
    let last = waiting().told(named("app")).await;
    assert_eq!(last, format!("[the pods of ci-1 are gone; {KEPT_OF}]\nkept\n"));
    // the last one's namespace is gone, too
    let mut ground = waiting();
    ground.namespaces.remove(0);
    assert_eq!(ground.told(named("app")).await, last);
    // nothing has run yet
    let fresh = || Ground::of(vec![namespace("ci-1", "app", 1, "Listening", &[])]);
    assert_eq!(
        fresh().refused(named("app")).await,
        "build ci-1 is Listening: no container of it has run yet"
    );
}

#[tokio::test(start_paused = true)]
async fn a_build_is_meant_by_its_name_whatever_runs_and_whether_it_is_there_or_not() {
    let mut ground = waiting();
    ground.namespaces = turning().namespaces;
    ground.pods = turning().pods;
    assert!(ground.told(named("ci-1")).await.ends_with("kept\n"));
    let mut ground = waiting();
    ground.namespaces.clear();
    assert!(ground.told(named("ci-1")).await.ends_with("kept\n"), "home knows it");
    let said = waiting().refused(named("ci-4")).await;
    assert_eq!(said, "there is no chain and no build called \"ci-4\"");
    assert_eq!(
        waiting().refused(named("ci-2")).await,
        "build ci-2 is Listening: no container of it has run yet"
    );
}

/// The namespace of the running build once it is over.
fn recorded(more: &[(&str, &str)]) -> Value {
    json!({ "type": "MODIFIED", "object": namespace("ci-2", "app", 2, "Recorded", more) })
}

#[tokio::test(start_paused = true)]
async fn a_log_is_followed_to_the_verdict_through_pods_that_come_later() {
    let mut ground = waiting();
    ground.namespaces_then = vec![
        (5, json!({ "type": "MODIFIED", "object": namespace("ci-2", "app", 2, "Building", &[]) })),
        (20, recorded(FAILED)),
    ];
    ground.pods_then = vec![(6, json!({ "type": "ADDED", "object": pod("ci-2", "build", &[]) }))];
    let lines = vec![(1, line(1, "one")), (9, line(10, "two"))];
    ground.logs.insert("build", (lines, BodyEnd::Close));
    let began = Instant::now();
    let (end, said) = ground.asked(follow(named("app"))).await;
    let cause = Some("container build exited with code 2".to_owned());
    assert_eq!(end.unwrap(), LogsEnd::Verdict("ci-2".to_owned(), Verdict::Failed, cause));
    assert_eq!(said, "[waiting for the next build of app, in ci-2]\none\ntwo\n");
    let took = began.elapsed();
    assert!((25..27).contains(&took.as_secs()), "{took:?}: it waits for the verdict, and for nothing more");
}

#[tokio::test(start_paused = true)]
async fn what_runs_on_after_the_verdict_is_listened_to_for_ten_seconds() {
    let mut ground = turning();
    ground.namespaces_then = vec![(3, recorded(PASSED))];
    ground.logs.insert(
        "build",
        (vec![(0, line(1, "one")), (9, line(10, "two")), (9, line(19, "late"))], BodyEnd::Silence),
    );
    let began = Instant::now();
    let (end, said) = ground.asked(follow(named("app"))).await;
    assert!(matches!(end.unwrap(), LogsEnd::Verdict(build, Verdict::Passed, _) if build == "ci-2"));
    assert_eq!((said.as_str(), began.elapsed().as_secs()), ("one\ntwo\n", 13));
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_over_is_followed_to_its_verdict_by_what_was_kept_of_it() {
    let cause = |text: &str| Some(text.to_owned());
    let (end, said) = waiting().asked(follow(named("ci-1"))).await;
    let of_namespace =
        LogsEnd::Verdict("ci-1".to_owned(), Verdict::Passed, cause("container build exited with code 0"));
    assert_eq!((end.unwrap(), said.ends_with("kept\n")), (of_namespace, true), "{said}");
    let mut ground = waiting();
    ground.namespaces.clear();
    let (end, said) = ground.asked(follow(named("ci-1"))).await;
    let of_home =
        LogsEnd::Verdict("ci-1".to_owned(), Verdict::Passed, cause("container build exited with code 2"));
    assert_eq!((end.unwrap(), said.ends_with("kept\n")), (of_home, true), "{said}");
    // the verdict is what was waited for, also where nothing was kept
    let ground = waiting().remembers(&[entry("ci-1", 1, "Passed", false)]).keeps("other", 1, Vec::new());
    let (end, said) = ground.asked(follow(named("ci-1"))).await;
    assert!(matches!(end.unwrap(), LogsEnd::Verdict(..)));
    assert_eq!(said, "[the pods of build ci-1 are gone, and nothing of its log was kept]\n");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_goes_while_it_is_followed_has_the_verdict_that_home_has() {
    let deleted = || {
        let mut ground = turning();
        ground.pods.clear();
        let gone = namespace("ci-2", "app", 2, "Building", &[]);
        ground.namespaces_then = vec![(3, json!({ "type": "DELETED", "object": gone }))];
        ground
    };
    let part = KeptPart::of("studioci-build-x", "build", false, b"its end\n".to_vec());
    let ground = deleted().remembers(&[entry("ci-2", 2, "Errored", true)]).keeps("ci-2", 2, vec![part]);
    let (end, said) = ground.asked(follow(named("ci-2"))).await;
    assert!(matches!(end.unwrap(), LogsEnd::Verdict(build, Verdict::Errored, _) if build == "ci-2"));
    assert!(said.ends_with("its end\n"), "{said}");
    for ground in [deleted(), deleted().remembers(&[entry("ci-1", 1, "Passed", true)])] {
        let (end, _) = ground.asked(follow(named("ci-2"))).await;
        assert!(matches!(end, Err(Error::Watch(WatchFault::DeletedBeforeVerdict { .. }))), "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_kept_log_what_is_missing_is_said() {
    let parts = || {
        let failed = KeptPart::unread("studioci-build-x", "migrate", "its node was away".to_owned());
        vec![KeptPart::of("studioci-build-x", "build", true, b"a\nb\nc\n".to_vec()), failed]
    };
    let kept = || waiting().keeps("ci-1", 1, parts());
    let begins = format!("[the pods of ci-1 are gone; {KEPT_OF}]\n");
    assert_eq!(
        kept().told(named("ci-1")).await,
        format!(
            "{begins}[the log of container build begins in the middle]\nbuild: a\nb\nc\nmigrate: [the log of container migrate: its node was away]\n"
        )
    );
    let one = |request: LogsRequest| LogsRequest { container: Some("build".to_owned()), ..request };
    assert_eq!(
        kept().told(LogsRequest { tail: Some(1), ..one(named("ci-1")) }).await,
        format!("{begins}c\n"),
        "whoever asks for the last lines knows that others are before them"
    );
    let since = LogsRequest { since: Some(Duration::from_secs(60)), tail: Some(9), ..one(named("ci-1")) };
    assert_eq!(
        kept().told(since).await,
        format!(
            "{begins}[a kept log has no times: --since is not used]\n[the log of container build begins in the middle]\na\nb\nc\n"
        )
    );
    let other = LogsRequest { container: Some("cache".to_owned()), ..named("ci-1") };
    assert_eq!(
        kept().refused(other).await,
        "the pods of build ci-1 are gone, and of container cache nothing was kept"
    );
    assert_eq!(
        waiting().keeps("ci-1", 1, Vec::new()).told(named("ci-1")).await,
        format!("{begins}[no container of ci-1 has run]\n")
    );
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_not_there_was_never_kept_has_fallen_out_or_was_the_agents() {
    // another build has its place in the ring
    let fell_out = || waiting().keeps("ci-9", 9, Vec::new());
    let never = || fell_out().remembers(&[entry("ci-1", 1, "Passed", false)]);
    let of_a_purged_chain = || waiting().keeps("ci-other", 1, Vec::new());
    for (ground, says) in [
        (fell_out(), "what was kept of its log has made room for that of later builds"),
        (of_a_purged_chain(), "what was kept of its log has made room for that of later builds"),
        (never(), "nothing of its log was kept"),
    ] {
        let said = ground.refused(named("ci-1")).await;
        assert_eq!(said, format!("the pods of build ci-1 are gone, and {says}"));
    }
    let diary = |name: &str| LogsRequest { agent: true, ..named(name) };
    let gone = "the pod of the agent of build ci-1 is gone, and its diary with it";
    assert_eq!(waiting().refused(diary("ci-1")).await, gone);
    let mut ground = waiting();
    ground.namespaces.clear();
    assert_eq!(ground.refused(diary("ci-1")).await, gone);
}

#[tokio::test(start_paused = true)]
async fn of_a_build_that_runs_a_container_is_asked_for_by_its_name() {
    let two = || {
        let mut ground = turning().writes("build", &["one"]).writes("sidecar", &["beside"]);
        ground.pods = vec![pod("ci-2", "build", &["sidecar"])];
        ground
    };
    let of = |name: &str| LogsRequest { container: Some(name.to_owned()), ..named("app") };
    assert_eq!(two().told(of("build")).await, "one\n");
    assert_eq!(two().told(named("app")).await, "one\n", "the other one has not begun");
    let both = || {
        let mut ground = two();
        ground.pods = vec![ended(pod("ci-2", "build", &["sidecar"]))];
        ground
    };
    assert_eq!(both().told(named("app")).await, "build: one\nsidecar: beside\n");
    assert_eq!(both().told(of("sidecar")).await, "beside\n");
    assert_eq!(two().refused(of("cache")).await, "build ci-2 has no container cache that has run");
    let mut none = two();
    none.pods.clear();
    assert_eq!(none.refused(of("build")).await, "build ci-2 is Building: no container of it has run yet");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_more_who_listens_no_more() {
    for (ground, request) in [
        (turning(), named("app")),
        (waiting(), named("app")),
        (turning(), follow(named("app"))),
        (waiting(), follow(named("app"))),
        (waiting(), follow(named("ci-1"))),
    ] {
        let (cluster, _) = ground.serve();
        let mut heard = 0;
        let mut tell = |_: LogTold<'_>| {
            heard += 1;
            false
        };
        let end = Box::pin(logs(&cluster, &request, &mut tell)).await.unwrap();
        assert_eq!((end, heard), (LogsEnd::Unheard, 1), "{request:?}");
    }
}

/// The chain that turns, beside a copy of its first build by somebody else.
fn with_copy() -> Ground {
    let mut ground = turning();
    ground.heads = Some(Head::objects_of(&ground.namespaces));
    ground.namespaces.push(namespace("ci-copy", "app", 2, "Finished", PASSED));
    ground.namespaces.push(namespace("ci-evil", "evil", 1, "Building", &[]));
    ground.pods.push(pod("ci-copy", "build", &[]));
    ground
}

#[tokio::test(start_paused = true)]
async fn the_log_of_what_only_says_that_it_is_a_build_is_shown_with_a_warning_and_followed_to_no_verdict() {
    let says = "Warning: namespace ci-copy says that it is a build of chain app, and is not believed: the head of chain app knows generation 2 by \
                another uid, so nothing proves it ours; kubectl studioci doctor app looks at that chain, and kubectl delete namespace ci-copy removes what nobody needs";
    assert_eq!(with_copy().told(named("ci-copy")).await, format!("[{says}]\none\ntwo\n"));
    assert_eq!(
        with_copy().told(named("app")).await,
        format!("[{says}]\none\ntwo\n"),
        "that of its running build"
    );
    for name in ["ci-copy", "evil", "ci-evil"] {
        let (end, said) = with_copy().asked(follow(named(name))).await;
        assert!(matches!(end, Err(Error::NotProvablyOurs { .. })), "{name}: {end:?}");
        assert!(!said.contains("one\n"), "{said}");
    }
    // nor does it make a second chain of the only one
    assert_eq!(with_copy().told(here(None)).await, "one\ntwo\n");
}

#[tokio::test(start_paused = true)]
async fn of_what_only_says_that_it_is_a_build_home_keeps_no_log_and_no_room_was_made_for_others() {
    for phase in ["Finished", "Building", "Claimed"] {
        let mut ground = with_copy();
        ground.pods.retain(|pod| pod["metadata"]["namespace"] != "ci-copy");
        let copy = ground.namespaces.iter_mut().find(|it| it["metadata"]["name"] == "ci-copy").unwrap();
        copy["metadata"]["labels"][wire::PHASE] = json!(phase);
        let (end, said) = ground.asked(named("ci-copy")).await;
        match end {
            Err(Error::NotProvablyOurs { namespace, why }) => {
                assert!(namespace == "ci-copy" && why.contains("by another uid"), "{why}");
            }
            other => panic!("{phase}: {other:?}"),
        }
        assert_eq!(said, "", "it is said once, by the error");
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_not_read_home_is_told_so_once_and_follows_all_the_same() {
    let mut ground = turning();
    ground.blind = true;
    ground.namespaces_then = vec![(3, recorded(PASSED))];
    let (end, said) = ground.asked(follow(named("app"))).await;
    assert!(matches!(end.unwrap(), LogsEnd::Verdict(build, Verdict::Passed, _) if build == "ci-2"));
    let (notice, log) = said.split_once("]\n").unwrap();
    assert_eq!(log, "one\ntwo\n");
    let says = "[Warning: what the namespaces of chain app say is taken at its word, since home, which proves it, cannot be read";
    assert!(notice.starts_with(says), "{notice}");
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_somebody_else_has_made_is_followed_to_no_verdict() {
    let settling = json!({ "metadata": { "name": "chain-app", "resourceVersion": "1" },
        "data": { "uuid": "c", "generation": "2" } });
    for uid in ["uid-ci-2", "another"] {
        let mut ground = Ground::of(vec![namespace("ci-2", "app", 2, "Claimed", &[])]);
        let mut head = settling.clone();
        // home settles it, or the real one, while the log is followed; of what it has not settled the claim alone is believed
        (head["data"]["namespace"], head["data"]["uid"]) = (json!("ci-2"), json!(uid));
        ground.settles = Some(head);
        ground.heads = Some(vec![settling.clone()]);
        ground.namespaces_then = vec![(3, recorded(PASSED))];
        let (end, _) =
            ground.remembers(&[entry("ci-2", 2, "Passed", false)]).asked(follow(named("app"))).await;
        match end {
            Ok(LogsEnd::Verdict(_, Verdict::Passed, _)) => assert_eq!(uid, "uid-ci-2"),
            Err(Error::NotProvablyOurs { .. }) => assert_eq!(uid, "another"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn where_a_chain_is_called_like_another_chains_build_the_log_is_of_the_kind_that_was_named() {
    let ground = || {
        let mut ground = Ground::of(vec![
            namespace("web", "app", 1, "Building", &[]),
            namespace("web-a", "web", 1, "Building", &[]),
        ]);
        ground.pods = vec![pod("web", "first", &[]), pod("web-a", "second", &[])];
        ground.writes("first", &["of app"]).writes("second", &["of web"])
    };
    let of = |name: &str, kind| LogsRequest { kind, ..named(name) };
    let (chain, build) = (Some(NamedKind::Chain), Some(NamedKind::Build));
    for (name, kind, log) in [
        ("web", None, "of app\n"),
        ("web", build, "of app\n"),
        ("web", chain, "of web\n"),
        ("app", chain, "of app\n"),
        ("web-a", build, "of web\n"),
    ] {
        assert_eq!(ground().told(of(name, kind)).await, log, "{name} {kind:?}");
    }
    assert_eq!(ground().refused(of("app", build)).await, "there is no build called \"app\"");
    assert_eq!(ground().refused(of("web-a", chain)).await, "there is no chain called \"web-a\"");
    // nor is it another kind's that home alone knows
    let gone = || Ground::default().remembers(&[entry("ci-1", 1, "Failed", false)]);
    assert_eq!(gone().refused(of("app", build)).await, "there is no build called \"app\"");
    assert_eq!(gone().refused(of("ci-1", chain)).await, "there is no chain called \"ci-1\"");
}
