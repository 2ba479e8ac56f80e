//! Events, always asked for by what they are about, and never more than some; and the few that an agent makes.
//!
//! A build may hold the right to create events, and then it writes as many as it likes, about whatever it likes, as large
//! as an object may be. So none of them is a proof of anything: they explain, and what they explain is known before.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::chain::build::Build;
use crate::chain::event::BuildEvent;
use crate::chain::pod::Pod;
use crate::chain::wire::EVENT_SOURCE;
use crate::cluster::objects::{Event, Meta, Object, within_event};
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
    let name = &deployment.name;
    let said = OurEvent {
        // as client-go calls events: by their time
        name: format!("{name}.{:x}", now.as_nanosecond()),
        about: json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "name": name, "namespace": namespace,
            "uid": deployment.uid,
        }),
        warns: true,
        reason,
        message,
        at: now,
    };
    cluster
        .create::<Object>(&kind::EVENTS, Some(namespace), &said.object(namespace), &Create::default())
        .await?;
    Ok(())
}

/// Says of a build what happened to it, about its Namespace and in it. That it was said before is no error.
///
/// # Errors
/// Cluster errors.
pub(crate) async fn tell(cluster: &Cluster, build: &Build, event: &BuildEvent) -> Result<(), Error> {
    let namespace = &build.namespace;
    let said = OurEvent {
        name: event.name(namespace),
        // with its own namespace, although it is in none: an Event lives in the namespace of what it is about
        about: json!({
            "apiVersion": "v1", "kind": "Namespace", "name": namespace, "namespace": namespace, "uid": build.uid,
        }),
        warns: event.warns,
        reason: event.reason,
        message: &event.message,
        at: event.at,
    };
    let object = said.object(namespace);
    match cluster.create::<Object>(&kind::EVENTS, Some(namespace), &object, &Create::default()).await {
        Err(error) if error.is_already_exists() => Ok(()),
        created => created.map(drop),
    }
}

/// An Event of ours.
struct OurEvent<'a> {
    name: String,
    about: Value,
    warns: bool,
    reason: &'a str,
    message: &'a str,
    at: Timestamp,
}

impl OurEvent<'_> {
    fn object(&self, namespace: &str) -> Value {
        let seconds = format!("{:.0}", self.at);
        let plain: String = self.message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": { "name": self.name, "namespace": namespace },
            "involvedObject": self.about,
            "type": if self.warns { "Warning" } else { "Normal" },
            "reason": self.reason,
            "message": within_event(plain),
            "source": { "component": EVENT_SOURCE },
            "reportingComponent": EVENT_SOURCE,
            "firstTimestamp": seconds,
            "lastTimestamp": seconds,
            "count": 1,
        })
    }
}

#[cfg(test)]
mod tests {
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

    #[tokio::test(start_paused = true)]
    async fn an_event_of_a_build_is_about_its_namespace_and_in_it_and_no_longer_than_an_event_may_be() {
        let (cluster, server) = Cluster::scripted(|_| {
            Reply::Json(409, json!({ "kind": "Status", "code": 409, "reason": "AlreadyExists" }))
        });
        let build = Build::played("ci-a", crate::chain::build::Phase::Recorded, &[]);
        let message = format!("Failed: line\none {}", "ä".repeat(2_000));
        let at = "2026-11-24T20:00:03.4Z".parse().unwrap();
        let event = BuildEvent { reason: "Failed", warns: true, message, at };
        tell(&cluster, &build, &event).await.unwrap();
        let seen = &server.seen()[0];
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/api/v1/namespaces/ci-a/events"));
        let mut object = seen.body.clone();
        let message = object["message"].take();
        let message = message.as_str().unwrap();
        assert!(message.starts_with("Failed: line one ää") && message.ends_with("ä…"), "{message}");
        assert!(message.len() <= crate::cluster::objects::EVENT_TEXT, "{}", message.len());
        assert_eq!(
            object,
            json!({
                "apiVersion": "v1", "kind": "Event",
                "metadata": { "name": "ci-a.failed", "namespace": "ci-a" },
                "involvedObject": {
                    "apiVersion": "v1", "kind": "Namespace", "name": "ci-a", "namespace": "ci-a", "uid": "uid-of-ci-a",
                },
                "type": "Warning", "reason": "Failed", "message": null,
                "source": { "component": "studioci" }, "reportingComponent": "studioci",
                "firstTimestamp": "2026-11-24T20:00:03Z", "lastTimestamp": "2026-11-24T20:00:03Z", "count": 1,
            })
        );
    }
}
