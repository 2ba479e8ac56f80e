//! Events, always asked for by what they are about, and never more than some; and the few that an agent makes.
//!
//! A build may hold the right to create events, and then it writes as many as it likes, about whatever it likes, as large
//! as an object may be. So none of them is a proof of anything: they explain, and what they explain is known before.

use jiff::Timestamp;
use serde_json::json;

use crate::chain::pod::Pod;
use crate::chain::wire::FIELD_MANAGER;
use crate::cluster::objects::{EVENT_TEXT, Event, Meta, Object};
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Create, Error, Query};

/// Events that are looked at of one object at most. Kubernetes counts what repeats itself, so that few objects have ten.
const MOST: usize = 100;

/// What events are about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About<'a> {
    /// The object of this kind and name.
    Object(&'a str, &'a str),
    /// This very pod.
    Pod(&'a Pod),
    /// Any pod of the namespace: of one that is gone nothing else is known.
    AnyPod,
}

impl About<'_> {
    fn selector(self) -> String {
        match self {
            Self::Object(kind, name) => format!("involvedObject.kind={kind},involvedObject.name={name}"),
            Self::Pod(pod) => format!("involvedObject.kind=Pod,involvedObject.uid={}", pod.uid),
            Self::AnyPod => "involvedObject.kind=Pod".to_owned(),
        }
    }
}

/// What was warned of about it, oldest first.
pub(crate) async fn warnings(
    cluster: &Cluster,
    namespace: &str,
    about: About<'_>,
) -> Result<Vec<Event>, Error> {
    let query = Query::fields(format!("{},type=Warning", about.selector())).at_most(MOST);
    let mut events = cluster.list::<Event>(&kind::EVENTS, Some(namespace), &query).await?.items;
    events.sort_by_key(Event::last_seen);
    Ok(events)
}

/// Warns of a Deployment, for those who look at it with kubectl.
///
/// # Errors
/// Cluster errors.
pub(crate) async fn warn(
    cluster: &Cluster,
    namespace: &str,
    deployment: &Meta,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let (name, seconds) = (&deployment.name, format!("{now:.0}"));
    let message: String = message.chars().take(EVENT_TEXT / 4).collect();
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        // as client-go calls events: by their time
        "metadata": { "name": format!("{name}.{:x}", now.as_nanosecond()), "namespace": namespace },
        "involvedObject": {
            "apiVersion": "apps/v1", "kind": "Deployment", "name": name, "namespace": namespace,
            "uid": deployment.uid,
        },
        "type": "Warning",
        "reason": reason,
        "message": message,
        "source": { "component": FIELD_MANAGER },
        "firstTimestamp": seconds,
        "lastTimestamp": seconds,
        "count": 1,
    });
    cluster.create::<Object>(&kind::EVENTS, Some(namespace), &event, &Create::default()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use testkit::Reply;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_events_about_the_object_are_asked_for_and_only_some() {
        let (cluster, server) = Cluster::scripted(|_| {
            let event = |second: u32| json!({ "message": second.to_string(), "lastTimestamp": format!("2026-11-24T20:00:{second:02}Z") });
            let items: Vec<Value> = [3, 1, 2].into_iter().map(event).collect();
            Reply::Json(200, json!({ "metadata": {}, "items": items }))
        });
        let pod = Pod { uid: "u-1".to_owned(), ..Pod::default() };
        for (about, selector) in [
            (
                About::Object("Job", "studioci-build"),
                "involvedObject.kind=Job,involvedObject.name=studioci-build",
            ),
            (About::Pod(&pod), "involvedObject.kind=Pod,involvedObject.uid=u-1"),
            (About::AnyPod, "involvedObject.kind=Pod"),
        ] {
            let found = warnings(&cluster, "ci-a", about).await.unwrap();
            assert_eq!(found.iter().map(|event| event.message.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
            let query = server.seen().last().unwrap().query.replace("%3D", "=").replace("%2C", ",");
            assert_eq!(query, format!("fieldSelector={selector},type=Warning&limit=100"));
        }
    }
}
