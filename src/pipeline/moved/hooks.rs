//! Lifecycle hooks that do by hand what the agent does: they let go of Keel, and bring support up and down.

use super::MoveAct;
use super::edits::Edits;
use super::sketch::{OldObject, items, pair};
use super::workload;
use crate::pipeline::shell::{self, ShellStep};
use crate::pipeline::tree::Node;

/// Words of a script that do nothing by themselves.
const SILENT: [&str; 9] = ["echo", "set", "sleep", "true", ":", "printf", "export", "exit", "cd"];

/// What of ours a command does by kubectl; none if it does something else.
pub(super) fn ours(words: &[String]) -> Option<&'static str> {
    let words = shell::kubectl(words)?;
    let verb = words.iter().find(|word| matches!(word.as_str(), "label" | "annotate" | "scale" | "patch"))?;
    match verb.as_str() {
        "scale" => Some("support is brought up before a build and down after it"),
        _ if words.iter().any(|word| word.contains("keel.sh/")) => {
            Some("the agent takes Keel's keys off before a build, and the next listener has them")
        }
        _ => None,
    }
}

/// Leaves them out of the build workload.
pub(super) fn leave_out(objects: &[OldObject<'_>], edits: &mut Edits<'_>) {
    let sketch = edits.sketch;
    for object in objects.iter().filter(|object| workload::is_build(sketch, object)) {
        let Some(pod) = workload::pod(sketch, object) else { continue };
        for container in workload::containers(pod) {
            if let Some((key, lifecycle)) = pair(container, "lifecycle") {
                of_container(key, lifecycle, edits);
            }
        }
    }
}

fn of_container(key: &Node, lifecycle: &Node, edits: &mut Edits<'_>) {
    let sketch = edits.sketch;
    let hooks: Vec<_> = ["postStart", "preStop"]
        .into_iter()
        .filter_map(|name| Some((name, pair(lifecycle, name)?)))
        .collect();
    let mut gone = 0;
    for (name, (hook, node)) in &hooks {
        let command = items(node.at("/exec/command"));
        let steps = steps(command, edits);
        let does = steps.iter().any(|step| ours(step.words()).is_some());
        let stays = *name == "preStop" && !shell::endless(&steps).is_empty();
        if !does && !stays {
            continue;
        }
        let Some(lines) = sketch.entry(hook) else {
            let why = "a hook that does the agent's work fails the build, or keeps it from ending";
            edits.refuse(sketch.bytes(hook).start, format!("the {name} hook"), why);
            continue;
        };
        gone += 1;
        tell(name, &steps, &lines, edits);
        if gone < hooks.len() {
            edits.put(lines, "");
        }
    }
    // with its last hook the whole of it goes
    if gone == hooks.len()
        && gone > 0
        && let Some(lines) = sketch.entry(key)
    {
        edits.put(lines, "");
    }
}

/// What the words of a command do; lines count from the top of the template.
fn steps(command: &[Node], edits: &Edits<'_>) -> Vec<ShellStep> {
    let sketch = edits.sketch;
    let mut all = Vec::new();
    for word in command {
        let bytes = sketch.bytes(word);
        let above = sketch.line(bytes.start) - 1;
        let script = sketch.script(&bytes);
        all.extend(
            shell::steps(script.trim_matches(['"', '\''])).into_iter().map(|step| ShellStep {
                lines: step.lines.start() + above..=step.lines.end() + above,
                ..step
            }),
        );
    }
    // written word by word: [kubectl, scale, …]
    let words: Vec<String> = command.iter().map(|word| sketch.word(word)).collect();
    if let (Some(first), true) = (command.first(), shell::kubectl(&words).is_some()) {
        let line = sketch.line(sketch.bytes(first).start);
        all.extend(
            shell::of_command(&words).into_iter().map(|step| ShellStep { lines: line..=line, ..step }),
        );
    }
    all
}

fn tell(name: &str, steps: &[ShellStep], lines: &std::ops::Range<usize>, edits: &mut Edits<'_>) {
    let place = edits.lines(lines);
    let why = "the agent lets go of Keel and brings support up and down; as part of a build this would fail it, or keep it \
               from ending";
    edits.note(place, MoveAct::Dropped, format!("the {name} hook"), why);
    let program = |step: &ShellStep| step.words().first().cloned().unwrap_or_default();
    let loops = shell::endless(steps);
    let within = |step: &ShellStep| loops.iter().any(|lines| lines.contains(step.lines.start()));
    for step in steps.iter().filter(|step| !step.words().is_empty() && !step.nested && !within(step)) {
        let word = program(step);
        let is_word =
            word.starts_with('-') || word.starts_with('/') && step.words().len() == 1 || word.contains('=');
        if ours(step.words()).is_some()
            || SILENT.contains(&word.as_str())
            || is_word
            || word == ">"
            || word == "|"
        {
            continue;
        }
        let what = format!("`{}` went with the hook", shortened(&step.told()));
        edits.note(
            step.lines.clone(),
            MoveAct::Needed,
            what,
            "do it at the beginning of the image's script, if it is needed",
        );
    }
}

/// A line to be read, not to be run.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 70;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST).chain(['…']).collect()
}
