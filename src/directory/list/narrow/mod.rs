//! Narrows a list before any record is read: which rows can match, by sets and lookups alone.
//!
//! A filter becomes an expression over bitmaps, evaluated chunk by chunk of 65,536 rows. The rows that come out are
//! never too few. Where they are exactly those that match, no record needs to be checked, `skip` is rank and select,
//! and the total is a count of bits.
//!
//! **What was narrowed is of one revision, and stays so**: it holds the sets that it needs as they were ([`RowSet`]), and the
//! rows that keys led to. So only the narrowing itself needs the view; whatever is worked out afterwards (chunks, `skip`,
//! totals) holds up no writes.
//!
//! **Keys are looked up in pieces.** Up to [`FIND_TOGETHER`] of them are found under the view that the sets come from. More
//! are found piece by piece, and the view is given back between the pieces. If nothing was committed meanwhile, they are of one
//! revision. Otherwise they are found once more under one view: what they need was read a moment before and is in memory.

mod chunk;
mod filter;
mod plan;
mod rows;

pub use self::chunk::{join, split};
pub use self::filter::{FIND_TOGETHER, narrow};
pub use self::rows::Narrowed;
