//! Snapshots, the safety net: everything up to one batch of the log, sorted by key, in one file.
//!
//! - A snapshot is made from the previous snapshot and the log since then, never from sled, so that losses of
//!   sled cannot reach the only other copy.
//! - A file counts as a snapshot only after it was synced, read back completely and renamed.
//! - What came out of the log or the previous snapshot packed is not compressed again.
//! - The two newest snapshots are kept, and the log from the older one on, so one damaged file loses nothing.
//!
//! | file, lower ones first | what it is |
//! | --- | --- |
//! | `format` | the bytes of a snapshot |
//! | `pace` | the rate of the work on a snapshot, and how it is stopped |
//! | `write`, `read` | writing and reading a file |
//! | `listing` | the snapshots of a folder |
//! | `choose` | the newest snapshot, and the newest usable one |
//! | `merge`, `runs` | merging sorted writes; the log, sorted within bounded memory |
//! | `make` | one snapshot from the previous one and the log |

mod choose;
mod format;
mod listing;
mod make;
mod merge;
mod pace;
mod read;
mod runs;
mod write;

pub(crate) use choose::{newest, usable};
pub(crate) use format::Header;
pub(crate) use listing::{Generation, Listing, list, path, set_aside};
pub(crate) use make::{Origin, make};
pub(crate) use pace::{Cut, Pace};
pub(crate) use read::{Writes, verify};
