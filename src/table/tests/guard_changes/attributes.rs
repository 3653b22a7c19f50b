//! Attributes that many members lose.

use super::*;
use crate::model::schema::{AttributeType, WantedSchema};

/// A base with so many members, each with one attribute.
async fn with_attributes(members: u16) -> Subject {
    let subject = with_members(members, Status::Active).await;
    let types = [("key_0".to_owned(), AttributeType::Boolean)].into_iter().collect();
    let schema = Some(WantedSchema { types, ..WantedSchema::default() });
    subject.base.change_settings(SettingsRequest { schema, ..SettingsRequest::default() }).await.unwrap();
    let mut patch = AttributePatch::default();
    patch.set("key_0".to_owned(), AttributeValue::Bool(true)).unwrap();
    let changes = (0..u64::from(members)).map(|row| (Row(row), patch.clone())).collect();
    let set = AttributesRequest { changes, is_strict: true, ..AttributesRequest::default() };
    assert_eq!(subject.base.change_attributes(set).await.unwrap().values, u64::from(members));
    assert_eq!(subject.counted().await, GuardCounts::default(), "first values do not count");
    subject
}

async fn change(subject: &Subject, rows: u64, request: AttributesRequest) -> Result<u64, Held> {
    let patch = if request.is_strict {
        let mut patch = AttributePatch::default();
        patch.clear("key_0".to_owned()).unwrap();
        patch
    } else {
        AttributePatch::clear_all()
    };
    let changes = (0..rows).map(|row| (Row(row), patch.clone())).collect();
    match subject.base.change_attributes(AttributesRequest { changes, ..request }).await {
        Ok(reply) => {
            assert!(reply.refused.is_empty(), "{reply:?}");
            Ok(reply.values)
        }
        Err(TableError::Guard(held)) => Err(held),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn attributes_that_many_members_lose_count_as_cleared() {
    block_on(async {
        for is_strict in [true, false] {
            let subject = with_attributes(100).await;
            let request = |clears| AttributesRequest {
                is_strict,
                expected: GuardExpectation { clears, ..GuardExpectation::default() },
                ..AttributesRequest::default()
            };
            let held = change(&subject, 11, request(None)).await.unwrap_err();
            assert_eq!((held.kind(), held.would_change), (Some(GuardKind::Clears), 11));
            assert_eq!(change(&subject, 10, request(None)).await, Ok(10));
            assert_eq!(subject.counted().await.clears, 10);
            assert!(change(&subject, 30, request(Some(19))).await.is_err());
            let expected = if is_strict { 20 } else { 30 };
            assert_eq!(change(&subject, 30, request(Some(expected))).await, Ok(20));
            assert_eq!(subject.counted().await.clears, 30);
        }
    });
}

#[test]
fn a_part_of_a_deletion_of_attributes_is_judged_by_all_of_it() {
    block_on(async {
        let subject = with_attributes(100).await;
        let part = |clears_in_all, clears| AttributesRequest {
            clears_in_all: Some(clears_in_all),
            expected: GuardExpectation { clears, ..GuardExpectation::default() },
            ..AttributesRequest::default()
        };
        assert_eq!(change(&subject, 5, part(100, None)).await.unwrap_err().would_change, 100);
        assert_eq!(change(&subject, 5, part(100, Some(100))).await, Ok(5));
        assert_eq!(change(&subject, 10, part(5, None)).await, Ok(5));
    });
}
