//! What a rendering is asked and answers, and what its bounds mean.

use super::*;

#[test]
fn an_answer_is_measured_before_it_is_read() {
    let list = |count: usize| format!("[{}0]", "0,".repeat(count));
    assert_eq!(measured("p", list(ANSWER_NODES - 2).as_bytes()), Ok(()));
    let said = measured("p", list(ANSWER_NODES).as_bytes()).unwrap_err().to_string();
    assert!(said.starts_with("what p gives has more than 100000 nodes"), "{said}");
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(measured("p", nested(ANSWER_DEPTH).as_bytes()), Ok(()));
    let said = measured("p", nested(ANSWER_DEPTH + 1).as_bytes()).unwrap_err().to_string();
    assert!(said.contains("nested deeper than 100"), "{said}");
    // what stands in texts is no node
    let text = serde_json::to_string(&format!("{}\\\"{}", ",".repeat(ANSWER_NODES), "[".repeat(200)));
    assert_eq!(measured("p", text.unwrap().as_bytes()), Ok(()));
}

#[test]
fn one_child_is_enough_where_nothing_is_read() {
    let task = |line: &str| {
        let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m}}\ndata: {{a: '{line}'}}\n");
        let template = Text { name: "p".to_owned(), text };
        let sources = Sources { template, ..Sources::default() };
        Task::Documents { sources, facts: Facts::default(), show_secrets: false }
    };
    let (text, _) = Renderer::here().text_if_alone(task("{{ 1 + 1 }}")).unwrap().unwrap();
    assert!(text.contains("'2'"), "{text}");
    let reads = Renderer::here().text_if_alone(task("{{ git.branch }}")).unwrap().unwrap_err();
    assert!(reads.git.contains("branch"));
}

#[test]
fn which_bound_was_met_is_said() {
    for (ended, words) in [
        (Ended::Memory, "more memory than the 96 MiB"),
        (Ended::Cpu, "more CPU time than the 2 s"),
        (Ended::Answer, "larger than 4 MiB"),
        (Ended::Broken("panicked at x".to_owned()), "broke its rendering: panicked at x"),
    ] {
        let fault = over("p", ended, PERSON).unwrap().to_string();
        assert!(fault.contains(words), "{fault}");
    }
}

#[test]
fn what_says_nothing_of_the_pipeline_is_no_fault_of_it() {
    let eagain = std::io::Error::from(std::io::ErrorKind::WouldBlock);
    for ended in [Ended::Late, Ended::Killed(9), Ended::NotRun(eagain)] {
        assert!(matches!(over("p", ended, PERSON), Err(Unrendered::NotRun(_))));
    }
}

#[test]
fn a_busy_node_gets_the_time_that_its_share_of_a_cpu_makes_of_it() {
    // the agent's container has half a CPU
    assert!(AGENT >= Duration::from_secs(5 * CPU * 2));
    assert!(PERSON < Duration::from_secs(10));
}
