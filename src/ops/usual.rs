//! How long a part of a chain's builds usually takes.

use jiff::SignedDuration;

use super::report::history_of;
use crate::chain::build::Phase;
use crate::chain::outbox::of_history;
use crate::chain::reported::median;
use crate::chain::side::is_side;
use crate::cluster::Cluster;

/// From where to where of a build.
pub type BuildSpan = (Phase, Phase);

/// The median of what the chain's history tells of pushes: what was built by hand waits for slots and images otherwise. None where it tells nothing, or cannot be read: nobody's wait fails for that.
pub async fn usual(cluster: &Cluster, chain: &str, (from, to): BuildSpan) -> Option<SignedDuration> {
    let history = history_of(cluster, chain).await.ok()?;
    let pushes = history.iter().filter(|entry| !is_side(entry.generation));
    let took = pushes.filter_map(|entry| {
        let times = of_history(entry, chain, "").times;
        Some(times.get(&to)?.duration_since(*times.get(&from)?))
    });
    median(took.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use testkit::Reply;

    use super::*;

    fn cluster(entries: &'static [(i64, i64, Option<i64>)]) -> Cluster {
        numbered(0, entries)
    }

    /// The same, of builds with numbers from this one on.
    fn numbered(from: usize, entries: &'static [(i64, i64, Option<i64>)]) -> Cluster {
        Cluster::scripted(move |request| {
            if request.path != "/api/v1/namespaces/studioci/configmaps/history-app" {
                return Reply::Status(403, "Forbidden", "nobody may");
            }
            let at = |second: i64| format!("2026-11-25T10:{:02}:{:02}Z", second / 60, second % 60);
            let entry = |(place, (listening, triggered, recorded)): (usize, &(i64, i64, Option<i64>))| {
                let mut times = json!({ "listening": at(*listening), "triggered": at(*triggered) });
                if let Some(recorded) = recorded {
                    times["recorded"] = json!(at(*recorded));
                }
                let place = from + place;
                let entry = json!({ "generation": place, "namespace": "n", "uid": "u", "verdict": "Passed",
                    "cause": "", "times": times });
                (format!("build.{place:010}"), json!(entry.to_string()))
            };
            let data: serde_json::Map<String, Value> = entries.iter().enumerate().map(entry).collect();
            Reply::Json(200, json!({ "metadata": { "name": "history-app" }, "data": data }))
        })
        .0
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_the_median_of_the_builds_that_have_come_that_far() {
        let recorded = (Phase::Triggered, Phase::Recorded);
        let three = cluster(&[(0, 10, Some(40)), (0, 10, Some(600)), (0, 10, Some(110)), (0, 9, None)]);
        assert_eq!(usual(&three, "app", recorded).await, Some(SignedDuration::from_secs(100)));
        let listened = (Phase::Listening, Phase::Triggered);
        assert_eq!(usual(&three, "app", listened).await, Some(SignedDuration::from_secs(10)));
        assert_eq!(usual(&cluster(&[]), "app", recorded).await, None);
        let first = usize::try_from(crate::chain::side::FIRST).unwrap();
        let hand = numbered(first - 1, &[(0, 10, Some(40)), (0, 10, Some(600)), (0, 10, Some(700))]);
        assert_eq!(
            usual(&hand, "app", recorded).await,
            Some(SignedDuration::from_secs(30)),
            "what was built by hand is no push"
        );
        assert_eq!(usual(&three, "other", recorded).await, None, "who may not read it is told nothing");
    }
}
