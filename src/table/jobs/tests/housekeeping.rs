//! What the housekeeping, a purge and a restore do to jobs.

use super::*;
use crate::model::origin::Actor;
use crate::model::{JobCursor, PlanHash};
use crate::table::{SettingsRequest, timeline};

#[tokio::test]
async fn jobs_that_ended_long_ago_are_removed_with_their_data() {
    let store = Store::new().await;
    let [old, open] = [store.accept(&noise(200_000)).await.unwrap(), store.accept(b"b").await.unwrap()];
    store.jobs().put_values(store.base, old.number, JobPart::Plan, 0, &[vec![0]]).await.unwrap();
    store.jobs().cancel(store.base, old.number).await.unwrap();
    store.wait(30 * DAY);
    store.table.maintain().await.unwrap();
    assert!(store.get(old.number).await.is_some(), "the retention is not over");
    store.wait(1);
    store.table.maintain().await.unwrap();
    assert_eq!(store.get(old.number).await, None);
    assert!(store.scan(stored::values(store.base, old.number, None)).await.is_empty());
    assert_eq!(store.get(open.number).await, Some(open), "a job that waits is never too old");
    assert_eq!(store.restarted().await.bytes(), store.bytes());
}

#[tokio::test]
async fn a_job_that_nobody_decides_about_is_rejected() {
    let store = Store::new().await;
    let number = store.accept(b"a").await.unwrap().number;
    store.wait(DAY);
    store.lead(number, &[JobState::Planning, JobState::Held]).await;
    store.wait(7 * DAY);
    store.table.maintain().await.unwrap();
    assert_eq!(store.get(number).await.unwrap().state, JobState::Held);
    store.wait(1);
    store.table.maintain().await.unwrap();
    let rejected = store.restarted().await.get(number).await.unwrap();
    assert_eq!((rejected.state, rejected.end.unwrap().reason.as_str()), (JobState::Rejected, "EXPIRED"));
    assert_eq!(rejected.changed_at.micros(), START + 8 * DAY + 1);
}

#[tokio::test]
async fn data_without_a_job_are_removed_but_not_those_of_an_upload() {
    let store = Store::new().await;
    let kept = store.accept(b"kept").await.unwrap();
    for (number, part) in [(1, JobPart::Input), (1, JobPart::Results), (kept.number.0 + 9, JobPart::Plan)] {
        store.jobs().put_values(store.base, JobNumber(number), part, 3, &[vec![1]]).await.unwrap();
    }
    let mut upload = store.jobs().begin(store.base).unwrap();
    let input = noise(1_200_000);
    upload.push(&input).await.unwrap();
    upload.stored_up_to(0).await.unwrap();
    let number = upload.number();
    assert!(!store.scan(stored::values(store.base, number, None)).await.is_empty(), "a part is stored");
    store.table.maintain().await.unwrap();
    let of_jobs = [stored::values(store.base, kept.number, None), stored::values(store.base, number, None)];
    let expected = [store.scan(of_jobs[0].clone()).await, store.scan(of_jobs[1].clone()).await].concat();
    assert_eq!(store.scan(stored::values_of()).await, expected);
    upload.accept(store.new_job(), None).await.unwrap();
    assert!(store.input(number).await == input);
    // A server that stops during an upload leaves a part of it.
    let mut upload = store.jobs().begin(store.base).unwrap();
    upload.push(&input).await.unwrap();
    upload.stored_up_to(0).await.unwrap();
    let store = store.restarted().await;
    std::mem::forget(upload);
    store.table.maintain().await.unwrap();
    assert_eq!(store.scan(stored::values_of()).await, {
        let jobs = of_jobs.map(|range| store.scan(range));
        futures_util::future::join_all(jobs).await.concat()
    });
    assert_sound(&store.engine).await;
}

#[tokio::test]
async fn a_purged_memberbase_leaves_no_jobs_and_takes_none_of_others() {
    let store = Store::new().await;
    let other =
        store.table.create_base(crate::model::samples::unguarded("other"), None).await.unwrap().number;
    let [gone, stays] =
        [store.accept(&noise(100_000)).await.unwrap(), store.accept_of(other, b"x").await.unwrap()];
    let mut late = store.jobs().begin(store.base).unwrap();
    late.push(b"late").await.unwrap();
    let deleted = SettingsRequest { deleted: Some(true), ..SettingsRequest::default() };
    store.table.base(store.base).await.unwrap().change_settings(deleted).await.unwrap();
    store.wait(2 * DAY);
    store.table.maintain().await.unwrap();
    assert_eq!(store.get(gone.number).await, None);
    assert_eq!(store.jobs().unfinished(), [(other, stays.number)]);
    assert_eq!(store.bytes(), 5, "the upload and the other job");
    // Its upload was under way when the memberbase was purged.
    late.accept(store.new_job(), None).await.unwrap();
    store.table.maintain().await.unwrap();
    assert_eq!(store.jobs().unfinished(), [(other, stays.number)]);
    assert_eq!((store.keys().await.len(), store.bytes()), (2, 1));
    assert_sound(&store.engine).await;
}

#[tokio::test]
async fn after_a_restore_jobs_that_were_running_are_held_where_they_were() {
    use JobState::{Held, Pending, Planning, Running, Succeeded};
    let store = Store::new().await;
    let mut jobs = Vec::new();
    for states in
        [&[][..], &[Planning], &[Planning, Held], &[Planning, Running, Succeeded], &[Planning, Running]]
    {
        let number = store.accept(b"x").await.unwrap().number;
        if !states.is_empty() {
            store.lead(number, states).await;
        }
        jobs.push(store.get(number).await.unwrap());
    }
    let running = jobs.pop().unwrap().number;
    let applied = store.jobs().change(store.base, running, |job| {
        job.cursor = JobCursor { row: 3, removal: 2, step: 1 };
        job.done.removed = 2;
        job.revisions = Some((5, 6));
        job.approved = Some((PlanHash([1; 16]), Actor::Owner));
        Ok::<(), ()>(())
    });
    let before = applied.await.unwrap().unwrap().unwrap();
    // The clock of the machine on which the store is restored is late.
    store.wait(-DAY);
    timeline::begin_timeline(&store.engine, store.table.now()).await.unwrap();
    let store = store.restarted().await;
    let held = store.get(running).await.unwrap();
    assert_eq!(held.end.as_ref().unwrap().reason, Hold::StoreRestored.as_str());
    let expected =
        Job { state: Held, approved: None, changed_at: store.table.now(), end: held.end.clone(), ..before };
    assert_eq!(held, expected);
    for job in &jobs {
        assert_eq!(store.get(job.number).await.as_ref(), Some(job), "the others stay as they were");
    }
    assert!(store.accept(b"new").await.unwrap().number > running, "no number is used twice");
    store.lead(running, &[Pending, Planning]).await;
}
