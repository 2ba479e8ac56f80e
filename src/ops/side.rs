//! What `trigger` and `retry` have in common: a side build is made, beside a chain that takes no notice of it.
//!
//! A number is taken first, in the chain's head. Then come the namespace, the rights of its agent and the agent's Deployment, off
//! Keel from birth, and last of all the head names the finished namespace. Until then the agent begins nothing. So whoever is
//! killed in between leaves something that never runs; an hour later it is given up.

use futures_util::future::try_join;
use jiff::Timestamp;

use super::stop;
use crate::chain::build::{Baseline, Build, Content, Version};
use crate::chain::freeze::Freeze;
use crate::chain::head::Head;
use crate::chain::{names, wire};
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::cluster::{Access, Cluster, Create, Resource};
use crate::local::render::Renderer;
use crate::pipeline::sources::Text;
use crate::pipeline::weave::{Plan, place};
use crate::state::build::{look, readable};
use crate::state::claim::{self, Claim, Claimed};
use crate::state::dispatch::{self, Raise};
use crate::state::enter::{Maker, enter, entitled};
use crate::state::error::{Error, Result, SideFault};
use crate::state::home::{self, Home};
use crate::state::narration::progress;
use crate::state::push_plan::{self, BuildFacts, Push};
use crate::state::record::{self, Record};
use crate::state::write::create;
use crate::state::{DryRun, Say, confinement, dispose, head, seed};

/// How something is built by hand.
#[derive(Debug, Clone, Copy)]
pub struct SideRequest {
    /// Who renders.
    pub renderer: Renderer,
    /// Whether anything is made.
    pub dry_run: DryRun,
    /// Now.
    pub at: Timestamp,
}

/// What is to be built.
#[derive(Debug)]
pub(super) enum SideOf {
    /// What this tag means, by the chain's last good pipeline.
    Tag(String),
    /// What this build was of, by its own pipeline.
    Again {
        /// The build.
        of: String,
        /// What it was of.
        freeze: Freeze,
    },
}

impl SideOf {
    /// What is to be built, as far as that is known yet.
    fn version(&self) -> Version {
        match self {
            Self::Tag(tag) => Version { tag: tag.clone(), content: Content::Unseen },
            Self::Again { freeze, .. } => freeze.version.clone(),
        }
    }

    /// The build that it was before.
    fn retried(&self) -> Option<&str> {
        match self {
            Self::Tag(_) => None,
            Self::Again { of, .. } => Some(of),
        }
    }
}

/// A chain of which something is to be built, as it stands.
#[derive(Debug)]
pub(super) struct SideChain {
    pub(super) name: String,
    pub(super) head: Head,
    pub(super) record: Record,
    home: Home,
}

impl SideChain {
    /// Reads it.
    ///
    /// # Errors
    /// [`Error::NotAUser`]; [`Error::NoSuchChain`]; one that has ended or is being purged; cluster errors.
    pub(super) async fn read(cluster: &Cluster, chain: &str, dry_run: DryRun) -> Result<Self> {
        let home = home::home(cluster).await?;
        entitled(cluster, &wanted(chain, dry_run)).await?;
        let read = try_join(head::head(cluster, chain), record::record(cluster, chain));
        let (head, record) = Box::pin(read).await?;
        let Some(head) = head else { return Err(stop::unknown(cluster, chain).await?) };
        let name = chain.to_owned();
        let record = record.ok_or_else(|| Error::RecordGone { chain: name.clone() })?;
        let it = Self { name, head, record, home };
        it.is_open()?;
        Ok(it)
    }

    /// The text that is built unless a push or a build brings its own.
    pub(super) fn last_good(&self) -> &str {
        self.head.pipeline.as_ref().unwrap_or(&self.record.sources.template.text)
    }

    fn is_open(&self) -> Result<()> {
        let chain = self.name.clone();
        match &self.head.ended {
            _ if self.head.purging => Err(Error::Purging { chain }),
            Some(how) => Err(SideFault::ChainStopped { chain, how: how.clone() }.into()),
            None if self.record.settings.uuid != self.head.uuid => Err(Error::RecordOfAnother { chain }),
            None => Ok(()),
        }
    }

    async fn plan(&self, wanted: &SideOf, namespace: &str, renderer: Renderer) -> Result<Plan> {
        let version = wanted.version();
        let (image, revision) = match wanted {
            SideOf::Tag(_) => (&self.record.settings.repository, None),
            SideOf::Again { freeze, .. } => (&freeze.image, freeze.revision.as_deref()),
        };
        let (text, name) = match wanted {
            SideOf::Tag(_) => (Some(self.last_good()), "last good pipeline".to_owned()),
            SideOf::Again { freeze, of } => (freeze.pipeline.text(), format!("pipeline of {of}")),
        };
        // what a fault says of the record's own template names it as `start` was given it
        let text = text.filter(|text| *text != self.record.sources.template.text);
        let push = Push {
            text: text.map(|text| Text { name, text: text.to_owned() }),
            image,
            version: &version,
            revision,
            at_start: false,
            build: BuildFacts {
                namespace,
                chain: &self.name,
                generation: self.head.next_side(),
                parent: None,
            },
            check: true,
        };
        let (planned, _) = push_plan::planned(renderer, &self.record, &self.home, &push).await?;
        planned.map_err(Error::Pipeline)
    }

    fn may_begin(&self, plan: &Plan, now: Timestamp) -> Result<()> {
        self.is_open()?;
        let most = plan.build.settings.max_per_hour;
        match self.head.rests_until(most as usize, now) {
            None => Ok(()),
            Some(until) => {
                let until = format!("{until:.0}");
                Err(SideFault::Rests { chain: self.name.clone(), until, most }.into())
            }
        }
    }
}

/// The rights that it takes to have something built by hand. A dry run that asks no server reads what would be built, and no more.
fn wanted(chain: &str, dry_run: DryRun) -> Vec<Access> {
    let at_home = |verb: &str, resource: &Resource, name: String| Access {
        name: Some(name),
        ..Access::to(verb, resource, Some(wire::HOME))
    };
    let mut wanted = vec![
        at_home("get", &kind::SECRETS, wire::chain_object(chain)),
        at_home("get", &kind::SECRETS, wire::seed_object(chain)),
    ];
    if dry_run != DryRun::Client {
        wanted.extend([
            Access::to("create", &kind::NAMESPACES, None),
            at_home("patch", &kind::CONFIG_MAPS, wire::chain_object(chain)),
            Access::to("create", &kind::ROLE_BINDINGS, Some(wire::HOME)),
            Access::to("create", &kind::CLUSTER_ROLE_BINDINGS, None),
        ]);
    }
    wanted
}

/// Makes a side build. Of a dry run, as it would be.
///
/// # Errors
/// [`SideFault`]; what is wrong with the pipeline; cluster errors. What was made by then is disposed of.
pub(super) async fn make(
    cluster: &Cluster,
    mut chain: SideChain,
    wanted: &SideOf,
    request: SideRequest,
    say: Say<'_>,
) -> Result<Build> {
    let SideRequest { renderer, dry_run, at } = request;
    let confinement = confinement::check(cluster).await?;
    for line in confinement.said_aloud() {
        progress(say, line);
    }
    let origin = seed::seed_of(cluster, &chain.name).await?;
    let (version, of) = (wanted.version(), wanted.retried());
    let claim_of = |chain: &SideChain, number| {
        Claim::of_listener(
            &chain.record.settings,
            origin,
            &chain.home.added,
            number,
            &Baseline::None,
            None,
            at,
        )
        .of_side(&version, of)
    };
    let first = claim_of(&chain, chain.head.next_side());
    let name = names::sequence(origin, first.generation, &first.prefix).next().unwrap_or_default();
    let plan = chain.plan(wanted, &name, renderer).await?;
    chain.may_begin(&plan, at)?;
    if dry_run.is_dry() {
        return would_be(cluster, &first, &name, dry_run).await;
    }
    let number = take_number(cluster, &mut chain, &plan, at).await?;
    let claim = claim_of(&chain, number);
    let made = async {
        tidy(cluster, &chain.name, at, say).await?;
        let claimed = claim::claim(cluster, &claim, say).await?;
        progress(say, format!("namespace {} is ours", claimed.namespace));
        raise(cluster, &claim, &plan, wanted, &claimed, say).await?;
        settle(cluster, &mut chain, number, &claimed).await?;
        let gone = || Error::DeletedMeanwhile { namespace: claimed.namespace.clone() };
        look(cluster, &claimed.namespace).await?.ok_or_else(gone)
    };
    match Box::pin(made).await {
        Ok(build) => Ok(build),
        Err(error) => {
            Box::pin(give_up(cluster, &claim, at, say)).await;
            Err(error)
        }
    }
}

/// The side build that would be, and would be called so as long as nobody else has that name.
async fn would_be(cluster: &Cluster, claim: &Claim, name: &str, dry_run: DryRun) -> Result<Build> {
    let object = claim.namespace(name);
    let namespace = if dry_run == DryRun::Server {
        let how = Create { dry_run: true, ..Create::default() };
        cluster.create::<NamespaceObject>(&kind::NAMESPACES, None, &object, &how).await?
    } else {
        serde_json::from_value(object).expect("a Namespace of ours is one")
    };
    readable(&namespace)
}

/// Takes the next number, by compare-and-swap.
async fn take_number(cluster: &Cluster, chain: &mut SideChain, plan: &Plan, at: Timestamp) -> Result<u64> {
    loop {
        chain.may_begin(plan, at)?;
        let number = chain.head.next_side();
        match head::move_head(cluster, &chain.name, &chain.head.take_side(at)).await {
            Ok(moved) => {
                chain.head = moved;
                return Ok(number);
            }
            Err(error) if error.is_conflict() => chain.head = head::head_of(cluster, &chain.name).await?,
            Err(error) => return Err(error),
        }
    }
}

/// Disposes of what others have left half made.
async fn tidy(cluster: &Cluster, chain: &str, at: Timestamp, say: Say<'_>) -> Result<()> {
    let mut tell = |target: &dispose::Target, end: &Result<dispose::End>| {
        if let Ok(dispose::End::Deleted) = end {
            progress(say, format!("namespace {} goes: it was left half made", target.namespace));
        }
    };
    dispose::left_behind(cluster, chain, at, &mut tell).await
}

/// Gives the agent its rights, then its Deployment. What is known of the image is frozen before: the agent finds it so.
async fn raise(
    cluster: &Cluster,
    claim: &Claim,
    plan: &Plan,
    wanted: &SideOf,
    claimed: &Claimed,
    say: Say<'_>,
) -> Result<()> {
    let version = wanted.version();
    let raise = Raise { claim, maker: Maker::Person, plan, tag: &version.tag };
    enter(cluster, raise.maker, &claim.there(claimed), claim.trusted_build).await?;
    dispatch::furnish(cluster, &raise, claimed, say).await?;
    if let SideOf::Again { freeze, .. } = wanted {
        let mut object = freeze.object(&claim.chain);
        place(&mut object, &claimed.namespace);
        create(cluster, &object).await?;
    }
    let mut listener = plan.side_listener(claim.generation, &version.tag, version.digest());
    place(&mut listener, &claimed.namespace);
    create(cluster, &listener).await?;
    Ok(())
}

/// Names the finished namespace in the head: from then on its agent builds.
async fn settle(cluster: &Cluster, chain: &mut SideChain, number: u64, claimed: &Claimed) -> Result<()> {
    loop {
        chain.head = head::head_of(cluster, &chain.name).await?;
        chain.is_open()?;
        if chain.head.uid_of(number) == Some(&claimed.uid) {
            return Ok(());
        }
        if !chain.head.is_making(number) {
            return Err(SideFault::GivenUp { namespace: claimed.namespace.clone() }.into());
        }
        match head::move_head(cluster, &chain.name, &chain.head.settle_side(number, &claimed.uid)).await {
            Err(error) if error.is_conflict() => {}
            settled => return settled.map(drop),
        }
    }
}

/// Gives it up, and disposes of what was made of it. Where even this fails, whoever comes next does it.
async fn give_up(cluster: &Cluster, claim: &Claim, at: Timestamp, say: Say<'_>) {
    let number = claim.generation;
    while let Ok(Some(head)) = head::head(cluster, &claim.chain).await {
        if head.uuid != claim.chain_uuid || !head.is_making(number) {
            break;
        }
        match head::move_head(cluster, &claim.chain, &head.give_up_side(number)).await {
            Err(error) if error.is_conflict() => {}
            _ => break,
        }
    }
    if let Err(left) = tidy(cluster, &claim.chain, at, say).await {
        progress(say, format!("what was made of it could not be removed: {left}"));
    }
}
