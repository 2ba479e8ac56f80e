//! `chain_05`: `watch` and `status`, beside builds that pass, fail, run and wait.

use serde_json::Value;

use crate::start::GLOB;
use crate::world::{World, gated};

/// What the lines of `watch` say, without time and build; the times must not go backwards.
fn sentences(out: &str, build: &str) -> Vec<String> {
    let (mut last, mut all) = ("", Vec::new());
    for line in out.lines() {
        let (time, rest) = line.split_once("  ").unwrap_or_else(|| panic!("{line:?} in {out}"));
        let midnight = last.starts_with("23:") && time.starts_with("00:");
        assert!(time.len() == "10:37:05Z".len() && (last <= time || midnight), "{out}");
        last = time;
        let text = rest.strip_prefix(build).and_then(|rest| rest.strip_prefix("  "));
        all.push(text.unwrap_or_else(|| panic!("{line:?} is not about {build}")).to_owned());
    }
    all
}

/// Checks that each line begins as it should, and that there is no other; what a slow machine makes a build wait for
/// is told as well, and does not count.
fn told(out: &str, build: &str, wanted: &[&str]) {
    let mut lines = sentences(out, build);
    lines.retain(|line| !line.starts_with("waiting: "));
    let alike = lines.len() == wanted.len()
        && lines.iter().zip(wanted).all(|(line, beginning)| line.starts_with(beginning));
    assert!(alike, "{lines:#?}\ninstead of {wanted:#?}");
}

/// The table with what differs from run to run replaced, its columns by ` | `.
fn table(world: &World, form: &[&str], digests: &[&str]) -> String {
    let text = world.studioci(&[&["status", world.chain], form].concat()).ok();
    let mut text = text.replace(&world.image(), "IMAGE");
    for (number, digest) in digests.iter().enumerate() {
        text = text.replace(&digest["sha256:".len()..][..12], &format!("digest{}", number + 2));
    }
    for build in world.builds() {
        let name = build["metadata"]["name"].as_str().unwrap();
        text = text.replace(name, &format!("ci-{}", build["spec"]["generation"]));
    }
    let is_span = |cell: &str| {
        cell.starts_with(|c: char| c.is_ascii_digit())
            && cell.ends_with(['s', 'm'])
            && cell.chars().all(|c| c.is_ascii_digit() || c == 'm' || c == 's')
    };
    let row = |line: &str| {
        let cells = line.split("   ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(|cell| if is_span(cell) { "SPAN" } else { cell }).collect::<Vec<_>>().join(" | ")
    };
    text.lines().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_05_watch_ends_as_the_build_does() {
    let world = World::new("chain-05w");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let first = world.namespace(1);

    // two people watch; one of them goes home
    let mut leaving = world.studioci_aside(&["watch", world.chain]);
    let staying = world.studioci_aside(&["watch"]);
    let one = world.push("build-0002", "2", &gated("one", 0));
    while !leaving.line().ends_with("  building\n") {}
    leaving.interrupt();
    let said = leaving.wait().failed(130);
    let back =
        format!("stopped watching, which ends nothing. Come back with: kubectl studioci watch {first}\n");
    assert_eq!(said, back);
    let late = world.studioci(&["watch", &first, "--timeout", "1s"]).failed(4);
    assert!(late.contains("come back with") && late.contains(&format!("watch {first}")), "{late}");
    let build = world.build(1).unwrap();
    assert_eq!(build["status"]["phase"], "Building", "everything was left running");
    world.until("a Job at work", || {
        (world.get(&["job", "studioci-build", "-n", &first])["status"]["active"] == 1).then_some(())
    });
    world.open("one");
    let second = world.phase(1, "Detached")["status"]["successor"].as_str().unwrap().to_owned();
    let next = format!("next listener in {second}");
    told(
        &staying.wait().ok(),
        &first,
        &[
            "namespace claimed for generation 1 of chain-05w",
            "listening for a push after build-0001",
            &format!("image changed to build-0002 ({})", &one["sha256:".len()..][..12]),
            "detached from Keel",
            &next,
            "preparing: ",
            "building",
            "Passed after ",
        ],
    );

    world.phase(2, "Listening");
    let watching = world.studioci_aside(&["watch", &second]);
    let two = world.push("build-0003", "3", "exit 3");
    let watched = watching.wait();
    assert_eq!(watched.code, 1, "{watched:?}");
    let last = sentences(&watched.out, &second).pop().unwrap();
    assert!(
        last.starts_with("Failed after ") && last.ends_with(": container build exited with code 3"),
        "{last}"
    );
    assert_eq!(watched.err, "");

    world.phase(3, "Listening");
    let three = world.push("build-0004", "4", &gated("three", 0));
    world.phase(3, "Building");
    world.phase(4, "Listening");
    for generation in [1, 2] {
        world.phase(generation, "Finished");
    }
    world
        .until("a build that waits for nothing", || world.build(3)?["status"]["why"].is_null().then_some(()));
    insta::assert_snapshot!(table(&world, &[], &[&one, &two, &three]), @r"
    NAME | CHAIN | GEN | STATUS | TAG | AGE | WHY
    ci-4 | chain-05w | 4 | Listening | <none> | SPAN | waiting for a push after build-0004
    ci-3 | chain-05w | 3 | Building | build-0004 | SPAN | <none>
    ci-2 | chain-05w | 2 | Failed | build-0003 | SPAN | container build exited with code 3
    ci-1 | chain-05w | 1 | Passed | build-0002 | SPAN | container build exited with code 0
    ");
    insta::assert_snapshot!(table(&world, &["-o", "wide"], &[&one, &two, &three]), @r"
    NAME | CHAIN | GEN | STATUS | TAG | AGE | PHASE | VERDICT | DIGEST | DURATION | PARENT | SUCCESSOR | REVISION | DISPATCH | IMAGE | WHY
    ci-4 | chain-05w | 4 | Listening | <none> | SPAN | Listening | <none> | <none> | <none> | ci-3 | <none> | <none> | pending | <none> | waiting for a push after build-0004
    ci-3 | chain-05w | 3 | Building | build-0004 | SPAN | Building | <none> | digest4 | SPAN | ci-2 | ci-4 | <none> | done | IMAGE | <none>
    ci-2 | chain-05w | 2 | Failed | build-0003 | SPAN | Finished | Failed | digest3 | SPAN | ci-1 | ci-3 | <none> | done | IMAGE | container build exited with code 3
    ci-1 | chain-05w | 1 | Passed | build-0002 | SPAN | Finished | Passed | digest2 | SPAN | <none> | ci-2 | <none> | done | IMAGE | container build exited with code 0
    ");

    let build = world.build(3).unwrap();
    assert!(build["status"]["verdict"].is_null() && build["status"]["cause"].is_null(), "{build}");
    let named: Value = serde_json::from_str(&world.studioci(&["status", &first, "-o", "json"]).ok()).unwrap();
    assert_eq!((&named["kind"], &named["status"]["successor"]), (&"Build".into(), &second.into()));
    world.open("three");
    assert_eq!(world.verdict(3), "Passed");
}
