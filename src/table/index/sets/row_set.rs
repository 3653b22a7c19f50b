//! The rows of one value.
//!
//! **A set that was taken never changes.** A clone of a [`RowSet`] shares its chunks, and a change while they
//! are shared copies the chunk that changes. So a list takes the sets of its filter under the view, and works
//! with them afterwards.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

/// The rows of one chunk, by their low 16 bits.
pub type Chunk = RoaringBitmap;

/// The rows of the members that have one value, at one revision.
#[derive(Debug, Clone, Default)]
pub struct RowSet(Arc<Rows>);

#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub chunks: BTreeMap<u64, Part>,
    pub count: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    pub rows: Arc<Chunk>,
    /// Whether a checkpoint must write it.
    pub dirty: bool,
}

impl RowSet {
    /// The rows of one chunk, if there are any.
    #[must_use]
    pub fn chunk(&self, number: u64) -> Option<&Chunk> {
        self.0.chunks.get(&number).map(|part| &*part.rows)
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn rows(&self) -> &Rows {
        &self.0
    }

    /// The rows, to change: a copy if they are shared.
    pub(super) fn rows_mut(&mut self) -> &mut Rows {
        Arc::make_mut(&mut self.0)
    }
}

/// The rows that have a member, at one revision. They are the rows of all statuses, because every member has
/// one.
#[derive(Debug, Clone, Default)]
pub struct Living(Vec<RowSet>);

impl Living {
    /// The rows of all statuses together.
    pub(super) fn of(statuses: Vec<RowSet>) -> Self {
        Self(statuses)
    }

    /// Every row of one chunk that has a member.
    #[must_use]
    pub fn chunk(&self, number: u64) -> Cow<'_, Chunk> {
        let mut parts = self.0.iter().filter_map(|rows| rows.chunk(number)).filter(|rows| !rows.is_empty());
        let Some(first) = parts.next() else { return Cow::Owned(Chunk::new()) };
        let Some(second) = parts.next() else { return Cow::Borrowed(first) };
        Cow::Owned(parts.fold(first | second, |all, rows| all | rows))
    }

    /// The numbers of the chunks that have members, in order. There may be wide gaps, because row numbers
    /// jump when a store is restored from a backup.
    #[must_use]
    pub fn chunks(&self) -> Vec<u64> {
        let mut chunks: Vec<u64> = self.0.iter().flat_map(|rows| rows.0.chunks.keys().copied()).collect();
        chunks.sort_unstable();
        chunks.dedup();
        chunks
    }
}

/// The union of these chunks.
pub fn union<'a>(chunks: impl Iterator<Item = &'a Chunk>) -> Chunk {
    roaring::MultiOps::union(chunks)
}
