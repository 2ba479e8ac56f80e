//! The freeze: one create-only object in a build's namespace that says what triggered it.

use serde_json::{Value, json};

use super::build::{Map, Version};
use super::rights::labels;
use super::wire;
use crate::keel::image::ImageRef;

const IMAGE: &str = "image";
const TAG: &str = "tag";
const DIGEST: &str = "digest";
const REVISION: &str = "revision";
const PIPELINE: &str = "pipeline";
const FAULT: &str = "pipeline-fault";

/// What a push brought, fixed once and for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// Image name without tag and digest.
    pub image: String,
    /// Tag and digest.
    pub version: Version,
    /// Source revision, where the image tells it.
    pub revision: Option<String>,
    /// The pipeline that the image holds; where it holds none, the last good one of that moment.
    pub pipeline: Pushed,
}

/// At most so many bytes of pipeline text: freeze and head hold it beside other things, and an object holds 1 MiB.
pub const PIPELINE_BYTES: usize = 700 * 1024;

/// The pipeline text of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// Nothing is frozen, and the chain's record of now has what is used. No agent writes this any more, but for a text
    /// that is too long: the record may be rewritten under a build.
    Absent,
    /// The text.
    Text(String),
    /// The file is there and cannot be used, and why; never taken for absent.
    Unreadable(String),
}

impl Pushed {
    /// The text, where there is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }
}

impl Freeze {
    /// The data of the ConfigMap.
    pub fn write(&self) -> Map {
        let mut data =
            Map::from([(IMAGE.to_owned(), self.image.clone()), (TAG.to_owned(), self.version.tag.clone())]);
        let mut put = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                data.insert(key.to_owned(), value.to_owned());
            }
        };
        put(DIGEST, self.version.content_word());
        put(REVISION, self.revision.as_deref());
        match &self.pipeline {
            Pushed::Absent => {}
            Pushed::Text(text) => put(PIPELINE, Some(text)),
            Pushed::Unreadable(why) => put(FAULT, Some(why)),
        }
        data
    }

    /// The ConfigMap, its namespace left out.
    pub fn object(&self, chain: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": wire::FREEZE, "labels": labels(chain) },
            "data": self.write(),
        })
    }

    /// Reads a freeze back; `None` if somebody spoilt it.
    pub fn read(data: &Map) -> Option<Self> {
        let pipeline = match (data.get(PIPELINE), data.get(FAULT)) {
            (_, Some(why)) => Pushed::Unreadable(why.clone()),
            (Some(text), None) => Pushed::Text(text.clone()),
            (None, None) => Pushed::Absent,
        };
        let image = data.get(IMAGE).filter(|image| ImageRef::check_repository(image).is_ok())?;
        Some(Self {
            image: image.clone(),
            version: Version::of_words(data.get(TAG)?, data.get(DIGEST).map(String::as_str))?,
            revision: data.get(REVISION).cloned(),
            pipeline,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let digest = format!("build-1@sha256:{}", "ab".repeat(32));
        for (version, revision, pipeline) in [
            (digest.as_str(), Some("123e4567".to_owned()), Pushed::Text("kind: x\n".to_owned())),
            ("build-1", None, Pushed::Absent),
            ("build-1@unseen", None, Pushed::Unreadable("permission denied".to_owned())),
        ] {
            let version = version.parse().unwrap();
            let freeze = Freeze { image: "r/app".to_owned(), version, revision, pipeline };
            assert_eq!(Freeze::read(&freeze.write()), Some(freeze));
        }
    }

    #[test]
    fn a_spoilt_freeze_is_none() {
        let mut data = Map::from([("image".to_owned(), "a".to_owned())]);
        assert_eq!(Freeze::read(&data), None);
        data.insert("tag".to_owned(), "1".to_owned());
        assert!(Freeze::read(&data).is_some());
        for (key, spoilt) in [("digest", "sha256:1"), ("tag", "a/b"), ("image", "a//b"), ("image", "a:1")] {
            let mut data = data.clone();
            data.insert(key.to_owned(), spoilt.to_owned());
            assert_eq!(Freeze::read(&data), None, "{key}: {spoilt}");
        }
    }
}
