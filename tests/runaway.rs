//! Templates that run away end as an error that names the bound which they met, and never take long.
//!
//! Every kind that stopped a chain once, and more of each. They are rendered as a person does it, by the program itself
//! and its child; agents ask the very same child (`chain_16` pushes them). Hermetic, as `cli.rs` is.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "how long a person waits is what is tested")]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[path = "support/runaway.rs"]
mod runaway;
#[path = "support/smallest.rs"]
mod smallest;

use runaway::{Met, RUNAWAY};
use smallest::GOOD;

/// How long a person waits for an error at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// A folder of its own, outside any checkout; it ends with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str, pipeline: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("studioci-runaway-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("pipeline.yaml"), pipeline).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// stdout, stderr and exit code of a run in that folder.
fn run(folder: &Folder, args: &[&str]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-studioci"))
        .args(args)
        .args(["-f", "pipeline.yaml"])
        .env_clear()
        .env("HOME", &folder.0)
        .env("TOKEN", "hunter2-and-more")
        .current_dir(&folder.0)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

#[test]
fn every_runaway_template_meets_a_bound_that_is_named() {
    let mut report = String::new();
    let mut wrong = String::new();
    for (name, template, met) in RUNAWAY {
        let folder = Folder::new(name, &template());
        let begun = Instant::now();
        let (out, said, code) = run(&folder, &["start", "--chain", "c", "--dry-run=client"]);
        let took = begun.elapsed();
        writeln!(report, "{name}: {:.1} s: {:.100}", took.as_secs_f32(), said).unwrap();
        let named = met.iter().any(|met| said.contains(met.words())) && code == 2;
        // what takes long may get too little of a busy machine's CPU to use up what it may
        let late = met.iter().any(|met| matches!(met, Met::Cpu)) && said.contains("is too busy") && code == 4;
        if !out.is_empty() || !(named || late) || took > PATIENCE || said.contains("hunter2") {
            writeln!(wrong, "{name}: {code} {took:?} {said}{out:.100}").unwrap();
        }
    }
    assert_eq!(wrong, "", "all of them:\n{report}");
}

#[test]
fn a_template_for_a_webhook_meets_the_same_bounds() {
    let endless = "{% for a in range(end=100000) %}{% for b in range(end=100000) %}{% endfor %}{% endfor %}1";
    let grows = "{% set_global a = 'x' %}{% for i in range(end=60) %}{% set_global a = a ~ a %}{% endfor %}1";
    let long = "[{% for a in range(end=100000) %}{{ build.summary | json_encode }},{% endfor %}1]";
    for (template, bound) in [(endless, "CPU time"), (grows, "memory"), (long, " is larger than ")] {
        let folder = Folder::new("hook", GOOD);
        fs::write(folder.0.join("hook.json"), template).unwrap();
        let flags = ["--webhook=https://h/", "--webhook-template=hook.json"];
        let begun = Instant::now();
        let (out, said, code) =
            run(&folder, &[&["start", "--chain", "c", "--dry-run=client"], &flags[..]].concat());
        let named = said.contains(bound) && code == 2;
        let late = template == endless && said.contains("is too busy") && code == 4;
        assert!(out.is_empty() && (named || late) && begun.elapsed() <= PATIENCE, "{code} {said}");
    }
}

#[test]
fn a_person_who_only_looks_meets_the_same_bounds() {
    let both = [&["render"][..], &["render", "--woven"]];
    for (name, ways) in [
        ("doubled-variable", &both[..]),
        ("many-lines-by-nested-loops", &both[..]),
        ("alias-bytes", &both[..]),
        // what is only shown is rendered once, and so many tags fit into its time
        ("many-tags", &both[1..]),
    ] {
        let (_, template, met) = RUNAWAY.iter().find(|(runaway, ..)| *runaway == name).unwrap();
        let folder = Folder::new(&format!("looks-{name}"), &template());
        for args in ways {
            let (out, said, code) = run(&folder, args);
            assert_eq!((out.as_str(), code), ("", 2), "{name}: {said}");
            assert!(met.iter().any(|met| said.contains(met.words())), "{name}: {said}");
        }
    }
}

#[test]
fn what_is_large_and_good_is_rendered() {
    // a record holds 900 KiB; loops may make some more of it
    let blob = "x".repeat(400_000);
    let mut text = format!("{GOOD}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: blob}}\ndata:\n");
    for key in ["a", "b"] {
        writeln!(text, "  {key}: \"{blob}\"").unwrap();
    }
    text.push_str("{% for n in range(end=500) %}---\napiVersion: v1\nkind: ConfigMap\n");
    text.push_str(
        "metadata: {name: \"c{{ n }}\"}\ndata: {secret: none, text: \"{{ n }} {{ n * 2 }}\"}\n{% endfor %}",
    );
    // a secret has everything rendered three times
    text.push_str(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {t: \"{{ env.TOKEN }}\"}\n",
    );
    let folder = Folder::new("large", &text);
    for args in [&["render"][..], &["render", "--woven"], &["start", "--chain", "c", "--dry-run=client"]] {
        let (out, said, code) = run(&folder, args);
        assert_eq!(code, 0, "{args:?}: {said}");
        assert!(!out.contains("hunter2"));
    }
}

#[test]
fn a_bound_is_met_in_every_way_that_a_pipeline_takes() {
    // values are read in the child, too
    let folder = Folder::new("values", GOOD);
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..9 {
        let list = vec![format!("*a{}", level - 1); 10].join(",");
        writeln!(bomb, "a{level}: &a{level} [{list}]").unwrap();
    }
    fs::write(folder.0.join("values.yaml"), bomb).unwrap();
    let begun = Instant::now();
    let (out, said, code) = run(&folder, &["render", "--values", "values.yaml"]);
    assert_eq!((out.as_str(), code), ("", 2), "{said}");
    assert!(begun.elapsed() < PATIENCE);
    // what is asked of the child is bounded, too
    let large = "x".repeat(4 << 20);
    for name in ["one", "two"] {
        fs::write(folder.0.join(name), &large).unwrap();
    }
    let (_, said, code) = run(&folder, &["render", "--set-file", "a=one", "--set-file", "b=two"]);
    assert_eq!(code, 2);
    assert!(said.contains("template, values and facts together are larger than 8 MiB"), "{said}");
}

#[test]
fn the_child_says_nothing_to_a_person_and_does_nothing() {
    let folder = Folder::new("child", GOOD);
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-studioci"))
        .arg("render-child")
        .env_clear()
        .current_dir(&folder.0)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.starts_with(r#"{"Err":[{"what":"this is no question that a rendering answers"#), "{out}");
}
