//! Start a chain: check everything, then home's objects, a claimed namespace, and the first listener.

use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use serde_json::{Value, json};

use super::Say;
use super::claim::{Claimed, read_build, readable};
use super::dispatch::{self, Maker, Raise};
use super::error::{Error, Result};
use super::home;
pub use super::intent::{Intent, Request};
use super::setup;
use crate::chain::build::{Baseline, Build, Map, Phase, Version};
use crate::chain::head::Head;
use crate::chain::pod::{Pod, State, image_trouble, not_in_registry};
use crate::chain::{rights, wire};
use crate::cluster::objects::{NamespaceObject, Object};
use crate::cluster::resource as kind;
use crate::cluster::{Access, Cluster, Create, Delete, Error as ClusterError, Patch, Query, Resource};
use crate::pipeline::weave::{BuildOf, Plan};

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The chain turns from now on.
    Started(Build),
    /// It did already, with the same pipeline.
    Unchanged(Build),
}

/// Starts a chain, or finds that it lives.
///
/// # Errors
/// See [`Error`]; before the head is created nothing is.
pub async fn start(cluster: &Cluster, request: &Request, say: Say<'_>) -> Result<Outcome> {
    let home = setup::home(cluster).await?;
    let mut intent = request.intend(&home)?;
    let confinement = setup::check(cluster).await?;
    for line in confinement.said_aloud() {
        say(&line);
    }
    for notice in &intent.plan.notices {
        say(&format!("Warning: {notice}"));
    }
    let chain = intent.record.settings.chain.clone();
    let living = home::head(cluster, &chain).await?;
    let (head, fresh) = if let Some(head) = living {
        (head, false)
    } else {
        check_rights(cluster, &intent.plan).await?;
        create_head(cluster, &intent).await?
    };
    if let Some(ended) = &head.ended {
        return Err(Error::usage(
            format!("chain {chain} has ended ({ended})"),
            "start it under another name with --chain",
        ));
    }
    intent.record.settings.uuid.clone_from(&head.uuid);
    fill_home(cluster, &intent).await?;
    if head.generation > 1 {
        return Ok(Outcome::Unchanged(newest(cluster, &chain, &head).await?));
    }
    let raise = Raise {
        record: &intent.record,
        plan: &intent.plan,
        generation: 1,
        tag: &intent.tag,
        baseline: &intent.baseline,
        parent: None,
        maker: Maker::Person,
        now: request.at,
    };
    let (claimed, head) = match dispatch::claim_next(cluster, &raise, head, say).await {
        // between our look at the head and now the first listener was pushed to
        Err(Error::Ownership { .. }) if !fresh => {
            let head = dispatch::head_of(cluster, &chain).await?;
            return Ok(Outcome::Unchanged(newest(cluster, &chain, &head).await?));
        }
        Err(error) if fresh => return Err(undone(cluster, &chain, None, error, say).await),
        claimed => claimed?,
    };
    if claimed.created {
        say(&format!("namespace {} is ours", claimed.namespace));
    } else {
        let before = newest(cluster, &chain, &head).await?;
        if before.phase >= Phase::Listening {
            return Ok(Outcome::Unchanged(before));
        }
    }
    let raised = match raise_first(cluster, &raise, &claimed, say).await {
        Err(error) if fresh => return Err(undone(cluster, &chain, Some(&claimed), error, say).await),
        raised => raised?,
    };
    let build = listening(cluster, &intent, &claimed, request.timeout, say).await?;
    Ok(if fresh || raised { Outcome::Started(build) } else { Outcome::Unchanged(build) })
}

/// Rights that `start` and the chain's agents need, asked for before anything is created.
async fn check_rights(cluster: &Cluster, plan: &Plan) -> Result<()> {
    let workspace = setup::workspace(cluster).await?;
    let uncovered: Vec<String> = plan
        .kinds
        .iter()
        .filter(|kind| !workspace.covers(&kind.group, &kind.plural, "create"))
        .map(|kind| format!("{} ({})", kind.kind, kind.api_version()))
        .collect();
    if !uncovered.is_empty() {
        return Err(Error::unready(
            format!("agents may not create what the pipeline asks for: {}", uncovered.join(", ")),
            format!(
                "ClusterRole {} does not cover it; an administrator adds a ClusterRole with the label \
                 studioci.dev/aggregate-to-workspace: \"true\"",
                wire::ROLE_WORKSPACE
            ),
        ));
    }
    let home = Some(wire::HOME);
    let wanted = [
        Access::to("create", &kind::NAMESPACES, None),
        Access::to("create", &kind::CONFIG_MAPS, home),
        Access::to("create", &kind::SECRETS, home),
        Access::to("create", &kind::ROLES, home),
        Access::to("create", &kind::ROLE_BINDINGS, home),
        Access::to("create", &kind::CLUSTER_ROLE_BINDINGS, None),
    ];
    let missing: Vec<String> = cluster
        .can_i(&wanted)
        .await?
        .into_iter()
        .zip(&wanted)
        .filter(|(allowed, _)| !allowed)
        .map(|(_, access)| access.to_string())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::unready(
        format!("you may not: {}", missing.join("; ")),
        format!(
            "ask an admin to bind you to ClusterRole {role} (kubectl create clusterrolebinding … --clusterrole={role} \
             --user=YOU) and to Role {role} in namespace {home}",
            role = wire::ROLE_USER,
            home = wire::HOME
        ),
    ))
}

/// Creates the chain's head; `false` with the head that is there, if somebody else started the same chain at the same
/// time.
async fn create_head(cluster: &Cluster, intent: &Intent) -> Result<(Head, bool)> {
    let settings = &intent.record.settings;
    let name = wire::chain_object(&settings.chain);
    let head = home::config_map(&name, &Head::first(&settings.uuid), &home::labels(&settings.chain));
    let fresh = create(cluster, &kind::CONFIG_MAPS, &head).await?;
    Ok((dispatch::head_of(cluster, &settings.chain).await?, fresh))
}

/// Everything of a chain in home besides its head. Create-only: a repetition completes what is missing, and of two
/// that start at the same time with different pipelines, whose record is first counts.
async fn fill_home(cluster: &Cluster, intent: &Intent) -> Result<()> {
    let record = &intent.record;
    let settings = &record.settings;
    let chain = settings.chain.as_str();
    let labels = home::labels(chain);
    let written = home::config_map(&wire::record_object(chain), &record.write()?, &labels);
    let mut fresh = create(cluster, &kind::CONFIG_MAPS, &written).await?;
    if !fresh {
        same_pipeline(cluster, intent, false).await?;
    }
    let objects = [
        (&kind::SECRETS, home::secret(chain, &record.secrets(), &labels)),
        (&kind::CONFIG_MAPS, home::config_map(&wire::history_object(chain), &Map::new(), &labels)),
        (&kind::ROLES, rights::chain_role(chain, settings.trusted_build, &settings.pod_security)),
    ];
    let created =
        try_join_all(objects.iter().map(|(resource, object)| create(cluster, resource, object))).await?;
    fresh &= created[0];
    if fresh { Ok(()) } else { same_pipeline(cluster, intent, true).await }
}

/// Creates an object in home; `false` if there is one of that name.
async fn create(cluster: &Cluster, resource: &Resource, object: &Value) -> Result<bool> {
    match cluster.create::<Object>(resource, Some(wire::HOME), object, &Create::default()).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_already_exists() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Joins a chain that lives: only the same pipeline of the same repository, and with `secrets` the same environment.
async fn same_pipeline(cluster: &Cluster, intent: &Intent, secrets: bool) -> Result<()> {
    let chain = &intent.record.settings.chain;
    let there = home::record(cluster, chain).await?.ok_or_else(|| {
        Error::ownership(format!("the record of chain {chain} vanished while it was started"), "run it again")
    })?;
    let (mine, theirs) = (&intent.record.settings, &there.settings);
    if theirs.repository != mine.repository {
        return Err(Error::ownership(
            format!(
                "chain {chain} belongs to image repository {}; this pipeline's is {}",
                theirs.repository, mine.repository
            ),
            "give this chain another name with --chain",
        ));
    }
    if let (Some(theirs), Some(mine)) = (&theirs.remote, &mine.remote)
        && theirs != mine
    {
        return Err(Error::ownership(
            format!("chain {chain} belongs to git remote {theirs}; this checkout's is {mine}"),
            "give this chain another name with --chain",
        ));
    }
    if theirs.uuid != mine.uuid {
        return Err(Error::unready(
            format!("{} holds the record of an earlier chain {chain}, whose head was deleted", wire::HOME),
            format!(
                "give this chain another name with --chain, or delete what is left over: kubectl delete -n {} \
                 configmap,secret,role -l {}={chain}",
                wire::HOME,
                wire::CHAIN
            ),
        ));
    }
    if there.sources == intent.record.sources
        && theirs == mine
        && (!secrets || there.secrets() == intent.record.secrets())
    {
        return Ok(());
    }
    Err(Error::usage(
        format!("chain {chain} lives already, with another pipeline or other values"),
        "push the changed pipeline inside the CI image (it is used from that push on), or start a chain of another \
         name with --chain",
    ))
}

async fn look(cluster: &Cluster, namespace: &str) -> Result<Option<Build>> {
    let Some(found) = cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, namespace).await? else {
        return Ok(None);
    };
    readable(&found).map(Some)
}

/// The newest build of a chain. While one hands on to the next, the head names no namespace.
async fn newest(cluster: &Cluster, chain: &str, head: &Head) -> Result<Build> {
    let found = if let Some((namespace, _)) = &head.claimed {
        look(cluster, namespace).await?
    } else {
        let select = Query::labels(format!("{}={chain}", wire::CHAIN));
        let list = cluster.list::<NamespaceObject>(&kind::NAMESPACES, None, &select).await?;
        let builds = list.items.iter().filter_map(|namespace| read_build(namespace).ok());
        builds
            .filter(|build| build.chain_uuid == head.uuid && !build.terminating)
            .max_by_key(|build| build.generation)
    };
    found.ok_or_else(|| {
        let namespace = head.claimed.as_ref().map_or("(none yet)", |(namespace, _)| namespace);
        Error::unready(
            format!(
                "chain {chain} is at generation {}, whose namespace {namespace} is gone",
                head.generation
            ),
            "its listener was deleted by hand; start a chain of another name with --chain",
        )
    })
}

/// Waits until the listener listens, or is past that; says what holds it up.
async fn listening(
    cluster: &Cluster,
    intent: &Intent,
    claimed: &Claimed,
    timeout: Duration,
    say: Say<'_>,
) -> Result<Build> {
    let begun = tokio::time::Instant::now();
    let mut told = String::new();
    loop {
        let pods = async {
            let select = Query::labels(format!("{}=listener", wire::ROLE));
            Ok(cluster.list::<Pod>(&kind::PODS, Some(&claimed.namespace), &select).await?)
        };
        let (build, pods) = try_join(look(cluster, &claimed.namespace), pods).await?;
        let build = build.ok_or_else(|| {
            Error::ownership(
                format!("namespace {} was deleted while its listener came up", claimed.namespace),
                "look who deletes namespaces here, then run it again",
            )
        })?;
        if build.phase >= Phase::Listening {
            return Ok(build);
        }
        if pods.items.iter().any(|pod| tag_is_missing(pod, &intent.plan.build.container))
            && let Some(build) = without_image(cluster, intent, claimed, build).await?
        {
            return Ok(build);
        }
        let trouble = pods.items.iter().find_map(Pod::trouble);
        if let Some(why) = trouble.clone().filter(|why| *why != told) {
            say(&format!("the listener waits: {why}"));
            told = why;
        }
        if begun.elapsed() >= timeout {
            let missing = trouble.unwrap_or_else(|| "its pod has not reported yet".to_owned());
            return Err(Error::timeout(
                format!(
                    "the listener in {} does not listen after {} s: {missing}",
                    claimed.namespace,
                    timeout.as_secs()
                ),
                format!(
                    "everything is left in place and goes on; look with kubectl studioci status {}",
                    intent.record.settings.chain
                ),
            ));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Raises the first listener, and has the server look at the build's Job, so that what it refuses is known before the
/// first push.
async fn raise_first(cluster: &Cluster, raise: &Raise<'_>, claimed: &Claimed, say: Say<'_>) -> Result<bool> {
    let raised = dispatch::raise(cluster, raise, claimed, say).await?;
    let version = Version { tag: raise.tag.to_owned(), digest: None };
    let job = raise.plan.job(&BuildOf {
        namespace: &claimed.namespace,
        generation: raise.generation,
        version: &version,
        revision: None,
        parent: None,
    });
    match dispatch::refusal(cluster, &kind::JOBS, &claimed.namespace, &job).await? {
        Some(error) => Err(error.into()),
        None => Ok(raised),
    }
}

/// What the server refuses for good is not left half made: the mended pipeline can be started under the same name.
async fn undone(
    cluster: &Cluster,
    chain: &str,
    claimed: Option<&Claimed>,
    error: Error,
    say: Say<'_>,
) -> Error {
    let Error::Cluster(refused) = error else { return error };
    if !refused.is_refusal() {
        return refused.into();
    }
    match take_back(cluster, chain, claimed).await {
        Ok(()) => say("what was created is removed again"),
        Err(left) => say(&format!("what was created could not be removed: {left}")),
    }
    match refused {
        ClusterError::Invalid { .. } => Error::usage(
            format!("the API server refuses what the pipeline asks for: {refused}"),
            "correct the pipeline and run start again",
        ),
        refused => refused.into(),
    }
}

fn tag_is_missing(pod: &Pod, container: &str) -> bool {
    matches!(pod.container(container).map(|container| &container.state),
        Some(State::Waiting { reason, message }) if image_trouble(reason) && not_in_registry(message))
}

/// The listener's own tag is not in the registry. A tag that is pushed over is waited for; for any other policy Keel
/// watches nothing then, so the chain is taken back.
///
/// `None` if the listener came up in this very moment.
async fn without_image(
    cluster: &Cluster,
    intent: &Intent,
    claimed: &Claimed,
    mut build: Build,
) -> Result<Option<Build>> {
    let image = intent.plan.build.image.with_tag(&intent.tag);
    if intent.plan.build.match_tag() {
        let waiting = format!("waiting for the first push: {image} is not in the registry yet");
        // what the agent makes of an image that came in the meantime is a baseline; but it was pushed after `start`
        while build.phase <= Phase::Listening && build.baseline != Baseline::None {
            let patch = json!({
                "metadata": {
                    "resourceVersion": build.resource_version,
                    "annotations": { wire::BASELINE: Baseline::None.to_string(), wire::WAITING: waiting },
                }
            });
            let patched = cluster
                .patch::<NamespaceObject>(&kind::NAMESPACES, None, &claimed.namespace, Patch::Merge(&patch))
                .await;
            build = match patched {
                Ok(namespace) => readable(&namespace)?,
                Err(error) if error.is_conflict() => match look(cluster, &claimed.namespace).await? {
                    Some(build) => build,
                    None => return Ok(None),
                },
                Err(error) => return Err(error.into()),
            };
        }
        return Ok(Some(build));
    }
    // only as it was seen: an agent that came up meanwhile has written its phase
    let how = Delete { resource_version: Some(build.resource_version), ..Delete::uid(&claimed.uid) };
    match cluster.delete(&kind::NAMESPACES, None, &claimed.namespace, &how).await {
        Ok(_) => {}
        Err(error) if error.is_conflict() => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    take_back(cluster, &intent.record.settings.chain, None).await?;
    Err(Error::usage(
        format!(
            "{image} is not in the registry, and with policy {} Keel watches nothing before the tag it starts from exists",
            intent.plan.build.policy().name()
        ),
        "push that tag first, or name one that exists with --tag; nothing was left behind",
    ))
}

/// Removes what this `start` has made. The head goes last: as long as it is there, a repetition knows the chain.
async fn take_back(cluster: &Cluster, chain: &str, claimed: Option<&Claimed>) -> Result<()> {
    if let Some(claimed) = claimed {
        cluster.delete(&kind::NAMESPACES, None, &claimed.namespace, &Delete::uid(&claimed.uid)).await?;
    }
    let (head, record, history) =
        (wire::chain_object(chain), wire::record_object(chain), wire::history_object(chain));
    let objects = [
        (&kind::ROLES, &head),
        (&kind::SECRETS, &head),
        (&kind::CONFIG_MAPS, &history),
        (&kind::CONFIG_MAPS, &record),
        (&kind::CONFIG_MAPS, &head),
    ];
    for (resource, name) in objects {
        dispatch::delete(cluster, resource, Some(wire::HOME), name).await?;
    }
    Ok(())
}
