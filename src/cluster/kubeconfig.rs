//! Which cluster, as whom: kubeconfig files merged, flags laid over them.
//!
//! Never falls back to anything: what is named must exist, and an error lists what does.

use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Cluster, Kubeconfig, KubeconfigError};
use serde_saphyr::Error as YamlError;

use super::error::Error;
use super::options::Options;
use crate::pipeline::fault::nearest;

/// What the kubeconfig and the flags come to.
#[derive(Debug)]
pub(super) struct Choice {
    /// The context's name, if there is one.
    pub(super) context: Option<String>,
    /// The user's name, for messages.
    pub(super) user: String,
    /// The names under which cluster and credentials stand in the kubeconfig; none where only flags say them.
    pub(super) entries: Entries,
    pub(super) cluster: Cluster,
    pub(super) auth: AuthInfo,
}

/// Entries of a kubeconfig, by name.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) cluster: Option<String>,
    pub(super) user: Option<String>,
}

/// Reads and merges the files. `None` if none of the default files exists.
fn read(options: &Options) -> Result<Option<Kubeconfig>, Error> {
    let load = |path: &Path| Kubeconfig::read_from(path).map_err(|error| unreadable(path, &error));
    if let Some(path) = &options.kubeconfig {
        return load(path).map(Some);
    }
    let mut merged: Option<Kubeconfig> = None;
    for path in options.kubeconfig_paths.iter().filter(|path| !path.as_os_str().is_empty()) {
        // kubectl passes over files of the list that are not there.
        if !path.exists() {
            continue;
        }
        let next = load(path)?;
        merged = Some(match merged {
            None => next,
            Some(before) => before.merge(next).map_err(|error| unreadable(path, &error))?,
        });
    }
    Ok(merged)
}

fn unreadable(path: &Path, error: &KubeconfigError) -> Error {
    let (why, remedy) = match error {
        KubeconfigError::ReadConfig(error, _) => (error.to_string(), "Check the path and its permissions."),
        KubeconfigError::Parse(error) => {
            (misread(error), "Correct the file there; none of it is shown here, since it holds credentials.")
        }
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => (
            "its kind or apiVersion is not that of the files before it".to_owned(),
            "Give all files of KUBECONFIG, and all documents in one, apiVersion v1 and kind Config.",
        ),
        _ => (
            "it cannot be read as a kubeconfig".to_owned(),
            "Correct the file; kubectl config view shows what kubectl makes of it.",
        ),
    };
    Error::Config { what: format!("kubeconfig {}", path.display()), why, remedy: remedy.to_owned() }
}

/// Line, column and fault. Nothing that stands in the file: the library's own words quote values and show lines.
fn misread(error: &YamlError) -> String {
    let error = error.without_snippet();
    let fault = match error {
        YamlError::SerdeInvalidType { unexpected, expected, .. }
        | YamlError::SerdeInvalidValue { unexpected, expected, .. } => {
            format!("{} stands where {} belongs", kind(unexpected), belongs(expected))
        }
        YamlError::Unexpected { expected, .. } => format!("{} belongs there", belongs(expected)),
        YamlError::InvalidScalar { ty, .. } => format!("{} belongs there", belongs(ty)),
        YamlError::InvalidBooleanStrict { .. } => "true or false belongs there".to_owned(),
        YamlError::NullIntoString { .. } => "nothing stands where a text belongs".to_owned(),
        YamlError::SerdeMissingField { field, .. } => format!("the field {field} is missing"),
        YamlError::SerdeUnknownVariant { expected, .. } | YamlError::SerdeUnknownField { expected, .. } => {
            format!("one of these belongs there: {}", expected.join(", "))
        }
        YamlError::DuplicateMappingKey { .. } => "a key stands there for the second time".to_owned(),
        YamlError::InvalidBinaryBase64 { .. } => "a !!binary is not base64".to_owned(),
        YamlError::UnknownAnchor { .. } => "an alias has no anchor".to_owned(),
        YamlError::Eof { .. } => "the file ends too early".to_owned(),
        YamlError::AliasError { error, .. } => return misread(error),
        YamlError::Message { .. } => "the value there cannot be read".to_owned(),
        // the parser quotes single letters, after its own words
        YamlError::ExternalMessage { msg, .. } => {
            let words = msg.split(['`', '"', '\'']).next().unwrap_or_default().trim_end_matches([' ', ':']);
            format!("it is not YAML: {words}")
        }
        _ => "it is not YAML".to_owned(),
    };
    match error.location() {
        Some(place) if place.line() > 0 => {
            format!("line {}, column {}: {fault}", place.line(), place.column())
        }
        _ => fault,
    }
}

/// What serde found, without the value, which follows in quotes.
fn kind(unexpected: &str) -> &'static str {
    let name = unexpected.split(['`', '"', '\'']).next().unwrap_or_default().trim();
    match name {
        "string" | "character" => "a text",
        "boolean" => "true or false",
        "integer" | "floating point" => "a number",
        "sequence" => "a list",
        "map" => "a map",
        "unit value" | "Option value" => "nothing",
        _ => "another kind of value",
    }
}

/// What serde wants; its own names of types say nothing to people.
fn belongs(expected: &str) -> &str {
    match expected {
        "a string" | "string" | "string scalar" => "a text",
        "a sequence" | "sequence start" => "a list",
        "a map" | "mapping start" => "a map",
        "a boolean" | "boolean" | "bool" => "true or false",
        expected if expected.starts_with("struct ") => "a map",
        expected => expected,
    }
}

/// Merges, chooses, and lays the flags over the choice.
pub(super) fn choose(options: &Options) -> Result<Choice, Error> {
    let config = match read(options)? {
        Some(config) => config,
        None if options.server.is_some() => Kubeconfig::default(),
        None => return Err(no_kubeconfig(&options.kubeconfig_paths)),
    };
    let contexts: Vec<&str> = config.contexts.iter().map(|it| it.name.as_str()).collect();
    let wanted = options.context.as_deref().or(config.current_context.as_deref()).filter(|it| !it.is_empty());
    let context = match wanted {
        Some(name) => Some(
            config
                .contexts
                .iter()
                .find(|context| context.name == name)
                .and_then(|context| context.context.clone())
                .ok_or_else(|| unknown("context", name, &contexts))?,
        ),
        None if options.server.is_some() || options.cluster.is_some() => None,
        None => {
            return Err(Error::Config {
                what: "kubeconfig".to_owned(),
                why: "it has no current-context".to_owned(),
                remedy: format!("Name one with --context ({}).", listed(&contexts)),
            });
        }
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
    let user = match &auth.impersonate {
        Some(other) => format!("{other} (as asked for by --as)"),
        None if options.token.is_some() => "the bearer of --token".to_owned(),
        None => user_name.unwrap_or("nobody (no user in the kubeconfig)").to_owned(),
    };
    Ok(Choice { context: wanted.map(str::to_owned), user, entries, cluster, auth })
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
            username: None,
            password: None,
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
        auth.impersonate_user_extra = Some(options.impersonate_extra.clone().into_iter().collect());
    }
    let more = auth.impersonate_uid.is_some()
        || auth.impersonate_groups.as_ref().is_some_and(|groups| !groups.is_empty())
        || auth.impersonate_user_extra.as_ref().is_some_and(|extra| !extra.is_empty());
    if more && auth.impersonate.is_none() {
        return Err(Error::Config {
            what: "impersonation".to_owned(),
            why: "a uid, groups or extras are given, but no user".to_owned(),
            remedy: "Add --as USER.".to_owned(),
        });
    }
    Ok(auth)
}

fn no_kubeconfig(paths: &[PathBuf]) -> Error {
    let tried: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    Error::Config {
        what: "kubeconfig".to_owned(),
        why: if tried.is_empty() {
            "no file is named".to_owned()
        } else {
            format!("there is no such file: {}", tried.join(", "))
        },
        remedy: "Name one with --kubeconfig or the variable KUBECONFIG, or a server with --server."
            .to_owned(),
    }
}

fn unknown(what: &str, name: &str, known: &[&str]) -> Error {
    let remedy = match nearest(name, known.iter().copied()) {
        Some(near) => format!("Did you mean {near:?}? ({})", listed(known)),
        None => format!("Name one of the kubeconfig's: {}.", listed(known)),
    };
    Error::Config { what: "kubeconfig".to_owned(), why: format!("it has no {what} named {name:?}"), remedy }
}

fn listed(known: &[&str]) -> String {
    match known {
        [] => "it has none".to_owned(),
        known => {
            let mut sorted = known.to_vec();
            sorted.sort_unstable();
            format!("it has {}", sorted.join(", "))
        }
    }
}

#[cfg(test)]
#[path = "kubeconfig_tests.rs"]
mod tests;
