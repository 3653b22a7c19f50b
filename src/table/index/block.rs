//! Reading blocks from the engine.

use std::sync::Arc;

use crate::engine::{Engine, Value};
use crate::model::{BaseNumber, Row};
use crate::stored::block::{Block, find, further_parts, place};
use crate::stored::{DecodeError, key};
use crate::table::TableError;
use crate::table::index::layer::Blocks;

/// The blocks with these numbers. A block without members is absent from the result.
pub async fn read(engine: &Arc<dyn Engine>, base: BaseNumber, numbers: &[u64]) -> Result<Blocks, TableError> {
    let mut blocks = Blocks::default();
    let keys: Vec<_> = numbers.iter().map(|number| key::block(base, *number, 0)).collect();
    let mut more = Vec::new();
    for (number, value) in numbers.iter().zip(engine.get_many(&keys).await?) {
        if let Some(bytes) = value {
            let block = Block::decode_first(&bytes)?;
            more.extend(block.parts.iter().map(|first| (*number, *first)));
            blocks.insert(*number, block);
        }
    }
    if !more.is_empty() {
        read_more(engine, base, &more, &mut blocks).await?;
    }
    Ok(blocks)
}

/// Reads the parts after the first.
async fn read_more(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    parts: &[(u64, u8)],
    blocks: &mut Blocks,
) -> Result<(), TableError> {
    let keys: Vec<_> = parts.iter().map(|(number, first)| key::block(base, *number, *first)).collect();
    for ((number, _), value) in parts.iter().zip(engine.get_many(&keys).await?) {
        let bytes: Value = value.ok_or_else(|| part_missing(*number))?;
        if let Some(block) = blocks.get_mut(number) {
            block.decode_more(&bytes)?;
        }
    }
    Ok(())
}

/// Blocks in their stored form, to find single members in.
pub struct Stored(Vec<Parts>);

/// The parts of a block, each with its first slot, in ascending order.
struct Parts {
    number: u64,
    parts: Vec<(u8, Value)>,
}

impl Stored {
    /// Reads the blocks of these rows.
    pub async fn read(
        engine: &Arc<dyn Engine>,
        base: BaseNumber,
        rows: impl Iterator<Item = Row>,
    ) -> Result<Self, TableError> {
        let mut numbers: Vec<u64> = rows.map(|row| place(row).0).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let keys: Vec<_> = numbers.iter().map(|number| key::block(base, *number, 0)).collect();
        let mut blocks = Vec::with_capacity(numbers.len());
        let mut more = Vec::new();
        for (number, value) in numbers.into_iter().zip(engine.get_many(&keys).await?) {
            let Some(value) = value else { continue };
            let index = blocks.len();
            more.extend(further_parts(&value)?.iter().map(|first| (index, number, *first)));
            blocks.push(Parts { number, parts: vec![(0, value)] });
        }
        let keys: Vec<_> = more.iter().map(|(_, number, first)| key::block(base, *number, *first)).collect();
        if keys.is_empty() {
            return Ok(Self(blocks));
        }
        for ((index, number, first), value) in more.into_iter().zip(engine.get_many(&keys).await?) {
            let value = value.ok_or_else(|| part_missing(number))?;
            if let Some(block) = blocks.get_mut(index) {
                block.parts.push((first, value));
            }
        }
        Ok(Self(blocks))
    }

    /// The stored member at `row`, if there is one.
    pub fn record(&self, row: Row) -> Result<Option<&[u8]>, DecodeError> {
        Ok(self.found(row)?.map(|(_, record)| record))
    }

    /// The same, to keep. It keeps its part of the block.
    pub fn shared(&self, row: Row) -> Result<Option<Value>, DecodeError> {
        Ok(self.found(row)?.map(|(part, record)| part.slice_ref(record)))
    }

    /// The stored member at `row`, and the part that has it.
    fn found(&self, row: Row) -> Result<Option<(&Value, &[u8])>, DecodeError> {
        let (number, slot) = place(row);
        let Ok(index) = self.0.binary_search_by_key(&number, |block| block.number) else { return Ok(None) };
        let parts = self.0.get(index).into_iter().flat_map(|block| block.parts.iter().rev());
        let mut holding = parts.filter(|(first, _)| usize::from(*first) <= slot);
        let Some((first, part)) = holding.next() else { return Ok(None) };
        Ok(find(part, *first == 0, slot)?.map(|record| (part, record)))
    }
}

fn part_missing(number: u64) -> TableError {
    TableError::Damaged(format!("a part of block {number} is missing"))
}
