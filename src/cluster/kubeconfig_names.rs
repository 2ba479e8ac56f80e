//! What the entries of the kubeconfig are called.

use super::Error;
use super::kubeconfig_files::read;
use super::options::Options;

/// Names that `--context`, `--cluster` and `--user` may have, in the order of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KubeconfigNames {
    /// Contexts.
    pub contexts: Vec<String>,
    /// Clusters.
    pub clusters: Vec<String>,
    /// Users.
    pub users: Vec<String>,
}

impl KubeconfigNames {
    /// Reads them; none where there is no kubeconfig.
    ///
    /// # Errors
    /// [`Error::Config`] for a file that cannot be read.
    pub fn of(options: &Options) -> Result<Self, Error> {
        let config = read(options)?.unwrap_or_default();
        Ok(Self {
            contexts: config.contexts.into_iter().map(|entry| entry.name).collect(),
            clusters: config.clusters.into_iter().map(|entry| entry.name).collect(),
            users: config.auth_infos.into_iter().map(|entry| entry.name).collect(),
        })
    }
}
