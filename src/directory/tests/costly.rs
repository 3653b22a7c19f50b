//! Lists with filters that take long: other calls are served meanwhile, and pages come back short, with
//! cursors that lead to the end.

use std::collections::BTreeSet;

use super::{Dice, directory_over, text};
use crate::directory::{Key, MemberList, RawPage, Selector};
use crate::model::{AttributeValue, Change, MemberRow, RawFilter, RawRegex, Ref};

/// The filter [`costly`] takes some eight million steps for each of them.
const MEMBERS: u64 = 16;

fn member(place: u64) -> MemberRow {
    let mut dice = Dice(place);
    let text: String = (0..4_000).map(|_| if dice.roll(2) == 0 { 'a' } else { 'b' }).collect();
    let text = if place.is_multiple_of(3) { text + "!" } else { text };
    let mut row = MemberRow::default();
    row.patch.ref_ = Change::Set(Ref::parse(format!("r{place}")).unwrap());
    row.patch.attributes.set("letters", AttributeValue::text(text).unwrap()).unwrap();
    row
}

/// A filter whose automaton makes a new state for every byte.
fn costly() -> RawFilter {
    let regex = RawRegex { pattern: "a[ab]{200}!".to_owned(), case_insensitive: false };
    RawFilter { key: Some("attributes.letters".to_owned()), regex: Some(regex), ..RawFilter::default() }
}

#[tokio::test]
async fn a_list_with_a_costly_filter_comes_in_short_pages_while_others_are_served() {
    let schema =
        [("letters".to_owned(), super::SentDefinition { kind: "string".to_owned(), indexed: false })];
    let (directory, base, members) = directory_over(schema, (0..MEMBERS).map(member).collect()).await;
    let lists = directory.clone();
    // The runtime has one thread, which both makes the list and looks members up.
    let list = tokio::spawn(async move {
        let mut pages = Vec::new();
        let mut page = RawPage::default();
        loop {
            let list = MemberList {
                base,
                filters: vec![costly()],
                page,
                search: None,
                total: false,
                ends: false,
                min_revision: None,
            };
            let read = lists.list_members(list).await.unwrap();
            pages.push(read.members);
            page = RawPage { cursor: read.cursor, ..RawPage::default() };
            if page.cursor.is_none() {
                return pages;
            }
        }
    });
    let mut served = 0;
    while !list.is_finished() {
        directory.get_member(Selector::Within(base, Key::Ref("r0".to_owned())), None).await.unwrap();
        served += 1;
        tokio::task::yield_now().await;
    }
    // At least once for each piece.
    assert!(served > MEMBERS / 2, "{served}");
    let pages = list.await.unwrap();
    assert!(pages.len() > 1, "no page was short");
    let found: Vec<_> = pages.into_iter().flatten().map(|(row, _)| row).collect();
    let ends = |member: &crate::model::Member| match member.attributes.get("letters") {
        Some(AttributeValue::Text(text)) => text.ends_with('!') && text.chars().rev().nth(201) == Some('a'),
        _ => false,
    };
    let expected: Vec<_> = members.iter().filter(|(_, member)| ends(member)).map(|(row, _)| *row).collect();
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
    let mut export = directory.export(base, vec![costly()], None).await.unwrap();
    let mut exported = Vec::new();
    while let Some(part) = export.next().await.unwrap() {
        exported.extend(part.into_iter().map(|(row, _)| row));
    }
    assert_eq!(exported, expected);
    let regex = costly();
    let none = RawFilter { eq: Some(text("none")), key: Some("company".to_owned()), ..RawFilter::default() };
    let filters = vec![RawFilter { or: Some(vec![regex, none]), ..RawFilter::default() }];
    let search = crate::directory::Search { base, filters, skip: 1, take: 100 };
    let searched = directory.search_members(search).await.unwrap();
    assert_eq!(searched.total, expected.len() as u64);
    let rows: Vec<_> = searched.members.into_iter().map(|(row, _)| row).collect();
    assert_eq!(rows, expected[1..]);
}
