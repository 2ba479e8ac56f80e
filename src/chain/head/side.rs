//! What a head knows of side builds: who is being made, and which namespace is one.
//!
//! Whoever makes one takes a number first, so that two at once never have the same, and names the finished namespace last. Until
//! then its agent begins nothing. What its maker has not brought to that end for an hour is given up, by the newest listener or by
//! whoever takes the next number, and what was made of it is nobody's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{BUILT_MAX, HOUR, Head, MOVES, UnreadableHead};
use crate::chain::build::{Build, Phase};
use crate::chain::side;

/// What the keys begin with.
pub(super) const SIDE: &str = "side.";
/// What the value of one begins with that is being made.
const MAKING: &str = "since ";

/// The value of one that was left half made: nobody else gets its number, from which names and owner derive.
const GIVEN_UP: &str = "given up";

/// A side build, as the head knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SideClaim {
    /// Somebody has been making it since then.
    Making(Timestamp),
    /// It is complete: uid of its namespace.
    Settled(String),
    /// It was left half made.
    GivenUp,
}

impl SideClaim {
    pub(super) fn read(key: &str, value: &str) -> Result<Self, UnreadableHead> {
        let unreadable = || UnreadableHead { key: key.to_owned(), value: value.to_owned() };
        match value.strip_prefix(MAKING) {
            Some(since) => Ok(Self::Making(since.parse().map_err(|_| unreadable())?)),
            None if value.is_empty() => Err(unreadable()),
            None if value == GIVEN_UP => Ok(Self::GivenUp),
            None => Ok(Self::Settled(value.to_owned())),
        }
    }

    /// Whether whoever made it has left it half made.
    fn is_left(&self, now: Timestamp) -> bool {
        matches!(self, Self::Making(since) if *since <= now - HOUR)
    }
}

impl Head {
    /// uid of a side build's namespace, once it is complete.
    pub(super) fn uid_of_side(&self, number: u64) -> Option<&str> {
        match self.sides.get(&number)? {
            SideClaim::Settled(uid) => Some(uid),
            SideClaim::Making(_) | SideClaim::GivenUp => None,
        }
    }

    /// Whether somebody is still making this side build.
    pub fn is_making(&self, number: u64) -> bool {
        matches!(self.sides.get(&number), Some(SideClaim::Making(_)))
    }

    /// Whether it was left half made, and is known to be.
    pub fn was_given_up(&self, number: u64) -> bool {
        matches!(self.sides.get(&number), Some(SideClaim::GivenUp))
    }

    /// The number of the next side build.
    pub fn next_side(&self) -> u64 {
        self.sides.keys().next_back().map_or(side::FIRST, |last| last + 1)
    }

    /// The swap of who has something built by hand: the number is theirs, and counts among the builds of this hour. What was
    /// left half made an hour ago is given up.
    pub fn take_side(&self, now: Timestamp) -> Value {
        let number = self.next_side();
        let mut data =
            json!({ format!("{SIDE}{number}"): format!("{MAKING}{now}"), MOVES: self.moves_with(now) });
        let oldest = (self.sides.len() + 1).saturating_sub(BUILT_MAX);
        for (place, (number, claim)) in self.sides.iter().enumerate() {
            if place < oldest {
                data[format!("{SIDE}{number}")] = Value::Null;
            } else if claim.is_left(now) {
                data[format!("{SIDE}{number}")] = json!(GIVEN_UP);
            }
        }
        self.patch(&data)
    }

    /// The swap that gives up what was left half made an hour ago; none where nothing was.
    pub fn give_up_sides(&self, now: Timestamp) -> Option<Value> {
        let left = self.sides.iter().filter(|(_, claim)| claim.is_left(now));
        let data: BTreeMap<String, Value> =
            left.map(|(number, _)| (format!("{SIDE}{number}"), json!(GIVEN_UP))).collect();
        (!data.is_empty()).then(|| self.patch(&json!(data)))
    }

    /// The swap that makes a namespace a side build: the last step of its making.
    pub fn settle_side(&self, number: u64, uid: &str) -> Value {
        self.patch(&json!({ format!("{SIDE}{number}"): uid }))
    }

    /// The swap of who does not come to the end of making one.
    pub fn give_up_side(&self, number: u64) -> Value {
        self.patch(&json!({ format!("{SIDE}{number}"): GIVEN_UP }))
    }

    /// Whether a build of this chain never built anything and never will: of a generation as [`Self::abandons`] says; of a side
    /// build, that nobody is making it and it was never completed, or that the chain has ended before it began.
    pub fn abandons_build(&self, build: &Build) -> bool {
        if !side::is_side(build.generation) {
            return self.abandons(build.generation);
        }
        let untriggered = build.phase <= Phase::Listening || build.phase == Phase::Disposing;
        let known =
            self.is_making(build.generation) || self.uid_of_side(build.generation) == Some(&build.uid);
        untriggered && (!known || self.ended.is_some())
    }
}
