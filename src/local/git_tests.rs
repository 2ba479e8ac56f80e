//! Facts of repositories in every state, asked of git itself.

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
    for reference in ["refs/tags/main", "refs/remotes/main/HEAD", "refs/remotes/origin/main", "refs/main"] {
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
    assert_eq!(facts_of(&[origin, ("remote.origin.pushurl", "https://TOKEN@github.com/fork/r.git")]), fork);
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

#[test]
fn a_commit_is_found_by_whatever_git_calls_it_and_by_nothing_else() {
    let directory = Directory::new("commits");
    directory.git(&["init", "-q"]);
    let unknown = Err("git knows no such commit in this checkout".to_owned());
    assert_eq!(commit(&directory.0, "HEAD"), unknown, "there is none yet");
    for subject in ["first", "second"] {
        directory.git(&["commit", "-q", "--allow-empty", "-m", subject]);
    }
    directory.git(&["tag", "-a", "v1", "-m", "an annotated tag is no commit itself"]);
    let head = directory.text("hash");
    for name in ["HEAD", "main", "v1", "@", &head, &head[..7], &head[..4]] {
        assert_eq!(commit(&directory.0, name), Ok(head.clone()), "{name}");
    }
    let first = commit(&directory.0, "HEAD~1").unwrap();
    assert_ne!(first, head);
    for name in ["", "gone", "HEAD~2", "HEAD:", "--all", "--glob=refs/heads/*", &"0".repeat(40)] {
        assert_eq!(commit(&directory.0, name), unknown, "{name}");
    }

    assert!(contains(&directory.0, &head, &first) && contains(&directory.0, &head[..7], &first[..7]));
    assert!(!contains(&directory.0, &first, &head), "the earlier one does not");
    for stranger in ["main", "HEAD", "--help", &"0".repeat(40), ""] {
        assert!(!contains(&directory.0, stranger, &first), "{stranger}");
        assert!(!contains(&directory.0, &head, stranger), "{stranger}");
    }

    let outside = Directory::new("commitless");
    let why = commit(&outside.0, "HEAD").unwrap_err();
    assert!(why.starts_with("not a git repository"), "{why}");
    assert!(!contains(&outside.0, &head, &first));
}
