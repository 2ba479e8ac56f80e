//! The other rooms' errors as failures: one place says which exit code each has.

use super::failure::{ExitKind, Failure};
use super::mistake::Mistake;
use crate::chain::build::Verdict;
use crate::chain::case::Blame;
use crate::chain::link::LinkFault;
use crate::chain::repository::RepositoryFault;
use crate::cluster;
use crate::local::render::Unrendered;
use crate::pipeline::fault::Fault;
use crate::publish::PublishFault;
use crate::state::error::{Error, StartFlagFault};

impl From<cluster::Error> for Failure {
    fn from(error: cluster::Error) -> Self {
        let kind = match &error {
            cluster::Error::Config(fault) => fault.advice().expect("every case has its advice").0.into(),
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

impl From<Blame> for ExitKind {
    fn from(blame: Blame) -> Self {
        match blame {
            Blame::Usage => Self::Usage,
            Blame::Unready => Self::Cluster,
            Blame::Ownership => Self::OwnershipLost,
            Blame::Timeout => Self::Timeout,
        }
    }
}

impl From<Verdict> for ExitKind {
    /// The exit code of whoever has followed a build to its verdict.
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed => Self::Done,
            Verdict::Failed | Verdict::Errored | Verdict::Cancelled => Self::No,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Cluster(error) => error.into(),
            Error::Pipeline(faults) => faults.into(),
            Error::StartFlag(StartFlagFault::Publish(fault)) => fault.into(),
            Error::StartFlag(StartFlagFault::Link(fault)) => fault.into(),
            Error::StartFlag(StartFlagFault::Repository(fault)) => fault.into(),
            Error::StartFlag(fault) => of_case(fault.advice(), &fault),
            Error::Cancel(fault) => of_case(fault.advice(), &fault),
            Error::Side(fault) => of_case(fault.advice(), &fault),
            Error::Log(fault) => of_case(fault.advice(), &fault),
            Error::Watch(fault) => of_case(fault.advice(), &fault),
            error => of_case(error.advice(), &error),
        }
    }
}

/// A case that says itself whose fault it is and what to do.
fn of_case(advice: Option<(Blame, String)>, case: &impl ToString) -> Failure {
    let (blame, remedy) = advice.expect("every case has its advice");
    Failure::new(blame.into(), case.to_string()).remedy(remedy)
}

/// Errors of which every case says itself whose fault it is and what to do.
macro_rules! of_cases {
    ($($Cases:ty),*) => {$(
        impl From<$Cases> for Failure {
            fn from(case: $Cases) -> Self {
                of_case(case.advice(), &case)
            }
        }
    )*};
}

of_cases!(Mistake, LinkFault, RepositoryFault, PublishFault);

impl From<Unrendered> for Failure {
    fn from(why: Unrendered) -> Self {
        Error::from(why).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_error_of_the_cluster_has_its_exit_code_and_says_what_to_do() {
        let of = |error: cluster::Error| Failure::from(error);
        let config = of(cluster::ConfigFault::NoServer {}.into());
        assert_eq!(
            (config.kind, config.to_string().as_str()),
            (
                ExitKind::Usage,
                "error: kubeconfig: the cluster has no server\n  \
                 remedy: give the cluster a server, or name one with --server"
            )
        );
        let late = cluster::Error::Timeout {
            what: "list namespaces".to_owned(),
            server: "https://k".to_owned(),
            proxy: None,
            after: Duration::from_secs(60),
        };
        assert_eq!(of(late).kind, ExitKind::Timeout);
        let taken = cluster::Error::Conflict { what: "a".to_owned(), why: "b".to_owned() };
        assert_eq!(of(taken).kind, ExitKind::Cluster);
    }

    #[test]
    fn a_verdict_is_an_exit_code_and_0_is_passed_alone() {
        let codes = Verdict::ALL.map(|verdict| ExitKind::from(verdict).code());
        assert_eq!(codes, [0, 1, 1, 1]);
    }

    #[test]
    fn every_fault_of_a_pipeline_is_told() {
        let failure = Failure::from(vec![Fault::new("one").why("so"), Fault::new("two").hint("do")]);
        assert_eq!(failure.kind, ExitKind::Usage);
        assert_eq!(failure.to_string(), "error: one\n  why: so\nerror: two\n  hint: do");
    }
}
