//! `status --contexts`: one table over several clusters.
//!
//! Each cluster answers for itself: what goes wrong with one is a line on stderr, and the exit code is that of the others.
//! Only where none has answered has the verb failed.

use std::time::Duration;

use jiff::Timestamp;

use super::{StatusArgs, absent, now_of, print};
use crate::cli::context::{Connected, Ctx};
use crate::cli::failure::{ExitKind, Failure};
use crate::cli::mistake::Mistake;
use crate::ops;
use crate::ops::status::{ChainsSeen, Overview};
use crate::output::chains::ChainsView;
use crate::output::console::Console;
use crate::output::contexts::ContextsView;
use crate::output::listing::Listing;
use crate::output::status::{View, select};
use crate::state::error::Error;

/// What came of each context.
type Answers<'a, T> = Vec<(&'a str, Result<T, Error>)>;

/// What those say that have answered, and the others.
struct HeardContexts<'a, T> {
    said: Vec<(&'a str, T)>,
    unanswered: Vec<&'a str>,
}

pub(super) async fn run(args: &StatusArgs, listing: &Listing, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let contexts = contexts(&args.contexts)?;
    let connected = ctx.connect_each(&contexts)?;
    over(args, listing, connected, &mut ctx.console).await
}

/// Those that are named, each once, in the order in which they are.
fn contexts(named: &[String]) -> Result<Vec<&str>, Mistake> {
    let mut contexts: Vec<&str> = Vec::new();
    for context in named.iter().map(|name| name.trim()) {
        if context.is_empty() {
            return Err(Mistake::NoContextNamed {});
        }
        if !contexts.contains(&context) {
            contexts.push(context);
        }
    }
    Ok(contexts)
}

async fn over(
    args: &StatusArgs,
    listing: &Listing,
    (clusters, bound): (Connected<'_>, Duration),
    console: &mut Console,
) -> Result<ExitKind, Failure> {
    let wanted = args.wanted(None, listing);
    if args.chains || args.tree {
        let answers =
            ops::status::each(clusters, bound, async |cluster| ops::status::chains(cluster, wanted).await);
        return show_chains(args, listing, Box::pin(answers).await, console);
    }
    let answers =
        ops::status::each(clusters, bound, async |cluster| ops::status::status(cluster, wanted).await);
    show_builds(args, listing, Box::pin(answers).await, console)
}

/// Says what went wrong with a context, a line each.
///
/// # Errors
/// [`Mistake::NoneAnswered`] where nobody has answered.
fn hear<'a, T>(
    args: &StatusArgs,
    answers: Answers<'a, T>,
    console: &mut Console,
) -> Result<HeardContexts<'a, T>, Failure> {
    let mut heard = HeardContexts { said: Vec::new(), unanswered: Vec::new() };
    let mut first = None;
    for (context, answer) in answers {
        match answer {
            Ok(said) => heard.said.push((context, said)),
            Err(error) => {
                let failure = super::unlisted(args, error);
                console.talk(&format!("error: context {context}: {}", failure.what));
                heard.unanswered.push(context);
                first.get_or_insert(failure.kind);
            }
        }
    }
    match first.filter(|_| heard.said.is_empty()) {
        Some(kind) => {
            let failure = Failure::from(Mistake::NoneAnswered { contexts: heard.unanswered.join(", ") });
            Err(Failure { kind, ..failure })
        }
        None => Ok(heard),
    }
}

fn warn(context: &str, warnings: Vec<String>, console: &mut Console) {
    for warning in warnings {
        console.warning(&format!("context {context}: {warning}"));
    }
}

fn show_builds(
    args: &StatusArgs,
    listing: &Listing,
    answers: Answers<'_, Overview>,
    console: &mut Console,
) -> Result<ExitKind, Failure> {
    let heard = hear(args, answers, console)?;
    let mut views = Vec::new();
    for (context, seen) in &heard.said {
        warn(context, seen.warnings(args.bare_name()), console);
        let builds = select(&seen.builds, args.named());
        views.push((*context, View::new(builds, &seen.signs, now_of(seen)).with_labels(&seen.labels)));
    }
    let nothing = views.iter().all(|(_, view)| view.is_empty());
    if let (Some(name), None, true, Some((_, seen))) =
        (args.named(), &args.selector, nothing, heard.said.first())
    {
        let bare = heard.said.iter().filter_map(|(context, seen)| Some((context, seen.bare.as_ref()?)));
        let told: Vec<String> =
            bare.map(|(context, bare)| format!("context {context}: {}", bare.said())).collect();
        if told.is_empty() {
            return Err(absent(seen, name));
        }
        for told in &told {
            console.talk(told);
        }
        if listing.is_for_people() {
            return Ok(ExitKind::Done);
        }
    }
    print(listing, &ContextsView::new(views, heard.unanswered), false, console)?;
    Ok(ExitKind::Done)
}

/// What one context's chains are told by.
struct OfContext<'a> {
    context: &'a str,
    seen: &'a ChainsSeen,
    now: Timestamp,
    view: View<'a>,
}

fn show_chains(
    args: &StatusArgs,
    listing: &Listing,
    answers: Answers<'_, ChainsSeen>,
    console: &mut Console,
) -> Result<ExitKind, Failure> {
    // a name that one cluster does not have is no answer that is missing
    let (nobodys, answers): (Vec<_>, Answers<'_, ChainsSeen>) =
        answers.into_iter().partition(|(_, answer)| matches!(answer, Err(Error::NoSuchName { .. })));
    if answers.iter().all(|(_, answer)| answer.is_err())
        && let Some(Err(error)) = nobodys.into_iter().next().map(|(_, answer)| answer)
    {
        for (context, answer) in answers {
            if let Err(error) = answer {
                console.talk(&format!("error: context {context}: {error}"));
            }
        }
        return Err(super::no(error));
    }
    let heard = hear(args, answers, console)?;
    let mut of: Vec<OfContext<'_>> = Vec::new();
    for (context, seen) in &heard.said {
        warn(context, super::warnings_of_chains(args, seen), console);
        let now = now_of(&seen.builds);
        let view = super::builds_of_chains(seen, now);
        of.push(OfContext { context, seen, now, view });
    }
    if args.tree {
        let trees = of.iter().map(|it| (it.context, super::tree_of(args, it.seen, &it.view, it.now)));
        let view = ContextsView::new(trees.collect(), heard.unanswered);
        super::print_rows(listing, &view, console)?;
    } else {
        let views =
            of.iter().map(|it| (it.context, ChainsView::new(&it.seen.chains, &it.seen.builds.signs, it.now)));
        let views = views.collect();
        print(listing, &ContextsView::new(views, heard.unanswered), false, console)?;
    }
    Ok(ExitKind::Done)
}

#[cfg(test)]
#[path = "contexts_tests.rs"]
mod tests;
