//! Bringing the working copy to the end of the log: by replaying what sled has not confirmed, or from a
//! snapshot.
//!
//! Snapshots and the log hold everything, so nothing that sled says about itself is needed, and deleting its
//! directory loses nothing.
//!
//! If the disk has no room to bring sled up to date, its directory is removed, which frees the room of all
//! that sled wrote before, and it is rebuilt. sled is written in steps for which the disk has room, so that
//! this does not fill the disk either.

use std::path::Path;
use std::sync::Arc;

use super::aside::move_aside;
use super::copy::Sled;
use super::mover;
use super::replayed::Replayed;
use super::trouble::Trouble;
use super::{boot, confirmed};
use crate::engine::EngineError;
use crate::engine::pending::{Op, Ops, bytes_of};
use crate::engine::sled::dir::files;
use crate::engine::sled::disk::Disk;
use crate::engine::sled::log::chain;
use crate::engine::sled::log::payload::{Logged, Write};
use crate::engine::sled::log::segment::{Segment, Timeline};
use crate::engine::sled::snapshot::{self, Generation, Listing, Writes};

/// The approximate size of the groups in which replayed writes are applied.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// The approximate size of the steps in which sled is written while the disk is short of room. Before each
/// one sled's buffers reach the disk, and so count in the free space.
const STEP_BYTES: usize = 128 * 1024;
/// The replayed bytes between two lines of progress.
const PROGRESS_BYTES: u64 = 256 * 1024 * 1024;

/// The log and the snapshots from which the working copy is restored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) log_dir: &'a Path,
    pub(crate) segments: &'a [Segment],
    pub(crate) snapshots: &'a Listing,
    pub(crate) timeline: Timeline,
    pub(crate) confirmed: u64,
    /// The last batch that the working copy must have.
    pub(crate) last: u64,
}

impl Source<'_> {
    /// The first batch of the log.
    fn first(&self) -> u64 {
        self.segments.first().map_or(1, |segment| segment.header.first)
    }
}

/// A working copy that has everything up to the source's last batch, and the number of bytes replayed into
/// it.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) sled: Sled,
    pub(crate) replayed_bytes: u64,
}

/// Opens sled and replays the log into it. If sled does not match the log, moves it aside and rebuilds it.
pub(crate) fn restore(
    dir: &Path,
    cache_bytes: u64,
    disk: &Disk,
    source: Source<'_>,
    progress: &dyn Fn(String),
) -> Result<Restored, EngineError> {
    let rebuild = |why: &str| rebuild(dir, cache_bytes, disk, source, why, progress);
    confirmed::refuse_older_programs(source.log_dir, source.timeline, source.confirmed)?;
    if source.confirmed > 0 && !dir.exists() {
        return rebuild("it is gone");
    }
    if confirmed::is_distrusted(source.log_dir) {
        return rebuild("damage was found in it");
    }
    if source.first() > source.confirmed.saturating_add(1) {
        let why = format!("it is confirmed up to batch {}, and the log begins later", source.confirmed);
        return rebuild(&why);
    }
    if source.confirmed < source.last && dir.exists() && !boot::still_runs(source.log_dir, dir) {
        // Nothing suggests that it is damaged, so keeping it would help no investigation.
        files::remove_all(dir)?;
        let why =
            "the machine was restarted, or the store copied, before sled was confirmed to have everything";
        return rebuild(why);
    }
    let opened = open_trusted(dir, cache_bytes, disk, source);
    match opened.and_then(|sled| replay(sled, disk, source, source.confirmed, progress)) {
        Ok(restored) => Ok(restored),
        Err(Trouble::Machine(error)) if is_full(&error, disk) => {
            if dir.exists() {
                files::remove_all(dir)?;
            }
            rebuild(&format!("there is no room to bring it up to date ({error})"))
        }
        Err(Trouble::Machine(error)) => Err(error),
        Err(Trouble::Content(why)) => rebuild(&why),
    }
}

/// Whether the disk is full, also if only sled says so.
fn is_full(error: &EngineError, disk: &Disk) -> bool {
    matches!(error, EngineError::StorageFull { .. }) || !disk.has_room_for_sled()
}

/// Opens sled, if replay from the confirmed position makes it complete.
fn open_trusted(dir: &Path, cache_bytes: u64, disk: &Disk, source: Source<'_>) -> Result<Sled, Trouble> {
    let sled = open_noted(dir, cache_bytes, disk, source)?;
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

fn open_noted(dir: &Path, cache_bytes: u64, disk: &Disk, source: Source<'_>) -> Result<Sled, Trouble> {
    #[cfg(not(test))]
    let _ = disk;
    let sled = Sled::open(
        dir,
        cache_bytes,
        #[cfg(test)]
        disk.faults(),
    )?;
    boot::note(source.log_dir, dir)?;
    Ok(sled)
}

fn rebuild(
    dir: &Path,
    cache_bytes: u64,
    disk: &Disk,
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
        let aside = move_aside(dir)?;
        progress(format!("the former working copy is kept as {} until the next rebuild", aside.display()));
    }
    confirmed::write(source.log_dir, source.timeline, 0)?;
    let sled = open_noted(dir, cache_bytes, disk, source)?;
    // From here on the working copy is new, so an open after a crash may continue with it.
    confirmed::trust(source.log_dir)?;
    let Some(base) = base else { return Ok(replay(sled, disk, source, 0, progress)?) };
    load(&sled, disk, base, progress)?;
    // An open after a crash continues from here.
    sled.set_position(source.timeline, base.position())?;
    sled.sync()?;
    confirmed::write(source.log_dir, source.timeline, base.position())?;
    Ok(replay(sled, disk, source, base.position(), progress)?)
}

fn load(sled: &Sled, disk: &Disk, base: &Generation, progress: &dyn Fn(String)) -> Result<(), EngineError> {
    let mut writes = Writes::open(&base.path)?;
    let (mut group, mut group_bytes, mut told) = (Vec::new(), 0, 0);
    while let Some(op) = writes.next()? {
        group_bytes += op.bytes();
        group.push(whole(op)?);
        if group_bytes >= GROUP_BYTES {
            write(sled, disk, &[Arc::from(std::mem::take(&mut group))])?;
            group_bytes = 0;
        }
        if writes.at() - told >= PROGRESS_BYTES {
            told = writes.at();
            progress(format!("loaded {told} of {} bytes of the snapshot into the working copy", base.bytes));
        }
    }
    Ok(write(sled, disk, &[Arc::from(group)])?)
}

/// A write of a snapshot, which has no differences.
fn whole(logged: Logged) -> Result<Op, EngineError> {
    let Logged { key, write, .. } = logged;
    match write {
        Write::Value(value) => Ok(Op { key, value: Some(value), is_known: false }),
        Write::Removal => Ok(Op { key, value: None, is_known: false }),
        Write::Difference(_) => {
            let detail = "a snapshot has a difference in the place of a value".to_owned();
            Err(EngineError::Corrupt { file: "the snapshot".to_owned(), offset: 0, detail })
        }
    }
}

/// Writes a group to sled: at once if the disk has room for that, and otherwise in steps.
fn write(sled: &Sled, disk: &Disk, group: &[Ops]) -> Result<(), Trouble> {
    let bytes = group.iter().map(|ops| bytes_of(ops)).sum();
    if admit(disk, bytes).is_ok() {
        return sled.write(group);
    }
    group.iter().try_for_each(|ops| {
        steps(ops).try_for_each(|step| {
            sled.sync()?;
            admit(disk, bytes_of(step))?;
            sled.write(&[Arc::from(step)])
        })
    })
}

fn admit(disk: &Disk, bytes: usize) -> Result<(), EngineError> {
    disk.admit_to_sled(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// The parts of `ops` that have about [`STEP_BYTES`] each.
fn steps(ops: &[Op]) -> impl Iterator<Item = &[Op]> {
    let mut bytes = 0;
    ops.chunk_by(move |op, _| {
        bytes += op.bytes();
        let more = bytes < STEP_BYTES;
        bytes = if more { bytes } else { 0 };
        more
    })
}

fn replay(
    sled: Sled,
    disk: &Disk,
    source: Source<'_>,
    after: u64,
    progress: &dyn Fn(String),
) -> Result<Restored, Trouble> {
    let Source { segments, timeline, last, .. } = source;
    let mut group: Vec<Ops> = Vec::new();
    let mut replayed = Replayed::default();
    let (mut group_bytes, mut replayed_bytes, mut told) = (0, 0, 0);
    chain::replay(segments, after, last, |number, writes| {
        let ops = replayed.resolve(writes, |key| sled.get(key))?;
        group_bytes += bytes_of(&ops);
        group.push(Arc::from(ops));
        if group_bytes >= GROUP_BYTES || number == last {
            replayed.flush();
            write(&sled, disk, &group)?;
            let written = u64::try_from(group_bytes).unwrap_or(u64::MAX);
            sled.move_values(mover::share(written, disk.room_for_moves()))?;
            sled.set_position(timeline, number)?;
            group.clear();
            replayed_bytes += written;
            group_bytes = 0;
        }
        if replayed_bytes - told >= PROGRESS_BYTES {
            told = replayed_bytes;
            progress(format!("replayed batch {number} of {last} into the working copy"));
        }
        Ok::<(), Trouble>(())
    })?;
    replayed.check_complete()?;
    // A sled that has everything is not written to, so it stays as it was confirmed.
    if sled.position()? != Some((timeline, last)) {
        sled.set_position(timeline, last)?;
    }
    Ok(Restored { sled, replayed_bytes })
}
