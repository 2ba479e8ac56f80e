//! How often something is tried, and how long one waits in between: until it is done, hopeless, or the time is over.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::fault::PublishFault;
use crate::cluster::pause;

/// The longest wait that another side may ask for at once; GitHub's hour is over by then.
const LONGEST: Duration = Duration::from_secs(3600);

/// Why a try did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setback {
    /// The same may do it later.
    Again {
        /// Why not now.
        why: PublishFault,
        /// The least wait that the other side asks for.
        after: Duration,
    },
    /// It never will.
    Never(PublishFault),
}

impl Setback {
    /// Again, after a wait of our own choice.
    pub(super) fn again(why: PublishFault) -> Self {
        Self::Again { why, after: Duration::ZERO }
    }

    /// Again, after the wait that the other side asks for.
    pub(super) fn after(why: PublishFault, after: Duration) -> Self {
        Self::Again { why, after: after.min(LONGEST) }
    }
}

/// Tries until it is done, or a wait would end after `within`. A try that has begun is not cut short: nobody would know what
/// came of it.
///
/// # Errors
/// The last try's, with the wait that would come next.
pub(super) async fn patiently<T>(
    within: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, Setback>,
) -> Result<T, Setback> {
    let end = Instant::now() + within;
    let mut tries = 0;
    loop {
        let (why, after) = match attempt().await {
            Err(Setback::Again { why, after }) => (why, after.max(pause(tries))),
            done => return done,
        };
        if Instant::now() + after > end {
            return Err(Setback::Again { why, after });
        }
        sleep(after).await;
        tries += 1;
    }
}
