//! When a file is full, and which file the mover empties next.
//!
//! A file is full at a sixteenth of all files, within limits. So a store has some dozens of files, whatever its
//! size, and its dead values take about as much room as its living ones at most.

use std::sync::Arc;

use super::file::ValueFile;

/// The least size at which a file is full. Programs that are built for tests fill many files.
const SMALLEST_BYTES: u64 = if cfg!(debug_assertions) { 4 * 1024 } else { 16 * 1024 * 1024 };
/// The greatest size at which a file is full. Offsets have 32 bits.
const LARGEST_BYTES: u64 = 1024 * 1024 * 1024;
/// A file is full at this part of the bytes of all files.
const PART: u64 = 16;
/// A file is small up to this part of a full one. Files that are begun at every start of a server are small.
const SMALL_PART: u64 = 8;
/// Once there are more small files than this, all of them are merged.
const MOST_SMALL: usize = 8;

/// The size at which a file is full, if all files have `total` bytes.
pub(super) fn full_bytes(total: u64) -> u64 {
    (total / PART).clamp(SMALLEST_BYTES, LARGEST_BYTES)
}

/// Whether small files are merged, and go on to be until none is left. `idle` are the files that nobody writes,
/// `total` the bytes of all files.
pub(super) fn is_merging(idle: &[Arc<ValueFile>], total: u64, was_merging: bool) -> bool {
    small(idle, total).count() > if was_merging { 0 } else { MOST_SMALL }
}

/// The file that is emptied next: the one in which least lives, if that is at most half of it, or if small files
/// are merged and it is one of them.
pub(super) fn next_to_empty(idle: &[Arc<ValueFile>], total: u64, is_merging: bool) -> Option<Arc<ValueFile>> {
    let dead = idle.iter().filter(|file| file.living().saturating_mul(2) <= file.bytes());
    let merged = || small(idle, total).filter(|_| is_merging);
    dead.min_by_key(|file| file.living()).or_else(|| merged().min_by_key(|file| file.living())).cloned()
}

fn small(idle: &[Arc<ValueFile>], total: u64) -> impl Iterator<Item = &Arc<ValueFile>> {
    let most = full_bytes(total) / SMALL_PART;
    idle.iter().filter(move |file| file.bytes() <= most)
}
