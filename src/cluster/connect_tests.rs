//! From options to real sockets on loopback: what kube's stack does with what we hand it.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::resource::{CONFIG_MAPS, NAMESPACES};
use super::super::{Create, Proof};
use super::*;

/// What a connection gets.
#[derive(Clone, Copy)]
enum Play {
    Answer(&'static str),
    Drop,
}

/// Answers each request with the next play (the last one for ever), one request a connection; records the heads.
async fn server(plays: Vec<Play>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let record = Arc::clone(&heads);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut text = Vec::new();
            let mut piece = [0; 4096];
            while !text.windows(4).any(|window| window == b"\r\n\r\n") {
                match socket.read(&mut piece).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => text.extend_from_slice(&piece[..read]),
                }
            }
            let number = {
                let mut record = record.lock().unwrap();
                record.push(String::from_utf8_lossy(&text).into_owned());
                record.len() - 1
            };
            if let Play::Answer(answer) = plays[number.min(plays.len() - 1)] {
                let _ = socket.write_all(answer.as_bytes()).await;
                let _ = socket.shutdown().await;
            }
        }
    });
    (format!("http://{address}"), heads)
}

const UNAVAILABLE: Play =
    Play::Answer("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
const FINE: Play = Play::Answer(
    "HTTP/1.1 200 OK\r\ndate: Tue, 24 Nov 2026 20:50:33 GMT\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
);

fn options(server: &str) -> Options {
    Options {
        server: Some(server.to_owned()),
        request_timeout: Duration::from_secs(5),
        patience: Duration::from_millis(500),
        ..Options::default()
    }
}

#[tokio::test]
async fn kube_repeats_nothing_behind_our_back() {
    let (url, heads) = server(vec![UNAVAILABLE]).await;
    let options = Options { request_timeout: Duration::from_millis(500), ..options(&url) };
    let cluster = Cluster::connect(&options).unwrap();
    let object = json!({"metadata": {"name": "x"}});
    let how = Create { dry_run: false, proof: Proof::SameContent };
    // The pause before our own second try is longer than the patience: what is sent more than once is kube's.
    cluster.create::<Value>(&NAMESPACES, None, &object, &how).await.unwrap_err();
    assert_eq!(heads.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn credentials_impersonation_and_compression_are_in_the_head() {
    let (url, heads) = server(vec![FINE]).await;
    let options = Options {
        token: Some("t".to_owned()),
        impersonate: Some("ann".to_owned()),
        impersonate_uid: Some("7".to_owned()),
        impersonate_groups: vec!["g1".to_owned(), "g2".to_owned()],
        impersonate_extra: [("Team/x".to_owned(), vec!["y".to_owned()])].into(),
        ..options(&url)
    };
    let cluster = Cluster::connect(&options).unwrap();
    cluster.get::<Value>(&CONFIG_MAPS, Some("n"), "x").await.unwrap();
    let head = heads.lock().unwrap()[0].to_ascii_lowercase();
    for line in [
        "get /api/v1/namespaces/n/configmaps/x http/1.1",
        "authorization: bearer t",
        "impersonate-user: ann",
        "impersonate-uid: 7",
        "impersonate-group: g1",
        "impersonate-group: g2",
        "impersonate-extra-team%2fx: y",
        "accept-encoding: gzip",
    ] {
        assert!(head.lines().any(|it| it == line), "{line} missing in\n{head}");
    }
}

#[tokio::test]
async fn a_path_before_the_api_is_kept() {
    let (url, heads) = server(vec![FINE]).await;
    let cluster = Cluster::connect(&options(&format!("{url}/k8s/clusters/c-1/"))).unwrap();
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
    assert!(heads.lock().unwrap()[0].starts_with("GET /k8s/clusters/c-1/api/v1/namespaces/x HTTP/1.1"));
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_refused_and_says_where() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let cluster = Cluster::connect(&options(&url)).unwrap();
    let error = cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot reach the API server {url}: connection refused"));
}

#[tokio::test]
async fn a_name_that_no_resolver_knows_fails_at_once() {
    let cluster = Cluster::connect(&options("http://does-not-exist.invalid:1")).unwrap();
    let error = cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot reach the API server http://does-not-exist.invalid:1: "), "{text}");
}

#[tokio::test]
async fn a_connection_that_is_dropped_is_tried_again() {
    let (url, heads) = server(vec![Play::Drop, FINE]).await;
    let options = Options { patience: Duration::from_secs(10), ..options(&url) };
    let cluster = Cluster::connect(&options).unwrap();
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
    assert_eq!(heads.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_unreachable_and_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await;
        std::future::pending::<()>().await;
    });
    let options = Options { insecure_skip_tls_verify: true, ..options(&url) };
    let error = Cluster::connect(&options).unwrap().get::<Value>(&NAMESPACES, None, "x").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_plugin_may_take_longer_than_a_request() {
    let (url, heads) = server(vec![FINE]).await;
    let path = std::env::temp_dir().join(format!("studioci-slow-{}", uuid::Uuid::new_v4()));
    let script = r#"sleep 1.2; echo '{"status":{"token":"t"}}'"#;
    let config = json!({
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": url}}],
        "users": [{"name": "a", "user": {"exec": {"command": "sh", "args": ["-c", script]}}}],
    });
    std::fs::write(&path, config.to_string()).unwrap();
    let second = Duration::from_secs(1);
    let options = Options {
        kubeconfig: Some(path.clone()),
        request_timeout: second,
        patience: second,
        ..Options::default()
    };
    let cluster = Cluster::connect(&options).unwrap();
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
    assert!(heads.lock().unwrap()[0].contains("authorization: Bearer t\r\n"));
    std::fs::remove_file(&path).unwrap();
}

fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

#[test]
fn addresses() {
    let address = |server: &str, ca: bool| {
        let cluster = KubeCluster {
            server: Some(server.to_owned()),
            certificate_authority: ca.then(|| "ca.pem".to_owned()),
            ..KubeCluster::default()
        };
        super::address(&cluster, &AuthInfo::default()).map(|uri| uri.to_string())
    };
    assert_eq!(address("https://a:6443", false).unwrap(), "https://a:6443/");
    assert_eq!(address("localhost:8080", false).unwrap(), "http://localhost:8080/");
    assert_eq!(address("a:6443", true).unwrap(), "https://a:6443/");
    assert_eq!(address("https://[::1]:1/x", true).unwrap(), "https://[::1]:1/x");
    for bad in ["", "https://", "https://a b"] {
        assert!(matches!(address(bad, false), Err(Error::Config { .. })), "{bad:?}");
    }
}

#[test]
fn which_proxy() {
    let proxy = |own: Option<&str>, proxy: Option<&str>, no_proxy: Option<&str>, server: &str| {
        let cluster = KubeCluster { proxy_url: own.map(str::to_owned), ..KubeCluster::default() };
        let options = Options {
            proxy: proxy.map(str::to_owned),
            no_proxy: no_proxy.map(str::to_owned),
            ..Options::default()
        };
        proxy_for(&options, &cluster, &uri(server)).unwrap().map(|uri| uri.to_string())
    };
    let server = "https://k8s.corp:6443";
    assert_eq!(proxy(None, None, None, server), None);
    assert_eq!(proxy(None, Some("http://p:3128"), None, server).as_deref(), Some("http://p:3128/"));
    assert_eq!(proxy(None, Some("p:3128"), None, server).as_deref(), Some("http://p:3128/"));
    assert_eq!(proxy(None, Some("http://p:3128"), Some(".corp"), server), None);
    assert_eq!(proxy(None, Some("http://p:3128"), None, "https://127.0.0.1:6443"), None);
    assert_eq!(proxy(None, Some("http://p:3128"), None, "http://k8s.corp"), None);
    let own = Some("http://own:1");
    assert_eq!(proxy(own, Some("http://p:3128"), Some("*"), server).as_deref(), Some("http://own:1/"));
}

#[test]
fn credentials_in_client_gos_order() {
    let kind = |auth: &AuthInfo| match credentials(&Options::default(), &KubeCluster::default(), auth) {
        Ok(Source::Fixed(None)) => "none".to_owned(),
        Ok(Source::Fixed(Some(value))) => value.to_str().unwrap().to_owned(),
        Ok(Source::File(path)) => path.display().to_string(),
        Ok(Source::Plugin(plugin)) => plugin.name(),
        Err(error) => error.to_string(),
    };
    let mut auth = AuthInfo::default();
    assert_eq!(kind(&auth), "none");
    auth.exec = Some(ExecConfig { command: Some("login".to_owned()), ..ExecConfig::default() });
    assert_eq!(kind(&auth), "credential plugin login");
    auth.username = Some("u".to_owned());
    auth.password = Some("p".to_owned().into());
    assert_eq!(kind(&auth), "Basic dTpw");
    auth.token_file = Some("/t".to_owned());
    assert_eq!(kind(&auth), "/t");
    auth.token = Some("t".to_owned().into());
    assert_eq!(kind(&auth), "Bearer t");
    let provider = kube::config::AuthProviderConfig { name: "gcp".to_owned(), ..Default::default() };
    let auth = AuthInfo { auth_provider: Some(provider), ..AuthInfo::default() };
    assert!(kind(&auth).contains("auth-provider \"gcp\" is not supported"), "{}", kind(&auth));
}

#[test]
fn a_certificate_authority_that_is_none_is_named() {
    let with = |data: Option<&str>, path: Option<&str>| {
        let cluster = KubeCluster {
            certificate_authority_data: data.map(str::to_owned),
            certificate_authority: path.map(str::to_owned),
            ..KubeCluster::default()
        };
        authority(&cluster)
            .map(|found| found.map_or(0, |found| found.len()))
            .map_err(|error| error.to_string())
    };
    assert_eq!(with(None, None), Ok(0));
    assert_eq!(with(Some(""), None), Ok(0));
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(with(Some(&base64(&format!("{pem}{pem}"))), None), Ok(2));
    assert_eq!(
        with(Some(&base64("hello")), None),
        Err("certificate authority (certificate-authority-data): there is no certificate in it".to_owned())
    );
    assert!(
        with(Some("%"), None).unwrap_err().starts_with("certificate authority (certificate-authority-data)")
    );
    assert!(
        with(None, Some("/nonexistent/ca"))
            .unwrap_err()
            .starts_with("certificate authority (/nonexistent/ca)")
    );
}

#[tokio::test]
async fn in_a_pod_only_the_mounted_files_count() {
    let folder = std::env::temp_dir().join(format!("studioci-account-{}", uuid::Uuid::new_v4()));
    let place = InCluster { folder: folder.clone(), ..InCluster::at("fd00::1", 443) };
    let error = Cluster::in_cluster(&place).unwrap_err();
    assert!(error.to_string().contains(&folder.display().to_string()), "{error}");

    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("ca.crt"), "no certificate").unwrap();
    std::fs::write(folder.join("namespace"), "ci-a\n").unwrap();
    std::fs::write(folder.join("token"), "t\n").unwrap();
    let error = Cluster::in_cluster(&place).unwrap_err();
    assert!(error.to_string().contains("there is no certificate in it"), "{error}");
    std::fs::remove_dir_all(&folder).unwrap();
}
