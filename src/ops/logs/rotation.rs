//! What is said of a log beyond its lines: that it may have had a beginning that the node has no more, and that its node has
//! rotated it while it was followed.
//!
//! A kubelet that follows a log goes on to the new file at once, and what the runtime still writes into the old one is lost:
//! nothing in the answer tells. So the follower asks now and then with which line the node's file begins.

use std::time::Duration;

use jiff::Timestamp;

use crate::chain::pod::{Container, Pod};
use crate::cluster::{Cluster, LogPiece, LogSource};

/// Bytes of the node's file after which it is looked at again: less than what a kubelet makes of one before it rotates it,
/// 10 MiB unless it is told otherwise.
const OFTEN: usize = 1 << 20;
/// A node puts a time, a stream and a mark before each line of its file.
const FRAME: usize = 40;
/// How long one look may take.
const WITHIN: Duration = Duration::from_secs(5);

/// A log that is being read.
pub(super) struct LogFile {
    cluster: Cluster,
    namespace: String,
    pod: String,
    container: Container,
    /// Whether what comes first is its beginning.
    whole: bool,
    /// Whether it may have begun long before.
    joined: bool,
    /// When the file begins, as far as it is known.
    begins: Option<Timestamp>,
    /// Bytes since it was looked at.
    bytes: usize,
    /// Whether it was said.
    said: bool,
}

impl LogFile {
    /// `whole`: whether all of it is wanted. `joined`: whether it may have begun long before.
    pub(super) fn of(cluster: &Cluster, pod: &Pod, container: &Container, whole: bool, joined: bool) -> Self {
        Self {
            cluster: cluster.clone(),
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            container: container.clone(),
            whole,
            joined,
            begins: None,
            bytes: 0,
            said: false,
        }
    }

    /// What is to be said before a piece: once, where the log begins so late that there may have been more.
    pub(super) fn late(&mut self, piece: &LogPiece) -> Option<String> {
        let LogPiece::Text { at, .. } = piece else { return None };
        if self.begins.is_some() || !self.whole {
            return None;
        }
        self.begins = Some(*at);
        let late = self.container.begins_late(*at).filter(|_| self.joined)?;
        Some(format!("the log of container {} {late}", self.container.name))
    }

    /// What is to be said after a piece, or at the end: once, that the file is another one by now.
    pub(super) async fn rotated(&mut self, piece: Option<&LogPiece>) -> Option<String> {
        match piece {
            Some(LogPiece::Text { bytes, ends, .. }) => {
                self.bytes += bytes.len() + if *ends { FRAME } else { 0 };
            }
            Some(LogPiece::Restarted) => {
                (self.begins, self.bytes, self.whole, self.joined) = (None, 0, true, false);
            }
            _ => {}
        }
        // what is small has one file
        let due = if piece.is_some() && self.begins.is_some() { OFTEN } else { OFTEN / 16 };
        if self.said || self.bytes < due {
            return None;
        }
        self.bytes = 0;
        let source =
            LogSource { namespace: &self.namespace, pod: &self.pod, container: &self.container.name };
        let now = self.cluster.log_begins(&source, WITHIN).await?;
        let before = self.begins.replace(now)?;
        self.said = now > before;
        self.said.then(|| {
            format!(
                "the node has rotated the log of container {}: what was written right before {now} may be missing, and so with \
                 each further file",
                self.container.name
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use testkit::{BodyEnd, Reply};

    use super::*;

    fn at(second: u32) -> Timestamp {
        format!("2026-11-29T10:00:{second:02}.5Z").parse().unwrap()
    }

    fn text(second: u32, bytes: usize) -> LogPiece {
        LogPiece::Text { at: at(second), begins: true, bytes: vec![b'x'; bytes], ends: true }
    }

    /// A log whose file begins at the second that is set, of a container that began at 0.
    fn file(whole: bool, joined: bool) -> (LogFile, Arc<Mutex<u32>>, testkit::Scripted) {
        let second = Arc::new(Mutex::new(1));
        let now = Arc::clone(&second);
        let (cluster, scripted) = Cluster::scripted(move |seen| {
            assert_eq!(seen.path, "/api/v1/namespaces/ci-a/pods/p/log");
            let line = format!("{} x", at(*now.lock().unwrap()));
            Reply::Stream(vec![(Duration::ZERO, line)], BodyEnd::Close)
        });
        let pod = Pod { name: "p".to_owned(), namespace: "ci-a".to_owned(), ..Pod::default() };
        let container = Container { name: "build".to_owned(), begun: Some(at(0)), ..Container::default() };
        (LogFile::of(&cluster, &pod, &container, whole, joined), second, scripted)
    }

    #[tokio::test(start_paused = true)]
    async fn a_follower_says_once_that_the_file_is_another_one() {
        for at_end in [false, true] {
            let (mut file, second, scripted) = file(true, false);
            assert_eq!(file.late(&text(1, 1)), None);
            for _ in 0..3 {
                assert_eq!(file.rotated(Some(&text(2, OFTEN))).await, None);
            }
            *second.lock().unwrap() = 7;
            let piece = text(8, if at_end { OFTEN / 16 } else { OFTEN });
            let mut said = file.rotated(Some(&piece)).await;
            if at_end {
                assert_eq!(said, None);
                said = file.rotated(None).await;
            }
            let said = said.unwrap();
            assert!(
                said.contains("container build: what was written right before 2026-11-29T10:00:07.5Z"),
                "{said}"
            );
            *second.lock().unwrap() = 9;
            assert_eq!(file.rotated(Some(&text(10, OFTEN))).await, None);
            assert_eq!(scripted.count(), 4);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_log_is_not_looked_at_and_a_run_has_a_file_of_its_own() {
        let (mut log, _, scripted) = file(true, false);
        assert_eq!((log.late(&text(1, 1)), log.rotated(Some(&text(1, 1000))).await), (None, None));
        assert_eq!((log.rotated(None).await, scripted.count()), (None, 0));

        let (mut log, second, scripted) = file(false, true);
        assert_eq!(
            (log.late(&text(30, 1)), log.rotated(Some(&text(30, OFTEN))).await),
            (None, None),
            "of --tail"
        );
        *second.lock().unwrap() = 40;
        assert_eq!(log.rotated(Some(&LogPiece::Restarted)).await, None);
        assert_eq!((log.late(&text(40, 1)), log.rotated(Some(&text(40, OFTEN))).await), (None, None));
        assert_eq!(scripted.count(), 2);
        *second.lock().unwrap() = 50;
        assert!(log.rotated(Some(&text(50, OFTEN))).await.is_some());
    }

    #[tokio::test]
    async fn a_log_that_was_there_before_is_looked_at_where_it_begins() {
        for (joined, first, said) in [(true, 1, false), (true, 5, true), (false, 5, false)] {
            let (mut file, _, _) = file(true, joined);
            assert_eq!(file.late(&LogPiece::Restarted), None);
            let late = file.late(&text(first, 1));
            assert_eq!(late.is_some(), said, "{late:?}");
            assert!(late.is_none_or(|late| late.starts_with("the log of container build begins 5 s after")));
            assert_eq!(file.late(&text(first + 20, 1)), None, "once");
        }
    }
}
