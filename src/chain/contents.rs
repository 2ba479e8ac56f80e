//! What a build's namespace holds now, as far as it is told of: support with its replicas, pods, and the latest events.
//!
//! The build makes pods and events itself, as many as it likes and of any name: none of it is a proof, and of each no more than
//! some are told.

use jiff::Timestamp;

use super::build::Build;
use super::pod::Pod;
use super::workload::{Scalable, Workload};

/// So many workloads are told of at most.
pub const SUPPORT_MAX: usize = 50;
/// So many pods.
pub const PODS_MAX: usize = 50;
/// So many events, the latest.
pub const SIGHTS_MAX: usize = 20;

/// What a namespace holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its support, by kind and name.
    pub support: Vec<SupportRow>,
    /// Its pods: the agent's, the build's, then others by their names.
    pub pods: Vec<PodRow>,
    /// What happened last, newest last.
    pub sights: Vec<Sight>,
    /// One sentence for each of them that is told in part only.
    pub left_out: Vec<String>,
}

/// A workload of support.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportRow {
    /// Its kind.
    pub kind: Scalable,
    /// Its name.
    pub name: String,
    /// How many replicas are ready.
    pub ready: u32,
    /// How many it is asked for.
    pub replicas: u32,
    /// How many `scale up` asks for; none where nobody has written that down.
    pub remembered: Option<u32>,
    /// Why its controller can create no pods.
    pub why: Option<String>,
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodRow {
    /// Its name.
    pub name: String,
    /// `Job/studioci-build`, by its own word; none where no controller made it.
    pub controlled_by: Option<String>,
    /// How many of its containers are ready, and how many there are.
    pub ready: (usize, usize),
    /// As kubectl shows it.
    pub status: String,
    /// How often its containers were restarted.
    pub restarts: u32,
    /// Why it stands still.
    pub why: Option<String>,
}

/// An event as it is told: something that was seen in the namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// When it was last seen; none where no clock of it is set.
    pub at: Option<Timestamp>,
    /// Whether it warns.
    pub warns: bool,
    /// One word.
    pub reason: String,
    /// `Pod/studioci-build-x7k2p`.
    pub object: String,
    /// One sentence.
    pub message: String,
}

impl Contents {
    /// Support, by kind and name.
    pub fn add_support(&mut self, support: Vec<(Scalable, Workload)>) {
        let row = |(kind, it): (Scalable, Workload)| SupportRow {
            kind,
            ready: it.ready(kind),
            replicas: it.replicas,
            remembered: it.remembered.and_then(|count| count.parse().ok()),
            why: it.refused,
            name: it.name,
        };
        let mut rows: Vec<SupportRow> = support.into_iter().map(row).collect();
        rows.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        self.bound("workloads", rows.len(), SUPPORT_MAX, false);
        rows.truncate(SUPPORT_MAX);
        self.support = rows;
    }

    /// The pods of a build's namespace, some of them perhaps twice. `is_full`: whether there may be more.
    pub fn add_pods(&mut self, build: &Build, mut pods: Vec<Pod>, is_full: bool) {
        let place = |pod: &Pod| match pod {
            pod if pod.is_agent_of(build) => 0,
            pod if pod.is_build_of(build) => 1,
            _ => 2,
        };
        pods.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.name.cmp(&b.name)));
        pods.dedup_by(|a, b| a.name == b.name);
        self.bound("pods", pods.len(), PODS_MAX, is_full);
        pods.truncate(PODS_MAX);
        let row = |pod: Pod| PodRow {
            ready: pod.ready_containers(),
            status: pod.status_word(),
            restarts: pod.restarted(),
            why: pod.trouble(),
            controlled_by: Some(pod.controlled_by).filter(|by| !by.is_empty()),
            name: pod.name,
        };
        self.pods = pods.into_iter().map(row).collect();
    }

    /// What was seen in it, in any order. `is_full`: whether there may be more, and later ones.
    pub fn add_sights(&mut self, mut sights: Vec<Sight>, is_full: bool) {
        sights.sort_by_key(|sight| sight.at);
        self.bound("events", sights.len(), SIGHTS_MAX, is_full);
        self.sights = sights.split_off(sights.len().saturating_sub(SIGHTS_MAX));
    }

    fn bound(&mut self, what: &str, all: usize, most: usize, is_full: bool) {
        if is_full {
            self.left_out.push(format!("Of {all} {what} and more, which were not read, {most} are shown."));
        } else if all > most {
            self.left_out.push(format!("Of {all} {what}, {most} are shown."));
        }
    }

    /// Every text of it in which others have the say.
    pub fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let support = self.support.iter_mut().flat_map(|it| [Some(&mut it.name), it.why.as_mut()]);
        let pods = self.pods.iter_mut().flat_map(|it| {
            [Some(&mut it.name), it.controlled_by.as_mut(), Some(&mut it.status), it.why.as_mut()]
        });
        let sights = self
            .sights
            .iter_mut()
            .flat_map(|it| [Some(&mut it.reason), Some(&mut it.object), Some(&mut it.message)]);
        support.chain(pods).chain(sights).flatten()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use super::*;
    use crate::chain::build::Phase;
    use crate::chain::wire;

    fn pod(name: &str) -> Pod {
        Pod { name: name.to_owned(), namespace: "ci-a".to_owned(), ..Pod::default() }
    }

    #[test]
    fn the_agents_and_the_builds_pods_come_first_however_others_are_called_and_how_many_there_are() {
        let mut build = Build::played("ci-a", Phase::Building, &[]);
        build.job_uid = Some("job".to_owned());
        let agent = Pod { account: wire::agent_account(&build.chain), ..pod("z-agent") };
        let own = Pod {
            controller: "job".to_owned(),
            controlled_by: "Job/studioci-build".to_owned(),
            ..pod("y-build")
        };
        let others = (0..PODS_MAX).map(|number| pod(&format!("a-{number:03}")));
        let mut contents = Contents::default();
        contents.add_pods(&build, others.chain([own.clone(), agent, own]).collect(), false);
        let names: Vec<&str> = contents.pods.iter().map(|it| it.name.as_str()).collect();
        assert_eq!((&names[..3], names.len()), (&["z-agent", "y-build", "a-000"][..], PODS_MAX));
        assert_eq!(contents.pods[1].controlled_by.as_deref(), Some("Job/studioci-build"));
        assert_eq!(contents.left_out, ["Of 52 pods, 50 are shown."]);
    }

    #[test]
    fn of_what_happened_the_latest_is_told_newest_last() {
        let sight = |second: i64| Sight {
            at: Some(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)),
            warns: false,
            reason: "Pulled".to_owned(),
            object: "Pod/x".to_owned(),
            message: second.to_string(),
        };
        let mut contents = Contents::default();
        contents.add_sights((0..25).rev().map(sight).collect(), false);
        let told: Vec<&str> = contents.sights.iter().map(|it| it.message.as_str()).collect();
        assert_eq!((told.len(), told[0], told[19]), (20, "5", "24"));
        assert_eq!(contents.left_out, ["Of 25 events, 20 are shown."]);
        let mut few = Contents::default();
        few.add_sights(vec![Sight { at: None, ..sight(9) }, sight(3)], false);
        assert_eq!((few.sights[1].message.as_str(), few.left_out.len()), ("3", 0));
        few.add_sights(vec![sight(1); 200], true);
        assert_eq!(few.left_out, ["Of 200 events and more, which were not read, 20 are shown."]);
    }

    #[test]
    fn support_is_told_with_what_it_is_asked_for_and_what_it_was_asked_for_before() {
        let workload = |it: Value| serde_json::from_value::<Workload>(it).unwrap();
        let refused = json!([{ "type": "ReplicaFailure", "status": "True", "message": "exceeded quota" }]);
        let scaled = workload(json!({
            "metadata": { "name": "db", "annotations": { wire::REPLICAS: "2" } },
            "spec": { "replicas": 0 }, "status": { "conditions": refused },
        }));
        let edited = workload(json!({
            "metadata": { "name": "cache", "annotations": { wire::REPLICAS: "many" } },
        }));
        let mut contents = Contents::default();
        contents.add_support(vec![(Scalable::StatefulSet, scaled), (Scalable::Deployment, edited)]);
        let told: Vec<_> =
            contents.support.iter().map(|it| (&*it.name, it.replicas, it.remembered)).collect();
        assert_eq!(told, [("cache", 1, None), ("db", 0, Some(2))]);
        let texts: Vec<String> = contents.texts().map(|text| text.clone()).collect();
        assert_eq!(texts, ["cache", "db", "exceeded quota"]);
    }
}
