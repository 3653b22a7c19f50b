//! The moves of a closed piece, ordered by the groups of their tokens, so that a search looks only at those
//! of its own groups.
//!
//! It is made from the moves, which stay as they are, when a search first wants it. It takes two bytes for
//! each move, and 8 KiB.

use crate::model::search::{Token, TokenRange};
use crate::table::index::search::moves::{ENTRY_BYTES, WordMove, WordMoves};
use crate::table::index::search::place::{GROUPS, join_token, split_token};

/// A piece has at most this many moves, unless a single row has more.
pub const PIECE_MOVES: usize = 0xffff;

/// For each group the rows that move, by their places among the rows of the piece, in order.
#[derive(Debug)]
pub struct Ordered {
    /// A row is there once for each of its tokens in the group.
    rows: Box<[u16]>,
    /// Where the rows of each group end.
    ends: Box<[u16]>,
    /// Whether some row leaves a set.
    has_leaving: bool,
}

impl Ordered {
    /// The order of these moves; `None` if there are too many for it.
    pub fn of(moves: &WordMoves) -> Option<Self> {
        if moves.moves() > PIECE_MOVES {
            return None;
        }
        let mut ends = vec![0_u16; GROUPS];
        moves.each_token(|_, token| {
            if let Some(count) = ends.get_mut(usize::from(split_token(token).0)) {
                *count += 1;
            }
        });
        // Counts become the starts of the groups, and the starts become ends while the groups are filled.
        let mut all = 0;
        for count in &mut ends {
            (*count, all) = (all, all + *count);
        }
        let mut rows = vec![0_u16; usize::from(all)];
        moves.each_token(|place, token| {
            let Some(end) = ends.get_mut(usize::from(split_token(token).0)) else { return };
            if let Some(row) = rows.get_mut(usize::from(*end)) {
                *row = u16::try_from(place).unwrap_or(u16::MAX);
                *end += 1;
            }
        });
        Some(Self { rows: rows.into(), ends: ends.into(), has_leaving: moves.has_leaving() })
    }

    /// Its memory, in entries of an overlay.
    pub fn weight(&self) -> usize {
        (size_of_val(&*self.rows) + size_of_val(&*self.ends)).div_ceil(ENTRY_BYTES)
    }

    /// Whether some row leaves a set.
    pub fn has_leaving(&self) -> bool {
        self.has_leaving
    }

    /// Every move with a token in `range`, group by group, and within each in order. `moves` are those of the
    /// piece. Returns how many rows it looked at.
    pub fn each(&self, moves: &WordMoves, range: &TokenRange, mut see: impl FnMut(WordMove)) -> usize {
        let mut looked = 0;
        for group in split_token(range.first).0..=split_token(range.last).0 {
            let (first, last) = within(group, range);
            let mut before = None;
            for place in self.rows_of(group) {
                if before.replace(*place) != Some(*place) {
                    moves.each_at(usize::from(*place), first, last, &mut see);
                }
            }
            looked += self.rows_of(group).len();
        }
        looked
    }

    fn rows_of(&self, group: u16) -> &[u16] {
        let group = usize::from(group);
        let end_of = |group: usize| self.ends.get(group).map_or(0, |end| usize::from(*end));
        let start = group.checked_sub(1).map_or(0, end_of);
        self.rows.get(start..end_of(group)).unwrap_or_default()
    }
}

/// The tokens of a group that are in a range.
fn within(group: u16, range: &TokenRange) -> (Token, Token) {
    let first = join_token(group, 0);
    let last = join_token(group, 0xfff);
    (first.max(range.first), last.min(range.last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Row;
    use crate::table::index::search::moves::RowMoves;

    proptest! {
        #[test]
        fn ordered_moves_of_a_range_are_those_among_all(
            rows in proptest::collection::vec(
                (0_u64..8, proptest::collection::btree_set(0_u32..20, 0..6), any::<bool>()),
                0..30,
            ),
            first in 0_u32..20,
            length in 0_u32..20,
        ) {
            // Tokens of five groups.
            let token = |small: u32| {
                join_token(u16::try_from(small / 4).unwrap(), u16::try_from(small % 4).unwrap())
            };
            let mut moves = WordMoves::default();
            for (row, tokens, enters) in &rows {
                let tokens = tokens.iter().map(|small| token(*small)).collect();
                moves.add(Row(*row), &RowMoves::some(tokens, *enters));
            }
            let range = TokenRange { first: token(first), last: token(first + length), is_exact: true };
            let mut expected = Vec::new();
            moves.each(|change| expected.extend(range.contains(change.token).then_some(change)));
            // Between groups the order does not matter.
            expected.sort_by_key(|change| split_token(change.token).0);
            let ordered = Ordered::of(&moves).unwrap();
            let mut found = Vec::new();
            let looked = ordered.each(&moves, &range, |change| found.push(change));
            prop_assert!(looked >= found.len());
            prop_assert_eq!(found, expected);
            prop_assert_eq!(ordered.has_leaving(), moves.has_leaving());
        }
    }

    #[test]
    fn too_many_moves_for_a_piece_have_no_order() {
        let moves = |count: u32| {
            let mut moves = WordMoves::default();
            moves.add(Row(1), &RowMoves::some((0..count).collect(), true));
            moves
        };
        assert!(Ordered::of(&moves(0xffff)).is_some());
        assert!(Ordered::of(&moves(0x1_0000)).is_none());
    }
}
