//! Requests with a request id: each is done once, and a repeat gets the stored result of the first run.
//!
//! A request with a request id first takes its claim ([`Idempotency::begin`]) and holds it until its result
//! can be found. So two requests with the same id never run concurrently, even in different memberbases. The
//! batch that makes the changes also stores the result ([`keep`]): after a crash, either both are there or
//! neither is. So the holder of the claim can tell from what is stored whether the request was done.
//!
//! - Only results of successful requests are stored; a request that was refused runs again. The result of an
//!   upsert that wrote no row is stored only if its [`RequestIdentity`] asks for that.
//! - A request of several batches stores its progress with each batch that changes something. If it is sent
//!   again after a crash, it continues where it stopped, and its result covers what the first run did.
//! - Stored results are deleted after [`IdempotencyLimits::retention_micros`]. If all of them together take
//!   more than [`IdempotencyLimits::bytes`], the oldest are deleted earlier ([`tidy`]). A request whose
//!   result was deleted runs as if it were new.

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

/// How many parts of a stored result are read at once.
const PARTS_TOGETHER: usize = 64;

/// How long, and up to what size, results of requests with a request id are stored.
#[derive(Debug, Clone, Copy)]
pub struct IdempotencyLimits {
    /// How long a result is stored, in microseconds.
    pub retention_micros: i64,
    /// The bytes that all stored results may take together, keys and values.
    pub bytes: u64,
}

/// What happens to a request while another one with the same id runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfRunning {
    /// It waits.
    Wait,
    /// It is refused.
    Refuse,
}

/// How a request with a request id begins.
#[derive(Debug)]
pub enum Begun {
    /// It was not done yet, or only in part: the holder of the claim does it now.
    New(Arc<Claim>),
    /// It was done before, with this result.
    Done(StoredResult),
}

/// The requests with a request id of one store: those that run, and the stored results.
pub struct Idempotency {
    engine: Arc<dyn Engine>,
    hashes: Hashes,
    limits: IdempotencyLimits,
    running: Arc<Running>,
    /// The bytes that stored results take. Until the older ones were counted, only those stored since the
    /// store opened.
    stored: AtomicI64,
    /// Whether the results stored before the store opened are counted.
    is_counted: AtomicBool,
    /// When the store opened.
    opened_at: Timestamp,
    /// Whether a background task is deleting old results.
    is_tidying: AtomicBool,
    /// Held while old results are deleted, so that only one task does so at a time.
    tidying: tokio::sync::Mutex<()>,
}

/// The claim of a running request with a request id: no other request with this id runs until it is dropped.
pub struct Claim {
    name: u128,
    cause: Cause,
    fingerprint: u128,
    keeps_failures: bool,
    /// What an earlier run stored before it was interrupted.
    begun: Option<StoredResult>,
    /// Keys of an earlier result that is void: this request deletes or replaces them.
    stale: Stale,
    _turn: Turn,
}

#[derive(Default)]
struct Stale {
    keys: Vec<Key>,
    bytes: i64,
}

impl Claim {
    /// The cause of changes by this request: the import that it is a chunk of, or the request itself.
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
    /// The requests with a request id of the store in `engine`, which is opened at `now`.
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

    /// Takes the claim of a request and looks for its stored result. A request id is private to the holder of
    /// the token `scope`; without a token, all callers without a token share their ids. Returns a refusal if
    /// the id was used for another request.
    pub async fn begin(
        self: &Arc<Self>,
        mark: &RequestIdentity,
        scope: Option<TokenId>,
        now: Timestamp,
        if_running: IfRunning,
    ) -> Result<Begun, TableError> {
        self.relieve(now);
        let name = self.hashes.request(scope, &mark.key);
        let turn = match if_running {
            IfRunning::Wait => self.running.wait(name).await,
            IfRunning::Refuse => self.running.take(name).map_err(|_| TableError::RequestRunning)?,
        };
        let cause = match &mark.key {
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
            let description = match mark.key {
                IdempotencyKey::Given(_) => "was used for another request",
                IdempotencyKey::Chunk(..) => {
                    "was used in this import for other rows, options or another memberbase"
                }
            };
            return Err(Refusal::field(Reason::RequestIdReused, mark.key.field(), description).into());
        }
        match kept.answer {
            // An older version began it, under keys of the old width: all of it is stored again under today's
            // keys.
            RequestResult::Rows { is_complete: false, .. } if kept.width == PartWidth::Narrow => {
                let stale = Stale { keys: keys_of(name, &kept), bytes };
                Ok(claim(Some(kept), stale))
            }
            _ if kept.answer.is_complete() => Ok(Begun::Done(kept)),
            _ => Ok(claim(Some(kept), Stale::default())),
        }
    }

    fn is_too_old(&self, at: Timestamp, now: Timestamp) -> bool {
        at.micros().saturating_add(self.limits.retention_micros) <= now.micros()
    }

    /// The result stored under this key, and the bytes that it takes.
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
                let lost = || TableError::Damaged("a part of a stored result is missing".to_owned());
                bytes.extend_from_slice(&part.ok_or_else(lost)?);
            }
        }
        kept.join(&bytes)?;
        let taken = weight::weight(first.len() + bytes.len(), kept.parts);
        Ok(Some((kept, taken)))
    }
}

/// The engine keys of a stored result.
fn keys_of(name: u128, kept: &StoredResult) -> Vec<Key> {
    let parts = (0..=kept.parts).map(|part| request_of(kept.width, name, part));
    parts.chain([request_time(kept.at, name)]).collect()
}

/// The requests with a request id that run now.
#[derive(Debug, Default)]
struct Running(Mutex<HashMap<u128, Arc<Notify>>>);

impl Running {
    /// Takes the turn of this key. If it is taken, returns a future that resolves when that turn ends.
    fn take(self: &Arc<Self>, name: u128) -> Result<Turn, tokio::sync::futures::OwnedNotified> {
        match self.names().entry(name) {
            Entry::Vacant(free) => {
                free.insert(Arc::default());
                Ok(Turn { running: Arc::clone(self), name })
            }
            // The future is registered already, so it cannot miss an end that comes before it is awaited.
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

/// The turn of a key. It ends when this is dropped.
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
