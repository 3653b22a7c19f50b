//! The folder of a backup while it is written.
//!
//! Files grow in place. Meanwhile the manifest of an earlier backup in the folder stays valid, because it
//! says how many bytes of each file belong to that backup. The new manifest is written last, after everything
//! was synced and read back. The files of the earlier backup are read before anything is added: only a whole
//! backup is extended.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::manifest::{Listed, Manifest};
use super::names::{LOG, SNAPSHOTS, is_name, name_of, segments_of};
use super::verify::{checksum, verify_base, verify_file};
use crate::engine::EngineError;
use crate::engine::backup::{Held, HeldFile, Outline};
use crate::engine::sled::dir::{files, flock, folder};
use crate::engine::sled::disk::{Disk, LogFile};
use crate::engine::sled::log::chain;
use crate::engine::sled::log::reader::{SegmentReader, Step};
use crate::engine::sled::log::segment::{self, Timeline};
use crate::engine::sled::snapshot::{self, Writes};

/// A finished backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its last batch.
    pub position: u64,
    /// Bytes that were added to the folder.
    pub added: u64,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Whether it extended an earlier backup in the folder.
    pub extended: bool,
}

/// See the module documentation.
#[derive(Debug)]
pub struct Receiver {
    dir: PathBuf,
    disk: Disk,
    before: Option<Manifest>,
    timeline: Option<Timeline>,
    under_way: Option<UnderWay>,
    /// What opening created; `None` once a backup has begun.
    made: Option<Made>,
    /// The lock on the folder, so that no other backup writes into it.
    _lock: File,
}

#[derive(Debug)]
struct UnderWay {
    outline: Outline,
    files: Vec<(LogFile, u64)>,
    added: u64,
}

impl Receiver {
    /// Opens the folder, creating it if it is missing, and finds out what it holds. A folder that is a store,
    /// is inside a store or contains other files is rejected and stays untouched. If no backup begins,
    /// everything that this created is removed again.
    pub fn open(dir: &Path) -> Result<(Self, Held), EngineError> {
        folder::for_backup(dir)?;
        let is_new = !dir.exists();
        files::make_dir(dir)?;
        let lock = flock::folder(
            dir,
            "another backup is being written into it; wait until that one has ended, or choose another folder",
        )?;
        let made = Made::look(dir, is_new);
        folder::mark_backup(dir)?;
        let before = Manifest::read(dir)?;
        before.as_ref().map_or(Ok(()), |manifest| refuse_if_damaged(dir, manifest))?;
        let mut held = Held { covered: before.as_ref().map_or(0, |m| m.position), ..Held::default() };
        held.timeline = before.as_ref().map(|manifest| manifest.timeline);
        for folder in [LOG, SNAPSHOTS] {
            let folder_path = dir.join(folder);
            files::make_dir(&folder_path)?;
            for path in files::list(&folder_path)? {
                let name = name_of(folder, &path);
                let Some((id, timeline)) = identity(&name, &path).filter(|_| is_name(&name)) else {
                    continue;
                };
                if *held.timeline.get_or_insert(timeline) != timeline {
                    return Err(foreign(dir));
                }
                let bytes = good_bytes(&name, &path, before.as_ref())?;
                let in_backup = before.as_ref().is_some_and(|manifest| manifest.file(&name).is_some());
                held.files.push(HeldFile { name, id, bytes, in_backup });
            }
        }
        let timeline = held.timeline;
        let disk = Disk::without_reserve(dir);
        let (dir, made) = (dir.to_owned(), Some(made));
        Ok((Self { dir, disk, before, timeline, under_way: None, made, _lock: lock }, held))
    }

    #[cfg(test)]
    pub(crate) fn faults(&self) -> &super::super::faults::Faults {
        self.disk.faults()
    }

    /// Begins a backup. Its files then arrive through [`Receiver::write`].
    pub fn begin(&mut self, outline: Outline) -> Result<(), EngineError> {
        if self.timeline.is_some_and(|timeline| timeline != outline.timeline) {
            return Err(foreign(&self.dir));
        }
        let mut files = Vec::new();
        for file in &outline.files {
            if !is_name(&file.name) {
                return Err(EngineError::Io(format!("a backup cannot contain a file named {:?}", file.name)));
            }
            let path = self.dir.join(&file.name);
            let opened = self.disk.resume(&path, file.from);
            files.push((opened.map_err(|e| files::error("write", &path, &e))?, file.from));
        }
        self.under_way = Some(UnderWay { outline, files, added: 0 });
        if let Some(made) = self.made.take() {
            made.keep();
        }
        Ok(())
    }

    /// Writes the next bytes of a file, which must follow the earlier ones.
    pub fn write(&mut self, index: usize, at: u64, bytes: &[u8]) -> Result<(), EngineError> {
        let disorder = || EngineError::Io("the parts of the backup arrived out of order".to_owned());
        let under_way = self.under_way.as_mut().ok_or_else(disorder)?;
        let (file, end) = under_way.files.get_mut(index).ok_or_else(disorder)?;
        if *end != at {
            return Err(disorder());
        }
        file.write_at(at, bytes).map_err(|e| files::error("write", &self.dir, &e))?;
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        *end += len;
        under_way.added += len;
        Ok(())
    }

    /// Syncs everything, reads it back and writes the manifest, which completes the backup.
    pub fn finish(mut self) -> Result<Received, EngineError> {
        let Some(UnderWay { outline, files, added }) = self.under_way.take() else {
            return Err(EngineError::Io("the backup was never started".to_owned()));
        };
        for (planned, (file, end)) in outline.files.iter().zip(&files) {
            if *end != planned.bytes {
                return Err(EngineError::Io(format!(
                    "the backup ended before all of {} arrived",
                    planned.name
                )));
            }
            file.sync().map_err(|e| files::error("sync", &self.dir.join(&planned.name), &e))?;
        }
        [LOG, SNAPSHOTS].iter().try_for_each(|folder| files::sync_dir(&self.dir.join(folder)))?;
        let manifest = self.manifest(&outline)?;
        self.read_back(&manifest, &outline)?;
        manifest.write(&self.disk, &self.dir)?;
        self.remove_replaced(&manifest)?;
        let bytes = manifest.files.iter().map(|file| file.bytes).sum();
        Ok(Received { position: outline.position, added, bytes, extended: outline.extends })
    }

    fn manifest(&self, outline: &Outline) -> Result<Manifest, EngineError> {
        let before = self.before.as_ref().filter(|_| outline.extends);
        let mut listed = before.map(|manifest| manifest.files.clone()).unwrap_or_default();
        listed.retain(|old| !outline.files.iter().any(|file| file.name == old.name));
        for file in &outline.files {
            let crc = checksum(&self.dir.join(&file.name), file.bytes)?;
            listed.push(Listed { name: file.name.clone(), bytes: file.bytes, crc });
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        let base = before.map_or(outline.base, |manifest| manifest.base);
        Ok(Manifest { timeline: outline.timeline, base, position: outline.position, files: listed })
    }

    /// Reads the new files as a restore would, and checks that the earlier ones still exist.
    fn read_back(&self, manifest: &Manifest, outline: &Outline) -> Result<(), EngineError> {
        for file in outline.files.iter().filter(|file| file.name.starts_with(SNAPSHOTS)) {
            snapshot::verify(&self.dir.join(&file.name), &mut |_| Ok(()))?;
        }
        verify_base(&self.dir, manifest)?;
        let segments = segments_of(&self.dir, manifest.names())?;
        if let Some(gap) = chain::gap(&segments, manifest.base, outline.position) {
            return Err(gap);
        }
        let covered = self.before.as_ref().filter(|_| outline.extends).map_or(manifest.base, |m| m.position);
        chain::replay(&segments, covered, outline.position, |_, _| Ok::<(), EngineError>(()))
    }

    /// Removes files of earlier backups that this one does not need.
    fn remove_replaced(&self, manifest: &Manifest) -> Result<(), EngineError> {
        let needed: BTreeSet<&str> = manifest.names().collect();
        for folder in [LOG, SNAPSHOTS] {
            for path in files::list(&self.dir.join(folder))? {
                let name = name_of(folder, &path);
                if is_name(&name) && !needed.contains(name.as_str()) {
                    self.disk.remove(&path)?;
                }
            }
        }
        Ok(())
    }
}

/// The files and folders that opening created. Dropping this removes them, unless [`Made::keep`] was called.
#[derive(Debug)]
struct Made {
    /// The mark, if the folder had neither a mark nor a manifest.
    mark: Option<PathBuf>,
    /// Folders, inner ones first.
    folders: Vec<PathBuf>,
}

impl Made {
    fn look(dir: &Path, is_new: bool) -> Self {
        let parts = [dir.join(LOG), dir.join(SNAPSHOTS)].into_iter().filter(|path| !path.exists());
        let folders = parts.chain(is_new.then(|| dir.to_owned())).collect();
        Self { mark: folder::missing_mark(dir), folders }
    }

    fn keep(mut self) {
        (self.mark, self.folders) = (None, Vec::new());
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // Folders that are no longer empty stay.
        if let Some(mark) = &self.mark {
            let _ = std::fs::remove_file(mark);
        }
        for folder in &self.folders {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Rejects a backup with missing or damaged files: the log of the store may no longer have what these files
/// had.
fn refuse_if_damaged(dir: &Path, manifest: &Manifest) -> Result<(), EngineError> {
    manifest.files.iter().try_for_each(|listed| {
        let path = dir.join(&listed.name);
        let (file, offset, fault) = if path.exists() {
            match verify_file(dir, listed) {
                Err(EngineError::Corrupt { file, offset, detail }) => (file, offset, detail),
                other => return other,
            }
        } else {
            (path.display().to_string(), 0, "the file is missing".to_owned())
        };
        let detail =
            format!("{fault}, so the backup in this folder is incomplete; make one in another folder");
        Err(EngineError::Corrupt { file, offset, detail })
    })
}

/// The random number and the timeline in a file's header; `None` if the header is damaged.
fn identity(name: &str, path: &Path) -> Option<(u64, Timeline)> {
    if name.starts_with(LOG) {
        let header = segment::read(path).ok()?.header;
        Some((header.id, header.timeline))
    } else {
        let header = Writes::open(path).ok()?.header;
        Some((header.id, header.timeline))
    }
}

/// The good bytes of a file: those of the manifest, which were read before, or those of undamaged entries
/// that an interrupted backup brought.
fn good_bytes(name: &str, path: &Path, manifest: Option<&Manifest>) -> Result<u64, EngineError> {
    let meta = std::fs::metadata(path).map_err(|e: io::Error| files::error("examine", path, &e))?;
    if let Some(listed) = manifest.and_then(|manifest| manifest.file(name))
        && meta.len() == listed.bytes
    {
        return Ok(listed.bytes);
    }
    if name.starts_with(LOG) {
        let segment = segment::read(path)?;
        let mut reader = SegmentReader::open(&segment)?;
        while matches!(reader.step()?, Step::Entry(_)) {}
        return Ok(reader.at());
    }
    let mut writes = Writes::open(path)?;
    loop {
        match writes.next() {
            Ok(Some(_)) => {}
            // The blocks before this position are good.
            Ok(None) | Err(EngineError::Corrupt { .. }) => return Ok(writes.at()),
            Err(error) => return Err(error),
        }
    }
}

fn foreign(dir: &Path) -> EngineError {
    EngineError::Io(format!(
        "{} contains a backup of another store or timeline; choose another folder",
        dir.display()
    ))
}
