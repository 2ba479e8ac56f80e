//! `native_03`: what may come next, asked by the real kubectl and by bash.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::start::GLOB;
use crate::world::{Said, World};

/// What stands for the package bash-completion, of which kubectl's script wants this function: the words as bash parts
/// them, but for `=` and `:`, which no line of this proof has.
const INIT: &str = r#"_init_completion() {
    words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
    cur=${words[cword]} prev=${words[cword - 1]}
}"#;

/// The script for kubectl, where a person puts it.
fn install(world: &World) -> String {
    let folder = world.folder("local-bin");
    let file = folder.join("kubectl_complete-studioci");
    fs::write(&file, world.studioci(&["completion", "kubectl"]).ok()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    folder.display().to_string()
}

/// A program with that folder on PATH, and the shell's own programs.
fn with(world: &World, folder: &str, program: &Path, args: &[&str]) -> Said {
    let mut command = world.command(program);
    let path = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value).unwrap();
    let path = format!("{}:{folder}:/usr/bin:/bin", path.display());
    Said::of(&command.env("PATH", path).args(args).output().unwrap())
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_03_kubectl_and_bash_complete_what_the_cluster_holds() {
    let world = World::bare("native-03");
    world.set_up();
    world.push("build-0001", "1", "exit 0");
    let pipeline = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &pipeline, "--chain", world.chain]).ok();
    let build = world.namespace(1);
    let claim = world.studioci(&["claim", "--prefix", "native-03-claim", "-o", "name"]).ok();
    let claim = claim.trim().trim_start_matches("namespace/").to_owned();

    let kubectl = world.cluster.tool("kubectl");
    let missing = with(&world, "/nonexistent", &kubectl, &["__complete", "studioci", "status", ""]).ok();
    assert!(!missing.contains(&build), "without the script kubectl knows nothing: {missing}");

    let folder = install(&world);
    let ask = |words: &[&str]| {
        let mut args = vec!["__complete", "studioci"];
        args.extend(words);
        let said = with(&world, &folder, &kubectl, &args);
        // cobra says there what it does, and nobody else says anything
        let cobras = ["[Debug] ", "Completion ended with directive:"];
        let only = said.err.lines().all(|line| cobras.iter().any(|begin| line.starts_with(begin)));
        assert!(only, "{said:?}");
        said.ok()
    };
    assert_eq!(
        ask(&["status", world.chain]),
        format!("{0}\tListening\n{build}\tListening, generation 1 of {0}\n:4\n", world.chain)
    );
    assert_eq!(ask(&["stop", ""]), format!("{}\tListening\n:4\n", world.chain), "a chain alone");
    assert_eq!(ask(&["cleanup", "native-03-claim"]), format!("{claim}\tclaim\n:4\n"));
    assert_eq!(ask(&["report", "-o", "ju"]), "junit\n:4\n");
    assert_eq!(ask(&["start", "-f", ""]), ":0\n", "files are the shell's");
    let verbs = ask(&[""]);
    assert!(verbs.contains("status\tList builds, newest first\n"), "{verbs}");
    // another cluster, which nobody answers for
    assert_eq!(ask(&["--server", "https://127.0.0.1:1", "status", ""]), ":4\n");

    // by kubectl's own script, and by ours for the program itself
    let bash = |command: &str, function: &str, line: &str| {
        let script = format!(
            "{INIT}\n source <({command} completion bash) || exit 1\n COMP_WORDS=({line} '') COMP_TYPE=63 COLUMNS=200\n \
             COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )) COMP_LINE='{line} ' COMP_POINT=$(( ${{#COMP_LINE}} ))\n \
             {function} && printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        with(&world, &folder, Path::new("/bin/bash"), &["--norc", "--noprofile", "-c", &script]).ok()
    };
    for (command, function) in [("kubectl", "__start_kubectl"), ("kubectl-studioci", "__kubectl_studioci")] {
        let line = if command == "kubectl" { "kubectl studioci watch" } else { "kubectl-studioci watch" };
        let offered = bash(command, function, line);
        let row = |name: &str| offered.lines().any(|line| line.split_whitespace().next() == Some(name));
        assert!(row(world.chain) && row(&build), "{command}: {offered}");
        assert!(offered.contains("(Listening, generation 1 of native-03)"), "{command}: {offered}");
    }
}
