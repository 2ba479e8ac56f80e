//! What is told of namespaces that carry our labels and are no builds: edited by hand, or made by somebody else.

use crate::chain::build::{Build, NotABuild};
use crate::chain::wire;
use crate::cluster::objects::NamespaceObject;
use crate::state::error::Error;

/// How many of a kind are named; of more only the number is told.
const EXAMPLES: usize = 3;

/// A namespace of ours that cannot be read as a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Odd {
    /// Its name.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// The chain that its label names, if it has one.
    pub chain: Option<String>,
    /// Whether it is on its way out.
    pub terminating: bool,
    /// What is wrong with it.
    pub finding: NotABuild,
    /// Why nothing proves it its chain's, where that is so: then nobody is to restore anything.
    pub unproved: Option<String>,
}

impl Odd {
    pub(super) fn of(namespace: &NamespaceObject, finding: NotABuild) -> Self {
        let meta = &namespace.metadata;
        Self {
            namespace: meta.name.clone(),
            uid: meta.uid.clone(),
            chain: meta.labels.get(wire::CHAIN).filter(|chain| !chain.is_empty()).cloned(),
            terminating: meta.deletion_timestamp.is_some(),
            finding,
            unproved: None,
        }
    }

    pub(super) fn feigned(&self) -> Option<Feigned<'_>> {
        let why = self.unproved.as_deref()?;
        Some(Feigned { namespace: &self.namespace, chain: self.chain.as_deref(), why })
    }
}

/// A namespace that says that it is a chain's, and is not believed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Feigned<'a> {
    pub(super) namespace: &'a str,
    pub(super) chain: Option<&'a str>,
    why: &'a str,
}

impl<'a> From<(&'a Build, &'a str)> for Feigned<'a> {
    fn from((build, why): (&'a Build, &'a str)) -> Self {
        Self { namespace: &build.namespace, chain: Some(&build.chain), why }
    }
}

impl From<Feigned<'_>> for Error {
    fn from(it: Feigned<'_>) -> Self {
        Self::NotProvablyOurs { namespace: it.namespace.to_owned(), why: it.why.to_owned() }
    }
}

/// One warning for all builds that only say that they are some.
pub(in crate::ops) fn not_believed(unproved: &[(&Build, &str)]) -> Option<String> {
    feigned(&unproved.iter().copied().map(Feigned::from).collect::<Vec<_>>(), false)
}

/// One warning for all namespaces that say that they are builds, and are not believed. `shown`: whether they are listed, each with
/// its reason.
pub(super) fn feigned(unproved: &[Feigned<'_>], shown: bool) -> Option<String> {
    match unproved {
        [] => None,
        [Feigned { namespace, chain, why }] => {
            let chain = chain.unwrap_or_default();
            Some(format!(
                "namespace {namespace} says that it is a build of chain {chain}, and is not believed: {why}; kubectl studioci \
                 doctor {chain} looks at that chain, and kubectl delete namespace {namespace} removes what nobody needs"
            ))
        }
        several => {
            let names: Vec<&str> = several.iter().take(EXAMPLES).map(|it| it.namespace).collect();
            let such = if several.len() > EXAMPLES { "such as " } else { "" };
            let why = if shown { "" } else { "kubectl studioci status -A tells why of each, " };
            Some(format!(
                "{} namespaces say that they are builds of chains, and are not believed ({such}{}), so that nothing counts them; \
                 {why}kubectl studioci doctor looks at their chains, and kubectl delete namespace NAME removes what nobody needs",
                several.len(),
                names.join(", ")
            ))
        }
    }
}

/// One warning for all namespaces with the same finding.
pub(super) fn told(odd: &[&Odd]) -> String {
    let hand = "edited by hand";
    match odd {
        [] => String::new(),
        [one] => format!("{}; it was {hand}: {}", one.finding, one.finding.remedy()),
        [first, ..] => {
            let count = odd.len();
            let names: Vec<&str> = odd.iter().take(EXAMPLES).map(|odd| odd.namespace.as_str()).collect();
            let such = if count > EXAMPLES { "such as " } else { "" };
            let remedy = format!("they were {hand}: {}", first.finding.remedy_for("NAME"));
            format!(
                "{count} namespaces {} ({such}{}); {remedy}",
                first.finding.of_several(),
                names.join(", ")
            )
        }
    }
}
