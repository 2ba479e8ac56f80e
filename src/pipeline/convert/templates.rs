//! `define`, `block` and `template`: what a template holds stands where it is called, as Tera's own have no place in a
//! pipeline.

use super::Conversion;
use super::golang::{GoNode, GoPipe};
use super::lex::Tag;
use super::meaning::Meaning;
use super::page::TeraPart;
use super::phrase::TeraPhrase;
use super::write::Writer;

/// Templates in templates at most.
const MOST_CALLS: usize = 8;
/// Bytes of what is written at most: more comes of templates that call each other.
const MOST_BYTES: usize = 4 << 20;

impl<'a> Writer<'a> {
    /// `{{define}}`: it is put in where it is called.
    pub(super) fn define(&mut self, tag: &Tag, name: &str, end: Option<&Tag>) {
        let whole = self.page.whole(tag, end);
        let said = self.page.source[whole.bytes.clone()].to_owned();
        self.page.tags(&whole, &[TeraPart::Note(said)]);
        self.note(tag, Conversion::Turned, String::new(), format!("`{name}` stands where it is called"));
    }

    pub(super) fn block(
        &mut self,
        tag: &Tag,
        name: &'a str,
        dot: &GoPipe,
        body: &'a [GoNode],
        end: Option<&Tag>,
    ) {
        let whole = self.page.whole(tag, end);
        if dot.commands.is_empty() {
            return self.put_in(&whole, name, Ok(Meaning::Nothing("its block was given nothing")), body);
        }
        let dot = self.pipeline(dot);
        self.put_in(&whole, name, dot, body);
    }

    /// `{{template}}`.
    pub(super) fn call(&mut self, tag: &Tag, name: &'a str, dot: Option<&GoPipe>) {
        let body = match self.templates.get(name) {
            Some(Some(body)) => *body,
            Some(None) => return self.refuse(tag, &format!("several templates are called `{name}`")),
            None => return self.refuse(tag, &format!("there is no template `{name}` in this file")),
        };
        let dot = match dot {
            Some(dot) => self.pipeline(dot),
            None => Ok(Meaning::Nothing("its template was given nothing; write `{{template \"name\" .}}`")),
        };
        self.put_in(tag, name, dot, body);
    }

    /// Writes the body of a template in place of its call.
    fn put_in(&mut self, tag: &Tag, name: &'a str, dot: Result<Meaning, String>, body: &'a [GoNode]) {
        if self.calls.contains(&name) || self.calls.len() >= MOST_CALLS || self.page.text.len() > MOST_BYTES {
            return self.refuse(tag, "it calls itself, or there is too much of it");
        }
        let mut set = Vec::new();
        let dot = match dot {
            Ok(Meaning::Phrase(phrase)) if !self.stays(&phrase) && phrase.literal.is_none() => {
                let ours = self.names.fresh("it");
                set.push(TeraPart::Do(format!("set {ours} = {}", phrase.loose())));
                let mut it = TeraPhrase::name(ours, phrase.holds);
                it.missing = phrase.missing;
                it.into()
            }
            Ok(meaning) => meaning,
            Err(why) => return self.refuse(tag, &why),
        };
        self.page.begins(tag, &set);
        if begins_trimmed(self.page.source, body) {
            self.page.parts();
        }
        self.note(tag, Conversion::Turned, String::new(), format!("what `{name}` holds stands here"));
        let variables = std::mem::take(&mut self.variables);
        let outer = (
            std::mem::replace(&mut self.dot, dot.clone()),
            std::mem::replace(&mut self.top, dot),
            std::mem::take(&mut self.loops),
        );
        self.calls.push(name);
        self.nodes(body, false);
        self.calls.pop();
        (self.dot, self.top, self.loops) = outer;
        self.variables = variables;
        self.page.ends(tag);
    }
}

/// Whether a body begins with a tag that takes away the blanks before it.
fn begins_trimmed(source: &str, body: &[GoNode]) -> bool {
    let blank =
        |node: &&GoNode| matches!(node, GoNode::Text(bytes) if source[bytes.clone()].trim().is_empty());
    let tag = match body.iter().find(|node| !blank(node)) {
        Some(
            GoNode::Comment(tag, _)
            | GoNode::Action(tag, _)
            | GoNode::Call(tag, ..)
            | GoNode::Define(tag, ..)
            | GoNode::Block(tag, ..)
            | GoNode::Jump(tag, _)
            | GoNode::Bad(tag, _),
        ) => tag,
        Some(GoNode::Branch(branch)) => &branch.tag,
        Some(GoNode::Text(_)) | None => return false,
    };
    tag.left
}
