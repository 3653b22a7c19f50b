//! What of a store a receiver lacks.

use std::fs::File;
use std::path::Path;

use super::super::super::EngineError;
use super::super::super::backup::{Backup, FileOutline, Held, Outline};
use super::super::config::SledConfig;
use super::super::reader::SegmentReader;
use super::super::segment::{self, Segment, Timeline};
use super::super::snapshot::{self, Generation};
use super::super::{files, reader};
use super::{LOG, SNAPSHOTS, name_of};

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
    let first = segments.first().map_or(1, |segment| segment.header.first);
    let is_ours = held.timeline == Some(timeline);
    let extends = is_ours && held.covered > 0 && held.covered <= position && first <= held.covered + 1;
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
        for (segment, next) in reader::from(&segments, after + 1) {
            if segment.header.first > position {
                break;
            }
            let last = next.map_or(position, |n| n.header.first.saturating_sub(1).min(position));
            let bytes = end_of(segment, last)?;
            let name = name_of(LOG, &segment.path);
            add(&mut files, &mut sources, &held, name, segment.header.id, bytes, &segment.path)?;
        }
    }
    Ok(Backup::new(Outline { timeline, extends, base, position, files }, sources))
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
