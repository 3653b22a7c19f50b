//! Filters from the command line: conditions as people write them, `tier=Gold`, or the JSON of the contract,
//! `[{"key": "tier", "eq": "Gold"}]`.
//!
//! ```text
//! condition = key operator value        spaces around the operator are ignored
//! key       = letters, digits, `_`, `-`, `.`; the name of a field, or attributes.<key>
//! operator  = `=` `!=` `>` `>=` `<` `<=`, and `^=`: begins with
//! value     = the rest: true or false for enable_payroll; for attributes a number, true or false if it
//!             reads as one, otherwise text. In double quotes, as in JSON, it is always text
//! ```
//!
//! The server decides what a filter means. This module only checks that the text has the form of a filter, so
//! that no part of it is silently dropped, and rejects conditions that were probably meant as something else.

mod grammar;
mod meant;
mod reading;
#[cfg(test)]
mod tests;
mod writing;

pub use self::reading::{parse, parse_all};
pub use self::writing::to_json;
