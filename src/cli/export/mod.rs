//! `memberbase export`: all members of a memberbase as CSV or NDJSON, in a form that `import` takes back unchanged.
//!
//! A field that the caller's token has no right to see is not there: no column in CSV, no key in NDJSON. Where a member has no
//! value, the cell is empty, and the key null. So the two are never mistaken for each other, and `import --replace`, which
//! clears what is empty, can refuse a file that does not have everything.

mod args;
mod out;
mod records;
mod run;

pub use self::args::Args;
pub use self::run::run;
