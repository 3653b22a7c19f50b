//! Reads a spreadsheet as the person who made it sees it, or refuses it with the sheet, the cell and the
//! reason.
//!
//! # What holds
//!
//! - One visible sheet is read: the only one with data, or the one that the caller names. A hidden sheet is
//!   never read.
//! - The headings are the first row that holds a heading known to the caller. Rows above it, hidden rows,
//!   hidden columns and the total rows of tables are left out, and [`Table::notes`] counts them.
//! - A cell is text, number, date, boolean, error or empty. [`Cell`] turns it into a text or a date, or says
//!   why it cannot: the caller knows which column is a key, and this room does not.
//! - A number is shown in its format only if the format is simple and hides nothing of the number.
//! - A file that cannot be read whole is refused whole. No part of it is returned.
//! - Memory and time are bounded by [`Limits`], whatever the file claims. Every entry of a zip is unpacked into
//!   a counter before a reader opens it. No grid is laid out: only filled cells are stored.
//! - Nothing outside the file is opened.
//!
//! calamine reads the values of `.xlsx` files. It does not tell what is hidden, which numbers are formulas
//! without a result, and which parts of a rich text lose the space between them, and it trusts counts that the
//! file claims. So the XML is read here first, and both readings must agree on every cell. `.ods` and `.xls`
//! files are read here alone; `ods` and `xls` say why.

mod cell;
mod fault;
mod format;
mod grid;
mod limits;
mod ods;
mod options;
mod package;
mod read;
mod refusal;
mod table;
#[cfg(test)]
mod tests;
mod xls;
mod xlsx;
mod xml;

pub use cell::{Cell, CellName, Content};
pub use fault::CellFault;
pub use limits::Limits;
pub use options::Options;
pub use read::{is_workbook, read};
pub use refusal::Refusal;
pub use table::{Heading, Note, Row, Table};
