//! A lookup: from the keyed hash of a value to the rows that may have it.
//!
//! Its stored form has two levels. The **main** level has the entries, but for what changed since it was last
//! written: that is in the **recent** level, which is far smaller. A checkpoint writes nearly all buckets of
//! the level to which it adds its changes, so most checkpoints write the recent one only. Once it has a
//! certain share of the entries, a checkpoint merges it into the main one, and it is empty again.
//!
//! The main level uses linear hashing. `buckets` grows by one at a time: a new bucket k takes entries from
//! the bucket whose number is k without its highest bit, so growth rewrites only that bucket. The recent
//! level keeps the number of buckets that it was made with.
//!
//! In memory are the overlay, which has the changes of commits after the watermark, and an image of each
//! stored bucket ([`super::image`]).
//!
//! The result for a hash is what the main level has, overridden by the recent level, overridden by the frozen
//! overlay, overridden by the active one.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::stored::index::{LookupState, RecentState};
use crate::stored::key::Level;
use crate::table::index::image::{Image, Images, short};
pub use crate::table::index::kind::{LevelOf, LookupKind, PerLookup};
use crate::table::index::overlay::{Op, Overlay, RowOp};

/// The published state of one lookup.
#[derive(Debug)]
pub struct Lookup {
    /// The number of entries, including the overlay's.
    pub entries: u64,
    /// Changes since the last checkpoint began.
    pub active: Overlay,
    /// Changes that a running checkpoint is writing.
    pub frozen: Option<Arc<Overlay>>,
    kind: LookupKind,
    main: Images,
    recent: Images,
    /// The changes in the recent level.
    recent_changes: u64,
}

impl Lookup {
    /// A lookup as stored.
    pub fn new(kind: LookupKind, state: &LookupState, recent: &RecentState) -> Self {
        Self {
            kind,
            entries: state.entries,
            active: Overlay::default(),
            frozen: None,
            main: Images::new(kind, state.buckets.max(1)),
            recent: Images::new(kind, recent.buckets),
            recent_changes: recent.changes,
        }
    }

    /// The operations on `hash` in the overlays, newest first. A row may occur twice.
    pub fn in_memory(&self, hash: u64) -> impl Iterator<Item = RowOp> + '_ {
        let frozen = self.frozen.as_deref().into_iter();
        self.active.get(hash).chain(frozen.flat_map(move |overlay| overlay.get(hash)))
    }

    /// The images of a level.
    pub fn level(&self, level: Level) -> &Images {
        match level {
            Level::Main => &self.main,
            Level::Recent => &self.recent,
        }
    }

    /// Takes over the buckets of a level that a checkpoint wrote. Its main level then has so many buckets,
    /// and its recent level is as `recent` says.
    pub fn replace(&mut self, level: Level, buckets: u32, recent: &RecentState, written: Vec<(u32, Image)>) {
        self.main.grow(buckets);
        if self.recent.buckets() != recent.buckets {
            // It was emptied, or made anew.
            self.recent = Images::of_empty(self.kind, recent.buckets);
        }
        self.recent_changes = recent.changes;
        let images = match level {
            Level::Main => &mut self.main,
            Level::Recent => &mut self.recent,
        };
        for (bucket, image) in written {
            images.replace(bucket, image);
        }
    }

    /// The bytes that the images take once all are filled.
    pub fn image_bytes(&self) -> usize {
        self.main.bytes(self.entries).saturating_add(self.recent.bytes(self.recent_changes))
    }
}

/// Merges operations on one hash, newest first: the first operation on a row counts.
pub fn candidates(mut newest_first: impl Iterator<Item = RowOp>) -> Candidates {
    let put = |(row, op)| match op {
        Op::Put(fingerprint) => Some((row, short(fingerprint))),
        Op::Remove => None,
    };
    // Nearly every hash has no row or one.
    let Some(first) = newest_first.next() else { return Candidates::new() };
    let Some(second) = newest_first.next() else { return put(first).into_iter().collect() };
    let mut seen = vec![first];
    for (row, op) in std::iter::once(second).chain(newest_first) {
        if !seen.iter().any(|(other, _)| *other == row) {
            seen.push((row, op));
        }
    }
    seen.into_iter().filter_map(put).collect()
}

/// Rows that may have a value, with the part of their fingerprints that is compared. Callers verify each
/// against the stored member.
pub type Candidates = SmallVec<[(u64, u64); 1]>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_operation_on_a_row_counts() {
        let said = [(1, Op::Remove), (2, Op::Put(5)), (1, Op::Put(9)), (2, Op::Put(6)), (3, Op::Put(0))];
        assert_eq!(candidates(said.into_iter()).to_vec(), [(2, 5), (3, 0)]);
    }
}
