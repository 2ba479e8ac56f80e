//! Operations against an API server in memory: `start`, `stop`, `cleanup` and agents, killed after any of their writes and
//! run at the same time, without a cluster and in the test's own time.
//!
//! The server is the kit's; here is what it is told of this project, and what Keel and CI containers do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent;
mod person;
mod world;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use studioci::chain::freeze::Pushed;
use studioci::chain::told::{TOLD_FILE, Telling};
use studioci::chain::wire;
use studioci::cluster::outside::Outside;
use studioci::cluster::{Cluster, Resource};
use studioci::local;
use studioci::state::error::Error;
use studioci::state::home::Home;
use studioci::state::manifests;
use testkit::{ApiServer, World};
use uuid::Uuid;

pub(crate) use world::ChainWorld;

/// A cluster that was set up, and what its CI containers tell.
#[derive(Clone)]
pub(crate) struct Stage {
    server: ApiServer,
    /// None: they tell nothing.
    tells: Arc<Mutex<Option<Telling>>>,
    told: Arc<ToldFolder>,
    /// Who is outside of the cluster.
    outside: Arc<Mutex<Option<Outside>>>,
}

/// Where CI containers tell; gone with the stage.
struct ToldFolder(PathBuf);

impl Default for ToldFolder {
    fn default() -> Self {
        let path = std::env::temp_dir().join(format!("studioci-stage-{}", Uuid::new_v4()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for ToldFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Which of the listener's containers runs the CI image.
pub(crate) const CI: usize = 1;
/// The image of the chain.
pub(crate) const REPOSITORY: &str = "registry.example/team/ci";

pub(crate) fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

/// What an error says, and what to do about it.
pub(crate) fn with_remedy(error: &Error) -> (String, String) {
    (error.to_string(), error.advice().unwrap_or_else(|| panic!("no case: {error}")).1)
}

/// The policies of a cluster that was set up, as far as they are asked here: they refuse the canary.
fn no_canary(request: &str, body: &Value) -> Option<&'static str> {
    (request.starts_with("POST") && body["metadata"]["name"] == "studioci-canary").then_some(
        "x is forbidden: ValidatingAdmissionPolicy 'studioci-rights' with binding 'studioci-rights' denied request: no",
    )
}

impl Deref for Stage {
    type Target = ApiServer;

    fn deref(&self) -> &ApiServer {
        &self.server
    }
}

impl Stage {
    /// A cluster that was set up, with `tags` in its registry.
    pub(crate) fn new(tags: &[(&str, char)]) -> Self {
        let mut world = World::default();
        world.exit = Some(0);
        world.user = "alice";
        world.has_pod = Some(|deployment| deployment["metadata"]["labels"][wire::ROLE] == "listener");
        world.allows = Some(|review| review["resourceAttributes"]["verb"] != "nonsense");
        world.refusals.push(no_canary);
        world.registry.entry(REPOSITORY.to_owned()).or_default();
        for (tag, letter) in tags {
            world.publish(tag, *letter);
        }
        let home = Home::unasked();
        let mut objects = manifests::objects_of(&home);
        objects.push(manifests::config(&home));
        for mut object in objects {
            if object["metadata"]["name"] == wire::ROLE_WORKSPACE {
                object["rules"] = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]);
            }
            // how policies compare with the manifests is tested beside `check`; here the canary alone judges
            if [manifests::POLICY, manifests::BINDING].contains(&manifests::key(&object).0) {
                object["spec"] = json!({});
                object["metadata"]["annotations"][wire::CONFINEMENT] = json!("99");
            }
            let text = |key: &str| object[key].as_str().unwrap();
            let resource = Resource::of(text("apiVersion"), text("kind")).unwrap();
            let collection = resource.path(object["metadata"]["namespace"].as_str(), None);
            world.keep(&collection, object);
        }
        let tells = Telling { pipeline: Pushed::Absent, revision: Some("abc".to_owned()) };
        Self {
            server: ApiServer::new(world),
            tells: Arc::new(Mutex::new(Some(tells))),
            told: Arc::default(),
            outside: Arc::default(),
        }
    }

    /// Another stage on which everything stands as it does here.
    pub(crate) fn copy(&self) -> Self {
        let tells = self.tells.lock().unwrap().clone();
        let outside = Arc::new(Mutex::new(self.outside.lock().unwrap().clone()));
        Self { server: self.server.copy(), tells: Arc::new(Mutex::new(tells)), told: Arc::default(), outside }
    }

    /// A connection of its own to the server.
    pub(crate) fn cluster(&self) -> Cluster {
        let cluster = Cluster::with_client(self.client());
        match &*self.outside.lock().unwrap() {
            Some(outside) => cluster.with_outside(outside.clone()),
            None => cluster,
        }
    }

    /// From now on images bring this pipeline.
    pub(crate) fn brings(&self, text: impl Into<String>) {
        self.tells.lock().unwrap().as_mut().unwrap().pipeline = Pushed::Text(text.into());
    }

    /// From now on CI containers tell nothing.
    pub(crate) fn tells_nothing(&self) {
        *self.tells.lock().unwrap() = None;
    }

    /// The folder in which the CI container has told what it tells now.
    pub(crate) fn told(&self) -> PathBuf {
        if let Some(telling) = &*self.tells.lock().unwrap() {
            local::told::tell(&self.told.0, telling).unwrap();
        } else {
            let _ = std::fs::remove_file(self.told.0.join(TOLD_FILE));
        }
        self.told.0.clone()
    }
}
