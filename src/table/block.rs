//! Blocks, read from the engine.

use std::sync::Arc;

use super::TableError;
use super::layer::Blocks;
use crate::engine::{Engine, Value};
use crate::model::BaseNumber;
use crate::schema::block::Block;
use crate::schema::key;

/// The blocks of these numbers; one that holds no member is absent from the answer.
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

/// Reads the parts beyond the first.
async fn read_more(
    engine: &Arc<dyn Engine>,
    base: BaseNumber,
    parts: &[(u64, u8)],
    blocks: &mut Blocks,
) -> Result<(), TableError> {
    let keys: Vec<_> = parts.iter().map(|(number, first)| key::block(base, *number, *first)).collect();
    for ((number, _), value) in parts.iter().zip(engine.get_many(&keys).await?) {
        let bytes: Value =
            value.ok_or_else(|| TableError::Damaged(format!("a part of block {number} is missing")))?;
        if let Some(block) = blocks.get_mut(number) {
            block.decode_more(&bytes)?;
        }
    }
    Ok(())
}
