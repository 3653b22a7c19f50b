//! What of a store a receiver lacks.

use std::fs::File;
use std::path::Path;

use super::super::super::EngineError;
use super::super::super::backup::{Backup, FileOutline, Held, Outline};
use super::super::config::SledConfig;
use super::super::reader::SegmentReader;
use super::super::segment::{self, Header, Segment, Timeline};
use super::super::snapshot::{self, Generation};
use super::super::{files, reader};
use super::{LOG, SNAPSHOTS, name_of, sequence_of};

/// The store may remove a file between the moment that it is listed and the moment that it is opened.
const ATTEMPTS: usize = 5;

/// A backup of everything up to batch `position`, which is durable, without what `held` has.
pub(in super::super) fn plan(
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
        if let Some(gap) = reader::gap(&segments, after, position) {
            return Err(gap);
        }
        let sent = segments.iter().position(|s| extends && end.is_some_and(|end| s.header.sequence > end));
        let skip = reader::index_of(&segments, after + 1).min(sent.unwrap_or(usize::MAX));
        for (i, segment) in segments.iter().enumerate().skip(skip) {
            if segment.header.first > position {
                break;
            }
            let next = segments.get(i + 1);
            let last = next.map_or(position, |n| n.header.first.saturating_sub(1).min(position));
            let bytes = end_of(segment, last)?;
            let name = name_of(LOG, &segment.path);
            // What the next segment replaces of it stays where it is: the backup before needs it, and no reader takes it.
            let bytes = bytes.max(in_backup(&held, &name, segment.header.id));
            add(&mut files, &mut sources, &held, name, segment.header.id, bytes, &segment.path)?;
        }
    }
    Ok(Backup::new(Outline { timeline, extends, base, position, files }, sources))
}

/// Whether what a receiver lacks can follow what it holds: no batch is missing between them, and no segment. A segment
/// counts even if all that it has is in others: one that a killed process began and never wrote to, or the copy of the
/// end of the one before, which the next start makes.
fn continues(segments: &[Segment], held: &Held, end: Option<u64>) -> bool {
    let Some(Header { first, sequence, .. }) = segments.first().map(|segment| segment.header) else {
        return true;
    };
    first <= held.covered + 1 && end.is_none_or(|end| sequence <= end + 1)
}

/// The last segment that the backup of a receiver has for certain; none if it has no log.
///
/// An older receiver does not tell the files of its backup from those that an interrupted one brought. But its backup ends
/// with a segment that has batch `covered`, and these are two at most: a start copies the end of the last segment and then
/// begins the next one behind that. So the last segment that begins with `covered` or before it is the end of the backup,
/// or the one after the end. Where the store does not have it any more, nothing is certain, and the backup begins anew.
fn chain_end(segments: &[Segment], held: &Held) -> Option<u64> {
    if is_told(held) {
        let of_backup = held.files.iter().filter(|file| file.in_backup);
        return of_backup.filter_map(|file| sequence_of(&file.name)).max();
    }
    let begun = segments.iter().rfind(|segment| segment.header.first <= held.covered);
    Some(begun.map_or(0, |segment| segment.header.sequence.saturating_sub(1)))
}

/// Whether a receiver says which of its files are of its backup, or has no backup. Each backup has a file.
fn is_told(held: &Held) -> bool {
    held.covered == 0 || held.files.iter().any(|file| file.in_backup)
}

/// How many bytes a receiver has of a file of its backup, or of one that may be.
fn in_backup(held: &Held, name: &str, id: u64) -> u64 {
    let is_told = is_told(held);
    let mut files = held.files.iter().filter(|file| file.in_backup || !is_told);
    files.find(|file| file.name == name && file.id == id).map_or(0, |file| file.bytes)
}

/// Where batch `last` ends in its segment.
fn end_of(segment: &Segment, last: u64) -> Result<u64, EngineError> {
    let mut reader = SegmentReader::open(segment)?;
    while reader.expected() <= last {
        if !matches!(reader.step()?, reader::Step::Record(_)) {
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
