//! Logs rejected calls and failed TLS handshakes: one line a second for each reason and peer, however many
//! there were.
//!
//! A client that repeats a rejected call must not fill the disk or slow down others. So rejections are
//! counted in a table of at most `PAIRS_MAX` pairs of reason and peer; those of further pairs are counted as
//! one number. A task logs the table every second and empties it. For a successful call only its status is
//! checked.

mod noted;
mod stream;
mod table;
mod why;

pub use self::noted::Noted;
pub use self::table::Refusals;
