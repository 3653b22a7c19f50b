//! Moves of rows into and out of search sets.
//!
//! Many moves wait in memory for a checkpoint, so they are packed: a move takes three bytes, and the moves of a
//! row in one direction take twelve more. A row has each of its moves once.

use std::collections::BTreeSet;

use crate::model::member::Profile;
use crate::model::search::{Token, push_tokens, same_words};
use crate::model::{Member, Row};
use crate::table::index::search::place::split_row;

/// Marks a row that leaves the sets of the tokens. Rows stay far below 2^63.
const LEAVES: u64 = 1 << 63;
/// The memory of an entry of an overlay, in bytes.
const ENTRY_BYTES: usize = 32;
/// Most members have at most this many words.
const WORDS: usize = 32;

/// A row moves into or out of the set of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordMove {
    pub row: Row,
    pub token: Token,
    pub enters: bool,
}

/// The moves of one row.
#[derive(Debug, Default)]
pub struct RowMoves {
    /// The tokens whose sets the row enters.
    enters: Vec<Token>,
    /// Those whose sets it leaves.
    leaves: Vec<Token>,
}

impl RowMoves {
    /// The moves of a row whose member becomes `after`; `None` before it exists and after it is deleted.
    pub fn of(before: Option<&Member>, after: Option<&Member>) -> Self {
        match (before.map(|member| &member.profile), after.map(|member| &member.profile)) {
            (Some(before), Some(after)) if same_words(before, after) => Self::default(),
            (None, after) => Self { enters: after.map_or(Vec::new(), tokens), leaves: Vec::new() },
            (Some(before), None) => Self { enters: Vec::new(), leaves: tokens(before) },
            (Some(before), Some(after)) => {
                let (old, new) = (tokens(before), tokens(after));
                let without = |some: &[Token], others: &[Token]| {
                    some.iter().copied().filter(|token| others.binary_search(token).is_err()).collect()
                };
                Self { enters: without(&new, &old), leaves: without(&old, &new) }
            }
        }
    }

    /// One move.
    #[cfg(test)]
    pub fn one(token: Token, enters: bool) -> Self {
        let (token, none) = (vec![token], Vec::new());
        if enters { Self { enters: token, leaves: none } } else { Self { enters: none, leaves: token } }
    }
}

/// Moves, in order.
#[derive(Debug, Clone, Default)]
pub struct WordMoves {
    rows: Vec<RowEnd>,
    tokens: Vec<Packed>,
}

/// A row and its direction, and the end of its tokens.
#[derive(Debug, Clone, Copy)]
struct RowEnd {
    /// The row, marked if it leaves, in two halves that need no room for alignment.
    row: [u32; 2],
    end: u32,
}

/// The three bytes of a token.
type Packed = [u8; 3];

impl WordMoves {
    /// Adds the moves of a row.
    pub fn add(&mut self, row: Row, moves: &RowMoves) {
        for (mark, tokens) in [(0, &moves.enters), (LEAVES, &moves.leaves)] {
            if !tokens.is_empty() {
                self.tokens.extend(tokens.iter().copied().map(pack));
                self.rows.push(RowEnd::new(row.0 | mark, self.tokens.len()));
            }
        }
    }

    /// Adds later moves.
    pub fn append(&mut self, later: &Self) {
        let start = self.tokens.len();
        self.tokens.extend(&later.tokens);
        self.rows.extend(later.rows.iter().map(|row| RowEnd::new(row.marked(), start + row.end())));
    }

    /// The rows that move. One that enters some sets and leaves others counts twice.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Their memory, in entries of an overlay.
    pub fn weight(&self) -> usize {
        (size_of_val(self.rows.as_slice()) + size_of_val(self.tokens.as_slice())).div_ceil(ENTRY_BYTES)
    }

    /// Whether there are no moves.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The chunks of the rows that move.
    pub fn chunks(&self) -> BTreeSet<u64> {
        let mut chunks = BTreeSet::new();
        let mut last = None;
        for row in &self.rows {
            // Most rows are in the same chunk as the row before.
            let (chunk, _) = split_row(row.row());
            if last != Some(chunk) {
                chunks.insert(chunk);
                last = Some(chunk);
            }
        }
        chunks
    }

    /// Every move, in order.
    pub fn each(&self, see: impl FnMut(WordMove)) {
        self.each_if(|_| true, see);
    }

    /// Every move of the rows that are `wanted`, in order.
    pub fn each_if(&self, wanted: impl Fn(Row) -> bool, mut see: impl FnMut(WordMove)) {
        let mut start = 0;
        for place in &self.rows {
            let (row, enters, end) = (place.row(), place.marked() & LEAVES == 0, place.end());
            if wanted(row) {
                for token in self.tokens.get(start..end).unwrap_or_default() {
                    see(WordMove { row, token: unpack(*token), enters });
                }
            }
            start = end;
        }
    }
}

impl RowEnd {
    fn new(marked: u64, end: usize) -> Self {
        let [b0, b1, b2, b3, b4, b5, b6, b7] = marked.to_le_bytes();
        let row = [[b0, b1, b2, b3], [b4, b5, b6, b7]].map(u32::from_le_bytes);
        Self { row, end: u32::try_from(end).unwrap_or(u32::MAX) }
    }

    fn marked(&self) -> u64 {
        let [low, high] = self.row;
        u64::from(high) << 32 | u64::from(low)
    }

    fn row(&self) -> Row {
        Row(self.marked() & !LEAVES)
    }

    fn end(&self) -> usize {
        usize::try_from(self.end).unwrap_or(usize::MAX)
    }
}

fn pack(token: Token) -> Packed {
    let [b0, b1, b2, _] = token.to_le_bytes();
    [b0, b1, b2]
}

fn unpack([b0, b1, b2]: Packed) -> Token {
    u32::from_le_bytes([b0, b1, b2, 0])
}

/// The tokens of a profile, in order and each once.
fn tokens(profile: &Profile) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(WORDS);
    push_tokens(profile, &mut tokens);
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(moves: &WordMoves) -> Vec<WordMove> {
        let mut seen = Vec::new();
        moves.each(|change| seen.push(change));
        seen
    }

    proptest! {
        #[test]
        fn moves_come_back_as_they_were_added(
            batches in proptest::collection::vec(
                proptest::collection::vec((0..1_u64 << 63, 0_u32..1 << 24, any::<bool>()), 0..8),
                0..4,
            ),
        ) {
            let mut all = WordMoves::default();
            for batch in &batches {
                let mut moves = WordMoves::default();
                for (row, token, enters) in batch {
                    moves.add(Row(*row), &RowMoves::one(*token, *enters));
                }
                all.append(&moves);
            }
            let expected = batches.iter().flatten();
            let expected: Vec<WordMove> = expected
                .map(|(row, token, enters)| WordMove { row: Row(*row), token: *token, enters: *enters })
                .collect();
            prop_assert_eq!(all.len(), expected.len());
            prop_assert_eq!(all.weight(), (15 * expected.len()).div_ceil(32));
            prop_assert_eq!(seen(&all), expected);
        }
    }
}
