//! Values: files merged in order, then `--set`, then `--set-file`.
//!
//! Values files are people's own, so they are read as YAML 1.2, where `no` stays `no`. Mappings merge deeply,
//! everything else replaces.

use serde_json::{Map, Value};

use super::facts::RESERVED;
use super::fault::{Fault, Location};
use super::sources::Text;

/// Why no value can have this dotted name; `None` if one can.
pub fn name_fault(name: &str) -> Option<String> {
    let empty = segments(name).iter().any(String::is_empty);
    let why = "a part of it is empty: its dots stand for nested values, and \\. for a dot within a name";
    empty.then(|| format!("`{name}` is no name of a value: {why}"))
}

/// The parts of a dotted name; `\.` is a dot within a part.
fn segments(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, parts.last_mut()) {
            ('\\', Some(part)) if letters.peek() == Some(&'.') => {
                letters.next();
                part.push('.');
            }
            ('.', _) => parts.push(String::new()),
            (letter, Some(part)) => part.push(letter),
            (_, None) => {}
        }
    }
    parts
}

/// Merges all values.
///
/// # Errors
/// A file that is no YAML mapping; a name that means something else in a template; a `--set` below a value that is no
/// mapping.
pub fn merge(
    files: &[Text],
    set: &[(String, String)],
    set_file: &[(String, Text)],
) -> Result<Map<String, Value>, Fault> {
    let mut all = Map::new();
    for file in files {
        let fields = read(file)?;
        for name in fields.keys() {
            let line = file
                .text
                .lines()
                .position(|line| line.starts_with(name.as_str()))
                .map_or(1, |index| index + 1);
            allowed(name).map_err(|fault| fault.at(Location::of(&file.name, &file.text, line, 1)))?;
        }
        deep(&mut all, fields);
    }
    for (name, value) in set {
        assign(&mut all, name, value.clone(), "--set")?;
    }
    for (name, file) in set_file {
        assign(&mut all, name, file.text.clone(), "--set-file")?;
    }
    Ok(all)
}

fn allowed(name: &str) -> Result<(), Fault> {
    if RESERVED.contains(&name) {
        return Err(Fault::new(format!("a value cannot be named `{name}`"))
            .why("in a template this name means something else")
            .hint("choose another name"));
    }
    Ok(())
}

fn read(file: &Text) -> Result<Map<String, Value>, Fault> {
    let wrong = |error: &serde_yaml::Error| {
        let fault = Fault::new("this values file is not YAML")
            .why(without_place(&error.to_string()))
            .hint("write a name and its value a line, as in `Registry: registry.example`");
        match error.location() {
            Some(location) => {
                fault.at(Location::of(&file.name, &file.text, location.line(), location.column()))
            }
            None => fault.at(Location::of(&file.name, &file.text, 1, 0)),
        }
    };
    let value: serde_yaml::Value = serde_yaml::from_str(&file.text).map_err(|error| wrong(&error))?;
    let misfit = |what: String| Fault::new(what).at(Location::of(&file.name, &file.text, 1, 0));
    match json(value).map_err(misfit)? {
        Value::Object(fields) => Ok(fields),
        Value::Null => Ok(Map::new()),
        _ => Err(misfit("a values file must be a mapping of names to values".to_owned())
            .hint("write a name and its value a line, as in `Registry: registry.example`")),
    }
}

fn without_place(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

fn json(value: serde_yaml::Value) -> Result<Value, String> {
    use serde_yaml::Value as Yaml;
    Ok(match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(value),
        Yaml::String(value) => Value::String(value),
        Yaml::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), _, _) => value.into(),
            (_, Some(value), _) => value.into(),
            (_, _, Some(value)) if value.is_finite() => value.into(),
            _ => return Err(format!("the value {number} is not a number that can be used")),
        },
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(json).collect::<Result<_, _>>()?),
        Yaml::Mapping(pairs) => {
            let mut fields = Map::new();
            for (key, value) in pairs {
                let key = match json(key)? {
                    Value::String(key) => key,
                    key @ (Value::Bool(_) | Value::Number(_)) => key.to_string(),
                    _ => return Err("the name of a value must be a word".to_owned()),
                };
                fields.insert(key, json(value)?);
            }
            Value::Object(fields)
        }
        Yaml::Tagged(tagged) => return Err(format!("the tag {} means nothing in a values file", tagged.tag)),
    })
}

fn deep(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(old)), Value::Object(new)) => deep(old, new),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

fn assign(all: &mut Map<String, Value>, name: &str, value: String, flag: &str) -> Result<(), Fault> {
    let mut parts = segments(name);
    let last = parts.pop().unwrap_or_default();
    allowed(parts.first().unwrap_or(&last))
        .map_err(|fault| Fault { what: format!("{flag} {name}: {}", fault.what), ..fault })?;
    let mut place = all;
    let mut walked = Vec::new();
    for part in parts {
        walked.push(part.clone());
        place = match place.entry(part).or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(fields) => fields,
            _ => {
                return Err(Fault::new(format!("{flag} {name}: `{}` is not a mapping", walked.join(".")))
                    .why("it has one plain value by a file, or by a flag before this one")
                    .hint("set that value itself, or leave the plain one out"));
            }
        };
    }
    place.insert(last, Value::String(value));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(name: &str, text: &str) -> Text {
        Text { name: name.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn files_merge_deeply_and_flags_win() {
        let files = [
            text("a", "r: {cpu: 1, mem: 2}\nlist: [1, 2]\nflag: no\nmode: 0644\n"),
            text("b", "r: {mem: 3}\nlist: [4]\n"),
            text("empty", "# nothing\n"),
        ];
        let set = [("r.gpu".to_owned(), "a,b=c".to_owned()), ("x\\.y".to_owned(), String::new())];
        let set_file = [("cert".to_owned(), text("c", "PEM\n"))];
        assert_eq!(
            Value::Object(merge(&files, &set, &set_file).unwrap()),
            json!({"r": {"cpu": 1, "mem": 3, "gpu": "a,b=c"}, "list": [4], "flag": "no", "mode": "0644", "x.y": "", "cert": "PEM\n"})
        );
    }

    #[test]
    fn a_name_has_no_empty_part() {
        for good in ["a", "a.b", "a\\.b", "x-y.z_1"] {
            assert_eq!(name_fault(good), None, "{good}");
        }
        for bad in ["", "a..b", ".a", "a."] {
            assert!(name_fault(bad).unwrap().starts_with(&format!("`{bad}` is no name of a value")), "{bad}");
        }
    }

    #[test]
    fn bad_values_are_named() {
        for (file, set, words) in [
            ("a: [", "", "this values file is not YAML\n  at v, line "),
            ("a: 1\na: 2\n", "", "duplicate entry with key \"a\""),
            ("- a\n", "", "must be a mapping"),
            ("x: 1\ngit: {}\n", "", "a value cannot be named `git`\n  at v, line 2"),
            ("a: .nan\n", "", "not a number that can be used"),
            ("a: !x y\n", "", "the tag !x means nothing"),
            ("a: 1\n", "a.b=c", "--set a.b: `a` is not a mapping"),
            ("", "env.X=c", "--set env.X: a value cannot be named `env`"),
        ] {
            let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            let set: Vec<_> = set.split_once('=').map(pair).into_iter().collect();
            let fault = merge(&[text("v", file)], &set, &[]).unwrap_err().to_string();
            assert!(fault.contains(words), "{fault}");
        }
    }
}
