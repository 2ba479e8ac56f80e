//! Webhooks: what they are sent, what signs it, and receivers that do not take it.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use testkit::{Reply, Scripted, SecureSocket};

use super::{Delivery, Outcome, PublishFault, Webhook, signature};
use crate::chain::build::{Build, Phase};
use crate::chain::masking::Masking;
use crate::chain::webhook::WebhookBuild;
use crate::chain::wire;
use crate::cluster::outside::{Outside, WayOut};

const WITHIN: Duration = Duration::from_secs(600);
const URL: &str = "https://hooks.example/services/SECRETPATH?key=SECRETKEY";

fn build() -> Build {
    Build::played("ci-a", Phase::Recorded, &[(wire::VERDICT, "Passed"), (wire::CAUSE, "hunter22 is open")])
}

fn delivery() -> Delivery {
    let told = WebhookBuild::of(&build(), None, &Masking::of(["hunter22"]), jiff::Timestamp::UNIX_EPOCH);
    Delivery::of(&build(), Phase::Recorded, told.object.to_string())
}

fn hook(outside: Outside) -> Webhook {
    Webhook::over(outside, URL.parse().unwrap(), Some(SecretString::from("key"))).unwrap()
}

#[test]
fn a_signature_is_that_of_openssl() {
    // printf '{"a":1}' | openssl dgst -sha256 -hmac key
    let expected = "sha256=88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342";
    assert_eq!(signature(&SecretString::from("key"), br#"{"a":1}"#), expected);
    // RFC 4231, test case 2
    let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(signature(&SecretString::from("Jefe"), b"what do ya want for nothing?"), expected);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_gets_the_builds_object_signed_and_named() {
    let (service, record) = Scripted::service(|_| Reply::Text(204, Vec::new(), String::new()));
    assert_eq!(hook(Outside::with_service(service)).deliver(&delivery(), WITHIN).await, Outcome::Published);
    let seen = &record.seen()[0];
    assert_eq!((seen.line().as_str(), seen.query.as_str()), ("POST /services/SECRETPATH", "key=SECRETKEY"));
    assert_eq!(seen.body["kind"], "Build");
    assert_eq!(seen.body["status"]["verdict"], "Passed");
    assert_eq!(seen.body["status"]["cause"], "*** is open", "values of the chain's Secret are masked");
    let signed = signature(&SecretString::from("key"), &seen.bytes);
    for (name, value) in [
        ("x-studioci-signature", signed.as_str()),
        ("x-studioci-delivery", "uid-of-ci-a-Recorded"),
        ("x-studioci-event", "Recorded"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(seen.headers[name], value, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_template_makes_is_sent_and_signed_to_the_byte() {
    let body = "{ \"text\" : \"Passed\" }\n";
    for secret in [None, Some("key")] {
        let (service, record) = Scripted::service(|_| Reply::Json(200, json!({})));
        let secret = secret.map(SecretString::from);
        let outside = Outside::with_service(service);
        let hook = Webhook::over(outside, URL.parse().unwrap(), secret.clone()).unwrap();
        let delivery = Delivery::of(&build(), Phase::Triggered, body.to_owned());
        assert_eq!(hook.deliver(&delivery, WITHIN).await, Outcome::Published);
        let seen = &record.seen()[0];
        assert_eq!(seen.bytes, body.as_bytes());
        assert_eq!(seen.headers["content-type"], "application/json");
        let signed = seen.headers.get("x-studioci-signature").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(signed, secret.map(|secret| signature(&secret, body.as_bytes())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_away_or_busy_gets_the_same_again_until_it_takes_it() {
    for reply in [
        Reply::Refused,
        Reply::Reset,
        Reply::Silence,
        Reply::Json(500, json!({})),
        Reply::With(429, vec![("retry-after", "9".to_owned())], json!({})),
        Reply::Json(408, json!({})),
    ] {
        let name = format!("{reply:?}");
        let (service, record) =
            Scripted::service(
                move |seen| {
                    if seen.number < 2 { reply.clone() } else { Reply::Json(200, json!({})) }
                },
            );
        assert_eq!(
            hook(Outside::with_service(service)).deliver(&delivery(), WITHIN).await,
            Outcome::Published,
            "{name}"
        );
        let seen = record.seen();
        assert_eq!(seen.len(), 3, "{name}");
        for again in &seen[1..] {
            assert_eq!((&again.bytes, &again.headers), (&seen[0].bytes, &seen[0].headers), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_refuses_or_redirects_is_asked_once_and_named_by_its_host_alone() {
    let moved = |code, to: &str| Reply::With(code, vec![("location", to.to_owned())], json!({}));
    for (reply, said) in [
        (Reply::Json(400, json!({ "why": "SECRETKEY" })), "hooks.example refuses what it is sent: HTTP 400"),
        (Reply::Json(404, json!({})), "HTTP 404"),
        (Reply::Json(410, json!({})), "HTTP 410"),
        (Reply::Json(304, json!({})), "HTTP 304"),
        (
            moved(301, "https://hooks.example/services/SECRETPATH/"),
            "redirects to https://hooks.example, which",
        ),
        (
            moved(307, "https://evil.example/?SECRETKEY"),
            "redirects to https://evil.example, which is not followed",
        ),
        (moved(302, "http://hooks.example/"), "redirects to http://hooks.example, which"),
    ] {
        let (service, record) = Scripted::service(move |_| reply.clone());
        let hook = hook(Outside::with_service(service));
        match hook.deliver(&delivery(), WITHIN).await {
            Outcome::Unpublished(why) => {
                assert!(why.to_string().contains(said), "{why}");
                assert!(!format!("{why:?} {:?} {hook:?}", why.advice()).contains("SECRET"), "{why:?}");
            }
            other => panic!("{said}: {other:?}"),
        }
        assert_eq!(record.count(), 1, "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_stays_away_is_left_for_later_and_its_path_is_not_shown() {
    let (service, _) = Scripted::service(|_| Reply::Refused);
    match hook(Outside::with_service(service)).deliver(&delivery(), WITHIN).await {
        Outcome::Later { why, .. } => {
            assert_eq!(why.to_string(), "hooks.example cannot be reached: connection refused");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_webhook_is_of_https_and_its_secret_is_one() {
    let new = |url: &str, secret: &str| {
        Webhook::new(url, Some(SecretString::from(secret)), &WayOut::default()).unwrap_err()
    };
    let host = "h".to_owned();
    assert_eq!(new("http://h/SECRET", "s"), PublishFault::NotSecure { what: "--webhook", host });
    assert_eq!(new("https://h/", ""), PublishFault::HookSecretEmpty {});
}

#[tokio::test]
async fn over_tls_a_receiver_that_breaks_off_in_the_midst_of_its_answer_gets_it_again() {
    let socket = SecureSocket::listen([127, 0, 0, 1].into(), 0, &[], |seen| match seen.number {
        0 => Reply::Half(200),
        _ => Reply::Json(200, json!({})),
    })
    .await;
    let way = WayOut { authority: Some(socket.authority.as_bytes()), ..WayOut::default() };
    let hook = Webhook::new(&socket.url(), None, &way).unwrap();
    assert_eq!(hook.deliver(&delivery(), WITHIN).await, Outcome::Published);
    assert_eq!(socket.scripted.count(), 2);
}
