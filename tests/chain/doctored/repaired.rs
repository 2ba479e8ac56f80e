//! What a chain's agents would do and cannot, made to happen and done by `--repair`; each first by a dry run.

use std::process::Child;

use super::look::{Doctor, says};
use crate::gate::Gate;
use crate::proxy::Proxy;
use crate::world::gated;

/// The listener that waits: scaled to 0, then deleted.
pub(super) fn the_listener_is_gone(doctor: &Doctor, newest: &str) {
    let world = doctor.world;
    world.kubectl(&["scale", "-n", newest, "deployment/build", "--replicas=0"]).ok();
    doctor.fails("chain-listener", "was scaled to 0", "--repair brings it back");
    let woken = format!(
        "namespace/{newest} repaired: deployment.apps/build is scaled to 1, which brings its agent back"
    );
    doctor.is_repaired(&[&woken]);
    doctor.well();

    world
        .kubectl(&["delete", "deployment", "build", "-n", newest, "--cascade=foreground", "--wait=true"])
        .ok();
    doctor.fails("chain-listener", "has no listener Deployment any more", "--repair brings it back");
    doctor.is_repaired(&[&format!(
        "namespace/{newest} repaired: its listener, which was deleted, is raised again"
    )]);
    doctor.well();
}

/// A build that runs: its agent is scaled to 0, then its listener is deleted.
pub(super) fn an_agent_is_gone(doctor: &Doctor) {
    let world = doctor.world;
    world.push("build-0004", "4", &gated("agents", 0));
    world.phase(3, "Building");
    world.phase(4, "Listening");
    let build = world.namespace(3);
    doctor.well();
    world.kubectl(&["scale", "-n", &build, "deployment/build", "--replicas=0"]).ok();
    let gone = format!("{build}: its agent is gone: deployment.apps/build was scaled to 0");
    doctor.fails("chain-agents", &gone, "--repair brings it back, or does what it had left to do");
    let woken = format!(
        "namespace/{build} repaired: deployment.apps/build is scaled to 1, which brings its agent back"
    );
    doctor.is_repaired(&[&woken]);
    doctor.well();

    world
        .kubectl(&["delete", "deployment", "build", "-n", &build, "--cascade=foreground", "--wait=true"])
        .ok();
    let gone = format!("{build}: its agent is gone: the namespace has no listener Deployment any more");
    doctor.fails("chain-agents", &gone, "--repair");
    assert_eq!(doctor.repairs(&[]), Vec::<String>::new(), "its Job runs");
    world.open("agents");
    let line = format!("namespace/{build} repaired: its build is ended in place of its agent, which is gone");
    let plan = world.until("its Job has ended", || {
        let plan = doctor.repairs(&["--dry-run=client"]);
        (!plan.is_empty()).then_some(plan)
    });
    assert_eq!(plan, [format!("{line} (dry run)")]);
    assert_eq!(world.build(3).unwrap()["status"]["phase"], "Building");
    doctor.is_repaired(&[&line]);
    assert_eq!(world.verdict(3), "Passed");
    world.phase(3, "Finished");
    doctor.well();
}

/// The namespace of a build that runs is deleted: it holds its slot in vain, and nobody records it.
pub(super) fn a_build_is_deleted(doctor: &Doctor) {
    let world = doctor.world;
    world.push("build-0005", "5", &gated("never", 0));
    world.phase(4, "Building");
    world.phase(5, "Listening");
    let build = world.namespace(4);
    world.kubectl(&["delete", "namespace", &build, "--wait=true"]).ok();
    let lost = format!("deleted before their builds had ended, which nobody has recorded: {build}");
    doctor.warns("chain-publishing", &lost, "--repair records them as Errored");
    doctor.warns("chain-slots", &format!("{build} holds the right to build, and builds no more"), "--repair");
    let place = format!("namespace/{build} repaired: its build");
    doctor.is_repaired(&[
        &format!("{place}, which had not ended when the namespace was deleted, is recorded as Errored"),
        &format!("{place} slot is given back"),
    ]);
    doctor.well();
    let report = world.studioci(&["report", world.chain]).ok();
    assert!(report.lines().any(|line| line.contains(&build) && line.contains("Errored")), "{report}");
}

/// An agent is gone before it could raise the next listener.
pub(super) fn a_dispatch_is_cut_off(doctor: &Doctor) {
    let world = doctor.world;
    let gate = Gate::new(world);
    gate.listener(6, true);
    world.push("build-0006", "6", "exit 0");
    assert_eq!(world.verdict(5), "Passed");
    let cut_off = world.until("a dispatch that is refused", || {
        let (_, unwell) = doctor.unwell(&[world.chain]);
        unwell.get("chain-agents").is_some_and(|said| said.contains("cannot be raised")).then_some(unwell)
    });
    let build = world.namespace(5);
    let refused = format!("{build}: the next listener cannot be raised: ");
    says(&cut_off, "chain-agents", "failed", &refused, "put right what is named");
    world
        .kubectl(&["delete", "deployment", "build", "-n", &build, "--cascade=foreground", "--wait=true"])
        .ok();
    doctor.is_repaired(&[
        &format!(
            "namespace/{build} repaired: the next listener is dispatched in place of its agent, which is gone"
        ),
        &format!("namespace/{build} repaired: its build is ended in place of its agent, which is gone"),
    ]);
    world.phase(5, "Finished");
    world.phase(6, "Listening");
    doctor.well();
}

/// A listener that the chain has passed: whoever started the next one was killed before they had disposed of it.
pub(super) fn a_namespace_is_left_over(doctor: &Doctor, start: &dyn Fn(&[&str]) -> Child) {
    let world = doctor.world;
    let passed = world.namespace(6);
    let proxy = Proxy::new(world);
    proxy.dies_before(&format!("/namespaces/{passed}"));
    let mut start = start(&["--kubeconfig", &proxy.kubeconfig(world)]);
    world.until("the write before which it is killed", || proxy.is_over().then_some(()));
    start.kill().unwrap();
    start.wait().unwrap();
    world.phase(7, "Listening");
    let left = format!("namespace {passed} is left over: nothing was built in it, and nothing will be");
    doctor.warns("chain-orphans", &left, "--repair deletes it");
    world.kubectl(&["annotate", "namespace", &passed, "studioci.dev/hold=native-06"]).ok();
    doctor.well();
    assert_eq!(doctor.repairs(&[]), Vec::<String>::new(), "somebody holds it");
    world.kubectl(&["annotate", "namespace", &passed, "studioci.dev/hold-"]).ok();
    doctor.is_repaired(&[&format!("namespace \"{passed}\" deleted")]);
    world.until("the namespace is gone", || {
        (world.kubectl(&["get", "namespace", &passed]).code != 0).then_some(())
    });
    doctor.well();
}

/// A chain goes on by a repair, and a push is built.
pub(super) fn the_newest_namespace_is_deleted(doctor: &Doctor) {
    let world = doctor.world;
    let newest = world.namespace(7);
    world.kubectl(&["delete", "namespace", &newest, "--wait=true"]).ok();
    doctor.fails("chain-listener", "is gone", "--repair raises a fresh one");
    doctor.is_repaired(&[&format!(
        "configmap/chain-{} repaired: a fresh listener is raised, at generation 8",
        world.chain
    )]);
    world.phase(8, "Listening");
    doctor.well();
    world.push("build-0007", "7", "exit 0");
    world.phase(8, "Finished");
    world.phase(9, "Listening");
    doctor.well();
}
