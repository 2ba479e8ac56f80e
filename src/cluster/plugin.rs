//! Credential plugins (`users[].user.exec`): run by us, once, and again only when what they gave has expired.
//!
//! kube would run a plugin three times per client and for every request whose token expires within a minute.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;
use tokio::time::Instant;

use super::config_fault::ConfigFault;
use super::error::Error;
use super::kuberc::Kuberc;
use super::options::Options;
use super::{ClusterNotice, plugin_program, url};

/// How long a plugin may take when nobody is there to answer its questions.
const BOUND: Duration = Duration::from_secs(120);
/// The versions in which plugins answer, as kubectl has them. Only the older one has a default of its interactiveMode.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
/// A plugin is not run more often than this, however short-lived its tokens are.
const LEAST: Duration = Duration::from_secs(10);
/// What this process has warned of: preferences are those of all its connections.
static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// A plugin as the kubeconfig describes it.
#[derive(Debug)]
pub(super) struct Plugin {
    exec: ExecConfig,
    interactive: bool,
    /// The program that its command means.
    program: PathBuf,
    warnings: Vec<String>,
}

/// What a plugin gave.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Grant {
    /// A bearer token.
    pub(super) token: Option<String>,
    /// A client certificate and its key, PEM.
    pub(super) certificate: Option<(String, String)>,
    /// When to run the plugin again.
    pub(super) renew: Option<Instant>,
}

#[derive(Deserialize)]
struct ExecCredential {
    #[serde(default, rename = "apiVersion")]
    version: Option<String>,
    #[serde(default)]
    status: Option<ExecCredentialStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredentialStatus {
    expiration_timestamp: Option<Timestamp>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl Plugin {
    /// `interactive`: a person sits at standard input.
    pub(super) fn new(exec: ExecConfig, interactive: bool) -> Result<Self, Error> {
        let program = PathBuf::from(exec.command.as_deref().unwrap_or_default());
        let plugin = Self { exec, interactive, program, warnings: Vec::new() };
        let ExecConfig { command, api_version, interactive_mode: wants, .. } = &plugin.exec;
        let version = api_version.as_deref().unwrap_or_default();
        let lacks = if command.as_deref().is_none_or(str::is_empty) {
            Some("it names no command".to_owned())
        } else if version.is_empty() {
            Some("it has no apiVersion".to_owned())
        } else if !VERSIONS.contains(&version) {
            Some(format!("its apiVersion {version:?} is none of {}", VERSIONS.join(", ")))
        } else if wants.is_none() && version == VERSIONS[0] {
            Some("it has no interactiveMode".to_owned())
        } else {
            None
        };
        if let Some(why) = lacks {
            return Err(ConfigFault::PluginMisdescribed { plugin: plugin.called(), why }.into());
        }
        let wants = wants.as_ref();
        if wants == Some(&ExecInteractiveMode::Always) && !interactive {
            return Err(plugin.fault("it needs a terminal (interactiveMode: Always) and there is none"));
        }
        Ok(plugin)
    }

    /// The same, once kubectl's preferences have been asked whether it may run; what is judged is what runs.
    pub(super) fn permitted(mut self, options: &Options) -> Result<Self, Error> {
        let command = plugin_program::whole(&self.called());
        let find = |command: &str| plugin_program::find(command, &options.search_path);
        let Kuberc { file, policy, warnings } = Kuberc::of(&options.preferences)?;
        self.program = policy.program(&command, find).map_err(|why| ConfigFault::PluginForbidden {
            plugin: self.called(),
            file,
            why,
        })?;
        self.warnings = warnings;
        Ok(self)
    }

    /// What a person should know before it runs, a sentence each. What was said before, also of another connection, is not said
    /// again.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut said = SAID.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.warnings.iter().filter(|warning| said.insert((*warning).clone())).cloned().collect()
    }

    /// For messages.
    pub(super) fn name(&self) -> String {
        format!("credential plugin {}", self.called())
    }

    fn called(&self) -> String {
        let command = self.exec.command.as_deref().filter(|command| !command.is_empty());
        command.unwrap_or("without a command").to_owned()
    }

    pub(super) fn waiting(&self) -> ClusterNotice {
        ClusterNotice::Waiting(format!("waiting for the {}", self.name()))
    }

    fn asks(&self) -> bool {
        self.interactive && self.exec.interactive_mode != Some(ExecInteractiveMode::Never)
    }

    fn fault(&self, why: impl Into<String>) -> Error {
        let hint = self.exec.install_hint.as_deref().map(str::trim).filter(|hint| !hint.is_empty());
        let plugin = self.called();
        let why = why.into();
        match hint {
            Some(hint) => ConfigFault::PluginHinted { plugin, why, hint: hint.to_owned() },
            None => ConfigFault::Plugin { plugin, why },
        }
        .into()
    }

    /// Runs the plugin. Its standard error is the person's if they may be asked something, else part of the error.
    pub(super) async fn run(&self) -> Result<Grant, Error> {
        let mut command = Command::new(&self.program);
        command.arg0(self.called()).args(self.exec.args.iter().flatten());
        for variable in self.exec.env.iter().flatten() {
            if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
                command.env(name, value);
            }
        }
        command.env("KUBERNETES_EXEC_INFO", self.info()).stdout(Stdio::piped()).kill_on_drop(true);
        let output = if self.asks() {
            command.stdin(Stdio::inherit()).stderr(Stdio::inherit());
            command.spawn().map_err(|error| self.unstarted(&error))?.wait_with_output().await
        } else {
            command.stdin(Stdio::null()).stderr(Stdio::piped());
            let child = command.spawn().map_err(|error| self.unstarted(&error))?;
            tokio::time::timeout(BOUND, child.wait_with_output())
                .await
                .map_err(|_| self.fault(format!("it did not end within {} s", BOUND.as_secs())))?
        };
        let output = output.map_err(|error| self.fault(error.to_string()))?;
        if !output.status.success() {
            let said = self.without_secrets(&String::from_utf8_lossy(&output.stderr));
            let said = said.trim();
            return Err(self.fault(if said.is_empty() {
                format!("it failed ({})", output.status)
            } else {
                format!("it failed ({}): {said}", output.status)
            }));
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a credential's expiry is told by the clock of this machine"
        )]
        let now = Timestamp::now();
        self.read(&output.stdout, now)
    }

    /// What the plugin says of its failure, without the secrets that the kubeconfig gave it.
    fn without_secrets(&self, said: &str) -> String {
        let secret = |name: &str| {
            let name = name.to_ascii_uppercase();
            ["TOKEN", "SECRET", "PASS", "KEY", "CREDENTIAL"].iter().any(|word| name.contains(word))
        };
        let variables =
            self.exec.env.iter().flatten().filter_map(|variable| {
                Some((variable.get("name")?.as_str(), variable.get("value")?.as_str()))
            });
        // `--token=VALUE`, or `--token VALUE`
        let args: Vec<&str> = self.exec.args.iter().flatten().map(String::as_str).collect();
        let joined = args.iter().filter_map(|arg| arg.split_once('='));
        let parted = args
            .windows(2)
            .map(|pair| (pair[0], pair[1]))
            .filter(|(flag, _)| flag.starts_with('-') && !flag.contains('='));
        let mut said = url::scrubbed(said);
        for (_, value) in variables.chain(joined).chain(parted).filter(|(name, _)| secret(name)) {
            if !value.is_empty() {
                said = said.replace(value, "***");
            }
        }
        said
    }

    fn unstarted(&self, error: &std::io::Error) -> Error {
        self.fault(format!("it cannot be run: {error}"))
    }

    /// What the plugin is told.
    fn info(&self) -> String {
        let mut spec = json!({"interactive": self.asks()});
        if let (true, Some(cluster)) = (self.exec.provide_cluster_info, &self.exec.cluster) {
            spec["cluster"] = serde_json::to_value(cluster).unwrap_or_default();
        }
        json!({
            "apiVersion": self.exec.api_version,
            "kind": "ExecCredential",
            "spec": spec,
        })
        .to_string()
    }

    /// Reads an ExecCredential; JSON or, as client-go allows, YAML.
    fn read(&self, stdout: &[u8], now: Timestamp) -> Result<Grant, Error> {
        let reply: ExecCredential = serde_saphyr::from_slice(stdout).map_err(|_| {
            self.fault("what it printed is no ExecCredential (it is not shown: it may be secret)")
        })?;
        if reply.version.is_some() && reply.version != self.exec.api_version {
            let asked = self.exec.api_version.as_deref().unwrap_or_default();
            return Err(self.fault(format!("it does not answer in {asked}, as the kubeconfig says it does")));
        }
        let status = reply.status.ok_or_else(|| self.fault("what it printed has no status"))?;
        let certificate = match (status.client_certificate_data, status.client_key_data) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(self.fault("it gave a client certificate without its key, or a key without one")),
        };
        let token = status.token.filter(|token| !token.is_empty());
        if token.is_none() && certificate.is_none() {
            return Err(self.fault("it gave neither a token nor a client certificate"));
        }
        let renew = status.expiration_timestamp.map(|expires| {
            let left = Duration::try_from(expires.duration_since(now)).unwrap_or_default();
            Instant::now() + left.saturating_sub((left / 10).min(LEAST)).max(LEAST)
        });
        Ok(Grant { token, certificate, renew })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(command: &str, args: &[&str]) -> Plugin {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        let exec = ExecConfig { command: Some(command.to_owned()), args: Some(args), ..described() };
        Plugin::new(exec, false).unwrap()
    }

    fn described() -> ExecConfig {
        ExecConfig {
            api_version: Some(VERSIONS[0].to_owned()),
            interactive_mode: Some(ExecInteractiveMode::IfAvailable),
            ..ExecConfig::default()
        }
    }

    #[tokio::test]
    async fn a_token_is_taken_from_json_and_from_yaml() {
        let json = r#"echo '{"kind":"ExecCredential","status":{"token":"t1"}}'"#;
        assert_eq!(plugin("sh", &["-c", json]).run().await.unwrap().token.as_deref(), Some("t1"));
        let yaml = r"printf 'kind: ExecCredential\nstatus:\n  token: t2\n'";
        assert_eq!(plugin("sh", &["-c", yaml]).run().await.unwrap().token.as_deref(), Some("t2"));
    }

    #[tokio::test]
    async fn a_plugin_is_told_what_it_must_know() {
        let script = r#"test "$A" = b && printf '{"status":{"token":"%s"}}' "$(printf %s "$KUBERNETES_EXEC_INFO" | tr -d '"')""#;
        let mut plugin = plugin("sh", &["-c", script]);
        let variable = [("name", "A"), ("value", "b")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        plugin.exec.env = Some(vec![variable.into_iter().collect()]);
        assert_eq!(
            plugin.run().await.unwrap().token.as_deref(),
            Some("{apiVersion:client.authentication.k8s.io/v1,kind:ExecCredential,spec:{interactive:false}}")
        );
    }

    #[tokio::test]
    async fn faults_name_the_plugin_and_what_it_said() {
        let error = plugin("sh", &["-c", "echo sign in first >&2; exit 3"]).run().await.unwrap_err();
        assert_eq!(error.to_string(), "credential plugin sh: it failed (exit status: 3): sign in first");
        let error = plugin("/nonexistent/plugin", &[]).run().await.unwrap_err();
        assert!(error.to_string().contains("/nonexistent/plugin: it cannot be run"), "{error}");
        let error = plugin("sh", &["-c", "echo s3cret"]).run().await.unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
        let script = "echo no: $API_TOKEN $MODE $2 $4 http://u:p@h >&2; exit 1";
        let mut telling =
            plugin("sh", &["-c", script, "x", "--client-secret", "s3cret", "--password=hunter2", "b"]);
        telling.exec.args.as_mut().unwrap().push("hunter2".to_owned());
        let variable = |name: &str, value: &str| {
            [("name", name), ("value", value)].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
        };
        telling.exec.env = Some(vec![variable("API_TOKEN", "t0k3n"), variable("MODE", "fast")]);
        assert_eq!(
            telling.run().await.unwrap_err().to_string(),
            "credential plugin sh: it failed (exit status: 1): no: *** fast *** b http://h"
        );
        let mut hinted = plugin("/nonexistent/plugin", &[]);
        hinted.exec.install_hint = Some("brew install x\n".to_owned());
        assert_eq!(hinted.run().await.unwrap_err().remedy(), "brew install x");
    }

    #[test]
    fn what_preferences_are_warned_of_is_said_once_whatever_asks_for_it_again() {
        let warned = |sentences: &[&str]| {
            let warnings = sentences.iter().map(|&sentence| sentence.to_owned()).collect();
            Plugin { warnings, ..plugin("x", &[]) }
        };
        let [one, two] = ["kuberc ONCE: x", "kuberc ONCE: y"];
        let first = warned(&[one]);
        assert_eq!(first.warnings(), [one]);
        assert!(first.warnings().is_empty(), "at its renewal");
        assert_eq!(warned(&[one, two]).warnings(), [two], "by another connection");
        assert!(warned(&[]).warnings().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_expires_is_renewed_before_it_does_but_not_all_the_time() {
        let now: Timestamp = "2026-11-24T20:00:00Z".parse().unwrap();
        let renew = |expires: &str| {
            let text = format!(r#"{{"status":{{"token":"t","expirationTimestamp":"{expires}"}}}}"#);
            plugin("x", &[]).read(text.as_bytes(), now).unwrap().renew.unwrap() - Instant::now()
        };
        assert_eq!(renew("2026-11-24T21:00:00Z"), Duration::from_secs(3590));
        assert_eq!(renew("2026-11-24T20:00:50Z"), Duration::from_secs(45));
        assert_eq!(renew("2026-11-24T20:00:01Z"), LEAST);
        assert_eq!(renew("2026-11-24T19:00:00Z"), LEAST);
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let command = |command: &str| Some(command.to_owned());
        let described = || ExecConfig { command: command("x"), ..described() };
        let beta = Some(VERSIONS[1].to_owned());
        for (exec, said) in [
            (ExecConfig { command: None, ..described() }, "without a command: it names no command"),
            (ExecConfig { command: command(""), ..described() }, "without a command: it names no command"),
            (ExecConfig { api_version: None, ..described() }, "x: it has no apiVersion"),
            (ExecConfig { api_version: Some(String::new()), ..described() }, "x: it has no apiVersion"),
            (
                ExecConfig {
                    api_version: Some("client.authentication.k8s.io/v1alpha1".to_owned()),
                    ..described()
                },
                "x: its apiVersion \"client.authentication.k8s.io/v1alpha1\" is none of client.authentication.k8s.io/v1, \
                 client.authentication.k8s.io/v1beta1",
            ),
            (ExecConfig { interactive_mode: None, ..described() }, "x: it has no interactiveMode"),
        ] {
            let error = Plugin::new(exec, true).unwrap_err();
            assert_eq!(error.to_string(), format!("credential plugin {said}"));
            assert!(
                error.remedy().starts_with("correct the user's exec in the kubeconfig"),
                "{}",
                error.remedy()
            );
        }
        let older = ExecConfig { interactive_mode: None, api_version: beta, ..described() };
        assert!(Plugin::new(older, true).unwrap().asks());
        let exec = ExecConfig { interactive_mode: Some(ExecInteractiveMode::Always), ..described() };
        assert!(Plugin::new(exec.clone(), false).unwrap_err().to_string().contains("needs a terminal"));
        assert!(Plugin::new(exec, true).unwrap().asks());
        let half = br#"{"status":{"clientCertificateData":"c"}}"#;
        assert!(plugin("x", &[]).read(half, Timestamp::UNIX_EPOCH).is_err());
        assert!(plugin("x", &[]).read(br#"{"status":{}}"#, Timestamp::UNIX_EPOCH).is_err());
        let other = br#"{"apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"t"}}"#;
        let error = plugin("x", &[]).read(other, Timestamp::UNIX_EPOCH).unwrap_err().to_string();
        let said = "it does not answer in client.authentication.k8s.io/v1, as the kubeconfig says it does";
        assert_eq!(error, format!("credential plugin x: {said}"));
    }
}
