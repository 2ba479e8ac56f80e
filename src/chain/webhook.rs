//! What a webhook tells of a build, as far as it depends on the build alone: the object that it is sent, and what a template
//! for another body reads.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map as Fields, Value};

use super::build::{Build, Phase, Verdict, Version};
use super::build_object::{Seen, build_object};
use super::commit_status;
use super::link::LinkTemplate;
use super::masking::Masking;
use super::outbox;
use super::record::Entry;
use super::reserved::Reserved;

/// A build for whoever is no part of the cluster: as its Namespace tells it, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookBuild {
    /// Its object.
    pub object: Value,
    /// Verdict, duration and cause in one line, or that it goes on.
    pub summary: String,
    /// Where it can be looked at; none where the chain has no link.
    pub link: Option<String>,
}

impl WebhookBuild {
    /// What is told of a build.
    pub fn of(build: &Build, link: Option<&LinkTemplate>, secrets: &Masking, now: Timestamp) -> Self {
        let mut object = build_object(build, &Seen::default(), now);
        secrets.value(&mut object);
        Self {
            object,
            summary: commit_status::summary(build, secrets),
            link: link.map(|link| secrets.text(&link.of(build))),
        }
    }

    /// The fields that a template reads under `build`: those of the object's `metadata`, `spec` and `status`, each by its own
    /// name but for `metadata.name`, which is the namespace; and beside them `summary` and `link`.
    pub fn fields(&self) -> Fields<String, Value> {
        let part = |name: &str| self.object[name].as_object().cloned().unwrap_or_default();
        let metadata = part("metadata").into_iter().map(|(name, value)| match name.as_str() {
            "name" => ("namespace".to_owned(), value),
            _ => (name, value),
        });
        let mut fields: Fields<String, Value> = metadata.chain(part("spec")).chain(part("status")).collect();
        fields.insert("summary".to_owned(), self.summary.as_str().into());
        if let Some(link) = &self.link {
            fields.insert("link".to_owned(), link.as_str().into());
        }
        fields
    }
}

/// Builds to try a template on before one is sent: one that goes on and one of each verdict, each with all that a build may
/// have and with no more than every build has. Texts that a push decides hold what a body of JSON has to escape.
pub fn samples(chain: &str, link: Option<&LinkTemplate>) -> Vec<WebhookBuild> {
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
    let of = |verdict: Option<Verdict>, full: bool| {
        let mut build = sample(chain, now);
        if verdict.is_some() {
            build.verdict = verdict;
            build.cause = Some(HOSTILE.to_owned());
            build.times.insert(Phase::Recorded, now);
            build.phase = Phase::Recorded;
        }
        if full {
            fill(&mut build);
        }
        WebhookBuild::of(&build, link, &Masking::default(), now)
    };
    let verdicts = std::iter::once(None).chain(Verdict::ALL.map(Some));
    verdicts.flat_map(|verdict| [of(verdict, true), of(verdict, false)]).collect()
}

/// What a build may say of itself, and a push decides.
const HOSTILE: &str = "build exited with 2: \"no\" in C:\\temp\n{{ build }} </b> \u{7}";

/// A build that goes on, with what every build has.
fn sample(chain: &str, now: Timestamp) -> Build {
    let entry = Entry {
        generation: 2,
        namespace: "app-main-eager-hopper".to_owned(),
        uid: "3f1c7e0a-0000-4000-8000-000000000002".to_owned(),
        verdict: String::new(),
        cause: String::new(),
        image: Some("registry.example/app".to_owned()),
        version: Some("build-0002".to_owned()),
        revision: None,
        times: [(Phase::Triggered.as_str().to_ascii_lowercase(), now - SignedDuration::from_secs(425))]
            .into(),
        exits: Vec::new(),
        events: Vec::new(),
        retry_of: None,
        text: None,
        log_kept: false,
        reserved: None,
    };
    let build = outbox::of_history(&entry, chain, "3f1c7e0a-0000-4000-8000-000000000001");
    Build { phase: Phase::Building, cause: None, ..build }
}

/// Adds what not every build has.
fn fill(build: &mut Build) {
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    build.created = build.times.values().next().copied();
    build.parent = Some("app-main-brave-lovelace".to_owned());
    build.successor = Some("app-main-calm-turing".to_owned());
    build.waiting = Some(HOSTILE.to_owned());
    build.dispatch_error = Some(HOSTILE.to_owned());
    build.version = format!("build-0002@sha256:{digest}").parse::<Version>().ok();
    build.revision = Some("9fceb02d0ae598e95dc970b74767f19372d61af8".to_owned());
    if build.verdict.is_some() {
        build.reserved = Some(Reserved::unknown(HOSTILE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_reads_each_field_of_the_object_by_its_own_name() {
        let link = LinkTemplate::parse("https://ci.example/{namespace}").unwrap();
        let samples = samples("app-main", Some(&link));
        let of_failed = &samples[4];
        let fields = of_failed.fields();
        for (name, value) in [
            ("namespace", "app-main-eager-hopper"),
            ("chain", "app-main"),
            ("phase", "Recorded"),
            ("verdict", "Failed"),
            ("cause", HOSTILE),
            ("tag", "build-0002"),
            ("link", "https://ci.example/app-main-eager-hopper"),
        ] {
            assert_eq!(fields[name], value, "{name}");
        }
        assert_eq!((&fields["generation"], &fields["durationSeconds"]), (&2.into(), &425.into()));
        let summary = fields["summary"].as_str().unwrap();
        assert!(summary.starts_with("Failed after 7m5s: build exited with 2: "), "{summary}");
        assert!(!summary.contains('\n'), "{summary}");
        let object = &of_failed.object;
        let inner = ["metadata", "spec", "status"].map(|part| object[part].as_object().unwrap().len());
        assert_eq!(fields.len(), inner.iter().sum::<usize>() + 2, "no field hides another: {fields:?}");
    }

    #[test]
    fn samples_are_builds_that_go_on_and_of_each_verdict_with_and_without_what_not_every_build_has() {
        let names = |sample: &WebhookBuild| sample.fields().keys().cloned().collect::<Vec<_>>();
        let all: Vec<_> = samples("app-main", None).iter().map(names).collect();
        assert_eq!(all.len(), 2 + 2 * Verdict::ALL.len());
        let has = |name: &str| all.iter().map(|names| names.iter().any(|it| it == name)).collect::<Vec<_>>();
        for (name, want) in [
            ("image", [true, true, true, true]),
            ("tag", [true, true, true, true]),
            ("durationSeconds", [true, true, true, true]),
            ("verdict", [false, false, true, true]),
            ("cause", [false, false, true, true]),
            ("revision", [true, false, true, false]),
            ("digest", [true, false, true, false]),
            ("parent", [true, false, true, false]),
            ("reserved", [false, false, true, false]),
            ("link", [false, false, false, false]),
        ] {
            assert_eq!(has(name)[..4], want, "{name}");
        }
    }
}
