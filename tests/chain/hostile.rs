//! `chain_14`: images that reach for the agent's token. None of their code runs beside it, none of their files is read from
//! there, each ends as a verdict, and the chain goes on.

use std::fmt::Write as _;

use serde_json::Value;
use test_cluster::image::Builder;

use crate::world::{AGENT, World, status_of};

/// An image that nobody should run, and what becomes of it.
struct Hostile {
    what: &'static str,
    make: fn(Builder) -> Builder,
    /// Whether it has no shell and no files but its own.
    bare: bool,
    /// Whether its own program runs where ours should.
    usurps: bool,
    verdict: &'static str,
    /// What the cause says.
    says: &'static str,
}

const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
const PUSHED: &str = "ci/.studioci/pipeline.yaml";
const TOLD: &str = "/studioci-told/told";
/// What a program in the place of ours says first.
const MARK: &str = "in the place of the agent";

/// A program in the place of ours: the image's volume is mounted last, by a link onto the folder of our binary. It takes
/// its time, so that what it said can be read before its pod is gone.
fn usurper(image: Builder, does: &str) -> Builder {
    let script = format!("#!/bin/sh\necho {MARK}\ncat {TOKEN}\nsleep 5\n{does}\nsleep infinity\n");
    image.volume("/x").link("x", "studioci").file("studioci/kubectl-studioci", script.as_bytes(), 0o755)
}

const GOOD: &str = "container build exited with code 0";
const HOSTILE: [Hostile; 17] = [
    Hostile {
        what: "a program of its own in the place of ours, which tells nothing",
        make: |image| usurper(image, ""),
        bare: false,
        usurps: true,
        verdict: "Errored",
        says: "container build runs and tells nothing of its image",
    },
    Hostile {
        what: "one that ends at once",
        make: |image| usurper(image, "exit 3"),
        bare: false,
        usurps: true,
        verdict: "Errored",
        says: "container build ends again and again",
    },
    Hostile {
        what: "one that tells of the token by a link",
        make: |image| usurper(image.link("token", TOKEN), &format!("cp -P /token {TOLD}")),
        bare: false,
        usurps: true,
        verdict: "Errored",
        says: "what the image tells cannot be read: it is a symbolic link",
    },
    Hostile {
        what: "one that tells a folder",
        make: |image| usurper(image, &format!("mkdir -p {TOLD}/a")),
        bare: false,
        usurps: true,
        verdict: "Errored",
        says: "it is a directory, not a regular file",
    },
    Hostile {
        what: "one that fills what is told",
        make: |image| usurper(image, &format!("cat /dev/zero >{TOLD}")),
        bare: false,
        usurps: true,
        verdict: "Errored",
        says: "the pushed pipeline cannot be used: ",
    },
    Hostile {
        what: "one that tells lines of its own",
        make: |image| usurper(image, &format!("echo 'kind: Pod' >{TOLD}")),
        bare: false,
        usurps: true,
        verdict: "Errored",
        says: "the first line of what the image tells is not what agent tell writes",
    },
    Hostile {
        what: "the pipeline is a link to the token",
        make: |image| image.link(PUSHED, TOKEN),
        bare: false,
        usurps: false,
        verdict: "Errored",
        says: ".studioci/pipeline.yaml cannot be read: .studioci/pipeline.yaml is a link that leads nowhere",
    },
    Hostile {
        what: "the pipeline is a pipe",
        make: |image| image.pipe(PUSHED),
        bare: false,
        usurps: false,
        verdict: "Errored",
        says: ".studioci/pipeline.yaml is a pipe, not a regular file",
    },
    Hostile {
        what: "the pipeline is without end",
        make: |image| image.link(PUSHED, "/dev/zero"),
        bare: false,
        usurps: false,
        verdict: "Errored",
        says: ".studioci/pipeline.yaml is a device, not a regular file",
    },
    Hostile {
        what: "the pipeline is a link to itself",
        make: |image| image.link(PUSHED, "pipeline.yaml"),
        bare: false,
        usurps: false,
        verdict: "Errored",
        says: ".studioci/pipeline.yaml cannot be read: ",
    },
    Hostile {
        what: "a revision of two lines",
        make: |image| image.env("GIT_COMMIT", "abc\nPassed\u{1b}[2J"),
        bare: false,
        usurps: false,
        verdict: "Errored",
        says: "the image tells revision \"abc\\nPassed\\u{1b}[2J\"",
    },
    Hostile {
        what: "a user that it does not have",
        make: |image| image.user("nobody-has-this-name"),
        bare: false,
        usurps: false,
        verdict: "Errored",
        says: "no users found",
    },
    Hostile {
        what: "a repository whose HEAD is a pipe",
        make: |image| image.pipe("ci/.git/HEAD"),
        bare: false,
        usurps: false,
        verdict: "Passed",
        says: GOOD,
    },
    Hostile {
        what: "a home, users and hosts that are looked up by a module of the image",
        make: |image| {
            let modules = ["lib", "lib64", "usr/lib", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];
            modules
                .iter()
                .fold(image, |image, folder| image.pipe(&format!("{folder}/libnss_evil.so.2")))
                .env("HOME", "")
                .file("etc/nsswitch.conf", b"passwd: evil\ngroup: evil\nhosts: evil\n", 0o644)
        },
        bare: false,
        usurps: false,
        verdict: "Passed",
        says: GOOD,
    },
    Hostile {
        what: "the very list of such modules is a pipe",
        make: |image| image.env("HOME", "").pipe("etc/nsswitch.conf"),
        bare: false,
        usurps: false,
        verdict: "Passed",
        says: GOOD,
    },
    Hostile {
        what: "an environment that steers programs of other kinds",
        make: |image| {
            [
                ("KUBECONFIG", "/ci/kubeconfig"),
                ("KUBERNETES_SERVICE_HOST", "1.2.3.4"),
                ("HTTPS_PROXY", "http://127.0.0.1:1"),
                ("SSL_CERT_FILE", "/ci/ca"),
                ("STUDIOCI_PIPELINE_PATH", TOKEN),
                ("STUDIOCI_NAMESPACE", "default"),
                ("LD_PRELOAD", "/ci/evil.so"),
                ("LD_LIBRARY_PATH", "/ci"),
                ("GLIBC_TUNABLES", "glibc.malloc.check=3"),
                ("TZ", "/ci/tz"),
                ("RUST_LOG", "trace"),
            ]
            .iter()
            .fold(image.file("etc/ld.so.preload", b"/ci/evil.so\n", 0o644), |image, (name, value)| {
                image.env(name, value)
            })
        },
        bare: false,
        usurps: false,
        verdict: "Passed",
        says: GOOD,
    },
    Hostile {
        what: "nothing at all, not even a shell",
        make: |image| image,
        bare: true,
        usurps: false,
        verdict: "Failed",
        says: "container build exited with code 128 (StartError)",
    },
];

/// What each container of a pod mounts, and which Secrets of ours its environment or volumes hold.
fn shape(pod: &Value) -> String {
    let mut text = String::new();
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    for list in ["initContainers", "containers"] {
        for container in pod["spec"][list].as_array().unwrap() {
            let image = container["image"].as_str().unwrap();
            let image = if image.contains("kubectl-studioci") { "agent image" } else { "CI image" };
            writeln!(text, "{} ({image}): {}", container["name"].as_str().unwrap(), container["command"])
                .unwrap();
            for mount in container["volumeMounts"].as_array().unwrap() {
                let name = mount["name"].as_str().unwrap();
                let volume =
                    volumes.iter().find(|volume| volume["name"] == name).unwrap().as_object().unwrap();
                let kind = volume.keys().find(|key| *key != "name").unwrap();
                let how = if mount["readOnly"] == true { " read-only" } else { "" };
                writeln!(text, "  {} {name} ({kind}){how}", mount["mountPath"].as_str().unwrap()).unwrap();
            }
        }
    }
    text
}

fn listeners_pod(world: &World, namespace: &str) -> Value {
    world.until("the listener's pod runs", || {
        let pods = world.get(&["pods", "-n", namespace, "-l", "studioci.dev/role=listener"]);
        let pod = pods["items"].as_array()?.first()?.clone();
        ["build", AGENT]
            .iter()
            .all(|name| !status_of(&pod, name)["state"]["running"].is_null())
            .then_some(pod)
    })
}

/// Keel's keys, and how long an image may tell nothing.
fn keys() -> String {
    format!("{}\n    studioci.dev/pending-deadline: 20s", crate::start::GLOB)
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_14_no_pushed_image_reaches_the_token() {
    let world = World::new("chain-14");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", &keys()));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let first = world.namespace(1);
    let pod = listeners_pod(&world, &first);
    insta::assert_snapshot!(shape(&pod), @r#"
        studioci-install (agent image): ["/kubectl-studioci","agent","install","/studioci/kubectl-studioci"]
          /studioci studioci-binary (emptyDir)
        studioci-agent (agent image): ["/kubectl-studioci","agent","run"]
          /studioci-told studioci-told (emptyDir) read-only
          /var/run/secrets/kubernetes.io/serviceaccount studioci-token (projected) read-only
        build (CI image): ["/studioci/kubectl-studioci","agent","tell"]
          /studioci studioci-binary (emptyDir) read-only
          /studioci-told studioci-told (emptyDir)
    "#);
    let name = pod["metadata"]["name"].as_str().unwrap();
    let exec = ["exec", "-n", &first, name, "-c", "build", "--", "ls", "/var/run/secrets"];
    let said = world.kubectl(&exec);
    assert_eq!(said.out, "lstat /var/run/secrets: no such file or directory\n");

    for (generation, hostile) in (1..).zip(&HOSTILE) {
        let next = world.phase(generation, "Listening");
        let tag = format!("build-{:04}", generation + 1);
        if generation > 1 {
            let before = format!("build-{generation:04}@");
            assert!(next["spec"]["baseline"].as_str().unwrap().starts_with(&before), "{next}");
        }
        world.push_made(&tag, hostile.bare, hostile.make);
        let namespace = next["metadata"]["name"].as_str().unwrap();
        if hostile.usurps {
            let said = world.until("their program in the place of ours", || {
                let logs = |container| {
                    let role = "studioci.dev/role=listener";
                    world.kubectl(&["logs", "-n", namespace, "-l", role, "-c", container, "--tail=-1"]).out
                };
                let diary = logs(AGENT);
                assert!(!diary.contains(MARK), "{}: it ran as the agent: {diary}", hostile.what);
                Some(logs("build")).filter(|said| said.contains(MARK))
            });
            assert!(!said.contains("eyJ"), "{}: a token: {said}", hostile.what);
        }
        let build = world.phase(generation, "Recorded");
        let cause = build["status"]["cause"].as_str().unwrap();
        assert_eq!(build["status"]["verdict"], hostile.verdict, "{}: {cause}", hostile.what);
        assert!(cause.contains(hostile.says), "{}: {cause}", hostile.what);
        assert!(!cause.contains(|c: char| c.is_control()), "{}: {cause:?}", hostile.what);
        // no token was told, frozen or shown: all of them begin like this
        let objects = world.kubectl(&["get", "configmaps,namespaces,events", "-A", "-o", "yaml"]).ok();
        assert!(!objects.contains("eyJhbGciOi"), "{}: a token in {objects}", hostile.what);
    }
    let generation = HOSTILE.len() as u64 + 1;
    world.phase(generation, "Listening");
    world.push("build-0100", "good", "exit 0");
    assert_eq!(world.verdict(generation), "Passed");
    world.phase(generation + 1, "Listening");
}
