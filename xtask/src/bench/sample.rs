//! One process, measured from its start to its end by a process of its own: the kernel then tells the CPU time and the
//! peak memory of exactly that one and of whatever it started and waited for.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde::{Deserialize, Serialize};

use super::broken;
use crate::failure::Failure;

/// The hidden verb of the process that measures.
pub(crate) const VERB: &str = "bench-sample";

/// What the process that measures is told.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the standard output goes; standard error goes beside it, to `.err`
    #[arg(long)]
    out: PathBuf,
    /// What is measured
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// What a process took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Seconds from its start to its end.
    pub(crate) wall: f64,
    /// Seconds in user and system mode, its waited-for children included.
    pub(crate) cpu: f64,
    /// Peak of resident memory in MB: of it or of one of its children, whichever had more.
    pub(crate) rss: f64,
    /// Its exit code; none where a signal ended it.
    code: Option<i32>,
}

/// Measures, and says on standard output what came of it.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (program, rest) = args.command.split_first().ok_or_else(|| broken("no command"))?;
    let errors = args.out.with_extension("err");
    let file =
        |path: &Path| File::create(path).map_err(|error| broken(format!("{}: {error}", path.display())));
    let mut command = Command::new(program);
    command.args(rest).stdin(Stdio::null()).stdout(file(&args.out)?).stderr(file(&errors)?);
    let begun = Instant::now();
    let status =
        command.status().map_err(|error| broken(format!("cannot start {}: {error}", program.display())))?;
    let wall = begun.elapsed().as_secs_f64();
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| broken(format!("getrusage: {error}")))?;
    #[expect(clippy::cast_precision_loss, reason = "a figure to compare")]
    let sample = Sample {
        wall,
        cpu: (used.user_time() + used.system_time()).num_microseconds() as f64 / 1e6,
        rss: used.max_rss() as f64 / 1024.0,
        code: status.code(),
    };
    println!("{}", serde_json::to_string(&sample).map_err(|error| broken(error.to_string()))?);
    Ok(())
}

/// A process that is measured again and again.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    program: PathBuf,
    args: Vec<OsString>,
    folder: PathBuf,
    env: Vec<(OsString, OsString)>,
    code: i32,
}

impl Process {
    /// `program` with these arguments; it has to end with 0.
    pub(crate) fn new<T: Into<OsString>>(program: &Path, args: impl IntoIterator<Item = T>) -> Process {
        Process {
            program: program.to_owned(),
            args: args.into_iter().map(Into::into).collect(),
            folder: std::env::temp_dir(),
            env: Vec::new(),
            code: 0,
        }
    }

    /// In this folder.
    pub(crate) fn within(mut self, folder: &Path) -> Process {
        folder.clone_into(&mut self.folder);
        self
    }

    /// With this variable beside `PATH` and `HOME`.
    pub(crate) fn with(mut self, name: &str, value: impl Into<OsString>) -> Process {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Ending with this code.
    pub(crate) fn ending_with(mut self, code: i32) -> Process {
        self.code = code;
        self
    }

    /// As it is started, beside being measured.
    pub(crate) fn command(&self, home: &Path) -> Command {
        self.surrounded(Command::new(&self.program), home, &self.args)
    }

    fn surrounded<T: AsRef<std::ffi::OsStr>>(
        &self,
        mut command: Command,
        home: &Path,
        args: &[T],
    ) -> Command {
        command
            .args(args)
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    /// Runs it once. `home` stands for the person's home, `out` takes its standard output.
    pub(crate) fn measure(&self, home: &Path, out: &Path) -> Result<Sample, Failure> {
        let own = std::env::current_exe().map_err(|error| broken(error.to_string()))?;
        let mut words: Vec<OsString> = vec![VERB.into(), "--out".into(), out.into(), "--".into()];
        words.push(self.program.clone().into());
        words.extend(self.args.iter().cloned());
        let done = self
            .surrounded(Command::new(own), home, &words)
            .output()
            .map_err(|error| broken(format!("cannot measure: {error}")))?;
        let sample: Sample = serde_json::from_slice(&done.stdout).map_err(|_| {
            broken(format!("cannot measure {}: {}", self.told(), String::from_utf8_lossy(&done.stderr)))
        })?;
        if sample.code == Some(self.code) {
            return Ok(sample);
        }
        let errors = fs::read_to_string(out.with_extension("err")).unwrap_or_default();
        Err(broken(format!("{} ended with {:?}: {}", self.told(), sample.code, errors.trim())))
    }

    fn told(&self) -> String {
        let mut told = self.program.display().to_string();
        for arg in &self.args {
            told.push(' ');
            told.push_str(&arg.to_string_lossy());
        }
        told
    }
}

/// Samples of two processes, taken in turn.
#[derive(Debug)]
pub(crate) struct Pairs(Vec<(Sample, Sample)>);

/// The medians of both, and that of the pairs' ratios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Compared {
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    pub(crate) ratio: f64,
}

impl Pairs {
    /// A B A B …, after one round that counts for nothing and fills every cache.
    pub(crate) fn of(
        pairs: usize,
        mut ours: impl FnMut() -> Result<Sample, Failure>,
        mut theirs: impl FnMut() -> Result<Sample, Failure>,
    ) -> Result<Pairs, Failure> {
        ours()?;
        theirs()?;
        (0..pairs).map(|_| Ok((ours()?, theirs()?))).collect::<Result<_, _>>().map(Pairs)
    }

    /// By one of their figures.
    pub(crate) fn by(&self, figure: impl Fn(&Sample) -> f64) -> Compared {
        let all = |of: &dyn Fn(&(Sample, Sample)) -> f64| median(self.0.iter().map(of).collect());
        Compared {
            ours: all(&|(ours, _)| figure(ours)),
            theirs: all(&|(_, theirs)| figure(theirs)),
            ratio: all(&|(ours, theirs)| figure(ours) / figure(theirs)),
        }
    }
}

/// The one in the middle; of an even number, the mean of both.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(figures[middle - 1], figures[middle]),
        _ => figures[middle],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(wall: f64) -> Sample {
        Sample { wall, cpu: 2.0 * wall, rss: 1.0, code: Some(0) }
    }

    #[test]
    fn the_ratio_is_that_of_the_pairs() {
        // the machine got slower by ten meanwhile, for both
        let pairs =
            Pairs(vec![(sample(1.0), sample(4.0)), (sample(10.0), sample(40.0)), (sample(2.0), sample(4.0))]);
        assert_eq!(pairs.by(|sample| sample.wall), Compared { ours: 2.0, theirs: 4.0, ratio: 0.25 });
        assert!((pairs.by(|sample| sample.cpu).ours - 4.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_first_round_counts_for_nothing() {
        let mut walls = [100.0, 1.0, 1.0].into_iter();
        let pairs = Pairs::of(2, || Ok(sample(walls.next().unwrap())), || Ok(sample(2.0))).unwrap();
        assert!((pairs.by(|sample| sample.wall).ours - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_median_is_the_one_in_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }
}
