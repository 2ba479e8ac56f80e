//! The stand-in is held to what the real Keel was seen to do: every recorded sequence, for every version that it was
//! recorded with, in several phases of Keel's own rhythm.

mod clock;
mod recording;
mod replay;
mod world;

use keel_standin::Version;
use recording::{Recordings, Sequence};
use replay::{Phase, Replay};

/// Phases in which no scan and no poll falls between steps that the recordings set tenths of a second apart to
/// fit between them.
const PHASES: [Phase; 3] = [
    Phase { up_ms: 2400, subsecond_ms: 350 },
    Phase { up_ms: 3300, subsecond_ms: 150 },
    Phase { up_ms: 4600, subsecond_ms: 650 },
];

#[test]
fn the_stand_in_does_what_keel_was_seen_to_do() {
    let recordings = Recordings::read();
    assert_eq!(recordings.sequences.len(), 104);
    let (played, failures) = differences(&recordings.sequences);
    assert!(failures.is_empty(), "{} of {played} differ\n{}", failures.len(), failures.join("\n"));
    assert_eq!(played, 3 * 213, "every recording with every version");
}

/// What no recording shows: the levers, and rules of Keel's code: what an update does with the digest that an earlier
/// one left, that a watch outlives the tag it began with, what waits for a registry that does not answer, and which login one is
/// asked with.
#[test]
fn the_levers_and_the_rest_do_what_they_promise() {
    let sequences: Vec<Sequence> = serde_json::from_str(include_str!("levers.json")).expect("sequences");
    let (played, failures) = differences(&sequences);
    assert!(failures.is_empty(), "{} of {played} differ\n{}", failures.len(), failures.join("\n"));
    assert_eq!(played, 3 * 23);
}

/// How many replays there were, and what differed in them.
fn differences(sequences: &[Sequence]) -> (usize, Vec<String>) {
    let mut played = 0;
    let mut failures = Vec::new();
    for sequence in sequences {
        for version in &sequence.keel {
            let version = Version::parse(version).expect("a known version");
            for phase in PHASES {
                played += 1;
                let differences = Replay::play(sequence, version, phase).differences();
                if !differences.is_empty() {
                    failures.push(format!(
                        "{} with {} in {phase:?}:\n  {}",
                        sequence.name,
                        version.as_str(),
                        differences.join("\n  ")
                    ));
                }
            }
        }
    }
    (played, failures)
}
