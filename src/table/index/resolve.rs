//! Finding the rows that may have a value, by its hash.

use std::sync::Arc;

use foldhash::HashMap;
use foldhash::fast::RandomState;

use crate::engine::{Engine, Value};
use crate::model::BaseNumber;
use crate::stored::{bucket, key};
use crate::table::TableError;
use crate::table::index::layer::Layer;
use crate::table::index::lookup::{Candidates, Image, LookupKind, candidates};
use crate::table::index::overlay::{Op, RowOp};
use crate::table::index::published::Published;

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
    let buckets = Buckets::read(engine, base, published, wanted).await?;
    let lookup = |kind: LookupKind| published.lookups.get(kind);
    // Each step is done for all hashes before the next one. So the processor waits for the memory of many of
    // them at the same time: they are far from each other.
    let images: Vec<_> = wanted.iter().map(|(kind, hash)| lookup(*kind).image(*hash)).collect();
    let has_overlay =
        wanted.iter().map(|(kind, hash)| lookup(*kind).in_memory(*hash).next().is_some()).collect::<Vec<_>>();
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
        .zip(firsts.into_iter().zip(has_overlay))
        .map(|(&(kind, hash), (image, has_overlay))| {
            // Nearly every hash has one entry at most, in the image.
            if is_plain && !has_overlay {
                let entries = image.map(|(image, first)| image.entries(hash, first));
                return Ok(candidates(entries.into_iter().flatten()));
            }
            let pending = layers.iter().rev().flat_map(|layer| layer.overlays.get(kind).get(hash));
            let overlay = has_overlay.then(|| lookup(kind).in_memory(hash)).into_iter().flatten();
            let image = image.map(|(image, first)| image.entries(hash, first)).into_iter().flatten();
            let stored = buckets.stored(published, kind, hash)?;
            Ok(candidates(pending.chain(overlay).chain(image).chain(stored)))
        })
        .collect()
}

/// The candidates of a value in the published state, if no bucket has to be read for them.
pub fn known(published: &Published, (kind, hash): Wanted) -> Option<Candidates> {
    let lookup = published.lookups.get(kind);
    if lookup.bucket_to_read(hash).is_some() {
        return None;
    }
    let image = lookup.image(hash).and_then(|image| Some((image, image.entry(image.place(hash, 0)?)?)));
    let image = image.map(|(image, first)| image.entries(hash, first)).into_iter().flatten();
    Some(candidates(lookup.in_memory(hash).chain(image)))
}

/// The buckets that a resolution needs.
struct Buckets(HashMap<(LookupKind, u32), Value>);

impl Buckets {
    async fn read(
        engine: &Arc<dyn Engine>,
        base: BaseNumber,
        published: &Published,
        wanted: &[Wanted],
    ) -> Result<Self, TableError> {
        let to_read =
            |&(kind, hash): &Wanted| Some((kind, published.lookups.get(kind).bucket_to_read(hash)?));
        let mut places: Vec<(LookupKind, u32)> = wanted.iter().filter_map(to_read).collect();
        if places.is_empty() {
            return Ok(Self(HashMap::default()));
        }
        places.sort_unstable();
        places.dedup();
        let keys: Vec<_> =
            places.iter().map(|(kind, number)| key::bucket(base, kind.number(), *number)).collect();
        let mut read = HashMap::with_capacity_and_hasher(places.len(), RandomState::default());
        for ((kind, number), value) in places.into_iter().zip(engine.get_many(&keys).await?) {
            let lookup = published.lookups.get(kind);
            if lookup.wants_image(number) {
                match &value {
                    Some(bytes) => lookup.fill_image(number, bucket::entries(kind.width(), bytes)?),
                    None => lookup.fill_image(number, std::iter::empty()),
                }
            }
            if let Some(value) = value {
                read.insert((kind, number), value);
            }
        }
        Ok(Self(read))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries of a hash in its stored bucket, if that was read.
    fn stored(
        &self,
        published: &Published,
        kind: LookupKind,
        hash: u64,
    ) -> Result<impl Iterator<Item = RowOp> + '_, TableError> {
        // Most rows of a new list read no bucket, and then there is none to look for.
        let number = if self.0.is_empty() { None } else { published.lookups.get(kind).bucket_to_read(hash) };
        let bytes = number.and_then(|number| self.0.get(&(kind, number)));
        let found = bytes.map(|bytes| bucket::find(kind.width(), bytes, hash)).transpose()?;
        Ok(found.into_iter().flatten().map(|entry| (entry.row, Op::Put(entry.fingerprint))))
    }
}
