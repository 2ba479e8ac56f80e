//! Where an object is kept: a URL's path, taken apart.

/// A path taken apart. Subresources, of which nobody asks here, have none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Group and version: `/apis/apps/v1`.
    pub(crate) api: String,
    /// Path of the collection.
    pub(crate) collection: String,
    pub(crate) namespace: Option<String>,
    pub(crate) plural: String,
    /// None for the collection as a whole.
    pub(crate) name: Option<String>,
}

impl Place {
    pub(crate) fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let group = if parts[0] == "api" { 2 } else { 3 };
        let (namespace, plural, name, length) = match &parts[group..] {
            [plural] => (None, *plural, None, 1),
            [plural, name] => (None, *plural, Some(*name), 1),
            [_, namespace, plural] => (Some(*namespace), *plural, None, 3),
            [_, namespace, plural, name] => (Some(*namespace), *plural, Some(*name), 3),
            _ => panic!("{path}"),
        };
        Self {
            api: format!("/{}", parts[..group].join("/")),
            collection: format!("/{}", parts[..group + length].join("/")),
            namespace: namespace.map(str::to_owned),
            plural: plural.to_owned(),
            name: name.map(str::to_owned),
        }
    }
}

impl Place {
    /// Whether a list of this collection has what is kept there: one of no namespace has those of all.
    pub(crate) fn lists(&self, other: &Self) -> bool {
        let everywhere = self.namespace.is_none() && self.api == other.api && self.plural == other.plural;
        everywhere || self.collection == other.collection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_group_namespace_kind_and_name() {
        for (path, collection, namespace, plural, name) in [
            ("/api/v1/namespaces", "/api/v1/namespaces", None, "namespaces", None),
            ("/api/v1/namespaces/a", "/api/v1/namespaces", None, "namespaces", Some("a")),
            ("/api/v1/namespaces/a/pods", "/api/v1/namespaces/a/pods", Some("a"), "pods", None),
            ("/api/v1/namespaces/a/pods/b", "/api/v1/namespaces/a/pods", Some("a"), "pods", Some("b")),
            ("/apis/apps/v1/deployments", "/apis/apps/v1/deployments", None, "deployments", None),
            (
                "/apis/apps/v1/namespaces/a/deployments/b",
                "/apis/apps/v1/namespaces/a/deployments",
                Some("a"),
                "deployments",
                Some("b"),
            ),
        ] {
            let place = Place {
                api: path[..path.find("/v1").unwrap() + 3].to_owned(),
                collection: collection.to_owned(),
                namespace: namespace.map(str::to_owned),
                plural: plural.to_owned(),
                name: name.map(str::to_owned),
            };
            assert_eq!(Place::of(path), place, "{path}");
        }
    }
}
