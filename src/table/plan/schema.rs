//! Changes of a base's attribute schema: the check that values fit it, and the building of its indexes.
//!
//! Both read all members. No write of the base is planned meanwhile, so counts and indexes are exact.

use std::sync::Arc;

use crate::model::schema::{AttributeSchema, WantedSchema, narrowed};
use crate::model::{Member, Row};
use crate::stored::block::ROWS_PER_BLOCK;
use crate::table::TableError;
use crate::table::index::entries::index_changes;
use crate::table::index::sets::{CHUNK_ROWS, Sets};
use crate::table::plan::batch::{Plan, Stop};

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

    /// Builds the indexes that `before` did not have. Reads the members only if one of these indexes is on a
    /// key that they may have values for.
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
        let mut sets = Sets::default();
        sets.follow(Some(&building));
        self.each_member(|row, member| {
            index_changes(row, None, Some(member), &building).iter().for_each(|change| sets.apply(change));
        })
        .await?;
        self.layer.built.extend(sets.into_built());
        Ok(())
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
