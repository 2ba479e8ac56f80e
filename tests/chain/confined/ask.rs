//! One request, who sends it, and what is wanted of it; and the client that sends many and reads the answers.
//!
//! Every identity speaks for itself: people with a client certificate, ServiceAccounts with a token that the API server
//! gave them. Only the kubelet is impersonated, since its own certificate belongs to the running one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use kube::client::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use studioci::cluster::Resource;
use studioci::cluster::resource::{NAMESPACES, SERVICE_ACCOUNTS};
use test_cluster::Handle;

/// How long a fresh binding may take to reach the authorizer, or a changed policy to act.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);
/// Requests in flight where rows do not build upon each other.
const AT_ONCE: usize = 12;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// The cluster's administrator, group `system:masters`.
    Admin,
    /// A person with a certificate of his own, in group `devs` if told so.
    Person(&'static str, &'static [&'static str]),
    /// A ServiceAccount: namespace and name.
    Account(&'static str, &'static str),
    /// The kubelet of the only node.
    Kubelet,
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Admin => f.write_str("admin"),
            Self::Person(name, _) => f.write_str(name),
            Self::Account(namespace, name) => write!(f, "{namespace}/{name}"),
            Self::Kubelet => f.write_str("kubelet"),
        }
    }
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    method: &'static str,
    path: String,
    body: Value,
    media: &'static str,
    dry_run: bool,
}

impl Ask {
    pub(crate) fn new(method: &'static str, path: impl Into<String>, body: Value) -> Self {
        let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        Self { method, path: path.into(), body, media, dry_run: false }
    }

    /// The same request, and nothing is kept of it.
    pub(crate) fn dry(mut self) -> Self {
        self.dry_run = true;
        self
    }
}

impl std::fmt::Display for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// What is wanted of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted {
    Allowed,
    /// Refused by RBAC, before any policy is asked; its escalation check is part of it.
    Rbac,
    /// Refused by a policy: its name, and words that only one of its validations says. Where several refuse, the server
    /// names any of them.
    Policy(&'static [(&'static str, &'static str)]),
    /// Refused by Pod Security.
    PodSecurity,
    /// Refused since the object is not the one that was meant.
    Conflict,
    /// Refused by nobody: what it is about is not there, which the server says last.
    Missing,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Allowed(Value),
    Rbac(String),
    Policy(String, String),
    PodSecurity(String),
    /// Anything else: the status code and the message.
    Other(u16, String),
}

impl Answer {
    fn of(code: u16, message: String) -> Self {
        let named =
            message.split_once("ValidatingAdmissionPolicy '").and_then(|(_, rest)| rest.split_once('\''));
        if let Some((name, says)) = named {
            return Self::Policy(name.to_owned(), says.to_owned());
        }
        let rbac = |it: &str| {
            it.contains(" cannot ") || it.contains("attempting to grant RBAC permissions not currently held")
        };
        match code {
            403 if message.contains("violates PodSecurity") => Self::PodSecurity(message),
            403 if rbac(&message) => Self::Rbac(message),
            _ => Self::Other(code, message),
        }
    }

    /// Whether it is the wanted one.
    pub(crate) fn is(&self, wanted: Wanted) -> bool {
        match (self, wanted) {
            (Self::Allowed(_), Wanted::Allowed)
            | (Self::Rbac(_), Wanted::Rbac)
            | (Self::PodSecurity(_), Wanted::PodSecurity)
            | (Self::Other(409, _), Wanted::Conflict)
            | (Self::Other(404, _), Wanted::Missing) => true,
            (Self::Policy(name, says), Wanted::Policy(wanted)) => {
                wanted.iter().any(|(policy, words)| name == policy && says.contains(words))
            }
            _ => false,
        }
    }

    /// Whether no authorizer and no policy had anything against it; what it then ran into is another matter.
    pub(crate) fn went_through(&self) -> bool {
        matches!(self, Self::Allowed(_) | Self::Other(404 | 409, _))
    }
}

/// A row of a table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) who: Who,
    pub(crate) what: String,
    pub(crate) ask: Ask,
    pub(crate) wanted: Wanted,
}

pub(crate) fn row(who: Who, what: impl Into<String>, ask: Ask, wanted: Wanted) -> Row {
    Row { who, what: what.into(), ask, wanted }
}

/// An object's place in the API.
pub(crate) struct Place {
    path: String,
}

fn collection(resource: &Resource, namespace: &str) -> String {
    let root =
        if resource.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", resource.group) };
    let (version, plural) = (resource.version, resource.plural);
    if resource.namespaced && !namespace.is_empty() {
        format!("{root}/{version}/namespaces/{namespace}/{plural}")
    } else {
        format!("{root}/{version}/{plural}")
    }
}

/// An object, or a subresource of it (`"build/scale"`).
pub(crate) fn at(resource: Resource, namespace: &str, name: &str) -> Place {
    Place { path: format!("{}/{name}", collection(&resource, namespace)) }
}

/// All objects of a kind in a namespace, or everywhere if that is empty; `query` as in a URL.
pub(crate) fn all(resource: Resource, namespace: &str, query: &str) -> Place {
    Place { path: format!("{}?{query}", collection(&resource, namespace)) }
}

impl Place {
    pub(crate) fn get(self) -> Ask {
        Ask::new("GET", self.path, Value::Null)
    }

    /// A merge patch.
    pub(crate) fn patch(self, patch: Value) -> Ask {
        Ask::new("PATCH", self.path, patch)
    }

    /// A strategic merge patch: of a list, what has the same name is changed.
    pub(crate) fn patch_within(self, patch: Value) -> Ask {
        Ask { media: "application/strategic-merge-patch+json", ..self.patch(patch) }
    }

    pub(crate) fn delete(self) -> Ask {
        Ask::new("DELETE", self.path, json!({ "propagationPolicy": "Background", "gracePeriodSeconds": 0 }))
    }

    /// Deletes a Namespace, whose uid is a precondition.
    pub(crate) fn dispose(self) -> Ask {
        Ask::new("DELETE", self.path, json!({ "preconditions": { "uid": "" } }))
    }
}

/// Creates an object of a kind that the program knows.
pub(crate) fn create(object: Value) -> Ask {
    let text = |key: &str| object[key].as_str().unwrap();
    let resource = Resource::of(text("apiVersion"), text("kind")).unwrap();
    let path = collection(&resource, object["metadata"]["namespace"].as_str().unwrap_or_default());
    Ask::new("POST", path, object)
}

/// Asks for a token of a ServiceAccount.
pub(crate) fn token(namespace: &str, account: &str, bound: Value) -> Ask {
    let place = at(SERVICE_ACCOUNTS, namespace, &format!("{account}/token"));
    let spec = if bound.is_null() { json!({}) } else { json!({ "boundObjectRef": bound }) };
    let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec });
    Ask::new("POST", place.path, body)
}

/// An API server, as everybody meets it.
pub(crate) struct Api {
    cluster: Handle,
    /// Another API server than the cluster's own.
    url: Option<String>,
    clients: RefCell<BTreeMap<Who, Client>>,
}

impl Api {
    pub(crate) fn of(cluster: &Handle) -> Self {
        Self { cluster: cluster.clone(), url: None, clients: RefCell::default() }
    }

    /// The same people and accounts at another API server.
    pub(crate) fn elsewhere(cluster: &Handle, url: &str) -> Self {
        Self { url: Some(url.to_owned()), ..Self::of(cluster) }
    }

    async fn client(&self, who: Who) -> Client {
        if let Some(client) = self.clients.borrow().get(&who) {
            return client.clone();
        }
        let kubeconfig = match who {
            Who::Person(name, groups) => self.cluster.kubeconfig_for(name, groups).unwrap(),
            _ => self.cluster.kubeconfig(),
        };
        let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        config.default_retry = false;
        if let Some(url) = &self.url {
            config.cluster_url = url.parse().unwrap();
        }
        match who {
            Who::Admin | Who::Person(..) => {}
            Who::Kubelet => {
                config.auth_info.impersonate = Some(format!("system:node:{}", self.cluster.node()));
                config.auth_info.impersonate_groups = Some(vec!["system:nodes".to_owned()]);
            }
            Who::Account(namespace, name) => {
                let asked = Box::pin(self.send(Who::Admin, &token(namespace, name, Value::Null))).await;
                let Answer::Allowed(given) = asked else { panic!("no token for {who}: {asked:?}") };
                config.auth_info =
                    serde_json::from_value(json!({ "token": given["status"]["token"] })).unwrap();
            }
        }
        let client = Client::try_from(config).unwrap();
        self.clients.borrow_mut().insert(who, client.clone());
        client
    }

    /// Sends a request. Uids that a row cannot know are filled in: those of owners, and the precondition of a disposal.
    pub(crate) async fn send(&self, who: Who, ask: &Ask) -> Answer {
        let client = self.client(who).await;
        let mut body = ask.body.clone();
        let owners = body["metadata"]["ownerReferences"].as_array_mut().into_iter().flatten();
        for owner in owners.filter(|owner| owner["uid"] == "") {
            owner["uid"] = self.uid(owner["name"].as_str().unwrap()).await;
        }
        if body["preconditions"]["uid"] == "" {
            body["preconditions"]["uid"] = self.uid(ask.path.rsplit('/').next().unwrap()).await;
        }
        let mut path = ask.path.clone();
        if ask.dry_run && ask.method == "DELETE" {
            // a body's options count, and no others
            body["dryRun"] = json!(["All"]);
        } else if ask.dry_run {
            path.push_str(if path.contains('?') { "&dryRun=All" } else { "?dryRun=All" });
        }
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = http::Request::builder().method(ask.method).uri(path).header("content-type", ask.media);
        match client.request_text(request.body(bytes).unwrap()).await {
            // a watch is no single document
            Ok(text) => Answer::Allowed(serde_json::from_str(&text).unwrap_or_default()),
            Err(kube::Error::Api(status)) => Answer::of(status.code, status.message),
            Err(error) => panic!("{who}: {ask}: {error}"),
        }
    }

    /// The uid of a Namespace; of one that is not there, one that nothing has.
    async fn uid(&self, namespace: &str) -> Value {
        match Box::pin(self.send(Who::Admin, &at(NAMESPACES, "", namespace).get())).await {
            Answer::Allowed(found) => found["metadata"]["uid"].clone(),
            _ => json!("00000000-0000-4000-8000-000000000000"),
        }
    }

    /// What comes of a row. A binding takes a moment to reach the authorizer, so what was refused for want of a right
    /// that the row counts on is asked again for a while.
    async fn ask(&self, row: &Row) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = self.send(row.who, &row.ask).await;
            let early = match row.wanted {
                Wanted::Allowed | Wanted::Missing => matches!(answer, Answer::Rbac(_) | Answer::Policy(..)),
                Wanted::Policy(_) | Wanted::PodSecurity | Wanted::Conflict => {
                    matches!(answer, Answer::Rbac(_))
                }
                Wanted::Rbac => false,
            };
            if answer.is(row.wanted) || !early || begun.elapsed() > PATIENCE {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Rows of which each stands on those before it.
    pub(crate) async fn in_order(&self, rows: &[Row]) {
        for row in rows {
            let answer = self.ask(row).await;
            assert!(answer.is(row.wanted), "{}", fault(row, &answer));
        }
    }

    /// Rows that do not build upon each other.
    pub(crate) async fn at_once(&self, rows: &[Row]) -> Vec<Answer> {
        stream::iter(rows).map(|row| self.ask(row)).buffered(AT_ONCE).collect().await
    }

    /// Asks again and again until the answer is the right one.
    pub(crate) async fn until(&self, who: Who, ask: &Ask, right: impl Fn(&Answer) -> bool) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = self.send(who, ask).await;
            if right(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < 3 * PATIENCE, "{who}: {ask}: still {answer:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// What is wrong with a row.
pub(crate) fn fault(row: &Row, answer: &Answer) -> String {
    format!("{} {}\n    {}\n    wanted {:?}\n    got {answer:?}", row.who, row.what, row.ask, row.wanted)
}
