//! Storing the result of a request, with the batch that makes its changes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::{Batch, Key};
use crate::model::limits::FAILURE_DETAILS_MAX_ROWS;
use crate::model::{Outcome, Refusal, Timestamp};
use crate::stored::idempotency::key::{PartWidth, request, request_time};
use crate::stored::idempotency::{PART_BYTES, RequestResult, RowResult, Size, StoredResult, encode_rows};
use crate::table::idempotency::claim::{Claim, Idempotency};
use crate::table::idempotency::weight::weight;
use crate::table::{RowOutcome, TableError};
use crate::tasks;

/// The most bytes of rows that are stored inside the first part.
const INLINE_BYTES: usize = 4 * 1024;

/// How much of the result of an upsert is stored.
#[derive(Debug, Default)]
pub struct Progress {
    at: Option<Timestamp>,
    parts: u32,
    /// Rows stored.
    rows: usize,
    /// Failed rows whose details are stored: as many as a reply has at most.
    detailed: usize,
    /// Bytes of rows stored in separate parts.
    part_bytes: usize,
    /// The bytes of all of it that were counted last.
    weight: i64,
}

/// How much of the result of a request of several batches is stored, if that result is a sum.
#[derive(Debug, Default)]
pub struct Tally {
    at: Option<Timestamp>,
    /// The bytes of it that were counted last.
    weight: i64,
}

impl Claim {
    /// Whether the result of an upsert with these outcomes so far is stored. An upsert without a good row
    /// changed nothing and may succeed when it is sent again; see
    /// [`RequestIdentity::keeps_failures`](crate::model::RequestIdentity::keeps_failures).
    pub fn stores(&self, outcomes: &[RowOutcome]) -> bool {
        self.keeps_failures || !outcomes.iter().all(RowOutcome::is_failed)
    }

    /// What an earlier run did before it was interrupted: the outcomes of the first rows, and how much of
    /// them is stored.
    pub fn resume(&self) -> (Vec<RowOutcome>, Progress) {
        let Some(StoredResult { at, parts, width, result: RequestResult::Rows { rows, .. }, .. }) =
            &self.begun
        else {
            return (Vec::new(), Progress::default());
        };
        if *width == PartWidth::Narrow {
            // All of it is stored again, which replaces what the earlier run stored.
            let outcomes = rows.iter().map(RowResult::outcome).collect();
            return (outcomes, Progress { at: Some(*at), ..Progress::default() });
        }
        let failed = rows.iter().filter(|row| row.outcome == Outcome::Failed).count();
        let part_bytes = encode_rows(rows).len();
        let progress = Progress {
            at: Some(*at),
            parts: *parts,
            rows: rows.len(),
            detailed: failed.min(FAILURE_DETAILS_MAX_ROWS),
            part_bytes,
            weight: weight(part_bytes, *parts),
        };
        (rows.iter().map(RowResult::outcome).collect(), progress)
    }

    /// The sums of what an earlier run did before it was interrupted, and how much of them is stored.
    pub fn resume_tally(&self) -> (Option<&RequestResult>, Tally) {
        let Some(begun) = &self.begun else { return (None, Tally::default()) };
        let weight = weight(begun.encode().len(), begun.parts);
        (Some(&begun.result), Tally { at: Some(begun.at), weight })
    }
}

impl Idempotency {
    /// Stores the result of an upsert that wrote no row, in a batch of its own. If the process stops before
    /// that, the request has changed nothing and its caller has no reply, so it may run again.
    pub async fn store_refusal(
        self: &Arc<Self>,
        claim: Arc<Claim>,
        (now, revision): (Timestamp, u64),
        outcomes: Vec<RowOutcome>,
    ) -> Result<Vec<RowOutcome>, TableError> {
        let idempotency = Arc::clone(self);
        tasks::to_the_end("stored result", async move {
            let (mut batch, mut progress) = (Batch::default(), Progress::default());
            let when = (now, revision);
            let more = idempotency.store_rows(&claim, &mut progress, when, &outcomes, true, &mut batch);
            idempotency.engine.commit(batch).await?;
            idempotency.count_stored(more);
            Ok(outcomes)
        })
        .await
    }

    /// Adds the result of a request to the batch that completes it. Returns by how many bytes stored results
    /// grow, to be passed to [`Idempotency::count_stored`] once the batch is durable.
    #[must_use = "pass it to `count_stored` once the batch is durable"]
    pub fn store(
        &self,
        claim: &Claim,
        now: Timestamp,
        revision: Option<u64>,
        result: RequestResult,
        batch: &mut Batch,
    ) -> i64 {
        self.store_tally(claim, &mut Tally::default(), (now, revision), result, batch)
    }

    /// Adds to `batch` the result so far of a request of several batches, which replaces the one stored
    /// before. Returns the same as [`Idempotency::store`].
    #[must_use = "pass it to `count_stored` once the batch is durable"]
    pub fn store_tally(
        &self,
        claim: &Claim,
        tally: &mut Tally,
        (now, revision): (Timestamp, Option<u64>),
        result: RequestResult,
        batch: &mut Batch,
    ) -> i64 {
        let is_first = tally.at.is_none();
        let at = *tally.at.get_or_insert(now);
        if is_first {
            self.note_fresh(at, claim.id);
        }
        let width = PartWidth::Wide;
        let stored = StoredResult { fingerprint: claim.fingerprint, at, revision, parts: 0, width, result };
        let first = stored.encode();
        let taken = weight(first.len(), 0);
        let puts = vec![(request(claim.id, 0), first), time_record(claim, at, taken, 0)];
        let cleared = if is_first { clear(claim, &puts, batch) } else { 0 };
        puts.into_iter().for_each(|(key, value)| batch.put(key, value));
        let more = taken - tally.weight - cleared;
        tally.weight = taken;
        more
    }

    /// Stores the result of a request in a batch of its own, because the request needed several batches or
    /// none.
    pub async fn store_alone(
        self: &Arc<Self>,
        claim: Arc<Claim>,
        now: Timestamp,
        revision: Option<u64>,
        result: RequestResult,
    ) -> Result<(), TableError> {
        let idempotency = Arc::clone(self);
        tasks::to_the_end("stored result", async move {
            let mut batch = Batch::default();
            let more = idempotency.store(&claim, now, revision, result, &mut batch);
            idempotency.engine.commit(batch).await?;
            idempotency.count_stored(more);
            Ok(())
        })
        .await
    }

    /// Adds to `batch` the outcomes of an upsert that are not stored yet; `outcomes` are all of them so far.
    /// Returns the same as [`Idempotency::store`].
    #[must_use = "pass it to `count_stored` once the batch is durable"]
    pub fn store_rows(
        &self,
        claim: &Claim,
        progress: &mut Progress,
        (now, revision): (Timestamp, u64),
        outcomes: &[RowOutcome],
        is_complete: bool,
        batch: &mut Batch,
    ) -> i64 {
        let fresh = outcomes.get(progress.rows..).unwrap_or_default();
        let mut rows: Vec<RowResult> =
            fresh.iter().map(|outcome| RowResult::of(outcome, &mut progress.detailed)).collect();
        let is_first = progress.rows == 0;
        progress.rows = outcomes.len();
        let bytes = encode_rows(&rows);
        let mut puts = Vec::new();
        if !is_complete || bytes.len() > INLINE_BYTES {
            rows.clear();
            progress.part_bytes += bytes.len();
            for part in bytes.chunks(PART_BYTES) {
                progress.parts = progress.parts.saturating_add(1);
                puts.push((request(claim.id, progress.parts), part.to_vec()));
            }
        }
        if progress.at.is_none() {
            self.note_fresh(now, claim.id);
        }
        let at = *progress.at.get_or_insert(now);
        let result = RequestResult::Rows { rows, is_complete };
        let parts = progress.parts;
        let (fingerprint, width) = (claim.fingerprint, PartWidth::Wide);
        let stored = StoredResult { fingerprint, at, revision: Some(revision), parts, width, result };
        let first = stored.encode();
        let taken = weight(first.len() + progress.part_bytes, parts);
        puts.push((request(claim.id, 0), first));
        puts.push(time_record(claim, at, taken, parts));
        let cleared = if is_first { clear(claim, &puts, batch) } else { 0 };
        puts.into_iter().for_each(|(key, value)| batch.put(key, value));
        let more = taken - progress.weight - cleared;
        progress.weight = taken;
        more
    }

    /// Counts `more` bytes of stored results, once the batch that stores them is durable.
    pub fn count_stored(&self, more: i64) {
        self.stored_bytes.fetch_add(more, Ordering::Relaxed);
    }
}

/// Deletes the keys of an earlier, void result that `puts` do not overwrite. Returns the bytes that this
/// result took.
fn clear(claim: &Claim, puts: &[(Key, Vec<u8>)], batch: &mut Batch) -> i64 {
    let left = claim.stale.keys.iter().filter(|key| !puts.iter().any(|(put, _)| put == *key));
    left.for_each(|key| batch.delete(key.clone()));
    claim.stale.bytes
}

fn time_record(claim: &Claim, at: Timestamp, taken: i64, parts: u32) -> (Key, Vec<u8>) {
    let size = Size { bytes: u64::try_from(taken).unwrap_or_default(), parts, width: PartWidth::Wide };
    (request_time(at, claim.id), size.encode())
}

impl RowResult {
    /// The stored form of an outcome. Only the first [`FAILURE_DETAILS_MAX_ROWS`] failures are stored with
    /// their details; `detailed` counts them.
    fn of(outcome: &RowOutcome, detailed: &mut usize) -> Self {
        let mut error = outcome.error.as_deref().cloned();
        if let Some(error) = &mut error {
            if *detailed < FAILURE_DETAILS_MAX_ROWS {
                *detailed += 1;
            } else {
                *error = Refusal { taken_by: error.taken_by, ..Refusal::new(error.reason) };
            }
        }
        Self { row: outcome.row, outcome: outcome.outcome, status_kept: outcome.status_kept, error }
    }

    /// The stored form of an outcome, with all its details.
    #[must_use]
    pub fn whole(outcome: &RowOutcome) -> Self {
        Self::of(outcome, &mut 0)
    }

    /// The outcome that was stored.
    #[must_use]
    pub fn outcome(&self) -> RowOutcome {
        let Self { row, outcome, status_kept, ref error } = *self;
        RowOutcome { row, outcome, status_kept, error: error.clone().map(Box::new) }
    }
}

#[cfg(test)]
mod tests;
