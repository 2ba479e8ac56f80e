//! What a build's namespace holds, read for a report: as far as it can be, since what home knows is told in any case.

use std::result::Result;

use futures_util::future::{join_all, join4};

use crate::chain::build::Build;
use crate::chain::contents::{Contents, Sight};
use crate::chain::pod::Pod;
use crate::chain::workload::Scalable;
use crate::cluster::objects::Event;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Error, Query};
use crate::state::{select, support};

/// So many of each are read at most: a build makes as many as it likes, and as large as they may be.
const MOST: usize = 200;

/// What the namespace of a build holds, and one sentence for each part that cannot be read.
pub(super) async fn contents(cluster: &Cluster, build: &Build) -> (Contents, Vec<String>) {
    let namespace = build.namespace.as_str();
    let of_kind = |kind| support::of_kind(cluster, namespace, kind, support::select().at_most(MOST));
    let (support, agents, pods, events) = join4(
        join_all(Scalable::ALL.map(of_kind)),
        // asked for apart, so that no other pods keep them out of sight
        known_pods(cluster, build),
        cluster.list::<Pod>(&kind::PODS, Some(namespace), &Query::default().at_most(MOST)),
        cluster.list::<Event>(&kind::EVENTS, Some(namespace), &Query::default().at_most(MOST)),
    )
    .await;
    let mut contents = Contents::default();
    let mut read = NamespaceRead { namespace, notices: Vec::new() };
    let workloads = support.into_iter().filter_map(|of_kind| read.or_note("support", of_kind));
    contents.add_support(workloads.flatten().collect());
    if let Some((known, others)) = read.or_note("pods", agents.and_then(|known| Ok((known, pods?.items)))) {
        let is_full = others.len() >= MOST;
        contents.add_pods(build, known.into_iter().chain(others).collect(), is_full);
    }
    if let Some(events) = read.or_note("events", events) {
        let is_full = events.items.len() >= MOST;
        contents.add_sights(events.items.into_iter().map(sight).collect(), is_full);
    }
    (contents, read.notices)
}

/// The pods of the agent and of the build's Job.
async fn known_pods(cluster: &Cluster, build: &Build) -> Result<Vec<Pod>, Error> {
    let of_job = build.job_uid.as_deref().map(select::pods_of_job);
    let asked = [Some(select::agents_of(&build.chain)), of_job].into_iter().flatten();
    let asked = asked.map(|query| async move {
        cluster.list::<Pod>(&kind::PODS, Some(&build.namespace), &query.at_most(MOST)).await
    });
    let mut known = Vec::new();
    for list in join_all(asked).await {
        known.extend(list?.items);
    }
    Ok(known)
}

/// What is read in a namespace.
struct NamespaceRead<'a> {
    namespace: &'a str,
    /// Of what cannot be.
    notices: Vec<String>,
}

impl NamespaceRead<'_> {
    /// What was read; none, and a notice, of what cannot be.
    fn or_note<T>(&mut self, what: &str, read: Result<T, Error>) -> Option<T> {
        let error = match read {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let begin = format!("{what} of {} cannot be read: ", self.namespace);
        // the kinds of support are refused alike
        if !self.notices.iter().any(|told| told.starts_with(&begin)) {
            self.notices.push(format!("{begin}{error}"));
        }
        None
    }
}

fn sight(event: Event) -> Sight {
    let of = &event.involved_object;
    Sight {
        at: event.last_seen(),
        warns: event.r#type == "Warning",
        object: format!("{}/{}", of.kind, of.name),
        reason: event.reason,
        message: event.message,
    }
}
