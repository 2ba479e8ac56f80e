//! Command lines that are refused before any cluster is asked.

use super::*;

/// A `start` that is refused before any cluster is asked: the words on stderr.
#[track_caller]
fn told(flags: &[&str], env: &[(&str, &str)]) -> String {
    let folder = Folder::new("told", GOOD);
    folder.write("ca.pem", "SECRET");
    folder.write("hook.json", "{}");
    let line = ["start", "-f", "pipeline.yaml", "--chain", "c", "--dry-run=client"];
    let (out, said, code) = run(&folder, &[&line[..], flags].concat(), env);
    assert_eq!((out.as_str(), code), ("", 2), "{flags:?}: {said}");
    assert!(!said.contains("SECRET"), "{said}");
    said
}

#[test]
fn results_that_could_go_nowhere() {
    const TOKEN: &[(&str, &str)] = &[("GITHUB_TOKEN", "SECRET"), ("EMPTY", "")];
    for (flags, env, says) in [
        (&["--github"][..], TOKEN, "no remote says which repository on GitHub this is"),
        (&["--github=runner"], TOKEN, "\"runner\" is no repository on GitHub"),
        (&["--github=https://me:SECRET@github.com/o/r"], TOKEN, "is no repository on GitHub"),
        (&["--github=o/r"], &[], "the environment variable GITHUB_TOKEN is not set"),
        (&["--github=o/r", "--github-token-env=OTHER"], TOKEN, "the environment variable OTHER is not set"),
        (&["--github=o/r", "--github-token-env=EMPTY"], TOKEN, "the token for GitHub is empty"),
        (&["--github=o/r", "--github-url=http://ghe.example"], TOKEN, "would be spoken to without TLS"),
        (&["--github=o/r", "--github-url=ghe.example"], TOKEN, "it has no scheme"),
        (&["--github=o/r", "--github-ca=ca.pem"], TOKEN, "there is no certificate in it"),
        (&["--github=o/r", "--github-ca=nowhere.pem"], TOKEN, "nowhere.pem"),
        (&["--link=https://h/{branch}"], &[], "a build has no {branch}"),
        (&["--link=https://me:SECRET@h/"], &[], "it holds a user or a password"),
        (&["--webhook=http://h/SECRET"], &[], "would be spoken to without TLS"),
        (&["--webhook=https://me:SECRET@h/"], &[], "holds a user or a password"),
        (&["--webhook=https://h/", "--webhook-secret-env=NONE"], &[], "variable NONE is not set"),
        (&["--webhook-template=hook.json"], &[], "hook.json is the template of a webhook, and there is none"),
        (&["--webhook=https://h/", "--webhook-template=nowhere.json"], &[], "nowhere.json"),
        (
            &["--webhook=https://h/", "--webhook-secret-env=EMPTY"],
            TOKEN,
            "the secret of the webhook is empty",
        ),
    ] {
        let said = told(flags, env);
        assert!(said.contains(says), "{flags:?}: {said}");
    }
}

/// A `start` with this template for a webhook, which is refused: the words on stderr.
#[track_caller]
fn hooked(template: &str) -> String {
    let folder = Folder::new("hooked", GOOD);
    folder.write("hook.json", template);
    let line =
        "start -f pipeline.yaml --chain c --dry-run=client --webhook=https://h/ --webhook-template=hook.json";
    let (out, said, code) = run(&folder, &line.split(' ').collect::<Vec<_>>(), &[]);
    assert_eq!((out.as_str(), code), ("", 2), "{said}");
    said
}

#[test]
fn a_template_for_a_webhook_that_makes_no_body_of_some_build() {
    insta::assert_snapshot!(hooked("{\"text\": {{ build.verdict | json_encode }}}"), @r#"
        error: `build.verdict` is not defined
          at hook.json, line 1, column 19
            1 | {"text": {{ build.verdict | json_encode }}}
              |                   ^
          why: a build that goes on has none yet
          hint: write `build.verdict | default(value=…)` if it may be missing
        "#);
    insta::assert_snapshot!(hooked("{\n  \"text\": \"{{ build.chain }} {{ build.cause | default(value='') }}\"\n}"), @r#"
        error: what hook.json makes of a build is no JSON
          at the body, line 2, column 36
            2 |   "text": "c build exited with 2: "no" in C:\temp
              |                                    ^
          from hook.json, line 2
            2 |   "text": "{{ build.chain }} {{ build.cause | default(value='') }}"
          why: expected `,` or `}`; a webhook is sent as application/json
          hint: write each value by `json_encode`, without quotes around it: {"text": {{ build.summary | json_encode }}}
        "#);
    insta::assert_snapshot!(hooked("payload={{ build.summary }}"), @r#"
        error: what hook.json makes of a build is no JSON
          at the body, line 1, column 1
            1 | payload=Build goes on
              | ^
          from hook.json, line 1
            1 | payload={{ build.summary }}
          why: expected value; a webhook is sent as application/json
          hint: write each value by `json_encode`, without quotes around it: {"text": {{ build.summary | json_encode }}}
        "#);
    insta::assert_snapshot!(hooked("{\"text\": {{ message | json_encode }}}"), @r#"
        error: `message` is nothing that this template reads
          at hook.json, line 1, column 13
            1 | {"text": {{ message | json_encode }}}
              |             ^
          why: the template of a webhook reads the build alone
          hint: there are, each after `build.`: baseline, cause, chain, chainUUID, creationTimestamp, digest, dispatch, dispatchError, durationSeconds, generation, image, link, namespace, owner, parent, phase, phaseTimes, revision, successor, summary, tag, terminating, uid, verdict, waiting
        "#);
}

#[test]
fn a_tag_or_an_agent_image_that_no_registry_has() {
    for tag in ["a/b", "1.0.0+5", "-1", "app:1", ""] {
        let folder = Folder::new("tag", GOOD);
        let line =
            ["start", "-f", "pipeline.yaml", "--chain", "c", "--dry-run=client", &format!("--tag={tag}")];
        let (out, said, code) = run(&folder, &line, &[]);
        assert_eq!((out.as_str(), code), ("", 2), "{tag}: {said}");
        assert!(said.starts_with(&format!("error: {tag:?} is not a tag: ")), "{said}");
    }
    insta::assert_snapshot!(usage("setup --print --agent-image registry.example/Agent:1"), @r#"
        error: "registry.example/Agent:1" is not an image reference: a repository is in lower case
          remedy: write it as REGISTRY/REPOSITORY@sha256:…; the registry reports the digest when the image is pushed
        "#);
    insta::assert_snapshot!(usage("setup --print --agent-image registry.example/agent:1"), @r#"
        error: "registry.example/agent:1" does not name an image by its digest
          remedy: write it as REGISTRY/REPOSITORY@sha256:…; the registry reports the digest when the image is pushed
        "#);
}

#[test]
fn a_team_that_is_none_or_a_chain_that_is_none() {
    insta::assert_snapshot!(usage("setup --print --group system:authenticated"), @r#"
        error: group "system:authenticated" is not to use studioci: everybody who signs in is in it, the ServiceAccounts of builds too
          remedy: name a group of people as the API server sees it: kubectl auth whoami, run by one of them, lists theirs
        "#);
    insta::assert_snapshot!(usage("setup --print --group="), @r#"
        error: group "" is not to use studioci: it is empty
          remedy: name a group of people as the API server sees it: kubectl auth whoami, run by one of them, lists theirs
        "#);
    insta::assert_snapshot!(usage("setup --print --group devs --chain feature/x"), @r#"
        error: chain name "feature/x" has '/'; only a-z, 0-9 and '-' are allowed
          remedy: choose another name with --chain
        "#);
    insta::assert_snapshot!(usage("setup --print --group devs --chain claim"), @r#"
        error: a chain cannot be called "claim": that is the chain label of bare claims
          remedy: choose another name with --chain
        "#);
    insta::assert_snapshot!(usage("setup --group devs"), @"
        error: --print is required
        See 'kubectl studioci setup --help' for usage.
        ");
    insta::assert_snapshot!(usage("setup --print --chain d"), @"
        error: --group is required
        See 'kubectl studioci setup --help' for usage.
        ");
    insta::assert_snapshot!(usage("setup --print --group devs --pod-security baseline"), @"
        error: --chain is required
        See 'kubectl studioci setup --help' for usage.
        ");
    insta::assert_snapshot!(usage("setup --print --group devs --chain d --pod-security high"), @r#"
        error: invalid argument "high" for --pod-security, allowed are: privileged,baseline,restricted
        See 'kubectl studioci setup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("setup --print --group devs --agent-image a/b"), @"
        error: --group cannot be used with --agent-image
        See 'kubectl studioci setup --help' for usage.
        ");
    insta::assert_snapshot!(usage("setup --print -o json"), @"
        error: --group is required
        See 'kubectl studioci setup --help' for usage.
        ");
    insta::assert_snapshot!(usage("setup --print --group devs -o name"), @r#"
        error: unable to match a printer suitable for the output format "name", allowed formats are: json,yaml
        See 'kubectl studioci setup --help' for usage.
        "#);
}

#[test]
fn a_cleanup_that_does_not_say_what_is_to_go() {
    insta::assert_snapshot!(usage("cleanup"), @"
        error: no builds are chosen
          remedy: name namespaces, or give a rule: --older-than 7d, --keep 5; with --dry-run nothing is deleted
        See 'kubectl studioci cleanup --help' for usage.
        ");
    insta::assert_snapshot!(usage("cleanup --chain runner-main"), @"
        error: no builds are chosen
          remedy: name namespaces, or give a rule: --older-than 7d, --keep 5; with --dry-run nothing is deleted
        See 'kubectl studioci cleanup --help' for usage.
        ");
    insta::assert_snapshot!(usage("cleanup --older-than yesterday"), @r#"
        error: invalid argument "yesterday" for --older-than: expected numbers with units (45m, 12h, 7d, 1d12h)
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup --older-than -1h"), @r#"
        error: invalid argument "-1h" for --older-than: expected numbers with units (45m, 12h, 7d, 1d12h)
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup --older-than 1w"), @r#"
        error: invalid argument "1w" for --older-than: there is no unit `w`: write 168h; the units are d, h, m, s and ms
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup --older-than"), @"
        error: flag needs an argument: --older-than
        See 'kubectl studioci cleanup --help' for usage.
        ");
    insta::assert_snapshot!(usage("cleanup --keep five"), @r#"
        error: invalid argument "five" for --keep: expected a whole number, such as 5
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup --keep -1"), @r#"
        error: invalid argument "-1" for --keep: expected a whole number, such as 5
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup --keep 1.5"), @r#"
        error: invalid argument "1.5" for --keep: expected a whole number, such as 5
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup ci-a --keep 1"), @"
        error: NAMESPACE cannot be used with --keep
        See 'kubectl studioci cleanup --help' for usage.
        ");
    insta::assert_snapshot!(usage("cleanup ci-a --older-than 1h"), @"
        error: NAMESPACE cannot be used with --older-than
        See 'kubectl studioci cleanup --help' for usage.
        ");
    insta::assert_snapshot!(usage("cleanup ci_a"), @r#"
        error: invalid argument "ci_a" for NAMESPACE: it has '_'; only a-z, 0-9 and '-' are allowed, so no namespace can have that name
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup deployment/a"), @r#"
        error: invalid argument "deployment/a" for NAMESPACE: expected a namespace: NAME or namespace/NAME
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup --keep 1 --dry-run=maybe"), @r#"
        error: Invalid dry-run value (maybe). Must be "none", "server", or "client".
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup ci-a --wait=maybe"), @r#"
        error: invalid argument "maybe" for --wait, allowed are: true,false
        See 'kubectl studioci cleanup --help' for usage.
        "#);
    insta::assert_snapshot!(usage("cleanup ci-a --timeout soon"), @r#"
        error: invalid argument "soon" for --timeout: expected a whole number of seconds, or numbers with units (30s, 5m, 1h30m, 1d)
        See 'kubectl studioci cleanup --help' for usage.
        "#);
}

#[test]
fn a_stop_that_cannot_be_understood() {
    insta::assert_snapshot!(usage("stop"), @"
        error: <CHAIN> is required
        See 'kubectl studioci stop --help' for usage.
        ");
    insta::assert_snapshot!(usage("stop a b"), @r#"
        error: unexpected argument "b"
        See 'kubectl studioci stop --help' for usage.
        "#);
    insta::assert_snapshot!(usage("stop a --timeout 1m"), @"
        error: --purge is required
        See 'kubectl studioci stop --help' for usage.
        ");
    insta::assert_snapshot!(usage("stop a --purge --timeout soon"), @r#"
        error: invalid argument "soon" for --timeout: expected a whole number of seconds, or numbers with units (30s, 5m, 1h30m, 1d)
        See 'kubectl studioci stop --help' for usage.
        "#);
}
