//! A stage for operations: an API server in memory, with as much of controllers, kubelet and Keel as a chain needs.
//!
//! Objects are kept by path. Creates, merge and JSON patches, server-side apply (as a merge), deletes with
//! preconditions, label selectors and resourceVersions are the server's; watches are silent, so that what an operation
//! sees it has looked for. Whoever acts may be killed after any write.

#[cfg(test)]
mod agent_tests;
#[cfg(test)]
mod person_tests;
mod server;
mod world;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::sync::Notify;
use uuid::Uuid;

pub(crate) use self::world::World;
use crate::chain::freeze::Pushed;
use crate::chain::told::{TOLD_FILE, Telling};
use crate::chain::wire;
use crate::cluster::Cluster;
use crate::cluster::scripted::Scripted;
use crate::local;
use crate::state::home::Home;
use crate::state::{manifests, write};

/// The stage.
#[derive(Clone)]
pub(crate) struct Stage {
    world: Arc<Mutex<World>>,
    bell: Arc<Notify>,
    told: Arc<ToldFolder>,
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

impl Stage {
    /// A cluster that was set up, with `tags` in its registry.
    pub(crate) fn new(tags: &[(&str, char)]) -> Self {
        let tells = Telling { pipeline: Pushed::Absent, revision: Some("abc".to_owned()) };
        let mut world = World { exit: Some(0), tells: Some(tells), ..World::default() };
        world.registry = tags.iter().map(|(tag, letter)| ((*tag).to_owned(), *letter)).collect();
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
            let resource = write::resource_of(&object).unwrap();
            let namespace = object["metadata"]["namespace"].as_str();
            let group = if resource.group.is_empty() {
                format!("/api/{}", resource.version)
            } else {
                format!("/apis/{}/{}", resource.group, resource.version)
            };
            let scope = namespace.map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
            world.keep(&format!("{group}{scope}/{}", resource.plural), object);
        }
        Self { world: Arc::new(Mutex::new(world)), bell: Arc::default(), told: Arc::default() }
    }

    /// Another stage on which everything stands as it does here.
    pub(crate) fn copy(&self) -> Self {
        let here = self.world();
        let world = World {
            objects: here.objects.clone(),
            registry: here.registry.clone(),
            exit: here.exit,
            tells: here.tells.clone(),
            version: here.version,
            made: here.made,
            ..World::default()
        };
        Self { world: Arc::new(Mutex::new(world)), bell: Arc::default(), told: Arc::default() }
    }

    /// A connection of its own to the server.
    pub(crate) fn cluster(&self) -> Cluster {
        let stage = self.clone();
        let (cluster, _) = Scripted::serve(move |seen| {
            let reply = stage.world().serve(seen);
            stage.bell.notify_waiters();
            reply
        });
        cluster
    }

    /// The folder in which the CI container has told what it tells now.
    pub(crate) fn told(&self) -> PathBuf {
        if let Some(telling) = &self.world().tells {
            local::told::tell(&self.told.0, telling).unwrap();
        } else {
            let _ = std::fs::remove_file(self.told.0.join(TOLD_FILE));
        }
        self.told.0.clone()
    }

    pub(crate) fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Comes back when the world is as wanted.
    pub(crate) async fn reaches(&self, wanted: impl Fn(&World) -> bool) {
        while !wanted(&self.world()) {
            self.bell.notified().await;
        }
    }

    /// Comes back when the server has stopped to answer.
    pub(crate) async fn dies(&self) {
        self.reaches(|world| world.dead).await;
    }

    /// The server answers again.
    pub(crate) fn revive(&self) {
        let mut world = self.world();
        (world.dead, world.dies_after) = (false, None);
    }
}
