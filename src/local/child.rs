//! This very program as a child, for work that must not take its parent down: bounded in memory, CPU time, answer and
//! wall clock, and always waited for.
//!
//! The bounds on memory and CPU time are the kernel's, set by the child on itself before it reads a byte: on cgroup v2 a
//! container over its limit is killed as a whole, so what runs away must meet a limit of its own before. The child has no
//! environment, no open file but its three pipes, and writes no core. Its parent takes no word of it for granted: the
//! answer is bounded, and how it ended is told by the kernel.

use std::io::{self, Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

/// What a child may use, and how long its parent waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildLimits {
    /// Address space, bytes. The program itself counts.
    pub memory: u64,
    /// CPU time, whole seconds.
    pub cpu: u64,
    /// Its answer, bytes.
    pub answer: usize,
    /// Wall clock. Only against a child that hangs: how much CPU it is given is not its own doing.
    pub clock: Duration,
}

/// Why a child gave no answer.
#[derive(Debug)]
pub enum Ended {
    /// It asked for more memory than it may have.
    Memory,
    /// It used up its CPU time.
    Cpu,
    /// Its answer was longer than it may be.
    Answer,
    /// The wall clock ran out first.
    Late,
    /// Somebody else ended it, by this signal.
    Killed(i32),
    /// The system did not let it begin, or lost it.
    NotRun(io::Error),
    /// It ended by itself without an answer, which is a bug of ours; its last words.
    Broken(String),
}

/// Name by which the child is called, in place of a path.
const CALLED: &str = "kubectl-studioci";
/// At most so many bytes of what a child says beside its answer are kept.
const LAST_WORDS: u64 = 4096;
/// What Rust's runtime says when an allocation fails, and when a stack cannot grow.
const OUT_OF_MEMORY: [&str; 2] = ["memory allocation of", "has overflowed its stack"];

/// Runs this program with `args`, gives it `input` and takes its answer.
///
/// Blocks; no longer than the wall clock allows.
///
/// # Errors
/// See [`Ended`].
pub fn run(args: &[&str], input: &[u8], bounds: &ChildLimits) -> Result<Vec<u8>, Ended> {
    let mut command = Command::new(program().map_err(Ended::NotRun)?);
    command.arg0(CALLED).args(args).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    converse(&mut command, input, bounds)
}

/// Whatever runs: killed if it is let go before it was waited for.
struct ChildGuard(Child);

impl Drop for ChildGuard {
    fn drop(&mut self) {
        // of one that was waited for both do nothing
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn converse(command: &mut Command, input: &[u8], bounds: &ChildLimits) -> Result<Vec<u8>, Ended> {
    let mut running = ChildGuard(command.spawn().map_err(Ended::NotRun)?);
    let pipes = (running.0.stdin.take(), running.0.stdout.take(), running.0.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(Ended::NotRun(io::Error::other("the system gave it no pipes")));
    };
    thread::scope(|scope| {
        let (tell, told) = channel();
        let tell_words = tell.clone();
        // each ends at the latest when the child does, and with it the other ends of its pipes
        let begun = [
            thread::Builder::new().spawn_scoped(scope, move || {
                // a child that does not want to read on says why by how it ends
                let _ = stdin.write_all(input);
            }),
            thread::Builder::new().spawn_scoped(scope, move || {
                let _ = tell.send((true, take(stdout, bounds.answer as u64 + 1)));
            }),
            thread::Builder::new().spawn_scoped(scope, move || {
                let _ = tell_words.send((false, take(stderr, LAST_WORDS)));
            }),
        ];
        // its pipes are closed: it ends now, and is waited for
        let outcome = begun
            .into_iter()
            .find_map(Result::err)
            .map_or_else(|| listen(&told, bounds), |error| Err(Ended::NotRun(error)));
        if outcome.is_err() {
            let _ = running.0.kill();
        }
        let status = running.0.wait().map_err(Ended::NotRun);
        let (answer, words) = outcome?;
        judge(status?, answer, &words)
    })
}

fn take(pipe: impl io::Read, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // what was read before a pipe broke still counts
    let _ = pipe.take(most).read_to_end(&mut bytes);
    bytes
}

/// The answer and the last words, as soon as the child has closed both.
fn listen(
    told: &std::sync::mpsc::Receiver<(bool, Vec<u8>)>,
    bounds: &ChildLimits,
) -> Result<(Vec<u8>, Vec<u8>), Ended> {
    let mut left = Clock::of(bounds.clock);
    let (mut answer, mut words) = (None, None);
    while answer.is_none() || words.is_none() {
        match told.recv_timeout(left.rest()) {
            Ok((true, bytes)) if bytes.len() > bounds.answer => return Err(Ended::Answer),
            Ok((true, bytes)) => answer = Some(bytes),
            Ok((false, bytes)) => words = Some(bytes),
            Err(RecvTimeoutError::Timeout) => return Err(Ended::Late),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Ok((answer.unwrap_or_default(), words.unwrap_or_default()))
}

/// What is left of a wall clock.
struct Clock(std::time::Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "a child's wall clock, which no test pauses")]
    fn of(whole: Duration) -> Self {
        Self(std::time::Instant::now() + whole)
    }

    #[expect(clippy::disallowed_methods, reason = "a child's wall clock, which no test pauses")]
    fn rest(&mut self) -> Duration {
        self.0.saturating_duration_since(std::time::Instant::now())
    }
}

/// How it ended, by the kernel's word first.
fn judge(status: ExitStatus, answer: Vec<u8>, words: &[u8]) -> Result<Vec<u8>, Ended> {
    if status.success() {
        return Ok(answer);
    }
    let words = String::from_utf8_lossy(words);
    if OUT_OF_MEMORY.iter().any(|said| words.contains(said)) {
        return Err(Ended::Memory);
    }
    let first = words.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned();
    let of = |signal: Signal| signal.as_raw();
    Err(match status.signal() {
        Some(signal) if signal == of(Signal::XCPU) => Ended::Cpu,
        // a stack that finds no room to grow
        Some(signal) if signal == of(Signal::SEGV) || signal == of(Signal::BUS) => Ended::Memory,
        Some(signal) if signal == of(Signal::ABORT) => Ended::Broken(first),
        Some(signal) => Ended::Killed(signal),
        None if first.is_empty() => Ended::Broken(format!("it ended with {status}")),
        None => Ended::Broken(first),
    })
}

/// The program that runs, also where its file was replaced meanwhile, and in an image that holds nothing else.
#[cfg(target_os = "linux")]
#[expect(clippy::unnecessary_wraps, reason = "other systems have to look for it")]
fn program() -> io::Result<PathBuf> {
    Ok(PathBuf::from("/proc/self/exe"))
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "the child is this very program")]
fn program() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// In the child: bounds itself, reads what it is given, at most `most` bytes, and hands on its answer.
///
/// # Errors
/// What the system refuses; then nothing was read.
pub fn serve(bounds: &ChildLimits, most: u64, work: impl FnOnce(&[u8]) -> Vec<u8>) -> io::Result<()> {
    confine(bounds)?;
    let mut input = Vec::new();
    io::stdin().lock().take(most).read_to_end(&mut input)?;
    let answer = work(&input);
    let mut out = io::stdout().lock();
    out.write_all(&answer)?;
    out.flush()
}

fn confine(bounds: &ChildLimits) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // here and not by who starts it, which would have to fork
    rustix::process::chdir("/")?;
    // CPU time that is used up is told by the signal of the soft limit; of the hard one nobody could tell it from others
    let most = [
        (Resource::Core, 0, 0),
        // it writes no file, and a pipe is none
        (Resource::Fsize, 0, 0),
        (Resource::Cpu, bounds.cpu, bounds.cpu + 1),
        (Resource::As, bounds.memory, bounds.memory),
    ];
    for (resource, soft, hard) in most {
        // what it was given may be less already
        let given = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let limit = Rlimit { current: Some(soft.min(given)), maximum: Some(hard.min(given)) };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: ChildLimits =
        ChildLimits { memory: 1 << 30, cpu: 1, answer: 16, clock: Duration::from_secs(20) };

    /// What came of a shell that does `script`, as if it were the child.
    fn shell(script: &str, bounds: &ChildLimits) -> Result<Vec<u8>, Ended> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        converse(&mut command, b"question", bounds)
    }

    #[test]
    fn how_a_child_ended_is_told_by_the_kernel() {
        assert_eq!(shell("cat", &BOUNDS).unwrap(), b"question");
        assert_eq!(shell("exec <&-; echo yes", &BOUNDS).unwrap(), b"yes\n", "nobody has to read all");
        assert!(matches!(shell("cat /dev/zero", &BOUNDS), Err(Ended::Answer)));
        assert!(matches!(shell("kill -XCPU $$", &BOUNDS), Err(Ended::Cpu)));
        assert!(matches!(shell("ulimit -S -t 1; while :; do :; done", &BOUNDS), Err(Ended::Cpu)));
        assert!(matches!(shell("kill -SEGV $$", &BOUNDS), Err(Ended::Memory)));
        let words = "echo 'memory allocation of 64 bytes failed' >&2; kill -ABRT $$";
        assert!(matches!(shell(words, &BOUNDS), Err(Ended::Memory)));
        let bug = "echo >&2; echo 'thread main panicked at x' >&2; echo more >&2; kill -ABRT $$";
        assert!(
            matches!(shell(bug, &BOUNDS), Err(Ended::Broken(said)) if said == "thread main panicked at x")
        );
        assert!(matches!(shell("exit 3", &BOUNDS), Err(Ended::Broken(said)) if said.contains('3')));
        assert!(matches!(shell("kill -TERM $$", &BOUNDS), Err(Ended::Killed(15))));
        assert!(matches!(shell("exec cat /dev/zero >&2", &BOUNDS), Err(Ended::Killed(_))), "SIGPIPE");
    }

    #[test]
    fn a_child_that_hangs_is_killed_and_waited_for() {
        let bounds = ChildLimits { clock: Duration::from_millis(100), ..BOUNDS };
        assert!(matches!(shell("exec sleep 1000", &bounds), Err(Ended::Late)));
        // one that reads nothing does not hold up its parent either
        let input = vec![b'x'; 1 << 20];
        let mut command = Command::new("/bin/sleep");
        command.arg("1000").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        assert!(matches!(converse(&mut command, &input, &bounds), Err(Ended::Late)));
    }

    #[test]
    fn what_cannot_begin_is_not_run() {
        let mut command = Command::new("/no/such/program");
        assert!(matches!(converse(&mut command, b"", &BOUNDS), Err(Ended::NotRun(_))));
    }
}
