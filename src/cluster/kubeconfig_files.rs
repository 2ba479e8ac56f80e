//! The kubeconfig files as one: read and merged as client-go does.
//!
//! Of a list (clusters, users, contexts) the first file to name an entry wins, with the whole entry; of anything else the
//! first file that says something. An empty text says nothing.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use kube::config::{AuthInfo, Cluster, Kubeconfig, KubeconfigError};
use secrecy::{ExposeSecret, SecretString};

use super::config_fault::ConfigFault;
use super::misread::unreadable;
use super::options::Options;

/// Reads and merges the files. `None` if none of the default files exists.
pub(super) fn read(options: &Options) -> Result<Option<Kubeconfig>, ConfigFault> {
    if let Some(path) = &options.kubeconfig {
        return load(path)
            .map_err(|error| unreadable(path, &error))
            .and_then(|it| checked(path, it))
            .map(Some);
    }
    let mut merged: Option<Kubeconfig> = None;
    for path in options.kubeconfig_paths.iter().filter(|path| !path.as_os_str().is_empty()) {
        let next = match load(path) {
            Ok(next) => checked(path, next)?,
            // kubectl passes over files of the list that are not there
            Err(KubeconfigError::ReadConfig(error, _)) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(path, &error)),
        };
        merged = Some(match merged {
            None => next,
            Some(before) => before.merge(next).map_err(|error| unreadable(path, &error))?,
        });
    }
    Ok(merged)
}

/// Whether nothing is said: kubectl treats such a file as one that is not there.
pub(super) fn is_empty(config: &Kubeconfig) -> bool {
    config.current_context.is_none()
        && config.contexts.is_empty()
        && config.clusters.is_empty()
        && config.auth_infos.is_empty()
}

fn load(path: &Path) -> Result<Kubeconfig, KubeconfigError> {
    let mut config = Kubeconfig::read_from(path)?;
    for text in [&mut config.kind, &mut config.api_version, &mut config.current_context] {
        drop_empty(text);
    }
    // what kube makes of an empty path: that of the folder
    let folder = path.parent().unwrap_or(Path::new("")).join("");
    let folder = folder.to_str().unwrap_or_default();
    for named in &mut config.clusters {
        clean_cluster(named.cluster.get_or_insert_default(), folder);
    }
    for named in &mut config.auth_infos {
        clean_user(named.auth_info.get_or_insert_default(), folder);
    }
    for named in &mut config.contexts {
        drop_empty(&mut named.context.get_or_insert_default().user);
    }
    Ok(config)
}

fn clean_cluster(cluster: &mut Cluster, folder: &str) {
    drop_path(&mut cluster.certificate_authority, folder);
    for text in [
        &mut cluster.server,
        &mut cluster.certificate_authority_data,
        &mut cluster.proxy_url,
        &mut cluster.tls_server_name,
    ] {
        drop_empty(text);
    }
}

fn clean_user(auth: &mut AuthInfo, folder: &str) {
    for path in [&mut auth.client_certificate, &mut auth.client_key, &mut auth.token_file] {
        drop_path(path, folder);
    }
    for text in [
        &mut auth.username,
        &mut auth.client_certificate_data,
        &mut auth.impersonate,
        &mut auth.impersonate_uid,
    ] {
        drop_empty(text);
    }
    for secret in [&mut auth.token, &mut auth.password, &mut auth.client_key_data] {
        drop_secret(secret);
    }
}

fn drop_empty(text: &mut Option<String>) {
    text.take_if(|text| text.is_empty());
}

fn drop_path(path: &mut Option<String>, folder: &str) {
    path.take_if(|path| path.is_empty() || path == folder);
}

fn drop_secret(secret: &mut Option<SecretString>) {
    secret.take_if(|secret| secret.expose_secret().is_empty());
}

/// Refuses two entries of one name, as kubectl does: which of them is meant is anybody's guess.
fn checked(path: &Path, config: Kubeconfig) -> Result<Kubeconfig, ConfigFault> {
    let lists = [
        ("context", config.contexts.iter().map(|it| &it.name).collect::<Vec<_>>()),
        ("cluster", config.clusters.iter().map(|it| &it.name).collect()),
        ("user", config.auth_infos.iter().map(|it| &it.name).collect()),
    ];
    for (kind, names) in lists {
        let mut seen = BTreeSet::new();
        if let Some(name) = names.into_iter().find(|name| !seen.insert(*name)) {
            let file = path.display().to_string();
            return Err(ConfigFault::EntryTwice { file, kind, name: name.clone() });
        }
    }
    Ok(config)
}
