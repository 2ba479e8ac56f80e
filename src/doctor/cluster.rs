//! The API server, and what `setup` has left on it.

use super::Opinion;
use super::facts::{AsInstalled, ClusterFacts, Learnt, ServerFacts, SetupFacts, Trial, Withheld};
use crate::chain::wire;

/// What an administrator does about whatever `setup` installs.
const SETUP: &str = "an administrator runs kubectl studioci setup of this version; what differs: kubectl studioci setup \
                     --print | kubectl diff -f -";

impl Withheld {
    pub(super) fn opinion(&self) -> Opinion {
        match self {
            Self::Unread(why) => Opinion::unknown(why),
            Self::Wrong(what, remedy) => Opinion::failed(what, remedy),
        }
    }
}

/// Judges a fact that is there, or says why it is not.
pub(super) fn known<T>(fact: &Learnt<T>, judge: impl FnOnce(&T) -> Opinion) -> Vec<Opinion> {
    vec![fact.as_ref().map_or_else(Withheld::opinion, judge)]
}

pub(super) fn reachable(facts: &ClusterFacts) -> Vec<Opinion> {
    known(&facts.server, |_| Opinion::ok("the API server answers"))
}

fn of_server(facts: &ClusterFacts, judge: impl FnOnce(&ServerFacts) -> Vec<Opinion>) -> Vec<Opinion> {
    facts.server.as_ref().map(judge).unwrap_or_default()
}

pub(super) fn version(facts: &ClusterFacts) -> Vec<Opinion> {
    of_server(facts, |ServerFacts { version, numbers, oldest, .. }| {
        vec![match numbers {
            Some(numbers) if numbers < oldest => Opinion::failed(
                format!(
                    "the API server is {version}, and {}.{} is the oldest that will do",
                    oldest.0, oldest.1
                ),
                "upgrade the cluster",
            ),
            Some(_) => Opinion::ok(format!("its version is supported: {version}")),
            None => Opinion::unknown(format!("its version cannot be read: {version:?}")),
        }]
    })
}

pub(super) fn serves_policies(facts: &ClusterFacts) -> Vec<Opinion> {
    of_server(facts, |server| {
        known(&server.serves_policies, |serves| {
            if *serves {
                Opinion::ok("it has admission policies")
            } else {
                Opinion::failed(
                    "the API server serves no ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1)",
                    "have whoever runs the API server drop the --runtime-config or --feature-gates that turn it off",
                )
            }
        })
    })
}

fn of_setup(facts: &ClusterFacts, judge: impl FnOnce(&SetupFacts) -> Vec<Opinion>) -> Vec<Opinion> {
    facts.setup.as_ref().map(judge).unwrap_or_default()
}

pub(super) fn home(facts: &ClusterFacts) -> Vec<Opinion> {
    of_setup(facts, |setup| {
        known(&setup.agent_image, |image| {
            Opinion::ok(format!("home is set up, with the agent image {image}"))
        })
    })
}

pub(super) fn policies(facts: &ClusterFacts) -> Vec<Opinion> {
    of_setup(facts, |setup| {
        known(&setup.newer, |newer| match newer {
            None => Opinion::ok("the admission policies are those of this version"),
            Some((number, own)) => Opinion::warning(
                format!("the admission policies have number {number}, this version's have {own}"),
                "use the version of kubectl-studioci that set this cluster up",
            ),
        })
    })
}

pub(super) fn refusals(facts: &ClusterFacts) -> Vec<Opinion> {
    of_setup(facts, |setup| {
        known(&setup.trial, |trial| match trial {
            Trial::Refused => Opinion::ok("the policies refuse what they must"),
            Trial::LetOff => Opinion::unknown(
                "you may bypass the policies, so that a trial says nothing; with --as USER, a user of studioci, they are tried",
            ),
            Trial::NotAsked => Opinion::unknown(format!(
                "you lack the rights of ClusterRole {}, without which no policy is asked",
                wire::ROLE_USER
            )),
        })
    })
}

pub(super) fn rbac(facts: &ClusterFacts) -> Vec<Opinion> {
    of_setup(facts, |setup| {
        known(&setup.authorizes, |says_no| {
            if *says_no {
                Opinion::ok("RBAC is on")
            } else {
                Opinion::failed(
                    "this cluster authorizes everything: agents and builds are not confined to their chain",
                    "have whoever runs the API server turn RBAC on (--authorization-mode=Node,RBAC)",
                )
            }
        })
    })
}

pub(super) fn objects(facts: &ClusterFacts) -> Vec<Opinion> {
    of_setup(facts, |setup| {
        let all = &setup.objects;
        let those = |wanted: AsInstalled| -> Vec<&str> {
            all.iter().filter(|(_, how)| *how == Ok(wanted)).map(|(name, _)| name.as_str()).collect()
        };
        let mut said = Vec::new();
        for (how, word) in [(AsInstalled::Missing, "missing"), (AsInstalled::Differs, "changed")] {
            let names = those(how);
            if !names.is_empty() {
                said.push(Opinion::failed(format!("{word}: {}", names.join(", ")), SETUP));
            }
        }
        let newer = those(AsInstalled::Newer);
        if !newer.is_empty() {
            said.push(Opinion::warning(
                format!("of a newer version: {}", newer.join(", ")),
                "use the version of kubectl-studioci that set this cluster up",
            ));
        }
        let mut unread = all.iter().filter_map(|(_, how)| how.as_ref().err());
        if let Some(first) = unread.next() {
            let others = unread.count();
            let more = if others == 0 { String::new() } else { format!(" (and {others} more)") };
            let Opinion { grade, what, remedy, .. } = first.opinion();
            said.push(Opinion::new(grade, format!("{what}{more}"), remedy));
        }
        if said.is_empty() && !all.is_empty() {
            said.push(Opinion::ok(format!(
                "the {} objects of setup are as this version installs them",
                all.len()
            )));
        }
        said
    })
}
