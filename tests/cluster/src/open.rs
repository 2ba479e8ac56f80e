//! A second API server on the cluster's own store that authorizes everything: what a cluster without RBAC is like. It
//! reads and writes the same objects as the first one, so that only the authorizer differs, and what else it is told.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{At, Error};
use crate::handle::Handle;
use crate::part::{Launch, Part, tail};
use crate::settings::API_ADDRESS;

const PORT: u16 = 444;
const NAME: &str = "open-apiserver";
const PATIENCE: Duration = Duration::from_secs(60);
/// A server that serves no admission policies cannot ask any either: it would wait for them before its first write.
const WITHOUT_POLICIES: [&str; 2] = [
    "--runtime-config=admissionregistration.k8s.io/v1/validatingadmissionpolicies=false,\
     admissionregistration.k8s.io/v1/validatingadmissionpolicybindings=false",
    "--disable-admission-plugins=ValidatingAdmissionPolicy",
];

/// The server; dropped, it is ended.
#[derive(Debug)]
pub struct OpenApiServer(Child);

impl OpenApiServer {
    /// Starts it and waits until it is ready. The caller must be inside the cluster's network, whose end is this
    /// process's end too.
    pub fn start(cluster: &Handle) -> Result<OpenApiServer, Error> {
        OpenApiServer::start_with(cluster, &[])
    }

    /// The same that serves no ValidatingAdmissionPolicy either.
    pub fn without_policies(cluster: &Handle) -> Result<OpenApiServer, Error> {
        OpenApiServer::start_with(cluster, &WITHOUT_POLICIES)
    }

    fn start_with(cluster: &Handle, more: &[&str]) -> Result<OpenApiServer, Error> {
        let state = cluster.state();
        let file = state.path(&format!("run/{}.json", Part::ApiServer.name()));
        let text = fs::read_to_string(&file).at("read", &file)?;
        let launch: Launch = serde_json::from_str(&text).map_err(std::io::Error::from).at("read", &file)?;
        let kept = |arg: &&String| {
            !["--secure-port", "--authorization-mode", "--audit-"].iter().any(|own| arg.starts_with(own))
        };
        let log = state.path(&format!("logs/{NAME}.log"));
        let output = File::create(&log).at("open", &log)?;
        let child = Command::new(&launch.program)
            .args(launch.args.iter().filter(kept))
            .args([format!("--secure-port={PORT}"), "--authorization-mode=AlwaysAllow".to_owned()])
            .args(more)
            .env_clear()
            .env("PATH", &launch.path)
            .env("HOME", state.dir())
            .current_dir(state.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .at("start", &launch.program)?;
        let mut server = OpenApiServer(child);
        let until = Instant::now() + PATIENCE;
        loop {
            let mut ask = cluster.kubectl();
            ask.args(["get", "--server", &server.url(), "--request-timeout=2s", "--raw", "/readyz"]);
            if ask.output().at("start", cluster.tool("kubectl"))?.status.success() {
                return Ok(server);
            }
            let ended = server.0.try_wait().at("wait for", &launch.program)?.is_some();
            if ended || Instant::now() > until {
                let what = format!("{NAME} {}", if ended { "ended" } else { "was not ready in time" });
                return Err(Error::Program { what, tail: tail(&log, 15) });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("https://{API_ADDRESS}:{PORT}")
    }
}

impl Drop for OpenApiServer {
    fn drop(&mut self) {
        // an error here means that it is gone
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
