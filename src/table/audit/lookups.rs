//! Checks that lookups and members agree. The buckets are checked in ranges whose entries fit into memory.
//! For each range all members are read once, and the stored buckets, with the overlay on top, are compared
//! while they are read.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::ops::Range;
use std::vec::IntoIter;

use crate::engine::{KeyRange, Value};
use crate::model::{Fold, Member, Row};
use crate::stored::block::place;
use crate::stored::bucket::{self, Entry};
use crate::stored::{key, member};
use crate::table::TableError;
use crate::table::audit::findings::Findings;
use crate::table::audit::state::Audit;
use crate::table::audit::state::State;
use crate::table::audit::state::buckets_of;
use crate::table::index::block;
use crate::table::index::damage::Damage;
use crate::table::index::entries::hashes_of;
use crate::table::index::hash::Hashes;
use crate::table::index::lookup::{LookupKind, PerLookup, address, bits_of};
use crate::table::index::overlay::{Op, RowOp};
use crate::table::index::scan::for_each;
use crate::table::index::walk::{self, Seen, part_of};

/// The most pairs of members with equal hashes that are compared. Nearly every pair is a finding.
const MAX_PAIRS: usize = 1_000;

/// An entry that a member requires: bucket, hash, row.
type Wanted = (u32, u64, u64);

/// Checks the lookups of a base whose members have `keys` keys in all.
pub async fn check(
    audit: &mut Audit<'_>,
    state: &State,
    hashes: &Hashes,
    keys: u64,
) -> Result<(), TableError> {
    let parts = keys.div_ceil(audit.config.entries_at_once.max(1)).max(1);
    let mut counted: PerLookup<u64> = PerLookup::default();
    let mut pairs = Vec::new();
    for part in 0..parts {
        let ranges = PerLookup::from_fn(|kind| part_of(buckets_of(state, kind), part, parts));
        let mut wanted = wanted_in(audit, state, hashes, &ranges).await?;
        for kind in LookupKind::ALL {
            let wanted = std::mem::take(wanted.get_mut(kind));
            pairs.extend(same_hash(kind, &wanted).take(MAX_PAIRS.saturating_sub(pairs.len())));
            *counted.get_mut(kind) +=
                compare_range(audit, state, kind, ranges.get(kind).clone(), wanted).await?;
        }
    }
    for kind in LookupKind::ALL {
        let (counter, counted) = (*state.entries.get(kind), *counted.get(kind));
        audit.report.entries += counted;
        if counter != counted {
            audit.findings.add(Some(state.number), Damage::EntryCount { lookup: kind, counter, counted });
        }
    }
    check_surplus(audit, state).await?;
    check_pairs(audit, state, hashes, &pairs).await
}

/// The entries that the members require in these ranges, in order.
async fn wanted_in(
    audit: &Audit<'_>,
    state: &State,
    hashes: &Hashes,
    ranges: &PerLookup<Range<u32>>,
) -> Result<PerLookup<Vec<Wanted>>, TableError> {
    let mut wanted: PerLookup<Vec<Wanted>> = PerLookup::default();
    walk::walk(audit.engine, state.number, |seen| {
        let Seen::Member(row, member) = seen else { return };
        for kind in LookupKind::ALL {
            for hash in hashes_of(hashes, kind, &member) {
                let bucket = address(hash, buckets_of(state, kind));
                if ranges.get(kind).contains(&bucket) {
                    wanted.get_mut(kind).push((bucket, hash, row));
                }
            }
        }
    })
    .await?;
    LookupKind::ALL.into_iter().for_each(|kind| wanted.get_mut(kind).sort_unstable());
    Ok(wanted)
}

/// Neighbouring entries with the same hash.
fn same_hash(kind: LookupKind, wanted: &[Wanted]) -> impl Iterator<Item = (LookupKind, u64, u64)> + '_ {
    let neighbours = wanted.iter().zip(wanted.iter().skip(1));
    neighbours.filter(|(a, b)| a.1 == b.1).map(move |(a, b)| (kind, a.2, b.2))
}

/// Compares the buckets of a range, and returns how many entries they have, including the overlay.
async fn compare_range(
    audit: &mut Audit<'_>,
    state: &State,
    kind: LookupKind,
    range: Range<u32>,
    wanted: Vec<Wanted>,
) -> Result<u64, TableError> {
    let buckets = buckets_of(state, kind);
    let mut overlay: Vec<(u32, u64, RowOp)> = state
        .overlays
        .get(kind)
        .iter()
        .map(|(hash, op)| (address(hash, buckets), hash, op))
        .filter(|(bucket, ..)| range.contains(bucket))
        .collect();
    overlay.sort_unstable_by_key(|(bucket, hash, (row, _))| (*bucket, *hash, *row));
    let findings = &mut audit.findings;
    let mut comparison = Comparison {
        state,
        kind,
        findings,
        wanted: wanted.into_iter().peekable(),
        overlay: overlay.into_iter().peekable(),
        counted: 0,
    };
    let mut keys = key::buckets_from(state.number, kind.number(), range.start);
    keys.end = std::ops::Bound::Excluded(key::bucket(state.number, kind.number(), range.end));
    for_each(audit.engine, keys, |key, value| {
        match key::bucket_parts(&key) {
            Some((_, bucket)) => comparison.stored(bucket, &key, &value),
            None => comparison.findings.unknown_key(Some(state.number), &key),
        }
        Ok(())
    })
    .await?;
    comparison.settle_below(None);
    Ok(comparison.counted)
}

/// Reads three ordered streams side by side: required entries, overlay, stored buckets.
struct Comparison<'a> {
    state: &'a State,
    kind: LookupKind,
    findings: &'a mut Findings,
    wanted: Peekable<IntoIter<Wanted>>,
    overlay: Peekable<IntoIter<(u32, u64, RowOp)>>,
    counted: u64,
}

impl Comparison<'_> {
    fn stored(&mut self, bucket: u32, key: &[u8], value: &Value) {
        self.settle_below(Some(bucket));
        match bucket::decode(self.kind.width(), value) {
            Ok(entries) => {
                self.check_bits(bucket, value);
                self.check_entries(bucket, &entries);
                self.settle(bucket, &entries);
            }
            Err(error) => {
                self.findings.unreadable(self.state.number, key, error);
                self.settle(bucket, &[]);
            }
        }
    }

    /// Checks that the bits in the bucket, if it has any, are those that follow from the stored number of
    /// buckets.
    fn check_bits(&mut self, bucket: u32, value: &[u8]) {
        let expected = bits_of(bucket, buckets_of(self.state, self.kind));
        if let Ok(Some(bits)) = bucket::bits(value)
            && bits != expected
        {
            let damage = Damage::BucketBits { lookup: self.kind, bucket, bits, expected };
            self.findings.add(Some(self.state.number), damage);
        }
    }

    fn check_entries(&mut self, bucket: u32, entries: &[Entry]) {
        let (base, lookup) = (Some(self.state.number), self.kind);
        let places = || entries.iter().map(|entry| (entry.hash, entry.row));
        if !places().zip(places().skip(1)).all(|(a, b)| a < b) {
            self.findings.add(base, Damage::BucketOrder { lookup, bucket });
        }
        let buckets = buckets_of(self.state, lookup);
        for entry in entries.iter().filter(|entry| address(entry.hash, buckets) != bucket) {
            self.findings.add(base, Damage::EntryMisplaced { lookup, bucket, hash: entry.hash });
        }
    }

    /// Compares the buckets before `bucket` that are not stored; all that are left if it is `None`.
    fn settle_below(&mut self, bucket: Option<u32>) {
        loop {
            let wanted = self.wanted.peek().map(|(bucket, ..)| *bucket);
            let changed = self.overlay.peek().map(|(bucket, ..)| *bucket);
            let Some(next) = wanted.into_iter().chain(changed).min() else { return };
            if bucket.is_some_and(|bucket| next >= bucket) {
                return;
            }
            self.settle(next, &[]);
        }
    }

    fn settle(&mut self, bucket: u32, stored: &[Entry]) {
        let mut found: BTreeSet<(u64, u64)> = stored.iter().map(|entry| (entry.hash, entry.row)).collect();
        while let Some((_, hash, (row, op))) = self.overlay.next_if(|(of, ..)| *of == bucket) {
            match op {
                Op::Put(_) => found.insert((hash, row)),
                Op::Remove => found.remove(&(hash, row)),
            };
        }
        self.counted += u64::try_from(found.len()).unwrap_or(u64::MAX);
        let (base, lookup) = (Some(self.state.number), self.kind);
        while let Some((_, hash, row)) = self.wanted.next_if(|(of, ..)| *of == bucket) {
            if !found.remove(&(hash, row)) {
                self.findings.add(base, Damage::LookupMisses { lookup, hash, row });
            }
        }
        for (hash, row) in found {
            self.findings.add(base, Damage::LookupSurplus { lookup, hash, row });
        }
    }
}

/// Reports buckets beyond the last, and buckets of unknown lookups.
async fn check_surplus(audit: &mut Audit<'_>, state: &State) -> Result<(), TableError> {
    let (engine, findings, base) = (audit.engine, &mut audit.findings, state.number);
    for lookup in LookupKind::ALL {
        let buckets = buckets_of(state, lookup);
        for_each(engine, key::buckets_from(base, lookup.number(), buckets), |key, _| {
            match key::bucket_parts(&key) {
                Some((_, bucket)) => {
                    findings.add(Some(base), Damage::BucketSurplus { lookup, bucket, buckets });
                }
                None => findings.unknown_key(Some(base), &key),
            }
            Ok(())
        })
        .await?;
    }
    let [.., last] = LookupKind::ALL;
    let unknown: KeyRange = key::lookups_from(base, last.number() + 1);
    for_each(engine, unknown, |key, _| {
        findings.unknown_key(Some(base), &key);
        Ok(())
    })
    .await
}

/// Reports pairs of members with the same key. Equal hashes alone are not damage: a former ref may be equal
/// to another member's ref, and rarely two keys have the same hash.
async fn check_pairs(
    audit: &mut Audit<'_>,
    state: &State,
    hashes: &Hashes,
    pairs: &[(LookupKind, u64, u64)],
) -> Result<(), TableError> {
    for &(lookup, row, other) in pairs {
        let (a, b) = (read(audit, state, row).await, read(audit, state, other).await);
        let (Some(a), Some(b)) = (a, b) else { continue };
        let key = key_of(lookup, &a, hashes.fold());
        if key.is_some() && key == key_of(lookup, &b, hashes.fold()) {
            audit.findings.add(Some(state.number), Damage::SharedKey { lookup, row, other });
        }
    }
    Ok(())
}

/// The member at a row, which was readable when the members were read before.
async fn read(audit: &Audit<'_>, state: &State, row: u64) -> Option<Member> {
    let (number, slot) = place(Row(row));
    let blocks = block::read(audit.engine, state.number, &[number]).await.ok()?;
    member::decode(blocks.get(&number)?.get(slot)?).ok()
}

fn key_of(kind: LookupKind, member: &Member, fold: Fold) -> Option<String> {
    let profile = &member.profile;
    match kind {
        LookupKind::Ref => profile.ref_.as_ref().map(|value| value.as_str().to_owned()),
        LookupKind::Email => profile.email.as_ref().map(|value| value.folded(fold).into_owned()),
        LookupKind::WorkerId => profile.worker_id.as_ref().map(|value| value.as_str().to_owned()),
    }
}
