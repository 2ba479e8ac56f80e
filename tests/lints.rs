//! `docs/lints.md`, held against the program: every finding has its place in the page, and the example that stands there is
//! found on the line that it says, and on no other.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use studioci::keel::image::ImageRef;
use studioci::keel::lint::Severity;
use studioci::pipeline::facts::{EnvValue, Fact, Facts};
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
fn native_04_every_finding_has_its_place_in_the_page_once() {
    let all = studioci::keel::lint::codes::ALL.iter().chain(studioci::pipeline::codes::ALL);
    let mut all: Vec<String> = all.map(|code| (*code).to_owned()).collect();
    let mut told: Vec<String> = examples().into_iter().map(|example| example.code).collect();
    all.sort();
    told.sort();
    assert_eq!(told, all);
}

#[test]
fn native_04_each_example_of_the_page_is_found_on_its_line_and_nothing_else_is() {
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
fn native_04_what_the_page_says_can_be_put_right_is_and_nothing_else() {
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
fn native_04_nothing_is_found_in_the_pipeline_of_the_page_the_templates_and_what_init_writes() {
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

/// The pipeline of the page with texts replaced that are there.
fn replaced(pairs: &[(&str, &str)]) -> String {
    let page = page();
    let (_, names) = page.split_once("## The names\n").unwrap();
    let mut text = format!("{}\n", block(names, "yaml").unwrap());
    for (from, to) in pairs {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    text
}

#[test]
fn what_the_name_of_a_registry_tells() {
    let pulls = ("      containers:", "      imagePullSecrets: [{name: s}]\n      containers:");
    let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\n";
    for (image, codes) in [
        ("localhost:5000/ci", &["registry-localhost"][..]),
        ("localhost/ci", &["registry-localhost"]),
        ("127.0.0.1:32000/ci", &["registry-localhost"]),
        ("[::1]:5000/ci", &["registry-localhost"]),
        ("[::1]/ci", &["registry-localhost"]),
        ("[fd00::7]:443/ci", &["registry-plain-http"]),
        ("10.0.0.7:5000/ci", &["registry-plain-http"]),
        ("registry:5000/ci", &["registry-plain-http"]),
        ("registry.kube-system.svc.cluster.local/ci", &["registry-plain-http"]),
        ("registry.example:32000/ci", &["registry-plain-http"]),
        ("registry.example:5443/ci", &[]),
        ("registry.example/ci", &[]),
        ("team/ci", &[]),
        ("ghcr.io/team/ci", &[]),
        ("quay.io/team/ci", &[]),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/ci", &["pull-secret-missing"]),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/ci", &["pull-secret-missing"]),
        ("public.ecr.aws/team/ci", &[]),
        ("team.azurecr.io/ci", &["pull-secret-missing"]),
        ("us-docker.pkg.dev/p/r/ci", &["pull-secret-missing"]),
    ] {
        let found_in =
            |text: &str| found(text, None).iter().map(|it| it.code.to_string()).collect::<Vec<_>>();
        let quoted = format!("\"{image}:build-0001\"");
        let image = ("registry.example/team/ci:build-0001", quoted.as_str());
        assert_eq!(found_in(&replaced(&[image])), codes, "{image:?}");
        let logged_in = found_in(&format!("{}{secret}", replaced(&[image, pulls])));
        let ecr = image.1.contains(".dkr.ecr.").then_some("registry-login");
        let rest = codes.iter().copied().filter(|code| *code != "pull-secret-missing");
        assert_eq!(logged_in, rest.chain(ecr).collect::<Vec<_>>(), "{image:?}");
    }
}

#[test]
fn a_revision_that_is_read_or_not_in_the_tag_is_not_missed() {
    let read = (
        "    keel.sh/trigger",
        "    studioci.dev/revision-from-tag: '(?P<revision>[0-9a-f]{7})$'\n    keel.sh/trigger",
    );
    for (pairs, missed) in [
        (&[("registry.example/team/ci:build-0001", "quay.io/t/ci:build-20260131235959-1a2b3c4")][..], true),
        (
            &[("registry.example/team/ci:build-0001", "quay.io/t/ci:build-20260131235959-1a2b3c4"), read],
            false,
        ),
        (&[("registry.example/team/ci:build-0001", "quay.io/t/ci:build-20260131235959")], false),
        (&[("registry.example/team/ci:build-0001", "ghcr.io/t/ci:build-20260131235959-1a2b3c4")], false),
    ] {
        let found = found(&replaced(pairs), None);
        assert_eq!(found.iter().any(|it| it.code == "quay-revision"), missed, "{pairs:?}\n{}", shown(&found));
        assert_eq!(found.len(), usize::from(missed), "{}", shown(&found));
    }
}

#[test]
fn errors_do_not_keep_what_else_is_wrong_with_the_documents_from_being_found() {
    let text = replaced(&[
        ("command: [make, ci]", "env: [{name: A, value: 1}, {name: B_TOKEN, value: x}]"),
        (
            "          limits: {memory: 2Gi}\n",
            "          limits: {memory: 2Gi}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {type: LoadBalancer}\n",
        ),
    ]);
    let found = found(&text, None);
    let codes: Vec<&str> = found.iter().map(|it| &*it.code).collect();
    assert_eq!(codes, ["unquoted-number", "env-secret", "load-balancer"], "{}", shown(&found));
}

#[test]
fn nothing_of_what_a_secret_holds_is_shown() {
    for (held, code) in [
        ("stringData: {a: yes, b: \"swordfish\"}", "unusable"),
        ("stringData:\n  a: swordfish.ci.svc", "namespace-literal"),
        ("stringData: {a: swordfish.ci.svc}", "namespace-literal"),
        ("stringData: {a: {{ env.TOKEN }}}", ""),
        ("data: {a: swordfish}", "unusable"),
    ] {
        let secret = format!("---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{held}\n");
        let text =
            format!("{}{secret}", replaced(&[("  name: build\n", "  name: build\n  namespace: ci\n")]));
        let sources = Sources { template: Text { name: "p".to_owned(), text }, ..Sources::default() };
        let mut facts = Facts::default();
        facts.env.insert("TOKEN".to_owned(), EnvValue { value: "yes".to_owned(), secret: true });
        let found = findings(&sources, &facts);
        let said = format!("{}{found:?}", shown(&found));
        assert!(!said.contains("swordfish") && !said.contains("yes"), "{said}");
        assert!(found.iter().all(|it| it.edit.is_none()), "{said}");
        assert!(
            code.is_empty()
                || found.iter().any(|it| it.code.starts_with(code) || it.code.starts_with("unquoted")),
            "{held}\n{said}"
        );
    }
}

/// A file in a folder of its own, and what the program says of it.
struct Checked(PathBuf);

impl Checked {
    fn new(of: &str, text: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("studioci-lints-{}-{of}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("p.yaml"), text).unwrap();
        Self(folder)
    }

    fn run(&self, flags: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_kubectl-studioci"))
            .args("render --check -f p.yaml".split(' ').chain(flags.split_whitespace()))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir(&self.0)
            .output()
            .unwrap()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.0.join("p.yaml")).unwrap()
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_exit_code_is_1_for_errors_and_warnings_and_notes_do_not_count() {
    for Example { code, severity, template, values, .. } in examples() {
        if !matches!(
            &*code,
            "keel-policy-none" | "unquoted-number" | "latest" | "sidecar" | "registry-plain-http"
        ) {
            continue;
        }
        assert!(values.is_none());
        let checked = Checked::new(&code, &template);
        let output = checked.run("");
        let out = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(severity != "note")), "{code}");
        assert!(out.starts_with(&format!("{severity}: ")) && out.contains(&format!(" [{code}]\n")), "{out}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, format!("p.yaml: 1 {severity}\n"));
        let output = checked.run("-o json");
        let objects: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((objects[0]["code"].as_str(), objects.as_array().unwrap().len()), (Some(&*code), 1));
        assert_eq!(output.status.code(), Some(i32::from(severity != "note")), "{code}");
    }
}

#[test]
fn a_template_that_cannot_be_read_is_a_finding_and_so_is_yaml_that_cannot() {
    for (text, says) in [
        ("a: {{ b }\n", "[unusable]\n  at p.yaml, line 1"),
        ("{% if git.branc %}{% endif %}", "there is no fact `git.branc` [unusable]"),
        ("a: [\n", "[unusable]\n  at p.yaml, line"),
        ("", "no build workload: no Deployment of the pipeline has a Keel policy [keel-policy-none]"),
    ] {
        let output = Checked::new("unread", text).run("");
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(out.contains(says) && out.starts_with("error: "), "{text}\n{out}");
        assert_eq!(output.status.code(), Some(1), "{text}");
    }
}

#[test]
fn a_file_is_put_right_in_place_and_a_dry_run_only_shows_how() {
    let page = page();
    let (_, names) = page.split_once("## The names\n").unwrap();
    let env = "        env: [{name: A, value: 1e10}] # x";
    let text = block(names, "yaml").unwrap().replace("        command: [make, ci]", env);
    let text = format!("\u{feff}{}\n", text.replace('\n', "\r\n"));
    let fixed = text.replace("value: 1e10", "value: \"1e10\"");
    let checked = Checked::new("fix", &text);
    let changes = "--- p.yaml\n+++ p.yaml\n@@ -19 +19 @@\n-        env: [{name: A, value: 1e10}] # x\n+        env: [{name: A, value: \"1e10\"}] # x\n";
    for (flags, after) in [("--fix --dry-run=client", &text), ("--fix", &fixed)] {
        let output = checked.run(flags);
        assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("{changes}p.yaml: nothing found\n"));
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b""[..]), "{flags}");
        assert_eq!(checked.text(), *after, "{flags}");
    }
    let output = checked.run("--fix -o json");
    assert_eq!((output.stdout.as_slice(), checked.text()), (&b"[]\n"[..], fixed));
}

#[test]
fn a_file_that_would_be_wrong_in_another_way_is_left_as_it_is() {
    let page = page();
    let (_, names) = page.split_once("## The names\n").unwrap();
    let entry = "        env: [{name: A, value: &n 5}]\n        ports: [{containerPort: *n}]";
    let text = block(names, "yaml").unwrap().replace("        command: [make, ci]", entry);
    let checked = Checked::new("left", &text);
    let output = checked.run("--fix");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("Warning: p.yaml is left as it is: mended, it would be wrong in another way"),
        "{said}"
    );
    assert_eq!((output.status.code(), checked.text()), (Some(1), text));
}
