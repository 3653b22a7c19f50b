//! Checks that every bucket of a level has the hashes that belong there, in order, and that there are no
//! others.

use crate::engine::KeyRange;
use crate::stored::bucket::{self, Change, Entry};
use crate::stored::key::{self, Level};
use crate::table::TableError;
use crate::table::audit::findings::Findings;
use crate::table::audit::state::{Audit, State, buckets_of};
use crate::table::index::address::{address, bits_of};
use crate::table::index::damage::Damage;
use crate::table::index::lookup::{LevelOf, LookupKind};
use crate::table::index::scan::for_each;

/// Checks the bits of a bucket, if it states any, and the order and the places of its entries.
pub fn check(
    findings: &mut Findings,
    state: &State,
    of: LevelOf,
    bucket: u32,
    value: &[u8],
    entries: &[Entry],
) {
    let LevelOf(level, kind) = of;
    let (base, buckets) = (Some(state.number), buckets_of(state, level, kind));
    let expected = bits_of(bucket, buckets);
    if let Ok(Some(bits)) = bucket::bits(value)
        && bits != expected
    {
        findings.add(base, Damage::BucketBits { of, bucket, bits, expected });
    }
    let places = || entries.iter().map(|entry| Change::of_stored(*entry).place());
    if !places().zip(places().skip(1)).all(|(a, b)| a < b) {
        findings.add(base, Damage::BucketOrder { of, bucket });
    }
    for entry in entries.iter().filter(|entry| address(entry.hash, buckets) != bucket) {
        findings.add(base, Damage::EntryMisplaced { of, bucket, hash: entry.hash });
    }
}

/// Reports buckets beyond the last, and buckets of unknown lookups.
pub async fn check_surplus(audit: &mut Audit<'_>, state: &State) -> Result<(), TableError> {
    let (engine, findings, base) = (audit.engine, &mut audit.findings, state.number);
    for level in [Level::Main, Level::Recent] {
        for lookup in LookupKind::ALL {
            let buckets = buckets_of(state, level, lookup);
            for_each(engine, key::buckets_from(base, level, lookup.number(), buckets), |key, _| {
                match key::bucket_parts(level, &key) {
                    // What an interrupted merge left of a recent level counts as nothing.
                    Some(_) if level == Level::Recent && buckets == 0 => {}
                    Some((_, bucket)) => {
                        let of = LevelOf(level, lookup);
                        findings.add(Some(base), Damage::BucketSurplus { of, bucket, buckets });
                    }
                    None => findings.unknown_key(Some(base), &key),
                }
                Ok(())
            })
            .await?;
        }
        let [.., last] = LookupKind::ALL;
        let unknown: KeyRange = key::lookups_from(base, level, last.number() + 1);
        for_each(engine, unknown, |key, _| {
            findings.unknown_key(Some(base), &key);
            Ok(())
        })
        .await?;
    }
    Ok(())
}
