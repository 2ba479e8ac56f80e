//! `if`, `with` and `range`.

use super::Conversion;
use super::golang::{Branch, GoNode, GoOperand, GoPipe, Kind};
use super::meaning::Meaning;
use super::page::TeraPart;
use super::phrase::{Holds, TeraPhrase};
use super::scope::Variable;
use super::write::Writer;

/// Blocks within each other at most, those of templates included: Tera takes 40.
const MOST_BLOCKS: usize = 36;

impl<'a> Writer<'a> {
    /// Writes a branch without the tag that ends it, and gives what ends it. `within`: the tag of the `else` that it
    /// belongs to, and whether that may become an `elif`.
    pub(super) fn branch(&mut self, branch: &'a Branch, within: Option<bool>) -> Vec<&'static str> {
        let seen = (self.variables.len(), self.dot.clone());
        self.blocks += 1;
        let opened = if self.blocks > MOST_BLOCKS {
            Err("it has too many blocks within each other".to_owned())
        } else {
            branch.pipe.clone().and_then(|pipe| match branch.kind {
                Kind::Range => self.range(&pipe),
                _ => self.condition(branch.kind, &pipe),
            })
        };
        let (mut parts, refused) = match opened {
            Ok(parts) => (parts, None),
            Err(why) => (self.unopened(branch, &why), Some(why)),
        };
        let mut own = Some(if branch.kind == Kind::Range { "endfor" } else { "endif" });
        match within {
            Some(true) if parts.len() == 1 && branch.kind != Kind::Range => {
                if let TeraPart::Do(condition) = &parts[0] {
                    parts[0] = TeraPart::Do(format!("el{condition}"));
                }
                own = None;
            }
            Some(_) => parts.insert(0, TeraPart::Do("else".to_owned())),
            None => {}
        }
        let after = self.page.tags(&branch.tag, &parts);
        match refused {
            Some(why) => self.note(&branch.tag, Conversion::Refused, after, why),
            None => self.note(&branch.tag, Conversion::Changed, after, String::new()),
        }
        let is_loop = branch.kind == Kind::Range;
        self.loops += usize::from(is_loop);
        let inner = self.variables.len();
        self.nodes(&branch.body, branch.other.is_some() || branch.end.is_some() || within.is_some());
        self.variables.truncate(inner);
        self.loops -= usize::from(is_loop);
        self.dot = seen.1;
        let mut closers = Vec::new();
        if let Some((tag, other)) = &branch.other {
            match &other[..] {
                [GoNode::Branch(next)] if next.tag == *tag => closers = self.branch(next, Some(!is_loop)),
                other => {
                    self.page.tags(tag, &[TeraPart::Do("else".to_owned())]);
                    self.nodes(other, branch.end.is_some() || within.is_some());
                }
            }
        }
        // what was opened last is ended first
        closers.extend(own);
        self.variables.truncate(seen.0);
        self.blocks -= 1;
        closers
    }

    /// `if` and `with`: what is set before, and the condition.
    fn condition(&mut self, kind: Kind, pipe: &GoPipe) -> Result<Vec<TeraPart>, String> {
        let mut meaning = self.pipeline(pipe)?;
        let mut parts = Vec::new();
        match &pipe.names[..] {
            [] => {}
            [name] if pipe.declares => {
                parts.extend(self.bind(name, meaning.clone())?.map(TeraPart::Do));
                meaning = self.operand(&GoOperand::Variable(name.clone(), Vec::new()))?;
            }
            _ => return Err("a condition makes one variable".to_owned()),
        }
        if kind == Kind::With && matches!(meaning, Meaning::Root | Meaning::Facts | Meaning::Env) {
            self.dot = meaning;
            parts.push(TeraPart::Do("if true".to_owned()));
            return Ok(parts);
        }
        let mut phrase = meaning.phrase()?;
        if kind == Kind::With {
            if !self.stays(&phrase) {
                let name = self.names.fresh("it");
                parts.push(TeraPart::Do(format!("set {name} = {}", phrase.loose())));
                phrase = TeraPhrase::name(name, phrase.holds);
            }
            let mut inside = phrase.clone();
            inside.missing = false;
            self.dot = match meaning {
                Meaning::Record(_) => meaning,
                _ => inside.into(),
            };
        }
        parts.push(TeraPart::Do(format!("if {}", phrase.loose())));
        Ok(parts)
    }

    /// Whether an expression is a name that keeps its value.
    pub(super) fn stays(&self, phrase: &TeraPhrase) -> bool {
        let root = phrase.text().split(['.', '[']).next().unwrap_or_default();
        let moves = self.variables.iter().any(|variable| {
            variable.ours.as_deref() == Some(root) && self.names.reassigned.contains(&variable.name)
        });
        phrase.is_path() && !moves
    }

    /// `range`: the loop, and what is set at its begin.
    fn range(&mut self, pipe: &GoPipe) -> Result<Vec<TeraPart>, String> {
        let of = self.pipeline(pipe)?.phrase()?;
        let over = match (of.holds, pipe.names.len()) {
            (Holds::List | Holds::Texts, 0 | 1) => of.loosely(),
            (Holds::Number, 0 | 1) => TeraPhrase::function("range", &[("end", &of)], Holds::List)?,
            (Holds::Anything | Holds::Map | Holds::List | Holds::Texts, 0..=2) => {
                of.loosely().filter("entries", &[], Holds::Map)?
            }
            (Holds::Unordered, _) => return Err("Go goes over it in another order each time".to_owned()),
            _ => return Err("Go does not go over that".to_owned()),
        };
        let held = match of.holds {
            Holds::Texts => Holds::Text,
            Holds::Number => Holds::Number,
            _ => Holds::Anything,
        };
        let (key, value) = match &pipe.names[..] {
            [key, value] => (Some(key), Some(value)),
            [value] => (None, Some(value)),
            _ => (None, None),
        };
        let mut sets = Vec::new();
        let mut looped = Vec::new();
        for (name, like) in [(key, "key"), (value, "item")] {
            if name.is_none() && like == "key" {
                continue;
            }
            let moves = name.is_some_and(|name| !pipe.declares || self.names.reassigned.contains(name));
            let like = name.filter(|_| !moves).map_or(like, |name| name.trim_start_matches('$'));
            let ours = self.names.fresh(like);
            let mut phrase =
                TeraPhrase::name(ours.as_str(), if like == "key" { Holds::Anything } else { held });
            phrase.missing = false;
            looped.push(ours.clone());
            if let Some(name) = name {
                if moves {
                    let theirs = self.moved(name, pipe.declares)?;
                    sets.push(TeraPart::Do(format!("{} {theirs} = {ours}", self.setter(name))));
                } else {
                    let meaning = phrase.clone().into();
                    self.variables.push(Variable { name: name.clone(), meaning, ours: Some(ours) });
                }
            }
            self.dot = phrase.into();
        }
        let mut parts = vec![TeraPart::Do(format!("for {} in {}", looped.join(", "), over.text()))];
        parts.extend(sets);
        Ok(parts)
    }

    /// The variable that a loop gives its values to.
    fn moved(&mut self, name: &str, declares: bool) -> Result<String, String> {
        if declares {
            return Ok(self.declare(name, &Meaning::Root));
        }
        let variable = self.variables.iter().rev().find(|variable| variable.name == name);
        let ours = variable.ok_or_else(|| format!("nothing has made `{name}`"))?.ours.clone();
        ours.ok_or_else(|| format!("`{name}` cannot become something else here"))
    }

    /// A branch whose condition has no counterpart: its parts are there, and its mark.
    fn unopened(&mut self, branch: &Branch, why: &str) -> Vec<TeraPart> {
        let mark = self.mark(&branch.tag, why);
        let names = branch.pipe.as_ref().map(|pipe| pipe.names.clone()).unwrap_or_default();
        for name in &names {
            self.declare(name, &Meaning::Root);
        }
        if branch.kind == Kind::Range {
            let name = self.names.fresh("item");
            self.dot = TeraPhrase::name(name.as_str(), Holds::Anything).into();
            return vec![TeraPart::Do(format!("for {name} in {}", mark.text()))];
        }
        if branch.kind == Kind::With {
            let name = self.names.fresh("it");
            self.dot = TeraPhrase::name(name, Holds::Anything).into();
        }
        vec![TeraPart::Do(format!("if {}", mark.text()))]
    }
}
