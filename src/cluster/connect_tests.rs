//! From options to real sockets on loopback: what kube's stack does with what we hand it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use kube::config::ExecConfig;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::options::Proxies;
use super::super::resource::{CONFIG_MAPS, NAMESPACES};
use super::super::{ClusterNotice, Create, Proof};
use super::*;
use crate::chain::base64::base64;

/// What a connection gets.
#[derive(Clone, Copy)]
enum Play {
    Answer(&'static str),
    Drop,
}

/// Answers each request with the next play (the last one for ever), one request a connection; records the heads.
async fn server(plays: Vec<Play>) -> (String, Arc<Mutex<Vec<String>>>) {
    serve(plays, None).await
}

/// The same over TLS, and the certificate that it shows.
async fn secure_server(plays: Vec<Play>) -> (String, Arc<Mutex<Vec<String>>>, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (url, heads) = server_with(plays, made.cert.der(), &made.signing_key).await;
    (url, heads, made.cert.pem())
}

/// The same with this certificate and key.
async fn server_with(
    plays: Vec<Play>,
    certificate: &CertificateDer<'static>,
    key: &rcgen::KeyPair,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = tls_server().with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
    serve(plays, Some(TlsAcceptor::from(Arc::new(config)))).await
}

fn tls_server() -> rustls::ConfigBuilder<rustls::ServerConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider);
    builder.with_safe_default_protocol_versions().unwrap()
}

async fn serve(plays: Vec<Play>, tls: Option<TlsAcceptor>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let record = Arc::clone(&heads);
    let scheme = if tls.is_some() { "https" } else { "http" };
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let next = |head: String| {
                let mut record = record.lock().unwrap();
                record.push(head);
                plays[(record.len() - 1).min(plays.len() - 1)]
            };
            match &tls {
                None => talk(socket, next).await,
                // one that does not trust the certificate goes away
                Some(tls) => {
                    if let Ok(socket) = tls.accept(socket).await {
                        talk(socket, next).await;
                    }
                }
            }
        }
    });
    (format!("{scheme}://{address}"), heads)
}

async fn talk(mut socket: impl AsyncRead + AsyncWrite + Unpin, next: impl FnOnce(String) -> Play) {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    while !text.windows(4).any(|window| window == b"\r\n\r\n") {
        match socket.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(read) => text.extend_from_slice(&piece[..read]),
        }
    }
    if let Play::Answer(answer) = next(String::from_utf8_lossy(&text).into_owned()) {
        let _ = socket.write_all(answer.as_bytes()).await;
        let _ = socket.shutdown().await;
    }
}

/// A kubeconfig in a folder of its own; it ends with the test.
struct Kubeconfig(PathBuf);

impl Kubeconfig {
    fn new(cluster: &Value, user: &Value) -> Self {
        let path = std::env::temp_dir().join(format!("studioci-connect-{}", uuid::Uuid::new_v4()));
        let config = json!({
            "current-context": "a",
            "contexts": [{"name": "a", "context": {"cluster": "lab", "user": "ann"}}],
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [{"name": "ann", "user": user}],
        });
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("config"), config.to_string()).unwrap();
        Self(path)
    }

    fn options(&self) -> Options {
        Options {
            kubeconfig: Some(self.0.join("config")),
            request_timeout: Duration::from_secs(5),
            patience: Duration::from_millis(500),
            ..Options::default()
        }
    }
}

impl Drop for Kubeconfig {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Asks for something; what was told meanwhile.
async fn asked(options: &Options) -> (Vec<ClusterNotice>, Result<Option<Value>, Error>) {
    let told: Arc<Mutex<Vec<ClusterNotice>>> = Arc::default();
    let notices = Arc::clone(&told);
    let cluster = match Cluster::connect(options) {
        Ok(cluster) => cluster,
        Err(error) => return (Vec::new(), Err(error)),
    };
    cluster.on_notice(move |notice| notices.lock().unwrap().push(notice));
    let answer = cluster.get::<Value>(&NAMESPACES, None, "x").await;
    let told = told.lock().unwrap().clone();
    (told, answer)
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
async fn a_redirection_is_not_followed() {
    let (elsewhere, heard) = server(vec![FINE]).await;
    let answer = format!(
        "HTTP/1.1 302 Found\r\nlocation: {elsewhere}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let (url, heads, _) = secure_server(vec![Play::Answer(answer.leak())]).await;
    let options =
        Options { insecure_skip_tls_verify: true, token: Some("SECRET".to_owned()), ..options(&url) };
    asked(&options).await.1.unwrap_err();
    assert_eq!((heads.lock().unwrap().len(), heard.lock().unwrap().len()), (1, 0));
}

#[test]
fn addresses() {
    let address = |server: &str, ca: bool| {
        let cluster = KubeCluster {
            server: Some(server.to_owned()),
            certificate_authority: ca.then(|| "ca.pem".to_owned()),
            ..KubeCluster::default()
        };
        super::address(&cluster, &AuthInfo::default(), Giver::Kubeconfig).map(|(uri, _)| uri.to_string())
    };
    assert_eq!(address("https://a:6443", false).unwrap(), "https://a:6443/");
    assert_eq!(address("localhost:8080", false).unwrap(), "http://localhost:8080/");
    assert_eq!(address("a:6443", true).unwrap(), "https://a:6443/");
    assert_eq!(address("https://[::1]:1/x", true).unwrap(), "https://[::1]:1/x");
    for bad in ["", "https://", "https://a b", "https://a:b", "https://a:65536", "a:b:1"] {
        address(bad, false).unwrap_err();
    }
}

/// What can be changed is what was given: a flag lies over a kubeconfig, and in a pod there is neither.
#[tokio::test]
async fn a_remedy_names_what_gave_the_address() {
    let nowhere = "http://127.0.0.1:1";
    let config = Kubeconfig::new(&json!({"server": nowhere}), &json!({}));
    let flag = Options { server: Some(nowhere.to_owned()), ..config.options() };
    for (options, of, remedy) in [
        (config.options(), " of context \"a\"", "the context is the one you mean"),
        (flag.clone(), "", "that --server is its address"),
        (options(nowhere), "", "that --server is its address"),
    ] {
        let error = asked(&options).await.1.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot reach the API server {nowhere}{of}: connection refused")
        );
        assert!(error.remedy().contains(remedy), "{}", error.remedy());
    }
    for (server, said) in [
        ("ftp://h", "--server: \"ftp://h\" is no URL: only https, http is spoken"),
        (
            "https://h:port",
            "--server: \"https://h:…\" (what may be a password in it is not shown) is no URL: its port",
        ),
        ("https://u:SECRET@", "--server: \"https://\" is no URL"),
    ] {
        let error =
            asked(&Options { server: Some(server.to_owned()), ..config.options() }).await.1.unwrap_err();
        assert!(error.to_string().starts_with(said), "{error}");
    }
    let spoken = Play::Answer(
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
    );
    let (url, _) = server(vec![spoken]).await;
    let error = asked(&options(&url)).await.1.unwrap_err();
    assert_eq!(error.to_string(), format!("server {url}: it speaks HTTPS, but its address says http"));
    assert_eq!(error.remedy(), "write --server as https://HOST:PORT");
    let config = Kubeconfig::new(&json!({"server": "https://h", "tls-server-name": "https://x"}), &json!({}));
    let error = asked(&config.options()).await.1.unwrap_err();
    assert_eq!(error.to_string(), "tls-server-name of the cluster: it is no host name");
    let flag = Options { tls_server_name: Some("a b".to_owned()), ..config.options() };
    assert_eq!(asked(&flag).await.1.unwrap_err().to_string(), "--tls-server-name: it is no host name");
}

#[path = "certificates_tests.rs"]
mod certificates;
#[path = "credentials_tests.rs"]
mod credentials;
#[path = "proxied_tests.rs"]
mod proxied;
