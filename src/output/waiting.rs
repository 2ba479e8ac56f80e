//! What is said of a wait while it lasts: what is waited for, for how long by now, and how long it usually takes.

use jiff::{SignedDuration, Timestamp};

use super::status::idle;
use crate::chain::age;
use crate::chain::build::{Build, Phase};

/// A wait.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// What goes on.
    pub doing: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What that waits for.
    pub what: Option<String>,
    /// The chain whose earlier builds tell how long it takes; none where they do not.
    pub chain: Option<String>,
}

impl Waiting {
    /// Something that begins now.
    pub fn from(doing: impl Into<String>, now: Timestamp) -> Self {
        Self { doing: doing.into(), since: Some(now), ..Self::default() }
    }

    /// A build, and what is seen of it from outside.
    pub fn of_build(build: &Build, outside: Option<&str>) -> Self {
        let at = |phase: Phase| build.times.get(&phase).copied();
        if build.verdict.is_some() {
            return Self {
                doing: format!("Waiting for the build after {}", build.namespace),
                since: at(Phase::Recorded),
                ..Self::default()
            };
        }
        let began = at(Phase::Triggered).filter(|_| build.runs());
        Self {
            doing: format!("{} {}", build.phase_shown(), build.namespace),
            since: began.or_else(|| at(build.phase)).or(build.created),
            what: outside.map(str::to_owned).or_else(|| build.waiting.clone()).or_else(|| idle(build, None)),
            // of what has not begun nobody knows how long it takes
            chain: began.map(|_| build.chain.clone()),
        }
    }

    /// `Building ci-eager-hopper (3m12s, about 4m left): support is not ready`.
    pub fn line(&self, usual: Option<SignedDuration>, now: Timestamp) -> String {
        let mut times = Vec::new();
        if let Some(since) = self.since {
            // two clocks may differ
            let waited = now.max(since).duration_since(since);
            times.push(long(waited));
            times.extend(usual.filter(|_| self.chain.is_some()).map(|usual| match usual - waited {
                left if left.is_positive() => format!("about {} left", long(roughly(left))),
                _ => format!("usually {}", long(usual)),
            }));
        }
        let times = if times.is_empty() { String::new() } else { format!(" ({})", times.join(", ")) };
        let what = self.what.as_ref().map(|what| format!(": {what}")).unwrap_or_default();
        format!("{}{times}{what}", self.doing)
    }
}

fn long(took: SignedDuration) -> String {
    age::human(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH.saturating_add(took).unwrap_or(Timestamp::MAX))
}

/// Rounded up to what an estimate is good for: whole minutes, and tens of seconds at the end.
fn roughly(left: SignedDuration) -> SignedDuration {
    let seconds = left.as_secs() + i64::from(left.subsec_nanos() > 0);
    let step = if seconds > 60 { 60 } else { 10 };
    SignedDuration::from_secs((seconds + step - 1) / step * step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::build::Verdict;
    use crate::chain::wire;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn build(phase: Phase, times: &[(Phase, i64)], more: &[(&str, &str)]) -> Build {
        let times = times.iter().map(|(phase, second)| (*phase, at(*second))).collect();
        Build { times, ..Build::played("ci-a", phase, more) }
    }

    #[test]
    fn a_build_says_its_phase_how_long_it_has_run_and_how_much_is_left() {
        let times = [(Phase::Triggered, 0), (Phase::Building, 60)];
        let building = Waiting::of_build(&build(Phase::Building, &times, &[]), None);
        let line = |usual: i64, now: i64| {
            building.line(Some(SignedDuration::from_secs(usual)).filter(|it| !it.is_zero()), at(now))
        };
        assert_eq!(line(0, 100), "Building ci-a (100s)", "nothing is known of earlier ones");
        for (usual, now, times) in [
            (300, 100, "100s, about 4m left"),
            (300, 240, "4m, about 60s left"),
            (300, 241, "4m1s, about 60s left"),
            (300, 251, "4m11s, about 50s left"),
            (300, 299, "4m59s, about 10s left"),
            (300, 300, "5m, usually 5m"),
            (720, 3600, "60m, usually 12m"),
            (20_000, 100, "100s, about 5h32m left"),
        ] {
            assert_eq!(line(usual, now), format!("Building ci-a ({times})"), "{usual} {now}");
        }
        assert_eq!(line(300, -5), "Building ci-a (0s, about 5m left)", "a clock that is behind");
    }

    #[test]
    fn what_a_build_waits_for_is_said_and_what_is_seen_from_outside_first() {
        let waits = [(wire::WAITING, "support is not ready")];
        let preparing = build(Phase::Preparing, &[(Phase::Triggered, 0)], &waits);
        let line = |waiting: Waiting| waiting.line(None, at(9));
        assert_eq!(line(Waiting::of_build(&preparing, None)), "Preparing ci-a (9s): support is not ready");
        assert_eq!(line(Waiting::of_build(&preparing, Some("no node"))), "Preparing ci-a (9s): no node");
    }

    #[test]
    fn a_listener_waits_for_a_push_and_nobody_knows_how_long_that_takes() {
        let usual = Some(SignedDuration::from_secs(60));
        for (baseline, what) in
            [("none", "waiting for the first push"), ("build-2", "waiting for a push after build-2")]
        {
            let told = [(wire::BASELINE, baseline)];
            let listening = build(Phase::Listening, &[(Phase::Listening, 0)], &told);
            let line = Waiting::of_build(&listening, None).line(usual, at(300));
            assert_eq!(line, format!("Listening ci-a (5m): {what}"));
        }
        let over = Build {
            verdict: Some(Verdict::Passed),
            ..build(Phase::Recorded, &[(Phase::Triggered, 0), (Phase::Recorded, 60)], &[])
        };
        assert_eq!(
            Waiting::of_build(&over, None).line(usual, at(65)),
            "Waiting for the build after ci-a (5s)"
        );
        assert_eq!(
            Waiting::of_build(&build(Phase::Claimed, &[], &[]), None).line(usual, at(65)),
            "Claimed ci-a: waiting for its listener"
        );
    }
}
