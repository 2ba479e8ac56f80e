//! The script that a build runs: which of its lines the agent does now, and which rights the rest needs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

use super::calls::{self, KubectlCall, Rights, call};
use super::edits::Edits;
use super::hooks::{ours, shortened};
use super::namespace::Own;
use super::sketch::{OldObject, pair};
use super::{MoveAct, MoveNote, workload};
use crate::pipeline::shell::{self, ShellStep};
use crate::pipeline::sources::Text;
use crate::pipeline::tree::Node;

/// Looks through a script; gives what there is to say of it, and writes the rights that it needs into the pipeline.
pub(super) fn read(
    script: &Text,
    objects: &[OldObject<'_>],
    own: &Own,
    edits: &mut Edits<'_>,
) -> Vec<MoveNote> {
    let steps = shell::steps(&script.text);
    let mut notes = Vec::new();
    let mut gone: Vec<RangeInclusive<usize>> = Vec::new();
    let mut say = |lines: &RangeInclusive<usize>, act, what: String, why: &str| {
        notes.push(MoveNote { of_script: true, lines: lines.clone(), act, what, why: why.to_owned() });
    };
    for step in &steps {
        if let Some(why) = ours(step.words()) {
            // of a trap the whole is told
            if !step.nested {
                say(&step.lines, MoveAct::Delete, format!("`{}`", shortened(&step.told())), why);
            }
            gone.push(step.lines.clone());
        }
    }
    let of_ours = functions(&steps)
        .into_iter()
        .filter(|(_, body)| body.iter().all(|step| ours(step.words()).is_some()));
    let of_ours: BTreeSet<String> = of_ours.map(|(name, _)| name).collect();
    for step in steps.iter().filter(|step| !step.nested) {
        let words = step.words();
        let is_trap = words.first().is_some_and(|word| word == "trap");
        let inner = words.get(1).map(|script| shell::steps(script)).unwrap_or_default();
        let does_ours = !inner.is_empty() && inner.iter().all(|step| ours(step.words()).is_some());
        let calls_ours = |at: usize| words.get(at).is_some_and(|word| of_ours.contains(word));
        if is_trap && (does_ours || calls_ours(1)) {
            say(
                &step.lines,
                MoveAct::Delete,
                format!("`{}`", shortened(&step.told())),
                "it does at the end what the agent does",
            );
            gone.push(step.lines.clone());
        } else if is_trap && inner.iter().any(|step| ours(step.words()).is_some()) {
            let why = "take out of it what the agent does: kubectl label, annotate and scale";
            say(&step.lines, MoveAct::Delete, format!("a part of `{}`", shortened(&step.told())), why);
        } else if calls_ours(0) {
            say(
                &step.lines,
                MoveAct::Delete,
                format!("`{}`", shortened(&step.told())),
                "that function does what the agent does",
            );
            gone.push(step.lines.clone());
        }
    }
    for lines in shell::endless(&steps) {
        let why = "nothing ends it, so that the build would run until its deadline: the exit code is the verdict, and logs stay \
                   after the end; what follows it is run now";
        say(&lines, MoveAct::Delete, "the endless loop".to_owned(), why);
        gone.push(lines);
    }
    for lines in empty_blocks(&steps, &gone) {
        let why = "nothing is left in this block, and a shell takes no empty one: write `:` there, or delete the whole of it";
        say(&lines, MoveAct::Delete, "the block around them".to_owned(), why);
    }
    let rights = rights(&steps, &gone, own, &mut say);
    notes.sort_by_key(|note| (*note.lines.start(), *note.lines.end()));
    if !rights.rules.is_empty() {
        grant(script, &rights, objects, edits);
    }
    notes
}

/// Functions with the commands of their bodies.
fn functions(steps: &[ShellStep]) -> Vec<(String, Vec<&ShellStep>)> {
    let mut found = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let Some(name) = step.keyword().and_then(|word| word.strip_prefix("function ")) else { continue };
        let mut depth = 0_i32;
        let mut body = Vec::new();
        for step in &steps[at + 1..] {
            match step.keyword() {
                Some("{") => depth += 1,
                Some("}") => depth -= 1,
                _ if step.keyword().is_none() && !is_told(step) => body.push(step),
                _ => {}
            }
            if depth <= 0 {
                break;
            }
        }
        if !body.is_empty() {
            found.push((name.to_owned(), body));
        }
    }
    found
}

/// Whether a command only says something.
fn is_told(step: &ShellStep) -> bool {
    matches!(step.words().first().map(String::as_str), Some("echo" | "printf"))
}

/// Blocks (`then`, `do`, `{`) all of whose commands go.
fn empty_blocks(steps: &[ShellStep], gone: &[RangeInclusive<usize>]) -> Vec<RangeInclusive<usize>> {
    let is_gone = |step: &ShellStep| {
        gone.iter().any(|lines| lines.contains(step.lines.start()) && lines.contains(step.lines.end()))
    };
    let mut open: Vec<(usize, usize, usize)> = Vec::new();
    let mut found = Vec::new();
    for step in steps.iter().filter(|step| !step.nested) {
        let ends = matches!(step.keyword(), Some("fi" | "done" | "}" | "else" | "elif"));
        if ends && let Some((line, all, going)) = open.pop() {
            let lines = line..=*step.lines.end();
            let whole = gone.iter().any(|gone| gone.contains(lines.start()) && gone.contains(lines.end()));
            if all > 0 && all == going && !whole {
                found.push(lines);
            }
            if let Some((_, outer, outer_going)) = open.last_mut() {
                *outer += 1;
                *outer_going += usize::from(all == going && whole);
            }
        }
        match step.keyword() {
            Some("then" | "do" | "{" | "else") => open.push((*step.lines.start(), 0, 0)),
            Some(_) => {}
            None => {
                if let Some((_, all, going)) = open.last_mut() {
                    *all += 1;
                    *going += usize::from(is_gone(step));
                }
            }
        }
    }
    found
}

/// What the calls that stay need.
fn rights(
    steps: &[ShellStep],
    gone: &[RangeInclusive<usize>],
    own: &Own,
    say: &mut impl FnMut(&RangeInclusive<usize>, MoveAct, String, &str),
) -> Rights {
    let mut all = Rights::default();
    let mut of_files = Vec::new();
    for step in steps {
        let Some(words) = shell::kubectl(step.words()) else { continue };
        let is_gone = gone.iter().any(|lines| lines.contains(step.lines.start()));
        if is_gone || ours(step.words()).is_some() {
            continue;
        }
        let what = || format!("`{}`", shortened(&step.told()));
        match call(words, |name| own.is_called(name)) {
            KubectlCall::Needs(rights) => {
                if rights.trusted && !all.trusted {
                    let why = "it reaches into pods, through which a build could become its agent: start the chain with \
                               --trusted-build, or do without";
                    say(&step.lines, MoveAct::Needed, what(), why);
                }
                calls::merge(&mut all, rights);
            }
            KubectlCall::OfFile(verbs) => of_files.push((step, verbs)),
            KubectlCall::Beyond(why) => say(&step.lines, MoveAct::Refused, what(), &why),
            KubectlCall::Untold(why) => {
                let why = format!("{why}: add what it needs to the Role in the pipeline");
                say(&step.lines, MoveAct::Needed, what(), &why);
            }
            KubectlCall::Nothing => {}
        }
    }
    // what files make is what the script asks for afterwards; where it asks for nothing, nobody knows
    let asked: Vec<(String, String)> = all
        .rules
        .keys()
        .filter(|(_, resource)| !resource.contains('/') && resource != "events")
        .cloned()
        .collect();
    for (step, verbs) in of_files {
        let named: Vec<&str> =
            asked.iter().map(|(_, resource)| resource.as_str()).filter(|it| *it != "pods").collect();
        for key in asked.iter().filter(|(_, resource)| resource != "pods" || named.is_empty()) {
            all.rules.entry(key.clone()).or_default().extend(verbs);
        }
        let why = if asked.is_empty() {
            "what its file holds was not looked at: add it to the Role in the pipeline".to_owned()
        } else {
            let named = if named.is_empty() { vec!["pods"] } else { named };
            format!(
                "what its file holds was not looked at; it may make {}, since the script asks for that: add to the Role in the \
                 pipeline whatever else it holds",
                named.join(", ")
            )
        };
        say(&step.lines, MoveAct::Needed, format!("`{}`", shortened(&step.told())), &why);
    }
    all
}

/// Writes a Role with them, its binding, and that the build gets its token.
fn grant(script: &Text, rights: &Rights, objects: &[OldObject<'_>], edits: &mut Edits<'_>) {
    let sketch = edits.sketch;
    let Some(build) = objects.iter().find(|object| workload::is_build(sketch, object)) else { return };
    let Some(pod) = workload::pod(sketch, build) else { return };
    let account = ["serviceAccountName", "serviceAccount"].iter().find_map(|key| pod.get(key));
    let account = account.map_or_else(|| "default".to_owned(), |node| sketch.word(node));
    let taken: Vec<String> = objects.iter().map(|object| object.word(sketch, "/metadata/name")).collect();
    let mut name = "script".to_owned();
    while taken.contains(&name) {
        name.push_str("-rights");
    }
    let end = sketch.text.len();
    let lines = edits.lines(&(end.saturating_sub(1)..end));
    let mut text = String::new();
    if !sketch.text.ends_with('\n') {
        text.push('\n');
    }
    let _ = write!(
        text,
        "---\n# For what {} calls kubectl for.\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: \
         {name}\nrules:\n{}---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: \
         {name}\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: {name}\nsubjects:\n- kind: \
         ServiceAccount\n  name: {account}\n",
        script.name.replace(['\n', '\r'], " "),
        rights.yaml()
    );
    edits.put(end..end, text);
    let why = format!(
        "what the script calls kubectl for, a build may do in its own namespace only by such a Role ({})",
        told(rights)
    );
    edits.note(
        lines,
        MoveAct::Added,
        format!("Role and RoleBinding {name} for ServiceAccount {account}"),
        why,
    );
    token(pod, edits);
}

fn told(rights: &Rights) -> String {
    let rules = rights.rules.iter().map(|((_, resource), verbs)| {
        format!("{resource}: {}", verbs.iter().copied().collect::<Vec<_>>().join(" "))
    });
    rules.collect::<Vec<_>>().join("; ")
}

/// A build gets the token of its ServiceAccount only where the pod says so.
fn token(pod: &Node, edits: &mut Edits<'_>) {
    const KEY: &str = "automountServiceAccountToken";
    let sketch = edits.sketch;
    let why = "else kubectl has no token to ask with";
    if let Some((_, value)) = pair(pod, KEY) {
        if value.text() == Some("false") {
            let at = sketch.bytes(value);
            let lines = edits.lines(&at);
            edits.put(at, "true");
            edits.note(lines, MoveAct::Changed, format!("{KEY}: false is true"), why);
        }
        return;
    }
    let Some((containers, _)) = pair(pod, "containers") else { return };
    let at = sketch.bytes(containers).start;
    let indent = sketch.before(at);
    if !indent.chars().all(|c| c == ' ') {
        let line = sketch.line(at);
        return edits.note(line..=line, MoveAct::Needed, format!("{KEY}: true in the pod of the build"), why);
    }
    let start = sketch.line_around(at).start;
    let line = sketch.line(at);
    edits.put(start..start, format!("{indent}{KEY}: true\n"));
    edits.note(line..=line, MoveAct::Added, format!("{KEY}: true"), why);
}
