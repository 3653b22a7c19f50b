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

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::stored::bucket::Width;
use crate::stored::index::{LookupState, RecentState};
use crate::stored::key::Level;
use crate::table::index::image::{Image, Images, short};
use crate::table::index::overlay::{Op, Overlay, RowOp};

/// Which lookup. The number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LookupKind {
    /// By ref, byte for byte.
    Ref,
    /// By folded e-mail.
    Email,
    /// By worker id, byte for byte.
    WorkerId,
}

impl LookupKind {
    /// Every lookup, in stored order.
    pub const ALL: [Self; 3] = [Self::Ref, Self::Email, Self::WorkerId];

    /// The stored number, which is also the index in arrays.
    pub const fn number(self) -> u8 {
        match self {
            Self::Ref => 0,
            Self::Email => 1,
            Self::WorkerId => 2,
        }
    }

    /// The lookup with this stored number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Ref),
            1 => Some(Self::Email),
            2 => Some(Self::WorkerId),
            _ => None,
        }
    }

    /// The name of its field.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Ref => "ref",
            Self::Email => "email",
            Self::WorkerId => "worker_id",
        }
    }

    /// The form of its entries: only those of the ref lookup have fingerprints.
    pub const fn width(self) -> Width {
        match self {
            Self::Ref => Width::Fingerprint,
            Self::Email | Self::WorkerId => Width::Plain,
        }
    }
}

/// A level of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelOf(pub Level, pub LookupKind);

impl fmt::Display for LevelOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Level::Main => write!(f, "{:?} lookup", self.1),
            Level::Recent => write!(f, "recent level of the {:?} lookup", self.1),
        }
    }
}

/// One value for each lookup.
#[derive(Debug, Default)]
pub struct PerLookup<T>([T; 3]);

impl<T> PerLookup<T> {
    /// Makes one value for each lookup.
    pub fn from_fn(mut make: impl FnMut(LookupKind) -> T) -> Self {
        Self(LookupKind::ALL.map(&mut make))
    }

    /// The value for `kind`.
    pub fn get(&self, kind: LookupKind) -> &T {
        let [of_ref, of_email, of_worker_id] = &self.0;
        match kind {
            LookupKind::Ref => of_ref,
            LookupKind::Email => of_email,
            LookupKind::WorkerId => of_worker_id,
        }
    }

    /// The value for `kind`, to change.
    pub fn get_mut(&mut self, kind: LookupKind) -> &mut T {
        let [of_ref, of_email, of_worker_id] = &mut self.0;
        match kind {
            LookupKind::Ref => of_ref,
            LookupKind::Email => of_email,
            LookupKind::WorkerId => of_worker_id,
        }
    }

    /// All three.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

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

/// The bucket of a hash among `buckets` buckets.
pub fn address(hash: u64, buckets: u32) -> u32 {
    let mask = buckets.max(1).checked_next_power_of_two().map_or(u32::MAX, |power| power - 1);
    let [a, b, c, d, ..] = hash.to_le_bytes();
    let low = u32::from_le_bytes([a, b, c, d]) & mask;
    if low < buckets { low } else { low & (mask >> 1) }
}

/// The bucket that is split when `bucket` is added.
pub fn parent(bucket: u32) -> u32 {
    bucket & !(1_u32.checked_shl(bucket.checked_ilog2().unwrap_or(0)).unwrap_or(0))
}

/// How many low bits of a hash decide that it belongs to `bucket`, among `buckets` buckets.
pub fn bits_of(bucket: u32, buckets: u32) -> u8 {
    let bits = u32::BITS - buckets.max(1).saturating_sub(1).leading_zeros();
    let is_split = match bits.checked_sub(1).map(|bit| 1_u32 << bit) {
        // The new buckets of the current round, and those that they were split from.
        Some(half) => bucket >= half || bucket.checked_add(half).is_some_and(|twin| twin < buckets),
        None => true,
    };
    u8::try_from(if is_split { bits } else { bits - 1 }).unwrap_or(u8::MAX)
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn growth_moves_entries_only_from_the_parent_to_the_new_bucket(hash: u64, buckets in 1_u32..5_000) {
            let (before, after) = (address(hash, buckets), address(hash, buckets + 1));
            prop_assert!(before < buckets);
            prop_assert!(before == after || (after == buckets && before == parent(buckets)));
        }
    }

    proptest! {
        #[test]
        fn a_bucket_has_the_hashes_whose_low_bits_are_its_number(hash: u64, buckets in 1_u32..5_000) {
            let bucket = address(hash, buckets);
            let bits = bits_of(bucket, buckets);
            prop_assert_eq!(hash & ((1 << bits) - 1), u64::from(bucket));
            // Growth changes the bits of the split bucket only.
            let after = bits_of(bucket, buckets + 1);
            prop_assert_eq!(after, if bucket == parent(buckets) { bits + 1 } else { bits });
        }
    }

    #[test]
    fn bits_go_up_to_the_largest_number_of_buckets() {
        assert_eq!(
            [bits_of(0, 1), bits_of(0, 2), bits_of(1, 2), bits_of(0, 3), bits_of(1, 3)],
            [0, 1, 1, 2, 1]
        );
        assert_eq!((bits_of(7, u32::MAX), bits_of(u32::MAX / 2, u32::MAX)), (32, 31));
    }

    #[test]
    fn the_newest_operation_on_a_row_counts() {
        let said = [(1, Op::Remove), (2, Op::Put(5)), (1, Op::Put(9)), (2, Op::Put(6)), (3, Op::Put(0))];
        assert_eq!(candidates(said.into_iter()).to_vec(), [(2, 5), (3, 0)]);
    }
}
