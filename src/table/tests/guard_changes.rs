//! The guard against changing many members by mistake: changed identities, lost data, members that come back,
//! and tiers that are left.

mod attributes;
mod plain;
mod slices;

use super::*;
use crate::model::{
    AttributePatch, AttributeValue, Date, Edit, GuardCounts, GuardExpectation, GuardKind, GuardLimit,
    GuardLimits, Held, Phone, Reason, Sight,
};

const HOUR: i64 = 3_600_000_000;
const KINDS: [GuardKind; 4] =
    [GuardKind::Identities, GuardKind::Clears, GuardKind::Reactivations, GuardKind::Tiers];

/// A base with so many members in the rows from 0 on, and the usual limits: of 100 members, 10 may change.
async fn with_members(members: u16, status: Status) -> Subject {
    let subject = Subject::new().await;
    subject.clock.store(500_000 * HOUR, Ordering::Relaxed);
    subject.guard_limits(GuardLimits::default()).await;
    let rows: Vec<MemberRow> =
        (0..members).map(|n| MemberRow { status: Some(status), ..first_row(n) }).collect();
    let reply = subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
    assert!(reply.outcomes.iter().all(|row| row.outcome == Outcome::Created));
    assert_eq!(subject.counted().await, GuardCounts::default(), "new members do not count");
    subject
}

/// The row of a member with everything that the guard looks at.
fn first_row(n: u16) -> MemberRow {
    let mut row = plain_row(n);
    row.patch.phone = Change::Set(Phone::parse(format!("+4477009{n:05}")).unwrap());
    row.patch.tier = Change::Set(tier("Gold"));
    row
}

fn tier(name: &str) -> Tier {
    Tier::parse(name.to_owned()).unwrap()
}

/// A row that makes the guard count this kind for the member of `n`.
fn counted_row(n: u16, kind: GuardKind) -> MemberRow {
    let mut row = first_row(n);
    match kind {
        GuardKind::Removals => row.status = Some(Status::Inactive),
        GuardKind::Identities => {
            row.patch.email = Change::Set(Email::parse(format!("other{n}@example.com")).unwrap());
        }
        GuardKind::Clears => row.patch.phone = Change::Clear,
        GuardKind::Reactivations => row.status = Some(Status::Active),
        GuardKind::Tiers => row.patch.tier = Change::Set(tier("Silver")),
    }
    row
}

fn options(expected: GuardExpectation) -> UpsertOptions {
    UpsertOptions { reactivate: true, expected, ..UpsertOptions::default() }
}

fn expecting(kind: GuardKind, number: u64) -> GuardExpectation {
    let mut expected = GuardExpectation::default();
    *expected.get_mut(kind) = Some(number);
    expected
}

/// The rows that the guard refused.
fn refused(reply: &UpsertReply) -> usize {
    let by_guard = |outcome: &&RowOutcome| {
        outcome.error.as_ref().is_some_and(|error| error.reason == Reason::ChangeGuard)
    };
    reply.outcomes.iter().filter(by_guard).count()
}

fn before(kind: GuardKind) -> Status {
    if kind == GuardKind::Reactivations { Status::Inactive } else { Status::Active }
}

impl Subject {
    async fn counted(&self) -> GuardCounts {
        self.base.guard_state().await.window
    }

    async fn apply(&self, rows: &[MemberRow], expected: GuardExpectation) -> UpsertReply {
        self.upsert(rows, options(expected), WriteMode::Partial).await
    }

    async fn edit(&self, row: u16, edit: Edit, expected: GuardExpectation) -> Result<(), Held> {
        let what = EditWhat::Change { key: MemberKey::Row(Row(row.into())), edit, if_revision: None };
        let (sight, origin) = (Sight::default(), Origin::default());
        let request = EditRequest { what, sight, expected, claim: None, deadline: None, origin };
        match self.base.edit(request).await {
            Ok(reply) => {
                assert!(matches!(reply.edited, Edited::Done { .. }), "{reply:?}");
                Ok(())
            }
            Err(TableError::Guard(held)) => Err(held),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn each_kind_of_change_has_ten_free_members_and_then_its_limit_in_every_mode() {
    block_on(async {
        for kind in KINDS {
            let subject = with_members(100, before(kind)).await;
            let rows: Vec<MemberRow> = (0..11).map(|n| counted_row(n, kind)).collect();
            let none = GuardExpectation::default();
            for mode in [WriteMode::ValidateOnly, WriteMode::Atomic, WriteMode::Whole, WriteMode::Partial] {
                let reply = subject.upsert(&rows, options(none), mode).await;
                assert_eq!(refused(&reply), 11, "{kind:?} {mode:?}");
                assert!(reply.outcomes.iter().all(RowOutcome::is_failed), "{kind:?} {mode:?}");
                assert_eq!(subject.counted().await, GuardCounts::default(), "{kind:?} {mode:?}");
            }
            for mode in [WriteMode::Atomic, WriteMode::Whole, WriteMode::Partial] {
                let place = match mode {
                    WriteMode::Atomic => 0..3,
                    WriteMode::Whole => 3..6,
                    WriteMode::Partial | WriteMode::ValidateOnly => 6..10,
                };
                let reply = subject.upsert(&rows[place], options(none), mode).await;
                assert!(!reply.outcomes.iter().any(RowOutcome::is_failed), "{kind:?} {mode:?}");
            }
            let counted = subject.counted().await;
            assert_eq!(
                (counted.get(kind), counted.minus(&counted.at_most(&counted))),
                (10, Default::default())
            );
            // The same rows again change nothing.
            assert_eq!(refused(&subject.apply(&rows, none).await), 1, "{kind:?}");
            assert_eq!(refused(&subject.apply(&rows, expecting(kind, 2)).await), 1, "{kind:?}");
            assert_eq!(refused(&subject.apply(&rows, expecting(kind, 1)).await), 0, "{kind:?}");
            assert_eq!(subject.counted().await.get(kind), 11);
        }
    });
}

#[test]
fn rows_of_another_kind_are_applied_beside_refused_ones() {
    block_on(async {
        let subject = with_members(100, Status::Active).await;
        let mut rows: Vec<MemberRow> = (0..20).map(|n| counted_row(n, GuardKind::Identities)).collect();
        rows.extend((20..30).map(|n| counted_row(n, GuardKind::Tiers)));
        rows.extend((200..220).map(first_row));
        let reply = subject.apply(&rows, GuardExpectation::default()).await;
        assert_eq!(refused(&reply), 20);
        assert!(reply.outcomes[20..].iter().all(|row| !row.is_failed()));
        let text = reply.outcomes[0].error.as_ref().unwrap().to_string();
        assert!(text.contains("identity of 20 of 100 members"), "{text}");
        assert_eq!(subject.counted().await, GuardCounts { tiers: 10, ..GuardCounts::default() });
        crate::table::audit::tests::assert_sound(&subject.engine).await;
    });
}

#[test]
fn counts_last_for_a_day_even_after_a_crash() {
    block_on(async {
        let mut subject = with_members(100, Status::Active).await;
        let row = |n| [counted_row(n, GuardKind::Clears)];
        for n in 0..10 {
            assert_eq!(refused(&subject.apply(&row(n), GuardExpectation::default()).await), 0);
        }
        subject.crash().await;
        assert_eq!(refused(&subject.apply(&row(10), GuardExpectation::default()).await), 1);
        subject.clock.fetch_add(25 * HOUR, Ordering::Relaxed);
        assert_eq!(refused(&subject.apply(&row(10), GuardExpectation::default()).await), 0);
    });
}

#[test]
fn a_hundred_parallel_calls_of_one_percent_each_do_not_get_past_the_limit() {
    block_on(async {
        let subject = with_members(1_000, Status::Active).await;
        let requests: Vec<Vec<MemberRow>> = (0..100)
            .map(|call| (call * 10..call * 10 + 10).map(|n| counted_row(n, GuardKind::Identities)).collect())
            .collect();
        let calls = requests.iter().map(|rows| subject.apply(rows, GuardExpectation::default()));
        let replies = futures_util::future::join_all(calls).await;
        let passed = replies.iter().filter(|reply| refused(reply) == 0).count();
        assert_eq!((passed, subject.counted().await.identities), (5, 50));
        assert!(replies.iter().all(|reply| [0, 10].contains(&refused(reply))));
    });
}

#[test]
fn long_requests_are_judged_as_a_whole_and_those_that_the_guard_does_not_count_pass() {
    block_on(async {
        let subject = with_members(4_000, Status::Active).await;
        let none = GuardExpectation::default();
        let rows: Vec<MemberRow> = (0..3_000).map(|n| counted_row(n, GuardKind::Identities)).collect();
        assert_eq!(refused(&subject.apply(&rows, none).await), 3_000);
        let validated = subject.upsert(&rows, options(none), WriteMode::ValidateOnly).await;
        assert_eq!(refused(&validated), 3_000);
        assert_eq!(subject.counted().await, GuardCounts::default());
        // A role is nobody's identity, and a new member is not somebody else.
        let worker = |n: u16| {
            let mut row = first_row(n);
            row.patch.role = Change::Set(crate::model::Name::parse("Cook".to_owned()).unwrap());
            row
        };
        let others: Vec<MemberRow> = (0..6_000).map(worker).collect();
        let reply = subject.apply(&others, none).await;
        assert!(!reply.outcomes.iter().any(RowOutcome::is_failed));
        assert_eq!(subject.counted().await, GuardCounts::default());
        assert_eq!(refused(&subject.apply(&rows, expecting(GuardKind::Identities, 3_000)).await), 0);
        assert_eq!(subject.counted().await.identities, 3_000);
        crate::table::audit::tests::assert_sound(&subject.engine).await;
    });
}

#[test]
fn a_member_that_a_request_creates_and_then_changes_counts() {
    block_on(async {
        for rows in [12_u16, 1_200] {
            let subject = with_members(0, Status::Active).await;
            let mut list: Vec<MemberRow> = (0..rows).map(first_row).collect();
            list.extend((0..rows).map(|n| counted_row(n, GuardKind::Tiers)));
            let reply = subject.apply(&list, GuardExpectation::default()).await;
            assert_eq!(refused(&reply), usize::from(rows));
            assert!(reply.outcomes[..rows.into()].iter().all(|row| row.outcome == Outcome::Created));
        }
    });
}

#[test]
fn a_new_ref_counts_only_if_the_row_found_its_member_by_something_else() {
    block_on(async {
        let subject = with_members(100, Status::Active).await;
        let renamed = |n: u16| {
            let mut row = first_row(n);
            row.patch.ref_ = Change::Set(ref_of(n + 1_000));
            row
        };
        let rows: Vec<MemberRow> = (0..11).map(renamed).collect();
        let by_email = UpsertOptions { match_by: MatchBy::Email, ..UpsertOptions::default() };
        assert_eq!(refused(&subject.upsert(&rows, by_email, WriteMode::Partial).await), 11);
        let rename = |n: u16| Edit::Rename(Box::new(Rename::new(ref_of(n + 1_000), 0)));
        for n in 0..11 {
            assert_eq!(subject.edit(n, rename(n), GuardExpectation::default()).await, Ok(()));
        }
        assert_eq!(subject.counted().await, GuardCounts::default());
    });
}

#[test]
fn calls_about_one_member_are_judged_too() {
    block_on(async {
        for kind in [GuardKind::Clears, GuardKind::Tiers] {
            let subject = with_members(30, Status::Active).await;
            let edit = |n| Edit::Update(Box::new(counted_row(n, kind)));
            let none = GuardExpectation::default();
            for n in 0..10 {
                assert_eq!(subject.edit(n, edit(n), none).await, Ok(()), "{kind:?}");
            }
            let held = subject.edit(10, edit(10), none).await.unwrap_err();
            assert_eq!((held.kind(), held.would_change, held.of, held.window), (Some(kind), 1, 30, 10));
            assert!(subject.edit(10, edit(10), expecting(kind, 2)).await.is_err());
            assert_eq!(subject.edit(10, edit(10), expecting(kind, 1)).await, Ok(()));
        }
        let subject = with_members(30, Status::Inactive).await;
        let back = |n| Edit::Rewrite(Box::new(first_row(n)));
        for n in 0..10 {
            assert_eq!(subject.edit(n, back(n), GuardExpectation::default()).await, Ok(()));
        }
        let held = subject.edit(10, back(10), GuardExpectation::default()).await.unwrap_err();
        assert_eq!(held.kind(), Some(GuardKind::Reactivations));
    });
}

#[test]
fn what_a_sender_may_not_see_makes_no_difference() {
    block_on(async {
        let born = |n: u16, day: &str| {
            let mut row = first_row(n);
            row.patch.dob = Change::Set(Date::parse(day).unwrap());
            row
        };
        let subject = with_members(0, Status::Active).await;
        let list: Vec<MemberRow> = (0..40).map(|n| born(n, "1990-02-03")).collect();
        subject.apply(&list, GuardExpectation::default()).await;
        let blind = UpsertOptions { sight: Sight::WithoutPii, ..UpsertOptions::default() };
        for day in ["1990-02-03", "1990-02-04"] {
            for (rows, expected) in [(10, 0), (11, 11)] {
                let rows: Vec<MemberRow> = (0..rows).map(|n| born(n, day)).collect();
                let reply = subject.upsert(&rows, blind, WriteMode::ValidateOnly).await;
                assert_eq!(refused(&reply), expected, "{day}");
            }
        }
    });
}

#[test]
fn a_series_uses_up_what_an_admin_expects_of_it() {
    block_on(async {
        let subject = with_members(400, Status::Active).await;
        let series = Series::expecting(expecting(GuardKind::Identities, 50));
        let mut outcomes = Vec::new();
        for chunk in 0..4 {
            let rows = (chunk * 20..chunk * 20 + 20).map(|n| Ok(counted_row(n, GuardKind::Identities)));
            let request = UpsertRequest {
                rows: rows.collect(),
                options: UpsertOptions::default(),
                mode: WriteMode::Partial,
                claim: None,
                deadline: None,
                origin: Origin::default(),
            };
            let pending = subject.base.begin_upsert(request, &series).await.unwrap();
            outcomes.push(refused(&pending.answer().await.unwrap()));
        }
        // The guard allows the first 20 anyway.
        assert_eq!(outcomes, [0, 0, 0, 20]);
    });
}

#[test]
fn an_admin_raises_a_limit_for_good_and_the_commit_log_says_so() {
    block_on(async {
        let mut subject = with_members(100, Status::Active).await;
        let rows: Vec<MemberRow> = (0..60).map(|n| counted_row(n, GuardKind::Tiers)).collect();
        assert_eq!(refused(&subject.apply(&rows, GuardExpectation::default()).await), 60);
        let before = subject.base.view().await.revision();
        let tiers = GuardLimit::parse(90, 50).unwrap();
        subject.guard_limits(GuardLimits { tiers, ..GuardLimits::default() }).await;
        assert_eq!(subject.base.view().await.revision(), before + 1);
        subject.crash().await;
        assert_eq!(refused(&subject.apply(&rows, GuardExpectation::default()).await), 60);
        assert_eq!(refused(&subject.apply(&rows[..50], GuardExpectation::default()).await), 0);
    });
}
