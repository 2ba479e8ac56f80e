//! What a person means by a name: a build's namespace, or a chain, or whichever of them has it.

use super::build::Build;

/// Which of the two is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedKind {
    /// A chain, as `chain/NAME`.
    Chain,
    /// A build, as `namespace/NAME`.
    Build,
}

/// A name, and which of the two is meant; none where that was not said, and then a build goes before a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeantName<'a> {
    /// The name alone.
    pub name: &'a str,
    /// What has it.
    pub kind: Option<NamedKind>,
}

impl MeantName<'_> {
    /// Whether a build may be meant.
    pub fn may_be_build(self) -> bool {
        self.kind != Some(NamedKind::Chain)
    }

    /// Whether a chain may be meant.
    pub fn may_be_chain(self) -> bool {
        self.kind != Some(NamedKind::Build)
    }

    /// Whether this build is named itself.
    pub fn is_build(self, build: &Build) -> bool {
        self.may_be_build() && build.namespace == self.name
    }

    /// Whether this build's chain is named.
    pub fn is_chain_of(self, build: &Build) -> bool {
        self.may_be_chain() && build.chain == self.name
    }

    /// Whether this build, or its chain, is named.
    pub fn takes(self, build: &Build) -> bool {
        self.is_build(build) || self.is_chain_of(build)
    }

    /// What there is none of where nothing has the name.
    pub fn what(self) -> &'static str {
        match self.kind {
            None => "chain and no build",
            Some(NamedKind::Chain) => "chain",
            Some(NamedKind::Build) => "build",
        }
    }
}

impl<'a> From<&'a String> for MeantName<'a> {
    fn from(name: &'a String) -> Self {
        Self::from(name.as_str())
    }
}

impl<'a> From<&'a str> for MeantName<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, kind: None }
    }
}
