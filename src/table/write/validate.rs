//! Long VALIDATE_ONLY requests, planned outside the lane so that no write to the base waits for them.
//!
//! - Such a plan is never written, so it needs no turn in the lane. It is planned on what is published, so
//!   its reply reports nothing that could still be lost.
//! - It is planned in the same slices as a PARTIAL request, so rows that ask for a revision get the same
//!   outcomes.
//! - Other requests write meanwhile, and later rows see these writes, like those of a PARTIAL request, which
//!   takes turns with others.
//! - Each base plans one at a time, because a plan's memory grows with its rows. The others wait in the order
//!   in which they came.
//! - The plan is part of the call, so it ends if the caller leaves or the deadline passes.
//!
//! Short VALIDATE_ONLY requests go through the lane, so they see every write that was queued before them.

use std::time::Instant;

use crate::model::RowError;
use crate::table::open::OpenBase;
use crate::table::plan::{Expecting, Plan, Prepared};
use crate::table::write::limits::BATCH_ROWS;
use crate::table::{RowOutcome, TableError, UpsertReply, UpsertRequest, WriteMode};

/// Whether a request with this many rows is planned outside the lane.
pub fn is_beside(mode: WriteMode, rows: usize) -> bool {
    mode == WriteMode::ValidateOnly && rows > BATCH_ROWS
}

/// The outcomes that `rows`, which are those of `request`, would have.
pub async fn validate(
    open: &OpenBase,
    request: UpsertRequest,
    rows: Vec<Result<Prepared, RowError>>,
) -> Result<UpsertReply, TableError> {
    let _turn = open.validating.lock().await;
    let (mut plan, first_new) = Plan::beside(open).await?;
    let revision = plan.revision();
    plan.act_for(request.origin, request.options.sight);
    let check_deadline = || match request.deadline {
        Some(deadline) if deadline <= Instant::now() => Err(TableError::DeadlinePassed),
        _ => Ok(()),
    };
    check_deadline()?;
    let expecting = Expecting { expected: request.options.expected, is_rest: false, budget: None };
    let (outcomes, _) =
        plan.foresee_judged(&rows, &request.options, BATCH_ROWS, expecting, check_deadline).await?;
    let outcomes = outcomes.into_iter().map(|outcome: RowOutcome| outcome.unwritten(first_new)).collect();
    Ok(UpsertReply::new(outcomes, revision))
}
