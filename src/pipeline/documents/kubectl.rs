//! YAML as kubectl reads it: all of yaml-test-suite, and what pipelines hold, against what kubectl's own decoder made of it.
//! `tests/yaml` writes the data.

use serde::Deserialize;
use serde_json::Value;

use super::*;

#[derive(Deserialize)]
struct KubectlReads {
    suite: Vec<KubectlRead>,
    own: Vec<KubectlRead>,
}

/// A text, and kubectl's documents of it up to the first that it refuses.
#[derive(Deserialize)]
struct KubectlRead {
    name: String,
    text: String,
    documents: Vec<Value>,
    error: Option<String>,
}

/// What kubectl takes and a pipeline may not hold: words of the refusal, and the cases.
const REFUSED: &[(&str, &[&str])] = &[
    // kubectl takes the last one, without a word
    (
        "is there twice",
        &[
            "a key twice",
            "a key twice in a flow mapping",
            "a key twice in two spellings",
            "a key twice as a number and as text",
            "a key twice in JSON",
        ],
    ),
    // others take the other one
    ("`<<` brings", &["a merge key last"]),
    ("two `<<` bring", &["two merge keys of the same field"]),
    // kubectl drops what follows, without a word
    (
        "a second document starts here without `---`",
        &[
            "7Z25",
            "KS4U",
            "M7A3",
            "the end of a document and more without a separator",
            "JSON after a separator",
        ],
    ),
    ("only a comment may follow `...`", &["3HFZ"]),
    ("a bracket is closed here that none opens", &["4H7K"]),
    ("a line begins with `%` in the midst", &["a directive within a document"]),
    ("a comment stands within a text", &["BS4K"]),
    // kubectl drops the tag, and with it what was meant
    (
        "means nothing to Kubernetes",
        &[
            "6WLZ",
            "7FWL",
            "9HCY",
            "9WXW",
            "CUP7",
            "M5C3",
            "Z67P",
            "a tag of one's own on a word",
            "a tag of one's own on a number",
            "a regular expression",
        ],
    ),
    ("no blank stands after a tag", &["U99R"]),
    // kubectl decodes it, where the object is to hold base64
    ("has the value decoded", &["565N", "the tag binary", "the tag binary over lines"]),
    // kubectl ends a word elsewhere than YAML 1.2 does
    ("a word between brackets holds a `?`", &["652Z", "HM87/01"]),
    (
        "no blank stands after this colon between brackets",
        &["4ABK", "a colon at the end of a flow list", "a colon at the end of a word in a flow list"],
    ),
    ("the name of an anchor has other letters", &["Y2GN"]),
    ("names an anchor that does not stand before it", &["an alias before a colon without a blank"]),
    (
        "a letter that nobody sees ends the line",
        &[
            "a line separator in quotes",
            "a next-line character in a comment",
            "a next-line character in a block",
        ],
    ),
    // no YAML of either version, though kubectl makes something of it
    ("a backslash in double quotes", &["HRE5", "an escaped single quote"]),
    ("the lines of this text are not indented alike", &["S98Z"]),
    // kubectl rounds the key, or spells it otherwise
    ("is a number with a fraction", &["keys that are fractions"]),
    ("the key `.inf` is a number", &["a key that is infinite"]),
];

#[test]
fn every_text_reads_as_kubectl_reads_it_or_is_refused_for_a_named_reason() {
    let KubectlReads { suite, own } =
        serde_json::from_str(include_str!("../../../tests/data/kubectl-yaml.json")).unwrap();
    assert!(suite.len() > 400 && own.len() > 300, "this is no test otherwise");
    let mut wrong = Vec::new();
    let mut named: Vec<(&str, &str)> =
        REFUSED.iter().flat_map(|(words, cases)| cases.iter().map(move |case| (*case, *words))).collect();
    for KubectlRead { name, text, documents, error } in suite.iter().chain(&own) {
        let ours = values(text);
        let place = named.iter().position(|(case, _)| case == name);
        let words = place.map(|place| named.swap_remove(place).1);
        let said = match (&ours, error, words) {
            (Ok(ours), None, None) if same(&Value::from(ours.clone()), &Value::from(documents.clone())) => {
                continue;
            }
            (Err(fault), None, Some(words)) if fault.what.contains(words) && fault.why.is_some() => continue,
            (Err(_), Some(_), None) => continue,
            (Ok(ours), ..) => format!("{ours:?}"),
            (Err(fault), ..) => fault.to_string(),
        };
        wrong.push(format!(
            "{name}: {text:?}\n  ours: {said}\n  kubectl: {documents:?} {error:?}\n  named: {words:?}"
        ));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(named, [], "no such case");
}

/// Numbers are the same if they are worth the same: JSON's `1e3` stays as it is in kubectl.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || a.is_f64() != b.is_f64() && a.as_f64() == b.as_f64()
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

fn values(text: &str) -> Result<Vec<Value>, Fault> {
    parts("f", text)?
        .iter()
        .map(|part| tree::value(&part.root).map_err(|wrong| fault("f", text, "", wrong)))
        .collect()
}
