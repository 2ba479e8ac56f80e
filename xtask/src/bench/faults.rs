//! How often our program asks a server that misbehaves.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::sample::Process;
use super::table::{Figure, Must, Promise};
use super::{Aside, Bench, Measure, Row, broken, builds};
use crate::failure::Failure;

pub(super) const ROWS: &[Row] = &[Row {
    name: "faults",
    promises: &[Promise {
        metric: "watch, requests a second to a server at fault, the worst of 7",
        against: "",
        must: Must::AtMost(1.0),
    }],
    measure: Measure::Alone(faults),
}];

/// What a server does that has answered well until a watch began.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Closes the connection without a word.
    Closes,
    /// Says 500.
    Breaks,
    /// Says 503 to everything from now on.
    Down,
    /// Says 429, and not for how long.
    Busy,
    /// Says 410: list anew.
    Forgets,
    /// Ends each watch at once, and well.
    Ends,
    /// Says what is no JSON.
    Babbles,
}

const ALL: [Fault; 7] =
    [Fault::Closes, Fault::Breaks, Fault::Down, Fault::Busy, Fault::Forgets, Fault::Ends, Fault::Babbles];

/// A `watch` for each fault, all at the same time: they do nothing but wait.
fn faults(bench: &Bench) -> Result<Vec<Figure>, Failure> {
    let servers = ALL.iter().map(|fault| Server::start(bench, *fault)).collect::<Result<Vec<_>, _>>()?;
    let mut watches = servers
        .iter()
        .map(|server| {
            let watch =
                Process::new(&bench.ours, ["watch", builds::RUNNING]).with("KUBECONFIG", &server.kubeconfig);
            Aside::start(bench, &watch, &format!("fault-{:?}", server.fault))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let begun = |server: &Server| server.faults.load(Ordering::SeqCst) > 0;
    for _ in 0..600 {
        if servers.iter().all(begun) {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    if let Some(server) = servers.iter().find(|server| !begun(server)) {
        return Err(broken(format!("watch did not meet the server that {:?}", server.fault)));
    }
    let before: Vec<usize> = servers.iter().map(|server| server.requests.load(Ordering::SeqCst)).collect();
    let window = Duration::from_secs(if bench.smoke { 1 } else { 30 });
    thread::sleep(window);
    let mut worst = 0.0_f64;
    for ((server, before), watch) in servers.iter().zip(before).zip(&mut watches) {
        if let Err(failure) = watch.goes_on() {
            // what no API server says ends a watch, and asks for nothing any more
            if !matches!(server.fault, Fault::Babbles) {
                let why = failure.text().unwrap_or_default();
                return Err(broken(format!("against a server that {:?}: {why}", server.fault)));
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a figure to compare")]
        let rate = (server.requests.load(Ordering::SeqCst) - before) as f64 / window.as_secs_f64();
        eprintln!("  {:?}: {rate:.2} requests/s", server.fault);
        worst = worst.max(rate);
    }
    Ok(vec![Figure::Value(worst)])
}

/// Plain HTTP/1.1; it ends with the process.
struct Server {
    fault: Fault,
    kubeconfig: PathBuf,
    /// Requests so far.
    requests: Arc<AtomicUsize>,
    /// Those of them that met the fault.
    faults: Arc<AtomicUsize>,
}

impl Server {
    fn start(bench: &Bench, fault: Fault) -> Result<Server, Failure> {
        let failed = |error: std::io::Error| broken(format!("cannot listen: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let kubeconfig = bench.folder.join(format!("fault-{fault:?}.kubeconfig"));
        fs::write(&kubeconfig, super::alone::kubeconfig(&format!("http://{address}"))).map_err(failed)?;
        let (requests, faults) = (Arc::default(), Arc::default());
        let counted: (Arc<AtomicUsize>, Arc<AtomicUsize>) = (Arc::clone(&requests), Arc::clone(&faults));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (requests, faults) = (Arc::clone(&counted.0), Arc::clone(&counted.1));
                // a client that breaks off ends its thread
                thread::spawn(move || serve(&client, fault, &requests, &faults));
            }
        });
        Ok(Server { fault, kubeconfig, requests, faults })
    }
}

/// Answers one connection's requests.
fn serve(
    client: &TcpStream,
    fault: Fault,
    requests: &AtomicUsize,
    faults: &AtomicUsize,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim().is_empty() {
                break;
            }
            head.push(line);
        }
        requests.fetch_add(1, Ordering::SeqCst);
        let target = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        let down = matches!(fault, Fault::Down) && faults.load(Ordering::SeqCst) > 0;
        let answer = if target.contains("watch=") || down {
            faults.fetch_add(1, Ordering::SeqCst);
            match fault {
                Fault::Closes => return Ok(()),
                Fault::Breaks => failure(500),
                Fault::Down => failure(503),
                Fault::Busy => failure(429),
                Fault::Forgets => failure(410),
                Fault::Ends => said(200, ""),
                Fault::Babbles => said(200, "<html>an error of a proxy</html>\n"),
            }
        } else if target.starts_with("/api/v1/namespaces?") {
            list(&[builds::running()])
        } else if target.contains("/configmaps/chain-") {
            said(200, &builds::head_of_running().to_string())
        } else {
            list(&[])
        };
        let mut out = client;
        out.write_all(answer.as_bytes())?;
    }
}

fn list(items: &[Value]) -> String {
    let list =
        json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1"}, "items": items});
    said(200, &list.to_string())
}

fn failure(code: u16) -> String {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "code": code,
        "reason": if code == 410 { "Expired" } else { "InternalError" }, "message": "a fault of the bench",
    });
    said(code, &status.to_string())
}

fn said(code: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {code} It\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
