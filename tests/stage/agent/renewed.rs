//! The record is rewritten under a build, by a `start` of another pipeline: the build ends by what it has begun with.

use super::*;

const RECORD: &str = "/api/v1/namespaces/studioci/configmaps/record-app-main";
/// Longer than an agent must be away before a later one ends its build, and looked at twice.
const LONG: Duration = Duration::from_secs(12 * 60);

/// A record whose template names everything otherwise.
fn renamed(world: &mut World) {
    world.change(RECORD, |record| {
        let mut text = |key: &str, pairs: &[(&str, &str)]| {
            let mut text = record["data"][key].as_str().unwrap().to_owned();
            for (old, new) in pairs {
                assert!(text.contains(old), "{old} in {text}");
                text = text.replace(old, new);
            }
            record["data"][key] = json!(text);
        };
        text("sources", &[("minio", "other"), (r#"\"build\""#, r#"\"compile\""#)]);
        text("settings", &[(r#""build""#, r#""compile""#)]);
    });
}

/// A record whose template does not go with what was pushed.
fn unusable(world: &mut World) {
    world.change(RECORD, |record| {
        let mut sources: Value = serde_json::from_str(record["data"]["sources"].as_str().unwrap()).unwrap();
        sources["template"]["text"] = json!("{{ nothing");
        record["data"]["sources"] = json!(sources.to_string());
    });
}

/// A freeze as earlier agents wrote it, which leaves the text to the record.
fn without_text(world: &mut World, namespace: &str) {
    world.change(&format!("/api/v1/namespaces/{namespace}/configmaps/{}", wire::FREEZE), |freeze| {
        freeze["data"].as_object_mut().unwrap().remove("pipeline").unwrap();
    });
}

#[tokio::test(start_paused = true)]
async fn a_build_ends_by_what_it_has_begun_with() {
    for (rewrite, how) in [(renamed as fn(&mut World), "renamed"), (unusable, "unusable")] {
        for frozen in [true, false] {
            for restarted in [true, false] {
                let what = format!("{how}, frozen {frozen}, restarted {restarted}");
                let (stage, namespace) = pushed().await;
                stage.world().exit = None;
                let made = |world: &World| !annotation(world, &namespace, wire::JOB_UID).is_empty();
                run_until(&stage, &namespace, made).await;
                let next = stage.world().builds()[&2].clone();
                {
                    let mut world = stage.world();
                    rewrite(&mut world);
                    if !frozen {
                        without_text(&mut world, &namespace);
                    }
                    world.change(&format!("/api/v1/namespaces/{namespace}/pods/{}-x", wire::JOB), |pod| {
                        pod["status"]["phase"] = json!("Succeeded");
                        pod["status"]["containerStatuses"][0]["state"] =
                            json!({ "terminated": { "exitCode": 0 } });
                    });
                }
                let who = if restarted {
                    stage.world().roll(&namespace);
                    &namespace
                } else {
                    let pods = format!("/api/v1/namespaces/{namespace}/pods/build-");
                    stage.world().objects.retain(|path, _| !path.starts_with(&pods));
                    &next
                };
                let ends = run_until(&stage, who, |world| asleep(world, &namespace));
                let ended = tokio::time::timeout(LONG, ends).await;
                let world = stage.world();
                let waiting = annotation(&world, &namespace, wire::WAITING);
                assert!(ended.is_ok(), "{what}: {} {waiting}", world.phase(&namespace));
                assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Passed", "{what}");
                assert_eq!(world.all("jobs").len(), 1, "{what}");
                let minio = world.get(&format!("/apis/apps/v1/namespaces/{namespace}/deployments/minio"));
                assert_eq!(minio["spec"]["replicas"], 0, "{what}");
                assert_eq!(minio["metadata"]["annotations"][wire::REPLICAS], "1", "{what}");
                let head = &world.get("/api/v1/namespaces/studioci/configmaps/chain-app-main")["data"];
                assert!(head["pipeline"].is_null(), "{what}: nothing was brought");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_claimed_for_a_generation_that_start_has_passed_is_disposed_of() {
    let (stage, namespace) = claimed_for_nobody().await;
    stage.world().change("/api/v1/namespaces/studioci/configmaps/chain-app-main", |head| {
        assert!(head["data"]["namespace"].is_null());
        head["data"]["generation"] = json!("3");
    });
    stage.world().roll(&namespace);
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    assert_eq!(annotation(&world, &namespace, wire::DISPATCH), "done");
    assert_eq!(world.builds().keys().collect::<Vec<_>>(), [&1]);
}
