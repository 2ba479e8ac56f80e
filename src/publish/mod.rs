//! The only room that tells others of a build: GitHub, by a commit status, and whoever has a webhook.
//!
//! What is to be said stands in [`commit_status`](crate::chain::commit_status) and in
//! [`build_object`](crate::chain::build_object); this room gets it there, exactly once as far as the other side can be asked,
//! within the time that it is given. It keeps nothing: an [`Outcome`] says what its caller has to write down, and a call that
//! is made again looks at what is there first.
//!
//! It refuses to send anything in the clear, to follow a redirect to another server, and to quote a token, a webhook's path or
//! what a webhook answers. Connections are those of [`cluster`](crate::cluster::outside), whose proxies and bounds count here,
//! too.

mod address;
mod answer;
mod fault;
mod github;
mod outlets;
mod patience;
mod webhook;

use std::time::Duration;

use crate::chain::repository::GITHUB_API;
use crate::cluster::USER_AGENT;
use crate::cluster::options::Proxies;
use crate::cluster::outside::{Outside, WayOut};
pub use fault::PublishFault;
pub use github::Right;
pub use outlets::Outlets;

#[cfg(test)]
use self::{
    github::Github,
    webhook::{Delivery, Webhook, signature},
};

/// What came of telling somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is there, and was not before.
    Published,
    /// It was there already, word for word, and nothing was sent.
    AlreadyThere,
    /// It may get there later; whether it is there nobody knows.
    Later {
        /// Not before so long from now, by the other side's wish or by our patience.
        after: Duration,
        /// Why not now.
        why: PublishFault,
    },
    /// It will not get there, however often it is tried, until somebody does what the fault's remedy says.
    Unpublished(PublishFault),
}

/// The host of a GitHub's API.
///
/// # Errors
/// An address that cannot be used.
pub fn api_host(api: &str) -> Result<String, PublishFault> {
    Ok(address::read(address::GITHUB, api)?.host().unwrap_or_default().to_owned())
}

/// What is wrong with proxies that agents are to reach others by.
pub fn proxy_fault(proxies: &Proxies) -> Option<PublishFault> {
    let user = |text: &String| text.rsplit_once('@').map(|(_, host)| host.to_owned());
    if let Some(host) = proxies.https.as_ref().and_then(user) {
        return Some(PublishFault::ProxyWithUser { host });
    }
    let way = WayOut { proxies: proxies.clone(), proxy_named: PROXY_FLAG, ..WayOut::default() };
    let github = GITHUB_API.parse().expect("it is an address");
    Outside::to(&github, &way).err().map(github::of_way)
}

/// What names the proxy of agents.
const PROXY_FLAG: &str = "--https-proxy";

#[cfg(test)]
mod github_tests;
#[cfg(test)]
mod webhook_tests;
