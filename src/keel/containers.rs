//! Which containers of a workload Keel follows and updates.

use regex::Regex;

use super::dialect;
use super::names::{self, Map};

/// The containers that Keel looks at; it reads these keys without regard to case.
#[derive(Debug, Clone)]
pub struct Followed {
    names: Option<Regex>,
    /// Whether init containers count for what is polled.
    pub init_polled: bool,
    /// Whether init containers are updated, which needs the exact annotation.
    pub init_updated: bool,
}

impl Followed {
    /// What a workload's labels and annotations say.
    ///
    /// Keel: the annotation goes before the label, and a pattern that does not compile is skipped; without any, all
    /// containers are followed.
    pub fn of(labels: &Map, annotations: &Map) -> Self {
        let mut patterns = annotations
            .iter()
            .chain(labels)
            .filter(|(key, _)| key.eq_ignore_ascii_case(names::MONITOR_CONTAINERS));
        let init = names::any_case(names::INIT_CONTAINERS, labels, annotations);
        Self {
            names: patterns.find_map(|(_, pattern)| dialect::compile(pattern).ok()),
            init_polled: init.is_some_and(|value| value == "true"),
            init_updated: annotations.get(names::INIT_CONTAINERS).is_some_and(|value| value == "true"),
        }
    }

    /// Whether the container of this name is followed.
    pub fn contains(&self, container: &str) -> bool {
        self.names.as_ref().is_none_or(|names| names.is_match(container))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> Map {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_pattern_picks_containers() {
        let none = Map::new();
        for (labels, annotations, build, sidecar) in [
            (none.clone(), none.clone(), true, true),
            (none.clone(), map(&[("keel.sh/monitorContainers", "^build$")]), true, false),
            (map(&[("keel.sh/monitorContainers", "^build$")]), none.clone(), true, false),
            (none.clone(), map(&[("Keel.sh/MonitorContainers", "side")]), false, true),
            (none.clone(), map(&[("keel.sh/monitorContainers", "(")]), true, true),
            (
                map(&[("keel.sh/monitorContainers", "^build$")]),
                map(&[("keel.sh/monitorContainers", "(")]),
                true,
                false,
            ),
            (
                map(&[("keel.sh/monitorContainers", "^build$")]),
                map(&[("keel.sh/monitorContainers", "side")]),
                false,
                true,
            ),
        ] {
            let followed = Followed::of(&labels, &annotations);
            let seen = (followed.contains("build"), followed.contains("sidecar"));
            assert_eq!(seen, (build, sidecar), "{labels:?} {annotations:?}");
        }
    }

    #[test]
    fn init_containers_are_updated_for_the_exact_annotation_only() {
        let none = Map::new();
        let exact = map(&[("keel.sh/initContainers", "true")]);
        let other = map(&[("keel.sh/INITcontainers", "true")]);
        for (labels, annotations, polled, updated) in [
            (&none, &none, false, false),
            (&none, &exact, true, true),
            (&exact, &none, true, false),
            (&none, &other, true, false),
        ] {
            let followed = Followed::of(labels, annotations);
            assert_eq!((followed.init_polled, followed.init_updated), (polled, updated));
        }
    }
}
