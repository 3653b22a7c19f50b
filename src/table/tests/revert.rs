//! Reverts of random parts of random histories, compared with plain maps of members.

use proptest::prelude::*;
use tokio::sync::Mutex;

use super::*;
use crate::model::origin::Actor;
use crate::model::token::TokenId;
use crate::model::{
    Edit, GuardExpectation, JobNumber, MatchKey, Reason, RecordKind, RevertOf, RowError, Sight,
};
use crate::stored::key;
use crate::table::audit::tests::assert_sound;
use crate::table::read::view::holds;

/// All members, by their rows.
type Members = BTreeMap<u64, Member>;

/// What a revert did with a member that it did not take back.
type Listed = BTreeMap<u64, RowError>;

/// Whose changes are taken back.
fn own() -> Origin {
    Origin { actor: Actor::Token(TokenId(7)), ..Origin::default() }
}

impl Subject {
    async fn all_members(&self) -> Members {
        let view = self.base.view().await;
        let rows: Vec<Row> = (0..view.next_row().0).map(Row).collect();
        view.members(&rows).await.unwrap().into_iter().map(|(row, member)| (row.0, member)).collect()
    }

    /// Makes a change; it may be refused.
    async fn make(&self, step: &Step, origin: Origin) {
        let (claim, deadline, sight) = (None, None, Sight::default());
        match step {
            Step::Upsert { rows, options, mode } => {
                let rows = rows.iter().map(|row| Ok(member_row(row))).collect();
                let (options, mode) = (*options, *mode);
                let request = UpsertRequest { rows, options, mode, claim, deadline, origin };
                self.base.upsert(request).await.unwrap();
            }
            Step::Delete { rows, refs } | Step::DeleteMany { rows, refs } => {
                let rows = rows.iter().map(|row| Row(u64::from(*row))).collect();
                let refs = refs.iter().map(|n| ref_of(*n)).collect();
                let request = DeleteRequest { rows, refs, origin, ..DeleteRequest::default() };
                self.base.delete(request).await.unwrap();
            }
            Step::Undelete { rows } => {
                let which = WhichDeleted::Rows(rows.iter().map(|row| Row(u64::from(*row))).collect());
                let request = UndeleteRequest { which, sight, claim, deadline, origin };
                self.base.undelete(request).await.unwrap();
            }
            Step::Records { changes } => {
                let seed = self.base.view().await.revision();
                let changes = changes.iter().map(|change| record_change(change, seed)).collect();
                let request = RecordsRequest { changes, claim, deadline, origin };
                self.base.change_records(request).await.unwrap();
            }
            Step::Rename { row, to, alias_micros } => {
                let edit = Edit::Rename(Box::new(Rename::new(ref_of(*to), *alias_micros)));
                let key = MemberKey::Row(Row(u64::from(*row)));
                let what = EditWhat::Change { key, edit, if_revision: None };
                let expected = GuardExpectation::default();
                let request = EditRequest { what, sight, expected, claim, deadline, origin };
                self.base.edit(request).await.unwrap();
            }
            Step::Checkpoint => self.base.checkpoint().await.unwrap(),
            Step::Maintain | Step::Reopen | Step::Crash => {}
        }
    }

    /// Plans and applies a revert as a job with this number, in steps of up to `together` members. Returns what
    /// it listed.
    async fn revert(&self, of: RevertOf, job: u64, together: usize) -> Listed {
        let (origin, sight) = (Origin::default(), Sight::default());
        let revisions = match of {
            RevertOf::Revisions(first, last) => Some((first, last)),
            RevertOf::Job(_) | RevertOf::Token(..) => None,
        };
        let request = RevertRequest { of, revisions, job: JobNumber(job), origin, sight };
        let mut plan = self.base.plan_revert(request).await.unwrap();
        while plan.go_on().await.unwrap() {}
        let ready = plan.order();
        let mut judge = ready.judge().await.unwrap();
        let mut reversals: Vec<Reversal> = Vec::new();
        while let Some(more) = judge.next().await.unwrap() {
            reversals.extend(more);
        }
        let summary = judge.end().summary;
        let mut listed = Listed::new();
        for reversal in &reversals {
            if let (Some(row), Undo::Stays(why) | Undo::Offboard(why)) = (reversal.row, &reversal.does) {
                assert!(listed.insert(row.0, why.clone()).is_none());
            }
        }
        let changes: Vec<Reversal> =
            reversals.into_iter().filter(|reversal| reversal.does.is_change()).collect();
        let returned = Returned::after(summary.revisions.0, Row(summary.next_row));
        let returned = Arc::new(Mutex::new(returned));
        let (mut done, mut outcomes) = (0, Vec::new());
        while done < changes.len() {
            let rest = &changes[done..];
            let mut size = together.min(rest.len());
            while rest[size - 1].with_next {
                size += 1;
            }
            let reply = self.base.step(StepRequest {
                ops: StepOps::Reversals(rest[..size].to_vec(), Arc::clone(&returned)),
                judging: Judging::Done { left: summary.counted },
                is_last: false,
                write: Box::new(|_, _| StepWrites::default()),
                origin: Origin { cause: crate::model::origin::Cause::Job(u128::from(job)), ..origin },
                sight,
            });
            let reply = reply.await.unwrap();
            done += reply.outcomes.len();
            outcomes.extend(reply.outcomes);
        }
        // Nobody wrote in between, so all that was planned is done.
        for (reversal, outcome) in changes.iter().zip(&outcomes) {
            let is_done = match outcome {
                StepOutcome::Row(row) => !row.is_failed(),
                other => matches!(other, StepOutcome::Removed | StepOutcome::Deleted(_)),
            };
            assert!(is_done, "{reversal:?} {outcome:?}");
        }
        let rows = summary.counts.rows;
        let changed = rows.created + rows.updated + rows.reactivated + summary.counts.removed;
        assert_eq!(usize::try_from(changed).unwrap(), changes.len());
        listed
    }

    async fn has_records(&self, row: u64) -> bool {
        let view = self.base.view().await;
        for kind in RecordKind::ALL {
            if view
                .member_records(Row(row), kind, None, false, 1)
                .await
                .unwrap()
                .is_some_and(|all| !all.is_empty())
            {
                return true;
            }
        }
        false
    }
}

/// Whether two states of a member are the same, apart from the time and revision of the last change.
fn same(one: Option<&Member>, other: Option<&Member>, now: Timestamp) -> bool {
    let plain = |member: &Member| {
        let mut member = Member { updated_at: now, revision: 0, ..member.clone() };
        member.drop_aliases(now);
        member
    };
    one.map(plain) == other.map(plain)
}

/// The keys of a member.
fn keys(member: &Member) -> Vec<MatchKey<'_>> {
    let profile = &member.profile;
    let keys = [
        profile.ref_.as_ref().map(MatchKey::Ref),
        profile.email.as_ref().map(MatchKey::Email),
        profile.worker_id.as_ref().map(MatchKey::WorkerId),
    ];
    keys.into_iter().flatten().chain(member.aliases.iter().map(|alias| MatchKey::Ref(&alias.ref_))).collect()
}

/// What plain maps say about one row: the state before the first own change, whether there is any, and
/// whether somebody else has changed it since.
#[derive(Default)]
struct Plain {
    before: Option<Option<Member>>,
    is_foreign: bool,
}

async fn check(history: Vec<(Step, bool)>, together: usize) {
    let subject = Subject::new().await;
    let tick = || Timestamp::from_micros(subject.clock.fetch_add(1, Ordering::Relaxed) + 1);
    let mut plain: BTreeMap<u64, Plain> = BTreeMap::new();
    let mut before = Members::new();
    let first = subject.base.view().await.revision() + 1;
    for (step, is_own) in &history {
        tick();
        subject.make(step, if *is_own { own() } else { Origin::default() }).await;
        let after = subject.all_members().await;
        let rows: Vec<u64> = before.keys().chain(after.keys()).copied().collect();
        for row in rows {
            let (old, new) = (before.get(&row), after.get(&row));
            let entry = plain.entry(row).or_default();
            if old == new {
                continue;
            }
            if *is_own {
                entry.before.get_or_insert_with(|| old.cloned());
            } else if entry.before.is_some() {
                entry.is_foreign = true;
            }
        }
        before = after;
    }
    let now = tick();
    let listed = subject.revert(RevertOf::Token(TokenId(7), Timestamp::from_micros(0)), 1, together).await;
    let after = subject.all_members().await;
    for (row, said) in &plain {
        let (old, new, why) = (before.get(row), after.get(row), listed.get(row));
        let Some(target) = &said.before else {
            assert_eq!(old, new, "row {row} was not touched by these changes");
            continue;
        };
        if same(target.as_ref(), new, now) {
            continue;
        }
        // It is not as before, so the revert says why.
        let why = why.unwrap_or_else(|| panic!("row {row}: {target:?} {old:?} {new:?}"));
        let is_offboarded = target.is_none() && new.is_some_and(|new| new.status == Status::Inactive);
        match why.reason {
            Reason::ChangedSince => assert!(said.is_foreign, "row {row}"),
            Reason::RecordsAttached => assert!(target.is_none() && subject.has_records(*row).await),
            Reason::RefTaken | Reason::EmailTaken | Reason::WorkerIdTaken => {
                // The holder that is named has one of its keys.
                let holder = &after[&why.taken_by.unwrap().0];
                let target = target.as_ref().unwrap();
                assert!(keys(target).into_iter().any(|key| holds(holder, key, Fold::NEWEST, now)));
            }
            Reason::TransactionTaken => assert!(old.is_none()),
            _ => panic!("row {row}: {why:?}"),
        }
        assert!(is_offboarded || old == new, "row {row}: {old:?} {new:?}");
    }
    let engine = Arc::clone(&subject.engine);
    assert_sound(&engine).await;
    // A revert of the revert restores what the first one took back.
    let last = subject.base.view().await.revision();
    let reverted = commits_of(&subject, first).await;
    if let (Some(first), false) = (reverted, after == before) {
        let now = tick();
        let listed = subject.revert(RevertOf::Revisions(first, last), 2, together).await;
        let again = subject.all_members().await;
        for row in plain.keys() {
            assert!(
                same(before.get(row), again.get(row), now),
                "row {row}: {:?} {:?} {listed:?}",
                before.get(row),
                again.get(row)
            );
        }
        assert_sound(&engine).await;
    }
}

/// The first revision of a commit of the job 1.
async fn commits_of(subject: &Subject, from: u64) -> Option<u64> {
    let range = key::commits_from(subject.base.number(), from);
    let found = subject.engine.scan(range, crate::engine::Direction::Forward, usize::MAX).await.unwrap();
    found.into_iter().find_map(|(key, value)| {
        let origin = crate::stored::commit::CommitPart::open(&value).unwrap().origin?;
        (origin.cause == crate::model::origin::Cause::Job(1)).then(|| key::commit_revision(&key).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_revert_takes_back_what_plain_maps_say_and_can_be_taken_back(
        history in proptest::collection::vec((step(), any::<bool>()), 1..16),
        together in 1_usize..40,
    ) {
        block_on(check(history, together));
    }
}

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
            let request = RevertRequest { of, revisions: None, job: JobNumber(1), origin, sight };
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
        let subject = Subject::new().await;
        let rows: Vec<MemberRow> = (0..50).map(plain_row).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
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
            let request = RevertRequest { of, revisions, job: JobNumber(1), origin, sight };
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
