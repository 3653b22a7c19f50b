//! The purge of records whose members are deleted, once these members can no longer come back. Before the
//! purge these records cannot be reached either: every read looks for the member first, and no other member
//! gets its row.
//!
//! The purge begins with a change of the member's mark. A batch that brings the member back checks the mark,
//! so records never come back in part.

pub mod base;

use std::ops::Bound;

use crate::engine::{Batch, Direction, EngineError, Key, KeyRange, Value};
use crate::model::{BaseNumber, RecordKind, Row};
use crate::stored::member_record::{Kept, Purge, decode, decode_place};
use crate::stored::record_key;
use crate::table::TableError;
use crate::table::index::entries::record_names;
use crate::table::read::deleted::is_over;
use crate::table::store::open::Table;

/// Keys read and deleted at once.
const PURGE_AT_ONCE: usize = 1_000;

impl Table {
    /// Removes the records of the members of a base that can no longer come back. Each member's mark is
    /// removed last, so the next round continues an interrupted purge.
    pub(in crate::table) async fn purge_records(&self, base: BaseNumber) -> Result<(), TableError> {
        let mut range = record_key::record_purges(base);
        loop {
            let marks = self.scan(range.clone()).await?;
            let Some((last, _)) = marks.last() else { return Ok(()) };
            range.start = Bound::Excluded(last.clone());
            for (mark, value) in marks {
                if !self.begin_purge_of(&mark, value).await? {
                    continue;
                }
                if let Some(row) = record_key::counted_row(&mark) {
                    self.purge_row(base, row).await?;
                }
                self.parts.engine.commit(Batch { deletes: vec![mark], ..Batch::default() }).await?;
            }
        }
    }

    /// Writes into a mark that the purge has begun, if it is due. Returns `false` if it is not, or if the
    /// mark changed meanwhile.
    async fn begin_purge_of(&self, mark: &Key, value: Value) -> Result<bool, TableError> {
        let purge = Purge::decode(&value)?;
        if purge.kept == Kept::Not {
            return Ok(true);
        }
        let is_due = |(at, _)| is_over(at, self.parts.undelete_micros, self.now());
        if !purge.deleted.is_none_or(is_due) {
            return Ok(false);
        }
        let mut batch = Batch::default();
        batch.checks.push((mark.clone(), Some(value)));
        batch.put(mark.clone(), Purge { kept: Kept::Not, ..purge }.encode());
        match self.parts.engine.commit(batch).await {
            Ok(_) => Ok(true),
            Err(EngineError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn purge_row(&self, base: BaseNumber, row: Row) -> Result<(), TableError> {
        loop {
            let records = self.scan(record_key::records_of_row(base, row)).await?;
            if records.is_empty() {
                break;
            }
            let batch = self.removal(base, row, records).await?;
            match self.parts.engine.commit(batch).await {
                // Conflict: another member got one of the names since it was read, so read again.
                Ok(_) | Err(EngineError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.delete_range(record_key::record_names_of_row(base, row)).await
    }

    /// The batch that removes records together with their external ids, except ids that belong to other
    /// members now.
    async fn removal(
        &self,
        base: BaseNumber,
        row: Row,
        records: Vec<(Key, Value)>,
    ) -> Result<Batch, TableError> {
        let mut batch = Batch::default();
        let mut names = Vec::new();
        for (key, value) in records {
            let place = record_key::record_place(&key);
            if let Some(place) = place.filter(|place| place.kind == RecordKind::Transaction) {
                names.extend(record_names(base, row, &decode(place.kind, &value)?));
            }
            batch.delete(key);
        }
        for (name, value) in names.iter().zip(self.parts.engine.get_many(&names).await?) {
            let Some(value) = value else { continue };
            if decode_place(&value)?.0 == row {
                batch.checks.push((name.clone(), Some(value)));
                batch.delete(name.clone());
            }
        }
        Ok(batch)
    }

    async fn scan(&self, range: KeyRange) -> Result<Vec<(Key, Value)>, TableError> {
        Ok(self.parts.engine.scan(range, Direction::Forward, PURGE_AT_ONCE).await?)
    }
}

#[cfg(test)]
mod tests;
