//! The names of files in a backup: the folder, as within a data directory, and the file.

use std::path::Path;

use crate::engine::EngineError;
use crate::engine::sled::log::segment::{self, Segment};

/// The folder of the log.
pub(super) const LOG: &str = "wal";
/// The folder of snapshots.
pub(super) const SNAPSHOTS: &str = "snapshots";

/// The name of the file `path` within a backup.
pub(super) fn name_of(folder: &str, path: &Path) -> String {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    format!("{folder}/{name}")
}

/// Whether a file of a backup may have this name. Any other name could be a path out of the backup.
pub(super) fn is_name(name: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    match name.split_once('/') {
        Some((LOG, file)) => file.strip_suffix(".log").is_some_and(|stem| digits(stem, 10)),
        Some((SNAPSHOTS, file)) => file.strip_suffix(".snap").is_some_and(|stem| digits(stem, 20)),
        Some(_) | None => false,
    }
}

/// The sequence of the segment with this name; `None` if it is not a segment.
pub(super) fn sequence_of(name: &str) -> Option<u64> {
    let file = name.strip_prefix(LOG)?.strip_prefix('/')?;
    file.strip_suffix(".log").filter(|_| is_name(name))?.parse().ok()
}

/// The segments among these names, which must follow each other.
pub(super) fn segments_of<'a>(
    dir: &Path,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<Segment>, EngineError> {
    let mut names: Vec<&str> = names.filter(|name| name.starts_with(LOG)).collect();
    names.sort_unstable();
    let segments =
        names.into_iter().map(|name| segment::read(&dir.join(name))).collect::<Result<Vec<_>, _>>()?;
    segment::check_chain(&segments)?;
    Ok(segments)
}
