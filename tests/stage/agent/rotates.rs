//! Values that somebody writes into the chain's Secret while its listener waits: they reach the pull Secrets in that one's
//! namespace within a minute, and nothing is started anew.
//!
//! The watch of that Secret is the server's here: it goes on from a version, and can be cut, muted or made to forget.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use studioci::cluster::Cluster;
use studioci::output::narration::sentence;
use studioci::pipeline::facts::EnvValue;
use testkit::{BodyEnd, Reply, SeenRequest, in_base64};
use tokio::sync::mpsc::UnboundedSender;

use super::*;

const SECRETS: &str = "/api/v1/namespaces/studioci/secrets";
const SECRET: &str = "/api/v1/namespaces/studioci/secrets/chain-app-main";
const HEAD: &str = "/api/v1/namespaces/studioci/configmaps/chain-app-main";
const MINUTE: Duration = Duration::from_secs(60);

/// What becomes of the watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It tells what happens.
    Tells,
    /// The connection is dead, and nobody says so.
    Mute,
    /// It is refused for want of the right.
    Forbidden,
    /// The next one is told that its version is too old.
    Forgets,
    /// Nobody listens.
    Away,
}

/// The chain's Secret, and who watches it.
#[derive(Clone)]
struct Watched {
    stage: Stage,
    fate: Arc<Mutex<Fate>>,
    watchers: Arc<Mutex<Vec<UnboundedSender<String>>>>,
    /// How often it was watched.
    watches: Arc<Mutex<usize>>,
    /// As it was when it was deleted last.
    gone: Arc<Mutex<Value>>,
}

fn version_of(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse().ok()).unwrap_or(0)
}

impl Watched {
    fn of(stage: &Stage) -> Self {
        Self {
            stage: stage.clone(),
            fate: Arc::new(Mutex::new(Fate::Tells)),
            watchers: Arc::default(),
            watches: Arc::default(),
            gone: Arc::default(),
        }
    }

    fn fate(&self) -> Fate {
        *self.fate.lock().unwrap()
    }

    fn set(&self, fate: Fate) {
        *self.fate.lock().unwrap() = fate;
    }

    /// Ends all watches: they were whole, and say no more.
    fn cut(&self) {
        self.watchers.lock().unwrap().clear();
    }

    fn cluster(&self) -> Cluster {
        let watched = self.clone();
        Cluster::with_client(self.stage.client_behind(move |seen| watched.answer(seen)))
    }

    fn answer(&self, seen: &SeenRequest) -> Option<Reply> {
        if self.fate() == Fate::Away {
            return Some(Reply::Refused);
        }
        if seen.path != SECRETS || seen.method != "GET" {
            return None;
        }
        *self.watches.lock().unwrap() += 1;
        assert_eq!(seen.parameter("watch"), Some("true"), "nobody lists Secrets of home");
        assert_eq!(seen.selector("fieldSelector"), "metadata.name=chain-app-main");
        match self.fate() {
            Fate::Forbidden => {
                let why = "secrets \"chain-app-main\" is forbidden: User \"a\" cannot watch resource \"secrets\" in API \
                           group \"\" in the namespace \"studioci\"";
                return Some(Reply::Status(403, "Forbidden", why));
            }
            Fate::Forgets => {
                self.set(Fate::Tells);
                let gone = json!({ "type": "ERROR", "object": { "kind": "Status", "code": 410 } });
                return Some(Reply::events(&[gone], BodyEnd::Close));
            }
            Fate::Tells | Fate::Mute | Fate::Away => {}
        }
        let (sender, reply) = Reply::live();
        let from = seen.selector("resourceVersion").parse::<u64>().unwrap_or(0);
        let object = self.stage.world().get(SECRET).clone();
        let gone = self.gone.lock().unwrap().clone();
        if object.is_null() && version_of(&gone) > from {
            sender.send(event("DELETED", &gone)).unwrap();
        } else if self.fate() != Fate::Mute && version_of(&object) > from {
            sender.send(event("MODIFIED", &object)).unwrap();
        }
        self.watchers.lock().unwrap().push(sender);
        Some(reply)
    }

    /// Writes a value, as `kubectl patch` does.
    fn rotate(&self, value: &str) {
        self.write(|secret| secret["data"]["LOGIN"] = json!(in_base64(value)));
    }

    fn delete(&self) {
        self.stage.world().change(SECRET, |_| ());
        *self.gone.lock().unwrap() = self.stage.world().objects.remove(SECRET).unwrap();
    }

    fn write(&self, change: impl FnOnce(&mut Value)) {
        self.stage.world().change(SECRET, change);
        let object = self.stage.world().get(SECRET).clone();
        if self.fate() == Fate::Tells {
            // who hung up hears nothing
            self.watchers.lock().unwrap().retain(|watcher| watcher.send(event("MODIFIED", &object)).is_ok());
        }
    }
}

fn event(kind: &str, object: &Value) -> String {
    format!("{}\n", json!({ "type": kind, "object": object }))
}

/// A pull Secret of this name with a login.
fn pull_secret(name: &str, login: &str) -> String {
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": { "login": login } })
        .to_string()
}

/// The pipeline with these pull Secrets.
fn with_pull_secrets(text: &str, secrets: &[(&str, &str)]) -> String {
    let names: Vec<Value> = secrets.iter().map(|(name, _)| json!({ "name": name })).collect();
    // of the build workload, which comes last
    let at = text.rfind("\"containers\"").unwrap();
    let (before, after) = text.split_at(at);
    let secrets: Vec<String> = secrets.iter().map(|(name, login)| pull_secret(name, login)).collect();
    format!("{before}\"imagePullSecrets\": {}, {after}\n---\n{}", json!(names), secrets.join("\n---\n"))
}

/// A chain whose registry asks for the login that `env.LOGIN` is, "one" at `start`.
fn with_login() -> StartRequest {
    let mut request = request(&glob());
    let text = &mut request.sources.template.text;
    *text = with_pull_secrets(text, &[("registry", "{{ env.LOGIN }}")]);
    let login = EnvValue { value: "one".to_owned(), secret: true };
    request.facts.env.insert("LOGIN".to_owned(), login);
    request
}

/// Such a chain, its listener at rest.
async fn waiting() -> (Watched, String) {
    let stage = Stage::new(&[("build-1", 'a')]);
    starts(&stage, &with_login()).await.unwrap();
    let namespace = stage.world().builds()[&1].clone();
    stage.world().writes.clear();
    (Watched::of(&stage), namespace)
}

/// What a pull Secret of a namespace holds.
fn login_of(world: &World, namespace: &str, name: &str) -> Value {
    world.get(&format!("/api/v1/namespaces/{namespace}/secrets/{name}"))["data"]["login"].clone()
}

impl Watched {
    fn login(&self, namespace: &str) -> Value {
        login_of(&self.stage.world(), namespace, "registry")
    }

    /// Comes back when a namespace has this login: how long that took.
    async fn arrives(&self, namespace: &str, login: &str) -> Duration {
        let begun = tokio::time::Instant::now();
        let wanted = in_base64(login);
        let there = self.stage.reaches(|world| login_of(world, namespace, "registry") == wanted);
        let arrived = tokio::time::timeout(5 * MINUTE, there).await;
        assert!(arrived.is_ok(), "{login} does not arrive: {}", self.login(namespace));
        begun.elapsed()
    }

    /// Runs the agent of a namespace beside `script`; what its diary says.
    async fn beside(&self, namespace: &str, script: impl Future<Output = ()>) -> Vec<String> {
        let diary = RefCell::new(Vec::new());
        let say = |it: studioci::state::narration::Narration<'_>| diary.borrow_mut().extend(sentence(&it));
        let me = identity(&self.stage, namespace);
        let cluster = self.cluster();
        let mut agent = Agent::new(&cluster, me, clock, Renderer::here(), &say);
        tokio::select! {
            ended = Box::pin(agent.run()) => panic!("{ended:?}"),
            () = Box::pin(script) => {}
        }
        diary.into_inner()
    }
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

#[tokio::test(start_paused = true)]
async fn a_value_that_changes_reaches_the_waiting_listener_and_starts_nothing_anew() {
    let (watched, namespace) = waiting().await;
    let pods = |world: &World| world.all("pods").into_iter().cloned().collect::<Vec<_>>();
    let before = pods(&watched.stage.world());
    let listener = watched.stage.world().get(&World::listener(&namespace)).clone();
    let diary = watched
        .beside(&namespace, async {
            seconds(90).await;
            watched.stage.world().writes.clear();
            for login in ["two", "three", "one"] {
                watched.rotate(login);
                let took = watched.arrives(&namespace, login).await;
                assert!(took < Duration::from_secs(5), "{login}: {took:?}");
                // not as long as until a recheck
                seconds(15 * 60).await;
            }
        })
        .await;
    let world = watched.stage.world();
    let written = format!("PATCH /api/v1/namespaces/{namespace}/secrets/registry");
    assert_eq!(world.writes, vec![written; 3], "and nothing else");
    assert_eq!(pods(&world), before);
    assert_eq!(*world.get(&World::listener(&namespace)), listener);
    assert_eq!(annotation(&world, &namespace, wire::WAITING), "");
    assert!(
        diary
            .iter()
            .any(|line| line == "Secret chain-app-main has changed: the pull Secrets are written anew")
    );
    assert!(!diary.iter().any(|line| line.contains("three")), "{diary:?}");
}

#[tokio::test(start_paused = true)]
async fn however_the_watch_breaks_a_value_arrives_within_a_minute() {
    type Breaks = fn(&Watched);
    let cases: [(&str, Breaks); 5] = [
        ("cut before it changes", Watched::cut),
        ("cut, and its version forgotten", |watched| {
            watched.set(Fate::Forgets);
            watched.cut();
        }),
        ("dead without a word", |watched| watched.set(Fate::Mute)),
        ("refused once", |watched| {
            watched.set(Fate::Forbidden);
            watched.cut();
        }),
        ("the server is away", |watched| {
            watched.set(Fate::Away);
            watched.cut();
        }),
    ];
    for (how, breaks) in cases {
        // at any age of a stream
        for age in [1, 20, 49, 50, 51] {
            let (watched, namespace) = waiting().await;
            watched
                .beside(&namespace, async {
                    seconds(60 + age).await;
                    breaks(&watched);
                    watched.rotate("two");
                    let heals = async {
                        seconds(5).await;
                        watched.set(Fate::Tells);
                        std::future::pending::<()>().await;
                    };
                    tokio::select! {
                        took = watched.arrives(&namespace, "two") => {
                            assert!(took < MINUTE, "{how} at {age} s: {took:?}");
                        }
                        () = heals => {}
                    }
                })
                .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_changes_at_once_the_later_one_counts() {
    let (watched, namespace) = waiting().await;
    let pull = format!("PATCH /api/v1/namespaces/{namespace}/secrets/registry");
    watched
        .beside(&namespace, async {
            seconds(90).await;
            watched.rotate("two");
            watched.rotate("three");
            watched.arrives(&namespace, "three").await;
            // and one that comes while an earlier one is on its way
            let between = watched.clone();
            let mut once = Some("five");
            watched.stage.world().after_write = Some(Box::new(move |world, write| {
                if write == pull
                    && let Some(login) = once.take()
                {
                    world.change(SECRET, |secret| secret["data"]["LOGIN"] = json!(in_base64(login)));
                    let line = event("MODIFIED", world.get(SECRET));
                    between.watchers.lock().unwrap().retain(|watcher| watcher.send(line.clone()).is_ok());
                }
            }));
            watched.rotate("four");
            let took = watched.arrives(&namespace, "five").await;
            assert!(took < MINUTE, "{took:?}");
            seconds(600).await;
        })
        .await;
    assert_eq!(watched.login(&namespace), in_base64("five"));
}

#[tokio::test(start_paused = true)]
async fn values_that_cannot_be_used_leave_the_old_secrets_and_are_told_of() {
    type Spoils = fn(&Watched);
    let cases: [(&str, Spoils, &str); 4] = [
        (
            "no value",
            |watched| watched.write(|secret| secret["data"] = json!({})),
            "the values in Secret chain-app-main cannot be used: ",
        ),
        (
            "one that breaks the document",
            |watched| watched.rotate("hunter2\"]"),
            "the values in Secret chain-app-main cannot be used: ",
        ),
        (
            "one that is no text",
            |watched| watched.write(|secret| secret["data"]["LOGIN"] = json!("/w==")),
            "Secret chain-app-main in studioci: LOGIN is not UTF-8 text",
        ),
        ("no Secret", Watched::delete, "Secret chain-app-main in namespace studioci is gone"),
    ];
    for (what, spoils, says) in cases {
        let (watched, namespace) = waiting().await;
        let good = watched.stage.world().get(SECRET).clone();
        let diary = watched
            .beside(&namespace, async {
                seconds(90).await;
                spoils(&watched);
                watched.cut();
                let told = watched
                    .stage
                    .reaches(|world| annotation(world, &namespace, wire::WAITING).contains(says));
                assert!(tokio::time::timeout(MINUTE, told).await.is_ok(), "{what}");
                // said once, and asked for rarely
                let before = watched.stage.world().requests.len();
                seconds(3600).await;
                let asked = watched.stage.world().requests.len() - before;
                assert!(asked < 6 * 60, "{what}: {asked} in an hour");
                assert_eq!(watched.login(&namespace), in_base64("one"), "{what}");
                assert_eq!(watched.stage.world().phase(&namespace), "Listening", "{what}");
                watched.stage.world().objects.insert(SECRET.to_owned(), good);
                watched.rotate("two");
                let took = watched.arrives(&namespace, "two").await;
                assert!(took < MINUTE, "{what}: {took:?}");
                let mended =
                    watched.stage.reaches(|world| annotation(world, &namespace, wire::WAITING).is_empty());
                assert!(tokio::time::timeout(MINUTE, mended).await.is_ok(), "{what}");
            })
            .await;
        let world = watched.stage.world();
        let mut events = world.all("events");
        events.retain(|event| event["involvedObject"]["kind"] != "Namespace");
        assert_eq!(events.len(), 1, "{what}");
        let told = events[0]["message"].as_str().unwrap();
        assert!(told.contains(says) && told.len() <= 1024, "{what}: {told}");
        assert_eq!(events[0]["involvedObject"]["name"], "build", "{what}");
        let lines: Vec<&String> = diary.iter().filter(|line| line.contains(says)).collect();
        assert!(!lines.is_empty(), "{what}: {diary:?}");
        assert!(!format!("{diary:?}{told}").contains("hunter2"), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_is_not_lost_while_values_cannot_be_used() {
    let (watched, namespace) = waiting().await;
    let stage = &watched.stage;
    watched
        .beside(&namespace, async {
            seconds(90).await;
            watched.write(|secret| secret["data"] = json!({}));
            stage.reaches(|world| !annotation(world, &namespace, wire::WAITING).is_empty()).await;
        })
        .await;
    stage.world().push(&namespace, "build-2", 'b');
    watched
        .beside(&namespace, async {
            stage.reaches(|world| annotation(world, &namespace, wire::VERDICT) == "Errored").await;
            let failing =
                stage.reaches(|world| !annotation(world, &namespace, wire::DISPATCH_ERROR).is_empty());
            failing.await;
            watched.rotate("two");
        })
        .await;
    // its cause is told, and the chain goes on once there is a value again
    assert!(annotation(&stage.world(), &namespace, wire::CAUSE).contains("env.LOGIN"));
    stage.world().roll(&namespace);
    watched.beside(&namespace, stage.reaches(|world| asleep(world, &namespace))).await;
    let next = stage.world().builds()[&2].clone();
    assert_eq!(watched.login(&next), in_base64("two"));
}

#[tokio::test(start_paused = true)]
async fn a_push_cannot_keep_the_chains_own_pull_secrets_from_being_renewed() {
    let at_start = with_login().sources.template.text;
    let more =
        with_pull_secrets(&pipeline(&glob()), &[("registry", "mine"), ("more", "{{ env.LOGIN }}-more")]);
    let fails = format!("{at_start}\n{{% if env.LOGIN == \"two\" %}}{{{{ nothing }}}}{{% endif %}}");
    let cases =
        [("adds one, and has another of the same name", more, true), ("fails with that value", fails, false)];
    for (what, pushed, renders) in cases {
        let (watched, namespace) = waiting().await;
        {
            let mut world = watched.stage.world();
            world.change(HEAD, |head| head["data"]["pipeline"] = json!(pushed));
            let secrets = format!("/api/v1/namespaces/{namespace}/secrets");
            world.keep(&secrets, serde_json::from_str(&pull_secret("more", "one-more")).unwrap());
            world.roll(&namespace);
        }
        watched
            .beside(&namespace, async {
                seconds(90).await;
                watched.rotate("two");
                let took = watched.arrives(&namespace, "two").await;
                assert!(took < MINUTE, "{what}: {took:?}");
                seconds(60).await;
            })
            .await;
        {
            let world = watched.stage.world();
            let more = login_of(&world, &namespace, "more");
            assert_eq!(more, in_base64(if renders { "two-more" } else { "one-more" }), "{what}");
            let told = annotation(&world, &namespace, wire::WAITING);
            let says = "the pull Secrets that a push has added stay as they were: ";
            assert_eq!(told.contains(says), !renders, "{what}: {told}");
        }
        // from there back to the value before
        let back = watched.clone();
        watched
            .beside(&namespace, async {
                seconds(90).await;
                back.rotate("three");
                back.arrives(&namespace, "three").await;
                back.rotate("two");
                back.arrives(&namespace, "two").await;
                back.rotate("three");
                let took = back.arrives(&namespace, "three").await;
                assert!(took < MINUTE, "{what}: {took:?}");
            })
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_whose_image_cannot_be_pulled_gets_the_values_of_now() {
    let stage = Stage::new(&[("build-1", 'a')]);
    let cluster = stage.cluster();
    let request = with_login();
    tokio::select! {
        outcome = Box::pin(start(&cluster, &request, &|_| {})) => panic!("{outcome:?}"),
        () = stage.reaches(listener_waits) => {}
    }
    let namespace = stage.world().builds()[&1].clone();
    stage.world().registry.clear();
    stage.world().roll(&namespace);
    let watched = Watched::of(&stage);
    // what raised it had older values
    watched.rotate("two");
    watched
        .beside(&namespace, async {
            let took = watched.arrives(&namespace, "two").await;
            assert!(took < MINUTE, "{took:?}");
            watched.rotate("three");
            let took = watched.arrives(&namespace, "three").await;
            assert!(took < MINUTE, "{took:?}");
        })
        .await;
    assert_eq!(stage.world().phase(&namespace), "Claimed");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_login_asks_less_than_twice_a_minute() {
    // without the right to watch, as a chain's Role has it that an earlier version made, what was there at its start counts
    for fate in [Fate::Tells, Fate::Mute, Fate::Forbidden] {
        let (watched, namespace) = waiting().await;
        watched.set(fate);
        watched.stage.world().change(SECRET, |secret| secret["data"]["LOGIN"] = json!(in_base64("two")));
        let asked = || watched.stage.world().requests.len() + *watched.watches.lock().unwrap();
        watched
            .beside(&namespace, async {
                let took = watched.arrives(&namespace, "two").await;
                assert!(took < MINUTE, "{fate:?}: {took:?}");
                seconds(120).await;
                let before = asked();
                seconds(600).await;
                let count = asked() - before;
                assert!(count <= 20, "{fate:?}: {count} in ten minutes");
            })
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_without_pull_secrets_watches_no_secret() {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &glob()).await.unwrap();
    let namespace = stage.world().builds()[&1].clone();
    let watched = Watched::of(&stage);
    watched.beside(&namespace, seconds(600)).await;
    assert_eq!(*watched.watches.lock().unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_push_that_has_told_nothing_yet_goes_before_a_value() {
    let (watched, namespace) = waiting().await;
    let tells = watched.stage.tells.lock().unwrap().take();
    watched.stage.world().push(&namespace, "build-2", 'b');
    watched.rotate("two");
    watched
        .beside(&namespace, async {
            seconds(120).await;
            assert_eq!(watched.login(&namespace), in_base64("one"), "nothing is rendered meanwhile");
        })
        .await;
    *watched.stage.tells.lock().unwrap() = tells;
    watched.beside(&namespace, watched.stage.reaches(|world| asleep(world, &namespace))).await;
    let next = watched.stage.world().builds()[&2].clone();
    assert_eq!(watched.login(&next), in_base64("two"), "and what it hands on has the value of now");
}
