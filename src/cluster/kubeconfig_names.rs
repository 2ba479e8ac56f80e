//! The kubeconfig as it was read once, and what its entries are called.

use kube::config::Kubeconfig;

use super::Error;
use super::kubeconfig_files::read;
use super::options::Options;

/// A kubeconfig that was read, for several connections by it: what a person has named may be a pipe, which is read once.
#[derive(Debug, Clone)]
pub struct KubeconfigRead(pub(super) Option<Kubeconfig>);

impl KubeconfigRead {
    /// Reads it; that there is none is no error yet.
    ///
    /// # Errors
    /// [`Error::Config`] for a file that cannot be read.
    pub fn of(options: &Options) -> Result<Self, Error> {
        Ok(Self(read(options)?))
    }

    /// What its entries are called.
    pub fn names(self) -> KubeconfigNames {
        let config = self.0.unwrap_or_default();
        KubeconfigNames {
            contexts: config.contexts.into_iter().map(|entry| entry.name).collect(),
            clusters: config.clusters.into_iter().map(|entry| entry.name).collect(),
            users: config.auth_infos.into_iter().map(|entry| entry.name).collect(),
        }
    }
}

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
        Ok(KubeconfigRead::of(options)?.names())
    }
}
