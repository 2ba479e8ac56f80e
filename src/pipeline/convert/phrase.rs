//! Expressions of Tera: their text, how tightly they are bound, and what is known of their values.

use std::fmt::Write as _;

/// Expressions within each other at most: Tera takes 40, and those of the tag itself count.
const MOST_DEEP: u8 = 30;
/// Bytes of an expression at most; Tera's own bound is 256 signs and filters.
const MOST_LONG: usize = 4000;
/// Signs and filters of an expression at most.
const MOST_SIGNS: u16 = 200;

/// Brackets within each other at most, as Tera has it.
const MOST_BRACKETS: u8 = 4;

/// The name of an item of a list that is looked through: no value has it.
pub(super) const ITEM: &str = "it_of_list";

/// What is known of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Anything,
    Text,
    Number,
    Bool,
    List,
    /// A list of texts.
    Texts,
    /// The keys of a mapping: Go gives them in another order each time.
    Unordered,
    Map,
    /// The parts of a text, which sprig names `_0`, `_1` and so on.
    Split,
}

/// How tightly an expression is bound: Tera's own powers, and the highest for what stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Ternary,
    Or,
    And,
    Not,
    Is,
    Compare,
    Sum,
    Product,
    Filter,
    Alone,
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TeraPhrase {
    text: String,
    /// The same where what it reads may be missing: `a?.b`.
    loose: Option<String>,
    pub(super) rank: Rank,
    pub(super) holds: Holds,
    /// Whether it may be missing.
    pub(super) missing: bool,
    /// A name with fields, which may get more.
    is_path: bool,
    /// What it writes, where that is a text with values in it.
    pub(super) pieces: Option<Vec<TextPart>>,
    /// The text, if it is one that is written down.
    pub(super) literal: Option<String>,
    deep: u8,
    signs: u16,
    /// Lists written in each other.
    lists: u8,
    /// Brackets in each other's.
    brackets: u8,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TextPart {
    Text(String),
    Value(TeraPhrase),
}

/// An expression, or why there is none.
pub(super) type Phrased = Result<TeraPhrase, String>;

impl TeraPhrase {
    fn new(text: String, rank: Rank, holds: Holds) -> Self {
        Self {
            text,
            loose: None,
            rank,
            holds,
            missing: false,
            is_path: false,
            pieces: None,
            literal: None,
            deep: 1,
            signs: 0,
            lists: 0,
            brackets: 0,
        }
    }

    /// A name of a value or variable.
    pub(super) fn name(text: impl Into<String>, holds: Holds) -> Self {
        let mut phrase = Self::new(text.into(), Rank::Alone, holds);
        (phrase.is_path, phrase.missing) = (true, holds == Holds::Anything);
        phrase
    }

    pub(super) fn literal(text: &str) -> Self {
        let mut phrase = Self::new(quoted(text), Rank::Alone, Holds::Text);
        phrase.literal = Some(text.to_owned());
        phrase
    }

    pub(super) fn number(value: i64) -> Self {
        Self::new(value.to_string(), Rank::Alone, Holds::Number)
    }

    /// With another way to be written where what it reads may be missing.
    pub(super) fn with_loose(mut self, loose: &TeraPhrase) -> Self {
        // it is put where the other stands, and so bound as loosely as that
        self.rank = self.rank.min(loose.rank);
        self.loose = Some(loose.text.clone());
        self
    }

    /// A number with a fraction: Go compares and reckons with it otherwise than with whole ones.
    pub(super) fn fraction(value: f64) -> Self {
        Self::new(value.to_string(), Rank::Alone, Holds::Anything)
    }

    pub(super) fn bool(value: bool) -> Self {
        Self::new(value.to_string(), Rank::Alone, Holds::Bool)
    }

    /// Something made of others.
    fn of(text: String, rank: Rank, holds: Holds, parts: &[&TeraPhrase]) -> Phrased {
        let mut phrase = Self::new(text, rank, holds);
        phrase.deep = parts.iter().map(|part| part.deep).max().unwrap_or(0) + 1;
        phrase.signs = parts.iter().map(|part| part.signs).fold(1, u16::saturating_add);
        phrase.lists = parts.iter().map(|part| part.lists).max().unwrap_or(0);
        phrase.brackets = parts.iter().map(|part| part.brackets).max().unwrap_or(0);
        if phrase.deep > MOST_DEEP || phrase.text.len() > MOST_LONG || phrase.signs > MOST_SIGNS {
            return Err("the expression is too long; part it with variables".to_owned());
        }
        Ok(phrase)
    }

    /// Whether it is a name with fields.
    pub(super) fn is_path(&self) -> bool {
        self.is_path
    }

    /// As it is written where a missing value is a fault.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// As it is written where a missing value is as good as an empty one.
    pub(super) fn loose(&self) -> &str {
        self.loose.as_deref().unwrap_or(&self.text)
    }

    /// The same, with what may be missing on its way.
    pub(super) fn loosely(&self) -> Self {
        Self { text: self.loose().to_owned(), loose: None, ..self.clone() }
    }

    /// In parentheses unless it is bound as tightly.
    fn at_least(&self, rank: Rank) -> String {
        if self.rank < rank { format!("({})", self.text) } else { self.text.clone() }
    }

    /// A field.
    pub(super) fn field(&self, name: &str) -> Phrased {
        if self.holds == Holds::Split {
            let index = name.strip_prefix('_').and_then(|digits| digits.parse::<u32>().ok());
            let index = index.ok_or_else(|| format!("a text that was split has no `{name}`"))?;
            return self.item(&Self::number(index.into()));
        }
        if !self.is_path || !is_plain(name) {
            return self.item(&Self::literal(name));
        }
        let mut phrase = Self::of(format!("{}.{name}", self.text), Rank::Alone, Holds::Anything, &[self])?;
        phrase.loose = Some(format!("{}?.{name}", self.loose()));
        (phrase.is_path, phrase.missing, phrase.deep, phrase.signs) = (true, true, self.deep, self.signs + 1);
        Ok(phrase)
    }

    /// An item of a list or a mapping.
    pub(super) fn item(&self, key: &TeraPhrase) -> Phrased {
        let lhs = self.at_least(Rank::Alone);
        let mut phrase =
            Self::of(format!("{lhs}[{}]", key.text), Rank::Alone, Holds::Anything, &[self, key])?;
        phrase.brackets = self.brackets.max(key.brackets + 1);
        if phrase.brackets > MOST_BRACKETS {
            return Err("Tera takes no more brackets within each other; part it with variables".to_owned());
        }
        if self.is_path {
            phrase.loose = Some(format!("{}?[{}]", self.loose(), key.text));
            phrase.is_path = true;
        }
        if self.holds == Holds::Split || self.holds == Holds::Texts {
            phrase.holds = Holds::Text;
        }
        phrase.missing = true;
        Ok(phrase)
    }

    /// From one place to another.
    pub(super) fn slice(&self, from: &str, to: &str) -> Phrased {
        Self::of(format!("{}[{from}:{to}]", self.at_least(Rank::Alone)), Rank::Alone, self.holds, &[self])
    }

    /// `x | name(argument=value)`.
    pub(super) fn filter(&self, name: &str, arguments: &[(&str, &TeraPhrase)], holds: Holds) -> Phrased {
        let lhs = self.at_least(Rank::Filter);
        let mut parts: Vec<&TeraPhrase> = arguments.iter().map(|(_, value)| *value).collect();
        parts.push(self);
        Self::of(format!("{lhs} | {}", call(name, arguments)), Rank::Filter, holds, &parts)
    }

    /// `name(argument=value)`.
    pub(super) fn function(name: &str, arguments: &[(&str, &TeraPhrase)], holds: Holds) -> Phrased {
        let parts: Vec<&TeraPhrase> = arguments.iter().map(|(_, value)| *value).collect();
        let text = call(name, arguments);
        Self::of(if arguments.is_empty() { text + "()" } else { text }, Rank::Alone, holds, &parts)
    }

    /// `x is name(argument=value)`.
    pub(super) fn test(&self, name: &str, arguments: &[(&str, &TeraPhrase)]) -> Phrased {
        let lhs = self.at_least(Rank::Filter);
        let mut parts: Vec<&TeraPhrase> = arguments.iter().map(|(_, value)| *value).collect();
        parts.push(self);
        Self::of(format!("{lhs} is {}", call(name, arguments)), Rank::Is, Holds::Bool, &parts)
    }

    /// `x sign y`.
    pub(super) fn sign(&self, sign: &str, other: &TeraPhrase, rank: Rank, holds: Holds) -> Phrased {
        let (left, right) = match rank {
            Rank::And | Rank::Or => (self.at_least(Rank::Is), other.at_least(Rank::Is)),
            _ => (self.at_least(Rank::Filter), other.at_least(Rank::Filter)),
        };
        Self::of(format!("{left} {sign} {right}"), rank, holds, &[self, other])
    }

    /// `not x`.
    pub(super) fn not(&self) -> Phrased {
        let lhs = self.at_least(Rank::Filter);
        Self::of(format!("not {lhs}"), Rank::Not, Holds::Bool, &[self])
    }

    /// `yes if self else no`.
    pub(super) fn choose(&self, yes: &TeraPhrase, no: &TeraPhrase) -> Phrased {
        let (condition, yes_text) = (self.at_least(Rank::Or), yes.at_least(Rank::Or));
        let text = format!("{yes_text} if {condition} else {}", no.at_least(Rank::Or));
        let holds = if yes.holds == no.holds { yes.holds } else { Holds::Anything };
        let mut phrase = Self::of(text, Rank::Ternary, holds, &[self, yes, no])?;
        phrase.missing = yes.missing || no.missing;
        Ok(phrase)
    }

    /// `[a, b]`.
    pub(super) fn list(items: &[TeraPhrase]) -> Phrased {
        let texts = items.iter().all(|item| item.holds == Holds::Text);
        let inner: Vec<&str> = items.iter().map(Self::text).collect();
        let parts: Vec<&TeraPhrase> = items.iter().collect();
        let holds = if texts { Holds::Texts } else { Holds::List };
        Self::of(format!("[{}]", inner.join(", ")), Rank::Alone, holds, &parts)?.in_list()
    }

    /// One list more, of the two that Tera takes.
    fn in_list(mut self) -> Phrased {
        self.lists += 1;
        if self.lists > 2 { Err("Tera takes no list in lists in a list".to_owned()) } else { Ok(self) }
    }

    /// `[...a, b]`, where what begins with `...` is a list.
    pub(super) fn joined(items: &[(bool, &TeraPhrase)]) -> Phrased {
        let spread = |(list, item): &(bool, &TeraPhrase)| {
            if *list { format!("...{}", item.at_least(Rank::Filter)) } else { item.text.clone() }
        };
        let inner: Vec<String> = items.iter().map(spread).collect();
        let parts: Vec<&TeraPhrase> = items.iter().map(|(_, item)| *item).collect();
        Self::of(format!("[{}]", inner.join(", ")), Rank::Alone, Holds::List, &parts)?.in_list()
    }

    /// `{"a": b}`.
    pub(super) fn map(fields: &[(String, TeraPhrase)]) -> Phrased {
        let inner: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}: {}", quoted(name), value.text)).collect();
        let parts: Vec<&TeraPhrase> = fields.iter().map(|(_, value)| value).collect();
        Self::of(format!("{{{}}}", inner.join(", ")), Rank::Alone, Holds::Map, &parts)
    }

    /// The items of a list that fit: `[x for x in list if …]`.
    pub(super) fn only(&self, condition: &str, others: &[&TeraPhrase]) -> Phrased {
        let text = format!("[{ITEM} for {ITEM} in {} if {condition}]", self.at_least(Rank::Filter));
        let parts: Vec<&TeraPhrase> = others.iter().copied().chain([self]).collect();
        Self::of(text, Rank::Alone, if self.holds == Holds::Texts { self.holds } else { Holds::List }, &parts)
    }
}

/// Operands of `and` and `or`: the last one that was looked at is the value, with Tera as with Go.
pub(super) fn chain(operands: &[TeraPhrase], sign: &str, rank: Rank) -> Phrased {
    let (first, others) = operands.split_first().ok_or("it has nothing to look at")?;
    others.iter().try_fold(first.loosely(), |left, right| {
        let both = left.holds == Holds::Bool && right.holds == Holds::Bool;
        let holds = if both { Holds::Bool } else { Holds::Anything };
        let mut phrase = left.sign(sign, &right.loosely(), rank, holds)?;
        phrase.missing = left.missing || right.missing;
        Ok(phrase)
    })
}

fn call(name: &str, arguments: &[(&str, &TeraPhrase)]) -> String {
    if arguments.is_empty() {
        return name.to_owned();
    }
    let inner: Vec<String> =
        arguments.iter().map(|(argument, value)| format!("{argument}={}", value.text)).collect();
    format!("{name}({})", inner.join(", "))
}

/// Whether a name may stand after a dot.
pub(super) fn is_plain(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !["true", "True", "false", "False"].contains(&name)
}

/// A text as Tera writes it.
pub(super) fn quoted(text: &str) -> String {
    text.chars().fold(String::from('"'), |mut all, letter| {
        let _ = match letter {
            '"' | '\\' => write!(all, "\\{letter}"),
            '\n' => write!(all, "\\n"),
            '\r' => write!(all, "\\r"),
            '\t' => write!(all, "\\t"),
            letter => write!(all, "{letter}"),
        };
        all
    }) + "\""
}
