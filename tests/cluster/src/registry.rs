//! The registry's HTTP API: pushes, tags, deletions. Plain HTTP on loopback, without a login.

use std::io::Cursor;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::error::Error;
use crate::image::{Image, MANIFEST};
use crate::index::{INDEX, Index};

/// The type of a blob on its way.
const BYTES: &str = "application/octet-stream";

/// A registry.
#[derive(Debug, Clone)]
pub struct Registry {
    host: String,
}

/// The tags of a registry with their manifests, for the time after a restart.
#[derive(Debug, Clone)]
pub struct Saved(Vec<(String, String, Vec<u8>)>);

struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    digest: String,
    location: String,
}

impl Registry {
    /// The registry at `host:port`, by plain http.
    pub fn at(host: &str) -> Registry {
        Registry { host: host.into() }
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
                let to = begun.location.split_once("/v2/").map_or(begun.location.as_str(), |(_, path)| path);
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
        Err(Error::Registry { request: format!("{method} /v2/{path}"), why })
    }

    fn send(&self, method: &Method, path: &str, kind: &str, body: &[u8]) -> Result<Answer, Error> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}/v2/{path}", self.host))
            .header(http::header::CONTENT_TYPE, kind)
            .body(Full::new(Cursor::new(body.to_vec())))
            .map_err(|error| failed(path, &error))?;
        block_on(async {
            let call = async {
                let client: Client<_, Full<_>> = Client::builder(TokioExecutor::new()).build_http();
                let answer = client.request(request).await.map_err(|error| failed(path, &error))?;
                let status = answer.status();
                let header = |name: &str| {
                    let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
                    value.unwrap_or_default().to_owned()
                };
                let (digest, location) = (header("docker-content-digest"), header("location"));
                let body = answer.into_body().collect().await.map_err(|error| failed(path, &error))?;
                Ok(Answer { status, body: body.to_bytes().to_vec(), digest, location })
            };
            let late = |_| Err(Error::Registry { request: path.into(), why: "no answer within 20 s".into() });
            tokio::time::timeout(Duration::from_secs(20), call).await.unwrap_or_else(late)
        })
    }
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
    Error::Registry { request: format!("/v2/{path}"), why }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::image::{agent_image_for, sha256};

    #[test]
    fn names_have_a_repository_and_a_reference() {
        assert_eq!(split("team/app:v1").unwrap(), ("team/app", "v1"));
        assert_eq!(split("app@sha256:00").unwrap(), ("app", "sha256:00"));
        assert!(split("app").is_err());
    }

    /// A registry that only begins an upload when it is asked to take one, as most do; what it was asked.
    fn two_steps() -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (host, asked) = (listener.local_addr().unwrap().to_string(), Arc::default());
        let seen: Arc<Mutex<Vec<String>>> = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).unwrap();
                    if let Some(number) = line.to_lowercase().strip_prefix("content-length: ") {
                        length = number.trim().parse().unwrap();
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                    if head.is_empty() {
                        head = line.trim_end_matches(" HTTP/1.1\r\n").to_owned();
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                let answer = match head.split(' ').next().unwrap() {
                    "HEAD" => "404 Not Found\r\n",
                    "POST" => "202 Accepted\r\nLocation: /v2/team/app/blobs/uploads/7?state=s\r\n",
                    _ => "201 Created\r\n",
                };
                seen.lock().unwrap().push(format!("{head} {}", sha256(&body)));
                let rest = "Content-Length: 0\r\nConnection: close\r\n\r\n";
                write!(stream.get_mut(), "HTTP/1.1 {answer}{rest}").unwrap();
            }
        });
        (host, asked)
    }

    #[test]
    fn an_upload_that_a_registry_only_begins_is_finished_where_it_says() {
        let (host, asked) = two_steps();
        let images = ["amd64", "arm64"].map(|it| (it, agent_image_for(it, it.as_bytes())));
        let index = Index::of(images.clone().into());
        Registry::at(&host).push_index(&index, "team/app:1").unwrap();
        let asked = asked.lock().unwrap();
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
}
