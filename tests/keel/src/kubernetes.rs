//! A real API server, spoken to as Keel speaks to it: watches, GET, PUT, and `keel` as the writer's name.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use futures_util::{TryStreamExt as _, pin_mut};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request};
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::WatchEvent;
use kube::{Client, Config};
use serde_json::Value;
use studioci::keel::names;

use crate::cache::{Cache, Workload, strings};
use crate::journal::{Entry, Journal};
use crate::world::{ApiServer, Kind, Name, Refusal};

/// How long a broken watch waits before it is begun again.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the API server is asked to keep a watch open.
const WATCH_SECONDS: u32 = 240;

/// A connection to an API server.
pub struct Kubernetes {
    client: Client,
}

impl Kubernetes {
    /// Connects by a kubeconfig file and its current context.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub async fn connect(kubeconfig: &Path) -> Result<Self, kube::Error> {
        let file = Kubeconfig::read_from(kubeconfig).map_err(kube::Error::InferKubeconfig)?;
        let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
            .await
            .map_err(kube::Error::InferKubeconfig)?;
        // Without a field manager the API server takes the name from here, up to the slash.
        config.headers.push((USER_AGENT, HeaderValue::from_static(names::FIELD_MANAGER)));
        Ok(Self { client: Client::try_from(config)? })
    }

    /// Keeps the cache up to date.
    pub async fn watch(&self, cache: &Cache, journal: &Journal) -> Infallible {
        let [cron_jobs, daemon_sets, deployments, stateful_sets] =
            Kind::ALL.map(|kind| self.follow(kind, cache, journal));
        tokio::join!(cron_jobs, daemon_sets, deployments, stateful_sets).0
    }

    async fn follow(&self, kind: Kind, cache: &Cache, journal: &Journal) -> Infallible {
        loop {
            if let Err(why) = self.list_and_watch(kind, cache).await {
                let entry = Entry::WatchBroken { plural: kind.plural(), why: why.to_string() };
                journal.note(Timestamp::now(), &entry);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Lists and watches until the API server ends the watch.
    async fn list_and_watch(&self, kind: Kind, cache: &Cache) -> Result<(), Refusal> {
        let collection = format!("/apis/{}/{}", kind.api_version(), kind.plural());
        let list = self.request(Method::GET, &collection, None).await?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        cache.reset(kind, items.into_iter().filter_map(|item| workload(kind, item)).collect());
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let uri = format!("{collection}?watch=1&resourceVersion={version}&timeoutSeconds={WATCH_SECONDS}");
        let events =
            self.client.request_events::<Value>(build(Method::GET, &uri, None)?).await.map_err(refusal)?;
        pin_mut!(events);
        while let Some(event) = events.try_next().await.map_err(refusal)? {
            let (object, there) = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, true),
                WatchEvent::Deleted(object) => (object, false),
                WatchEvent::Bookmark(_) => continue,
                WatchEvent::Error(status) => return Err(refusal(kube::Error::Api(status))),
            };
            match workload(kind, object) {
                Some(workload) if there => cache.set(workload),
                Some(workload) => cache.remove(&workload.name),
                None => {}
            }
        }
        Ok(())
    }

    async fn request(&self, method: Method, uri: &str, body: Option<&Value>) -> Result<Value, Refusal> {
        self.client.request(build(method, uri, body)?).await.map_err(refusal)
    }
}

impl ApiServer for Kubernetes {
    async fn get(&self, name: &Name) -> Result<Value, Refusal> {
        self.request(Method::GET, &path(name), None).await
    }

    async fn put(&self, name: &Name, object: &Value) -> Result<(), Refusal> {
        self.request(Method::PUT, &path(name), Some(object)).await.map(|_| ())
    }

    async fn pods(&self, namespace: &str, labels: &Value) -> Result<Vec<Value>, Refusal> {
        let labels = strings(Some(labels));
        // Keys and values of labels hold nothing that a query would have to escape but the slash, which may stand.
        let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}%3D{value}")).collect();
        let uri = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={}", selector.join("%2C"));
        let list = self.request(Method::GET, &uri, None).await?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Value, Refusal> {
        self.request(Method::GET, &format!("/api/v1/namespaces/{namespace}/secrets/{name}"), None).await
    }
}

fn path(name: &Name) -> String {
    let Name { kind, namespace, name } = name;
    format!("/apis/{}/namespaces/{namespace}/{}/{name}", kind.api_version(), kind.plural())
}

fn build(method: Method, uri: &str, body: Option<&Value>) -> Result<Request<Vec<u8>>, Refusal> {
    let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
    Request::builder()
        .method(method)
        .uri(uri)
        .header(CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(|e| Refusal { status: 0, message: e.to_string() })
}

/// Items of a list do not say what they are; a PUT has to.
fn workload(kind: Kind, mut object: Value) -> Option<Workload> {
    object["apiVersion"] = kind.api_version().into();
    object["kind"] = kind.as_str().into();
    Workload::read(kind, object)
}

fn refusal(error: kube::Error) -> Refusal {
    match error {
        kube::Error::Api(status) => Refusal { status: status.code, message: status.message },
        other => Refusal { status: 0, message: other.to_string() },
    }
}
