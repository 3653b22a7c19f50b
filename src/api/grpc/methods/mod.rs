//! Facts about a call that follow from its path: the access that it needs (`table`), and how to compute the
//! memory that its request takes once it is decoded (`shape`), and whether it is light.

mod light;
mod shape;
mod table;

pub use self::light::is_light;
pub use self::shape::{Shape, Weight};
pub use self::table::{Method, method};
