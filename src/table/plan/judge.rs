//! Judging the rows of an upsert as a whole, before any of them is written. The three ways, cheapest first:
//!
//! 1. By what the rows could do at most: from their fields alone, and then from which of them find a member
//!    and do not repeat what was applied to it. This decides nearly every request.
//! 2. Rows of one batch are planned and judged by what they did; if that is too much, the plan is dropped.
//! 3. More rows are counted one by one, each as if it were the only one. So this takes memory for one row at
//!    a time. A row whose member another row found before counts as the most that it could do, and a row that
//!    fails because of other members counts too; so the number is never too small.

use std::sync::{Mutex, PoisonError};

use foldhash::{HashSet, HashSetExt};

use crate::model::{
    Allowance, GuardCounts, GuardExpectation, GuardKind, GuardState, Row, RowError, UpsertOptions,
};
use crate::table::index::resolve::Wanted;
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::decide::{Decided, is_repeat};
use crate::table::plan::guard::FETCHED_MAX_BYTES;
use crate::table::plan::prepare::Prepared;
use crate::table::{RowOutcome, TableError};

/// Rows that are looked up together.
const READ_TOGETHER: usize = 128;
/// Rows whose keys are looked up together.
const FIND_TOGETHER: usize = 1_024;

impl<'a> Plan<'a> {
    /// An empty plan for the same request, in the current state. It is dropped after it was used to foresee
    /// or count something.
    fn fork(&self) -> Plan<'a> {
        let mut plan = Plan::new(self.open, self.in_flight, self.layer.header.clone(), self.now);
        plan.act_for(self.origin, self.sight);
        plan.reserve(self.reserved);
        plan.is_beside = self.is_beside;
        plan.of_tiers = self.of_tiers;
        plan
    }
}

impl Plan<'_> {
    /// The allowance of rows, if what they could do at most is allowed.
    pub async fn allow_rows_at_once(
        &mut self,
        rows: &[Result<Prepared, RowError>],
        options: &UpsertOptions,
    ) -> Result<Option<Allowance>, TableError> {
        let (mut most, mut leaving) = (GuardCounts::default(), 0_u64);
        for row in rows.iter().flatten() {
            row.most.add_to(&mut most);
            leaving += u64::from(row.most.leaves);
        }
        let inactive = self.layer.header.counts.inactive.saturating_add(leaving);
        let bounded = |most| with_inactive(most, inactive, options);
        if let Some(allowance) = self.allowed_at_once(&bounded(most)) {
            return Ok(Some(allowance));
        }
        if rows.iter().flatten().any(|row| row.matched_by.keys().next().is_none()) {
            // A member that is found by its id may get the key of another row.
            return Ok(None);
        }
        let mut found = GuardCounts::default();
        let (mut keys, mut members) = (HashSet::with_capacity(rows.len()), HashSet::new());
        for together in rows.chunks(FIND_TOGETHER) {
            let wanted: Vec<Wanted> =
                together.iter().flatten().flat_map(|row| row.matched_by.keys()).collect();
            self.work(together.len()).await;
            self.fetch_hashes(&wanted).await?;
            for row in together.iter().flatten() {
                let mut may_change = false;
                for key in row.matched_by.keys() {
                    may_change |= !keys.insert(key);
                    may_change |= self.may_change(key, row, &mut members)?;
                }
                if may_change {
                    row.most.add_to(&mut found);
                }
            }
            if self.allowed_at_once(&bounded(found)).is_none() {
                return Ok(None);
            }
        }
        Ok(self.allowed_at_once(&bounded(found)))
    }

    /// Whether a row may change a member: it may find one, and neither repeats what was applied to it last
    /// nor comes after another row that may find it (`members`).
    fn may_change(
        &self,
        key: Wanted,
        row: &Prepared,
        members: &mut HashSet<u64>,
    ) -> Result<bool, TableError> {
        let candidates = match self.candidates(key) {
            Ok(candidates) => candidates,
            Err(Stop::Need(_)) => return Ok(true),
            Err(Stop::Failed(error)) => return Err(error),
        };
        let is_new = candidates.iter().fold(true, |is_new, (member, _)| members.insert(*member) && is_new);
        let is_repeated = || candidates.iter().any(|(_, fingerprint)| is_repeat(*fingerprint, row));
        Ok(!candidates.is_empty() && (!is_new || !is_repeated()))
    }

    /// The allowance of rows. This plan must have changed nothing yet.
    pub async fn judge_rows(
        &mut self,
        rows: &[Result<Prepared, RowError>],
        options: &UpsertOptions,
        expecting: Expecting<'_>,
        check_wanted: impl Fn() -> Result<(), TableError>,
    ) -> Result<Allowance, TableError> {
        if let Some(allowance) = self.allow_rows_at_once(rows, options).await? {
            return Ok(allowance);
        }
        let wanted = self.count_rows(rows, options, check_wanted).await?;
        Ok(judge_counts(&self.guard_state(), &wanted, expecting))
    }

    /// The outcomes that rows of one batch would have, and their allowance. Like [`Plan::foresee`], it leaves
    /// a plan that cannot be used for anything else.
    pub async fn foresee_judged(
        &mut self,
        rows: &[Result<Prepared, RowError>],
        options: &UpsertOptions,
        slice_rows: usize,
        expecting: Expecting<'_>,
        check_wanted: impl Fn() -> Result<(), TableError>,
    ) -> Result<(Vec<RowOutcome>, Allowance), TableError> {
        if rows.len() > slice_rows {
            let allowance = self.judge_rows(rows, options, expecting, &check_wanted).await?;
            self.allow(allowance.clone());
            return Ok((self.foresee(rows, options, slice_rows, check_wanted).await?, allowance));
        }
        let mut counting = self.fork();
        counting.count_only();
        let outcomes = counting.foresee(rows, options, slice_rows, &check_wanted).await?;
        let wanted = counting.changes();
        let allowance = judge_counts(&self.guard_state(), &wanted, expecting);
        if allowance.left() == wanted {
            return Ok((outcomes, allowance));
        }
        self.allow(allowance.clone());
        Ok((self.foresee(rows, options, slice_rows, check_wanted).await?, allowance))
    }

    /// Counts what each row would do if it were the only one.
    async fn count_rows(
        &self,
        rows: &[Result<Prepared, RowError>],
        options: &UpsertOptions,
        check_wanted: impl Fn() -> Result<(), TableError>,
    ) -> Result<GuardCounts, TableError> {
        let mut plan = self.fork();
        let mut wanted = GuardCounts::default();
        let (mut keys, mut members) = (HashSet::with_capacity(rows.len()), HashSet::new());
        for together in rows.chunks(READ_TOGETHER) {
            plan.work(together.len()).await;
            check_wanted()?;
            plan.prefetch_keys(together.iter().flatten()).await?;
            plan.prefetch_blocks(together.iter().flatten()).await?;
            for row in together.iter().flatten() {
                let (found, counts) = plan.count_row(row, options).await?;
                let is_new_key = keys.insert(row.matched_by);
                let is_new = found.is_none_or(|found| members.insert(found)) && is_new_key;
                wanted = wanted.plus(&if is_new { counts } else { plan.in_any_tier(row.most.counts()) });
            }
            plan.resolved.clear();
            if plan.fetched_bytes > FETCHED_MAX_BYTES {
                plan.forget_fetched();
            }
        }
        Ok(wanted)
    }

    /// The member that a row finds, and what the row does to it.
    async fn count_row(
        &mut self,
        row: &Prepared,
        options: &UpsertOptions,
    ) -> Result<(Option<Row>, GuardCounts), TableError> {
        loop {
            let current = match self.current(row) {
                Ok(current) => current,
                Err(Stop::Need(need)) => {
                    self.fetch(need).await?;
                    continue;
                }
                Err(Stop::Failed(error)) => return Err(error),
            };
            return Ok(match self.decide(current, row, options) {
                Decided::Change(change) => {
                    let (old, new) = (&*change.old, &change.new);
                    let counts = GuardCounts::of_write(Some(old), Some(new), change.written);
                    (Some(change.row), self.in_tier(counts, Some(old)))
                }
                Decided::Done(outcome) => (outcome.row, GuardCounts::default()),
                Decided::Create(_) => (None, GuardCounts::default()),
            });
        }
    }
}

/// The changes that an admin expects of a series of requests together. Each request uses up what the guard
/// does not allow it anyway.
#[derive(Debug, Default)]
pub struct Budget(Mutex<GuardExpectation>);

impl Budget {
    /// So many changes in all.
    #[must_use]
    pub fn new(expected: GuardExpectation) -> Self {
        Self(Mutex::new(expected))
    }

    /// Uses so many changes of a kind, if so many are left.
    fn take(&self, kind: GuardKind, changes: u64) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = left.get(kind).and_then(|left| left.checked_sub(changes));
        if rest.is_some() {
            *left.get_mut(kind) = rest;
        }
        rest.is_some()
    }
}

/// The changes that an admin expects of a request.
#[derive(Debug, Clone, Copy)]
pub struct Expecting<'a> {
    /// Exactly so many.
    pub expected: GuardExpectation,
    /// Whether a part of the request is done already; then an expected number is the most.
    pub is_rest: bool,
    /// What is expected of the series that it belongs to.
    pub budget: Option<&'a Budget>,
}

impl Expecting<'_> {
    /// Whether so many changes of a kind are expected. Ask only if the guard does not allow them.
    fn covers(&self, kind: GuardKind, changes: u64) -> bool {
        let is_expected =
            self.expected.get(kind).is_some_and(|most| most == changes || (self.is_rest && changes <= most));
        is_expected || self.budget.is_some_and(|budget| budget.take(kind, changes))
    }
}

/// What rows could do at most if so many members are inactive or are made so by the rows: no others come
/// back.
fn with_inactive(most: GuardCounts, inactive: u64, options: &UpsertOptions) -> GuardCounts {
    if options.apply_status {
        return most;
    }
    GuardCounts { reactivations: most.reactivations.min(inactive), ..most }
}

/// The allowance of rows that want to do this much.
pub fn judge_counts(state: &GuardState, wanted: &GuardCounts, expecting: Expecting<'_>) -> Allowance {
    state.judge_each(wanted, |kind| expecting.covers(kind, wanted.get(kind)))
}
