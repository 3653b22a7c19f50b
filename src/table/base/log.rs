//! What the commit log of an open base tells.

use std::collections::BTreeSet;

use super::handle::Base;
use crate::model::{Member, Row, Timestamp};
use crate::table::TableError;
use crate::table::read::activity::{self, Activity};
use crate::table::read::history::{HistoryPlace, HistoryWalk};
use crate::table::read::{before, deleted};

impl Base {
    /// The members that the commit of a revision deleted, as they were. Empty if the commit log no longer has
    /// it.
    pub async fn deleted_by(&self, revision: u64) -> Result<Vec<(Row, Member)>, TableError> {
        deleted::deleted_by(&self.open, revision).await
    }

    /// The members of an earlier revision at rows whose members were changed since. Rows are left out if the
    /// commit log no longer has what was changed.
    pub async fn members_at(
        &self,
        revision: u64,
        rows: BTreeSet<Row>,
    ) -> Result<Vec<(Row, Member)>, TableError> {
        before::members(&self.open, revision, rows).await
    }

    /// A walk through the history of the member at a row, which reads about `bytes` of the commit log.
    /// `present` is the member as a view has it, with revision and time of the view; `place` is where an
    /// earlier walk stopped.
    #[must_use]
    pub fn history(
        &self,
        row: Row,
        present: (Option<Member>, u64, Timestamp),
        place: Option<HistoryPlace>,
        bytes: u64,
    ) -> HistoryWalk<'_> {
        HistoryWalk::new(&self.open, row, present, place, bytes)
    }

    /// How many commits were made between these times, which ascend, and since the last of them.
    pub async fn activity(&self, since: &[Timestamp]) -> Result<Activity, TableError> {
        activity::activity(&self.open, since).await
    }
}
