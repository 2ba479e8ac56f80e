//! Both tables of kubectl's dialect: what is read, and what is written.

use super::*;
use serde_json::json;

/// Reads `x: …` as kubectl would.
fn one(text: &str) -> Value {
    read_value("test", text).unwrap()["x"].clone()
}

fn wrong(text: &str) -> String {
    read("rendered", text).unwrap_err().to_string()
}

#[test]
fn every_scalar_reads_as_kubectl_reads_it() {
    for (yaml, expected) in [
        ("x: y", json!(true)),
        ("x: yes", json!(true)),
        ("x: on", json!(true)),
        ("x: no", json!(false)),
        ("x: 0644", json!(420)),
        ("x: 012", json!(10)),
        ("x: 1_000", json!(1000)),
        ("b: &b {k: v}\nx:\n  <<: *b\n  l: w", json!({"k": "v", "l": "w"})),
        ("x: 123e4567", json!("123e4567")),
        ("x: 1e3", json!(1000)),
        ("x: 9fceb02", json!("9fceb02")),
        ("x: \"y\"", json!("y")),
        ("x: 'no'", json!("no")),
        ("x: \"0644\"", json!("0644")),
        ("x: !!str 0644", json!("0644")),
        ("x: !!int 12", json!(12)),
        ("x: |\n  yes", json!("yes\n")),
        ("x: >\n  a;\n  b", json!("a; b\n")),
        ("x:", Value::Null),
        ("x: <<", json!("<<")),
        ("x: {y: 1, 2: no, 0x10: c}", json!({"true": 1, "2": false, "16": "c"})),
        ("x: [a, &z b, *z]", json!(["a", "b", "b"])),
        ("b: &b {k: v, j: u}\nc: &c {k: w}\nx: {<<: [*c, *b]}", json!({"k": "w", "j": "u"})),
        ("b: &b {k: v}\nx:\n  <<: *b\n  k: own", json!({"k": "own"})),
        ("x: \"*=INF\"", json!("*=INF")),
        ("x: ${MINIO_SERVICE_HOST}", json!("${MINIO_SERVICE_HOST}")),
        ("x: amqp://a:b@h/%2f?y", json!("amqp://a:b@h/%2f?y")),
    ] {
        assert_eq!(one(yaml), expected, "{yaml}");
    }
}

#[test]
fn a_dash_alone_is_a_word_between_brackets() {
    for (yaml, expected) in [
        ("x: [tar, xf, -]", json!(["tar", "xf", "-"])),
        ("x: [-]", json!(["-"])),
        ("x: {a: -}", json!({"a": "-"})),
        ("x: {a: -, b: [-, -]}", json!({"a": "-", "b": ["-", "-"]})),
        ("x: [_, -, '-', \"_\"]", json!(["_", "-", "-", "_"])),
        ("x: [\n  é, -, # standard input: -\n  -]", json!(["é", "-", "-"])),
        ("x: [&a -, *a]", json!(["-", "-"])),
        ("x: [!!str -, -f]", json!(["-", "-f"])),
    ] {
        assert_eq!(one(yaml), expected, "{yaml}");
    }
    let many = format!("x: [{}]", vec!["-"; 150].join(","));
    assert_eq!(one(&many), json!(vec!["-"; 150]));
    let said = read_value("f", &format!("x: [{}]", vec!["-"; 250].join(","))).unwrap_err().to_string();
    assert!(said.contains("too many words of one dash between brackets"), "{said}");
    let fault = read_value("f", "x: [a, -]\nz: [-\n").unwrap_err();
    assert_eq!(fault.place.unwrap().text, "z: [-", "what is shown is the text as it is written");
}

#[test]
fn a_bracket_may_hold_more_lines_with_tabs_than_a_document_is_mended() {
    let lines = "\t\ta: [b,\n\tc],\n".repeat(400).replace("a:", "\"a\":");
    let text = format!("x: [\n{lines}\n]\nz: |\n  all:\n  \tgo\n");
    let read = read_value("f", &text).unwrap();
    assert_eq!(read["x"].as_array().unwrap().len(), 400);
    assert_eq!(read["z"], "all:\n\tgo\n");
}

#[test]
fn objects_of_json_stand_one_after_another_as_kubectl_takes_them() {
    let found =
        read("f", "{\"apiVersion\": \"v1\", \"kind\": \"A\"} {\"apiVersion\": \"v1\",\n \"kind\": 7}");
    let fault = found.unwrap_err();
    assert_eq!(fault.what, "document 2 (7): `kind` is not a word");
    let place = fault.place.unwrap();
    assert_eq!((place.line, place.column), (1, 35), "counted in the whole text");
    let text = "{\"apiVersion\": \"v1\", \"kind\": \"A\"}\n{\"apiVersion\": \"v1\", \"kind\": \"B\"}\n";
    let kinds: Vec<_> = read("f", text).unwrap().iter().map(|it| (it.kind().to_owned(), it.line)).collect();
    assert_eq!(kinds, [("A".to_owned(), 1), ("B".to_owned(), 2)]);
    let said = wrong(&format!("{text}---\nkind: C\n"));
    assert!(said.contains("what follows these objects of JSON is none") && said.contains("line 3"), "{said}");
}

#[test]
fn what_kubectl_takes_silently_is_a_fault_here() {
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n";
    for (yaml, line, words) in [
        ("data:\n  a: 1\n  b: 2\n  a: 3\n", 7, "the key `a` is there twice: lines 5 and 7"),
        ("a: &a {k: 1}\ndata:\n  k: 2\n  <<: *a\n", 7, "`<<` brings `k`, which line 6 sets as well"),
        (
            "data: {yes: 1, true: 2}\n",
            4,
            "the key `true` is there twice, as `yes` and as `true`: columns 8 and 16 of line 4",
        ),
        (
            "data:\n  n: 1\n  false: 2\n",
            6,
            "the key `false` is there twice, as `n` and as `false`: lines 5 and 6",
        ),
        (
            "data:\n  0x10: 1\n  '16': 2\n",
            6,
            "the key `16` is there twice, as `0x10` and as `16`: lines 5 and 6",
        ),
        ("data: {\"<<\": 1, '<<': 2}\n", 4, "the key `<<` is there twice: columns 8 and 17 of line 4"),
        ("data:\n  a: .inf\n", 5, "infinity"),
        ("data: {[a]: b}\n", 4, "a key must be one word"),
        ("data: {{ a }}\n", 4, "a key must be one word"),
        ("data: {~: b}\n", 4, "a key cannot be null"),
        ("data: {1.5: b}\n", 4, "a number with a fraction"),
        ("data: !thing x\n", 4, "the tag `!thing` means nothing"),
        ("data: !!int x\n", 4, "does not fit its tag"),
        ("data: a: b\n", 4, "this is not YAML"),
        ("data: [a\n", 4, "this is not YAML"),
        ("data: *nowhere\n", 4, "names an anchor that does not stand before it"),
        ("data: &a [*a]\n", 4, "an alias stands inside the node"),
        ("...\na: b\n", 5, "a second document starts here without `---`"),
        ("--- a: b\n", 4, "only a comment may follow `---`"),
        ("-----BEGIN\n", 4, "only a comment may follow `---`"),
    ] {
        let fault = read("rendered", &format!("{object}{yaml}")).unwrap_err();
        assert!(fault.what.contains(words), "{yaml}: {fault}");
        assert_eq!(fault.place.as_ref().unwrap().line, line, "{yaml}: {fault}");
        if !words.contains("---` on") && !words.contains("may follow") {
            assert!(fault.what.starts_with("document 1 (ConfigMap"), "{yaml}: {fault}");
        }
    }
}

#[test]
fn aliases_cannot_multiply_without_bound() {
    use std::fmt::Write as _;
    let mut text = "apiVersion: v1\nkind: X\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..9 {
        let before = level - 1;
        let list = vec![format!("*a{before}"); 10].join(",");
        writeln!(text, "a{level}: &a{level} [{list}]").unwrap();
    }
    assert!(wrong(&text).contains("more than 100000 nodes"), "{}", wrong(&text));
}

#[test]
fn what_aliases_bring_is_counted_over_all_documents_of_a_text() {
    let document = |scalar: &str, aliases: usize| {
        let aliases = vec!["*s"; aliases].join(",");
        format!("apiVersion: v1\nkind: X\ns: &s {scalar}\nl: [{aliases}]\n---\n")
    };
    let long = "x".repeat(20_000);
    let text = document(&long, 104);
    assert_eq!(read("f", &text).unwrap().len(), 1, "2 MiB are fine");
    let said = read("f", &document(&long, 105)).unwrap_err().to_string();
    assert!(said.contains("aliases bring more than 2 MiB"), "{said}");
    let said = read("f", &document(&long, 60).repeat(2)).unwrap_err().to_string();
    assert!(said.contains("document 2 (X): aliases bring more than 2 MiB"), "{said}");
    let said = read("f", &document("x", 60_000).repeat(2)).unwrap_err().to_string();
    assert!(said.contains("document 2 (X): aliases bring more than 100000 nodes"), "{said}");
}

#[test]
fn a_text_is_split_as_kubectl_splits_it() {
    let text = "# only a comment\n---\n---\napiVersion: v1\nkind: A\n---   # next\n# nothing\n---\n~\n---\n\napiVersion: v1\nkind: B\nmetadata: {name: b}\n...\n";
    let found: Vec<_> = read("f", text).unwrap().into_iter().map(|d| (d.title(), d.line)).collect();
    assert_eq!(found, [("document 1 (A)".to_owned(), 4), ("document 3 (B b)".to_owned(), 12)]);
    assert_eq!(read("f", "").unwrap(), []);
    assert_eq!(read("f", "\n# a\n---\n# b\n").unwrap(), []);
    let dashes = "apiVersion: v1\nkind: A\ndata:\n  pem: |\n    -----BEGIN-----\n    ---\n";
    assert_eq!(read("f", dashes).unwrap()[0].value["data"]["pem"], "-----BEGIN-----\n---\n");
    assert_eq!(read("f", "{\"apiVersion\": \"v1\",\n\t\"kind\": \"J\"}").unwrap()[0].kind(), "J");
    assert_eq!(
        read("f", "apiVersion: v1\r\nkind: Crlf\r\n---\r\napiVersion: v1\r\nkind: D\r\n").unwrap().len(),
        2
    );
}

#[test]
fn lists_are_taken_apart() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: A\n- apiVersion: v1\n  kind: ConfigMapList\n  items:\n  - apiVersion: v1\n    kind: B\n";
    let found: Vec<_> = read("f", text).unwrap().into_iter().map(|d| (d.title(), d.line)).collect();
    assert_eq!(found, [("document 1, item 1 (A)".to_owned(), 4), ("document 1, item 1 (B)".to_owned(), 9)]);
}

#[test]
fn a_list_of_nothing_is_nothing() {
    let object = "---\napiVersion: v1\nkind: A\n";
    for items in ["items:", "items: []", "items: ~", "items: null", "items:\n# none", "metadata: {}\nitems:"]
    {
        for kind in ["List", "ConfigMapList"] {
            let found = read("f", &format!("apiVersion: v1\nkind: {kind}\n{items}\n{object}")).expect(items);
            assert_eq!(found.iter().map(Document::kind).collect::<Vec<_>>(), ["A"], "{kind}: {items}");
        }
    }
    // a kind of one's own may be called so and be no list
    let own = read("f", "apiVersion: example.com/v1\nkind: AllowList\nspec: {}\n").unwrap();
    assert_eq!(own[0].kind(), "AllowList");
    for text in ["", "items: {a: b}\n", "item: []\n"] {
        let said = wrong(&format!("apiVersion: v1\nkind: List\n{text}"));
        assert!(
            said.starts_with("document 1 (List): `items` of this List is missing")
                && said.contains("`items: []`")
        );
    }
}

#[test]
fn what_is_no_object_is_named() {
    for (text, words) in [
        ("just words\n", "document 1: this is not a Kubernetes object"),
        ("- a\n", "document 1: this is not a Kubernetes object"),
        ("apiVersion: v1\n", "document 1: `kind` is missing"),
        (
            "apiVersion: v1\nkind: A\n---\napiversion: v1\nkind: B\n",
            "document 2 (B): `apiVersion` is missing",
        ),
        ("apiVersion: 1\nkind: A\n", "document 1 (A): `apiVersion` is not a word"),
    ] {
        assert!(wrong(text).starts_with(words), "{}", wrong(text));
    }
    assert!(wrong("apiversion: v1\nkind: B\n").contains("did you mean `apiversion`?"));
}

#[test]
fn a_fault_says_document_kind_and_line() {
    let text = "apiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  a: 1\n  a: 2\n";
    assert_eq!(
        wrong(text),
        "document 2 (Secret s): the key `a` is there twice: lines 9 and 10\n  at rendered, line 10, column 3\n    10 |   a: 2\n       |   ^\n  \
         why: kubectl would silently take the last one\n  hint: remove or rename one of them"
    );
}

/// The strings of the table, and how kubectl writes them (except that we quote what looks like a float).
#[test]
fn every_string_is_written_as_kubectl_writes_it() {
    for (string, expected) in [
        ("y", "\"y\""),
        ("no", "\"no\""),
        ("on", "\"on\""),
        ("yes", "\"yes\""),
        ("2026-01-01", "\"2026-01-01\""),
        ("2026-11-24T20:00:00Z", "\"2026-11-24T20:00:00Z\""),
        ("1_000", "\"1_000\""),
        ("123e4567", "\"123e4567\""),
        ("true", "\"true\""),
        ("0644", "\"0644\""),
        ("007", "\"007\""),
        ("1e3", "\"1e3\""),
        ("0x1F", "\"0x1F\""),
        ("~", "\"~\""),
        ("null", "\"null\""),
        ("", "\"\""),
        ("a: b", "'a: b'"),
        ("# x", "'# x'"),
        ("*star", "'*star'"),
        ("{{ x }}", "'{{ x }}'"),
        ("@every 1m", "'@every 1m'"),
        ("it's", "it's"),
        ("a #b'c", "'a #b''c'"),
        ("blank \nend", "\"blank \\nend\""),
        ("plain words", "plain words"),
        ("9fceb02", "9fceb02"),
        ("1.2.3", "1.2.3"),
        ("- x", "'- x'"),
        ("-x", "-x"),
        ("two\nlines", "|-\n  two\n  lines"),
        ("two\nlines\n", "|\n  two\n  lines"),
        ("two\n\nlines\n\n\n", "|+\n  two\n\n  lines\n\n"),
        ("tab\tx", "\"tab\\tx\""),
        ("é", "é"),
        ("\u{1f600}", "\"\\U0001F600\""),
        ("\u{7}", "\"\\u0007\""),
    ] {
        assert_eq!(write(&json!({"x": string})), format!("x: {expected}\n"), "{string:?}");
    }
}

#[test]
fn structure_is_written_as_kubectl_writes_it() {
    let value =
        json!({"a": [], "b": {}, "c": [{"d": 1, "e": [1, [2, 3]]}, "f"], "g": null, "h": 1.5, "0644": true});
    assert_eq!(
        write(&value),
        "\"0644\": true\na: []\nb: {}\nc:\n- d: 1\n  e:\n  - 1\n  - - 2\n    - 3\n- f\ng: null\nh: 1.5\n"
    );
    assert_eq!(write_all([&json!({"a": 1}), &json!({"b": 2})]), "a: 1\n---\nb: 2\n");
}

/// Every string over a nasty alphabet, alone, in a list, as a key and beside others, comes back as it was.
#[test]
fn what_is_written_reads_back() {
    let pieces = [
        "",
        " ",
        "\n",
        "\t",
        "-",
        "---",
        ":",
        ": ",
        "#",
        " #",
        "'",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&",
        "*",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "?",
        "? ",
        "- ",
        "=",
        "<<",
        "~",
        "y",
        "no",
        "1",
        "0",
        "_",
        ".",
        "e",
        "x",
        "+",
        "é",
        "\u{1f600}",
        "\u{feff}",
        "\u{2028}",
        "\u{85}",
        "\r",
        "\0",
        "\u{7f}",
        "...",
        "null",
        "1e3",
        "2026-01-01",
        "1:30",
    ];
    let mut strings: Vec<String> = Vec::new();
    for a in pieces {
        for b in pieces {
            strings.push(format!("{a}{b}"));
            for c in ["", "\n", " ", "a", "-\n\n"] {
                strings.push(format!("{a}{c}{b}z"));
                strings.push(format!("w{a}{b}{c}"));
            }
        }
    }
    strings.push("long ".repeat(100));
    for string in &strings {
        for value in [
            json!({"x": string, "z": 1}),
            json!({"l": [string, [string], {"k": string}]}),
            json!({"m": {string.clone(): "v"}, "n": {"deep": {"deeper": string}}}),
        ] {
            let text = write(&value);
            let back =
                read_value("back", &text).unwrap_or_else(|fault| panic!("{string:?}\n{text}\n{fault}"));
            assert_eq!(back, value, "{text}");
        }
    }
}
