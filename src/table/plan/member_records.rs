//! Changes of members' records, and the records of members that are deleted.
//!
//! A change of a record is planned like one of a member: against what this batch did so far, what batches in
//! flight will have done, and what is published. The plan checks in the same state that the member exists, so
//! a record is never attached to a member that another request deletes: of two such requests, the second one
//! in the lane sees what the first one did.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::engine::{Direction, Key, Value};
use crate::model::{BaseNumber, MemberRecord, RecordCounts, RecordFault, RecordKind, Row, Timestamp};
use crate::stored::block::place;
use crate::stored::commit::Change;
use crate::stored::member_record::{
    Kept, Purge, decode, decode_counts, decode_place, encode, encode_counts, encode_place,
};
use crate::stored::record_key::{self, RecordName, RecordPlace};
use crate::table::TableError;
use crate::table::index::entries::record_names;
use crate::table::plan::batch::{Moves, Plan};
use crate::table::plan::request::{RecordChange, RecordOutcome, Which};

/// The result of the changes of a request: one outcome for each, or all faults with the places of their
/// changes.
pub type Outcomes = Result<Vec<RecordOutcome>, Vec<(usize, RecordFault)>>;

impl Plan<'_> {
    /// Makes all changes of records, or none if one of them has a fault.
    pub async fn change_records(&mut self, changes: &[RecordChange]) -> Result<Outcomes, TableError> {
        self.prefetch_records(changes).await?;
        let mut draft = Draft {
            base: self.open.number,
            now: self.now,
            revision: self.layer.header.revision + 1,
            made: 0,
            changed: BTreeMap::new(),
            rows: BTreeSet::new(),
        };
        let (mut outcomes, mut faults) = (Vec::with_capacity(changes.len()), Vec::new());
        for (index, change) in changes.iter().enumerate() {
            match draft.change(self, change)? {
                Ok(outcome) => outcomes.push(outcome),
                Err(fault) => faults.push((index, fault)),
            }
        }
        if !faults.is_empty() {
            return Ok(Err(faults));
        }
        for row in std::mem::take(&mut draft.rows) {
            self.note(row, Change::Records, None, &[], Moves::default());
        }
        for (key, value) in draft.changed {
            self.weight.add(key.len() + value.as_ref().map_or(0, Bytes::len));
            self.layer.records.insert(key, value);
        }
        Ok(Ok(outcomes))
    }

    /// Marks the records of a deleted member for the purge, and returns how many there are.
    pub async fn doom_records(&mut self, row: Row) -> Result<RecordCounts, TableError> {
        if !self.may_have_records().await? {
            return Ok(RecordCounts::default());
        }
        let key = record_key::record_counts(self.open.number, row);
        self.fetch_records([key.clone()]).await?;
        let Some(counts) = self.record_value(&key) else { return Ok(RecordCounts::default()) };
        let counts = decode_counts(&counts)?;
        let mark = Purge { counts, deleted: Some((self.now, self.revision() + 1)), kept: Kept::Whole };
        let purge = record_key::record_purge(self.open.number, row);
        let mark = mark.encode();
        self.weight.add(purge.len() + mark.len() + key.len());
        self.layer.records.insert(purge, Some(mark.into()));
        self.layer.records.insert(key, None);
        Ok(counts)
    }

    /// Fetches, in one read, what [`Plan::doom_records`] needs.
    pub async fn prefetch_counts(&mut self, rows: impl Iterator<Item = Row>) -> Result<(), TableError> {
        if !self.may_have_records().await? {
            return Ok(());
        }
        let base = self.open.number;
        self.fetch_records(rows.map(|row| record_key::record_counts(base, row))).await
    }

    /// Whether the base has any records. Most bases have none, and then a delete need not read their counts.
    async fn may_have_records(&mut self) -> Result<bool, TableError> {
        if !self.layer.records.is_empty() || self.in_flight.iter().any(|layer| !layer.records.is_empty()) {
            return Ok(true);
        }
        if self.has_records.is_none() {
            let range = record_key::all_record_counts(self.open.number);
            let first = self.open.parts.engine.scan(range, Direction::Forward, 1).await?;
            self.has_records = Some(!first.is_empty());
        }
        Ok(self.has_records == Some(true))
    }

    /// Fetches what the changes need: members, names, the records that these names belong to, and counts.
    async fn prefetch_records(&mut self, changes: &[RecordChange]) -> Result<(), TableError> {
        let base = self.open.number;
        self.fetch_members(changes.iter().map(RecordChange::row)).await?;
        let names = changes.iter().map(|change| change.name_key(base));
        let names: Vec<Key> = names.collect();
        let counts = changes.iter().map(|change| record_key::record_counts(base, change.row()));
        self.fetch_records(names.iter().cloned().chain(counts)).await?;
        let mut places = Vec::new();
        for (change, name) in changes.iter().zip(&names) {
            if let Some(bytes) = self.record_value(name) {
                let (row, sequence) = decode_place(&bytes)?;
                places.push(RecordPlace { row, kind: change.kind(), sequence });
            }
        }
        // An external id may belong to another member, so check whether that member still exists.
        self.fetch_members(places.iter().map(|place| place.row)).await?;
        let marks = places.iter().map(|place| record_key::record_purge(base, place.row));
        let marks: Vec<Key> = marks.collect();
        let records = places.into_iter().map(|place| record_key::record(base, place));
        self.fetch_records(records.chain(marks)).await
    }

    async fn fetch_members(&mut self, rows: impl Iterator<Item = Row>) -> Result<(), TableError> {
        let numbers: BTreeSet<u64> = rows.map(|row| place(row).0).collect();
        let known =
            |number: &u64| self.layer.blocks.contains_key(number) || self.fetched.contains_key(number);
        let missing: Vec<u64> = numbers.into_iter().filter(|number| !known(number)).collect();
        if missing.is_empty() { Ok(()) } else { self.fetch_blocks(&missing).await }
    }

    /// Whether there is a member at a row in the current state. Its block must have been fetched.
    fn is_member(&self, row: Row) -> bool {
        let (number, slot) = place(row);
        let block = self.layer.blocks.get(&number).or_else(|| self.fetched.get(&number));
        block.is_some_and(|block| block.get(slot).is_some())
    }

    pub(super) async fn fetch_records(
        &mut self,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<(), TableError> {
        let mut missing = Vec::new();
        for key in keys {
            if self.layer.records.contains_key(&key) || self.fetched_records.contains_key(&key) {
                continue;
            }
            // In flight before published: a batch that is published during these reads is found in one of
            // them.
            match self.in_flight.iter().rev().find_map(|layer| layer.records.get(&key)) {
                Some(value) => drop(self.fetched_records.insert(key, value.clone())),
                None => missing.push(key),
            }
        }
        let values = self.open.parts.engine.get_many(&missing).await?;
        self.fetched_records.extend(missing.into_iter().zip(values));
        Ok(())
    }

    /// The value of a fetched key of records, in the current state.
    pub(super) fn record_value(&self, key: &Key) -> Option<Value> {
        self.layer.records.get(key).or_else(|| self.fetched_records.get(key)).cloned().flatten()
    }
}

/// The changes of one request, held back until all are known to have no fault.
struct Draft {
    base: BaseNumber,
    now: Timestamp,
    /// The revision that the request will get.
    revision: u64,
    /// How many records were created so far.
    made: u64,
    changed: BTreeMap<Key, Option<Value>>,
    /// Members whose records changed.
    rows: BTreeSet<Row>,
}

type Judged<T> = Result<Result<T, RecordFault>, TableError>;

impl Draft {
    fn change(&mut self, plan: &Plan<'_>, change: &RecordChange) -> Judged<RecordOutcome> {
        if !plan.is_member(change.row()) {
            return Ok(Err(RecordFault::MemberNotFound));
        }
        let found = match self.find(plan, change)? {
            Ok(found) => found,
            Err(fault) => return Ok(Err(fault)),
        };
        match (change, found) {
            (RecordChange::Save { row, record }, None) => self.make(plan, *row, record).map(Ok),
            (RecordChange::Save { record, .. }, Some((place, old))) => Ok(match old.merge(record) {
                Ok(None) => Ok(RecordOutcome::Unchanged(old)),
                Ok(Some(merged)) => Ok(self.replace(place, merged)),
                Err(fault) => Err(fault),
            }),
            (
                RecordChange::AddStamps { stamps, .. },
                Some((place, MemberRecord::StampCollection(mut old))),
            ) => {
                old.stamps = old.stamps.saturating_add(*stamps);
                Ok(Ok(self.replace(place, MemberRecord::StampCollection(old))))
            }
            (RecordChange::Delete { .. }, Some((place, old))) => self.delete(plan, place, &old).map(Ok),
            (RecordChange::AddStamps { .. } | RecordChange::Delete { .. }, _) => {
                Ok(Err(RecordFault::RecordNotFound))
            }
        }
    }

    /// The record that a change is about, if it exists.
    fn find(
        &mut self,
        plan: &Plan<'_>,
        change: &RecordChange,
    ) -> Judged<Option<(RecordPlace, MemberRecord)>> {
        let Some(bytes) = self.value(plan, &change.name_key(self.base)) else { return Ok(Ok(None)) };
        let (row, sequence) = decode_place(&bytes)?;
        if row != change.row() {
            if plan.is_member(row) {
                return Ok(Err(RecordFault::OfAnotherMember));
            }
            // The name of a deleted member's record is free.
            if matches!(change, RecordChange::Save { .. }) {
                self.note_taken(plan, row, change.row())?;
            }
            return Ok(Ok(None));
        }
        let place = RecordPlace { row, kind: change.kind(), sequence };
        let bytes = self.value(plan, &record_key::record(self.base, place));
        let missing = || TableError::Damaged("a record is missing, although its name is stored".to_owned());
        let bytes = bytes.ok_or_else(missing)?;
        Ok(Ok(Some((place, decode(place.kind, &bytes)?))))
    }

    /// Notes in the mark of a deleted member that one of its external ids now belongs to the member at
    /// `taker`, so that it cannot come back.
    fn note_taken(&mut self, plan: &Plan<'_>, deleted: Row, taker: Row) -> Result<(), TableError> {
        let key = record_key::record_purge(self.base, deleted);
        let Some(bytes) = self.value(plan, &key) else { return Ok(()) };
        let mark = Purge::decode(&bytes)?;
        if mark.kept == Kept::Whole {
            self.put(key, Some(Purge { kept: Kept::NameTaken(taker), ..mark }.encode()));
        }
        Ok(())
    }

    fn make(
        &mut self,
        plan: &Plan<'_>,
        row: Row,
        record: &MemberRecord,
    ) -> Result<RecordOutcome, TableError> {
        let sequence = record_key::sequence(self.revision, self.made);
        self.made += 1;
        let place = RecordPlace { row, kind: record.kind(), sequence };
        let record = record.clone().created_at(self.now);
        for name in record_names(self.base, row, &record) {
            self.put(name, Some(encode_place(row, sequence)));
        }
        self.put(record_key::record(self.base, place), Some(encode(&record)));
        self.count(plan, place, |count| count.saturating_add(1))?;
        Ok(RecordOutcome::Created(record))
    }

    fn replace(&mut self, place: RecordPlace, record: MemberRecord) -> RecordOutcome {
        let record = record.updated_at(self.now);
        self.put(record_key::record(self.base, place), Some(encode(&record)));
        self.rows.insert(place.row);
        RecordOutcome::Updated(record)
    }

    fn delete(
        &mut self,
        plan: &Plan<'_>,
        place: RecordPlace,
        record: &MemberRecord,
    ) -> Result<RecordOutcome, TableError> {
        for name in record_names(self.base, place.row, record) {
            self.put(name, None);
        }
        self.put(record_key::record(self.base, place), None);
        self.count(plan, place, |count| count.saturating_sub(1))?;
        Ok(RecordOutcome::Deleted)
    }

    fn count(
        &mut self,
        plan: &Plan<'_>,
        place: RecordPlace,
        change: impl Fn(u64) -> u64,
    ) -> Result<(), TableError> {
        let key = record_key::record_counts(self.base, place.row);
        let counts = self.value(plan, &key).map(|bytes| decode_counts(&bytes)).transpose()?;
        let mut counts = counts.unwrap_or_default();
        let count = counts.get_mut(place.kind);
        *count = change(*count);
        self.put(key, (!counts.is_empty()).then(|| encode_counts(&counts)));
        self.rows.insert(place.row);
        Ok(())
    }

    fn put(&mut self, key: Key, value: Option<Vec<u8>>) {
        self.changed.insert(key, value.map(Bytes::from));
    }

    fn value(&self, plan: &Plan<'_>, key: &Key) -> Option<Value> {
        self.changed.get(key).cloned().unwrap_or_else(|| plan.record_value(key))
    }
}

impl RecordChange {
    /// The row of the member.
    pub(in crate::table) fn row(&self) -> Row {
        match self {
            Self::Save { row, .. } | Self::AddStamps { row, .. } | Self::Delete { row, .. } => *row,
        }
    }

    fn kind(&self) -> RecordKind {
        match self {
            Self::Save { record, .. } => record.kind(),
            Self::AddStamps { .. } => RecordKind::StampCollection,
            Self::Delete { kind, .. } => *kind,
        }
    }

    /// The key under which the place of the record is stored.
    fn name_key(&self, base: BaseNumber) -> Key {
        let (row, kind) = (self.row(), self.kind());
        let own = |name: &str| match kind {
            RecordKind::Transaction => record_key::transaction(base, name),
            RecordKind::Clip | RecordKind::StampCollection => {
                record_key::record_name(base, row, kind, RecordName::Own(name))
            }
        };
        match self {
            Self::Save { record, .. } => own(record.name().as_str()),
            Self::AddStamps { which, .. } | Self::Delete { which, .. } => match which {
                Which::Id(id) => record_key::record_name(base, row, kind, RecordName::Id(*id)),
                Which::Own(name) => own(name.as_str()),
            },
        }
    }
}
