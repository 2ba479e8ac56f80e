//! `native_06`: `doctor` on a cluster that is broken in one place after the other, for real, and mended again: every check of
//! the product, every repair, and a bundle without a secret.

mod bundled;
mod chain;
mod keel;
mod look;
mod repaired;
mod server;

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, mpsc};

use testkit::{Reply, SecureSocket, SeenRequest};

use self::look::Doctor;
use crate::start::GLOB;
use crate::world::{Said, World};

/// The pull Secret of the chain's listeners.
const LOGIN: &str = "login-06";
/// What must be in no bundle begins so.
const SECRET: &str = "hunter-06";

/// Sets the finalizers of ConfigMap `held` in a namespace.
fn hold(world: &World, namespace: &str, finalizers: &str) -> Said {
    let patch = format!(r#"{{"metadata":{{"finalizers":{finalizers}}}}}"#);
    world.kubectl(&["patch", "configmap", "held", "-n", namespace, "--type=merge", "-p", &patch])
}

/// Mends what the proof has broken for all, also if it fails.
struct Mended<'a>(&'a World);

impl Drop for Mended<'_> {
    fn drop(&mut self) {
        let place = "jsonpath={.items[*].metadata.namespace}";
        let held =
            self.0.kubectl(&["get", "configmap", "-A", "--field-selector=metadata.name=held", "-o", place]);
        for place in held.out.split_whitespace() {
            let _ = hold(self.0, place, "null");
        }
        let _ = self.0.kubectl(&["delete", "namespace", keel::NAMESPACE, chain::COPY, "--ignore-not-found"]);
        let _ = self.0.kubectl(&["delete", "clusterrolebinding", keel::NAMESPACE, "--ignore-not-found"]);
        server::forget_alice(self.0);
        if std::thread::panicking() {
            server::forget_policies(self.0);
        }
        self.0.set_up();
    }
}

/// Whoever is told of builds, until the process ends.
struct Receiver {
    /// The build of which it wants to know nothing.
    unwanted: Arc<Mutex<String>>,
    url: String,
    authority: String,
}

impl Receiver {
    fn listen() -> Self {
        let unwanted: Arc<Mutex<String>> = Arc::default();
        let (tell, told) = mpsc::channel();
        let asked = Arc::clone(&unwanted);
        let answer = move |seen: &SeenRequest| {
            let is_wanted = seen.body["metadata"]["name"] != asked.lock().unwrap().as_str();
            Reply::Text(if is_wanted { 204 } else { 410 }, Vec::new(), String::new())
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let socket = SecureSocket::listen([127, 0, 0, 1].into(), 0, &[], answer).await;
                tell.send((socket.url(), socket.authority.clone())).unwrap();
                std::future::pending::<()>().await;
            });
        });
        let (url, authority) = told.recv().unwrap();
        Self { unwanted, url: format!("{url}/{SECRET}-hook"), authority }
    }

    /// From now on it takes nothing of this build; of none, whatever comes.
    fn refuses(&self, build: &str) {
        build.clone_into(&mut self.unwanted.lock().unwrap());
    }
}

/// Starts the chain, or goes on with it by another pipeline. `variable`: one of its build's; `more`: further arguments.
fn start(world: &World, receiver: &Receiver, variable: &str, more: &[&str]) -> Child {
    let host = world.cluster.registry().host().to_owned();
    let pipeline = world
        .pipeline("build-0001", GLOB)
        .replace(
            "      containers:\n",
            &format!("      imagePullSecrets: [{{name: {LOGIN}}}]\n      containers:\n"),
        )
        .replace(
            "        volumeMounts:",
            &format!("        env: [{{name: A, value: {variable}}}]\n        volumeMounts:"),
        );
    let login = format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {LOGIN}}}\ntype: kubernetes.io/dockerconfigjson\nstringData:\n  \
         .dockerconfigjson: '{{\"auths\": {{\"{host}\": {{\"username\": \"robot\", \"password\": \"{{{{ env.LOGIN }}}}\"}}}}}}'\n"
    );
    let file = world.file("p.yaml", &format!("{pipeline}{login}"));
    let authority = world.file("ca.pem", &receiver.authority);
    let hook = format!("--webhook={}", receiver.url);
    let mut command = world.command(Path::new(env!("CARGO_BIN_EXE_kubectl-studioci")));
    command.args(["start", "--chain", world.chain, "-f", &file, &hook, "--github-ca", &authority]);
    command.arg("--webhook-secret-env=SIGNS").args(more).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("LOGIN", format!("{SECRET}-login")).env("SIGNS", format!("{SECRET}-signs"));
    command.spawn().unwrap()
}

/// A result that its receiver does not want is told of, and sent again once it does.
fn a_result_did_not_arrive(doctor: &Doctor, receiver: &Receiver) {
    let build = doctor.world.namespace(2);
    doctor.world.until("a result that did not arrive", || {
        doctor.unwell(&[doctor.world.chain]).1.contains_key("chain-publishing").then_some(())
    });
    let words = format!("the result of {build} is not with the webhook: ");
    let again = format!("put right what is named, then: kubectl studioci report {build} --publish");
    doctor.warns("chain-publishing", &words, &again);
    receiver.refuses("");
    doctor.world.studioci(&["report", &build, "--publish"]).ok();
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_06_doctor_finds_what_is_broken_and_nothing_else() {
    let world = World::new("native-06");
    let mended = Mended(&world);
    let receiver = Receiver::listen();
    world.push("build-0001", "1", "exit 0");
    assert!(start(&world, &receiver, "one", &[]).wait().unwrap().success());
    for (generation, tag) in [(1, "build-0002"), (2, "build-0003")] {
        if generation == 2 {
            receiver.refuses(&world.namespace(generation));
        }
        world.push(tag, tag, "exit 0");
        world.phase(generation, "Finished");
        world.phase(generation + 1, "Listening");
    }
    let (first, newest) = (world.namespace(1), world.namespace(3));
    let doctor = Doctor::new(&world);

    a_result_did_not_arrive(&doctor, &receiver);
    let found = doctor.well();
    look::says(
        &found,
        "keel-found",
        "warning",
        "no Deployment runs Keel, yet one has moved",
        "where it runs",
    );
    let said = world.studioci(&["doctor", world.chain]);
    assert!(
        said.out
            .contains(&format!("chain {}\n  ok       its head is readable, at generation 3\n", world.chain)),
        "{said:?}"
    );

    server::a_person_without_rights(&doctor);
    server::policies_do_not_act(&doctor);
    server::setup_is_broken(&doctor);
    server::the_server_is_too_old(&doctor);
    server::the_server_confines_nothing(&doctor);
    keel::keel_is_broken(&doctor);
    chain::namespaces_are_broken(&doctor, &first);
    chain::the_login_is_broken(&doctor, &newest);
    chain::home_is_broken(&doctor);
    bundled::a_bundle_holds_no_secret(&world, &newest);
    repaired::the_listener_is_gone(&doctor, &newest);
    repaired::an_agent_is_gone(&doctor);
    repaired::a_build_is_deleted(&doctor);
    repaired::a_dispatch_is_cut_off(&doctor);
    repaired::a_namespace_is_left_over(&doctor, &|more| start(&world, &receiver, "two", more));
    repaired::the_newest_namespace_is_deleted(&doctor);
    doctor.has_seen_all();
    drop(mended);
}

#[test]
fn every_check_of_the_product_is_named_in_the_proof_of_doctor() {
    let texts = [
        include_str!("doctored.rs"),
        include_str!("doctored/server.rs"),
        include_str!("doctored/keel.rs"),
        include_str!("doctored/chain.rs"),
        include_str!("doctored/repaired.rs"),
    ];
    let mut codes = studioci::doctor::codes();
    codes.retain(|code| !texts.iter().any(|text| text.contains(&format!("\"{code}\""))));
    assert_eq!(codes, Vec::<&str>::new());
}
