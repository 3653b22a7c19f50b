//! The rows whose members have words with given tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::Engine;
use crate::model::BaseNumber;
use crate::model::search::{Token, TokenRange};
use crate::stored::search;
use crate::table::TableError;
use crate::table::index::scan::for_each;
use crate::table::index::search::delta::Delta;
use crate::table::index::search::place::{join_token, split_row, split_token};
use crate::table::index::sets::{Chunk, union};

/// Moves are applied in pieces of so many rows, between which others get their turn.
const ROWS_AT_ONCE: usize = 4_096;

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
    // A row may leave the set of one token and stay in that of another of the same range, so the sets are
    // united last.
    let mut sets: Vec<BTreeMap<Token, WordRows>> = vec![BTreeMap::new(); ranges.len()];
    for (range, sets) in ranges.iter().zip(&mut sets) {
        let groups = split_token(range.first).0..=split_token(range.last).0;
        for_each(engine, search::groups(base, groups), |key, value| {
            let (group, chunk, _) = search::part_of(&key)
                .ok_or_else(|| TableError::Damaged("the key of a search set cannot be read".to_owned()))?;
            for (place, rows) in search::decode(&value)? {
                let token = join_token(group, place);
                if range.contains(token) {
                    sets.entry(token).or_default().insert(chunk, rows);
                }
            }
            Ok(())
        })
        .await?;
    }
    let mut rows = 0;
    for moves in delta.iter() {
        rows += moves.len();
        if rows >= ROWS_AT_ONCE {
            rows = 0;
            tokio::task::yield_now().await;
        }
        moves.each(|change| {
            for (range, sets) in ranges.iter().zip(&mut sets) {
                if !range.contains(change.token) {
                    continue;
                }
                let (chunk, low) = split_row(change.row);
                let rows = sets.entry(change.token).or_default().entry(chunk).or_default();
                if change.enters {
                    rows.insert(low)
                } else {
                    rows.remove(low)
                };
            }
        });
    }
    Ok(sets.into_iter().map(|sets| together(&sets)).collect())
}

/// The rows of all tokens.
fn together(sets: &BTreeMap<Token, WordRows>) -> WordRows {
    let mut by_chunk: BTreeMap<u64, Vec<&Chunk>> = BTreeMap::new();
    for (chunk, rows) in sets.values().flatten().filter(|(_, rows)| !rows.is_empty()) {
        by_chunk.entry(*chunk).or_default().push(rows);
    }
    by_chunk.into_iter().map(|(chunk, rows)| (chunk, union(rows.into_iter()))).collect()
}
