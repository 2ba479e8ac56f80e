//! Base64, as kubeconfigs, Secrets and basic authentication have it.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, PAD};

/// RFC 4648 §4 with padding; bits behind the last byte do not count, as in Go.
const STANDARD: GeneralPurpose = GeneralPurpose::new(&ALPHABET, PAD.with_decode_allow_trailing_bits(true));

/// Bytes as a text.
pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of such a text; its line breaks do not count, as in Go. None if it is no base64.
pub fn of_base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_may_be_broken_into_lines() {
        let text = base64([7; 100]);
        let broken: String = text.split_inclusive('c').flat_map(|line| [line, "\r\n"]).collect();
        assert_eq!(of_base64(&broken), Some(vec![7; 100]));
        assert_eq!((of_base64(""), of_base64("!"), of_base64("AA")), (Some(Vec::new()), None, None));
    }
}
