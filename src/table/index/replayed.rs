//! Moves from the commits that the stored search sets lack, and rows that are evaluated again for audiences that
//! are built.
//!
//! The stored sets have a member as it was before or after any of these commits, because a checkpoint that
//! did not end may have written some of its moves. So a row first leaves the sets of every member that one of
//! the commits has as before, and then enters those of the member that it has now.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::Engine;
use crate::model::{BaseNumber, Row};
use crate::stored::commit::{Change, RowChange};
use crate::stored::member;
use crate::table::TableError;
use crate::table::index::audiences::{Build, Hands};
use crate::table::index::block::Stored;
use crate::table::index::search::{RowMoves, WordMoves};

/// Members that are read together.
const READ_TOGETHER: usize = 512;

/// What the commits have changed.
#[derive(Debug, Default)]
pub struct Replayed {
    moves: WordMoves,
    rows: BTreeSet<Row>,
}

impl Replayed {
    /// Adds a change of a commit.
    pub fn add(&mut self, change: &RowChange<'_>) -> Result<(), TableError> {
        match change.change {
            Change::Base | Change::Records | Change::Audience | Change::AudienceRows => return Ok(()),
            Change::Created | Change::Updated | Change::Reactivated | Change::Deleted => {}
        }
        self.rows.insert(change.row);
        if let Some(before) = change.before {
            self.moves.add(change.row, &RowMoves::of(Some(&member::decode(before)?), None));
        }
        Ok(())
    }

    /// Brings what is built of new filters of audiences up to date: evaluates the rows again that were built.
    pub async fn renew(
        &self,
        (engine, base): (&Arc<dyn Engine>, BaseNumber),
        build: &mut Build,
        hands: &Hands,
    ) -> Result<(), TableError> {
        let rows: Vec<Row> = self.rows.range(..build.below()).copied().collect();
        for rows in rows.chunks(READ_TOGETHER) {
            let stored = Stored::read(engine, base, rows.iter().copied()).await?;
            let mut members = Vec::with_capacity(rows.len());
            for row in rows {
                members.push((*row, stored.record(*row)?.map(member::decode).transpose()?));
            }
            build.renew(members.into_iter(), hands);
        }
        Ok(())
    }

    /// All moves, with those into the sets of the members as they are now.
    pub async fn finish(
        mut self,
        engine: &Arc<dyn Engine>,
        base: BaseNumber,
    ) -> Result<Arc<WordMoves>, TableError> {
        let rows: Vec<Row> = self.rows.into_iter().collect();
        for rows in rows.chunks(READ_TOGETHER) {
            let stored = Stored::read(engine, base, rows.iter().copied()).await?;
            for row in rows {
                if let Some(record) = stored.record(*row)? {
                    self.moves.add(*row, &RowMoves::of(None, Some(&member::decode(record)?)));
                }
            }
        }
        Ok(Arc::new(self.moves))
    }
}
