//! Whom a chain tells of its builds: what flags and pipeline say is made one, and asked before anything is created.

use std::time::Duration;

use crate::chain::build::Map;
use crate::chain::case::Blame;
use crate::chain::link::LinkTemplate;
use crate::chain::publishing::{
    GithubSettings, PublishAsked, PublishSettings, TOKEN, WEBHOOK_SECRET, WEBHOOK_URL,
};
use crate::chain::repository::{GITHUB_API, GithubRepository, RepositoryFault};
use crate::chain::webhook::samples;
use crate::cluster::Cluster;
use crate::cluster::options::Proxies;
use crate::cluster::outside::WayOut;
use crate::local::remote::Remote;
use crate::local::render::{Renderer, Task};
use crate::publish::{Outlets, Right, api_host};
use crate::state::Say;
use crate::state::error::{Result, StartFlagFault};
use crate::state::narration::{progress, warn};
use crate::state::record::{CopiedValues, Record};
use crate::state::webhook;

/// How long it may take to ask GitHub.
const ASKING: Duration = Duration::from_secs(20);

/// What `start` is asked for.
#[derive(Debug, Clone, Default)]
pub struct PublishRequest {
    /// The flags.
    pub asked: PublishAsked,
    /// Certificate authorities that count besides the usual ones, PEM.
    pub authority: Option<String>,
    /// The variable that holds the token for GitHub.
    pub token_variable: String,
    /// The token and what signs webhooks, as far as they were given, by their keys in the chain's Secret.
    pub held: CopiedValues,
    /// The proxies of whoever starts the chain.
    pub proxies: Proxies,
}

/// The chain's settings, and what its Secret holds for them.
type Settled = std::result::Result<(PublishSettings, Map), StartFlagFault>;

impl PublishRequest {
    /// The chain's settings, and what its Secret holds for them. `remote`: the git remote.
    pub(super) fn settle(&self, of_pipeline: &PublishAsked, remote: Option<&str>) -> Settled {
        let PublishAsked { github, github_url, link, webhook, webhook_template } = self.asked.or(of_pipeline);
        if let Some(link) = &link {
            LinkTemplate::parse(link)?;
        }
        let mut held = Map::new();
        let mut keep = |key: &str| {
            let value = self.held.0.get(key).cloned();
            value.map(|value| held.insert(key.to_owned(), value)).is_some()
        };
        let mut settings = PublishSettings { link, ..PublishSettings::default() };
        if let Some(name) = github {
            let url = github_url.unwrap_or_else(|| GITHUB_API.to_owned());
            let repository = repository(&name, remote, &url)?.to_string();
            settings.github = Some(GithubSettings { repository, url });
            if !keep(TOKEN) {
                let (variable, flag) = (self.token_variable.clone(), "--github-token-env");
                let what = "it is to hold the token that sets commit statuses";
                return Err(StartFlagFault::VariableUnset { variable, flag, what });
            }
        }
        if let Some(url) = webhook {
            keep(WEBHOOK_SECRET);
            let host = url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?', '#']).next();
            settings.webhook =
                Some(host.unwrap_or_default().rsplit('@').next().unwrap_or_default().to_owned());
            held.insert(WEBHOOK_URL.to_owned(), url);
            settings.webhook_template = webhook_template;
        } else if let Some(template) = webhook_template {
            return Err(StartFlagFault::TemplateForNobody { name: template.name });
        }
        if settings.any() {
            settings.authority.clone_from(&self.authority);
        }
        match Outlets::of(&settings, &held, &WayOut::default()).fault() {
            Some(fault) => Err(fault.into()),
            None => Ok((settings, held)),
        }
    }
}

/// Tries a webhook's template on builds as they come, before anything is created.
///
/// # Errors
/// What it cannot make a body of.
pub(super) fn try_template(settings: &PublishSettings, chain: &str, renderer: Renderer) -> Result<()> {
    let Some(template) = &settings.webhook_template else { return Ok(()) };
    let link = settings.link.as_ref().and_then(|link| LinkTemplate::parse(link).ok());
    renderer.text(&Task::Body(webhook::text(template), samples(chain, link.as_ref())))?;
    Ok(())
}

fn repository(
    name: &str,
    remote: Option<&str>,
    api: &str,
) -> std::result::Result<GithubRepository, StartFlagFault> {
    if !name.is_empty() {
        return Ok(GithubRepository::parse(name)?);
    }
    let api = api_host(api)?;
    let remote = remote.and_then(Remote::parse).ok_or(RepositoryFault::NoRemote {})?;
    Ok(GithubRepository::of_remote(&remote.host, &remote.path, &api)?)
}

/// Asks GitHub whether the token may set statuses, and says what they are worth.
///
/// # Errors
/// That it may not. Where nobody can tell now, that is warned of: agents may reach whom whoever starts the chain does not.
pub(super) async fn check(cluster: &Cluster, record: &Record, proxies: &Proxies, say: Say<'_>) -> Result<()> {
    let settings = &record.settings;
    let Some(github) = &settings.publish.github else { return Ok(()) };
    let way = cluster.way_out(proxies.clone(), "https_proxy");
    let outlets = Outlets::of(&settings.publish, &record.held.0, &way);
    let repository = &github.repository;
    match outlets.right(&settings.chain, ASKING).await {
        Some(Err(fault)) => match fault.advice() {
            Some((Blame::Timeout, _)) => warn(
                say,
                format!("whether the token may set commit statuses on {repository} cannot be asked: {fault}"),
            ),
            _ => return Err(StartFlagFault::from(fault).into()),
        },
        Some(Ok(Right::MayRenamed)) => {
            warn(say, format!("{repository} has another name by now; GitHub still takes this one"));
        }
        Some(Ok(Right::May)) | None => {}
    }
    progress(
        say,
        format!(
            "commit statuses go to {repository}: whoever may push to {} can set one on any commit there \
             (docs/security.md)",
            settings.repository
        ),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(github: Option<&str>, url: Option<&str>, webhook: Option<&str>) -> PublishRequest {
        let text = |text: Option<&str>| text.map(str::to_owned);
        PublishRequest {
            asked: PublishAsked {
                github: text(github),
                github_url: text(url),
                webhook: text(webhook),
                ..PublishAsked::default()
            },
            token_variable: "GITHUB_TOKEN".to_owned(),
            held: CopiedValues(Map::from([
                (TOKEN.to_owned(), "t0ken".to_owned()),
                (WEBHOOK_SECRET.to_owned(), "s3cret".to_owned()),
            ])),
            ..PublishRequest::default()
        }
    }

    fn settled(request: &PublishRequest, remote: Option<&str>) -> Settled {
        request.settle(&PublishAsked::default(), remote)
    }

    #[test]
    fn the_repository_is_the_named_one_or_that_of_the_remote() {
        const REMOTE: Option<&str> = Some("git@github.com:o/r.git");
        for (github, url, remote, want) in [
            ("a/b", None, REMOTE, Ok("a/b")),
            ("", None, REMOTE, Ok("o/r")),
            ("", Some("https://ghe.example/api/v3"), Some("https://ghe.example/o/r"), Ok("o/r")),
            ("", Some("https://ghe.example/api/v3"), REMOTE, Err("the remote is at github.com")),
            ("", None, None, Err("no remote says which repository")),
            ("", None, Some("/srv/git/r"), Err("no remote says which repository")),
            ("b", None, REMOTE, Err("is no repository on GitHub")),
            ("a/b", Some("http://ghe.example"), None, Err("without TLS")),
        ] {
            let found = settled(&asked(Some(github), url, None), remote);
            let found = found.map(|(settings, _)| settings.github.unwrap().repository);
            match (found, want) {
                (Ok(found), Ok(want)) => assert_eq!(found, want),
                (Err(fault), Err(why)) => assert!(fault.to_string().contains(why), "{github}: {fault}"),
                (found, want) => panic!("{github} {url:?}: {found:?} {want:?}"),
            }
        }
    }

    #[test]
    fn what_proves_who_sends_goes_into_the_chains_secret_and_nowhere_else() {
        let hook = "https://hooks.example:8443/services/PATH?key=KEY";
        let (settings, held) = settled(&asked(Some("a/b"), None, Some(hook)), None).unwrap();
        assert_eq!(settings.webhook.as_deref(), Some("hooks.example:8443"));
        let told = serde_json::json!(settings).to_string();
        assert!(!["PATH", "KEY", "t0ken", "s3cret"].iter().any(|it| told.contains(it)), "{told}");
        assert_eq!(held.keys().collect::<Vec<_>>(), [TOKEN, WEBHOOK_SECRET, WEBHOOK_URL]);
        // what nobody is told with is kept by nobody
        let (settings, held) = settled(&asked(None, None, None), None).unwrap();
        assert_eq!((settings, held.len()), (PublishSettings::default(), 0));
        let (_, held) = settled(&asked(None, None, Some(hook)), None).unwrap();
        assert!(!held.contains_key(TOKEN));
    }

    #[test]
    fn a_token_that_is_not_there_is_asked_for_by_the_variable_that_should_hold_it() {
        let request = PublishRequest { held: CopiedValues::default(), ..asked(Some("a/b"), None, None) };
        let fault = settled(&request, None).unwrap_err();
        assert!(fault.to_string().contains("GITHUB_TOKEN is not set"), "{fault}");
        assert!(fault.advice().unwrap().1.contains("--github-token-env NAME"), "{fault:?}");
        let mut request = asked(Some("a/b"), None, None);
        request.held.0.insert(TOKEN.to_owned(), " \n".to_owned());
        assert!(settled(&request, None).unwrap_err().to_string().contains("is empty"));
    }
}
