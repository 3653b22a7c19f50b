//! Finding every flipped bit of a backup.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crc32c::Crc32cWriter;

use super::manifest::{Listed, Manifest};
use super::names::{SNAPSHOTS, segments_of};
use crate::engine::EngineError;
use crate::engine::sled::dir::{files, folder};
use crate::engine::sled::log::chain;
use crate::engine::sled::snapshot;

const READ_BYTES: usize = 1024 * 1024;

/// The result of verifying a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The batch of the snapshot that it begins with; 0 if it begins with the first batch.
    pub base: u64,
    /// Its last batch.
    pub position: u64,
    /// The number of its files.
    pub files: usize,
    /// Bytes of all its files.
    pub bytes: u64,
    /// The damage; empty if the backup can be restored.
    pub damage: Vec<EngineError>,
}

/// Reads all of the backup in `dir`. An error means that it could not be read; damage is part of the result.
pub fn verify(dir: &Path) -> Result<Verified, EngineError> {
    folder::need_no_store(dir)?;
    let Some(manifest) = Manifest::read(dir)? else {
        return Err(EngineError::Io(format!("there is no finished backup in {}", dir.display())));
    };
    let mut damage = Vec::new();
    for file in &manifest.files {
        damage.extend(verify_file(dir, file).err());
    }
    for name in manifest.names().filter(|name| name.starts_with(SNAPSHOTS)) {
        let read = snapshot::verify(&dir.join(name), &mut |_| Ok(())).map_err(EngineError::from);
        damage.extend(read.err());
    }
    damage.extend(verify_base(dir, &manifest).err());
    damage.extend(verify_log(dir, &manifest).err());
    Ok(Verified {
        base: manifest.base,
        position: manifest.position,
        files: manifest.files.len(),
        bytes: manifest.files.iter().map(|file| file.bytes).sum(),
        damage,
    })
}

/// Checks a file against the manifest.
pub(super) fn verify_file(dir: &Path, listed: &Listed) -> Result<(), EngineError> {
    let path = dir.join(&listed.name);
    if checksum(&path, listed.bytes)? == listed.crc {
        return Ok(());
    }
    let detail = "its checksum differs from the one in the manifest".to_owned();
    Err(EngineError::Corrupt { file: path.display().to_string(), offset: 0, detail })
}

/// Checks that the snapshot is present from which the log continues, unless the log begins with the first
/// batch.
pub(super) fn verify_base(dir: &Path, manifest: &Manifest) -> Result<(), EngineError> {
    let path = snapshot::path(Path::new(SNAPSHOTS), manifest.base);
    let listed = || path.to_str().is_some_and(|name| manifest.file(name).is_some());
    if manifest.base == 0 || listed() {
        return Ok(());
    }
    let detail =
        format!("the backup begins with batch {}, but the snapshot of that batch is missing", manifest.base);
    Err(EngineError::Corrupt { file: dir.join(path).display().to_string(), offset: 0, detail })
}

fn verify_log(dir: &Path, manifest: &Manifest) -> Result<(), EngineError> {
    let segments = segments_of(dir, manifest.names())?;
    chain::replay(&segments, manifest.base, manifest.position, |_, _| Ok::<(), EngineError>(()))
}

/// The checksum of the first `bytes` of a file; an error if the file is shorter.
pub(super) fn checksum(path: &Path, bytes: u64) -> Result<u32, EngineError> {
    let failed = |e: io::Error| files::error("read", path, &e);
    let input = File::open(path).map_err(failed)?.take(bytes);
    let mut sum = Crc32cWriter::new(io::sink());
    let found = io::copy(&mut BufReader::with_capacity(READ_BYTES, input), &mut sum).map_err(failed)?;
    if found == bytes {
        return Ok(sum.crc32c());
    }
    let detail = format!("the file has only {found} of {bytes} bytes");
    Err(EngineError::Corrupt { file: path.display().to_string(), offset: found, detail })
}
