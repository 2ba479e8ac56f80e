//! The other rooms' errors as failures: one place says which exit code each has.

use super::failure::{ExitKind, Failure};
use crate::cluster;
use crate::local::render::Unrendered;
use crate::pipeline::fault::Fault;
use crate::state;

impl From<cluster::Error> for Failure {
    fn from(error: cluster::Error) -> Self {
        let kind = match &error {
            cluster::Error::Config { .. } => ExitKind::Usage,
            cluster::Error::Timeout { .. } => ExitKind::Timeout,
            _ => ExitKind::Cluster,
        };
        Self::new(kind, error.to_string()).remedy(error.remedy())
    }
}

impl From<Fault> for Failure {
    /// A fault of the pipeline says in its own lines where, why and what to do.
    fn from(fault: Fault) -> Self {
        vec![fault].into()
    }
}

impl From<Vec<Fault>> for Failure {
    /// Every fault, not only the first: the second `error: ` begins a line of its own.
    fn from(faults: Vec<Fault>) -> Self {
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let text = texts.join("\nerror: ");
        // the sentence and what belongs to it, in lines of its own
        match text.split_once('\n') {
            Some((what, rest)) => Self::usage(what).hint(rest),
            None => Self::usage(text),
        }
    }
}

impl From<state::error::Error> for Failure {
    fn from(error: state::error::Error) -> Self {
        use state::error::Error;
        let (kind, what, remedy) = match error {
            Error::Cluster(error) => return error.into(),
            Error::Pipeline(faults) => return faults.into(),
            Error::Usage { what, remedy } => (ExitKind::Usage, what, remedy),
            Error::Unready { what, remedy } => (ExitKind::Cluster, what, remedy),
            Error::Ownership { what, remedy } => (ExitKind::OwnershipLost, what, remedy),
            Error::Timeout { what, remedy } => (ExitKind::Timeout, what, remedy),
        };
        Self::new(kind, what).remedy(remedy)
    }
}

impl From<Unrendered> for Failure {
    fn from(why: Unrendered) -> Self {
        state::error::Error::from(why).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_error_of_the_cluster_has_its_exit_code_and_says_what_to_do() {
        let of = |error: cluster::Error| Failure::from(error);
        let config = of(cluster::Error::Config {
            what: "context \"x\"".to_owned(),
            why: "the kubeconfig has none of this name".to_owned(),
            remedy: "kubectl config get-contexts".to_owned(),
        });
        assert_eq!(
            (config.kind, config.to_string().as_str()),
            (
                ExitKind::Usage,
                "error: context \"x\": the kubeconfig has none of this name\n  remedy: kubectl config get-contexts"
            )
        );
        let late = cluster::Error::Timeout {
            what: "list namespaces".to_owned(),
            server: "https://k".to_owned(),
            after: Duration::from_secs(60),
        };
        assert_eq!(of(late).kind, ExitKind::Timeout);
        let taken = cluster::Error::Conflict { what: "a".to_owned(), why: "b".to_owned() };
        assert_eq!(of(taken).kind, ExitKind::Cluster);
    }

    #[test]
    fn every_fault_of_a_pipeline_is_told() {
        let failure = Failure::from(vec![Fault::new("one").why("so"), Fault::new("two").hint("do")]);
        assert_eq!(failure.kind, ExitKind::Usage);
        assert_eq!(failure.to_string(), "error: one\n  why: so\nerror: two\n  hint: do");
    }
}
