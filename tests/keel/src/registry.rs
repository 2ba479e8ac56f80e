//! A real registry, over plain HTTP. The host is the one in the image; a login goes with the first request, unasked, as
//! Keel's does.

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use studioci::chain::base64::base64;

use crate::world::{Asked, Manifest, Refusal, Registry, path_of};

const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                         application/vnd.docker.distribution.manifest.list.v2+json, \
                         application/vnd.docker.distribution.manifest.v2+json";
const DIGEST: &str = "docker-content-digest";
const TIMEOUT: Duration = Duration::from_secs(30);

/// All registries.
pub struct PlainHttp {
    client: Client<HttpConnector, String>,
}

impl Default for PlainHttp {
    fn default() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http() }
    }
}

impl PlainHttp {
    async fn ask(
        &self,
        method: Method,
        Asked { image, login }: Asked<'_>,
        rest: &str,
    ) -> Result<(HeaderMap, Vec<u8>), Refusal> {
        let nothing = |message: String| Refusal { status: 0, message };
        let key = image.repository_key();
        let host = key.split_once('/').map_or("", |(host, _)| host);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{host}/v2/{}/{rest}", path_of(image)))
            .header(ACCEPT, MANIFESTS);
        if let Some(login) = login {
            let word = base64(format!("{}:{}", login.username, login.password));
            request = request.header(AUTHORIZATION, format!("Basic {word}"));
        }
        let request = request.body(String::new()).map_err(|e| nothing(e.to_string()))?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|e| nothing(e.to_string()))?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|e| nothing(e.to_string()))?.to_bytes();
            if !head.status.is_success() {
                let message = String::from_utf8_lossy(&body).into_owned();
                return Err(Refusal { status: head.status.as_u16(), message });
            }
            Ok((head.headers, body.into()))
        };
        tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or_else(|_| Err(nothing("timeout".to_owned())))
    }

    async fn json(&self, asked: Asked<'_>, rest: &str) -> Result<(HeaderMap, Value), Refusal> {
        let (headers, body) = self.ask(Method::GET, asked, rest).await?;
        let body = serde_json::from_slice(&body)
            .map_err(|e| Refusal { status: 0, message: format!("{rest}: {e}") })?;
        Ok((headers, body))
    }
}

impl Registry for PlainHttp {
    async fn digest(&self, asked: Asked<'_>) -> Result<String, Refusal> {
        let (headers, _) = self.ask(Method::HEAD, asked, &format!("manifests/{}", asked.image.tag)).await?;
        digest(&headers).ok_or_else(|| Refusal { status: 0, message: "no digest in the answer".to_owned() })
    }

    async fn manifest(&self, asked: Asked<'_>) -> Result<Manifest, Refusal> {
        let (headers, body) = self.json(asked, &format!("manifests/{}", asked.image.tag)).await?;
        let children = body["manifests"].as_array().into_iter().flatten();
        let children = children.filter_map(|child| child["digest"].as_str().map(str::to_owned));
        Ok(Manifest {
            digests: digest(&headers).into_iter().chain(children).collect(),
            config: body["config"]["digest"].as_str().map(str::to_owned),
        })
    }

    async fn config(&self, asked: Asked<'_>, digest: &str) -> Result<(), Refusal> {
        self.ask(Method::GET, asked, &format!("blobs/{digest}")).await.map(|_| ())
    }

    async fn tags(&self, asked: Asked<'_>) -> Result<Vec<String>, Refusal> {
        let (_, body) = self.json(asked, "tags/list").await?;
        let tags = body["tags"].as_array().into_iter().flatten();
        Ok(tags.filter_map(|tag| tag.as_str().map(str::to_owned)).collect())
    }
}

fn digest(headers: &HeaderMap) -> Option<String> {
    headers.get(DIGEST)?.to_str().ok().map(str::to_owned)
}
