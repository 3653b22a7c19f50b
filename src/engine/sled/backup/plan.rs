//! What a receiver lacks of a store.

use std::fs::File;
use std::path::Path;

use super::names::{LOG, SNAPSHOTS, name_of, sequence_of};
use crate::engine::EngineError;
use crate::engine::backup::{Backup, FileOutline, Held, Outline};
use crate::engine::sled::config::SledConfig;
use crate::engine::sled::dir::files;
use crate::engine::sled::log::chain;
use crate::engine::sled::log::reader::{SegmentReader, Step};
use crate::engine::sled::log::segment::{self, Header, Segment, Timeline};
use crate::engine::sled::snapshot::{self, Generation};

/// Planning is tried at most this often: the store may remove a file after it was listed and before it is
/// opened.
const ATTEMPTS: usize = 5;

/// A backup of everything up to batch `position`, which is durable, without what the receiver has (`held`).
pub(crate) fn plan(
    config: &SledConfig,
    timeline: Timeline,
    position: u64,
    held: &Held,
) -> Result<Backup, EngineError> {
    let mut attempt = 1;
    loop {
        match try_plan(config, timeline, position, held) {
            Err(EngineError::Io(_)) if attempt < ATTEMPTS => attempt += 1,
            planned => return planned,
        }
    }
}

fn try_plan(
    config: &SledConfig,
    timeline: Timeline,
    position: u64,
    held: &Held,
) -> Result<Backup, EngineError> {
    let segments = segment::list(&config.log_dir())?.segments;
    let is_ours = held.timeline == Some(timeline);
    let end = chain_end(&segments, held);
    let extends = is_ours && held.covered > 0 && held.covered <= position && continues(&segments, held, end);
    let held = if is_ours { held.clone() } else { Held::default() };
    let (mut files, mut sources) = (Vec::new(), Vec::new());
    let (base, after) = if extends {
        (0, held.covered)
    } else {
        let listing = snapshot::list(&config.snapshot_dir(), timeline)?;
        let newest = snapshot::usable(&listing, &segments, &mut |_| Ok(())).map_err(EngineError::from)?;
        if let Some(newest) = newest {
            let name = name_of(SNAPSHOTS, &newest.path);
            add(&mut files, &mut sources, &held, name, newest.header.id, newest.bytes, &newest.path)?;
        }
        let base = newest.map_or(0, Generation::position);
        (base, base)
    };
    if position > after {
        if let Some(gap) = chain::gap(&segments, after, position) {
            return Err(gap);
        }
        let sent = segments.iter().position(|s| extends && end.is_some_and(|end| s.header.sequence > end));
        let skip = chain::index_of(&segments, after + 1).min(sent.unwrap_or(usize::MAX));
        for (i, segment) in segments.iter().enumerate().skip(skip) {
            if segment.header.first > position {
                break;
            }
            let next = segments.get(i + 1);
            let last = next.map_or(position, |n| n.header.first.saturating_sub(1).min(position));
            let bytes = end_of(segment, last)?;
            let name = name_of(LOG, &segment.path);
            // The next segment replaces the end of this one. The earlier backup still needs that end, and no
            // reader uses it, so the receiver keeps it.
            let bytes = bytes.max(in_backup(&held, &name, segment.header.id));
            add(&mut files, &mut sources, &held, name, segment.header.id, bytes, &segment.path)?;
        }
    }
    Ok(Backup::new(Outline { timeline, extends, base, position, files }, sources))
}

/// Whether what a receiver lacks can follow what it holds: no batch and no segment is missing between them. A
/// segment counts even if others have all its batches: a killed process may have begun it and never written
/// to it, or it may be the copy of the tail that the next start makes.
fn continues(segments: &[Segment], held: &Held, end: Option<u64>) -> bool {
    let Some(Header { first, sequence, .. }) = segments.first().map(|segment| segment.header) else {
        return true;
    };
    first <= held.covered + 1 && end.is_none_or(|end| sequence <= end + 1)
}

/// The last segment that a receiver's backup is certain to have; `None` if the backup has no log.
///
/// An older receiver does not distinguish the files of its backup from those of an interrupted one. But its
/// backup ends with a segment that contains batch `covered`, and at most two segments do: a start copies the
/// tail of the last segment into a new one, and begins the next one after that. So the last segment that
/// begins at or before `covered` is either the end of the backup or the segment after the end. If the store
/// no longer has that segment, nothing is certain, and the backup starts over.
fn chain_end(segments: &[Segment], held: &Held) -> Option<u64> {
    if says_which(held) {
        let of_backup = held.files.iter().filter(|file| file.in_backup);
        return of_backup.filter_map(|file| sequence_of(&file.name)).max();
    }
    let begun = segments.iter().rfind(|segment| segment.header.first <= held.covered);
    Some(begun.map_or(0, |segment| segment.header.sequence.saturating_sub(1)))
}

/// Whether a receiver says which files belong to its backup, or has no backup. Every backup has at least one
/// file.
fn says_which(held: &Held) -> bool {
    held.covered == 0 || held.files.iter().any(|file| file.in_backup)
}

/// The bytes that a receiver has of a file that belongs, or may belong, to its backup.
fn in_backup(held: &Held, name: &str, id: u64) -> u64 {
    let says_which = says_which(held);
    let mut files = held.files.iter().filter(|file| file.in_backup || !says_which);
    files.find(|file| file.name == name && file.id == id).map_or(0, |file| file.bytes)
}

/// The offset at which batch `last` ends in its segment.
fn end_of(segment: &Segment, last: u64) -> Result<u64, EngineError> {
    let mut reader = SegmentReader::open(segment)?;
    while reader.expected() <= last {
        if !matches!(reader.step()?, Step::Entry(_)) {
            let missing = reader.expected();
            return Err(reader.corrupt(format!("batch {missing}, which was durable, is missing or damaged")));
        }
    }
    Ok(reader.at())
}

fn add(
    files: &mut Vec<FileOutline>,
    sources: &mut Vec<File>,
    held: &Held,
    name: String,
    id: u64,
    bytes: u64,
    path: &Path,
) -> Result<(), EngineError> {
    let same = held.files.iter().find(|file| file.name == name && file.id == id);
    let from = same.map_or(0, |file| file.bytes.min(bytes));
    sources.push(File::open(path).map_err(|e| files::error("open", path, &e))?);
    files.push(FileOutline { name, id, from, bytes });
    Ok(())
}
