//! `status`: builds, the newest first.

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;
use jiff::Timestamp;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::output::{Sentence, Whole, unmatched};
use crate::ops;
use crate::output::printer;
use crate::output::status::{self, View};
use crate::chain::build::Build;
use crate::output::console::Console;
use crate::output::status::{self, View};

/// Show builds, the newest first
///
/// One row a build, with what triggered it, how it ended, and why it stands still where it does. A name shows that
/// chain or that build.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Every build
  kubectl studioci status

  # The builds of one chain, with image and revision
  kubectl studioci status runner-main -o wide

  # For a script
  kubectl studioci status -o json | jq '.items[] | select(.status.verdict == \"Failed\")'")]
pub struct StatusArgs {
    /// Chain or build to show; all without it
    #[arg(value_name = "CHAIN|BUILD")]
    pub name: Option<String>,
    /// Output format: json, name, wide or yaml
    #[arg(short, long, value_name = "FORMAT", value_parser = form)]
    pub output: Option<Form>,
    /// Leave the headers out
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
    builds: &[Build],
    troubles: &BTreeMap<String, String>,
    now: Timestamp,
    console: &mut Console,
) -> Result<(), Failure> {
    let view = View::new(status::select(builds, args.name.as_deref()), troubles, now);
    let whole = |form: Whole| match view.builds() {
        [only] if args.name.as_deref() == Some(&only.namespace) => form.print(&view.object(only)),
        _ => form.print(&view.list()),
    };
    match (&args.name, args.output) {
        (Some(name), _) if view.is_empty() => {
            return Err(Failure::new(ExitKind::No, format!("no chain and no build is named \"{name}\""))
                .remedy("`kubectl studioci status` shows all that there are"));
        }
        (_, Some(Form::Json)) => console.data(&whole(Whole::Json))?,
        (_, Some(Form::Yaml)) => console.data(&whole(Whole::Yaml))?,
        (None, _) if view.is_empty() => console.talk(status::NOTHING_FOUND),
        (_, Some(Form::Name)) => console.data(&view.names())?,
        (_, form) => console.data(&view.table(form == Some(Form::Wide)).render(!args.no_headers))?,
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "ages against a server that sends no date")]
pub(super) async fn run(args: StatusArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let cluster = ctx.connect()?;
    let seen = ops::status::status(&cluster, args.name.as_deref()).await?;
    for notice in &seen.notices {
        ctx.console.warning(notice);
    }
    let now = seen.now.unwrap_or_else(Timestamp::now);
    let view = View::new(status::select(&seen.builds, args.name.as_deref()), &seen.troubles, now);
    match args.output {
        Some(Form::Json) => ctx.console.data(&printer::json(&view.list()))?,
        Some(Form::Yaml) => ctx.console.data(&printer::yaml(&view.list()))?,
        Some(Form::Name) => ctx.console.data(&view.names())?,
        None | Some(Form::Wide) if view.is_empty() => ctx.console.talk("No resources found"),
        form => {
            let table = view.table(form == Some(Form::Wide));
            ctx.console.data(&table.render(!args.no_headers))?;
        }
    }
    Ok(ExitKind::Done)
}
