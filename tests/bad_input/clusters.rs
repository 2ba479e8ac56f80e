//! Clusters that cannot be found or reached, and names of which nobody knows anything.

use super::*;

#[test]
fn contexts_that_cannot_be_meant_or_reached() {
    let folder = Folder::new("contexts", GOOD);
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- {{name: one, cluster: {{server: \"http://{dead}\"}}}}\n\
         - {{name: none, cluster: {{}}}}\nusers: []\ncontexts:\n- {{name: here, context: {{cluster: one}}}}\n\
         - {{name: empty, context: {{cluster: none}}}}\n- {{name: lost, context: {{cluster: nowhere}}}}\n"
    );
    folder.write("config", &config);
    let said = |flags: &[&str], want: i32| {
        let (out, said, code) = run(&folder, &[&["status", "--kubeconfig", "config"], flags].concat(), &[]);
        assert_eq!((out.as_str(), code), ("", want), "{said}");
        said.replace(&dead.to_string(), "127.0.0.1:PORT")
    };
    insta::assert_snapshot!(said(&["--contexts", "here,hare"], 2), @r#"
        error: context "hare" does not exist
          remedy: did you mean "here"? (the kubeconfig has empty, here, lost)
        "#);
    let empty = said(&["--contexts", ""], 2);
    insta::assert_snapshot!(empty, @"
        error: --contexts has an empty name
          remedy: name one or several: --contexts a,b; kubectl config get-contexts lists them
        ");
    for none in [",,", "here,", ",here", "here, ,lost", " "] {
        assert_eq!(said(&["--contexts", none], 2), empty, "{none:?}");
    }
    insta::assert_snapshot!(said(&["--contexts", "here", "--context", "here"], 2), @"
        error: --context is of one cluster, and --contexts names several
          remedy: leave --context out: each context has its own in the kubeconfig
        ");
    insta::assert_snapshot!(said(&["--contexts", "here", "--token", "x"], 2), @"
        error: --token is of one cluster, and --contexts names several
          remedy: leave --token out: each context has its own in the kubeconfig
        ");
    insta::assert_snapshot!(said(&["--contexts", "here", "-w"], 2), @"
        error: --contexts cannot be used with --watch
        See 'kubectl studioci status --help' for usage.
        ");
    insta::assert_snapshot!(said(&["--tree", "-o", "json"], 2), @r#"error: unable to match a printer suitable for the output format "json", allowed formats are: wide"#);
    insta::assert_snapshot!(said(&["--tree", "-o", "jsonpath={.a}"], 2), @r#"error: unable to match a printer suitable for the output format "jsonpath", allowed formats are: wide"#);
    insta::assert_snapshot!(said(&["--tree", "--chains"], 2), @"
        error: --tree cannot be used with --chains
        See 'kubectl studioci status --help' for usage.
        ");
    // those that are there and lead nowhere are told in a line each, also by a kubeconfig that can be read but once
    let several = ["--contexts", "here, empty,lost ,here ", "--contexts= here"];
    let by_file = said(&several, 3);
    pipe(&folder, "config", &config);
    assert_eq!(said(&several, 3), by_file);
    insta::assert_snapshot!(by_file, @r#"
        error: context here: cannot reach the API server http://127.0.0.1:PORT of context "here": connection refused
        error: context empty: kubeconfig: the cluster has no server
        error: context lost: cluster "nowhere" does not exist
        error: none of these contexts has answered: here, empty, lost
          remedy: try one by itself, which says what to do: kubectl studioci status --context NAME
        "#);
}

#[test]
fn a_cluster_that_cannot_be_found() {
    let folder = Folder::new("cluster", GOOD);
    // bound and let go: nobody listens there
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    folder.write("dead", kubeconfig(&format!("http://{dead}")));
    folder.write("broken", "a: [");
    folder.write(
        "leaking",
        "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: \"https://127.0.0.1:1\"}}]\nusers:\n\
         - name: u\n  user:\n    token: hunter1\n    password: hunter2\n    client-key-data: [hunter3]\n",
    );
    folder.write(
        "careless",
        "contexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\nclusters:\n\
         - name: c\n  cluster: {server: \"https://127.0.0.1:1\", insecure-skip-tls-verify: true, certificate-authority: ca}\n",
    );
    let said = |flags: &[&str], want: i32| {
        let mut all = Vec::new();
        for verb in [
            &["start", "-f", "pipeline.yaml", "--chain", "c"][..],
            &["status"],
            &["watch"],
            &["claim"],
            &["setup"],
            &["scale", "up", "ci-a"],
            &["stop", "c"],
            &["cleanup", "ci-a"],
        ] {
            let (out, said, code) = run(&folder, &[verb, flags].concat(), &[]);
            assert_eq!((out.as_str(), code), ("", want), "{verb:?}: {said}");
            all.push(said.replace(&dead.to_string(), "127.0.0.1:PORT"));
        }
        all.dedup();
        assert_eq!(all.len(), 1, "all verbs say the same: {all:?}");
        all.remove(0)
    };
    insta::assert_snapshot!(said(&[], 2), @"
        error: kubeconfig: there is no such file: HOME/.kube/config
          remedy: name one with --kubeconfig or the variable KUBECONFIG, or a server with --server
        ");
    insta::assert_snapshot!(said(&["--kubeconfig", "none"], 2), @"
        error: kubeconfig none: No such file or directory (os error 2)
          remedy: check the path and its permissions: a readable file belongs there
        ");
    insta::assert_snapshot!(said(&["--kubeconfig", "broken"], 2), @"
        error: kubeconfig broken: line 1, column 4: it is not YAML: unclosed bracket
          remedy: correct the file there; none of it is shown here, since it holds credentials
        ");
    insta::assert_snapshot!(said(&["--kubeconfig", "leaking"], 2), @"
        error: kubeconfig leaking: line 9, column 22: a text belongs there
          remedy: correct the file there; none of it is shown here, since it holds credentials
        ");
    insta::assert_snapshot!(said(&["--kubeconfig", "careless"], 2), @r#"
        error: specifying a root certificates file with the insecure flag is not allowed: cluster "c" of the kubeconfig has both
          remedy: take insecure-skip-tls-verify out of that cluster, or its certificate-authority(-data)
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--server", "https://me:hunter2@127.0.0.1:1x"], 2), @r#"
        error: --server: "https://127.0.0.1:…" (what may be a password in it is not shown) is no URL: its port is no number up to 65535
          remedy: write it as https://HOST:PORT
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--server", &format!("https://me:hunter2@{dead}")], 3), @r#"
        error: cannot reach the API server https://127.0.0.1:PORT: connection refused
          remedy: Check that the API server runs and that --server is its address.
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--server", "https://me:hunt/er2@127.0.0.1:1"], 2), @r#"
        error: --server: "https://127.0.0.1:1" (what may be a password in it is not shown) is no URL: a / stands before its @, and ends the host; in a password it is written %2F, and an @ %40
          remedy: write it as https://HOST:PORT
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--server", "https://127.0.0.1:1", "--token", "hunter2\nhunter3"], 2), @r#"
        error: --token: the token holds characters that no token may hold
          remedy: write it on one line, in ASCII, without blanks
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--context", "there"], 2), @r#"
        error: context "there" does not exist
          remedy: did you mean "here"? (the kubeconfig has here)
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--user", "you"], 2), @r#"
        error: user "you" does not exist
          remedy: name another one (the kubeconfig has me)
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead", "--server", "nonsense url"], 2), @r#"
        error: --server: "http://nonsense url" is no URL: invalid uri character
          remedy: write it as https://HOST:PORT
        "#);
    insta::assert_snapshot!(said(&["--kubeconfig", "dead"], 3), @r#"
        Warning: the credentials of me are not sent: http://127.0.0.1:PORT is plain http, and whoever listens would have them; give the cluster an https:// address if it needs them
        error: cannot reach the API server http://127.0.0.1:PORT of context "here": connection refused
          remedy: Check that the cluster runs and that the context is the one you mean (kubectl config get-contexts, --context).
        "#);
}

#[test]
fn a_cluster_is_found_the_way_kubectl_finds_it() {
    let folder = Folder::new("way", GOOD);
    // bound and let go: nobody listens there
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = kubeconfig(&format!("https://{dead}"));
    folder.write(
        "empty",
        "current-context: \"\"\nkind: \"\"\nclusters: [{name: one, cluster: {server: \"\"}}]\n",
    );
    folder.write(
        "unsaid",
        config.replace("here", "there").replace("current-context: there", "current-context: ''"),
    );
    folder.write("config", config);
    let socks = |scheme: &str| {
        format!("server: \"https://k8s.invalid\", proxy-url: \"{scheme}://me:hunter2@{dead}\"")
    };
    for scheme in ["socks5", "socks5h", "http"] {
        folder.write(scheme, kubeconfig("X").replace("server: \"X\"", &socks(scheme)));
    }
    let said = |env: &[(&str, &str)], want: i32| {
        let (out, said, code) = run(&folder, &["status"], env);
        assert_eq!((out.as_str(), code), ("", want), "{said}");
        said.replace(&dead.to_string(), "127.0.0.1:PORT").lines().next().unwrap_or_default().to_owned()
    };
    insta::assert_snapshot!(said(&[("KUBECONFIG", "unsaid:none:config")], 3), @r#"error: cannot reach the API server https://127.0.0.1:PORT of context "here": connection refused"#);
    insta::assert_snapshot!(said(&[("KUBECONFIG", "empty:config")], 2), @"error: kubeconfig: the cluster has no server");
    for scheme in ["socks5", "socks5h", "http"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(said(&[("KUBECONFIG", scheme), ("NO_PROXY", "*")], 3), @r#"error: cannot reach the API server https://k8s.invalid of context "here" through the proxy 127.0.0.1:PORT (the cluster's proxy-url): the proxy cannot be reached: connection refused"#);
        }
    }
    let proxy = format!("socks5://me:hunter2@{dead}");
    folder.write("far", kubeconfig("https://k8s.invalid"));
    insta::assert_snapshot!(said(&[("KUBECONFIG", "far"), ("HTTPS_PROXY", &proxy), ("NO_PROXY", "k8s.invalid:1")], 3), @r#"error: cannot reach the API server https://k8s.invalid of context "here" through the proxy 127.0.0.1:PORT (HTTPS_PROXY): the proxy cannot be reached: connection refused"#);
    let direct = said(&[("KUBECONFIG", "far"), ("HTTPS_PROXY", &proxy), ("NO_PROXY", "*.invalid:443")], 3);
    assert!(!direct.contains("proxy"), "{direct}");
}

#[test]
fn a_report_on_nothing_and_one_in_a_form_that_there_is_none_of_are_refused_before_a_cluster_is_asked() {
    let folder = Folder::new("report", GOOD);
    let said = |args: &[&str]| {
        let (out, said, code) = run(&folder, args, &[]);
        assert_eq!((out.as_str(), code), ("", 2), "{said}");
        said
    };
    insta::assert_snapshot!(said(&["report"]), @"
    error: no chain is named, and this folder has none, since that is derived from the git repository and branch: not a git repository (or any of the parent directories): .git
      remedy: name a chain or a build: kubectl studioci status lists those that are there; or set STUDIOCI_CHAIN to a chain's name
    ");
    let form = said(&["report", "x", "-o", "xml"]);
    assert!(form.contains("\"xml\", allowed formats are: html,json,junit,markdown"), "{form}");
}

/// Of a chain that is meant, what is missing next is a cluster.
#[test]
fn a_chain_that_is_meant_and_is_none_is_told_with_what_says_it() {
    let folder = Folder::new("meant", GOOD);
    for verb in ["report", "status", "logs", "watch"] {
        let said = |variable: &str| run(&folder, &[verb], &[("STUDIOCI_CHAIN", variable)]);
        let (_, good, code) = said("mine");
        assert!(code == 2 && good.starts_with("error: kubeconfig: there is no such file"), "{verb}: {good}");
    }
    let (_, said, code) = run(&folder, &["report"], &[("STUDIOCI_CHAIN", "My_chain")]);
    let why = "error: variable STUDIOCI_CHAIN: \"My_chain\" is no name of a chain: it ";
    assert!(code == 2 && said.starts_with(why), "{said}");

    let settings = folder.0.join("settings/kubectl-studioci");
    std::fs::create_dir_all(&settings).unwrap();
    let at_home = folder.0.join("settings").display().to_string();
    for (text, said) in [
        ("chain: mine\n", "error: kubeconfig: there is no such file"),
        (
            "chian: mine\n",
            "error: HOME/settings/kubectl-studioci/config.yaml: there is no setting \"chian\"\n  \
             remedy: did you mean \"chain\"?\n",
        ),
    ] {
        std::fs::write(settings.join("config.yaml"), text).unwrap();
        let (_, found, code) = run(&folder, &["report"], &[("XDG_CONFIG_HOME", &at_home)]);
        assert!(code == 2 && found.starts_with(said), "{found}");
    }
}

#[test]
fn a_commit_that_nobody_can_tell_is_not_waited_for() {
    let folder = Folder::new("commit", GOOD);
    for revision in ["gone", "HEAD", "9fceb0", "", "-x"] {
        let (out, said, code) = run(&folder, &["watch", &format!("--revision={revision}")], &[]);
        let why = format!("error: {revision:?} is no commit: not a git repository");
        assert!(out.is_empty() && code == 2 && said.starts_with(&why), "{revision}: {said}");
    }
    // an id needs no checkout: what is missing next is a cluster
    let (_, said, code) = run(&folder, &["watch", "--revision", "9FCEB02"], &[]);
    assert!(code == 2 && said.starts_with("error: kubeconfig: there is no such file"), "{said}");
    let (_, said, code) = run(&folder, &["watch", "--revision", "9fceb02", "--follow"], &[]);
    assert!(code == 2 && said.contains("--revision") && said.contains("--follow"), "{said}");
}
