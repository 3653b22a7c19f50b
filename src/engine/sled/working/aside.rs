//! What becomes of a working copy that is not usable.

use std::path::{Path, PathBuf};

use super::values;
use crate::engine::EngineError;
use crate::engine::sled::dir::files;

/// Renames an unusable working copy and keeps it for investigation, without its value files. Only the latest
/// is kept.
pub(crate) fn move_aside(dir: &Path) -> Result<PathBuf, EngineError> {
    let broken = |n: u64| PathBuf::from(format!("{}.broken-{n}", dir.display()));
    let prefix = format!("{}.broken-", dir.display());
    let mut last = 0;
    for path in files::list(dir.parent().unwrap_or(Path::new(".")))? {
        let Some(n) = path.to_str().and_then(|p| p.strip_prefix(&prefix)).and_then(|n| n.parse().ok()) else {
            continue;
        };
        last = last.max(n);
        files::remove_all(&path)?;
    }
    let to = broken(last + 1);
    files::rename(dir, &to)?;
    // Value files say nothing about what went wrong with sled, and take the room that the rebuild needs.
    let values = to.join(values::FOLDER);
    if values.exists() {
        files::remove_all(&values)?;
    }
    Ok(to)
}
