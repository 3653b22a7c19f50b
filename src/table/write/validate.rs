//! Long VALIDATE_ONLY requests: planned beside the lane, so that no write of the base waits for them.
//!
//! - Nothing of such a plan is ever written, so it needs no turn in the lane. It stands on what is published,
//!   so nothing that its answer says can be lost.
//! - It is planned in the slices that the lane would make of a PARTIAL request, so rows that ask for a revision
//!   are judged as they would be.
//! - Others write meanwhile, and the rows that come after see it, as those of a PARTIAL request would, which
//!   takes turns. The members that the request itself would create have rows far beyond those that others can
//!   get in the meantime, so that none is taken for another.
//! - One is planned at a time in a base, because a plan grows with its rows. The others wait in the order of
//!   asking.
//! - It is planned as part of the call: it ends with it, whether the caller leaves or the deadline passes.
//!
//! Short ones go through the lane, and so come after every write that was handed in before.

use std::time::Instant;

use crate::model::{Row, RowError};
use crate::stored::block::ROWS_PER_BLOCK;
use crate::table::open::OpenBase;
use crate::table::plan::{Plan, Prepared};
use crate::table::write::limits::BATCH_ROWS;
use crate::table::{RowOutcome, TableError, UpsertReply, UpsertRequest, WriteMode};

/// How far beyond the next row the rows of members begin that are never created. No base gets so many members
/// while a request is planned.
const FAR: u64 = 1 << 40;

/// Whether a request of so many rows is planned beside the lane.
pub fn is_beside(mode: WriteMode, rows: usize) -> bool {
    mode == WriteMode::ValidateOnly && rows > BATCH_ROWS
}

/// What would become of `rows`, which are those of `request`.
pub async fn validate(
    shared: &OpenBase,
    request: UpsertRequest,
    rows: Vec<Result<Prepared, RowError>>,
) -> Result<UpsertReply, TableError> {
    let _turn = shared.validating.lock().await;
    let mut header = shared.published.read().await.header.clone();
    if header.deleted_at.is_some() {
        return Err(TableError::BaseDeleted);
    }
    let revision = header.revision;
    // A whole block, of which nothing is stored.
    header.next_row = header.next_row.next_multiple_of(ROWS_PER_BLOCK).saturating_add(FAR);
    let first_new = Row(header.next_row);
    let mut plan = Plan::new(shared, &[], header, (shared.clock)());
    plan.act_for(request.origin, request.options.sight);
    let check_deadline = || match request.deadline {
        Some(deadline) if deadline <= Instant::now() => Err(TableError::DeadlinePassed),
        _ => Ok(()),
    };
    check_deadline()?;
    let outcomes = plan.foresee(&rows, &request.options, BATCH_ROWS, check_deadline).await?;
    let outcomes = outcomes.into_iter().map(|outcome: RowOutcome| outcome.unwritten(first_new)).collect();
    Ok(UpsertReply { outcomes, revision })
}
