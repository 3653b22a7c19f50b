//! Opening a base: what is stored, and the commits that the stored indexes do not have yet.

use std::sync::Arc;

use super::TableError;
use super::audit::blocks::{self, Seen};
use super::lookup::LookupKind;
use super::overlay::Op;
use super::plan::index_changes;
use super::published::Published;
use super::sets::{SetChange, SetField, Sets};
use crate::engine::{Direction, Engine, Key, KeyRange, Value};
use crate::model::{BaseNumber, Row};
use crate::schema::commit::{CommitPart, LookupOp, RowChange};
use crate::schema::header::Header;
use crate::schema::index::{IndexState, decode_chunk};
use crate::schema::key;

/// Pairs read at once; commit parts are up to 64 KiB each.
const READ_AT_ONCE: usize = 128;

/// Loads the state of a base.
pub async fn load(engine: &Arc<dyn Engine>, base: BaseNumber) -> Result<Published, TableError> {
    let mut values = engine.get_many(&[key::header(base), key::index(base)]).await?.into_iter();
    let header = Header::decode(&values.next().flatten().ok_or(TableError::BaseNotFound)?)?;
    let stored =
        values.next().flatten().map(|bytes| IndexState::decode(&bytes)).transpose()?.unwrap_or_default();
    let sets = load_sets(engine, base, &header, &stored).await?;
    let mut published = Published::new(header, stored, sets);
    let missing = key::commits_from(base, published.stored.watermark + 1);
    for_each(engine, missing, |_, value| replay(&mut published, &value)).await?;
    build_indexes(engine, base, &mut published).await?;
    Ok(published)
}

/// Builds the indexes that came after the watermark, whose rows are in no commit, from the records.
async fn build_indexes(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    published: &mut Published,
) -> Result<(), TableError> {
    let young = published.sets.younger_than(published.stored.watermark);
    let Some(schema) = published.header.schema.clone().filter(|_| !young.is_empty()) else { return Ok(()) };
    let mut building = Sets::default();
    building.follow(Some(&schema));
    let mut damaged = None;
    blocks::walk(engine, base, |seen| match seen {
        Seen::Member(row, member) => index_changes(Row(row), None, Some(&member), &schema)
            .iter()
            .for_each(|change| building.apply(change)),
        Seen::Damaged(damage) => damaged = Some(damage),
    })
    .await?;
    if let Some(damage) = damaged {
        return Err(TableError::Damaged(damage.to_string()));
    }
    let mut built = building.into_built();
    for index in young.iter().filter_map(|key| schema.indexes.get(key)) {
        published.sets.note_stray(index.number);
        published.sets.install(index.number, built.remove(&index.number).unwrap_or_default());
    }
    Ok(())
}

async fn load_sets(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    header: &Header,
    stored: &IndexState,
) -> Result<Sets, TableError> {
    let mut sets = Sets::default();
    sets.follow(header.schema.as_deref());
    let unindexed: Vec<SetField> =
        stored.unindexed.iter().filter_map(|field| SetField::from_number(*field)).collect();
    let known: Vec<SetField> = sets.fields().collect();
    for_each(engine, key::sets(base), |key, value| {
        let (field, name, chunk) = key::set_parts(&key)
            .ok_or_else(|| TableError::Damaged("the key of a set cannot be read".to_owned()))?;
        match SetField::from_number(field) {
            Some(SetField::Attribute(number)) if !known.contains(&SetField::Attribute(number)) => {
                sets.note_stray(number);
            }
            Some(field) if !unindexed.contains(&field) => {
                sets.load(field, name, chunk, decode_chunk(&value)?)
            }
            Some(_) | None => {}
        }
        Ok(())
    })
    .await?;
    unindexed.into_iter().for_each(|field| sets.give_up(field));
    Ok(sets)
}

/// Brings the indexes up to date with one part of a commit. Doing so twice changes nothing but the entry counters, which
/// stand as of the watermark.
fn replay(published: &mut Published, part: &[u8]) -> Result<(), TableError> {
    let mut part = CommitPart::open(part)?;
    while let Some(RowChange { row, lookups, sets, .. }) = part.next_change()? {
        for delta in lookups {
            let Some(kind) = LookupKind::from_number(delta.lookup) else { continue };
            let lookup = published.lookups.get_mut(kind);
            let (op, growth) = match delta.op {
                LookupOp::Insert(fingerprint) => (Op::Put(fingerprint), 1),
                LookupOp::Refresh(fingerprint) => (Op::Put(fingerprint), 0),
                LookupOp::Remove => (Op::Remove, -1),
            };
            lookup.active.set(delta.hash, row.0, op);
            lookup.entries = lookup.entries.saturating_add_signed(growth);
        }
        for delta in sets {
            if let Some(field) = SetField::from_number(delta.field) {
                let value = Arc::from(delta.value);
                published.sets.apply(&SetChange { field, value, row, enters: delta.enters });
            }
        }
    }
    Ok(())
}

/// Calls `each` for every pair of a range, in order.
pub async fn for_each(
    engine: &Arc<dyn Engine>,
    mut range: KeyRange,
    mut each: impl FnMut(Key, Value) -> Result<(), TableError>,
) -> Result<(), TableError> {
    loop {
        let pairs = engine.scan(range.clone(), Direction::Forward, READ_AT_ONCE).await?;
        let Some((last, _)) = pairs.last() else { return Ok(()) };
        range.start = std::ops::Bound::Excluded(last.clone());
        let complete = pairs.len() < READ_AT_ONCE;
        for (key, value) in pairs {
            each(key, value)?;
        }
        if complete {
            return Ok(());
        }
    }
}
