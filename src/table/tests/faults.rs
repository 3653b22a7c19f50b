//! The table on an engine that fails at each operation of a scenario in turn, or is slow, or with a clock
//! that goes back.

mod volley;

use std::time::{Duration, Instant};

use super::*;
use crate::engine::EngineError;
use crate::engine::faulty::{Fault, Faulty};
use crate::model::{Edit, GuardExpectation, Sight};

/// The result of a step.
#[derive(Debug, PartialEq)]
enum Answer {
    Rows(Vec<reference::Told>, u64),
    Deleted(DeleteReply),
    Undeleted((Vec<undelete::Told>, u64)),
    Renamed(u64),
    Records(records::Outcomes, u64),
    Done,
}

fn scenario() -> Vec<Step> {
    let upsert = |numbers: std::ops::Range<u16>, tier, mode| Step::Upsert {
        rows: numbers
            .map(|n| SmallRow {
                ref_: Some(n),
                email: Some(Some(n)),
                worker_id: None,
                tier: Some(tier),
                status: None,
                if_revision: None,
                found_by_id: None,
            })
            .collect(),
        options: UpsertOptions::default(),
        mode,
    };
    let clip = |row, deal| SmallChange::Clip { row, name: 0, deal };
    let buy = |row: u8, amount| SmallChange::Buy { row: row.into(), name: row, amount };
    vec![
        upsert(0..50, 0, WriteMode::Partial),
        Step::Checkpoint,
        upsert(30..90, 1, WriteMode::Atomic),
        Step::Rename { row: 4, to: 200, alias_micros: 1_000_000 },
        Step::Records { changes: vec![clip(3, Some(1)), clip(0, None), buy(3, None)] },
        Step::Records { changes: vec![clip(0, Some(2)), buy(1, Some(7)), buy(3, Some(1))] },
        Step::Delete { rows: vec![3, 40, 70], refs: vec![5, 6] },
        Step::Checkpoint,
        Step::Maintain,
        Step::Records { changes: vec![SmallChange::Buy { row: 2, name: 3, amount: None }, clip(3, None)] },
        Step::Records { changes: vec![SmallChange::Buy { row: 2, name: 3, amount: None }] },
        // Another member has the transaction of row 3 now.
        Step::Undelete { rows: vec![40, 3, 40, 5, 2, 200] },
        upsert(0..40, 2, WriteMode::Partial),
        Step::Reopen,
        // Another member has the ref of row 6 now.
        Step::Undelete { rows: vec![70, 6] },
        upsert(35..45, 3, WriteMode::Atomic),
        Step::Delete { rows: (80..90).collect(), refs: vec![] },
        // Only one of its slices finds anybody, so it is done or not.
        Step::DeleteMany { rows: vec![], refs: vec![20, 21] },
    ]
}

async fn perform(subject: &mut Subject, step: &Step) -> Result<Answer, TableError> {
    match step {
        Step::Upsert { rows, options, mode } => {
            let rows = rows.iter().map(|row| Ok(member_row(row))).collect();
            let request = UpsertRequest {
                rows,
                options: *options,
                mode: *mode,
                claim: None,
                deadline: None,
                origin: Origin::default(),
            };
            let reply = subject.base.upsert(request).await?;
            let outcomes =
                reply.outcomes.iter().map(|o| (o.outcome, o.row.map(|row| row.0), o.status_kept)).collect();
            Ok(Answer::Rows(outcomes, reply.revision))
        }
        Step::Delete { rows, refs } => {
            let rows = rows.iter().map(|row| Row(u64::from(*row))).collect();
            let refs = refs.iter().map(|n| ref_of(*n)).collect();
            let reply = subject
                .base
                .delete(DeleteRequest {
                    rows,
                    refs,
                    expect_removals: None,
                    claim: None,
                    deadline: None,
                    origin: Origin::default(),
                })
                .await?;
            Ok(Answer::Deleted(reply))
        }
        Step::DeleteMany { rows, refs } => {
            Ok(Answer::Deleted(subject.base.delete(delete_many(rows, refs)).await?))
        }
        Step::Undelete { rows } => Ok(Answer::Undeleted(subject.undelete_rows(rows).await?)),
        Step::Records { changes } => {
            let changes = changes.iter().map(|change| record_change(change, 0)).collect();
            let (outcomes, revision) = subject.change_records(changes).await?;
            Ok(Answer::Records(outcomes, revision))
        }
        Step::Maintain => subject.table.maintain().await.map(|()| Answer::Done),
        Step::Rename { row, to, alias_micros } => {
            let edit = Edit::Rename(Box::new(Rename::new(ref_of(*to), *alias_micros)));
            let key = MemberKey::Row(Row(u64::from(*row)));
            let what = EditWhat::Change { key, edit, if_revision: None };
            let reply = subject
                .base
                .edit(EditRequest {
                    what,
                    sight: Sight::default(),
                    expected: GuardExpectation::default(),
                    claim: None,
                    deadline: None,
                    origin: Origin::default(),
                })
                .await?;
            Ok(Answer::Renamed(reply.revision))
        }
        Step::Checkpoint => subject.base.checkpoint().await.map(|()| Answer::Done),
        Step::Reopen | Step::Crash => {
            let closed = subject.base.close().await;
            subject.reopen().await?;
            closed.map(|()| Answer::Done)
        }
    }
}

fn expect(reference: &mut Reference, step: &Step, now: Timestamp) -> Answer {
    match step {
        Step::Upsert { rows, options, mode } => {
            let rows: Vec<MemberRow> = rows.iter().map(member_row).collect();
            Answer::Rows(reference.upsert(&rows, options, *mode, now), reference.revision)
        }
        Step::Delete { rows, refs } => {
            let rows: Vec<Row> = rows.iter().map(|row| Row(u64::from(*row))).collect();
            let refs: Vec<Ref> = refs.iter().map(|n| ref_of(*n)).collect();
            Answer::Deleted(reference.delete(&rows, &refs, now))
        }
        Step::DeleteMany { rows, refs } => Answer::Deleted(reference.delete_many(rows, refs, now)),
        Step::Undelete { rows } => Answer::Undeleted((reference.undelete(rows, now), reference.revision)),
        Step::Records { changes } => {
            let changes: Vec<_> = changes.iter().map(|change| record_change(change, 0)).collect();
            Answer::Records(reference.change_records(&changes, now), reference.revision)
        }
        Step::Rename { row, to, alias_micros } => {
            reference.rename(u64::from(*row), &Rename::new(ref_of(*to), *alias_micros), now);
            Answer::Renamed(reference.revision)
        }
        Step::Checkpoint | Step::Maintain | Step::Reopen | Step::Crash => Answer::Done,
    }
}

impl Subject {
    /// Opens table and base again, and tries a second time if the engine fails.
    async fn reopen(&mut self) -> Result<(), TableError> {
        let time = Arc::clone(&self.clock);
        let clock: Clock = Arc::new(move || Timestamp::from_micros(time.load(Ordering::Relaxed)));
        for tries in 0.. {
            let opened = async {
                let table =
                    Table::open(Arc::clone(&self.engine), Arc::clone(&clock), TableConfig::default()).await?;
                let base = table.base(self.base.number()).await?;
                Ok((table, base))
            };
            match opened.await {
                Ok((table, base)) => {
                    (self.table, self.base) = (table, base);
                    return Ok(());
                }
                Err(error) if tries > 0 => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Runs the scenario with a fault at operation `n`. Returns whether the fault happened.
async fn survives(n: u64, fault: Fault) -> bool {
    let mut subject = Subject::new().await;
    let inner = Arc::clone(&subject.engine);
    let dies = matches!(fault, Fault::CrashBefore | Fault::CrashAfter);
    let context = format!("{fault:?} at operation {n}");
    let faulty = Arc::new(Faulty::new(Arc::clone(&inner)).fail_at(n, fault.clone()));
    subject.engine = Arc::clone(&faulty) as Arc<dyn Engine>;
    let mut alive = subject.reopen().await.is_ok();
    let mut reference = Reference::default();
    // The reference after a step that failed, which may have been done nevertheless.
    let mut in_doubt = None;
    for step in scenario() {
        if !alive {
            break;
        }
        let now = Timestamp::from_micros(subject.clock.fetch_add(1, Ordering::Relaxed) + 1);
        let mut after = reference.clone();
        let expected = expect(&mut after, &step, now);
        match perform(&mut subject, &step).await {
            Ok(answer) => {
                assert_eq!(answer, expected, "{context}: {step:?}");
                reference = after;
            }
            Err(error) => {
                assert!(matches!(error, TableError::Engine(_)), "{context}: {error:?}");
                in_doubt = (fault == Fault::CrashAfter).then_some(after);
                alive = !dies;
            }
        }
    }
    subject.engine = inner;
    subject.reopen().await.unwrap();
    let found = subject.base.view().await.revision();
    let reference = in_doubt.filter(|after| after.revision == found).unwrap_or(reference);
    subject.compare(&reference).await;
    faulty.has_failed()
}

/// Lets each operation fail in turn, until the scenario has no more operations.
fn at_every_operation(fault: &Fault) {
    block_on(async {
        let mut n = 1;
        while survives(n, fault.clone()).await {
            n += 1;
        }
        assert!(n > 30, "the scenario has only {n} operations");
    });
}

#[test]
fn if_any_operation_fails_successful_replies_stay_true() {
    at_every_operation(&Fault::Error(EngineError::Io("injected".to_owned())));
}

#[test]
fn if_any_write_fails_with_those_after_it_successful_replies_stay_true() {
    at_every_operation(&Fault::FailedWrite { also: 1 });
}

#[test]
fn the_process_may_die_before_any_operation() {
    at_every_operation(&Fault::CrashBefore);
}

#[test]
fn the_process_may_die_after_any_operation() {
    at_every_operation(&Fault::CrashAfter);
}

#[test]
fn the_time_of_commits_never_goes_back_with_the_clock() {
    block_on(async {
        let subject = Subject::new().await;
        subject.clock.store(1_000, Ordering::Relaxed);
        subject.upsert(&[plain_row(1)], UpsertOptions::default(), WriteMode::Partial).await;
        subject.clock.store(10, Ordering::Relaxed);
        subject.upsert(&[plain_row(2)], UpsertOptions::default(), WriteMode::Partial).await;
        let rename =
            SettingsRequest { name: Some(BaseName::parse("later").unwrap()), ..SettingsRequest::default() };
        let summary = subject.base.change_settings(rename).await.unwrap();
        assert_eq!(summary.updated_at, Timestamp::from_micros(1_000));
        let members = subject.base.view().await.members(&[Row(0), Row(1)]).await.unwrap();
        let times: Vec<i64> = members.iter().map(|(_, member)| member.created_at.micros()).collect();
        assert_eq!(times, [1_000, 1_000]);
        // Nor after a restart, when only the header has the time of the last commit.
        let mut subject = subject;
        subject.crash().await;
        subject.upsert(&[plain_row(3)], UpsertOptions::default(), WriteMode::Partial).await;
        let members = subject.base.view().await.members(&[Row(2)]).await.unwrap();
        assert_eq!(members[0].1.created_at, Timestamp::from_micros(1_000));
        crate::table::audit::tests::assert_sound(&subject.engine).await;
    });
}

#[test]
fn on_a_slow_disk_replies_are_the_same() {
    block_on(async {
        let (mut subject, slow) = Subject::on_a_slow_disk().await;
        slow.delay_each(Some(Duration::from_millis(1)));
        let mut reference = Reference::default();
        for step in scenario() {
            let now = Timestamp::from_micros(subject.clock.fetch_add(1, Ordering::Relaxed) + 1);
            let expected = expect(&mut reference, &step, now);
            assert_eq!(perform(&mut subject, &step).await.unwrap(), expected);
        }
        slow.delay_each(None);
        subject.compare(&reference).await;
    });
}

#[test]
fn a_request_whose_deadline_passes_while_the_disk_hangs_is_refused_and_not_written() {
    block_on(async {
        let (subject, slow) = Subject::on_a_slow_disk().await;
        let request = |n: u16, deadline| UpsertRequest {
            claim: None,
            rows: vec![Ok(plain_row(n))],
            options: UpsertOptions::default(),
            mode: WriteMode::Partial,
            deadline,
            origin: Origin::default(),
        };
        let series = Series::default();
        // One request waits for the disk, the others for their turns in the lane.
        slow.hold();
        let deadline = Instant::now() + Duration::from_millis(20);
        let first = subject.base.begin_upsert(request(1, None), &series).await.unwrap();
        slow.someone_waits().await;
        let late = subject.base.begin_upsert(request(2, Some(deadline)), &series).await.unwrap();
        let patient = subject.base.begin_upsert(request(3, None), &series).await.unwrap();
        while Instant::now() <= deadline {
            tokio::task::yield_now().await;
        }
        slow.release();
        assert_eq!(first.answer().await.unwrap().outcomes[0].row, Some(Row(0)));
        assert_eq!(late.answer().await, Err(TableError::DeadlinePassed));
        assert_eq!(patient.answer().await.unwrap().outcomes[0].row, Some(Row(1)));
        let found = subject.base.view().await.find(&[MemberKey::Ref(ref_of(2))]).await.unwrap();
        assert_eq!(found, [None]);
    });
}

impl Subject {
    async fn on_a_slow_disk() -> (Self, Arc<Faulty>) {
        let mut subject = Self::new().await;
        let slow = Arc::new(Faulty::new(Arc::clone(&subject.engine)));
        subject.engine = Arc::clone(&slow) as Arc<dyn Engine>;
        subject.reopen().await.unwrap();
        (subject, slow)
    }
}
