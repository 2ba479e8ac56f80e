//! What a person does to a chain that is there, `start`, `stop` and `cleanup`, against a server in memory: where they end
//! up, also if they are killed after any of their writes and run again, or while an agent works at the same place.

mod bundles;
mod cleans_up;
mod repairs;
mod reports;
mod starts_again;
mod stops;

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use studioci::chain::retention::Rules;
use studioci::chain::wire;
use studioci::ops::cleanup::{Which, cleanup};
use studioci::ops::start::{StartOutcome, StartRequest, start};
use studioci::ops::stop::{Left, StopRequest, stop};
use studioci::pipeline::facts::Fact;
use studioci::state::DryRun;
use studioci::state::error::{Error, Result};
use studioci::state::forget;
use studioci::state::narration::Narration;
use testkit::World;

use super::agent::{CHAIN, asleep, clock, glob, keyed, match_tag, pushed, request, run_until, started};
use super::{ChainWorld, Stage, digest, with_remedy};

const HOME: &str = "/api/v1/namespaces/studioci/configmaps";

/// What somebody does to an object by hand.
type Edit = fn(&mut Value);

/// The same chain, by a pipeline whose support has another image.
fn changed() -> StartRequest {
    let mut request = request(&glob());
    request.sources.template.text = request.sources.template.text.replace("minio:1", "minio:2");
    request
}

/// Runs `start` on a chain that is there; a listener that it raises comes up.
pub(super) async fn started_again(stage: &Stage, request: &StartRequest) -> Result<StartOutcome> {
    let cluster = stage.cluster();
    let fresh = |world: &World| {
        let (_, newest) = world.builds().pop_last()?;
        let raised = world.objects.contains_key(&World::listener(&newest));
        (raised && world.phase(&newest) == "Claimed").then_some(newest)
    };
    let agent = Box::pin(async {
        stage.reaches(|world| fresh(world).is_some()).await;
        let namespace = fresh(&stage.world()).unwrap();
        run_until(stage, &namespace, |world| world.phase(&namespace) == "Listening").await;
        std::future::pending::<()>().await;
    });
    tokio::select! {
        outcome = Box::pin(start(&cluster, request, &|_| {})) => outcome,
        () = agent => unreachable!("it waits for ever"),
    }
}

/// Keeps what was told, but for mere progress.
fn noted(told: &RefCell<Vec<String>>, it: &Narration<'_>) {
    if !matches!(it, Narration::Progress(_)) {
        told.borrow_mut().push(format!("{it:?}"));
    }
}

async fn stopped(stage: &Stage, purge: bool) -> Result<(Left, Vec<String>)> {
    let cluster = stage.cluster();
    let request = StopRequest { chain: CHAIN.to_owned(), purge, timeout: None, now: Timestamp::UNIX_EPOCH };
    let told = RefCell::new(Vec::new());
    let left = Box::pin(stop(&cluster, &request, &|it| noted(&told, &it))).await?;
    Ok((left, told.into_inner()))
}

async fn cleaned(stage: &Stage, which: &Which) -> Result<Vec<String>> {
    let cluster = stage.cluster();
    let told = RefCell::new(Vec::new());
    let say = |it: Narration<'_>| noted(&told, &it);
    Box::pin(cleanup(&cluster, which, DryRun::None, Timestamp::UNIX_EPOCH, &say)).await?;
    Ok(told.into_inner())
}

fn head(world: &World) -> Value {
    world.get(&format!("{HOME}/chain-{CHAIN}"))["data"].clone()
}

/// Kinds and counts of everything there is; the garbage collector, which the stage has none of, is played first.
fn census(stage: &Stage) -> BTreeMap<String, usize> {
    let mut world = stage.world();
    let uids: Vec<Value> =
        world.all("namespaces").iter().map(|namespace| namespace["metadata"]["uid"].clone()).collect();
    world.objects.retain(|_, object| match &object["metadata"]["ownerReferences"] {
        Value::Array(owners) => owners.iter().any(|owner| uids.contains(&owner["uid"])),
        _ => true,
    });
    let mut census = BTreeMap::new();
    let kinds = world.objects.keys().map(|path| path.rsplit('/').nth(1).unwrap());
    // who is cut off has not said all that it would have
    for kind in kinds.filter(|kind| *kind != "events") {
        *census.entry(kind.to_owned()).or_default() += 1;
    }
    census
}

/// Goes from `begin` to the end of `run` undisturbed, then killed after each of its writes and run again: the same end.
async fn whenever_it_is_killed<F>(begin: &Stage, run: impl Fn(Stage) -> F, end: impl Fn(&World, &str))
where
    F: Future<Output = Result<()>>,
{
    let whole = begin.copy();
    Box::pin(run(whole.clone())).await.unwrap();
    let writes = whole.world().writes.len();
    assert!(writes > 0);
    let wanted = census(&whole);
    end(&whole.world(), "undisturbed");
    for k in 0..writes {
        let stage = begin.copy();
        stage.world().dies_after = Some(k);
        tokio::select! {
            done = Box::pin(run(stage.clone())) => panic!("{k}: {done:?}"),
            () = stage.dies() => {}
        }
        stage.revive();
        Box::pin(run(stage.clone())).await.unwrap_or_else(|error| panic!("{k}: {error}"));
        assert_eq!(census(&stage), wanted, "killed after {k} writes of {writes}");
        end(&stage.world(), &format!("killed after {k} writes"));
    }
}

/// A chain whose listener waits at `build-1`.
async fn listening(keel: &Value) -> Stage {
    let stage = Stage::new(&[("build-1", 'a'), ("build-2", 'b')]);
    started(&stage, keel).await.unwrap();
    stage.copy()
}

/// A chain whose first build has finished.
async fn finished() -> (Stage, String) {
    let (stage, namespace) = pushed().await;
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let next = stage.world().builds()[&2].clone();
    run_until(&stage, &next, |world| world.phase(&next) == "Listening").await;
    (stage.copy(), namespace)
}
