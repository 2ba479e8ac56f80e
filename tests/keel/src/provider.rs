//! The Kubernetes provider: an event becomes a whole-object PUT of every workload that it concerns.

use futures_util::future::join_all;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map as Object, Value};
use studioci::keel::containers::Followed;
use studioci::keel::image::ImageRef;
use studioci::keel::names;
use studioci::keel::policy::{self, Policy};
use tokio::sync::mpsc;

use crate::cache::Workload;
use crate::journal::Entry;
use crate::keel::{Keel, Version};
use crate::poll::Event;
use crate::world::{ApiServer, Clock, Name, Refusal, Registry};

const CONFLICT: u16 = 409;
/// How often an update is sent after a conflict, by versions that do.
const ATTEMPTS: u32 = 5;
const BACKOFF: SignedDuration = SignedDuration::from_millis(10);

/// A workload as it is to be written: the cached copy, changed.
struct Plan {
    name: Name,
    object: Value,
    current: String,
}

impl<A: ApiServer, R: Registry, C: Clock> Keel<'_, A, R, C> {
    /// Events are handled one after the other.
    pub(crate) async fn update_forever(&self, mut events: mpsc::UnboundedReceiver<Event>) {
        while let Some(event) = events.recv().await {
            self.update(&event).await;
        }
    }

    async fn update(&self, event: &Event) {
        let mut plans = Vec::new();
        for workload in self.cache.values() {
            let (labels, annotations) = (workload.labels(), workload.annotations());
            let policy = Policy::of(&labels, &annotations);
            if !policy.tracked() || !policy::polled(&labels, &annotations) {
                continue;
            }
            let Some(mut plan) = self.plan(&workload, &policy, event) else { continue };
            if self.settings.version == Version::Head {
                let current = self.current_digest(&workload, &plan.current, event).await;
                plan.current = with_digest(&plan.current, current.as_deref());
            }
            let votes = labels.get(names::APPROVALS).or_else(|| annotations.get(names::APPROVALS));
            if votes.is_some_and(|votes| votes.parse() != Ok(0_i64)) {
                self.note(&Entry::AwaitingApproval { object: workload.name.to_string() });
                continue;
            }
            plans.push(plan);
        }
        if !plans.is_empty() && !self.hooks.put_delay().is_zero() {
            let delay = SignedDuration::try_from(self.hooks.put_delay()).unwrap_or_default();
            self.clock.sleep_until(self.clock.now() + delay).await;
        }
        if self.settings.version == Version::Head {
            join_all(plans.into_iter().map(|plan| self.apply(plan, event))).await;
        } else {
            for plan in plans {
                self.apply(plan, event).await;
            }
        }
    }

    /// The changed copy, if any container of it is to be updated.
    fn plan(&self, workload: &Workload, policy: &Policy, event: &Event) -> Option<Plan> {
        let followed = Followed::of(&workload.labels(), &workload.annotations());
        let mut object = Value::clone(&workload.object);
        let mut current = None;
        let fields: &[&str] =
            if followed.init_updated { &["initContainers", "containers"] } else { &["containers"] };
        for field in fields {
            let list = object.pointer_mut(&format!("{}/{field}", workload.name.kind.pod_spec()));
            for container in list.and_then(Value::as_array_mut).into_iter().flatten() {
                if !followed.contains(container["name"].as_str().unwrap_or_default()) {
                    continue;
                }
                let Some(Ok(image)) = container["image"].as_str().map(ImageRef::parse) else { continue };
                if image.repository_key() == event.image.repository_key()
                    && self.settings.version.accepts(policy, &image.tag, &event.image.tag)
                {
                    container["image"] = Value::String(rewritten(&image, &event.image.tag));
                    current = Some(image.tag);
                }
            }
        }
        let current = current?;
        let template = object.pointer_mut(workload.name.kind.template())?;
        annotations_of(template)?.insert(names::UPDATE_TIME.to_owned(), Value::String(self.go_time()));
        Some(Plan { name: workload.name.clone(), object, current })
    }

    /// The digest that is being replaced, if a pod or Keel's own note tells.
    async fn current_digest(&self, workload: &Workload, tag: &str, event: &Event) -> Option<String> {
        let running = self.running(workload).await;
        let running = running.into_iter().find_map(|(image, digests)| {
            let image = ImageRef::parse(&image).ok()?;
            let same = image.repository_key() == event.image.repository_key() && image.tag == tag;
            digests.into_iter().next().filter(|_| same)
        });
        running.or_else(|| workload.annotations().get(names::DIGEST).cloned())
    }

    async fn apply(&self, mut plan: Plan, event: &Event) {
        let head = self.settings.version == Version::Head;
        let new = with_digest(&event.image.tag, event.digest.as_deref().filter(|_| head));
        let at = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let cause = format!("keel automated update, version {} -> {new} [{at}]", plan.current);
        if let Some(annotations) = annotations_of(&mut plan.object) {
            annotations.insert(names::CHANGE_CAUSE.to_owned(), Value::String(cause.clone()));
            if head {
                match &event.digest {
                    Some(digest) => {
                        annotations.insert(names::DIGEST.to_owned(), Value::String(digest.clone()))
                    }
                    None => annotations.remove(names::DIGEST),
                };
            }
        }
        let object = plan.name.to_string();
        self.note(&match self.write(plan).await {
            Ok(()) => Entry::Updated { object, cause },
            Err(refusal) => Entry::Failed { object, why: refusal.to_string() },
        });
    }

    /// Up to 0.22.1 the copy goes out as it is, so that a conflict ends it. After that it goes out under the
    /// resourceVersion of the moment, which undoes what anybody else has written since the copy was made.
    async fn write(&self, mut plan: Plan) -> Result<(), Refusal> {
        let put = format!("PUT {}", plan.name);
        if self.settings.version < Version::Head {
            return self.ask(&put, self.api.put(&plan.name, &plan.object)).await;
        }
        let get = format!("GET {}", plan.name);
        for attempt in 1.. {
            let live = self.ask(&get, self.api.get(&plan.name)).await?;
            plan.object["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
            match self.ask(&put, self.api.put(&plan.name, &plan.object)).await {
                Err(refusal) if refusal.status == CONFLICT && attempt < ATTEMPTS => {
                    self.clock.sleep_until(self.clock.now() + BACKOFF).await;
                }
                result => return result,
            }
        }
        Ok(())
    }

    /// The time as Go prints it: `2026-11-24 20:50:33.012683442 +0000 UTC m=+14.046352169`.
    fn go_time(&self) -> String {
        let now: Timestamp = self.clock.now();
        let up = now.duration_since(self.started);
        let at = now.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S.%9f +0000 UTC");
        format!("{at} m=+{}.{:09}", up.as_secs(), up.subsec_nanos())
    }
}

fn with_digest(tag: &str, digest: Option<&str>) -> String {
    digest.map_or_else(|| tag.to_owned(), |digest| format!("{tag} ({digest})"))
}

/// The image with another tag, as Keel writes it: no digest, and Docker Hub's name left out.
fn rewritten(image: &ImageRef, tag: &str) -> String {
    let key = image.repository_key();
    let name = key.strip_prefix("docker.io/").unwrap_or(&key);
    format!("{name}:{tag}")
}

/// The annotations of an object or a template, made if there are none.
fn annotations_of(object: &mut Value) -> Option<&mut Object<String, Value>> {
    let metadata = object.as_object_mut()?.entry("metadata").or_insert_with(|| Value::Object(Object::new()));
    if metadata.is_null() {
        *metadata = Value::Object(Object::new());
    }
    let annotations =
        metadata.as_object_mut()?.entry("annotations").or_insert_with(|| Value::Object(Object::new()));
    if annotations.is_null() {
        *annotations = Value::Object(Object::new());
    }
    annotations.as_object_mut()
}
