//! The sets of one base: read, changed with commits, loaded when the base opens, written by checkpoints.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::Row;
use crate::model::schema::{AttributeIndex, AttributeSchema, AttributeType, FieldNumber};
use crate::table::index::sets::field::SetField;
use crate::table::index::sets::row_set::{Chunk, Living, RowSet};

/// The most distinct values of a field, at a time, for which the base has sets.
const MAX_VALUES: usize = 4096;

/// A row enters or leaves the set of a value.
#[derive(Debug, Clone)]
pub struct SetChange {
    pub field: SetField,
    pub value: Arc<str>,
    pub row: Row,
    pub enters: bool,
}

/// What was built of the sets of some indexes.
#[derive(Debug, Default)]
pub struct IndexPiece {
    /// The indexes.
    pub fields: BTreeSet<FieldNumber>,
    /// With this piece the members of lower rows are in their sets.
    pub below: Row,
    /// Whether all members are.
    pub is_complete: bool,
    /// The moves into the sets.
    pub changes: Vec<SetChange>,
}

/// A chunk that a checkpoint has to write: field, value, chunk number, rows.
pub(in crate::table) type DirtyChunk = (SetField, Arc<str>, u64, Arc<Chunk>);

/// The sets of a base.
#[derive(Debug, Default)]
pub struct Sets {
    status: FieldSets,
    tier: FieldSets,
    attributes: BTreeMap<FieldNumber, FieldSets>,
    /// The indexed attributes, by key.
    indexes: BTreeMap<String, (AttributeIndex, AttributeType)>,
    /// Numbers of indexes that no longer exist and whose stored chunks must still be deleted.
    removed: BTreeSet<FieldNumber>,
    /// The rows that were built since a checkpoint took the sets.
    unstored: u64,
}

/// The sets of one field.
#[derive(Debug, Clone, Default)]
pub struct FieldSets {
    values: BTreeMap<Arc<str>, RowSet>,
    /// The number of values that members have.
    held: usize,
    /// Whether the sets were dropped because there were too many values.
    is_dropped: bool,
    /// Whether stored chunks of sets that were dropped must still be deleted.
    to_delete: bool,
    /// While the sets are built: only members of lower rows are in them.
    below: Option<Row>,
}

impl Sets {
    /// The rows of the members that have `value` in `field`. `None` if the sets of the field were dropped, or
    /// are not complete.
    #[must_use]
    pub fn of_value(&self, field: SetField, value: &str) -> Option<RowSet> {
        Some(self.sets_of(field)?.values.get(value).cloned().unwrap_or_default())
    }

    /// The rows of one chunk whose members have `value` in `field`. `None` if the sets of the field were
    /// dropped.
    pub(in crate::table) fn rows(&self, field: SetField, value: &str, chunk: u64) -> Option<Cow<'_, Chunk>> {
        let rows = self.sets_of(field)?.values.get(value).and_then(|rows| rows.chunk(chunk));
        Some(rows.map_or_else(Cow::default, Cow::Borrowed))
    }

    /// The rows of each value of `field`. `None` if the sets of the field were dropped.
    #[must_use]
    pub fn of_all_values(&self, field: SetField) -> Option<Vec<RowSet>> {
        Some(self.sets_of(field)?.values.values().filter(|rows| !rows.is_empty()).cloned().collect())
    }

    /// The rows that have a member.
    #[must_use]
    pub fn living(&self) -> Living {
        Living::of(self.status.values.values().cloned().collect())
    }

    /// Whether one of `count` rows from `first` on has a member. The rows are of one chunk.
    pub(in crate::table) fn has_members(&self, first: Row, count: u64) -> bool {
        self.status.values.values().any(|rows| rows.has_some(first, count))
    }

    /// The exact number of members that have `value` in `field`. `None` if the sets of the field were
    /// dropped.
    #[must_use]
    pub fn count(&self, field: SetField, value: &str) -> Option<u64> {
        Some(self.sets_of(field)?.values.get(value).map_or(0, RowSet::len))
    }

    /// The values that members have in `field`, in order. `None` if the sets of the field were dropped.
    pub fn values(&self, field: SetField) -> Option<impl Iterator<Item = &str>> {
        Some(
            self.sets_of(field)?
                .values
                .iter()
                .filter(|(_, rows)| !rows.is_empty())
                .map(|(value, _)| &**value),
        )
    }

    /// The fields whose sets were dropped.
    pub fn unindexed(&self) -> impl Iterator<Item = SetField> + '_ {
        self.fields().filter(|field| self.any_sets_of(*field).is_none_or(|sets| sets.is_dropped))
    }

    /// While the sets of a field are built: the members of lower rows are in them. `None` if they are
    /// complete.
    #[must_use]
    pub fn built_below(&self, field: SetField) -> Option<Row> {
        self.any_sets_of(field)?.below
    }

    /// The fields whose sets are built, in order, each with the row up to which they are.
    pub(in crate::table) fn indexing(&self) -> impl Iterator<Item = (FieldNumber, Row)> + '_ {
        self.attributes.iter().filter_map(|(number, sets)| Some((*number, sets.below?)))
    }

    /// Begins to build the sets of an index: no row is in them.
    pub(in crate::table) fn begin(&mut self, number: FieldNumber) {
        self.go_on(number, Row(0));
    }

    /// Goes on building the sets of an index, of which the members of lower rows are there.
    pub(in crate::table) fn go_on(&mut self, number: FieldNumber, below: Row) {
        let Some(sets) = self.attributes.get_mut(&number).filter(|sets| !sets.is_dropped) else { return };
        sets.below = Some(below);
        // A checkpoint that did not end may have written more.
        sets.values.values_mut().for_each(|rows| rows.keep_below(below));
        sets.held = sets.values.values().filter(|rows| !rows.is_empty()).count();
    }

    /// Adds what was built. Drops the sets of fields that have too many values then.
    pub(in crate::table) fn extend(&mut self, piece: &IndexPiece) {
        let begun = |number: &FieldNumber| self.built_below(SetField::Attribute(*number));
        let before = piece.fields.iter().filter_map(begun).min();
        self.unstored += before.map_or(0, |before| piece.below.0.saturating_sub(before.0));
        for change in &piece.changes {
            if let Some(sets) = self.field_mut(change.field).filter(|sets| sets.below.is_some()) {
                sets.shift(change);
            }
        }
        for number in &piece.fields {
            let Some(sets) = self.attributes.get_mut(number).filter(|sets| sets.below.is_some()) else {
                continue;
            };
            sets.below = if piece.is_complete { None } else { Some(piece.below) };
            if sets.held > MAX_VALUES {
                self.drop_field(SetField::Attribute(*number));
            }
        }
    }

    /// The rows that were built since a checkpoint took the sets.
    pub(in crate::table) fn unstored(&self) -> u64 {
        self.unstored
    }

    /// Takes that number; a checkpoint takes the sets now. If writing fails, it is passed to
    /// [`Sets::note_unstored`].
    pub(in crate::table) fn take_unstored(&mut self) -> u64 {
        std::mem::take(&mut self.unstored)
    }

    /// Counts rows again that a checkpoint could not write.
    pub(in crate::table) fn note_unstored(&mut self, rows: u64) {
        self.unstored = self.unstored.saturating_add(rows);
    }

    /// Shows sets as far as they are built, as if they were complete (for an audit).
    pub(in crate::table) fn show_built(&mut self) {
        self.attributes.values_mut().for_each(|sets| sets.below = None);
    }

    /// Every field that has sets, and those whose sets were dropped.
    pub fn fields(&self) -> impl Iterator<Item = SetField> + '_ {
        let attributes = self.attributes.keys().map(|number| SetField::Attribute(*number));
        SetField::OF_ALL_BASES.into_iter().chain(attributes)
    }

    /// The field and the type of an indexed attribute.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<(SetField, AttributeType)> {
        let (index, kind) = self.indexes.get(key)?;
        Some((SetField::Attribute(index.number), *kind))
    }

    /// Follows a change of the schema: adds empty sets for new indexes, and removes the sets of indexes that
    /// are gone.
    pub(in crate::table) fn follow(&mut self, schema: Option<&AttributeSchema>) {
        let mut indexes = BTreeMap::new();
        for (key, index) in schema.into_iter().flat_map(|schema| &schema.indexes) {
            let kind = schema.and_then(|schema| schema.types.get(key)).copied();
            indexes.insert(key.clone(), (*index, kind.unwrap_or(AttributeType::Array)));
        }
        let stays = |of: &AttributeIndex| indexes.values().any(|(index, _)| index == of);
        for (index, _) in self.indexes.values().filter(|(index, _)| !stays(index)) {
            self.attributes.remove(&index.number);
            self.removed.insert(index.number);
        }
        for (index, _) in indexes.values() {
            self.attributes.entry(index.number).or_default();
        }
        self.indexes = indexes;
    }

    /// Installs the sets of an index, which were built from the members.
    pub(in crate::table) fn install(&mut self, number: FieldNumber, built: FieldSets) {
        if let Some(sets) = self.attributes.get_mut(&number) {
            *sets = built;
        }
    }

    /// Installs the sets of tiers in `built`, which were built from the members. The next checkpoint deletes
    /// stored chunks of the dropped sets before it writes the new ones.
    pub(in crate::table) fn restore_tiers(&mut self, built: Self) {
        self.tier = FieldSets { to_delete: true, ..built.tier };
    }

    /// The sets of the indexes, by number.
    pub(in crate::table) fn into_built(self) -> BTreeMap<FieldNumber, FieldSets> {
        self.attributes
    }

    /// The keys of indexes that are younger than `watermark`: chunks stored under their numbers belong to
    /// older indexes.
    pub(in crate::table) fn younger_than(&self, watermark: u64) -> BTreeSet<String> {
        let young = self.indexes.iter().filter(|(_, (index, _))| index.since > watermark);
        young.map(|(key, _)| key.clone()).collect()
    }

    /// Notes that chunks are stored under the number of an index that does not exist (while a base opens).
    pub(in crate::table) fn note_stray(&mut self, number: FieldNumber) {
        self.removed.insert(number);
    }

    /// Takes over a stored chunk (while a base opens). If it `moves` to another table, the next checkpoint
    /// writes it.
    pub(in crate::table) fn load(
        &mut self,
        field: SetField,
        value: &str,
        chunk: u64,
        rows: Chunk,
        moves: bool,
    ) {
        let Some(sets) = self.field_mut(field) else { return };
        let value = sets.values.entry(Arc::from(value)).or_default();
        sets.held += usize::from(value.is_empty() && !rows.is_empty());
        value.load(chunk, rows, moves);
    }

    /// Drops the sets of fields with too many values. While a base opens, this runs after the last move:
    /// stored chunks may already include later moves, so the counts are right only at the end.
    pub(in crate::table) fn settle(&mut self) {
        let limited = self.fields().filter(|field| *field != SetField::Status);
        let fields: Vec<SetField> =
            limited.filter(|field| self.sets_of(*field).is_some_and(|sets| sets.held > MAX_VALUES)).collect();
        fields.into_iter().for_each(|field| self.drop_field(field));
    }

    /// Replaces all sets by those in `built`, which were built from the members (while a base opens).
    pub(in crate::table) fn replace(&mut self, built: Self) {
        let removed = std::mem::take(&mut self.removed);
        *self = Self { removed, ..built };
    }

    /// Drops the sets of a field.
    pub(in crate::table) fn drop_field(&mut self, field: SetField) {
        if let Some(sets) = self.field_mut(field) {
            *sets = FieldSets { is_dropped: true, to_delete: true, ..FieldSets::default() };
        }
    }

    /// Moves a row into or out of a set; repeating a move changes nothing. Drops the sets of the field if it
    /// has too many values then.
    pub(in crate::table) fn apply(&mut self, change: &SetChange) {
        if self.shift(change) > MAX_VALUES && change.field != SetField::Status {
            self.drop_field(change.field);
        }
    }

    /// Moves a row into or out of a set, without the limit of values: call [`Sets::settle`] after the last
    /// move. Returns the number of values that members have now.
    pub(in crate::table) fn shift(&mut self, change: &SetChange) -> usize {
        let Some(sets) = self.field_mut(change.field).filter(|sets| !sets.is_dropped) else { return 0 };
        // What is built later is as of then.
        if sets.below.is_none_or(|below| change.row < below) {
            sets.shift(change);
        }
        sets.held
    }

    /// Takes what a checkpoint must write: changed chunks (an empty one must be deleted) and fields whose
    /// sets were dropped since the last checkpoint. If writing fails, pass them to [`Sets::mark_dirty`].
    pub(in crate::table) fn take_dirty(&mut self) -> (Vec<DirtyChunk>, Vec<SetField>) {
        let mut chunks = Vec::new();
        let removed = std::mem::take(&mut self.removed);
        let mut dropped: Vec<SetField> = removed.into_iter().map(SetField::Attribute).collect();
        for field in self.fields().collect::<Vec<_>>() {
            let Some(sets) = self.field_mut(field) else { continue };
            if std::mem::take(&mut sets.to_delete) && !dropped.contains(&field) {
                dropped.push(field);
            }
            for (value, rows) in &mut sets.values {
                let dirty = rows.take_dirty().into_iter();
                chunks.extend(dirty.map(|(chunk, rows)| (field, Arc::clone(value), chunk, rows)));
            }
            sets.values.retain(|_, rows| !rows.is_bare());
        }
        (chunks, dropped)
    }

    /// Marks again what [`Sets::take_dirty`] returned, because it could not be written.
    pub(in crate::table) fn mark_dirty(&mut self, chunks: &[DirtyChunk], dropped: &[SetField]) {
        for field in dropped {
            match (field, self.field_mut(*field)) {
                // Sets of a newer index with the same number are not touched.
                (SetField::Attribute(number), _) => drop(self.removed.insert(*number)),
                (_, Some(sets)) => sets.to_delete = true,
                (_, None) => {}
            }
        }
        for (field, value, chunk, _) in chunks {
            if let Some(sets) = self.field_mut(*field).filter(|sets| !sets.is_dropped) {
                sets.values.entry(Arc::clone(value)).or_default().mark_dirty(*chunk);
            }
        }
    }

    /// The sets of a field. `None` if they were dropped or are not complete, or if the attribute has no
    /// index.
    fn sets_of(&self, field: SetField) -> Option<&FieldSets> {
        self.any_sets_of(field).filter(|sets| !sets.is_dropped && sets.below.is_none())
    }

    /// The sets of a field, also if they are not complete. `None` if the attribute has no index.
    fn any_sets_of(&self, field: SetField) -> Option<&FieldSets> {
        match field {
            SetField::Status => Some(&self.status),
            SetField::Tier => Some(&self.tier),
            SetField::Attribute(number) => self.attributes.get(&number),
        }
    }

    fn field_mut(&mut self, field: SetField) -> Option<&mut FieldSets> {
        match field {
            SetField::Status => Some(&mut self.status),
            SetField::Tier => Some(&mut self.tier),
            SetField::Attribute(number) => self.attributes.get_mut(&number),
        }
    }
}

impl FieldSets {
    /// Moves a row into or out of a set.
    fn shift(&mut self, change: &SetChange) {
        if !self.values.contains_key(&change.value) {
            if !change.enters {
                return;
            }
            self.values.insert(Arc::clone(&change.value), RowSet::default());
        }
        let Some(rows) = self.values.get_mut(&change.value) else { return };
        if rows.shift(change.row, change.enters) {
            match (change.enters, rows.len()) {
                (true, 1) => self.held += 1,
                (false, 0) => self.held = self.held.saturating_sub(1),
                _ => {}
            }
        }
    }
}
