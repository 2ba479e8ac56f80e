//! What values come to: files as they were written, flags on top, and what is refused.

use super::*;
use serde_json::json;

fn text(name: &str, text: &str) -> Text {
    Text { name: name.to_owned(), text: text.to_owned() }
}

fn sources(files: &[&str], set_json: &[&str], set: &[&str]) -> Sources {
    let pair = |text: &&str| {
        let (name, value) = text.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    Sources {
        values: files.iter().map(|file| text("v", file)).collect(),
        set_json: set_json.iter().map(|json| (*json).to_owned()).collect(),
        set: set.iter().map(pair).collect(),
        ..Sources::default()
    }
}

fn merged(files: &[&str], set_json: &[&str], set: &[&str]) -> Value {
    let values = Values::merge(&sources(files, set_json, set));
    Value::Object(values.unwrap_or_else(|fault| panic!("{files:?} {set_json:?} {set:?}\n{fault}")).all)
}

fn refused(files: &[&str], set_json: &[&str], set: &[&str]) -> String {
    Values::merge(&sources(files, set_json, set)).unwrap_err().to_string()
}

#[test]
fn files_merge_deeply_and_flags_win() {
    let files =
        ["r: {cpu: 1, mem: 2}\nlist: [1, 2]\nflag: no\n", "r: {mem: 3}\nlist: [4]\n", "# nothing\n", ""];
    let mut sources = sources(&files, &[], &["r.gpu=a,b=c", "x\\.y="]);
    sources.set_file = vec![("cert".to_owned(), text("c", "PEM\n"))];
    assert_eq!(
        Value::Object(Values::merge(&sources).unwrap().all),
        json!({"r": {"cpu": 1, "mem": 3, "gpu": "a,b=c"}, "list": [4], "flag": "no", "x.y": "", "cert": "PEM\n"})
    );
}

#[test]
fn flags_come_after_files_and_in_the_order_of_helm() {
    let mut sources = sources(
        &["a: file\nb: file\nc: file\nd: file\n"],
        &["b=\"json\"", "c=1", "d=1"],
        &["c=set", "d=set"],
    );
    sources.set_file = vec![("d".to_owned(), text("c", "set-file"))];
    assert_eq!(
        Value::Object(Values::merge(&sources).unwrap().all),
        json!({"a": "file", "b": "json", "c": "set", "d": "set-file"})
    );
}

#[test]
fn a_merge_key_brings_a_mapping_and_what_stands_there_wins() {
    let base = "base: &b {cpu: \"1\", mem: \"2\"}\nother: &o {mem: 8, gpu: 1}\n";
    for (r, expected) in [
        ("  <<: *b\n  mem: \"3\"\n", json!({"cpu": "1", "mem": "3"})),
        ("  <<: [*b, *o]\n  x: 1\n", json!({"cpu": "1", "mem": "2", "gpu": 1, "x": 1})),
        ("  <<: [*o, *b]\n", json!({"cpu": "1", "mem": 8, "gpu": 1})),
        ("  <<: {cpu: 2}\n", json!({"cpu": 2})),
        ("  <<: *b\n  cpu:\n", json!({"mem": "2"})),
        (
            "  <<: *b\n  deep: {<<: *o, mem: 9}\n",
            json!({"cpu": "1", "mem": "2", "deep": {"mem": 9, "gpu": 1}}),
        ),
        ("  cpu: \"1\"\n  <<: *b\n", json!({"cpu": "1", "mem": "2"})),
        ("  - <<: *b\n    n: 1\n", json!([{"cpu": "1", "mem": "2", "n": 1}])),
        ("  note: <<\n", json!({"note": "<<"})),
        ("  \"<<\": *b\n  mem: \"3\"\n", json!({"<<": {"cpu": "1", "mem": "2"}, "mem": "3"})),
        ("  '<<': x\n  <<: *o # !\n", json!({"<<": "x", "mem": 8, "gpu": 1})),
    ] {
        assert_eq!(merged(&[&format!("{base}r:\n{r}")], &[], &[])["r"], expected, "{r}");
    }
    assert_eq!(merged(&["x: &x {a: 1}\n<<: *x\nb: 2\n"], &[], &[]), json!({"x": {"a": 1}, "a": 1, "b": 2}));
    for (r, words) in [
        ("  mem: \"3\"\n  <<: *b\n", "`<<` brings `mem`, which is given before it as well\n  at v, line 4"),
        ("  <<: *b\n  <<: *o\n", "`<<` brings `mem`"),
        ("  <<: 3\n", "`<<` takes a mapping, or a list of mappings"),
        ("  <<: [*b, 3]\n", "`<<` takes a mapping, or a list of mappings"),
        ("  <<:\n", "`<<` takes a mapping, or a list of mappings"),
    ] {
        let said = refused(&[&format!("{base}r:\n{r}")], &[], &[]);
        assert!(said.starts_with(words), "{r}: {said}");
    }
}

#[test]
fn null_is_not_given_and_takes_back_what_a_file_before_gives() {
    for (files, set_json, set, expected) in [
        (&["Tag:\n"][..], &[][..], &[][..], json!({})),
        (&["a: ~\nb: null\nc: {d: Null, e: 1}\n"], &[], &[], json!({"c": {"e": 1}})),
        (&["Tag: main\nr: {cpu: 1}\n", "Tag:\nr:\n"], &[], &[], json!({})),
        (&["r: {cpu: 1, mem: 2}\n", "r: {cpu: }\n"], &[], &[], json!({"r": {"mem": 2}})),
        (&["l: [1, ~, {a: ~, b: 1}]\n"], &[], &[], json!({"l": [1, null, {"b": 1}]})),
        (&["r:\n"], &[], &["r.cpu=1"], json!({"r": {"cpu": "1"}})),
        (&["r: {limits: ~}\n"], &[], &["r.limits.cpu=1"], json!({"r": {"limits": {"cpu": "1"}}})),
        (&["Tag: main\nr: {cpu: 1}\n"], &["Tag=null", "r.cpu=null", "s.t=null"], &[], json!({"r": {}})),
        (
            &["r: {cpu: 1, mem: 2}\n"],
            &[r#"{"r": {"cpu": null, "x": {"y": null}}}"#],
            &[],
            json!({"r": {"mem": 2, "x": {}}}),
        ),
        (&["quoted: \"null\"\nempty: ''\n"], &[], &[], json!({"quoted": "null", "empty": ""})),
    ] {
        assert_eq!(merged(files, set_json, set), expected, "{files:?} {set_json:?} {set:?}");
    }
}

#[test]
fn a_flag_below_a_plain_value_says_who_gives_that() {
    for (files, set_json, set, words) in [
        (&[][..], &[][..], &["r=1", "r.cpu=1"][..], "--set r gives it one plain value"),
        (&["r: 1\n"], &[], &["r.cpu=1"], "v gives it one plain value"),
        (&["r: {cpu: []}\n"], &[], &["r.cpu.x=1"], "v gives it one plain value"),
        (&["r: {}\n"], &["r=3"], &["r.cpu=1"], "--set-json r gives it one plain value"),
        (&[], &[r#"{"r": "x"}"#, "r.cpu=1"], &[], "--set-json gives it one plain value"),
    ] {
        let said = refused(files, set_json, set);
        assert!(said.contains("is not a mapping\n") && said.contains(words), "{said}");
    }
}

#[test]
fn a_number_of_a_file_stays_as_it_was_written() {
    for (written, expected) in [
        ("3", json!(3)),
        ("-3", json!(-3)),
        ("1.5", json!(1.5)),
        ("1.0", json!(1.0)),
        ("18446744073709551615", json!(u64::MAX)),
        ("1.10", json!("1.10")),
        ("00215e6", json!("00215e6")),
        ("0644", json!("0644")),
        ("20260131235959123456", json!("20260131235959123456")),
        ("-20260131235959123456", json!("-20260131235959123456")),
        ("99999999999999999999999999999999999999999", json!("99999999999999999999999999999999999999999")),
        ("0x1F", json!("0x1F")),
        ("0o17", json!("0o17")),
        ("1_000", json!("1_000")),
        ("1e3", json!("1e3")),
        ("123e4567", json!("123e4567")),
        ("+1", json!("+1")),
        (".5", json!(".5")),
        ("-0", json!("-0")),
        (".inf", json!(".inf")),
        (".nan", json!(".nan")),
        ("\"3\"", json!("3")),
        ("!!str 3", json!("3")),
        ("2026-01-31", json!("2026-01-31")),
        ("12:30:45", json!("12:30:45")),
        ("true", json!(true)),
        ("no", json!("no")),
        ("y", json!("y")),
    ] {
        let file = format!("plain: &p {written}\nlist: [{written}, *p]\nr:\n  deep: {written} # note\n");
        let read = merged(&[&file], &[], &[]);
        assert_eq!(
            read,
            json!({"plain": expected, "list": [expected, expected], "r": {"deep": expected}}),
            "{written}"
        );
    }
    assert_eq!(
        merged(&["1.10: a\n007: b\n3: c\ntrue: d\n"], &[], &[]),
        json!({"1.10": "a", "007": "b", "3": "c", "true": "d"})
    );
}

#[test]
fn set_json_takes_json_of_one_name_or_an_object_of_names() {
    for (set_json, expected) in [
        (
            &["a=3", "b=true", "c=\"x\"", "d=[1, {\"e\": 2}]"][..],
            json!({"a": 3, "b": true, "c": "x", "d": [1, {"e": 2}]}),
        ),
        (&["r.cpu=2", "r.x\\.y= 1.5 "], json!({"r": {"cpu": 2, "x.y": 1.5}})),
        (&["r={\"a\": 1}", "r={\"b\": 2}"], json!({"r": {"b": 2}})),
        (&["r={\"<<\": 1}"], json!({"r": {"<<": 1}})),
        (&["{\"r\": {\"a\": 1}}", " {\"r\": {\"b\": 2}}"], json!({"r": {"a": 1, "b": 2}})),
        (&["a=1.0", "b=1e3", "c=1.5", "d=-0.0"], json!({"a": 1, "b": 1000, "c": 1.5, "d": 0})),
        (&["a={}", "b=[]"], json!({"a": {}, "b": []})),
    ] {
        assert_eq!(merged(&[], set_json, &[]), expected, "{set_json:?}");
    }
    for (text, words) in [
        ("a", "expected KEY=JSON"),
        ("=1", "expected KEY=JSON"),
        ("a=", "this is not JSON: EOF while parsing a value"),
        ("a=x", "this is not JSON: expected value; text goes into quotes"),
        ("a=1,b=2", "this is not JSON: trailing characters"),
        ("{\"a\": 1", "this is not JSON: EOF while parsing an object"),
        ("a..b=1", "`a..b` is no name of a value"),
        ("a=20260131235959123456", "has more than 64 bits, and would lose digits"),
        ("a=[1, 1e30]", "has more than 64 bits"),
        ("a=1.10", "the number 1.10 would be rendered as 1.1"),
        ("{\"a\": [{\"b\": 100000000000000000.5}]}", "would be rendered as"),
        ("a={\"x\": 1, \"x\": 2}", "`x` is there twice, column 10 of the JSON"),
        ("{\"<<\": 1,\n \"<<\": 2}", "`<<` is there twice, line 2 of the JSON"),
    ] {
        assert!(json_fault(text).is_some_and(|why| why.contains(words)), "{text}: {:?}", json_fault(text));
    }
    assert_eq!(json_fault("a=1e-7"), None);
}

#[test]
fn an_object_of_json_merges_and_a_name_of_json_replaces_as_in_helm() {
    for (set_json, expected) in [
        (r#"A={"y": 3}"#, json!({"A": {"y": 3}, "b": 1})),
        (r#"A.deep={"y": 3}"#, json!({"A": {"x": 1, "deep": {"y": 3}}, "b": 1})),
        ("A.x=3", json!({"A": {"x": 3, "deep": {"z": 2}}, "b": 1})),
        (r#"{"A": {"y": 3}}"#, json!({"A": {"x": 1, "y": 3, "deep": {"z": 2}}, "b": 1})),
        (r#"{"A": {"deep": {"y": 3}}}"#, json!({"A": {"x": 1, "deep": {"z": 2, "y": 3}}, "b": 1})),
        ("A=[1]", json!({"A": [1], "b": 1})),
    ] {
        assert_eq!(merged(&["A: {x: 1, deep: {z: 2}}\nb: 1\n"], &[set_json], &[]), expected, "{set_json}");
    }
}

#[test]
fn no_flag_takes_away_what_another_one_gives_below_it() {
    for (set_json, set, says) in [
        (&["A.x=2"][..], &["A=1"][..], "--set A: it takes away what --set-json A.x gives"),
        (&["{\"A\": {\"x\": 1}}"], &["A=1"], "--set A: it takes away what --set-json gives"),
        (&[], &["A.x.y=2", "A.x=1"], "--set A.x: it takes away what --set A.x.y gives"),
        (&["A={}", "A=1"], &[], "--set-json A: it takes away what --set-json A gives"),
    ] {
        let fault = Values::merge(&sources(&[], set_json, set)).unwrap_err();
        assert_eq!(fault.what, says);
    }
    // a file is there to be changed, and a plain value to be set again
    assert_eq!(merged(&["A: {x: 1}\n"], &[], &["A=1"]), json!({"A": "1"}));
    assert_eq!(merged(&[], &["A=1"], &["A=2", "A=3"]), json!({"A": "3"}));
}

#[test]
fn a_name_has_no_empty_part_no_blanks_around_one_and_no_index() {
    for good in ["a", "a.b", "a\\.b", "x-y.z_1", "a b", "\\.a", "é"] {
        assert_eq!(name_fault(good), None, "{good}");
    }
    for bad in
        ["", "a..b", ".a", "a.", ".", " Tag", "Tag ", "a. b", "a .b", "\tTag", "a[0]", "a[0].b", "a.b[]"]
    {
        assert!(name_fault(bad).unwrap().starts_with(&format!("`{bad}` is no name of a value")), "{bad}");
    }
    for (file, line) in [("a: 1\n\"\": 2\n", 1), ("a: 1\n\" Tag\": 2\n", 2), ("a: 1\nb: 1\n'Tag ': 2\n", 3)] {
        let said = refused(&[file], &[], &[]);
        assert!(
            said.contains("is no name of a value\n") && said.contains(&format!("at v, line {line}")),
            "{said}"
        );
    }
}

#[test]
fn bad_files_are_named_with_their_place() {
    for (file, words) in [
        ("a: [", "this values file is not YAML\n  at v, line "),
        ("a: 1\n---\nb: 2\n", "this values file is not YAML\n"),
        ("a: {b: *none}\n", "this values file is not YAML\n  at v, line 1"),
        ("b: 1\na: 1\na: 2\n", "`a` is there twice\n  at v, line 3, column 1"),
        ("r:\n  1.10: a\n  \"1.10\": b\n", "`1.10` is there twice\n  at v, line 3, column 3"),
        ("- a\n", "a values file must be a mapping"),
        ("text\n", "a values file must be a mapping"),
        ("a: 1\nb: !x y\n", "the tag !x means nothing in a values file\n  at v, line 2, column 4"),
        ("a: !x [1]\n", "the tag !x means nothing"),
        (
            "a: {{ Tag }}\n",
            "the name of a value must be a word, and this is a mapping\n  at v, line 1, column 5",
        ),
        ("a:\n  ~: 1\n", "`~` is no name of a value: YAML reads it as null\n  at v, line 2, column 3"),
        ("a:\n  Null: 1\n", "`Null` is no name of a value: YAML reads it as null\n  at v, line 2, column 3"),
        ("? [a]\n: 1\n", "the name of a value must be a word, and this is a list\n"),
        ("!x a: 1\n", "the tag !x means nothing in a values file\n  at v, line 1, column 1"),
        ("a: {b: 1, b: 2}\n", "`b` is there twice\n  at v, line 1, column 11"),
        ("no: 1\n'no': 2\n", "`no` is there twice\n  at v, line 2, column 1"),
        ("a: 1\n' b': 2\n", "` b` is no name of a value\n  at v, line 2, column 1"),
    ] {
        let said = refused(&[file], &[], &[]);
        assert!(said.starts_with(words), "{file}: {said}");
    }
}

#[test]
fn aliases_do_not_multiply_without_an_end() {
    let bomb: String = (1..40).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1)
    });
    let said = refused(&[&bomb], &[], &[]);
    assert!(said.contains("why: repetition limit exceeded"), "{said}");
    let merging: String = (1..40).fold("a0: &a0 {k: {x: 1}}\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} {{<<: [*a{0}, *a{0}, *a{0}]}}\n", n - 1)
    });
    assert!(refused(&[&merging], &[], &[]).contains("why: repetition limit exceeded"));
}
