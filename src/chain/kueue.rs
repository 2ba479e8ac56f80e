//! Kueue, which admits Jobs one after the other: the keys that it reads, and what it says of a Job that waits.
//!
//! Its keys go to the build's Job and nowhere else: on a listener they would have it wait for the place of the build.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::object::{Condition, Served};
use crate::keel::names::Map;

/// Prefix of its keys.
const PREFIX: &str = "kueue.x-k8s.io/";
/// The label that names a LocalQueue of the namespace, by which Kueue takes a Job up.
pub const QUEUE_NAME: &str = "kueue.x-k8s.io/queue-name";
/// API group of its kinds.
pub const GROUP: &str = "kueue.x-k8s.io";

/// Why a build waits for Kueue: what an agent writes beside the sentence, so that nobody has to read that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KueueCase {
    /// There is no Kueue, so that it waits for ever.
    NotServed,
    /// It has made nothing of the Job.
    NotTakenUp,
    /// What it says may not be read.
    Unread,
    /// It queues there.
    Queues,
}

impl KueueCase {
    const ALL: [(Self, &'static str); 4] = [
        (Self::NotServed, "not-served"),
        (Self::NotTakenUp, "not-taken-up"),
        (Self::Unread, "unread"),
        (Self::Queues, "queues"),
    ];
}

/// Where a build waits for Kueue, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KueueWait {
    /// Why.
    pub case: KueueCase,
    /// The LocalQueue.
    pub queue: String,
}

impl fmt::Display for KueueWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = KueueCase::ALL.iter().find(|(case, _)| *case == self.case).map_or("", |(_, word)| word);
        write!(f, "{word} {}", self.queue)
    }
}

/// That nothing which is known here stands there: a later version may know more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no case of waiting for Kueue")]
pub struct NotAKueueWait(String);

impl FromStr for KueueWait {
    type Err = NotAKueueWait;

    fn from_str(text: &str) -> Result<Self, NotAKueueWait> {
        let read = text.split_once(' ').and_then(|(word, queue)| {
            let case = KueueCase::ALL.iter().find(|(_, known)| *known == word)?.0;
            Some(Self { case, queue: queue.to_owned() })
        });
        read.ok_or_else(|| NotAKueueWait(text.to_owned()))
    }
}

impl KueueWait {
    /// What to do about it in that namespace, a clause.
    pub fn remedy(&self, namespace: &str) -> String {
        let queue = &self.queue;
        match self.case {
            KueueCase::NotServed => format!(
                "have Kueue installed, or take the label {QUEUE_NAME} off the build workload of what is pushed next; kubectl \
                 studioci cancel {namespace} ends this build"
            ),
            KueueCase::NotTakenUp => format!(
                "if that lasts, nobody answers for the label {QUEUE_NAME}: kubectl get pods -A -l app.kubernetes.io/name=kueue \
                 shows whether Kueue runs; its configuration has to name batch/job among its integrations"
            ),
            KueueCase::Unread => {
                "an administrator lets agents read them by a ClusterRole as docs/kueue.md has it; the build does not wait for that"
                    .to_owned()
            }
            KueueCase::Queues => format!(
                "kubectl get localqueues,workloads -n {namespace} shows more; the build begins once LocalQueue {queue} has room \
                 for it"
            ),
        }
    }
}

/// A build that Kueue has not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedBuild {
    /// Why, for programs.
    pub wait: KueueWait,
    /// The same in one sentence.
    pub sentence: String,
}

/// Why Kueue has not admitted a Job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unadmitted {
    /// There is no Kueue.
    NotServed,
    /// It has made nothing of the Job.
    NotTakenUp,
    /// What it says cannot be read, and why.
    Unread(String),
    /// What it says itself; none while that is nothing.
    Said(Option<String>),
    /// It was admitted, and why it is not any more.
    Evicted(String),
}

impl Unadmitted {
    /// The build that waits so, for that LocalQueue.
    pub fn of(&self, queue: &str) -> QueuedBuild {
        use KueueCase::{NotServed, NotTakenUp, Queues, Unread};

        let no = "not admitted the build to";
        let (case, how, why) = match self {
            Self::NotServed => {
                (NotServed, no, Some("this cluster does not serve the API of Kueue".to_owned()))
            }
            Self::NotTakenUp => (NotTakenUp, no, Some("it has not taken the Job up yet".to_owned())),
            Self::Unread(why) => (Unread, no, Some(format!("its Workloads cannot be read ({why})"))),
            Self::Said(why) => (Queues, no, why.clone()),
            Self::Evicted(why) => (Queues, "evicted the build from", Some(why.clone())),
        };
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        QueuedBuild {
            wait: KueueWait { case, queue: queue.to_owned() },
            sentence: format!("Kueue has {how} LocalQueue {queue}{why}"),
        }
    }
}

/// Whether a key of a label or annotation is one of its own.
pub fn is_kueue_key(key: &str) -> bool {
    key.starts_with(PREFIX)
}

/// The LocalQueue that labels name.
pub fn queue_of(labels: &Map) -> Option<&str> {
    labels.get(QUEUE_NAME).map(String::as_str).filter(|name| !name.is_empty())
}

/// A Workload: what Kueue makes of a Job that it has taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedWorkload {
    /// uid of its Job.
    pub job: String,
    conditions: Vec<Condition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct QueuedStatus {
    conditions: Option<Vec<Condition>>,
}

#[derive(Debug, Default, Deserialize)]
struct Nothing {}

impl<'de> Deserialize<'de> for QueuedWorkload {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Served { metadata, status, .. } = Served::<Nothing, QueuedStatus>::deserialize(deserializer)?;
        Ok(Self { job: metadata.controller().to_owned(), conditions: status.conditions.unwrap_or_default() })
    }
}

impl QueuedWorkload {
    /// Why it is not admitted, in Kueue's words. One that queues anew says why it still does.
    pub fn unadmitted(&self) -> Unadmitted {
        let [queued, evicted, checked] =
            [("QuotaReserved", "False"), ("Evicted", "True"), ("Admitted", "False")]
                .map(|(name, status)| self.said(name, status).map(str::to_owned));
        match (queued, evicted) {
            (None, Some(why)) => Unadmitted::Evicted(why),
            (queued, _) => Unadmitted::Said(queued.or(checked)),
        }
    }

    fn said(&self, name: &str, status: &str) -> Option<&str> {
        let is = |it: &&Condition| it.r#type == name && it.status == status && !it.message.is_empty();
        self.conditions.iter().find(is).map(|it| it.message.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(conditions: &serde_json::Value) -> QueuedWorkload {
        let object = json!({
            "metadata": { "name": "job-build-1", "ownerReferences": [
                { "kind": "Job", "name": "build", "uid": "j", "controller": true }] },
            "spec": { "queueName": "main" },
            "status": { "conditions": conditions },
        });
        serde_json::from_value(object).expect("it is read")
    }

    #[test]
    fn why_a_job_waits_is_said_in_kueues_words() {
        let said = |why: &str| Unadmitted::Said(Some(why.to_owned()));
        for (conditions, says) in [
            (json!(null), Unadmitted::Said(None)),
            (json!([]), Unadmitted::Said(None)),
            (
                json!([{ "type": "QuotaReserved", "status": "False", "reason": "Pending",
                    "message": "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu" }]),
                said("couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu"),
            ),
            (
                json!([{ "type": "Evicted", "status": "True", "reason": "Preempted", "message": "Preempted to make room" }]),
                Unadmitted::Evicted("Preempted to make room".to_owned()),
            ),
            (
                json!([
                    { "type": "Evicted", "status": "True", "reason": "Preempted", "message": "Preempted to make room" },
                    { "type": "QuotaReserved", "status": "False", "reason": "Inadmissible", "message": "ClusterQueue a is inactive" },
                ]),
                said("ClusterQueue a is inactive"),
            ),
            (
                json!([
                    { "type": "QuotaReserved", "status": "True", "message": "Quota reserved in ClusterQueue a" },
                    { "type": "Admitted", "status": "False", "message": "The workload has not all checks ready" },
                ]),
                said("The workload has not all checks ready"),
            ),
        ] {
            let workload = read(&conditions);
            assert_eq!((workload.job.as_str(), workload.unadmitted()), ("j", says), "{conditions}");
        }
    }

    #[test]
    fn what_is_to_be_done_about_a_build_that_waits_is_told_by_its_case_and_by_no_word_of_a_sentence() {
        let words_of_ours = "it has not taken the Job up yet";
        for (why, sentence, says) in [
            (
                Unadmitted::NotServed,
                "not admitted the build to LocalQueue main: this cluster does not serve the API of Kueue",
                "kubectl studioci cancel ci-a ends this build",
            ),
            (
                Unadmitted::NotTakenUp,
                "not admitted the build to LocalQueue main: it has not taken the Job up yet",
                "shows whether Kueue runs",
            ),
            (
                Unadmitted::Unread("forbidden: get".to_owned()),
                "not admitted the build to LocalQueue main: its Workloads cannot be read (forbidden: get)",
                "by a ClusterRole as docs/kueue.md has it",
            ),
            (
                Unadmitted::Said(Some(words_of_ours.to_owned())),
                "not admitted the build to LocalQueue main: it has not taken the Job up yet",
                "once LocalQueue main has room",
            ),
            (
                Unadmitted::Evicted("Preempted".to_owned()),
                "evicted the build from LocalQueue main: Preempted",
                "once LocalQueue main has room",
            ),
            (
                Unadmitted::Said(None),
                "not admitted the build to LocalQueue main",
                "kubectl get localqueues,workloads -n ci-a",
            ),
        ] {
            let QueuedBuild { wait, sentence: said } = why.of("main");
            assert_eq!(said, format!("Kueue has {sentence}"));
            assert_eq!(wait.to_string().parse(), Ok(wait.clone()), "{wait}");
            let remedy = wait.remedy("ci-a");
            assert!(remedy.contains(says), "{wait}: {remedy}");
        }
        for other in ["", "not-served", "later main", "Kueue has not admitted the build to LocalQueue main"] {
            assert_eq!(other.parse::<KueueWait>(), Err(NotAKueueWait(other.to_owned())));
        }
    }

    #[test]
    fn a_queue_is_named_by_one_label_alone() {
        let label = |key: &str, value: &str| Map::from([(key.to_owned(), value.to_owned())]);
        assert_eq!(queue_of(&label(QUEUE_NAME, "main")), Some("main"));
        assert_eq!(queue_of(&label(QUEUE_NAME, "")), None);
        let urgent = "kueue.x-k8s.io/priority-class";
        assert_eq!(queue_of(&label(urgent, "high")), None);
        assert!(is_kueue_key(urgent) && !is_kueue_key("x-kueue.x-k8s.io/queue-name"));
    }
}
