//! Builds the search sets of a base from its members, while the base opens.

use std::ops::Bound;
use std::sync::Arc;

use crate::engine::{Batch, Direction, Engine, KeyRange, commit_caught_up};
use crate::model::search::SEARCH_VERSION;
use crate::model::{BaseNumber, Row};
use crate::stored::block::ROWS_PER_BLOCK;
use crate::stored::index::IndexState;
use crate::stored::{key, search};
use crate::table::TableError;
use crate::table::index::search::by_group::{ChunkMoves, apply};
use crate::table::index::search::moves::{RowMoves, WordMoves};
use crate::table::index::sets::CHUNK_ROWS;
use crate::table::index::walk::{self, Seen};

/// Bytes of sets in one batch.
const BYTES_AT_ONCE: usize = 256 * 1024;
/// Parts of older sets deleted in one batch.
const DELETED_AT_ONCE: usize = 500;

/// Stores the sets of all members in `chunks`, and then `stored` with the note that they are there. Until
/// then nothing counts, so an interrupted build begins again.
pub async fn build(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    chunks: Vec<u64>,
    stored: &IndexState,
) -> Result<IndexState, TableError> {
    delete(engine, search::all(base)).await?;
    for chunk in chunks {
        build_chunk(engine, base, chunk).await?;
    }
    let stored = IndexState { search: SEARCH_VERSION, ..stored.clone() };
    let mut batch = Batch::default();
    batch.put(key::index(base), stored.encode());
    commit_caught_up(&**engine, batch).await?;
    Ok(stored)
}

async fn build_chunk(engine: &Arc<dyn Engine>, base: BaseNumber, chunk: u64) -> Result<(), TableError> {
    let block = |chunk: u64| key::block(base, chunk.saturating_mul(CHUNK_ROWS / ROWS_PER_BLOCK), 0);
    let range = KeyRange { start: Bound::Included(block(chunk)), end: Bound::Excluded(block(chunk + 1)) };
    let mut moves = WordMoves::default();
    walk::walk_range(engine, base, range, |seen| {
        // A damaged member must not keep the base from opening. No read shows it.
        if let Seen::Member(row, member) = seen {
            moves.add(Row(row), &RowMoves::of(None, Some(&member)));
        }
        true
    })
    .await?;
    let mut batch = Batch::default();
    for (group, steps) in ChunkMoves::of(chunk, &[Arc::new(moves)]).await.groups() {
        let mut entries = Vec::new();
        apply(steps, &mut entries);
        for (first, part) in search::encode(&entries) {
            batch.put(search::part(base, group, chunk, first), part);
        }
        if batch.bytes() >= BYTES_AT_ONCE {
            commit_caught_up(&**engine, std::mem::take(&mut batch)).await?;
        }
    }
    if batch.bytes() > 0 {
        commit_caught_up(&**engine, batch).await?;
    }
    Ok(())
}

async fn delete(engine: &Arc<dyn Engine>, range: KeyRange) -> Result<(), TableError> {
    loop {
        let pairs = engine.scan(range.clone(), Direction::Forward, DELETED_AT_ONCE).await?;
        if pairs.is_empty() {
            return Ok(());
        }
        let deletes = pairs.into_iter().map(|(key, _)| key).collect();
        commit_caught_up(&**engine, Batch { deletes, ..Batch::default() }).await?;
    }
}
