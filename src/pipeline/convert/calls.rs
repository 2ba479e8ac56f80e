//! Calls of functions: those of text/template itself, and those that look into what a mapping means.

use super::meaning::{Meaning, NO_NOTATION, concat, printf, prints, spaced};
use super::phrase::{Holds, Phrased, Rank, TeraPhrase, TextPart, chain};
use super::{refused, sprig};

/// What a call stands for.
///
/// # Errors
/// Why it has no counterpart.
pub(super) fn call(name: &str, arguments: &[Meaning]) -> Result<Meaning, String> {
    match (name, arguments) {
        ("dict", fields) if fields.len() % 2 == 0 => return record(fields),
        ("index", [of, keys @ ..]) => return index(of, keys),
        ("get", [of, key]) => {
            if let Some(key) = literal(key)
                && !matches!(of, Meaning::Phrase(_))
            {
                return of.field(&key);
            }
        }
        ("hasKey", [of, key]) => {
            if let Some(key) = literal(key)
                && matches!(of, Meaning::Root | Meaning::Env | Meaning::Facts)
            {
                return of.field(&key)?.phrase()?.loosely().test("defined", &[]).map(Meaning::Phrase);
            }
        }
        ("dig", [keys @ .., default, of]) if !keys.is_empty() => {
            let mut found = of.clone();
            for key in keys {
                let key = literal(key).ok_or("`dig` goes by keys that are written down")?;
                found = found.field(&key)?;
            }
            let default = default.phrase()?.loosely();
            let found = found.phrase()?.loosely();
            return found.filter("default", &[("value", &default)], Holds::Anything).map(Meaning::Phrase);
        }
        _ => {}
    }
    let arguments = arguments.iter().map(Meaning::phrase).collect::<Result<Vec<_>, _>>();
    // that there is no such function says more than that it cannot be given this
    let arguments = arguments.map_err(|why| refused::known(name).unwrap_or(why))?;
    let called = builtin(name, &arguments)
        .or_else(|| sprig::text(name, &arguments))
        .or_else(|| sprig::value(name, &arguments))
        .or_else(|| sprig::list(name, &arguments))
        .or_else(|| sprig::number(name, &arguments));
    called.unwrap_or_else(|| Err(refused::reason(name))).map(Meaning::Phrase)
}

fn literal(meaning: &Meaning) -> Option<String> {
    match meaning {
        Meaning::Phrase(phrase) => phrase.literal.clone(),
        _ => None,
    }
}

fn record(fields: &[Meaning]) -> Result<Meaning, String> {
    let mut record: Vec<(String, Meaning)> = Vec::new();
    for pair in fields.chunks(2) {
        let key = literal(&pair[0]).ok_or("the keys of a `dict` have to be written down")?;
        record.retain(|(other, _)| *other != key);
        record.push((key, pair[1].clone()));
    }
    Ok(Meaning::Record(record))
}

fn index(of: &Meaning, keys: &[Meaning]) -> Result<Meaning, String> {
    keys.iter().try_fold(of.clone(), |found, key| match (&found, literal(key)) {
        (Meaning::Phrase(phrase), Some(key)) if super::phrase::is_plain(&key) => {
            phrase.field(&key).map(Meaning::Phrase)
        }
        (Meaning::Phrase(phrase), _) => phrase.item(&key.phrase()?).map(Meaning::Phrase),
        (_, Some(key)) => found.field(&key),
        (_, None) => found.phrase()?.item(&key.phrase()?).map(Meaning::Phrase),
    })
}

/// The functions of text/template.
fn builtin(name: &str, arguments: &[TeraPhrase]) -> Option<Phrased> {
    Some(match (name, arguments) {
        ("not", [of]) => of.loosely().not(),
        ("and" | "or", [of]) => Ok(of.loosely()),
        ("and", [_, ..]) => chain(arguments, "and", Rank::And),
        ("or", [_, ..]) => chain(arguments, "or", Rank::Or),
        ("eq", [first, others @ ..]) if !others.is_empty() => equal(first, others),
        ("ne", [first, second]) => compared(first, "!=", second),
        ("lt", [first, second]) => compared(first, "<", second),
        ("le", [first, second]) => compared(first, "<=", second),
        ("gt", [first, second]) => compared(first, ">", second),
        ("ge", [first, second]) => compared(first, ">=", second),
        ("len", [of]) => match &of.literal {
            Some(text) => Ok(TeraPhrase::number(i64::try_from(text.len()).unwrap_or(i64::MAX))),
            None => of.filter("size", &[], Holds::Number),
        },
        ("print", parts) => print(parts),
        ("println", parts) => {
            let mut all = spaced(parts);
            all.push(TextPart::Text("\n".to_owned()));
            concat(all)
        }
        ("printf", [format, values @ ..]) => match &format.literal {
            Some(format) => formatted(format, values),
            None => Err("`printf` needs a format that is written down".to_owned()),
        },
        _ => return None,
    })
}

fn equal(first: &TeraPhrase, others: &[TeraPhrase]) -> Phrased {
    let each = others.iter().map(|other| compared(first, "==", other)).collect::<Result<Vec<_>, _>>()?;
    match &each[..] {
        [one] => Ok(one.clone()),
        many => chain(many, "or", Rank::Or),
    }
}

fn compared(first: &TeraPhrase, sign: &str, second: &TeraPhrase) -> Phrased {
    let basic = |phrase: &TeraPhrase| matches!(phrase.holds, Holds::Text | Holds::Number | Holds::Bool);
    if basic(first) && basic(second) && first.holds != second.holds {
        return Err("Go compares nothing with something of another kind".to_owned());
    }
    if matches!(sign, "==" | "!=") {
        return first.loosely().sign(sign, &second.loosely(), Rank::Compare, Holds::Bool);
    }
    first.sign(sign, second, Rank::Compare, Holds::Bool)
}

/// Go puts a blank between two operands of which neither is a text.
fn print(parts: &[TeraPhrase]) -> Phrased {
    if !parts.iter().all(prints) {
        return Err(NO_NOTATION.to_owned());
    }
    let mut all: Vec<TextPart> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        if let Some(before) = index.checked_sub(1).map(|before| &parts[before])
            && before.holds != Holds::Text
            && part.holds != Holds::Text
        {
            if before.holds == Holds::Anything || part.holds == Holds::Anything {
                // whether they are is seen when it is rendered
                return TeraPhrase::function("go_print", &[("args", &TeraPhrase::list(parts)?)], Holds::Text);
            }
            all.push(TextPart::Text(" ".to_owned()));
        }
        all.push(TextPart::Value(part.clone()));
    }
    concat(all)
}

/// A text with values in it. What is no more than text and values is written as such.
fn formatted(format: &str, values: &[TeraPhrase]) -> Phrased {
    let mut parts = Vec::new();
    let (mut plain, mut used) = (true, 0);
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        parts.push(TextPart::Text(rest[..at].to_owned()));
        let after = &rest[at + 1..];
        let verb = after.find(|letter: char| letter.is_ascii_alphabetic() || letter == '%');
        let verb = verb.ok_or("`printf` ends in the middle of a verb")?;
        let (flags, verb, next) = (&after[..verb], &after[verb..=verb], &after[verb + 1..]);
        rest = next;
        if verb == "%" && flags.is_empty() {
            parts.push(TextPart::Text("%".to_owned()));
            continue;
        }
        let known = ["s", "v", "d", "q", "t", "f", "x", "X"].contains(&verb)
            && flags.bytes().all(|flag| b"-+ 0123456789.".contains(&flag));
        if !known || verb == "v" && !flags.is_empty() {
            return Err(format!("nothing here writes `%{flags}{verb}`"));
        }
        let value = values.get(used).ok_or("`printf` has fewer values than its format")?;
        used += 1;
        if !prints(value) {
            return Err(NO_NOTATION.to_owned());
        }
        let as_it_is = match verb {
            "s" => matches!(value.holds, Holds::Text | Holds::Anything),
            "d" => matches!(value.holds, Holds::Number | Holds::Anything),
            "t" => matches!(value.holds, Holds::Bool | Holds::Anything),
            "v" => true,
            _ => false,
        };
        plain &= as_it_is && flags.is_empty();
        parts.push(TextPart::Value(value.clone()));
    }
    if used < values.len() {
        return Err("`printf` has more values than its format".to_owned());
    }
    parts.push(TextPart::Text(rest.to_owned()));
    let phrase = concat(parts)?;
    if plain && phrase.pieces.is_none() {
        return Ok(phrase);
    }
    let mut written = printf(format, values)?;
    written.pieces = phrase.pieces.filter(|_| plain);
    Ok(written)
}
