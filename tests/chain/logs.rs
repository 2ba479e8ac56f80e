//! `chain_20`: a log comes out as the container wrote it: followed across an API server that is killed, read again, kept, and
//! read once more when the build's namespace is gone. What a node has rotated away meanwhile is said.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::json;
use test_cluster::Part;

use crate::start::GLOB;
use crate::world::World;

/// What a build writes: many lines, among them what steers a terminal, and no line end at the end.
const SCRIPT: &str = "i=1; while [ $i -le 100000 ]; do echo $i; i=$((i+1)); done
printf '\\r10%%\\r100%%\\n\\033[31mred\\033[0m\\001\\n\\n'
until [ -e /gate/more ]; do sleep 0.2; done
while [ $i -le 200000 ]; do echo $i; i=$((i+1)); done
printf 'the suite y fails\\nand more\\n' > /dev/termination-log
printf 'no end'
exit 3
";

/// The numbers of these lines, as `echo` writes them.
fn lines(from: u32, to: u32) -> String {
    (from..=to).map(|line| line.to_string() + "\n").collect()
}

fn written() -> Vec<u8> {
    let odd = "\r10%\r100%\n\u{1b}[31mred\u{1b}[0m\u{1}\n\n";
    [lines(1, 100_000), odd.to_owned(), lines(100_001, 200_000), "no end".to_owned()].concat().into_bytes()
}

/// The plugin in the background, with its stdout in a file.
fn aside(world: &World, args: &[&str], file: &Path) -> Child {
    let mut command = world.command(Path::new(env!("CARGO_BIN_EXE_kubectl-studioci")));
    let (out, err) = (File::create(file).unwrap(), File::create(file.with_extension("err")).unwrap());
    command.args(args).stdout(Stdio::from(out)).stderr(Stdio::from(err)).spawn().unwrap()
}

/// The plugin's stdout, byte for byte, and its exit code.
fn bytes(world: &World, args: &[&str]) -> (Vec<u8>, i32, String) {
    let mut command = world.command(Path::new(env!("CARGO_BIN_EXE_kubectl-studioci")));
    let output = command.args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.stdout, output.status.code().unwrap(), said)
}

/// Compares what may be megabytes.
fn same(what: &str, found: &[u8], wanted: &[u8]) {
    let at = found.iter().zip(wanted).position(|(a, b)| a != b).unwrap_or(found.len().min(wanted.len()));
    let around = |bytes: &[u8]| {
        String::from_utf8_lossy(&bytes[at.saturating_sub(40).min(bytes.len())..(at + 40).min(bytes.len())])
            .into_owned()
    };
    assert!(
        found == wanted,
        "{what}: {} bytes instead of {}, from {at} on {:?} instead of {:?}",
        found.len(),
        wanted.len(),
        around(found),
        around(wanted)
    );
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_20_a_log_comes_out_as_it_was_written_also_when_its_build_is_gone() {
    let world = World::new("chain-20");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let first = world.namespace(1);

    let none = world.studioci(&["logs", &first]).failed(2);
    assert!(none.contains("no container of it has run yet") && none.contains("logs -f"), "{none}");
    let diary = world.studioci(&["logs", world.chain, "--agent"]).ok();
    assert!(diary.contains(&format!("listening in {first}")), "{diary}");

    let out = world.folder("logs").join("followed");
    let mut following = aside(&world, &["logs", world.chain, "-f"], &out);
    world.push("build-0002", "2", SCRIPT);
    world.until("half of the log", || fs::read(&out).unwrap().ends_with(b"\x01\n\n").then_some(()));
    let server = world.cluster.server(Part::ApiServer);
    server.kill().unwrap();
    world.open("more");
    server.start().unwrap();
    world.cluster.wait_until_ready().unwrap();
    let code = following.wait().unwrap().code();
    let written = written();
    same("followed", &fs::read(&out).unwrap(), &written);
    let said = fs::read_to_string(out.with_extension("err")).unwrap();
    let cause = "the suite y fails (container build exited with code 3)";
    assert_eq!(code, Some(1), "{said}");
    assert!(said.ends_with(&format!("{first}: Failed: {cause}\n")) && !said.contains("lost"), "{said}");

    world.phase(1, "Finished");
    assert_eq!(world.build(1).unwrap()["status"]["cause"], cause);
    let (found, code, said) = bytes(&world, &["logs", &first]);
    same("there", &found, &written);
    assert_eq!((code, said.as_str()), (0, ""));
    let (found, code, _) = bytes(&world, &["logs", &first, "-f", "--tail", "2"]);
    assert_eq!((found.as_slice(), code), (&b"200000\nno end"[..], 1), "a build that is over, followed");
    let (found, _, _) = bytes(&world, &["logs", &first, "-c", "build", "--tail", "1", "--timestamps"]);
    let found = String::from_utf8(found).unwrap();
    assert!(found.starts_with("20") && found.ends_with("Z no end"), "{found}");

    world.studioci(&["cleanup", &first, "--wait"]).ok();
    let end = &written[written.len() - 256 * 1024..];
    for name in [first.as_str(), world.chain] {
        let (found, code, said) = bytes(&world, &["logs", name]);
        same(name, &found, end);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("begins in the middle") && said.contains("as it was kept"), "{said}");
    }
    let (found, code, said) = bytes(&world, &["logs", &first, "-f", "--tail", "3"]);
    assert_eq!((found.as_slice(), code), (&b"199999\n200000\nno end"[..], 1), "{said}");
    let none = world.studioci(&["logs", &first, "-c", "db"]).failed(2);
    assert!(none.contains("of container db nothing was kept") && none.contains("here: build"), "{none}");

    // as whoever may use studioci and nothing else
    let narrow = world.cluster.kubeconfig_for("bea", &[]).unwrap();
    for role in ["clusterrolebinding", "rolebinding"] {
        let kind = if role == "rolebinding" { "--role=studioci-user" } else { "--clusterrole=studioci-user" };
        let bind = ["create", role, "chain-20-bea", kind, "--user=bea", "-n", "studioci"];
        let _ = world.kubectl(&["delete", role, "chain-20-bea", "-n", "studioci", "--ignore-not-found"]);
        world.kubectl(&bind).ok();
    }
    world.phase(2, "Listening");
    world.push("build-0003", "3", "echo hello");
    world.phase(2, "Finished");
    let second = world.namespace(2);
    let kubeconfig = narrow.display().to_string();
    let said = world.until("rights that have arrived", || {
        let said = world.studioci(&["--kubeconfig", &kubeconfig, "logs", &second]);
        (said.code == 0).then_some(said.out)
    });
    assert_eq!(said, "hello\n");
}

/// Bursts of lines, each a little longer than what the node lets a log's file become, but for the last; each waits for its
/// gate, so that the node rotates the log between them, when nothing is on its way.
const BURSTS: &str = "i=1
until_line() { while [ $i -le $1 ]; do echo $i; i=$((i+1)); done; : > /gate/written-$1; }
gate() { until [ -e /gate/$1 ]; do sleep 0.2; done; }
until_line 2500; gate second
until_line 5000; gate third
until_line 7500; gate last
until_line 7520
printf 'no end'
exit 3
";

/// How often a node has rotated a log, if nothing is in the file that it writes to now.
fn rotations(world: &World, namespace: &str) -> Option<usize> {
    let files = world.cluster.log_files(namespace, "studioci-build-", "build");
    let newest = files.iter().find(|file| file.file_name().is_some_and(|name| name == "0.log"))?;
    (fs::metadata(newest).ok()?.len() == 0).then(|| files.len() - 1)
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_20_what_a_node_has_rotated_away_is_said_and_nothing_else_is_missing() {
    let world = World::new("chain-20r");
    let small = [
        ("containerLogMaxSize", json!("100Ki")),
        ("containerLogMonitorInterval", json!("3s")),
        ("containerLogMaxFiles", json!(5)),
    ];
    let _kubelet = world.cluster.kubelet_with(&small).unwrap();
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let first = world.namespace(1);
    let out = world.folder("logs").join("followed");
    let mut following = aside(&world, &["logs", world.chain, "-f"], &out);
    world.push("build-0002", "2", BURSTS);

    // rotated while it is followed: nothing is lost, and nothing comes twice
    let has = |to: u32| {
        world.until(&format!("line {to}"), || {
            (fs::read(&out).unwrap().len() >= lines(1, to).len()).then_some(())
        });
        same(&format!("followed to {to}"), &fs::read(&out).unwrap(), lines(1, to).as_bytes());
    };
    has(2500);
    world.until("the first rotation", || rotations(&world, &first).filter(|done| *done > 0));
    world.open("second");
    has(5000);

    // rotated while nobody can follow
    let server = world.cluster.server(Part::ApiServer);
    server.kill().unwrap();
    world.open("third");
    world.until("the third burst", || world.was_opened("written-7500").then_some(()));
    world.until("its rotation", || rotations(&world, &first).filter(|done| *done > 1));
    world.open("last");
    server.start().unwrap();
    world.cluster.wait_until_ready().unwrap();
    let code = following.wait().unwrap().code();
    let end = lines(7501, 7520) + "no end";
    same("followed", &fs::read(&out).unwrap(), (lines(1, 5000) + &end).as_bytes());
    let said = fs::read_to_string(out.with_extension("err")).unwrap();
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.matches("a stretch of the log of container build is lost").count(), 1, "{said}");
    // what comes while the runtime changes files a kubelet may lose: it lost nothing here, and nobody but us knows
    let rotated = "the node has rotated the log of container build: what was written right before ";
    assert_eq!(said.matches(rotated).count(), 1, "{said}");
    assert!(!said.contains("begins"), "it was followed from its first line: {said}");

    // there, and kept: what the node still has, and that it may not be all
    world.phase(1, "Finished");
    let whole = |what: &str| {
        let (found, code, said) = bytes(&world, &["logs", &first]);
        same(what, &found, end.as_bytes());
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("the log of container build"), "{what}: {said}");
        assert!(said.contains("after its container did: its node has no more of it"), "{what}: {said}");
    };
    whole("there");
    let (found, _, said) = bytes(&world, &["logs", &first, "--tail", "1"]);
    assert_eq!((found.as_slice(), said.as_str()), (&b"no end"[..], ""), "no more was asked for");
    world.studioci(&["cleanup", &first, "--wait"]).ok();
    whole("kept");
    let report = world.studioci(&["report", &first, "-o", "markdown"]).ok();
    assert!(report.contains("no end") && report.contains("its node has no more of it"), "{report}");
}
