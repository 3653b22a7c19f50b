//! An index that is built between other requests: nobody sees it before it is complete.

use super::{SentDefinition, enter, store, text, upsert};
use crate::directory::{Error, MemberCount, MemberList, RawPage};
use crate::model::{AttributeValue, Change, MemberRow, RawFilter, Reason, Ref};

/// More than are indexed at once, and more than the lane indexes between two batches.
const MEMBERS: u64 = 20_000;

fn member(place: u64) -> MemberRow {
    let mut row = MemberRow::default();
    row.patch.ref_ = Change::Set(Ref::parse(format!("r{place}")).unwrap());
    let team = AttributeValue::text(format!("team {}", place % 3)).unwrap();
    row.patch.attributes.set("team", team).unwrap();
    row
}

fn schema(indexed: bool) -> [(String, SentDefinition); 1] {
    [("team".to_owned(), SentDefinition { kind: "string".to_owned(), indexed })]
}

#[tokio::test]
async fn filters_read_members_and_counts_are_refused_until_an_index_is_complete() {
    let (table, base) = store().await;
    let open = table.base(base).await.unwrap();
    let directory = enter(table).await;
    directory.set_schema(base, schema(false)).await.unwrap();
    open.upsert(upsert((0..MEMBERS).map(member).collect())).await.unwrap();
    let shown = directory.set_schema(base, schema(true)).await.unwrap();
    assert!(matches!(&shown.indexing[..], [(key, done)] if key == "team" && *done < shown.rows));
    let count = || MemberCount {
        base,
        filters: Vec::new(),
        group_by: Some("attributes.team".to_owned()),
        min_revision: None,
    };
    let refused = directory.count_members(count()).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Refused(refusal) if refusal.reason == Reason::IndexBuilding),
        "{refused:?}"
    );
    let eq = Some(text("team 1"));
    let list = || MemberList {
        base,
        filters: vec![RawFilter {
            key: Some("attributes.team".to_owned()),
            eq: eq.clone(),
            ..RawFilter::default()
        }],
        page: RawPage { limit: Some(10), ..RawPage::default() },
        search: None,
        total: true,
        ends: false,
        min_revision: None,
    };
    let expected: Vec<u64> = (0..10).map(|place| place * 3 + 1).collect();
    let page = directory.list_members(list()).await.unwrap();
    assert_eq!(page.members.iter().map(|(row, _)| row.0).collect::<Vec<_>>(), expected);
    assert_eq!(page.total, None);
    while !directory.get_schema(base).await.unwrap().indexing.is_empty() {
        tokio::task::yield_now().await;
    }
    let counted = directory.count_members(count()).await.unwrap();
    let groups: Vec<u64> = counted.groups.iter().map(|group| group.members).collect();
    assert_eq!((counted.total, groups), (MEMBERS, vec![6_667, 6_667, 6_666]));
    let page = directory.list_members(list()).await.unwrap();
    assert_eq!(page.members.iter().map(|(row, _)| row.0).collect::<Vec<_>>(), expected);
    assert_eq!(page.total, Some(6_667));
}
