//! What `status` shows of builds in every state.

use super::*;
use crate::chain::build::{Content, Map, NamespaceView, Verdict, Version};
use crate::keel::image::Digest;
use crate::output::printer;

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
    insta::assert_snapshot!(view.table(false).render(true), @"
        NAME                CHAIN         GEN   STATUS      TAG       AGE    WHY
        ci-calm-noether     runner-main   3     Listening   <none>    89s    waiting for a push after build-2
        ci-brave-lovelace   runner-main   2     Building    build-2   89m    <none>
        ci-eager-hopper     runner-main   1     Passed      build-1   120m   <none>
        ");
    insta::assert_snapshot!(view.table(true).render(true), @"
        NAME                CHAIN         GEN   STATUS      TAG       AGE    PHASE       VERDICT   DIGEST         DURATION   PARENT              SUCCESSOR           REVISION   DISPATCH   IMAGE                 WHY
        ci-calm-noether     runner-main   3     Listening   <none>    89s    Listening   <none>    <none>         <none>     ci-brave-lovelace   <none>              <none>     pending    quay.io/acme/runner   waiting for a push after build-2
        ci-brave-lovelace   runner-main   2     Building    build-2   89m    Building    <none>    unpinned       90s        ci-eager-hopper     ci-calm-noether     <none>     done       quay.io/acme/runner   <none>
        ci-eager-hopper     runner-main   1     Passed      build-1   120m   Finished    Passed    0123456789ab   7m5s       <none>              ci-brave-lovelace   9fceb02    done       quay.io/acme/runner   <none>
        ");
    insta::assert_snapshot!(view.names().collect::<Vec<_>>().join("\n"), @"
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
    let rendered = view.table(false).render(true);
    let begins = rendered.lines().next().unwrap().find("WHY").unwrap();
    assert!(begins + NONE.len() <= 80, "{rendered}");
    for line in rendered.lines() {
        let whole = line.ends_with(&why) || line.contains("   waiting for a push after build-2");
        assert!(whole || line.len() <= 80, "{line}");
    }
    assert!(rendered.contains("   9fceb02   ") && rendered.contains("   g9fceb02   "), "{rendered}");
    // whoever asks for more is told all of it
    let wide = view.table(true).render(true);
    assert!(wide.contains(revision) && wide.lines().next().unwrap().ends_with("   WHY"), "{wide}");
    let build = Build { version: of(revision), revision: Some(revision.to_owned()), ..passed() };
    let object = view.object(&build);
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
        let names: Vec<String> = view.names().collect();
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
    for (build, signs, why) in [
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
    let row = View::new([&build], &signs, at(NOW)).table(false).render(false);
    assert!(row.contains("Disposing"), "{row}");
}

#[test]
fn a_duration_ends_with_the_verdict() {
    let signs = BTreeMap::new();
    let view = View::new([], &signs, at(NOW));
    let seconds = |build: &Build| view.object(build)["status"].get("durationSeconds").cloned();
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
    insta::assert_snapshot!(printer::json(&view.list()), @r#"
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

#[test]
fn every_field_of_the_objects_is_documented() {
    let (page, _) = include_str!("../../../docs/status-json.md").split_once("## What `report").unwrap();
    let full = Build {
        cause: Some("c".to_owned()),
        waiting: Some("w".to_owned()),
        dispatch_error: Some("e".to_owned()),
        parent: Some("p".to_owned()),
        ..passed()
    };
    let mut signs = troubled(&full.namespace, "t");
    let of = signs.get_mut(&full.namespace).unwrap();
    (of.remedy, of.silent_since) = (Some("r".to_owned()), Some(at(NOW)));
    let object = View::new([&full], &signs, at(NOW)).object(&full);
    for part in ["metadata", "spec", "status"] {
        for field in object[part].as_object().unwrap().keys() {
            let row = format!("| `{part}.{field}` |");
            assert!(page.contains(&row), "docs/status-json.md has no row {row}");
        }
    }
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    let fields: usize =
        ["metadata", "spec", "status"].map(|part| object[part].as_object().unwrap().len()).iter().sum();
    assert_eq!(rows, fields, "docs/status-json.md has a row for what no longer is");
}

#[test]
fn no_builds_are_an_empty_list() {
    let signs = BTreeMap::new();
    let view = View::new([], &signs, at(NOW));
    assert!(view.is_empty());
    assert_eq!(view.list()["items"], json!([]));
    assert_eq!(view.table(false).render(true), "");
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
        let names: Vec<_> = select(&builds, name).iter().map(|build| build.namespace.as_str()).collect();
        assert_eq!(names, found, "{name:?}");
    }
}
