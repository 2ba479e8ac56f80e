//! A report as objects: those that `status` prints, and what history has besides. `docs/status-json.md` documents them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::chain::build_object::{API_VERSION, Seen, build_object};
use crate::chain::contents::{PodRow, Sight, SupportRow};
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
            let object = json!({ "name": exit.container, "exitCode": exit.code });
            with(object, [("reason", text(exit.reason.as_ref()))])
        });
        status["containers"] = exits.collect();
    }
    if !it.events.is_empty() {
        status["events"] = json!(it.events);
    }
    let contents = &it.contents;
    let parts = [
        ("support", contents.support.iter().map(support).collect::<Vec<Value>>()),
        ("pods", contents.pods.iter().map(pod).collect()),
        ("latestEvents", contents.sights.iter().map(sight).collect()),
    ];
    for (name, rows) in parts.into_iter().filter(|(_, rows)| !rows.is_empty()) {
        status[name] = json!(rows);
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

fn support(it: &SupportRow) -> Value {
    let object =
        json!({ "kind": it.kind.as_str(), "name": it.name, "ready": it.ready, "replicas": it.replicas });
    with(object, [("scaledUp", it.remembered.map(|count| json!(count))), ("why", text(it.why.as_ref()))])
}

fn pod(it: &PodRow) -> Value {
    let (ready, containers) = it.ready;
    let object = json!({
        "name": it.name, "ready": ready, "containers": containers, "status": it.status, "restarts": it.restarts,
    });
    with(object, [("controlledBy", text(it.controlled_by.as_ref())), ("why", text(it.why.as_ref()))])
}

fn sight(it: &Sight) -> Value {
    let kind = if it.warns { "Warning" } else { "Normal" };
    let known = |text: &str| Some(json!(text)).filter(|_| !text.is_empty());
    let more = [
        ("lastSeen", it.at.map(|at| json!(format!("{at:.0}")))),
        ("reason", known(&it.reason)),
        ("message", known(&it.message)),
    ];
    with(json!({ "type": kind, "object": it.object }), more)
}

fn text(known: Option<&String>) -> Option<Value> {
    known.map(|text| json!(text))
}

/// With what is known of these.
fn with<const N: usize>(mut object: Value, more: [(&str, Option<Value>); N]) -> Value {
    for (key, value) in more {
        if let Some(value) = value {
            object[key] = value;
        }
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
