//! Which indexes of attributes are built.
//!
//! - Indexes that are to be built together read the members once. An index that comes later waits, and is
//!   built after them.

use std::collections::BTreeSet;

use crate::model::Row;
use crate::model::schema::{AttributeSchema, FieldNumber};
use crate::table::index::layer::Layer;
use crate::table::index::sets::{IndexPiece, Sets};

/// Which indexes are built.
#[derive(Debug, Default)]
pub struct Indexing {
    /// Those that are built together.
    pub under_way: BTreeSet<FieldNumber>,
    /// The members of lower rows are in their sets.
    pub below: Row,
    /// Those that wait.
    waiting: BTreeSet<FieldNumber>,
}

impl Indexing {
    /// Those that are not complete in these sets.
    pub fn of(sets: &Sets) -> Self {
        let below = sets.indexing().map(|(_, below)| below).max().unwrap_or_default();
        let mut indexing = Self { below, ..Self::default() };
        for (number, at) in sets.indexing() {
            let to = if at == below { &mut indexing.under_way } else { &mut indexing.waiting };
            to.insert(number);
        }
        indexing
    }

    /// Follows a batch that was appended.
    pub fn follow(&mut self, layer: &Layer) {
        self.waiting.extend(&layer.begun);
        self.keep(layer.header.schema.as_deref());
    }

    /// Forgets indexes that are gone, and begins with those that wait if no others are under way.
    fn keep(&mut self, schema: Option<&AttributeSchema>) {
        if self.under_way.is_empty() && self.waiting.is_empty() {
            return;
        }
        let known: BTreeSet<FieldNumber> =
            schema.into_iter().flat_map(|schema| schema.indexes.values()).map(|index| index.number).collect();
        self.under_way.retain(|number| known.contains(number));
        self.waiting.retain(|number| known.contains(number));
        if self.under_way.is_empty() {
            self.under_way = std::mem::take(&mut self.waiting);
            self.below = Row(0);
        }
    }

    /// Takes note of a piece of those that are under way.
    pub fn advance(&mut self, piece: &IndexPiece, schema: Option<&AttributeSchema>) {
        self.below = piece.below;
        if piece.is_complete {
            self.under_way.clear();
            self.keep(schema);
        }
    }
}
