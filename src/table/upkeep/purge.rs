//! The purge of records whose members are deleted. Before the purge these records cannot be reached either:
//! every read looks for the member first, and no row is used twice.

pub mod base;

use crate::engine::{Batch, Direction, EngineError, Key, KeyRange, Value};
use crate::model::{BaseNumber, RecordKind, Row};
use crate::stored::member_record::{decode, decode_place};
use crate::stored::record_key;
use crate::table::TableError;
use crate::table::index::entries::record_names;
use crate::table::store::open::Table;

/// Keys read and deleted at once.
const PURGE_AT_ONCE: usize = 1_000;

impl Table {
    /// Removes the records of every deleted member of a base. Each member's mark is removed last, so the next
    /// round continues an interrupted purge.
    pub(in crate::table) async fn purge_records(&self, base: BaseNumber) -> Result<(), TableError> {
        loop {
            let marks = self.scan(record_key::record_purges(base)).await?;
            if marks.is_empty() {
                return Ok(());
            }
            for (mark, _) in marks {
                if let Some(row) = record_key::counted_row(&mark) {
                    self.purge_row(base, row).await?;
                }
                self.parts.engine.commit(Batch { deletes: vec![mark], ..Batch::default() }).await?;
            }
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
