//! Dispatch a listener: claim its namespace, give its agent its rights, and create it.
//!
//! `start` does this for the first generation and an agent for the next one; they differ only in who binds himself
//! in the new namespace first.

use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Say;
use super::claim::{self, Claim, Claimed};
use super::error::{Error, Result};
use super::home::{self, Record};
use super::setup::Home;
use crate::chain::build::Baseline;
use crate::chain::head::Head;
use crate::chain::{rights, wire};
use crate::cluster::objects::Object;
use crate::cluster::resource::{self as kind, Resource};
use crate::cluster::{self, Access, Cluster, Create, Delete, Deletion, Patch};
use crate::pipeline::weave::place;
use crate::pipeline::weave::{ListenerOf, Plan};

/// Who raises the listener.
#[derive(Debug, Clone, Copy)]
pub enum Maker<'a> {
    /// A person; bound in the new namespace unless he may write there anyway.
    Person,
    /// The predecessor's agent; its binding is owned by its own Namespace.
    Agent {
        /// Its namespace.
        namespace: &'a str,
        /// That namespace's uid.
        uid: &'a str,
    },
}

/// The listener to raise.
#[derive(Debug, Clone, Copy)]
pub struct Raise<'a> {
    /// The chain's record.
    pub record: &'a Record,
    /// The chain's seed.
    pub seed: Uuid,
    /// What home says of itself.
    pub home: &'a Home,
    /// The pipeline to listen with.
    pub plan: &'a Plan,
    /// Its generation.
    pub generation: u64,
    /// The tag that it starts from.
    pub tag: &'a str,
    /// What it does not build.
    pub baseline: &'a Baseline,
    /// Namespace of the build before.
    pub parent: Option<&'a str>,
    /// Who raises it.
    pub maker: Maker<'a>,
    /// Now.
    pub now: Timestamp,
}

/// How long a fresh namespace may take to get its default ServiceAccount.
const USABLE_BOUND: Duration = Duration::from_secs(60);
/// The same where an agent waits for it, who writes down why and tries again: its build does not wait meanwhile.
const USABLE_BOUND_OF_AGENT: Duration = Duration::from_secs(2);
/// How long a fresh binding may take to act.
const FRESH_BOUND: Duration = Duration::from_secs(5);
/// How long it is waited for without a word.
const FRESH_QUIET: Duration = Duration::from_secs(1);

/// The claim of a listener's namespace.
pub fn claim_of(raise: &Raise<'_>) -> Claim {
    let settings = &raise.record.settings;
    let mut labels = settings.labels.clone();
    labels.extend(settings.pod_security.clone());
    let mut annotations = settings.annotations.clone();
    annotations.insert(wire::BASELINE.to_owned(), raise.baseline.to_string());
    if let Some(parent) = raise.parent {
        annotations.insert(wire::PARENT.to_owned(), parent.to_owned());
    }
    if settings.trusted_build {
        annotations.insert(wire::TRUSTED_BUILD.to_owned(), "true".to_owned());
    }
    Claim {
        seed: raise.seed,
        chain_uuid: settings.uuid.clone(),
        chain: settings.chain.clone(),
        generation: raise.generation,
        prefix: settings.prefix.clone(),
        labels,
        lent: settings.grants().lent,
        added: raise.home.added.clone(),
        annotations,
        now: raise.now,
    }
}

/// Claims the namespace of that generation and settles it in the head by compare-and-swap. `head`: as it was seen.
///
/// Whoever loses the swap disposes of what he made and takes the winner's. A namespace that is settled and gone by now
/// (somebody deleted it before there was a listener in it) is claimed anew.
///
/// # Errors
/// As [`claim::claim`]; [`Error::Ownership`] where the head has left that generation, or the chain has ended.
pub async fn claim_next(
    cluster: &Cluster,
    raise: &Raise<'_>,
    head: Head,
    say: Say<'_>,
) -> Result<(Claimed, Head)> {
    let claim = claim_of(raise);
    let mut ours = claim::standing(cluster, &claim).await?;
    if ours.is_empty() {
        ours.push(claim::walk(cluster, &claim, say).await?);
    }
    let settled = settle(cluster, raise, &claim, head, &ours[0]).await;
    let losers: Vec<&Claimed> = match &settled {
        Ok((winner, _)) => ours.iter().filter(|claimed| claimed.uid != winner.uid).collect(),
        // what was not made just now may be the one that the head has left
        Err(Error::Ownership { .. }) => ours.iter().filter(|claimed| claimed.created).collect(),
        Err(_) => Vec::new(),
    };
    for loser in losers {
        say(&format!("namespace {} lost the swap of the head; deleting it", loser.namespace));
        discard(cluster, raise, loser).await?;
    }
    settled
}

/// Writes the claimed namespace into the head, unless another one stands there.
async fn settle(
    cluster: &Cluster,
    raise: &Raise<'_>,
    claim: &Claim,
    mut head: Head,
    claimed: &Claimed,
) -> Result<(Claimed, Head)> {
    let chain = raise.record.settings.chain.as_str();
    loop {
        if let Some(ended) = &head.ended {
            return Err(Error::ownership(
                format!("chain {chain} has ended ({ended})"),
                "kubectl studioci start carries it on",
            ));
        }
        if head.generation != raise.generation || head.uuid != raise.record.settings.uuid {
            return Err(Error::ownership(
                format!(
                    "generation {} of chain {chain} is elsewhere by now (the head is at generation {} in {})",
                    raise.generation,
                    head.generation,
                    head.claimed.as_ref().map_or("no namespace yet", |(namespace, _)| namespace)
                ),
                format!("somebody else carries the chain on; kubectl studioci watch {chain} follows it"),
            ));
        }
        match &head.claimed {
            Some((_, uid)) if *uid == claimed.uid => return Ok((claimed.clone(), head)),
            Some((namespace, uid)) if claim::stands(cluster, claim, namespace, uid).await? => {
                let winner = Claimed { namespace: namespace.clone(), uid: uid.clone(), created: false };
                return Ok((winner, head));
            }
            _ => {}
        }
        let patch = head.settle_claim(&claimed.namespace, &claimed.uid);
        match home::move_head(cluster, chain, &patch).await {
            Ok(head) => return Ok((claimed.clone(), head)),
            Err(error) if error.is_conflict() => head = head_of(cluster, chain).await?,
            Err(error) => return Err(error),
        }
    }
}

/// The head of a chain that has one.
pub(super) async fn head_of(cluster: &Cluster, chain: &str) -> Result<Head> {
    home::head(cluster, chain).await?.ok_or_else(|| {
        Error::ownership(
            format!("chain {chain} has no head in {} any more", wire::HOME),
            format!(
                "somebody deleted it: delete what is left of the chain (kubectl delete -n {} configmap,secret,role -l {}={chain}) \
                 and start it anew",
                wire::HOME,
                wire::CHAIN
            ),
        )
    })
}

/// Disposes of what an earlier try has claimed for the generation after the last one of a chain that has ended, and the
/// head does not know of; what it knows of goes with the chain.
///
/// # Errors
/// Cluster errors.
pub async fn abandon(cluster: &Cluster, raise: &Raise<'_>, head: &Head) -> Result<()> {
    for claimed in claim::standing(cluster, &claim_of(raise)).await? {
        if head.claimed.as_ref().is_none_or(|(_, uid)| *uid != claimed.uid) {
            discard(cluster, raise, &claimed).await?;
        }
    }
    Ok(())
}

/// Disposes of a namespace of ours in which nothing was ever put.
async fn discard(cluster: &Cluster, raise: &Raise<'_>, claimed: &Claimed) -> Result<()> {
    enter(cluster, raise, claimed).await?;
    let how = Delete::uid(&claimed.uid);
    patiently(cluster, || cluster.delete(&kind::NAMESPACES, None, &claimed.namespace, &how)).await?;
    Ok(())
}

/// Binds the maker in the claimed namespace.
pub(super) async fn enter(cluster: &Cluster, raise: &Raise<'_>, claimed: &Claimed) -> Result<()> {
    let settings = &raise.record.settings;
    let there = rights::There { chain: &settings.chain, namespace: &claimed.namespace, uid: &claimed.uid };
    let own: Vec<Value> = match raise.maker {
        Maker::Person => bind_person(cluster, &there).await?.into_iter().collect(),
        Maker::Agent { namespace, uid } => {
            rights::bind_predecessor(&there, namespace, uid, settings.trusted_build)
        }
    };
    try_join_all(own.iter().map(|object| create(cluster, object))).await?;
    Ok(())
}

/// Gives the claimed namespace's agent its rights, brings the pull Secrets, and creates the listener. Whether the
/// listener was not there yet.
///
/// Every object has a fixed name, so that a repetition finds what an earlier try made.
///
/// # Errors
/// Cluster errors; what the API server refuses is named.
pub async fn raise(cluster: &Cluster, raise: &Raise<'_>, claimed: &Claimed, say: Say<'_>) -> Result<bool> {
    enter(cluster, raise, claimed).await?;
    raise_entered(cluster, raise, claimed, say).await
}

/// [`raise`], where the maker is bound already.
pub(super) async fn raise_entered(
    cluster: &Cluster,
    raise: &Raise<'_>,
    claimed: &Claimed,
    say: Say<'_>,
) -> Result<bool> {
    let settings = &raise.record.settings;
    let there = rights::There { chain: &settings.chain, namespace: &claimed.namespace, uid: &claimed.uid };
    let mut objects = rights::of_agent(&there, settings.trusted_build);
    objects.extend(raise.plan.pull_secrets.iter().cloned().map(|mut secret| {
        place(&mut secret, &claimed.namespace);
        secret
    }));
    try_join(
        try_join_all(objects.iter().map(|object| create(cluster, object))),
        usable(cluster, raise, claimed, say),
    )
    .await?;
    let mut listener = raise.plan.listener(&ListenerOf { tag: raise.tag, generation: raise.generation });
    place(&mut listener, &claimed.namespace);
    let created = create(cluster, &listener).await?;
    say(&format!("listener {} waits in {}", raise.plan.build.name, claimed.namespace));
    Ok(created)
}

/// Waits until pods can start in the claimed namespace.
pub(super) async fn usable(
    cluster: &Cluster,
    raise: &Raise<'_>,
    claimed: &Claimed,
    say: Say<'_>,
) -> Result<()> {
    let bound = match raise.maker {
        Maker::Person => USABLE_BOUND,
        Maker::Agent { .. } => USABLE_BOUND_OF_AGENT,
    };
    claim::usable(cluster, &claimed.namespace, bound, say).await
}

/// The binding that a person needs in the new namespace; an admin may write there anyway.
async fn bind_person(cluster: &Cluster, there: &rights::There<'_>) -> Result<Option<Value>> {
    let wanted = [
        Access::to("create", &kind::DEPLOYMENTS, Some(there.namespace)),
        Access::to("patch", &kind::NAMESPACES, Some(there.namespace)),
    ];
    bind_person_for(cluster, there, &wanted).await
}

/// The binding that a person needs for rights in a namespace of a build; none if he holds them anyway.
pub(super) async fn bind_person_for(
    cluster: &Cluster,
    there: &rights::There<'_>,
    wanted: &[Access],
) -> Result<Option<Value>> {
    if cluster.can_i(wanted).await?.into_iter().all(|allowed| allowed) {
        return Ok(None);
    }
    Ok(Some(rights::bind_person(there, &cluster.whoami().await?)))
}

/// Creates an object of a fixed name; `false` if it is there already, made by an earlier try.
pub(super) async fn create(cluster: &Cluster, object: &Value) -> Result<bool> {
    let resource = resource_of(object)?;
    let namespace = object["metadata"]["namespace"].as_str();
    let how = Create::default();
    match patiently(cluster, || cluster.create::<Object>(&resource, namespace, object, &how)).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_already_exists() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Asks again for a while where RBAC says no: a fresh binding takes some milliseconds to reach the authorizer. One that
/// takes longer is told of.
pub(super) async fn patiently<T, F>(
    cluster: &Cluster,
    ask: impl Fn() -> F,
) -> std::result::Result<T, crate::cluster::Error>
where
    F: Future<Output = std::result::Result<T, crate::cluster::Error>>,
{
    let begun = tokio::time::Instant::now();
    let mut told = false;
    loop {
        match ask().await {
            Err(error) if error.is_rbac() && begun.elapsed() < FRESH_BOUND => {
                if begun.elapsed() > FRESH_QUIET && !told {
                    cluster.waits(format!("a binding that was just made does not count yet: {error}"));
                    told = true;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            answer => return answer,
        }
    }
}

/// Whether, and why, the server would refuse an object for good: a server-side dry-run. A quota that is in the way now
/// may be free when the object is created in earnest, and says nothing about another namespace.
pub(super) async fn refusal(
    cluster: &Cluster,
    resource: &Resource,
    namespace: &str,
    object: &Value,
) -> Result<Option<cluster::Error>> {
    let dry = Create { dry_run: true, ..Create::default() };
    match patiently(cluster, || cluster.create::<Object>(resource, Some(namespace), object, &dry)).await {
        Ok(_) => Ok(None),
        Err(error) if blames_the_object(&error) => Ok(Some(error)),
        // neither says anything of the object
        Err(error) if error.is_quota() || error.is_already_exists() || error.is_transient_denial() => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The pod that a controller would make of a workload, to be tried out: what admission has against a pod the API server says
/// of the pod alone, and of the workload at most as a warning.
///
/// It runs as the namespace's default ServiceAccount, since nothing but controllers makes a pod that runs as an agent, and
/// that of a build comes with the rest of the pipeline; and it bears no label of ours.
fn pod_of(workload: &Value) -> Value {
    let template = &workload["spec"]["template"];
    let mut metadata = json!({ "name": "studioci-dry-run" });
    for map in ["labels", "annotations"] {
        let theirs = template["metadata"][map].as_object().into_iter().flatten();
        metadata[map] = theirs
            .filter(|(key, _)| !wire::is_ours(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into();
    }
    let mut spec = template["spec"].clone();
    for field in ["serviceAccountName", "serviceAccount"] {
        spec.as_object_mut().map(|spec| spec.remove(field));
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec })
}

/// What the server would refuse for good of a build's pod or of a listener's, which takes over who the build runs as, and why.
pub(super) async fn refused_pod(
    cluster: &Cluster,
    listener: &Value,
    job: &Value,
    namespace: &str,
) -> Result<Option<(&'static str, cluster::Error)>> {
    for (what, workload) in [("build's pod", job), ("listener's pod", listener)] {
        if let Some(why) = refusal(cluster, &kind::PODS, namespace, &pod_of(workload)).await? {
            return Ok(Some((what, why)));
        }
    }
    Ok(None)
}

/// What the server would refuse for good of the next listener and of the build's Job, and why: both are tried beside
/// those that are there, and so are their pods.
pub(super) async fn refused(
    cluster: &Cluster,
    plan: &Plan,
    next: &ListenerOf<'_>,
    job: Value,
    namespace: &str,
) -> Result<Option<(&'static str, cluster::Error)>> {
    let mut listener = plan.listener(next);
    let name = &plan.build.name;
    let beside = name.get(..58).unwrap_or(name).trim_end_matches('-');
    listener["metadata"]["name"] = json!(format!("{beside}-next"));
    for (what, resource, object) in
        [("next listener", kind::DEPLOYMENTS, &listener), ("build's Job", kind::JOBS, &job)]
    {
        if let Some(why) = refusal(cluster, &resource, namespace, object).await? {
            return Ok(Some((what, why)));
        }
    }
    refused_pod(cluster, &listener, &job, namespace).await
}

/// Whether the API server refuses an object for what is in it, as opposed to who asks and where.
pub(super) fn blames_the_object(error: &cluster::Error) -> bool {
    use cluster::{Denier, Error};
    match error {
        Error::Denied { by, .. } => {
            !matches!(by, Denier::Terminating | Denier::Escalation) && error.is_refusal()
        }
        _ => error.is_refusal() && !error.is_rbac(),
    }
}

/// Where the API server keeps an object of a pipeline.
pub(super) fn resource_of(object: &Value) -> Result<Resource> {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    resource(text("apiVersion"), text("kind"))
}

/// Where the API server keeps a kind.
pub(super) fn resource(api_version: &str, kind: &str) -> Result<Resource> {
    Resource::of(api_version, kind).ok_or_else(|| {
        Error::usage(
            format!("kind {kind} ({api_version}) is not one that can be created here"),
            "leave it out of the pipeline",
        )
    })
}

/// Patches an object, if it is there still.
pub(super) async fn patch_if_there(
    cluster: &Cluster,
    resource: &Resource,
    namespace: &str,
    name: &str,
    patch: Patch<'_>,
) -> std::result::Result<(), cluster::Error> {
    match cluster.patch::<Object>(resource, Some(namespace), name, patch).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// Deletes an object, whichever one has this name now; `false` if it is gone already.
pub(super) async fn delete(
    cluster: &Cluster,
    resource: &Resource,
    namespace: Option<&str>,
    name: &str,
) -> Result<bool> {
    let Some(found) = cluster.get::<Object>(resource, namespace, name).await? else { return Ok(false) };
    let deletion = cluster.delete(resource, namespace, name, &Delete::uid(found.metadata.uid)).await?;
    Ok(deletion == Deletion::Accepted)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::cluster::Notice;
    use crate::cluster::scripted::{Reply, Scripted};

    #[tokio::test(start_paused = true)]
    async fn a_binding_that_takes_long_to_count_is_told_of_once() {
        let no = "configmaps is forbidden: User \"alice\" cannot list resource \"configmaps\" in API group \"\" in the \
                  namespace \"ci-a\"";
        for (refusals, told) in [(3, 0), (20, 1), (usize::MAX, 1)] {
            let mut left = refusals;
            let (cluster, _) = Scripted::serve(move |_| {
                if left == 0 {
                    return Reply::Json(200, json!({ "metadata": {}, "items": [] }));
                }
                left -= 1;
                Reply::Status(403, "Forbidden", no)
            });
            let notices = Arc::new(Mutex::new(Vec::new()));
            let heard = Arc::clone(&notices);
            cluster.on_notice(move |notice| heard.lock().unwrap().push(notice));
            let query = cluster::Query::default();
            let ask = || cluster.list::<Object>(&crate::cluster::resource::CONFIG_MAPS, Some("ci-a"), &query);
            let answer = patiently(&cluster, ask).await;
            assert_eq!(answer.is_ok(), refusals < usize::MAX, "{answer:?}");
            let notices = notices.lock().unwrap();
            assert_eq!(notices.len(), told, "{notices:?}");
            let says = |notice: &Notice| matches!(notice, Notice::Waiting(why) if why.contains("does not count yet: "));
            assert!(notices.iter().all(says), "{notices:?}");
        }
    }
}
