//! The byte budgets of a store: what requests hold in memory, from their arrival to their answer.
//!
//! - A part of each budget is for small requests alone ([`SMALL_BYTES`]): large ones cannot take it, so there is always room
//!   for calls about one member.
//! - Each request is of a [`Party`]. A party has at most half of either part, so that others get in beside it, whatever it
//!   asks for; a request that is larger than that counts as half.
//! - What does not fit waits for its turn. Parties take turns, one request each. Whose turn it is gets in before everybody
//!   else; only a party that has its half is passed over.
//! - Within a party its connections take turns, one request each, and the requests of one connection come in their order.
//!   A connection that has something, and with its next request would have more than half of what its party may have, is
//!   passed over as long as another one of the party waits that would not. So it keeps nobody waiting who has less, and
//!   yet no room is left empty.
//! - Refused is only who waits with too much already, never one that others keep waiting: a party, or of a party that
//!   waits with too much a connection that waits with more than its part of that.
//! - Of requests that are larger than half of the room only one is in at a time, because it holds more than what is counted.
//!   Messages that come in are excepted, or one that comes slowly would keep out all others of its size.

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

/// Requests of up to so many bytes are small, where the budget is not smaller still.
const SMALL_BYTES: usize = 64 * 1024;
/// The part of a budget that is for small requests: one of so many.
const SMALL_PART: usize = 4;
/// How many small requests there is room for at least.
const SMALL_ONES: usize = 16;

/// Counts bytes against a limit.
#[derive(Debug)]
pub struct Budget {
    /// Requests of up to so many bytes are small.
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

    /// One for the bytes of messages while they come in.
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

    /// Takes bytes until the permit is dropped. While they do not fit it waits for its turn, unless who asks waits with too
    /// much already.
    pub async fn turn(&self, whose: impl Into<Whose>, bytes: usize) -> Result<Permit, TableError> {
        match self.pool(bytes).turn(whose.into(), bytes, Patience::Bounded) {
            Some(turn) => Ok(turn.await),
            None => Err(self.refuse(bytes)),
        }
    }

    /// Takes bytes when its turn has come and they fit, however much waits: for callers that wait one after another.
    pub async fn wait(&self, whose: impl Into<Whose>, bytes: usize) -> Result<Permit, TableError> {
        match self.pool(bytes).turn(whose.into(), bytes, Patience::Endless) {
            Some(turn) => Ok(turn.await),
            None => Err(self.refuse(bytes)),
        }
    }

    /// Takes bytes if they fit now and nobody waits whose turn it is.
    pub fn take(&self, whose: impl Into<Whose>, bytes: usize) -> Result<Permit, TableError> {
        self.pool(bytes).take(whose.into(), bytes).ok_or_else(|| self.refuse(bytes))
    }

    /// Counts bytes that are there already, whether or not they fit: others get in once there is room beside them.
    pub fn count(&self, whose: impl Into<Whose>, bytes: usize) -> Permit {
        self.pool(bytes).count(whose.into(), bytes)
    }

    /// All of it, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// What one party may have in large requests, in bytes.
    pub fn share(&self) -> usize {
        self.large.share()
    }

    /// Bytes taken now.
    pub fn used(&self) -> usize {
        self.small.used() + self.large.used()
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
