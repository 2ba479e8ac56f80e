//! One recording, played in virtual time, and what it shows.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keel_standin::{Clock as _, Entry, Hooks, Journal, Keel, Settings, Switch, Version};
use serde_json::{Map, Value, json};
use studioci::keel::names;
use studioci::keel::parking;

use crate::clock::VirtualClock;
use crate::recording::{Action, Expectation, Last, Process, Sequence};
use crate::world::{HOST, World, Write, digest_of};

/// How much fewer or more requests than recorded are no difference.
const SLACK: usize = 2;
/// A request to hold that has not come by then will not come; what follows then differs from the recording.
const HOLD_LIMIT: SignedDuration = SignedDuration::from_secs(60);
/// A process sees the cluster this long after its start.
const WATCHES_OPEN_MS: i64 = 100;

/// Where in a second, and in Keel's three, a recording begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phase {
    /// Milliseconds that Keel has been up when the Deployments are created.
    pub(crate) up_ms: i64,
    /// Milliseconds of the second at that moment.
    pub(crate) subsecond_ms: i64,
}

pub(crate) struct Replay<'s> {
    sequence: &'s Sequence,
    version: Version,
    zero: Timestamp,
    /// When each step began, with its number; 0 is the creation.
    begun: Vec<(u32, Timestamp)>,
    writes: Vec<Write>,
    requests: Vec<(Timestamp, String)>,
    calls: Vec<String>,
    crash: Option<Timestamp>,
    objects: BTreeMap<String, Value>,
}

impl<'s> Replay<'s> {
    pub(crate) fn play(sequence: &'s Sequence, version: Version, phase: Phase) -> Self {
        let zero = Timestamp::from_millisecond(1_790_000_000_000 + phase.subsecond_ms).expect("a time");
        let clock = VirtualClock::starting_at(zero - SignedDuration::from_millis(phase.up_ms));
        let world = World::new(&clock);
        let settings = Settings { version, default_schedule: "@every 2s".to_owned() };
        let hooks = Hooks::default();
        let crashed = Rc::new(Cell::new(None));
        let journal = Journal::new({
            let crashed = Rc::clone(&crashed);
            move |at, entry| {
                if let Entry::Crashed { .. } = entry {
                    crashed.set(Some(at));
                }
            }
        });
        let running = Switch::default();
        running.set(sequence.initial.keel == Process::Running);
        let begun = RefCell::new(vec![(0, zero)]);
        for (tag, content) in &sequence.initial.registry {
            world.push(tag, content);
        }
        for (repository, login) in &sequence.initial.locked {
            world.lock(repository, login);
        }
        for (object, login) in &sequence.initial.secrets {
            world.keep_login(object, login);
        }

        let watch = || async {
            world.watched.set(false);
            clock.sleep_until(clock.now() + SignedDuration::from_millis(WATCHES_OPEN_MS)).await;
            world.open_watches();
            std::future::pending().await
        };
        let process = Keel::lives(
            &settings,
            (&world, &world, &clock),
            &world.cache,
            (&hooks, &journal, &running),
            watch,
        );
        let script = async {
            clock.sleep_until(zero).await;
            for deployment in &sequence.initial.deployments {
                world.create(deployment);
            }
            let mut held = None;
            for step in &sequence.steps {
                let (base, seconds) = match (step.at_s, step.plus_s, held) {
                    (Some(at), _, _) => (zero, at),
                    (None, plus, Some(held)) => (held, plus.unwrap_or_default()),
                    (None, plus, None) => {
                        tokio::select! {
                            biased;
                            () = hooks.held() => {}
                            () = clock.sleep_until(clock.now() + HOLD_LIMIT) => {}
                        }
                        held = Some(clock.now());
                        (clock.now(), plus.unwrap_or_default())
                    }
                };
                clock.sleep_until(base + SignedDuration::from_secs_f64(seconds)).await;
                begun.borrow_mut().push((step.n, clock.now()));
                act(&step.action, &world, &hooks, &running);
                if let Action::HoldNext { .. } = step.action {
                    held = None;
                }
            }
        };
        clock.run(async {
            tokio::select! {
                biased;
                () = script => {}
                never = process => match never {},
            }
        });

        Self {
            sequence,
            version,
            zero,
            begun: begun.take(),
            writes: world.writes.take(),
            requests: world.requests.take(),
            calls: world.calls.take(),
            crash: crashed.get(),
            objects: world.objects.take(),
        }
    }

    /// Everything that differs from the recording.
    pub(crate) fn differences(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.end(&mut found);
        if !self.sequence.unstable {
            self.expected_writes(&mut found);
            self.requests(&mut found);
        }
        self.calls(&mut found);
        found
    }

    fn step_at(&self, at: Timestamp) -> (u32, Timestamp) {
        self.begun.iter().rev().find(|(_, begun)| *begun <= at).copied().unwrap_or((0, self.zero))
    }

    /// Every write that was recorded, in the order of each object, and no other.
    fn expected_writes(&self, found: &mut Vec<String>) {
        let expected = self.sequence.expect.iter().filter(|e| e.within_s.is_some());
        let (process, writes): (Vec<_>, Vec<&Expectation>) = expected.partition(|e| e.object == "keel");
        if process.is_empty() != self.crash.is_none() {
            found.push(format!("the process ended at {:?}", self.crash));
        }
        let objects: BTreeSet<&str> = writes
            .iter()
            .map(|e| e.object.as_str())
            .chain(self.writes.iter().map(|write| write.object.as_str()))
            .collect();
        for object in objects {
            let seen: Vec<Value> = self
                .writes
                .iter()
                .filter(|write| write.object == object)
                .map(|write| self.seen(write))
                .collect();
            let wanted: Vec<Value> = writes
                .iter()
                .filter(|e| e.object == object)
                .map(|e| json!({"after": e.after_step, "status": e.status, "change": e.change}))
                .collect();
            let seen_text = json!(seen).to_string();
            let seen = if json!(wanted).to_string().contains("<old>") { without_old(&seen) } else { seen };
            if seen != wanted {
                found.push(format!("{object}:\n    wrote  {seen_text}\n    wanted {}", json!(wanted)));
                continue;
            }
            let own = self.writes.iter().filter(|write| write.object == object);
            for (write, e) in own.zip(writes.iter().filter(|e| e.object == object)) {
                let late = write.at.duration_since(self.step_at(write.at).1).as_secs_f64();
                if late > e.within_s.unwrap_or_default() {
                    found.push(format!("{object}: written {late} s after step {}", e.after_step));
                }
            }
        }
    }

    fn seen(&self, write: &Write) -> Value {
        let change = (write.status != 404).then(|| {
            let (before, sent) = (view(&write.before), view(&write.sent));
            let mut change = merge_patch(&before, &sent);
            masked(&mut change);
            change
        });
        json!({"after": self.step_at(write.at).0, "status": write.status, "change": change})
    }

    fn end(&self, found: &mut Vec<String>) {
        let objects: BTreeSet<&String> = self.objects.keys().chain(self.sequence.last.keys()).collect();
        for name in objects {
            let (Some(object), Some(last)) = (self.objects.get(name), self.sequence.last.get(name)) else {
                found.push(format!("{name} is there at one end only"));
                continue;
            };
            let seen = view(object);
            let wanted = expected_view(last);
            let seen = json!({
                "containers": seen["containers"],
                "init_containers": seen["init_containers"],
                "replicas": seen["replicas"],
                "labels": interesting(&seen["labels"]),
                "annotations": interesting(&seen["annotations"]),
                "template_annotations": interesting(&seen["template_annotations"]),
            });
            if seen != wanted {
                found.push(format!("{name} at the end:\n    is     {seen}\n    wanted {wanted}"));
            }
        }
    }

    fn requests(&self, found: &mut Vec<String>) {
        for interval in &self.sequence.registry_requests {
            let mut seen = BTreeMap::<&str, usize>::new();
            for (_, request) in
                self.requests.iter().filter(|(at, _)| self.step_at(*at).0 == interval.after_step)
            {
                *seen.entry(request).or_default() += 1;
            }
            let wanted = |request: &str| {
                let gate = request.starts_with("GET ") || request.starts_with("CONFIG ");
                let none = gate && self.version < Version::V0_22_1;
                interval.seen.get(request).copied().filter(|_| !none).unwrap_or_default()
            };
            for request in interval.seen.keys().map(String::as_str).chain(seen.keys().copied()) {
                let (fewest, most) = wanted(request);
                let slack = if interval.seen.is_empty() { 0 } else { SLACK };
                let count = seen.get(request).copied().unwrap_or_default();
                if count + slack < fewest || count > most + slack {
                    found.push(format!(
                        "after step {}: {count} times {request}, wanted {fewest} to {most}",
                        interval.after_step
                    ));
                }
            }
        }
    }

    /// After 0.22.1 a GET stands right before each PUT; up to then there is none.
    fn calls(&self, found: &mut Vec<String>) {
        let puts = self.calls.iter().filter(|call| call.starts_with("PUT ")).count();
        let gets = self.calls.len() - puts;
        let fits = if self.version == Version::Head { gets >= puts } else { gets == 0 };
        if !fits {
            found.push(format!("asked the API server: {:?}", self.calls));
        }
    }
}

fn act(action: &Action, world: &World<'_>, hooks: &Hooks, running: &Switch) {
    match action {
        Action::Push { tag, content } => world.push(tag, content),
        Action::Untag { tag } => world.untag(tag),
        Action::Lock { repository, login } => world.lock(repository, login),
        Action::Secret { object, login } => world.keep_login(object, login),
        Action::Create { deployment } => world.create(deployment),
        Action::Merge { object, patch } => world.change(object, |value| merge(value, patch)),
        Action::Delete { object } => world.delete(object),
        Action::RenameKeys { object } => world.change(object, |value| rename(value, parking::park)),
        Action::RestoreKeys { object } => world.change(object, |value| rename(value, parking::attach)),
        Action::RunningPod { object, content } => world.run_pod(object, content),
        Action::StopKeel => running.set(false),
        Action::StartKeel => running.set(true),
        Action::HoldNext { request } => hooks.hold_next(request),
        Action::Release => hooks.release(),
        Action::LoseNext => hooks.lose_next(),
        Action::DelayPut { ms } => hooks.delay_put(Duration::from_millis(*ms)),
        Action::End => {}
    }
}

fn rename(object: &mut Value, change: impl Fn(&names::Map) -> names::Map) {
    for field in ["labels", "annotations"] {
        let map = serde_json::from_value(object["metadata"][field].clone()).expect("a map of strings");
        object["metadata"][field] = json!(change(&map));
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.as_object_mut().and_then(|target| target.remove(key));
            }
            value => merge(&mut target[key.as_str()], value),
        }
    }
}

/// An object as the recordings show it: images by container without the registry's host, maps, replicas; and all
/// the rest, so that nothing changes unseen.
fn view(object: &Value) -> Map<String, Value> {
    let mut rest = object.clone();
    let mut take = |pointer: &str| {
        rest.pointer_mut(pointer)
            .map(Value::take)
            .filter(|value| !value.is_null())
            .unwrap_or_else(|| json!({}))
    };
    let images = |list: Value| -> Value {
        let list = list.as_array().cloned().unwrap_or_default().into_iter();
        let image = |container: &Value| {
            container["image"]
                .as_str()
                .unwrap_or_default()
                .trim_start_matches(HOST)
                .trim_start_matches('/')
                .to_owned()
        };
        list.map(|c| (c["name"].as_str().unwrap_or_default().to_owned(), json!(image(&c))))
            .collect::<Map<_, _>>()
            .into()
    };
    let mut view = Map::new();
    for (field, pointer) in [
        ("containers", "/spec/template/spec/containers"),
        ("init_containers", "/spec/template/spec/initContainers"),
    ] {
        view.insert(field.to_owned(), images(take(pointer)));
    }
    for (field, pointer) in [
        ("labels", "/metadata/labels"),
        ("annotations", "/metadata/annotations"),
        ("template_annotations", "/spec/template/metadata/annotations"),
        ("replicas", "/spec/replicas"),
    ] {
        view.insert(field.to_owned(), take(pointer));
    }
    take("/metadata/resourceVersion");
    if let Some(metadata) = rest.pointer_mut("/spec/template/metadata").and_then(Value::as_object_mut) {
        metadata.remove("annotations");
    }
    view.insert("rest".to_owned(), rest);
    view
}

fn expected_view(last: &Last) -> Value {
    json!({
        "containers": last.containers,
        "init_containers": last.init_containers,
        "replicas": last.replicas,
        "labels": last.labels,
        "annotations": last.annotations,
        "template_annotations": last.template_annotations,
    })
}

/// The keys that the recordings list.
fn interesting(map: &Value) -> Vec<&str> {
    let keys = map.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    keys.filter(|key| {
        key.starts_with(names::PREFIX)
            || key.starts_with(parking::PARKED)
            || [names::CHANGE_CAUSE, "example.com/note"].contains(key)
    })
    .collect()
}

/// The JSON merge patch from one map to another.
fn merge_patch(before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for key in before.keys().chain(after.keys()) {
        match (before.get(key), after.get(key)) {
            (Some(old), Some(new)) if old == new => {}
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                patch.insert(key.clone(), merge_patch(old, new).into());
            }
            (_, new) => {
                patch.insert(key.clone(), new.cloned().unwrap_or_default());
            }
        }
    }
    patch
}

/// Puts `<time>` and `<digest of X>` where they differ from run to run.
fn masked(change: &mut Map<String, Value>) {
    for (key, value) in change {
        match value {
            Value::Object(inner) => masked(inner),
            Value::String(text) => {
                for content in 'A'..='Z' {
                    *text = text.replace(&digest_of(&content.to_string()), &format!("<digest of {content}>"));
                }
                if key == names::UPDATE_TIME {
                    assert!(text.contains(" +0000 UTC m=+"), "not a time of Go: {text}");
                    "<time>".clone_into(text);
                } else if let Some((cause, _)) = text.split_once(" [") {
                    *text = format!("{cause} [<time>]");
                }
            }
            _ => {}
        }
    }
}

/// Some recordings leave the old tag out.
fn without_old(seen: &[Value]) -> Vec<Value> {
    let mut seen = seen.to_vec();
    for write in &mut seen {
        if let Some(cause) = write["change"]["annotations"].get_mut(names::CHANGE_CAUSE)
            && let Some((head, tail)) = cause.as_str().and_then(|text| text.split_once(" -> "))
            && let Some((head, _)) = head.rsplit_once(' ')
        {
            *cause = json!(format!("{head} <old> -> {tail}"));
        }
    }
    seen
}
