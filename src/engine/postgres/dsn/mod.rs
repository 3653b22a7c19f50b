//! Where the database is: `postgres://user@host1:5432,host2/database?option=value`.
//!
//! Everything is checked here, before a connection is made. No text of this module has a password in it:
//! neither an error, nor [`Dsn`]'s `Display` and `Debug`.

mod parse;
mod place;
#[cfg(test)]
mod tests;

pub use place::{Dsn, DsnError};
pub(crate) use place::{Host, Ssl};
