//! Functions of sprig, stencil and Helm that have a counterpart. Arguments are in sprig's order: what is piped comes last.

use super::meaning::{NO_NOTATION, concat, env, expanded, prints, spaced};
use super::phrase::{Holds, ITEM, Phrased, Rank, TeraPhrase, TextPart, chain};
use crate::pipeline::filters::golang;

/// Functions that make a text, or look at one.
pub(super) fn text(name: &str, arguments: &[TeraPhrase]) -> Option<Phrased> {
    let name = without_must(name);
    Some(match (name.as_str(), arguments) {
        ("quote" | "squote", [of]) if !prints(of) => Err(NO_NOTATION.to_owned()),
        ("upper" | "lower" | "trim" | "b64enc" | "b64dec" | "quote" | "squote", [of]) => {
            of.filter(&name, &[], Holds::Text)
        }
        ("quote" | "squote", [_, ..]) => {
            let each =
                arguments.iter().map(|of| of.filter(&name, &[], Holds::Text)).collect::<Result<Vec<_>, _>>();
            each.and_then(|each| concat(spaced(&each)))
        }
        ("cat", [_, ..]) => concat(spaced(arguments)),
        ("toString", [of]) => concat(vec![TextPart::Value(of.clone())]),
        ("replace", [from, to, of]) => of.filter("replace", &[("from", from), ("to", to)], Holds::Text),
        ("trimPrefix", [pat, of]) => of.filter("trim_prefix", &[("pat", pat)], Holds::Text),
        ("trimSuffix", [pat, of]) => of.filter("trim_suffix", &[("pat", pat)], Holds::Text),
        ("trimAll" | "trimall", [pat, of]) => match &pat.literal {
            Some(letters) if letters.chars().count() == 1 => of.filter("trim", &[("pat", pat)], Holds::Text),
            _ => Err(format!("`{name}` takes away each of several letters, and `trim` here one")),
        },
        ("hasPrefix", [pat, of]) => of.test("starting_with", &[("pat", pat)]),
        ("hasSuffix", [pat, of]) => of.test("ending_with", &[("pat", pat)]),
        ("contains", [pat, of]) => of.test("containing", &[("pat", pat)]),
        ("indent", [width, of]) => {
            let yes = TeraPhrase::bool(true);
            of.filter("indent", &[("width", width), ("first", &yes), ("blank", &yes)], Holds::Text)
        }
        ("nindent", [width, of]) => of.filter("nindent", &[("width", width)], Holds::Text),
        ("trunc", [length, of]) => of.filter("cut", &[("length", length)], Holds::Text),
        ("substr", [start, end, of]) => of.filter("cut", &[("start", start), ("end", end)], Holds::Text),
        ("repeat", [count, of]) => match (count.text().parse::<usize>(), &of.literal) {
            (Ok(count), Some(text)) if count.saturating_mul(text.len()) < 1000 => {
                Ok(TeraPhrase::literal(&text.repeat(count)))
            }
            _ => Err("nothing here repeats a text; write it out".to_owned()),
        },
        ("plural", [one, many, count]) => count
            .sign("==", &TeraPhrase::number(1), Rank::Compare, Holds::Bool)
            .and_then(|single| single.choose(one, many)),
        ("regexMatch", [pattern, of]) => {
            regular(pattern).and_then(|()| of.test("matching", &[("pattern", pattern)]))
        }
        ("regexFind", [pattern, of]) => {
            regular(pattern).and_then(|()| of.filter("regex_find", &[("pattern", pattern)], Holds::Text))
        }
        ("regexReplaceAll", [pattern, of, to]) => regular(pattern)
            .and_then(|()| of.filter("regex_replace", &[("pattern", pattern), ("to", to)], Holds::Text)),
        _ => return None,
    })
}

/// Whether a regular expression means the same here.
fn regular(pattern: &TeraPhrase) -> Result<(), String> {
    match &pattern.literal {
        Some(pattern) => golang::regular(pattern).map(drop),
        None => Err("the regular expression has to be written down".to_owned()),
    }
}

/// Functions that choose, and those that look at the surroundings.
pub(super) fn value(name: &str, arguments: &[TeraPhrase]) -> Option<Phrased> {
    Some(match (name, arguments) {
        ("default", [default]) => Ok(default.clone()),
        ("default", [default, of]) => {
            let yes = TeraPhrase::bool(true);
            let holds = if of.holds == default.holds { of.holds } else { Holds::Anything };
            let default_loosely = default.loosely();
            of.loosely().filter("default", &[("value", &default_loosely), ("boolean", &yes)], holds).map(
                |mut phrase| {
                    phrase.missing = default.missing;
                    phrase
                },
            )
        }
        ("empty", [of]) => of.loosely().test("empty", &[]),
        ("ternary", [yes, no, condition]) => condition.loosely().choose(yes, no),
        ("coalesce", [_, ..]) => coalesce(arguments),
        ("env", [of]) => named(of).and_then(|name| env(&name)),
        ("expandenv", [of]) => named(of).and_then(|text| expanded(&text)),
        ("fail" | "RaiseError", [message]) => {
            TeraPhrase::function("throw", &[("message", message)], Holds::Text)
        }
        ("required", [message, of]) => required(message, of),
        ("toJson" | "mustToJson" | "toRawJson" | "mustToRawJson", [of]) => {
            of.filter("to_json", &[], Holds::Text)
        }
        ("toYaml", [of]) => of.filter("to_yaml", &[], Holds::Text),
        ("deepEqual", [first, second]) => {
            first.loosely().sign("==", &second.loosely(), Rank::Compare, Holds::Bool)
        }
        ("kindIs", [kind, of]) => {
            let test = match kind.literal.as_deref() {
                Some("string") => "string",
                Some("map") => "map",
                Some("slice") => "array",
                Some("bool") => "bool",
                Some("int") => "integer",
                _ => return Some(Err("nothing here asks for such a kind".to_owned())),
            };
            of.loosely().test(test, &[])
        }
        _ => return None,
    })
}

fn named(of: &TeraPhrase) -> Result<String, String> {
    of.literal.clone().ok_or_else(|| {
        "which variable of the environment it reads has to be written down, since it is kept for later builds".to_owned()
    })
}

/// The first that is not empty. Where none is, Go writes `<no value>`.
fn coalesce(arguments: &[TeraPhrase]) -> Phrased {
    let loose = chain(arguments, "or", Rank::Or)?;
    let (last, others) = arguments.split_last().ok_or("it has nothing to choose from")?;
    if last.literal.as_ref().is_some_and(|text| !text.is_empty()) && !others.is_empty() {
        return Ok(loose);
    }
    let message = TeraPhrase::literal("none of these is given");
    let fault = TeraPhrase::function("throw", &[("message", &message)], Holds::Anything)?;
    let strict = loose.sign("or", &fault, Rank::Or, Holds::Anything)?;
    Ok(strict.with_loose(&loose))
}

/// Helm's: neither missing nor an empty text.
fn required(message: &TeraPhrase, of: &TeraPhrase) -> Phrased {
    let loose = of.loosely();
    let empty = loose.sign("==", &TeraPhrase::literal(""), Rank::Compare, Holds::Bool)?;
    let absent = loose.test("undefined", &[])?.sign("or", &empty, Rank::Or, Holds::Bool)?;
    let fault = TeraPhrase::function("throw", &[("message", message)], of.holds)?;
    let mut phrase = absent.choose(&fault, of)?;
    phrase.missing = false;
    Ok(phrase)
}

/// Functions that make a list, or look into one.
pub(super) fn list(name: &str, arguments: &[TeraPhrase]) -> Option<Phrased> {
    let name = without_must(name);
    Some(match (name.as_str(), arguments) {
        ("list" | "tuple", items) => TeraPhrase::list(items),
        ("splitList" | "split", [pat, _]) if pat.literal.as_deref() == Some("") => {
            Err(format!("nothing here does what `{name}` does by an empty text"))
        }
        ("splitList", [pat, of]) => of.filter("split", &[("pat", pat)], Holds::Texts),
        ("split", [pat, of]) => of.filter("split", &[("pat", pat)], Holds::Split),
        ("join", [_, of]) if !is_list(of) => Err("`join` needs a list".to_owned()),
        ("join", [pat, of]) => of.filter("join", &[("sep", pat)], Holds::Text),
        ("first", [of]) if is_list(of) => of.item(&TeraPhrase::number(0)),
        ("last", [of]) if is_list(of) => of.item(&TeraPhrase::number(-1)),
        ("rest", [of]) if is_list(of) => of.slice("1", ""),
        ("initial", [of]) if is_list(of) => of.slice("", "-1"),
        ("slice", [of, from]) if is_list(of) => of.slice(from.text(), ""),
        ("slice", [of, from, to]) if is_list(of) => of.slice(from.text(), to.text()),
        ("reverse", [of]) if is_list(of) => of.filter("reverse", &[], of.holds),
        ("uniq", [of]) if is_list(of) => of.filter("unique", &[], of.holds),
        ("has", [one, of]) if is_list(of) => one.sign("in", of, Rank::Is, Holds::Bool),
        ("compact", [of]) if is_list(of) => of.only(ITEM, &[]),
        ("without", [of, items @ ..]) if is_list(of) => TeraPhrase::list(items)
            .and_then(|items| of.only(&format!("{ITEM} not in {}", items.text()), &[&items])),
        ("append" | "push", [of, one]) if is_list(of) => TeraPhrase::joined(&[(true, of), (false, one)]),
        ("prepend", [of, one]) if is_list(of) => TeraPhrase::joined(&[(false, one), (true, of)]),
        ("concat", lists) if lists.iter().all(is_list) => {
            TeraPhrase::joined(&lists.iter().map(|list| (true, list)).collect::<Vec<_>>())
        }
        ("keys", [of]) => of.filter("keys", &[], Holds::Unordered),
        ("sortAlpha", [of]) if matches!(of.holds, Holds::Texts | Holds::Unordered) => {
            of.filter("sort", &[], Holds::Texts)
        }
        ("until", [end]) => TeraPhrase::function("range", &[("end", end)], Holds::List),
        ("untilStep", [start, end, step]) => {
            TeraPhrase::function("range", &[("start", start), ("end", end), ("step_by", step)], Holds::List)
        }
        ("get", [of, key]) => {
            of.filter("get", &[("key", key), ("default", &TeraPhrase::literal(""))], Holds::Anything)
        }
        ("hasKey", [of, key]) => key.sign("in", of, Rank::Is, Holds::Bool),
        _ => return None,
    })
}

/// `mustFirst` is `first`: both fault here.
fn without_must(name: &str) -> String {
    let mut rest = name.strip_prefix("must").unwrap_or_default().chars();
    rest.next()
        .map_or_else(|| name.to_owned(), |first| format!("{}{}", first.to_ascii_lowercase(), rest.as_str()))
}

fn is_list(of: &TeraPhrase) -> bool {
    matches!(of.holds, Holds::Anything | Holds::List | Holds::Texts)
}

/// Functions that reckon, with whole numbers as sprig does.
pub(super) fn number(name: &str, arguments: &[TeraPhrase]) -> Option<Phrased> {
    let sum = |sign: &str, rank: Rank| {
        let (first, others) = arguments.split_first().ok_or("it has nothing to reckon with")?;
        others
            .iter()
            .try_fold(whole(first)?, |left, right| left.sign(sign, &whole(right)?, rank, Holds::Number))
    };
    let by = |filter: &str| match arguments {
        [of, by] => whole(of)?.filter(filter, &[("by", &whole(by)?)], Holds::Number),
        _ => Err(format!("`{name}` takes two numbers")),
    };
    let end = |at: i64| {
        let all = arguments.iter().map(whole).collect::<Result<Vec<_>, _>>()?;
        let mut found =
            TeraPhrase::list(&all)?.filter("sort", &[], Holds::List)?.item(&TeraPhrase::number(at))?;
        (found.holds, found.missing) = (Holds::Number, false);
        Ok(found)
    };
    Some(match (name, arguments) {
        ("int" | "int64" | "atoi", [of]) => whole(of),
        ("add" | "mul", [_, _, ..]) | ("sub", [_, _]) => match name {
            "add" => sum("+", Rank::Sum),
            "sub" => sum("-", Rank::Sum),
            _ => sum("*", Rank::Product),
        },
        ("add1", [of]) => {
            whole(of).and_then(|of| of.sign("+", &TeraPhrase::number(1), Rank::Sum, Holds::Number))
        }
        ("div", _) => by("quotient"),
        ("mod", _) => by("remainder"),
        ("max" | "biggest", [_, ..]) => end(-1),
        ("min", [_, ..]) => end(0),
        _ => return None,
    })
}

/// A whole number: a text is read as one, since `-values` gives texts.
fn whole(of: &TeraPhrase) -> Phrased {
    if of.holds == Holds::Number { Ok(of.clone()) } else { of.filter("int", &[], Holds::Number) }
}
