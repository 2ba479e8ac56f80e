//! The same connection made twice: by kubectl, which is the judge, and by us.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;
use test_cluster::audit::{Event, User};

use super::ways::Ways;
use crate::world::World;

/// How many things `status` asks for at once.
const AT_ONCE: usize = 5;
/// How long a call may take; nothing that answers takes as long.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a call ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// With an answer, which the server gave this one.
    As(String),
    /// Without; in what is said these words stand.
    Refused(&'static str),
}

/// One connection.
pub(super) struct Row {
    name: &'static str,
    /// Variables; those without a value are not set.
    env: Vec<(&'static str, Option<String>)>,
    args: Vec<String>,
    /// Whether a person sits there.
    terminal: bool,
    /// Whether kubectl calls us, as it is typed.
    typed: bool,
    theirs: Fate,
    ours: Fate,
    /// By which ways, each with where it was asked to lead.
    by: Vec<String>,
    /// What a credential plugin is told of a person, if one is run.
    told: Option<bool>,
    /// Why we differ from kubectl, where we do.
    because: Option<&'static str>,
}

impl Row {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            env: Vec::new(),
            args: Vec::new(),
            terminal: false,
            typed: false,
            theirs: Fate::Refused(""),
            ours: Fate::Refused(""),
            by: Vec::new(),
            told: None,
            because: None,
        }
    }

    pub(super) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, Some(value.into())));
        self
    }

    pub(super) fn without(mut self, name: &'static str) -> Self {
        self.env.push((name, None));
        self
    }

    pub(super) fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// At a terminal.
    pub(super) fn at_a_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// Through kubectl, which hands flags and variables on.
    pub(super) fn typed(mut self) -> Self {
        self.typed = true;
        self
    }

    /// A credential plugin runs once, and is told whether it may ask.
    pub(super) fn told(mut self, interactive: bool) -> Self {
        self.told = Some(interactive);
        self
    }

    /// Both get there as this one.
    pub(super) fn reaches(mut self, who: &str) -> Self {
        self.theirs = Fate::As(who.to_owned());
        self.ours = self.theirs.clone();
        self
    }

    /// By this way, with where it is asked to lead.
    pub(super) fn by(mut self, way: impl Into<String>) -> Self {
        self.by.push(way.into());
        self
    }

    /// Neither gets there; we say so in these words, among others.
    pub(super) fn refused(mut self, words: &'static str) -> Self {
        (self.theirs, self.ours) = (Fate::Refused(""), Fate::Refused(words));
        self
    }

    /// We do something else, and why.
    pub(super) fn but_we(mut self, ours: Fate, because: &'static str) -> Self {
        (self.ours, self.because) = (ours, Some(because));
        self
    }
}

/// What became of a call.
#[derive(Debug)]
struct Run {
    ok: bool,
    said: String,
    ways: Vec<String>,
    /// What a credential plugin was told, each time it was run.
    told: Vec<Value>,
    span: (String, String),
}

/// What the server saw of it.
#[derive(Debug, Default)]
struct Seen {
    who: BTreeSet<String>,
    requests: usize,
}

/// A call by each of them.
struct Pair {
    row: Row,
    theirs: Run,
    ours: Run,
}

pub(super) struct Court<'a> {
    world: &'a World,
    ways: &'a Ways,
    /// Where a credential plugin writes down what it was told.
    pub(super) record: PathBuf,
    pairs: Vec<Pair>,
}

impl<'a> Court<'a> {
    pub(super) fn new(world: &'a World, ways: &'a Ways, record: PathBuf) -> Self {
        Self { world, ways, record, pairs: Vec::new() }
    }

    /// Makes both calls.
    pub(super) fn hear(&mut self, row: Row) {
        let kubectl = self.world.cluster.tool("kubectl");
        let theirs = self.run(&kubectl, &["get", "--raw", "/api/v1/namespaces?limit=1"], &row);
        let ask = ["status", "-A", "-o", "name"];
        let ours = if row.typed {
            self.run(&kubectl, &[&["studioci"], &ask[..]].concat(), &row)
        } else {
            self.run(Path::new(env!("CARGO_BIN_EXE_kubectl-studioci")), &ask, &row)
        };
        self.pairs.push(Pair { row, theirs, ours });
    }

    fn run(&self, program: &Path, args: &[&str], row: &Row) -> Run {
        let mut command = self.world.command(program);
        command.args(args).args(&row.args).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, value) in &row.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let terminal = row.terminal.then(Terminal::open);
        if let Some(terminal) = &terminal {
            command.stdin(terminal.other_end());
        }
        let _ = fs::remove_file(&self.record);
        self.ways.noted();
        let begun = now();
        let output = ended(command.spawn().unwrap(), row.name);
        let span = (begun, now());
        let text = [&output.stderr[..], &output.stdout].concat();
        let told = fs::read_to_string(&self.record).unwrap_or_default();
        Run {
            ok: output.status.success(),
            said: String::from_utf8_lossy(&text).into_owned(),
            ways: self.ways.noted(),
            told: serde_json::Deserializer::from_str(&told).into_iter().map(Result::unwrap).collect(),
            span,
        }
    }

    /// What is wrong, row by row, by what the API server has written down of all calls.
    pub(super) fn judge(self, events: &[Event]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut counts = BTreeMap::new();
        for Pair { row, theirs, ours } in &self.pairs {
            let (seen_of_theirs, seen) =
                (seen(events, theirs, "kubectl/"), seen(events, ours, "kubectl-studioci/"));
            let faults = faults(row, (theirs, &seen_of_theirs), (ours, &seen));
            if !faults.is_empty() {
                let faults = faults.join("\n  ");
                wrong.push(format!(
                    "{}\n  {faults}\n  kubectl: {theirs:?} {seen_of_theirs:?}\n  we: {ours:?} {seen:?}\n",
                    row.name
                ));
            }
            if ours.ok {
                counts.entry(seen.requests).or_insert(row.name);
            }
        }
        // no way and no credentials make us ask twice
        if counts.len() > 1 {
            wrong.push(format!("not always as many requests: {counts:?}"));
        }
        wrong
    }

    pub(super) fn heard(&self) -> usize {
        self.pairs.len()
    }
}

fn faults(row: &Row, theirs: (&Run, &Seen), ours: (&Run, &Seen)) -> Vec<String> {
    let mut faults = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            faults.push(what.to_owned());
        }
    };
    must(came_to(&row.theirs, theirs), &format!("kubectl: not {:?}", row.theirs));
    must(came_to(&row.ours, ours), &format!("we: not {:?}", row.ours));
    let [their_ways, our_ways] = [theirs.0, ours.0].map(|run| run.ways.iter().collect::<BTreeSet<_>>());
    let wanted: BTreeSet<_> = row.by.iter().collect();
    must(our_ways == wanted, "we: by another way");
    let [their_told, our_told] = [theirs.0, ours.0].map(|run| run.told.first());
    must(our_told.map(|told| told["spec"]["interactive"] == true) == row.told, "we: the plugin");
    must(ours.0.told.len() <= 1, "we: the plugin was run again");
    if row.because.is_none() {
        // one that is made while another one comes free is one too many, and how often that happens is chance
        let asked = ours.1.requests;
        must(asked <= AT_ONCE || ours.0.ways.len() < asked, "we: a connection for each request");
        must(their_ways == our_ways, "not the same ways");
        must(theirs.1.who == ours.1.who, "not as the same one");
        must(their_told == our_told, "the plugin was not told the same");
    }
    faults
}

fn came_to(fate: &Fate, (run, seen): (&Run, &Seen)) -> bool {
    match fate {
        Fate::As(who) => run.ok && seen.who.iter().eq([who]),
        Fate::Refused(words) => !run.ok && run.said.contains(words),
    }
}

/// What the server wrote down of this client while the call was made.
fn seen(events: &[Event], run: &Run, agent: &str) -> Seen {
    let (begun, ended) = &run.span;
    let mut seen = Seen::default();
    for event in events {
        let at = &event.request_received_timestamp;
        if event.user_agent.starts_with(agent) && (begun..=ended).contains(&at) {
            seen.requests += 1;
            let code = match event.response_status.code {
                code @ (401 | 403) => format!(" {code}"),
                _ => String::new(),
            };
            let acting = event.impersonated_user.as_ref().map(|user| format!(" as {}", acting(user)));
            seen.who.insert(format!("{}{}{code}", called(&event.user), acting.unwrap_or_default()));
        }
    }
    seen
}

/// A name, and the groups that are not the server's own.
fn called(user: &User) -> String {
    let groups: Vec<&str> =
        user.groups.iter().map(String::as_str).filter(|group| !group.starts_with("system:")).collect();
    if groups.is_empty() {
        user.username.clone()
    } else {
        format!("{} of {}", user.username, groups.join("+"))
    }
}

fn acting(user: &User) -> String {
    let uid = if user.uid.is_empty() { String::new() } else { format!(" uid {}", user.uid) };
    let mut text = format!("{}{uid}", called(user));
    for (key, values) in &user.extra {
        text.extend([" ", key, "=", &values.join("+")]);
    }
    text
}

/// As the server writes down when a request came.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

fn ended(mut child: Child, name: &str) -> Output {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("{name}: a call did not end: {:?}", child.wait_with_output().unwrap());
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    child.wait_with_output().unwrap()
}

/// A terminal at which nobody types.
struct Terminal(File);

impl Terminal {
    fn open() -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        Self(File::from(terminal))
    }

    fn other_end(&self) -> File {
        let name = ptsname(&self.0, Vec::new()).unwrap();
        File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap()
    }
}
