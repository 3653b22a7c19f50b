//! Upserts of many rows: one after another, or as a whole (ATOMIC).

use crate::model::limits::ATOMIC_MAX_BYTES;
use crate::model::{Outcome, RowError, Sight, UpsertOptions};
use crate::table::index::entries::hash_of;
use crate::table::plan::batch::{CHANGE_BYTES, Plan, Stop};
use crate::table::plan::prepare::{Prepared, key_of};
use crate::table::plan::seen::Seen;
use crate::table::plan::upsert::{Uniqueness, taken};
use crate::table::read::view::holds;
use crate::table::{RowOutcome, TableError};

/// Rows whose keys are looked up together.
const FIND_TOGETHER: usize = 1_024;
/// Rows whose blocks are read together: at most 64 MiB, if each row is in a block of its own and all members
/// are of the largest size. After this many rows the task yields to the others of its thread.
pub const READ_TOGETHER: usize = 128;

impl Plan<'_> {
    /// Applies every row and checks uniqueness after the last one, so two members may swap a value. If a row
    /// fails, every outcome is a failure and the caller must drop the plan.
    pub async fn upsert_atomically(
        &mut self,
        rows: &[Result<Prepared, RowError>],
        options: &UpsertOptions,
        check_wanted: impl Fn() -> Result<(), TableError>,
    ) -> Result<Vec<RowOutcome>, TableError> {
        let fits = |plan: &Self| plan.check_one_commit(rows.len()).is_ok();
        let state = self.guard_state();
        self.count_only();
        let mut outcomes = self.upsert_some(rows, options, Uniqueness::AtTheEnd, &check_wanted, fits).await?;
        self.check_one_commit(rows.len())?;
        for (nth, (outcome, row)) in outcomes.iter_mut().zip(rows).enumerate() {
            if nth % READ_TOGETHER == READ_TOGETHER - 1 {
                self.work(READ_TOGETHER).await;
                check_wanted()?;
            }
            if let (Some(refusal), Ok(_)) = (self.judge(outcome, row).await?, row) {
                *outcome = RowOutcome::failed(outcome.row, refusal);
            }
        }
        let wanted = self.counted;
        let allowed = state.judge_each(&wanted, |kind| options.expected.get(kind) == Some(wanted.get(kind)));
        for (index, counts) in &self.counted_rows {
            // Of a kind that is not allowed nothing is left.
            let refused = counts.first_above(&allowed.left());
            if let (Some(what), Some(outcome)) = (refused, outcomes.get_mut(*index)) {
                *outcome =
                    RowOutcome::failed(outcome.row, state.held(what, wanted.of_limited(what)).of_row());
            }
        }
        if outcomes.iter().any(RowOutcome::is_failed) {
            outcomes.iter_mut().for_each(RowOutcome::abort);
        }
        Ok(outcomes)
    }

    /// The bytes that the current request counts as one commit, if its sender does not see all fields. For
    /// other senders this is `None`, and the batch is measured once it is encoded.
    pub fn counted(&self) -> Option<usize> {
        (self.sight != Sight::Whole).then(|| self.bytes_of_one_commit())
    }

    /// Refuses a request of this many rows that certainly does not fit into one commit.
    pub(super) fn check_one_commit(&self, rows: usize) -> Result<(), TableError> {
        let bytes = self.bytes_of_one_commit();
        // A change may take fewer bytes than are counted for it.
        let most = match self.sight {
            Sight::Whole => ATOMIC_MAX_BYTES + rows * CHANGE_BYTES,
            Sight::WithoutPii => ATOMIC_MAX_BYTES,
        };
        if bytes > most { Err(TableError::too_large(rows, bytes)) } else { Ok(()) }
    }

    /// Applies rows one after another, and stops after the row that fills the batch. There may be fewer
    /// outcomes than rows.
    pub async fn upsert_while_room(
        &mut self,
        rows: &[Result<Prepared, RowError>],
        options: &UpsertOptions,
    ) -> Result<Vec<RowOutcome>, TableError> {
        self.upsert_some(rows, options, Uniqueness::ByRow, || Ok(()), |plan| !plan.is_full()).await
    }

    /// Applies rows one after another while `go_on` returns true. Calls `check_wanted` now and then, and
    /// gives up if the reply is no longer wanted.
    pub(super) async fn upsert_some(
        &mut self,
        rows: &[Result<Prepared, RowError>],
        options: &UpsertOptions,
        uniqueness: Uniqueness,
        check_wanted: impl Fn() -> Result<(), TableError>,
        go_on: impl Fn(&Self) -> bool,
    ) -> Result<Vec<RowOutcome>, TableError> {
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut seen = Vec::new().into_iter();
        for (nth, together) in rows.chunks(READ_TOGETHER).enumerate() {
            let at = nth * READ_TOGETHER;
            if at.is_multiple_of(FIND_TOGETHER) {
                let found = rows.get(at..).unwrap_or_default();
                let found = found.get(..FIND_TOGETHER).unwrap_or(found);
                seen = self.look_for(found, uniqueness).await?.into_iter();
            }
            let seen: Vec<Seen> = seen.by_ref().take(together.len()).collect();
            self.work(together.len()).await;
            check_wanted()?;
            let others = together.iter().zip(&seen).filter(|(_, seen)| **seen == Seen::Fetched);
            self.prefetch_blocks(others.filter_map(|(row, _)| row.as_ref().ok())).await?;
            for (row, seen) in together.iter().zip(seen) {
                // Only what the rows of an ATOMIC request count as is told row by row.
                let before = (uniqueness == Uniqueness::AtTheEnd).then_some(self.counted);
                let outcome = match row {
                    Ok(prepared) => match self.still(seen, prepared) {
                        Seen::Repeated(member) => RowOutcome::ok(member, Outcome::Unchanged),
                        Seen::Absent => self.create_row(prepared, options).await?,
                        Seen::Fetched => self.upsert_row(prepared, options, uniqueness).await?,
                    },
                    Err(refusal) => RowOutcome::failed(None, refusal.clone()),
                };
                if let Some(before) = before.filter(|before| *before != self.counted) {
                    self.counted_rows.push((outcomes.len(), self.counted.minus(&before)));
                }
                outcomes.push(outcome);
                if !go_on(self) {
                    return Ok(outcomes);
                }
            }
        }
        Ok(outcomes)
    }

    /// Refuses the row if another member now has a value that the row's member has too.
    async fn judge(
        &mut self,
        outcome: &RowOutcome,
        row: &Result<Prepared, RowError>,
    ) -> Result<Option<RowError>, TableError> {
        let Ok(prepared) = row else { return Ok(None) };
        loop {
            match self.try_judge(outcome, prepared) {
                Ok(verdict) => return Ok(verdict),
                Err(Stop::Need(need)) => self.fetch(need).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    fn try_judge(&self, outcome: &RowOutcome, prepared: &Prepared) -> Result<Option<RowError>, Stop> {
        if !matches!(outcome.outcome, Outcome::Created | Outcome::Updated | Outcome::Reactivated) {
            return Ok(None);
        }
        let Some(row) = outcome.row else { return Ok(None) };
        let Some((member, _)) = self.member(row)? else { return Ok(None) };
        for (kind, hash) in prepared.others.iter().copied().chain(prepared.matched_by.keys()) {
            // A later row may have given the member another value.
            if hash_of(&self.open.parts.hashes, kind, &member) != Some(hash) {
                continue;
            }
            let Some(key) = key_of(&prepared.row.patch, kind) else { continue };
            if let Some((holder, ..)) = self.holder((kind, hash), Some(row), |other| {
                holds(other, key, self.open.parts.hashes.fold(), self.now)
            })? {
                return Ok(Some(taken(kind, holder)));
            }
        }
        Ok(None)
    }
}
