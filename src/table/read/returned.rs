//! Members that came back to their rows after a revision.
//!
//! A row without a member says nothing about what happened to it: the member may have come back and be deleted
//! again. So whoever found a member deleted, and brings it back later, reads the log in between.

use std::ops::Bound;

use roaring::RoaringTreemap;

use crate::engine::Direction;
use crate::model::Row;
use crate::stored::commit::{Change, CommitPart};
use crate::stored::key;
use crate::table::TableError;
use crate::table::open::OpenBase;

/// Parts of commits read at once: about 1.5 MiB.
const PARTS_AT_ONCE: usize = 64;

/// The members that came back, as far as the commit log was read.
#[derive(Debug)]
pub struct Returned {
    /// The last revision that was read.
    revision: u64,
    /// Members with higher rows were new.
    next_row: Row,
    rows: RoaringTreemap,
}

impl Returned {
    /// After this revision nothing was read yet. `next_row` is the row that the next new member got then.
    #[must_use]
    pub fn after(revision: u64, next_row: Row) -> Self {
        Self { revision, next_row, rows: RoaringTreemap::new() }
    }

    /// Whether a member came back to this row.
    #[must_use]
    pub fn has(&self, row: Row) -> bool {
        self.rows.contains(row.0)
    }

    /// Reads the log to its end. What it finds stays true while [`OpenBase::undeleting`] is held.
    pub(in crate::table) async fn read_on(&mut self, open: &OpenBase) -> Result<(), TableError> {
        let mut range = key::commits_from(open.number, self.revision.saturating_add(1));
        loop {
            let parts = open.parts.engine.scan(range.clone(), Direction::Forward, PARTS_AT_ONCE).await?;
            let Some((last, _)) = parts.last() else { return Ok(()) };
            range.start = Bound::Excluded(last.clone());
            for (key, value) in parts {
                self.revision = key::commit_revision(&key).unwrap_or(self.revision);
                let mut part = CommitPart::open(&value)?;
                while let Some(change) = part.next_change()? {
                    if change.change == Change::Created && change.row < self.next_row {
                        self.rows.insert(change.row.0);
                    }
                }
            }
        }
    }
}
