//! The table of one store: its meta record and its bases.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use tokio::sync::Mutex;

use super::base::{Base, Parts};
use super::budget::Budget;
use super::hash::Hashes;
use super::nonce::Nonces;
use super::records::Records;
use super::refold;
use super::requests::{NamedRequest, RequestLimits, Requests};
use super::sets::SetField;
use super::sharing::Sharing;
use super::tokens::Tokens;
use super::{Clock, TableError};
use crate::engine::backup::{Backup, Held};
use crate::engine::{Batch, Direction, Engine, EngineError, EngineStatus, Value};
use crate::model::schema::AttributeSchema;
use crate::model::{BaseNumber, BaseSettings, CursorKey, Fold, IdKey, Sealer, StatusCounts, Timestamp};
use crate::schema::header::Header;
use crate::schema::index::IndexState;
use crate::schema::key;
use crate::schema::meta::{self, Meta, REFOLDING};
use crate::schema::request::Answer;

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
    pub requests: RequestLimits,
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
            requests: RequestLimits { retention_micros: SEVEN_DAYS, bytes: 1024 * 1024 * 1024 },
            seed: 0,
        }
    }
}

/// A base without its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseSummary {
    /// Its number.
    pub number: BaseNumber,
    /// Name and rules.
    pub settings: BaseSettings,
    /// The attribute schema, once one was set.
    pub schema: Option<Arc<AttributeSchema>>,
    /// Exact numbers of members by status.
    pub counts: StatusCounts,
    /// The number of its last commit.
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its name or settings last changed.
    pub updated_at: Timestamp,
    /// When it was deleted, if it is.
    pub deleted_at: Option<Timestamp>,
    /// Fields whose sets were given up: filters on them check records.
    pub unindexed: Vec<String>,
}

impl BaseSummary {
    pub(super) fn new(
        number: BaseNumber,
        header: &Header,
        unindexed: impl Iterator<Item = SetField>,
    ) -> Self {
        Self {
            number,
            settings: header.settings.clone(),
            schema: header.schema.clone(),
            counts: header.counts,
            revision: header.revision,
            created_at: header.created_at,
            updated_at: header.updated_at,
            deleted_at: header.deleted_at,
            unindexed: unindexed.map(|field| field.name(header.schema.as_deref())).collect(),
        }
    }
}

/// A base's place among the open ones; holding the lock keeps it from being opened, closed or purged.
pub(super) type Slot = Arc<Mutex<Option<Arc<Base>>>>;

/// The bases of one store.
pub struct Table {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) clock: Clock,
    pub(super) config: TableConfig,
    sealer: Sealer,
    cursor_key: CursorKey,
    tokens: Arc<Tokens>,
    parts: Parts,
    /// What requests may hold before they are rows: as much as they may hold afterwards.
    arriving: Arc<Budget>,
    slots: std::sync::Mutex<HashMap<BaseNumber, Slot>>,
    /// Held while a base gets its number.
    creating: Mutex<()>,
}

impl Table {
    /// Opens the store in `engine`, or makes one.
    pub async fn open(
        engine: Arc<dyn Engine>,
        clock: Clock,
        config: TableConfig,
    ) -> Result<Arc<Self>, TableError> {
        let meta = match engine.get_many(&[key::meta()]).await?.pop().flatten() {
            Some(bytes) => refold::take_up(&engine, raise_format(&engine, bytes).await?).await?,
            None => make_meta(&engine).await?,
        };
        let hashes = Hashes::new(&meta);
        let requests = Requests::new(Arc::clone(&engine), hashes.clone(), config.requests, clock());
        let tokens = Tokens::load(Arc::clone(&engine), Arc::clone(&requests)).await?;
        let parts = Parts {
            engine: Arc::clone(&engine),
            hashes,
            requests,
            nonces: Arc::new(Nonces::new(config.seed)),
            clock: Arc::clone(&clock),
            budget: Budget::new(config.budget_bytes),
            records: Records::new(config.read_bytes),
            sharing: Sharing::load(&engine).await?,
            checkpoint_entries: config.checkpoint_entries,
        };
        let arriving = Budget::new(config.budget_bytes);
        Ok(Arc::new(Self {
            engine,
            clock,
            config,
            sealer: Sealer::new(IdKey(meta.id_key)),
            cursor_key: CursorKey(meta.cursor_key),
            tokens,
            parts,
            arriving,
            slots: std::sync::Mutex::default(),
            creating: Mutex::new(()),
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
    pub fn requests(&self) -> &Arc<Requests> {
        &self.parts.requests
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

    /// Bytes that requests hold in memory now.
    #[must_use]
    pub fn budget_used(&self) -> usize {
        self.parts.budget.used()
    }

    /// The bases that share accounts with `base`.
    #[must_use]
    pub fn sharing_with(&self, base: BaseNumber) -> Vec<BaseNumber> {
        self.parts.sharing.with(base)
    }

    /// Makes a base, for a request that may have a name; it is durable when this returns.
    pub async fn create_base(
        &self,
        settings: BaseSettings,
        named: Option<&NamedRequest>,
    ) -> Result<BaseSummary, TableError> {
        let _one_at_a_time = self.creating.lock().await;
        let before = self.engine.get_many(&[key::next_base()]).await?.pop().flatten();
        let next = before.as_deref().map(meta::decode_next_base).transpose()?.unwrap_or(1);
        let following =
            next.checked_add(1).ok_or_else(|| TableError::Damaged("base numbers are used up".to_owned()))?;
        let header = Header::new(settings, self.now(), self.parts.nonces.next());
        let number = BaseNumber(next);
        let mut batch = Batch::default();
        batch.checks.push((key::next_base(), before));
        batch.put(key::next_base(), meta::next_base(following));
        batch.put(key::header(number), header.encode_head());
        batch.put(key::settings(number), header.encode_settings());
        batch.put(key::index(number), IndexState::default().encode());
        let kept = named.map(|named| {
            self.requests().keep(named, header.created_at, None, Answer::Base(number), &mut batch)
        });
        self.engine.commit(batch).await?;
        self.requests().count_kept(kept.unwrap_or_default());
        self.parts.sharing.note(number, &header);
        Ok(BaseSummary::new(number, &header, std::iter::empty()))
    }

    /// The open base of a number; the first use opens it. One that is deleted but not purged opens too.
    pub async fn base(&self, number: BaseNumber) -> Result<Arc<Base>, TableError> {
        let slot = self.slot(number);
        let mut place = slot.lock().await;
        if let Some(base) = &*place {
            base.used_at(self.now());
            return Ok(Arc::clone(base));
        }
        match Base::open(number, self.parts.clone()).await {
            Ok(base) => {
                base.used_at(self.now());
                *place = Some(Arc::clone(&base));
                Ok(base)
            }
            Err(error) => {
                self.slots().remove(&number);
                Err(error)
            }
        }
    }

    /// Up to `limit` bases after (or, `backward`, before) `after`, in order of creation, deleted ones included.
    pub async fn list_bases(
        &self,
        after: Option<BaseNumber>,
        backward: bool,
        limit: usize,
    ) -> Result<Vec<BaseSummary>, TableError> {
        let mut range = key::headers();
        let mut direction = Direction::Forward;
        if backward {
            direction = Direction::Backward;
            range.end = after.map_or(range.end, |after| Bound::Excluded(key::header(after)));
        } else {
            range.start = after.map_or(range.start, |after| Bound::Excluded(key::header(after)));
        }
        let headers = self.engine.scan(range, direction, limit).await?;
        let numbers: Vec<BaseNumber> = headers.iter().filter_map(|(key, _)| key::header_base(key)).collect();
        let indexes = numbers.iter().map(|number| key::index(*number));
        let keys: Vec<_> = indexes.chain(numbers.iter().map(|number| key::settings(*number))).collect();
        let mut states = self.engine.get_many(&keys).await?;
        let settings = states.split_off(numbers.len());
        let mut bases = Vec::with_capacity(numbers.len());
        for (((number, (_, head)), state), settings) in
            numbers.into_iter().zip(headers).zip(states).zip(settings)
        {
            let state = state.map(|bytes| IndexState::decode(&bytes)).transpose()?.unwrap_or_default();
            let unindexed = state.unindexed.into_iter().filter_map(SetField::from_number);
            // One that was purged since its head was read is gone as a whole.
            let is_gone = settings.is_none() && self.engine.get_many(&[key::header(number)]).await? == [None];
            if is_gone {
                continue;
            }
            let header = Header::decode(&head, settings.as_deref())?;
            bases.push(BaseSummary::new(number, &header, unindexed));
        }
        Ok(bases)
    }

    /// Finishes what was handed in, writes the last checkpoints and closes the engine.
    pub async fn close(&self) -> Result<(), TableError> {
        let slots: Vec<Slot> = self.slots().values().cloned().collect();
        let mut result = Ok(());
        for slot in slots {
            if let Some(base) = slot.lock().await.take() {
                result = result.and(base.close().await);
            }
        }
        result = result.and(self.tokens.store_uses().await);
        let closed = self.engine.close().await;
        result.and(closed.map_err(TableError::from))
    }

    pub(super) fn slot(&self, number: BaseNumber) -> Slot {
        Arc::clone(self.slots().entry(number).or_default())
    }

    /// The numbers of the bases that are (or are about to be) open.
    pub(super) fn open_numbers(&self) -> Vec<BaseNumber> {
        self.slots().keys().copied().collect()
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<BaseNumber, Slot>> {
        // Nothing panics while it holds this lock, and the map is whole between any two statements.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
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
