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
//! index, the lane builds its sets from the members. Their rows are in no commit, so a base that opens builds
//! again every index that is younger than the watermark.
//!
//! - In a small base the request that brings the index builds its sets, and they are installed as a whole.
//! - In a larger one they are built between other requests, in pieces ([`IndexPiece`]). Until they are
//!   complete, they have the members of rows below the one where the next piece begins, and only these follow
//!   writes. **Nobody reads sets that are not complete**: for reads it is as if they had been dropped. A
//!   checkpoint stores what there is, and how far it is.

mod base;
mod field;
mod row_set;
#[cfg(test)]
mod tests;

pub use self::base::Sets;
pub(in crate::table) use self::base::{DirtyChunk, FieldSets, IndexPiece, SetChange};
pub use self::field::SetField;
pub(in crate::table) use self::field::{status_value, tier_value};
pub use self::row_set::{CHUNK_ROWS, Chunk, Living, RowSet, union};
