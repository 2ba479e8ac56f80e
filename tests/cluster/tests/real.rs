//! The cluster does what the tests of the product rely on. Run by `cargo xtask test cluster_`.
#![expect(clippy::unwrap_used, reason = "a test has no better answer to what cannot be")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use std::{fs, iter};

use serde_json::{Value, json};
use test_cluster::image::{CiImage, Image, ci_image};
use test_cluster::interrupt::Interrupt;
use test_cluster::progress::Silent;
use test_cluster::{Cluster, Handle, Options, Part};

fn cluster() -> Handle {
    Handle::from_env().unwrap_or_else(|error| panic!("{error}"))
}

fn run(command: &mut Command) -> Output {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    done
}

fn kubectl(cluster: &Handle, args: &[&str]) -> String {
    String::from_utf8(run(cluster.kubectl().args(args)).stdout).unwrap()
}

fn get(cluster: &Handle, args: &[&str]) -> Value {
    let args: Vec<&str> = iter::once("get").chain(args.iter().copied()).chain(["-o", "json"]).collect();
    serde_json::from_str(&kubectl(cluster, &args)).unwrap()
}

/// Asks until there is an answer; the deadline is generous because it is only ever reached by a failure.
fn eventually<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A namespace for one test, with its ServiceAccount there.
fn namespace(cluster: &Handle, name: &str) {
    kubectl(cluster, &["create", "namespace", name]);
    eventually("the default ServiceAccount", || {
        cluster
            .kubectl()
            .args(["get", "serviceaccount", "default", "-n", name])
            .output()
            .unwrap()
            .status
            .success()
            .then_some(())
    });
}

/// A pod that runs a script once; `image` as pods name it.
fn run_pod(cluster: &Handle, namespace: &str, name: &str, image: &str, script: &str) {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
        "spec": {"restartPolicy": "Never", "containers": [{
            "name": "main", "image": image, "imagePullPolicy": "Always", "command": ["sh", "-ec", script],
            "resources": {"limits": {"memory": "64Mi"}},
        }]},
    });
    let file = cluster.state().path(&format!("logs/{namespace}-{name}.json"));
    fs::write(&file, pod.to_string()).unwrap();
    kubectl(cluster, &["create", "-f", file.to_str().unwrap()]);
}

fn terminated(cluster: &Handle, namespace: &str, name: &str) -> Value {
    eventually(&format!("the end of pod {name}"), || {
        let status = get(cluster, &["pod", name, "-n", namespace])["status"]["containerStatuses"][0].clone();
        (!status["state"]["terminated"].is_null()).then_some(status)
    })
}

fn version(cluster: &Handle, version: &str) -> Image {
    ci_image(cluster, &CiImage { version, files: &[("ci/greeting", "hello\n")], env: &[("GREETING", "hi")] })
        .unwrap()
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn cluster_runs_images_that_it_made() {
    let cluster = cluster();
    let registry = cluster.registry();
    namespace(&cluster, "images");
    let first = registry.push(&version(&cluster, "1"), "images/app:latest").unwrap();
    let at_its_address = format!("{}/images/app:latest", registry.host());
    let script = "cat /etc/version greeting; echo $GREETING; pwd; ls /tmp; env | grep CI_VERSION; exit 3";
    run_pod(&cluster, "images", "one", &at_its_address, script);
    let ended = terminated(&cluster, "images", "one");
    assert_eq!(ended["state"]["terminated"]["exitCode"], 3);
    assert_eq!(ended["imageID"], format!("{}/images/app@{first}", registry.host()));
    assert_eq!(kubectl(&cluster, &["logs", "one", "-n", "images"]), "1hello\nhi\n/ci\nCI_VERSION=1\n");

    // pushed over again, and named by a host that is nobody's
    let second = registry.push(&version(&cluster, "2"), "images/app:latest").unwrap();
    assert_ne!(first, second);
    run_pod(&cluster, "images", "two", "ghcr.io/images/app:latest", "cat /etc/version");
    let ended = terminated(&cluster, "images", "two");
    assert_eq!(ended["imageID"], format!("ghcr.io/images/app@{second}"));
    assert_eq!(ended["state"]["terminated"]["reason"], "Completed");

    run_pod(&cluster, "images", "none", "docker.io/library/nothing:1", "true");
    eventually("a failed pull", || {
        let pod = get(&cluster, &["pod", "none", "-n", "images"]);
        let reason = pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"].as_str()?.to_owned();
        ["ErrImagePull", "ImagePullBackOff"].contains(&reason.as_str()).then_some(())
    });
    run_pod(&cluster, "images", "hog", &at_its_address, "hog");
    let ended = terminated(&cluster, "images", "hog");
    assert_eq!(ended["state"]["terminated"]["reason"], "OOMKilled");
    assert_eq!(ended["state"]["terminated"]["exitCode"], 137);
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn cluster_runs_our_own_binary_in_an_image_without_a_libc() {
    let cluster = cluster();
    namespace(&cluster, "agent");
    let image = cluster.agent_image().unwrap();
    let args = [
        "run",
        "agent",
        "-n",
        "agent",
        "--restart=Never",
        "--image",
        &image,
        "--command",
        "--",
        "/kubectl-studioci",
        "--help",
    ];
    kubectl(&cluster, &args);
    assert_eq!(terminated(&cluster, "agent", "agent")["state"]["terminated"]["exitCode"], 0);
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn cluster_registry_tags_and_deletes() {
    let cluster = cluster();
    let registry = cluster.registry();
    let digest = registry.push(&version(&cluster, "t"), "tags/app:1.0.0").unwrap();
    assert_eq!(registry.tag("tags/app:1.0.0", "1.0.1").unwrap(), digest);
    assert_eq!(registry.tag(&format!("tags/app@{digest}"), "stable").unwrap(), digest);
    assert_eq!(registry.tags("tags/app").unwrap(), ["1.0.0", "1.0.1", "stable"]);
    registry.delete("tags/app:1.0.1").unwrap();
    assert!(registry.digest("tags/app:1.0.1").is_err());
    assert_eq!(registry.digest("tags/app:stable").unwrap(), digest);
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn cluster_knows_people_and_writes_down_what_they_ask() {
    let cluster = cluster();
    let mark = cluster.audit().mark().unwrap();
    let mine = cluster.kubeconfig_for("alice", &["team-a", "team-b"]).unwrap();
    let as_alice = |args: &[&str]| {
        let mut command = cluster.kubectl();
        command.args(args).env("KUBECONFIG", &mine);
        command
    };
    let who: Value =
        serde_json::from_slice(&run(&mut as_alice(&["auth", "whoami", "-o", "json"])).stdout).unwrap();
    assert_eq!(who["status"]["userInfo"]["username"], "alice");
    assert_eq!(who["status"]["userInfo"]["groups"], json!(["team-a", "team-b", "system:authenticated"]));
    let refused = as_alice(&["delete", "namespace", "default"]).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Forbidden"));
    assert!(cluster.kubeconfig_for("bob", &["a", "b", "c"]).is_err());

    let asked = cluster.audit().since(mark).unwrap();
    let of_alice: Vec<_> = asked
        .iter()
        .filter(|event| event.user.username == "alice" && !event.object_ref.resource.is_empty())
        .map(|event| (event.verb.as_str(), event.object_ref.resource.as_str(), event.response_status.code))
        .collect();
    assert_eq!(of_alice, [("create", "selfsubjectreviews", 201), ("delete", "namespaces", 403)]);
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn cluster_on_its_own_survives_crashes_and_leaves_nothing() {
    // not the one that the other tests are using just now
    let tools = cluster().tools().clone();
    let interrupt = Interrupt::default();
    let options = Options { max_mutating_requests_inflight: Some(50), ..Options::named("crash") };
    let start = || Cluster::start(&options, &tools, &interrupt, &Silent).unwrap();
    let kept = {
        let running = start();
        let busy = Cluster::start(&options, &tools, &interrupt, &Silent).unwrap_err();
        assert!(busy.to_string().contains("in use by process"), "{busy}");
        let handle = running.handle().clone();
        running
            .network()
            .inside(|| {
                kubectl(&handle, &["create", "configmap", "kept"]);
                handle.server(Part::ApiServer).kill().unwrap();
                assert!(
                    !handle.kubectl().args(["get", "configmap", "kept"]).output().unwrap().status.success()
                );
                handle.server(Part::ApiServer).start().unwrap();
                handle.wait_until_ready().unwrap();
                kubectl(&handle, &["get", "configmap", "kept"]);
                handle.server(Part::ApiServer).pause().unwrap();
                let frozen = ["get", "configmap", "kept", "--request-timeout=1s"];
                assert!(!handle.kubectl().args(frozen).output().unwrap().status.success());
                handle.server(Part::ApiServer).resume().unwrap();
                kubectl(&handle, &["get", "configmap", "kept"]);
                registry_comes_back(&handle);
                // a pod, and a program of ours, that nobody will stop
                handle.registry().push(&version(&handle, "1"), "team/app:1").unwrap();
                run_pod(&handle, "default", "left", "example.org/team/app:1", "sleep infinity");
                eventually("a running pod", || {
                    (get(&handle, &["pod", "left"])["status"]["phase"] == "Running").then_some(())
                });
                drop(Command::new("sleep").arg("1000").spawn().unwrap());
            })
            .unwrap();
        // as after kill -9: the lock is free and nothing is stopped
        running.abandon()
    };
    let old = kept.server(Part::Etcd).pid().unwrap();
    let again = start();
    assert_ne!(again.handle().server(Part::Etcd).pid().unwrap(), old);
    again
        .network()
        .inside(|| {
            assert!(!kept.kubectl().args(["get", "configmap", "kept"]).output().unwrap().status.success());
        })
        .unwrap();
    again.stop().unwrap();
    assert_nothing_is_left("studioci-crash");
}

/// The registry holds its tags in memory.
fn registry_comes_back(cluster: &Handle) {
    let registry = cluster.registry();
    let digest = registry.push(&version(cluster, "0"), "back/app:1").unwrap();
    let saved = registry.save().unwrap();
    cluster.server(Part::Registry).kill().unwrap();
    assert!(registry.digest("back/app:1").is_err(), "nobody listens");
    cluster.server(Part::Registry).start().unwrap();
    eventually("the registry", || registry.tags("back/app").err().filter(|e| e.to_string().contains("404")));
    registry.restore(&saved).unwrap();
    assert_eq!(registry.digest("back/app:1").unwrap(), digest);
}

fn assert_nothing_is_left(name: &str) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(name), "{mounts}");
    for tree in fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        assert!(!tree.path().join(name).exists(), "{}", tree.path().display());
    }
    assert!(!Path::new("/var/tmp").join(name).exists());
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        assert!(!line.contains(&format!("{name}/")), "{line}");
    }
}
