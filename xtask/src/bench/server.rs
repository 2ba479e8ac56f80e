//! Rows of the command line against a real API server.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_cluster::audit;

use super::ground::Ground;
use super::ground::Kind::{Narrow, Usual};
use super::sample::{Process, median};
use super::table::{Figure, Must, Promise};
use super::wire::Wire;
use super::{Aside, Bench, Measure, Row, broken, builds};
use crate::failure::Failure;

/// Those that list builds come first: what other rows leave behind would be listed as well.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "status-1000",
        promises: &[
            Promise { metric: "status of 1,000 builds, wall, s", against: GET, must: Must::AtMost(0.25) },
            Promise { metric: "status of 1,000 builds, CPU, s", against: GET, must: Must::AtMost(0.15) },
            Promise { metric: "status of 1,000 builds, RSS, MB", against: GET, must: Must::AtMost(0.22) },
            Promise {
                metric: "status of 1,000 builds, on the wire, MB",
                against: "",
                must: Must::AtMost(0.25),
            },
        ],
        measure: Measure::Cluster(Usual, status_1000),
    },
    Row {
        name: "status-10000",
        promises: &[
            Promise { metric: "status of 10,000 builds, wall, s", against: GET, must: Must::AtMost(0.25) },
            Promise { metric: "status of 10,000 builds, CPU, s", against: GET, must: Must::AtMost(0.25) },
            Promise { metric: "status of 10,000 builds, RSS, MB", against: "", must: Must::AtMost(60.0) },
            Promise {
                metric: "a build's share of that, wall, µs",
                against: "of 1,000",
                must: Must::AtMost(1.0),
            },
        ],
        measure: Measure::Cluster(Usual, status_10000),
    },
    Row {
        name: "status-name",
        promises: &[
            Promise {
                metric: "status NAME among 10,000, wall, s",
                against: "kubectl get ns NAME",
                must: Must::AtMost(0.25),
            },
            Promise { metric: "status NAME among 10,000, requests", against: "", must: Must::AtMost(12.0) },
            Promise {
                metric: "status NAME among 10,000, on the wire, KB",
                against: "",
                must: Must::AtMost(64.0),
            },
        ],
        measure: Measure::Cluster(Usual, status_name),
    },
    Row {
        name: "dispose",
        promises: &[Promise {
            metric: "disposing of 1,000 builds, s",
            against: "kubectl delete ns -l … --wait=false",
            must: Must::AtMost(0.05),
        }],
        measure: Measure::Cluster(Usual, dispose),
    },
    Row {
        name: "exec-plugin",
        promises: &[Promise {
            metric: "status, runs of the credential plugin",
            against: "",
            must: Must::AtMost(1.0),
        }],
        measure: Measure::Cluster(Usual, exec_plugin),
    },
    Row {
        name: "claim",
        promises: &[Promise {
            metric: "claim, requests until the namespace is ours",
            against: "",
            must: Must::AtMost(2.0),
        }],
        measure: Measure::Cluster(Usual, claim),
    },
    Row {
        name: "claimers",
        promises: &[
            Promise {
                metric: "64 claims at once, a second",
                against: "plain creates",
                must: Must::AtLeast(0.3),
            },
            Promise {
                metric: "64 claims at once, claimed twice or leaked",
                against: "",
                must: Must::AtMost(0.0),
            },
        ],
        measure: Measure::Cluster(Usual, claimers),
    },
    Row {
        name: "silence",
        promises: &[Promise {
            metric: "watch, back from a silent connection, s",
            against: "",
            must: Must::AtMost(45.0),
        }],
        measure: Measure::Cluster(Usual, silence),
    },
];

/// On a server that takes two writes at a time.
pub(super) const NARROW_ROWS: &[Row] = &[Row {
    name: "claimers-narrow",
    promises: &[
        Promise { metric: "64 claims through 2 slots, that failed", against: "", must: Must::AtMost(0.0) },
        Promise { metric: "64 claims through 2 slots, s", against: "", must: Must::AtMost(30.0) },
        Promise {
            metric: "64 claims through 2 slots, lines that say error",
            against: "",
            must: Must::AtMost(0.0),
        },
    ],
    measure: Measure::Cluster(Narrow, claimers_narrow),
}];

const GET: &str = "kubectl get ns -l …";

impl Bench {
    /// Fewer in a smoke run.
    fn builds(&self, count: usize) -> usize {
        if self.smoke { count / 50 } else { count }
    }
}

impl Ground<'_> {
    fn get_builds(&self) -> Process {
        self.kubectl(["get", "namespaces", "-l", builds::SELECTOR])
    }

    /// Makes builds, and waits until the API server has all of them in its cache.
    fn make(&self, count: usize) -> Result<(), Failure> {
        builds::make(count)?;
        self.until("the API server did not show all builds", Duration::from_secs(60), || {
            let names =
                self.run(&self.kubectl(["get", "namespaces", "-l", builds::SELECTOR, "-o", "name"]))?;
            Ok(names.lines().count() == count)
        })
    }

    /// That our `status` has just shown so many builds.
    fn shown(&self, count: usize) -> Result<(), Failure> {
        let rows = String::from_utf8_lossy(&self.bench.written("ours")?).lines().count();
        // and a header
        if rows == count + 1 {
            Ok(())
        } else {
            Err(broken(format!("status showed {rows} lines for {count} builds")))
        }
    }
}

fn status_1000(ground: &Ground) -> Result<Vec<Figure>, Failure> {
    let count = ground.bench.builds(1000);
    ground.without_controllers(|| {
        ground.make(count)?;
        let pairs = ground.bench.pairs(&ground.ours(["status"]), &ground.get_builds())?;
        ground.shown(count)?;
        let bytes = on_the_wire(ground, &["status"])?;
        builds::clear()?;
        Ok(vec![
            Figure::Ratio(pairs.by(|it| it.wall)),
            Figure::Ratio(pairs.by(|it| it.cpu)),
            Figure::Ratio(pairs.by(|it| it.rss)),
            Figure::Value(bytes / 1e6),
        ])
    })
}

fn status_10000(ground: &Ground) -> Result<Vec<Figure>, Failure> {
    let (few, many) = (ground.bench.builds(1000), ground.bench.builds(10_000));
    ground.without_controllers(|| {
        let status = ground.ours(["status"]);
        ground.make(few)?;
        let once = || status.measure(&ground.bench.home(), &ground.bench.out("ours")).map(|it| it.wall);
        once()?;
        let walls = (0..ground.bench.pairs).map(|_| once()).collect::<Result<_, _>>()?;
        ground.make(many)?;
        let pairs = ground.bench.pairs(&status, &ground.get_builds())?;
        ground.shown(many)?;
        builds::clear()?;
        let wall = pairs.by(|it| it.wall);
        #[expect(clippy::cast_precision_loss, reason = "a figure to compare")]
        let share = |wall: f64, count: usize| wall / count as f64 * 1e6;
        Ok(vec![
            Figure::Ratio(wall),
            Figure::Ratio(pairs.by(|it| it.cpu)),
            Figure::Value(pairs.by(|it| it.rss).ours),
            Figure::once(share(wall.ours, many), share(median(walls), few)),
        ])
    })
}

fn status_name(ground: &Ground) -> Result<Vec<Figure>, Failure> {
    let count = ground.bench.builds(10_000);
    let name = builds::one_of(count);
    ground.without_controllers(|| {
        ground.make(count)?;
        let ours = ground.ours(["status", &name]);
        let pairs = ground.bench.pairs(&ours, &ground.kubectl(["get", "namespaces", &name]))?;
        ground.shown(1)?;
        let requests = ground.requests_of(&ours, &ground.bench.out("ours"))?;
        let bytes = on_the_wire(ground, &["status", &name])?;
        builds::clear()?;
        #[expect(clippy::cast_precision_loss, reason = "a figure to compare")]
        let requests = requests.len() as f64;
        Ok(vec![Figure::Ratio(pairs.by(|it| it.wall)), Figure::Value(requests), Figure::Value(bytes / 1e3)])
    })
}

/// How many bytes a run of ours exchanges with the API server.
fn on_the_wire(ground: &Ground, args: &[&str]) -> Result<f64, Failure> {
    let wire = Wire::lay(ground.handle, &ground.bench.folder)?;
    let process = Process::new(&ground.bench.ours, args).with("KUBECONFIG", wire.kubeconfig());
    process.measure(&ground.bench.home(), &ground.bench.out("ours"))?;
    #[expect(clippy::cast_precision_loss, reason = "a figure to compare")]
    Ok(wire.take_bytes() as f64)
}

/// A plugin that hands out the admin's own certificate, and writes a line each time it is asked.
fn exec_plugin(ground: &Ground) -> Result<Vec<Figure>, Failure> {
    let failed = |error: std::io::Error| broken(format!("the credential plugin: {error}"));
    let folder = &ground.bench.folder;
    let admin = fs::read_to_string(ground.handle.kubeconfig()).map_err(failed)?;
    let config: Value = serde_yaml::from_str(&admin).map_err(|error| broken(error.to_string()))?;
    let user = &config["users"][0]["user"];
    let pem = |key: &str| match user[key].as_str() {
        Some(file) => fs::read_to_string(file).map_err(failed),
        None => Err(broken(format!("the admin's kubeconfig has no {key}"))),
    };
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {
            "clientCertificateData": pem("client-certificate")?,
            "clientKeyData": pem("client-key")?,
        },
    });
    let (answer, runs, plugin) =
        (folder.join("credential.json"), folder.join("plugin.runs"), folder.join("plugin"));
    fs::write(&answer, credential.to_string()).map_err(failed)?;
    fs::write(&runs, "").map_err(failed)?;
    let script = format!("#!/bin/sh\necho run >> '{}'\ncat '{}'\n", runs.display(), answer.display());
    fs::write(&plugin, script).map_err(failed)?;
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    let mut config = config;
    config["users"][0]["user"] = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": plugin,
        "interactiveMode": "Never",
    }});
    let kubeconfig = folder.join("exec.kubeconfig");
    fs::write(&kubeconfig, config.to_string()).map_err(failed)?;
    ground.run(&Process::new(&ground.bench.ours, ["status"]).with("KUBECONFIG", &kubeconfig))?;
    let runs = fs::read_to_string(&runs).map_err(failed)?.lines().count();
    if runs == 0 {
        return Err(broken("the credential plugin was not asked"));
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure to compare")]
    Ok(vec![Figure::Value(runs as f64)])
}

/// Whether a request made a namespace.
fn made_namespace(event: &audit::Event) -> bool {
    event.verb == "create" && event.object_ref.resource == "namespaces" && event.response_status.code == 201
}

fn claim(ground: &Ground) -> Result<Vec<Figure>, Failure> {
    let requests = ground.requests_of(&ground.ours(["claim", "-o", "name"]), &ground.bench.out("ours"))?;
    let created = requests.iter().position(made_namespace);
    let created = created.ok_or_else(|| broken("no namespace was created by claim"))?;
    #[expect(clippy::cast_precision_loss, reason = "a figure to compare")]
    let until = (created + 1) as f64;
    Ok(vec![Figure::Value(until)])
}

/// How many claim at once.
fn claimers_at_once(bench: &Bench) -> usize {
    if bench.smoke { 8 } else { 64 }
}

/// What came of several claims at once.
struct Race {
    names: Vec<String>,
    failed: usize,
    errors: usize,
    took: f64,
}

fn race(ground: &Ground, count: usize) -> Result<Race, Failure> {
    let claim = ground.ours(["claim", "-o", "name", "--prefix", "race"]);
    let begun = Instant::now();
    let started: Vec<Child> = (0..count)
        .map(|_| {
            let mut command = ground.command(&claim);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
        })
        .collect::<Result<_, _>>()
        .map_err(|error| broken(format!("cannot start claim: {error}")))?;
    let mut race = Race { names: Vec::new(), failed: 0, errors: 0, took: 0.0 };
    for child in started {
        let done = child.wait_with_output().map_err(|error| broken(error.to_string()))?;
        race.failed += usize::from(!done.status.success());
        race.errors += String::from_utf8_lossy(&done.stderr).matches("rror").count();
        race.names.extend(String::from_utf8_lossy(&done.stdout).lines().map(str::to_owned));
    }
    race.took = begun.elapsed().as_secs_f64();
    Ok(race)
}

/// Namespaces a second, by the API server's own clock: from the first request to the last namespace.
fn rate(requests: &[audit::Event]) -> Result<f64, Failure> {
    let made: Vec<&audit::Event> = requests.iter().filter(|event| made_namespace(event)).collect();
    let first = requests.first().map(|event| seconds(&event.request_received_timestamp));
    let last = made.iter().map(|event| seconds(&event.stage_timestamp)).max_by(f64::total_cmp);
    let (Some(first), Some(last)) = (first, last) else { return Err(broken("no namespace was created")) };
    #[expect(clippy::cast_precision_loss, reason = "a figure to compare")]
    Ok(made.len() as f64 / (last - first))
}

/// The seconds of a day that a time of the audit log tells: `2026-01-01T12:34:56.789012Z`. Midnight is not looked at.
pub(super) fn seconds(time: &str) -> f64 {
    let part =
        |from: usize, to: usize| time.get(from..to).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    part(11, 13) * 3600.0 + part(14, 16) * 60.0 + part(17, time.len().saturating_sub(1))
}

fn claimers(ground: &Ground) -> Result<Vec<Figure>, Failure> {
    let count = claimers_at_once(ground.bench);
    let mark = ground.handle.audit().mark()?;
    plain_creates(ground, count)?;
    let theirs = rate(&requests_of_admin(ground, mark)?)?;
    let mark = ground.handle.audit().mark()?;
    let race = race(ground, count)?;
    let ours = rate(&requests_of_admin(ground, mark)?)?;
    if race.failed > 0 {
        return Err(broken(format!("{} of {count} claims failed", race.failed)));
    }
    // the truth is what the server lists
    let listed =
        ground.run(&ground.kubectl(["get", "ns", "-l", "studioci.dev/chain=claim", "-o", "name"]))?;
    let mut listed: Vec<&str> = listed.lines().filter(|name| name.contains("/race-")).collect();
    let mut names: Vec<&str> = race.names.iter().map(String::as_str).collect();
    listed.sort_unstable();
    names.sort_unstable();
    let twice = names.windows(2).filter(|pair| pair[0] == pair[1]).count();
    let leaked = listed.iter().filter(|name| !names.contains(name)).count();
    if listed.len() < count {
        return Err(broken(format!("{} namespaces are there of {count} that were claimed", listed.len())));
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure to compare")]
    let wrong = (twice + leaked) as f64;
    Ok(vec![Figure::once(ours, theirs), Figure::Value(wrong)])
}

/// The admin's requests since then; a watch twice, when it began and when it ended.
fn requests_of_admin(ground: &Ground, mark: audit::Mark) -> Result<Vec<audit::Event>, Failure> {
    let mut all = ground.handle.audit().since(mark)?;
    all.retain(|event| event.user.username == "admin");
    Ok(all)
}

/// The time of day in UTC, as [`seconds`] tells it.
fn seconds_now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64() % 86400.0
}

/// Creates namespaces, all at once, with next to no client: the bodies are ready, and `kubectl proxy` holds the
/// connections.
fn plain_creates(ground: &Ground, count: usize) -> Result<(), Failure> {
    let failed = |error: std::io::Error| broken(format!("kubectl proxy: {error}"));
    let mut proxy = ground
        .command(&ground.kubectl(["proxy", "--port=0"]))
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut line = String::new();
    if let Some(out) = proxy.stdout.as_mut() {
        BufReader::new(out).read_line(&mut line).map_err(failed)?;
    }
    let address = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
    let create = |number: usize| -> std::io::Result<bool> {
        let body =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("plain-{number}")}});
        let body = body.to_string();
        let mut stream = TcpStream::connect(&address)?;
        write!(
            stream,
            "POST /api/v1/namespaces HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 201 "))
    };
    let created = std::thread::scope(|scope| {
        let create = &create;
        let threads: Vec<_> = (0..count).map(|number| scope.spawn(move || create(number))).collect();
        threads
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .filter(|done| matches!(done, Ok(Ok(true))))
            .count()
    });
    let _ = proxy.kill();
    let _ = proxy.wait();
    if created == count {
        Ok(())
    } else {
        Err(broken(format!("{created} of {count} plain creates did well")))
    }
}

fn claimers_narrow(ground: &Ground) -> Result<Vec<Figure>, Failure> {
    let race = race(ground, claimers_at_once(ground.bench))?;
    #[expect(clippy::cast_precision_loss, reason = "a figure to compare")]
    let count = |number: usize| Figure::Value(number as f64);
    Ok(vec![count(race.failed), Figure::Value(race.took), count(race.errors)])
}

/// How long a watch of ours takes to see that its connection is dead and to make another.
fn silence(ground: &Ground) -> Result<Vec<Figure>, Failure> {
    let wire = Wire::lay(ground.handle, &ground.bench.folder)?;
    builds::make_running()?;
    let watch =
        Process::new(&ground.bench.ours, ["watch", builds::RUNNING]).with("KUBECONFIG", wire.kubeconfig());
    let mark = ground.handle.audit().mark()?;
    let mut aside = Aside::start(ground.bench, &watch, "silence")?;
    // when each of its watches began, by the API server's clock, which is this machine's
    let watches = || -> Result<Vec<f64>, Failure> {
        let all = requests_of_admin(ground, mark)?;
        let begun = all.iter().filter(|it| it.verb == "watch" && it.stage == "ResponseStarted");
        Ok(begun.map(|it| seconds(&it.request_received_timestamp)).collect())
    };
    ground.until("watch did not begin to watch", Duration::from_secs(60), || {
        aside.goes_on()?;
        Ok(!watches()?.is_empty())
    })?;
    let silent = seconds_now();
    wire.fall_silent();
    let mut back = None;
    if !ground.bench.smoke {
        ground.until("watch did not come back", Duration::from_secs(120), || {
            aside.goes_on()?;
            // reading the log costs more than waiting
            std::thread::sleep(Duration::from_secs(2));
            back = watches()?.into_iter().find(|begun| *begun > silent);
            Ok(back.is_some())
        })?;
    }
    builds::clear()?;
    let unmeasured = Figure::Unmeasured("a smoke run does not wait that long");
    Ok(vec![back.map_or(unmeasured, |back| Figure::Value(back - silent))])
}

fn dispose(ground: &Ground) -> Result<Vec<Figure>, Failure> {
    let count = ground.bench.builds(1000);
    let terminating = || -> Result<usize, Failure> {
        let phases = ground.run(&ground.kubectl([
            "get",
            "ns",
            "-l",
            builds::SELECTOR,
            "-o",
            "jsonpath={range .items[*]}{.status.phase}{\"\\n\"}{end}",
        ]))?;
        Ok(phases.lines().filter(|phase| *phase == "Terminating").count())
    };
    let once = |process: &Process, name: &str| -> Result<f64, Failure> {
        ground.make(count)?;
        let took = process.measure(&ground.bench.home(), &ground.bench.out(name))?;
        let gone = terminating()?;
        if gone == count {
            Ok(took.wall)
        } else {
            Err(broken(format!("{name}: {gone} of {count} are going")))
        }
    };
    ground.without_controllers(|| {
        let ours = once(&ground.ours(["cleanup", "--older-than", "1m"]), "ours")?;
        let theirs =
            once(&ground.kubectl(["delete", "ns", "-l", builds::SELECTOR, "--wait=false"]), "theirs")?;
        builds::clear()?;
        Ok(vec![Figure::once(ours, theirs)])
    })
}
