//! The engine without a disk: the reference for other engines, and the store of tests and demonstrations.
//!
//! It keeps the whole contract except that nothing outlives the process: a batch is "durable" once it is
//! numbered.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;

use super::lock::lock;
use super::pending::{Pending, ops_of};
use super::{
    Append, Batch, Direction, Durable, Engine, EngineError, EngineStatus, Key, KeyRange, Value, merge,
};

/// See the module documentation.
#[derive(Debug, Clone)]
pub struct MemoryEngine {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    values: BTreeMap<Bytes, Value>,
    pending: Pending,
    closed: bool,
}

impl MemoryEngine {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        let state = State { values: BTreeMap::new(), pending: Pending::new(1), closed: false };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn open_state(&self) -> Result<MutexGuard<'_, State>, EngineError> {
        let state = lock(&self.state);
        if state.closed { Err(EngineError::Closed) } else { Ok(state) }
    }

    fn number(&self, batch: Batch) -> Result<Durable, EngineError> {
        batch.check_limits()?;
        let mut state = self.open_state()?;
        if !batch.checks.iter().all(|(key, expected)| state.newest(key) == *expected) {
            return Err(EngineError::Conflict);
        }
        let number = state.pending.push(ops_of(batch));
        let shared = Arc::clone(&self.state);
        Ok(Durable::new(number, move || lock(&shared).publish(number)))
    }
}

impl Default for MemoryEngine {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Engine for MemoryEngine {
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, EngineError> {
        let state = self.open_state()?;
        Ok(keys.iter().map(|key| state.published(key)).collect())
    }

    async fn scan(
        &self,
        range: KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, EngineError> {
        let state = self.open_state()?;
        merge::scan(
            range,
            direction,
            limit,
            |range, most| state.pending.overlay(range, direction, most),
            |range| state.below(range, direction),
        )
    }

    fn append(&self, batch: Batch) -> Append {
        Box::pin(std::future::ready(self.number(batch)))
    }

    fn status(&self) -> EngineStatus {
        let state = lock(&self.state);
        let durable = state.pending.next().saturating_sub(1);
        EngineStatus { durable, pending_bytes: state.pending.bytes(), ..EngineStatus::default() }
    }

    async fn close(&self) -> Result<(), EngineError> {
        lock(&self.state).closed = true;
        Ok(())
    }
}

impl State {
    fn newest(&self, key: &[u8]) -> Option<Value> {
        self.pending.newest(key).unwrap_or_else(|| self.values.get(key).cloned())
    }

    fn published(&self, key: &[u8]) -> Option<Value> {
        self.pending.published(key).unwrap_or_else(|| self.values.get(key).cloned())
    }

    fn publish(&mut self, number: u64) {
        self.pending.publish(number);
        while let Some((last, group)) = self.pending.ready(0) {
            for op in group.iter().flat_map(|ops| ops.iter()) {
                match &op.value {
                    Some(value) => self.values.insert(op.key.clone(), value.clone()),
                    None => self.values.remove(&op.key),
                };
            }
            self.pending.forget(last);
        }
    }

    fn below(&self, range: &KeyRange, direction: Direction) -> merge::Below<'_> {
        let bounds: (Bound<&[u8]>, Bound<&[u8]>) =
            (range.start.as_ref().map(Vec::as_slice), range.end.as_ref().map(Vec::as_slice));
        let found = self.values.range::<[u8], _>(bounds).map(|(k, v)| Ok((k.to_vec(), v.clone())));
        match direction {
            Direction::Forward => Box::new(found),
            Direction::Backward => Box::new(found.rev()),
        }
    }
}
