//! Damage to the lookups.

use super::*;

#[tokio::test]
async fn lookups_that_differ_from_the_records_are_found_both_ways() {
    let store = Store::new().await;
    let place = || key::bucket(BASE, 1, 0);
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
        store.found_with(key::bucket(BASE, 1, 4_000), Some(bucket::encode(Width::Plain, bits, &sound))).await,
        Damage::BucketSurplus { bucket: 4_000, .. }
    );
    let mut index = store.index().await;
    index.lookups[1].entries += 1;
    found!(
        store.found_with(key::index(BASE), Some(index.encode())).await,
        Damage::EntryCount { lookup: LookupKind::Email, .. }
    );
    index.watermark = 9;
    found!(
        store.found_with(key::index(BASE), Some(index.encode())).await,
        Damage::Watermark { watermark: 9, last: 6 }
    );
    index.lookups[1].buckets = u32::MAX;
    found!(store.found_with(key::index(BASE), Some(index.encode())).await, Damage::LookupMisses { .. });
}
