//! The way through proxies, on real sockets: what they are asked, what is said if they refuse, and what nobody sees.

use http::{Request, StatusCode};
use http_body_util::Full;
use testkit::{Reply, SecureSocket, SeenRequest};
use tokio::net::TcpStream;

use super::*;
use crate::cluster::Hindrance;
use crate::cluster::outside::{NoAnswer, Outside, WayOut};

/// What a proxy does with whoever comes.
#[derive(Clone, Copy)]
enum Deed {
    /// Answers CONNECT so; a success leads on.
    Connect(&'static str),
    /// SOCKS5: which method it takes, and what it says of the server; 0 leads on.
    Socks(u8, u8),
    /// SOCKS5: takes user and password, and not these.
    SocksDoor,
    /// Goes away.
    Leave,
    /// Says nothing, and leaves the rest to the clock.
    Silence,
}

/// A proxy at loopback that leads to `to` wherever it is asked to; records what it was asked.
async fn proxy(deed: Deed, to: &str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (asked, to) = (Arc::<Mutex<Vec<String>>>::default(), to.split_once("://").unwrap().1.to_owned());
    let record = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (to, record) = (to.clone(), Arc::clone(&record));
            tokio::spawn(async move {
                let leads_on = match deed {
                    Deed::Connect(answer) => {
                        let head = head(&mut socket).await;
                        record.lock().unwrap().push(head);
                        socket.write_all(answer.as_bytes()).await.unwrap();
                        answer.starts_with("HTTP/1.1 200")
                    }
                    Deed::Socks(method, status) => {
                        socks(&mut socket, method, status, 0, &record).await;
                        status == 0
                    }
                    Deed::SocksDoor => {
                        socks(&mut socket, 2, 0, 1, &record).await;
                        false
                    }
                    Deed::Leave => false,
                    Deed::Silence => say_nothing(&mut socket).await,
                };
                if leads_on {
                    let mut server = TcpStream::connect(to).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut socket, &mut server).await;
                }
            });
        }
    });
    (address, asked)
}

/// Takes a first byte and says nothing. From then on only the bounds count: the clock goes on from one to the next, however
/// fast the machine is.
async fn say_nothing<T>(socket: &mut TcpStream) -> T {
    socket.read_u8().await.unwrap();
    tokio::time::pause();
    std::future::pending().await
}

async fn head(socket: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap()
}

/// Speaks SOCKS5 (RFC 1928, RFC 1929), and records that somebody came, and which server they asked for as whom.
async fn socks(socket: &mut TcpStream, method: u8, status: u8, door: u8, record: &Mutex<Vec<String>>) {
    let at = record.lock().unwrap().len();
    record.lock().unwrap().push(String::new());
    let mut offered = vec![0; 2];
    socket.read_exact(&mut offered).await.unwrap();
    offered.resize(usize::from(offered[1]), 0);
    socket.read_exact(&mut offered).await.unwrap();
    let method = if offered.contains(&method) { method } else { 0xff };
    socket.write_all(&[5, method]).await.unwrap();
    let mut asked = String::new();
    if method == 2 {
        assert_eq!(socket.read_u8().await.unwrap(), 1);
        for sign in [':', '@'] {
            asked.push_str(&text(socket).await);
            asked.push(sign);
        }
        socket.write_all(&[1, door]).await.unwrap();
    }
    let mut command = [0; 4];
    if socket.read_exact(&mut command).await.is_err() {
        return;
    }
    asked.push_str(&match command[3] {
        1 => std::net::Ipv4Addr::from_bits(socket.read_u32().await.unwrap()).to_string(),
        3 => text(socket).await,
        _ => std::net::Ipv6Addr::from_bits(socket.read_u128().await.unwrap()).to_string(),
    });
    let port = socket.read_u16().await.unwrap().to_string();
    asked.extend([":", &port]);
    record.lock().unwrap()[at] = asked;
    socket.write_all(&[5, status, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
}

async fn text(socket: &mut TcpStream) -> String {
    let mut text = vec![0; usize::from(socket.read_u8().await.unwrap())];
    socket.read_exact(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

/// A kubeconfig with this server and proxy, and a token.
fn through(server: &str, proxy: &str, more: &Value) -> Kubeconfig {
    let mut cluster = json!({"server": server, "proxy-url": proxy});
    cluster.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Kubeconfig::new(&cluster, &json!({"token": "TOKEN"}))
}

/// A bound that no machine is too slow for.
const LONG: Duration = Duration::from_secs(600);

const MADE: Deed = Deed::Connect("HTTP/1.1 200 Connection established\r\n\r\n");

#[tokio::test]
async fn a_server_is_reached_through_each_kind_of_proxy() {
    for (scheme, user, deed, asked_for) in [
        ("http", "", MADE, "CONNECT k8s.invalid:6443 HTTP/1.1\r\nhost: k8s.invalid:6443\r\n\r\n"),
        (
            "http",
            "u:p%40w@",
            MADE,
            "CONNECT k8s.invalid:6443 HTTP/1.1\r\nhost: k8s.invalid:6443\r\nproxy-authorization: Basic dTpwQHc=\r\n\r\n",
        ),
        ("socks5", "", Deed::Socks(0, 0), "k8s.invalid:6443"),
        ("socks5h", "", Deed::Socks(0, 0), "k8s.invalid:6443"),
        ("socks5", "u:p%40w@", Deed::Socks(2, 0), "u:p@w@k8s.invalid:6443"),
    ] {
        let (url, heads, certificate) = secure_server(vec![FINE]).await;
        let (address, asked_proxy) = proxy(deed, &url).await;
        let trust =
            json!({"certificate-authority-data": base64(certificate), "tls-server-name": "127.0.0.1"});
        let config = through("https://k8s.invalid:6443", &format!("{scheme}://{user}{address}"), &trust);
        let (told, answer) = asked(&config.options()).await;
        answer.unwrap_or_else(|error| panic!("{scheme} {user}: {error}"));
        assert_eq!(told, [], "{scheme} {user}");
        assert_eq!(*asked_proxy.lock().unwrap(), [asked_for], "{scheme} {user}");
        let heads = heads.lock().unwrap();
        assert!(heads[0].starts_with("GET /api/v1/namespaces/x HTTP/1.1\r\n"), "{heads:?}");
        assert!(
            heads[0].contains("authorization: Bearer TOKEN\r\n") && !heads[0].contains("roxy-auth"),
            "{heads:?}"
        );
    }
}

#[tokio::test]
async fn a_proxy_of_https_is_checked_like_the_server() {
    // the proxy is what answers CONNECT over TLS; it leads nowhere, and what it was asked shows that TLS was made
    let refusal = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
    let (url, heads, certificate) = secure_server(vec![Play::Answer(refusal)]).await;
    let proxy = url.replace("://", "://u:pw@");
    let trusted = json!({"certificate-authority-data": base64(certificate)});
    let config = through("https://k8s.invalid:6443", &proxy, &trusted);
    let error = asked(&config.options()).await.1.unwrap_err();
    assert!(
        error.to_string().ends_with("(the cluster's proxy-url): the proxy answered 403 Forbidden"),
        "{error}"
    );
    assert!(heads.lock().unwrap()[0].starts_with("CONNECT k8s.invalid:6443 HTTP/1.1\r\n"));
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let config =
        through("https://k8s.invalid", &proxy, &json!({"certificate-authority-data": base64(other)}));
    let error = asked(&config.options()).await.1.unwrap_err();
    assert!(
        error.to_string().ends_with("the proxy cannot be reached: its certificate is signed by no certificate authority that is trusted here"),
        "{error}"
    );
    assert_eq!(heads.lock().unwrap().len(), 1, "nothing was sent to a proxy that is another one");
}

#[tokio::test]
async fn plain_http_is_handed_on_by_a_proxy_of_http_and_tunnelled_by_socks() {
    let (url, heads) = server(vec![FINE]).await;
    let host = url.strip_prefix("http://").unwrap();
    let config = through("http://k8s.invalid:8080", &format!("http://u:pw@{host}"), &json!({}));
    asked(&config.options()).await.1.unwrap();
    let (address, asked_proxy) = proxy(Deed::Socks(0, 0), &url).await;
    let config = through("http://k8s.invalid", &format!("socks5://{address}"), &json!({}));
    asked(&config.options()).await.1.unwrap();
    assert_eq!(*asked_proxy.lock().unwrap(), ["k8s.invalid:80"]);
    let heads = heads.lock().unwrap();
    let handed_on = "GET http://k8s.invalid:8080/api/v1/namespaces/x HTTP/1.1\r\n";
    assert!(heads[0].starts_with(handed_on) && heads[0].contains("proxy-authorization: Basic dTpwdw==\r\n"));
    assert!(heads[1].starts_with("GET /api/v1/namespaces/x HTTP/1.1\r\n") && !heads[1].contains("proxy-"));
    assert!(!heads.concat().contains("TOKEN"));
}

#[tokio::test]
async fn the_environments_proxy_is_that_of_the_servers_scheme() {
    let (url, heads) = server(vec![FINE]).await;
    let host = url.strip_prefix("http://").unwrap();
    let proxies = Proxies {
        http: Some(host.to_owned()),
        https: Some("nowhere.invalid".to_owned()),
        ..Proxies::default()
    };
    let of = |server: &str| Options { proxies: proxies.clone(), ..options(server) };
    asked(&of("http://k8s.invalid")).await.1.unwrap();
    assert!(heads.lock().unwrap()[0].starts_with("GET http://k8s.invalid/api/v1/"));
    let direct = Options {
        proxies: Proxies { none_for: Some(".invalid".to_owned()), ..proxies.clone() },
        ..options("http://k8s.invalid")
    };
    asked(&direct).await.1.unwrap_err();
    let script =
        Options { proxies: Proxies { cgi: true, ..proxies.clone() }, ..options("http://k8s.invalid") };
    let error = asked(&script).await.1.unwrap_err();
    assert!(!error.to_string().contains("proxy"), "{error}");
    assert_eq!(heads.lock().unwrap().len(), 1);
    let error = asked(&of("https://k8s.invalid")).await.1.unwrap_err();
    assert!(
        error.to_string().starts_with(
            "cannot reach the API server https://k8s.invalid through the proxy nowhere.invalid:80 (HTTPS_PROXY): \
             the proxy cannot be reached: "
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_with_what_it_said_and_without_its_user() {
    for (scheme, deed, said) in [
        ("http", Deed::Connect("HTTP/1.1 403 Forbidden\r\n\r\n"), "the proxy answered 403 Forbidden"),
        ("http", Deed::Connect("HTTP/1.1 502 Bad Gateway\r\n\r\n"), "the proxy answered 502 Bad Gateway"),
        (
            "http",
            Deed::Connect("HTTP/1.1 407 No SECRET\r\nproxy-authenticate: Basic\r\n\r\n"),
            "the proxy answered 407 Proxy Authentication Required",
        ),
        ("http", Deed::Connect("SSH-2.0-SECRET\r\n\r\n"), "the proxy was lost: "),
        ("http", Deed::Leave, "the proxy was lost: "),
        ("socks5", Deed::Socks(2, 2), "the proxy made no connection: it does not allow it"),
        ("socks5", Deed::Socks(2, 5), "the proxy made no connection: connection refused"),
        ("socks5", Deed::Socks(1, 0), "the proxy made no connection: it takes no user and password"),
        ("socks5h", Deed::Leave, "the proxy made no connection: "),
    ] {
        let (address, _) = proxy(deed, "tcp://127.0.0.1:1").await;
        let config = through("https://k8s.invalid", &format!("{scheme}://me:SECRET@{address}"), &json!({}));
        let (told, answer) = asked(&config.options()).await;
        let error = answer.unwrap_err();
        let way = format!("context \"a\" through the proxy {address} (the cluster's proxy-url): {said}");
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot reach the API server https://k8s.invalid of {way}")),
            "{error}"
        );
        assert!(error.remedy().contains("proxy-url"), "{}", error.remedy());
        assert!(!format!("{told:?} {error} {}", error.remedy()).contains("SECRET"), "{error}");
    }
    let refused = through("https://k8s.invalid", "socks5://me:SECRET@127.0.0.1:1", &json!({}));
    assert_eq!(
        asked(&refused.options()).await.1.unwrap_err().to_string(),
        "cannot reach the API server https://k8s.invalid of context \"a\" through the proxy 127.0.0.1:1 (the cluster's \
         proxy-url): the proxy cannot be reached: connection refused"
    );
    // a proxy that reads the requests of plain http answers them itself
    let (url, _) = server(vec![Play::Answer("HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n")]).await;
    let config = through("http://k8s.invalid", &url, &json!({}));
    let error = asked(&config.options()).await.1.unwrap_err().to_string();
    assert!(
        error.ends_with("(the cluster's proxy-url): the proxy answered 407 Proxy Authentication Required"),
        "{error}"
    );
}

#[tokio::test]
async fn a_proxy_that_says_nothing_is_given_up_within_a_requests_bound() {
    for scheme in ["http", "socks5"] {
        let (address, _) = proxy(Deed::Silence, "tcp://127.0.0.1:1").await;
        let config = through("https://k8s.invalid", &format!("{scheme}://{address}"), &json!({}));
        let options = Options { request_timeout: LONG, ..config.options() };
        let error = asked(&options).await.1.unwrap_err().to_string();
        tokio::time::resume();
        assert!(
            error.ends_with(&format!(
                "the proxy {address} (the cluster's proxy-url): the proxy did not answer in time"
            )),
            "{error}"
        );
    }
}

#[tokio::test]
async fn others_than_the_api_server_are_reached_through_the_same_proxies_and_around_them() {
    let names = ["hooks.invalid"];
    let socket =
        SecureSocket::listen([127, 0, 0, 1].into(), 0, &names, |_| Reply::Json(200, json!({}))).await;
    let server: Uri = "https://hooks.invalid/x".parse().unwrap();
    let send = async |proxy: String, none_for: Option<&str>| {
        let proxies =
            Proxies { https: Some(proxy), none_for: none_for.map(str::to_owned), ..Proxies::default() };
        let way = WayOut {
            proxies,
            proxy_named: "p",
            authority: Some(socket.authority.as_bytes()),
            ..WayOut::default()
        };
        let request = Request::get(&server).body(Full::default()).unwrap();
        Outside::to(&server, &way).unwrap().send(request).await.map(|answer| answer.code)
    };
    let (address, asked) = proxy(MADE, &socket.url()).await;
    assert_eq!(send(format!("http://u:p%40w@{address}"), None).await, Ok(StatusCode::OK));
    let head = "CONNECT hooks.invalid:443 HTTP/1.1\r\nhost: hooks.invalid:443\r\n\
                proxy-authorization: Basic dTpwQHc=\r\n\r\n";
    assert_eq!(*asked.lock().unwrap(), [head]);
    assert_eq!(socket.scripted.asked(), ["GET /x"]);

    let around = send(format!("http://{address}"), Some(".invalid")).await;
    assert!(matches!(around, Err(NoAnswer::Link { may_pass: true, .. })), "{around:?}");
    assert_eq!(asked.lock().unwrap().len(), 1, "it went around the proxy");

    let (address, _) = proxy(Deed::Connect("HTTP/1.1 403 Forbidden\r\n\r\n"), "tcp://127.0.0.1:1").await;
    let why = Hindrance::Proxy("the proxy answered 403 Forbidden".to_owned());
    let refused = send(format!("http://me:SECRET@{address}"), None).await;
    assert_eq!(refused, Err(NoAnswer::Link { why, may_pass: false }));

    let (address, _) = proxy(Deed::Silence, "tcp://127.0.0.1:1").await;
    let why = Hindrance::Proxy("the proxy did not answer in time".to_owned());
    let silence = send(format!("http://{address}"), None).await;
    assert_eq!(silence, Err(NoAnswer::Link { why, may_pass: true }));
}

#[tokio::test]
async fn a_server_that_is_none_of_ours_may_have_signed_itself_if_just_that_certificate_is_trusted() {
    let at = [127, 0, 0, 1].into();
    let answer = |_: &SeenRequest| Reply::Json(200, json!({}));
    let (own, other) =
        (SecureSocket::self_signed(at, &[], answer).await, SecureSocket::self_signed(at, &[], answer).await);
    let signed = SecureSocket::listen(at, 0, &[], answer).await;
    let get = async |server: &str, authority: &str| {
        let server: Uri = server.parse().unwrap();
        let way = WayOut { authority: Some(authority.as_bytes()), ..WayOut::default() };
        let request = Request::get(&server).body(Full::default()).unwrap();
        Outside::to(&server, &way).unwrap().send(request).await.map(|answer| answer.code)
    };
    let bundle = format!("{}{}", other.authority, own.authority);
    assert_eq!(get(&own.url(), &own.authority).await, Ok(StatusCode::OK));
    assert_eq!(get(&own.url(), &bundle).await, Ok(StatusCode::OK));
    assert_eq!(get(&signed.url(), &format!("{bundle}{}", signed.authority)).await, Ok(StatusCode::OK));
    let counts = [own.scripted.count(), signed.scripted.count()];
    // another one of the same name, a name that it does not bear, and one that it has not signed
    let misnamed = own.url().replace("127.0.0.1", "localhost");
    for (server, authority) in
        [(own.url(), &other.authority), (misnamed, &own.authority), (signed.url(), &own.authority)]
    {
        let refused = get(&server, authority).await;
        let certificate = matches!(&refused, Err(NoAnswer::Link { why: Hindrance::Certificate(_), .. }));
        assert!(certificate, "{server}: {refused:?}");
    }
    assert_eq!(
        [own.scripted.count(), signed.scripted.count()],
        counts,
        "nothing was sent to whoever is not trusted"
    );
}

#[tokio::test]
async fn others_are_spoken_to_over_tls_alone() {
    let (url, heads) = server(vec![FINE]).await;
    let server: Uri = url.parse().unwrap();
    let request = Request::get(&server).body(Full::default()).unwrap();
    let answer = Outside::to(&server, &WayOut::default()).unwrap().send(request).await;
    assert!(matches!(answer, Err(NoAnswer::Link { .. })), "{answer:?}");
    assert!(heads.lock().unwrap().is_empty(), "nothing was sent in the clear");
}

/// Of plain http a proxy reads the requests: nobody can tell whether it or the server is silent.
#[tokio::test]
async fn a_silence_behind_a_proxy_is_told_with_the_proxy() {
    let (address, _) = proxy(Deed::Silence, "tcp://127.0.0.1:1").await;
    let config = through("http://k8s.invalid", &format!("http://me:SECRET@{address}"), &json!({}));
    let options = Options { request_timeout: LONG, ..config.options() };
    let error = asked(&options).await.1.unwrap_err();
    tokio::time::resume();
    assert_eq!(
        error.to_string(),
        format!(
            "namespace/x: no answer from http://k8s.invalid through the proxy {address} (the cluster's proxy-url) within 600 s"
        )
    );
    assert!(error.remedy().contains("of a proxy before it"), "{}", error.remedy());
    // behind a tunnel, and the environment's: a server that takes TLS's first word and says nothing
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, _) = proxy(MADE, &format!("tcp://{}", silent.local_addr().unwrap())).await;
    tokio::spawn(async move { say_nothing::<()>(&mut silent.accept().await.unwrap().0).await });
    let proxies = Proxies { https: Some(address.clone()), ..Proxies::default() };
    let options = Options { proxies, request_timeout: LONG, ..super::options("https://k8s.invalid") };
    let error = asked(&options).await.1.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot reach the API server https://k8s.invalid through the proxy {address} (HTTPS_PROXY): no connection was \
             made in time"
        )
    );
}

#[tokio::test]
async fn a_proxy_of_socks_that_does_not_let_us_in_is_not_asked_again() {
    for (user, deed, said) in [
        ("", Deed::Socks(2, 0), "it wants a user and password"),
        ("u:wrong@", Deed::SocksDoor, "it does not accept the user and password"),
        ("", Deed::Socks(0, 2), "it does not allow it"),
        ("", Deed::Socks(0, 7), "it does not connect anybody (command not supported)"),
        ("", Deed::Socks(0, 8), "it knows no addresses of this kind"),
    ] {
        let (address, asked_proxy) = proxy(deed, "tcp://127.0.0.1:1").await;
        let config = through("https://k8s.invalid", &format!("socks5://{user}{address}"), &json!({}));
        let options = config.options();
        // one that has been reached before, or nothing at all would be tried again
        let cluster = Cluster::chosen(
            &options,
            choose(&options, KubeconfigRead::of(&options).unwrap().0).unwrap(),
            true,
        )
        .unwrap();
        let error = cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap_err();
        assert!(error.to_string().ends_with(&format!("the proxy made no connection: {said}")), "{error}");
        assert_eq!(asked_proxy.lock().unwrap().len(), 1, "{said}");
        assert!(
            error.remedy().contains("proxy-url of this cluster in the kubeconfig, with its user"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_login_that_a_proxy_of_socks_does_not_want_is_left_out() {
    let (url, _, certificate) = secure_server(vec![FINE]).await;
    let (address, asked_proxy) = proxy(Deed::Socks(0, 0), &url).await;
    let trust = json!({"certificate-authority-data": base64(certificate), "tls-server-name": "127.0.0.1"});
    let config = through("https://k8s.invalid:6443", &format!("socks5://u:p@{address}"), &trust);
    asked(&config.options()).await.1.unwrap();
    assert_eq!(*asked_proxy.lock().unwrap(), ["", "k8s.invalid:6443"], "once with it, and once without");
}

#[tokio::test]
async fn a_remedy_names_what_gave_the_proxy() {
    let (address, _) = proxy(Deed::Connect("HTTP/1.1 403 Forbidden\r\n\r\n"), "tcp://127.0.0.1:1").await;
    let proxies = Proxies { https: Some(address.clone()), ..Proxies::default() };
    let by_variable = Options { proxies, ..super::options("https://k8s.invalid") };
    let error = asked(&by_variable).await.1.unwrap_err();
    assert!(error.remedy().starts_with("Check HTTPS_PROXY, with its user"), "{}", error.remedy());
    let config = through("https://k8s.invalid", &format!("http://{address}"), &json!({}));
    let error = asked(&config.options()).await.1.unwrap_err();
    assert!(error.remedy().starts_with("Check proxy-url of this cluster"), "{}", error.remedy());
}
