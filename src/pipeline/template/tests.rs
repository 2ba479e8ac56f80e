//! Templates rendered, faults placed, secrets kept.

use super::*;
use crate::pipeline::facts::{EnvValue, Fact, Facts, Wanted};
use crate::pipeline::render::{render, shown};
use crate::pipeline::sources::Sources;
use serde_json::{Value, json};

fn sources(template: &str) -> Sources {
    Sources {
        template: Text { name: "pipeline.yaml".to_owned(), text: template.to_owned() },
        values: vec![Text {
            name: "values.yaml".to_owned(),
            text: "Registry: reg.example\nImage: ci\nresources: {memory: 6Gi}\nports: [1, 2]\nn: 3\n"
                .to_owned(),
        }],
        ..Sources::default()
    }
}

fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.git.insert("branch".to_owned(), Fact::known("feature/x"));
    facts.git.insert("dirty".to_owned(), Fact::known(false));
    facts.git.insert("tag".to_owned(), Fact::unset("HEAD carries no tag"));
    facts.user.insert("name".to_owned(), Fact::known("ada"));
    for (name, value, secret) in [
        ("TOKEN", "hunter2", true),
        ("OTHER", "swordfish", true),
        ("EMPTY", "", true),
        ("MODE", "fast", false),
    ] {
        facts.env.insert(name.to_owned(), EnvValue { value: value.to_owned(), secret });
    }
    facts
}

fn good(template: &str) -> Rendered {
    render(&sources(template), &facts()).unwrap_or_else(|fault| panic!("{template}\n{fault}"))
}

fn bad(template: &str) -> String {
    let fault = render(&sources(template), &facts()).unwrap_err();
    for secret in ["hunter2", "swordfish", "aHVudGVyMg"] {
        assert!(!format!("{fault} {fault:?}").contains(secret), "{template}\n{fault}");
    }
    fault.to_string()
}

#[test]
fn what_is_only_shown_is_the_same_but_for_where_it_comes_from() {
    let template = format!(
        "{MAP}data: {{a: {{{{ env.MODE }}}}}}\n---\n{SECRET}stringData: {{a: {{{{ env.TOKEN }}}}}}\n"
    );
    let (whole, only) = (good(&template), shown(&sources(&template), &facts()).unwrap());
    let known = |document: &Document| document.origin(document.line).is_some();
    assert!(whole.documents.iter().all(known), "this is no test otherwise");
    assert!(!only.documents.iter().any(known));
    let values = |all: &Rendered| -> Vec<Value> { all.documents.iter().map(|it| it.value.clone()).collect() };
    assert_eq!(values(&only), values(&whole));
    assert_eq!((only.text, only.masked, only.secrets), (whole.text, whole.masked, whole.secrets));
    let broken = sources(&format!("{MAP}data:\n  a: {{{{ n }}}}: b\n"));
    let fault = shown(&broken, &facts()).unwrap_err();
    assert_eq!(
        fault,
        render(&broken, &facts()).unwrap_err(),
        "a fault says where it comes from all the same"
    );
    assert!(fault.origin.is_some());
}

#[test]
fn a_template_that_reads_nothing_of_a_machine_is_known() {
    let reads = |text: &str| reads(&Text { name: "t".to_owned(), text: text.to_owned() }).unwrap();
    for alone in ["a: 1", "{{ Image }}:{{ image.tag }}", "{{ values.env }} build env.x git.y"] {
        assert!(reads(alone).is_nothing(), "{alone}");
    }
    for other in
        ["{{ git.branch }}", "{{ user.id }}", "{{ env.X }}", "{{ build.revision }}", "{% set a = git %}"]
    {
        assert!(!reads(other).is_nothing(), "{other}");
    }
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\n";
const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n";

#[test]
fn names_of_a_template() {
    let template = format!(
        "{MAP}data:\n  a: {{{{ Registry }}}}/{{{{ values.Image | quote }}}}\n  b: {{{{ git.branch | slug }}}}\n  c: {{{{ env.MODE }}}}\n  \
         d: {{{{ git.tag | default(value=\"none\") }}}}\n  e: {{{{ env.NONE | default(value=\"\") | quote }}}}\n  f: {{{{ resources.memory }}}}\n  \
         g: {{% if git.dirty %}}x{{% else %}}y1{{% endif %}}\n  h: {{{{ user.name }}}}\n"
    );
    assert_eq!(
        good(&template).documents[0].value["data"],
        json!({"a": "reg.example/\"ci\"", "b": "feature-x", "c": "fast", "d": "none", "e": "", "f": "6Gi", "g": "y1", "h": "ada"})
    );
}

#[test]
fn text_that_is_not_ours_comes_out_as_it_went_in() {
    let template = format!(
        "{MAP}data:\n  a: ${{MINIO_SERVICE_HOST}}\n  b: \"*=INF\"\n  c: amqp://h/%2f\n  d: >\n    a;\n    b;\n  e: <x & 'y'>\n  f: \"{}\"\n",
        "QUJD".repeat(2000)
    );
    let rendered = good(&template);
    assert_eq!(rendered.text, template);
    assert_eq!(rendered.documents[0].value["data"]["d"], "a; b;\n");
}

fn read_by(template: &str) -> Result<Reads, Fault> {
    reads(&Text { name: "t".to_owned(), text: template.to_owned() })
}

#[test]
fn which_facts_are_read_is_known_before_they_are_looked_up() {
    let only = |names: &[&str]| Wanted::Only(names.iter().map(|name| (*name).to_owned()).collect());
    let reads = read_by("{{ git.branch }}{% if x[git?.hash] %}{{ 'git.tag' }}{% endif %}{# {{ user.id }} #}")
        .unwrap();
    assert_eq!((reads.git, reads.user, reads.build), (only(&["branch", "hash"]), only(&[]), only(&[])));
    for whole in ["{{ git['tag'] }}", "{% set it = git %}", "{{ git.branch }}{{ git[x] }}", "{{ [git] }}"] {
        assert_eq!(read_by(whole).unwrap().git, Wanted::All, "{whole}");
    }
    assert!(read_by("{{ build.revision }}").unwrap().build.contains("revision"));
}

#[test]
fn the_environment_is_read_by_literal_names() {
    let names = |template: &str| read_by(template).map(|reads| reads.env);
    assert_eq!(
        names("{{ env.A }}{% if env.B %}{{ x[env?.C] | f1 }}{% endif %}{# {{ env.D }} #}{{ 'env.E' }}{{ a.env.F }}")
            .unwrap_err()
            .what,
        "there is no filter `f1`"
    );
    assert_eq!(
        names(
            "{{ env.A }}{% if env.B %}{{ x[env?.C] }}{% endif %}{# {{ env.D }} #}{{ 'env.E' }}{{ a.env.F }}"
        )
        .unwrap(),
        ["A", "B", "C"].map(str::to_owned).into()
    );
    for template in [
        "{{ env }}",
        "{{ env[x] }}",
        "{{ env['A'] }}",
        "{% for k, v in env %}{% endfor %}",
        "{{ env | keys }}",
        "{% set e = env %}",
        "{{ env | length }}",
        "{{ [env] }}",
    ] {
        let fault = names(template).unwrap_err().to_string();
        assert!(fault.starts_with("`env` is no object"), "{template}: {fault}");
    }
    for template in
        ["{% set env = 1 %}", "{% for git in x %}{% endfor %}", "{% for k, user in x %}{% endfor %}"]
    {
        assert!(
            names(template).unwrap_err().what.starts_with("a template cannot make its own"),
            "{template}"
        );
    }
    assert!(names("{{ __tera_context }}").is_err());
}

#[test]
fn what_is_undefined_is_named_with_its_place() {
    for (template, expected) in [
        (
            "a: 1\nimage: {{ Registri }}",
            "`Registri` is not defined\n  at pipeline.yaml, line 2, column 11\n    2 | image: {{ Registri }}\n      |           ^\n  \
             why: no value, fact or `set` has that name\n  hint: did you mean `Registry`?",
        ),
        (
            "{{ Zebra }}",
            "`Zebra` is not defined\n  at pipeline.yaml, line 1, column 4\n    1 | {{ Zebra }}\n      |    ^\n  \
             why: no value, fact or `set` has that name\n  hint: give it with `--set Zebra=…` or in a values file, or write `Zebra | default(value=…)`",
        ),
        ("{{ resources.memry }}", "`resources.memry` is not defined\n  at pipeline.yaml, line 1, column 14"),
        (
            "{{ values.resources.memry }}",
            "`values.resources.memry` is not defined\n  at pipeline.yaml, line 1, column 21",
        ),
        ("{{ resources.memry | upper }}", "`resources.memry` is not defined\n"),
        ("{{ Zebra | b64_encode }}", "`Zebra` is not defined\n"),
        ("{{ 'a' ~ resources.cpu.x }}", "`resources.cpu` is not defined\n"),
        ("{% for x in Zebra %}{% endfor %}", "`Zebra` is not defined\n"),
        // Tera joins nothing for it, without a word
        ("{{ Registri ~ '/app' }}", "`Registri` is not defined\n"),
        ("{{ 'app:' ~ resources.memry }}", "`resources.memry` is not defined\n"),
        ("{% set x = 'a' ~ Zebra ~ 'b' %}{{ x }}", "`Zebra` is not defined\n"),
        ("{{ 'v' ~ git.tag }}", "`git.tag` is not defined\n"),
        ("{{ git.tag }}", "`git.tag` is not defined\n"),
        ("{{ git.tag | upper }}", "`git.tag` is not defined\n"),
        ("{{ git.brnch }}", "there is no fact `git.brnch`\n  at pipeline.yaml, line 1, column 8"),
        ("{% if git.brnch == 'x' %}{% endif %}", "there is no fact `git.brnch`\n"),
        ("{{ env.ABSENT }}", "`env.ABSENT` is not defined\n"),
        ("{% set y = {\"k\": 1} %}{{ y.j }}", "this cannot be rendered\n"),
    ] {
        assert!(bad(template).starts_with(expected), "{}", bad(template));
    }
    assert!(bad("{{ git.tag }}").contains("why: HEAD carries no tag"));
    // a group of facts alone is no value
    assert!(bad("{{ gitt }}").contains("give it with `--set gitt=…`"), "{}", bad("{{ gitt }}"));
    assert!(bad("{{ gitt.branch }}").contains("did you mean `git`?"), "{}", bad("{{ gitt.branch }}"));
    assert!(bad("{{ git.brnch }}").contains("did you mean `branch`?"));
    assert!(bad("{{ env.ABSENT }}").contains("the environment has no `ABSENT`"));
    for template in
        ["{{ Zebra }}", "{{ env.ABSENT }}", "{{ env.ABSENT | upper }}", "{% set y = 1 %}{{ y.k }}"]
    {
        let fault = bad(template);
        for name in ["TOKEN", "OTHER", "MODE", "Available"] {
            assert!(!fault.contains(name), "{fault}");
        }
    }
}

#[test]
fn what_does_not_exist_or_does_not_parse_is_named() {
    for (template, expected) in [
        ("{{ n | uper }}", "there is no filter `uper`\n  at pipeline.yaml, line 1, column 8"),
        (
            "{% if n is defind %}{% endif %}",
            "there is no test `defind`\n  at pipeline.yaml, line 1, column 12",
        ),
        ("{{ rang(end=2) }}", "there is no function `rang`\n  at pipeline.yaml, line 1, column 4"),
        ("{% include 'x' %}", "`include` has no place in a pipeline\n"),
        ("{% extends 'x' %}", "`extends` has no place in a pipeline\n"),
        ("{{ <x /> }}", "components have no place in a pipeline\n"),
        ("a\n{{ n", "the template cannot be read\n  at pipeline.yaml, line 2"),
        ("a\n{% if n %}", "the template cannot be read\n  at pipeline.yaml, line 2"),
        ("{{ .Namespace }}", "a name does not begin with a dot\n  at pipeline.yaml, line 1, column 4"),
        ("{{ %% }}", "the template cannot be read\n  at pipeline.yaml, line 1, column 4"),
        ("{{ n + ports }}", "this cannot be rendered\n  at pipeline.yaml, line 1, column 4"),
        ("{{ throw(message='no GPU') }}", "this cannot be rendered\n"),
    ] {
        assert!(bad(template).starts_with(expected), "{template}\n{}", bad(template));
    }
    assert!(bad("{{ n | uper }}").contains("did you mean `upper`?"));
    assert!(bad("{% if n is defind %}{% endif %}").contains("did you mean `defined`?"));
    assert!(bad("{{ throw(message='no GPU') }}").contains("no GPU"));
}

#[test]
fn secrets_may_stand_in_secrets_and_are_masked() {
    for (body, expected) in [
        ("data:\n  a: {{ env.TOKEN | b64_encode }}\n  b: eA==\n", "data:\n  a: '***'\n  b: eA==\n"),
        (
            "stringData:\n  a: \"{{ env.TOKEN }}-x\" # note\n  b: c\n",
            "stringData:\n  a: '***' # note\n  b: c\n",
        ),
        (
            "stringData:\n  a: |\n    user: me\n    pass: {{ env.TOKEN }}\n\ntype: Opaque\n",
            "stringData:\n  a: |\n    ***\n\ntype: Opaque\n",
        ),
        (
            "stringData: {a: {{ env.TOKEN | quote }}, b: {{ env.OTHER | length }}}\n",
            "stringData: {a: '***', b: '***'}\n",
        ),
        ("data:\n  a: >-\n    {{ env.TOKEN }}\n", "data:\n  a: >-\n    ***\n"),
        (
            "stringData:\n  a: {% if env.TOKEN is starting_with(pat='hu') %}x{% else %}y{% endif %}\n",
            "stringData:\n  a: '***'\n",
        ),
    ] {
        let template = format!("{MAP}---\n{SECRET}{body}---\n{MAP}");
        let rendered = good(&template);
        assert_eq!(rendered.masked, format!("{MAP}---\n{SECRET}{expected}---\n{MAP}"), "{body}");
        assert_ne!(rendered.text, rendered.masked);
        assert_eq!(rendered.documents.len(), 3);
    }
    let rendered = good(&format!("{SECRET}stringData:\n  a: {{{{ env.TOKEN }}}}\n"));
    assert_eq!(rendered.documents[0].value["stringData"]["a"], "hunter2");
    assert_eq!(rendered.secrets, ["TOKEN".to_owned()].into());
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  stringData: {a: {{ env.TOKEN }}}\n";
    assert!(good(list).masked.ends_with("stringData: {a: '***'}\n"));
}

#[test]
fn a_choice_by_emptiness_is_no_secret() {
    for template in [
        "{% if env.TOKEN %}gpu{% else %}cpu{% endif %}",
        "{% if env.EMPTY is empty %}gpu{% else %}cpu{% endif %}",
        "{{ env.EMPTY | default(value='x', boolean=true) }}",
        "{{ env.MODE }}",
    ] {
        good(&format!("{MAP}data:\n  a: {template}\n"));
    }
}

#[test]
fn a_secret_elsewhere_is_a_fault_that_says_how_to_make_it_plain() {
    for (template, line) in [
        (format!("{MAP}data:\n  x: y1\n  a: {{{{ env.TOKEN }}}}\n"), 7),
        (format!("{MAP}data:\n  a: {{{{ env.TOKEN | b64_encode }}}}\n"), 6),
        (format!("{MAP}data:\n  a: {{{{ env.TOKEN | length }}}}\n"), 6),
        (format!("{MAP}data:\n  a: {{{{ env.TOKEN | truncate(length=1, end='') }}}}\n"), 6),
        (format!("{MAP}# {{{{ env.TOKEN }}}}\n"), 5),
        (
            format!(
                "{MAP}data:\n  a: {{% if env.TOKEN is starting_with(pat='hu') %}}x{{% else %}}y1{{% endif %}}\n"
            ),
            6,
        ),
        (format!("{SECRET}data:\n  a: eA== # {{{{ env.TOKEN }}}}\n"), 6),
        (format!("{SECRET}data:\n  {{{{ env.TOKEN }}}}: eA==\n"), 6),
        (format!("{SECRET}type: {{{{ env.TOKEN }}}}\n"), 5),
        (format!("{SECRET}data:\n  a: {{ {{{{ env.TOKEN }}}}: b }}\n"), 6),
        (format!("{SECRET}x: &x {{{{ env.TOKEN }}}}\ndata:\n  a: *x\n"), 5),
        (format!("{SECRET}stringData:\n  a: &x {{{{ env.TOKEN }}}}\ntype: *x\n"), 1),
        (format!("{SECRET}stringData: &x\n  a: {{{{ env.TOKEN }}}}\nother:\n  <<: *x\n"), 1),
        (format!("{SECRET}{{% for x in env.TOKEN | split(pat='t') %}}\n---\n{MAP}{{% endfor %}}"), 11),
        (
            format!(
                "{SECRET}stringData:\n  a: {{{{ env.TOKEN }}}}\n---\n{MAP}data:\n  a: |\n    {{{{ env.TOKEN }}}}\n"
            ),
            14,
        ),
        (format!("{}data:\n  a: {{{{ env.TOKEN }}}}\n", SECRET.replace("v1", "example.com/v1")), 6),
    ] {
        let fault = bad(&template);
        assert!(fault.contains("--env TOKEN") && !fault.contains("OTHER"), "{template}\n{fault}");
        assert!(fault.contains(&format!("at pipeline.yaml, line {line}\n")), "{template}\n{fault}");
    }
    let both = bad(&format!("{MAP}data:\n  a: {{{{ env.TOKEN }}}}{{{{ env.OTHER }}}}\n"));
    assert!(both.contains("`--env OTHER`, `--env TOKEN`"), "{both}");
    let structure = bad(&format!("{MAP}data:\n  a: {{{{ env.TOKEN | int }}}}\n"));
    assert!(structure.starts_with("this cannot be rendered"), "{structure}");
}

#[test]
fn a_fault_near_a_secret_does_not_show_it() {
    let mut given = facts();
    for (value, template, words) in [
        (
            "hun\"ter2",
            format!("{SECRET}stringData:\n  a: \"{{{{ env.TOKEN }}}}\"\n"),
            "what `env.TOKEN` holds breaks the YAML",
        ),
        (
            "hunter2: x",
            format!("{SECRET}stringData:\n  a: {{{{ env.TOKEN }}}}\n"),
            "what `env.TOKEN` holds breaks the YAML",
        ),
        (
            "hunter2",
            format!("{SECRET}stringData:\n  a: x\n  a: {{{{ env.TOKEN }}}}\n"),
            "the key `a` is there twice: lines 6 and 7",
        ),
        (
            "hunter2",
            format!("{SECRET}stringData:\n  {{{{ env.TOKEN }}}}: x\n  {{{{ env.TOKEN }}}}: y1\n"),
            "`env.TOKEN` is secret, and may stand only",
        ),
        ("hunter2", format!("{SECRET}stringData: [{{{{ env.TOKEN }}}}\n"), "this is not YAML"),
        ("hunter2", "{{ env.TOKEN | int }}".to_owned(), "this cannot be rendered"),
        ("12", "{{ env.TOKEN | int }}".to_owned(), "depends on what a secret environment variable holds"),
        ("hunter2", "{{ throw(message=env.TOKEN) }}".to_owned(), "this cannot be rendered"),
        ("hunter2", "{% set t = env.TOKEN %}{{ t | int }}".to_owned(), "a value does not fit"),
        ("hunter2", "{{ env.TOKEN | nth(n='x') }}".to_owned(), "this cannot be rendered"),
    ] {
        given.env.insert("TOKEN".to_owned(), EnvValue { value: value.to_owned(), secret: true });
        let fault = render(&sources(&template), &given).unwrap_err();
        let shown = format!("{fault}\n{fault:?}");
        assert!(shown.contains(words), "{template}\n{fault}");
        for part in ["hunter2", "ter2", "\"12\""] {
            assert!(!shown.contains(part), "{template}\n{fault}");
        }
    }
}

#[test]
fn a_yaml_fault_names_both_lines() {
    let template = format!(
        "{{# a comment\n   of two lines #}}\n{{% for x in ports %}}\n{MAP}data:\n  a: {{{{ x }}}}\n---\n{{% endfor %}}\n{}",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  a: 1\n  a: 2\n"
    );
    let fault = bad(&template);
    assert_eq!(
        fault,
        "document 3 (Pod p): the key `a` is there twice: lines 23 and 24\n  at the rendered text, line 24, column 3\n    24 |   a: 2\n       |   ^\n  \
         from pipeline.yaml, line 17\n    17 |   a: 2\n  why: kubectl would silently take the last one\n  hint: remove or rename one of them"
    );
}

/// Each rendered line is traced to its template line, or to lines that it lies in.
#[test]
fn rendered_lines_are_traced() {
    for (template, expected) in [
        ("a\nb\n", "1 2"),
        ("{% if n %}\na\n{% endif %}\nb\n", "1 2 3 4"),
        ("{%- if n %}\na\n{%- endif %}\nb\n", "1 2-3 4"),
        ("{% for p in ports -%}\nx{{ p }}\n{% endfor -%}\nend\n", "1-2 2-3 3-4"),
        ("{% raw %}\n{{ a }}\n{% endraw %}\nb\n", "- 2 - 4"),
        ("a\n{{ long }}\nb\n", "1 2 2 2 3"),
        ("{% set c %}\nx\ny\n{% endset %}a\n{{ c }}\n", "1-4 5 5 5 -"),
        ("a\n{% filter upper %}\nx\n\n{% endfilter %}\nb\n", "1 2-5 2-5 - - 6"),
        ("{# c\n#}a\n{{-\n n\n-}}\nb\n", "2-6"),
        ("{{ n\n}}\nb\n", "1-2 3"),
    ] {
        let text = Text { name: "t".to_owned(), text: template.to_owned() };
        let checked = Checked::of(&text).unwrap();
        let values = json!({"n": 1, "ports": [1, 2], "long": "1\n2\n3"});
        let facts = Facts::default();
        let values = values.as_object().unwrap().clone();
        let renderer = Rendering { checked, values, facts: &facts, traced: true };
        let plain = renderer.run(&Env::new()).map_err(|failed| failed.error).unwrap();
        let lines = renderer.lines(&Env::new(), &plain);
        assert_eq!(lines.len(), plain.lines().count(), "{template}");
        let told: Vec<String> = lines
            .iter()
            .map(|lines| match lines {
                None => "-".to_owned(),
                Some(Lines { first, last }) if first == last => first.to_string(),
                Some(Lines { first, last }) => format!("{first}-{last}"),
            })
            .collect();
        assert_eq!(told.join(" "), expected, "{template}\n{plain}");
    }
}

#[test]
fn the_starter_pipeline_renders() {
    let mut sources = sources(include_str!("../../../templates/minimal.yaml"));
    sources.values.clear();
    assert!(bad(&sources.template.text).starts_with("`Tag` is not defined"));
    sources.set = [("Image", "registry.example/team/ci"), ("Tag", "123e4567")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let rendered = render(&sources, &facts()).unwrap();
    let [document] = rendered.documents.as_slice() else { panic!("{:?}", rendered.documents) };
    assert_eq!(document.title(), "document 1 (Deployment build)");
    let container = &document.value["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "registry.example/team/ci:123e4567");
    assert_eq!(container["env"][0]["value"], "feature/x");
    assert_eq!(document.value["metadata"]["annotations"]["keel.sh/pollSchedule"], "@every 1m");
    let unset = render(
        &sources,
        &Facts { git: [("branch".to_owned(), Fact::unset("x"))].into(), ..Facts::default() },
    );
    assert_eq!(unset.unwrap().documents.len(), 1);
}

/// Whatever a template does with a secret: what may be shown is the same for two secrets of one shape, or a fault.
#[test]
fn nothing_that_is_shown_depends_on_a_secret() {
    let places = [
        "{M}data:\n  a: {E}\n",
        "{M}# {E}\n",
        "{M}data:\n  {E}: a\n",
        "{M}data:\n  a: |\n    {E}\n",
        "{S}stringData:\n  a: {E}\n",
        "{S}stringData:\n  a: \"{E}\" # {E}\n",
        "{S}stringData:\n  a: |\n    x {E}\n",
        "{S}stringData:\n  a: &a {E}\n  b: *a\n",
        "{S}stringData:\n  a: &a {E}\ntype: *a\n",
        "{S}stringData:\n  {E}: x\n",
        "{S}stringData: {a: [{E}]}\n",
        "{S}data:\n  a: {E}\n  b: {E}\n---\n{M}",
        "{S}stringData:\n  a: x\n  a: {E}\n",
        "{S}stringData:\n  a: {E}: {E}\n",
        "{S}stringData:\n  a: '{E}\n",
        "{% if {R} %}{M}{% endif %}",
        "{% for x in {R} | split(pat='e') %}{S}---\n{% endfor %}",
        "{% set x = {R} %}{S}stringData: {a: {{ x }}}\n",
        "{{ throw(message={R}) }}",
        "{{ values[{R}] }}",
    ];
    let reads = [
        "env.TOKEN",
        "env.TOKEN | b64enc",
        "env.TOKEN | upper",
        "env.TOKEN | reverse",
        "env.TOKEN | quote",
        "env.TOKEN | length",
        "env.TOKEN | int",
        "env.TOKEN | truncate(length=2)",
        "env.TOKEN | indent",
        "'a' ~ env.TOKEN",
        "env.TOKEN == 'hunter2'",
        "env.TOKEN is starting_with(pat='h')",
        "env.TOKEN | first | default(value='x')",
        "[env.TOKEN]",
        "{\"k\": env.TOKEN}",
        "env.TOKEN.x",
        "env.TOKEN | nosuch",
        "env.TOKEN + 1",
        "env.NONE",
    ];
    let shown = |template: &str, token: &str| {
        let mut facts = facts();
        facts.env.insert("TOKEN".to_owned(), EnvValue { value: token.to_owned(), secret: true });
        match render(&sources(template), &facts) {
            Ok(rendered) => rendered.masked,
            Err(fault) => format!("{fault}\n{fault:?}"),
        }
    };
    let mut rendered = 0;
    for place in places {
        for read in reads {
            let template = place
                .replace("{E}", &format!("{{{{ {read} }}}}"))
                .replace("{R}", &format!("({read})"))
                .replace("{M}", MAP)
                .replace("{S}", SECRET);
            let first = shown(&template, "hunter2");
            rendered += usize::from(first.contains("kind: Secret"));
            // Three renderings cannot see a comparison whose outcome is the same for all of them.
            let compares = ["==", " is ", "split"].iter().any(|sign| template.contains(sign));
            for other in ["bandit9", "fishing"] {
                let second = shown(&template, other);
                assert!(first == second || compares, "{template}\n{first}\n{second}");
            }
            let own = template.contains("'hunter2'");
            for part in ["hunter2", "HUNTER2", "2retnuh", "aHVudGVyMg", "hunter", "bandit9"] {
                assert!(own || !first.contains(part), "{template}\n{first}");
            }
        }
    }
    assert!(rendered > 50, "{rendered}");
}
