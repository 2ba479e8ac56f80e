//! Which objects of ours an operation asks for: by labels, where only we can set them, else by what the API server proves.

use crate::chain::build::Build;
use crate::chain::listener::Listener;
use crate::chain::wire;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Error, Query};

/// Namespaces of builds and of bare claims.
pub(crate) fn builds() -> Query {
    Query::labels(format!("{}={},{}", wire::MANAGED_BY, wire::MANAGED_BY_VALUE, wire::CHAIN))
}

/// The same, of one chain.
pub(crate) fn builds_of(chain: &str) -> Query {
    Query::labels(format!("{}={},{}={chain}", wire::MANAGED_BY, wire::MANAGED_BY_VALUE, wire::CHAIN))
}

/// The same, of this name.
pub(crate) fn build(name: &str) -> Query {
    Query { fields: Query::named(name).fields, ..builds() }
}

/// Whether the API server can be asked for a label of this value, and for this name. Nothing has one that it cannot be asked
/// for.
///
/// Source of the rule: Kubernetes' *Labels and Selectors*, "Syntax and character set"; a name may have fewer characters.
pub(crate) fn askable(name: &str) -> bool {
    let outer = |c: char| c.is_ascii_alphanumeric();
    let inner = |c: char| outer(c) || "-_.".contains(c);
    name.len() <= 63 && name.starts_with(outer) && name.ends_with(outer) && name.chars().all(inner)
}

/// The heads of all chains, of those at least that were begun since heads have a label. Whoever misses one asks for it by name.
pub(crate) fn heads() -> Query {
    Query::labels(format!("{}={},{}", wire::ROLE, wire::ROLE_HEAD, wire::CHAIN))
}

/// Whatever is labelled as this chain's, provably ours or not.
pub(crate) fn chain(chain: &str) -> Query {
    Query::labels(format!("{}={chain}", wire::CHAIN))
}

/// Listeners of all chains and their pods, the pods of builds, and whatever else of a build carries such a label: whoever
/// asks keeps what [`Listener::is_of`], [`Pod::is_agent_of`] and [`Pod::is_build_of`] prove.
///
/// [`Pod::is_agent_of`]: crate::chain::pod::Pod::is_agent_of
/// [`Pod::is_build_of`]: crate::chain::pod::Pod::is_build_of
pub(crate) fn labelled(roles: &[&str]) -> Query {
    Query::labels(format!("{} in ({})", wire::ROLE, roles.join(",")))
}

/// The same, of one chain.
pub(crate) fn labelled_of(roles: &[&str], chain: &str) -> Query {
    Query::labels(format!("{} in ({}),{}={chain}", wire::ROLE, roles.join(","), wire::CHAIN))
}

/// Pods that run as the agent of this chain, in the namespace that is asked for.
pub(crate) fn agents_of(chain: &str) -> Query {
    Query::fields(format!("spec.serviceAccountName={}", wire::agent_account(chain)))
}

/// Pods that this Job's controller made, and those that carry its label.
pub(crate) fn pods_of_job(uid: &str) -> Query {
    Query::labels(format!("batch.kubernetes.io/controller-uid={uid}"))
}

/// The Deployments of a build's namespace that run as its agent. No label is asked for: a build may set any.
///
/// # Errors
/// Cluster errors.
pub(crate) async fn listeners(cluster: &Cluster, build: &Build) -> Result<Vec<Listener>, Error> {
    let namespace = Some(build.namespace.as_str());
    let mut all = cluster.list::<Listener>(&kind::DEPLOYMENTS, namespace, &Query::default()).await?.items;
    all.retain(|one| one.is_of(build));
    Ok(all)
}

/// The listener of a build, if it is there.
///
/// # Errors
/// Cluster errors.
pub(crate) async fn listener(cluster: &Cluster, build: &Build) -> Result<Option<Listener>, Error> {
    let all = listeners(cluster, build).await?;
    Ok(Listener::among(build, &all).cloned())
}
