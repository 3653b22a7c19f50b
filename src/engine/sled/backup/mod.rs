//! Backups of a store: a folder with a manifest, and in the same places as in a data directory a snapshot and the log
//! since then.
//!
//! | file | what it is |
//! | --- | --- |
//! | `plan` | what a receiver lacks |
//! | `receive` | the folder while it is written; it counts once its manifest is |
//! | `manifest` | names, sizes and checksums |
//! | `verify` | finding every flipped bit |
//! | `restore` | a new data directory up to a chosen batch, on a timeline of its own |
//! | `site` | the place in which that is put together |

mod manifest;
mod plan;
mod receive;
mod restore;
mod site;
mod verify;

use std::fs::{File, TryLockError};
use std::path::Path;

use super::super::EngineError;
use super::super::backup::Backup;
use super::config::SledConfig;
use super::disk::Disk;
use super::open::lock_dir;
use super::segment::Segment;
use super::{confirmed, files, folder, reader, segment, snapshot};

pub(super) use plan::plan;
pub use receive::{Received, Receiver};
pub use restore::{Found, Restored, Write, find, restore};
pub use site::Site;
pub use verify::{Verified, verify};

/// The folder of the log, within a backup as within a data directory.
const LOG: &str = "wal";
/// The folder of snapshots.
const SNAPSHOTS: &str = "snapshots";

/// Copies the store in `config.dir`, which no process has open, into the folder `out`. Changes nothing in the store; what is
/// copied is on stable storage there.
pub fn copy(config: &SledConfig, out: &Path) -> Result<Received, EngineError> {
    folder::need_store(&config.dir)?;
    let _lock = lock_dir(&config.dir)?;
    let (mut receiver, held) = Receiver::open(out)?;
    let segments = segment::list(&config.log_dir())?.segments;
    let Some(newest) = segments.last() else {
        return Err(EngineError::Io(format!("there is no store in {}", config.dir.display())));
    };
    let timeline = newest.header.timeline;
    let durable = confirmed::read(&config.log_dir(), timeline)?
        .max(snapshot::list(&config.snapshot_dir(), timeline)?.position());
    let end = reader::find_end(&segments, durable)?;
    if end.proven < end.last {
        // What a killed process left may be with the kernel alone. Lost with the power it would be written anew by others, and
        // the backup would go on with those behind what it has.
        let disk = Disk::new(config);
        let unproven = segments.iter().skip(reader::index_of(&segments, end.proven + 1));
        unproven.map(|segment| &segment.path).try_for_each(|path| disk.sync(path))?;
    }
    let backup = plan(config, timeline, end.last, &held)?;
    receiver.begin(backup.outline().clone())?;
    carry(&backup, &mut receiver)?;
    receiver.finish()
}

fn carry(backup: &Backup, receiver: &mut Receiver) -> Result<(), EngineError> {
    for (index, file) in backup.outline().files.iter().enumerate() {
        let mut at = file.from;
        while at < file.bytes {
            let bytes = backup.read(index, at)?;
            receiver.write(index, at, &bytes)?;
            at += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        }
    }
    Ok(())
}

/// Locks a folder itself, for as long as the file is open: a file of its own would outlive a killed process. Otherwise the
/// error says who has it.
fn lock_folder(dir: &Path, who: &str) -> Result<File, EngineError> {
    let file = File::open(dir).map_err(|e| files::error("open", dir, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EngineError::Io(format!("{}: {who}", dir.display()))),
        Err(TryLockError::Error(e)) => Err(files::error("lock", dir, &e)),
    }
}

/// The name of a file within a backup.
fn name_of(folder: &str, path: &Path) -> String {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    format!("{folder}/{name}")
}

/// Whether a file of a backup may have this name; anything else could lie outside of it.
fn is_name(name: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    match name.split_once('/') {
        Some((LOG, file)) => file.strip_suffix(".log").is_some_and(|stem| digits(stem, 10)),
        Some((SNAPSHOTS, file)) => file.strip_suffix(".snap").is_some_and(|stem| digits(stem, 20)),
        Some(_) | None => false,
    }
}

/// The sequence of a segment of the log, by its name within a backup.
fn sequence_of(name: &str) -> Option<u64> {
    let file = name.strip_prefix(LOG)?.strip_prefix('/')?;
    file.strip_suffix(".log").filter(|_| is_name(name))?.parse().ok()
}

/// The segments at these paths, which must follow each other.
fn segments_of<'a>(dir: &Path, names: impl Iterator<Item = &'a str>) -> Result<Vec<Segment>, EngineError> {
    let mut names: Vec<&str> = names.filter(|name| name.starts_with(LOG)).collect();
    names.sort_unstable();
    let segments =
        names.into_iter().map(|name| segment::read(&dir.join(name))).collect::<Result<Vec<_>, _>>()?;
    segment::check_chain(&segments)?;
    Ok(segments)
}
