//! The table of one store: its meta record and its bases.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::base::Parts;
use super::bases::Stored;
use super::budget::Budget;
use super::hash::Hashes;
use super::idempotency::{Idempotency, IdempotencyLimits};
use super::in_flight::RoomOfAll;
use super::life::Lives;
use super::member_cache::MemberCache;
use super::naming::Naming;
use super::nonce::Nonces;
use super::refold;
use super::sharing::Sharing;
use super::tokens::Tokens;
use super::{Clock, TableError};
use crate::engine::backup::{Backup, Held};
use crate::engine::{Batch, Engine, EngineError, EngineStatus, Value};
use crate::model::{BaseNumber, CursorKey, Fold, IdKey, Sealer, Timestamp};
use crate::stored::key;
use crate::stored::meta::{self, Meta, REFOLDING};

/// Thirty days, in microseconds.
const THIRTY_DAYS: i64 = 30 * 24 * 60 * 60 * 1_000_000;

/// Seven days, in microseconds.
const SEVEN_DAYS: i64 = 7 * 24 * 60 * 60 * 1_000_000;

/// Settings of a table.
#[derive(Debug, Clone)]
pub struct TableConfig {
    /// Bytes that requests may hold in memory, all bases together.
    pub budget_bytes: usize,
    /// Bytes for what is read by key: the images of lookups, and in the rest members that were asked for.
    pub read_bytes: usize,
    /// Overlay entries of a base (about three per changed member) at which a checkpoint starts.
    pub checkpoint_entries: usize,
    /// How long commits stay in the commit log, in microseconds.
    pub commit_retention_micros: i64,
    /// How long a deleted base can be brought back, in microseconds.
    pub grace_micros: i64,
    /// How much is kept of requests that name themselves.
    pub idempotency: IdempotencyLimits,
    /// What the random ids of batches begin with: another number each time that a store is opened.
    pub seed: u64,
}

impl Default for TableConfig {
    fn default() -> Self {
        Self {
            budget_bytes: 256 * 1024 * 1024,
            read_bytes: 64 * 1024 * 1024,
            checkpoint_entries: 600_000,
            commit_retention_micros: THIRTY_DAYS,
            grace_micros: THIRTY_DAYS,
            idempotency: IdempotencyLimits { retention_micros: SEVEN_DAYS, bytes: 1024 * 1024 * 1024 },
            seed: 0,
        }
    }
}

/// The bases of one store.
pub struct Table {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) clock: Clock,
    pub(super) config: TableConfig,
    sealer: Sealer,
    cursor_key: CursorKey,
    tokens: Arc<Tokens>,
    pub(super) parts: Parts,
    pub(super) bases: Arc<Lives<Stored>>,
    /// What requests may hold before they are rows: as much as they may hold afterwards.
    arriving: Arc<Budget>,
    /// What large replies may hold: half as much.
    replies: Arc<Budget>,
    /// Whether the last round of housekeeping left something undone.
    pub(super) is_untidy: AtomicBool,
    /// Damaged bases of which the log has said so.
    pub(super) told_damaged: Mutex<BTreeSet<BaseNumber>>,
}

impl Table {
    /// Opens the store in `engine`, or makes one.
    pub async fn open(
        engine: Arc<dyn Engine>,
        clock: Clock,
        config: TableConfig,
    ) -> Result<Arc<Self>, TableError> {
        let meta = match engine.get_many(&[key::meta()]).await?.pop().flatten() {
            Some(bytes) => {
                let meta = raise_format(&engine, bytes).await?;
                refold::take_up(refold::Pieces::default(), &engine, meta).await?
            }
            None => make_meta(&engine).await?,
        };
        let hashes = Hashes::new(&meta);
        let idempotency = Idempotency::new(Arc::clone(&engine), hashes.clone(), config.idempotency, clock());
        let tokens = Tokens::load(Arc::clone(&engine), Arc::clone(&idempotency)).await?;
        let parts = Parts {
            engine: Arc::clone(&engine),
            hashes,
            idempotency,
            nonces: Arc::new(Nonces::new(config.seed)),
            clock: Arc::clone(&clock),
            budget: Budget::new(config.budget_bytes),
            member_cache: MemberCache::new(config.read_bytes),
            sharing: Sharing::load(&engine).await?,
            in_flight: RoomOfAll::new(),
            naming: Naming::default(),
            checkpoint_entries: config.checkpoint_entries,
        };
        let arriving = Budget::new(config.budget_bytes);
        let replies = Budget::new(config.budget_bytes / 2);
        Ok(Arc::new(Self {
            engine,
            clock,
            config,
            sealer: Sealer::new(IdKey(meta.id_key)),
            cursor_key: CursorKey(meta.cursor_key),
            tokens,
            bases: Lives::new(Stored(parts.clone())),
            parts,
            arriving,
            replies,
            is_untidy: AtomicBool::new(false),
            told_damaged: Mutex::default(),
        }))
    }

    /// Seals and opens the ids of this store.
    #[must_use]
    pub fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// The rule by which the e-mail addresses of this store are compared.
    #[must_use]
    pub fn fold(&self) -> Fold {
        self.parts.hashes.fold()
    }

    /// Authenticates the cursors of this store.
    #[must_use]
    pub fn cursor_key(&self) -> &CursorKey {
        &self.cursor_key
    }

    /// Who may call.
    #[must_use]
    pub fn tokens(&self) -> &Arc<Tokens> {
        &self.tokens
    }

    /// The requests that name themselves.
    #[must_use]
    pub fn idempotency(&self) -> &Arc<Idempotency> {
        &self.parts.idempotency
    }

    /// The time as of the clock that was passed in.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// What the engine reports about itself.
    #[must_use]
    pub fn engine_status(&self) -> EngineStatus {
        self.engine.status()
    }

    /// Everything that is durable now, less what `held` says that its receiver has.
    pub async fn backup(&self, held: Held) -> Result<Backup, TableError> {
        Ok(self.engine.backup(held).await?)
    }

    /// The memory for requests that are not rows yet.
    #[must_use]
    pub fn arriving(&self) -> Arc<Budget> {
        Arc::clone(&self.arriving)
    }

    /// The memory for replies that are not taken yet.
    #[must_use]
    pub fn replies(&self) -> Arc<Budget> {
        Arc::clone(&self.replies)
    }

    /// Whether the last round of housekeeping left something undone; the log says what.
    #[must_use]
    pub fn is_untidy(&self) -> bool {
        self.is_untidy.load(Ordering::Relaxed)
    }

    /// Bytes that requests hold in memory now.
    #[must_use]
    pub fn budget_used(&self) -> usize {
        self.parts.budget.used()
    }

    /// Finishes what was handed in, writes the last checkpoints and closes the engine.
    pub async fn close(&self) -> Result<(), TableError> {
        let mut result = self.bases.end().await;
        result = result.and(self.tokens.store_uses().await);
        let closed = self.engine.close().await;
        result.and(closed.map_err(TableError::from))
    }
}

pub(super) fn open_meta(bytes: &[u8]) -> Result<Meta, TableError> {
    let found = Meta::format(bytes)?;
    if found > meta::FORMAT {
        return Err(TableError::NewerFormat { found, supported: meta::FORMAT });
    }
    let meta = Meta::decode(bytes)?;
    if meta.fold_version != REFOLDING && Fold::from_version(meta.fold_version).is_none() {
        return Err(newer_fold(meta.fold_version));
    }
    Ok(meta)
}

pub(super) fn newer_fold(found: u32) -> TableError {
    TableError::NewerFormat { found, supported: Fold::NEWEST.version() }
}

/// The meta record of a store, whose format is raised to that of this program. Nobody else has the store open, so nobody goes on
/// to write by the older rules.
async fn raise_format(engine: &Arc<dyn Engine>, stored: Value) -> Result<Meta, TableError> {
    let meta = open_meta(&stored)?;
    if meta.format == meta::FORMAT {
        return Ok(meta);
    }
    let (from, raised) = (meta.format, meta.raised());
    let mut batch = Batch::default();
    batch.checks.push((key::meta(), Some(stored)));
    batch.put(key::meta(), raised.encode());
    engine.commit(batch).await?;
    tracing::info!(
        from,
        to = meta::FORMAT,
        "the store's format was raised; older versions of this program refuse it now"
    );
    Ok(raised)
}

async fn make_meta(engine: &Arc<dyn Engine>) -> Result<Meta, TableError> {
    let meta = Meta {
        format: meta::FORMAT,
        write_format: meta::FORMAT,
        fold_version: Fold::NEWEST.version(),
        id_key: random()?,
        cursor_key: random()?,
        hash_key: random()?,
        fingerprint_key: random()?,
    };
    let mut batch = Batch::default();
    batch.checks.push((key::meta(), None));
    batch.put(key::meta(), meta.encode());
    engine.commit(batch).await?;
    Ok(meta)
}

pub(super) fn random() -> Result<[u8; 16], TableError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| EngineError::Io(format!("no random numbers: {error}")))?;
    Ok(bytes)
}
