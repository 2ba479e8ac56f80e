//! How to reach a cluster: every connection flag of kubectl, and what the environment says, handed in.
//!
//! This room reads neither environment nor command line; whoever builds [`Options`] does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Who we say we are to every server: an API server writes it down, and GitHub refuses requests without it.
pub const USER_AGENT: &str = concat!("kubectl-studioci/", env!("CARGO_PKG_VERSION"));
/// How long one request may take unless `--request-timeout` says otherwise. kubectl's default is "for ever", and
/// an API server that accepts and then says nothing would hang us for ever too.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a call is repeated against a server that misbehaves.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// kubectl's connection flags (`ConfigFlags`) and the environment's part.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--kubeconfig`: this file and no other; it must exist.
    pub kubeconfig: Option<PathBuf>,
    /// The files of `KUBECONFIG`, or `~/.kube/config`: merged, the first to set a value wins; missing ones are
    /// passed over. Ignored when [`Self::kubeconfig`] is given.
    pub kubeconfig_paths: Vec<PathBuf>,
    /// Whether a person has named those, and means what lies there, a pipe included.
    pub kubeconfig_named: bool,
    /// The pod that this runs in, which counts where none of those files says anything and no flag names a server or
    /// an entry of a kubeconfig.
    pub pod: Option<InCluster>,
    /// `--context`.
    pub context: Option<String>,
    /// `--cluster`.
    pub cluster: Option<String>,
    /// `--user`.
    pub user: Option<String>,
    /// `-s`, `--server`.
    pub server: Option<String>,
    /// `--token`.
    pub token: Option<String>,
    /// `--as`.
    pub impersonate: Option<String>,
    /// `--as-uid`.
    pub impersonate_uid: Option<String>,
    /// `--as-group`, repeatable.
    pub impersonate_groups: Vec<String>,
    /// `--as-user-extra key=value`, repeatable.
    pub impersonate_extra: BTreeMap<String, Vec<String>>,
    /// `--client-certificate`, a file.
    pub client_certificate: Option<PathBuf>,
    /// `--client-key`, a file.
    pub client_key: Option<PathBuf>,
    /// `--certificate-authority`, a file.
    pub certificate_authority: Option<PathBuf>,
    /// `--tls-server-name`.
    pub tls_server_name: Option<String>,
    /// `--insecure-skip-tls-verify`.
    pub insecure_skip_tls_verify: bool,
    /// `--disable-compression`.
    pub disable_compression: bool,
    /// `--request-timeout`: bound of one request.
    pub request_timeout: Duration,
    /// Bound of one call with all its repetitions; at least [`Self::request_timeout`].
    pub patience: Duration,
    /// kubectl's own preferences, which may forbid credential plugins.
    pub preferences: Preferences,
    /// The folders of `PATH`, in which a plugin's command is looked for.
    pub search_path: Vec<PathBuf>,
    /// The environment's proxies; a cluster's own `proxy-url` goes before them.
    pub proxies: Proxies,
    /// Whether a person sits at standard input: credential plugins may ask only then.
    pub interactive: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            kubeconfig_paths: Vec::new(),
            kubeconfig_named: false,
            pod: None,
            context: None,
            cluster: None,
            user: None,
            server: None,
            token: None,
            impersonate: None,
            impersonate_uid: None,
            impersonate_groups: Vec::new(),
            impersonate_extra: BTreeMap::new(),
            client_certificate: None,
            client_key: None,
            certificate_authority: None,
            tls_server_name: None,
            insecure_skip_tls_verify: false,
            disable_compression: false,
            request_timeout: REQUEST_TIMEOUT,
            patience: PATIENCE,
            preferences: Preferences::Off,
            search_path: Vec::new(),
            proxies: Proxies::default(),
            interactive: false,
        }
    }
}

/// Where kubectl's preferences (kuberc) are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Preferences {
    /// Nowhere, or turned off.
    #[default]
    Off,
    /// In this file, which a person has named, and which must be there.
    Named(PathBuf),
    /// In this one, if it is there.
    AtHome(PathBuf),
    /// A flag names a file, and this variable with its value turns preferences off.
    Contradicted(&'static str),
}

/// The proxies of the environment, as written there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// `HTTPS_PROXY`: for `https` servers.
    pub https: Option<String>,
    /// `HTTP_PROXY`: for `http` servers.
    pub http: Option<String>,
    /// `NO_PROXY`: servers that are reached directly.
    pub none_for: Option<String>,
    /// Whether this runs as a CGI script, where whoever sends a request sets `HTTP_PROXY`.
    pub cgi: bool,
}

/// Where a pod finds its API server. Nothing else steers an agent's connection: no kubeconfig, home directory, proxy or
/// plugin that a CI image may bring along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InCluster {
    /// `KUBERNETES_SERVICE_HOST`.
    pub host: String,
    /// `KUBERNETES_SERVICE_PORT`.
    pub port: u16,
    /// The folder with `token` and `ca.crt`.
    pub folder: PathBuf,
    /// Bound of one request.
    pub request_timeout: Duration,
    /// Bound of one call with all its repetitions.
    pub patience: Duration,
}

/// Where the kubelet mounts a ServiceAccount's files.
pub const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

impl InCluster {
    /// The API server at `host:port`, with the files where the kubelet mounts them.
    pub fn at(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            folder: PathBuf::from(SERVICE_ACCOUNT),
            request_timeout: REQUEST_TIMEOUT,
            patience: 2 * PATIENCE,
        }
    }

    /// The address of the API server.
    pub(super) fn server(&self) -> String {
        // an address of IPv6 stands in brackets
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        format!("https://{open}{}{close}:{}", self.host, self.port)
    }

    /// The file with the ServiceAccount's token, which the kubelet renews.
    pub(super) fn token(&self) -> PathBuf {
        self.folder.join("token")
    }

    /// The file with the certificate authority.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }
}
