//! Checks that the search sets and the members agree, one chunk of 65,536 rows after another. Search sets
//! that a base would build anew when it opens are only decoded.
//!
//! A row that a commit after the watermark changes is not compared: opening the base takes it out of the sets
//! of what it was, and into those of what it is.

use std::collections::BTreeMap;

use crate::model::search::{SEARCH_VERSION, Token};
use crate::model::{Member, Row};
use crate::stored::search;
use crate::table::TableError;
use crate::table::audit::findings::Findings;
use crate::table::audit::state::{Audit, State};
use crate::table::index::damage::Damage;
use crate::table::index::scan::for_each;
use crate::table::index::search::{RowMoves, WordMoves, join_token, split_row};
use crate::table::index::sets::{CHUNK_ROWS, Chunk};

/// The sets of one chunk.
type Sets = BTreeMap<Token, Chunk>;

/// The search sets of a base, as far as they are not compared yet.
#[derive(Debug, Default)]
pub struct Words {
    /// The stored sets, by chunk.
    stored: BTreeMap<u64, Sets>,
    /// Whether the stored sets count.
    counts: bool,
    /// The chunk that is being compared, and the moves of its members so far.
    chunk: u64,
    found: WordMoves,
}

/// Loads the stored sets.
pub async fn load(audit: &mut Audit<'_>, state: &State) -> Result<Words, TableError> {
    let (engine, findings, base) = (audit.engine, &mut audit.findings, state.number);
    let mut words = Words { counts: state.stored.search == SEARCH_VERSION, ..Words::default() };
    for_each(engine, search::all(base), |key, value| {
        let Some((group, chunk, first)) = search::part_of(&key).filter(|(group, ..)| *group < 1 << 12) else {
            findings.unknown_key(Some(base), &key);
            return Ok(());
        };
        match search::decode(&value) {
            Err(error) => findings.unreadable(base, &key, error),
            Ok(sets) if words.counts => {
                let stored = words.stored.entry(chunk).or_default();
                // A key has the place of its first set, and no set is in two parts.
                let mut is_right = sets.first().is_some_and(|(place, _)| *place == first);
                for (place, rows) in sets {
                    is_right &= stored.insert(join_token(group, place), rows).is_none();
                }
                if !is_right {
                    findings.unknown_key(Some(base), &key);
                }
            }
            Ok(_) => {}
        }
        Ok(())
    })
    .await?;
    Ok(words)
}

impl Words {
    /// Adds one member. Members must come in the order of their rows.
    pub fn member(&mut self, row: u64, member: &Member, state: &State, findings: &mut Findings) {
        if !self.counts {
            return;
        }
        let (chunk, _) = split_row(Row(row));
        if chunk != self.chunk {
            self.settle(chunk, state, findings);
            self.chunk = chunk;
        }
        self.found.add(Row(row), &RowMoves::of(None, Some(member)));
    }

    /// Ends the check after the last member.
    pub fn end(mut self, state: &State, findings: &mut Findings) {
        self.settle(u64::MAX, state, findings);
    }

    /// Compares the current chunk, and those before `next` that have no member.
    fn settle(&mut self, next: u64, state: &State, findings: &mut Findings) {
        let mut wanted = Sets::new();
        std::mem::take(&mut self.found).each(|change| {
            wanted.entry(change.token).or_default().insert(split_row(change.row).1);
        });
        let later = self.stored.split_off(&next);
        let mut stored = std::mem::replace(&mut self.stored, later);
        stored.entry(self.chunk).or_default();
        for (chunk, sets) in stored {
            let wanted = if chunk == self.chunk { std::mem::take(&mut wanted) } else { Sets::new() };
            compare(state, chunk, &wanted, &sets, findings);
        }
    }
}

fn compare(state: &State, chunk: u64, wanted: &Sets, stored: &Sets, findings: &mut Findings) {
    let none = Chunk::new();
    for token in wanted.keys().chain(stored.keys().filter(|token| !wanted.contains_key(token))) {
        let (wanted, stored) = (wanted.get(token).unwrap_or(&none), stored.get(token).unwrap_or(&none));
        for low in wanted ^ stored {
            let row = chunk.saturating_mul(CHUNK_ROWS).saturating_add(u64::from(low));
            if !state.replayed.contains(row) {
                let damage = Damage::Search { token: *token, row, is_surplus: stored.contains(low) };
                findings.add(Some(state.number), damage);
            }
        }
    }
}
