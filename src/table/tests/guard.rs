//! The guard against removing many members by mistake.

use super::*;
use crate::model::{
    Edit, GuardExpectation, GuardKind, GuardLimit, GuardLimits, Guarded, Held, Reason, RequestId,
    RequestIdentity, Sight,
};

const HOUR: i64 = 3_600_000_000;

/// A base with so many active members, in the rows from 0 on, and the usual limit.
async fn with_members(members: u16) -> Subject {
    let subject = Subject::new().await;
    subject.clock.store(500_000 * HOUR, Ordering::Relaxed);
    subject.limit(20).await;
    subject.load(members).await;
    subject
}

impl Subject {
    async fn limit(&self, percent: u64) {
        let removals = GuardLimit::parse(percent, 0).unwrap();
        self.guard_limits(GuardLimits { removals, ..GuardLimits::OFF }).await;
    }

    async fn load(&self, members: u16) {
        let rows: Vec<MemberRow> = (0..members).map(plain_row).collect();
        let reply = self.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        assert!(reply.outcomes.iter().all(|row| row.outcome == Outcome::Created));
    }

    async fn remove(&self, rows: std::ops::Range<u64>, expect_removals: Option<u64>) -> Result<u64, Held> {
        let request =
            DeleteRequest { rows: rows.map(Row).collect(), expect_removals, ..DeleteRequest::default() };
        held(self.base.delete(request).await).map(|reply| reply.deleted)
    }

    async fn offboard(&self, row: u64, expect_removals: Option<u64>) -> Result<(), Held> {
        let what =
            EditWhat::Change { key: MemberKey::Row(Row(row)), edit: Edit::Offboard, if_revision: None };
        let (sight, origin) = (Sight::default(), Origin::default());
        let expected = GuardExpectation::of_removals(expect_removals);
        let request = EditRequest { what, sight, expected, claim: None, deadline: None, origin };
        let reply = held(self.base.edit(request).await)?;
        assert!(matches!(reply.edited, Edited::Done { .. }), "{reply:?}");
        Ok(())
    }

    async fn present(&self) -> u64 {
        let counts = self.base.view().await.summary().counts;
        counts.active + counts.invited
    }
}

fn held<T>(result: Result<T, TableError>) -> Result<T, Held> {
    result.map_err(|error| match error {
        TableError::Guard(held) => held,
        other => panic!("{other}"),
    })
}

/// Numbers of a refusal: how many would be removed, of how many, beside how many others.
fn numbers(held: Held) -> (u64, u64, u64) {
    assert_eq!(held.kind(), Some(GuardKind::Removals));
    (held.would_change, held.of, held.window)
}

/// A row that makes the member inactive.
fn leaver(n: u16) -> MemberRow {
    MemberRow { status: Some(Status::Inactive), ..plain_row(n) }
}

const APPLY: fn(Option<u64>) -> UpsertOptions = |removals| UpsertOptions {
    apply_status: true,
    expected: GuardExpectation::of_removals(removals),
    ..UpsertOptions::default()
};

fn failed(reply: &UpsertReply) -> Vec<usize> {
    let guarded = |outcome: &RowOutcome| {
        outcome.error.as_ref().is_some_and(|error| error.reason == Reason::RemovalGuard)
    };
    let all = reply.outcomes.iter().enumerate();
    all.filter(|(_, outcome)| guarded(outcome)).map(|(index, _)| index).collect()
}

#[test]
fn removals_of_many_calls_count_together_for_a_day_even_after_a_crash() {
    block_on(async {
        let mut subject = with_members(100).await;
        assert_eq!(subject.remove(0..15, None).await, Ok(15));
        for row in 15..19 {
            assert_eq!(subject.offboard(row, None).await, Ok(()));
        }
        assert_eq!(subject.remove(19..21, None).await.map_err(numbers), Err((2, 100, 19)));
        subject.crash().await;
        assert_eq!(subject.remove(19..21, None).await.map_err(numbers), Err((2, 100, 19)));
        assert_eq!(subject.offboard(19, None).await, Ok(()));
        assert_eq!(subject.offboard(20, None).await.map_err(numbers), Err((1, 100, 20)));
        // A repeat removes nobody, and neither do unknown rows.
        assert_eq!(subject.offboard(19, None).await, Ok(()));
        assert_eq!(subject.remove(5_000..6_500, None).await, Ok(0));
        assert_eq!(subject.present().await, 80);
        subject.clock.fetch_add(25 * HOUR, Ordering::Relaxed);
        assert_eq!(subject.remove(20..36, None).await, Ok(16));
        assert_eq!(subject.remove(36..37, None).await.map_err(numbers), Err((1, 80, 16)));
    });
}

#[test]
fn small_bases_lose_ten_members_a_day_and_all_of_them_once_an_admin_expects_it() {
    block_on(async {
        let subject = with_members(12).await;
        subject.limit(0).await;
        assert_eq!(subject.remove(0..10, None).await, Ok(10));
        assert_eq!(subject.remove(10..12, None).await.map_err(numbers), Err((2, 12, 10)));
        for wrong in [1, 3, 12] {
            assert_eq!(subject.remove(10..12, Some(wrong)).await.map_err(numbers), Err((2, 12, 10)));
        }
        assert_eq!(subject.offboard(10, Some(2)).await.map_err(numbers), Err((1, 12, 10)));
        assert_eq!(subject.offboard(10, Some(1)).await, Ok(()));
        assert_eq!(subject.remove(10..12, Some(2)).await, Ok(2));
        assert_eq!(subject.base.view().await.summary().counts.total(), 0);
    });
}

#[test]
fn a_refused_delete_of_several_slices_deletes_nobody_and_counts_only_members_that_exist() {
    block_on(async {
        let subject = with_members(5_000).await;
        let before = subject.base.view().await.revision();
        assert_eq!(subject.remove(0..3_000, None).await.map_err(numbers), Err((3_000, 5_000, 0)));
        assert_eq!(subject.remove(4_000..9_000, None).await, Ok(1_000));
        assert_eq!(subject.base.view().await.revision(), before + 1);
        // Members that are listed twice, by row and by ref, count once.
        let (rows, refs) = ((0..1_200).map(Row).collect(), (0..1_200).map(ref_of).collect());
        let request = |expect_removals| DeleteRequest {
            rows: Vec::clone(&rows),
            refs: Vec::clone(&refs),
            expect_removals,
            ..DeleteRequest::default()
        };
        let refused = held(subject.base.delete(request(Some(2_400))).await).map(|reply| reply.deleted);
        assert_eq!(refused.map_err(numbers), Err((1_200, 5_000, 1_000)));
        assert_eq!(subject.present().await, 4_000);
        assert_eq!(subject.base.delete(request(Some(1_200))).await.unwrap().deleted, 1_200);
        crate::table::audit::tests::assert_sound(&subject.engine).await;
    });
}

#[test]
fn a_hundred_parallel_deletes_of_one_percent_each_do_not_get_past_the_limit() {
    block_on(async {
        let subject = with_members(1_000).await;
        let deletes = (0..100).map(|n| subject.remove(n * 10..n * 10 + 10, None));
        let deleted = futures_util::future::join_all(deletes).await;
        assert_eq!(deleted.iter().flatten().sum::<u64>(), 200);
        assert_eq!(subject.present().await, 800);
    });
}

#[test]
fn parallel_deletes_of_several_slices_each_cannot_use_the_same_room() {
    block_on(async {
        let subject = with_members(10_000).await;
        let deletes = (0..6).map(|n| subject.remove(n * 1_500..n * 1_500 + 1_500, None));
        let deleted = futures_util::future::join_all(deletes).await;
        assert_eq!(deleted.iter().filter(|result| result.is_ok()).count(), 1, "{deleted:?}");
        assert_eq!(subject.present().await, 8_500);
        // What the refused ones would have used is free again.
        assert_eq!(subject.remove(9_000..9_500, None).await, Ok(500));
    });
}

#[test]
fn rows_that_would_remove_too_many_fail_and_the_others_are_applied() {
    block_on(async {
        let subject = with_members(100).await;
        let mut rows: Vec<MemberRow> = (0..30).map(leaver).collect();
        rows.insert(7, plain_row(200));
        let expected: Vec<usize> = (0..31).filter(|index| *index != 7).collect();
        for mode in [WriteMode::ValidateOnly, WriteMode::Partial] {
            let reply = subject.upsert(&rows, APPLY(None), mode).await;
            assert_eq!(failed(&reply), expected, "{mode:?}");
            assert_eq!(reply.outcomes[7].outcome, Outcome::Created);
            assert_eq!(reply.outcomes[0].row, Some(Row(0)));
        }
        assert_eq!(subject.present().await, 101);
        // Members that are inactive already do not count.
        let reply = subject.upsert(&rows[..6], APPLY(None), WriteMode::Partial).await;
        assert!(failed(&reply).is_empty());
        let reply = subject.upsert(&rows, APPLY(Some(30)), WriteMode::Partial).await;
        assert_eq!(failed(&reply).len(), 24);
        let reply = subject.upsert(&rows, APPLY(Some(24)), WriteMode::Partial).await;
        assert!(reply.outcomes.iter().all(|outcome| !outcome.is_failed()));
        assert_eq!(subject.present().await, 71);
    });
}

#[test]
fn requests_that_apply_no_status_and_bases_without_a_limit_are_not_judged() {
    block_on(async {
        let subject = with_members(100).await;
        let rows: Vec<MemberRow> = (0..100).map(leaver).collect();
        let reply = subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        assert!(reply.outcomes.iter().all(|outcome| outcome.status_kept));
        // New members that are inactive from the start were not removed.
        let rows: Vec<MemberRow> = (300..400).map(leaver).collect();
        assert!(failed(&subject.upsert(&rows, APPLY(None), WriteMode::Atomic).await).is_empty());
        subject.limit(100).await;
        assert_eq!(subject.remove(0..100, None).await, Ok(100));
        subject.limit(20).await;
        let reply = subject.upsert(&[plain_row(900)], APPLY(None), WriteMode::Partial).await;
        assert_eq!(reply.outcomes[0].outcome, Outcome::Created);
    });
}

#[test]
fn atomic_and_whole_requests_with_too_many_removals_write_nothing() {
    block_on(async {
        let subject = with_members(2_500).await;
        let before = subject.base.view().await.revision();
        let mut rows: Vec<MemberRow> = (0..1_200).map(leaver).collect();
        rows.push(plain_row(5_000));
        for mode in [WriteMode::Atomic, WriteMode::Whole, WriteMode::ValidateOnly] {
            let reply = subject.upsert(&rows, APPLY(None), mode).await;
            let guarded = failed(&reply);
            let last = &reply.outcomes[1_200];
            match mode {
                WriteMode::Atomic => {
                    assert_eq!(guarded, (0..1_200).collect::<Vec<_>>());
                    assert_eq!(last.error.as_ref().unwrap().reason, Reason::AtomicAborted);
                }
                WriteMode::Whole => assert!(reply.outcomes.iter().all(RowOutcome::is_failed)),
                WriteMode::ValidateOnly | WriteMode::Partial => {
                    assert_eq!((guarded.len(), last.outcome), (1_200, Outcome::Created));
                }
            }
            assert_eq!(subject.base.view().await.revision(), before, "{mode:?}");
        }
        for (mode, range) in [(WriteMode::Atomic, 0..600), (WriteMode::Whole, 600..1_200)] {
            let rows: Vec<MemberRow> = rows[range].to_vec();
            let reply = subject.upsert(&rows, APPLY(Some(600)), mode).await;
            assert!(reply.outcomes.iter().all(|outcome| outcome.outcome == Outcome::Updated), "{mode:?}");
        }
        assert_eq!(subject.present().await, 1_300);
        crate::table::audit::tests::assert_sound(&subject.engine).await;
    });
}

#[test]
fn a_long_partial_request_is_judged_as_a_whole_before_its_first_slice() {
    block_on(async {
        let subject = with_members(4_000).await;
        let rows: Vec<MemberRow> = (0..3_000).map(leaver).collect();
        let upsert = subject.upsert(&rows, APPLY(None), WriteMode::Partial);
        let (reply, deleted) = tokio::join!(upsert, subject.remove(3_900..3_905, None));
        assert_eq!((failed(&reply).len(), deleted), (3_000, Ok(5)));
        assert_eq!(subject.present().await, 3_995);
        let reply = subject.upsert(&rows, APPLY(Some(3_000)), WriteMode::Partial).await;
        assert!(failed(&reply).is_empty());
        assert_eq!(subject.present().await, 995);
    });
}

#[test]
fn a_refused_request_leaves_its_request_id_free_and_a_repeat_gets_the_stored_result() {
    block_on(async {
        let subject = with_members(1_000).await;
        let id = RequestIdentity::new(RequestId::parse("a").unwrap(), "delete", b"");
        let idempotency = subject.table.idempotency();
        let begin = || idempotency.begin(&id, None, subject.table.now(), IfRunning::Refuse);
        let delete = |claim, expect_removals| {
            let rows = (0..500).map(Row).collect();
            subject.base.delete(DeleteRequest { rows, expect_removals, claim, ..DeleteRequest::default() })
        };
        for _ in 0..2 {
            let Ok(Begun::New(claim)) = begin().await else { panic!("it is new") };
            assert_eq!(held(delete(Some(claim), None).await).map_err(numbers), Err((500, 1_000, 0)));
        }
        let Ok(Begun::New(claim)) = begin().await else { panic!("it is new") };
        assert_eq!(delete(Some(claim), Some(500)).await.unwrap().deleted, 500);
        let Ok(Begun::Done(stored)) = begin().await else { panic!("it was done") };
        let revisions = vec![subject.base.view().await.revision()];
        let records = Default::default();
        assert_eq!(stored.result, RequestResult::Deleted { members: 500, records, revisions });
    });
}

#[test]
fn records_of_members_that_a_refused_delete_names_stay() {
    block_on(async {
        let subject = with_members(100).await;
        let buy = SmallChange::Buy { row: 3, name: 1, amount: None };
        subject.change_records(vec![record_change(&buy, 1)]).await.unwrap().0.unwrap();
        assert!(subject.remove(0..50, None).await.is_err());
        let stamp = SmallChange::Buy { row: 3, name: 2, amount: None };
        subject.change_records(vec![record_change(&stamp, 2)]).await.unwrap().0.unwrap();
        let rows = (0..50).map(Row).collect();
        let request = DeleteRequest { rows, expect_removals: Some(50), ..DeleteRequest::default() };
        let reply = subject.base.delete(request).await.unwrap();
        assert_eq!((reply.deleted, reply.records.transactions), (50, 2));
        crate::table::audit::tests::assert_sound(&subject.engine).await;
    });
}

#[test]
fn a_base_is_deleted_only_by_somebody_who_knows_how_many_members_it_has() {
    block_on(async {
        for (members, expect_members, is_deleted) in
            [(10, None, true), (11, None, false), (11, Some(10), false), (11, Some(11), true)]
        {
            let subject = with_members(members).await;
            subject.limit(100).await;
            let deleted = Some(true);
            let request = SettingsRequest { deleted, expect_members, ..SettingsRequest::default() };
            let result = held(subject.base.change_settings(request).await);
            assert_eq!(result.is_ok(), is_deleted, "{members} {expect_members:?}");
            if let Err(held) = result {
                assert_eq!((held.what, held.would_change), (Guarded::Base, 11));
            }
        }
    });
}

#[test]
fn the_limit_is_a_setting_that_stays_after_a_crash_and_its_changes_are_in_the_commit_log() {
    block_on(async {
        let mut subject = with_members(50).await;
        let before = subject.base.view().await.revision();
        subject.limit(60).await;
        assert_eq!(subject.base.view().await.revision(), before + 1);
        subject.limit(60).await;
        assert_eq!(subject.base.view().await.revision(), before + 1, "nothing changed");
        subject.crash().await;
        assert_eq!(subject.base.view().await.summary().settings.guard_limits.removals.percent(), 60);
        assert_eq!(subject.remove(0..30, None).await, Ok(30));
        assert_eq!(subject.remove(30..31, None).await.map_err(numbers), Err((1, 50, 30)));
    });
}
