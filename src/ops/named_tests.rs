//! Whom a name means where a chain is called like the namespace of another chain's build, by each verb and each kind.

use std::ops::ControlFlow;

use serde_json::{Value, json};
use testkit::{BodyEnd, Reply};

use super::find::find;
use super::report::report;
use super::status::{WantedBuilds, chains, status};
use super::watch::{Until, WatchEnd, Watched, watch};
use super::{cancel, scale};
use crate::chain::build::Build;
use crate::chain::head::Head;
use crate::chain::named::{MeantName, NamedKind};
use crate::chain::reported::ReportOf;
use crate::chain::wire;
use crate::cluster::Cluster;
use crate::state::error::{Error, Result};

/// A Namespace of that chain, whose build has passed.
fn namespace(name: &str, chain: &str) -> Value {
    let mut it = building(name, chain);
    it["metadata"]["labels"][wire::PHASE] = json!("Finished");
    it["metadata"]["annotations"][wire::VERDICT] = json!("Passed");
    it["metadata"]["annotations"][wire::CAUSE] = json!("container build exited with code 0");
    it
}

/// The same while it builds.
fn building(name: &str, chain: &str) -> Value {
    json!({ "metadata": {
        "name": name, "uid": format!("uid-{name}"), "resourceVersion": "1",
        "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: chain, wire::PHASE: "Building" },
        "annotations": { wire::CHAIN_UUID: "0c8b2d4e-0000-4000-8000-000000000001", wire::OWNER: "o", wire::GENERATION: "1" },
    } })
}

/// Chain `app` has the build `web`, and chain `web` has the build `web-a`; `plain` is a namespace of somebody's.
fn cluster() -> Cluster {
    of([namespace("web", "app"), namespace("web-a", "web")])
}

fn of(all: [Value; 2]) -> Cluster {
    let (cluster, _) = Cluster::scripted(move |request| {
        if request.query.contains("watch=true") {
            return Reply::events(&[], BodyEnd::Silence);
        }
        let heads = Head::objects_of(&all);
        let gone = || Reply::Status(404, "NotFound", "not found");
        let named = |items: &[Value], name: &str| {
            let found = items.iter().find(|it| it["metadata"]["name"] == name);
            found.map_or_else(gone, |it| Reply::Json(200, it.clone()))
        };
        let list = |items: &[Value]| {
            let items: Vec<_> = items.iter().filter(|it| request.selects(it)).collect();
            Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
        };
        let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        match &parts[..] {
            ["api", "v1", "namespaces"] => list(&all),
            ["api", "v1", "namespaces", "plain"] => {
                Reply::Json(200, json!({ "metadata": { "name": "plain" } }))
            }
            ["api", "v1", "namespaces", name] => named(&all, name),
            ["api", "v1", "namespaces", "studioci", "configmaps"] => list(&heads),
            ["api", "v1", "namespaces", "studioci", "configmaps", name] => named(&heads, name),
            ["api", "v1", "namespaces", _, _, _] => gone(),
            _ => list(&[]),
        }
    });
    cluster
}

const CHAIN: Option<NamedKind> = Some(NamedKind::Chain);
const BUILD: Option<NamedKind> = Some(NamedKind::Build);

/// What each name means, by its kind: a namespace; or why nothing, and how to name what is there.
const MEANT: [(&str, Option<NamedKind>, std::result::Result<&str, &str>); 11] = [
    ("web", None, Ok("web")),
    ("web", BUILD, Ok("web")),
    ("web", CHAIN, Ok("web-a")),
    ("app", None, Ok("web")),
    ("app", CHAIN, Ok("web")),
    ("app", BUILD, Err("no build called \"app\"")),
    ("web-a", None, Ok("web-a")),
    ("web-a", BUILD, Ok("web-a")),
    ("web-a", CHAIN, Err("no chain called \"web-a\"")),
    ("nobody", CHAIN, Err("no chain called \"nobody\"")),
    ("nobody", BUILD, Err("no build called \"nobody\"")),
];

fn assert_meant(
    verb: &str,
    named: MeantName<'_>,
    wanted: std::result::Result<&str, &str>,
    got: Result<String>,
) {
    match (got, wanted) {
        (Ok(got), wanted) => assert_eq!(Ok(got.as_str()), wanted, "{verb} {named:?}"),
        (Err(error), Ok(_)) => panic!("{verb} {named:?}: {error}"),
        (Err(error), Err(why)) => {
            assert!(matches!(error, Error::NoSuchName { .. }), "{verb} {named:?}: {error:?}");
            assert!(error.to_string().ends_with(why), "{verb} {named:?}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_changed_is_of_the_kind_that_was_named() {
    for (name, kind, wanted) in MEANT {
        let named = MeantName { name, kind };
        let found = find(&cluster(), named, |builds: &[Build]| Ok(scale::meant(builds))).await;
        assert_meant("scale", named, wanted, found.map(|build| build.namespace));
    }
    for (kind, of_nobody) in [(BUILD, false), (None, false), (CHAIN, true)] {
        let error =
            find(&cluster(), MeantName { name: "plain", kind }, |builds| Ok(scale::meant(builds))).await;
        let error = error.unwrap_err();
        assert_eq!(matches!(error, Error::NoSuchName { .. }), of_nobody, "{kind:?}: {error}");
        assert_eq!(matches!(error, Error::NotABuildNamespace { .. }), !of_nobody, "{kind:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_is_of_the_kind_that_was_named() {
    for (name, kind, wanted) in MEANT {
        let named = MeantName { name, kind };
        let cluster = of([building("web", "app"), building("web-a", "web")]);
        let found = find(&cluster, named, cancel::meant).await;
        assert_meant("cancel", named, wanted, found.map(|build| build.namespace));
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_the_name_and_is_of_the_other_kind_is_said_and_how_to_name_it() {
    for (name, kind, remedy) in [
        ("app", BUILD, "that is a chain; name it as chain/app"),
        ("web-a", CHAIN, "that is a build; name it as namespace/web-a"),
    ] {
        let error =
            find(&cluster(), MeantName { name, kind }, |builds| Ok(scale::meant(builds))).await.unwrap_err();
        assert_eq!(error.said().1, remedy, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_listed_is_of_the_kind_that_was_named() {
    for (name, kind, wanted) in MEANT {
        let named = MeantName { name, kind };
        let wants = WantedBuilds { name: Some(name), kind, ..WantedBuilds::default() };
        let seen = status(&cluster(), wants).await.unwrap();
        let listed: Vec<&str> =
            seen.builds.iter().filter(|it| named.takes(it)).map(|it| it.namespace.as_str()).collect();
        let listed = match listed[..] {
            [] => Err(seen.absent(named)),
            // a bare name lists what has it, be it a build or a chain
            [first, ..] => Ok(first.to_owned()),
        };
        assert_meant("status", named, wanted, listed);
    }
    let of = |kind| WantedBuilds { name: Some("web"), kind, ..WantedBuilds::default() };
    assert_eq!(chains(&cluster(), of(CHAIN)).await.unwrap().chains[0].name, "web");
    assert!(matches!(chains(&cluster(), of(BUILD)).await, Err(Error::NoSuchChain { .. })));
}

#[tokio::test(start_paused = true)]
async fn what_is_watched_is_of_the_kind_that_was_named() {
    for (name, kind, wanted) in MEANT {
        let named = MeantName { name, kind };
        let watched = Watched { name: Some(named), here: None, until: Until::Verdict };
        let mut of = String::new();
        let mut tell = |change: &super::watch::Change| {
            of.clone_from(&change.after.namespace);
            ControlFlow::Continue(())
        };
        let end = Box::pin(watch(&cluster(), watched, None, &mut tell, &mut |_| ())).await;
        let end = end.map(|end| assert!(matches!(end, WatchEnd::Verdict(_)), "{end:?}"));
        assert_meant("watch", named, wanted, end.map(|()| of));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_reported_is_of_the_kind_that_was_named() {
    for (name, kind, wanted) in MEANT {
        let named = MeantName { name, kind };
        let told = Box::pin(report(&cluster(), named)).await.map(|told| match told.of {
            ReportOf::Build(it) => {
                assert!(named.may_be_build(), "{named:?}");
                it.build.namespace
            }
            ReportOf::Chain(chain) => {
                assert!(named.may_be_chain(), "{named:?}");
                chain.builds[0].build.namespace.clone()
            }
        });
        assert_meant("report", named, wanted, told);
    }
}
