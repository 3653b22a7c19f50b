//! A segment file of the log: its name, its header, and how one comes to be.
//!
//! ```text
//! at  size  what
//!  0   8    magic "mbWALseg"
//!  8   4    format version
//! 12   4    CRC32C of the other 60 bytes
//! 16   8    sequence: the number in the file's name
//! 24   8    id: random; seeds the checksums of the records
//! 32  16    timeline: random, drawn when the store was made, the same in all its segments
//! 48   8    first: the number of the first batch in this segment
//! 56   8    zero
//! ```
//!
//! The magic and the version keep their places in every future format. When a segment is made, everything below its
//! `first` is durable in earlier segments; whatever an earlier segment holds from `first` on is void. The header is
//! synced, and the directory with it, before a record follows. After the last record there may be zeros, which are room
//! for more.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::EngineError;
use super::files;

/// The newest format of the log that this program reads, and the one that it writes.
pub(super) const FORMAT_VERSION: u32 = 1;
/// Bytes of a segment's header.
pub(super) const HEADER_BYTES: usize = 64;
/// [`HEADER_BYTES`], as an offset.
pub(super) const FIRST_RECORD: u64 = 64;

const MAGIC: [u8; 8] = *b"mbWALseg";
const SUFFIX: &str = ".log";
/// A segment that is being written whole; it gets its real name once it is durable.
const UNFINISHED_SUFFIX: &str = ".new";

/// The random id of a store's history.
pub(super) type Timeline = [u8; 16];

/// See the module documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) sequence: u64,
    pub(super) id: u64,
    pub(super) timeline: Timeline,
    pub(super) first: u64,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        let mut rest = Vec::with_capacity(HEADER_BYTES);
        rest.extend_from_slice(&self.sequence.to_le_bytes());
        rest.extend_from_slice(&self.id.to_le_bytes());
        rest.extend_from_slice(&self.timeline);
        rest.extend_from_slice(&self.first.to_le_bytes());
        rest.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&crc32c::crc32c_append(crc32c::crc32c(&out), &rest).to_le_bytes());
        out.append(&mut rest);
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&out);
        header
    }

    /// `Ok(None)` if the bytes are damaged, `Err(version)` if a newer program wrote them.
    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Option<Self>, u32> {
        let Some((version, header)) = Self::parse(bytes) else { return Ok(None) };
        if version > FORMAT_VERSION {
            return Err(version);
        }
        Ok((header.encode() == *bytes).then_some(header))
    }

    fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<(u32, Self)> {
        let u64_at = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let version = u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?);
        let timeline = bytes.get(32..48)?.try_into().ok()?;
        let header = Self { sequence: u64_at(16)?, id: u64_at(24)?, timeline, first: u64_at(48)? };
        bytes.starts_with(&MAGIC).then_some((version, header))
    }

    /// What the checksums of this segment's records start from.
    pub(super) fn seed(&self) -> u32 {
        crc32c::crc32c(&self.id.to_le_bytes())
    }
}

/// A segment that is on disk.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) header: Header,
}

impl Segment {
    /// The name by which errors call the segment.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// The path of segment `sequence`.
pub(super) fn path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{sequence:010}{SUFFIX}"))
}

/// The path of segment `sequence` while it is written as a whole.
pub(super) fn unfinished_path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{sequence:010}{UNFINISHED_SUFFIX}"))
}

/// The segments of a log in order, and what killed processes left beside them: segments that never got their real name,
/// and a last one whose header never became durable, so that no record can be in it.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) segments: Vec<Segment>,
    pub(super) leftovers: Vec<PathBuf>,
}

/// Reads the headers of all segments. Changes nothing, so it may run while the log grows.
pub(super) fn list(dir: &Path) -> Result<Listing, EngineError> {
    let paths = files::list(dir)?;
    let (mut segments, mut leftovers) = (Vec::new(), Vec::new());
    let last = paths.iter().rfind(|p| has_suffix(p, SUFFIX)).cloned();
    for path in paths {
        if has_suffix(&path, UNFINISHED_SUFFIX) {
            leftovers.push(path);
        } else if has_suffix(&path, SUFFIX) {
            match read_header(&path)? {
                Some(header) => segments.push(Segment { path, header }),
                None if last.as_ref() == Some(&path) && is_without_records(&path)? => leftovers.push(path),
                None => return Err(damaged(&path, "the segment's header is damaged")),
            }
        }
    }
    check_chain(&segments)?;
    Ok(Listing { segments, leftovers })
}

/// Refuses segments that do not follow each other.
pub(super) fn check_chain(segments: &[Segment]) -> Result<(), EngineError> {
    for segment in segments {
        if path(segment.path.parent().unwrap_or(Path::new("")), segment.header.sequence) != segment.path {
            return Err(damaged(&segment.path, "the segment's name does not fit its header"));
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
pub(super) fn read(path: &Path) -> Result<Segment, EngineError> {
    let header = read_header(path)?.ok_or_else(|| damaged(path, "the segment's header is damaged"))?;
    Ok(Segment { path: path.to_owned(), header })
}

fn read_header(path: &Path) -> Result<Option<Header>, EngineError> {
    let mut bytes = [0; HEADER_BYTES];
    let mut file = File::open(path).map_err(|e| files::error("open", path, &e))?;
    match file.read_exact(&mut bytes) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(files::error("read", path, &e)),
    }
    Header::decode(&bytes).map_err(|found| EngineError::NewerFormat {
        file: path.display().to_string(),
        found,
        supported: FORMAT_VERSION,
    })
}

fn is_without_records(path: &Path) -> Result<bool, EngineError> {
    let len = fs::metadata(path).map_err(|e| files::error("look at", path, &e))?.len();
    Ok(len <= FIRST_RECORD)
}

fn has_suffix(path: &Path, suffix: &str) -> bool {
    path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.ends_with(suffix))
}

fn damaged(path: &Path, detail: &str) -> EngineError {
    EngineError::Corrupt { file: path.display().to_string(), offset: 0, detail: detail.to_owned() }
}

/// Random bytes for ids. The one place in the engine that draws them: an id means nothing to anybody, it only has to
/// differ from every other.
pub(super) fn random<const N: usize>() -> Result<[u8; N], EngineError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| EngineError::Io(format!("cannot draw random bytes: {e}")))?;
    Ok(bytes)
}
