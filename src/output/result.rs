//! Result lines, as kubectl says what it did: `namespace/x created`.

use std::fmt;

use crate::state::DryRun;

/// What was done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// It did not exist.
    Created,
    /// It was as it should be.
    Unchanged,
    /// It was deleted.
    Deleted,
    /// It has another number of replicas.
    Scaled,
    /// It is to come to its end.
    Cancelled,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::Scaled => "scaled",
            Self::Cancelled => "cancelled",
        })
    }
}

/// What became of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultLine<'a> {
    /// The kind, in lower case: `deployment`.
    pub kind: &'a str,
    /// The API group; empty for the core group.
    pub group: &'a str,
    /// The object's name.
    pub name: &'a str,
    /// The namespace; none for what is cluster-scoped. Said only of what is deleted, as kubectl does.
    pub namespace: Option<&'a str>,
    /// What was done.
    pub operation: Operation,
    /// Whether it was only said.
    pub dry_run: DryRun,
}

impl ResultLine<'_> {
    /// `deployment.apps/build`, which is all that `-o name` prints.
    pub fn object(&self) -> String {
        format!("{}/{}", self.resource(), self.name)
    }

    fn resource(&self) -> String {
        if self.group.is_empty() { self.kind.to_owned() } else { format!("{}.{}", self.kind, self.group) }
    }
}

impl fmt::Display for ResultLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.operation, self.namespace) {
            (Operation::Deleted, Some(namespace)) => {
                write!(f, "{} \"{}\" deleted from {namespace} namespace", self.resource(), self.name)?;
            }
            (Operation::Deleted, None) => write!(f, "{} \"{}\" deleted", self.resource(), self.name)?,
            (operation, _) => write!(f, "{} {operation}", self.object())?,
        }
        match self.dry_run {
            DryRun::None => Ok(()),
            DryRun::Client => f.write_str(" (dry run)"),
            DryRun::Server => f.write_str(" (server dry run)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_kubectls() {
        let namespace = ResultLine {
            kind: "namespace",
            group: "",
            name: "x",
            namespace: None,
            operation: Operation::Created,
            dry_run: DryRun::None,
        };
        let deployment = ResultLine {
            kind: "deployment",
            group: "apps",
            name: "build",
            namespace: Some("x"),
            ..namespace
        };
        for (outcome, line) in [
            (namespace, "namespace/x created"),
            (ResultLine { dry_run: DryRun::Client, ..namespace }, "namespace/x created (dry run)"),
            (ResultLine { dry_run: DryRun::Server, ..namespace }, "namespace/x created (server dry run)"),
            (ResultLine { operation: Operation::Cancelled, ..namespace }, "namespace/x cancelled"),
            (ResultLine { operation: Operation::Unchanged, ..namespace }, "namespace/x unchanged"),
            (ResultLine { operation: Operation::Scaled, ..deployment }, "deployment.apps/build scaled"),
            (ResultLine { operation: Operation::Deleted, ..namespace }, "namespace \"x\" deleted"),
            (
                ResultLine { operation: Operation::Deleted, dry_run: DryRun::Client, ..deployment },
                "deployment.apps \"build\" deleted from x namespace (dry run)",
            ),
        ] {
            assert_eq!(outcome.to_string(), line);
        }
        assert_eq!(deployment.object(), "deployment.apps/build");
    }
}
