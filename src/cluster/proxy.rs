//! Through which proxy a server is reached, if through any: the cluster's own, or the environment's as Go's programs read
//! it (`golang.org/x/net/http/httpproxy`).
//!
//! Pure. kube compares `NO_PROXY` with the proxy's own address, so this is decided here.

use std::net::IpAddr;

use http::{HeaderValue, Uri};
use kube::config::Cluster as KubeCluster;

use super::config_fault::ConfigFault;
use super::giver::Giver;
use super::options::Proxies;
use super::url::{self, parse_uri};
use crate::chain::base64::base64;

/// The proxies that are spoken to; a name is resolved by the proxy with both kinds of SOCKS5, as by Go.
const PROXIES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// A proxy, and who named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChosenProxy {
    /// Its address, with a port and without a user.
    pub(super) address: Uri,
    /// `user:password`, as it stood in the address.
    pub(super) user: Option<String>,
    /// Host, port and who named it, for people.
    pub(super) name: String,
    pub(super) giver: Giver,
}

impl ChosenProxy {
    /// Whether it speaks SOCKS5.
    pub(super) fn is_socks(&self) -> bool {
        self.address.scheme_str().is_some_and(|scheme| scheme.starts_with("socks"))
    }

    /// User and password, as they are meant.
    pub(super) fn credentials(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let user = self.user.as_deref()?;
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        Some((url::unescaped(user), url::unescaped(password)))
    }

    /// What signs in to a proxy of HTTP; none for one without a user, and none for one of SOCKS5.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let (mut user, password) = self.credentials().filter(|_| !self.is_socks())?;
        user.push(b':');
        user.extend(password);
        let mut value = HeaderValue::try_from(format!("Basic {}", base64(user))).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn given(text: &str, giver: Giver, whose: Option<&str>) -> Result<Self, ConfigFault> {
        let whose = whose.or(giver.name()).unwrap_or("the cluster's proxy-url");
        let (bare, user) = url::split_user(text);
        let parsed = parse_uri(&bare, whose, &PROXIES)?;
        let scheme = parsed.scheme_str().unwrap_or_default().to_owned();
        let port = parsed.port_u16().unwrap_or(match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => 1080,
        });
        let host = parsed.host().unwrap_or_default();
        let address = parse_uri(&format!("{scheme}://{host}:{port}"), whose, &PROXIES)?;
        let (name, user) = (format!("{host}:{port} ({whose})"), user.map(str::to_owned));
        let proxy = Self { address, user, name, giver };
        match proxy.credentials() {
            Some((user, password)) if proxy.is_socks() && user.len().max(password.len()) > 255 => {
                Err(ConfigFault::ProxyUserMalformed { proxy: proxy.name })
            }
            _ => Ok(proxy),
        }
    }
}

/// The cluster's own proxy, else the environment's where it applies.
pub(super) fn proxy_for(
    proxies: &Proxies,
    cluster: &KubeCluster,
    server: &Uri,
) -> Result<Option<ChosenProxy>, ConfigFault> {
    if let Some(address) = cluster.proxy_url.as_deref().filter(|address| !address.is_empty()) {
        return ChosenProxy::given(address, Giver::Kubeconfig, None).map(Some);
    }
    named_by(proxies, None, server)
}

/// One of these proxies where it applies; `whose`: what it is called where that is not the variable's name.
pub(super) fn named_by(
    proxies: &Proxies,
    whose: Option<&str>,
    server: &Uri,
) -> Result<Option<ChosenProxy>, ConfigFault> {
    let (found, giver, usual) = match server.scheme_str() {
        Some("https") => (&proxies.https, Giver::HttpsProxy, 443),
        _ if proxies.cgi => return Ok(None),
        _ => (&proxies.http, Giver::HttpProxy, 80),
    };
    let Some(found) = found.as_deref().filter(|found| !found.is_empty()) else { return Ok(None) };
    let none_for = proxies.none_for.as_deref().unwrap_or_default();
    if bypasses(none_for, server.host().unwrap_or_default(), server.port_u16().unwrap_or(usual)) {
        return Ok(None);
    }
    let address = if found.contains("://") { found.to_owned() } else { format!("http://{found}") };
    ChosenProxy::given(&address, giver, whose).map(Some)
}

/// Whether `host:port` must be reached directly.
///
/// `localhost` and loopback addresses always; else an entry matches that is `*`, the host, a domain that the host
/// lies in (`.corp` and `*.corp` not itself, `corp` also itself), an address, a CIDR, all but the last with an optional
/// port.
fn bypasses(no_proxy: &str, host: &str, port: u16) -> bool {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.to_canonical().is_loopback()) {
        return true;
    }
    no_proxy.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        if entry == "*" {
            return true;
        }
        if let (Some((network, bits)), Some(address)) = (entry.split_once('/'), address) {
            return within(address, network, bits);
        }
        let (name, only) = split_port(&entry);
        if name.is_empty() || only.is_some_and(|only| only.parse() != Ok(port)) {
            return false;
        }
        match (name.parse::<IpAddr>(), address) {
            (Ok(entry), Some(address)) => address.to_canonical() == entry.to_canonical(),
            (Ok(_), None) | (Err(_), Some(_)) => false,
            (Err(_), None) => {
                let bare = if name.starts_with("*.") { &name[1..] } else { name };
                match bare.strip_prefix('.') {
                    Some(_) => host.ends_with(bare),
                    None => host == bare || host.ends_with(&format!(".{bare}")),
                }
            }
        }
    })
}

/// An entry's host and port; an address of IPv6 without brackets has colons and no port.
fn split_port(entry: &str) -> (&str, Option<&str>) {
    match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
            (name, Some(port).filter(|port| !port.is_empty()))
        }
        _ => (entry, None),
    }
}

fn within(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (address.to_canonical(), network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_is_what_it_is_for_gos_programs() {
        let cases = [
            ("", "localhost", true),
            ("", "127.0.0.1", true),
            ("", "127.8.8.8", true),
            ("", "[::1]", true),
            ("", "[::ffff:127.0.0.1]", true),
            ("", "k8s.example", false),
            ("", "localhost.example", false),
            ("*", "k8s.example", true),
            ("a,*", "10.1.2.3", true),
            ("example", "k8s.example", true),
            ("example", "example", true),
            (".example", "k8s.example", true),
            (".example", "example", false),
            ("*.example", "k8s.example", true),
            ("*.example", "a.b.example", true),
            ("*.example", "example", false),
            ("*.example:6443", "k8s.example", true),
            ("*.example:443", "k8s.example", false),
            ("*example", "k8s.example", false),
            ("ample", "k8s.example", false),
            ("example.", "k8s.example", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/8", "k8s.example", false),
            ("0.0.0.0/0", "11.1.2.3", true),
            ("fd00::/8", "[fd12::1]", true),
            ("fd00::/8", "[fe12::1]", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3:6443", "10.1.2.3", true),
            ("10.1.2.3:443", "10.1.2.3", false),
            ("fd12::1", "[fd12::1]", true),
            ("[fd12::1]:6443", "[fd12::1]", true),
            ("[fd12::1]:443", "[fd12::1]", false),
            ("[fd12::1]", "[fd12::1]", false),
            ("2.3", "10.1.2.3", false),
            ("a, K8S.example:6443 ,b", "k8s.EXAMPLE", true),
            ("k8s.example", "k8s.example.", false),
            ("k8s.example:", "k8s.example", true),
            ("k8s.example:https", "k8s.example", false),
            (":6443", "k8s.example", false),
            (", ,", "k8s.example", false),
            ("10.0.0.0/99", "10.1.2.3", false),
        ];
        for (no_proxy, host, expected) in cases {
            assert_eq!(bypasses(no_proxy, host, 6443), expected, "{no_proxy:?} {host}");
        }
    }

    fn named(own: Option<&str>, proxies: &Proxies, server: &str) -> String {
        let cluster = KubeCluster { proxy_url: own.map(str::to_owned), ..KubeCluster::default() };
        match proxy_for(proxies, &cluster, &server.parse().unwrap()) {
            Ok(Some(proxy)) => format!("{} {}", proxy.address.scheme_str().unwrap(), proxy.name),
            Ok(None) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_clusters_own_proxy_goes_before_that_of_the_servers_scheme() {
        let some = |text: &str| Some(text.to_owned());
        let both = Proxies { https: some("http://s:3128"), http: some("h"), ..Proxies::default() };
        let none = Proxies::default();
        let except = |hosts: &str| Proxies { none_for: some(hosts), ..both.clone() };
        let cgi = Proxies { cgi: true, ..both.clone() };
        let (secure, plain) = ("https://k8s.corp:6443", "http://k8s.corp");
        for (own, proxies, server, expected) in [
            (None, &none, secure, "none"),
            (None, &both, secure, "http s:3128 (HTTPS_PROXY)"),
            (None, &both, plain, "http h:80 (HTTP_PROXY)"),
            (None, &cgi, secure, "http s:3128 (HTTPS_PROXY)"),
            (None, &cgi, plain, "none"),
            (None, &except(".corp"), secure, "none"),
            (None, &except("k8s.corp:80"), plain, "none"),
            (None, &except("k8s.corp:80"), secure, "http s:3128 (HTTPS_PROXY)"),
            (None, &both, "https://127.0.0.1:6443", "none"),
            (Some(""), &both, secure, "http s:3128 (HTTPS_PROXY)"),
            (Some("http://own:1"), &except("*"), secure, "http own:1 (the cluster's proxy-url)"),
            (Some("http://own:1"), &both, "https://127.0.0.1:6443", "http own:1 (the cluster's proxy-url)"),
            (Some("https://own"), &none, secure, "https own:443 (the cluster's proxy-url)"),
            (Some("socks5://u:p@own"), &none, secure, "socks5 own:1080 (the cluster's proxy-url)"),
            (Some("SOCKS5H://[::1]:9/"), &none, plain, "socks5h [::1]:9 (the cluster's proxy-url)"),
        ] {
            assert_eq!(named(own, proxies, server), expected, "{own:?} {proxies:?} {server}");
        }
    }

    #[test]
    fn a_proxy_that_is_none_is_refused_without_its_user() {
        let long = format!("socks5://u:{}@p", "S".repeat(256));
        for (own, said) in [
            (
                "own:3128",
                "the cluster's proxy-url: \"own:3128\" is no URL: only http, https, socks5, socks5h",
            ),
            ("socks4://u:SECRET@p", "the cluster's proxy-url: \"socks4://p\" is no URL: only http"),
            (
                "socks5://u:SEC/RET@p",
                "the cluster's proxy-url: \"socks5://p\" (what may be a password in it is not shown) is no URL: a / stands before \
                 its @",
            ),
            (&long, "the proxy p:1080 (the cluster's proxy-url): its user or password is longer than 255"),
        ] {
            let text = named(Some(own), &Proxies::default(), "https://k8s");
            assert!(text.starts_with(said) && !text.contains("SEC") && !text.contains("SS"), "{text}");
        }
    }

    #[test]
    fn a_proxys_user_is_what_its_escapes_mean() {
        let given = |text| ChosenProxy::given(text, Giver::Kubeconfig, None).unwrap();
        let proxy = given("http://a%40b:p%3Aq:r@p:1");
        assert_eq!(proxy.credentials(), Some((b"a@b".to_vec(), b"p:q:r".to_vec())));
        assert_eq!(given("http://p:1").credentials(), None);
        assert_eq!(given("http://only@p:1").credentials(), Some((b"only".to_vec(), Vec::new())));
    }
}
