//! The proofs: the tests of the real cluster, each a process of its own, dealt out to clusters side by side. One cluster
//! leaves a third of two cores idle, since most of a proof is waiting for Keel, kubelets and timers.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use test_cluster::handle::{KUEUE, KUEUE_MANIFESTS, PROMTOOL, STAND_IN};
use test_cluster::image::Image;
use test_cluster::interrupt::Interrupt;
use test_cluster::progress::Progress;
use test_cluster::{Cluster, Options, Tools};

use crate::build;
use crate::cluster::{push_image, surround};
use crate::failure::Failure;

/// How long each proof took on two cores, in seconds: `cargo xtask test --record` writes it.
const DURATIONS: &str = "xtask/durations.json";
/// More clusters wait for each other's cores and disks.
const CLUSTERS_MAX: usize = 4;
/// What a cluster with a chain in it takes, in KiB.
const CLUSTER_MEMORY: u64 = 3 << 20;

/// A test that needs the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Proof {
    /// As the test program names it.
    name: String,
    program: PathBuf,
    /// The folder of the package that it belongs to.
    package: PathBuf,
}

impl Proof {
    /// `chain_05_…`, without the module that it stands in.
    fn short(&self) -> &str {
        self.name.rsplit("::").next().unwrap_or(&self.name)
    }
}

/// What is done with the proofs.
pub(crate) struct Wanted<'a> {
    /// Only those whose name contains this.
    pub(crate) filter: Option<&'a str>,
    /// Arguments for the test programs.
    pub(crate) passed_on: &'a [String],
    /// The first cluster's name; the others' are numbered.
    pub(crate) cluster: &'a str,
    /// How many clusters; as many as the machine can take, if not said.
    pub(crate) jobs: Option<usize>,
    /// Whether to write down how long each took.
    pub(crate) record: bool,
}

/// What every cluster is given.
pub(crate) struct Parts<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) agent_image: &'a Image,
    pub(crate) stand_in: &'a Path,
    pub(crate) interrupt: &'a Interrupt,
}

/// How a proof ended.
struct Ended {
    proof: Proof,
    passed: bool,
    took: Duration,
}

/// Runs the proofs that are wanted. Each that fails is said at once, and all others run all the same.
pub(crate) fn run(wanted: &Wanted, parts: &Parts) -> Result<(), Failure> {
    let mut proofs = all(wanted, parts.interrupt)?;
    let durations = durations();
    // the longest last, since they are taken from the end; what nobody has measured may be long
    proofs.sort_by_key(|proof| durations.get(&proof.name).copied().unwrap_or(u64::MAX));
    let mut of_some = Vec::new();
    if proofs.iter().any(|proof| proof.name.contains("kueue")) {
        let (program, manifests) = build::kueue(parts.interrupt)?;
        of_some.extend([(KUEUE, program), (KUEUE_MANIFESTS, manifests)]);
    }
    if proofs.iter().any(|proof| proof.name.contains("promtool")) {
        of_some.push((PROMTOOL, build::promtool(parts.interrupt)?));
    }
    let clusters = wanted.jobs.unwrap_or_else(fitting).clamp(1, CLUSTERS_MAX).min(proofs.len());
    eprintln!("{} tests of the cluster, {clusters} at a time", proofs.len());
    let begun = Instant::now();
    let lanes = Lanes { proofs: Mutex::new(proofs), ended: Mutex::default(), of_some };
    let worked: Vec<Result<(), Failure>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=clusters)
            .map(|number| {
                let name = match number {
                    1 => wanted.cluster.to_owned(),
                    _ => format!("{}-{number}", wanted.cluster),
                };
                let lanes = &lanes;
                scope.spawn(move || lanes.work(&name, wanted, parts))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let ended = lanes.ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failed: Vec<&str> =
        ended.iter().filter(|ended| !ended.passed).map(|ended| ended.proof.name.as_str()).collect();
    worked.into_iter().collect::<Result<(), Failure>>()?;
    let took = begun.elapsed().as_secs();
    eprintln!(
        "{} passed, {} failed, in {}:{:02} min",
        ended.len() - failed.len(),
        failed.len(),
        took / 60,
        took % 60
    );
    if !failed.is_empty() {
        return Err(Failure::Other(format!("these failed:\n  {}", failed.join("\n  "))));
    }
    if wanted.record { write_durations(durations, &ended) } else { Ok(()) }
}

/// What the clusters share.
struct Lanes {
    /// Those that nobody has taken yet.
    proofs: Mutex<Vec<Proof>>,
    ended: Mutex<Vec<Ended>>,
    /// Variables for what only some need, built where one of them is wanted.
    of_some: Vec<(&'static str, PathBuf)>,
}

impl Lanes {
    /// Starts a cluster and runs one proof after another on it, until none is left.
    fn work(&self, name: &str, wanted: &Wanted, parts: &Parts) -> Result<(), Failure> {
        let mut cluster = Cluster::start(&Options::named(name), parts.tools, parts.interrupt, &Line(name))?;
        push_image(cluster.handle(), parts.agent_image)?;
        let mut failed = false;
        while let Some(proof) = self.next() {
            let ended = one(&cluster, proof, wanted, parts, &self.of_some)?;
            failed |= !ended.passed;
            self.ended.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
        }
        if failed {
            cluster.keep_logs();
            eprintln!("the servers' logs are in {}", cluster.handle().state().path("logs").display());
        }
        Ok(cluster.stop()?)
    }

    fn next(&self) -> Option<Proof> {
        self.proofs.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// Runs one proof; what it says stays together.
fn one(
    cluster: &Cluster,
    proof: Proof,
    wanted: &Wanted,
    parts: &Parts,
    more: &[(&str, PathBuf)],
) -> Result<Ended, Failure> {
    let said = said_of(&proof)?;
    let unusable = |error: std::io::Error| Failure::Other(format!("{}: {error}", said.display()));
    let out = File::create(&said).map_err(unusable)?;
    let mut command = Command::new(&proof.program);
    command
        .args(["--ignored", "--exact", &proof.name])
        .args(wanted.passed_on)
        .current_dir(&proof.package)
        .env("CARGO_MANIFEST_DIR", &proof.package)
        .env("INSTA_WORKSPACE_ROOT", build::root())
        .env(STAND_IN, parts.stand_in)
        .envs(more.iter().map(|(name, path)| (name, path)))
        .stdin(Stdio::null())
        .stderr(out.try_clone().map_err(unusable)?)
        .stdout(out);
    let network = surround(cluster.handle(), &mut command)?;
    let begun = Instant::now();
    let done = network.inside(|| build::succeed(&mut command, parts.interrupt))?;
    let took = begun.elapsed();
    let passed = match done {
        Ok(()) => true,
        Err(Failure::Command(_)) => false,
        Err(other) => return Err(other),
    };
    let text = fs::read_to_string(&said).unwrap_or_default();
    let verdict = if passed { "ok    " } else { "FAILED" };
    // one call, so that two proofs that end at once are told one after the other
    eprint!("{verdict} {:>4} s  {}\n{}", took.as_secs(), proof.short(), worth_reading(&text, passed));
    Ok(Ended { proof, passed, took })
}

/// Everything that a failed proof said; of one that passed, what is not the test program's frame.
fn worth_reading(text: &str, passed: bool) -> String {
    let frame = |line: &str| {
        line.is_empty()
            || ["running ", "test "].iter().any(|frame| line.starts_with(frame))
            || line.contains("has been running for over")
    };
    let mut read = String::new();
    for line in text.lines().filter(|line| !passed || !frame(line)) {
        read += "    ";
        read += line;
        read += "\n";
    }
    read
}

/// Where what a proof says is written.
fn said_of(proof: &Proof) -> Result<PathBuf, Failure> {
    let folder = build::target().join("proofs");
    fs::create_dir_all(&folder)
        .map_err(|error| Failure::Other(format!("cannot make {}: {error}", folder.display())))?;
    Ok(folder.join(format!("{}.log", proof.short())))
}

/// What cargo says of a test program that it has built.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
    manifest_path: PathBuf,
    profile: Profile,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// The tests of the workspace that plain cargo leaves out.
fn all(wanted: &Wanted, interrupt: &Interrupt) -> Result<Vec<Proof>, Failure> {
    let mut cargo = build::cargo();
    cargo.args([
        "test",
        "--locked",
        "--workspace",
        "--no-run",
        "--message-format",
        "json-render-diagnostics",
    ]);
    let told = build::output(&mut cargo, interrupt)?;
    let mut proofs = Vec::new();
    for line in told.lines() {
        // other messages have other fields
        let Ok(artifact) = serde_json::from_str::<Artifact>(line) else { continue };
        let Some(program) = artifact.executable.filter(|_| artifact.profile.test) else { continue };
        let package = artifact.manifest_path.parent().unwrap_or(Path::new(".")).to_owned();
        let mut list = Command::new(&program);
        list.args(["--list", "--ignored", "--format", "terse"]).current_dir(&package);
        let list = build::output(&mut list, interrupt)?;
        let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
        let names = names.filter(|name| wanted.filter.is_none_or(|filter| name.contains(filter)));
        proofs.extend(names.map(|name| Proof {
            name: name.to_owned(),
            program: program.clone(),
            package: package.clone(),
        }));
    }
    Ok(proofs)
}

/// As many clusters as this machine has cores and memory for.
fn fitting() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let available = available.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let by_memory = available.map_or(1, |available| available / CLUSTER_MEMORY);
    cores.min(usize::try_from(by_memory).unwrap_or(CLUSTERS_MAX))
}

/// Seconds by the name of a proof; nothing where the file is not there.
fn durations() -> BTreeMap<String, u64> {
    let text = fs::read_to_string(build::root().join(DURATIONS)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn write_durations(mut durations: BTreeMap<String, u64>, ended: &[Ended]) -> Result<(), Failure> {
    durations.extend(ended.iter().map(|ended| (ended.proof.name.clone(), ended.took.as_secs())));
    let text = serde_json::to_string_pretty(&durations).unwrap_or_default() + "\n";
    let path = build::root().join(DURATIONS);
    fs::write(&path, text)
        .map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))
}

/// One line a cluster, said when it is up: several come up at the same time.
struct Line<'a>(&'a str);

impl Progress for Line<'_> {
    fn begin(&self, _what: &str) {}

    fn end(&self, took: Duration) {
        eprintln!("  cluster '{}' … {:.1} s", self.0, took.as_secs_f64());
    }

    fn note(&self, line: &str) {
        eprintln!("{line}");
    }
}
