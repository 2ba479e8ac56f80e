//! The pipelines that `init` begins with: the files of `templates/`, filled with what is known of a repository.

use crate::keel::image::{ImageRef, check_tag};
use crate::keel::names;
use crate::keel::policy::Policy;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starter {
    /// One Deployment.
    Minimal,
    /// Support, storage, credentials, a Role for the build.
    Full,
}

/// Where the image of a pipeline is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFrom {
    /// Somebody said it.
    Told,
    /// It is where images of such a repository usually are.
    Guessed,
}

/// What is known of a repository and its images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundOut {
    /// The CI image, with the tag to start from.
    pub image: ImageRef,
    /// Where that is known from.
    pub known: ImageFrom,
    /// Whether `make test` is something here.
    pub makes_test: bool,
}

/// The image of a repository: `host/owner/repo`, with a branch's or a version's name as its tag. None of a host that has no
/// registry of its own.
pub fn guess(module: &str, reference: &str) -> Option<ImageRef> {
    let (host, path) = module.split_once('/')?;
    let registry = match host {
        "github.com" => "ghcr.io",
        "gitlab.com" => "registry.gitlab.com",
        _ => return None,
    };
    ImageRef::parse(&format!("{registry}/{}:{}", path.to_lowercase(), tag_of(reference)?)).ok()
}

/// The tag that builders make of a branch's name: what no tag may hold is a dash.
pub fn tag_of(reference: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let tag: String = reference.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    check_tag(&tag).is_ok().then_some(tag)
}

const HEAD_END: &str = "#}\n";

impl Starter {
    fn template(self) -> &'static str {
        match self {
            Self::Minimal => include_str!("../../templates/minimal.yaml"),
            Self::Full => include_str!("../../templates/full.yaml"),
        }
    }

    /// The pipeline of a repository, ready for `start`.
    pub fn text(self, begun: &FoundOut) -> String {
        let template = self.template();
        // what the example says of itself; a value of its own may still be given
        let (head, body) = template.split_once(HEAD_END).unwrap_or(("", template));
        let lines = keys(body, &begun.image.tag).into_iter().flat_map(|line| match line {
            line if is_image(&line) => image(&line, begun),
            line if line.trim_start().starts_with("command: [") && !begun.makes_test => own_command(&line),
            line => vec![line],
        });
        let body = lines.collect::<Vec<_>>().join("\n");
        format!("{}{body}\n", self.head(head))
    }

    /// What a file says of itself at its top.
    fn head(self, of_template: &str) -> String {
        let values = match self {
            Self::Minimal => String::new(),
            // those that the template lists, without the two that are known now
            Self::Full => {
                let from = of_template.find("    Command ").unwrap_or(of_template.len());
                let listed = of_template[from..].trim_end();
                format!("\n\n  Values, each with --set, or all in a file with --values:\n\n{listed}")
            }
        };
        let what = match self {
            Self::Minimal => {
                "The pipeline of this repository: one Deployment. Keel watches its image; each push becomes one build."
            }
            Self::Full => {
                "The pipeline of this repository. Keel watches the image of the Deployment `build`; each push becomes one build."
            }
        };
        format!(
            "{{#\n  {what}\n\n    kubectl studioci render --woven     what `start` would create, without a cluster\n    kubectl \
             studioci start{values}\n{HEAD_END}"
        )
    }
}

fn is_image(line: &str) -> bool {
    line.trim_start().starts_with("image: \"{{ Image }}:")
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

fn image(line: &str, begun: &FoundOut) -> Vec<String> {
    let indent = indent(line);
    let mut lines = Vec::new();
    if begun.known == ImageFrom::Guessed {
        lines.push(format!("{indent}# A guess by the remote and the branch of this repository: write what your builder pushes."));
    }
    lines.push(format!("{indent}image: \"{}\"", begun.image));
    lines
}

/// A command of an example is nothing here: the image knows what it runs.
fn own_command(line: &str) -> Vec<String> {
    let (indent, command) = (indent(line), line.trim_start());
    // the one of the full example is a value
    if command == "command: [\"/bin/sh\", \"-c\"]" {
        return vec![line.to_owned()];
    }
    vec![format!("{indent}# Without a command the image runs its own."), format!("{indent}# {command}")]
}

/// How new images are told apart from old ones, by the tag of one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum TagHabit {
    /// Versions.
    Versions,
    /// A word with a number that grows: what stands before it.
    Numbered(String),
    /// One tag that is pushed over and over.
    PushedOver,
}

impl TagHabit {
    fn of(tag: &str) -> Self {
        let versions = Policy::of(&[(names::POLICY.to_owned(), "major".to_owned())].into(), &[].into());
        let number = tag.trim_end_matches(|c: char| c.is_ascii_digit());
        if tag.contains('.') && versions.can_move_from(tag).is_ok() {
            Self::Versions
        } else if number.len() < tag.len() && number.ends_with(['-', '_', '.']) {
            Self::Numbered(number.to_owned())
        } else {
            Self::PushedOver
        }
    }

    /// The lines that say so to Keel.
    fn keys(&self) -> Vec<String> {
        let policy = |value: &str| format!("{}: {value}", names::POLICY);
        match self {
            Self::Versions => vec![
                "# Every newer version is a new build; `minor` and `patch` go less far.".to_owned(),
                policy("major"),
            ],
            Self::Numbered(head) => vec![
                "# Which tags are new. They sort as text, where build-9 comes after build-10: fill them up with zeros,".to_owned(),
                "# or name them by a date.".to_owned(),
                policy(&format!("\"glob:{head}*\"")),
            ],
            Self::PushedOver => vec![
                "# The same tag is pushed over and over: a new digest of it is a new build.".to_owned(),
                policy("force"),
                format!("{}: \"true\"", names::MATCH_TAG),
            ],
        }
    }
}

/// The lines of a template with the Keel keys that go with a tag.
fn keys(body: &str, tag: &str) -> Vec<String> {
    let habit = TagHabit::of(tag);
    // a label's value holds no `*`
    let no_label = matches!(habit, TagHabit::Numbered(_));
    let mut lines: Vec<String> = Vec::new();
    let mut old = body.lines().peekable();
    while let Some(line) = old.next() {
        if !line.trim_start().starts_with("keel.sh/policy:") {
            lines.push(line.to_owned());
            continue;
        }
        // what the example says of its own policy stands before it
        while lines.last().is_some_and(|line| line.trim_start().starts_with('#')) {
            lines.pop();
        }
        let indent = indent(line);
        let moved = no_label && lines.last().is_some_and(|line| line.trim() == "labels:");
        if moved && let Some(map) = lines.last_mut() {
            *map = map.replace("labels:", "annotations:");
        }
        lines.extend(habit.keys().into_iter().map(|line| format!("{indent}{line}")));
        old.next_if(|line| line.trim_start().starts_with("keel.sh/match-tag:"));
        while moved && let Some(line) = old.next() {
            if line.trim() == "annotations:" {
                break;
            }
            lines.push(line.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::facts::{Fact, Facts};
    use crate::pipeline::plan;
    use crate::pipeline::sources::{Sources, Text};

    fn begun(image: &str) -> FoundOut {
        FoundOut { image: ImageRef::parse(image).unwrap(), known: ImageFrom::Guessed, makes_test: false }
    }

    /// Weaves it as `start` would, without one flag; what it warns of, and the listener and the build.
    fn woven(text: &str) -> (Vec<String>, String) {
        let template = Text { name: "p.yaml".to_owned(), text: text.to_owned() };
        let sources = Sources { template, ..Sources::default() };
        let git = [("branch".to_owned(), Fact::known("main"))].into();
        let preview = plan::preview(&sources, &Facts { git, ..Facts::default() }, true).unwrap();
        let notices = preview.plan.notices.iter().map(ToString::to_string).collect();
        (notices, preview.text(&preview.plan.build.image.tag))
    }

    #[test]
    fn what_init_writes_weaves_without_a_flag_and_without_a_warning() {
        for starter in [Starter::Minimal, Starter::Full] {
            for tag in ["main", "latest", "v1.2.3", "1.0.0-rc.1", "build-0001", "feature-x", "20260131"] {
                let text = starter.text(&begun(&format!("ghcr.io/team/app:{tag}")));
                let (notices, shown) = woven(&text);
                assert_eq!(notices, Vec::<String>::new(), "{starter:?} {tag}\n{text}");
                assert!(shown.contains(&format!("image: ghcr.io/team/app:{tag}")), "{shown}");
                assert!(!text.contains("{{ Image") && !text.contains("{{ Tag"), "{text}");
            }
        }
    }

    #[test]
    fn the_tag_tells_how_new_images_are_known() {
        for (tag, expected) in [
            ("main", TagHabit::PushedOver),
            ("latest", TagHabit::PushedOver),
            ("v2", TagHabit::PushedOver),
            ("release-1.2", TagHabit::Numbered("release-1.".to_owned())),
            ("1.2.3", TagHabit::Versions),
            ("v1.2.3-rc.1", TagHabit::Versions),
            ("build-0001", TagHabit::Numbered("build-".to_owned())),
            ("20260131", TagHabit::PushedOver),
        ] {
            assert_eq!(TagHabit::of(tag), expected, "{tag}");
        }
    }

    #[test]
    fn an_image_is_guessed_where_the_host_has_a_registry_of_its_own() {
        for (module, branch, expected) in [
            ("github.com/Team/App", "main", Some("ghcr.io/team/app:main")),
            ("github.com/a/b", "feature/x#1", Some("ghcr.io/a/b:feature-x-1")),
            ("gitlab.com/g/sub/p", "main", Some("registry.gitlab.com/g/sub/p:main")),
            ("git.example.com/a/b", "main", None),
            ("srv/git/b", "main", None),
            ("github.com/a/b", ".hidden", None),
            ("b", "main", None),
        ] {
            let guessed = guess(module, branch).map(|image| image.to_string());
            assert_eq!(guessed.as_deref(), expected, "{module} {branch}");
        }
    }

    #[test]
    fn the_command_of_an_example_stays_only_where_make_knows_it() {
        let text = |makes_test| Starter::Minimal.text(&FoundOut { makes_test, ..begun("r.example/a:main") });
        assert!(text(true).contains("\n        command: [\"/bin/sh\", \"-c\", \"make test\"]\n"));
        assert!(text(false).contains("\n        # command: [\"/bin/sh\", \"-c\", \"make test\"]\n"));
        let told = Starter::Minimal.text(&FoundOut { known: ImageFrom::Told, ..begun("r.example/a:main") });
        assert!(text(true).contains("# A guess by") && !told.contains("guess"), "{told}");
    }
}
