//! The folder of a backup while it is written.
//!
//! Files grow in place; the manifest of an earlier backup in the folder stays good meanwhile, since it says how much of
//! each file it means. The new one is written last, once everything was synced and read back. What the earlier one has is read
//! before anything is added: a backup goes on from one that is whole, or not at all.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::super::super::EngineError;
use super::super::super::backup::{Held, HeldFile, Outline};
use super::super::disk::{Disk, LogFile};
use super::super::reader::{SegmentReader, Step};
use super::super::segment::{self, Timeline};
use super::super::snapshot::{self, Entries};
use super::super::{files, folder, reader};
use super::manifest::{Listed, Manifest};
use super::verify::{checksum, verify_base, verify_file};
use super::{LOG, SNAPSHOTS, is_name, lock_folder, name_of, segments_of};

/// What a backup has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The last batch that it has.
    pub position: u64,
    /// Bytes that were added to the folder.
    pub added: u64,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Whether it completed an earlier backup in the folder.
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
    /// What was made of the folder, until there is something to put into it.
    made: Option<Made>,
    /// Of the folder, so that no other backup writes into it.
    _lock: File,
}

#[derive(Debug)]
struct UnderWay {
    outline: Outline,
    files: Vec<(LogFile, u64)>,
    added: u64,
}

impl Receiver {
    /// Opens the folder, which is made if it is missing, and finds out what it holds. A folder that is or lies in a store,
    /// or has files of others, is refused and not touched. If no backup begins, what was made is taken away again.
    pub fn open(dir: &Path) -> Result<(Self, Held), EngineError> {
        folder::for_backup(dir)?;
        let is_new = !dir.exists();
        files::make_dir(dir)?;
        let lock = lock_folder(
            dir,
            "another backup is being written into it; wait until that one has ended, or take another folder",
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
    pub(in super::super) fn faults(&self) -> &super::super::faults::Faults {
        self.disk.faults()
    }

    /// Begins with a backup whose files then come through [`Receiver::write`].
    pub fn begin(&mut self, outline: Outline) -> Result<(), EngineError> {
        if self.timeline.is_some_and(|timeline| timeline != outline.timeline) {
            return Err(foreign(&self.dir));
        }
        let mut files = Vec::new();
        for file in &outline.files {
            if !is_name(&file.name) {
                return Err(EngineError::Io(format!("a backup cannot have a file {:?}", file.name)));
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

    /// The next bytes of a file, which must follow those before them.
    pub fn write(&mut self, index: usize, at: u64, bytes: &[u8]) -> Result<(), EngineError> {
        let disorder = || EngineError::Io("the parts of the backup came out of order".to_owned());
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

    /// Syncs everything, reads it back and writes the manifest. From then on the backup counts.
    pub fn finish(mut self) -> Result<Received, EngineError> {
        let Some(UnderWay { outline, files, added }) = self.under_way.take() else {
            return Err(EngineError::Io("the backup was never begun".to_owned()));
        };
        for (planned, (file, end)) in outline.files.iter().zip(&files) {
            if *end != planned.bytes {
                return Err(EngineError::Io(format!("the backup ended before all of {} came", planned.name)));
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

    /// Reads what is new as a restore would, and looks whether what was there before is still there.
    fn read_back(&self, manifest: &Manifest, outline: &Outline) -> Result<(), EngineError> {
        for file in outline.files.iter().filter(|file| file.name.starts_with(SNAPSHOTS)) {
            snapshot::verify(&self.dir.join(&file.name), &mut |_| Ok(()))?;
        }
        verify_base(&self.dir, manifest)?;
        let segments = segments_of(&self.dir, manifest.names())?;
        if let Some(gap) = reader::gap(&segments, manifest.base, outline.position) {
            return Err(gap);
        }
        let covered = self.before.as_ref().filter(|_| outline.extends).map_or(manifest.base, |m| m.position);
        reader::replay(&segments, covered, outline.position, |_, _| Ok::<(), EngineError>(()))
    }

    /// Removes what an earlier backup had that this one does not need.
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

/// What there was not before a folder was opened. It goes again with this, unless it is kept.
#[derive(Debug)]
struct Made {
    /// The mark, if there was neither that nor a manifest.
    mark: Option<PathBuf>,
    /// Folders, the inner ones first.
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
        // Whatever has got something since stays.
        if let Some(mark) = &self.mark {
            let _ = std::fs::remove_file(mark);
        }
        for folder in &self.folders {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Refuses to go on with a backup of which files are gone or damaged: the log of the store may not reach back to what they had.
fn refuse_if_damaged(dir: &Path, manifest: &Manifest) -> Result<(), EngineError> {
    manifest.files.iter().try_for_each(|listed| {
        let path = dir.join(&listed.name);
        let (file, offset, fault) = if path.exists() {
            match verify_file(dir, listed) {
                Err(EngineError::Corrupt { file, offset, detail }) => (file, offset, detail),
                other => return other,
            }
        } else {
            (path.display().to_string(), 0, "the file is gone".to_owned())
        };
        let detail =
            format!("{fault}, so the backup in this folder is not whole; make one in another folder");
        Err(EngineError::Corrupt { file, offset, detail })
    })
}

/// The random number and the timeline in a file's header, if that is whole.
fn identity(name: &str, path: &Path) -> Option<(u64, Timeline)> {
    if name.starts_with(LOG) {
        let header = segment::read(path).ok()?.header;
        Some((header.id, header.timeline))
    } else {
        let header = Entries::open(path).ok()?.header;
        Some((header.id, header.timeline))
    }
}

/// How much of a file is good: what the manifest says, which was read, or what an interrupted backup has brought whole.
fn good_bytes(name: &str, path: &Path, manifest: Option<&Manifest>) -> Result<u64, EngineError> {
    let meta = std::fs::metadata(path).map_err(|e: io::Error| files::error("look at", path, &e))?;
    if let Some(listed) = manifest.and_then(|manifest| manifest.file(name))
        && meta.len() == listed.bytes
    {
        return Ok(listed.bytes);
    }
    if name.starts_with(LOG) {
        let segment = segment::read(path)?;
        let mut reader = SegmentReader::open(&segment)?;
        while matches!(reader.step()?, Step::Record(_)) {}
        return Ok(reader.at());
    }
    let mut entries = Entries::open(path)?;
    loop {
        match entries.next() {
            Ok(Some(_)) => {}
            // Blocks before this place are good.
            Ok(None) | Err(EngineError::Corrupt { .. }) => return Ok(entries.at()),
            Err(error) => return Err(error),
        }
    }
}

fn foreign(dir: &Path) -> EngineError {
    EngineError::Io(format!(
        "{} holds a backup of another store or timeline; use another folder",
        dir.display()
    ))
}
