//! What is kept by hand: the rows that were picked for an audience or removed from it.

use std::collections::BTreeMap;

use crate::model::{AudienceNumber, Hand, Row};
use crate::table::index::sets::{CHUNK_ROWS, Chunk, RowSet};

/// What is kept by hand in all audiences of a base. A copy shares its rows.
#[derive(Debug, Clone, Default)]
pub struct Hands {
    of: BTreeMap<AudienceNumber, Both>,
    /// Nothing is kept about this row and those after it, so nothing is looked up for new members.
    end: Row,
}

/// The rows of one audience. A row is in at most one of the two.
#[derive(Debug, Clone, Default)]
struct Both {
    picked: RowSet,
    removed: RowSet,
}

impl Hands {
    /// What is kept about a row in an audience.
    pub fn of(&self, audience: AudienceNumber, row: Row) -> Hand {
        if row >= self.end {
            return Hand::None;
        }
        match self.of.get(&audience) {
            Some(both) if both.picked.contains(row) => Hand::Picked,
            Some(both) if both.removed.contains(row) => Hand::Removed,
            Some(_) | None => Hand::None,
        }
    }

    /// The audiences in which something is kept about a row.
    pub fn about(&self, row: Row) -> impl Iterator<Item = AudienceNumber> {
        let some = (row < self.end).then_some(&self.of).into_iter().flatten();
        let kept = move |both: &Both| both.picked.contains(row) || both.removed.contains(row);
        some.filter(move |(_, both)| kept(both)).map(|(audience, _)| *audience)
    }

    /// Keeps this about a row in an audience, and nothing else.
    pub fn set(&mut self, audience: AudienceNumber, row: Row, hand: Hand) {
        if hand != Hand::None {
            self.end = self.end.max(Row(row.0.saturating_add(1)));
        }
        let both = self.of.entry(audience).or_default();
        both.picked.shift(row, hand == Hand::Picked);
        both.removed.shift(row, hand == Hand::Removed);
    }

    /// The audiences of which something is kept, or was.
    pub fn numbers(&self) -> impl Iterator<Item = AudienceNumber> {
        self.of.keys().copied()
    }

    /// The rows that were picked for an audience.
    pub fn picked(&self, audience: AudienceNumber) -> RowSet {
        self.of.get(&audience).map(|both| both.picked.clone()).unwrap_or_default()
    }

    /// The rows that were removed from an audience.
    pub fn removed(&self, audience: AudienceNumber) -> RowSet {
        self.of.get(&audience).map(|both| both.removed.clone()).unwrap_or_default()
    }

    /// Takes over a stored chunk of rows that were picked, or of rows that were removed.
    pub fn load(&mut self, audience: AudienceNumber, hand: Hand, chunk: u64, rows: Chunk) {
        let last =
            rows.max().map_or(0, |last| chunk.saturating_mul(CHUNK_ROWS).saturating_add(last.into()) + 1);
        self.end = self.end.max(Row(last));
        let both = self.of.entry(audience).or_default();
        match hand {
            Hand::Picked => both.picked.load(chunk, rows, false),
            Hand::Removed => both.removed.load(chunk, rows, false),
            Hand::None => {}
        }
    }
}
