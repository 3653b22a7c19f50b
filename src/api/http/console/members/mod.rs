//! Members: lists of them, and one of them.
//!
//! This room promises that a field which the token may not see is not shown, and that the page says so.

mod change;
mod export;
mod history;
mod list;
mod one;
mod records;

pub use self::change::{ask, change};
pub use self::export::{csv_file, export};
pub use self::list::members;
pub use self::one::member;
