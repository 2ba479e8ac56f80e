//! Where the results of a chain go, as `start` fixes it.

use serde::{Deserialize, Serialize};

/// The key of the chain's Secret that holds the token for GitHub. No variable of an environment has a hyphen in its name.
pub const TOKEN: &str = "github-token";
/// The key of the chain's Secret that holds the webhook's address, whose path may prove who sends.
pub const WEBHOOK_URL: &str = "webhook-url";
/// The key of the chain's Secret that holds what signs a webhook.
pub const WEBHOOK_SECRET: &str = "webhook-secret";

/// Where results are to go, by flags or by the pipeline's Namespace document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishAsked {
    /// `OWNER/REPO`, or nothing for the one of the git remote.
    pub github: Option<String>,
    /// The address of the API.
    pub github_url: Option<String>,
    /// Where a build can be looked at.
    pub link: Option<String>,
    /// Who is sent each build's object.
    pub webhook: Option<String>,
    /// What it is sent instead.
    pub webhook_template: Option<WebhookTemplate>,
}

impl PublishAsked {
    /// What is not said here is taken from there.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let (mine, other) = (self.clone(), other.clone());
        Self {
            github: mine.github.or(other.github),
            github_url: mine.github_url.or(other.github_url),
            link: mine.link.or(other.link),
            webhook: mine.webhook.or(other.webhook),
            webhook_template: mine.webhook_template.or(other.webhook_template),
        }
    }
}

/// The template of the body for a receiver that wants another one than the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookTemplate {
    /// The file, or the annotation that holds it.
    pub name: String,
    /// The text.
    pub text: String,
}

/// Where the results of a chain go. What proves who sends stands in the chain's Secret and not here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PublishSettings {
    /// The repository that commit statuses are set on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github: Option<GithubSettings>,
    /// Host of the webhook, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// What it is sent instead of a build's object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_template: Option<WebhookTemplate>,
    /// Where a build can be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Certificate authorities that count besides the usual ones, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// A repository on GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GithubSettings {
    /// `OWNER/REPO`.
    pub repository: String,
    /// The address of the API.
    pub url: String,
}

impl PublishSettings {
    /// Whether there are none.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Whether anybody is told anything.
    pub fn any(&self) -> bool {
        self.github.is_some() || self.webhook.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_come_before_what_the_pipeline_says() {
        let asked = |github: &str, link: Option<&str>| PublishAsked {
            github: Some(github.to_owned()),
            link: link.map(str::to_owned),
            ..PublishAsked::default()
        };
        assert_eq!(asked("a/b", None).or(&asked("c/d", Some("l"))), asked("a/b", Some("l")));
        assert_eq!(PublishAsked::default().or(&asked("", None)), asked("", None));
    }
}
