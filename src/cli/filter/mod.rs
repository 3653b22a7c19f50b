//! Filters from the command line: conditions as people write them, `tier=Gold`, or the JSON of the contract,
//! `[{"key": "tier", "eq": "Gold"}]`.
//!
//! ```text
//! condition = key operator value        spaces around the operator do not count
//! key       = letters, digits, `_`, `-`, `.`; the name of a field, or attributes.<key>
//! operator  = `=` `!=` `>` `>=` `<` `<=`, and `^=`: begins with
//! value     = the rest; for enable_payroll true or false, for attributes a number, true or false if it reads as one, else
//!             text. In double quotes, as in JSON, it is text whatever it reads as, and whatever else it might mean
//! ```
//!
//! What a filter means is the server's to judge. Here it only has to have the shape of one, so that nothing
//! that somebody wrote is dropped on the way, and it must not be one that is probably meant as another.

mod grammar;
mod meant;
mod reading;
#[cfg(test)]
mod tests;

pub use self::reading::parse;
