//! Side builds: what a person has built beside the chain, by `trigger` or `retry`.
//!
//! They have numbers of their own, far above every generation. So whatever a chain counts by generations (its newest, its
//! predecessors, what it has built) never meets one, also in an agent of an older version.

/// The last number that is a generation's: more pushes than a chain will see, and below 2⁵³, up to which those who read JSON by
/// doubles (`jq`, JavaScript) keep every digit.
const LAST_GENERATION: u64 = 90_000_000;
/// The number of a chain's first side build.
pub const FIRST: u64 = LAST_GENERATION + 1;

/// Whether a number is a side build's, and no generation.
pub fn is_side(number: u64) -> bool {
    number >= FIRST
}

/// What people are told: `4`, or `side-2`.
pub fn number(number: u64) -> String {
    match number.checked_sub(LAST_GENERATION) {
        None | Some(0) => number.to_string(),
        Some(side) => format!("side-{side}"),
    }
}

/// The same in a sentence: `generation 4`, or `side build 2`.
pub fn in_words(number: u64) -> String {
    match number.checked_sub(LAST_GENERATION) {
        None | Some(0) => format!("generation {number}"),
        Some(side) => format!("side build {side}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_json_keeps_its_digits_for_readers_of_doubles() {
        let exact = 1_u64 << 53;
        assert!(FIRST + 1_000_000_000 < exact);
        for number in [LAST_GENERATION, FIRST, FIRST + 1_000_000_000] {
            let read: f64 = serde_json::from_str(&serde_json::json!(number).to_string()).unwrap();
            assert_eq!(format!("{read:.0}"), number.to_string());
        }
    }

    #[test]
    fn a_side_build_is_told_by_its_own_count_and_a_generation_by_its_number() {
        for (given, side, short, long) in [
            (0, false, "0", "generation 0"),
            (4, false, "4", "generation 4"),
            (LAST_GENERATION, false, "90000000", "generation 90000000"),
            (FIRST, true, "side-1", "side build 1"),
            (FIRST + 11, true, "side-12", "side build 12"),
        ] {
            assert_eq!(
                (is_side(given), number(given).as_str(), in_words(given).as_str()),
                (side, short, long)
            );
        }
    }
}
