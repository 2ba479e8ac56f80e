//! Single requests to the API server, for waiting until something is there. They go through kubectl: a second TLS
//! client would have to be compiled before the first server could be started.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::{At, Error};

/// The API server as one kubeconfig sees it.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    kubectl: PathBuf,
    kubeconfig: PathBuf,
}

impl Api {
    pub(crate) fn new(kubectl: PathBuf, kubeconfig: PathBuf) -> Api {
        Api { kubectl, kubeconfig }
    }

    /// kubectl with that kubeconfig.
    pub(crate) fn kubectl(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// GET of a path; two seconds at most.
    pub(crate) fn get(&self, path: &str) -> Result<String, Error> {
        let mut command = self.kubectl();
        command.args(["get", "--request-timeout=2s", "--raw", path]).stdin(Stdio::null());
        let done = command.output().at("start", &self.kubectl)?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        let why = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        Err(Error::Api { request: format!("GET {path}"), why })
    }

    /// GET of a path that answers with JSON.
    pub(crate) fn get_json(&self, path: &str) -> Result<Value, Error> {
        serde_json::from_str(&self.get(path)?)
            .map_err(|error| Error::Api { request: format!("GET {path}"), why: error.to_string() })
    }
}
