//! What the idempotency layer found for a request with a request id.

use std::sync::Arc;

use crate::model::origin::Cause;
use crate::table::{Claim, StoredResult};

/// Whether a request with a request id has still to be done.
#[derive(Clone)]
pub enum RequestState {
    /// It has to be done: this is its claim to the request id.
    Claimed(Arc<Claim>),
    /// It was done before, with this result.
    Done(Arc<StoredResult>),
}

impl RequestState {
    /// What a change is attributed to: the request, if it has still to be done.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Claimed(claim) => claim.cause(),
            Self::Done(_) => Cause::None,
        }
    }
}
