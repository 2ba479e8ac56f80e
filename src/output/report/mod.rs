//! Reports on a build and on a chain, in the forms that people and programs read. What others have said is escaped where it is
//! written, each form in its own way.

mod html;
mod json;
mod junit;
mod markdown;

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use super::console::sanitise;
use crate::chain::age;
use crate::chain::build::{Build, Phase};
use crate::chain::contents::Contents;
use crate::chain::names;
use crate::chain::reported::{ReportOf, ReportedBuild, ReportedChain};
use crate::chain::reserved::Reserved;
use crate::chain::side::in_words;

/// The forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportForm {
    /// A page for a browser, one file.
    Html,
    /// Objects, as `status -o json` prints them, and what history adds.
    Json,
    /// A test suite, as `JUnit`'s runners write it.
    Junit,
    /// Text, readable in a terminal, too.
    Markdown,
}

/// The report in this form, with its final newline. `now`: for what runs.
pub fn print(form: ReportForm, of: &ReportOf, now: Timestamp) -> String {
    match (form, of) {
        (ReportForm::Html, ReportOf::Build(build)) => html::build(build, now),
        (ReportForm::Html, ReportOf::Chain(chain)) => html::chain(chain, now),
        (ReportForm::Json, ReportOf::Build(build)) => super::printer::json(&json::build(build, now)),
        (ReportForm::Json, ReportOf::Chain(chain)) => super::printer::json(&json::chain(chain, now)),
        (ReportForm::Junit, ReportOf::Build(build)) => {
            junit::suites(&build.build.chain, std::slice::from_ref(&**build), now)
        }
        (ReportForm::Junit, ReportOf::Chain(chain)) => junit::suites(&chain.chain, &chain.builds, now),
        (ReportForm::Markdown, ReportOf::Build(build)) => markdown::build(build, now),
        (ReportForm::Markdown, ReportOf::Chain(chain)) => markdown::chain(chain, now),
    }
}

/// What stands where a time, a duration or a cause is not known.
const UNKNOWN: &str = "–";
/// Of a log no more than so many lines are shown to people; programs get all.
const LOG_LINES: usize = 200;

/// A time as people read it; the server's zone is UTC, and so is this.
fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A duration as kubectl says it.
fn length(took: Option<SignedDuration>) -> String {
    let from = Timestamp::UNIX_EPOCH;
    let to = took.and_then(|took| from.checked_add(took).ok()).filter(|to| *to >= from);
    to.map_or_else(|| UNKNOWN.to_owned(), |to| age::human(from, to))
}

/// How a build ended, else where it is.
fn outcome(it: &ReportedBuild) -> &'static str {
    it.build.verdict.map_or_else(|| it.build.phase_shown().as_str(), |verdict| verdict.as_str())
}

/// How long it took, or has taken until now.
fn took(it: &ReportedBuild, now: Timestamp) -> Option<SignedDuration> {
    if it.build.verdict.is_some() {
        return it.took();
    }
    let (from, to) = it.build.duration(now)?;
    Some(to.duration_since(from)).filter(|took| !took.is_negative())
}

/// Why a build ended as it did, or what it waits for.
fn why(build: &Build) -> Option<&str> {
    build.cause.as_deref().or(build.waiting.as_deref())
}

/// A table of a report: its title, what stands above its columns, and its rows.
struct Grid {
    title: &'static str,
    headers: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

/// What the namespace of a build holds, without what there is nothing of.
fn grids(it: &Contents) -> Vec<Grid> {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| UNKNOWN.to_owned());
    let support = it.support.iter().map(|it| {
        let remembered = it.remembered.map_or_else(|| UNKNOWN.to_owned(), |count| count.to_string());
        let workload = format!("{}/{}", it.kind.as_str(), it.name);
        vec![workload, format!("{}/{}", it.ready, it.replicas), remembered, known(&it.why)]
    });
    let pods = it.pods.iter().map(|it| {
        let ready = format!("{}/{}", it.ready.0, it.ready.1);
        let status = it.status.clone();
        vec![
            it.name.clone(),
            ready,
            status,
            it.restarts.to_string(),
            known(&it.controlled_by),
            known(&it.why),
        ]
    });
    let sights = it.sights.iter().map(|it| {
        let kind = if it.warns { "Warning" } else { "Normal" };
        let at = it.at.map_or_else(|| UNKNOWN.to_owned(), clock);
        vec![at, kind.to_owned(), it.reason.clone(), it.object.clone(), it.message.clone()]
    });
    let grids = [
        Grid {
            title: "Support",
            headers: &["Workload", "Ready", "Scaled up", "Why"],
            rows: support.collect(),
        },
        Grid {
            title: "Pods",
            headers: &["Pod", "Ready", "Status", "Restarts", "Controlled by", "Why"],
            rows: pods.collect(),
        },
        Grid {
            title: "Latest events",
            headers: &["Last seen", "Type", "Reason", "Object", "Message"],
            rows: sights.collect(),
        },
    ];
    grids.into_iter().filter(|grid| !grid.rows.is_empty()).collect()
}

/// What is known of a build, by what it is called.
fn facts(it: &ReportedBuild, now: Timestamp) -> Vec<(&'static str, String)> {
    let build = &it.build;
    let version = build.version.as_ref();
    let pushed = build.times.get(&Phase::Triggered).copied();
    let namespace = match build.namespace.as_str() {
        "" => None,
        name if it.gone => Some(format!("{name} (gone)")),
        name => Some(name.to_owned()),
    };
    let facts = [
        ("Chain", Some(format!("{}, {}", build.chain, in_words(build.generation)))),
        ("Retry of", build.retry_of.clone()),
        ("Namespace", namespace),
        ("Image", build.image.clone()),
        ("Tag", version.map(|version| version.tag.clone())),
        ("Digest", version.and_then(|version| Some(version.digest()?.as_str().to_owned()))),
        ("Revision", build.revision.clone()),
        (if build.is_side() { "Begun" } else { "Pushed" }, pushed.map(clock)),
        ("Ended", it.ended().map(clock)),
        ("Took", took(it, now).map(|took| length(Some(took)))),
        ("Next build", build.successor.clone()),
        ("Dispatch", build.dispatch_error.clone()),
        ("Result", it.unpublished.clone()),
    ];
    let facts = facts.into_iter().filter_map(|(name, fact)| Some((name, fact?)));
    facts.chain(build.reserved.iter().flat_map(reserved)).collect()
}

/// What builds have reserved, by what it is called.
fn reserved(it: &Reserved) -> Vec<(&'static str, String)> {
    let amounts =
        [("Reserved waiting", it.waiting.to_string()), ("Reserved building", it.building.to_string())];
    amounts
        .into_iter()
        .chain(it.missing.clone().map(|why| ("Reserved besides", format!("not known: {why}"))))
        .collect()
}

/// A phase that a build was in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PhaseRow {
    phase: Phase,
    from: Timestamp,
    /// None where it is not known, or where nothing follows.
    to: Option<Timestamp>,
}

impl PhaseRow {
    /// None also where clocks contradict each other.
    fn took(&self) -> Option<SignedDuration> {
        Some(self.to?.duration_since(self.from)).filter(|took| !took.is_negative())
    }
}

/// The phases that a build was in, each to the next that is known; that of a build without a verdict until now.
fn phases(build: &Build, now: Timestamp) -> Vec<PhaseRow> {
    let begun: Vec<(Phase, Timestamp)> = build.times.iter().map(|(phase, at)| (*phase, *at)).collect();
    let runs = build.verdict.is_none().then_some(now);
    let row = |(index, (phase, from)): (usize, &(Phase, Timestamp))| PhaseRow {
        phase: *phase,
        from: *from,
        to: begun.get(index + 1).map(|(_, to)| *to).or(runs),
    };
    begun.iter().enumerate().map(row).collect()
}

/// What to run to learn more. A name that no namespace can have is put into no command.
fn further(it: &ReportedBuild) -> Vec<String> {
    let (build, name) = (&it.build, &it.build.namespace);
    let mut commands = Vec::new();
    let named = names::label_fault(name, 63).is_none();
    if named && !it.gone {
        commands.push(format!("kubectl studioci status {name} -o wide"));
    }
    // what was kept, or what is written still
    let runs = !it.gone && build.verdict.is_none() && build.times.contains_key(&Phase::Building);
    if named && (runs || !it.logs.is_empty()) {
        commands.push(format!("kubectl studioci logs {name}"));
    }
    if named && !it.gone && build.phase == Phase::Finished && build.times.contains_key(&Phase::Preparing) {
        commands.push(format!("kubectl studioci scale up {name} --wait"));
    }
    if names::label_fault(&build.chain, names::CHAIN_NAME_MAX).is_none() {
        commands.push(format!("kubectl studioci report {}", build.chain));
    }
    commands
}

/// `12 of 15 builds passed (80 %), 2 Failed, 1 Errored; the median took 4m10s; 1 running; by hand besides: 2 Passed, 1 Failed`.
fn summary(chain: &ReportedChain) -> String {
    let tally = chain.tally();
    let mut text = match tally.pass_rate() {
        None => "No build has ended yet".to_owned(),
        Some(rate) => {
            let builds = if tally.ended == 1 { "build" } else { "builds" };
            format!("{} of {} {builds} passed ({rate} %)", tally.passed(), tally.ended)
        }
    };
    for (verdict, count) in tally.verdicts.iter().skip(usize::from(tally.passed() > 0)) {
        let _ = write!(text, ", {count} {verdict}");
    }
    if tally.median.is_some() {
        let _ = write!(text, "; the median took {}", length(tally.median));
    }
    if tally.running > 0 {
        let _ = write!(text, "; {} running", tally.running);
    }
    if let Some(hand) = chain.by_hand() {
        let ended = hand.verdicts.iter().map(|(verdict, count)| format!("{count} {verdict}"));
        let running = (hand.running > 0).then(|| format!("{} running", hand.running));
        let all: Vec<String> = ended.chain(running).collect();
        let _ = write!(text, "; by hand besides: {}", all.join(", "));
    }
    text
}

/// The last lines of a log as they are shown, and whether others stand before them.
fn shown(log: &str) -> (Vec<Cow<'_, str>>, bool) {
    let lines: Vec<&str> = log.lines().collect();
    let skip = lines.len().saturating_sub(LOG_LINES);
    (lines[skip..].iter().map(|line| plain(line)).collect(), skip > 0)
}

/// A line of a log without colours and whatever else steers a terminal; its tabs stay.
fn plain(line: &str) -> Cow<'_, str> {
    if !line.contains('\u{1b}') && !line.contains('\t') {
        return sanitise(line);
    }
    let mut rest = line;
    let mut bare = String::with_capacity(line.len());
    while let Some(at) = rest.find("\u{1b}[") {
        bare.push_str(&rest[..at]);
        let sequence = &rest[at + 2..];
        // ECMA-48, 5.4: parameters and intermediates, then one final byte
        let end = sequence.find(|c: char| !matches!(c, ' '..='?'));
        if let Some(end) = end.filter(|end| sequence[*end..].starts_with(|c| matches!(c, '@'..='~'))) {
            rest = &sequence[end + 1..];
        } else {
            bare.push('\u{1b}');
            rest = &rest[at + 1..];
        }
    }
    bare.push_str(rest);
    Cow::Owned(bare.split('\t').map(sanitise).collect::<Vec<_>>().join("\t"))
}

#[cfg(test)]
mod tests;
