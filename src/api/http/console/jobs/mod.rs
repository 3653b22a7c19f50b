//! Jobs: lists that people upload, their plans, and what becomes of them.
//!
//! - A list from the console always waits for somebody to approve its plan. It takes the same way into the
//!   store as a list from any other door (`ListUpload`).
//! - Whoever approves a plan approves what they saw: the form carries the digest of the plan, and the
//!   directory refuses any other.
//! - A page of a job that goes on shows it again after each change, with a script or without one.

mod back;
mod cancel;
mod columns;
mod decide;
mod events;
mod examples;
mod failed;
mod list;
mod one;
mod plan;
mod receive;
mod upload;
mod verdict;
mod words;

pub use self::cancel::{ask as ask_to_cancel, cancel};
pub use self::columns::correct;
pub use self::decide::{approve, reject, undo};
pub use self::events::events;
pub use self::failed::failed_rows;
pub use self::list::jobs;
pub use self::one::job;
pub use self::upload::{new, upload};
