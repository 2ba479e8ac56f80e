//! Addresses as they may be shown and recorded: a git remote's, a server's, a proxy's.
//!
//! One masking for all of them. What is no address is masked too: who misspells one has a password in it all the same.

/// An address without what may be a credential in it: user, password, query and fragment. Over ssh a user is part of the
/// address and stays if it is a plain account name: a token may have been written in its place.
///
/// One that cannot be an address as it stands loses everything up to its last `@`, and what stands for a port and is none: a
/// password with a `/` or a `#` in it, or without the `@` behind it, is why it cannot.
pub fn without_credentials(address: &str) -> String {
    // an address may stand in an address, as behind a proxy that is named by its path
    let Some((scheme, rest)) = address.rsplit_once("://") else { return without_scheme(address) };
    let scheme = if scheme.contains("://") { without_credentials(scheme) } else { scheme.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let parted = authority.rsplit_once('@').or_else(|| authority.rsplit_once("%40"));
    let (user, host, path) = match (parted, path.rsplit_once('@')) {
        (Some((user, host)), _) => (user, host, path),
        // `user:12` may be a host with its port, and the beginning of a password that has a `/` in it
        (None, Some((_, behind))) if authority.contains(':') && !authority.starts_with('[') => {
            let (host, path) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
            ("", host, path)
        }
        (None, _) => ("", authority, path),
    };
    let host = port_of(host).map_or_else(|name| format!("{name}:…"), |()| host.to_owned());
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    let over_ssh = ["ssh", "git+ssh", "ssh+git"].contains(&scheme.to_ascii_lowercase().as_str());
    match user.split(':').next().filter(|user| over_ssh && is_account(user)) {
        Some(user) => format!("{scheme}://{user}@{host}{path}"),
        None => format!("{scheme}://{host}{path}"),
    }
}

/// The same of a server's or a proxy's address, which has no `@` but the one behind its user: whatever stands before the last
/// one may be of a password, and so may a path behind a port that is none.
pub fn server_without_credentials(address: &str) -> String {
    let (scheme, rest) =
        address.split_once("://").map_or((None, address), |(scheme, rest)| (Some(scheme), rest));
    let behind = rest.rsplit_once('@').map_or(rest, |(_, behind)| behind);
    let masked = match scheme {
        Some(scheme) => without_credentials(&format!("{scheme}://{behind}")),
        None => without_credentials(behind),
    };
    match masked.split_once(":…/") {
        Some((host, _)) => format!("{host}:…"),
        None => masked,
    }
}

/// The same of what has no scheme: a name, a path, `host:port`, `user@host:path`, and `user:password@host/path`, which git
/// takes for a path on the host `user`.
fn without_scheme(address: &str) -> String {
    let end = address.find('?').filter(|at| address[*at..].contains('=')).unwrap_or(address.len());
    let address = &address[..end];
    let mut begin = 0;
    for part in address.split('/') {
        let password = part.find(':').is_some_and(|at| at + 1 < part.len() && !part[..at].contains('@'));
        let behind = &address[begin..];
        let user = behind.rfind('@').map(|at| at + 1).max(behind.rfind("%40").map(|at| at + 3));
        if let Some(user) = user.filter(|_| password) {
            return format!("{}{}", &address[..begin], &behind[user..]);
        }
        begin += part.len() + 1;
    }
    let (first, path) = address.split_at(address.find('/').unwrap_or(address.len()));
    let Some((user, host)) = first.rsplit_once('@') else { return address.to_owned() };
    // a number behind the colon, and nothing more, is a port: what has one is no address of ssh's
    let over_ssh = host
        .split_once(':')
        .is_some_and(|(_, begun)| !(path.is_empty() && begun.bytes().all(|byte| byte.is_ascii_digit())));
    if over_ssh && is_account(user) { address.to_owned() } else { format!("{host}{path}") }
}

/// Whether this is the name of an account as systems have them, and not a token.
fn is_account(user: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    user.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && user.bytes().all(plain)
        && user.len() <= 32
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
    fn nothing_that_may_be_a_credential_stays() {
        for (address, expected) in [
            ("https://me:TOKEN@host/a", "https://host/a"),
            ("https://TOKEN@host/a@b", "https://host/a@b"),
            ("https://host/a", "https://host/a"),
            ("HTTPS://me:TOKEN@host/a", "HTTPS://host/a"),
            ("https://me:TOKEN@host:6443/clusters/c-1", "https://host:6443/clusters/c-1"),
            ("socks5://me:TOKEN@proxy:1080", "socks5://proxy:1080"),
            // a password with the letters that end a host, or without the `@` behind it
            ("https://me:TO/KEN@host:1/a/b", "https://host:1/a/b"),
            ("https://me:TO#KEN@host/a", "https://host/a"),
            ("https://me:TO@KEN@host/a", "https://host/a"),
            ("https://me:TO KEN@host/a", "https://host/a"),
            ("https://me:TOKEN/a", "https://me:…/a"),
            ("https://me:TOKEN", "https://me:…"),
            ("https://[::1]:TOKEN", "https://[::1]:…"),
            // escaped
            ("https://me:TOKEN%40host/a", "https://host/a"),
            ("https://me%3ATOKEN@host/a", "https://host/a"),
            ("https://me%3ATOKEN%40host/a", "https://host/a"),
            ("https%3A%2F%2Fme:TOKEN%40host/a", "host/a"),
            ("https://me:12/TOKEN@host/a", "https://host/a"),
            ("https://host/a@b", "https://host/a@b"),
            ("https://[::1]:8443/a@b", "https://[::1]:8443/a@b"),
            ("https://host/a.git?private_token=TOKEN", "https://host/a.git"),
            ("https://host/a.git#access_token=TOKEN", "https://host/a.git"),
            ("https://TOKEN@host?x", "https://host"),
            ("ftp://me:TOKEN@host/a", "ftp://host/a"),
            ("gcrypt::https://me:TOKEN@host/a", "gcrypt::https://host/a"),
            ("https://me:TOKEN@proxy/https://me:TOKEN@host/a", "https://proxy/https://host/a"),
            ("https:/me:TOKEN@host/a", "https:/host/a"),
            ("//me:TOKEN@host/a", "//host/a"),
            // without a scheme
            ("me:TOKEN@host/a", "host/a"),
            ("me:TO/KEN@host:3128", "host:3128"),
            ("me:TOKEN@host:a", "host:a"),
            ("me:TOKEN%40host:a", "host:a"),
            ("TOKEN@host/a", "host/a"),
            ("TOKEN@host", "host"),
            ("token@host:3128", "host:3128"),
            ("host/a.git?private_token=TOKEN", "host/a.git"),
            ("git@host:a.git?private_token=TOKEN", "git@host:a.git"),
            ("file:///srv/a", "file:///srv/a"),
            ("/srv/a@b", "/srv/a@b"),
            ("../a", "../a"),
            ("../a@b", "../a@b"),
            ("../c#/a", "../c#/a"),
            ("C:\\work\\b", "C:\\work\\b"),
            ("origin", "origin"),
        ] {
            assert_eq!(without_credentials(address), expected, "{address}");
        }
    }

    #[test]
    fn of_a_servers_address_nothing_before_its_last_at_stays() {
        for (address, expected) in [
            ("https://h:1/a/b", "https://h:1/a/b"),
            ("https://u:SEC/RET@h:1/a", "https://h:1/a"),
            ("https://u:SE@C/RET@h", "https://h"),
            ("https://u:12/SECRET@h", "https://h"),
            ("https://u:12?SECRET@h", "https://h"),
            ("https://u:S#ECRET@h", "https://h"),
            ("https://u:12://SECRET@h", "https://h"),
            ("https://u:SECRET/RET", "https://u:…"),
            ("https://u:SECRET%40h/a", "https://h/a"),
            ("u:SEC/RET@h:1", "h:1"),
            ("://u:SECRET@h", "://h"),
            ("https://h/?token=SECRET", "https://h/"),
        ] {
            assert_eq!(server_without_credentials(address), expected, "{address}");
        }
    }

    #[test]
    fn an_account_over_ssh_stays_and_what_is_none_goes() {
        for (address, expected) in [
            ("ssh://git@host/a", "ssh://git@host/a"),
            ("ssh://git:TOKEN@host/a", "ssh://git@host/a"),
            ("git+ssh://deploy-1@host:2222/a", "git+ssh://deploy-1@host:2222/a"),
            ("git@host:a", "git@host:a"),
            ("git@host:2222/a", "git@host:2222/a"),
            ("git@[::1]:a", "git@[::1]:a"),
            ("git@host:/srv/a@b", "git@host:/srv/a@b"),
            ("host:a", "host:a"),
            ("ssh://:TOKEN@host/a", "ssh://host/a"),
            ("ssh://ghp_TOKEN@host/a", "ssh://host/a"),
            ("ssh://git%3ATOKEN@host/a", "ssh://host/a"),
            ("ghp_TOKEN@host:a", "host:a"),
            ("0123456789abcdef0123456789abcdef01234567@host:a", "host:a"),
            ("a0123456789abcdef0123456789abcdef01234567@host:a", "host:a"),
            ("git:TOKEN@host:a", "host:a"),
        ] {
            assert_eq!(without_credentials(address), expected, "{address}");
        }
    }
}
