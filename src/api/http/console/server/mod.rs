//! The state of the server, for those who run it: what its metrics say, in numbers and charts.
//!
//! This room promises that only an admin of the whole store sees it, because the directory gives the state to
//! nobody else. It names memberbases, and no member.

mod hour;
mod page;
mod store;

pub use self::page::server;
