//! Plans of full lists, compared with plain rows and with what applying them does.

use std::collections::BTreeSet;
use std::ops::Range;

use self::sent::{Reads, plan_rows};
use super::*;
use crate::model::{
    Condition, Field, Filter, GuardCounts, Hold, JobNumber, ListMatch, ListOptions, Operand, Operator,
    PlanSummary, Reason, Refusal, RowKeys, RowTexts, Sight, UnreadRow,
};
use crate::table::tests::reference::{KEYS, same_key};

mod cases;
mod sent;

/// Values of keys come from a small range, so that rows of a list collide.
const VALUES: u16 = 9;

/// A row of a list.
#[derive(Debug, Clone)]
struct SmallListRow {
    row: SmallRow,
    /// Whether it cannot be applied, and whether it has a key that cannot be read.
    fault: Option<bool>,
    /// Its id, if that does not find its member.
    named: Option<u64>,
    /// Whether it may be recognised by its texts.
    has_texts: bool,
}

#[derive(Debug, Clone)]
struct Case {
    members: Vec<SmallRow>,
    renames: Vec<(u64, u16)>,
    rows: Vec<SmallListRow>,
    /// The rows that are planned together.
    together: usize,
    options: ListOptions,
    /// Only members of this tier may be removed.
    scope: Option<u8>,
    /// When the list arrived; `None`: just now.
    arrived_at: Option<i64>,
    /// What others write after each call.
    meanwhile: Vec<SmallRow>,
}

fn row_of(ids: Range<u64>) -> impl Strategy<Value = SmallRow> {
    let status =
        prop_oneof![6 => Just(None), 1 => Just(Some(Status::Inactive)), 1 => Just(Some(Status::Invited))];
    let key = || proptest::option::weighted(0.7, proptest::option::weighted(0.85, 0..VALUES));
    (
        proptest::option::weighted(0.8, 0..VALUES),
        key(),
        key(),
        proptest::option::of(0_u8..2),
        status,
        proptest::option::weighted(0.15, ids),
    )
        .prop_map(|(ref_, email, worker_id, tier, status, found_by_id)| SmallRow {
            ref_,
            email,
            worker_id,
            tier,
            status,
            if_revision: None,
            found_by_id,
        })
}

fn list_row() -> impl Strategy<Value = SmallListRow> {
    let (fault, named) =
        (proptest::option::weighted(0.15, any::<bool>()), proptest::option::weighted(0.1, 0_u64..14));
    let has_texts = prop::bool::weighted(0.8);
    (row_of(0..14), fault, named, has_texts).prop_map(|(row, fault, named, has_texts)| SmallListRow {
        row,
        fault,
        named,
        has_texts,
    })
}

fn list_options() -> impl Strategy<Value = ListOptions> {
    let match_by = prop::sample::select(vec![
        ListMatch::Key(MatchBy::Ref),
        ListMatch::Key(MatchBy::Email),
        ListMatch::Key(MatchBy::WorkerId),
        ListMatch::Key(MatchBy::Id),
        ListMatch::WorkerIdOrEmail,
    ]);
    let as_of = proptest::option::weighted(0.3, (0_i64..16).prop_map(Timestamp::from_micros));
    (match_by, as_of, any::<bool>()).prop_map(|(match_by, as_of, apply_status)| ListOptions {
        match_by,
        as_of,
        apply_status,
        ..ListOptions::default()
    })
}

fn case(meanwhile: Range<usize>) -> impl Strategy<Value = Case> {
    (
        proptest::collection::vec(row_of(0..1), 0..12),
        proptest::collection::vec((0_u64..8, 0..VALUES), 0..3),
        proptest::collection::vec(list_row(), 0..16),
        1_usize..8,
        list_options(),
        proptest::option::weighted(0.3, 0_u8..2),
        proptest::option::weighted(0.3, 0_i64..16),
        proptest::collection::vec(row_of(0..1), meanwhile),
    )
        .prop_map(|(members, renames, rows, together, options, scope, arrived_at, meanwhile)| Case {
            members,
            renames,
            rows,
            together,
            options,
            scope,
            arrived_at,
            meanwhile,
        })
}

impl Case {
    fn scope(&self) -> Filter {
        self.scope.map_or(Filter::True, |tier| {
            let op = Operator::Eq(Operand::Text(format!("tier {tier}")));
            Filter::Condition(Condition { field: Field::Tier, op })
        })
    }

    fn arrived_at(&self, now: Timestamp) -> Timestamp {
        self.arrived_at.map_or(now, Timestamp::from_micros)
    }

    /// Without ids of members that do not exist yet: nobody can know them.
    fn with_known_ids(mut self, before: &Reference) -> Self {
        let is_known = |row: &u64| *row < before.next_row;
        for row in &mut self.rows {
            row.named = row.named.filter(is_known);
            row.row.found_by_id = row.row.found_by_id.filter(is_known);
        }
        self
    }

    /// A base with the members of the case, and the same members as plain rows.
    async fn begin(&self) -> (Subject, Reference) {
        let (subject, mut reference) = (Subject::new().await, Reference::default());
        let options = UpsertOptions::default();
        for member in &self.members {
            let row = MemberRow { found_by_id: None, ..member_row(member) };
            let now = subject.tick();
            let by = |match_by| UpsertOptions { match_by, ..options };
            // Members without a ref are created by another key.
            let Some(by) = KEYS.map(by).into_iter().find(|by| row.match_key(by.match_by).is_some()) else {
                continue;
            };
            subject.upsert(std::slice::from_ref(&row), by, WriteMode::Partial).await;
            reference.upsert(&[row], &by, WriteMode::Partial, now);
        }
        for (row, to) in &self.renames {
            let (rename, now) = (Rename::new(ref_of(*to), 1_000_000), subject.tick());
            reference.rename(*row, &rename, now);
            subject.rename(*row, rename).await;
        }
        subject.tick();
        (subject, reference)
    }
}

impl Subject {
    fn tick(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn begin_list(&self, case: &Case) -> ListPlan {
        let request = ListRequest {
            options: case.options.clone(),
            scope: case.scope(),
            arrived_at: case.arrived_at(self.table.now()),
            job: JobNumber::default(),
            by_admin: false,
            origin: Origin::default(),
            sight: Sight::Whole,
        };
        self.base.plan_list(request).await.unwrap()
    }

    async fn plan(&self, case: &Case) -> (Vec<PlannedRow>, ListEnd) {
        let (mut plan, mut planned) = (self.begin_list(case).await, Vec::new());
        let mut lines = (1_u64..).zip(&case.rows).map(|(line, row)| row.sent(line)).peekable();
        while lines.peek().is_some() {
            let together = lines.by_ref().take(case.together).collect();
            planned.extend(plan_rows(&mut plan, together).await);
        }
        (planned, plan.end().await.unwrap())
    }
}

/// What a list does to plain rows.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    rows: Vec<(Outcome, Option<u64>, bool)>,
    removed: Vec<u64>,
    /// Out of scope, newer, not judged.
    staying: [u64; 3],
}

fn keys(row: &MemberRow) -> impl Iterator<Item = (usize, String)> {
    let patch = &row.patch;
    let keys = [
        patch.ref_.as_set().map(|value| value.as_str().to_owned()),
        patch.email.as_set().map(|value| value.folded(Fold::NEWEST).into_owned()),
        patch.worker_id.as_set().map(|value| value.as_str().to_owned()),
    ];
    keys.into_iter().enumerate().filter_map(|(kind, key)| Some((kind, key?)))
}

fn expected(case: &Case, before: &Reference, now: Timestamp) -> Expected {
    let (mut expected, mut reference) = (Expected::default(), before.clone());
    let (mut earlier, mut named, mut found_before) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let options = case.options.upsert(Sight::Whole);
    for small in &case.rows {
        let row = small.parsed();
        let is_known = |kinds: &[usize]| {
            let has = |member: &Member| kinds.iter().any(|kind| same_key(KEYS[*kind], member, &row, now));
            reference.rows.values().any(has)
                || keys(&row).any(|key| kinds.contains(&key.0) && earlier.contains(&key))
        };
        let decisive: &[usize] = match case.options.match_by {
            ListMatch::Key(MatchBy::Ref) => &[0],
            ListMatch::Key(MatchBy::Email) => &[1],
            ListMatch::Key(MatchBy::WorkerId) => &[2],
            ListMatch::Key(MatchBy::Id) => &[],
            ListMatch::WorkerIdOrEmail => &[1, 2],
        };
        let has_key = keys(&row).any(|(kind, _)| decisive.contains(&kind));
        let may_be_anybody = match small.fault {
            Some(true) => !is_known(decisive),
            _ => !has_key && !is_known(&[0, 1, 2]),
        };
        let found = reference.found(&row, &options, now);
        let is_again = keys(&row).any(|key| earlier.contains(&key))
            || found.is_some_and(|found| found_before.contains(&found));
        let (outcome, place) = match small.fault {
            None if !is_again => {
                let told = reference.upsert(std::slice::from_ref(&row), &options, WriteMode::Partial, now);
                (told[0].0, told[0].1)
            }
            _ => (Outcome::Failed, None),
        };
        named.extend(before.holders(&row, now));
        named.extend(small.id());
        named.extend(place);
        let is_failed = outcome == Outcome::Failed;
        found_before.extend(place.filter(|_| !is_failed));
        earlier.extend(keys(&row));
        let is_unreadable = is_failed && may_be_anybody && small.id().is_none();
        let place = place.filter(|row| before.knows(*row) && !is_failed);
        expected.rows.push((outcome, place, is_unreadable));
    }
    for (row, member) in &before.rows {
        let profile = &member.profile;
        let tier = profile.tier.as_ref().map(|tier| tier.as_str().to_owned());
        let in_scope = case.scope.is_none_or(|wanted| tier == Some(format!("tier {wanted}")));
        let is_older = match case.options.as_of {
            Some(made_at) => member.created_at < made_at,
            None => member.created_at <= case.arrived_at(now),
        };
        if member.status == Status::Inactive || named.contains(row) {
            continue;
        }
        let has_field = match case.options.match_by {
            ListMatch::Key(MatchBy::Ref) => profile.ref_.is_some(),
            ListMatch::Key(MatchBy::Email) => profile.email.is_some(),
            ListMatch::Key(MatchBy::WorkerId) => profile.worker_id.is_some(),
            ListMatch::Key(MatchBy::Id) => true,
            ListMatch::WorkerIdOrEmail => profile.worker_id.is_some() || profile.email.is_some(),
        };
        match [!in_scope, !is_older, !has_field].into_iter().position(|stays| stays) {
            Some(why) => expected.staying[why] += 1,
            None => expected.removed.push(*row),
        }
    }
    expected
}

fn got(planned: &[PlannedRow], end: &ListEnd) -> Expected {
    let row = |row: &PlannedRow| {
        let place = row.outcome.row.map(|row| row.0).filter(|_| !row.outcome.is_failed());
        (row.outcome.outcome, place, row.is_unreadable)
    };
    let counts = &end.summary.counts;
    Expected {
        rows: planned.iter().map(row).collect(),
        removed: end.removed.iter().map(|row| row.0).collect(),
        staying: [counts.out_of_scope, counts.newer, counts.not_judged],
    }
}

/// Applies the rows that the plan lets through, one by one, and removes the members that are missing.
async fn apply(subject: &Subject, case: &Case, planned: &[PlannedRow], end: &ListEnd) {
    let options = case.options.upsert(Sight::Whole);
    for (small, planned) in case.rows.iter().zip(planned) {
        let is_again =
            planned.outcome.error.as_ref().is_some_and(|error| error.reason == Reason::DuplicateInList);
        if small.fault.is_some() || is_again {
            continue;
        }
        let reply = subject.upsert(&[small.parsed()], options, WriteMode::Partial).await;
        let (done, outcome) = (&reply.outcomes[0], &planned.outcome);
        assert_eq!(done.outcome, outcome.outcome, "{small:?}");
        if !matches!(done.outcome, Outcome::Created | Outcome::Failed) {
            assert_eq!(done.row, outcome.row, "{small:?}");
        }
    }
    let ops = StepOps::Removals(end.removed.clone(), end.summary.revisions.1.into());
    let left = GuardCounts::of_removals(u64::try_from(end.removed.len()).unwrap());
    let request = StepRequest {
        ops,
        judging: Judging::Done { left, of_tiers: Vec::new() },
        is_last: true,
        write: Box::new(|_, _| StepWrites::default()),
        origin: Origin::default(),
        sight: Sight::Whole,
    };
    let reply = subject.base.step(request).await.unwrap();
    assert!(reply.outcomes.iter().all(|outcome| *outcome == StepOutcome::Removed), "{reply:?}");
}

/// Asserts that no cell of the list names a member that is to be removed.
fn assert_nobody_named_is_removed(
    case: &Case,
    members: &BTreeMap<u64, Member>,
    end: &ListEnd,
    now: Timestamp,
) {
    for row in &end.removed {
        let member = &members[&row.0];
        assert_ne!(member.status, Status::Inactive);
        for small in &case.rows {
            let parsed = small.parsed();
            assert!(!KEYS.iter().any(|kind| same_key(*kind, member, &parsed, now)), "{row:?} {small:?}");
            assert_ne!(small.id(), Some(row.0));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_plan_is_what_plain_rows_and_applying_it_say(case in case(0..1)) {
        block_on(async {
            let (subject, reference) = case.begin().await;
            let (case, now) = (case.with_known_ids(&reference), subject.table.now());
            let revision = reference.revision;
            let (planned, end) = subject.plan(&case).await;
            assert_eq!(got(&planned, &end), expected(&case, &reference, now));
            assert_nobody_named_is_removed(&case, &reference.rows, &end, now);
            assert_eq!(end.summary.revisions, (revision, revision));
            assert_eq!(subject.base.view().await.revision(), revision, "a plan writes nothing");
            // However the rows are sliced, the plan is the same.
            let other = Case { together: 1 + case.rows.len() / 2, ..case.clone() };
            let (again, same) = subject.plan(&other).await;
            assert_eq!(got(&again, &same), got(&planned, &end));
            assert_eq!(same.summary, end.summary);
            let before = subject.base.view().await.summary().counts;
            apply(&subject, &case, &planned, &end).await;
            let after = subject.base.view().await.summary().counts;
            let all = |counts: crate::model::StatusCounts| counts.active + counts.invited + counts.inactive;
            assert_eq!(all(after) - all(before), end.summary.counts.rows.created);
        });
    }

    #[test]
    fn nobody_whom_a_cell_names_is_removed_whatever_others_write_meanwhile(case in case(1..10)) {
        block_on(async {
            let (subject, reference) = case.begin().await;
            let (mut plan, begun) = (subject.begin_list(&case).await, subject.base.view().await.revision());
            let mut others = case.meanwhile.iter().cycle();
            let options = UpsertOptions { reactivate: true, apply_status: true, ..UpsertOptions::default() };
            for (line, row) in (1..).zip(&case.rows) {
                subject.tick();
                let listed = plan.recogniser().rows(&Reads, vec![row.sent(line)]).await.unwrap();
                // Others write between recognising a row and planning it.
                let row = MemberRow { found_by_id: None, ..member_row(others.next().unwrap()) };
                subject.upsert(&[row], options, WriteMode::Partial).await;
                plan.rows(&Reads, listed).await.unwrap();
            }
            let end = plan.end().await.unwrap();
            assert_nobody_named_is_removed(&case, &reference.rows, &end, subject.table.now());
            let view = subject.base.view().await;
            for (row, member) in view.members(&end.removed).await.unwrap() {
                assert!(member.revision <= begun, "{row:?} was written after the plan began");
                assert_ne!(member.status, Status::Inactive);
            }
            assert_eq!(end.summary.revisions, (begun, view.revision()));
        });
    }
}
