//! A server on a socket, over TLS, with a certificate that an authority of its own has signed, or itself: whatever script
//! answers.
//!
//! One request a connection. It reads a request by its Content-Length alone, and breaks off where the script says so.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto, pki_types::PrivateKeyDer};
use tower::{Service, ServiceExt as _};

use crate::scripted::{Reply, Scripted, SeenRequest, StreamedResponse};

/// A server that listens until this is dropped.
#[derive(Debug)]
pub struct SecureSocket {
    /// Where.
    pub address: SocketAddr,
    /// Whoever signed its certificate, PEM.
    pub authority: String,
    /// What it was asked.
    pub scripted: Scripted,
    /// Connections that were made, whether or not anything was asked.
    connections: Arc<Mutex<usize>>,
    accepting: JoinHandle<()>,
}

impl Drop for SecureSocket {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl SecureSocket {
    /// A server that listens at this address (port 0: a free one), is called by these names besides, and answers as the script
    /// says. To be called within a tokio runtime, which it ends with.
    pub async fn listen(
        at: IpAddr,
        port: u16,
        names: &[&str],
        script: impl FnMut(&SeenRequest) -> Reply + Send + 'static,
    ) -> Self {
        Self::certified(at, port, certified(at, names), script).await
    }

    /// The same with a certificate that it has signed itself, as `openssl req -x509` makes them, at a free port.
    pub async fn self_signed(
        at: IpAddr,
        names: &[&str],
        script: impl FnMut(&SeenRequest) -> Reply + Send + 'static,
    ) -> Self {
        Self::certified(at, 0, self_signed(at, names), script).await
    }

    async fn certified(
        at: IpAddr,
        port: u16,
        (authority, config): (String, ServerConfig),
        script: impl FnMut(&SeenRequest) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((at, port)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (service, scripted) = Scripted::service::<Full<Bytes>>(script);
        let connections: Arc<Mutex<usize>> = Arc::default();
        let counted = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                *counted.lock().unwrap() += 1;
                let (acceptor, service) = (acceptor.clone(), service.clone());
                tokio::spawn(async move {
                    // one that does not trust the certificate goes away
                    if let Ok(socket) = acceptor.accept(socket).await {
                        talk(socket, service).await;
                    }
                });
            }
        });
        Self { address, authority, scripted, connections, accepting }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

/// An authority, and what a server with a certificate of it needs.
fn certified(at: IpAddr, names: &[&str]) -> (String, ServerConfig) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let certificate = holder(at, names).signed_by(&key, &issuer).unwrap();
    (authority, server(&certificate, &key))
}

/// A server's certificate that is nobody else's than its own.
fn self_signed(at: IpAddr, names: &[&str]) -> (String, ServerConfig) {
    let mut params = holder(at, names);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), server(&certificate, &key))
}

fn holder(at: IpAddr, names: &[&str]) -> CertificateParams {
    let holders: Vec<String> = names.iter().map(|name| (*name).to_owned()).chain([at.to_string()]).collect();
    CertificateParams::new(holders).unwrap()
}

fn server(certificate: &Certificate, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap()
}

async fn talk<S>(mut socket: impl AsyncRead + AsyncWrite + Unpin, service: S)
where
    S: Service<Request<Full<Bytes>>, Response = StreamedResponse>,
{
    let Some(request) = read(&mut socket).await else { return };
    // what the script does not answer ends the connection
    let Ok(response) = service.oneshot(request).await else { return };
    let (head, mut body) = response.into_parts();
    let mut text = format!("HTTP/1.1 {}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n", head.status);
    for (name, value) in &head.headers {
        text.extend([name.as_str(), ": ", value.to_str().unwrap(), "\r\n"]);
    }
    let _ = socket.write_all(format!("{text}\r\n").as_bytes()).await;
    loop {
        match body.frame().await {
            Some(Ok(frame)) => {
                let piece = frame.into_data().unwrap_or_default();
                let head = format!("{:x}\r\n", piece.len());
                for part in [head.as_bytes(), &piece, b"\r\n"] {
                    // nobody may read any more
                    let _ = socket.write_all(part).await;
                }
            }
            Some(Err(_)) => return,
            None => break,
        }
    }
    let _ = socket.write_all(b"0\r\n\r\n").await;
    let _ = socket.shutdown().await;
}

/// A request; none where the other side went away.
async fn read(socket: &mut (impl AsyncRead + Unpin)) -> Option<Request<Full<Bytes>>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let mut request = Request::builder().method(words.next()?).uri(words.next()?);
    let mut length = 0;
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().unwrap();
        }
        let name: HeaderName = name.parse().unwrap();
        request = request.header(name, HeaderValue::from_str(value).unwrap());
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    Some(request.body(Full::from(body)).unwrap())
}
