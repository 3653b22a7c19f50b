//! Rows that fail again: the marks that a file of failed rows states.

mod marks;

pub use self::marks::{OVERTAKEN, check, may_be_overtaken, overtaken};
