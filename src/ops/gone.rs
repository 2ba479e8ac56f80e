//! Wait until namespaces are gone, and say what holds up one that takes long.

use std::time::Duration;

use futures_util::StreamExt as _;

use crate::chain::bound::TimeBound;
use crate::cluster::objects::{Condition, NamespaceObject};
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Follow, Query, WatchEvent};
use crate::state::Say;
use crate::state::dispose::Target;
use crate::state::error::{Error, Result};
use crate::state::narration::progress;

/// Waits until these namespaces are gone; says what holds up one that takes long.
///
/// # Errors
/// [`Error::StillTerminating`] after `bound`, with what holds up each that is left.
pub async fn until_gone(
    cluster: &Cluster,
    targets: &[Target],
    bound: Option<Duration>,
    say: Say<'_>,
) -> Result<()> {
    let waiting = async {
        for target in targets {
            gone(cluster, target, say).await?;
        }
        Ok(())
    };
    let Some(bound) = bound else { return waiting.await };
    match tokio::time::timeout(bound, waiting).await {
        Ok(done) => done,
        // a bound of 0 is one look
        Err(_) => late(cluster, targets, bound).await?.map_or(Ok(()), Err),
    }
}

/// Follows one namespace until it is gone, or another of its name is there.
async fn gone(cluster: &Cluster, target: &Target, say: Say<'_>) -> Result<()> {
    let mut events = cluster.watch::<NamespaceObject>(
        &kind::NAMESPACES,
        None,
        Follow::new(Query::named(&target.namespace)),
    );
    let mut said = String::new();
    while let Some(event) = events.next().await {
        let seen = match event {
            WatchEvent::Added(namespace) | WatchEvent::Modified(namespace) => Some(namespace),
            WatchEvent::Restarted(mut list) => list.items.pop(),
            WatchEvent::Deleted(_) => None,
            WatchEvent::Bookmark(_) => continue,
            WatchEvent::Trouble(error) if error.is_transient() => continue,
            WatchEvent::Trouble(error) => return Err(error.into()),
        };
        let Some(namespace) = seen.filter(|seen| seen.metadata.uid == target.uid) else { return Ok(()) };
        if let Some(what) = held_up(&namespace.status.conditions).filter(|what| *what != said) {
            progress(say, format!("namespace {} is Terminating: {what}", target.namespace));
            said = what;
        }
    }
    Ok(())
}

/// What holds up those that are left; none where none is.
async fn late(cluster: &Cluster, targets: &[Target], bound: Duration) -> Result<Option<Error>> {
    let mut left = Vec::new();
    let mut remedies: Vec<&str> = Vec::new();
    for Target { namespace, uid } in targets {
        let found = cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, namespace).await?;
        let Some(found) = found.filter(|found| found.metadata.uid == *uid) else { continue };
        let conditions = &found.status.conditions;
        let mut why = held_up(conditions).unwrap_or_else(|| "the cluster has not said why yet".to_owned());
        if !found.metadata.finalizers.is_empty() {
            why = format!("{why}; it has finalizers of its own: {}", found.metadata.finalizers.join(", "));
        }
        left.push(format!("namespace {namespace} is Terminating still: {why}"));
        for remedy in conditions.iter().filter(|it| it.status == "True").filter_map(remedy) {
            if !remedies.contains(&remedy) {
                remedies.push(remedy);
            }
        }
    }
    if left.is_empty() {
        return Ok(None);
    }
    if remedies.is_empty() {
        remedies.push("it goes on by itself once kube-controller-manager gets to it; run this again then");
    }
    let (bound, namespaces, remedy) = (TimeBound(bound), left.join("\n"), remedies.join("\n"));
    Ok(Some(Error::StillTerminating { bound, namespaces, remedy }))
}

/// What holds up a deletion, by the namespace controller's own conditions.
fn held_up(conditions: &[Condition]) -> Option<String> {
    let told: Vec<String> = conditions
        .iter()
        .filter(|condition| condition.status == "True" && remedy(condition).is_some())
        .map(|condition| format!("{}: {}", condition.r#type, condition.message.trim()))
        .collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// What to do about a condition of a Terminating namespace; none for one that says nothing of its deletion.
fn remedy(condition: &Condition) -> Option<&'static str> {
    Some(match condition.r#type.as_str() {
        "NamespaceDeletionDiscoveryFailure" => {
            "an API of this cluster does not answer, so that nobody knows what is left: kubectl get apiservices shows which"
        }
        "NamespaceDeletionGroupVersionParsingFailure" => {
            "an API of this cluster has a version that cannot be read: kubectl get apiservices"
        }
        "NamespaceDeletionContentFailure" => {
            "something in it cannot be deleted: the message says what; a webhook may refuse it"
        }
        "NamespaceContentRemaining" => {
            "what is left is: kubectl api-resources --verbs=list --namespaced -o name | xargs -n 1 kubectl get -n NAMESPACE"
        }
        "NamespaceFinalizersRemaining" => {
            "whoever put the finalizer there must do his work and take it off; nothing here does it for him, since what he \
             guards would be stranded"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testkit::Reply;

    use super::*;

    fn condition(r#type: &str, status: &str, message: &str) -> Condition {
        Condition {
            r#type: r#type.to_owned(),
            status: status.to_owned(),
            message: message.to_owned(),
            ..Condition::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_it_no_time_is_told_of_what_is_left_and_of_nothing_else() {
        let target = |name: &str| Target { namespace: name.to_owned(), uid: format!("uid-{name}") };
        let (cluster, _) = Cluster::scripted(|request| {
            let there =
                |uid: &str| json!({ "metadata": { "name": "x", "uid": uid, "resourceVersion": "1" } });
            match request.path.as_str() {
                "/api/v1/namespaces/ci-stays" => Reply::Json(200, there("uid-ci-stays")),
                "/api/v1/namespaces/ci-anew" => Reply::Json(200, there("another")),
                "/api/v1/namespaces/ci-gone" => Reply::Status(404, "NotFound", "not found"),
                _ => Reply::Silence,
            }
        });
        let asked = async |names: &[&str]| {
            let targets: Vec<Target> = names.iter().map(|name| target(name)).collect();
            until_gone(&cluster, &targets, Some(Duration::ZERO), &|_| {}).await
        };
        asked(&[]).await.unwrap();
        asked(&["ci-gone", "ci-anew"]).await.unwrap();
        match asked(&["ci-gone", "ci-stays", "ci-anew"]).await.unwrap_err() {
            Error::StillTerminating { namespaces, .. } => assert_eq!(
                namespaces,
                "namespace ci-stays is Terminating still: the cluster has not said why yet"
            ),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn what_holds_up_a_deletion_is_told_in_the_controllers_words() {
        let conditions = [
            condition("NamespaceDeletionDiscoveryFailure", "False", "All resources successfully discovered"),
            condition(
                "NamespaceContentRemaining",
                "True",
                "Some resources are remaining: configmaps. has 1 ",
            ),
            condition("NamespaceFinalizersRemaining", "True", "example.com/hold in 1 resource instances"),
            condition("SomethingElse", "True", "x"),
        ];
        assert_eq!(
            held_up(&conditions).as_deref(),
            Some(
                "NamespaceContentRemaining: Some resources are remaining: configmaps. has 1; \
                 NamespaceFinalizersRemaining: example.com/hold in 1 resource instances"
            )
        );
        assert_eq!(held_up(&conditions[..1]), None);
        for name in [
            "NamespaceDeletionDiscoveryFailure",
            "NamespaceDeletionGroupVersionParsingFailure",
            "NamespaceDeletionContentFailure",
            "NamespaceContentRemaining",
            "NamespaceFinalizersRemaining",
        ] {
            assert!(remedy(&condition(name, "True", "")).is_some(), "{name}");
        }
    }
}
