//! The byte budgets of a store: what requests hold in memory, from their arrival to their answer.
//!
//! - A part of each budget is for small requests alone ([`SMALL_BYTES`]): large ones cannot take it, so there is always room
//!   for calls about one member.
//! - Each request is of a [`Party`]. A party has at most half of either part, so that others get in beside it, whatever it
//!   asks for; a request that is larger than that counts as half.
//! - What does not fit waits for its turn. Parties take turns, one request each, and the requests of one party in the order in
//!   which they came. Whose turn it is gets in before everybody else; only a party that has its half is passed over.
//! - Refused is only a party that waits with too much already, never one that others keep waiting.
//! - Of requests that are larger than half of the room only one is in at a time, because it holds more than what is counted.
//!   Messages that come in are excepted, or one that comes slowly would keep out all others of its size.

mod pool;

use std::net::IpAddr;
use std::sync::Arc;

pub use self::pool::Permit;
use self::pool::Pool;
use super::TableError;
use crate::model::BaseNumber;
use crate::model::token::TokenId;

/// Requests of up to so many bytes are small, where the budget is not smaller still.
const SMALL_BYTES: usize = 64 * 1024;
/// The part of a budget that is for small requests: one of so many.
const SMALL_PART: usize = 4;
/// How many small requests there is room for at least.
const SMALL_ONES: usize = 16;

/// Whose bytes are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Party {
    /// Whoever writes to this base.
    Base(BaseNumber),
    /// Whoever has this token.
    Token(TokenId),
    /// Whoever calls from this address, where callers have no token.
    Peer(IpAddr),
    /// The process itself, and callers that are not known yet.
    Nobody,
}

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

    /// Takes bytes until the permit is dropped. While they do not fit it waits for its turn, unless the party waits with too
    /// much already.
    pub async fn turn(&self, party: Party, bytes: usize) -> Result<Permit, TableError> {
        match self.pool(bytes).turn(party, bytes, Patience::Bounded) {
            Some(turn) => Ok(turn.await),
            None => Err(self.refuse(bytes)),
        }
    }

    /// Takes bytes when its turn has come and they fit, however much waits: for callers that wait one after another.
    pub async fn wait(&self, party: Party, bytes: usize) -> Result<Permit, TableError> {
        match self.pool(bytes).turn(party, bytes, Patience::Endless) {
            Some(turn) => Ok(turn.await),
            None => Err(self.refuse(bytes)),
        }
    }

    /// Takes bytes if they fit now and nobody waits whose turn it is.
    pub fn take(&self, party: Party, bytes: usize) -> Result<Permit, TableError> {
        self.pool(bytes).take(party, bytes).ok_or_else(|| self.refuse(bytes))
    }

    /// Counts bytes that are there already, whether or not they fit: others get in once there is room beside them.
    pub fn count(&self, party: Party, bytes: usize) -> Permit {
        self.pool(bytes).count(party, bytes)
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

/// When requests are let in that are larger than they count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Giants {
    OneAtATime,
    AsTheyFit,
}

/// How much of a party may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// As much as may be in.
    Bounded,
    /// Anything: who waits so asks for nothing else meanwhile.
    Endless,
}

#[cfg(test)]
mod tests;
