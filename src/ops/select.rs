//! Which objects of ours an operation asks for: by the labels that they carry.

use crate::chain::wire;
use crate::cluster::Query;

/// Namespaces of builds and of bare claims.
pub(super) fn builds() -> Query {
    Query::labels(format!("{}={},{}", wire::MANAGED_BY, wire::MANAGED_BY_VALUE, wire::CHAIN))
}

/// The same, of one chain.
pub(super) fn builds_of(chain: &str) -> Query {
    Query::labels(format!("{}={},{}={chain}", wire::MANAGED_BY, wire::MANAGED_BY_VALUE, wire::CHAIN))
}

/// Whatever is labelled as this chain's, provably ours or not.
pub(super) fn chain(chain: &str) -> Query {
    Query::labels(format!("{}={chain}", wire::CHAIN))
}

/// Listeners, or their pods.
pub(super) fn listeners() -> Query {
    Query::labels(format!("{}=listener", wire::ROLE))
}
