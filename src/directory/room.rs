//! Memory for requests that arrive: first for their bytes, before these are read, and then for what they become, which is taken
//! before they are decoded and given back once they are rows of the table, which has a budget of its own for these.
//!
//! The budgets are apart because a request waits for one while it has of the other: always in this order, so that nobody
//! waits for whoever waits for him.
//!
//! Some bytes on the wire become hundreds in memory, so what counts is what a request becomes. One that needs more than all the
//! room is let in if its own bytes say that it is as large as that; thousands of rows with nothing in them are not.

use std::sync::Arc;
use std::time::Duration;

use super::Error;
use crate::table::{Budget, Party, Permit};

/// How many times its own bytes a request may take in memory, however much that is: a row with a ref and an e-mail address takes
/// 16 times, one with nothing in it 250 times.
const GROWTH: usize = 24;

/// Replies of up to so many bytes are not counted: a call cannot hold more of these than it holds anyway.
pub const SMALL_REPLY_BYTES: usize = 64 * 1024;
/// How many times its bytes a reply may take in memory: as the members or records that it is made of, then as a message, and
/// then as bytes.
pub const REPLY_GROWTH: usize = 3;
/// By how many bytes of a reply the room of a page grows.
const PAGE_STEP_BYTES: usize = 256 * 1024;

/// The memory for the bytes of messages that come in, of the whole server. Clones share it.
#[derive(Clone)]
pub struct Incoming {
    budget: Arc<Budget>,
    /// How long a message may come without getting on.
    pub patience: Duration,
}

/// What the bytes of a message take, until this goes.
pub type Received = Permit;

impl Incoming {
    /// Memory of so many bytes.
    #[must_use]
    pub fn new(bytes: usize, patience: Duration) -> Self {
        Self { budget: Budget::of_messages(bytes), patience }
    }

    /// Takes what a message of so many bytes needs, when it is its turn.
    pub async fn turn(&self, party: Party, bytes: usize) -> Result<Received, Error> {
        Ok(self.budget.turn(party, bytes).await?)
    }

    /// Takes it now or not at all: for bytes that are added to others.
    pub fn take(&self, party: Party, bytes: usize) -> Result<Received, Error> {
        Ok(self.budget.take(party, bytes)?)
    }
}

/// The memory for large replies to one party.
#[derive(Debug, Clone)]
pub struct Replies {
    budget: Arc<Budget>,
    party: Party,
}

impl Replies {
    #[cfg(test)]
    pub(crate) fn new(bytes: usize, party: Party) -> Self {
        Self { budget: Budget::new(bytes), party }
    }

    pub(super) fn of(budget: Arc<Budget>, party: Party) -> Self {
        Self { budget, party }
    }

    /// Takes what a reply needs until it was taken, when it is its turn, unless the party waits with too much already.
    pub async fn turn(&self, bytes: usize) -> Result<Permit, Error> {
        Ok(self.budget.turn(self.party, bytes).await?)
    }

    /// The same, however much waits: for callers that wait one after another.
    pub async fn wait(&self, bytes: usize) -> Result<Permit, Error> {
        Ok(self.budget.wait(self.party, bytes).await?)
    }

    /// Counts a reply that has to be given, whether or not there is room for it.
    #[must_use]
    pub fn count(&self, bytes: usize) -> Permit {
        self.budget.count(self.party, bytes)
    }
}

/// What a page in the making has of the memory for replies: it grows with the page. Where there is no more, the page ends
/// early and comes back short, which is no error: so nobody waits with half a page, and nobody is refused one.
#[derive(Debug, Default)]
pub struct PageRoom {
    /// Nothing where the page was counted before it was begun.
    replies: Option<Replies>,
    /// The bytes of a reply that there is room for.
    bytes: usize,
    /// What was taken for them.
    taken: usize,
    permits: Vec<Permit>,
}

impl PageRoom {
    /// The room of a page to this party.
    pub(super) fn new(replies: Replies) -> Self {
        Self { replies: Some(replies), bytes: SMALL_REPLY_BYTES, ..Self::default() }
    }

    /// That of a page which was counted before it was begun, or which cannot end early.
    pub(super) fn unlimited() -> Self {
        Self::default()
    }

    /// Whether there is room for so many bytes of a reply. They are taken until this goes. A page that has all that its party
    /// may have is as large as pages may be, or it could be made on no server with little memory.
    pub(super) fn has(&mut self, bytes: usize) -> bool {
        let Some(replies) = &self.replies else { return true };
        while self.bytes < bytes {
            let left = replies.budget.share().saturating_sub(self.taken);
            let step = left.min(PAGE_STEP_BYTES * REPLY_GROWTH);
            if step == 0 {
                return true;
            }
            let Ok(permit) = replies.budget.take(replies.party, step) else { return false };
            self.permits.push(permit);
            self.taken += step;
            self.bytes += PAGE_STEP_BYTES;
        }
        true
    }

    /// What was taken.
    #[must_use]
    pub fn into_permits(self) -> Vec<Permit> {
        self.permits
    }
}

/// The memory for requests of one party that arrive.
#[derive(Clone)]
pub struct Room {
    budget: Arc<Budget>,
    party: Party,
}

/// What one request has of it, until this goes.
pub struct Arrival {
    room: Room,
    /// The most that it may need, in bytes.
    most: usize,
    needed: usize,
    taken: usize,
    permits: Vec<Permit>,
}

impl Room {
    pub(super) fn new(budget: Arc<Budget>, party: Party) -> Self {
        Self { budget, party }
    }

    /// Whose requests they are.
    #[must_use]
    pub fn party(&self) -> Party {
        self.party
    }

    /// A request of `sent` bytes that needs so many, when it is its turn.
    pub async fn admit(&self, sent: usize, bytes: usize) -> Result<Arrival, Error> {
        let mut arrival = self.arrival(sent);
        arrival.check(bytes)?;
        arrival.permits.push(self.budget.turn(self.party, bytes).await?);
        (arrival.needed, arrival.taken) = (bytes, bytes.min(self.budget.share()));
        Ok(arrival)
    }

    /// A request of so many bytes, which needs nothing yet.
    #[must_use]
    pub fn arrival(&self, sent: usize) -> Arrival {
        let most = self.budget.limit().max(sent.saturating_mul(GROWTH));
        Arrival { room: self.clone(), most, needed: 0, taken: 0, permits: Vec::new() }
    }
}

impl Arrival {
    /// Takes what the request needs more. A large one counts as what a party may have, so that others get in beside it.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        self.needed = self.needed.saturating_add(bytes);
        self.check(self.needed)?;
        let more = self.needed.min(self.room.budget.share()).saturating_sub(self.taken);
        if more > 0 {
            // What is known as a whole is told as a whole.
            let told = if self.taken == 0 { self.needed } else { more };
            self.permits.push(self.room.budget.take(self.room.party, told)?);
            self.taken += more;
        }
        Ok(())
    }

    /// What it needs, in bytes.
    #[must_use]
    pub fn needed(&self) -> usize {
        self.needed
    }

    fn check(&self, needed: usize) -> Result<(), Error> {
        if needed > self.most { Err(Error::TooLarge { bytes: needed, limit: self.most }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BaseNumber;

    const MIB: usize = 1024 * 1024;

    fn rooms() -> impl Fn(u32) -> Room {
        let budget = Budget::new(100 * MIB);
        move |number| Room::new(Arc::clone(&budget), Party::Base(BaseNumber(number)))
    }

    #[test]
    fn what_becomes_much_larger_than_it_was_sent_is_refused_whatever_room_there_is() {
        let room = rooms()(1);
        let mut small = room.arrival(8 * MIB);
        small.grow(192 * MIB).unwrap();
        assert_eq!(small.grow(1), Err(Error::TooLarge { bytes: 192 * MIB + 1, limit: 192 * MIB }));
        drop(small);
        let mut tiny = room.arrival(10);
        tiny.grow(100 * MIB).unwrap();
        assert!(matches!(tiny.grow(1), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn a_page_grows_until_its_party_has_its_share_and_small_ones_are_free() {
        // Three megabytes for one party: four steps of three quarters of one.
        let replies = Replies::new(8 * MIB, Party::Nobody);
        let mut first = PageRoom::new(replies.clone());
        assert!(first.has(SMALL_REPLY_BYTES) && first.into_permits().is_empty());
        let mut first = PageRoom::new(replies.clone());
        assert!(first.has(SMALL_REPLY_BYTES + PAGE_STEP_BYTES) && first.has(PAGE_STEP_BYTES));
        let mut second = PageRoom::new(replies.clone());
        assert!(second.has(SMALL_REPLY_BYTES + 3 * PAGE_STEP_BYTES) && !second.has(4 * PAGE_STEP_BYTES));
        assert!(PageRoom::new(replies.clone()).has(SMALL_REPLY_BYTES));
        assert!(!PageRoom::new(replies.clone()).has(SMALL_REPLY_BYTES + 1));
        assert!(PageRoom::unlimited().has(100 * MIB));
        drop(first);
        assert!(second.has(4 * PAGE_STEP_BYTES));
        assert!(second.has(100 * MIB), "it has all that there is for its party");
        assert!(!PageRoom::new(replies).has(SMALL_REPLY_BYTES + 1));
    }

    #[test]
    fn a_large_request_leaves_room_for_those_of_others_and_takes_no_more() {
        let room = rooms();
        let mut first = room(1).arrival(50 * MIB);
        first.grow(300 * MIB).unwrap();
        first.grow(300 * MIB).unwrap();
        assert_eq!(room(1).arrival(MIB).grow(MIB), Err(Error::Overloaded));
        room(1).arrival(1).grow(1).unwrap();
        let mut second = room(2).arrival(50 * MIB);
        second.grow(20 * MIB).unwrap();
        second.grow(10 * MIB).unwrap();
        assert_eq!(room(2).arrival(MIB).grow(8 * MIB), Err(Error::Overloaded));
        drop(first);
        room(1).arrival(MIB).grow(MIB).unwrap();
    }
}
