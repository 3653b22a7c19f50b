//! What is known of a call from its path alone: the access that it needs (`table`), and what its request
//! becomes in memory (`shape`).

mod shape;
mod table;

pub use self::shape::{Shape, Weight};
pub use self::table::{Method, method};
