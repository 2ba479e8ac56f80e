//! Quantities of Kubernetes: `100m`, `1.5`, `512Mi`, `1e3`.
//!
//! Source of the rules: `ParseQuantity` of k8s.io/apimachinery.

/// Billionths of one.
const UNIT: u128 = 1_000_000_000;
/// The largest quantity that the API knows.
const MOST: u128 = i64::MAX as u128 * UNIT;
/// Digits that count; what is behind them is rounded up.
const DIGITS: usize = 20;

/// A quantity, exact to a billionth; what is smaller is rounded up, away from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

impl Quantity {
    /// Reads a quantity; none of a text that is none. What is beyond the largest is the largest.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix(['+', '-']) {
            Some(unsigned) => (text.starts_with('-'), unsigned),
            None => (false, text),
        };
        let end = unsigned.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(unsigned.len());
        let (number, unit) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let (bits, tens) = scale(unit)?;
        let billionths = of_digits(whole, fraction, bits, tens).min(MOST);
        let billionths = i128::try_from(billionths).ok()?;
        Some(Self(if negative { -billionths } else { billionths }))
    }

    /// How many thousandths, rounded up as a scheduler does; none where it is less than nothing.
    pub fn thousandths(self) -> Option<u128> {
        Some(u128::try_from(self.0).ok()?.div_ceil(UNIT / 1000))
    }

    /// How many whole ones, rounded up; none where it is less than nothing.
    pub fn whole(self) -> Option<u128> {
        Some(u128::try_from(self.0).ok()?.div_ceil(UNIT))
    }
}

/// By which power of two, and of ten, a unit multiplies.
fn scale(unit: &str) -> Option<(u32, i64)> {
    Some(match unit {
        "" => (0, 0),
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        _ => {
            let exponent = unit.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return None;
            }
            let tens = digits.parse::<i64>().unwrap_or(i64::MAX / 2);
            (0, if exponent.starts_with('-') { -tens } else { tens })
        }
    })
}

/// Billionths of a number, saturating.
fn of_digits(whole: &str, fraction: &str, bits: u32, tens: i64) -> u128 {
    let fraction = fraction.trim_end_matches('0');
    let digits = || whole.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0');
    let count = digits().count();
    if count == 0 {
        return 0;
    }
    let kept = count.min(DIGITS);
    let value = digits().take(kept).fold(0, |value, digit| value * 10 + u128::from(digit - b'0'));
    let rest = digits().skip(kept).any(|digit| digit != b'0');
    // twenty digits and 2^60 are less than 2^127
    let value = (value + u128::from(rest)) << bits;
    let length = |count: usize| i64::try_from(count).unwrap_or(i64::MAX / 4);
    let tens = tens + 9 - length(fraction.len()) + length(count - kept);
    let power = u32::try_from(tens.unsigned_abs()).ok().and_then(|tens| 10_u128.checked_pow(tens));
    match power {
        Some(power) if tens < 0 => value.div_ceil(power),
        Some(power) => value.saturating_mul(power),
        // less than any billionth, or more than anything
        None if tens < 0 => 1,
        None => u128::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_read_as_kubernetes_reads_it() {
        const KI: i128 = 1024;
        for (text, billionths) in [
            ("0", 0),
            ("00.00", 0),
            ("1", 1_000_000_000),
            ("+1.", 1_000_000_000),
            (".5", 500_000_000),
            ("100m", 100_000_000),
            ("250u", 250_000),
            ("3n", 3),
            ("0.1n", 1),
            ("1e-400", 1),
            ("1.0000000001", 1_000_000_001),
            ("-1.5", -1_500_000_000),
            ("2k", 2_000 * 1_000_000_000),
            ("1.5Ki", 1_536 * 1_000_000_000),
            ("64Gi", 64 * KI * KI * KI * 1_000_000_000),
            ("1E", 1_000_000_000_000_000_000 * 1_000_000_000),
            ("12e6", 12_000_000 * 1_000_000_000),
            ("12E+3", 12_000 * 1_000_000_000),
            ("1e-3", 1_000_000),
            ("000000000000000000000000000000000000000000007", 7_000_000_000),
            ("0.00000000000000000000000000000000000000000001e44", 1_000_000_000),
            ("100000000000000000000000000000000000000000000e-44", 1_000_000_000),
        ] {
            assert_eq!(Quantity::parse(text), Some(Quantity(billionths)), "{text}");
        }
        for text in [
            "", ".", "-", "+", "m", "Mi", "1.2.3", "1 ", " 1", "1KB", "1ki", "1e", "1e+", "1e1.5", "0x10",
            "inf", "NaN", "--1", "1mm",
        ] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn no_text_however_large_its_number_is_more_than_the_largest_quantity() {
        let digits = "9".repeat(10_000);
        for text in ["8Ei", "9.3E", "1e19", "1e99999999999999999999", digits.as_str(), &format!("{digits}Ei")]
        {
            assert_eq!(Quantity::parse(text), Some(Quantity(i128::try_from(MOST).unwrap())), "{text}");
            assert!(Quantity::parse(&format!("-{text}")) < Quantity::parse("-1"), "{text}");
        }
        assert_eq!(Quantity::parse(&format!("0.{}", "0".repeat(10_000))), Some(Quantity(0)));
        assert_eq!(Quantity::parse(&format!("0.{}1", "0".repeat(10_000))), Some(Quantity(1)));
    }

    #[test]
    fn parts_are_rounded_up_and_what_is_less_than_nothing_is_no_number_of_anything() {
        let of = |text: &str| Quantity::parse(text).unwrap();
        for (text, thousandths, whole) in [("0.1m", 1, 1), ("1500m", 1_500, 2), ("2", 2_000, 2), ("0", 0, 0)]
        {
            assert_eq!(
                (of(text).thousandths(), of(text).whole()),
                (Some(thousandths), Some(whole)),
                "{text}"
            );
        }
        assert_eq!((of("-1n").thousandths(), of("-1").whole()), (None, None));
    }
}
