//! What a person reads who gives bad input: every message says what, where, why and what to do.
//!
//! Hermetic, as `cli.rs` is. Each row: what is wrong, the exit code, the exact words on stderr, and nothing on stdout.
//! What the program says of a cluster that answers is proved by `chain_06`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

mod clusters;
mod feigned;
mod files;
mod flags;
mod pipelines;
#[path = "../support/smallest.rs"]
mod smallest;
mod sources;

use smallest::GOOD;

/// A folder of its own, outside any checkout; it ends with the test.
struct Folder(PathBuf);

impl Folder {
    /// A folder with the pipeline in it.
    fn new(test: &str, pipeline: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("studioci-bad-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("pipeline.yaml"), pipeline).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), content).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// stdout, stderr and exit code of a run in that folder.
fn run(folder: &Folder, args: &[&str], env: &[(&str, &str)]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-studioci"))
        .args(args)
        .env_clear()
        .env("HOME", &folder.0)
        .envs(env.iter().copied())
        .current_dir(&folder.0)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let home = folder.0.display().to_string();
    (text(output.stdout), text(output.stderr).replace(&home, "HOME"), output.status.code().unwrap())
}

/// Every way to look at a pipeline refuses it alike, exit code 2; the words on stderr.
#[track_caller]
fn refused(pipeline: &str) -> String {
    let test = std::thread::current().name().unwrap().to_owned();
    let folder = Folder::new(&test, pipeline);
    let (out, said, code) = run(&folder, &["render", "-f", "pipeline.yaml", "--woven"], &[]);
    assert_eq!((out.as_str(), code), ("", 2), "{said}");
    let start = ["start", "-f", "pipeline.yaml", "--chain", "c", "--dry-run=client"];
    assert_eq!(run(&folder, &start, &[]), (String::new(), said.clone(), 2), "start says the same");
    said
}

/// The good pipeline with one thing changed.
#[track_caller]
fn but(from: &str, to: &str) -> String {
    let text = GOOD.replacen(from, to, 1);
    assert_ne!(text, GOOD, "{from}");
    text
}

/// The good pipeline with one more document.
fn and(document: &str) -> String {
    format!("{GOOD}---\n{document}")
}

/// `start` with these flags before any cluster is asked: the words on stderr.
#[track_caller]
fn start(flags: &[&str]) -> String {
    let test = std::thread::current().name().unwrap().to_owned();
    let folder = Folder::new(&test, GOOD);
    let args = [&["start", "-f", "pipeline.yaml", "--dry-run=client"], flags].concat();
    let (out, said, code) = run(&folder, &args, &[]);
    assert_eq!((out.as_str(), code), ("", 2), "{said}");
    said
}

/// A command line that is refused before any cluster is asked: the words on stderr.
#[track_caller]
fn usage(line: &str) -> String {
    let folder = Folder::new(std::thread::current().name().unwrap(), GOOD);
    let (out, said, code) = run(&folder, &line.split(' ').collect::<Vec<_>>(), &[]);
    assert_eq!((out.as_str(), code), ("", 2), "{said}");
    said
}

/// A kubeconfig whose only cluster is at that address.
fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\nclusters: [{{name: one, cluster: {{server: \"{server}\"}}}}]\n\
         users: [{{name: me, user: {{token: abc}}}}]\ncontexts: [{{name: here, context: {{cluster: one, user: me}}}}]\n"
    )
}

/// A pipe into which somebody writes as soon as it is opened: who waits for it reads that, and the test ends.
fn pipe(folder: &Folder, name: &str, said: &str) {
    let (pipe, said) = (folder.0.join(name), said.to_owned());
    let _ = fs::remove_file(&pipe);
    fs::create_dir_all(pipe.parent().unwrap()).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::thread::spawn(move || fs::write(pipe, said));
}
