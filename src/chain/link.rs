//! Where a build can be looked at: an address with the names of what differs from build to build, such as
//! `https://ci.example/{namespace}`.

use super::build::Build;
use super::case::cases;
use super::resource::escape_into;
use crate::keel::nearest::nearest;

/// Bytes of a template at most; browsers and servers refuse what is much longer.
const LONGEST: usize = 1000;
/// What an address may consist of besides letters and digits (RFC 3986).
const MARKS: &[u8] = b"-._~:/?#[]@!$&'()*+,;=%";

cases! {
    /// A link that is none.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    pub enum LinkFault {}

    "The link to a build" {
        /// A name in braces that no build has, much like one that it has.
        NameMisspelt { name: String, near: &'static str, known: String } Usage
            "link: a build has no {{{name}}}"
            => "did you mean {{{near}}}? ({known})";
        /// A name in braces that no build has.
        NameUnknown { name: String, known: String } Usage
            "link: a build has no {{{name}}}"
            => "use the names of a build ({known})";
        /// A brace without the other one.
        BraceAlone { rest: String } Usage
            "link: a brace without its other one at {rest:?}"
            => "write names as {{namespace}}, and a brace that is meant as one as %7B or %7D";
        /// Neither http nor https.
        NoScheme { begin: String } Usage
            "link: {begin:?} begins with neither https:// nor http://"
            => "write it as https://HOST/PATH";
        /// No host, or one that a build decides.
        NoFixedHost {} Usage
            "link: its host is missing, or depends on the build"
            => "write it as https://HOST/PATH, with names in the path or the query only: who pushes an image chooses the \
                revision, and would choose the host";
        /// A user in it, which everybody who sees the link would see.
        UserInLink {} Usage
            "link: it holds a user or a password"
            => "leave them out: whoever may read the commit reads the link";
        /// A letter that no address has.
        LetterInLink { letter: char } Usage
            "link: {letter:?} stands in no address"
            => "escape it: a blank is %20";
        /// Longer than what is taken.
        LinkTooLong { bytes: usize, most: usize } Usage
            "link: it has {bytes} bytes, and {most} are taken"
            => "write a shorter one";
    }
}

/// What differs from build to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkName {
    Namespace,
    Chain,
    Generation,
    Revision,
}

impl LinkName {
    const ALL: [Self; 4] = [Self::Namespace, Self::Chain, Self::Generation, Self::Revision];

    fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Chain => "chain",
            Self::Generation => "generation",
            Self::Revision => "revision",
        }
    }

    fn of(self, build: &Build) -> String {
        match self {
            Self::Namespace => build.namespace.clone(),
            Self::Chain => build.chain.clone(),
            Self::Generation => build.generation.to_string(),
            Self::Revision => build.revision.clone().unwrap_or_default(),
        }
    }

    fn read(name: &str) -> Result<Self, LinkFault> {
        let words = || Self::ALL.map(Self::as_str);
        Self::ALL.into_iter().find(|known| known.as_str() == name).ok_or_else(|| {
            let (name, known) = (name.to_owned(), words().map(|word| format!("{{{word}}}")).join(", "));
            match nearest(&name, words()) {
                Some(near) => LinkFault::NameMisspelt { name, near, known },
                None => LinkFault::NameUnknown { name, known },
            }
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum LinkPart {
    Fixed(String),
    Named(LinkName),
}

/// An address of http or https with names of a build in its path, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTemplate {
    parts: Vec<LinkPart>,
}

impl LinkTemplate {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, see [`LinkFault`].
    pub fn parse(text: &str) -> Result<Self, LinkFault> {
        if text.len() > LONGEST {
            return Err(LinkFault::LinkTooLong { bytes: text.len(), most: LONGEST });
        }
        check_origin(text)?;
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (fixed, braced) = rest.split_at(at);
            let inner = braced.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let alone = || LinkFault::BraceAlone { rest: braced.chars().take(20).collect() };
            let (name, behind) = inner.filter(|(name, _)| !name.contains('{')).ok_or_else(alone)?;
            parts.extend([LinkPart::Fixed(fixed.to_owned()), LinkPart::Named(LinkName::read(name)?)]);
            rest = behind;
        }
        parts.push(LinkPart::Fixed(rest.to_owned()));
        let fixed = parts.iter().filter_map(|part| match part {
            LinkPart::Fixed(text) => Some(text),
            LinkPart::Named(_) => None,
        });
        let plain = |c: &char| {
            u8::try_from(*c).is_ok_and(|byte| byte.is_ascii_alphanumeric() || MARKS.contains(&byte))
        };
        if let Some(letter) = fixed.flat_map(|text| text.chars()).find(|c| !plain(c)) {
            return Err(LinkFault::LetterInLink { letter });
        }
        Ok(Self { parts })
    }

    /// The address of a build. What it tells is escaped, and ends no part of the path.
    pub fn of(&self, build: &Build) -> String {
        let mut link = String::new();
        for part in &self.parts {
            match part {
                LinkPart::Fixed(text) => link.push_str(text),
                LinkPart::Named(name) => escape_into(&mut link, &name.of(build)),
            }
        }
        link
    }
}

/// Scheme and host, which are the same for all builds.
fn check_origin(text: &str) -> Result<(), LinkFault> {
    let scheme = |wanted: &str| {
        let begin = text.get(..wanted.len())?;
        begin.eq_ignore_ascii_case(wanted).then(|| &text[wanted.len()..])
    };
    let Some(rest) = scheme("https://").or_else(|| scheme("http://")) else {
        // what was pasted here by mistake may be a secret
        let begin = text.split(['/', '@', '?']).next().unwrap_or_default();
        return Err(LinkFault::NoScheme { begin: begin.chars().take(10).collect() });
    };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if authority.contains('@') {
        return Err(LinkFault::UserInLink {});
    }
    if authority.split(':').next().is_none_or(str::is_empty) || authority.contains(['{', '}']) {
        return Err(LinkFault::NoFixedHost {});
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::build::Phase;
    use crate::chain::wire;

    fn build(revision: &str) -> Build {
        Build::played("ci-a", Phase::Building, &[(wire::REVISION, revision)])
    }

    #[test]
    fn names_in_braces_become_what_the_build_tells_and_end_no_part_of_the_path() {
        for (template, expected) in [
            (
                "https://ci.example/{namespace}/{chain}/{generation}/{revision}",
                "https://ci.example/ci-a/app/4/..%2F%3Fx%3D1",
            ),
            ("HTTP://h:8080?ns={namespace}#{revision}", "HTTP://h:8080?ns=ci-a#..%2F%3Fx%3D1"),
            ("https://h/{namespace}{namespace}", "https://h/ci-aci-a"),
            ("https://h/fixed%20", "https://h/fixed%20"),
        ] {
            assert_eq!(LinkTemplate::parse(template).unwrap().of(&build("../?x=1")), expected, "{template}");
        }
    }

    #[test]
    fn a_link_that_would_lead_elsewhere_or_nowhere_is_refused_and_says_why() {
        for (template, what, remedy) in [
            ("https://h/{namespce}", "a build has no {namespce}", "did you mean {namespace}?"),
            ("https://h/{Revision}", "a build has no {Revision}", "did you mean {revision}?"),
            (
                "https://h/{branch}",
                "a build has no {branch}",
                "({namespace}, {chain}, {generation}, {revision})",
            ),
            ("https://h/{}", "a build has no {}", "({namespace}"),
            ("https://h/{namespace", "at \"{namespace\"", "%7B"),
            ("https://h/namespace}", "at \"}\"", "%7D"),
            ("https://h/{{namespace}}", "at \"{{namespace}}\"", "{namespace}"),
            ("ftp://h/", "neither https:// nor http://", "https://HOST/PATH"),
            ("ci.example/{namespace}", "\"ci.example\"", "https://HOST/PATH"),
            ("javascript:alert(1)", "neither https:// nor http://", "https://HOST/PATH"),
            ("", "neither https:// nor http://", "https://HOST/PATH"),
            ("https:///x", "its host is missing", "https://HOST/PATH"),
            ("https://:80/x", "its host is missing", "https://HOST/PATH"),
            ("https://{revision}/x", "depends on the build", "choose the host"),
            ("https://{chain}.example/x", "depends on the build", "path or the query"),
            ("https://me:pw@h/", "a user or a password", "whoever may read the commit"),
            ("https://h/a b", "' ' stands in no address", "%20"),
            ("https://h/ä", "'ä' stands in no address", "%20"),
            ("https://h/\n", "'\\n' stands in no address", "%20"),
        ] {
            let fault = LinkTemplate::parse(template).unwrap_err();
            let advice = fault.advice().unwrap().1;
            assert!(fault.to_string().contains(what), "{template:?}: {fault}");
            assert!(advice.contains(remedy), "{template:?}: {advice}");
            assert!(!fault.to_string().contains("pw"), "{fault}");
        }
        let long = format!("https://h/{}", "a".repeat(LONGEST));
        assert_eq!(
            LinkTemplate::parse(&long),
            Err(LinkFault::LinkTooLong { bytes: LONGEST + 10, most: LONGEST })
        );
    }
}
