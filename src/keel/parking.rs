//! Parking of Keel's keys.
use crate::chain::build::Map;
/// Whether Keel reads it.
pub fn is_keel_key(key: &str) -> bool {
    key.to_ascii_lowercase().starts_with("keel.sh/") || key == "keel.observer/policy"
}
/// Parks.
pub fn park(map: &Map) -> Map {
    map.iter()
        .map(|(key, value)| match key.split_once('/') {
            Some((_, rest)) if is_keel_key(key) => (format!("parked.studioci.dev/{rest}"), value.clone()),
            _ => (key.clone(), value.clone()),
        })
        .collect()
}
/// Live keys.
pub fn successor_maps(labels: &Map, annotations: &Map) -> (Map, Map) {
    let live = |map: &Map| {
        map.iter()
            .filter(|(key, _)| is_keel_key(key) && *key != "keel.sh/digest" && *key != "keel.sh/update-time")
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    (live(labels), live(annotations))
}
