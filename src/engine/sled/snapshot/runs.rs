//! The log since a snapshot, sorted by key within bounded memory: what does not fit is written to sorted files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::super::super::Value;
use super::super::super::pending::Op;
use super::super::disk::Disk;
use super::super::files;
use super::super::segment::Timeline;
use super::make::Sizes;
use super::merge::{Merged, Source};
use super::read::Entries;
use super::write::Writer;
use super::{Cut, Pace, unfinished_path};

/// What an entry in memory takes beside its key and value, in bytes.
const ENTRY_BYTES: usize = 160;

/// See the module documentation.
pub(super) struct Runs<'a> {
    disk: &'a Disk,
    dir: &'a Path,
    timeline: Timeline,
    sizes: Sizes,
    memory: BTreeMap<Bytes, Option<Value>>,
    /// Of everything added since memory was last empty. A key that is written again is counted again, because its batch
    /// stays in memory for the sake of the batch's other keys.
    memory_bytes: usize,
    /// Sorted files, the oldest first.
    files: Vec<PathBuf>,
    made: usize,
}

impl<'a> Runs<'a> {
    pub(super) fn new(disk: &'a Disk, dir: &'a Path, timeline: Timeline, sizes: Sizes) -> Self {
        let (memory, files) = (BTreeMap::new(), Vec::new());
        Self { disk, dir, timeline, sizes, memory, memory_bytes: 0, files, made: 0 }
    }

    /// Adds the writes of the next batch.
    pub(super) fn add(&mut self, ops: Vec<Op>, pace: Pace<'_>) -> Result<(), Cut> {
        for Op { key, value } in ops {
            self.memory_bytes += key.len() + value.as_ref().map_or(0, Bytes::len) + ENTRY_BYTES;
            self.memory.insert(key, value);
        }
        if self.memory_bytes >= self.sizes.memory_bytes { self.spill(pace) } else { Ok(()) }
    }

    /// Everything that was added, sorted: the sources to merge, the newest first.
    pub(super) fn sources(&mut self) -> Result<Vec<Source>, Cut> {
        let mut sources = vec![Source::memory(std::mem::take(&mut self.memory))];
        for file in self.files.iter().rev() {
            sources.push(Source::File(Box::new(Entries::open(file)?)));
        }
        Ok(sources)
    }

    fn spill(&mut self, pace: Pace<'_>) -> Result<(), Cut> {
        let sorted = Source::memory(std::mem::take(&mut self.memory));
        self.memory_bytes = 0;
        self.write(vec![sorted], pace)?;
        if self.files.len() < self.sizes.most_runs {
            return Ok(());
        }
        let merged = self.sources()?;
        let replaced = self.files.len();
        self.write(merged, pace)?;
        self.files.drain(..replaced).try_for_each(|file| files::remove(&file)).map_err(Cut::from)
    }

    fn write(&mut self, sources: Vec<Source>, pace: Pace<'_>) -> Result<(), Cut> {
        let path = unfinished_path(self.dir, &format!("run-{}", self.made));
        self.made += 1;
        // Noted first, so that what is left of it goes if it cannot be written.
        self.files.push(path.clone());
        let mut writer = Writer::create(self.disk, &path, 0, self.timeline, self.sizes.block_bytes)?;
        let mut merged = Merged::new(sources)?;
        while let Some(op) = merged.next()? {
            let written = writer.push(op)?;
            if written > 0 {
                pace(written)?;
            }
        }
        writer.finish()?;
        Ok(())
    }
}

impl Drop for Runs<'_> {
    fn drop(&mut self) {
        for file in self.files.iter().filter(|file| file.exists()) {
            if let Err(error) = files::remove(file) {
                tracing::warn!(%error, "a file of a snapshot under way stays until the next one");
            }
        }
    }
}
