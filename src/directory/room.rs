//! Memory for requests that arrive: first for their bytes, before these are read, and then for what they become, which is taken
//! before they are decoded and given back once they are rows of the table, which has a budget of its own for these.
//!
//! The budgets are apart because a request waits for one while it has of the other: always in this order, so that nobody
//! waits for whoever waits for him.
//!
//! Some bytes on the wire become hundreds in memory, so what counts is what a request becomes. One that needs more than all the
//! room is let in if its own bytes say that it is as large as that; thousands of rows with nothing in them are not. And none
//! becomes larger than the room and half of it again: while its rows are made of it, it takes twice what is counted.

use std::sync::Arc;
use std::time::Duration;

use super::Error;
use crate::table::{Budget, Permit, Whose};

/// How many times its own bytes a request may take in memory, however much that is: a row with a ref and an e-mail address takes
/// 16 times, one with a short ref 28 times, one with nothing in it 250 times.
const GROWTH: usize = 32;
/// What any server lets in, in bytes, however little memory it was given: 150,000 rows with a ref and an e-mail address.
const LARGEST_MIN_BYTES: usize = 96 * 1024 * 1024;

/// Most bytes of members in one reply: many clients refuse messages over 4 MiB.
pub const REPLY_BYTES: usize = 3_584 * 1024;
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
    pub async fn turn(&self, whose: Whose, bytes: usize) -> Result<Received, Error> {
        Ok(self.budget.turn(whose, bytes).await?)
    }

    /// Takes it now or not at all: for bytes that are added to others.
    pub fn take(&self, whose: Whose, bytes: usize) -> Result<Received, Error> {
        Ok(self.budget.take(whose, bytes)?)
    }
}

/// The memory for large replies to one party.
#[derive(Debug, Clone)]
pub struct Replies {
    budget: Arc<Budget>,
    whose: Whose,
}

impl Replies {
    #[cfg(test)]
    pub(crate) fn new(bytes: usize, whose: impl Into<Whose>) -> Self {
        Self { budget: Budget::new(bytes), whose: whose.into() }
    }

    pub(super) fn of(budget: Arc<Budget>, whose: Whose) -> Self {
        Self { budget, whose }
    }

    /// Takes what a reply needs until it was taken, when it is its turn, unless the party waits with too much already.
    pub async fn turn(&self, bytes: usize) -> Result<Permit, Error> {
        Ok(self.budget.turn(self.whose, bytes).await?)
    }

    /// The same, however much waits: for callers that wait one after another.
    pub async fn wait(&self, bytes: usize) -> Result<Permit, Error> {
        Ok(self.budget.wait(self.whose, bytes).await?)
    }

    /// Counts a reply that has to be given, whether or not there is room for it.
    #[must_use]
    pub fn count(&self, bytes: usize) -> Permit {
        self.budget.count(self.whose, bytes)
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
            let Ok(permit) = replies.budget.take(replies.whose, step) else { return false };
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
    whose: Whose,
}

/// What one request has of it, until this goes.
pub struct Arrival {
    _permit: Permit,
}

impl Room {
    pub(super) fn new(budget: Arc<Budget>, whose: Whose) -> Self {
        Self { budget, whose }
    }

    /// Whose requests they are.
    #[must_use]
    pub fn whose(&self) -> Whose {
        self.whose
    }

    /// A request of `sent` bytes that needs so many, when it is its turn. A large one counts as what a party may have, so that
    /// others get in beside it.
    pub async fn admit(&self, sent: usize, bytes: usize) -> Result<Arrival, Error> {
        let most = most(self.budget.limit(), sent);
        if bytes > most {
            return Err(Error::TooLarge { bytes, limit: most });
        }
        Ok(Arrival { _permit: self.budget.turn(self.whose, bytes).await? })
    }
}

/// How large a request of `sent` bytes may become where there is room for `limit`, in bytes.
fn most(limit: usize, sent: usize) -> usize {
    let largest = limit.saturating_add(limit / 2).max(LARGEST_MIN_BYTES);
    limit.max(sent.saturating_mul(GROWTH).min(largest))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::model::BaseNumber;
    use crate::table::Party;

    const MIB: usize = 1024 * 1024;

    fn rooms() -> impl Fn(u32) -> Room {
        let budget = Budget::new(100 * MIB);
        move |number| Room::new(Arc::clone(&budget), Party::Base(BaseNumber(number)).into())
    }

    #[tokio::test]
    async fn what_becomes_much_larger_than_it_was_sent_is_refused_whatever_room_there_is() {
        let room = rooms()(1);
        let refused = async |sent, bytes| room.admit(sent, bytes).await.err();
        assert_eq!(refused(4 * MIB, 128 * MIB).await, None);
        let over = Error::TooLarge { bytes: 128 * MIB + 1, limit: 128 * MIB };
        assert_eq!(refused(4 * MIB, 128 * MIB + 1).await, Some(over));
        assert_eq!(refused(10, 100 * MIB).await, None);
        assert!(matches!(refused(10, 100 * MIB + 1).await, Some(Error::TooLarge { .. })));
        let over = Error::TooLarge { bytes: 150 * MIB + 1, limit: 150 * MIB };
        assert_eq!(refused(256 * MIB, 150 * MIB).await, None);
        assert_eq!(refused(256 * MIB, 150 * MIB + 1).await, Some(over), "half of the room comes on top");
    }

    #[test]
    fn every_server_lets_in_a_large_call_and_larger_ones_with_more_memory() {
        let mib = MIB;
        for (limit, sent, becomes) in [
            (mib, 16 * mib, 96 * mib),
            (mib, 2 * mib, 64 * mib),
            (64 * mib, 16 * mib, 96 * mib),
            (128 * mib, 256 * mib, 192 * mib),
            (128 * mib, 5 * mib, 160 * mib),
            (2_048 * mib, 256 * mib, 3_072 * mib),
            (2_048 * mib, mib, 2_048 * mib),
        ] {
            assert_eq!(most(limit, sent), becomes, "{limit} {sent}");
        }
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

    #[tokio::test]
    async fn a_large_request_leaves_room_for_those_of_others_and_its_own_wait_for_it() {
        let room = rooms();
        let first = room(1).admit(50 * MIB, 150 * MIB).await.unwrap();
        let own = room(1);
        let mut waits = Box::pin(own.admit(MIB, MIB));
        assert!(waits.as_mut().now_or_never().is_none());
        room(1).admit(1, 1).await.unwrap();
        let second = room(2).admit(50 * MIB, 30 * MIB).await.unwrap();
        drop(first);
        waits.await.unwrap();
        drop(second);
    }
}
