//! The cluster's servers: built from Go modules into a cache outside the tree, once per version. Whoever changes a
//! version changes `tools/go.mod`, and with it the cache's key.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ring::digest::{Context, SHA256};
use rustix::fs::{FlockOperation, flock};

use crate::error::{At, Error};
use crate::image::hex;
use crate::interrupt::Interrupt;
use crate::part::tail;
use crate::progress::Progress;

const KUBERNETES: &str = "v1.36.3";
const CONTAINERD: &str = "2.3.7";
const RUNC: &str = "1.4.3";

/// Grows whenever a flag below changes: the same sources then give other programs.
const RECIPE: &str = "1";

/// What `apt-get` is told where there is no C compiler.
const INSTALL: [&str; 5] = ["install", "-y", "--no-install-recommends", "gcc", "libc6-dev"];

/// What a static program with C in it leaves to Go.
const STATIC: &str = "netgo,osusergo";

/// Our own programs, in the module beside that of the servers.
const SMALL: [&str; 4] = ["box", "cni", "pause", "runc-noseccomp"];

/// The folder that holds all programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools {
    dir: PathBuf,
}

/// One `go build`.
struct Program {
    name: String,
    module: String,
    package: String,
    ldflags: String,
    /// Build tags, with commas.
    tags: String,
    /// runc alone needs C.
    cgo: bool,
}

impl Tools {
    /// The programs in `dir`, built before.
    pub(crate) fn at(dir: PathBuf) -> Tools {
        Tools { dir }
    }

    /// Builds what is not there yet. `sources` is the folder `tests/cluster` of the repository. With all in the cache
    /// this reads some small files and neither Go nor a C compiler is asked for.
    pub fn build(sources: &Path, interrupt: &Interrupt, progress: &dyn Progress) -> Result<Tools, Error> {
        let name = format!("tools-{}", key(sources)?);
        let dir = made_once(&name, interrupt, progress, |unfinished| {
            progress.note(
                "building the servers of the test cluster (once; from nothing about 10 minutes of CPU time)",
            );
            build_into(unfinished, sources, None, interrupt, progress)
        })?;
        Ok(Tools { dir })
    }

    /// One program: that of the servers' folder where it is built, else built by itself.
    pub fn one(
        name: &str,
        sources: &Path,
        interrupt: &Interrupt,
        progress: &dyn Progress,
    ) -> Result<PathBuf, Error> {
        let key = key(sources)?;
        let all = Tools::at(cache_folder()?.join(format!("tools-{key}")));
        if all.dir.is_dir() {
            return Ok(all.program(name));
        }
        let dir = made_once(&format!("{name}-{key}"), interrupt, progress, |unfinished| {
            build_into(unfinished, sources, Some(name), interrupt, progress)
        })?;
        Ok(dir.join(name))
    }

    /// The programs of another module than the servers', `(name, package)` each, under a key of their own: neither is
    /// built anew where only the other has changed. `module` is the folder of its go.mod; `tags` say what is left out, with commas.
    pub fn of_module(
        module: &Path,
        programs: &[(&str, &str)],
        tags: &str,
        interrupt: &Interrupt,
        progress: &dyn Progress,
    ) -> Result<Tools, Error> {
        let parent = module.parent().unwrap_or(module);
        let folder = module.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let words: Vec<&str> = [RECIPE, std::env::consts::ARCH]
            .into_iter()
            .chain(programs.iter().flat_map(|(name, package)| [*name, *package]))
            .chain(Some(tags).filter(|tags| !tags.is_empty()))
            .collect();
        let name = format!("others-{}", key_of(parent, &[folder], &words)?);
        let dir = made_once(&name, interrupt, progress, |unfinished| {
            require_go()?;
            let log = unfinished.join("build.log");
            let programs: Vec<Program> = programs
                .iter()
                .map(|(name, package)| Program {
                    name: (*name).into(),
                    module: folder.into(),
                    package: (*package).into(),
                    ldflags: String::new(),
                    tags: tags.into(),
                    cgo: false,
                })
                .collect();
            compile(unfinished, parent, &programs, &log, interrupt, progress)
        })?;
        Ok(Tools { dir })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path of a program: `kubectl`, `krew`, `crane`, `ctr` …
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        let path = self.program(name);
        fs::read(&path).at("read", &path)
    }
}

/// A folder of the cache, made unless it is there: by one process at a time, and never half of it.
fn made_once(
    name: &str,
    interrupt: &Interrupt,
    progress: &dyn Progress,
    make: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let cache = cache_folder()?;
    let dir = cache.join(name);
    if dir.is_dir() {
        return Ok(dir);
    }
    fs::create_dir_all(&cache).at("make folder", &cache)?;
    let _lock = one_at_a_time(&cache, interrupt, progress)?;
    if dir.is_dir() {
        return Ok(dir);
    }
    let unfinished = cache.join("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).at("remove", &unfinished)?;
    }
    fs::create_dir(&unfinished).at("make folder", &unfinished)?;
    make(&unfinished)?;
    fs::rename(&unfinished, &dir).at("move", &unfinished)?;
    Ok(dir)
}

/// Builds all programs, or the only one that is wanted.
fn build_into(
    target: &Path,
    sources: &Path,
    only: Option<&str>,
    interrupt: &Interrupt,
    progress: &dyn Progress,
) -> Result<(), Error> {
    require_go()?;
    let log = target.join("build.log");
    let begun = Instant::now();
    progress.begin("Go modules");
    let listed = go(sources, "tools", false).args(["list", "tool"]).output().at("start", "go")?;
    if !listed.status.success() {
        let tail = String::from_utf8_lossy(&listed.stderr).into_owned();
        return Err(Error::Program { what: "go list tool failed".into(), tail });
    }
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut programs = programs(&listed.lines().collect::<Vec<_>>());
    programs.retain(|program| only.is_none_or(|name| program.name == name));
    // reads every source file that is built later, which downloads what is not in Go's own cache
    for of_module in programs.chunk_by(|a, b| a.module == b.module) {
        let mut list = go(sources, &of_module[0].module, true);
        let left_out = of_module[0].tags.as_str();
        let tags = if left_out.is_empty() { STATIC } else { left_out };
        list.args(["list", "-deps", &format!("-tags={tags}")]);
        list.args(of_module.iter().map(|program| &program.package));
        run(list, "go list", &log, interrupt)?;
    }
    progress.end(begun.elapsed());
    if programs.iter().any(|program| program.cgo) {
        require_c_compiler(progress)?;
    }
    compile(target, sources, &programs, &log, interrupt, progress)
}

/// `go build` of each.
fn compile(
    target: &Path,
    sources: &Path,
    programs: &[Program],
    log: &Path,
    interrupt: &Interrupt,
    progress: &dyn Progress,
) -> Result<(), Error> {
    for (number, program) in programs.iter().enumerate() {
        let begun = Instant::now();
        progress.begin(&format!("{} ({} of {})", program.name, number + 1, programs.len()));
        let mut build = go(sources, &program.module, program.cgo);
        build.args(["build", "-trimpath"]);
        if !program.tags.is_empty() {
            build.arg(format!("-tags={}", program.tags));
        }
        build
            .arg(format!("-ldflags=-s -w {}", program.ldflags))
            .arg("-o")
            .arg(target.join(&program.name))
            .arg(&program.package);
        run(build, &format!("go build of {}", program.name), log, interrupt)?;
        progress.end(begun.elapsed());
    }
    Ok(())
}

/// What is built, small and often shared things first.
fn programs(packages: &[&str]) -> Vec<Program> {
    let mut programs: Vec<Program> = packages
        .iter()
        .map(|package| {
            let name = match package.rsplit('/').next().unwrap_or(package) {
                "v3" => "etcd",
                other => other,
            };
            let (ldflags, cgo) = version_flags(package);
            let tags = if cgo { STATIC } else { "" }.into();
            Program {
                name: name.into(),
                module: "tools".into(),
                package: (*package).into(),
                ldflags,
                tags,
                cgo,
            }
        })
        .collect();
    programs.sort_by(|a, b| a.package.cmp(&b.package));
    programs.extend(SMALL.map(|name| Program {
        name: name.into(),
        module: "small".into(),
        package: format!("./{name}"),
        ldflags: String::new(),
        tags: String::new(),
        cgo: false,
    }));
    programs
}

/// Servers say their version to clients, who decide by it; a plain build says v0.0.0.
fn version_flags(package: &str) -> (String, bool) {
    if package.starts_with("k8s.io/kubernetes/") {
        let at = "-X k8s.io/component-base/version";
        let mut parts = KUBERNETES.trim_start_matches('v').split('.');
        let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let flags = format!(
            "{at}.gitVersion={KUBERNETES} {at}.gitMajor={major} {at}.gitMinor={minor} {at}.gitTreeState=clean"
        );
        (flags, false)
    } else if package.starts_with("github.com/containerd/") {
        (format!("-X github.com/containerd/containerd/v2/version.Version={CONTAINERD}"), false)
    } else if package.starts_with("github.com/opencontainers/runc") {
        (format!("-extldflags -static -X main.version={RUNC}"), true)
    } else {
        (String::new(), false)
    }
}

fn go(sources: &Path, module: &str, cgo: bool) -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(sources.join(module))
        .env("GOFLAGS", "-buildvcs=false") // whatever the person's own flags are, the programs are the same
        .env("GOWORK", "off")
        .env("CGO_ENABLED", if cgo { "1" } else { "0" })
        .stdin(Stdio::null());
    command
}

fn run(mut command: Command, what: &str, log: &Path, interrupt: &Interrupt) -> Result<(), Error> {
    let out = File::options().create(true).append(true).open(log).at("open", log)?;
    let mut child = command.stdout(Stdio::null()).stderr(out).spawn().at("start", "go")?;
    let status = interrupt.wait(&mut child)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Program {
        what: format!("{what} ended with {status}; all of it is in {}", log.display()),
        tail: tail(log, 20),
    })
}

/// `$XDG_CACHE_HOME/kubectl-studioci`, else below `~/.cache`.
fn cache_folder() -> Result<PathBuf, Error> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    cache.map(|cache| cache.join("kubectl-studioci")).ok_or_else(|| Error::Host {
        what: "there is no folder for its servers: neither XDG_CACHE_HOME nor HOME is set".into(),
        remedy: "export HOME=/root".into(),
    })
}

fn one_at_a_time(cache: &Path, interrupt: &Interrupt, progress: &dyn Progress) -> Result<File, Error> {
    let path = cache.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
    let mut said = false;
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if !said {
            progress.note("another run is building the servers; waiting for it");
            said = true;
        }
        interrupt.check()?;
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(file)
}

fn require_go() -> Result<(), Error> {
    if starts("go", "version") {
        return Ok(());
    }
    Err(Error::Host {
        what: "Go is not on PATH; its servers are built with it".into(),
        remedy: "install Go 1.21 or newer (https://go.dev/dl/; it fetches the release that go.mod names by itself)".into(),
    })
}

/// Installed where that may be done unasked (root on Debian or Ubuntu), named otherwise.
fn require_c_compiler(progress: &dyn Progress) -> Result<(), Error> {
    if starts("cc", "--version") || starts("gcc", "--version") {
        return Ok(());
    }
    if rustix::process::geteuid().is_root() && starts("apt-get", "--version") {
        progress.note(&format!("no C compiler, which runc needs: apt-get {}", INSTALL.join(" ")));
        let done =
            Command::new("apt-get").args(INSTALL).stdin(Stdio::null()).output().at("start", "apt-get")?;
        if done.status.success() {
            return Ok(());
        }
    }
    Err(Error::Host {
        what: "no C compiler is on PATH; runc is built with one".into(),
        remedy: format!("apt-get {} (or your system's package of gcc)", INSTALL.join(" ")),
    })
}

fn starts(program: &str, flag: &str) -> bool {
    let quiet = Command::new(program)
        .arg(flag)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok_and(|status| status.success())
}

/// A name for what the sources give: their text, the flags' number, the processor. The release of Go stands in go.mod.
fn key(sources: &Path) -> Result<String, Error> {
    key_of(sources, &["tools", "small"], &[RECIPE, KUBERNETES, CONTAINERD, RUNC, std::env::consts::ARCH])
}

/// A name for what these folders below `sources` and these words give.
fn key_of(sources: &Path, folders: &[&str], words: &[&str]) -> Result<String, Error> {
    let mut files = BTreeMap::new();
    for module in folders {
        collect(&sources.join(module), &mut files).at("read", sources.join(module))?;
    }
    let mut hash = Context::new(&SHA256);
    for part in words {
        hash.update(part.as_bytes());
        hash.update(b"\0");
    }
    for (path, text) in files {
        // the path as seen from the sources: the same tree elsewhere has the same key
        let below = path.strip_prefix(sources).unwrap_or(&path);
        hash.update(below.as_os_str().as_encoded_bytes());
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(&text);
    }
    Ok(hex(&hash.finish().as_ref()[..8]))
}

fn collect(dir: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.insert(entry.path(), fs::read(entry.path())?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
    }

    #[test]
    fn the_versions_said_are_the_versions_built() {
        let modules = fs::read_to_string(sources().join("tools/go.mod")).unwrap();
        for line in [
            format!("k8s.io/kubernetes {KUBERNETES}"),
            format!("github.com/containerd/containerd/v2 v{CONTAINERD}"),
            format!("github.com/opencontainers/runc v{RUNC}"),
        ] {
            assert!(
                modules.lines().any(|have| have.trim().trim_end_matches(" // indirect") == line),
                "{line}"
            );
        }
    }

    #[test]
    fn every_part_is_built() {
        let modules = fs::read_to_string(sources().join("tools/go.mod")).unwrap();
        let block = modules.split_once("tool (").unwrap().1.split_once(')').unwrap().0;
        let packages: Vec<&str> = block.split_whitespace().collect();
        let built: Vec<String> = programs(&packages).into_iter().map(|program| program.name).collect();
        for part in crate::Part::STOP_ORDER {
            assert!(built.iter().any(|name| name == part.name()), "{}", part.name());
        }
        for other in [
            "kubectl",
            "krew",
            "validate-krew-manifest",
            "ctr",
            "runc",
            "containerd-shim-runc-v2",
            "box",
            "cni",
        ] {
            assert!(built.iter().any(|name| name == other), "{other}");
        }
    }

    #[test]
    fn only_runc_needs_c() {
        assert!(version_flags("github.com/opencontainers/runc").1);
        assert!(!version_flags("k8s.io/kubernetes/cmd/kubelet").1);
        let flags = version_flags("k8s.io/kubernetes/cmd/kubelet").0;
        assert!(flags.contains(".gitVersion=v1.36.3") && flags.contains(".gitMinor=36"), "{flags}");
    }
}
