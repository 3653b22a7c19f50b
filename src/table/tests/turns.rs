//! Planning yields to the other tasks of its thread, however many rows are planned as a whole, and between
//! two batches.

use super::*;
use crate::engine::faulty::Faulty;

/// This many rows need several lookups of keys, and several pieces of planning.
const ROWS: u16 = 10_000;
/// At most this many rows are planned between two turns of other tasks.
const BETWEEN: u16 = 512;

/// A request of many rows to `mode`.
fn many(mode: WriteMode) -> UpsertRequest {
    UpsertRequest {
        rows: (0..ROWS).map(|n| Ok(plain_row(n))).collect(),
        options: UpsertOptions::default(),
        mode,
        claim: None,
        deadline: None,
        origin: Origin::default(),
    }
}

/// How often another task of the same thread has its turn while the lane plans a request of this mode.
async fn turns_of_others(mode: WriteMode) -> u64 {
    let subject = Subject::new().await;
    // The request is queued, so it only has to be planned and made durable.
    let pending = subject.base.begin_upsert(many(mode), &Series::default()).await.unwrap();
    let mut answer = Box::pin(pending.answer());
    let mut turns = 0;
    let reply = loop {
        match futures_util::poll!(answer.as_mut()) {
            std::task::Poll::Ready(reply) => break reply.unwrap(),
            std::task::Poll::Pending => tokio::task::yield_now().await,
        }
        turns += 1;
    };
    assert_eq!(reply.outcomes.len(), usize::from(ROWS));
    assert!(reply.outcomes.iter().all(|row| row.outcome == Outcome::Created));
    let is_written = mode != WriteMode::ValidateOnly;
    let total = subject.base.view().await.summary().counts.total();
    assert_eq!(total, if is_written { u64::from(ROWS) } else { 0 });
    turns
}

#[tokio::test]
async fn other_tasks_have_their_turns_while_many_rows_are_planned_as_a_whole() {
    for mode in [WriteMode::ValidateOnly, WriteMode::Atomic, WriteMode::Whole] {
        let turns = turns_of_others(mode).await;
        assert!(turns >= u64::from(ROWS / BETWEEN), "{mode:?}: {turns}");
    }
}

#[tokio::test]
async fn a_request_whose_caller_left_is_not_planned_to_its_end() {
    for mode in [WriteMode::Atomic, WriteMode::Whole] {
        let subject = Subject::new().await;
        drop(subject.base.begin_upsert(many(mode), &Series::default()).await.unwrap());
        // This request comes after the abandoned one.
        subject.upsert(&[plain_row(1)], UpsertOptions::default(), WriteMode::Partial).await;
        assert_eq!(subject.base.view().await.summary().counts.total(), 1, "{mode:?}");
    }
}

#[tokio::test]
async fn no_write_waits_for_a_long_request_that_is_only_validated() {
    let subject = Subject::new().await;
    let mut long = Box::pin(subject.base.upsert(many(WriteMode::ValidateOnly)));
    // So many turns are more than hashing its rows takes, and fewer than planning them takes.
    for _ in 0..15 {
        assert!(futures_util::poll!(long.as_mut()).is_pending());
    }
    // In a server it is polled until it has read. Here it would hold its view for ever.
    while subject.base.is_held() {
        tokio::task::yield_now().await;
        assert!(futures_util::poll!(long.as_mut()).is_pending());
    }
    let late = ROWS - 1;
    let written = subject.upsert(&[plain_row(late)], UpsertOptions::default(), WriteMode::Partial).await;
    assert!(futures_util::poll!(long.as_mut()).is_pending());
    // Later rows see the new member, and do not confuse it with members that earlier rows would create.
    let outcomes = long.await.unwrap().outcomes;
    let (last, others) = outcomes.split_last().unwrap();
    assert!(others.iter().all(|row| row.outcome == Outcome::Created && row.row.is_none()));
    assert_eq!((last.outcome, last.row), (Outcome::Unchanged, written.outcomes[0].row));
    assert_eq!(subject.base.view().await.summary().counts.total(), 1);
}

#[tokio::test]
async fn a_long_request_that_is_only_validated_is_refused_after_its_deadline() {
    let subject = Subject::new().await;
    let late = UpsertRequest { deadline: Some(std::time::Instant::now()), ..many(WriteMode::ValidateOnly) };
    assert_eq!(subject.base.upsert(late).await, Err(TableError::DeadlinePassed));
}

#[test]
fn a_late_request_is_given_up_unless_a_part_of_it_is_written() {
    let (reply, _answer) = crate::table::write::reply::channel();
    let permit = Budget::new(1 << 20).take(Party::Base(BaseNumber(1)), 0).unwrap();
    let mut job =
        crate::table::write::job::UpsertJob::new(many(WriteMode::Atomic), Vec::new(), None, reply, permit);
    assert_eq!(job.check_wanted(), Ok(()));
    job.deadline = Some(std::time::Instant::now());
    assert_eq!(job.check_wanted(), Err(TableError::DeadlinePassed));
    // A request that was checked and found good is applied whatever its deadline.
    job.is_checked = true;
    assert_eq!(job.check_wanted(), Ok(()));
}

#[tokio::test]
async fn rows_that_are_planned_as_a_whole_take_memory_for_their_plan_until_the_reply() {
    let mut taken = Vec::new();
    for mode in [WriteMode::Partial, WriteMode::Atomic, WriteMode::Whole, WriteMode::ValidateOnly] {
        // A validation of 2,000 rows is planned outside the lane.
        for rows in [900, 2_000] {
            let subject = Subject::new().await;
            let budget = &subject.table.parts.budget;
            let mut request = many(mode);
            request.rows.truncate(rows);
            let mut upsert = Box::pin(subject.base.upsert(request));
            assert!(futures_util::poll!(upsert.as_mut()).is_pending());
            taken.push((mode, budget.used() / rows));
            assert!(upsert.await.unwrap().outcomes.iter().all(|row| row.outcome == Outcome::Created));
            while budget.used() > 0 {
                tokio::task::yield_now().await;
            }
        }
    }
    let row = taken[0].1;
    for (mode, bytes) in taken {
        let plan = if matches!(mode, WriteMode::Whole | WriteMode::ValidateOnly) { 4_096 } else { 0 };
        assert_eq!(bytes, row + plan, "{mode:?}");
    }
}

#[tokio::test]
async fn an_abandoned_request_releases_its_memory() {
    for rows in [900, 2_000] {
        let subject = Subject::new().await;
        let mut request = many(WriteMode::ValidateOnly);
        request.rows.truncate(rows);
        let mut upsert = Box::pin(subject.base.upsert(request));
        assert!(futures_util::poll!(upsert.as_mut()).is_pending());
        assert!(subject.table.parts.budget.used() > 0);
        drop(upsert);
        while subject.table.parts.budget.used() > 0 {
            tokio::task::yield_now().await;
        }
        subject.upsert(&[plain_row(1)], UpsertOptions::default(), WriteMode::Partial).await;
    }
}

// On a single thread: a batch that is durable at once is shown before the next one is planned.
#[tokio::test]
async fn the_answers_to_a_batch_do_not_wait_for_the_plan_of_the_next_one() {
    let faulty = Arc::new(Faulty::new(Arc::new(MemoryEngine::new())));
    let clock: Clock = Arc::new(|| Timestamp::from_micros(1));
    let engine = Arc::clone(&faulty) as Arc<dyn Engine>;
    let table = Table::open(engine, clock, TableConfig::default()).await.unwrap();
    let settings = crate::model::samples::unguarded("base");
    let base = table.base(table.create_base(settings, None).await.unwrap().number).await.unwrap();
    // Each is a batch of its own. It has many rows, and not so many that its plan lets others go first.
    let request = |rows: std::ops::Range<u16>| UpsertRequest {
        rows: rows.map(|n| Ok(plain_row(n))).collect(),
        ..many(WriteMode::Atomic)
    };
    let series = Series::default();
    let first = base.begin_upsert(request(0..200), &series).await.unwrap();
    let second = base.begin_upsert(request(200..400), &series).await.unwrap();
    first.answer().await.unwrap();
    let operations = faulty.operations();
    second.answer().await.unwrap();
    assert!(faulty.operations() > operations, "the second batch was planned before the first was shown");
}
