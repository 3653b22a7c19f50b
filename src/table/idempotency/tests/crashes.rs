//! Requests that are interrupted by a crash at every moment, and sent again.

use super::*;

/// Upserts with a crash at operation `n`, and again after a restart. Returns whether there was a crash.
async fn crashed(n: u64, fault: Fault, rows: u64, mode: WriteMode) -> bool {
    let store = Store::new().await;
    let inner = Arc::clone(&store.engine);
    let faulty = Arc::new(Faulty::new(Arc::clone(&inner)).fail_at(n, fault.clone()));
    if let Ok(first) = store.through(Arc::clone(&faulty) as Arc<dyn Engine>).await {
        let _lost = first.upsert("a", rows, mode).await;
    }
    let store = store.through(inner).await.unwrap();
    let reply = store.upsert("a", rows, mode).await.unwrap();
    let context = format!("{fault:?} at operation {n}");
    for (n, outcome) in (0..).zip(&reply.outcomes) {
        assert_eq!(
            (outcome.row, outcome.outcome),
            (Some(Row(n)), Outcome::Created),
            "{context}: {outcome:?}"
        );
    }
    assert_eq!((reply.outcomes.len() as u64, store.members().await), (rows, rows), "{context}");
    let again = store.upsert("a", rows, mode).await.unwrap();
    // A stored result does not say where its slices ended.
    assert_eq!((again.outcomes, again.revision), (reply.outcomes, reply.revision), "{context}");
    assert_sound(&store.engine).await;
    faulty.has_failed()
}

async fn every_crash(rows: u64, mode: WriteMode) -> u64 {
    let mut n = 0;
    loop {
        n += 1;
        let before = crashed(n, Fault::CrashBefore, rows, mode).await;
        let after = crashed(n, Fault::CrashAfter, rows, mode).await;
        if !before && !after {
            return n;
        }
    }
}

#[tokio::test]
async fn a_crash_between_commit_and_reply_does_not_make_a_second_member() {
    assert!(every_crash(1, WriteMode::Partial).await > 3);
    assert!(every_crash(30, WriteMode::Atomic).await > 3);
}

#[tokio::test]
async fn an_upsert_of_several_commits_continues_where_it_was_interrupted() {
    assert!(every_crash(2_500, WriteMode::Partial).await > 6);
    assert!(every_crash(2_500, WriteMode::Whole).await > 6);
}

/// Deletes 2,500 members under a request id with a fault at operation `n`, and then again. Returns whether
/// there was a fault.
async fn deleted_again(n: u64, fault: Fault) -> bool {
    let store = Store::new().await;
    store.upsert("members", 2_500, WriteMode::Partial).await.unwrap();
    let inner = Arc::clone(&store.engine);
    let faulty = Arc::new(Faulty::new(Arc::clone(&inner)));
    let store = store.through(Arc::clone(&faulty) as Arc<dyn Engine>).await.unwrap();
    let delete =
        |claim| DeleteRequest { rows: (0..2_500).map(Row).collect(), claim, ..DeleteRequest::default() };
    let Ok(Begun::New(claim)) = store.begin("a", "").await else { panic!("it is new") };
    faulty.fail_later(n, fault.clone());
    let first = store.base.delete(delete(Some(claim))).await;
    let has_failed = faulty.has_failed();
    let context = format!("{fault:?} at operation {n}");
    if !matches!(fault, Fault::CrashBefore | Fault::CrashAfter) {
        // The request is sent again at once, to a base that goes on.
        faulty.fail_later(u64::MAX, fault);
        assert_eq!(delete_to_the_end(&store, delete).await, 2_500, "{context}: {first:?}");
    }
    let store = store.through(inner).await.unwrap();
    assert_eq!(delete_to_the_end(&store, delete).await, 2_500, "{context}");
    assert_eq!(store.members().await, 0, "{context}");
    assert_sound(&store.engine).await;
    has_failed
}

/// How many members a delete under a request id reports as deleted, by this run or before.
pub(super) async fn delete_to_the_end(
    store: &Store,
    delete: impl Fn(Option<Arc<Claim>>) -> DeleteRequest,
) -> u64 {
    let (members, revisions) = match store.begin("a", "").await.unwrap() {
        Begun::New(claim) => {
            let reply = store.base.delete(delete(Some(claim))).await.unwrap();
            (reply.deleted, reply.revisions)
        }
        Begun::Done(stored) => {
            let RequestResult::Deleted { members, revisions, .. } = stored.result else {
                panic!("{stored:?}")
            };
            (members, revisions)
        }
    };
    assert_eq!(revisions.len(), 3, "a commit for each slice: {revisions:?}");
    members
}

#[tokio::test]
async fn a_delete_of_several_commits_continues_where_it_was_interrupted_and_counts_all() {
    let full = Fault::Error(EngineError::StorageFull { free: 1, needed: 2 });
    for fault in [Fault::CrashBefore, Fault::CrashAfter, full, Fault::FailedWrite { also: 3 }] {
        let mut n = 1;
        while deleted_again(n, fault.clone()).await {
            n += 1;
        }
        assert!(n > 6, "{fault:?}: only {n} operations");
    }
}

#[tokio::test]
async fn the_result_of_an_upsert_that_changes_nothing_is_stored_whole_or_not_at_all() {
    let full = EngineError::StorageFull { free: 1, needed: 2 };
    for n in 1.. {
        let store = Store::new().await;
        let rows = || (0..2_500).map(|n| Ok(MemberRow { if_revision: None, ..new_row(n) })).collect();
        let request = |claim| {
            let (options, mode) = (UpsertOptions::default(), WriteMode::Partial);
            UpsertRequest { rows: rows(), options, mode, claim, deadline: None, origin: Origin::default() }
        };
        store.base.upsert(request(None)).await.unwrap();
        let faulty = Arc::new(Faulty::new(Arc::clone(&store.engine)));
        let store = store.through(Arc::clone(&faulty) as Arc<dyn Engine>).await.unwrap();
        let Ok(Begun::New(claim)) = store.begin("a", "").await else { panic!("it is new") };
        faulty.fail_later(n, Fault::Error(full.clone()));
        let first = store.base.upsert(request(Some(claim))).await;
        let has_failed = faulty.has_failed();
        faulty.fail_later(u64::MAX, Fault::CrashBefore);
        let again = match store.begin("a", "").await.unwrap() {
            Begun::New(claim) => store.base.upsert(request(Some(claim))).await.unwrap().outcomes,
            Begun::Done(stored) => {
                let RequestResult::Rows { rows, is_complete: true } = &stored.result else {
                    panic!("{stored:?}")
                };
                rows.iter().map(crate::table::RowResult::outcome).collect()
            }
        };
        assert_eq!(again.len(), 2_500);
        assert!(again.iter().all(|row| row.outcome == Outcome::Unchanged));
        assert_sound(&store.engine).await;
        if !has_failed {
            assert!(first.is_ok() && n > 2, "{first:?}");
            break;
        }
    }
}

#[tokio::test]
async fn after_a_crash_rows_that_became_bad_fail_and_rows_already_written_keep_their_outcome() {
    let mut cut_short = None;
    for n in 1.. {
        let store = Store::new().await;
        let faulty = Faulty::new(Arc::clone(&store.engine)).fail_at(n, Fault::CrashBefore);
        let Ok(first) = store.through(Arc::new(faulty)).await else { continue };
        let is_done = first.upsert("a", 2_500, WriteMode::Whole).await.is_ok();
        let restarted = store.through(Arc::clone(&store.engine)).await.unwrap();
        if restarted.members().await > 0 {
            cut_short = (!is_done).then_some(restarted);
            break;
        }
    }
    let store = cut_short.expect("a crash after the first commit and before the last");
    let stands = store.members().await;
    assert!(stands < 2_500);
    let taken = UpsertRequest {
        rows: vec![Ok(new_row(2_400))],
        options: UpsertOptions::default(),
        mode: WriteMode::Partial,
        claim: None,
        deadline: None,
        origin: Origin::default(),
    };
    store.base.upsert(taken).await.unwrap();
    let reply = store.upsert("a", 2_500, WriteMode::Whole).await.unwrap();
    for (n, outcome) in (0..).zip(&reply.outcomes) {
        let reason = outcome.error.as_ref().map(|error| error.reason);
        let expected = match n {
            _ if n < stands => (Some(Row(n)), Outcome::Created, None),
            2_400 => (Some(Row(stands)), Outcome::Failed, Some(Reason::RevisionMismatch)),
            _ => (None, Outcome::Failed, Some(Reason::AtomicAborted)),
        };
        assert_eq!((outcome.row, outcome.outcome, reason), expected, "row {n}");
    }
    assert_eq!(store.members().await, stands + 1);
}

#[tokio::test]
async fn a_whole_request_with_a_bad_row_writes_nothing_and_reports_every_row_as_failed() {
    let store = Store::new().await;
    store.upsert("first", 1, WriteMode::Partial).await.unwrap();
    let reply = store.upsert("a", 2_500, WriteMode::Whole).await.unwrap();
    let reasons = reply.outcomes.iter().map(|outcome| outcome.error.as_ref().unwrap().reason);
    let expected = [Reason::RevisionMismatch].into_iter().chain(std::iter::repeat(Reason::AtomicAborted));
    assert!(reasons.eq(expected.take(2_500)));
    assert_eq!(store.members().await, 1);
}
