//! A proxy between a client and the API server that forwards bytes, counts them, and can fall silent.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::{fs, thread};

use test_cluster::Handle;
use test_cluster::settings::{API_ADDRESS, API_URL};

use super::broken;
use crate::failure::Failure;

/// At work until the process ends.
pub(super) struct Wire {
    kubeconfig: PathBuf,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    bytes: AtomicU64,
    connections: AtomicUsize,
    /// So many of the first connections are silent.
    silent: AtomicUsize,
}

impl Wire {
    /// Within the cluster's network; `folder` takes a kubeconfig that leads here.
    pub(super) fn lay(handle: &Handle, folder: &Path) -> Result<Wire, Failure> {
        let failed = |error: std::io::Error| broken(format!("the counting proxy: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let text = fs::read_to_string(handle.kubeconfig()).map_err(failed)?;
        let text = text.replace(API_URL, &format!("https://127.0.0.1:{port}"));
        let kubeconfig = folder.join("wire.kubeconfig");
        fs::write(&kubeconfig, text).map_err(failed)?;
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        // a thread that is started here is in the same network
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                // a client that finds nobody sees its connection closed
                let Ok(server) = TcpStream::connect((API_ADDRESS, 443)) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
                    let state = Arc::clone(&shared);
                    thread::spawn(move || forward(from, to, number, &state));
                }
            }
        });
        Ok(Wire { kubeconfig, state })
    }

    pub(super) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Bytes in both directions since the last call, what TLS adds included.
    pub(super) fn take_bytes(&self) -> u64 {
        self.state.bytes.swap(0, Ordering::SeqCst)
    }

    /// Connections so far.
    pub(super) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// From now on nothing passes through the connections that there are; nobody is told. New ones work.
    pub(super) fn fall_silent(&self) {
        self.state.silent.store(self.connections(), Ordering::SeqCst);
    }
}

fn forward(mut from: TcpStream, mut to: TcpStream, number: usize, state: &State) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if number < state.silent.load(Ordering::SeqCst) {
            continue;
        }
        state.bytes.fetch_add(length as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    if number >= state.silent.load(Ordering::SeqCst) {
        // the other side may be gone already
        let _ = to.shutdown(Shutdown::Write);
    }
}
