//! Memory for requests that arrive, and for large replies.
//!
//! A request takes memory twice: for its bytes ([`Incoming`]) before they are read, and for its decoded form
//! ([`Room`]) before it is decoded. It gives the latter back once its rows are handed to the table, which has
//! a budget of its own for rows. The budgets are separate, because a request holds memory of one while it
//! waits for the next. All requests take them in the same order, so they never wait for each other in a
//! circle.
//!
//! A few bytes on the wire can become hundreds in memory, so the decoded size counts. A request that needs
//! more than the whole room is admitted if its own length justifies that; thousands of empty rows are not. No
//! request may need more than one and a half times the room (or [`LARGEST_MIN_BYTES`], if that is more),
//! because it takes twice the counted memory while its rows are made.

use std::sync::Arc;
use std::time::Duration;

use super::Error;
use crate::table::{Budget, BudgetStatus, Permit, Whose};

/// A request may need this many times its own length in memory, even if that is more than the room. A row
/// with a ref and an e-mail address needs 16 times its length, one with a short ref 28 times, an empty row
/// 250 times.
const GROWTH: usize = 32;
/// The limit on one request is never below this, in bytes, however little memory the server has: it is enough
/// for 150,000 rows with a ref and an e-mail address.
const LARGEST_MIN_BYTES: usize = 96 * 1024 * 1024;

/// Most bytes of members in one reply: many clients reject messages over 4 MiB.
pub const REPLY_BYTES: usize = 3_584 * 1024;
/// Replies of up to this many bytes are not counted: they add little to the memory that each call takes
/// anyway.
pub const SMALL_REPLY_BYTES: usize = 64 * 1024;
/// A reply may take this many times its length in memory: as members or records, then as a message, and then
/// as bytes.
pub const REPLY_GROWTH: usize = 3;
/// The room of a page grows in steps of this many bytes of reply.
const PAGE_STEP_BYTES: usize = 256 * 1024;

/// The memory of the whole server for the bytes of messages that arrive. Clones share it.
#[derive(Clone)]
pub struct Incoming {
    budget: Arc<Budget>,
    /// How long a message may arrive without progress.
    pub patience: Duration,
}

/// The memory for the bytes of a message, until this is dropped.
pub type Received = Permit;

impl Incoming {
    /// Memory of this many bytes.
    #[must_use]
    pub fn new(bytes: usize, patience: Duration) -> Self {
        Self { budget: Budget::of_messages(bytes), patience }
    }

    /// The counters of this memory.
    #[must_use]
    pub fn status(&self) -> BudgetStatus {
        BudgetStatus::of("incoming", &self.budget)
    }

    /// Waits its turn, and takes the memory for a message of this many bytes.
    pub async fn turn(&self, whose: Whose, bytes: usize) -> Result<Received, Error> {
        Ok(self.budget.turn(whose, bytes).await?)
    }

    /// Takes the memory at once or fails: for bytes that are added to a message which already holds some.
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

    /// Waits its turn, and takes the memory for a reply until the permit is dropped. Fails if too much of the
    /// party is waiting already.
    pub async fn turn(&self, bytes: usize) -> Result<Permit, Error> {
        Ok(self.budget.turn(self.whose, bytes).await?)
    }

    /// Like [`Replies::turn`], but waits however much of the party is waiting already: for callers that wait
    /// one after another.
    pub async fn wait(&self, bytes: usize) -> Result<Permit, Error> {
        Ok(self.budget.wait(self.whose, bytes).await?)
    }

    /// Counts a reply that must be sent, whether or not there is room for it.
    #[must_use]
    pub fn count(&self, bytes: usize) -> Permit {
        self.budget.count(self.whose, bytes)
    }
}

/// The memory for replies that a page takes while it is built; it grows with the page. If there is no more
/// memory, the page ends early, which is not an error. So no call waits while it holds half a page, and none
/// is refused one.
#[derive(Debug, Default)]
pub struct PageRoom {
    /// `None` if the memory for the page is taken elsewhere, or if the page cannot end early.
    replies: Option<Replies>,
    /// The bytes of a reply that there is room for.
    bytes: usize,
    /// The bytes of memory taken for them.
    taken: usize,
    permits: Vec<Permit>,
}

impl PageRoom {
    /// The room for a page to this party.
    pub(super) fn new(replies: Replies) -> Self {
        Self { replies: Some(replies), bytes: SMALL_REPLY_BYTES, ..Self::default() }
    }

    /// No limit: for a page whose memory is taken elsewhere, or which cannot end early.
    pub(super) fn unlimited() -> Self {
        Self::default()
    }

    /// Whether there is room for a reply of this many bytes; if so, takes it until this is dropped. A page
    /// that holds all that its party may have is not limited further, because otherwise a server with little
    /// memory could not build any large page.
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

    /// The memory that was taken.
    #[must_use]
    pub fn into_permits(self) -> Vec<Permit> {
        self.permits
    }
}

/// The memory for decoded requests of one party.
#[derive(Clone)]
pub struct Room {
    budget: Arc<Budget>,
    whose: Whose,
}

/// The memory of one request, until this is dropped.
pub struct Arrival {
    _permit: Permit,
}

impl Room {
    pub(super) fn new(budget: Arc<Budget>, whose: Whose) -> Self {
        Self { budget, whose }
    }

    /// The party and connection that the requests are charged to.
    #[must_use]
    pub fn whose(&self) -> Whose {
        self.whose
    }

    /// Waits its turn, and takes `bytes` of memory for a request of `sent` bytes. A request that is larger
    /// than what a party may have counts only as that, so that requests of others still fit beside it.
    pub async fn admit(&self, sent: usize, bytes: usize) -> Result<Arrival, Error> {
        let most = most(self.budget.limit(), sent);
        if bytes > most {
            return Err(Error::TooLarge { bytes, limit: most });
        }
        Ok(Arrival { _permit: self.budget.turn(self.whose, bytes).await? })
    }
}

/// The most bytes of memory that a request of `sent` bytes may need if the room has `limit` bytes.
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
    async fn a_message_that_decodes_to_far_more_is_refused_even_if_there_is_room() {
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
        assert!(second.has(100 * MIB), "it holds all that its party may have");
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
