//! What Events say of a build: one for each phase that it has reached, and one for its verdict.

use jiff::{SignedDuration, Timestamp};

use super::build::{Baseline, Build, Phase, Verdict};
use super::wire;

/// How long an API server keeps Events unless it was told otherwise: what is older is not said again by an agent that starts
/// anew.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// One Event about a build's Namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildEvent {
    /// The word of the phase or of the verdict.
    pub reason: &'static str,
    /// Whether it warns: of a build that did not pass, and that nobody has cancelled.
    pub warns: bool,
    /// One sentence.
    pub message: String,
    /// When it happened.
    pub at: Timestamp,
}

impl BuildEvent {
    /// Its name, which is the same whoever writes it and whenever, so that nothing is said twice.
    pub fn name(&self, namespace: &str) -> String {
        format!("{namespace}.{}", self.reason.to_ascii_lowercase())
    }
}

/// What is to be said of a build as it is at this time, in the order in which it happened.
pub fn events(build: &Build, now: Timestamp) -> Vec<BuildEvent> {
    let reached = build.times.iter().filter_map(|(phase, at)| {
        let (reason, message) = (phase.as_str(), message(build, *phase)?);
        Some(BuildEvent { reason, warns: false, message, at: *at })
    });
    let mut all: Vec<BuildEvent> = reached.collect();
    if let Some(verdict) = build.verdict {
        let at = build.times.get(&Phase::Recorded).copied().unwrap_or(now);
        let how = build.verdict_after().unwrap_or_default();
        let message = match &build.cause {
            Some(cause) => format!("{how}: {cause}"),
            None => how,
        };
        let warns = matches!(verdict, Verdict::Failed | Verdict::Errored);
        // the verdict is why it is recorded
        let place = all.iter().position(|it| it.at >= at).unwrap_or(all.len());
        all.insert(place, BuildEvent { reason: verdict.as_str(), warns, message, at });
    }
    all.retain(|it| now.duration_since(it.at) < KEPT);
    all
}

/// What a phase is, in a sentence; none for those that others than the build's agent bring about.
fn message(build: &Build, phase: Phase) -> Option<String> {
    Some(match phase {
        Phase::Claimed | Phase::Disposing => return None,
        Phase::Listening => match &build.baseline {
            _ if build.is_side() => "Waits for its image".to_owned(),
            Baseline::None => "Waits for the first push".to_owned(),
            baseline => format!("Waits for a push after {baseline}"),
        },
        Phase::Triggered => {
            let image = build.image.as_deref().unwrap_or_default();
            let version = build.version.as_ref().map(|version| format!(":{version}")).unwrap_or_default();
            let revision = build.revision.as_ref().map(|it| format!(", revision {it}")).unwrap_or_default();
            let what = if build.is_side() { "Builds by hand" } else { "Builds the push of" };
            format!("{what} {image}{version}{revision}")
        }
        Phase::Detached => "Keel does not move its image any more".to_owned(),
        Phase::Queued => format!("Waits for a build slot of chain {}", build.chain),
        Phase::Preparing => "Applies the rest of the pipeline, and waits until support is ready".to_owned(),
        Phase::Building => format!("Runs Job {}", wire::JOB),
        Phase::Recorded => format!("Verdict and cause are kept in namespace {}", wire::HOME),
        Phase::Finished => "What ran here has ended or was scaled to 0".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn build(phase: Phase, more: &[(&str, &str)], times: &[(Phase, i64)]) -> Build {
        let mut build = Build::played("ci-a", phase, more);
        build.times = times.iter().map(|(phase, seconds)| (*phase, at(*seconds))).collect();
        build
    }

    fn told(build: &Build, now: i64) -> Vec<(String, bool, String)> {
        let all = events(build, at(now));
        all.into_iter().map(|it| (it.name(&build.namespace), it.warns, it.message)).collect()
    }

    #[test]
    fn what_is_built_by_hand_was_not_pushed() {
        for (phase, says) in [(Phase::Listening, "Waits for its image"), (Phase::Triggered, "Builds by hand")]
        {
            let side = Build { generation: crate::chain::side::FIRST, ..build(phase, &[], &[(phase, 0)]) };
            let said = message(&side, phase).unwrap();
            assert!(said.starts_with(says), "{said}");
        }
    }

    #[test]
    fn each_phase_that_was_reached_and_the_verdict_are_said_in_their_order() {
        let times = [
            (Phase::Claimed, 0),
            (Phase::Listening, 1),
            (Phase::Triggered, 100),
            (Phase::Detached, 101),
            (Phase::Queued, 102),
            (Phase::Preparing, 110),
            (Phase::Building, 120),
            (Phase::Recorded, 525),
            (Phase::Finished, 530),
        ];
        let more = [
            (wire::BASELINE, "build-1"),
            (wire::IMAGE, "r.example/app"),
            (wire::TAG, "build-2"),
            (wire::DIGEST, DIGEST),
            (wire::REVISION, "9fceb02"),
            (wire::VERDICT, "Failed"),
            (wire::CAUSE, "build exited with 2"),
        ];
        let say =
            |reason: &str, warns: bool, message: &str| (format!("ci-a.{reason}"), warns, message.to_owned());
        assert_eq!(
            told(&build(Phase::Finished, &more, &times), 531),
            [
                say("listening", false, "Waits for a push after build-1"),
                say(
                    "triggered",
                    false,
                    &format!("Builds the push of r.example/app:build-2@{DIGEST}, revision 9fceb02")
                ),
                say("detached", false, "Keel does not move its image any more"),
                say("queued", false, "Waits for a build slot of chain app"),
                say("preparing", false, "Applies the rest of the pipeline, and waits until support is ready"),
                say("building", false, "Runs Job studioci-build"),
                say("failed", true, "Failed after 7m5s: build exited with 2"),
                say("recorded", false, "Verdict and cause are kept in namespace studioci"),
                say("finished", false, "What ran here has ended or was scaled to 0"),
            ]
        );
    }

    #[test]
    fn a_verdict_is_a_warning_where_somebody_has_to_look() {
        for (verdict, warns) in [("Passed", false), ("Failed", true), ("Errored", true), ("Cancelled", false)]
        {
            let it = build(Phase::Preparing, &[(wire::VERDICT, verdict)], &[(Phase::Preparing, 5)]);
            let all = told(&it, 6);
            let last = all.last().unwrap();
            assert_eq!((last.1, last.2.as_str()), (warns, verdict), "no time and no cause are known yet");
        }
    }

    #[test]
    fn what_a_server_has_forgotten_by_now_is_not_said_again() {
        let it = build(Phase::Triggered, &[], &[(Phase::Listening, 0), (Phase::Triggered, 3_700)]);
        assert_eq!(told(&it, 3_599).len(), 2);
        assert_eq!(told(&it, 3_600).len(), 1, "an hour is an API server's own bound");
        assert_eq!(told(&it, 7_300), []);
        let first = build(Phase::Listening, &[], &[(Phase::Listening, 0)]);
        assert_eq!(told(&first, 1)[0].2, "Waits for the first push");
    }
}
