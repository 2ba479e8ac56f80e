//! The manifest for krew: the repository's `krew-manifest.yaml` says everything about the plugin but what only a
//! finished archive knows. krew reads it, by the rules of its own validator.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// A manifest of kind Plugin. What krew knows and this one does not use is refused, so that nothing is lost unseen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Manifest {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    version: String,
    homepage: String,
    short_description: String,
    description: String,
    caveats: String,
    platforms: Vec<Platform>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Platform {
    selector: Selector,
    uri: String,
    sha256: String,
    bin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selector {
    match_labels: BTreeMap<String, String>,
}

impl Manifest {
    /// The template's manifest for one platform alone, `os` and `arch` as Go calls them.
    pub(crate) fn for_platform(template: &str, os: &str, arch: &str) -> Result<Manifest, Failure> {
        let mut manifest: Manifest = serde_yaml::from_str(template)
            .map_err(|error| Failure::Other(format!("krew-manifest.yaml: {error}")))?;
        let wanted =
            BTreeMap::from([("os", os), ("arch", arch)].map(|(key, value)| (key.into(), value.into())));
        manifest.spec.platforms.retain(|platform| platform.selector.match_labels == wanted);
        if let [_one] = manifest.spec.platforms.as_slice() {
            Ok(manifest)
        } else {
            Err(Failure::Other(format!(
                "krew-manifest.yaml does not have exactly one platform {os}/{arch}\n  to do: build and try the \
                 plugin there, then add it"
            )))
        }
    }

    /// The file name that krew demands.
    pub(crate) fn file_name(&self) -> String {
        format!("{}.yaml", self.metadata.name)
    }

    /// How the archive and the program in it are called.
    pub(crate) fn archive_and_program(&self) -> (&str, &str) {
        let platform = &self.spec.platforms[0];
        (platform.uri.rsplit('/').next().unwrap_or(&platform.uri), &platform.bin)
    }

    /// The manifest of this version, whose archive has this sum. The version stands in the address too.
    pub(crate) fn released(mut self, version: &str, sha256: &str) -> Result<Manifest, Failure> {
        let platform = &mut self.spec.platforms[0];
        if !platform.uri.contains(&format!("/{}/", self.spec.version)) {
            return Err(Failure::Other(format!(
                "krew-manifest.yaml: the address {} does not name the version {}",
                platform.uri, self.spec.version
            )));
        }
        platform.uri = platform.uri.replace(&self.spec.version, version);
        sha256.clone_into(&mut platform.sha256);
        version.clone_into(&mut self.spec.version);
        Ok(self)
    }

    pub(crate) fn text(&self) -> Result<String, Failure> {
        serde_yaml::to_string(self)
            .map_err(|error| Failure::Other(format!("cannot write the manifest: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> String {
        std::fs::read_to_string(crate::build::root().join("krew-manifest.yaml")).unwrap()
    }

    fn refused(template: &str) -> String {
        Manifest::for_platform(template, "linux", "amd64").unwrap_err().text().unwrap()
    }

    #[test]
    fn a_release_fills_in_version_address_and_sum() {
        let sum = "1e".repeat(32);
        let template = template();
        let manifest = Manifest::for_platform(&template, "linux", "amd64").unwrap();
        assert_eq!(manifest.file_name(), "studioci.yaml");
        assert_eq!(
            manifest.archive_and_program(),
            ("kubectl-studioci-linux-amd64.tar.gz", "kubectl-studioci")
        );
        let text = manifest.released("v1.2.3-rc.1", &sum).unwrap().text().unwrap();
        let released: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        let spec = &released["spec"];
        assert_eq!(spec["version"], "v1.2.3-rc.1");
        assert_eq!(spec["platforms"].as_sequence().unwrap().len(), 1);
        assert_eq!(
            spec["platforms"][0]["uri"],
            "https://github.com/studioci/kubectl-studioci/releases/download/v1.2.3-rc.1/kubectl-studioci-linux-amd64.tar.gz"
        );
        assert_eq!(spec["platforms"][0]["sha256"], sum.as_str());
        let before: serde_yaml::Value = serde_yaml::from_str(&template).unwrap();
        for same in ["homepage", "shortDescription", "description", "caveats"] {
            assert_eq!(spec[same], before["spec"][same], "{same}");
        }
    }

    #[test]
    fn a_sum_that_looks_like_a_number_stays_text() {
        let template = template();
        for sum in ["7".repeat(64), format!("{}e007", "7".repeat(60)), format!("{}e700", "0".repeat(60))] {
            let manifest = Manifest::for_platform(&template, "linux", "amd64").unwrap();
            let text = manifest.released("v1.0.0", &sum).unwrap().text().unwrap();
            let quoted = format!("sha256: '{sum}'");
            assert!(text.contains(&quoted), "{text}");
        }
    }

    #[test]
    fn the_template_stands_for_the_placeholders_only() {
        let template = template();
        let manifest: Manifest = serde_yaml::from_str(&template).unwrap();
        for platform in &manifest.spec.platforms {
            assert_eq!(platform.sha256, "0".repeat(64), "a sum belongs to a release");
            assert_eq!(platform.bin, "kubectl-studioci");
        }
        assert_eq!(manifest.spec.version, "v0.0.0");
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        let template = template();
        assert!(refused(&template.replace("bin:", "binary:")).contains("unknown field `binary`"));
        let none = refused(&template.replace("arch: amd64", "arch: s390x"));
        assert!(none.contains("platform linux/amd64"), "{none}");
        let manifest =
            Manifest::for_platform(&template.replace("download/v0.0.0/", "download/"), "linux", "amd64")
                .unwrap();
        let address = manifest.released("v1.0.0", "").unwrap_err().text().unwrap();
        assert!(address.contains("does not name the version v0.0.0"), "{address}");
    }
}
