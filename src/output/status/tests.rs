//! What `status` shows of builds in every state.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::chain::build::{Content, Map, NamespaceView, Verdict, Version};
use crate::chain::chain_object::ChainSeen;
use crate::chain::reserved::Reserved;
use crate::keel::image::Digest;
use crate::output::chains::ChainsView;
use crate::output::form::ObjectForm;
use crate::output::listing::Listing;
use crate::output::printer;

fn table(view: &View<'_>, wide: bool) -> String {
    let form = wide.then_some(ObjectForm::Wide);
    Listing { form, ..Listing::default() }.print(view, false).unwrap()
}

fn names(view: &View<'_>) -> Vec<String> {
    (0..view.count()).map(|place| view.name(place)).collect()
}

fn list(view: &View<'_>) -> Value {
    Listed::list(view, &(0..view.count()).collect::<Vec<_>>())
}

const NOW: &str = "2026-11-25T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A listener, as its Namespace tells it.
fn build(namespace: &str, generation: u64, created: &str) -> Build {
    let map = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Map>()
    };
    let told = NamespaceView {
        namespace,
        uid: &format!("uid-{namespace}"),
        resource_version: "1",
        created: Some(at(created)),
        terminating: false,
        labels: &map(&[(wire::CHAIN, "runner-main"), (wire::PHASE, "Listening")]),
        annotations: &map(&[
            (wire::CHAIN_UUID, "0c8b2d4e-0000-4000-8000-000000000001"),
            (wire::OWNER, "0c8b2d4e-0000-5000-8000-000000000002"),
            (wire::GENERATION, &generation.to_string()),
            (wire::BASELINE, &version("build-2").to_string()),
            (wire::IMAGE, "quay.io/acme/runner"),
            (&Phase::Claimed.time_key(), created),
        ]),
    };
    Build::read(told).unwrap()
}

fn version(tag: &str) -> Version {
    Version {
        tag: tag.to_owned(),
        content: Content::Digest(
            Digest::parse(&format!("sha256:{}", "0123456789ab".repeat(6)[..64].to_owned())).unwrap(),
        ),
    }
}

fn passed() -> Build {
    Build {
        phase: Phase::Finished,
        verdict: Some(Verdict::Passed),
        dispatch: Dispatch::Done,
        successor: Some("ci-brave-lovelace".to_owned()),
        version: Some(version("build-1")),
        revision: Some("9fceb02".to_owned()),
        times: BTreeMap::from([
            (Phase::Claimed, at("2026-11-25T10:00:00Z")),
            (Phase::Triggered, at("2026-11-25T10:30:00Z")),
            (Phase::Recorded, at("2026-11-25T10:37:05Z")),
        ]),
        ..build("ci-eager-hopper", 1, "2026-11-25T10:00:00Z")
    }
}

fn running() -> Build {
    Build {
        phase: Phase::Building,
        dispatch: Dispatch::Done,
        parent: Some("ci-eager-hopper".to_owned()),
        successor: Some("ci-calm-noether".to_owned()),
        version: Some(Version { tag: "build-2".to_owned(), content: Content::SideLoaded }),
        times: BTreeMap::from([(Phase::Triggered, at("2026-11-25T11:58:30Z"))]),
        ..build("ci-brave-lovelace", 2, "2026-11-25T10:30:02Z")
    }
}

fn troubled(namespace: &str, trouble: &str) -> BTreeMap<String, Signs> {
    let signs = Signs { trouble: Some(trouble.to_owned()), ..Signs::default() };
    BTreeMap::from([(namespace.to_owned(), signs)])
}

#[test]
fn the_table_shows_the_newest_first() {
    let (passed, running) = (passed(), running());
    let listening = Build {
        parent: Some("ci-brave-lovelace".to_owned()),
        ..build("ci-calm-noether", 3, "2026-11-25T11:58:31Z")
    };
    let signs = BTreeMap::new();
    let view = View::new([&passed, &listening, &running], &signs, at(NOW));
    insta::assert_snapshot!(table(&view, false), @"
        NAME                CHAIN         GEN   STATUS      TAG       AGE    WHY
        ci-calm-noether     runner-main   3     Listening   <none>    89s    waiting for a push after build-2
        ci-brave-lovelace   runner-main   2     Building    build-2   89m    <none>
        ci-eager-hopper     runner-main   1     Passed      build-1   120m   <none>
        ");
    insta::assert_snapshot!(table(&view, true), @"
        NAME                CHAIN         GEN   STATUS      TAG       AGE    PHASE       VERDICT   DIGEST         DURATION   PARENT              SUCCESSOR           REVISION   DISPATCH   IMAGE                 WHY
        ci-calm-noether     runner-main   3     Listening   <none>    89s    Listening   <none>    <none>         <none>     ci-brave-lovelace   <none>              <none>     pending    quay.io/acme/runner   waiting for a push after build-2
        ci-brave-lovelace   runner-main   2     Building    build-2   89m    Building    <none>    unpinned       90s        ci-eager-hopper     ci-calm-noether     <none>     done       quay.io/acme/runner   <none>
        ci-eager-hopper     runner-main   1     Passed      build-1   120m   Finished    Passed    0123456789ab   7m5s       <none>              ci-brave-lovelace   9fceb02    done       quay.io/acme/runner   <none>
        ");
    insta::assert_snapshot!(names(&view).join("\n"), @"
        namespace/ci-calm-noether
        namespace/ci-brave-lovelace
        namespace/ci-eager-hopper
        ");
}

#[test]
fn a_row_of_usual_names_fits_80_columns_but_for_its_reason_which_is_last_and_whole() {
    let revision = "9fceb02d0ae598e95dc970b74767f19372d61af8";
    let of = |tag: &str| Some(Version { tag: tag.to_owned(), ..version("x") });
    let why = format!("no node takes the build's pod: {}", "why ".repeat(50).trim_end());
    let builds = [
        Build { version: of(revision), ..passed() },
        Build { version: of(&format!("g{revision}")), ..passed() },
        Build { verdict: Some(Verdict::Cancelled), version: of("build-12"), ..passed() },
        Build { version: of("main"), waiting: Some(why.clone()), ..running() },
        Build { phase: Phase::Triggered, terminating: true, version: of("build-99"), ..running() },
        Build { generation: 1234, ..build("ci-sharp-mccarthy", 3, "2021-11-25T11:58:31Z") },
        build("ci-calm-noether", 3, "2021-11-25T11:58:31Z"),
    ];
    let signs = BTreeMap::new();
    let view = View::new(&builds, &signs, at(NOW));
    let rendered = table(&view, false);
    let begins = rendered.lines().next().unwrap().find("WHY").unwrap();
    assert!(begins + NONE.len() <= 80, "{rendered}");
    for line in rendered.lines() {
        let whole = line.ends_with(&why) || line.contains("   waiting for a push after build-2");
        assert!(whole || line.len() <= 80, "{line}");
    }
    assert!(rendered.contains("   9fceb02   ") && rendered.contains("   g9fceb02   "), "{rendered}");
    // whoever asks for more is told all of it
    let wide = table(&view, true);
    assert!(wide.contains(revision) && wide.lines().next().unwrap().ends_with("   WHY"), "{wide}");
    let build = Build { version: of(revision), revision: Some(revision.to_owned()), ..passed() };
    let object = view.object_of(&build);
    assert_eq!(
        (&object["status"]["tag"], &object["status"]["revision"]),
        (&json!(revision), &json!(revision))
    );
}

#[test]
fn one_second_orders_by_chain_then_by_generation() {
    let at_once = "2026-11-25T10:00:00Z";
    let builds = [
        Build { chain: "b".to_owned(), ..build("n1", 1, at_once) },
        Build { chain: "a".to_owned(), ..build("n2", 1, at_once) },
        Build { chain: "a".to_owned(), ..build("n3", 2, at_once) },
        Build { created: None, ..build("n4", 1, at_once) },
    ];
    let signs = BTreeMap::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
        let view = View::new(order.map(|index: usize| &builds[index]), &signs, at(NOW));
        let names: Vec<String> = names(&view);
        assert_eq!(names, ["namespace/n4", "namespace/n3", "namespace/n2", "namespace/n1"], "{order:?}");
    }
}

#[test]
fn what_stands_still_says_why() {
    let base = || build("ns", 1, "2026-11-25T10:00:00Z");
    let pulls = troubled("ns", "ImagePullBackOff");
    let fine = BTreeMap::new();
    let since = Signs { silent_since: Some(at("2026-11-25T10:00:00Z")), ..Signs::default() };
    let silent = BTreeMap::from([("ns".to_owned(), since)]);
    let remedied = Signs {
        trouble: Some("no node.".to_owned()),
        remedy: Some("add one".to_owned()),
        ..Signs::default()
    };
    let remedied = BTreeMap::from([("ns".to_owned(), remedied)]);
    let standing = Signs { standing: Some("its pod comes up".to_owned()), ..Signs::default() };
    let standing = BTreeMap::from([("ns".to_owned(), standing)]);
    let missing = troubled("ns", "ErrImagePull: a/b:main: not found");
    let first = || Build {
        phase: Phase::Claimed,
        baseline: Baseline::None,
        waiting: Some("waiting for the first push: a/b:main".to_owned()),
        ..base()
    };
    for (build, signs, why) in vec![
        (base(), &fine, Some("waiting for a push after build-2")),
        (Build { baseline: Baseline::None, ..base() }, &fine, Some("waiting for the first push")),
        (
            Build { baseline: Baseline::Pending("v1".to_owned()), ..base() },
            &fine,
            Some("waiting for a push after v1"),
        ),
        (base(), &pulls, Some("ImagePullBackOff")),
        (Build { phase: Phase::Claimed, ..base() }, &fine, Some("waiting for its listener")),
        (
            Build { phase: Phase::Claimed, ..base() },
            &standing,
            Some("waiting for its listener: its pod comes up"),
        ),
        (Build { phase: Phase::Claimed, ..base() }, &remedied, Some("no node (add one)")),
        (
            Build {
                phase: Phase::Recorded,
                verdict: Some(Verdict::Passed),
                cause: Some("exit 0".to_owned()),
                waiting: Some("container proxy runs on".to_owned()),
                dispatch: Dispatch::Done,
                ..base()
            },
            &fine,
            Some("exit 0; container proxy runs on"),
        ),
        (
            Build {
                phase: Phase::Recorded,
                verdict: Some(Verdict::Passed),
                cause: Some("exit 0".to_owned()),
                waiting: Some("the next listener is not dispatched: quota".to_owned()),
                dispatch_error: Some("quota".to_owned()),
                ..base()
            },
            &fine,
            Some("chain is broken, no next listener: quota; exit 0"),
        ),
        (
            Build { phase: Phase::Building, waiting: Some("0/3 nodes have a GPU".to_owned()), ..base() },
            &fine,
            Some("0/3 nodes have a GPU"),
        ),
        (Build { phase: Phase::Building, ..base() }, &fine, None),
        (
            Build { phase: Phase::Building, dispatch_error: Some("quota".to_owned()), ..base() },
            &pulls,
            Some("chain is broken, no next listener: quota; ImagePullBackOff"),
        ),
        (
            Build {
                phase: Phase::Building,
                dispatch: Dispatch::Done,
                dispatch_error: Some("an older try".to_owned()),
                ..base()
            },
            &fine,
            None,
        ),
        (
            Build {
                phase: Phase::Finished,
                verdict: Some(Verdict::Failed),
                cause: Some("build exited with 2".to_owned()),
                ..base()
            },
            &pulls,
            Some("build exited with 2; ImagePullBackOff"),
        ),
        (passed(), &fine, None),
        (Build { terminating: true, ..base() }, &fine, None),
        (Build { terminating: true, ..base() }, &pulls, Some("ImagePullBackOff")),
        (base(), &silent, Some("waiting for a push after build-2; Keel has not moved this for 120m")),
        (
            Build { waiting: Some("its agent cannot go on: x".to_owned()), ..base() },
            &silent,
            Some("its agent cannot go on: x"),
        ),
        (Build { waiting: Some("old".to_owned()), ..base() }, &pulls, Some("ImagePullBackOff")),
        (first(), &missing, Some("waiting for the first push: a/b:main")),
        (first(), &pulls, Some("ImagePullBackOff")),
        (Build { waiting: None, ..first() }, &missing, Some("ErrImagePull: a/b:main: not found")),
        (
            Build { phase: Phase::Building, waiting: Some("no node.".to_owned()), ..base() },
            &pulls,
            Some("ImagePullBackOff; no node"),
        ),
    ] {
        assert_eq!(View::new([], signs, at(NOW)).why(&build).as_deref(), why, "{build:?}");
    }
}

#[test]
fn a_terminating_namespace_is_on_its_way_out() {
    let build = Build { terminating: true, ..passed() };
    let signs = BTreeMap::new();
    let view = View::new([&build], &signs, at(NOW));
    let row = Listing { no_headers: true, ..Listing::default() }.print(&view, false).unwrap();
    assert!(row.contains("Disposing"), "{row}");
}

#[test]
fn a_duration_ends_with_the_verdict() {
    let signs = BTreeMap::new();
    let view = View::new([], &signs, at(NOW));
    let seconds = |build: &Build| view.object_of(build)["status"].get("durationSeconds").cloned();
    assert_eq!(seconds(&passed()), Some(json!(425)));
    assert_eq!(seconds(&running()), Some(json!(90)));
    assert_eq!(seconds(&build("ns", 1, NOW)), None, "a listener");
    let untimed = Build { verdict: Some(Verdict::Errored), ..running() };
    assert_eq!(seconds(&untimed), None, "a verdict whose time is not known");
}

#[test]
fn objects_are_stable() {
    let (passed, listening) = (passed(), build("ci-calm-noether", 3, "2026-11-25T11:58:31Z"));
    let signs = troubled("ci-calm-noether", "pod is unschedulable");
    let view = View::new([&passed, &listening], &signs, at(NOW));
    insta::assert_snapshot!(printer::json(&list(&view)), @r#"
        {
            "apiVersion": "studioci.dev/v1",
            "items": [
                {
                    "apiVersion": "studioci.dev/v1",
                    "kind": "Build",
                    "metadata": {
                        "creationTimestamp": "2026-11-25T11:58:31Z",
                        "name": "ci-calm-noether",
                        "uid": "uid-ci-calm-noether"
                    },
                    "spec": {
                        "baseline": "build-2@sha256:0123456789ab0123456789ab0123456789ab0123456789ab0123456789ab0123",
                        "chain": "runner-main",
                        "chainUUID": "0c8b2d4e-0000-4000-8000-000000000001",
                        "generation": 3,
                        "owner": "0c8b2d4e-0000-5000-8000-000000000002"
                    },
                    "status": {
                        "dispatch": "pending",
                        "image": "quay.io/acme/runner",
                        "phase": "Listening",
                        "phaseTimes": {
                            "Claimed": "2026-11-25T11:58:31Z"
                        },
                        "terminating": false,
                        "trouble": "pod is unschedulable",
                        "why": "pod is unschedulable"
                    }
                },
                {
                    "apiVersion": "studioci.dev/v1",
                    "kind": "Build",
                    "metadata": {
                        "creationTimestamp": "2026-11-25T10:00:00Z",
                        "name": "ci-eager-hopper",
                        "uid": "uid-ci-eager-hopper"
                    },
                    "spec": {
                        "baseline": "build-2@sha256:0123456789ab0123456789ab0123456789ab0123456789ab0123456789ab0123",
                        "chain": "runner-main",
                        "chainUUID": "0c8b2d4e-0000-4000-8000-000000000001",
                        "generation": 1,
                        "owner": "0c8b2d4e-0000-5000-8000-000000000002"
                    },
                    "status": {
                        "digest": "sha256:0123456789ab0123456789ab0123456789ab0123456789ab0123456789ab0123",
                        "dispatch": "done",
                        "durationSeconds": 425,
                        "image": "quay.io/acme/runner",
                        "phase": "Finished",
                        "phaseTimes": {
                            "Claimed": "2026-11-25T10:00:00Z",
                            "Recorded": "2026-11-25T10:37:05Z",
                            "Triggered": "2026-11-25T10:30:00Z"
                        },
                        "revision": "9fceb02",
                        "successor": "ci-brave-lovelace",
                        "tag": "build-1",
                        "terminating": false,
                        "verdict": "Passed"
                    }
                }
            ],
            "kind": "BuildList",
            "metadata": {}
        }
        "#);
}

/// The object of a build of which everything is known, and of one that has just been claimed.
fn objects() -> [Value; 4] {
    let full = Build {
        cause: Some("c".to_owned()),
        waiting: Some("w".to_owned()),
        dispatch_error: Some("e".to_owned()),
        parent: Some("p".to_owned()),
        reserved: Some(reserved()),
        ..passed()
    };
    let mut signs = troubled(&full.namespace, "t");
    let of = signs.get_mut(&full.namespace).unwrap();
    (of.remedy, of.silent_since) = (Some("r".to_owned()), Some(at(NOW)));
    let labels = Map::from([(wire::CHAIN.to_owned(), full.chain.clone())]);
    let labels = BTreeMap::from([(full.namespace.clone(), labels)]);
    let claimed = Build {
        phase: Phase::Claimed,
        created: None,
        image: None,
        times: BTreeMap::new(),
        ..build("ci-calm-noether", 2, NOW)
    };
    let again =
        Build { retry_of: Some("ci-eager-hopper".to_owned()), ..side("ci-bold-curie", Phase::Finished) };
    let view = View::new([&full, &claimed], &signs, at(NOW)).with_labels(&labels);
    let (feigned, signs) = feigned();
    let unproved = View::new([&feigned], &signs, at(NOW)).object_of(&feigned);
    [view.object_of(&full), view.object_of(&claimed), view.object_of(&again), unproved]
}

/// What says of itself all that [`passed`] says, and nothing proves it.
fn feigned() -> (Build, BTreeMap<String, Signs>) {
    let build = Build {
        namespace: "ci-feigned".to_owned(),
        cause: Some("container build exited with code 0".to_owned()),
        reserved: Some(reserved()),
        ..passed()
    };
    let unproved = Some("there is no chain runner-main in studioci, so nothing proves it ours".to_owned());
    let signs = Signs { unproved, remedy: Some("r".to_owned()), ..troubled("x", "t").remove("x").unwrap() };
    (build.clone(), BTreeMap::from([(build.namespace, signs)]))
}

#[test]
fn what_nothing_proves_is_shown_as_that_and_holds_nothing_that_a_program_may_count() {
    let (build, signs) = feigned();
    let view = View::new([&build], &signs, at(NOW));
    let cells = view.cells(0, true);
    assert_eq!((cells[3].as_str(), cells[7].as_str(), cells[9].as_str()), ("Unproved", "", NONE));
    let why = "there is no chain runner-main in studioci, so nothing proves it ours; it says Passed";
    assert_eq!(cells.last().unwrap(), why);
    let status = &view.object(0)["status"];
    assert_eq!(
        (&status["unproved"], &status["why"]),
        (&json!(why.replace("; it says Passed", "")), &json!(why))
    );
    for field in ["verdict", "cause", "trouble", "remedy", "silentSince", "durationSeconds", "reserved"] {
        assert_eq!(status.get(field), None, "{field}");
    }
    assert_eq!(view.name(0), "namespace/ci-feigned");
    // one that goes away is nobody's to wonder at
    let going = Build { terminating: true, ..build };
    assert_eq!(View::new([&going], &signs, at(NOW)).cells(0, false)[3], "Disposing");
}

fn side(namespace: &str, phase: Phase) -> Build {
    let build = build(namespace, crate::chain::side::FIRST, NOW);
    Build { phase, baseline: Baseline::None, dispatch: Dispatch::Ended, ..build }
}

#[test]
fn of_a_tag_that_nobody_has_run_yet_no_digest_is_told_and_it_is_not_called_unpinned() {
    let none = BTreeMap::new();
    for (content, told) in [(Content::Unseen, ""), (Content::SideLoaded, "unpinned")] {
        let version = Some(Version { tag: "build-7".to_owned(), content });
        let build = Build { version, ..side("ci-bold-curie", Phase::Listening) };
        let cells = View::new([&build], &none, at(NOW)).cells(0, true);
        let digest = View::new([&build], &none, at(NOW)).headers(true).iter().position(|it| *it == "Digest");
        assert_eq!((cells[4].as_str(), cells[digest.unwrap()].as_str()), ("build-7", told));
    }
}

#[test]
fn a_side_build_is_shown_by_its_own_count_and_waits_for_no_push() {
    let none = BTreeMap::new();
    let of = |phase, retry_of: Option<&str>| {
        let build = Build { retry_of: retry_of.map(str::to_owned), ..side("ci-bold-curie", phase) };
        let view = View::new([&build], &none, at(NOW));
        (view.cells(0, false)[2].clone(), view.why(&build), view.object_of(&build)["spec"].clone())
    };
    let (number, why, spec) = of(Phase::Listening, None);
    assert_eq!((number.as_str(), why.as_deref()), ("side-1", Some("waiting for its image")));
    assert_eq!((&spec["side"], &spec["retryOf"]), (&"trigger".into(), &Value::Null));
    let (_, why, spec) = of(Phase::Claimed, Some("ci-a"));
    assert_eq!(why.as_deref(), Some("waiting for its agent"));
    assert_eq!((&spec["side"], &spec["retryOf"]), (&"retry".into(), &"ci-a".into()));
    assert_eq!(of(Phase::Building, None).1, None);
}

#[test]
fn of_a_side_build_that_has_no_agent_for_long_it_is_said_how_to_be_rid_of_it() {
    let why = |phase, created: &str, more: Signs| {
        let build = Build { created: Some(at(created)), ..side("ci-bold-curie", phase) };
        let signs = BTreeMap::from([(build.namespace.clone(), more)]);
        View::new([&build], &signs, at(NOW)).why(&build).unwrap_or_default()
    };
    let gives_up = "kubectl studioci cancel ci-bold-curie gives it up";
    let now = at(NOW);
    let ago = |seconds| (now - jiff::SignedDuration::from_secs(seconds)).to_string();
    let standing = || Signs { standing: Some("its Deployment is gone".to_owned()), ..Signs::default() };
    assert_eq!(why(Phase::Claimed, &ago(119), Signs::default()), "waiting for its agent");
    assert_eq!(
        why(Phase::Claimed, &ago(120), Signs::default()),
        format!("waiting for its agent; {gives_up}")
    );
    assert_eq!(
        why(Phase::Claimed, &ago(9000), standing()),
        format!("waiting for its agent: its Deployment is gone; {gives_up}")
    );
    let trouble = Signs { trouble: Some("no node takes it".to_owned()), ..Signs::default() };
    assert_eq!(why(Phase::Claimed, &ago(9000), trouble), format!("no node takes it; {gives_up}"));
    assert_eq!(why(Phase::Listening, &ago(9000), Signs::default()), "waiting for its image");
    let link = Build { created: Some(at(&ago(9000))), ..Build::played("ci-a", Phase::Claimed, &[]) };
    let none = BTreeMap::new();
    assert_eq!(View::new([&link], &none, now).why(&link).as_deref(), Some("waiting for its listener"));
}

fn reserved() -> Reserved {
    let amounts = json!({ "cpu": 12.5, "nvidia.com/gpu": 40 });
    serde_json::from_value(json!({ "waiting": amounts, "building": amounts, "missing": "m" })).unwrap()
}

/// As `--contexts` lists it.
fn of_context(mut object: Value) -> Value {
    object["status"]["context"] = json!("laptop");
    object
}

#[test]
fn every_field_of_the_objects_is_documented() {
    let (page, _) = include_str!("../../../docs/status-json.md").split_once("## What `status --").unwrap();
    let mut fields = BTreeSet::new();
    for object in objects().map(of_context) {
        for part in ["metadata", "spec", "status"] {
            let of = object[part].as_object().unwrap().keys();
            fields.extend(of.map(|field| format!("| `{part}.{field}` |")));
        }
    }
    for row in &fields {
        assert!(page.contains(row), "docs/status-json.md has no row {row}");
    }
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, fields.len(), "docs/status-json.md has a row for what no longer is");
}

/// What a schema finds wrong with a value, and which of its properties the value has.
fn check(schema: &Value, value: &Value, path: &str, faults: &mut Vec<String>, met: &mut Vec<String>) {
    let kind = match value {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::Object(_) => "object",
        _ => "something else",
    };
    if schema["type"] != kind && !(schema["type"] == "number" && kind == "integer") {
        faults.push(format!("{path} is {kind}, not {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        faults.push(format!("{path} is {value}"));
    }
    if schema["format"] == "date-time" && value.as_str().unwrap().parse::<Timestamp>().is_err() {
        faults.push(format!("{path} is no time: {value}"));
    }
    let Some(fields) = value.as_object() else { return };
    for required in schema["required"].as_array().into_iter().flatten() {
        if !fields.contains_key(required.as_str().unwrap()) {
            faults.push(format!("{path}.{required} is missing"));
        }
    }
    for (key, value) in fields {
        let path = format!("{path}.{key}");
        let of = match schema["properties"].get(key) {
            Some(of) => of,
            None => &schema["additionalProperties"],
        };
        if of.is_null() {
            faults.push(format!("{path} is not in the schema"));
        } else {
            met.push(path.clone());
            check(of, value, &path, faults, met);
        }
    }
}

/// All properties of a schema.
fn properties(schema: &Value, path: &str, all: &mut Vec<String>) {
    for (key, of) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        properties(of, &path, all);
        all.push(path);
    }
}

fn hold(schema: &str, objects: &[Value]) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    let (mut faults, mut met, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for object in objects {
        check(&schema, object, "", &mut faults, &mut met);
    }
    properties(&schema, "", &mut all);
    faults
        .extend(all.iter().filter(|path| !met.contains(path)).map(|path| format!("{path} is never printed")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn native_10_builds_and_chains_are_what_their_schemas_say_and_schemas_say_nothing_else() {
    let builds = [objects(), objects().map(of_context)].concat();
    hold(include_str!("../../../docs/schema/build.json"), &builds);
    let (passed, running) = (passed(), running());
    let chain = ChainSeen {
        name: "runner-main".to_owned(),
        uuid: Some(passed.chain_uuid.clone()),
        newest: Some(running),
        last: Some((passed.namespace.clone(), "Passed".to_owned())),
        listening_since: Some(at(NOW)),
        idle_since: Some(at(NOW)),
        builds: Some(2),
        ended: Some("by ann".to_owned()),
        fault: None,
        reserved: Some(reserved()),
    };
    let bare = ChainSeen { name: "app".to_owned(), ..ChainSeen::default() };
    let chains = [chain.object(Some("w")), bare.object(None), of_context(bare.object(None))];
    hold(include_str!("../../../docs/schema/chain.json"), &chains);
}

#[test]
fn chains_have_a_row_each() {
    let listening = Build {
        phase: Phase::Listening,
        times: BTreeMap::from([(Phase::Listening, at("2026-11-25T09:00:00Z"))]),
        ..build("ci-calm-noether", 3, "2026-11-25T09:00:00Z")
    };
    let since = Some(at("2026-11-25T09:00:00Z"));
    let chains = [
        ChainSeen {
            name: "runner-main".to_owned(),
            newest: Some(listening),
            last: Some(("ci-brave-lovelace".to_owned(), "Failed".to_owned())),
            listening_since: since,
            idle_since: since,
            builds: Some(3),
            reserved: Some(reserved()),
            ..ChainSeen::default()
        },
        ChainSeen {
            name: "busy".to_owned(),
            newest: Some(Build { chain: "busy".to_owned(), ..running() }),
            builds: Some(1),
            ..ChainSeen::default()
        },
        ChainSeen { name: "gone".to_owned(), builds: Some(0), ..ChainSeen::default() },
        ChainSeen {
            name: "lost".to_owned(),
            newest: Some(build("ci-a", 1, NOW)),
            builds: Some(1),
            fault: Some("home has no head of it".to_owned()),
            ..ChainSeen::default()
        },
        ChainSeen {
            name: "over".to_owned(),
            builds: Some(0),
            ended: Some("2026-11-25 by ann".to_owned()),
            ..ChainSeen::default()
        },
    ];
    let signs = troubled("ci-brave-lovelace", "no node takes the build's pod");
    let view = ChainsView::new(&chains, &signs, at(NOW));
    let print = |listing: Listing| listing.print(&view, false).unwrap();
    insta::assert_snapshot!(print(Listing::default()), @"
        NAME          NEWEST              STATUS      LAST     LISTENING   IDLE     BUILDS   WHY
        runner-main   ci-calm-noether     Listening   Failed   3h          3h       3        waiting for a push after build-2
        busy          ci-brave-lovelace   Building    <none>   <none>      <none>   1        no node takes the build's pod
        gone          <none>              <none>      <none>   <none>      <none>   0        the namespace of its newest build is gone; kubectl studioci start raises a listener again
        lost          ci-a                Listening   <none>   <none>      <none>   1        home has no head of it; kubectl studioci doctor lost says what to do
        over          <none>              <none>      <none>   <none>      <none>   0        ended: 2026-11-25 by ann
        ");
    let wide = print(Listing { form: Some(ObjectForm::Wide), ..Listing::default() });
    let reserved: Vec<_> = wide
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|it| !it.is_empty()).nth(7).unwrap())
        .collect();
    assert_eq!(
        reserved[..3],
        ["RESERVED", "cpu 25 core-seconds, nvidia.com/gpu 80 seconds", "<none>"],
        "{wide}"
    );
    assert_eq!(
        print(Listing { form: Some(ObjectForm::Name), ..Listing::default() }),
        "chain/runner-main\nchain/busy\nchain/gone\nchain/lost\nchain/over\n"
    );
    let by = Some(crate::output::jsonpath::JsonPath::relaxed(".status.builds").unwrap());
    let sorted = print(Listing { sort_by: by, no_headers: true, ..Listing::default() });
    let first: Vec<&str> = sorted.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(first, ["gone", "over", "busy", "lost", "runner-main"], "equal ones by their names");
}

#[test]
fn no_builds_are_an_empty_list() {
    let signs = BTreeMap::new();
    let view = View::new([], &signs, at(NOW));
    assert!(view.is_empty());
    assert_eq!(list(&view)["items"], json!([]));
    assert_eq!(table(&view, false), "");
}

#[test]
fn a_name_is_a_chains_or_a_builds() {
    let claim = Build { chain: wire::CLAIM_CHAIN.to_owned(), ..build("test-claim", 0, NOW) };
    let builds = [passed(), running(), claim, Build { chain: "other".to_owned(), ..build("ns", 1, NOW) }];
    for (name, found) in [
        (None, &["ci-eager-hopper", "ci-brave-lovelace", "ns"][..]),
        (Some("runner-main"), &["ci-eager-hopper", "ci-brave-lovelace"][..]),
        (Some("ci-eager-hopper"), &["ci-eager-hopper"][..]),
        (Some("claim"), &["test-claim"][..]),
        (Some("nobody"), &[][..]),
    ] {
        let names: Vec<_> =
            select(&builds, name.map(Into::into)).iter().map(|build| build.namespace.as_str()).collect();
        assert_eq!(names, found, "{name:?}");
    }
}
