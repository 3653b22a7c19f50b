//! Whether sled's unsynced writes can still be there.
//!
//! sled counts its writes as stable once the kernel has them (`sync_file_range`, which leaves out the file's
//! own metadata). A kill takes nothing from the kernel, so after a kill sled has a prefix of what was
//! written. A power cut can lose any of the unsynced writes, including ones whose older data sled has
//! overwritten since, and sled does not promise to notice. So a store that is not confirmed to its last batch
//! says in `BOOT` which run of the kernel has the unsynced writes, and to which file, and the working copy is
//! trusted only in that run and that file. Value files need no name there: they are written and synced together
//! with sled's file, and one that is another file than sled's pointers mean fails its checksums.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::engine::EngineError;
use crate::engine::sled::dir::files;

const FILE_NAME: &str = "BOOT";
/// A new id after every start of the machine (`random(4)`). Systems without it count as restarted.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Whether the running kernel is the one that has the unsynced writes to `sled_dir`.
pub(crate) fn still_runs(log_dir: &Path, sled_dir: &Path) -> bool {
    let noted = fs::read_to_string(log_dir.join(FILE_NAME)).ok();
    noted.is_some() && noted == identity(sled_dir)
}

/// Notes durably which run of the kernel gets the writes to `sled_dir` from now on. Call it before the first
/// write.
pub(crate) fn note(log_dir: &Path, sled_dir: &Path) -> Result<(), EngineError> {
    match identity(sled_dir) {
        Some(identity) if !still_runs(log_dir, sled_dir) => {
            files::replace(&log_dir.join(FILE_NAME), identity.as_bytes())
        }
        _ => Ok(()),
    }
}

/// This run of the kernel, and the identity of sled's file: a copy of the file has the writes up to some
/// moment, and not the later ones.
fn identity(sled_dir: &Path) -> Option<String> {
    let boot_id = fs::read_to_string(BOOT_ID).ok()?;
    let file = fs::metadata(sled_dir.join("db")).ok()?;
    Some(format!("{} {} {}\n", boot_id.trim(), file.dev(), file.ino()))
}
