//! The kubeconfig files as one: read and merged as client-go does.
//!
//! Of a list (clusters, users, contexts) the first file to name an entry wins, with the whole entry; of anything else the
//! first file that says something. An empty text says nothing.

use std::collections::BTreeSet;
use std::io::{Error, ErrorKind};
use std::path::Path;

use kube::config::{AuthInfo, Cluster, Kubeconfig, KubeconfigError};
use secrecy::{ExposeSecret, SecretString};

use super::config_fault::ConfigFault;
use super::misread::unreadable;
use super::options::Options;
use crate::local::regular::{NamedBy, read_bytes};

/// The most that is read of one kubeconfig: thousands of clusters with their certificates.
const MOST_BYTES: u64 = 32 << 20;

/// Reads and merges the files. `None` if none of the default files exists.
pub(super) fn read(options: &Options) -> Result<Option<Kubeconfig>, ConfigFault> {
    if let Some(path) = &options.kubeconfig {
        return load(path, NamedBy::Person)
            .map_err(|error| unreadable(path, &error))
            .and_then(|it| checked(path, it))
            .map(Some);
    }
    let named = if options.kubeconfig_named { NamedBy::Person } else { NamedBy::Nobody };
    let mut merged: Option<Kubeconfig> = None;
    for path in options.kubeconfig_paths.iter().filter(|path| !path.as_os_str().is_empty()) {
        let next = match load(path, named) {
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

fn load(path: &Path, named: NamedBy) -> Result<Kubeconfig, KubeconfigError> {
    let unread = |error| KubeconfigError::ReadConfig(error, path.to_owned());
    let bytes = read_bytes(path, named, MOST_BYTES).map_err(|why| unread(why.into()))?;
    // not kube's own way to read a file, which panics where UTF-16 ends in the middle of a letter
    let text = decoded(bytes).ok_or_else(|| unread(Error::new(ErrorKind::InvalidData, "it is no text")))?;
    let mut config = Kubeconfig::from_yaml(&text)?;
    for text in [&mut config.kind, &mut config.api_version, &mut config.current_context] {
        drop_empty(text);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
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

/// A text in UTF-8, or in UTF-16 as PowerShell writes it, which its first bytes tell.
fn decoded(bytes: Vec<u8>) -> Option<String> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, half) = rest.as_chunks();
        half.is_empty()
            .then(|| String::from_utf16(&pairs.iter().map(|pair| unit(*pair)).collect::<Vec<_>>()).ok())?
    };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes).ok(),
    }
}

fn clean_cluster(cluster: &mut Cluster, folder: &Path) {
    from_folder(&mut cluster.certificate_authority, folder);
    for text in [
        &mut cluster.server,
        &mut cluster.certificate_authority_data,
        &mut cluster.proxy_url,
        &mut cluster.tls_server_name,
    ] {
        drop_empty(text);
    }
}

fn clean_user(auth: &mut AuthInfo, folder: &Path) {
    for path in [&mut auth.client_certificate, &mut auth.client_key, &mut auth.token_file] {
        from_folder(path, folder);
    }
    // a command without a slash is one of PATH, as for client-go
    let command = auth.exec.as_mut().map(|exec| &mut exec.command);
    if let Some(command) = command.filter(|it| it.as_ref().is_some_and(|it| it.contains('/'))) {
        from_folder(command, folder);
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

/// A path as the kubeconfig means it: from the folder that it lies in.
fn from_folder(path: &mut Option<String>, folder: &Path) {
    drop_empty(path);
    if let Some(path) = path
        && let Some(whole) = folder.join(&*path).to_str().map(str::to_owned)
    {
        *path = whole;
    }
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
