//! A server that keeps objects.
//!
//! Creates, merge and JSON patches, server-side apply (as a merge), deletes with preconditions, label selectors and
//! resourceVersions are a real server's; watches are silent, so that what an operation sees it has looked for.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::scripted::{Reply, Scripted, SeenRequest};
use crate::world::World;

/// A server that keeps objects. Clones are the same server.
#[derive(Clone, Default)]
pub struct ApiServer {
    world: Arc<Mutex<World>>,
    bell: Arc<Notify>,
}

impl ApiServer {
    /// A server with this behind it.
    pub fn new(world: World) -> Self {
        Self { world: Arc::new(Mutex::new(world)), bell: Arc::default() }
    }

    /// Another server behind which everything stands as it does here. Hooks and what was asked stay behind.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self::new(self.world().copy())
    }

    /// A connection of its own to the server.
    pub fn client(&self) -> kube::Client {
        self.client_behind(|_| None)
    }

    /// The same behind somebody who answers in the server's place where they like to.
    pub fn client_behind(
        &self,
        mut answers: impl FnMut(&SeenRequest) -> Option<Reply> + Send + 'static,
    ) -> kube::Client {
        let server = self.clone();
        let (client, _) = Scripted::serve(move |seen| {
            if let Some(reply) = answers(seen) {
                return reply;
            }
            let reply = server.world().serve(seen);
            server.bell.notify_waiters();
            reply
        });
        client
    }

    /// What is behind it, which stands still as long as this is held.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Comes back when the world is as wanted.
    pub async fn reaches(&self, wanted: impl Fn(&World) -> bool) {
        while !wanted(&self.world()) {
            self.bell.notified().await;
        }
    }

    /// Comes back when the server has stopped to answer.
    pub async fn dies(&self) {
        self.reaches(|world| world.dead).await;
    }

    /// The server answers again.
    pub fn revive(&self) {
        let mut world = self.world();
        (world.dead, world.dies_after) = (false, None);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde_json::{Value, json};

    use super::*;

    const NAMESPACES: &str = "/api/v1/namespaces";

    async fn create(client: &kube::Client, name: &str) -> Value {
        let body = json!({ "metadata": { "name": name } }).to_string().into_bytes();
        client.request(Request::post(NAMESPACES).body(body).unwrap()).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn every_client_sees_the_same_world_and_who_waits_for_it_is_told() {
        let server = ApiServer::default();
        let (one, other) = (server.client(), server.client());
        let reached = server.reaches(|world| world.objects.contains_key("/api/v1/namespaces/b"));
        let (_, _, ()) = tokio::join!(create(&one, "a"), create(&other, "b"), reached);
        let list: Value = other.request(Request::get(NAMESPACES).body(Vec::new()).unwrap()).await.unwrap();
        assert_eq!(list["items"].as_array().unwrap().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_goes_its_own_way() {
        let server = ApiServer::default();
        create(&server.client(), "a").await;
        let copy = server.copy();
        assert_eq!(copy.world().objects, server.world().objects);
        assert!(copy.world().writes.is_empty());
        create(&copy.client(), "b").await;
        assert_eq!(server.world().all("namespaces").len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_server_answers_nobody_until_it_is_revived() {
        let server = ApiServer::default();
        server.world().dies_after = Some(0);
        let client = server.client();
        tokio::select! {
            made = create(&client, "a") => panic!("{made}"),
            () = server.dies() => {}
        }
        server.revive();
        assert_eq!(create(&client, "a").await["metadata"]["name"], "a");
    }
}
