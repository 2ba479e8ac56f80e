//! What a template may read besides values: facts about the repository, the person, the image, the build and the
//! environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Names that mean something else than a value in a template. A value that has one is read as `values.NAME`; and as
/// `NAME.FIELD`, where that is no fact.
pub const RESERVED: [&str; 8] = ["git", "user", "image", "build", "env", "values", "loop", "__tera_context"];

/// One fact: known, or not known for a reason that a fault can tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fact {
    /// The value: a string, or a boolean.
    Known(Value),
    /// Why there is none.
    Unset(String),
}

impl Fact {
    /// A known fact.
    pub fn known(value: impl Into<Value>) -> Self {
        Self::Known(value.into())
    }

    /// A fact that is not known, and why.
    pub fn unset(why: impl Into<String>) -> Self {
        Self::Unset(why.into())
    }
}

impl From<Result<Value, String>> for Fact {
    fn from(result: Result<Value, String>) -> Self {
        result.map_or_else(Self::Unset, Self::Known)
    }
}

/// Facts under one name, like `git`: every name that exists, also those that are not known now.
pub type Group = BTreeMap<String, Fact>;

/// A variable of the environment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvValue {
    /// What it holds.
    pub value: String,
    /// Whether it is secret; only `--env NAME` makes it plain.
    pub secret: bool,
}

impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.secret { "***" } else { self.value.as_str() };
        f.debug_struct("EnvValue").field("value", &value).field("secret", &self.secret).finish()
    }
}

/// The environment as a template reads it: secret but for the names given as plain.
pub fn environment(values: BTreeMap<String, String>, plain: &BTreeSet<String>) -> BTreeMap<String, EnvValue> {
    values
        .into_iter()
        .map(|(name, value)| {
            let secret = !plain.contains(&name);
            (name, EnvValue { value, secret })
        })
        .collect()
}

/// Facts as they were found, each with its value or the reason why there is none.
pub fn group(found: BTreeMap<String, Result<Value, String>>) -> Group {
    found.into_iter().map(|(name, fact)| (name, fact.into())).collect()
}

/// The facts about the repository for a later push, from those at `start`: what a push leaves as it was, the revision
/// that it brought, and no tag, version or dirt, which nobody knows of it.
pub fn git_of_push(at_start: &Group, revision: Option<&str>) -> Group {
    let mut group = at_start.clone();
    let unknown = || Fact::unset("the image does not tell its revision");
    let short = |hash: &str| hash.chars().take(7).collect::<String>();
    group.insert("hash".to_owned(), revision.map_or_else(unknown, Fact::known));
    group.insert("short".to_owned(), revision.map_or_else(unknown, |hash| Fact::known(short(hash))));
    for name in ["tag", "version", "dirty"] {
        group.insert(
            name.to_owned(),
            Fact::unset("it is known of the repository at `start` only, not of a later push"),
        );
    }
    group
}

/// Which facts of a group are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wanted {
    /// These.
    Only(BTreeSet<String>),
    /// All, since the group as a whole is handed on: `{% set it = git %}`.
    All,
}

impl Default for Wanted {
    fn default() -> Self {
        Self::Only(BTreeSet::new())
    }
}

impl Wanted {
    /// Whether the fact of this name is read.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }
}

/// What a template reads of the world around it, found by looking at its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    /// `env.NAME`.
    pub env: BTreeSet<String>,
    /// `git.NAME`.
    pub git: Wanted,
    /// `user.NAME`.
    pub user: Wanted,
    /// `build.NAME`.
    pub build: Wanted,
}

impl Reads {
    /// Whether it reads nothing of a machine, so that it renders the same on each.
    pub fn is_nothing(&self) -> bool {
        let nothing = Wanted::default();
        self.env.is_empty() && [&self.git, &self.user, &self.build].iter().all(|group| **group == nothing)
    }
}

/// Everything that a template may read besides its values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// `git.*`: branch, hash, tag, url, dir, repo, module, dirty, version.
    pub git: Group,
    /// `user.*`: id, name, group_id.
    pub user: Group,
    /// `image.*`: name, tag, digest, ref.
    pub image: Group,
    /// `build.*`: namespace, chain, generation, parent, revision.
    pub build: Group,
    /// `env.NAME`: only the names that the template reads literally and that are set.
    pub env: BTreeMap<String, EnvValue>,
}

impl Facts {
    /// The groups with their names.
    pub fn groups(&self) -> [(&'static str, &Group); 4] {
        [("git", &self.git), ("user", &self.user), ("image", &self.image), ("build", &self.build)]
    }

    /// The group of a name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups().into_iter().find(|(group, _)| *group == name).map(|(_, group)| group)
    }

    /// Names of the environment variables whose values are secret.
    pub fn secret_names(&self) -> BTreeSet<&str> {
        self.env.iter().filter(|(_, env)| env.secret).map(|(name, _)| name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_in_the_debug_form() {
        let mut facts = Facts::default();
        facts.env.insert("TOKEN".into(), EnvValue { value: "hunter2".into(), secret: true });
        facts.env.insert("MODE".into(), EnvValue { value: "fast".into(), secret: false });
        let shown = format!("{facts:?}");
        assert!(!shown.contains("hunter2") && shown.contains("fast"), "{shown}");
    }

    #[test]
    fn a_later_push_has_its_own_revision_and_no_stale_tag() {
        let at_start =
            Group::from(["branch", "hash", "tag"].map(|name| (name.to_owned(), Fact::known("old"))));
        let later = git_of_push(&at_start, Some("0123456789abcdef"));
        assert_eq!(later["branch"], Fact::known("old"));
        assert_eq!(
            (&later["hash"], &later["short"]),
            (&Fact::known("0123456789abcdef"), &Fact::known("0123456"))
        );
        for name in ["tag", "version", "dirty"] {
            assert!(matches!(later[name], Fact::Unset(_)), "{name}");
        }
        assert!(matches!(git_of_push(&at_start, None)["hash"], Fact::Unset(_)));
    }

    #[test]
    fn facts_survive_the_record() {
        let mut facts = Facts::default();
        facts.git.insert("branch".into(), Fact::known("main"));
        facts.git.insert("dirty".into(), Fact::known(true));
        facts.git.insert("tag".into(), Fact::unset("no tag"));
        let text = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
    }
}
