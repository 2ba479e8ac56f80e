//! Addresses as they may be shown: without user, password, query and fragment.
//!
//! Pure. A credential in an address is one of the kubeconfig's or the environment's, and none of those is ever shown.

/// An address without what may be a credential in it. One that cannot be parsed loses everything up to its last `@`, and
/// what stands for a port and is none: a password with a `/` or a `#` in it, or without the `@` behind it, is why it cannot.
pub(super) fn shown(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    let after = |sign: &str| rest.rfind(sign).map_or(0, |at| at + sign.len());
    let rest = &rest[after("@").max(after("%40"))..];
    let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let name = authority.rfind(']').map_or(0, |end| end + 1);
    match authority[name..].split_once(':') {
        Some((more, port)) if !port.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{scheme}{}{more}:…", &authority[..name])
        }
        _ => format!("{scheme}{authority}{path}"),
    }
}

/// A sentence of a library, which may quote addresses: each without user and password.
pub(super) fn scrubbed(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find(|c: char| c.is_whitespace() || "\"'`<>(){}".contains(c)).unwrap_or(after.len());
        let (address, behind) = after.split_at(end);
        clean.push_str(before);
        clean.push_str("://");
        clean.push_str(&shown(address));
        rest = behind;
    }
    clean.push_str(rest);
    clean
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
    fn nothing_that_may_be_a_credential_is_shown() {
        for (address, expected) in [
            ("https://k8s.corp:6443", "https://k8s.corp:6443"),
            ("https://u:SECRET@k8s.corp:6443/clusters/c-1", "https://k8s.corp:6443/clusters/c-1"),
            ("https://SECRET@k8s.corp", "https://k8s.corp"),
            ("HTTPS://u:SECRET@k8s.corp", "HTTPS://k8s.corp"),
            ("socks5://u:SECRET@p:1080", "socks5://p:1080"),
            ("u:SECRET@p:3128", "p:3128"),
            // what does not parse: a password with the letters that end a host
            ("https://u:SE/CRET@k8s.corp", "https://k8s.corp"),
            ("https://u:SE#CRET@k8s.corp", "https://k8s.corp"),
            ("https://u:SE@CRET@k8s.corp", "https://k8s.corp"),
            ("https://u:SE CRET@k8s.corp", "https://k8s.corp"),
            ("https://u:SECRET%40k8s.corp", "https://k8s.corp"),
            ("https://u:SECRET", "https://u:…"),
            ("https://[::1]:6443/x", "https://[::1]:6443/x"),
            ("https://[::1]:SECRET", "https://[::1]:…"),
            ("https://k8s.corp/?access_token=SECRET", "https://k8s.corp/"),
            ("https://k8s.corp#SECRET", "https://k8s.corp"),
        ] {
            assert_eq!(shown(address), expected, "{address}");
        }
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
