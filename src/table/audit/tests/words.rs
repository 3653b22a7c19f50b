//! Damage to the search sets.

use super::*;
use crate::stored::search;

#[tokio::test]
async fn search_sets_that_differ_from_the_records_are_found_both_ways() {
    let store = Store::new().await;
    let parts = store.engine.scan(search::all(BASE), Direction::Forward, usize::MAX).await.unwrap();
    let (key, sound) = parts.first().cloned().unwrap();
    let mut sets = Vec::new();
    search::decode(&sound, |place, rows| rows.entries(place, &mut sets)).unwrap();
    let changed = async |change: &dyn Fn(&mut Vec<search::Entry>)| {
        let mut sets = sets.clone();
        change(&mut sets);
        let part = search::encode(&sets).remove(0).1;
        store.found_with(key.clone(), Some(part)).await
    };
    // A row that no later commit changes, in the first set.
    let first = sets[0] >> 16 << 16;
    let row = (52..160).find(|row| sets.contains(&(first | row))).unwrap();
    let found = changed(&|sets| sets.retain(|entry| *entry != first | row)).await;
    found!(found, Damage::Search { row: r, is_surplus: false, .. } if *r == u64::from(row));
    let found = changed(&|sets| {
        sets.push(first | 60_000);
        sets.sort_unstable();
    })
    .await;
    found!(found, Damage::Search { row: 60_000, is_surplus: true, .. });
    let found = store.found_with(key.clone(), None).await;
    found!(found, Damage::Search { is_surplus: false, .. });
    found!(store.found_with(key.clone(), Some(vec![1])).await, Damage::Unreadable { .. });
    let (group, chunk, first) = search::part_of(&key).unwrap();
    let twice = search::part(BASE, group, chunk, first + 1);
    found!(store.found_with(twice, Some(sound.to_vec())).await, Damage::UnknownKey { .. });
    let far = search::part(BASE, group, 9, first);
    found!(store.found_with(far, Some(sound.to_vec())).await, Damage::Search { is_surplus: true, .. });
    let beyond = search::part(BASE, 1 << 12, 0, 0);
    found!(store.found_with(beyond, Some(sound.to_vec())).await, Damage::UnknownKey { .. });
    // Sets of another version are built again when the base opens.
    let mut index = store.index().await;
    index.search = 0;
    let found = store.found_with(key::index(BASE), Some(index.encode())).await;
    assert!(found.is_empty(), "{found:?}");
}
