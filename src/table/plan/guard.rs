//! The guard against removing many members by mistake.
//!
//! - Every write of a member states the member's status before and after, and gets a [`Step`] for it. Without
//!   a step no member can be written ([`Plan::set_member`]), and only an allowance makes steps. So a removal
//!   that the guard has not allowed does not compile.
//! - A request is judged as a whole, before its first removal, and gets an [`Allowance`]: how many members it
//!   may remove. It never removes more, whatever other requests do between its slices.
//! - Until a request has used its allowance, the lane counts the rest as removed for all other requests.

use std::collections::HashSet;

use crate::model::{Held, RemovalState, Row, RowError, Status, UpsertOptions};
use crate::table::TableError;
use crate::table::plan::allowance::{Allowance, Step, is_removal};
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::delete::{Doomed, LOOKED_UP_TOGETHER};
use crate::table::plan::prepare::Prepared;

/// Fetched blocks with more bytes than this are dropped while members are counted.
const FETCHED_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The members of a delete that exist, counted before the first of them is deleted.
#[derive(Debug, Default)]
pub struct Counted {
    /// How many entries of the request were looked up.
    pub done: usize,
    rows: HashSet<Row>,
}

impl Counted {
    /// Nobody yet, of a request whose first `done` entries are deleted already.
    pub fn after(done: usize) -> Self {
        Self { done, rows: HashSet::new() }
    }

    /// How many members were found.
    pub fn members(&self) -> u64 {
        u64::try_from(self.rows.len()).unwrap_or(u64::MAX)
    }
}

impl Plan<'_> {
    /// Counts removals of unfinished requests, which are not planned yet, as done.
    pub fn reserve(&mut self, removals: u64) {
        self.reserved = removals;
    }

    /// Lets the current request remove members.
    pub fn allow(&mut self, allowance: Allowance) {
        self.allowance = allowance;
    }

    /// What is left of the allowance of the current request.
    pub fn allowance(&self) -> Allowance {
        self.allowance
    }

    /// What the guard judges the current request by, before it has changed anything.
    pub fn removal_state(&self) -> RemovalState {
        let header = &self.layer.header;
        let removed = header.removals.within(self.now);
        let present = header.counts.active.saturating_add(header.counts.invited);
        RemovalState {
            of: present.saturating_add(removed),
            window: removed.saturating_add(self.reserved),
            limit: header.settings.removal_limit,
        }
    }

    /// The allowance of a request that would remove this many members: all of them or none. `is_expected`
    /// says whether an admin expects this number.
    pub fn judge_removals(&self, would_remove: u64, is_expected: bool) -> Allowance {
        let state = self.removal_state();
        let is_allowed = is_expected || state.allows(would_remove);
        Allowance::new(if is_allowed { would_remove } else { 0 }, state.held(would_remove))
    }

    /// The allowance of a request with at most this many removals, if the guard allows so many.
    pub fn allowed_at_once(&self, most: u64) -> Option<Allowance> {
        self.removal_state().allows(most).then(|| self.judge_removals(most, false))
    }

    /// The allowance of rows, if it can be given without counting the members that they make inactive.
    pub fn allow_rows_at_once(
        &self,
        rows: &[Result<Prepared, RowError>],
        options: &UpsertOptions,
    ) -> Option<Allowance> {
        self.allowed_at_once(most_removals(rows, options))
    }

    /// The allowance of rows. Counts the members that they make inactive in a plan that is dropped, so this
    /// plan must have changed nothing yet. A part of the request may be done already (`is_rest`).
    pub async fn judge_rows(
        &self,
        rows: &[Result<Prepared, RowError>],
        options: &UpsertOptions,
        slice_rows: usize,
        is_rest: bool,
        check_wanted: impl Fn() -> Result<(), TableError>,
    ) -> Result<Allowance, TableError> {
        if let Some(allowance) = self.allow_rows_at_once(rows, options) {
            return Ok(allowance);
        }
        let mut counting = Plan::new(self.open, self.in_flight, self.layer.header.clone(), self.now);
        counting.act_for(self.origin, self.sight);
        counting.count_removals();
        counting.foresee(rows, options, slice_rows, check_wanted).await?;
        let would_remove = counting.removed;
        let expected = options.expect_removals;
        let is_expected =
            expected == Some(would_remove) || (is_rest && expected.is_some_and(|most| would_remove <= most));
        Ok(self.judge_removals(would_remove, is_expected))
    }

    /// How many members the current request has removed.
    pub fn removed(&self) -> u64 {
        self.removed
    }

    /// Lets a request that is planned as one remove any number of members, until it is judged.
    pub fn count_removals(&mut self) {
        self.allowance = Allowance::counting();
    }

    /// Looks up members that a request is to delete, and counts those that exist.
    pub async fn count_doomed(&mut self, doomed: &[Doomed], counted: &mut Counted) -> Result<(), TableError> {
        for together in doomed.chunks(LOOKED_UP_TOGETHER) {
            self.work(together.len()).await;
            drop(self.prefetch_members(together).await?);
            for doomed in together {
                let found = loop {
                    match self.find_doomed(doomed) {
                        Ok(found) => break found,
                        Err(Stop::Need(need)) => self.fetch(need).await?,
                        Err(Stop::Failed(error)) => return Err(error),
                    }
                };
                counted.rows.extend(found.map(|(row, ..)| row));
                counted.done += 1;
            }
            if self.fetched_bytes > FETCHED_MAX_BYTES {
                self.forget_fetched();
            }
        }
        Ok(())
    }

    /// Takes a member from one status to another; `None` before it exists and after it is deleted. Refuses a
    /// removal beyond the allowance of the request. The caller writes the member next.
    pub(super) fn step(&mut self, before: Option<Status>, after: Option<Status>) -> Result<Step, Held> {
        let step = self.allowance.step(before, after)?;
        self.removed += u64::from(is_removal(before, after));
        let counts = &mut self.layer.header.counts;
        before.into_iter().for_each(|status| *counts.get_mut(status) -= 1);
        after.into_iter().for_each(|status| *counts.get_mut(status) += 1);
        Ok(step)
    }
}

/// The most members that rows can make inactive.
fn most_removals(rows: &[Result<Prepared, RowError>], options: &UpsertOptions) -> u64 {
    if !options.apply_status {
        return 0;
    }
    let removes = |row: &&Prepared| row.row.status == Some(Status::Inactive);
    u64::try_from(rows.iter().flatten().filter(removes).count()).unwrap_or(u64::MAX)
}
