//! Checks that lookups and members agree. The buckets of the main level are checked in ranges whose entries
//! fit into memory. For each range all members are read once, and the stored buckets, with the recent level
//! and the overlay on top, are compared while they are read.

mod form;
mod recent_level;

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::ops::Range;
use std::vec::IntoIter;

use crate::engine::Value;
use crate::model::{Fold, Member, Row};
use crate::stored::block::place;
use crate::stored::bucket::{self, Entry};
use crate::stored::key::{self, Level};
use crate::stored::member;
use crate::table::TableError;
use crate::table::audit::findings::Findings;
use crate::table::audit::state::Audit;
use crate::table::audit::state::State;
use crate::table::audit::state::buckets_of;
use crate::table::index::address::address;
use crate::table::index::block;
use crate::table::index::damage::Damage;
use crate::table::index::entries::hashes_of;
use crate::table::index::hash::Hashes;
use crate::table::index::lookup::{LevelOf, LookupKind, PerLookup};
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
        let ranges = PerLookup::from_fn(|kind| part_of(buckets_of(state, Level::Main, kind), part, parts));
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
            let of = LevelOf(Level::Main, kind);
            audit.findings.add(Some(state.number), Damage::EntryCount { of, counter, counted });
        }
        recent_level::check(audit, state, kind).await?;
    }
    form::check_surplus(audit, state).await?;
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
                let bucket = address(hash, buckets_of(state, Level::Main, kind));
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
    let buckets = buckets_of(state, Level::Main, kind);
    let mut newer =
        recent_level::ops(audit, state, kind, |hash| range.contains(&address(hash, buckets))).await?;
    newer.extend(state.overlays.get(kind).iter());
    let newer = newer.into_iter().map(|(hash, op)| (address(hash, buckets), hash, op));
    let mut newer: Vec<(u32, u64, RowOp)> = newer.filter(|(bucket, ..)| range.contains(bucket)).collect();
    // Operations on the same entry keep their order, and the last one counts.
    newer.sort_by_key(|(bucket, hash, (row, _))| (*bucket, *hash, *row));
    let findings = &mut audit.findings;
    let mut comparison = Comparison {
        state,
        kind,
        findings,
        wanted: wanted.into_iter().peekable(),
        newer: newer.into_iter().peekable(),
        counted: 0,
    };
    let mut keys = key::buckets_from(state.number, Level::Main, kind.number(), range.start);
    keys.end = std::ops::Bound::Excluded(key::bucket(state.number, Level::Main, kind.number(), range.end));
    for_each(audit.engine, keys, |key, value| {
        match key::bucket_parts(Level::Main, &key) {
            Some((_, bucket)) => comparison.stored(bucket, &key, &value),
            None => comparison.findings.unknown_key(Some(state.number), &key),
        }
        Ok(())
    })
    .await?;
    comparison.settle_below(None);
    Ok(comparison.counted)
}

/// Reads three ordered streams side by side: required entries, what is newer than the main level, and its
/// stored buckets.
struct Comparison<'a> {
    state: &'a State,
    kind: LookupKind,
    findings: &'a mut Findings,
    wanted: Peekable<IntoIter<Wanted>>,
    newer: Peekable<IntoIter<(u32, u64, RowOp)>>,
    counted: u64,
}

impl Comparison<'_> {
    fn stored(&mut self, bucket: u32, key: &[u8], value: &Value) {
        self.settle_below(Some(bucket));
        match bucket::decode(self.kind.width(), value) {
            Ok(entries) => {
                form::check(
                    self.findings,
                    self.state,
                    LevelOf(Level::Main, self.kind),
                    bucket,
                    value,
                    &entries,
                );
                self.settle(bucket, &entries);
            }
            Err(error) => {
                self.findings.unreadable(self.state.number, key, error);
                self.settle(bucket, &[]);
            }
        }
    }

    /// Compares the buckets before `bucket` that are not stored; all that are left if it is `None`.
    fn settle_below(&mut self, bucket: Option<u32>) {
        loop {
            let wanted = self.wanted.peek().map(|(bucket, ..)| *bucket);
            let changed = self.newer.peek().map(|(bucket, ..)| *bucket);
            let Some(next) = wanted.into_iter().chain(changed).min() else { return };
            if bucket.is_some_and(|bucket| next >= bucket) {
                return;
            }
            self.settle(next, &[]);
        }
    }

    fn settle(&mut self, bucket: u32, stored: &[Entry]) {
        let mut found: BTreeSet<(u64, u64)> = stored.iter().map(|entry| (entry.hash, entry.row)).collect();
        while let Some((_, hash, (row, op))) = self.newer.next_if(|(of, ..)| *of == bucket) {
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
