//! Everybody whom a chain tells of its builds, by what `start` has fixed and the chain's Secret holds.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::Outcome;
use super::fault::PublishFault;
use super::github::{Github, Right};
use super::webhook::{Delivery, Webhook};
use crate::chain::build::{Build, Map, Phase};
use crate::chain::commit_status::{CommitStatus, context};
use crate::chain::link::LinkTemplate;
use crate::chain::masking::Masking;
use crate::chain::publishing::{PublishSettings, TOKEN, WEBHOOK_SECRET, WEBHOOK_URL};
use crate::chain::repository::GithubRepository;
use crate::chain::webhook::WebhookBuild;
use crate::cluster::outside::WayOut;

/// Whom a chain tells. What is wrong with one of them keeps no other from being told.
#[derive(Debug)]
pub struct Outlets {
    github: Option<Result<Github, PublishFault>>,
    webhook: Option<Result<Webhook, PublishFault>>,
    link: Option<LinkTemplate>,
    secrets: Masking,
}

impl Outlets {
    /// `held`: what the chain's Secret holds. Nothing is sent yet.
    pub fn of(settings: &PublishSettings, held: &Map, way: &WayOut<'_>) -> Self {
        let secret = |key: &str| held.get(key).map(|text| SecretString::from(text.clone()));
        let way = WayOut { authority: settings.authority.as_deref().map(str::as_bytes), ..way.clone() };
        let github = settings.github.as_ref().map(|github| {
            let repository = GithubRepository::parse(&github.repository).map_err(|why| {
                PublishFault::OutletMalformed { what: "the chain's repository", why: why.to_string() }
            })?;
            Github::new(&github.url, &repository, &secret(TOKEN).unwrap_or_default(), &way)
        });
        let webhook = settings.webhook.as_ref().map(|_| {
            let url = held.get(WEBHOOK_URL).map_or("", String::as_str);
            Webhook::new(url, secret(WEBHOOK_SECRET), &way)
        });
        Self {
            github,
            webhook,
            link: settings.link.as_ref().and_then(|link| LinkTemplate::parse(link).ok()),
            secrets: Masking::of(held.values().map(String::as_str)),
        }
    }

    /// What keeps anybody from being told, whoever it is.
    pub fn fault(&self) -> Option<PublishFault> {
        let github = self.github.iter().filter_map(|it| it.as_ref().err());
        github.chain(self.webhook.iter().filter_map(|it| it.as_ref().err())).next().cloned()
    }

    /// Whether statuses of this chain may be set; none where none are.
    ///
    /// # Errors
    /// As `Github::right`.
    pub async fn right(&self, chain: &str, within: Duration) -> Option<Result<Right, PublishFault>> {
        match self.github.as_ref()? {
            Ok(github) => Some(github.right(&context(chain), within).await),
            Err(fault) => Some(Err(fault.clone())),
        }
    }

    /// Has GitHub show how a build stands. Where there is nothing to say, nothing is said.
    pub async fn status(&self, build: &Build, within: Duration) -> Outcome {
        let status = CommitStatus::of(build, self.link.as_ref(), &self.secrets);
        let (Some(github), Some(status)) = (&self.github, status) else { return Outcome::AlreadyThere };
        match (github, &build.revision) {
            (Err(fault), _) => Outcome::Unpublished(fault.clone()),
            (_, None) => Outcome::Unpublished(PublishFault::NoRevision {}),
            (Ok(github), Some(revision)) => github.publish(revision, &status, within).await,
        }
    }

    /// What the webhook is told of a build, or what a template makes its body of; none where nobody is sent anything.
    pub fn told(&self, build: &Build, now: Timestamp) -> Option<WebhookBuild> {
        let webhook = self.webhook.as_ref()?;
        webhook.is_ok().then(|| WebhookBuild::of(build, self.link.as_ref(), &self.secrets, now))
    }

    /// What a template has made, without secrets that stand in the template itself.
    pub fn masked(&self, body: String) -> String {
        self.secrets.json(body)
    }

    /// Has the webhook take what is told of a build.
    pub async fn deliver(&self, build: &Build, since: Phase, body: String, within: Duration) -> Outcome {
        match &self.webhook {
            None => Outcome::AlreadyThere,
            Some(Err(fault)) => Outcome::Unpublished(fault.clone()),
            Some(Ok(webhook)) => webhook.deliver(&Delivery::of(build, since, body), within).await,
        }
    }
}
