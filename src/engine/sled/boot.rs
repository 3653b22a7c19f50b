//! Whether sled's unsynced writes can still be there.
//!
//! sled calls its writes stable once the kernel has them (`sync_file_range`, which leaves out the file's own metadata).
//! A kill takes nothing from the kernel, so what is found then is a prefix of what was written. When the machine stops, any
//! of it may be missing, while what was written over since is gone; sled does not promise to notice that.
//! So a store that was not confirmed to its last batch says in `BOOT` which run of the kernel has its writes, and in which
//! file, and its working copy is trusted there alone.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::super::EngineError;
use super::files;

const FILE_NAME: &str = "BOOT";
/// Another one after every start of the machine (`random(4)`). Systems without it count as restarted.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Whether the kernel that has the unsynced writes to `sled_dir` is the one that runs.
pub(super) fn still_runs(log_dir: &Path, sled_dir: &Path) -> bool {
    let noted = fs::read_to_string(log_dir.join(FILE_NAME)).ok();
    noted.is_some() && noted == identity(sled_dir)
}

/// Notes, durably, which kernel gets the writes to `sled_dir` from now on. To be called before the first of them.
pub(super) fn note(log_dir: &Path, sled_dir: &Path) -> Result<(), EngineError> {
    match identity(sled_dir) {
        Some(identity) if !still_runs(log_dir, sled_dir) => {
            files::replace(&log_dir.join(FILE_NAME), identity.as_bytes())
        }
        _ => Ok(()),
    }
}

/// This run of the kernel, and sled's file in it: a copy has the writes of a moment, and not those after it.
fn identity(sled_dir: &Path) -> Option<String> {
    let boot_id = fs::read_to_string(BOOT_ID).ok()?;
    let file = fs::metadata(sled_dir.join("db")).ok()?;
    Some(format!("{} {} {}\n", boot_id.trim(), file.dev(), file.ino()))
}
