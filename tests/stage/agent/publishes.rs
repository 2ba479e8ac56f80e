//! Results go out: a commit status and a webhook for each build, exactly one final word, whoever dies and whatever the other
//! side does.

use std::sync::{Arc, Mutex};

use studioci::chain::build::Map;
use studioci::chain::publishing::{PublishAsked, TOKEN, WEBHOOK_SECRET, WebhookTemplate};
use studioci::cluster::options::Proxies;
use studioci::cluster::outside::Outside;
use studioci::ops::stop::{Left, StopRequest, stop};
use studioci::output::narration::sentence;
use studioci::state::build::look;
use studioci::state::narration::Narration;
use studioci::state::record::CopiedValues;
use testkit::{BodyEnd, Forge, ForgeFault, Reply, Scripted, SeenRequest};

use super::*;

pub(super) const COMMIT: &str = "9fceb02d0ae598e95dc970b74767f19372d61af8";
const OTHER: &str = "1111111111111111111111111111111111111111";
pub(super) const CONTEXT: &str = "studioci/app-main";
const HISTORY: &str = "/api/v1/namespaces/studioci/configmaps/history-app-main";
const RECORD: &str = "/api/v1/namespaces/studioci/configmaps/record-app-main";
/// Longer than a listener goes without looking at the builds before it, and than a turn that nobody ended.
pub(super) const A_WHILE: Duration = Duration::from_secs(6 * 60);
/// Longer than a result is tried to be told.
const LONG: Duration = Duration::from_secs(3 * 3600);

/// Who is told.
#[derive(Clone)]
pub(super) struct Outer {
    pub(super) forge: Forge,
    /// What the webhook was sent: the event, the build and the name of the delivery.
    pub(super) hooked: Arc<Mutex<Vec<(String, String, String)>>>,
    /// What the webhook answers.
    code: Arc<Mutex<u16>>,
}

impl Outer {
    fn new() -> Self {
        let forge = Forge::new("o/r", "TOKEN", &[COMMIT, OTHER]);
        Self { forge, hooked: Arc::default(), code: Arc::new(Mutex::new(204)) }
    }

    fn answer(&self, seen: &SeenRequest) -> Reply {
        if seen.path != "/services/PATH" {
            return self.forge.answer(seen);
        }
        let code = *self.code.lock().unwrap();
        if code < 300 {
            let header = |name: &str| seen.headers[name].to_str().unwrap().to_owned();
            assert!(header("x-studioci-signature").starts_with("sha256="));
            let build = seen.body["metadata"]["name"].as_str().unwrap().to_owned();
            let told = (header("x-studioci-event"), build, header("x-studioci-delivery"));
            self.hooked.lock().unwrap().push(told);
        }
        Reply::Text(code, Vec::new(), String::new())
    }

    /// Has this stage's cluster reach them. What was asked of them.
    fn outside_of(&self, stage: &Stage) -> Scripted {
        let outer = self.clone();
        outside_is(stage, move |seen| outer.answer(seen))
    }

    /// The states of a build's statuses, the oldest first.
    pub(super) fn said_of(&self, namespace: &str) -> Vec<String> {
        let said = self.forge.state().said(COMMIT, CONTEXT);
        let mark = format!("({namespace})");
        said.into_iter().filter(|(_, text)| text.ends_with(&mark)).map(|(state, _)| state).collect()
    }

    /// What the webhook was sent of a build, each delivery once.
    pub(super) fn hooked_of(&self, namespace: &str) -> Vec<String> {
        let mut names = Vec::new();
        for (event, build, name) in self.hooked.lock().unwrap().iter() {
            if build == namespace && !names.iter().any(|(_, known)| known == name) {
                names.push((event.clone(), name.clone()));
            }
        }
        names.into_iter().map(|(event, _)| event).collect()
    }

    /// What every way comes to: one final word of the build, and nothing left behind.
    fn told_once(&self, world: &World, namespace: &str, what: &str) {
        let said = self.said_of(namespace);
        assert_eq!(said.iter().filter(|state| *state == "success").count(), 1, "{what}: {said:?}");
        assert_eq!(said.last().map(String::as_str), Some("success"), "{what}: {said:?}");
        assert!(said.iter().filter(|state| *state == "pending").count() <= 1, "{what}: {said:?}");
        let hooked = self.hooked_of(namespace);
        assert_eq!(hooked.last().map(String::as_str), Some("Recorded"), "{what}: {hooked:?}");
        assert!(hooked.len() <= 2, "{what}: {hooked:?}");
        assert_eq!(left(world), Vec::<String>::new(), "{what}");
    }

    pub(super) fn away(&self) {
        let busy = Some(ForgeFault::Instead(Reply::Json(503, json!({}))));
        self.forge.state().faults = std::iter::repeat_n(busy, 10_000).collect();
    }

    pub(super) fn back(&self) {
        self.forge.state().faults.clear();
    }
}

/// Has a stage's cluster reach whoever follows this script. What was asked of them.
fn outside_is(stage: &Stage, script: impl FnMut(&SeenRequest) -> Reply + Send + 'static) -> Scripted {
    let (service, record) = Scripted::service(script);
    *stage.outside.lock().unwrap() = Some(Outside::with_service(service));
    record
}

/// The keys beside the history's entries that tell of publishing.
pub(super) fn left(world: &World) -> Vec<String> {
    let data = world.get(HISTORY)["data"].as_object().cloned().unwrap_or_default();
    data.into_iter()
        .filter(|(key, _)| !key.starts_with("build.") && key != "tidied")
        .map(|(key, _)| key)
        .collect()
}

fn publishing() -> PublishRequest {
    let text = |text: &str| Some(text.to_owned());
    let held = [(TOKEN, "TOKEN"), (WEBHOOK_SECRET, "hunter22")];
    PublishRequest {
        asked: PublishAsked {
            github: text("o/r"),
            link: text("https://ci.example/{namespace}"),
            webhook: text("https://hooks.example/services/PATH"),
            ..PublishAsked::default()
        },
        token_variable: "GITHUB_TOKEN".to_owned(),
        held: CopiedValues(held.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        ..PublishRequest::default()
    }
}

fn telling(retention: Rules) -> StartRequest {
    StartRequest { publish: publishing(), retention, ..request(&glob()) }
}

/// From now on images tell this commit.
fn reveals(stage: &Stage, revision: Option<&str>) {
    stage.tells.lock().unwrap().as_mut().unwrap().revision = revision.map(str::to_owned);
}

/// A chain that tells others, whose second tag was just pushed.
pub(super) async fn told_and_pushed(retention: Rules) -> (Stage, Outer, String) {
    let (stage, outer) = (Stage::new(&[("build-1", 'a')]), Outer::new());
    outer.outside_of(&stage);
    reveals(&stage, Some(COMMIT));
    starts(&stage, &telling(retention)).await.unwrap();
    let first = stage.world().builds()[&1].clone();
    stage.world().push(&first, "build-2", 'b');
    (stage, outer, first)
}

/// The same once more, where everything stands as it does there and nobody was told yet.
pub(super) fn again(before: &Stage) -> (Stage, Outer) {
    let (stage, outer) = (before.copy(), Outer::new());
    outer.outside_of(&stage);
    (stage, outer)
}

/// The listener of the newest generation waits for so long.
pub(super) async fn listener_waits_for(stage: &Stage, time: Duration) {
    let newest = stage.world().builds().pop_last().unwrap().1;
    tokio::select! {
        () = run_until(stage, &newest, |_| false) => {}
        () = tokio::time::sleep(time) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_is_pending_and_then_its_verdict_on_the_commit_that_its_image_tells() {
    let (stage, outer, first) = told_and_pushed(Rules::default()).await;
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    let world = stage.world();
    held(&world, &first, "told");
    outer.told_once(&world, &first, "undisturbed");
    assert_eq!(outer.said_of(&first), ["pending", "success"]);
    assert_eq!(outer.hooked_of(&first), ["Triggered", "Recorded"]);
    let link = outer.forge.state().statuses[COMMIT][1]["target_url"].clone();
    assert_eq!(link, format!("https://ci.example/{first}"));
    // what proves who sends stands in the chain's Secret and nowhere else
    for (path, object) in world.objects.iter().filter(|(path, _)| !path.contains("/secrets/chain-app-main")) {
        let text = object.to_string();
        assert!(!["TOKEN", "hunter22", "services/PATH"].iter().any(|it| text.contains(it)), "{path}: {text}");
    }
    let settings = world.get(RECORD)["data"]["settings"].as_str().unwrap();
    assert!(settings.contains("\"webhook\":\"hooks.example\""), "{settings}");
}

#[tokio::test(start_paused = true)]
async fn whatever_the_agent_is_killed_after_each_build_has_one_final_word_in_the_end() {
    let (before, _, first) = told_and_pushed(Rules::default()).await;
    let (stage, _) = again(&before);
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    let writes = stage.world().writes.clone();
    for k in 0..=writes.len() {
        let what = format!("killed after {k} writes, the last {:?}", k.checked_sub(1).map(|k| &writes[k]));
        let (stage, outer) = again(&before);
        stage.world().dies_after = Some(k);
        run_until(&stage, &first, |world| asleep(world, &first)).await;
        stage.revive();
        stage.world().roll(&first);
        run_until(&stage, &first, |world| asleep(world, &first)).await;
        listener_waits_for(&stage, A_WHILE * 2).await;
        outer.told_once(&stage.world(), &first, &what);
    }
}

#[tokio::test(start_paused = true)]
async fn after_whichever_request_to_others_an_agent_dies_one_final_word_is_there_in_the_end() {
    let (before, _, first) = told_and_pushed(Rules::default()).await;
    let (stage, outer) = (before.copy(), Outer::new());
    let record = outer.outside_of(&stage);
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    let requests = record.count();
    assert!(requests >= 6, "{:?}", record.asked());
    for n in 0..requests {
        for done in [false, true] {
            let what = format!("dies at request {n}, which is {}done", if done { "" } else { "not " });
            let (stage, outer) = (before.copy(), Outer::new());
            let (server, others) = (stage.server.clone(), outer.clone());
            outside_is(&stage, move |seen| {
                if seen.number < n {
                    return others.answer(seen);
                }
                if seen.number == n && done {
                    others.answer(seen);
                }
                // the whole agent is gone, and not its connection alone
                let mut world = server.world();
                world.dies_after = Some(world.writes.len());
                Reply::Silence
            });
            run_until(&stage, &first, |world| asleep(world, &first)).await;
            stage.revive();
            outer.outside_of(&stage);
            stage.world().roll(&first);
            run_until(&stage, &first, |world| asleep(world, &first)).await;
            listener_waits_for(&stage, A_WHILE * 2).await;
            outer.told_once(&stage.world(), &first, &what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_agents_at_once_say_each_thing_once() {
    let (stage, outer, first) = told_and_pushed(Rules::default()).await;
    // what is there is told late: who writes by it writes what another one has written meanwhile
    let others = outer.clone();
    outside_is(&stage, move |seen| match (seen.method.as_str(), others.answer(seen)) {
        ("GET", Reply::Json(200, there)) => {
            Reply::Stream(vec![(Duration::from_secs(3), there.to_string())], BodyEnd::Close)
        }
        (_, reply) => reply,
    });
    let run = || run_until(&stage, &first, |_| false);
    tokio::select! {
        ((), ()) = async { tokio::join!(run(), run()) } => unreachable!("they wait for ever"),
        () = tokio::time::sleep(A_WHILE) => {}
    }
    assert!(asleep(&stage.world(), &first));
    outer.told_once(&stage.world(), &first, "two at once");
    assert_eq!(outer.said_of(&first), ["pending", "success"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_agent_has_called_pending_is_closed_by_the_newest_one() {
    let (stage, outer, first) = told_and_pushed(Rules::default()).await;
    stage.world().exit = None;
    run_until(&stage, &first, |world| !annotation(world, &first, wire::JOB_UID).is_empty()).await;
    tokio::select! {
        () = run_until(&stage, &first, |_| false) => unreachable!("its Job runs for ever"),
        () = tokio::time::sleep(Duration::from_secs(60)) => {}
    }
    assert_eq!(outer.said_of(&first), ["pending"]);
    {
        let mut world = stage.world();
        world.objects.remove(&World::listener(&first));
        world.objects.retain(|path, _| !path.starts_with(&format!("/api/v1/namespaces/{first}/pods/")));
        world
            .objects
            .retain(|path, _| !path.starts_with(&format!("/apis/batch/v1/namespaces/{first}/jobs/")));
    }
    listener_waits_for(&stage, A_WHILE * 3).await;
    assert_eq!(annotation(&stage.world(), &first, wire::VERDICT), "Cancelled");
    assert_eq!(outer.said_of(&first), ["pending", "error"]);
    assert_eq!(outer.hooked_of(&first), ["Triggered", "Recorded"]);
    assert_eq!(left(&stage.world()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_older_build_never_speaks_after_a_newer_one_of_the_same_commit() {
    for (commit, want) in [(COMMIT, &["pending"][..]), (OTHER, &["pending", "success"][..])] {
        let (stage, outer, first) = told_and_pushed(Rules::default()).await;
        run_until(&stage, &first, |world| world.phase(&first) == "Building").await;
        tokio::select! {
            () = run_until(&stage, &first, |world| world.phase(&first) == "Recorded") => {}
            () = tokio::time::sleep(A_WHILE) => panic!("it does not end"),
        }
        outer.away();
        run_until(&stage, &first, |world| asleep(world, &first)).await;
        assert!(!left(&stage.world()).is_empty(), "it is on its way still");
        outer.back();
        reveals(&stage, Some(commit));
        let second = stage.world().builds()[&2].clone();
        run_until(&stage, &second, |world| world.phase(&second) == "Listening").await;
        stage.world().push(&second, "build-3", 'c');
        run_until(&stage, &second, |world| asleep(world, &second)).await;
        listener_waits_for(&stage, A_WHILE * 2).await;
        assert_eq!(outer.said_of(&first), want, "{commit}");
        assert_eq!(left(&stage.world()), Vec::<String>::new());
        let newest = outer.forge.state().said(commit, CONTEXT).pop().unwrap();
        assert!(newest.1.ends_with(&format!("({second})")), "{newest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn others_who_are_away_hold_nothing_up_and_are_told_when_they_are_back() {
    let (stage, outer, first) = told_and_pushed(Rules::default()).await;
    outer.away();
    *outer.code.lock().unwrap() = 503;
    let began = clock();
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    let took = clock().duration_since(began).as_secs();
    assert!(took < 180, "{took} s, for the bound of one minute and what it began with");
    assert_eq!(annotation(&stage.world(), &first, wire::VERDICT), "Passed");
    listener_waits_for(&stage, A_WHILE).await;
    assert_eq!(outer.said_of(&first), Vec::<String>::new());
    outer.back();
    *outer.code.lock().unwrap() = 200;
    listener_waits_for(&stage, A_WHILE * 2).await;
    outer.told_once(&stage.world(), &first, "they are back");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_disposed_of_whose_result_is_on_its_way_and_then_it_is() {
    let at_once = Rules { older_than: Some(Duration::ZERO), ..Rules::default() };
    for comes_back in [true, false] {
        let (stage, outer, first) = told_and_pushed(at_once).await;
        outer.away();
        run_until(&stage, &first, |world| asleep(world, &first)).await;
        listener_waits_for(&stage, A_WHILE * 3).await;
        assert_eq!(stage.world().phase(&first), "Finished", "it is on its way");
        if comes_back {
            outer.back();
        }
        // given up in the end: what nobody takes keeps nothing for ever
        listener_waits_for(&stage, LONG).await;
        let world = stage.world();
        assert!(!world.builds().contains_key(&1), "{comes_back}");
        assert_eq!(left(&world).is_empty(), comes_back, "{:?}", left(&world));
        let next = world.builds()[&2].clone();
        let why = annotation(&world, &next, wire::WAITING);
        if comes_back {
            assert_eq!(why, "");
            assert_eq!(outer.said_of(&first).last().unwrap(), "success");
        } else {
            assert!(why.starts_with(&format!("the result of {first} is not on GitHub: ")), "{why}");
            assert!(why.contains("HTTP 503"), "{why}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_will_not_arrive_is_given_up_at_once_said_by_the_listener_and_told_when_somebody_asks() {
    let (stage, outer, first) = told_and_pushed(Rules::default()).await;
    outer.forge.state().may_write = false;
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    listener_waits_for(&stage, A_WHILE).await;
    let next = stage.world().builds()[&2].clone();
    let why = annotation(&stage.world(), &next, wire::WAITING).to_owned();
    assert!(why.contains(&first) && why.contains("may not set commit statuses on o/r"), "{why}");
    assert_eq!(outer.hooked_of(&first), ["Triggered", "Recorded"], "the other way is not kept from it");
    outer.forge.state().may_write = true;
    listener_waits_for(&stage, A_WHILE * 3).await;
    assert_eq!(outer.said_of(&first), Vec::<String>::new(), "it is not repeated by itself");
    let cluster = stage.cluster();
    let build = look(&cluster, &first).await.unwrap().unwrap();
    let told = studioci::ops::publish::publish(&cluster, &build, Proxies::default(), Renderer::here(), clock)
        .await
        .unwrap();
    assert_eq!((told.next, told.unpublished), (None, None), "{:?}", told.done);
    assert_eq!(outer.said_of(&first), ["success"]);
    assert_eq!(outer.hooked.lock().unwrap().len(), 2, "what has arrived is not sent again");
    listener_waits_for(&stage, A_WHILE).await;
    assert_eq!(annotation(&stage.world(), &next, wire::WAITING), "");
}

#[tokio::test(start_paused = true)]
async fn a_build_of_no_commit_and_one_of_another_are_told_apart() {
    for (revision, why) in [
        (None, Some("the image tells no revision")),
        (Some("main"), Some("revision \"main\" is no commit")),
        (Some("abcdef0123"), Some("has no commit abcdef0123")),
        (Some(OTHER), None),
    ] {
        let (stage, outer, first) = told_and_pushed(Rules::default()).await;
        reveals(&stage, revision);
        let asked = outer.outside_of(&stage);
        run_until(&stage, &first, |world| asleep(world, &first)).await;
        listener_waits_for(&stage, A_WHILE).await;
        let next = stage.world().builds()[&2].clone();
        let said = annotation(&stage.world(), &next, wire::WAITING).to_owned();
        if let Some(why) = why {
            assert!(said.contains(why), "{said}");
        } else {
            let states = outer.forge.state().said(OTHER, CONTEXT);
            let states: Vec<&str> = states.iter().map(|(state, _)| state.as_str()).collect();
            assert_eq!((states, said.as_str()), (vec!["pending", "success"], ""));
        }
        if revision.is_none() {
            assert!(asked.asked().iter().all(|line| line.contains("/services/")), "{:?}", asked.asked());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_writes_the_chains_secret_renews_the_token() {
    let (stage, outer, first) = told_and_pushed(Rules::default()).await;
    outer.forge.state().token = "NEWER".to_owned();
    let held = testkit::in_base64("NEWER\n");
    let secret = "/api/v1/namespaces/studioci/secrets/chain-app-main";
    stage.world().change(secret, |it| it["data"][TOKEN] = json!(held));
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    outer.told_once(&stage.world(), &first, "renewed");
}

/// What is other than it was outside.
type Change = fn(&Outer);

/// `start`, and what it says.
async fn asked(stage: &Stage, request: &StartRequest) -> (Option<String>, Vec<String>) {
    let said = std::cell::RefCell::new(Vec::new());
    let say = |it: Narration<'_>| said.borrow_mut().extend(sentence(&it));
    let cluster = stage.cluster();
    let error = tokio::select! {
        outcome = Box::pin(start(&cluster, request, &say)) => outcome.err().map(|error| error.to_string()),
        () = stage.reaches(listener_waits) => None,
    };
    (error, said.into_inner())
}

#[tokio::test(start_paused = true)]
async fn a_token_without_the_right_is_refused_before_anything_is_created() {
    let cases: [(Change, &str); 4] = [
        (|outer| outer.forge.state().may_write = false, "the token may not set commit statuses on o/r"),
        (|outer| outer.forge.state().token = "OTHER".to_owned(), "does not accept the token"),
        (|outer| outer.forge.state().repository = "x/y".to_owned(), "or there is no such repository"),
        (
            |outer| {
                let page = Reply::Text(200, Vec::new(), "<html>".to_owned());
                outer.forge.state().faults = [Some(ForgeFault::Instead(page))].into();
            },
            "does not answer as GitHub does",
        ),
    ];
    for (change, says) in cases {
        let (stage, outer) = (Stage::new(&[("build-1", 'a')]), Outer::new());
        outer.outside_of(&stage);
        change(&outer);
        let (error, _) = asked(&stage, &telling(Rules::default())).await;
        let error = error.unwrap();
        assert!(error.contains(says) && !error.contains("TOKEN"), "{error}");
        assert_eq!(stage.world().writes, Vec::<String>::new(), "{says}");
    }
    let stage = Stage::new(&[("build-1", 'a')]);
    let mut request = telling(Rules::default());
    request.publish.held = CopiedValues(Map::new());
    let (error, _) = asked(&stage, &request).await;
    assert!(error.unwrap().contains("GITHUB_TOKEN is not set"));
    assert_eq!(stage.world().writes, Vec::<String>::new());
}

/// A chain that tells a webhook by this template alone.
fn by_template(text: &str) -> StartRequest {
    let mut request = telling(Rules::default());
    request.publish.asked.github = None;
    request.publish.asked.webhook_template =
        Some(WebhookTemplate { name: "hook.json".to_owned(), text: text.to_owned() });
    request
}

/// What a receiver of webhooks is sent: the event, and the body.
type Sent = Arc<Mutex<Vec<(String, String)>>>;

/// A chain that is told by this template, whose second tag was just pushed, and what its webhook is sent.
async fn templated_and_pushed(text: &str) -> (Stage, Sent, String) {
    let (stage, sent) = (Stage::new(&[("build-1", 'a')]), Sent::default());
    let told = Arc::clone(&sent);
    outside_is(&stage, move |seen| {
        assert_eq!(
            (seen.path.as_str(), &seen.headers["content-type"]),
            ("/services/PATH", &"application/json".parse().unwrap())
        );
        assert!(seen.headers.contains_key("x-studioci-signature"));
        let event = seen.headers["x-studioci-event"].to_str().unwrap().to_owned();
        told.lock().unwrap().push((event, String::from_utf8(seen.bytes.to_vec()).unwrap()));
        Reply::Text(200, Vec::new(), "ok".to_owned())
    });
    starts(&stage, &by_template(text)).await.unwrap();
    let first = stage.world().builds()[&1].clone();
    stage.world().push(&first, "build-2", 'b');
    (stage, sent, first)
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_wants_another_body_is_sent_what_the_template_makes_of_each_build_without_secrets() {
    let template = "{\"text\": {{ (build.namespace ~ \": \" ~ build.summary) | json_encode }}, \
                    \"link\": {{ build.link | json_encode }}, \"by\": \"hunter22\"}\n";
    let (stage, sent, first) = templated_and_pushed(template).await;
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    let sent = sent.lock().unwrap().clone();
    let [(began, pending), (ended, last)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((began.as_str(), ended.as_str()), ("Triggered", "Recorded"));
    let body = |said: &str| {
        format!("{{\"by\":\"***\",\"link\":\"https://ci.example/{first}\",\"text\":\"{first}: {said}\"}}")
    };
    let same = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(same(pending), same(&body("Build goes on")));
    let said = same(last)["text"].as_str().unwrap().to_owned();
    assert!(said.starts_with(&format!("{first}: Passed after ")), "{said}");
    assert!(!last.contains("hunter22"), "{last}");
    assert_eq!(left(&stage.world()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_template_that_fails_of_one_build_alone_leaves_its_result_unpublished_and_hinders_nothing() {
    for failing in ["oops", "{{ throw(message=\"no\") }}", "{{ [1] | nth(n=build.generation) | upper }}"] {
        let template = format!("[{{% if build.generation == 1 %}}{failing}{{% endif %}}]");
        let (stage, sent, first) = templated_and_pushed(&template).await;
        run_until(&stage, &first, |world| asleep(world, &first)).await;
        assert_eq!(annotation(&stage.world(), &first, wire::VERDICT), "Passed", "{failing}");
        listener_waits_for(&stage, A_WHILE).await;
        let next = stage.world().builds()[&2].clone();
        let why = annotation(&stage.world(), &next, wire::WAITING).to_owned();
        let begins = format!(
            "the result of {first} is not with the webhook: the webhook's template makes no body of this build: hook.json, line 1: "
        );
        assert!(why.starts_with(&begins), "{failing}: {why}");
        let kept = stage.world().get(HISTORY)["data"]["outbox.00000001"].clone();
        listener_waits_for(&stage, LONG).await;
        assert_eq!(
            stage.world().get(HISTORY)["data"]["outbox.00000001"],
            kept,
            "{failing}: it is not tried again"
        );
        assert_eq!(sent.lock().unwrap().len(), 0, "{failing}");
        // the next build is another one
        stage.world().push(&next, "build-3", 'c');
        run_until(&stage, &next, |world| asleep(world, &next)).await;
        assert_eq!(sent.lock().unwrap().len(), 2, "{failing}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_template_that_makes_no_body_is_refused_before_anything_is_created() {
    for (template, says) in [
        ("{{ build.verdict | json_encode }}", "`build.verdict` is not defined\n  at hook.json, line 1"),
        (
            "{\"text\": \"{{ build.cause | default(value=\"\") }}\"}",
            "what hook.json makes of a build is no JSON",
        ),
        ("{{ secret }}", "`secret` is nothing that this template reads"),
    ] {
        let stage = Stage::new(&[("build-1", 'a')]);
        let (error, _) = asked(&stage, &by_template(template)).await;
        let error = error.unwrap();
        assert!(error.contains(says) && error.contains("hint: "), "{error}");
        assert_eq!(stage.world().writes, Vec::<String>::new(), "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn start_says_what_a_status_is_worth_and_goes_on_where_github_is_away() {
    for away in [false, true] {
        let (stage, outer) = (Stage::new(&[("build-1", 'a')]), Outer::new());
        outer.outside_of(&stage);
        if away {
            outer.away();
        }
        let (error, said) = asked(&stage, &telling(Rules::default())).await;
        assert_eq!(error, None);
        let worth = format!("whoever may push to {REPOSITORY} can set one on any commit there");
        assert!(said.iter().any(|line| line.contains(&worth)), "{said:?}");
        let unasked = said.iter().any(|line| line.contains("cannot be asked: "));
        assert_eq!(unasked, away, "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn start_without_the_flags_turns_it_off_and_lets_go_of_the_token() {
    let (stage, outer, first) = told_and_pushed(Rules::default()).await;
    outer.away();
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    let second = stage.world().builds()[&2].clone();
    run_until(&stage, &second, |world| world.phase(&second) == "Listening").await;
    let (cluster, plain) = (stage.cluster(), request(&glob()));
    let starting = Box::pin(start(&cluster, &plain, &|_| {}));
    let raised = stage.reaches(|world| {
        world.builds().get(&3).is_some_and(|next| world.objects.contains_key(&World::listener(next)))
    });
    tokio::select! {
        outcome = starting => panic!("nobody brings the listener up: {outcome:?}"),
        () = raised => {}
    }
    let secret = stage.world().get("/api/v1/namespaces/studioci/secrets/chain-app-main")["data"].clone();
    assert!(secret.as_object().is_none_or(serde_json::Map::is_empty), "{secret}");
    let record = outer.outside_of(&stage);
    listener_waits_for(&stage, A_WHILE * 2).await;
    assert_eq!(record.count(), 0, "nobody is told any more");
    assert_eq!(left(&stage.world()), Vec::<String>::new(), "and nothing waits for it");
}

/// `stop`, and what it says.
async fn stopped(stage: &Stage, purge: bool) -> (Left, Vec<String>) {
    let said = std::cell::RefCell::new(Vec::new());
    let say = |it: Narration<'_>| said.borrow_mut().extend(sentence(&it));
    let request = StopRequest { chain: CHAIN.to_owned(), purge, timeout: None, now: Timestamp::UNIX_EPOCH };
    let left = Box::pin(stop(&stage.cluster(), &request, &say)).await.unwrap();
    (left, said.into_inner())
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_an_agent_that_tells_and_gives_up_what_nobody_is_left_to_tell() {
    for purge in [false, true] {
        let (stage, outer, first) = told_and_pushed(Rules::default()).await;
        outer.away();
        let agent = run_until(&stage, &first, |world| asleep(world, &first));
        let stopping = async {
            stage.reaches(|world| world.phase(&first) == "Finished").await;
            let stopping = Box::pin(stopped(&stage, purge));
            let comes_back = async {
                tokio::time::sleep(Duration::from_secs(20)).await;
                outer.back();
                std::future::pending::<()>().await;
            };
            tokio::select! {
                done = stopping => done,
                () = comes_back => unreachable!("it waits for ever"),
            }
        };
        let ((), (left_over, said)) = tokio::join!(agent, stopping);
        assert_eq!(left_over, Left::default());
        assert!(
            said.iter().any(|line| line == &format!("waiting for results on their way: {first}")),
            "{said:?}"
        );
        assert_eq!(outer.said_of(&first).last().map(String::as_str), Some("success"));

        let (stage, outer, first) = told_and_pushed(Rules::default()).await;
        outer.away();
        run_until(&stage, &first, |world| asleep(world, &first)).await;
        let (left_over, said) = stopped(&stage, purge).await;
        assert_eq!(left_over, Left::default());
        let lost =
            format!("not told to whom the chain tells: {first}; kubectl studioci report BUILD --publish");
        assert!(said.iter().any(|line| line.contains(&lost)), "{said:?}");
        assert_eq!(stage.world().builds().contains_key(&1), !purge, "a purge is kept from nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_results_to_the_agent_of_a_build_that_runs() {
    let (stage, outer, first) = told_and_pushed(Rules::default()).await;
    outer.away();
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    let second = stage.world().builds()[&2].clone();
    run_until(&stage, &second, |world| world.phase(&second) == "Listening").await;
    stage.world().exit = None;
    reveals(&stage, Some(OTHER));
    stage.world().push(&second, "build-3", 'c');
    run_until(&stage, &second, |world| !annotation(world, &second, wire::JOB_UID).is_empty()).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let (left_over, said) = stopped(&stage, false).await;
    assert_eq!(left_over.running, std::slice::from_ref(&second));
    let goes_on = format!("results still on their way: {first}; the agent in {second} goes on with them");
    assert!(said.contains(&goes_on), "{said:?}");
    outer.back();
    let pod = format!("/api/v1/namespaces/{second}/pods/{}-x", wire::JOB);
    stage.world().change(&pod, |pod| {
        pod["status"]["phase"] = json!("Failed");
        pod["status"]["containerStatuses"][0]["state"] = json!({ "terminated": { "exitCode": 3 } });
    });
    run_until(&stage, &second, |world| asleep(world, &second)).await;
    assert_eq!(outer.said_of(&first), ["success"]);
    let states: Vec<String> =
        outer.forge.state().said(OTHER, CONTEXT).into_iter().map(|(state, _)| state).collect();
    assert_eq!(states.last().map(String::as_str), Some("failure"), "{states:?}");
    assert_eq!(left(&stage.world()), Vec::<String>::new());
}
