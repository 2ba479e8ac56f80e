//! Rows of a chain at work, beside a bare Deployment and a bare Job that do the same without us.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use test_cluster::audit::{Event, Mark};
use test_cluster::image::{CiImage, ci_image};

use super::ground::Ground;
use super::ground::Kind::Usual;
use super::sample::{Compared, Process, median};
use super::server::seconds;
use super::table::{Figure, Must, Promise};
use super::{Aside, Measure, Row, broken};
use crate::failure::Failure;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "push",
        promises: &[
            Promise {
                metric: "push to running build, s",
                against: "bare Deployment + bare Job",
                must: Must::AtMost(1.25),
            },
            Promise {
                metric: "agent from its first request to the Job created, s",
                against: "its requests one after another",
                must: Must::AtMost(1.5),
            },
            Promise {
                metric: "idle listener, both containers, RSS, MB",
                against: "",
                must: Must::AtMost(15.0),
            },
            Promise {
                metric: "idle listener, both containers, CPU, %",
                against: "",
                must: Must::AtMost(0.1),
            },
            Promise { metric: "idle listener, requests a minute", against: "", must: Must::AtMost(2.0) },
        ],
        measure: Measure::Cluster(Usual, push),
    },
    Row {
        name: "apply",
        promises: &[Promise {
            metric: "agent's applying of a 15-object pipeline, s",
            against: "kubectl apply --server-side",
            must: Must::AtMost(0.25),
        }],
        measure: Measure::Cluster(Usual, apply),
    },
];

const REPOSITORY: &str = "bench/ci";
/// The namespace of what does the same without us.
const BARE: &str = "bare";
/// How long anything may take before a row fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// A chain, a Keel and a repository.
struct World<'a> {
    ground: &'a Ground<'a>,
    chain: &'static str,
    /// Where containers leave a file each when they begin to run.
    marks: PathBuf,
    _keel: Aside,
}

impl<'a> World<'a> {
    /// A chain that listens. `more`: further documents of its pipeline, each behind a line `---`.
    fn new(ground: &'a Ground<'a>, chain: &'static str, more: &str) -> Result<World<'a>, Failure> {
        let folder = ground.bench.folder.join(chain);
        let marks = folder.join("marks");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&marks).map_err(|error| broken(error.to_string()))?;
        let keel: [std::ffi::OsString; 4] = [
            "--kubeconfig".into(),
            ground.handle.kubeconfig().into(),
            "--log".into(),
            folder.join("keel.jsonl").into(),
        ];
        let keel = Aside::start(ground.bench, &Process::new(&ground.bench.stand_in, keel), "keel")?;
        let world = World { ground, chain, marks, _keel: keel };
        world.push(1)?;
        let pipeline = folder.join("pipeline.yaml");
        let build = world.deployment("build", "build").to_string();
        fs::write(&pipeline, build + more).map_err(|error| broken(error.to_string()))?;
        let args: [std::ffi::OsString; 5] =
            ["start".into(), "-f".into(), pipeline.into(), "--chain".into(), chain.into()];
        ground.run(&ground.ours(args))?;
        Ok(world)
    }

    /// Pushes the image of a build: whatever runs in it says when, and goes on for a moment.
    fn push(&self, number: usize) -> Result<(), Failure> {
        let tag = tag(number);
        let content = CiImage {
            version: &format!("{tag} of {}", self.chain),
            files: &[("ci/run.sh", ": > /marks/$1-$CI_TAG\nif [ $1 = bare ]; then sleep 1000; fi\n")],
            env: &[("CI_TAG", &tag)],
        };
        let image = ci_image(self.ground.handle, &content)?;
        self.ground.handle.registry().push(&image, &format!("{REPOSITORY}-{}:{tag}", self.chain))?;
        Ok(())
    }

    fn image(&self, number: usize) -> String {
        format!("{}/{REPOSITORY}-{}:{}", self.ground.handle.registry().host(), self.chain, tag(number))
    }

    /// What runs, and leaves its mark.
    fn pod(&self, mark: &str, number: usize) -> Value {
        json!({
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "build",
                "image": self.image(number),
                "command": ["sh", "/ci/run.sh", mark],
                "volumeMounts": [{"name": "marks", "mountPath": "/marks"}],
            }],
            "volumes": [{"name": "marks", "hostPath": {"path": self.marks}}],
        })
    }

    /// A Deployment that Keel keeps up with the pushes.
    fn deployment(&self, name: &str, mark: &str) -> Value {
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "annotations": {
                "keel.sh/policy": "glob:build-*",
                "keel.sh/trigger": "poll",
                "keel.sh/pollSchedule": "@every 2s",
            }},
            "spec": {
                "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": self.pod(mark, 1)},
            },
        })
    }

    fn apply(&self, objects: &[Value]) -> Result<(), Failure> {
        let file = self.ground.bench.folder.join("apply.json");
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        fs::write(&file, list.to_string()).map_err(|error| broken(error.to_string()))?;
        self.ground.run(&self.ground.kubectl(["apply".as_ref(), "-f".as_ref(), file.as_os_str()])).map(drop)
    }

    /// When a container began to run, in seconds of the day.
    fn marked(&self, mark: &str, number: usize) -> Result<f64, Failure> {
        let file = self.marks.join(format!("{mark}-{}", tag(number)));
        self.ground.until(&format!("{} did not run", file.display()), PATIENCE, || Ok(file.exists()))?;
        time_of(&file)
    }

    /// The chain's build of this generation, as soon as it is in that phase.
    fn phase(&self, generation: usize, phase: &str) -> Result<Value, Failure> {
        let mut found = None;
        self.ground.until(&format!("generation {generation} was not {phase}"), PATIENCE, || {
            let list = self.ground.run(&self.ground.ours(["status", self.chain, "-o", "json"]))?;
            let list: Value = serde_json::from_str(&list).map_err(|error| broken(error.to_string()))?;
            // a chain of one build is shown as a list as well
            let builds = list["items"].as_array().cloned().unwrap_or_default();
            found = builds
                .into_iter()
                .find(|build| build["spec"]["generation"] == generation && build["status"]["phase"] == phase);
            Ok(found.is_some())
        })?;
        Ok(found.unwrap_or_default())
    }

    /// The namespace of the listener that waits, which is that generation.
    fn listening(&self, generation: usize) -> Result<String, Failure> {
        let build = self.phase(generation, "Listening")?;
        Ok(build["metadata"]["name"].as_str().unwrap_or_default().to_owned())
    }

    /// Requests since then.
    fn requests(&self, mark: Mark) -> Result<Vec<Event>, Failure> {
        Ok(self.ground.handle.audit().since(mark)?)
    }
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        // the cluster goes anyway; this keeps the next row's measurements undisturbed
        let _ = self.ground.run(&self.ground.ours(["stop", self.chain, "--purge"]));
    }
}

fn tag(number: usize) -> String {
    format!("build-{number:04}")
}

fn time_of(file: &Path) -> Result<f64, Failure> {
    let modified = fs::metadata(file).and_then(|found| found.modified());
    let modified = modified.map_err(|error| broken(format!("{}: {error}", file.display())))?;
    Ok(modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() % 86400.0)
}

/// When Keel wrote the Deployment of this namespace: nobody else updates one as the admin.
fn keels_write(requests: &[Event], namespace: &str) -> Result<f64, Failure> {
    let of_keel = |event: &&Event| {
        event.verb == "update"
            && event.object_ref.resource == "deployments"
            && event.object_ref.subresource.is_empty()
            && event.object_ref.namespace == namespace
            && event.user.username == "admin"
            && event.response_status.code == 200
    };
    let write = requests.iter().find(of_keel).map(|event| seconds(&event.request_received_timestamp));
    write.ok_or_else(|| broken(format!("Keel did not update the Deployment in {namespace}")))
}

/// The agent's requests in the pod that created the build's Job, up to that; watches left out.
fn to_the_job<'e>(requests: &'e [Event], namespace: &str) -> Result<Vec<&'e Event>, Failure> {
    let created = requests.iter().find(|event| {
        event.verb == "create"
            && event.object_ref.resource == "jobs"
            && event.object_ref.namespace == namespace
            && event.response_status.code == 201
    });
    let created = created.ok_or_else(|| broken(format!("nobody created the Job of {namespace}")))?;
    let pod = created.user.pod().ok_or_else(|| broken("the Job was created by no pod"))?;
    let until = &created.request_received_timestamp;
    let agents = requests.iter().filter(|event| event.user.pod() == Some(pod));
    let agents = agents.filter(|event| &event.request_received_timestamp <= until);
    Ok(agents.filter(|event| event.verb != "watch").collect())
}

/// From the first request to the last one's answer, seconds.
fn span(events: &[&Event]) -> f64 {
    let ended = events.iter().map(|event| seconds(&event.stage_timestamp)).fold(f64::NAN, f64::max);
    ended - events.first().map_or(f64::NAN, |event| seconds(&event.request_received_timestamp))
}

fn push(ground: &Ground) -> Result<Vec<Figure>, Failure> {
    let world = World::new(ground, "chain", "")?;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": BARE}});
    let mut bare = world.deployment("bare", "bare");
    bare["metadata"]["namespace"] = json!(BARE);
    world.apply(&[namespace, bare])?;
    world.marked("bare", 1)?;
    let (mut ours, mut theirs, mut agents, mut trips) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for generation in 1..=ground.bench.pairs.min(5) {
        let number = generation + 1;
        let listener = world.listening(generation)?;
        let mark = ground.handle.audit().mark()?;
        world.push(number)?;
        let (ran, bare_ran) = (world.marked("build", number)?, world.marked("bare", number)?);
        // one after the other, as ours does
        let job = json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": format!("job-{number}"), "namespace": BARE},
            "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never"}}},
        });
        let mut job = job;
        let mut pod = world.pod("job", number);
        pod["restartPolicy"] = json!("Never");
        job["spec"]["template"]["spec"] = pod;
        world.apply(&[job])?;
        let job_ran = world.marked("job", number)?;
        let requests = world.requests(mark)?;
        let created = requests.iter().find(|event| {
            event.object_ref.resource == "jobs"
                && event.object_ref.namespace == BARE
                && event.response_status.code == 201
        });
        let created = created.ok_or_else(|| broken("the bare Job was not created"))?;
        let (moved, bare_moved) = (keels_write(&requests, &listener)?, keels_write(&requests, BARE)?);
        let (bare, job) = (bare_ran - bare_moved, job_ran - seconds(&created.request_received_timestamp));
        let agent = to_the_job(&requests, &listener)?;
        let began = agent.first().map_or(f64::NAN, |event| seconds(&event.request_received_timestamp));
        eprintln!(
            "  after Keel's write: agent {:.2} s, Job {:.2} s, build {:.2} s; bare Deployment {bare:.2} s, bare Job {job:.2} s",
            began - moved,
            began - moved + span(&agent),
            ran - moved
        );
        tell(&agent);
        ours.push(ran - moved);
        theirs.push(bare + job);
        agents.push(span(&agent));
        let trip =
            |event: &&Event| seconds(&event.stage_timestamp) - seconds(&event.request_received_timestamp);
        trips.push(agent.iter().map(trip).sum());
        world.phase(generation, "Finished")?;
    }
    ground.run(&ground.kubectl(["delete", "namespace", BARE, "--wait=false"]))?;
    let idle = idle(&world, ground.bench.pairs.min(5) + 1)?;
    let mut figures = vec![Figure::Ratio(medians(&ours, &theirs)), Figure::Ratio(medians(&agents, &trips))];
    figures.extend(idle);
    Ok(figures)
}

/// Medians of pairs.
fn medians(ours: &[f64], theirs: &[f64]) -> Compared {
    let ratios = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    Compared { ours: median(ours.to_vec()), theirs: median(theirs.to_vec()), ratio: median(ratios) }
}

/// Names the pauses between an agent's requests: what it waits for is not its own time.
fn tell(agent: &[&Event]) {
    for pair in agent.windows(2) {
        let pause = seconds(&pair[1].request_received_timestamp) - seconds(&pair[0].stage_timestamp);
        if pause > 0.05 {
            eprintln!("  {pause:.2} s before {} {}", pair[1].verb, pair[1].uri);
        }
    }
}

/// What a listener takes that waits: its two containers are the only processes of ours in the cluster's network.
fn idle(world: &World, generation: usize) -> Result<[Figure; 3], Failure> {
    let listener = world.listening(generation)?;
    let window = Duration::from_secs(if world.ground.bench.smoke { 2 } else { 300 });
    // what follows a handoff is over
    std::thread::sleep(window / 10);
    let both = || -> Result<(f64, f64), Failure> {
        let found = listeners();
        if found.len() != 2 {
            return Err(broken(format!(
                "{} processes of ours run in place of the two of a listener",
                found.len()
            )));
        }
        Ok((found.iter().map(|it| it.0).sum(), found.iter().map(|it| it.1).sum()))
    };
    let mark = world.ground.handle.audit().mark()?;
    let (_, before) = both()?;
    std::thread::sleep(window);
    let (rss, after) = both()?;
    let requests = world.requests(mark)?;
    let agents = requests.iter().filter(|event| {
        event.user.username.starts_with(&format!("system:serviceaccount:{listener}:"))
            && event.stage != "ResponseStarted"
    });
    #[expect(clippy::cast_precision_loss, reason = "a figure to compare")]
    let requests = agents.count() as f64;
    Ok([
        Figure::Value(rss),
        Figure::Value((after - before) / window.as_secs_f64() * 100.0),
        Figure::Value(requests / window.as_secs_f64() * 60.0),
    ])
}

/// Resident MB and seconds of CPU of each process in this network that runs `agent run` or `agent tell`.
fn listeners() -> Vec<(f64, f64)> {
    let here = fs::read_link("/proc/thread-self/ns/net").ok();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let below = |name: &str| entry.path().join(name);
            let line = fs::read(below("cmdline")).ok()?;
            let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
            let ours = matches!(words.as_slice(), [_, b"agent", b"run" | b"tell", ..]);
            if !ours || fs::read_link(below("ns/net")).ok() != here {
                return None;
            }
            let status = fs::read_to_string(below("status")).ok()?;
            let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            let rss: f64 = rss.trim().trim_end_matches(" kB").parse().ok()?;
            let stat = fs::read_to_string(below("stat")).ok()?;
            // the 14th and 15th field; the second, in parentheses, may hold anything
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
            // ticks of the kernel's interface are hundredths of a second on every Linux that there is
            Some((rss / 1024.0, ticks / 100.0))
        })
        .collect()
}

/// Objects beside the build Deployment: none of them runs anything.
fn fourteen() -> Vec<Value> {
    (1..=14)
        .map(|number| {
            let name = format!("item-{number:02}");
            match number % 3 {
                0 => json!({
                    "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                    "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 8080}]},
                }),
                1 => json!({
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
                    "data": {"text": "x".repeat(2000)},
                }),
                _ => json!({
                    "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                    "stringData": {"text": "x".repeat(2000)},
                }),
            }
        })
        .collect()
}

fn apply(ground: &Ground) -> Result<Vec<Figure>, Failure> {
    use std::fmt::Write as _;
    let items = fourteen();
    let more = items.iter().fold(String::new(), |mut more, item| {
        let _ = write!(more, "\n---\n{item}");
        more
    });
    let world = World::new(ground, "apply", &more)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for generation in 1..=ground.bench.pairs.min(5) {
        let number = generation + 1;
        let listener = world.listening(generation)?;
        let mark = ground.handle.audit().mark()?;
        world.push(number)?;
        world.marked("build", number)?;
        let requests = world.requests(mark)?;
        let applied: Vec<&Event> = requests
            .iter()
            .filter(|event| {
                event.object_ref.namespace == listener
                    && event.object_ref.name.starts_with("item-")
                    && ["patch", "create"].contains(&event.verb.as_str())
                    && !event.uri.contains("dryRun")
            })
            .collect();
        if applied.len() < items.len() {
            return Err(broken(format!("the agent applied {} objects of {}", applied.len(), items.len())));
        }
        ours.push(span(&applied));
        // the same objects and a Deployment that nothing runs of, into a namespace that has none of them
        let space = format!("apply-{generation}");
        let mut build = world.deployment("build", "none");
        build["spec"]["replicas"] = json!(0);
        build["metadata"]["annotations"] = json!({});
        let file = ground.bench.folder.join("fifteen.json");
        let all = [items.clone(), vec![build]].concat();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": all});
        fs::write(&file, list.to_string()).map_err(|error| broken(error.to_string()))?;
        ground.run(&ground.kubectl(["create", "namespace", &space]))?;
        let args = [
            "apply".as_ref(),
            "--server-side".as_ref(),
            "-n".as_ref(),
            space.as_ref(),
            "-f".as_ref(),
            file.as_os_str(),
        ];
        let kubectl = ground.kubectl(args).measure(&ground.bench.home(), &ground.bench.out("theirs"))?;
        theirs.push(kubectl.wall);
        ground.run(&ground.kubectl(["delete", "namespace", &space, "--wait=false"]))?;
        world.phase(generation, "Finished")?;
    }
    Ok(vec![Figure::Ratio(medians(&ours, &theirs))])
}
