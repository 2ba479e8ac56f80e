//! Detach and attach: Keel lets go of a workload whose keys are renamed, and takes it up again when they are back.
//!
//! Renaming metadata keys of a Deployment does not restart its pods.

use serde_json::{Value, json};

use super::names::{self, Map};
use super::pointer::escaped;

/// Prefix under which a `keel.sh/*` key is parked, in the map that it came from.
pub const PARKED: &str = "parked.studioci.dev/";
/// The rest of the parked key of [`names::OBSERVER_POLICY`], which has another prefix to go back to.
const PARKED_OBSERVER: &str = "observer-policy";

/// Whether Keel may read this key of a workload's metadata.
///
/// Every `keel.sh/*`, in any case (an annotation's prefix may have capitals), and the policy's key of old.
pub fn is_keel_key(key: &str) -> bool {
    rest_of(key).is_some()
}

/// What stands behind the parking prefix when `key` is parked.
fn rest_of(key: &str) -> Option<&str> {
    if key.eq_ignore_ascii_case(names::OBSERVER_POLICY) {
        return Some(PARKED_OBSERVER);
    }
    names::rest_of(key)
}

fn parked_key(key: &str) -> Option<String> {
    rest_of(key).map(|rest| format!("{PARKED}{rest}"))
}

fn live_key(key: &str) -> Option<String> {
    match key.strip_prefix(PARKED)? {
        PARKED_OBSERVER => Some(names::OBSERVER_POLICY.to_owned()),
        rest => Some(format!("{}{rest}", names::PREFIX)),
    }
}

/// The same map with every key of Keel parked. A live key beats a parked one of the same name: it is what Keel
/// obeyed last. Case in the prefix is lost, which is nothing to Keel.
#[must_use]
pub fn park(map: &Map) -> Map {
    let mut parked = map.clone();
    parked.retain(|key, _| !is_keel_key(key));
    parked.extend(moved(map, parked_key));
    parked
}

/// The same map with every parked key live again; a live key beats a parked one.
#[must_use]
pub fn attach(map: &Map) -> Map {
    let mut attached = moved(map, live_key);
    attached.extend(map.clone());
    attached.retain(|key, _| !key.starts_with(PARKED));
    attached
}

/// The entries that have another key to go to, under that key. Where two go to the same one, the greater spelling
/// stays: lower case, which is the ordinary one.
fn moved(map: &Map, rename: impl Fn(&str) -> Option<String>) -> Map {
    map.iter().filter_map(|(key, value)| Some((rename(key)?, value.clone()))).collect()
}

/// Whether any key of Keel is live, which is the state before a detach and after a stale write of Keel.
pub fn attached(labels: &Map, annotations: &Map) -> bool {
    labels.keys().chain(annotations.keys()).any(|key| is_keel_key(key))
}

/// A JSON patch that parks every key of Keel in both maps, if the object is still the one that was read.
///
/// With no key to park only the test is left; ask [`attached`] first.
pub fn detach_patch(resource_version: &str, labels: &Map, annotations: &Map) -> Value {
    let mut patch =
        vec![json!({"op": "test", "path": "/metadata/resourceVersion", "value": resource_version})];
    for (field, map) in [("labels", labels), ("annotations", annotations)] {
        let at = |key: &str| format!("/metadata/{field}/{}", escaped(key));
        for key in map.keys().filter(|key| is_keel_key(key)) {
            patch.push(json!({"op": "remove", "path": at(key)}));
        }
        for (key, value) in moved(map, parked_key) {
            patch.push(json!({"op": "add", "path": at(&key), "value": value}));
        }
    }
    Value::Array(patch)
}

/// Labels and annotations for the next listener: Keel's keys live, and nothing that Keel, the API server, the
/// Deployment controller or `kubectl apply` wrote.
#[must_use]
pub fn successor_maps(labels: &Map, annotations: &Map) -> (Map, Map) {
    let written =
        [names::UPDATE_TIME, names::DIGEST, names::CHANGE_CAUSE, names::REVISION, names::LAST_APPLIED];
    let of = |map: &Map| {
        let mut map = attach(map);
        map.retain(|key, _| !written.iter().any(|name| key.eq_ignore_ascii_case(name)));
        map
    };
    (of(labels), of(annotations))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> Map {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn keys_of_keel_in_any_case_and_no_others() {
        for (key, expected) in [
            ("keel.sh/policy", true),
            ("KEEL.sh/imagePullSecret", true),
            ("keel.sh/anything-new", true),
            ("keel.observer/policy", true),
            ("keel.observer/other", false),
            ("keel.shx/policy", false),
            ("my.keel.sh/policy", false),
            ("parked.studioci.dev/policy", false),
            ("keel.sh", false),
            ("é", false),
        ] {
            assert_eq!(is_keel_key(key), expected, "{key}");
        }
    }

    #[test]
    fn parking_and_attaching_is_a_round_trip() {
        let live = map(&[
            ("app", "web"),
            ("keel.observer/policy", "minor"),
            ("keel.sh/matchTag", "true"),
            ("keel.sh/policy", "force"),
        ]);
        let parked = park(&live);
        assert_eq!(
            parked,
            map(&[
                ("app", "web"),
                ("parked.studioci.dev/matchTag", "true"),
                ("parked.studioci.dev/observer-policy", "minor"),
                ("parked.studioci.dev/policy", "force"),
            ])
        );
        assert!(attached(&live, &Map::new()) && attached(&Map::new(), &live));
        assert!(!attached(&parked, &parked));
        assert_eq!(attach(&parked), live);
        assert_eq!((park(&parked), attach(&live)), (parked, live));
    }

    #[test]
    fn a_live_key_beats_a_parked_one_both_ways() {
        let both = map(&[("keel.sh/policy", "minor"), ("parked.studioci.dev/policy", "force")]);
        assert_eq!(park(&both), map(&[("parked.studioci.dev/policy", "minor")]));
        assert_eq!(attach(&both), map(&[("keel.sh/policy", "minor")]));
        let cases = map(&[("KEEL.sh/monitorContainers", "a"), ("keel.sh/monitorContainers", "b")]);
        assert_eq!(park(&cases), map(&[("parked.studioci.dev/monitorContainers", "b")]));
    }

    #[test]
    fn a_detach_covers_both_maps_and_tests_the_version() {
        let labels = map(&[("app", "web"), ("keel.sh/policy", "force")]);
        let annotations = map(&[("Keel.sh/a~b", "x"), ("note", "y"), ("parked.studioci.dev/trigger", "old")]);
        assert_eq!(
            detach_patch("42", &labels, &annotations),
            json!([
                {"op": "test", "path": "/metadata/resourceVersion", "value": "42"},
                {"op": "remove", "path": "/metadata/labels/keel.sh~1policy"},
                {"op": "add", "path": "/metadata/labels/parked.studioci.dev~1policy", "value": "force"},
                {"op": "remove", "path": "/metadata/annotations/Keel.sh~1a~0b"},
                {"op": "add", "path": "/metadata/annotations/parked.studioci.dev~1a~0b", "value": "x"},
            ])
        );
    }

    #[test]
    fn the_next_listener_gets_keels_keys_and_nothing_that_was_written() {
        let labels = map(&[("app", "web"), ("parked.studioci.dev/policy", "force")]);
        let annotations = map(&[
            ("deployment.kubernetes.io/revision", "3"),
            ("keel.sh/trigger", "poll"),
            ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
            ("kubernetes.io/change-cause", "keel automated update, version 1 -> 2 [now]"),
            ("parked.studioci.dev/digest", "sha256:00"),
            ("parked.studioci.dev/pollSchedule", "@every 10s"),
            ("team", "a"),
        ]);
        assert_eq!(
            successor_maps(&labels, &annotations),
            (
                map(&[("app", "web"), ("keel.sh/policy", "force")]),
                map(&[("keel.sh/pollSchedule", "@every 10s"), ("keel.sh/trigger", "poll"), ("team", "a")]),
            )
        );
    }
}
