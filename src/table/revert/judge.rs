//! Decides what becomes of each member of a revert, as the lane will, and counts it.

use std::sync::Arc;

use crate::model::{GuardExpectation, GuardState, ListCounts, Member, Outcome, PlanSummary, RowError};
use crate::stored::job::{Reversal, Undo};
use crate::table::TableError;
use crate::table::open::OpenBase;
use crate::table::plan::step_request::StepOutcome;
use crate::table::plan::{Plan, Reversed};
use crate::table::revert::digest::RevertDigest;
use crate::table::revert::request::{RevertEnd, RevertRequest};
use crate::table::sync::{Begun, Causes, Example, ExampleOf, Examples, Judged};

/// Members that are decided together, rounded up to whole groups.
const TOGETHER: usize = 500;
/// A day, in microseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// A revert whose members are in order.
pub struct ReadyRevert {
    pub(super) open: Arc<OpenBase>,
    pub(super) request: RevertRequest,
    pub(super) begun: Begun,
    /// What happens, in the order in which it is applied.
    pub(super) reversals: Vec<Reversal>,
}

impl ReadyRevert {
    /// Begins to decide what happens with each member.
    pub async fn judge(&self) -> Result<RevertJudge<'_>, TableError> {
        RevertJudge::begin(self).await
    }
}

/// The plan of a revert, while it decides. Drop it to give up.
pub struct RevertJudge<'a> {
    ready: &'a ReadyRevert,
    /// A plan that is never written, and that sees what it has decided so far.
    plan: Plan<'a>,
    /// The next member.
    next: usize,
    /// The base before: its revision, its active and invited members, and what the guard knows.
    revision: u64,
    present: u64,
    state: GuardState,
    counts: ListCounts,
    young: (u64, u64),
    digest: RevertDigest,
    examples: Examples,
}

impl<'a> RevertJudge<'a> {
    async fn begin(ready: &'a ReadyRevert) -> Result<Self, TableError> {
        let (mut plan, _) = Plan::beside(&ready.open).await?;
        plan.act_for(ready.request.origin, ready.request.sight);
        let present = plan.header().counts;
        let (revision, state) = (plan.revision(), plan.guard_state());
        plan.count_only();
        Ok(Self {
            plan,
            next: 0,
            revision,
            present: present.active.saturating_add(present.invited),
            state,
            counts: ListCounts::default(),
            young: (0, 0),
            digest: RevertDigest::default(),
            examples: Examples::new(ready.request.sight),
            ready,
        })
    }

    /// Decides about the next members; `None` at the end. Those that change come before those of their group
    /// that stay.
    pub async fn next(&mut self) -> Result<Option<Vec<Reversal>>, TableError> {
        let rest = self.ready.reversals.get(self.next..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let mut count = 0;
        while let Some(first) = rest.get(count) {
            count += 1;
            if count >= TOGETHER && !first.with_next {
                break;
            }
        }
        let some = rest.get(..count).unwrap_or(rest);
        let reversed = self.plan.reverse(some).await?;
        self.plan.leave_slice();
        self.next += reversed.len();
        let mut decided = Vec::with_capacity(reversed.len());
        let mut stays = Vec::new();
        for (reversal, reversed) in some.iter().zip(reversed) {
            let ends_group = !reversal.with_next;
            let reversal = self.count(reversal.clone(), reversed)?;
            if reversal.does.is_change() {
                decided.push(Reversal { with_next: true, ..reversal });
            } else {
                stays.push(Reversal { with_next: false, ..reversal });
            }
            if ends_group {
                if let Some(last) = decided.last_mut() {
                    last.with_next = false;
                }
                decided.append(&mut stays);
            }
        }
        Ok(Some(decided))
    }

    /// Counts what happens with a member.
    fn count(&mut self, mut reversal: Reversal, reversed: Reversed) -> Result<Reversal, TableError> {
        let Reversed { outcome, before, after } = reversed;
        let outcome = match outcome {
            StepOutcome::Row(outcome) => outcome,
            StepOutcome::Removed | StepOutcome::Deleted(_) => {
                self.removed(&reversal, before, after);
                self.digest.add(&reversal);
                return Ok(reversal);
            }
            StepOutcome::Spared(_) | StepOutcome::Edited(_) => {
                return Err(TableError::Damaged("a revert did something else".to_owned()));
            }
        };
        let error = outcome.error.clone();
        match (outcome.outcome, &error, &mut reversal.does) {
            (Outcome::Failed, Some(why), does) => *does = Undo::Stays(RowError::clone(why)),
            (Outcome::Unchanged, _, does) => *does = Undo::Unchanged,
            (Outcome::Reactivated, _, Undo::Back { reactivates, .. }) => *reactivates = true,
            _ => {}
        }
        self.counts.rows.add(outcome.outcome);
        self.digest.add(&reversal);
        self.examples.add(Example {
            of: ExampleOf::Row(outcome.outcome),
            line: None,
            row: reversal.row,
            before: before.map(Box::new),
            after: after.map(Box::new),
            error,
        });
        Ok(reversal)
    }

    fn removed(&mut self, reversal: &Reversal, before: Option<Member>, after: Option<Member>) {
        self.counts.removed += 1;
        let created_at = before.as_ref().map(|member| member.created_at.micros());
        let age = created_at.map_or(i64::MAX, |at| self.plan.now().micros().saturating_sub(at));
        self.young.0 += u64::from(age < DAY);
        self.young.1 += u64::from(age < 7 * DAY);
        let error = match &reversal.does {
            Undo::Offboard(why) => Some(Box::new(why.clone())),
            Undo::Stays(_) | Undo::Unchanged | Undo::Back { .. } | Undo::Returns { .. } | Undo::Delete(_) => {
                None
            }
        };
        self.examples.add(Example {
            of: ExampleOf::Removed,
            line: None,
            row: reversal.row,
            before: before.map(Box::new),
            after: after.map(Box::new),
            error,
        });
    }

    /// Ends the plan after the last member.
    #[must_use]
    pub fn end(self) -> RevertEnd {
        let counted = self.plan.changes();
        let judged = Judged {
            wanted: counted,
            missing: 0,
            rows: self.counts.rows.rows(),
            unreadable: 0,
            present: self.present,
            state: self.state,
            expected: GuardExpectation::default(),
        };
        let begun = self.ready.begun;
        let hash = self.digest.finish();
        let summary = PlanSummary {
            counts: self.counts,
            unreadable: 0,
            removed_young: self.young,
            revisions: (begun.revision, begun.revision.max(self.revision)),
            next_row: begun.next_row,
            counted,
            of_tiers: judged.of_tiers(),
            // A revert that takes back less is another one.
            hash,
            rows_hash: hash,
            holds: judged.holds(),
        };
        let causes = Causes { over: judged.over(), ..Causes::default() };
        RevertEnd { summary, examples: self.examples.finish(), causes }
    }
}
