//! How a test in another process moves the levers: lines of text over loopback, one answer a line.
//!
//! | command | does |
//! |---|---|
//! | `hold REQUEST` | holds back the next such request, see [`Hooks::hold_next`] |
//! | `held SECONDS` | waits until it has come; an error after that time |
//! | `release` | lets it go |
//! | `lose-next` | loses the next event, see [`Hooks::lose_next`] |
//! | `delay-put MILLISECONDS` | makes writes late, see [`Hooks::delay_put`] |
//! | `stop`, `start` | ends the process and begins a new one, which remembers nothing |
//! | `running` | `ok yes` or `ok no`; no after a crash |
//!
//! The answer is `ok`, `ok` with a value, or `error` with a reason.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::hooks::Hooks;
use crate::keel::Switch;

/// Answers everybody who connects.
///
/// # Errors
/// The listener is gone.
pub async fn serve(listener: &TcpListener, hooks: &Hooks, switch: &Switch) -> io::Result<Infallible> {
    let mut talks = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => talks.push(talk(accepted?.0, hooks, switch)),
            // Who breaks off is not missed.
            Some(_) = talks.next(), if !talks.is_empty() => {}
        }
    }
}

async fn talk(mut stream: TcpStream, hooks: &Hooks, switch: &Switch) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match obey(line.trim(), hooks, switch).await {
            Ok(value) if value.is_empty() => "ok\n".to_owned(),
            Ok(value) => format!("ok {value}\n"),
            Err(why) => format!("error {why}\n"),
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// The other end: a test that gives commands.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects to a stand-in's `--control` address.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { stream: BufReader::new(TcpStream::connect(address).await?) })
    }

    /// Gives one command and waits for its answer's value, empty if it has none.
    ///
    /// # Errors
    /// The connection broke, or the stand-in said `error`.
    pub async fn command(&mut self, command: &str) -> io::Result<String> {
        self.stream.write_all(format!("{command}\n").as_bytes()).await?;
        let mut answer = String::new();
        self.stream.read_line(&mut answer).await?;
        match answer.trim_end().strip_prefix("ok") {
            Some(value) => Ok(value.trim_start().to_owned()),
            None => Err(io::Error::other(format!("{command}: {}", answer.trim_end()))),
        }
    }
}

/// Does one command: a value, empty if there is none, or why not.
async fn obey(line: &str, hooks: &Hooks, switch: &Switch) -> Result<String, String> {
    let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
    let number = || argument.parse::<u64>().map_err(|e| format!("`{argument}`: {e}"));
    match command {
        "hold" if !argument.is_empty() => hooks.hold_next(argument),
        "held" => {
            let limit = Duration::from_secs(number()?);
            tokio::time::timeout(limit, hooks.held()).await.map_err(|_| "it has not come".to_owned())?;
        }
        "release" => hooks.release(),
        "lose-next" => hooks.lose_next(),
        "delay-put" => hooks.delay_put(Duration::from_millis(number()?)),
        "stop" => switch.set(false),
        "start" => switch.set(true),
        "running" => return Ok(if switch.is_on() { "yes" } else { "no" }.to_owned()),
        _ => return Err(format!("no such command: `{line}`")),
    }
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_move_the_levers() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (hooks, switch) = (Hooks::default(), Switch::default());
            let test = async {
                let mut client = Client::connect(listener.local_addr().unwrap()).await.unwrap();
                for (command, answer) in [
                    ("running", Ok("no")),
                    ("start", Ok("")),
                    ("running", Ok("yes")),
                    ("stop", Ok("")),
                    ("running", Ok("no")),
                    ("hold PUT a/web", Ok("")),
                    ("held 0", Err("held 0: error it has not come")),
                    ("release", Ok("")),
                    ("delay-put 250", Ok("")),
                    ("delay-put soon", Err("delay-put soon: error `soon`: invalid digit found in string")),
                    ("lose-next", Ok("")),
                    ("hold", Err("hold: error no such command: `hold`")),
                    ("dance", Err("dance: error no such command: `dance`")),
                ] {
                    let answered = client.command(command).await.map_err(|e| e.to_string());
                    assert_eq!(answered.as_ref().map(String::as_str).map_err(String::as_str), answer);
                }
            };
            tokio::select! {
                () = test => {}
                ended = serve(&listener, &hooks, &switch) => panic!("{ended:?}"),
            }
            assert_eq!(hooks.put_delay(), Duration::from_millis(250));
            assert!(hooks.loses() && !hooks.loses());
        });
    }
}
