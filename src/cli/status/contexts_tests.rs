//! What `status --contexts` says of clusters that answer, that are dead and that hang.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Reply;
use tokio::time::Instant;

use super::*;
use crate::chain::head::Head;
use crate::chain::wire;
use crate::cli::settings::ProcessSettings;
use crate::cli::{Parsed, Verb};
use crate::cluster::{self, Cluster};
use crate::output::console::StreamStyle;

const BOUND: Duration = Duration::from_secs(15);

/// A cluster with these builds, each of a chain.
fn alive(builds: &'static [(&'static str, &'static str)]) -> Cluster {
    Cluster::scripted(move |request| {
        let namespace = |(name, chain): &(&str, &str)| {
            json!({ "metadata": {
                "name": name, "uid": format!("uid-{name}"), "resourceVersion": "1",
                "creationTimestamp": "2026-11-25T11:00:00Z",
                "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: chain, wire::PHASE: "Listening" },
                "annotations": { wire::CHAIN_UUID: "c", wire::OWNER: "o", wire::GENERATION: "1" },
            } })
        };
        if let Some((_, name)) = request.path.split_once("/configmaps/") {
            let builds: Vec<Value> = builds.iter().map(namespace).collect();
            let found = Head::objects_of(&builds).into_iter().find(|head| head["metadata"]["name"] == name);
            return found.map_or(Reply::Status(404, "NotFound", "not found"), |head| Reply::Json(200, head));
        }
        match request.path.rsplit('/').next().unwrap() {
            "namespaces" => {
                let items: Vec<Value> = builds.iter().map(namespace).filter(|it| request.selects(it)).collect();
                Reply::Json(200, json!({ "metadata": {}, "items": items }))
            }
            "configmaps" => {
                let builds: Vec<Value> = builds.iter().map(namespace).collect();
                let heads = Head::objects_of(&builds);
                let heads: Vec<&Value> = heads.iter().filter(|it| request.selects(it)).collect();
                Reply::Json(200, json!({ "metadata": {}, "items": heads }))
            }
            "pods" | "deployments" => Reply::Json(200, json!({ "metadata": {}, "items": [] })),
            _ => Reply::Json(200, json!({ "metadata": { "name": "x" } })),
        }
    })
    .0
}

fn dead() -> Cluster {
    Cluster::scripted(|_| Reply::Refused).0
}

fn hanging() -> Cluster {
    Cluster::scripted(|_| Reply::Silence).0
}

/// Stdout, stderr and how it ended, of `status` with these words.
async fn said(
    line: &str,
    clusters: Vec<(&str, Result<Cluster, cluster::Error>)>,
) -> (String, String, Result<ExitKind, Failure>) {
    let (mut console, captured) = Console::captured(StreamStyle::default(), StreamStyle::default());
    let words = ["x", "status"].into_iter().chain(line.split_whitespace()).map(std::ffi::OsString::from);
    let args = match crate::cli::parse(words, &ProcessSettings::default()) {
        Ok(Parsed::Verb(cli)) => match cli.verb {
            Verb::Status(args) => args,
            verb => panic!("{verb:?}"),
        },
        other => panic!("{other:?}"),
    };
    let listing = args.listing().unwrap();
    let ended = over(&args, &listing, (clusters, BOUND), &mut console).await;
    (captured.out(), captured.err(), ended)
}

#[tokio::test(start_paused = true)]
async fn a_label_selector_that_the_server_does_not_read_is_a_mistake_on_the_command_line() {
    let malformed = || {
        Cluster::scripted(|request| match request.path.rsplit('/').next().unwrap() {
            "namespaces" => Reply::Status(
                400,
                "BadRequest",
                "unable to parse requirement: found '=', expected: identifier",
            ),
            _ => Reply::Json(200, json!({ "metadata": {}, "items": [] })),
        })
        .0
    };
    for line in ["-l a=b=c", "-l ==", "--tree -l ,"] {
        let (out, err, ended) = said(line, vec![("far", Ok(malformed()))]).await;
        assert_eq!(ended.unwrap_err().kind, ExitKind::Usage, "{line}");
        assert_eq!(out, "");
        let selector = line.rsplit(' ').next().unwrap();
        assert_eq!(
            err,
            format!(
                "error: context far: the API server rejects the label selector \"{selector}\": unable to parse \
                 requirement: found '=', expected: identifier\n"
            )
        );
    }
    let (_, _, ended) = said("", vec![("far", Ok(malformed()))]).await;
    assert_eq!(ended.unwrap_err().kind, ExitKind::Cluster, "without a selector nobody has mistyped one");
}

fn two() -> Vec<(&'static str, Result<Cluster, cluster::Error>)> {
    vec![("laptop", Ok(alive(&[("ci-a", "app")]))), ("gpu", Ok(alive(&[("ci-b", "app"), ("ci-c", "other")])))]
}

#[tokio::test(start_paused = true)]
async fn builds_of_several_clusters_are_one_table_with_the_context_first() {
    let (out, err, ended) = said("", two()).await;
    let columns = |line: &str| line.split_whitespace().take(4).collect::<Vec<_>>().join(" ");
    assert_eq!(
        out.lines().map(columns).collect::<Vec<_>>(),
        ["CONTEXT NAME CHAIN GEN", "laptop ci-a app 1", "gpu ci-b app 1", "gpu ci-c other 1"]
    );
    assert_eq!((err.as_str(), ended), ("", Ok(ExitKind::Done)));
    let (out, ..) = said("app -o name", two()).await;
    assert_eq!(out, "namespace/ci-a\nnamespace/ci-b\n");
    let (out, ..) = said("--sort-by=.spec.chain --no-headers", two()).await;
    let names: Vec<_> = out.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(names, ["ci-a", "ci-b", "ci-c"]);
    let (out, ..) =
        said("--sort-by=.metadata.name --no-headers app", vec![two().remove(1), two().remove(0)]).await;
    assert!(out.starts_with("laptop"), "ordered over all of them: {out}");
    let (out, ..) =
        said("-o jsonpath={range.items[*]}{.status.context}={.metadata.name}{\";\"}{end}", two()).await;
    assert_eq!(out, "laptop=ci-a;gpu=ci-b;gpu=ci-c;");
    let (out, ..) = said("--chains", two()).await;
    let rows: Vec<_> = out.lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>()).collect();
    assert_eq!(rows[1..], [["laptop", "app", "ci-a"], ["gpu", "app", "ci-b"], ["gpu", "other", "ci-c"]]);
    let (out, ..) = said("--tree", two()).await;
    let rows: Vec<_> = out.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>()).collect();
    assert_eq!(rows[1..3], [["laptop", "chain/app"], ["laptop", "└─ci-a"]]);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_dead_or_hangs_is_one_line_and_no_failure_of_the_rest() {
    for line in ["", "--chains", "--tree"] {
        let clusters = vec![
            ("dead", Ok(dead())),
            ("laptop", Ok(alive(&[("ci-a", "app")]))),
            ("hangs", Ok(hanging())),
            ("broken", Err(cluster::ConfigFault::NoServer {}.into())),
        ];
        let begun = Instant::now();
        let (out, err, ended) = said(line, clusters).await;
        assert_eq!(begun.elapsed(), BOUND, "nobody is waited for any longer");
        assert!(out.lines().count() >= 2 && out.contains("laptop"), "{out}");
        let lines: Vec<&str> = err.lines().collect();
        assert_eq!(lines.len(), 3, "{err}");
        for (line, begin) in
            lines.iter().zip(["dead: ", "hangs: ", "broken: kubeconfig: the cluster has no server"])
        {
            assert!(line.starts_with(&format!("error: context {begin}")), "{line}");
        }
        assert_eq!(ended, Ok(ExitKind::Done));
    }
    let (out, ..) = said("-o json", vec![("a", Ok(alive(&[]))), ("dead", Ok(dead()))]).await;
    let list: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&list["items"], &list["unanswered"]), (&json!([]), &json!(["dead"])));
}

#[tokio::test(start_paused = true)]
async fn where_no_cluster_answers_the_verb_has_failed() {
    for (clusters, kind) in [
        (vec![("a", Ok(dead())), ("b", Ok(hanging()))], ExitKind::Cluster),
        (vec![("b", Ok(hanging()))], ExitKind::Timeout),
    ] {
        let count = clusters.len();
        let (out, err, ended) = said("", clusters).await;
        let failure = ended.unwrap_err();
        assert_eq!((out.as_str(), err.lines().count(), failure.kind), ("", count, kind), "{err}");
        assert!(failure.what.starts_with("none of these contexts has answered: "), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_counts_as_absent_only_where_no_cluster_has_it() {
    for flag in ["", " --chains", " --tree"] {
        let (out, err, ended) = said(&format!("other{flag}"), two()).await;
        assert!(out.contains("gpu") && !out.contains("laptop"), "{flag}: {out}");
        assert_eq!((err.as_str(), ended), ("", Ok(ExitKind::Done)), "{flag}");
        let (out, _, ended) = said(&format!("nobody{flag}"), two()).await;
        assert_eq!((out.as_str(), ended.unwrap_err().kind), ("", ExitKind::No), "{flag}");
    }
    let (out, err, ended) = said("-l team=x", vec![("a", Ok(alive(&[])))]).await;
    assert_eq!((out.as_str(), err.as_str(), ended), ("", "No resources found\n", Ok(ExitKind::Done)));
}
