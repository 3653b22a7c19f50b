//! The confirmed position: the last batch for which sled's own files are on stable storage. Replay starts
//! here.
//!
//! It is stored beside the log, and written after sled was flushed and synced: after a power cut, sled's own
//! claims cannot be trusted.
//!
//! ```text
//! at  size  what
//!  0   8    magic "mbCONFIR"
//!  8   4    format version: 1 if sled has every value itself, 2 if it may have pointers to value files
//! 12   4    CRC32C of the other 36 bytes
//! 16  16    timeline
//! 32   8    number of the last confirmed batch
//! ```

use std::io;
use std::path::{Path, PathBuf};

use crate::engine::EngineError;
use crate::engine::sled::dir::files;
use crate::engine::sled::log::segment::Timeline;

const FILE_NAME: &str = "CONFIRMED";
/// An empty file that means: do not trust the working copy, rebuild it.
const DISTRUSTED: &str = "REBUILD";
const MAGIC: [u8; 8] = *b"mbCONFIR";
const FORMAT_VERSION: u32 = 2;
const BYTES: usize = 40;

/// Reads the position; 0 if there is none. A position that is damaged or belongs to another timeline also
/// counts as 0, which costs a replay of the whole log and is always safe.
pub(crate) fn read(log_dir: &Path, timeline: Timeline) -> Result<u64, EngineError> {
    let path = path(log_dir);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(files::error("read", &path, &e)),
    };
    match decode(&bytes) {
        Some((version, _, _)) if version > FORMAT_VERSION => {
            let file = path.display().to_string();
            Err(EngineError::NewerFormat { file, found: version, supported: FORMAT_VERSION })
        }
        Some((version, found, number)) if found == timeline && encode(version, found, number) == bytes => {
            Ok(number)
        }
        _ => {
            tracing::warn!(file = %path.display(), "the confirmed position is unusable; replaying the whole log");
            Ok(0)
        }
    }
}

/// Whether a position was ever stored.
pub(crate) fn exists(log_dir: &Path) -> bool {
    path(log_dir).exists()
}

/// Replaces the position, durably.
pub(crate) fn write(log_dir: &Path, timeline: Timeline, number: u64) -> Result<(), EngineError> {
    files::replace(&path(log_dir), &encode(FORMAT_VERSION, timeline, number))
}

/// Makes programs refuse the store that do not know value files, because they would take pointers for values.
/// Call it before the first value file is written. `number` is the position that [`read`] returned.
pub(crate) fn refuse_older_programs(
    log_dir: &Path,
    timeline: Timeline,
    number: u64,
) -> Result<(), EngineError> {
    let found = std::fs::read(path(log_dir)).ok();
    let is_raised = found.is_some_and(|found| found == encode(FORMAT_VERSION, timeline, number));
    if is_raised { Ok(()) } else { write(log_dir, timeline, number) }
}

/// Notes durably that the working copy is damaged, so that it is rebuilt however the process ends.
pub(crate) fn distrust(log_dir: &Path) -> Result<(), EngineError> {
    files::replace(&log_dir.join(DISTRUSTED), b"")
}

/// Whether the working copy is noted as damaged.
pub(crate) fn is_distrusted(log_dir: &Path) -> bool {
    log_dir.join(DISTRUSTED).exists()
}

/// Removes the note, because the damaged working copy is gone.
pub(crate) fn trust(log_dir: &Path) -> Result<(), EngineError> {
    if is_distrusted(log_dir) { files::remove(&log_dir.join(DISTRUSTED)) } else { Ok(()) }
}

fn path(log_dir: &Path) -> PathBuf {
    log_dir.join(FILE_NAME)
}

fn encode(version: u32, timeline: Timeline, number: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&version.to_le_bytes());
    let crc = crc32c::crc32c(&out);
    let crc = crc32c::crc32c_append(crc, &timeline);
    let crc = crc32c::crc32c_append(crc, &number.to_le_bytes());
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&timeline);
    out.extend_from_slice(&number.to_le_bytes());
    out
}

fn decode(bytes: &[u8]) -> Option<(u32, Timeline, u64)> {
    let version = u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?);
    let timeline = bytes.get(16..32)?.try_into().ok()?;
    let number = u64::from_le_bytes(bytes.get(32..BYTES)?.try_into().ok()?);
    bytes.starts_with(&MAGIC).then_some((version, timeline, number))
}
