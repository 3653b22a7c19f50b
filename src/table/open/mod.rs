//! An open base, as its lane, its publisher, its checkpoints and its views share it.
//!
//! - The view lock is that of [`OpenBase::published`]: whoever holds it shared sees one revision.
//! - Nothing here starts a task or knows one. [`crate::table::base`] starts those that work on an open base.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Mutex, Notify, RwLock, watch};

use crate::engine::Engine;
use crate::model::BaseNumber;
use crate::table::idempotency::Idempotency;
use crate::table::index::hash::Hashes;
use crate::table::index::published::Published;
use crate::table::shared::budget::Budget;
use crate::table::shared::clock::Clock;
use crate::table::shared::member_cache::MemberCache;
use crate::table::shared::naming::Naming;
use crate::table::shared::nonce::Nonces;
use crate::table::shared::room::RoomOfAll;
use crate::table::shared::sharing::Sharing;

/// What the lane, the publisher, the checkpoints and the views of a base share.
pub struct OpenBase {
    pub number: BaseNumber,
    pub engine: Arc<dyn Engine>,
    pub hashes: Hashes,
    pub clock: Clock,
    pub budget: Arc<Budget>,
    pub member_cache: Arc<MemberCache>,
    pub sharing: Arc<Sharing>,
    /// What batches of all bases may have in flight.
    pub in_flight: RoomOfAll,
    pub naming: Naming,
    pub idempotency: Arc<Idempotency>,
    /// The random ids of batches.
    pub nonces: Arc<Nonces>,
    /// The state that reads see; the lock is the view lock.
    pub published: RwLock<Published>,
    /// The revision of `published`, for the lane, which needs no lock to know it.
    pub published_revision: AtomicU64,
    /// Entries of the overlays that wait for a checkpoint, so that the lane need not wait for the view lock to know.
    pub overlay_entries: AtomicUsize,
    /// A batch failed, and the lane has not yet started afresh.
    pub failed: AtomicBool,
    /// Overlay entries at which a checkpoint starts.
    pub checkpoint_entries: usize,
    /// Rung when a checkpoint is due.
    pub checkpoint_due: Notify,
    /// Counts checkpoints that ended, well or not.
    pub checkpoints: watch::Sender<u64>,
    /// Only one checkpoint runs at a time.
    pub checkpointing: Mutex<()>,
    /// Only one request is planned at a time of which nothing is written.
    pub validating: Mutex<()>,
}

/// What a store gives each of its bases.
#[derive(Clone)]
pub struct Parts {
    pub engine: Arc<dyn Engine>,
    pub hashes: Hashes,
    pub clock: Clock,
    pub budget: Arc<Budget>,
    pub member_cache: Arc<MemberCache>,
    pub sharing: Arc<Sharing>,
    /// What batches of all bases may have in flight.
    pub in_flight: RoomOfAll,
    pub naming: Naming,
    pub idempotency: Arc<Idempotency>,
    pub nonces: Arc<Nonces>,
    pub checkpoint_entries: usize,
}

impl OpenBase {
    /// Notes that everything up to `revision` is published.
    pub fn advance(&self, revision: u64) {
        self.published_revision.store(revision, Ordering::Release);
    }

    /// Entries of the overlays that wait for a checkpoint.
    pub fn overlay_entries(&self) -> usize {
        self.overlay_entries.load(Ordering::Acquire)
    }

    /// Notes how many those are now. Whoever changes the overlays of what is published says so before he gives it back.
    pub fn note_overlay_entries(&self, published: &Published) {
        self.overlay_entries.store(published.overlay_entries(), Ordering::Release);
    }
}
