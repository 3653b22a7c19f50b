//! Moves of rows into and out of search sets.
//!
//! Many moves wait in memory for a checkpoint, so they are packed: a move takes three bytes, and the moves of
//! a row in one direction take twelve more. A row has each of its moves once, and those in one direction in
//! the order of their tokens.

use std::collections::BTreeSet;

use crate::model::member::Profile;
use crate::model::search::{Token, push_tokens, push_tokens_of_new, same_words};
use crate::model::{Member, MemberPatch, Row};
use crate::table::index::search::place::split_row;

/// Marks a row that leaves the sets of the tokens. Rows stay far below 2^63.
const LEAVES: u64 = 1 << 63;
/// The memory of an entry of an overlay, in bytes.
pub(super) const ENTRY_BYTES: usize = 32;
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

    /// The moves of the row of a new member that a patch makes.
    pub fn of_new(patch: &MemberPatch) -> Self {
        let enters = each_once(|tokens| push_tokens_of_new(patch, tokens));
        Self { enters, leaves: Vec::new() }
    }

    /// One move.
    #[cfg(test)]
    pub fn one(token: Token, enters: bool) -> Self {
        Self::some(vec![token], enters)
    }

    /// Moves in one direction, in the order of their tokens.
    #[cfg(test)]
    pub fn some(tokens: Vec<Token>, enters: bool) -> Self {
        let none = Vec::new();
        if enters { Self { enters: tokens, leaves: none } } else { Self { enters: none, leaves: tokens } }
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

    /// Adds later moves: those of the rows from the place `first` on, as long as there are at most `most`
    /// moves then. Returns the place of the first row that is left. At least one row is added to no moves.
    pub fn append(&mut self, later: &Self, first: usize, most: usize) -> usize {
        let start = later.start_of(first);
        let room = most.saturating_sub(self.tokens.len());
        let left = later.rows.get(first..).unwrap_or_default();
        let fit = left.partition_point(|row| row.end() - start <= room).max(usize::from(self.is_empty()));
        let added = left.get(..fit).unwrap_or(left);
        let Some(last) = added.last() else { return first };
        self.rows.reserve(added.len());
        for row in added {
            self.rows.push(RowEnd::new(row.marked(), self.tokens.len() + row.end() - start));
        }
        self.tokens.extend(later.tokens.get(start..last.end()).unwrap_or_default());
        first + added.len()
    }

    /// Gives back the memory that is kept for more moves.
    pub fn close(&mut self) {
        self.rows.shrink_to_fit();
        self.tokens.shrink_to_fit();
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

    /// The number of moves.
    pub fn moves(&self) -> usize {
        self.tokens.len()
    }

    /// Whether some row leaves a set.
    pub fn has_leaving(&self) -> bool {
        self.rows.iter().any(|row| !row.enters())
    }

    /// Every move, in order.
    pub fn each(&self, see: impl FnMut(WordMove)) {
        self.each_if(|_, _| true, see);
    }

    /// Every move of the rows that are `wanted`, given whether they enter, in order.
    pub fn each_if(&self, wanted: impl Fn(Row, bool) -> bool, mut see: impl FnMut(WordMove)) {
        let mut start = 0;
        for place in &self.rows {
            let (row, enters, end) = (place.row(), place.enters(), place.end());
            if wanted(row, enters) {
                for token in self.tokens.get(start..end).unwrap_or_default() {
                    see(WordMove { row, token: unpack(*token), enters });
                }
            }
            start = end;
        }
    }

    /// Every token, with the place of its row among the rows that move, in order.
    pub fn each_token(&self, mut see: impl FnMut(usize, Token)) {
        let mut start = 0;
        for (place, row) in self.rows.iter().enumerate() {
            let tokens = self.tokens.get(start..row.end()).unwrap_or_default();
            tokens.iter().for_each(|token| see(place, unpack(*token)));
            start = row.end();
        }
    }

    /// The moves of the row at a place among the rows that move, with tokens from `first` to `last`.
    pub fn each_at(&self, place: usize, first: Token, last: Token, mut see: impl FnMut(WordMove)) {
        let Some(at) = self.rows.get(place) else { return };
        let (row, enters) = (at.row(), at.enters());
        let tokens = self.tokens.get(self.start_of(place)..at.end()).unwrap_or_default();
        let from = tokens.partition_point(|token| unpack(*token) < first);
        let tokens = tokens.iter().skip(from).map(|token| unpack(*token));
        tokens.take_while(|token| *token <= last).for_each(|token| see(WordMove { row, token, enters }));
    }

    /// Where the tokens of the row at a place begin.
    fn start_of(&self, place: usize) -> usize {
        place.checked_sub(1).and_then(|before| self.rows.get(before)).map_or(0, RowEnd::end)
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

    fn enters(&self) -> bool {
        self.marked() & LEAVES == 0
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
    each_once(|tokens| push_tokens(profile, tokens))
}

fn each_once(push: impl FnOnce(&mut Vec<Token>)) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(WORDS);
    push(&mut tokens);
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{MemberRow, Status, Timestamp, UpsertOptions, samples, upsert};

    fn seen(moves: &WordMoves) -> Vec<WordMove> {
        let mut seen = Vec::new();
        moves.each(|change| seen.push(change));
        seen
    }

    proptest! {
        #[test]
        fn a_new_member_has_the_words_of_the_row_that_makes_it(row in samples::row()) {
            let row = MemberRow { if_revision: None, ..row };
            let made = upsert::create(&row, &UpsertOptions::default(), Status::Active, Timestamp::default());
            if let Ok(member) = made {
                prop_assert_eq!(RowMoves::of_new(&row.patch), RowMoves::of(None, Some(&member)));
            }
        }

        #[test]
        fn moves_come_back_as_they_were_added(
            batches in proptest::collection::vec(
                proptest::collection::vec((0..1_u64 << 63, 0_u32..1 << 24, any::<bool>()), 0..8),
                0..4,
            ),
            most in 1_usize..6,
        ) {
            let mut all = WordMoves::default();
            let mut pieces = vec![WordMoves::default()];
            for batch in &batches {
                let mut moves = WordMoves::default();
                for (row, token, enters) in batch {
                    moves.add(Row(*row), &RowMoves::one(*token, *enters));
                }
                prop_assert_eq!(all.append(&moves, 0, usize::MAX), moves.len());
                let mut first = 0;
                while first < moves.len() {
                    let next = pieces.last_mut().unwrap().append(&moves, first, most);
                    if next == first {
                        pieces.push(WordMoves::default());
                    }
                    first = next;
                }
            }
            let expected = batches.iter().flatten();
            let expected: Vec<WordMove> = expected
                .map(|(row, token, enters)| WordMove { row: Row(*row), token: *token, enters: *enters })
                .collect();
            prop_assert_eq!(all.len(), expected.len());
            prop_assert_eq!(all.weight(), (15 * expected.len()).div_ceil(32));
            prop_assert_eq!(pieces.iter().flat_map(seen).collect::<Vec<_>>(), expected.clone());
            let full = pieces.split_last().unwrap().1;
            prop_assert!(full.iter().all(|piece| piece.len() == most));
            prop_assert_eq!(seen(&all), expected);
        }
    }
}
