//! Texts that are filled, for which Tera has `~`.

use super::phrase::{ATOM, FILTER, PRODUCT, Phrase, Stop, Told};

/// `%s` and `%d` filled.
pub(super) fn printf(format: &Phrase, items: &[Phrase]) -> Told {
    let format = format.literal().ok_or(Stop::Unreadable)?;
    let (mut parts, mut rest) = (vec![String::new()], format);
    let mut quoted = Vec::new();
    while let Some(at) = rest.find('%') {
        let last = parts.len() - 1;
        parts[last].push_str(&rest[..at]);
        match rest[at + 1..].chars().next() {
            Some('%') => parts[last].push('%'),
            Some(verb @ ('s' | 'd' | 'v' | 'q')) => {
                quoted.push(verb == 'q');
                parts.push(String::new());
            }
            _ => return Err(Stop::Unreadable),
        }
        rest = &rest[at + 2..];
    }
    let last = parts.len() - 1;
    parts[last].push_str(rest);
    if quoted.len() != items.len() {
        return Err(Stop::Unreadable);
    }
    let items: Vec<Phrase> = items
        .iter()
        .zip(quoted)
        .map(|(item, quoted)| {
            if quoted {
                Phrase::new(format!("{} | quote", item.within(FILTER)), FILTER)
            } else {
                item.clone()
            }
        })
        .collect();
    joined(parts.iter().map(String::as_str).collect(), &items)
}

/// Texts with items between them.
pub(super) fn joined(parts: Vec<&str>, items: &[Phrase]) -> Told {
    if parts.len() != items.len() + 1 {
        return Err(Stop::Unreadable);
    }
    let mut all = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        if !part.is_empty() {
            all.push(format!("\"{part}\""));
        }
        all.extend(items.get(index).map(|item| item.within(PRODUCT + 1)));
    }
    let power = if all.len() > 1 || !items.is_empty() { PRODUCT } else { ATOM };
    Ok(Phrase { text: all.join(" ~ "), power, is_text: true })
}
