//! Every form of a report, of builds as they are and of builds that say whatever they like.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::chain::build::Verdict;
use crate::chain::build_object::{Seen, build_object};
use crate::chain::contents::{PodRow, Sight, SupportRow};
use crate::chain::record::{Entry, Exit};
use crate::chain::reported::ReportedLog;
use crate::chain::reserved::Reserved;
use crate::chain::wire;
use crate::chain::workload::Scalable;
use crate::pipeline::documents::steers;

/// What somebody says who wants to be more than a text in every form at once.
const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"'><svg/onload=1> &amp; &#60; ` ``` ```` | \\| # * _ ~~ ![x](javascript:1) \
    <a href=\"https://e.example\"> \u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7}\0\u{b}\u{8} \r\n# two\n- three\r\n\n    four\n=== \u{202e}abc\u{2066} \
    שלום \u{1d54f}\u{1f980} \u{fffe}\u{ffff} ]]> <!-- --> <?xml ?> ${x} %s \u{2028} \u{9b}1m";

const FORMS: [ReportForm; 4] = [ReportForm::Html, ReportForm::Json, ReportForm::Junit, ReportForm::Markdown];

fn at(time: &str) -> Timestamp {
    format!("2026-01-02T{time}Z").parse().unwrap()
}

/// What a namespace holds; whatever others name or say goes through `say`.
fn contents(say: impl Fn(&str) -> String) -> Contents {
    let of = |name: &str, why: Option<&str>| (say(name), why.map(&say));
    let (db, quota) = of("db", Some("exceeded quota"));
    let (pod, waits) = of("studioci-build-x7k2p", Some("container build waits: CreateContainerError"));
    Contents {
        support: vec![SupportRow {
            kind: Scalable::Deployment,
            name: db,
            ready: 0,
            replicas: 1,
            remembered: Some(2),
            why: quota,
        }],
        pods: vec![
            PodRow {
                name: pod,
                controlled_by: Some(say("Job/studioci-build")),
                ready: (1, 2),
                status: say("CreateContainerError"),
                restarts: 3,
                why: waits,
            },
            PodRow {
                name: say("bare"),
                controlled_by: None,
                ready: (1, 1),
                status: "Running".to_owned(),
                restarts: 0,
                why: None,
            },
        ],
        sights: vec![Sight {
            at: Some(at("10:06:59")),
            warns: true,
            reason: say("BackOff"),
            object: say("Pod/studioci-build-x7k2p"),
            message: say("Back-off pulling image"),
        }],
        left_out: vec!["Of 23 events, 20 are shown.".to_owned()],
    }
}

/// A build that has failed, with everything that there is to tell; what others say of it goes through `say`.
fn failed(say: impl Fn(&str) -> String) -> ReportedBuild {
    let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
    let told = [
        (wire::VERDICT, "Failed".to_owned()),
        (wire::CAUSE, say("container build exited with code 1")),
        (wire::IMAGE, "registry.example/team/app".to_owned()),
        (wire::TAG, "build-0007".to_owned()),
        (wire::DIGEST, digest),
        (wire::REVISION, say("9fceb02d0ae598e95dc970b74767f19372d61af8")),
        (wire::SUCCESSOR, say("ci-brave-lovelace")),
    ];
    let times = [
        ("claimed", "09:00:00"),
        ("listening", "09:00:20"),
        ("triggered", "10:00:00"),
        ("detached", "10:00:01"),
        ("preparing", "10:00:02"),
        ("building", "10:00:32"),
        ("recorded", "10:07:05"),
        ("finished", "10:07:06"),
    ];
    let times = times.map(|(phase, time)| (format!("{}{phase}", wire::AT), at(time).to_string()));
    let told: Vec<(&str, &str)> = told
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .chain(times.iter().map(|(key, value)| (key.as_str(), value.as_str())))
        .collect();
    let build = Build::played("ci-eager-hopper", Phase::Finished, &told);
    let exit = |container: &str, code, reason: Option<&str>| Exit {
        container: say(container),
        code,
        reason: reason.map(&say),
    };
    ReportedBuild {
        exits: vec![exit("build", 1, Some("Error")), exit("proxy", 0, None)],
        events: vec![
            say("BackOff Pod/studioci-build-x: back-off restarting"),
            say("Killing Pod/y: stopping"),
        ],
        logs: vec![ReportedLog {
            container: say("build"),
            text: say("running tests\n\u{1b}[31mFAIL\u{1b}[0m\ta.rs"),
            cut: true,
        }],
        unpublished: Some(say("is not on GitHub: 403")),
        contents: contents(&say),
        ..ReportedBuild::there(build, None)
    }
}

/// A build of which history alone is left.
fn gone(generation: u64, verdict: &str, cause: &str, seconds: i64) -> ReportedBuild {
    let begin = at("08:00:00");
    let entry = Entry {
        generation,
        namespace: format!("ci-{generation}"),
        uid: format!("u{generation}"),
        verdict: verdict.to_owned(),
        cause: cause.to_owned(),
        image: Some("registry.example/team/app".to_owned()),
        version: Some(format!("build-{generation}")),
        revision: None,
        times: [
            ("triggered".to_owned(), begin),
            ("recorded".to_owned(), begin + SignedDuration::from_secs(seconds)),
        ]
        .into(),
        exits: Vec::new(),
        retry_of: None,
        text: None,
        log_kept: false,
        reserved: None,
        events: Vec::new(),
    };
    ReportedBuild::gone(&entry, "app", "c")
}

fn history(say: impl Fn(&str) -> String) -> ReportedChain {
    let mut running = ReportedBuild::there(
        Build::played(
            "ci-5",
            Phase::Building,
            &[("studioci.dev/at-triggered", "2026-01-02T10:10:00Z"), (wire::TAG, "build-5")],
        ),
        None,
    );
    running.build.generation = 5;
    running.build.waiting = Some(say("no node takes the build's pod"));
    ReportedChain {
        chain: say("app"),
        ended: Some(say("stopped by alice")),
        builds: vec![
            running,
            failed(&say),
            gone(3, "Passed", &say("container build exited with code 0"), 250),
            gone(2, "Errored", &say("evicted"), 30),
            gone(1, "Cancelled", &say("its Job was deleted"), 20),
        ],
    }
}

const NOW: &str = "10:12:00";

fn said(form: ReportForm, of: &ReportOf) -> String {
    print(form, of, at(NOW))
}

/// A report of a build and one of a chain, whose words go through `say`.
fn both(say: impl Fn(&str) -> String) -> [ReportOf; 2] {
    let mut build = failed(&say);
    // as history might have it, if it was written by hand
    (build.gone, build.build.namespace) = (true, say("ci-eager-hopper"));
    [ReportOf::Build(Box::new(build)), ReportOf::Chain(history(say))]
}

fn tame() -> [ReportOf; 2] {
    both(str::to_owned)
}

fn hostile() -> [ReportOf; 2] {
    both(|_| HOSTILE.to_owned())
}

/// The tags of a page or a document with their attributes' names, in order; and every value and text between them, unescaped.
/// It takes nothing that needs a reader's indulgence.
fn marked_up(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut tags, mut texts, mut rest) = (Vec::new(), Vec::new(), text);
    while let Some((before, tag)) = rest.split_once('<') {
        assert!(!before.contains('>'), "{before}");
        texts.push(unescaped(before));
        let (name, mut inner) = tag.split_at(tag.find([' ', '>', '\n']).unwrap());
        let mut shape = name.to_owned();
        loop {
            inner = inner.trim_start();
            if let Some(after) = inner.strip_prefix('>') {
                rest = after;
                break;
            }
            if let Some(after) = inner.strip_prefix("/>").or_else(|| inner.strip_prefix("?>")) {
                shape.push('/');
                rest = after;
                break;
            }
            if let Some(after) = inner.strip_prefix("html>").filter(|_| name == "!DOCTYPE") {
                rest = after;
                break;
            }
            let (attribute, after) =
                inner.split_once("=\"").unwrap_or_else(|| panic!("no attribute: {inner:.80}"));
            assert!(
                attribute.chars().all(|c| c.is_ascii_alphabetic() || c == '-' || c == ':'),
                "{attribute}"
            );
            let (value, after) = after.split_once('"').unwrap();
            assert!(!value.contains('<'), "{value}");
            shape = format!("{shape} {attribute}");
            texts.push(unescaped(value));
            inner = after;
        }
        tags.push(shape);
        if name == "style" {
            rest = &rest[rest.find("</style>").unwrap()..];
        }
    }
    assert!(!rest.contains('>'), "{rest}");
    (tags, texts)
}

/// Each `&` begins an entity that every reader knows.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('&');
    let mut bare = parts.next().unwrap().to_owned();
    for part in parts {
        let (entity, after) = part.split_once(';').unwrap_or_else(|| panic!("a bare &: {part}"));
        bare.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#39" => '\'',
            "#9" => '\t',
            other => panic!("&{other};"),
        });
        bare.push_str(after);
    }
    bare
}

#[test]
fn no_form_holds_what_steers_a_terminal_whoever_said_it() {
    for of in hostile() {
        for form in FORMS {
            let text = said(form, &of);
            let steering = text.chars().find(|c| steers(*c) && !matches!(c, '\n' | '\t'));
            assert_eq!(steering, None, "{form:?}");
            assert!(text.ends_with('\n') && text.contains("שלום") && text.contains('\u{1f980}'), "{form:?}");
        }
    }
}

#[test]
fn a_page_has_the_same_tags_whatever_is_said_in_it_and_all_of_it_is_text() {
    const OURS: [&str; 36] = [
        "!DOCTYPE",
        "html lang",
        "head",
        "/head",
        "meta charset",
        "meta name content",
        "meta http-equiv content",
        "title",
        "/title",
        "style",
        "/style",
        "body",
        "/body",
        "/html",
        "main",
        "/main",
        "header",
        "header class",
        "/header",
        "p class",
        "/p",
        "h1",
        "/h1",
        "h2",
        "/h2",
        "bdi",
        "/bdi",
        "span",
        "span class",
        "/span",
        "dl",
        "/dl",
        "dt",
        "/dt",
        "dd",
        "/dd",
    ];
    const MORE: [&str; 24] = [
        "svg class role aria-label viewBox preserveAspectRatio",
        "/svg",
        "rect class x y width height",
        "/rect",
        "div class",
        "/div",
        "table",
        "/table",
        "thead",
        "/thead",
        "tbody",
        "/tbody",
        "tr",
        "/tr",
        "th scope",
        "/th",
        "td",
        "td class",
        "/td",
        "ul",
        "/ul",
        "li",
        "/li",
        "pre",
    ];
    let ours: BTreeSet<&str> = OURS.into_iter().chain(MORE).chain(["/pre"]).collect();
    for (tame, hostile) in tame().iter().zip(&hostile()) {
        let page = said(ReportForm::Html, hostile);
        let (tags, texts) = marked_up(&page);
        assert_eq!(tags, marked_up(&said(ReportForm::Html, tame)).0);
        let strange: Vec<&String> = tags.iter().filter(|tag| !ours.contains(tag.as_str())).collect();
        assert!(strange.is_empty(), "{strange:?}");
        let shown =
            texts.iter().filter(|text| text.contains("</script><img src=x onerror=alert(1)>\"'>")).count();
        assert!(shown >= 5, "{shown}: it is told as it was said");
        for begin in tags.iter().filter(|tag| !tag.starts_with('/')) {
            let name = begin.split(' ').next().unwrap();
            let closes = tags.contains(&format!("/{name}"));
            assert!(closes || ["!DOCTYPE", "meta"].contains(&name), "{begin} is not closed");
        }
        assert!(!page.contains("http://") && !page.contains("url("), "nothing comes from elsewhere");
    }
}

#[test]
fn a_test_suite_is_well_formed_whatever_is_said_in_it() {
    for (tame, hostile) in tame().iter().zip(&hostile()) {
        let suite = said(ReportForm::Junit, hostile);
        let (tags, texts) = marked_up(&suite);
        assert_eq!(tags, marked_up(&said(ReportForm::Junit, tame)).0);
        let mut open = Vec::new();
        for tag in &tags {
            let name = tag.split(' ').next().unwrap();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "{tags:?}"),
                None if tag.ends_with('/') => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
        // XML 1.0, 2.2
        let kept = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(suite.chars().all(kept));
        assert!(texts.iter().any(|text| text.contains("</script><img src=x onerror=alert(1)>\"'>")));
    }
}

#[test]
fn objects_hold_every_text_as_it_was_said() {
    let [build, chain] =
        hostile().map(|of| serde_json::from_str::<Value>(&said(ReportForm::Json, &of)).unwrap());
    let status = &build["status"];
    for text in [
        &build["metadata"]["name"],
        &status["cause"],
        &status["revision"],
        &status["containers"][0]["name"],
        &status["containers"][0]["reason"],
        &status["events"][1],
        &status["logs"][0]["end"],
        &chain["summary"]["stopped"],
        &chain["items"][2]["status"]["cause"],
    ] {
        assert_eq!(text, HOSTILE);
    }
}

/// What of a line of Markdown is no code.
fn uncoded(line: &str) -> String {
    let mut rest = line;
    let mut bare = String::new();
    while let Some(begin) = rest.find('`') {
        bare.push_str(&rest[..begin]);
        let run = rest[begin..].len() - rest[begin..].trim_start_matches('`').len();
        let code = &rest[begin + run..];
        // the next run that is as long
        let mut at = 0;
        let end = loop {
            let from = at + code[at..].find('`').unwrap_or_else(|| panic!("code without an end: {line}"));
            let length = code[from..].len() - code[from..].trim_start_matches('`').len();
            if length == run {
                break from + run;
            }
            at = from + length;
        };
        rest = &code[end..];
    }
    bare + rest
}

#[test]
fn no_text_means_anything_in_markdown_whatever_is_said_in_it() {
    for (tame, hostile) in tame().iter().zip(&hostile()) {
        let shape = |of: &ReportOf| -> Vec<String> {
            let (text, mut fence, mut shape) = (said(ReportForm::Markdown, of), None, Vec::new());
            for line in text.lines() {
                if let Some(end) = &fence {
                    if line == end {
                        fence = None;
                    }
                    continue;
                }
                if line.starts_with("```") && line.ends_with("text") {
                    fence = Some(line.strip_suffix("text").unwrap().to_owned());
                    continue;
                }
                let bare = uncoded(line);
                let (begin, rest) = bare.split_at(bare.find(|c| !"#- |".contains(c)).unwrap_or(bare.len()));
                assert!(!rest.contains(['<', '>', '[', ']', '*', '\\', '~']), "{line}");
                assert!(!rest.replace("&#", "").contains('#'), "{line}");
                // a table is as wide as what stands in it
                let begin: String = begin.chars().filter(|c| *c != '-' || begin.starts_with('-')).collect();
                shape.push(begin + &"|".repeat(rest.matches('|').count()));
            }
            assert_eq!(fence, None);
            shape
        };
        assert_eq!(shape(hostile), shape(tame));
    }
}

#[test]
fn a_build_as_markdown() {
    let text = said(ReportForm::Markdown, &ReportOf::Build(Box::new(failed(str::to_owned))));
    insta::assert_snapshot!(text, @"
    # Build ci-eager-hopper: Failed

    `container build exited with code 1`

    | What       | Is                                                                      |
    |------------|-------------------------------------------------------------------------|
    | Chain      | app, generation 4                                                       |
    | Namespace  | ci-eager-hopper                                                         |
    | Image      | registry.example/team/app                                               |
    | Tag        | build-0007                                                              |
    | Digest     | sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef |
    | Revision   | 9fceb02d0ae598e95dc970b74767f19372d61af8                                |
    | Pushed     | 2026-01-02 10:00:00Z                                                    |
    | Ended      | 2026-01-02 10:07:05Z                                                    |
    | Took       | 7m5s                                                                    |
    | Next build | ci-brave-lovelace                                                       |
    | Result     | is not on GitHub: 403                                                   |

    ## Phases

    | Phase     | Began                | Took  |
    |-----------|----------------------|-------|
    | Claimed   | 2026-01-02 09:00:00Z | 20s   |
    | Listening | 2026-01-02 09:00:20Z | 59m   |
    | Triggered | 2026-01-02 10:00:00Z | 1s    |
    | Detached  | 2026-01-02 10:00:01Z | 1s    |
    | Preparing | 2026-01-02 10:00:02Z | 30s   |
    | Building  | 2026-01-02 10:00:32Z | 6m33s |
    | Recorded  | 2026-01-02 10:07:05Z | 1s    |
    | Finished  | 2026-01-02 10:07:06Z | –     |

    ## Containers

    | Container | Exit code | Reason |
    |-----------|-----------|--------|
    | build     | 1         | Error  |
    | proxy     | 0         | –      |

    ## Events that decided

    - `BackOff Pod/studioci-build-x: back-off restarting`
    - `Killing Pod/y: stopping`

    ## Support

    | Workload      | Ready | Scaled up | Why            |
    |---------------|-------|-----------|----------------|
    | Deployment/db | 0/1   | 2         | exceeded quota |

    ## Pods

    | Pod                  | Ready | Status               | Restarts | Controlled by      | Why                                         |
    |----------------------|-------|----------------------|----------|--------------------|---------------------------------------------|
    | studioci-build-x7k2p | 1/2   | CreateContainerError | 3        | Job/studioci-build | container build waits: CreateContainerError |
    | bare                 | 1/1   | Running              | 0        | –                  | –                                           |

    ## Latest events

    | Last seen            | Type    | Reason  | Object                   | Message                |
    |----------------------|---------|---------|--------------------------|------------------------|
    | 2026-01-02 10:06:59Z | Warning | BackOff | Pod/studioci-build-x7k2p | Back-off pulling image |

    Of 23 events, 20 are shown.

    ## End of the log of `build`

    What stands before is left out.

    ```text
    running tests
    FAIL	a.rs
    ```

    ## To learn more

    ```text
    kubectl studioci status ci-eager-hopper -o wide
    kubectl studioci logs ci-eager-hopper
    kubectl studioci scale up ci-eager-hopper --wait
    kubectl studioci report app
    ```
    ");
}

#[test]
fn a_chain_as_markdown() {
    insta::assert_snapshot!(said(ReportForm::Markdown, &ReportOf::Chain(history(str::to_owned))), @"
    # Chain app

    1 of 4 builds passed (25 %), 1 Failed, 1 Errored, 1 Cancelled; the median took 2m20s; 1 running.

    Ended: `stopped by alice`

    | Gen | Build           | Verdict   | Took  |            | Tag        | Ended                | Why                                |
    |-----|-----------------|-----------|-------|------------|------------|----------------------|------------------------------------|
    | 5   | ci-5            | Building  | 2m    | ██         | build-5    | –                    | no node takes the build's pod      |
    | 4   | ci-eager-hopper | Failed    | 7m5s  | ██████████ | build-0007 | 2026-01-02 10:07:05Z | container build exited with code 1 |
    | 3   | ci-3            | Passed    | 4m10s | █████      | build-3    | 2026-01-02 08:04:10Z | container build exited with code 0 |
    | 2   | ci-2            | Errored   | 30s   | █          | build-2    | 2026-01-02 08:00:30Z | evicted                            |
    | 1   | ci-1            | Cancelled | 20s   | █          | build-1    | 2026-01-02 08:00:20Z | its Job was deleted                |
    ");
}

/// A chain of which some things were built by hand, and one waits for its image.
fn by_hand() -> ReportedChain {
    let number = |number: u64| crate::chain::side::FIRST + number;
    let third = number(2).to_string();
    let told = [(wire::GENERATION, third.as_str()), (wire::TAG, "build-9"), (wire::DIGEST, "unseen")];
    let waits = Build::played("ci-waits", Phase::Listening, &told);
    let mut builds = vec![
        ReportedBuild::there(waits, None),
        gone(number(1), "Failed", "exit code 1", 500),
        gone(number(0), "Passed", "exit code 0", 500),
    ];
    builds.extend(history(str::to_owned).builds);
    ReportedChain { builds, ended: None, ..history(str::to_owned) }
}

#[test]
fn what_was_built_by_hand_is_told_apart_from_pushes_in_every_form() {
    let of = ReportOf::Chain(by_hand());
    let summary = "1 of 4 builds passed (25 %), 1 Failed, 1 Errored, 1 Cancelled; the median took 2m20s; 1 running; by hand \
                   besides: 1 Passed, 1 Failed, 1 running.";
    let text = said(ReportForm::Markdown, &of);
    assert!(text.contains(summary), "{text}");
    let row = text.lines().find(|line| line.contains("ci-waits")).unwrap();
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    assert_eq!((cells[1], cells[3], cells[6]), ("side-3", "Listening", "build-9"), "{row}");
    let page = said(ReportForm::Html, &of);
    assert!(page.contains(summary));
    // neither the bars nor their heights are shared: what is built by hand says nothing of how long a push takes
    let bars: Vec<&str> = page.split("<svg class=\"bars\"").skip(1).collect();
    let [pushes, hand] = bars[..] else { panic!("{} rows of bars", bars.len()) };
    let names = |bars: &str| {
        let (bars, _) = bars.split_once("</svg>").unwrap();
        bars.split("<title>").skip(1).map(|it| it.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(hand), ["ci-90000001", "ci-90000002", "ci-waits"]);
    assert!(names(pushes).len() == 5 && names(pushes).contains(&"ci-5".to_owned()), "{pushes}");
    assert!(pushes.contains("each push, oldest first") && hand.contains("each build by hand, oldest first"));
    let object: Value = serde_json::from_str(&said(ReportForm::Json, &of)).unwrap();
    let summary = &object["summary"];
    assert_eq!((&summary["ended"], &summary["passPercent"]), (&json!(4), &json!(25)));
    assert_eq!(
        summary["byHand"],
        json!({ "ended": 2, "verdicts": { "Passed": 1, "Failed": 1 }, "passPercent": 50, "medianSeconds": 500 })
    );
    assert_eq!(object["items"][0]["status"]["tag"], "build-9");
    let suites = said(ReportForm::Junit, &of);
    let heads: Vec<&str> =
        suites.lines().filter(|line| line.contains("<testsuite ")).map(str::trim).collect();
    assert!(
        heads.len() == 2
            && heads[0]
                .starts_with("<testsuite name=\"app\" tests=\"5\" failures=\"1\" errors=\"1\" skipped=\"2\"")
            && heads[1].starts_with(
                "<testsuite name=\"app (by hand)\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""
            ),
        "{heads:?}"
    );
    assert!(!said(ReportForm::Markdown, &ReportOf::Chain(history(str::to_owned))).contains("by hand"));
}

#[test]
fn a_chain_as_a_test_suite() {
    insta::assert_snapshot!(said(ReportForm::Junit, &ReportOf::Chain(history(str::to_owned))), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites>
      <testsuite name="app" tests="5" failures="1" errors="1" skipped="2" time="845" timestamp="2026-01-02T08:00:00">
        <testcase name="ci-5" classname="app" time="120">
          <properties>
            <property name="tag" value="build-5"/>
          </properties>
          <skipped message="Building: no node takes the build's pod"/>
        </testcase>
        <testcase name="ci-eager-hopper" classname="app" time="425">
          <properties>
            <property name="image" value="registry.example/team/app"/>
            <property name="tag" value="build-0007"/>
            <property name="digest" value="sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"/>
            <property name="revision" value="9fceb02d0ae598e95dc970b74767f19372d61af8"/>
          </properties>
          <failure message="container build exited with code 1" type="Failed">container build exited with 1 (Error)
    container proxy exited with 0
    BackOff Pod/studioci-build-x: back-off restarting
    Killing Pod/y: stopping
    </failure>
          <system-out>running tests
    FAIL&#9;a.rs
    </system-out>
        </testcase>
        <testcase name="ci-3" classname="app" time="250">
          <properties>
            <property name="image" value="registry.example/team/app"/>
            <property name="tag" value="build-3"/>
          </properties>
        </testcase>
        <testcase name="ci-2" classname="app" time="30">
          <properties>
            <property name="image" value="registry.example/team/app"/>
            <property name="tag" value="build-2"/>
          </properties>
          <error message="evicted" type="Errored"></error>
        </testcase>
        <testcase name="ci-1" classname="app" time="20">
          <properties>
            <property name="image" value="registry.example/team/app"/>
            <property name="tag" value="build-1"/>
          </properties>
          <skipped message="Cancelled: its Job was deleted"/>
        </testcase>
      </testsuite>
    </testsuites>
    "#);
}

#[test]
fn a_build_as_a_page() {
    let page = said(ReportForm::Html, &ReportOf::Build(Box::new(failed(str::to_owned))));
    let (head, body) = page.split_once("<style>").unwrap();
    let body = body.split_once("</style>").unwrap().1;
    insta::assert_snapshot!(format!("{head}<style>…</style>{body}"), @r#"
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
    <title>Failed: ci-eager-hopper</title>
    <style>…</style>
    </head>
    <body>
    <main>
    <header class="Failed">
    <p class="kind">Build of app</p>
    <h1><bdi>ci-eager-hopper</bdi> <span class="verdict">Failed</span></h1>
    <p class="why">container build exited with code 1</p>
    </header>
    <dl>
    <dt>Chain</dt><dd>app, generation 4</dd>
    <dt>Namespace</dt><dd>ci-eager-hopper</dd>
    <dt>Image</dt><dd>registry.example/team/app</dd>
    <dt>Tag</dt><dd>build-0007</dd>
    <dt>Digest</dt><dd>sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef</dd>
    <dt>Revision</dt><dd>9fceb02d0ae598e95dc970b74767f19372d61af8</dd>
    <dt>Pushed</dt><dd>2026-01-02 10:00:00Z</dd>
    <dt>Ended</dt><dd>2026-01-02 10:07:05Z</dd>
    <dt>Took</dt><dd>7m5s</dd>
    <dt>Next build</dt><dd>ci-brave-lovelace</dd>
    <dt>Result</dt><dd>is not on GitHub: 403</dd>
    </dl>
    <h2>Phases</h2>
    <svg class="line" role="img" aria-label="Time line of the phases, to scale" viewBox="0 0 1000 20" preserveAspectRatio="none">
    <rect class="Triggered" x="0" y="0" width="2" height="20"><title>Triggered: 1s</title></rect>
    <rect class="Detached" x="2" y="0" width="2" height="20"><title>Detached: 1s</title></rect>
    <rect class="Preparing" x="4" y="0" width="71" height="20"><title>Preparing: 30s</title></rect>
    <rect class="Building" x="75" y="0" width="922" height="20"><title>Building: 6m33s</title></rect>
    <rect class="Recorded" x="997" y="0" width="3" height="20"><title>Recorded: 1s</title></rect>
    </svg>
    <p class="ends"><span>2026-01-02 10:00:00Z</span><span>7m6s</span></p>
    <div class="scroll"><table>
    <thead><tr><th scope="col">Phase</th><th scope="col">Began</th><th scope="col">Took</th></tr></thead>
    <tbody>
    <tr><td><span class="key Claimed"></span>Claimed</td><td>2026-01-02 09:00:00Z</td><td>20s</td></tr>
    <tr><td><span class="key Listening"></span>Listening</td><td>2026-01-02 09:00:20Z</td><td>59m</td></tr>
    <tr><td><span class="key Triggered"></span>Triggered</td><td>2026-01-02 10:00:00Z</td><td>1s</td></tr>
    <tr><td><span class="key Detached"></span>Detached</td><td>2026-01-02 10:00:01Z</td><td>1s</td></tr>
    <tr><td><span class="key Preparing"></span>Preparing</td><td>2026-01-02 10:00:02Z</td><td>30s</td></tr>
    <tr><td><span class="key Building"></span>Building</td><td>2026-01-02 10:00:32Z</td><td>6m33s</td></tr>
    <tr><td><span class="key Recorded"></span>Recorded</td><td>2026-01-02 10:07:05Z</td><td>1s</td></tr>
    <tr><td><span class="key Finished"></span>Finished</td><td>2026-01-02 10:07:06Z</td><td>–</td></tr>
    </tbody>
    </table></div>
    <h2>Containers</h2>
    <div class="scroll"><table>
    <thead><tr><th scope="col">Container</th><th scope="col">Exit code</th><th scope="col">Reason</th></tr></thead>
    <tbody>
    <tr><td>build</td><td>1</td><td>Error</td></tr>
    <tr><td>proxy</td><td>0</td><td>–</td></tr>
    </tbody>
    </table></div>
    <h2>Events that decided</h2>
    <ul>
    <li>BackOff Pod/studioci-build-x: back-off restarting</li>
    <li>Killing Pod/y: stopping</li>
    </ul>
    <h2>Support</h2>
    <div class="scroll"><table>
    <thead><tr><th scope="col">Workload</th><th scope="col">Ready</th><th scope="col">Scaled up</th><th scope="col">Why</th></tr></thead>
    <tbody>
    <tr><td>Deployment/db</td><td>0/1</td><td>2</td><td>exceeded quota</td></tr>
    </tbody>
    </table></div>
    <h2>Pods</h2>
    <div class="scroll"><table>
    <thead><tr><th scope="col">Pod</th><th scope="col">Ready</th><th scope="col">Status</th><th scope="col">Restarts</th><th scope="col">Controlled by</th><th scope="col">Why</th></tr></thead>
    <tbody>
    <tr><td>studioci-build-x7k2p</td><td>1/2</td><td>CreateContainerError</td><td>3</td><td>Job/studioci-build</td><td>container build waits: CreateContainerError</td></tr>
    <tr><td>bare</td><td>1/1</td><td>Running</td><td>0</td><td>–</td><td>–</td></tr>
    </tbody>
    </table></div>
    <h2>Latest events</h2>
    <div class="scroll"><table>
    <thead><tr><th scope="col">Last seen</th><th scope="col">Type</th><th scope="col">Reason</th><th scope="col">Object</th><th scope="col">Message</th></tr></thead>
    <tbody>
    <tr><td>2026-01-02 10:06:59Z</td><td>Warning</td><td>BackOff</td><td>Pod/studioci-build-x7k2p</td><td>Back-off pulling image</td></tr>
    </tbody>
    </table></div>
    <p class="note">Of 23 events, 20 are shown.</p>
    <h2>End of the log of <bdi>build</bdi></h2>
    <p class="note">What stands before is left out.</p>
    <pre>running tests
    FAIL	a.rs
    </pre>
    <h2>To learn more</h2>
    <pre>kubectl studioci status ci-eager-hopper -o wide
    kubectl studioci logs ci-eager-hopper
    kubectl studioci scale up ci-eager-hopper --wait
    kubectl studioci report app
    </pre>
    </main>
    </body>
    </html>
    "#);
}

#[test]
fn a_chain_as_a_page() {
    let page = said(ReportForm::Html, &ReportOf::Chain(history(str::to_owned)));
    insta::assert_snapshot!(page.split_once("</head>").unwrap().1, @r#"
    <body>
    <main>
    <header>
    <p class="kind">Chain</p>
    <h1><bdi>app</bdi></h1>
    <p class="why">1 of 4 builds passed (25 %), 1 Failed, 1 Errored, 1 Cancelled; the median took 2m20s; 1 running.</p>
    <p class="note">Ended: stopped by alice</p>
    </header>
    <svg class="bars" role="img" aria-label="A bar for each push, as high as it took long" viewBox="0 0 240 60" preserveAspectRatio="none">
    <rect class="Cancelled" x="1" y="58" width="8" height="2"><title>ci-1: Cancelled, 20s</title></rect>
    <rect class="Errored" x="11" y="56" width="8" height="4"><title>ci-2: Errored, 30s</title></rect>
    <rect class="Passed" x="21" y="25" width="8" height="35"><title>ci-3: Passed, 4m10s</title></rect>
    <rect class="Failed" x="31" y="0" width="8" height="60"><title>ci-eager-hopper: Failed, 7m5s</title></rect>
    <rect class="Building" x="41" y="44" width="8" height="16"><title>ci-5: Building, 2m</title></rect>
    </svg>
    <p class="ends"><span>each push, oldest first</span><span>highest: 7m5s</span></p>
    <div class="scroll"><table>
    <thead><tr><th scope="col">Gen</th><th scope="col">Build</th><th scope="col">Verdict</th><th scope="col">Took</th><th scope="col">Tag</th><th scope="col">Ended</th><th scope="col">Why</th></tr></thead>
    <tbody>
    <tr><td>5</td><td>ci-5</td><td class="Building"><span class="verdict">Building</span></td><td>2m</td><td>build-5</td><td>–</td><td class="long">no node takes the build&#39;s pod</td></tr>
    <tr><td>4</td><td>ci-eager-hopper</td><td class="Failed"><span class="verdict">Failed</span></td><td>7m5s</td><td>build-0007</td><td>2026-01-02 10:07:05Z</td><td class="long">container build exited with code 1</td></tr>
    <tr><td>3</td><td>ci-3</td><td class="Passed"><span class="verdict">Passed</span></td><td>4m10s</td><td>build-3</td><td>2026-01-02 08:04:10Z</td><td class="long">container build exited with code 0</td></tr>
    <tr><td>2</td><td>ci-2</td><td class="Errored"><span class="verdict">Errored</span></td><td>30s</td><td>build-2</td><td>2026-01-02 08:00:30Z</td><td class="long">evicted</td></tr>
    <tr><td>1</td><td>ci-1</td><td class="Cancelled"><span class="verdict">Cancelled</span></td><td>20s</td><td>build-1</td><td>2026-01-02 08:00:20Z</td><td class="long">its Job was deleted</td></tr>
    </tbody>
    </table></div>
    </main>
    </body>
    </html>
    "#);
}

#[test]
fn a_build_that_is_gone_as_an_object_says_what_is_known_and_nothing_else() {
    let of = |it: ReportedBuild| -> Value {
        serde_json::from_str(&said(ReportForm::Json, &ReportOf::Build(Box::new(it)))).unwrap()
    };
    assert_eq!(
        of(gone(3, "Passed", "container build exited with code 0", 250)),
        json!({
            "apiVersion": "studioci.dev/v1",
            "kind": "Build",
            "metadata": { "name": "ci-3", "uid": "u3" },
            "spec": { "chain": "app", "chainUUID": "c", "generation": 3 },
            "status": {
                "phase": "Recorded",
                "verdict": "Passed",
                "cause": "container build exited with code 0",
                "image": "registry.example/team/app",
                "tag": "build-3",
                "phaseTimes": { "Triggered": "2026-01-02T08:00:00Z", "Recorded": "2026-01-02T08:04:10Z" },
                "durationSeconds": 250,
                "gone": true,
            },
        })
    );
    let mut lost = gone(3, "Errored", "its namespace was deleted before the build had ended", 0);
    (lost.build.namespace, lost.build.uid, lost.build.chain_uuid) = Default::default();
    lost.build.times.remove(&Phase::Triggered);
    let lost = of(lost);
    assert_eq!((&lost["metadata"], &lost["spec"]), (&json!({}), &json!({ "chain": "app", "generation": 3 })));
    assert_eq!(lost["status"].get("durationSeconds"), None);
    let there = of(failed(str::to_owned));
    assert_eq!((&there["status"]["gone"], &there["spec"]["owner"]), (&json!(false), &json!("o")));
    let chain: Value =
        serde_json::from_str(&said(ReportForm::Json, &ReportOf::Chain(history(str::to_owned)))).unwrap();
    assert_eq!(
        chain["summary"],
        json!({
            "chain": "app", "ended": 4, "passPercent": 25, "medianSeconds": 140, "stopped": "stopped by alice",
            "verdicts": { "Passed": 1, "Failed": 1, "Errored": 1, "Cancelled": 1 },
        })
    );
}

/// What was reserved, with a resource of that name.
fn reserving(name: &str) -> Reserved {
    let told = json!({ "waiting": { "cpu": 12.5 }, "building": { "cpu": 100, name: 40 }, "missing": name });
    serde_json::from_value(told).unwrap()
}

#[test]
fn what_was_reserved_is_told_of_a_build_and_of_its_chain_and_is_text_whatever_a_resource_is_called() {
    let both = |name: &str| {
        let [build, chain] = tame();
        let (ReportOf::Build(mut build), ReportOf::Chain(mut chain)) = (build, chain) else { unreachable!() };
        build.build.reserved = Some(reserving(name));
        chain.builds[2].build.reserved = Some(reserving(name));
        [ReportOf::Build(build), ReportOf::Chain(chain)]
    };
    let [build, chain] = both("nvidia.com/gpu");
    for (of, missing) in [(&build, "nvidia.com/gpu"), (&chain, "4 builds not counted, or not wholly")] {
        for form in [ReportForm::Markdown, ReportForm::Html] {
            let text = said(form, of);
            for fact in [
                "Reserved waiting",
                "cpu 12.5 core-seconds",
                "Reserved building",
                "cpu 100 core-seconds, nvidia.com/gpu 40 seconds",
                &format!("not known: {missing}"),
            ] {
                assert!(text.contains(fact), "{form:?} has no {fact}: {text}");
            }
        }
    }
    let object = |of: &ReportOf| serde_json::from_str::<Value>(&said(ReportForm::Json, of)).unwrap();
    let mut wanted = json!(reserving("nvidia.com/gpu"));
    assert_eq!(object(&build)["status"]["reserved"], wanted);
    wanted["missing"] = json!("4 builds not counted, or not wholly");
    assert_eq!(object(&chain)["summary"]["reserved"], wanted);
    for (tame, hostile) in both("x").iter().zip(&both(HOSTILE)) {
        for form in FORMS {
            let text = said(form, hostile);
            assert_eq!(text.chars().find(|c| steers(*c) && !matches!(c, '\n' | '\t')), None, "{form:?}");
        }
        let tags = |of: &ReportOf| marked_up(&said(ReportForm::Html, of)).0;
        assert_eq!(tags(hostile), tags(tame));
    }
}

#[test]
fn every_field_that_an_object_has_besides_is_documented() {
    let (_, page) = include_str!("../../../docs/status-json.md").split_once("## What `report").unwrap();
    let it = failed(str::to_owned);
    let there = build_object(&it.build, &Seen::default(), at(NOW));
    let object = json::build(&it, at(NOW));
    let status = object["status"].as_object().unwrap();
    let more: Vec<&String> = status.keys().filter(|key| there["status"].get(key).is_none()).collect();
    for field in &more {
        assert!(
            page.contains(&format!("| `status.{field}` |")),
            "docs/status-json.md has no row for {field}"
        );
    }
    assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), more.len());
    let chain = json::chain(&by_hand(), at(NOW));
    for field in chain["summary"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("`{field}`")), "docs/status-json.md says nothing of {field}");
    }
}

#[test]
fn a_phase_lasts_to_the_next_one_that_is_known_and_one_that_ends_before_it_began_for_no_time() {
    let build = |phase, times: &[(Phase, &str)], verdict: Option<Verdict>| {
        let mut build = Build::played("ci-a", phase, &[]);
        build.times = times.iter().map(|(phase, time)| (*phase, at(time))).collect();
        build.verdict = verdict;
        build
    };
    let told = |build: &Build| -> Vec<String> {
        let rows = phases(build, at("10:10:00"));
        rows.iter().map(|row| format!("{} {}", row.phase, length(row.took()))).collect()
    };
    let finished =
        [(Phase::Triggered, "10:00:00"), (Phase::Building, "10:01:00"), (Phase::Recorded, "10:03:00")];
    let build_of = build(Phase::Recorded, &finished, Some(Verdict::Passed));
    assert_eq!(told(&build_of), ["Triggered 60s", "Building 2m", "Recorded –"]);
    // what runs lasts until now
    let runs = build(Phase::Building, &finished[..2], None);
    assert_eq!(told(&runs), ["Triggered 60s", "Building 9m"]);
    // clocks of two agents
    let skewed = build(
        Phase::Recorded,
        &[(Phase::Triggered, "10:00:05"), (Phase::Detached, "10:00:00"), (Phase::Recorded, "10:01:00")],
        Some(Verdict::Failed),
    );
    assert_eq!(told(&skewed), ["Triggered –", "Detached 60s", "Recorded –"]);
    for build in [
        build(Phase::Recorded, &[], Some(Verdict::Errored)),
        build(Phase::Recorded, &finished[2..], Some(Verdict::Errored)),
        skewed,
        runs,
    ] {
        let it = ReportedBuild::there(build, None);
        for form in FORMS {
            let text = said(form, &ReportOf::Build(Box::new(it.clone())));
            assert!(!text.contains("invalid") && !text.contains("=\"-"), "{form:?}: {text}");
        }
    }
}

#[test]
fn a_command_is_shown_for_names_only_that_a_namespace_can_have() {
    let mut it = failed(str::to_owned);
    assert_eq!(
        further(&it),
        [
            "kubectl studioci status ci-eager-hopper -o wide",
            "kubectl studioci logs ci-eager-hopper",
            "kubectl studioci scale up ci-eager-hopper --wait",
            "kubectl studioci report app",
        ]
    );
    let commands_of = |it: &ReportedBuild| further(it).join("\n");
    // a log that was kept outlives its namespace
    it.gone = true;
    assert_eq!(further(&it), ["kubectl studioci logs ci-eager-hopper", "kubectl studioci report app"]);
    it.logs.clear();
    assert_eq!(further(&it), ["kubectl studioci report app"], "there is none");
    it.gone = false;
    assert!(!commands_of(&it).contains(" logs "), "it is over, and nothing was kept");
    it.build.verdict = None;
    assert!(commands_of(&it).contains("studioci logs ci-eager-hopper"), "it is written still");
    it.build.namespace = "x; rm -rf ~".to_owned();
    assert_eq!(further(&it), ["kubectl studioci report app"]);
    it.build.chain = "$(x)".to_owned();
    assert_eq!(further(&it), Vec::<String>::new());
}

#[test]
fn of_a_long_log_people_see_the_last_lines_and_programs_all_of_them() {
    let mut it = failed(str::to_owned);
    let lines: Vec<String> = (1..=1000).map(|line| format!("line {line}.")).collect();
    it.logs = vec![ReportedLog { container: "build".to_owned(), text: lines.join("\n"), cut: false }];
    let of = ReportOf::Build(Box::new(it));
    for (form, first) in FORMS.into_iter().zip([801, 1, 1, 801]) {
        let text = said(form, &of);
        assert!(text.contains(&format!("line {first}.")) && text.contains("line 1000."), "{form:?}");
        assert!(!text.contains(&format!("line {}.", first - 1)), "{form:?}");
    }
}

#[test]
fn colours_of_a_log_are_taken_out_and_what_else_steers_is_shown() {
    for (line, expected) in [
        ("plain", "plain"),
        ("\u{1b}[1;31mred\u{1b}[0m", "red"),
        ("\u{1b}[2K\u{1b}[1Gdone", "done"),
        ("a\tb\u{1b}[K", "a\tb"),
        ("cut \u{1b}[31", "cut ^[[31"),
        ("\u{1b}[\u{1b}[mx", "^[[x"),
        ("\u{1b}]0;title\u{7}", "^[]0;title^G"),
        ("10%\r20%", "10%\\r20%"),
        ("\u{1b}[ä", "^[[ä"),
    ] {
        assert_eq!(plain(line), expected, "{line:?}");
    }
}

#[test]
fn a_chain_without_builds_says_so_in_every_form() {
    let of = ReportOf::Chain(ReportedChain { chain: "app".to_owned(), ended: None, builds: Vec::new() });
    for form in [ReportForm::Html, ReportForm::Markdown] {
        let text = said(form, &of);
        assert!(text.contains("No build has ended yet.") && !text.contains("svg class"), "{text}");
    }
    assert!(said(ReportForm::Junit, &of).contains("tests=\"0\""));
    assert!(said(ReportForm::Json, &of).contains("\"items\": []"));
}
