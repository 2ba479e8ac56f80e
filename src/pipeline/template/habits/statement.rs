//! `if`, `for`, `set` and whatever people write for them, in Tera's words.

use super::names::kept;
use super::phrase::{MeantFor, Note, Phrase, Stop, TERNARY};
use super::reader::Reader;
use super::words::OTHER_FILES;
use crate::pipeline::scan::{Piece, Token, TokenKind};

/// What stands between the signs of a tag, and what else is to be written.
pub(super) struct Statement {
    pub(super) text: String,
    pub(super) besides: String,
}

impl Statement {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), besides: String::new() }
    }

    /// Names what ends it, if it began as Go's.
    fn ended_by(self, end: &str, is_output: bool) -> Self {
        let besides = format!("{}, and `{{% {end} %}}` for its `{{{{ end }}}}`", self.besides);
        if is_output { Self { besides, ..self } } else { self }
    }
}

/// Something that is begun and not ended.
pub(super) struct Opened {
    end: &'static str,
    /// What `.` is within, as far as the words tell.
    dot: Option<String>,
}

/// What is open behind these pieces.
pub(super) fn opened(pieces: &[Piece<'_>]) -> Vec<Opened> {
    let mut open = Vec::new();
    for piece in pieces {
        pass(&mut open, piece);
    }
    open
}

/// Goes past a piece.
pub(super) fn pass(open: &mut Vec<Opened>, piece: &Piece<'_>) {
    let is_output = matches!(piece, Piece::Output { .. });
    let tokens = piece.tokens();
    let Some(first) = tokens.first().filter(|_| !is_output || is_statement(tokens)) else { return };
    let dot = || open.last().and_then(|opened| opened.dot.clone());
    let (end, dot) = match first.text {
        "if" => ("endif", path(&tokens[1..]).or_else(dot)),
        "with" if is_output => ("endif", path(&tokens[1..]).or_else(dot)),
        "for" => {
            let names = tokens.iter().take_while(|token| token.text != "in");
            let last = names.filter(|token| token.kind == TokenKind::Name).last();
            ("endfor", last.map(|token| token.text.to_owned()))
        }
        "range" if is_output => ("endfor", Some("it".to_owned())),
        "filter" => ("endfilter", dot()),
        "set" | "set_global" if piece.begins_capture() => ("endset", dot()),
        "define" if is_output => ("endset", None),
        "end" | "endif" | "endfor" | "endfilter" | "endset" => {
            open.pop();
            return;
        }
        _ => return,
    };
    open.push(Opened { end, dot });
}

/// What `.` is there.
pub(super) fn dot(opened: &[Opened]) -> Option<&str> {
    opened.last()?.dot.as_deref()
}

/// A condition that is nothing but a name.
fn path(tokens: &[Token<'_>]) -> Option<String> {
    let names = tokens.iter().enumerate().all(|(index, token)| match index % 2 {
        0 => token.kind == TokenKind::Name,
        _ => token.text == ".",
    });
    (names && tokens.len() % 2 == 1).then(|| tokens.iter().map(|token| token.text).collect())
}

/// Whether an output begins as a statement does. A word that stands alone may be a value's name: [`stands_alone`].
pub(super) fn is_statement(tokens: &[Token<'_>]) -> bool {
    let Some(first) = tokens.first() else { return false };
    let mut reader = Reader::new(tokens, None);
    reader.at = 1;
    match first.text {
        "$" => {
            let sign = tokens.get(2).map_or("", |token| token.text);
            tokens.get(1).is_some_and(|name| name.kind == TokenKind::Name) && matches!(sign, ":" | "=")
        }
        "if" | "elif" | "range" | "with" | "define" | "block" | "for" | "set" | "set_global" | "macro" => {
            reader.begins_an_operand() || matches!(reader.text(0), "not" | "and" | "or")
        }
        "else" => tokens.len() == 1 || matches!(reader.text(0), "if" | "with"),
        _ => stands_alone(tokens),
    }
}

/// Whether an output is a word that is a statement elsewhere, and may be the name of a value.
pub(super) fn stands_alone(tokens: &[Token<'_>]) -> bool {
    matches!(tokens, [word] if matches!(word.text, "end" | "else" | "endif" | "endfor" | "endset" | "break" | "continue"))
}

/// A word that would end something.
pub(super) fn ends_nothing(at: usize, word: &str) -> Note {
    Note {
        at,
        what: format!("`{word}` has nothing before it that it could belong to"),
        more: "take it out, or begin with `if` or `for`".to_owned(),
        meant: MeantFor::Us,
    }
}

/// What a text that is written once and shown often is.
const KEPT: &str = "a text that is wanted several times is kept by `set`, and shown by its name";

/// Reads a statement.
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    opened: &[Opened],
    is_output: bool,
) -> Result<Statement, Stop> {
    let at = reader.here();
    let word = reader.text(0);
    reader.at += 1;
    if is_output && word != "$" {
        let more = "what stands between {{ and }} is shown".to_owned();
        let meant = if opened.is_empty() { MeantFor::Go } else { MeantFor::Us };
        let what = format!("`{word}` stands between {{% and %}}");
        reader.notes.add(Note { at, what, more, meant });
    }
    match word {
        "if" => {
            let condition = reader.expression(TERNARY)?.text;
            Ok(Statement::new(format!("if {condition}")).ended_by("endif", is_output))
        }
        "elif" => Ok(Statement::new(format!("elif {}", reader.expression(TERNARY)?.text))),
        "elseif" | "elsif" | "else" if word != "else" || reader.take("if") => {
            reader.notes.note(
                at,
                format!("there is no `{}`", if word == "else" { "else if" } else { word }),
                "",
            );
            Ok(Statement::new(format!("elif {}", reader.expression(TERNARY)?.text)))
        }
        "end" | "endif" | "endfor" | "endset" | "endfilter" => {
            let end = opened.last().ok_or_else(|| Stop::Absent(ends_nothing(at, word)))?.end;
            if word == "end" {
                reader.notes.note(at, "there is no `end`", "each tag has an end of its own");
            } else if word != end {
                reader.notes.note(at, format!("`{word}` does not end what is open here"), "");
            }
            Ok(Statement::new(end))
        }
        "else" | "break" | "continue" => Ok(Statement::new(word)),
        "range" => range(reader, at),
        "for" => each(reader),
        "with" if reader.text(1) == "=" => {
            reader.notes.note(at, "there is no `with`", "`set` does the same, and nothing ends it");
            all_assigned(reader)
        }
        "with" => {
            reader.notes.note(at, "there is no `with`", "`if` does the same, and a name is written whole");
            let value = reader.expression(TERNARY)?.text;
            let mut told = Statement::new(format!("if {value}"));
            told.besides = format!(", `{value}.NAME` for the `.NAME` within");
            Ok(told.ended_by("endif", is_output))
        }
        "define" => {
            reader.notes.note(at, "there is no `define`", KEPT);
            let name = kept(&reader.operand()?)?;
            Ok(Statement::new(format!("set {name}")).ended_by("endset", is_output))
        }
        "macro" | "endmacro" => text_without_arguments(reader, at, word),
        "set" | "set_global" => set(reader, word, at),
        "$" => made(reader, at, opened),
        "do" => changed(reader, at, opened),
        "filter" => {
            let mut chain = reader.filter(&Phrase::new("", 0))?;
            while reader.take("|") {
                chain = reader.filter(&chain)?;
            }
            Ok(Statement::new(format!("filter {}", chain.text)))
        }
        _ if OTHER_FILES.contains(&word) || (is_output && word == "block") => Err(Stop::Absent(Note {
            at,
            what: format!("`{word}` has no place in a pipeline"),
            more: "a pipeline is one template; use `set`, `if` and `for`".to_owned(),
            meant: MeantFor::Us,
        })),
        _ => Err(Stop::Unreadable),
    }
}

/// `set` for what outlives a loop.
fn global(opened: &[Opened]) -> &'static str {
    if opened.iter().any(|opened| opened.end == "endfor") { "set_global" } else { "set" }
}

/// Go's `$NAME := VALUE` and `$NAME = VALUE`.
fn made(reader: &mut Reader<'_, '_>, at: usize, opened: &[Opened]) -> Result<Statement, Stop> {
    let name = reader.variable()?;
    let set = if reader.take(":") { "set" } else { global(opened) };
    reader.expect("=")?;
    reader.notes.note(at, "a name does not begin with `$`", "what a template makes is named by `set`");
    Ok(Statement::new(format!("{set} {name} = {}", reader.expression(TERNARY)?.text)))
}

/// Go's `range`.
fn range(reader: &mut Reader<'_, '_>, at: usize) -> Result<Statement, Stop> {
    reader.notes.note(at, "there is no `range`", "Tera's word is `for`");
    let mut names = Vec::new();
    let mut ahead = Reader::new(reader.tokens, None);
    ahead.at = reader.at;
    while ahead.take("$") {
        names.push(ahead.variable()?);
        ahead.take(",");
    }
    if !names.is_empty() && ahead.take(":") && ahead.take("=") {
        reader.at = ahead.at;
    } else {
        names.clear();
    }
    let mut list = reader.expression(TERNARY)?;
    if list.text.bytes().all(|digit| digit.is_ascii_digit()) {
        list.text = format!("range(end={})", list.text);
    }
    let mut besides = String::new();
    let names = match names.as_slice() {
        // a place in a list; in a map, Tera has the key there, too
        [index @ ("i" | "idx" | "index"), name] => {
            besides = format!(", `loop.index0` for `${index}`");
            (*name).to_owned()
        }
        ["_", name] => (*name).to_owned(),
        [] => {
            besides.push_str(", `it` for the `.` within");
            "it".to_owned()
        }
        names => names.join(", "),
    };
    let told = Statement { text: format!("for {names} in {}", list.text), besides };
    Ok(told.ended_by("endfor", true))
}

/// Jinja's `for`, which can pick, and takes pairs apart.
fn each(reader: &mut Reader<'_, '_>) -> Result<Statement, Stop> {
    let names = reader.names()?;
    reader.expect("in")?;
    let mut list = reader.expression(1)?;
    if names.contains(',')
        && let Some(map) = list.text.strip_suffix(" | pairs").map(str::to_owned)
    {
        // Tera takes a map apart itself
        list = Phrase::new(map, 0);
    }
    let at = reader.here();
    if reader.take("if") {
        reader.notes.note(at, "a `for` has no condition of its own", "Tera picks in brackets");
        let condition = reader.expression(1)?.text;
        list.text = format!("[{names} for {names} in {} if {condition}]", list.text);
    }
    if reader.take("recursive") {
        return Err(Stop::Unreadable);
    }
    Ok(Statement::new(format!("for {names} in {}", list.text)))
}

/// `NAME = VALUE, NAME = VALUE`.
fn all_assigned(reader: &mut Reader<'_, '_>) -> Result<Statement, Stop> {
    let mut all = Vec::new();
    while !reader.is_done() {
        all.push(assigned(reader, "set")?);
        reader.take(",");
    }
    Ok(Statement::new(all.join(" %}{% ")))
}

/// `NAME = VALUE`.
fn assigned(reader: &mut Reader<'_, '_>, set: &str) -> Result<String, Stop> {
    let name = reader.variable()?;
    reader.expect("=")?;
    Ok(format!("{set} {name} = {}", reader.expression(TERNARY)?.text))
}

/// `set`, also of several names and of a namespace.
fn set(reader: &mut Reader<'_, '_>, word: &str, at: usize) -> Result<Statement, Stop> {
    let name = reader.variable()?;
    if reader.take(".") {
        let field = reader.variable()?;
        reader.expect("=")?;
        reader.notes.note(at, "no field of a value can be set", "`set_global` sets what outlives a loop");
        let value = reader.expression(TERNARY)?.text;
        let besides = format!(", and `{field}` for `{name}.{field}` everywhere");
        // the value may read the field that it sets
        let value = value.replace(&format!("{name}.{field}"), field);
        return Ok(Statement { text: format!("set_global {field} = {value}"), besides });
    }
    if reader.take(",") {
        let mut names = vec![name, reader.variable()?];
        while reader.take(",") {
            names.push(reader.variable()?);
        }
        reader.expect("=")?;
        reader.notes.note(at, "a `set` has one name", "");
        let mut all = Vec::new();
        for name in names {
            all.push(format!("{word} {name} = {}", reader.expression(TERNARY)?.text));
            reader.take(",");
        }
        return Ok(Statement::new(all.join(" %}{% ")));
    }
    if !reader.take("=") {
        let mut text = format!("{word} {name}");
        while reader.take("|") {
            text = format!("{text} | {}", reader.filter(&Phrase::new("", 0))?.text);
        }
        return Ok(Statement::new(text));
    }
    let start = reader.at;
    if reader.text(0) == "namespace" && reader.text(1) == "(" {
        reader.at += 2;
        reader.notes.note(at, "there is no `namespace`", "`set_global` sets what outlives a loop");
        let (mut all, mut besides) = (Vec::new(), String::new());
        while !reader.take(")") {
            let field = reader.text(0);
            all.push(assigned(reader, word)?);
            besides = format!("{besides}, `{field}` for `{name}.{field}`");
            reader.take(",");
        }
        if !all.is_empty() && reader.is_done() {
            besides.push_str(", and `set_global` where a loop sets it");
            return Ok(Statement { text: all.join(" %}{% "), besides });
        }
        reader.at = start;
    }
    Ok(Statement::new(format!("{word} {name} = {}", reader.expression(TERNARY)?.text)))
}

/// `do LIST.append(VALUE)`.
fn changed(reader: &mut Reader<'_, '_>, at: usize, opened: &[Opened]) -> Result<Statement, Stop> {
    let name = reader.variable()?;
    reader.expect(".")?;
    let method = reader.variable()?;
    reader.expect("(")?;
    let value = reader.expression(TERNARY)?.text;
    reader.expect(")")?;
    reader.notes.note(at, "there is no `do`", "a value is made anew by `set`, or by `set_global` in a loop");
    let made = match method {
        "append" => format!("[...{name}, {value}]"),
        "extend" => format!("[...{name}, ...{value}]"),
        "update" => format!("{{...{name}, ...{value}}}"),
        _ => return Err(Stop::Unreadable),
    };
    Ok(Statement::new(format!("{} {name} = {made}", global(opened))))
}

/// A macro is a text that is wanted several times, if nothing in it differs.
fn text_without_arguments(reader: &mut Reader<'_, '_>, at: usize, word: &str) -> Result<Statement, Stop> {
    reader.notes.note(at, "there is no `macro`", KEPT);
    if word == "endmacro" {
        while !reader.is_done() {
            reader.at += 1;
        }
        return Ok(Statement::new("endset"));
    }
    let name = reader.variable()?;
    reader.expect("(")?;
    if !reader.take(")") {
        return Err(Stop::Absent(Note {
            at,
            what: "there is no `macro`".to_owned(),
            more: "write the text where it is wanted, or in a `for` over what differs".to_owned(),
            meant: MeantFor::Us,
        }));
    }
    let besides =
        format!(", `{{{{ {name} }}}}` for `{{{{ {name}() }}}}`, and `{{% endset %}}` for `{{% endmacro %}}`");
    Ok(Statement { text: format!("set {name}"), besides })
}
