//! What is read: an expression in Tera's words, or why there is none, and what was not Tera in it.

/// An expression in Tera's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrase {
    pub(super) text: String,
    /// How strongly its parts hold together: [`TERNARY`] to [`ATOM`].
    pub(super) power: u8,
    /// Whether it is known to be a text.
    pub(super) is_text: bool,
}

pub(super) const TERNARY: u8 = 0;
pub(super) const NOT: u8 = 5;
pub(super) const COMPARE: u8 = 7;
pub(super) const SUM: u8 = 11;
pub(super) const PRODUCT: u8 = 13;
pub(super) const FILTER: u8 = 17;
pub(super) const ATOM: u8 = 20;

impl Phrase {
    pub(super) fn new(text: impl Into<String>, power: u8) -> Self {
        Self { text: text.into(), power, is_text: false }
    }

    /// The same as a part of something that holds together as strongly as `power`.
    pub(super) fn within(&self, power: u8) -> String {
        if self.power < power { format!("({})", self.text) } else { self.text.clone() }
    }

    /// What a literal text holds, where it has no escapes.
    pub(super) fn literal(&self) -> Option<&str> {
        let inner = self.text.get(1..self.text.len().checked_sub(1)?)?;
        (self.is_text && self.power == ATOM && !inner.contains(['\\', '"', '\''])).then_some(inner)
    }
}

/// Why there is no expression in Tera's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// It is no expression in anybody's words.
    Unreadable,
    /// It is one, and Tera has no counterpart.
    Absent(Note),
}

/// What is not Tera, where, and why or what to do instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) at: usize,
    pub(super) what: String,
    pub(super) more: String,
    /// Whom the same words may be meant for.
    pub(super) meant: MeantFor,
}

/// Whose words something may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MeantFor {
    /// For us, and for nobody else.
    Us,
    /// For any template in Go's language.
    Go,
    /// The same, unless the template makes a value of that name.
    GoUnless(String),
}

pub(super) type Told = Result<Phrase, Stop>;

/// What is not Tera: the first of it.
#[derive(Debug, Default)]
pub(super) struct Notes(pub(super) Option<Note>);

impl Notes {
    /// Notes what is not Tera, if it is the first.
    pub(super) fn note(&mut self, at: usize, what: impl Into<String>, more: &str) {
        self.add(Note { at, what: what.into(), more: more.to_owned(), meant: MeantFor::Us });
    }

    pub(super) fn add(&mut self, note: Note) {
        if self.0.as_ref().is_none_or(|earlier| earlier.at > note.at) {
            self.0 = Some(note);
        }
    }
}

/// What a call is given, each with its place.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) by_place: Vec<(usize, Phrase)>,
    pub(super) named: Vec<(String, usize, Phrase)>,
    /// Whether they stand there without parentheses.
    pub(super) bare: bool,
}

impl Arguments {
    pub(super) fn is_empty(&self) -> bool {
        self.by_place.is_empty() && self.named.is_empty()
    }

    pub(super) fn phrases(&self) -> Vec<Phrase> {
        self.by_place.iter().map(|(_, phrase)| phrase.clone()).collect()
    }
}

/// Fills a form (see [`super::words::RESHAPED`]).
pub(super) fn shaped(form: &str, value: &Phrase, arguments: &[Phrase]) -> Phrase {
    let found = |signs: &[&str]| signs.iter().any(|sign| form.contains(sign));
    let power = match form.as_bytes()[0] {
        b'[' | b'{' => ATOM,
        _ if found(&[" if "]) => TERNARY,
        _ if found(&[" is ", " in ", "not "]) => NOT,
        _ if found(&[" == ", " != ", " < ", " > ", " <= ", " >= "]) => COMPARE,
        _ if found(&[" + ", " - "]) => SUM,
        _ if found(&[" // ", " % "]) => PRODUCT,
        _ if found(&[" | "]) => FILTER,
        _ => ATOM,
    };
    // one that is nothing but its part is as strong as that
    let power =
        if form.len() == 2 { part(form, value, arguments).map_or(power, |part| part.power) } else { power };
    let mut text = String::new();
    let mut rest = form;
    while let Some(at) = rest.find(['$', '%']) {
        text.push_str(&rest[..at]);
        let Some(part) = part(&rest[at..], value, arguments) else {
            text.push_str(&rest[at..=at]);
            rest = &rest[at + 1..];
            continue;
        };
        if rest[at..].starts_with('%') {
            text.push_str(&part.within(FILTER));
        } else {
            text.push_str(&part.text);
        }
        rest = &rest[at + 2..];
    }
    text.push_str(rest);
    Phrase::new(text, power)
}

fn part<'p>(form: &str, value: &'p Phrase, arguments: &'p [Phrase]) -> Option<&'p Phrase> {
    match form.as_bytes().get(1)? {
        b'v' => Some(value),
        digit => arguments.get(usize::from(digit.wrapping_sub(b'0'))),
    }
}
