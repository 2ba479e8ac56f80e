//! Dispatch a listener: claim its namespace, give its agent its rights, and create it.
//!
//! `start` does this for the first generation and an agent for the next one; they differ only in who binds themselves
//! in the new namespace first.

use futures_util::future::{try_join, try_join_all};

use super::Say;
use super::claim::{self, Claim, Claimed, OwnerUuid};
use super::enter::{Maker, enter, usable};
use super::error::{Error, Result};
use super::head::{head_of, move_head};
use super::pull_secrets;
use super::write::{create, patiently};
use crate::chain::head::Head;
use crate::chain::rights;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Delete};
use crate::pipeline::weave::{ListenerOf, Plan, place};
use crate::state::narration::progress;

/// A listener to raise, in a namespace that is claimed for it.
#[derive(Debug, Clone, Copy)]
pub struct Raise<'a> {
    /// The claim of its namespace.
    pub claim: &'a Claim,
    /// Who raises it.
    pub maker: Maker<'a>,
    /// The pipeline to listen with.
    pub plan: &'a Plan,
    /// The tag that it starts from.
    pub tag: &'a str,
}

/// Claims the namespace of that generation and settles it in the head by compare-and-swap. `head`: as it was seen.
///
/// Whoever loses the swap disposes of what they made and takes the winner's. A namespace that is settled and gone by now
/// (somebody deleted it before there was a listener in it) is claimed anew, and nothing that is found then is taken for it: its
/// owner uuid could be read on it.
///
/// # Errors
/// As [`claim::claim`]; [`Error::HeadMoved`], [`Error::ChainEnded`], [`Error::AnotherChain`].
pub async fn claim_next(
    cluster: &Cluster,
    claim: &Claim,
    maker: Maker<'_>,
    head: Head,
    say: Say<'_>,
) -> Result<(Claimed, Head)> {
    let is_first = head.claimed.is_none();
    let lost = match &head.claimed {
        Some((namespace, uid)) if head.generation == claim.generation => {
            !claim::stands(cluster, claim, namespace, uid).await?
        }
        _ => false,
    };
    let (mut ours, uuid) = if lost {
        (Vec::new(), OwnerUuid::Shown)
    } else {
        (claim::standing(cluster, claim).await?, OwnerUuid::Secret)
    };
    if ours.is_empty() {
        ours.push(claim::walk(cluster, claim, uuid, say).await?);
    }
    let settled = settle(cluster, claim, head, &ours[0]).await;
    let losers: Vec<&Claimed> = match &settled {
        // once one was settled, what looks like another one may be a copy of it
        Ok((winner, _)) => {
            ours.iter().filter(|it| it.uid != winner.uid && (it.created || is_first)).collect()
        }
        // what was not made just now may be the one that the head has left
        Err(
            Error::HeadMoved { .. }
            | Error::HeadGone { .. }
            | Error::ChainEnded { .. }
            | Error::AnotherChain { .. },
        ) => ours.iter().filter(|claimed| claimed.created).collect(),
        Err(_) => Vec::new(),
    };
    for loser in losers {
        progress(say, format!("namespace {} lost the swap of the head; deleting it", loser.namespace));
        discard(cluster, claim, maker, loser).await?;
    }
    settled
}

/// Writes the claimed namespace into the head, unless another one stands there.
async fn settle(
    cluster: &Cluster,
    claim: &Claim,
    mut head: Head,
    claimed: &Claimed,
) -> Result<(Claimed, Head)> {
    let chain = claim.chain.as_str();
    loop {
        if let Some(ended) = &head.ended {
            return Err(Error::ChainEnded { chain: chain.to_owned(), how: ended.clone() });
        }
        if head.uuid != claim.chain_uuid {
            return Err(Error::AnotherChain { chain: chain.to_owned() });
        }
        if head.generation != claim.generation {
            return Err(Error::HeadMoved {
                chain: chain.to_owned(),
                generation: claim.generation,
                head: head.generation,
                place: head.claimed.map_or_else(|| "no namespace yet".to_owned(), |(namespace, _)| namespace),
            });
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
        match move_head(cluster, chain, &patch).await {
            Ok(head) => return Ok((claimed.clone(), head)),
            Err(error) if error.is_conflict() => head = head_of(cluster, chain).await?,
            Err(error) => return Err(error),
        }
    }
}

/// Disposes of what an earlier try has claimed for the generation after the last one of a chain that has ended, and the
/// head does not know of; what it knows of goes with the chain.
///
/// # Errors
/// Cluster errors.
pub async fn abandon(cluster: &Cluster, claim: &Claim, maker: Maker<'_>, head: &Head) -> Result<()> {
    if head.uid_of(claim.generation).is_some() {
        return Ok(());
    }
    for claimed in claim::standing(cluster, claim).await? {
        discard(cluster, claim, maker, &claimed).await?;
    }
    Ok(())
}

/// Disposes of a namespace of ours in which nothing was ever put.
async fn discard(cluster: &Cluster, claim: &Claim, maker: Maker<'_>, claimed: &Claimed) -> Result<()> {
    enter(cluster, maker, &claim.there(claimed), claim.trusted_build).await?;
    let how = Delete::uid(&claimed.uid);
    patiently(cluster, || cluster.delete(&kind::NAMESPACES, None, &claimed.namespace, &how)).await?;
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
    enter(cluster, raise.maker, &raise.claim.there(claimed), raise.claim.trusted_build).await?;
    raise_entered(cluster, raise, claimed, say).await
}

/// [`raise`], where the maker is bound already.
pub(crate) async fn raise_entered(
    cluster: &Cluster,
    raise: &Raise<'_>,
    claimed: &Claimed,
    say: Say<'_>,
) -> Result<bool> {
    furnish(cluster, raise, claimed, say).await?;
    let mut listener =
        raise.plan.listener(&ListenerOf { tag: raise.tag, generation: raise.claim.generation });
    place(&mut listener, &claimed.namespace);
    let created = create(cluster, &listener).await?;
    progress(say, format!("listener {} waits in {}", raise.plan.build.name, claimed.namespace));
    Ok(created)
}

/// What there is in a namespace before the Deployment of its agent: that one's rights, and the pull Secrets.
pub(crate) async fn furnish(
    cluster: &Cluster,
    raise: &Raise<'_>,
    claimed: &Claimed,
    say: Say<'_>,
) -> Result<()> {
    let there = raise.claim.there(claimed);
    let mut objects = rights::of_agent(&there, raise.claim.trusted_build);
    objects.extend(pull_secrets::placed(&raise.plan.pull_secrets, &claimed.namespace));
    try_join(
        try_join_all(objects.iter().map(|object| create(cluster, object))),
        usable(cluster, &claimed.namespace, raise.maker.patience(), say),
    )
    .await?;
    Ok(())
}
