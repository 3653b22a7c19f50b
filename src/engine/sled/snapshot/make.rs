//! One snapshot from the last one and the log.

use std::path::Path;

use super::super::super::EngineError;
use super::super::disk::Disk;
use super::super::restore::bytes_of;
use super::super::segment::{Segment, Timeline};
use super::super::{files, reader};
use super::merge::{Merged, Source};
use super::read::{Entries, verify};
use super::runs::Runs;
use super::write::Writer;
use super::{Cut, Generation, Pace, path, unfinished_path};

/// How large the pieces are that a snapshot is made of.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Sizes {
    /// Keys and values of a block, before compression.
    pub(in super::super) block_bytes: usize,
    /// Of the log that is sorted in memory at a time.
    pub(in super::super) memory_bytes: usize,
    /// Sorted files that are read at a time. Each takes about half a megabyte of memory.
    pub(in super::super) most_runs: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { block_bytes: 64 * 1024, memory_bytes: 32 * 1024 * 1024, most_runs: 32 }
    }
}

/// What a snapshot is made of.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Origin<'a> {
    /// An earlier snapshot; the log since then, or from its beginning.
    pub(in super::super) base: Option<&'a Generation>,
    pub(in super::super) segments: &'a [Segment],
}

/// Makes the snapshot up to batch `position` in `dir`. It is durable and was read back when this returns; if it could not
/// be made, nothing is left of it but what the next one removes.
pub(in super::super) fn make(
    disk: &Disk,
    dir: &Path,
    timeline: Timeline,
    from: Origin<'_>,
    position: u64,
    sizes: Sizes,
    pace: Pace<'_>,
) -> Result<Generation, Cut> {
    let after = from.base.map_or(0, Generation::position);
    let mut runs = Runs::new(disk, dir, timeline, sizes);
    reader::replay(from.segments, after, position, |_, ops| {
        let bytes = u64::try_from(bytes_of(&ops)).unwrap_or(u64::MAX);
        runs.add(ops, pace)?;
        pace(bytes)
    })?;
    let mut sources = runs.sources()?;
    if let Some(base) = from.base {
        sources.push(Source::File(Box::new(Entries::open(&base.path)?)));
    }
    let unfinished = unfinished_path(dir, &format!("{position:020}"));
    let written = write(disk, &unfinished, timeline, sources, position, sizes, pace);
    let finished = written.and_then(|bytes| {
        forget_pages(&unfinished)?;
        verify(&unfinished, pace)?;
        Ok(bytes)
    });
    if finished.is_err() {
        // The space may be needed; what stays is removed by the next attempt.
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
    sizes: Sizes,
    pace: Pace<'_>,
) -> Result<(super::Header, u64), Cut> {
    let mut writer = Writer::create(disk, path, position, timeline, sizes.block_bytes)?;
    let mut merged = Merged::new(sources)?;
    while let Some(op) = merged.next()? {
        if op.value.is_some() {
            let written = writer.push(op)?;
            if written > 0 {
                pace(written)?;
            }
        }
    }
    let header = writer.finish()?;
    let meta = std::fs::metadata(path).map_err(|e| files::error("look at", path, &e))?;
    Ok((header, meta.len()))
}

/// Has the file read from the disk next time, not from memory. Where that cannot be asked for, it is read all the same.
fn forget_pages(path: &Path) -> Result<(), EngineError> {
    #[cfg(target_os = "linux")]
    {
        let file = std::fs::File::open(path).map_err(|e| files::error("open", path, &e))?;
        if let Err(error) = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed) {
            tracing::debug!(%error, "the pages of a snapshot stay in memory");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = path;
    Ok(())
}
