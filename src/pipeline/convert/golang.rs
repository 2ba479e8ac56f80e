//! The syntax tree of a Go template.

use std::iter::Peekable;
use std::ops::Range;
use std::vec::IntoIter;

use super::lex::{GoPiece, Tag, Word, WordKind, pieces};

/// Blocks in blocks at most: Tera takes 40.
pub(super) const MOST_BLOCKS: usize = 30;
/// Parentheses in parentheses at most: Tera takes 40 expressions within each other.
const MOST_PARENTHESES: usize = 12;
/// Words of an action at most.
const MOST_WORDS: usize = 400;

/// A part of a template.
#[derive(Debug, Clone)]
pub(super) enum GoNode {
    Text(Range<usize>),
    Comment(Tag, Range<usize>),
    /// An action that gives text, or sets variables.
    Action(Tag, GoPipe),
    Branch(Box<Branch>),
    /// `{{template "name" pipeline}}`.
    Call(Tag, String, Option<GoPipe>),
    /// `{{define "name"}}`: the tag, the name, the body, the tag that ends it.
    Define(Tag, String, Vec<GoNode>, Option<Tag>),
    /// `{{block "name" pipeline}}`.
    Block(Tag, String, GoPipe, Vec<GoNode>, Option<Tag>),
    /// `break` or `continue`.
    Jump(Tag, String),
    /// What Go does not take either, and why.
    Bad(Tag, String),
}

/// `if`, `with` or `range`.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) kind: Kind,
    pub(super) tag: Tag,
    /// The condition, or why it is none.
    pub(super) pipe: Result<GoPipe, String>,
    pub(super) body: Vec<GoNode>,
    /// `else`; of `else if` the tag, and the branch as its one node.
    pub(super) other: Option<(Tag, Vec<GoNode>)>,
    /// The tag that ends it; none where it is the branch of an `else`, or has no end.
    pub(super) end: Option<Tag>,
}

/// What a branch does with its condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    If,
    With,
    Range,
}

/// `$x := command | command`.
#[derive(Debug, Clone, Default)]
pub(super) struct GoPipe {
    /// Variables, with their `$`.
    pub(super) names: Vec<String>,
    /// Whether they are made here.
    pub(super) declares: bool,
    pub(super) commands: Vec<Vec<GoOperand>>,
}

/// A part of a command.
#[derive(Debug, Clone)]
pub(super) enum GoOperand {
    Dot,
    Field(Vec<String>),
    /// With its `$`, and the fields after it.
    Variable(String, Vec<String>),
    /// A function.
    Name(String),
    Text(String),
    Whole(i64),
    Fraction(f64),
    Bool(bool),
    Nil,
    /// In parentheses, with the fields after them.
    Nested(Box<GoPipe>, Vec<String>),
}

/// Reads a template.
///
/// # Errors
/// A template with more blocks in blocks than anybody reads.
pub(super) fn read(text: &str) -> Result<Vec<GoNode>, String> {
    let mut reader = GoReader { pieces: pieces(text).into_iter().peekable(), depth: 0 };
    let mut nodes = reader.nodes()?;
    while let Some(ended) = reader.pieces.next() {
        if let GoPiece::Action(tag, _) = ended {
            nodes.push(GoNode::Bad(tag, "nothing is open that this could end".to_owned()));
        }
        nodes.extend(reader.nodes()?);
    }
    Ok(nodes)
}

struct GoReader {
    pieces: Peekable<IntoIter<GoPiece>>,
    depth: usize,
}

/// What ends a body.
enum BodyEnd {
    End(Tag),
    Else(Tag, Vec<Word>),
    Missing,
}

/// What is written after an `else`, and the tag that ends it.
type Other = (Vec<GoNode>, Option<Tag>);

impl GoReader {
    /// Nodes up to an `end` or `else`, which stays.
    fn nodes(&mut self) -> Result<Vec<GoNode>, String> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next_if(|piece| !ends(piece)) {
            nodes.push(match piece {
                GoPiece::Text(bytes) => GoNode::Text(bytes),
                GoPiece::Comment(tag, said) => GoNode::Comment(tag, said),
                GoPiece::Action(tag, Err(why)) => GoNode::Bad(tag, why),
                GoPiece::Action(tag, Ok(words)) => self.action(tag, words)?,
            });
        }
        Ok(nodes)
    }

    fn action(&mut self, tag: Tag, mut words: Vec<Word>) -> Result<GoNode, String> {
        let kind = match keyword(&words) {
            "if" => Kind::If,
            "with" => Kind::With,
            "range" => Kind::Range,
            jump @ ("break" | "continue") if words.len() == 1 => {
                return Ok(GoNode::Jump(tag, jump.to_owned()));
            }
            "define" | "block" | "template" => return self.named(tag, words),
            _ => {
                return Ok(match pipe(words) {
                    Ok(pipe) => GoNode::Action(tag, pipe),
                    Err(why) => GoNode::Bad(tag, why),
                });
            }
        };
        words.remove(0);
        Ok(GoNode::Branch(Box::new(self.branch(kind, tag, words)?)))
    }

    fn branch(&mut self, kind: Kind, tag: Tag, condition: Vec<Word>) -> Result<Branch, String> {
        let pipe = pipe(condition);
        let mut body = self.body()?;
        let (other, end) = match self.end() {
            BodyEnd::End(tag) => (None, Some(tag)),
            BodyEnd::Missing => (None, None),
            BodyEnd::Else(tag, mut words) => {
                words.remove(0);
                let next = match keyword(&words) {
                    "if" => Some(Kind::If),
                    "with" => Some(Kind::With),
                    _ => None,
                };
                let (other, end) = match next {
                    Some(next) => self.else_branch(next, &tag, words)?,
                    None => self.else_body(&tag, &words)?,
                };
                (Some((tag, other)), end)
            }
        };
        if end.is_none() && other.is_none() {
            body.push(GoNode::Bad(tag.clone(), "it has no `end`".to_owned()));
        }
        Ok(Branch { kind, tag, pipe, body, other, end })
    }

    /// `else if` and `else with`: the branch, and the tag that ends both.
    fn else_branch(&mut self, kind: Kind, tag: &Tag, mut words: Vec<Word>) -> Result<Other, String> {
        words.remove(0);
        self.deeper()?;
        let mut branch = self.branch(kind, tag.clone(), words)?;
        self.depth -= 1;
        let end = branch.end.take();
        Ok((vec![GoNode::Branch(Box::new(branch))], end))
    }

    fn else_body(&mut self, tag: &Tag, words: &[Word]) -> Result<Other, String> {
        let mut other = self.body()?;
        if !words.is_empty() {
            other.insert(0, GoNode::Bad(tag.clone(), "`else` stands alone".to_owned()));
        }
        let end = match self.end() {
            BodyEnd::End(tag) => Some(tag),
            BodyEnd::Missing => None,
            BodyEnd::Else(second, _) => {
                other.push(GoNode::Bad(second, "a second `else`".to_owned()));
                other.extend(self.body()?);
                self.last_end()
            }
        };
        Ok((other, end))
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MOST_BLOCKS {
            return Err(format!("it has more than {MOST_BLOCKS} blocks within each other"));
        }
        Ok(())
    }

    fn body(&mut self) -> Result<Vec<GoNode>, String> {
        self.deeper()?;
        let nodes = self.nodes();
        self.depth -= 1;
        nodes
    }

    fn end(&mut self) -> BodyEnd {
        match self.pieces.next() {
            Some(GoPiece::Action(tag, Ok(words))) if keyword(&words) == "else" => BodyEnd::Else(tag, words),
            Some(GoPiece::Action(tag, _)) => BodyEnd::End(tag),
            _ => BodyEnd::Missing,
        }
    }

    /// The `end` after what should have been ended before.
    fn last_end(&mut self) -> Option<Tag> {
        match self.end() {
            BodyEnd::End(tag) | BodyEnd::Else(tag, _) => Some(tag),
            BodyEnd::Missing => None,
        }
    }

    /// `define`, `block` and `template`.
    fn named(&mut self, tag: Tag, mut words: Vec<Word>) -> Result<GoNode, String> {
        let what = keyword(&words).to_owned();
        let name = match words.get(1).map(|word| &word.kind) {
            Some(WordKind::Text(name)) => name.clone(),
            _ => String::new(),
        };
        let rest = words.split_off(words.len().min(2));
        let nameless = name.is_empty() && !matches!(words.get(1), Some(Word { kind: WordKind::Text(_), .. }));
        if what == "template" {
            if nameless {
                return Ok(GoNode::Bad(tag, "`template` names no template".to_owned()));
            }
            let dot = if rest.is_empty() { Ok(None) } else { pipe(rest).map(Some) };
            return Ok(match dot {
                Ok(dot) => GoNode::Call(tag, name, dot),
                Err(why) => GoNode::Bad(tag, why),
            });
        }
        let mut body = self.body()?;
        let end = match self.end() {
            BodyEnd::End(tag) => Some(tag),
            BodyEnd::Missing => {
                body.push(GoNode::Bad(tag.clone(), "it has no `end`".to_owned()));
                None
            }
            BodyEnd::Else(other, _) => {
                body.push(GoNode::Bad(other, "there is no `else` here".to_owned()));
                body.extend(self.body()?);
                self.last_end()
            }
        };
        if nameless {
            body.insert(0, GoNode::Bad(tag.clone(), format!("`{what}` has no name")));
        }
        Ok(match (what.as_str(), pipe(rest)) {
            ("block", Ok(dot)) => GoNode::Block(tag, name, dot, body, end),
            ("block", Err(why)) => {
                body.insert(0, GoNode::Bad(tag.clone(), why));
                GoNode::Block(tag, name, GoPipe::default(), body, end)
            }
            _ => GoNode::Define(tag, name, body, end),
        })
    }
}

/// The keyword that an action begins with; empty if it begins otherwise.
fn keyword(words: &[Word]) -> &str {
    match words.first().map(|word| &word.kind) {
        Some(WordKind::Name(name)) => name,
        _ => "",
    }
}

fn ends(piece: &GoPiece) -> bool {
    match piece {
        GoPiece::Action(_, Ok(words)) => {
            keyword(words) == "else" || (keyword(words) == "end" && words.len() == 1)
        }
        _ => false,
    }
}

/// Reads a pipeline.
///
/// # Errors
/// What Go does not take, or is too long.
fn pipe(words: Vec<Word>) -> Result<GoPipe, String> {
    if words.len() > MOST_WORDS {
        return Err(format!("it has more than {MOST_WORDS} words"));
    }
    let mut words = words.into_iter().peekable();
    let pipe = pipeline(&mut words, 0)?;
    match words.next() {
        None => Ok(pipe),
        Some(_) => Err("Go does not read it to its end".to_owned()),
    }
}

type Words = Peekable<IntoIter<Word>>;

fn pipeline(words: &mut Words, depth: usize) -> Result<GoPipe, String> {
    if depth > MOST_PARENTHESES {
        return Err(format!("it has more than {MOST_PARENTHESES} parentheses within each other"));
    }
    let mut pipe = GoPipe::default();
    let mut rest = words.clone();
    let mut names = Vec::new();
    while let Some(Word { kind: WordKind::Variable(name), .. }) = rest.next() {
        names.push(name);
        match rest.next().map(|word| word.kind) {
            Some(WordKind::Comma) => {}
            Some(sign @ (WordKind::Declare | WordKind::Assign)) => {
                (pipe.names, pipe.declares) = (names, sign == WordKind::Declare);
                *words = rest;
                break;
            }
            _ => break,
        }
    }
    loop {
        pipe.commands.push(command(words, depth)?);
        if words.next_if(|word| word.kind == WordKind::Pipe).is_none() {
            return Ok(pipe);
        }
    }
}

fn command(words: &mut Words, depth: usize) -> Result<Vec<GoOperand>, String> {
    let mut operands = Vec::new();
    while let Some(word) = words.next_if(|word| !matches!(word.kind, WordKind::Pipe | WordKind::Close)) {
        let operand = match word.kind {
            WordKind::Dot => GoOperand::Dot,
            WordKind::Field(name) => {
                let mut names = vec![name];
                fields(words, &mut names);
                GoOperand::Field(names)
            }
            WordKind::Variable(name) => {
                let mut names = Vec::new();
                fields(words, &mut names);
                GoOperand::Variable(name, names)
            }
            WordKind::Name(name) => match name.as_str() {
                "true" => GoOperand::Bool(true),
                "false" => GoOperand::Bool(false),
                "nil" => GoOperand::Nil,
                _ => GoOperand::Name(name),
            },
            WordKind::Text(text) => GoOperand::Text(text),
            WordKind::Whole(number) => GoOperand::Whole(number),
            WordKind::Fraction(number) => GoOperand::Fraction(number),
            WordKind::Open => {
                let nested = pipeline(words, depth + 1)?;
                words.next().ok_or("a parenthesis has no end")?;
                let mut names = Vec::new();
                fields(words, &mut names);
                GoOperand::Nested(Box::new(nested), names)
            }
            WordKind::Pipe | WordKind::Close | WordKind::Comma | WordKind::Assign | WordKind::Declare => {
                return Err("Go does not read it to its end".to_owned());
            }
        };
        operands.push(operand);
    }
    if operands.is_empty() {
        return Err("there is nothing where a value should be".to_owned());
    }
    Ok(operands)
}

/// The fields that follow without a blank.
fn fields(words: &mut Words, names: &mut Vec<String>) {
    while let Some(Word { kind: WordKind::Field(name), .. }) =
        words.next_if(|word| word.joined && matches!(word.kind, WordKind::Field(_)))
    {
        names.push(name);
    }
}
