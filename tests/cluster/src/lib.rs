//! A real Kubernetes cluster on loopback: etcd, API server, controllers, scheduler, a kubelet with real containers and
//! a registry, for the tests, the demo and the benches. No package of the host is needed but Go and a C compiler, and
//! these only to build the servers once.
//!
//! | room | is for |
//! |---|---|
//! | [`host`] | may this machine run it, and if not, what to type |
//! | [`tools`] | the servers, built from Go modules into a cache outside the tree |
//! | [`cluster`] | start and stop, in order |
//! | [`handle`] | what a test holds: kubeconfigs, registry, audit log, the power to kill a server |
//! | [`archive`], [`image`], [`index`], [`registry`] | archives and images without docker, and the registry's HTTP API |
//! | [`login`] | who somebody is to a registry |
//! | [`door`] | a registry that wants a login |
//! | [`audit`] | which requests reached the API server, in order |
//! | [`part`] | the servers as processes: found again by pid and start time |
//! | [`etcd`] | objects by the thousand, past the API server |
//! | [`open`] | a second API server that authorizes everything |
//! | [`state`], [`settings`], [`pki`] | the folder of one cluster, its files, its certificates |
//! | [`network`], [`cgroup`], [`sysctl`], [`cleanup`] | what is taken from the kernel, and how it is given back |
//! | [`interrupt`], [`progress`], [`error`] | signals; what people see |
//!
//! It refuses to touch what it did not make: processes are found by pid *and* start time, mounts and cgroups by the
//! cluster's own folder and name, and a folder that still holds a mount is never removed.
#![allow(
    clippy::missing_errors_doc,
    reason = "an error of it says by itself what went wrong; nobody tells them apart"
)]

mod api;
pub mod archive;
pub mod audit;
pub mod cgroup;
pub mod cleanup;
pub mod cluster;
pub mod door;
pub mod error;
pub mod etcd;
pub mod handle;
pub mod host;
pub mod image;
pub mod index;
pub mod interrupt;
pub mod login;
pub mod network;
pub mod open;
pub mod part;
pub mod pki;
pub mod progress;
pub mod registry;
pub mod settings;
pub mod state;
pub mod sysctl;
pub mod tools;

pub use cluster::{Cluster, Options};
pub use error::Error;
pub use handle::Handle;
pub use part::Part;
pub use tools::Tools;
