//! What is said of values that a template does not read, or takes for something else than text.

use crate::pipeline::facts::{Fact, Facts};
use crate::pipeline::render::shown;
use crate::pipeline::sources::{Sources, Text};

fn sources(template: &str, files: &[&str], set: &[&str], set_json: &[&str]) -> Sources {
    let text = |name: &str, text: &str| Text { name: name.to_owned(), text: text.to_owned() };
    let pair = |text: &&str| {
        let (name, value) = text.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    Sources {
        template: text("p.yaml", template),
        values: files.iter().map(|file| text("v.yaml", file)).collect(),
        set: set.iter().map(pair).collect(),
        set_json: set_json.iter().map(|json| (*json).to_owned()).collect(),
        set_file: Vec::new(),
    }
}

fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.image.insert("tag".to_owned(), Fact::known("build-7"));
    facts.image.insert("digest".to_owned(), Fact::unset("it is not known"));
    facts.git.insert("branch".to_owned(), Fact::known("main"));
    facts
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {x: ";

fn map(body: &str) -> String {
    format!("{MAP}'{body}'}}\n")
}

#[track_caller]
fn said(body: &str, files: &[&str], set: &[&str], set_json: &[&str]) -> Vec<String> {
    let rendered = shown(&sources(&map(body), files, set, set_json), &facts());
    let notices = rendered.unwrap_or_else(|fault| panic!("{body}\n{fault}")).notices;
    notices.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn value(body: &str, files: &[&str], set: &[&str]) -> String {
    let rendered = shown(&sources(&map(body), files, set, &[]), &facts());
    let rendered = rendered.unwrap_or_else(|fault| panic!("{body}\n{fault}"));
    rendered.documents[0].value["data"]["x"].as_str().unwrap().to_owned()
}

#[track_caller]
fn fault(body: &str, files: &[&str], set: &[&str]) -> String {
    shown(&sources(&map(body), files, set, &[]), &facts()).unwrap_err().to_string()
}

#[test]
fn a_value_that_no_template_reads_is_said() {
    for (body, files, set, set_json, expected) in [
        (
            "{{ Tag }}",
            &["Tag: a\n"][..],
            &["Tagg=b"][..],
            &[][..],
            "--set Tagg: the template does not read it; did you mean `Tag`?",
        ),
        ("a", &[], &["Tag=b"], &[], "--set Tag: the template does not read it"),
        ("a", &[], &[], &["Tag=1"], "--set-json Tag: the template does not read it"),
        (
            "{{ r.cpu }}",
            &["r: {cpu: 1, cpus: 2}\n"],
            &[],
            &[],
            "v.yaml: the template does not read `r.cpus` (did you mean `r.cpu`?)",
        ),
        (
            "{{ r.cpu }}",
            &["r: {cpu: 1}\n"],
            &["r.memory=2"],
            &[],
            "--set r.memory: the template does not read it",
        ),
        (
            "{{ r.cpu }}",
            &[],
            &[],
            &["r={\"cpu\": 1, \"cpus\": 2}"],
            "--set-json r: the template does not read `r.cpus` (did you mean `r.cpu`?)",
        ),
        (
            "{{ Tag }}",
            &[],
            &[],
            &["{\"Tag\": 1, \"Tagg\": 2}"],
            "--set-json: the template does not read `Tagg` (did you mean `Tag`?)",
        ),
        ("a", &[], &[], &["r={\"cpu\": 1, \"cpus\": 2}"], "--set-json r: the template does not read it"),
        (
            "{{ values.r.cpu }}",
            &["r: {cpu: 1}\ns: {t: {u: 1}}\n"],
            &[],
            &[],
            "v.yaml: the template does not read `s`",
        ),
        (
            "a",
            &["a: 1\nb: {c: 1}\nc: 2\nd: 3\ne: 4\n"],
            &[],
            &[],
            "v.yaml: the template does not read `a`, `b`, `c` and 2 more",
        ),
        ("a", &[], &[], &["{\"a\": 1, \"b\": 2}"], "--set-json: the template does not read `a`, `b`"),
        ("{{ x?.y | default(value=1) }}", &[], &["x.z=1"], &[], "--set x.z: the template does not read it"),
        (
            "{% raw %}{{ Tag }}{% endraw %}{# {{ Tag }} #}{{ \"Tag\" }}",
            &[],
            &["Tag=b"],
            &[],
            "--set Tag: the template does not read it",
        ),
        (
            "a",
            &[],
            &["env.X=b"],
            &[],
            "--set env.X: the template does not read it; a value named `env` is read as `values.env`",
        ),
        ("a", &[], &["a-b=b"], &[], "--set a-b: the template does not read it"),
        (
            "{{ image.repository }}",
            &["image: {repository: a, pullPolicy: b}\n"],
            &[],
            &[],
            "v.yaml: the template does not read `image.pullPolicy`",
        ),
    ] {
        assert_eq!(said(body, files, set, set_json), [expected], "{body}");
    }
}

#[test]
fn nothing_is_said_of_a_value_that_may_be_read() {
    for (body, files, set) in [
        ("{{ Tag }}", &["Tag: a\n"][..], &["Tag=b"][..]),
        ("{% for k, v in r %}{{ v }}{% endfor %}", &["r: {cpu: 1, deep: {x: 1}}\n"], &["r.more=1"]),
        ("{{ r | to_json | length }}", &["r: {cpu: 1}\n"], &[]),
        ("{{ r[\"cpu\"] }}", &["r: {cpu: 1, memory: 2}\n"], &[]),
        ("{{ r.a[k] }}", &["r: {a: {b: 1, c: 2}}\nk: b\n"], &[]),
        ("{{ values[k] }}", &["a: 1\nb: 2\nk: a\n"], &["x-y=1"]),
        ("{% for k, v in values %}{{ k }}{% endfor %}", &["a: 1\n"], &["b=2"]),
        ("{% set t = r %}{{ t.cpu }}", &["r: {cpu: 1, memory: 2}\n"], &[]),
        ("{{ list[1].x }}", &["list: [1, {x: 2, y: 3}]\n"], &[]),
        ("{% if Tag is defined %}a{% endif %}", &[], &["Tag=b"]),
        ("{{ r.cpu | default(value=r.other) }}", &["r: {cpu: 1, other: 2}\n"], &[]),
        ("{{ r.cpu }}", &["base: &base {cpu: 1}\nr: {<<: *base}\n"], &[]),
        ("{{ r.cpu }}", &["r:\n  # none of it\n  memory:\n  cpu: 1\nother: ~\n"], &[]),
        ("a", &["# nothing\n"], &[]),
        (
            "{{ values.env.X }}{{ values.loop }}{{ values.values }}",
            &["env: {X: 1}\nloop: 2\nvalues: 3\n"],
            &[],
        ),
    ] {
        assert_eq!(said(body, files, set, &[]), [""; 0], "{body}");
    }
}

#[test]
fn a_set_that_makes_a_condition_or_comparison_wrong_is_said_with_the_way_out() {
    for (body, set, expected) in [
        (
            "{% if debug %}a{% endif %}",
            "debug=false",
            "--set debug=false: it is text, and true as a condition, as all text is that is not empty (p.yaml, line 4); for a boolean write --set-json debug=false",
        ),
        (
            "{% if n == 3 %}a{% endif %}",
            "n=3",
            "--set n=3: it is text, and never equal to the number 3 (p.yaml, line 4); for a number write --set-json n=3",
        ),
        (
            "{% if debug == true %}a{% endif %}",
            "debug=true",
            "--set debug=true: it is text, and never equal to the boolean true (p.yaml, line 4); for a boolean write --set-json debug=true",
        ),
    ] {
        assert_eq!(said(body, &[], &[set], &[]), [expected], "{body}");
    }
    for (body, set) in [
        ("{% if x %}{% elif debug %}a{% endif %}", "debug=false"),
        ("{% if not debug %}a{% endif %}", "debug=no"),
        ("{% if (debug) %}a{% endif %}", "debug=False"),
        ("{% if x and (not debug or y) %}a{% endif %}", "debug=0"),
        ("{% if debug | default(value=false) %}a{% endif %}", "debug=off"),
        ("{% if (debug | default(value=(false))) %}a{% endif %}", "debug=false"),
        ("{{ 1 if debug else 2 }}", "debug=false"),
        ("{% if values.debug %}a{% endif %}", "debug=null"),
        ("{% if r?.debug %}a{% endif %}", "r.debug=false"),
        ("{{ debug or 2 }}", "debug=false"),
        ("{% set d = debug %}{% if d %}a{% endif %}", "debug=false"),
        ("{% set d = r.debug | default(value=false) %}{% if d %}a{% endif %}", "r.debug=false"),
        ("{% if n != 3 %}a{% endif %}", "n=3"),
        ("{% if 3 == n %}a{% endif %}", "n=03"),
        ("{% if x and n == 3.0 or y %}a{% endif %}", "n=3"),
        ("{% if n | default(value=1) == 3 %}a{% endif %}", "n=3"),
        ("{% if n in [1, 3] %}a{% endif %}", "n=3"),
        ("{% if n is number %}a{% endif %}", "n=3"),
        ("{% if n is not integer %}a{% endif %}", "n=3"),
        ("{{ \"a\" if n == 3 else \"b\" }}", "n=3"),
    ] {
        let said = said(body, &["x: ''\ny: ''\n"], &[set], &[]);
        let said: Vec<_> = said.iter().filter(|line| line.starts_with("--set")).collect();
        assert!(
            matches!(&*said, [only] if only.contains("it is text, ") && only.contains("--set-json ")),
            "{body}: {said:?}"
        );
    }
}

#[test]
fn a_word_of_a_values_file_that_other_readers_take_for_something_else_is_said_with_its_line() {
    for (body, file, expected) in [
        (
            "{% if off %}a{% endif %}",
            "# é\noff: no\n",
            "v.yaml, line 2: `off` is the text no, and true as a condition, as all text is that is not empty (p.yaml, line 4); for a boolean write false",
        ),
        (
            "{% if r.n == 7 %}a{% endif %}",
            "r:\n  x: &x 007\n  n: *x\nx: \"{{ r.x }}\"\n",
            "v.yaml, line 2: `r.n` is the text 007, and never equal to the number 7 (p.yaml, line 4); for a number write 7",
        ),
        (
            "{% for x in xs %}{% if x == 31 %}a{% endif %}{% endfor %}",
            "xs: [1, 0x1F, 'off']\n",
            "v.yaml, line 1: `xs[1]` is the text 0x1F, and never equal to the number 31 (p.yaml, line 4); for a number write 31",
        ),
    ] {
        let said = said(body, &[file], &[], &[]);
        assert!(said.contains(&expected.to_owned()), "{body}: {said:?}");
    }
    for (body, file) in [
        ("{% if not off %}a{% endif %}", "off: off\n"),
        ("{% if v == 1.1 %}a{% endif %}", "v: 1.10\n"),
        ("{% if n == 1000 %}a{% endif %}", "n: 1e3\n"),
        ("{% if n is number %}a{% endif %}", "n: 1_000\n"),
        ("{% if on == true %}a{% endif %}", "on: yes\n"),
        ("{% if on is bool %}a{% endif %}", "on: yes\n"),
        ("{% if a.n == 7 %}a{% endif %}", "b: &b {n: 007}\na: {<<: *b}\n"),
        ("{% if n == 7 %}a{% endif %}", "n:\n  007\n"),
        ("{% if 7 in ns %}a{% endif %}", "ns: [1, 007]\n"),
        ("{% for k, v in m %}{% if v %}a{% endif %}{% endfor %}", "m: {a: no}\n"),
    ] {
        let said = said(body, &[file], &[], &[]);
        assert!(matches!(&*said, [only] if only.contains(" is the text ")), "{body}: {said:?}");
    }
    let many = "{% for x in xs %}{% if x %}a{% endif %}{% endfor %}";
    let said = said(many, &["xs: [no, no, no, off, n]\n"], &[], &[]);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said[2].starts_with("v.yaml, line 1: `xs[2]`")
            && said[2].ends_with("; so it is with 2 more of its words")
    );
}

#[test]
fn a_text_is_found_by_whatever_name_the_template_has_for_it() {
    for (body, file, set) in [
        (r#"{% if o["d"] == 3 %}a{% endif %}"#, "", "o.d=3"),
        (r#"{% if o["d"].e %}a{% endif %}"#, "", "o.d.e=false"),
        (r#"{% if values["d-e"] == 3 %}a{% endif %}"#, "", "d-e=3"),
        ("{% if o?.d not in [3] %}a{% endif %}", "", "o.d=3"),
        ("{% for k, v in o %}{% if v == 3 %}a{% endif %}{% endfor %}", "", "o.d=3"),
        ("{% for k, v in o %}{% if v.e %}a{% endif %}{% endfor %}", "", "o.d.e=false"),
        ("{% for v in o %}{% if v == 3 %}a{% endif %}{% endfor %}", "", "o.d=3"),
        (
            "{% set p = o %}{% for k, v in p %}{% set w = v %}{% if w == 3 %}a{% endif %}{% endfor %}",
            "",
            "o.d=3",
        ),
        ("{% for n in [1] %}{{ n }}{% endfor %}{% if n == 3 %}a{% endif %}", "", "n=3"),
        ("{% if n == m %}a{% endif %}", "m: 3\n", "n=3"),
        ("{% if m != n %}a{% endif %}", "m: 3\n", "n=3"),
        ("{% if n == m %}a{% endif %}", "m: \"03\"\n", "n=3"),
        ("{% if n in ms %}a{% endif %}", "ms: [1, 3]\n", "n=3"),
        ("{% if x and n | default(value=m) == o.m %}a{% endif %}", "m: 1\no: {m: 3}\n", "n=3"),
        ("{% for m in ms %}{% if m == n %}a{% endif %}{% endfor %}", "ms: [1, 3]\n", "n=3"),
    ] {
        let said = said(body, &["x: x\n", file], &[set], &[]);
        let said: Vec<_> = said.iter().filter(|line| line.starts_with("--set")).collect();
        // what two texts would be is not known of one that stands in quotes
        let expected = usize::from(!file.contains('"') && !body.starts_with("{% for m in ms"));
        assert_eq!(said.len(), expected, "{body}: {said:?}");
    }
    let both = said("{% if n < m %}a{% endif %}", &["m: 0x10\n"], &["n=9"], &[]);
    assert_eq!(
        both,
        [
            "v.yaml, line 1: `m` is the text 0x10, and compared letter by letter with `n`, which is the text 9 (p.yaml, line 4); for a number write 16",
            "--set n=9: it is text, and compared letter by letter with `m`, which is the text 0x10 (p.yaml, line 4); for a number write --set-json n=9",
        ]
    );
}

#[test]
fn nothing_is_said_of_a_file_whose_words_come_out_as_their_reader_expects() {
    for (body, file) in [
        ("{% if off %}a{% endif %}", "off: \"no\"\n"),
        ("{% if off %}a{% endif %}", "off: 'no'\n"),
        ("{% if off %}a{% endif %}", "off: !!str no\n"),
        ("{% if off %}a{% endif %}", "off: &a !!str\n  no\n"),
        ("{% if off %}a{% endif %}", "off: |\n  no\n"),
        ("{% if off %}a{% endif %}", "off: nope\n"),
        ("{% if on %}a{% endif %}", "on: yes\n"),
        ("{% if off == \"no\" %}a{% endif %}", "off: no\n"),
        ("{{ off }}{{ n }}", "off: no\nn: 007\n"),
        ("{% if n == 7 %}a{% endif %}", "n: \"007\"\n"),
        ("{% if n == 7 %}a{% endif %}", "n: 7\n"),
        ("{% if n | int == 7 %}a{% endif %}", "n: 007\n"),
        ("{% if n == m %}a{% endif %}", "n: 007\nm: 007\n"),
        ("{% if n == m %}a{% endif %}", "n: 007\nm: 8\n"),
        ("{% if n == m %}a{% endif %}", "n: 007\nm: \"7\"\n"),
        ("{% if n < m %}a{% endif %}", "n: 007\nm: 010\n"),
        ("{% if n in ns %}a{% endif %}", "n: 007\nns: [007]\n"),
        ("{% if \"007\" in ns %}a{% endif %}", "ns: [007]\n"),
        ("{% for x in xs | reverse %}{% if x == 7 %}a{% endif %}{% endfor %}", "xs: [007]\n"),
        (
            "{% for x in xs %}{% endfor %}{% for x in [7] %}{% if x == 7 %}a{% endif %}{% endfor %}",
            "xs: [007]\n",
        ),
        ("{{ [x for x in xs if x == 7] | length }}", "xs: [007]\nx: 007\n"),
        ("{% if off | default(value=true, boolean=true) %}a{% endif %}", "off: no\n"),
        (
            "{% set_global n = 1 %}{% for x in xs %}{% set_global n = x %}{% endfor %}{% if n == 7 %}a{% endif %}",
            "xs: [007, 1]\n",
        ),
        ("{% if xs[i] == 7 %}a{% endif %}", "xs: [007]\ni: 0\n"),
    ] {
        assert_eq!(said(body, &[file], &[], &[]), [""; 0], "{body}: {file}");
    }
    // the later file's is in quotes, or another word
    let body = "{% if n == 7 %}a{% endif %}";
    for later in ["n: \"007\"\n", "n: 8\n", "n: ~\n"] {
        let body = if later.contains('~') { "{% if n | default(value=1) == 7 %}a{% endif %}" } else { body };
        assert_eq!(said(body, &["n: 007\n", later], &[], &[]), [""; 0], "{later}");
    }
}

#[test]
fn nothing_is_said_where_text_is_right() {
    for (body, set) in [
        ("{{ Tag }}", "Tag=1.10"),
        ("{{ Tag | quote }}", "Tag=false"),
        ("{% if debug %}a{% endif %}", "debug=true"),
        ("{% if debug %}a{% endif %}", "debug="),
        ("{% if debug %}a{% endif %}", "debug=none"),
        ("{% if n %}a{% endif %}", "n=3"),
        ("{% if debug == \"false\" %}a{% endif %}", "debug=false"),
        ("{% if debug and debug != \"false\" %}a{% endif %}", "debug=true"),
        ("{% if n == \"3\" %}a{% endif %}", "n=3"),
        ("{% if n == 4 %}a{% endif %}", "n=3"),
        ("{% if n | int == 3 %}a{% endif %}", "n=3"),
        ("{% set n = n | int %}{% if n == 3 %}a{% endif %}", "n=3"),
        ("{% for n in [1] %}{% if n == 3 %}a{% endif %}{% endfor %}{{ values.n }}", "n=3"),
        ("{% if n is defined %}a{% endif %}", "n=0"),
        ("{% if n is string %}a{% endif %}", "n=0"),
        ("{% if debug ~ x == \"falsey\" %}a{% endif %}", "debug=false"),
        ("{{ n or 2 }}", "n=x"),
        ("{{ x | default(value=n) }}", "n=0"),
        ("{{ [n, 1] | length }}", "n=0"),
        ("{% if debug | default(value=true, boolean=true) %}a{% endif %}", "debug=false"),
    ] {
        assert_eq!(
            said(body, &[], &[set, "x=y"], &[])
                .into_iter()
                .filter(|line| !line.starts_with("--set x"))
                .collect::<Vec<_>>(),
            [""; 0],
            "{body}"
        );
    }
    assert_eq!(
        said("{% if debug %}a{% endif %}{% if n == 3 %}b{% endif %}", &[], &[], &["debug=false", "n=3"]),
        [""; 0]
    );
    assert_eq!(said("{% if debug %}a{% endif %}", &["debug: false\n"], &[], &[]), [""; 0]);
    assert_eq!(said("{% if debug %}a{% endif %}", &[], &["debug=false", "debug=true"], &[]), [""; 0]);
}

#[test]
fn text_where_a_number_is_needed_is_a_fault_that_says_how_to_give_one() {
    for (body, set, words) in [
        (
            "{% if n > 2 %}a{% endif %}",
            "n=3",
            "hint: `n` is text: write `n | int`, or give a number: `--set-json n=3`",
        ),
        (
            "{{ n + 1 }}",
            "n=1.5",
            "hint: `n` is text: write `n | float`, or give a number: `--set-json n=1.5`",
        ),
        (
            "{% for i in range(end=r.n) %}{{ i }}{% endfor %}",
            "r.n=3",
            "hint: `r.n` is text: write `r.n | int`",
        ),
        (
            "{{ values.n * 2 }}",
            "n=3",
            "hint: `values.n` is text: write `values.n | int`, or give a number: `--set-json n=3`",
        ),
        ("{{ n + 1 }}", "n=x", "hint: correct the expression, or what it gets"),
    ] {
        assert!(fault(body, &[], &[set]).contains(words), "{body}: {}", fault(body, &[], &[set]));
    }
}

#[test]
fn a_default_below_what_is_missing_is_told_apart_with_the_form_that_works() {
    for (body, files, words, form) in [
        (
            "{{ a.b | default(value=\"x\") }}",
            "",
            "why: `default` stands in for a missing `b`, not for a missing `a`\n",
            "{{ a?.b | default(value=\"x\") }}",
        ),
        (
            "{{ a.b.c | default(value=(1)) | quote }}",
            "a: {}\n",
            "why: `default` stands in for a missing `c`, not for a missing `b`\n",
            "{{ a.b?.c | default(value=(1)) }}",
        ),
        (
            "{{ a.b.c }}",
            "",
            "why: no value, fact or `set` has that name\n",
            "{{ a?.b?.c | default(value=\"…\") }}",
        ),
        ("{{ a.b.c }}", "a: {}\n", "`a.b` is not defined\n", "{{ a.b?.c | default(value=\"…\") }}"),
        (
            "{% if a.b | default(value=false) %}y{% endif %}",
            "",
            "not for a missing `a`\n",
            "{{ a?.b | default(value=false) }}",
        ),
        (
            "{{ values.a.b | default(value=\"x\") }}",
            "",
            "not for a missing `a`\n",
            "{{ values.a?.b | default(value=\"x\") }}",
        ),
    ] {
        let said = fault(body, &[files], &[]);
        let wanted = form.trim_start_matches("{{ ").trim_end_matches(" }}").replace("\"…\"", "…");
        assert!(said.contains(words) && said.contains(&format!("write `{wanted}`")), "{body}: {said}");
        value(form, &[files], &[]);
    }
    let said = fault("{{ a.b | default(value=1) }}", &[], &[]);
    assert!(said.contains("give it with `--set a.b=…`"), "{said}");
}

#[test]
fn a_value_may_have_the_name_of_facts_and_is_told_apart_from_them() {
    let helms = "image: {repository: reg/app, pullPolicy: Always}\n";
    for (body, files, set, expected) in [
        ("{{ image.repository }}:{{ image.tag }}", helms, &[][..], "reg/app:build-7"),
        (
            "{{ values.image.repository }} {{ values.image.tag }}",
            "image: {repository: reg/app, tag: v1}\n",
            &[],
            "reg/app v1",
        ),
        ("{{ image.tag }}", helms, &["git=x"], "build-7"),
        ("{{ image }}", "", &["image=reg/app:1"], "reg/app:1"),
        ("{{ git }}/{{ image.tag }}", "", &["git=x"], "x/build-7"),
        ("{{ image | length }}", helms, &[], "3"),
        ("{{ build.args }}", "build: {args: make}\n", &[], "make"),
        ("{{ user }}{{ values.user }}", "", &["user=ada"], "adaada"),
        (
            "{{ values.env.LEVEL }}{{ values.loop }}{{ values.values }}{{ values.__tera_context }}",
            "env: {LEVEL: 1}\nloop: 2\nvalues: 3\n__tera_context: 4\n",
            &[],
            "1234",
        ),
        ("{% for x in [1, 2] %}{{ loop.index }}{% endfor %}", "loop: 2\n", &[], "12"),
    ] {
        assert_eq!(value(body, &[files], set), expected, "{body}");
    }
    let tagged = "image: {repository: reg/app, tag: v1}\n";
    for (body, files, set, words) in [
        (
            "{{ image.tag }}",
            tagged,
            &[][..],
            "`image.tag` is both a fact and a value\n  at p.yaml, line 4, column 15",
        ),
        ("{{ image.digest }}", "image: {digest: x}\n", &[], "`image.digest` is both a fact and a value\n"),
        ("{{ image | to_json }}", tagged, &[], "`image.tag` is both a fact and a value\n"),
        ("{{ image[\"tag\"] }}", tagged, &[], "`image.tag` is both a fact and a value\n"),
        (
            "{{ image }} {{ image.tag }}",
            "",
            &["image=reg/app:1"],
            "the value `image` hides the fact `image.tag`\n",
        ),
        ("{{ git.brnch }}", "git: {x: 1}\n", &[], "there is no fact `git.brnch`\n"),
        ("{{ image.repositry }}", helms, &[], "there is no fact `image.repositry`\n"),
        ("{{ env.LEVEL }}", "env: {LEVEL: 1}\n", &[], "`env.LEVEL` is not defined\n"),
        ("{{ env | to_json }}", "env: {LEVEL: 1}\n", &[], "`env` is no object\n"),
    ] {
        assert!(fault(body, &[files], set).starts_with(words), "{body}: {}", fault(body, &[files], set));
    }
    let said = fault("{{ image.tag }}", &[tagged], &[]);
    assert!(said.contains("why: `image` holds facts, and v.yaml gives a value of that name\n"), "{said}");
    assert!(said.contains("hint: write `values.image.tag` for the value"), "{said}");
    assert!(fault("{{ env.LEVEL }}", &["env: {LEVEL: 1}\n"], &[]).contains("hint: write `values.env.LEVEL`"));
}
