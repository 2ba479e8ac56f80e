//! The end of a log against a scripted server on a paused clock.

use testkit::{BodyEnd, Reply, Scripted, SeenRequest};

use super::*;

const BOUND: Duration = Duration::from_secs(10);
const BUILD: LogSource<'static> = LogSource { namespace: "ci-a", pod: "build-x", container: "build" };

fn cluster(script: impl FnMut(&SeenRequest) -> Reply + Send + 'static) -> (Cluster, Scripted) {
    Cluster::scripted(script)
}

fn text(parts: &[&str], end: BodyEnd) -> Reply {
    Reply::Stream(parts.iter().map(|part| (Duration::ZERO, (*part).to_owned())).collect(), end)
}

/// What a kubelet has of a log of these lines, asked for so many of the last.
fn tail(lines: &[String], seen: &SeenRequest) -> Reply {
    let wanted: usize = seen.parameter("tailLines").unwrap().parse().unwrap();
    let from = lines.len().saturating_sub(wanted);
    Reply::Stream(vec![(Duration::ZERO, lines[from..].concat())], BodyEnd::Close)
}

fn asked(server: &Scripted) -> Vec<String> {
    server.seen().iter().map(|seen| seen.parameter("tailLines").unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_short_log_is_whole_byte_for_byte() {
    let written = "one\n\r50%\r100%\u{1b}[0m\n\nno line end";
    let (cluster, server) = cluster(move |_| text(&[written], BodyEnd::Close));
    let end = cluster.log_end(&BUILD, 1024, BOUND).await.unwrap();
    assert_eq!((end.bytes.as_slice(), end.cut, end.ended), (written.as_bytes(), false, true));
    let seen = &server.seen()[0];
    assert_eq!(seen.line(), "GET /api/v1/namespaces/ci-a/pods/build-x/log");
    assert_eq!(seen.query, "container=build&tailLines=2048");
    assert_eq!(seen.headers["accept-encoding"], "identity");
}

#[tokio::test(start_paused = true)]
async fn of_a_long_log_the_end_is_read_with_as_few_lines_as_it_takes() {
    for (line, most, requests) in [
        ("x".repeat(199) + "\n", 100_000, vec!["2048"]),
        ("x\n".to_owned(), 3_000, vec!["2048"]),
        ("x\n".to_owned(), 30_000, vec!["2048", "16384"]),
        ("\n".to_owned(), 100_000, vec!["2048", "16384", "131072"]),
    ] {
        let lines = vec![line.clone(); 200_000];
        let all = lines.concat();
        let (cluster, server) = cluster(move |seen| tail(&lines, seen));
        let end = cluster.log_end(&BUILD, most, BOUND).await.unwrap();
        assert!(end.bytes == all.as_bytes()[all.len() - most..], "{line:?}");
        assert!(end.cut && end.ended, "{line:?}");
        assert_eq!(asked(&server), requests, "{line:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_line_of_a_hundred_megabytes_takes_no_more_memory_than_its_end() {
    let mut end = LogEnd::default();
    let piece = vec![b'x'; 1 << 20];
    let mut most_held = 0;
    for _ in 0..100 {
        end.take(&piece, 1000);
        most_held = most_held.max(end.bytes.capacity());
    }
    end.take(b"the end", 1000);
    end.keep(1000);
    assert!(most_held <= 4 << 20, "{most_held}");
    assert!(end.bytes.ends_with(b"xthe end") && end.bytes.len() == 1000 && end.cut);
}

#[tokio::test(start_paused = true)]
async fn a_log_without_an_end_is_left_where_it_is_when_time_is_over() {
    let (endless, _) = cluster(|_| text(&["begun\n", "and"], BodyEnd::Silence));
    let begun = Instant::now();
    let end = endless.log_end(&BUILD, 1024, BOUND).await.unwrap();
    assert_eq!((end.bytes.as_slice(), end.ended), (&b"begun\nand"[..], false));
    assert_eq!(begun.elapsed(), BOUND);
    let (silent, _) = cluster(|_| Reply::Silence);
    let error = silent.log_end(&BUILD, 1024, BOUND).await.unwrap_err();
    assert!(error.to_string().contains("log of container build of pod/build-x in namespace ci-a"), "{error}");
    assert_eq!(begun.elapsed(), 2 * BOUND);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_away_is_asked_once_more_and_a_refusal_is_none_the_less_one() {
    let away = || Reply::Status(500, "InternalError", "dial tcp 10.0.0.7:10250: connect: connection refused");
    let (back, server) =
        cluster(move |seen| if seen.number == 0 { away() } else { text(&["x"], BodyEnd::Close) });
    assert_eq!(back.log_end(&BUILD, 1024, BOUND).await.unwrap().bytes, b"x");
    assert_eq!(server.count(), 2);
    let (gone, server) = cluster(move |_| away());
    let error = gone.log_end(&BUILD, 1024, BOUND).await.unwrap_err();
    assert!(error.to_string().contains("10250") && server.count() == 2, "{error}");
    let (waiting, server) = cluster(|_| {
        Reply::Status(400, "BadRequest", "container \"build\" is waiting to start: PodInitializing")
    });
    let error = waiting.log_end(&BUILD, 1024, BOUND).await.unwrap_err();
    assert!(error.to_string().contains("waiting to start") && server.count() == 1, "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_has_come_before_a_cut_is_kept() {
    let (cut, _) = cluster(|_| text(&["half"], BodyEnd::Reset));
    let end = cut.log_end(&BUILD, 1024, BOUND).await.unwrap();
    assert_eq!((end.bytes.as_slice(), end.ended), (&b"half"[..], false));
}

#[tokio::test(start_paused = true)]
async fn where_a_log_begins_is_asked_with_one_line_and_taken_from_a_time_alone() {
    let time = "2026-11-29T10:00:00.123456789+02:00";
    for (said, known) in [
        (format!("{time} the first li"), true),
        (format!("{time} "), true),
        (String::new(), false),
        ("unable to retrieve container logs for containerd://x".to_owned(), false),
        (time.to_owned(), false),
    ] {
        let (cluster, server) = cluster(move |_| text(&[&said], BodyEnd::Close));
        let begins = cluster.log_begins(&BUILD, BOUND).await;
        assert_eq!(begins, known.then(|| time.parse().unwrap()));
        assert_eq!(server.seen()[0].query, "container=build&timestamps=true&limitBytes=48");
    }
    let (cluster, _) = cluster(|_| Reply::Silence);
    assert_eq!(cluster.log_begins(&BUILD, BOUND).await, None);
}
