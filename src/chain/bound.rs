//! How long was waited, in the words of errors.

use std::fmt;
use std::time::Duration;

/// A time that is over: in seconds, or where it was less than one, in what it had at least one of. To one decimal, since nobody
/// needs more of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeBound(pub Duration);

impl fmt::Display for TimeBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let tenths_of = |unit: u128| (nanos * 10 + unit / 2) / unit;
        // what would be rounded up to a thousand of these is one of the next
        let fits = |unit| tenths_of(unit) < 10_000;
        let (unit, name) = match nanos {
            0 => (1_000_000_000, "s"),
            1..1_000 => (1, "ns"),
            _ if fits(1_000) => (1_000, "µs"),
            _ if fits(1_000_000) => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let tenths = tenths_of(unit);
        match tenths % 10 {
            0 => write!(f, "{} {name}", tenths / 10),
            tenth => write!(f, "{}.{tenth} {name}", tenths / 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_never_said_as_nothing_and_never_with_more_than_is_needed() {
        for (nanos, said) in [
            (0, "0 s"),
            (1, "1 ns"),
            (999, "999 ns"),
            (1_500, "1.5 µs"),
            (1_000_000, "1 ms"),
            (250_000_000, "250 ms"),
            (950_000_000, "950 ms"),
            (999_960, "1 ms"),
            (999_940_000, "999.9 ms"),
            (999_999_999, "1 s"),
            (1_000_000_000, "1 s"),
            (1_500_000_000, "1.5 s"),
            (14_998_000_000, "15 s"),
            (15_003_000_000, "15 s"),
            (90_000_000_000, "90 s"),
            (7_200_000_000_000, "7200 s"),
        ] {
            assert_eq!(TimeBound(Duration::from_nanos(nanos)).to_string(), said, "{nanos} ns");
        }
        assert_eq!(TimeBound(Duration::MAX).to_string(), format!("{} s", u128::from(u64::MAX) + 1));
    }
}
