//! Batches between their number and their publication, what lies beneath them, and what memory has of the
//! tables.
//!
//! A batch is in the tables before it is published, so the tables alone would show too much. The backlog
//! knows, for every key that such a batch writes, the value beneath: it was read before the batch got its
//! number. So a reader asks the tables first and the backlog *afterwards*: what the backlog knows wins. In
//! this order no batch slips through: one that the tables showed was either still here, or published
//! meanwhile. What is remembered of the tables comes between: it is as new as they are, or newer than what
//! was read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Mutex;

use bytes::Bytes;

use super::keys::Keys;
use super::remembered::Remembered;
use crate::engine::lock::lock;
use crate::engine::pending::{Ops, Pending, bytes_of};
use crate::engine::{EngineError, Key, Value};

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Backlog(Mutex<State>);

#[derive(Debug)]
struct State {
    pending: Pending,
    /// The value beneath every key of a pending batch.
    beneath: BTreeMap<Bytes, Option<Value>>,
    beneath_bytes: usize,
    /// Values that the tables have, for keys that no pending batch writes.
    remembered: Remembered,
    keys: Keys,
    /// Counts the times that something was taken back: what was read before may be old.
    taken_back: u64,
    durable: u64,
    /// Why no batch gets a number any more.
    refusing: Option<EngineError>,
}

/// Values of the tables, for keys that no pending batch writes. One that cannot be read fails nothing but
/// what asks for its key.
pub(super) type Read = BTreeMap<Bytes, Result<Option<Value>, EngineError>>;

/// What memory knows of some keys, all at one moment. `None` is not known, `Some(None)` is no value.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) values: Vec<Option<Option<Value>>>,
    /// That moment, for [`Backlog::keep`].
    pub(super) at: Moment,
}

/// When a statement was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// The number of the next batch then.
    next: u64,
    taken_back: u64,
}

/// What was read for batches that get a number.
#[derive(Debug, Clone, Default)]
pub(super) struct Beneath {
    pub(super) values: Read,
    taken_back: u64,
}

/// What became of a batch that asked for a number.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Numbered {
    /// It has this number.
    As(u64),
    /// Values of some of its keys are not known.
    Unread,
    /// It gets none.
    Refused(EngineError),
}

impl Backlog {
    /// Nothing is pending; the tables have every batch up to `last`. At most `room` bytes of them are
    /// remembered.
    pub(super) fn new(last: u64, room: usize, keys: Keys) -> Self {
        Self(Mutex::new(State {
            pending: Pending::new(last.saturating_add(1)),
            beneath: BTreeMap::new(),
            beneath_bytes: 0,
            remembered: Remembered::new(room),
            keys,
            taken_back: 0,
            durable: last,
            refusing: None,
        }))
    }

    /// The keys among `keys` whose values only the tables know.
    pub(super) fn unknown<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) -> Vec<Key> {
        let state = lock(&self.0);
        let mut unknown: Vec<_> = keys.filter(|key| !state.knows(key)).map(<[u8]>::to_vec).collect();
        drop(state);
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }

    /// Decides the checks of a batch and numbers it. What it writes becomes part of `beneath`: by the next
    /// batch it may have left the backlog, and then what was read before is old.
    pub(super) fn number(
        &self,
        checks: &[(Key, Option<Value>)],
        ops: &Ops,
        beneath: &mut Beneath,
    ) -> Numbered {
        let mut state = lock(&self.0);
        let keys = checks.iter().map(|(key, _)| key.as_slice()).chain(ops.iter().map(|op| op.key.as_ref()));
        let refused = || keys.into_iter().find_map(|key| state.keys.refused(key));
        if let Some(error) = state.refusing.clone().or_else(refused) {
            return Numbered::Refused(error);
        }
        if beneath.taken_back != state.taken_back {
            *beneath = Beneath { values: Read::new(), taken_back: state.taken_back };
        }
        let read = &mut beneath.values;
        let mut holds = true;
        for (key, expected) in checks {
            match state.newest(key, read) {
                None => return Numbered::Unread,
                Some(Err(error)) => return Numbered::Refused(error),
                Some(Ok(newest)) => holds &= newest == *expected,
            }
        }
        for op in ops.iter() {
            match state.newest(&op.key, read) {
                None => return Numbered::Unread,
                Some(Err(error)) => return Numbered::Refused(error),
                Some(Ok(_)) => {}
            }
        }
        if !holds {
            return Numbered::Refused(EngineError::Conflict);
        }
        for op in ops.iter() {
            if !state.beneath.contains_key(&op.key) {
                let value = state.newest(&op.key, read).and_then(Result::ok).flatten();
                state.set_beneath(op.key.clone(), value);
            }
            read.insert(op.key.clone(), Ok(op.value.clone()));
        }
        Numbered::As(state.pending.push(ops.clone()))
    }

    /// Nothing that was read so far.
    pub(super) fn beneath(&self) -> Beneath {
        Beneath { values: Read::new(), taken_back: lock(&self.0).taken_back }
    }

    /// The value of `key` when the tables have exactly the batches before `number`, one of which is pending.
    pub(super) fn before(&self, key: &[u8], number: u64) -> Option<Value> {
        let state = lock(&self.0);
        let newer = state.pending.before(key, number);
        newer.unwrap_or_else(|| state.beneath.get(key).cloned().flatten())
    }

    /// The tables have every batch up to `last`.
    pub(super) fn durable(&self, last: u64) {
        lock(&self.0).durable = last;
    }

    /// Shows a durable batch to readers, and forgets the batches that everybody sees.
    pub(super) fn publish(&self, number: u64) {
        let mut state = lock(&self.0);
        state.pending.publish(number);
        while let Some((last, group)) = state.pending.ready(0) {
            state.pending.forget(last);
            for op in group.iter().flat_map(|ops| ops.iter()) {
                state.forget_beneath(&op.key);
                let kept = op.value.as_ref().filter(|_| state.keys.remembers(&op.key));
                state.remembered.left(last, &op.key, kept);
                if state.pending.newest(&op.key).is_some() {
                    state.set_beneath(op.key.clone(), op.value.clone());
                }
            }
        }
    }

    /// From now on every batch is refused with this error; the first one stays.
    pub(super) fn refuse(&self, error: EngineError) {
        lock(&self.0).refusing.get_or_insert(error);
    }

    pub(super) fn refusing(&self) -> Option<EngineError> {
        lock(&self.0).refusing.clone()
    }

    /// What readers see of the keys, where memory knows.
    pub(super) fn shown(&self, keys: &[Key]) -> Shown {
        let state = lock(&self.0);
        let of = |key: &Key| state.shown(key).or_else(|| state.remembered.get(key).cloned().map(Some));
        let at = Moment { next: state.pending.next(), taken_back: state.taken_back };
        Shown { values: keys.iter().map(of).collect(), at }
    }

    /// Remembers what the tables had when they were asked after this moment, as far as it is still so.
    pub(super) fn keep(&self, at: Moment, read: &Read) {
        let mut state = lock(&self.0);
        if at.taken_back != state.taken_back {
            return;
        }
        for (key, value) in read {
            if let Ok(Some(value)) = value
                && !state.beneath.contains_key(key)
                && state.keys.remembers(key)
            {
                state.remembered.read(at.next, key, value);
            }
        }
    }

    /// Writes no keys of this lease from now on, and remembers none that somebody else may write. `false` if
    /// it is lent already.
    pub(super) fn lend(&self, lease: u32) -> bool {
        let state = &mut *lock(&self.0);
        let is_news = state.keys.lend(lease);
        state.remembered.retain(|key| state.keys.remembers(key));
        is_news
    }

    /// Whether a batch that is not published, or waits for one that is not, writes keys of this lease.
    pub(super) fn has_pending(&self, lease: u32) -> bool {
        let state = lock(&self.0);
        state.beneath.keys().any(|key| state.keys.is_of(lease, key))
    }

    /// Nobody else writes the keys of this lease any more.
    pub(super) fn take_back(&self, lease: u32) {
        let mut state = lock(&self.0);
        state.keys.take_back(lease);
        state.taken_back += 1;
    }

    pub(super) fn lent(&self) -> BTreeSet<u32> {
        lock(&self.0).keys.lent().clone()
    }

    pub(super) fn is_lent(&self, lease: u32) -> bool {
        lock(&self.0).keys.lent().contains(&lease)
    }

    /// What readers see of every key in the range that the backlog knows, in ascending order.
    pub(super) fn shown_in(&self, start: &[u8], end: Option<&[u8]>) -> Vec<(Bytes, Option<Value>)> {
        let state = lock(&self.0);
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let known = state.beneath.range::<[u8], _>((Bound::Included(start), end));
        known.map(|(key, _)| (key.clone(), state.shown(key).flatten())).collect()
    }

    /// The number of the last durable batch, and the bytes in memory.
    pub(super) fn counts(&self) -> (u64, usize) {
        let state = lock(&self.0);
        (state.durable, state.pending.bytes() + state.beneath_bytes)
    }
}

impl State {
    fn knows(&self, key: &[u8]) -> bool {
        self.beneath.contains_key(key) || self.remembered.get(key).is_some()
    }

    fn newest(&self, key: &[u8], read: &Read) -> Option<Result<Option<Value>, EngineError>> {
        let newest = self.pending.newest(key).or_else(|| self.beneath.get(key).cloned());
        let newest = newest.or_else(|| self.remembered.get(key).cloned().map(Some));
        newest.map(Ok).or_else(|| read.get(key).cloned())
    }

    fn shown(&self, key: &[u8]) -> Option<Option<Value>> {
        self.pending.published(key).or_else(|| self.beneath.get(key).cloned())
    }

    fn set_beneath(&mut self, key: Bytes, value: Option<Value>) {
        self.beneath_bytes += beneath_bytes(&key, value.as_ref());
        self.beneath.insert(key, value);
    }

    fn forget_beneath(&mut self, key: &[u8]) {
        if let Some((key, value)) = self.beneath.remove_entry(key) {
            self.beneath_bytes -= beneath_bytes(&key, value.as_ref());
        }
    }
}

fn beneath_bytes(key: &Bytes, value: Option<&Value>) -> usize {
    key.len() + value.map_or(0, Bytes::len)
}

/// The bytes of a batch that the tables take.
pub(super) fn weight(ops: &Ops) -> usize {
    bytes_of(ops)
}

#[cfg(test)]
mod tests;
