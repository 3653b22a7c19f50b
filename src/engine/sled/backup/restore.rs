//! A new data directory from a backup, up to a chosen batch.
//!
//! It consists of one snapshot and an empty log on a new timeline, so it never mixes with the store that the
//! backup was made of; the working copy is built from them when the store is opened.

use std::path::Path;

use super::manifest::Manifest;
use super::names::{SNAPSHOTS, name_of, segments_of};
use super::verify::verify;
use crate::engine::EngineError;
use crate::engine::sled::config::SledConfig;
use crate::engine::sled::dir::{files, folder};
use crate::engine::sled::disk::Disk;
use crate::engine::sled::log::payload::{Logged, Write as Logs};
use crate::engine::sled::log::segment::{self, Segment};
use crate::engine::sled::log::{chain, prepare};
use crate::engine::sled::snapshot::{self, Generation, Listing, Origin, Writes};

/// A write in a backup: the key and its new value; `None` removes the key.
pub type Write<'a> = (&'a [u8], Option<&'a [u8]>);

/// The write, if it does not depend on the value before it.
fn write_of(logged: &Logged) -> Option<Write<'_>> {
    let value = match &logged.write {
        Logs::Value(value) => Some(value.as_ref()),
        Logs::Removal => None,
        Logs::Difference(_) => return None,
    };
    Some((&logged.key, value))
}

/// A finished restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The last batch of the new store.
    pub position: u64,
    /// The last batch of the backup.
    pub last: u64,
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
            .retain(|generation| manifest.file(&name_of(SNAPSHOTS, &generation.path)).is_some());
        let segments = segments_of(from, manifest.names())?;
        Ok(Self { manifest, snapshots, segments })
    }

    fn base(&self) -> Option<&Generation> {
        self.snapshots.generations.iter().find(|generation| generation.position() == self.manifest.base)
    }
}

/// The first value of `key` in the backup in `from`; `None` if the backup never sets the key.
pub fn find(from: &Path, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
    let opened = Opened::open(from)?;
    if let Some(base) = opened.base() {
        let mut writes = Writes::open(&base.path)?;
        while let Some(op) = writes.next()? {
            if op.key.as_ref() >= key {
                let found = write_of(&op).filter(|(found, _)| *found == key).and_then(|(_, value)| value);
                return Ok(found.map(<[u8]>::to_vec));
            }
        }
    }
    let mut found = None;
    let Manifest { base, position, .. } = opened.manifest;
    let read = chain::replay(&opened.segments, base, position, |_, ops| {
        let mut written = ops.iter().filter_map(write_of).filter(|(written, _)| *written == key);
        found = written.next().and_then(|(_, value)| value).map(<[u8]>::to_vec);
        if found.is_some() { Err(Over::Enough) } else { Ok(()) }
    });
    match read {
        Ok(()) | Err(Over::Enough) => Ok(found),
        Err(Over::Failed(error)) => Err(error),
    }
}

/// Restores the backup in `from` into the directory `config.dir`, such as that of a [`Site`](super::Site), up
/// to the last batch before the first write that is `too_late`; it is not asked about writes that only say
/// what changes of a value. The log of the new store continues after that batch, on a new timeline.
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
    prepare::found(&disk, &config.log_dir(), timeline, position + 1)?;
    Ok(Restored { position, last: opened.manifest.position })
}

/// The last batch before the first one with a write that is too late.
fn stop(
    opened: &Opened,
    base: Option<&Generation>,
    too_late: &mut dyn FnMut(Write<'_>) -> Result<bool, EngineError>,
) -> Result<u64, EngineError> {
    if let Some(base) = base {
        let mut writes = Writes::open(&base.path)?;
        while let Some(op) = writes.next()? {
            if write_of(&op).map(&mut *too_late).transpose()?.unwrap_or_default() {
                let why = "the backup does not go back that far: even its snapshot is later";
                return Err(EngineError::Io(why.to_owned()));
            }
        }
    }
    let Manifest { base, position, .. } = opened.manifest;
    let mut last = base;
    let read = chain::replay(&opened.segments, base, position, |number, ops| {
        for write in ops.iter().filter_map(write_of) {
            if too_late(write)? {
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

/// Why reading ended early.
enum Over {
    Enough,
    Failed(EngineError),
}

impl From<EngineError> for Over {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}
