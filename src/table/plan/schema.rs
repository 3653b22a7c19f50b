//! Changes of a base's attribute schema: the check that values fit it, and the building of its indexes.
//!
//! In a small base both read all members, and no write is planned meanwhile. In a larger one the lane does
//! both in pieces, between other batches.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::schema::{AttributeSchema, FieldNumber, WantedSchema, narrowed};
use crate::model::{Member, Row};
use crate::stored::block::ROWS_PER_BLOCK;
use crate::table::TableError;
use crate::table::index::entries::index_changes;
use crate::table::index::sets::{CHUNK_ROWS, IndexPiece, Sets};
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::guard::FETCHED_MAX_BYTES;
use crate::table::plan::valued::Valued;

/// How many blocks one chunk of a set covers.
const BLOCKS_PER_CHUNK: u64 = CHUNK_ROWS / ROWS_PER_BLOCK;
/// Blocks read together.
const BLOCKS_TOGETHER: usize = 256;

/// Whether the values of members fit a schema.
pub enum Fit {
    /// They do.
    Fits,
    /// They do not.
    Refused(TableError),
    /// It is not known before the lane has counted, beginning with this.
    Uncounted(Valued),
}

impl Plan<'_> {
    /// Whether the values of members fit a schema. If it removes an attribute or changes its type, members
    /// who have a value for it are counted: at once in a small base, otherwise by the lane.
    pub async fn fit(&mut self, wanted: Option<&WantedSchema>) -> Result<Fit, TableError> {
        let (Some(schema), Some(wanted)) = (self.layer.header.schema.clone(), wanted) else {
            return Ok(Fit::Fits);
        };
        let keys = narrowed(&schema.types, &wanted.types);
        if keys.is_empty() {
            return Ok(Fit::Fits);
        }
        if let Some(count) = self.valued.as_ref().filter(|count| count.is_complete() && count.is_of(&keys)) {
            return Ok(count.refuse().map_or_else(Fit::Refused, |()| Fit::Fits));
        }
        let mut count = Valued::new(&keys);
        if self.layer.header.counts.total() > self.open.parts.audience_build.at_once {
            return Ok(Fit::Uncounted(count));
        }
        self.each_member(|_, member| count.count(member)).await?;
        Ok(count.refuse().map_or_else(Fit::Refused, |()| Fit::Fits))
    }

    /// Moves this count, if there is one, with every write.
    pub fn keep_count(&mut self, count: Option<Valued>) {
        self.valued = count;
    }

    /// The count after what was planned.
    pub fn take_count(&mut self) -> Option<Valued> {
        self.valued.take()
    }

    /// Goes on with a count: adds the members of the next `blocks` blocks.
    pub async fn count_on(&mut self, mut count: Valued, blocks: usize) -> Result<Valued, TableError> {
        let Some(below) = count.below() else { return Ok(count) };
        let each = |_, member: &Member| count.count(member);
        let (below, is_complete) = self.next_members(below, blocks, each).await?;
        count.pass(below, is_complete);
        Ok(count)
    }

    /// Builds the indexes that `before` did not have, or begins to if there are many members. Reads the
    /// members only if one of these indexes is on a key that they may have values for.
    pub async fn build_indexes(&mut self, before: Option<&AttributeSchema>) -> Result<(), TableError> {
        let Some(schema) = self.layer.header.schema.clone() else { return Ok(()) };
        let had = |key: &String| before.and_then(|before| before.indexes.get(key)).copied();
        let mut building = AttributeSchema::clone(&schema);
        building.indexes.retain(|key, index| had(key) != Some(*index));
        let may_have_values =
            |key: &String| before.is_some_and(|before| before.types.get(key) == schema.types.get(key));
        if !building.indexes.keys().any(may_have_values) {
            return Ok(());
        }
        if self.layer.header.counts.total() > self.open.parts.audience_build.at_once {
            building.indexes.retain(|key, _| may_have_values(key));
            self.layer.begun.extend(building.indexes.values().map(|index| index.number));
            return Ok(());
        }
        let mut sets = Sets::default();
        sets.follow(Some(&building));
        self.each_member(|row, member| {
            index_changes(row, None, Some(member), &building).iter().for_each(|change| sets.apply(change));
        })
        .await?;
        self.layer.built.extend(sets.into_built());
        Ok(())
    }

    /// Builds the indexes with these numbers on, with the members of the next `blocks` blocks.
    pub async fn index_on(
        &mut self,
        fields: &BTreeSet<FieldNumber>,
        below: Row,
        blocks: usize,
    ) -> Result<IndexPiece, TableError> {
        let mut piece = IndexPiece { fields: fields.clone(), ..IndexPiece::default() };
        let Some(schema) = self.layer.header.schema.as_deref() else {
            return Ok(IndexPiece { below, is_complete: true, ..piece });
        };
        let mut schema = schema.clone();
        schema.indexes.retain(|_, index| fields.contains(&index.number));
        let changes = &mut piece.changes;
        let each = |row, member: &Member| changes.extend(index_changes(row, None, Some(member), &schema));
        (piece.below, piece.is_complete) = self.next_members(below, blocks, each).await?;
        Ok(piece)
    }

    /// Shows the members of the next `blocks` blocks from a row on to `each`. Returns the row from which to
    /// go on, and whether there are no more members.
    pub(super) async fn next_members(
        &mut self,
        below: Row,
        blocks: usize,
        mut each: impl FnMut(Row, &Member),
    ) -> Result<(Row, bool), TableError> {
        let numbers = self.blocks_with_members(below.0.div_ceil(ROWS_PER_BLOCK), blocks).await;
        if self.fetched_bytes > FETCHED_MAX_BYTES {
            self.forget_fetched();
        }
        let missing: Vec<u64> =
            numbers.iter().copied().filter(|number| self.block(*number).is_none()).collect();
        self.fetch_blocks(&missing).await?;
        for number in &numbers {
            self.work(1).await;
            for row in (0..ROWS_PER_BLOCK).map(|slot| Row(number * ROWS_PER_BLOCK + slot)) {
                match self.member(row) {
                    Ok(Some((member, _))) => each(row, &member),
                    // Every block was fetched, so no `Need` can occur.
                    Ok(None) | Err(Stop::Need(_)) => {}
                    Err(Stop::Failed(error)) => return Err(error),
                }
            }
        }
        let is_complete = numbers.len() < blocks;
        let last = numbers.last().map(|last| (last + 1).saturating_mul(ROWS_PER_BLOCK));
        let end = if is_complete { Some(self.next_row().0) } else { last };
        Ok((below.max(Row(end.unwrap_or_default())), is_complete))
    }

    async fn each_member(&mut self, mut each: impl FnMut(Row, &Member)) -> Result<(), TableError> {
        let blocks = self.blocks_with_members(0, usize::MAX).await;
        for numbers in blocks.chunks(BLOCKS_TOGETHER) {
            self.forget_fetched();
            self.fetch_blocks(numbers).await?;
            for row in numbers
                .iter()
                .flat_map(|number| (0..ROWS_PER_BLOCK).map(move |slot| Row(number * ROWS_PER_BLOCK + slot)))
            {
                match self.member(row) {
                    Ok(Some((member, _))) => each(row, &member),
                    // Every block was fetched, so no `Need` can occur.
                    Ok(None) | Err(Stop::Need(_)) => {}
                    Err(Stop::Failed(error)) => return Err(error),
                }
            }
        }
        self.forget_fetched();
        Ok(())
    }

    /// The first `most` blocks from `from` on that may have members, taken from the sets and from what is not
    /// published yet. Not simply all blocks up to the next row: row numbers jump far ahead when a store is
    /// restored.
    pub(super) async fn blocks_with_members(&self, from: u64, most: usize) -> Vec<u64> {
        let unpublished = self.in_flight.iter().map(Arc::as_ref).chain([&self.layer]);
        let mut blocks: Vec<u64> = unpublished.flat_map(|layer| layer.blocks.keys().copied()).collect();
        blocks.retain(|block| *block >= from);
        let end = self.layer.header.next_row.div_ceil(ROWS_PER_BLOCK);
        let chunks = self.open.published.read().await.sets.living().chunks();
        let published = chunks.into_iter().flat_map(|chunk| {
            let first = chunk.saturating_mul(BLOCKS_PER_CHUNK);
            first.max(from)..first.saturating_add(BLOCKS_PER_CHUNK).min(end)
        });
        blocks.extend(published.take(most));
        blocks.sort_unstable();
        blocks.dedup();
        blocks.truncate(most);
        blocks
    }
}
