//! The rows whose members have words with given tokens.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::engine::Engine;
use crate::model::search::{Token, TokenRange};
use crate::model::{BaseNumber, Row};
use crate::stored::DecodeError;
use crate::stored::search::{self, SetRows};
use crate::table::TableError;
use crate::table::index::scan::for_each;
use crate::table::index::search::delta::{self, Delta};
use crate::table::index::search::moves::WordMove;
use crate::table::index::search::place::{join_token, split_row, split_token};
use crate::table::index::sets::Chunk;

/// After looking at so many moves, others get their turn. It takes some tenths of a millisecond.
const MOVES_AT_ONCE: usize = 0x1_0000;
/// The most pieces of moves that one search orders: some five milliseconds.
const ORDERED_AT_ONCE: usize = 16;
/// The bytes that have a bit for each row of a chunk.
const CHUNK_BYTES: usize = 8_192;

/// Rows by chunk.
pub type WordRows = BTreeMap<u64, Chunk>;

/// For each range, the rows that have a token in it. The caller holds the view lock, so that no checkpoint
/// writes meanwhile.
pub async fn read(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    delta: &Delta,
    ranges: &[TokenRange],
) -> Result<Vec<WordRows>, TableError> {
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<Found> = ranges.iter().map(|_| Found::default()).collect();
    let mut pieces = Vec::new();
    for piece in delta.find(ORDERED_AT_ONCE) {
        pieces.push(piece);
        if piece.is_new {
            tokio::task::yield_now().await;
        }
    }
    look(&pieces, ranges, &mut found, Looks::AtLeaving).await;
    look(&pieces, ranges, &mut found, Looks::AtAll).await;
    for (range, found) in ranges.iter().zip(&mut found) {
        found.settle();
        let groups = split_token(range.first).0..=split_token(range.last).0;
        for_each(engine, search::groups(base, groups), |key, value| {
            let (group, chunk, _) = search::part_of(&key)
                .ok_or_else(|| TableError::Damaged("the key of a search set cannot be read".to_owned()))?;
            search::decode(&value, |place, rows| {
                let token = join_token(group, place);
                if range.contains(token) { found.add(token, chunk, rows) } else { Ok(()) }
            })?;
            Ok(())
        })
        .await?;
    }
    Ok(found.into_iter().map(Found::finish).collect())
}

/// Which moves are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// Only those of rows that leave sets.
    AtLeaving,
    AtAll,
}

/// Looks at the moves of these pieces, and lets other tasks go first now and then.
async fn look(pieces: &[delta::Found<'_>], ranges: &[TokenRange], found: &mut [Found], looks: Looks) {
    let mut looked = 0;
    for delta::Found { moves, ordered, .. } in pieces {
        match (ordered, looks) {
            (Some(ordered), Looks::AtLeaving) if !ordered.has_leaving() => {}
            (Some(ordered), _) => {
                for (range, found) in ranges.iter().zip(&mut *found) {
                    looked += ordered.each(moves, range, |change| found.see(change, looks));
                }
            }
            (None, _) => {
                moves.each_if(
                    |_, enters| looks == Looks::AtAll || !enters,
                    |change| {
                        for (range, found) in ranges.iter().zip(&mut *found) {
                            if range.contains(change.token) {
                                found.see(change, looks);
                            }
                        }
                    },
                );
                looked += moves.moves();
            }
        }
        if looked >= MOVES_AT_ONCE {
            looked = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// The rows that have a token of one range.
#[derive(Default)]
struct Found {
    /// Where the moves of rows lead that leave sets. A row may leave the set of one token and stay in that of
    /// another, so these are kept apart by token.
    leaving: HashMap<(Token, Row), bool, RandomState>,
    /// The rows that leave each stored set, by its token and chunk.
    left: HashMap<(Token, u64), Chunk, RandomState>,
    /// The rows that enter some set, or are in a stored set and do not leave it, by chunk.
    rows: BTreeMap<u64, Bits>,
}

impl Found {
    /// Sees a move. Those of rows that leave must be seen first.
    fn see(&mut self, change: WordMove, looks: Looks) {
        let WordMove { row, token, enters } = change;
        if looks == Looks::AtLeaving {
            if !enters {
                self.leaving.insert((token, row), false);
            }
            return;
        }
        // Most members that were added never left a set since.
        let leaving = if self.leaving.is_empty() { None } else { self.leaving.get_mut(&(token, row)) };
        match leaving {
            // The last move counts.
            Some(leads) => *leads = enters,
            None => self.enter(row),
        }
    }

    fn enter(&mut self, row: Row) {
        let (chunk, low) = split_row(row);
        self.rows.entry(chunk).or_default().set(u16::try_from(low).unwrap_or(u16::MAX));
    }

    /// Every move was seen.
    fn settle(&mut self) {
        for ((token, row), enters) in std::mem::take(&mut self.leaving) {
            if enters {
                self.enter(row);
            } else {
                let (chunk, low) = split_row(row);
                self.left.entry((token, chunk)).or_default().insert(low);
            }
        }
    }

    /// Adds a stored set.
    fn add(&mut self, token: Token, chunk: u64, rows: SetRows<'_>) -> Result<(), DecodeError> {
        let bits = self.rows.entry(chunk).or_default();
        let leave = self.left.get(&(token, chunk));
        match (rows, leave) {
            (SetRows::Few(rows), None) => rows.iter().for_each(|row| bits.set(u16::from_le_bytes(*row))),
            (rows, leave) => {
                let mut rows = rows.bitmap()?;
                leave.iter().for_each(|leave| rows -= *leave);
                rows.iter().filter_map(|row| u16::try_from(row).ok()).for_each(|row| bits.set(row));
            }
        }
        Ok(())
    }

    /// The rows of all tokens.
    fn finish(self) -> WordRows {
        let mut rows: WordRows = self.rows.into_iter().map(|(chunk, bits)| (chunk, bits.rows())).collect();
        rows.retain(|_, rows| !rows.is_empty());
        rows
    }
}

/// The rows of one chunk, one bit for each. Most sets have few rows, and there may be thousands of them.
struct Bits(Vec<u8>);

impl Default for Bits {
    fn default() -> Self {
        Self(vec![0; CHUNK_BYTES])
    }
}

impl Bits {
    fn set(&mut self, row: u16) {
        if let Some(byte) = self.0.get_mut(usize::from(row / 8)) {
            *byte |= 1 << (row % 8);
        }
    }

    fn rows(&self) -> Chunk {
        Chunk::from_lsb0_bytes(0, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::table::index::search::moves::{RowMoves, WordMoves};
    use crate::table::index::search::ordered::Ordered;

    /// Tokens of several groups.
    fn token(small: u32) -> Token {
        join_token(u16::try_from(small / 3).unwrap(), u16::try_from(small % 3).unwrap())
    }

    proptest! {
        #[test]
        fn moves_with_and_without_an_order_lead_to_the_same_rows(
            pieces in proptest::collection::vec(
                (any::<bool>(), proptest::collection::vec((0_u64..4, 0_u32..12, any::<bool>()), 0..20)),
                0..5,
            ),
            stored in proptest::collection::btree_set((0_u32..12, 0_u64..4), 0..20),
            ranges in proptest::collection::vec((0_u32..12, 0_u32..12), 1..4),
        ) {
            // Rows in several chunks.
            let row = |small: u64| Row(small * 40_000);
            let mut expected = stored.clone();
            let mut made = Vec::new();
            for (is_ordered, changes) in &pieces {
                let mut moves = WordMoves::default();
                for (small, of, enters) in changes {
                    let pair = (*of, *small);
                    if *enters { expected.insert(pair) } else { expected.remove(&pair) };
                    moves.add(row(*small), &RowMoves::one(token(*of), *enters));
                }
                let ordered = if *is_ordered { Ordered::of(&moves) } else { None };
                made.push((moves, ordered));
            }
            let pieces: Vec<_> = made
                .iter()
                .map(|(moves, ordered)| delta::Found { moves, ordered: ordered.as_ref(), is_new: false })
                .collect();
            let ranges: Vec<TokenRange> = ranges
                .iter()
                .map(|(first, more)| (token(*first), token(first + more)))
                .map(|(first, last)| TokenRange { first, last, is_exact: true })
                .collect();
            let mut found: Vec<Found> = ranges.iter().map(|_| Found::default()).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for looks in [Looks::AtLeaving, Looks::AtAll] {
                runtime.block_on(look(&pieces, &ranges, &mut found, looks));
            }
            for (range, mut found) in ranges.iter().zip(found) {
                found.settle();
                for (of, small) in stored.iter().filter(|(of, _)| range.contains(token(*of))) {
                    let (chunk, low) = split_row(row(*small));
                    let low = u16::try_from(low).unwrap().to_le_bytes();
                    found.add(token(*of), chunk, SetRows::Few(&[low])).unwrap();
                }
                let rows: BTreeSet<Row> = expected
                    .iter()
                    .filter(|(of, _)| range.contains(token(*of)))
                    .map(|(_, small)| row(*small))
                    .collect();
                let found: BTreeSet<Row> = found
                    .finish()
                    .into_iter()
                    .flat_map(|(chunk, rows)| rows.into_iter().map(move |low| (chunk << 16, low)))
                    .map(|(chunk, low)| Row(chunk | u64::from(low)))
                    .collect();
                prop_assert_eq!(found, rows);
            }
        }
    }
}
