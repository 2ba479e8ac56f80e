//! `status`: list builds, newest first.

use clap::Args;
use jiff::Timestamp;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::here::unless_named;
use super::output::{Sentence, Whole, unmatched};
use crate::ops;
use crate::ops::status::Overview;
use crate::output::console::Console;
use crate::output::status::{self, View};

/// List builds, newest first
///
/// Prints one row per build: what triggered it, how it ended, and why it stands still, if it does. If a chain or build is named, only that one is listed; without a name, in a checkout whose chain has builds, those of that chain, and else all.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # List the builds of this checkout's chain, or else all
  kubectl studioci status

  # List the builds of all chains
  kubectl studioci status -A

  # List the builds of one chain, with image and revision
  kubectl studioci status runner-main -o wide

  # Find failed builds in a script
  kubectl studioci status -o json | jq '.items[] | select(.status.verdict == \"Failed\")'")]
pub struct StatusArgs {
    /// Chain or build to show (default: the chain of this checkout, else all)
    #[arg(value_name = "CHAIN|BUILD")]
    pub name: Option<String>,
    /// List the builds of all chains
    #[arg(short = 'A', long, conflicts_with = "name")]
    pub all_chains: bool,
    /// Output format, one of: json, name, wide, yaml
    #[arg(short, long, value_name = "FORMAT", value_parser = form)]
    pub output: Option<Form>,
    /// Don't print headers
    #[arg(long)]
    pub no_headers: bool,
}

/// The forms that builds are shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A `BuildList`, JSON.
    Json,
    /// `namespace/NAME`, a line each.
    Name,
    /// The table with all its columns.
    Wide,
    /// A `BuildList`, YAML.
    Yaml,
}

fn form(text: &str) -> Result<Form, Sentence> {
    match text {
        "json" => Ok(Form::Json),
        "name" => Ok(Form::Name),
        "wide" => Ok(Form::Wide),
        "yaml" => Ok(Form::Yaml),
        _ => Err(unmatched(text, &["json", "name", "wide", "yaml"])),
    }
}

/// Shows builds as asked for. A build that was named is shown as one object, not as a list of one.
///
/// # Errors
/// A name that no chain and no build has, and what stdout says.
pub fn show(
    args: &StatusArgs,
    seen: &Overview,
    now: Timestamp,
    console: &mut Console,
) -> Result<(), Failure> {
    let view = View::new(status::select(&seen.builds, args.name.as_deref()), &seen.signs, now);
    let whole = |form: Whole| match view.builds() {
        [only] if args.name.as_deref() == Some(&only.namespace) => form.print(&view.object(only)),
        _ => form.print(&view.list()),
    };
    match (&args.name, args.output) {
        (Some(name), _) if view.is_empty() => {
            return Err(absent(seen, name));
        }
        (_, Some(Form::Json)) => console.data(&whole(Whole::Json))?,
        (_, Some(Form::Yaml)) => console.data(&whole(Whole::Yaml))?,
        (None, _) if view.is_empty() => console.talk(status::NOTHING_FOUND),
        (_, Some(Form::Name)) => view.names().try_for_each(|name| console.line(&name))?,
        (_, form) => console.data(&view.table(form == Some(Form::Wide)).render(!args.no_headers))?,
    }
    Ok(())
}

/// That nothing has this name is an answer; that its Namespace cannot be read is a failure.
fn absent(seen: &Overview, name: &str) -> Failure {
    let failure = Failure::from(seen.absent(name));
    let kind = if failure.kind == ExitKind::Usage { ExitKind::No } else { failure.kind };
    Failure { kind, ..failure }
}

#[expect(clippy::disallowed_methods, reason = "ages against a server that sends no date")]
pub(super) async fn run(args: StatusArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let cluster = ctx.connect()?;
    let here = if args.all_chains { None } else { unless_named(args.name.as_ref()) };
    let of_here = match &here {
        Some(chain) => ops::status::of_chain(&cluster, chain).await?,
        None => None,
    };
    let narrowed = here.filter(|_| of_here.is_some());
    let seen = match of_here {
        Some(seen) => seen,
        None => ops::status::status(&cluster, args.name.as_deref()).await?,
    };
    for warning in seen.warnings(args.name.as_deref()) {
        ctx.console.warning(&warning);
    }
    let now = seen.now.unwrap_or_else(Timestamp::now);
    show(&args, &seen, now, &mut ctx.console)?;
    if let Some(chain) = narrowed {
        ctx.console.talk(&format!(
            "these are the builds of chain {chain}, which is this checkout's; all: kubectl studioci status -A"
        ));
    }
    Ok(ExitKind::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::build::{Build, Map, NamespaceView};
    use crate::chain::wire;
    use crate::output::console::StreamStyle;

    fn builds() -> Vec<Build> {
        [("ci-a", "runner"), ("ci-b", "runner"), ("ci-c", "alone")]
            .into_iter()
            .map(|(namespace, chain)| {
                let map = |pairs: &[(&str, &str)]| {
                    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Map>()
                };
                let labels = map(&[(wire::CHAIN, chain), (wire::PHASE, "Listening")]);
                let told = map(&[(wire::OWNER, "o"), (wire::CHAIN_UUID, "c"), (wire::GENERATION, "1")]);
                Build::read(NamespaceView {
                    namespace,
                    uid: "u",
                    resource_version: "1",
                    created: Some(Timestamp::UNIX_EPOCH),
                    terminating: false,
                    labels: &labels,
                    annotations: &told,
                })
                .unwrap()
            })
            .collect()
    }

    /// Stdout, stderr and the failure.
    fn shown(
        builds: &[Build],
        name: Option<&str>,
        output: Option<Form>,
    ) -> (String, String, Option<Failure>) {
        let (mut console, captured) = Console::captured(StreamStyle::default(), StreamStyle::default());
        let seen = Overview { builds: builds.to_vec(), ..Overview::default() };
        let args = StatusArgs { name: name.map(str::to_owned), all_chains: false, output, no_headers: true };
        let failure = show(&args, &seen, Timestamp::UNIX_EPOCH, &mut console).err();
        (captured.out(), captured.err(), failure)
    }

    #[test]
    fn nothing_found_is_said_to_people_and_an_empty_list_to_programs() {
        for form in [None, Some(Form::Wide), Some(Form::Name)] {
            assert_eq!(shown(&[], None, form), (String::new(), "No resources found\n".to_owned(), None));
        }
        let (out, err, failure) = shown(&[], None, Some(Form::Json));
        assert!(out.contains("\"items\": []"), "{out}");
        assert_eq!((err.as_str(), failure), ("", None));
    }

    #[test]
    fn a_name_that_nobody_has_is_a_no() {
        for form in [None, Some(Form::Json)] {
            let (out, _, failure) = shown(&builds(), Some("nobody"), form);
            assert_eq!((out.as_str(), failure.unwrap().kind), ("", ExitKind::No));
        }
    }

    #[test]
    fn a_named_build_is_an_object_and_a_chain_is_a_list() {
        let kind = |name| {
            let (out, ..) = shown(&builds(), Some(name), Some(Form::Json));
            let value: serde_json::Value = serde_json::from_str(&out).unwrap();
            value["kind"].as_str().unwrap().to_owned()
        };
        assert_eq!(kind("ci-a"), "Build");
        assert_eq!(kind("runner"), "BuildList");
        assert_eq!(kind("alone"), "BuildList", "a chain of one build is a chain");
    }

    #[test]
    fn names_and_rows_are_lines() {
        let (out, ..) = shown(&builds(), Some("runner"), Some(Form::Name));
        assert_eq!(out, "namespace/ci-a\nnamespace/ci-b\n");
        assert_eq!(shown(&builds(), None, None).0.lines().count(), 3);
    }
}
