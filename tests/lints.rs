//! `docs/lints.md`, held against the program: every finding has its place in the page, and the example that stands there is
//! found on the line that it says, and on no other.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use studioci::keel::image::ImageRef;
use studioci::keel::lint::Severity;
use studioci::pipeline::facts::{Fact, Facts};
use studioci::pipeline::lint::{LintFinding, edited, findings};
use studioci::pipeline::sources::{Sources, Text};
use studioci::pipeline::starter::{FoundOut, ImageFrom, Starter};

/// By this the page marks a line.
const MARK: &str = "  # <--";

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lints.md")).unwrap()
}

/// The block of a page that begins with this fence.
fn block<'a>(text: &'a str, fence: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("```{fence}\n"))?;
    Some(rest.split_once("\n```").unwrap().0)
}

/// One finding of the page.
struct Example {
    code: String,
    severity: String,
    fixable: bool,
    template: String,
    values: Option<String>,
    /// The line that is marked.
    line: Option<usize>,
}

/// The pipeline of the page with a change made in it, and the line that is marked.
fn changed(base: &str, diff: &str) -> (String, Option<usize>) {
    let mut rest = base.lines();
    let (mut text, mut line) = (String::new(), None);
    for change in diff.lines() {
        let (sign, words) = change.split_at(1);
        let marked = words.strip_suffix(MARK);
        let words = marked.unwrap_or(words);
        if sign != "+" {
            loop {
                let before = rest.next().unwrap_or_else(|| panic!("the pipeline has no line {words:?}"));
                if before == words {
                    break;
                }
                writeln!(text, "{before}").unwrap();
            }
        }
        if sign != "-" {
            writeln!(text, "{words}").unwrap();
        }
        if marked.is_some() {
            line = Some(text.lines().count());
        }
    }
    for before in rest {
        writeln!(text, "{before}").unwrap();
    }
    (text, line)
}

fn examples() -> Vec<Example> {
    let page = page();
    let (_, names) = page.split_once("## The names\n").unwrap();
    let base = block(names, "yaml").unwrap();
    let sections = names.split("\n#### `").skip(1);
    let example = |section: &str| {
        let (code, rest) = section.split_once("`\n\n").unwrap();
        let first = rest.split(['.', ',']).next().unwrap();
        let (template, line) = changed(base, block(rest, "diff").unwrap_or_else(|| panic!("{code}")));
        Example {
            code: code.to_owned(),
            severity: first.to_owned(),
            fixable: rest.starts_with(&format!("{first}, `--fix`.")),
            template,
            values: block(rest, "yaml").map(str::to_owned),
            line,
        }
    };
    sections.map(example).collect()
}

fn found(template: &str, values: Option<&str>) -> Vec<LintFinding> {
    let text = |name: &str, text: &str| Text { name: name.to_owned(), text: text.to_owned() };
    let sources = Sources {
        template: text("pipeline.yaml", template),
        values: values.into_iter().map(|values| text("values.yaml", values)).collect(),
        ..Sources::default()
    };
    let git = [("branch".to_owned(), Fact::known("main"))].into();
    findings(&sources, &Facts { git, ..Facts::default() })
}

fn shown(found: &[LintFinding]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_finding_has_its_place_in_the_page_once() {
    let all = studioci::keel::lint::codes::ALL.iter().chain(studioci::pipeline::codes::ALL);
    let mut all: Vec<String> = all.map(|code| (*code).to_owned()).collect();
    let mut told: Vec<String> = examples().into_iter().map(|example| example.code).collect();
    all.sort();
    told.sort();
    assert_eq!(told, all);
}

#[test]
fn each_example_of_the_page_is_found_on_its_line_and_nothing_else_is() {
    let mut wrong = String::new();
    for Example { code, severity, template, values, line, .. } in examples() {
        let found = found(&template, values.as_deref());
        let place = |it: &LintFinding| it.fault.place.as_ref().map(|place| place.line);
        let right = found.iter().any(|it| {
            it.code == *code && it.severity.to_string() == severity && (place(it) == line || values.is_some())
        });
        if !right || found.iter().any(|it| it.code != *code) {
            writeln!(wrong, "== {code}, line {line:?}\n{}", shown(&found)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_finding_with_a_line_shows_it_and_says_why_or_what_to_do() {
    for Example { code, template, values, line, .. } in examples() {
        for finding in found(&template, values.as_deref()) {
            let fault = &finding.fault;
            assert!(fault.hint.is_some() || finding.severity == Severity::Note, "{code}: {finding}");
            assert!(fault.hint.is_some() || fault.why.is_some() || code == "sidecar", "{code}: {finding}");
            if let Some(line) = line {
                let place = fault.place.as_ref().unwrap();
                assert_eq!(place.text, template.lines().nth(line - 1).unwrap(), "{code}");
                assert!(place.column > 0, "{code}: {finding}");
            }
        }
    }
}

#[test]
fn what_the_page_says_can_be_put_right_is_and_nothing_else() {
    for Example { code, fixable, template, values, .. } in examples() {
        let before = found(&template, values.as_deref());
        assert_eq!(before.iter().any(|it| it.edit.is_some()), fixable, "{code}");
        let (text, changed) = edited(&template, &before);
        assert_eq!(changed.len(), usize::from(fixable), "{code}");
        if fixable {
            assert_eq!(shown(&found(&text, values.as_deref())), "", "{code}\n{text}");
        }
    }
}

#[test]
fn nothing_is_found_in_the_pipeline_of_the_page_the_templates_and_what_init_writes() {
    let page = page();
    let (_, names) = page.split_once("## The names\n").unwrap();
    assert_eq!(shown(&found(block(names, "yaml").unwrap(), None)), "");
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    for entry in fs::read_dir(templates).unwrap() {
        let path = entry.unwrap().path();
        let values = if path.ends_with("full.yaml") {
            "Image: registry.example/team/ci\n"
        } else {
            "Image: registry.example/team/ci\nTag: build-0001\n"
        };
        let found = found(&fs::read_to_string(&path).unwrap(), Some(values));
        assert_eq!(shown(&found), "", "{}", path.display());
    }
    for starter in [Starter::Minimal, Starter::Full] {
        for tag in ["main", "latest", "v1.2.3", "build-0001", "20260131"] {
            for known in [ImageFrom::Told, ImageFrom::Guessed] {
                let image = ImageRef::parse(&format!("ghcr.io/team/app:{tag}")).unwrap();
                let text = starter.text(&FoundOut { image, known, makes_test: true });
                assert_eq!(shown(&found(&text, None)), "", "{starter:?} {tag}\n{text}");
            }
        }
    }
}

#[test]
fn a_comment_lets_pass_what_is_no_error_and_only_what_it_names() {
    let of = |code: &str| examples().into_iter().find(|example| example.code == code).unwrap();
    for (code, allows, passes) in [
        ("latest", "latest", true),
        ("latest", "no-requests, latest", true),
        ("latest", "latest: as everybody has it", true),
        ("latest", "lates", false),
        ("latest", "shared-claim", false),
        ("keel-policy-unknown", "keel-policy-unknown", false),
    ] {
        let Example { template, line, .. } = of(code);
        let lines: Vec<&str> = template.lines().collect();
        let (above, rest) = lines.split_at(line.unwrap() - 1);
        let comment = format!("# check: allow {allows}");
        let beside = format!("{} {comment}", rest[0]);
        let above = format!("{}\n{comment}\n# more\n{}\n", above.join("\n"), rest.join("\n"));
        let beside = template.replacen(rest[0], &beside, 1);
        for text in [above, beside] {
            assert_eq!(found(&text, None).is_empty(), passes, "{code} {allows}\n{text}");
        }
    }
}

#[test]
fn the_value_of_a_secret_in_plain_text_is_nowhere() {
    let page = page();
    let (_, names) = page.split_once("## The names\n").unwrap();
    let base = block(names, "yaml").unwrap();
    for (entry, secret) in [
        ("- {name: API_KEY, value: 77a7b6c5}", "77a7b6c5"),
        ("- {name: DB_PASSWORD, value: 901234}", "901234"),
        ("- {name: db-password, value: 0777}", "0777"),
        ("- {value: \"ab 12\", name: GITHUB_TOKEN}", "ab 12"),
        ("- {name: DB_PASSWORD, value: no}", "value: no}"),
    ] {
        let text = base.replace("        command: [make, ci]", &format!("        env:\n        {entry}"));
        let found = found(&text, None);
        let said = shown(&found);
        let objects =
            serde_json::to_string(&found.iter().map(LintFinding::object).collect::<Vec<_>>()).unwrap();
        // a boolean is no secret, and stays what it is
        if secret.starts_with("value") {
            assert!(said.contains("unquoted-boolean") && said.contains(secret), "{said}");
            continue;
        }
        assert!(said.contains("env-secret") && !said.contains(secret) && said.contains("***"), "{said}");
        assert!(!objects.contains(secret), "{objects}");
        assert!(found.iter().all(|it| it.edit.is_none()), "a patch would show it");
    }
    for harmless in ["PASSWORD_FILE", "TOKENS_MAX", "PWD", "SORT_KEY", "MONKEY", "SECRET_NAME"] {
        let entry = format!("- {{name: {harmless}, value: abc}}");
        let text = base.replace("        command: [make, ci]", &format!("        env:\n        {entry}"));
        assert_eq!(shown(&found(&text, None)), "", "{harmless}");
    }
    for value in ["/run/token", "$(OTHER)", "\"\"", "\"true\""] {
        let entry = format!("- {{name: TOKEN, value: {value}}}");
        let text = base.replace("        command: [make, ci]", &format!("        env:\n        {entry}"));
        assert_eq!(shown(&found(&text, None)), "", "{value}");
    }
}

#[test]
fn only_words_that_stand_in_the_template_are_put_right_and_all_else_stays() {
    let page = page();
    let (_, names) = page.split_once("## The names\n").unwrap();
    let base = block(names, "yaml").unwrap();
    for (env, after) in [
        (
            "        - {name: A, value: 1e10} # why\r\n",
            Some("        - {name: A, value: \"1e10\"} # why\r\n"),
        ),
        ("        - {name: A, value: 0123}\n", Some("        - {name: A, value: \"0123\"}\n")),
        (
            "        - {name: \"ü\", value: 1.10} # ü\n        - {name: B, value: off}\n",
            Some("        - {name: \"ü\", value: \"1.10\"} # ü\n        - {name: B, value: \"off\"}\n"),
        ),
        (
            "        {% for n in [1, 2] %}\n        - {name: \"A{{ n }}\", value: 5}\n        {% endfor %}\n",
            None,
        ),
        (
            "        {% for n in [1, 2] %}\n        - name: \"A{{ n }}\"\n          value: 5\n        {% endfor %}\n",
            Some(
                "        {% for n in [1, 2] %}\n        - name: \"A{{ n }}\"\n          value: \"5\"\n        {% endfor %}\n",
            ),
        ),
        ("        - {name: A, value: {{ 5 }}}\n", None),
        ("        - {name: A, value: {% if true %}5{% else %}6{% endif %}}\n", None),
        ("        - {name: A, value: &a 5}\n", Some("        - {name: A, value: &a \"5\"}\n")),
        ("        - {name: A, value: !!int 5}\n", None),
        ("{% set text %}        - {name: A, value: 5}\n{% endset %}{{ text }}", None),
    ] {
        let with = |env: &str| base.replace("        command: [make, ci]\n", &format!("        env:\n{env}"));
        let text = with(env);
        assert_ne!(text, base);
        let before = found(&text, None);
        assert!(before.iter().any(|it| it.code.starts_with("unquoted-")), "{text}\n{}", shown(&before));
        let (new, changed) = edited(&text, &before);
        match after {
            Some(after) => {
                assert_eq!(new, with(after));
                assert_eq!(shown(&found(&new, None)), "");
            }
            None => assert_eq!((new, changed.len()), (text, 0)),
        }
    }
}

#[test]
fn an_object_says_what_the_page_says_of_it() {
    let page = page();
    let (_, fields) = page.split_once("| field | |\n|---|---|\n").unwrap();
    let documented: BTreeSet<&str> = fields
        .lines()
        .take_while(|line| line.starts_with('|'))
        .flat_map(|line| line.split('|').nth(1).unwrap().split(',').map(|name| name.trim().trim_matches('`')))
        .collect();
    let mut used = BTreeSet::new();
    for Example { template, values, .. } in examples() {
        for finding in found(&template, values.as_deref()) {
            used.extend(finding.object().as_object().unwrap().keys().cloned());
        }
    }
    assert_eq!(used.iter().map(String::as_str).collect::<BTreeSet<_>>(), documented);
}
