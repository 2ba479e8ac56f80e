//! When Keel asks the registry: the schedules of rusenask/cron 1.1.0, which Keel uses.
//!
//! They look like cron but are not: **the seconds come first**, in five fields as in six, so `*/5 * * * *` is every
//! five seconds. `@every` counts whole seconds.

use std::fmt;
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::{DateTime, Time};

/// A parsed schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// `@every`: whole seconds, at least one.
    Every(Duration),
    /// Fields, or a word such as `@hourly`.
    Fields(Fields),
}

/// One bit per allowed value of second, minute, hour, day of month, month and day of week (Sunday is 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields([u64; 6]);

/// Why a schedule is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleFault {
    /// Empty: Keel indexes its first byte and the whole process ends.
    Crash,
    /// Unreadable, with Keel's own words: it logs them and falls back to its default schedule.
    Invalid(String),
}

struct FieldRange {
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

/// Stands in a field's bits where the expression had a `*` or `?`.
const STAR: u64 = 1 << 63;
const BOUNDS: [FieldRange; 6] = [
    FieldRange { low: 0, high: 59, names: &[] },
    FieldRange { low: 0, high: 59, names: &[] },
    FieldRange { low: 0, high: 23, names: &[] },
    FieldRange { low: 1, high: 31, names: &[] },
    FieldRange {
        low: 1,
        high: 12,
        names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    },
    FieldRange { low: 0, high: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

impl Schedule {
    /// Reads a schedule; case and spaces matter.
    ///
    /// # Errors
    /// [`ScheduleFault`], which says what Keel does with it.
    pub fn parse(text: &str) -> Result<Self, ScheduleFault> {
        if text.is_empty() {
            return Err(ScheduleFault::Crash);
        }
        if !text.starts_with('@') {
            return Fields::parse(text).map(Self::Fields).map_err(ScheduleFault::Invalid);
        }
        if let Some(duration) = text.strip_prefix("@every ") {
            return match go_duration(duration) {
                Ok(nanoseconds) => Ok(Self::Every(Duration::from_secs(
                    u64::try_from(nanoseconds / 1_000_000_000).unwrap_or_default().max(1),
                ))),
                Err(why) => {
                    Err(ScheduleFault::Invalid(format!("Failed to parse duration {text}: time: {why}")))
                }
            };
        }
        let fields = match text {
            "@yearly" | "@annually" => "0 0 0 1 1 *",
            "@monthly" => "0 0 0 1 * *",
            "@weekly" => "0 0 0 * * 0",
            "@daily" | "@midnight" => "0 0 0 * * *",
            "@hourly" => "0 0 * * * *",
            _ => return Err(ScheduleFault::Invalid(format!("Unrecognized descriptor: {text}"))),
        };
        Fields::parse(fields).map(Self::Fields).map_err(ScheduleFault::Invalid)
    }

    /// When it fires next after `from`, where the first round of `@every` begins; `None` where that is more than five
    /// years off, or never.
    pub fn next_after(&self, from: DateTime) -> Option<DateTime> {
        match self {
            Self::Every(pause) => from.checked_add(*pause).ok(),
            Self::Fields(fields) => fields.next_after(from),
        }
    }
}

impl Fields {
    fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        if !(5..=6).contains(&fields.len()) {
            return Err(format!("Expected 5 to 6 fields, found {}: {text}", fields.len()));
        }
        let mut bits = [0; 6];
        for (i, (bits, bounds)) in bits.iter_mut().zip(&BOUNDS).enumerate() {
            for range in fields.get(i).unwrap_or(&"*").split(',').filter(|range| !range.is_empty()) {
                *bits |= bounds.range(range)?;
            }
        }
        Ok(Self(bits))
    }

    fn allows(&self, field: usize, value: i8) -> bool {
        self.0[field] >> value.unsigned_abs() & 1 == 1
    }

    fn allows_day(&self, at: DateTime) -> bool {
        let day = self.allows(3, at.day());
        let weekday = self.allows(5, at.weekday().to_sunday_zero_offset());
        // As in every cron: two restricted day fields add up, else both must hold.
        let starred = (self.0[3] | self.0[5]) & STAR != 0;
        self.allows(4, at.month()) && if starred { day && weekday } else { day || weekday }
    }

    /// The first second after `from` at which it fires; `None` where that is more than five years off, or never.
    fn next_after(&self, from: DateTime) -> Option<DateTime> {
        let last = from.checked_add(5.years()).ok()?;
        let mut at = from.with().subsec_nanosecond(0).build().ok()?.checked_add(1.second()).ok()?;
        while at <= last {
            // what cannot fire is passed over as a whole
            let midnight = at.date().to_datetime(Time::midnight());
            let hour = at.date().at(at.hour(), 0, 0, 0);
            let minute = at.date().at(at.hour(), at.minute(), 0, 0);
            at = if !self.allows_day(at) {
                midnight.checked_add(1.day()).ok()?
            } else if !self.allows(2, at.hour()) {
                hour.checked_add(1.hour()).ok()?
            } else if !self.allows(1, at.minute()) {
                minute.checked_add(1.minute()).ok()?
            } else if !self.allows(0, at.second()) {
                at.checked_add(1.second()).ok()?
            } else {
                return Some(at);
            };
        }
        None
    }
}

impl FieldRange {
    /// The bits of `number`, `number-number` or `*`, each with an optional `/step`.
    fn range(&self, text: &str) -> Result<u64, String> {
        let (range, step) = match text.split('/').collect::<Vec<_>>()[..] {
            [range] => (range, None),
            [range, step] => (range, Some(step)),
            _ => return Err(format!("Too many slashes: {text}")),
        };
        let ends: Vec<&str> = range.split('-').collect();
        let (low, mut high, star) = match ends[..] {
            ["*" | "?", ..] => (self.low, self.high, STAR),
            [one] => (self.value(one)?, self.value(one)?, 0),
            [low, high] => (self.value(low)?, self.value(high)?, 0),
            _ => return Err(format!("Too many hyphens: {text}")),
        };
        let step = match step {
            None => 1,
            Some(step) => {
                let step = number(step)?;
                // `N/step` runs from N to the end.
                if ends.len() == 1 {
                    high = self.high;
                }
                step
            }
        };
        if low < self.low {
            return Err(format!("Beginning of range ({low}) below minimum ({}): {text}", self.low));
        }
        if high > self.high {
            return Err(format!("End of range ({high}) above maximum ({}): {text}", self.high));
        }
        if low > high {
            return Err(format!("Beginning of range ({low}) beyond end of range ({high}): {text}"));
        }
        if step == 0 {
            return Err(format!("Step of range should be a positive number: {text}"));
        }
        let steps = (low..=high).step_by(usize::try_from(step).unwrap_or(usize::MAX));
        Ok(steps.fold(star, |bits, value| bits | 1 << value))
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        match self.names.iter().position(|name| text.eq_ignore_ascii_case(name)) {
            Some(at) => Ok(self.low + u32::try_from(at).unwrap_or_default()),
            None => number(text),
        }
    }
}

fn number(text: &str) -> Result<u32, String> {
    let fault = |why| format!("Failed to parse int from {text}: strconv.Atoi: parsing \"{text}\": {why}");
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fault("invalid syntax"));
    }
    match text.parse::<i64>() {
        Ok(value @ ..=-1) => Err(format!("Negative number ({value}) not allowed: {text}")),
        // Whatever lies above is out of every field's bounds all the same.
        Ok(value) => Ok(u32::try_from(value).unwrap_or(u32::MAX)),
        Err(_) => Err(fault("value out of range")),
    }
}

/// Go's `time.ParseDuration`: nanoseconds.
fn go_duration(text: &str) -> Result<i128, String> {
    let invalid = || format!("invalid duration {text:?}");
    let (negative, mut rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(number);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if digits.is_empty() || digits == "." || fraction.contains('.') {
            return Err(invalid());
        }
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let scale: i128 = match unit {
            "" => return Err(format!("missing unit in duration {text:?}")),
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(format!("unknown unit {unit:?} in duration {text:?}")),
        };
        let digits_of = |s: &str| if s.is_empty() { Ok(0) } else { s.parse::<i128>() };
        let whole = digits_of(whole).map_err(|_| invalid())?;
        // Digits beyond the eighteenth are less than a nanosecond of any unit.
        let fraction = &fraction[..fraction.len().min(18)];
        let divisor = 10_i128.pow(u32::try_from(fraction.len()).unwrap_or_default());
        let part = digits_of(fraction).map_err(|_| invalid())? * scale / divisor;
        total = whole
            .checked_mul(scale)
            .and_then(|whole| total.checked_add(whole + part))
            .filter(|total| *total <= i128::from(i64::MAX))
            .ok_or_else(invalid)?;
        rest = tail;
    }
    Ok(if negative { -total } else { total })
}

impl fmt::Display for ScheduleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash => f.write_str("the schedule is empty"),
            Self::Invalid(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ScheduleFault {}

#[cfg(test)]
mod tests {
    use super::super::decisions::Decisions;
    use super::*;

    #[test]
    fn every_schedule_is_read_as_keel_reads_it() {
        let rows = Decisions::read().schedules;
        assert_eq!(rows.len(), 25);
        for row in rows {
            let result = match Schedule::parse(&row.schedule) {
                Ok(_) => "ok".to_owned(),
                Err(ScheduleFault::Crash) => {
                    "panic: runtime error: index out of range [0] with length 0".to_owned()
                }
                Err(ScheduleFault::Invalid(why)) => format!("error: {why}"),
            };
            assert_eq!(result, row.result, "{:?}", row.schedule);
        }
    }

    #[test]
    fn every_counts_whole_seconds_from_one() {
        for (text, seconds) in [
            ("@every 1m", 60),
            ("@every 1h30m", 5400),
            ("@every -1s", 1),
            ("@every 0", 1),
            ("@every 300ms", 1),
            ("@every 2.9s", 2),
            ("@every 1.5m", 90),
            ("@every +.5h", 1800),
        ] {
            assert_eq!(Schedule::parse(text), Ok(Schedule::Every(Duration::from_secs(seconds))), "{text}");
        }
    }

    #[test]
    fn durations_that_go_refuses_are_refused_in_its_words() {
        for (text, why) in [
            ("", "invalid duration \"\""),
            ("5", "missing unit in duration \"5\""),
            (".s", "invalid duration \".s\""),
            ("1.2.3s", "invalid duration \"1.2.3s\""),
            ("1s 2s", "unknown unit \"s \" in duration \"1s 2s\""),
            ("9999999h", "invalid duration \"9999999h\""),
        ] {
            assert_eq!(go_duration(text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn the_seconds_come_first() {
        let at = |text: &str| text.parse::<DateTime>().expect("a civil time");
        for (text, when, fires) in [
            ("*/5 * * * *", "2026-01-01T10:10:05", true),
            ("*/5 * * * *", "2026-01-01T10:10:06", false),
            ("0 30 6 * * MON-FRI", "2026-01-02T06:30:00", true),
            ("0 30 6 * * MON-FRI", "2026-01-03T06:30:00", false),
            ("0 0 0 1 * 1", "2026-01-05T00:00:00", true),
            ("0 0 0 1 * 1", "2026-01-01T00:00:00", true),
            ("0 0 0 1 * 1", "2026-01-02T00:00:00", false),
            ("0 0 20/2 * jan *", "2026-01-02T22:00:00", true),
            ("@hourly", "2026-01-02T22:00:00", true),
            ("@hourly", "2026-01-02T22:00:01", false),
        ] {
            let (schedule, when) = (Schedule::parse(text).expect(text), at(when));
            let next = schedule.next_after(when.saturating_sub(1.second()));
            assert_eq!(next == Some(when), fires, "{text} at {when}: {next:?}");
        }
    }

    #[test]
    fn fields_out_of_bounds_are_refused_in_keels_words() {
        for (text, why) in [
            ("60 * * * *", "End of range (60) above maximum (59): 60"),
            ("* * * 0 *", "Beginning of range (0) below minimum (1): 0"),
            ("5-1 * * * *", "Beginning of range (5) beyond end of range (1): 5-1"),
            ("*/0 * * * *", "Step of range should be a positive number: */0"),
            ("1-2-3 * * * *", "Too many hyphens: 1-2-3"),
            ("1/2/3 * * * *", "Too many slashes: 1/2/3"),
            ("-1 * * * *", "Failed to parse int from : strconv.Atoi: parsing \"\": invalid syntax"),
        ] {
            assert_eq!(Schedule::parse(text), Err(ScheduleFault::Invalid(why.to_owned())), "{text}");
        }
    }

    #[test]
    fn the_next_time_that_a_schedule_fires() {
        let at = |text: &str| -> DateTime { text.parse().unwrap() };
        for (schedule, from, next) in [
            ("@hourly", "2026-11-25T10:00:00", "2026-11-25T11:00:00"),
            ("@hourly", "2026-11-25T10:59:59.5", "2026-11-25T11:00:00"),
            ("@daily", "2026-11-25T10:00:00", "2026-11-26T00:00:00"),
            ("@yearly", "2026-11-25T10:00:00", "2027-01-01T00:00:00"),
            ("*/5 * * * *", "2026-11-25T10:00:03", "2026-11-25T10:00:05"),
            ("30 15 2 29 2 *", "2026-11-25T10:00:00", "2028-02-29T02:15:30"),
            ("@every 90m", "2026-11-25T10:00:01", "2026-11-25T11:30:01"),
        ] {
            let read = Schedule::parse(schedule).unwrap();
            assert_eq!(read.next_after(at(from)), Some(at(next)), "{schedule} after {from}");
        }
        let never = Schedule::parse("0 0 0 30 2 *").unwrap();
        assert_eq!(never.next_after(at("2026-01-01T00:00:00")), None);
    }
}
