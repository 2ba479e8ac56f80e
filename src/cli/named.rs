//! How a person names a build or a chain: by its name, or as `-o name` prints it, as `namespace/NAME` and `chain/NAME`.

use crate::chain::named::{MeantName, NamedKind};
use crate::chain::names;

/// What a build's name may stand behind, in kubectl's own words for a namespace.
pub(super) const OF_BUILD: [&str; 3] = ["namespace", "namespaces", "ns"];
/// What a chain's name may stand behind.
pub(super) const OF_CHAIN: [&str; 2] = ["chain", "chains"];

/// The name of a chain or of a build, and of which of them, if that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedArg {
    pub name: String,
    pub kind: Option<NamedKind>,
}

impl NamedArg {
    /// A chain, whatever else has its name.
    pub(super) fn chain(name: String) -> Self {
        Self { name, kind: Some(NamedKind::Chain) }
    }

    pub(super) fn named(&self) -> MeantName<'_> {
        MeantName { name: &self.name, kind: self.kind }
    }
}

/// The name of a build, or of a claim.
pub(super) fn build(text: &str) -> Result<String, String> {
    let name = bare(text, &[&OF_BUILD], "a namespace: NAME or namespace/NAME")?;
    valid(name, 63, "namespace")
}

/// The name of a chain.
pub(super) fn chain(text: &str) -> Result<String, String> {
    let name = bare(text, &[&OF_CHAIN], "a chain: NAME or chain/NAME")?;
    valid(name, names::CHAIN_NAME_MAX, "chain")
}

/// The name of a chain or of a build.
pub(super) fn chain_or_build(text: &str) -> Result<NamedArg, String> {
    let what = "a chain or a build: NAME, chain/NAME or namespace/NAME";
    let name = bare(text, &[&OF_BUILD, &OF_CHAIN], what)?;
    let kind = text.split_once('/').map(|(word, _)| {
        let is_build = OF_BUILD.iter().any(|known| word.eq_ignore_ascii_case(known));
        if is_build { NamedKind::Build } else { NamedKind::Chain }
    });
    Ok(NamedArg { name: valid(name, 63, "chain and no build")?, kind })
}

/// The same where a chain need not be there yet; whether it may be called so, those say who make it.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a flag's parser")]
pub(super) fn of_new_chain(text: &str) -> Result<String, String> {
    Ok(bare(text, &[&OF_CHAIN], "").unwrap_or(text).to_owned())
}

/// What stands behind one of these words, which have no capitals for kubectl either way.
fn bare<'a>(text: &'a str, kinds: &[&[&str]], expected: &str) -> Result<&'a str, String> {
    let Some((kind, name)) = text.split_once('/') else { return Ok(text) };
    let is_one = kinds.iter().copied().flatten().any(|known| kind.eq_ignore_ascii_case(known));
    if is_one && !name.contains('/') { Ok(name) } else { Err(format!("expected {expected}")) }
}

fn valid(name: &str, most: usize, what: &str) -> Result<String, String> {
    match names::label_fault(name, most) {
        Some(why) => Err(format!("it {why}, so no {what} can have that name")),
        None => Ok(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    /// Every place of a verb at which something is named, and what of.
    const PLACES: [(&str, bool, bool); 15] = [
        ("status", true, true),
        ("status --chains", true, true),
        ("watch", true, true),
        ("logs", true, true),
        ("report", true, true),
        ("scale up", true, true),
        ("scale down", true, true),
        ("cancel", true, true),
        ("retry", true, false),
        ("cleanup", true, false),
        ("cleanup ci-b", true, false),
        ("cleanup --keep 1 --chain", false, true),
        ("stop", false, true),
        ("trigger", false, true),
        ("doctor", false, true),
    ];

    #[test]
    fn whatever_names_are_printed_as_is_taken_wherever_such_a_thing_is_named() {
        for (place, build, chain) in PLACES {
            for (word, taken) in [
                ("app", true),
                ("namespace/app", build),
                ("namespaces/app", build),
                ("ns/app", build),
                ("Namespace/app", build),
                ("chain/app", chain),
                ("chains/app", chain),
                ("pod/app", false),
                ("app/app", false),
                ("/app", false),
                ("app/", false),
                ("chain/", false),
                ("namespace/", false),
                ("namespace/app/x", false),
                ("chain/ns/app", false),
                ("", false),
                ("my_app", false),
            ] {
                let line = ["x"].into_iter().chain(place.split(' ')).chain([word]);
                let read = super::super::command().try_get_matches_from(line);
                match &read {
                    Ok(_) => assert!(taken, "{place} {word} is taken"),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::ValueValidation, "{place} {word}: {error}");
                        assert!(!taken, "{place} {word}: {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_taken_is_the_name_alone_and_its_kind_where_that_was_said() {
        for text in ["ci-a", "namespace/ci-a", "ns/ci-a"] {
            assert_eq!(build(text).as_deref(), Ok("ci-a"));
            let kind = text.contains('/').then_some(NamedKind::Build);
            assert_eq!(chain_or_build(text), Ok(NamedArg { name: "ci-a".to_owned(), kind }));
        }
        for text in ["main", "chain/main", "chains/main", "CHAIN/main"] {
            assert_eq!(chain(text).as_deref(), Ok("main"));
            let kind = text.contains('/').then_some(NamedKind::Chain);
            assert_eq!(chain_or_build(text), Ok(NamedArg { name: "main".to_owned(), kind }));
        }
        for (text, name) in
            [("main", "main"), ("chain/main", "main"), ("feature/x", "feature/x"), ("ns/a", "ns/a"), ("", "")]
        {
            assert_eq!(of_new_chain(text).as_deref(), Ok(name));
        }
        assert_eq!(build("chain/a").unwrap_err(), "expected a namespace: NAME or namespace/NAME");
        assert_eq!(chain("ns/a").unwrap_err(), "expected a chain: NAME or chain/NAME");
        assert_eq!(
            chain_or_build("pod/a").unwrap_err(),
            "expected a chain or a build: NAME, chain/NAME or namespace/NAME"
        );
        assert_eq!(chain("").unwrap_err(), "it is empty, so no chain can have that name");
    }
}
