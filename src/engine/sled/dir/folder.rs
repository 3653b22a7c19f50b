//! The kind of a folder, determined before anything is written into it: a store, a backup, nothing yet, or
//! somebody else's files.
//!
//! Stores and backups contain files with the same names, and each removes the files that it no longer needs.
//! Therefore a writer of either asks here first:
//!
//! - a backup is written only into a backup or an empty folder,
//! - a store is opened only as a store, or created in an empty folder,
//! - neither is created inside the other, or inside another of its kind.
//!
//! A rejected folder stays untouched. A store that also contains a manifest is a store. Symbolic links are
//! followed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::files;
use crate::engine::EngineError;

/// The manifest of a backup, and the name that it has until the backup is finished.
pub(crate) const MANIFEST: &str = "MANIFEST";
const UNFINISHED_MANIFEST: &str = "MANIFEST.new";
/// The beginning of every manifest.
pub(crate) const TITLE: &str = "memberbase backup";
/// The lock file of a store, locked while the store is open.
pub(crate) const LOCK: &str = "LOCK";
/// The folder of the log.
pub(crate) const LOG: &str = "wal";
const PARTS: [&str; 3] = [LOG, "snapshots", "sled"];
/// A folder that file systems create in their root.
const LOST_AND_FOUND: &str = "lost+found";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// The folder is missing or empty.
    Fresh,
    Store,
    /// Finished or not.
    Backup,
    /// It contains this file, which belongs to neither a store nor a backup.
    Others(PathBuf),
}

/// Whether `dir` is the data directory of a store.
pub(crate) fn is_store(dir: &Path) -> bool {
    let has = |name: &str| dir.join(name).exists();
    let has_part = || PARTS.iter().any(|part| dir.join(part).is_dir());
    has("wal/CONFIRMED")
        || has("wal/BOOT")
        || has("sled/db")
        || (has(LOCK) && has_part())
        || (!has(MANIFEST) && !has(UNFINISHED_MANIFEST) && has_segments(dir))
}

/// A store can consist of log and snapshots alone.
fn has_segments(dir: &Path) -> bool {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "log");
    files::list(&dir.join("wal")).is_ok_and(|paths| paths.iter().any(is_segment))
}

fn is_backup(dir: &Path) -> bool {
    [MANIFEST, UNFINISHED_MANIFEST].iter().any(|name| {
        let mut begin = Vec::new();
        let length = u64::try_from(TITLE.len()).unwrap_or(u64::MAX);
        let read = File::open(dir.join(name)).and_then(|file| file.take(length).read_to_end(&mut begin));
        read.is_ok() && begin == TITLE.as_bytes()
    })
}

fn look(dir: &Path) -> Result<Kind, EngineError> {
    match fs::symlink_metadata(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Kind::Fresh),
        _ => {}
    }
    let entries = files::list(dir)?;
    if is_store(dir) {
        return Ok(Kind::Store);
    }
    if is_backup(dir) {
        return Ok(Kind::Backup);
    }
    let named = |path: &Path, name: &str| path.file_name().is_some_and(|found| found == name);
    let is_any = |path: &PathBuf, names: &[&str]| names.iter().any(|name| named(path, name));
    let is_empty = |path: &PathBuf| files::list(path).is_ok_and(|entries| entries.is_empty());
    let mut strange = entries
        .into_iter()
        .filter(|path| !(named(path, LOST_AND_FOUND) || is_any(path, &PARTS) && is_empty(path)))
        .collect::<Vec<_>>();
    // A backup whose manifest is damaged or was never written.
    let is_of_backup = |path: &PathBuf| is_any(path, &[MANIFEST, UNFINISHED_MANIFEST, "wal", "snapshots"]);
    if strange.iter().any(|path| is_any(path, &[MANIFEST, UNFINISHED_MANIFEST]))
        && strange.iter().all(is_of_backup)
    {
        return Ok(Kind::Backup);
    }
    strange.retain(|path| !named(path, LOCK));
    Ok(strange.into_iter().next().map_or(Kind::Fresh, Kind::Others))
}

/// The store or backup that contains `path`, which need not exist, and its kind.
fn around(path: &Path) -> Option<(PathBuf, &'static str)> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // A path that does not exist yet is judged by its nearest existing parent.
    let (existing, is_itself) = absolute
        .ancestors()
        .enumerate()
        .find_map(|(depth, path)| Some((path.canonicalize().ok()?, depth == 0)))?;
    existing.ancestors().skip(usize::from(is_itself)).find_map(|dir| {
        let kind = if is_store(dir) {
            "the data directory of a server"
        } else if is_backup(dir) {
            "a backup"
        } else {
            return None;
        };
        Some((dir.to_owned(), kind))
    })
}

fn wrong(dir: &Path, text: impl std::fmt::Display) -> EngineError {
    EngineError::WrongFolder(format!("{} {text}", dir.display()))
}

/// Rejects `path`, a file or a new folder to write, if it is inside a store or a backup.
pub fn refuse_inside(path: &Path) -> Result<(), EngineError> {
    around(path).map_or(Ok(()), |(outer, kind)| {
        let text = format!("is inside {}, which is {kind}; choose a place outside of it", outer.display());
        Err(wrong(path, text))
    })
}

/// Rejects a folder for a backup if it contains anything but a backup.
pub(crate) fn for_backup(dir: &Path) -> Result<(), EngineError> {
    let kind = look(dir)?;
    if kind != Kind::Store {
        refuse_inside(dir)?;
    }
    match kind {
        Kind::Fresh if dir.join(LOCK).exists() => {
            Err(wrong(dir, "is in use by a server that is starting; choose another folder"))
        }
        Kind::Fresh | Kind::Backup => Ok(()),
        Kind::Store => Err(wrong(
            dir,
            "is the data directory of a server; a backup needs an empty folder or the folder of an earlier \
             backup",
        )),
        Kind::Others(file) => Err(wrong(
            dir,
            format!(
                "is not a backup and contains other files ({}); a backup needs an empty folder or the folder \
                 of an earlier backup",
                name_of(&file)
            ),
        )),
    }
}

/// Rejects a folder for opening or creating a store if it contains anything but a store.
pub(crate) fn for_store(dir: &Path) -> Result<(), EngineError> {
    let kind = look(dir)?;
    if kind != Kind::Store {
        refuse_inside(dir)?;
    }
    match kind {
        Kind::Store | Kind::Fresh => Ok(()),
        Kind::Backup => Err(wrong(
            dir,
            "is a backup, and a server would destroy it; restore it into a new folder with `memberbase \
             restore`",
        )),
        Kind::Others(file) => Err(wrong(
            dir,
            format!(
                "is not a data directory and contains other files ({}); choose an empty folder or one that \
                 does not exist",
                name_of(&file)
            ),
        )),
    }
}

/// Rejects anything but an existing store.
pub(crate) fn need_store(dir: &Path) -> Result<(), EngineError> {
    match look(dir)? {
        Kind::Store => Ok(()),
        Kind::Backup => {
            Err(wrong(dir, "is a backup and not a data directory; `memberbase verify` checks backups"))
        }
        Kind::Fresh | Kind::Others(_) => Err(wrong(dir, "is not the data directory of a server")),
    }
}

/// Rejects a store where a backup is needed.
pub(crate) fn need_no_store(dir: &Path) -> Result<(), EngineError> {
    if is_store(dir) {
        return Err(wrong(
            dir,
            "is the data directory of a server and not a backup; `memberbase check` checks it, and \
             `memberbase backup` makes a backup of it",
        ));
    }
    Ok(())
}

/// The mark that a backup is being made in `dir`, if [`mark_backup`] would create one.
pub(crate) fn missing_mark(dir: &Path) -> Option<PathBuf> {
    let has = |name: &str| dir.join(name).exists();
    (!has(MANIFEST) && !has(UNFINISHED_MANIFEST)).then(|| dir.join(UNFINISHED_MANIFEST))
}

/// Notes durably that a backup is being made in `dir`. The mark becomes its manifest.
pub(crate) fn mark_backup(dir: &Path) -> Result<(), EngineError> {
    if dir.join(MANIFEST).exists() {
        return Ok(());
    }
    let path = dir.join(UNFINISHED_MANIFEST);
    let write = || {
        fs::write(&path, format!("{TITLE}\n"))?;
        File::open(&path)?.sync_all()
    };
    write().map_err(|e| files::error("write", &path, &e))?;
    files::sync_parent(&path)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
