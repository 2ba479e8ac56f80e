//! The repository on GitHub, or on a GitHub Enterprise, that commit statuses are set on.

use std::fmt;

use super::case::cases;

cases! {
    /// A repository that is none on GitHub.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    pub enum RepositoryFault {}

    "The repository on GitHub" {
        /// Not of the form OWNER/REPO.
        RepositoryMalformed { text: String } Usage
            "{text:?} is no repository on GitHub"
            => "write it as OWNER/REPO: --github OWNER/REPO";
        /// The remote is elsewhere.
        RemoteElsewhere { host: String, github: String } Usage
            "the remote is at {host}, and statuses would be set at {github}"
            => "name the repository there (--github OWNER/REPO), or the GitHub that the remote is at (of a GitHub Enterprise \
                --github-url https://{host}/api/v3)";
        /// No remote at all, or one that is no address.
        NoRemote {} Usage
            "no remote says which repository on GitHub this is"
            => "name it: --github OWNER/REPO";
    }
}

/// The address of github.com's API.
pub const GITHUB_API: &str = "https://api.github.com";

/// A repository by its owner and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubRepository {
    owner: String,
    name: String,
}

impl fmt::Display for GithubRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl GithubRepository {
    /// Reads `OWNER/REPO`. Neither part holds what would be escaped in a path.
    ///
    /// # Errors
    /// [`RepositoryFault::RepositoryMalformed`].
    pub fn parse(text: &str) -> Result<Self, RepositoryFault> {
        let malformed = || RepositoryFault::RepositoryMalformed {
            // an address that was pasted may hold a token
            text: super::address::without_credentials(text).chars().take(100).collect(),
        };
        let (owner, name) = text.split_once('/').ok_or_else(malformed)?;
        let name = name.strip_suffix(".git").unwrap_or(name);
        let fits = |part: &str, marks: &[u8], most: usize| {
            (1..=most).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
        };
        // an underscore stands in the names of users that an enterprise manages
        if !fits(owner, b"-_", 100) || !fits(name, b"-_.", 100) || name.bytes().all(|byte| byte == b'.') {
            return Err(malformed());
        }
        Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
    }

    /// The one that a git remote names, by host and path, where the API at `api_host` is that host's.
    ///
    /// # Errors
    /// All of [`RepositoryFault`].
    pub fn of_remote(host: &str, path: &str, api_host: &str) -> Result<Self, RepositoryFault> {
        let (host, github) = (web_host(host), web_host(api_host));
        if host.is_empty() {
            return Err(RepositoryFault::NoRemote {});
        }
        if host != github {
            return Err(RepositoryFault::RemoteElsewhere { host, github });
        }
        Self::parse(path)
    }
}

/// The host that people know: github.com of `api.github.com`, and of `ssh.github.com`, which serves git over port 443.
fn web_host(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let of_github = |name: &str| name == "github.com" || name.ends_with(".ghe.com");
    let bare = host.strip_prefix("api.").or_else(|| host.strip_prefix("ssh."));
    bare.filter(|name| of_github(name)).map(str::to_owned).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_an_owner_and_a_name_of_githubs_letters() {
        for text in ["o/r", "leaf-ai/studio-go-runner", "o/.github", "some_corp/r.x_y-z"] {
            assert_eq!(GithubRepository::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(GithubRepository::parse("o/r.git").unwrap().to_string(), "o/r");
        for text in [
            "",
            "r",
            "/r",
            "o/",
            "o/.git",
            "o/r/s",
            "o/..",
            "o/.",
            "o/a b",
            "o/r?x",
            "ö/r",
            "https://me:TOKEN@github.com/o/r",
        ] {
            let fault = GithubRepository::parse(text).unwrap_err();
            assert!(matches!(fault, RepositoryFault::RepositoryMalformed { .. }), "{text}");
            assert!(!fault.to_string().contains("TOKEN"), "{fault}");
        }
    }

    #[test]
    fn a_remotes_repository_is_taken_where_the_api_is_that_hosts() {
        for (host, path, api, expected) in [
            ("github.com", "o/r", "api.github.com", Some("o/r")),
            ("ssh.github.com", "o/r", "api.github.com", Some("o/r")),
            ("GitHub.com", "o/r", "api.github.com", Some("o/r")),
            ("ghe.example", "o/r", "ghe.example", Some("o/r")),
            ("corp.ghe.com", "o/r", "api.corp.ghe.com", Some("o/r")),
            ("gitlab.com", "o/r", "api.github.com", None),
            ("github.com.evil.example", "o/r", "api.github.com", None),
            ("api.ghe.example", "o/r", "ghe.example", None),
            ("github.com", "o/r/s", "api.github.com", None),
            ("", "srv/git/r", "api.github.com", None),
        ] {
            let read = GithubRepository::of_remote(host, path, api).ok().map(|it| it.to_string());
            assert_eq!(read.as_deref(), expected, "{host} {path} {api}");
        }
        let elsewhere = GithubRepository::of_remote("git.corp.example", "o/r", "api.github.com").unwrap_err();
        let remedy = elsewhere.advice().unwrap().1;
        assert!(remedy.contains("--github-url https://git.corp.example/api/v3"), "{remedy}");
    }
}
