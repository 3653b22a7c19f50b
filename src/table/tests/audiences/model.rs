//! Random writes through every path, with random audiences.

use super::*;
use crate::model::filter::RawRegex;
use crate::model::{AttributePatch, AttributeValue, Edit, GuardCounts, GuardExpectation, RevertOf, Sight};
use crate::table::tests::indexes::{attributed, schema};

#[derive(Debug, Clone)]
enum Move {
    Write(Step),
    /// Rows with attributes.
    Attributed(Vec<(u16, Option<u8>)>),
    /// Attributes of members, in one commit or not.
    Patch(Vec<u8>, Option<u8>, bool),
    /// Indexes on attributes.
    Index(bool),
    /// A call about one member.
    Edit(u8, bool),
    /// Members that a job makes inactive or deletes.
    Job(Vec<u8>, bool),
    /// Takes back the last commits.
    Revert(u8),
    Create(Vec<RawFilter>),
    Filter(u8, Vec<RawFilter>),
    Archive(u8),
    Unarchive(u8),
    Hand(u8, Vec<u8>, bool),
}

fn text(value: impl Into<String>) -> RawValue {
    RawValue::Text(value.into())
}

/// A filter; an audience is named by its number, as a text.
fn filter() -> impl Strategy<Value = RawFilter> {
    let key = |key: &str| RawFilter { key: Some(key.to_owned()), ..RawFilter::default() };
    let tier = |n: u8| text(format!("tier {n}"));
    let leaf = prop_oneof![
        3 => (0_u8..4).prop_map(move |n| RawFilter { eq: Some(tier(n)), ..key("tier") }),
        1 => (0_u8..4).prop_map(move |n| RawFilter { ne: Some(tier(n)), ..key("tier") }),
        1 => proptest::collection::vec(0_u8..5, 0..3)
            .prop_map(move |n| RawFilter { in_: Some(n.into_iter().map(tier).collect()), ..key("tier") }),
        1 => proptest::collection::vec(0_u8..5, 0..3)
            .prop_map(move |n| RawFilter { nin: Some(n.into_iter().map(tier).collect()), ..key("tier") }),
        1 => any::<bool>().prop_map(move |exists| RawFilter { exists: Some(exists), ..key("worker_id") }),
        1 => prop::sample::select(vec!["active", "inactive", "invited"])
            .prop_map(move |status| RawFilter { eq: Some(text(status)), ..key("status") }),
        1 => (0..EMAILS).prop_map(move |n| RawFilter { eq: Some(text(format!("m{n}@X.example"))), ..key("email") }),
        1 => (0_u8..10).prop_map(move |n| {
            let pattern = format!("^m.*{n}@");
            RawFilter { regex: Some(RawRegex { pattern, case_insensitive: n % 2 == 0 }), ..key("email") }
        }),
        2 => (0_u8..3).prop_map(move |n| {
            let pattern = format!("^(tier|team) .*[{n}-{}]$", n + 1);
            RawFilter { regex: Some(RawRegex { pattern, case_insensitive: n == 0 }), ..key("tier") }
        }),
        1 => (0_u8..10).prop_map(move |n| RawFilter { prefix: Some(format!("r{n}")), ..key("ref") }),
        1 => (0_i64..40).prop_map(move |at| {
            let at = Timestamp::from_micros(at).to_string();
            RawFilter { gt: Some(text(at)), ..key("updated_at") }
        }),
        1 => (0_u8..4).prop_map(move |n| RawFilter { eq: Some(text(format!("value {n}"))), ..key("attributes.text") }),
        1 => (0_u8..4).prop_map(move |n| {
            RawFilter { gte: Some(RawValue::Number(f64::from(n) / 3.0)), ..key("attributes.number") }
        }),
        1 => any::<bool>().prop_map(move |exists| RawFilter { exists: Some(exists), ..key("attributes.number") }),
        3 => (1_u32..7).prop_map(move |n| RawFilter { eq: Some(text(n.to_string())), ..key("audience") }),
        1 => (1_u32..7).prop_map(move |n| RawFilter { ne: Some(text(n.to_string())), ..key("audience") }),
        1 => proptest::collection::vec(1_u32..7, 1..3).prop_map(move |n| {
            RawFilter { nin: Some(n.into_iter().map(|n| text(n.to_string())).collect()), ..key("audience") }
        }),
    ];
    leaf.prop_recursive(2, 6, 3, |part| {
        let parts = proptest::collection::vec(part, 1..4);
        (parts, any::<bool>()).prop_map(|(parts, all)| {
            let (and, or) = if all { (Some(parts), None) } else { (None, Some(parts)) };
            RawFilter { and, or, ..RawFilter::default() }
        })
    })
}

fn filters() -> impl Strategy<Value = Vec<RawFilter>> {
    proptest::collection::vec(filter(), 0..3)
}

fn moves() -> impl Strategy<Value = Move> {
    let rows = || proptest::collection::vec(any::<u8>().prop_map(|row| row % 90), 1..12);
    let value = || proptest::option::weighted(0.8, 0_u8..4);
    prop_oneof![
        8 => step().prop_map(Move::Write),
        2 => proptest::collection::vec((0_u16..40, value()), 1..30).prop_map(Move::Attributed),
        2 => (rows(), value(), any::<bool>()).prop_map(|(rows, value, strict)| Move::Patch(rows, value, strict)),
        1 => any::<bool>().prop_map(Move::Index),
        1 => (any::<u8>().prop_map(|row| row % 90), any::<bool>()).prop_map(|(row, off)| Move::Edit(row, off)),
        1 => (rows(), any::<bool>()).prop_map(|(rows, deletes)| Move::Job(rows, deletes)),
        1 => (1_u8..6).prop_map(Move::Revert),
        4 => filters().prop_map(Move::Create),
        2 => (1_u8..7, filters()).prop_map(|(audience, filter)| Move::Filter(audience, filter)),
        1 => (1_u8..7).prop_map(Move::Archive),
        1 => (1_u8..7).prop_map(Move::Unarchive),
        3 => (1_u8..7, rows(), any::<bool>()).prop_map(|(audience, rows, adds)| Move::Hand(audience, rows, adds)),
    ]
}

/// Puts ids in the place of the numbers of audiences.
fn with_ids(subject: &Subject, mut raw: Vec<RawFilter>) -> Vec<RawFilter> {
    let id = |value: &mut RawValue| {
        if let RawValue::Text(number) = value {
            let number = AudienceNumber(number.parse().unwrap());
            *number_text(value) = subject.table.sealer().audience_id(subject.base.number(), number);
        }
    };
    for entry in &mut raw {
        if entry.key.as_deref() == Some("audience") {
            [&mut entry.eq, &mut entry.ne].into_iter().flatten().for_each(id);
            entry.nin.iter_mut().flatten().for_each(id);
        }
        for parts in [&mut entry.and, &mut entry.or].into_iter().flatten() {
            *parts = with_ids(subject, std::mem::take(parts));
        }
    }
    raw
}

fn number_text(value: &mut RawValue) -> &mut String {
    match value {
        RawValue::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

impl Subject {
    fn random_filter(&self, raw: Vec<RawFilter>) -> Option<AudienceFilter> {
        let (today, raw) = (Timestamp::MAX.date(), with_ids(self, raw));
        AudienceFilter::parse(raw, self.table.sealer(), self.base.number(), Fold::NEWEST, today).ok()
    }

    /// Makes a change of an audience, which may be refused.
    async fn try_audience(&self, what: AudienceWhat) {
        match self.change_audience(what).await {
            Ok(_) | Err(TableError::Refused(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn follow(&self, one: &Move, number: usize) {
        let audience = |n: &u8| AudienceNumber(u32::from(*n));
        match one {
            Move::Write(step) => self.make(step, Origin::default()).await,
            Move::Attributed(rows) => {
                let rows: Vec<MemberRow> = rows.iter().map(|(n, value)| attributed(*n, *value)).collect();
                self.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
            }
            Move::Patch(rows, value, is_strict) => {
                let mut patch = AttributePatch::default();
                match value {
                    Some(n) => {
                        patch.set("text", AttributeValue::text(format!("value {n}")).unwrap()).unwrap()
                    }
                    None => ["text", "number"].into_iter().for_each(|key| patch.clear(key).unwrap()),
                }
                let rows: BTreeSet<u8> = rows.iter().copied().collect();
                let changes = rows.into_iter().map(|row| (Row(row.into()), patch.clone())).collect();
                let request = AttributesRequest { changes, is_strict: *is_strict, ..Default::default() };
                self.base.change_attributes(request).await.unwrap();
            }
            Move::Index(both) => {
                let keys: &[&str] = if *both { &["text", "number"] } else { &["text"] };
                let schema = Some(schema(keys));
                self.base.change_settings(SettingsRequest { schema, ..Default::default() }).await.unwrap();
            }
            Move::Edit(row, offboards) => {
                let key = MemberKey::Row(Row((*row).into()));
                let edit = if *offboards { Edit::Offboard } else { Edit::Activate };
                let what = EditWhat::Change { key, edit, if_revision: None };
                let (sight, expected) = (Sight::default(), GuardExpectation::default());
                let (claim, deadline, origin) = (None, None, Origin::default());
                let request = EditRequest { what, sight, expected, claim, deadline, origin };
                self.base.edit(request).await.unwrap();
            }
            Move::Job(rows, deletes) => {
                let rows: BTreeSet<u8> = rows.iter().copied().collect();
                let rows: Vec<Row> = rows.into_iter().map(|row| Row(row.into())).collect();
                let left = GuardCounts::of_removals(u64::try_from(rows.len()).unwrap());
                let ops = if *deletes {
                    StepOps::Deletes(rows, u64::MAX.into())
                } else {
                    StepOps::Removals(rows, u64::MAX.into())
                };
                let (origin, sight) = (Origin::default(), Sight::default());
                let (judging, write) = (
                    Judging::Done { left, of_tiers: Vec::new() },
                    Box::new(|_: &[_], _| StepWrites::default()),
                );
                let request = StepRequest { ops, judging, is_last: true, write, origin, sight };
                self.base.step(request).await.unwrap();
            }
            Move::Revert(commits) => {
                // The lane may write in between, so the revert is of what is there now.
                self.all_built().await;
                let last = self.base.view().await.revision();
                let of = RevertOf::Revisions(last.saturating_sub(u64::from(*commits)).max(1), last);
                self.revert(of, u64::try_from(number).unwrap() + 1, 7).await;
            }
            Move::Create(raw) => {
                let Some(filter) = self.random_filter(raw.clone()) else { return };
                self.try_audience(AudienceWhat::Create { name: name(&format!("n{number}")), filter }).await;
            }
            Move::Filter(n, raw) => {
                let Some(filter) = self.random_filter(raw.clone()) else { return };
                let what = AudienceWhat::Update { audience: audience(n), name: None, filter: Some(filter) };
                self.try_audience(what).await;
            }
            Move::Archive(n) => self.try_audience(AudienceWhat::Archive { audience: audience(n) }).await,
            Move::Unarchive(n) => self.try_audience(AudienceWhat::Unarchive { audience: audience(n) }).await,
            Move::Hand(n, rows, adds) => {
                let rows = rows.iter().map(|row| Row((*row).into())).collect();
                let audience = audience(n);
                self.try_audience(if *adds {
                    AudienceWhat::AddRows { audience, rows }
                } else {
                    AudienceWhat::RemoveRows { audience, rows }
                })
                .await;
            }
        }
    }
}

async fn run(moves: Vec<Move>, build: AudienceBuild) {
    let mut subject = Subject::new().await;
    let mut cut = subject.restart(build).await;
    for (number, one) in moves.iter().enumerate() {
        subject.clock.fetch_add(1, Ordering::Relaxed);
        match one {
            Move::Write(Step::Crash) => {
                subject.die(&cut).await;
                cut = subject.restart(build).await;
            }
            Move::Write(Step::Reopen) => {
                subject.base.close().await.unwrap();
                cut = subject.restart(build).await;
            }
            Move::Write(Step::Maintain) => subject.table.maintain().await.unwrap(),
            one => subject.follow(one, number).await,
        }
        subject.check_audiences().await;
    }
    subject.check_log().await;
    subject.all_built().await;
    subject.check_all().await;
    subject.die(&cut).await;
    subject.restart(build).await;
    subject.check_all().await;
    subject.base.close().await.unwrap();
    subject.restart(build).await;
    subject.check_all().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn audiences_follow_every_write(
        moves in proptest::collection::vec(moves(), 1..40),
        by_the_lane: bool,
    ) {
        block_on(run(moves, if by_the_lane { BY_THE_LANE } else { AT_ONCE }));
    }
}
