//! Start a chain: check everything, then home's objects, a claimed namespace, and the first listener. A chain that is
//! there already is left as it is, repaired, or moved on to a fresh listener (`renew`).

use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Say;
use super::claim::{Claimed, readable};
use super::dispatch::{self, Maker, Raise};
use super::error::{Error, Result};
use super::home;
pub use super::intent::{Intent, Request};
use super::listens;
use super::{renew, setup, status};
use crate::chain::build::{Baseline, Build, Content, Map, Phase, Version};
use crate::chain::head::Head;
use crate::chain::pod::{Pod, State, image_trouble, not_in_registry};
use crate::chain::signs::FIRST_PUSH;
use crate::chain::{rights, wire};
use crate::cluster::objects::{NamespaceObject, Object};
use crate::cluster::resource as kind;
use crate::cluster::{Access, Cluster, Create, Delete, Denier, Error as ClusterError, Patch, Resource};
use crate::pipeline::weave::{BuildOf, ListenerOf, Plan};

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The chain turns from now on.
    Started(Build),
    /// It did already, and does by another pipeline or from another tag from now on.
    Configured(Build),
    /// It did already, with the same pipeline.
    Unchanged(Build),
}

/// What is waited for longer than this is said, whatever it is.
const SAID_AFTER: Duration = Duration::from_secs(2);

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
    if let Some(head) = home::head(cluster, &chain).await? {
        return Box::pin(renew::carry_on(cluster, request, intent, head, say)).await;
    }
    check_rights(cluster, &intent.plan).await?;
    let (head, fresh) = create_head(cluster, &intent).await?;
    if !fresh {
        return Box::pin(renew::carry_on(cluster, request, intent, head, say)).await;
    }
    intent.record.settings.uuid.clone_from(&head.uuid);
    let filled = fill_home(cluster, &intent).await?;
    intent.seed = filled.seed;
    if !filled.own {
        return Box::pin(renew::carry_on(cluster, request, intent, head, say)).await;
    }
    let raise = Raise {
        record: &intent.record,
        seed: intent.seed,
        home: &intent.home,
        plan: &intent.plan,
        generation: 1,
        tag: &intent.tag,
        baseline: &intent.baseline,
        parent: None,
        maker: Maker::Person,
        now: request.at,
    };
    let (claimed, _) = match dispatch::claim_next(cluster, &raise, head, say).await {
        Err(error) => return Err(undone(cluster, &raise, None, error, say).await),
        claimed => claimed?,
    };
    say(&format!("namespace {} is ours", claimed.namespace));
    if let Err(error) = raise_listener(cluster, &raise, &claimed, say).await {
        return Err(undone(cluster, &raise, Some(&claimed), error, say).await);
    }
    listening(cluster, &raise, &claimed, true, request.timeout, say).await.map(Outcome::Started)
}

/// Rights that `start` and the chain's agents need, asked for before anything is created.
pub(super) async fn check_rights(cluster: &Cluster, plan: &Plan) -> Result<()> {
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

/// What came of [`fill_home`].
pub(super) struct Filled {
    /// Whether the record is this `start`'s.
    pub(super) own: bool,
    /// The chain's seed.
    pub(super) seed: Uuid,
    /// Whether there was none before.
    pub(super) sown: bool,
}

/// Everything of a chain in home besides its head. Create-only: a repetition completes what is missing, and of two
/// that start at the same time with different pipelines, whose record and seed are first counts.
pub(super) async fn fill_home(cluster: &Cluster, intent: &Intent) -> Result<Filled> {
    let record = &intent.record;
    let settings = &record.settings;
    let chain = settings.chain.as_str();
    let labels = home::labels(chain);
    let written = home::config_map(&wire::record_object(chain), &record.write()?, &labels);
    let own = create(cluster, &kind::CONFIG_MAPS, &written).await?;
    if !own {
        same_chain(cluster, intent).await?;
    }
    let objects = [
        (&kind::SECRETS, home::secret(chain, &record.secrets(), &labels)),
        (&kind::CONFIG_MAPS, home::config_map(&wire::history_object(chain), &Map::new(), &labels)),
        (&kind::ROLES, rights::chain_role(&settings.grants())),
    ];
    let others = try_join_all(objects.iter().map(|(resource, object)| create(cluster, resource, object)));
    let secret = home::seed_secret(chain, intent.seed, &labels);
    let (_, sown) = try_join(others, create(cluster, &kind::SECRETS, &secret)).await?;
    let seed = if sown { intent.seed } else { home::seed_of(cluster, chain).await? };
    Ok(Filled { own, seed, sown })
}

/// Creates an object in home; `false` if there is one of that name.
async fn create(cluster: &Cluster, resource: &Resource, object: &Value) -> Result<bool> {
    match cluster.create::<Object>(resource, Some(wire::HOME), object, &Create::default()).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_already_exists() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Joins a chain that is there: only one of the same repository. Its record and Secret, as they are.
pub(super) async fn same_chain(cluster: &Cluster, intent: &Intent) -> Result<home::Kept> {
    let chain = &intent.record.settings.chain;
    let kept = home::kept(cluster, chain).await?.ok_or_else(|| {
        Error::ownership(format!("the record of chain {chain} vanished while it was started"), "run it again")
    })?;
    let (mine, theirs) = (&intent.record.settings, &kept.record.settings);
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
    Ok(kept)
}

pub(super) async fn look(cluster: &Cluster, namespace: &str) -> Result<Option<Build>> {
    let Some(found) = cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, namespace).await? else {
        return Ok(None);
    };
    readable(&found).map(Some)
}

/// Waits until the listener listens, or is past that; says what holds it up.
///
/// `fresh`: the chain is new, and goes again if it cannot listen.
pub(super) async fn listening(
    cluster: &Cluster,
    raise: &Raise<'_>,
    claimed: &Claimed,
    fresh: bool,
    timeout: Duration,
    say: Say<'_>,
) -> Result<Build> {
    let begun = tokio::time::Instant::now();
    let mut told = String::new();
    loop {
        let build = look(cluster, &claimed.namespace).await?.ok_or_else(|| {
            Error::ownership(
                format!("namespace {} was deleted while its listener came up", claimed.namespace),
                "have whoever or whatever deletes namespaces here spare it, then run start again",
            )
        })?;
        let (signs, pods) = status::signs_of(cluster, &build).await?;
        let deaf = if build.phase >= Phase::Listening {
            match listens::reason(&build, &signs, &pods) {
                None => return Ok(build),
                deaf => deaf,
            }
        } else {
            None
        };
        if build.phase < Phase::Listening
            && pods.iter().any(|pod| tag_is_missing(pod, &raise.plan.build.container))
            && let Some(build) = without_image(cluster, raise, claimed, fresh, build).await?
        {
            return Ok(build);
        }
        // what is known to be wrong is said at once, how far it is only where that takes time
        let due = deaf.is_some() || signs.trouble.is_some() || begun.elapsed() >= SAID_AFTER;
        if let Some(why) = deaf.clone().or_else(|| signs.sentence()).filter(|why| due && *why != told) {
            say(&format!("the listener waits: {why}"));
            told = why;
        }
        if begun.elapsed() >= timeout {
            let missing = deaf.or(signs.trouble).or(signs.standing).unwrap_or_default();
            let chain = &raise.record.settings.chain;
            return Err(Error::timeout(
                format!(
                    "the listener in {} does not listen after {} s: {missing}",
                    claimed.namespace,
                    timeout.as_secs()
                ),
                signs.remedy.unwrap_or_else(|| {
                    format!("it goes on by itself; kubectl studioci watch {chain} follows it")
                }),
            ));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Has the server look at the build's Job, at its pod and at the listener's, so that what it refuses is known before there
/// is anything that a push could trigger; then raises the listener.
pub(super) async fn raise_listener(
    cluster: &Cluster,
    raise: &Raise<'_>,
    claimed: &Claimed,
    say: Say<'_>,
) -> Result<bool> {
    dispatch::enter(cluster, raise, claimed).await?;
    dispatch::usable(cluster, raise, claimed, say).await?;
    let namespace = claimed.namespace.as_str();
    let job = job(raise, namespace);
    if let Some(error) = dispatch::refusal(cluster, &kind::JOBS, namespace, &job).await? {
        return Err(error.into());
    }
    let listener = raise.plan.listener(&ListenerOf { tag: raise.tag, generation: raise.generation });
    match dispatch::refused_pod(cluster, &listener, &job, namespace).await? {
        Some((what, error)) => Err(error.about(format!("the {what}")).into()),
        None => dispatch::raise_entered(cluster, raise, claimed, say).await,
    }
}

/// The Job of a build of this pipeline, to be looked at.
pub(super) fn job(raise: &Raise<'_>, namespace: &str) -> Value {
    let version = Version { tag: raise.tag.to_owned(), content: Content::SideLoaded };
    let generation = raise.generation;
    raise.plan.job(&BuildOf { namespace, generation, version: &version, revision: None, parent: None })
}

/// What the server refuses for good is not left half made: the mended pipeline can be started under the same name.
async fn undone(
    cluster: &Cluster,
    raise: &Raise<'_>,
    claimed: Option<&Claimed>,
    error: Error,
    say: Say<'_>,
) -> Error {
    let Error::Cluster(refused) = error else { return error };
    // a namespace that somebody deletes says nothing of the pipeline
    let terminating = matches!(refused, ClusterError::Denied { by: Denier::Terminating, .. });
    if !refused.is_refusal() || terminating {
        return refused.into();
    }
    match take_back(cluster, raise, claimed).await {
        Ok(true) => say("what was created is removed again"),
        Ok(false) => say("somebody else has taken the chain on meanwhile; it is left to him"),
        Err(left) => say(&format!("what was created could not be removed: {left}")),
    }
    refusing(refused)
}

/// What the API server refuses, as a fault of the pipeline where it is one.
pub(super) fn refusing(refused: ClusterError) -> Error {
    match refused {
        ClusterError::Invalid { .. } => Error::usage(
            format!("the API server refuses what the pipeline asks for: {refused}"),
            "correct the pipeline and run start again",
        ),
        ClusterError::Denied { by: Denier::PodSecurity, .. } => Error::usage(
            format!("the API server refuses what the pipeline asks for: {refused}"),
            format!(
                "set what the message names in the build workload's pod template (of its listener, annotation {} sets the \
                 user), or let --pod-security or the pipeline's Namespace document name a level that admits it",
                wire::LISTENER_SECURITY
            ),
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
    raise: &Raise<'_>,
    claimed: &Claimed,
    fresh: bool,
    mut build: Build,
) -> Result<Option<Build>> {
    let image = raise.plan.build.image.with_tag(raise.tag);
    if raise.plan.build.match_tag() {
        let waiting = format!("{FIRST_PUSH}{image} is not in the registry yet");
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
    let policy = raise.plan.build.policy();
    let unwatched = format!(
        "{image} is not in the registry, and with policy {} Keel watches nothing before the tag it starts from exists",
        policy.name()
    );
    if !fresh {
        return Err(Error::usage(
            unwatched,
            "push that tag, or run start again with --tag and one that exists; the chain stays as it is until then",
        ));
    }
    if !take_back(cluster, raise, Some(claimed)).await? {
        // an agent came up meanwhile, or somebody else has taken the chain on
        return Ok(None);
    }
    Err(Error::usage(
        unwatched,
        "push that tag first, or name one that exists with --tag; nothing was left behind",
    ))
}

/// Removes what this `start` has made of a new chain; `false` where somebody else has taken it on meanwhile, or its agent
/// has come up, and it is left.
///
/// The head is marked as of a chain that is purged, by compare-and-swap: from then on nobody takes it on.
async fn take_back(cluster: &Cluster, raise: &Raise<'_>, claimed: Option<&Claimed>) -> Result<bool> {
    let settings = &raise.record.settings;
    let chain = settings.chain.as_str();
    let Some(head) = home::head(cluster, chain).await? else { return Ok(true) };
    let named = head.claimed.as_ref().map(|(_, uid)| uid);
    let ours = head.uuid == settings.uuid
        && head.generation == 1
        && head.ended.is_none()
        && named == claimed.map(|claimed| &claimed.uid);
    let build = match claimed {
        Some(claimed) => look(cluster, &claimed.namespace).await?.filter(|build| build.uid == claimed.uid),
        None => None,
    };
    if !ours || build.as_ref().is_some_and(|build| build.phase > Phase::Claimed) {
        return Ok(false);
    }
    if let Some(build) = build {
        // only as it was seen: an agent that came up meanwhile has written its phase
        let how = Delete { resource_version: Some(build.resource_version), ..Delete::uid(&build.uid) };
        match cluster.delete(&kind::NAMESPACES, None, &build.namespace, &how).await {
            Err(error) if error.is_conflict() => return Ok(false),
            deleted => deleted?,
        };
    }
    match home::move_head(cluster, chain, &head.purge()).await {
        Err(error) if error.is_conflict() => return Ok(false),
        marked => marked?,
    };
    home::forget(cluster, chain, &settings.uuid, &mut |_, _| {}).await?;
    Ok(true)
}
