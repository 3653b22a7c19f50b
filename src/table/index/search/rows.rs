//! The rows whose members have words with given tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::Engine;
use crate::model::BaseNumber;
use crate::model::search::{Token, TokenRange};
use crate::stored::DecodeError;
use crate::stored::search::{self, SetRows};
use crate::table::TableError;
use crate::table::index::scan::for_each;
use crate::table::index::search::delta::Delta;
use crate::table::index::search::moves::WordMove;
use crate::table::index::search::place::{join_token, split_row, split_token};
use crate::table::index::sets::Chunk;

/// Moves are applied in pieces of so many rows, between which others get their turn.
const ROWS_AT_ONCE: usize = 4_096;
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
    let mut rows = 0;
    for moves in delta.iter() {
        rows += moves.len();
        if rows >= ROWS_AT_ONCE {
            rows = 0;
            tokio::task::yield_now().await;
        }
        moves.each(|change| {
            for (range, found) in ranges.iter().zip(&mut found) {
                if range.contains(change.token) {
                    found.change(change);
                }
            }
        });
    }
    for (range, found) in ranges.iter().zip(&mut found) {
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

/// The rows that have a token of one range.
#[derive(Default)]
struct Found {
    /// Where the moves lead. A row may leave the set of one token and stay in that of another, so these are
    /// kept apart by token.
    moved: BTreeMap<Token, Moved>,
    /// The rows that are in some stored set and do not leave it, by chunk.
    stored: BTreeMap<u64, Bits>,
}

/// The rows that enter and leave the set of a token. A row is in at most one of the two.
#[derive(Default)]
struct Moved {
    enter: WordRows,
    leave: WordRows,
}

impl Found {
    fn change(&mut self, change: WordMove) {
        let (chunk, low) = split_row(change.row);
        let Moved { enter, leave } = self.moved.entry(change.token).or_default();
        let (to, from) = if change.enters { (enter, leave) } else { (leave, enter) };
        to.entry(chunk).or_default().insert(low);
        if let Some(from) = from.get_mut(&chunk) {
            from.remove(low);
        }
    }

    /// Adds a stored set.
    fn add(&mut self, token: Token, chunk: u64, rows: SetRows<'_>) -> Result<(), DecodeError> {
        let bits = self.stored.entry(chunk).or_default();
        let leave = self.moved.get(&token).and_then(|moved| moved.leave.get(&chunk));
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
        let mut rows: WordRows = self.stored.into_iter().map(|(chunk, bits)| (chunk, bits.rows())).collect();
        for (chunk, enter) in self.moved.into_values().flat_map(|moved| moved.enter) {
            *rows.entry(chunk).or_default() |= enter;
        }
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
