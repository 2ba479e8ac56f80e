//! What is said of a build beside the commit that it was built from: GitHub's commit status.

use super::build::{Build, Phase, Verdict};
use super::link::LinkTemplate;
use super::masking::Masking;

/// Characters that GitHub takes of a description.
const DESCRIPTION: usize = 140;

/// The states that GitHub knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitState {
    /// The build goes on.
    Pending,
    /// Passed.
    Success,
    /// Failed.
    Failure,
    /// Errored or cancelled: it says nothing of the commit.
    Error,
}

impl CommitState {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }
}

/// One commit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    /// How the build stands.
    pub state: CommitState,
    /// Whose status it is; the latest one of a context counts.
    pub context: String,
    /// One line for people, without secrets.
    pub description: String,
    /// Where to look further.
    pub link: Option<String>,
    /// The build.
    build: String,
}

/// The context of all statuses of a chain's pushes.
pub fn context(chain: &str) -> String {
    format!("studioci/{chain}")
}

/// The context of a build's: that of what was asked for by hand is its own, and stands beside the push's.
fn context_of(build: &Build) -> String {
    let context = context(&build.chain);
    if build.is_side() { format!("{context} (by hand)") } else { context }
}

impl CommitStatus {
    /// What is to be said of a build as it stands: that it goes on, from Triggered on, and how it ended, from Recorded on.
    /// Nothing of what was never triggered, or has gone without a verdict.
    ///
    /// It depends on nothing but what stands on the Namespace, so that whoever says it again says the same.
    pub fn of(build: &Build, link: Option<&LinkTemplate>, secrets: &Masking) -> Option<Self> {
        let state = match build.verdict {
            _ if build.phase < Phase::Triggered => return None,
            _ if build.phase < Phase::Recorded => CommitState::Pending,
            None => return None,
            Some(Verdict::Passed) => CommitState::Success,
            Some(Verdict::Failed) => CommitState::Failure,
            Some(Verdict::Errored | Verdict::Cancelled) => CommitState::Error,
        };
        Some(Self {
            state,
            context: context_of(build),
            description: description(build, secrets),
            link: link.map(|link| link.of(build)),
            build: build.namespace.clone(),
        })
    }

    /// Whether a description that is there is one of this build.
    pub fn is_of_this_build(&self, description: &str) -> bool {
        description.ends_with(&mark(&self.build))
    }
}

/// The end of every description of a build.
fn mark(namespace: &str) -> String {
    format!(" ({namespace})")
}

/// `Failed after 12s: build exited with 2 (ci-brave-lovelace)`, in what GitHub takes. The name stays whole, since
/// `kubectl studioci` takes it, and it tells the statuses of two builds of one commit apart.
fn description(build: &Build, secrets: &Masking) -> String {
    let name = mark(&build.namespace);
    let room = DESCRIPTION.saturating_sub(name.chars().count());
    format!("{}{name}", cut(&summary(build, secrets), room))
}

/// `Failed after 12s: build exited with 2`, in one line; or that the build goes on.
pub fn summary(build: &Build, secrets: &Masking) -> String {
    let words = match build.verdict_after().filter(|_| build.phase >= Phase::Recorded) {
        None => "Build goes on".to_owned(),
        Some(verdict) => match &build.cause {
            Some(cause) => format!("{verdict}: {}", secrets.text(cause)),
            None => verdict,
        },
    };
    one_line(&words)
}

/// A text in one line, of characters that GitHub takes: it refuses those that need four bytes.
fn one_line(text: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_whitespace() || c.is_control() => ' ',
        c if c.len_utf8() > 3 => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    let text: String = text.chars().map(plain).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most so many characters of a text.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::wire;

    fn build(phase: Phase, verdict: Option<Verdict>, cause: Option<&str>) -> Build {
        let (triggered, recorded) = (Phase::Triggered.time_key(), Phase::Recorded.time_key());
        let times = [(triggered.as_str(), "2026-01-02T03:00:00Z"), (&recorded, "2026-01-02T03:03:04Z")];
        let times = if phase < Phase::Recorded { &times[..1] } else { &times[..] };
        let verdict = verdict.map(|verdict| (wire::VERDICT, verdict.as_str()));
        let cause = cause.map(|cause| (wire::CAUSE, cause));
        let told: Vec<_> = times.iter().copied().chain(verdict).chain(cause).collect();
        Build::played("ci-brave-lovelace", phase, &told)
    }

    fn said(phase: Phase, verdict: Option<Verdict>, cause: Option<&str>) -> Option<(&'static str, String)> {
        let status = CommitStatus::of(&build(phase, verdict, cause), None, &Masking::of(["hunter22"]))?;
        assert_eq!(status.context, "studioci/app");
        Some((status.state.as_str(), status.description))
    }

    #[test]
    fn a_status_is_pending_until_the_verdict_is_recorded_and_then_its_word() {
        use Phase::{
            Building, Claimed, Detached, Disposing, Finished, Listening, Preparing, Queued, Recorded,
            Triggered,
        };
        for phase in [Claimed, Listening] {
            assert_eq!(said(phase, None, None), None, "{phase}");
        }
        for phase in [Triggered, Detached, Queued, Preparing, Building] {
            let pending = Some(("pending", "Build goes on (ci-brave-lovelace)".to_owned()));
            assert_eq!(said(phase, None, None), pending, "{phase}");
            // a push that cannot be used has its verdict before it is recorded
            assert_eq!(said(phase, Some(Verdict::Errored), Some("no template")), pending, "{phase}");
        }
        for phase in [Recorded, Finished, Disposing] {
            assert_eq!(said(phase, None, None), None, "{phase}");
            for (verdict, state) in [
                (Verdict::Passed, "success"),
                (Verdict::Failed, "failure"),
                (Verdict::Errored, "error"),
                (Verdict::Cancelled, "error"),
            ] {
                let (told, description) = said(phase, Some(verdict), None).unwrap();
                assert_eq!((told, description), (state, format!("{verdict} after 3m4s (ci-brave-lovelace)")));
            }
        }
    }

    #[test]
    fn what_was_asked_for_by_hand_has_a_context_of_its_own() {
        let push = build(Phase::Recorded, Some(Verdict::Failed), None);
        let side = Build { generation: crate::chain::side::FIRST, ..push.clone() };
        let of = |build| CommitStatus::of(build, None, &Masking::default()).unwrap();
        assert_eq!(of(&push).context, "studioci/app");
        assert_eq!(of(&side).context, "studioci/app (by hand)");
        assert_eq!((of(&side).state, of(&side).description), (of(&push).state, of(&push).description));
    }

    #[test]
    fn a_description_is_one_line_that_github_takes_without_secrets_and_with_the_builds_name() {
        let long = "ä".repeat(300);
        for (cause, expected) in [
            ("build exited with 2", "Failed after 3m4s: build exited with 2 (ci-brave-lovelace)".to_owned()),
            ("a\r\n\tb\u{1b}[31m", "Failed after 3m4s: a b [31m (ci-brave-lovelace)".to_owned()),
            ("login as hunter22", "Failed after 3m4s: login as *** (ci-brave-lovelace)".to_owned()),
            ("no 🦀", "Failed after 3m4s: no \u{fffd} (ci-brave-lovelace)".to_owned()),
            (&long, format!("Failed after 3m4s: {}… (ci-brave-lovelace)", "ä".repeat(100))),
        ] {
            let (_, description) = said(Phase::Recorded, Some(Verdict::Failed), Some(cause)).unwrap();
            assert_eq!(description, expected, "{cause}");
            assert!(description.chars().count() <= DESCRIPTION);
        }
        // a secret that the cut would halve is masked first
        let halved = format!("{}hunter22", "x".repeat(96));
        let (_, description) = said(Phase::Recorded, Some(Verdict::Failed), Some(&halved)).unwrap();
        assert!(!description.contains("hun"), "{description}");
    }

    #[test]
    fn what_is_said_of_a_recorded_build_is_the_same_whoever_says_it_and_when() {
        let link = LinkTemplate::parse("https://ci.example/{namespace}").unwrap();
        let of = |phase| {
            CommitStatus::of(&build(phase, Some(Verdict::Passed), None), Some(&link), &Masking::default())
        };
        assert_eq!(of(Phase::Recorded), of(Phase::Finished));
        assert_eq!(
            of(Phase::Recorded).unwrap().link.as_deref(),
            Some("https://ci.example/ci-brave-lovelace")
        );
    }
}
