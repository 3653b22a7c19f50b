//! The state of an open base, shared by its lane, its publisher, its checkpoints and its views.
//!
//! - The lock of [`OpenBase::published`] is the view lock: while it is held shared, the base stays at one
//!   revision.
//! - Nothing here starts or knows a task. [`crate::table::base`] starts the tasks that work on an open base.

mod base;

pub use self::base::{AudienceBuild, OpenBase, Parts};
