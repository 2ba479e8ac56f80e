//! What an operation tells, in kubectl's words: what was done on stdout, all else on stderr.

use std::cell::RefCell;
use std::io;

use super::console::Console;
use super::result::{Operation, ResultLine};
use crate::chain::retention::StayReason;
use crate::chain::wire;
use crate::state::DryRun;
use crate::state::narration::Narration;

/// How many namespaces that stay for one reason are named.
const NAMED: usize = 10;
/// How many findings are told of; somebody may have made any number of namespaces that look like ours.
const FINDINGS: usize = 5;

/// Says what one operation tells.
pub struct Narrator<'a>(RefCell<NarratorState<'a>>);

struct NarratorState<'a> {
    console: &'a mut Console,
    chain: String,
    dry_run: DryRun,
    ignore_missing: bool,
    gathers: bool,
    only_names: bool,
    staying: Vec<(StayReason, Vec<String>)>,
    told: bool,
    broken: Option<io::Error>,
}

impl<'a> Narrator<'a> {
    /// Says each thing at once.
    pub fn of(console: &'a mut Console) -> Self {
        Self(RefCell::new(NarratorState {
            console,
            chain: String::new(),
            dry_run: DryRun::None,
            ignore_missing: false,
            gathers: false,
            only_names: false,
            staying: Vec::new(),
            told: false,
            broken: None,
        }))
    }

    /// Of this chain.
    #[must_use]
    pub fn of_chain(self, chain: &str) -> Self {
        chain.clone_into(&mut self.0.borrow_mut().chain);
        self
    }

    /// Of many namespaces: what stays is told at the end, a line for each reason. `ignore_missing`: those that are not there
    /// are no word worth.
    #[must_use]
    pub fn of_many(self, dry_run: DryRun, ignore_missing: bool) -> Self {
        {
            let mut state = self.0.borrow_mut();
            (state.dry_run, state.ignore_missing, state.gathers) = (dry_run, ignore_missing, true);
        }
        self
    }

    /// Of what is deleted the names alone.
    #[must_use]
    pub fn only_names(self, only: bool) -> Self {
        self.0.borrow_mut().only_names = only;
        self
    }

    /// Says one thing. What cannot be written is kept for [`Self::finish`].
    pub fn say(&self, narration: &Narration<'_>) {
        let mut state = self.0.borrow_mut();
        state.told = true;
        if let Err(error) = state.say(narration) {
            state.broken.get_or_insert(error);
        }
    }

    /// Says what was gathered. Whether anything was told.
    ///
    /// # Errors
    /// The first line that could not be written.
    pub fn finish(self) -> io::Result<bool> {
        let mut state = self.0.into_inner();
        let mut findings = 0;
        let mut untold = 0;
        for (why, names) in std::mem::take(&mut state.staying) {
            findings += usize::from(why.finding);
            if why.finding && findings > FINDINGS {
                untold += names.len();
                continue;
            }
            let subject = match &names[..] {
                [one] => format!("namespace {one}"),
                [some @ .., _] if names.len() > NAMED => {
                    let more = names.len() - NAMED;
                    format!("each of namespaces {} and {more} more", some[..NAMED].join(", "))
                }
                all => format!("each of namespaces {}", all.join(", ")),
            };
            state.stays(&subject, &why);
        }
        if untold > 0 {
            let s = if untold == 1 { " stays" } else { "s stay" };
            state.console.warning(&format!(
                "{untold} more namespace{s} that cannot be judged, or are not provably ours; kubectl studioci cleanup NAME \
                 --dry-run=server explains one, kubectl studioci doctor all"
            ));
        }
        state.broken.map_or(Ok(state.told), Err)
    }
}

/// A sentence for a diary; none for what is no sentence.
pub fn sentence(narration: &Narration<'_>) -> Option<String> {
    match narration {
        Narration::Progress(sentence) => Some(sentence.clone()),
        Narration::Warning(sentence) => Some(format!("Warning: {sentence}")),
        _ => None,
    }
}

impl NarratorState<'_> {
    fn say(&mut self, narration: &Narration<'_>) -> io::Result<()> {
        match narration {
            Narration::Progress(sentence) => self.console.talk(sentence),
            Narration::Warning(sentence) => self.console.warning(sentence),
            Narration::Ended(now) => {
                let word = if *now { "ended" } else { "unchanged" };
                return self.console.event(&format!("chain/{} {word}", self.chain));
            }
            Narration::Deleted(name) => return self.deleted("namespace", "", name, None),
            Narration::Going(name) => {
                self.console.talk(&format!("namespace {name} is being deleted already"));
            }
            Narration::Stays(name, why) if self.gathers => self.gather(name, why),
            Narration::Stays(name, why) => self.stays(&format!("namespace {name}"), why),
            Narration::Missing(_) if self.ignore_missing => {}
            Narration::Missing(name) => {
                self.console.talk(&format!("Error from server (NotFound): namespaces \"{name}\" not found"));
            }
            Narration::Failed(name, error) => {
                self.console.talk(&format!("error: namespace {name}: {error}"));
            }
            Narration::Repaired(resource, name, what) => {
                let dry_run = if self.dry_run.is_dry() { " (dry run)" } else { "" };
                return self.console.event(&format!("{} repaired: {what}{dry_run}", resource.object(name)));
            }
            Narration::Unrepaired(resource, name, error) => {
                self.console.talk(&format!("error: {} is not repaired: {error}", resource.object(name)));
                if let Some((_, remedy)) = error.advice() {
                    self.console.talk(&format!("remedy: {remedy}"));
                }
            }
            Narration::Forgotten(resource, name) => {
                let kind = resource.kind.to_ascii_lowercase();
                return self.deleted(&kind, resource.group, name, Some(wire::HOME));
            }
        }
        Ok(())
    }

    fn deleted(&mut self, kind: &str, group: &str, name: &str, namespace: Option<&str>) -> io::Result<()> {
        let (operation, dry_run) = (Operation::Deleted, self.dry_run);
        let line = ResultLine { kind, group, name, namespace, operation, dry_run };
        self.console.event(&if self.only_names { line.object() } else { line.to_string() })
    }

    fn stays(&mut self, subject: &str, why: &StayReason) {
        let line = format!("{subject} stays: {}", why.sentence);
        if why.finding { self.console.warning(&line) } else { self.console.talk(&line) }
    }

    fn gather(&mut self, name: &str, why: &StayReason) {
        match self.staying.iter_mut().find(|(known, _)| known == why) {
            Some((_, names)) => names.push(name.to_owned()),
            None => self.staying.push((why.clone(), vec![name.to_owned()])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::resource as kind;
    use crate::output::console::StreamStyle;

    fn said(all: &[Narration<'_>], how: impl FnOnce(Narrator<'_>) -> Narrator<'_>) -> (String, String) {
        let (mut console, captured) = Console::captured(StreamStyle::default(), StreamStyle::default());
        let narrator = how(Narrator::of(&mut console));
        for one in all {
            narrator.say(one);
        }
        assert_eq!(narrator.finish().unwrap(), !all.is_empty());
        (captured.out(), captured.err())
    }

    #[test]
    fn words_of_a_cleanup_are_kubectls() {
        let finding = StayReason { sentence: "it is not ours".to_owned(), finding: true };
        let young = StayReason { sentence: "it ended just now".to_owned(), finding: false };
        let all = [
            Narration::Deleted("a"),
            Narration::Going("b"),
            Narration::Stays("c", &finding),
            Narration::Stays("d", &young),
            Narration::Stays("f", &finding),
            Narration::Stays("g", &finding),
            Narration::Missing("e"),
        ];
        let of = |dry_run, ignore| said(&all, |it| it.of_many(dry_run, ignore));
        let (out, err) = of(DryRun::None, false);
        assert_eq!(out, "namespace \"a\" deleted\n");
        assert_eq!(
            err,
            "namespace b is being deleted already\nError from server (NotFound): namespaces \"e\" not found\nWarning: each of \
             namespaces c, f, g stays: it is not ours\nnamespace d stays: it ended just now\n"
        );
        assert_eq!(said(&all, |it| it.of_many(DryRun::None, false).only_names(true)).0, "namespace/a\n");
        assert_eq!(of(DryRun::Client, false).0, "namespace \"a\" deleted (dry run)\n");
        let (out, err) = of(DryRun::Server, true);
        assert_eq!(out, "namespace \"a\" deleted (server dry run)\n");
        assert!(!err.contains("NotFound"), "{err}");
    }

    #[test]
    fn words_of_a_chains_end_are_kubectls() {
        let why = StayReason { sentence: "it is not ours".to_owned(), finding: true };
        let all = [
            Narration::Ended(true),
            Narration::Ended(false),
            Narration::Progress("waiting".to_owned()),
            Narration::Deleted("ci-a"),
            Narration::Stays("ci-b", &why),
            Narration::Forgotten(&kind::ROLES, "chain-app"),
            Narration::Forgotten(&kind::CONFIG_MAPS, "record-app"),
        ];
        let (out, err) = said(&all, |it| it.of_chain("app"));
        assert_eq!(
            out,
            "chain/app ended\nchain/app unchanged\nnamespace \"ci-a\" deleted\n\
             role.rbac.authorization.k8s.io \"chain-app\" deleted from studioci namespace\n\
             configmap \"record-app\" deleted from studioci namespace\n"
        );
        assert_eq!(err, "waiting\nWarning: namespace ci-b stays: it is not ours\n");
    }

    #[test]
    fn of_very_many_that_stay_a_few_are_named() {
        let names: Vec<String> = (0..250).map(|at| format!("ci-{at}")).collect();
        let young = StayReason { sentence: "it ended just now".to_owned(), finding: false };
        let alike: Vec<Narration<'_>> = names.iter().map(|name| Narration::Stays(name, &young)).collect();
        let (_, err) = said(&alike, |it| it.of_many(DryRun::None, false));
        assert_eq!(
            err,
            "each of namespaces ci-0, ci-1, ci-2, ci-3, ci-4, ci-5, ci-6, ci-7, ci-8, ci-9 and 240 more stays: it ended just now\n"
        );
        let whys: Vec<StayReason> = (0..250)
            .map(|at| StayReason { sentence: format!("generation {at} has another uid"), finding: true })
            .collect();
        let each: Vec<Narration<'_>> =
            names.iter().zip(&whys).map(|(name, why)| Narration::Stays(name, why)).collect();
        let (_, err) = said(&each, |it| it.of_many(DryRun::None, false));
        assert_eq!(err.lines().count(), FINDINGS + 1, "{err}");
        assert!(err.contains("Warning: 245 more namespaces stay that cannot be judged"), "{err}");
    }
}
