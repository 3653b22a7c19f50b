//! Memberbases: all of them, and one of them in numbers.
//!
//! This room promises that counts are those of one revision, as the service counts them.

mod activity;
mod list;
mod one;

pub use self::list::{bases, create};
pub use self::one::{at, nobody_yet, overview};
