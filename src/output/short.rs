//! Revisions and digests as people compare them: by their first digits.

/// So many digits of a revision are shown, as git does.
const DIGITS: usize = 7;

/// The text with each whole revision in it, 40 or 64 hexadecimal digits, cut to its first digits: a tag may be one, or end
/// with one.
pub(super) fn short(text: &str) -> String {
    let hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let mut shortened = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(hex) {
        let (before, run) = rest.split_at(begin);
        let (run, behind) = run.split_at(run.find(|c| !hex(c)).unwrap_or(run.len()));
        shortened.push_str(before);
        shortened.push_str(if matches!(run.len(), 40 | 64) { &run[..DIGITS] } else { run });
        rest = behind;
    }
    shortened + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_revision_is_cut_wherever_it_stands_and_nothing_else() {
        let (sha1, sha256) = ("0123456789abcdef".repeat(3)[..40].to_owned(), "0123456789abcdef".repeat(4));
        for (text, expected) in [
            (sha1.clone(), "0123456"),
            (sha256.clone(), "0123456"),
            (format!("main-{sha1}"), "main-0123456"),
            (format!("v1.2.3-{sha1}-amd64"), "v1.2.3-0123456-amd64"),
            (format!("{sha1}.{sha1}"), "0123456.0123456"),
            ("9fceb02".to_owned(), "9fceb02"),
            ("20240105123456".to_owned(), "20240105123456"),
            ("build-0002".to_owned(), "build-0002"),
            (sha1.to_uppercase(), sha1.to_uppercase().as_str()),
            (format!("{sha1}0"), format!("{sha1}0").as_str()),
            ("größe".to_owned(), "größe"),
        ] {
            assert_eq!(short(&text), expected, "{text}");
        }
    }
}
