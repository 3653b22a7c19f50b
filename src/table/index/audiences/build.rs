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
use crate::table::index::audiences::evaluation::Sided;
use crate::table::index::audiences::evaluator::Evaluator;
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
    /// The rows that were evaluated since a checkpoint took what is built.
    unstored: u64,
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

    /// Follows a change of the definitions: begins again, unless what was built belongs to the next world.
    pub fn follow(&mut self, definitions: &Definitions) {
        let next = definitions.next();
        let goes_on = self.next.as_ref().zip(next).is_some_and(|(old, new)| new.continues(old));
        self.next = next.cloned();
        if !goes_on {
            self.begin_again();
        } else if let Some(next) = next {
            let others = self.rows.iter_mut().filter(|(number, _)| !next.has(**number));
            others.for_each(|(_, rows)| *rows = rows.emptied());
        }
    }

    fn begin_again(&mut self) {
        (self.below, self.unstored) = (Row(0), 0);
        self.rows.values_mut().for_each(|rows| *rows = rows.emptied());
    }

    /// Adds a piece.
    pub fn extend(&mut self, piece: &Piece) {
        let nobody = Chunk::new();
        for ((audience, chunk), enter) in &piece.rows {
            self.rows.entry(*audience).or_default().shift_chunk(*chunk, enter, &nobody);
        }
        self.unstored = self.unstored.saturating_add(piece.below.0.saturating_sub(self.below.0));
        self.below = self.below.max(piece.below);
    }

    /// The rows that were evaluated since a checkpoint took what is built.
    pub fn unstored(&self) -> u64 {
        self.unstored
    }

    /// The same; a checkpoint takes what is built now. If writing fails, pass the number to
    /// [`Build::note_unstored`].
    pub fn take_unstored(&mut self) -> u64 {
        std::mem::take(&mut self.unstored)
    }

    /// Counts rows again that a checkpoint could not write.
    pub fn note_unstored(&mut self, rows: u64) {
        self.unstored = self.unstored.saturating_add(rows).min(self.below.0);
    }

    /// Takes over what writes did to members that were evaluated already.
    pub fn catch_up(&mut self, ahead: &[Ahead]) {
        // A batch may change the audiences after a write.
        let is_built = |ahead: &&Ahead| self.next.as_ref().is_some_and(|next| next.has(ahead.delta.audience));
        for Ahead { row, delta } in ahead.iter().filter(is_built) {
            self.rows.entry(delta.audience).or_default().shift(*row, delta.enters);
        }
    }

    /// How far it is, as it is stored.
    pub fn progress(&self) -> Option<BuiltUpTo> {
        self.next.as_ref().map(|next| BuiltUpTo {
            below: self.below,
            fold: next.world.fold.version(),
            audiences: next.admitted.iter().copied().collect(),
        })
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
    pub fn go_on(&mut self, definitions: &mut Definitions, stored: Option<&BuiltUpTo>, watermark: u64) {
        let stored = stored.filter(|stored| {
            let is_of = |next: &Arc<Next>| next.world.fold.version() == stored.fold;
            definitions.next().is_some_and(is_of) && definitions.numbers().changed <= watermark
        });
        stored.iter().for_each(|stored| definitions.admit(&stored.audiences));
        self.next = definitions.next().cloned();
        match stored {
            Some(BuiltUpTo { below, .. }) => {
                self.below = *below;
                // A checkpoint that did not end may have written more.
                self.rows.values_mut().for_each(|rows| rows.keep_below(*below));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::audience::samples::{audience, condition, filter, is_in};
    use crate::model::filter::RawValue;
    use crate::model::{Audience, AudienceFilter, AudienceState, Timestamp};

    fn asks(name: &str) -> AudienceFilter {
        filter(vec![condition("first_name", RawValue::Text(name.to_owned()))])
    }

    fn building(number: u32, filter: AudienceFilter) -> Audience {
        let state = AudienceState::Building { row: 0, serving: Box::default() };
        Audience { state, ..audience(number, &format!("A{number}"), filter) }
    }

    /// Definitions and what is built of them.
    #[derive(Default)]
    struct Subject(Definitions, Build);

    impl Subject {
        fn put<const N: usize>(&mut self, audiences: [Audience; N]) {
            self.0.put(audiences.map(Arc::new));
            self.1.follow(&self.0);
        }

        /// Evaluates all rows below this one; row 5 is in the audience 1.
        fn build(&mut self, below: u64) {
            let mut piece = Piece { below: Row(below), ..Piece::default() };
            piece.add(AudienceNumber(1), Row(5));
            self.1.extend(&piece);
        }

        /// The audiences whose new filters are built, and the rows that are evaluated.
        fn state(&self) -> (Vec<u32>, u64) {
            let admitted = self.1.next().into_iter().flat_map(|next| &next.admitted);
            (admitted.map(|number| number.0).collect(), self.1.below().0)
        }

        fn has_rows_of_first(&self) -> bool {
            !self.1.rows(AudienceNumber(1)).is_empty()
        }
    }

    /// The first audience is built up to row 1,000.
    fn subject() -> Subject {
        let mut subject = Subject::default();
        subject.put([building(1, asks("Ana"))]);
        subject.build(1_000);
        assert_eq!(subject.state(), (vec![1], 1_000));
        subject
    }

    #[test]
    fn a_build_goes_on_whatever_happens_to_others() {
        let mut subject = subject();
        subject.put([building(2, asks("Bea"))]);
        subject.put([building(3, filter(vec![is_in(1)]))]);
        subject.put([audience(4, "A4", AudienceFilter::default())]);
        subject.put([building(2, asks("Ben"))]);
        assert_eq!(subject.state(), (vec![1], 1_000));
        assert!((1..4).all(|number| subject.0.is_pending(AudienceNumber(number))));
        assert!(!subject.0.is_pending(AudienceNumber(4)) && subject.has_rows_of_first());
        // Those who wait are next.
        subject.put([audience(1, "A1", asks("Ana"))]);
        assert_eq!(subject.state(), (vec![2, 3], 0));
        assert!(!subject.has_rows_of_first());
        subject.put([audience(2, "A2", asks("Ben")), audience(3, "A3", filter(vec![is_in(1)]))]);
        assert_eq!(subject.state(), (vec![], 0));
    }

    #[test]
    fn a_build_begins_again_if_filters_change_that_decide_in_it() {
        let mut subject = subject();
        subject.put([building(2, asks("Bea"))]);
        subject.put([building(1, asks("Amy"))]);
        assert_eq!(subject.state(), (vec![1, 2], 0));
        let mut subject = Subject::default();
        subject.put([audience(7, "A7", asks("Gus"))]);
        subject.put([building(1, asks("Ana")), building(2, filter(vec![is_in(7)]))]);
        subject.build(1_000);
        // The filter before is still the one that decides.
        let serving = Box::new(asks("Gus"));
        let state = AudienceState::Building { row: 0, serving };
        let changed = Audience { state, ..audience(7, "A7", asks("Gil")) };
        subject.put([changed.clone()]);
        assert_eq!(subject.state(), (vec![1, 2], 1_000));
        subject.put([Audience { state: AudienceState::Ready, ..changed }]);
        assert_eq!(subject.state(), (vec![1, 2], 0));
    }

    #[test]
    fn a_build_goes_on_for_those_that_are_left() {
        let mut subject = Subject::default();
        subject.put([building(1, asks("Ana")), building(2, asks("Bea"))]);
        subject.build(1_000);
        assert!(subject.has_rows_of_first());
        let archived_at = Some(Timestamp::from_micros(9));
        subject.put([Audience { archived_at, ..building(1, asks("Ana")) }]);
        assert_eq!(subject.state(), (vec![2], 1_000));
        // A write that was planned before brings nothing back.
        let delta = AudienceDelta { audience: AudienceNumber(1), enters: true };
        subject.1.catch_up(&[Ahead { row: Row(3), delta }]);
        assert!(!subject.has_rows_of_first());
    }

    #[test]
    fn rows_wait_for_a_checkpoint_whatever_it_has_of_an_earlier_build() {
        let mut subject = subject();
        assert_eq!((subject.1.take_unstored(), subject.1.unstored()), (1_000, 0));
        subject.put([audience(1, "A1", asks("Ana"))]);
        subject.put([building(2, asks("Bea"))]);
        subject.build(100);
        assert_eq!(subject.1.unstored(), 100);
        // A checkpoint that fails gives back what it took, and no more than there is.
        let taken = subject.1.take_unstored();
        subject.build(150);
        subject.1.note_unstored(taken);
        assert_eq!(subject.1.unstored(), 150);
        subject.1.note_unstored(1_000);
        assert_eq!(subject.1.unstored(), 150);
    }

    #[test]
    fn a_build_that_was_stored_goes_on_with_its_own_audiences_alone() {
        let stored = BuiltUpTo { below: Row(40), fold: 2, audiences: vec![AudienceNumber(1)] };
        let mut subject = Subject::default();
        let both = || [building(1, asks("Ana")), building(2, asks("Bea"))];
        subject.put(both());
        subject.1.go_on(&mut subject.0, Some(&stored), 9);
        assert_eq!(subject.state(), (vec![1], 40));
        assert_eq!(subject.1.progress(), Some(stored.clone()));
        // An older program evaluated all of them.
        let of_all = BuiltUpTo { audiences: Vec::new(), ..stored.clone() };
        let mut subject = Subject::default();
        subject.put(both());
        subject.1.go_on(&mut subject.0, Some(&of_all), 9);
        assert_eq!(subject.state(), (vec![1, 2], 40));
        // What is of another fold does not count.
        subject.1.go_on(&mut subject.0, Some(&BuiltUpTo { fold: 1, ..stored }), 9);
        assert_eq!(subject.state(), (vec![1, 2], 0));
    }
}
