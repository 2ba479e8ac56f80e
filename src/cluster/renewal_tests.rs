//! Credentials that end: when a file is read and a plugin is run again.

use std::sync::atomic::{AtomicU32, Ordering};

use http::HeaderValue;

use super::super::super::transport::Source;
use super::*;

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_read_again_once() {
    let folder = std::env::temp_dir().join(format!("studioci-token-{}", uuid::Uuid::new_v4()));
    std::fs::write(&folder, "old\n").unwrap();
    let path = folder.clone();
    let (cluster, server) =
        Cluster::scripted_as(Source::File(folder.clone(), None, None), true, move |seen| {
            if seen.headers["authorization"] == "Bearer new" {
                return Reply::Json(200, json!({}));
            }
            std::fs::write(&path, "new\n").unwrap();
            Reply::Status(401, "Unauthorized", "Unauthorized")
        });
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
    assert_eq!(server.count(), 2);
    std::fs::remove_file(&folder).unwrap();

    let (cluster, server) = Cluster::scripted(|_| Reply::Status(401, "Unauthorized", "Unauthorized"));
    let error = cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }));
    assert_eq!(server.count(), 1, "a fixed token does not get better");
}

/// A kubelet renews a pod's token long before the old one ends; nobody has to be refused first.
#[tokio::test(start_paused = true)]
async fn a_token_file_is_read_again_every_minute_and_kept_while_it_is_away() {
    let path = std::env::temp_dir().join(format!("studioci-token-{}", uuid::Uuid::new_v4()));
    let source = Source::File(path.clone(), None, None);
    let (cluster, server) = Cluster::scripted_as(source, true, |_| Reply::Json(200, json!({})));
    let minute = Duration::from_secs(60);
    let mut sent = Vec::new();
    for (token, wait) in [
        (Some("one"), Duration::ZERO),
        (Some("two"), minute / 2),
        (None, minute / 2),
        (Some("three"), minute),
    ] {
        match token {
            Some(token) => std::fs::write(&path, format!("{token}\n")).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        tokio::time::advance(wait).await;
        cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
        sent.push(server.seen().pop().unwrap().headers["authorization"].to_str().unwrap().to_owned());
    }
    assert_eq!(sent, ["Bearer one", "Bearer one", "Bearer one", "Bearer three"]);
    std::fs::remove_file(&path).unwrap();
}

/// As for client-go: the file counts, and the token beside it until the file can be read.
#[tokio::test(start_paused = true)]
async fn a_token_counts_until_its_file_can_be_read() {
    let path = std::env::temp_dir().join(format!("studioci-token-{}", uuid::Uuid::new_v4()));
    let source = Source::File(path.clone(), None, Some(HeaderValue::from_static("Bearer before")));
    let (cluster, server) = Cluster::scripted_as(source, true, |_| Reply::Json(200, json!({})));
    let mut sent = Vec::new();
    for token in [None, Some("file")] {
        if let Some(token) = token {
            std::fs::write(&path, token).unwrap();
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
        sent.push(server.seen().pop().unwrap().headers["authorization"].to_str().unwrap().to_owned());
    }
    assert_eq!(sent, ["Bearer before", "Bearer file"]);
    std::fs::remove_file(&path).unwrap();
}

/// It may have asked a person for a password.
#[tokio::test]
async fn a_credential_plugin_that_fails_runs_once_for_all_who_wait_for_it() {
    let record = std::env::temp_dir().join(format!("studioci-plugin-{}", uuid::Uuid::new_v4()));
    let exec = kube::config::ExecConfig {
        api_version: Some("client.authentication.k8s.io/v1".to_owned()),
        interactive_mode: Some(kube::config::ExecInteractiveMode::Never),
        command: Some("sh".to_owned()),
        args: Some(vec!["-c".to_owned(), format!("echo run >> {}; exit 1", record.display())]),
        ..kube::config::ExecConfig::default()
    };
    let plugin = super::super::super::plugin::Plugin::new(exec, false).unwrap();
    let (cluster, server) =
        Cluster::scripted_as(Source::Plugin(Box::new(plugin)), true, |_| Reply::Json(200, json!({})));
    let calls = (0..4).map(|_| cluster.get::<Value>(&NAMESPACES, None, "x"));
    for answer in futures_util::future::join_all(calls).await {
        assert!(answer.unwrap_err().to_string().starts_with("credential plugin sh: it failed"));
    }
    assert_eq!(std::fs::read_to_string(&record).unwrap(), "run\n");
    // whoever comes later may have better luck
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap_err();
    assert_eq!(std::fs::read_to_string(&record).unwrap(), "run\nrun\n");
    assert_eq!(server.count(), 0);
    std::fs::remove_file(&record).unwrap();
}

#[tokio::test]
async fn a_credential_plugin_runs_once() {
    let record = std::env::temp_dir().join(format!("studioci-plugin-{}", uuid::Uuid::new_v4()));
    let script = format!(
        "echo run >> {}; echo '{{\"status\":{{\"token\":\"t\",\"expirationTimestamp\":\"2999-01-01T00:00:00Z\"}}}}'",
        record.display()
    );
    let exec = kube::config::ExecConfig {
        api_version: Some("client.authentication.k8s.io/v1".to_owned()),
        interactive_mode: Some(kube::config::ExecInteractiveMode::Never),
        command: Some("sh".to_owned()),
        args: Some(vec!["-c".to_owned(), script]),
        ..kube::config::ExecConfig::default()
    };
    let plugin = super::super::super::plugin::Plugin::new(exec, false).unwrap();
    let refused = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&refused);
    let (cluster, server) = Cluster::scripted_as(Source::Plugin(Box::new(plugin)), true, move |seen| {
        assert_eq!(seen.headers["authorization"], "Bearer t");
        if seen.path.ends_with("/denied") {
            count.fetch_add(1, Ordering::Relaxed);
            return Reply::Status(401, "Unauthorized", "Unauthorized");
        }
        Reply::Json(200, json!({}))
    });
    let calls = (0..20).map(|_| cluster.get::<Value>(&NAMESPACES, None, "x"));
    futures_util::future::try_join_all(calls).await.unwrap();
    assert_eq!(server.count(), 20);
    // A token fresh from the plugin that is refused would be the same the next time.
    cluster.get::<Value>(&NAMESPACES, None, "denied").await.unwrap_err();
    assert_eq!(refused.load(Ordering::Relaxed), 1);
    assert_eq!(std::fs::read_to_string(&record).unwrap(), "run\n");
    std::fs::remove_file(&record).unwrap();
}
