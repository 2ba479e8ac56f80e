//! Secrets that `start --secret` copies: into the chain's Secret, and from there into each build's namespace.

use studioci::ops::start::SecretSource;
use studioci::state::error::Error;

use super::*;

const TEAM: &str = "/api/v1/namespaces/team/secrets";
const HELD: &str = "/api/v1/namespaces/studioci/secrets/chain-app-main";
const LOGIN: &str = r#"{"auths":{"registry.example":{"auth":"c2VzYW1l"}}}"#;

fn source(name: &str, there: &str) -> SecretSource {
    SecretSource { name: name.to_owned(), namespace: Some("team".to_owned()), there: there.to_owned() }
}

fn with_secrets() -> StartRequest {
    StartRequest { secrets: vec![source("registry", "login"), source("key", "key")], ..request(&glob()) }
}

/// A registry's tag, and the Secrets of a team: a login, and a key that is no text.
fn stage() -> Stage {
    let stage = Stage::new(&[("build-1", 'a')]);
    for secret in [
        json!({ "metadata": { "name": "login" }, "type": "kubernetes.io/dockerconfigjson",
            "stringData": { ".dockerconfigjson": LOGIN } }),
        json!({ "metadata": { "name": "key" }, "type": "Opaque", "data": { "key.p12": "AP8=" } }),
        json!({ "metadata": { "name": "token" }, "type": "kubernetes.io/service-account-token", "data": {} }),
    ] {
        stage.world().keep(TEAM, secret);
    }
    stage
}

fn secret<'a>(world: &'a World, namespace: &str, name: &str) -> &'a Value {
    world.get(&format!("/api/v1/namespaces/{namespace}/secrets/{name}"))
}

fn has_both(world: &World, namespace: &str, login: &str) {
    let registry = secret(world, namespace, "registry");
    assert_eq!(registry["type"], "kubernetes.io/dockerconfigjson");
    assert_eq!(registry["data"][".dockerconfigjson"], testkit::in_base64(login));
    assert_eq!(secret(world, namespace, "key")["data"]["key.p12"], "AP8=", "bytes stay bytes");
    let pulls = json!([{ "name": "registry" }]);
    let listener = world.get(&World::listener(namespace));
    assert_eq!(
        listener["spec"]["template"]["spec"]["imagePullSecrets"], pulls,
        "Keel reads those of the pod"
    );
}

#[tokio::test(start_paused = true)]
async fn each_namespace_gets_them_before_its_listener_and_the_build_pulls_with_them() {
    let stage = stage();
    starts(&stage, &with_secrets()).await.unwrap();
    let first = stage.world().builds()[&1].clone();
    has_both(&stage.world(), &first, LOGIN);
    stage.world().push(&first, "build-2", 'b');
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    let next = stage.world().builds()[&2].clone();
    let world = stage.world();
    has_both(&world, &next, LOGIN);
    let at = |what: String| {
        world.writes.iter().position(|write| *write == what).unwrap_or_else(|| panic!("{what}"))
    };
    for namespace in [&first, &next] {
        let raised = at(format!("POST /apis/apps/v1/namespaces/{namespace}/deployments"));
        assert!(at(format!("POST /api/v1/namespaces/{namespace}/secrets")) < raised);
    }
    let jobs = world.all("jobs");
    assert_eq!(jobs[0]["spec"]["template"]["spec"]["imagePullSecrets"], json!([{ "name": "registry" }]));
    // what they hold stands in Secrets and nowhere else
    for (path, object) in world.objects.iter().filter(|(path, _)| !path.contains("/secrets/")) {
        let text = object.to_string();
        assert!(!text.contains("c2VzYW1l") && !text.contains("AP8="), "{path}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_writes_the_chains_secret_renews_the_copy_that_a_listener_waits_with() {
    let stage = stage();
    starts(&stage, &with_secrets()).await.unwrap();
    let first = stage.world().builds()[&1].clone();
    let renewed = LOGIN.replace("c2VzYW1l", "bmV3");
    let held = testkit::in_base64(&renewed);
    stage.world().change(HELD, |it| it["data"]["secret.registry..dockerconfigjson"] = json!(held));
    let arrived = testkit::in_base64(&renewed);
    run_until(&stage, &first, |world| {
        secret(world, &first, "registry")["data"][".dockerconfigjson"] == arrived.as_str()
    })
    .await;
    has_both(&stage.world(), &first, &renewed);
    // one that is taken away leaves the copy as it was, and is told of by its key
    stage.world().change(HELD, |it| {
        it["data"].as_object_mut().unwrap().remove("secret.registry..dockerconfigjson");
    });
    run_until(&stage, &first, |world| annotation(world, &first, wire::WAITING).contains("cannot be copied"))
        .await;
    let world = stage.world();
    let why = annotation(&world, &first, wire::WAITING);
    assert!(why.contains("secret.registry..dockerconfigjson is gone"), "{why}");
    has_both(&world, &first, &renewed);
}

#[tokio::test(start_paused = true)]
async fn start_again_copies_anew_and_moves_the_chain_on() {
    let stage = stage();
    starts(&stage, &with_secrets()).await.unwrap();
    let renewed = LOGIN.replace("c2VzYW1l", "bmV3");
    let held = testkit::in_base64(&renewed);
    stage.world().change(&format!("{TEAM}/login"), |it| it["data"][".dockerconfigjson"] = json!(held));
    let (cluster, request) = (stage.cluster(), with_secrets());
    let starting = Box::pin(start(&cluster, &request, &|_| {}));
    let raised = stage.reaches(|world| {
        world.builds().get(&2).is_some_and(|next| world.objects.contains_key(&World::listener(next)))
    });
    tokio::select! {
        outcome = starting => panic!("nobody brings the listener up: {outcome:?}"),
        () = raised => {}
    }
    let world = stage.world();
    has_both(&world, &world.builds()[&2], &renewed);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_copied_is_refused_before_anything_is_created() {
    let cases: [(Vec<SecretSource>, &str); 3] = [
        (vec![source("a", "nothing")], "there is no Secret nothing in namespace team to copy"),
        (vec![source("a", "token")], "of type kubernetes.io/service-account-token"),
        (vec![source("a", "login"), source("a", "key")], "--secret names a twice"),
    ];
    for (secrets, says) in cases {
        let stage = stage();
        let request = StartRequest { secrets, ..request(&glob()) };
        let error = Box::pin(start(&stage.cluster(), &request, &|_| {})).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(stage.world().writes, Vec::<String>::new(), "{says}");
    }
    let stage = stage();
    let mut request = StartRequest { secrets: vec![source("mine", "login")], ..request(&glob()) };
    request
        .sources
        .template
        .text
        .push_str("\n---\n{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"mine\"}}");
    let error = Box::pin(start(&stage.cluster(), &request, &|_| {})).await.unwrap_err();
    let Error::Pipeline(faults) = error else { panic!("{error:?}") };
    assert!(faults[0].one_line().contains("the chain copies a Secret mine"), "{}", faults[0].one_line());
}
