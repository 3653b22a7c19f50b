//! Merging sorted entries: of those with one key, the newest counts.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, btree_map};

use bytes::Bytes;

use super::super::super::pending::Op;
use super::super::super::{EngineError, Value};
use super::read::Entries;

/// Entries in ascending order of their keys.
#[derive(Debug)]
pub(super) enum Source {
    File(Box<Entries>),
    Memory(btree_map::IntoIter<Bytes, Option<Value>>),
}

impl Source {
    pub(super) fn memory(entries: BTreeMap<Bytes, Option<Value>>) -> Self {
        Self::Memory(entries.into_iter())
    }

    fn next(&mut self) -> Result<Option<Op>, EngineError> {
        match self {
            Self::File(entries) => entries.next(),
            Self::Memory(entries) => Ok(entries.next().map(|(key, value)| Op { key, value })),
        }
    }
}

/// The entries of several sources as one.
#[derive(Debug)]
pub(super) struct Merged {
    /// The newest first.
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

    /// The next entry, removals included.
    pub(super) fn next(&mut self) -> Result<Option<Op>, EngineError> {
        let Some(Head { op, source }) = self.heads.pop() else { return Ok(None) };
        self.advance(source)?;
        while self.heads.peek().is_some_and(|head| head.op.key == op.key) {
            if let Some(older) = self.heads.pop() {
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

/// The next entry of a source. The greatest is the one with the smallest key, and of those the newest.
#[derive(Debug)]
struct Head {
    op: Op,
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
