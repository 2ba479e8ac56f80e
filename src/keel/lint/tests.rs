//! Each finding, once provoked and once not.

use super::*;

const NONE: &Map = &Map::new();

fn map(text: &str) -> Map {
    let entries = text.split(" ; ").filter_map(|entry| entry.split_once('='));
    entries.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn findings(labels: &str, annotations: &str, image: &str) -> Vec<Finding> {
    let (labels, annotations) = (map(labels), map(annotations));
    let image = ImageRef::parse(image).expect(image);
    check(&Linted {
        labels: &labels,
        annotations: &annotations,
        template_labels: NONE,
        template_annotations: NONE,
        image: Some(&image),
    })
}

const GOOD: &str = "keel.sh/policy=glob:build-* ; keel.sh/trigger=poll ; keel.sh/pollSchedule=@every 1m";

#[test]
fn what_keel_obeys_as_meant_has_no_findings() {
    for (labels, annotations, image) in [
        ("", GOOD, "r/app:build-20260101000000-abc1234"),
        // words and numbers of the letters of a hash are none
        ("", GOOD, "r/app:build-defaced"),
        ("", GOOD, "r/app:build-20260101"),
        ("", GOOD, "r/app:build-0000-abc123"),
        ("", GOOD, "r/app:build-0009"),
        // where the tag is none of the pattern's, its numbers are not those that are compared
        ("", GOOD, "r/app:1.0.0"),
        ("", GOOD, "r/app:9"),
        // nor are those of the pattern itself
        ("", "keel.sh/policy=glob:v2-* ; keel.sh/trigger=poll", "r/app:v2-20260101000000"),
        ("", "keel.sh/policy=glob:*-build-2 ; keel.sh/trigger=poll", "r/app:20260101-build-2"),
        ("", "keel.sh/policy=glob:1.*-rc.* ; keel.sh/trigger=poll", "r/app:1.0001-rc.9"),
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
        (
            "",
            poll("keel.sh/policy=glob:*"),
            "r/a:1a2b3c4",
            Warning,
            "`1a2b3c4` have no order",
            "a time before",
        ),
        (
            "",
            poll("keel.sh/policy=glob:main-*"),
            "r/a:main-abc1234",
            Warning,
            "have no order",
            "a branch's tag",
        ),
        ("", poll("keel.sh/policy=glob:*-ci"), "r/a:deadbee9-ci", Warning, "have no order", "a time before"),
        ("", poll("keel.sh/policy=glob:*"), "r/a:1.0.0", Warning, "such as `1.0.0` are not padded", "zeros"),
        ("", poll("keel.sh/policy=glob:v1-*-b"), "r/a:v1-9-b", Warning, "not padded", "zeros"),
        ("", poll("keel.sh/policy=glob:*-b*"), "r/a:main-b9", Warning, "not padded", "zeros"),
        ("", poll("keel.sh/policy=minor"), "REGISTRY/a:1.0", Error, "is none that Keel reads", "lower case"),
        ("", poll("keel.sh/policy=all"), "r/a:20240105", Warning, "`20240105` has no dot", "tags with a dot"),
        (
            "",
            poll("keel.sh/policy=minor"),
            "r/a:42",
            Warning,
            "the policy `minor` compares versions",
            "glob:build-*",
        ),
        ("keel.sh/policy=major", poll(""), "r/a:v2", Warning, "`v2` has no dot", "tags with a dot"),
        ("", poll("keel.sh/policy=patch"), "r/a:2024-01-05", Warning, "has no dot", "tags with a dot"),
        (
            "",
            poll("keel.sh/policy=minor ; keel.sh/poll=24h"),
            "r/a:1.0",
            Warning,
            "no key `keel.sh/poll`",
            "pollSchedule: \"@every 24h\"",
        ),
        (
            "",
            poll("keel.sh/policy=minor ; keel.sh/force=true"),
            "r/a:1.0",
            Warning,
            "no key `keel.sh/force`",
            "`keel.sh/policy: force`",
        ),
        (
            "keel.sh/container=build",
            poll("keel.sh/policy=minor"),
            "r/a:1.0",
            Warning,
            "no key `keel.sh/container`",
            "`keel.sh/monitorContainers` if that is meant",
        ),
        (
            "",
            poll("keel.sh/policy=minor ; keel.sh/force=false"),
            "r/a:1.0",
            Warning,
            "no key `keel.sh/force`",
            "Take it out",
        ),
        (
            "",
            poll("keel.sh/policy=minor ; keel.sh/poll=true"),
            "r/a:1.0",
            Warning,
            "no key `keel.sh/poll`",
            "Write `keel.sh/pollSchedule` if that is meant",
        ),
        (
            "",
            poll("keel.sh/policy=minor ; keel.sh/minimum-approvals=2"),
            "r/a:1.0",
            Warning,
            "no key `keel.sh/minimum-approvals`",
            "Take it out",
        ),
        (
            "keel.sh/zebra=x",
            poll("keel.sh/policy=minor"),
            "r/a:1.0",
            Warning,
            "no key `keel.sh/zebra`",
            "Take it out",
        ),
        (
            "",
            poll("keel.sh/policy=regexp:a**"),
            "r/a:b1",
            Warning,
            "has a repetition of a repetition",
            "Keel's log",
        ),
        (
            "",
            poll("keel.sh/policy=minor ; keel.sh/monitorContainers=\\Qa"),
            "r/a:1.0",
            Warning,
            "has an escape",
            "^NAME$",
        ),
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
        image: None,
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].what.contains("`keel.sh/policy` stands on the pod template"));
}

#[test]
fn what_becomes_of_a_digest_is_said_as_keel_does_it() {
    let pinned = format!("r/a:v1@sha256:{}", "0a".repeat(32));
    for (policy, says) in [
        ("glob:build-*", "never updates"),
        ("minor", "never updates"),
        ("force ; keel.sh/matchTag=true", "never updates"),
        ("glob:v*", "compares the tags"),
        ("regexp:^v", "compares the tags"),
    ] {
        let found = findings("", &format!("keel.sh/trigger=poll ; keel.sh/policy={policy}"), &pinned);
        let finding = found.iter().find(|it| it.what.contains("pinned by digest")).expect(policy);
        assert!(
            finding.why.contains("takes the digest for the tag") && finding.why.contains(says),
            "{finding}"
        );
    }
}

#[test]
fn a_dot_is_missed_only_where_versions_are_compared() {
    for (policy, tag) in [
        ("all", "1.0"),
        ("all", "latest"),
        ("minor", "v1.2"),
        ("minor", "1-rc.1"),
        ("force ; keel.sh/matchTag=true", "main"),
        ("glob:2*", "20240105"),
    ] {
        let found =
            findings("", &format!("keel.sh/trigger=poll ; keel.sh/policy={policy}"), &format!("r/a:{tag}"));
        assert!(found.iter().all(|it| !it.what.contains("has no dot")), "{policy} {tag}: {found:?}");
    }
}

#[test]
fn one_slip_is_one_finding() {
    for (labels, annotations, what) in [
        ("", "keel.sh/policy=force ; keel.sh/matchTag=True", "`keel.sh/matchTag` is `True`"),
        ("", "keel.sh/policy=force ; keel.sh/match-tag=yes", "`keel.sh/match-tag` is `yes`"),
        ("keel.sh/matchTag=true", "keel.sh/policy=force", "`keel.sh/matchTag` stands in the labels"),
        ("", "keel.sh/policy=force ; keel.sh/matchTag=false", "`force` without match-tag"),
        ("", "keel.sh/policy=force", "`force` without match-tag"),
        ("", "keel.sh/policy=glob:build-01", "has no `*`"),
        ("", "keel.sh/policy=glob:build-?", "holds `?`"),
        ("", "keel.sh/policy=glob:a-*", "cannot move from the tag"),
    ] {
        let found = findings(labels, &format!("keel.sh/trigger=poll ; {annotations}"), "r/a:build-01");
        assert_eq!(found.len(), 1, "{annotations}: {found:?}");
        assert!(found[0].what.contains(what), "{}", found[0]);
    }
}
