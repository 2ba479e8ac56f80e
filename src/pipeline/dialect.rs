//! What a plain scalar means to kubectl.
//!
//! kubectl reads YAML with go-yaml v2 and hands it on as JSON: YAML 1.1 booleans (`y`, `no`, `on`), octal `0644`,
//! `1_000` and `0b11`, integers where a float has no fraction (`1e3`), and strings where a float is out of range
//! (`123e4567`, as git's short hashes may look). YAML 1.2 reads none of these so.

use serde_json::{Number, Value};

/// What a plain scalar is.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `~`, `null`, nothing.
    Null,
    /// `true`, `yes`, `on` …
    Bool(bool),
    /// A number, as the API server gets it.
    Number(Number),
    /// `.inf` and `.nan`, which JSON cannot hold.
    NotFinite,
    /// `<<`, the merge key.
    Merge,
    /// Anything else.
    Text,
}

/// Resolves a plain scalar.
pub fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf"
        | "-.Inf" | "-.INF" => return Scalar::NotFinite,
        "<<" => return Scalar::Merge,
        _ => {}
    }
    match text.as_bytes()[0] {
        b'.' => {
            let digit = |letter: char| letter.is_ascii_digit();
            // between two digits Go skips one `_`
            let parted = text[1..].split('_').all(|part| part.starts_with(digit) && part.ends_with(digit));
            let plain = if parted { text.replace('_', "") } else { text.to_owned() };
            if is_float(&plain) { float(&plain) } else { Scalar::Text }
        }
        b'+' | b'-' | b'0'..=b'9' if !looks_like_date(text) => {
            let plain = text.replace('_', "");
            integer(&plain)
                .map_or_else(|| if is_float(&plain) { float(&plain) } else { Scalar::Text }, Scalar::Number)
        }
        _ => Scalar::Text,
    }
}

/// Whether a text starts as a timestamp does (`2026-01-01`). kubectl reads it as a string but never writes it bare.
pub fn looks_like_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let year =
        parts.next().is_some_and(|part| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_digit()));
    let month = parts
        .next()
        .is_some_and(|part| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()));
    year && month && parts.next().is_some_and(|part| part.starts_with(|digit: char| digit.is_ascii_digit()))
}

/// Whether a text has the shape of a decimal float, whatever its size.
pub fn is_float(text: &str) -> bool {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_good = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    mantissa_good
        && exponent.is_none_or(|text| {
            let text = text.strip_prefix(['-', '+']).unwrap_or(text);
            !text.is_empty() && digits(text)
        })
}

/// Base-60 numbers of YAML 1.1 (`1:30`): strings to kubectl, but numbers to other readers.
pub fn is_sexagesimal(text: &str) -> bool {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let mut parts = whole.split(':');
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let head =
        parts.next().is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()) && digits(part));
    let tail: Vec<&str> = parts.collect();
    let sixty = |part: &&str| match part.as_bytes() {
        [low] => low.is_ascii_digit(),
        [high, low] => (b'0'..=b'5').contains(high) && low.is_ascii_digit(),
        _ => false,
    };
    head && !tail.is_empty() && tail.iter().all(sixty) && digits(fraction)
}

/// An integer in Go's notation: sign, then decimal, `0x`, `0b`, `0o` or a leading `0` for octal.
fn integer(text: &str) -> Option<Number> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match rest.get(..2) {
        Some("0x" | "0X") => (16, &rest[2..]),
        Some("0b" | "0B") => (2, &rest[2..]),
        Some("0o" | "0O") => (8, &rest[2..]),
        Some(_) if rest.starts_with('0') => (8, &rest[1..]),
        _ => (10, rest),
    };
    if !digits.starts_with(|digit: char| digit.is_digit(radix)) {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return i64::try_from(-i128::from(size)).ok().map(Number::from);
    }
    // Go takes an unsigned number that has a sign for none at all.
    if text.starts_with('+') && i64::try_from(size).is_err() {
        return None;
    }
    Some(Number::from(size))
}

/// A float as the API server gets it: JSON without a fraction is an integer there.
fn float(text: &str) -> Scalar {
    /// From here on Go writes an exponent, and the API server reads a float.
    const EXPONENT_FROM: f64 = 1e21;
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => {
            if value.fract() == 0.0 && value.abs() < EXPONENT_FROM {
                // The shortest digits, as Go writes them, not the exact ones.
                let digits = value.to_string();
                let digits = if digits == "-0" { "0" } else { digits.as_str() };
                if let Ok(whole) = digits.parse::<i64>() {
                    return Scalar::Number(whole.into());
                }
            }
            Number::from_f64(value).map_or(Scalar::Text, Scalar::Number)
        }
        // Out of range: go-yaml falls back to the string.
        _ => Scalar::Text,
    }
}

/// The JSON value of a scalar; none for the merge key and what JSON cannot hold.
pub fn json(scalar: Scalar, text: &str) -> Option<Value> {
    match scalar {
        Scalar::Null => Some(Value::Null),
        Scalar::Bool(value) => Some(Value::Bool(value)),
        Scalar::Number(value) => Some(Value::Number(value)),
        Scalar::Text => Some(Value::String(text.to_owned())),
        Scalar::Merge | Scalar::NotFinite => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What kubectl (go-yaml v2, then JSON) makes of a plain scalar.
    #[test]
    fn plain_scalars_read_as_kubectl_reads_them() {
        for (text, expected) in [
            ("y", json!(true)),
            ("yes", json!(true)),
            ("on", json!(true)),
            ("N", json!(false)),
            ("off", json!(false)),
            ("yEs", json!("yEs")),
            ("0644", json!(420)),
            ("012", json!(10)),
            ("08", json!(8)),
            ("0o17", json!(15)),
            ("0x1F", json!(31)),
            ("-0x1F", json!(-31)),
            ("0b11", json!(3)),
            ("0x", json!("0x")),
            ("1_000", json!(1000)),
            ("_1", json!("_1")),
            ("123e4567", json!("123e4567")),
            ("1e3", json!(1000)),
            ("1.0", json!(1)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("+.5", json!(0.5)),
            ("5.", json!(5)),
            ("1e-3", json!(0.001)),
            ("1e21", json!(1e21)),
            ("9fceb02", json!("9fceb02")),
            ("+1", json!(1)),
            ("-0", json!(0)),
            ("-0.0", json!(0)),
            ("-", json!("-")),
            ("--1", json!("--1")),
            ("1__0", json!(10)),
            ("9223372036854775807", json!(9_223_372_036_854_775_807_u64)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("-9223372036854775809", json!(-9_223_372_036_854_775_808.0)),
            ("99999999999999999999", json!(99_999_999_999_999_999_999.0)),
            ("2026-01-01", json!("2026-01-01")),
            ("2026-11-24T20:00:00Z", json!("2026-11-24T20:00:00Z")),
            ("1:30", json!("1:30")),
            ("1.2.3", json!("1.2.3")),
            ("~", Value::Null),
            ("", Value::Null),
            ("Null", Value::Null),
            ("nULL", json!("nULL")),
            ("é", json!("é")),
        ] {
            assert_eq!(json(resolve(text), text), Some(expected), "{text}");
        }
        assert_eq!(resolve(".inf"), Scalar::NotFinite);
        assert_eq!(resolve("<<"), Scalar::Merge);
    }

    #[test]
    fn shapes_that_other_readers_take_for_numbers() {
        for (text, expected) in
            [("1:30", true), ("190:20:30.15", true), ("a:1", false), ("1:90", false), ("12", false)]
        {
            assert_eq!(is_sexagesimal(text), expected, "{text}");
        }
        for (text, expected) in [
            ("2026-01-01", true),
            ("2026-1-1 10:00:00", true),
            ("2026-a", false),
            ("20260-1-1", false),
            ("2026", false),
        ] {
            assert_eq!(looks_like_date(text), expected, "{text}");
        }
    }
}
