//! One checkpoint, and the task that runs them when they are due.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::engine::{Batch, Direction, Key, KeyRange};
use crate::model::BaseNumber;
use crate::model::search::SEARCH_VERSION;
use crate::stored::audience::{self, Kind};
use crate::stored::bucket::Bucket;
use crate::stored::index::{IndexState, LookupState, SetTable, encode_chunk};
use crate::stored::{key, set_key};
use crate::table::TableError;
use crate::table::checkpoint::changes::Changes;
use crate::table::checkpoint::pace::Pace;
use crate::table::index::audiences::DirtyRows;
use crate::table::index::lookup::{Image, LookupKind, PerLookup, address, bits_of, parent};
use crate::table::index::overlay::Overlay;
use crate::table::index::search::WordMoves;
use crate::table::index::sets::{Chunk, DirtyChunk, SetField};
use crate::table::open::OpenBase;

/// Bytes of set chunks in one batch.
const SET_BYTES_AT_ONCE: usize = 256 * 1024;
/// Chunks deleted in one batch. The scan that finds them reads them too, up to 8 KiB each.
const CHUNKS_DELETED_AT_ONCE: usize = 500;

/// Runs a checkpoint whenever one is due, until the base closes.
pub async fn run(open: Arc<OpenBase>, mut closing: watch::Receiver<bool>) {
    // Whether many entries were added while the last checkpoint ran, as under a load of many rows.
    let mut is_behind = false;
    loop {
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => return,
            () = open.checkpoint_due.notified() => {}
        }
        let built_rows = open.published.read().await.built_rows();
        if open.overlay_entries() < open.parts.checkpoint_entries
            && built_rows < open.parts.audience_build.stored_rows
        {
            continue;
        }
        let pace = if is_behind { Pace::hurried() } else { Pace::unhurried(closing.clone()) };
        if let Err(error) = write_out(&open, pace).await {
            tracing::warn!(base = open.number.0, %error, "a checkpoint failed; it will be tried again");
        }
        is_behind = open.overlay_entries() >= open.parts.checkpoint_entries / 2;
    }
}

/// Writes everything that is published now into the stored indexes, without resting.
pub async fn checkpoint(open: &OpenBase) -> Result<(), TableError> {
    write_out(open, Pace::hurried()).await
}

async fn write_out(open: &OpenBase, pace: Pace) -> Result<(), TableError> {
    let _one_at_a_time = open.checkpointing.lock().await;
    let Some(mut work) = Work::begin(open, pace).await else { return Ok(()) };
    let result = work.write().await;
    work.end(result.is_ok()).await;
    let metrics = &open.parts.metrics;
    if result.is_ok() {
        metrics.checkpoints.inc()
    } else {
        metrics.checkpoint_failures.inc()
    };
    // Every checkpoint counts, not only those that the lane asked for: the lane may be waiting because of the
    // overlay that this one has written.
    open.checkpoints.send_modify(|ended| *ended += 1);
    result
}

/// A running checkpoint.
pub(super) struct Work<'a> {
    pub(super) open: &'a OpenBase,
    pub(super) pace: Pace,
    frozen: PerLookup<Arc<Overlay>>,
    chunks: Vec<DirtyChunk>,
    rows: Vec<DirtyRows>,
    /// The rows of audiences that are built.
    built: Vec<DirtyRows>,
    /// How many rows were evaluated for them since the checkpoint before.
    built_rows: u64,
    /// How many rows were built of new indexes since then.
    indexed_rows: u64,
    /// The moves between search sets.
    pub(super) words: Vec<Arc<WordMoves>>,
    given_up: Vec<SetField>,
    /// Whether the table of sets of format 1 has any entries.
    has_narrow_sets: bool,
    /// The state of the stored indexes at the end.
    target: IndexState,
    /// Their state now.
    stored: IndexState,
}

impl<'a> Work<'a> {
    /// Freezes the overlays; `None` if there is nothing to write.
    async fn begin(open: &'a OpenBase, pace: Pace) -> Option<Self> {
        let mut published = open.published.write().await;
        let is_older = published.has_narrow_sets || published.stored.sets == SetTable::Narrow;
        let unindexed: Vec<_> = published.sets.unindexed().map(SetField::number).collect();
        // The tiers can get their sets back without a commit, and audiences and indexes are built without
        // one.
        let progress = published.build.progress();
        let indexing: Vec<_> = published.sets.indexing().collect();
        let stored = &published.stored;
        let is_other =
            stored.unindexed != unindexed || stored.built != progress || stored.indexing != indexing;
        if published.stored.watermark == published.header.revision && !is_older && !is_other {
            return None;
        }
        let (frozen, words) = (published.freeze(), published.search.freeze());
        open.note_overlay_entries(&published);
        let (chunks, given_up) = published.sets.take_dirty();
        let (rows, built) = (published.members.take_dirty(), published.build.take_dirty());
        let built_rows = published.build.take_unstored();
        let indexed_rows = published.sets.take_unstored();
        let stored = published.stored.clone();
        let lookups = LookupKind::ALL.map(|kind| {
            let lookup = published.lookups.get(kind);
            let wanted = lookup.entries / open.parts.bucket_entries.max(1);
            let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
            LookupState { buckets: lookup.buckets.max(wanted), entries: lookup.entries }
        });
        let sets = SetTable::Wide;
        let target = IndexState {
            watermark: published.header.revision,
            lookups,
            unindexed,
            sets,
            search: SEARCH_VERSION,
            built: progress,
            indexing,
        };
        let has_narrow_sets = published.has_narrow_sets;
        Some(Self {
            open,
            pace,
            frozen,
            chunks,
            words,
            rows,
            built,
            built_rows,
            indexed_rows,
            given_up,
            has_narrow_sets,
            target,
            stored,
        })
    }

    async fn write(&mut self) -> Result<(), TableError> {
        for kind in LookupKind::ALL {
            self.write_lookup(kind).await?;
        }
        self.give_up_fields().await?;
        self.write_search().await?;
        self.write_sets().await?;
        self.clear_narrow_sets().await
    }

    /// Publishes the new state of the indexes if it was written, and ends the freeze of the overlays.
    async fn end(self, written: bool) {
        let mut published = self.open.published.write().await;
        published.has_narrow_sets = self.has_narrow_sets;
        if !written {
            published.sets.mark_dirty(&self.chunks, &self.given_up);
            published.members.mark_dirty(&self.rows);
            published.build.mark_dirty(&self.built);
            published.build.note_unstored(self.built_rows);
            published.sets.note_unstored(self.indexed_rows);
        }
        published.stored = self.stored;
        published.thaw(written);
        self.open.note_overlay_entries(&published);
        self.open.parts.member_cache.set_images(self.open.number, published.image_bytes());
    }

    fn buckets_at_once(&self) -> usize {
        self.pace.buckets_at_once(self.open.parts.bucket_entries)
    }

    async fn write_lookup(&mut self, kind: LookupKind) -> Result<(), TableError> {
        let target = buckets_of(&self.target, kind);
        let mut changes = Changes::sorted(Arc::clone(self.frozen.get(kind)), target).await;
        self.grow(kind, target, &mut changes).await?;
        let left: Vec<u32> = changes.left().collect();
        let mut left = left.as_slice();
        while !left.is_empty() {
            let (part, rest) = left.split_at(self.buckets_at_once().min(left.len()));
            left = rest;
            let mut buckets = self.read(kind, part.iter().copied()).await?;
            for (number, bucket) in &mut buckets {
                *bucket = bucket.changed(changes.take(*number));
            }
            self.store(kind, buckets, target).await?;
        }
        Ok(())
    }

    /// Adds buckets up to `target`, in order. A bucket that will not be split again gets its overlay entries
    /// in the same write.
    async fn grow(&mut self, kind: LookupKind, target: u32, changes: &mut Changes) -> Result<(), TableError> {
        let mut count = buckets_of(&self.stored, kind);
        while count < target {
            // Up to the next power of two, each parent is split once and none of them is a new bucket.
            let step = u32::try_from(self.buckets_at_once() / 2).unwrap_or(1);
            let level_end = count.checked_add(1).and_then(u32::checked_next_power_of_two).unwrap_or(u32::MAX);
            let last = target.min(level_end).min(count.saturating_add(step));
            let mut buckets = self.read(kind, (count..last).map(parent)).await?;
            for added in count..last {
                let from = parent(added);
                let split = buckets.entry(from).or_insert_with(|| Bucket::empty(kind.width()));
                let (stay, go) = split.split(|hash| address(hash, added + 1) == from);
                *split = stay;
                buckets.insert(added, go);
            }
            for (number, bucket) in &mut buckets {
                let splits_again = number.checked_add(level_end).is_some_and(|child| child < target);
                if !splits_again {
                    *bucket = bucket.changed(changes.take(*number));
                }
            }
            self.store(kind, buckets, last).await?;
            count = last;
        }
        Ok(())
    }

    async fn read(
        &self,
        kind: LookupKind,
        buckets: impl Iterator<Item = u32>,
    ) -> Result<BTreeMap<u32, Bucket>, TableError> {
        let buckets: Vec<u32> = buckets.collect();
        let base = self.open.number;
        let keys: Vec<_> = buckets.iter().map(|bucket| key::bucket(base, kind.number(), *bucket)).collect();
        let mut read = BTreeMap::new();
        for (bucket, value) in buckets.into_iter().zip(self.open.parts.engine.get_many(&keys).await?) {
            let stored = value.map(|bytes| Bucket::read(kind.width(), &bytes)).transpose()?;
            read.insert(bucket, stored.unwrap_or_else(|| Bucket::empty(kind.width())));
        }
        Ok(read)
    }

    /// Writes buckets together with the bucket count by which they are addressed, and publishes both at once.
    async fn store(
        &mut self,
        kind: LookupKind,
        buckets: BTreeMap<u32, Bucket>,
        count: u32,
    ) -> Result<(), TableError> {
        let base = self.open.number;
        let mut batch = Batch { is_packed: true, ..Batch::default() };
        let mut images = Vec::with_capacity(buckets.len());
        for (number, bucket) in buckets {
            images.push((number, Image::new(kind, bucket.entries())));
            batch.put(key::bucket(base, kind.number(), number), bucket.encode(bits_of(number, count)));
        }
        let mut stored = self.stored.clone();
        if let Some(state) = stored.lookups.get_mut(usize::from(kind.number())) {
            state.buckets = count;
        }
        batch.put(key::index(base), stored.encode());
        let durable = self.open.parts.engine.append(batch).await?;
        // Only now, because the next checkpoint relies on this being what is stored.
        self.stored = stored;
        let mut published = self.open.published.write().await;
        durable.publish();
        published.replace_buckets(kind, count, images);
        drop(published);
        rest(&mut self.pace, self.open).await;
        Ok(())
    }

    /// Deletes the chunks of fields that lost their sets or their index. First stores that the fields have no
    /// sets, and then deletes the chunks in pieces. So after a crash the remaining chunks are not mistaken
    /// for all of them, and the next checkpoint of the base deletes them. A field that has sets again counts
    /// as having none until the last of its new chunks is written.
    async fn give_up_fields(&mut self) -> Result<(), TableError> {
        let base = self.open.number;
        if self.stored.sets == SetTable::Narrow {
            // An interrupted attempt to move the sets may have left chunks.
            self.delete(set_key::sets(base)).await?;
        }
        if self.given_up.is_empty() {
            return Ok(());
        }
        let mut unindexed = self.target.unindexed.clone();
        let of_profile = self.given_up.iter().filter(|field| SetField::OF_ALL_BASES.contains(field));
        unindexed.extend(of_profile.map(|field| field.number()));
        unindexed.sort_unstable();
        unindexed.dedup();
        let stored = IndexState { unindexed, ..self.stored.clone() };
        let mut batch = Batch::default();
        batch.put(key::index(base), stored.encode());
        self.open.parts.engine.commit(batch).await?;
        self.stored = stored;
        for field in self.given_up.clone() {
            self.delete(set_key::sets_of(base, field.number())).await?;
        }
        Ok(())
    }

    /// Deletes a range, in pieces.
    async fn delete(&mut self, range: KeyRange) -> Result<(), TableError> {
        loop {
            let pairs = self
                .open
                .parts
                .engine
                .scan(range.clone(), Direction::Forward, CHUNKS_DELETED_AT_ONCE)
                .await?;
            if pairs.is_empty() {
                return Ok(());
            }
            let deletes = pairs.into_iter().map(|(key, _)| key).collect();
            self.open.parts.engine.commit(Batch { deletes, ..Batch::default() }).await?;
            rest(&mut self.pace, self.open).await;
        }
    }

    /// Writes the changed chunks of sets and audiences, how far audiences are built, and the watermark with
    /// the last of them.
    async fn write_sets(&mut self) -> Result<(), TableError> {
        let base = self.open.number;
        let mut batch = Batch::default();
        let sets = self
            .chunks
            .iter()
            .map(|(field, value, chunk, rows)| (set_key::set(base, field.number(), value, *chunk), &**rows));
        let audiences = of_audiences(base, Kind::In, &self.rows);
        let audiences = audiences.chain(of_audiences(base, Kind::Next, &self.built));
        for (key, rows) in sets.chain(audiences) {
            if rows.is_empty() {
                batch.delete(key);
            } else {
                batch.put(key, encode_chunk(rows));
            }
            if batch.bytes() >= SET_BYTES_AT_ONCE {
                self.open.parts.engine.commit(std::mem::take(&mut batch)).await?;
                rest(&mut self.pace, self.open).await;
            }
        }
        batch.put(key::index(base), self.target.encode());
        self.open.parts.engine.commit(batch).await?;
        self.stored = self.target.clone();
        Ok(())
    }

    /// Empties the table of sets of format 1, once all of them are in the other table.
    async fn clear_narrow_sets(&mut self) -> Result<(), TableError> {
        if self.has_narrow_sets {
            self.delete(set_key::narrow_sets(self.open.number)).await?;
            self.has_narrow_sets = false;
        }
        Ok(())
    }
}

/// Rests for a while, so that calls are served first.
pub(super) async fn rest(pace: &mut Pace, open: &OpenBase) {
    let waiting = open.overlay_entries();
    pace.rest(waiting, open.parts.checkpoint_entries).await;
}

/// The chunks of audiences, with their keys.
fn of_audiences(base: BaseNumber, kind: Kind, rows: &[DirtyRows]) -> impl Iterator<Item = (Key, &Chunk)> {
    rows.iter().map(move |(audience, chunk, rows)| (audience::rows(base, *audience, kind, *chunk), &**rows))
}

fn buckets_of(state: &IndexState, kind: LookupKind) -> u32 {
    state.lookups.get(usize::from(kind.number())).map_or(1, |lookup| lookup.buckets)
}
