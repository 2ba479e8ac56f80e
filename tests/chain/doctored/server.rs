//! The API server, and what `setup` has left on it.

use serde_json::json;
use test_cluster::open::OpenApiServer;

use super::look::{Doctor, says};
use crate::proxy::Proxy;
use crate::world::World;

const POLICY: &str = "validatingadmissionpolicy/studioci-rights";
const BINDING: &str = "validatingadmissionpolicybinding/studioci-rights";
/// A user of studioci.
const ALICE: &str = "alice-06";

/// Whoever may read nothing is told so, and fails nothing.
pub(super) fn a_person_without_rights(doctor: &Doctor) {
    let config = doctor.world.cluster.kubeconfig_for("nobody-06", &[]).unwrap().display().to_string();
    let (code, unwell) = doctor.unwell(&["--kubeconfig", &config]);
    assert!(unwell.values().all(|line| line.starts_with("unknown")), "{unwell:#?}");
    assert_eq!(code, 0);
    says(&unwell, "keel-found", "unknown", "may not list deployments.apps at the cluster scope", "");
    says(&unwell, "chains-known", "unknown", "may not list namespaces at the cluster scope", "");
}

/// The real server cannot be made to be an old one: somebody before it says that it were.
pub(super) fn the_server_is_too_old(doctor: &Doctor) {
    let proxy = Proxy::new(doctor.world);
    let config = proxy.kubeconfig(doctor.world);
    let args = ["--kubeconfig", &config, doctor.world.chain];
    proxy.is_of_version(Some((1, 29)));
    let failing = doctor.failing(&args);
    assert_eq!(failing.keys().collect::<Vec<_>>(), ["server-version"], "{failing:#?}");
    let words = "the API server is v1.29.0, and 1.30 is the oldest that will do";
    says(&failing, "server-version", "failed", words, "upgrade the cluster");
    proxy.is_of_version(None);
    assert!(doctor.failing(&args).is_empty());
}

/// A server that confines nothing and serves no policies, and then is gone.
pub(super) fn the_server_confines_nothing(doctor: &Doctor) {
    let server =
        OpenApiServer::without_policies(&doctor.world.cluster).unwrap_or_else(|error| panic!("{error}"));
    let url = server.url();
    let args = ["--server", &url, doctor.world.chain];
    let failing = doctor.failing(&args);
    let codes: Vec<&String> = failing.keys().collect();
    assert_eq!(codes, ["server-policies", "setup-policies", "setup-rbac"], "{failing:#?}");
    let flags = "drop the --runtime-config or --feature-gates that turn it off";
    says(&failing, "server-policies", "failed", "serves no ValidatingAdmissionPolicy", flags);
    says(&failing, "setup-policies", "failed", "are not installed", "kubectl studioci setup");
    let rbac = "--authorization-mode=Node,RBAC";
    says(&failing, "setup-rbac", "failed", "this cluster authorizes everything", rbac);
    drop(server);
    let failing = doctor.failing(&args);
    assert_eq!(failing.len(), 1, "{failing:#?}");
    let words = format!("cannot reach the API server {url}: connection refused");
    says(&failing, "server-reachable", "failed", &words, "Check that the API server runs");
    doctor.well();
}

/// Whoever is bound by the policies sees whether they act.
pub(super) fn policies_do_not_act(doctor: &Doctor) {
    let world = doctor.world;
    let user = format!("--user={ALICE}");
    world.kubectl(&["create", "clusterrolebinding", ALICE, "--clusterrole=studioci-user", &user]).ok();
    let role = ["create", "rolebinding", ALICE, "-n", "studioci", "--role=studioci-user", &user];
    world.kubectl(&role).ok();
    let config = world.cluster.kubeconfig_for(ALICE, &[]).unwrap().display().to_string();
    let seen = |what: &str, wanted: Option<&str>| {
        world.until(what, || {
            let (_, mut unwell) = doctor.unwell(&["--kubeconfig", &config, world.chain]);
            let said = unwell.get("setup-refusals").map(|said| said.split(':').next().unwrap());
            (said == wanted).then(|| std::mem::take(&mut unwell))
        })
    };
    seen("policies that act", None);
    // what is newer is left to whoever tries it
    world.kubectl(&["annotate", POLICY, "studioci.dev/confinement=99", "--overwrite"]).ok();
    let toothless = r#"{"spec":{"validationActions":["Audit"]}}"#;
    world.kubectl(&["patch", BINDING, "--type=merge", "-p", toothless]).ok();
    let unwell = seen("policies that do not act", Some("failed"));
    let words = format!("do not act: {ALICE} got through with what they refuse");
    says(&unwell, "setup-refusals", "failed", &words, "the bindings of the policies say Deny");
    doctor.warns(
        "setup-policies",
        "have number 99",
        "use the version of kubectl-studioci that set this cluster up",
    );
    world.kubectl(&["delete", POLICY, BINDING]).ok();
    world.set_up();
    seen("policies that act again", None);
    forget_alice(world);
}

pub(super) fn forget_alice(world: &World) {
    let _ = world.kubectl(&["delete", "clusterrolebinding", ALICE, "--ignore-not-found"]);
    let _ = world.kubectl(&["delete", "rolebinding", ALICE, "-n", "studioci", "--ignore-not-found"]);
}

pub(super) fn setup_is_broken(doctor: &Doctor) {
    let world = doctor.world;
    let setup = "an administrator runs kubectl studioci setup";
    world.kubectl(&["delete", "clusterrole", "studioci-user"]).ok();
    doctor.fails("setup-objects", "missing: clusterrole.rbac.authorization.k8s.io/studioci-user", setup);
    world.set_up();
    let patch = json!({ "spec": { "failurePolicy": "Ignore" } }).to_string();
    world.kubectl(&["patch", POLICY, "--type=merge", "-p", &patch]).ok();
    let policy = "validatingadmissionpolicy.admissionregistration.k8s.io/studioci-rights";
    doctor.fails("setup-policies", policy, setup);
    world.set_up();
    doctor.well();
    world.kubectl(&["delete", "configmap", "studioci", "-n", "studioci"]).ok();
    let words = "this cluster is not set up: ConfigMap studioci in namespace studioci is missing";
    doctor.fails("setup-home", words, setup);
    world.set_up();
    doctor.well();
}

/// Takes away policies that say that they are newer, which `setup` would leave as they are.
pub(super) fn forget_policies(world: &World) {
    let _ = world.kubectl(&["delete", POLICY, BINDING, "--ignore-not-found"]);
}
