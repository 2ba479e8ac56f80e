//! Which namespace is a chain's, and which only says so.
//!
//! Where the admission policies are missing, or were once, whoever may create namespaces can write everything on one that a chain
//! writes, and copy it from a build that is real: labels, generation, owner uuid, verdict. Its uid nobody can choose, and home
//! knows the uids of a chain's namespaces. So a uid is what proves. Of a claim that home has not settled yet there is none, and
//! nothing is believed of it but that it may be one; whoever acts on it asks for the seed's owner uuid besides.

use uuid::Uuid;

use super::build::{Build, Phase};
use super::head::{BUILT_MAX, Head};
use super::record::Entry;
use super::side::{self, in_words};
use super::{names, wire};

/// What home knows of a chain, as far as it proves which namespaces are the chain's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Witness<'a> {
    /// The head; none = there is no such chain; an error says why it cannot be read.
    pub head: Option<Result<&'a Head, &'a str>>,
    /// The history, as far as it was read: the head knows as much, and more.
    pub history: &'a [Entry],
    /// The seed, where it was asked for and may be read.
    pub seed: Option<Uuid>,
}

/// Why nothing proves a namespace its chain's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// There is no such chain.
    #[error("there is no chain {chain} in {home}, so nothing proves it ours", home = wire::HOME)]
    NoChain {
        /// The chain that it names.
        chain: String,
    },
    /// The head cannot be read.
    #[error("the head of chain {chain} cannot be read ({why}), so nothing proves it ours")]
    HeadUnreadable {
        /// The chain.
        chain: String,
        /// Why it cannot.
        why: String,
    },
    /// The chain of that name has another uuid.
    #[error("chain {chain} in {home} is another one of the same name, so nothing proves it ours", home = wire::HOME)]
    OtherChain {
        /// The chain.
        chain: String,
    },
    /// The chain has not come so far.
    #[error("it says {number}, and chain {chain} has not come so far, so nothing proves it ours", number = in_words(*.generation))]
    Ahead {
        /// The chain.
        chain: String,
        /// What it says.
        generation: u64,
    },
    /// That generation is another namespace.
    #[error("the head of chain {chain} knows {number} by another uid, so nothing proves it ours", number = in_words(*.generation))]
    OtherUid {
        /// The chain.
        chain: String,
        /// What it says.
        generation: u64,
    },
    /// The head has forgotten namespaces that are as old.
    #[error(
        "it is older than the {BUILT_MAX} namespaces that chain {chain} knows by their uids, so nothing proves it ours"
    )]
    Forgotten {
        /// The chain.
        chain: String,
    },
    /// Nothing of it is known.
    #[error("chain {chain} does not know its uid, so nothing proves it ours")]
    Unknown {
        /// The chain.
        chain: String,
    },
}

impl<'a> Witness<'a> {
    /// The head of the very chain that a build names, which has come as far as the build says.
    ///
    /// # Errors
    /// Why there is none.
    pub fn head_of(self, build: &Build) -> Result<&'a Head, Unproved> {
        let chain = build.chain.clone();
        let head = match self.head {
            None => return Err(Unproved::NoChain { chain }),
            Some(Err(why)) => return Err(Unproved::HeadUnreadable { chain, why: why.to_owned() }),
            Some(Ok(head)) => head,
        };
        if head.uuid != build.chain_uuid {
            return Err(Unproved::OtherChain { chain });
        }
        let ahead = if build.is_side() {
            build.generation >= head.next_side()
        } else {
            build.generation > head.generation
        };
        if ahead {
            return Err(Unproved::Ahead { chain, generation: build.generation });
        }
        Ok(head)
    }

    /// Whether a build is its chain's, for whoever disposes of it: home knows it by its uid, or whoever made it knew the seed's
    /// owner uuid, and home knows that generation by no other uid. That one proves nothing where it can have been copied, so that
    /// whoever believes what stands on a namespace asks for [`Self::of_its_build`].
    ///
    /// # Errors
    /// Why nothing proves that.
    pub fn of_its_chain(self, build: &Build) -> Result<(), Unproved> {
        let head = self.head_of(build)?;
        if self.knows(build, head) || self.claims(build, head) {
            Ok(())
        } else {
            Err(self.unproved(build, head))
        }
    }

    /// The same for whoever acts by what stands on it. An owner uuid can be read on any build, and on those that home has forgotten,
    /// too: it proves a claim that says nothing yet, unless home knows that generation by another uid.
    ///
    /// # Errors
    /// Why nothing proves that.
    pub fn of_its_build(self, build: &Build) -> Result<(), Unproved> {
        let head = self.head_of(build)?;
        if self.knows(build, head) || (is_awaited(build) && self.claims(build, head)) {
            Ok(())
        } else {
            Err(self.unproved(build, head))
        }
    }

    /// Whether a build is believed by whoever only looks: home knows it by its uid, or it is [`is_awaited`] and says nothing yet that
    /// could be believed.
    ///
    /// # Errors
    /// Why it is not.
    pub fn believes(self, build: &Build) -> Result<(), Unproved> {
        let head = self.head_of(build)?;
        let settling = if build.is_side() {
            head.is_making(build.generation)
        } else {
            build.generation == head.generation && head.claimed.is_none()
        };
        if self.knows(build, head) || (settling && is_awaited(build)) {
            Ok(())
        } else {
            Err(self.unproved(build, head))
        }
    }

    /// Whether a namespace is its chain's of which nothing else can be read: home knows its uid, or what it has claimed and not settled
    /// yet.
    ///
    /// # Errors
    /// Why nothing proves that.
    pub fn knows_namespace(self, chain: &str, uid: &str) -> Result<(), Unproved> {
        let chain = chain.to_owned();
        let head = match self.head {
            None => return Err(Unproved::NoChain { chain }),
            Some(Err(why)) => return Err(Unproved::HeadUnreadable { chain, why: why.to_owned() }),
            Some(Ok(head)) => head,
        };
        if head.may_know(uid) || self.history.iter().any(|entry| entry.uid == uid) {
            return Ok(());
        }
        let forgets = head.forgets(1) || head.forgets(side::FIRST);
        Err(if forgets { Unproved::Forgotten { chain } } else { Unproved::Unknown { chain } })
    }

    /// Whether it has the seed's owner uuid, and home knows its generation by no other uid.
    fn claims(self, build: &Build, head: &Head) -> bool {
        !self.knows_another(build, head) && self.seeds(build)
    }

    fn knows(self, build: &Build, head: &Head) -> bool {
        head.proves(build) || self.entries(build).any(|entry| entry.uid == build.uid)
    }

    fn knows_another(self, build: &Build, head: &Head) -> bool {
        head.uid_of(build.generation).is_some_and(|uid| uid != build.uid)
            || self.entries(build).any(|entry| entry.uid != build.uid)
    }

    fn entries(self, build: &Build) -> impl Iterator<Item = &'a Entry> {
        let generation = build.generation;
        self.history.iter().filter(move |entry| entry.generation == generation)
    }

    fn seeds(self, build: &Build) -> bool {
        self.seed.is_some_and(|seed| names::owner(seed, build.generation).to_string() == build.owner)
    }

    fn unproved(self, build: &Build, head: &Head) -> Unproved {
        let (chain, generation) = (build.chain.clone(), build.generation);
        match self.knows_another(build, head) {
            true => Unproved::OtherUid { chain, generation },
            false if head.forgets(generation) => Unproved::Forgotten { chain },
            false => Unproved::Unknown { chain },
        }
    }
}

/// Parts builds by what is believed: those that are, and the others with the reason.
pub fn set_apart<Why>(
    builds: Vec<Build>,
    believe: impl Fn(&Build) -> Result<(), Why>,
) -> (Vec<Build>, Vec<(Build, Why)>) {
    let (mut believed, mut others) = (Vec::new(), Vec::new());
    for build in builds {
        match believe(&build) {
            Ok(()) => believed.push(build),
            Err(why) => others.push((build, why)),
        }
    }
    (believed, others)
}

/// Whether a build may be one that home has not settled yet. A link's agent begins once it is settled; that of a side build listens
/// before, and waits for it.
pub fn is_awaited(build: &Build) -> bool {
    let last = if build.is_side() { Phase::Listening } else { Phase::Claimed };
    build.verdict.is_none() && (build.phase <= last || build.phase == Phase::Disposing)
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
