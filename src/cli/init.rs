//! `init`: the first pipeline of a repository, or an old one brought over.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::mistake::Mistake;
use super::output::{DryRunArgs, OnlyYaml, only_yaml};
use super::pipeline::text;
use crate::chain::names;
use crate::keel::image::ImageRef;
use crate::local::files::{self, Put};
use crate::local::regular::NamedBy;
use crate::local::render::Renderer;
use crate::local::{self, Found};
use crate::pipeline::moved::{ByFile, MoveAct, MoveNote, Moved, Needs, Old};
use crate::pipeline::starter::{self, FoundOut, ImageFrom, Starter};

/// Where `start` looks, and where agents look in a pushed image.
const PIPELINE: &str = ".studioci/pipeline.yaml";
const FROM: &str = "name the old pipeline with --from FILE; `-` is stdin";
const SCRIPT: &str = "name the script that the image runs with --script FILE";

/// Write a first pipeline for this repository, or convert an old one
///
/// Without --from, the image is guessed by the remote and the branch of this repository, and how Keel is to follow it by its tag. With --from, a template for stencil (Go's templates with sprig's functions) is converted, and every change is reported with its line; the exit code is 1 if something of it cannot be used, which is marked in the file.
///
/// Needs no cluster. Prints the command that starts the chain.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Write .studioci/pipeline.yaml for this repository
  kubectl studioci init

  # Name the image, and begin with support, storage and credentials
  kubectl studioci init --image quay.io/team/ci:main --starter full

  # Convert an old pipeline, and see which lines of its script have to go
  kubectl studioci init --from ci_keel.yaml --script ci.sh

  # Only show what would be written
  kubectl studioci init --dry-run=client")]
pub struct InitArgs {
    /// Pipeline file to write
    #[arg(short, long, value_name = "FILE", default_value = PIPELINE)]
    pub filename: PathBuf,
    /// CI image with the tag to start from (default: a guess by remote and branch)
    #[arg(long, value_name = "IMAGE", conflicts_with = "from")]
    pub image: Option<String>,
    /// Pipeline to begin with (default: minimal)
    #[arg(long, value_name = "STARTER", conflicts_with = "from")]
    pub starter: Option<StarterArg>,
    /// Old pipeline to convert, or `-` for stdin
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Script that the image of the old pipeline runs; it is read and not changed
    #[arg(long, value_name = "FILE", requires = "from")]
    pub script: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
    /// Whether it is only looked at.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// Output format: yaml (what is written)
    #[arg(short, long, value_name = "FORMAT", value_parser = only_yaml)]
    pub output: Option<OnlyYaml>,
}

/// The pipelines to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StarterArg {
    /// One Deployment.
    Minimal,
    /// Support, storage, credentials, a Role for the build.
    Full,
}

pub(super) fn run(args: &InitArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let git = local::git::facts(Path::new("."), |name| matches!(name, "branch" | "tag" | "module" | "repo"));
    match &args.from {
        Some(from) => convert(args, from, &git, ctx),
        None => begin(args, &git, ctx),
    }
}

/// A pipeline for a repository that has none.
fn begin(args: &InitArgs, git: &Found, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let begun = find_out(args.image.as_deref(), git)?;
    let starter = match args.starter {
        None | Some(StarterArg::Minimal) => Starter::Minimal,
        Some(StarterArg::Full) => Starter::Full,
    };
    write(args, &starter.text(&begun), ctx)?;
    if begun.known == ImageFrom::Guessed {
        let image = &begun.image;
        ctx.console.warning(&format!(
            "the image {image} is a guess by the remote and the branch of this repository; if your builder pushes another \
             one, write that into the file, or name it with --image"
        ));
    }
    let repository = begun.image.name.rsplit('/').next().unwrap_or_default();
    next(
        args,
        &chain_flag(git, Some(&names::chain_name(repository, &begun.image.tag))),
        &Needs::default(),
        ctx,
    );
    Ok(ExitKind::Done)
}

/// What can be found out of a repository and its images.
fn find_out(named: Option<&str>, git: &Found) -> Result<FoundOut, Failure> {
    let makes_test = ["GNUmakefile", "makefile", "Makefile"].iter().any(|name| {
        let rules = files::read(Path::new(name), NamedBy::Nobody, std::io::empty());
        rules.is_ok_and(|rules| rules.text.lines().any(|line| line.starts_with("test:")))
    });
    let reference = known(git, "branch").or_else(|_| known(git, "tag"));
    if let Some(named) = named {
        return Ok(FoundOut { image: told(named, reference.ok())?, known: ImageFrom::Told, makes_test });
    }
    let module = known(git, "module").map_err(unknown)?;
    let reference = reference.map_err(unknown)?;
    let image = starter::guess(module, reference).ok_or_else(|| {
        unknown(&format!("nothing tells which registry has the images of {module} at {reference}"))
    })?;
    Ok(FoundOut { image, known: ImageFrom::Guessed, makes_test })
}

fn known<'g>(git: &'g Found, name: &str) -> Result<&'g str, &'g str> {
    match git.get(name) {
        Some(Ok(Value::String(text))) => Ok(text),
        Some(Err(why)) => Err(why),
        _ => Err("git does not tell"),
    }
}

fn unknown(why: &str) -> Failure {
    Mistake::ImageUnknown { why: why.to_owned() }.into()
}

/// An image as it was named; without a tag, that of the branch.
fn told(named: &str, reference: Option<&str>) -> Result<ImageRef, Failure> {
    let refused = |why: &str| Mistake::ImageRefused { image: named.to_owned(), why: why.to_owned() };
    let image = ImageRef::parse(named).map_err(refused)?;
    if image.digest.is_some() {
        return Err(refused("a digest never changes, and Keel follows a tag").into());
    }
    if let Some(why) = image.unread_by_keel() {
        return Err(refused(why).into());
    }
    let untagged = image.name == named;
    let tag = reference.filter(|_| untagged).and_then(starter::tag_of);
    Ok(tag.map_or_else(|| image.clone(), |tag| image.with_tag(&tag)))
}

/// An old pipeline, brought over.
fn convert(args: &InitArgs, from: &Path, git: &Found, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    if let Some(script) = args.script.as_deref().filter(|script| files::is_stdin(script))
        && files::is_stdin(from)
    {
        let second = format!("--script {}", script.display());
        return Err(Mistake::StdinTwice { first: "--from".to_owned(), second }.into());
    }
    let pipeline = text(from, FROM)?;
    let script = args.script.as_deref().map(|script| text(script, SCRIPT)).transpose()?;
    let named = [Some(pipeline.name.clone()), script.as_ref().map(|script| script.name.clone())];
    let moved = Renderer::person().moved(Old { pipeline, script })?;
    write(args, &moved.text, ctx)?;
    let [pipeline, script] = named.map(Option::unwrap_or_default);
    for note in &moved.notes {
        ctx.console.talk(&line(note, if note.of_script { &script } else { &pipeline }));
    }
    count(&moved, &script, ctx);
    next(args, &chain_flag(git, None), &moved.needs, ctx);
    Ok(if moved.is_refused() { ExitKind::No } else { ExitKind::Done })
}

/// `ci_keel.yaml:12-15: dropped: the preStop hook (why)`.
fn line(note: &MoveNote, file: &str) -> String {
    let MoveNote { lines, act, what, why, .. } = note;
    let place = match (lines.start(), lines.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
    format!("{file}:{place}: {}: {what}{why}", act.as_str())
}

/// What is left to do.
fn count(moved: &Moved, script: &str, ctx: &mut Ctx) {
    let of = |act| moved.notes.iter().filter(|note| note.act == act).count();
    let refused = of(MoveAct::Refused);
    if refused > 0 {
        ctx.console.warning(&format!(
            "{} cannot be used as it is: render and start refuse it until somebody has replaced it",
            if refused == 1 { "one thing".to_owned() } else { format!("{refused} things") }
        ));
    }
    if of(MoveAct::Delete) > 0 {
        ctx.console.warning(&format!(
            "delete the lines named above from {script} before you push: as it is, its build fails or runs until its deadline"
        ));
    }
}

/// Writes the file, and says so.
fn write(args: &InitArgs, pipeline: &str, ctx: &mut Ctx) -> Result<(), Failure> {
    let print = args.output.is_some() || args.dry_run.asked.is_dry();
    if !args.dry_run.asked.is_dry() {
        let put = files::put(&args.filename, pipeline, args.force).map_err(Mistake::from)?;
        let put = match put {
            Put::Created => "created",
            Put::Replaced => "replaced",
            Put::Unchanged => "unchanged",
        };
        let done = format!("{} {put}", args.filename.display());
        if print { ctx.console.talk(&done) } else { ctx.console.line(&done)? }
    }
    if print {
        ctx.console.data(pipeline)?;
    }
    Ok(())
}

/// `start` names a chain by repository and branch; where it cannot, it has to be told.
fn chain_flag(git: &Found, name: Option<&str>) -> String {
    match (known(git, "repo"), known(git, "branch")) {
        (Ok(_), Ok(_)) => String::new(),
        _ => format!(" --chain {}", name.unwrap_or("NAME")),
    }
}

/// The command that comes next, whole.
fn next(args: &InitArgs, chain: &str, needs: &Needs, ctx: &mut Ctx) {
    let file = args.filename.to_string_lossy();
    let named = (args.filename != Path::new(PIPELINE)).then(|| format!(" -f {}", quoted(&file)));
    let values = needs.values.iter().map(|(name, by_file)| match by_file {
        ByFile::Yes => format!(" --set-file {name}=FILE"),
        ByFile::No => format!(" --set {name}=VALUE"),
    });
    let plain = needs.plain.iter().map(|name| format!(" --env {name}"));
    let secrets = needs.secrets.iter().map(|name| format!(" --secret {}", quoted(name)));
    let flags: String =
        named.into_iter().chain([chain.to_owned()]).chain(values).chain(plain).chain(secrets).collect();
    let mut tell = |what: &str, all: Vec<&str>| {
        if !all.is_empty() {
            ctx.console.talk(&format!("{what}: {}", all.join(", ")));
        }
    };
    tell("May be given with --set, and else have a default", needs.may.iter().map(String::as_str).collect());
    let secret = needs.secret.iter().map(String::as_str).collect();
    tell("Read from the environment, and kept in the chain's Secret", secret);
    ctx.console.talk(&format!("Start the chain with: kubectl studioci start{flags}"));
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
