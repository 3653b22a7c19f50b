//! A segment file of the log: its name and its header.
//!
//! ```text
//! at  size  what
//!  0   8    magic "mbWALseg"
//!  8   4    format version
//! 12   4    CRC32C of the other 60 bytes
//! 16   8    sequence: the number in the file's name
//! 24   8    id: random; seeds the checksums of the entries
//! 32  16    timeline: random, drawn when the store was created, the same in all its segments
//! 48   8    first: the number of the first batch in this segment
//! 56   8    zero
//! ```
//!
//! The magic and the version keep their places in every future format. The version is 2; in version 1,
//! batches had no differences (`payload`). When a segment is created, every batch before its `first` is
//! durable in earlier segments; batches from `first` on in an earlier segment are void. The header and the
//! directory are synced before the first entry is written. Zeros after the last entry are room for more
//! entries.

use std::fs;
use std::path::{Path, PathBuf};

use super::header::{CONTENT_BYTES, FIRST_ENTRY, Format, HEADER_BYTES, seed_of, u64_at};
use crate::engine::EngineError;
use crate::engine::sled::dir::files;

/// The format of the log.
const FORMAT: Format = Format { magic: *b"mbWALseg", version: 2 };
/// The format of segments without differences.
const WITHOUT_DIFFERENCES: Format = Format { magic: FORMAT.magic, version: 1 };
const SUFFIX: &str = ".log";
/// A segment that is written as a whole; it gets its final name once it is durable.
const UNFINISHED_SUFFIX: &str = ".new";

/// The random id of the history of a store.
pub(crate) type Timeline = [u8; 16];

/// See the module documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) sequence: u64,
    pub(crate) id: u64,
    pub(crate) timeline: Timeline,
    pub(crate) first: u64,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        self.encode_as(&FORMAT)
    }

    fn encode_as(&self, format: &Format) -> [u8; HEADER_BYTES] {
        format.encode(&[
            &self.sequence.to_le_bytes(),
            &self.id.to_le_bytes(),
            &self.timeline,
            &self.first.to_le_bytes(),
        ])
    }

    /// `Ok(None)` if the bytes are damaged, `Err(version)` if a newer version of this program wrote them.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Option<Self>, u32> {
        let content = FORMAT.content(bytes)?;
        let header = content.and_then(|content| Self::parse(&content));
        let formats = [&FORMAT, &WITHOUT_DIFFERENCES];
        Ok(header.filter(|header| formats.iter().any(|format| header.encode_as(format) == *bytes)))
    }

    fn parse(content: &[u8; CONTENT_BYTES]) -> Option<Self> {
        let timeline = content.get(16..32)?.try_into().ok()?;
        let (sequence, id, first) = (u64_at(content, 0)?, u64_at(content, 8)?, u64_at(content, 32)?);
        Some(Self { sequence, id, timeline, first })
    }

    /// The seed of the checksums of this segment's entries.
    pub(crate) fn seed(&self) -> u32 {
        seed_of(self.id)
    }
}

/// A segment on disk.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
}

impl Segment {
    /// The name of the segment in errors.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// The path of segment `sequence`.
pub(crate) fn path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{sequence:010}{SUFFIX}"))
}

/// The path of segment `sequence` before it gets its final name.
pub(crate) fn unfinished_path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{sequence:010}{UNFINISHED_SUFFIX}"))
}

/// The segments of a log in order, and the leftovers of killed processes: segments that never got their final
/// name, and a last segment whose header never became durable, so that it cannot contain an entry.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) segments: Vec<Segment>,
    pub(crate) leftovers: Vec<PathBuf>,
}

/// Reads the headers of all segments. Writes nothing, so it may run while the log grows.
pub(crate) fn list(dir: &Path) -> Result<Listing, EngineError> {
    let paths = files::list(dir)?;
    let (mut segments, mut leftovers) = (Vec::new(), Vec::new());
    let last = paths.iter().rfind(|p| has_suffix(p, SUFFIX)).cloned();
    for path in paths {
        if has_suffix(&path, UNFINISHED_SUFFIX) {
            leftovers.push(path);
        } else if has_suffix(&path, SUFFIX) {
            match read_header(&path)? {
                Some(header) => segments.push(Segment { path, header }),
                None if last.as_ref() == Some(&path) && is_without_entries(&path)? => leftovers.push(path),
                None => return Err(damaged(&path, "the segment's header is damaged")),
            }
        }
    }
    check_chain(&segments)?;
    Ok(Listing { segments, leftovers })
}

/// Rejects segments that do not follow each other.
pub(crate) fn check_chain(segments: &[Segment]) -> Result<(), EngineError> {
    for segment in segments {
        if path(segment.path.parent().unwrap_or(Path::new("")), segment.header.sequence) != segment.path {
            return Err(damaged(&segment.path, "the name of the segment does not match its header"));
        }
    }
    for (one, next) in segments.iter().zip(segments.iter().skip(1)) {
        if next.header.timeline != one.header.timeline {
            return Err(damaged(&next.path, "the segment belongs to another store or timeline"));
        }
        if next.header.first < one.header.first || next.header.sequence != one.header.sequence + 1 {
            return Err(damaged(&next.path, "the segment does not follow the one before it"));
        }
    }
    Ok(())
}

/// The segment at `path`.
pub(crate) fn read(path: &Path) -> Result<Segment, EngineError> {
    let header = read_header(path)?.ok_or_else(|| damaged(path, "the segment's header is damaged"))?;
    Ok(Segment { path: path.to_owned(), header })
}

fn read_header(path: &Path) -> Result<Option<Header>, EngineError> {
    FORMAT.read(path, Header::decode)
}

fn is_without_entries(path: &Path) -> Result<bool, EngineError> {
    let len = fs::metadata(path).map_err(|e| files::error("look at", path, &e))?.len();
    Ok(len <= FIRST_ENTRY)
}

fn has_suffix(path: &Path, suffix: &str) -> bool {
    path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.ends_with(suffix))
}

fn damaged(path: &Path, detail: &str) -> EngineError {
    EngineError::Corrupt { file: path.display().to_string(), offset: 0, detail: detail.to_owned() }
}

/// Random bytes for ids. The engine draws them only here; an id has no meaning and only has to be unique.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], EngineError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| EngineError::Io(format!("cannot draw random bytes: {e}")))?;
    Ok(bytes)
}
