//! Facts about the repository, asked of the `git` command.
//!
//! A library would double the program for ten words. `git` is run with fixed arguments, without the `GIT_*` variables
//! that would send it to another repository, and without the hooks that a repository can name. Every fact stands for
//! itself: a detached HEAD has no branch but a hash, a repository without a remote has no address but a directory.

use std::cell::OnceCell;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::regular::read_regular;
use super::remote::{Remote, is_address, is_command};
use super::{Found, line, said};
use crate::chain::address::without_credentials;
use crate::chain::revision::is_commit_id;

/// Every name under `git`.
pub const NAMES: [&str; 10] =
    ["branch", "hash", "short", "tag", "version", "dirty", "dir", "url", "repo", "module"];

/// The facts about the repository that a directory lies in, as far as they are wanted; of the others it says that nobody
/// asked. A template seldom reads one, and git looks at every file of a large repository for some.
pub fn facts(directory: &Path, wanted: impl Fn(&str) -> bool) -> Found {
    let Some(repository) = NAMES.into_iter().any(&wanted).then(|| Repository::around(directory)) else {
        return found(|_| None);
    };
    found(|name| {
        wanted(name).then(|| repository.as_ref().map_err(Clone::clone).and_then(|found| found.fact(name)))
    })
}

/// Whether a directory lies in a repository, as far as its folders tell: git may say otherwise of one that is broken.
pub fn lies_in_one(directory: &Path) -> bool {
    let start = directory.canonicalize();
    start.is_ok_and(|start| start.ancestors().any(|folder| folder.join(".git").exists()))
}

/// The commit that a name means in the checkout that a directory lies in: HEAD, a branch, a tag, the first digits of an id.
///
/// # Errors
/// Why it means none, one sentence.
pub fn commit(directory: &Path, name: &str) -> Result<String, String> {
    let repository = Repository::around(directory)?;
    let unknown = || "git knows no such commit in this checkout".to_owned();
    if name.starts_with('-') {
        return Err(unknown());
    }
    let wanted = format!("{name}^{{commit}}");
    repository.git(&["rev-parse", "--verify", "--quiet", &wanted]).map_err(|_| unknown())
}

/// Whether a commit has another one among its ancestors, as far as the checkout knows both. Either may be a stranger's word,
/// and is looked for only if it is an id.
pub fn contains(directory: &Path, commit: &str, earlier: &str) -> bool {
    let asked = ["merge-base", "--is-ancestor", earlier, commit];
    is_commit_id(commit) && is_commit_id(earlier) && git(directory, &asked).is_ok()
}

/// Every name with its fact, or the reason why there is none.
fn found(fact: impl Fn(&str) -> Option<Result<Value, String>>) -> Found {
    let unwanted = || Err("nobody asked for it".to_owned());
    NAMES.into_iter().map(|name| (name.to_owned(), fact(name).unwrap_or_else(unwanted))).collect()
}

/// A repository that is asked, each question when it is asked for and once.
struct Repository<'a> {
    directory: &'a Path,
    /// Its top folder.
    top: String,
    branch: Once,
    hash: Once,
    url: Once,
}

/// A text that is found out once.
type Once = OnceCell<Result<String, String>>;

impl<'a> Repository<'a> {
    fn around(directory: &'a Path) -> Result<Self, String> {
        let top = git(directory, &["rev-parse", "--show-toplevel"])
            .map_err(|why| why.strip_prefix("fatal: ").unwrap_or(&why).to_owned())?;
        let (branch, hash, url) = (Once::new(), Once::new(), Once::new());
        Ok(Self { directory, top, branch, hash, url })
    }

    fn fact(&self, name: &str) -> Result<Value, String> {
        let hash = || self.hash().map(Value::from);
        match name {
            "branch" => self.branch().map(Value::from),
            "hash" => hash(),
            "short" => self.hash().map(|hash| hash.chars().take(7).collect::<String>().into()),
            "tag" => hash().and_then(|_| {
                self.git(&["describe", "--tags", "--exact-match", "HEAD"])
                    .map(Value::from)
                    .map_err(|_| "HEAD carries no tag".to_owned())
            }),
            "version" => {
                self.git(&["describe", "--tags", "--always", "--dirty"]).map(Value::from).map_err(no_commit)
            }
            "dirty" => self
                .git(&["status", "--porcelain", "--untracked-files=no"])
                .map(|change| Value::from(!change.is_empty())),
            "url" => self.url().map(Value::from),
            "repo" => self.name().map(Value::from),
            "module" => self.remote().map(|remote| remote.module().into()),
            _ => Ok(self.top.clone().into()),
        }
    }

    fn git(&self, arguments: &[&str]) -> Result<String, String> {
        git(self.directory, arguments)
    }

    fn branch(&self) -> Result<String, String> {
        self.branch.get_or_init(|| self.ask_for_branch()).clone()
    }

    /// git's own short form is longer where a tag or a remote has the branch's name: `heads/main`.
    fn ask_for_branch(&self) -> Result<String, String> {
        let full = self.git(&["symbolic-ref", "--quiet", "HEAD"]);
        let full = full.map_err(|_| "HEAD is detached".to_owned())?;
        let name = full.strip_prefix("refs/heads/");
        name.map(str::to_owned).ok_or_else(|| format!("HEAD is at {full}, which is no branch"))
    }

    fn hash(&self) -> Result<String, String> {
        let ask = || self.git(&["rev-parse", "--verify", "--quiet", "HEAD"]);
        self.hash.get_or_init(|| ask().map_err(no_commit)).clone()
    }

    /// The address that the branch is fetched from, without credentials.
    fn url(&self) -> Result<String, String> {
        self.url.get_or_init(|| self.ask_for_url()).clone()
    }

    /// As git finds it: the branch's remote, else the only one there is, else `origin`. Where that is none, what is pushed to.
    fn ask_for_url(&self) -> Result<String, String> {
        let branch = self.branch().ok();
        let of_branch = |key: &str| self.setting(&format!("branch.{}.{key}", branch.as_ref()?));
        let only = || {
            let remotes = said(command(self.directory).arg("remote")).ok()?;
            let mut remotes = remotes.lines();
            remotes.next().filter(|_| remotes.next().is_none()).map(str::to_owned)
        };
        let name = of_branch("remote").filter(|name| name != ".").or_else(only);
        let name = name.unwrap_or_else(|| "origin".to_owned());
        let pushed_to = || of_branch("pushRemote").or_else(|| self.setting("remote.pushDefault"));
        let url = self.address(&name).or_else(|| self.address(&pushed_to()?));
        let url =
            url.ok_or_else(|| format!("the repository has no remote `{}`", without_credentials(&name)))?;
        if is_command(&url) {
            return Err("the remote is a command of git's, which is not looked into".to_owned());
        }
        Ok(without_credentials(&url))
    }

    /// The address of a remote. A setting may name an address instead, and git rewrites that like any other
    /// (`url.….insteadOf`).
    fn address(&self, name: &str) -> Option<String> {
        let known = self.git(&["remote", "get-url", "--", name]).ok();
        let rewritten = || self.git(&["ls-remote", "--get-url", "--", name]).ok();
        known.or_else(|| is_address(name).then(rewritten).flatten())
    }

    fn setting(&self, key: &str) -> Option<String> {
        self.git(&["config", "--get", key]).ok()
    }

    fn remote(&self) -> Result<Remote, String> {
        let url = self.url()?;
        Remote::parse(&url).ok_or_else(|| format!("the remote's address {url} names no repository"))
    }

    fn name(&self) -> Result<String, String> {
        if let Ok(remote) = self.remote() {
            return Ok(remote.repo().to_owned());
        }
        let name = Path::new(&self.top).file_name().map(|name| name.to_string_lossy().into_owned());
        name.ok_or_else(|| "the repository's directory has no name".to_owned())
    }
}

fn no_commit(_: String) -> String {
    "the repository has no commit".to_owned()
}

/// The first line that git answers. A complaint may quote a setting, and so a credential.
fn git(directory: &Path, arguments: &[&str]) -> Result<String, String> {
    let scrub = |why: String| why.split(' ').map(without_credentials).collect::<Vec<_>>().join(" ");
    line(command(directory).args(arguments)).map_err(scrub)
}

/// The commit that a `.git` folder has checked out, read from its files: a CI image holds a clone, and often no `git`.
pub fn revision(directory: &Path) -> Option<String> {
    /// Packed references of a large repository; what is larger is not read for one line.
    const MOST: usize = 4 << 20;
    let folder = directory.join(".git");
    let read = |name: &str| String::from_utf8(read_regular(&folder.join(name), MOST).ok()?).ok();
    let head = read("HEAD")?;
    let revision = match head.trim().strip_prefix("ref: ") {
        None => head.trim().to_owned(),
        Some(branch) => read(branch).map(|text| text.trim().to_owned()).or_else(|| {
            let packed = read("packed-refs")?;
            let line = packed.lines().find(|line| line.ends_with(&format!(" {branch}")))?;
            line.split(' ').next().map(str::to_owned)
        })?,
    };
    let is_hash = matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then_some(revision)
}

/// Variables that point git at another repository than the directory's (`git rev-parse --local-env-vars`, and more).
const ELSEWHERE: [&str; 20] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_EXTERNAL_DIFF",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

fn command(directory: &Path) -> Command {
    let mut command = Command::new("git");
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    command
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .arg("-C")
        .arg(directory)
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]);
    command
}

#[cfg(test)]
#[path = "git_tests.rs"]
mod tests;
