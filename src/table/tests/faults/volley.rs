//! Many requests at once while the engine fails: each of them is done and said to be, or neither; readers see what is
//! stored; and what failed is done once it is sent again.

use std::ops::Range;

use super::*;
use crate::model::{AttributePatch, AttributeValue, RecordKind, RequestId, RequestIdentity, Sight};

/// A request, of members that no other request of the volley is about. Each has a name, which is its place.
#[derive(Debug)]
enum Shot {
    /// The member has these attributes already, so that nothing is written but the answer.
    Same(u16),
    /// Members get other attributes.
    Attributes(Range<u16>),
    /// Members are new, all of them or none.
    Create(Range<u16>),
    /// Members get another tier.
    Tier(Range<u16>),
    /// Members are deleted.
    Delete(Range<u16>),
    /// Nobody is deleted.
    DeleteNobody,
    /// A member gets another ref.
    Rename(u16),
    /// A member gets a transaction.
    Buy(u8),
    /// An attribute is indexed that members have.
    Index,
    /// The base gets another name.
    Settings,
}

/// How many members there are before.
const MEMBERS: u16 = 60;
/// What is added to the number of a member that is renamed.
const RENAMED: u16 = 500;

/// Those of attributes, and those that are all or none, are batches of their own: so there are several in flight.
fn volley() -> Vec<Shot> {
    vec![
        Shot::Same(0),
        Shot::Attributes(1..6),
        Shot::Same(7),
        Shot::Create(100..110),
        Shot::DeleteNobody,
        Shot::Delete(10..15),
        Shot::Index,
        Shot::Tier(20..25),
        Shot::Rename(30),
        Shot::Buy(31),
        Shot::Same(8),
        Shot::Tier(40..45),
        Shot::Same(9),
        Shot::Settings,
        Shot::Delete(46..50),
    ]
}

fn attributes(numbers: Range<u16>, value: &str) -> Vec<(Row, AttributePatch)> {
    let patch = || {
        let mut patch = AttributePatch::default();
        patch.set("text", AttributeValue::text(value.to_owned()).unwrap()).unwrap();
        patch
    };
    numbers.map(|n| (Row(u64::from(n)), patch())).collect()
}

fn upsert(
    rows: impl Iterator<Item = MemberRow>,
    mode: WriteMode,
    claim: Option<Arc<Claim>>,
) -> UpsertRequest {
    let rows = rows.map(Ok).collect();
    UpsertRequest {
        rows,
        options: UpsertOptions::default(),
        mode,
        claim,
        deadline: None,
        origin: Origin::default(),
    }
}

impl Shot {
    async fn begin(&self, name: usize, table: &Table) -> Result<Begun, TableError> {
        let mark = RequestIdentity::new(RequestId::parse(format!("{name}")).unwrap(), "shot", b"");
        table.idempotency().begin(&mark, None, table.now(), IfRunning::Wait).await
    }

    /// Does it, unless that was done before.
    async fn fire(&self, name: usize, table: &Table, base: &Base) -> Result<(), TableError> {
        let Begun::New(claim) = self.begin(name, table).await? else { return Ok(()) };
        let claim = Some(claim);
        match self {
            Self::Same(n) => {
                let changes = attributes(*n..n + 1, "value 1");
                let request = AttributesRequest {
                    changes,
                    is_strict: true,
                    sight: Sight::default(),
                    claim,
                    deadline: None,
                    origin: Origin::default(),
                };
                base.change_attributes(request).await.map(drop)
            }
            Self::Attributes(numbers) => {
                let changes = attributes(numbers.clone(), "value 2");
                let request = AttributesRequest {
                    changes,
                    is_strict: true,
                    sight: Sight::default(),
                    claim,
                    deadline: None,
                    origin: Origin::default(),
                };
                base.change_attributes(request).await.map(drop)
            }
            Self::Create(numbers) => {
                let rows = numbers.clone().map(|n| MemberRow { if_revision: Some(0), ..plain_row(n) });
                let reply = base.upsert(upsert(rows, WriteMode::Atomic, claim)).await?;
                assert!(reply.outcomes.iter().all(|row| row.outcome == Outcome::Created), "{reply:?}");
                Ok(())
            }
            Self::Tier(numbers) => {
                let tier = |n: u16| {
                    let mut row = plain_row(n);
                    row.patch.tier = Change::Set(Tier::parse("tier 3").unwrap());
                    row
                };
                let reply = base.upsert(upsert(numbers.clone().map(tier), WriteMode::Partial, claim)).await?;
                assert!(reply.outcomes.iter().all(|row| row.outcome == Outcome::Updated), "{reply:?}");
                Ok(())
            }
            Self::Delete(numbers) => {
                let refs = numbers.clone().map(ref_of).collect();
                let request = DeleteRequest { refs, claim, ..DeleteRequest::default() };
                let reply = base.delete(request).await?;
                assert_eq!(reply.deleted, u64::try_from(numbers.len()).unwrap());
                Ok(())
            }
            Self::DeleteNobody => {
                let request = DeleteRequest { rows: vec![Row(9_999)], claim, ..DeleteRequest::default() };
                base.delete(request).await.map(drop)
            }
            Self::Rename(n) => {
                let edit = Edit::Rename(Box::new(Rename::new(ref_of(n + RENAMED), 0)));
                let key = MemberKey::Ref(ref_of(*n));
                let what = EditWhat::Change { key, edit, if_revision: None };
                base.edit(EditRequest {
                    what,
                    sight: Sight::default(),
                    claim,
                    deadline: None,
                    origin: Origin::default(),
                })
                .await
                .map(drop)
            }
            Self::Buy(row) => {
                let buy = SmallChange::Buy { row: u64::from(*row), name: 1, amount: None };
                let changes = vec![record_change(&buy, 0)];
                let reply = base
                    .change_records(RecordsRequest {
                        changes,
                        claim,
                        deadline: None,
                        origin: Origin::default(),
                    })
                    .await?;
                assert!(reply.outcomes.is_ok(), "{reply:?}");
                Ok(())
            }
            Self::Index => {
                let schema = Some(indexes::schema(&["text"]));
                let request = SettingsRequest { schema, claim, ..SettingsRequest::default() };
                base.change_settings(request).await.map(drop)
            }
            Self::Settings => {
                let name = BaseName::parse("renamed").ok();
                let request = SettingsRequest { name, claim, ..SettingsRequest::default() };
                base.change_settings(request).await.map(drop)
            }
        }
    }

    /// Whether readers see that it was done. `None` where there is nothing to see.
    async fn is_done(&self, base: &Base) -> Option<bool> {
        let view = base.view().await;
        let find = async |numbers: Range<u16>| {
            let keys: Vec<MemberKey> = numbers.map(|n| MemberKey::Ref(ref_of(n))).collect();
            let found: Vec<_> =
                view.find(&keys).await.unwrap().into_iter().map(|found| found.map(|(_, m)| m)).collect();
            found
        };
        let all_or_none = |done: Vec<bool>| {
            assert!(done.iter().all(|one| *one == done[0]), "{self:?} is done in part: {done:?}");
            Some(done[0])
        };
        match self {
            Self::Same(_) | Self::DeleteNobody => None,
            Self::Attributes(numbers) => {
                let value = Some(AttributeValue::text("value 2".to_owned()).unwrap());
                let found = find(numbers.clone()).await;
                let is = |member: &Option<Member>| {
                    member.as_ref().unwrap().attributes.get("text").cloned() == value
                };
                all_or_none(found.iter().map(is).collect())
            }
            Self::Create(numbers) => {
                all_or_none(find(numbers.clone()).await.iter().map(Option::is_some).collect())
            }
            Self::Tier(numbers) => {
                let tier = Some(Tier::parse("tier 3").unwrap());
                let found = find(numbers.clone()).await;
                all_or_none(
                    found.iter().map(|member| member.as_ref().unwrap().profile.tier == tier).collect(),
                )
            }
            Self::Delete(numbers) => {
                all_or_none(find(numbers.clone()).await.iter().map(Option::is_none).collect())
            }
            Self::Rename(n) => {
                let (old, new) = (find(*n..n + 1).await, find(n + RENAMED..n + RENAMED + 1).await);
                all_or_none(vec![old[0].is_none(), new[0].is_some()])
            }
            Self::Buy(row) => {
                let kind = RecordKind::Transaction;
                let found = view.member_records(Row(u64::from(*row)), kind, None, false, 9).await.unwrap();
                Some(!found.unwrap().is_empty())
            }
            Self::Index => Some(view.summary().schema.unwrap().indexes.contains_key("text")),
            Self::Settings => Some(view.summary().settings.name.as_str() == "renamed"),
        }
    }
}

impl Subject {
    /// A base with members that have attributes.
    async fn of_a_volley() -> Self {
        let subject = Self::new().await;
        subject.index(&[]).await;
        let rows: Vec<MemberRow> = (0..MEMBERS).map(|n| indexes::attributed(n, Some(1))).collect();
        subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        subject
    }

    /// Fires every shot of the volley at once.
    async fn fire(&self) -> Vec<Result<(), TableError>> {
        let shots = volley().into_iter().enumerate().map(|(name, shot)| {
            let (table, base) = (Arc::clone(&self.table), Arc::clone(&self.base));
            tokio::spawn(async move { shot.fire(name, &table, &base).await })
        });
        let mut answers = Vec::new();
        for shot in shots.collect::<Vec<_>>() {
            answers.push(shot.await.unwrap());
        }
        answers
    }

    /// What readers see, in the records and through the lookups.
    async fn seen(&self) -> (BaseSummary, Vec<(Row, Member)>, Vec<Option<Row>>) {
        let view = self.base.view().await;
        let rows: Vec<Row> = (0..view.next_row().0).map(Row).collect();
        let keys: Vec<MemberKey> = (0..2 * RENAMED).map(|n| MemberKey::Ref(ref_of(n))).collect();
        let found = view.find(&keys).await.unwrap().into_iter().map(|found| found.map(|(row, _)| row));
        (view.summary(), view.members(&rows).await.unwrap(), found.collect())
    }

    /// That what was answered is what readers see and what is kept.
    async fn check_answers(&self, answers: &[Result<(), TableError>], context: &str) {
        for (name, (shot, answer)) in volley().iter().zip(answers).enumerate() {
            let is_kept = matches!(shot.begin(name, &self.table).await.unwrap(), Begun::Answered(_));
            let is_done = shot.is_done(&self.base).await.unwrap_or(is_kept);
            assert_eq!(is_kept, answer.is_ok(), "{context}: {shot:?} is kept: {is_kept}, {answer:?}");
            assert_eq!(is_done, answer.is_ok(), "{context}: {shot:?} is done: {is_done}, {answer:?}");
            let is_told = matches!(answer, Ok(()) | Err(TableError::Engine(_)));
            assert!(is_told, "{context}: {shot:?} was answered {answer:?}");
        }
    }
}

/// Fires the volley with a fault at operation `n`; whether it happened.
async fn stands(n: u64, fault: Fault) -> bool {
    let mut subject = Subject::of_a_volley().await;
    let inner = Arc::clone(&subject.engine);
    let dies = matches!(fault, Fault::CrashBefore | Fault::CrashAfter);
    let context = format!("{fault:?} at operation {n}");
    let faulty = Arc::new(Faulty::new(Arc::clone(&inner)));
    subject.engine = Arc::clone(&faulty) as Arc<dyn Engine>;
    subject.reopen().await.unwrap();
    faulty.fail_later(n, fault);
    let answers = subject.fire().await;
    let has_failed = faulty.has_failed();
    if !dies {
        // Whoever was refused sends it again, and now it is done.
        faulty.fail_later(u64::MAX, Fault::CrashBefore);
        subject.check_answers(&answers, &context).await;
        let again = subject.fire().await;
        assert!(again.iter().all(Result::is_ok), "{context}: sent again: {again:?}");
        subject.check_answers(&again, &context).await;
    }
    let seen = if dies { None } else { Some(subject.seen().await) };
    subject.engine = inner;
    subject.reopen().await.unwrap();
    if let Some(seen) = seen {
        assert_eq!(subject.seen().await, seen, "{context}: readers saw what is not stored");
    }
    let again = subject.fire().await;
    assert!(again.iter().all(Result::is_ok), "{context}: after a restart: {again:?}");
    subject.check_answers(&again, &context).await;
    crate::table::audit::tests::assert_sound(&subject.engine).await;
    has_failed
}

async fn at_every_operation(fault: Fault) {
    let mut n = 1;
    while stands(n, fault.clone()).await {
        n += 1;
    }
    assert!(n > 20, "the volley has only {n} operations");
}

// On one thread the lane plans ahead of the publisher, which finds several batches when one of them fails.
#[tokio::test]
async fn a_batch_that_is_refused_takes_none_along_that_was_not_planned_on_it() {
    for error in [
        EngineError::StorageFull { free: 1, reserve: 2 },
        EngineError::Conflict,
        EngineError::Io("injected".to_owned()),
    ] {
        at_every_operation(Fault::Error(error)).await;
    }
}

#[tokio::test]
async fn a_batch_that_fails_takes_those_after_it_along_and_no_others() {
    for also in [1, 3] {
        at_every_operation(Fault::FailedWrite { also }).await;
    }
}

#[tokio::test]
async fn a_process_that_dies_leaves_every_request_whole() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        at_every_operation(fault).await;
    }
}

#[test]
fn a_volley_from_many_threads_is_no_different() {
    block_on(at_every_operation(Fault::Error(EngineError::StorageFull { free: 1, reserve: 2 })));
}
