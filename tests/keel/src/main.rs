//! Plays Keel against the API server of a kubeconfig and the registries that its images name.

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use jiff::Timestamp;
use keel_standin::kubernetes::Kubernetes;
use keel_standin::registry::PlainHttp;
use keel_standin::{Cache, Clock, Entry, Hooks, Journal, Keel, Settings, Switch, Version, control};
use serde::Serialize;
use tokio::net::TcpListener;

/// Plays Keel: scans every 3 s, watches, polls and writes as it does.
#[derive(Debug, Parser)]
#[command(name = "keel-standin")]
struct Args {
    /// Which cluster: a kubeconfig file, its current context.
    #[arg(long)]
    kubeconfig: PathBuf,
    /// Which Keel: 0.21.1, 0.22.1 (a conflict ends an update) or HEAD (an update overwrites).
    #[arg(long, default_value = "HEAD", value_parser = |text: &str| Version::parse(text).ok_or("0.21.1, 0.22.1 or HEAD"))]
    keel: Version,
    /// How often to poll where a workload does not say: Keel's POLL_DEFAULTSCHEDULE.
    #[arg(long, default_value = "@every 1m")]
    default_schedule: String,
    /// Milliseconds between reading the workloads and writing them.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    delay_put: u64,
    /// Where to take commands, on loopback; port 0 picks one and logs it.
    #[arg(long, value_name = "ADDRESS")]
    control: Option<std::net::SocketAddr>,
    /// Where to write what happens, one JSON object a line; stdout without it.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(run(&args))? {}
}

async fn run(args: &Args) -> Result<Infallible, Box<dyn Error>> {
    let sink: Box<dyn Write> = match &args.log {
        Some(path) => Box::new(File::create(path)?),
        None => Box::new(std::io::stdout()),
    };
    let sink = RefCell::new(sink);
    let journal = Journal::new(move |at, entry| {
        // A log that cannot be written is a matter of who reads it.
        let _ = serde_json::to_string(&Line { at, entry }).map(|line| writeln!(sink.borrow_mut(), "{line}"));
    });
    let settings = Settings { version: args.keel, default_schedule: args.default_schedule.clone() };
    let (api, registry) = (Kubernetes::connect(&args.kubeconfig).await?, PlainHttp::default());
    let (cache, hooks, switch) = (Cache::default(), Hooks::default(), Switch::default());
    hooks.delay_put(Duration::from_millis(args.delay_put));
    switch.set(true);
    let controlled = async {
        let Some(address) = args.control else { return std::future::pending().await };
        if !address.ip().is_loopback() {
            return Err(std::io::Error::other(format!("--control {address} is not on loopback")));
        }
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?.to_string();
        journal.note(Timestamp::now(), &Entry::Listening { address });
        control::serve(&listener, &hooks, &switch).await
    };
    let lives =
        Keel::lives(&settings, (&api, &registry, &SystemClock), &cache, (&hooks, &journal, &switch), || {
            api.watch(&cache, &journal)
        });
    tokio::select! {
        never = lives => match never {},
        ended = controlled => Ok(ended?),
    }
}

#[derive(Serialize)]
struct Line<'e> {
    at: Timestamp,
    #[serde(flatten)]
    entry: &'e Entry,
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, then: Timestamp) {
        while let Ok(left) = Duration::try_from(then.duration_since(self.now())) {
            if left.is_zero() {
                break;
            }
            tokio::time::sleep(left).await;
        }
    }
}
