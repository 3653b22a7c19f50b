//! Pending batches: numbered, and not yet in the store beneath. Checks are decided against them, and reads
//! look here first.
//!
//! Plain data without a lock and without I/O; each engine puts it behind its own lock. Invariants:
//!
//! - Numbers are contiguous. Batches leave from the front ([`Pending::forget`]) or, when they failed, from
//!   the back ([`Pending::abandon_from`]).
//! - One flag publishes a batch, so a reader that holds the lock sees all of it or none of it.
//! - The *ready* prefix consists of published batches without a gap. Only this prefix goes to the store
//!   beneath, in order.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::merge::Overlay;
use super::{Batch, Direction, KeyRange, Value};

/// One write of a batch: the key and its new value; `None` removes the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) key: Bytes,
    pub(crate) value: Option<Value>,
    /// Whether the key is known to have a value already, for those that would look otherwise.
    pub(crate) is_known: bool,
}

impl Op {
    /// The bytes of key and value.
    pub(crate) fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// The bytes of the keys and values of `ops`.
pub(crate) fn bytes_of(ops: &[Op]) -> usize {
    ops.iter().map(Op::bytes).sum()
}

/// The memory that the writes of `batch` take while they are pending, in bytes.
pub(crate) fn pending_bytes(batch: &Batch) -> usize {
    batch.bytes() + (batch.puts.len() + batch.deletes.len()) * OP_OVERHEAD_BYTES
}

/// The writes of a batch, shared between the pending batches, the log and the applier.
pub(crate) type Ops = Arc<[Op]>;

/// The writes of `batch`. Keys and values are moved, not copied.
pub(crate) fn ops_of(batch: Batch) -> Ops {
    let mut changed = batch.differences.iter().map(|(index, _)| *index).peekable();
    let puts = batch.puts.into_iter().enumerate().map(|(index, (key, value))| {
        let is_known = changed.next_if_eq(&index).is_some();
        Op { key: key.into(), value: Some(value), is_known }
    });
    let deletes = batch.deletes.into_iter().map(|key| Op { key: key.into(), value: None, is_known: false });
    puts.chain(deletes).collect()
}

/// The memory that each write costs beside its key and value, in bytes: map nodes, reference counts,
/// versions.
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

/// Most keys have one.
type Versions = SmallVec<[Version; 1]>;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The number of `batches[0]`, or the next number if `batches` is empty.
    first: u64,
    batches: VecDeque<Numbered>,
    /// Every pending version of each key, by ascending number; none is without any.
    keys: BTreeMap<Bytes, Versions>,
    bytes: usize,
    /// The number of ready batches.
    ready: usize,
    ready_bytes: usize,
}

impl Pending {
    /// No pending batches; the next batch gets number `next`.
    pub(crate) fn new(next: u64) -> Self {
        let (batches, keys) = (VecDeque::new(), BTreeMap::new());
        Self { first: next, batches, keys, bytes: 0, ready: 0, ready_bytes: 0 }
    }

    /// The number that the next batch gets.
    pub(crate) fn next(&self) -> u64 {
        self.first.saturating_add(u64::try_from(self.batches.len()).unwrap_or(u64::MAX))
    }

    /// The last batch that has left: the store beneath has it and every batch before it.
    pub(crate) fn passed(&self) -> u64 {
        self.first.saturating_sub(1)
    }

    /// Bytes held in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the ready prefix, which shrinks only when the store beneath takes batches.
    pub(crate) fn ready_bytes(&self) -> usize {
        self.ready_bytes
    }

    /// Gives the batch the next number.
    pub(crate) fn push(&mut self, ops: Ops) -> u64 {
        let number = self.next();
        let mut bytes = 0;
        for op in ops.iter() {
            bytes += op.bytes() + OP_OVERHEAD_BYTES;
            let version = Version { number, value: op.value.clone() };
            self.keys.entry(op.key.clone()).or_default().push(version);
        }
        self.bytes += bytes;
        self.batches.push_back(Numbered { ops, bytes, published: false });
        number
    }

    /// Makes batch `number` visible to reads. Returns whether the ready prefix grew. Publishing a batch
    /// again, or one that has left, does nothing.
    pub(crate) fn publish(&mut self, number: u64) -> bool {
        let Some(batch) = self.index(number).and_then(|i| self.batches.get_mut(i)) else { return false };
        batch.published = true;
        self.advance()
    }

    /// Publishes every batch up to `last`. Closing does this for durable batches that callers still hold.
    pub(crate) fn publish_through(&mut self, last: u64) {
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

    /// The front of the ready prefix and the number of its last batch: at most `max_bytes`, but at least one
    /// batch.
    pub(crate) fn ready(&self, max_bytes: usize) -> Option<(u64, Vec<Ops>)> {
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

    /// Drops the ready batches up to `last`, because the store beneath now has them.
    pub(crate) fn forget(&mut self, last: u64) {
        while self.ready > 0 && self.first <= last {
            let Some(batch) = self.batches.pop_front() else { return };
            self.drop_versions(&batch.ops, |number| number <= last);
            self.bytes -= batch.bytes;
            self.ready_bytes -= batch.bytes;
            self.ready -= 1;
            self.first += 1;
        }
    }

    /// Drops batch `number` and every later one: they failed, and later batches reuse their numbers.
    pub(crate) fn abandon_from(&mut self, number: u64) {
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

    /// The newest value, published or not: `None` if no pending batch writes the key, `Some(None)` if the
    /// newest one removes it.
    pub(crate) fn newest(&self, key: &[u8]) -> Option<Option<Value>> {
        self.keys.get(key)?.last().map(|v| v.value.clone())
    }

    /// The newest value of the batches before `number`, in the form of [`Pending::newest`].
    pub(crate) fn before(&self, key: &[u8], number: u64) -> Option<Option<Value>> {
        self.keys.get(key)?.iter().rev().find(|v| v.number < number).map(|v| v.value.clone())
    }

    /// The newest published value, in the form of [`Pending::newest`].
    pub(crate) fn published(&self, key: &[u8]) -> Option<Option<Value>> {
        self.shown(self.keys.get(key)?).map(|v| v.value.clone())
    }

    /// At most `limit` published writes in `range`.
    pub(crate) fn overlay(&self, range: &KeyRange, direction: Direction, limit: usize) -> Overlay {
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

    fn shown<'a>(&self, versions: &'a Versions) -> Option<&'a Version> {
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
