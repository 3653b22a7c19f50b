//! Plans of batches of actions, compared with applying them.

use super::*;
use crate::model::{Edit, GuardCounts, GuardExpectation, Hold, Sight};

/// Values of keys come from a small range, so that actions collide.
const VALUES: u16 = 6;

#[derive(Debug, Clone)]
enum Act {
    Add(Fields),
    Replace(u64, Fields),
    Update(u64, Fields),
    Offboard(u64),
}

#[derive(Debug, Clone, Copy)]
struct Fields {
    email: Option<u16>,
    worker_id: Option<u16>,
    tier: u8,
}

fn fields() -> impl Strategy<Value = Fields> {
    let key = || proptest::option::weighted(0.7, 0..VALUES);
    (key(), key(), 0_u8..2).prop_map(|(email, worker_id, tier)| Fields { email, worker_id, tier })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        fields().prop_map(Act::Add),
        (0_u64..7, fields()).prop_map(|(row, fields)| Act::Replace(row, fields)),
        (0_u64..7, fields()).prop_map(|(row, fields)| Act::Update(row, fields)),
        (0_u64..7).prop_map(Act::Offboard),
    ]
}

impl Fields {
    fn row(self) -> Box<MemberRow> {
        let mut row = MemberRow::default();
        let patch = &mut row.patch;
        let email = |n: u16| Email::parse(format!("e{n}@x.com")).unwrap();
        patch.email = self.email.map(email).into();
        patch.worker_id = self.worker_id.map(|n| WorkerId::parse(format!("w{n}")).unwrap()).into();
        patch.tier = Change::Set(Tier::parse(format!("tier {}", self.tier)).unwrap());
        Box::new(row)
    }
}

impl Act {
    fn what(&self) -> EditWhat {
        let change =
            |row: u64, edit| EditWhat::Change { key: MemberKey::Row(Row(row)), edit, if_revision: None };
        match self {
            Self::Add(fields) => EditWhat::Create { row: fields.row(), revive: true },
            Self::Replace(row, fields) => change(*row, Edit::Rewrite(fields.row())),
            Self::Update(row, fields) => change(*row, Edit::Update(fields.row())),
            Self::Offboard(row) => change(*row, Edit::Offboard),
        }
    }
}

impl Subject {
    /// The outcomes of a plan that gets so many actions together, and its end.
    async fn plan_acts(&self, actions: &[Act], together: usize) -> (Vec<RowOutcome>, ListEnd) {
        let (origin, sight) = (Origin::default(), Sight::Whole);
        let expected = GuardExpectation::default();
        let request = ActionsRequest { origin, sight, actions: actions.len() as u64, expected };
        let mut plan = self.base.plan_actions(request).await.unwrap();
        let mut outcomes = Vec::new();
        for some in actions.chunks(together) {
            let some: Vec<EditWhat> = some.iter().map(Act::what).collect();
            outcomes.extend(plan.actions(&some).await.unwrap().into_iter().map(|planned| planned.outcome));
        }
        (outcomes, plan.end().await.unwrap())
    }

    async fn apply_acts(&self, actions: &[Act]) -> Vec<RowOutcome> {
        let mut outcomes = Vec::new();
        for action in actions {
            let request = StepRequest {
                ops: StepOps::Edits(vec![action.what()]),
                judging: Judging::Done { left: GuardCounts::ONE_EACH, of_tiers: Vec::new() },
                is_last: false,
                write: Box::new(|_, _| StepWrites::default()),
                origin: Origin::default(),
                sight: Sight::Whole,
            };
            let reply = self.base.step(request).await.unwrap();
            let [StepOutcome::Edited(edited)] = &reply.outcomes[..] else { panic!() };
            outcomes.push(RowOutcome::from(edited));
        }
        outcomes
    }
}

/// What a plan cannot know: the places of new members.
fn without_new(outcomes: Vec<RowOutcome>, first_new: u64) -> Vec<RowOutcome> {
    outcomes.into_iter().map(|outcome| outcome.unwritten(Row(first_new))).collect()
}

proptest! {
    #[test]
    fn a_plan_does_what_applying_the_actions_does(
        before in proptest::collection::vec(act(), 0..8),
        actions in proptest::collection::vec(act(), 0..14),
        together in 1_usize..6,
    ) {
        block_on(async {
            let subject = Subject::new().await;
            subject.apply_acts(&before).await;
            let first_new = subject.base.view().await.next_row().0;
            // An action cannot name a member that the batch adds: nobody knows its id.
            let knows = |action: &Act| match action {
                Act::Add(_) => true,
                Act::Replace(row, _) | Act::Update(row, _) | Act::Offboard(row) => *row < first_new,
            };
            let actions: Vec<Act> = actions.into_iter().filter(knows).collect();
            let (planned, end) = subject.plan_acts(&actions, together).await;
            let revision = subject.base.view().await.revision();
            prop_assert_eq!(end.summary.revisions, (revision, revision), "a plan writes nothing");
            let (again, same) = subject.plan_acts(&actions, 1_000).await;
            prop_assert_eq!((&again, same.summary.hash), (&planned, end.summary.hash));
            let applied = without_new(subject.apply_acts(&actions).await, first_new);
            prop_assert_eq!(&applied, &planned);
            let is_removal = |(action, outcome): &(&Act, &RowOutcome)| {
                matches!(action, Act::Offboard(_)) && outcome.outcome == Outcome::Updated
            };
            let removed = actions.iter().zip(&planned).filter(is_removal).count() as u64;
            prop_assert_eq!((end.summary.counts.removed, end.summary.counted.removals), (removed, removed));
            let rows = end.summary.counts.rows.rows() + removed;
            prop_assert_eq!(rows, actions.len() as u64);
            Ok::<(), TestCaseError>(())
        })?;
    }
}

#[test]
fn what_others_write_meanwhile_does_not_change_what_the_plan_did() {
    block_on(async {
        let subject = Subject::new().await;
        let fields = |email| Fields { email: Some(email), worker_id: None, tier: 0 };
        subject.apply_acts(&[Act::Add(fields(0)), Act::Add(fields(1))]).await;
        let (origin, expected) = (Origin::default(), GuardExpectation::default());
        let request = ActionsRequest { origin, sight: Sight::Whole, actions: 9, expected };
        let mut plan = subject.base.plan_actions(request).await.unwrap();
        let mut next = async |act: Act| {
            let mut planned = plan.actions(&[act.what()]).await.unwrap();
            planned.remove(0)
        };
        // A member comes back with another address, and a new one gets its old one.
        assert_eq!(next(Act::Offboard(0)).await.outcome.outcome, Outcome::Updated);
        assert_eq!(next(Act::Replace(0, fields(2))).await.outcome.outcome, Outcome::Reactivated);
        // Others take numbers that the plan has given to its own new members.
        subject.apply_acts(&[Act::Add(fields(3))]).await;
        assert_eq!(next(Act::Add(fields(0))).await.outcome.outcome, Outcome::Created);
        assert_eq!(next(Act::Add(fields(4))).await.outcome.outcome, Outcome::Created);
        let taken = next(Act::Add(fields(2))).await;
        assert_eq!((taken.outcome.outcome, taken.holder), (Outcome::Failed, Some(Status::Active)));
        assert_eq!(taken.outcome.error.unwrap().taken_by, Some(Row(0)));
        // The holder is new, and has no place.
        let taken = next(Act::Add(fields(4))).await;
        assert_eq!((taken.holder, taken.outcome.error.unwrap().taken_by), (Some(Status::Active), None));
        assert_eq!(next(Act::Add(fields(3))).await.outcome.outcome, Outcome::Failed);
        let end = plan.end().await.unwrap();
        let revision = subject.base.view().await.revision();
        assert_eq!(end.summary.revisions, (revision - 1, revision));
    });
}

#[test]
fn a_plan_over_a_limit_is_held() {
    block_on(async {
        for (members, offboards, holds) in
            [(60, 10, vec![]), (60, 13, vec![Hold::Removals]), (3, 3, vec![Hold::Everybody])]
        {
            let subject = Subject::with(members).await;
            let actions: Vec<Act> = (0..offboards).map(Act::Offboard).collect();
            let (_, end) = subject.plan_acts(&actions, 7).await;
            assert_eq!(end.summary.holds, holds, "{offboards} of {members}");
            assert_eq!(end.examples.len() as u64, offboards);
        }
        let subject = Subject::with(60).await;
        let other = Fields { email: None, worker_id: None, tier: 0 };
        for (moved, holds) in [(10, vec![]), (11, vec![Hold::Changes])] {
            let actions: Vec<Act> = (0..moved).map(|row| Act::Update(row, other)).collect();
            let (_, end) = subject.plan_acts(&actions, 9).await;
            assert_eq!((end.summary.counted.tiers, end.summary.holds), (moved, holds));
        }
    });
}
