//! Batches that have a number and have not reached the store beneath: what checks are decided against, and where reads
//! look first.
//!
//! Plain data, no lock and no I/O: each engine puts it behind a lock of its own. Invariants:
//!
//! - Numbers are contiguous, and batches leave from the front only ([`Pending::forget`]) or, when they failed, from the
//!   back ([`Pending::abandon_from`]).
//! - A batch is published by one flag, so it shows whole or not at all to whoever holds the lock.
//! - The *ready* prefix is published without a gap: that, and nothing else, may go to the store beneath, in order.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::merge::Overlay;
use super::{Batch, Direction, KeyRange, Value};

/// One write of a batch: the key and its new value, `None` removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Op {
    pub(super) key: Bytes,
    pub(super) value: Option<Value>,
}

/// The writes of a batch, shared between pending, the log and the applier.
pub(super) type Ops = Arc<[Op]>;

/// The writes of `batch`, without copying its keys and values.
pub(super) fn ops_of(batch: Batch) -> Ops {
    let puts = batch.puts.into_iter().map(|(key, value)| Op { key: key.into(), value: Some(value) });
    let deletes = batch.deletes.into_iter().map(|key| Op { key: key.into(), value: None });
    puts.chain(deletes).collect()
}

/// Bytes that a batch costs in memory beside its keys and values, per write: map nodes, reference counts, versions.
const OP_OVERHEAD_BYTES: usize = 200;

#[derive(Debug)]
struct Numbered {
    ops: Ops,
    bytes: usize,
    published: bool,
}

#[derive(Debug)]
struct Version {
    number: u64,
    value: Option<Value>,
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Pending {
    /// The number of `batches[0]`, or the next number if there is none.
    first: u64,
    batches: VecDeque<Numbered>,
    /// Every version of a key that a batch here writes, by ascending number; never empty.
    keys: BTreeMap<Bytes, VecDeque<Version>>,
    bytes: usize,
    /// How many batches at the front are ready.
    ready: usize,
    ready_bytes: usize,
}

impl Pending {
    /// Nothing is pending, and the next batch gets number `next`.
    pub(super) fn new(next: u64) -> Self {
        let (batches, keys) = (VecDeque::new(), BTreeMap::new());
        Self { first: next, batches, keys, bytes: 0, ready: 0, ready_bytes: 0 }
    }

    /// The number that the next batch gets.
    pub(super) fn next(&self) -> u64 {
        self.first.saturating_add(u64::try_from(self.batches.len()).unwrap_or(u64::MAX))
    }

    /// Bytes held in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the ready prefix: what only the store beneath can make smaller.
    pub(super) fn ready_bytes(&self) -> usize {
        self.ready_bytes
    }

    /// Gives the batch the next number.
    pub(super) fn push(&mut self, ops: Ops) -> u64 {
        let number = self.next();
        let mut bytes = 0;
        for op in ops.iter() {
            bytes += op.key.len() + op.value.as_ref().map_or(0, Bytes::len) + OP_OVERHEAD_BYTES;
            let version = Version { number, value: op.value.clone() };
            self.keys.entry(op.key.clone()).or_default().push_back(version);
        }
        self.bytes += bytes;
        self.batches.push_back(Numbered { ops, bytes, published: false });
        number
    }

    /// Shows batch `number` to reads. `true` if the ready prefix grew. Publishing again, or what is gone, does nothing.
    pub(super) fn publish(&mut self, number: u64) -> bool {
        let Some(batch) = self.index(number).and_then(|i| self.batches.get_mut(i)) else { return false };
        batch.published = true;
        self.advance()
    }

    /// Publishes every batch up to `last`, as closing does for batches that are durable and still in callers' hands.
    pub(super) fn publish_through(&mut self, last: u64) {
        (self.first..=last).zip(&mut self.batches).for_each(|(_, batch)| batch.published = true);
        self.advance();
    }

    fn advance(&mut self) -> bool {
        let before = self.ready;
        while let Some(batch) = self.batches.get(self.ready).filter(|b| b.published) {
            self.ready_bytes += batch.bytes;
            self.ready += 1;
        }
        self.ready > before
    }

    /// The front of the ready prefix, up to about `max_bytes` but at least one batch, with the number of its last batch.
    pub(super) fn ready(&self, max_bytes: usize) -> Option<(u64, Vec<Ops>)> {
        let mut group = Vec::new();
        let mut bytes = 0;
        let mut last = self.first;
        for (number, batch) in (self.first..).zip(self.batches.iter().take(self.ready)) {
            if !group.is_empty() && bytes + batch.bytes > max_bytes {
                break;
            }
            bytes += batch.bytes;
            last = number;
            group.push(Arc::clone(&batch.ops));
        }
        (!group.is_empty()).then_some((last, group))
    }

    /// Drops the ready batches up to `last`, which the store beneath has now.
    pub(super) fn forget(&mut self, last: u64) {
        while self.ready > 0 && self.first <= last {
            let Some(batch) = self.batches.pop_front() else { return };
            self.drop_versions(&batch.ops, |number| number <= last);
            self.bytes -= batch.bytes;
            self.ready_bytes -= batch.bytes;
            self.ready -= 1;
            self.first += 1;
        }
    }

    /// Drops batch `number` and everything after it: they failed, and their numbers are given again.
    pub(super) fn abandon_from(&mut self, number: u64) {
        while self.next() > number {
            let Some(batch) = self.batches.pop_back() else { return };
            self.drop_versions(&batch.ops, |n| n >= number);
            self.bytes -= batch.bytes;
        }
    }

    fn drop_versions(&mut self, ops: &Ops, gone: impl Fn(u64) -> bool) {
        for op in ops.iter() {
            if let Some(versions) = self.keys.get_mut(&op.key) {
                versions.retain(|v| !gone(v.number));
                if versions.is_empty() {
                    self.keys.remove(&op.key);
                }
            }
        }
    }

    /// The newest value, published or not: `None` if no batch here writes the key, `Some(None)` if it is removed.
    pub(super) fn newest(&self, key: &[u8]) -> Option<Option<Value>> {
        self.keys.get(key)?.back().map(|v| v.value.clone())
    }

    /// The newest published value, told like [`Pending::newest`].
    pub(super) fn published(&self, key: &[u8]) -> Option<Option<Value>> {
        self.shown(self.keys.get(key)?).map(|v| v.value.clone())
    }

    /// The published writes in `range`, at most `limit` of them.
    pub(super) fn overlay(&self, range: &KeyRange, direction: Direction, limit: usize) -> Overlay {
        let bounds = (as_slice(&range.start), as_slice(&range.end));
        let found = self.keys.range::<[u8], _>(bounds);
        let shown = found.filter_map(|(k, vs)| self.shown(vs).map(|v| (k.clone(), v.value.clone())));
        let mut writes: Vec<_> = match direction {
            Direction::Forward => shown.take(limit.saturating_add(1)).collect(),
            Direction::Backward => shown.rev().take(limit.saturating_add(1)).collect(),
        };
        let more = writes.len() > limit;
        writes.truncate(limit);
        Overlay { writes, more }
    }

    fn shown<'a>(&self, versions: &'a VecDeque<Version>) -> Option<&'a Version> {
        versions.iter().rev().find(|v| {
            let batch = self.index(v.number).and_then(|i| self.batches.get(i));
            batch.is_some_and(|b| b.published)
        })
    }

    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}
