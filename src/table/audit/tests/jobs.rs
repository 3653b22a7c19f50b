//! Damage to jobs and their data.

use sha2::{Digest, Sha256};

use super::*;
use crate::model::{
    GuardCounts, JobCursor, JobInput, JobNumber, JobState, ListCounts, Outcome, PlanHash, PlanSummary,
};
use crate::stored::idempotency::RowResult;
use crate::stored::job::{
    JobPart, PlannedResult, StepResults, encode, encode_planned, encode_removals, encode_step, job, pack,
    value,
};

const DONE: JobNumber = JobNumber(7);
const WAITS: JobNumber = JobNumber(8);

fn record(number: JobNumber, state: JobState) -> crate::model::Job {
    let input = JobInput {
        bytes: 6,
        chunks: 2,
        rows: 3,
        sha256: Sha256::digest(b"abcdef").into(),
        ..JobInput::default()
    };
    let sample = crate::model::job_samples::job(BASE, Timestamp::from_micros(900));
    crate::model::Job { number, state, input, ..sample }
}

fn of_done(part: JobPart, n: u64) -> Key {
    value(BASE, DONE, part, n)
}

/// Stores a list that was applied, and one that waits.
pub(super) async fn store_jobs(store: &Store) {
    let mut counts = ListCounts { removed: 2, ..ListCounts::default() };
    counts.rows.unchanged = 3;
    let plan = PlanSummary {
        counts,
        unreadable: 0,
        removed_young: (0, 0),
        revisions: (1, 1),
        next_row: 200,
        counted: GuardCounts::default(),
        of_tiers: Vec::new(),
        hash: PlanHash::default(),
        rows_hash: PlanHash::default(),
        holds: Vec::new(),
    };
    let done = crate::model::Job {
        plan: Some(plan),
        cursor: JobCursor { row: 3, removal: 2, step: 2 },
        ..record(DONE, JobState::Succeeded)
    };
    store.set(job(BASE, DONE), Some(encode(&done))).await;
    store.set(job(BASE, WAITS), Some(encode(&record(WAITS, JobState::Pending)))).await;
    for number in [DONE, WAITS] {
        for (n, input) in [(0, b"abc"), (1, b"def")] {
            store.set(value(BASE, number, JobPart::Input, n), Some(pack(input))).await;
        }
    }
    let result =
        RowResult { row: Some(Row(3)), outcome: Outcome::Unchanged, status_kept: false, error: None };
    let row = |line| PlannedResult { line, is_unreadable: false, result: result.clone() };
    store.set(of_done(JobPart::Plan, 0), Some(pack(&encode_planned(&[row(2), row(3)])))).await;
    store.set(of_done(JobPart::Plan, 1), Some(pack(&encode_planned(&[row(4)])))).await;
    store.set(of_done(JobPart::Removals, 0), Some(pack(&encode_removals(&[Row(1), Row(5)])))).await;
    for n in 0..2 {
        store.set(of_done(JobPart::Results, n), Some(pack(&encode_step(&StepResults::default())))).await;
    }
    // What an interrupted upload left.
    store.set(value(BASE, JobNumber(9), JobPart::Input, 0), Some(pack(b"rest"))).await;
}

#[tokio::test]
async fn data_of_jobs_that_differ_from_their_records_are_found() {
    let store = Store::new().await;
    let removals = |rows: &[Row]| pack(&encode_removals(rows));
    for (key, value, damaged) in [
        (of_done(JobPart::Input, 1), Some(pack(b"dex")), "the input"),
        (of_done(JobPart::Input, 2), Some(pack(b"")), "the input"),
        (value(BASE, WAITS, JobPart::Input, 0), None, "the input"),
        (of_done(JobPart::Results, 2), Some(pack(&encode_step(&StepResults::default()))), "the results"),
        (of_done(JobPart::Results, 0), None, "the results"),
        (of_done(JobPart::Plan, 1), None, "the plan"),
        (of_done(JobPart::Removals, 0), Some(removals(&[Row(1)])), "the plan"),
        (of_done(JobPart::Removals, 2), Some(removals(&[])), "the plan"),
        (of_done(JobPart::Examples, 1), Some(pack(b"")), "the plan"),
    ] {
        let found = store.found_with(key, value).await;
        assert_eq!(found.len(), 1, "{found:#?}");
        found!(&found, Damage::JobData { what, .. } if *what == damaged);
    }
    let of_record = hex(&job(BASE, DONE));
    let without_input = record(DONE, JobState::Succeeded);
    let without_input = crate::model::Job { input: JobInput::default(), ..without_input };
    found!(
        store.found_with(job(BASE, DONE), Some(encode(&without_input))).await,
        Damage::JobData { key, what: "the input" } if *key == of_record
    );
    // The parts of a plan that is being made are not checked yet.
    let planning = record(WAITS, JobState::Planning);
    store.set(job(BASE, WAITS), Some(encode(&planning))).await;
    let half = value(BASE, WAITS, JobPart::Plan, 0);
    assert!(store.found_with(half, Some(pack(&encode_planned(&[])))).await.is_empty());
    for part in [JobPart::Plan, JobPart::Removals, JobPart::Results] {
        found!(store.found_with(of_done(part, 0), Some(pack(&[0xff]))).await, Damage::Unreadable { .. });
    }
}
