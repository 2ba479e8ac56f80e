//! Every check made to fail, by one fact at a time.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::deployment::SeenDeployment;
use super::facts::*;
use super::*;
use crate::chain::build::{Build, Map, Phase};
use crate::chain::head::Head;
use crate::chain::kueue::{QueuedBuild, Unadmitted};
use crate::chain::signs::Signs;

const NOW: &str = "2026-11-30T12:00:00Z";

fn map(pairs: &[(&str, &str)]) -> Map {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn keel(change: impl FnOnce(&mut Value)) -> Option<deployment::KeelFacts> {
    let mut object = json!({
        "metadata": { "namespace": "ops", "name": "watcher" },
        "spec": { "replicas": 1, "selector": { "matchLabels": { "app": "w" } }, "template": { "spec": {
            "serviceAccountName": "watcher",
            "containers": [
                { "name": "proxy", "image": "registry.example/proxy:1" },
                { "name": "main", "image": "ghcr.io/keel-hq/keel:0.22.1", "env": [
                    { "name": "POLL", "value": "true" }, { "name": "TOKEN", "valueFrom": {} },
                ] },
            ],
        } } },
        "status": { "readyReplicas": 1 },
    });
    change(&mut object);
    serde_json::from_value::<SeenDeployment>(object).unwrap().keel()
}

/// Head of generation 4 of chain `app`, whose build is [`Build::played`]'s `ci-a`.
fn head(change: &[(&str, Option<&str>)]) -> Head {
    let mut data = map(&[
        ("uuid", "c"),
        ("generation", "4"),
        ("namespace", "ci-a"),
        ("uid", "uid-of-ci-a"),
        ("settled.3", "uid-of-ci-b"),
        ("built.3", "build-3"),
    ]);
    for (key, value) in change {
        match value {
            Some(value) => data.insert((*key).to_owned(), (*value).to_owned()),
            None => data.remove(*key),
        };
    }
    Head::read("1", &data).unwrap()
}

fn entry(generation: u64, uid: &str) -> (String, String) {
    let entry = json!({ "generation": generation, "namespace": "ci-b", "uid": uid, "verdict": "Passed", "cause": "exit code 0",
        "times": {} });
    (format!("build.{generation:08}"), entry.to_string())
}

fn build(namespace: &str, phase: Phase, generation: &str, more: &[(&str, &str)]) -> Build {
    let mut all = vec![("studioci.dev/generation", generation)];
    all.extend(more);
    Build::played(namespace, phase, &all)
}

fn chain() -> ChainFacts {
    let settings = json!({ "chain": "app", "uuid": "c", "repository": "registry.example/team/app", "prefix": "ci",
        "workload": "build", "container": "build" });
    ChainFacts {
        name: "app".to_owned(),
        head: Ok(Some(head(&[]))),
        seed: Ok(true),
        settings: Ok(Some(serde_json::from_value(settings).unwrap())),
        history: Ok(Some([entry(3, "uid-of-ci-b")].into())),
        sizes: vec![("chain-app".to_owned(), 2048), ("record-app".to_owned(), 4096)],
        builds: Ok(vec![
            build("ci-a", Phase::Listening, "4", &[("studioci.dev/at-listening", "2026-11-27T12:00:00Z")]),
            build("ci-b", Phase::Building, "3", &[]),
        ]),
        signs: BTreeMap::new(),
        lost: Vec::new(),
        left_over: Ok(BTreeSet::new()),
        edited: Vec::new(),
        pull_secrets: vec![Ok(login(&["registry.example"]))],
    }
}

/// A namespace of which no build can be read.
fn edited(uid: &str) -> EditedNamespace {
    EditedNamespace {
        namespace: "ci-x".to_owned(),
        uid: uid.to_owned(),
        what: "namespace ci-x has no phase".to_owned(),
        remedy: "restore it".to_owned(),
    }
}

fn login(registries: &[&str]) -> PullSecretFacts {
    PullSecretFacts {
        object: "Secret login in ci-a".to_owned(),
        kind: Some("kubernetes.io/dockerconfigjson".to_owned()),
        registries: Some(registries.iter().map(|name| (*name).to_owned()).collect()),
    }
}

/// A cluster in good order.
fn well() -> ClusterFacts {
    let server = ServerFacts {
        version: "v1.36.3".to_owned(),
        numbers: Some((1, 36)),
        oldest: (1, 30),
        serves_policies: Ok(true),
    };
    let setup = SetupFacts {
        agent_image: Ok("registry.example/agent@sha256:1".to_owned()),
        newer: Ok(None),
        trial: Ok(Trial::Refused),
        authorizes: Ok(true),
        objects: vec![("namespace/studioci".to_owned(), Ok(AsInstalled::Same))],
    };
    let keel = KeelSeen {
        found: Ok(keel(|_| {}).into_iter().collect()),
        moved: None,
        rights: vec![(
            "system:serviceaccount:ops:watcher".to_owned(),
            vec![("get nodes".to_owned(), Ok(true))],
        )],
        log: Some(Ok(Vec::new())),
    };
    ClusterFacts {
        now: NOW.parse().unwrap(),
        server: Ok(server),
        setup: Some(setup),
        keel: Some(keel),
        chains: vec![chain()],
        chains_unread: Vec::new(),
    }
}

fn of_setup(facts: &mut ClusterFacts) -> &mut SetupFacts {
    facts.setup.as_mut().unwrap()
}

fn of_keel(facts: &mut ClusterFacts) -> &mut KeelSeen {
    facts.keel.as_mut().unwrap()
}

fn keels(facts: &mut ClusterFacts, change: impl FnOnce(&mut Value)) {
    of_keel(facts).found = Ok(keel(change).into_iter().collect());
}

fn settings(facts: &mut ClusterFacts) -> &mut crate::chain::record::ChainSettings {
    facts.chains[0].settings.as_mut().unwrap().as_mut().unwrap()
}

fn history(facts: &mut ClusterFacts) -> &mut Map {
    facts.chains[0].history.as_mut().unwrap().as_mut().unwrap()
}

fn builds(facts: &mut ClusterFacts) -> &mut Vec<Build> {
    facts.chains[0].builds.as_mut().unwrap()
}

fn signs(facts: &mut ClusterFacts, namespace: &str, signs: Signs) {
    facts.chains[0].signs.insert(namespace.to_owned(), signs);
}

fn trouble(why: &str, remedy: Option<&str>) -> Signs {
    Signs { trouble: Some(why.to_owned()), remedy: remedy.map(str::to_owned), ..Signs::default() }
}

fn unread<T>() -> Learnt<T> {
    Err(Withheld::Unread("may not look".to_owned()))
}

fn wrong<T>() -> Learnt<T> {
    Err(Withheld::Wrong("it is wrong".to_owned(), "mend it".to_owned()))
}

/// What is not well: code, grade, sentence.
fn found(facts: &ClusterFacts) -> Vec<(&'static str, Grade, String)> {
    let findings = examine(facts).into_iter().filter(|it| it.opinion.grade != Grade::Ok);
    findings.map(|it| (it.code, it.opinion.grade, it.opinion.what)).collect()
}

type Change = fn(&mut ClusterFacts);

/// Has a build wait for Kueue.
fn queues(facts: &mut ClusterFacts, why: &Unadmitted) {
    let QueuedBuild { wait, sentence } = why.of("main");
    let build = &mut builds(facts)[1];
    (build.waiting, build.kueue) = (Some(sentence), Some(wait));
}

/// A change of a fact; the check that sees it, how it ends, and words that it says.
const CASES: &[(Change, &str, Grade, &str)] = &[
    (|f| f.server = wrong(), "server-reachable", Grade::Failed, "it is wrong"),
    (|f| f.server = unread(), "server-reachable", Grade::Unknown, "may not look"),
    (
        |f| f.server.as_mut().unwrap().numbers = Some((1, 29)),
        "server-version",
        Grade::Failed,
        "1.30 is the oldest that will do",
    ),
    (|f| f.server.as_mut().unwrap().numbers = None, "server-version", Grade::Unknown, "cannot be read"),
    (
        |f| f.server.as_mut().unwrap().serves_policies = Ok(false),
        "server-policies",
        Grade::Failed,
        "serves no ValidatingAdmissionPolicy",
    ),
    (
        |f| f.server.as_mut().unwrap().serves_policies = unread(),
        "server-policies",
        Grade::Unknown,
        "may not look",
    ),
    (|f| of_setup(f).agent_image = wrong(), "setup-home", Grade::Failed, "it is wrong"),
    (|f| of_setup(f).agent_image = unread(), "setup-home", Grade::Unknown, "may not look"),
    (|f| of_setup(f).newer = wrong(), "setup-policies", Grade::Failed, "it is wrong"),
    (|f| of_setup(f).newer = Ok(Some((9, 4))), "setup-policies", Grade::Warning, "have number 9"),
    (|f| of_setup(f).newer = unread(), "setup-policies", Grade::Unknown, "may not look"),
    (|f| of_setup(f).trial = wrong(), "setup-refusals", Grade::Failed, "it is wrong"),
    (|f| of_setup(f).trial = Ok(Trial::LetOff), "setup-refusals", Grade::Unknown, "may bypass the policies"),
    (|f| of_setup(f).trial = Ok(Trial::NotAsked), "setup-refusals", Grade::Unknown, "studioci-user"),
    (|f| of_setup(f).authorizes = Ok(false), "setup-rbac", Grade::Failed, "authorizes everything"),
    (|f| of_setup(f).authorizes = unread(), "setup-rbac", Grade::Unknown, "may not look"),
    (
        |f| of_setup(f).objects[0].1 = Ok(AsInstalled::Missing),
        "setup-objects",
        Grade::Failed,
        "missing: namespace/studioci",
    ),
    (
        |f| of_setup(f).objects[0].1 = Ok(AsInstalled::Differs),
        "setup-objects",
        Grade::Failed,
        "changed: namespace/studioci",
    ),
    (
        |f| of_setup(f).objects[0].1 = Ok(AsInstalled::Newer),
        "setup-objects",
        Grade::Warning,
        "of a newer version",
    ),
    (|f| of_setup(f).objects[0].1 = unread(), "setup-objects", Grade::Unknown, "may not look"),
    (|f| of_keel(f).found = Ok(Vec::new()), "keel-found", Grade::Failed, "no push is seen"),
    (
        |f| {
            *of_keel(f) = KeelSeen {
                found: Ok(Vec::new()),
                moved: Some("2026-11-30T11:00:00Z".parse().unwrap()),
                ..of_keel(f).clone()
            }
        },
        "keel-found",
        Grade::Warning,
        "one has moved a listener 60m ago",
    ),
    (
        |f| of_keel(f).found.as_mut().unwrap().extend(keel(|it| it["metadata"]["name"] = json!("second"))),
        "keel-found",
        Grade::Warning,
        "deployment.apps/watcher in namespace ops, deployment.apps/second in namespace ops",
    ),
    (|f| of_keel(f).found = unread(), "keel-found", Grade::Unknown, "may not look"),
    (
        |f| keels(f, |it| it["status"]["readyReplicas"] = json!(0)),
        "keel-ready",
        Grade::Failed,
        "no ready pod",
    ),
    (|f| keels(f, |it| it["spec"]["replicas"] = json!(0)), "keel-ready", Grade::Failed, "scaled to 0"),
    (|f| keels(f, |it| it["spec"]["replicas"] = json!(2)), "keel-ready", Grade::Warning, "2 replicas"),
    (|f| keels(f, image("keelhq/keel:0.20.0")), "keel-version", Grade::Failed, "Keel 0.20.0 follows no glob"),
    (|f| keels(f, image("keelhq/keel:0.21.1")), "keel-version", Grade::Warning, "does not look at what runs"),
    (|f| keels(f, image("keelhq/keel:nightly")), "keel-version", Grade::Warning, "tells no version"),
    (|f| keels(f, image("keelhq/keel")), "keel-version", Grade::Warning, "\"latest\""),
    (
        |f| {
            keels(
                f,
                image("keelhq/keel@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
            );
        },
        "keel-version",
        Grade::Unknown,
        "by its digest alone",
    ),
    (
        |f| of_keel(f).rights[0].1.push(("list nodes".to_owned(), Ok(false))),
        "keel-rights",
        Grade::Failed,
        "Keel (system:serviceaccount:ops:watcher) may not list nodes",
    ),
    (|f| of_keel(f).rights[0].1[0].1 = unread(), "keel-rights", Grade::Unknown, "may not look"),
    (|f| keels(f, variable("POLL", "false")), "keel-polling", Grade::Failed, "does not poll"),
    (
        |f| keels(f, variable("RESTRICTED_NAMESPACE", "web")),
        "keel-polling",
        Grade::Failed,
        "namespace web alone",
    ),
    (|f| keels(f, variable("POLL_DEFAULTSCHEDULE", "hourly")), "keel-polling", Grade::Failed, "\"hourly\""),
    (
        |f| of_keel(f).log = Some(Ok(vec!["level=error x".to_owned()])),
        "keel-log",
        Grade::Warning,
        "complains of an image of ours",
    ),
    (|f| of_keel(f).log = Some(unread()), "keel-log", Grade::Unknown, "may not look"),
    (
        |f| f.chains_unread.push(Withheld::Unread("may not list".to_owned())),
        "chains-known",
        Grade::Unknown,
        "may not list",
    ),
    (|f| f.chains[0].head = Ok(None), "chain-head", Grade::Failed, "home has no head of it"),
    (|f| f.chains[0].head = wrong(), "chain-head", Grade::Failed, "it is wrong"),
    (|f| f.chains[0].head = unread(), "chain-head", Grade::Unknown, "may not look"),
    (|f| f.chains[0].settings = Ok(None), "chain-record", Grade::Failed, "home has no record of it"),
    (|f| f.chains[0].settings = wrong(), "chain-record", Grade::Failed, "it is wrong"),
    (|f| f.chains[0].settings = unread(), "chain-record", Grade::Unknown, "may not look"),
    (|f| settings(f).uuid = "d".to_owned(), "chain-record", Grade::Failed, "another chain of this name"),
    (|f| f.chains[0].seed = Ok(false), "chain-seed", Grade::Failed, "home has no seed of it"),
    (|f| f.chains[0].seed = wrong(), "chain-seed", Grade::Failed, "it is wrong"),
    (|f| f.chains[0].seed = unread(), "chain-seed", Grade::Unknown, "may not look"),
    (|f| drop(builds(f).remove(0)), "chain-listener", Grade::Failed, "ci-a, where it listened, is gone"),
    (|f| builds(f)[0].terminating = true, "chain-listener", Grade::Failed, "is being deleted"),
    (
        |f| signs(f, "ci-a", trouble("image x cannot be pulled", Some("log in"))),
        "chain-listener",
        Grade::Failed,
        "ci-a: image x cannot be pulled",
    ),
    (
        |f| builds(f)[0].waiting = Some("the registry is away".to_owned()),
        "chain-listener",
        Grade::Warning,
        "ci-a waits: the registry is away",
    ),
    (
        |f| builds(f)[0].waiting = Some("its agent cannot go on: x".to_owned()),
        "chain-listener",
        Grade::Failed,
        "ci-a: its agent cannot go on: x",
    ),
    (
        |f| {
            builds(f)[0].phase = Phase::Claimed;
            signs(
                f,
                "ci-a",
                Signs { standing: Some("pod x waits for a node".to_owned()), ..Signs::default() },
            );
        },
        "chain-listener",
        Grade::Warning,
        "pod x waits for a node",
    ),
    (
        |f| {
            f.chains[0].head = Ok(Some(head(&[("namespace", None), ("uid", None)])));
            builds(f).remove(0);
            builds(f)[0].dispatch_error = Some("exceeded quota".to_owned());
        },
        "chain-listener",
        Grade::Failed,
        "generation 4 has no namespace yet; ci-b: the next listener cannot be raised: exceeded quota",
    ),
    (
        |f| f.chains[0].head = Ok(Some(head(&[("namespace", None), ("uid", None)]))),
        "chain-listener",
        Grade::Warning,
        "the agent of ci-b is about to claim it",
    ),
    (
        |f| {
            f.chains[0].head = Ok(Some(head(&[("namespace", None), ("uid", None)])));
            builds(f).clear();
        },
        "chain-listener",
        Grade::Failed,
        "nobody is left to claim one",
    ),
    (
        |f| f.chains[0].head = Ok(Some(head(&[("purging", Some("true"))]))),
        "chain-listener",
        Grade::Warning,
        "is being taken down",
    ),
    (
        |f| signs(f, "ci-b", trouble("its agent is gone", None)),
        "chain-agents",
        Grade::Failed,
        "ci-b: its agent is gone",
    ),
    (
        |f| builds(f)[1].waiting = Some("support".to_owned()),
        "chain-agents",
        Grade::Warning,
        "ci-b waits: support",
    ),
    (
        |f| queues(f, &Unadmitted::NotServed),
        "chain-agents",
        Grade::Failed,
        "ci-b: Kueue has not admitted the build to LocalQueue main: this cluster does not serve",
    ),
    (
        |f| queues(f, &Unadmitted::NotTakenUp),
        "chain-agents",
        Grade::Warning,
        "ci-b waits: Kueue has not admitted the build",
    ),
    (
        |f| f.chains[0].edited.push(edited("uid-of-stranger")),
        "chain-edited",
        Grade::Warning,
        "namespace ci-x has no phase; chain app does not know its uid, so nothing proves it ours",
    ),
    (|f| f.chains[0].edited.push(edited("uid-of-ci-b")), "chain-edited", Grade::Failed, "ci-x has no phase"),
    (
        |f| builds(f).push(build("ci-z", Phase::Listening, "3", &[])),
        "chain-orphans",
        Grade::Warning,
        "namespace ci-z says that it is generation 3",
    ),
    (
        |f| builds(f).push(build("ci-z", Phase::Listening, "9", &[])),
        "chain-orphans",
        Grade::Warning,
        "generation 9",
    ),
    (
        |f| builds(f).push(build("ci-z", Phase::Claimed, "90000001", &[])),
        "chain-orphans",
        Grade::Warning,
        "namespace ci-z says that it is side build 1 of the chain, and home does not know it",
    ),
    (
        |f| builds(f).push(build("ci-z", Phase::Finished, "2", &[("studioci.dev/chain-uuid", "earlier")])),
        "chain-orphans",
        Grade::Warning,
        "namespace ci-z",
    ),
    (
        |f| {
            history(f).extend([entry(2, "another")]);
            builds(f).push(build("ci-z", Phase::Finished, "2", &[]));
        },
        "chain-orphans",
        Grade::Warning,
        "namespace ci-z",
    ),
    (
        |f| {
            builds(f).push(build("ci-z", Phase::Claimed, "2", &[]));
            f.chains[0].left_over.as_mut().unwrap().insert("uid-of-ci-z".to_owned());
        },
        "chain-orphans",
        Grade::Warning,
        "namespace ci-z is left over",
    ),
    (|f| f.chains[0].left_over = unread(), "chain-orphans", Grade::Unknown, "may not look"),
    (
        |f| f.chains[0].lost.push("ci-x".to_owned()),
        "chain-publishing",
        Grade::Warning,
        "which nobody has recorded: ci-x",
    ),
    (
        |f| f.chains[0].head = Ok(Some(head(&[("slot.2", Some("ci-gone"))]))),
        "chain-slots",
        Grade::Warning,
        "ci-gone holds the right to build",
    ),
    (
        |f| {
            builds(f)[1].terminating = true;
            signs(f, "ci-b", trouble("being deleted: finalizers x.example/y", None));
        },
        "chain-terminating",
        Grade::Failed,
        "namespace ci-b does not go away: being deleted: finalizers x.example/y",
    ),
    (|f| *f = without_login("localhost:5000/app"), "chain-registry", Grade::Failed, "its own pod"),
    (
        |f| *f = without_login("registry.ci.svc:5000/app"),
        "chain-registry",
        Grade::Warning,
        "may speak plain http",
    ),
    (
        |f| f.chains[0].pull_secrets = vec![Ok(login(&["ghcr.io"]))],
        "chain-pull-secrets",
        Grade::Failed,
        "for ghcr.io and none for registry.example",
    ),
    (
        |f| {
            f.chains[0].pull_secrets =
                vec![Ok(PullSecretFacts { kind: None, registries: None, ..login(&[]) })];
        },
        "chain-pull-secrets",
        Grade::Failed,
        "is not there",
    ),
    (
        |f| {
            f.chains[0].pull_secrets =
                vec![Ok(PullSecretFacts { kind: Some("Opaque".to_owned()), ..login(&[]) })];
        },
        "chain-pull-secrets",
        Grade::Failed,
        "has type Opaque",
    ),
    (
        |f| f.chains[0].pull_secrets = vec![Ok(PullSecretFacts { registries: None, ..login(&[]) })],
        "chain-pull-secrets",
        Grade::Failed,
        "cannot be read as a login",
    ),
    (|f| f.chains[0].pull_secrets = vec![unread()], "chain-pull-secrets", Grade::Unknown, "may not look"),
    (
        |f| {
            let out = json!({ "since": NOW, "github": { "unpublished": { "why": "Bad credentials" } } });
            history(f).insert("outbox.00000003".to_owned(), out.to_string());
        },
        "chain-publishing",
        Grade::Warning,
        "the result of ci-b is not on GitHub: Bad credentials",
    ),
    (|f| f.chains[0].history = Ok(None), "chain-retention", Grade::Failed, "history-app is gone"),
    (|f| f.chains[0].history = unread(), "chain-retention", Grade::Unknown, "may not look"),
    (
        |f| {
            settings(f).retention.keep = Some(3);
            let tidied = json!({ "at": "2026-11-30T11:55:00Z", "disposed": 0, "failed": 2, "why": "no", "failingSince": "2026-11-30T11:00:00Z" });
            history(f).insert("tidied".to_owned(), tidied.to_string());
        },
        "chain-retention",
        Grade::Warning,
        "could not dispose of 2 of its builds, 60m ago: no",
    ),
    (|f| f.chains[0].sizes[1].1 = 1_000_000, "chain-size", Grade::Warning, "976 of 1024 KiB"),
];

fn image(image: &'static str) -> impl FnOnce(&mut Value) {
    move |it| it["spec"]["template"]["spec"]["containers"][1]["image"] = json!(image)
}

fn variable(name: &'static str, value: &'static str) -> impl FnOnce(&mut Value) {
    move |it| {
        it["spec"]["template"]["spec"]["containers"][1]["env"] = json!([{ "name": name, "value": value }]);
    }
}

#[test]
fn of_a_cluster_in_good_order_everything_is_well() {
    let findings = examine(&well());
    assert_eq!(found(&well()), []);
    let quiet = ["chain-edited", "chain-terminating"];
    let told: BTreeSet<&str> = findings.iter().map(|it| it.code).chain(quiet).collect();
    assert_eq!(told, codes().into_iter().collect(), "the others say that it is so");
    let listener = findings.iter().find(|it| it.code == "chain-listener").unwrap();
    assert_eq!(listener.opinion.what, "ci-a has listened for 3d; the last build was ci-b: Passed");
}

#[test]
fn each_check_sees_what_is_wrong_and_no_other_does() {
    for (change, code, grade, words) in CASES {
        let mut facts = well();
        change(&mut facts);
        let found = found(&facts);
        let [(by, how, what)] = &found[..] else { panic!("{code}, {words}: {found:#?}") };
        assert_eq!((by, how), (code, grade), "{words}: {what}");
        assert!(what.contains(words), "{code}: {what:?} does not say {words:?}");
    }
}

#[test]
fn every_check_is_made_to_end_otherwise_than_well() {
    let made: BTreeSet<&str> = CASES.iter().map(|(_, code, ..)| *code).collect();
    assert_eq!(made, codes().into_iter().collect());
}

#[test]
fn whatever_is_not_well_has_a_remedy_unless_it_is_not_known() {
    for (change, code, ..) in CASES {
        let mut facts = well();
        change(&mut facts);
        for CheckFinding { opinion, .. } in examine(&facts) {
            let wants = matches!(opinion.grade, Grade::Failed | Grade::Warning);
            assert_eq!(
                opinion.remedy.is_some_and(|remedy| !remedy.is_empty()),
                wants,
                "{code}: {}",
                opinion.what
            );
        }
    }
}

#[test]
fn every_check_has_its_place_in_the_page_once() {
    let page = include_str!("../../docs/doctor.md");
    let told: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("#### ")).collect();
    assert_eq!(told, codes(), "in the order in which they are shown");
}

#[test]
fn of_a_server_that_does_not_answer_nothing_else_is_said() {
    let facts = ClusterFacts { server: wrong(), setup: None, keel: None, chains: Vec::new(), ..well() };
    let findings = examine(&facts);
    assert_eq!(findings.iter().map(|it| it.code).collect::<Vec<_>>(), ["server-reachable"]);
}

#[test]
fn a_chain_that_has_ended_lacks_no_listener() {
    let mut facts = well();
    facts.chains[0].head = Ok(Some(head(&[("ended", Some("by alice"))])));
    builds(&mut facts).clear();
    assert_eq!(found(&facts), []);
}

#[test]
fn what_is_older_than_all_that_home_remembers_is_no_orphan() {
    let mut facts = well();
    builds(&mut facts).push(build("ci-z", Phase::Finished, "1", &[]));
    builds(&mut facts).push(build("ci-claim", Phase::Claimed, "0", &[("studioci.dev/chain-uuid", "x")]));
    // a claim that is not settled yet
    builds(&mut facts)[0].uid = "fresh".to_owned();
    facts.chains[0].head = Ok(Some(head(&[("namespace", None), ("uid", None)])));
    assert!(found(&facts).iter().all(|(code, ..)| *code != "chain-orphans"), "{:?}", found(&facts));
}

#[test]
fn what_nothing_proves_has_no_agent_that_could_be_missed() {
    let stands_still = |known: bool| {
        let mut facts = well();
        builds(&mut facts).push(build("ci-x", Phase::Building, "2", &[]));
        signs(&mut facts, "ci-x", trouble("its agent is gone", None));
        facts.chains[0].head = Ok(Some(head(&[("settled.2", known.then_some("uid-of-ci-x"))])));
        found(&facts).iter().any(|(code, ..)| *code == "chain-agents")
    };
    assert!(stands_still(true) && !stands_still(false));
}

#[test]
fn a_listener_that_the_chain_has_passed_and_somebody_holds_lacks_nothing() {
    let waits = |phase, built: bool| {
        let mut facts = well();
        let waiting =
            ("studioci.dev/waiting", "stood down: the head of chain app has passed this generation");
        builds(&mut facts).push(build("ci-x", phase, "2", &[waiting]));
        let built = ("built.2", built.then_some("build-2"));
        facts.chains[0].head = Ok(Some(head(&[("settled.2", Some("uid-of-ci-x")), built])));
        found(&facts).iter().any(|(code, ..)| *code == "chain-agents")
    };
    for phase in [Phase::Claimed, Phase::Listening, Phase::Triggered] {
        assert!(!waits(phase, false), "{phase}");
    }
    assert!(waits(Phase::Triggered, true), "it has moved the head");
    assert!(waits(Phase::Queued, true));
}

#[test]
fn a_side_build_that_is_made_or_complete_is_no_orphan_and_its_result_is_not_the_chains_last() {
    for (claim, phase) in [
        ("since 2026-01-01T00:00:00Z", Phase::Claimed),
        ("uid-of-ci-s", Phase::Building),
        ("another", Phase::Finished),
    ] {
        let mut facts = well();
        builds(&mut facts).push(build("ci-s", phase, "90000001", &[]));
        facts.chains[0].head = Ok(Some(head(&[("side.90000001", Some(claim))])));
        let orphans = found(&facts).into_iter().filter(|(code, ..)| *code == "chain-orphans").count();
        assert_eq!(orphans, usize::from(claim == "another"), "{claim}");
    }
}

#[test]
fn a_keel_elsewhere_is_known_by_what_was_pushed() {
    let recorded = |generation: u64| {
        let (key, text) = entry(generation, "u");
        (key, text.replace("\"times\":{}", "\"times\":{\"triggered\":\"2026-11-30T11:00:00Z\"}"))
    };
    assert_eq!(recorded(2).1.matches("triggered").count(), 1);
    for (generation, grade) in [(2, Grade::Warning), (1, Grade::Failed)] {
        let mut facts = well();
        of_keel(&mut facts).found = Ok(Vec::new());
        history(&mut facts).extend([recorded(generation)]);
        assert!(
            found(&facts).iter().any(|(code, how, _)| *code == "keel-found" && *how == grade),
            "{generation}"
        );
    }
    let triggered = ("studioci.dev/at-triggered", "2026-11-30T11:00:00Z");
    for (baseline, grade) in [("build-1", Grade::Warning), ("none", Grade::Failed)] {
        let mut facts = well();
        of_keel(&mut facts).found = Ok(Vec::new());
        builds(&mut facts)[1] =
            build("ci-b", Phase::Building, "3", &[triggered, ("studioci.dev/baseline", baseline)]);
        assert!(
            found(&facts).iter().any(|(code, how, _)| *code == "keel-found" && *how == grade),
            "{baseline}"
        );
    }
}

#[test]
fn keel_is_known_by_its_image_or_its_program_and_not_by_its_name() {
    let container = |container: Value| {
        keel(|it| it["spec"]["template"]["spec"]["containers"] = json!([container])).is_some()
    };
    for (is, object) in [
        (true, json!({ "image": "keelhq/keel:0.22.1" })),
        (
            true,
            json!({ "image": "mirror.example:5000/copies/keel-hq/keel@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }),
        ),
        (true, json!({ "image": "mirror.example/tools:7", "command": ["/bin/keel"] })),
        (true, json!({ "image": "mirror.example/tools:7", "args": ["keel", "--no-incluster"] })),
        (false, json!({ "name": "keel", "image": "mirror.example/boat/keel:1" })),
        (false, json!({ "image": "mirror.example/tools:7", "command": ["sh", "-c", "keel"] })),
        (false, json!({ "image": "", "command": null, "args": null, "env": null })),
    ] {
        assert_eq!(container(object.clone()), is, "{object}");
    }
    let found = keel(|_| {}).unwrap();
    assert_eq!((found.container.as_str(), found.account.as_str()), ("main", "watcher"));
    assert_eq!(found.environment, map(&[("POLL", "true")]), "what comes from elsewhere is not known");
    let nameless = keel(|it| it["spec"]["template"]["spec"]["serviceAccountName"] = json!("")).unwrap();
    assert_eq!(nameless.account, "default");
}

#[test]
fn of_keels_log_only_complaints_of_our_images_are_shown_and_no_secret() {
    let log = "time=1 level=error msg=\"failed to get image digest\" image=registry.example/team/app\n\
               time=2 level=info msg=\"new watch\" image=registry.example/team/app\n\
               time=3 level=error msg=x image=registry.example/other\n\
               time=4 level=error msg=\"malformed {\\\"auths\\\":{\\\"registry.example/team/app\\\":{}}}\"\n\
               {\"level\":\"warning\",\"image\":\"registry.example/team/app\"}\n";
    let lines = keel::complaints(log, &["registry.example/team/app", ""]);
    let numbers: Vec<&str> = lines.iter().map(|line| &line[..7]).collect();
    assert_eq!(numbers, ["time=1 ", "{\"level"]);
    let many = format!("level=error a/b {}\n", "x".repeat(1000)).repeat(50);
    let lines = keel::complaints(&many, &["a/b"]);
    assert_eq!((lines.len(), lines[0].len()), (5, 300));
    assert!(keel::complaints(log, &[]).is_empty());
}

#[test]
fn a_login_is_compared_by_host_as_keel_does() {
    let json = br#"{"auths":{"https://index.docker.io/v1/":{"auth":"c2VjcmV0"},"ghcr.io":{}}}"#.as_slice();
    let held = |key: &str| (key == ".dockerconfigjson").then_some(json);
    let found = chain::registries("kubernetes.io/dockerconfigjson", held).unwrap();
    assert_eq!(found, ["ghcr.io", "https://index.docker.io/v1/"]);
    assert_eq!(chain::registries("kubernetes.io/dockercfg", held), None);
    assert_eq!(chain::registries("Opaque", held), None);
    assert_eq!(chain::registries("kubernetes.io/dockerconfigjson", |_| Some(b"{")), None);
    for (repository, key, well) in [
        ("docker.io/team/app", "https://index.docker.io/v1/", true),
        ("docker.io/team/app", "docker.io", false),
        ("ghcr.io/team/app", "https://ghcr.io", true),
        ("ghcr.io/team/app", "ghcr.io.example", false),
    ] {
        let mut facts = well_with(repository, key);
        facts.chains[0].history = Ok(Some(Map::new()));
        assert_eq!(found_code(&facts, "chain-pull-secrets"), !well, "{repository} {key}");
    }
}

fn well_with(repository: &str, key: &str) -> ClusterFacts {
    let mut facts = well();
    settings(&mut facts).repository = repository.to_owned();
    facts.chains[0].pull_secrets = vec![Ok(login(&[key]))];
    facts
}

/// The same without a pull Secret.
fn without_login(repository: &str) -> ClusterFacts {
    let mut facts = well_with(repository, "");
    facts.chains[0].pull_secrets.clear();
    facts
}

fn found_code(facts: &ClusterFacts, code: &str) -> bool {
    found(facts).iter().any(|(it, ..)| *it == code)
}

#[test]
fn a_registry_of_plain_http_is_well_where_keel_was_told() {
    let mut facts = well_with("registry.ci.svc:5000/app", "registry.ci.svc:5000");
    assert!(found_code(&facts, "chain-registry"));
    keels(&mut facts, variable("INSECURE_REGISTRY", "true"));
    assert!(!found_code(&facts, "chain-registry"));
    of_keel(&mut facts).found = Ok(Vec::new());
    let findings = examine(&facts);
    assert!(findings.iter().all(|it| it.code != "chain-registry"), "of a Keel elsewhere nothing is known");
}

#[test]
fn what_agents_would_do_is_told_with_the_command_that_does_it_and_nothing_else_is() {
    let cases: &[(Change, bool)] = &[
        (|f| drop(builds(f).remove(0)), true),
        (|f| builds(f)[0].terminating = true, true),
        (
            |f| {
                signs(
                    f,
                    "ci-a",
                    trouble("its agent is gone: deployment.apps/build was scaled to 0", Some("x")),
                );
            },
            true,
        ),
        (|f| signs(f, "ci-b", trouble("its agent is gone: it has no listener", None)), true),
        (|f| signs(f, "ci-b", trouble("the pod is stuck", None)), false),
        (|f| f.chains[0].head = Ok(Some(head(&[("slot.2", Some("ci-gone"))]))), true),
        (|f| f.chains[0].lost.push("ci-x".to_owned()), true),
        (|f| f.chains[0].history = Ok(None), true),
        (|f| builds(f).push(build("ci-z", Phase::Listening, "9", &[])), false),
        (|f| f.chains[0].settings = Ok(None), false),
        (|f| of_setup(f).authorizes = Ok(false), false),
    ];
    for (number, (change, repaired)) in cases.iter().enumerate() {
        let mut facts = well();
        change(&mut facts);
        let unwell: Vec<_> = examine(&facts).into_iter().filter(|it| it.opinion.grade != Grade::Ok).collect();
        let [CheckFinding { code, opinion, .. }] = &unwell[..] else { panic!("{number}: {unwell:#?}") };
        let remedy = opinion.remedy.as_deref().unwrap_or_default();
        assert_eq!(remedy.contains("kubectl studioci doctor app --repair"), *repaired, "{code}: {remedy}");
    }
}

#[test]
fn what_has_no_seed_is_not_said_to_be_repaired() {
    let remedies = |facts: &ClusterFacts| {
        let findings = examine(facts).into_iter().filter(|it| it.opinion.grade == Grade::Failed);
        findings.map(|it| (it.code, it.opinion.remedy.unwrap_or_default())).collect::<Vec<_>>()
    };
    let mut facts = well();
    facts.chains[0].seed = Ok(false);
    builds(&mut facts).remove(0);
    let told = remedies(&facts);
    assert_eq!(told.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["chain-seed", "chain-listener"]);
    for (code, remedy) in told {
        assert!(!remedy.contains("--repair") && remedy.contains("start --chain app"), "{code}: {remedy}");
    }
    // who claims nothing more needs none
    for ended in [&[("ended", "by ann")], &[("purging", "true")]] {
        let mut facts = well();
        facts.chains[0].head = Ok(Some(head(&[(ended[0].0, Some(ended[0].1))])));
        facts.chains[0].seed = Ok(false);
        assert!(remedies(&facts).iter().all(|(code, _)| *code != "chain-seed"), "{ended:?}");
    }
}

#[test]
fn of_what_the_head_has_forgotten_nothing_is_disproved_where_the_history_cannot_be_read() {
    for (history, grade) in [(Ok(None), Grade::Warning), (unread(), Grade::Failed)] {
        let mut facts = well();
        let head = facts.chains[0].head.as_mut().unwrap().as_mut().unwrap();
        head.settled = (2..258).map(|number| (number, format!("u{number}"))).collect();
        head.generation = 258;
        facts.chains[0].history = history;
        facts.chains[0].edited.push(edited("uid-of-stranger"));
        let told: Vec<Grade> =
            found(&facts).into_iter().filter(|it| it.0 == "chain-edited").map(|it| it.1).collect();
        assert_eq!(told, [grade]);
    }
}
