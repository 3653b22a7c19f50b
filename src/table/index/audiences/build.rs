//! The building of new filters: who will be in the audiences once their filters are evaluated for the members
//! that there are.
//!
//! - There are two builds of a base. The lane's is as of everything that it planned, and the published one is
//!   as of the published revision. Both are changed by the same pieces and the same writes, in the same
//!   order.
//! - A checkpoint stores the published one, together with the sets. When the base opens, the rows that
//!   changed after the watermark are evaluated again ([`Build::renew`]). What is kept by hand is not looked
//!   up in the log: if it changed after the watermark, or an audience did, nothing stored counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{AudienceNumber, Member, Row};
use crate::stored::commit::AudienceDelta;
use crate::stored::index::BuiltUpTo;
use crate::table::index::audiences::definitions::{Definitions, Next};
use crate::table::index::audiences::evaluator::{Evaluator, Sided};
use crate::table::index::audiences::hands::Hands;
use crate::table::index::audiences::members::DirtyRows;
use crate::table::index::sets::{CHUNK_ROWS, Chunk, RowSet};

/// The next world, as far as it is built.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// `None` if there is nothing to build.
    next: Option<Arc<Next>>,
    /// The members of lower rows are evaluated.
    below: Row,
    /// Who of them is in the audiences that are built. Chunks of earlier builds are there without rows until
    /// a checkpoint has deleted them.
    rows: BTreeMap<AudienceNumber, RowSet>,
}

/// Who of the members of some rows is in the audiences that are built.
#[derive(Debug, Default)]
pub struct Piece {
    /// With this piece the members of lower rows are evaluated.
    pub below: Row,
    /// The rows, by audience and chunk.
    pub rows: BTreeMap<(AudienceNumber, u64), Chunk>,
}

/// A row enters or leaves an audience of the next world.
#[derive(Debug, Clone, Copy)]
pub struct Ahead {
    /// Which row.
    pub row: Row,
    /// Which audience.
    pub delta: AudienceDelta,
}

impl Piece {
    /// Adds a row.
    pub fn add(&mut self, audience: AudienceNumber, row: Row) {
        let low = u32::try_from(row.0 % CHUNK_ROWS).unwrap_or_default();
        self.rows.entry((audience, row.0 / CHUNK_ROWS)).or_default().insert(low);
    }
}

impl Build {
    /// The build of these definitions, from the beginning.
    pub fn new(definitions: &Definitions) -> Self {
        Self { next: definitions.next().cloned(), ..Self::default() }
    }

    /// What is built; `None` if there is nothing to build.
    pub fn next(&self) -> Option<&Arc<Next>> {
        self.next.as_ref()
    }

    /// The members of lower rows are evaluated.
    pub fn below(&self) -> Row {
        self.below
    }

    /// Who will be in an audience.
    pub fn rows(&self, audience: AudienceNumber) -> RowSet {
        self.rows.get(&audience).cloned().unwrap_or_default()
    }

    /// Follows a change of the definitions: begins again, unless the same audiences are built.
    pub fn follow(&mut self, definitions: &Definitions) {
        let next = definitions.next();
        let goes_on = self.next.as_ref().zip(next).is_some_and(|(old, new)| new.is_like(old));
        self.next = next.cloned();
        if !goes_on {
            self.begin_again();
        }
    }

    fn begin_again(&mut self) {
        self.below = Row(0);
        self.rows.values_mut().for_each(|rows| *rows = rows.emptied());
    }

    /// Adds a piece.
    pub fn extend(&mut self, piece: &Piece) {
        let nobody = Chunk::new();
        for ((audience, chunk), enter) in &piece.rows {
            self.rows.entry(*audience).or_default().shift_chunk(*chunk, enter, &nobody);
        }
        self.below = self.below.max(piece.below);
    }

    /// Takes over what writes did to members that were evaluated already.
    pub fn catch_up(&mut self, ahead: &[Ahead]) {
        for Ahead { row, delta } in ahead {
            self.rows.entry(delta.audience).or_default().shift(*row, delta.enters);
        }
    }

    /// How far it is, as it is stored.
    pub fn progress(&self) -> Option<BuiltUpTo> {
        self.next.as_ref().map(|next| BuiltUpTo { below: self.below, fold: next.world.fold.version() })
    }

    /// Takes the chunks that a checkpoint must write; an empty one must be deleted. If writing fails, pass
    /// them to [`Build::mark_dirty`].
    pub fn take_dirty(&mut self) -> Vec<DirtyRows> {
        let mut taken = Vec::new();
        for (audience, rows) in &mut self.rows {
            taken.extend(rows.take_dirty().into_iter().map(|(chunk, rows)| (*audience, chunk, rows)));
        }
        taken
    }

    /// Marks again what was taken and could not be written.
    pub fn mark_dirty(&mut self, chunks: &[DirtyRows]) {
        for (audience, chunk, _) in chunks {
            self.rows.entry(*audience).or_default().mark_dirty(*chunk);
        }
    }

    /// Takes over a stored chunk.
    pub fn load(&mut self, audience: AudienceNumber, chunk: u64, rows: Chunk) {
        self.rows.entry(audience).or_default().load(chunk, rows, false);
    }

    /// Goes on where the stored index state says, once the chunks are loaded; from the beginning, if what is
    /// stored belongs to other definitions. Everything up to `watermark` is in it.
    pub fn go_on(&mut self, definitions: &Definitions, stored: Option<BuiltUpTo>, watermark: u64) {
        self.next = definitions.next().cloned();
        let stored = stored.filter(|stored| {
            let is_of = |next: &Arc<Next>| next.world.fold.version() == stored.fold;
            self.next.as_ref().is_some_and(is_of) && definitions.numbers().changed <= watermark
        });
        match stored {
            Some(BuiltUpTo { below, .. }) => {
                self.below = below;
                // A checkpoint that did not end may have written more.
                self.rows.values_mut().for_each(|rows| rows.keep_below(below));
            }
            None => self.begin_again(),
        }
    }

    /// Evaluates again rows that changed after the watermark, by the members that they have now.
    pub fn renew(&mut self, rows: impl Iterator<Item = (Row, Option<Member>)>, hands: &Hands) {
        let Some(next) = self.next.clone() else { return };
        let mut evaluator = Evaluator::new(Arc::clone(&next.world));
        for (row, member) in rows {
            let mut is_in = Vec::new();
            if let Some(member) = &member {
                evaluator.each(row, Sided::new(member, hands), &next.built, |number| is_in.push(number));
            }
            for number in &next.numbers {
                self.rows.entry(*number).or_default().shift(row, is_in.contains(number));
            }
        }
    }
}
