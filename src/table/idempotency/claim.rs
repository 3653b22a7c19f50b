//! The claim of a request with a request id: how a request begins, and what it finds stored.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::engine::{Engine, EngineError, Key, Value};
use crate::model::origin::Cause;
use crate::model::token::TokenId;
use crate::model::{IdempotencyKey, Reason, Refusal, RequestIdentity, Timestamp};
use crate::stored::idempotency::key::{PartWidth, request_of, request_time};
use crate::stored::idempotency::{RequestResult, StoredResult};
use crate::table::TableError;
use crate::table::idempotency::running::{Running, Turn};
use crate::table::idempotency::weight::weight;
use crate::table::index::hash::Hashes;
use crate::table::shared::leases::Leases;

/// How many parts of a stored result are read at once.
const PARTS_TOGETHER: usize = 64;
/// What a process does that has only one base on lease with results that are younger than this, in
/// microseconds: it continues and replaces them. Meanwhile the owner of the store deletes only those that
/// are older than twice this time, so that the two never write the same one.
pub(super) const LENT_MICROS: i64 = 5 * 60 * 1_000_000;

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
    pub(super) engine: Arc<dyn Engine>,
    hashes: Hashes,
    pub(super) limits: IdempotencyLimits,
    pub(super) running: Arc<Running>,
    /// The bytes that stored results take. Until the older ones were counted, only those stored since the
    /// store opened.
    pub(super) stored_bytes: AtomicI64,
    /// Whether the results stored before the store opened are counted.
    pub(super) is_counted: AtomicBool,
    /// The results stored for the first time since the store opened, until the older ones are counted. Their
    /// times say nothing about that: another server's clock may have been ahead.
    pub(super) fresh: Mutex<Fresh>,
    /// When they were counted last, and how many bases had been lent by then. `None` if one was lent then.
    pub(super) counted: Mutex<(Timestamp, Option<u64>)>,
    pub(super) leases: Arc<Leases>,
    /// Whether this process has only one base of the store, on lease: then it deletes no old results. Set
    /// once a request came that only the owner of the store can do.
    pub(super) unfit: Option<watch::Sender<bool>>,
    /// Whether a background task is deleting old results.
    pub(super) is_tidying: AtomicBool,
    /// Held while old results are deleted, so that only one task does so at a time.
    pub(super) tidying: tokio::sync::Mutex<()>,
}

/// The times and hashes of the ids of some results.
pub(super) type Fresh = HashSet<(Timestamp, u128)>;

/// The claim of a running request with a request id: no other request with this id runs until it is dropped.
pub struct Claim {
    /// The hash of its idempotency key.
    pub(super) id: u128,
    cause: Cause,
    pub(super) fingerprint: u128,
    pub(super) keeps_failures: bool,
    /// What an earlier run stored before it was interrupted.
    pub(super) begun: Option<StoredResult>,
    /// Keys of an earlier result that is void: this request deletes or replaces them.
    pub(super) stale: Stale,
    found: Found,
    _turn: Turn,
}

/// What was stored of a request when its claim was taken.
struct Found {
    first: Option<Value>,
    /// How many bases had come back by then.
    returns: u64,
}

/// The keys of a void result, and the bytes that it takes.
#[derive(Default)]
pub(super) struct Stale {
    pub(super) keys: Vec<Key>,
    pub(super) bytes: i64,
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
        f.debug_struct("Claim").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Idempotency {
    /// The bytes that stored results take, and the most that they may take. Until those that were stored
    /// before the store opened are counted, they are left out.
    #[must_use]
    pub fn status(&self) -> (u64, u64) {
        let stored = self.stored_bytes.load(Ordering::Relaxed);
        (u64::try_from(stored).unwrap_or(0), self.limits.bytes)
    }

    /// The requests with a request id of the store in `engine`, or only those of one base that this process has
    /// on lease (`is_lent`).
    pub fn new(
        leases: Arc<Leases>,
        (engine, is_lent): (Arc<dyn Engine>, bool),
        hashes: Hashes,
        limits: IdempotencyLimits,
    ) -> Arc<Self> {
        Arc::new(Self {
            engine,
            hashes,
            limits,
            running: Arc::default(),
            stored_bytes: AtomicI64::new(0),
            // What the owner of the store counts, others need not count.
            is_counted: AtomicBool::new(is_lent),
            fresh: Mutex::default(),
            counted: Mutex::new((Timestamp::from_micros(0), None)),
            leases,
            unfit: is_lent.then(|| watch::Sender::new(false)),
            is_tidying: AtomicBool::new(false),
            tidying: tokio::sync::Mutex::default(),
        })
    }

    /// Takes the claim of a request and looks for its stored result. A request id is private to the holder of
    /// the token `scope`; without a token, all callers without a token share their ids. Returns a refusal if
    /// the id was used for another request.
    pub async fn begin(
        self: &Arc<Self>,
        identity: &RequestIdentity,
        scope: Option<TokenId>,
        now: Timestamp,
        if_running: IfRunning,
    ) -> Result<Begun, TableError> {
        self.relieve(now);
        let id = self.hashes.request(scope, &identity.key);
        let turn = match if_running {
            IfRunning::Wait => self.running.wait(id).await,
            IfRunning::Refuse => self.running.take(id).map_err(|_| TableError::RequestRunning)?,
        };
        let cause = match &identity.key {
            IdempotencyKey::Given(_) => Cause::Request(id),
            IdempotencyKey::Chunk(import, _) => Cause::Import(import.0),
        };
        let returns = self.leases.returns();
        let (first, stored) = match self.stored(id).await? {
            Some((first, stored, bytes)) => (Some(first), Some((stored, bytes))),
            None => (None, None),
        };
        let claim = |begun, stale| {
            let (fingerprint, keeps_failures) = (identity.fingerprint, identity.keeps_failures);
            let found = Found { first, returns };
            let claim = Claim { id, cause, fingerprint, keeps_failures, begun, stale, found, _turn: turn };
            Begun::New(Arc::new(claim))
        };
        let Some((stored, bytes)) = stored else { return Ok(claim(None, Stale::default())) };
        if self.is_too_old(stored.at, now) {
            self.check_young(stored.at, now)?;
            return Ok(claim(None, Stale { keys: keys_of(id, &stored), bytes }));
        }
        if stored.fingerprint != identity.fingerprint {
            let description = match identity.key {
                IdempotencyKey::Given(_) => "was used for another request",
                IdempotencyKey::Chunk(..) => {
                    "was used in this import for other rows, options or another memberbase"
                }
            };
            return Err(Refusal::field(Reason::RequestIdReused, identity.key.field(), description).into());
        }
        match stored.result {
            _ if stored.result.is_complete() => Ok(Begun::Done(stored)),
            // An older version began it, under keys of the old width: all of it is stored again under today's
            // keys.
            RequestResult::Rows { .. } if stored.width == PartWidth::Narrow => {
                self.check_young(stored.at, now)?;
                let stale = Stale { keys: keys_of(id, &stored), bytes };
                Ok(claim(Some(stored), stale))
            }
            _ => {
                self.check_young(stored.at, now)?;
                Ok(claim(Some(stored), Stale::default()))
            }
        }
    }

    /// Whether nothing else was stored of a request since its claim was taken. While the base was lent, another
    /// process may have done it. The caller holds the base, so that it is not lent again.
    pub async fn is_as_found(&self, claim: &Claim) -> Result<bool, TableError> {
        let Found { first, returns } = &claim.found;
        Ok(*returns == self.leases.returns() || *first == self.first(claim.id).await?)
    }

    /// Refuses to write over an old result, if this process has only one base on lease: the owner of the store
    /// may be deleting it.
    fn check_young(&self, at: Timestamp, now: Timestamp) -> Result<(), TableError> {
        let is_young = now.micros().saturating_sub(at.micros()) < LENT_MICROS;
        if is_young || self.unfit.is_none() {
            return Ok(());
        }
        self.note_unfit();
        let text = "only the owner of the store can replace an old result of a request";
        Err(EngineError::NotOwner(text.to_owned()).into())
    }

    /// A request came that only the owner of the store can do.
    pub fn note_unfit(&self) {
        if let Some(unfit) = &self.unfit {
            unfit.send_replace(true);
        }
    }

    /// Waits for a request that only the owner of the store can do, if this process has one base on lease.
    pub async fn until_unfit(&self) {
        match &self.unfit {
            // The sender is here, so it does not end.
            Some(unfit) => drop(unfit.subscribe().wait_for(|unfit| *unfit).await),
            None => std::future::pending().await,
        }
    }

    /// Notes, before it is stored, that a result is counted when it is stored.
    pub(super) fn note_fresh(&self, at: Timestamp, id: u128) {
        if !self.is_counted.load(Ordering::Acquire) {
            self.fresh().insert((at, id));
        }
    }

    pub(super) fn fresh(&self) -> MutexGuard<'_, Fresh> {
        // Nobody panics while holding it.
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_too_old(&self, at: Timestamp, now: Timestamp) -> bool {
        at.micros().saturating_add(self.limits.retention_micros) <= now.micros()
    }

    /// The first part of the stored result of this request id.
    async fn first(&self, id: u128) -> Result<Option<Value>, TableError> {
        let firsts = [PartWidth::Wide, PartWidth::Narrow].map(|width| request_of(width, id, 0));
        Ok(self.engine.get_many(&firsts).await?.into_iter().flatten().next())
    }

    /// The stored result of this request id: its first part, all of it, and the bytes that it takes.
    async fn stored(&self, id: u128) -> Result<Option<(Value, StoredResult, i64)>, TableError> {
        let Some(first) = self.first(id).await? else { return Ok(None) };
        let mut stored = StoredResult::decode(&first)?;
        let mut bytes = Vec::new();
        let keys: Vec<Key> = (1..=stored.parts).map(|part| request_of(stored.width, id, part)).collect();
        for keys in keys.chunks(PARTS_TOGETHER) {
            for part in self.engine.get_many(keys).await? {
                let lost = || TableError::Damaged("a part of a stored result is missing".to_owned());
                bytes.extend_from_slice(&part.ok_or_else(lost)?);
            }
        }
        stored.join(&bytes)?;
        let taken = weight(first.len() + bytes.len(), stored.parts);
        Ok(Some((first, stored, taken)))
    }
}

/// The engine keys of a stored result.
fn keys_of(id: u128, stored: &StoredResult) -> Vec<Key> {
    let parts = (0..=stored.parts).map(|part| request_of(stored.width, id, part));
    parts.chain([request_time(stored.at, id)]).collect()
}
