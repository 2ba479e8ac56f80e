//! What an agent is about to try, written down before it does: a push that ends the agent itself is found by its next
//! start, which says so instead of trying for ever.

use std::fmt;
use std::str::FromStr;

/// How many starts must find the same push being tried. One alone may be a node that was drained, or a restart by hand,
/// and that must not cost a good push.
pub const STARTS: u32 = 3;

/// A push that is being tried, and how many starts of its agent have found it so. On the wire: `COUNT VERSION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trying {
    /// Starts that found it being tried.
    pub found: u32,
    /// Tag and digest of the push.
    pub version: String,
}

impl Trying {
    /// What a start of an agent that is to try `version` writes down: `before` is what it found. `killed`: whether the run
    /// before it took more memory than its container may.
    ///
    /// # Errors
    /// That it must not be tried again, and why.
    pub fn next(before: Option<&Self>, version: &str, killed: bool) -> Result<Self, String> {
        let found = before.filter(|before| before.version == version).map_or(0, |before| before.found + 1);
        if found > 0 && killed {
            return Err("it took more memory than its agent's container may have, and ended it (OOMKilled)"
                .to_owned());
        }
        if found >= STARTS {
            return Err(format!("its agent ended {found} times while it was checking it"));
        }
        Ok(Self { found, version: version.to_owned() })
    }
}

impl fmt::Display for Trying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.found, self.version)
    }
}

impl FromStr for Trying {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (found, version) = text.split_once(' ').ok_or(())?;
        Ok(Self { found: found.parse().map_err(|_| ())?, version: version.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_start_that_finds_it_gives_up() {
        let mut written = None;
        for found in 0..3 {
            let next = Trying::next(written.as_ref(), "build-2@sha256:a", false).unwrap();
            assert_eq!(next.found, found);
            assert_eq!(next.to_string().parse(), Ok(next.clone()));
            written = Some(next);
        }
        let why = Trying::next(written.as_ref(), "build-2@sha256:a", false).unwrap_err();
        assert_eq!(why, "its agent ended 3 times while it was checking it");
        assert_eq!(Trying::next(written.as_ref(), "build-3", false).unwrap().found, 0, "another push");
    }

    #[test]
    fn memory_that_it_took_counts_at_once_and_only_its_own() {
        let before = Trying::next(None, "build-2", true).unwrap();
        assert_eq!(before.found, 0, "what was killed before it began to try is not its doing");
        assert!(Trying::next(Some(&before), "build-2", true).unwrap_err().contains("OOMKilled"));
        assert_eq!(Trying::next(Some(&before), "build-3", true).unwrap().found, 0);
    }

    #[test]
    fn what_was_edited_by_hand_is_nothing() {
        for text in ["", "1", "x build-2", "-1 build-2"] {
            assert_eq!(text.parse::<Trying>(), Err(()), "{text}");
        }
    }
}
