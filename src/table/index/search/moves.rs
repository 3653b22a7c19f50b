//! Moves of rows into and out of search sets.

use std::collections::BTreeSet;

use crate::model::member::Profile;
use crate::model::search::{Token, push_tokens, same_words};
use crate::model::{Member, Row};
use crate::table::index::search::place::split_row;

/// Marks a token that the row loses; tokens have 18 bits.
const LEAVES: u32 = 1 << 31;
/// So many rows, and so many moves, take the memory of an entry of an overlay.
const ROWS_OF_ENTRY: usize = 2;
const MOVES_OF_ENTRY: usize = 8;
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
pub struct RowMoves(Vec<u32>);

impl RowMoves {
    /// The moves of a row whose member becomes `after`; `None` before it exists and after it is deleted.
    pub fn of(before: Option<&Member>, after: Option<&Member>) -> Self {
        match (before.map(|member| &member.profile), after.map(|member| &member.profile)) {
            (Some(before), Some(after)) if same_words(before, after) => Self::default(),
            (Some(before), Some(after)) => {
                let (old, mut new) = (tokens(before), tokens(after));
                let left: Vec<u32> = old.iter().copied().filter(|t| new.binary_search(t).is_err()).collect();
                new.retain(|token| old.binary_search(token).is_err());
                new.extend(left.into_iter().map(|token| token | LEAVES));
                Self(new)
            }
            (Some(before), None) => Self(some(before).into_iter().map(|token| token | LEAVES).collect()),
            (None, Some(after)) => Self(some(after)),
            (None, None) => Self::default(),
        }
    }

    /// One move.
    #[cfg(test)]
    pub fn one(token: Token, enters: bool) -> Self {
        Self(vec![if enters { token } else { token | LEAVES }])
    }
}

/// Moves, in order.
#[derive(Debug, Clone, Default)]
pub struct WordMoves {
    /// Each row with the end of its moves in `tokens`.
    rows: Vec<(Row, u32)>,
    /// Tokens, marked if the row loses them.
    tokens: Vec<u32>,
}

impl WordMoves {
    /// Adds the moves of a row.
    pub fn add(&mut self, row: Row, moves: &RowMoves) {
        if moves.0.is_empty() {
            return;
        }
        self.tokens.extend(&moves.0);
        self.rows.push((row, u32::try_from(self.tokens.len()).unwrap_or(u32::MAX)));
    }

    /// Adds later moves.
    pub fn append(&mut self, later: &Self) {
        let start = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX);
        self.tokens.extend(&later.tokens);
        self.rows.extend(later.rows.iter().map(|(row, end)| (*row, end.saturating_add(start))));
    }

    /// The rows that move.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Their memory, in entries of an overlay.
    pub fn weight(&self) -> usize {
        self.rows.len().div_ceil(ROWS_OF_ENTRY) + self.tokens.len().div_ceil(MOVES_OF_ENTRY)
    }

    /// Whether there are no moves.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The chunks of the rows that move.
    pub fn chunks(&self) -> BTreeSet<u64> {
        let mut chunks = BTreeSet::new();
        let mut last = None;
        for (row, _) in &self.rows {
            // Most rows are in the same chunk as the row before.
            let (chunk, _) = split_row(*row);
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
        for (row, end) in &self.rows {
            let end = usize::try_from(*end).unwrap_or(usize::MAX);
            if wanted(*row) {
                for token in self.tokens.get(start..end).unwrap_or_default() {
                    see(WordMove { row: *row, token: token & !LEAVES, enters: token & LEAVES == 0 });
                }
            }
            start = end;
        }
    }
}

/// The tokens of a profile, some more than once.
fn some(profile: &Profile) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(WORDS);
    push_tokens(profile, &mut tokens);
    tokens
}

/// The tokens of a profile, in order and each once.
fn tokens(profile: &Profile) -> Vec<Token> {
    let mut tokens = some(profile);
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}
