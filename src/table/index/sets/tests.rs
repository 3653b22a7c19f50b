use std::sync::Arc;

use super::*;
use crate::model::Row;

fn change(field: SetField, value: &str, row: u64, enters: bool) -> SetChange {
    SetChange { field, value: Arc::from(value), row: Row(row), enters }
}

#[test]
fn counts_and_rows_follow_the_moves_and_repeats_change_nothing() {
    let mut sets = Sets::default();
    for _ in 0..2 {
        sets.apply(&change(SetField::Status, "active", 70_000, true));
        sets.apply(&change(SetField::Status, "invited", 70_001, true));
        sets.apply(&change(SetField::Status, "invited", 70_001, false));
    }
    assert_eq!(sets.count(SetField::Status, "active"), Some(1));
    assert_eq!(sets.count(SetField::Status, "invited"), Some(0));
    assert_eq!(sets.living().chunks(), [1]);
    assert_eq!(sets.living().chunk(1).iter().collect::<Vec<_>>(), vec![70_000 - 65_536]);
    assert_eq!(sets.values(SetField::Status).unwrap().collect::<Vec<_>>(), vec!["active"]);
}

#[test]
fn the_sets_of_a_field_with_too_many_values_are_dropped_and_reported_once() {
    let mut sets = Sets::default();
    for row in 0..4096 {
        sets.apply(&change(SetField::Tier, &format!("tier {row}"), row, true));
    }
    assert_eq!(sets.unindexed().count(), 0);
    sets.apply(&change(SetField::Tier, "one more", 5, true));
    assert_eq!(sets.unindexed().collect::<Vec<_>>(), vec![SetField::Tier]);
    assert!(sets.of_value(SetField::Tier, "tier 1").is_none());
    assert_eq!(sets.take_dirty().1, vec![SetField::Tier]);
    assert!(sets.take_dirty().1.is_empty());
}

#[test]
fn values_that_no_member_has_any_more_do_not_count() {
    let mut sets = Sets::default();
    for n in 0..10_000 {
        sets.apply(&change(SetField::Tier, &format!("tier {n}"), n % 7, true));
        sets.apply(&change(SetField::Tier, &format!("tier {n}"), n % 7, false));
    }
    assert_eq!(sets.unindexed().count(), 0);
    // While a base opens, only the counts at the end matter.
    for n in 0..10_000 {
        sets.shift(&change(SetField::Tier, &format!("tier {n}"), n, true));
    }
    for n in 0..6_000 {
        sets.shift(&change(SetField::Tier, &format!("tier {n}"), n, false));
    }
    sets.settle();
    assert_eq!(sets.values(SetField::Tier).map(Iterator::count), Some(4_000));
    for n in 0..97 {
        sets.shift(&change(SetField::Tier, &format!("tier {n}"), n, true));
    }
    sets.settle();
    assert_eq!(sets.unindexed().collect::<Vec<_>>(), vec![SetField::Tier]);
}

#[test]
fn a_checkpoint_takes_each_changed_chunk_once_and_empty_ones_to_delete_them() {
    let mut sets = Sets::default();
    sets.load(SetField::Tier, "Gold", 0, [5].into_iter().collect(), false);
    assert!(sets.take_dirty().0.is_empty());
    sets.apply(&change(SetField::Tier, "Gold", 5, false));
    let (dirty, _) = sets.take_dirty();
    assert_eq!(dirty.len(), 1);
    assert!(dirty[0].3.is_empty());
    assert!(sets.take_dirty().0.is_empty());
}

#[test]
fn sets_that_were_taken_do_not_change() {
    let mut sets = Sets::default();
    for row in [5, 70_000] {
        sets.apply(&change(SetField::Status, "active", row, true));
    }
    let (before, living) = (sets.of_value(SetField::Status, "active").unwrap(), sets.living());
    sets.take_dirty();
    sets.apply(&change(SetField::Status, "active", 5, false));
    sets.apply(&change(SetField::Status, "active", 6, true));
    sets.apply(&change(SetField::Status, "invited", 7, true));
    let places = |rows: Option<&Chunk>| rows.map(|rows| rows.iter().collect::<Vec<_>>());
    assert_eq!((before.len(), places(before.chunk(0))), (2, Some(vec![5])));
    assert_eq!(places(Some(&living.chunk(0))), Some(vec![5]));
    let after = sets.of_value(SetField::Status, "active").unwrap();
    let chunks = [after.chunk(0), after.chunk(1)].map(places);
    assert_eq!((after.len(), chunks), (2, [Some(vec![6]), Some(vec![4_464])]));
    assert_eq!(sets.take_dirty().0.len(), 2);
}

#[test]
fn moves_of_many_rows_do_what_each_of_them_does() {
    let moves = [
        (5, true),
        (70_000, true),
        (5, false),
        (6, true),
        (6, true),
        (70_000, false),
        (9, false),
        (200_000, true),
        (7, true),
    ]
    .map(|(row, enters)| (Row(row), enters));
    let (mut together, mut each) = (RowSet::default(), RowSet::default());
    together.shift_all(moves.into_iter());
    for (row, enters) in moves {
        each.shift(row, enters);
    }
    let rows = |set: &RowSet| set.chunks().map(|(chunk, rows)| (chunk, rows.clone())).collect::<Vec<_>>();
    assert_eq!(rows(&together), rows(&each));
    assert_eq!((together.len(), each.len()), (3, 3));
    assert_eq!(together.take_dirty(), each.take_dirty());
    together.shift_all(std::iter::empty());
    together.shift_all([(Row(6), true), (Row(9), false)].into_iter());
    assert!(together.take_dirty().is_empty());
}

#[test]
fn a_chunk_that_a_checkpoint_has_taken_does_not_change() {
    let mut set = RowSet::default();
    set.shift_all([(Row(1), true), (Row(2), true)].into_iter());
    let taken = set.take_dirty();
    set.shift(Row(1), false);
    assert_eq!(taken.first().map(|(_, rows)| rows.len()), Some(2));
    assert_eq!((set.len(), set.take_dirty().len()), (1, 1));
}
