//! Ages and durations in kubectl's words (apimachinery's `HumanDuration`).

use jiff::Timestamp;

/// How long from one time to another, as kubectl's AGE column says it.
///
/// Truncates, never rounds. A time up to two seconds ahead of the other clock is `0s`, further ahead `<invalid>`.
pub fn human(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    match () {
        () if seconds < -1 => "<invalid>".to_owned(),
        () if seconds < 0 => "0s".to_owned(),
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if years < 2 => format!("{days}d"),
        () if years < 8 => two(years, "y", days % 365, "d"),
        () => format!("{years}y"),
    }
}

/// As [`human`]; `<unknown>` where the beginning is not known.
pub fn since(from: Option<Timestamp>, to: Timestamp) -> String {
    from.map_or_else(|| "<unknown>".to_owned(), |from| human(from, to))
}

/// Both units, or only the first where nothing is left for the second.
fn two(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    const M: i64 = 60;
    const H: i64 = 60 * M;
    const D: i64 = 24 * H;
    const Y: i64 = 365 * D;

    fn of_millis(millis: i64) -> String {
        let from = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1_000);
        human(from, from + SignedDuration::from_millis(millis))
    }

    #[test]
    fn every_row_and_boundary_of_human_duration() {
        for (seconds, text) in [
            (-3600, "<invalid>"),
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (1, "1s"),
            (119, "119s"),
            (2 * M, "2m"),
            (2 * M + 1, "2m1s"),
            (9 * M + 59, "9m59s"),
            (10 * M, "10m"),
            (10 * M + 59, "10m"),
            (179 * M + 59, "179m"),
            (3 * H, "3h"),
            (3 * H + M, "3h1m"),
            (7 * H + 59 * M + 59, "7h59m"),
            (8 * H, "8h"),
            (8 * H + 59 * M, "8h"),
            (47 * H + 59 * M, "47h"),
            (48 * H, "2d"),
            (49 * H, "2d1h"),
            (7 * D + 23 * H, "7d23h"),
            (8 * D, "8d"),
            (8 * D + 23 * H, "8d"),
            (729 * D, "729d"),
            (2 * Y, "2y"),
            (2 * Y + D, "2y1d"),
            (7 * Y + 364 * D, "7y364d"),
            (8 * Y, "8y"),
            (8 * Y + 364 * D, "8y"),
        ] {
            assert_eq!(of_millis(seconds * 1_000), text, "{seconds} seconds");
        }
    }

    /// `tests/printed` has called Kubernetes' own function.
    #[test]
    fn ten_thousand_durations_are_said_as_kubernetes_says_them() {
        let lines = include_str!("../../tests/data/kubectl-ages.txt").lines();
        let told: Vec<(i64, &str)> = lines
            .map(|line| line.split_once(' ').unwrap())
            .map(|(s, age)| (s.parse().unwrap(), age))
            .collect();
        assert_eq!(told.len(), 10_000);
        for (seconds, age) in told {
            let from = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1_000);
            assert_eq!(human(from, from + SignedDuration::from_secs(seconds)), age, "{seconds} seconds");
        }
    }

    #[test]
    fn parts_of_a_second_are_cut_off_towards_zero() {
        for (millis, text) in [
            (-2_000, "<invalid>"),
            (-1_999, "0s"),
            (-999, "0s"),
            (999, "0s"),
            (119_999, "119s"),
            (599_999, "9m59s"),
        ] {
            assert_eq!(of_millis(millis), text, "{millis} ms");
        }
    }

    #[test]
    fn what_is_not_known_is_said_to_be_unknown() {
        assert_eq!(since(None, Timestamp::UNIX_EPOCH), "<unknown>");
    }
}
