//! The address of a git remote, and the name of the repository in it.

/// Where a repository lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The host without user and port; empty for a path on this machine.
    pub host: String,
    /// The path there, without `.git`.
    pub path: String,
}

impl Remote {
    /// Reads `https://host/owner/repo.git`, `ssh://git@host:22/owner/repo`, `git@host:owner/repo.git` or a path.
    pub fn parse(url: &str) -> Option<Self> {
        let (authority, path) = match url.split_once("://") {
            Some((_, rest)) => rest.split_once('/')?,
            // As git does: a colon before the first slash parts host and path, but for a drive letter.
            None => match url.split_once(':') {
                Some((host, path)) if !host.contains('/') && host.len() > 1 => (host, path),
                _ => ("", url),
            },
        };
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or_default() };
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
        (!path.is_empty()).then(|| Self { host: host.to_lowercase(), path: path.to_owned() })
    }

    /// The last part of the path.
    pub fn repo(&self) -> &str {
        self.path.rsplit(['/', '\\']).next().unwrap_or(&self.path)
    }

    /// `host/owner/repo`, as Go names a module; the path alone where there is no host.
    pub fn module(&self) -> String {
        if self.host.is_empty() { self.path.clone() } else { format!("{}/{}", self.host, self.path) }
    }
}

/// An address without user and password.
pub fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end].rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}{}", &rest[end..])
        }
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            match rest[..end].rsplit_once('@') {
                Some((user, host)) => {
                    let user = user.split(':').next().unwrap_or_default();
                    format!("{scheme}://{user}@{host}{}", &rest[end..])
                }
                None => url.to_owned(),
            }
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (url, module, repo) in [
            (
                "https://github.com/leaf-ai/studio-go-runner.git",
                "github.com/leaf-ai/studio-go-runner",
                "studio-go-runner",
            ),
            ("https://me:token@GitHub.com:8443/a/b/", "github.com/a/b", "b"),
            ("git@github.com:a/b.git", "github.com/a/b", "b"),
            ("host:b", "host/b", "b"),
            ("ssh://git@host:2222/a/b.git", "host/a/b", "b"),
            ("git://host/b.git/", "host/b", "b"),
            ("https://[::1]:80/a/b", "[::1]:80/a/b", "b"),
            ("file:///srv/git/b.git", "srv/git/b", "b"),
            ("/srv/git/b.git", "srv/git/b", "b"),
            ("../b", "../b", "b"),
            ("C:\\work\\b", "C:\\work\\b", "b"),
        ] {
            let remote = Remote::parse(url).unwrap();
            assert_eq!((remote.module().as_str(), remote.repo()), (module, repo), "{url}");
        }
        for url in ["", "/", "https://host/", "https://host"] {
            assert_eq!(Remote::parse(url), None, "{url}");
        }
    }

    #[test]
    fn a_password_does_not_stay() {
        for (url, expected) in [
            ("https://me:token@host/a", "https://host/a"),
            ("https://token@host/a@b", "https://host/a@b"),
            ("https://host/a", "https://host/a"),
            ("ssh://git:pw@host/a", "ssh://git@host/a"),
            ("ssh://git@host/a", "ssh://git@host/a"),
            ("git@host:a", "git@host:a"),
        ] {
            assert_eq!(without_credentials(url), expected);
        }
    }
}
