//! What a folder is, before anything is written into it: a store, a backup, nothing yet, or somebody else's.
//!
//! Stores and backups have files of the same names, and each removes what it no longer needs. So whoever writes either asks
//! here first: a backup goes only into a backup or an empty folder, a store is only opened as a store or made in an empty
//! folder, and neither is made inside of another. What is refused was not touched. A store counts as one also where a
//! manifest lies in it, and links are followed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::EngineError;
use super::files;

/// The manifest of a backup, and its name until the backup is finished.
pub(super) const MANIFEST: &str = "MANIFEST";
const UNFINISHED_MANIFEST: &str = "MANIFEST.new";
/// How every manifest begins.
pub(super) const TITLE: &str = "memberbase backup";
/// Of a store, and held while it is open.
pub(super) const LOCK: &str = "LOCK";
const PARTS: [&str; 3] = ["wal", "snapshots", "sled"];
/// What file systems have in their topmost folder.
const NOBODYS: &str = "lost+found";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// It is missing, or has nothing in it.
    Fresh,
    Store,
    /// Finished or not.
    Backup,
    /// It has this file, which is of neither.
    Others(PathBuf),
}

/// Whether `dir` is the data directory of a store.
pub(super) fn is_store(dir: &Path) -> bool {
    let has = |name: &str| dir.join(name).exists();
    let has_part = || PARTS.iter().any(|part| dir.join(part).is_dir());
    has("wal/CONFIRMED")
        || has("wal/BOOT")
        || has("sled/db")
        || (has(LOCK) && has_part())
        || (!has(MANIFEST) && !has(UNFINISHED_MANIFEST) && has_segments(dir))
}

/// Log and snapshots are enough for a store.
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
        .filter(|path| !(named(path, NOBODYS) || is_any(path, &PARTS) && is_empty(path)))
        .collect::<Vec<_>>();
    // A backup whose manifest is damaged, or was never begun to be written.
    let is_of_backup = |path: &PathBuf| is_any(path, &[MANIFEST, UNFINISHED_MANIFEST, "wal", "snapshots"]);
    if strange.iter().any(|path| is_any(path, &[MANIFEST, UNFINISHED_MANIFEST]))
        && strange.iter().all(is_of_backup)
    {
        return Ok(Kind::Backup);
    }
    strange.retain(|path| !named(path, LOCK));
    Ok(strange.into_iter().next().map_or(Kind::Fresh, Kind::Others))
}

/// The store or backup in which `path`, which need not exist, would lie, and what it is.
fn around(path: &Path) -> Option<(PathBuf, &'static str)> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // What does not exist yet lies where its first existing parent is.
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

/// Refuses to write `path`, a file or a new folder, into a store or a backup.
pub fn refuse_inside(path: &Path) -> Result<(), EngineError> {
    around(path).map_or(Ok(()), |(outer, kind)| {
        let text = format!("lies in {}, which is {kind}; choose a place outside of it", outer.display());
        Err(wrong(path, text))
    })
}

/// Refuses to write a backup where there is anything but a backup.
pub(super) fn for_backup(dir: &Path) -> Result<(), EngineError> {
    let kind = look(dir)?;
    if kind != Kind::Store {
        refuse_inside(dir)?;
    }
    match kind {
        Kind::Fresh if dir.join(LOCK).exists() => {
            Err(wrong(dir, "is being opened by a server; choose another folder"))
        }
        Kind::Fresh | Kind::Backup => Ok(()),
        Kind::Store => Err(wrong(
            dir,
            "is the data directory of a server; a backup needs an empty folder, or that of an earlier backup",
        )),
        Kind::Others(file) => Err(wrong(
            dir,
            format!(
                "is not a backup and has files of others ({}); a backup needs an empty folder, or that of an earlier backup",
                name_of(&file)
            ),
        )),
    }
}

/// Refuses to open a store, or to make one, where there is anything but a store.
pub(super) fn for_store(dir: &Path) -> Result<(), EngineError> {
    let kind = look(dir)?;
    if kind != Kind::Store {
        refuse_inside(dir)?;
    }
    match kind {
        Kind::Store | Kind::Fresh => Ok(()),
        Kind::Backup => Err(wrong(
            dir,
            "is a backup, which a server would make useless; bring it back with `memberbase restore` into a new folder",
        )),
        Kind::Others(file) => Err(wrong(
            dir,
            format!(
                "is not a data directory and has files of others ({}); give an empty folder or one that does not exist",
                name_of(&file)
            ),
        )),
    }
}

/// Refuses to work on anything but a store that is there already.
pub(super) fn need_store(dir: &Path) -> Result<(), EngineError> {
    match look(dir)? {
        Kind::Store => Ok(()),
        Kind::Backup => {
            Err(wrong(dir, "is a backup and not a data directory; `memberbase verify` looks at it"))
        }
        Kind::Fresh | Kind::Others(_) => Err(wrong(dir, "is not the data directory of a server")),
    }
}

/// Refuses to take a store for a backup.
pub(super) fn need_no_store(dir: &Path) -> Result<(), EngineError> {
    if is_store(dir) {
        return Err(wrong(
            dir,
            "is the data directory of a server and not a backup; `memberbase check` looks at it, and `memberbase backup` \
             makes a backup of it",
        ));
    }
    Ok(())
}

/// The mark that a backup is being made in `dir`, if [`mark_backup`] would make one.
pub(super) fn missing_mark(dir: &Path) -> Option<PathBuf> {
    let has = |name: &str| dir.join(name).exists();
    (!has(MANIFEST) && !has(UNFINISHED_MANIFEST)).then(|| dir.join(UNFINISHED_MANIFEST))
}

/// Notes durably that a backup is being made in `dir`. The mark becomes its manifest.
pub(super) fn mark_backup(dir: &Path) -> Result<(), EngineError> {
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
