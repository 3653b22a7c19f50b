//! The moves of one chunk, by the groups of their tokens.

use std::sync::Arc;

use crate::stored::search::Entry;
use crate::table::index::search::moves::{WordMove, WordMoves};
use crate::table::index::search::place::{GROUPS, split_row, split_token};

/// Moves are sorted in pieces of so many rows, between which others get their turn.
const ROWS_AT_ONCE: usize = 4_096;

/// The moves of one chunk: those of each group together, in order.
#[derive(Debug)]
pub struct ChunkMoves {
    steps: Vec<Step>,
    /// Where the steps of each group end.
    ends: Vec<usize>,
}

impl ChunkMoves {
    /// Those of `moves` that are in `chunk`.
    pub async fn of(chunk: u64, moves: &[Arc<WordMoves>]) -> Self {
        let mut ends = vec![0; GROUPS];
        each(chunk, moves, |change| {
            if let Some(count) = ends.get_mut(usize::from(split_token(change.token).0)) {
                *count += 1;
            }
        })
        .await;
        // Counts become the starts of the groups, and the starts become ends while the groups are filled.
        let mut all = 0;
        for count in &mut ends {
            (*count, all) = (all, all + *count);
        }
        let mut steps = vec![Step::default(); all];
        each(chunk, moves, |change| {
            let (group, place) = split_token(change.token);
            let end = ends.get_mut(usize::from(group));
            if let Some((end, step)) = end.and_then(|end| steps.get_mut(*end).map(|step| (end, step))) {
                *step = Step::new(place, split_row(change.row).1, change.enters);
                *end += 1;
            }
        })
        .await;
        Self { steps, ends }
    }

    /// Each group that has moves, with them.
    pub fn groups(&self) -> impl Iterator<Item = (u16, &[Step])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let groups = (0..).zip(starts.zip(&self.ends));
        groups.filter_map(|(group, (start, end))| {
            let steps = self.steps.get(start..*end).filter(|steps| !steps.is_empty())?;
            Some((group, steps))
        })
    }
}

/// Sees each move in `chunk`, in order, and lets other tasks go first now and then.
async fn each(chunk: u64, moves: &[Arc<WordMoves>], mut see: impl FnMut(WordMove)) {
    let mut rows = 0;
    for moves in moves {
        moves.each_if(|row, _| split_row(row).0 == chunk, &mut see);
        rows += moves.len();
        if rows >= ROWS_AT_ONCE {
            rows = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// A move within a group and a chunk, in 29 bits: place, row, and whether it enters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Step(u32);

impl Step {
    fn new(place: u16, row: u32, enters: bool) -> Self {
        Self(u32::from(place) << 17 | row << 1 | u32::from(enters))
    }

    /// The row in the set of the place.
    fn entry(self) -> Entry {
        self.0 >> 1
    }

    fn enters(self) -> bool {
        self.0 & 1 == 1
    }
}

/// Makes the moves of one group in the entries of its sets, which are in order and stay so.
pub fn apply(steps: &[Step], entries: &mut Vec<Entry>) {
    let mut steps = steps.to_vec();
    // A stable sort: the moves of one row into and out of one set stay in order, and the last one counts.
    steps.sort_by_key(|step| step.entry());
    let mut merged = Vec::with_capacity(entries.len() + steps.len());
    let mut old = entries.as_slice();
    for same in steps.chunk_by(|one, next| one.entry() == next.entry()) {
        let Some(last) = same.last() else { continue };
        let entry = last.entry();
        let (before, rest) = old.split_at(old.partition_point(|old| *old < entry));
        merged.extend_from_slice(before);
        old = rest.strip_prefix(&[entry]).unwrap_or(rest);
        if last.enters() {
            merged.push(entry);
        }
    }
    merged.extend_from_slice(old);
    *entries = merged;
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::model::Row;
    use crate::table::index::search::moves::RowMoves;
    use crate::table::index::search::place::join_token;

    proptest! {
        #[test]
        fn moves_by_group_lead_where_all_moves_lead(
            moves in proptest::collection::vec(
                proptest::collection::vec((0_u64..200_000, 0_u16..3, 0_u16..3, any::<bool>()), 0..40),
                0..6,
            ),
            before in proptest::collection::btree_set(0_u32..65_536, 0..20),
        ) {
            let start = || before.iter().map(|row| (1_u16, *row)).collect::<BTreeSet<_>>();
            let mut expected: BTreeMap<(u64, u16), BTreeSet<(u16, u32)>> = BTreeMap::new();
            let mut batches = Vec::new();
            for batch in &moves {
                let mut made = WordMoves::default();
                for (row, group, place, enters) in batch {
                    let (chunk, low) = split_row(Row(*row));
                    let rows = expected.entry((chunk, *group)).or_insert_with(start);
                    if *enters { rows.insert((*place, low)) } else { rows.remove(&(*place, low)) };
                    made.add(Row(*row), &RowMoves::one(join_token(*group, *place), *enters));
                }
                batches.push(Arc::new(made));
            }
            let entries = |rows: &BTreeSet<(u16, u32)>| -> Vec<Entry> {
                rows.iter().map(|(place, low)| u32::from(*place) << 16 | low).collect()
            };
            let expected: BTreeMap<_, _> =
                expected.iter().map(|(of, rows)| (*of, entries(rows))).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut found = BTreeMap::new();
            for chunk in 0..4 {
                for (group, steps) in runtime.block_on(ChunkMoves::of(chunk, &batches)).groups() {
                    let mut rows = entries(&start());
                    apply(steps, &mut rows);
                    found.insert((chunk, group), rows);
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
