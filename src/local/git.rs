//! Facts about the repository, asked of the `git` command.
//!
//! A library would double the program for ten words. `git` is run with fixed arguments, without the `GIT_*` variables
//! that would send it to another repository, and without the hooks that a repository can name. Every fact stands for
//! itself: a detached HEAD has no branch but a hash, a repository without a remote has no address but a directory.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::remote::{Remote, is_address, is_command, without_credentials};
use super::told::read_regular;
use super::{Found, line};

/// Every name under `git`.
pub const NAMES: [&str; 10] =
    ["branch", "hash", "short", "tag", "version", "dirty", "dir", "url", "repo", "module"];

/// The facts about the repository that a directory lies in.
pub fn facts(directory: &Path) -> Found {
    // a complaint may quote a setting
    let scrub = |why: String| why.split(' ').map(without_credentials).collect::<Vec<_>>().join(" ");
    let git = |arguments: &[&str]| line(command(directory).args(arguments)).map_err(scrub);
    let top = match git(&["rev-parse", "--show-toplevel"]) {
        Ok(top) => top,
        Err(why) => {
            let why = why.strip_prefix("fatal: ").unwrap_or(&why).to_owned();
            return NAMES.into_iter().map(|name| (name.to_owned(), Err(why.clone()))).collect();
        }
    };
    let branch =
        git(&["symbolic-ref", "--quiet", "--short", "HEAD"]).map_err(|_| "HEAD is detached".to_owned());
    let no_commit = |_| "the repository has no commit".to_owned();
    let hash = git(&["rev-parse", "--verify", "--quiet", "HEAD"]).map_err(no_commit);
    let tag = hash.clone().and_then(|_| {
        git(&["describe", "--tags", "--exact-match", "HEAD"]).map_err(|_| "HEAD carries no tag".to_owned())
    });
    let version = git(&["describe", "--tags", "--always", "--dirty"]).map_err(no_commit);
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).map(|change| !change.is_empty());
    let name = branch
        .as_ref()
        .ok()
        .and_then(|branch| git(&["config", "--get", &format!("branch.{branch}.remote")]).ok())
        .filter(|name| name != ".")
        .unwrap_or_else(|| "origin".to_owned());
    let url = git(&["remote", "get-url", "--", &name])
        // a branch may name an address instead of a remote, and git rewrites that like any other (`url.….insteadOf`)
        .or_else(
            |why| {
                if is_address(&name) { git(&["ls-remote", "--get-url", "--", &name]) } else { Err(why) }
            },
        )
        .map_err(|_| format!("the repository has no remote `{}`", without_credentials(&name)))
        .and_then(|url| {
            if is_command(&url) {
                Err("the remote is a command of git's, which is not looked into".to_owned())
            } else {
                Ok(without_credentials(&url))
            }
        });
    let remote = url.clone().and_then(|url| {
        Remote::parse(&url).ok_or_else(|| format!("the remote's address {url} names no repository"))
    });
    let repo = match &remote {
        Ok(remote) => Some(remote.repo().to_owned()),
        Err(_) => Path::new(&top).file_name().map(|name| name.to_string_lossy().into_owned()),
    };
    let text = |fact: Result<String, String>| fact.map(Value::from);
    [
        ("branch", text(branch)),
        ("short", text(hash.clone().map(|hash| hash.chars().take(7).collect()))),
        ("hash", text(hash)),
        ("tag", text(tag)),
        ("version", text(version)),
        ("dirty", dirty.map(Value::from)),
        ("url", text(url)),
        ("repo", text(repo.ok_or_else(|| "the repository's directory has no name".to_owned()))),
        ("module", text(remote.map(|remote| remote.module()))),
        ("dir", text(Ok(top))),
    ]
    .into_iter()
    .map(|(name, fact)| (name.to_owned(), fact))
    .collect()
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
            facts(&self.0).remove(name).unwrap()
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
        let found = facts(&directory.0);
        assert_eq!(found.len(), NAMES.len());
        for name in NAMES {
            let why = found[name].as_ref().unwrap_err();
            assert!(why.starts_with("not a git repository"), "{why}");
        }
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
        fs::create_dir_all(directory.0.join("a/b")).unwrap();
        assert_eq!(facts(&directory.0.join("a/b"))["dir"], Ok(Value::from(directory.0.to_string_lossy())));
    }

    #[test]
    fn no_credential_of_a_remote_is_a_fact() {
        let directory = Directory::new("secret");
        directory.git(&["init", "-q"]);
        let facts_of = |settings: &[(&str, &str)]| {
            for (key, value) in settings {
                directory.git(&["config", key, value]);
            }
            let found = facts(&directory.0);
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
        let origin = ("remote.origin.url", "https://github.com/fork/r.git");
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
