//! Virtual rights: resources that nothing serves, which only the admission policies ask for, and how their names are written.

use crate::keel::names::Map;

/// API group of the virtual rights: nothing serves it, only the policies ask for it.
pub const VIRTUAL_GROUP: &str = "studioci.dev";
/// Virtual resource: chains; verb `use` = this chain is mine, `trust` = its builds may get `studioci-trusted`.
pub const CHAINS: &str = "chains";
/// Virtual resource: sets of Pod Security labels, named by their six values; verb `use`.
pub const PODSECURITY: &str = "podsecurity";
/// Virtual resource: what names of namespaces begin with; verb `use`.
pub const PREFIXES: &str = "prefixes";
/// Virtual resource: the labels and annotations that namespaces are lent, named as [`lent`] writes them; verb `use`.
pub const LENT: &str = "lent";
/// Virtual resource, cluster-wide; whoever may `bypass` it is let off by the policies.
pub const CONFINEMENT: &str = "confinement";

/// Prefix of the Pod Security labels.
pub const POD_SECURITY: &str = "pod-security.kubernetes.io/";
/// What follows the prefix, in the order in which the policies join the values.
pub const POD_SECURITY_MODES: [&str; 6] =
    ["enforce", "enforce-version", "audit", "audit-version", "warn", "warn-version"];

/// The name of the virtual right to a set of Pod Security labels: its six values, joined by commas.
///
/// `labels` may hold others too; an absent one counts as empty (`restricted,latest,,,,`).
pub fn pod_security(labels: &Map) -> String {
    let value = |mode: &&str| labels.get(&format!("{POD_SECURITY}{mode}")).map_or("", String::as_str);
    POD_SECURITY_MODES.iter().map(value).collect::<Vec<_>>().join(",")
}

/// The first line of what names a set of labels and annotations, or of keys: the form of the lines after it.
const FORM: &str = "v1";
/// What is lent has at most so many bytes as a name: the policies compare line by line, and that costs.
const LENT_MAX: usize = 4096;

/// The name of the virtual right to lend a namespace exactly these labels and annotations: `v1`, then in lines, sorted,
/// `a:KEY=VALUE` for each annotation and `l:KEY=VALUE` for each label.
///
/// No value may hold a line break ([`lent_fault`]), so that no line can be read as two.
pub fn lent(labels: &Map, annotations: &Map) -> String {
    let lines = |kind: char, map: &Map| -> Vec<String> {
        map.iter().map(|(key, value)| format!("{kind}:{key}={value}")).collect()
    };
    joined(lines('l', labels).into_iter().chain(lines('a', annotations)))
}

fn joined(lines: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<String> = lines.collect();
    lines.sort_unstable();
    lines.insert(0, FORM.to_owned());
    lines.join("\n")
}

/// Why these labels and annotations cannot be lent.
pub fn lent_fault(labels: &Map, annotations: &Map) -> Option<String> {
    let broken = labels.iter().chain(annotations).find(|(_, value)| value.contains(['\n', '\r']));
    if let Some((key, _)) = broken {
        return Some(format!("the value of {key} has a line break"));
    }
    let bytes = lent(labels, annotations).len();
    (bytes > LENT_MAX).then(|| format!("they have {bytes} bytes; at most {LENT_MAX} are lent"))
}

/// The keys that webhooks of this cluster put on every namespace, whatever their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    /// Keys of labels.
    pub labels: Vec<String>,
    /// Keys of annotations.
    pub annotations: Vec<String>,
}

impl Added {
    /// The name of the virtual right to them: `v1`, then in lines, sorted, `a:KEY` and `l:KEY`.
    pub fn name(&self) -> String {
        let lines = |kind: char, keys: &[String]| -> Vec<String> {
            keys.iter().map(|key| format!("{kind}:{key}")).collect()
        };
        joined(lines('l', &self.labels).into_iter().chain(lines('a', &self.annotations)))
    }

    /// Whether there are none, which needs no right.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }

    /// Reads a name back.
    pub fn read(name: &str) -> Option<Self> {
        let mut added = Self::default();
        let mut lines = name.split('\n');
        if lines.next() != Some(FORM) {
            return None;
        }
        for line in lines {
            match line.split_once(':')? {
                ("l", key) => added.labels.push(key.to_owned()),
                ("a", key) => added.annotations.push(key.to_owned()),
                _ => return None,
            }
        }
        Some(added)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_security_is_named_by_its_six_values() {
        let labels = |pairs: &[(&str, &str)]| -> Map {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let cases = [
            (labels(&[]), ",,,,,"),
            (labels(&[("pod-security.kubernetes.io/enforce", "baseline"), ("team", "x")]), "baseline,,,,,"),
            (
                labels(&[
                    ("pod-security.kubernetes.io/warn-version", "v1.30"),
                    ("pod-security.kubernetes.io/enforce", "restricted"),
                    ("pod-security.kubernetes.io/enforce-version", "latest"),
                ]),
                "restricted,latest,,,,v1.30",
            ),
        ];
        for (labels, expected) in cases {
            assert_eq!(pod_security(&labels), expected);
        }
    }

    #[test]
    fn what_is_lent_is_named_line_by_line() {
        let map = |pairs: &[(&str, &str)]| -> Map {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let none = map(&[]);
        assert_eq!(lent(&none, &none), "v1");
        let labels = map(&[("team", "x"), ("b.example/c", "")]);
        let annotations = map(&[("z", "a=b, c"), ("l:team", "x")]);
        assert_eq!(lent(&labels, &annotations), "v1\na:l:team=x\na:z=a=b, c\nl:b.example/c=\nl:team=x");
        assert_eq!(lent_fault(&labels, &annotations), None);
        for broken in ["x\nl:team=prod", "x\r"] {
            let fault = lent_fault(&none, &map(&[("note", broken)]));
            assert_eq!(fault.as_deref(), Some("the value of note has a line break"));
        }
        assert!(lent_fault(&none, &map(&[("note", &"x".repeat(LENT_MAX))])).is_some());
    }

    #[test]
    fn added_keys_are_read_back() {
        let added = Added {
            labels: vec!["istio.io/rev".to_owned(), "b".to_owned()],
            annotations: vec!["openshift.io/sa.scc.uid-range".to_owned()],
        };
        assert_eq!(added.name(), "v1\na:openshift.io/sa.scc.uid-range\nl:b\nl:istio.io/rev");
        assert_eq!(Added::read(&added.name()).unwrap().name(), added.name());
        assert_eq!(Added::read("v1"), Some(Added::default()));
        for bad in ["", "v2", "v1\n", "v1\nx:y", "v1\nl"] {
            assert_eq!(Added::read(bad), None, "{bad:?}");
        }
    }
}
