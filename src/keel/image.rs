//! Image references as Keel and the kubelet read them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A content digest, `sha256:` followed by 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(String);

impl Digest {
    /// Reads a digest; anything but `sha256:<64 hex>` is none.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let well_formed = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The whole digest, as written in an image reference.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve hex digits, for people.
    pub fn short(&self) -> &str {
        &self.0[7..19]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A parsed image reference, `[registry/]repository[:tag][@digest]`.
///
/// Keel rewrites Docker Hub references (`docker.io/o/i:1` becomes `o/i:2`) and drops digests, so two
/// references are compared by [`ImageRef::repository_key`], never as strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRef {
    /// Registry and repository as they were written, without tag and digest.
    pub name: String,
    /// The tag; `latest` where none was written and no digest either.
    pub tag: String,
    /// The digest behind `@`.
    pub digest: Option<Digest>,
}

impl ImageRef {
    /// Reads a reference; `None` if it has no repository, a malformed digest or an upper-case repository.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(Digest::parse(digest)?)),
            None => (text, None),
        };
        let slash = rest.rfind('/').map_or(0, |i| i + 1);
        let (name, tag) = match rest[slash..].split_once(':') {
            Some((_, "")) => return None,
            Some((last, tag)) => (&rest[..slash + last.len()], tag.to_owned()),
            None => (rest, if digest.is_some() { String::new() } else { "latest".to_owned() }),
        };
        let well_formed = !name.is_empty()
            && !name.ends_with('/')
            && !name.contains(char::is_whitespace)
            && !name.contains("://")
            && !tag.contains(['/', ' ', '@', ':'])
            && !Self::split(name).1.contains(char::is_uppercase);
        well_formed.then(|| Self { name: name.to_owned(), tag, digest })
    }

    /// `(registry, repository)`; Docker Hub's short forms are spelled out.
    fn split(name: &str) -> (&str, &str) {
        match name.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
            _ => ("docker.io", name),
        }
    }

    /// Registry and repository in one canonical form, the key under which references are the same repository.
    pub fn repository_key(&self) -> String {
        let (host, repository) = Self::split(&self.name);
        match host {
            "docker.io" | "index.docker.io" | "registry-1.docker.io" if !repository.contains('/') => {
                format!("docker.io/library/{repository}")
            }
            "docker.io" | "index.docker.io" | "registry-1.docker.io" => format!("docker.io/{repository}"),
            _ => format!("{host}/{repository}"),
        }
    }

    /// The same repository with another tag and no digest.
    #[must_use]
    pub fn with_tag(&self, tag: &str) -> Self {
        Self { name: self.name.clone(), tag: tag.to_owned(), digest: None }
    }

    /// `name:tag@digest` where there is a digest, else `name:tag`: what a build's pod runs.
    pub fn pinned(&self, digest: Option<&Digest>) -> String {
        match digest {
            Some(digest) => format!("{}:{}@{digest}", self.name, self.tag),
            None => format!("{}:{}", self.name, self.tag),
        }
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.tag.is_empty() {
            write!(f, ":{}", self.tag)?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_one_repository_have_one_key() {
        for (text, key, tag) in [
            ("nginx", "docker.io/library/nginx", "latest"),
            ("nginx:1", "docker.io/library/nginx", "1"),
            ("docker.io/nginx:1", "docker.io/library/nginx", "1"),
            ("library/nginx:1", "docker.io/library/nginx", "1"),
            ("index.docker.io/o/i:1", "docker.io/o/i", "1"),
            ("127.0.0.1:5000/ci/app:build-1", "127.0.0.1:5000/ci/app", "build-1"),
            ("localhost/app", "localhost/app", "latest"),
        ] {
            let image = ImageRef::parse(text).expect(text);
            assert_eq!((image.repository_key().as_str(), image.tag.as_str()), (key, tag), "{text}");
        }
    }

    #[test]
    fn malformed_references_are_none() {
        for text in ["", ":1", "a:", "http://a/b:1", "a/B:1", "a@sha256:12", "a b:1", "a/"] {
            assert_eq!(ImageRef::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_digest_replaces_the_default_tag() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let image = ImageRef::parse(&format!("app@{digest}")).expect("well formed");
        assert_eq!(image.tag, "");
        assert_eq!(image.to_string(), format!("app@{digest}"));
    }
}
