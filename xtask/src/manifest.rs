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
    /// The template's manifest, for all its platforms.
    pub(crate) fn read(template: &str) -> Result<Manifest, Failure> {
        serde_yaml::from_str(template).map_err(|error| Failure::Other(format!("krew-manifest.yaml: {error}")))
    }

    /// The same for one platform alone, `os` and `arch` as Go calls them.
    pub(crate) fn only(mut self, os: &str, arch: &str) -> Result<Manifest, Failure> {
        let wanted =
            BTreeMap::from([("os", os), ("arch", arch)].map(|(key, value)| (key.into(), value.into())));
        self.spec.platforms.retain(|platform| platform.selector.match_labels == wanted);
        if let [_one] = self.spec.platforms.as_slice() {
            Ok(self)
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

    /// Of each platform its name (`linux-amd64`), and how the archive and the program in it are called.
    pub(crate) fn platforms(&self) -> impl Iterator<Item = (String, &str, &str)> {
        self.spec.platforms.iter().map(|platform| {
            let label = |key: &str| platform.selector.match_labels.get(key).map_or("", String::as_str);
            let archive = platform.uri.rsplit('/').next().unwrap_or(&platform.uri);
            (format!("{}-{}", label("os"), label("arch")), archive, platform.bin.as_str())
        })
    }

    /// The manifest of this version, whose archives have these sums, in the order of the platforms. The version stands in
    /// the addresses too.
    pub(crate) fn released(mut self, version: &str, sums: &[String]) -> Result<Manifest, Failure> {
        for (platform, sha256) in self.spec.platforms.iter_mut().zip(sums) {
            if !platform.uri.contains(&format!("/{}/", self.spec.version)) {
                return Err(Failure::Other(format!(
                    "krew-manifest.yaml: the address {} does not name the version {}",
                    platform.uri, self.spec.version
                )));
            }
            platform.uri = platform.uri.replace(&self.spec.version, version);
            sha256.clone_into(&mut platform.sha256);
        }
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

    fn linux(template: &str) -> Result<Manifest, Failure> {
        Manifest::read(template)?.only("linux", "amd64")
    }

    fn refused(template: &str) -> String {
        linux(template).unwrap_err().text().unwrap()
    }

    #[test]
    fn a_release_fills_in_version_address_and_sum() {
        let sum = "1e".repeat(32);
        let template = template();
        let manifest = linux(&template).unwrap();
        assert_eq!(manifest.file_name(), "studioci.yaml");
        let (platform, archive, program) = manifest.platforms().next().unwrap();
        assert_eq!(
            (platform.as_str(), archive, program),
            ("linux-amd64", "kubectl-studioci-linux-amd64.tar.gz", "kubectl-studioci")
        );
        let text = manifest.released("v1.2.3-rc.1", std::slice::from_ref(&sum)).unwrap().text().unwrap();
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
            let manifest = linux(&template).unwrap();
            let text = manifest.released("v1.0.0", std::slice::from_ref(&sum)).unwrap().text().unwrap();
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
    fn a_release_of_all_platforms_gives_each_its_own_address_and_sum() {
        let manifest = Manifest::read(&template()).unwrap();
        let platforms: Vec<String> = manifest.platforms().map(|(platform, ..)| platform).collect();
        assert_eq!(platforms, ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"]);
        for (platform, archive, _) in manifest.platforms() {
            assert_eq!(archive, format!("kubectl-studioci-{platform}.tar.gz"));
        }
        let sums = ["1a", "2b", "3c", "4d"].map(|digits| digits.repeat(32));
        let text = manifest.released("v1.0.0", &sums).unwrap().text().unwrap();
        let released: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        for (entry, sum) in released["spec"]["platforms"].as_sequence().unwrap().iter().zip(sums) {
            assert_eq!(entry["sha256"], sum.as_str());
            assert!(entry["uri"].as_str().unwrap().contains("/v1.0.0/"), "{entry:?}");
        }
    }

    /// Source of the bound: krew shows it in a table, and its reviewers send back what is longer.
    #[test]
    fn what_krew_lists_is_short_and_how_to_complete_is_said_after_an_installation() {
        let spec = Manifest::read(&template()).unwrap().spec;
        let short = &spec.short_description;
        assert!(!short.is_empty() && short.chars().count() <= 50, "{short}: {}", short.chars().count());
        assert!(spec.caveats.contains("kubectl_complete-studioci"), "{}", spec.caveats);
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        let template = template();
        assert!(refused(&template.replace("bin:", "binary:")).contains("unknown field `binary`"));
        let none = refused(
            &template.replace("os: linux\n          arch: amd64", "os: linux\n          arch: s390x"),
        );
        assert!(none.contains("platform linux/amd64"), "{none}");
        let manifest = linux(&template.replace("download/v0.0.0/", "download/")).unwrap();
        let address = manifest.released("v1.0.0", &[String::new()]).unwrap_err().text().unwrap();
        assert!(address.contains("does not name the version v0.0.0"), "{address}");
    }
}
