//! `setup` against an API server in memory that keeps what it is given.

use serde_json::json;
use testkit::{ApiServer, Reply};

use super::*;
use crate::chain::build::Map;
use crate::state::home::home;

/// A server as an administrator meets it before `setup`.
fn server(minor: &'static str) -> (Cluster, ApiServer) {
    let server = ApiServer::default();
    server.world().minor = minor;
    // of nobody else is anything allowed
    server.world().allows = Some(|review| review["user"].is_null());
    (Cluster::with_client(server.client()), server)
}

const CONFIG: &str = "/api/v1/namespaces/studioci/configmaps/studioci";
const POLICY: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/studioci-rights";

/// An image of this name, by its digest.
fn pinned(name: &str) -> String {
    format!("{name}@sha256:{}", "a".repeat(64))
}

async fn run(cluster: &Cluster, image: Option<&str>) -> Result<Installed> {
    let mut heard = Vec::new();
    let asked = Asked { agent_image: image.map(str::to_owned), ..Asked::default() };
    let installed = setup(cluster, &asked, &mut |line| heard.push(line.clone())).await?;
    assert_eq!(heard, installed.lines);
    Ok(installed)
}

fn became(installed: &Installed, wanted: Applied) -> Vec<&str> {
    installed.lines.iter().filter(|line| line.became == wanted).map(|line| line.object.as_str()).collect()
}

/// How many requests would change something, dry runs too.
fn writes(server: &ApiServer) -> usize {
    server.world().requests.iter().filter(|it| !it.starts_with("GET") && !it.contains("reviews")).count()
}

#[tokio::test(start_paused = true)]
async fn the_first_time_everything_is_created_and_the_second_time_nothing_is_written() {
    let (cluster, server) = server("36");
    let first = run(&cluster, Some(&pinned("a/b"))).await.unwrap();
    let lines: Vec<String> = first.lines.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), manifests::objects().len() + 1);
    assert_eq!(lines[0], "namespace/studioci created");
    assert_eq!(lines[1], "validatingadmissionpolicy.admissionregistration.k8s.io/studioci-agent created");
    assert_eq!(lines[lines.len() - 1], "configmap/studioci created");
    assert!(first.notices.is_empty(), "{:?}", first.notices);
    assert_eq!(server.world().get(CONFIG)["data"], json!({ "version": "2.0", "agentImage": pinned("a/b") }));
    let before = writes(&server);
    let second = run(&cluster, None).await.unwrap();
    assert_eq!(became(&second, Applied::Unchanged).len(), lines.len());
    assert_eq!(writes(&server), before);
    assert_eq!(home(&cluster).await.unwrap(), Home { agent_image: pinned("a/b"), ..Home::unasked() });
    let world = server.world();
    let role = world.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/studioci-agent");
    let allowed = role["rules"].as_array().unwrap().iter().find(|rule| rule["resources"][0] == "agentimages");
    assert_eq!(
        allowed.unwrap()["resourceNames"],
        json!([pinned("a/b")]),
        "the one image that an agent may run"
    );
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_is_set_right() {
    let (cluster, server) = server("36");
    run(&cluster, Some(&pinned("a/b"))).await.unwrap();
    server.world().change(POLICY, |policy| policy["spec"]["failurePolicy"] = json!("Ignore"));
    assert!(matches!(confinement::installed(&cluster).await, Err(Error::PoliciesDiffer { .. })));
    let again = run(&cluster, None).await.unwrap();
    assert_eq!(
        became(&again, Applied::Configured),
        ["validatingadmissionpolicy.admissionregistration.k8s.io/studioci-rights"]
    );
    assert_eq!(server.world().get(POLICY)["spec"]["failurePolicy"], "Fail");
}

#[tokio::test(start_paused = true)]
async fn a_newer_confinement_is_left_alone() {
    let (cluster, server) = server("36");
    run(&cluster, Some(&pinned("a/b"))).await.unwrap();
    server.world().change(POLICY, |policy| {
        policy["metadata"]["annotations"][wire::CONFINEMENT] = json!("99");
        policy["spec"]["failurePolicy"] = json!("Future");
    });
    let again = run(&cluster, None).await.unwrap();
    assert_eq!(became(&again, Applied::Unchanged), ["namespace/studioci", "configmap/studioci"]);
    assert_eq!(became(&again, Applied::Newer).len(), manifests::objects().len() - 1);
    assert!(again.notices[0].contains("99"), "{:?}", again.notices);
    assert_eq!(server.world().get(POLICY)["spec"]["failurePolicy"], "Future");
    // its roles would not allow another image
    let other = run(&cluster, Some(&pinned("c/d"))).await;
    assert!(matches!(other, Err(Error::NewerSetup {})), "{other:?}");
    assert_eq!(server.world().get(CONFIG)["data"]["agentImage"], pinned("a/b"));
}

#[tokio::test(start_paused = true)]
async fn a_home_of_another_major_version_is_refused_untouched() {
    for version in ["3.0", "1.0", "x", "2"] {
        let (cluster, server) = server("36");
        let config = manifests::config(&Home { version: version.to_owned(), ..Home::unasked() });
        server.world().objects.insert(CONFIG.to_owned(), config);
        for outcome in [run(&cluster, None).await.map(|_| ()), home(&cluster).await.map(|_| ())] {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains(version) && error.contains("2.0"), "{error}");
        }
        assert_eq!(writes(&server), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_without_admission_policies_is_refused_untouched() {
    let (cluster, server) = server("29+");
    let error = run(&cluster, None).await.unwrap_err().to_string();
    assert!(error.contains("v1.29+.0") && error.contains("1.30"), "{error}");
    assert_eq!(writes(&server), 0);
}

#[tokio::test(start_paused = true)]
async fn no_setup_is_said_with_its_remedy() {
    let (cluster, _) = server("36");
    let (what, remedy) = home(&cluster).await.unwrap_err().said();
    assert!(what.contains("not set up") && remedy.contains("kubectl studioci setup"));
}

#[test]
fn what_is_not_asked_for_stays() {
    let added = |key: &str| Added { labels: vec![key.to_owned()], ..Added::default() };
    let home = |version: &str, image: &str, keys: Added| Home {
        version: version.to_owned(),
        agent_image: image.to_owned(),
        added: keys,
        proxies: Proxies::default(),
    };
    let old = home("2.0", "a/b", added("x"));
    let newer = home("2.7", "a/b", Added::default());
    let asked = |image: Option<&str>, added: Option<Added>| Asked {
        agent_image: image.map(str::to_owned),
        added,
        ..Asked::default()
    };
    let cases = [
        (None, asked(Some("c/d"), None), home("2.0", "c/d", Added::default())),
        (Some(&old), asked(None, None), old.clone()),
        (Some(&old), asked(Some("c/d"), None), home("2.0", "c/d", added("x"))),
        (Some(&old), asked(None, Some(added("y"))), home("2.0", "a/b", added("y"))),
        (Some(&newer), asked(None, None), newer.clone()),
        (Some(&newer), asked(Some("c/d"), None), home("2.7", "c/d", Added::default())),
    ];
    for (before, asked, after) in cases {
        assert_eq!(home_after(before, &asked, None).unwrap(), after);
        assert_eq!(
            Home::read(&serde_json::from_value(manifests::config(&after)["data"].clone()).unwrap()).unwrap(),
            after
        );
    }
    assert!(matches!(home_after(None, &asked(None, None), None), Err(Error::NoAgentImage {})));
}

#[test]
fn the_released_image_is_installed_where_there_is_none_and_nobody_names_another() {
    let named = |image: &str| Asked { agent_image: Some(image.to_owned()), ..Asked::default() };
    let (asked, released) = (Asked::default(), Some("r/e@sha256:1"));
    let fresh = home_after(None, &asked, released).unwrap();
    assert_eq!(fresh.agent_image, "r/e@sha256:1");
    assert_eq!(home_after(None, &named("a/b"), released).unwrap().agent_image, "a/b");
    let there = home_after(None, &named("a/b"), None).unwrap();
    assert_eq!(home_after(Some(&there), &asked, released).unwrap(), there, "what was installed stays");
}

#[test]
fn the_proxy_of_agents_stays_until_it_is_named_anew_or_taken_away() {
    let asked = |https: Option<&str>, none_for: Option<&str>| Asked {
        agent_image: Some(pinned("a/b")),
        https_proxy: https.map(str::to_owned),
        no_proxy: none_for.map(str::to_owned),
        ..Asked::default()
    };
    let mut home = None;
    for (https, none_for, want) in [
        (None, None, json!({})),
        (
            Some("http://proxy:3128"),
            Some(".corp"),
            json!({ "httpsProxy": "http://proxy:3128", "noProxy": ".corp" }),
        ),
        (None, None, json!({ "httpsProxy": "http://proxy:3128", "noProxy": ".corp" })),
        (None, Some(""), json!({ "httpsProxy": "http://proxy:3128" })),
        (Some(""), None, json!({})),
    ] {
        let after = home_after(home.as_ref(), &asked(https, none_for), None).unwrap();
        let mut data = manifests::config(&after)["data"].clone();
        let read = Home::read(&serde_json::from_value(data.clone()).unwrap()).unwrap();
        assert_eq!(read, after);
        data.as_object_mut().unwrap().retain(|key, _| key.ends_with("Proxy"));
        assert_eq!(data, want);
        home = Some(after);
    }
    for (proxy, says) in
        [("socks4://p", "is no URL"), ("http://me:SECRET@p:1", "the address of p:1 holds a user")]
    {
        let error = print(&asked(Some(proxy), None)).unwrap_err().to_string();
        assert!(error.contains("--https-proxy") && error.contains(says), "{error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
}

#[test]
fn an_agent_image_in_home_that_is_no_reference_is_named() {
    for image in ["a//b", "a/b:1+2", "a b"] {
        let data =
            Map::from([("version", "2.0"), ("agentImage", image)].map(|(k, v)| (k.to_owned(), v.to_owned())));
        let (what, remedy) = Home::read(&data).unwrap_err().said();
        assert!(what.contains(image) && remedy.contains("--agent-image"), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_image_is_named_by_its_digest_and_a_key_is_one() {
    let (cluster, server) = server("36");
    for image in ["a/b", "a/b:1", "r.example:5000/a/b:1"] {
        assert!(matches!(run(&cluster, Some(image)).await, Err(Error::ImageNotPinned { .. })), "{image}");
    }
    let digest = "a".repeat(64);
    for image in [
        "not an image",
        "a/b@sha256:1",
        "a//b@sha256:DIGEST",
        "a/B@sha256:DIGEST",
        "a/b:1+2@sha256:DIGEST",
        "DIGEST",
    ] {
        let image = image.replace("DIGEST", &digest);
        assert!(matches!(run(&cluster, Some(&image)).await, Err(Error::NotAnImage { .. })), "{image}");
    }
    for key in ["", "a b", "a=b", "a\nl:b", "studioci.dev/chain", "pod-security.kubernetes.io/enforce"] {
        let added = Some(Added { annotations: vec![key.to_owned()], ..Added::default() });
        let asked = Asked { agent_image: Some(pinned("a/b")), added, ..Asked::default() };
        assert!(matches!(print(&asked), Err(Error::NotAKey { .. })), "{key:?}");
    }
    assert_eq!(server.world().requests.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn somebody_without_the_rights_is_told_who_may() {
    let (cluster, _) = Cluster::scripted(|seen| match seen.path.as_str() {
        "/version" => Reply::Json(200, json!({ "major": "1", "minor": "36", "gitVersion": "v1.36.0" })),
        _ => Reply::Status(
            403,
            "Forbidden",
            "configmaps \"studioci\" is forbidden: User \"alice\" cannot get resource \"configmaps\" in API group \"\" in \
             the namespace \"studioci\"",
        ),
    });
    let (what, remedy) = run(&cluster, None).await.unwrap_err().said();
    assert!(
        what.contains("administrator") && what.contains("alice") && remedy.contains("cluster-admin"),
        "{what}"
    );
}
