//! Planning rows without writing them. They are planned in the same slices as when they are written, because
//! a row sees the revisions of earlier slices.

use std::mem::take;

use crate::model::{RowError, UpsertOptions};
use crate::table::plan::batch::Plan;
use crate::table::plan::prepare::Prepared;
use crate::table::plan::upsert::Uniqueness;
use crate::table::plan::weight::Weight;
use crate::table::{RowOutcome, TableError};

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
    fn leave_slice(&mut self) {
        if self.commit.take().is_some() {
            self.layer.header.revision += 1;
        }
        self.foreseen.extend(take(&mut self.layer.blocks));
        self.weight = Weight::default();
    }
}
