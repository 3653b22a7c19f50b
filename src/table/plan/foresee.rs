//! Planning rows without writing them.
//!
//! - A plan beside the lane is made on what is published, and other requests write meanwhile. The members
//!   that it would create get rows far beyond those that others can get, so the two are never confused.
//! - The rows of a request are planned in the same slices as when they are written, because a row sees the
//!   revisions of earlier slices.

use std::mem::take;

use crate::model::{Row, RowError, Sight, UpsertOptions};
use crate::stored::block::ROWS_PER_BLOCK;
use crate::table::open::OpenBase;
use crate::table::plan::batch::Plan;
use crate::table::plan::keeper::Keeper;
use crate::table::plan::prepare::Prepared;
use crate::table::plan::upsert::Uniqueness;
use crate::table::plan::weight::Weight;
use crate::table::{RowOutcome, TableError};

/// The distance from the next row to the rows of members that would be created. No base gets this many
/// members while a request is planned.
const FAR: u64 = 1 << 40;

impl<'a> Plan<'a> {
    /// A plan on what is published, made beside the lane and never written. Also returns the row of the first
    /// member that it would create.
    pub async fn beside(open: &'a OpenBase) -> Result<(Self, Row), TableError> {
        let (mut header, now, of_tiers) = {
            let published = open.published.read().await;
            let now = open.now(&published.header);
            (published.header.clone(), now, published.of_tiers(now))
        };
        if header.deleted_at.is_some() {
            return Err(TableError::BaseDeleted);
        }
        // Begin with a new block, so none is read.
        header.next_row = header.next_row.next_multiple_of(ROWS_PER_BLOCK).saturating_add(FAR);
        let first_new = Row(header.next_row);
        let mut plan = Self::new(open, &[], header, now);
        plan.is_beside = true;
        plan.of_tiers = of_tiers;
        Ok((plan, first_new))
    }
}

impl RowOutcome {
    /// The outcome of a row that was planned and not written. Removes the places of members that the request
    /// would have created: all from `first_new` on.
    pub(in crate::table) fn unwritten(mut self, first_new: Row) -> Self {
        let is_there = |row: &Row| *row < first_new;
        if let Some(error) = &mut self.error {
            error.taken_by = error.taken_by.filter(is_there);
        }
        Self { row: self.row.filter(is_there), ..self }
    }
}

impl Plan<'_> {
    /// The outcomes that `rows` would have, in slices of up to `slice_rows`. Calls `check_wanted` now and
    /// then, and gives up if the reply is no longer wanted. The plan cannot be used for anything else
    /// afterwards.
    pub async fn foresee(
        &mut self,
        rows: &[Result<Prepared, RowError>],
        options: &UpsertOptions,
        slice_rows: usize,
        check_wanted: impl Fn() -> Result<(), TableError>,
    ) -> Result<Vec<RowOutcome>, TableError> {
        // Nothing of it is written, so nobody enters or leaves an audience.
        self.audiences = Keeper::default();
        let mut outcomes = Vec::with_capacity(rows.len());
        while let Some(left) = rows.get(outcomes.len()..).filter(|left| !left.is_empty()) {
            let slice = left.get(..slice_rows).unwrap_or(left);
            let room = |plan: &Self| !plan.is_full();
            outcomes.extend(self.upsert_some(slice, options, Uniqueness::ByRow, &check_wanted, room).await?);
            self.leave_slice();
            tokio::task::yield_now().await;
            check_wanted()?;
        }
        Ok(outcomes)
    }

    /// Ends a slice as if it were written: later rows are planned on top of it and counted for another
    /// commit.
    pub fn leave_slice(&mut self) {
        if self.commit.take().is_some() {
            self.layer.header.revision += 1;
        }
        self.foreseen.extend(take(&mut self.layer.blocks));
        (self.weight, self.unweighed) = (Weight::default(), (self.sight == Sight::Whole).then_some(0));
    }
}
