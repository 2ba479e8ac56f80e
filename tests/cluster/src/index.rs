//! One name for an image of several architectures, and the archive in which both travel (OCI's image layout as a tar).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::archive::{Node, tar};
use crate::image::{Image, MANIFEST, sha256};

/// The type of an index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Images of one program, each for another architecture.
#[derive(Debug, Clone)]
pub struct Index {
    pub(crate) images: Vec<Image>,
    pub(crate) text: Vec<u8>,
}

impl Index {
    /// Of these images, each with Go's name of its architecture.
    pub fn of(images: Vec<(&'static str, Image)>) -> Index {
        let manifests: Vec<Value> = images
            .iter()
            .map(|(architecture, image)| {
                json!({
                    "mediaType": MANIFEST,
                    "digest": image.digest(),
                    "size": image.manifest.len(),
                    "platform": {"os": "linux", "architecture": architecture},
                })
            })
            .collect();
        let text = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        Index {
            images: images.into_iter().map(|(_, image)| image).collect(),
            text: text.to_string().into_bytes(),
        }
    }

    /// What a registry calls it: whoever names this gets the image of their own architecture.
    pub fn digest(&self) -> String {
        sha256(&self.text)
    }

    /// The archive, as skopeo's `oci-archive:` and `podman load` read it.
    pub fn archive(&self) -> Vec<u8> {
        let mut nodes = BTreeMap::new();
        let mut put = |path: String, bytes: &[u8]| {
            nodes.insert(path, Node::File { bytes: bytes.to_vec(), mode: 0o644 });
        };
        let blob = |digest: &str| format!("blobs/{}", digest.replace(':', "/"));
        for image in &self.images {
            for (digest, bytes) in &image.blobs {
                put(blob(digest), bytes);
            }
            put(blob(&image.digest()), &image.manifest);
        }
        put(blob(&self.digest()), &self.text);
        let only = json!({"mediaType": INDEX, "digest": self.digest(), "size": self.text.len()});
        let top = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [only]});
        put("index.json".into(), top.to_string().as_bytes());
        put("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#);
        tar(&nodes, 0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::image::agent_image_for;

    fn index() -> Index {
        Index::of(["amd64", "arm64"].map(|it| (it, agent_image_for(it, it.as_bytes()))).into())
    }

    /// The files of the archive.
    fn files() -> BTreeMap<String, Vec<u8>> {
        let archive = index().archive();
        let mut archive = tar::Archive::new(archive.as_slice());
        let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.path().unwrap().display().to_string(), bytes)
        };
        archive.entries().unwrap().map(read).collect()
    }

    #[test]
    fn every_blob_of_the_archive_is_named_by_its_digest_and_leads_from_the_top_to_each_program() {
        let files = files();
        let read = |digest: &Value| {
            let digest = digest.as_str().unwrap();
            let bytes = &files[&format!("blobs/{}", digest.replace(':', "/"))];
            assert_eq!(sha256(bytes), digest);
            bytes.clone()
        };
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        assert_eq!(json(&files["oci-layout"])["imageLayoutVersion"], "1.0.0");
        let top = json(&files["index.json"]);
        assert_eq!(top["manifests"][0]["digest"], index().digest().as_str());
        let both = json(&read(&top["manifests"][0]["digest"]));
        let mut blobs = 1;
        for (entry, architecture) in both["manifests"].as_array().unwrap().iter().zip(["amd64", "arm64"]) {
            assert_eq!(entry["platform"], json!({"os": "linux", "architecture": architecture}));
            let bytes = read(&entry["digest"]);
            assert_eq!(entry["size"], bytes.len());
            let manifest = json(&bytes);
            assert_eq!(json(&read(&manifest["config"]["digest"]))["architecture"], architecture);
            let layer = read(&manifest["layers"][0]["digest"]);
            assert!(layer.windows(5).any(|part| part == architecture.as_bytes()), "its own program");
            blobs += 3;
        }
        assert_eq!(
            files.keys().filter(|path| path.starts_with("blobs/sha256/")).count(),
            blobs,
            "and no other"
        );
    }
}
