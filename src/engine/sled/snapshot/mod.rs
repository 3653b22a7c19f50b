//! Snapshots, the safety net: everything up to one batch of the log, sorted by key, in one file.
//!
//! A snapshot is the one before it merged with the log since then. It is never read out of sled, which would carry
//! sled's losses into the only other copy. It counts only once it was synced, read back whole and renamed. Two
//! generations are kept, and the log from the older one on, so that one damaged file loses nothing.
//!
//! | file | what it is |
//! | --- | --- |
//! | `format`, `write`, `read` | the bytes of a file, and how it is written and read |
//! | `merge`, `runs` | merging sorted entries; the log, sorted within bounded memory |
//! | `make` | one snapshot from the last one and the log |
//! | `keeper` | the thread that makes them in time and drops what they replace |

mod format;
mod keeper;
mod make;
mod merge;
mod read;
mod runs;
mod write;

use std::path::{Path, PathBuf};

use super::super::EngineError;
use super::files;
use super::segment::Timeline;

pub(super) use format::Header;
pub(super) use keeper::{Keeper, Request, Stop, usable};
pub(super) use make::{Origin, Sizes, make};
pub(super) use read::{Entries, verify};

const SUFFIX: &str = ".snap";
/// A file that is being written; it gets its real name once it was read back.
const UNFINISHED_SUFFIX: &str = ".new";

/// What a snapshot is called once it was found damaged.
const DAMAGED_EXTENSION: &str = "damaged";

/// Why a snapshot was not finished.
#[derive(Debug)]
pub(super) enum Cut {
    /// The store is closing.
    Stopped,
    /// It could not be done.
    Failed(EngineError),
}

impl From<EngineError> for Cut {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}

/// For work that nobody stops.
impl From<Cut> for EngineError {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Failed(error) => error,
            Cut::Stopped => Self::Closed,
        }
    }
}

/// Told how many bytes were read or written; waits so that others get their share of the disk, or says to stop.
pub(super) type Pace<'a> = &'a mut dyn FnMut(u64) -> Result<(), Cut>;

/// A snapshot that has its name.
#[derive(Debug, Clone)]
pub(super) struct Generation {
    pub(super) path: PathBuf,
    pub(super) header: Header,
    /// The size of the file.
    pub(super) bytes: u64,
}

impl Generation {
    /// The batch that it goes up to.
    pub(super) fn position(&self) -> u64 {
        self.header.position
    }
}

/// What is in the folder of snapshots.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Those whose header is good, newest first. Their content was not looked at.
    pub(super) generations: Vec<Generation>,
    /// Those that cannot be used, and why.
    pub(super) unusable: Vec<(PathBuf, EngineError)>,
    /// What a process left that was killed while it made one.
    pub(super) leftovers: Vec<PathBuf>,
}

impl Listing {
    /// The batch that the newest goes up to; 0 if there is none.
    pub(super) fn position(&self) -> u64 {
        self.generations.first().map_or(0, Generation::position)
    }
}

/// The path of the snapshot up to batch `position`.
pub(super) fn path(dir: &Path, position: u64) -> PathBuf {
    dir.join(format!("{position:020}{SUFFIX}"))
}

fn unfinished_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}{UNFINISHED_SUFFIX}"))
}

/// Takes a damaged snapshot out of the way, for whoever wants to know what happened to it.
fn set_aside(path: &Path) -> Result<(), EngineError> {
    files::rename(path, &path.with_extension(DAMAGED_EXTENSION))
}

/// Reads the headers of all snapshots in `dir`, which may be missing. Changes nothing.
pub(super) fn list(dir: &Path, timeline: Timeline) -> Result<Listing, EngineError> {
    let mut listing = Listing::default();
    if !dir.is_dir() {
        return Ok(listing);
    }
    for file in files::list(dir)? {
        let name = file.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name.ends_with(UNFINISHED_SUFFIX) {
            listing.leftovers.push(file);
        } else if name.ends_with(SUFFIX) {
            match look(&file, dir, timeline) {
                Ok(generation) => listing.generations.push(generation),
                Err(error @ EngineError::NewerFormat { .. }) => return Err(error),
                Err(error) => listing.unusable.push((file, error)),
            }
        }
    }
    listing.generations.reverse();
    Ok(listing)
}

fn look(file: &Path, dir: &Path, timeline: Timeline) -> Result<Generation, EngineError> {
    let header = format::read_header(file)?;
    let wrong = |detail: &str| EngineError::Corrupt {
        file: file.display().to_string(),
        offset: 0,
        detail: detail.to_owned(),
    };
    if path(dir, header.position) != file {
        return Err(wrong("the snapshot's name does not fit its header"));
    }
    if header.timeline != timeline {
        return Err(wrong("the snapshot belongs to another store or timeline"));
    }
    let meta = std::fs::metadata(file).map_err(|e| files::error("look at", file, &e))?;
    Ok(Generation { path: file.to_owned(), header, bytes: meta.len() })
}
