//! A new data directory from a backup, up to a chosen batch.
//!
//! It consists of one snapshot and an empty log on a new timeline, so that it never mixes with the store that the backup
//! was made of; the working copy is made from them when it is opened.

use std::io;
use std::path::{Path, PathBuf};

use super::super::super::EngineError;
use super::super::config::SledConfig;
use super::super::disk::Disk;
use super::super::segment::{self, Segment};
use super::super::snapshot::{self, Entries, Generation, Listing, Origin};
use super::super::{files, folder, reader, writer};
use super::manifest::Manifest;
use super::{SNAPSHOTS, segments_of, verify};

/// A write, as the backup has it: the key and its new value, none if it is removed.
pub type Write<'a> = (&'a [u8], Option<&'a [u8]>);

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The last batch that the new store has.
    pub position: u64,
    /// The last batch that the backup has.
    pub last: u64,
}

/// What is looked for in a backup.
pub type Found = Option<Vec<u8>>;

/// Names a directory that is not a store yet.
const UNFINISHED: &str = "RESTORING";

/// Makes the directory in which the store of `target` is put together, so that there is no half of one under its name.
/// What a restore that was killed has left there is removed.
pub fn begin(target: &Path) -> Result<PathBuf, EngineError> {
    let failed = |path: &Path, e: &io::Error| files::error("prepare", path, e);
    match std::fs::read_dir(target).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Ok(false) => {
            let text = format!("{} is not empty; restore into a new data directory", target.display());
            return Err(EngineError::WrongFolder(text));
        }
        Err(e) => return Err(failed(target, &e)),
    }
    folder::refuse_inside(target)?;
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    let work = target.with_file_name(name);
    if work.exists() {
        let entries = files::list(&work)?;
        // The mark is the first thing in it and the last to go.
        if !entries.is_empty() && !entries.iter().any(|path| is_mark(path)) {
            return Err(EngineError::Io(format!("{} is in the way; move it elsewhere", work.display())));
        }
        discard(&work)?;
    }
    files::make_dir(&work)?;
    files::replace(&work.join(UNFINISHED), b"")?;
    Ok(work)
}

/// Removes what cannot become a store.
pub fn discard(work: &Path) -> Result<(), EngineError> {
    let failed = |path: &Path, e: &io::Error| files::error("remove", path, e);
    for path in files::list(work)?.iter().filter(|path| !is_mark(path)) {
        let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        removed.map_err(|e| failed(path, &e))?;
    }
    std::fs::remove_dir_all(work).map_err(|e| failed(work, &e))
}

/// The mark, also while it is being written.
fn is_mark(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == UNFINISHED)
}

/// Gives the store its name.
pub fn settle(work: &Path, target: &Path) -> Result<(), EngineError> {
    // Under its real name it must be whole, so the mark goes last of all.
    if target.exists() {
        std::fs::remove_dir(target).map_err(|e| files::error("replace", target, &e))?;
    }
    files::rename(work, target)?;
    files::remove(&target.join(UNFINISHED))
}

struct Opened {
    manifest: Manifest,
    snapshots: Listing,
    segments: Vec<Segment>,
}

impl Opened {
    fn open(from: &Path) -> Result<Self, EngineError> {
        folder::need_no_store(from)?;
        let Some(manifest) = Manifest::read(from)? else {
            return Err(EngineError::Io(format!("there is no finished backup in {}", from.display())));
        };
        let mut snapshots = snapshot::list(&from.join(SNAPSHOTS), manifest.timeline)?;
        snapshots
            .generations
            .retain(|generation| manifest.file(&super::name_of(SNAPSHOTS, &generation.path)).is_some());
        let segments = segments_of(from, manifest.names())?;
        Ok(Self { manifest, snapshots, segments })
    }

    fn base(&self) -> Option<&Generation> {
        self.snapshots.generations.iter().find(|generation| generation.position() == self.manifest.base)
    }
}

/// The first value that the backup in `from` has of `key`.
pub fn find(from: &Path, key: &[u8]) -> Result<Found, EngineError> {
    let opened = Opened::open(from)?;
    if let Some(base) = opened.base() {
        let mut entries = Entries::open(&base.path)?;
        while let Some(op) = entries.next()? {
            if op.key.as_ref() >= key {
                return Ok(op.value.filter(|_| op.key.as_ref() == key).map(|value| value.to_vec()));
            }
        }
    }
    let mut found = None;
    let Manifest { base, position, .. } = opened.manifest;
    let read = reader::replay(&opened.segments, base, position, |_, ops| {
        found = ops.into_iter().find(|op| op.key.as_ref() == key).and_then(|op| op.value);
        if found.is_some() { Err(Over::Enough) } else { Ok(()) }
    });
    match read {
        Ok(()) | Err(Over::Enough) => Ok(found.map(|value| value.to_vec())),
        Err(Over::Failed(error)) => Err(error),
    }
}

/// Fills the empty directory `config.dir` with what the backup in `from` has, up to the last batch before the first write
/// that is `too_late`. Its log has room for what follows, on a new timeline.
pub fn restore(
    from: &Path,
    config: &SledConfig,
    too_late: &mut dyn FnMut(Write<'_>) -> Result<bool, EngineError>,
) -> Result<Restored, EngineError> {
    if let Some(damage) = verify(from)?.damage.into_iter().next() {
        return Err(damage);
    }
    let opened = Opened::open(from)?;
    let base = opened.base();
    let position = stop(&opened, base, too_late)?;
    let disk = Disk::new(config);
    [&config.dir, &config.snapshot_dir(), &config.log_dir()]
        .into_iter()
        .try_for_each(|dir| files::make_dir(dir))?;
    let timeline = segment::random()?;
    let origin = Origin { base, segments: &opened.segments };
    let (dir, sizes) = (config.snapshot_dir(), config.snapshot_sizes);
    snapshot::make(&disk, &dir, timeline, origin, position, sizes, &mut |_| Ok(()))?;
    writer::found(&disk, &config.log_dir(), timeline, position + 1)?;
    Ok(Restored { position, last: opened.manifest.position })
}

/// The last batch before the first that has a write that is too late.
fn stop(
    opened: &Opened,
    base: Option<&Generation>,
    too_late: &mut dyn FnMut(Write<'_>) -> Result<bool, EngineError>,
) -> Result<u64, EngineError> {
    if let Some(base) = base {
        let mut entries = Entries::open(&base.path)?;
        while let Some(op) = entries.next()? {
            if too_late((&op.key, op.value.as_deref()))? {
                let why = "the backup does not go back that far: even its snapshot is later";
                return Err(EngineError::Io(why.to_owned()));
            }
        }
    }
    let Manifest { base, position, .. } = opened.manifest;
    let mut last = base;
    let read = reader::replay(&opened.segments, base, position, |number, ops| {
        for op in ops {
            if too_late((&op.key, op.value.as_deref()))? {
                return Err(Over::Enough);
            }
        }
        last = number;
        Ok(())
    });
    match read {
        Ok(()) | Err(Over::Enough) => Ok(last),
        Err(Over::Failed(error)) => Err(error),
    }
}

/// Why reading ended before its time.
enum Over {
    Enough,
    Failed(EngineError),
}

impl From<EngineError> for Over {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}
