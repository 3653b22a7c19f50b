//! Checks that the search sets and the members agree, one chunk of 65,536 rows after another. Search sets
//! that a base would build anew when it opens are not looked at.
//!
//! A row that a commit after the watermark changes is not compared: opening the base takes it out of the sets
//! of what it was, and into those of what it is.

use std::collections::BTreeMap;

use crate::engine::Value;
use crate::model::search::{SEARCH_VERSION, Token};
use crate::model::{Member, Row};
use crate::stored::search;
use crate::table::TableError;
use crate::table::audit::findings::Findings;
use crate::table::audit::state::{Audit, State};
use crate::table::index::damage::Damage;
use crate::table::index::scan::for_each;
use crate::table::index::search::{RowMoves, WordMoves, join_token, split_row};
use crate::table::index::sets::CHUNK_ROWS;

/// The stored parts of one chunk, as they are, with their groups.
type Parts = Vec<(u16, Value)>;

/// The rows of the sets of one chunk, in order: a token, and in the lowest 16 bits the place of a row.
type Entries = Vec<u64>;

/// The search sets of a base, as far as they are not compared yet.
#[derive(Debug, Default)]
pub struct Words {
    /// The stored sets, by chunk.
    stored: BTreeMap<u64, Parts>,
    /// Whether the stored sets count. Others are built again when the base opens.
    counts: bool,
    /// While they are loaded: the last place that was read of a group in a chunk.
    last_place: Option<((u16, u64), u16)>,
    /// The chunk that is being compared, and the moves of its members so far.
    chunk: u64,
    found: WordMoves,
}

/// Loads the stored sets.
pub async fn load(audit: &mut Audit<'_>, state: &State) -> Result<Words, TableError> {
    let (engine, findings, base) = (audit.engine, &mut audit.findings, state.number);
    let mut words = Words { counts: state.stored.search == SEARCH_VERSION, ..Words::default() };
    if !words.counts {
        return Ok(words);
    }
    for_each(engine, search::all(base), |key, value| {
        let Some((group, chunk, first)) = search::part_of(&key).filter(|(group, ..)| *group < 1 << 12) else {
            findings.unknown_key(Some(base), &key);
            return Ok(());
        };
        // A key has the place of its first set, and no set is in two parts.
        let mut last = words.last_place.filter(|(of, _)| *of == (group, chunk)).map(|(_, place)| place);
        let (mut is_first, mut is_right) = (true, true);
        let read = search::decode(&value, |place, rows| {
            is_right &= (!is_first || place == first) && last.is_none_or(|last| last < place);
            (is_first, last) = (false, Some(place));
            rows.bitmap().map(drop)
        });
        if let Err(error) = read {
            findings.unreadable(base, &key, error);
            return Ok(());
        }
        if !is_right {
            findings.unknown_key(Some(base), &key);
            return Ok(());
        }
        words.last_place = last.map(|place| ((group, chunk), place));
        words.stored.entry(chunk).or_default().push((group, value));
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
        let mut wanted = Entries::new();
        std::mem::take(&mut self.found).each(|change| {
            wanted.push(u64::from(change.token) << 16 | u64::from(split_row(change.row).1));
        });
        wanted.sort_unstable();
        wanted.dedup();
        let later = self.stored.split_off(&next);
        let mut stored = std::mem::replace(&mut self.stored, later);
        stored.entry(self.chunk).or_default();
        for (chunk, parts) in stored {
            let wanted = if chunk == self.chunk { std::mem::take(&mut wanted) } else { Entries::new() };
            compare(state, chunk, &wanted, &entries(&parts), findings);
        }
    }
}

/// The entries of the sets in these parts.
fn entries(parts: &Parts) -> Entries {
    let mut entries = Entries::new();
    let mut sets = Vec::new();
    for (group, value) in parts {
        // They were read before without an error.
        let read = search::decode(value, |place, rows| rows.entries(place, &mut sets));
        debug_assert!(read.is_ok());
        entries.extend(sets.drain(..).map(|entry| u64::from(join_token(*group, 0)) << 16 | u64::from(entry)));
    }
    entries.sort_unstable();
    entries
}

fn compare(state: &State, chunk: u64, wanted: &Entries, stored: &Entries, findings: &mut Findings) {
    let lacking =
        wanted.iter().filter(|entry| stored.binary_search(entry).is_err()).map(|entry| (entry, false));
    let surplus =
        stored.iter().filter(|entry| wanted.binary_search(entry).is_err()).map(|entry| (entry, true));
    for (entry, is_surplus) in lacking.chain(surplus) {
        let row = chunk.saturating_mul(CHUNK_ROWS).saturating_add(entry & 0xffff);
        if !state.replayed.contains(row) {
            let token = Token::try_from(entry >> 16).unwrap_or(Token::MAX);
            findings.add(Some(state.number), Damage::Search { token, row, is_surplus });
        }
    }
}
