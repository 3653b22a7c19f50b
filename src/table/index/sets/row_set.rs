//! The rows of one value.
//!
//! **A set that was taken never changes.** A clone of a [`RowSet`] shares its chunks, and a change while they
//! are shared copies the chunk that changes. So a list takes the sets of its filter under the view, and works
//! with them afterwards.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::model::Row;

/// The number of rows of a chunk.
pub const CHUNK_ROWS: u64 = 65_536;

/// The rows of one chunk, by their low 16 bits.
pub type Chunk = RoaringBitmap;

/// The rows of the members that have one value, at one revision.
#[derive(Debug, Clone, Default)]
pub struct RowSet(Arc<Rows>);

#[derive(Debug, Clone, Default)]
struct Rows {
    pub chunks: BTreeMap<u64, Part>,
    pub count: u64,
}

#[derive(Debug, Clone, Default)]
struct Part {
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

    /// Every chunk that has rows, in order.
    pub fn chunks(&self) -> impl Iterator<Item = (u64, &Chunk)> {
        let chunks = self.0.chunks.iter().map(|(number, part)| (*number, &*part.rows));
        chunks.filter(|(_, rows)| !rows.is_empty())
    }

    /// Whether it has this row.
    #[must_use]
    pub fn contains(&self, row: Row) -> bool {
        let (chunk, place) = place_of(row);
        self.chunk(chunk).is_some_and(|rows| rows.contains(place))
    }

    /// Whether one of `count` rows from `first` on is among them. The rows are of one chunk.
    pub(super) fn has_some(&self, first: Row, count: u64) -> bool {
        let (chunk, place) = place_of(first);
        let end = place.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        self.chunk(chunk).is_some_and(|rows| rows.range_cardinality(place..end) > 0)
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

    /// Adds or removes a row; `false` if that changes nothing.
    pub(in crate::table) fn shift(&mut self, row: Row, enters: bool) -> bool {
        let (chunk, place) = place_of(row);
        let rows = self.rows_mut();
        let part = rows.chunks.entry(chunk).or_default();
        let here = Arc::make_mut(&mut part.rows);
        let moved = if enters { here.insert(place) } else { here.remove(place) };
        if moved {
            part.dirty = true;
            rows.count = if enters { rows.count + 1 } else { rows.count.saturating_sub(1) };
        }
        moved
    }

    /// Adds and removes rows, in their order. Rows of the same chunk that follow each other cost little.
    pub(in crate::table) fn shift_all(&mut self, moves: impl Iterator<Item = (Row, bool)>) {
        let mut moves = moves.peekable();
        if moves.peek().is_none() {
            return;
        }
        let rows = self.rows_mut();
        while let Some((row, _)) = moves.peek() {
            let (chunk, _) = place_of(*row);
            let part = rows.chunks.entry(chunk).or_default();
            let here = Arc::make_mut(&mut part.rows);
            while let Some((row, enters)) = moves.next_if(|(row, _)| place_of(*row).0 == chunk) {
                let (_, place) = place_of(row);
                let moved = if enters { here.insert(place) } else { here.remove(place) };
                part.dirty |= moved;
                rows.count = match (moved, enters) {
                    (false, _) => rows.count,
                    (true, true) => rows.count + 1,
                    (true, false) => rows.count.saturating_sub(1),
                };
            }
        }
    }

    /// Adds and removes rows of one chunk.
    pub(in crate::table) fn shift_chunk(&mut self, chunk: u64, enter: &Chunk, leave: &Chunk) {
        let rows = self.rows_mut();
        let part = rows.chunks.entry(chunk).or_default();
        let here = Arc::make_mut(&mut part.rows);
        let before = here.len();
        *here -= leave;
        *here |= enter;
        rows.count = rows.count.saturating_sub(before).saturating_add(here.len());
        part.dirty = true;
    }

    /// Takes over a stored chunk. If it `is_dirty`, the next checkpoint writes it.
    pub(in crate::table) fn load(&mut self, chunk: u64, loaded: Chunk, is_dirty: bool) {
        let rows = self.rows_mut();
        rows.count += loaded.len();
        rows.chunks.insert(chunk, Part { rows: Arc::new(loaded), dirty: is_dirty });
    }

    /// Takes the chunks that a checkpoint must write, and drops empty ones.
    pub(in crate::table) fn take_dirty(&mut self) -> Vec<(u64, Arc<Chunk>)> {
        // `rows_mut` copies a shared set, so it is called only for a set that must change.
        if !self.0.chunks.values().any(|part| part.dirty || part.rows.is_empty()) {
            return Vec::new();
        }
        let rows = self.rows_mut();
        let mut taken = Vec::new();
        for (chunk, part) in rows.chunks.iter_mut().filter(|(_, part)| part.dirty) {
            part.dirty = false;
            taken.push((*chunk, Arc::clone(&part.rows)));
        }
        rows.chunks.retain(|_, part| !part.rows.is_empty());
        taken
    }

    /// Marks a chunk again that was taken and could not be written.
    pub(in crate::table) fn mark_dirty(&mut self, chunk: u64) {
        self.rows_mut().chunks.entry(chunk).or_default().dirty = true;
    }

    /// A set without rows, whose next checkpoint deletes every chunk of this one.
    pub(in crate::table) fn emptied(&self) -> Self {
        let emptied = Part { rows: Arc::default(), dirty: true };
        let chunks = self.0.chunks.keys().map(|chunk| (*chunk, emptied.clone())).collect();
        Self(Arc::new(Rows { chunks, count: 0 }))
    }

    /// Removes the rows from this one on.
    pub(in crate::table) fn keep_below(&mut self, end: Row) {
        let (last, place) = place_of(end);
        let later: Vec<u64> = self.0.chunks.range(last..).map(|(chunk, _)| *chunk).collect();
        for chunk in later {
            let mut leave = self.chunk(chunk).cloned().unwrap_or_default();
            if chunk == last {
                leave.remove_range(..place);
            }
            if !leave.is_empty() {
                self.shift_chunk(chunk, &Chunk::new(), &leave);
            }
        }
    }

    /// Whether it has no chunk, not even an empty one that must be written.
    pub(super) fn is_bare(&self) -> bool {
        self.0.chunks.is_empty()
    }

    /// The rows, to change: a copy if they are shared.
    fn rows_mut(&mut self) -> &mut Rows {
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

/// The chunk of a row, and its place in the chunk.
fn place_of(row: Row) -> (u64, u32) {
    (row.0 / CHUNK_ROWS, u32::try_from(row.0 % CHUNK_ROWS).unwrap_or_default())
}

/// The union of these chunks.
pub fn union<'a>(chunks: impl Iterator<Item = &'a Chunk>) -> Chunk {
    roaring::MultiOps::union(chunks)
}
