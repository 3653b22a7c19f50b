//! Plans a batch of actions on single members, in their order.
//!
//! - Every action sees what the actions before it do, whatever members they are about. So applying them in
//!   order has the same outcomes, as long as nobody else writes.
//! - The plan writes nothing and takes no turn in the lane. It is made in slices, each on what is published
//!   at that time. A member that an action has changed stays as the plan has it.
//! - Memory grows with the members that the actions change: some hundred bytes each.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::{
    GuardCounts, GuardExpectation, ListCounts, Origin, Outcome, PlanSummary, Row, RowTally, Sight, Status,
};
use crate::table::open::OpenBase;
use crate::table::plan::{Carried, Plan, READ_TOGETHER};
use crate::table::shared::budget::{Party, Permit};
use crate::table::sync::digest::PlanDigest;
use crate::table::sync::example::{ExampleOf, Examples};
use crate::table::sync::guarded::{Causes, Judged};
use crate::table::sync::request::ListEnd;
use crate::table::{EditWhat, RowOutcome, TableError};

/// Most actions of a slice.
const SLICE_ACTIONS: usize = 1_000;
/// The bytes of memory that are taken for an action: the member after it, and its keys.
const ACTION_BYTES: usize = 512;

/// A batch of actions to plan.
#[derive(Debug, Clone, Copy)]
pub struct ActionsRequest {
    /// Where it comes from.
    pub origin: Origin,
    /// Which fields of members its sender may see.
    pub sight: Sight,
    /// How many actions there are. The plan waits for the memory that so many need.
    pub actions: u64,
    /// What of it an admin expects.
    pub expected: GuardExpectation,
}

/// What an action would do.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedAction {
    /// What would happen. An action that creates a member names no place.
    pub outcome: RowOutcome,
    /// If the action fails because a value belongs to another member: the status of that member.
    pub holder: Option<Status>,
}

/// The plan of a batch in the making. Drop it to give up, or after an error.
pub struct ActionPlan {
    open: Arc<OpenBase>,
    request: ActionsRequest,
    /// The revision at the beginning, and the row of the first member that the plan creates; `None` before
    /// the first slice.
    begun: Option<(u64, Row)>,
    /// The last revision that the plan saw.
    revision: u64,
    carried: Carried,
    tally: RowTally,
    /// Members that actions offboard.
    removed: u64,
    /// What the guard counts.
    counted: GuardCounts,
    digest: PlanDigest,
    /// The members that actions have changed so far.
    changed: HashSet<Row>,
    examples: Examples,
    _memory: Permit,
}

impl ActionPlan {
    /// A plan without actions yet.
    pub(in crate::table) async fn begin(
        open: Arc<OpenBase>,
        request: ActionsRequest,
    ) -> Result<Self, TableError> {
        let bytes = usize::try_from(request.actions).unwrap_or(usize::MAX).saturating_mul(ACTION_BYTES);
        let memory = open.parts.budget.wait(Party::Base(open.number), bytes).await?;
        Ok(Self {
            open,
            request,
            begun: None,
            revision: 0,
            carried: Carried::default(),
            tally: RowTally::default(),
            removed: 0,
            counted: GuardCounts::default(),
            digest: PlanDigest::of_actions(),
            changed: HashSet::new(),
            examples: Examples::new(request.sight),
            _memory: memory,
        })
    }

    /// Plans the next actions. The result is in the same order.
    pub async fn actions(&mut self, actions: &[EditWhat]) -> Result<Vec<PlannedAction>, TableError> {
        let mut planned = Vec::with_capacity(actions.len());
        while let Some(rest) = actions.get(planned.len()..).filter(|rest| !rest.is_empty()) {
            let slice = rest.get(..SLICE_ACTIONS).unwrap_or(rest);
            self.slice(slice, &mut planned).await?;
            tokio::task::yield_now().await;
        }
        Ok(planned)
    }

    /// Plans a slice, or the first actions of it if their members are very large.
    async fn slice(
        &mut self,
        actions: &[EditWhat],
        planned: &mut Vec<PlannedAction>,
    ) -> Result<(), TableError> {
        let open = Arc::clone(&self.open);
        let (mut plan, first_new) = Plan::beside(&open).await?;
        let (_, first_new) = *self.begun.get_or_insert((plan.revision(), first_new));
        self.revision = self.revision.max(plan.revision());
        plan.act_for(self.request.origin, self.request.sight);
        plan.count_only();
        plan.carry_on(std::mem::take(&mut self.carried));
        for together in actions.chunks(READ_TOGETHER) {
            plan.work(together.len()).await;
            plan.prefetch_edits(together).await?;
            for action in together {
                planned.push(self.action(&mut plan, first_new, action).await?);
            }
            if plan.is_full() {
                break;
            }
        }
        self.counted = self.counted.plus(&plan.changes());
        self.carried = plan.carry_off();
        Ok(())
    }

    async fn action(
        &mut self,
        plan: &mut Plan<'_>,
        first_new: Row,
        action: &EditWhat,
    ) -> Result<PlannedAction, TableError> {
        let outcome = RowOutcome::from(&plan.edit(action).await?);
        let removes = action.is_offboard() && outcome.outcome == Outcome::Updated;
        let line = self.tally.rows() + self.removed + 1;
        let of = if removes { ExampleOf::Removed } else { ExampleOf::Row(outcome.outcome) };
        self.examples.add_planned(plan, first_new, of, line, &outcome)?;
        let holder = outcome.error.as_ref().and_then(|error| error.taken_by);
        let holder = holder.map(|row| plan.status_of(row)).transpose()?.flatten();
        let change = plan.change_of(&outcome)?;
        let outcome = outcome.unwritten(first_new);
        if removes {
            self.removed += 1;
            self.digest.offboarded(outcome.row);
        } else {
            self.tally.add(outcome.outcome);
            self.digest.row(outcome.outcome, outcome.row);
        }
        // Later actions change what earlier ones made of the member.
        if let Some((before, _)) = change
            && outcome.row.is_some_and(|row| self.changed.insert(row))
        {
            self.digest.changed(&before);
        }
        Ok(PlannedAction { outcome, holder })
    }

    /// Ends the plan after the last action.
    pub async fn end(self) -> Result<ListEnd, TableError> {
        let (plan, next) = Plan::beside(&self.open).await?;
        let (revision, first_new) = self.begun.unwrap_or((plan.revision(), next));
        let counts = plan.header().counts;
        let judged = Judged {
            wanted: self.counted,
            missing: 0,
            rows: self.tally.rows() + self.removed,
            unreadable: 0,
            present: counts.active.saturating_add(counts.invited),
            state: plan.guard_state(),
            expected: self.request.expected,
        };
        let (hash, rows_hash) = self.digest.finish(&[]);
        let summary = PlanSummary {
            counts: ListCounts { rows: self.tally, removed: self.removed, ..ListCounts::default() },
            unreadable: 0,
            removed_young: (0, 0),
            revisions: (revision, self.revision.max(plan.revision())),
            next_row: first_new.0,
            counted: self.counted,
            of_tiers: judged.of_tiers(),
            hash,
            rows_hash,
            holds: judged.holds(),
        };
        let causes = Causes { over: judged.over(), ..Causes::default() };
        Ok(ListEnd { summary, removed: Vec::new(), examples: self.examples.finish(), causes })
    }
}
