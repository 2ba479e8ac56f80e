//! Templates converted, and what they render to held against what stencil made of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::*;
use crate::pipeline::documents;
use crate::pipeline::facts::{Fact, Facts, Group};
use crate::pipeline::sources::Text;
use crate::pipeline::template::{Checked, Env, Rendering};

/// `tests/data/stencil.json`.
#[derive(Deserialize)]
struct Data {
    facts: BTreeMap<String, String>,
    env: Env,
    values: Map<String, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    text: String,
    #[serde(default)]
    gives: String,
    #[serde(default)]
    documents: bool,
}

impl Data {
    fn read() -> Self {
        serde_json::from_str(include_str!("../../../tests/data/stencil.json")).unwrap()
    }

    /// stencil's facts by our names.
    fn facts(&self) -> Facts {
        let group = |names: &[(&str, &str)]| -> Group {
            let known = |(ours, theirs): &(&str, &str)| {
                ((*ours).to_owned(), Fact::known(self.facts[*theirs].as_str()))
            };
            names.iter().map(known).collect()
        };
        let git = [
            ("hash", "gitHash"),
            ("branch", "gitBranch"),
            ("tag", "gitTag"),
            ("url", "gitURL"),
            ("dir", "gitDir"),
            ("version", "version"),
            ("module", "module"),
        ];
        let user = [("id", "userID"), ("name", "userName"), ("group_id", "userGroupID")];
        Facts { git: group(&git), user: group(&user), ..Facts::default() }
    }

    /// What a template of ours gives, or why it gives nothing.
    fn rendered(&self, text: &str) -> Result<String, String> {
        let template = Text { name: "pipeline.yaml".to_owned(), text: text.to_owned() };
        let facts = self.facts();
        let checked = Checked::of(&template).map_err(|fault| fault.to_string())?;
        checked.known_facts(&facts, &self.values).map_err(|fault| fault.to_string())?;
        let rendering = Rendering { checked, values: self.values.clone(), facts: &facts, traced: false };
        rendering.run(&self.env).map_err(|failed| rendering.failure(&failed, true).to_string())
    }
}

#[test]
fn whatever_is_converted_renders_as_it_did() {
    let data = Data::read();
    assert!(data.cases.len() > 120, "{}", data.cases.len());
    let mut wrong = Vec::new();
    for case in &data.cases {
        let converted = convert(&case.text);
        let rendered = data.rendered(&converted.text);
        // what is missing is a fault here
        let held = match &rendered {
            Ok(text) if case.documents => {
                let read = |text: &str| documents::read_value("it", text).unwrap();
                read(text) == read(&case.gives)
            }
            Ok(text) => *text == case.gives,
            Err(why) => case.gives.contains("<no value>") && !why.contains("not converted"),
        };
        if !held {
            wrong.push(format!(
                "## {}\n{}\n{}\ngives {rendered:?}\nnot   {:?}",
                case.name, case.text, converted.text, case.gives
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_template_keeps_its_lines() {
    for case in Data::read().cases {
        let moves = ["define", "block", "template"].iter().any(|word| case.text.contains(word));
        let lines = |text: &str| text.matches('\n').count();
        let converted = convert(&case.text);
        // a line that no tag of ours can keep is one that a space of another kind stands on
        if !moves && !case.name.starts_with("spaces") && !case.text.contains("println") {
            assert_eq!(lines(&converted.text), lines(&case.text), "{}\n{}", case.text, converted.text);
        }
        let refused = |note: &&ConvertNote| note.what == Conversion::Refused;
        assert_eq!(converted.notes.iter().find(refused), None, "{}", case.text);
    }
}

/// What has no counterpart: it is marked, the rest stands beside it, and no rendering comes by the mark.
#[test]
fn what_has_no_counterpart_is_refused_with_its_line() {
    for (text, line, why) in [
        ("a: 1\nb: {{ now }}\nc: 2\n", 2, "clock"),
        ("b: {{ now | date \"2006\" }}\n", 1, "clock"),
        ("b: {{ uuidv4 }}\n", 1, "something else each time"),
        ("b: {{ randAlphaNum 5 | b64enc }}\n", 1, "something else each time"),
        ("b: {{ genPrivateKey \"rsa\" }}\n", 1, "another key each time"),
        ("b: {{ getHostByName \"a\" }}\n", 1, "network"),
        ("b: {{ include \"x\" . }}\n", 1, "Helm's"),
        ("b: {{ semver .Name }}\n", 1, "`semver`"),
        ("b: {{ title .Name }}\n", 1, "letters"),
        ("b: {{ nosuch .Name }}\n", 1, "`nosuch`"),
        ("b: {{ .duat.awsecr }}\n", 1, "AWS"),
        ("b: {{ .duat.gitBrunch }}\n", 1, "no fact `gitBrunch`"),
        ("b: {{ env .Name }}\n", 1, "written down"),
        ("b: {{ expandenv \"$1\" }}\n", 1, "no variable"),
        ("b: {{ list 1 2 }}\n", 1, "no YAML"),
        ("b: {{ dict \"a\" 1 }}\n", 1, "no YAML"),
        ("b: {{ toYaml . }}\n", 1, "all values at once"),
        ("{{ range $k, $v := . }}{{ end }}\n", 1, "all values at once"),
        ("{{ range $k := keys .map }}- {{ $k }}\n{{ end }}", 1, "another order each time"),
        ("b: {{ printf .Name 1 }}\n", 1, "format"),
        ("b: {{ printf \"%e\" 1.5 }}\n", 1, "`%e`"),
        ("b: {{ printf \"%s\" }}\n", 1, "fewer values"),
        ("b: {{ 1e9 }}\n", 1, "number"),
        ("b: {{ 2i }}\n", 1, "number"),
        ("b: {{ sortAlpha .list | join \",\" }}\n", 1, "texts"),
        ("b: {{ $x }}\n", 1, "nothing has made `$x`"),
        ("{{ $x = 1 }}\n", 1, "nothing has made `$x`"),
        ("b: {{ .Name | }}\n", 1, "nothing where a value should be"),
        ("b: {{ .Name .Tag }}\n", 1, "only a function"),
        ("b: {{ .Name \"x }}\n", 1, "ends on its line"),
        ("b: {{ .Name ; }}\n", 1, "';'"),
        ("b: {{ eq .Name nil }}\n", 1, "nil"),
        ("b: {{ eq 1 \"a\" }}\n", 1, "another kind"),
        ("b: {{ regexMatch \"(?=a)\" .Name }}\n", 1, "regular expression"),
        ("b: {{ regexMatch \"\\\\pL\" .Name }}\n", 1, "regular expression"),
        ("b: {{ regexMatch \"[a--z]\" .Name }}\n", 1, "brackets"),
        ("a: 1\n{{ end }}\n", 2, "nothing is open"),
        ("a: 1\n{{ if .yes }}\nb: 1\n", 2, "no `end`"),
        ("a: 1\n{{ .Name\n", 2, "no end"),
        ("a: {{/* b\n", 1, "comment"),
        ("{{ break }}\n", 1, "no loop"),
        ("{{ template \"x\" . }}\n", 1, "no template `x`"),
        ("{{ define \"x\" }}{{ template \"x\" . }}{{ end }}\n{{ template \"x\" . }}\n", 1, "calls itself"),
        ("{{ define \"x\" }}{{ .a }}{{ end }}\n{{ template \"x\" }}\n", 1, "given nothing"),
        (
            "{{ define \"x\" }}1{{ end }}{{ define \"x\" }}2{{ end }}\n{{ template \"x\" . }}\n",
            2,
            "several templates",
        ),
        ("{{ if now }}\na: 1\n{{ else if .yes }}\nb: {{ .Name }}\n{{ end }}\n", 1, "clock"),
        ("{{ range now }}\na: {{ . }}\n{{ end }}\n", 1, "clock"),
        ("{{ with now }}\na: {{ .x }}\n{{ end }}\n", 1, "clock"),
        ("{{ if .no }}\na: {{ now }}\n{{ end }}\n", 2, "clock"),
    ] {
        let converted = convert(text);
        let refused: Vec<_> =
            converted.notes.iter().filter(|note| note.what == Conversion::Refused).collect();
        let [note] = refused[..] else { panic!("{text}\n{converted:?}") };
        assert_eq!(note.line, line, "{text}\n{converted:?}");
        assert!(note.reason.contains(why), "{text}\n{converted:?}");
        let said = Data::read().rendered(&converted.text).unwrap_err();
        assert!(said.contains("is not converted") && said.contains(why), "{text}\n{said}");
        assert!(said.contains(&format!("line {line} of the old template")), "{text}\n{said}");
        assert!(text.contains(&note.before), "{text}\n{converted:?}");
    }
}

#[test]
fn whoever_converts_is_told_line_by_line() {
    let text = "kind: Pod\n{{- $root := . }}\n{{- define \"x\" }}{{ .a }}{{ end }}\nname: {{ .Name }}\n\
                namespace: {{ default \"ci\" $root.Namespace }}\nx: {{ template \"x\" . }}\nat: {{ now }}\n";
    let notes: Vec<_> = convert(text)
        .notes
        .into_iter()
        .map(|note| format!("{} {:?} {} → {}", note.line, note.what, note.before, note.after))
        .collect();
    assert_eq!(
        notes,
        [
            "2 Dropped {{- $root := . }} → {#- $root := . #}",
            "3 Turned {{- define \"x\" }} → ",
            "3 Changed {{ .a }} → {{ a }}",
            "4 Changed {{ .Name }} → {{ Name }}",
            "5 Changed {{ default \"ci\" $root.Namespace }} → {{ Namespace | default(value=\"ci\", boolean=true) }}",
            "6 Turned {{ template \"x\" . }} → ",
            "7 Refused {{ now }} → {{ unconverted(line=7, was=\"{{ now }}\", why=\"`now`: it goes by the clock, and \
             each build would be made of other objects; give the time as a value\") }}",
        ]
    );
}

/// A row of numbers that is the same every time.
struct Made(u64);

impl Made {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap_or_default()
    }
}

#[test]
fn what_is_made_up_is_a_template_of_ours_or_refused() {
    const PARTS: [&str; 66] = [
        "{{ ",
        "{{- ",
        "{{",
        " }}",
        " -}}",
        "}}",
        "if ",
        "else ",
        "else if ",
        "end",
        "range ",
        "with ",
        "define \"x\"",
        "template \"x\" ",
        "block \"y\" ",
        "break",
        "continue",
        ".",
        ".a",
        ".a.b",
        " .list ",
        "$x",
        "$x := ",
        "$x = ",
        "$i, $x := ",
        "$",
        "$.a",
        " | ",
        "(",
        ")",
        "\"s\"",
        "`r\n`",
        "'c'",
        " 1",
        " -2",
        " 1.5",
        "true",
        "nil",
        "default ",
        "empty",
        "ternary ",
        "printf \"%s-%d\" ",
        "print ",
        "eq ",
        "and ",
        "not ",
        "index ",
        "len ",
        "list ",
        "dict \"k\" ",
        "join \",\" ",
        "now",
        "upper",
        "{{/* c */}}",
        "{{- /* #} */ -}}",
        "{%",
        "{#",
        "#}",
        "%}",
        "{",
        "\n",
        " ",
        "\u{a0}",
        "text",
        "é",
        ":= ",
    ];
    let tags = ["{{ end }}", "{{ if .a }}", "{{ else }}", "{{ .a }}", "{{ range .list }}", "{{ $x := .a }}"];
    let mut made = Made(88_172_645_463_325_252);
    let mut read = 0;
    for _ in 0..6000 {
        let mut text = String::new();
        for _ in 0..made.below(24) {
            let whole = made.below(4) == 0;
            text += if whole { tags[made.below(tags.len())] } else { PARTS[made.below(PARTS.len())] };
        }
        let converted = convert(&text);
        let refused = converted.notes.iter().any(|note| note.what == Conversion::Refused);
        let template = Text { name: "it".to_owned(), text: converted.text.clone() };
        let checked = Checked::of(&template);
        let fault = checked.as_ref().err();
        assert_eq!(refused, fault.is_some(), "{text:?}\n{}\n{fault:?}", converted.text);
        if let Some(fault) = fault {
            assert!(fault.what.contains("not converted"), "{text:?}\n{}\n{fault}", converted.text);
        }
        read += usize::from(!refused && text.contains("{{"));
    }
    assert!(read > 200, "{read}");
}

#[test]
fn no_text_takes_long_to_be_converted() {
    let nested = |open: &str, close: &str| format!("{}a{}", open.repeat(5000), close.repeat(5000));
    let grown = (0..8).fold(".a".to_owned(), |inner, _| format!("(coalesce {inner} {inner})"));
    let twice = |at: usize| {
        let call = format!("{{{{ template \"t{}\" . }}}}", at + 1);
        format!("{{{{ define \"t{at}\" }}}}{call}{call}{{{{ end }}}}")
    };
    let calls = (0..30).fold(String::new(), |all, at| all + &twice(at));
    for text in [
        nested("{{ if .a }}", "{{ end }}"),
        format!("{{{{ {} }}}}", nested("(", ")")),
        format!("{{{{ {grown} }}}}"),
        format!("{calls}{{{{ template \"t0\" . }}}}"),
        format!("{{{{ .a{} }}}}", " | upper".repeat(20_000)),
        format!("{{{{ .a{} }}}}", ".b".repeat(20_000)),
        "{{/*".repeat(20_000),
        "{{/* */".repeat(20_000),
        "{{ `".repeat(20_001),
        "{{ .a ".repeat(20_000),
        "{".repeat(100_000),
        "x".repeat(MOST_BYTES + 1),
    ] {
        let converted = convert(&text);
        assert!(converted.text.len() < 20 << 20, "{}", &text[..40]);
        let refused = converted.notes.iter().any(|note| note.what == Conversion::Refused);
        assert!(refused, "{}", &text[..40]);
    }
}
