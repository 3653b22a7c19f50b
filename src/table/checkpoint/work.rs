//! One checkpoint, and the task that runs them when they are due.

use std::sync::Arc;

use tokio::sync::watch;

use crate::engine::{Batch, Direction, Durable, Key, KeyRange, append_caught_up};
use crate::model::BaseNumber;
use crate::model::search::SEARCH_VERSION;
use crate::stored::audience::{self, Kind};
use crate::stored::index::{IndexState, LookupState, SetTable, encode_chunk};
use crate::stored::{key, set_key};
use crate::table::TableError;
use crate::table::checkpoint::merging::merges;
use crate::table::checkpoint::pace::Pace;
use crate::table::index::audiences::DirtyRows;
use crate::table::index::lookup::{LookupKind, PerLookup};
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

/// Writes everything that is published now into the stored indexes, without resting. If the disk has no room
/// only because the working copy lags behind, waits until it has caught up: no other checkpoint follows.
pub async fn checkpoint(open: &OpenBase) -> Result<(), TableError> {
    write_out(open, Pace::last()).await
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
    pub(super) frozen: PerLookup<Arc<Overlay>>,
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
    pub(super) target: IndexState,
    /// Their state now.
    pub(super) stored: IndexState,
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
            let (entries, now) = (published.lookups.get(kind).entries, stored.lookup(kind.number()).buckets);
            // Only a merge writes the main level.
            let grows = merges(stored.recent(kind.number()), frozen.get(kind), entries);
            let wanted = if grows { entries / open.parts.bucket_entries.max(1) } else { 0 };
            LookupState { buckets: now.max(u32::try_from(wanted).unwrap_or(u32::MAX)), entries }
        });
        let sets = SetTable::Wide;
        let target = IndexState {
            watermark: published.header.revision,
            lookups,
            recent: stored.recent,
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
        self.target.recent = self.stored.recent;
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
        self.commit(batch).await?;
        self.stored = stored;
        for field in self.given_up.clone() {
            self.delete(set_key::sets_of(base, field.number())).await?;
        }
        Ok(())
    }

    /// Makes a batch durable.
    pub(super) async fn append(&self, batch: Batch) -> Result<Durable, TableError> {
        let engine = &self.open.parts.engine;
        let durable = if self.pace.waits_for_room() {
            append_caught_up(&**engine, batch).await
        } else {
            engine.append(batch).await
        };
        Ok(durable?)
    }

    /// Makes a batch durable and visible.
    async fn commit(&self, batch: Batch) -> Result<(), TableError> {
        self.append(batch).await?.publish();
        Ok(())
    }

    /// Deletes a range, in pieces.
    pub(super) async fn delete(&mut self, range: KeyRange) -> Result<(), TableError> {
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
            self.commit(Batch { deletes, ..Batch::default() }).await?;
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
                self.commit(std::mem::take(&mut batch)).await?;
                rest(&mut self.pace, self.open).await;
            }
        }
        batch.put(key::index(base), self.target.encode());
        self.commit(batch).await?;
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
