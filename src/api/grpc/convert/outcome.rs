//! Outcomes of rows on the wire.

use crate::api::grpc::v1;
use crate::model::limits::FAILURE_DETAILS_MAX_ROWS;
use crate::model::{Outcome, Reason, RowError};

/// The outcome on the wire.
pub fn to_wire(outcome: Outcome) -> v1::Outcome {
    match outcome {
        Outcome::Created => v1::Outcome::Created,
        Outcome::Updated => v1::Outcome::Updated,
        Outcome::Unchanged => v1::Outcome::Unchanged,
        Outcome::Reactivated => v1::Outcome::Reactivated,
        Outcome::Failed => v1::Outcome::Failed,
    }
}

/// The error of a row, with details for the first rows that have faults of their own.
pub fn row_error(error: RowError, holder: Option<String>, detailed: &mut usize) -> v1::RowError {
    let code = error.code().as_str().to_owned();
    let reason = error.reason.as_str().to_owned();
    if error.reason == Reason::AtomicAborted || *detailed == FAILURE_DETAILS_MAX_ROWS {
        return v1::RowError { code, reason, ..v1::RowError::default() };
    }
    *detailed += 1;
    let message = error.message();
    let violations = error
        .violations
        .into_iter()
        .map(|fault| v1::FieldViolation { field: fault.field, description: fault.description })
        .collect();
    v1::RowError { code, reason, message, violations, member_id: holder.unwrap_or_default() }
}
