//! Everything that may be wrong with a pipeline, each with its name, its place in the template, and what to do about it.
//!
//! Faults, what an operation warns of, and what is looked for only here are one list. A comment `check: allow CODE` on the
//! line or right above it lets a finding pass that is no error.

mod edit;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::edit::{LintEdit, edited};
use super::codes;
use super::documents::Document;
use super::facts::Facts;
use super::fault::{Fault, Location, Origin};
use super::notice::{LintCode, LintFix, PlanNotice, Severity};
use super::plan;
use super::sources::Sources;
use super::template::RENDERED;
use super::weave::lint as look;

/// One thing that may be wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintFinding {
    /// Its stable name.
    pub code: LintCode,
    /// How much it matters.
    pub severity: Severity,
    /// What, where, why, and what to do.
    pub fault: Fault,
    /// The last line of its place.
    pub end_line: usize,
    /// The object, flag or file that it is about, where the fault does not say so itself.
    pub about: Option<String>,
    /// What would mend it.
    pub edit: Option<LintEdit>,
}

impl LintFinding {
    /// Whether a check fails for it.
    pub fn counts(&self) -> bool {
        self.severity != Severity::Note
    }

    /// As an object; `docs/lints.md` says what is in it.
    pub fn object(&self) -> Value {
        let place = self.fault.place.as_deref();
        let mut object = json!({
            "code": self.code,
            "severity": self.severity,
            "message": self.fault.what,
            "fixable": self.edit.is_some(),
        });
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                object[name] = value;
            }
        };
        put("file", place.map(|place| json!(place.file)));
        put("line", place.map(|place| json!(place.line)));
        put("endLine", place.map(|_| json!(self.end_line)));
        put("column", place.filter(|place| place.column > 0).map(|place| json!(place.column)));
        put("object", self.about.as_ref().map(|about| json!(about)));
        put("why", self.fault.why.as_ref().map(|why| json!(why)));
        put("remedy", self.fault.hint.as_ref().map(|hint| json!(hint)));
        object
    }
}

impl fmt::Display for LintFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = self.about.as_ref().map(|about| format!("{about}: ")).unwrap_or_default();
        let what = format!("{about}{} [{}]", self.fault.what, self.code);
        write!(f, "{}: {}", self.severity, Fault { what, ..self.fault.clone() })
    }
}

/// Looks for everything, in the order of the template's lines.
pub fn findings(sources: &Sources, facts: &Facts) -> Vec<LintFinding> {
    let (rendered, planned) = plan::examined(sources, facts);
    let (text, masked, documents) = rendered
        .as_ref()
        .map_or(("", "", &[][..]), |it| (it.text.as_str(), it.masked.as_str(), it.documents.as_slice()));
    let places = Places { sources, rendered: text, masked, documents };
    let mut found: Vec<LintFinding> = Vec::new();
    let (plan, mut notices) = match planned {
        Ok(plan) => {
            let notices = plan.notices.clone();
            (Some(plan), notices)
        }
        Err(faults) => {
            found.extend(faults.into_iter().map(|fault| places.of_fault(fault)));
            (None, rendered.iter().flat_map(|it| it.notices.clone()).collect())
        }
    };
    notices.extend(look::notices(documents, plan.as_ref()));
    let notices = notices.into_iter().filter_map(|notice| places.of_notice(notice));
    found.extend(notices.filter(|it| !places.lets_pass(it)));
    // a word that is refused where it stands is told once
    let refused: Vec<_> = found.iter().filter(|it| it.severity == Severity::Error).map(place_of).collect();
    found.retain(|it| it.code != codes::OLD_BOOLEAN || !refused.contains(&place_of(it)));
    hide(&mut found, &places, &look::secrets(documents));
    found.sort_by_key(|it| it.fault.place.as_ref().map_or((0, 0), |place| (place.line, place.column)));
    found.dedup();
    found
}

fn place_of(finding: &LintFinding) -> Option<usize> {
    finding.fault.place.as_ref().map(|place| place.line)
}

/// Takes values that are secrets out of all that is said of their lines.
fn hide(found: &mut [LintFinding], places: &Places<'_>, secrets: &[(usize, String)]) {
    let mut of_line: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (line, secret) in secrets.iter().filter(|(_, secret)| !secret.is_empty()) {
        of_line.entry(*line).or_default().push(secret);
        // the template has it, too, on whatever line of its own
        let rendered = places.rendered_line(*line);
        let lines = places.sources.template.text.lines().enumerate();
        for (index, _) in lines.filter(|(_, text)| *text == rendered) {
            of_line.entry(index + 1).or_default().push(secret);
        }
    }
    for finding in found {
        let Some(place) = &mut finding.fault.place else { continue };
        let lines = place.line..=finding.end_line.max(place.line);
        for secret in of_line.range(lines).flat_map(|(_, secrets)| secrets) {
            let masked = |text: &str| text.replace(secret, "***");
            place.text = masked(&place.text);
            finding.fault.what = masked(&finding.fault.what);
            finding.fault.hint = finding.fault.hint.as_deref().map(masked);
            finding.edit = None;
        }
    }
}

/// What leads from the rendered text to the template.
struct Places<'a> {
    sources: &'a Sources,
    rendered: &'a str,
    /// The rendered text as it may be shown.
    masked: &'a str,
    documents: &'a [Document],
}

impl Places<'_> {
    fn rendered_line(&self, line: usize) -> &str {
        self.rendered.lines().nth(line.saturating_sub(1)).unwrap_or_default()
    }

    fn template_line(&self, line: usize) -> &str {
        self.sources.template.text.lines().nth(line.saturating_sub(1)).unwrap_or_default()
    }

    /// The place in the template: the column only where the lines are the same up to there.
    fn in_template(&self, first: usize, (line, column): (usize, usize)) -> Location {
        let text = self.template_line(first);
        let before = column.saturating_sub(1);
        let same = text.chars().count() > before
            && text.chars().take(before).eq(self.rendered_line(line).chars().take(before));
        Location {
            file: self.sources.template.name.clone(),
            line: first,
            column: if same { column } else { 0 },
            text: text.to_owned(),
        }
    }

    /// The edit of the template that mends it, if the word stands there as it is rendered.
    fn edit(&self, fix: Option<LintFix>, first: usize, last: usize) -> Option<LintEdit> {
        let LintFix { line, column, written, instead } = fix.filter(|_| first == last)?;
        let end = column - 1 + written.chars().count();
        let template = self.template_line(first);
        let up_to = |text: &str| text.chars().take(end).collect::<String>();
        let stands =
            up_to(template) == up_to(self.rendered_line(line)) && up_to(template).ends_with(&written);
        stands.then_some(LintEdit { line: first, column, written, instead })
    }

    fn of_fault(&self, mut fault: Fault) -> LintFinding {
        let (code, fix) = match fault.named.take() {
            Some(named) => (named.code, named.fix),
            None => (codes::UNUSABLE.into(), None),
        };
        let mut finding =
            LintFinding { code, severity: Severity::Error, end_line: 0, about: None, edit: None, fault };
        if let Some(origin) = finding.fault.origin.take() {
            let Origin { first, last, hidden, .. } = *origin;
            let place = finding.fault.place.take().map_or((0, 0), |place| (place.line, place.column));
            let mut place = self.in_template(first, place);
            if hidden {
                place.text.clear();
            }
            finding.edit = self.edit(fix, first, last).filter(|_| !hidden);
            finding.end_line = last;
            finding.fault.place = Some(Box::new(place));
        } else if let Some(place) = &finding.fault.place {
            finding.end_line = place.line;
        }
        finding
    }

    /// None of what is no finding.
    fn of_notice(&self, notice: PlanNotice) -> Option<LintFinding> {
        let PlanNotice { code, severity, about, lines, place, text, why, remedy, fix } = notice;
        let mut fault = Fault::new(text);
        // a warning of such a value is short
        let unread = || "have the template read it, or take it out".to_owned();
        let is_unread = code.as_deref() == Some(codes::VALUE_UNREAD);
        (fault.why, fault.hint) = (why, remedy.or_else(|| is_unread.then(unread)));
        let (mut end_line, mut edit) = (0, None);
        if let Some(lines) = lines {
            end_line = *lines.end();
            edit = self.edit(fix, *lines.start(), end_line);
            fault = fault.at(self.in_template(*lines.start(), place.unwrap_or_default()));
        } else if let Some((line, column)) = place {
            end_line = line;
            fault = fault.at(Location::of(RENDERED, self.masked, line, column));
        }
        let hidden = place.is_some_and(|(line, _)| self.documents.iter().any(|it| it.hides(line)));
        if let Some(place) = fault.place.as_mut().filter(|_| hidden) {
            place.text.clear();
        }
        Some(LintFinding { code: code?, severity, fault, end_line, about: Some(about), edit })
    }

    /// Whether a comment says that this is meant.
    fn lets_pass(&self, finding: &LintFinding) -> bool {
        let Some(place) = finding.fault.place.as_ref().filter(|place| place.file != RENDERED) else {
            return false;
        };
        let allows = |line: usize| allowed(self.template_line(line)).any(|code| code == finding.code);
        let above = (1..place.line).rev().take_while(|line| {
            let text = self.template_line(*line).trim_start();
            text.starts_with('#') || text.starts_with("{#")
        });
        (place.line..=finding.end_line).chain(above).any(allows)
    }
}

/// What introduces codes in a comment.
const ALLOW: &str = "check: allow ";

/// The codes that a comment of a line lets pass: `# check: allow latest, shared-claim`.
fn allowed(line: &str) -> impl Iterator<Item = &str> {
    let comment = line.find('#').map_or("", |at| &line[at..]);
    let codes = comment.split_once(ALLOW).map_or("", |(_, codes)| codes);
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ',' | ' ');
    let codes = &codes[..codes.find(|c| !is_part(c)).unwrap_or(codes.len())];
    codes.split(',').filter_map(|code| code.split_whitespace().next())
}
