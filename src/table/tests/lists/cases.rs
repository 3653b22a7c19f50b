//! Single cases of full lists.

use std::collections::BTreeMap;

use super::*;

fn list(rows: &[SmallListRow]) -> Case {
    Case {
        members: Vec::new(),
        renames: Vec::new(),
        rows: rows.to_vec(),
        together: 2,
        options: ListOptions::default(),
        scope: None,
        arrived_at: None,
        meanwhile: Vec::new(),
    }
}

/// A row with a ref and an e-mail address.
fn row(ref_: u16, email: u16) -> SmallListRow {
    let row = SmallRow {
        ref_: Some(ref_),
        email: Some(Some(email)),
        worker_id: None,
        tier: None,
        status: None,
        if_revision: None,
        found_by_id: None,
    };
    SmallListRow { row, fault: None, named: None, has_texts: true }
}

async fn base_of(members: u16) -> Subject {
    let subject = Subject::with(members).await;
    subject.tick();
    subject
}

/// The reasons of the rows that fail, by line.
fn reasons(planned: &[PlannedRow]) -> Vec<(u64, Reason, String)> {
    let failed = planned.iter().filter_map(|row| Some((row.line, row.outcome.error.as_ref()?)));
    failed.map(|(line, error)| (line, error.reason, error.message())).collect()
}

async fn holds(subject: &Subject, case: &Case) -> (PlanSummary, Vec<Hold>) {
    let (_, end) = subject.plan(case).await;
    (end.summary.clone(), end.summary.holds)
}

#[test]
fn a_second_row_of_a_member_fails_and_names_the_first_line() {
    block_on(async {
        let subject = base_of(4).await;
        let case = list(&[row(0, 0), row(1, 1), row(0, 7), row(8, 1), row(9, 9), row(9, 6)]);
        let (planned, end) = subject.plan(&case).await;
        let again =
            |line, field: &str, text: &str| (line, Reason::DuplicateInList, format!("{field}: {text}"));
        assert_eq!(
            reasons(&planned),
            [
                again(3, "ref", "belongs to the member of line 1"),
                again(4, "email", "belongs to the member of line 2"),
                again(6, "ref", "is in line 5 too"),
            ]
        );
        assert_eq!(end.removed, [Row(2), Row(3)]);
        let counts = end.summary.counts;
        assert_eq!((counts.rows.unchanged, counts.rows.created, counts.rows.failed), (2, 1, 3));
    });
}

#[test]
fn a_key_that_an_earlier_row_frees_is_free() {
    block_on(async {
        let subject = base_of(3).await;
        // Row 0 gets a new address, and row 1 and then row 2 get the one before it.
        let case = list(&[row(0, 8), row(1, 0), row(2, 1)]);
        for together in [1, 3] {
            let (planned, end) = subject.plan(&Case { together, ..case.clone() }).await;
            assert!(planned.iter().all(|row| row.outcome.outcome == Outcome::Updated), "{planned:?}");
            let example = &end.examples[0];
            let email = |member: &Option<Box<Member>>| {
                member.as_ref().unwrap().profile.email.as_ref().unwrap().as_str().to_owned()
            };
            assert_eq!((email(&example.before), email(&example.after)).0, "M0@x.example");
            assert_eq!(email(&example.after), "M8@x.example");
        }
        // In the other order the first row finds its address taken.
        let (planned, _) = subject.plan(&list(&[row(2, 1), row(1, 0), row(0, 8)])).await;
        let failed = reasons(&planned).into_iter().map(|(line, reason, _)| (line, reason));
        assert_eq!(failed.collect::<Vec<_>>(), [(1, Reason::EmailTaken), (2, Reason::EmailTaken)]);
    });
}

#[test]
fn rows_in_the_order_of_their_members_are_recognised_as_in_any_order() {
    block_on(async {
        let subject = base_of(600).await;
        // Some members have left, and some rows change theirs, are new, or come twice.
        let rows = (0..600_u16).filter(|n| n % 50 > 1).flat_map(|n| match n % 40 {
            7 | 8 => vec![row(n, n + 1_000)],
            20 => vec![row(n, n), row(n + 2_000, n + 2_000)],
            30 => vec![row(n, n), row(n, n)],
            _ => vec![row(n, n)],
        });
        let lines: Vec<(u64, SmallListRow)> = (1..).zip(rows).collect();
        let plan = subject.begin_list(&list(&[])).await;
        let recognised = async |lines: &[(u64, SmallListRow)]| {
            let sent = lines.iter().map(|(line, row)| row.sent(*line)).collect();
            let listed = plan.recogniser().rows(&sent::Reads, sent).await.unwrap();
            let of = |listed| match listed {
                crate::table::Listed::Same(same, row) => (sent::Reads.line(&row), Some(same)),
                crate::table::Listed::Parsed(row) => (row.line, None),
            };
            listed.into_iter().map(of).collect::<BTreeMap<_, _>>()
        };
        let in_order = recognised(&lines).await;
        let reversed: Vec<_> = lines.iter().rev().cloned().collect();
        assert_eq!(recognised(&reversed).await, in_order);
        for (line, row) in &lines {
            let is_as_it_is = row.row.ref_.map(Some) == row.row.email && row.row.ref_ < Some(600);
            assert_eq!(in_order[line].is_some(), is_as_it_is, "{row:?}");
        }
    });
}

#[test]
fn a_member_that_leaves_while_its_slice_is_planned_comes_back() {
    block_on(async {
        let subject = base_of(1_000).await;
        let rows: Vec<SmallListRow> = (0..1_000).map(|n| row(n, n)).collect();
        let mut plan = subject.begin_list(&list(&rows)).await;
        let listed = |(line, row): (u64, &SmallListRow)| {
            crate::table::Listed::<sent::Sent>::Parsed(Box::new(row.listed(line)))
        };
        let lines: Vec<_> = (1_u64..).zip(&rows).map(listed).collect();
        let mut planning = Box::pin(plan.rows(&sent::Reads, lines));
        // The slice has begun, with nobody inactive, and lets others go first.
        assert!(futures_util::poll!(planning.as_mut()).is_pending());
        let leaves = SmallRow { status: Some(Status::Inactive), ..row(999, 999).row };
        let options = UpsertOptions { apply_status: true, ..UpsertOptions::default() };
        let reply = subject.upsert(&[member_row(&leaves)], options, WriteMode::Partial).await;
        assert_eq!(reply.outcomes[0].outcome, Outcome::Updated);
        let planned = planning.await.unwrap();
        assert_eq!(planned[999].outcome.outcome, Outcome::Reactivated);
    });
}

#[test]
fn a_list_that_is_empty_unreadable_or_removes_everybody_is_held() {
    block_on(async {
        let subject = base_of(30).await;
        let (summary, empty) = holds(&subject, &list(&[])).await;
        assert_eq!((summary.counts.removed, summary.removed_young), (30, (30, 30)));
        assert_eq!(empty, [Hold::Removals, Hold::EmptyList, Hold::Everybody]);
        let all: Vec<SmallListRow> = (0..29).map(|n| row(n, n)).collect();
        assert_eq!(holds(&subject, &list(&all)).await.1, []);
        // A fault in another field: the member is named all the same.
        let faulty = |n: u16, fault| SmallListRow { fault: Some(fault), ..row(n, n) };
        let phones: Vec<SmallListRow> = (0..29).map(|n| faulty(n, false)).collect();
        let (summary, none) = holds(&subject, &list(&phones)).await;
        assert_eq!((summary.counts.removed, summary.unreadable, none), (1, 0, vec![]));
        // A row with a key that cannot be read, which finds nobody.
        let unread = [&all[..], &[faulty(200, true)]].concat();
        let (summary, held) = holds(&subject, &list(&unread)).await;
        assert_eq!((summary.unreadable, held), (1, vec![Hold::UnreadableRows]));
        // Its member is known only if the key by which the list matches finds it.
        let ref_ = faulty(5, true);
        let email = SmallListRow { fault: Some(true), ..row(200, 5) };
        for (row, unreadable) in [(ref_, 0), (email, 1)] {
            let (summary, _) = holds(&subject, &list(&[&all[..5], &all[6..], &[row]].concat())).await;
            assert_eq!((summary.unreadable, summary.counts.removed), (unreadable, 1));
        }
        // It does not matter if nobody is missing.
        let whole = [&unread[..], &[row(29, 29)]].concat();
        assert_eq!(holds(&subject, &list(&whole)).await.1, []);
        let others: Vec<SmallListRow> = (100..130).map(|n| row(n, n)).collect();
        assert_eq!(holds(&subject, &list(&others)).await.1, [Hold::Removals, Hold::Everybody]);
    });
}

#[test]
fn members_created_while_the_plan_is_made_or_after_the_list_stay() {
    block_on(async {
        let subject = base_of(3).await;
        let as_of = Some(subject.tick());
        subject.tick();
        subject.upsert(&[plain_row(50)], UpsertOptions::default(), WriteMode::Partial).await;
        let mut case = list(&[row(0, 0), row(1, 1)]);
        case.options.as_of = as_of;
        let (_, end) = subject.plan(&case).await;
        assert_eq!(end.removed, [Row(2)]);
        case.options.as_of = None;
        let mut plan = subject.begin_list(&case).await;
        subject.upsert(&[plain_row(51)], UpsertOptions::default(), WriteMode::Partial).await;
        plan_rows(&mut plan, vec![row(0, 0).sent(1), row(1, 1).sent(2)]).await;
        assert_eq!(plan.end().await.unwrap().removed, [Row(2), Row(3)]);
    });
}

#[test]
fn a_plan_has_the_first_hundred_examples_of_each_kind() {
    block_on(async {
        let subject = base_of(700).await;
        let leaves = |n| member_row(&SmallRow { status: Some(Status::Inactive), ..row(n, n).row });
        let rows: Vec<MemberRow> = (0..130).map(leaves).collect();
        let options = UpsertOptions { apply_status: true, ..UpsertOptions::default() };
        subject.upsert(&rows, options, WriteMode::Partial).await;
        subject.tick();
        let back = (0..130).map(|n| row(n, n));
        let same = (130..260).map(|n| row(n, n));
        let changed = (260..390).map(|n| row(n, n + 1_000));
        let faulty = (390..520).map(|n| SmallListRow { fault: Some(false), ..row(n, n) });
        let new = (0..130).map(|n| row(n + 5_000, n + 5_000));
        let case = list(&back.chain(same).chain(changed).chain(faulty).chain(new).collect::<Vec<_>>());
        let (_, end) = subject.plan(&Case { together: 64, ..case }).await;
        let lines = |outcome| -> Vec<u64> {
            let of =
                end.examples.iter().filter(|example| example.of == crate::table::ExampleOf::Row(outcome));
            of.map(|example| example.line.unwrap()).collect()
        };
        for (first, outcome) in (0_u64..).zip([
            Outcome::Reactivated,
            Outcome::Unchanged,
            Outcome::Updated,
            Outcome::Failed,
            Outcome::Created,
        ]) {
            let expected: Vec<u64> = (1..=100).map(|line| first * 130 + line).collect();
            assert_eq!(lines(outcome), expected, "{outcome:?}");
        }
        let removed = end.examples.iter().filter(|example| example.of == crate::table::ExampleOf::Removed);
        assert_eq!(removed.filter_map(|example| example.row).collect::<Vec<_>>(), end.removed[..100]);
        assert_eq!(end.summary.counts.removed, 180);
    });
}

#[test]
fn statuses_of_rows_count_as_removals_and_hidden_fields_stay_out_of_examples() {
    block_on(async {
        let subject = base_of(30).await;
        let leaving = |n| {
            let mut row = row(n, n);
            row.row.status = Some(Status::Inactive);
            row
        };
        let mut case = list(&(0..30).map(leaving).collect::<Vec<_>>());
        assert_eq!(subject.plan(&case).await.1.summary.counted, GuardCounts::default());
        case.options.apply_status = true;
        let (planned, end) = subject.plan(&case).await;
        assert!(planned.iter().all(|row| row.outcome.outcome == Outcome::Updated));
        assert_eq!((end.summary.counted.removals, end.removed.len()), (30, 0));
        assert_eq!(end.summary.holds, [Hold::Removals, Hold::Everybody]);
        let born = Some(crate::model::Date::parse("1990-02-03").unwrap());
        let mut dated = plain_row(0);
        dated.patch.dob = born.into();
        subject.upsert(&[dated], UpsertOptions::default(), WriteMode::Partial).await;
        for (sight, seen) in [(Sight::Whole, born), (Sight::WithoutPii, None)] {
            let request = ListRequest {
                options: ListOptions::default(),
                scope: Filter::True,
                arrived_at: subject.table.now(),
                job: JobNumber::default(),
                by_admin: false,
                origin: Origin::default(),
                sight,
            };
            let mut plan = subject.base.plan_list(request).await.unwrap();
            plan_rows(&mut plan, vec![row(0, 77).sent(1)]).await;
            let example = plan.end().await.unwrap().examples.remove(0);
            for member in [example.before, example.after] {
                assert_eq!(member.unwrap().profile.dob, seen);
            }
        }
    });
}
