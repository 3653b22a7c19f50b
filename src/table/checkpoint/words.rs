//! Writes the moves between search sets into the stored sets.
//!
//! The sets of a group in a chunk are read, changed and written as a whole. A batch is published under the
//! view lock, because it may move sets from one part to another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::{Batch, Key};
use crate::stored::search;
use crate::table::TableError;
use crate::table::checkpoint::work::{Work, rest};
use crate::table::index::scan::for_each;
use crate::table::index::search::{WordMoves, split_row, split_token};
use crate::table::index::sets::Chunk;

/// Bytes of sets in one batch.
const BYTES_AT_ONCE: usize = 256 * 1024;
/// Moves that are sorted before others get their turn.
const SORTED_AT_ONCE: usize = 4_096;

/// Moves of a chunk by group, each in order.
type Groups = Vec<Vec<Step>>;

/// The groups that there are: two characters of six bits.
const GROUPS: usize = 4_096;

/// A move within a group and a chunk, in 23 bits: place, row, and whether it enters.
#[derive(Clone, Copy)]
struct Step(u32);

impl Step {
    fn new(place: u8, row: u32, enters: bool) -> Self {
        Self(u32::from(place) << 17 | row << 1 | u32::from(enters))
    }

    fn apply(self, sets: &mut BTreeMap<u8, Chunk>) {
        let rows = sets.entry(u8::try_from(self.0 >> 17).unwrap_or_default()).or_default();
        let row = self.0 >> 1 & 0xffff;
        if self.0 & 1 == 1 {
            rows.insert(row)
        } else {
            rows.remove(row)
        };
    }
}

impl Work<'_> {
    pub(super) async fn write_search(&mut self) -> Result<(), TableError> {
        let base = self.open.number;
        let mut batch = Batch::default();
        for (chunk, group, steps) in in_order(sorted(&self.words).await) {
            let mut sets: BTreeMap<u8, Chunk> = BTreeMap::new();
            let mut old: BTreeSet<Key> = BTreeSet::new();
            for_each(&self.open.parts.engine, search::parts_of(base, group, chunk), |key, value| {
                sets.extend(search::decode(&value)?);
                old.insert(key);
                Ok(())
            })
            .await?;
            steps.into_iter().for_each(|step| step.apply(&mut sets));
            for (first, part) in search::encode(sets.iter().map(|(place, rows)| (*place, rows))) {
                let key = search::part(base, group, chunk, first);
                old.remove(&key);
                batch.put(key, part);
            }
            old.into_iter().for_each(|key| batch.delete(key));
            if batch.bytes() >= BYTES_AT_ONCE {
                self.publish(std::mem::take(&mut batch)).await?;
            }
        }
        if batch.bytes() == 0 { Ok(()) } else { self.publish(batch).await }
    }

    async fn publish(&mut self, batch: Batch) -> Result<(), TableError> {
        let durable = self.open.parts.engine.append(batch).await?;
        let published = self.open.published.write().await;
        durable.publish();
        drop(published);
        rest(&mut self.pace, self.open).await;
        Ok(())
    }
}

/// Sorts moves, and lets other tasks go first now and then.
async fn sorted(moves: &[Arc<WordMoves>]) -> BTreeMap<u64, Groups> {
    let mut chunks: BTreeMap<u64, Groups> = BTreeMap::new();
    // Most rows are in the same chunk as the row before.
    let (mut number, mut groups) = (0, Groups::new());
    let mut count = 0;
    for moves in moves {
        moves.each(|change| {
            let ((group, place), (chunk, row)) = (split_token(change.token), split_row(change.row));
            if chunk != number {
                chunks.insert(number, std::mem::take(&mut groups));
                groups = chunks.remove(&chunk).unwrap_or_default();
                number = chunk;
            }
            if groups.is_empty() {
                groups.resize_with(GROUPS, Vec::new);
            }
            if let Some(steps) = groups.get_mut(usize::from(group)) {
                steps.push(Step::new(place, row, change.enters));
            }
        });
        count += moves.len();
        if count >= SORTED_AT_ONCE {
            count = 0;
            tokio::task::yield_now().await;
        }
    }
    chunks.insert(number, groups);
    chunks
}

/// Chunk, group and moves.
fn in_order(chunks: BTreeMap<u64, Groups>) -> impl Iterator<Item = (u64, u16, Vec<Step>)> {
    chunks.into_iter().flat_map(|(chunk, groups)| {
        let groups = (0..).zip(groups).filter(|(_, steps)| !steps.is_empty());
        groups.map(move |(group, steps)| (chunk, group, steps))
    })
}
