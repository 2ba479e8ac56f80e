//! What kubectl prints of objects, and what we print of the same. `tests/printed` asked kubectl's own printers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::columns::CustomColumns;
use super::jsonpath::JsonPath;
use super::order::order;
use super::printer;
use super::table::Widths;
use crate::pipeline::documents;

#[derive(Deserialize)]
struct Data {
    objects: BTreeMap<String, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    object: String,
    output: String,
    sort_by: Option<String>,
    #[serde(default)]
    no_headers: bool,
    #[serde(default)]
    unordered: bool,
    printed: String,
    error: Option<String>,
}

fn cases(wanted: impl Fn(&Case) -> bool) -> Vec<(Case, Value)> {
    let data: Data = serde_json::from_str(include_str!("../../tests/data/kubectl-printed.json")).unwrap();
    let cases: Vec<_> = data
        .cases
        .into_iter()
        .filter(wanted)
        .map(|case| {
            let object = data.objects[&case.object].clone();
            (case, object)
        })
        .collect();
    assert!(cases.len() > 3, "these are few");
    cases
}

/// The items of a list, in the order that is asked for.
fn sorted(case: &Case, object: &Value) -> Result<Value, String> {
    let (Some(by), Some(items)) = (&case.sort_by, object["items"].as_array()) else {
        return Ok(object.clone());
    };
    let places = order(&JsonPath::relaxed(by)?, items)?;
    let mut object = object.clone();
    object["items"] = places.into_iter().map(|place| items[place].clone()).collect();
    Ok(object)
}

fn ours(case: &Case, object: &Value) -> Result<String, String> {
    let object = sorted(case, object)?;
    let (form, argument) = case.output.split_once('=').unwrap_or((&case.output, ""));
    let path =
        || JsonPath::parse(argument).map_err(|why| format!("error parsing jsonpath {argument}, {why}"));
    match form {
        "json" => Ok(printer::json(&object)),
        "kyaml" => Ok(printer::kyaml(&object)),
        "jsonpath" => path()?.print(&object),
        "jsonpath-as-json" => path()?.print_json(&object),
        "custom-columns" => {
            let columns = CustomColumns::parse(argument)?;
            let items = object["items"].as_array().map_or(std::slice::from_ref(&object), Vec::as_slice);
            let table = columns.table(items)?;
            Ok(table.lines_on(!case.no_headers, &mut Widths::default()))
        }
        form => panic!("{form}"),
    }
}

fn letters(text: &str) -> Vec<char> {
    let mut letters: Vec<char> = text.chars().collect();
    letters.sort_unstable();
    letters
}

fn differences(wanted: impl Fn(&Case) -> bool) -> Vec<String> {
    let mut differences = Vec::new();
    for (case, object) in cases(wanted) {
        let theirs = case.error.clone().map_or(Ok(case.printed.clone()), Err);
        let ours = ours(&case, &object);
        let same = match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) if case.unordered => letters(ours) == letters(theirs),
            (ours, theirs) => ours == theirs,
        };
        if !same {
            differences.push(format!(
                "{} of {} by {:?}:\n  ours   {ours:?}\n  theirs {theirs:?}",
                case.output, case.object, case.sort_by
            ));
        }
    }
    differences
}

fn nothing(differences: &[String]) {
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn every_template_of_jsonpath_prints_or_is_refused_as_by_kubectl() {
    nothing(&differences(|case| case.output.starts_with("jsonpath") && case.output.contains("={")));
    nothing(&differences(|case| {
        let bare = case.output.strip_prefix("jsonpath=").or(case.output.strip_prefix("jsonpath-as-json="));
        bare.is_some_and(|template| !template.is_empty() && !template.starts_with('{'))
    }));
}

#[test]
fn every_custom_column_has_kubectls_bytes() {
    nothing(&differences(|case| case.output.starts_with("custom-columns=") && case.sort_by.is_none()));
}

#[test]
fn every_order_is_kubectls() {
    nothing(&differences(|case| case.sort_by.is_some()));
}

#[test]
fn json_and_kyaml_have_kubectls_bytes() {
    nothing(&differences(|case| ["json", "kyaml"].contains(&case.output.as_str())));
}

#[test]
fn yaml_holds_what_kubectls_yaml_holds() {
    for (case, object) in cases(|case| case.output == "yaml") {
        // of a list its items
        let read = |text: &str| -> Vec<Value> {
            documents::read("x", text).unwrap().into_iter().map(|document| document.value).collect()
        };
        assert_eq!(read(&printer::yaml(&object)), read(&case.printed), "{}", case.object);
        assert_eq!(read(&printer::kyaml(&object)), read(&case.printed), "{}", case.object);
    }
}

#[test]
fn what_has_no_order_is_refused() {
    let data: Data = serde_json::from_str(include_str!("../../tests/data/kubectl-printed.json")).unwrap();
    let by = |path: &str, items: &[Value]| order(&JsonPath::relaxed(path).unwrap(), items);
    let builds = data.objects["list"]["items"].as_array().unwrap();
    assert_eq!(by(".status.terminating", builds), Err("unsortable type: bool".to_owned()));
    assert_eq!(by(".status", builds), Err("unsortable type: map[string]interface {}".to_owned()));
    let items = |values: &[Value]| -> Vec<Value> {
        values.iter().map(|value| serde_json::json!({ "v": value })).collect()
    };
    let mixed = items(&[1.into(), "x".into()]);
    assert_eq!(by(".v", &mixed), Err("{.v} finds values of several types, which have no order".to_owned()));
    let sizes = items(&["1Gi".into(), "512Mi".into(), "2k".into(), "1e3".into(), "-3".into(), "0.5".into()]);
    assert_eq!(by(".v", &sizes), Ok(vec![4, 5, 3, 2, 1, 0]));
    let tags = items(&["build-10".into(), "build-9".into(), "7".into()]);
    assert_eq!(by(".v", &tags), Ok(vec![2, 0, 1]), "texts, as soon as one is no quantity");
}

#[test]
fn no_value_of_a_path_steers_a_terminal() {
    let object = serde_json::json!({ "a": "x\u{1b}[2J\ny\tz\r\u{202e}" });
    let print = |template: &str| JsonPath::parse(template).unwrap().print(&object).unwrap();
    assert_eq!(print("{.a}"), "x^[[2J\ny\tz\\r\\u{202e}");
    assert_eq!(print("{@}"), "{\"a\":\"x\\u001b[2J\\ny\\tz\\r\\u202e\"}");
    let columns = CustomColumns::parse("A:.a").unwrap().table([&object]).unwrap();
    assert_eq!(columns.lines_on(true, &mut Widths::default()), "A\nx^[[2J...\n");
}
