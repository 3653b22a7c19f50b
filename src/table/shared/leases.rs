//! The bases that the engine lends to other servers, as far as this process knows.
//!
//! - The engine decides who may write a base. What is here only makes things quick and orderly: who waits for
//!   a base, what must not be lent just now, and what may be outdated since a base was away.
//! - A base that is lent is taken back before it is opened, one caller at a time for each base. So what one
//!   caller finds out about a lease is not about a later lease of the same base.
//! - What changes for all bases at once takes all of them back, and none is lent before it is stored
//!   ([`Leases::all_here`]).
//! - A base is not lent while housekeeping works on its keys ([`Leases::keep`]).

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock, watch};
use tokio::time::timeout;

use crate::engine::{Engine, Grant};
use crate::model::BaseNumber;
use crate::table::TableError;

/// How long a lease waits for a change of all bases before it is refused.
const BEGINS_WITHIN: Duration = Duration::from_secs(1);

/// See the module documentation.
pub struct Leases {
    engine: Arc<dyn Engine>,
    /// Held shared while a lease begins, and exclusively while all bases are here.
    beginning: Arc<RwLock<()>>,
    /// How often a base was lent, and how often one came back.
    lends: AtomicU64,
    returns: AtomicU64,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The bases that this process has lent, each with whether it is wanted back.
    lent: BTreeMap<BaseNumber, watch::Sender<bool>>,
    /// The locks of those that are being taken back.
    returning: BTreeMap<BaseNumber, Arc<tokio::sync::Mutex<()>>>,
    /// The bases that must not be lent now.
    kept: BTreeSet<BaseNumber>,
}

/// A base that was lent.
#[derive(Debug)]
pub struct Lent {
    /// What opens it, once.
    pub grant: Grant,
    wanted: watch::Receiver<bool>,
}

impl Lent {
    /// Waits until the base is wanted back, or no longer lent.
    pub async fn until_wanted(&mut self) {
        // An error says that it came back, or that the store was closed.
        drop(self.wanted.wait_for(|wanted| *wanted).await);
    }
}

/// Keeps a base from being lent, until it is dropped.
pub struct Kept<'a> {
    leases: &'a Leases,
    number: BaseNumber,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.leases.known().kept.remove(&self.number);
    }
}

impl Leases {
    /// The leases of the store in `engine`.
    pub fn new(engine: Arc<dyn Engine>) -> Arc<Self> {
        // What an earlier process has lent counts once.
        let lends = AtomicU64::new(u64::from(!engine.lent().is_empty()));
        let beginning = Arc::new(RwLock::new(()));
        Arc::new(Self { engine, beginning, lends, returns: AtomicU64::new(0), known: Mutex::default() })
    }

    /// Whether a base is lent.
    pub fn is_lent(&self, number: BaseNumber) -> bool {
        self.engine.is_lent(number.0)
    }

    /// Whether any base is lent.
    pub fn any_lent(&self) -> bool {
        !self.engine.lent().is_empty()
    }

    /// How often a base was lent.
    pub fn lends(&self) -> u64 {
        self.lends.load(Ordering::Acquire)
    }

    /// How often a base came back since the store opened. What was read outside of a base before a return may
    /// be outdated.
    pub fn returns(&self) -> u64 {
        self.returns.load(Ordering::Acquire)
    }

    /// Takes a base back, if it is lent.
    pub async fn take_back(&self, number: BaseNumber) -> Result<(), TableError> {
        if !self.is_lent(number) {
            return Ok(());
        }
        self.want(number);
        let turn = Arc::clone(self.known().returning.entry(number).or_default());
        let returned = self.take_back_in_turn(number, &turn).await;
        let mut known = self.known();
        // Nobody else waits for a turn: one clone is in the map, and one here.
        if Arc::strong_count(&turn) == 2 {
            known.returning.remove(&number);
        }
        returned
    }

    async fn take_back_in_turn(
        &self,
        number: BaseNumber,
        turn: &tokio::sync::Mutex<()>,
    ) -> Result<(), TableError> {
        let _one_at_a_time = turn.lock().await;
        if self.is_lent(number) {
            // It may be another lease by now.
            self.want(number);
            self.engine.take_back(number.0).await?;
            self.returns.fetch_add(1, Ordering::AcqRel);
            self.known().lent.remove(&number);
        }
        Ok(())
    }

    /// Takes all bases back. None is lent before the guard is dropped.
    pub async fn all_here(&self) -> Result<OwnedRwLockWriteGuard<()>, TableError> {
        let guard = Arc::clone(&self.beginning).write_owned().await;
        let lent: Vec<BaseNumber> = self.engine.lent().into_iter().map(BaseNumber).collect();
        // Together, because each may have to wait until its holder is silent.
        try_join_all(lent.into_iter().map(|number| self.take_back(number))).await?;
        Ok(guard)
    }

    /// If no base is lent now: none is lent before the guard is dropped.
    pub fn if_all_here(&self) -> Option<OwnedRwLockWriteGuard<()>> {
        Arc::clone(&self.beginning).try_write_owned().ok().filter(|_| !self.any_lent())
    }

    /// Takes back the bases for which nobody waits any more who could tell their holders that they are wanted.
    pub async fn take_back_forgotten(&self) -> Result<(), TableError> {
        for number in self.engine.lent().into_iter().map(BaseNumber) {
            let is_watched = self.known().lent.get(&number).is_some_and(|wanted| wanted.receiver_count() > 0);
            if !is_watched {
                self.take_back(number).await?;
            }
        }
        Ok(())
    }

    /// Keeps a base here; `None` if it is lent, or is kept already.
    pub fn keep(&self, number: BaseNumber) -> Option<Kept<'_>> {
        let mut known = self.known();
        if self.is_lent(number) || !known.kept.insert(number) {
            return None;
        }
        Some(Kept { leases: self, number })
    }

    /// Lends a base that is closed here, if `may_be_lent` says so then. `None` if not, or if it is kept, or if
    /// something is changed for all bases.
    pub async fn lend(
        &self,
        number: BaseNumber,
        may_be_lent: impl Future<Output = Result<bool, TableError>>,
    ) -> Result<Option<Lent>, TableError> {
        let beginning = timeout(BEGINS_WITHIN, self.beginning.read()).await;
        let (Ok(_beginning), Some(_kept)) = (beginning, self.keep(number)) else { return Ok(None) };
        if !may_be_lent.await? {
            return Ok(None);
        }
        self.lends.fetch_add(1, Ordering::AcqRel);
        let (wanted, receiver) = watch::channel(false);
        // Before it is lent, so that nobody wants it in vain.
        self.known().lent.insert(number, wanted);
        match self.engine.lend(number.0).await {
            Ok(grant) => Ok(Some(Lent { grant, wanted: receiver })),
            Err(error) => {
                // It may be lent all the same; then its next use takes it back.
                self.known().lent.remove(&number);
                Err(error.into())
            }
        }
    }

    /// Tells the holder of a base that it is wanted.
    fn want(&self, number: BaseNumber) {
        if let Some(wanted) = self.known().lent.get(&number) {
            wanted.send_replace(true);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while it holds this lock.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
