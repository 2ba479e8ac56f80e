//! `scale`: what is meant, what is refused, and which writes it makes, against a scripted server.

use testkit::{Reply, Scripted, SeenRequest};
use uuid::Uuid;

use super::*;
use crate::chain::build::{Map, NamespaceView};
use crate::chain::names;

fn build(namespace: &str, chain: &str, generation: u64, phase: Phase) -> Build {
    let uuid = Uuid::from_u128(7);
    let owner = names::owner(uuid, generation).to_string();
    let map = |pairs: &[(&str, &str)]| -> Map {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let labels = map(&[(wire::CHAIN, chain), (wire::PHASE, phase.as_str())]);
    let annotations = map(&[
        (wire::OWNER, &owner),
        (wire::CHAIN_UUID, &uuid.to_string()),
        (wire::GENERATION, &generation.to_string()),
    ]);
    let told = NamespaceView {
        namespace,
        uid: "u",
        resource_version: "1",
        created: None,
        terminating: false,
        labels: &labels,
        annotations: &annotations,
    };
    Build::read(told).unwrap()
}

#[test]
fn of_a_chain_the_newest_build_that_is_over_is_meant() {
    use Phase::{Building, Finished, Listening, Queued, Recorded};
    let chain = |phases: &[Phase]| -> Vec<Build> {
        (1..)
            .zip(phases)
            .map(|(number, phase)| build(&format!("ci-{number}"), "app", number, *phase))
            .collect()
    };
    for (phases, meant_one) in [
        (&[Finished, Finished, Listening][..], "ci-2"),
        (&[Finished, Recorded, Building, Listening], "ci-2"),
        (&[Building, Finished, Listening], "ci-2"),
        (&[Building, Queued, Listening], "ci-1"),
        (&[Listening], "ci-1"),
    ] {
        assert_eq!(meant(&chain(phases)).namespace, meant_one, "{phases:?}");
    }
    let mut going = chain(&[Finished, Finished]);
    going[1].terminating = true;
    assert_eq!(meant(&going).namespace, "ci-1", "what is being deleted is nobody's");
}

#[test]
fn what_must_not_be_scaled_says_why() {
    let (up, down) = (Direction::Up, Direction::Down);
    for phase in Phase::ALL {
        let refused =
            |direction| refusal(&build("ci-a", "app", 1, phase), direction).map(|it| it.to_string());
        let both = |why: &str| (Some(why.to_owned()), Some(why.to_owned()));
        let expected = match phase {
            Phase::Claimed | Phase::Listening => {
                both("build ci-a is a listener: it holds nothing to scale until a push comes")
            }
            Phase::Triggered | Phase::Detached | Phase::Queued => {
                both(&format!("build ci-a is {phase}: its support is not there yet, and comes up by itself"))
            }
            Phase::Preparing | Phase::Building => {
                (None, Some(format!("build ci-a is {phase}: it stands on its support")))
            }
            Phase::Recorded | Phase::Finished => (None, None),
            Phase::Disposing => both("build ci-a is being deleted"),
        };
        assert_eq!((refused(up), refused(down)), expected, "{phase}");
    }
    let mut going = build("ci-a", "app", 1, Phase::Finished);
    going.terminating = true;
    assert_eq!(refusal(&going, up).unwrap().to_string(), "build ci-a is being deleted");
    let claim = build("ci-a", wire::CLAIM_CHAIN, 0, Phase::Claimed);
    assert!(refusal(&claim, up).unwrap().to_string().contains("bare claim"));
}

#[test]
fn counts_come_from_what_is_remembered() {
    let (up, down) = (Direction::Up, Direction::Down);
    for (direction, replicas, remembered, wanted) in [
        (up, 0, Some("3"), Some(Step::To(3))),
        (up, 1, Some("3"), Some(Step::To(3))),
        (up, 3, Some("3"), Some(Step::Nothing)),
        (up, 5, Some("3"), Some(Step::Nothing)),
        (up, 0, Some("0"), Some(Step::Nothing)),
        (up, 2, None, Some(Step::Nothing)),
        (up, 0, None, None),
        (up, 0, Some("-1"), None),
        (up, 0, Some("many"), None),
        (down, 0, None, Some(Step::Nothing)),
        (down, 3, Some("3"), Some(Step::To(0))),
        (down, 5, Some("3"), Some(Step::To(0))),
        (down, 2, None, Some(Step::RememberThenNone(2))),
        (down, 2, Some("many"), Some(Step::RememberThenNone(2))),
    ] {
        let mut workload = Workload::default();
        workload.name = "minio".to_owned();
        workload.replicas = replicas;
        workload.remembered = remembered.map(str::to_owned);
        let taken = step(Scalable::Deployment, &workload, direction);
        assert_eq!(taken.as_ref().ok(), wanted.as_ref(), "{direction:?} {replicas} {remembered:?}");
        if let Err(why) = taken {
            assert!(why.to_string().starts_with("deployment.apps/minio"), "{why}");
        }
    }
}

/// A server with a Deployment of two replicas, whose count is remembered or not, and with nothing else. Whom it knows
/// nothing of may do nothing before they are bound, and for one request more.
fn server(remembered: bool, bound: bool) -> (Cluster, Scripted) {
    let mut late = !bound;
    Cluster::scripted(move |seen| {
        let path = seen.path.as_str();
        match seen.method.as_str() {
            "POST" if path.ends_with("/selfsubjectaccessreviews") => {
                let binds = seen.body["spec"]["resourceAttributes"]["resource"] == "rolebindings";
                Reply::Json(201, json!({ "status": { "allowed": bound || binds } }))
            }
            "POST" if path.ends_with("/selfsubjectreviews") => {
                Reply::Json(201, json!({ "status": { "userInfo": { "username": "alice" } } }))
            }
            "GET" if late => {
                late = false;
                Reply::Status(
                    403,
                    "Forbidden",
                    "deployments.apps is forbidden: User \"alice\" cannot list resource \
                    \"deployments\" in API group \"apps\" in the namespace \"ci-a\"",
                )
            }
            "GET" if path.ends_with("/deployments") => {
                let mut store = json!({ "metadata": { "name": "store" }, "spec": { "replicas": 2 } });
                if remembered {
                    store["metadata"]["annotations"][wire::REPLICAS] = json!("2");
                }
                Reply::Json(200, json!({ "metadata": {}, "items": [store] }))
            }
            "GET" => Reply::Json(200, json!({ "metadata": {}, "items": [] })),
            "POST" => Reply::Json(201, seen.body.clone()),
            _ => Reply::Json(200, json!({})),
        }
    })
}

/// The writes that a server has seen, with what matters of them.
fn writes(server: &Scripted) -> Vec<String> {
    let told = |seen: &SeenRequest| {
        let dry = if seen.query.contains("dryRun=All") { " dry" } else { "" };
        let place = seen.path.rsplit("/namespaces/").next().unwrap();
        format!("{} {place}{dry} {}", seen.method, seen.body)
    };
    let all = server.seen();
    all.iter().filter(|seen| seen.method != "GET" && !seen.path.contains("reviews")).map(told).collect()
}

const TO_NONE: &str = r#"{"spec":{"replicas":0}}"#;

#[tokio::test(start_paused = true)]
async fn a_count_is_written_down_before_it_is_lost() {
    let finished = build("ci-a", "app", 1, Phase::Finished);
    let scaled = format!("PATCH ci-a/deployments/store/scale {TO_NONE}");
    let remember =
        "PATCH ci-a/deployments/store {\"metadata\":{\"annotations\":{\"studioci.dev/replicas\":\"2\"}}}";
    let dry = format!("PATCH ci-a/deployments/store/scale dry {TO_NONE}");
    for (remembered, dry_run, wanted) in [
        (true, DryRun::None, vec![scaled.as_str()]),
        (false, DryRun::None, vec![remember, &scaled]),
        (false, DryRun::Server, vec![&dry]),
        (false, DryRun::Client, vec![]),
    ] {
        let (cluster, server) = server(remembered, true);
        let outcome = scale(&cluster, &finished, Direction::Down, dry_run).await.unwrap();
        assert!(outcome.failed.is_empty() && outcome.scaled[0].changed, "{outcome:?}");
        assert_eq!(writes(&server), wanted, "{remembered} {dry_run:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_no_rights_there_binds_himself_first_and_waits_until_that_acts() {
    let finished = build("ci-a", "app", 1, Phase::Finished);
    let (cluster, server) = server(true, false);
    let outcome = scale(&cluster, &finished, Direction::Down, DryRun::None).await.unwrap();
    assert!(outcome.failed.is_empty(), "{outcome:?}");
    let writes = writes(&server);
    assert!(writes[0].starts_with("POST ci-a/rolebindings "), "{writes:?}");
    assert!(
        writes[0].contains("\"studioci-person-alice\"") && writes[0].contains("studioci-workspace"),
        "{writes:?}"
    );
    assert_eq!(writes[1..], [format!("PATCH ci-a/deployments/store/scale {TO_NONE}")]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_binds_nobody() {
    let finished = build("ci-a", "app", 1, Phase::Finished);
    for dry_run in [DryRun::Server, DryRun::Client] {
        let (cluster, server) = server(true, false);
        let refused = scale(&cluster, &finished, Direction::Down, dry_run).await.unwrap_err();
        assert!(refused.to_string().starts_with("you may not list "), "{refused}");
        assert_eq!(writes(&server), [""; 0], "{dry_run:?}");
    }
}
