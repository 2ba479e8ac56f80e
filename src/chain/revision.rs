//! Source revisions as people and builders write them: a commit's whole id, or its first digits.

/// Digits of a commit's id that are enough to mean it, as git shows them.
const SHORTEST: usize = 7;
/// Digits of the longest id there is, a SHA-256.
const LONGEST: usize = 64;

/// Whether a text is a commit's id, or the beginning of one.
pub fn is_commit_id(text: &str) -> bool {
    (SHORTEST..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether two revisions mean the same commit: either may be cut short.
pub fn is_same_commit(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    is_commit_id(short) && is_commit_id(long) && long[..short.len()].eq_ignore_ascii_case(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_the_same_by_its_first_digits_and_a_name_is_never_one() {
        let whole = "9fceb02d0ae598e95dc970b74767f19372d61af8";
        for other in [whole, "9fceb02", "9FCEB02D", &format!("{whole}{}", "0".repeat(24))] {
            assert!(is_same_commit(whole, other) && is_same_commit(other, whole), "{other}");
        }
        for other in ["9fceb03", "9fceb0", "", "main", "v1.2.3-g9fceb02", "fceb02d0", "9fceb02é"] {
            assert!(!is_same_commit(whole, other) && !is_same_commit(other, whole), "{other}");
        }
        assert!(!is_same_commit("main", "main"), "who knows where it was, and where it is");
        assert!(!is_commit_id(&"0".repeat(65)));
    }
}
