//! Filters: as people write them, and put together from choices.
//!
//! This room promises that both ways lead to the same text, which the page shows and the address has.

mod builder;
mod read;

pub use self::builder::{HINT, builder, chosen};
pub use self::read::read;
