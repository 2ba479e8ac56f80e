//! The program as people and scripts call it: help, usage errors, exit codes and streams.
//!
//! Hermetic: no environment but what is set here, a home of its own, no kubeconfig, no cluster. What a verb does on a
//! cluster is proved elsewhere.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/program.rs"]
mod program;

use program::program;

/// A run of the program.
#[must_use]
struct Run {
    out: String,
    err: String,
    code: i32,
}

/// Runs it to its end.
fn run(line: &str) -> Run {
    let output = program(line).output().unwrap();
    Run {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}

/// Help on stdout, without the connection options, which are the same everywhere.
fn help(line: &str) -> String {
    let run = run(line);
    assert_eq!((run.err.as_str(), run.code), ("", 0), "{line}");
    match run.out.split_once("\nConnection options") {
        Some((before, options)) => {
            assert!(options.contains("--request-timeout"), "{line}: {options}");
            trimmed(before)
        }
        None => trimmed(&run.out),
    }
}

/// Lines without the blanks that clap leaves at their ends.
fn trimmed(text: &str) -> String {
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// A usage error: nothing on stdout, exit code 2.
fn usage(line: &str) -> String {
    let run = run(line);
    assert_eq!((run.out.as_str(), run.code), ("", 2), "{line}: {}", run.err);
    run.err
}

#[test]
fn help_of_the_program() {
    insta::assert_snapshot!(help("-h"), @"
        Builds in your own cluster, started by Keel: every build runs in a namespace of its own, and every
        build starts the listener for the next one

        Examples:
          # Once per cluster, by somebody who may: home, roles and admission policies
          kubectl studioci setup

          # Begin a chain from the pipeline of this repository
          kubectl studioci start

          # See every build, and follow one to its verdict
          kubectl studioci status
          kubectl studioci watch runner-main

        Usage: kubectl studioci [OPTIONS] <VERB>

        Verbs:
          render   Print the pipeline's documents; needs no cluster
          claim    Create a namespace that is proved ours, and print its name
          start    Begin a chain: claim a namespace, and wait there for the next push
          stop     End a chain: no push starts a build of it any more
          setup    Install, or print, what the cluster needs once
          status   Show builds, the newest first
          watch    Follow a build until its verdict, which is the exit code
          scale    Scale the support of a build up, to look at its data, or down again
          cleanup  Dispose of finished builds and of claims, by name or by rules
          version  Print the version of this program
          help     Print this message or the help of the given subcommand(s)

        Options:
          -h, --help     Print help (see more with '--help')
          -V, --version  Print version
        ");
    assert_eq!(help(""), help("-h"), "a bare call is a question");
    assert_eq!(help("--help"), help("help"));
}

#[test]
fn help_of_render() {
    insta::assert_snapshot!(help("render --help"), @"
        Print the pipeline's documents; needs no cluster

        Prints what the template and its values give, as it would be read by the API server. What comes from
        the environment is secret and masked, unless it is named by --env.

        Examples:
          # Render .studioci/pipeline.yaml of this repository
          kubectl studioci render

          # Render another template with values, and see what `start` would create
          kubectl studioci render -f ci.yaml --values values.yaml --set image=quay.io/me/app:build-1 --woven

        Usage: kubectl studioci render [OPTIONS]

        Options:
              --woven
                  Show what would be created: listener, build Job and the rest, apart

              --show-secrets
                  Show secret values instead of masking them

          -h, --help
                  Print help (see a summary with '-h')

        Pipeline options:
          -f, --filename <FILE>
                  Template of the pipeline; `-` is stdin; recorded in plain

                  `start` records it in plain in ConfigMap record-NAME, readable for everybody who may read
                  home.

                  [default: .studioci/pipeline.yaml]

              --values <FILE>
                  File with values, YAML; repeatable, the last one wins; recorded in plain

                  `start` records the whole file in plain in ConfigMap record-NAME, readable for everybody
                  who may read home. A secret belongs into the environment.

              --set <KEY=VALUE>
                  A single value; repeatable; recorded in plain. All behind the first `=` is the value,
                  commas included

                  `start` records it in plain in ConfigMap record-NAME, readable for everybody who may read
                  home. A secret belongs into the environment.

              --set-file <KEY=FILE>
                  A single value from a file; repeatable; recorded in plain

                  `start` records the file's content in plain in ConfigMap record-NAME, readable for
                  everybody who may read home. A secret belongs into the environment.

              --env <NAME>
                  An environment variable whose value is no secret and may stand anywhere; repeatable;
                  recorded in plain

                  `start` records its value in plain in ConfigMap record-NAME, readable for everybody who
                  may read home. Every other variable that the template reads goes into Secret chain-NAME of
                  home.
        ");
}

#[test]
fn help_of_claim() {
    insta::assert_snapshot!(help("claim --help"), @"
        Create a namespace that is proved ours, and print its name

        The namespace is new, nobody else's, and can be used when its name is printed: a building block for
        your own scripts. `cleanup` disposes of it.

        Examples:
          # A namespace that nobody else has
          kubectl studioci claim

          # Its name alone, for a script
          NS=$(kubectl studioci claim --prefix test -o name)
          kubectl studioci cleanup $NS

        Usage: kubectl studioci claim [OPTIONS]

        Options:
              --prefix <PREFIX>
                  Begin of the namespace's name

                  [default: ci]

              --dry-run[=<none|client>]
                  `client` says what would be created, and creates nothing

                  [default: none]

          -o, --output <FORMAT>
                  Output format: name

              --timeout <DURATION>
                  How long to wait until the namespace can be used

                  [default: 1m]

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_start() {
    insta::assert_snapshot!(help("start --help"), @"
        Begin a chain: claim a namespace, and wait there for the next push

        Renders the pipeline, claims a namespace, dispatches the first listener there and waits until it
        listens. A second `start` of the same chain changes nothing and says so; with another pipeline,
        other values or another --tag the chain goes on with a fresh listener, and what runs goes on to its
        end. A chain that was stopped goes on where it stood. What every later build is rendered with is
        kept in home: template, values and files in plain in ConfigMap record-NAME, the environment that the
        template reads in Secret chain-NAME.

        Examples:
          # Begin a chain from .studioci/pipeline.yaml, and build the next push
          kubectl studioci start

          # Build the image that is there now, too
          kubectl studioci start -f ci.yaml --values values.yaml --now

          # The chain goes on from another tag, by a changed pipeline
          kubectl studioci start --tag build-0007

          # See what would be created
          kubectl studioci start --dry-run=client

        Usage: kubectl studioci start [OPTIONS]

        Options:
              --chain <NAME>
                  Name of the chain (default: REPOSITORY-BRANCH)

              --tag <TAG>
                  Tag to listen from, instead of the template's; a chain that lives goes on from there

              --now
                  Build the image that is there now, instead of waiting for the next one

              --dry-run[=<none|client>]
                  `client` says what would be created, and creates nothing

                  [default: none]

              --prefix <PREFIX>
                  Begin of the namespaces' names (default: the chain's name)

              --trusted-build
                  Let the build use rights with which it could become its own agent

              --pod-security <LEVEL>
                  Pod Security level that the chain's namespaces enforce

                  Possible values:
                  - privileged: Everything is allowed
                  - baseline:   Known ways to escalate are refused
                  - restricted: Hardened

              --timeout <DURATION>
                  How long to wait until the chain listens

                  [default: 5m]

          -h, --help
                  Print help (see a summary with '-h')

        Pipeline options:
          -f, --filename <FILE>
                  Template of the pipeline; `-` is stdin; recorded in plain

                  `start` records it in plain in ConfigMap record-NAME, readable for everybody who may read
                  home.

                  [default: .studioci/pipeline.yaml]

              --values <FILE>
                  File with values, YAML; repeatable, the last one wins; recorded in plain

                  `start` records the whole file in plain in ConfigMap record-NAME, readable for everybody
                  who may read home. A secret belongs into the environment.

              --set <KEY=VALUE>
                  A single value; repeatable; recorded in plain. All behind the first `=` is the value,
                  commas included

                  `start` records it in plain in ConfigMap record-NAME, readable for everybody who may read
                  home. A secret belongs into the environment.

              --set-file <KEY=FILE>
                  A single value from a file; repeatable; recorded in plain

                  `start` records the file's content in plain in ConfigMap record-NAME, readable for
                  everybody who may read home. A secret belongs into the environment.

              --env <NAME>
                  An environment variable whose value is no secret and may stand anywhere; repeatable;
                  recorded in plain

                  `start` records its value in plain in ConfigMap record-NAME, readable for everybody who
                  may read home. Every other variable that the template reads goes into Secret chain-NAME of
                  home.
        ");
    assert_eq!(help("help start"), help("start --help"));
}

#[test]
fn help_of_stop() {
    insta::assert_snapshot!(help("stop --help"), @"
        End a chain: no push starts a build of it any more

        Its waiting listener is deleted. A build that runs goes on to its end, and finished builds stay for
        `cleanup`; with --purge they go too, after what runs, and so does all that home keeps of the chain.
        `start` carries a stopped chain on.

        Examples:
          # No more builds; `start` carries the chain on
          kubectl studioci stop runner-main

          # The chain with everything of it, once nothing runs any more
          kubectl studioci stop runner-main --purge --timeout 1h

        Usage: kubectl studioci stop [OPTIONS] <CHAIN>

        Arguments:
          <CHAIN>
                  The chain to end

        Options:
              --purge
                  Delete its builds, its history and its record too, after what runs has ended

              --timeout <DURATION>
                  With --purge: stop waiting for what runs after this time, exit code 4 (default: never)

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_setup() {
    insta::assert_snapshot!(help("setup --help"), @"
        Install, or print, what the cluster needs once

        That is home, the roles, and the admission policies that confine builds. It needs the rights of an
        administrator; nothing after it does.

        Examples:
          # Install
          kubectl studioci setup --agent-image registry.example/ci/agent@sha256:…

          # Repair what differs; the agent image stays
          kubectl studioci setup

          # Look first, or let somebody else install it
          kubectl studioci setup --print --agent-image … | kubectl apply -f -

        Usage: kubectl studioci setup [OPTIONS]

        Options:
              --print
                  Print the documents instead of installing them; needs no cluster

              --agent-image <IMAGE>
                  Image that brings the agent into listeners, by its digest (default: the one that is set)

              --added-label <KEY>
                  Key of a label that a webhook of this cluster puts on namespaces, may be repeated

              --added-annotation <KEY>
                  Key of an annotation that a webhook of this cluster puts on namespaces, may be repeated

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_status() {
    insta::assert_snapshot!(help("status --help"), @r#"
        Show builds, the newest first

        One row a build, with what triggered it, how it ended, and why it stands still where it does. A name
        shows that chain or that build.

        Examples:
          # Every build
          kubectl studioci status

          # The builds of one chain, with image and revision
          kubectl studioci status runner-main -o wide

          # For a script
          kubectl studioci status -o json | jq '.items[] | select(.status.verdict == "Failed")'

        Usage: kubectl studioci status [OPTIONS] [CHAIN|BUILD]

        Arguments:
          [CHAIN|BUILD]
                  Chain or build to show; all without it

        Options:
          -o, --output <FORMAT>
                  Output format: json, name, wide or yaml

              --no-headers
                  Leave the headers out

          -h, --help
                  Print help (see a summary with '-h')
        "#);
}

#[test]
fn help_of_watch() {
    insta::assert_snapshot!(help("watch --help"), @"
        Follow a build until its verdict, which is the exit code

        One line an event. The exit code is 0 for Passed, 1 for Failed, Errored and Cancelled. Of a chain
        its running build is followed, else the next one. Ctrl-C stops only the watching.

        Examples:
          # The only chain there is
          kubectl studioci watch

          # Push, then let a script wait for the verdict
          git push && kubectl studioci watch runner-main --timeout 2h

        Usage: kubectl studioci watch [OPTIONS] [CHAIN|BUILD]

        Arguments:
          [CHAIN|BUILD]
                  Chain or build to follow; needed where there are several chains

        Options:
              --timeout <DURATION>
                  Stop watching after this time, exit code 4 (default: never)

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_scale() {
    insta::assert_snapshot!(help("scale --help"), @"
        Scale the support of a build up, to look at its data, or down again

        Support is every Deployment, StatefulSet, ReplicaSet and ReplicationController of the pipeline
        besides the build. It is at 0 when a build is over, and remembers how many replicas the pipeline
        asks for. Of a chain the newest build that is over is meant. Under a build that is being prepared,
        or runs, support is not scaled down.

        Examples:
          # Look at what a build left in its database, then let go of it again
          kubectl studioci scale up ci-witty-kepler --wait
          kubectl studioci scale down ci-witty-kepler

          # The same for the newest build of a chain that is over
          kubectl studioci scale up runner-main

        Usage: kubectl studioci scale [OPTIONS] <up|down> <BUILD|CHAIN>

        Arguments:
          <up|down>
                  `up`: from 0 to the remembered counts; `down`: to 0

          <BUILD|CHAIN>
                  Build to scale, or a chain

        Options:
              --dry-run[=<none|client|server>]
                  `client` says what would be scaled; `server` asks the server, too; neither changes
                  anything

                  [default: none]

          -o, --output <FORMAT>
                  Output format: name

              --wait
                  Wait until support is ready, or gone

              --timeout <DURATION>
                  How long to wait, with --wait

                  [default: 5m]

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_cleanup() {
    insta::assert_snapshot!(help("cleanup --help"), @"
        Dispose of finished builds and of claims, by name or by rules

        Deletes namespaces that are provably ours, whose build is finished and whose result is in home's
        history; says of every other one why it stays. A chain's newest build and what still runs never go.
        Given both --older-than and --keep, both must agree.

        Examples:
          # What would go, and why the rest stays
          kubectl studioci cleanup --older-than 7d --keep 5 --dry-run

          # Of each chain, the five newest finished builds stay
          kubectl studioci cleanup --keep 5

          # One build, and see it gone
          kubectl studioci cleanup ci-eager-hopper --wait --timeout 2m

          # What a script has claimed
          kubectl studioci cleanup $NS

        Usage: kubectl studioci cleanup [OPTIONS] [NAMESPACE]...

        Arguments:
          [NAMESPACE]...
                  Namespaces to dispose of

        Options:
              --older-than <AGE>
                  Dispose of what ended longer ago than this (a claim: what was created), such as 12h or 7d

              --keep <COUNT>
                  Keep the newest so many finished builds of each chain, and dispose of the others

              --chain <NAME>
                  Only builds of this chain

              --dry-run[=<none|client|server>]
                  `client` says what would be deleted; `server` has the API server check it too; nothing is
                  deleted

                  [default: none]

              --ignore-not-found
                  A namespace that there is none of is no failure

              --wait[=<true|false>]
                  Wait until they are gone, and say what holds them up

                  [default: false]
                  [possible values: true, false]

              --timeout <DURATION>
                  Stop waiting after this time, exit code 4 (default: never); means --wait

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_version() {
    insta::assert_snapshot!(help("version --help"), @"
        Print the version of this program

        Examples:
          kubectl studioci version
          kubectl studioci version -o json

        Usage: kubectl studioci version [OPTIONS]

        Options:
              --client
                  The version of this program only, which is what there is

          -o, --output <FORMAT>
                  Output format: json or yaml

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_agent() {
    insta::assert_snapshot!(help("agent --help"), @"
        Work inside a listener's pod

        Usage: kubectl studioci agent [OPTIONS] <COMMAND>

        Commands:
          install  Copy this program to a path, mode 0555
          tell     Tell the agent what this image says of itself, then sleep
          run      Listen, hand on and build
          probe    Exit at once: that the image could be pulled and run is the answer
          help     Print this message or the help of the given subcommand(s)

        Options:
          -h, --help
                  Print help (see a summary with '-h')
        ");
    assert!(!help("--help").contains("agent run"), "only manifests call it");
}

#[test]
fn short_help_leaves_the_connection_options_out() {
    insta::assert_snapshot!(run("status -h").out, @r#"
        Show builds, the newest first

        Examples:
          # Every build
          kubectl studioci status

          # The builds of one chain, with image and revision
          kubectl studioci status runner-main -o wide

          # For a script
          kubectl studioci status -o json | jq '.items[] | select(.status.verdict == "Failed")'

        Usage: kubectl studioci status [OPTIONS] [CHAIN|BUILD]

        Arguments:
          [CHAIN|BUILD]  Chain or build to show; all without it

        Options:
          -o, --output <FORMAT>  Output format: json, name, wide or yaml
              --no-headers       Leave the headers out
          -h, --help             Print help (see more with '--help')
        "#);
}

#[test]
fn connection_options_are_kubectls() {
    let long = trimmed(&run("status --help").out);
    let (_, options) = long.split_once("Connection options").unwrap();
    insta::assert_snapshot!(options, @"
        (as kubectl has them):
         -n, --namespace <NAME>
                 Taken for kubectl's sake, and not used: every build has a namespace of its own

             --context <NAME>
                 Kubeconfig context to use

             --kubeconfig <FILE>
                 Kubeconfig file to use, instead of $KUBECONFIG and ~/.kube/config

             --cluster <NAME>
                 Kubeconfig cluster to use, instead of the context's

             --user <NAME>
                 Kubeconfig user to use, instead of the context's

         -s, --server <URL>
                 Address of the API server

             --tls-server-name <NAME>
                 Name to check the server's certificate against

             --insecure-skip-tls-verify[=<BOOL>]
                 Do not check the server's certificate; refused together with a certificate authority

                 [possible values: true, false]

             --certificate-authority <FILE>
                 File with the certificate authority

             --client-certificate <FILE>
                 File with the client certificate

             --client-key <FILE>
                 File with the client key

             --token <TOKEN>
                 Bearer token; sent over https only

             --as <USER>
                 User to impersonate

             --as-group <GROUP>
                 Group to impersonate; repeatable

             --as-uid <UID>
                 UID to impersonate

             --as-user-extra <KEY=VALUE>
                 Extra of the user to impersonate, KEY=VALUE; repeatable

             --request-timeout <DURATION>
                 How long to wait for a single answer of the server (30s, 2m); 0 means our own limits

             --disable-compression[=<BOOL>]
                 Ask the server for uncompressed answers

                 [possible values: true, false]
        ");
    for verb in [
        "render", "claim", "start", "stop", "setup", "status", "watch", "scale", "cleanup", "version",
        "agent",
    ] {
        assert!(trimmed(&run(&format!("{verb} --help")).out).ends_with(options), "{verb}");
    }
}

#[test]
fn every_help_reads_as_a_plugins() {
    for verb in [
        "", "render ", "claim ", "start ", "stop ", "setup ", "status ", "watch ", "scale ", "cleanup ",
        "version ", "agent ",
    ] {
        let text = help(&format!("{verb}--help"));
        assert!(text.contains(&format!("Usage: kubectl studioci {verb}")), "{text}");
        assert!(!text.contains("kubectl-studioci"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        if verb != "agent " {
            assert!(text.contains("Examples:\n"), "{text}");
        }
    }
}

#[test]
fn an_unknown_flag_or_verb_names_the_nearest() {
    insta::assert_snapshot!(usage("start --chian x"), @"
        error: unknown flag: --chian

        Did you mean this?
        	--chain

        See 'kubectl studioci start --help' for usage.
        ");
    insta::assert_snapshot!(usage("strat"), @r#"
        error: unknown command "strat" for "kubectl studioci"

        Did you mean this?
        	start
        	status

        See 'kubectl studioci --help' for usage.
        "#);
    insta::assert_snapshot!(usage("--foo"), @"
        error: unknown flag: --foo
        See 'kubectl studioci --help' for usage.
        ");
    insta::assert_snapshot!(usage("status -q"), @"
        error: unknown shorthand flag: 'q' in -q
        See 'kubectl studioci status --help' for usage.
        ");
    insta::assert_snapshot!(usage("agent rum"), @r#"
        error: unknown command "rum" for "kubectl studioci agent"

        Did you mean this?
        	run

        See 'kubectl studioci agent --help' for usage.
        "#);
}

#[test]
fn a_flag_given_twice_is_refused_but_for_connection_flags() {
    insta::assert_snapshot!(usage("start --chain a --chain b"), @"
        error: --chain was given twice
        See 'kubectl studioci start --help' for usage.
        ");
    insta::assert_snapshot!(usage("status -o json -o yaml"), @"
        error: --output was given twice
        See 'kubectl studioci status --help' for usage.
        ");
    let run = run(
        "version -n a -n b --context c --context d --insecure-skip-tls-verify --request-timeout 3 --request-timeout 5s",
    );
    assert_eq!(run.code, 0, "{}", run.err);
}

#[test]
fn missing_and_superfluous_arguments_are_named() {
    insta::assert_snapshot!(usage("start --chain"), @"
        error: flag needs an argument: --chain
        See 'kubectl studioci start --help' for usage.
        ");
    insta::assert_snapshot!(usage("agent install"), @"
        error: <PATH> is required
        See 'kubectl studioci agent install --help' for usage.
        ");
    insta::assert_snapshot!(usage("scale"), @"
        error: <up|down>, <BUILD|CHAIN> is required
        See 'kubectl studioci scale --help' for usage.
        ");
    insta::assert_snapshot!(usage("scale down"), @"
        error: <BUILD|CHAIN> is required
        See 'kubectl studioci scale --help' for usage.
        ");
    insta::assert_snapshot!(usage("status one two"), @r#"
        error: unexpected argument "two"
        See 'kubectl studioci status --help' for usage.
        "#);
    insta::assert_snapshot!(usage("start --now=yes"), @"
        error: --now takes no value
        See 'kubectl studioci start --help' for usage.
        ");
}

#[test]
fn values_that_cannot_be_read_are_explained() {
    insta::assert_snapshot!(usage("status -o xml"), @r#"
        error: unable to match a printer suitable for the output format "xml", allowed formats are: json,name,wide,yaml
        See 'kubectl studioci status --help' for usage.
        "#);
    insta::assert_snapshot!(usage("version -o name"), @r#"
        error: unable to match a printer suitable for the output format "name", allowed formats are: json,yaml
        See 'kubectl studioci version --help' for usage.
        "#);
    insta::assert_snapshot!(usage("claim -o json"), @r#"
        error: unable to match a printer suitable for the output format "json", allowed formats are: name
        See 'kubectl studioci claim --help' for usage.
        "#);
    insta::assert_snapshot!(usage("start --dry-run=server"), @r#"
        error: Invalid dry-run value (server). Must be "none" or "client".
        See 'kubectl studioci start --help' for usage.
        "#);
    insta::assert_snapshot!(usage("scale up x --dry-run=maybe"), @r#"
        error: Invalid dry-run value (maybe). Must be "none", "server", or "client".
        See 'kubectl studioci scale --help' for usage.
        "#);
    insta::assert_snapshot!(usage("scale sideways x"), @r#"
        error: invalid argument "sideways" for <up|down>, allowed are: up,down
        See 'kubectl studioci scale --help' for usage.
        "#);
    insta::assert_snapshot!(usage("start --timeout soon"), @r#"
        error: invalid argument "soon" for --timeout: expected a whole number of seconds, or numbers with units (30s, 5m, 1h30m)
        See 'kubectl studioci start --help' for usage.
        "#);
    insta::assert_snapshot!(usage("start --pod-security strict"), @r#"
        error: invalid argument "strict" for --pod-security, allowed are: privileged,baseline,restricted

        Did you mean this?
        	restricted

        See 'kubectl studioci start --help' for usage.
        "#);
    insta::assert_snapshot!(usage("render --set image"), @r#"
        error: invalid argument "image" for --set: expected KEY=VALUE
        See 'kubectl studioci render --help' for usage.
        "#);
    insta::assert_snapshot!(usage("status --insecure-skip-tls-verify=maybe"), @r#"
        error: invalid argument "maybe" for --insecure-skip-tls-verify, allowed are: true,false
        See 'kubectl studioci status --help' for usage.
        "#);
}

#[test]
fn the_version_is_told_as_kubectl_tells_its_own() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(run("version").out, format!("Client Version: v{version}\n"));
    assert_eq!(run("version --client").out, format!("Client Version: v{version}\n"));
    assert_eq!(run("--version").out, format!("kubectl studioci v{version}\n"));
    let json: serde_json::Value = serde_json::from_str(&run("version -o json").out).unwrap();
    assert_eq!(json["clientVersion"]["gitVersion"], format!("v{version}"));
    let yaml: serde_json::Value = serde_yaml::from_str(&run("version -o yaml").out).unwrap();
    assert_eq!(yaml, json);
}

#[test]
fn help_and_version_look_at_no_kubeconfig() {
    for line in [
        "--help",
        "start --help",
        "help watch",
        "version",
        "version --client -o json",
        "--version",
        "agent probe",
    ] {
        let output = program(line).env("KUBECONFIG", "/nowhere/config").env_remove("HOME").output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        assert!(output.stderr.is_empty(), "{line}: {output:?}");
    }
}

#[test]
fn a_pipe_sees_no_escape_sequence() {
    for line in ["", "start --help", "version -o json", "start --chian", "status -o xml", "strat"] {
        let output = program(line).env("TERM", "xterm-256color").env("CLICOLOR_FORCE", "1").output().unwrap();
        for (name, stream) in [("stdout", output.stdout), ("stderr", output.stderr)] {
            assert!(!stream.contains(&0x1b), "{line}: {name}: {}", String::from_utf8_lossy(&stream));
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = program("start --help").stdout(writer).output().unwrap();
    assert_eq!((String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()), ("", Some(0)));
}
