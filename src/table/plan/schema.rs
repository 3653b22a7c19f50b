//! Changes of a base's attribute schema: the check that values fit it, and the building of its indexes.
//!
//! The check reads all members. No write of the base is planned meanwhile, so counts are exact. Indexes of a
//! small base are built in the same way, those of a larger one between other requests.

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

/// How many blocks one chunk of a set covers.
const BLOCKS_PER_CHUNK: u64 = CHUNK_ROWS / ROWS_PER_BLOCK;
/// Blocks read together.
const BLOCKS_TOGETHER: usize = 256;

impl Plan<'_> {
    /// Refuses a schema if members have values for a key that it removes or whose type it changes. Reads the
    /// members only if there is such a key.
    pub async fn check_schema(
        &mut self,
        wanted: &WantedSchema,
    ) -> Result<Result<(), TableError>, TableError> {
        let Some(schema) = self.layer.header.schema.clone() else { return Ok(Ok(())) };
        let keys = narrowed(&schema.types, &wanted.types);
        if keys.is_empty() {
            return Ok(Ok(()));
        }
        let mut held: Vec<(String, u64)> = keys.iter().map(|key| ((*key).to_owned(), 0)).collect();
        let mut members = 0;
        self.each_member(|_, member| {
            let mut holds = false;
            for (key, count) in &mut held {
                if member.attributes.get(key).is_some() {
                    *count += 1;
                    holds = true;
                }
            }
            members += u64::from(holds);
        })
        .await?;
        held.retain(|(_, count)| *count > 0);
        Ok(if held.is_empty() { Ok(()) } else { Err(TableError::SchemaInUse { held, members }) })
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
