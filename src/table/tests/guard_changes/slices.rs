//! What others write between the slices of a request. With 2,500 members 125 changes of each kind are
//! allowed.

use super::*;
use crate::model::schema::{AttributeType, WantedSchema};

const MEMBERS: u16 = 2_500;

fn request(rows: &[MemberRow]) -> UpsertRequest {
    UpsertRequest {
        rows: rows.iter().cloned().map(Ok).collect(),
        options: options(GuardExpectation::default()),
        mode: WriteMode::Partial,
        claim: None,
        deadline: None,
        origin: Origin::default(),
    }
}

/// Applies rows, and those of others after the first slice.
async fn beside(subject: &Subject, rows: &[MemberRow], others: &[MemberRow]) -> UpsertReply {
    let first = subject.base.begin_upsert(request(rows), &Series::default()).await.unwrap();
    let second = subject.base.begin_upsert(request(others), &Series::default()).await.unwrap();
    let (first, second) = tokio::join!(first.answer(), second.answer());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(second.outcomes.iter().all(|row| row.outcome == Outcome::Updated), "{second:?}");
    assert!(first.slices[0].1 < second.revision, "{:?}, {}", first.slices, second.revision);
    first
}

fn others(to: u16) -> Vec<MemberRow> {
    (MEMBERS - to..MEMBERS).map(|n| counted_row(n, GuardKind::Tiers)).collect()
}

#[tokio::test]
async fn a_later_slice_may_change_what_others_have_changed_since_as_far_as_there_is_room() {
    // So many rows could change more tiers than are allowed, so they are counted: they change none.
    let rows: Vec<MemberRow> = (0..MEMBERS).map(first_row).collect();
    for (changed, refused_then) in [(1, 0), (100, 75)] {
        let subject = with_members(MEMBERS, Status::Active).await;
        let reply = beside(&subject, &rows, &others(changed)).await;
        assert_eq!(refused(&reply), refused_then);
        let back = u64::from(changed) - u64::try_from(refused_then).unwrap();
        assert_eq!(subject.counted().await.tiers, u64::from(changed) + back, "there and back");
    }
}

#[tokio::test]
async fn what_was_refused_stays_refused_in_later_slices() {
    let subject = with_members(MEMBERS, Status::Active).await;
    let mut rows: Vec<MemberRow> = (0..MEMBERS).map(first_row).collect();
    (0..200).for_each(|n| rows[usize::from(n)] = counted_row(n, GuardKind::Tiers));
    let reply = beside(&subject, &rows, &others(1)).await;
    assert_eq!((refused(&reply), subject.counted().await.tiers), (201, 1));
}

#[tokio::test]
async fn a_later_slice_of_a_deletion_of_attributes_may_clear_what_others_have_set_since() {
    let subject = with_members(MEMBERS, Status::Active).await;
    let types = [("key_0".to_owned(), AttributeType::Boolean)].into_iter().collect();
    let schema = Some(WantedSchema { types, ..WantedSchema::default() });
    subject.base.change_settings(SettingsRequest { schema, ..SettingsRequest::default() }).await.unwrap();
    let clear = AttributesRequest {
        changes: (0..u64::from(MEMBERS)).map(|row| (Row(row), AttributePatch::clear_all())).collect(),
        clears_in_all: Some(0),
        ..AttributesRequest::default()
    };
    let mut patch = AttributePatch::default();
    patch.set("key_0".to_owned(), AttributeValue::Bool(true)).unwrap();
    let changes = vec![(Row(u64::from(MEMBERS) - 1), patch)];
    let set = AttributesRequest { changes, is_strict: true, ..AttributesRequest::default() };
    let (cleared, set) =
        tokio::join!(subject.base.change_attributes(clear), subject.base.change_attributes(set));
    assert_eq!(set.unwrap().values, 1);
    let cleared = cleared.unwrap();
    assert_eq!((cleared.values, cleared.refused.len()), (1, 0));
}

#[tokio::test]
async fn a_deletion_leaves_no_counted_member_because_others_came_since() {
    let subject = with_members(MEMBERS, Status::Active).await;
    // It counts 100 members, beginning with one that is not there yet.
    let refs: Vec<Ref> = (5_000..7_400).chain(0..100).map(ref_of).collect();
    let delete = subject.base.delete(DeleteRequest { refs, ..DeleteRequest::default() });
    let rows = [first_row(5_000)];
    let create = subject.upsert(&rows, options(GuardExpectation::default()), WriteMode::Partial);
    let (deleted, created) = tokio::join!(delete, create);
    let deleted = deleted.unwrap();
    assert!(created.outcomes[0].outcome == Outcome::Created && created.revision < deleted.revision);
    assert_eq!((deleted.deleted, subject.base.view().await.summary().counts.total()), (101, 2_400));
}
