//! A server in front of the API server that counts a client's writes, and after one of them is never heard of again. It
//! may say that it is of another version, too.
//!
//! Plain HTTP/1.1 before `kubectl proxy`, one request at a time, but for watches, which have no end: what has got an answer
//! is exactly what has happened.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::world::World;

/// At work until it is dropped.
pub(crate) struct Proxy {
    kubectl: Child,
    address: String,
    state: Arc<State>,
}

struct State {
    upstream: String,
    /// Writes that were answered.
    writes: AtomicUsize,
    /// The last write that is let through.
    last: AtomicUsize,
    /// Of what the first write is not let through, either.
    barred: Mutex<Option<String>>,
    /// Whether that one has come, and nobody is served any more.
    over: AtomicBool,
    /// What it says of its version in the API server's place.
    version: Mutex<Option<String>>,
}

impl Proxy {
    pub(crate) fn new(world: &World) -> Self {
        let kubectl = world.cluster.tool("kubectl");
        let mut kubectl =
            world.command(&kubectl).args(["proxy", "--port=0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(kubectl.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let upstream = line.trim().rsplit(' ').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            upstream,
            writes: AtomicUsize::new(0),
            last: AtomicUsize::new(usize::MAX),
            barred: Mutex::default(),
            over: AtomicBool::new(false),
            version: Mutex::default(),
        });
        let served = Arc::clone(&state);
        // it ends with the process: an idle listener holds nothing
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // a client that was killed breaks off, which is what it is killed for
                let _ = served.serve(client);
            }
        });
        Self { kubectl, address, state }
    }

    /// A kubeconfig that leads here.
    pub(crate) fn kubeconfig(&self, world: &World) -> String {
        world.file(
            "proxy.kubeconfig",
            &format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: proxy\ncontexts: [{{name: proxy, context: {{cluster: proxy, user: proxy}}}}]\n\
                 clusters: [{{name: proxy, cluster: {{server: \"http://{}\"}}}}]\nusers: [{{name: proxy, user: {{}}}}]\n",
                self.address
            ),
        )
    }

    /// Serves again, up to the `last`-th write from now, of which nobody learns that it was done.
    pub(crate) fn dies_after(&self, last: usize) {
        self.state.last.store(last, Ordering::SeqCst);
        self.state.writes.store(0, Ordering::SeqCst);
        self.state.over.store(false, Ordering::SeqCst);
    }

    /// Serves up to the first write to a path that holds this, which does not happen.
    pub(crate) fn dies_before(&self, path: &str) {
        *self.state.barred.lock().unwrap() = Some(path.to_owned());
    }

    /// What it says of its version from now on, `(major, minor)`; what the API server says, if none.
    pub(crate) fn is_of_version(&self, numbers: Option<(u32, u32)>) {
        let version = numbers.map(|(major, minor)| {
            let (git, minor) = (format!("v{major}.{minor}.0"), minor.to_string());
            json!({ "major": major.to_string(), "minor": minor, "gitVersion": git }).to_string()
        });
        *self.state.version.lock().unwrap() = version;
    }

    /// Whether the write has come after which, or before which, nobody is served.
    pub(crate) fn is_over(&self) -> bool {
        self.state.over.load(Ordering::SeqCst)
    }

    /// Writes since [`Self::dies_after`].
    pub(crate) fn writes(&self) -> usize {
        self.state.writes.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}

impl State {
    /// One request of one connection; the client connects again for the next.
    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        if self.over.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut reader = BufReader::new(client.try_clone()?);
        let mut head = String::new();
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let (name, value) = line.split_once(':').unwrap_or((line.as_str(), ""));
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
            if !name.eq_ignore_ascii_case("connection") {
                head.push_str(&line);
            }
        }
        let Some(first) = head.lines().next().map(str::to_owned) else { return Ok(()) };
        if let Some(version) =
            self.version.lock().unwrap().as_ref().filter(|_| first.starts_with("GET /version"))
        {
            let (kind, length) = ("application/json", version.len());
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n");
            return client.write_all(format!("{head}Connection: close\r\n\r\n{version}").as_bytes());
        }
        let barred = self.barred.lock().unwrap().as_ref().is_some_and(|path| first.contains(path));
        if barred && is_write(&first) {
            self.over.store(true, Ordering::SeqCst);
            std::mem::forget(client);
            return Ok(());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut server = TcpStream::connect(&self.upstream)?;
        server.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
        server.write_all(&body)?;
        if first.contains("watch=true") {
            // it ends with either end
            std::thread::spawn(move || std::io::copy(&mut server, &mut client));
            return Ok(());
        }
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        if is_write(&first)
            && self.writes.fetch_add(1, Ordering::SeqCst) + 1 == self.last.load(Ordering::SeqCst)
        {
            self.over.store(true, Ordering::SeqCst);
            // held open, so that the client neither learns of it nor sees a broken connection
            std::mem::forget(client);
            return Ok(());
        }
        client.write_all(&answer)
    }
}

/// Whether a request changes anything: reviews and dry runs do not.
fn is_write(first: &str) -> bool {
    !first.starts_with("GET ")
        && !first.contains(" /apis/authorization.k8s.io/")
        && !first.contains(" /apis/authentication.k8s.io/")
        && !first.contains("dryRun=All")
}
