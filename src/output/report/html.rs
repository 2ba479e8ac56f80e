//! A report as a page: one file that needs nothing from elsewhere, and runs nothing.

use std::fmt::{self, Write as _};

use jiff::{SignedDuration, Timestamp};

use super::{
    PhaseRow, UNKNOWN, clock, facts, further, grids, length, outcome, phases, plain, reserved, shown,
    summary, took, why,
};
use crate::chain::build::Phase;
use crate::chain::reported::{ReportedBuild, ReportedChain};
use crate::chain::side::number;
use crate::output::short::short;

/// The page's looks, light and dark.
const STYLE: &str = include_str!("page.css");
/// Units of a time line, of which the page makes the width that there is.
const UNITS: i128 = 1000;
/// Units of the highest bar.
const HEIGHT: i128 = 60;
/// So many bars at least share the width.
const BARS: usize = 24;

/// A build.
pub(super) fn build(it: &ReportedBuild, now: Timestamp) -> String {
    let (name, outcome) = (it.name(), outcome(it));
    let mut body = format!(
        "<header class=\"{outcome}\">\n<p class=\"kind\">Build of {}</p>\n<h1><bdi>{}</bdi> <span class=\"verdict\">{outcome}</span></h1>\n",
        Html(&it.build.chain),
        Html(&name)
    );
    if let Some(why) = why(&it.build) {
        let _ = writeln!(body, "<p class=\"why\">{}</p>", Html(why));
    }
    body.push_str("</header>\n");
    list(&mut body, facts(it, now));
    let rows = phases(&it.build, now);
    if !rows.is_empty() {
        body.push_str("<h2>Phases</h2>\n");
        time_line(&mut body, &rows);
        let cells = rows.iter().map(|row| {
            let phase = row.phase;
            format!(
                "<td><span class=\"key {phase}\"></span>{phase}</td><td>{}</td><td>{}</td>",
                clock(row.from),
                length(row.took())
            )
        });
        table(&mut body, &["Phase", "Began", "Took"], cells);
    }
    if !it.exits.is_empty() {
        body.push_str("<h2>Containers</h2>\n");
        let cells = it.exits.iter().map(|exit| {
            let reason = exit.reason.as_deref().unwrap_or(UNKNOWN);
            format!("<td>{}</td><td>{}</td><td>{}</td>", Html(&exit.container), exit.code, Html(reason))
        });
        table(&mut body, &["Container", "Exit code", "Reason"], cells);
    }
    if !it.events.is_empty() {
        body.push_str("<h2>Events that decided</h2>\n<ul>\n");
        for event in &it.events {
            let _ = writeln!(body, "<li>{}</li>", Html(event));
        }
        body.push_str("</ul>\n");
    }
    for grid in grids(&it.contents) {
        let _ = writeln!(body, "<h2>{}</h2>", grid.title);
        let cells = grid.rows.iter().map(|row| {
            row.iter().fold(String::new(), |mut cells, text| {
                let _ = write!(cells, "<td>{}</td>", Html(text));
                cells
            })
        });
        table(&mut body, grid.headers, cells);
    }
    for left_out in &it.contents.left_out {
        let _ = writeln!(body, "<p class=\"note\">{}</p>", Html(left_out));
    }
    for log in &it.logs {
        let (lines, before) = shown(&log.text);
        let _ = writeln!(body, "<h2>End of the log of <bdi>{}</bdi></h2>", Html(&log.container));
        if before || log.cut {
            body.push_str("<p class=\"note\">What stands before is left out.</p>\n");
        }
        block(&mut body, &lines);
    }
    let commands = further(it);
    if !commands.is_empty() {
        body.push_str("<h2>To learn more</h2>\n");
        block(&mut body, &commands);
    }
    page(&format!("{outcome}: {name}"), &body)
}

/// A chain.
pub(super) fn chain(chain: &ReportedChain, now: Timestamp) -> String {
    let mut body = format!(
        "<header>\n<p class=\"kind\">Chain</p>\n<h1><bdi>{}</bdi></h1>\n<p class=\"why\">{}.</p>\n",
        Html(&chain.chain),
        summary(chain)
    );
    if let Some(ended) = &chain.ended {
        let _ = writeln!(body, "<p class=\"note\">Ended: {}</p>", Html(ended));
    }
    body.push_str("</header>\n");
    if let Some(it) = chain.reserved() {
        list(&mut body, reserved(&it));
    }
    if !chain.builds.is_empty() {
        let (sides, pushes): (Vec<&ReportedBuild>, Vec<_>) =
            chain.builds.iter().partition(|it| it.build.is_side());
        bars(&mut body, &pushes, "push", now);
        bars(&mut body, &sides, "build by hand", now);
        let cells = chain.builds.iter().map(|it| {
            let (build, outcome) = (&it.build, outcome(it));
            let tag = build.version.as_ref().map_or(UNKNOWN, |version| version.tag.as_str());
            format!(
                "<td>{}</td><td>{}</td><td class=\"{outcome}\"><span class=\"verdict\">{outcome}</span></td>\
                 <td>{}</td><td>{}</td><td>{}</td><td class=\"long\">{}</td>",
                number(build.generation),
                Html(&it.name()),
                length(took(it, now)),
                Html(&short(tag)),
                it.ended().map_or_else(|| UNKNOWN.to_owned(), clock),
                Html(why(build).unwrap_or(UNKNOWN)),
            )
        });
        table(&mut body, &["Gen", "Build", "Verdict", "Took", "Tag", "Ended", "Why"], cells);
    }
    page(&format!("Chain {}", chain.chain), &body)
}

/// What is known, by what it is called.
fn list(body: &mut String, facts: Vec<(&'static str, String)>) {
    body.push_str("<dl>\n");
    for (name, fact) in facts {
        let _ = writeln!(body, "<dt>{name}</dt><dd>{}</dd>", Html(&fact));
    }
    body.push_str("</dl>\n");
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        Html(title)
    )
}

/// Where a build's time went, from the push on: what a listener has waited before would leave no room for it.
fn time_line(body: &mut String, rows: &[PhaseRow]) {
    let rows = rows.iter().filter(|row| row.phase >= Phase::Triggered);
    let rows: Vec<(&PhaseRow, Timestamp)> = rows.filter_map(|row| Some((row, row.to?))).collect();
    let (Some((first, _)), Some((_, end))) = (rows.first(), rows.last()) else { return };
    let (begin, end) = (first.from, *end);
    let whole = end.duration_since(begin).as_millis();
    if whole <= 0 {
        return;
    }
    let unit = |at: Timestamp| (at.duration_since(begin).as_millis() * UNITS / whole).clamp(0, UNITS);
    let _ = writeln!(
        body,
        "<svg class=\"line\" role=\"img\" aria-label=\"Time line of the phases, to scale\" viewBox=\"0 0 {UNITS} 20\" \
         preserveAspectRatio=\"none\">"
    );
    for (row, to) in &rows {
        let (x, phase) = (unit(row.from), row.phase);
        // what took no time to speak of is seen all the same
        let width = (unit(*to) - x).max(2);
        let _ = writeln!(
            body,
            "<rect class=\"{phase}\" x=\"{x}\" y=\"0\" width=\"{width}\" height=\"20\"><title>{phase}: {}</title></rect>",
            length(row.took())
        );
    }
    let _ = writeln!(
        body,
        "</svg>\n<p class=\"ends\"><span>{}</span><span>{}</span></p>",
        clock(begin),
        length(Some(end.duration_since(begin)))
    );
}

/// A bar for each of these builds, the oldest first, as high as it took long. `of`: what each of them was.
fn bars(body: &mut String, builds: &[&ReportedBuild], of: &str, now: Timestamp) {
    if builds.is_empty() {
        return;
    }
    let longest = builds.iter().filter_map(|it| took(it, now)).max().unwrap_or(SignedDuration::ZERO);
    let width = builds.len().max(BARS) * 10;
    let _ = writeln!(
        body,
        "<svg class=\"bars\" role=\"img\" aria-label=\"A bar for each {of}, as high as it took long\" viewBox=\"0 0 {width} {HEIGHT}\" \
         preserveAspectRatio=\"none\">"
    );
    for (index, it) in builds.iter().rev().enumerate() {
        let took = took(it, now);
        let millis = took.unwrap_or(SignedDuration::ZERO).as_millis();
        let height = (millis * HEIGHT).checked_div(longest.as_millis()).unwrap_or_default().max(2);
        let outcome = outcome(it);
        let _ = writeln!(
            body,
            "<rect class=\"{outcome}\" x=\"{}\" y=\"{}\" width=\"8\" height=\"{height}\"><title>{}: {outcome}, {}</title></rect>",
            index * 10 + 1,
            HEIGHT - height,
            Html(&it.name()),
            length(took)
        );
    }
    let _ = writeln!(
        body,
        "</svg>\n<p class=\"ends\"><span>each {of}, oldest first</span><span>highest: {}</span></p>",
        length(Some(longest))
    );
}

/// A table of rows whose cells are written already; it scrolls for itself where it is wider than the page.
fn table(body: &mut String, headers: &[&str], rows: impl Iterator<Item = String>) {
    body.push_str("<div class=\"scroll\"><table>\n<thead><tr>");
    for header in headers {
        let _ = write!(body, "<th scope=\"col\">{header}</th>");
    }
    body.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        let _ = writeln!(body, "<tr>{row}</tr>");
    }
    body.push_str("</tbody>\n</table></div>\n");
}

fn block(body: &mut String, lines: &[impl AsRef<str>]) {
    body.push_str("<pre>");
    for line in lines {
        let _ = writeln!(body, "{}", Html(line.as_ref()));
    }
    body.push_str("</pre>\n");
}

/// A text as it stands in an element or in an attribute with quotes.
///
/// Source of the rule: the HTML standard, 13.1.2.3 and 13.1.2.4. Whatever steers or turns a line has another form.
struct Html<'a>(&'a str);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in plain(self.0).chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
