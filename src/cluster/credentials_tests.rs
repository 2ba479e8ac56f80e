//! Who we are to a server: what is sent, what is not, and what nobody sees.

use super::*;

#[tokio::test]
async fn credentials_impersonation_and_compression_are_in_the_head() {
    let (url, heads, _) = secure_server(vec![FINE]).await;
    let agent = format!("user-agent: kubectl-studioci/{}", env!("CARGO_PKG_VERSION"));
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
        &agent,
    ] {
        assert!(head.lines().any(|it| it == line), "{line} missing in\n{head}");
    }
}

#[tokio::test]
async fn a_plugin_may_take_longer_than_a_request() {
    let (url, heads, _) = secure_server(vec![FINE]).await;
    let script = r#"sleep 1.2; echo '{"status":{"token":"t"}}'"#;
    let config = Kubeconfig::new(
        &json!({"server": url, "insecure-skip-tls-verify": true}),
        &json!({"exec": {
            "command": "sh", "args": ["-c", script], "apiVersion": "client.authentication.k8s.io/v1",
            "interactiveMode": "Never",
        }}),
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
        (server(), json!({"token": "SEC\nRET"}), "token of user \"ann\": the token holds characters"),
        (
            server(),
            json!({"auth-provider": {"name": "oidc", "config": {"id-token": "SEC RET"}}}),
            "id-token of user \"ann\": the token holds characters",
        ),
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
            "client-certificate of user \"ann\": it is not PEM",
        ),
        (
            server(),
            json!({"client-key-data": base64(key)}),
            "client-key of user \"ann\" is given, and client-certificate of user \"ann\" is not",
        ),
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
            "the cluster's server: \"https://127.0.0.1:1\" (what may be a password in it is not shown) is no URL: a / stands",
        ),
        (
            with("server", "https://u:12/SECRET@h"),
            none.clone(),
            "the cluster's server: \"https://h\" (what may be a password in it is not shown) is no URL: a / stands",
        ),
        (
            with("server", "https://u:SE@C/RET@h"),
            none.clone(),
            "the cluster's server: \"https://h\" (what may be a password in it is not shown) is no URL: a / stands",
        ),
        (
            with("server", "https://u:12?SEC#RET@h"),
            none.clone(),
            "the cluster's server: \"https://h\" (what may be a password in it is not shown) is no URL: a ? stands",
        ),
        (
            with("server", "https://u:SECRET/RET"),
            none.clone(),
            "the cluster's server: \"https://u:…\" (what may be a password in it is not shown) is no URL: its port",
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
            "certificate authority (certificate-authority of cluster \"lab\"): ",
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

/// kubectl says of one that it overrides the other, and refuses both.
#[tokio::test]
async fn what_is_given_twice_is_refused_whichever_is_meant() {
    let data = base64("x");
    let server = json!({"server": "https://127.0.0.1:1"});
    let trusting = json!({
        "server": "https://127.0.0.1:1", "certificate-authority": "ca.crt", "certificate-authority-data": data,
    });
    let none = json!({});
    for (cluster, user, said) in [
        (&trusting, none.clone(), "cluster \"lab\": certificate-authority and certificate-authority-data"),
        (
            &server,
            json!({"client-certificate": "c", "client-certificate-data": data, "client-key": "k"}),
            "user \"ann\": client-certificate and client-certificate-data",
        ),
        (
            &server,
            json!({"client-certificate": "c", "client-key": "k", "client-key-data": data}),
            "user \"ann\": client-key and client-key-data",
        ),
        (&server, json!({"token": "SECRET", "username": "u"}), "user \"ann\": token and username"),
        (&server, json!({"tokenFile": "t", "password": "SECRET"}), "user \"ann\": tokenFile and password"),
    ] {
        let config = Kubeconfig::new(cluster, &user);
        let error = asked(&config.options()).await.1.unwrap_err();
        assert_eq!(error.to_string(), format!("{said} are both given"));
    }
    let config = Kubeconfig::new(&server, &json!({"username": "u", "password": "SECRET"}));
    let flag = Options { token: Some("SECRET".to_owned()), ..config.options() };
    let error = asked(&flag).await.1.unwrap_err();
    assert_eq!(error.to_string(), "user \"ann\": --token and username are both given");
}

#[test]
fn credentials_in_client_gos_order() {
    let entries = Entries { user: Some("ann".to_owned()), ..Entries::default() };
    let kind =
        |auth: &AuthInfo| match credentials(&Options::default(), &KubeCluster::default(), auth, &entries) {
            Ok(Source::Fixed(None)) => "none".to_owned(),
            Ok(Source::Fixed(Some(value))) => value.to_str().unwrap().to_owned(),
            Ok(Source::File(path, user, before)) => {
                let before = before.map(|value| format!(", before it {}", value.to_str().unwrap()));
                format!("tokenFile of {user:?}: {}{}", path.display(), before.unwrap_or_default())
            }
            Ok(Source::Withheld(why)) => why,
            Ok(Source::Plugin(plugin)) => plugin.name(),
            Err(error) => error.to_string(),
        };
    let mut auth = AuthInfo::default();
    assert_eq!(kind(&auth), "none");
    auth.exec = Some(ExecConfig {
        command: Some("login".to_owned()),
        api_version: Some("client.authentication.k8s.io/v1beta1".to_owned()),
        ..ExecConfig::default()
    });
    assert_eq!(kind(&auth), "credential plugin login");
    let certified = AuthInfo { client_certificate: Some("c".to_owned()), ..auth.clone() };
    assert_eq!(kind(&certified), "none", "a certificate is enough");
    auth.username = Some("u".to_owned());
    auth.password = Some("p".to_owned().into());
    assert_eq!(kind(&auth), "Basic dTpw");
    auth.token_file = Some("/t".to_owned());
    let both = |first: &str, second: &str| format!("user \"ann\": {first} and {second} are both given");
    assert_eq!(kind(&auth), both("tokenFile", "username"));
    auth.username = None;
    auth.token = Some("t".to_owned().into());
    assert_eq!(kind(&auth), both("token", "password"));
    auth.password = None;
    assert_eq!(kind(&auth), "tokenFile of Some(\"ann\"): /t, before it Bearer t");
    auth.token = None;
    assert_eq!(kind(&auth), "tokenFile of Some(\"ann\"): /t");
    (auth.token_file, auth.token) = (None, Some("t".to_owned().into()));
    assert_eq!(kind(&auth), "Bearer t");
    let provider = kube::config::AuthProviderConfig { name: "gcp".to_owned(), ..Default::default() };
    let auth = AuthInfo { auth_provider: Some(provider), ..AuthInfo::default() };
    assert!(kind(&auth).contains("auth-provider \"gcp\" is not supported"), "{}", kind(&auth));
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
    let file = folder.join("ca.crt");
    assert_eq!(
        error.to_string(),
        format!(
            "certificate authority (the ServiceAccount's {}): there is no certificate in it",
            file.display()
        )
    );
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

#[tokio::test]
async fn a_token_that_is_none_is_told_by_the_flag_and_never_shown() {
    for token in ["SEC\nRET", "SEC\r\nRET", "SEC RET", "SECRÉT", "SEC\u{2028}RET", "\u{1f511}SECRET"] {
        let options = Options { token: Some(token.to_owned()), ..options("https://127.0.0.1:1") };
        let error = asked(&options).await.1.unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.remedy().as_str()),
            (
                "--token: the token holds characters that no token may hold",
                "write it on one line, in ASCII, without blanks"
            )
        );
    }
    let config = Kubeconfig::new(&json!({"server": "https://127.0.0.1:1"}), &json!({"tokenFile": "token"}));
    for (text, said) in [
        ("SEC\nRET", "tokenFile of user \"ann\": the token holds characters that no token may hold"),
        ("\n", "the token cannot be read from tokenFile of user \"ann\": it is empty"),
    ] {
        std::fs::write(config.0.join("token"), text).unwrap();
        let error = asked(&config.options()).await.1.unwrap_err();
        assert_eq!(error.to_string(), said);
    }
    let half = Options { client_key: Some(config.0.join("token")), ..options("https://127.0.0.1:1") };
    assert_eq!(
        asked(&half).await.1.unwrap_err().to_string(),
        "--client-key is given, and --client-certificate is not"
    );
}

const UNKNOWN: Play = Play::Answer(
    "HTTP/1.1 401 Unauthorized\r\ncontent-length: 58\r\nconnection: close\r\n\r\n\
     {\"kind\":\"Status\",\"code\":401,\"message\":\"Unauthorized\"}     ",
);

/// Whom somebody acts as is not whose credentials are refused; and over plain http the server saw none.
#[tokio::test]
async fn who_is_not_let_in_is_the_one_whom_the_server_saw() {
    let (plain, _) = server(vec![UNKNOWN]).await;
    let (secure, _, _) = secure_server(vec![UNKNOWN]).await;
    let config = |server: &str, user: Value| Kubeconfig::new(&json!({"server": server}), &user);
    let (token, as_carl) = (json!({"token": "SECRET"}), json!({"token": "SECRET", "as": "carl"}));
    let acting = |options: Options| Options {
        impersonate: Some("bob".to_owned()),
        insecure_skip_tls_verify: true,
        ..options
    };
    let bearer = |options: Options| Options { token: Some("SECRET".to_owned()), ..options };
    let saw = |whose: &str| {
        format!(
            "the API server {plain} wants to know who we are, and saw nobody: the credentials of {whose} are not sent over \
             plain http"
        )
    };
    let refused = |whose: &str| {
        format!("the API server {secure} does not accept the credentials of {whose}: Unauthorized")
    };
    let none =
        |server: &str| format!("the API server {server} wants credentials, and there are none: Unauthorized");
    let (by_http, by_tls) = (config(&plain, token.clone()), config(&secure, token));
    let carl = config(&secure, as_carl);
    for (options, said, remedy) in [
        (acting(by_http.options()), saw("ann"), "write the cluster's server as https://HOST:PORT"),
        (
            acting(bearer(by_http.options())),
            saw("the bearer of --token"),
            "write the cluster's server as https",
        ),
        (
            acting(bearer(options(&plain))),
            saw("the bearer of --token"),
            "write --server as https://HOST:PORT",
        ),
        (acting(options(&plain)), none(&plain), "Name a user of the kubeconfig with --user"),
        (acting(by_tls.options()), refused("ann"), "Sign in to the cluster again"),
        (
            acting(bearer(by_tls.options())),
            refused("the bearer of --token"),
            "Give --token one that is valid",
        ),
        (
            Options { insecure_skip_tls_verify: true, ..carl.options() },
            refused("ann"),
            "Sign in to the cluster",
        ),
        (acting(options(&secure)), none(&secure), "Name a user of the kubeconfig with --user"),
    ] {
        let error = asked(&options).await.1.unwrap_err();
        assert_eq!(error.to_string(), said);
        assert!(error.remedy().starts_with(remedy), "{said}: {}", error.remedy());
    }
}
