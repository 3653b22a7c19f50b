//! Reverts of keys that went around, of members whose keys others have, and of what the log no longer has.

use super::*;

fn keyed(ref_: u16, email: Option<u16>) -> MemberRow {
    let row = SmallRow {
        ref_: Some(ref_),
        email: Some(email),
        worker_id: None,
        tier: None,
        status: None,
        if_revision: None,
        found_by_id: None,
    };
    member_row(&row)
}

/// A base without a guard, with so many members.
async fn with_plain(count: u16) -> Subject {
    let subject = Subject::new().await;
    let rows: Vec<MemberRow> = (0..count).map(plain_row).collect();
    subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
    subject
}

/// Moves the e-mail address of each of the members one further, in a circle, through a spare address.
async fn rotate(subject: &Subject, count: u16) {
    let set = async |ref_, email| {
        let rows = vec![Ok(keyed(ref_, email))];
        let (options, mode, claim) = (UpsertOptions::default(), WriteMode::Partial, None);
        let request = UpsertRequest { rows, options, mode, claim, deadline: None, origin: own() };
        assert!(!subject.base.upsert(request).await.unwrap().outcomes[0].is_failed());
    };
    set(count - 1, None).await;
    for n in (0..count - 1).rev() {
        set(n, Some(n + 1)).await;
    }
    set(count - 1, Some(0)).await;
}

#[test]
fn a_plan_whose_members_were_written_again_has_another_digest() {
    block_on(async {
        let subject = Subject::with(3).await;
        rotate(&subject, 3).await;
        let digest = async || {
            let (origin, sight) = (Origin::default(), Sight::default());
            let of = RevertOf::Token(TokenId(7), Timestamp::from_micros(0));
            let (job, asked_at) = (JobNumber(1), Timestamp::from_micros(i64::MAX));
            let request = RevertRequest { of, revisions: None, job, asked_at, origin, sight };
            let mut plan = subject.base.plan_revert(request).await.unwrap();
            while plan.go_on().await.unwrap() {}
            let ready = plan.order();
            let mut judge = ready.judge().await.unwrap();
            while judge.next().await.unwrap().is_some() {}
            judge.end().summary.hash
        };
        let shown = digest().await;
        assert_eq!(digest().await, shown);
        // The same token writes the same members once more, and would lose this too.
        rotate(&subject, 3).await;
        assert_ne!(digest().await, shown);
    });
}

#[test]
fn keys_that_went_around_in_a_circle_come_back_in_one_commit() {
    block_on(async {
        let subject = with_plain(50).await;
        let before = subject.all_members().await;
        rotate(&subject, 50).await;
        let revision = subject.base.view().await.revision();
        let listed = subject.revert(RevertOf::Token(TokenId(7), Timestamp::from_micros(0)), 1, 10).await;
        assert!(listed.is_empty(), "{listed:?}");
        assert_eq!(subject.base.view().await.revision(), revision + 1);
        let (after, now) = (subject.all_members().await, Timestamp::from_micros(9));
        assert!((0..50).all(|row| same(before.get(&row), after.get(&row), now)));
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn keys_that_more_members_exchanged_than_fit_into_one_commit_stay() {
    block_on(async {
        let subject = with_plain(1_001).await;
        rotate(&subject, 1_001).await;
        let (before, revision) = (subject.all_members().await, subject.base.view().await.revision());
        let listed = subject.revert(RevertOf::Token(TokenId(7), Timestamp::from_micros(0)), 1, 10).await;
        assert_eq!(listed.len(), 1_001);
        assert!(listed.values().all(|why| why.reason == Reason::KeysEntangled), "{listed:?}");
        assert_eq!(subject.base.view().await.revision(), revision);
        assert_eq!(subject.all_members().await, before);
    });
}

#[test]
fn a_revert_of_more_than_fits_into_memory_is_refused() {
    block_on(async {
        let mut subject = with_plain(20).await;
        rotate(&subject, 20).await;
        let reason = async |subject: &Subject| {
            let (origin, sight) = (Origin::default(), Sight::default());
            let of = RevertOf::Token(TokenId(7), Timestamp::from_micros(0));
            let (job, asked_at) = (JobNumber(1), Timestamp::from_micros(i64::MAX));
            let request = RevertRequest { of, revisions: None, job, asked_at, origin, sight };
            let mut plan = subject.base.plan_revert(request).await.unwrap();
            loop {
                match plan.go_on().await {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(TableError::Refused(refusal)) => return Some(refusal.reason),
                    Err(error) => panic!("{error}"),
                }
            }
        };
        assert_eq!(reason(&subject).await, None);
        // 20 members take more than 160 bytes each.
        let clock: Clock = Arc::new(|| Timestamp::from_micros(1_000));
        let config = TableConfig { revert_bytes: 20 * 160, ..TableConfig::default() };
        subject.table = Table::open(Arc::clone(&subject.engine), clock, config).await.unwrap();
        subject.base = subject.table.base(subject.base.number()).await.unwrap();
        assert_eq!(reason(&subject).await, Some(Reason::RevertTooLarge));
    });
}

#[test]
fn a_record_that_changes_before_or_after_the_plan_keeps_its_member() {
    block_on(async {
        let subject = with_plain(4).await;
        let tick = || subject.clock.fetch_add(1, Ordering::Relaxed);
        let clip = |row, deal| record_change(&SmallChange::Clip { row, name: 0, deal }, row);
        subject.change_records((0..3).map(|row| clip(row, None)).collect()).await.unwrap().0.unwrap();
        tick();
        subject.make(&Step::Delete { rows: vec![0, 1, 2, 3], refs: Vec::new() }, Origin::default()).await;
        tick();
        subject.make(&Step::Undelete { rows: vec![0, 1, 2, 3] }, own()).await;
        tick();
        subject.change_records(vec![clip(0, Some(1))]).await.unwrap().0.unwrap();
        let (origin, sight) = (Origin::default(), Sight::default());
        let of = RevertOf::Token(TokenId(7), Timestamp::from_micros(0));
        let (job, asked_at) = (JobNumber(1), Timestamp::from_micros(i64::MAX));
        let request = RevertRequest { of, revisions: None, job, asked_at, origin, sight };
        let mut plan = subject.base.plan_revert(request).await.unwrap();
        while plan.go_on().await.unwrap() {}
        let ready = plan.order();
        let mut judge = ready.judge().await.unwrap();
        let mut reversals: Vec<Reversal> = Vec::new();
        while let Some(more) = judge.next().await.unwrap() {
            reversals.extend(more);
        }
        let summary = judge.end().summary;
        subject.change_records(vec![clip(1, Some(1))]).await.unwrap().0.unwrap();
        let returned = Arc::new(Mutex::new(Returned::after(summary.revisions.0, Row(summary.next_row))));
        let request = StepRequest {
            ops: StepOps::Reversals(reversals, returned),
            judging: Judging::Done { left: summary.counted, of_tiers: Vec::new() },
            is_last: true,
            write: Box::new(|_, _| StepWrites::default()),
            origin,
            sight,
        };
        let outcomes = subject.base.step(request).await.unwrap().outcomes;
        assert_eq!(outcomes[0], StepOutcome::Removed);
        match &outcomes[1] {
            StepOutcome::Row(row) => {
                assert_eq!(row.error.as_ref().map(|why| why.reason), Some(Reason::RecordsAttached))
            }
            other => panic!("{other:?}"),
        }
        assert!(outcomes[2..].iter().all(|it| matches!(it, StepOutcome::Deleted(_))), "{outcomes:?}");
        let left: Vec<_> = subject.all_members().await.into_values().map(|member| member.status).collect();
        assert_eq!(left, [Status::Inactive, Status::Active]);
        assert_sound(&subject.engine).await;
    });
}

#[test]
fn of_a_circle_with_a_member_that_somebody_changed_only_those_stay_whose_keys_are_taken() {
    block_on(async {
        let subject = Subject::with(5).await;
        rotate(&subject, 5).await;
        let rows = [MemberRow { status: None, ..keyed(2, Some(100)) }];
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        let listed = subject.revert(RevertOf::Token(TokenId(7), Timestamp::from_micros(0)), 1, 10).await;
        // Member 2 has another address now, so 3 gets its own back, and so on until 1, which needs nobody's.
        assert_eq!(listed.keys().copied().collect::<Vec<_>>(), [2]);
        assert_eq!(listed[&2].reason, Reason::ChangedSince);
        let after = subject.all_members().await;
        let emails: Vec<_> = after.values().map(|member| member.profile.email.clone().unwrap()).collect();
        let expected = [0, 1, 100, 3, 4].map(|n| keyed(0, Some(n)).patch.email.as_set().cloned().unwrap());
        assert_eq!(emails, expected);
    });
}

#[test]
fn a_member_whose_key_somebody_else_got_stays_and_names_the_holder() {
    block_on(async {
        let subject = Subject::with(5).await;
        let request = DeleteRequest { rows: vec![Row(1), Row(2)], origin: own(), ..DeleteRequest::default() };
        subject.base.delete(request).await.unwrap();
        subject.upsert(&[keyed(1, None)], UpsertOptions::default(), WriteMode::Partial).await;
        let listed = subject.revert(RevertOf::Token(TokenId(7), Timestamp::from_micros(0)), 1, 10).await;
        assert_eq!(listed.keys().copied().collect::<Vec<_>>(), [1]);
        assert_eq!((listed[&1].reason, listed[&1].taken_by), (Reason::RefTaken, Some(Row(5))));
        assert_eq!(subject.all_members().await.keys().copied().collect::<Vec<_>>(), [0, 2, 3, 4, 5]);
    });
}

#[test]
fn a_revert_of_commits_that_the_log_no_longer_has_is_refused() {
    block_on(async {
        let subject = Subject::with(3).await;
        let revision = subject.base.view().await.revision();
        subject.base.checkpoint().await.unwrap();
        subject.clock.fetch_add(TableConfig::default().commit_retention_micros + 10, Ordering::Relaxed);
        subject.table.maintain().await.unwrap();
        subject.upsert(&[keyed(9, None)], UpsertOptions::default(), WriteMode::Partial).await;
        let refused = async |of, revisions| {
            let (origin, sight) = (Origin::default(), Sight::default());
            let (job, asked_at) = (JobNumber(1), Timestamp::from_micros(i64::MAX));
            let request = RevertRequest { of, revisions, job, asked_at, origin, sight };
            match subject.base.plan_revert(request).await {
                Err(TableError::Refused(refusal)) => Some(refusal.reason),
                Err(error) => panic!("{error}"),
                Ok(_) => None,
            }
        };
        let gone = Some(Reason::CommitsGone);
        assert_eq!(refused(RevertOf::Revisions(revision, revision), Some((revision, revision))).await, gone);
        assert_eq!(refused(RevertOf::Token(TokenId(7), Timestamp::from_micros(5)), None).await, gone);
        assert_eq!(refused(RevertOf::Job(JobNumber(3)), Some((revision, revision))).await, gone);
        let next = revision + 1;
        assert_eq!(refused(RevertOf::Revisions(next, next), Some((next, next))).await, None);
        assert_eq!(refused(RevertOf::Job(JobNumber(3)), None).await, None);
        let late = Timestamp::from_micros(subject.clock.load(Ordering::Relaxed) + 1);
        assert_eq!(refused(RevertOf::Token(TokenId(7), late), None).await, None);
    });
}
