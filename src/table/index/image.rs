//! Images: what is in memory of the stored buckets of one level of a lookup.
//!
//! An image has a 16-bit tag for each entry, so most absent values are recognised without reading the bucket.
//! In the ref lookup it also has the row and 64 bits of the fingerprint, so a repeat is recognised without
//! reading. Images are exact: the first read of a bucket fills its image, and a checkpoint that writes the
//! bucket replaces it. An image takes 2 bytes for each entry, 18 in the ref lookup.
//!
//! A tag does not tell two hashes apart, so an image cannot say which of them was removed. If a change with
//! the tag of a hash removes an entry, the bucket is read for that hash.

use std::sync::OnceLock;

use crate::stored::bucket::{Change, Entry, Width};
use crate::table::index::address::address;
use crate::table::index::kind::LookupKind;
use crate::table::index::overlay::{Op, RowOp};

/// Tags that are compared at once.
const TAGS_AT_ONCE: usize = 16;

/// What a stored entry, or a change of the recent level, says about its row.
pub fn row_op(stored: Entry) -> RowOp {
    let change = Change::of_stored(stored);
    let op = change.new_entry().map_or(Op::Remove, |entry| Op::Put(entry.fingerprint));
    (change.place().1, op)
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
    /// Whether any of its changes removes an entry.
    removes: bool,
}

impl Image {
    /// The image of a bucket with these entries, or with these changes as they are stored.
    pub fn new(kind: LookupKind, entries: impl Iterator<Item = Entry> + Clone) -> Self {
        let rows = match kind.width() {
            Width::Fingerprint => {
                entries.clone().map(|entry| (entry.row, short(entry.fingerprint))).collect()
            }
            Width::Plain => Box::default(),
        };
        let removes = entries.clone().any(|entry| row_op(entry).1 == Op::Remove);
        Self { tags: entries.map(|entry| tag(entry.hash)).collect(), rows, removes }
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
        let entry = row_op(Entry { hash: 0, row: *row, fingerprint: u128::from(*fingerprint) });
        Some(PlacedEntry { place, entry })
    }

    /// The entries that may be of `hash`, of which this is the first one.
    pub fn entries(&self, hash: u64, first: PlacedEntry) -> impl Iterator<Item = RowOp> + '_ {
        let next = move |before: &PlacedEntry| self.entry(self.place(hash, before.place + 1)?);
        std::iter::successors(Some(first), next).map(|placed| placed.entry)
    }

    /// Whether it says all that its bucket says about `hash`.
    fn is_enough(&self, kind: LookupKind, hash: u64) -> bool {
        match kind.width() {
            Width::Fingerprint => {
                let first = if self.removes { self.place(hash, 0) } else { None };
                let first = first.and_then(|place| self.entry(place));
                !first.is_some_and(|first| self.entries(hash, first).any(|(_, op)| op == Op::Remove))
            }
            Width::Plain => !self.tags.contains(&tag(hash)),
        }
    }
}

/// The part of a fingerprint that is compared.
pub fn short(fingerprint: u128) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = fingerprint.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The images of a level's buckets.
#[derive(Debug)]
pub struct Images {
    kind: LookupKind,
    images: Vec<OnceLock<Image>>,
}

impl Images {
    /// The images of so many buckets, none of them filled. A level without buckets is empty.
    pub fn new(kind: LookupKind, buckets: u32) -> Self {
        let mut images = Self { kind, images: Vec::new() };
        images.grow(buckets);
        images
    }

    /// The images of so many buckets without entries.
    pub fn of_empty(kind: LookupKind, buckets: u32) -> Self {
        let empty = || OnceLock::from(Image::new(kind, std::iter::empty()));
        Self { kind, images: (0..buckets).map(|_| empty()).collect() }
    }

    /// How many buckets there are.
    pub fn buckets(&self) -> u32 {
        u32::try_from(self.images.len()).unwrap_or(u32::MAX)
    }

    /// The image of the bucket of `hash`, if it is filled.
    pub fn of(&self, hash: u64) -> Option<&Image> {
        self.place(address(hash, self.buckets())).and_then(OnceLock::get)
    }

    /// The bucket to read for `hash`; none if its image is enough, or if there are no buckets.
    pub fn to_read(&self, hash: u64) -> Option<u32> {
        if self.images.is_empty() {
            return None;
        }
        let bucket = address(hash, self.buckets());
        let image = self.place(bucket)?.get();
        if image.is_some_and(|image| image.is_enough(self.kind, hash)) { None } else { Some(bucket) }
    }

    /// Whether the image of `bucket` waits for its first read.
    pub fn wants(&self, bucket: u32) -> bool {
        self.place(bucket).is_some_and(|image| image.get().is_none())
    }

    /// Fills the image of a bucket after its first read. Does nothing if there is one already.
    pub fn fill(&self, bucket: u32, entries: impl Iterator<Item = Entry> + Clone) {
        if let Some(image) = self.place(bucket) {
            image.get_or_init(|| Image::new(self.kind, entries));
        }
    }

    /// Replaces the image of a bucket after a checkpoint wrote it.
    pub fn replace(&mut self, bucket: u32, image: Image) {
        let place = usize::try_from(bucket).ok().and_then(|bucket| self.images.get_mut(bucket));
        if let Some(place) = place {
            *place = OnceLock::from(image);
        }
    }

    /// Makes room for so many buckets. There are never fewer than before.
    pub fn grow(&mut self, buckets: u32) {
        let buckets = usize::try_from(buckets).unwrap_or(usize::MAX).max(self.images.len());
        self.images.resize_with(buckets, OnceLock::new);
    }

    /// The bytes that they take once all are filled, with so many entries.
    pub fn bytes(&self, entries: u64) -> usize {
        let entry = match self.kind.width() {
            Width::Fingerprint => size_of::<u16>() + size_of::<(u64, u64)>(),
            Width::Plain => size_of::<u16>(),
        };
        let entries = usize::try_from(entries).unwrap_or(usize::MAX);
        entries.saturating_mul(entry).saturating_add(self.images.len() * size_of::<OnceLock<Image>>())
    }

    fn place(&self, bucket: u32) -> Option<&OnceLock<Image>> {
        self.images.get(usize::try_from(bucket).ok()?)
    }
}

/// The top bits of a hash, which do not decide its bucket.
fn tag(hash: u64) -> u16 {
    let [.., high, top] = hash.to_le_bytes();
    u16::from_le_bytes([high, top])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::bucket::Bucket;

    const THERE: u64 = 7 << 48;
    const ABSENT: u64 = 8 << 48;

    #[test]
    fn an_image_rules_a_bucket_out_only_once_it_is_known() {
        let images = Images::new(LookupKind::Email, 1);
        assert_eq!(images.to_read(ABSENT), Some(0));
        images.fill(0, [Entry { hash: THERE, row: 1, fingerprint: 0 }].into_iter());
        assert_eq!(images.to_read(THERE), Some(0));
        assert_eq!(images.to_read(ABSENT), None);
        let of_none = [Images::new(LookupKind::Email, 0), Images::of_empty(LookupKind::Email, 1)];
        assert_eq!(of_none.map(|images| images.to_read(THERE)), [None, None]);
    }

    #[test]
    fn the_image_of_the_ref_lookup_needs_no_bucket() {
        let images = Images::new(LookupKind::Ref, 1);
        assert!(images.to_read(THERE) == Some(0) && images.of(THERE).is_none());
        let fingerprint = u128::from(u64::MAX) << 64 | 5;
        images.fill(0, [Entry { hash: THERE, row: 3, fingerprint }].into_iter());
        assert_eq!(images.to_read(THERE), None);
        let image = images.of(THERE).unwrap();
        assert_eq!((image.place(THERE, 0), image.place(ABSENT, 0)), (Some(0), None));
        let entries: Vec<RowOp> = image.entries(THERE, image.entry(0).unwrap()).collect();
        assert_eq!(entries, [(3, Op::Put(5))]);
        let entry = |row| Entry { hash: if row < 40 { ABSENT } else { THERE }, row, fingerprint: 7 };
        let image = Image::new(LookupKind::Ref, (0..50).map(entry));
        assert_eq!(
            (image.place(THERE, 0), image.entries(THERE, image.entry(40).unwrap()).count()),
            (Some(40), 10)
        );
        assert_eq!(image.place(THERE, 49), Some(49));
        assert_eq!(Image::new(LookupKind::Email, [entry(40)].into_iter()).place(THERE, 0), None);
    }

    #[test]
    fn a_removal_under_the_same_tag_makes_the_bucket_be_read() {
        let images = Images::new(LookupKind::Ref, 1);
        let (other, put) = (THERE + 1, Entry { hash: THERE, row: 4, fingerprint: 0 });
        let bucket = Bucket::empty(Width::Fingerprint).noting(&[Change::put(put), Change::remove(other, 3)]);
        images.fill(0, bucket.entries());
        assert_eq!([THERE, other, ABSENT].map(|hash| images.to_read(hash)), [Some(0), Some(0), None]);
        let without = Bucket::of(Width::Fingerprint, &[put]);
        let images = Images::new(LookupKind::Ref, 1);
        images.fill(0, without.entries());
        assert_eq!(images.to_read(THERE), None);
    }
}
