//! Where errors are made in the sources, and what they say.

use std::collections::BTreeMap;

use studioci::cli::failure::ExitKind;

use crate::KINDS;
use crate::tokens::{Token, parts};

/// What makes an error, and its exit code; none where that is the first argument.
const MAKERS: [(&str, &str, Option<ExitKind>); 8] = [
    ("Error", "usage", Some(ExitKind::Usage)),
    ("Error", "unready", Some(ExitKind::Cluster)),
    ("Error", "ownership", Some(ExitKind::OwnershipLost)),
    ("Error", "timeout", Some(ExitKind::Timeout)),
    ("Failure", "usage", Some(ExitKind::Usage)),
    ("Failure", "new", None),
    ("Fault", "new", Some(ExitKind::Usage)),
    ("Wrong", "new", Some(ExitKind::Usage)),
];

/// Functions that make errors of what they are given, and are called from other files of their room.
pub(crate) const SHARED: [&str; 3] = ["fault", ".fault", "not_done"];

/// Methods that change nothing of what is said.
const PLAIN: [&str; 5] = ["to_owned", "to_string", "into", "as_str", "clone"];

/// An error as its source says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) file: String,
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) remedy: String,
    pub(crate) code: u8,
}

/// An error, and which of its parts are parameters of the function that makes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Made {
    row: Row,
    what: Option<usize>,
    why: Option<usize>,
    remedy: Option<usize>,
}

/// Reads one file.
#[derive(Default)]
pub(crate) struct Reader {
    file: String,
    /// Functions, closures and `let NAME` that make errors, by name.
    pub(crate) known: BTreeMap<String, Made>,
    pub(crate) rows: Vec<Row>,
    /// Sentences of `#[error("…")]`.
    pub(crate) quoted: Vec<String>,
    /// The texts of `let` and `const`, by name.
    said: BTreeMap<String, String>,
    /// The texts of constants, by `file::NAME`.
    pub(crate) constants: BTreeMap<String, String>,
    /// Functions and closures around, with their parameters.
    around: Vec<(String, Vec<String>)>,
}

impl Reader {
    /// A reader of this file, which knows what other files have to make errors with.
    pub(crate) fn of(
        file: &str,
        known: &BTreeMap<String, Made>,
        constants: &BTreeMap<String, String>,
    ) -> Self {
        let near =
            |made: &Made| made.row.file.rsplit_once('/').is_some_and(|(room, _)| file.starts_with(room));
        let known =
            known.iter().filter(|(_, made)| near(made)).map(|(name, made)| (name.clone(), made.clone()));
        let (known, constants) = (known.collect(), constants.clone());
        Self { file: file.to_owned(), known, constants, ..Self::default() }
    }

    /// Reads tokens one after the other, and what is in their brackets.
    pub(crate) fn walk(&mut self, tokens: &[Token]) {
        let mut at = 0;
        while at < tokens.len() {
            at += self.step(tokens, at);
        }
    }

    /// Reads what begins at a token; how many it was.
    fn step(&mut self, tokens: &[Token], at: usize) -> usize {
        let rest = &tokens[at..];
        match rest {
            [Token::Word(word), Token::Word(name), ..] if word == "mod" && name == "tests" => return 3,
            [Token::Sign('#'), Token::Group('[', inside), ..] => {
                if let [Token::Word(error), Token::Group('(', text)] = &inside[..]
                    && error == "error"
                    && let Some(Token::Text(text)) = text.first()
                {
                    self.quoted.push(text.clone());
                }
                return 2;
            }
            [Token::Word(word), Token::Word(name), ..] if word == "fn" => {
                let body =
                    rest.iter().position(|token| matches!(token, Token::Group('{', _)) || token.is(';'));
                let given = rest.iter().find_map(|token| match token {
                    Token::Group('(', inside) => Some(&inside[..]),
                    _ => None,
                });
                let given = given.unwrap_or_default();
                let method = given.iter().take(3).any(|token| token.word() == Some("self"));
                let name = if method { format!(".{name}") } else { name.clone() };
                let body = body.unwrap_or(rest.len() - 1);
                if let Token::Group('{', inside) = &rest[body] {
                    let said = std::mem::take(&mut self.said);
                    self.within(&name, parameters(given), inside);
                    self.said = said;
                    self.known.retain(|name, _| !name.starts_with("let "));
                }
                return body + 1;
            }
            [Token::Word(word), ..] if ["let", "const"].contains(&word.as_str()) => {
                if let Some(length) = self.bound(rest) {
                    return length;
                }
            }
            _ => {}
        }
        let called = at > 0 && (tokens[at - 1].is('.') || tokens[at - 1].word() == Some("struct"));
        if !called && let Some((made, length)) = self.made(rest) {
            self.keep(made);
            return length;
        }
        if let Token::Group(_, inside) = &rest[0] {
            self.walk(inside);
        }
        1
    }

    fn within(&mut self, name: &str, parameters: Vec<String>, body: &[Token]) {
        self.said.retain(|said, _| !parameters.contains(said));
        self.around.push((name.to_owned(), parameters));
        self.walk(body);
        self.around.pop();
    }

    /// `let NAME = …;`, `const NAME: … = …;`: how many tokens it was; `None` for patterns.
    fn bound(&mut self, rest: &[Token]) -> Option<usize> {
        let name = rest[1..].iter().find_map(Token::word).filter(|word| *word != "mut")?;
        let end = rest.iter().position(|token| token.is(';'))?;
        let equals = rest[..end].iter().position(|token| token.is('='))?;
        let value = &rest[equals + 1..end];
        let plain = rest[1..equals].iter().all(|token| !matches!(token, Token::Group(..)));
        if !plain
            || value.iter().any(|token| token.word() == Some("else")) && value.first()?.word() != Some("if")
        {
            return None;
        }
        if value.first()?.is('|') {
            let close = 1 + value[1..].iter().position(|token| token.is('|'))?;
            self.within(name, parameters(&value[1..close]), &value[close + 1..]);
            return Some(end + 1);
        }
        if let (Some("const"), [Token::Text(text)]) = (rest[0].word(), value) {
            self.constants.insert(self.constant(None, name), text.clone());
            return Some(end + 1);
        }
        match self.text(value) {
            text if text.contains('…') || text.starts_with('{') => drop(self.said.remove(name)),
            text => drop(self.said.insert(name.to_owned(), text)),
        }
        match self.made(value) {
            Some((made, length)) if length == value.len() => {
                drop(self.known.insert(format!("let {name}"), made));
            }
            _ => self.walk(value),
        }
        Some(end + 1)
    }

    /// The error that is made at the head of these tokens, with what is added to it, and how many tokens that is.
    fn made(&self, rest: &[Token]) -> Option<(Made, usize)> {
        let (mut made, mut length) = match rest {
            [
                Token::Word(owner),
                Token::Sign(':'),
                Token::Sign(':'),
                Token::Word(name),
                Token::Group('(', inside),
                ..,
            ] => {
                let (.., kind) = MAKERS.iter().find(|maker| maker.0 == owner && maker.1 == name)?;
                let arguments = parts(inside);
                let mut made = Made::default();
                let first = usize::from(kind.is_none() || owner == "Wrong");
                let remedy = if owner == "Error" { arguments.get(1) } else { None };
                self.fill(&mut made, arguments.get(first), None, remedy);
                made.row.code = kind
                    .map_or_else(|| code_of(arguments.first()?.last()?.word()?), |kind| Some(kind.code()))?;
                (made, 5)
            }
            [Token::Word(name), Token::Group('(', inside), ..] => {
                let known = self.known.get(name)?;
                let arguments = parts(inside);
                let mut made = known.clone();
                let given = |at: Option<usize>| at.and_then(|at| arguments.get(at));
                self.fill(&mut made, given(known.what), given(known.why), given(known.remedy));
                (made, 2)
            }
            [Token::Sign('.'), Token::Word(name), Token::Group('(', inside), ..] => {
                let known = self.known.get(&format!(".{name}"))?;
                let arguments = parts(inside);
                let mut made = known.clone();
                let given = |at: Option<usize>| at.and_then(|at| arguments.get(at));
                self.fill(&mut made, given(known.what), given(known.why), given(known.remedy));
                (made, 3)
            }
            // what is found in Keel's keys
            [Token::Word(findings), Token::Sign('.'), Token::Word(error), Token::Group('(', inside), ..]
                if findings == "findings" && error == "error" =>
            {
                let arguments = parts(inside);
                let mut made = Made::default();
                self.fill(&mut made, arguments.first(), arguments.get(1), arguments.get(2));
                made.row.code = ExitKind::Usage.code();
                (made, 4)
            }
            // errors without a maker of their own
            [Token::Word(kind), Token::Group('{', fields), ..]
                if ["Wrong", "Config"].contains(&kind.as_str()) =>
            {
                let field = |name| field(fields, name);
                let mut made = Made::default();
                let remedy = field("hint").or_else(|| field("remedy"))?;
                self.fill(&mut made, Some(&field("what")?), field("why").as_ref(), Some(&remedy));
                made.row.code = ExitKind::Usage.code();
                (made, 2)
            }
            [Token::Word(name), Token::Sign('.'), ..] => (self.known.get(&format!("let {name}"))?.clone(), 1),
            _ => return None,
        };
        made.row.file.clone_from(&self.file);
        while let [Token::Sign('.'), Token::Word(method), Token::Group('(', inside), ..] = &rest[length..] {
            let argument = Some(&inside[..]);
            match method.as_str() {
                "why" | "because" => self.fill(&mut made, None, argument.as_ref(), None),
                "hint" | "remedy" | "maybe_hint" => self.fill(&mut made, None, None, argument.as_ref()),
                "at" | "from" | "of_template" | "into" => {}
                _ => break,
            }
            length += 3;
        }
        Some((made, length))
    }

    fn fill(
        &self,
        made: &mut Made,
        what: Option<&&[Token]>,
        why: Option<&&[Token]>,
        remedy: Option<&&[Token]>,
    ) {
        let Made { row, what: what_at, why: why_at, remedy: remedy_at } = made;
        let all = [
            (what, &mut row.what, what_at),
            (why, &mut row.why, why_at),
            (remedy, &mut row.remedy, remedy_at),
        ];
        for (tokens, text, parameter) in all {
            if let Some(tokens) = tokens {
                *text = self.text(tokens);
                let given =
                    self.around.last().map(|(_, parameters)| parameters.as_slice()).unwrap_or_default();
                let name = subject(tokens);
                let shared = self.around.last().is_some_and(|(name, _)| SHARED.contains(&name.as_str()));
                let holds = |given: &String| shared && text.contains(&format!("{{{given}}}"));
                *parameter =
                    given.iter().position(|given| Some(given.as_str()) == name.as_deref() || holds(given));
            }
        }
    }

    /// What a name in a format string stands for.
    fn named(&self, name: &str, named: &BTreeMap<&str, String>) -> Option<String> {
        let constant = || self.constants.get(&self.constant(None, name));
        let known = named.get(name).or_else(|| self.said.get(name)).or_else(constant);
        known.cloned().or_else(|| Some(format!("{{{}}}", name.to_lowercase())))
    }

    /// `file::NAME` of a constant; without a module that of this file.
    fn constant(&self, module: Option<&str>, name: &str) -> String {
        let stem = self.file.rsplit('/').next().and_then(|file| file.strip_suffix(".rs"));
        format!("{}::{name}", module.or(stem).unwrap_or_default())
    }

    /// A row; or, where what it says is handed in, something that makes rows.
    fn keep(&mut self, made: Made) {
        match self.around.last() {
            Some((name, _)) if made.what.is_some() => drop(self.known.insert(name.clone(), made)),
            // who says nothing of his own passes on what another file says
            _ if made.row.what.starts_with('{') && made.row.remedy.is_empty() => {}
            _ if self.rows.contains(&made.row) => {}
            _ => self.rows.push(made.row),
        }
    }

    /// What an expression says, with `{name}` for what is known only when it happens, and `…` where nothing is known.
    fn text(&self, tokens: &[Token]) -> String {
        let tokens = match tokens {
            [Token::Sign('&'), rest @ ..] => rest,
            all => all,
        };
        match tokens {
            [Token::Text(text), rest @ ..] if plain(rest) => text.clone(),
            [Token::Word(format), Token::Sign('!'), Token::Group('(', inside)] if format == "format" => {
                self.format(inside)
            }
            [Token::Word(some), Token::Group('(', inside)] if some == "Some" => self.text(inside),
            [Token::Word(none)] if none == "None" => String::new(),
            [.., Token::Sign('.'), Token::Word(or), Token::Group('(', inside)] if or == "unwrap_or_else" => {
                self.text(inside.strip_prefix(&[Token::Sign('|'), Token::Sign('|')]).unwrap_or(inside))
            }
            [.., Token::Sign('.'), Token::Word(or), Token::Group('(', inside)] if or == "unwrap_or" => {
                self.text(inside)
            }
            [Token::Word(name)] if self.constants.contains_key(&self.constant(None, name)) => {
                self.constants[&self.constant(None, name)].clone()
            }
            [.., Token::Word(module), Token::Sign(':'), Token::Sign(':'), Token::Word(name)]
                if self.constants.contains_key(&self.constant(Some(module), name)) =>
            {
                self.constants[&self.constant(Some(module), name)].clone()
            }
            [Token::Group('{', inside)] => self.tail(inside),
            [Token::Word(word), rest @ ..] if word == "if" => {
                alternatives(rest.iter().filter_map(|token| match token {
                    Token::Group('{', inside) => Some(self.tail(inside)),
                    _ => None,
                }))
            }
            [Token::Word(word), .., Token::Group('{', arms)] if word == "match" => {
                alternatives(arms_of(arms).into_iter().map(|arm| self.text(arm)))
            }
            _ => {
                let name = subject(tokens);
                let said = name.as_ref().filter(|_| tokens.len() == 1).and_then(|name| self.said.get(name));
                said.cloned().unwrap_or_else(|| name.map_or("…".to_owned(), |name| format!("{{{name}}}")))
            }
        }
    }

    /// What a block comes to.
    fn tail(&self, tokens: &[Token]) -> String {
        self.text(tokens.rsplit(|token| token.is(';')).next().unwrap_or_default())
    }

    fn format(&self, inside: &[Token]) -> String {
        let arguments = parts(inside);
        let Some([Token::Text(pattern)]) = arguments.first() else { return "…".to_owned() };
        let (mut positional, mut named) = (Vec::new(), BTreeMap::new());
        for argument in &arguments[1..] {
            match argument {
                [Token::Word(name), Token::Sign('='), value @ ..] => {
                    drop(named.insert(name.as_str(), self.text(value)));
                }
                value => positional.push(self.text(value)),
            }
        }
        let pattern = pattern.replace("{{", "\u{1}").replace("}}", "\u{2}");
        let (mut text, mut next, mut rest) = (String::new(), 0, pattern.as_str());
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after.split_once('}').unwrap_or((after, ""));
            let (name, how) = inside.split_once(':').unwrap_or((inside, ""));
            let value = if name.is_empty() {
                next += 1;
                positional.get(next - 1).cloned()
            } else if let Ok(number) = name.parse::<usize>() {
                positional.get(number).cloned()
            } else {
                self.named(name, &named)
            };
            let value = value.filter(|value| value != "…").unwrap_or_else(|| "{…}".to_owned());
            text.push_str(before);
            let quote = if how == "?" { "\"" } else { "" };
            text.extend([quote, &value, quote]);
            rest = after;
        }
        text.push_str(rest);
        text.replace('\u{1}', "{").replace('\u{2}', "}")
    }
}

/// The value of a field.
fn field<'t>(fields: &'t [Token], name: &str) -> Option<&'t [Token]> {
    parts(fields).into_iter().find_map(|field| match field {
        [Token::Word(of), Token::Sign(':'), rest @ ..] if of == name => Some(rest),
        [Token::Word(of)] if of == name => Some(field),
        _ => None,
    })
}

/// Names of parameters.
fn parameters(tokens: &[Token]) -> Vec<String> {
    let own = parts(tokens).into_iter().filter(|part| part.iter().any(|token| token.word() == Some("self")));
    let selfs = own.count();
    let names = parts(tokens).into_iter().skip(selfs);
    names.map(|part| part.iter().find_map(Token::word).unwrap_or_default().to_owned()).collect()
}

/// Whether these calls change nothing of what is said.
fn plain(rest: &[Token]) -> bool {
    match rest {
        [] => true,
        [Token::Sign('.'), Token::Word(method), Token::Group('(', _), rest @ ..] => {
            PLAIN.contains(&method.as_str()) && plain(rest)
        }
        _ => false,
    }
}

/// What an expression is called by: its last name that is no call and no path, else its last.
fn subject(tokens: &[Token]) -> Option<String> {
    let name_at = |at: usize| {
        let word = tokens[at].word().filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()))?;
        let leads = matches!(tokens.get(at + 1), Some(Token::Group('(', _) | Token::Sign(':')));
        Some((word, leads))
    };
    let names: Vec<(&str, bool)> = (0..tokens.len()).filter_map(name_at).collect();
    let name = names.iter().rfind(|(_, leads)| !leads).or_else(|| names.last());
    name.map(|(name, _)| name.to_lowercase())
}

/// What the arms of a `match` come to.
fn arms_of(tokens: &[Token]) -> Vec<&[Token]> {
    let mut arms = Vec::new();
    let mut rest = tokens;
    while let Some(arrow) = rest.windows(2).position(|pair| pair[0].is('=') && pair[1].is('>')) {
        let body = &rest[arrow + 2..];
        let braced = matches!(body.first(), Some(Token::Group('{', _)));
        let end = if braced { 1 } else { body.iter().position(|token| token.is(',')).unwrap_or(body.len()) };
        arms.push(&body[..end]);
        rest = &body[end..];
    }
    arms
}

fn alternatives(texts: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for text in texts.filter(|text| text != "…" && !text.is_empty()) {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    if all.is_empty() { "…".to_owned() } else { all.join(" / ") }
}

fn code_of(kind: &str) -> Option<u8> {
    KINDS.iter().find(|known| format!("{:?}", known.0) == kind).map(|known| known.0.code())
}

#[test]
fn the_reader_reads_rust() {
    let source = r#"
        const HOME: &str = "studioci"; // fn not() { Error::usage("a comment", "") }
        fn helper(what: &str) -> Error { Error::unready(what, "mend it") }
        fn verb(name: &str) -> Result<()> {
            let remedy = if many { "choose" } else { "make one" };
            let fault = Fault::new(format!("`{name}` is \"odd\"")).at(place);
            if name.is_empty() { return Err(helper("no name")); }
            list.ok_or_else(|| Error::usage(format!("{name:?} of {} is not in {HOME}", chain.name), remedy))?;
            Err(match () { () if odd => fault.why("so").hint(known.unwrap_or("write it")), () => fault })
        }
        mod tests { fn not() { Error::usage("a test", "") } }
    "#;
    let mut reader = Reader::of("ops/x.rs", &BTreeMap::new(), &BTreeMap::new());
    reader.walk(&crate::tokens::read(source));
    let rows: Vec<[&str; 3]> =
        reader.rows.iter().map(|row| [row.what.as_str(), row.why.as_str(), row.remedy.as_str()]).collect();
    assert_eq!(
        rows,
        [
            ["no name", "", "mend it"],
            ["\"{name}\" of {name} is not in studioci", "", "choose / make one"],
            ["`{name}` is \"odd\"", "so", "write it"],
        ]
    );
    assert_eq!(reader.rows.iter().map(|row| row.code).collect::<Vec<_>>(), [3, 2, 2]);
}
