//! Records of jobs that an older version of this program stored, which counted only removals.
//!
//! A record is changed only if it is still as it was read, in the newest form. So opening a store writes all
//! records of older forms anew, before any job goes on.

use crate::model::{Hold, Job, JobState};

/// The job as it goes on. What its plan changes was not counted, except for removals. So a plan that was not
/// applied yet is made again, unless somebody with the access level `admin` has seen it or must see it.
pub fn raised(mut job: Job) -> Job {
    let has_begun = job.has_begun();
    let holds = job.plan.as_ref().map(|plan| plan.holds.as_slice()).unwrap_or_default();
    // Such a plan is held again after it was made again.
    let waits_for_anybody = job.asks_first && holds == [Hold::Requested];
    match job.state {
        JobState::Running if !has_begun => job.state = JobState::Planning,
        JobState::Held if waits_for_anybody => {
            job.state = JobState::Pending;
            job.end = None;
        }
        JobState::Pending
        | JobState::Planning
        | JobState::Held
        | JobState::Running
        | JobState::Succeeded
        | JobState::Failed
        | JobState::Rejected
        | JobState::Cancelled => {}
    }
    job
}
