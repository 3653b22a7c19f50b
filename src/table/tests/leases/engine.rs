//! One store in memory with the handle of its owner, which lends, and those of the tenants.
//!
//! A batch that is not its handle's to write is refused and counted, so that a test can say that there was
//! none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::engine::memory::MemoryEngine;
use crate::engine::{
    Append, Batch, Direction, Engine, EngineError, EngineStatus, Grant, Key, KeyRange, Value,
};
use crate::table::lease_of;

/// Who has a lease.
#[derive(Clone, Copy, PartialEq)]
enum Holder {
    Granted(Grant),
    Open(u64),
    GivenBack,
}

/// The store that the handles share.
pub(super) struct Lending {
    store: Arc<MemoryEngine>,
    holders: Mutex<BTreeMap<u32, Holder>>,
    next: AtomicU64,
    changed: watch::Sender<()>,
    /// Batches that were not their handle's to write.
    refused: AtomicU64,
    /// The tables of the keys without a lease that tenants wrote.
    strange: Mutex<BTreeSet<u8>>,
}

impl Lending {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            store: Arc::new(MemoryEngine::new()),
            holders: Mutex::default(),
            next: AtomicU64::new(1),
            changed: watch::Sender::new(()),
            refused: AtomicU64::new(0),
            strange: Mutex::default(),
        })
    }

    /// What is stored, for whoever only looks.
    pub(super) fn store(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.store) as Arc<dyn Engine>
    }

    pub(super) fn owner(self: &Arc<Self>) -> Arc<dyn Engine> {
        Arc::new(Handle { shared: Arc::clone(self), lease: None })
    }

    /// The handle of whoever has the grant.
    pub(super) fn tenant(self: &Arc<Self>, lease: u32, grant: Grant) -> Result<Arc<dyn Engine>, EngineError> {
        let mut holders = self.holders();
        if holders.get(&lease) != Some(&Holder::Granted(grant)) {
            return Err(EngineError::NotOwner("the grant is not good any more".to_owned()));
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        holders.insert(lease, Holder::Open(id));
        Ok(Arc::new(Handle { shared: Arc::clone(self), lease: Some((lease, id)) }))
    }

    /// Whoever has the lease dies.
    pub(super) fn kill(&self, lease: u32) {
        self.holders().insert(lease, Holder::GivenBack);
        self.changed.send_replace(());
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn strange(&self) -> Vec<u8> {
        self.strange.lock().unwrap().iter().copied().collect()
    }

    fn holders(&self) -> MutexGuard<'_, BTreeMap<u32, Holder>> {
        self.holders.lock().unwrap()
    }
}

/// A handle: the owner's, or that of the tenant with this number on this lease.
struct Handle {
    shared: Arc<Lending>,
    lease: Option<(u32, u64)>,
}

impl Handle {
    fn check(&self) -> Result<(), EngineError> {
        let Some((lease, id)) = self.lease else { return Ok(()) };
        let is_held = self.shared.holders().get(&lease) == Some(&Holder::Open(id));
        if is_held { Ok(()) } else { Err(EngineError::NotOwner("the lease is over".to_owned())) }
    }

    fn may_write(&self, key: &[u8]) -> bool {
        match (self.lease, lease_of(key)) {
            (None, None) => true,
            (None, Some(of)) => !self.shared.holders().contains_key(&of),
            (Some(_), None) => {
                self.shared.strange.lock().unwrap().extend(key.first());
                true
            }
            (Some((lease, _)), Some(of)) => lease == of,
        }
    }
}

#[async_trait]
impl Engine for Handle {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError> {
        self.check()?;
        self.shared.store.get_many(keys).await
    }

    async fn scan(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, EngineError> {
        self.check()?;
        self.shared.store.scan(range, direction, limit).await
    }

    fn append(&self, batch: Batch) -> Append {
        let mut keys =
            batch.puts.iter().map(|(key, _)| key.as_slice()).chain(batch.deletes.iter().map(Vec::as_slice));
        let mine = keys.all(|key| self.may_write(key));
        if let Err(error) = self.check() {
            return Box::pin(std::future::ready(Err(error)));
        }
        if !mine {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
            let error = EngineError::NotOwner("a key of the batch is lent".to_owned());
            return Box::pin(std::future::ready(Err(error)));
        }
        self.shared.store.append(batch)
    }

    fn status(&self) -> EngineStatus {
        self.shared.store.status()
    }

    fn is_lent(&self, lease: u32) -> bool {
        self.lease.is_none() && self.shared.holders().contains_key(&lease)
    }

    fn lent(&self) -> Vec<u32> {
        if self.lease.is_some() {
            return Vec::new();
        }
        self.shared.holders().keys().copied().collect()
    }

    async fn lend(&self, lease: u32) -> Result<Grant, EngineError> {
        let grant = Grant(u128::from(self.shared.next.fetch_add(1, Ordering::Relaxed)).to_be_bytes());
        let before = self.shared.holders().insert(lease, Holder::Granted(grant));
        assert!(before.is_none(), "it was lent already");
        Ok(grant)
    }

    async fn take_back(&self, lease: u32) -> Result<(), EngineError> {
        let mut changed = self.shared.changed.subscribe();
        loop {
            {
                let mut holders = self.shared.holders();
                if !matches!(holders.get(&lease), Some(Holder::Open(_))) {
                    holders.remove(&lease);
                    return Ok(());
                }
            }
            changed.changed().await.unwrap();
        }
    }

    async fn close(&self) -> Result<(), EngineError> {
        if let Some((lease, id)) = self.lease {
            let mut holders = self.shared.holders();
            if holders.get(&lease) == Some(&Holder::Open(id)) {
                holders.insert(lease, Holder::GivenBack);
            }
            drop(holders);
            self.shared.changed.send_replace(());
        }
        Ok(())
    }
}
