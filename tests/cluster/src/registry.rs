//! A registry's HTTP API: pushes, tags, deletions. That of the tests speaks plain HTTP and asks for no login.

use std::fmt::Write as _;
use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use crate::error::Error;
use crate::image::{Image, MANIFEST};
use crate::index::{INDEX, Index};
use crate::login::{Challenge, Login, api_host, basic, token_in};

/// The type of a blob on its way.
const BYTES: &str = "application/octet-stream";

/// A registry.
#[derive(Debug, Clone)]
pub struct Registry {
    host: String,
    base: String,
    login: Option<Login>,
    tls: Option<Arc<ClientConfig>>,
    /// What the last request was let through with.
    shown: Arc<Mutex<Option<String>>>,
}

/// The tags of a registry with their manifests, for the time after a restart.
#[derive(Debug, Clone)]
pub struct Saved(Vec<(String, String, Vec<u8>)>);

struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    digest: String,
    location: String,
    challenge: String,
}

impl Registry {
    /// The registry at `host:port`, by plain http and without a login.
    pub fn at(host: &str) -> Registry {
        Registry {
            host: host.into(),
            base: format!("http://{host}"),
            login: None,
            tls: None,
            shown: Arc::default(),
        }
    }

    /// The same with this login, for when it asks.
    #[must_use]
    pub fn with_login(self, login: Option<Login>) -> Registry {
        Registry { login, shown: Arc::default(), ..self }
    }

    /// The same by TLS, as whoever this machine trusts signs for it (`SSL_CERT_FILE` names others).
    pub fn by_tls(self) -> Result<Registry, Error> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let why =
                "this machine has no certificates of authorities; SSL_CERT_FILE names a file of them".into();
            return Err(Error::Registry { request: self.host, why });
        }
        Ok(self.trusting(roots))
    }

    fn trusting(self, roots: RootCertStore) -> Registry {
        let base = format!("https://{}", api_host(&self.host));
        Registry { base, tls: Some(Arc::new(trusting(roots))), ..self }
    }

    /// `host:port`, as image references begin.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Pushes an image as `repository:tag` and returns its digest.
    pub fn push(&self, image: &Image, name: &str) -> Result<String, Error> {
        let (repository, tag) = split(name)?;
        self.push_blobs(repository, image)?;
        self.put_manifest(repository, tag, MANIFEST, &image.manifest)
    }

    /// Pushes an image of several architectures as `repository:tag` and returns its digest.
    pub fn push_index(&self, index: &Index, name: &str) -> Result<String, Error> {
        let (repository, tag) = split(name)?;
        for image in &index.images {
            self.push_blobs(repository, image)?;
            self.put_manifest(repository, &image.digest(), MANIFEST, &image.manifest)?;
        }
        self.put_manifest(repository, tag, INDEX, &index.text)
    }

    /// In one request, where the registry takes that, else in two: most only begin an upload, and say where it goes on.
    fn push_blobs(&self, repository: &str, image: &Image) -> Result<(), Error> {
        for (digest, bytes) in &image.blobs {
            let there = self.send(&Method::HEAD, &format!("{repository}/blobs/{digest}"), "", &[])?;
            if there.status == StatusCode::OK {
                continue;
            }
            let path = format!("{repository}/blobs/uploads/?digest={digest}");
            let begun = self.expect(&Method::POST, &path, BYTES, bytes)?;
            if begun.status == StatusCode::ACCEPTED {
                let to = begun.location;
                let with = if to.contains('?') { '&' } else { '?' };
                self.expect(&Method::PUT, &format!("{to}{with}digest={digest}"), BYTES, bytes)?;
            }
        }
        Ok(())
    }

    /// Gives what `repository:tag` (or `repository@digest`) names the further tag `tag`; returns the digest.
    pub fn tag(&self, name: &str, tag: &str) -> Result<String, Error> {
        let (repository, reference) = split(name)?;
        let manifest = self.manifest(repository, reference)?;
        self.put_manifest(repository, tag, MANIFEST, &manifest)
    }

    /// The digest that `repository:tag` names now.
    pub fn digest(&self, name: &str) -> Result<String, Error> {
        let (repository, tag) = split(name)?;
        Ok(self.expect(&Method::HEAD, &format!("{repository}/manifests/{tag}"), "", &[])?.digest)
    }

    /// Takes a tag away. The image stays, under its digest.
    pub fn delete(&self, name: &str) -> Result<(), Error> {
        let (repository, tag) = split(name)?;
        self.expect(&Method::DELETE, &format!("{repository}/manifests/{tag}"), "", &[]).map(drop)
    }

    /// The tags of a repository.
    pub fn tags(&self, repository: &str) -> Result<Vec<String>, Error> {
        self.names(&format!("{repository}/tags/list"), "tags")
    }

    /// All tags of all repositories. The registry holds them in memory, and the images on disk: this is what to
    /// [`restore`](Self::restore) when it was killed and started again.
    pub fn save(&self) -> Result<Saved, Error> {
        let mut saved = Vec::new();
        for repository in self.names("_catalog", "repositories")? {
            for tag in self.tags(&repository)? {
                let manifest = self.manifest(&repository, &tag)?;
                saved.push((repository.clone(), tag, manifest));
            }
        }
        Ok(Saved(saved))
    }

    /// Brings the saved tags back.
    pub fn restore(&self, saved: &Saved) -> Result<(), Error> {
        saved.0.iter().try_for_each(|(repository, tag, manifest)| {
            self.put_manifest(repository, tag, MANIFEST, manifest).map(drop)
        })
    }

    fn manifest(&self, repository: &str, reference: &str) -> Result<Vec<u8>, Error> {
        Ok(self.expect(&Method::GET, &format!("{repository}/manifests/{reference}"), "", &[])?.body)
    }

    fn put_manifest(
        &self,
        repository: &str,
        tag: &str,
        kind: &str,
        manifest: &[u8],
    ) -> Result<String, Error> {
        Ok(self.expect(&Method::PUT, &format!("{repository}/manifests/{tag}"), kind, manifest)?.digest)
    }

    fn names(&self, path: &str, field: &str) -> Result<Vec<String>, Error> {
        let answer = self.expect(&Method::GET, path, "", &[])?;
        let value: Value = serde_json::from_slice(&answer.body).map_err(|error| failed(path, &error))?;
        let names = value[field].as_array().into_iter().flatten();
        Ok(names.filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }

    fn expect(&self, method: &Method, path: &str, kind: &str, body: &[u8]) -> Result<Answer, Error> {
        let answer = self.send(method, path, kind, body)?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let why = format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
        let path = path.split('?').next().unwrap_or_default();
        Err(Error::Registry { request: format!("{method} {}", self.url(path)), why })
    }

    /// The URL of a path below `/v2/`, or of where a registry says that an upload goes on.
    fn url(&self, path: &str) -> String {
        if path.starts_with("http://") || path.starts_with("https://") {
            path.to_owned()
        } else if path.starts_with('/') {
            format!("{}{path}", self.base)
        } else {
            format!("{}/v2/{path}", self.base)
        }
    }

    /// Sends a request, and once more with what it asks for.
    fn send(&self, method: &Method, path: &str, kind: &str, body: &[u8]) -> Result<Answer, Error> {
        let url = self.url(path);
        // nobody else is shown it
        let own = url.starts_with(&format!("{}/", self.base));
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone().filter(|_| own);
        let answer = self.call(method, &url, kind, body, shown.as_deref())?;
        if answer.status != StatusCode::UNAUTHORIZED || !own {
            return Ok(answer);
        }
        let Some(pass) = self.pass(&answer.challenge)? else { return Ok(answer) };
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(pass.clone());
        self.call(method, &url, kind, body, Some(&pass))
    }

    /// What answers a challenge; none where there is nothing to answer it with.
    fn pass(&self, challenge: &str) -> Result<Option<String>, Error> {
        let (realm, service, scope) = match (Challenge::read(challenge), &self.login) {
            (Some(Challenge::Basic), Some(Login::Password(user, password))) => {
                return Ok(Some(basic(user, password)));
            }
            (Some(Challenge::Bearer { realm, service, scope }), _) => (realm, service, scope),
            _ => return Ok(None),
        };
        if self.tls.is_some() && !realm.starts_with("https://") {
            let why = format!("it has its tokens given at {realm}, without TLS");
            return Err(Error::Registry { request: self.host.clone(), why });
        }
        let fields = [("service", service.as_str()), ("scope", &scope), ("client_id", "kubectl-studioci")];
        let answer = match &self.login {
            Some(Login::Refresh(token)) => {
                let more = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
                let form = form(&[&fields[..], &more].concat());
                self.call(&Method::POST, &realm, "application/x-www-form-urlencoded", form.as_bytes(), None)?
            }
            login => {
                let pass = match login {
                    Some(Login::Password(user, password)) => Some(basic(user, password)),
                    _ => None,
                };
                let url = format!("{realm}?{}", form(&fields));
                self.call(&Method::GET, &url, "", &[], pass.as_deref())?
            }
        };
        if let Some(token) = token_in(&answer.body).filter(|_| answer.status.is_success()) {
            return Ok(Some(format!("Bearer {token}")));
        }
        let why = format!("{realm} gives no token: {}", answer.status);
        Err(Error::Registry { request: format!("logging in to {}", self.host), why })
    }

    fn call(
        &self,
        method: &Method,
        url: &str,
        kind: &str,
        body: &[u8],
        pass: Option<&str>,
    ) -> Result<Answer, Error> {
        let mut request = Request::builder().method(method).uri(url).header(http::header::CONTENT_TYPE, kind);
        if let Some(pass) = pass {
            request = request.header(http::header::AUTHORIZATION, pass);
        }
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let request =
            request.body(Full::new(Cursor::new(body.to_vec()))).map_err(|error| failed(url, &error))?;
        // a program of ten megabytes may cross a slow line
        let bound = Duration::from_secs(20 + length / (64 << 10));
        block_on(async {
            let call = async {
                let connector = HttpsConnectorBuilder::new().with_tls_config(self.tls()).https_or_http();
                let client: Client<_, Full<_>> =
                    Client::builder(TokioExecutor::new()).build(connector.enable_http1().build());
                let answer = client.request(request).await.map_err(|error| failed(url, &error))?;
                let status = answer.status();
                let header = |name: &str| {
                    let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
                    value.unwrap_or_default().to_owned()
                };
                let (digest, location) = (header("docker-content-digest"), header("location"));
                let challenge = header("www-authenticate");
                let body = answer.into_body().collect().await.map_err(|error| failed(url, &error))?;
                Ok(Answer { status, body: body.to_bytes().to_vec(), digest, location, challenge })
            };
            let late = |_| {
                Err(Error::Registry {
                    request: url.into(),
                    why: format!("no answer within {} s", bound.as_secs()),
                })
            };
            tokio::time::timeout(bound, call).await.unwrap_or_else(late)
        })
    }

    /// Of a registry without TLS: one that trusts nobody.
    fn tls(&self) -> ClientConfig {
        self.tls.as_ref().map_or_else(|| trusting(RootCertStore::empty()), |tls| ClientConfig::clone(tls))
    }
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Fields as a query or a form has them; those that are empty are left out.
fn form(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let and = if text.is_empty() { "" } else { "&" };
        let _ = write!(text, "{and}{name}="); // a String takes every write
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(byte.into()),
                _ => {
                    let _ = write!(text, "%{byte:02X}");
                }
            }
        }
    }
    text
}

/// Runs a future to its end on a thread of its own, so that a test may call from within its own runtime. The thread is
/// inside the same network as the caller.
fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime of one thread needs no more than a file descriptor").block_on(future)
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// `repository:tag` or `repository@digest`, both without the registry's host.
fn split(name: &str) -> Result<(&str, &str), Error> {
    name.split_once('@').or_else(|| name.rsplit_once(':')).ok_or_else(|| Error::Registry {
        request: name.into(),
        why: "an image is named repository:tag or repository@digest here".into(),
    })
}

fn failed(path: &str, error: &dyn std::error::Error) -> Error {
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        why = format!("{why}: {error}");
        cause = error.source();
    }
    Error::Registry { request: path.into(), why }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read, Write};
    use std::net::TcpListener;

    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use super::*;
    use crate::image::{agent_image_for, sha256};

    #[test]
    fn names_have_a_repository_and_a_reference() {
        assert_eq!(split("team/app:v1").unwrap(), ("team/app", "v1"));
        assert_eq!(split("app@sha256:00").unwrap(), ("app", "sha256:00"));
        assert!(split("app").is_err());
    }

    /// What a server was asked: `METHOD PATH DIGEST-OF-BODY`, and with what `Authorization`.
    type Asked = Arc<Mutex<Vec<(String, String)>>>;
    type Answers = fn(&str, &str) -> &'static str;

    /// Answers one request: the status and the headers of `answers`, and whatever follows an empty line as the body.
    fn answer<S: Read + Write>(stream: S, asked: &Asked, answers: Answers) {
        let mut stream = BufReader::new(stream);
        let (mut head, mut length, mut shown) = (String::new(), 0, String::new());
        loop {
            let mut line = String::new();
            // whoever does not trust us is gone by now
            let Ok(1..) = stream.read_line(&mut line) else { return };
            let (name, value) = line.trim().split_once(": ").unwrap_or((line.trim(), ""));
            match name.to_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "authorization" => value.clone_into(&mut shown),
                "" => break,
                _ if head.is_empty() => name.trim_end_matches(" HTTP/1.1").clone_into(&mut head),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        let (head_of, text) = answers(&head, &shown).split_once("\r\n\r\n").unwrap();
        asked.lock().unwrap().push((format!("{head} {}", sha256(&body)), shown));
        let text = if head.starts_with("HEAD") { "" } else { text };
        let rest = format!("Content-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len());
        let _ = write!(stream.get_mut(), "HTTP/1.1 {head_of}\r\n{rest}");
        let _ = stream.get_mut().flush();
    }

    /// A registry of this kind, with TLS if there is a configuration for it; where it is, and what it was asked.
    fn serve(tls: Option<Arc<ServerConfig>>, answers: Answers) -> (String, Asked) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (host, asked) = (listener.local_addr().unwrap().to_string(), Asked::default());
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                match &tls {
                    None => answer(stream, &seen, answers),
                    Some(tls) => {
                        let mut stream =
                            StreamOwned::new(ServerConnection::new(Arc::clone(tls)).unwrap(), stream);
                        answer(&mut stream, &seen, answers);
                        stream.conn.send_close_notify();
                        let _ = stream.flush();
                    }
                }
            }
        });
        (host, asked)
    }

    /// A registry that only begins an upload when it is asked to take one, as most do.
    fn two_steps(head: &str, _shown: &str) -> &'static str {
        match head.split(' ').next().unwrap() {
            "HEAD" => "404 Not Found\r\n\r\n",
            "POST" => "202 Accepted\r\nLocation: /v2/team/app/blobs/uploads/7?state=s\r\n\r\n",
            _ => "201 Created\r\n\r\n",
        }
    }

    #[test]
    fn an_upload_that_a_registry_only_begins_is_finished_where_it_says() {
        let (host, asked) = serve(None, two_steps);
        let images = ["amd64", "arm64"].map(|it| (it, agent_image_for(it, it.as_bytes())));
        let index = Index::of(images.clone().into());
        Registry::at(&host).push_index(&index, "team/app:1").unwrap();
        let asked: Vec<String> = asked.lock().unwrap().iter().map(|(head, _)| head.clone()).collect();
        for (_, image) in &images {
            for (digest, bytes) in &image.blobs {
                let put =
                    format!("PUT /v2/team/app/blobs/uploads/7?state=s&digest={digest} {}", sha256(bytes));
                assert!(asked.contains(&put), "{asked:?}");
            }
            let manifest = image.digest();
            assert!(
                asked.contains(&format!("PUT /v2/team/app/manifests/{manifest} {manifest}")),
                "{asked:?}"
            );
        }
        let last = format!("PUT /v2/team/app/manifests/1 {}", index.digest());
        assert_eq!(asked.last(), Some(&last), "what names others comes behind them");
    }

    const PASSWORD: &str = "Basic bWU6cw==";

    fn basic_login(head: &str, shown: &str) -> &'static str {
        if shown == PASSWORD {
            two_steps(head, shown)
        } else {
            "401 Unauthorized\r\nWWW-Authenticate: Basic realm=r\r\n\r\n"
        }
    }

    fn index() -> Index {
        Index::of(vec![("amd64", agent_image_for("amd64", b"program"))])
    }

    fn mine() -> Login {
        Login::Password("me".into(), "s".into())
    }

    #[test]
    fn a_registry_that_asks_is_shown_the_login_and_nobody_else_is() {
        let (host, asked) = serve(None, basic_login);
        Registry::at(&host).with_login(Some(mine())).push_index(&index(), "team/app:1").unwrap();
        let asked = asked.lock().unwrap().clone();
        assert_eq!(asked[0].1, "", "not before it asks");
        assert!(asked[1..].iter().all(|(_, shown)| shown == PASSWORD), "{asked:?}");
        let refused = Registry::at(&host).push_index(&index(), "team/app:1").unwrap_err().to_string();
        assert!(refused.contains("401 Unauthorized"), "{refused}");
    }

    /// Everybody needs a token; to write, one that is good for that.
    fn by_token(head: &str, shown: &str) -> &'static str {
        let writes = !head.starts_with("HEAD");
        match shown {
            _ if head.starts_with("GET /token?service=s&scope=repository%3Ateam%2Fapp%3Apull&client_id=") => {
                "200 OK\r\n\r\n{\"token\": \"reads\"}"
            }
            PASSWORD
                if head.starts_with("GET /token?service=s&scope=repository%3Ateam%2Fapp%3Apull%2Cpush&") =>
            {
                "200 OK\r\n\r\n{\"access_token\": \"writes\"}"
            }
            _ if head.starts_with("GET /token") => "403 Forbidden\r\n\r\n",
            "Bearer writes" => two_steps(head, shown),
            "Bearer reads" if !writes => two_steps(head, shown),
            _ if writes => WRITES.get().unwrap(),
            _ => READS.get().unwrap(),
        }
    }

    static READS: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    static WRITES: std::sync::OnceLock<String> = std::sync::OnceLock::new();

    #[test]
    fn tokens_are_had_by_the_login_and_over_tls_whose_authority_must_be_trusted() {
        let key = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let certificate = key.cert.der().clone();
        let secret = PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into());
        let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], secret)
            .unwrap();
        let (host, asked) = serve(Some(Arc::new(tls)), by_token);
        for (cell, scope) in [(&READS, "pull"), (&WRITES, "pull,push")] {
            cell.set(format!(
                "401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"https://{host}/token\",service=\"s\",\
                 scope=\"repository:team/app:{scope}\"\r\n\r\n"
            ))
            .unwrap();
        }
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let trusting = Registry::at(&host).trusting(roots);
        trusting.clone().with_login(Some(mine())).push_index(&index(), "team/app:1").unwrap();
        let last = format!("PUT /v2/team/app/manifests/1 {}", index().digest());
        assert_eq!(asked.lock().unwrap().last(), Some(&(last, "Bearer writes".to_owned())));
        let registry = asked
            .lock()
            .unwrap()
            .iter()
            .filter(|(head, _)| head.contains("/v2/"))
            .cloned()
            .collect::<Vec<_>>();
        assert!(
            registry.iter().all(|(_, shown)| shown != PASSWORD),
            "a password is for tokens alone: {registry:?}"
        );

        let nobody = trusting.with_login(None).push_index(&index(), "team/app:1").unwrap_err().to_string();
        assert!(nobody.contains("gives no token: 403"), "{nobody}");
        let stranger =
            Registry::at(&host).trusting(RootCertStore::empty()).push_index(&index(), "team/app:1");
        let stranger = stranger.unwrap_err().to_string();
        assert!(stranger.contains("UnknownIssuer"), "{stranger}");
    }

    #[test]
    fn fields_of_a_form_are_escaped() {
        assert_eq!(
            form(&[("scope", "a/b:pull,push"), ("none", ""), ("c", "\u{e9} ~")]),
            "scope=a%2Fb%3Apull%2Cpush&c=%C3%A9%20~"
        );
    }
}
