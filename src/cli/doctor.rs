//! `doctor`: find out what is wrong.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::context::Ctx;
use super::duration;
use super::failure::{ExitKind, Failure};
use super::mistake::Mistake;
use super::named;
use super::output::{DryRunArgs, Sentence, unmatched};
use super::version;
use crate::cluster::Cluster;
use crate::doctor::{CheckFinding, Grade};
use crate::local::files::{self, PutError};
use crate::local::render::Renderer;
use crate::ops;
use crate::ops::signal::or_interrupted;
use crate::output::console::Console;
use crate::output::narration::Narrator;
use crate::output::{doctor, printer};
use crate::runner;
use crate::runner::repair::RepairRequest;
use crate::state::narration::Narration;

/// Check what builds depend on, and say what to do
///
/// Looks at the cluster, at what setup installed, at Keel and at the chains. What you may not read is shown as unknown. The exit code is 1 if a check has failed; warnings and what is unknown do not count. docs/doctor.md explains each check.
///
/// Changes nothing unless --repair is given: then it does what the chains' agents would do if they could, and checks after that. It touches only what the chains provably own.
#[derive(Debug, Args)]
#[command(
    mut_arg("dry_run", |arg| arg.requires("repair").help("If `client`, print what --repair would do without doing it")),
    after_help = "\
Examples:
  # Check everything
  kubectl studioci doctor

  # Show only what is not well with one chain
  kubectl studioci doctor runner-main -o short

  # Show what would be repaired of a chain, then repair it
  kubectl studioci doctor runner-main --repair --dry-run=client
  kubectl studioci doctor runner-main --repair

  # Write what a bug report needs, without secrets
  kubectl studioci doctor --bundle studioci.tar.gz

  # Wait until nothing fails any more, in a script
  kubectl studioci doctor --wait=2m -o json"
)]
pub struct DoctorArgs {
    /// Chain to check (default: all)
    #[arg(value_name = "CHAIN", value_parser = named::chain)]
    pub chain: Option<String>,
    /// Output format, one of: json, short, table
    #[arg(short, long, value_name = "FORMAT", default_value = "table", value_parser = form)]
    pub output: DoctorForm,
    /// Do what the chains' agents would do if they could, before checking
    #[arg(long)]
    pub repair: bool,
    /// Whether it is only looked at.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// Write what a bug report needs into this file (.tar.gz), or to stdout if it is `-`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["repair", "wait", "output"])]
    pub bundle: Option<PathBuf>,
    /// Replace a bundle that is there
    #[arg(long, requires = "bundle")]
    pub force: bool,
    /// Check again until nothing fails, for 5m or as long as given
    #[arg(
        long,
        value_name = "DURATION",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "5m",
        value_parser = duration::parse
    )]
    pub wait: Option<Duration>,
}

/// The forms that findings are shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoctorForm {
    /// One object.
    Json,
    /// What is not well.
    Short,
    /// Everything.
    Table,
}

fn form(text: &str) -> Result<DoctorForm, Sentence> {
    match text {
        "json" => Ok(DoctorForm::Json),
        "short" => Ok(DoctorForm::Short),
        "table" => Ok(DoctorForm::Table),
        _ => Err(unmatched(text, &["json", "short", "table"])),
    }
}

pub(super) async fn run(args: DoctorArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let cluster = ctx.connect()?;
    #[expect(clippy::disallowed_methods, reason = "ages against a server that sends no date")]
    let clock = Timestamp::now;
    let mut repairs = Repairs::default();
    if args.bundle.as_deref().is_some_and(files::is_dash) && ctx.settings.stdout_terminal {
        return Err(Mistake::BundleOnTerminal {}.into());
    }
    if args.repair {
        let Some(done) = Box::pin(repair(&args, &cluster, clock, &mut ctx.console)).await? else {
            ctx.console.talk("stopped; run it again for the rest");
            return Ok(ExitKind::Interrupted);
        };
        repairs = done;
    }
    let asking = ops::doctor::doctor(&cluster, args.chain.as_deref(), args.wait.unwrap_or_default(), clock);
    let Some(findings) = Box::pin(or_interrupted(asking)).await.transpose()? else {
        return Ok(ExitKind::Interrupted);
    };
    if let Some(file) = &args.bundle {
        return bundle(&args, file, &findings, &cluster, ctx).await;
    }
    // a program sees that nothing was
    let unrepaired = doctor::unrepaired(&repairs.told, repairs.failures);
    if let Some(said) = unrepaired.filter(|_| args.repair && args.output != DoctorForm::Json) {
        ctx.console.talk(said);
    }
    if args.output == DoctorForm::Json {
        let mut object = doctor::object(&findings);
        if args.repair {
            object["repairs"] = repairs.told.into();
        }
        ctx.console.data(&printer::json(&object))?;
    } else {
        let all = args.output == DoctorForm::Table;
        if repairs.lines {
            ctx.console.line("")?;
        }
        for (mark, text) in doctor::lines(&findings, all, ctx.settings.stdout) {
            ctx.console.data(&mark)?;
            ctx.console.line(&text)?;
        }
        ctx.console.talk(&doctor::summary(&findings));
    }
    let failed = findings.iter().any(|it| it.opinion.grade == Grade::Failed);
    Ok(if failed || repairs.failures > 0 { ExitKind::No } else { ExitKind::Done })
}

/// What came of the repairs.
#[derive(Default)]
struct Repairs {
    /// What was done, for programs.
    told: Vec<Value>,
    /// Whether lines were printed.
    lines: bool,
    /// How much could not be done.
    failures: usize,
}

/// Repairs; none where that was interrupted.
async fn repair(
    args: &DoctorArgs,
    cluster: &Cluster,
    clock: fn() -> Timestamp,
    console: &mut Console,
) -> Result<Option<Repairs>, Failure> {
    let whole = args.output == DoctorForm::Json;
    let told = RefCell::new(Vec::new());
    let narrator = Narrator::of(console).of_many(args.dry_run.asked, false);
    let say = |it: Narration<'_>| match doctor::repair(&it) {
        Some(repair) => {
            told.borrow_mut().push(repair);
            if !whole {
                narrator.say(&it);
            }
        }
        None => narrator.say(&it),
    };
    let (dry, renderer) = (args.dry_run.asked.is_dry(), Renderer::person());
    let how = RepairRequest { cluster, dry, renderer, clock, say: &say };
    let repaired = Box::pin(or_interrupted(runner::repair::repair(args.chain.as_deref(), how))).await;
    narrator.finish()?;
    let told = told.into_inner();
    let lines = !whole && !told.is_empty();
    Ok(repaired.transpose()?.map(|failures| Repairs { told, lines, failures }))
}

/// Writes what a bug report needs.
async fn bundle(
    args: &DoctorArgs,
    file: &Path,
    findings: &[CheckFinding],
    cluster: &Cluster,
    ctx: &mut Ctx,
) -> Result<ExitKind, Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !files::is_dash(file));
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(Mistake::BundleUnwritten {
            file: file.display().to_string(),
            why: "its folder is not there".to_owned(),
        }
        .into());
    }
    let mut versions = version::object();
    if let Ok(server) = cluster.version().await {
        versions["serverVersion"] = json!({ "gitVersion": server.git_version });
    }
    let told = [("diagnosis.json", doctor::object(findings)), ("versions.json", versions)];
    let gathered = ops::doctor::bundle::bundle(cluster, args.chain.as_deref(), told);
    let Some(bundle) = Box::pin(or_interrupted(gathered)).await else { return Ok(ExitKind::Interrupted) };
    let left_out = bundle.left_out();
    #[expect(clippy::disallowed_methods, reason = "the time of what is written here")]
    let packed = bundle.pack(Timestamp::now())?;
    if files::is_dash(file) {
        ctx.console.raw(&packed)?;
        return Ok(ExitKind::Done);
    }
    files::put_private(file, &packed, args.force).map_err(|error| match error {
        PutError::There(file) => Mistake::BundleThere { file },
        PutError::Link(file, leads) => Mistake::BundleIsLink { file, leads },
        PutError::Refused(file, why) => Mistake::BundleUnwritten { file, why: why.to_string() },
    })?;
    ctx.console.line(&format!("{} written", file.display()))?;
    if left_out > 0 {
        ctx.console
            .warning(&format!("{left_out} of its parts could not be read, which left-out.txt in it names"));
    }
    ctx.console.talk("no Secret's values are in it; look through it all the same before you pass it on");
    Ok(ExitKind::Done)
}
