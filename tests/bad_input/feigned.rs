//! What only says that it is a build, told to a script.

use super::*;

/// An API server of a cluster in which somebody has made a namespace that says of itself that it is a build of chain `app`, which
/// has passed. Its address.
fn with_feigned_build() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = |path: &str| {
        let feigned = serde_json::json!({ "metadata": {
            "name": "ci-x", "uid": "x", "resourceVersion": "1",
            "labels": { "app.kubernetes.io/managed-by": "studioci", "studioci.dev/chain": "app", "studioci.dev/phase": "Finished" },
            "annotations": { "studioci.dev/chain-uuid": "c", "studioci.dev/owner": "o", "studioci.dev/generation": "2",
                "studioci.dev/verdict": "Passed", "studioci.dev/revision": REVISION, "studioci.dev/tag": "build-2" },
        } });
        let items = if path == "/api/v1/namespaces" { vec![feigned] } else { Vec::new() };
        let list = serde_json::json!({ "metadata": { "resourceVersion": "1" }, "items": items });
        let head = serde_json::json!({ "metadata": { "name": "chain-app", "resourceVersion": "1" },
            "data": { "uuid": "c", "generation": "2", "namespace": "ci-2", "uid": "u" } });
        let missing = serde_json::json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
            "code": 404, "message": "not found" });
        match path.rsplit_once('/').unwrap_or_default() {
            (before, "chain-app") if before.ends_with("configmaps") => (200, head),
            (before, _) if before.ends_with("configmaps") || before.ends_with("secrets") => (404, missing),
            _ => (200, list),
        }
    };
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
            let Some(Ok(first)) = lines.next() else { continue };
            // up to the blank line that ends the head
            let _ = lines.map_while(Result::ok).find(String::is_empty);
            let target = first.split(' ').nth(1).unwrap_or_default();
            let (code, body) = answer(target.split('?').next().unwrap_or_default());
            let body = body.to_string();
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {code} OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close"
            );
            let _ = client.write_all(format!("{head}\r\n\r\n{body}").as_bytes());
        }
    });
    address
}

const REVISION: &str = "00000000000000000000000000000000000000aa";

#[test]
fn what_only_says_that_it_has_passed_passes_nothing_for_a_script() {
    let folder = Folder::new("feigned", GOOD);
    folder.write("config", kubeconfig(&format!("http://{}", with_feigned_build())));
    let said = |args: &[&str]| run(&folder, args, &[("KUBECONFIG", "config")]);
    let refused = "error: namespace ci-x is not provably ours: the head of chain app knows generation 2 by another uid, so nothing \
                   proves it ours\n  remedy: it was made or edited by hand, or is older than what home remembers; work on it with kubectl alone\n";
    for args in [
        &["watch", "ci-x"][..],
        &["watch", "app"],
        &["watch", "app", "--follow"],
        &["watch"],
        &["logs", "-f", "ci-x"],
        &["report", "ci-x"],
    ] {
        let (out, err, code) = said(args);
        assert_eq!((out.as_str(), code), ("", 5), "{args:?}: {err}");
        assert!(err.ends_with(refused), "{args:?}: {err}");
    }
    let (out, err, code) = said(&["watch", "app", "--revision", REVISION, "--timeout", "1s"]);
    assert_eq!((out.as_str(), code), ("", 5), "{err}");
    let (out, err, code) = said(&["status", "-A"]);
    assert!(out.lines().nth(1).unwrap().contains("Unproved"), "{out}");
    assert!(
        err.contains("Warning: namespace ci-x says that it is a build of chain app, and is not believed"),
        "{err}"
    );
    assert_eq!(code, 0);
    let verdicts = ["status", "-A", "-o", "jsonpath={.items[*].status.verdict}{.items[*].metadata.name}"];
    assert_eq!(said(&verdicts).0, "ci-x", "no verdict of it is printed");
    // no chain is made up of it either, where home knows none
    let (out, err, code) = said(&["status", "--chains", "app"]);
    assert_eq!((out.as_str(), code), ("", 5), "{err}");
}
