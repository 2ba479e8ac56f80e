//! The flags of `start` that say who is told of a chain's builds.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::mistake::Mistake;
use super::pipeline::text;
use crate::chain::publishing::{PublishAsked, TOKEN, WEBHOOK_SECRET, WebhookTemplate};
use crate::cluster::options::Proxies;
use crate::local;
use crate::ops::start::PublishRequest;
use crate::state::error::{Error, StartFlagFault};
use crate::state::record::CopiedValues;

const HEADING: &str = "Publishing options";

/// Who is told.
// nothing of it is judged while the command line is read: clap shows what it refuses, and a secret may have been pasted
#[derive(Debug, Clone, Args)]
pub struct PublishArgs {
    /// Set commit statuses on GitHub, in this repository (default: that of the git remote)
    #[arg(
        help_heading = HEADING,
        long,
        value_name = "OWNER/REPO",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ""
    )]
    pub github: Option<String>,
    /// Environment variable that holds the token for GitHub; kept in Secret chain-NAME
    #[arg(help_heading = HEADING, long, value_name = "NAME", default_value = "GITHUB_TOKEN")]
    pub github_token_env: String,
    /// API of a GitHub Enterprise, such as https://HOST/api/v3 (default: https://api.github.com)
    #[allow(rustdoc::bare_urls, reason = "the help shows it as it is")]
    #[arg(help_heading = HEADING, long, value_name = "URL")]
    pub github_url: Option<String>,
    /// PEM file of the certificate authorities that signed for it, or for the webhook
    #[arg(help_heading = HEADING, long, value_name = "FILE")]
    pub github_ca: Option<PathBuf>,
    /// Where a build is shown, with {namespace}, {chain}, {generation} and {revision}
    #[arg(help_heading = HEADING, long, value_name = "TEMPLATE")]
    pub link: Option<String>,
    /// Send each build as JSON to this address; kept in Secret chain-NAME
    #[arg(help_heading = HEADING, long, value_name = "URL")]
    pub webhook: Option<String>,
    /// Send what this Tera template makes of the build instead, for Slack, Teams or Mattermost
    #[arg(help_heading = HEADING, long, value_name = "FILE")]
    pub webhook_template: Option<PathBuf>,
    /// Environment variable that holds what signs it; kept in Secret chain-NAME
    #[arg(help_heading = HEADING, long, value_name = "NAME")]
    pub webhook_secret_env: Option<String>,
}

impl PublishArgs {
    /// Reads the variables and the file.
    pub(super) fn read(self, proxies: Proxies) -> Result<PublishRequest, Failure> {
        let secret = &self.webhook_secret_env;
        let names = secret.iter().chain([&self.github_token_env]).cloned().collect();
        let read = local::environment::read(&names);
        let mut read = read.map_err(|fault| Mistake::VariableNotText { variable: fault.name })?;
        let mut held = CopiedValues::default();
        if let Some(variable) = secret {
            let value = read.get(variable).cloned().ok_or_else(|| {
                let what = "it is to hold what signs the webhook";
                let fault = StartFlagFault::VariableUnset {
                    variable: variable.clone(),
                    flag: "--webhook-secret-env",
                    what,
                };
                Error::from(fault)
            })?;
            held.0.insert(WEBHOOK_SECRET.to_owned(), value);
        }
        if let Some(token) = read.remove(&self.github_token_env) {
            held.0.insert(TOKEN.to_owned(), token);
        }
        let template = self.webhook_template.map(|path| text(&path, TEMPLATE)).transpose()?;
        let authority = self.github_ca.map(|path| text(&path, AUTHORITY)).transpose()?;
        Ok(PublishRequest {
            asked: PublishAsked {
                github: self.github,
                github_url: self.github_url,
                link: self.link,
                webhook: self.webhook,
                webhook_template: template.map(|file| WebhookTemplate { name: file.name, text: file.text }),
            },
            authority: authority.map(|file| file.text),
            token_variable: self.github_token_env,
            held,
            proxies,
        })
    }
}

/// What to do about a file that is not there, by the flag that names it.
const TEMPLATE: &str = "name a file that makes JSON of a build with --webhook-template FILE";
const AUTHORITY: &str = "name a file of PEM certificates with --github-ca FILE";
