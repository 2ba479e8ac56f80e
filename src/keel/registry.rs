//! What a registry's name tells of the way to it.

use core::net::IpAddr;

/// A host and its port.
fn parted(host: &str) -> (&str, Option<u16>) {
    let port = |text: &str| text.strip_prefix(':').and_then(|port| port.parse().ok());
    if let Some((address, rest)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, port(rest));
    }
    let (name, rest) = host.split_at(host.find(':').unwrap_or(host.len()));
    (name, port(rest))
}

/// Whether it is whoever asks: to Keel its own pod.
pub fn is_localhost(host: &str) -> bool {
    let (name, _) = parted(host);
    name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Whether a registry of this name is seldom behind TLS: an address, a name of the cluster or of the house, a usual port.
pub fn may_be_plain(host: &str) -> bool {
    let (name, port) = parted(host);
    let of_house = [".svc", ".local", ".internal", ".lan"].iter().any(|end| name.ends_with(end));
    let plain_port = matches!(port, Some(80 | 5000 | 5001 | 8080 | 30000..=32767));
    name.parse::<IpAddr>().is_ok() || of_house || plain_port || !name.contains('.')
}
