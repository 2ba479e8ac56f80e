//! `render --check`: everything that may be wrong with a pipeline, and `--fix` for what has one right answer.

use serde_json::Value;

use super::RenderArgs;
use crate::cli::context::Ctx;
use crate::cli::failure::{ExitKind, Failure};
use crate::cli::mistake::Mistake;
use crate::cli::output::{Sentence, unmatched};
use crate::keel::lint::Severity;
use crate::local::files;
use crate::local::render::{Renderer, Unrendered};
use crate::output::printer;
use crate::pipeline::facts::Reads;
use crate::pipeline::lint::{LintFinding, edited};
use crate::pipeline::sources::{Sources, Text};

/// `-o json`, where that is all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnlyJson;

pub(super) fn only_json(text: &str) -> Result<OnlyJson, Sentence> {
    if text == "json" { Ok(OnlyJson) } else { Err(unmatched(text, &["json"])) }
}

pub(super) fn run(args: &RenderArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let mut sources = args.pipeline.sources()?;
    let reads = match Renderer::person().reads(sources.template.clone()) {
        Ok(reads) => reads,
        // found again, and told with all that is
        Err(Unrendered::Faulty(_)) => Reads::default(),
        Err(other) => return Err(other.into()),
    };
    let facts = args.pipeline.facts(&reads, false)?;
    args.pipeline.warn_of_env(&reads, &facts, &mut ctx.console);
    let look = |sources: &Sources| Renderer::person().findings(sources.clone(), facts.clone());
    let mut findings = look(&sources)?;
    if args.fix && findings.iter().any(|finding| finding.edit.is_some()) {
        if files::is_stdin(&args.pipeline.filename) && !args.dry_run.asked.is_dry() {
            return Err(Mistake::FixOfStdin {}.into());
        }
        let (text, changed) = edited(&sources.template.text, &findings);
        let fixed = Sources { template: Text { text, ..sources.template.clone() }, ..sources.clone() };
        let left = look(&fixed)?;
        if is_better(&findings, &left) {
            if !args.dry_run.asked.is_dry() {
                files::replace(&args.pipeline.filename, &sources.template.text, &fixed.template.text)
                    .map_err(Mistake::from)?;
            }
            show_changes(&sources.template.name, &changed, ctx);
            (sources, findings) = (fixed, left);
        } else {
            let name = &sources.template.name;
            ctx.console
                .warning(&format!("{name} is left as it is: mended, it would be wrong in another way"));
        }
    }
    if args.output.is_some() {
        let objects = findings.iter().map(LintFinding::object).collect();
        ctx.console.data(&printer::json(&Value::Array(objects)))?;
    } else {
        for line in
            findings.iter().flat_map(|it| it.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
        {
            ctx.console.line(&line)?;
        }
    }
    ctx.console.talk(&format!("{}: {}", sources.template.name, counted(&findings)));
    Ok(if findings.iter().any(LintFinding::counts) { ExitKind::No } else { ExitKind::Done })
}

/// Whether what is found after the edits was found before, and is less.
fn is_better(before: &[LintFinding], after: &[LintFinding]) -> bool {
    let same = |a: &LintFinding, b: &LintFinding| a.code == b.code && a.fault.what == b.fault.what;
    after.len() < before.len() && after.iter().all(|it| before.iter().any(|old| same(old, it)))
}

/// The lines that changed, as a patch shows them.
fn show_changes(name: &str, changed: &[(usize, String, String)], ctx: &mut Ctx) {
    ctx.console.talk(&format!("--- {name}"));
    ctx.console.talk(&format!("+++ {name}"));
    for (line, before, after) in changed {
        ctx.console.talk(&format!("@@ -{line} +{line} @@"));
        ctx.console.talk(&format!("-{before}"));
        ctx.console.talk(&format!("+{after}"));
    }
}

/// `2 errors, 1 warning`.
fn counted(findings: &[LintFinding]) -> String {
    let of = |severity: Severity| {
        let count = findings.iter().filter(|it| it.severity == severity).count();
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {severity}{plural}"))
    };
    let counts: Vec<String> =
        [Severity::Error, Severity::Warning, Severity::Note].into_iter().filter_map(of).collect();
    if counts.is_empty() { "nothing found".to_owned() } else { counts.join(", ") }
}
