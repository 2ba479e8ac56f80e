//! Names and uuids derived from a chain's seed and a generation.
//!
//! Everything here is a function of (seed, generation), so that whoever repeats a claim after a crash walks the same
//! names in the same order and proves the same ownership. The seed stands in Secret `seed-NAME` in home and nowhere else:
//! whoever may not read that can neither foretell the next name, nor occupy it, nor pass a namespace off as the chain's.

use uuid::Uuid;

/// How many names are tried before a name gets a suffix.
const PLAIN_NAMES: u32 = 24;

/// The longest prefix that leaves room for adjective, surname and suffix within the 63 characters of a label.
pub const PREFIX_MAX: usize = 30;
/// Characters of a suffix: there are 2³² of them to a name, more than anybody can occupy, unlike the 6,144 plain names.
const SUFFIX: usize = 8;

/// The prefix of a chain's namespaces unless told otherwise: its name, so that no two chains share one. What is too long is
/// cut, with a short hash of the whole.
pub fn prefix_of(chain: &str) -> String {
    if chain.len() <= PREFIX_MAX {
        return chain.to_owned();
    }
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, chain.as_bytes()).simple().to_string();
    let kept = chain.get(..PREFIX_MAX - 7).unwrap_or(chain).trim_end_matches('-');
    format!("{kept}-{}", &hash[..6])
}

/// The uuid that proves a claim of that generation ours, as long as the head has not settled it.
pub fn owner(seed: Uuid, generation: u64) -> Uuid {
    Uuid::new_v5(&seed, format!("owner/{generation}").as_bytes())
}

/// The names to try for a claim, in order, without end: `<prefix>-<adjective>-<surname>`, later with a suffix.
pub fn sequence(seed: Uuid, generation: u64, prefix: &str) -> impl Iterator<Item = String> {
    (0..).map(move |attempt: u32| {
        let hash = Uuid::new_v5(&seed, format!("name/{generation}/{attempt}").as_bytes());
        let bytes = hash.as_bytes();
        let pick = |at: usize, words: &'static [&'static str]| {
            words[usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]])) % words.len()]
        };
        let name = format!("{prefix}-{}-{}", pick(0, &ADJECTIVES), pick(2, &SURNAMES));
        if attempt < PLAIN_NAMES {
            name
        } else {
            format!("{name}-{}", &hash.simple().to_string()[24..][..SUFFIX])
        }
    })
}

/// A chain's default name, `<repo>-<branch>`, as a DNS label.
///
/// Where a character had to be altered or the name cut, a short hash of the original follows, so that `feature/x`
/// and `feature-x` differ.
pub fn chain_name(repository: &str, branch: &str) -> String {
    // `history-` and 63 characters bound the names of the objects in home
    const MAX: usize = 50;
    let original = format!("{repository}-{branch}");
    let mut name: String = original
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .collect();
    name = name.trim_matches('-').to_owned();
    if name == original && name.len() <= MAX {
        return name;
    }
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, original.as_bytes()).simple().to_string();
    name.truncate(MAX - 7);
    format!("{}-{}", name.trim_end_matches('-'), &hash[..6]).trim_start_matches('-').to_owned()
}

/// Why a text is no DNS label (what Kubernetes calls names of namespaces, and what a chain's name must be).
pub fn label_fault(text: &str, max: usize) -> Option<String> {
    if text.is_empty() {
        Some("is empty".to_owned())
    } else if text.len() > max {
        Some(format!("has {} characters; at most {max} fit", text.len()))
    } else if let Some(c) =
        text.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-'))
    {
        Some(format!("has {c:?}; only a-z, 0-9 and '-' are allowed"))
    } else if text.starts_with('-') || text.ends_with('-') {
        Some("begins or ends with '-'".to_owned())
    } else {
        None
    }
}

/// What keeps a text from being the name of a Secret and of most other objects: labels with dots between them.
pub fn object_fault(text: &str) -> Option<String> {
    if text.len() > 253 {
        return Some(format!("has {} characters; at most 253 fit", text.len()));
    }
    text.split('.').find_map(|label| label_fault(label, 253))
}

/// The longest name of a chain: `history-NAME` must fit into 63 characters.
pub const CHAIN_NAME_MAX: usize = 50;

const ADJECTIVES: [&str; 64] = [
    "able", "agile", "amber", "apt", "blithe", "bold", "brave", "bright", "brisk", "calm", "candid", "clear",
    "clever", "crisp", "daring", "deft", "eager", "early", "exact", "fair", "fine", "firm", "fleet", "fond",
    "frank", "free", "fresh", "gentle", "glad", "grand", "happy", "hardy", "honest", "humble", "jolly",
    "just", "keen", "kind", "lively", "loyal", "lucid", "merry", "mild", "neat", "nimble", "noble",
    "patient", "placid", "plain", "prompt", "proud", "quick", "quiet", "ready", "serene", "sharp", "smart",
    "solid", "steady", "sunny", "swift", "tidy", "vivid", "witty",
];

const SURNAMES: [&str; 96] = [
    "agnesi",
    "allen",
    "antonelli",
    "archimedes",
    "babbage",
    "bardeen",
    "bartik",
    "bell",
    "bohr",
    "boltzmann",
    "boole",
    "bose",
    "cannon",
    "cantor",
    "carson",
    "cauchy",
    "chandrasekhar",
    "chebyshev",
    "clarke",
    "cori",
    "curie",
    "darwin",
    "diophantus",
    "dirac",
    "easley",
    "edison",
    "einstein",
    "euclid",
    "euler",
    "faraday",
    "fermat",
    "fermi",
    "feynman",
    "fourier",
    "franklin",
    "galileo",
    "galois",
    "gauss",
    "germain",
    "goldberg",
    "goodall",
    "gould",
    "hamilton",
    "hawking",
    "heisenberg",
    "hellman",
    "herschel",
    "hilbert",
    "hodgkin",
    "hopper",
    "hypatia",
    "jackson",
    "jennings",
    "johnson",
    "kalman",
    "kepler",
    "khayyam",
    "knuth",
    "kovalevsky",
    "lamarr",
    "laplace",
    "leavitt",
    "lederberg",
    "leibniz",
    "lovelace",
    "mahavira",
    "maxwell",
    "mayer",
    "mcclintock",
    "meitner",
    "mendel",
    "mirzakhani",
    "montalcini",
    "morse",
    "napier",
    "newton",
    "noether",
    "pascal",
    "pasteur",
    "planck",
    "poincare",
    "ptolemy",
    "raman",
    "ramanujan",
    "ride",
    "ritchie",
    "rubin",
    "shannon",
    "somerville",
    "stonebraker",
    "tesla",
    "thompson",
    "torvalds",
    "turing",
    "wiles",
    "yonath",
];

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: Uuid = Uuid::from_u128(7);

    #[test]
    fn a_sequence_repeats_itself_and_differs_between_generations() {
        let names = |generation| sequence(SEED, generation, "ci").take(40).collect::<Vec<_>>();
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
        assert_eq!(names(1)[0].split('-').count(), 3);
        let suffix = names(1)[39].split('-').nth(3).map(str::len);
        assert_eq!(suffix, Some(8), "a long suffix after many collisions: {}", names(1)[39]);
    }

    #[test]
    fn every_name_is_a_dns_label() {
        let prefix = "p".repeat(PREFIX_MAX);
        for name in sequence(SEED, 3, &prefix).take(500) {
            assert_eq!(label_fault(&name, 63), None, "{name}");
        }
    }

    #[test]
    fn altered_chain_names_carry_a_hash() {
        assert_eq!(chain_name("app", "main"), "app-main");
        let slash = chain_name("app", "feature/x");
        assert_ne!(slash, chain_name("app", "feature-x"));
        assert_ne!(slash, chain_name("app", "feature_x"));
        assert!(slash.starts_with("app-feature-x-"), "{slash}");
        let long = chain_name(&"a".repeat(80), "main");
        assert!(long.len() <= CHAIN_NAME_MAX, "{long}");
        assert_eq!(label_fault(&chain_name("_", "…"), 63), None);
    }

    #[test]
    fn every_chain_has_a_prefix_of_its_own() {
        assert_eq!(prefix_of("app-main"), "app-main");
        let long = "a".repeat(CHAIN_NAME_MAX);
        let other = format!("{}b", &long[1..]);
        assert_ne!(prefix_of(&long), prefix_of(&other));
        for chain in [long.as_str(), &other, &format!("{}-{}", "a".repeat(22), "b".repeat(20))] {
            assert_eq!(label_fault(&prefix_of(chain), PREFIX_MAX), None, "{}", prefix_of(chain));
        }
    }

    #[test]
    fn owners_differ_by_generation_and_seed() {
        assert_eq!(owner(SEED, 1), owner(SEED, 1));
        assert_ne!(owner(SEED, 1), owner(SEED, 2));
        assert_ne!(owner(SEED, 1), owner(Uuid::from_u128(8), 1));
    }

    #[test]
    fn label_faults_say_what_is_wrong() {
        for (text, want) in [("", "empty"), ("a_b", "'_'"), ("-a", "begins"), ("abcd", "4 characters")] {
            assert!(label_fault(text, 3).is_some_and(|why| why.contains(want)), "{text}");
        }
    }
}
