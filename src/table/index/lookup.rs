//! A lookup: from the keyed hash of a value to the rows that may have it.
//!
//! Its stored form uses linear hashing. `buckets` grows by one at a time: a new bucket k takes entries from
//! the bucket whose number is k without its highest bit, so growth rewrites only that bucket.
//!
//! In memory are the overlay, which has the changes of commits after the watermark, and an image of each
//! stored bucket. An image has a 16-bit tag for each entry, so most absent values are recognised without
//! reading the bucket. In the ref lookup it also has the row and 64 bits of the fingerprint, so a repeat is
//! recognised without reading. Images are exact: the first read of a bucket fills its image, and a checkpoint
//! that writes the bucket replaces it. An image takes 2 bytes for each entry, 18 in the ref lookup.
//!
//! The result for a hash is what the bucket has, overridden by the frozen overlay, overridden by the active
//! one.

use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use crate::stored::bucket::{Entry, Width};
use crate::stored::index::LookupState;
use crate::table::index::overlay::{Op, Overlay, RowOp};

/// Tags that are compared at once.
const TAGS_AT_ONCE: usize = 16;

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

/// An entry of an image.
#[derive(Debug, Clone, Copy)]
pub struct PlacedEntry {
    place: usize,
    entry: RowOp,
}

/// What is in memory of one stored bucket.
#[derive(Debug)]
pub struct Image {
    tags: Box<[u16]>,
    /// Row and fingerprint for each tag in the ref lookup; empty in the others.
    rows: Box<[(u64, u64)]>,
}

impl Image {
    /// The image of a bucket with these entries.
    pub fn new(kind: LookupKind, entries: impl Iterator<Item = Entry> + Clone) -> Self {
        let rows = match kind.width() {
            Width::Fingerprint => {
                entries.clone().map(|entry| (entry.row, short(entry.fingerprint))).collect()
            }
            Width::Plain => Box::default(),
        };
        Self { tags: entries.map(|entry| tag(entry.hash)).collect(), rows }
    }

    /// The place of the first entry from `from` on that may be one of `hash`. Only images of the ref lookup
    /// have entries.
    pub fn place(&self, hash: u64, from: usize) -> Option<usize> {
        let wanted = tag(hash);
        // Without an early exit, so that the processor compares many tags at once.
        let has = |tags: &&[u16]| tags.iter().fold(false, |found, tag| found | (*tag == wanted));
        let tags = self.tags.get(from..)?;
        let (nth, tags) = tags.chunks(TAGS_AT_ONCE).enumerate().find(|(_, tags)| has(tags))?;
        let place = from + nth * TAGS_AT_ONCE + tags.iter().position(|tag| *tag == wanted)?;
        (place < self.rows.len()).then_some(place)
    }

    /// The entry at a place.
    pub fn entry(&self, place: usize) -> Option<PlacedEntry> {
        let (row, fingerprint) = self.rows.get(place)?;
        Some(PlacedEntry { place, entry: (*row, Op::Put(u128::from(*fingerprint))) })
    }

    /// The entries that may be of `hash`, of which this is the first one.
    pub fn entries(&self, hash: u64, first: PlacedEntry) -> impl Iterator<Item = RowOp> + '_ {
        let next = move |before: &PlacedEntry| self.entry(self.place(hash, before.place + 1)?);
        std::iter::successors(Some(first), next).map(|placed| placed.entry)
    }
}

/// The part of a fingerprint that is compared.
pub fn short(fingerprint: u128) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = fingerprint.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The published state of one lookup.
#[derive(Debug)]
pub struct Lookup {
    /// The number of stored buckets.
    pub buckets: u32,
    /// The number of entries, including the overlay's.
    pub entries: u64,
    /// Changes since the last checkpoint began.
    pub active: Overlay,
    /// Changes that a running checkpoint is writing.
    pub frozen: Option<Arc<Overlay>>,
    kind: LookupKind,
    images: Vec<OnceLock<Image>>,
}

impl Lookup {
    /// A lookup as stored.
    pub fn new(kind: LookupKind, state: &LookupState) -> Self {
        let mut lookup = Self {
            kind,
            buckets: 1,
            entries: state.entries,
            active: Overlay::default(),
            frozen: None,
            images: vec![OnceLock::new()],
        };
        lookup.grow(state.buckets);
        lookup
    }

    /// The operations on `hash` in the overlays, newest first. A row may occur twice.
    pub fn in_memory(&self, hash: u64) -> impl Iterator<Item = RowOp> + '_ {
        let frozen = self.frozen.as_deref().into_iter();
        self.active.get(hash).chain(frozen.flat_map(move |overlay| overlay.get(hash)))
    }

    /// The image of the bucket of `hash`, if it is filled.
    pub fn image(&self, hash: u64) -> Option<&Image> {
        self.image_of(address(hash, self.buckets)).and_then(OnceLock::get)
    }

    /// The bucket to read for `hash`; none if its image is enough.
    pub fn bucket_to_read(&self, hash: u64) -> Option<u32> {
        let bucket = address(hash, self.buckets);
        let names_rows = self.kind.width() == Width::Fingerprint;
        let known = |image: &Image| names_rows || !image.tags.contains(&tag(hash));
        if self.image_of(bucket).and_then(OnceLock::get).is_some_and(known) { None } else { Some(bucket) }
    }

    /// Whether the image of `bucket` waits for its first read.
    pub fn wants_image(&self, bucket: u32) -> bool {
        self.image_of(bucket).is_some_and(|image| image.get().is_none())
    }

    /// Fills the image of a bucket after its first read. Does nothing if there is one already.
    pub fn fill_image(&self, bucket: u32, entries: impl Iterator<Item = Entry> + Clone) {
        if let Some(image) = self.image_of(bucket) {
            image.get_or_init(|| Image::new(self.kind, entries));
        }
    }

    /// Replaces the image of a bucket after a checkpoint wrote it.
    pub fn replace_image(&mut self, bucket: u32, image: Image) {
        let place = usize::try_from(bucket).ok().and_then(|bucket| self.images.get_mut(bucket));
        if let Some(place) = place {
            *place = OnceLock::from(image);
        }
    }

    /// The bytes that the images take once all are filled.
    pub fn image_bytes(&self) -> usize {
        let entry = match self.kind.width() {
            Width::Fingerprint => size_of::<u16>() + size_of::<(u64, u64)>(),
            Width::Plain => size_of::<u16>(),
        };
        let entries = usize::try_from(self.entries).unwrap_or(usize::MAX);
        entries.saturating_mul(entry).saturating_add(self.images.len() * size_of::<OnceLock<Image>>())
    }

    /// Sets the number of buckets, which never shrinks.
    pub fn grow(&mut self, buckets: u32) {
        self.buckets = buckets.max(self.buckets);
        self.images.resize_with(usize::try_from(self.buckets).unwrap_or(usize::MAX), OnceLock::new);
    }

    fn image_of(&self, bucket: u32) -> Option<&OnceLock<Image>> {
        self.images.get(usize::try_from(bucket).ok()?)
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

/// The top bits of a hash, which do not decide its bucket.
fn tag(hash: u64) -> u16 {
    let [.., high, top] = hash.to_le_bytes();
    u16::from_le_bytes([high, top])
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
    fn an_image_rules_a_bucket_out_only_once_it_is_known() {
        let lookup = Lookup::new(LookupKind::Email, &LookupState { buckets: 1, entries: 0 });
        let (there, absent) = (7 << 48, 8 << 48);
        assert_eq!(lookup.bucket_to_read(absent), Some(0));
        lookup.fill_image(0, [Entry { hash: there, row: 1, fingerprint: 0 }].into_iter());
        assert_eq!(lookup.bucket_to_read(there), Some(0));
        assert_eq!(lookup.bucket_to_read(absent), None);
    }

    #[test]
    fn the_image_of_the_ref_lookup_needs_no_bucket() {
        let lookup = Lookup::new(LookupKind::Ref, &LookupState { buckets: 1, entries: 0 });
        let (there, absent) = (7 << 48, 8 << 48);
        assert!(lookup.bucket_to_read(there) == Some(0) && lookup.image(there).is_none());
        let fingerprint = u128::from(u64::MAX) << 64 | 5;
        lookup.fill_image(0, [Entry { hash: there, row: 3, fingerprint }].into_iter());
        assert_eq!(lookup.bucket_to_read(there), None);
        let image = lookup.image(there).unwrap();
        assert_eq!((image.place(there, 0), image.place(absent, 0)), (Some(0), None));
        assert_eq!(candidates(image.entries(there, image.entry(0).unwrap())).to_vec(), [(3, 5)]);
        let entry = |row| Entry { hash: if row < 40 { absent } else { there }, row, fingerprint: 7 };
        let image = Image::new(LookupKind::Ref, (0..50).map(entry));
        assert_eq!(
            (image.place(there, 0), image.entries(there, image.entry(40).unwrap()).count()),
            (Some(40), 10)
        );
        assert_eq!(image.place(there, 49), Some(49));
        assert_eq!(Image::new(LookupKind::Email, [entry(40)].into_iter()).place(there, 0), None);
    }

    #[test]
    fn the_newest_operation_on_a_row_counts() {
        let said = [(1, Op::Remove), (2, Op::Put(5)), (1, Op::Put(9)), (2, Op::Put(6)), (3, Op::Put(0))];
        assert_eq!(candidates(said.into_iter()).to_vec(), [(2, 5), (3, 0)]);
    }
}
