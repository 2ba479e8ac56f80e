//! An agent that cannot go on says so where `status` looks, once, and not for what is over soon.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::Reply;

use super::*;

/// Lets an agent run for a minute where every question is answered so; what it wrote into its Namespace.
async fn written(reply: Reply) -> Vec<Value> {
    let written: Arc<Mutex<Vec<Value>>> = Arc::default();
    let record = Arc::clone(&written);
    let (cluster, _) = Cluster::scripted(move |request| {
        if request.method == "PATCH" {
            record.lock().unwrap().push(request.body["metadata"]["annotations"].clone());
            return Reply::Json(200, json!({}));
        }
        reply.clone()
    });
    let name = || "x".to_owned();
    let me = Identity {
        namespace: name(),
        role: Role::Own { pod: name() },
        deployment: name(),
        container: name(),
        told: std::path::PathBuf::from("/nowhere"),
    };
    let mut agent = Agent::new(&cluster, me, || Timestamp::UNIX_EPOCH, Renderer::here(), &|_| {});
    let minute = tokio::time::timeout(Duration::from_secs(60), Box::pin(agent.run())).await;
    assert!(minute.is_err(), "an agent never ends by itself");
    written.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn what_stops_an_agent_is_written_down_once() {
    let missing = written(Reply::Status(404, "NotFound", "not found")).await;
    let [Value::Object(annotations)] = &missing[..] else { panic!("{missing:?}") };
    let why = annotations[wire::WAITING].as_str().unwrap();
    assert!(why.starts_with("its agent cannot go on: "), "{why}");
    // an API server that is in trouble
    let away = written(Reply::Status(500, "InternalError", "etcdserver: leader changed")).await;
    assert_eq!(away, Vec::<Value>::new());
}
