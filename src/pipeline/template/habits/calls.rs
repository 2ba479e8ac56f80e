//! What is called, by whatever name and in whatever order, in Tera's words.

use super::names::{kept, no_cluster, unknown, variable};
use super::phrase::{ATOM, Arguments, COMPARE, FILTER, NOT, Notes, PRODUCT, Phrase, SUM, Stop, Told, shaped};
use super::picks::picked;
use super::texts::{joined, printf};
use super::words::{ABSENT, ABSENT_WORDS, ALIKE, Alike, IN_GOS_ORDER, JOINED, KINDS, RESHAPED, REVERSE};
use crate::pipeline::filters;
use crate::pipeline::scan::Token;

/// A value through a filter.
pub(super) fn filter(notes: &mut Notes, value: &Phrase, name: &Token<'_>, given: &Arguments) -> Told {
    let (at, called) = (name.bytes.start, name.text);
    let arguments = given.phrases();
    let no_filter = format!("there is no filter `{called}`");
    if let Some(picked) = picked(value, called, given)? {
        notes.note(at, no_filter, "Tera picks in brackets");
        return Ok(picked);
    }
    if given.bare
        && let Some(told) = of_several(called, &[arguments.as_slice(), std::slice::from_ref(value)].concat())
    {
        notes.note(at, no_filter, "");
        return Ok(told);
    }
    if called == "printf" && given.bare {
        notes.note(at, no_filter, "texts are joined by `~`");
        let (format, items) = arguments.split_first().ok_or(Stop::Unreadable)?;
        return printf(format, &[items, std::slice::from_ref(value)].concat());
    }
    if called == "format" {
        notes.note(at, no_filter, "texts are joined by `~`");
        return printf(value, &arguments);
    }
    let is_known = filters::filters().any(|filter| filter == called);
    let reshaped = RESHAPED.iter().find(|(word, count, _)| *word == called && *count == arguments.len());
    if let Some((.., form)) = reshaped.filter(|_| !is_known && given.named.is_empty()) {
        notes.note(at, no_filter, "");
        return Ok(shaped(form, value, &arguments));
    }
    let alike = ALIKE.iter().find(|alike| alike.names.contains(&called));
    let tera = if is_known { called } else { alike.ok_or_else(|| unknown(name))?.tera };
    if tera != called {
        notes.note(at, no_filter, "");
    }
    let (mut told, behind) = renamed(notes, called, tera, alike, given)?;
    if let Some(besides) = alike.map(|alike| alike.besides).filter(|besides| !besides.is_empty()) {
        told.push(besides.to_owned());
    }
    match called {
        // Helm's begins with the first line
        "indent" if given.bare => told.push("first=true".to_owned()),
        // and Helm's stands in for whatever is empty
        "default" if given.bare && !told.is_empty() => told.push("boolean=true".to_owned()),
        _ => {}
    }
    let arguments = if told.is_empty() { String::new() } else { format!("({})", told.join(", ")) };
    let before = if value.text.is_empty() { String::new() } else { format!("{} | ", value.within(FILTER)) };
    Ok(Phrase::new(format!("{before}{tera}{arguments}{behind}"), FILTER))
}

/// Arguments by Tera's names, and what must come behind the filter.
fn renamed(
    notes: &mut Notes,
    called: &str,
    tera: &str,
    alike: Option<&Alike>,
    given: &Arguments,
) -> Result<(Vec<String>, &'static str), Stop> {
    let (mut told, mut behind) = (Vec::new(), "");
    let words = alike.map_or(&[][..], |alike| alike.arguments);
    let mut add = |ours: &str, phrase: &Phrase| match ours {
        "" => Ok(()),
        ABSENT => Err(Stop::Unreadable),
        REVERSE => {
            behind = if phrase.text.eq_ignore_ascii_case("true") { " | reverse" } else { "" };
            Ok(())
        }
        ours => {
            told.push(format!("{ours}={}", phrase.text));
            Ok(())
        }
    };
    for (index, (at, phrase)) in given.by_place.iter().enumerate() {
        let what = if given.bare {
            format!("the arguments of the filter `{called}` stand in parentheses, by name")
        } else {
            format!("the filter `{called}` takes its arguments by name")
        };
        notes.note(*at, what, "Tera reads none by their place");
        let (_, ours) = words.get(index).ok_or(Stop::Unreadable)?;
        add(ours, phrase)?;
    }
    for (name, at, phrase) in &given.named {
        if filters::arguments(tera).contains(&name.as_str()) {
            add(name, phrase)?;
            continue;
        }
        let (_, ours) = words.iter().find(|(theirs, _)| theirs == name).ok_or(Stop::Unreadable)?;
        notes.note(*at, format!("the filter `{called}` has no argument `{name}`"), "");
        add(ours, phrase)?;
    }
    Ok((told, behind))
}

/// `name(…)`.
pub(super) fn function(notes: &mut Notes, name: &Token<'_>, given: &Arguments) -> Told {
    let (at, called) = (name.bytes.start, name.text);
    let arguments = given.phrases();
    let named = |sign: &str, quote: &str| {
        let told =
            given.named.iter().map(|(name, _, phrase)| format!("{quote}{name}{quote}{sign}{}", phrase.text));
        told.collect::<Vec<_>>().join(", ")
    };
    if filters::functions().any(|function| function == called) {
        if let Some((at, _)) = given.by_place.first() {
            let what = format!("the function `{called}` takes its arguments by name");
            notes.note(*at, what, "Tera reads none by their place");
        }
        let words: &[&str] = match (called, arguments.len()) {
            ("range", 1) => &["end"],
            ("range", 2 | 3) => &["start", "end", "step_by"],
            ("throw", 1) => &["message"],
            (_, 0) => &[],
            _ => return Err(Stop::Unreadable),
        };
        let mut told: Vec<String> =
            words.iter().zip(&arguments).map(|(word, phrase)| format!("{word}={}", phrase.text)).collect();
        if !given.named.is_empty() {
            told.push(named("=", ""));
        }
        return Ok(Phrase::new(format!("{called}({})", told.join(", ")), ATOM));
    }
    let no_function = format!("there is no function `{called}`");
    match (called, arguments.as_slice(), given.named.as_slice()) {
        ("dict" | "namespace", [], _) => {
            notes.note(at, no_function, "a map stands in braces");
            Ok(Phrase::new(format!("{{{}}}", named(": ", "\"")), ATOM))
        }
        ("env" | "getenv" | "get_env", ..) | ("lookup", [_, _], _) => {
            notes.note(at, no_function, "the environment is read as `env.NAME`");
            let name = given.named.iter().find(|(name, ..)| name == "name").map(|(.., phrase)| phrase);
            let name = match called {
                "lookup" if arguments[0].literal() == Some("env") => arguments.get(1),
                "lookup" => None,
                _ => name.or(arguments.first()),
            };
            let variable = variable(name.ok_or(Stop::Unreadable)?)?;
            let other = given.named.iter().find(|(name, ..)| name == "default").map(|(.., phrase)| phrase);
            match other.or(arguments.get(1).filter(|_| called != "lookup")) {
                Some(other) => {
                    Ok(Phrase::new(format!("{} | default(value={})", variable.text, other.text), FILTER))
                }
                None => Ok(variable),
            }
        }
        ("raise" | "fail" | "abort" | "error", [message], []) => {
            notes.note(at, no_function, "");
            Ok(Phrase::new(format!("throw(message={})", message.text), ATOM))
        }
        // which of two is meant for the other one is told by the one that is written out
        ("default" | "join" | "kindIs" | "typeIs", [first, second], []) => {
            let (word, value) = if second.literal().is_some() && first.literal().is_none() {
                (second, first)
            } else {
                (first, second)
            };
            go(notes, name, &[word.clone(), value.clone()])
        }
        (_, [_], []) if !ABSENT_WORDS.contains(&called) => go(notes, name, &arguments),
        (_, [_, _, ..], []) if IN_GOS_ORDER.contains(&called) || called == "lookup" => {
            go(notes, name, &arguments)
        }
        _ => Err(unknown(name)),
    }
}

/// Go's functions that take any number of arguments in order.
fn of_several(called: &str, words: &[Phrase]) -> Option<Phrase> {
    if let Some((_, sign)) = JOINED.iter().find(|(word, _)| *word == called) {
        let power = match *sign {
            "or" => 1,
            "and" => 3,
            "+" => SUM,
            _ => PRODUCT,
        };
        let parts: Vec<String> = words.iter().map(|word| word.within(power + 1)).collect();
        return Some(Phrase::new(parts.join(&format!(" {sign} ")), power));
    }
    match (called, words) {
        ("eq", [first, others @ ..]) if !others.is_empty() => {
            let first = first.within(FILTER);
            let all: Vec<String> =
                others.iter().map(|other| format!("{first} == {}", other.within(FILTER))).collect();
            Some(Phrase::new(all.join(" or "), if others.len() == 1 { COMPARE } else { 1 }))
        }
        ("kindIs" | "typeIs", [kind, value]) => {
            let (_, test) = KINDS.iter().find(|(kinds, _)| kind.literal() == Some(kinds))?;
            Some(Phrase::new(format!("{} is {test}", value.within(NOT)), NOT))
        }
        ("index" | "get", [value, keys @ ..]) => {
            let with_key = |text: String, key: &Phrase| format!("{text}[{}]", key.text);
            Some(Phrase::new(keys.iter().fold(value.within(ATOM), with_key), ATOM))
        }
        ("concat", lists) => {
            let lists: Vec<String> = lists.iter().map(|list| format!("...{}", list.within(FILTER))).collect();
            Some(Phrase::new(format!("[{}]", lists.join(", ")), ATOM))
        }
        ("merge", maps) => {
            // Go's keeps what is there already
            let maps: Vec<String> =
                maps.iter().rev().map(|map| format!("...{}", map.within(FILTER))).collect();
            Some(Phrase::new(format!("{{{}}}", maps.join(", ")), ATOM))
        }
        _ => None,
    }
}

/// A call without parentheses, or of what is no function here.
pub(super) fn go(notes: &mut Notes, name: &Token<'_>, words: &[Phrase]) -> Told {
    let (at, called) = (name.bytes.start, name.text);
    let no_function = format!("there is no function `{called}`");
    if let Some(told) = of_several(called, words) {
        notes.note(at, no_function, "");
        return Ok(told);
    }
    match (called, words) {
        ("list" | "tuple", words) => {
            notes.note(at, no_function, "a list stands in brackets");
            let words: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            Ok(Phrase::new(format!("[{}]", words.join(", ")), ATOM))
        }
        ("dict", words) => {
            notes.note(at, no_function, "a map stands in braces");
            let fields: Vec<String> = words
                .chunks(2)
                .map(|field| match field {
                    [key, value] => Ok(format!("{}: {}", key.text, value.text)),
                    _ => Err(Stop::Unreadable),
                })
                .collect::<Result<_, _>>()?;
            Ok(Phrase::new(format!("{{{}}}", fields.join(", ")), ATOM))
        }
        ("lookup", _) => Err(no_cluster(at)),
        ("tpl", [text, ..]) => {
            notes.note(
                at,
                no_function,
                "a value is not rendered again; what has tags of its own is written into the template",
            );
            Ok(text.clone())
        }
        ("printf", [format, items @ ..]) => {
            notes.note(at, no_function, "texts are joined by `~`");
            printf(format, items)
        }
        ("env", [name]) => {
            notes.note(at, no_function, "the environment is read as `env.NAME`");
            variable(name)
        }
        ("include" | "template", [part, ..]) => {
            notes.note(
                at,
                format!("`{called}` has no place in a pipeline"),
                "a text that is wanted several times is kept by `{% set NAME %}…{% endset %}` before",
            );
            kept(part).map(|name| Phrase::new(name, ATOM))
        }
        _ => {
            let (value, arguments) = words.split_last().ok_or(Stop::Unreadable)?;
            let by_place = arguments.iter().map(|phrase| (at, phrase.clone())).collect();
            notes.note(
                at,
                format!("`{called}` stands before its value"),
                "a filter comes after it, behind `|`",
            );
            filter(notes, value, name, &Arguments { by_place, bare: true, ..Arguments::default() })
        }
    }
}

/// `value.name(…)`.
pub(super) fn method(notes: &mut Notes, value: &Phrase, name: &Token<'_>, given: &Arguments) -> Told {
    let at = name.bytes.start;
    let arguments = given.phrases();
    let what = format!("a value has no method `{}`", name.text);
    match (name.text, arguments.as_slice()) {
        ("get", [key]) => {
            notes.note(at, what, "a field stands in brackets");
            Ok(Phrase::new(format!("{}[{}]", value.within(ATOM), key.text), ATOM))
        }
        ("get", [key, other]) => {
            notes.note(at, what, "a field stands in brackets");
            let text = format!("{}[{}] | default(value={})", value.within(ATOM), key.text, other.text);
            Ok(Phrase::new(text, FILTER))
        }
        // Python's text joins a list, JavaScript's list is joined by a text
        ("join", [other]) => {
            notes.note(at, what, "Tera has filters instead");
            let by_other = other.is_text && !value.is_text;
            let (list, sign) = if by_other { (value, other) } else { (other, value) };
            Ok(Phrase::new(format!("{} | join(sep={})", list.within(FILTER), sign.text), FILTER))
        }
        ("format", items) => {
            notes.note(at, what, "texts are joined by `~`");
            let format = value.literal().ok_or(Stop::Unreadable)?;
            joined(format.split("{}").collect(), items)
        }
        _ if value.text == "loop" => Err(Stop::Unreadable),
        _ => {
            notes.note(at, what, "Tera has filters instead");
            filter(notes, value, name, given)
        }
    }
}
