//! Converts messages to values of the model, and values to messages.
//!
//! Requests are checked for their form here: a faulty request is rejected with the path of every faulty
//! field. Strings are moved, never copied, and
//! those of a page are written where they go.

pub mod audience;
pub mod base;
pub mod guard;
pub mod history;
pub mod input;
pub mod job;
mod job_example;
pub mod key;
pub mod list;
pub mod member;
pub mod outcome;
pub mod record;
pub mod sent;
mod time;
pub mod token;
pub mod value;
pub mod written;

pub use self::time::{instant, timestamp};
