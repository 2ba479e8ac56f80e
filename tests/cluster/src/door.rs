//! A door with a lock before the registry, which itself asks nobody who they are: basic authentication, plain HTTP, one request
//! a connection, and reading only. What is pushed is pushed past it. It notes who came with what.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{At, Error};
use crate::settings::{LOCKED, REGISTRY};

/// How a client begins that speaks TLS.
const TLS: u8 = 0x16;
/// A head is no longer than this.
const HEAD: u64 = 64 << 10;

/// A registry that wants a login, until it is dropped.
#[derive(Debug)]
pub struct LockedRegistry {
    state: Arc<Door>,
}

/// Who came to the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The program, as it calls itself; may be empty.
    pub agent: String,
    /// Method and path.
    pub request: String,
    /// `user:password`, if any was shown.
    pub login: Option<String>,
    /// Whether the door was opened.
    pub admitted: bool,
}

#[derive(Debug)]
struct Door {
    login: Mutex<String>,
    visits: Mutex<Vec<Visit>>,
    closed: AtomicBool,
}

impl LockedRegistry {
    /// Opens for whoever shows this login, `user:password`.
    pub(crate) fn open(login: &str) -> Result<LockedRegistry, Error> {
        let listener = TcpListener::bind(LOCKED).at("listen at", LOCKED)?;
        let state = Arc::new(Door {
            login: Mutex::new(login.to_owned()),
            visits: Mutex::default(),
            closed: AtomicBool::new(false),
        });
        let door = Arc::clone(&state);
        std::thread::spawn(move || {
            for visitor in listener.incoming().map_while(Result::ok) {
                if door.closed.load(Ordering::SeqCst) {
                    break;
                }
                let door = Arc::clone(&door);
                // whoever breaks off is not missed
                std::thread::spawn(move || door.answer(visitor));
            }
        });
        Ok(LockedRegistry { state })
    }

    /// `host:port`, as image references begin.
    pub fn host(&self) -> &'static str {
        LOCKED
    }

    /// From now on only this login is taken.
    pub fn change(&self, login: &str) {
        login.clone_into(&mut self.state.login());
    }

    /// Who has come, in order.
    pub fn visits(&self) -> Vec<Visit> {
        self.state.visits().clone()
    }
}

impl Drop for LockedRegistry {
    fn drop(&mut self) {
        self.state.closed.store(true, Ordering::SeqCst);
        // wakes the thread that waits for visitors
        let _ = TcpStream::connect(LOCKED);
    }
}

impl Door {
    fn login(&self) -> MutexGuard<'_, String> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn visits(&self) -> MutexGuard<'_, Vec<Visit>> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, mut visitor: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(visitor.try_clone()?.take(HEAD));
        let (mut lines, mut agent, mut shown) = (Vec::new(), String::new(), None);
        if reader.fill_buf()?.first() == Some(&TLS) {
            // by these words a client that may do so goes on without
            return visitor.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim_end();
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            match name.to_ascii_lowercase().as_str() {
                "" => break,
                "user-agent" => value.clone_into(&mut agent),
                "authorization" => shown = Some(decoded(value)),
                // of one request each, so that no second one comes in unasked
                "connection" => {}
                _ => lines.push(line.to_owned()),
            }
        }
        let Some(first) = lines.first() else { return Ok(()) };
        let request = first.rsplit_once(' ').map_or(first.as_str(), |(request, _)| request).to_owned();
        let admitted = shown.as_ref() == Some(&*self.login());
        self.visits().push(Visit { agent, request: request.clone(), login: shown, admitted });
        if !admitted {
            let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
            let answer = format!(
                "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"registry\"\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let body = if request.starts_with("HEAD ") { "" } else { body };
            return visitor.write_all(format!("{answer}{body}").as_bytes());
        }
        if !["GET ", "HEAD "].iter().any(|method| request.starts_with(method)) {
            return visitor.write_all(b"HTTP/1.1 405 Method Not Allowed\r\nconnection: close\r\n\r\n");
        }
        let mut registry = TcpStream::connect(REGISTRY)?;
        registry.write_all(format!("{}\r\nconnection: close\r\n\r\n", lines.join("\r\n")).as_bytes())?;
        std::io::copy(&mut registry, &mut visitor).map(drop)
    }
}

/// The login of a header; what is none of basic authentication, as it is.
fn decoded(value: &str) -> String {
    let word = value.strip_prefix("Basic ").and_then(|word| STANDARD.decode(word).ok());
    word.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| value.to_owned())
}
