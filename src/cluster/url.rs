//! Addresses as they may be shown: without user, password, query and fragment.
//!
//! Pure. A credential in an address is one of the kubeconfig's or the environment's, and none of those is ever shown.

use http::Uri;

use super::config_fault::ConfigFault;
pub(super) use crate::chain::address::server_without_credentials as shown;

/// A sentence of a library, which may quote addresses: each without user and password.
pub(super) fn scrubbed(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find(|c: char| c.is_whitespace() || "\"'`<>(){}".contains(c)).unwrap_or(after.len());
        let (address, behind) = after.split_at(end);
        clean.push_str(before);
        clean.push_str(&shown(&format!("://{address}")));
        rest = behind;
    }
    clean.push_str(rest);
    clean
}

/// An address for messages: scheme, host, port and path.
pub(super) fn named(server: &Uri) -> String {
    let host = server.authority().map_or("", |authority| authority.as_str());
    let path = server.path().trim_end_matches('/');
    format!("{}://{host}{path}", server.scheme_str().unwrap_or_default())
}

/// An address of one of these `schemes`; what it is called if it is none.
pub(super) fn parse_uri(text: &str, what: &str, schemes: &[&'static str]) -> Result<Uri, ConfigFault> {
    let masked = shown(text);
    // what is left of it may well be a URL, and is not what was written
    let hidden = if masked == text { "" } else { " (what may be a password in it is not shown)" };
    let fault = |why: String| ConfigFault::NoAddress {
        what: what.to_owned(),
        address: format!("{masked:?}{hidden}"),
        why,
        scheme: schemes[0],
    };
    // whoever has been parted from an address, an @ behind its host is one of a password
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    if let Some(end) = rest.find(['/', '?', '#']).filter(|end| rest[*end..].contains('@')) {
        let (sign, escape) = match &rest[end..=end] {
            "/" => ("/", "%2F"),
            "?" => ("?", "%3F"),
            _ => ("#", "%23"),
        };
        return Err(fault(format!(
            "a {sign} stands before its @, and ends the host; in a password it is written {escape}, and an @ %40"
        )));
    }
    let text = match text.split_once("://") {
        Some((scheme, rest)) => format!("{}://{rest}", scheme.to_ascii_lowercase()),
        None => text.to_owned(),
    };
    let uri: Uri = text.parse().map_err(|error: http::uri::InvalidUri| fault(error.to_string()))?;
    if uri.host().is_none_or(str::is_empty) {
        return Err(fault("it names no host".to_owned()));
    }
    // `http` takes any text for a port, and half of a password with it
    let host = uri.host().unwrap_or_default();
    let authority = uri.authority().map_or("", |it| it.as_str());
    let behind = authority.rsplit('@').next().unwrap_or_default();
    let port = behind.strip_prefix(host).unwrap_or(behind);
    if !(port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())) {
        return Err(fault("its port is no number up to 65535".to_owned()));
    }
    if !uri.scheme_str().is_some_and(|scheme| schemes.contains(&scheme)) {
        return Err(fault(format!("only {} is spoken", schemes.join(", "))));
    }
    Ok(uri)
}

/// Parts `user:password@` from an address, still escaped as it stands there.
pub(super) fn split_user(address: &str) -> (String, Option<&str>) {
    let Some((scheme, rest)) = address.split_once("://") else { return (address.to_owned(), None) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        Some((user, host)) => (format!("{scheme}://{host}{}", &rest[end..]), Some(user)),
        None => (address.to_owned(), None),
    }
}

/// `user:password` of an address as it is meant: `%40` is `@`. An escape that is none stays as it is.
pub(super) fn unescaped(user: &str) -> Vec<u8> {
    let bytes = user.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 3;
            }
            (byte, ..) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_told_without_the_credentials_that_it_quotes() {
        for (text, expected) in [
            (
                r#"configured proxy "socks4://u:SECRET@p:1/" is none"#,
                r#"configured proxy "socks4://p:1/" is none"#,
            ),
            ("http://a:SECRET@b and https://c:SECRET@d: no", "http://b and https://d: no"),
            ("connection refused", "connection refused"),
            ("://", "://"),
        ] {
            assert_eq!(scrubbed(text), expected, "{text}");
        }
    }

    #[test]
    fn a_user_is_parted_from_his_server() {
        assert_eq!(split_user("https://h:1/a@b"), ("https://h:1/a@b".to_owned(), None));
        assert_eq!(split_user("https://u:p@q@h:1/x"), ("https://h:1/x".to_owned(), Some("u:p@q")));
        assert_eq!(unescaped("u:p%40%2f%"), b"u:p@/%");
        assert_eq!(unescaped("%zz%4"), b"%zz%4");
    }
}
