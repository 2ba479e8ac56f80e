//! What was kept of a build's log.

use super::{LogSink, LogTold, LogsRequest};
use crate::chain::kept_log::KeptLog;
use crate::cluster::{Cluster, LogName};
use crate::state::error::{LogFault, Result};
use crate::state::kept_log;

/// Tells what was kept of a build; `false` where nobody listens any more. `kept`: whether anything was.
pub(super) async fn tell_kept(
    cluster: &Cluster,
    request: &LogsRequest,
    (chain, generation, uid, build): (&str, u64, &str, &str),
    kept: bool,
    tell: LogSink<'_>,
) -> Result<bool> {
    let Some(log) = kept_log::read(cluster, chain, generation, uid).await? else {
        let build = build.to_owned();
        return Err(if kept { LogFault::FallenOut { build } } else { LogFault::NotKept { build } }.into());
    };
    let KeptLog { why, containers, .. } = &log;
    let wanted = |name: &str| request.container.as_ref().is_none_or(|wanted| wanted == name);
    let parts: Vec<_> = containers.iter().filter(|part| wanted(&part.container)).collect();
    if let Some(wanted) = request.container.as_ref().filter(|_| parts.is_empty()) {
        let there: Vec<&str> = containers.iter().map(|part| part.container.as_str()).collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        return Err(
            LogFault::NotAmongKept { build: build.to_owned(), container: wanted.clone(), there }.into()
        );
    }
    let mut heard = tell(LogTold::Notice(format!(
        "the pods of {build} are gone; this is the end of its log, as it was kept"
    )));
    if request.since.is_some() {
        heard &= tell(LogTold::Notice("a kept log has no times: --since is not used".to_owned()));
    }
    if let Some(why) = why {
        heard &= tell(LogTold::Notice(why.clone()));
    }
    if parts.is_empty() {
        heard &= tell(LogTold::Notice(format!("no container of {build} has run")));
    }
    for part in &parts {
        let of = LogName { pod: part.pod.clone(), container: part.container.clone() };
        let (cut, bytes) = last_lines(&part.bytes, request.tail);
        if part.cut && !cut {
            heard &= tell(LogTold::Notice(format!(
                "the log of container {} begins in the middle",
                part.container
            )));
        }
        heard = heard && tell(LogTold::Kept { of: &of, several: parts.len() > 1, bytes });
        if let Some(why) = &part.why {
            heard &= tell(LogTold::Notice(format!("the log of container {}: {why}", part.container)));
        }
    }
    Ok(heard)
}

/// The last so many lines, and whether that leaves anything out.
fn last_lines(bytes: &[u8], most: Option<usize>) -> (bool, &[u8]) {
    let Some(most) = most else { return (false, bytes) };
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if most == 0 {
        return (!bytes.is_empty(), &[]);
    }
    let before = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').nth(most - 1);
    before.map_or((false, bytes), |(at, _)| (true, &bytes[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_whole_ones() {
        let of = |text: &'static str, most| {
            let (cut, bytes) = last_lines(text.as_bytes(), Some(most));
            (cut, std::str::from_utf8(bytes).unwrap())
        };
        assert_eq!(of("a\nb\nc\n", 2), (true, "b\nc\n"));
        assert_eq!(of("a\nb\nc", 2), (true, "b\nc"));
        assert_eq!(of("a\nb\n", 2), (false, "a\nb\n"));
        assert_eq!(of("\n\n\n", 1), (true, "\n"));
        assert_eq!(of("a\n", 0), (true, ""));
        assert_eq!(of("", 0), (false, ""));
        assert_eq!(of("", 5), (false, ""));
        assert_eq!(last_lines(b"a\nb", None), (false, &b"a\nb"[..]));
    }
}
