//! What a report tells: of a build, what its Namespace or home's history says of it and what was kept besides; of a chain, its
//! builds and what they come to.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::build::{Build, Phase, Verdict};
use super::contents::Contents;
use super::masking::Masking;
use super::outbox::of_history;
use super::record::{Entry, Exit};
use super::reserved::Reserved;
use super::side::in_words;

/// What is told of.
#[derive(Debug, Clone, PartialEq)]
pub enum ReportOf {
    /// A build.
    Build(Box<ReportedBuild>),
    /// A chain.
    Chain(ReportedChain),
}

/// A build, and what was kept of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedBuild {
    /// The build. Of one whose namespace is gone, what history tells.
    pub build: Build,
    /// Whether its namespace is gone.
    pub gone: bool,
    /// How its containers ended.
    pub exits: Vec<Exit>,
    /// The events that decided, newest last.
    pub events: Vec<String>,
    /// What its namespace holds now.
    pub contents: Contents,
    /// The end of its log.
    pub logs: Vec<ReportedLog>,
    /// Why its result did not get to whom the chain tells of its builds.
    pub unpublished: Option<String>,
}

/// The end of what a container wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedLog {
    /// The container.
    pub container: String,
    /// What it wrote.
    pub text: String,
    /// Whether something is missing before it.
    pub cut: bool,
}

impl ReportedBuild {
    /// A build whose namespace is there, with what history has of it.
    pub fn there(mut build: Build, entry: Option<&Entry>) -> Self {
        let mut it = Self {
            gone: false,
            exits: Vec::new(),
            events: Vec::new(),
            contents: Contents::default(),
            logs: Vec::new(),
            unpublished: None,
            build: build.clone(),
        };
        if let Some(entry) = entry {
            // home is written first: an agent may have died in between
            let of_history = of_history(entry, &build.chain, &build.chain_uuid);
            build.verdict = build.verdict.or(of_history.verdict);
            build.cause = build.cause.or(of_history.cause);
            build.image = build.image.or(of_history.image);
            build.version = build.version.or(of_history.version);
            build.revision = build.revision.or(of_history.revision);
            build.reserved = build.reserved.or(of_history.reserved);
            for (phase, at) in of_history.times {
                build.times.entry(phase).or_insert(at);
            }
            it.exits.clone_from(&entry.exits);
            it.events.clone_from(&entry.events);
        }
        Self { build, ..it }
    }

    /// A build of which history alone is left.
    pub fn gone(entry: &Entry, chain: &str, chain_uuid: &str) -> Self {
        Self { gone: true, ..Self::there(of_history(entry, chain, chain_uuid), Some(entry)) }
    }

    /// Its namespace's name, which is its own; where history does not know it, its generation.
    pub fn name(&self) -> String {
        match self.build.namespace.as_str() {
            "" => in_words(self.build.generation),
            name => name.to_owned(),
        }
    }

    /// From the push being seen to the verdict; none where one of both is not known, or where clocks contradict each other.
    pub fn took(&self) -> Option<SignedDuration> {
        self.build.verdict?;
        let (from, to) = self.build.duration(Timestamp::MIN)?;
        Some(to.duration_since(from)).filter(|took| !took.is_negative())
    }

    /// When it ended.
    pub fn ended(&self) -> Option<Timestamp> {
        let times = &self.build.times;
        times.get(&Phase::Recorded).or_else(|| times.get(&Phase::Finished)).copied()
    }

    /// The same without these values, wherever others have the say.
    pub fn mask(&mut self, masking: &Masking) {
        let build = &mut self.build;
        let told = [
            &mut build.cause,
            &mut build.waiting,
            &mut build.dispatch_error,
            &mut build.revision,
            &mut self.unpublished,
        ];
        let told = told.into_iter().filter_map(Option::as_mut).chain(&mut self.events);
        let exits = self.exits.iter_mut().filter_map(|exit| exit.reason.as_mut());
        let logs = self.logs.iter_mut().map(|log| &mut log.text);
        let contents = self.contents.texts();
        told.chain(exits).chain(logs).chain(contents).for_each(|text| *text = masking.text(text));
    }
}

/// A chain's builds.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedChain {
    /// Its name.
    pub chain: String,
    /// When and by whom it was ended, in words.
    pub ended: Option<String>,
    /// Its builds from the push on, the newest first. Those that were asked for by hand come before, from their claim on.
    pub builds: Vec<ReportedBuild>,
}

/// What builds come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many ended with each verdict.
    pub verdicts: BTreeMap<Verdict, usize>,
    /// How many ended.
    pub ended: usize,
    /// How many have not yet.
    pub running: usize,
    /// The median of how long they took.
    pub median: Option<SignedDuration>,
}

/// The middle of them; of an even number, the middle between both that are.
pub fn median(mut took: Vec<SignedDuration>) -> Option<SignedDuration> {
    took.sort_unstable();
    let middle = took.len() / 2;
    took.get(middle).map(|upper| match took.len() % 2 {
        1 => *upper,
        _ => (took[middle - 1] + *upper) / 2,
    })
}

impl Tally {
    fn of<'a>(builds: impl Iterator<Item = &'a ReportedBuild>) -> Self {
        let (mut tally, mut took) = (Self::default(), Vec::new());
        for it in builds {
            match it.build.verdict {
                Some(verdict) => *tally.verdicts.entry(verdict).or_default() += 1,
                None => tally.running += 1,
            }
            took.extend(it.took());
        }
        tally.ended = tally.verdicts.values().sum();
        tally.median = median(took);
        tally
    }

    /// Of those that ended, how many passed, in percent, rounded down: 100 means all.
    pub fn pass_rate(&self) -> Option<usize> {
        (self.passed() * 100).checked_div(self.ended)
    }

    /// How many passed.
    pub fn passed(&self) -> usize {
        self.verdicts.get(&Verdict::Passed).copied().unwrap_or_default()
    }
}

impl ReportedChain {
    /// A chain by its history, and by its namespaces that are there; listeners that wait are no builds yet, whereas what was asked for
    /// by hand is one that waits.
    pub fn of(chain: &str, uuid: &str, history: &[Entry], there: Vec<Build>) -> Self {
        let mut there: BTreeMap<String, Build> =
            there.into_iter().map(|build| (build.uid.clone(), build)).collect();
        let recorded = history.iter().map(|entry| match there.remove(&entry.uid) {
            Some(build) => ReportedBuild::there(build, Some(entry)),
            None => ReportedBuild::gone(entry, chain, uuid),
        });
        let mut builds: Vec<ReportedBuild> = recorded.collect();
        let running = there.into_values().filter(|build| build.phase >= Phase::Triggered || build.is_side());
        builds.extend(running.map(|build| ReportedBuild::there(build, None)));
        builds.sort_by_key(|it| std::cmp::Reverse(it.build.generation));
        Self { chain: chain.to_owned(), ended: None, builds }
    }

    /// What pushes have come to.
    pub fn tally(&self) -> Tally {
        Tally::of(self.builds.iter().filter(|it| !it.build.is_side()))
    }

    /// What was built by hand, which says nothing of pushes; none where nothing was.
    pub fn by_hand(&self) -> Option<Tally> {
        let mut sides = self.builds.iter().filter(|it| it.build.is_side()).peekable();
        sides.peek().is_some().then(|| Tally::of(sides))
    }

    /// What all that ended have reserved, as far as that is known.
    pub fn reserved(&self) -> Option<Reserved> {
        let ended = self.builds.iter().filter(|it| it.build.verdict.is_some());
        Reserved::sum(ended.map(|it| it.build.reserved.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::contents::Sight;
    use crate::chain::{side, wire};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn entry(generation: u64, verdict: &str, times: &[(&str, i64)]) -> Entry {
        Entry {
            generation,
            namespace: format!("ci-{generation}"),
            uid: format!("uid-of-ci-{generation}"),
            verdict: verdict.to_owned(),
            cause: "so".to_owned(),
            image: Some("r.example/app".to_owned()),
            version: Some("build-1".to_owned()),
            revision: None,
            times: times.iter().map(|(phase, second)| ((*phase).to_owned(), at(*second))).collect(),
            exits: Vec::new(),
            retry_of: None,
            text: None,
            log_kept: false,
            reserved: None,
            events: Vec::new(),
        }
    }

    fn took(generation: u64, verdict: &str, seconds: i64) -> Entry {
        entry(generation, verdict, &[("triggered", 100), ("recorded", 100 + seconds)])
    }

    #[test]
    fn the_median_is_the_middle_of_what_is_known_and_the_pass_rate_is_of_all_that_ended() {
        let of = |entries: &[Entry]| ReportedChain::of("app", "c", entries, Vec::new()).tally();
        let none = of(&[]);
        assert_eq!((none.pass_rate(), none.median, none.ended), (None, None, 0));
        let odd = of(&[took(1, "Passed", 10), took(2, "Failed", 90), took(3, "Errored", 20)]);
        assert_eq!((odd.pass_rate(), odd.median), (Some(33), Some(SignedDuration::from_secs(20))));
        let even = of(&[took(1, "Passed", 10), took(2, "Passed", 20)]);
        assert_eq!((even.pass_rate(), even.median), (Some(100), Some(SignedDuration::from_secs(15))));
        // without a push, or with clocks that contradict each other, there is no duration
        let some = of(&[
            took(1, "Passed", 10),
            entry(2, "Errored", &[("recorded", 5000)]),
            took(3, "Failed", -7),
            entry(4, "Errored", &[]),
            took(5, "Dreamt", 1000),
        ]);
        assert_eq!((some.ended, some.passed(), some.median), (4, 1, Some(SignedDuration::from_secs(10))));
    }

    #[test]
    fn what_was_built_by_hand_is_no_push_and_counts_apart_from_its_claim_on() {
        let number = |number: u64| (side::FIRST + number).to_string();
        let hand =
            |name: &str, phase, of: u64| Build::played(name, phase, &[(wire::GENERATION, &number(of))]);
        let entries = [
            took(1, "Passed", 10),
            took(2, "Failed", 20),
            took(side::FIRST, "Failed", 90),
            took(side::FIRST + 1, "Passed", 70),
            took(side::FIRST + 2, "Passed", 80),
        ];
        let there = vec![
            hand("ci-waits", Phase::Claimed, 3),
            hand("ci-hears", Phase::Listening, 4),
            hand("ci-builds", Phase::Building, 5),
            Build::played("ci-4", Phase::Building, &[]),
        ];
        let chain = ReportedChain::of("app", "c", &entries, there);
        let shown: Vec<u64> = chain.builds.iter().map(|it| it.build.generation).collect();
        assert_eq!(shown[..3], [5, 4, 3].map(|number| side::FIRST + number), "those that wait are told of");
        let (pushes, hand) = (chain.tally(), chain.by_hand().unwrap());
        let told =
            |tally: &Tally| (tally.passed(), tally.ended, tally.running, tally.median.unwrap().as_secs());
        assert_eq!((told(&pushes), told(&hand)), ((1, 2, 1, 15), (2, 3, 3, 80)));
        assert_eq!(pushes.pass_rate(), Some(50));
        // only by hand, and only pushes
        let only = ReportedChain::of("app", "c", &entries[2..], Vec::new());
        assert_eq!((only.tally().pass_rate(), only.by_hand().unwrap().ended), (None, 3));
        assert_eq!(ReportedChain::of("app", "c", &entries[..2], Vec::new()).by_hand(), None);
    }

    #[test]
    fn a_build_is_what_its_namespace_says_and_where_that_is_silent_what_history_says() {
        let there = Build::played(
            "ci-4",
            Phase::Building,
            &[(wire::TAG, "build-4"), ("studioci.dev/at-triggered", "1970-01-01T00:00:07Z")],
        );
        let mut kept = entry(4, "Failed", &[("triggered", 5), ("building", 8), ("recorded", 9)]);
        kept.events = vec!["BackOff".to_owned()];
        let it = ReportedBuild::there(there, Some(&kept));
        assert_eq!(
            (it.build.verdict, it.build.cause.as_deref(), it.gone),
            (Some(Verdict::Failed), Some("so"), false)
        );
        assert_eq!(it.build.version.as_ref().unwrap().tag, "build-4", "the namespace's own word");
        assert_eq!(it.build.times[&Phase::Triggered], at(7));
        assert_eq!(
            (it.build.times.len(), it.events.len(), it.took()),
            (3, 1, Some(SignedDuration::from_secs(2)))
        );
    }

    #[test]
    fn a_chain_is_its_history_and_what_runs_the_newest_first_and_a_name_that_was_drawn_twice_is_two() {
        let running = Build::played("ci-4", Phase::Building, &[]);
        let mut waiting = Build::played("ci-5", Phase::Listening, &[]);
        waiting.generation = 5;
        let mut again = entry(2, "Passed", &[]);
        again.namespace = "ci-3".to_owned();
        let entries = [entry(1, "Passed", &[]), again, entry(3, "Failed", &[])];
        let mut third = Build::played("ci-3", Phase::Finished, &[(wire::VERDICT, "Failed")]);
        third.generation = 3;
        let chain = ReportedChain::of("app", "c", &entries, vec![waiting, running, third]);
        let seen: Vec<(u64, bool)> = chain.builds.iter().map(|it| (it.build.generation, it.gone)).collect();
        assert_eq!(seen, [(4, false), (3, false), (2, true), (1, true)]);
    }

    #[test]
    fn no_value_of_the_chains_secret_is_told_wherever_others_have_the_say() {
        let secret = "hunter22";
        let mut it = ReportedBuild::gone(&entry(1, "Failed", &[]), "app", "c");
        let text = || format!("it says {secret}");
        it.build.cause = Some(text());
        it.build.waiting = Some(text());
        it.build.dispatch_error = Some(text());
        it.build.revision = Some(secret.to_owned());
        it.unpublished = Some(text());
        it.events = vec![text()];
        it.exits = vec![Exit { container: "build".to_owned(), code: 1, reason: Some(text()) }];
        it.logs = vec![ReportedLog { container: "build".to_owned(), text: text(), cut: false }];
        it.contents.add_sights(
            vec![Sight { at: None, warns: true, reason: text(), object: text(), message: text() }],
            false,
        );
        it.mask(&Masking::of([secret]));
        assert!(!format!("{it:?}").contains(secret), "{it:?}");
    }
}
