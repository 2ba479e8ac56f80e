//! A report as a test suite: a test case for each build, as tools read it that know of `JUnit`'s runners.

use std::fmt::{self, Write as _};

use jiff::{SignedDuration, Timestamp};

use super::{outcome, plain, took, why};
use crate::chain::build::{Phase, Verdict};
use crate::chain::reported::ReportedBuild;
use crate::keel::image::Digest;

/// The builds of a chain; what was built by hand is a suite of its own.
pub(super) fn suites(chain: &str, builds: &[ReportedBuild], now: Timestamp) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let (sides, pushes): (Vec<&ReportedBuild>, Vec<_>) = builds.iter().partition(|it| it.build.is_side());
    if !pushes.is_empty() || sides.is_empty() {
        suite(&mut text, chain, &pushes, now);
    }
    if !sides.is_empty() {
        suite(&mut text, &format!("{chain} (by hand)"), &sides, now);
    }
    text.push_str("</testsuites>\n");
    text
}

fn suite(text: &mut String, name: &str, builds: &[&ReportedBuild], now: Timestamp) {
    let of = |verdict| builds.iter().filter(|it| it.build.verdict == verdict).count();
    let total: SignedDuration = builds.iter().filter_map(|it| took(it, now)).sum();
    let _ = write!(
        text,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
        Xml(name),
        builds.len(),
        of(Some(Verdict::Failed)),
        of(Some(Verdict::Errored)),
        of(Some(Verdict::Cancelled)) + of(None),
        seconds(total),
    );
    let begun = builds.iter().filter_map(|it| it.build.times.get(&Phase::Triggered)).min();
    if let Some(begun) = begun {
        let _ = write!(text, " timestamp=\"{}\"", begun.strftime("%Y-%m-%dT%H:%M:%S"));
    }
    text.push_str(">\n");
    for it in builds {
        case(text, it, now);
    }
    text.push_str("  </testsuite>\n");
}

fn case(text: &mut String, it: &ReportedBuild, now: Timestamp) {
    let name = it.name();
    let _ = write!(text, "    <testcase name=\"{}\" classname=\"{}\"", Xml(&name), Xml(&it.build.chain));
    if let Some(took) = took(it, now) {
        let _ = write!(text, " time=\"{}\"", seconds(took));
    }
    text.push_str(">\n");
    properties(text, it);
    let (message, kind) = (Xml(why(&it.build).unwrap_or_default()), outcome(it));
    let _ = match it.build.verdict {
        Some(Verdict::Passed) => Ok(()),
        Some(Verdict::Failed) => found(text, "failure", &message, kind, it),
        Some(Verdict::Errored) => found(text, "error", &message, kind, it),
        Some(Verdict::Cancelled) | None => {
            writeln!(text, "      <skipped message=\"{kind}: {message}\"/>")
        }
    };
    if !it.logs.is_empty() {
        text.push_str("      <system-out>");
        for log in &it.logs {
            if it.logs.len() > 1 {
                let _ = writeln!(text, "==&gt; {}", Xml(&log.container));
            }
            for line in log.text.lines() {
                let _ = writeln!(text, "{}", Xml(line));
            }
        }
        text.push_str("</system-out>\n");
    }
    text.push_str("    </testcase>\n");
}

/// What was built.
fn properties(text: &mut String, it: &ReportedBuild) {
    let build = &it.build;
    let (tag, digest) = match &build.version {
        Some(version) => (Some(version.tag.as_str()), version.digest().map(Digest::as_str)),
        None => (None, None),
    };
    let known = [
        ("image", build.image.as_deref()),
        ("tag", tag),
        ("digest", digest),
        ("revision", build.revision.as_deref()),
    ];
    if known.iter().all(|(_, value)| value.is_none()) {
        return;
    }
    text.push_str("      <properties>\n");
    for (name, value) in known {
        if let Some(value) = value {
            let _ = writeln!(text, "        <property name=\"{name}\" value=\"{}\"/>", Xml(value));
        }
    }
    text.push_str("      </properties>\n");
}

/// What was found: the cause, and what shows it.
fn found(text: &mut String, element: &str, message: &Xml<'_>, kind: &str, it: &ReportedBuild) -> fmt::Result {
    write!(text, "      <{element} message=\"{message}\" type=\"{kind}\">")?;
    for exit in &it.exits {
        let reason = exit.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        writeln!(text, "container {} exited with {}{}", Xml(&exit.container), exit.code, Xml(&reason))?;
    }
    for event in &it.events {
        writeln!(text, "{}", Xml(event))?;
    }
    writeln!(text, "</{element}>")
}

fn seconds(took: SignedDuration) -> i64 {
    took.as_secs()
}

/// A line as it stands in an attribute or in an element.
///
/// Source of the rule: XML 1.0, 2.2 and 2.4. What no document may hold has another form, or is replaced.
struct Xml<'a>(&'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in plain(self.0).chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' => f.write_str("&#9;")?,
                '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
