//! Deleting stored results: after their retention, and the oldest ones earlier if all together take too many
//! bytes. A result that cannot be deleted because it is damaged keeps no other one from being deleted.

use std::ops::Bound;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use tokio::sync::OwnedRwLockWriteGuard;

use crate::engine::{Batch, Direction, EngineError, Key, Value};
use crate::model::Timestamp;
use crate::stored::idempotency::Size;
use crate::stored::idempotency::key::{PartWidth, request_of, request_time_parts, request_times};
use crate::table::TableError;
use crate::table::idempotency::claim::{Fresh, Idempotency, LENT_MICROS};
use crate::table::idempotency::running::Turn;
use crate::table::index::scan::for_each;
use crate::tasks;

/// How many results are checked in one step.
const LOOK_AT_ONCE: usize = 500;

/// When the limit is exceeded, results are deleted until one part in this many of the limit is free.
const HEADROOM: i64 = 16;
/// While bases are lent, what others have stored is counted at most once in this time, in microseconds.
const COUNTS_EVERY: i64 = 10 * 60 * 1_000_000;

/// A stored result to delete.
struct Old {
    time: Key,
    id: u128,
    parts: u32,
    width: PartWidth,
    bytes: i64,
    /// Keeps repeats of the request waiting until the result is deleted.
    _turn: Turn,
}

impl Idempotency {
    /// Deletes results that are too old, and then the oldest ones until the rest fits the limit. Skips those
    /// whose request id is in use now, and while a base is lent the youngest ones: only the process that has the
    /// base knows whether they are in use.
    pub async fn tidy(self: &Arc<Self>, now: Timestamp) -> Result<(), TableError> {
        let _one_at_a_time = self.tidying.lock().await;
        if self.unfit.is_some() {
            return Ok(());
        }
        if !self.is_counted.load(Ordering::Acquire) {
            self.count(now).await?;
        } else if self.is_outdated(now) {
            self.count_again(now).await?;
        }
        let room = self.aim();
        let mut range = request_times();
        loop {
            let alone = self.leases.if_all_here();
            let times = self.engine.scan(range.clone(), Direction::Forward, LOOK_AT_ONCE).await?;
            let found = times.len();
            let Some((last, _)) = times.last() else { return Ok(()) };
            range.start = Bound::Excluded(last.clone());
            let youngest = match alone {
                Some(_) => Timestamp::from_micros(i64::MAX),
                None => Timestamp::from_micros(now.micros().saturating_sub(LENT_MICROS * 2)),
            };
            let (old, seen) = self.choose(times, (now, youngest), room)?;
            self.drop_old(old, alone).await?;
            if seen < found || found < LOOK_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// Deletes old results in the background if the stored ones exceed the limit or have not been counted
    /// yet.
    pub(super) fn relieve(self: &Arc<Self>, now: Timestamp) {
        if self.unfit.is_some() {
            return;
        }
        let is_known = self.is_counted.load(Ordering::Acquire);
        if is_known && self.stored_bytes.load(Ordering::Relaxed) <= self.room() {
            return;
        }
        if self.is_tidying.swap(true, Ordering::AcqRel) {
            return;
        }
        let idempotency = Arc::clone(self);
        tasks::vital("stored results", async move {
            let tidied = idempotency.tidy(now).await;
            idempotency.is_tidying.store(false, Ordering::Release);
            if let Err(error) = tidied {
                tracing::warn!(%error, "deleting old results of requests failed; it will be tried again");
            }
        });
    }

    /// The limit of stored results, in bytes.
    fn room(&self) -> i64 {
        i64::try_from(self.limits.bytes).unwrap_or(i64::MAX)
    }

    /// The bytes that may remain. If the limit is exceeded, this is somewhat below it, so that the next
    /// results do not exceed it again at once.
    fn aim(&self) -> i64 {
        let room = self.room();
        if self.stored_bytes.load(Ordering::Relaxed) > room { room - room / HEADROOM } else { room }
    }

    /// Counts the results that were stored before the store opened.
    async fn count(&self, now: Timestamp) -> Result<(), TableError> {
        let lends = self.lends();
        let mut before: i64 = 0;
        for_each(&self.engine, request_times(), |key, value| {
            if request_time_parts(&key).is_some_and(|stored| !self.fresh().contains(&stored)) {
                before =
                    before.saturating_add(i64::try_from(Size::decode(&value)?.bytes).unwrap_or(i64::MAX));
            }
            Ok(())
        })
        .await?;
        self.stored_bytes.fetch_add(before, Ordering::Relaxed);
        self.is_counted.store(true, Ordering::Release);
        *self.fresh() = Fresh::new();
        self.note_count(now, lends);
        Ok(())
    }

    /// Counts all stored results, because others have stored some. Those that are stored meanwhile may be
    /// counted twice, until the next count.
    async fn count_again(&self, now: Timestamp) -> Result<(), TableError> {
        let (lends, before) = (self.lends(), self.stored_bytes.load(Ordering::Relaxed));
        let mut stored: i64 = 0;
        for_each(&self.engine, request_times(), |_, value| {
            stored = stored.saturating_add(i64::try_from(Size::decode(&value)?.bytes).unwrap_or(i64::MAX));
            Ok(())
        })
        .await?;
        self.stored_bytes.fetch_add(stored.saturating_sub(before), Ordering::Relaxed);
        self.note_count(now, lends);
        Ok(())
    }

    /// How many bases were lent so far; `None` if one is lent now.
    fn lends(&self) -> Option<u64> {
        let lends = self.leases.lends();
        (!self.leases.any_lent()).then_some(lends)
    }

    fn note_count(&self, now: Timestamp, lends: Option<u64>) {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = (now, lends);
    }

    /// Whether others may have stored results since the last count, and this was long ago.
    fn is_outdated(&self, now: Timestamp) -> bool {
        let (at, lends) = *self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        lends != Some(self.leases.lends()) && now.micros().saturating_sub(at.micros()) >= COUNTS_EVERY
    }

    /// Takes from `times`, oldest first, the results to delete, without those whose request id is in use and
    /// those that are younger than `youngest`. Also returns how many were checked.
    fn choose(
        &self,
        times: Vec<(Key, Value)>,
        (now, youngest): (Timestamp, Timestamp),
        room: i64,
    ) -> Result<(Vec<Old>, usize), TableError> {
        let (mut old, mut seen, mut freed) = (Vec::new(), 0, 0);
        for (time, value) in times {
            let Some((at, id)) = request_time_parts(&time) else {
                return Err(TableError::Damaged(
                    "the key of the time of a stored result cannot be read".to_owned(),
                ));
            };
            if at > youngest {
                break;
            }
            if !self.is_too_old(at, now) && self.stored_bytes.load(Ordering::Relaxed) - freed <= room {
                break;
            }
            seen += 1;
            let Ok(turn) = self.running.take(id) else { continue };
            let Size { bytes, parts, width } = Size::decode(&value)?;
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            freed += bytes;
            old.push(Old { time, id, parts, width, bytes, _turn: turn });
        }
        Ok((old, seen))
    }

    /// Deletes results, and subtracts their bytes once that is durable.
    async fn drop_old(
        self: &Arc<Self>,
        old: Vec<Old>,
        alone: Option<OwnedRwLockWriteGuard<()>>,
    ) -> Result<(), TableError> {
        let idempotency = Arc::clone(self);
        tasks::to_the_end("stored results", async move {
            let dropped = idempotency.drop_now(old).await;
            drop(alone);
            dropped
        })
        .await
    }

    async fn drop_now(&self, old: Vec<Old>) -> Result<(), TableError> {
        let times: Vec<Key> = old.iter().map(|old| old.time.clone()).collect();
        let still = self.engine.get_many(&times).await?;
        // A request that ran again before its turn was taken here has a new time.
        let old: Vec<_> = old.into_iter().zip(still).filter(|(_, still)| still.is_some()).collect();
        if old.is_empty() {
            return Ok(());
        }
        let old: Vec<Old> = old.into_iter().map(|(old, _)| old).collect();
        match self.delete(&old).await {
            // One of them keeps the others in the same batch from being deleted.
            Err(EngineError::Corrupt { .. }) => {
                for old in &old {
                    match self.delete(std::slice::from_ref(old)).await {
                        Err(error @ EngineError::Corrupt { .. }) => {
                            tracing::warn!(%error, "a damaged result of a request cannot be deleted");
                        }
                        deleted => deleted?,
                    }
                }
            }
            deleted => deleted?,
        }
        Ok(())
    }

    async fn delete(&self, old: &[Old]) -> Result<(), EngineError> {
        let mut batch = Batch::default();
        let mut bytes = 0;
        for old in old {
            (0..=old.parts).for_each(|part| batch.delete(request_of(old.width, old.id, part)));
            batch.delete(old.time.clone());
            bytes += old.bytes;
        }
        self.engine.commit(batch).await?;
        self.stored_bytes.fetch_sub(bytes, Ordering::Relaxed);
        Ok(())
    }
}
