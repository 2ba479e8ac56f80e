//! What is found in scripts.

use super::*;

fn told(script: &str) -> Vec<String> {
    steps(script)
        .iter()
        .map(|step| {
            let what = step.keyword().map_or_else(|| step.words().join("|"), |word| format!("<{word}>"));
            format!("{}{}{what}", step.lines.start(), if step.aside { "&" } else { ":" })
        })
        .collect()
}

#[test]
fn commands_of_a_script_are_found_with_their_lines() {
    for (script, expected) in [
        ("a b; c && d | e\nf &\n", vec!["1:a|b", "1:c", "1:d", "1:e", "2&f"]),
        ("a 'b;c' \"d e\" # f\ng", vec!["1:a|b;c|d e", "2:g"]),
        ("a \\\n  b\nc", vec!["1:a|b", "3:c"]),
        ("x=\"$(kubectl get po)\"", vec!["1:kubectl|get|po", "1:x=$"]),
        ("x=`a b`", vec!["1:a|b", "1:x=$"]),
        ("if [ 1 ] ; then a; fi", vec!["1:<if>", "1:[|1|]", "1:<then>", "1:a", "1:<fi>"]),
        ("for (( ; ; ))\ndo\n sleep 1\ndone", vec!["1:<for ((;;))>", "2:<do>", "3:sleep|1", "4:<done>"]),
        ("while true; do a; done &", vec!["1:<while>", "1:true", "1:<do>", "1:a", "1&<done>"]),
        ("cat <<EOF | kubectl apply -f -\nkubectl x\nEOF\nb", vec!["1:cat", "1:kubectl|apply|-f|-", "4:b"]),
        ("a <<-'E'\n\tx\n\tE\nb <<< c", vec!["1:a", "4:b|c"]),
        ("trap 'kubectl x' EXIT", vec!["1:kubectl|x", "1:trap|kubectl x|EXIT"]),
        (
            "f() { a; }\nfunction g\n{\n b\n}",
            vec!["1:<function f>", "1:<{>", "1:a", "1:<}>", "2:<function g>", "3:<{>", "4:b", "5:<}>"],
        ),
        ("a > b 2>&1", vec!["1:a|b|2|1"]),
        ("echo $((1+2)) \"", vec!["1:echo|$|"]),
    ] {
        assert_eq!(told(script), expected, "{script}");
    }
}

#[test]
fn a_loop_that_nothing_ends_is_endless_and_one_that_ends_or_runs_aside_is_not() {
    for (script, expected) in [
        ("a\nfor (( ; ; ))\ndo\n sleep 600\ndone\nexit 0", vec![2..=5]),
        ("while true; do sleep 1; done", vec![1..=1]),
        ("while :\ndo sleep 1\ndone", vec![1..=3]),
        ("until false; do a; done", vec![1..=1]),
        ("sleep infinity", vec![1..=1]),
        ("tail -f /dev/null", vec![1..=1]),
        ("while true; do for x in a; do b; done; done", vec![1..=1]),
        ("while true; do a; done &", vec![]),
        ("sleep infinity &", vec![]),
        ("bash -c 'while true; do a; done' &", vec![]),
        ("while true; do a && break; done", vec![]),
        ("until kubectl get x | grep True ; do sleep 3 ; done", vec![]),
        ("for x in a b; do c; done", vec![]),
        ("for ((i=0;i<3;i++)); do c; done", vec![]),
    ] {
        assert_eq!(endless(&steps(script)), expected, "{script}");
    }
}

#[test]
fn kubectl_is_found_however_it_is_called() {
    for (line, expected) in [
        ("kubectl get po", Some("get po")),
        ("KUBECONFIG=x sudo /usr/bin/kubectl get", Some("get")),
        ("microk8s.kubectl get", Some("get")),
        ("microk8s kubectl get", Some("get")),
        ("echo kubectl", None),
        ("kubectlx get", None),
    ] {
        let steps = steps(line);
        let called = kubectl(steps[0].words()).map(|words| words.join(" "));
        assert_eq!(called.as_deref(), expected, "{line}");
    }
    let calls = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        of_command(&words).iter().any(|step| kubectl(step.words()).is_some())
    };
    assert!(calls(&["sh", "-c", "set -e; kubectl scale"]) && calls(&["kubectl", "get"]));
    assert!(!calls(&["sh", "-c", "echo no kubectl"]) && !calls(&[]));
}
