//! Durations in flags: Go's notation as kubectl takes it, with days, which is how kubectl shows ages.

use std::time::Duration;

/// Reads `90`, `30s`, `1h30m`, `1.5h`, `200ms`, `1d`.
///
/// # Errors
/// Anything else, a negative one included, with the form that is expected.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    read(text, "a whole number of seconds, or numbers with units (30s, 5m, 1h30m, 1d)")
}

/// Reads an age, which is no bare number: who writes 7 for what is to be deleted hardly means seconds.
///
/// # Errors
/// As [`parse`].
pub(super) fn age(text: &str) -> Result<Duration, String> {
    const FORM: &str = "numbers with units (45m, 12h, 7d, 1d12h)";
    let bare = text != "0" && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if bare { Err(format!("expected {FORM}")) } else { read(text, FORM) }
}

fn read(text: &str, form: &str) -> Result<Duration, String> {
    let fault = || format!("expected {form}");
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map(Duration::from_secs).map_err(|_| fault());
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(fault)?;
        let number: f64 = rest[..digits].parse().map_err(|_| fault())?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => HOUR,
            "d" => 24.0 * HOUR,
            other => return Err(no_unit(number, other).unwrap_or_else(fault)),
        };
        rest = &rest[end..];
        let part = Duration::try_from_secs_f64(number * unit).map_err(|_| fault())?;
        total = total.checked_add(part).ok_or_else(fault)?;
    }
    if text.is_empty() { Err(fault()) } else { Ok(total) }
}

const HOUR: f64 = 3600.0;

/// What to write for a unit that people know and Go does not.
fn no_unit(number: f64, unit: &str) -> Option<String> {
    let hours = number
        * match unit {
            "D" | "day" | "days" => 24.0,
            "w" | "W" | "week" | "weeks" => 168.0,
            "H" | "hour" | "hours" => 1.0,
            _ => return None,
        };
    Some(format!("there is no unit `{unit}`: write {hours}h; the units are d, h, m, s and ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_reads_them() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("90", 90_000),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("200ms", 200),
            ("1m0.5s", 60_500),
            ("1d", 86_400_000),
            ("1d12h", 129_600_000),
            ("0.5d", 43_200_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "x", "-1s", "m", "1.5", "1D", "1.2.3s", "1h ", "99999999999999999999", "1e9h"] {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in ["", "x", "1y"] {
            assert!(parse(text).unwrap_err().contains("1d"), "{text}");
        }
    }

    #[test]
    fn a_unit_that_go_does_not_know_is_told_in_hours() {
        for (text, hours) in
            [("1w", "168h"), ("2weeks", "336h"), ("7D", "168h"), ("1.5days", "36h"), ("3H", "3h")]
        {
            for said in [parse(text), age(text)] {
                assert!(said.unwrap_err().contains(&format!("write {hours};")), "{text}");
            }
        }
    }

    #[test]
    fn an_age_is_no_bare_number() {
        for (text, hours) in [("7d", 168), ("1d12h", 36), ("0.5d", 12), ("0", 0), ("0d", 0)] {
            assert_eq!(age(text), Ok(Duration::from_secs(hours * 3600)), "{text}");
        }
        for text in ["", "d", "-1d", "7d ", "1e9d", "yesterday", "7", "7200"] {
            assert!(age(text).unwrap_err().contains("7d"), "{text}");
        }
    }
}
