//! `JobService`.

mod list_row;
mod service;
mod streams;
mod sync;

pub use self::service::JobCalls;
