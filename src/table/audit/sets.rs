//! Checks that sets and members agree, one chunk of 65,536 rows after another. Sets that a base would build
//! anew when it opens are only decoded.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Member, Row};
use crate::stored::index::{SetTable, decode_chunk};
use crate::stored::set_key;
use crate::table::TableError;
use crate::table::audit::findings::Findings;
use crate::table::audit::state::Audit;
use crate::table::audit::state::State;
use crate::table::index::damage::Damage;
use crate::table::index::entries::set_changes;
use crate::table::index::replay::are_doubtful;
use crate::table::index::scan::for_each;
use crate::table::index::sets::{CHUNK_ROWS, Chunk, SetField};

/// Loads the stored chunks, as when a base opens.
pub async fn load(audit: &mut Audit<'_>, state: &mut State) -> Result<(), TableError> {
    let (engine, findings, base) = (audit.engine, &mut audit.findings, state.number);
    state.sets.follow(state.header.schema.as_deref());
    let known: Vec<SetField> = state.sets.fields().collect();
    let young = young(state);
    let unindexed: Vec<SetField> =
        state.stored.unindexed.iter().filter_map(|field| SetField::from_number(*field)).collect();
    let (own, other) = match state.stored.sets {
        SetTable::Narrow => (set_key::narrow_sets(base), set_key::sets(base)),
        SetTable::Wide => (set_key::sets(base), set_key::narrow_sets(base)),
    };
    // A checkpoint that moves the sets to the wide table leaves them in both until it ends.
    for_each(engine, other, |key, _| {
        if set_key::set_parts(&key).is_none() {
            findings.unknown_key(Some(base), &key);
        }
        Ok(())
    })
    .await?;
    let are_doubtful = are_doubtful(&state.header, &state.stored);
    for_each(engine, own, |key, value| {
        let parts = set_key::set_parts(&key)
            .and_then(|(field, value, chunk)| Some((SetField::from_number(field)?, value, chunk)));
        match (parts, decode_chunk(&value)) {
            (None, _) => findings.unknown_key(Some(base), &key),
            (_, Err(error)) => findings.unreadable(base, &key, error),
            _ if are_doubtful => {}
            // The next checkpoint deletes the remaining chunks of a field without sets.
            (Some((field, ..)), _) if unindexed.contains(&field) => {}
            // The next checkpoint deletes chunks of a removed index.
            (Some((field, ..)), _) if !known.contains(&field) || young.contains(&field) => {}
            (Some((field, value, chunk)), Ok(rows)) => {
                state.chunks.insert(chunk);
                state.sets.load(field, value, chunk, rows, false);
            }
        }
        Ok(())
    })
    .await?;
    unindexed.into_iter().chain(young).for_each(|field| state.sets.drop_field(field));
    state.stored.indexing.iter().for_each(|(number, below)| state.sets.go_on(*number, *below));
    if are_doubtful {
        known.into_iter().for_each(|field| state.sets.drop_field(field));
    }
    Ok(())
}

/// Indexes that were made after the watermark; opening builds them from the members.
fn young(state: &State) -> Vec<SetField> {
    let keys = state.sets.younger_than(state.stored.watermark);
    keys.iter().filter_map(|key| state.sets.attribute(key)).map(|(field, _)| field).collect()
}

/// The sets of the current chunk, made from its members.
#[derive(Debug, Default)]
pub struct Recount {
    chunk: u64,
    found: BTreeMap<(SetField, Arc<str>), Chunk>,
}

impl Recount {
    /// Adds one member. Members must come in the order of their rows.
    pub fn member(&mut self, row: u64, member: &Member, state: &mut State, findings: &mut Findings) {
        let chunk = row / CHUNK_ROWS;
        if chunk != self.chunk {
            self.settle(state, findings);
            self.chunk = chunk;
        }
        let low = u32::try_from(row % CHUNK_ROWS).unwrap_or_default();
        for change in set_changes(Row(row), None, Some(member), state.header.schema.as_deref()) {
            // Of an index that is built, the others are not there yet.
            let below = state.stored.indexing.iter().find(|(number, _)| *number == change.field.number());
            if below.is_none_or(|(_, below)| Row(row) < *below) {
                self.found.entry((change.field, change.value)).or_default().insert(low);
            }
        }
    }

    /// Ends the recount after the last member: checks that the remaining chunks are empty.
    pub fn end(mut self, state: &mut State, findings: &mut Findings) {
        self.settle(state, findings);
        while let Some(chunk) = state.chunks.first().copied() {
            self.chunk = chunk;
            self.settle(state, findings);
        }
    }

    /// Compares the current chunk, and those before it that have no member.
    fn settle(&mut self, state: &mut State, findings: &mut Findings) {
        while let Some(chunk) = state.chunks.first().copied().filter(|chunk| *chunk < self.chunk) {
            state.chunks.pop_first();
            compare(state, chunk, &BTreeMap::new(), findings);
        }
        state.chunks.remove(&self.chunk);
        compare(state, self.chunk, &std::mem::take(&mut self.found), findings);
    }
}

fn compare(
    state: &State,
    chunk: u64,
    found: &BTreeMap<(SetField, Arc<str>), Chunk>,
    findings: &mut Findings,
) {
    let row = |low: u32| chunk.saturating_mul(CHUNK_ROWS).saturating_add(u64::from(low));
    for ((field, value), wanted) in found {
        let Some(stored) = state.sets.rows(*field, value, chunk) else { continue };
        for low in wanted - &*stored {
            let damage = Damage::SetMisses { field: *field, value: value.to_string(), row: row(low) };
            findings.add(Some(state.number), damage);
        }
    }
    for field in state.sets.fields() {
        let Some(values) = state.sets.values(field) else { continue };
        for value in values {
            let Some(stored) = state.sets.rows(field, value, chunk) else { continue };
            let wanted = found.get(&(field, Arc::from(value)));
            let surplus = wanted.map_or_else(|| stored.clone().into_owned(), |wanted| &*stored - wanted);
            for low in surplus {
                let damage = Damage::SetSurplus { field, value: value.to_owned(), row: row(low) };
                findings.add(Some(state.number), damage);
            }
        }
    }
}
