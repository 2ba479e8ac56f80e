//! The build that a person means who wants to change something about it: by its name, or by its chain's.

use super::status;
use crate::chain::build::Build;
use crate::chain::named::MeantName;
use crate::chain::retention::ChainInHome;
use crate::chain::wire;
use crate::cluster::Cluster;
use crate::cluster::objects::{Meta, NamespaceObject};
use crate::cluster::resource as kind;
use crate::state::build::readable;
use crate::state::dispose;
use crate::state::error::{Error, Result};
use crate::state::home::advised;

/// The namespace of that name, or of a chain the build that is `meant`; of the kind that was named, if one was. It is provably its
/// chain's.
///
/// # Errors
/// [`Error::NoSuchName`], [`Error::NotABuildNamespace`], [`Error::BuildEdited`] and [`Error::NotProvablyOurs`];
/// [`Error::NotAUser`]; those of `meant`.
pub async fn find(
    cluster: &Cluster,
    named: MeantName<'_>,
    meant: impl Fn(&[Build]) -> Result<&Build>,
) -> Result<Build> {
    let name = named.name;
    let there = if named.may_be_build() {
        cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, name).await.map_err(advised)?
    } else {
        None
    };
    let labelled = |object: &NamespaceObject| {
        let labels = &object.metadata.labels;
        labels.get(wire::MANAGED_BY).is_some_and(|value| value == wire::MANAGED_BY_VALUE)
            && labels.contains_key(wire::CHAIN)
    };
    if let Some(object) = there.as_ref().filter(|object| labelled(object)) {
        return match readable(object) {
            Ok(build) => proved(cluster, build).await,
            Err(edited) => Err(disproved(cluster, object).await?.unwrap_or(edited)),
        };
    }
    let mut seen = status::believed(cluster, Some(named)).await?;
    match (status::choose(&mut seen, named), there) {
        (Err(_), Some(_)) => {
            return Err(Error::NotABuildNamespace { namespace: name.to_owned() });
        }
        (Err(_), None) => return Err(status::absent(cluster, &seen, named).await),
        (Ok(()), _) => {}
    }
    proved(cluster, meant(&seen.builds)?.clone()).await
}

/// That nothing proves this namespace its chain's, of which no build can be read: then nobody is to restore it.
async fn disproved(cluster: &Cluster, object: &NamespaceObject) -> Result<Option<Error>> {
    let Meta { name, uid, labels, .. } = &object.metadata;
    let Some(chain) = labels.get(wire::CHAIN).filter(|chain| *chain != wire::CLAIM_CHAIN) else {
        return Ok(None);
    };
    let home = dispose::look_home(cluster, [chain.clone()]).await?;
    let proved = ChainInHome::witness(home.get(chain)).knows_namespace(chain, uid);
    Ok(proved.err().map(|why| Error::NotProvablyOurs { namespace: name.clone(), why: why.to_string() }))
}

/// The build, if it is provably its chain's. Of a bare claim there is nothing to prove.
async fn proved(cluster: &Cluster, build: Build) -> Result<Build> {
    if build.chain == wire::CLAIM_CHAIN {
        return Ok(build);
    }
    let home = dispose::look_home(cluster, [build.chain.clone()]).await?;
    match ChainInHome::witness(home.get(&build.chain)).of_its_build(&build) {
        Ok(()) => Ok(build),
        Err(why) => Err(Error::NotProvablyOurs { namespace: build.namespace, why: why.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testkit::Reply;
    use uuid::Uuid;

    use super::*;
    use crate::chain::base64::base64;
    use crate::chain::build::Phase;
    use crate::chain::names::owner;

    #[tokio::test(start_paused = true)]
    async fn a_namespace_that_home_does_not_know_is_not_ours() {
        let (cluster, _) = Cluster::scripted(|seen| match seen.path.as_str() {
            "/api/v1/namespaces/studioci/configmaps/chain-app" => Reply::Json(
                200,
                json!({ "metadata": { "name": "chain-app", "resourceVersion": "1" }, "data": {
                    "uuid": Uuid::from_u128(7).to_string(), "generation": "3", "settled.2": "uid-of-ci-a",
                } }),
            ),
            "/api/v1/namespaces/studioci/secrets/seed-app" => {
                let seed = base64(Uuid::from_u128(9).to_string());
                Reply::Json(200, json!({ "metadata": { "name": "seed-app" }, "data": { "seed": seed } }))
            }
            _ => Reply::Status(404, "NotFound", "not found"),
        });
        let uuid = Uuid::from_u128(7).to_string();
        let good =
            Build::played("ci-a", Phase::Finished, &[(wire::CHAIN_UUID, &uuid), (wire::GENERATION, "2")]);
        assert!(proved(&cluster, good.clone()).await.is_ok());
        let claim =
            Build { chain: wire::CLAIM_CHAIN.to_owned(), ..Build::played("ci-a", Phase::Claimed, &[]) };
        assert!(proved(&cluster, claim).await.is_ok());
        for (what, forged) in [
            ("uid", Build { uid: "v".into(), ..good.clone() }),
            ("generation", Build { generation: 3, ..good.clone() }),
            ("a later generation", Build { generation: 4, ..good.clone() }),
            ("chain", Build { chain: "other".into(), ..good.clone() }),
            // who can read the real one can copy what proves claims that nobody has settled
            (
                "a copy",
                Build { uid: "v".into(), owner: owner(Uuid::from_u128(9), 2).to_string(), ..good.clone() },
            ),
            ("its uuid", Build { chain_uuid: Uuid::nil().to_string(), ..good }),
        ] {
            assert!(matches!(proved(&cluster, forged).await, Err(Error::NotProvablyOurs { .. })), "{what}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_read_is_to_be_restored_only_where_home_knows_its_uid() {
        for (uid, is_ours) in [("uid-of-ci-a", true), ("another", false)] {
            let (cluster, _) = Cluster::scripted(move |seen| match seen.path.as_str() {
                "/api/v1/namespaces/ci-a" => Reply::Json(
                    200,
                    json!({ "metadata": { "name": "ci-a", "uid": uid, "resourceVersion": "1", "labels": {
                        wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: "app", wire::PHASE: "Dreaming",
                    } } }),
                ),
                "/api/v1/namespaces/studioci/configmaps/chain-app" => Reply::Json(
                    200,
                    json!({ "metadata": { "name": "chain-app", "resourceVersion": "1" }, "data": {
                        "uuid": "c", "generation": "3", "settled.2": "uid-of-ci-a", "namespace": "ci-c", "uid": "u",
                    } }),
                ),
                _ => Reply::Status(404, "NotFound", "not found"),
            });
            match find(&cluster, "ci-a".into(), |_| unreachable!("it was named")).await.unwrap_err() {
                Error::BuildEdited { .. } => assert!(is_ours),
                Error::NotProvablyOurs { .. } => assert!(!is_ours),
                other => panic!("{other:?}"),
            }
        }
    }
}
