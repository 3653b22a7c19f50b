//! The purge of records whose members are deleted, once these members can no longer come back. Before the
//! purge these records cannot be reached either: every read looks for the member first, and no other member
//! gets its row.
//!
//! - The purge begins with a change of the member's mark. A batch that brings the member back checks the mark,
//!   so records never come back in part.
//! - The mark outlives the records: it stays as long as the commit log has the deleted member. So a member
//!   never comes back without its records, even if the clock goes back, a server whose clock is behind takes
//!   the store over, or deleted members may from now on come back for longer.

pub mod base;

use std::ops::Bound;

use crate::engine::{Batch, Direction, EngineError, Key, KeyRange, Value};
use crate::model::{BaseNumber, RecordKind, Row, Timestamp};
use crate::stored::header::Header;
use crate::stored::member_record::{Kept, Purge, decode, decode_place};
use crate::stored::record_key;
use crate::table::TableError;
use crate::table::index::entries::record_names;
use crate::table::read::deleted::{is_over, log_begins};
use crate::table::store::open::Table;

/// Keys read and deleted at once.
const PURGE_AT_ONCE: usize = 1_000;

impl Table {
    /// Removes the records of the members of a base that can no longer come back, and the marks of members
    /// that the commit log has no longer. `header` was read before. The next round continues an interrupted
    /// purge.
    pub(in crate::table) async fn purge_records(
        &self,
        base: BaseNumber,
        header: &Header,
    ) -> Result<(), TableError> {
        let mut range = record_key::record_purges(base);
        let mut begins = None;
        loop {
            let marks = self.scan(range.clone()).await?;
            let Some((last, _)) = marks.last() else { return Ok(()) };
            range.start = Bound::Excluded(last.clone());
            let begins = match begins {
                Some(known) => known,
                None => *begins.insert(log_begins(&self.parts.engine, base).await?),
            };
            let mut forgotten = Vec::new();
            for (mark, value) in marks {
                let Some(purge) = self.begin_purge_of(&mark, &value, header).await? else { continue };
                if let Some(row) = record_key::counted_row(&mark).filter(|_| !purge.is_done()) {
                    self.purge_row(base, row).await?;
                }
                let done = purge.done().encode();
                if purge.deleted.is_some_and(|(at, _)| is_forgotten(at, begins, header)) {
                    forgotten.push(mark);
                } else if *done != *value {
                    let mut batch = Batch::default();
                    batch.put(mark, done);
                    self.parts.engine.commit(batch).await?;
                }
            }
            if !forgotten.is_empty() {
                self.parts.engine.commit(Batch { deletes: forgotten, ..Batch::default() }).await?;
            }
        }
    }

    /// Writes into a mark that the purge has begun, if it is due, and returns what the mark says then. `None`
    /// if it is not due, or if the mark changed meanwhile.
    async fn begin_purge_of(
        &self,
        mark: &Key,
        value: &Value,
        header: &Header,
    ) -> Result<Option<Purge>, TableError> {
        let purge = Purge::decode(value)?;
        // Version 1 does not say when the member was deleted: not after the last commit.
        let deleted = purge.deleted.or(Some((header.committed_at, header.revision)));
        if purge.kept == Kept::Not {
            return Ok(Some(Purge { deleted, ..purge }));
        }
        let is_due = |(at, _)| is_over(at, self.parts.undelete_micros, self.now());
        if !purge.deleted.is_none_or(is_due) {
            return Ok(None);
        }
        let begun = Purge { kept: Kept::Not, deleted, ..purge };
        let mut batch = Batch::default();
        batch.checks.push((mark.clone(), Some(value.clone())));
        batch.put(mark.clone(), begun.encode());
        match self.parts.engine.commit(batch).await {
            Ok(_) => Ok(Some(begun)),
            Err(EngineError::Conflict) => Ok(None),
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

/// Whether the commit log has no commit of this time any more, nor ever will: its oldest commit is of the
/// time `begins`, and `header` was read before that. If the clock is behind, the next commit may be of the time
/// of the last one.
fn is_forgotten(at: Timestamp, begins: Option<Timestamp>, header: &Header) -> bool {
    at < begins.unwrap_or(header.committed_at)
}

#[cfg(test)]
mod tests;
