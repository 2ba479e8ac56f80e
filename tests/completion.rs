//! Completion as shells and kubectl ask for it: the program's own answers, and bash with our script.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use program::program;
use serde_json::json;

/// A kubeconfig whose cluster is at this address, and whose user's plugin runs this script.
fn kubeconfig(name: &str, server: &str, plugin: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("completion").join(name);
    fs::create_dir_all(&folder).unwrap();
    let contexts = ["near", "arn:aws:eks:eu:1:cluster/far", "a name"];
    let contexts = contexts.map(|name| json!({"name": name, "context": {"cluster": "one", "user": "me"}}));
    let config = json!({
        "current-context": "near",
        "contexts": contexts,
        "clusters": [{"name": "one", "cluster": {"server": server, "insecure-skip-tls-verify": true}}],
        "users": [{"name": "me", "user": {"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "IfAvailable",
            "command": "/bin/sh", "args": ["-c", plugin],
        }}}],
    });
    let file = folder.join("config");
    fs::write(&file, config.to_string()).unwrap();
    file
}

/// What the program says may come next; it says nothing else, and never that something is wrong.
fn said(config: &Path, words: &[&str]) -> String {
    let output = program("__complete").args(words).env("KUBECONFIG", config).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{words:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{words:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn words_are_lines_with_what_is_told_of_them_and_a_directive_ends_them() {
    let config = kubeconfig("words", "https://127.0.0.1:1", "exit 1");
    assert_eq!(said(&config, &["stat"]), "status\tList builds, newest first\n:4\n");
    assert_eq!(
        said(&config, &["status", "--context", ""]),
        "near\narn:aws:eks:eu:1:cluster/far\na name\n:4\n"
    );
    assert_eq!(said(&config, &["status", "--context=n"]), "near\n:4\n");
    // of a list the last name, and none twice
    assert_eq!(said(&config, &["status", "--contexts", "n"]), "near\n:4\n");
    assert_eq!(
        said(&config, &["status", "--contexts=near,"]),
        "near,arn:aws:eks:eu:1:cluster/far\nnear,a name\n:4\n"
    );
    assert_eq!(
        said(&config, &["status", "--contexts", "near,a name,ar"]),
        "near,a name,arn:aws:eks:eu:1:cluster/far\n:4\n"
    );
    assert_eq!(said(&config, &["--cluster", ""]), "one\n:4\n");
    assert_eq!(said(&config, &["status", "--user", "m"]), "me\n:4\n");
    assert_eq!(said(&config, &["start", "-f", ""]), ":0\n", "files are the shell's");
    assert_eq!(said(&config, &["status", "-h", "--dry-run", "\u{1}", "nonsense", ""]), ":4\n");
}

#[test]
fn a_cluster_that_cannot_be_asked_is_passed_over_in_silence() {
    // takes connections, and never says a word
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("https://{}", silent.local_addr().unwrap());
    let token = r#"echo '{"status": {"token": "t"}}'"#;
    for (name, server, plugin) in [
        ("silent", silent.as_str(), token),
        ("closed", "https://127.0.0.1:1", token),
        ("unnamed", "https://nobody.invalid", token),
        ("refused", "https://127.0.0.1:1", "echo sign in first >&2; exit 1"),
        ("asking", "https://127.0.0.1:1", "read -r answer; exec sleep 600"),
    ] {
        assert_eq!(said(&kubeconfig(name, server, plugin), &["status", ""]), ":4\n", "{name}");
    }
    for broken in ["{", "contexts: 7"] {
        let file = kubeconfig("broken", "", "").with_file_name("broken");
        fs::write(&file, broken).unwrap();
        assert_eq!(said(&file, &["status", ""]), ":4\n", "{broken}");
        assert_eq!(said(&file, &["--context", ""]), ":4\n", "{broken}");
    }
    assert_eq!(said(Path::new("/nonexistent"), &["status", ""]), ":4\n");
}

#[test]
fn a_plugin_for_credentials_has_neither_the_terminal_nor_its_input() {
    let seen = Path::new(env!("CARGO_TARGET_TMPDIR")).join("completion-seen");
    let plugin =
        format!("(cut -d' ' -f6 /proc/self/stat; readlink /proc/self/fd/0) > {}; exit 1", seen.display());
    let config = kubeconfig("session", "https://127.0.0.1:1", &plugin);
    assert_eq!(said(&config, &["stop", ""]), ":4\n");
    let seen = fs::read_to_string(seen).unwrap();
    let (session, input) = seen.trim().split_once('\n').unwrap();
    let ours = fs::read_to_string("/proc/self/stat").unwrap();
    assert_ne!(Some(session), ours.rsplit_once(')').unwrap().1.split_whitespace().nth(3));
    assert_eq!(input, "/dev/null");
}

/// How readline parts a line: at blanks, and before and behind whatever COMP_WORDBREAKS names of `=` and `:`.
const READLINE: &str = r#"
    eval "$SCRIPT"
    eval "$SETTING"
    COMP_WORDS=() word=
    for (( i = 0; i < ${#LINE}; i++ )); do
        letter=${LINE:i:1}
        if [[ $letter == " " ]]; then
            if [[ -n $word ]]; then COMP_WORDS+=("$word"); fi
            word=
        elif [[ $letter == [=:] && $COMP_WORDBREAKS == *"$letter"* ]]; then
            if [[ -n $word ]]; then COMP_WORDS+=("$word"); fi
            word=
            COMP_WORDS+=("$letter")
        else
            word+=$letter
        fi
    done
    if [[ -n $word || $LINE == *" " ]]; then COMP_WORDS+=("$word"); fi
    COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
    COMP_TYPE=${COMP_TYPE:-9}
    __kubectl_studioci
    printf '%s\n' "${COMPREPLY[@]}"
"#;

/// What bash, with our script, offers for a line that ends where the cursor is; `setting` is run before.
fn bash(config: &Path, setting: &str, line: &str) -> Vec<String> {
    let script = program("completion bash").output().unwrap().stdout;
    let folder = Path::new(env!("CARGO_BIN_EXE_kubectl-studioci")).parent().unwrap();
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", READLINE])
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .env("HOME", "/nonexistent")
        .env("KUBECONFIG", config)
        .env("SCRIPT", String::from_utf8(script).unwrap())
        .env("SETTING", setting)
        .env("LINE", line)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{line}");
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn native_10_bash_offers_what_the_program_says() {
    let config = kubeconfig("bash", "https://127.0.0.1:1", "exit 1");
    let offers = |line: &str| bash(&config, "", line);
    assert_eq!(offers("kubectl-studioci stat"), ["status"]);
    assert_eq!(
        offers("kubectl-studioci sta"),
        [
            "start   (Start a chain: claim a namespace and listen there for the next push)",
            "status  (List builds, newest first)"
        ],
        "several are listed, with what is told of them"
    );
    assert_eq!(offers("kubectl-studioci status --context n"), ["near"]);
    assert_eq!(offers("kubectl-studioci status --context a"), ["arn:aws:eks:eu:1:cluster/far", "a name"]);
    assert_eq!(offers("kubectl-studioci status --contexts near,ar"), ["near,arn:aws:eks:eu:1:cluster/far"]);
    assert_eq!(offers("kubectl-studioci start -f "), [""; 0], "files are the shell's");
}

#[test]
fn bash_replaces_no_more_than_the_part_of_a_word_that_it_completes() {
    let config = kubeconfig("parts", "https://127.0.0.1:1", "exit 1");
    for (setting, line, offered) in [
        ("", "kubectl-studioci scale up x --dry-run=cl", "client"),
        ("COMP_WORDBREAKS=' '", "kubectl-studioci scale up x --dry-run=cl", "--dry-run=client"),
        ("", "kubectl-studioci status --context arn:aws:e", "eks:eu:1:cluster/far"),
        ("", "kubectl-studioci status --context=arn:aws:", "eks:eu:1:cluster/far"),
        ("COMP_WORDBREAKS=' ='", "kubectl-studioci status --context=arn:", "arn:aws:eks:eu:1:cluster/far"),
    ] {
        assert_eq!(bash(&config, setting, line), [offered], "{setting} {line}");
    }
    // what is inserted in turn has nothing behind it, and is quoted
    let each = bash(&config, "COMP_TYPE=37", "kubectl-studioci status --context ");
    assert_eq!(each, ["near", "arn:aws:eks:eu:1:cluster/far", "a\\ name"]);
}

#[test]
fn the_scripts_of_other_shells_are_whole_and_all_ask_the_same() {
    for shell in ["kubectl", "bash", "zsh", "fish", "powershell"] {
        let output = program(&format!("completion {shell}")).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert_eq!(script.matches("kubectl-studioci __complete ").count(), 1, "{shell}");
        assert!(script.ends_with('\n') && script.is_ascii() || shell == "bash", "{shell}");
    }
}

/// As kubectl runs it: by its name on PATH, with the words behind `studioci`.
#[test]
fn the_script_for_kubectl_is_a_program_that_hands_the_words_on() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shim");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("kubectl_complete-studioci");
    fs::write(&file, program("completion kubectl").output().unwrap().stdout).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let plugin = Path::new(env!("CARGO_BIN_EXE_kubectl-studioci")).parent().unwrap();
    let ask = |words: &[&str]| {
        let mut command = Command::new(&file);
        command.args(words).env("PATH", format!("{}:/usr/bin:/bin", plugin.display()));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert_eq!(ask(&["report", "-o", "ju"]), "junit\n:4\n");
    assert_eq!(ask(&["report", "-o", "h", ""]), ask(&["report", ""]), "an empty word is one");
}
