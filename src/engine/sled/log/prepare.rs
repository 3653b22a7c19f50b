//! What an opening writes before the log accepts batches: the first segment of a new log, and a durable copy
//! of a tail that may not be durable.

use std::io;
use std::path::Path;

use super::chain::{self, End};
use super::entry::{self, Kind};
use super::header::FIRST_ENTRY;
use super::segment::{self, Header, Segment, Timeline};
use super::writer::{as_u64, create, encode_mark};
use crate::engine::EngineError;
use crate::engine::sled::dir::files;
use crate::engine::sled::disk::Disk;

/// Creates the first segment of a log that begins with batch `first`.
pub(crate) fn found(disk: &Disk, dir: &Path, timeline: Timeline, first: u64) -> Result<(), EngineError> {
    let id = u64::from_le_bytes(segment::random()?);
    let header = Header { sequence: 1, id, timeline, first };
    create(disk, &segment::path(dir, 1), &header).map(drop)
}

/// Copies the batches that are not proven durable into a new segment and syncs it, so that the store serves
/// nothing that the disk may not have. The segment gets its final name once it is complete, and then replaces
/// what it was copied from.
pub(crate) fn secure_tail(
    disk: &Disk,
    dir: &Path,
    segments: &[Segment],
    end: End,
) -> Result<(), EngineError> {
    let Some(last) = segments.last().filter(|_| end.last > end.proven) else { return Ok(()) };
    let header = Header {
        sequence: last.header.sequence + 1,
        id: u64::from_le_bytes(segment::random()?),
        timeline: last.header.timeline,
        first: end.proven + 1,
    };
    let path = segment::unfinished_path(dir, header.sequence);
    let failed = |e: io::Error| files::error("write", &path, &e);
    let file = create(disk, &path, &header)?;
    let mut at = FIRST_ENTRY;
    let mut buffer = Vec::new();
    chain::read(segments, end.proven, end.last, |_, found| {
        buffer.clear();
        entry::encode(
            &mut buffer,
            header.seed(),
            Kind::Batch,
            found.header.number,
            end.proven,
            &found.payload,
        );
        file.write_at(at, &buffer).map_err(failed)?;
        at += as_u64(buffer.len());
        Ok::<(), EngineError>(())
    })?;
    file.sync().map_err(failed)?;
    buffer.clear();
    encode_mark(&mut buffer, header.seed(), end.last);
    file.write_at(at, &buffer).and_then(|()| file.sync()).map_err(failed)?;
    files::rename(&path, &segment::path(dir, header.sequence))
}
