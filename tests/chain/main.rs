//! The chain on real parts: kubectl calls the plugin, a real API server, controllers and kubelet with real containers
//! do the rest. Only Keel is played by a stand-in, unless `STUDIOCI_TEST_KEEL` names a real one.
//!
//! Run by `cargo xtask test chain_`, and `native_` for those that hold us to kubectl. The proofs share one cluster and one Keel at a time, so they take turns.
#![expect(clippy::unwrap_used, reason = "a test has no better answer to what cannot be")]
#![expect(clippy::disallowed_methods, reason = "proofs wait for real servers, by real clocks")]

mod alerts;
mod bad;
mod byhand;
mod completed;
mod confined;
mod connected;
mod crash;
mod doctored;
mod events;
mod examples;
mod full;
mod gate;
mod held;
mod hostile;
mod init;
mod keel;
mod krewed;
mod kueue;
mod listed;
mod locked;
mod logs;
mod native;
mod over;
mod pages;
mod pod;
mod proxy;
mod published;
mod queued;
mod reasons;
mod refused;
mod remedied;
mod retag;
mod rotated;
mod runaway;
mod same;
mod stale;
mod start;
mod support;
mod tidied;
mod turn;
mod verdicts;
mod waits;
mod watching;
mod world;
