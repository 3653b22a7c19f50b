//! The rows that are in each audience.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::filter::Memberships;
use crate::model::{AudienceNumber, Row};
use crate::stored::commit::AudienceRows;
use crate::table::index::sets::{CHUNK_ROWS, Chunk, RowSet};

/// A change of who is in an audience.
#[derive(Debug, Clone)]
pub enum AudienceChange {
    /// A row enters or leaves it.
    Row {
        /// Which audience.
        audience: AudienceNumber,
        /// Which row.
        row: Row,
        /// Whether it enters; otherwise it leaves.
        enters: bool,
    },
    /// Rows of one chunk enter and leave it.
    Chunk {
        /// The chunk.
        chunk: u64,
        /// Which rows.
        rows: Box<AudienceRows>,
    },
}

impl AudienceChange {
    /// The change of a chunk that begins with this row.
    pub fn of_rows(first: Row, rows: AudienceRows) -> Self {
        Self::Chunk { chunk: first.0 / CHUNK_ROWS, rows: Box::new(rows) }
    }

    /// The audience.
    pub fn audience(&self) -> AudienceNumber {
        match self {
            Self::Row { audience, .. } => *audience,
            Self::Chunk { rows, .. } => rows.audience,
        }
    }

    /// The row that it moves, and whether the row enters; `None` if it is about a chunk.
    fn row(&self) -> Option<(Row, bool)> {
        match self {
            Self::Row { row, enters, .. } => Some((*row, *enters)),
            Self::Chunk { .. } => None,
        }
    }

    /// Applies it to the rows of its audience.
    pub fn apply(&self, to: &mut RowSet) {
        match self {
            Self::Row { row, enters, .. } => drop(to.shift(*row, *enters)),
            Self::Chunk { chunk, rows } => to.shift_chunk(*chunk, &rows.enter, &rows.leave),
        }
    }
}

/// A chunk that a checkpoint has to write: audience, chunk number, rows.
pub type DirtyRows = (AudienceNumber, u64, Arc<Chunk>);

/// The rows that are in each audience of a base.
#[derive(Debug, Default)]
pub struct Members(BTreeMap<AudienceNumber, RowSet>);

impl Members {
    /// The rows that are in an audience.
    pub fn of(&self, audience: AudienceNumber) -> RowSet {
        self.0.get(&audience).cloned().unwrap_or_default()
    }

    /// The audiences that have rows, or had some.
    pub fn numbers(&self) -> impl Iterator<Item = AudienceNumber> {
        self.0.keys().copied()
    }

    /// The rows of every audience, as they are now.
    pub fn snapshot(&self) -> AudienceMembers {
        AudienceMembers(self.0.clone())
    }

    /// Applies a change; repeating one changes nothing.
    pub fn apply(&mut self, change: &AudienceChange) {
        change.apply(self.0.entry(change.audience()).or_default());
    }

    /// Applies changes in their order; repeating them changes nothing.
    pub fn apply_all(&mut self, changes: &[AudienceChange]) {
        // One audience after another: a batch of many members changes the same chunks again and again.
        let mut by_audience: foldhash::HashMap<AudienceNumber, Vec<&AudienceChange>> = HashMap::default();
        changes.iter().for_each(|change| by_audience.entry(change.audience()).or_default().push(change));
        for (audience, changes) in by_audience {
            let rows = self.0.entry(audience).or_default();
            for changes in changes.chunk_by(|left, right| left.row().is_some() && right.row().is_some()) {
                match changes {
                    [AudienceChange::Row { .. }, ..] => {
                        rows.shift_all(changes.iter().filter_map(|change| change.row()))
                    }
                    others => others.iter().for_each(|change| change.apply(rows)),
                }
            }
        }
    }

    /// Takes over a stored chunk.
    pub fn load(&mut self, audience: AudienceNumber, chunk: u64, rows: Chunk) {
        self.0.entry(audience).or_default().load(chunk, rows, false);
    }

    /// Takes the chunks that a checkpoint must write; an empty one must be deleted. If writing fails, pass
    /// them to [`Members::mark_dirty`].
    pub fn take_dirty(&mut self) -> Vec<DirtyRows> {
        let mut taken = Vec::new();
        for (audience, rows) in &mut self.0 {
            taken.extend(rows.take_dirty().into_iter().map(|(chunk, rows)| (*audience, chunk, rows)));
        }
        taken
    }

    /// Marks again what was taken and could not be written.
    pub fn mark_dirty(&mut self, chunks: &[DirtyRows]) {
        for (audience, chunk, _) in chunks {
            self.0.entry(*audience).or_default().mark_dirty(*chunk);
        }
    }
}

/// The rows that are in each audience at one revision. They do not change.
#[derive(Debug, Clone, Default)]
pub struct AudienceMembers(BTreeMap<AudienceNumber, RowSet>);

impl Memberships for AudienceMembers {
    fn is_in(&self, audience: AudienceNumber, row: Row) -> bool {
        self.0.get(&audience).is_some_and(|rows| rows.contains(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_applied_in_their_order_in_each_audience() {
        let row = |audience, row, enters| AudienceChange::Row {
            audience: AudienceNumber(audience),
            row: Row(row),
            enters,
        };
        let (enter, leave) = ([1, 2, 3].into_iter().collect(), [5].into_iter().collect());
        let rows = AudienceRows { audience: AudienceNumber(1), enter, leave };
        let changes = [
            row(1, 5, true),
            row(2, 5, true),
            row(1, 6, true),
            AudienceChange::of_rows(Row(0), rows),
            row(1, 2, false),
            row(2, 70_000, true),
            row(1, 70_000, true),
            row(2, 5, false),
            row(3, 1, false),
        ];
        let (mut together, mut each) = (Members::default(), Members::default());
        together.apply_all(&changes);
        changes.iter().for_each(|change| each.apply(change));
        for (number, rows) in [(1, vec![1, 3, 6, 70_000]), (2, vec![70_000]), (3, vec![])] {
            for members in [&together, &each] {
                let set = members.of(AudienceNumber(number));
                let all = |(chunk, rows): (u64, &Chunk)| {
                    rows.iter().map(|low| chunk * CHUNK_ROWS + u64::from(low)).collect::<Vec<_>>()
                };
                assert_eq!(set.chunks().flat_map(all).collect::<Vec<_>>(), rows);
                assert_eq!(set.len(), u64::try_from(rows.len()).unwrap());
            }
        }
    }
}
