//! Requests that name themselves: each is done once, and its repeats are told what became of it.
//!
//! A request that has a name takes its turn before anything is looked at ([`Requests::begin`]) and keeps it until what
//! became of it can be found, so no two of one name are ever under way, in whatever bases. What became of it is written by the
//! batch that does it ([`keep`]): either both are there after a crash or neither is. So a look at what is stored, with the
//! turn in hand, tells for certain whether it was done.
//!
//! - Only what succeeded is kept; a request that was refused runs again. An upsert in which no row was written is kept if its mark
//!   says so.
//! - A request of several batches keeps what it has done so far with each of them that changes something. Sent again after
//!   a crash it goes on where it was cut short, and its answer covers what the first run did.
//! - What is kept is dropped after [`IdempotencyLimits::retention_micros`], and, oldest first, when all of it together takes
//!   more than [`IdempotencyLimits::bytes`] ([`tidy`]). The request then runs as if it were new.

mod keep;
#[cfg(test)]
mod tests;
mod tidy;
mod weight;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

pub use self::keep::{Progress, Tally};
use crate::engine::{Engine, Key};
use crate::model::origin::Cause;
use crate::model::token::TokenId;
use crate::model::{IdempotencyKey, Reason, Refusal, RequestIdentity, Timestamp};
use crate::stored::idempotency::key::{PartWidth, request_of, request_time};
use crate::stored::idempotency::{RequestResult, StoredResult};
use crate::table::TableError;
use crate::table::index::hash::Hashes;

/// Parts of an answer that are read together.
const PARTS_TOGETHER: usize = 64;

/// How much is kept of requests that name themselves.
#[derive(Debug, Clone, Copy)]
pub struct IdempotencyLimits {
    /// For how long, in microseconds.
    pub retention_micros: i64,
    /// How many bytes of keys and values, all answers together.
    pub bytes: u64,
}

/// What becomes of a request while another one of its name is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfRunning {
    /// It waits.
    Wait,
    /// It is refused.
    Refuse,
}

/// What a request that names itself finds.
#[derive(Debug)]
pub enum Begun {
    /// It is to be done, now, by whoever holds this.
    New(Arc<Claim>),
    /// It was done, and this is what became of it.
    Answered(StoredResult),
}

/// The requests of one store that name themselves.
pub struct Idempotency {
    engine: Arc<dyn Engine>,
    hashes: Hashes,
    limits: IdempotencyLimits,
    running: Arc<Running>,
    /// What is stored, in bytes; until it was counted, what was stored since the store opened.
    stored: AtomicI64,
    /// Whether what was stored before the store opened is counted.
    is_counted: AtomicBool,
    /// When the store opened.
    opened_at: Timestamp,
    /// Whether somebody tidies up in the background.
    is_tidying: AtomicBool,
    /// Only one tidies up at a time.
    tidying: tokio::sync::Mutex<()>,
}

/// A request that names itself and is under way: no other of its name runs as long as this lives.
pub struct Claim {
    name: u128,
    cause: Cause,
    fingerprint: u128,
    keeps_failures: bool,
    /// What an earlier run did before it was cut short.
    begun: Option<StoredResult>,
    /// What is left of an answer that is too old to count.
    stale: Stale,
    _turn: Turn,
}

#[derive(Default)]
struct Stale {
    keys: Vec<Key>,
    bytes: i64,
}

impl Claim {
    /// What a change is made on behalf of: the import that the request is a chunk of, or the request itself.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Idempotency {
    /// The requests of the store in `engine`, which opens at `now`.
    pub fn new(
        engine: Arc<dyn Engine>,
        hashes: Hashes,
        limits: IdempotencyLimits,
        now: Timestamp,
    ) -> Arc<Self> {
        Arc::new(Self {
            engine,
            hashes,
            limits,
            running: Arc::default(),
            stored: AtomicI64::new(0),
            is_counted: AtomicBool::new(false),
            opened_at: now,
            is_tidying: AtomicBool::new(false),
            tidying: tokio::sync::Mutex::default(),
        })
    }

    /// Takes the turn of a request, and looks for what became of it. Names belong to the holder of the token `scope`, or,
    /// without one, to all callers without a token. Refused if the name stands for another request.
    pub async fn begin(
        self: &Arc<Self>,
        mark: &RequestIdentity,
        scope: Option<TokenId>,
        now: Timestamp,
        if_running: IfRunning,
    ) -> Result<Begun, TableError> {
        self.relieve(now);
        let name = self.hashes.request(scope, &mark.name);
        let turn = match if_running {
            IfRunning::Wait => self.running.wait(name).await,
            IfRunning::Refuse => self.running.take(name).map_err(|_| TableError::RequestRunning)?,
        };
        let cause = match &mark.name {
            IdempotencyKey::Given(_) => Cause::Request(name),
            IdempotencyKey::Chunk(import, _) => Cause::Import(import.0),
        };
        let claim = |begun, stale| {
            let (fingerprint, keeps_failures) = (mark.fingerprint, mark.keeps_failures);
            Begun::New(Arc::new(Claim {
                name,
                cause,
                fingerprint,
                keeps_failures,
                begun,
                stale,
                _turn: turn,
            }))
        };
        let Some((kept, bytes)) = self.stored(name).await? else { return Ok(claim(None, Stale::default())) };
        if self.is_too_old(kept.at, now) {
            return Ok(claim(None, Stale { keys: keys_of(name, &kept), bytes }));
        }
        if kept.fingerprint != mark.fingerprint {
            let description = match mark.name {
                IdempotencyKey::Given(_) => "was used for another request",
                IdempotencyKey::Chunk(..) => {
                    "was used in this import for other rows, options or another memberbase"
                }
            };
            return Err(Refusal::field(Reason::RequestIdReused, mark.name.field(), description).into());
        }
        match kept.answer {
            // An older program began it: what is kept of it is written anew, under keys of today.
            RequestResult::Rows { is_complete: false, .. } if kept.width == PartWidth::Narrow => {
                let stale = Stale { keys: keys_of(name, &kept), bytes };
                Ok(claim(Some(kept), stale))
            }
            _ if kept.answer.is_complete() => Ok(Begun::Answered(kept)),
            _ => Ok(claim(Some(kept), Stale::default())),
        }
    }

    fn is_too_old(&self, at: Timestamp, now: Timestamp) -> bool {
        at.micros().saturating_add(self.limits.retention_micros) <= now.micros()
    }

    /// What is stored under a name, and how many bytes that takes.
    async fn stored(&self, name: u128) -> Result<Option<(StoredResult, i64)>, TableError> {
        let firsts = [PartWidth::Wide, PartWidth::Narrow].map(|width| request_of(width, name, 0));
        let Some(first) = self.engine.get_many(&firsts).await?.into_iter().flatten().next() else {
            return Ok(None);
        };
        let mut kept = StoredResult::decode(&first)?;
        let mut bytes = Vec::new();
        let keys: Vec<Key> = (1..=kept.parts).map(|part| request_of(kept.width, name, part)).collect();
        for keys in keys.chunks(PARTS_TOGETHER) {
            for part in self.engine.get_many(keys).await? {
                let lost = || TableError::Damaged("a part of an answer is missing".to_owned());
                bytes.extend_from_slice(&part.ok_or_else(lost)?);
            }
        }
        kept.join(&bytes)?;
        let taken = weight::weight(first.len() + bytes.len(), kept.parts);
        Ok(Some((kept, taken)))
    }
}

/// The keys of what is kept under a name.
fn keys_of(name: u128, kept: &StoredResult) -> Vec<Key> {
    let parts = (0..=kept.parts).map(|part| request_of(kept.width, name, part));
    parts.chain([request_time(kept.at, name)]).collect()
}

/// The names of the requests that are under way.
#[derive(Debug, Default)]
struct Running(Mutex<HashMap<u128, Arc<Notify>>>);

impl Running {
    /// The turn of a name; or, if it is taken, what tells when it ends.
    fn take(self: &Arc<Self>, name: u128) -> Result<Turn, tokio::sync::futures::OwnedNotified> {
        match self.names().entry(name) {
            Entry::Vacant(free) => {
                free.insert(Arc::default());
                Ok(Turn { running: Arc::clone(self), name })
            }
            // It hears of the end from now on, before it is waited for.
            Entry::Occupied(taken) => Err(Arc::clone(taken.get()).notified_owned()),
        }
    }

    async fn wait(self: &Arc<Self>, name: u128) -> Turn {
        loop {
            match self.take(name) {
                Ok(turn) => return turn,
                Err(end) => end.await,
            }
        }
    }

    fn names(&self) -> std::sync::MutexGuard<'_, HashMap<u128, Arc<Notify>>> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of a name, which ends when this goes.
struct Turn {
    running: Arc<Running>,
    name: u128,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(end) = self.running.names().remove(&self.name) {
            end.notify_waiters();
        }
    }
}
