//! A report as objects: those that `status` prints, and what history has besides. `docs/status-json.md` documents them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::chain::build_object::{API_VERSION, Seen, build_object};
use crate::chain::reported::{ReportedBuild, ReportedChain, Tally};

/// A build.
pub(super) fn build(it: &ReportedBuild, now: Timestamp) -> Value {
    let mut object = build_object(&it.build, &Seen::default(), now);
    if it.gone {
        forget(&mut object, "metadata", &["name", "uid"]);
        // what stood on the namespace alone
        object["spec"] = without(object["spec"].take(), &["owner", "baseline"]);
        object["status"] = without(object["status"].take(), &["dispatch", "terminating"]);
        forget(&mut object, "spec", &["chainUUID"]);
        if it.took().is_none() {
            object["status"] = without(object["status"].take(), &["durationSeconds"]);
        }
    }
    let status = &mut object["status"];
    status["gone"] = json!(it.gone);
    if !it.exits.is_empty() {
        let exits = it.exits.iter().map(|exit| {
            let mut object = json!({ "name": exit.container, "exitCode": exit.code });
            if let Some(reason) = &exit.reason {
                object["reason"] = json!(reason);
            }
            object
        });
        status["containers"] = exits.collect();
    }
    if !it.events.is_empty() {
        status["events"] = json!(it.events);
    }
    if !it.logs.is_empty() {
        let logs = it.logs.iter();
        status["logs"] =
            logs.map(|log| json!({ "container": log.container, "end": log.text, "cut": log.cut })).collect();
    }
    if let Some(unpublished) = &it.unpublished {
        status["unpublished"] = json!(unpublished);
    }
    object
}

/// A chain: a `BuildList` that says besides what its builds come to.
pub(super) fn chain(chain: &ReportedChain, now: Timestamp) -> Value {
    let items: Vec<Value> = chain.builds.iter().map(|it| build(it, now)).collect();
    let mut summary = come_to(&chain.tally());
    summary["chain"] = json!(chain.chain);
    if let Some(hand) = chain.by_hand() {
        summary["byHand"] = come_to(&hand);
    }
    if let Some(reserved) = &chain.reserved() {
        summary["reserved"] = json!(reserved);
    }
    if let Some(stopped) = &chain.ended {
        summary["stopped"] = json!(stopped);
    }
    json!({ "apiVersion": API_VERSION, "kind": "BuildList", "metadata": {}, "summary": summary, "items": items })
}

/// What builds come to.
fn come_to(tally: &Tally) -> Value {
    let verdicts: Map<String, Value> =
        tally.verdicts.iter().map(|(verdict, count)| (verdict.to_string(), json!(count))).collect();
    let mut summary = json!({ "ended": tally.ended, "verdicts": verdicts });
    if let Some(rate) = tally.pass_rate() {
        summary["passPercent"] = json!(rate);
    }
    if let Some(median) = tally.median {
        summary["medianSeconds"] = json!(median.as_secs());
    }
    summary
}

fn without(mut object: Value, keys: &[&str]) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|key, _| !keys.contains(&key.as_str()));
    }
    object
}

/// Takes out what is not known: an empty text.
fn forget(object: &mut Value, part: &str, keys: &[&str]) {
    let empty: Vec<&str> = keys.iter().copied().filter(|key| object[part][*key] == "").collect();
    object[part] = without(object[part].take(), &empty);
}
