//! Requests with many members are cut into slices, which fit into batches and take turns with other requests.

use super::*;
use crate::engine::faulty::Faulty;
use crate::model::schema::{AttributeType, WantedSchema};
use crate::model::{AttributePatch, AttributeValue, Edit, GuardExpectation, Name, Reason, Sight};

/// So many large members do not fit into one commit.
pub(super) const MEMBERS: u16 = 2_400;
const TEXTS: usize = 7;
const TEXT_BYTES: usize = 4_000;

pub(super) async fn with_large_members() -> Subject {
    with_members_like(&MemberPatch::default()).await
}

/// Large members with the date of birth and bank details that `patch` sets.
pub(super) async fn with_members_like(patch: &MemberPatch) -> Subject {
    let subject = Subject::new().await;
    let types = (0..TEXTS).map(|i| (format!("key_{i}"), AttributeType::String)).collect();
    let schema = Some(WantedSchema { types, ..WantedSchema::default() });
    subject.base.change_settings(SettingsRequest { schema, ..SettingsRequest::default() }).await.unwrap();
    let large = |n: u16| {
        let mut row = plain_row(n);
        row.patch.dob = patch.dob.clone();
        row.patch.account_details = patch.account_details.clone();
        for i in 0..TEXTS {
            let text = AttributeValue::text("a".repeat(TEXT_BYTES)).unwrap();
            row.patch.attributes.set(format!("key_{i}"), text).unwrap();
        }
        row
    };
    for first in (0..MEMBERS).step_by(400) {
        let rows: Vec<MemberRow> = (first..first + 400).map(&large).collect();
        let reply = subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
        assert!(reply.outcomes.iter().all(|row| row.outcome == Outcome::Created));
    }
    assert!(usize::from(MEMBERS) * TEXTS * TEXT_BYTES > crate::model::limits::ATOMIC_MAX_BYTES);
    subject
}

async fn rename(base: &Base, from: u16, to: u16) -> EditReply {
    let edit = Edit::Rename(Box::new(Rename::new(ref_of(to), 0)));
    let what = EditWhat::Change { key: MemberKey::Ref(ref_of(from)), edit, if_revision: None };
    base.edit(EditRequest {
        what,
        sight: Sight::default(),
        expected: GuardExpectation::default(),
        claim: None,
        deadline: None,
        origin: Origin::default(),
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_delete_of_more_than_a_batch_takes_turns_with_other_requests() {
    let subject = with_large_members().await;
    let before = subject.base.view().await.revision();
    let delete = DeleteRequest { refs: (1..MEMBERS).map(ref_of).collect(), ..DeleteRequest::default() };
    let (deleted, renamed) = tokio::join!(subject.base.delete(delete), rename(&subject.base, 0, 9_999));
    let deleted = deleted.unwrap();
    assert_eq!(deleted.deleted, u64::from(MEMBERS) - 1);
    assert!(matches!(renamed.edited, Edited::Done { .. }), "{renamed:?}");
    assert!(renamed.revision > before && renamed.revision < deleted.revision, "{renamed:?}, {deleted:?}");
    assert_eq!(subject.base.view().await.summary().counts.total(), 1);
    crate::table::audit::tests::assert_sound(&subject.engine).await;
}

#[tokio::test]
async fn attributes_larger_than_a_batch_are_cleared_in_slices_and_refused_as_one_commit() {
    let subject = with_large_members().await;
    let request = |patch: &AttributePatch, is_strict| AttributesRequest {
        changes: (0..u64::from(MEMBERS)).map(|row| (Row(row), patch.clone())).collect(),
        is_strict,
        ..AttributesRequest::default()
    };
    let before = subject.base.view().await.revision();
    let mut patch = AttributePatch::default();
    patch.set("key_0", AttributeValue::text("b".to_owned()).unwrap()).unwrap();
    let (refused, renamed) =
        tokio::join!(subject.base.change_attributes(request(&patch, true)), rename(&subject.base, 0, 9_999));
    let refused = refused.map(|reply| reply.values);
    assert!(matches!(refused, Err(TableError::AtomicTooLarge { .. })), "{refused:?}");
    assert_eq!(renamed.revision, before + 1);
    let cleared = subject.base.change_attributes(request(&AttributePatch::clear_all(), false)).await.unwrap();
    assert_eq!(cleared.values, u64::from(MEMBERS) * u64::try_from(TEXTS).unwrap());
    assert!(cleared.revision > renamed.revision + 1, "it must be several commits");
    crate::table::audit::tests::assert_sound(&subject.engine).await;
}

#[tokio::test]
async fn an_atomic_call_that_is_too_large_is_refused_before_it_has_read_all_of_its_members() {
    let mut subject = with_large_members().await;
    let rows: Vec<MemberRow> = (0..MEMBERS)
        .map(|n| {
            let mut row = plain_row(n);
            row.patch.tier = Change::Set(Tier::parse("another").unwrap());
            row
        })
        .collect();
    let mut reads = Vec::new();
    for mode in [WriteMode::ValidateOnly, WriteMode::Atomic] {
        let faulty = Arc::new(Faulty::new(Arc::clone(&subject.engine)));
        let table = open(Arc::clone(&faulty) as _, &subject.clock).await;
        let base = table.base(subject.base.number()).await.unwrap();
        let before = faulty.operations();
        let request = UpsertRequest {
            rows: rows.iter().cloned().map(Ok).collect(),
            options: UpsertOptions::default(),
            mode,
            claim: None,
            deadline: None,
            origin: Origin::default(),
        };
        let reply = base.upsert(request).await;
        match mode {
            WriteMode::Atomic => {
                assert!(matches!(reply, Err(TableError::AtomicTooLarge { .. })), "{reply:?}")
            }
            _ => assert!(reply.unwrap().outcomes.iter().all(|row| row.outcome == Outcome::Updated)),
        }
        reads.push(faulty.operations() - before);
    }
    // Each row counts more than once, in its block and in its commit, so the atomic call stops reading early.
    assert!(reads[1] < reads[0] * 3 / 4, "{reads:?}");
    subject.crash().await;
    crate::table::audit::tests::assert_sound(&subject.engine).await;
}

#[tokio::test]
async fn an_atomic_call_that_fits_succeeds_however_many_blocks_it_reads() {
    let subject = with_large_members().await;
    let before = subject.base.view().await.revision();
    // Half of what fits: each changed member is in the batch twice, in its block with 15 others, and in the
    // commit.
    let rows: Vec<MemberRow> = (0..MEMBERS)
        .filter(|n| *n < 800 || n % 16 == 0)
        .map(|n| {
            let mut row = plain_row(n);
            if n < 800 {
                row.patch.tier = Change::Set(Tier::parse("another").unwrap());
            }
            row
        })
        .collect();
    let reply = subject.upsert(&rows, UpsertOptions::default(), WriteMode::Atomic).await;
    let updated = reply.outcomes.iter().filter(|row| row.outcome == Outcome::Updated).count();
    assert_eq!((updated, reply.outcomes.len()), (800, 900));
    assert_eq!(reply.revision, before + 1);
    crate::table::audit::tests::assert_sound(&subject.engine).await;
}

#[test]
fn the_rest_of_a_request_comes_before_the_next_request_of_its_series() {
    const ROWS: u16 = 1_100;
    block_on(async {
        let subject = Subject::new().await;
        let series = Series::default();
        let chunk = |number: u16| {
            let row = move |n: u16| {
                let mut row = plain_row(n);
                row.patch.company = Change::Set(Name::parse(format!("chunk {number}")).unwrap());
                Ok(row)
            };
            // Every second chunk is in reverse order, so it begins with the members at the end of the one
            // before.
            let backwards = !number.is_multiple_of(2);
            let rows = (0..ROWS).map(|n| row(if backwards { ROWS - 1 - n } else { n })).collect();
            let request = UpsertRequest {
                rows,
                options: UpsertOptions::default(),
                mode: WriteMode::Partial,
                claim: None,
                deadline: None,
                origin: Origin::default(),
            };
            subject.base.begin_upsert(request, &series)
        };
        // Send all at once, so all of them wait in the queue.
        let handed_in = futures_util::future::join_all((0..4).map(chunk)).await;
        let mut revision = 0;
        for answer in handed_in {
            let reply = answer.unwrap().answer().await.unwrap();
            assert!(reply.revision > revision, "replies came out of order");
            revision = reply.revision;
        }
        let view = subject.base.view().await;
        let all: Vec<Row> = (0..view.next_row().0).map(Row).collect();
        let members = view.members(&all).await.unwrap();
        assert_eq!(members.len(), usize::from(ROWS));
        for (row, member) in members {
            let company = member.profile.company.as_ref().map(Name::as_str);
            assert_eq!(company, Some("chunk 3"), "row {}", row.0);
        }
    });
}

#[test]
fn a_reply_tells_the_revision_of_every_row_although_its_request_was_cut() {
    const ROWS: u16 = 2_100;
    block_on(async {
        let subject = Subject::new().await;
        let request = UpsertRequest {
            rows: (0..ROWS).map(|n| Ok(plain_row(n))).collect(),
            options: UpsertOptions::default(),
            mode: WriteMode::Partial,
            claim: None,
            deadline: None,
            origin: Origin::default(),
        };
        let reply = subject.base.upsert(request).await.unwrap();
        let ends: Vec<_> = reply.slices.iter().map(|(end, _)| *end).collect();
        assert_eq!(ends, [1_000, 2_000]);
        let view = subject.base.view().await;
        let rows: Vec<Row> = reply.outcomes.iter().map(|outcome| outcome.row.unwrap()).collect();
        let members = view.members(&rows).await.unwrap();
        assert_eq!(members.len(), usize::from(ROWS));
        for (index, (_, member)) in members.iter().enumerate() {
            assert_eq!(reply.revision_of(index), member.revision, "row {index}");
        }
    });
}

/// Rows that each change a member, and then one more for the last of them, which requires the revision
/// `after`.
fn asking(first: u16, changed: u16, tier: &str, after: u64) -> Vec<MemberRow> {
    let row = |n| {
        let mut row = plain_row(n);
        row.patch.tier = Change::Set(Tier::parse(tier.to_owned()).unwrap());
        row
    };
    let last = first + changed - 1;
    let mut asking = row(last);
    asking.patch.company = Change::Set(Name::parse("Asking".to_owned()).unwrap());
    asking.if_revision = Some(after);
    (first..=last).map(row).chain([asking]).collect()
}

/// The outcomes of rows, without the places of members, because validation creates none.
fn became(reply: &UpsertReply) -> Vec<(Outcome, Option<Reason>)> {
    let of = |row: &RowOutcome| (row.outcome, row.error.as_ref().map(|error| error.reason));
    reply.outcomes.iter().map(of).collect()
}

#[tokio::test]
async fn validation_gives_the_outcomes_of_writing_whatever_revisions_rows_require() {
    let mut right = 0;
    for changed in [10, 999, 1_000, 1_001, 2_500] {
        for slices in 1..=4 {
            let subject = Subject::new().await;
            let revision = subject.base.view().await.revision();
            let rows = asking(0, changed, "new", revision + slices);
            let validated = subject.upsert(&rows, UpsertOptions::default(), WriteMode::ValidateOnly).await;
            let written = subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
            assert_eq!(became(&validated), became(&written), "{changed} rows, {slices} slices");
            right += usize::from(became(&written).iter().all(|row| row.1.is_none()));
        }
    }
    assert_eq!(right, 5, "each number of rows needs exactly one number of slices");
}

#[tokio::test]
async fn validation_and_requests_that_are_checked_first_use_the_slices_of_large_members() {
    let subject = with_large_members().await;
    let revision = subject.base.view().await.revision();
    let mut good = Vec::new();
    for slices in 1..=8 {
        let rows = asking(0, 900, "new", revision + slices);
        let validated = subject.upsert(&rows, UpsertOptions::default(), WriteMode::ValidateOnly).await;
        good.extend(became(&validated).iter().all(|row| row.1.is_none()).then_some(slices));
    }
    let &[slices] = good.as_slice() else { panic!("{good:?}") };
    assert!(slices > 1);
    let rows = asking(0, 900, "new", revision + slices);
    let written = subject.upsert(&rows, UpsertOptions::default(), WriteMode::Partial).await;
    assert!(became(&written).iter().all(|row| row.1.is_none()), "{slices} slices");
    let rows = asking(0, 900, "newer", written.revision + slices);
    let written = subject.upsert(&rows, UpsertOptions::default(), WriteMode::Whole).await;
    assert!(became(&written).iter().all(|row| row.1.is_none()), "{:?}", became(&written).last());
}
