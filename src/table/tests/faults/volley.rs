//! Many concurrent requests while the engine fails. A request is done if and only if its reply says so,
//! readers see what is stored, and a failed request succeeds when it is repeated.

use std::ops::Range;

use super::*;
use crate::model::{
    AttributePatch, AttributeValue, GuardExpectation, RecordKind, RequestId, RequestIdentity, Sight,
};

/// A request. No two requests of the volley are about the same member. Its place in the volley is its request
/// id.
#[derive(Debug)]
enum Shot {
    /// Sets attributes that the member has already, so only the result is written.
    Same(u16),
    /// Gives members other attributes.
    Attributes(Range<u16>),
    /// Creates members, all of them or none.
    Create(Range<u16>),
    /// Gives members another tier.
    Tier(Range<u16>),
    /// Deletes members.
    Delete(Range<u16>),
    /// Deletes members that do not exist.
    DeleteNobody,
    /// Gives a member another ref.
    Rename(u16),
    /// Gives a member a transaction.
    Buy(u8),
    /// Indexes an attribute that members have.
    Index,
    /// Gives the base another name.
    Settings,
}

/// How many members there are before the volley.
const MEMBERS: u16 = 60;
/// Renaming a member adds this to its number.
const RENAMED: u16 = 500;

/// Some of these (attributes, all or none) need a batch of their own, so several batches are in flight.
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

    /// Sends the request, unless its result is already stored.
    async fn fire(&self, name: usize, table: &Table, base: &Base) -> Result<(), TableError> {
        let Begun::New(claim) = self.begin(name, table).await? else { return Ok(()) };
        let claim = Some(claim);
        match self {
            Self::Same(n) => {
                let changes = attributes(*n..n + 1, "value 1");
                let request = AttributesRequest {
                    changes,
                    is_strict: true,
                    clears_in_all: None,
                    expected: GuardExpectation::default(),
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
                    clears_in_all: None,
                    expected: GuardExpectation::default(),
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
                    expected: GuardExpectation::default(),
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

    /// Whether readers see that it was done; `None` if it changes nothing that they could see.
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

    /// Sends all requests of the volley at once.
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

    /// What readers see: the members, and what the lookups find.
    async fn seen(&self) -> (BaseSummary, Vec<(Row, Member)>, Vec<Option<Row>>) {
        let view = self.base.view().await;
        let rows: Vec<Row> = (0..view.next_row().0).map(Row).collect();
        let keys: Vec<MemberKey> = (0..2 * RENAMED).map(|n| MemberKey::Ref(ref_of(n))).collect();
        let found = view.find(&keys).await.unwrap().into_iter().map(|found| found.map(|(row, _)| row));
        (view.summary(), view.members(&rows).await.unwrap(), found.collect())
    }

    /// Checks that replies agree with what readers see and with the stored results.
    async fn check_answers(&self, answers: &[Result<(), TableError>], context: &str) {
        for (name, (shot, answer)) in volley().iter().zip(answers).enumerate() {
            let is_kept = matches!(shot.begin(name, &self.table).await.unwrap(), Begun::Done(_));
            let is_done = shot.is_done(&self.base).await.unwrap_or(is_kept);
            assert_eq!(is_kept, answer.is_ok(), "{context}: {shot:?} is stored: {is_kept}, {answer:?}");
            assert_eq!(is_done, answer.is_ok(), "{context}: {shot:?} is done: {is_done}, {answer:?}");
            let is_told = matches!(answer, Ok(()) | Err(TableError::Engine(_)));
            assert!(is_told, "{context}: {shot:?} got {answer:?}");
        }
    }
}

/// Fires the volley with a fault at operation `n`. Returns whether the fault happened.
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
        // Failed requests are repeated, and succeed now.
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

// On a single thread the lane plans several batches before the publisher sees that one of them failed.
#[tokio::test]
async fn a_refused_batch_fails_only_those_that_were_planned_on_it() {
    for error in [
        EngineError::StorageFull { free: 1, needed: 2 },
        EngineError::Conflict,
        EngineError::Io("injected".to_owned()),
    ] {
        at_every_operation(Fault::Error(error)).await;
    }
}

#[tokio::test]
async fn a_failed_write_fails_only_its_batch_and_those_after_it() {
    for also in [1, 3] {
        at_every_operation(Fault::FailedWrite { also }).await;
    }
}

#[tokio::test]
async fn a_crash_leaves_every_request_done_or_not_done() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        at_every_operation(fault).await;
    }
}

#[test]
fn a_volley_from_several_threads_is_handled_the_same() {
    block_on(at_every_operation(Fault::Error(EngineError::StorageFull { free: 1, needed: 2 })));
}
