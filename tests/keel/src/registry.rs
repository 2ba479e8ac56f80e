//! A real registry, over plain HTTP and without credentials. The host is the one in the image.

use std::time::Duration;

use http::header::ACCEPT;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use studioci::keel::image::ImageRef;

use crate::world::{Manifest, Refusal, Registry, path_of};

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
        image: &ImageRef,
        rest: &str,
    ) -> Result<(HeaderMap, Vec<u8>), Refusal> {
        let nothing = |message: String| Refusal { status: 0, message };
        let key = image.repository_key();
        let host = key.split_once('/').map_or("", |(host, _)| host);
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{host}/v2/{}/{rest}", path_of(image)))
            .header(ACCEPT, MANIFESTS)
            .body(String::new())
            .map_err(|e| nothing(e.to_string()))?;
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

    async fn json(&self, image: &ImageRef, rest: &str) -> Result<(HeaderMap, Value), Refusal> {
        let (headers, body) = self.ask(Method::GET, image, rest).await?;
        let body = serde_json::from_slice(&body)
            .map_err(|e| Refusal { status: 0, message: format!("{rest}: {e}") })?;
        Ok((headers, body))
    }
}

impl Registry for PlainHttp {
    async fn digest(&self, image: &ImageRef) -> Result<String, Refusal> {
        let (headers, _) = self.ask(Method::HEAD, image, &format!("manifests/{}", image.tag)).await?;
        digest(&headers).ok_or_else(|| Refusal { status: 0, message: "no digest in the answer".to_owned() })
    }

    async fn manifest(&self, image: &ImageRef) -> Result<Manifest, Refusal> {
        let (headers, body) = self.json(image, &format!("manifests/{}", image.tag)).await?;
        let children = body["manifests"].as_array().into_iter().flatten();
        let children = children.filter_map(|child| child["digest"].as_str().map(str::to_owned));
        Ok(Manifest {
            digests: digest(&headers).into_iter().chain(children).collect(),
            config: body["config"]["digest"].as_str().map(str::to_owned),
        })
    }

    async fn config(&self, image: &ImageRef, digest: &str) -> Result<(), Refusal> {
        self.ask(Method::GET, image, &format!("blobs/{digest}")).await.map(|_| ())
    }

    async fn tags(&self, image: &ImageRef) -> Result<Vec<String>, Refusal> {
        let (_, body) = self.json(image, "tags/list").await?;
        let tags = body["tags"].as_array().into_iter().flatten();
        Ok(tags.filter_map(|tag| tag.as_str().map(str::to_owned)).collect())
    }
}

fn digest(headers: &HeaderMap) -> Option<String> {
    headers.get(DIGEST)?.to_str().ok().map(str::to_owned)
}
