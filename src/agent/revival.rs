//! Revival: what a person does for a chain in which nobody listens, and nobody will unless somebody is helped.
//!
//! A namespace counts by the uid that the head has settled. What the head has settled once is never claimed again: whoever could
//! read that namespace knows what would prove the claim. So a chain whose newest namespace is gone moves on to a generation of
//! which nobody knows anything yet, as `start` does it.

use crate::chain::build::{Build, Dispatch, Phase};
use crate::chain::head::Head;

/// A build, and how many replicas its listener has; none where there is no listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerSeen<'a> {
    /// The build.
    pub build: &'a Build,
    /// Its listener's replicas.
    pub replicas: Option<u32>,
}

/// What makes a chain listen again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Revival<'a> {
    /// The agent in this namespace is brought back: its listener was scaled to 0.
    Wake(&'a Build),
    /// What the agent of this build did not come to is done for it: the next listener is dispatched.
    Dispatch(&'a Build),
    /// The listener is raised in this namespace, which the head has settled for it.
    Raise(&'a Build),
    /// A namespace is claimed for the generation that the head is at, and the listener raised in it.
    Claim,
    /// The head moves on to a fresh listener.
    MoveOn,
}

/// Decides what a chain lacks; none where somebody listens, or is at it. `newest`: the build that the head names, if its namespace
/// is there and not on its way out; `before`: the one before it.
pub fn revival<'a>(
    head: &Head,
    newest: Option<ListenerSeen<'a>>,
    before: Option<ListenerSeen<'a>>,
) -> Option<Revival<'a>> {
    if head.ended.is_some() || head.purging {
        return None;
    }
    match newest {
        Some(ListenerSeen { build, replicas: Some(0) }) => return Some(Revival::Wake(build)),
        Some(ListenerSeen { replicas: Some(_), .. }) => return None,
        _ => {}
    }
    let newest = newest.map(|newest| newest.build);
    let before =
        before.filter(|_| head.raised_by_agent() && newest.is_none_or(|it| it.phase == Phase::Claimed));
    if let Some(ListenerSeen { build, replicas }) = before.filter(|before| raises(before.build, head)) {
        match replicas {
            Some(0) => return Some(Revival::Wake(build)),
            // its agent claims and raises what is missing
            Some(_) => return None,
            None if newest.is_some() || head.claimed.is_none() => return Some(Revival::Dispatch(build)),
            None => {}
        }
    }
    Some(match (newest, &head.claimed) {
        (Some(newest), _) if newest.phase <= Phase::Triggered => Revival::Raise(newest),
        // an agent of the chain is past the head that we have read
        (Some(_), _) => return None,
        (None, None) => Revival::Claim,
        (None, Some(_)) => Revival::MoveOn,
    })
}

/// Whether it is the agent of this build that raises the newest listener.
fn raises(build: &Build, head: &Head) -> bool {
    match build.dispatch {
        Dispatch::Pending | Dispatch::Claimed => true,
        // done, and the head knows nothing of it: it was settled after the head was read
        Dispatch::Done => head.claimed.is_none(),
        Dispatch::Ended => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::build::Map;

    fn head(change: &[(&str, &str)]) -> Head {
        let all = [
            ("uuid", "c"),
            ("generation", "4"),
            ("namespace", "ci-d"),
            ("uid", "uid-of-ci-d"),
            ("built.3", "build-3"),
        ];
        let mut data: Map = all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        data.extend(change.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        Head::read("1", &data).unwrap()
    }

    fn build(namespace: &str, phase: Phase, dispatch: Dispatch) -> Build {
        Build { dispatch, ..Build::played(namespace, phase, &[]) }
    }

    const UNCLAIMED: &[(&str, &str)] = &[("namespace", ""), ("uid", "")];

    #[test]
    fn a_chain_is_helped_where_nobody_listens_and_nobody_is_at_it() {
        let listening = build("ci-d", Phase::Listening, Dispatch::Pending);
        let claimed = build("ci-d", Phase::Claimed, Dispatch::Pending);
        let pending = build("ci-c", Phase::Building, Dispatch::Pending);
        let begun = build("ci-c", Phase::Building, Dispatch::Claimed);
        let done = build("ci-c", Phase::Finished, Dispatch::Done);
        let seen = |build, replicas| Some(ListenerSeen { build, replicas });
        let by_hand: &[(&str, &str)] = &[("generation", "5")];
        for (what, change, newest, before, want) in [
            ("it listens", &[][..], seen(&listening, Some(1)), None, None),
            ("it was scaled to 0", &[], seen(&listening, Some(0)), None, Some(Revival::Wake(&listening))),
            (
                "its Deployment was deleted",
                &[],
                seen(&listening, None),
                None,
                Some(Revival::Raise(&listening)),
            ),
            (
                "the same, of one that was raised long ago",
                &[],
                seen(&listening, None),
                seen(&begun, None),
                Some(Revival::Raise(&listening)),
            ),
            ("its namespace is gone", &[], None, None, Some(Revival::MoveOn)),
            (
                "its namespace is gone, the build before has finished",
                &[],
                None,
                seen(&done, Some(0)),
                Some(Revival::MoveOn),
            ),
            ("its namespace is gone, and its maker claims another", &[], None, seen(&begun, Some(1)), None),
            (
                "its namespace is gone, and its maker, too",
                &[],
                None,
                seen(&begun, None),
                Some(Revival::MoveOn),
            ),
            ("nothing is claimed, and its maker is at it", UNCLAIMED, None, seen(&pending, Some(1)), None),
            (
                "its maker was scaled to 0",
                UNCLAIMED,
                None,
                seen(&pending, Some(0)),
                Some(Revival::Wake(&pending)),
            ),
            (
                "its maker has no listener",
                UNCLAIMED,
                None,
                seen(&pending, None),
                Some(Revival::Dispatch(&pending)),
            ),
            (
                "its maker was done, and the head says otherwise",
                UNCLAIMED,
                None,
                seen(&done, None),
                Some(Revival::Dispatch(&done)),
            ),
            ("its maker is gone", UNCLAIMED, None, None, Some(Revival::Claim)),
            ("claimed, and its maker is at it", &[], seen(&claimed, None), seen(&begun, Some(1)), None),
            (
                "claimed, and its maker has no listener",
                &[],
                seen(&claimed, None),
                seen(&begun, None),
                Some(Revival::Dispatch(&begun)),
            ),
            (
                "claimed, and its maker is gone",
                &[],
                seen(&claimed, None),
                None,
                Some(Revival::Raise(&claimed)),
            ),
            (
                "claimed by a person",
                by_hand,
                seen(&claimed, None),
                seen(&pending, None),
                Some(Revival::Raise(&claimed)),
            ),
            ("the head is older than the build", &[], seen(&pending, None), None, None),
            ("the chain has ended", &[("ended", "by alice")], None, None, None),
            ("the chain is taken down", &[("purging", "true")], seen(&listening, Some(0)), None, None),
        ] {
            assert_eq!(revival(&head(change), newest, before), want, "{what}");
        }
    }
}
