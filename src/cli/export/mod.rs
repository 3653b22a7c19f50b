//! `memberbase export`: all members of a memberbase as CSV or NDJSON, in a form that `import` takes back
//! unchanged.
//!
//! A field that the token has no right to see is missing: CSV has no column for it, and NDJSON no key. If a
//! member has no value, the cell is empty, or the key is null. So the two cases cannot be confused, and
//! `import --replace`, which clears what is empty, can reject a file that lacks fields.

mod args;
mod out;
mod records;
mod run;

pub use self::args::Args;
pub use self::run::run;
