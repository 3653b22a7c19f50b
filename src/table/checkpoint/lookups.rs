//! Writes the changes of a lookup into its stored levels.
//!
//! - While the recent level and the frozen changes together are less than a share of the lookup's entries,
//!   the changes go into the recent level. Otherwise those of both go into the main level, and the recent one
//!   is empty again. So each entry of the main level is written again once for this share of new ones,
//!   whatever the size of the base.
//! - During the merge the main level may be newer than the recent one, which overrides it. The frozen overlay
//!   overrides both, and after a crash replay makes it again. The recent level is empty before the overlay is
//!   dropped and before the watermark moves.
//! - A merge holds a limited number of the recent level's changes in memory. If there are more, it is done in
//!   portions of the hashes, and the main level grows before the first of them. The buckets that grow are then
//!   written once more.
//! - The index state says that the recent level is empty before its buckets are deleted. What is left of them
//!   after a crash counts as nothing, and is deleted before the level is made anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::Batch;
use crate::stored::bucket::{self, Bucket, Change};
use crate::stored::index::RecentState;
use crate::stored::key::{self, Level};
use crate::table::TableError;
use crate::table::checkpoint::changes::Changes;
use crate::table::checkpoint::merging::{MERGED_FROM, Portion, changes_of, merges};
use crate::table::checkpoint::work::{Work, rest};
use crate::table::index::address::{address, bits_of, parent};
use crate::table::index::image::Image;
use crate::table::index::lookup::LookupKind;

/// Buckets of the recent level that a merge reads at once.
const RECENT_AT_ONCE: usize = 128;

impl Work<'_> {
    pub(super) async fn write_lookup(&mut self, kind: LookupKind) -> Result<(), TableError> {
        let frozen = Arc::clone(self.frozen.get(kind));
        let recent = *self.stored.recent(kind.number());
        let target = *self.target.lookup(kind.number());
        if frozen.len() == 0 {
            return Ok(());
        }
        if !merges(&recent, &frozen, target.entries) {
            let recent = self.ready(kind, recent, target.entries).await?;
            let changes = Changes::sorted(frozen, Vec::new(), None, recent.buckets).await;
            return self.write_left(Level::Recent, kind, recent, changes).await;
        }
        let portions = Portion::all(
            changes_of(&recent, &frozen),
            self.open.parts.merged_at_once,
            recent.buckets.min(target.buckets),
        );
        if portions.len() > 1 {
            // New buckets are of any portion.
            self.grow(kind, target.buckets, &mut Changes::default()).await?;
        }
        for portion in portions {
            let older = self.recent_changes(kind, recent, portion).await?;
            let frozen = Arc::clone(&frozen);
            let mut changes = Changes::sorted(frozen, older, Some(portion), target.buckets).await;
            self.grow(kind, target.buckets, &mut changes).await?;
            self.write_left(Level::Main, kind, recent, changes).await?;
        }
        if recent.buckets == 0 { Ok(()) } else { self.empty_recent(kind).await }
    }

    /// The recent level, which is made anew if it is empty.
    async fn ready(
        &mut self,
        kind: LookupKind,
        recent: RecentState,
        entries: u64,
    ) -> Result<RecentState, TableError> {
        if recent.buckets > 0 {
            return Ok(recent);
        }
        self.delete(key::buckets_from(self.open.number, Level::Recent, kind.number(), 0)).await?;
        let buckets = entries / MERGED_FROM / self.open.parts.bucket_entries.max(1);
        Ok(RecentState { buckets: u32::try_from(buckets).unwrap_or(u32::MAX).max(1), changes: 0 })
    }

    /// All changes in a portion of the recent level.
    async fn recent_changes(
        &self,
        kind: LookupKind,
        recent: RecentState,
        portion: Portion,
    ) -> Result<Vec<Change>, TableError> {
        let of_bucket = |bucket| key::bucket(self.open.number, Level::Recent, kind.number(), bucket);
        let keys: Vec<_> = portion.buckets(recent.buckets).map(of_bucket).collect();
        let mut changes = Vec::new();
        for keys in keys.chunks(RECENT_AT_ONCE) {
            for value in self.open.parts.engine.get_many(keys).await?.into_iter().flatten() {
                changes.extend(bucket::entries(kind.width(), &value)?.map(Change::of_stored));
            }
        }
        Ok(changes)
    }

    /// Empties the recent level, whose changes the main one has.
    async fn empty_recent(&mut self, kind: LookupKind) -> Result<(), TableError> {
        let count = self.stored.lookup(kind.number()).buckets;
        self.store(Level::Recent, kind, BTreeMap::new(), count, RecentState::default()).await?;
        self.delete(key::buckets_from(self.open.number, Level::Recent, kind.number(), 0)).await
    }

    /// Writes the changes that were not taken yet into a level.
    async fn write_left(
        &mut self,
        level: Level,
        kind: LookupKind,
        mut recent: RecentState,
        mut changes: Changes,
    ) -> Result<(), TableError> {
        let count = self.stored.lookup(kind.number()).buckets;
        let left: Vec<u32> = changes.left().collect();
        let mut left = left.as_slice();
        while !left.is_empty() {
            let (part, rest) = left.split_at(self.buckets_at_once().min(left.len()));
            left = rest;
            let mut buckets = self.read(level, kind, part.iter().copied()).await?;
            for (number, bucket) in &mut buckets {
                let changes = changes.take(*number);
                let written = match level {
                    Level::Main => bucket.changed(changes),
                    Level::Recent => bucket.noting(changes),
                };
                if level == Level::Recent {
                    let more = written.entries().len().saturating_sub(bucket.entries().len());
                    recent.changes = recent.changes.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
                }
                *bucket = written;
            }
            self.store(level, kind, buckets, count, recent).await?;
        }
        Ok(())
    }

    /// Adds buckets to the main level up to `target`, in order. A bucket that will not be split again gets
    /// its changes in the same write.
    async fn grow(&mut self, kind: LookupKind, target: u32, changes: &mut Changes) -> Result<(), TableError> {
        let recent = *self.stored.recent(kind.number());
        let mut count = self.stored.lookup(kind.number()).buckets;
        while count < target {
            // Up to the next power of two, each parent is split once and none of them is a new bucket.
            let step = u32::try_from(self.buckets_at_once() / 2).unwrap_or(1);
            let level_end = count.checked_add(1).and_then(u32::checked_next_power_of_two).unwrap_or(u32::MAX);
            let last = target.min(level_end).min(count.saturating_add(step));
            let mut buckets = self.read(Level::Main, kind, (count..last).map(parent)).await?;
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
            self.store(Level::Main, kind, buckets, last, recent).await?;
            count = last;
        }
        Ok(())
    }

    async fn read(
        &self,
        level: Level,
        kind: LookupKind,
        buckets: impl Iterator<Item = u32>,
    ) -> Result<BTreeMap<u32, Bucket>, TableError> {
        let buckets: Vec<u32> = buckets.collect();
        let base = self.open.number;
        let keys: Vec<_> =
            buckets.iter().map(|bucket| key::bucket(base, level, kind.number(), *bucket)).collect();
        let mut read = BTreeMap::new();
        for (bucket, value) in buckets.into_iter().zip(self.open.parts.engine.get_many(&keys).await?) {
            let stored = value.map(|bytes| Bucket::read(kind.width(), &bytes)).transpose()?;
            read.insert(bucket, stored.unwrap_or_else(|| Bucket::empty(kind.width())));
        }
        Ok(read)
    }

    /// Writes buckets of a level together with what addresses them: the number of buckets of the main level,
    /// and the state of the recent one. Publishes all at once.
    async fn store(
        &mut self,
        level: Level,
        kind: LookupKind,
        buckets: BTreeMap<u32, Bucket>,
        count: u32,
        recent: RecentState,
    ) -> Result<(), TableError> {
        let base = self.open.number;
        let addressed_by = match level {
            Level::Main => count,
            Level::Recent => recent.buckets,
        };
        let mut batch = Batch { is_packed: true, ..Batch::default() };
        let mut images = Vec::with_capacity(buckets.len());
        for (number, bucket) in buckets {
            images.push((number, Image::new(kind, bucket.entries())));
            let key = key::bucket(base, level, kind.number(), number);
            batch.put(key, bucket.encode(bits_of(number, addressed_by)));
        }
        let mut stored = self.stored.clone();
        let number = usize::from(kind.number());
        if let (Some(main), Some(of_recent)) = (stored.lookups.get_mut(number), stored.recent.get_mut(number))
        {
            (main.buckets, *of_recent) = (count, recent);
        }
        batch.put(key::index(base), stored.encode());
        let durable = self.append(batch).await?;
        // Only now, because the next checkpoint relies on this being what is stored.
        self.stored = stored;
        let mut published = self.open.published.write().await;
        durable.publish();
        published.lookups.get_mut(kind).replace(level, count, &recent, images);
        drop(published);
        rest(&mut self.pace, self.open).await;
        Ok(())
    }

    fn buckets_at_once(&self) -> usize {
        self.pace.buckets_at_once(self.open.parts.bucket_entries)
    }
}
