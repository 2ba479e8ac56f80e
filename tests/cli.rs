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
        CI builds in your own cluster, driven by Keel: each build runs in a namespace of its own and starts
        the listener for the next one

        Examples:
          # Install namespace studioci, roles and admission policies, once per cluster
          kubectl studioci setup

          # Start a chain from this repository's pipeline
          kubectl studioci start

          # List all builds, then follow one to its verdict
          kubectl studioci status
          kubectl studioci watch runner-main

        Usage: kubectl studioci [OPTIONS] <VERB>

        Verbs:
          init        Write a first pipeline for this repository, or convert an old one
          render      Render the pipeline and print its documents; needs no cluster
          claim       Claim a new namespace and print its name
          start       Start a chain: claim a namespace and listen there for the next push
          stop        End a chain, so that no push starts another build
          setup       Install what a cluster needs, once per cluster, or print it
          status      List builds, newest first
          watch       Follow a build to its verdict, which is the exit code
          logs        Show the log of a build, also when its pods are gone
          report      Report on a build or on the history of a chain, also when their namespaces are gone
          trigger     Build a tag by hand, beside the chain
          retry       Build once more what a build has built
          cancel      Cancel a build that is queued or runs
          scale       Scale a build's support up to look at its data, or back down
          cleanup     Delete finished builds and claims, by name or by rule
          doctor      Check what builds depend on, and say what to do
          completion  Print the script that completes commands in kubectl or in a shell
          version     Print the version of this program
          help        Print this message or the help of the given subcommand(s)

        Options:
          -h, --help     Print help (see more with '--help')
          -V, --version  Print version
        ");
    assert_eq!(help(""), help("-h"), "a bare call is a question");
    assert_eq!(help("--help"), help("help"));
}

#[test]
fn help_of_init() {
    insta::assert_snapshot!(help("init --help"), @r#"
        Write a first pipeline for this repository, or convert an old one

        Without --from, the image is guessed by the remote and the branch of this repository, and how Keel
        is to follow it by its tag. With --from, a template for stencil (Go's templates with sprig's
        functions) is converted, and every change is reported with its line; the exit code is 1 if something
        of it cannot be used, which is marked in the file.

        Needs no cluster. Prints the command that starts the chain.

        Examples:
          # Write .studioci/pipeline.yaml for this repository
          kubectl studioci init

          # Name the image, and begin with support, storage and credentials
          kubectl studioci init --image quay.io/team/ci:main --starter full

          # Convert an old pipeline, and see which lines of its script have to go
          kubectl studioci init --from ci_keel.yaml --script ci.sh

          # Only show what would be written
          kubectl studioci init --dry-run=client

        Usage: kubectl studioci init [OPTIONS]

        Options:
          -f, --filename <FILE>
                  Pipeline file to write

                  [default: .studioci/pipeline.yaml]

              --image <IMAGE>
                  CI image with the tag to start from (default: a guess by remote and branch)

              --starter <STARTER>
                  Pipeline to begin with (default: minimal)

                  Possible values:
                  - minimal: One Deployment
                  - full:    Support, storage, credentials, a Role for the build

              --from <FILE>
                  Old pipeline to convert, or `-` for stdin

              --script <FILE>
                  Script that the image of the old pipeline runs; it is read and not changed

              --force
                  Replace a file that is there

              --dry-run[=<none|client>]
                  If `client`, print what would be created without creating it

                  [default: none]

          -o, --output <FORMAT>
                  Output format: yaml (what is written)

          -h, --help
                  Print help (see a summary with '-h')

        "#);
}

#[test]
fn help_of_render() {
    insta::assert_snapshot!(help("render --help"), @r#"
        Render the pipeline and print its documents; needs no cluster

        Prints the documents as a chain's first build renders them. CHAIN and NAMESPACE stand in for names
        that are not known yet. Values from the environment are secret and masked, except those named by
        --env.

        With --check it prints what may be wrong instead, each with its name, line, reason and remedy, and
        the exit code is 1 if there is any error or warning; notes do not count. A comment `# check: allow
        NAME` on the line or above it lets a finding pass.

        Examples:
          # Render this repository's .studioci/pipeline.yaml
          kubectl studioci render

          # Render another template with values, and show what `start` would create
          kubectl studioci render -f ci.yaml --values values.yaml --set Tag=build-0001 --woven

          # Look for everything that may be wrong, and put right what has one right answer
          kubectl studioci render --check
          kubectl studioci render --check --fix

        Usage: kubectl studioci render [OPTIONS]

        Options:
              --woven
                  Show what `start` and a build would create: listener, build Job, and the rest

              --check
                  Print what may be wrong instead of the documents (exit code 1 if there is an error or a
                  warning)

              --fix
                  Put right in the template what has one right answer, and print the changed lines

              --dry-run[=<none|client>]
                  If `client`, print what --fix would change without changing it

                  [default: none]

          -o, --output <FORMAT>
                  Output format of --check: json

              --show-secrets
                  Show secret values instead of masking them

          -h, --help
                  Print help (see a summary with '-h')

        Pipeline options:
          -f, --filename <FILE>
                  Pipeline template, or `-` for stdin; recorded in plain text

                  `start` records it in plain text in ConfigMap record-NAME, readable by anyone who may read
                  namespace studioci.

                  [default: .studioci/pipeline.yaml]

              --values <FILE>
                  YAML file of values, or `-` for stdin (can be repeated, the last one wins); recorded in
                  plain text

                  Mappings merge, everything else replaces; null removes what an earlier file gives. A
                  number that would print differently (1.10, 007, 1e3) stays text as written.

                  `start` records the whole file in plain text in ConfigMap record-NAME, readable by anyone
                  who may read namespace studioci. Pass secrets through the environment instead.

              --set-json <KEY=JSON>
                  Set a value as JSON, or several with a JSON object (can be repeated); recorded in plain
                  text

                  For numbers, booleans and lists: --set-json Gpus=2, --set-json '{"Gpus": 2, "Debug":
                  false}'. KEY=JSON replaces what a values file has there, a JSON object is merged into it.
                  Values files are read first, then --set-json, --set and --set-file, as in helm.

                  `start` records it in plain text in ConfigMap record-NAME, readable by anyone who may read
                  namespace studioci. Pass secrets through the environment instead.

              --set <KEY=VALUE>
                  Set a value as text (can be repeated); recorded in plain text

                  Everything after the first `=` is the value, commas included.

                  `start` records it in plain text in ConfigMap record-NAME, readable by anyone who may read
                  namespace studioci. Pass secrets through the environment instead.

              --set-file <KEY=FILE>
                  Set a value to the text of a file, or `-` for stdin (can be repeated); recorded in plain
                  text

                  `start` records the file's content in plain text in ConfigMap record-NAME, readable by
                  anyone who may read namespace studioci. Pass secrets through the environment instead.

              --env <NAME>
                  Environment variable whose value is not secret and may appear anywhere (can be repeated);
                  recorded in plain text

                  `start` records its value in plain text in ConfigMap record-NAME, readable by anyone who
                  may read namespace studioci. Every other variable that the template reads goes into Secret
                  chain-NAME there.
        "#);
}

#[test]
fn help_of_claim() {
    insta::assert_snapshot!(help("claim --help"), @"
        Claim a new namespace and print its name

        The namespace is new, belongs to nobody else, and is ready to use when its name is printed. It is
        meant for scripts; delete it with `cleanup`.

        Examples:
          # Claim a namespace
          kubectl studioci claim

          # Claim a namespace in a script, and delete it again
          NS=$(kubectl studioci claim --prefix test -o name)
          kubectl studioci cleanup $NS

        Usage: kubectl studioci claim [OPTIONS]

        Options:
              --prefix <PREFIX>
                  Prefix of the generated namespace name

                  [default: ci]

              --dry-run[=<none|client>]
                  If `client`, print what would be created without creating it

                  [default: none]

          -o, --output <FORMAT>
                  Output format, one of: json, jsonpath, jsonpath-as-json, jsonpath-file, kyaml, name, yaml

              --timeout <DURATION>
                  How long to wait until the namespace is ready to use

                  [default: 1m]

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_start() {
    insta::assert_snapshot!(help("start --help"), @r#"
        Start a chain: claim a namespace and listen there for the next push

        Renders the pipeline, claims a namespace, creates the first listener in it and waits until it
        listens. If the chain exists and nothing has changed, nothing is done. If the pipeline, the values
        or --tag have changed, the chain moves on to a new listener; running builds finish. A stopped chain
        continues where it was.

        Namespace studioci keeps what later builds are rendered with: template, values and files in plain
        text in ConfigMap record-NAME, and the environment variables that the template reads in Secret
        chain-NAME.

        Examples:
          # Start a chain from .studioci/pipeline.yaml; the next push is built
          kubectl studioci start

          # Start a chain, and build the image that is there now
          kubectl studioci start -f ci.yaml --values values.yaml --now

          # Move a chain to another tag
          kubectl studioci start --tag build-0007

          # Have the chain dispose of builds a week after their end, but for the newest five of each verdict
          kubectl studioci start --older-than 7d --keep 5

          # Set commit statuses on GitHub, with the token in $GITHUB_TOKEN
          kubectl studioci start --github

          # Copy a pull Secret of this namespace, and one of another, into the namespace of each build
          kubectl studioci start --secret registry-login --secret deploy-key=ci/deploy-key

          # Show what would be created
          kubectl studioci start --dry-run=client

        Usage: kubectl studioci start [OPTIONS]

        Options:
              --chain <NAME>
                  Name of the chain (default: REPOSITORY-BRANCH)

              --tag <TAG>
                  Tag to listen from instead of the template's; an existing chain continues from it

              --now
                  Build the image that is there now, or a newer one that Keel finds first, instead of
                  waiting for the next one

              --dry-run[=<none|client>]
                  If `client`, print what would be created of a new chain, without asking the cluster

                  [default: none]

              --prefix <PREFIX>
                  Prefix of generated namespace names (default: the chain's name)

              --trusted-build
                  Allow builds to have rights with which they could act as the chain's agent

              --pod-security <LEVEL>
                  Pod Security level enforced in the chain's namespaces

                  Possible values:
                  - privileged: Unrestricted
                  - baseline:   Prevents known privilege escalations
                  - restricted: Follows current pod hardening best practices

              --secret <NAME[=[NAMESPACE/]NAME]>
                  Copy an existing Secret into the namespace of each build, before its listener (repeatable)

              --older-than <AGE>
                  Have the chain dispose of builds that ended longer ago than this, such as 12h or 7d

              --keep <COUNT>
                  Have the chain keep this many of its newest builds of each verdict, and dispose of the
                  rest

              --keep-failed <AGE>
                  Keep builds that did not pass for at least this long after their end

              --keep-log <SIZE>
                  How much of each build's log to keep after its end: a size up to 512Ki, 0 for none
                  (default: 256Ki)

          -o, --output <FORMAT>
                  Output format, one of: json, jsonpath, jsonpath-as-json, jsonpath-file, kyaml, name, yaml

              --timeout <DURATION>
                  How long to wait until the chain listens

                  [default: 5m]

          -h, --help
                  Print help (see a summary with '-h')

        Pipeline options:
          -f, --filename <FILE>
                  Pipeline template, or `-` for stdin; recorded in plain text

                  `start` records it in plain text in ConfigMap record-NAME, readable by anyone who may read
                  namespace studioci.

                  [default: .studioci/pipeline.yaml]

              --values <FILE>
                  YAML file of values, or `-` for stdin (can be repeated, the last one wins); recorded in
                  plain text

                  Mappings merge, everything else replaces; null removes what an earlier file gives. A
                  number that would print differently (1.10, 007, 1e3) stays text as written.

                  `start` records the whole file in plain text in ConfigMap record-NAME, readable by anyone
                  who may read namespace studioci. Pass secrets through the environment instead.

              --set-json <KEY=JSON>
                  Set a value as JSON, or several with a JSON object (can be repeated); recorded in plain
                  text

                  For numbers, booleans and lists: --set-json Gpus=2, --set-json '{"Gpus": 2, "Debug":
                  false}'. KEY=JSON replaces what a values file has there, a JSON object is merged into it.
                  Values files are read first, then --set-json, --set and --set-file, as in helm.

                  `start` records it in plain text in ConfigMap record-NAME, readable by anyone who may read
                  namespace studioci. Pass secrets through the environment instead.

              --set <KEY=VALUE>
                  Set a value as text (can be repeated); recorded in plain text

                  Everything after the first `=` is the value, commas included.

                  `start` records it in plain text in ConfigMap record-NAME, readable by anyone who may read
                  namespace studioci. Pass secrets through the environment instead.

              --set-file <KEY=FILE>
                  Set a value to the text of a file, or `-` for stdin (can be repeated); recorded in plain
                  text

                  `start` records the file's content in plain text in ConfigMap record-NAME, readable by
                  anyone who may read namespace studioci. Pass secrets through the environment instead.

              --env <NAME>
                  Environment variable whose value is not secret and may appear anywhere (can be repeated);
                  recorded in plain text

                  `start` records its value in plain text in ConfigMap record-NAME, readable by anyone who
                  may read namespace studioci. Every other variable that the template reads goes into Secret
                  chain-NAME there.

        Publishing options:
              --github[=<OWNER/REPO>]
                  Set commit statuses on GitHub, in this repository (default: that of the git remote)

              --github-token-env <NAME>
                  Environment variable that holds the token for GitHub; kept in Secret chain-NAME

                  [default: GITHUB_TOKEN]

              --github-url <URL>
                  API of a GitHub Enterprise, such as https://HOST/api/v3 (default: https://api.github.com)

              --github-ca <FILE>
                  PEM file of the certificate authorities that signed for it, or for the webhook

              --link <TEMPLATE>
                  Where a build is shown, with {namespace}, {chain}, {generation} and {revision}

              --webhook <URL>
                  Send each build as JSON to this address; kept in Secret chain-NAME

              --webhook-template <FILE>
                  Send what this Tera template makes of the build instead, for Slack, Teams or Mattermost

              --webhook-secret-env <NAME>
                  Environment variable that holds what signs it; kept in Secret chain-NAME
        "#);
    assert_eq!(help("help start"), help("start --help"));
}

#[test]
fn help_of_stop() {
    insta::assert_snapshot!(help("stop --help"), @"
        End a chain, so that no push starts another build

        Deletes the waiting listener. Running builds finish, and finished builds stay until `cleanup`
        deletes them. With --purge, all builds of the chain, its history and its record are deleted, too,
        once no build runs any more. Run `start` to continue a stopped chain.

        Examples:
          # Stop a chain; `start` continues it
          kubectl studioci stop runner-main

          # Stop a chain, and delete its builds, history and record once its running builds have finished
          kubectl studioci stop runner-main --purge --timeout 1h

        Usage: kubectl studioci stop [OPTIONS] <CHAIN>

        Arguments:
          <CHAIN>
                  Chain to end

        Options:
              --purge
                  Also delete its builds, history and record, once running builds have finished

              --timeout <DURATION>
                  How long to wait for running builds with --purge before giving up with exit code 4
                  (default: no limit)

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_setup() {
    insta::assert_snapshot!(help("setup --help"), @"
        Install what a cluster needs, once per cluster, or print it

        Installs namespace studioci, the roles, and the admission policies that confine builds. Requires the
        rights of a cluster administrator; no other verb does.

        Examples:
          # Install, with the agent image named by its digest
          kubectl studioci setup --agent-image $AGENT_IMAGE

          # Install again what was changed or deleted, with the same agent image
          kubectl studioci setup

          # Print the manifests and apply them with kubectl
          kubectl studioci setup --print --agent-image $AGENT_IMAGE | kubectl apply -f -

          # Let a group use all chains
          kubectl studioci setup --print --group devs | kubectl apply -f -

          # Print what lets a group use one chain, held to a Pod Security level
          kubectl studioci setup --print --group devs --chain runner-main --pod-security baseline

        Usage: kubectl studioci setup [OPTIONS]

        Options:
              --print
                  Print the manifests instead of installing them; needs no cluster

              --agent-image <IMAGE>
                  Image of the agent, by digest (default: the one installed, else that of this release)

              --added-label <KEY>
                  Label key that a webhook of this cluster adds to namespaces (can be repeated)

              --added-annotation <KEY>
                  Annotation key that a webhook of this cluster adds to namespaces (can be repeated)

              --https-proxy <URL>
                  Proxy by which agents reach GitHub and webhooks (`''` for none; default: the one in use)

              --no-proxy <LIST>
                  Hosts that agents reach without that proxy, separated by commas (`''` for none)

              --group <GROUP>
                  Group whose bindings to print instead of the manifests

              --chain <NAME>
                  The one chain that the group may use (default: all)

              --pod-security <LEVEL>
                  Lowest Pod Security level that the group may start the chain with (default: none)

                  Possible values:
                  - privileged: Unrestricted
                  - baseline:   Prevents known privilege escalations
                  - restricted: Follows current pod hardening best practices

          -o, --output <FORMAT>
                  Output format of the bindings, one of: json, yaml (default: yaml)

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_status() {
    insta::assert_snapshot!(help("status --help"), @r#"
        List builds, newest first

        Prints one row per build: what triggered it, how it ended, and why it stands still, if it does. If a
        chain or build is named, only that one is listed; without a name, in a checkout whose chain has
        builds, those of that chain, and else all.

        Examples:
          # List the builds of this checkout's chain, or else all
          kubectl studioci status

          # List the builds of all chains
          kubectl studioci status -A

          # List the builds of one chain, with image and revision
          kubectl studioci status runner-main -o wide

          # List chains: what each does, how its last build ended, and since when it is idle
          kubectl studioci status --chains

          # Show a chain with its builds below it, those that are gone included
          kubectl studioci status runner-main --tree

          # List the builds of two clusters in one table
          kubectl studioci status --contexts laptop,gpu

          # List failed builds, the longest last
          kubectl studioci status -l studioci.dev/verdict=Failed --sort-by=.status.durationSeconds

          # Print the tags that were built, for a script
          kubectl studioci status -o jsonpath='{.items[*].status.tag}'

        Usage: kubectl studioci status [OPTIONS] [CHAIN|BUILD]

        Arguments:
          [CHAIN|BUILD]
                  Chain or build to show (default: $STUDIOCI_CHAIN, this checkout's, else all)

        Options:
          -A, --all-chains
                  List the builds of all chains

              --chains
                  List chains, one row each, instead of their builds

              --tree
                  Draw chains with their builds below them, side builds as branches, gone ones as gaps

              --contexts <NAMES>
                  Kubeconfig contexts whose clusters are asked, all at once, for one table

          -o, --output <FORMAT>
                  Output format, one of: custom-columns, custom-columns-file, json, jsonpath,
                  jsonpath-as-json, jsonpath-file, kyaml, name, wide, yaml

              --no-headers
                  Don't print headers

          -l, --selector <SELECTOR>
                  Label selector of the builds' namespaces

          -L, --label-columns <KEYS>
                  Labels that get a column each

              --show-labels
                  Show all labels in the last column

              --sort-by <JSONPATH>
                  JSONPath of the field to sort by

          -w, --watch
                  After listing, watch for changes

              --watch-only
                  Watch for changes without listing first

              --output-watch-events
                  Print what happened to each build that is watched: ADDED, MODIFIED or DELETED

          -h, --help
                  Print help (see a summary with '-h')
        "#);
}

#[test]
fn help_of_watch() {
    insta::assert_snapshot!(help("watch --help"), @"
        Follow a build to its verdict, which is the exit code

        Prints one line per event. The exit code is 0 for Passed, and 1 for Failed, Errored and Cancelled.
        If a chain is named, its running build is followed, or else the next one. Ctrl-C stops watching, not
        the build.

        With --follow, verdicts are lines like any other, and the exit code is 0 once the chain has ended.

        With --revision, the verdict of the commit's newest build counts, and its push may be still to come.
        The exit code is also 1 if the chain has ended, or if Keel has passed the commit over: the newest
        build is of a later commit that contains it, as git knows in this checkout.

        Examples:
          # Follow the chain of this checkout, or else the only one
          kubectl studioci watch

          # Follow one build after the other, until the chain is stopped
          kubectl studioci watch runner-main --follow

          # Push, then wait for the verdict of what was pushed
          git push && kubectl studioci watch runner-main --revision HEAD --timeout 2h

        Usage: kubectl studioci watch [OPTIONS] [CHAIN|BUILD]

        Arguments:
          [CHAIN|BUILD]
                  Chain or build to follow (default: $STUDIOCI_CHAIN, this checkout's, the only one)

        Options:
              --timeout <DURATION>
                  How long to watch before giving up with exit code 4 (default: no limit)

              --follow
                  Go on with the next build after each verdict, until the chain is stopped

              --revision <COMMIT>
                  Wait for the verdict of this commit's build: HEAD, a branch, a tag, or a hash

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_report() {
    insta::assert_snapshot!(help("report --help"), @"
        Report on a build or on the history of a chain, also when their namespaces are gone

        Of a build: what was built, the verdict and its cause, each phase with its time, the exit codes of
        its containers and the events that decided; while its namespace is there, its support with its
        replicas, its pods and the latest events, too. Of a chain: its builds, newest first, how many passed
        and how long they took.

        Values of the chain's Secret are masked.

        Examples:
          # Report on the chain of this checkout
          kubectl studioci report

          # Report on one build of a chain
          kubectl studioci report ci-eager-hopper

          # Write a page for the browser, which is one file
          kubectl studioci report ci-eager-hopper -o html > build.html

          # Hand the history of a chain to a tool that reads JUnit's files
          kubectl studioci report runner-main -o junit > builds.xml

        Usage: kubectl studioci report [OPTIONS] [CHAIN|BUILD]

        Arguments:
          [CHAIN|BUILD]
                  Chain or build (default: $STUDIOCI_CHAIN, else this checkout's)

        Options:
          -o, --output <FORMAT>
                  Output format, one of: html, json, junit, markdown

                  [default: markdown]

              --publish
                  Tell the result of this build once more, where it did not arrive, before the report

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_trigger() {
    insta::assert_snapshot!(help("trigger --help"), @"
        Build a tag by hand, beside the chain

        Builds the newest tag that the chain has seen, or the one that is named, in a namespace of its own,
        by the chain's last good pipeline: what the image brings as its pipeline is not used. The chain does
        not notice: no listener follows, a push of the same tag is built all the same, and its commit status
        has a context of its own. The build takes a slot like any other, behind pushes that wait for one.

        Examples:
          # Build the newest tag once more
          kubectl studioci trigger runner-main

          # Build another tag, and exit with its verdict
          kubectl studioci trigger runner-main --tag build-0007 --wait --timeout 2h

        Usage: kubectl studioci trigger [OPTIONS] <CHAIN>

        Arguments:
          <CHAIN>
                  Chain whose pipeline builds it

        Options:
              --tag <TAG>
                  Tag to build (default: the newest that the chain has seen)

              --dry-run[=<none|client|server>]
                  If `client`, print what would be created; if `server`, have the server check it too;
                  nothing is created

                  [default: none]

          -o, --output <FORMAT>
                  Output format, one of: json, jsonpath, jsonpath-as-json, jsonpath-file, kyaml, name, yaml

              --wait[=<true|false>]
                  Wait for the verdict, which is the exit code then

                  [default: false]
                  [possible values: true, false]

              --timeout <DURATION>
                  How long to wait before giving up with exit code 4 (default: no limit); implies --wait

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_retry() {
    insta::assert_snapshot!(help("retry --help"), @"
        Build once more what a build has built

        Runs the same image, by its digest, with the same pipeline text, in a namespace of its own, beside
        the chain. Values and environment are the chain's of now. The chain does not notice: no listener
        follows, and the commit status has a context of its own. A build whose namespace is gone is retried
        if its pipeline is still the chain's.

        Examples:
          # Try a build again
          kubectl studioci retry ci-eager-hopper

          # Try it again, and exit with the verdict
          kubectl studioci retry ci-eager-hopper --wait

        Usage: kubectl studioci retry [OPTIONS] <BUILD>

        Arguments:
          <BUILD>
                  Build to try again

        Options:
              --dry-run[=<none|client|server>]
                  If `client`, print what would be created; if `server`, have the server check it too;
                  nothing is created

                  [default: none]

          -o, --output <FORMAT>
                  Output format, one of: json, jsonpath, jsonpath-as-json, jsonpath-file, kyaml, name, yaml

              --wait[=<true|false>]
                  Wait for the verdict, which is the exit code then

                  [default: false]
                  [possible values: true, false]

              --timeout <DURATION>
                  How long to wait before giving up with exit code 4 (default: no limit); implies --wait

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_cancel() {
    insta::assert_snapshot!(help("cancel --help"), @"
        Cancel a build that is queued or runs

        The build's agent deletes its Job, keeps its log, records the verdict Cancelled, scales its support
        to 0 and gives its slot to the next build. The chain goes on: the next listener is not touched. If a
        chain is named, its one running build is cancelled. Without --wait the verb only asks for it.

        Examples:
          # Cancel a build
          kubectl studioci cancel ci-eager-hopper

          # Cancel the running build of a chain, and wait until it is Cancelled
          kubectl studioci cancel runner-main --wait --timeout 5m

        Usage: kubectl studioci cancel [OPTIONS] <BUILD|CHAIN>

        Arguments:
          <BUILD|CHAIN>
                  Build, or chain whose running build, to cancel

        Options:
              --dry-run[=<none|client|server>]
                  If `client`, print what would be cancelled; if `server`, have the server check it too;
                  nothing is changed

                  [default: none]

          -o, --output <FORMAT>
                  Output format: name

              --wait[=<true|false>]
                  Wait until the verdict is recorded

                  [default: false]
                  [possible values: true, false]

              --timeout <DURATION>
                  How long to wait before giving up with exit code 4 (default: no limit); implies --wait

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_scale() {
    insta::assert_snapshot!(help("scale --help"), @"
        Scale a build's support up to look at its data, or back down

        Support is every Deployment, StatefulSet, ReplicaSet and ReplicationController of the pipeline other
        than the build workload. When a build has finished, its support is scaled to 0 and its replica
        counts are remembered. If a chain is named, its newest finished build is scaled. Support is not
        scaled down while its build is prepared or runs.

        Examples:
          # Look at what a build left in its database, then scale down again
          kubectl studioci scale up ci-witty-kepler --wait
          kubectl studioci scale down ci-witty-kepler

          # Scale up the support of a chain's newest finished build
          kubectl studioci scale up runner-main

        Usage: kubectl studioci scale [OPTIONS] <up|down> <BUILD|CHAIN>

        Arguments:
          <up|down>
                  `up` restores the remembered replica counts, `down` scales to 0

          <BUILD|CHAIN>
                  Build or chain to scale

        Options:
              --dry-run[=<none|client|server>]
                  If `client`, print what would be scaled; if `server`, have the server check it too;
                  nothing is changed

                  [default: none]

          -o, --output <FORMAT>
                  Output format, one of: json, jsonpath, jsonpath-as-json, jsonpath-file, kyaml, name, yaml

              --wait[=<true|false>]
                  Wait until support is ready, or gone

                  [default: false]
                  [possible values: true, false]

              --timeout <DURATION>
                  How long to wait before giving up with exit code 4 (default: 5m); implies --wait

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_doctor() {
    insta::assert_snapshot!(help("doctor --help"), @"
        Check what builds depend on, and say what to do

        Looks at the cluster, at what setup installed, at Keel and at the chains. What you may not read is
        shown as unknown. The exit code is 1 if a check has failed; warnings and what is unknown do not
        count. docs/doctor.md explains each check.

        Changes nothing unless --repair is given: then it does what the chains' agents would do if they
        could, and checks after that. It touches only what the chains provably own.

        Examples:
          # Check everything
          kubectl studioci doctor

          # Show only what is not well with one chain
          kubectl studioci doctor runner-main -o short

          # Show what would be repaired of a chain, then repair it
          kubectl studioci doctor runner-main --repair --dry-run=client
          kubectl studioci doctor runner-main --repair

          # Write what a bug report needs, without secrets
          kubectl studioci doctor --bundle studioci.tar.gz

          # Wait until nothing fails any more, in a script
          kubectl studioci doctor --wait=2m -o json

        Usage: kubectl studioci doctor [OPTIONS] [CHAIN]

        Arguments:
          [CHAIN]
                  Chain to check (default: all)

        Options:
          -o, --output <FORMAT>
                  Output format, one of: json, short, table

                  [default: table]

              --repair
                  Do what the chains' agents would do if they could, before checking

              --dry-run[=<none|client>]
                  If `client`, print what --repair would do without doing it

                  [default: none]

              --bundle <FILE>
                  Write what a bug report needs into this file (.tar.gz), or to stdout if it is `-`

              --force
                  Replace a bundle that is there

              --wait[=<DURATION>]
                  Check again until nothing fails, for 5m or as long as given

          -h, --help
                  Print help (see a summary with '-h')
        ");
    let error = usage("doctor -o wide");
    assert!(error.contains("allowed formats are: json,short,table"), "{error}");
    for (line, says) in [
        ("doctor --dry-run", "--repair"),
        ("doctor --force", "--bundle"),
        ("doctor --repair --bundle b.tar.gz", "cannot be used with"),
        ("doctor --bundle - -o json", "cannot be used with"),
        ("doctor -o short --bundle b.tar.gz", "cannot be used with"),
        ("doctor -o table --bundle=b.tar.gz", "cannot be used with"),
        ("doctor --repair --dry-run=server", "Invalid dry-run value (server)"),
    ] {
        let error = usage(line);
        assert!(error.contains(says), "{line}: {error}");
    }
}

#[test]
fn help_of_cleanup() {
    insta::assert_snapshot!(help("cleanup --help"), @r#"
        Delete finished builds and claims, by name or by rule

        Deletes the namespaces of builds that have finished and whose result is recorded, and those of
        claims. Says of every other one why it stays. A chain's newest build, running builds and those
        annotated studioci.dev/hold are never deleted. With several rules, only what all of them name is
        deleted.

        Examples:
          # Show what would be deleted, and why the rest stays
          kubectl studioci cleanup --older-than 7d --keep 5 --dry-run

          # Keep the five newest builds of each chain and verdict
          kubectl studioci cleanup --keep 5

          # Delete one build, and wait until it is gone
          kubectl studioci cleanup ci-eager-hopper --wait --timeout 2m

          # Delete what a script has claimed
          kubectl studioci cleanup $NS

        Usage: kubectl studioci cleanup [OPTIONS] [NAMESPACE]...

        Arguments:
          [NAMESPACE]...
                  Namespaces to delete

        Options:
              --older-than <AGE>
                  Delete builds that finished, and claims that were made, longer ago than this (12h, 7d)

              --keep <COUNT>
                  Number of finished builds to keep of each chain and verdict, the newest first

              --keep-failed <AGE>
                  Keep builds that did not pass for at least this long after their end

              --chain <NAME>
                  Chain whose builds to delete (default: all)

              --dry-run[=<none|client|server>]
                  If `client`, print what would be deleted; if `server`, have the server check it too;
                  nothing is deleted

                  [default: none]

          -o, --output <FORMAT>
                  Output format: name

              --ignore-not-found
                  Treat "namespace not found" as success

              --wait[=<true|false>]
                  Wait until the namespaces are gone, and say what holds them up

                  [default: false]
                  [possible values: true, false]

              --timeout <DURATION>
                  How long to wait before giving up with exit code 4 (default: no limit); implies --wait

          -h, --help
                  Print help (see a summary with '-h')
        "#);
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
                  Accepted as by kubectl, and not needed: there is no server version

          -o, --output <FORMAT>
                  Output format, one of: json, yaml

          -h, --help
                  Print help (see a summary with '-h')
        ");
}

#[test]
fn help_of_agent() {
    insta::assert_snapshot!(help("agent --help"), @"
        Run inside a listener's pod

        Usage: kubectl studioci agent [OPTIONS] <COMMAND>

        Commands:
          install  Copy this program to a path, mode 0555
          tell     Tell the agent what this image says about itself, then sleep
          run      Listen, hand the chain on, and build
          probe    Exit at once: all that matters is that the image could be pulled and run
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
        List builds, newest first

        Examples:
          # List the builds of this checkout's chain, or else all
          kubectl studioci status

          # List the builds of all chains
          kubectl studioci status -A

          # List the builds of one chain, with image and revision
          kubectl studioci status runner-main -o wide

          # List chains: what each does, how its last build ended, and since when it is idle
          kubectl studioci status --chains

          # Show a chain with its builds below it, those that are gone included
          kubectl studioci status runner-main --tree

          # List the builds of two clusters in one table
          kubectl studioci status --contexts laptop,gpu

          # List failed builds, the longest last
          kubectl studioci status -l studioci.dev/verdict=Failed --sort-by=.status.durationSeconds

          # Print the tags that were built, for a script
          kubectl studioci status -o jsonpath='{.items[*].status.tag}'

        Usage: kubectl studioci status [OPTIONS] [CHAIN|BUILD]

        Arguments:
          [CHAIN|BUILD]  Chain or build to show (default: $STUDIOCI_CHAIN, this checkout's, else all)

        Options:
          -A, --all-chains            List the builds of all chains
              --chains                List chains, one row each, instead of their builds
              --tree                  Draw chains with their builds below them, side builds as branches,
                                      gone ones as gaps
              --contexts <NAMES>      Kubeconfig contexts whose clusters are asked, all at once, for one
                                      table
          -o, --output <FORMAT>       Output format, one of: custom-columns, custom-columns-file, json,
                                      jsonpath, jsonpath-as-json, jsonpath-file, kyaml, name, wide, yaml
              --no-headers            Don't print headers
          -l, --selector <SELECTOR>   Label selector of the builds' namespaces
          -L, --label-columns <KEYS>  Labels that get a column each
              --show-labels           Show all labels in the last column
              --sort-by <JSONPATH>    JSONPath of the field to sort by
          -w, --watch                 After listing, watch for changes
              --watch-only            Watch for changes without listing first
              --output-watch-events   Print what happened to each build that is watched: ADDED, MODIFIED or
                                      DELETED
          -h, --help                  Print help (see more with '--help')
        "#);
}

#[test]
fn connection_options_are_kubectls() {
    let long = trimmed(&run("status --help").out);
    let (_, options) = long.split_once("Connection options").unwrap();
    insta::assert_snapshot!(options, @"
        (the same as kubectl's):
         -n, --namespace <NAME>
                 Accepted as by kubectl, and not used: every build has a namespace of its own

             --context <NAME>
                 Kubeconfig context to use

             --kubeconfig <FILE>
                 Kubeconfig file to use instead of $KUBECONFIG and ~/.kube/config

             --kuberc <FILE>
                 File of kubectl's preferences to use instead of $KUBERC and ~/.kube/kuberc, for its
                 credential plugin policy

             --cluster <NAME>
                 Kubeconfig cluster to use instead of the context's

             --user <NAME>
                 Kubeconfig user to use instead of the context's

         -s, --server <URL>
                 Address of the API server

             --tls-server-name <NAME>
                 Name to check the server's certificate against

             --insecure-skip-tls-verify[=<BOOL>]
                 Don't check the server's certificate; not allowed together with a certificate authority

                 [possible values: true, false]

             --certificate-authority <FILE>
                 Path to a certificate authority file

             --client-certificate <FILE>
                 Path to a client certificate file

             --client-key <FILE>
                 Path to a client key file

             --token <TOKEN>
                 Bearer token; sent over https only

             --as <USER>
                 User to impersonate

             --as-group <GROUP>
                 Group to impersonate (can be repeated)

             --as-uid <UID>
                 UID to impersonate

             --as-user-extra <KEY=VALUE>
                 Extra field of the user to impersonate, KEY=VALUE (can be repeated)

             --request-timeout <DURATION>
                 How long to wait for one response from the server, retries included (30s, 2m); 0 means the
                 default limits

             --disable-compression[=<BOOL>]
                 Ask the server for uncompressed responses

                 [possible values: true, false]
        ");
    for verb in [
        "render", "claim", "start", "stop", "setup", "status", "watch", "trigger", "retry", "cancel",
        "scale", "cleanup", "version", "agent",
    ] {
        assert!(trimmed(&run(&format!("{verb} --help")).out).ends_with(options), "{verb}");
    }
}

#[test]
fn every_help_reads_as_a_plugins() {
    for verb in [
        "", "render ", "claim ", "start ", "stop ", "setup ", "status ", "watch ", "trigger ", "retry ",
        "cancel ", "scale ", "cleanup ", "version ", "agent ",
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
fn an_unknown_verb_is_named_with_the_command_before_it_whatever_comes_after() {
    for (line, said) in [
        ("get status", r#"unknown command "get" for "kubectl studioci""#),
        ("--namespace start foo", r#"unknown command "foo" for "kubectl studioci""#),
        ("--namespace=start foo status", r#"unknown command "foo" for "kubectl studioci""#),
        ("-n start foo", r#"unknown command "foo" for "kubectl studioci""#),
        ("-nstart foo", r#"unknown command "foo" for "kubectl studioci""#),
        ("--insecure-skip-tls-verify foo start", r#"unknown command "foo" for "kubectl studioci""#),
        ("--context status agent rum run", r#"unknown command "rum" for "kubectl studioci agent""#),
        ("agent -n run rum", r#"unknown command "rum" for "kubectl studioci agent""#),
        ("--foo status", "unknown flag: --foo"),
    ] {
        let told = usage(line);
        assert!(told.starts_with(&format!("error: {said}\n")), "{line}: {told}");
        let of = said.split('"').nth(3).unwrap_or("kubectl studioci");
        assert!(told.contains(&format!("See '{of} --help' for usage.")), "{line}: {told}");
    }
    for (line, of) in [
        ("--context start status --foo", "kubectl studioci status"),
        ("status start --foo", "kubectl studioci status"),
        ("-n x watch a b", "kubectl studioci watch"),
    ] {
        assert!(usage(line).contains(&format!("See '{of} --help' for usage.")), "{line}");
    }
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
        error: unable to match a printer suitable for the output format "xml", allowed formats are: custom-columns,custom-columns-file,json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,wide,yaml
        See 'kubectl studioci status --help' for usage.
        "#);
    insta::assert_snapshot!(usage("version -o name"), @r#"
        error: unable to match a printer suitable for the output format "name", allowed formats are: json,yaml
        See 'kubectl studioci version --help' for usage.
        "#);
    insta::assert_snapshot!(usage("claim -o wide"), @r#"
        error: unable to match a printer suitable for the output format "wide", allowed formats are: json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,yaml
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
        error: invalid argument "soon" for --timeout: expected a whole number of seconds, or numbers with units (30s, 5m, 1h30m, 1d)
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
    insta::assert_snapshot!(usage("render --set a.=1"), @r#"
        error: invalid argument "a.=1" for --set: `a.` is no name of a value: a part of it is empty: its dots stand for nested values, and \. for a dot within a name
        See 'kubectl studioci render --help' for usage.
        "#);
    insta::assert_snapshot!(usage("start --set-json a=x"), @r#"
        error: invalid argument "a=x" for --set-json: this is not JSON: expected value; text goes into quotes ("text"), or is given with --set
        See 'kubectl studioci start --help' for usage.
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
