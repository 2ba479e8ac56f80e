//! Filters of ours, and the lists of what Tera knows.

use super::*;

fn run(template: &str) -> String {
    let mut tera = Tera::new();
    register(&mut tera);
    tera.add_raw_template("t", template).unwrap();
    let mut context = tera::Context::new();
    context.insert("s", "a \"b\"\nc");
    context.insert("n", &12);
    context.insert("m", &serde_json::json!({"k": ["yes", 1]}));
    tera.render("t", &context).unwrap()
}

#[test]
fn filters_of_ours() {
    for (template, expected) in [
        ("{{ 'hunter2' | b64_encode }}", "aHVudGVyMg=="),
        ("{{ '' | b64enc }}{{ 'a' | b64enc }}{{ 'ab' | b64enc }}{{ 'abc' | b64enc }}", "YQ==YWI=YWJj"),
        ("{{ n | b64enc | b64dec }}", "12"),
        ("{{ 'aHVu\ndGVyMg==' | b64_decode }}", "hunter2"),
        ("{{ s | quote }}", r#""a \"b\"\nc""#),
        ("{{ n | quote }}", r#""12""#),
        ("{{ \"it's\" | squote }}", "'it''s'"),
        ("a:{{ s | nindent(width=2) }}", "a:\n  a \"b\"\n  c"),
        ("{{ m | to_json }}", r#"{"k":["yes",1]}"#),
        ("{{ m | to_yaml }}", "k:\n- \"yes\"\n- 1"),
        ("{{ 'Feature/X__y!' | slug }}", "feature-x-y"),
        ("{{ 'v1.2' | trim_prefix(pat='v') }}", "1.2"),
        ("{{ 'a-x-x' | trim_suffix(pat='-x') }}", "a-x"),
        ("{% if '' is empty and nothing is empty %}y{% endif %}", "y"),
    ] {
        assert_eq!(run(template), expected, "{template}");
    }
    assert_eq!(slug(&"a-".repeat(60)).len(), 63);
    for bad in ["a", "ab=c", "====", "a===", "/w=="] {
        assert!(decode(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_value_through_a_quoting_filter_and_yaml_is_the_same_value() {
    let texts = [
        "",
        " ",
        "plain",
        "it's",
        "\"a\" 'b'",
        r"back\slash \n",
        "one\ntwo\nthree\n",
        "one\n\n\n two \n",
        "\nfirst",
        " leading",
        "trailing ",
        "a: b",
        "a #b",
        "# a",
        "- a",
        "{a}",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "true",
        "no",
        "~",
        "012",
        "1e3",
        "2026-01-01",
        "<<",
        "größe 日本 🚀",
        "tab\there",
        "cr\r\nlf",
        "nul\0",
        "nel\u{85}x",
        "ls\u{2028}ps\u{2029}x",
        "\u{feff}bom",
        "del\u{7f}",
        "\u{fffe}",
        "a,b]c}d",
        "---",
        "...",
        "a\n---\nb",
        "a\n# b\nc: d",
        "\\",
        "'",
        "''",
        "\"",
        "-----BEGIN KEY-----\nYWJj\nZGVm\n-----END KEY-----\n",
    ];
    let filters = ["quote", "squote", "to_json", "json_encode"];
    let places = [
        ("{V}\n", ""),
        ("k: {V}\n", "/k"),
        ("a:\n  b:\n    k: {V}\n  c: d\n", "/a/b/k"),
        ("a: {b: c, k: {V}, d: [e]}\n", "/a/k"),
        ("- a\n- {V} # note\n", "/1"),
        ("{\"a\": [{V}]}\n", "/a/0"),
    ];
    let mut tera = Tera::new();
    register(&mut tera);
    let mut put = |template: &str, text: &str| {
        tera.add_raw_template("t", template).unwrap();
        let mut context = tera::Context::new();
        context.insert("v", text);
        tera.render("t", &context).unwrap()
    };
    let mut read = |template: &str, text: &str, at: &str| {
        let yaml = put(template, text);
        let value = crate::pipeline::documents::read_value("t", &yaml);
        let value = value.unwrap_or_else(|fault| panic!("{text:?} as {template}\n{yaml}\n{fault}"));
        assert_eq!(value.pointer(at), Some(&Json::from(text)), "{text:?} as {template}\n{yaml}");
    };
    for text in texts {
        for (place, at) in places {
            for filter in filters {
                read(&place.replace("{V}", &format!("{{{{ v | {filter} }}}}")), text, at);
            }
        }
        for filter in ["to_yaml", "yaml_encode"] {
            read(&format!("k: {{{{ v | {filter} }}}}\n"), text, "/k");
            read(&format!("a:\n  k: {{{{ v | {filter} | indent }}}}\n"), text, "/a/k");
            read(&format!("a:\n  k:{{{{ {{\"x\": v}} | {filter} | nindent }}}}\n"), text, "/a/k/x");
        }
    }
}

#[test]
fn a_slug_of_a_text_that_has_none_is_a_fault() {
    let mut tera = Tera::new();
    register(&mut tera);
    for (text, expected) in [
        ("'é'", None),
        ("'ветка'", None),
        ("'--/--'", None),
        ("'é1'", Some("1")),
        ("'fix/ветка-2'", Some("fix-2")),
        ("''", Some("")),
    ] {
        tera.add_raw_template("t", &format!("{{{{ {text} | slug }}}}")).unwrap();
        let slug = tera.render("t", &tera::Context::new());
        assert_eq!(slug.as_deref().ok(), expected, "{text}");
    }
}

/// The lists are what Tera knows: a name that is missing or too much here would be a wrong fault there.
#[test]
fn the_lists_are_those_of_tera() {
    let known = |template: &str| {
        let mut tera = Tera::new();
        register(&mut tera);
        tera.add_raw_template("t", template).is_ok()
    };
    for name in filters() {
        assert!(known(&format!("{{{{ 1 | {name} }}}}")), "{name}");
    }
    for name in tests() {
        assert!(known(&format!("{{% if 1 is {name} %}}{{% endif %}}")), "{name}");
    }
    for name in functions() {
        assert!(known(&format!("{{{{ {name}() }}}}")), "{name}");
    }
    // each argument is read: a wrong one of its kind is refused
    for (call, value) in [
        ("default", "nothing"),
        ("pluralize", "1"),
        ("trim", "'a'"),
        ("trim_start", "'a'"),
        ("trim_end", "'a'"),
        ("trim_prefix", "'a'"),
        ("trim_suffix", "'a'"),
        ("split", "'a'"),
        ("replace", "'a'"),
        ("truncate", "'aaa'"),
        ("indent", "'a'"),
        ("nindent", "'a'"),
        ("int", "'1'"),
        ("round", "1.5"),
        ("nth", "[1]"),
        ("join", "['a']"),
        ("sort", "[{\"a\": 1}]"),
        ("group_by", "[{\"a\": 1}]"),
        ("get", "{\"a\": 1}"),
    ] {
        let good = |name: &str| match name {
            "width" | "length" | "n" | "precision" => "1",
            "base" => "10",
            "first" | "blank" | "boolean" => "true",
            "method" => "'ceil'",
            "indentation" => "'-'",
            _ => "'a'",
        };
        let names = arguments(call);
        let rendered = |wrong: Option<&str>| {
            let mut tera = Tera::new();
            register(&mut tera);
            let told: Vec<String> = names
                .iter()
                .map(|name| format!("{name}={}", if wrong == Some(name) { "[{}]" } else { good(name) }))
                .collect();
            let template = format!("{{{{ {value} | {call}({}) }}}}", told.join(", "));
            tera.add_raw_template("t", &template).unwrap();
            (tera.render("t", &tera::Context::new()).map_err(|error| error.to_string()), template)
        };
        let (right, template) = rendered(None);
        assert!(right.is_ok() && !names.is_empty(), "{template}: {right:?}");
        for name in names.iter().filter(|name| !["value", "default"].contains(name)) {
            let (wrong, template) = rendered(Some(name));
            assert!(wrong.is_err(), "{template}: {wrong:?}");
        }
    }
    for template in ["{{ 1 | nosuch }}", "{% if 1 is nosuch %}{% endif %}", "{{ nosuch() }}"] {
        assert!(!known(template), "{template}");
    }
}
