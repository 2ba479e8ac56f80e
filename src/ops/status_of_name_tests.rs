//! What `status` reads for one NAME: what the list of everything would tell of it, and no more.

use super::*;

/// A Namespace of that chain, with annotations besides those of every build.
fn of_chain(chain: &str, name: &str, generation: u64, phase: &str, told: &[(&str, &str)]) -> Value {
    let mut it = namespace(name, generation);
    let uuid = Uuid::new_v5(&Uuid::NAMESPACE_OID, chain.as_bytes());
    let meta = &mut it["metadata"];
    (meta["labels"][wire::CHAIN], meta["labels"][wire::PHASE]) = (json!(chain), json!(phase));
    meta["annotations"][wire::CHAIN_UUID] = json!(uuid.to_string());
    meta["annotations"][wire::OWNER] = json!(names::owner(uuid, generation).to_string());
    for (key, value) in told {
        meta["annotations"][*key] = json!(value);
    }
    it
}

/// Many chains, each with a trouble of its own, and a Keel that does not run.
fn crowd() -> Answers {
    let next = |name: &'static str| [(wire::SUCCESSOR, name), (wire::DISPATCH, "done")];
    let mut leaving = of_chain("leaving", "le-a", 1, "Finished", &[]);
    leaving["metadata"]["deletionTimestamp"] = json!("2026-11-25T10:00:00Z");
    leaving["status"]["conditions"] = json!([
        { "type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining" },
    ]);
    // the parent of a listener that is awaited, whose chain label somebody has changed
    let mut elsewhere = of_chain("taken", "ta-a", 1, "Building", &[(wire::DISPATCH_ERROR, "no quota")]);
    elsewhere["metadata"]["labels"][wire::CHAIN] = json!("elsewhere");
    let namespaces = vec![
        of_chain("app", "ci-a", 1, "Finished", &next("ci-b")),
        of_chain("app", "ci-b", 2, "Building", &next("ci-c")),
        of_chain("app", "ci-c", 3, "Listening", &[]),
        of_chain("awaited", "aw-a", 1, "Building", &[(wire::DISPATCH_ERROR, "no default ServiceAccount")]),
        of_chain("awaited", "aw-b", 2, "Claimed", &[(wire::PARENT, "aw-a")]),
        of_chain("robbed", "ro-a", 1, "Finished", &next("ro-b")),
        of_chain("forged", "fo-a", 1, "Finished", &next("no name, is it?")),
        of_chain("moved", "mo-a", 1, "Finished", &next("mo-b")),
        of_chain("moved", "mo-c", 3, "Listening", &[]),
        of_chain("edited", "ed-a", 1, "Finished", &next("ed-b")),
        of_chain("elsewhere", "ed-b", 2, "Dreaming", &[]),
        leaving,
        of_chain("odd", "od-a", 1, "Dreaming", &[]),
        of_chain("odd", "od-b", 2, "Listening", &[]),
        of_chain("lonely", "lo-a", 1, "Dreaming", &[]),
        of_chain("taken", "ta-b", 2, "Claimed", &[(wire::PARENT, "ta-a")]),
        elsewhere,
        of_chain(wire::CLAIM_CHAIN, "cl-a", 0, "Claimed", &[]),
        of_chain(wire::CLAIM_CHAIN, "cl-b", 0, "Claimed", &[]),
    ];
    let labels = json!({ wire::CHAIN: "app", wire::ROLE: "listener" });
    let pod = json!({ "metadata": { "namespace": "ci-c", "name": "build-x", "uid": "u", "labels": labels },
        "spec": { "serviceAccountName": "studioci-agent.app", "containers": [{ "name": "build", "image": "r/a:1" }] },
        "status": { "phase": "Pending", "containerStatuses": [
            { "name": "build", "state": { "waiting": { "reason": "ErrImagePull", "message": "not found" } } },
        ] } });
    Answers {
        namespaces,
        pods: vec![pod],
        listeners: vec![listener("ci-b"), listener("ci-c")],
        keel: vec![json!({ "metadata": { "name": "keel", "namespace": "keel" } })],
        missing: vec!["bindings/studioci-rights"],
        ..Answers::default()
    }
}

/// What a person who names a build or a chain is told.
fn told_of(mut seen: Overview, name: &str) -> Vec<String> {
    let mut told = seen.warnings(Some(name));
    match choose(&mut seen, name) {
        Ok(()) => told
            .extend(seen.builds.iter().map(|it| format!("{} {:?}", it.namespace, seen.signs[&it.namespace]))),
        Err(error) => told.push(format!("{error:?}")),
    }
    told
}

/// Every build and every chain of the crowd, and names that nobody has.
fn every_name() -> (Vec<String>, Vec<&'static str>) {
    let mut names: Vec<String> = Vec::new();
    for meta in crowd().namespaces.iter().map(|it| &it["metadata"]) {
        names.extend([&meta["name"], &meta["labels"][wire::CHAIN]].map(|it| it.as_str().unwrap().to_owned()));
    }
    names.sort_unstable();
    names.dedup();
    (names, vec!["nobody", "", "no label", "a,b", "-", "ci-a,studioci.dev/chain"])
}

#[tokio::test(start_paused = true)]
async fn what_is_told_of_a_name_is_what_the_list_of_everything_tells_of_it() {
    let (names, nobody) = every_name();
    for name in names.iter().map(String::as_str).chain(nobody) {
        let whole = status(&serve(crowd()).0, WantedBuilds::default()).await.unwrap();
        let alone = status(&serve(crowd()).0, WantedBuilds { name: Some(name), ..WantedBuilds::default() })
            .await
            .unwrap();
        assert_eq!(told_of(alone, name), told_of(whole, name), "{name}");
    }
}

/// Which requests asked for more than one build or chain.
fn beyond(record: &Scripted) -> Vec<String> {
    let seen = record.seen();
    let whole = seen.iter().filter(|request| {
        let list = ["/api/v1/namespaces", "/api/v1/pods", "/apis/apps/v1/deployments"]
            .contains(&request.path.as_str());
        let labels = request.selector("labelSelector");
        let one = labels.contains("studioci.dev/chain=")
            || request.selector("fieldSelector").contains("metadata.name=");
        list && !one && labels != KEEL
    });
    whole.map(|request| format!("{}?{}", request.path, request.query)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_name_is_asked_for_alone() {
    let (names, _) = every_name();
    for name in names.iter().filter(|name| !["lonely", "elsewhere"].contains(&name.as_str())) {
        let (cluster, record) = serve(crowd());
        status(&cluster, WantedBuilds { name: Some(name), ..WantedBuilds::default() }).await.unwrap();
        assert_eq!(beyond(&record), [""; 0], "{name}");
        // eight are for the policies, one is for the head; the chain is asked for besides where a listener is missed or a build
        // cannot be read, and of a build that its chain has left behind nobody asks whether the next one is there
        let most = match name.as_str() {
            "mo-a" => 12,
            "ro-a" => 14,
            // the chain that their labels name is asked whether they are its own
            "ed-b" | "od-a" | "lo-a" => 15,
            // labelled as another chain's, so that its name may be a chain's
            "ta-a" => 19,
            name if name.contains('-') => 13,
            _ => 15,
        };
        assert!(record.count() <= most, "{name}: {:?}", record.asked());
    }
    let (cluster, record) = serve(crowd());
    status(&cluster, WantedBuilds { name: Some("ci-a"), ..WantedBuilds::default() }).await.unwrap();
    let seen = record.seen();
    let policies: Vec<_> =
        seen.iter().filter(|request| request.path.contains("/validatingadmission")).collect();
    assert_eq!(policies.len(), 8);
    for request in policies {
        assert!(
            request.headers["accept"].to_str().unwrap().contains("as=PartialObjectMetadata"),
            "{request:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn many_names_that_are_missed_are_one_question() {
    let listener = |number: usize| {
        let generation = 2 + u64::try_from(number).unwrap();
        let parent = format!("gone-{number}");
        of_chain("app", &format!("ci-{number}"), generation, "Claimed", &[(wire::PARENT, &parent)])
    };
    let answers = || Answers { namespaces: (0..20).map(listener).collect(), ..Answers::default() };
    let (cluster, record) = serve(answers());
    let alone =
        status(&cluster, WantedBuilds { name: Some("app"), ..WantedBuilds::default() }).await.unwrap();
    assert_eq!(record.count(), 15, "{:?}", record.asked());
    let whole = status(&serve(answers()).0, WantedBuilds::default()).await.unwrap();
    assert_eq!(told_of(alone, "app"), told_of(whole, "app"));
}

#[tokio::test(start_paused = true)]
async fn who_follows_or_scales_asks_for_that_name_alone_too() {
    for (name, builds_there, requests) in
        [("ci-a", 1, 1), ("app", 3, 2), ("od-a", 0, 2), ("odd", 1, 2), ("cl-a", 14, 3), ("nobody", 14, 3)]
    {
        let (cluster, record) = serve(crowd());
        let seen = builds(&cluster, Some(name.into())).await.unwrap();
        assert_eq!((seen.builds.len(), record.count()), (builds_there, requests), "{name}");
        assert_eq!(beyond(&record).len(), usize::from(requests == 3), "{name}");
        assert!(seen.builds.iter().all(|build| build.chain != wire::CLAIM_CHAIN), "{name}");
    }
}
