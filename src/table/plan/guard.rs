//! The guard against requests that remove or change many members by mistake.
//!
//! - Every write of a member states the member before and after, and gets a [`Step`] for it. Without a step
//!   no member can be written ([`Plan::set_member`]), and only an allowance makes steps. So a write that the
//!   guard has not allowed does not compile.
//! - A request is judged as a whole, before its first commit, and gets an [`Allowance`]. What others write
//!   between its slices may let a row change what it would not have changed before. So besides its allowance
//!   a later slice may do what the limits have room for then, but nothing of a kind that was refused, and no
//!   removals if single tiers have limits. The rows of a job may use that room too.
//! - Until a request has used its allowance, the lane counts the rest as done for all other requests.
//! - What a request did is added to the window in the head by the commit that does it.

use std::collections::HashSet;

use crate::model::counted::Written;
use crate::model::{
    Allowance, GuardCounts, GuardExpectation, GuardState, Held, Member, Row, Status, Step, Tier, TierCounts,
};
use crate::table::TableError;
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::delete::{Doomed, LOOKED_UP_TOGETHER};
use crate::table::plan::step_request::Judging;

/// Fetched blocks with more bytes than this are dropped while members are counted.
pub(super) const FETCHED_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The members of a delete that exist, counted before the first of them is deleted.
#[derive(Debug, Default)]
pub struct Counted {
    /// How many entries of the request were looked up.
    pub done: usize,
    rows: HashSet<Row>,
    of_tiers: TierCounts,
}

impl Counted {
    /// Nobody yet, of a request whose first `done` entries are deleted already.
    pub fn after(done: usize) -> Self {
        Self { done, ..Self::default() }
    }

    /// How many members were found.
    pub fn members(&self) -> u64 {
        u64::try_from(self.rows.len()).unwrap_or(u64::MAX)
    }

    /// What deleting them counts as.
    pub fn counts(&self) -> GuardCounts {
        GuardCounts { of_tiers: self.of_tiers, ..GuardCounts::of_removals(self.members()) }
    }
}

impl Plan<'_> {
    /// Counts what unfinished requests have still to do, and is not planned yet, as done.
    pub fn reserve(&mut self, counts: GuardCounts) {
        self.reserved = counts;
    }

    /// Lets the current request do what the guard allowed it.
    pub fn allow(&mut self, allowance: Allowance) {
        self.allowance = allowance;
    }

    /// What the current request has done so far.
    pub fn changes(&self) -> GuardCounts {
        self.counted
    }

    /// The last refusal of a write of the current request by the guard.
    pub fn held(&self) -> Option<Held> {
        self.held.clone()
    }

    /// What the guard judges the current request by, before it has changed anything.
    pub fn guard_state(&self) -> GuardState {
        let state = self.layer.header.guard_state(self.now);
        let window = state.window.plus(&self.reserved);
        GuardState { window, of_tiers: self.of_tiers, ..state }
    }

    /// Allows a call about one member what one write can do, kind by kind.
    pub fn allow_one(&mut self, expected: &GuardExpectation) {
        let one = self.in_any_tier(GuardCounts::ONE_EACH);
        self.allowance = self.guard_state().judge_each(&one, |kind| expected.get(kind) == Some(1));
    }

    /// The allowance of a job whose plan wants this, with these removals of single tiers.
    pub fn judge_job(
        &self,
        wanted: GuardCounts,
        of_tiers: &[(Tier, u64)],
        expected: &GuardExpectation,
    ) -> Result<Allowance, Held> {
        let of_tiers = self.layer.header.settings.tier_limits.placed(of_tiers);
        self.guard_state().judge(&GuardCounts { of_tiers, ..wanted }, expected)
    }

    /// What is left of the plan of a job after its step, of which so much was left before. Of the removals of
    /// each tier these are the most.
    pub fn left_of_job(&self, judging: &Judging, before: &GuardCounts) -> GuardCounts {
        let (Judging::Whole { of_tiers, .. } | Judging::Done { of_tiers, .. }) = judging;
        let left = before.minus(&self.counted);
        let of_tiers = self.layer.header.settings.tier_limits.placed(of_tiers);
        let most = self.layer.header.settings.tier_limits.each(left.removals);
        GuardCounts { of_tiers: of_tiers.with(&most, u64::min), ..left }
    }

    /// The allowance of a request that does at most this much, if the guard allows so much.
    pub fn allowed_at_once(&self, most: &GuardCounts) -> Option<Allowance> {
        self.guard_state().judge(&self.in_any_tier(*most), &GuardExpectation::default()).ok()
    }

    /// Looks up how many members the tiers have that have a limit of their own.
    pub async fn know_tiers(&mut self) {
        if !self.layer.header.settings.tier_limits.is_empty() {
            let open = self.open;
            self.of_tiers = open.published.read().await.of_tiers(self.now);
        }
    }

    /// What a write counts as that removes a member of a tier.
    pub(super) fn in_tier(&self, counts: GuardCounts, before: Option<&Member>) -> GuardCounts {
        counts.in_tier_of(before, &self.layer.header.settings.tier_limits)
    }

    /// The most that writes count as that remove members of unknown tiers.
    pub(super) fn in_any_tier(&self, most: GuardCounts) -> GuardCounts {
        let of_tiers = self.layer.header.settings.tier_limits.each(most.removals);
        GuardCounts { of_tiers, ..most }
    }

    /// Lets a request do anything, until it is judged by what it did.
    pub fn count_only(&mut self) {
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
                if let Some((row, member, _)) = found
                    && counted.rows.insert(row)
                {
                    let slot = self.layer.header.settings.tier_limits.slot(member.profile.tier.as_ref());
                    slot.into_iter().for_each(|slot| counted.of_tiers.add(slot, 1));
                }
                counted.done += 1;
            }
            if self.fetched_bytes > FETCHED_MAX_BYTES {
                self.forget_fetched();
            }
        }
        Ok(())
    }

    /// How a write of the current request counts whose sender sees everything that it writes, and whose
    /// member was found by its ref or id.
    pub(super) fn plainly(&self) -> Written {
        Written { fold: self.open.parts.hashes.fold(), ref_is_identity: false, unseen: None }
    }

    /// Takes a member from one state to another; `None` before it exists and after it is deleted. Refuses a
    /// write beyond the allowance of the request. The caller writes the member next.
    pub(super) fn step(
        &mut self,
        before: Option<&Member>,
        after: Option<&Member>,
        written: Written,
    ) -> Result<Step, Held> {
        match before {
            // A new member counts as nothing.
            None => self.step_as(&GuardCounts::NONE, before, after),
            Some(_) => self.step_as(&GuardCounts::of_write(before, after, written), before, after),
        }
    }

    /// The same for a write that counts as this much.
    pub(super) fn step_as(
        &mut self,
        written: &GuardCounts,
        before: Option<&Member>,
        after: Option<&Member>,
    ) -> Result<Step, Held> {
        let in_tier;
        let written = if written.removals > 0 {
            in_tier = self.in_tier(*written, before);
            &in_tier
        } else {
            written
        };
        let step = match self.allowance.step(written) {
            Ok(step) => step,
            Err(held) => {
                self.held = Some(held.clone());
                return Err(held);
            }
        };
        if !written.is_zero() {
            self.counted = self.counted.plus(written);
        }
        if !self.is_beside {
            let status = |member: Option<&Member>| -> Option<Status> { member.map(|member| member.status) };
            let counts = &mut self.layer.header.counts;
            status(before).into_iter().for_each(|status| *counts.get_mut(status) -= 1);
            status(after).into_iter().for_each(|status| *counts.get_mut(status) += 1);
        }
        Ok(step)
    }
}
