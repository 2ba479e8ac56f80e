//! kubectl's connection flags, which every verb takes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::duration;
use super::settings::ProcessSettings;
use crate::cluster::{Options, options};

/// kubectl's connection flags, as typed. Like kubectl's, a flag given twice means the last one, so that an alias
/// with `-n` in it can be overridden.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Connection options (the same as kubectl's)")]
pub struct ConnectionArgs {
    /// Accepted as by kubectl, and not used: every build has a namespace of its own
    #[arg(
        short,
        long,
        global = true,
        hide_short_help = true,
        value_name = "NAME",
        overrides_with = "namespace"
    )]
    pub namespace: Option<String>,
    /// Kubeconfig context to use
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME", overrides_with = "context")]
    pub context: Option<String>,
    /// Kubeconfig file to use instead of $KUBECONFIG and ~/.kube/config
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE", overrides_with = "kubeconfig")]
    pub kubeconfig: Option<PathBuf>,
    /// File of kubectl's preferences to use instead of $KUBERC and ~/.kube/kuberc, for its credential plugin policy
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE", overrides_with = "kuberc")]
    pub kuberc: Option<PathBuf>,
    /// Kubeconfig cluster to use instead of the context's
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME", overrides_with = "cluster")]
    pub cluster: Option<String>,
    /// Kubeconfig user to use instead of the context's
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME", overrides_with = "user")]
    pub user: Option<String>,
    /// Address of the API server
    #[arg(short, long, global = true, hide_short_help = true, value_name = "URL", overrides_with = "server")]
    pub server: Option<String>,
    /// Name to check the server's certificate against
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "NAME",
        overrides_with = "tls_server_name"
    )]
    pub tls_server_name: Option<String>,
    /// Don't check the server's certificate; not allowed together with a certificate authority
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        overrides_with = "insecure_skip_tls_verify"
    )]
    pub insecure_skip_tls_verify: Option<bool>,
    /// Path to a certificate authority file
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "FILE",
        overrides_with = "certificate_authority"
    )]
    pub certificate_authority: Option<PathBuf>,
    /// Path to a client certificate file
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "FILE",
        overrides_with = "client_certificate"
    )]
    pub client_certificate: Option<PathBuf>,
    /// Path to a client key file
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE", overrides_with = "client_key")]
    pub client_key: Option<PathBuf>,
    /// Bearer token; sent over https only
    #[arg(long, global = true, hide_short_help = true, value_name = "TOKEN", overrides_with = "token")]
    pub token: Option<String>,
    /// User to impersonate
    #[arg(
        long = "as",
        global = true,
        hide_short_help = true,
        value_name = "USER",
        overrides_with = "as_user"
    )]
    pub as_user: Option<String>,
    /// Group to impersonate (can be repeated)
    #[arg(long, global = true, hide_short_help = true, value_name = "GROUP")]
    pub as_group: Vec<String>,
    /// UID to impersonate
    #[arg(long, global = true, hide_short_help = true, value_name = "UID", overrides_with = "as_uid")]
    pub as_uid: Option<String>,
    /// Extra field of the user to impersonate, KEY=VALUE (can be repeated)
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "KEY=VALUE",
        value_parser = super::pipeline::pair
    )]
    pub as_user_extra: Vec<(String, String)>,
    /// How long to wait for one response from the server, retries included (30s, 2m); 0 means the default limits
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "DURATION",
        value_parser = duration::parse,
        overrides_with = "request_timeout"
    )]
    pub request_timeout: Option<Duration>,
    /// Ask the server for uncompressed responses
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        overrides_with = "disable_compression"
    )]
    pub disable_compression: Option<bool>,
    /// Accepted for compatibility with kubectl; nothing is cached
    #[arg(long, global = true, hide = true, value_name = "DIR", overrides_with = "cache_dir")]
    pub cache_dir: Option<PathBuf>,
}

impl ConnectionArgs {
    /// A flag that was typed and can only be meant for one cluster: it names that, or proves somebody to it.
    pub(super) fn of_one_cluster(&self) -> Option<&'static str> {
        let given = [
            ("--context", self.context.is_some()),
            ("--cluster", self.cluster.is_some()),
            ("--user", self.user.is_some()),
            ("--server", self.server.is_some()),
            ("--tls-server-name", self.tls_server_name.is_some()),
            ("--certificate-authority", self.certificate_authority.is_some()),
            ("--client-certificate", self.client_certificate.is_some()),
            ("--client-key", self.client_key.is_some()),
            ("--token", self.token.is_some()),
        ];
        given.into_iter().find_map(|(flag, given)| given.then_some(flag))
    }

    /// What was typed and what the surroundings say, as the room that connects takes it.
    pub fn options(&self, settings: &ProcessSettings) -> Options {
        let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (key, value) in &self.as_user_extra {
            extra.entry(key.clone()).or_default().push(value.clone());
        }
        // kubectl's 0 is "no limit"; ours is "no limit of the person's", since a call without one can hang for ever.
        let given = self.request_timeout.filter(|limit| !limit.is_zero());
        let request_timeout = given.unwrap_or(options::REQUEST_TIMEOUT);
        // as kubectl: an empty value is none
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let path = |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
        Options {
            kubeconfig: path(&self.kubeconfig),
            kubeconfig_paths: settings.kubeconfig_files(),
            kubeconfig_named: settings.kubeconfig.is_some(),
            pod: settings.pod.clone(),
            context: text(&self.context),
            cluster: text(&self.cluster),
            user: text(&self.user),
            server: text(&self.server),
            token: text(&self.token),
            impersonate: text(&self.as_user),
            impersonate_uid: text(&self.as_uid),
            impersonate_groups: self.as_group.clone(),
            impersonate_extra: extra,
            client_certificate: path(&self.client_certificate),
            client_key: path(&self.client_key),
            certificate_authority: path(&self.certificate_authority),
            tls_server_name: text(&self.tls_server_name),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify.unwrap_or(false),
            disable_compression: self.disable_compression.unwrap_or(false),
            request_timeout,
            patience: given.unwrap_or(options::PATIENCE),
            preferences: settings.preferences(path(&self.kuberc)),
            search_path: settings.search_path.clone(),
            proxies: settings.proxies.clone(),
            interactive: settings.stdin_terminal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_surroundings_and_zero_is_our_own_limit() {
        let settings = ProcessSettings {
            kubeconfig: Some(vec!["/home/p/.kube/config".into()]),
            ..ProcessSettings::default()
        };
        let plain = ConnectionArgs::default().options(&settings);
        assert_eq!((plain.kubeconfig, plain.kubeconfig_paths), (None, settings.kubeconfig_files()));
        assert_eq!(plain.request_timeout, options::REQUEST_TIMEOUT);
        let pair = |value: &str| ("scopes".to_owned(), value.to_owned());
        let typed = ConnectionArgs {
            kubeconfig: Some("/k".into()),
            as_user_extra: vec![pair("a"), pair("b")],
            insecure_skip_tls_verify: Some(true),
            request_timeout: Some(Duration::from_secs(300)),
            ..ConnectionArgs::default()
        }
        .options(&settings);
        assert_eq!(typed.kubeconfig, Some("/k".into()));
        assert_eq!(typed.impersonate_extra["scopes"], ["a", "b"]);
        assert!(typed.insecure_skip_tls_verify);
        assert_eq!(
            (typed.request_timeout, typed.patience),
            (Duration::from_secs(300), Duration::from_secs(300))
        );
        let short =
            ConnectionArgs { request_timeout: Some(Duration::from_secs(3)), ..ConnectionArgs::default() };
        let short = short.options(&settings);
        assert_eq!((short.request_timeout, short.patience), (Duration::from_secs(3), Duration::from_secs(3)));
        let zero = ConnectionArgs { request_timeout: Some(Duration::ZERO), ..ConnectionArgs::default() };
        let zero = zero.options(&settings);
        assert_eq!((zero.request_timeout, zero.patience), (options::REQUEST_TIMEOUT, options::PATIENCE));
    }

    #[test]
    fn a_flag_with_an_empty_value_is_none_as_for_kubectl() {
        let empty = || Some(String::new());
        let args = ConnectionArgs {
            context: empty(),
            kubeconfig: Some(PathBuf::new()),
            kuberc: Some(PathBuf::new()),
            cluster: empty(),
            user: empty(),
            server: empty(),
            tls_server_name: empty(),
            certificate_authority: Some(PathBuf::new()),
            client_certificate: Some(PathBuf::new()),
            client_key: Some(PathBuf::new()),
            token: empty(),
            as_user: empty(),
            as_uid: empty(),
            ..ConnectionArgs::default()
        };
        let settings = ProcessSettings::default();
        let (with, without) = (args.options(&settings), ConnectionArgs::default().options(&settings));
        assert_eq!(format!("{with:?}"), format!("{without:?}"));
    }
}
