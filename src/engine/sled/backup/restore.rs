//! A new data directory from a backup, up to a chosen batch.
//!
//! It consists of one snapshot and an empty log on a new timeline, so that it never mixes with the store that the backup
//! was made of; the working copy is made from them when it is opened.

use std::path::Path;

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

/// Fills the directory `config.dir`, such as that of a [`Site`](super::Site), with what the backup in `from` has, up to the last batch before the first write
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
