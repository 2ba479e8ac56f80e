//! `doctor --bundle`: what a bug report needs is in it, and nothing of what is put into every place that a secret may be in.

use std::io::Read as _;

use studioci::ops::doctor::bundle::bundle;
use testkit::in_base64;

use super::*;

/// A secret, with a number by which it is known where it came from.
fn secret(number: usize) -> String {
    format!("hunter-{number:02}-secret")
}

/// The texts of a bundle: names and contents, as they stand in the archive.
async fn bundled(stage: &Stage, chain: Option<&str>) -> String {
    let cluster = stage.cluster();
    let told = [("diagnosis.json", json!({ "checks": [{ "message": format!("it says {}", secret(0)) }] }))];
    let packed = Box::pin(bundle(&cluster, chain, told)).await.pack(Timestamp::UNIX_EPOCH).unwrap();
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// A chain whose first build has finished, with a secret in every place.
async fn full_of_secrets() -> (Stage, String) {
    let (stage, first) = finished().await;
    {
        let mut world = stage.world();
        let within = |kind: &str| format!("/api/v1/namespaces/{first}/{kind}");
        world.change(&format!("/api/v1/namespaces/studioci/secrets/chain-{CHAIN}"), |it| {
            it["data"]["TOKEN"] = json!(in_base64(&secret(0)));
            it["data"]["webhook-url"] = json!(in_base64(&format!("https://hooks.example/{}", secret(1))));
        });
        let login = json!({ "auths": { "registry.example": { "password": secret(2), "auth": secret(3) } } })
            .to_string();
        let data = json!({ ".dockerconfigjson": in_base64(&login), "b": in_base64(&secret(4)) });
        world.keep(&within("secrets"), json!({ "metadata": { "name": "login" }, "data": data }));
        world.change(&format!("{HOME}/record-{CHAIN}"), |it| {
            it["data"]["sources"] =
                json!(it["data"]["sources"].as_str().unwrap().replace("minio:1", &secret(5)));
            it["data"]["more"] = json!(secret(5));
        });
        world.change(&format!("{HOME}/chain-{CHAIN}"), |it| it["data"]["pipeline"] = json!(secret(6)));
        world.change(&format!("{HOME}/studioci"), |it| {
            it["data"]["httpsProxy"] = json!(format!("http://me:{}@proxy.example:3128", secret(7)));
        });
        world.keep(
            &within("configmaps"),
            json!({ "metadata": { "name": "settings" }, "data": { "a": secret(8) } }),
        );
        world.change(&within("configmaps/studioci-freeze"), |it| it["data"]["pipeline"] = json!(secret(9)));
        world.change(&ns(&first), |it| {
            let applied = "kubectl.kubernetes.io/last-applied-configuration";
            it["metadata"]["annotations"][applied] = json!(secret(10));
            it["metadata"]["annotations"][wire::CAUSE] = json!(format!("exit 1: {}", secret(0)));
        });
        world.change(&World::listener(&first), |it| {
            let container = &mut it["spec"]["template"]["spec"]["containers"][crate::CI];
            container["env"] = json!([{ "name": "A", "value": secret(11) }]);
            container["args"] = json!([secret(12)]);
        });
        let message = format!("{} said {} to https://me:{}@host/", secret(4), secret(2), secret(13));
        world.keep(
            &within("events"),
            json!({ "metadata": { "name": "e" }, "reason": "Quoted", "message": message }),
        );
        let log = format!("listening\n{} and https://me:{}@host/\n", secret(0), secret(14));
        world.logs.insert("studioci-agent".to_owned(), log);
        let name = "registry.example/team/ci";
        let keel = format!(
            "level=info msg={name} is well\nlevel=error msg={name} auths {}\nof others {}\n",
            secret(15),
            secret(16)
        );
        world.logs.insert("keel".to_owned(), keel);
        let container = json!({ "name": "keel", "image": "keelhq/keel:0.22.1", "args": [secret(17)],
            "env": [{ "name": "SLACK_TOKEN", "value": secret(18) }, { "name": "POLL", "value": "true" }] });
        let labels = json!({ "app": "keel" });
        world.keep(
            "/apis/apps/v1/namespaces/ops/deployments",
            json!({ "metadata": { "name": "keel" }, "spec": {
            "selector": { "matchLabels": labels }, "template": { "spec": { "containers": [container] } } } }),
        );
        world.keep(
            "/api/v1/namespaces/ops/pods",
            json!({ "metadata": { "name": "keel-1", "labels": labels } }),
        );
    }
    (stage, first)
}

fn ns(name: &str) -> String {
    format!("/api/v1/namespaces/{name}")
}

#[tokio::test(start_paused = true)]
async fn a_bundle_holds_what_a_bug_report_needs_and_no_secret() {
    let (stage, first) = full_of_secrets().await;
    let before = stage.world().objects.clone();
    for chain in [None, Some(CHAIN)] {
        let text = bundled(&stage, chain).await;
        let found: Vec<String> = (0..=18).map(secret).filter(|word| text.contains(word.as_str())).collect();
        assert_eq!(found, Vec::<String>::new());
        for number in 0..=18 {
            let encoded = in_base64(&secret(number));
            assert!(!text.contains(encoded.trim_end_matches('=')), "{number}");
        }
        for needed in [
            "studioci-bundle/diagnosis.json".to_owned(),
            "it says ***".to_owned(),
            format!("studioci-bundle/builds/{first}/deployments.json"),
            format!("builds/{first}/build-"),
            "listening\n*** and https://host/\n".to_owned(),
            "*** said *** to https://host/".to_owned(),
            "exit 1: ***".to_owned(),
            format!("record-{CHAIN}"),
            "http://proxy.example:3128".to_owned(),
            "level=info msg=registry.example/team/ci is well\n".to_owned(),
            "\"name\": \"SLACK_TOKEN\"".to_owned(),
            "studioci-agent".to_owned(),
        ] {
            assert!(text.contains(&needed), "{needed}: {text}");
        }
    }
    assert_eq!(stage.world().objects, before, "it only reads");
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_is_named_and_what_must_not_be_shown_is_hidden_all_the_same() {
    let (stage, _) = full_of_secrets().await;
    stage.world().refusals.push(|request, _| {
        let no = request.starts_with("GET") && (request.contains("/secrets") || request.contains("/configmaps"));
        no.then_some("x is forbidden: User \"alice\" cannot list resource \"secrets\" in API group \"\" in the namespace \"studioci\"")
    });
    let text = bundled(&stage, None).await;
    assert!(text.contains("home/secrets.json: ") && text.contains("home/configmaps.json: "), "{text}");
    // what others have said in their own words cannot be masked by what nobody may read
    let said_by_others = [0, 2, 4];
    let found: Vec<usize> = (0..=18).filter(|number| text.contains(&secret(*number))).collect();
    assert!(found.iter().all(|number| said_by_others.contains(number)), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn of_one_chain_nothing_of_others_is_bundled() {
    let (stage, _) = full_of_secrets().await;
    let other = json!({ wire::CHAIN: "other", wire::MANAGED_BY: wire::MANAGED_BY_VALUE });
    stage.world().keep(
        HOME,
        json!({ "metadata": { "name": "chain-other", "labels": other }, "data": { "uuid": "of-another" } }),
    );
    stage
        .world()
        .keep("/api/v1/namespaces", json!({ "metadata": { "name": "ci-of-another", "labels": other } }));
    let all = bundled(&stage, None).await;
    assert!(all.contains("of-another") && all.contains("ci-of-another"));
    assert!(!bundled(&stage, Some(CHAIN)).await.contains("of-another"));
}
