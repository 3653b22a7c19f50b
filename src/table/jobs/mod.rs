//! The durable jobs of a store: their records and their data.
//!
//! What this room promises to the others:
//!
//! - A job exists once its record is durable; its input was stored before ([`Upload`]). Values without a
//!   record belong to an upload that is under way or was interrupted; the housekeeping removes the latter.
//! - A job changes only along [`JobState::may_become`](crate::model::JobState::may_become), one change after
//!   another. The batch that changes a record checks the record before it.
//! - While a job is planned or applied, only its runner changes it. Others ask the runner to stop
//!   ([`Jobs::cancel`]).
//! - Jobs that have not ended are in memory too, so that a runner and watchers see each change at once.

mod change;
mod limits;
mod older;
mod restored;
mod reversals;
mod state;
#[cfg(test)]
mod tests;
mod tidy;
mod upload;
mod values;

pub use self::limits::JobLimits;
pub use self::restored::hold_running;
pub use self::reversals::{ReversalReader, ReversalWriter};
pub use self::state::{Jobs, JobsStatus};
pub use self::upload::Upload;
