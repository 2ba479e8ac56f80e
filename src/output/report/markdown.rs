//! A report as Markdown (GitHub's, which most others read, too) that is readable as it stands.
//!
//! What others have said stands in code, where nothing means anything, or in the cell of a table, where every character that
//! may mean something is written as an entity.

use std::fmt::Write as _;

use comfy_table::Table as Grid;
use comfy_table::presets::ASCII_MARKDOWN;
use jiff::{SignedDuration, Timestamp};

use super::{
    UNKNOWN, clock, facts, further, grids, length, outcome, phases, reserved, shown, summary, took, why,
};
use crate::chain::reported::{ReportedBuild, ReportedChain};
use crate::chain::side::number;
use crate::output::console::sanitise;
use crate::output::short::short;

/// Widest bar of a duration.
const BAR: i64 = 10;

/// A build.
pub(super) fn build(it: &ReportedBuild, now: Timestamp) -> String {
    let mut text = format!("# Build {}: {}\n", cell(&it.name()), outcome(it));
    if let Some(why) = why(&it.build) {
        let _ = write!(text, "\n{}\n", code(why));
    }
    let rows = facts(it, now).into_iter().map(|(name, fact)| vec![name.to_owned(), cell(&fact)]);
    text.push_str(&table(&["What", "Is"], rows));
    let rows = phases(&it.build, now);
    if !rows.is_empty() {
        text.push_str("\n## Phases\n");
        let rows = rows.iter().map(|row| vec![row.phase.to_string(), clock(row.from), length(row.took())]);
        text.push_str(&table(&["Phase", "Began", "Took"], rows));
    }
    if !it.exits.is_empty() {
        text.push_str("\n## Containers\n");
        let rows = it.exits.iter().map(|exit| {
            vec![
                cell(&exit.container),
                exit.code.to_string(),
                cell(exit.reason.as_deref().unwrap_or(UNKNOWN)),
            ]
        });
        text.push_str(&table(&["Container", "Exit code", "Reason"], rows));
    }
    if !it.events.is_empty() {
        text.push_str("\n## Events that decided\n\n");
        for event in &it.events {
            let _ = writeln!(text, "- {}", code(event));
        }
    }
    for grid in grids(&it.contents) {
        let _ = writeln!(text, "\n## {}", grid.title);
        let rows = grid.rows.iter().map(|row| row.iter().map(|text| cell(text)).collect());
        text.push_str(&table(grid.headers, rows));
    }
    for left_out in &it.contents.left_out {
        let _ = write!(text, "\n{}\n", cell(left_out));
    }
    for log in &it.logs {
        let (lines, before) = shown(&log.text);
        let _ = write!(text, "\n## End of the log of {}\n\n", code(&log.container));
        if before || log.cut {
            text.push_str("What stands before is left out.\n\n");
        }
        text.push_str(&block(&lines));
    }
    let commands = further(it);
    if !commands.is_empty() {
        text.push_str("\n## To learn more\n\n");
        text.push_str(&block(&commands));
    }
    text
}

/// A chain.
pub(super) fn chain(chain: &ReportedChain, now: Timestamp) -> String {
    let mut text = format!("# Chain {}\n\n{}.\n", cell(&chain.chain), summary(chain));
    if let Some(ended) = &chain.ended {
        let _ = write!(text, "\nEnded: {}\n", code(ended));
    }
    let amounts = chain.reserved();
    let rows = amounts.iter().flat_map(reserved).map(|(name, what)| vec![name.to_owned(), cell(&what)]);
    text.push_str(&table(&["What", "Is"], rows));
    let longest = chain.builds.iter().filter_map(|it| took(it, now)).max();
    let rows = chain.builds.iter().map(|it| {
        let (build, took) = (&it.build, took(it, now));
        let tag = build.version.as_ref().map_or(UNKNOWN, |version| version.tag.as_str());
        vec![
            number(build.generation),
            cell(&it.name()),
            outcome(it).to_owned(),
            length(took),
            bar(took, longest),
            cell(&short(tag)),
            it.ended().map_or_else(|| UNKNOWN.to_owned(), clock),
            cell(why(build).unwrap_or(UNKNOWN)),
        ]
    });
    text.push_str(&table(&["Gen", "Build", "Verdict", "Took", "", "Tag", "Ended", "Why"], rows));
    text
}

/// As long as it took, to the scale of the longest.
fn bar(took: Option<SignedDuration>, longest: Option<SignedDuration>) -> String {
    let (Some(took), Some(longest)) = (took, longest) else { return String::new() };
    let blocks = (took.as_secs() * BAR).checked_div(longest.as_secs()).unwrap_or_default();
    "█".repeat(usize::try_from(blocks.max(1)).unwrap_or(1))
}

/// A table with a blank line before it; nothing for no rows.
fn table(headers: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut grid = Grid::new();
    grid.load_style(ASCII_MARKDOWN);
    grid.set_header(headers.iter().copied());
    grid.add_rows(rows);
    if grid.row_count() == 0 {
        return String::new();
    }
    grid.lines().fold("\n".to_owned(), |mut text, line| {
        let _ = writeln!(text, "{}", line.trim_end());
        text
    })
}

/// A text within a line, as code. Where it has backquotes itself, more of them stand around it.
fn code(text: &str) -> String {
    let text = sanitise(text);
    let fence = "`".repeat(longest_run(&text) + 1);
    // a space at both sides is taken off again
    let space = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Lines of their own, as code.
fn block(lines: &[impl AsRef<str>]) -> String {
    let longest = lines.iter().map(|line| longest_run(line.as_ref())).max().unwrap_or_default();
    let fence = "`".repeat((longest + 1).max(3));
    let mut text = format!("{fence}text\n");
    for line in lines {
        let _ = writeln!(text, "{}", line.as_ref());
    }
    let _ = writeln!(text, "{fence}");
    text
}

/// The most backquotes that stand side by side.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// A text in a heading or in a cell. Letters, digits and what stands between them in names are as they are.
fn cell(text: &str) -> String {
    let text = sanitise(text);
    let mut escaped = String::with_capacity(text.len());
    let mut word = false;
    for c in text.chars() {
        let harmless = c.is_alphanumeric()
            || !c.is_ascii()
            || " .,:;/()='\"%?-+".contains(c)
            || (word && matches!(c, '_' | '@'));
        if harmless {
            escaped.push(c);
        } else {
            let _ = write!(escaped, "&#{};", u32::from(c));
        }
        word = c.is_alphanumeric();
    }
    escaped
}
