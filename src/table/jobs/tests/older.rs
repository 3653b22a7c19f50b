//! Records that a program of store format 3 wrote.

use super::*;
use crate::model::origin::Actor;
use crate::model::{
    GuardCounts, GuardExpectation, JobCursor, JobTask, ListCounts, PlanHash, PlanSummary, RowTally,
};
use crate::stored::meta::{self, Meta};

fn plan(holds: &[Hold]) -> Option<PlanSummary> {
    let rows = RowTally { created: 4, updated: 30, reactivated: 12, ..RowTally::default() };
    Some(PlanSummary {
        counts: ListCounts { rows, removed: 9, ..ListCounts::default() },
        unreadable: 0,
        removed_young: (0, 0),
        revisions: (7, 7),
        next_row: 50,
        counted: GuardCounts::of_removals(9),
        of_tiers: Vec::new(),
        hash: PlanHash([7; 16]),
        rows_hash: PlanHash([8; 16]),
        holds: holds.to_vec(),
    })
}

#[tokio::test]
async fn jobs_of_format_3_go_on_and_plans_that_nobody_began_to_apply_are_made_again() {
    use JobState::{Held, Pending, Planning, Running, Succeeded};
    let store = Store::new().await;
    let approved = Some((PlanHash([7; 16]), Actor::Owner));
    let begun = JobCursor { row: 10, removal: 0, step: 1 };
    // Whether a job asks first, the state and plan of its record, and its state after the store was opened.
    let cases = [
        (false, Pending, None, Pending),
        (false, Planning, None, Planning),
        (false, Running, plan(&[]), Planning),
        (true, Running, plan(&[]), Planning),
        (false, Held, plan(&[Hold::Removals]), Held),
        (true, Held, plan(&[Hold::Removals, Hold::Requested]), Held),
        (false, Held, plan(&[Hold::StoreRestored]), Held),
        (true, Held, plan(&[Hold::Requested]), Pending),
        (false, Succeeded, plan(&[]), Succeeded),
    ];
    let mut expected = Vec::new();
    let mut batch = crate::engine::Batch::default();
    let mut add = |job: Job, state: JobState, after: JobState| {
        let number = JobNumber(u64::try_from(expected.len()).unwrap() + 1);
        let expect = GuardExpectation::of_removals(Some(9));
        let task = match job.task {
            JobTask::Sync(list) => JobTask::Sync(crate::model::ListOptions { expect, ..list }),
            other => other,
        };
        let job = Job { number, state, task, ..job };
        batch.put(stored::job(store.base, number), stored::encode_as(1, &job));
        expected.push((job, after));
    };
    for (asks_first, state, plan, after) in cases {
        add(Job { asks_first, plan, ..store.new_job() }, state, after);
    }
    add(Job { plan: plan(&[]), approved, cursor: begun, ..store.new_job() }, Running, Running);
    add(Job { plan: plan(&[]), approved, ..store.new_job() }, Running, Planning);
    let stored_meta = store.engine.get_many(&[crate::stored::key::meta()]).await.unwrap().pop().unwrap();
    let meta = Meta::decode(&stored_meta.unwrap()).unwrap();
    let older = Meta { format: 3, write_format: 3, ..meta };
    batch.put(crate::stored::key::meta(), older.encode());
    store.engine.commit(batch).await.unwrap();

    // Opening twice changes nothing more.
    for _ in 0..2 {
        let opened = store.restarted().await;
        let meta = opened.engine.get_many(&[crate::stored::key::meta()]).await.unwrap().pop().unwrap();
        assert_eq!(Meta::format(&meta.unwrap()), Ok(meta::FORMAT));
        for (before, state) in &expected {
            let job = opened.get(before.number).await.unwrap();
            assert_eq!(job.state, *state, "{before:?}");
            let stored = opened.engine.get_many(&[stored::job(store.base, job.number)]).await.unwrap().pop();
            assert_eq!(stored.unwrap().unwrap(), stored::encode(&job), "it is stored in the newest form");
            assert_eq!((&job.task, job.approved, job.cursor), (&before.task, before.approved, before.cursor));
            let mut most = GuardCounts::of(|_| 42);
            (most.removals, most.reactivations) = (9, 12);
            assert_eq!(job.plan.map(|plan| plan.counted), before.plan.as_ref().map(|_| most));
        }
    }
    // Their records can be changed.
    let opened = store.restarted().await;
    for (before, state) in &expected {
        if matches!(state, Pending | Held) {
            opened.jobs().cancel(store.base, before.number).await.unwrap();
            assert_eq!(opened.get(before.number).await.unwrap().state, JobState::Cancelled);
        }
    }
}
