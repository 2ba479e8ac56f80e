//! Images of one layer, made without docker: the same content gives the same digest, another version another.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::archive::{Node, tar};
use crate::error::Error;
use crate::handle::Handle;

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Not compressed: it only ever crosses loopback.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// The type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A finished image.
#[derive(Debug, Clone)]
pub struct Image {
    /// What the manifest refers to: configuration and layer, each with its digest.
    pub(crate) blobs: Vec<(String, Vec<u8>)>,
    pub(crate) manifest: Vec<u8>,
}

impl Image {
    /// `sha256:` and 64 hexadecimal digits: what a registry calls this image.
    pub fn digest(&self) -> String {
        sha256(&self.manifest)
    }
}

/// Collects an image's content. Paths are given without the leading slash; folders above them are made.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    architecture: Option<&'static str>,
    nodes: BTreeMap<String, Node>,
    config: BTreeMap<&'static str, Value>,
    env: Vec<String>,
}

impl Builder {
    /// An empty image with `PATH=/bin`.
    pub fn new() -> Builder {
        Builder { env: vec!["PATH=/bin".into()], ..Builder::default() }
    }

    /// Go's name of the architecture that its programs are for; this machine's, if not said.
    #[must_use]
    pub fn architecture(mut self, name: &'static str) -> Builder {
        self.architecture = Some(name);
        self
    }

    /// A folder.
    #[must_use]
    pub fn folder(mut self, path: &str, mode: u32) -> Builder {
        self.nodes.insert(path.into(), Node::Folder { mode });
        self
    }

    /// A file.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: &[u8], mode: u32) -> Builder {
        self.nodes.insert(path.into(), Node::File { bytes: bytes.into(), mode });
        self
    }

    /// A symbolic link.
    #[must_use]
    pub fn link(mut self, path: &str, target: &str) -> Builder {
        self.nodes.insert(path.into(), Node::Link { target: target.into() });
        self
    }

    /// A pipe that nobody writes to.
    #[must_use]
    pub fn pipe(mut self, path: &str) -> Builder {
        self.nodes.insert(path.into(), Node::Pipe);
        self
    }

    /// A declared volume.
    #[must_use]
    pub fn volume(mut self, path: &str) -> Builder {
        self.config.insert("Volumes", json!({ path: {} }));
        self
    }

    /// Whom its processes run as.
    #[must_use]
    pub fn user(mut self, name: &str) -> Builder {
        self.config.insert("User", name.into());
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Builder {
        self.env.push(format!("{name}={value}"));
        self
    }

    /// The working directory.
    #[must_use]
    pub fn workdir(mut self, path: &str) -> Builder {
        self.config.insert("WorkingDir", path.into());
        self
    }

    /// The entry point.
    #[must_use]
    pub fn entrypoint(mut self, words: &[&str]) -> Builder {
        self.config.insert("Entrypoint", json!(words));
        self
    }

    /// The arguments, or the command where there is no entry point.
    #[must_use]
    pub fn cmd(mut self, words: &[&str]) -> Builder {
        self.config.insert("Cmd", json!(words));
        self
    }

    /// Makes it.
    pub fn build(mut self) -> Image {
        self.config.insert("Env", json!(self.env));
        let layer = layer(self.nodes);
        let config = json!({
            "architecture": self.architecture.unwrap_or_else(machine),
            "os": "linux",
            "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": [sha256(&layer)]},
        });
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": sha256(&config), "size": config.len()},
            "layers": [{"mediaType": LAYER, "digest": sha256(&layer), "size": layer.len()}],
        });
        let manifest = manifest.to_string().into_bytes();
        Image { blobs: vec![(sha256(&config), config), (sha256(&layer), layer)], manifest }
    }
}

/// Go's name of this machine's architecture.
pub fn machine() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

/// The layer that holds these nodes, and the folders above them.
fn layer(mut nodes: BTreeMap<String, Node>) -> Vec<u8> {
    let above: Vec<String> = nodes
        .keys()
        .flat_map(|path| {
            Path::new(path).ancestors().skip(1).map(|p| p.display().to_string()).collect::<Vec<_>>()
        })
        .filter(|path| !path.is_empty())
        .collect();
    for path in above {
        nodes.entry(path).or_insert(Node::Folder { mode: 0o755 });
    }
    tar(&nodes, 0)
}

/// `sha256:` and 64 lower-case hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(digest(&SHA256, bytes).as_ref()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes every write
        text
    })
}

/// A CI image as teams have them: a shell with the usual commands, a working directory `/ci`, and what it was built
/// from. It says `version` in `/etc/version` and in `CI_VERSION`, so each version has a digest of its own.
#[derive(Debug, Clone)]
pub struct CiImage<'a> {
    /// Any text.
    pub version: &'a str,
    /// Files with their path from the root and their text, such as `ci/.studioci/pipeline.yaml`.
    pub files: &'a [(&'a str, &'a str)],
    /// Environment variables, such as the revision.
    pub env: &'a [(&'a str, &'a str)],
}

/// Makes a CI image.
pub fn ci_image(cluster: &Handle, content: &CiImage<'_>) -> Result<Image, Error> {
    Ok(ci_builder(cluster, content)?.build())
}

/// A CI image to which more may be added.
pub fn ci_builder(cluster: &Handle, content: &CiImage<'_>) -> Result<Builder, Error> {
    let mut image = Builder::new()
        .file("bin/box", &cluster.tools().read("box")?, 0o755)
        .file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n", 0o644)
        .file("etc/version", content.version.as_bytes(), 0o644)
        .folder("tmp", 0o1777)
        .folder("root", 0o700)
        .folder("ci", 0o755)
        .env("CI_VERSION", content.version)
        .workdir("/ci")
        .cmd(&["/bin/sh"]);
    for name in cluster.box_commands()? {
        image = image.link(&format!("bin/{name}"), "box");
    }
    for (path, text) in content.files {
        image = image.file(path.trim_start_matches('/'), text.as_bytes(), 0o644);
    }
    for (name, value) in content.env {
        image = image.env(name, value);
    }
    Ok(image)
}

/// The agent image: our own static binary at `/kubectl-studioci` and nothing else.
pub fn agent_image(binary: &[u8]) -> Image {
    agent_image_for(machine(), binary)
}

/// The same for another architecture.
pub fn agent_image_for(architecture: &'static str, binary: &[u8]) -> Image {
    let image = Builder::new().architecture(architecture).file("kubectl-studioci", binary, 0o755);
    image.entrypoint(&["/kubectl-studioci"]).build()
}

#[cfg(test)]
mod tests {
    use tar::EntryType;

    use super::*;

    fn built(version: &str) -> Image {
        Builder::new()
            .file("bin/box", b"program", 0o755)
            .link("bin/sh", "box")
            .file("etc/version", version.as_bytes(), 0o644)
            .build()
    }

    #[test]
    fn the_digest_depends_on_the_content_alone() {
        assert_eq!(built("a").digest(), built("a").digest());
        assert_ne!(built("a").digest(), built("b").digest());
        assert_ne!(built("a").digest(), Builder::new().file("etc/version", b"a", 0o644).build().digest());
    }

    #[test]
    fn the_manifest_names_its_blobs() {
        let image = built("a");
        let manifest: Value = serde_json::from_slice(&image.manifest).unwrap();
        assert_eq!(manifest["config"]["digest"], image.blobs[0].0.as_str());
        assert_eq!(manifest["layers"][0]["digest"], image.blobs[1].0.as_str());
        assert_eq!(manifest["layers"][0]["size"], image.blobs[1].1.len());
    }

    #[test]
    fn folders_come_before_what_they_hold() {
        let image =
            Builder::new().file("a/b/c", b"x", 0o600).link("a/d", "b/c").folder("tmp", 0o1777).build();
        let mut archive = tar::Archive::new(image.blobs[1].1.as_slice());
        let seen: Vec<(String, EntryType, u32)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                (entry.path().unwrap().display().to_string(), header.entry_type(), header.mode().unwrap())
            })
            .collect();
        let want = [
            ("a", EntryType::Directory, 0o755),
            ("a/b", EntryType::Directory, 0o755),
            ("a/b/c", EntryType::Regular, 0o600),
            ("a/d", EntryType::Symlink, 0o777),
            ("tmp", EntryType::Directory, 0o1777),
        ];
        assert_eq!(seen, want.map(|(path, kind, mode)| (path.to_owned(), kind, mode)));
    }
}
