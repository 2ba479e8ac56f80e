//! What a build has made in its own namespace is ended with it, whatever it is called, labelled and owned like.

use super::*;

/// Whatever a build makes, and where.
struct Maker {
    namespace: String,
}

impl Maker {
    fn at(&self, group: &str, plural: &str) -> String {
        format!("{group}/namespaces/{}/{plural}", self.namespace)
    }

    fn pods(&self) -> String {
        self.at("/api/v1", "pods")
    }

    fn jobs(&self) -> String {
        self.at("/apis/batch/v1", "jobs")
    }

    fn pod(&self, world: &mut World, name: &str, change: impl FnOnce(&mut Value)) {
        let mut pod = json!({ "metadata": { "name": name, "labels": {} }, "spec": { "serviceAccountName": "default" },
            "status": { "phase": "Running" } });
        change(&mut pod);
        world.keep(&self.pods(), pod);
    }

    /// One of each kind that runs, and what has ended.
    fn all(&self, world: &mut World) {
        let spec = json!({ "replicas": 2, "template": { "spec": { "serviceAccountName": "default" } } });
        let of = |name: &str| json!({ "metadata": { "name": name }, "spec": spec });
        for plural in ["deployments", "statefulsets", "daemonsets"] {
            world.keep(&self.at("/apis/apps/v1", plural), of("made"));
        }
        let deployment = world.get(&self.at("/apis/apps/v1", "deployments/made"))["metadata"]["uid"].clone();
        let mut child = of("made-1");
        child["metadata"]["ownerReferences"] =
            json!([{ "kind": "Deployment", "uid": deployment, "controller": true }]);
        world.keep(&self.at("/apis/apps/v1", "replicasets"), child);
        world.keep(&self.at("/api/v1", "replicationcontrollers"), of("made"));
        world.keep(&self.at("/apis/autoscaling/v2", "horizontalpodautoscalers"), of("made"));
        world.keep(&self.at("/apis/batch/v1", "cronjobs"), of("made"));
        let job = world.keep(&self.jobs(), of("made"));
        let mut over = of("over");
        over["status"] = json!({ "conditions": [{ "type": "Complete", "status": "True" }] });
        world.keep(&self.jobs(), over);
        let owned = |uid: &Value| json!([{ "kind": "Job", "uid": uid, "controller": true }]);
        let build = world.get(&format!("{}/{}", self.jobs(), wire::JOB))["metadata"]["uid"].clone();
        self.pod(world, "bare", |_| {});
        self.pod(world, "of-job", |it| it["metadata"]["ownerReferences"] = owned(&job["metadata"]["uid"]));
        self.pod(world, "over", |it| it["status"]["phase"] = json!("Succeeded"));
        // lies
        self.pod(world, "of-nobody", |it| it["metadata"]["ownerReferences"] = owned(&json!("none")));
        self.pod(world, "labelled", |it| {
            it["metadata"]["labels"] = json!({ wire::ROLE: "listener", wire::CHAIN: CHAIN });
        });
        self.pod(world, "of-build", |it| it["metadata"]["ownerReferences"] = owned(&build));
        // deletion is asked for already, and a finalizer holds it
        self.pod(world, "held", |it| {
            it["metadata"]["deletionTimestamp"] = json!("1970-01-01T00:00:00Z");
            it["metadata"]["finalizers"] = json!(["example.com/never"]);
        });
        let others = self.pods().replace(&self.namespace, "elsewhere");
        world.keep(&others, json!({ "metadata": { "name": "bare" }, "status": { "phase": "Running" } }));
    }

    /// Nothing of it runs, and all else stands.
    fn ended(&self, world: &World, what: &str) {
        for path in [
            self.at("/apis/apps/v1", "deployments/made"),
            self.at("/apis/apps/v1", "statefulsets/made"),
            self.at("/apis/apps/v1", "replicasets/made-1"),
            self.at("/api/v1", "replicationcontrollers/made"),
        ] {
            let it = world.get(&path);
            assert_eq!(it["spec"]["replicas"], 0, "{what}: {path}");
            assert_eq!(it["metadata"]["annotations"][wire::REPLICAS], "2", "{what}: {path}");
        }
        for gone in [
            self.at("/apis/apps/v1", "daemonsets/made"),
            self.at("/apis/autoscaling/v2", "horizontalpodautoscalers/made"),
        ] {
            assert!(world.get(&gone).is_null(), "{what}: {gone}");
        }
        let suspended = |path: String| world.get(&path)["spec"]["suspend"].clone();
        assert_eq!(suspended(self.at("/apis/batch/v1", "cronjobs/made")), true, "{what}");
        assert_eq!(suspended(format!("{}/made", self.jobs())), true, "{what}");
        assert!(suspended(format!("{}/over", self.jobs())).is_null(), "{what}: it has ended");
        assert!(suspended(format!("{}/{}", self.jobs(), wire::JOB)).is_null(), "{what}: the build's own");
        let pods: Vec<&str> = world
            .objects
            .keys()
            .filter_map(|path| path.strip_prefix(&format!("{}/", self.pods())))
            .filter(|name| !name.starts_with("build-"))
            .collect();
        assert_eq!(pods, ["held", "over", &format!("{}-x", wire::JOB)], "{what}");
        assert!(
            !world.get(&format!("{}/bare", self.pods().replace(&self.namespace, "elsewhere"))).is_null(),
            "{what}"
        );
    }
}

/// A chain whose second tag was just pushed, and whose build makes this as soon as it runs.
fn pushed_with(
    before: &Stage,
    makes: impl Fn(&Maker, &mut World) + Send + 'static,
) -> (Stage, String, Maker) {
    let stage = before.copy();
    let namespace = stage.world().builds()[&1].clone();
    let it = Maker { namespace: namespace.clone() };
    let job = format!("POST {}", it.jobs());
    let there = Maker { namespace: namespace.clone() };
    stage.world().after_write = Some(Box::new(move |world, write| {
        if write == job {
            makes(&there, world);
        }
    }));
    (stage, namespace, it)
}

#[tokio::test(start_paused = true)]
async fn what_a_build_has_made_is_ended_with_it_wherever_its_agent_is_killed() {
    let (before, _) = pushed().await;
    let (stage, namespace, it) = pushed_with(&before, Maker::all);
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    it.ended(&stage.world(), "undisturbed");
    let writes = stage.world().writes.clone();
    let recorded = writes.iter().position(|it| it.ends_with("configmaps/history-app-main")).unwrap();
    let ended = writes.iter().position(|it| it.contains("/cronjobs/made")).unwrap();
    assert!(recorded < ended, "the verdict does not wait for it: {writes:?}");
    for k in recorded..writes.len() {
        let what = format!("killed after {k} writes, the last {}", writes[k - 1]);
        let (stage, namespace, it) = pushed_with(&before, Maker::all);
        stage.world().dies_after = Some(k);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        stage.revive();
        stage.world().roll(&namespace);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let world = stage.world();
        it.ended(&world, &what);
        assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Passed", "{what}");
        assert!(keyed(&world, &world.builds()[&2]), "{what}: who listens is left alone");
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_agent_ends_what_the_build_of_a_dead_one_has_made() {
    let (before, _) = pushed().await;
    let (stage, namespace, it) = pushed_with(&before, Maker::all);
    run_until(&stage, &namespace, |world| world.phase(&namespace) == "Recorded").await;
    let next = stage.world().builds()[&2].clone();
    tokio::select! {
        () = run_until(&stage, &next, |world| world.phase(&namespace) == "Finished") => {}
        () = tokio::time::sleep(Duration::from_secs(3600)) => panic!("nobody ends it"),
    }
    it.ended(&stage.world(), "adopted");
}

#[tokio::test(start_paused = true)]
async fn what_makes_more_while_it_is_ended_loses_its_rights_and_then_is_ended() {
    let (before, _) = pushed().await;
    let (stage, namespace, it) = pushed_with(&before, |it, world| it.pod(world, "more-0", |_| {}));
    let bindings = it.at("/apis/rbac.authorization.k8s.io/v1", "rolebindings");
    let subject = json!([{ "kind": "ServiceAccount", "name": "default", "namespace": namespace }]);
    let elsewhere = json!([{ "kind": "ServiceAccount", "name": "default", "namespace": "elsewhere" }]);
    {
        let mut world = stage.world();
        world.keep(&bindings, json!({ "metadata": { "name": "builder" }, "subjects": subject }));
        world.keep(&bindings, json!({ "metadata": { "name": "other" }, "subjects": elsewhere }));
        let (pods, bound) = (it.pods(), format!("{bindings}/builder"));
        let mut made = world.after_write.take().unwrap();
        let mut count = 0;
        world.after_write = Some(Box::new(move |world, write| {
            made(world, write);
            if write.starts_with(&format!("DELETE {pods}/more-")) && world.objects.contains_key(&bound) {
                count += 1;
                let pod = json!({ "metadata": { "name": format!("more-{count}") }, "status": { "phase": "Running" } });
                world.keep(&pods, pod);
            }
        }));
    }
    let before = stage.world().objects.keys().filter(|path| path.starts_with(&bindings)).count();
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    assert!(!world.objects.keys().any(|path| path.contains("/pods/more-")), "{:?}", world.writes);
    assert!(world.get(&format!("{bindings}/builder")).is_null());
    let after = world.objects.keys().filter(|path| path.starts_with(&bindings)).count();
    assert_eq!(after, before - 1, "the agent's own and others' stay");
    assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Passed");
}

#[tokio::test(start_paused = true)]
async fn what_never_stops_making_more_does_not_keep_its_agent() {
    let (before, _) = pushed().await;
    let (stage, namespace, it) = pushed_with(&before, |it, world| it.pod(world, "more-0", |_| {}));
    {
        let mut world = stage.world();
        let pods = it.pods();
        let mut made = world.after_write.take().unwrap();
        let mut count = 0;
        world.after_write = Some(Box::new(move |world, write| {
            made(world, write);
            if write.starts_with(&format!("DELETE {pods}/more-")) {
                count += 1;
                let pod = json!({ "metadata": { "name": format!("more-{count}") }, "status": { "phase": "Running" } });
                world.keep(&pods, pod);
            }
        }));
    }
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    let deleted = world.writes.iter().filter(|write| write.starts_with("DELETE") && write.contains("/more-"));
    assert_eq!(deleted.count(), 3, "{:?}", world.writes);
}

#[tokio::test(start_paused = true)]
async fn very_many_of_a_kind_go_by_one_request_and_so_does_what_cannot_be_listed() {
    let (before, _) = pushed().await;
    for huge in [false, true] {
        let (stage, namespace, it) = pushed_with(&before, move |it, world| {
            let count = if huge { 2 } else { 700 };
            for number in 0..count {
                // no answer of the server is read that is as large
                let padding = if huge { "x".repeat(9 << 20) } else { String::new() };
                let meta = json!({ "name": format!("made-{number}"), "annotations": { "padding": padding } });
                world.keep(&it.jobs(), json!({ "metadata": meta }));
                world.keep(&it.pods(), json!({ "metadata": meta, "status": { "phase": "Running" } }));
            }
        });
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let world = stage.world();
        let left: Vec<&String> = world.objects.keys().filter(|path| path.contains("/made-")).collect();
        assert!(left.is_empty(), "{huge}: {left:?}");
        for collection in [it.jobs(), it.pods()] {
            assert!(world.writes.contains(&format!("DELETE {collection}")), "{huge}: {:?}", world.writes);
        }
        assert!(world.writes.len() < 60, "{huge}: {:?}", world.writes);
        let job = format!("{}/{}", it.jobs(), wire::JOB);
        let pod = format!("{}/{}-x", it.pods(), wire::JOB);
        assert!(!world.get(&job).is_null() && !world.get(&pod).is_null(), "{huge}: the build's own");
        assert!(!world.get(&World::listener(&namespace)).is_null(), "{huge}");
        assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Passed", "{huge}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_admission_keeps_from_being_ended_keeps_nothing_else_from_it() {
    let (before, _) = pushed().await;
    let (stage, namespace, it) = pushed_with(&before, Maker::all);
    stage.world().refusals.push(|write, _| {
        (write.starts_with("PATCH") && write.ends_with("/jobs/made")).then_some("this Job is sacred")
    });
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    assert!(world.get(&format!("{}/made", it.jobs()))["spec"]["suspend"].is_null());
    assert!(world.get(&format!("{}/bare", it.pods())).is_null());
    assert_eq!(world.get(&it.at("/apis/apps/v1", "deployments/made"))["spec"]["replicas"], 0);
}
