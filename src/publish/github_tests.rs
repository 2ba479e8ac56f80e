//! Statuses on a forge that fails, limits, hangs, takes a write and does not say so, and redirects.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use testkit::{Forge, ForgeFault, Reply, Scripted, SecureSocket};

use super::{Github, Outcome, PublishFault, Right};
use crate::chain::bound::TimeBound;
use crate::chain::build::{Build, Phase, Verdict};
use crate::chain::commit_status::CommitStatus;
use crate::chain::masking::Masking;
use crate::chain::repository::GithubRepository;
use crate::chain::wire;
use crate::cluster::options::Proxies;
use crate::cluster::outside::{Outside, WayOut};

const COMMIT: &str = "9fceb02d0ae598e95dc970b74767f19372d61af8";
const OTHER: &str = "9fceb02ffffffffffffffffffffffffffffffff0";
const CONTEXT: &str = "studioci/app";
const WITHIN: Duration = Duration::from_secs(600);

fn status_of(namespace: &str, verdict: Option<Verdict>) -> CommitStatus {
    let build = match verdict {
        Some(verdict) => Build::played(namespace, Phase::Recorded, &[(wire::VERDICT, verdict.as_str())]),
        None => Build::played(namespace, Phase::Building, &[]),
    };
    CommitStatus::of(&build, None, &Masking::default()).unwrap()
}

fn pending() -> CommitStatus {
    status_of("ci-a", None)
}

fn passed() -> CommitStatus {
    status_of("ci-a", Some(Verdict::Passed))
}

fn forge() -> Forge {
    Forge::new("o/r", "TOKEN", &[COMMIT])
}

/// A client of a forge, in memory and in the test's own time.
fn client(forge: &Forge) -> (Github, Scripted) {
    let server = forge.clone();
    let (service, record) = Scripted::service(move |seen| server.answer(seen));
    (over(Outside::with_service(service), "TOKEN", "o/r"), record)
}

fn over(outside: Outside, token: &str, repository: &str) -> Github {
    let repository = GithubRepository::parse(repository).unwrap();
    let api = "https://gh.example/api/v3".parse().unwrap();
    Github::over(outside, &api, &repository, &SecretString::from(token)).unwrap()
}

fn words(forge: &Forge) -> Vec<String> {
    forge.state().said(COMMIT, CONTEXT).into_iter().map(|(state, _)| state).collect()
}

fn html(code: u16) -> Reply {
    Reply::Text(code, vec![("content-type", "text/html".to_owned())], "<html>Unicorn!</html>".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_build_is_pending_and_then_its_verdict_and_nothing_is_said_twice() {
    let forge = forge();
    let (github, record) = client(&forge);
    for (status, outcome) in [
        (pending(), Outcome::Published),
        (pending(), Outcome::AlreadyThere),
        (passed(), Outcome::Published),
        (passed(), Outcome::AlreadyThere),
    ] {
        assert_eq!(github.publish(COMMIT, &status, WITHIN).await, outcome);
    }
    let said = forge.state().said(COMMIT, CONTEXT);
    let expected = [("pending", "Build goes on (ci-a)"), ("success", "Passed (ci-a)")];
    assert_eq!(said, expected.map(|(state, text)| (state.to_owned(), text.to_owned())));
    let first = &record.seen()[1];
    assert_eq!(first.line(), format!("POST /api/v3/repos/o/r/statuses/{COMMIT}"));
    assert_eq!(first.headers["authorization"], "Bearer TOKEN");
    assert_eq!(first.headers["accept"], "application/vnd.github+json");
    assert_eq!(record.seen()[2].parameter("page"), Some("1"));
}

/// Whatever goes wrong with any of the requests that one status takes, exactly one final status is there in the end.
#[tokio::test(start_paused = true)]
async fn each_fault_at_each_request_leaves_exactly_one_final_status_and_no_pending_one_behind() {
    use ForgeFault::{AfterDoing, Instead};
    let limited = Reply::With(403, vec![("retry-after", "30".to_owned())], json!({ "message": "slow down" }));
    let faults = [
        ("refused", Instead(Reply::Refused)),
        ("reset", Instead(Reply::Reset)),
        ("half an answer", Instead(Reply::Half(200))),
        ("hangs", Instead(Reply::Silence)),
        ("unicorn", Instead(html(502))),
        ("busy", Instead(Reply::Json(503, json!({})))),
        ("limited", Instead(limited)),
        ("limited without a word", Instead(html(429))),
        ("done and reset", AfterDoing(Reply::Reset)),
        ("done and half an answer", AfterDoing(Reply::Half(201))),
        ("done and hangs", AfterDoing(Reply::Silence)),
        ("done and unicorn", AfterDoing(html(504))),
    ];
    for (name, fault) in faults {
        for at in 0..4 {
            for times in 1..=3 {
                let forge = forge();
                let well = std::iter::repeat_n(None, at);
                forge.state().faults = well.chain(std::iter::repeat_n(Some(fault.clone()), times)).collect();
                let (github, _) = client(&forge);
                for status in [pending(), passed()] {
                    let outcome = github.publish(&COMMIT[..10], &status, WITHIN).await;
                    assert!(matches!(outcome, Outcome::Published), "{name} at {at}, {times}: {outcome:?}");
                }
                assert_eq!(words(&forge), ["pending", "success"], "{name} at {at}, {times} times");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_on_for_one_that_died_after_any_request_says_each_thing_once() {
    for dies_after in 0..=6 {
        let forge = forge();
        let server = forge.clone();
        let (service, _) =
            Scripted::service(
                move |seen| {
                    if seen.number >= dies_after { Reply::Silence } else { server.answer(seen) }
                },
            );
        let dying = over(Outside::with_service(service), "TOKEN", "o/r");
        for status in [pending(), passed()] {
            // the agent is killed in the midst of it
            let _ =
                tokio::time::timeout(Duration::from_secs(1), dying.publish(COMMIT, &status, WITHIN)).await;
        }
        let (heir, _) = client(&forge);
        assert!(matches!(
            heir.publish(COMMIT, &passed(), WITHIN).await,
            Outcome::Published | Outcome::AlreadyThere
        ));
        let said = words(&forge);
        assert_eq!(said.last().map(String::as_str), Some("success"), "{dies_after}: {said:?}");
        assert_eq!(said.iter().filter(|state| *state == "success").count(), 1, "{dies_after}: {said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_is_not_repeated_although_a_newer_build_has_spoken_since() {
    let forge = forge();
    forge.state().faults = [None, Some(ForgeFault::AfterDoing(Reply::Reset))].into();
    let server = forge.clone();
    let newer = status_of("ci-b", None);
    let (service, record) = Scripted::service(move |seen| {
        if seen.number == 2 {
            let status = json!({ "state": newer.state.as_str(), "context": CONTEXT, "description": newer.description });
            server.state().statuses.get_mut(COMMIT).unwrap().push(status);
        }
        server.answer(seen)
    });
    let github = over(Outside::with_service(service), "TOKEN", "o/r");
    assert_eq!(github.publish(COMMIT, &passed(), WITHIN).await, Outcome::Published);
    assert_eq!(words(&forge), ["success", "pending"]);
    assert_eq!(record.asked().iter().filter(|line| line.starts_with("POST")).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_builds_of_one_commit_do_not_take_each_others_status_for_theirs() {
    let forge = forge();
    let (github, _) = client(&forge);
    for build in ["ci-a", "ci-b"] {
        for verdict in [None, Some(Verdict::Passed)] {
            let outcome = github.publish(COMMIT, &status_of(build, verdict), WITHIN).await;
            assert_eq!(outcome, Outcome::Published, "{build}");
        }
    }
    assert_eq!(words(&forge), ["pending", "success", "pending", "success"]);
}

#[tokio::test(start_paused = true)]
async fn a_status_is_found_behind_many_of_others() {
    let forge = forge();
    let (github, record) = client(&forge);
    assert_eq!(github.publish(COMMIT, &passed(), WITHIN).await, Outcome::Published);
    let others =
        (0..250).map(|n| json!({ "state": "success", "context": format!("other/{n}"), "description": "" }));
    forge.state().statuses.get_mut(COMMIT).unwrap().extend(others);
    assert_eq!(github.publish(COMMIT, &passed(), WITHIN).await, Outcome::AlreadyThere);
    assert_eq!(record.seen().last().unwrap().query, "per_page=100&page=3");
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_waited_for_as_long_as_github_asks_and_no_longer_than_the_caller_has_time() {
    let reset = |left: i64| {
        let date = "Tue, 24 Nov 2026 07:00:00 GMT".to_owned();
        let at = (1_795_503_600 + left).to_string();
        let headers =
            vec![("date", date), ("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", at)];
        Some(ForgeFault::Instead(Reply::With(403, headers, json!({ "message": "API rate limit exceeded" }))))
    };
    let limited = forge();
    limited.state().faults = [reset(90)].into();
    let (github, record) = client(&limited);
    assert_eq!(github.publish(COMMIT, &passed(), WITHIN).await, Outcome::Published);
    assert_eq!(record.gaps()[0].as_secs(), 91);

    let long = forge();
    long.state().faults = [reset(3000)].into();
    let (github, record) = client(&long);
    let outcome = github.publish(COMMIT, &passed(), WITHIN).await;
    let why = PublishFault::RateLimited {
        server: "https://gh.example".to_owned(),
        bound: TimeBound(Duration::from_secs(3001)),
    };
    assert_eq!(outcome, Outcome::Later { after: Duration::from_secs(3001), why });
    assert_eq!(record.count(), 1, "it was not asked again");
    assert_eq!(words(&long), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_away_is_tried_ever_more_rarely_and_then_left_for_later() {
    for (reply, said) in [
        (Reply::Refused, "https://gh.example cannot be reached: connection refused"),
        (Reply::Silence, "https://gh.example did not answer within 15 s"),
        (html(503), "https://gh.example has trouble of its own: HTTP 503"),
    ] {
        let (service, record) = Scripted::service(move |_| reply.clone());
        let github = over(Outside::with_service(service), "TOKEN", "o/r");
        match github.publish(COMMIT, &passed(), WITHIN).await {
            Outcome::Later { why, after } => {
                assert_eq!(why.to_string(), said);
                assert!(after >= Duration::from_secs(30), "{after:?}");
            }
            other => panic!("{other:?}"),
        }
        let gaps = record.gaps();
        assert!((8..40).contains(&gaps.len()), "{gaps:?}");
        assert!(gaps[0] < gaps[4], "{gaps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_github_refuses_for_good_is_asked_once_and_says_what_to_do() {
    type Spoil = fn(&Forge);
    let spoils: [(&str, Spoil, &str); 8] = [
        ("TOKEN", |forge| forge.state().may_write = false, "the token may not set commit statuses on o/r"),
        ("OTHERTOKEN", |_| (), "https://gh.example does not accept the token"),
        (
            "TOKEN",
            |forge| forge.state().repository = "o/gone".to_owned(),
            "or there is no such repository: Not Found",
        ),
        (
            "TOKEN",
            |forge| forge.state().commits.clear(),
            "o/r has no commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        ),
        ("TOKEN", |forge| forge.state().most = 0, "as many statuses of studioci/app as GitHub takes (1,000)"),
        (
            "TOKEN",
            |forge| forge.state().faults = [Some(ForgeFault::Instead(html(200)))].into(),
            "HTTP 200, and no JSON",
        ),
        (
            "TOKEN",
            |forge| forge.state().faults = [Some(ForgeFault::Instead(html(404)))].into(),
            "HTTP 404, and no JSON",
        ),
        (
            "TOKEN",
            |forge| {
                let long = Reply::Text(200, Vec::new(), "x".repeat(2 << 20));
                forge.state().faults = [Some(ForgeFault::Instead(long))].into();
            },
            "answers with more than 1048576 bytes",
        ),
    ];
    for (token, spoil, said) in spoils {
        let forge = forge();
        spoil(&forge);
        let server = forge.clone();
        let (service, record) = Scripted::service(move |seen| server.answer(seen));
        let github = over(Outside::with_service(service), token, "o/r");
        match github.publish(COMMIT, &passed(), WITHIN).await {
            Outcome::Unpublished(why) => {
                assert!(why.to_string().contains(said), "{why}");
                assert!(!format!("{why:?} {:?} {github:?}", why.advice()).contains("TOKEN"), "{why:?}");
            }
            other => panic!("{said}: {other:?}"),
        }
        assert!(record.count() <= 2, "{said}: {:?}", record.asked());
        assert_eq!(words(&forge), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_revision_is_the_one_commit_that_begins_so_and_no_branch_of_that_name() {
    let forge = forge();
    let (github, record) = client(&forge);
    assert_eq!(github.publish("9FCEB02", &passed(), WITHIN).await, Outcome::Published);
    assert_eq!(words(&forge), ["success"]);
    assert_eq!(record.asked()[0], "GET /api/v3/repos/o/r/commits/9fceb02");

    forge.state().commits.push(OTHER.to_owned());
    let why = PublishFault::NoSuchCommit { revision: "9fceb02".to_owned(), repository: "o/r".to_owned() };
    assert_eq!(github.publish("9fceb02", &passed(), WITHIN).await, Outcome::Unpublished(why.clone()));

    let (service, _) =
        Scripted::service(|_| Reply::Json(200, json!({ "sha": "ffffb02d0ae598e95dc970b74767f19372d61af8" })));
    let branch = over(Outside::with_service(service), "TOKEN", "o/r");
    assert_eq!(branch.publish("9fceb02", &passed(), WITHIN).await, Outcome::Unpublished(why));

    for revision in
        ["", "main", "9fceb0", "refs/heads/9fceb02", "v1.2-3-g9fceb02", "9fceb02/../..", &"a".repeat(65)]
    {
        let asked = record.count();
        let outcome = github.publish(revision, &passed(), WITHIN).await;
        let revision = revision.to_owned();
        assert_eq!(outcome, Outcome::Unpublished(PublishFault::RevisionIsNoCommit { revision }));
        assert_eq!(record.count(), asked, "nothing is asked");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renamed_repository_is_followed_on_the_same_server_and_the_token_goes_nowhere_else() {
    let forge = forge();
    forge.state().renamed_from = Some("o/old".to_owned());
    let server = forge.clone();
    let (service, _) = Scripted::service(move |seen| server.answer(seen));
    let github = over(Outside::with_service(service), "TOKEN", "o/old");
    assert_eq!(github.publish(&COMMIT[..8], &passed(), WITHIN).await, Outcome::Published);
    assert_eq!(words(&forge), ["success"]);
    assert_eq!(github.right(CONTEXT, WITHIN).await, Ok(Right::MayRenamed));

    for (location, said) in [
        ("https://evil.example/repos?t=TOKEN", "redirects to https://evil.example, where"),
        ("http://gh.example/repos", "redirects to http://gh.example, where"),
        ("https://gh.example:8443/repos", "redirects to https://gh.example:8443, where"),
        ("/repos/o/r", "redirects again and again"),
    ] {
        for code in [301, 302, 307, 308] {
            let reply = Reply::With(code, vec![("location", location.to_owned())], json!({}));
            let (service, record) = Scripted::service(move |_| reply.clone());
            let github = over(Outside::with_service(service), "TOKEN", "o/r");
            match github.publish(COMMIT, &passed(), WITHIN).await {
                Outcome::Unpublished(why) => {
                    assert!(why.to_string().contains(said), "{code} {location}: {why}");
                }
                other => panic!("{code} {location}: {other:?}"),
            }
            assert!(record.count() <= 4);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_right_to_set_statuses_is_asked_for_on_a_commit_that_nobody_has() {
    let forge = forge();
    let (github, record) = client(&forge);
    assert_eq!(github.right(CONTEXT, WITHIN).await, Ok(Right::May));
    assert_eq!(record.asked(), [format!("POST /api/v3/repos/o/r/statuses/{}", "0".repeat(40))]);
    assert!(forge.state().statuses.is_empty());
    forge.state().may_write = false;
    let why = github.right(CONTEXT, WITHIN).await.unwrap_err();
    assert!(matches!(why, PublishFault::NotAllowed { .. }), "{why}");
    assert!(why.advice().unwrap().1.contains("Commit statuses: read and write"), "{why:?}");
    let (service, _) = Scripted::service(|_| html(200));
    let page = over(Outside::with_service(service), "TOKEN", "o/r").right(CONTEXT, WITHIN).await.unwrap_err();
    assert!(page.advice().unwrap().1.contains("/api/v3"), "{page:?}");
    let (service, _) = Scripted::service(|_| Reply::Refused);
    let away = over(Outside::with_service(service), "TOKEN", "o/r").right(CONTEXT, WITHIN).await.unwrap_err();
    assert!(matches!(away, PublishFault::Unreached { .. }), "{away}");
}

#[test]
fn what_cannot_even_be_tried_is_said_before_anything_is_sent() {
    let repository = GithubRepository::parse("o/r").unwrap();
    let proxied = WayOut {
        proxies: Proxies { https: Some("socks4://me:SECRET@p".to_owned()), ..Proxies::default() },
        proxy_named: "home's proxy",
        ..WayOut::default()
    };
    let authority = |text| WayOut { authority: Some(text), ..WayOut::default() };
    for (api, token, way, said) in [
        ("http://ghe.example", "t", WayOut::default(), "without TLS"),
        ("https://u:SECRET@ghe.example", "t", WayOut::default(), "holds a user or a password"),
        ("ghe.example", "t", WayOut::default(), "it has no scheme"),
        ("https://ghe.example", " \n", WayOut::default(), "is empty, or holds characters"),
        ("https://ghe.example", "SEC\nRET", WayOut::default(), "is empty, or holds characters"),
        ("https://ghe.example", "t", authority(b"SECRET"), "there is no certificate in it"),
        (
            "https://ghe.example",
            "t",
            authority(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "is none",
        ),
        ("https://ghe.example", "t", proxied, "home's proxy: \"socks4://p\" is no URL"),
    ] {
        let fault = Github::new(api, &repository, &SecretString::from(token), &way).unwrap_err();
        assert!(fault.to_string().contains(said), "{api}: {fault}");
        assert!(!format!("{fault:?} {fault}").contains("SEC"), "{fault:?}");
    }
    let token = SecretString::from(" TOKEN\n");
    let github = Github::new("https://api.github.com", &repository, &token, &WayOut::default()).unwrap();
    assert!(!format!("{github:?}").contains("TOKEN"));
}

#[tokio::test]
async fn over_tls_only_the_usual_authorities_and_the_given_one_are_trusted() {
    let forge = forge();
    let server = forge.clone();
    let socket =
        SecureSocket::listen([127, 0, 0, 1].into(), 0, &["ghe.example"], move |seen| server.answer(seen))
            .await;
    let repository = GithubRepository::parse("o/r").unwrap();
    let github = |authority: Option<&str>| {
        let way = WayOut { authority: authority.map(str::as_bytes), ..WayOut::default() };
        let api = format!("{}/api/v3", socket.url());
        Github::new(&api, &repository, &SecretString::from("TOKEN"), &way).unwrap()
    };
    let trusting = github(Some(&socket.authority));
    assert_eq!(trusting.right(CONTEXT, WITHIN).await, Ok(Right::May));
    assert_eq!(trusting.publish(&COMMIT[..7], &passed(), WITHIN).await, Outcome::Published);
    assert_eq!(words(&forge), ["success"]);
    let (asked, connections) = (socket.scripted.count(), socket.connections());
    let another = SecureSocket::listen([127, 0, 0, 1].into(), 0, &[], |_| Reply::Silence).await;
    for authority in [None, Some(another.authority.as_str())] {
        match github(authority).publish(COMMIT, &passed(), WITHIN).await {
            Outcome::Unpublished(why @ PublishFault::CertificateRefused { .. }) => {
                assert!(why.advice().unwrap().1.contains("--github-ca"), "{why:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(socket.connections() > connections);
    assert_eq!(socket.scripted.count(), asked, "no request, and so no token, went to whom we do not trust");
}
