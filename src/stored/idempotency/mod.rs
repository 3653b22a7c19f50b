//! The stored results of requests with a request id: written with the commits of the request, and returned
//! when the request is repeated.
//!
//! A stored result holds rows and outcomes, never a reply of a protocol. Its first part has everything except
//! the rows that do not fit into it. Those are in further parts, which mean nothing by themselves. Another
//! value, under the time of the request, has the size of all parts, for the housekeeping.

mod form;
pub mod key;
mod read;
mod rows;
mod size;
#[cfg(test)]
mod tests;
mod version;
mod write;

pub use self::form::{RequestResult, RowResult, StoredResult};
pub use self::rows::{PART_BYTES, decode_row as read_row, encode_rows, write_row};
pub use self::size::Size;
