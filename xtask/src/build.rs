//! Builds: the servers, and our own program as a static binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde_json::Value;
use test_cluster::image::{Image, agent_image};
use test_cluster::interrupt::Interrupt;
use test_cluster::{Error, Tools};

use crate::failure::Failure;
use crate::screen::{Screen, WholeLines};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// cargo, in the repository's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    forget_our_package(&mut command);
    command
}

/// Keeps from a command what cargo told us about our own package: some build scripts run anew whenever it differs.
pub(crate) fn forget_our_package(command: &mut Command) {
    let ours = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(ours)) {
        command.env_remove(name);
    }
}

/// The servers of the test cluster.
pub(crate) fn tools(interrupt: &Interrupt) -> Result<Tools, Failure> {
    Ok(Tools::build(&root().join("tests/cluster"), interrupt, &Screen)?)
}

/// The servers of the test cluster, and what `ours` builds, side by side: each leaves cores idle while it links. Where
/// one of them fails, the other is stopped.
pub(crate) fn beside_tools<T>(
    interrupt: &Interrupt,
    ours: impl FnOnce() -> Result<T, Failure>,
) -> Result<(Tools, T), Failure> {
    let sources = root().join("tests/cluster");
    std::thread::scope(|scope| {
        let servers = scope.spawn(|| {
            let built = Tools::build(&sources, interrupt, &WholeLines::default());
            if built.is_err() {
                interrupt.raise();
            }
            built
        });
        let ours = ours();
        if ours.is_err() {
            interrupt.raise();
        }
        let servers = servers.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (servers, ours) {
            // who was stopped says nothing of why
            (Err(Error::Interrupted), Err(failure)) => Err(failure),
            (servers, ours) => Ok((servers?, ours?)),
        }
    })
}

/// One program of theirs.
pub(crate) fn tool(name: &str, interrupt: &Interrupt) -> Result<PathBuf, Failure> {
    Ok(Tools::one(name, &root().join("tests/cluster"), interrupt, &Screen)?)
}

/// Programs of the module of those that we compare with, `(name, package)` each.
pub(crate) fn compared(programs: &[(&str, &str)], interrupt: &Interrupt) -> Result<Tools, Failure> {
    Ok(Tools::of_module(&root().join("tests/bench/tools"), programs, "", interrupt, &Screen)?)
}

/// What makes the released binary smaller, by a seventh together: packed relocations, one copy of functions that are alike, and
/// no tables for unwinding. Nothing unwinds where a panic aborts, and a stripped program has no names for a backtrace. The last
/// two are asked of the linker that Rust brings, which is that of this architecture alone.
const SMALLER: &str = if cfg!(target_arch = "x86_64") {
    " -C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,--icf=all -C link-arg=-Wl,--no-eh-frame-hdr \
     -C link-arg=-Wl,-T,xtask/no-unwinding.ld"
} else {
    " -C link-arg=-Wl,-z,pack-relative-relocs"
};

/// Kueue's controller, and the folder of the manifests that install it.
pub(crate) fn kueue(interrupt: &Interrupt) -> Result<(PathBuf, PathBuf), Failure> {
    let module = root().join("tests/kueue");
    let built =
        Tools::of_module(&module, &[("kueue", "sigs.k8s.io/kueue/cmd/kueue")], "", interrupt, &Screen)?;
    let mut go = Command::new("go");
    go.args(["mod", "download", "-json", "sigs.k8s.io/kueue"]).current_dir(module);
    let told = output(&mut go, interrupt)?;
    let source = serde_json::from_str::<Value>(&told).unwrap_or_default();
    let source = source["Dir"].as_str().ok_or_else(|| Failure::Other(format!("go mod download: {told}")))?;
    Ok((built.program("kueue"), Path::new(source).join("config/default")))
}

/// Prometheus' own tool, which judges rules, without the clouds' libraries by which Prometheus finds what it asks.
pub(crate) fn promtool(interrupt: &Interrupt) -> Result<PathBuf, Failure> {
    let programs = [("promtool", "github.com/prometheus/prometheus/cmd/promtool")];
    let module = root().join("tests/promtool");
    let built = Tools::of_module(&module, &programs, "remove_all_sd", interrupt, &Screen)?;
    Ok(built.program("promtool"))
}

/// The binary as it is released.
///
/// A static program relocates itself, which glibc does with packed relocations since 2.36: where an older one was linked in,
/// the program would end before its first line.
pub(crate) fn release(interrupt: &Interrupt) -> Result<PathBuf, Failure> {
    let binary = static_binary("kubectl-studioci", "release", SMALLER, interrupt)?;
    let told = Command::new(&binary).args(["version", "--client"]).output();
    if told.is_ok_and(|told| told.status.success()) {
        return Ok(binary);
    }
    Err(Failure::Other(format!(
        "{} does not run on this machine\n  to do: build it with glibc 2.36 or newer (`ldd --version` says which this is)",
        binary.display()
    )))
}

/// The static binary that the agent image of tests holds, once it is built.
pub(crate) fn agent_binary() -> PathBuf {
    static_folder("agent").join("kubectl-studioci")
}

/// The static binary that the agent image of tests holds.
pub(crate) fn test_agent_binary(interrupt: &Interrupt) -> Result<PathBuf, Failure> {
    static_binary("kubectl-studioci", "agent", "", interrupt)
}

/// The agent image for tests: quick to build, without debug information, static like the released one.
pub(crate) fn test_agent_image(interrupt: &Interrupt) -> Result<Image, Failure> {
    let binary = test_agent_binary(interrupt)?;
    let bytes = fs::read(&binary)
        .map_err(|error| Failure::Other(format!("cannot read {}: {error}", binary.display())))?;
    Ok(agent_image(&bytes))
}

/// The program that plays Keel: static too, because all that it depends on is then built already.
pub(crate) fn keel_stand_in(interrupt: &Interrupt) -> Result<PathBuf, Failure> {
    static_binary("keel-standin", "agent", "", interrupt)
}

/// The folders that may hold the plugin, that where it was built last before the other: as developers build it, and as
/// the agent image holds it.
pub(crate) fn plugin_folders() -> Vec<PathBuf> {
    let mut folders = [target().join("debug"), static_folder("agent")].map(|folder| {
        (fs::metadata(folder.join("kubectl-studioci")).and_then(|file| file.modified()).ok(), folder)
    });
    folders.sort_by(|a, b| b.cmp(a));
    folders.map(|(_, folder)| folder).into()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Static glibc takes the flag and an explicit target: without one the flag would reach build scripts as well. It has a
/// folder of its own below target/, or each build with other flags would throw the last one away. `more`: flags beside.
fn static_binary(
    package: &str,
    profile: &str,
    more: &str,
    interrupt: &Interrupt,
) -> Result<PathBuf, Failure> {
    let target = static_target();
    let mut flags = env::var("RUSTFLAGS").unwrap_or_default();
    flags.push_str(" -C target-feature=+crt-static");
    flags.push_str(more);
    let mut build = cargo();
    build
        .args([
            "build",
            "--locked",
            "--package",
            package,
            "--bin",
            package,
            "--profile",
            profile,
            "--target",
            &target,
        ])
        .arg("--target-dir")
        .arg(static_target_dir())
        .env("RUSTFLAGS", flags.trim());
    succeed(&mut build, interrupt)?;
    Ok(static_folder(profile).join(package))
}

/// Where cargo puts static binaries.
fn static_target_dir() -> PathBuf {
    target().join("static")
}

fn static_target() -> String {
    format!("{}-unknown-linux-gnu", env::consts::ARCH)
}

fn static_folder(profile: &str) -> PathBuf {
    static_target_dir().join(static_target()).join(profile)
}

/// Runs a command to its end; it says itself what is wrong.
pub(crate) fn succeed(command: &mut Command, interrupt: &Interrupt) -> Result<(), Failure> {
    let started = command.spawn();
    let mut child = started.map_err(|error| {
        Failure::Other(format!("cannot start {}: {error}", command.get_program().display()))
    })?;
    let status = interrupt.wait(&mut child)?;
    if status.success() { Ok(()) } else { Err(Failure::Command(code(status))) }
}

/// What a command says on its standard output, once it has ended well.
pub(crate) fn output(command: &mut Command, interrupt: &Interrupt) -> Result<String, Failure> {
    let program = command.get_program().display().to_string();
    let done = command.stderr(Stdio::inherit()).output();
    interrupt.check()?;
    let done = done.map_err(|error| Failure::Other(format!("cannot start {program}: {error}")))?;
    if !done.status.success() {
        return Err(Failure::Command(code(done.status)));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// A child's exit code as ours; the shell's convention where a signal ended it.
fn code(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(1)
}
