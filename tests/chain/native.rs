//! `native_01`: our bytes are kubectl's. A CustomResourceDefinition made of the schema that we document, with our columns as its
//! printer columns, holds our builds; what kubectl prints of them is what we print.
//!
//! `-o name` is left out: ours is `namespace/NAME`, which `cleanup` takes.

use std::collections::BTreeMap;
use std::ffi::OsString;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use studioci::chain::build::{Build, Happening, Map, NamespaceView};
use studioci::chain::wire;
use studioci::cli::{Parsed, Verb};
use studioci::output::listing::{Feed, Listed, Listing, Rows};
use studioci::output::status::{NOTHING_FOUND, View};
use studioci::pipeline::documents;

use crate::world::World;

/// Builds, newest first, which is also the order of their names: kubectl's.
fn builds(now: Timestamp) -> Vec<Build> {
    // half an hour from where an age of days is said otherwise
    let hours = |hours: i64| now - SignedDuration::from_hours(hours) - SignedDuration::from_mins(30);
    let told = [
        ("ci-amber-curie", 4, "Passed", "all is well", "v2.0.0-rc.1", 60),
        ("ci-brave-lovelace", 3, "Failed", "build exited with 2: <a & b> \"c\"", "build-0010", 85),
        ("ci-calm-noether", 2, "Errored", "no node takes it: größe", "build-9", 108),
        ("ci-eager-hopper", 1, "Cancelled", "the Job was deleted", "build-8", 1000),
    ];
    told.iter().map(|it| build(*it, hours(it.5))).collect()
}

fn build(
    (namespace, generation, verdict, cause, tag, _): (&str, u64, &str, &str, &str, i64),
    claimed: Timestamp,
) -> Build {
    let map = |pairs: &[(&str, &str)]| -> Map {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let at = |minutes: i64| {
        (claimed + SignedDuration::from_mins(minutes)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    let digest = format!("sha256:{}", format!("{generation}").repeat(64));
    Build::read(NamespaceView {
        namespace,
        uid: "",
        resource_version: "1",
        created: Some(at(0).parse().unwrap()),
        terminating: false,
        labels: &map(&[(wire::CHAIN, "runner-main"), (wire::PHASE, "Finished")]),
        annotations: &map(&[
            (wire::CHAIN_UUID, "0c8b2d4e-0000-4000-8000-000000000001"),
            (wire::OWNER, "0c8b2d4e-0000-5000-8000-000000000002"),
            (wire::GENERATION, &generation.to_string()),
            (wire::PARENT, "ci-before"),
            (wire::SUCCESSOR, "ci-after"),
            (wire::DISPATCH, "done"),
            (wire::IMAGE, "quay.io/acme/runner"),
            (wire::TAG, tag),
            (wire::DIGEST, &digest),
            (wire::REVISION, "9fceb02"),
            (wire::VERDICT, verdict),
            (wire::CAUSE, cause),
            ("studioci.dev/at-claimed", &at(0)),
            ("studioci.dev/at-triggered", &at(10)),
            ("studioci.dev/at-recorded", &at(17)),
        ]),
    })
    .unwrap()
}

fn labels() -> Map {
    Map::from([
        (wire::CHAIN.to_owned(), "runner-main".to_owned()),
        (wire::MANAGED_BY.to_owned(), "studioci".to_owned()),
        ("team".to_owned(), String::new()),
    ])
}

/// The schema as a server takes it, and a column of it for each of ours. What ours make of several fields, or of a part of one,
/// stands in `shown`.
fn definition() -> Value {
    let mut schema: Value = serde_json::from_str(include_str!("../../docs/schema/build.json")).unwrap();
    for key in ["$schema", "title"] {
        schema.as_object_mut().unwrap().remove(key);
    }
    schema["properties"]["metadata"] = json!({ "type": "object" });
    schema["properties"]["shown"] = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let columns: Vec<Value> = [
        ("Chain", "string", ".spec.chain", 0),
        ("Gen", "integer", ".spec.generation", 0),
        ("Status", "string", ".status['verdict','phase']", 0),
        ("Tag", "string", ".status.tag", 0),
        ("Age", "date", ".status.phaseTimes.Claimed", 0),
        ("Phase", "string", ".status.phase", 1),
        ("Verdict", "string", ".status.verdict", 1),
        ("Digest", "string", ".shown.digest", 1),
        ("Duration", "string", ".shown.duration", 1),
        ("Parent", "string", ".spec.parent", 1),
        ("Successor", "string", ".status.successor", 1),
        ("Revision", "string", ".status.revision", 1),
        ("Dispatch", "string", ".status.dispatch", 1),
        ("Image", "string", ".status.image", 1),
        ("Why", "string", ".status.why", 0),
    ]
    .iter()
    .map(|(name, kind, path, priority)| {
        json!({ "name": name, "type": kind, "jsonPath": path, "priority": priority })
    })
    .collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "builds.studioci.dev",
            // the group is ours; a test server asks nobody
            "annotations": { "api-approved.kubernetes.io": "unapproved, a test" },
        },
        "spec": {
            "group": "studioci.dev",
            "names": { "kind": "Build", "listKind": "BuildList", "plural": "builds", "singular": "build" },
            "scope": "Cluster",
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": schema },
                "additionalPrinterColumns": columns,
            }],
        },
    })
}

/// What our `status` is asked, as it is typed.
fn listing(args: &[&str]) -> Listing {
    let words = ["x", "status"].iter().chain(args).map(OsString::from);
    match studioci::cli::parse(words, &studioci::cli::settings::ProcessSettings::default()) {
        Ok(Parsed::Verb(cli)) => match cli.verb {
            Verb::Status(args) => args.listing().unwrap(),
            verb => panic!("{verb:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// kubectl's builds, and ours of the same.
struct Bench<'a> {
    world: &'a World,
    now: Timestamp,
    builds: Vec<Build>,
    labels: BTreeMap<String, Map>,
}

impl Bench<'_> {
    fn theirs(&self, args: &[&str]) -> String {
        self.world.kubectl(&[&["get", "builds.studioci.dev"], args].concat()).ok()
    }

    fn view(&self) -> View<'_> {
        static NONE: BTreeMap<String, studioci::chain::signs::Signs> = BTreeMap::new();
        View::new(&self.builds, &NONE, self.now).with_labels(&self.labels)
    }

    fn ours(&self, args: &[&str]) -> String {
        listing(args).print(&self.view(), false).unwrap()
    }

    fn same(&self, args: &[&str]) {
        assert_eq!(self.ours(args), self.theirs(args), "{args:?}");
    }

    /// Stores our builds: `shown` besides, where columns need it.
    fn store(&self, shown: bool) {
        let view = self.view();
        // the newest last, however long it takes
        for (place, build) in self.builds.iter().enumerate().rev() {
            let mut object = view.object(place);
            object["metadata"] = json!({ "name": build.namespace, "labels": labels() });
            if shown {
                let cells = view.cells(place, true);
                object["shown"] = json!({ "digest": cells[8], "duration": cells[9] });
            }
            let file = self.world.file("build.json", &object.to_string());
            self.world.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", &file]).ok();
        }
    }

    /// Our builds as the server has stored them: it gives the uid and the time.
    fn stored(&self) -> Self {
        let list = self.world.get(&["builds.studioci.dev"]);
        let mut builds = self.builds.clone();
        for (build, item) in builds.iter_mut().zip(list["items"].as_array().unwrap()) {
            let meta = &item["metadata"];
            assert_eq!(meta["name"], build.namespace.as_str());
            meta["uid"].as_str().unwrap().clone_into(&mut build.uid);
            build.created = Some(meta["creationTimestamp"].as_str().unwrap().parse().unwrap());
        }
        Bench { builds, labels: self.labels.clone(), ..*self }
    }
}

/// kubectl's JSON without what only a server says, and with the list's own kind.
fn without_the_servers(text: &str) -> String {
    let mut end: Option<String> = None;
    let kept = text.lines().filter(|line| {
        let word = line.trim_start();
        if word == "\"metadata\": {" {
            end = Some(format!("{}}}", &line[..line.len() - word.len()]));
        } else if end.as_deref() == Some(line.trim_end_matches(',')) {
            end = None;
        }
        end.is_none() || !(word.starts_with("\"generation\":") || word.starts_with("\"resourceVersion\":"))
    });
    let text = kept.fold(String::new(), |text, line| text + line + "\n");
    text.replacen("\"apiVersion\": \"v1\"", "\"apiVersion\": \"studioci.dev/v1\"", 1)
        .replace("\"kind\": \"List\"", "\"kind\": \"BuildList\"")
        .replace("\"metadata\": {\n    }", "\"metadata\": {}")
}

fn objects_are_the_same(bench: &Bench<'_>) {
    let json = bench.theirs(&["-o", "json"]);
    assert_eq!(bench.ours(&["-o", "json"]), without_the_servers(&json));
    let by = bench.theirs(&["-o", "json", "--sort-by=.status.tag"]);
    assert_eq!(bench.ours(&["-o", "json", "--sort-by=.status.tag"]), without_the_servers(&by));

    let plain = |text: &str| -> Vec<Value> {
        let read = documents::read("x", text).unwrap();
        let mut values: Vec<Value> = read.into_iter().map(|document| document.value).collect();
        for value in &mut values {
            let meta = value["metadata"].as_object_mut().unwrap();
            meta.retain(|key, _| !["generation", "resourceVersion"].contains(&key.as_str()));
        }
        values
    };
    for form in ["yaml", "kyaml"] {
        let (ours, theirs) = (plain(&bench.ours(&["-o", form])), plain(&bench.theirs(&["-o", form])));
        assert_eq!(ours, theirs, "{form}");
    }
}

fn paths_and_columns_are_the_same(bench: &Bench<'_>) {
    for template in [
        "{.items[*].metadata.name}",
        "{.items[*].metadata.labels}",
        "{range .items[*]}{.metadata.name}{\"\\t\"}{.status.verdict}{\"\\n\"}{end}",
        "{.items[?(@.status.verdict==\"Failed\")].status.cause}",
        "{.items[?(@.spec.generation>=3)]['spec.chain','status.tag']}",
        "{.items[-2:].status}",
        "{..phaseTimes.Triggered}",
        "{.items[*].status.missing}",
    ] {
        bench.same(&["-o", &format!("jsonpath={template}")]);
        bench.same(&["-o", &format!("jsonpath-as-json={template}"), "--sort-by=.spec.generation"]);
    }
    for columns in [
        "NAME:.metadata.name,VERDICT:.status.verdict,Cause:.status.cause,NONE:.status.nope",
        "TIMES:.status.phaseTimes,GEN:{spec.generation}",
    ] {
        bench.same(&["-o", &format!("custom-columns={columns}")]);
        bench.same(&["-o", &format!("custom-columns={columns}"), "--no-headers", "--sort-by=.status.tag"]);
    }
    let file = bench.world.file("columns", "NAME TAG\n.metadata.name .status.tag\n");
    bench.same(&["-o", &format!("custom-columns-file={file}")]);
    let file = bench.world.file("path", "{.items[0].metadata.name}\n");
    bench.same(&["-o", &format!("jsonpath-file={file}")]);
}

fn tables_are_the_same(bench: &Bench<'_>) {
    bench.same(&[]);
    bench.same(&["--no-headers"]);
    bench.same(&["--show-labels"]);
    bench.same(&["-L", "studioci.dev/chain,team,nope"]);
    bench.same(&["-o", "wide", "--show-labels", "-L", "app.kubernetes.io/managed-by"]);
    for by in [".spec.generation", ".status.tag", "{.status.cause}", ".metadata.name", ".status.verdict"] {
        bench.same(&[&format!("--sort-by={by}")]);
        bench.same(&[&format!("--sort-by={by}"), "-o", "wide", "--no-headers"]);
    }
    let nothing = bench.world.kubectl(&["get", "builds.studioci.dev", "-l", "a=b"]);
    assert_eq!((nothing.out.as_str(), nothing.err.as_str()), ("", format!("{NOTHING_FOUND}\n").as_str()));
}

/// An order that there is none of is an error of ours in a table, too, where kubectl prints nothing.
fn faults_are_said_the_same(bench: &Bench<'_>) {
    for (args, more) in [
        (["-o", "jsonpath={.items[9]}"], ". Printing more"),
        (["--sort-by=.status.nope", "-o=custom-columns=A:.kind"], "\n"),
        (["--sort-by=.status.terminating", "-o=custom-columns=A:.kind"], "\n"),
    ] {
        let theirs = bench.world.kubectl(&[&["get", "builds.studioci.dev"][..], &args].concat());
        let ours = listing(&args).print(&bench.view(), false).unwrap_err();
        let first = theirs.err.lines().next().unwrap_or_default().to_owned() + "\n";
        let (said, _) = first.split_once(more).unwrap();
        assert!(said.ends_with(&ours) && theirs.code != 0, "{ours}\n{said}");
    }
}

/// kubectl watches a build come, change and go, and says what we say.
fn a_watch_is_the_same(bench: &Bench<'_>, args: &[&str]) {
    let (last, rest) = bench.builds.split_last().unwrap();
    let before = Bench { builds: rest.to_vec(), labels: bench.labels.clone(), ..*bench };
    let name = last.namespace.as_str();
    let world = bench.world;
    world.kubectl(&["delete", "builds.studioci.dev", name]).ok();
    let mut watching = world.kubectl_aside(&[&["get", "builds.studioci.dev", "-w"][..], args].concat());
    let listing = listing(&[&["-w"], args].concat());
    let mut feed = Feed::default();
    let mut expect = |happening: Happening, of: &Bench<'_>, does: &dyn Fn()| {
        does();
        let ours = listing.print_on(&mut feed, happening, &of.view()).unwrap();
        let theirs: String = ours.lines().map(|_| watching.line()).collect();
        assert_eq!(ours, theirs, "{happening:?} {args:?}");
    };
    let one = |build: &Build| Bench { builds: vec![build.clone()], labels: bench.labels.clone(), ..*bench };
    expect(Happening::Added, &before, &|| {});
    let added = one(last);
    expect(Happening::Added, &added, &|| added.store(true));
    let mut changed = last.clone();
    changed.cause = Some("another, and a longer one".to_owned());
    changed.revision = Some("a-revision-that-widens-its-column".to_owned());
    let changed = one(&changed);
    expect(Happening::Modified, &changed, &|| changed.store(true));
    expect(Happening::Deleted, &changed, &|| {
        world.kubectl(&["delete", "builds.studioci.dev", name]).ok();
    });
    watching.interrupt();
    let _ = watching.wait();
    added.store(true);
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_01_our_bytes_are_kubectls() {
    let world = World::bare("native-01");
    let now: Timestamp = Timestamp::now();
    let builds = builds(now);
    let labels = builds.iter().map(|build| (build.namespace.clone(), labels())).collect();
    let bench = Bench { world: &world, now, builds, labels };
    let file = world.file("definition.json", &definition().to_string());
    let _ = world.kubectl(&["delete", "crd", "builds.studioci.dev", "--ignore-not-found"]);
    world.kubectl(&["create", "-f", &file]).ok();
    world.kubectl(&["wait", "--for=condition=Established", "crd/builds.studioci.dev"]).ok();
    bench.store(false);
    let stored = bench.stored();
    objects_are_the_same(&stored);
    paths_and_columns_are_the_same(&stored);
    faults_are_said_the_same(&stored);
    bench.store(true);
    tables_are_the_same(&bench);
    a_watch_is_the_same(&bench, &[]);
    a_watch_is_the_same(&bench, &["--output-watch-events", "-o", "wide"]);
    a_watch_is_the_same(&bench, &["--no-headers"]);
    a_watch_is_the_same(&bench, &["-o", "custom-columns=NAME:.metadata.name,CAUSE:.status.cause"]);
    a_watch_is_the_same(&bench, &["-o", "jsonpath={.metadata.name} {.status.cause}{\"\\n\"}"]);
    world.kubectl(&["delete", "crd", "builds.studioci.dev"]).ok();
}
