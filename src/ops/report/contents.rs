//! What a build's namespace holds, read for a report: whatever may be read of it, and why the rest may not.

use futures_util::future::{join, join_all};

use super::unmasked;
use crate::chain::build::Build;
use crate::chain::contents::{Contents, Sight};
use crate::chain::pod::Pod;
use crate::chain::workload::Scalable;
use crate::cluster::objects::Event;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Error as ClusterError, Query};
use crate::state::error::{Error, Result};
use crate::state::support;

/// So many of each are read at most: a build makes as many as it likes.
const MOST: usize = 500;

/// What the namespace of a build holds, and one sentence for each part that may not be read.
pub(super) async fn contents(cluster: &Cluster, build: &Build) -> Result<(Contents, Vec<String>)> {
    let namespace = build.namespace.as_str();
    let mut contents = Contents::default();
    let mut may = MayRead { namespace, notices: Vec::new() };
    let few = Query::default().at_most(MOST);
    let rest = join(
        cluster.list::<Pod>(&kind::PODS, Some(namespace), &few),
        cluster.list::<Event>(&kind::EVENTS, Some(namespace), &few),
    );
    let support = join_all(
        Scalable::ALL.map(|kind| support::of_kind(cluster, namespace, kind, support::select().at_most(MOST))),
    );
    let (support, (pods, events)) = join(support, rest).await;
    let mut workloads = Vec::new();
    for of_kind in support {
        workloads.extend(may.unless_forbidden("support", of_kind)?.unwrap_or_default());
    }
    contents.add_support(workloads);
    if let Some(pods) = may.unless_forbidden("pods", pods)? {
        contents.add_pods(build, pods.items);
    }
    if let Some(events) = may.unless_forbidden("events", events)? {
        contents.add_sights(events.items.into_iter().map(sight).collect());
    }
    Ok((contents, may.notices))
}

/// What this person may read in a namespace.
struct MayRead<'a> {
    namespace: &'a str,
    /// Of what they may not.
    notices: Vec<String>,
}

impl MayRead<'_> {
    /// What was read; none, and a notice, of what this person may not read.
    fn unless_forbidden<T>(
        &mut self,
        what: &str,
        read: std::result::Result<T, ClusterError>,
    ) -> Result<Option<T>> {
        match read.map_err(Error::from) {
            Ok(read) => Ok(Some(read)),
            Err(error) if unmasked(&error) => {
                let notice = format!("{what} of {} cannot be read: {error}", self.namespace);
                // the kinds of support are refused alike
                if !self.notices.iter().any(|told| told.starts_with(&format!("{what} of "))) {
                    self.notices.push(notice);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
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
