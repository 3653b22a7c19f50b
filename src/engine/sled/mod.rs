//! The engine on one machine: a write-ahead log that keeps the promises, and sled as a working copy for
//! reads.
//!
//! ```text
//! append ──► log ── durable ──► backlog (pending) ── published ──► applier ──► sled, value files
//!                                   ▲ reads look here first, then here ─────────┘
//! ```
//!
//! In the data directory: `LOCK`, `wal/NNNNNNNNNN.log`, `wal/CONFIRMED`, `wal/BOOT`, `snapshots/BATCH.snap`,
//! `sled/` with `values/` in it, and after a rebuild `sled.broken-N`. The log and the snapshots are the store;
//! everything else can be made from them.
//!
//! # The rooms, lower ones first
//!
//! A room uses only rooms and files above it in this table. Rooms are private to the engine, so `pub(crate)`
//! in a room means: for the other rooms.
//!
//! | room or file | what it promises |
//! | --- | --- |
//! | `faults` | tests only: injected failures of the disk and of sled |
//! | `dir` | durable file operations; what a folder is; one process at a time in it |
//! | `config` | the settings of a store |
//! | `disk` | the free space, and the files that the log, snapshots and backups write |
//! | `backlog` | the batches that sled does not have yet, and back-pressure |
//! | `log` | the write-ahead log: its content is durable, and reading tells a torn tail from corruption |
//! | `snapshot` | the sorted store as of one batch, so that older segments of the log can be removed |
//! | `working` | sled and its value files, how far they are trusted, and how they are replayed or rebuilt |
//! | `backup` | a copy of a store that can be restored |
//! | `check` | the damage of a store, found without opening it |
//! | `running` | the open store: its handle, its state and its threads |
//! | `fuzz` | the entry points of the fuzz targets |

mod backlog;
pub mod backup;
mod check;
mod config;
mod dir;
mod disk;
#[cfg(test)]
pub(crate) mod faults;
pub(crate) mod fuzz;
mod log;
mod running;
mod snapshot;
#[cfg(test)]
mod tests;
mod working;

pub use check::{Checked, check};
pub use config::SledConfig;
pub(crate) use config::log_times;
pub use dir::folder;
pub use running::SledEngine;
