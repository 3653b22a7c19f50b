//! Sets: for each value of a field, the rows of the members that have it, in chunks of 65,536 rows.
//!
//! All sets of an open base are in memory: a chunk takes at most 8 KiB, and the chunks of one field together about two
//! bytes per member. A checkpoint writes the chunks that changed. A field of which members hold more than [`MAX_VALUES`]
//! distinct values at a time gives its sets up; its filters then check records. Values that nobody has any more do not count,
//! whether a checkpoint has come since or not. Tiers are counted again whenever the base opens, and have sets again if few
//! enough are held; an attribute has them again once its index is dropped and set anew.
//!
//! Whoever takes a set under the view works with it afterwards, see [`RowSet`].
//!
//! Attributes have sets where the schema says `indexed`. An index that comes to an attribute with values is built from the
//! records, in the lane, and put in place as a whole. Its rows are in no commit: a base that opens builds again what is
//! younger than the watermark.

mod row_set;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::row_set::Part;
pub use self::row_set::{Chunk, Living, RowSet, union};
use crate::model::schema::{AttributeIndex, AttributeSchema, AttributeType, FIRST_INDEX, FieldNumber};
use crate::model::{Row, Status};

/// Distinct values of a field that members may hold at a time for it to be kept in sets.
pub const MAX_VALUES: usize = 4096;
/// Rows of a chunk.
pub const CHUNK_ROWS: u64 = 65_536;

/// A field that is kept in sets. The number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SetField {
    /// A member's status: every member has one.
    Status,
    /// A member's tier; members without one are in none of its sets.
    Tier,
    /// An attribute, by the number of its index; members without a value are in none of its sets.
    Attribute(FieldNumber),
}

impl SetField {
    /// The fields that every base keeps in sets, in stored order.
    pub const OF_ALL_BASES: [Self; 2] = [Self::Status, Self::Tier];

    /// The stored number.
    #[must_use]
    pub const fn number(self) -> FieldNumber {
        match self {
            Self::Status => FieldNumber(0),
            Self::Tier => FieldNumber(1),
            Self::Attribute(index) => index,
        }
    }

    /// The field of a stored number.
    #[must_use]
    pub const fn from_number(number: FieldNumber) -> Option<Self> {
        match number.0 {
            0 => Some(Self::Status),
            1 => Some(Self::Tier),
            at if at >= FIRST_INDEX.0 => Some(Self::Attribute(number)),
            _ => None,
        }
    }

    /// The name that filters and replies use, as `schema` knows attributes.
    #[must_use]
    pub fn name(self, schema: Option<&AttributeSchema>) -> String {
        match self {
            Self::Status => "status".to_owned(),
            Self::Tier => "tier".to_owned(),
            Self::Attribute(number) => {
                let mut indexes = schema.into_iter().flat_map(|schema| &schema.indexes);
                let key = indexes.find(|(_, index)| index.number == number);
                key.map_or_else(|| format!("attribute {}", number.0), |(key, _)| format!("attributes.{key}"))
            }
        }
    }
}

/// A row enters or leaves the set of a value.
#[derive(Debug, Clone)]
pub(in crate::table) struct SetChange {
    pub field: SetField,
    pub value: Arc<str>,
    pub row: Row,
    pub enters: bool,
}

/// A chunk that a checkpoint has to write: field, value, chunk number, rows.
pub(in crate::table) type DirtyChunk = (SetField, Arc<str>, u64, Chunk);

/// The sets of a base.
#[derive(Debug, Default)]
pub struct Sets {
    status: FieldSets,
    tier: FieldSets,
    attributes: BTreeMap<FieldNumber, FieldSets>,
    /// The indexed attributes by their keys.
    indexes: BTreeMap<String, (AttributeIndex, AttributeType)>,
    /// Numbers of indexes that are gone, and whose stored chunks are still to be deleted.
    dropped: BTreeSet<FieldNumber>,
}

/// The sets of one field.
#[derive(Debug, Clone, Default)]
pub(in crate::table) struct FieldSets {
    values: BTreeMap<Arc<str>, RowSet>,
    /// Values that members have.
    held: usize,
    given_up: bool,
    /// The sets were given up and their stored chunks are still to be deleted.
    to_delete: bool,
}

impl Sets {
    /// The rows of the members that have `value` in `field`. None when the field's sets were given up.
    #[must_use]
    pub fn of_value(&self, field: SetField, value: &str) -> Option<RowSet> {
        Some(self.kept(field)?.values.get(value).cloned().unwrap_or_default())
    }

    /// The rows of one chunk whose members have `value` in `field`. None when the field's sets were given up.
    pub(in crate::table) fn rows(&self, field: SetField, value: &str, chunk: u64) -> Option<Cow<'_, Chunk>> {
        let rows = self.kept(field)?.values.get(value).and_then(|rows| rows.chunk(chunk));
        Some(rows.map_or_else(Cow::default, Cow::Borrowed))
    }

    /// The rows of each value of `field`: together, of the members that have one. None when the field's sets were given up.
    #[must_use]
    pub fn of_all_values(&self, field: SetField) -> Option<Vec<RowSet>> {
        Some(self.kept(field)?.values.values().filter(|rows| !rows.is_empty()).cloned().collect())
    }

    /// The rows that hold a member.
    #[must_use]
    pub fn living(&self) -> Living {
        Living::of(self.status.values.values().cloned().collect())
    }

    /// Members that have `value` in `field`, exactly. None when the field's sets were given up.
    #[must_use]
    pub fn count(&self, field: SetField, value: &str) -> Option<u64> {
        Some(self.kept(field)?.values.get(value).map_or(0, RowSet::len))
    }

    /// The values that members have in `field`, in order. None when the field's sets were given up.
    pub fn values(&self, field: SetField) -> Option<impl Iterator<Item = &str>> {
        Some(self.kept(field)?.values.iter().filter(|(_, rows)| !rows.is_empty()).map(|(value, _)| &**value))
    }

    /// Fields whose sets were given up.
    pub fn unindexed(&self) -> impl Iterator<Item = SetField> + '_ {
        self.fields().filter(|field| self.kept(*field).is_none())
    }

    /// Every field that has sets, or had them until it gave them up.
    pub fn fields(&self) -> impl Iterator<Item = SetField> + '_ {
        let attributes = self.attributes.keys().map(|number| SetField::Attribute(*number));
        SetField::OF_ALL_BASES.into_iter().chain(attributes)
    }

    /// The field and the type of an attribute that is indexed.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<(SetField, AttributeType)> {
        let (index, kind) = self.indexes.get(key)?;
        Some((SetField::Attribute(index.number), *kind))
    }

    /// Keeps the indexes that `schema` names: new ones are empty, and others go.
    pub(in crate::table) fn follow(&mut self, schema: Option<&AttributeSchema>) {
        let mut indexes = BTreeMap::new();
        for (key, index) in schema.into_iter().flat_map(|schema| &schema.indexes) {
            let kind = schema.and_then(|schema| schema.types.get(key)).copied();
            indexes.insert(key.clone(), (*index, kind.unwrap_or(AttributeType::Array)));
        }
        let stays = |of: &AttributeIndex| indexes.values().any(|(index, _)| index == of);
        for (index, _) in self.indexes.values().filter(|(index, _)| !stays(index)) {
            self.attributes.remove(&index.number);
            self.dropped.insert(index.number);
        }
        for (index, _) in indexes.values() {
            self.attributes.entry(index.number).or_default();
        }
        self.indexes = indexes;
    }

    /// Puts sets that were built from the records in place.
    pub(in crate::table) fn install(&mut self, number: FieldNumber, built: FieldSets) {
        if let Some(sets) = self.attributes.get_mut(&number) {
            *sets = built;
        }
    }

    /// Puts sets of tiers in place that `built` has from the records. What is stored of those that were given up goes before
    /// they are written.
    pub(in crate::table) fn take_up_tiers(&mut self, built: Self) {
        self.tier = FieldSets { to_delete: true, ..built.tier };
    }

    /// Gives the sets of indexes away that were built in this.
    pub(in crate::table) fn into_built(self) -> BTreeMap<FieldNumber, FieldSets> {
        self.attributes
    }

    /// The keys of indexes that are younger than `watermark`: what is stored under their numbers is not theirs.
    pub(in crate::table) fn younger_than(&self, watermark: u64) -> BTreeSet<String> {
        let young = self.indexes.iter().filter(|(_, (index, _))| index.since > watermark);
        young.map(|(key, _)| key.clone()).collect()
    }

    /// Notes that something is stored under the number of an index that is not there (while a base opens).
    pub(in crate::table) fn note_stray(&mut self, number: FieldNumber) {
        self.dropped.insert(number);
    }

    /// Puts a stored chunk in place (while a base opens). One that `moves` to another table is written by the next
    /// checkpoint.
    pub(in crate::table) fn load(
        &mut self,
        field: SetField,
        value: &str,
        chunk: u64,
        rows: Chunk,
        moves: bool,
    ) {
        let Some(sets) = self.field_mut(field) else { return };
        let value = sets.values.entry(Arc::from(value)).or_default().rows_mut();
        sets.held += usize::from(value.count == 0 && !rows.is_empty());
        value.count += rows.len();
        value.chunks.insert(chunk, Part { rows: Arc::new(rows), dirty: moves });
    }

    /// Gives up the fields of which too many values are held (while a base opens, after the last move: what is stored may be
    /// in part of a later time than the moves, so that only their end tells).
    pub(in crate::table) fn settle(&mut self) {
        let limited = self.fields().filter(|field| *field != SetField::Status);
        let fields: Vec<SetField> =
            limited.filter(|field| self.kept(*field).is_some_and(|sets| sets.held > MAX_VALUES)).collect();
        fields.into_iter().for_each(|field| self.give_up(field));
    }

    /// Everything that `built` has, which was made from the records, in the place of what is here (while a base opens).
    pub(in crate::table) fn replace(&mut self, built: Self) {
        let dropped = std::mem::take(&mut self.dropped);
        *self = Self { dropped, ..built };
    }

    /// Marks a field as given up (while a base opens).
    pub(in crate::table) fn give_up(&mut self, field: SetField) {
        if let Some(sets) = self.field_mut(field) {
            *sets = FieldSets { given_up: true, to_delete: true, ..FieldSets::default() };
        }
    }

    /// Moves a row into or out of a set; repeating a move changes nothing. A field of which too many values are held then
    /// gives its sets up.
    pub(in crate::table) fn apply(&mut self, change: &SetChange) {
        if self.shift(change) > MAX_VALUES && change.field != SetField::Status {
            self.give_up(change.field);
        }
    }

    /// Moves a row into or out of a set, without a limit of values: [`Sets::settle`] comes after the last move. Answers how
    /// many values of the field are held now.
    pub(in crate::table) fn shift(&mut self, change: &SetChange) -> usize {
        let Some(sets) = self.field_mut(change.field).filter(|sets| !sets.given_up) else { return 0 };
        if !sets.values.contains_key(&change.value) {
            if !change.enters {
                return sets.held;
            }
            sets.values.insert(Arc::clone(&change.value), RowSet::default());
        }
        let Some(rows) = sets.values.get_mut(&change.value).map(RowSet::rows_mut) else { return sets.held };
        let (chunk, low) = chunk_of(change.row);
        let part = rows.chunks.entry(chunk).or_default();
        let here = Arc::make_mut(&mut part.rows);
        let moved = if change.enters { here.insert(low) } else { here.remove(low) };
        if moved {
            part.dirty = true;
            let before = rows.count;
            rows.count = if change.enters { before + 1 } else { before.saturating_sub(1) };
            match (before, rows.count) {
                (0, 1) => sets.held += 1,
                (1, 0) => sets.held = sets.held.saturating_sub(1),
                _ => {}
            }
        }
        sets.held
    }

    /// Takes what a checkpoint has to write: changed chunks (an empty one is to be deleted) and fields given up since.
    /// If they cannot be written, [`Sets::mark_dirty`] takes them back.
    pub(in crate::table) fn take_dirty(&mut self) -> (Vec<DirtyChunk>, Vec<SetField>) {
        let mut chunks = Vec::new();
        let gone = std::mem::take(&mut self.dropped);
        let mut given_up: Vec<SetField> = gone.into_iter().map(SetField::Attribute).collect();
        for field in self.fields().collect::<Vec<_>>() {
            let Some(sets) = self.field_mut(field) else { continue };
            if std::mem::take(&mut sets.to_delete) && !given_up.contains(&field) {
                given_up.push(field);
            }
            for (value, rows) in &mut sets.values {
                // A set that somebody holds is copied only if there is something to change in it.
                if !rows.rows().chunks.values().any(|part| part.dirty || part.rows.is_empty()) {
                    continue;
                }
                let rows = rows.rows_mut();
                for (chunk, part) in rows.chunks.iter_mut().filter(|(_, part)| part.dirty) {
                    part.dirty = false;
                    chunks.push((field, Arc::clone(value), *chunk, Chunk::clone(&part.rows)));
                }
                rows.chunks.retain(|_, part| part.dirty || !part.rows.is_empty());
            }
            sets.values.retain(|_, rows| !rows.rows().chunks.is_empty());
        }
        (chunks, given_up)
    }

    /// Takes back what [`Sets::take_dirty`] gave out, because it could not be written.
    pub(in crate::table) fn mark_dirty(&mut self, chunks: &[DirtyChunk], given_up: &[SetField]) {
        for field in given_up {
            match (field, self.field_mut(*field)) {
                // Under its number there may be sets of another index by now, which stay.
                (SetField::Attribute(number), _) => drop(self.dropped.insert(*number)),
                (_, Some(sets)) => sets.to_delete = true,
                (_, None) => {}
            }
        }
        for (field, value, chunk, _) in chunks {
            if let Some(sets) = self.field_mut(*field).filter(|sets| !sets.given_up) {
                let rows = sets.values.entry(Arc::clone(value)).or_default().rows_mut();
                rows.chunks.entry(*chunk).or_default().dirty = true;
            }
        }
    }

    /// The sets of a field, unless they were given up or never were.
    fn kept(&self, field: SetField) -> Option<&FieldSets> {
        let sets = match field {
            SetField::Status => &self.status,
            SetField::Tier => &self.tier,
            SetField::Attribute(number) => self.attributes.get(&number)?,
        };
        Some(sets).filter(|sets| !sets.given_up)
    }

    fn field_mut(&mut self, field: SetField) -> Option<&mut FieldSets> {
        match field {
            SetField::Status => Some(&mut self.status),
            SetField::Tier => Some(&mut self.tier),
            SetField::Attribute(number) => self.attributes.get_mut(&number),
        }
    }
}

/// The value of a status as sets know it.
pub(in crate::table) fn status_value(status: Status) -> Arc<str> {
    thread_local! {
        static VALUES: [Arc<str>; 3] =
            [Status::Invited, Status::Active, Status::Inactive].map(|status| Arc::from(status.as_str()));
    }
    VALUES.with(|[invited, active, inactive]| match status {
        Status::Invited => Arc::clone(invited),
        Status::Active => Arc::clone(active),
        Status::Inactive => Arc::clone(inactive),
    })
}

/// The chunk of a row, and its place in it.
fn chunk_of(row: Row) -> (u64, u32) {
    (row.0 / CHUNK_ROWS, u32::try_from(row.0 % CHUNK_ROWS).unwrap_or_default())
}
