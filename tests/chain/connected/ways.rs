//! The ways to the API server. Each notes who comes by, and where they want to go; whatever that is, it leads to one API
//! server.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use studioci::chain::base64::base64;

/// Whom a proxy with a lock lets through.
pub(super) const LOGIN: &str = "us:pass word";

/// What listens, and where. It ends with the process: an idle listener holds nothing.
pub(super) struct Ways {
    /// Leads on whatever comes, at every address of this machine.
    pub(super) door: u16,
    /// Proxies, by how they are spoken to.
    pub(super) http: u16,
    pub(super) https: u16,
    pub(super) socks: u16,
    /// The same two for those who sign in.
    pub(super) locked_http: u16,
    pub(super) locked_socks: u16,
    /// A proxy that lets nobody through.
    pub(super) closed: u16,
    /// Takes connections, and says nothing.
    pub(super) silent: u16,
    /// Where nobody listens.
    pub(super) nobody: u16,
    notes: Notes,
}

#[derive(Clone, Default)]
struct Notes {
    ways: Arc<Mutex<Vec<String>>>,
    /// Whoever is on the way through the door breaks off.
    cut: Arc<Notify>,
}

impl Notes {
    fn add(&self, note: String) {
        self.ways.lock().unwrap().push(note);
    }
}

/// Where everybody gets to.
#[derive(Clone, Copy)]
struct End {
    /// The API server.
    secure: SocketAddr,
    /// The same over plain HTTP.
    plain: SocketAddr,
}

#[derive(Clone, Copy)]
enum Kind {
    Door,
    Http,
    Https,
    Socks,
    LockedHttp,
    LockedSocks,
    Closed,
    Silent,
}

impl Ways {
    /// `certificate`: PEM of what the proxy of https shows, and of its key.
    pub(super) fn open(secure: SocketAddr, plain: SocketAddr, certificate: &[u8], key: &[u8]) -> Self {
        let (notes, end) = (Notes::default(), End { secure, plain });
        let tls = acceptor(certificate, key);
        let mut listeners = Vec::new();
        let mut listen = |at: &str, kind: Kind| {
            let listener = StdListener::bind((at, 0)).unwrap();
            listener.set_nonblocking(true).unwrap();
            let port = listener.local_addr().unwrap().port();
            listeners.push((listener, kind));
            port
        };
        let ways = Self {
            door: listen("0.0.0.0", Kind::Door),
            http: listen("127.0.0.1", Kind::Http),
            https: listen("127.0.0.1", Kind::Https),
            socks: listen("127.0.0.1", Kind::Socks),
            locked_http: listen("127.0.0.1", Kind::LockedHttp),
            locked_socks: listen("127.0.0.1", Kind::LockedSocks),
            closed: listen("127.0.0.1", Kind::Closed),
            silent: listen("127.0.0.1", Kind::Silent),
            nobody: StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port(),
            notes: notes.clone(),
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                for (listener, kind) in listeners {
                    let listener = TcpListener::from_std(listener).unwrap();
                    tokio::spawn(keep(listener, kind, end, tls.clone(), notes.clone()));
                }
                std::future::pending::<()>().await;
            });
        });
        ways
    }

    /// Who came by since the last call.
    pub(super) fn noted(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.ways.lock().unwrap())
    }

    /// Breaks off whatever leads through the door now.
    pub(super) fn cut(&self) {
        self.notes.cut.notify_waiters();
    }
}

fn acceptor(certificate: &[u8], key: &[u8]) -> TlsAcceptor {
    let certificate = CertificateDer::from(pem::parse(certificate).unwrap().into_contents());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pem::parse(key).unwrap().into_contents()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![certificate], key).unwrap()))
}

async fn keep(listener: TcpListener, kind: Kind, end: End, tls: TlsAcceptor, notes: Notes) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let (tls, notes) = (tls.clone(), notes.clone());
        tokio::spawn(async move {
            // whoever breaks off says so by himself
            let _ = serve(client, kind, end, &tls, &notes).await;
        });
    }
}

async fn serve(
    mut client: TcpStream,
    kind: Kind,
    end: End,
    tls: &TlsAcceptor,
    notes: &Notes,
) -> io::Result<()> {
    match kind {
        Kind::Door => {
            notes.add("direct".to_owned());
            let mut server = TcpStream::connect(end.secure).await?;
            tokio::select! {
                done = copy_bidirectional(&mut client, &mut server) => drop(done?),
                () = notes.cut.notified() => {}
            }
        }
        Kind::Http => http(client, "http", None, end, notes).await?,
        Kind::Https => http(tls.accept(client).await?, "https", None, end, notes).await?,
        Kind::LockedHttp => http(client, "locked http", Some(LOGIN), end, notes).await?,
        Kind::Socks => socks(client, "socks", None, end, notes).await?,
        Kind::LockedSocks => socks(client, "locked socks", Some(LOGIN), end, notes).await?,
        Kind::Closed => {
            let head = head(&mut client).await?;
            notes.add(format!("closed: {}", head.lines().next().unwrap_or_default()));
            client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await?;
        }
        Kind::Silent => {
            notes.add("silent".to_owned());
            while client.read(&mut [0; 512]).await? > 0 {}
        }
    }
    Ok(())
}

/// A proxy of HTTP: makes tunnels, and hands on the requests of plain HTTP as they are.
async fn http(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    called: &str,
    login: Option<&str>,
    end: End,
    notes: &Notes,
) -> io::Result<()> {
    let head = head(&mut client).await?;
    let first = head.lines().next().unwrap_or_default();
    let (method, target) = first.split_once(' ').unwrap_or_default();
    let target = target.split_once(' ').map_or(target, |(target, _)| target);
    let shown = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("proxy-authorization").then_some(value)
    });
    if login.is_some_and(|login| shown != Some(&format!("Basic {}", base64(login)))) {
        notes.add(format!("{called}: not let in"));
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
        return client.write_all(refusal.as_bytes()).await;
    }
    let mut server = if method == "CONNECT" {
        notes.add(format!("{called} to {target}"));
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        TcpStream::connect(end.secure).await?
    } else {
        let host = target.split('/').nth(2).unwrap_or_default();
        notes.add(format!("{called} for {host}"));
        let mut server = TcpStream::connect(end.plain).await?;
        server.write_all(head.as_bytes()).await?;
        server
    };
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

async fn head(client: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(client.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A proxy of SOCKS5 (RFC 1928, RFC 1929).
async fn socks(
    mut client: TcpStream,
    called: &str,
    login: Option<&str>,
    end: End,
    notes: &Notes,
) -> io::Result<()> {
    let mut offered = vec![0; 2];
    client.read_exact(&mut offered).await?;
    offered.resize(usize::from(offered[1]), 0);
    client.read_exact(&mut offered).await?;
    let wanted = if login.is_some() { 2 } else { 0 };
    let taken = offered.contains(&wanted);
    client.write_all(&[5, if taken { wanted } else { 0xff }]).await?;
    if let (true, Some(login)) = (taken, login) {
        client.read_u8().await?;
        let shown = format!("{}:{}", text(&mut client).await?, text(&mut client).await?);
        client.write_all(&[1, u8::from(shown != login)]).await?;
        if shown != login {
            notes.add(format!("{called}: not let in"));
            return Ok(());
        }
    }
    if !taken {
        notes.add(format!("{called}: not let in"));
        return Ok(());
    }
    let mut command = [0; 4];
    client.read_exact(&mut command).await?;
    let host = match command[3] {
        1 => std::net::Ipv4Addr::from_bits(client.read_u32().await?).to_string(),
        3 => text(&mut client).await?,
        _ => std::net::Ipv6Addr::from_bits(client.read_u128().await?).to_string(),
    };
    let port = client.read_u16().await?;
    notes.add(format!("{called} to {host}:{port}"));
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    let mut server = TcpStream::connect(end.secure).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

async fn text(client: &mut TcpStream) -> io::Result<String> {
    let mut text = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
