//! Requests that bring deleted members back.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::OwnedMutexGuard;

use crate::model::{Origin, Sight};
use crate::table::idempotency::Claim;
use crate::table::read::deleted::Sought;
use crate::table::shared::budget::Permit;
use crate::table::write::reply::ReplySender;
use crate::table::{TableError, UndeleteReply};

/// Deleted members to bring back, as they were found in the commit log.
pub struct UndeleteJob {
    pub(in crate::table) sought: Vec<Sought>,
    pub(in crate::table) sight: Sight,
    pub(in crate::table) deadline: Option<Instant>,
    pub(in crate::table) origin: Origin,
    pub(in crate::table) reply: ReplySender<UndeleteReply>,
    pub(in crate::table) held: Held,
    pub(in crate::table) claim: Option<Arc<Claim>>,
}

/// What the request holds until its reply is sent.
pub struct Held {
    /// Its memory.
    pub _permit: Permit,
    /// Keeps other undeletes of the base away, so that what was found stays true.
    pub _undeleting: OwnedMutexGuard<()>,
}

impl UndeleteJob {
    /// Gives up if the reply is no longer wanted.
    pub(in crate::table) fn check_wanted(&self) -> Result<(), TableError> {
        let is_late = || self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if self.reply.is_closed() || is_late() { Err(TableError::DeadlinePassed) } else { Ok(()) }
    }
}
