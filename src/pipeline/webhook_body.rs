//! What a template makes of a build for a webhook whose receiver wants another body than the build's object.

use std::collections::BTreeSet;

use serde::de::IgnoredAny;
use serde_json::Map;

use super::facts::{Fact, Facts, Group};
use super::fault::{Fault, Location};
use super::scan::Token;
use super::sources::Text;
use super::template::{Checked, Env, Rendering};
use super::uses;
use crate::chain::webhook::WebhookBuild;
use crate::keel::nearest::nearest;

/// Bytes of a template at most: it stands in the chain's record, beside the pipeline.
const TEMPLATE_BYTES: usize = 64 << 10;
/// Bytes of a body at most, which is more than receivers of messages take.
const BODY_BYTES: usize = 256 << 10;
/// The group of what a template reads.
const BUILD: &str = "build";
/// What not every build has, and why.
const ABSENT: [(&str, &str); 12] = [
    ("verdict", "a build that goes on has none yet"),
    ("cause", "a build that goes on has none yet"),
    ("link", "the chain has none: `start --link` gives it one"),
    ("image", "not every build has one"),
    ("tag", "not every build has one"),
    ("digest", "the registry's digest is not known of every image"),
    ("revision", "not every image tells one"),
    ("parent", "the first build of a chain has none"),
    ("successor", "a build has none before the next one is dispatched"),
    ("waiting", "only a build that waits for something has it"),
    ("dispatchError", "only a build whose successor could not be dispatched has it"),
    ("creationTimestamp", "it is known as long as the namespace is there"),
];

/// What a template makes of a build: JSON, within bounds.
///
/// # Errors
/// What is wrong with the template, or with what it makes of this build.
pub fn body(template: &Text, build: &WebhookBuild) -> Result<String, Fault> {
    if template.text.len() > TEMPLATE_BYTES {
        return Err(Fault::new(format!("{} is larger than {} KiB", template.name, TEMPLATE_BYTES >> 10))
            .why("the chain's record keeps it")
            .hint("write a shorter one: receivers of messages take far less than it could make"));
    }
    let facts = Facts { build: group(build), ..Facts::default() };
    let checked = Checked::of(template)?;
    only_the_build(&checked, &facts.build)?;
    let rendering = Rendering { checked, values: Map::new(), facts: &facts, traced: false };
    rendering.checked.known_facts(&facts, &rendering.values)?;
    let env = Env::new();
    let text = rendering.run(&env).map_err(|failed| rendering.failure(&failed, true))?;
    if text.len() > BODY_BYTES {
        return Err(Fault::new(format!(
            "what {} makes is larger than {} KiB",
            template.name,
            BODY_BYTES >> 10
        ))
        .why("no receiver of messages takes as much")
        .hint("look for loops that repeat much"));
    }
    match serde_json::from_str::<IgnoredAny>(&text) {
        Ok(_) => Ok(text),
        Err(error) => {
            let origin = rendering.lines(&env, &text).get(error.line().saturating_sub(1)).copied().flatten();
            Err(no_json(&template.name, &text, &error).from(rendering.checked.origin(origin)))
        }
    }
}

/// What `build.*` is: all that a build has, and of what it has not, why.
fn group(build: &WebhookBuild) -> Group {
    let absent = ABSENT.into_iter().map(|(name, why)| (name.to_owned(), Fact::unset(why)));
    let there = build.fields().into_iter().map(|(name, value)| (name, Fact::Known(value)));
    absent.chain(there).collect()
}

/// Refuses names of anything but the build, and of what the template makes itself.
fn only_the_build(checked: &Checked<'_>, known: &Group) -> Result<(), Fault> {
    let bound: BTreeSet<&str> = uses::bound(&checked.pieces);
    let of_other = |path: &Vec<Token<'_>>| {
        let root = path[0].text;
        root != BUILD && root != "loop" && !bound.contains(root)
    };
    let Some(path) = checked.paths().find(of_other) else { return Ok(()) };
    let words: Vec<&str> = path.iter().map(|token| token.text).collect();
    // as the object has it: `status.verdict`, `metadata.name`
    let meant = words.iter().rev().find_map(|word| match *word {
        "name" => Some("namespace"),
        word => known.get_key_value(word).map(|(name, _)| name.as_str()),
    });
    let meant = meant.or_else(|| nearest(words[words.len() - 1], known.keys().map(String::as_str)));
    let all = || known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let hint = meant.map_or_else(
        || format!("there are, each after `{BUILD}.`: {}", all()),
        |name| format!("write `{BUILD}.{name}`"),
    );
    Err(Fault::new(format!("`{}` is nothing that this template reads", words.join(".")))
        .at(checked.place(path[0].bytes.start))
        .why("the template of a webhook reads the build alone")
        .hint(hint))
}

/// The fault of a text that is no JSON.
fn no_json(template: &str, text: &str, error: &serde_json::Error) -> Fault {
    let said = error.to_string();
    let why = said.rsplit_once(" at line ").map_or(said.as_str(), |(why, _)| why);
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    // serde_json counts bytes
    let before = line.as_bytes().get(..error.column().saturating_sub(1)).unwrap_or(line.as_bytes());
    let column = String::from_utf8_lossy(before).chars().count() + 1;
    Fault::new(format!("what {template} makes of a build is no JSON"))
        .at(Location::of("the body", text, error.line().max(1), column))
        .why(format!("{why}; a webhook is sent as application/json"))
        .hint("write each value by `json_encode`, without quotes around it: {\"text\": {{ build.summary | json_encode }}}")
}

/// What a template makes of the last of some builds, if it makes something of each.
///
/// # Errors
/// As for [`body`], of the first of which there is one.
pub fn last_body(template: &Text, builds: &[WebhookBuild]) -> Result<String, Fault> {
    builds.iter().try_fold(String::new(), |_, build| body(template, build))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::link::LinkTemplate;
    use crate::chain::webhook::samples;

    fn template(text: &str) -> Text {
        Text { name: "hook.json".to_owned(), text: text.to_owned() }
    }

    /// What a template makes of builds as they come: the last of them, which has ended, or why not.
    fn made(text: &str) -> Result<String, String> {
        let link = LinkTemplate::parse("https://ci.example/{namespace}").unwrap();
        last_body(&template(text), &samples("app-main", Some(&link))).map_err(|fault| fault.to_string())
    }

    fn refused(text: &str) -> String {
        made(text).expect_err(text)
    }

    #[test]
    fn a_template_makes_a_body_of_each_build() {
        for (text, want) in [
            (r#"{"text": {{ build.chain | json_encode }}}"#, r#"{"text": "app-main"}"#),
            (r#"{"n": {{ build.generation }}}"#, r#"{"n": 2}"#),
            (
                r#"{"text": {{ (build.namespace ~ " of " ~ build.chain) | json_encode }}}"#,
                r#"{"text": "app-main-eager-hopper of app-main"}"#,
            ),
            (r#"[{% if build.verdict %}"over"{% else %}"on"{% endif %}]"#, r#"["over"]"#),
            ("[{% if build.verdict is defined %}1{% else %}0{% endif %}]", "[1]"),
            (r#"{{ build.revision | default(value="none") | json_encode }}"#, "\"none\""),
            (r#"{% set it = build.tag %}{"tag": {{ it | json_encode }}}"#, r#"{"tag": "build-0002"}"#),
            ("{{ build.link | json_encode }}", "\"https://ci.example/app-main-eager-hopper\""),
            ("0 {# a comment #}\n", "0 \n"),
        ] {
            assert_eq!(made(text).unwrap(), want, "{text}");
        }
        let whole: serde_json::Value =
            serde_json::from_str(&made("{{ build | json_encode }}").unwrap()).unwrap();
        assert_eq!(whole["verdict"], "Cancelled", "{whole}");
        let phases = "{ {% for phase, at in build.phaseTimes %}{{ phase | json_encode }}: {{ at | json_encode }}\
                      {% if not loop.last %},{% endif %}{% endfor %} }";
        let made = made(phases).unwrap();
        assert!(made.starts_with(r#"{ "Recorded": "1970-01-01T01:00:00Z","Triggered": "#), "{made}");
    }

    #[test]
    fn templates_of_the_page_make_bodies_in_which_no_push_can_call_a_channel() {
        let page = include_str!("../../docs/publishing.md");
        let templates: Vec<&str> =
            page.split("```jinja\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert_eq!(templates.len(), 2);
        for text in templates {
            let body: serde_json::Value = serde_json::from_str(&made(text).unwrap()).unwrap();
            let said = body.to_string();
            assert!(said.contains("app-main") && said.contains("Cancelled after 7m5s"), "{said}");
            assert!(!said.contains("</b>") || body["type"] == "message", "{said}");
        }
    }

    #[test]
    fn a_field_that_not_every_build_has_is_refused_without_a_default() {
        insta::assert_snapshot!(refused(r#"{"text": {{ build.verdict | json_encode }}}"#), @r#"
            `build.verdict` is not defined
              at hook.json, line 1, column 19
                1 | {"text": {{ build.verdict | json_encode }}}
                  |                   ^
              why: a build that goes on has none yet
              hint: write `build.verdict | default(value=…)` if it may be missing
            "#);
        insta::assert_snapshot!(refused(r#"{"text": {{ ("at " ~ build.revision) | json_encode }}}"#), @r#"
        `build.revision` is not defined
          at hook.json, line 1, column 28
            1 | {"text": {{ ("at " ~ build.revision) | json_encode }}}
              |                            ^
          why: not every image tells one
          hint: write `build.revision | default(value=…)` if it may be missing
        "#);
        for (name, _) in ABSENT.iter().filter(|(name, _)| !["image", "tag", "link"].contains(name)) {
            let said = refused(&format!("{{{{ build.{name} | json_encode }}}}"));
            assert!(said.contains(&format!("`build.{name}` is not defined")), "{said}");
        }
        let without_link = last_body(&template("{{ build.link }}"), &samples("app-main", None)).unwrap_err();
        assert!(without_link.to_string().contains("`start --link` gives it one"), "{without_link}");
    }

    #[test]
    fn what_is_no_json_is_refused_where_it_stops_to_be() {
        insta::assert_snapshot!(refused("{\n  \"text\": \"{{ build.cause | default(value=1) }}\"\n}\n"), @r#"
        what hook.json makes of a build is no JSON
          at the body, line 2, column 34
            2 |   "text": "build exited with 2: "no" in C:\temp
              |                                  ^
          from hook.json, line 2
            2 |   "text": "{{ build.cause | default(value=1) }}"
          why: expected `,` or `}`; a webhook is sent as application/json
          hint: write each value by `json_encode`, without quotes around it: {"text": {{ build.summary | json_encode }}}
        "#);
        insta::assert_snapshot!(refused("Build {{ build.namespace }}"), @r#"
        what hook.json makes of a build is no JSON
          at the body, line 1, column 1
            1 | Build app-main-eager-hopper
              | ^
          from hook.json, line 1
            1 | Build {{ build.namespace }}
          why: expected value; a webhook is sent as application/json
          hint: write each value by `json_encode`, without quotes around it: {"text": {{ build.summary | json_encode }}}
        "#);
        insta::assert_snapshot!(refused(""), @r#"
        what hook.json makes of a build is no JSON
          at the body, line 1, column 1
          why: EOF while parsing a value; a webhook is sent as application/json
          hint: write each value by `json_encode`, without quotes around it: {"text": {{ build.summary | json_encode }}}
        "#);
        for text in
            ["{\"a\": {{ build.chain }}}", "{} {}", "{\"a\": 1,}", "null x", "[{{ build.terminating }}"]
        {
            assert!(refused(text).contains("is no JSON"), "{text}");
        }
    }

    #[test]
    fn a_name_of_something_else_is_refused_with_the_one_that_is_meant() {
        insta::assert_snapshot!(refused(r#"{"text": {{ status.verdict | json_encode }}}"#), @r#"
            `status.verdict` is nothing that this template reads
              at hook.json, line 1, column 13
                1 | {"text": {{ status.verdict | json_encode }}}
                  |             ^
              why: the template of a webhook reads the build alone
              hint: write `build.verdict`
            "#);
        for (text, hint) in [
            ("{{ metadata.name | json_encode }}", "write `build.namespace`"),
            ("{{ env.SLACK_TOKEN | json_encode }}", "there are, each after `build.`: baseline, "),
            ("{{ git.branch }}", "there are, each after `build.`: "),
            ("{{ values.x }}", "there are, each after `build.`: "),
            ("{{ chain }}", "write `build.chain`"),
            ("{{ verdikt }}", "write `build.verdict`"),
            ("{{ build.verdikt }}", "did you mean `verdict`?"),
            ("{{ build.trouble }}", "there are: "),
        ] {
            let said = refused(text);
            assert!(said.contains("at hook.json, line 1, column ") && said.contains(hint), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused_with_its_place() {
        insta::assert_snapshot!(refused("{\n  \"text\": {{ build.chain | json_encode }\n}\n"), @r#"
            the template cannot be read
              at hook.json, line 2, column 40
                2 |   "text": {{ build.chain | json_encode }
                  |                                        ^
              why: Found `}` but expected }}.
              hint: text that holds `{{`, `{%` or `{#` for something else goes between {% raw %} and {% endraw %}
            "#);
        for text in [
            "{{ .Values.x }}",
            "{% include \"x\" %}",
            "{{ build.chain | tojson }}",
            "{% if build.verdict %}1",
        ] {
            assert!(refused(text).contains("at hook.json, line 1"), "{text}: {}", refused(text));
        }
    }

    #[test]
    fn template_and_body_are_bounded() {
        let long = format!("\"{}\"", "x".repeat(TEMPLATE_BYTES));
        assert!(refused(&long).contains("hook.json is larger than 64 KiB"));
        let loops =
            "[{% for i in range(end=1000) %}{% for j in range(end=100) %}1,  {% endfor %}{% endfor %}1]";
        assert!(refused(loops).contains("makes is larger than 256 KiB"), "{}", refused(loops));
    }

    #[test]
    fn no_name_is_explained_that_no_build_can_have() {
        let link = LinkTemplate::parse("https://ci.example/").unwrap();
        let all: BTreeSet<String> = samples("app-main", Some(&link))
            .iter()
            .flat_map(|sample| sample.fields().keys().cloned().collect::<Vec<_>>())
            .collect();
        for (name, _) in ABSENT {
            assert!(all.contains(name), "{name}");
        }
    }
}
