//! Finding the rows that may have a value, by its hash.

use std::sync::Arc;

use foldhash::HashMap;
use foldhash::fast::RandomState;

use crate::engine::{Engine, Value};
use crate::model::BaseNumber;
use crate::stored::key::Level;
use crate::stored::{bucket, key};
use crate::table::TableError;
use crate::table::index::image::{Image, row_op};
use crate::table::index::layer::Layer;
use crate::table::index::lookup::{Candidates, Lookup, LookupKind, candidates};
use crate::table::index::overlay::RowOp;
use crate::table::index::published::Published;

/// Up to so many hashes are looked up one after the other: a single row has no more, and for them it takes
/// longer to note each step than the processor waits for memory.
const FEW: usize = 3;

/// A value to look up: the lookup and the hash of the value.
pub type Wanted = (LookupKind, u64);

/// The candidates of each of `wanted`, in the same order, in the published state plus `layers` (oldest
/// first).
pub async fn resolve(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    published: &Published,
    layers: &[Arc<Layer>],
    wanted: &[Wanted],
) -> Result<Vec<Candidates>, TableError> {
    // Most bases are too small for recent levels.
    let has_recent = published.lookups.iter().any(|lookup| lookup.level(Level::Recent).buckets() > 0);
    let levels = if has_recent { LEVELS } else { &[Level::Main] };
    let buckets = Buckets::read(engine, base, published, levels, wanted).await?;
    let lookup = |kind: LookupKind| published.lookups.get(kind);
    if wanted.len() <= FEW && buckets.is_empty() {
        let found = |&(kind, hash): &Wanted| {
            let pending = layers.iter().rev().flat_map(|layer| layer.overlays.get(kind).get(hash));
            candidates(pending.chain(in_any_memory(lookup(kind), hash)))
        };
        return Ok(wanted.iter().map(found).collect());
    }
    // Each step is done for all hashes before the next one. So the processor waits for the memory of many of
    // them at the same time: they are far from each other.
    let images: Vec<_> =
        wanted.iter().map(|(kind, hash)| lookup(*kind).level(Level::Main).of(*hash)).collect();
    let is_changed = |lookup: &Lookup, hash| {
        lookup.in_memory(hash).next().is_some()
            || has_recent && in_images(lookup, Level::Recent, hash).next().is_some()
    };
    let has_newer = wanted.iter().map(|(kind, hash)| is_changed(lookup(*kind), *hash)).collect::<Vec<_>>();
    let hashes = || wanted.iter().map(|(_, hash)| *hash);
    let places: Vec<Option<(&Image, usize)>> = images
        .into_iter()
        .zip(hashes())
        .map(|(image, hash)| Some((image?, image?.place(hash, 0)?)))
        .collect();
    let firsts: Vec<_> = places
        .into_iter()
        .map(|found| found.and_then(|(image, place)| Some((image, image.entry(place)?))))
        .collect();
    let is_plain = layers.is_empty() && buckets.is_empty();
    wanted
        .iter()
        .zip(firsts.into_iter().zip(has_newer))
        .map(|(&(kind, hash), (image, has_newer))| {
            // Nearly every hash has one entry at most, in the image of the main level.
            if is_plain && !has_newer {
                let entries = image.map(|(image, first)| image.entries(hash, first));
                return Ok(candidates(entries.into_iter().flatten()));
            }
            let pending = layers.iter().rev().flat_map(|layer| layer.overlays.get(kind).get(hash));
            let newer = has_newer.then(|| newer(lookup(kind), hash)).into_iter().flatten();
            let recent = buckets.stored(published, Level::Recent, kind, hash)?;
            let image = image.map(|(image, first)| image.entries(hash, first)).into_iter().flatten();
            let stored = buckets.stored(published, Level::Main, kind, hash)?;
            Ok(candidates(pending.chain(newer).chain(recent).chain(image).chain(stored)))
        })
        .collect()
}

/// The candidates of a value in the published state, if no bucket has to be read for them.
pub fn known(published: &Published, (kind, hash): Wanted) -> Option<Candidates> {
    let lookup = published.lookups.get(kind);
    if LEVELS.iter().any(|level| lookup.level(*level).to_read(hash).is_some()) {
        return None;
    }
    Some(candidates(in_any_memory(lookup, hash)))
}

/// Both levels, the newer one first.
const LEVELS: &[Level] = &[Level::Recent, Level::Main];

/// What is in memory of both levels and of what is newer, newest first.
fn in_any_memory(lookup: &Lookup, hash: u64) -> impl Iterator<Item = RowOp> + '_ {
    newer(lookup, hash).chain(in_images(lookup, Level::Main, hash))
}

/// What is newer than the main level, as far as it is in memory, newest first.
fn newer(lookup: &Lookup, hash: u64) -> impl Iterator<Item = RowOp> + '_ {
    lookup.in_memory(hash).chain(in_images(lookup, Level::Recent, hash))
}

/// What the images of a level say; nothing if the bucket has to be read.
fn in_images(lookup: &Lookup, level: Level, hash: u64) -> impl Iterator<Item = RowOp> + '_ {
    let images = lookup.level(level);
    let image = images.of(hash).and_then(|image| Some((image, image.entry(image.place(hash, 0)?)?)));
    let image = image.filter(|_| images.to_read(hash).is_none());
    image.map(|(image, first)| image.entries(hash, first)).into_iter().flatten()
}

/// The buckets that a resolution needs.
struct Buckets(HashMap<(Level, LookupKind, u32), Value>);

impl Buckets {
    async fn read(
        engine: &Arc<dyn Engine>,
        base: BaseNumber,
        published: &Published,
        levels: &[Level],
        wanted: &[Wanted],
    ) -> Result<Self, TableError> {
        let lookup = |kind: LookupKind| published.lookups.get(kind);
        let mut places = Vec::new();
        for level in levels.iter().copied() {
            let to_read =
                |&(kind, hash): &Wanted| Some((level, kind, lookup(kind).level(level).to_read(hash)?));
            places.extend(wanted.iter().filter_map(to_read));
        }
        if places.is_empty() {
            return Ok(Self(HashMap::default()));
        }
        places.sort_unstable();
        places.dedup();
        let keys: Vec<_> = places
            .iter()
            .map(|(level, kind, number)| key::bucket(base, *level, kind.number(), *number))
            .collect();
        let mut read = HashMap::with_capacity_and_hasher(places.len(), RandomState::default());
        for ((level, kind, number), value) in places.into_iter().zip(engine.get_many(&keys).await?) {
            let images = lookup(kind).level(level);
            if images.wants(number) {
                match &value {
                    Some(bytes) => images.fill(number, bucket::entries(kind.width(), bytes)?),
                    None => images.fill(number, std::iter::empty()),
                }
            }
            if let Some(value) = value {
                read.insert((level, kind, number), value);
            }
        }
        Ok(Self(read))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the stored bucket of a hash says, if it had to be read for it.
    fn stored(
        &self,
        published: &Published,
        level: Level,
        kind: LookupKind,
        hash: u64,
    ) -> Result<impl Iterator<Item = RowOp> + '_, TableError> {
        // Most rows of a new list read no bucket, and then there is none to look for.
        let images = published.lookups.get(kind).level(level);
        let number = if self.0.is_empty() { None } else { images.to_read(hash) };
        let bytes = number.and_then(|number| self.0.get(&(level, kind, number)));
        let found = bytes.map(|bytes| bucket::find(kind.width(), bytes, hash)).transpose()?;
        Ok(found.into_iter().flatten().map(row_op))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::engine::Batch;
    use crate::engine::memory::MemoryEngine;
    use crate::model::Timestamp;
    use crate::model::samples::unguarded;
    use crate::stored::bucket::{Bucket, Change, Entry};
    use crate::stored::header::Header;
    use crate::stored::index::{IndexState, RecentState};
    use crate::table::index::overlay::Op;
    use crate::table::index::sets::Sets;

    const BASE: BaseNumber = BaseNumber(1);
    /// Three hashes with the same tag, and one with another.
    const HASHES: [u64; 4] = [7 << 48 | 1, 7 << 48 | 2, 7 << 48 | 3, 8 << 48 | 4];

    type Changed = BTreeMap<(usize, u64), Option<u128>>;

    fn changed() -> impl Strategy<Value = Changed> {
        proptest::collection::btree_map((0..HASHES.len(), 0_u64..3), proptest::option::of(1_u128..9), 0..6)
    }

    fn changes(of: &Changed) -> Vec<Change> {
        let change = |(&(hash, row), new): (&(usize, u64), &Option<u128>)| match new {
            Some(fingerprint) => Change::put(Entry { hash: HASHES[hash], row, fingerprint: *fingerprint }),
            None => Change::remove(HASHES[hash], row),
        };
        of.iter().map(change).collect()
    }

    /// What the lookup finds with these changes in the main level, the recent one and the overlay.
    async fn found(kind: LookupKind, main: &Changed, recent: &Changed, overlay: &Changed) -> Vec<Vec<u64>> {
        let empty = Bucket::empty(kind.width());
        let mut stored = IndexState::new();
        let number = usize::from(kind.number());
        stored.recent[number] = RecentState { buckets: 1, changes: 0 };
        let mut batch = Batch::default();
        for (level, bucket) in
            [(Level::Main, empty.changed(&changes(main))), (Level::Recent, empty.noting(&changes(recent)))]
        {
            batch.put(key::bucket(BASE, level, kind.number(), 0), bucket.encode(0));
        }
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new());
        engine.commit(batch).await.unwrap();
        let header = Header::new(unguarded("a"), Timestamp::from_micros(0), 0);
        let mut published = Published::new(header, stored, Sets::default());
        for ((hash, row), new) in overlay {
            let op = new.map_or(Op::Remove, Op::Put);
            published.lookups.get_mut(kind).active.set(HASHES[*hash], *row, op);
        }
        let wanted = HASHES.map(|hash| (kind, hash));
        let rows = |found: &Candidates| found.iter().map(|(row, _)| *row).collect::<Vec<u64>>();
        let first = resolve(&engine, BASE, &published, &[], &wanted).await.unwrap();
        // With images that the first one filled.
        let second = resolve(&engine, BASE, &published, &[], &wanted).await.unwrap();
        assert_eq!(first, second);
        for (wanted, found) in wanted.iter().zip(&first) {
            assert!(known(&published, *wanted).is_none_or(|known| known == *found));
            let alone = resolve(&engine, BASE, &published, &[], &[*wanted]).await.unwrap();
            assert_eq!(alone, std::slice::from_ref(found));
        }
        first.iter().map(rows).collect()
    }

    proptest! {
        #[test]
        fn no_row_is_missed_whatever_level_has_it(main in changed(), recent in changed(), overlay in changed()) {
            let mut all = main.clone();
            all.extend(recent.clone());
            all.extend(overlay.clone());
            let rows = |wanted: usize| -> BTreeSet<u64> {
                let of_hash = all.iter().filter(|((hash, _), new)| *hash == wanted && new.is_some());
                of_hash.map(|((_, row), _)| *row).collect()
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let by_email = runtime.block_on(found(LookupKind::Email, &main, &recent, &overlay));
            let by_ref = runtime.block_on(found(LookupKind::Ref, &main, &recent, &overlay));
            for hash in 0..HASHES.len() {
                let exact: BTreeSet<u64> = by_email[hash].iter().copied().collect();
                prop_assert_eq!(&exact, &rows(hash));
                let some: BTreeSet<u64> = by_ref[hash].iter().copied().collect();
                // Images do not tell hashes with the same tag apart, so they may name more rows.
                prop_assert!(some.is_superset(&exact), "{some:?} lacks some of {exact:?}");
                prop_assert!(hash < 3 || some == exact);
            }
        }
    }
}
