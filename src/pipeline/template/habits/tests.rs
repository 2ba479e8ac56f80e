//! Each suggestion is pasted in place of what was written, until the template renders; what it renders to was meant.

use serde_json::json;

use super::super::{Checked, Env, Rendering};
use crate::pipeline::facts::{Fact, Facts};
use crate::pipeline::fault::Fault;
use crate::pipeline::sources::Text;

fn facts() -> Facts {
    let mut facts = Facts::default();
    for (name, value) in [("chain", "app"), ("namespace", "ci-x")] {
        facts.build.insert(name.to_owned(), Fact::known(value));
    }
    facts.build.insert("generation".to_owned(), Fact::known(3));
    facts.image.insert("tag".to_owned(), Fact::known("build-7"));
    facts
}

fn rendered(template: &str) -> Result<String, Fault> {
    let values = json!({
        "a": "A", "b": "", "n": 7, "yes": true, "no": false, "list": ["x", "y", "z"], "nums": [3, 1, 2],
        "m": {"k": "v", "l": "w"}, "text": "one\ntwo", "path": "feature/x", "image": {"repository": "r.example/app"},
        "people": [{"name": "ada", "age": 36}, {"name": "bob", "age": 0}], "nothing": null,
        "app": {"name": "web", "port": 80, "env": {"A": "1", "B": "2"}},
        "nodeSelector": {"disk": "ssd"}, "host": "a.example", "hosts": [{"name": "h1"}, {"name": "h2"}]
    });
    let template = Text { name: "t".to_owned(), text: template.to_owned() };
    let checked = Checked::of(&template)?;
    let facts = facts();
    let values = values.as_object().cloned().unwrap_or_default();
    let rendering = Rendering { checked, values, facts: &facts, traced: false };
    let env = Env::from([("HOME".to_owned(), "/root".to_owned())]);
    rendering.run(&env).map_err(|failed| rendering.failure(&failed, true))
}

/// What a fault tells to write.
fn suggestion(fault: &Fault) -> Option<&str> {
    let hint = fault.hint.as_deref()?.strip_prefix("write `")?;
    // a suggestion may hold backticks of its own
    let end = hint.find("}`")? + 1;
    Some(&hint[..end])
}

/// Pastes each suggestion over its tag.
#[track_caller]
fn mended(template: &str) -> (String, Vec<Fault>) {
    let (mut text, mut faults) = (template.to_owned(), Vec::new());
    loop {
        let fault = match rendered(&text) {
            Ok(rendered) => return (rendered, faults),
            Err(fault) => fault,
        };
        let Some(written) = suggestion(&fault) else { panic!("{text}\n{fault}") };
        assert!(faults.len() < 60, "{text}\n{fault}");
        assert!(!fault.hint.as_deref().unwrap_or_default().contains("raw"), "{fault}");
        let place = fault.place.as_deref().unwrap();
        let line: usize = text.split_inclusive('\n').take(place.line - 1).map(str::len).sum();
        let column: usize = text[line..].chars().take(place.column - 1).map(char::len_utf8).sum();
        let opens = |at: &usize| text[*at..].starts_with("{{") || text[*at..].starts_with("{%");
        let start = (0..=line + column).rev().find(|at| text.is_char_boundary(*at) && opens(at)).unwrap();
        let close = if text[start..].starts_with("{%") { "%}" } else { "}}" };
        let end = start + text[start..].find(close).unwrap() + 2;
        assert!(line + column < end, "{text}\n{fault}");
        assert_ne!(&text[start..end], written, "{fault}");
        text.replace_range(start..end, written);
        faults.push(fault);
    }
}

#[track_caller]
fn each(rows: &[(&str, &str, &str)]) {
    for (template, written, expected) in rows {
        let Err(fault) = rendered(template) else { panic!("{template} renders") };
        assert_eq!(suggestion(&fault), Some(*written), "{template}\n{fault}");
        assert_eq!(mended(template).0, *expected, "{template}\n{fault}");
    }
}

#[test]
fn a_filter_with_arguments_by_place_is_told_with_their_names() {
    each(&[
        (r#"{{ z | default("x") }}"#, r#"{{ z | default(value="x") }}"#, "x"),
        (r#"{{ b | default("x", true) }}"#, r#"{{ b | default(value="x", boolean=true) }}"#, "x"),
        (r#"{{ z | default("x") | upper }}"#, r#"{{ z | default(value="x") | upper }}"#, "X"),
        (r#"{{ z | d("x") }}"#, r#"{{ z | default(value="x") }}"#, "x"),
        (r#"{{ z | default(default_value="x") }}"#, r#"{{ z | default(value="x") }}"#, "x"),
        (r#"{{- z | default(a ~ "-b") -}}"#, r#"{{- z | default(value=a ~ "-b") -}}"#, "A-b"),
        (r#"{{ z | default(m.k if no else "e") }}"#, r#"{{ z | default(value=m.k if no else "e") }}"#, "e"),
        ("{{ text | indent(4) }}", "{{ text | indent(width=4) }}", "one\n    two"),
        ("{{ text | indent(2, true) }}", "{{ text | indent(width=2, first=true) }}", "  one\n  two"),
        ("{{ text | nindent(2) }}", "{{ text | nindent(width=2) }}", "\n  one\n  two"),
        (r#"{{ list | join(",") }}"#, r#"{{ list | join(sep=",") }}"#, "x,y,z"),
        (r#"{{ list | join(d=", ") }}"#, r#"{{ list | join(sep=", ") }}"#, "x, y, z"),
        (r#"{{ path | replace("/", "-") }}"#, r#"{{ path | replace(from="/", to="-") }}"#, "feature-x"),
        (
            r#"{{ path | replace(old="/", new="-") }}"#,
            r#"{{ path | replace(from="/", to="-") }}"#,
            "feature-x",
        ),
        ("{{ path | truncate(5) }}", "{{ path | truncate(length=5) }}", "featu…"),
        (r#"{{ path | truncate(5, true, "") }}"#, r#"{{ path | truncate(length=5, end="") }}"#, "featu"),
        (r#"{{ "-a-" | trim("-") }}"#, r#"{{ "-a-" | trim(pat="-") }}"#, "a"),
        (r#"{{ path | split("/") | first }}"#, r#"{{ path | split(pat="/") | first }}"#, "feature"),
        ("{{ 2.567 | round(1) }}", "{{ 2.567 | round(precision=1) }}", "2.6"),
        ("{{ nums | sort(reverse=true) }}", "{{ nums | sort | reverse }}", "[3, 2, 1]"),
        ("{{ list | nth(1) }}", "{{ list | nth(n=1) }}", "y"),
        (r#"{{ m | get("z", "e") }}"#, r#"{{ m | get(key="z", default="e") }}"#, "e"),
        (r#"{% if z | default("") %}1{% else %}2{% endif %}"#, r#"{% if z | default(value="") %}"#, "2"),
        (r#"{% set q = z | default("x") %}{{ q }}"#, r#"{% set q = z | default(value="x") %}"#, "x"),
        ("{% filter indent(2) %}a\nb{% endfilter %}", "{% filter indent(width=2) %}", "a\n  b"),
        (
            "{% for q in list | default([]) %}{{ q }}{% endfor %}",
            "{% for q in list | default(value=[]) %}",
            "xyz",
        ),
        ("{{ [z | default('x'), a] | join('') }}", "{{ [z | default(value='x'), a] | join(sep='') }}", "xA"),
        ("{{ range(3) }}", "{{ range(end=3) }}", "[0, 1, 2]"),
        (
            "{% for i in range(1, n, 3) %}{{ i }}{% endfor %}",
            "{% for i in range(start=1, end=n, step_by=3) %}",
            "14",
        ),
        ("{% if 6 is divisibleby(3) %}y{% endif %}", "{% if 6 is divisible_by(divisor=3) %}", "y"),
        (
            r#"{% if a is not starting_with("B") %}y{% endif %}"#,
            r#"{% if a is not starting_with(pat="B") %}"#,
            "y",
        ),
    ]);
}

#[test]
fn jinjas_words_are_told_by_teras() {
    each(&[
        ("{{ m | tojson }}", "{{ m | to_json }}", r#"{"k":"v","l":"w"}"#),
        ("{{ m | to_nice_yaml(indent=2) }}", "{{ m | to_yaml }}", "k: v\nl: w"),
        ("{{ a | b64encode }}", "{{ a | b64_encode }}", "QQ=="),
        ("{{ list | count }}", "{{ list | length }}", "3"),
        ("{{ n | string }}", "{{ n | str }}", "7"),
        ("{{ list | list }}", "{{ list }}", r#"["x", "y", "z"]"#),
        ("{{ nums | max }}", "{{ nums | sort | last }}", "3"),
        ("{{ m | items }}", "{{ m | pairs }}", r#"[["k", "v"], ["l", "w"]]"#),
        ("{% for k, v in m.items() %}{{ k }}{{ v }}{% endfor %}", "{% for k, v in m %}", "kvlw"),
        ("{% for k, v in m | dictsort %}{{ k }}{{ v }}{% endfor %}", "{% for k, v in m %}", "kvlw"),
        ("{% for (k, v) in m %}{{ k }}{{ v }}{% endfor %}", "{% for k, v in m %}", "kvlw"),
        ("{{ nums | select('odd') }}", "{{ [it for it in nums if it is odd] }}", "[3, 1]"),
        ("{{ nums | reject('odd') }}", "{{ [it for it in nums if not (it is odd)] }}", "[2]"),
        (
            "{{ people | selectattr('age') | map(attribute='name') | join(',') }}",
            "{{ [it.name for it in [it for it in people if it.age]] | join(sep=',') }}",
            "ada",
        ),
        (
            "{{ people | selectattr('name', 'equalto', 'bob') | list }}",
            "{{ [it for it in people if it.name == 'bob'] }}",
            r#"[{"age": 0, "name": "bob"}]"#,
        ),
        ("{{ list | map('upper') | first }}", "{{ [it | upper for it in list] | first }}", "X"),
        (
            "{% for q in nums if q > 1 %}{{ q }}{% endfor %}",
            "{% for q in [q for q in nums if q > 1] %}",
            "32",
        ),
        (r#"{{ yes | ternary("1", "2") }}"#, r#"{{ "1" if yes else "2" }}"#, "1"),
        ("{{ m | attr('k') }}", "{{ m['k'] }}", "v"),
        ("{{ m | combine(app.env) | length }}", "{{ {...m, ...app.env} | length }}", "4"),
        ("{{ a.lower() }}", "{{ a | lower }}", "a"),
        ("{{ path.split('/')[1] }}", "{{ (path | split(pat='/'))[1] }}", "x"),
        (
            "{{ path.replace('/', '-') | upper }}",
            "{{ path | replace(from='/', to='-') | upper }}",
            "FEATURE-X",
        ),
        (
            "{% if path.startswith('feature/') %}y{% endif %}",
            "{% if path is starting_with(pat='feature/') %}",
            "y",
        ),
        ("{{ ','.join(list) }}", "{{ list | join(sep=',') }}", "x,y,z"),
        ("{{ list.join(',') }}", "{{ list | join(sep=',') }}", "x,y,z"),
        ("{{ b.join(list) }}", "{{ list | join(sep=b) }}", "xyz"),
        ("{{ join(',', list) }}", "{{ list | join(sep=',') }}", "x,y,z"),
        ("{{ join(list, ',') }}", "{{ list | join(sep=',') }}", "x,y,z"),
        ("{{ list.length }}", "{{ list | length }}", "3"),
        ("{% if people.length > 1 %}y{% endif %}", "{% if people | length > 1 %}", "y"),
        ("{{ app.name.size }}", "{{ app.name | length }}", "3"),
        ("{{ list.length() }}", "{{ list | length }}", "3"),
        ("{{ yes ? 'x' : a }}", "{{ 'x' if yes else a }}", "x"),
        ("{{ n > 7 ? 1 : n > 6 ? 2 : 3 }}", "{{ 1 if n > 7 else 2 if n > 6 else 3 }}", "2"),
        ("{{ '{}:{}'.format(a, n) }}", r#"{{ a ~ ":" ~ n }}"#, "A:7"),
        ("{{ '%s-%d' % (a, n) }}", r#"{{ a ~ "-" ~ n }}"#, "A-7"),
        ("{{ '%s-%s' | format(a, n) }}", r#"{{ a ~ "-" ~ n }}"#, "A-7"),
        ("{{ 'v' + a + '-x' }}", "{{ 'v' ~ a ~ '-x' }}", "vA-x"),
        ("{{ m.get('k') }}", "{{ m['k'] }}", "v"),
        ("{{ (z | default(m)).k }}", "{{ z | default(value=m) | get(key=\"k\") }}", "v"),
        ("{{ m.get('z', 'e') }}", "{{ m['z'] | default(value='e') }}", "e"),
        ("{{ 'x' if yes }}", "{{ 'x' if yes else \"\" }}", "x"),
        ("{{ list.0 }}", "{{ list[0] }}", "x"),
        ("{% if yes && !no %}y{% endif %}", "{% if yes and not no %}", "y"),
        ("{% if no || yes %}y{% endif %}", "{% if no or yes %}", "y"),
        ("{% if n is none or m is mapping %}y{% endif %}", "{% if n is none or m is map %}", "y"),
        ("{% if n is not in([1, 2]) %}y{% endif %}", "{% if n not in [1, 2] %}", "y"),
        ("{% if no %}1{% else if yes %}2{% endif %}", "{% elif yes %}", "2"),
        ("{% for q in list %}{{ q }}{% endif %}", "{% endfor %}", "xyz"),
        ("{% if no %}1{% elseif yes %}2{% endif %}", "{% elif yes %}", "2"),
        ("{%+ if yes %}y{% endif %}", "{% if yes %}", "y"),
        ("{% for q in list %}{{ loop.revindex }}{% endfor %}", "{{ loop.length - loop.index0 }}", "321"),
        ("{{ dict(a=1, b=n) }}", r#"{{ {"a": 1, "b": n} }}"#, r#"{"a": 1, "b": 7}"#),
        ("{% with q = a %}{{ q }}", "{% set q = a %}", "A"),
        ("{% set x, y = 1, a %}{{ x }}{{ y }}", "{% set x = 1 %}{% set y = a %}", "1A"),
        (
            "{% set l = [] %}{% for q in list %}{% do l.append(q) %}{% endfor %}{{ l }}",
            "{% set_global l = [...l, q] %}",
            r#"["x", "y", "z"]"#,
        ),
        (r#"{{ get_env(name="HOME") }}"#, "{{ env.HOME }}", "/root"),
        ("{{ lookup('env', 'HOME') }}", "{{ env.HOME }}", "/root"),
        (r#"{{ env("NONE", "e") }}"#, r#"{{ env.NONE | default(value="e") }}"#, "e"),
        (r#"{{ "caf\u00e9" }}"#, r#"{{ "café" }}"#, "café"),
        (r#"{{ path | replace("\d", "") }}"#, r#"{{ path | replace(from="\\d", to="") }}"#, "feature/x"),
    ]);
}

#[test]
fn a_namespace_is_told_by_set_global() {
    let template = "{% set ns = namespace(found=0) %}{% for q in nums %}{% set ns.found = ns.found + q %}{% endfor %}{{ ns.found }}";
    let fault = rendered(template).unwrap_err();
    assert_eq!(
        fault.hint.unwrap(),
        "write `{% set found = 0 %}`, `found` for `ns.found`, and `set_global` where a loop sets it"
    );
    let fault = rendered("{% for q in nums %}{% set ns.found = ns.found + q %}{% endfor %}").unwrap_err();
    assert_eq!(
        fault.hint.unwrap(),
        "write `{% set_global found = found + q %}`, and `found` for `ns.found` everywhere"
    );
    let told =
        "{% set found = 0 %}{% for q in nums %}{% set_global found = found + q %}{% endfor %}{{ found }}";
    assert_eq!(rendered(told).unwrap(), "6");
}

#[test]
fn helms_words_are_told_by_teras() {
    each(&[
        ("{{ .Values.a }}", "{{ a }}", "A"),
        ("{{- .Values.app.name -}}", "{{- app.name -}}", "web"),
        ("{{ $.Values.a }}", "{{ a }}", "A"),
        ("{{ .Values.image.repository }}", "{{ values.image.repository }}", "r.example/app"),
        ("{{ .Release.Name }}/{{ .Release.Namespace }}", "{{ build.chain }}", "app/ci-x"),
        ("{{ .Chart.AppVersion }}-{{ .Release.Revision }}", "{{ image.tag }}", "build-7-3"),
        ("{{ .Values.a | quote }}", "{{ a | quote }}", r#""A""#),
        ("{{ quote .Values.a }}", "{{ a | quote }}", r#""A""#),
        (
            r#"{{ .Values.z | default "x" | quote }}"#,
            r#"{{ z | default(value="x", boolean=true) | quote }}"#,
            r#""x""#,
        ),
        (r#"{{ default "x" .Values.z }}"#, r#"{{ z | default(value="x", boolean=true) }}"#, "x"),
        (r#"{{ .Values.b | default "x" }}"#, r#"{{ b | default(value="x", boolean=true) }}"#, "x"),
        (r#"{{ default("x", b) }}"#, r#"{{ b | default(value="x", boolean=true) }}"#, "x"),
        (r#"{{ default(b, "x") }}"#, r#"{{ b | default(value="x", boolean=true) }}"#, "x"),
        ("{{ toYaml .Values.m | nindent 2 }}", "{{ m | to_yaml | nindent(width=2) }}", "\n  k: v\n  l: w"),
        (
            "{{- .Values.m | toYaml | indent 2 }}",
            "{{- m | to_yaml | indent(width=2, first=true) }}",
            "  k: v\n  l: w",
        ),
        ("{{ m | toYaml }}", "{{ m | to_yaml }}", "k: v\nl: w"),
        (r#"{{ printf "%s-%s" .Release.Name .Values.a }}"#, r#"{{ build.chain ~ "-" ~ a }}"#, "app-A"),
        (
            r#"{{ printf "%s-%s" .Release.Name .Values.app.name | trunc 5 | trimSuffix "-" }}"#,
            r#"{{ (build.chain ~ "-" ~ app.name) | truncate(length=5, end="") | trim_suffix(pat="-") }}"#,
            "app-w",
        ),
        (
            r#"{{ required "no a" .Values.a }}"#,
            r#"{{ a if a is defined and a != "" else throw(message="no a") }}"#,
            "A",
        ),
        (
            r#"{{ required("no a", a) | quote }}"#,
            r#"{{ (a if a is defined and a != "" else throw(message="no a")) | quote }}"#,
            r#""A""#,
        ),
        ("{{ tpl .Values.a . }}", "{{ a }}", "A"),
        ("{{ tpl(a) }}", "{{ a }}", "A"),
        ("{{ .Values.a | tpl }}", "{{ a }}", "A"),
        (r#"{{ if kindIs "string" .Values.a }}y{{ end }}"#, "{% if a is string %}", "y"),
        (r#"{% if kindIs("map", m) %}y{% endif %}"#, "{% if m is map %}", "y"),
        (r#"{% if kindIs(list, "slice") %}y{% endif %}"#, "{% if list is array %}", "y"),
        (r#"{% if not (kindIs "int" a) %}y{% endif %}"#, "{% if not (a is number) %}", "y"),
        (r#"{% if list | kindIs "slice" %}y{% endif %}"#, "{% if list is array %}", "y"),
        (r#"{% if ne(a, "B") %}y{% endif %}"#, r#"{% if a != "B" %}"#, "y"),
        ("{% if gt n 3 %}y{% endif %}", "{% if n > 3 %}", "y"),
        ("{% if lt(n, 3) %}y{% endif %}", "{% if n < 3 %}", ""),
        ("{% if ge n 7 %}y{% endif %}", "{% if n >= 7 %}", "y"),
        ("{% if le(n, 7) %}y{% endif %}", "{% if n <= 7 %}", "y"),
        (r#"{% if eq(a, "A") %}y{% endif %}"#, r#"{% if a == "A" %}"#, "y"),
        ("{% if and(yes, no) %}y{% endif %}", "{% if yes and no %}", ""),
        ("{% if or(no, yes, a) %}y{% endif %}", "{% if no or yes or a %}", "y"),
        (r#"{% if or (eq a "B") (not no) %}y{% endif %}"#, r#"{% if a == "B" or not no %}"#, "y"),
        (r#"{{ ternary("1", "2", no) }}"#, r#"{{ "1" if no else "2" }}"#, "2"),
        (r#"{{ printf("%s-%d", a, n) }}"#, r#"{{ a ~ "-" ~ n }}"#, "A-7"),
        ("{{ .Values.a | b64enc | quote }}", "{{ a | b64enc | quote }}", r#""QQ==""#),
        (r#"{{ ternary "1" "2" .Values.yes }}"#, r#"{{ "1" if yes else "2" }}"#, "1"),
        (r#"{{ .Values.path | replace "/" "-" }}"#, r#"{{ path | replace(from="/", to="-") }}"#, "feature-x"),
        (r#"{{ join "," .Values.list }}"#, r#"{{ list | join(sep=",") }}"#, "x,y,z"),
        (r#"{{ index .Values.m "k" }}"#, r#"{{ m["k"] }}"#, "v"),
        ("{{ len .Values.list }}", "{{ list | length }}", "3"),
        ("{{ add .Values.n 1 }}", "{{ n + 1 }}", "8"),
        ("{{ .Values.n | add 1 | mul 2 }}", "{{ 2 * (1 + n) }}", "16"),
        (r#"{{ coalesce .Values.b .Values.a "c" }}"#, r#"{{ b or a or "c" }}"#, "A"),
        (r#"{{ list "p" "q" | join "+" }}"#, r#"{{ ["p", "q"] | join(sep="+") }}"#, "p+q"),
        (r#"{{ dict "p" 1 | toJson }}"#, r#"{{ {"p": 1} | to_json }}"#, r#"{"p":1}"#),
        (r#"{{ env "HOME" }}"#, "{{ env.HOME }}", "/root"),
        ("{{ $x := .Values.a }}{{ $x }}", "{% set x = a %}", "A"),
        ("{{ if .Values.yes }}y{{ end }}", "{% if yes %}", "y"),
        ("{{- if .Values.yes -}} y {{- end }}", "{%- if yes -%}", "y"),
        ("{{ if not .Values.yes }}y{{ else }}n{{ end }}", "{% if not yes %}", "n"),
        (r#"{{ if eq .Values.a "A" "B" }}y{{ end }}"#, r#"{% if a == "A" or a == "B" %}"#, "y"),
        (
            r#"{{ if and .Values.yes (not .Values.no) (ne .Values.a "B") }}y{{ end }}"#,
            r#"{% if yes and not no and a != "B" %}"#,
            "y",
        ),
        ("{{ if no }}1{{ else if gt .Values.n 5 }}2{{ end }}", "{% if no %}", "2"),
        (r#"{{ if hasKey .Values.m "k" }}y{{ end }}"#, r#"{% if m["k"] is defined %}"#, "y"),
        (r#"{{ if contains "/" .Values.path }}y{{ end }}"#, r#"{% if path is containing(pat="/") %}"#, "y"),
        ("{{ if empty .Values.b }}y{{ end }}", "{% if b is empty %}", "y"),
        (
            "{{ if .Values.z | default false }}y{{ end }}",
            "{% if z | default(value=false, boolean=true) %}",
            "",
        ),
        ("{{ range .Values.list }}[{{ . }}]{{ end }}", "{% for it in list %}", "[x][y][z]"),
        ("{{ range .Values.hosts }}{{ .name | quote }}{{ end }}", "{% for it in hosts %}", r#""h1""h2""#),
        ("{{ range $k, $v := .Values.m }}{{ $k }}={{ $v }};{{ end }}", "{% for k, v in m %}", "k=v;l=w;"),
        (
            "{{ range $x := until (int .Values.n) }}{{ $x }}{{ end }}",
            "{% for x in range(end=n | int) %}",
            "0123456",
        ),
        ("{{ with .Values.app }}{{ .name }}:{{ .port }}{{ end }}", "{% if app %}", "web:80"),
        (
            "{{ with .Values.nodeSelector }}{{ toYaml . | nindent 2 }}{{ end }}",
            "{% if nodeSelector %}",
            "\n  disk: ssd",
        ),
        (
            r#"{{ define "c.labels" }}app: {{ .Release.Name }}{{ end }}{{ include "c.labels" . | nindent 2 }}"#,
            "{% set labels %}",
            "\n  app: app",
        ),
        (r#"{{ "a" | b64enc }}{{/* it's a note */}}{{ .Values.a }}"#, "{# it's a note #}", "YQ==A"),
        ("{{- /* note */ -}}a", "{# note #}", "a"),
    ]);
}

#[test]
fn a_chart_is_mended_tag_by_tag_to_what_helm_renders() {
    let (text, faults) = mended(
        r#"{{- define "web.labels" -}}
app: {{ .Release.Name }}
{{- end }}
{{/* the server's own Deployment */}}
metadata:
  name: {{ printf "%s-%s" .Release.Name .Values.app.name | trunc 63 | trimSuffix "-" }}
  labels:
    {{- include "web.labels" . | nindent 4 }}
spec:
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if and .Values.yes (eq .Values.a "A") }}
  image: "{{ .Values.image.repository }}:{{ .Values.tag | default .Chart.AppVersion }}"
  {{- else }}
  image: none
  {{- end }}
  env:
  {{- range $name, $value := .Values.app.env }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
  hosts:
  {{- range .Values.hosts }}
  - {{ .name }}.{{ $.Values.host }}
  {{- end }}
"#,
    );
    assert_eq!(
        text,
        "\n\nmetadata:\n  name: app-web\n  labels:\n    app: app\nspec:\n  nodeSelector:\n    disk: ssd\n  \
         image: \"r.example/app:build-7\"\n  env:\n  - name: A\n    value: \"1\"\n  - name: B\n    value: \"2\"\n  \
         hosts:\n  - h1.a.example\n  - h2.a.example\n"
    );
    assert!(faults.len() > 20, "{faults:?}");
}

#[test]
fn a_habit_is_shown_where_it_stands() {
    for (template, line, column, what) in [
        ("a: é\nb: {{ a | default(\"x\") }}", 2, 19, "the filter `default` takes its arguments by name"),
        ("{{ a | upper | tojson }}", 1, 16, "there is no filter `tojson`"),
        ("{% if a %}\n  {{ .Values.x }}{% endif %}", 2, 6, "a name does not begin with a dot"),
        ("{{ z | default }}{{ a.lower() }}", 1, 23, "a value has no method `lower`"),
        ("x\n{{- if .Values.a }}{{ end }}", 2, 5, "`if` stands between {% and %}"),
        ("{{ a\n  | join(',') }}", 2, 10, "the filter `join` takes its arguments by name"),
        ("{{ list | join(delim=',') }}", 1, 16, "`join` has no argument `delim`"),
        ("{{ a | sha256sum }}", 1, 8, "there is no counterpart of `sha256sum`"),
        ("{{ .Capabilities.KubeVersion }}", 1, 4, "there is no counterpart of `.Capabilities.KubeVersion`"),
        ("{% import 'x' as y %}", 1, 4, "`import` has no place in a pipeline"),
        ("{% macro m(a) %}{% endmacro %}", 1, 4, "there is no `macro`"),
        ("{{ a | upper | nosuch('a') }}", 1, 16, "there is no filter `nosuch`"),
        ("{{ lookup('file', 'x') }}", 1, 4, "there is no function `lookup`"),
        (r#"{{ (lookup "v1" "Secret" "ns" "n").data }}"#, 1, 5, "there is no counterpart of `lookup`"),
        ("{{ lookup('v1', 'Secret', 'ns', 'n') }}", 1, 4, "there is no counterpart of `lookup`"),
        ("a{{ end }}", 1, 5, "`end` has nothing before it that it could belong to"),
        ("{% if a %}b{% endif %}{{ end }}", 1, 26, "`end` has nothing before it that it could belong to"),
        ("{% if a %}b{% endif %}{{ else }}", 1, 26, "`else` has nothing before it that it could belong to"),
        ("{% if a %}b{% endif %}{% end %}", 1, 26, "`end` has nothing before it that it could belong to"),
        ("{% if a %}b{% endif %}{% endif %}", 1, 26, "`endif` has nothing before it that it could belong to"),
        ("{% if a is like('x') %}{% endif %}", 1, 12, "there is no test `like`"),
        ("{% include 'x' ignore missing %}", 1, 4, "`include` has no place in a pipeline"),
        ("{{ .Files.Get \"conf/app.ini\" }}", 1, 4, "a template reads no files"),
    ] {
        let fault = rendered(template).unwrap_err();
        let place = fault.place.as_deref().unwrap();
        assert_eq!((place.line, place.column, fault.what.as_str()), (line, column, what), "{template}");
        let told = fault.to_string();
        assert!(told.contains("hint: ") && !told.contains("raw"), "{told}");
    }
    let file = rendered("{{ .Files.Get \"conf/app.ini\" | nindent 2 }}").unwrap_err();
    assert_eq!(file.hint.unwrap(), "write `{{ app_ini | nindent(width=2) }}`");
    assert_eq!(file.why.unwrap(), "its text is given with `--set-file app_ini=conf/app.ini`");
}

#[test]
fn a_name_with_a_minus_in_it_is_told_by_brackets() {
    let values = json!({
        "image-tag": "v1", "image": "i", "tag": "t", "m": {"a-b": {"c": 1}}, "n": 7, "x-1": "y"
    });
    let facts = Facts::default();
    let run = |template: &str| {
        let template = Text { name: "t".to_owned(), text: template.to_owned() };
        let values = values.as_object().cloned().unwrap();
        let checked = Checked::of(&template).unwrap();
        let rendering = Rendering { checked, values, facts: &facts, traced: false };
        rendering.run(&Env::new()).map_err(|failed| rendering.failure(&failed, true))
    };
    for (template, written, expected) in [
        ("{{ image-tag }}", r#"{{ values["image-tag"] }}"#, "v1"),
        ("{{- image-tag | upper -}}", r#"{{- values["image-tag"] | upper -}}"#, "V1"),
        ("{{ values.image-tag }}", r#"{{ values["image-tag"] }}"#, "v1"),
        ("{{ m.a-b.c }}", r#"{{ m["a-b"].c }}"#, "1"),
        (
            "{% if tag ~ image-tag == 'tv1' %}y{% endif %}",
            r#"{% if tag ~ values["image-tag"] == 'tv1' %}"#,
            "y",
        ),
        ("{{ x-1 }}", r#"{{ values["x-1"] }}"#, "y"),
    ] {
        let fault = run(template).unwrap_err();
        assert_eq!(suggestion(&fault), Some(written), "{fault}");
        let end = template.find(if written.starts_with("{%") { "%}" } else { "}}" }).unwrap() + 2;
        assert_eq!(run(&format!("{written}{}", &template[end..])).unwrap(), expected);
    }
    for (template, words) in [
        ("{{ imagetag }}", "hint: did you mean `values[\"image-tag\"]`?"),
        ("{{ image_tag }}", "hint: did you mean `values[\"image-tag\"]`?"),
        ("{{ m.a_b }}", "hint: did you mean `m[\"a-b\"]`?"),
        (
            "{{ pull-policy }}",
            "hint: write `values[\"pull-policy\"]`, and give it with `--set pull-policy=…`",
        ),
        ("{{ o-1 }}", "`o` is not defined"),
    ] {
        let told = run(template).unwrap_err().to_string();
        assert!(told.contains(words), "{told}");
    }
    assert_eq!(run("{{ n-1 }}{{ n-n }}").unwrap(), "60");
}

#[test]
fn what_may_be_another_programs_template_may_also_stay_as_it_is() {
    for (template, written) in [
        ("docker ps --format '{{.Names}}'", Some("{{ Names }}")),
        ("expr: {{ $labels.instance }}", Some("{{ labels.instance }}")),
        ("{{ range .items }}{{ .x }}{{ end }}", None),
        ("run: ${{ matrix.os == 'x' && 'y' }}", None),
        ("{{ @x }}", None),
    ] {
        let fault = rendered(template).unwrap_err();
        assert!(written.is_none() || suggestion(&fault) == written, "{fault}");
        assert!(fault.hint.as_deref().unwrap().contains("{% raw %}"), "{template}\n{fault}");
    }
}

#[test]
fn a_map_is_walked_in_one_order_by_every_rendering() {
    let template = "{% for k, v in m %}{{ k }}{% endfor %}{{ m | keys | join }}{{ m | pairs | length }}";
    let names: Vec<String> = (0..40).map(|index| format!("k{index:02}")).collect();
    let map: serde_json::Map<_, _> = names.iter().rev().map(|name| (name.clone(), json!(1))).collect();
    let template = Text { name: "t".to_owned(), text: template.to_owned() };
    let facts = Facts::default();
    let values = json!({"m": map}).as_object().cloned().unwrap();
    let rendering =
        Rendering { checked: Checked::of(&template).unwrap(), values, facts: &facts, traced: false };
    let text = rendering.run(&Env::new()).map_err(|failed| failed.error).unwrap();
    assert_eq!(text, format!("{0}{0}40", names.concat()));
}

#[test]
fn no_template_is_refused_for_its_style() {
    for (template, expected) in [
        ("{%- if yes -%} y {%- endif -%}", "y"),
        ("{{ a ~ 'x' }}{{ 1 if yes else 2 }}{% if no %}{% elif yes %}e{% endif %}", "Ax1e"),
        ("{% for q in list %}{{ loop.index }}{% if loop.last %}.{% endif %}{% endfor %}", "123."),
        ("{% if a is defined and z is not defined %}y{% endif %}", "y"),
        ("{% set x = [1, 2,] %}{{ x[0] + x[1] }}", "3"),
        ("{{ [q * 2 for q in nums if q > 1] }}", "[6, 4]"),
        ("{{ {...m, 'x': 1} | length }}", "3"),
        ("{{ text[0:3] }}{{ list[::-1] | join }}", "onezyx"),
        ("{{ app?.none?.x | default(value='d') }}", "d"),
        ("{{ range (end = 2) }}{{ a . k | default(value = 'e') }}", "[0, 1]e"),
        ("{% filter upper | trim() %} a {% endfilter %}{% set x | upper %}b{% endset %}{{ x }}", "AB"),
        ("{{ -n | abs }}{{ 2 ** 2 }}{{ 7 // 2 }}{{ 7 % 2 }}", "7431"),
        ("{{ not yes }}{{ 'x' not in list }}", "falsefalse"),
        ("{{ `raw \"q\"` }}", "raw \"q\""),
    ] {
        match rendered(template) {
            Ok(text) => assert_eq!(text, expected, "{template}"),
            Err(fault) => panic!("{template}\n{fault}"),
        }
        // nor is it found to be a habit beside something else that is wrong
        let fault = rendered(&format!("{template}{{{{ %% }}}}")).unwrap_err();
        assert_eq!(fault.what, "the template cannot be read", "{template}");
    }
    // a value may have such a name
    let template =
        Text { name: "t".to_owned(), text: "{{ end }}{{ else }}{{ with.x }}{{ range }}".to_owned() };
    let values = json!({"end": 1, "else": 2, "with": {"x": 3}, "range": 4});
    let facts = Facts::default();
    let values = values.as_object().cloned().unwrap();
    let rendering =
        Rendering { checked: Checked::of(&template).unwrap(), values, facts: &facts, traced: false };
    assert_eq!(rendering.run(&Env::new()).map_err(|failed| failed.error).unwrap(), "1234");
}

#[test]
fn no_text_takes_long_to_be_looked_at() {
    let deep = format!("{{{{ {}x{} | default(1) }}}}", "(".repeat(5000), ")".repeat(5000));
    let twice = |inner: String| format!("(eq {inner} 1 2)");
    let grown = (0..39).fold(".a".to_owned(), |inner, _| twice(inner));
    let many = format!("{{{{ {} }}}}", "a | default(1) ".repeat(20_000));
    let long = format!("{}{{{{ %% }}}}", "{% if a %}{{ a }}{% endif %}".repeat(10_000));
    for template in
        [deep, long, format!("{{{{ {grown} }}}}"), many, "{{ .a ".repeat(20_000), "{{/*".repeat(20_000)]
    {
        assert!(rendered(&template).is_err(), "{}", &template[..20]);
    }
}
