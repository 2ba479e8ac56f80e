//! `__complete`: what may come next on a command line, in the protocol of cobra's own hidden verb of that name, which
//! kubectl speaks with its plugins. Hidden: only the scripts of `completion` call it.
//!
//! A line for each word, with what is told of it behind a tab, and `:` with cobra's directive as the last one. A shell
//! stands still meanwhile, and a person has asked for nothing: so it never fails, never asks and never warns.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;

use clap::{Args, Command, FromArgMatches as _};

use super::candidates::{Beyond, Candidate, Completion};
use super::connection::ConnectionArgs;
use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::{CALLED, VerbFuture};
use crate::chain::build::Build;
use crate::chain::side::in_words;
use crate::chain::wire;
use crate::cluster::{Cluster, KubeconfigNames, Options};
use crate::{local, ops};

/// The verb.
pub const VERB: &str = "__complete";

/// `ShellCompDirectiveNoFileComp`: files are no answer.
const NO_FILES: &str = ":4\n";
/// `ShellCompDirectiveDefault`: files are one.
const FILES: &str = ":0\n";

/// Say what may come next on a command line
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct CompleteArgs {
    /// The words up to the one that is completed, which may be empty
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<OsString>,
}

pub(super) fn run(
    args: &CompleteArgs,
    ctx: &mut Ctx,
    block_on: impl FnOnce(VerbFuture<'_>) -> Result<ExitKind, Failure>,
) -> Result<ExitKind, Failure> {
    // whatever gives credentials asks nobody, not even by the terminal itself
    local::terminal::leave();
    let words: Vec<String> = args.words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut completion = Completion::of(&words);
    let options = Options { interactive: false, ..connection(&completion.connection).options(&ctx.settings) };
    let names = || KubeconfigNames::of(&options).unwrap_or_default();
    let bare = |names: Vec<String>| names.into_iter().map(|name| Candidate::new(name, "")).collect();
    let more: Vec<Candidate> = match completion.beyond {
        Beyond::Nothing | Beyond::Files => Vec::new(),
        Beyond::Contexts => bare(names().contexts),
        Beyond::Clusters => bare(names().clusters),
        Beyond::Users => bare(names().users),
        Beyond::Chains | Beyond::ChainsAndBuilds | Beyond::Builds | Beyond::Namespaces => {
            let mut builds = Vec::new();
            let asked = async {
                builds = ops::complete::complete(&Cluster::connect(&options)?).await?;
                Ok(ExitKind::Done)
            };
            // who cannot be asked knows nothing
            let _ = block_on(Box::pin(asked));
            known(&builds, completion.beyond)
        }
    };
    completion.add(more);
    ctx.console.data(&told(&completion))?;
    Ok(ExitKind::Done)
}

/// What words say of the connection, though the last of them may want a value yet.
fn connection(words: &[String]) -> ConnectionArgs {
    let flags = ConnectionArgs::augment_args(Command::new(CALLED)).ignore_errors(true);
    let words = std::iter::once(CALLED).chain(words.iter().map(String::as_str));
    let matches = flags.try_get_matches_from(words).ok();
    matches.and_then(|matches| ConnectionArgs::from_arg_matches(&matches).ok()).unwrap_or_default()
}

/// What these builds come to where a chain, a build or a namespace is meant.
fn known(builds: &[Build], beyond: Beyond) -> Vec<Candidate> {
    let there = || builds.iter().filter(|build| !build.terminating);
    let mut chains: BTreeMap<&str, &Build> = BTreeMap::new();
    for build in there().filter(|build| build.chain != wire::CLAIM_CHAIN) {
        let newest = chains.entry(&build.chain).or_insert(build);
        // of a chain the last verdict counts, and where there is none yet, what it does
        let rank = |build: &Build| (!build.is_side(), build.verdict.is_some(), build.generation);
        if rank(build) > rank(newest) {
            *newest = build;
        }
    }
    let chains = chains.into_iter().map(|(chain, newest)| match newest.verdict {
        Some(verdict) => Candidate::new(chain, &format!("last build {verdict}")),
        None => Candidate::new(chain, &newest.phase.to_string()),
    });
    let named = there().filter(|build| beyond == Beyond::Namespaces || build.chain != wire::CLAIM_CHAIN);
    let builds = named.map(|build| {
        let state = build.verdict.map_or_else(|| build.phase.to_string(), |verdict| verdict.to_string());
        let told = match build.chain.as_str() {
            wire::CLAIM_CHAIN => "claim".to_owned(),
            chain => format!("{state}, {} of {chain}", in_words(build.generation)),
        };
        Candidate::new(&build.namespace, &told)
    });
    match beyond {
        Beyond::Chains => chains.collect(),
        Beyond::Builds | Beyond::Namespaces => builds.collect(),
        _ => chains.chain(builds).collect(),
    }
}

/// The lines of the protocol.
fn told(completion: &Completion) -> String {
    let mut lines = String::new();
    for Candidate { word, told } in &completion.candidates {
        let _ = match told.as_str() {
            "" => writeln!(lines, "{word}"),
            told => writeln!(lines, "{word}\t{told}"),
        };
    }
    lines.push_str(if completion.beyond == Beyond::Files { FILES } else { NO_FILES });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::build::{Map, NamespaceView};

    fn build(namespace: &str, labels: &[(&str, &str)], generation: &str) -> Build {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Map>()
        };
        let verdict = labels.iter().find(|(key, _)| *key == wire::VERDICT).copied();
        let mut told = vec![(wire::OWNER, "o"), (wire::CHAIN_UUID, "c"), (wire::GENERATION, generation)];
        told.extend(verdict);
        Build::read(NamespaceView {
            namespace,
            uid: "u",
            resource_version: "1",
            created: None,
            terminating: namespace.ends_with("-going"),
            labels: &map(labels),
            annotations: &map(&told),
        })
        .unwrap()
    }

    fn builds() -> Vec<Build> {
        let of = |chain, phase| [(wire::CHAIN, chain), (wire::PHASE, phase)];
        let ended =
            |verdict| [("x", ""), (wire::CHAIN, "main"), (wire::PHASE, "Finished"), (wire::VERDICT, verdict)];
        vec![
            build("ci-b", &ended("Failed"), "2"),
            build("ci-a", &ended("Passed"), "1"),
            build("ci-c", &of("main", "Listening"), "3"),
            build("ci-going", &of("gone", "Listening"), "1"),
            build("mine", &of(wire::CLAIM_CHAIN, "Claimed"), "0"),
            build("new-a", &of("new", "Listening"), "1"),
        ]
    }

    fn said(beyond: Beyond) -> String {
        let mut completion = Completion::of(&["status".to_owned(), String::new()]);
        completion.add(known(&builds(), beyond));
        super::told(&completion).replace('\t', " > ")
    }

    #[test]
    fn a_chain_is_told_by_its_last_verdict_and_a_build_by_its_own() {
        insta::assert_snapshot!(said(Beyond::ChainsAndBuilds), @r"
        main > last build Failed
        new > Listening
        ci-b > Failed, generation 2 of main
        ci-a > Passed, generation 1 of main
        ci-c > Listening, generation 3 of main
        new-a > Listening, generation 1 of new
        :4
        ");
        insta::assert_snapshot!(said(Beyond::Chains), @r"
        main > last build Failed
        new > Listening
        :4
        ");
    }

    #[test]
    fn a_bare_claim_is_a_namespace_and_neither_chain_nor_build() {
        let namespaces = said(Beyond::Namespaces);
        assert!(namespaces.contains("mine > claim\n") && !namespaces.contains("ci-going"), "{namespaces}");
        assert!(!said(Beyond::ChainsAndBuilds).contains("mine"));
    }

    #[test]
    fn the_connection_is_the_one_that_the_words_name() {
        let context = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            connection(&Completion::of(&words).connection).context
        };
        for line in [
            "status --context far ",
            "--context far status ",
            "--context=far scale ",
            "scale up --context far --nonsense ",
            "stop --context far --context=",
            "cleanup --keep nonsense --context far ",
            "logs -fc build --context far --since ",
        ] {
            assert_eq!(context(line).as_deref(), Some("far"), "{line}");
        }
        for line in ["", "status ", "status --context ", "status --context far"] {
            assert_eq!(context(line), None, "{line}");
        }
    }

    #[test]
    fn files_are_left_to_the_shell() {
        let words = ["start", "-f", ""].map(str::to_owned);
        assert_eq!(super::told(&Completion::of(&words)), ":0\n");
    }
}
