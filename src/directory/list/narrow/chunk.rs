//! Rows in chunks of 65,536.

use crate::model::Row;

/// The low bits of a row, which are its place in its chunk.
const CHUNK_BITS: u32 = 16;

/// A row's chunk and its place in it.
pub fn split(row: u64) -> (u64, u32) {
    let place = row & ((1 << CHUNK_BITS) - 1);
    (row >> CHUNK_BITS, u32::try_from(place).unwrap_or(u32::MAX))
}

/// The row at a place of a chunk.
pub fn join(chunk: u64, place: u32) -> Row {
    Row(chunk << CHUNK_BITS | u64::from(place))
}
