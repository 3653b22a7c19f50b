//! Audiences: their records, the rows that are in them, and what is kept about rows by hand.
//!
//! - The record of an audience is current with every commit, like the settings of a base. So are the rows
//!   that were picked or removed by hand.
//! - The rows that are in an audience are an index like the other sets: checkpoints write them, and replay
//!   brings them up to the last commit.
//! - A record has its filter as it was sent, because what the filter means depends on the fold of the store.

mod key;
mod record;
#[cfg(test)]
mod tests;

pub use self::key::{Kind, audience, audiences, number_in, numbers, rows, rows_of, rows_parts};
pub use self::record::{Numbers, Record};
