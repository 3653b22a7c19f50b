//! The log since a snapshot, sorted by key within bounded memory: what does not fit goes to sorted files, the
//! runs.
//!
//! Runs have levels. Those from memory have level 0; once there are many of one level, they become one run of
//! the next level. So each write is written once for each level, however long the log is, and the number of
//! runs grows with the logarithm of its length.

use std::collections::{BTreeMap, btree_map};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::listing::unfinished_path;
use super::merge::{Merged, Sorted, Source, is_packed, misfit};
use super::pace::{Cut, Pace};
use super::read::Writes;
use super::write::Writer;
use crate::engine::EngineError;
use crate::engine::sled::config::SnapshotSizes;
use crate::engine::sled::dir::files;
use crate::engine::sled::disk::Disk;
use crate::engine::sled::log::payload::Logged;
use crate::engine::sled::log::segment::Timeline;

/// The memory that a write takes beside its key and value, in bytes.
const WRITE_BYTES: usize = 160;

/// See the module documentation.
pub(super) struct Runs<'a> {
    disk: &'a Disk,
    dir: &'a Path,
    timeline: Timeline,
    sizes: SnapshotSizes,
    memory: BTreeMap<Bytes, Sorted>,
    /// The bytes of all writes added since `memory` was last empty. A second write of a key counts again: the
    /// keys and values of a batch share one buffer, which stays in memory while any of them is needed.
    memory_bytes: usize,
    /// The sorted files, oldest first. No level is above that of an older file.
    files: Vec<Run>,
    made: usize,
}

/// A sorted file.
#[derive(Debug)]
struct Run {
    path: PathBuf,
    level: u32,
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
            let Logged { key, write, is_packed: newer_is_packed } = write;
            match self.memory.entry(key) {
                btree_map::Entry::Vacant(place) => {
                    place.insert(Sorted { write, is_packed: newer_is_packed });
                }
                btree_map::Entry::Occupied(mut place) => {
                    let older = place.get();
                    let is_packed = is_packed(&write, newer_is_packed, older.is_packed);
                    let is_difference = write.is_difference();
                    let write = write.over(&older.write).ok_or_else(|| misfit(place.key()))?;
                    // What a difference makes has a buffer of its own.
                    self.memory_bytes += if is_difference { write.bytes().len() } else { 0 };
                    place.insert(Sorted { write, is_packed });
                }
            }
        }
        if self.memory_bytes >= self.sizes.memory_bytes { self.spill(pace) } else { Ok(()) }
    }

    /// All added writes as sorted sources to merge, newest first.
    pub(super) fn sources(&mut self) -> Result<Vec<Source>, Cut> {
        let mut sources = vec![Source::memory(std::mem::take(&mut self.memory))];
        sources.extend(self.newest(self.files.len())?);
        Ok(sources)
    }

    /// The `count` newest files, newest first.
    fn newest(&self, count: usize) -> Result<Vec<Source>, EngineError> {
        let newest = self.files.iter().rev().take(count);
        newest.map(|run| Ok(Source::File(Box::new(Writes::open(&run.path)?)))).collect()
    }

    fn spill(&mut self, pace: Pace<'_>) -> Result<(), Cut> {
        let sorted = Source::memory(std::mem::take(&mut self.memory));
        self.memory_bytes = 0;
        self.write(vec![sorted], 0, pace)?;
        loop {
            let level = self.files.last().map_or(0, |run| run.level);
            let count = self.files.iter().rev().take_while(|run| run.level == level).count();
            if count < self.sizes.most_runs.max(2) {
                return Ok(());
            }
            let merged = self.newest(count)?;
            let end = self.files.len();
            self.write(merged, level.saturating_add(1), pace)?;
            self.files.drain(end - count..end).try_for_each(|run| files::remove(&run.path))?;
        }
    }

    fn write(&mut self, sources: Vec<Source>, level: u32, pace: Pace<'_>) -> Result<(), Cut> {
        let path = unfinished_path(self.dir, &format!("run-{}", self.made));
        self.made += 1;
        // Added first, so that the file is also removed if writing it fails.
        self.files.push(Run { path: path.clone(), level });
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
        for run in self.files.iter().filter(|run| run.path.exists()) {
            if let Err(error) = files::remove(&run.path) {
                tracing::warn!(%error, "a temporary file of a snapshot could not be removed; the next snapshot removes it");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_n;

    use super::*;
    use crate::engine::sled::log::payload::Write;

    fn logged(key: &str, write: Write, is_packed: bool) -> Logged {
        Logged { key: Bytes::copy_from_slice(key.as_bytes()), write, is_packed }
    }

    #[test]
    fn each_level_has_few_runs_and_the_newest_write_of_a_key_wins() {
        let temp = tempfile::tempdir().unwrap();
        let disk = Disk::without_reserve(temp.path());
        // Each batch fills the memory.
        let sizes = SnapshotSizes { block_bytes: 300, memory_bytes: 1, most_runs: 3 };
        let mut runs = Runs::new(&disk, temp.path(), [7; 16], sizes);
        let mut newest = BTreeMap::new();
        for number in 1..=50_u32 {
            let (key, value) = (format!("{}", number % 7), Write::Value(number.to_string().into()));
            newest.insert(key.clone(), value.clone());
            runs.add(vec![logged(&key, value, false)], &mut |_| Ok(())).unwrap();
            let levels: Vec<u32> = runs.files.iter().map(|run| run.level).collect();
            let digit = |level: u32| usize::try_from(number / 3_u32.pow(level) % 3).unwrap();
            let expected: Vec<u32> = (0..4).rev().flat_map(|level| repeat_n(level, digit(level))).collect();
            assert_eq!(levels, expected, "after {number} runs");
            assert_eq!(files::list(temp.path()).unwrap().len(), runs.files.len());
        }
        let mut merged = Merged::new(runs.sources().unwrap()).unwrap();
        let found = std::iter::from_fn(|| merged.next().unwrap());
        let found: BTreeMap<_, _> =
            found.map(|op| (String::from_utf8(op.key.to_vec()).unwrap(), op.write)).collect();
        assert_eq!(found, newest);
        drop(runs);
        assert!(files::list(temp.path()).unwrap().is_empty());
    }

    #[test]
    fn a_difference_makes_a_value_of_the_kind_of_the_one_before_it() {
        let difference = || Write::Difference(Bytes::from_static(&[2, 7, 1, b'b']));
        let value = || Write::Value(Bytes::from_static(&[1, 0, 0, 1, b'a']));
        let made = Write::Value(Bytes::from_static(&[1, 0, 0, 1, b'a', 7, 1, b'b']));
        let temp = tempfile::tempdir().unwrap();
        let disk = Disk::without_reserve(temp.path());
        for (older, newer) in [(true, false), (false, true)] {
            let expected = Some(logged("key", made.clone(), older));
            let mut runs = Runs::new(&disk, temp.path(), [7; 16], SnapshotSizes::default());
            let both = vec![logged("key", value(), older), logged("key", difference(), newer)];
            runs.add(both, &mut |_| Ok(())).unwrap();
            let mut merged = Merged::new(runs.sources().unwrap()).unwrap();
            assert_eq!(merged.next().unwrap(), expected, "within memory");
            let source = |write, is_packed| {
                Source::memory(BTreeMap::from([(Bytes::from("key"), Sorted { write, is_packed })]))
            };
            let sources = vec![source(difference(), newer), source(value(), older)];
            assert_eq!(Merged::new(sources).unwrap().next().unwrap(), expected, "between sources");
            let sources = vec![source(value(), newer), source(value(), older)];
            let newest = Some(logged("key", value(), newer));
            assert_eq!(Merged::new(sources).unwrap().next().unwrap(), newest, "a value is of its own kind");
        }
    }
}
