//! Outcomes of rows on the wire.

use crate::api::grpc::v1;
use crate::model::Outcome;

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
