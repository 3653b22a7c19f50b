//! Damage to the lookups.

use super::*;

#[tokio::test]
async fn lookups_that_differ_from_the_records_are_found_both_ways() {
    let store = Store::new().await;
    let place = || key::bucket(BASE, Level::Main, 1, 0);
    let sound = bucket::decode(Width::Plain, &store.get(place()).await).unwrap();
    let bits = bucket::bits(&store.get(place()).await).unwrap().unwrap();
    let changed = async |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut entries = sound.clone();
        change(&mut entries);
        store.found_with(place(), Some(bucket::encode(Width::Plain, bits, &entries))).await
    };
    let lookup = LookupKind::Email;
    found!(
        store.found_with(place(), Some(bucket::encode(Width::Plain, bits + 1, &sound))).await,
        Damage::BucketBits { bucket: 0, .. }
    );
    // An entry that no later commit changes.
    let gone = sound.iter().find(|entry| (52..160).contains(&entry.row)).copied().unwrap();
    let found = changed(&|entries| entries.retain(|entry| entry.row != gone.row)).await;
    found!(&found, Damage::LookupMisses { lookup: l, hash, row } if (*l, *hash, *row) == (lookup, gone.hash, gone.row));
    found!(&found, Damage::EntryCount { .. });
    let found =
        changed(&|entries| entries.iter_mut().filter(|e| e.row == gone.row).for_each(|e| e.row = 3)).await;
    found!(&found, Damage::LookupSurplus { row: 3, .. });
    found!(changed(&|entries| entries.reverse()).await, Damage::BucketOrder { bucket: 0, .. });
    let foreign = gone.hash ^ 1;
    found!(changed(&|entries| entries.iter_mut().filter(|e| e.row == gone.row).for_each(|e| e.hash ^= 1)).await, Damage::EntryMisplaced { bucket: 0, hash, .. } if *hash == foreign);
    found!(
        store
            .found_with(
                key::bucket(BASE, Level::Main, 1, 4_000),
                Some(bucket::encode(Width::Plain, bits, &sound))
            )
            .await,
        Damage::BucketSurplus { bucket: 4_000, .. }
    );
    let mut index = store.index().await;
    index.lookups[1].entries += 1;
    found!(
        store.found_with(key::index(BASE), Some(index.encode())).await,
        Damage::EntryCount { of: LevelOf(Level::Main, LookupKind::Email), .. }
    );
    index.watermark = 9;
    found!(
        store.found_with(key::index(BASE), Some(index.encode())).await,
        Damage::Watermark { watermark: 9, last: 6 }
    );
    index.lookups[1].buckets = u32::MAX;
    found!(store.found_with(key::index(BASE), Some(index.encode())).await, Damage::LookupMisses { .. });
}

#[tokio::test]
async fn a_recent_level_that_differs_from_the_records_or_its_state_is_found() {
    let store = Store::new().await;
    let base = store.table.base(BASE).await.unwrap();
    base.checkpoint().await.unwrap();
    // So few members that they go into the recent level.
    store.upsert(BASE, 230..236).await;
    base.checkpoint().await.unwrap();
    assert_sound(&store.engine).await;
    let of = LevelOf(Level::Recent, LookupKind::Email);
    let place = || key::bucket(BASE, Level::Recent, 1, 0);
    let bytes = store.get(place()).await;
    let sound = bucket::decode(Width::Plain, &bytes).unwrap();
    let count = u64::try_from(sound.len()).unwrap();
    assert_eq!((store.index().await.recent[1].changes, store.index().await.recent[1].buckets), (count, 1));
    let newest = sound.iter().filter(|entry| entry.row < 1 << 63).max_by_key(|entry| entry.row).unwrap().row;
    let with = async |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut entries = sound.clone();
        change(&mut entries);
        store.found_with(place(), Some(bucket::encode(Width::Plain, 0, &entries))).await
    };
    let found = with(&|entries| entries.retain(|entry| entry.row != newest)).await;
    found!(&found, Damage::LookupMisses { lookup: LookupKind::Email, row, .. } if *row == newest);
    found!(&found, Damage::EntryCount { of: level, counter, counted } if *level == of && *counter == count && counted + 1 == count);
    let found =
        with(&|entries| entries.iter_mut().filter(|e| e.row == newest).for_each(|e| e.row = 60)).await;
    found!(found, Damage::LookupSurplus { lookup: LookupKind::Email, row: 60, .. });
    found!(with(&|entries| entries.reverse()).await, Damage::BucketOrder { of: level, bucket: 0 } if *level == of);
    // A removal of what the main level has.
    let main = bucket::decode(Width::Plain, &store.get(key::bucket(BASE, Level::Main, 1, 0)).await).unwrap();
    let gone = main.into_iter().find(|entry| (100..150).contains(&entry.row)).unwrap();
    let removing = bucket::Bucket::of(Width::Plain, &sound);
    let removing = removing.noting(&[bucket::Change::remove(gone.hash, gone.row)]).encode(0);
    found!(store.found_with(place(), Some(removing)).await, Damage::LookupMisses { lookup: LookupKind::Email, row, .. } if *row == gone.row);
    let beyond = key::bucket(BASE, Level::Recent, 1, 9);
    found!(store.found_with(beyond, Some(bytes.to_vec())).await, Damage::BucketSurplus { of: level, bucket: 9, buckets: 1 } if *level == of);
    found!(store.found_with(place(), Some(bytes[..9].to_vec())).await, Damage::Unreadable { .. });
    let mut index = store.index().await;
    index.recent[1].changes += 1;
    found!(
        store.found_with(key::index(BASE), Some(index.encode())).await,
        Damage::EntryCount { of: level, .. } if *level == of
    );
}
