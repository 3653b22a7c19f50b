//! What rows would come to, of which nothing is written yet: planned in the slices that the lane makes of them when they are,
//! because a row sees the revisions of the slices before.

use std::mem::take;

use crate::model::{RowError, UpsertOptions};
use crate::table::plan::upsert::Uniqueness;
use crate::table::plan::weight::Weight;
use crate::table::plan::{Plan, Prepared};
use crate::table::{RowOutcome, TableError};

impl Plan<'_> {
    /// What would become of `rows`, in slices of up to so many. Asks now and then whether the answer is still wanted. The plan is
    /// good for nothing else afterwards.
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

    /// Ends a slice as though it were written: what comes next stands on it, and is counted for another commit.
    fn leave_slice(&mut self) {
        if self.commit.take().is_some() {
            self.layer.header.revision += 1;
        }
        self.foreseen.extend(take(&mut self.layer.blocks));
        self.weight = Weight::default();
    }
}
