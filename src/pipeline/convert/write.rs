//! Writes what a Go template means in our dialect.

use std::collections::BTreeMap;

use super::calls::call;
use super::golang::{GoNode, GoOperand, GoPipe};
use super::lex::Tag;
use super::meaning::{Meaning, NO_NOTATION, prints};
use super::page::{TeraPage, TeraPart};
use super::phrase::{Holds, TeraPhrase, TextPart, quoted};
use super::scope::{GoNames, Variable, collect};
use super::{Conversion, ConvertNote};

/// Writes a template's nodes.
pub(super) struct Writer<'a> {
    pub(super) page: TeraPage<'a>,
    pub(super) names: GoNames,
    pub(super) variables: Vec<Variable>,
    /// What `.` stands for, and `$`.
    pub(super) dot: Meaning,
    pub(super) top: Meaning,
    /// Loops around.
    pub(super) loops: usize,
    pub(super) blocks: usize,
    /// Every named template; none of a name that several have.
    pub(super) templates: BTreeMap<&'a str, Option<&'a [GoNode]>>,
    /// Those that are being written.
    pub(super) calls: Vec<&'a str>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(source: &'a str, nodes: &'a [GoNode]) -> Self {
        let mut templates = BTreeMap::new();
        collect(nodes, &mut templates);
        Self {
            page: TeraPage::new(source),
            names: GoNames::of(nodes),
            variables: Vec::new(),
            dot: Meaning::Root,
            top: Meaning::Root,
            loops: 0,
            blocks: 0,
            templates,
            calls: Vec::new(),
        }
    }

    /// Writes nodes; `marked`: the tag after them is written, too.
    pub(super) fn nodes(&mut self, nodes: &'a [GoNode], marked: bool) {
        for (index, node) in nodes.iter().enumerate() {
            match node {
                GoNode::Text(bytes) => {
                    let marked = index + 1 < nodes.len() || marked;
                    self.page.text(bytes.clone(), marked);
                }
                GoNode::Comment(tag, said) => {
                    let said = self.page.source[said.clone()].to_owned();
                    self.page.tags(tag, &[TeraPart::Note(said)]);
                }
                GoNode::Action(tag, pipe) => self.action(tag, pipe),
                GoNode::Branch(branch) => {
                    let closers = self.branch(branch, None);
                    if let Some(end) = &branch.end {
                        let closers: Vec<TeraPart> =
                            closers.iter().map(|&end| TeraPart::Do(end.to_owned())).collect();
                        self.page.tags(end, &closers);
                    } else {
                        for end in closers {
                            self.page.bare(&format!("{{% {end} %}}"));
                        }
                    }
                }
                GoNode::Call(tag, name, dot) => self.call(tag, name, dot.as_ref()),
                GoNode::Define(tag, name, _, end) => self.define(tag, name, end.as_ref()),
                GoNode::Block(tag, name, dot, body, end) => self.block(tag, name, dot, body, end.as_ref()),
                GoNode::Jump(tag, jump) if self.loops > 0 => {
                    self.page.tags(tag, &[TeraPart::Do(jump.clone())]);
                }
                GoNode::Jump(tag, jump) => self.refuse(tag, &format!("`{jump}` stands in no loop")),
                GoNode::Bad(tag, why) => self.refuse(tag, why),
            }
        }
    }

    /// An action that gives text, or sets a variable.
    fn action(&mut self, tag: &Tag, pipe: &GoPipe) {
        let parts = match &pipe.names[..] {
            [] => self.pipeline(pipe).and_then(|meaning| printed(&meaning.phrase()?)),
            [name] => self.set(name, pipe, tag),
            _ => Err("only a loop makes two variables".to_owned()),
        };
        match parts {
            Ok(parts) => {
                let what = match parts[..] {
                    [TeraPart::Note(_)] => Conversion::Dropped,
                    _ => Conversion::Changed,
                };
                let after = self.page.tags(tag, &parts);
                let reason = if what == Conversion::Dropped {
                    "it only gives another name to what is named here"
                } else {
                    ""
                };
                self.note(tag, what, after, reason.to_owned());
            }
            Err(why) => {
                let mark = self.mark(tag, &why);
                let part = match &pipe.names[..] {
                    [name] => {
                        let ours = self.declare(name, &Meaning::Root);
                        TeraPart::Do(format!("set {ours} = {}", mark.text()))
                    }
                    _ => TeraPart::Print(mark.text().to_owned()),
                };
                let after = self.page.tags(tag, &[part]);
                self.note(tag, Conversion::Refused, after, why);
            }
        }
    }

    /// `$x := …` and `$x = …`.
    fn set(&mut self, name: &str, pipe: &GoPipe, tag: &Tag) -> Result<Vec<TeraPart>, String> {
        let meaning = self.pipeline(pipe)?;
        if pipe.declares {
            return Ok(match self.bind(name, meaning)? {
                Some(set) => vec![TeraPart::Do(set)],
                None => vec![TeraPart::Note(self.page.inside(tag).to_owned())],
            });
        }
        let variable = self.variables.iter().rev().find(|variable| variable.name == name);
        let ours = variable.ok_or_else(|| format!("nothing has made `{name}`"))?.ours.clone();
        let ours = ours.ok_or_else(|| format!("`{name}` cannot become something else here"))?;
        Ok(vec![TeraPart::Do(format!("{} {ours} = {}", self.setter(name), meaning.phrase()?.loose()))])
    }

    pub(super) fn setter(&self, name: &str) -> &'static str {
        if self.names.in_loops.contains(name) { "set_global" } else { "set" }
    }

    /// Makes a variable of a meaning: what sets it, if anything has to.
    pub(super) fn bind(&mut self, name: &str, meaning: Meaning) -> Result<Option<String>, String> {
        let only_stands = !self.names.reassigned.contains(name)
            && matches!(meaning, Meaning::Root | Meaning::Facts | Meaning::Env | Meaning::Record(_));
        if only_stands {
            self.variables.push(Variable { name: name.to_owned(), meaning, ours: None });
            return Ok(None);
        }
        let phrase = meaning.phrase()?;
        let ours = self.declare(name, &meaning);
        Ok(Some(format!("{} {ours} = {}", self.setter(name), phrase.loose())))
    }

    /// Makes a variable, and gives its name.
    pub(super) fn declare(&mut self, name: &str, meaning: &Meaning) -> String {
        let ours = self.names.fresh(name.trim_start_matches('$'));
        let (holds, missing) = match meaning {
            Meaning::Phrase(phrase) if !self.names.reassigned.contains(name) => {
                (phrase.holds, phrase.missing)
            }
            Meaning::Record(_) => (Holds::Map, false),
            _ => (Holds::Anything, true),
        };
        let mut phrase = TeraPhrase::name(ours.as_str(), holds);
        phrase.missing = missing;
        self.variables.push(Variable {
            name: name.to_owned(),
            meaning: phrase.into(),
            ours: Some(ours.clone()),
        });
        ours
    }

    /// What a pipeline stands for.
    pub(super) fn pipeline(&self, pipe: &GoPipe) -> Result<Meaning, String> {
        let mut value: Option<Meaning> = None;
        for command in &pipe.commands {
            let (first, rest) = command.split_first().ok_or("there is nothing where a value should be")?;
            value = Some(match (first, value.take()) {
                (GoOperand::Name(name), piped) => {
                    let arguments = rest.iter().map(|operand| self.operand(operand));
                    let mut arguments = arguments.collect::<Result<Vec<_>, _>>()?;
                    arguments.extend(piped);
                    call(name, &arguments)?
                }
                (first, None) if rest.is_empty() => self.operand(first)?,
                _ => return Err("only a function takes what stands behind it, or what is piped".to_owned()),
            });
        }
        value.ok_or_else(|| "there is nothing where a value should be".to_owned())
    }

    pub(super) fn operand(&self, operand: &GoOperand) -> Result<Meaning, String> {
        Ok(match operand {
            GoOperand::Dot => match &self.dot {
                Meaning::Nothing(why) => return Err((*why).to_owned()),
                dot => dot.clone(),
            },
            GoOperand::Field(names) => self.dot.fields(names)?,
            GoOperand::Variable(name, names) if name == "$" => self.top.fields(names)?,
            GoOperand::Variable(name, names) => {
                let variable = self.variables.iter().rev().find(|variable| variable.name == *name);
                variable.ok_or_else(|| format!("nothing has made `{name}`"))?.meaning.fields(names)?
            }
            GoOperand::Name(name) => call(name, &[])?,
            GoOperand::Text(text) => TeraPhrase::literal(text).into(),
            GoOperand::Whole(number) => TeraPhrase::number(*number).into(),
            GoOperand::Fraction(number) => TeraPhrase::fraction(*number).into(),
            GoOperand::Bool(value) => TeraPhrase::bool(*value).into(),
            GoOperand::Nil => return Err("`nil` has no counterpart; ask with `empty`".to_owned()),
            GoOperand::Nested(pipe, names) if pipe.names.is_empty() => self.pipeline(pipe)?.fields(names)?,
            GoOperand::Nested(..) => return Err("no variable can be made in parentheses".to_owned()),
        })
    }

    /// What stands for something that has no counterpart.
    pub(super) fn mark(&self, tag: &Tag, why: &str) -> TeraPhrase {
        let was = quoted(&self.page.source[tag.bytes.clone()]);
        let text = format!("unconverted(line={}, was={was}, why={})", tag.line, quoted(why));
        TeraPhrase::name(text, Holds::Anything)
    }

    pub(super) fn refuse(&mut self, tag: &Tag, why: &str) {
        let mark = self.mark(tag, why);
        let after = self.page.tags(tag, &[TeraPart::Print(mark.text().to_owned())]);
        self.note(tag, Conversion::Refused, after, why.to_owned());
    }

    pub(super) fn note(&mut self, tag: &Tag, what: Conversion, after: String, reason: String) {
        let before = self.page.source[tag.bytes.clone()].to_owned();
        if before != after || what != Conversion::Changed {
            self.page.notes.push(ConvertNote { line: tag.line, what, before, after, reason });
        }
    }
}

/// What writes an expression.
fn printed(phrase: &TeraPhrase) -> Result<Vec<TeraPart>, String> {
    if !prints(phrase) {
        return Err(NO_NOTATION.to_owned());
    }
    let Some(pieces) = &phrase.pieces else { return Ok(vec![TeraPart::Print(phrase.text().to_owned())]) };
    let each = pieces.iter().map(|piece| match piece {
        TextPart::Text(text) => Ok(TeraPart::Text(text.clone())),
        TextPart::Value(value) if prints(value) => Ok(TeraPart::Print(value.text().to_owned())),
        TextPart::Value(_) => Err(NO_NOTATION.to_owned()),
    });
    each.collect()
}
