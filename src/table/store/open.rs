//! The table of one store: its metadata and its bases.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::engine::backup::{Backup, Held};
use crate::engine::{Engine, EngineStatus};
use crate::model::limits::{REVERT_MAX_BYTES, UNDELETE_LOG_MAX_BYTES};
use crate::model::{BaseNumber, CursorKey, Fold, IdKey, Sealer, Timestamp};

use crate::stored::meta::Meta;
use crate::table::base::life::Lives;
use crate::table::base::stored::StoredBases;
use crate::table::idempotency::{Idempotency, IdempotencyLimits};
use crate::table::index::hash::Hashes;
use crate::table::jobs::{JobLimits, Jobs};
use crate::table::open::{AudienceBuild, Parts};
use crate::table::shared::budget::Budget;
use crate::table::shared::clock::LatestWrite;
use crate::table::shared::leases::Leases;
use crate::table::shared::member_cache::MemberCache;
use crate::table::shared::meta;
use crate::table::shared::metrics::{RowEnd, TableMetrics};
use crate::table::shared::naming::Naming;
use crate::table::shared::nonce::Nonces;
use crate::table::shared::room::RoomOfAll;
use crate::table::shared::sharing::Sharing;
use crate::table::store::ahead::PlansAhead;
use crate::table::tokens::Tokens;
use crate::table::{Clock, TableError};

/// Thirty days, in microseconds.
const THIRTY_DAYS: i64 = 30 * 24 * 60 * 60 * 1_000_000;

/// Seven days, in microseconds.
const SEVEN_DAYS: i64 = 7 * 24 * 60 * 60 * 1_000_000;

/// Settings of a table.
#[derive(Debug, Clone)]
pub struct TableConfig {
    /// Bytes that requests may hold in memory, all bases together.
    pub budget_bytes: usize,
    /// Bytes for reads by key: for the images of lookups, and the rest for the member cache.
    pub read_bytes: usize,
    /// Overlay entries of a base at which a checkpoint starts: about three per changed member. One also
    /// starts when the moves between search sets take as much memory.
    pub checkpoint_entries: usize,
    /// The average number of entries in a bucket of a lookup that growth aims at. A bucket is written whole
    /// when one of its entries changes, and a checkpoint of a large base changes nearly all of them: so the
    /// work for each bucket matters more than its length, unless the engine pays for long values.
    pub bucket_entries: u64,
    /// How many changes of a lookup a checkpoint that merges its levels holds in memory, about: 32 bytes each.
    pub merged_at_once: u64,
    /// How long commits remain in the commit log, in microseconds.
    pub commit_retention_micros: i64,
    /// How long a deleted base, or a deleted member, can be restored, in microseconds.
    pub grace_micros: i64,
    /// How much of the commit log one search for deleted members reads, in bytes.
    pub undelete_log_bytes: u64,
    /// The most bytes that one revert keeps in memory of the members that it takes changes back of.
    pub revert_bytes: usize,
    /// Limits on the stored results of requests with a request id.
    pub idempotency: IdempotencyLimits,
    /// Limits on durable jobs.
    pub jobs: JobLimits,
    /// How the filters of new and changed audiences are evaluated.
    pub audience_build: AudienceBuild,
    /// Whether new members are evaluated for audiences before the lane; measurements switch it off.
    pub early_audiences: bool,
    /// The handles that count what its bases do.
    pub metrics: TableMetrics,
    /// The seed of the random ids of batches: a different number each time that a store is opened.
    pub seed: u64,
}

/// How long a store that is closed waits for bases that are lent.
const TAKE_BACK_WITHIN: Duration = Duration::from_secs(2);

impl TableConfig {
    /// How long a deleted member can come back, in microseconds. It comes from the commit log, so not longer
    /// than that is kept.
    fn undelete_micros(&self) -> i64 {
        self.grace_micros.min(self.commit_retention_micros)
    }
}

impl Default for TableConfig {
    fn default() -> Self {
        Self {
            budget_bytes: 256 * 1024 * 1024,
            read_bytes: 64 * 1024 * 1024,
            checkpoint_entries: 1_000_000,
            bucket_entries: 40,
            merged_at_once: 1 << 20,
            commit_retention_micros: THIRTY_DAYS,
            grace_micros: THIRTY_DAYS,
            undelete_log_bytes: UNDELETE_LOG_MAX_BYTES,
            revert_bytes: REVERT_MAX_BYTES,
            idempotency: IdempotencyLimits { retention_micros: SEVEN_DAYS, bytes: 1024 * 1024 * 1024 },
            jobs: JobLimits::default(),
            audience_build: AudienceBuild::default(),
            early_audiences: true,
            metrics: TableMetrics::default(),
            seed: 0,
        }
    }
}

/// What the parts of a table have in common.
struct Common {
    engine: Arc<dyn Engine>,
    hashes: Hashes,
    idempotency: Arc<Idempotency>,
    leases: Arc<Leases>,
    latest: Arc<LatestWrite>,
    only: Option<BaseNumber>,
}

impl Common {
    fn of(engine: Arc<dyn Engine>, meta: &Meta, config: &TableConfig, only: Option<BaseNumber>) -> Self {
        let (hashes, leases) = (Hashes::new(meta), Leases::new(Arc::clone(&engine)));
        let of_store = (Arc::clone(&engine), only.is_some());
        let idempotency = Idempotency::new(Arc::clone(&leases), of_store, hashes.clone(), config.idempotency);
        Self { engine, hashes, idempotency, leases, latest: Arc::default(), only }
    }

    async fn tokens(&self) -> Result<Arc<Tokens>, TableError> {
        let (engine, idempotency) = (Arc::clone(&self.engine), Arc::clone(&self.idempotency));
        Tokens::load(engine, idempotency, Arc::clone(&self.leases), Arc::clone(&self.latest)).await
    }
}

/// The bases of one store.
pub struct Table {
    pub(in crate::table) config: TableConfig,
    sealer: Sealer,
    cursor_key: CursorKey,
    tokens: Arc<Tokens>,
    jobs: Arc<Jobs>,
    ahead: Arc<PlansAhead>,
    pub(in crate::table) parts: Parts,
    pub(in crate::table) bases: Arc<Lives<StoredBases>>,
    /// Memory for requests that are not parsed into rows yet: as much as for rows.
    arriving: Arc<Budget>,
    /// Memory for large replies: half as much.
    replies: Arc<Budget>,
    /// Whether the last round of housekeeping left something undone.
    pub(in crate::table) is_untidy: AtomicBool,
    /// Damaged bases that were logged already.
    pub(in crate::table) logged_damaged: Mutex<BTreeSet<BaseNumber>>,
}

impl Table {
    /// Opens the store in `engine`, or creates one there.
    pub async fn open(
        engine: Arc<dyn Engine>,
        clock: Clock,
        config: TableConfig,
    ) -> Result<Arc<Self>, TableError> {
        let meta = meta::open(&engine).await?;
        let common = Common::of(engine, &meta, &config, None);
        let tokens = common.tokens().await?;
        let (jobs_engine, jobs_claims) = (Arc::clone(&common.engine), Arc::clone(&common.idempotency));
        let jobs = Jobs::load(jobs_engine, jobs_claims, Arc::clone(&clock), config.jobs).await?;
        let sharing = Sharing::load(&common.engine, &common.latest).await?;
        Ok(Self::assemble(common, clock, config, &meta, (tokens, jobs, sharing)))
    }

    /// Opens the one base of the store in `engine` that this process has on lease: the engine was opened with
    /// its grant. Only this base can be opened, and nothing outside of it is written, except the results of
    /// requests.
    pub async fn open_leased(
        engine: Arc<dyn Engine>,
        clock: Clock,
        config: TableConfig,
        number: BaseNumber,
    ) -> Result<Arc<Self>, TableError> {
        let meta = meta::open_lent(&engine).await?;
        let common = Common::of(engine, &meta, &config, Some(number));
        let tokens = common.tokens().await?;
        let (jobs_engine, jobs_claims) = (Arc::clone(&common.engine), Arc::clone(&common.idempotency));
        let jobs = Jobs::none(jobs_engine, jobs_claims, Arc::clone(&clock), config.jobs);
        // A base that shares accounts is not lent, so this serves only to know the latest write of the store.
        let sharing = Sharing::load(&common.engine, &common.latest).await?;
        let table = Self::assemble(common, clock, config, &meta, (tokens, jobs, sharing));
        drop(table.base(number).await?);
        Ok(table)
    }

    fn assemble(
        common: Common,
        clock: Clock,
        config: TableConfig,
        meta: &Meta,
        (tokens, jobs, sharing): (Arc<Tokens>, Arc<Jobs>, Arc<Sharing>),
    ) -> Arc<Self> {
        let Common { engine, hashes, idempotency, leases, latest, only } = common;
        let parts = Parts {
            sharing,
            engine,
            hashes,
            idempotency,
            leases,
            only,
            nonces: Arc::new(Nonces::new(config.seed)),
            clock,
            latest,
            budget: Budget::new(config.budget_bytes),
            member_cache: MemberCache::new(config.read_bytes),
            metrics: config.metrics.clone(),
            in_flight: RoomOfAll::new(),
            naming: Naming::default(),
            sealer: Sealer::new(IdKey(meta.id_key)),
            audience_build: config.audience_build,
            early_audiences: config.early_audiences,
            checkpoint_entries: config.checkpoint_entries,
            bucket_entries: config.bucket_entries,
            merged_at_once: config.merged_at_once,
            undelete_micros: config.undelete_micros(),
            undelete_log_bytes: config.undelete_log_bytes,
            revert_bytes: config.revert_bytes,
        };
        let arriving = Budget::new(config.budget_bytes);
        let replies = Budget::new(config.budget_bytes / 2);
        Arc::new(Self {
            config,
            sealer: Sealer::new(IdKey(meta.id_key)),
            cursor_key: CursorKey(meta.cursor_key),
            tokens,
            jobs,
            ahead: Arc::default(),
            bases: Lives::new(StoredBases(parts.clone())),
            parts,
            arriving,
            replies,
            is_untidy: AtomicBool::new(false),
            logged_damaged: Mutex::default(),
        })
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

    /// The tokens of this store.
    #[must_use]
    pub fn tokens(&self) -> &Arc<Tokens> {
        &self.tokens
    }

    /// The durable jobs of this store.
    #[must_use]
    pub fn jobs(&self) -> &Arc<Jobs> {
        &self.jobs
    }

    /// The plans of lists that are made while the lists arrive.
    #[must_use]
    pub fn plans_ahead(&self) -> &Arc<PlansAhead> {
        &self.ahead
    }

    /// The claims and stored results of requests with a request id.
    #[must_use]
    pub fn idempotency(&self) -> &Arc<Idempotency> {
        &self.parts.idempotency
    }

    /// The time by the clock that was passed in.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.parts.clock)()
    }

    /// The time by which tokens expire: never before the latest write that the store knows, so that a token
    /// that had expired then stays expired when the clock is behind.
    #[must_use]
    pub fn token_time(&self) -> Timestamp {
        self.parts.latest.or_later(self.now())
    }

    /// What the engine reports about itself.
    #[must_use]
    pub fn engine_status(&self) -> EngineStatus {
        self.parts.engine.status()
    }

    /// The rows that were counted since the store opened, by what happened with them.
    #[must_use]
    pub fn row_counts(&self) -> Vec<(RowEnd, u64)> {
        self.parts.metrics.rows().collect()
    }

    /// A backup of everything that is durable now, without what the receiver already has (`held`).
    pub async fn backup(&self, held: Held) -> Result<Backup, TableError> {
        Ok(self.parts.engine.backup(held).await?)
    }

    /// The memory for requests that are not parsed into rows yet.
    #[must_use]
    pub fn arriving(&self) -> Arc<Budget> {
        Arc::clone(&self.arriving)
    }

    /// The memory for replies that their peers have not received yet.
    #[must_use]
    pub fn replies(&self) -> Arc<Budget> {
        Arc::clone(&self.replies)
    }

    /// Whether the last round of housekeeping left something undone; the log says what.
    #[must_use]
    pub fn is_untidy(&self) -> bool {
        self.is_untidy.load(Ordering::Relaxed)
    }

    /// Finishes queued requests, writes the last checkpoints and closes the engine.
    pub async fn close(&self) -> Result<(), TableError> {
        let mut result = self.bases.end().await;
        // As a courtesy: a store in which nothing is lent is open to earlier programs too.
        drop(tokio::time::timeout(TAKE_BACK_WITHIN, self.parts.leases.all_here()).await);
        if self.parts.only.is_none() {
            result = result.and(self.tokens.store_uses().await);
        }
        let closed = self.parts.engine.close().await;
        result.and(closed.map_err(TableError::from))
    }
}
