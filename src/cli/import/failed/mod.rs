//! The file of failed rows: what came, and why it was refused. Mended, it can be imported as it is.
//!
//! Cells stand in it as they came, whatever their number, behind what the file of the list begins with, and
//! why the row failed comes after them. So a row that has not been mended fails again for the same reason,
//! and says the newest one only. The file is made when the first row fails, and only its owner may read it:
//! it holds what the list does. It is written by one import alone, see [`place`].
//!
//! **Rows stand in the order of their lines**, so that a mended file does to a member what its list would
//! have done, row by row. One that fails in the end after it was tried again is put between the others
//! ([`again`]). Where that cannot be, as in a pipe, a row that fails ends the waiting of all before it.

mod again;
mod earlier;
mod file;
mod kept;
mod place;
mod waiting;

pub use self::earlier::has_failed_rows;
pub use self::file::FailedRows;
pub use self::place::check;
pub use self::waiting::Waiting;
