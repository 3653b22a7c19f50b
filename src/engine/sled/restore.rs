//! Bringing the working copy to where the log is: by replaying what sled has not confirmed, or from a snapshot.
//!
//! Snapshots and the log hold everything, so nothing that sled says about itself is needed, and deleting its directory
//! loses nothing.

use std::path::Path;
use std::sync::Arc;

use super::super::EngineError;
use super::super::pending::{Op, Ops};
use super::segment::{Segment, Timeline};
use super::snapshot::{self, Entries, Generation, Listing};
use super::working::{self, Sled, Trouble};
use super::{boot, confirmed, files, reader};

/// Replayed writes are applied in groups of about this size.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// Replayed bytes between two lines of progress.
const PROGRESS_BYTES: u64 = 256 * 1024 * 1024;

/// What the working copy is restored from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) log_dir: &'a Path,
    pub(super) segments: &'a [Segment],
    pub(super) snapshots: &'a Listing,
    pub(super) timeline: Timeline,
    pub(super) confirmed: u64,
    /// The last batch that the working copy has to have.
    pub(super) last: u64,
}

impl Source<'_> {
    /// The first batch that the log has.
    fn first(&self) -> u64 {
        self.segments.first().map_or(1, |segment| segment.header.first)
    }
}

/// A working copy that has everything up to the source's last batch, and how many bytes were replayed into it.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) sled: Sled,
    pub(super) replayed_bytes: u64,
}

/// Opens sled and replays; moves it aside and rebuilds it if it is not what the log says it should be.
pub(super) fn restore(
    dir: &Path,
    cache_bytes: u64,
    source: Source<'_>,
    progress: &dyn Fn(String),
) -> Result<Restored, EngineError> {
    if source.confirmed > 0 && !dir.exists() {
        return rebuild(dir, cache_bytes, source, "it is gone", progress);
    }
    if confirmed::is_distrusted(source.log_dir) {
        return rebuild(dir, cache_bytes, source, "damage was found in it", progress);
    }
    if source.first() > source.confirmed.saturating_add(1) {
        let why = format!("it is confirmed up to batch {}, and the log begins later", source.confirmed);
        return rebuild(dir, cache_bytes, source, &why, progress);
    }
    if source.confirmed < source.last && dir.exists() && !boot::still_runs(source.log_dir, dir) {
        // As far as anybody knows it is not damaged, so there is nothing in it to look at later.
        files::remove_all(dir)?;
        let why =
            "the machine was restarted, or the store copied, before sled was confirmed to have everything";
        return rebuild(dir, cache_bytes, source, why, progress);
    }
    let opened = open_trusted(dir, cache_bytes, source);
    match opened.and_then(|sled| replay(sled, source, source.confirmed, progress)) {
        Ok(restored) => Ok(restored),
        Err(Trouble::Machine(error)) => Err(error),
        Err(Trouble::Content(why)) => rebuild(dir, cache_bytes, source, &why, progress),
    }
}

/// sled, if replay from the confirmed position makes it complete.
fn open_trusted(dir: &Path, cache_bytes: u64, source: Source<'_>) -> Result<Sled, Trouble> {
    let sled = open_noted(dir, cache_bytes, source)?;
    let position = sled.position()?;
    let why = match position {
        None if source.confirmed > 0 => "it is empty".to_owned(),
        Some((timeline, _)) if timeline != source.timeline => {
            "it belongs to another store or timeline".to_owned()
        }
        Some((_, at)) if at < source.confirmed => {
            format!("it ends at batch {at}, behind the confirmed batch {}", source.confirmed)
        }
        Some((_, at)) if at > source.last => {
            format!("it ends at batch {at}, after the log's last, {}", source.last)
        }
        None | Some(_) => return Ok(sled),
    };
    Err(Trouble::Content(why))
}

fn open_noted(dir: &Path, cache_bytes: u64, source: Source<'_>) -> Result<Sled, Trouble> {
    let sled = Sled::open(dir, cache_bytes)?;
    boot::note(source.log_dir, dir)?;
    Ok(sled)
}

fn rebuild(
    dir: &Path,
    cache_bytes: u64,
    source: Source<'_>,
    why: &str,
    progress: &dyn Fn(String),
) -> Result<Restored, EngineError> {
    let base =
        snapshot::usable(source.snapshots, source.segments, &mut |_| Ok(())).map_err(EngineError::from)?;
    let from = match base {
        Some(base) => format!("the snapshot {} and the log", base.path.display()),
        None => "the log".to_owned(),
    };
    progress(format!("the working copy {} is not usable: {why}; rebuilding it from {from}", dir.display()));
    if dir.exists() {
        let aside = working::move_aside(dir)?;
        progress(format!("what was there is kept as {} until the next time", aside.display()));
    }
    confirmed::write(source.log_dir, source.timeline, 0)?;
    let sled = open_noted(dir, cache_bytes, source)?;
    // From here on what is there is new, so an open after a crash may go on with it.
    confirmed::trust(source.log_dir)?;
    let Some(base) = base else { return Ok(replay(sled, source, 0, progress)?) };
    load(&sled, base, progress)?;
    // An open after a crash goes on from here.
    sled.set_position(source.timeline, base.position())?;
    sled.sync()?;
    confirmed::write(source.log_dir, source.timeline, base.position())?;
    Ok(replay(sled, source, base.position(), progress)?)
}

fn load(sled: &Sled, base: &Generation, progress: &dyn Fn(String)) -> Result<(), EngineError> {
    let mut entries = Entries::open(&base.path)?;
    let (mut group, mut group_bytes, mut told) = (Vec::new(), 0, 0);
    while let Some(op) = entries.next()? {
        group_bytes += op.key.len() + op.value.as_ref().map_or(0, bytes::Bytes::len);
        group.push(op);
        if group_bytes >= GROUP_BYTES {
            sled.write(&[Arc::from(std::mem::take(&mut group))])?;
            group_bytes = 0;
        }
        if entries.at() - told >= PROGRESS_BYTES {
            told = entries.at();
            progress(format!("loaded {told} of {} bytes of the snapshot into the working copy", base.bytes));
        }
    }
    Ok(sled.write(&[Arc::from(group)])?)
}

fn replay(
    sled: Sled,
    source: Source<'_>,
    after: u64,
    progress: &dyn Fn(String),
) -> Result<Restored, Trouble> {
    let Source { segments, timeline, last, .. } = source;
    let mut group: Vec<Ops> = Vec::new();
    let (mut group_bytes, mut replayed_bytes, mut told) = (0, 0, 0);
    reader::replay(segments, after, last, |number, ops| {
        group_bytes += bytes_of(&ops);
        group.push(Arc::from(ops));
        if group_bytes >= GROUP_BYTES || number == last {
            sled.apply(&group, timeline, number)?;
            group.clear();
            replayed_bytes += u64::try_from(group_bytes).unwrap_or(u64::MAX);
            group_bytes = 0;
        }
        if replayed_bytes - told >= PROGRESS_BYTES {
            told = replayed_bytes;
            progress(format!("replayed batch {number} of {last} into the working copy"));
        }
        Ok::<(), Trouble>(())
    })?;
    // Nothing is written into a sled that has everything: it stays what was confirmed.
    if sled.position()? != Some((timeline, last)) {
        sled.set_position(timeline, last)?;
    }
    Ok(Restored { sled, replayed_bytes })
}

pub(super) fn bytes_of(ops: &[Op]) -> usize {
    ops.iter().map(|op| op.key.len() + op.value.as_ref().map_or(0, bytes::Bytes::len)).sum()
}
