//! The snapshots of a folder, and the names of their files.

use std::path::{Path, PathBuf};

use super::format::{self, Header};
use crate::engine::EngineError;
use crate::engine::sled::dir::files;
use crate::engine::sled::log::segment::Timeline;

const SUFFIX: &str = ".snap";
/// A file that is being written; it gets its final name once it was read back.
const UNFINISHED_SUFFIX: &str = ".new";

/// The extension of a snapshot that was found damaged.
const DAMAGED_EXTENSION: &str = "damaged";

/// A snapshot under its final name.
#[derive(Debug, Clone)]
pub(crate) struct Generation {
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
    /// The size of the file.
    pub(crate) bytes: u64,
}

impl Generation {
    /// Its last batch.
    pub(crate) fn position(&self) -> u64 {
        self.header.position
    }
}

/// The contents of the folder of snapshots.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Snapshots with an undamaged header, newest first. Their content was not read.
    pub(crate) generations: Vec<Generation>,
    /// Snapshots that cannot be used, and why.
    pub(crate) unusable: Vec<(PathBuf, EngineError)>,
    /// Unfinished files of a killed process.
    pub(crate) leftovers: Vec<PathBuf>,
}

impl Listing {
    /// The last batch of the newest snapshot; 0 if there is no snapshot.
    pub(crate) fn position(&self) -> u64 {
        self.generations.first().map_or(0, Generation::position)
    }
}

/// The path of the snapshot up to batch `position`.
pub(crate) fn path(dir: &Path, position: u64) -> PathBuf {
    dir.join(format!("{position:020}{SUFFIX}"))
}

pub(super) fn unfinished_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}{UNFINISHED_SUFFIX}"))
}

/// Renames a damaged snapshot so that it no longer counts, and keeps it for investigation.
pub(crate) fn set_aside(path: &Path) -> Result<(), EngineError> {
    files::rename(path, &path.with_extension(DAMAGED_EXTENSION))
}

/// Reads the headers of all snapshots in `dir`, which may be missing. Writes nothing.
pub(crate) fn list(dir: &Path, timeline: Timeline) -> Result<Listing, EngineError> {
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
        return Err(wrong("the name of the snapshot does not match its header"));
    }
    if header.timeline != timeline {
        return Err(wrong("the snapshot belongs to another store or timeline"));
    }
    let meta = std::fs::metadata(file).map_err(|e| files::error("examine", file, &e))?;
    Ok(Generation { path: file.to_owned(), header, bytes: meta.len() })
}
