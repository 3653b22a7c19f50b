//! Filters from the command line: conditions as people write them, `tier=Gold`, or the JSON of the contract,
//! `[{"key": "tier", "eq": "Gold"}]`.
//!
//! The server decides what a filter means.

mod reading;
#[cfg(test)]
mod tests;
mod writing;

pub use self::reading::{parse, parse_all};
pub use self::writing::to_json;
