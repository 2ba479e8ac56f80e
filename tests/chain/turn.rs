//! `chain_02` and `chain_03`: a push, a build, the next listener, again and again.

use serde_json::Value;
use test_cluster::audit;

use crate::start::GLOB;
use crate::world::{World, ci_image_of, gated, keys};

fn keel_keys(object: &Value) -> Vec<String> {
    let metadata = &object["metadata"];
    let mut all = keys(&metadata["labels"]);
    all.extend(keys(&metadata["annotations"]));
    all.retain(|key| key.starts_with("keel.sh/"));
    all
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_02_a_push_is_built_detached_and_the_next_listener_waits() {
    let world = World::new("chain-02");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let first = world.namespace(1);
    let mark = world.mark();
    let digest = world.push("build-0002", "2", &gated("two", 0));
    world.phase(1, "Building");

    let listener = world.get(&["deployment", "build", "-n", &first]);
    assert_eq!(keel_keys(&listener), Vec::<String>::new());
    assert_eq!(listener["metadata"]["annotations"]["parked.studioci.dev/policy"], "glob:build-*");
    let build = world.build(1).unwrap();
    assert_eq!(build["status"]["tag"], "build-0002");
    assert_eq!(build["status"]["digest"], digest.as_str());
    let second = world.namespace(2);
    assert_eq!(build["status"]["successor"], second.as_str());

    // detach → read → namespace → listener with live keys → Job; a phase is written before its work
    let requests = world.until("the build's Job", || {
        let requests = world.requests(mark);
        let made = |event: &audit::Event| event.verb == "create" && event.object_ref.resource == "jobs";
        requests.iter().any(made).then_some(requests)
    });
    let agent = format!("system:serviceaccount:{first}:studioci-agent.{}", world.chain);
    let place = |what: &str, matches: &dyn Fn(&str, &str, &str, &str) -> bool| {
        requests
            .iter()
            .position(|event| {
                let object = &event.object_ref;
                event.user.username == agent
                    && !event.uri.contains("dryRun")
                    && matches(&event.verb, &object.resource, &object.namespace, &object.name)
            })
            .unwrap_or_else(|| panic!("{what} is not in the audit log"))
    };
    let detach = place("detach", &|verb, what, ns, _| (verb, what, ns) == ("patch", "deployments", &first));
    let claim = place("claim", &|verb, what, _, _| (verb, what) == ("create", "namespaces"));
    let dispatch =
        place("dispatch", &|verb, what, ns, _| (verb, what, ns) == ("create", "deployments", &second));
    let job = place("Job", &|verb, what, ns, _| (verb, what, ns) == ("create", "jobs", &first));
    let read = requests[detach..claim].iter().any(|event| {
        event.user.username == agent && event.verb == "get" && event.object_ref.resource == "deployments"
    });
    assert!(
        detach < claim && read && claim < dispatch && dispatch < job,
        "{detach} {claim} {dispatch} {job}"
    );
    let next = world.get(&["deployment", "build", "-n", &second]);
    assert_eq!(keel_keys(&next).len(), 5, "{next}");

    // ten more pushes: a sibling that is still Keel's follows each, the detached one keeps its image
    world.kubectl(&["create", "namespace", "sibling"]).ok();
    let sibling = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: sibling\n  namespace: sibling\n{GLOB}\nspec:\n  replicas: 0\n  \
         selector: {{matchLabels: {{app: s}}}}\n  template:\n    metadata: {{labels: {{app: s}}}}\n    spec:\n      containers: [{{name: s, image: \"{}:build-0002\"}}]\n",
        world.image()
    );
    world.kubectl(&["apply", "-f", &world.file("sibling.yaml", &sibling)]).ok();
    for number in 3..=12 {
        let tag = format!("build-{number:04}");
        world.push(&tag, &tag, "exit 0");
        let wanted = format!("{}:{tag}", world.image());
        world.until(&format!("the sibling at {tag}"), || {
            let sibling = world.get(&["deployment", "sibling", "-n", "sibling"]);
            (sibling["spec"]["template"]["spec"]["containers"][0]["image"] == wanted.as_str()).then_some(())
        });
        let detached = world.get(&["deployment", "build", "-n", &first]);
        let image = ci_image_of(&detached);
        assert!(image.ends_with(":build-0002"), "{image}");
    }
    world.kubectl(&["delete", "namespace", "sibling", "--wait=true"]).ok();
    world.open("two");
    assert_eq!(world.verdict(1), "Passed");
    world.phase(1, "Finished");
    world.until("the listener at zero", || {
        (world.get(&["deployment", "build", "-n", &first])["spec"]["replicas"] == 0).then_some(())
    });
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_03_every_push_is_built_once_one_at_a_time() {
    let world = World::new("chain-03");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    for (generation, tag) in [(1, "build-0002"), (2, "build-0003"), (3, "build-0004")] {
        world.phase(generation, "Listening");
        world.push(tag, tag, &gated(tag, 0));
        world.phase(generation, "Detached");
        let next = world.phase(generation + 1, "Listening");
        let baseline = next["spec"]["baseline"].as_str().unwrap();
        assert!(baseline.starts_with(&format!("{tag}@sha256:")), "{baseline}");
    }
    world.phase(1, "Building");
    for generation in [2, 3] {
        world.phase(generation, "Queued");
        let jobs = world.get(&["jobs", "-n", &world.namespace(generation)]);
        assert_eq!(jobs["items"].as_array().unwrap().len(), 0, "one at a time");
    }
    let (first, fourth) = (world.namespace(1), world.namespace(4));
    let original = world.get(&["deployment", "build", "-n", &first]);
    let next = world.get(&["deployment", "build", "-n", &fourth]);
    assert_eq!(ci_image_of(&next), format!("{}:build-0004", world.image()), "the tag frozen before it");
    let parked: Vec<String> = keys(&original["metadata"]["annotations"])
        .into_iter()
        .filter_map(|key| Some(format!("keel.sh/{}", key.strip_prefix("parked.studioci.dev/")?)))
        .filter(|key| key != "keel.sh/digest")
        .collect();
    assert_eq!(keel_keys(&next), parked, "the same keys in the same maps");
    for field in ["keel.sh/digest", "kubernetes.io/change-cause"] {
        assert!(!keys(&next["metadata"]["annotations"]).contains(&field.to_owned()), "{field}");
    }
    assert!(next["spec"]["template"]["metadata"]["annotations"]["keel.sh/update-time"].is_null());
    for (generation, tag) in [(1, "build-0002"), (2, "build-0003"), (3, "build-0004")] {
        world.phase(generation, "Building");
        world.open(tag);
        assert_eq!(world.verdict(generation), "Passed");
        let jobs = world.get(&["jobs", "-n", &world.namespace(generation)]);
        assert_eq!(jobs["items"].as_array().unwrap().len(), 1);
        let pods = world.get(&["pods", "-n", &world.namespace(generation), "-l", "studioci.dev/role=build"]);
        assert_eq!(pods["items"].as_array().unwrap().len(), 1);
        assert_eq!(world.build(generation).unwrap()["status"]["tag"], tag);
    }
    assert_eq!(world.build(4).unwrap()["status"]["phase"], "Listening");
    assert_eq!(world.builds().len(), 4);
}
