//! The disk space that a store takes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The disk space that the files under a folder take, in bytes.
pub fn disk_bytes(folder: &Path) -> u64 {
    const BLOCK: u64 = 512;
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.filter_map(Result::ok).map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
        Ok(metadata) => metadata.blocks() * BLOCK,
        Err(_) => 0,
    });
    sizes.sum()
}
