//! Where a row is in the search sets of a token.

use crate::model::Row;
use crate::model::search::Token;
use crate::table::index::sets::CHUNK_ROWS;

/// The groups that there are: two characters of six bits.
pub const GROUPS: usize = 4_096;
/// The bits of a token that are its place in its group.
const PLACE_BITS: u32 = 12;

/// The group of a token, and its place in it.
pub fn split_token(token: Token) -> (u16, u16) {
    let place = u16::try_from(token & ((1 << PLACE_BITS) - 1)).unwrap_or_default();
    (u16::try_from(token >> PLACE_BITS).unwrap_or(u16::MAX), place)
}

/// The token at a place of a group.
pub fn join_token(group: u16, place: u16) -> Token {
    u32::from(group) << PLACE_BITS | u32::from(place)
}

/// The chunk of a row, and its place in it.
pub fn split_row(row: Row) -> (u64, u32) {
    (row.0 / CHUNK_ROWS, u32::try_from(row.0 % CHUNK_ROWS).unwrap_or_default())
}
