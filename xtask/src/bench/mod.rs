//! `cargo xtask bench`: the table of what is promised of speed and size, measured. `docs/speed.md` says how to read it.
//!
//! A figure is a ratio of whole processes, taken in turn (A B A B) on one machine in one run, or a count. It is no test:
//! a row that misses its bound is a line that says so. A row that cannot be measured is a line, too, with the reason.

mod agent;
mod alone;
mod builds;
mod faults;
mod ground;
pub(crate) mod sample;
mod server;
mod table;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use test_cluster::interrupt::Interrupt;

use crate::build;
use crate::failure::Failure;
use crate::screen;
use sample::{Pairs, Process};
use table::{Figure, Line, Must, Promise};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only rows whose name contains this
    row: Option<String>,
    /// Each row once on a small size, with the agent of the tests in place of the released binary and without helm: its
    /// figures mean nothing, but a row that cannot be measured is a failure
    #[arg(long)]
    smoke: bool,
    /// How many pairs a ratio is the median of
    #[arg(long, default_value_t = 11)]
    pairs: usize,
}

/// A row of the table: promises that one measurement answers.
struct Row {
    name: &'static str,
    promises: &'static [Promise],
    measure: Measure,
}

/// How a row is measured; one figure a promise, in their order.
enum Measure {
    /// On this machine alone.
    Alone(fn(&Bench) -> Result<Vec<Figure>, Failure>),
    /// On a cluster that several rows share, in its network.
    Cluster(ground::Kind, fn(&ground::Ground<'_>) -> Result<Vec<Figure>, Failure>),
    /// Not yet, and why.
    Not(&'static str),
}

/// What every row is given.
pub(crate) struct Bench {
    /// The program as it is released.
    ours: PathBuf,
    kubectl: PathBuf,
    gotemplate: PathBuf,
    /// The program that plays Keel.
    stand_in: PathBuf,
    /// None in a smoke run, which is not worth building it.
    helm: Option<PathBuf>,
    /// What is read.
    inputs: PathBuf,
    /// What is written, `home` and `out` among it.
    folder: PathBuf,
    pairs: usize,
    smoke: bool,
    interrupt: Interrupt,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let interrupt = screen::interrupt();
    let rows = [alone::ROWS, faults::ROWS, server::ROWS, agent::ROWS, server::NARROW_ROWS, NOT_YET]
        .concat_rows(args.row.as_deref());
    if rows.is_empty() {
        return Err(broken(format!("no row is called so: {}", args.row.as_deref().unwrap_or_default())));
    }
    let bench = Bench::prepare(args, &interrupt)?;
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    for together in rows.chunk_by(|a, b| a.cluster() == b.cluster()) {
        let measured = match together[0].cluster() {
            None => together.iter().map(|row| (*row, row.measured(&bench, None))).collect(),
            Some(kind) => ground::on_cluster(&bench, kind, |ground| {
                together.iter().map(|row| (*row, row.measured(&bench, Some(ground)))).collect::<Vec<_>>()
            })?,
        };
        for (row, figures) in measured {
            lines.extend(told(row, figures, &mut failed));
        }
        interrupt.check()?;
    }
    print!("{}", table::print(&lines));
    let path = build::target().join("bench/promises.json");
    let text = serde_json::to_string_pretty(&lines).map_err(|error| broken(error.to_string()))?;
    fs::write(&path, text + "\n")
        .map_err(|error| broken(format!("cannot write {}: {error}", path.display())))?;
    eprintln!("{}", path.display());
    if failed.is_empty() { Ok(()) } else { Err(broken(format!("these rows failed: {}", failed.join(", ")))) }
}

impl Row {
    /// Which cluster it shares with its neighbours.
    fn cluster(&self) -> Option<ground::Kind> {
        match self.measure {
            Measure::Cluster(kind, _) => Some(kind),
            Measure::Alone(_) | Measure::Not(_) => None,
        }
    }

    fn measured(&self, bench: &Bench, ground: Option<&ground::Ground<'_>>) -> Result<Vec<Figure>, Failure> {
        bench.interrupt.check()?;
        eprintln!("measuring {}", self.name);
        match (&self.measure, ground) {
            (Measure::Alone(measure), _) => measure(bench),
            (Measure::Cluster(_, measure), Some(ground)) => measure(ground),
            (Measure::Cluster(..), None) => Err(broken("it needs a cluster")),
            (Measure::Not(why), _) => Ok(self.promises.iter().map(|_| Figure::Unmeasured(why)).collect()),
        }
    }
}

/// A row's lines; one that failed goes into `failed`.
fn told(row: &Row, figures: Result<Vec<Figure>, Failure>, failed: &mut Vec<&'static str>) -> Vec<Line> {
    let line = |(promise, figure): (&Promise, Figure)| Line::of(row.name, promise, figure);
    let why = match figures {
        Ok(figures) if figures.len() == row.promises.len() => {
            return row.promises.iter().zip(figures).map(line).collect();
        }
        Ok(figures) => format!("{} figures for {} promises", figures.len(), row.promises.len()),
        Err(failure) => failure.text().unwrap_or_else(|| "a command failed".to_owned()),
    };
    failed.push(row.name);
    row.promises.iter().map(|promise| Line::unmeasured(row.name, promise, why.clone())).collect()
}

/// Tables of rows as one.
trait Rows {
    fn concat_rows(self, filter: Option<&str>) -> Vec<&'static Row>;
}

impl<const N: usize> Rows for [&'static [Row]; N] {
    fn concat_rows(self, filter: Option<&str>) -> Vec<&'static Row> {
        self.into_iter()
            .flatten()
            .filter(|row| filter.is_none_or(|filter| row.name.contains(filter)))
            .collect()
    }
}

/// What is promised and not measured here.
const NOT_YET: &[Row] = &[
    Row {
        name: "claim-collisions",
        promises: &[Promise {
            metric: "claim after k collisions, requests beyond 2",
            against: "2 a collision",
            must: Must::AtMost(1.0),
        }],
        measure: Measure::Not(
            "the names of a claim are random, so that nobody can occupy them beforehand, and those of a chain derive from a \
             seed that the bench cannot compute",
        ),
    },
    Row {
        name: "proofs",
        promises: &[Promise {
            metric: "all proofs, side by side, s",
            against: "one after another",
            must: Must::AtMost(0.75),
        }],
        measure: Measure::Not(
            "it takes an hour: time cargo xtask test, and cargo xtask test --jobs 1, with nothing to build",
        ),
    },
];

const GOTEMPLATE: (&str, &str) = ("gotemplate", "./gotemplate");
const HELM: (&str, &str) = ("helm", "helm.sh/helm/v4/cmd/helm");

impl Bench {
    fn prepare(args: &Args, interrupt: &Interrupt) -> Result<Bench, Failure> {
        let folder = build::target().join("bench");
        for below in ["home", "out"] {
            let path = folder.join(below);
            fs::create_dir_all(&path)
                .map_err(|error| broken(format!("cannot make {}: {error}", path.display())))?;
        }
        // a row that did not run this time must not look measured
        let _ = fs::remove_file(folder.join("promises.json"));
        let (ours, helm) = if args.smoke {
            (build::test_agent_binary(interrupt)?, None)
        } else {
            (build::release(interrupt)?, Some(build::compared(&[HELM], interrupt)?.program(HELM.0)))
        };
        Ok(Bench {
            ours,
            kubectl: build::tool("kubectl", interrupt)?,
            stand_in: build::keel_stand_in(interrupt)?,
            gotemplate: build::compared(&[GOTEMPLATE], interrupt)?.program(GOTEMPLATE.0),
            helm,
            inputs: build::root().join("tests/bench"),
            folder,
            pairs: if args.smoke { 1 } else { args.pairs.max(1) },
            smoke: args.smoke,
            interrupt: interrupt.clone(),
        })
    }

    fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// Where the standard output of a process of this name is written.
    fn out(&self, name: &str) -> PathBuf {
        self.folder.join("out").join(name)
    }

    /// A B A B.
    fn pairs(&self, ours: &Process, theirs: &Process) -> Result<Pairs, Failure> {
        let once = |process: &Process, name: &str| {
            self.interrupt.check()?;
            process.measure(&self.home(), &self.out(name))
        };
        Pairs::of(self.pairs, || once(ours, "ours"), || once(theirs, "theirs"))
    }

    /// What a process that was measured under this name wrote last.
    fn written(&self, name: &str) -> Result<Vec<u8>, Failure> {
        read(&self.out(name))
    }
}

/// A process that runs aside; it ends with this.
struct Aside {
    child: Child,
    errors: PathBuf,
}

impl Aside {
    fn start(bench: &Bench, process: &Process, name: &str) -> Result<Aside, Failure> {
        let errors = bench.out(name).with_extension("err");
        let failed = |error: std::io::Error| broken(format!("cannot start {name}: {error}"));
        let log = fs::File::create(&errors).map_err(failed)?;
        let mut command = process.command(&bench.home());
        let child = command.stdout(Stdio::null()).stderr(log).spawn().map_err(failed)?;
        Ok(Aside { child, errors })
    }

    /// An error if it has ended.
    fn goes_on(&mut self) -> Result<(), Failure> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            _ => Err(broken(format!("it ended: {}", fs::read_to_string(&self.errors).unwrap_or_default()))),
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // one that has ended cannot be killed, which is as well
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| broken(format!("cannot read {}: {error}", path.display())))
}

fn broken(text: impl Into<String>) -> Failure {
    Failure::Other(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMISE: Promise = Promise { metric: "wall", against: "kubectl", must: Must::AtMost(1.0) };

    #[test]
    fn a_row_that_fails_is_a_line_and_a_failure() {
        let row = Row { name: "one", promises: &[PROMISE, PROMISE], measure: Measure::Not("") };
        let mut failed = Vec::new();
        let good = vec![Figure::Value(0.5), Figure::Unmeasured("no helm")];
        assert_eq!(told(&row, Ok(good), &mut failed).len(), 2);
        assert!(failed.is_empty(), "what is left out on purpose is no failure");
        for figures in [Ok(vec![Figure::Value(0.5)]), Err(broken("it ended with 3"))] {
            let lines = told(&row, figures, &mut failed);
            assert_eq!(lines.len(), 2);
            assert!(table::print(&lines).contains("not measured"));
        }
        assert_eq!(failed, ["one", "one"]);
    }

    #[test]
    fn rows_have_names_of_their_own() {
        let rows = [alone::ROWS, faults::ROWS, server::ROWS, agent::ROWS, server::NARROW_ROWS, NOT_YET]
            .concat_rows(None);
        let names: std::collections::BTreeSet<_> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), rows.len());
    }
}
