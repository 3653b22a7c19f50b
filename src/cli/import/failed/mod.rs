//! The file of failed rows: the rows as they came, and why they failed. After correction it can be imported
//! as it is.
//!
//! It begins like the original file. Each row has its original cells, whatever their number, followed by the
//! reason why it failed. So a row that was not corrected fails again for the same reason, and the file only
//! states the newest one. The file is created when the first row fails, and only its owner can read it,
//! because it contains data of the list. Only one import writes it, see
//! [`take_place`](crate::cli::files::take_place).
//!
//! **Rows are in the order of their lines**, so that a corrected file changes a member as the original list
//! would have done, row by row. A row that was tried again and failed is inserted between the others
//! ([`again`]). If that is impossible, as in a pipe, a row that fails ends the waiting of all rows before it.

mod again;
mod earlier;
mod file;
mod waiting;

pub use self::earlier::has_failed_rows;
pub use self::file::FailedRows;
pub use self::waiting::Waiting;
