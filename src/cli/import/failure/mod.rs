//! Why rows fail: failures of this import, those that a file of failed rows states, and the marks that make a
//! row fail again.

mod marks;
mod row;

pub use self::marks::{OVERTAKEN, check, may_be_overtaken, overtaken};
pub use self::row::RowFailure;
