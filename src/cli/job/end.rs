//! The exit codes of commands that end with a job.

use std::process::ExitCode;

use crate::api::grpc::v1;

/// The job is held, was rejected or was cancelled: its plan was not applied, or not to its end.
const EXIT_HELD: u8 = 2;
/// The job failed.
const EXIT_FAILED: u8 = 69;

/// 0: everything was applied, or planned without fault; 1: some rows failed; 2: held, rejected or cancelled;
/// 69: the job failed.
pub fn exit_code(job: &v1::Job) -> ExitCode {
    match job.state() {
        v1::JobState::Succeeded => {
            let counts =
                if job.dry_run { job.plan.as_ref().and_then(|plan| plan.counts) } else { job.applied };
            if counts.is_some_and(|counts| counts.failed > 0) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        v1::JobState::Failed => ExitCode::from(EXIT_FAILED),
        v1::JobState::Held
        | v1::JobState::Rejected
        | v1::JobState::Cancelled
        | v1::JobState::Pending
        | v1::JobState::Planning
        | v1::JobState::Running
        | v1::JobState::Unspecified => ExitCode::from(EXIT_HELD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(state: v1::JobState, planned: u64, applied: u64, dry_run: bool) -> v1::Job {
        let counts = |failed| Some(v1::JobCounts { failed, ..v1::JobCounts::default() });
        let plan = Some(v1::JobPlan { counts: counts(planned), ..v1::JobPlan::default() });
        v1::Job { state: state.into(), plan, applied: counts(applied), dry_run, ..v1::Job::default() }
    }

    #[test]
    fn the_exit_code_says_how_the_job_ended() {
        use v1::JobState::{Cancelled, Failed, Held, Rejected, Succeeded};
        for (job, code) in [
            (job(Succeeded, 0, 0, false), 0),
            (job(Succeeded, 3, 0, false), 0),
            (job(Succeeded, 0, 3, false), 1),
            (job(Succeeded, 3, 0, true), 1),
            (job(Succeeded, 0, 0, true), 0),
            (job(Held, 3, 0, false), 2),
            (job(Rejected, 0, 0, false), 2),
            (job(Cancelled, 0, 0, false), 2),
            (job(Failed, 0, 0, false), 69),
        ] {
            assert_eq!(format!("{:?}", exit_code(&job)), format!("{:?}", ExitCode::from(code)), "{job:?}");
        }
    }
}
