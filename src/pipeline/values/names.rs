//! The names of values: dotted on the command line, one part a key in a file.

/// Why no value can have this dotted name; `None` if one can.
pub fn name_fault(name: &str) -> Option<String> {
    let why = segments(name).iter().find_map(|part| part_fault(part))?;
    Some(format!("`{name}` is no name of a value: {why}"))
}

/// Why no value can have a name with this part.
pub(super) fn part_fault(part: &str) -> Option<String> {
    if part.is_empty() {
        Some(
            "a part of it is empty: its dots stand for nested values, and \\. for a dot within a name"
                .to_owned(),
        )
    } else if part.trim() != part {
        Some(
            "blanks stand around it, or around one of its parts, and no template reads such a name"
                .to_owned(),
        )
    } else if let Some((list, _)) = part.strip_suffix(']').and_then(|part| part.split_once('[')) {
        Some(format!(
            "an item of a list cannot be given alone; give the whole list, as in --set-json '{list}=[1, 2]'"
        ))
    } else {
        None
    }
}

/// The parts of a dotted name; `\.` is a dot within a part.
pub(super) fn segments(name: &str) -> Vec<String> {
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
