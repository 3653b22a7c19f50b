//! The byte budgets of a store: the memory that requests hold, from their arrival to their reply.
//!
//! - **Small requests have a part of each budget to themselves** ([`SMALL_BYTES`]). Large requests cannot
//!   take it, so calls about one member always find room.
//! - **A party holds at most half of a part**, so there is always room for others. Each request belongs to a
//!   [`Party`]. A request larger than half of its part counts as half.
//! - **A request that does not fit waits for its turn.** Parties take turns, one request each. The party
//!   whose turn it is gets the next room, and smaller requests of others do not overtake it. Only a party
//!   whose next request would take it above its half is skipped.
//! - **The connections of a party take turns too**, one request each. The requests of one connection are
//!   admitted in their order. A connection with admitted requests is skipped if its next request would take
//!   it above half of the party's share, as long as another waiting connection of the party would stay below.
//!   So a greedy connection does not delay a modest one, and still no room stays empty.
//! - **A request is rejected only if its own connection waits with too much**: the party's waiting requests
//!   would exceed its share, and those of the connection would exceed the connection's part of that share. A
//!   request is never rejected because of what others hold, nor if its connection has nothing waiting.
//! - **Of the requests larger than half of their part, only one is admitted at a time**, because it holds
//!   more than it counts. Incoming messages are exempt; otherwise a slow one would keep out all others of its
//!   size.

mod held;
mod party;
mod pool;
mod queue;

use std::sync::Arc;

pub use self::party::{Connection, Party, Peer, Whose};
use self::party::{Giants, Patience};
pub use self::pool::Permit;
use self::pool::Pool;
use crate::table::TableError;

/// Requests of at most this many bytes are small. In a small budget this limit is lower ([`SMALL_ONES`]).
const SMALL_BYTES: usize = 64 * 1024;
/// One part in this many of a budget is for small requests.
const SMALL_PART: usize = 4;
/// The part for small requests has room for at least this many of the largest of them.
const SMALL_ONES: usize = 16;

/// Counts bytes against a limit.
#[derive(Debug)]
pub struct Budget {
    /// Requests of at most this many bytes are small.
    small_bytes: usize,
    small: Arc<Pool>,
    large: Arc<Pool>,
    limit: usize,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Self::make(limit, Giants::OneAtATime)
    }

    /// A budget of `limit` bytes for incoming messages.
    pub fn of_messages(limit: usize) -> Arc<Self> {
        Self::make(limit, Giants::AsTheyFit)
    }

    fn make(limit: usize, giants: Giants) -> Arc<Self> {
        let small = limit / SMALL_PART;
        Arc::new(Self {
            small_bytes: SMALL_BYTES.min(small / SMALL_ONES),
            small: Arc::new(Pool::new(small, giants)),
            large: Arc::new(Pool::new(limit - small, giants)),
            limit,
        })
    }

    /// Takes bytes until the permit is dropped. If they do not fit, it waits for its turn; it rejects a
    /// caller that already waits with too much.
    pub async fn turn(&self, whose: impl Into<Whose>, bytes: usize) -> Result<Permit, TableError> {
        match self.pool(bytes).turn(whose.into(), bytes, Patience::Bounded) {
            Some(turn) => Ok(turn.await),
            None => Err(self.refuse(bytes)),
        }
    }

    /// Like [`Self::turn`], but never rejects a caller because of what it waits with. For callers that wait
    /// for one request after another.
    pub async fn wait(&self, whose: impl Into<Whose>, bytes: usize) -> Result<Permit, TableError> {
        match self.pool(bytes).turn(whose.into(), bytes, Patience::Endless) {
            Some(turn) => Ok(turn.await),
            None => Err(self.refuse(bytes)),
        }
    }

    /// Takes bytes if they fit now and no waiting request comes first.
    pub fn take(&self, whose: impl Into<Whose>, bytes: usize) -> Result<Permit, TableError> {
        self.pool(bytes).take(whose.into(), bytes).ok_or_else(|| self.refuse(bytes))
    }

    /// Counts bytes that are already in memory, even if they do not fit. Others then wait until there is room
    /// for them too.
    pub fn count(&self, whose: impl Into<Whose>, bytes: usize) -> Permit {
        self.pool(bytes).count(whose.into(), bytes)
    }

    /// The whole budget, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The bytes that one party may hold in large requests.
    pub fn share(&self) -> usize {
        self.large.share()
    }

    /// The bytes that are taken now.
    pub fn used(&self) -> usize {
        self.small.used() + self.large.used()
    }

    /// The number of requests that wait for their turn.
    pub fn waiting(&self) -> usize {
        self.small.waiting() + self.large.waiting()
    }

    fn pool(&self, bytes: usize) -> &Arc<Pool> {
        if bytes <= self.small_bytes { &self.small } else { &self.large }
    }

    fn refuse(&self, wanted: usize) -> TableError {
        TableError::Overloaded { wanted, limit: self.limit }
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
