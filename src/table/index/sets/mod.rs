//! Sets: for each value of a field, the rows of the members that have it, in chunks of 65,536 rows.
//!
//! All sets of an open base are in memory: a chunk takes at most 8 KiB, and all chunks of one field take
//! about two bytes per member. A checkpoint writes the chunks that changed.
//!
//! If the members have more than `MAX_VALUES` (4,096) distinct values of a field at a time, the base drops
//! the sets of that field, and filters on it read each member instead. Values that no member has any more do
//! not count, even if no checkpoint has run since. The values of tiers are counted again whenever the base
//! opens, and their sets are restored if there are few enough. An attribute gets its sets back when its index
//! is dropped from the schema and added again.
//!
//! A set taken under a view can be used after the view is gone, see [`RowSet`].
//!
//! Attributes have sets where the schema says `indexed`. If an attribute that already has values gets an
//! index, the lane builds its sets from the members and installs them as a whole. Their rows are in no
//! commit, so a base that opens builds again every index that is younger than the watermark.

mod base;
mod field;
mod row_set;
#[cfg(test)]
mod tests;

pub use self::base::Sets;
pub(in crate::table) use self::base::{DirtyChunk, FieldSets, SetChange};
pub use self::field::SetField;
pub(in crate::table) use self::field::status_value;
pub use self::row_set::{CHUNK_ROWS, Chunk, Living, RowSet, union};
