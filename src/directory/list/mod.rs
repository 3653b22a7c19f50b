//! How lists are read: parse the page, find the rows that can match by sets and lookups, then read and check
//! members in pieces.
//!
//! A part of a list shows one revision. Reading, checking and counting hold up writes for a moment only.
//! Nothing here knows an operation.

pub mod check;
mod items;
mod matching;
mod narrow;
mod page;
mod part;
mod read;
mod walk;
mod weight;

pub use self::items::Items;
pub use self::matching::{Looked, count_to, matching, matching_all, members_then};
pub use self::narrow::{FIND_TOGETHER, Narrowed, join, narrow};
pub use self::page::{Page, RawPage, both};
pub use self::part::{Next, Part, Read};
pub use self::read::{ROUNDS, Shown, show};
pub use self::walk::Walk;
pub use self::weight::weight;
