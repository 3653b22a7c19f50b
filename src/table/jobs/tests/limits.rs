//! Room, numbers, and how many jobs there may be.

use super::*;
use crate::model::filter::{RawFilter, RawValue};
use crate::model::limits::{JOB_RECORD_MAX_BYTES, OPEN_JOBS_MAX};
use crate::model::{GuardCounts, GuardExpectation, JobInput, JobTask, PlanSummary};

const ROOM: u64 = 1_000_000;

async fn narrow() -> Store {
    Store::with(JobLimits { room_bytes: ROOM, ..JobLimits::default() }).await
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_leaves_nothing() {
    let store = narrow().await;
    let kept = store.accept(&noise(600_000)).await.unwrap();
    let mut upload = store.jobs().begin(store.base).unwrap();
    upload.push(&noise(300_000)).await.unwrap();
    assert_eq!(reason(upload.push(&noise(100_001)).await), Reason::JobRoom);
    drop(upload);
    store.until_removed().await;
    assert_eq!(store.bytes(), 600_000);
    // The rows of a job count too.
    let mut upload = store.jobs().begin(store.base).unwrap();
    upload.push(&noise(300_000)).await.unwrap();
    let input = JobInput { rows: 3_126, ..JobInput::default() };
    let too_many = upload.accept(Job { input, ..store.new_job() }, None).await;
    assert_eq!(reason(too_many), Reason::JobRoom);
    store.until_removed().await;
    let of_kept = store.scan(stored::values(store.base, kept.number, None)).await;
    assert_eq!(store.keys().await.len(), 1 + of_kept.len());
    assert!(store.input(kept.number).await == noise(600_000));
    let mut upload = store.jobs().begin(store.base).unwrap();
    upload.push(&noise(300_000)).await.unwrap();
    let input = JobInput { rows: 3_125, ..JobInput::default() };
    upload.accept(Job { input, ..store.new_job() }, None).await.unwrap();
    for store in [&store, &store.restarted().await] {
        assert_eq!(store.bytes(), ROOM);
        assert_eq!(reason(store.accept(b"x").await), Reason::JobRoom);
    }
}

#[tokio::test]
async fn a_plan_counts_and_a_removed_job_frees_its_room() {
    let store = narrow().await;
    let number = store.accept(&noise(1_000)).await.unwrap().number;
    let plan = |removed| {
        let mut plan = PlanSummary {
            counts: crate::model::ListCounts { removed, ..Default::default() },
            unreadable: 0,
            removed_young: (0, 0),
            revisions: (0, 0),
            next_row: 0,
            counted: GuardCounts::default(),
            of_tiers: Vec::new(),
            hash: crate::model::PlanHash::default(),
            rows_hash: crate::model::PlanHash::default(),
            holds: Vec::new(),
        };
        plan.counts.rows.unchanged = 10;
        plan
    };
    for (removed, bytes) in [(90, 4_200), (10, 1_640)] {
        let planned = store.jobs().change(store.base, number, |job| {
            job.plan = Some(plan(removed));
            Ok::<(), ()>(())
        });
        planned.await.unwrap().unwrap().unwrap();
        assert_eq!((store.bytes(), store.restarted().await.bytes()), (bytes, bytes));
    }
    store.jobs().cancel(store.base, number).await.unwrap();
    assert_eq!(store.bytes(), 1_640);
    store.wait(31 * DAY);
    store.table.maintain().await.unwrap();
    assert_eq!((store.bytes(), store.keys().await), (0, Vec::new()));
}

#[tokio::test]
async fn numbers_grow_even_if_the_clock_is_set_back() {
    let store = Store::new().await;
    let first = store.accept(b"a").await.unwrap().number;
    assert_eq!(first, JobNumber(START.cast_unsigned()));
    store.wait(-30 * DAY);
    let second = store.accept(b"b").await.unwrap().number;
    let store = store.restarted().await;
    let third = store.accept(b"c").await.unwrap().number;
    assert_eq!([second, third], [JobNumber(first.0 + 1), JobNumber(first.0 + 2)]);
    store.wait(40 * DAY);
    let fourth = store.jobs().begin(store.base).unwrap().number();
    assert_eq!(fourth, JobNumber((START + 10 * DAY).cast_unsigned()));
}

#[tokio::test]
async fn there_is_a_limit_of_jobs_that_have_not_ended() {
    let store = Store::new().await;
    let accepted = store.accept(b"x").await.unwrap().number;
    let uploads: Vec<_> = (1..OPEN_JOBS_MAX).map(|_| store.jobs().begin(store.base).unwrap()).collect();
    assert_eq!(reason(store.jobs().begin(store.base).map(drop)), Reason::TooManyJobs);
    store.jobs().cancel(store.base, accepted).await.unwrap();
    drop(store.jobs().begin(store.base).unwrap());
    drop(uploads);
    store.until_removed().await;
}

#[tokio::test]
async fn a_record_that_would_not_fit_into_a_value_is_refused() {
    let store = Store::new().await;
    let filter = |bytes| RawFilter { eq: Some(RawValue::Text("x".repeat(bytes))), ..RawFilter::default() };
    let with = |bytes| Job {
        task: JobTask::DeleteByFilter { filters: vec![filter(bytes)], expect: GuardExpectation::default() },
        ..store.new_job()
    };
    let upload = store.jobs().begin(store.base).unwrap();
    assert_eq!(reason(upload.accept(with(JOB_RECORD_MAX_BYTES), None).await), Reason::FilterTooLarge);
    let upload = store.jobs().begin(store.base).unwrap();
    let number = upload.accept(with(JOB_RECORD_MAX_BYTES - 1_000), None).await.unwrap().number;
    let grown = store.jobs().change(store.base, number, |job| {
        job.state = JobState::Failed;
        job.end = Some(JobEnd::new("X", "x".repeat(10_000)));
        Ok::<(), ()>(())
    });
    grown.await.unwrap().unwrap().unwrap();
}
