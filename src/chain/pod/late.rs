//! Where a log begins. A node serves no more than the newest file of a log that it has rotated, and does not say that there was
//! another: all that tells is how long after its container a log begins.

use jiff::{SignedDuration, Timestamp};

use super::Container;

/// A log that begins sooner was not rotated: a kubelet looks at most this often which logs are too large.
const SOON: SignedDuration = SignedDuration::from_secs(3);

impl Container {
    /// What is to be said of a log whose first line is of this time, if anything may have been before it.
    pub fn begins_late(&self, first: Timestamp) -> Option<String> {
        let after = first.duration_since(self.begun?);
        (after >= SOON).then(|| {
            format!(
                "begins {} s after its container did: its node has no more of it, and would have rotated away what was before",
                after.as_secs()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_begins_with_its_container_is_whole_and_of_another_nobody_knows() {
        let at = |text: &str| format!("2026-11-29T10:00:{text}Z").parse::<Timestamp>().unwrap();
        let container = Container { begun: Some(at("00")), ..Container::default() };
        for first in ["00", "00.5", "02.999"] {
            assert_eq!(container.begins_late(at(first)), None, "{first}");
        }
        let said = container.begins_late(at("12.7")).unwrap();
        assert!(said.starts_with("begins 12 s after its container did"), "{said}");
        assert!(container.begins_late(at("03")).is_some());
        assert_eq!(Container::default().begins_late(at("12")), None, "a node that does not say when");
    }
}
