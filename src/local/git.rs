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
mod tests {
    use std::env;
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// A directory of its own, gone at the end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("studioci-git-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path.canonicalize().unwrap())
        }

        fn git(&self, arguments: &[&str]) {
            let author = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"];
            let status = command(&self.0).args(author).args(arguments).output().unwrap();
            assert!(status.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&status.stderr));
        }

        fn fact(&self, name: &str) -> Result<Value, String> {
            facts(&self.0, |_| true).remove(name).unwrap()
        }

        fn text(&self, name: &str) -> String {
            self.fact(name).unwrap().as_str().unwrap().to_owned()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn a_directory_outside_of_any_repository() {
        let directory = Directory::new("none");
        let found = facts(&directory.0, |_| true);
        assert_eq!(found.len(), NAMES.len());
        for name in NAMES {
            let why = found[name].as_ref().unwrap_err();
            assert!(why.starts_with("not a git repository"), "{why}");
        }
    }

    #[test]
    fn git_is_asked_for_nothing_that_nobody_wants() {
        let directory = Directory::new("unasked");
        directory.git(&["init", "-q"]);
        let found = facts(&directory.0, |name| name == "branch");
        assert_eq!(found.len(), NAMES.len());
        assert_eq!(found["branch"], Ok(Value::from("main")));
        let unasked = Err("nobody asked for it".to_owned());
        assert!(NAMES.iter().filter(|name| **name != "branch").all(|name| found[*name] == unasked));
        // no git is started for nothing: there is no such directory
        let found = facts(Path::new("/nowhere/at/all"), |_| false);
        assert!(NAMES.iter().all(|name| found[*name] == unasked));
    }

    #[test]
    fn a_repository_on_its_way() {
        let directory = Directory::new("way");
        directory.git(&["init", "-q"]);
        assert_eq!(directory.text("branch"), "main");
        assert_eq!(directory.fact("hash"), Err("the repository has no commit".to_owned()));
        assert_eq!(directory.fact("tag"), Err("the repository has no commit".to_owned()));
        assert_eq!(directory.fact("url"), Err("the repository has no remote `origin`".to_owned()));
        assert_eq!(directory.fact("module"), Err("the repository has no remote `origin`".to_owned()));
        assert!(directory.text("repo").ends_with("-way"));
        assert_eq!(directory.text("dir"), directory.0.to_string_lossy());

        fs::write(directory.0.join("file"), "1").unwrap();
        directory.git(&["add", "file"]);
        directory.git(&["commit", "-qm", "first"]);
        assert_eq!(directory.text("hash").len(), 40);
        assert_eq!(directory.text("short"), directory.text("hash")[..7]);
        assert_eq!(directory.fact("dirty"), Ok(Value::Bool(false)));
        assert_eq!(directory.fact("tag"), Err("HEAD carries no tag".to_owned()));

        directory.git(&["tag", "v1.2.3"]);
        directory.git(&["remote", "add", "origin", "https://me:secret@host/team/repo.git"]);
        assert_eq!(directory.text("tag"), "v1.2.3");
        assert_eq!(directory.text("version"), "v1.2.3");
        assert_eq!(directory.text("url"), "https://host/team/repo.git");
        assert_eq!(directory.text("repo"), "repo");
        assert_eq!(directory.text("module"), "host/team/repo");

        fs::write(directory.0.join("untracked"), "1").unwrap();
        assert_eq!(directory.fact("dirty"), Ok(Value::Bool(false)));
        fs::write(directory.0.join("file"), "2").unwrap();
        assert_eq!(directory.fact("dirty"), Ok(Value::Bool(true)));
        assert_eq!(directory.text("version"), "v1.2.3-dirty");

        directory.git(&["checkout", "-q", "--detach"]);
        assert_eq!(directory.fact("branch"), Err("HEAD is detached".to_owned()));
        assert_eq!(directory.text("repo"), "repo");
        assert_eq!(directory.text("hash").len(), 40);
    }

    #[test]
    fn the_branch_says_which_remote() {
        let directory = Directory::new("remote");
        directory.git(&["init", "-q"]);
        directory.git(&["remote", "add", "upstream", "git@host:team/other.git"]);
        directory.git(&["config", "branch.main.remote", "upstream"]);
        assert_eq!(directory.text("repo"), "other");
        directory.git(&["config", "branch.main.remote", "gone"]);
        assert_eq!(directory.fact("url"), Err("the repository has no remote `gone`".to_owned()));
        directory.git(&["config", "--unset", "branch.main.remote"]);
        assert_eq!(directory.text("repo"), "other", "the only one there is");
        directory.git(&["remote", "add", "fork", "git@host:me/fork.git"]);
        assert_eq!(directory.fact("url"), Err("the repository has no remote `origin`".to_owned()));
        directory.git(&["config", "remote.pushDefault", "fork"]);
        assert_eq!(directory.text("repo"), "fork", "what is pushed to is all that is known");
        directory.git(&["remote", "add", "origin", "git@host:team/origin.git"]);
        assert_eq!(directory.text("repo"), "origin");
        fs::create_dir_all(directory.0.join("a/b")).unwrap();
        assert_eq!(
            facts(&directory.0.join("a/b"), |_| true)["dir"],
            Ok(Value::from(directory.0.to_string_lossy()))
        );
    }

    #[test]
    fn a_branch_has_its_own_name_whatever_else_has_it_too() {
        let directory = Directory::new("named");
        directory.git(&["init", "-q"]);
        let address = |branch: &str, url: &str| {
            directory.git(&["config", &format!("branch.{branch}.remote"), url]);
        };
        // not born yet, and there is a tag of its name
        fs::write(directory.0.join("file"), "1").unwrap();
        directory.git(&["add", "file"]);
        directory.git(&["tag", "main", ":file"]);
        assert_eq!(directory.text("branch"), "main");

        directory.git(&["commit", "-qm", "first"]);
        address("main", "https://host/team/main.git");
        for reference in ["refs/tags/main", "refs/remotes/main/HEAD", "refs/remotes/origin/main", "refs/main"]
        {
            directory.git(&["update-ref", reference, "HEAD"]);
            assert_eq!(directory.text("branch"), "main", "{reference}");
            assert_eq!(directory.text("repo"), "main", "{reference}");
        }
        assert_eq!(directory.text("tag"), "main");
        for branch in ["feature/a.b", "heads/main", "tags/v1", "refs/heads/main", "origin/main", "a/main"] {
            directory.git(&["checkout", "-qb", branch]);
            directory.git(&["update-ref", &format!("refs/tags/{branch}"), "HEAD"]);
            assert_eq!(directory.text("branch"), branch);
            address(branch, "https://host/team/other.git");
            assert_eq!(directory.text("repo"), "other", "{branch}");
        }
        directory.git(&["update-ref", "refs/heads/HEAD", "HEAD"]);
        directory.git(&["checkout", "-q", "--detach"]);
        assert_eq!(directory.fact("branch"), Err("HEAD is detached".to_owned()));
        directory.git(&["symbolic-ref", "HEAD", "refs/remotes/origin/main"]);
        let no_branch = "HEAD is at refs/remotes/origin/main, which is no branch";
        assert_eq!(directory.fact("branch"), Err(no_branch.to_owned()));
    }

    #[test]
    fn no_credential_of_a_remote_is_a_fact() {
        let directory = Directory::new("secret");
        directory.git(&["init", "-q"]);
        let facts_of = |settings: &[(&str, &str)]| {
            for (key, value) in settings {
                directory.git(&["config", key, value]);
            }
            let found = facts(&directory.0, |_| true);
            for (key, _) in settings {
                directory.git(&["config", "--unset-all", key]);
            }
            let whole = format!("{found:?}");
            assert!(!whole.contains("TOKEN"), "{settings:?}: {whole}");
            let text = |name: &str| match &found[name] {
                Ok(value) => value.as_str().unwrap().to_owned(),
                Err(why) => why.clone(),
            };
            (text("url"), text("repo"))
        };
        let branch = "branch.main.remote";
        let fork = ("https://github.com/fork/r.git".to_owned(), "r".to_owned());
        // `gh pr checkout` leaves such a branch
        assert_eq!(facts_of(&[(branch, "https://TOKEN@github.com/fork/r.git")]), fork);
        assert_eq!(facts_of(&[(branch, "https://me:TOKEN@github.com/fork/r.git")]), fork);
        assert_eq!(facts_of(&[(branch, "HTTPS://me:TOKEN@github.com/fork/r.git")]).1, "r");
        let (short, long) = ("url.https://TOKEN@github.com/.insteadOf", "gh:");
        assert_eq!(facts_of(&[(branch, "gh:fork/r.git"), (short, long)]), fork);
        assert_eq!(facts_of(&[("remote.origin.url", "gh:fork/r.git"), (short, long)]), fork);
        for user in ["TOKEN@", "me:TOKEN@", "me%3ATOKEN@", ":TOKEN@", "me:TO/KEN@"] {
            let url = format!("https://{user}github.com/fork/r.git");
            for key in [branch, "branch.main.pushRemote", "remote.pushDefault", "remote.origin.url"] {
                assert_eq!(facts_of(&[(key, &url)]), fork, "{key}");
            }
        }
        assert_eq!(facts_of(&[(branch, "https://github.com/fork/r.git?private_token=TOKEN")]), fork);
        let of_ssh = |url: &str, expected: &str| {
            for key in [branch, "remote.origin.url"] {
                assert_eq!(facts_of(&[(key, url)]), (expected.to_owned(), "r".to_owned()), "{key}");
            }
        };
        of_ssh("ssh://git:TOKEN@github.com/fork/r.git", "ssh://git@github.com/fork/r.git");
        of_ssh("ssh://TOKEN@github.com/fork/r.git", "ssh://github.com/fork/r.git");
        of_ssh("git:TOKEN@github.com:fork/r.git", "github.com:fork/r.git");
        of_ssh("TOKEN@github.com:fork/r.git", "github.com:fork/r.git");
        of_ssh("TOKEN@github.com/fork/r.git", "github.com/fork/r.git");
        let origin = ("remote.origin.url", "https://github.com/fork/r.git");
        // where it is fetched from counts, not what it is pushed to
        for push in ["branch.main.pushRemote", "remote.pushDefault"] {
            assert_eq!(facts_of(&[origin, (push, "https://TOKEN@github.com/me/other.git")]), fork, "{push}");
        }
        assert_eq!(
            facts_of(&[origin, ("remote.origin.pushurl", "https://TOKEN@github.com/fork/r.git")]),
            fork
        );
        assert_eq!(
            facts_of(&[(branch, "ext::sh -c curl% -u% TOKEN% %S")]).0,
            "the remote is a command of git's, which is not looked into"
        );
        // git says itself what it reads
        let config = directory.0.join(".git/config");
        let good = fs::read_to_string(&config).unwrap();
        fs::write(&config, good.replace("bare = false", "bare = https://me:TOKEN@host/")).unwrap();
        let said = facts_of(&[]).0;
        assert!(said.contains("'https://host/'"), "{said}");
        fs::write(&config, good).unwrap();
        assert_eq!(facts_of(&[(branch, "../other/r.git")]), ("../other/r.git".to_owned(), "r".to_owned()));
        assert_eq!(
            facts_of(&[(branch, "git@github.com:fork/r.git")]),
            ("git@github.com:fork/r.git".to_owned(), "r".to_owned())
        );
    }
}
