//! Checks members' records: each has its names, and its member or a mark for the purge; and the counts are
//! right.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::engine::{Direction, Key, KeyRange, Value};
use crate::model::{MemberRecord, RecordCounts, RecordKind, Row};
use crate::stored::member_record::Purge;
use crate::stored::record_key::{self, RecordPlace};
use crate::stored::{DecodeError, member_record};
use crate::table::TableError;
use crate::table::audit::state::Audit;
use crate::table::audit::state::State;
use crate::table::index::block::Stored;
use crate::table::index::damage::Damage;
use crate::table::index::damage::hex;
use crate::table::index::entries::record_names;

/// Keys read at once.
const KEYS_AT_ONCE: usize = 1_000;

/// Members that have or had records.
#[derive(Default)]
struct Rows {
    /// The records found of each member.
    counted: BTreeMap<u64, RecordCounts>,
    /// Deleted members whose records are to be purged.
    doomed: BTreeSet<u64>,
}

/// Checks the records of a base.
pub async fn check(audit: &mut Audit<'_>, state: &State) -> Result<(), TableError> {
    let mut rows = Rows::default();
    let mut purges = Pages::new(record_key::record_purges(state.number));
    while let Some(page) = purges.next(audit).await? {
        let read = read_marks(audit, state, page, |mark| Purge::decode(mark).map(|purge| purge.counts));
        rows.doomed.extend(read.iter().map(|(row, _)| row.0));
        let living = living(audit, state, read.iter().map(|(row, _)| *row)).await?;
        living.into_iter().for_each(|row| audit.damage(state, Damage::PurgeOfMember { row }));
    }
    check_records(audit, state, &mut rows).await?;
    check_counts(audit, state, rows.counted, &rows.doomed).await?;
    check_names(audit, state, &rows.doomed).await
}

async fn check_records(audit: &mut Audit<'_>, state: &State, rows: &mut Rows) -> Result<(), TableError> {
    let mut records = Pages::new(record_key::records(state.number, None));
    while let Some(page) = records.next(audit).await? {
        let mut read = Vec::new();
        for (key, value) in page {
            let Some(place) = record_key::record_place(&key) else {
                audit.findings.unknown_key(Some(state.number), &key);
                continue;
            };
            *rows.counted.entry(place.row.0).or_default().get_mut(place.kind) += 1;
            match member_record::decode(place.kind, &value) {
                Ok(record) => read.push((place, record)),
                Err(error) => audit.findings.unreadable(state.number, &key, error),
            }
        }
        let met = read.iter().map(|(place, _)| place.row).filter(|row| !rows.doomed.contains(&row.0));
        let met: BTreeSet<Row> = met.collect();
        let living = living(audit, state, met.iter().copied()).await?;
        for Row(row) in met {
            if !living.contains(&row) {
                audit.damage(state, Damage::RecordsWithoutMember { row });
            }
        }
        read.retain(|(place, _)| living.contains(&place.row.0));
        check_names_of(audit, state, &read).await?;
    }
    Ok(())
}

/// Checks that the names of these records have their places.
async fn check_names_of(
    audit: &mut Audit<'_>,
    state: &State,
    records: &[(RecordPlace, MemberRecord)],
) -> Result<(), TableError> {
    let names = |(place, record): &(RecordPlace, MemberRecord)| {
        let place = *place;
        record_names(state.number, place.row, record).into_iter().map(move |name| (name, place))
    };
    let (names, places): (Vec<Key>, Vec<RecordPlace>) = records.iter().flat_map(names).unzip();
    let found = audit.engine.get_many(&names).await?;
    for (place, value) in places.into_iter().zip(found) {
        let leads_here = value.is_some_and(|bytes| {
            // An unreadable name is reported by `check_names`.
            member_record::decode_place(&bytes).is_ok_and(|at| at == (place.row, place.sequence))
        });
        if !leads_here {
            audit.damage(state, Damage::RecordName { row: place.row.0, sequence: place.sequence });
        }
    }
    Ok(())
}

async fn check_counts(
    audit: &mut Audit<'_>,
    state: &State,
    mut counted: BTreeMap<u64, RecordCounts>,
    doomed: &BTreeSet<u64>,
) -> Result<(), TableError> {
    let mut counts = Pages::new(record_key::all_record_counts(state.number));
    while let Some(page) = counts.next(audit).await? {
        for (Row(row), stored) in read_marks(audit, state, page, member_record::decode_counts) {
            if counted.remove(&row).unwrap_or_default() != stored {
                audit.damage(state, Damage::RecordCount { row });
            }
        }
    }
    // Deleted members have no counts, and their records may be half purged.
    for row in counted.into_keys().filter(|row| !doomed.contains(row)) {
        audit.damage(state, Damage::RecordCount { row });
    }
    Ok(())
}

/// Checks that each name belongs to a record.
async fn check_names(audit: &mut Audit<'_>, state: &State, doomed: &BTreeSet<u64>) -> Result<(), TableError> {
    for range in [record_key::record_names(state.number), record_key::transactions(state.number)] {
        let mut names = Pages::new(range);
        while let Some(page) = names.next(audit).await? {
            let mut led = Vec::new();
            for (key, value) in page {
                match lead(&key, &value) {
                    Some(Ok(place)) if doomed.contains(&place.row.0) => {}
                    Some(Ok(place)) => led.push((key, record_key::record(state.number, place))),
                    Some(Err(error)) => audit.findings.unreadable(state.number, &key, error),
                    None => audit.findings.unknown_key(Some(state.number), &key),
                }
            }
            let records: Vec<Key> = led.iter().map(|(_, record)| record.clone()).collect();
            let found = audit.engine.get_many(&records).await?;
            for ((key, _), _) in led.into_iter().zip(found).filter(|(_, found)| found.is_none()) {
                audit.damage(state, Damage::RecordNameSurplus { key: hex(&key) });
            }
        }
    }
    Ok(())
}

/// The place of the record that a name belongs to; `None` if the key is not that of a name.
fn lead(key: &[u8], value: &[u8]) -> Option<Result<RecordPlace, DecodeError>> {
    let kind = match record_key::record_name_parts(key) {
        Some((_, kind)) => kind,
        None => record_key::transaction_name(key).map(|_| RecordKind::Transaction)?,
    };
    let place = member_record::decode_place(value);
    Some(place.map(|(row, sequence)| RecordPlace { row, kind, sequence }))
}

/// The rows in keys of counts or of marks, with the counts in their values.
fn read_marks(
    audit: &mut Audit<'_>,
    state: &State,
    page: Vec<(Key, Value)>,
    decode: impl Fn(&[u8]) -> Result<RecordCounts, DecodeError>,
) -> Vec<(Row, RecordCounts)> {
    let mut read = Vec::with_capacity(page.len());
    for (key, value) in page {
        match (record_key::counted_row(&key), decode(&value)) {
            (Some(row), Ok(counts)) => read.push((row, counts)),
            (Some(_), Err(error)) => audit.findings.unreadable(state.number, &key, error),
            (None, _) => audit.findings.unknown_key(Some(state.number), &key),
        }
    }
    read
}

/// Those of the rows at which there is a member.
async fn living(
    audit: &mut Audit<'_>,
    state: &State,
    rows: impl Iterator<Item = Row>,
) -> Result<BTreeSet<u64>, TableError> {
    let rows: Vec<Row> = rows.collect();
    let stored = Stored::read(audit.engine, state.number, rows.iter().copied()).await;
    // An unreadable block is reported with the members.
    let Ok(stored) = stored else { return Ok(rows.into_iter().map(|row| row.0).collect()) };
    Ok(rows.into_iter().filter(|row| !matches!(stored.record(*row), Ok(None))).map(|row| row.0).collect())
}

/// Reads a range page by page.
struct Pages(Option<KeyRange>);

impl Pages {
    fn new(range: KeyRange) -> Self {
        Self(Some(range))
    }

    async fn next(&mut self, audit: &Audit<'_>) -> Result<Option<Vec<(Key, Value)>>, TableError> {
        let Some(range) = self.0.as_mut() else { return Ok(None) };
        let page = audit.engine.scan(range.clone(), Direction::Forward, KEYS_AT_ONCE).await?;
        match page.last() {
            Some((last, _)) => range.start = Bound::Excluded(last.clone()),
            None => self.0 = None,
        }
        Ok((!page.is_empty()).then_some(page))
    }
}

impl Audit<'_> {
    fn damage(&mut self, state: &State, damage: Damage) {
        self.findings.add(Some(state.number), damage);
    }
}
