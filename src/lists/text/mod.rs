//! Text: bytes become characters, and characters become the rows of a table or lines.
//!
//! This room promises that it never repairs text by guessing, that it counts lines as an editor does, and
//! that it holds at most one row, and 64 KiB while it looks for the encoding. It does not know what a column
//! means.

mod delimiter;
mod encoding;
mod fault;
mod limits;
mod lines;
mod marks;
mod records;
mod split;

pub use self::delimiter::is_delimiter;
pub(super) use self::delimiter::missed;
pub(super) use self::encoding::{Decoder, Encoding, Undecodable};
pub use self::fault::{EncodingFault, TextFault};
pub use self::limits::{BOM, MAX_ROW_BYTES};
pub(super) use self::lines::Lines;
pub(super) use self::records::Records;
pub(super) use self::split::{cells, short};
