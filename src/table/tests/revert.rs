//! Reverts of random parts of random histories, compared with plain maps of members.

mod cases;

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
pub(super) type Listed = BTreeMap<u64, RowError>;

/// Whose changes are taken back.
fn own() -> Origin {
    Origin { actor: Actor::Token(TokenId(7)), ..Origin::default() }
}

impl Subject {
    pub(super) async fn all_members(&self) -> Members {
        let view = self.base.view().await;
        let rows: Vec<Row> = (0..view.next_row().0).map(Row).collect();
        view.members(&rows).await.unwrap().into_iter().map(|(row, member)| (row.0, member)).collect()
    }

    /// Makes a change; it may be refused.
    pub(super) async fn make(&self, step: &Step, origin: Origin) {
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

    /// Plans and applies a revert as a job with this number, in steps of up to `together` members. Returns
    /// what it listed.
    pub(super) async fn revert(&self, of: RevertOf, job: u64, together: usize) -> Listed {
        let (origin, sight) = (Origin::default(), Sight::default());
        let revisions = match of {
            RevertOf::Revisions(first, last) => Some((first, last)),
            RevertOf::Job(_) | RevertOf::Token(..) => None,
        };
        let (job, asked_at) = (JobNumber(job), Timestamp::from_micros(i64::MAX));
        let request = RevertRequest { of, revisions, job, asked_at, origin, sight };
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
                judging: Judging::Done { left: summary.counted, of_tiers: Vec::new() },
                is_last: false,
                write: Box::new(|_, _| StepWrites::default()),
                origin: Origin { cause: crate::model::origin::Cause::Job(u128::from(job.0)), ..origin },
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
