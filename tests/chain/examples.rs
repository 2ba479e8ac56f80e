//! `chain_18`: the examples of the help, on a cluster.

#[path = "../support/examples.rs"]
pub(crate) mod texts;

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::start::GLOB;
use crate::world::World;

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_18_every_example_of_the_help_works_as_it_stands() {
    let world = World::new("runner-main");
    let image = world.cluster.agent_image().unwrap();
    for tag in ["build-0000", "build-0001"] {
        world.push(tag, tag, "exit 0");
    }
    let folder = world.folder("runner");
    fs::create_dir_all(folder.join(".studioci")).unwrap();
    let pipeline = format!("{}---\n{}", world.pipeline("build-0001", GLOB), support(&world.image()));
    fs::write(folder.join(".studioci/pipeline.yaml"), &pipeline).unwrap();
    fs::write(folder.join("ci.yaml"), pipeline.replace("build-0001", "{{ Tag }}")).unwrap();
    fs::write(folder.join("values.yaml"), "Tag: build-0000\n").unwrap();

    let begun = |script: &str| {
        let mut command = world.command(Path::new("/bin/sh"));
        let path = command.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", path.to_str().unwrap());
        command.args(["-e", "-c", script]).env("PATH", path).env("AGENT_IMAGE", &image).current_dir(&folder);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let ended = |script: &str, child: Child| {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !said.contains("error: "), "{script}\n{said}");
    };
    let script = |script: &str| ended(script, begun(script));
    // the chain is named by repository and branch
    script("git init -q -b main .");
    let examples = |verb: &str| {
        let examples = texts::examples(&world.studioci(&[verb, "--help"]).ok());
        assert!(!examples.is_empty(), "{verb}");
        examples
    };

    for verb in ["version", "completion", "render", "setup", "claim"] {
        for example in examples(verb) {
            // what `--check` finds in the pipeline of a proof is an answer, too
            let answered =
                |line: &str| line.to_owned() + if line.contains(" --check") { " || [ $? = 1 ]" } else { "" };
            script(&example.lines().map(answered).collect::<Vec<_>>().join("\n"));
        }
    }
    for example in examples("start") {
        if example.contains("build-0007") {
            world.push("build-0007", "7", "exit 0");
        }
        if example.contains("--github") {
            // `chain_21` has a forge to ask
            continue;
        }
        if example.contains("--secret ") {
            script(
                "kubectl create secret generic registry-login --from-literal=a=b --dry-run=client -o yaml | kubectl apply -f -",
            );
            script("kubectl create namespace ci --dry-run=client -o yaml | kubectl apply -f -");
            script(
                "kubectl create secret generic deploy-key -n ci --from-literal=a=b --dry-run=client -o yaml | kubectl apply -f -",
            );
        }
        script(&example);
    }
    for example in examples("status") {
        // `jq` is no tool of the test cluster, which is one
        let example = example.replace("laptop,gpu", "$(kubectl config current-context)");
        script(example.split(" | jq").next().unwrap());
    }
    let mut build = String::new();
    // what follows a chain ends with it
    let (followed, watched): (Vec<String>, _) =
        examples("watch").into_iter().partition(|example| example.contains(" --follow"));
    let following: Vec<Child> = followed.iter().map(|example| begun(example)).collect();
    for (example, tag) in watched.iter().zip(["build-0008", "build-0009"]) {
        let newest = world.builds().last().unwrap()["spec"]["generation"].as_u64().unwrap();
        let example = example.replace("git push && ", "");
        script("git -c user.name=a -c user.email=a@example.com commit -q --allow-empty -m change");
        let head = begun("git rev-parse HEAD").wait_with_output().unwrap().stdout;
        let head = String::from_utf8(head).unwrap();
        let watch = begun(&example);
        world.push_with(tag, tag, "exit 0", &[], &[("GIT_COMMIT", head.trim())]);
        ended(&example, watch);
        world.phase(newest, "Finished");
        build = world.namespace(newest);
    }
    for example in examples("logs") {
        let logs = begun(&example.replace("ci-eager-hopper", &build));
        if example.contains(" -f") {
            world.push("build-0010", "10", "exit 0");
        }
        ended(&example, logs);
    }
    for example in examples("report") {
        script(&example.replace("ci-eager-hopper", &build));
    }
    for (example, tag) in examples("cancel").iter().zip(["build-0011", "build-0012"]) {
        let newest = world.builds().last().unwrap()["spec"]["generation"].as_u64().unwrap();
        world.phase(newest, "Listening");
        world.push(tag, tag, "sleep 100000");
        world.phase(newest, "Triggered");
        script(&example.replace("ci-eager-hopper", &world.namespace(newest)));
        world.phase(newest, "Finished");
    }
    // the newest tag ends by itself
    let newest = world.builds().last().unwrap()["spec"]["generation"].as_u64().unwrap();
    world.push("build-0013", "13", "exit 0");
    world.phase(newest, "Finished");
    for verb in ["trigger", "retry"] {
        for example in examples(verb) {
            script(&example.replace("ci-eager-hopper", &build));
        }
    }
    for example in examples("scale") {
        script(&example.replace("ci-witty-kepler", &build));
    }
    for example in examples("doctor") {
        script(&example);
    }
    for example in examples("cleanup") {
        let claim = if example.contains("$NS") { "NS=$(kubectl studioci claim -o name)\n" } else { "" };
        script(&format!("{claim}{}", example.replace("ci-eager-hopper", &build)));
    }
    for example in examples("stop") {
        script(&example);
    }
    for (example, child) in followed.iter().zip(following) {
        ended(example, child);
    }
}

/// Something that a build needs, to be scaled.
fn support(image: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: cache}}
spec:
  selector: {{matchLabels: {{app: cache}}}}
  template:
    metadata: {{labels: {{app: cache}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: cache
        image: \"{image}:build-0001\"
        command: [sh, -c, \"sleep 100000\"]
"
    )
}
