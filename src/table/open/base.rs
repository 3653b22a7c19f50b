//! The state of one open base.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Mutex, Notify, RwLock, watch};

use crate::engine::{Engine, EngineError};
use crate::model::{BaseNumber, Row, Sealer, Timestamp};
use crate::stored::header::Header;
use crate::table::TableError;
use crate::table::idempotency::Idempotency;
use crate::table::index::hash::Hashes;
use crate::table::index::published::Published;
use crate::table::shared::budget::Budget;
use crate::table::shared::clock::{Clock, LatestWrite};
use crate::table::shared::leases::Leases;
use crate::table::shared::member_cache::MemberCache;
use crate::table::shared::metrics::TableMetrics;
use crate::table::shared::naming::Naming;
use crate::table::shared::nonce::Nonces;
use crate::table::shared::room::RoomOfAll;
use crate::table::shared::sharing::Sharing;

/// The state that the lane, the publisher, the checkpoints and the views of a base share.
pub struct OpenBase {
    pub number: BaseNumber,
    pub parts: Parts,
    /// The state that reads see. Its lock is the view lock.
    pub published: RwLock<Published>,
    /// The revision of `published`, so that the lane can read it without the view lock.
    pub published_revision: AtomicU64,
    /// The number of overlay entries that wait for a checkpoint, so that the lane can read it without the
    /// view lock.
    overlay_entries: AtomicUsize,
    /// While audiences are built: the members of rows below this one are evaluated.
    pub audience_row: AtomicU64,
    /// Whether a batch failed and the lane has not yet started again from the published state.
    pub failed: AtomicBool,
    /// Whether most rows that were written last created members.
    is_filling: AtomicBool,
    /// Notified when a checkpoint is due.
    pub checkpoint_due: Notify,
    /// Counts the checkpoints that ended, successful or not.
    pub checkpoints: watch::Sender<u64>,
    /// Held while a checkpoint runs, so that only one runs at a time.
    pub checkpointing: Mutex<()>,
    /// Held while a VALIDATE_ONLY request is planned beside the lane, so that only one is at a time.
    pub validating: Mutex<()>,
    /// Held from before a deleted member is sought until it is back, so that a row that is found empty stays
    /// empty meanwhile.
    pub undeleting: Arc<Mutex<()>>,
}

/// What all bases of a store share. Each open base has a copy.
#[derive(Clone)]
pub struct Parts {
    pub engine: Arc<dyn Engine>,
    pub hashes: Hashes,
    pub clock: Clock,
    /// The time of the latest write of the store.
    pub latest: Arc<LatestWrite>,
    pub budget: Arc<Budget>,
    pub member_cache: Arc<MemberCache>,
    pub metrics: TableMetrics,
    pub sharing: Arc<Sharing>,
    /// The room for batches in flight of all bases.
    pub in_flight: RoomOfAll,
    pub naming: Naming,
    pub idempotency: Arc<Idempotency>,
    pub leases: Arc<Leases>,
    /// The only base that this process may open, if it has one on lease.
    pub only: Option<BaseNumber>,
    /// The source of the random ids of batches.
    pub nonces: Arc<Nonces>,
    /// The number of overlay entries of a base at which a checkpoint starts.
    pub checkpoint_entries: usize,
    /// The average number of entries in a bucket of a lookup that growth aims at.
    pub bucket_entries: u64,
    /// How many changes a merge of the levels of a lookup holds in memory, about.
    pub merged_at_once: u64,
    /// Opens ids in the filters of audiences.
    pub sealer: Sealer,
    /// How new filters of audiences are evaluated, and new indexes of attributes are built.
    pub audience_build: AudienceBuild,
    /// Whether new members are evaluated for audiences before the lane.
    pub early_audiences: bool,
    /// How long a deleted member can come back, in microseconds.
    pub undelete_micros: i64,
    /// How much of the commit log one search for deleted members reads, in bytes. A part of a commit counts
    /// at least [`UNDELETE_PART_MIN_BYTES`](crate::model::limits::UNDELETE_PART_MIN_BYTES).
    pub undelete_log_bytes: u64,
    /// The most bytes that one revert keeps in memory of the members that it takes changes back of.
    pub revert_bytes: usize,
}

/// How the filters of new and changed audiences are evaluated for the members that there are, and how new
/// indexes of attributes are built from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudienceBuild {
    /// In a base with at most this many members the request that brings the filter or the index does it.
    pub at_once: u64,
    /// In a larger one the lane does this many blocks of 16 members between two batches.
    pub blocks: usize,
    /// After so many rows a checkpoint stores what is built.
    pub stored_rows: u64,
}

impl Default for AudienceBuild {
    fn default() -> Self {
        Self { at_once: 4_000, blocks: 256, stored_rows: 1 << 20 }
    }
}

impl Parts {
    /// Refuses what only the owner of the store may do, if this process has just one base on lease.
    pub fn check_owner(&self) -> Result<(), TableError> {
        self.check_lease(None)
    }

    /// Refuses another base than the one that this process has on lease, if it has one.
    pub fn check_base(&self, number: BaseNumber) -> Result<(), TableError> {
        self.check_lease(Some(number))
    }

    fn check_lease(&self, number: Option<BaseNumber>) -> Result<(), TableError> {
        if self.only.is_none() || self.only == number {
            return Ok(());
        }
        // Once it is given back, the call gets through.
        self.idempotency.note_unfit();
        let text = "it has only one memberbase on lease here, and this call needs more";
        Err(EngineError::NotOwner(text.to_owned()).into())
    }
}

impl OpenBase {
    /// A base that opens with `published`, its stored state.
    pub fn new(number: BaseNumber, parts: Parts, published: Published) -> Self {
        Self {
            number,
            parts,
            published_revision: AtomicU64::new(published.header.revision),
            overlay_entries: AtomicUsize::new(published.overlay_entries()),
            audience_row: AtomicU64::new(published.build.below().0),
            published: RwLock::new(published),
            failed: AtomicBool::new(false),
            is_filling: AtomicBool::new(false),
            checkpoint_due: Notify::new(),
            checkpoints: watch::Sender::new(0),
            checkpointing: Mutex::new(()),
            validating: Mutex::new(()),
            undeleting: Arc::default(),
        }
    }

    /// The time, which is never before the last write, even if the clock went back. `header` is of this base.
    pub fn now(&self, header: &Header) -> Timestamp {
        (self.parts.clock)().max(header.committed_at)
    }

    /// Notes that new filters are evaluated for the members of lower rows.
    pub fn note_built(&self, below: Row) {
        self.audience_row.store(below.0, Ordering::Relaxed);
    }

    /// Whether most rows that were written last created members, as in a first load.
    pub fn is_filling(&self) -> bool {
        self.is_filling.load(Ordering::Relaxed) && self.parts.early_audiences
    }

    /// Notes that so many of some rows created members.
    pub fn note_created(&self, created: usize, of: usize) {
        self.is_filling.store(created.saturating_mul(2) > of, Ordering::Relaxed);
    }

    /// Notes that everything up to `revision` is published.
    pub fn advance(&self, revision: u64) {
        self.published_revision.store(revision, Ordering::Release);
    }

    /// The number of overlay entries that wait for a checkpoint.
    pub fn overlay_entries(&self) -> usize {
        self.overlay_entries.load(Ordering::Acquire)
    }

    /// Updates that number. Call it after a change of the published overlays, before releasing the view lock.
    pub fn note_overlay_entries(&self, published: &Published) {
        self.overlay_entries.store(published.overlay_entries(), Ordering::Release);
    }
}
