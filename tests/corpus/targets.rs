//! What is fuzzed: a function a kind of input, which panics where a promise is broken. `cargo xtask fuzz` makes inputs up,
//! the test beside this file replays those that were worth keeping.
//!
//! Each promises more than "no panic": what was read is written and read again as the same, a place in a text exists, a
//! secret stays out of a message.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use studioci::chain::freeze::Pushed;
use studioci::chain::told::{Telling, is_revision};
use studioci::cluster::{Cluster, Options};
use studioci::keel::image::ImageRef;
use studioci::keel::lint;
use studioci::keel::policy::Policy;
use studioci::pipeline::convert::{Conversion, convert};
use studioci::pipeline::documents;
use studioci::pipeline::facts::{Facts, environment};
use studioci::pipeline::fault::Fault;
use studioci::pipeline::plan;
use studioci::pipeline::render;
use studioci::pipeline::sources::{Sources, Text};
use studioci::pipeline::values;
use studioci::pipeline::weave;

/// What is done with an input.
type Target = fn(&[u8]);

/// Every target, by the name of its folder.
pub(crate) const TARGETS: [(&str, Target); 9] = [
    ("template", template),
    ("documents", read_documents),
    ("values", read_values),
    ("policy", policy),
    ("kubeconfig", kubeconfig),
    ("image", image),
    ("revision", revision),
    ("told", told),
    ("stencil", stencil),
];

/// What every fault promises: it can be shown, and its place is one of the text that it names.
fn shown(fault: &Fault, texts: &[(&str, &str)]) {
    assert!(!fault.to_string().is_empty());
    let Some(place) = &fault.place else { return };
    let Some((_, text)) = texts.iter().find(|(name, _)| *name == place.file) else { return };
    let ends = text.chars().filter(|sign| ['\n', '\r'].contains(sign)).count();
    assert!((1..=ends + 1).contains(&place.line), "line {} of {text:?}", place.line);
    assert!(text.contains(&place.text), "{:?} in {text:?}", place.text);
    assert!(place.column <= place.text.chars().count() + 1, "column {} of {:?}", place.column, place.text);
}

/// A text of a person; what is no text has an error of its own before anybody reads it.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn named(name: &str, text: &str) -> Text {
    Text { name: name.to_owned(), text: text.to_owned() }
}

/// A template, rendered where it is sure to end: a runaway is bounded by its process, of which there is none here.
fn template(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let template = named("ci.yaml", text);
    if let Err(fault) = studioci::pipeline::template::reads(&template) {
        shown(&fault, &[("ci.yaml", text)]);
    }
    let is_loop = |tag: &str| tag.trim_start_matches('-').trim_start().starts_with("for");
    let repeats = ["range(", "repeat", "<"].iter().any(|word| text.contains(word));
    if repeats || text.split("{%").skip(1).any(is_loop) {
        return;
    }
    let mut facts = Facts::default();
    let secret = BTreeMap::from([("TOKEN".to_owned(), "hunter2secret".to_owned())]);
    facts.env = environment(secret, &BTreeSet::new());
    let sources = Sources { template, ..Sources::default() };
    if let Err(faults) = plan::preview(&sources, &facts, false) {
        for fault in &faults {
            shown(fault, &[("ci.yaml", text)]);
            assert!(
                text.contains("hunter2secret") || !fault.to_string().contains("hunter2secret"),
                "{fault}"
            );
        }
    }
}

/// A stream of documents: what was read is written, and read again as the same.
fn read_documents(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    match documents::read("p.yaml", text) {
        Err(fault) => shown(&fault, &[("p.yaml", text)]),
        Ok(read) => {
            let written = documents::write_all(read.iter().map(|document| &document.value));
            let again =
                documents::read("again", &written).unwrap_or_else(|fault| panic!("{fault}\n{written}"));
            let values = |of: &[documents::Document]| -> Vec<Value> {
                of.iter().map(|document| document.value.clone()).collect()
            };
            assert_eq!(values(&read), values(&again), "{written}");
            let _ = weave::plan(&read, &settings());
        }
    }
}

fn settings() -> weave::PlanInput {
    weave::PlanInput {
        chain: "app".to_owned(),
        chain_uuid: "00000000-0000-0000-0000-000000000000".to_owned(),
        agent_image: "registry.example/agent:1".to_owned(),
        trusted_build: false,
        tag: None,
        by_hand: false,
        namespace: None,
        copied: Vec::new(),
    }
}

/// The first line is a `--set`, the rest a values file. The template reads all that is given.
fn read_values(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (set, file) = text.split_once('\n').unwrap_or(("a=1", text));
    let set: Vec<_> = set.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect();
    if set.iter().any(|(name, _)| values::name_fault(name).is_some()) {
        return;
    }
    let template = named("ci.yaml", "apiVersion: v1\nkind: ConfigMap\nall: {{ values | json_encode }}\n");
    let sources = Sources { template, values: vec![named("values.yaml", file)], set, ..Sources::default() };
    match render::shown(&sources, &Facts::default()) {
        Err(fault) => shown(&fault, &[("values.yaml", file)]),
        Ok(rendered) => {
            let all = &rendered.documents[0].value["all"];
            // a value that was given is never lost
            assert!(sources.set.is_empty() || all.as_object().is_some_and(|all| !all.is_empty()), "{text:?}");
        }
    }
}

/// Lines: the policy, the tag that runs, and tags of the registry.
fn policy(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let mut lines = text.lines().map(str::to_owned);
    let (Some(value), Some(current)) = (lines.next(), lines.next()) else { return };
    let tags: Vec<String> = lines.take(32).collect();
    let annotations = BTreeMap::from([("keel.sh/policy".to_owned(), value)]);
    let policy = Policy::of(&BTreeMap::new(), &annotations);
    let _ = (policy.can_move_from(&current), policy.name());
    let kept = policy.filter(&tags);
    assert!(kept.iter().all(|tag| tags.contains(tag)), "{kept:?}");
    for tag in &tags {
        let _ = policy.should_update(&current, tag);
    }
    let empty = BTreeMap::new();
    let image = ImageRef::parse(&format!("registry.example/app:{current}")).ok();
    let linted = lint::Linted {
        labels: &empty,
        annotations: &annotations,
        template_labels: &empty,
        template_annotations: &empty,
        image: image.as_ref(),
    };
    for finding in lint::check(&linted) {
        assert!(!finding.remedy.is_empty(), "{finding}");
    }
}

/// A kubeconfig: no connection is made for it, and none of its credentials is in a message. Those of the corpus are called
/// `s3cr3t`; one that has wandered into a name or an address by now is none.
fn kubeconfig(bytes: &[u8]) {
    let file = OwnFile::of(bytes);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let _inside = runtime.enter();
    let options = Options { kubeconfig: Some(file.0.clone()), ..Options::default() };
    let Err(error) = Cluster::connect(&options) else { return };
    let said = error.to_string();
    let wandered =
        documents::read_value("kubeconfig", &String::from_utf8_lossy(bytes)).is_ok_and(|mut read| {
            if let Some(users) = read.as_object_mut().and_then(|read| read.remove("users")) {
                read["users"] =
                    users.as_array().into_iter().flatten().map(|user| user["name"].clone()).collect();
            }
            read.to_string().contains("s3cr3t")
        });
    assert!(wandered || !said.contains("s3cr3t"), "{said}");
}

/// A file that is gone with its name.
struct OwnFile(PathBuf);

impl OwnFile {
    fn of(bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("studioci-fuzz-{}", std::process::id()));
        fs::write(&path, bytes).expect("a folder for temporary files");
        Self(path)
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// An image reference: what is read is written, and read again as the same.
fn image(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Ok(read) = ImageRef::parse(text) else { return };
    let written = read.to_string();
    assert_eq!(ImageRef::parse(&written).as_ref(), Ok(&read), "{written}");
    assert_eq!(
        ImageRef::parse(&read.repository_key()).map(|it| it.repository_key()),
        Ok(read.repository_key())
    );
}

/// A source revision as an image tells it: it goes into annotations, events and a terminal.
fn revision(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if is_revision(text) {
        assert!(text.len() <= 64 && text.chars().all(|letter| letter.is_ascii_graphic()), "{text:?}");
    }
    let telling = Telling { pipeline: Pushed::Absent, revision: Some(text.to_owned()) };
    assert_eq!(Telling::read(&telling.write()).is_ok(), is_revision(text), "{text:?}");
}

/// The told file: what is read is written, and read again as the same; a message about it is one line.
fn told(bytes: &[u8]) {
    match Telling::read(bytes) {
        Ok(read) => assert_eq!(Telling::read(&read.write()).as_ref(), Ok(&read)),
        Err(why) => assert!(!why.contains(char::is_control) && why.len() < 2048, "{why:?}"),
    }
}

/// A template of Go: what comes of it is a template of ours, unless something is refused, and then it is none.
fn stencil(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let converted = convert(text);
    let lines = text.matches('\n').count() + 1;
    assert!(converted.notes.iter().all(|note| (1..=lines).contains(&note.line)), "{converted:?}");
    let refused = converted.notes.iter().any(|note| note.what == Conversion::Refused);
    let read = studioci::pipeline::template::reads(&named("ci.yaml", &converted.text));
    assert_eq!(refused, read.is_err(), "{read:?}\n{}", converted.text);
}
