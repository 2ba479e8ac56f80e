//! Start a chain: check everything, then home's objects, a claimed namespace, and the first listener. A chain that is
//! there already is left as it is, repaired, or moved on to a fresh listener (`renew`).

mod copy;
mod fill;
mod intent;
mod publish;
mod raise;
mod renew;
mod retain;
mod rights;
mod unchanged;
mod undo;
mod wait;

use serde_json::json;

use crate::chain::head::Head;
use crate::chain::rights::labels;
use crate::chain::wire;
use crate::cluster::Cluster;
use crate::cluster::resource as kind;
use crate::state::Say;
use crate::state::dispatch::{self, Raise};
use crate::state::enter::Maker;
use crate::state::error::Result;
use crate::state::narration::{progress, warn};
use crate::state::{chain, confinement, head, home};

pub use copy::{SecretCopy, SecretSource};
pub use intent::{Intent, StartOutcome, StartRequest, chain_of_checkout};
pub use publish::PublishRequest;

use fill::{create, fill_home};
use raise::raise_listener;
use rights::check_rights;
use undo::undone;
use wait::listening;

/// Starts a chain, or finds that it lives.
///
/// # Errors
/// Before the head is created nothing is.
pub async fn start(cluster: &Cluster, request: &StartRequest, say: Say<'_>) -> Result<StartOutcome> {
    let home = home::home(cluster).await?;
    let request = &StartRequest { copies: copy::read(cluster, &request.secrets).await?, ..request.clone() };
    let mut intent = request.intend(&home)?;
    let confinement = confinement::check(cluster).await?;
    for line in confinement.said_aloud() {
        progress(say, line);
    }
    for notice in &intent.plan.notices {
        warn(say, notice.to_string());
    }
    publish::check(cluster, &intent.record, &request.publish.proxies, say).await?;
    let chain = intent.record.settings.chain.clone();
    if let Some(head) = head::head(cluster, &chain).await? {
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
    let claim = intent.first_claim(request.at);
    let raise = Raise { claim: &claim, maker: Maker::Person, plan: &intent.plan, tag: &intent.tag };
    let (claimed, _) = match dispatch::claim_next(cluster, &claim, raise.maker, head, say).await {
        Err(error) => return Err(undone(cluster, &claim, None, error, say).await),
        claimed => claimed?,
    };
    progress(say, format!("namespace {} is ours", claimed.namespace));
    if let Err(error) = raise_listener(cluster, &raise, &claimed, say).await {
        return Err(undone(cluster, &claim, Some(&claimed), error, say).await);
    }
    retain::tell(intent.record.settings.retention, say);
    listening(cluster, &raise, &claimed, true, request.timeout, say).await.map(StartOutcome::Started)
}

/// Creates the chain's head; `false` with the head that is there, if somebody else started the same chain at the same
/// time.
async fn create_head(cluster: &Cluster, intent: &Intent) -> Result<(Head, bool)> {
    let settings = &intent.record.settings;
    let name = wire::chain_object(&settings.chain);
    let mut labels = labels(&settings.chain);
    labels[wire::ROLE] = json!(wire::ROLE_HEAD);
    let head = chain::config_map(&name, &Head::first(&settings.uuid), &labels);
    let fresh = create(cluster, &kind::CONFIG_MAPS, &head).await?;
    Ok((head::head_of(cluster, &settings.chain).await?, fresh))
}
