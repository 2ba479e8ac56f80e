//! The address of a GitHub or a webhook: of https, without a user.

use http::Uri;

use super::fault::PublishFault;

/// What `--github-url` is called.
pub(super) const GITHUB: &str = "--github-url";
/// What `--webhook` is called.
pub(super) const WEBHOOK: &str = "--webhook";

/// Reads an address. Nothing of it but its host is ever quoted.
///
/// # Errors
/// [`PublishFault::OutletMalformed`], [`PublishFault::NotSecure`], [`PublishFault::UserInAddress`].
pub(super) fn read(what: &'static str, text: &str) -> Result<Uri, PublishFault> {
    let malformed = |why: &str| PublishFault::OutletMalformed { what, why: why.to_owned() };
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").ok_or_else(|| malformed("it has no scheme"))?;
    let scheme = scheme.to_ascii_lowercase();
    let uri: Uri = format!("{scheme}://{rest}")
        .parse()
        .map_err(|error: http::uri::InvalidUri| malformed(&error.to_string()))?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| malformed("it names no host"))?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    // `http` takes any text for a port
    let behind = authority.strip_prefix(host).unwrap_or_default();
    match scheme.as_str() {
        _ if authority.contains('@') => Err(PublishFault::UserInAddress { what, host: host.to_owned() }),
        "http" => Err(PublishFault::NotSecure { what, host: host.to_owned() }),
        "https" if behind.is_empty() || uri.port_u16().is_some() => Ok(uri),
        "https" => Err(malformed("its port is no number up to 65535")),
        _ => Err(malformed("only https is spoken")),
    }
}

/// Scheme, host and port, for messages.
pub(super) fn origin(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{}://{host}", uri.scheme_str().unwrap_or_default())
}

/// Where a redirect leads, seen from `from`; whether that is the same server.
pub(super) fn redirected(from: &Uri, location: &str) -> Result<Uri, String> {
    let absolute = if location.starts_with('/') && !location.starts_with("//") {
        format!("{}{location}", origin(from))
    } else {
        location.to_owned()
    };
    let port = |uri: &Uri| uri.port_u16().or_else(|| (uri.scheme_str() == Some("https")).then_some(443));
    match absolute.parse::<Uri>() {
        Ok(to)
            if to.scheme() == from.scheme()
                && to.host().map(str::to_ascii_lowercase) == from.host().map(str::to_ascii_lowercase)
                && port(&to) == port(from)
                && !to.authority().is_some_and(|authority| authority.as_str().contains('@')) =>
        {
            Ok(to)
        }
        Ok(to) if to.host().is_some() => Err(origin(&to)),
        _ => Err("an address that is none".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_https_and_has_no_user() {
        for (text, expected) in [
            ("https://api.github.com", Ok("https://api.github.com")),
            ("HTTPS://ghe.example:8443/api/v3/", Ok("https://ghe.example:8443")),
            (" https://[::1]:1/x\n", Ok("https://[::1]:1")),
            ("http://ghe.example/SECRET", Err("without TLS")),
            ("https://me:SECRET@h/", Err("holds a user")),
            ("https://SECRET@h/", Err("holds a user")),
            ("ftp://h/SECRET", Err("only https is spoken")),
            ("https://h:SECRET/x", Err("no number up to 65535")),
            ("https://h:99999/", Err("no number up to 65535")),
            ("h/SECRET", Err("it has no scheme")),
            ("https:///SECRET", Err("no address")),
            ("https://h/SEC RET", Err("no address")),
            ("", Err("it has no scheme")),
        ] {
            match (read(WEBHOOK, text), expected) {
                (Ok(uri), Ok(named)) => assert_eq!(origin(&uri), named, "{text}"),
                (Err(fault), Err(why)) => {
                    assert!(fault.to_string().contains(why), "{text}: {fault}");
                    assert!(!fault.to_string().contains("SECRET"), "{fault}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_redirect_is_followed_on_the_same_server_only() {
        let from: Uri = "https://api.github.com/repos/o/r".parse().unwrap();
        for (location, expected) in [
            ("https://api.github.com/repositories/7", Ok("https://api.github.com/repositories/7")),
            ("https://API.github.com:443/x", Ok("https://API.github.com:443/x")),
            ("/repositories/7?a=b", Ok("https://api.github.com/repositories/7?a=b")),
            ("//evil.example/x", Err("an address that is none")),
            ("http://api.github.com/x", Err("http://api.github.com")),
            ("https://api.github.com:8443/x", Err("https://api.github.com:8443")),
            ("https://api.github.com.evil.example/x?t=SECRET", Err("https://api.github.com.evil.example")),
            ("https://u:SECRET@api.github.com/x", Err("https://api.github.com")),
            ("https://api.github.com@evil.example/", Err("https://evil.example")),
            ("repositories/7", Err("an address that is none")),
            ("", Err("an address that is none")),
        ] {
            let found = redirected(&from, location).map(|to| to.to_string());
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{location}");
        }
    }
}
