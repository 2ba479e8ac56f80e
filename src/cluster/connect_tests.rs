//! From options to real sockets on loopback: what kube's stack does with what we hand it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use kube::config::ExecConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, rustls};

use super::super::options::Proxies;
use super::super::resource::{CONFIG_MAPS, NAMESPACES};
use super::super::{ClusterNotice, Create, Proof};
use super::*;

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
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let (url, heads) = serve(plays, Some(TlsAcceptor::from(Arc::new(config)))).await;
    (url, heads, made.cert.pem())
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
async fn credentials_impersonation_and_compression_are_in_the_head() {
    let (url, heads, _) = secure_server(vec![FINE]).await;
    let options = Options {
        token: Some("t".to_owned()),
        insecure_skip_tls_verify: true,
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
    let (url, heads, _) = secure_server(vec![FINE]).await;
    let script = r#"sleep 1.2; echo '{"status":{"token":"t"}}'"#;
    let config = Kubeconfig::new(
        &json!({"server": url, "insecure-skip-tls-verify": true}),
        &json!({"exec": {"command": "sh", "args": ["-c", script]}}),
    );
    let second = Duration::from_secs(1);
    let options = Options { request_timeout: second, patience: second, ..config.options() };
    asked(&options).await.1.unwrap();
    assert!(heads.lock().unwrap()[0].contains("authorization: Bearer t\r\n"));
}

/// As client-go: over plain http nothing of the user's is sent, read or run. That is said, once.
#[tokio::test]
async fn credentials_go_over_tls_only() {
    let (url, heads) = server(vec![FINE]).await;
    let pem = Value::from(base64("no certificate"));
    for user in [
        json!({"token": "SECRET"}),
        json!({"tokenFile": "/nonexistent/SECRET"}),
        json!({"username": "u", "password": "SECRET"}),
        json!({"exec": {"command": "/nonexistent/plugin"}}),
        json!({"auth-provider": {"name": "oidc", "config": {"id-token": "SECRET"}}}),
        json!({"client-certificate-data": pem, "client-key-data": pem}),
        json!({"client-certificate": "/nonexistent", "client-key": "/nonexistent"}),
    ] {
        let config = Kubeconfig::new(&json!({"server": url}), &user);
        let (told, answer) = asked(&config.options()).await;
        answer.unwrap();
        assert_eq!(
            told,
            [ClusterNotice::Warning(format!(
                "the credentials of ann are not sent: {url} is plain http, and whoever listens would have them; give \
                 the cluster an https:// address if it needs them"
            ))],
            "{user}"
        );
    }
    // flags over a kubeconfig, the user of an address, an address without scheme, a proxy of the cluster's
    let host = url.strip_prefix("http://").unwrap();
    let config = Kubeconfig::new(&json!({"server": "https://k8s.invalid"}), &json!({"token": "SECRET"}));
    for address in [url.clone(), format!("HTTP://u:SECRET@{host}"), host.to_owned()] {
        let options = Options { server: Some(address), token: Some("SECRET".to_owned()), ..config.options() };
        let (told, answer) = asked(&options).await;
        answer.unwrap();
        let [ClusterNotice::Warning(said)] = &told[..] else { panic!("{told:?}") };
        assert!(
            said.starts_with(&format!("the credentials of the bearer of --token are not sent: {url} is"))
        );
    }
    let through = json!({"server": "http://k8s.invalid", "proxy-url": format!("http://u:pw@{host}")});
    let config = Kubeconfig::new(&through, &json!({"token": "SECRET"}));
    let (told, _) = asked(&config.options()).await;
    assert!(matches!(&told[0], ClusterNotice::Warning(said) if said.contains("are not sent")), "{told:?}");
    let heads = heads.lock().unwrap();
    assert!(heads.len() >= 10, "all were asked");
    for head in &*heads {
        let head = head.to_ascii_lowercase();
        assert!(!head.contains("secret") && !head.contains("\nauthorization:"), "{head}");
    }
}

#[tokio::test]
async fn nothing_is_said_where_there_are_no_credentials() {
    let (url, heads) = server(vec![FINE]).await;
    let options = Options { impersonate: Some("ann".to_owned()), ..options(&url) };
    let (told, answer) = asked(&options).await;
    answer.unwrap();
    assert_eq!(told, []);
    assert!(heads.lock().unwrap()[0].contains("impersonate-user: ann"), "client-go sends it too");
}

/// Go's HTTP client makes a header of them, and sets it before any token.
#[tokio::test]
async fn the_user_of_an_address_signs_in_over_tls_and_is_never_shown() {
    let (url, heads, _) = secure_server(vec![FINE]).await;
    let address = url.replace("://", "://u:p%40ss@");
    let options = Options { insecure_skip_tls_verify: true, ..options(&address) };
    let cluster = Cluster::connect(&options).unwrap();
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
    assert_eq!(cluster.inner.transport.about.server, url);
    assert!(heads.lock().unwrap()[0].contains(&format!("authorization: Basic {}\r\n", base64("u:p@ss"))));
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

#[tokio::test]
async fn trust_is_kubectls() {
    let (url, heads, certificate) = secure_server(vec![FINE]).await;
    let data = base64(&certificate);
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let config = |cluster: Value| {
        let mut cluster = cluster;
        cluster["server"] = Value::from(url.clone());
        Kubeconfig::new(&cluster, &json!({"token": "t"}))
    };
    let trusting = config(json!({"certificate-authority-data": data}));
    let file = trusting.0.join("ca.pem");
    std::fs::write(&file, &certificate).unwrap();
    let flag = |options: Options| Options { certificate_authority: Some(file.clone()), ..options };
    let insecure = |options: Options| Options { insecure_skip_tls_verify: true, ..options };
    let (own, wrong) = (trusting.options(), config(json!({"certificate-authority-data": base64(&other)})));
    let careless = config(json!({"insecure-skip-tls-verify": true}));
    // what kubectl 1.36 does: a flag replaces all that the kubeconfig says of trust
    for options in [
        own.clone(),
        insecure(own.clone()),
        insecure(wrong.options()),
        flag(wrong.options()),
        flag(careless.options()),
    ] {
        asked(&options).await.1.unwrap();
    }
    assert_eq!(heads.lock().unwrap().len(), 5);
    let distrust = asked(&wrong.options()).await.1.unwrap_err().to_string();
    assert!(distrust.contains("certificate"), "{distrust}");

    let words = "specifying a root certificates file with the insecure flag is not allowed";
    let with_data = config(json!({"certificate-authority-data": data, "insecure-skip-tls-verify": true}));
    let with_file = config(json!({"certificate-authority": "gone.pem", "insecure-skip-tls-verify": true}));
    for (options, whose) in [
        (with_data.options(), "cluster \"lab\" of the kubeconfig has both"),
        (with_file.options(), "cluster \"lab\" of the kubeconfig has both"),
        (flag(insecure(own.clone())), "both flags are given"),
        (flag(insecure(options(&url))), "both flags are given"),
    ] {
        let error = asked(&options).await.1.unwrap_err();
        assert_eq!(error.to_string(), format!("{words}: {whose}"));
        assert!(!error.remedy().is_empty());
    }
    // over plain http nothing is checked, and kubectl says nothing either
    let (plain, _) = server(vec![FINE]).await;
    asked(&flag(insecure(options(&plain)))).await.1.unwrap();
}

/// A key, a token or a password where a path or an address belongs is not shown either.
#[tokio::test]
async fn no_error_shows_what_a_kubeconfig_holds() {
    let key = "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n";
    let server = || json!({"server": "https://127.0.0.1:1"});
    let with = |field: &str, value: &str| {
        let mut cluster = server();
        cluster[field] = Value::from(value);
        cluster
    };
    let none = json!({});
    for (cluster, user, said) in [
        (
            server(),
            json!({"tokenFile": "SECRET"}),
            "the token cannot be read from tokenFile of user \"ann\": No such file",
        ),
        (
            server(),
            json!({"tokenFile": key}),
            "the token cannot be read from tokenFile of user \"ann\": No such file",
        ),
        (server(), json!({"token": "SEC\nRET"}), "the user's token: the token holds characters"),
        (
            server(),
            json!({"client-certificate-data": base64("x"), "client-key": key}),
            "client-key of user \"ann\": its file cannot be read: ",
        ),
        (
            server(),
            json!({"client-certificate": key, "client-key": key}),
            "client-certificate of user \"ann\": its file cannot be read: ",
        ),
        (
            server(),
            json!({"client-certificate-data": base64("x"), "client-key-data": "SECRET!"}),
            "client-key of user \"ann\": its data is not base64",
        ),
        (
            server(),
            json!({"client-certificate-data": base64(key), "client-key-data": base64(key)}),
            "connection to https://127.0.0.1:1: ",
        ),
        (server(), json!({"client-key-data": base64(key)}), "user \"ann\": there is a client-key and no"),
        (
            server(),
            json!({"auth-provider": {"name": "gcp", "config": {"access-token": "SECRET"}}}),
            "kubeconfig: the user's auth-provider \"gcp\" is not supported",
        ),
        (
            with("server", "https://u:SECRET@127.0.0.1:1"),
            none.clone(),
            "cannot reach the API server https://127.0.0.1:1 of context",
        ),
        (
            with("server", "https://u:SEC/RET@127.0.0.1:1"),
            none.clone(),
            "the cluster's server: \"https://127.0.0.1:1\" is no",
        ),
        (
            with("server", "https://u:12/SECRET@h"),
            none.clone(),
            "the cluster's server: \"https://h\" is no URL",
        ),
        (with("server", "https://u:SECRET@"), none.clone(), "the cluster's server: \"https://\" is no URL"),
        (
            with("server", "ftp://u:SECRET@h"),
            none.clone(),
            "the cluster's server: \"ftp://h\" is no URL: only",
        ),
        (
            with("server", "https://127.0.0.1:1/?token=SECRET"),
            none.clone(),
            "cannot reach the API server https://127.0.0.1:1 of context",
        ),
        (
            with("proxy-url", "gopher://u:SECRET@p"),
            none.clone(),
            "the cluster's proxy-url: \"gopher://p\" is no URL",
        ),
        (
            with("proxy-url", "http://u:SECRET@p q"),
            none.clone(),
            "the cluster's proxy-url: \"http://p q\" is no URL",
        ),
        (
            with("proxy-url", "http://u:SECRET@127.0.0.1:1"),
            none.clone(),
            "cannot reach the API server https://127.0.0.1:1 of context",
        ),
        (
            with("certificate-authority", key),
            none.clone(),
            "certificate authority (the file of the kubeconfig): ",
        ),
    ] {
        let config = Kubeconfig::new(&cluster, &user);
        let (told, answer) = asked(&config.options()).await;
        let error = answer.unwrap_err();
        let whole = format!("{told:?} {error} {}", error.remedy());
        assert!(error.to_string().starts_with(said), "{cluster} {user}: {error}");
        assert!(!whole.contains("SEC") && !whole.contains("RET") && !whole.contains("BEGIN"), "{whole}");
    }
    let proxies = |text: &str| Proxies { https: Some(text.to_owned()), ..Proxies::default() };
    let proxy = |text: &str| Options { proxies: proxies(text), ..options("https://k8s.invalid:1") };
    for text in ["u:SECRET@p q:1", "http://u:SECRET@p:99999", "u:SEC/RET@p:1"] {
        let error = asked(&proxy(text)).await.1.unwrap_err().to_string();
        assert!(
            error.starts_with("HTTPS_PROXY: ") && !error.contains("SEC") && !error.contains("RET"),
            "{error}"
        );
    }
}

#[test]
fn addresses() {
    let address = |server: &str, ca: bool| {
        let cluster = KubeCluster {
            server: Some(server.to_owned()),
            certificate_authority: ca.then(|| "ca.pem".to_owned()),
            ..KubeCluster::default()
        };
        super::address(&cluster, &AuthInfo::default()).map(|(uri, _)| uri.to_string())
    };
    assert_eq!(address("https://a:6443", false).unwrap(), "https://a:6443/");
    assert_eq!(address("localhost:8080", false).unwrap(), "http://localhost:8080/");
    assert_eq!(address("a:6443", true).unwrap(), "https://a:6443/");
    assert_eq!(address("https://[::1]:1/x", true).unwrap(), "https://[::1]:1/x");
    for bad in ["", "https://", "https://a b", "https://a:b", "https://a:65536", "a:b:1"] {
        assert!(matches!(address(bad, false), Err(Error::Config(_))), "{bad:?}");
    }
}

#[test]
fn credentials_in_client_gos_order() {
    let entries = Entries { user: Some("ann".to_owned()), ..Entries::default() };
    let kind =
        |auth: &AuthInfo| match credentials(&Options::default(), &KubeCluster::default(), auth, &entries) {
            Ok(Source::Fixed(None)) => "none".to_owned(),
            Ok(Source::Fixed(Some(value))) => value.to_str().unwrap().to_owned(),
            Ok(Source::File(path, name)) => format!("{name}: {}", path.display()),
            Ok(Source::Withheld(why)) => why,
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
    assert_eq!(kind(&auth), "tokenFile of user \"ann\": /t");
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
    assert_eq!(with(Some(&base64(format!("{pem}{pem}"))), None), Ok(2));
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
    assert!(error.to_string().starts_with(&format!("ServiceAccount file {}", folder.display())), "{error}");

    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("ca.crt"), "no certificate").unwrap();
    std::fs::write(folder.join("token"), "t\n").unwrap();
    let error = Cluster::in_cluster(&place).unwrap_err();
    assert!(error.to_string().contains("there is no certificate in it"), "{error}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// As kubectl: without a kubeconfig as the ServiceAccount of the pod, which is said once, whoever listens when.
#[tokio::test]
async fn in_a_pod_without_a_kubeconfig_a_verb_signs_in_as_its_service_account_and_says_so() {
    let (url, heads, certificate) = secure_server(vec![FINE]).await;
    let config = Kubeconfig::new(&json!({}), &json!({}));
    let folder = config.0.clone();
    std::fs::write(folder.join("ca.crt"), certificate).unwrap();
    std::fs::write(folder.join("token"), "mounted\n").unwrap();
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let pod = InCluster { folder: folder.clone(), ..InCluster::at("127.0.0.1", port) };
    let options = Options { kubeconfig: None, pod: Some(pod), ..config.options() };

    let cluster = Cluster::connect(&options).unwrap();
    let told: Arc<Mutex<Vec<ClusterNotice>>> = Arc::default();
    for _ in 0..2 {
        let notices = Arc::clone(&told);
        cluster.on_notice(move |notice| notices.lock().unwrap().push(notice));
        cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
    }
    let said = format!("there is no kubeconfig: connecting to {url} as the pod's ServiceAccount");
    assert_eq!(*told.lock().unwrap(), [ClusterNotice::Chosen(said)]);
    for head in &*heads.lock().unwrap() {
        assert!(head.contains("authorization: Bearer mounted\r\n"), "{head}");
    }

    // the certificate authority is the mounted one, and nothing else is trusted
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    std::fs::write(folder.join("ca.crt"), other).unwrap();
    let error = asked(&options).await.1.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(error.to_string().starts_with(&format!("cannot reach the API server {url}: ")), "{error}");
}

/// Through whatever else is given, a token in a pod goes over TLS only.
#[tokio::test]
async fn a_pods_token_is_not_sent_to_a_server_that_a_flag_names() {
    let (url, heads) = server(vec![FINE]).await;
    let config = Kubeconfig::new(&json!({}), &json!({}));
    std::fs::write(config.0.join("token"), "SECRET").unwrap();
    std::fs::write(config.0.join("ca.crt"), "").unwrap();
    let pod = InCluster { folder: config.0.clone(), ..InCluster::at("127.0.0.1", 1) };
    let options = Options { pod: Some(pod), ..options(&url) };
    assert_eq!(asked(&options).await.0, []);
    assert!(!heads.lock().unwrap()[0].contains("SECRET"));
}

#[path = "proxied_tests.rs"]
mod proxied;
