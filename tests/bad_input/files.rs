//! Files that are no regular ones, and kubectl's preferences of credential plugins.

use super::*;

#[test]
fn what_is_looked_for_and_is_no_regular_file_is_refused_before_it_is_opened_for_good() {
    let folder = Folder::new("irregular", GOOD);
    for (name, verb, said) in [
        (
            ".config/kubectl-studioci/config.yaml",
            "report",
            "error: settings: HOME/.config/kubectl-studioci/config.yaml is a pipe, not a regular file\n  \
             remedy: make it a text of at most 4 MiB that you may read, or delete it\n",
        ),
        (
            ".studioci/pipeline.yaml",
            "render",
            "error: .studioci/pipeline.yaml is a pipe, not a regular file\n  \
             remedy: put a regular file there, or name another one with -f FILE\n",
        ),
        (
            ".kube/config",
            "claim",
            "error: kubeconfig HOME/.kube/config: it is a pipe, not a regular file\n  \
             remedy: check the path and its permissions: a readable file belongs there\n",
        ),
    ] {
        pipe(&folder, name, "chain: mine\n");
        assert_eq!(run(&folder, &[verb], &[]), (String::new(), said.to_owned(), 2), "{name}");
    }
    // what another file names is not named by a person either, an endless device no more than a pipe
    pipe(&folder, "token", "t");
    let user = |what: &str| {
        folder.write("named", kubeconfig("https://127.0.0.1:1").replace("{token: abc}", what));
        run(&folder, &["claim", "--kubeconfig=named"], &[])
    };
    for (what, said) in [
        ("{tokenFile: token}", "the token cannot be read from tokenFile of user \"me\": it is a pipe, not"),
        (
            "{client-key: token, client-certificate: /dev/zero}",
            "its file cannot be read: it is a device, not",
        ),
    ] {
        let (out, found, code) = user(what);
        assert!(out.is_empty() && code == 2 && found.contains(said), "{found}");
    }
}

/// A kubeconfig whose user's plugin leaves a mark.
fn kubeconfig_of_plugin() -> String {
    let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: sh, \
         args: [-c, \"touch ran; exit 1\"]}}";
    kubeconfig("https://127.0.0.1:1").replace("{token: abc}", exec)
}

#[test]
fn a_plugin_that_kubectls_preferences_forbid_or_may_forbid_is_not_run() {
    let folder = Folder::new("kuberc", GOOD);
    folder.write("k", kubeconfig_of_plugin());
    fs::create_dir(folder.0.join(".kube")).unwrap();
    let head = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";
    let ran = |args: &[&str], env: &[(&str, &str)]| {
        let env = [&[("PATH", "/usr/bin:/bin")], env].concat();
        let (out, said, code) = run(&folder, &[&["claim", "--kubeconfig=k"], args].concat(), &env);
        assert_eq!((out.as_str(), code), ("", 2), "{said}");
        (fs::remove_file(folder.0.join("ran")).is_ok(), said)
    };
    let (plain, failed) = ran(&[], &[]);
    assert!(plain && failed.starts_with("error: credential plugin sh: it failed"), "{failed}");
    let denies = format!("{head}credentialPluginPolicy: DenyAll\n");
    let allowlist = |entry: &str| {
        format!(
            "{head}credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{{command: {entry}}}]\n"
        )
    };
    for (preferences, said) in [
        (
            denies.clone(),
            "error: credential plugin sh is not allowed by kuberc HOME/.kube/kuberc: policy set to \"DenyAll\"\n  \
             remedy: sign in without it (--user, --token), or allow it there: kubectl kuberc set --section \
             credentialplugin --policy Allowlist --allowlist-entry command=COMMAND\n",
        ),
        (
            allowlist("aws"),
            "error: credential plugin sh is not allowed by kuberc HOME/.kube/kuberc: plugin path \"/usr/bin/sh\" is not",
        ),
        (
            format!("{head}credentialPluginPolicy: [\n"),
            "error: kuberc HOME/.kube/kuberc: HOME/.kube/kuberc, line ",
        ),
        (
            format!("{head}credentialPluginPolicy: No\n"),
            "error: kuberc HOME/.kube/kuberc: credentialPluginPolicy is no text\n  remedy: correct it: ",
        ),
    ] {
        folder.write(".kube/kuberc", &preferences);
        let (ran, found) = ran(&[], &[]);
        assert!(!ran && found.starts_with(said), "{preferences}: {found}");
    }
    pipe(&folder, ".kube/kuberc", head);
    let (piped, said) = ran(&[], &[]);
    assert!(!piped && said.contains("it is a pipe, not a regular file"), "{said}");
    fs::remove_file(folder.0.join(".kube/kuberc")).unwrap();
    // nobody will ever write into this one
    assert!(Command::new("mkfifo").arg(folder.0.join("pipe")).status().unwrap().success());
    folder.write("large", "#".repeat((4 << 20) + 1));
    for (named, said) in [
        ("pipe", "error: kuberc pipe: it is a pipe, not a regular file\n"),
        ("/dev/zero", "error: kuberc /dev/zero: it is a device, not a regular file\n"),
        (".kube", "error: kuberc .kube: it is a directory, not a regular file\n"),
        ("large", "error: kuberc large: it is larger than 4 MiB\n"),
    ] {
        for (args, env) in [(&["--kuberc", named][..], &[][..]), (&[], &[("KUBERC", named)])] {
            let (ran, found) = ran(args, env);
            assert!(!ran && found.starts_with(said), "{args:?} {env:?}: {found}");
        }
    }
    let (ran_without, _) = ran(&["--kuberc=/dev/null"], &[]);
    assert!(ran_without, "there are no preferences, as a person has said");

    folder.write(".kube/kuberc", &denies);
    folder.write("allows", allowlist("sh"));
    for (args, env) in [
        (&[][..], &[("KUBERC", "off")][..]),
        (&[], &[("KUBECTL_KUBERC", "FALSE")]),
        (&[], &[("KUBERC", "allows")]),
        (&["--kuberc", "allows"], &[("KUBERC", "none")]),
    ] {
        let (ran, said) = ran(args, env);
        assert!(ran && said == failed, "{args:?} {env:?}: {said}");
    }
    for (args, env, words) in [
        (&["--kuberc=none"][..], &[][..], "error: kuberc none: No such file or directory"),
        (
            &["--kuberc=allows"],
            &[("KUBERC", "off")],
            "error: --kuberc names a file, and KUBERC=off says that none counts",
        ),
        (
            &["--kuberc=.kube/kuberc"],
            &[("KUBERC", "allows")],
            "error: credential plugin sh is not allowed by kuberc .kube/k",
        ),
    ] {
        let (ran, said) = ran(args, env);
        assert!(!ran && said.starts_with(words), "{args:?} {env:?}: {said}");
    }
    // nobody needs preferences who runs no plugin
    let (_, said, code) = run(&folder, &["claim", "--kubeconfig=k", "--token=x", "--kuberc=none"], &[]);
    assert!(code == 3 && said.starts_with("error: cannot reach the API server"), "{said}");
}

#[test]
fn what_a_kubeconfig_calls_a_plugin_is_in_no_command_that_a_person_is_to_paste() {
    let folder = Folder::new("plugin-name", GOOD);
    folder.write(
        "deny",
        "apiVersion: kubectl.config.k8s.io/v1\nkind: Preference\ncredentialPluginPolicy: DenyAll\n",
    );
    for name in ["x; touch ran", "$(touch ran)", "`touch ran`", "a' b", "--", "x\\ntouch ran"] {
        let quoted = format!("command: \"{name}\"");
        folder.write("k", kubeconfig_of_plugin().replace("command: sh", &quoted));
        let (out, said, code) = run(&folder, &["claim", "--kubeconfig=k", "--kuberc=deny"], &[]);
        assert!(
            out.is_empty() && code == 2 && said.contains("is not allowed by kuberc deny"),
            "{name}: {said}"
        );
        let (_, remedy) = said.rsplit_once("remedy: ").unwrap();
        assert!(
            remedy.ends_with("--allowlist-entry command=COMMAND\n") && !remedy.contains("touch"),
            "{said}"
        );
    }
}

#[test]
fn what_preferences_are_warned_of_is_said_once_for_all_contexts() {
    let folder = Folder::new("kuberc-once", GOOD);
    folder.write("mine", "apiVersion: kubectl.config.k8s.io/v1\nkind: Preference\nplugins: none\n");
    let more = "- {name: there, context: {cluster: one, user: me}}\n- {name: yonder, context: {cluster: one, user: me}}\n";
    let (head, contexts) = (kubeconfig_of_plugin(), "- {name: here, context: {cluster: one, user: me}}\n");
    let (head, _) = head.rsplit_once("contexts: ").unwrap();
    folder.write("k", format!("{head}contexts:\n{contexts}{more}"));
    let args = ["status", "--kubeconfig=k", "--kuberc=mine", "--contexts=here,there,yonder"];
    let (_, said, _) = run(&folder, &args, &[("PATH", "/usr/bin:/bin")]);
    assert_eq!(said.matches("the field \"plugins\" is unknown").count(), 1, "{said}");
    assert!(said.contains("Warning: context "), "{said}");
    assert_eq!(said.matches("credential plugin sh: it failed").count(), 3, "{said}");
}

#[test]
fn a_pipe_that_a_person_names_is_read() {
    let folder = Folder::new("named-pipe", GOOD);
    let plain = run(&folder, &["render", "-f", "pipeline.yaml"], &[]);
    pipe(&folder, "pipe", GOOD);
    assert_eq!(run(&folder, &["render", "-f", "pipe"], &[]).0, plain.0);
    for (args, env) in [(&["claim", "--kubeconfig=k"][..], &[][..]), (&["claim"], &[("KUBECONFIG", "k")])] {
        pipe(&folder, "k", "apiVersion: v1\nkind: Config\n");
        let (_, said, code) = run(&folder, args, env);
        assert!(code == 2 && said.starts_with("error: kubeconfig: it has no context\n"), "{said}");
    }
    // and what never ends is read to a bound
    let (_, said, code) = run(&folder, &["render", "-f", "/dev/zero"], &[]);
    assert!(code == 2 && said.starts_with("error: /dev/zero is larger than 4 MiB"), "{said}");
    let (_, said, code) = run(&folder, &["claim", "--kubeconfig=/dev/zero"], &[]);
    assert!(code == 2 && said.starts_with("error: kubeconfig /dev/zero: it is larger than 32 MiB"), "{said}");
}
