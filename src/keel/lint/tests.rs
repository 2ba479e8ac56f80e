//! Each finding, once provoked and once not.

use super::*;

const NONE: &Map = &Map::new();

fn map(text: &str) -> Map {
    let entries = text.split(" ; ").filter_map(|entry| entry.split_once('='));
    entries.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn findings(labels: &str, annotations: &str, image: &str) -> Vec<Finding> {
    let (labels, annotations) = (map(labels), map(annotations));
    check(&Linted {
        labels: &labels,
        annotations: &annotations,
        template_labels: NONE,
        template_annotations: NONE,
        image,
    })
}

const GOOD: &str = "keel.sh/policy=glob:build-* ; keel.sh/trigger=poll ; keel.sh/pollSchedule=@every 1m";

#[test]
fn what_keel_obeys_as_meant_has_no_findings() {
    for (labels, annotations, image) in [
        ("", GOOD, "r/app:build-20260101000000-abc1234"),
        ("", GOOD, "r/app:build-0009"),
        ("app=web", "keel.sh/policy=minor ; keel.sh/trigger=poll", "r/app:1.0.0"),
        ("keel.sh/policy=force ; keel.sh/matchTag=true ; keel.sh/trigger=poll", "", "r/app:latest"),
        ("", "keel.sh/policy=all ; keel.sh/trigger=poll ; keel.sh/pollSchedule=0 */5 * * * *", "r/app:1.0"),
        ("", "keel.sh/policy=all ; keel.sh/trigger=poll ; keel.sh/approvals=0", "r/app:1.0"),
        ("", "keel.sh/policy=all ; keel.sh/trigger=poll ; keel.sh/monitorContainers=^build$", "r/app:1.0"),
    ] {
        assert_eq!(findings(labels, annotations, image), [], "{labels} {annotations} {image}");
    }
}

#[test]
fn every_kind_of_silence_is_broken() {
    use Severity::{Error, Warning};
    let poll = |rest: &str| format!("keel.sh/trigger=poll ; {rest}");
    for (labels, annotations, image, severity, what, remedy) in [
        ("", poll(""), "r/a:1.0", Error, "no Keel policy", "glob:build-*"),
        ("", poll("keel.sh/policy=never"), "r/a:1.0", Error, "`never` or empty", "glob:build-*"),
        ("", poll("keel.sh/policy="), "r/a:1.0", Error, "`never` or empty", "glob:build-*"),
        ("", poll("keel.sh/policy=semver"), "r/a:1.0", Error, "not know the policy `semver`", "one of all"),
        ("", poll("keel.sh/policy=Force "), "r/a:1.0", Error, "policy `Force `", "keel.sh/policy: force"),
        ("", poll("keel.sh/policy=GLOB:*"), "r/a:1.0", Error, "policy `GLOB:*`", "lower case"),
        ("", poll("keel.sh/policy=glob:a:b"), "r/a:1.0", Error, "more than one colon", "colons out"),
        ("", poll("keel.sh/policy=glob:b-?"), "r/a:b-1", Error, "holds `?`", "Use `*`"),
        ("", poll("keel.sh/policy=glob: b-*"), "r/a:1.0", Error, "holds ` `", "Use `*`"),
        ("", poll("keel.sh/policy=glob:main"), "r/a:dev", Error, "has no `*`", "match-tag"),
        ("", poll("keel.sh/policy=regexp:["), "r/a:1.0", Error, "does not compile", "RE2"),
        ("", poll("keel.sh/policy=regexp:^b"), "r/a:b1", Warning, "a regular expression", "glob:build-*"),
        ("", poll("keel.sh/policy=force"), "r/a:1.0", Error, "`force` without match-tag", "same map"),
        ("", poll("keel.observer/policy=minor"), "r/a:1.0", Warning, "obsolete key", "keel.sh/policy: minor"),
        (
            "",
            poll("keel.observer/policy=minor ; keel.sh/policy=minor"),
            "r/a:1.0",
            Warning,
            "stands beside",
            "Remove",
        ),
        (
            "keel.sh/policy=minor",
            poll("keel.sh/policy=patch"),
            "r/a:1.0",
            Warning,
            "two policies",
            "Remove the label",
        ),
        ("keel.sh/policy=glob:b-*", poll(""), "r/a:b-01", Error, "stands in a label", "an annotation"),
        (
            "keel.sh/policy=force",
            poll("keel.sh/matchTag=true"),
            "r/a:1.0",
            Error,
            "`keel.sh/matchTag` stands in the annotations",
            "to the labels",
        ),
        (
            "keel.sh/match-tag=true",
            poll("keel.sh/policy=force"),
            "r/a:1.0",
            Error,
            "`keel.sh/match-tag` stands in the labels",
            "to the annotations",
        ),
        (
            "",
            poll("keel.sh/policy=force ; keel.sh/matchTag=True"),
            "r/a:1.0",
            Error,
            "`keel.sh/matchTag` is `True`",
            "\"true\"",
        ),
        (
            "",
            poll("keel.sh/policy=force ; keel.sh/matchTag=true ; keel.sh/match-tag=false"),
            "r/a:1.0",
            Warning,
            "both",
            "Remove",
        ),
        (
            "",
            poll("keel.sh/policy=minor ; keel.sh/matchTag=true"),
            "r/a:1.0",
            Warning,
            "beside the policy `minor`",
            "Remove",
        ),
        ("", poll("keel.sh/Policy=minor"), "r/a:1.0", Error, "not spelled", "`keel.sh/policy`"),
        ("", "keel.sh/policy=minor".into(), "r/a:1.0", Warning, "trigger` is missing", "poll"),
        (
            "",
            "keel.sh/policy=minor ; keel.sh/trigger=Poll".into(),
            "r/a:1.0",
            Warning,
            "is `Poll`",
            "keel.sh/trigger: poll",
        ),
        (
            "keel.sh/pollSchedule=1m",
            poll("keel.sh/policy=minor"),
            "r/a:1.0",
            Error,
            "Schedule` is a label",
            "an annotation",
        ),
        (
            "",
            poll("keel.sh/policy=minor ; keel.sh/pollSchedule="),
            "r/a:1.0",
            Error,
            "Schedule` is empty",
            "@every 1m",
        ),
        (
            "",
            poll("keel.sh/policy=minor ; keel.sh/pollSchedule=@every 1d"),
            "r/a:1.0",
            Error,
            "unknown unit",
            "@every 1m",
        ),
        (
            "",
            poll("keel.sh/policy=minor ; keel.sh/pollSchedule=@every 9s"),
            "r/a:1.0",
            Warning,
            "is every 9 s",
            "@every 10s",
        ),
        (
            "",
            poll("keel.sh/policy=minor ; keel.sh/pollSchedule=*/5 * * * *"),
            "r/a:1.0",
            Warning,
            "five fields",
            "six fields",
        ),
        (
            "",
            poll("keel.sh/policy=minor"),
            "r/a:main",
            Error,
            "cannot move from the tag `main`",
            "Start from",
        ),
        ("", poll("keel.sh/policy=glob:b-*"), "r/a:latest", Error, "cannot move", "Start from"),
        ("", poll("keel.sh/policy=glob:b-*"), "r/a:b-9", Warning, "not padded", "zeros"),
        ("", poll("keel.sh/policy=minor"), "http://r/a:1.0", Error, "not an image reference", "http://"),
        (
            "",
            poll("keel.sh/policy=minor"),
            "a:1.0@sha256:0000000000000000000000000000000000000000000000000000000000000000",
            Warning,
            "pinned by digest",
            "the tag alone",
        ),
        (
            "keel.sh/approvals=1",
            poll("keel.sh/policy=minor"),
            "r/a:1.0",
            Error,
            "approvals` is `1`",
            "Remove",
        ),
        (
            "",
            poll("keel.sh/policy=minor ; keel.sh/approvals=one"),
            "r/a:1.0",
            Error,
            "approvals` is `one`",
            "Remove",
        ),
        (
            "",
            poll("keel.sh/policy=minor ; keel.sh/monitorContainers=("),
            "r/a:1.0",
            Error,
            "the pattern `(`",
            "^NAME$",
        ),
        (
            "keel.sh/notify=x",
            poll("keel.sh/policy=minor"),
            "r/a:1.0",
            Warning,
            "notify` is a label",
            "an annotation",
        ),
    ] {
        let found = findings(labels, &annotations, image);
        let finding = found
            .iter()
            .find(|f| f.what.contains(what))
            .unwrap_or_else(|| panic!("{labels} {annotations} {image}: {what} not in {found:?}"));
        assert_eq!(finding.severity, severity, "{what}");
        assert!(finding.remedy.contains(remedy), "{what}: {}", finding.remedy);
    }
}

#[test]
fn an_empty_schedule_is_known_to_crash_keel() {
    let found = findings("", &format!("{GOOD} ; keel.sh/pollSchedule="), "r/a:build-01");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0]
            .to_string()
            .starts_with("error: `keel.sh/pollSchedule` is empty\n  An empty schedule crashes")
    );
}

#[test]
fn keys_on_the_pod_template_are_ignored_by_keel_and_that_is_said() {
    let (annotations, template) = (map(GOOD), map("keel.sh/policy=minor ; keel.sh/update-time=now"));
    let found = check(&Linted {
        labels: NONE,
        annotations: &annotations,
        template_labels: NONE,
        template_annotations: &template,
        image: "r/a:build-01",
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].what.contains("`keel.sh/policy` stands on the pod template"));
}
