//! `doctor`: find out what is wrong.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::context::Ctx;
use super::duration;
use super::failure::{ExitKind, Failure};
use super::output::{Sentence, unmatched};
use crate::doctor::Grade;
use crate::ops;
use crate::ops::signal::or_interrupted;
use crate::output::{doctor, printer};

/// Check what builds depend on, and say what to do
///
/// Looks at the cluster, at what setup installed, at Keel and at the chains, and changes nothing. What you may not read is shown as unknown. The exit code is 1 if a check has failed; warnings and what is unknown do not count. docs/doctor.md explains each check.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Check everything
  kubectl studioci doctor

  # Show only what is not well with one chain
  kubectl studioci doctor runner-main -o short

  # Wait until nothing fails any more, in a script
  kubectl studioci doctor --wait=2m -o json")]
pub struct DoctorArgs {
    /// Chain to check (default: all)
    #[arg(value_name = "CHAIN")]
    pub chain: Option<String>,
    /// Output format, one of: json, short, table
    #[arg(short, long, value_name = "FORMAT", default_value = "table", value_parser = form)]
    pub output: DoctorForm,
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
    let asking = ops::doctor::doctor(&cluster, args.chain.as_deref(), args.wait.unwrap_or_default(), clock);
    let Some(findings) = Box::pin(or_interrupted(asking)).await.transpose()? else {
        return Ok(ExitKind::Interrupted);
    };
    if args.output == DoctorForm::Json {
        ctx.console.data(&printer::json(&doctor::object(&findings)))?;
    } else {
        let all = args.output == DoctorForm::Table;
        for (mark, text) in doctor::lines(&findings, all, ctx.settings.stdout) {
            ctx.console.data(&mark)?;
            ctx.console.line(&text)?;
        }
        ctx.console.talk(&doctor::summary(&findings));
    }
    let failed = findings.iter().any(|it| it.opinion.grade == Grade::Failed);
    Ok(if failed { ExitKind::No } else { ExitKind::Done })
}
