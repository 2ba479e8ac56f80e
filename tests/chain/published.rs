//! `chain_21`: commit statuses and webhooks, set by real agents from the real image: the name of the forge is resolved there, its
//! certificate is of an authority of its own, and whatever dies or fails in between, each build has one final status.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use testkit::{Forge, ForgeFault, Reply, SecureSocket, SeenRequest};

use crate::start::GLOB;
use crate::world::{BOUND, World, gated};

const NAME: &str = "forge.example";
const CONTEXT: &str = "studioci/chain-21";
const COMMIT: &str = "9fceb02d0ae598e95dc970b74767f19372d61af8";
const ANOTHER: &str = "1111111111111111111111111111111111111111";
const THIRD: &str = "2222222222222222222222222222222222222222";
const FOURTH: &str = "3333333333333333333333333333333333333333";
const FIFTH: &str = "4444444444444444444444444444444444444444";
const TOKEN: &str = "ghp_0123456789";

/// A forge and a receiver of webhooks at one address, until the process ends.
struct Outer {
    forge: Forge,
    /// Event and build of each delivery that was taken.
    hooked: Arc<Mutex<Vec<(String, String)>>>,
    port: u16,
    authority: String,
}

impl Outer {
    fn listen() -> Self {
        let forge = Forge::new("o/r", TOKEN, &[COMMIT, ANOTHER, THIRD, FOURTH, FIFTH]);
        let hooked: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let (tell, told) = mpsc::channel();
        let (others, taken) = (forge.clone(), Arc::clone(&hooked));
        let answer = move |seen: &SeenRequest| {
            if seen.path != "/hook" {
                return others.answer(seen);
            }
            assert!(seen.headers["x-studioci-signature"].to_str().unwrap().starts_with("sha256="));
            assert!(seen.body["text"].is_string(), "the template's body: {}", seen.body);
            let event = seen.headers["x-studioci-event"].to_str().unwrap().to_owned();
            taken.lock().unwrap().push((event, seen.body["metadata"]["name"].as_str().unwrap().to_owned()));
            Reply::Text(204, Vec::new(), String::new())
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let socket = SecureSocket::listen([127, 0, 0, 1].into(), 0, &[NAME], answer).await;
                tell.send((socket.address.port(), socket.authority.clone())).unwrap();
                std::future::pending::<()>().await;
            });
        });
        let (port, authority) = told.recv().unwrap();
        Self { forge, hooked, port, authority }
    }

    fn said(&self, commit: &str) -> Vec<String> {
        self.forge.state().said(commit, CONTEXT).into_iter().map(|(state, _)| state).collect()
    }

    fn hooked_of(&self, namespace: &str) -> Vec<String> {
        let hooked = self.hooked.lock().unwrap();
        hooked.iter().filter(|(_, build)| build == namespace).map(|(event, _)| event.clone()).collect()
    }
}

/// Answers whoever asks the cluster's nodes for a name: the forge is here, and nobody else is anywhere.
fn resolve_names() {
    let socket = UdpSocket::bind("127.0.0.53:53").unwrap();
    std::thread::spawn(move || {
        let mut asked = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut asked) {
            let Some(question) = asked.get(12..length) else { continue };
            let Some(end) = question.iter().position(|byte| *byte == 0) else { continue };
            let wanted: Vec<u8> = NAME
                .split('.')
                .flat_map(|part| [&[u8::try_from(part.len()).unwrap()], part.as_bytes()].concat())
                .collect();
            let Some(kind) = question.get(end + 1..end + 5) else { continue };
            let (ours, a) = (question[..end].eq_ignore_ascii_case(&wanted), kind[..2] == [0, 1]);
            let code = if ours { 0x80 } else { 0x83 };
            let mut answer = vec![asked[0], asked[1], 0x81, code, 0, 1, 0, u8::from(ours && a), 0, 0, 0, 0];
            answer.extend(&question[..end + 5]);
            if ours && a {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 127, 0, 0, 1]);
            }
            socket.send_to(&answer, from).unwrap();
        }
    });
}

fn push(world: &World, tag: &str, commit: &str, script: &str) {
    world.push_with(tag, tag, script, &[], &[("GIT_COMMIT", commit)]);
}

/// Ends an agent as a node that fails does: its listener's pod is gone from one moment to the next.
fn kill_agent(world: &World, namespace: &str) {
    let pods = ["pod", "-n", namespace, "-l", "studioci.dev/role=listener"];
    world.kubectl(&[&["delete", "--force", "--grace-period=0"], &pods[..]].concat()).ok();
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_21_each_build_has_one_final_status_whatever_dies_or_fails_in_between() {
    let world = World::new("chain-21");
    resolve_names();
    let outer = Outer::listen();
    let ca = world.file("ca.pem", &outer.authority);
    world.push("build-0001", "1", "exit 0");
    let keys = GLOB.replacen("keel.sh/policy", "studioci.dev/adopt-after: 20s\n    keel.sh/policy", 1);
    assert_ne!(keys, GLOB, "{GLOB}");
    let file = world.file("p.yaml", &world.pipeline("build-0001", &keys));
    let env = [("GITHUB_TOKEN", TOKEN), ("HOOK", "hunter22")];
    let url = |host: &str| format!("--github-url=https://{host}:{}/api/v3", outer.port);
    let start = ["start", "-f", &file, "--chain", world.chain, "--github=o/r", "--github-ca", &ca];

    // a token without the right is refused before anything is there
    outer.forge.state().may_write = false;
    let refused = world.studioci_with(&env, &[&start[..], &[&url("127.0.0.1")]].concat()).failed(2);
    assert!(refused.contains("the token may not set commit statuses on o/r"), "{refused}");
    assert!(!refused.contains(TOKEN), "{refused}");
    assert!(world.builds().is_empty());
    outer.forge.state().may_write = true;

    let hook = format!("--webhook=https://{NAME}:{}/hook", outer.port);
    let name = "{\"metadata\": {\"name\": {{ build.namespace | json_encode }}}, \"text\": {{ build.summary | json_encode }}}";
    let template = format!("--webhook-template={}", world.file("told.json", name));
    let told =
        [&url(NAME), "--link=https://ci.example/{namespace}", &hook, "--webhook-secret-env=HOOK", &template];
    let said = world.studioci_with(&env, &[&start[..], &told].concat());
    assert!(said.err.contains("can set one on any commit there"), "{}", said.err);
    said.ok();

    push(&world, "build-0002", COMMIT, "exit 0");
    assert_eq!(world.verdict(1), "Passed");
    let first = world.namespace(1);
    world.until("the first build's result", || (outer.said(COMMIT) == ["pending", "success"]).then_some(()));
    assert_eq!(outer.hooked_of(&first), ["Triggered", "Recorded"]);
    let link = outer.forge.state().statuses[COMMIT][1]["target_url"].clone();
    assert_eq!(link, format!("https://ci.example/{first}"));

    // whoever pushes an image says which commit it is
    world.phase(2, "Listening");
    push(&world, "build-0003", ANOTHER, "exit 3");
    assert_eq!(world.verdict(2), "Failed");
    world
        .until("the second build's result", || (outer.said(ANOTHER) == ["pending", "failure"]).then_some(()));

    // an agent that is killed while its build runs, and once more when that is over
    world.phase(3, "Listening");
    push(&world, "build-0004", THIRD, &gated("third", 0));
    let third = world.namespace(3);
    world.phase(3, "Building");
    world.until("the third build is pending", || (outer.said(THIRD) == ["pending"]).then_some(()));
    kill_agent(&world, &third);
    world.open("third");
    world.phase(3, "Recorded");
    kill_agent(&world, &third);
    // who is killed in their turn to speak keeps it for two minutes
    world.until_within(BOUND * 2, "the third build's result", || {
        (outer.said(THIRD) == ["pending", "success"]).then_some(())
    });

    // answers that are lost after the write
    world.phase(4, "Listening");
    let lost = [None, Some(ForgeFault::AfterDoing(Reply::Reset))];
    outer.forge.state().faults = lost.iter().cycle().take(6).cloned().collect();
    push(&world, "build-0005", FOURTH, "exit 0");
    assert_eq!(world.verdict(4), "Passed");
    world.until("the fourth build's result", || {
        outer.said(FOURTH).last().is_some_and(|state| state == "success").then_some(())
    });
    let said = outer.said(FOURTH);
    assert!(said == ["pending", "success"] || said == ["success"], "{said:?}");

    // what will not arrive is said by the chain's listener
    world.phase(5, "Listening");
    outer.forge.state().may_write = false;
    push(&world, "build-0006", FIFTH, "exit 0");
    let fifth = world.namespace(5);
    assert_eq!(world.verdict(5), "Passed");
    let why = world.until("why the fifth build's result did not arrive", || {
        let why = world.build(6)?["status"]["why"].as_str()?.to_owned();
        why.contains("is not on GitHub").then_some(why)
    });
    assert!(why.starts_with(&format!("the result of {fifth} is not on GitHub: ")), "{why}");
    assert!(why.contains("may not set commit statuses on o/r"), "{why}");
    assert_eq!(outer.hooked_of(&fifth), ["Triggered", "Recorded"], "the webhook has it");

    world.never("anything is said twice", Duration::from_secs(25), || {
        outer.said(COMMIT).len() + outer.said(ANOTHER).len() + outer.said(THIRD).len() > 6
    });
    let secrets = world.kubectl(&["get", "configmaps", "-A", "-o", "yaml"]).ok();
    assert!(!secrets.contains(TOKEN) && !secrets.contains("hunter22") && !secrets.contains("/hook"));
    world.studioci(&["stop", world.chain]).ok();
}
