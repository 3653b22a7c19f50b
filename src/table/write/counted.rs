//! Counts the rows of replies for operators, by what happened with them.
//!
//! Only replies to requests that were written or had nothing to write count, not those of VALIDATE_ONLY
//! requests, of refused ATOMIC ones, and of failed batches. Records, settings and audiences have no rows.

use crate::model::Outcome;
use crate::table::RowOutcome;
use crate::table::plan::request::Edited;
use crate::table::plan::step_request::StepOutcome;
use crate::table::shared::metrics::{RowEnd, RowSums};
use crate::table::write::publisher::WaitingReply;

impl WaitingReply {
    /// Adds the rows of this reply to `sums`.
    pub fn count(&self, sums: &mut RowSums) {
        match self {
            Self::Upsert(_, reply, earlier, _) if earlier.get().is_none() => {
                reply.outcomes.iter().for_each(|row| sums.add(end_of(row), 1));
            }
            Self::Delete(_, reply, earlier, _) if earlier.get().is_none() => {
                sums.add(RowEnd::Deleted, reply.deleted);
            }
            Self::Undelete(_, reply, _) => {
                let back = |row: &&RowOutcome| row.outcome == Outcome::Created;
                let restored = reply.outcomes.iter().filter(back).count();
                sums.add(RowEnd::Restored, u64::try_from(restored).unwrap_or(u64::MAX));
            }
            Self::Edit(_, reply, _) => count_edit(&reply.edited, sums),
            Self::Step(_, reply, _) => reply.outcomes.iter().for_each(|outcome| count_step(outcome, sums)),
            Self::Upsert(..)
            | Self::Delete(..)
            | Self::Attributes(..)
            | Self::Records(..)
            | Self::Audience(..)
            | Self::Settings(..)
            | Self::Refused(..) => {}
        }
    }
}

fn count_step(outcome: &StepOutcome, sums: &mut RowSums) {
    match outcome {
        StepOutcome::Row(row) => sums.add(end_of(row), 1),
        StepOutcome::Removed => sums.add(RowEnd::Removed, 1),
        StepOutcome::Deleted(_) => sums.add(RowEnd::Deleted, 1),
        StepOutcome::Edited(edited) => count_edit(edited, sums),
        StepOutcome::Spared(_) => {}
    }
}

fn count_edit(edited: &Edited, sums: &mut RowSums) {
    match edited {
        Edited::Done { outcome, .. } => sums.add(end(*outcome), 1),
        Edited::Refused(_) => sums.add(RowEnd::Failed, 1),
        Edited::Missing => {}
    }
}

fn end_of(row: &RowOutcome) -> RowEnd {
    end(row.outcome)
}

fn end(outcome: Outcome) -> RowEnd {
    match outcome {
        Outcome::Created => RowEnd::Created,
        Outcome::Updated => RowEnd::Updated,
        Outcome::Unchanged => RowEnd::Unchanged,
        Outcome::Reactivated => RowEnd::Reactivated,
        Outcome::Failed => RowEnd::Failed,
    }
}
