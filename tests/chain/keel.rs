//! Keel, played by the stand-in, or real where `STUDIOCI_TEST_KEEL` names one.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use test_cluster::Handle;

use crate::world::BOUND;

/// A Keel at work; it ends with the proof.
pub(crate) struct Keel {
    child: Child,
    log: PathBuf,
    /// Where the stand-in takes orders; a real Keel takes none.
    control: Option<String>,
}

/// Where the stand-in listens for orders.
const CONTROL: &str = "127.0.0.1:9301";

impl Keel {
    pub(crate) fn start(cluster: &Handle, folder: &Path, delay: &[&str]) -> Self {
        match Handle::keel_binary() {
            Some(binary) => Self::real(&binary, cluster, folder),
            None => Self::stand_in(cluster, folder, delay),
        }
    }

    fn stand_in(cluster: &Handle, folder: &Path, more: &[&str]) -> Self {
        let binary = Handle::keel_stand_in().unwrap_or_else(|error| panic!("{error}"));
        let log = folder.join("keel.jsonl");
        let child = Command::new(binary)
            .arg("--kubeconfig")
            .arg(cluster.kubeconfig())
            .args(["--control", CONTROL, "--log"])
            .arg(&log)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("keel.err")).unwrap())
            .spawn()
            .unwrap();
        Self { child, log, control: Some(CONTROL.to_owned()) }
    }

    fn real(binary: &Path, cluster: &Handle, folder: &Path) -> Self {
        let log = folder.join("keel.log");
        let data = folder.join("keel-data");
        fs::create_dir_all(data.join("ui")).unwrap();
        let child = Command::new(binary)
            .args(["--no-incluster", "--kubeconfig"])
            .arg(cluster.kubeconfig())
            .arg("--ui-dir")
            .arg(data.join("ui"))
            .env_clear()
            .env("HOME", folder)
            .env("XDG_DATA_HOME", &data)
            .env("INSECURE_REGISTRY", "true")
            .env("POLL", "true")
            .env("AUTH_MODE", "external-proxy")
            .env("POLL_DEFAULTSCHEDULE", "@every 2s")
            .stdin(Stdio::null())
            .stdout(fs::File::create(&log).unwrap())
            .stderr(fs::File::options().append(true).create(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log, control: None }
    }

    /// Whether it takes orders: a real Keel takes none, and what needs them is proved with the stand-in alone.
    pub(crate) fn obeys(&self) -> bool {
        self.control.is_some()
    }

    /// Gives the stand-in an order and waits until it is taken.
    pub(crate) fn order(&self, line: &str) -> String {
        let address = self.control.as_deref().expect("a real Keel takes no orders");
        let begun = Instant::now();
        let mut stream = loop {
            match TcpStream::connect(address) {
                Ok(stream) => break stream,
                Err(error) => assert!(begun.elapsed() < BOUND, "the stand-in at {address}: {error}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        stream.write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        let answer = answer.trim();
        assert!(answer.starts_with("ok"), "{line}: {answer}");
        answer.trim_start_matches("ok").trim().to_owned()
    }

    /// The last of what it saw and did.
    pub(crate) fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }
}

impl Drop for Keel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
