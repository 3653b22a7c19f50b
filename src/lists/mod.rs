//! Lists of members as their makers see them: the bytes of a file become rows of members, and nothing is
//! guessed.
//!
//! A list comes as CSV, TSV, NDJSON or a spreadsheet. One [`Reader`] reads all of them: its caller pushes the
//! bytes as they arrive and gets rows back. This layer knows neither bases nor doors nor the command line,
//! and does no I/O.
//!
//! # What holds
//!
//! - **The pipeline is lazy and bounded.** Text becomes rows while it arrives; between two pushes the reader
//!   holds at most one row and [`text`]'s buffers. Only a spreadsheet is collected first, because it cannot be
//!   read before its end.
//! - **What concerns the whole file refuses the file**: its encoding, quotes, columns or sheets. The refusal
//!   has the line or cell, and the column where there is one. Nothing is known about the rest of the file
//!   then, so a caller must not act on the rows before it, unless it can do nothing else.
//! - **What concerns one row fails this row only.** Its [`RowFault`] has the column and the rule, and the row
//!   still tells whom it may be about ([`ListRow::identity`]).
//! - **A row says what its cells say**: a column that the file does not have, an empty cell and a text are
//!   three different things. Whether an empty cell clears a field is the caller's decision.
//! - Rows are not yet members: [`crate::model::RawRow`] parses the values.
//!
//! The parts, in the order in which bytes pass them: [`text`] (encoding, delimiter, records and lines) or
//! [`workbook`] (spreadsheets), [`columns`] (headings become fields), `cell` (what a cell says), `table` and
//! `object` (a row of cells, or of JSON, becomes a row of the model).

mod attributes;
mod cell;
pub mod columns;
mod field;
mod format;
pub(crate) mod fuzz;
mod gathered;
mod guarded;
mod list;
mod object;
mod one_line;
mod options;
mod piece;
mod place;
mod reader;
mod refusal;
mod row;
mod row_fault;
mod sheet;
mod summary;
mod table;
#[cfg(test)]
mod tests;
pub mod text;
pub mod workbook;

pub use self::attributes::RowAttributes;
pub use self::cell::Reading;
pub use self::field::Field;
pub use self::format::Format;
pub use self::guarded::{exported, guarded, harmless};
pub use self::list::{List, Source, Table};
pub use self::object::{FAILED, fields, row as member_of_object};
pub use self::one_line::one_line;
pub use self::options::Options;
pub use self::place::Place;
pub use self::reader::Reader;
pub use self::refusal::{Refusal, known_columns};
pub use self::row::{Identity, ListRow};
pub use self::row_fault::{RowFault, RowRule};
pub use self::summary::{Note, Summary};
