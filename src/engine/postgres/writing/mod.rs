//! From batches to rows: numbers, groups, commits, and the proof of what became of them.
//!
//! - `numbering` numbers batches in the order in which they were appended, after it has read what lies beneath
//!   their keys.
//! - `writer` makes all batches that wait durable in one transaction, which changes the fence first.
//! - A commit whose answer did not come is *proven*: another change of the fence competes with it, waits for it if
//!   it is undecided, and afterwards a late one finds another fence than it expects. Then it is confirmed, or sent
//!   again. Nobody is told "failed" of a write that may come later.
//! - `beat` renews the ownership, and `statistics` watches the size of the tables.

mod beat;
mod commit;
mod group;
mod numbering;
mod statistics;
mod writer;

pub(super) use beat::renew;
pub(super) use commit::{cell, check_last, prove};
pub(super) use numbering::{Waiting, number};
pub(super) use statistics::watch;
pub(super) use writer::write;
