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
/// A file is small below this part of a full one. Files that are begun at every start of a server are small.
const SMALL_PART: u64 = 16;
/// More small files than this are merged.
const MOST_SMALL: usize = 8;

/// The size at which a file is full, if all files have `total` bytes.
pub(super) fn full_bytes(total: u64) -> u64 {
    (total / PART).clamp(SMALLEST_BYTES, LARGEST_BYTES)
}

/// The file that is emptied next, of those that nobody writes: the one in which least lives, if that is at most
/// half of it, or if it is one of too many small ones.
pub(super) fn next_to_empty(idle: &[Arc<ValueFile>], total: u64) -> Option<Arc<ValueFile>> {
    let least =
        |files: &mut dyn Iterator<Item = &Arc<ValueFile>>| files.min_by_key(|file| file.living()).cloned();
    let dead = least(&mut idle.iter().filter(|file| file.living().saturating_mul(2) <= file.bytes()));
    dead.or_else(|| {
        let is_small = |file: &&Arc<ValueFile>| file.bytes().saturating_mul(SMALL_PART) <= full_bytes(total);
        let small = || idle.iter().filter(is_small);
        (small().count() > MOST_SMALL).then(|| least(&mut small())).flatten()
    })
}
