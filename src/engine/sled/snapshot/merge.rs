//! Merging sorted writes: of several writes of a key, the newest wins. A difference takes the older one with
//! it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, btree_map};

use bytes::Bytes;

use super::read::Writes;
use crate::engine::EngineError;
use crate::engine::sled::log::payload::{Logged, Write};

/// A source of writes in ascending order of their keys.
pub(super) enum Source {
    File(Box<Writes>),
    Memory(btree_map::IntoIter<Bytes, Sorted>),
}

/// What memory has for a key.
#[derive(Debug)]
pub(super) struct Sorted {
    pub(super) write: Write,
    pub(super) is_packed: bool,
}

impl Source {
    pub(super) fn memory(writes: BTreeMap<Bytes, Sorted>) -> Self {
        Self::Memory(writes.into_iter())
    }

    fn next(&mut self) -> Result<Option<Logged>, EngineError> {
        match self {
            Self::File(writes) => writes.next(),
            Self::Memory(writes) => {
                let next = writes.next();
                Ok(next.map(|(key, Sorted { write, is_packed })| Logged { key, write, is_packed }))
            }
        }
    }
}

/// The merged writes of several sources.
pub(super) struct Merged {
    /// The newest source first.
    sources: Vec<Source>,
    heads: BinaryHeap<Head>,
}

impl Merged {
    /// `sources` with the newest first.
    pub(super) fn new(sources: Vec<Source>) -> Result<Self, EngineError> {
        let mut merged = Self { heads: BinaryHeap::with_capacity(sources.len()), sources };
        for source in 0..merged.sources.len() {
            merged.advance(source)?;
        }
        Ok(merged)
    }

    /// The next write; it may be a removal, or a difference of what no source has.
    pub(super) fn next(&mut self) -> Result<Option<Logged>, EngineError> {
        let Some(Head { mut op, source }) = self.heads.pop() else { return Ok(None) };
        self.advance(source)?;
        while self.heads.peek().is_some_and(|head| head.op.key == op.key) {
            if let Some(older) = self.heads.pop() {
                op.is_packed = is_packed(&op.write, op.is_packed, older.op.is_packed);
                op.write = op.write.over(&older.op.write).ok_or_else(|| misfit(&op.key))?;
                self.advance(older.source)?;
            }
        }
        Ok(Some(op))
    }

    fn advance(&mut self, source: usize) -> Result<(), EngineError> {
        if let Some(op) = self.sources.get_mut(source).map(Source::next).transpose()?.flatten() {
            self.heads.push(Head { op, source });
        }
        Ok(())
    }
}

/// Whether a write that takes in the one before it is packed. A difference makes a value of the kind of the
/// one before it.
pub(super) fn is_packed(newer: &Write, newer_is_packed: bool, older_is_packed: bool) -> bool {
    if newer.is_difference() { older_is_packed } else { newer_is_packed }
}

/// The error if the log has a difference of a value that it does not fit.
pub(super) fn misfit(key: &[u8]) -> EngineError {
    let detail = format!("a difference of the key {} does not fit the value before it", hex(key));
    EngineError::Corrupt { file: "the log".to_owned(), offset: 0, detail }
}

fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The next write of a source. The greatest head has the smallest key, and among those the newest source.
#[derive(Debug)]
struct Head {
    op: Logged,
    source: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        (&other.op.key, other.source).cmp(&(&self.op.key, self.source))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}
