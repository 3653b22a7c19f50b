//! Refused calls and failed TLS handshakes in the log: one line a second for each reason and peer, however
//! many there were.
//!
//! A client that repeats what is refused must not fill the disk, nor take the time of others: refusals are
//! counted in a table of at most `PAIRS_MAX` pairs of reason and peer, and those of further pairs in one
//! number. A task writes the table into the log every second and empties it. Calls that succeed cost a look
//! at their status.

mod noted;
mod stream;
mod table;
mod why;

pub use self::noted::Noted;
pub use self::table::Refusals;
