//! The moves that the stored search sets lack.
//!
//! They are kept in pieces of some 65,000 moves. To add moves costs nothing but their memory. A search orders
//! the pieces that it finds closed and without an order, but only some of them ([`Delta::find`]), so no
//! single search pays for a large load before it. The last piece is open: searches look at all of its moves.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::table::index::search::moves::WordMoves;
use crate::table::index::search::ordered::{Ordered, PIECE_MOVES};

/// Moves since the last checkpoint, in order, oldest first.
#[derive(Debug, Default)]
pub struct Delta {
    /// The moves that a running checkpoint writes.
    frozen: Vec<Piece>,
    /// The others. All but the last piece are closed.
    active: Vec<Piece>,
    /// What the active moves weigh.
    weight: usize,
    /// What the orders of active pieces weigh.
    ordered: AtomicUsize,
}

/// Some of the moves, in order.
#[derive(Debug, Default)]
struct Piece {
    moves: Arc<WordMoves>,
    /// What a search made of them, once they are closed.
    ordered: OnceLock<Option<Ordered>>,
}

/// Some of the moves, as a search finds them.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The moves.
    pub moves: &'a WordMoves,
    /// Their order, if they have one.
    pub ordered: Option<&'a Ordered>,
    /// Whether the order was made just now.
    pub is_new: bool,
}

impl Piece {
    fn weight(&self) -> usize {
        self.moves.weight() + self.known_order().map_or(0, Ordered::weight)
    }

    fn known_order(&self) -> Option<&Ordered> {
        self.ordered.get().and_then(Option::as_ref)
    }
}

impl Delta {
    /// Adds the moves of a batch.
    pub fn add(&mut self, moves: &Arc<WordMoves>) {
        self.weight += moves.weight();
        let mut first = 0;
        while first < moves.len() {
            // An order would not have what is added. A piece has one already if a checkpoint of it failed.
            if self.active.last().is_none_or(|last| last.ordered.get().is_some()) {
                self.active.push(Piece::default());
            }
            let Some(last) = self.active.last_mut() else { return };
            let here = Arc::make_mut(&mut last.moves);
            let next = here.append(moves, first, PIECE_MOVES);
            if next < moves.len() {
                here.close();
                self.active.push(Piece::default());
            }
            first = next;
        }
    }

    /// What the moves that wait for a checkpoint weigh.
    pub fn waiting(&self) -> usize {
        self.weight + self.ordered.load(Ordering::Relaxed)
    }

    /// All moves, in order. Makes the orders of up to `most` pieces that have none yet.
    pub fn find(&self, mut most: usize) -> impl Iterator<Item = Found<'_>> {
        let frozen = self.frozen.iter().map(|piece| (piece, true, false));
        let open = self.active.len().saturating_sub(1);
        let active = self.active.iter().enumerate().map(move |(place, piece)| (piece, place < open, true));
        frozen.chain(active).map(move |(piece, is_closed, is_active)| {
            let (mut ordered, mut is_new) = (piece.known_order(), false);
            if is_closed && most > 0 && piece.ordered.get().is_none() {
                most -= 1;
                let made = piece.ordered.get_or_init(|| {
                    is_new = true;
                    Ordered::of(&piece.moves)
                });
                ordered = made.as_ref();
                if is_new && is_active {
                    self.ordered.fetch_add(ordered.map_or(0, Ordered::weight), Ordering::Relaxed);
                }
            }
            Found { moves: &piece.moves, ordered, is_new }
        })
    }

    /// Freezes the moves for a checkpoint. New ones are added after them.
    pub fn freeze(&mut self) -> Vec<Arc<WordMoves>> {
        (self.weight, self.ordered) = (0, AtomicUsize::new(0));
        self.frozen = std::mem::take(&mut self.active);
        self.frozen.iter().map(|piece| Arc::clone(&piece.moves)).collect()
    }

    /// Drops the frozen moves after a checkpoint, if they were `written`.
    pub fn thaw(&mut self, written: bool) {
        let mut frozen = std::mem::take(&mut self.frozen);
        if !written {
            self.weight += frozen.iter().map(Piece::weight).sum::<usize>();
            frozen.append(&mut self.active);
            self.active = frozen;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Row;
    use crate::table::index::search::moves::RowMoves;

    /// The moves of so many rows into twenty sets each.
    fn batch(rows: std::ops::Range<u64>) -> Arc<WordMoves> {
        let mut moves = WordMoves::default();
        rows.for_each(|row| moves.add(Row(row), &RowMoves::some((0..20).collect(), true)));
        Arc::new(moves)
    }

    fn ordered(delta: &Delta, most: usize) -> Vec<bool> {
        delta.find(most).map(|found| found.ordered.is_some()).collect()
    }

    #[test]
    fn closed_pieces_get_an_order_and_count_until_they_are_written() {
        let mut delta = Delta::default();
        // 3,276 rows fill a piece.
        (0..10).for_each(|n| delta.add(&batch(n * 1_000..(n + 1) * 1_000)));
        let weight = delta.waiting();
        assert_eq!(ordered(&delta, 0), [false; 4]);
        assert_eq!(delta.find(0).map(|found| found.moves.len()).sum::<usize>(), 10_000);
        assert_eq!(ordered(&delta, 2), [true, true, false, false]);
        let more = 2 * (3_276 * 20 * 2 + 8_192_usize).div_ceil(32);
        assert_eq!(delta.waiting(), weight + more);
        // The open piece has none.
        assert_eq!(ordered(&delta, 9), [true, true, true, false]);
        let weight = delta.waiting();
        assert_eq!(delta.freeze().len(), 4);
        assert_eq!(delta.waiting(), 0);
        // What is frozen is closed, and does not wait any more.
        delta.add(&batch(0..1));
        assert_eq!(ordered(&delta, 9), [true, true, true, true, false]);
        assert_eq!(delta.waiting(), 3);
        delta.thaw(false);
        assert!(delta.waiting() > weight);
        assert_eq!(ordered(&delta, 9), [true, true, true, true, false]);
        delta.add(&batch(1..3_276));
        delta.add(&batch(0..1));
        assert_eq!(ordered(&delta, 9), [true, true, true, true, true, false]);
        delta.freeze();
        delta.thaw(false);
        assert_eq!(ordered(&delta, 9), [true, true, true, true, true, false]);
        // What has an order takes no more moves.
        delta.freeze();
        assert_eq!(ordered(&delta, 9), [true; 6]);
        delta.thaw(false);
        delta.add(&batch(0..1));
        assert_eq!(ordered(&delta, 9), [true, true, true, true, true, true, false]);
        delta.freeze();
        delta.thaw(true);
        assert_eq!((delta.waiting(), delta.find(0).count()), (0, 0));
    }
}
