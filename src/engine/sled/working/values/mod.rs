//! Value files: where the working copy keeps large values, beside sled.
//!
//! sled writes pages: a changed value costs the rest of its page, and reading one value reads the whole page
//! in up to ten pieces. So sled holds only where a large value lies, in a [`Pointer`], and the value lies in
//! an entry of a value file. `docs/formats.md` describes the bytes ("The working copy").
//!
//! # What holds at every moment
//!
//! - **Value files hold nothing that the log and the snapshots do not hold.** Damage in them costs a rebuild,
//!   never a value, and never leads to a wrong answer: an entry is believed only if its checksum is that of the
//!   pointer, and if it has the key that was asked for. The checksum continues from a random id of the file.
//! - **The entry comes before its pointer.** The kernel has an entry before sled gets the pointer, so after a
//!   kill no pointer leads nowhere. A sync brings value files to the disk before sled. What may be believed
//!   after a power cut is decided as for sled alone (`boot`): every write to sled and to value files, also a
//!   move, is made between two positions, so it belongs to a batch that is not confirmed yet.
//! - **A file only grows**, in one process, and an entry is never changed. The next process begins new files,
//!   so a tail that a kill tore stays harmless: nothing points to it.
//! - **Files are read by everybody, and written by the one thread** that holds the [`Writer`].
//! - **A file goes only when nothing points to it** and when that is on stable storage: the mover (`mover` in the
//!   room above) has moved what lived in it, a position was written after that, and then everything was
//!   synced. A reader that holds a pointer into a file that has gone asks sled again.
//! - A value that cannot get a place in a file, because no file can be created, stays in sled. So nothing
//!   needs a free descriptor to be written.
//!
//! | file, lower ones first | what it is |
//! | --- | --- |
//! | `number` | numbers in stored bytes |
//! | `pointer` | what sled holds in the place of a value |
//! | `entry` | a value in its file |
//! | `file` | one value file |
//! | `tally` | how much lives in each file, as the position says it |
//! | `files` | all value files: reading, syncing, and letting go of them |
//! | `choose` | when a file is full, and which file the mover empties next |
//! | `writer` | the files that are written |
//! | `known` | where values lie that were read lately |

mod choose;
mod entry;
mod file;
mod files;
mod known;
mod number;
mod pointer;
pub(super) mod tally;
#[cfg(test)]
mod tests;
mod writer;

pub(super) use entry::Head;
pub(super) use file::ValueFile;
pub(super) use files::{Read, Values};
pub(super) use known::Known;
pub(super) use pointer::Pointer;
pub(super) use writer::{Emptying, Stream, Writer};

/// Values up to this size stay in sled. A pointer and the head of an entry take 34 bytes, and a read more.
pub(super) const INLINE_BYTES: usize = 128;

/// The folder of value files in sled's folder.
pub(super) const FOLDER: &str = "values";

/// Whether sled is to hold a pointer in the place of this value.
pub(super) fn is_large(value: &[u8]) -> bool {
    value.len() > INLINE_BYTES || Pointer::decode(value).is_some()
}
