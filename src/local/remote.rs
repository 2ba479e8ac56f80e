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

/// An address without what may be a credential in it: user, password and query. Over ssh a user is part of the address
/// and stays, but without a password.
///
/// One that cannot be an address as it stands loses everything up to its last `@`: a `/` or `#` in a password is why.
pub fn without_credentials(url: &str) -> String {
    // an address may stand in an address, as behind a proxy that is named by its path
    let Some((scheme, rest)) = url.rsplit_once("://") else {
        // `user:password@host/path`, which git takes for a path on the host `user`, also behind slashes
        let bare = |part: &str| match (part.find(':'), part.rfind('@')) {
            (Some(colon), Some(at)) if colon < at => part[at + 1..].to_owned(),
            _ => part.to_owned(),
        };
        return url.split('/').map(bare).collect::<Vec<_>>().join("/");
    };
    let scheme = if scheme.contains("://") { without_credentials(scheme) } else { scheme.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let parted = authority.rsplit_once('@').or_else(|| authority.rsplit_once("%40"));
    let (user, host, path) = match (parted, path.rsplit_once('@')) {
        (Some((user, host)), _) => (user, host, path),
        (None, Some((_, behind))) if port_of(authority).is_err() => {
            let (host, path) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
            ("", host, path)
        }
        (None, _) => ("", authority, path),
    };
    let host = port_of(host).map_or_else(|name| name, |()| host);
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    let over_ssh = ["ssh", "git+ssh", "ssh+git"].contains(&scheme.to_ascii_lowercase().as_str());
    match user.split(':').next().filter(|user| over_ssh && !user.is_empty()) {
        Some(user) => format!("{scheme}://{user}@{host}{path}"),
        None => format!("{scheme}://{host}{path}"),
    }
}

/// Whether this is `host` or `host:port`; of what is neither, such as `user:the-first-half-of-a-password`, the part before
/// the colon.
fn port_of(authority: &str) -> Result<(), &str> {
    let name = authority.rfind(']').map_or(0, |end| end + 1);
    match authority[name..].find(':') {
        Some(colon) if !authority[name + colon + 1..].bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(&authority[..name + colon])
        }
        _ => Ok(()),
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
            ("HTTPS://me:token@host/a", "HTTPS://host/a"),
            ("https://me:to/ken@host:1/a/b", "https://host:1/a/b"),
            ("https://me:to#ken@host/a", "https://host/a"),
            ("https://me:to@ken@host/a", "https://host/a"),
            ("https://me:token%40host/a", "https://host/a"),
            ("https://me:token/a", "https://me/a"),
            ("https://me:token", "https://me"),
            ("https://host:8443/a@b", "https://host:8443/a@b"),
            ("https://[::1]:8443/a@b", "https://[::1]:8443/a@b"),
            ("https://host/a.git?private_token=token", "https://host/a.git"),
            ("https://token@host?x", "https://host"),
            ("ftp://me:token@host/a", "ftp://host/a"),
            ("gcrypt::https://me:token@host/a", "gcrypt::https://host/a"),
            ("ssh://:pw@host/a", "ssh://host/a"),
            ("https://me:token@proxy/https://me:token@host/a", "https://proxy/https://host/a"),
            ("me:token@host/a", "host/a"),
            ("https:/me:token@host/a", "https:/host/a"),
            ("//me:token@host/a", "//host/a"),
            ("me:token@host:a", "host:a"),
            ("file:///srv/a", "file:///srv/a"),
            ("/srv/a@b", "/srv/a@b"),
            ("../a", "../a"),
            ("origin", "origin"),
        ] {
            assert_eq!(without_credentials(url), expected, "{url}");
        }
        for url in ["ext::sh -c x", "ext::curl -u me:token https://host", "fd::7"] {
            assert!(is_command(url), "{url}");
        }
        for url in ["gcrypt::https://host/a", "https://[::1]/a", "host:a", "::a", "/a::b"] {
            assert!(!is_command(url), "{url}");
        }
    }
}
