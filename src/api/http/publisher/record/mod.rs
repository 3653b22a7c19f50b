//! Calls about the records of members: `transaction/…`, `wallet.clip/…` and `stamp-collection/…`.
//!
//! The directory returns only records of the kind that a call asks for. Any other kind is reported as an
//! internal error.

pub mod clip;
mod content;
mod list;
mod saved;
pub mod stamps;
pub mod transaction;
