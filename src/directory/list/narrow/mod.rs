//! Narrows a list before any member is read: finds the rows that can match, by sets and lookups alone.
//!
//! A filter becomes an expression over bitmaps, evaluated chunk by chunk of 65,536 rows. The result includes
//! every row that matches. If it includes no others, no member needs to be checked, `skip` is rank and
//! select, and the total is a count of bits.
//!
//! **The narrowed rows are of one revision, and stay so**: [`Narrowed`] holds the sets that it needs as they
//! were ([`RowSet`](crate::table::RowSet)), and the rows found by key. So only the narrowing itself needs a
//! view; what is computed afterwards (chunks, `skip`, totals) holds up no writes.
//!
//! **Words are looked up under the view that the list begins with**, in the search sets: those of a search,
//! and those with which the text of a `prefix` condition begins. Only the words of a search that have at most
//! four characters, all of ASCII, are answered by the sets alone.
//!
//! **Keys are looked up in pieces.** Up to [`FIND_TOGETHER`] keys are looked up under the view that the sets
//! come from. More keys are looked up piece by piece, and the view is dropped between the pieces. If nothing
//! was committed meanwhile, all results are of one revision. Otherwise all keys are looked up again under one
//! view, which is fast, because what they need was just read and is in memory.

mod chunk;
mod filter;
mod plan;
mod rows;

pub use self::chunk::{join, split};
pub use self::filter::{FIND_TOGETHER, narrow};
pub use self::rows::Narrowed;
