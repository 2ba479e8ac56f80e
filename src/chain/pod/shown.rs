//! A pod in three words, as the table of `kubectl get pods` has it.
//!
//! Source of the rule: `printPod` of the API server's printers (`pkg/printers/internalversion`).

use super::{Container, Pod, State};

impl Pod {
    /// What kubectl shows as its STATUS.
    pub fn status_word(&self) -> String {
        match (self.deleted, self.reason.as_str()) {
            (true, "NodeLost") => return "Unknown".to_owned(),
            (true, _) if !self.is_over() => return "Terminating".to_owned(),
            _ => {}
        }
        if let Some(word) = self.initializing() {
            return format!("Init:{word}");
        }
        let own = || self.containers.iter().filter(|one| !one.init);
        let halted = own().find_map(|one| halt(&one.state));
        let runs = own().any(|one| one.ready && one.state == State::Running);
        match halted {
            Some(word) if word == "Completed" && runs => {
                if self.ready { "Running" } else { "NotReady" }.to_owned()
            }
            Some(word) => word,
            None if !self.reason.is_empty() => self.reason.clone(),
            None if self.phase == "Pending" && !self.gates.is_empty() => "SchedulingGated".to_owned(),
            None => self.phase.clone(),
        }
    }

    /// The first init container that is in the way.
    fn initializing(&self) -> Option<String> {
        let inits: Vec<&Container> = self.containers.iter().filter(|one| one.init).collect();
        // without a word from the kubelet nothing is known of any
        if inits.iter().all(|one| one.state == State::Unknown) {
            return None;
        }
        let mut row = inits.iter().enumerate();
        row.find_map(|(done, one)| match &one.state {
            State::Terminated { code: 0, .. } => None,
            State::Running if one.sidecar => None,
            State::Waiting { reason, .. } if reason == "PodInitializing" => {
                Some(format!("{done}/{}", inits.len()))
            }
            state => halt(state).or_else(|| Some(format!("{done}/{}", inits.len()))),
        })
    }

    /// How many of the containers that run side by side are ready, and how many there are: what kubectl shows as READY.
    pub fn ready_containers(&self) -> (usize, usize) {
        let beside = || self.containers.iter().filter(|one| !one.init || one.sidecar);
        (beside().filter(|one| one.ready).count(), beside().count())
    }

    /// How often its containers were restarted: once the init containers are done, those that run side by side.
    pub fn restarted(&self) -> u32 {
        let initializing = self.initializing().is_some();
        let counts = |one: &&Container| initializing || !one.init || one.sidecar;
        self.containers.iter().filter(counts).map(|one| one.restarts).fold(0, u32::saturating_add)
    }
}

/// Why a container does not run.
fn halt(state: &State) -> Option<String> {
    match state {
        State::Waiting { reason, .. } => Some(reason.clone()).filter(|reason| !reason.is_empty()),
        State::Terminated { code, reason } if reason.is_empty() => Some(format!("ExitCode:{code}")),
        State::Terminated { reason, .. } => Some(reason.clone()),
        State::Running | State::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(reason: &str) -> State {
        State::Waiting { reason: reason.to_owned(), message: String::new() }
    }

    fn ended(code: i32, reason: &str) -> State {
        State::Terminated { code, reason: reason.to_owned() }
    }

    fn one(init: bool, state: State) -> Container {
        Container { ready: state == State::Running, init, state, ..Container::default() }
    }

    fn pod(phase: &str, containers: Vec<Container>) -> Pod {
        Pod { phase: phase.to_owned(), containers, ..Pod::default() }
    }

    #[test]
    fn a_pod_is_called_what_kubectl_calls_it() {
        let sidecar = |state| Container { sidecar: true, ..one(true, state) };
        let gated = Pod { gates: vec!["g".to_owned()], ..pod("Pending", vec![]) };
        let evicted = Pod { reason: "Evicted".to_owned(), ..pod("Failed", vec![]) };
        let going = Pod { deleted: true, ..pod("Running", vec![one(false, State::Running)]) };
        let gone_over = Pod { deleted: true, ..pod("Succeeded", vec![one(false, ended(0, "Completed"))]) };
        let half = pod("Running", vec![one(false, ended(0, "Completed")), one(false, State::Running)]);
        let lost = Pod { reason: "NodeLost".to_owned(), ..going.clone() };
        for (word, pod) in [
            ("Pending", pod("Pending", vec![one(true, State::Unknown), one(false, State::Unknown)])),
            ("SchedulingGated", gated),
            (
                "ContainerCreating",
                pod(
                    "Pending",
                    vec![one(true, ended(0, "Completed")), one(false, waiting("ContainerCreating"))],
                ),
            ),
            (
                "Init:0/2",
                pod("Pending", vec![one(true, State::Running), one(true, waiting("PodInitializing"))]),
            ),
            (
                "Init:1/2",
                pod("Pending", vec![one(true, ended(0, "Completed")), one(true, waiting("PodInitializing"))]),
            ),
            (
                "Init:Error",
                pod("Failed", vec![one(true, ended(1, "Error")), one(false, waiting("PodInitializing"))]),
            ),
            ("Init:ImagePullBackOff", pod("Pending", vec![one(true, waiting("ImagePullBackOff"))])),
            ("Running", pod("Running", vec![sidecar(State::Running), one(false, State::Running)])),
            ("NotReady", half.clone()),
            ("Running", Pod { ready: true, ..half }),
            ("Error", pod("Running", vec![one(false, State::Running), one(false, ended(1, "Error"))])),
            ("CrashLoopBackOff", pod("Running", vec![one(false, waiting("CrashLoopBackOff"))])),
            ("OOMKilled", pod("Failed", vec![one(false, ended(137, "OOMKilled"))])),
            ("ExitCode:3", pod("Failed", vec![one(false, ended(3, ""))])),
            ("Completed", pod("Succeeded", vec![one(false, ended(0, "Completed"))])),
            ("Evicted", evicted),
            ("Terminating", going),
            ("Completed", gone_over),
            ("Unknown", lost),
        ] {
            assert_eq!(pod.status_word(), word, "{pod:?}");
        }
    }

    #[test]
    fn what_runs_side_by_side_is_ready_or_not_and_restarts_are_counted_of_all() {
        let again = |restarts, it: Container| Container { restarts, ..it };
        let sidecar = Container { sidecar: true, ..one(true, State::Running) };
        let mut pod = pod(
            "Running",
            vec![
                again(2, one(true, ended(0, "Completed"))),
                again(1, sidecar),
                again(0, one(false, State::Running)),
                again(4, one(false, waiting("CrashLoopBackOff"))),
            ],
        );
        assert_eq!((pod.ready_containers(), pod.restarted()), ((2, 3), 5));
        pod.containers[0].state = State::Running;
        assert_eq!(pod.restarted(), 7);
    }
}
