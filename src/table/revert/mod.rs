//! The plan of a revert: which members it takes changes back of, and what becomes of each.
//!
//! What this room promises to the others:
//!
//! - A member goes back to what it was before the first of the changes that are taken back, or stays. If
//!   somebody else has changed it since, it stays; if it was created by these changes, it becomes inactive.
//! - The commit log has all of these changes, or there is no plan (COMMITS_GONE).
//! - Keys are judged over the whole revert: members are ordered so that each comes after those whose keys it
//!   gets, and members that exchange keys with each other form a group. So keys that the revert frees are free.
//! - What becomes of each member is decided by the code of the lane, in a plan that is never written.
//! - The plan writes nothing and takes no turn in the lane. Memory grows with the members that were changed:
//!   the stored form of each before the changes, up to a limit.

mod compare;
mod digest;
mod judge;
mod log;
mod order;
mod plan;
mod request;

pub use self::judge::{ReadyRevert, RevertJudge};
pub use self::plan::RevertPlan;
pub use self::request::{RevertEnd, RevertRequest};
