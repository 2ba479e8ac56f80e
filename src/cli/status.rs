//! `status`: list builds, newest first.

mod contexts;

use std::ops::ControlFlow;

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::here::named_or_here;
use super::mistake::Mistake;
use super::named::{NamedArg, chain_or_build};
use super::output::{OutputArg, of_lists, sort_by, unmatched};
use crate::chain::build::Happening;
use crate::chain::named::MeantName;
use crate::cluster::{self, Cluster};
use crate::ops;
use crate::ops::signal::or_interrupted;
use crate::ops::status::{ChainsSeen, Overview, WantedBuilds};
use crate::output::chains::ChainsView;
use crate::output::console::Console;
use crate::output::form::ObjectForm;
use crate::output::jsonpath::JsonPath;
use crate::output::listing::{Feed, Listed, Listing, Rows};
use crate::output::status::{self, View};
use crate::output::tree::TreeView;
use crate::state::error::Error;

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

  # List chains: what each does, how its last build ended, and since when it is idle
  kubectl studioci status --chains

  # Show a chain with its builds below it, those that are gone included
  kubectl studioci status runner-main --tree

  # List the builds of two clusters in one table
  kubectl studioci status --contexts laptop,gpu

  # List failed builds, the longest last
  kubectl studioci status -l studioci.dev/verdict=Failed --sort-by=.status.durationSeconds

  # Print the tags that were built, for a script
  kubectl studioci status -o jsonpath='{.items[*].status.tag}'")]
pub struct StatusArgs {
    /// Chain or build to show (default: $STUDIOCI_CHAIN, this checkout's, else all)
    #[arg(value_name = "CHAIN|BUILD", value_parser = chain_or_build)]
    pub name: Option<NamedArg>,
    /// List the builds of all chains
    #[arg(short = 'A', long, alias = "all-namespaces", conflicts_with = "name")]
    pub all_chains: bool,
    /// List chains, one row each, instead of their builds
    #[arg(long)]
    pub chains: bool,
    /// Draw chains with their builds below them, side builds as branches, gone ones as gaps
    #[arg(long, conflicts_with_all = ["chains", "sort_by", "watch", "watch_only"])]
    pub tree: bool,
    /// Kubeconfig contexts whose clusters are asked, all at once, for one table
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with_all = ["watch", "watch_only"])]
    pub contexts: Vec<String>,
    /// Output format, one of: custom-columns, custom-columns-file, json, jsonpath, jsonpath-as-json, jsonpath-file, kyaml, name, wide, yaml
    #[arg(short, long, value_name = "FORMAT", value_parser = of_lists)]
    pub output: Option<OutputArg>,
    /// Don't print headers
    #[arg(long)]
    pub no_headers: bool,
    /// Label selector of the builds' namespaces
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "chains")]
    pub selector: Option<String>,
    /// Labels that get a column each
    #[arg(short = 'L', long, value_name = "KEYS", value_delimiter = ',', conflicts_with = "chains")]
    pub label_columns: Vec<String>,
    /// Show all labels in the last column
    #[arg(long, conflicts_with = "chains")]
    pub show_labels: bool,
    /// JSONPath of the field to sort by
    #[arg(long, value_name = "JSONPATH", value_parser = sort_by)]
    pub sort_by: Option<JsonPath>,
    /// After listing, watch for changes
    #[arg(short, long, conflicts_with = "chains")]
    pub watch: bool,
    /// Watch for changes without listing first
    #[arg(long, conflicts_with = "chains")]
    pub watch_only: bool,
    /// Print what happened to each build that is watched: ADDED, MODIFIED or DELETED
    #[arg(long)]
    pub output_watch_events: bool,
}

impl StatusArgs {
    /// How builds are listed; files that it names are read.
    ///
    /// # Errors
    /// A file that cannot be read, and flags that mean nothing together, in kubectl's words.
    pub fn listing(&self) -> Result<Listing, Failure> {
        let form = self.output.as_ref().map(OutputArg::read).transpose()?;
        if let Some(output) =
            self.output.as_ref().filter(|_| self.tree && !matches!(form, None | Some(ObjectForm::Wide)))
        {
            return Err(Failure::usage(unmatched(output.word(), &["wide"]).to_string()));
        }
        if self.show_labels && !matches!(form, None | Some(ObjectForm::Wide)) {
            return Err(Failure::usage("--show-labels needs the table: leave -o out, or say -o wide"));
        }
        if self.output_watch_events && !(self.watch || self.watch_only) {
            return Err(Failure::usage(
                "--output-watch-events option can only be used with --watch or --watch-only",
            ));
        }
        Ok(Listing {
            form,
            no_headers: self.no_headers,
            label_columns: self.label_columns.clone(),
            show_labels: self.show_labels,
            sort_by: self.sort_by.clone(),
            events: self.output_watch_events,
        })
    }

    fn named(&self) -> Option<MeantName<'_>> {
        self.name.as_ref().map(NamedArg::named)
    }

    fn bare_name(&self) -> Option<&str> {
        self.name.as_ref().map(|it| it.name.as_str())
    }

    /// `here`: the chain that is meant where no name is given.
    fn wanted<'a>(&'a self, here: Option<&'a str>, listing: &Listing) -> WantedBuilds<'a> {
        WantedBuilds {
            name: self.bare_name().or(here),
            kind: self.name.as_ref().and_then(|it| it.kind),
            selector: self.selector.as_deref(),
            labels: listing.needs_labels(),
        }
    }
}

/// Shows builds as asked for. A build that was named is shown as one object, not as a list of one.
///
/// # Errors
/// A name that no chain and no build has, a path that cannot be followed, and what stdout says.
pub fn show(
    args: &StatusArgs,
    listing: &Listing,
    seen: &Overview,
    now: Timestamp,
    console: &mut Console,
) -> Result<(), Failure> {
    let view = view(args, seen, now);
    let alone = view.builds().first().is_some_and(|only| args.named().is_some_and(|it| it.is_build(only)));
    match args.named() {
        Some(name) if view.is_empty() && args.selector.is_none() => nothing_of(name, listing, seen, console),
        _ => print(listing, &view, alone, console),
    }
}

/// A chain without builds is as kubectl's list of nothing; a name that nobody has is an error.
fn nothing_of(
    name: MeantName<'_>,
    listing: &Listing,
    seen: &Overview,
    console: &mut Console,
) -> Result<(), Failure> {
    let Some(bare) = &seen.bare else { return Err(absent(seen, name)) };
    console.talk(&bare.said());
    if listing.is_for_people() {
        return Ok(());
    }
    print(listing, &View::new(Vec::new(), &seen.signs, now_of(seen)), false, console)
}

fn print(listing: &Listing, view: &dyn Listed, alone: bool, console: &mut Console) -> Result<(), Failure> {
    if view.count() == 0 && listing.is_for_people() {
        console.talk(status::NOTHING_FOUND);
        return Ok(());
    }
    Ok(console.data(&listing.print(view, alone).map_err(Failure::usage)?)?)
}

fn print_rows(listing: &Listing, rows: &dyn Rows, console: &mut Console) -> Result<(), Failure> {
    if rows.count() == 0 {
        console.talk(status::NOTHING_FOUND);
        return Ok(());
    }
    Ok(console.data(&listing.rows(rows))?)
}

fn view<'a>(args: &StatusArgs, seen: &'a Overview, now: Timestamp) -> View<'a> {
    View::new(status::select(&seen.builds, args.named()), &seen.signs, now).with_labels(&seen.labels)
}

/// That nothing has this name is an answer; that its Namespace cannot be read is a failure.
fn absent(seen: &Overview, name: MeantName<'_>) -> Failure {
    no(seen.absent(name))
}

fn no(error: Error) -> Failure {
    let failure = Failure::from(error);
    let kind = if failure.kind == ExitKind::Usage { ExitKind::No } else { failure.kind };
    Failure { kind, ..failure }
}

/// Why nothing is listed: where a selector was given, and the server does not read what it was asked, that.
fn unlisted(args: &StatusArgs, error: Error) -> Failure {
    match (error, &args.selector) {
        (Error::Cluster(cluster::Error::Invalid { why, .. }), Some(selector)) => {
            Mistake::SelectorRefused { selector: selector.clone(), why }.into()
        }
        (error, _) => no(error),
    }
}

#[expect(clippy::disallowed_methods, reason = "ages against a server that sends no date")]
fn now_of(seen: &Overview) -> Timestamp {
    seen.now.unwrap_or_else(Timestamp::now)
}

pub(super) async fn run(args: StatusArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let listing = args.listing()?;
    if !args.contexts.is_empty() {
        return contexts::run(&args, &listing, ctx).await;
    }
    let cluster = ctx.connect()?;
    let every = args.all_chains || args.chains;
    let (name, here) = if every { (args.name, None) } else { named_or_here(args.name, ctx)? };
    let args = StatusArgs { name, ..args };
    if args.chains || args.tree {
        return chains(&args, here.as_deref(), &listing, &cluster, &mut ctx.console).await;
    }
    let of_here = match &here {
        Some(chain) => {
            let asked = ops::status::of_chain(&cluster, args.wanted(Some(chain), &listing)).await;
            asked.map_err(|error| unlisted(&args, error))?
        }
        None => None,
    };
    let narrowed = here.filter(|_| of_here.is_some());
    let wanted = args.wanted(narrowed.as_deref(), &listing);
    let seen = match of_here {
        Some(seen) => seen,
        None => ops::status::status(&cluster, wanted).await.map_err(|error| unlisted(&args, error))?,
    };
    for warning in seen.warnings(args.bare_name()) {
        ctx.console.warning(&warning);
    }
    if let Some(chain) = &narrowed {
        say_narrowed(chain, "", &mut ctx.console);
    }
    if args.watch || args.watch_only {
        return watch(&args, wanted, listing, &cluster, seen, &mut ctx.console).await;
    }
    show(&args, &listing, &seen, now_of(&seen), &mut ctx.console)?;
    Ok(ExitKind::Done)
}

fn say_narrowed(chain: &str, flag: &str, console: &mut Console) {
    console.talk(&format!(
        "these are the builds of chain {chain}, which is meant by this checkout; all: kubectl studioci status{flag} -A"
    ));
}

/// Lists chains, or draws their trees. `here`: the chain that is meant where no name is given and it is there.
async fn chains(
    args: &StatusArgs,
    here: Option<&str>,
    listing: &Listing,
    cluster: &Cluster,
    console: &mut Console,
) -> Result<ExitKind, Failure> {
    let wanted = args.wanted(here, listing);
    let asked = Box::pin(ops::status::chains(cluster, wanted)).await;
    let seen = match (asked, here) {
        (Err(Error::NoSuchName { .. }), Some(_)) => {
            Box::pin(ops::status::chains(cluster, args.wanted(None, listing))).await
        }
        (Ok(seen), Some(here)) => {
            say_narrowed(here, " --tree", console);
            Ok(seen)
        }
        (asked, None) => asked,
        (Err(error), Some(_)) => Err(error),
    }
    .map_err(|error| unlisted(args, error))?;
    for warning in warnings_of_chains(args, &seen) {
        console.warning(&warning);
    }
    let now = now_of(&seen.builds);
    if args.tree {
        let view = builds_of_chains(&seen, now);
        print_rows(listing, &tree_of(args, &seen, &view, now), console)?;
    } else {
        let view = ChainsView::new(&seen.chains, &seen.builds.signs, now);
        print(listing, &view, args.name.is_some(), console)?;
    }
    Ok(ExitKind::Done)
}

/// What to warn of beside chains, or beside their trees, which show builds.
fn warnings_of_chains(args: &StatusArgs, seen: &ChainsSeen) -> Vec<String> {
    let name = args.bare_name();
    if args.tree { seen.builds.warnings(name) } else { seen.builds.warnings_beside_chains(name) }
}

/// The builds of chains, by which their tree tells them.
fn builds_of_chains(seen: &ChainsSeen, now: Timestamp) -> View<'_> {
    View::new(status::select(&seen.builds.builds, None), &seen.builds.signs, now)
        .with_labels(&seen.builds.labels)
}

fn tree_of<'a>(
    args: &StatusArgs,
    seen: &'a ChainsSeen,
    builds: &'a View<'a>,
    now: Timestamp,
) -> TreeView<'a> {
    // what is gone has no labels that a selector could take, and what is not taken is not gone
    let kept = seen.kept.as_ref().filter(|_| args.selector.is_none());
    TreeView::new(&seen.chains, &ChainsView::new(&seen.chains, &seen.builds.signs, now), builds, kept)
}

/// Lists, then a row or an object for each change until somebody ends it.
#[expect(clippy::disallowed_methods, reason = "how far this clock is from the server's, for ages")]
async fn watch(
    args: &StatusArgs,
    wanted: WantedBuilds<'_>,
    mut listing: Listing,
    cluster: &Cluster,
    seen: Overview,
    console: &mut Console,
) -> Result<ExitKind, Failure> {
    if listing.sort_by.is_some() {
        console.talk(if args.watch_only {
            "warning: --watch-only requested, --sort-by will be ignored"
        } else {
            "warning: --watch requested, --sort-by will be ignored for watch events received"
        });
    }
    if args.watch_only {
        listing.sort_by = None;
    }
    if let (Some(name), None, true, false) =
        (args.named(), &args.selector, seen.builds.is_empty(), args.watch_only)
    {
        let bare = seen.bare.as_ref().ok_or_else(|| absent(&seen, name))?;
        console.talk(&bare.said());
    }
    let ahead = seen.now.map_or(SignedDuration::ZERO, |now| now.duration_since(Timestamp::now()));
    let mut feed = Feed::default();
    let mut ended = None;
    let mut tell = |happening: Happening, seen: &Overview| {
        let view = view(args, seen, Timestamp::now().saturating_add(ahead).unwrap_or(Timestamp::MAX));
        let printed = listing.print_on(&mut feed, happening, &view).map_err(Failure::usage);
        match printed.and_then(|text| Ok(console.data(&text).and_then(|()| console.flush())?)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                ended = Some(failure);
                ControlFlow::Break(())
            }
        }
    };
    let mut flow = ControlFlow::Continue(());
    if !args.watch_only {
        flow = tell(Happening::Added, &seen);
    }
    if flow.is_continue() {
        let following = ops::status::follow(cluster, wanted, seen, &mut tell);
        Box::pin(or_interrupted(following)).await.transpose()?;
    }
    ended.map_or(Ok(ExitKind::Interrupted), Err)
}

#[cfg(test)]
mod tests;
