//! `JobService`.

mod list_row;
mod revert;
mod service;
mod streams;
mod sync;

pub use self::service::JobCalls;
