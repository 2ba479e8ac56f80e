//! Pages, redirections and other answers that no API server gives.

use http::HeaderValue;
use serde_json::{Value, json};
use testkit::Reply;

use super::super::resource::{CONFIG_MAPS, NAMESPACES};
use super::super::{Cluster, Create, Delete, Follow, Query, WatchEvent};
use super::*;

const CORE: &str = "/api/v1/namespaces/x";
const OTHER: &str = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/x";
const STATUS: &str = r#"{"kind":"Status","code":404,"message":"no"}"#;
const HTML: &str = "\n<!DOCTYPE html>\n<html><title>Sign in</title></html>";

fn told(path: &str, code: u16, headers: &[(&'static str, &'static str)], body: &str) -> Option<String> {
    let request = ApiRequest::get(path.to_owned(), "x".to_owned());
    let headers = headers
        .iter()
        .map(|(name, value)| (http::header::HeaderName::from_static(name), HeaderValue::from_static(value)));
    let code = StatusCode::from_u16(code).unwrap();
    stranger(&ConnectionInfo::scripted(), &request, code, &headers.collect(), body.as_bytes())
        .map(|error| error.to_string())
}

#[test]
fn what_no_api_server_answers_is_told_with_its_url() {
    let html = [("content-type", "text/html; charset=utf-8")];
    let text = [("content-type", "text/plain; charset=utf-8")];
    let json = [("content-type", "application/json")];
    let login = [("location", "https://u:SECRET@login.corp/auth?state=SECRET"), html[0]];
    for (path, code, headers, body, answer) in [
        (CORE, 302, &login[..], HTML, "302 Found, a redirection to https://login.corp"),
        (CORE, 301, &[("location", "/login")], "", "301 Moved Permanently, a redirection"),
        (CORE, 307, &[], "", "307 Temporary Redirect, a redirection"),
        (CORE, 200, &html, HTML, "200 OK, a page of HTML"),
        (CORE, 200, &[], HTML, "200 OK, a page of HTML"),
        (CORE, 403, &html, HTML, "403 Forbidden, a page of HTML"),
        (CORE, 404, &html, HTML, "404 Not Found, a page of HTML"),
        (OTHER, 404, &html, HTML, "404 Not Found, a page of HTML"),
        (CORE, 405, &[], "<html>", "405 Method Not Allowed, a page of HTML"),
        // a wrong path before the API's, and gateways that have a language of their own
        (CORE, 404, &text, "404 page not found\n", "404 Not Found, which is no answer of Kubernetes"),
        (
            "/apis/apps/v1/deployments",
            404,
            &text,
            "404 page not found\n",
            "404 Not Found, which is no answer of Kubernetes",
        ),
        (CORE, 404, &text, "default backend - 404", "404 Not Found, which is no answer of Kubernetes"),
        (
            OTHER,
            404,
            &json,
            r#"{"message":"no Route matched"}"#,
            "404 Not Found, which is no answer of Kubernetes",
        ),
        (CORE, 404, &[], "", "404 Not Found, which is no answer of Kubernetes"),
    ] {
        let said = format!("x: no API server answers at https://scripted{path}: {answer}");
        assert_eq!(told(path, code, headers, body), Some(said));
    }
}

#[test]
fn what_an_api_server_answers_is_none_of_that() {
    let text = [("content-type", "text/plain")];
    for (path, code, headers, body) in [
        (CORE, 404, &[][..], STATUS),
        (CORE, 200, &[], "{}"),
        (CORE, 422, &[], STATUS),
        (CORE, 401, &[("content-type", "text/html")], HTML),
        (CORE, 429, &[], HTML),
        (CORE, 502, &[], HTML),
        // a group or a version that this server does not have
        (OTHER, 404, &text, "404 page not found\n"),
        // the log of a container that serves pages
        (CORE, 200, &text, HTML),
    ] {
        assert_eq!(told(path, code, headers, body), None, "{path} {code} {body}");
    }
}

#[test]
fn a_server_that_speaks_https_says_so_in_several_words() {
    for body in [
        "Client sent an HTTP request to an HTTPS server.\n",
        "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
        "<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
    ] {
        let said = told(CORE, 400, &[], body).unwrap();
        assert!(said.ends_with("it speaks HTTPS, but its address says http"), "{said}");
    }
}

/// Taken for an API server's, a page that is not there would be an object that is gone.
#[tokio::test(start_paused = true)]
async fn no_call_takes_a_page_for_an_answer() {
    let html = vec![("content-type", "text/html".to_owned())];
    let login = vec![("location", "https://login".to_owned())];
    for reply in [
        Reply::With(404, html.clone(), json!("<html>")),
        Reply::With(200, html, json!("<html>")),
        Reply::With(302, login, json!("")),
        Reply::Json(404, json!({"error": "no route"})),
    ] {
        let (cluster, server) = Cluster::scripted(move |_| reply.clone());
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}});
        let here = Some("n");
        let errors = [
            cluster.get::<Value>(&CONFIG_MAPS, here, "x").await.map(drop),
            cluster.list::<Value>(&NAMESPACES, None, &Query::default()).await.map(drop),
            cluster.delete(&CONFIG_MAPS, here, "x", &Delete::uid("u")).await.map(drop),
            cluster.create::<Value>(&CONFIG_MAPS, here, &object, &Create::default()).await.map(drop),
            cluster.apply::<Value>(&CONFIG_MAPS, here, &object, false).await.map(drop),
        ];
        for error in errors {
            let error = error.unwrap_err();
            assert!(matches!(error, Error::NoApiServer { .. }), "{error:?}");
            assert!(
                error.remedy().starts_with("Check that the cluster's server is the API server's own"),
                "{error}"
            );
            assert!(!error.is_not_found() && !error.is_refusal() && !error.is_transient(), "{error:?}");
        }
        assert_eq!(server.count(), 5, "each is asked once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_answered_with_a_page_says_so() {
    let list = json!({"metadata": {"resourceVersion": "7"}, "items": []});
    for code in [200, 302, 404] {
        let list = list.clone();
        let (cluster, _) = Cluster::scripted(move |seen| match seen.parameter("watch") {
            Some(_) => Reply::With(code, vec![("content-type", "text/html".to_owned())], json!("<html>")),
            None => Reply::Json(200, list.clone()),
        });
        let mut watch = cluster.watch::<Value>(&NAMESPACES, None, Follow::new(Query::default()));
        let first = futures_util::StreamExt::next(&mut watch).await.unwrap();
        assert!(matches!(first, WatchEvent::Restarted(_)), "{first:?}");
        let second = futures_util::StreamExt::next(&mut watch).await.unwrap();
        assert!(matches!(second, WatchEvent::Trouble(Error::NoApiServer { .. })), "{code}: {second:?}");
    }
}
