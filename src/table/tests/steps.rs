//! Steps of durable jobs.

use super::*;
use crate::engine::{Key, Value};
use crate::model::{Edit, GuardCounts, GuardExpectation, GuardLimits, Held, Sight};
use crate::stored::key;

/// A key that stands for the record of a job. No base has it.
fn job_key() -> Key {
    key::header(BaseNumber(u32::MAX))
}

/// Stores how many outcomes the step had, and checks that the step before it stored `before`.
fn writes(before: Option<u8>) -> StepWrite {
    Box::new(move |outcomes, _revision| StepWrites {
        checks: vec![(job_key(), before.map(|count| Value::from(vec![count])))],
        puts: vec![(job_key(), Value::from(vec![u8::try_from(outcomes.len()).unwrap()]))],
    })
}

impl Subject {
    async fn step(
        &self,
        ops: StepOps<MemberRow>,
        judging: Judging,
        write: StepWrite,
    ) -> Result<StepReply, TableError> {
        let (origin, sight) = (Origin::default(), Sight::default());
        self.base.step(StepRequest { ops, judging, is_last: false, write, origin, sight }).await
    }

    async fn stored(&self) -> Option<Vec<u8>> {
        let value = self.engine.get_many(&[job_key()]).await.unwrap().pop().flatten();
        value.map(|value| value.to_vec())
    }

    pub(super) async fn with(members: u16) -> Self {
        let subject = Self::new().await;
        subject.guard_limits(GuardLimits::default()).await;
        let rows: Vec<MemberRow> = (0..members).map(plain_row).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        subject
    }

    async fn statuses(&self) -> Vec<Option<Status>> {
        let keys: Vec<MemberKey> = (0..40).map(|row| MemberKey::Row(Row(row))).collect();
        let found = self.base.view().await.find(&keys).await.unwrap();
        found.into_iter().map(|found| found.map(|(_, member)| member.status)).collect()
    }
}

fn rows(range: std::ops::Range<u16>) -> StepOps<MemberRow> {
    StepOps::Rows(range.map(|n| Ok(plain_row(n))).collect(), UpsertOptions::default())
}

/// The judgement of a step of a job that may remove so many members.
fn may_remove(removals: u64) -> Judging {
    Judging::Done { left: GuardCounts::of_removals(removals), of_tiers: Vec::new() }
}

fn removals(range: std::ops::Range<u64>, since: u64) -> StepOps<MemberRow> {
    StepOps::Removals(range.map(Row).collect(), since.into())
}

#[test]
fn a_step_stores_its_cursor_with_its_changes_or_neither() {
    block_on(async {
        let mut subject = Subject::new().await;
        let reply = subject.step(rows(0..7), may_remove(0), writes(None)).await.unwrap();
        assert_eq!((reply.outcomes.len(), subject.stored().await), (7, Some(vec![7])));
        // Nothing changes, and the cursor moves all the same.
        let again = subject.step(rows(0..6), may_remove(0), writes(Some(7))).await.unwrap();
        assert_eq!((again.revision, subject.stored().await), (reply.revision, Some(vec![6])));
        // Another program has moved the cursor: nothing is written.
        assert!(subject.step(rows(7..9), may_remove(0), writes(Some(7))).await.is_err());
        assert_eq!(subject.stored().await, Some(vec![6]));
        assert_eq!(subject.statuses().await.into_iter().flatten().count(), 7);
        let next = subject.step(rows(7..9), may_remove(0), writes(Some(6))).await.unwrap();
        assert_eq!(next.revision, reply.revision + 1);
        subject.crash().await;
        assert_eq!(subject.stored().await, Some(vec![2]));
        assert_eq!(subject.statuses().await.into_iter().flatten().count(), 9);
    });
}

#[test]
fn members_that_somebody_wrote_after_the_plan_stay() {
    block_on(async {
        let subject = Subject::with(6).await;
        let planned_at = subject.base.view().await.revision();
        let changed = MemberRow { status: None, ..plain_row(1) };
        let tier = Change::Set(Tier::parse("gold".to_owned()).unwrap());
        let changed = MemberRow { patch: MemberPatch { tier, ..changed.patch.clone() }, ..changed };
        subject.upsert(&[changed], UpsertOptions::default(), WriteMode::Partial).await;
        subject.base.delete(DeleteRequest { rows: vec![Row(2)], ..DeleteRequest::default() }).await.unwrap();
        for (ops, done) in [
            (removals(0..4, planned_at), StepOutcome::Removed),
            (
                StepOps::Deletes((1..5).map(Row).collect(), planned_at.into()),
                StepOutcome::Deleted(crate::model::RecordCounts::default()),
            ),
        ] {
            let reply = subject.step(ops, may_remove(4), Box::new(|_, _| StepWrites::default()));
            let outcomes = reply.await.unwrap().outcomes;
            let spared: Vec<&StepOutcome> = outcomes.iter().filter(|outcome| **outcome != done).collect();
            match done {
                StepOutcome::Removed => {
                    let why = [Spared::Changed, Spared::Gone].map(StepOutcome::Spared);
                    assert_eq!(spared, why.iter().collect::<Vec<_>>());
                }
                // Row 3 was made inactive by the step before, after the plan.
                _ => {
                    let why = [Spared::Changed, Spared::Gone, Spared::Changed].map(StepOutcome::Spared);
                    assert_eq!(spared, why.iter().collect::<Vec<_>>());
                }
            }
        }
        let (active, inactive) = (Some(Status::Active), Some(Status::Inactive));
        assert_eq!(subject.statuses().await[..6], [inactive, active, None, inactive, None, active]);
        let latest = subject.base.view().await.revision();
        let again =
            subject.step(removals(0..1, latest), may_remove(0), Box::new(|_, _| StepWrites::default())).await;
        assert_eq!(again.unwrap().outcomes, [StepOutcome::Spared(Spared::Inactive)]);
    });
}

fn refused(result: Result<StepReply, TableError>) -> Held {
    match result {
        Err(TableError::Guard(held)) => held,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_guard_judges_the_whole_job_before_its_first_step() {
    block_on(async {
        let subject = Subject::with(40).await;
        let since = subject.base.view().await.revision();
        let whole = |removals| {
            let expected = GuardExpectation::of_removals(removals);
            Judging::Whole { wanted: GuardCounts::of_removals(20), of_tiers: Vec::new(), expected }
        };
        let held = refused(subject.step(removals(0..5, since), whole(None), writes(None)).await);
        assert_eq!((held.would_change, held.of), (20, 40));
        assert_eq!(subject.stored().await, None);
        assert!(subject.statuses().await.iter().all(|status| *status == Some(Status::Active)));
        subject.step(removals(0..5, since), whole(Some(20)), writes(None)).await.unwrap();
        // What the job has still to remove counts for everybody else.
        let offboard = EditRequest {
            what: EditWhat::Change { key: MemberKey::Row(Row(30)), edit: Edit::Offboard, if_revision: None },
            sight: Sight::default(),
            expected: GuardExpectation::default(),
            claim: None,
            deadline: None,
            origin: Origin::default(),
        };
        match subject.base.edit(offboard).await {
            Err(TableError::Guard(held)) => {
                assert_eq!((held.would_change, held.window), (1, 20))
            }
            other => panic!("{other:?}"),
        }
        subject.step(removals(5..20, since), may_remove(15), writes(Some(5))).await.unwrap();
        let left = subject.statuses().await.into_iter().flatten().filter(|status| *status == Status::Active);
        assert_eq!(left.count(), 20);
    });
}

#[test]
fn what_a_job_has_still_to_do_no_longer_counts_once_it_fails_with_its_base() {
    block_on(async {
        let subject = Subject::with(40).await;
        let since = subject.base.view().await.revision();
        let judging = Judging::Whole {
            wanted: GuardCounts::of_removals(20),
            of_tiers: Vec::new(),
            expected: GuardExpectation::of_removals(Some(20)),
        };
        subject.step(removals(0..5, since), judging, writes(None)).await.unwrap();
        let deleted = |deleted| SettingsRequest {
            deleted: Some(deleted),
            expect_members: deleted.then_some(40),
            ..SettingsRequest::default()
        };
        subject.base.change_settings(deleted(true)).await.unwrap();
        let failed = subject.step(removals(5..20, since), may_remove(15), writes(Some(5))).await;
        assert_eq!(failed.map(|reply| reply.outcomes.len()), Err(TableError::BaseDeleted));
        subject.base.change_settings(deleted(false)).await.unwrap();
        // Ten removals within a day need nothing special; five were made.
        let request = DeleteRequest { rows: (20..25).map(Row).collect(), ..DeleteRequest::default() };
        assert_eq!(subject.base.delete(request).await.map(|reply| reply.deleted), Ok(5));
    });
}

#[test]
fn a_step_removes_no_more_than_the_job_has_left() {
    block_on(async {
        let subject = Subject::with(20).await;
        let since = subject.base.view().await.revision();
        let more = subject.step(removals(0..4, since), may_remove(3), writes(None)).await;
        assert!(more.is_err(), "{more:?}");
        assert_eq!(subject.stored().await, None);
        assert!(subject.statuses().await.into_iter().flatten().all(|status| status == Status::Active));
    });
}

#[test]
fn rows_may_do_more_than_the_job_has_left_as_long_as_the_limits_have_room() {
    block_on(async {
        let tier = |n: u16, tier: &str| {
            let mut row = plain_row(n);
            row.patch.tier = Change::Set(Tier::parse(tier.to_owned()).unwrap());
            row
        };
        let subject = Subject::with(40).await;
        let first: Vec<MemberRow> = (0..40).map(|n| tier(n, "Gold")).collect();
        subject.upsert(&first, UpsertOptions::default(), WriteMode::Partial).await;
        // By the plan the rows change no tier. Somebody has changed tiers since.
        let others: Vec<MemberRow> = (0..4).map(|n| tier(n, "Silver")).collect();
        subject.upsert(&others, UpsertOptions::default(), WriteMode::Partial).await;
        let rows = |to: u16| {
            let rows = (0..to).map(|n| Ok(tier(n, "Gold"))).collect();
            StepOps::Rows(rows, UpsertOptions::default())
        };
        let wanted = GuardCounts { clears: 3, ..GuardCounts::default() };
        let whole = Judging::Whole { wanted, of_tiers: Vec::new(), expected: GuardExpectation::default() };
        let outcomes = subject.step(rows(2), whole, writes(None)).await.unwrap().outcomes;
        let updated = |outcome: &StepOutcome| matches!(outcome, StepOutcome::Row(row) if row.outcome == Outcome::Updated);
        assert!(outcomes.iter().all(updated), "{outcomes:?}");
        // For others only what the plan has left counts as done: no tiers, and three clears.
        let window = subject.base.guard_state().await.window;
        assert_eq!((window.tiers, window.clears), (6, 0));
        let others: Vec<MemberRow> = (4..7).map(|n| tier(n, "Silver")).collect();
        let reply = subject.upsert(&others, UpsertOptions::default(), WriteMode::Partial).await;
        assert!(reply.outcomes.iter().all(|row| row.outcome == Outcome::Updated), "{reply:?}");
        // Nine are changed; of the limit of ten one is left.
        let outcomes = subject.step(rows(7), may_remove(0), writes(Some(2))).await.unwrap().outcomes;
        assert_eq!(outcomes.iter().filter(|outcome| updated(outcome)).count(), 1, "{outcomes:?}");
    });
}
