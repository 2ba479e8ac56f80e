//! Image references, by the grammar of distribution/reference, as the kubelet, containerd and Keel read them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest repository without its registry, and for Keel with it.
const NAME_MAX: usize = 255;
/// The longest tag.
const TAG_MAX: usize = 128;
/// The registry of a name that has none.
const DOCKER_HUB: &str = "docker.io";
/// Its name of old.
const DOCKER_INDEX: &str = "index.docker.io";

/// A content digest, `sha256:` followed by 64 lower-case hex digits, or the longer `sha384:` and `sha512:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(String);

impl Digest {
    /// Reads a digest; one of another algorithm or length is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (algorithm, hex) = text.split_once(':')?;
        let length = match algorithm {
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => return None,
        };
        (hex.len() == length && is_hex(hex)).then(|| Self(text.to_owned()))
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

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Judges a tag.
///
/// # Errors
/// Why it is none, as a clause of a sentence.
pub fn check_tag(tag: &str) -> Result<(), &'static str> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if tag.is_empty() {
        Err("the tag is empty")
    } else if !tag.bytes().all(allowed) {
        Err("a tag holds letters, digits, `_`, `.` and `-` only")
    } else if tag.starts_with(['.', '-']) {
        Err("a tag begins with a letter, a digit or `_`")
    } else if tag.len() > TAG_MAX {
        Err("a tag has at most 128 characters")
    } else {
        Ok(())
    }
}

/// A name's registry, if its first part is one, and the rest. As Docker has it: a word without a dot and a port is a
/// registry only if it is `localhost` or has capitals, which no part of a repository may have.
fn split(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((host, rest))
            if host.contains(['.', ':']) || host == "localhost" || host.contains(char::is_uppercase) =>
        {
            (Some(host), rest)
        }
        _ => (None, name),
    }
}

/// Runs of lower-case letters and digits, with one `.`, one or two `_`, or any number of `-` between two of them.
fn is_component(text: &str) -> bool {
    let runs = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut letters = text.chars().peekable();
    if letters.next_if(runs).is_none() {
        return false;
    }
    loop {
        while letters.next_if(runs).is_some() {}
        let Some(mark) = letters.next() else { return true };
        let repeats = match mark {
            '.' => 0,
            '_' => 1,
            '-' => usize::MAX,
            _ => return false,
        };
        let mut repeated = 0;
        while repeated < repeats && letters.next_if_eq(&mark).is_some() {
            repeated += 1;
        }
        if letters.next_if(runs).is_none() {
            return false;
        }
    }
}

/// A host name, an IPv4 address or an IPv6 address in brackets, with or without a port.
fn is_domain(host: &str) -> bool {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if let Some((address, rest)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let is_address = |address: &str| address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
        return !address.is_empty()
            && is_address(address)
            && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port));
    }
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let is_label = |label: &str| {
        let allowed = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        allowed && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    port.is_none_or(is_port) && name.split('.').all(is_label)
}

/// Judges registry and repository.
fn check_name(name: &str) -> Result<(), &'static str> {
    let (host, path) = split(name);
    if path.is_empty() {
        return Err("it names no repository");
    }
    if name.contains("://") {
        return Err("a registry is named without http:// or another scheme");
    }
    if path.contains(char::is_uppercase) {
        return Err("a repository is in lower case");
    }
    if !path.split('/').all(is_component) {
        return Err(
            "each part of a repository is lower-case letters and digits, with `.`, `_`, `__` or `-` between them only",
        );
    }
    // what is no host name may still be the first part of a repository, such as `my_team.x/app`
    let path = match host {
        Some(host) if !is_domain(host) && !is_component(host) => {
            return Err("its registry is no host name, or has no number as its port");
        }
        Some(host) if !is_domain(host) => name,
        Some(DOCKER_HUB | DOCKER_INDEX) | None if !path.contains('/') => {
            return if "library/".len() + path.len() > NAME_MAX { Err(TOO_LONG) } else { Ok(()) };
        }
        _ => path,
    };
    if path.len() > NAME_MAX { Err(TOO_LONG) } else { Ok(()) }
}

const TOO_LONG: &str = "a repository has at most 255 characters";

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
    /// Reads a reference.
    ///
    /// # Errors
    /// Why it is none, as a clause of a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("it is empty");
        }
        if text.len() == 64 && is_hex(text) {
            return Err("64 hex digits are an image's id");
        }
        let (named, digest) = match text.split_once('@') {
            Some((named, digest)) => {
                let digest =
                    Digest::parse(digest).ok_or("behind `@` stands sha256: and 64 lower-case hex digits")?;
                (named, Some(digest))
            }
            None => (text, None),
        };
        let path = split(named).0.map_or(0, |host| host.len() + 1);
        let (name, tag) = match named[path..].find(':') {
            Some(colon) => (&named[..path + colon], Some(&named[path + colon + 1..])),
            None => (named, None),
        };
        check_name(name)?;
        tag.map_or(Ok(()), check_tag)?;
        let tag = match (tag, &digest) {
            (Some(tag), _) => tag,
            (None, Some(_)) => "",
            (None, None) => "latest",
        };
        Ok(Self { name: name.to_owned(), tag: tag.to_owned(), digest })
    }

    /// Judges the name of a repository, without tag and digest.
    ///
    /// # Errors
    /// Why it is none, as a clause of a sentence.
    pub fn check_repository(name: &str) -> Result<(), &'static str> {
        match Self::parse(name) {
            Ok(image) if image.name == name => Ok(()),
            Ok(_) => Err("tag and digest do not belong there"),
            Err(why) => Err(why),
        }
    }

    /// What Keel alone refuses of what every other reader takes, as a clause of a sentence.
    pub fn unread_by_keel(&self) -> Option<&'static str> {
        let (host, path) = split(&self.name);
        let of_hub = |path: &str| path.len() == 64 && is_hex(path);
        match host {
            // Keel takes such a word for a part of the repository
            Some(host) if !host.contains(['.', ':']) && host != "localhost" => Some(
                "Keel takes a registry without a dot and a port for a part of the repository, which is in lower case",
            ),
            None | Some(DOCKER_HUB | DOCKER_INDEX)
                if of_hub(path.strip_prefix("library/").unwrap_or(path)) =>
            {
                Some("Keel takes 64 hex digits for an image's id")
            }
            _ if self.repository_key().len() > NAME_MAX => {
                Some("Keel reads at most 255 characters, the registry's included")
            }
            _ => None,
        }
    }

    /// Registry and repository in one canonical form, the key under which references are the same repository.
    pub fn repository_key(&self) -> String {
        match split(&self.name) {
            (None | Some(DOCKER_HUB | DOCKER_INDEX), path) if !path.contains('/') => {
                format!("{DOCKER_HUB}/library/{path}")
            }
            (None | Some(DOCKER_HUB | DOCKER_INDEX), path) => format!("{DOCKER_HUB}/{path}"),
            (Some(host), path) => format!("{host}/{path}"),
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

    #[derive(Debug, Deserialize)]
    struct Verdicts {
        references: Vec<Row>,
    }

    /// A text, and what distribution/reference and Keel's `util/image` made of it.
    #[derive(Debug, Deserialize)]
    struct Row {
        reference: String,
        /// In canonical form; none where the text is refused.
        repository: Option<String>,
        #[serde(default)]
        tag: String,
        #[serde(default)]
        digest: String,
        /// Whether Keel reads it, too.
        #[serde(default)]
        keel: bool,
    }

    #[test]
    fn every_reference_is_judged_as_distribution_and_keel_judge_it() {
        let Verdicts { references } = serde_json::from_str(include_str!("../../tests/data/references.json"))
            .expect("recorded verdicts");
        assert_eq!(references.len(), 177);
        for Row { reference, repository, tag, digest, keel } in references {
            let tag = if tag.is_empty() && digest.is_empty() { "latest".to_owned() } else { tag };
            let want = repository.map(|repository| (repository, tag, digest));
            let image = ImageRef::parse(&reference);
            let parts = |image: &ImageRef| {
                let digest = image.digest.as_ref().map(ToString::to_string).unwrap_or_default();
                (image.repository_key(), image.tag.clone(), digest)
            };
            assert_eq!(image.as_ref().ok().map(parts), want, "{reference:?}: {image:?}");
            let read = image.as_ref().is_ok_and(|image| image.unread_by_keel().is_none());
            assert_eq!(read, keel, "{reference:?}: {image:?}");
            if let Ok(image) = image {
                assert_eq!(ImageRef::parse(&image.to_string()).as_ref(), Ok(&image), "{reference:?}");
            }
        }
    }

    #[test]
    fn whoever_is_refused_is_told_why() {
        for (text, why) in [
            ("app:1.0.0+5", "letters, digits"),
            ("app:-1", "begins with"),
            ("app:", "is empty"),
            ("r.example//app", "each part"),
            ("r.example/App", "lower case"),
            ("http://r.example/app", "without http://"),
            ("r.example:port/app", "no number as its port"),
            ("app@sha256:12", "64 lower-case hex digits"),
            ("r.example/", "names no repository"),
            ("", "it is empty"),
        ] {
            let refused = ImageRef::parse(text).expect_err(text);
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn a_repository_has_neither_tag_nor_digest() {
        for (name, fits) in [
            ("app", true),
            ("r.example:5000/app", true),
            ("app:1", false),
            ("r.example:5000", false),
            ("a/B", false),
        ] {
            assert_eq!(ImageRef::check_repository(name).is_ok(), fits, "{name}");
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
