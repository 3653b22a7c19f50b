//! A revert, as its job asks for it.

use crate::model::{JobNumber, Origin, PlanSummary, RevertOf, Sight, Timestamp};
use crate::table::revert::log::Since;
use crate::table::sync::{Causes, Example};

/// A revert.
#[derive(Debug, Clone, Copy)]
pub struct RevertRequest {
    /// What it takes back.
    pub of: RevertOf,
    /// The first and the last revision that can belong to it, if they are known.
    pub revisions: Option<(u64, u64)>,
    /// The job of the revert.
    pub job: JobNumber,
    /// When it was asked for: what a token did later is not part of it.
    pub asked_at: Timestamp,
    /// Where it comes from.
    pub origin: Origin,
    /// Which fields of members its sender may see.
    pub sight: Sight,
}

/// A complete plan.
#[derive(Debug)]
pub struct RevertEnd {
    /// The plan in numbers.
    pub summary: PlanSummary,
    /// Examples of all that it does.
    pub examples: Vec<Example>,
    /// What its causes to wait are in detail.
    pub causes: Causes,
}

impl RevertRequest {
    /// Where its changes begin, and the last revision of a memberbase at the revision `newest` that can
    /// belong to it.
    pub(super) fn span(&self, newest: u64) -> (Since, u64) {
        match (self.revisions, self.of) {
            (Some((first, last)), _) | (None, RevertOf::Revisions(first, last)) => {
                (Since::Revision(first), last)
            }
            (None, RevertOf::Token(_, time)) => (Since::Time(time), newest),
            // A job that has written nothing.
            (None, RevertOf::Job(_)) => (Since::Revision(newest.saturating_add(1)), newest),
        }
    }
}
