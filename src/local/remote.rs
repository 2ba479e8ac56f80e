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
    /// Reads `https://host/owner/repo.git`, `ssh://git@host:22/owner/repo`, `git@host:owner/repo.git` or a path, without
    /// query and fragment.
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
        let path = path.trim_matches('/');
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

/// Whether this is an address, and not the name of a remote: git's names of remotes hold no colon, and one with a slash
/// in it that git does not know is a path.
pub fn is_address(name: &str) -> bool {
    name.contains([':', '/', '\\'])
}

/// Whether this is the command line of one of git's remote helpers, such as `ext::ssh -i key host %S`, in which anything
/// may stand.
pub fn is_command(url: &str) -> bool {
    url.split_once("::").is_some_and(|(helper, rest)| {
        let named = !helper.is_empty() && helper.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        named && (helper == "ext" || !rest.contains("://"))
    })
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
            ("../c#/b", "../c#/b", "b"),
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
    fn a_helpers_command_line_is_no_address() {
        for url in ["ext::sh -c x", "ext::curl -u me:token https://host", "fd::7"] {
            assert!(is_command(url), "{url}");
        }
        for url in ["gcrypt::https://host/a", "https://[::1]/a", "host:a", "::a", "/a::b"] {
            assert!(!is_command(url), "{url}");
        }
    }
}
