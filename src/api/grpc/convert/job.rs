//! Jobs on the wire.

use super::{guard, job_example, timestamp};
use crate::api::grpc::v1;
use crate::model::{Job, JobState, JobTask, ListCounts, PlanSummary, RowTally, Sealer};

pub use job_example::examples;

/// A job on the wire, without examples.
pub fn to_wire(job: &Job, sealer: &Sealer) -> v1::Job {
    let (first, last) = job.revisions.unwrap_or_default();
    let (reason, message) = match &job.end {
        Some(end) => (end.reason.clone(), end.message.clone()),
        None => (String::new(), String::new()),
    };
    let has_input = job.input.format.is_some();
    v1::Job {
        id: sealer.job_id(job.base, job.number),
        member_base_id: sealer.base_id(job.base),
        kind: kind(&job.task).into(),
        state: state(job.state).into(),
        name: job.name.clone(),
        dry_run: job.is_dry_run,
        rows: job.rows(),
        rows_done: rows_done(job),
        plan: job.plan.as_ref().map(plan),
        applied: Some(counts(&job.done)),
        first_revision: first,
        last_revision: last,
        reason,
        message,
        created_at: Some(timestamp(job.created_at)),
        state_since: Some(timestamp(job.changed_at)),
        planned_at: job.planned_at.map(timestamp),
        input_bytes: job.input.bytes,
        input_sha256: if has_input { hex(&job.input.sha256) } else { String::new() },
    }
}

/// The rows that are planned, or planned and applied.
fn rows_done(job: &Job) -> u64 {
    match job.state {
        JobState::Planning => job.planned_rows,
        JobState::Running => job.cursor.row,
        JobState::Pending => 0,
        JobState::Held
        | JobState::Succeeded
        | JobState::Failed
        | JobState::Rejected
        | JobState::Cancelled => job.rows(),
    }
}

fn kind(task: &JobTask) -> v1::JobKind {
    match task {
        JobTask::Sync(_) => v1::JobKind::Sync,
        JobTask::Batch { .. } => v1::JobKind::Batch,
        JobTask::DeleteByFilter { .. } => v1::JobKind::DeleteByFilter,
        JobTask::Revert(_) => v1::JobKind::Revert,
    }
}

/// A state on the wire.
pub fn state(state: JobState) -> v1::JobState {
    match state {
        JobState::Pending => v1::JobState::Pending,
        JobState::Planning => v1::JobState::Planning,
        JobState::Held => v1::JobState::Held,
        JobState::Running => v1::JobState::Running,
        JobState::Succeeded => v1::JobState::Succeeded,
        JobState::Failed => v1::JobState::Failed,
        JobState::Rejected => v1::JobState::Rejected,
        JobState::Cancelled => v1::JobState::Cancelled,
    }
}

/// The state that a caller asks for; `None` if it is none.
pub fn state_from_wire(number: i32) -> Option<JobState> {
    let wanted = v1::JobState::try_from(number).ok()?;
    JobState::ALL.into_iter().find(|known| state(*known) == wanted)
}

fn plan(plan: &PlanSummary) -> v1::JobPlan {
    v1::JobPlan {
        hash: plan.hash.to_string(),
        counts: Some(counts(&plan.counts)),
        holds: plan.holds.iter().map(|hold| hold.as_str().to_owned()).collect(),
        unreadable: plan.unreadable,
        removed_within_day: plan.removed_young.0,
        removed_within_week: plan.removed_young.1,
        first_revision: plan.revisions.0,
        last_revision: plan.revisions.1,
        examples: Vec::new(),
        guarded: Some(guard::counts(&plan.counted)),
        removals_of_tiers: guard::tier_counts(&plan.of_tiers),
    }
}

fn counts(counts: &ListCounts) -> v1::JobCounts {
    let RowTally { created, updated, reactivated, unchanged, failed } = counts.rows;
    let ListCounts { rows: _, removed, not_judged, out_of_scope, newer, spared } = *counts;
    v1::JobCounts {
        created,
        updated,
        reactivated,
        unchanged,
        failed,
        removed,
        not_judged,
        spared,
        newer,
        out_of_scope,
    }
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 in these 64 hexadecimal digits.
pub fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|char| u8::try_from(char.to_digit(16)?).ok()).collect::<Option<_>>()?;
    let bytes = digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit));
    if digits.len() == 64 { bytes.collect::<Vec<u8>>().try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_digits_and_comes_back() {
        let digest: [u8; 32] = std::array::from_fn(|n| u8::try_from(n * 7).unwrap());
        assert_eq!(sha256(&hex(&digest)), Some(digest));
        assert_eq!(sha256(&hex(&digest).to_uppercase()), Some(digest));
        for wrong in ["", "0", &"0".repeat(63), &"0".repeat(65), &"0".repeat(128), &"g".repeat(64)] {
            assert_eq!(sha256(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_state_comes_back_and_no_other_number_is_one() {
        for known in JobState::ALL {
            assert_eq!(state_from_wire(state(known).into()), Some(known));
        }
        assert_eq!((state_from_wire(0), state_from_wire(9), state_from_wire(-1)), (None, None, None));
    }
}
