//! Making one snapshot from the previous one and the log.

use std::path::Path;

use super::format::Header;
use super::listing::{Generation, path, unfinished_path};
use super::merge::{Merged, Source, misfit};
use super::pace::{Cut, Pace};
use super::read::{Writes, verify};
use super::runs::Runs;
use super::write::Writer;
use crate::engine::EngineError;
use crate::engine::sled::config::SnapshotSizes;
use crate::engine::sled::dir::files;
use crate::engine::sled::disk::Disk;
use crate::engine::sled::log::chain;
use crate::engine::sled::log::payload::{Logged, Write};
use crate::engine::sled::log::segment::{Segment, Timeline};

/// What a snapshot is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The earlier snapshot; `None` to start from the beginning of the log.
    pub(crate) base: Option<&'a Generation>,
    pub(crate) segments: &'a [Segment],
}

/// Makes the snapshot up to batch `position` in `dir`. When this returns, the snapshot was read back and is
/// durable. After a failure only files are left that the next attempt removes.
pub(crate) fn make(
    disk: &Disk,
    dir: &Path,
    timeline: Timeline,
    from: Origin<'_>,
    position: u64,
    sizes: SnapshotSizes,
    pace: Pace<'_>,
) -> Result<Generation, Cut> {
    let after = from.base.map_or(0, Generation::position);
    let mut runs = Runs::new(disk, dir, timeline, sizes);
    chain::replay(from.segments, after, position, |_, writes| {
        let bytes = u64::try_from(writes.iter().map(Logged::bytes).sum::<usize>()).unwrap_or(u64::MAX);
        runs.add(writes, pace)?;
        pace(bytes)
    })?;
    let mut sources = runs.sources()?;
    if let Some(base) = from.base {
        sources.push(Source::File(Box::new(Writes::open(&base.path)?)));
    }
    let unfinished = unfinished_path(dir, &format!("{position:020}"));
    let written = write(disk, &unfinished, timeline, sources, position, sizes, pace);
    let finished = written.and_then(|bytes| {
        forget_pages(&unfinished)?;
        verify(&unfinished, pace)?;
        Ok(bytes)
    });
    if finished.is_err() {
        // Others may need the space now. If this fails, the next attempt removes the file.
        drop(std::fs::remove_file(&unfinished));
    }
    let (header, bytes) = finished?;
    let path = path(dir, position);
    disk.rename(&unfinished, &path)?;
    Ok(Generation { path, header, bytes })
}

fn write(
    disk: &Disk,
    path: &Path,
    timeline: Timeline,
    sources: Vec<Source>,
    position: u64,
    sizes: SnapshotSizes,
    pace: Pace<'_>,
) -> Result<(Header, u64), Cut> {
    let mut writer = Writer::create(disk, path, position, timeline, sizes.block_bytes)?;
    let mut merged = Merged::new(sources)?;
    while let Some(op) = merged.next()? {
        match op.write {
            Write::Value(_) => {
                let written = writer.push(op)?;
                if written > 0 {
                    pace(written)?;
                }
            }
            Write::Removal => {}
            Write::Difference(_) => return Err(misfit(&op.key).into()),
        }
    }
    let header = writer.finish()?;
    let meta = std::fs::metadata(path).map_err(|e| files::error("examine", path, &e))?;
    Ok((header, meta.len()))
}

/// Makes the next reader read the file from the disk, not from the page cache. If the system does not support
/// this, the file is read all the same.
fn forget_pages(path: &Path) -> Result<(), EngineError> {
    #[cfg(target_os = "linux")]
    {
        let file = std::fs::File::open(path).map_err(|e| files::error("open", path, &e))?;
        if let Err(error) = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed) {
            tracing::debug!(%error, "the pages of a snapshot stay in the page cache");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = path;
    Ok(())
}
