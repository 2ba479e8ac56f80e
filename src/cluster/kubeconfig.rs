//! Which cluster, as whom: a context of the kubeconfig, flags laid over it; without any of both the pod that this runs in.
//!
//! What is named must exist, and an error lists what does.

use std::path::PathBuf;

use http::HeaderValue;
use kube::config::{AuthInfo, Cluster, Kubeconfig};

use super::config_fault::ConfigFault;
use super::error::Error;
use super::kubeconfig_files::is_empty;
use super::options::{InCluster, Options};
use crate::keel::nearest::nearest;
use crate::local::files::MOST_BYTES;
use crate::local::regular::{NamedBy, read_bytes};
use crate::pipeline::documents::steers;

/// What the kubeconfig and the flags come to.
#[derive(Debug)]
pub(super) struct Choice {
    /// The context's name, if there is one.
    pub(super) context: Option<String>,
    /// Whose credentials they are, for messages.
    pub(super) user: String,
    /// The names under which cluster and credentials stand in the kubeconfig; none where only flags say them.
    pub(super) entries: Entries,
    pub(super) cluster: Cluster,
    pub(super) auth: AuthInfo,
    /// The pod, where it is that and no kubeconfig that says all this.
    pub(super) account: Option<InCluster>,
    /// The namespace of the context, or of the pod.
    pub(super) namespace: Option<String>,
}

/// Entries of a kubeconfig, by name.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) cluster: Option<String>,
    pub(super) user: Option<String>,
}

/// Chooses, and lays the flags over the choice. `read`: the files as they were merged.
pub(super) fn choose(options: &Options, read: Option<Kubeconfig>) -> Result<Choice, Error> {
    let config = match read {
        Some(config) if options.kubeconfig.is_some() || !is_empty(&config) => config,
        _ if options.server.is_some() => Kubeconfig::default(),
        found => {
            let named = options.context.is_some() || options.cluster.is_some() || options.user.is_some();
            match (&options.pod, found) {
                // as kubectl: whoever names an entry of a kubeconfig means one
                (Some(pod), _) if !named && pod.token().is_file() => return in_pod(pod, options),
                (Some(pod), None) if !named => {
                    return Err(ConfigFault::NoTokenInPod { file: pod.token().display().to_string() }.into());
                }
                (_, Some(empty)) => empty,
                (_, None) => return Err(no_kubeconfig(&options.kubeconfig_paths).into()),
            }
        }
    };
    let contexts: Vec<&str> = config.contexts.iter().map(|it| it.name.as_str()).collect();
    let wanted = options.context.as_deref().or(config.current_context.as_deref());
    let context = match wanted {
        Some(name) => {
            let found = config.contexts.iter().find(|it| it.name == name).and_then(|it| it.context.clone());
            Some(found.ok_or_else(|| unknown("context", name, &contexts))?)
        }
        None if options.server.is_some() || options.cluster.is_some() => None,
        None if contexts.is_empty() => return Err(ConfigFault::NoContexts {}.into()),
        None => return Err(ConfigFault::NoCurrentContext { known: listed(&contexts) }.into()),
    };

    let cluster_name = options.cluster.as_deref().or(context.as_ref().map(|it| it.cluster.as_str()));
    let mut cluster = match cluster_name.filter(|it| !it.is_empty()) {
        Some(name) => {
            let known: Vec<&str> = config.clusters.iter().map(|it| it.name.as_str()).collect();
            let found = config.clusters.iter().find(|it| it.name == name).and_then(|it| it.cluster.clone());
            found.ok_or_else(|| unknown("cluster", name, &known))?
        }
        None => Cluster::default(),
    };
    let user_name = options.user.as_deref().or(context.as_ref().and_then(|it| it.user.as_deref()));
    let auth = match user_name.filter(|it| !it.is_empty()) {
        Some(name) => {
            let known: Vec<&str> = config.auth_infos.iter().map(|it| it.name.as_str()).collect();
            let found =
                config.auth_infos.iter().find(|it| it.name == name).and_then(|it| it.auth_info.clone());
            found.ok_or_else(|| unknown("user", name, &known))?
        }
        None => AuthInfo::default(),
    };

    let entry = |name: Option<&str>| name.filter(|name| !name.is_empty()).map(str::to_owned);
    let entries = Entries { cluster: entry(cluster_name), user: entry(user_name) };
    overlay_cluster(options, &mut cluster);
    let auth = overlay_auth(options, auth)?;
    let user = whose(options, user_name.unwrap_or("nobody (no user in the kubeconfig)"));
    let namespace = context.as_ref().and_then(|it| it.namespace.clone()).filter(|it| !it.is_empty());
    let context = wanted.map(str::to_owned);
    Ok(Choice { context, user, entries, cluster, auth, account: None, namespace })
}

/// As the ServiceAccount of the pod that this runs in; flags lie over that, too.
pub(super) fn in_pod(pod: &InCluster, options: &Options) -> Result<Choice, Error> {
    for path in [pod.authority(), pod.token()] {
        read_bytes(&path, NamedBy::Nobody, MOST_BYTES).map_err(|why| ConfigFault::AccountUnreadable {
            file: path.display().to_string(),
            why: why.to_string(),
        })?;
    }
    let text = |path: PathBuf| Some(path.display().to_string());
    let mut cluster = Cluster {
        server: Some(pod.server()),
        certificate_authority: text(pod.authority()),
        ..Cluster::default()
    };
    overlay_cluster(options, &mut cluster);
    let auth = overlay_auth(options, AuthInfo { token_file: text(pod.token()), ..AuthInfo::default() })?;
    let user = whose(options, "the pod's ServiceAccount");
    let account = Some(pod.clone());
    let namespace = read_bytes(&pod.token().with_file_name("namespace"), NamedBy::Nobody, MOST_BYTES);
    let namespace = namespace.ok().and_then(|text| String::from_utf8(text).ok());
    Ok(Choice { context: None, user, entries: Entries::default(), cluster, auth, account, namespace })
}

/// Whose credentials they are, for messages; `otherwise` where no flag says so. Not whom they act as: a server that takes
/// no credentials has not looked at that yet.
fn whose(options: &Options, otherwise: &str) -> String {
    match (&options.token, &options.client_certificate) {
        (Some(_), _) => "the bearer of --token".to_owned(),
        (None, Some(_)) => "the owner of --client-certificate".to_owned(),
        (None, None) => otherwise.to_owned(),
    }
}

/// As client-go's `getCluster`: what the flags say of trust replaces all that the kubeconfig says of it, and another
/// server has another name.
fn overlay_cluster(options: &Options, cluster: &mut Cluster) {
    if let Some(server) = &options.server {
        cluster.server = Some(server.clone());
    }
    if options.tls_server_name.is_some() || options.server.is_some() {
        cluster.tls_server_name.clone_from(&options.tls_server_name);
    }
    if options.insecure_skip_tls_verify || options.certificate_authority.is_some() {
        cluster.insecure_skip_tls_verify = Some(options.insecure_skip_tls_verify);
        cluster.certificate_authority =
            options.certificate_authority.as_ref().map(|path| path.display().to_string());
        cluster.certificate_authority_data = None;
    }
    if options.disable_compression {
        cluster.disable_compression = Some(true);
    }
}

fn overlay_auth(options: &Options, mut auth: AuthInfo) -> Result<AuthInfo, Error> {
    if let Some(token) = &options.token {
        auth = AuthInfo {
            token: Some(token.clone().into()),
            token_file: None,
            exec: None,
            auth_provider: None,
            ..auth
        };
    }
    if let Some(path) = &options.client_certificate {
        auth.client_certificate = Some(path.display().to_string());
        auth.client_certificate_data = None;
    }
    if let Some(path) = &options.client_key {
        auth.client_key = Some(path.display().to_string());
        auth.client_key_data = None;
    }
    if let Some(user) = &options.impersonate {
        auth.impersonate = Some(user.clone());
    }
    if let Some(uid) = &options.impersonate_uid {
        auth.impersonate_uid = Some(uid.clone());
    }
    if !options.impersonate_groups.is_empty() {
        auth.impersonate_groups = Some(options.impersonate_groups.clone());
    }
    if !options.impersonate_extra.is_empty() {
        // key by key, as client-go lays one map over another
        auth.impersonate_user_extra.get_or_insert_default().extend(options.impersonate_extra.clone());
    }
    let more = auth.impersonate_uid.is_some()
        || auth.impersonate_groups.as_ref().is_some_and(|groups| !groups.is_empty())
        || auth.impersonate_user_extra.as_ref().is_some_and(|extra| !extra.is_empty());
    if more && auth.impersonate.is_none() {
        return Err(ConfigFault::NobodyToImpersonate {}.into());
    }
    sendable(options, &auth)?;
    Ok(auth)
}

/// Refuses to impersonate somebody whom no header can name.
fn sendable(options: &Options, auth: &AuthInfo) -> Result<(), ConfigFault> {
    let groups = auth.impersonate_groups.iter().flatten().collect();
    let extra = auth.impersonate_user_extra.iter().flatten().flat_map(|(_, values)| values).collect();
    for (texts, flag, by_flag) in [
        (auth.impersonate.iter().collect::<Vec<_>>(), "as", options.impersonate.is_some()),
        (auth.impersonate_uid.iter().collect(), "as-uid", options.impersonate_uid.is_some()),
        (groups, "as-group", !options.impersonate_groups.is_empty()),
        (extra, "as-user-extra", !options.impersonate_extra.is_empty()),
    ] {
        if texts.iter().any(|text| HeaderValue::from_str(text).is_err()) {
            let field =
                if by_flag { format!("--{flag}") } else { format!("{flag} of the kubeconfig's user") };
            return Err(ConfigFault::ImpersonationMalformed { field });
        }
    }
    Ok(())
}

fn no_kubeconfig(paths: &[PathBuf]) -> ConfigFault {
    if paths.is_empty() {
        return ConfigFault::NoKubeconfig {};
    }
    let files: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    ConfigFault::KubeconfigMissing { files: files.join(", ") }
}

fn unknown(kind: &'static str, name: &str, known: &[&str]) -> ConfigFault {
    if known.is_empty() {
        return ConfigFault::NoEntries { kind, name: name.to_owned() };
    }
    let (name, near, known) = (name.to_owned(), nearest(name, known.iter().copied()), listed(known));
    match near {
        Some(near) => ConfigFault::EntryMisspelt { kind, name, near: near.to_owned(), known },
        None => ConfigFault::EntryUnknown { kind, name, known },
    }
}

fn listed(known: &[&str]) -> String {
    let mut sorted = known.to_vec();
    sorted.sort_unstable();
    // a line break in a name begins no line of a remedy
    let one_line = |name: &&str| if name.contains(steers) { format!("{name:?}") } else { (*name).to_owned() };
    format!("the kubeconfig has {}", sorted.iter().map(one_line).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
#[path = "kubeconfig_tests.rs"]
mod tests;
