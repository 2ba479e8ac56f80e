//! Whether a server is reached through the proxy of the environment: `NO_PROXY` as Go's programs read it.
//!
//! Pure. kube compares `NO_PROXY` with the proxy's own address, so this is decided here.

use std::net::IpAddr;

/// Whether `host:port` must be reached directly.
///
/// `localhost` and loopback addresses always; else an entry matches that is `*`, the host, a domain that the host
/// lies in (`.corp` not itself, `corp` also itself), an address, a CIDR, each with an optional port.
pub(super) fn bypasses(no_proxy: &str, host: &str, port: u16) -> bool {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
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
        if only.is_some_and(|only| only != port) {
            return false;
        }
        match (name.trim_matches(['[', ']']).parse::<IpAddr>(), address) {
            (Ok(entry), address) => address == Some(entry),
            (Err(_), _) => {
                let bare = name.strip_prefix('*').unwrap_or(name);
                match bare.strip_prefix('.') {
                    Some(_) => host.ends_with(bare),
                    None => host == bare || host.ends_with(&format!(".{bare}")),
                }
            }
        }
    })
}

fn split_port(entry: &str) -> (&str, Option<u16>) {
    // A bare IPv6 address has colons but no port.
    if entry.parse::<IpAddr>().is_ok() {
        return (entry, None);
    }
    match entry.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?))) {
        Some((name, port)) => (name, Some(port)),
        None => (entry, None),
    }
}

fn within(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (address, network) {
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
    use super::bypasses;

    #[test]
    fn as_go_reads_it() {
        let cases = [
            ("", "localhost", true),
            ("", "127.0.0.1", true),
            ("", "[::1]", true),
            ("", "k8s.example", false),
            ("*", "k8s.example", true),
            ("example", "k8s.example", true),
            ("example", "example", true),
            (".example", "k8s.example", true),
            (".example", "example", false),
            ("*.example", "k8s.example", true),
            ("ample", "k8s.example", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("0.0.0.0/0", "11.1.2.3", true),
            ("fd00::/8", "[fd12::1]", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3:6443", "10.1.2.3", true),
            ("10.1.2.3:443", "10.1.2.3", false),
            ("a, K8S.example:6443 ,b", "k8s.EXAMPLE.", true),
            ("10.0.0.0/99", "10.1.2.3", false),
        ];
        for (no_proxy, host, expected) in cases {
            assert_eq!(bypasses(no_proxy, host, 6443), expected, "{no_proxy:?} {host}");
        }
    }
}
