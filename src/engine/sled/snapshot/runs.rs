//! The log since a snapshot, sorted by key within bounded memory: what does not fit goes to sorted files.

use std::collections::{BTreeMap, btree_map};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::listing::unfinished_path;
use super::merge::{Merged, Source, misfit};
use super::pace::{Cut, Pace};
use super::read::Writes;
use super::write::Writer;
use crate::engine::sled::config::SnapshotSizes;
use crate::engine::sled::dir::files;
use crate::engine::sled::disk::Disk;
use crate::engine::sled::log::payload::{Logged, Write};
use crate::engine::sled::log::segment::Timeline;

/// The memory that a write takes beside its key and value, in bytes.
const WRITE_BYTES: usize = 160;

/// See the module documentation.
pub(super) struct Runs<'a> {
    disk: &'a Disk,
    dir: &'a Path,
    timeline: Timeline,
    sizes: SnapshotSizes,
    memory: BTreeMap<Bytes, Write>,
    /// The bytes of all writes added since `memory` was last empty. A second write of a key counts again: the
    /// keys and values of a batch share one buffer, which stays in memory while any of them is needed.
    memory_bytes: usize,
    /// The sorted files, oldest first.
    files: Vec<PathBuf>,
    made: usize,
}

impl<'a> Runs<'a> {
    pub(super) fn new(disk: &'a Disk, dir: &'a Path, timeline: Timeline, sizes: SnapshotSizes) -> Self {
        let (memory, files) = (BTreeMap::new(), Vec::new());
        Self { disk, dir, timeline, sizes, memory, memory_bytes: 0, files, made: 0 }
    }

    /// Adds the writes of the next batch.
    pub(super) fn add(&mut self, writes: Vec<Logged>, pace: Pace<'_>) -> Result<(), Cut> {
        for write in writes {
            self.memory_bytes += write.bytes() + WRITE_BYTES;
            let Logged { key, write } = write;
            match self.memory.entry(key) {
                btree_map::Entry::Vacant(place) => drop(place.insert(write)),
                btree_map::Entry::Occupied(mut place) => {
                    let is_difference = matches!(write, Write::Difference(_));
                    let whole = write.over(place.get()).ok_or_else(|| misfit(place.key()))?;
                    // What a difference makes has a buffer of its own.
                    self.memory_bytes += if is_difference { whole.bytes().len() } else { 0 };
                    place.insert(whole);
                }
            }
        }
        if self.memory_bytes >= self.sizes.memory_bytes { self.spill(pace) } else { Ok(()) }
    }

    /// All added writes as sorted sources to merge, newest first.
    pub(super) fn sources(&mut self) -> Result<Vec<Source>, Cut> {
        let mut sources = vec![Source::memory(std::mem::take(&mut self.memory))];
        for file in self.files.iter().rev() {
            sources.push(Source::File(Box::new(Writes::open(file)?)));
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
        // Added first, so that the file is also removed if writing it fails.
        self.files.push(path.clone());
        let mut writer = Writer::create(self.disk, &path, 0, self.timeline, self.sizes.block_bytes)?;
        let mut merged = Merged::new(sources)?;
        while let Some(write) = merged.next()? {
            let written = writer.push(write)?;
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
                tracing::warn!(%error, "a temporary file of a snapshot could not be removed; the next snapshot removes it");
            }
        }
    }
}
