//! Findings about when Keel looks: the trigger and the schedule.

use super::{Findings, Linted, codes};
use crate::keel::names::{self, Map};
use crate::keel::policy;
use crate::keel::schedule::{Schedule, ScheduleFault};

/// The shortest interval between two looks at a registry that is no burden to it, in seconds.
const POLITE_SECONDS: u64 = 10;

/// Whether Keel polls at all.
pub(super) fn trigger(subject: &Linted, findings: &mut Findings) {
    if policy::polled(subject.labels, subject.annotations) {
        return;
    }
    let at = |map: &Map| map.get(names::TRIGGER).cloned();
    let what = match at(subject.annotations).or_else(|| at(subject.labels)) {
        Some(value) => format!("`{}` is `{value}`", names::TRIGGER),
        None => format!("`{}` is missing", names::TRIGGER),
    };
    findings.warning(
        codes::TRIGGER,
        what,
        "Keel then never asks the registry itself; only a webhook moves this workload.",
        format!("Annotate `{}: {}`.", names::TRIGGER, names::TRIGGER_POLL),
    );
}

/// The schedule by which it polls.
pub(super) fn schedule(subject: &Linted, findings: &mut Findings) {
    if subject.labels.contains_key(names::POLL_SCHEDULE) {
        findings.error(
            codes::LABEL_UNREAD,
            format!("`{}` is a label", names::POLL_SCHEDULE),
            "Keel reads it from the annotations only, and polls by its own default here.",
            format!("Make `{}` an annotation.", names::POLL_SCHEDULE),
        );
    }
    let Some(text) = subject.annotations.get(names::POLL_SCHEDULE) else { return };
    match Schedule::parse(text) {
        Err(ScheduleFault::Crash) => findings.error(
            codes::SCHEDULE, format!("`{}` is empty", names::POLL_SCHEDULE),
            "An empty schedule crashes Keel, for the whole cluster, again after every restart.",
            "Write a schedule such as `@every 1m`, or remove the key.",
        ),
        Err(ScheduleFault::Invalid(why)) => findings.error(
            codes::SCHEDULE, format!("`{}: {text}` is not a schedule: {why}", names::POLL_SCHEDULE),
            "Keel falls back to its own default, usually a minute.",
            "Write `@every` with h, m and s, such as `@every 1m`, or six fields that begin with the seconds; case and \
             spaces count.",
        ),
        Ok(Schedule::Every(interval)) if interval.as_secs() < POLITE_SECONDS => findings.warning(
            codes::SCHEDULE_OFTEN, format!("`{}: {text}` is every {} s", names::POLL_SCHEDULE, interval.as_secs()),
            "Registries limit requests, and Keel's own client throttles itself, so that it is late for everybody.",
            format!("Write `@every {POLITE_SECONDS}s` or more."),
        ),
        Ok(Schedule::Fields(_)) if !text.starts_with('@') && text.split_whitespace().count() == 5 => findings
            .warning(
                codes::SCHEDULE_SECONDS, format!("`{}: {text}` has five fields", names::POLL_SCHEDULE),
                "The first field is the seconds, not the minutes, so that `*/5 * * * *` is every five seconds.",
                "Write all six fields, the seconds first, or `@every 5m`.",
            ),
        Ok(_) => {}
    }
}
