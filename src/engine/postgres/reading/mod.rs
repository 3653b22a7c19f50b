//! Reads of the tables, as they are; what is not published yet is put over them by `running`.
//!
//! A few tasks, each with a connection of its own, answer what waits. Lookups that wait together are one
//! statement. Every statement returns the fence of its snapshot as well, so an answer is never one of a
//! former primary, nor one that another owner has written.

mod apart;
mod page;
mod queue;
mod reader;

pub(super) use page::{Page, Span};
pub(super) use queue::Reads;
pub(super) use reader::serve;
