//! Keel, played by the stand-in, or real where `STUDIOCI_TEST_KEEL` names one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use test_cluster::Handle;

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
        let binary = std::env::var_os("STUDIOCI_TEST_STANDIN").expect("cargo xtask test builds the stand-in");
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
