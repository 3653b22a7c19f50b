//! The manifest of a backup: a text that names each file with its size and checksum, and that ends with a
//! checksum of its own.
//!
//! ```text
//! memberbase backup 1
//! timeline 00112233445566778899aabbccddeeff
//! base 0
//! position 1234
//! file wal/0000000001.log 4096 89abcdef
//! sum 01234567
//! ```
//!
//! `base` is the batch of the snapshot that the log continues from, 0 if the log begins with the first batch;
//! `position` is the last batch. Sizes are in bytes; bytes of a file beyond its size belong to a later backup
//! that was not finished. Checksums are CRC32C; `sum` covers the lines before it. The first line keeps its
//! form in every future version.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use super::names::is_name;
use crate::engine::EngineError;
use crate::engine::sled::dir::files;
use crate::engine::sled::dir::folder::{MANIFEST, TITLE};
use crate::engine::sled::disk::Disk;
use crate::engine::sled::log::segment::Timeline;

const VERSION: u32 = 1;

/// See the module documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) timeline: Timeline,
    pub(super) base: u64,
    pub(super) position: u64,
    pub(super) files: Vec<Listed>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) crc: u32,
}

impl Manifest {
    pub(super) fn path(dir: &Path) -> PathBuf {
        dir.join(MANIFEST)
    }

    /// The manifest of the backup in `dir`; `None` if there is no manifest.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, EngineError> {
        let path = Self::path(dir);
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(files::error("read", &path, &e)),
        };
        let file = path.display().to_string();
        let version = text.lines().next().and_then(|line| line.strip_prefix(TITLE)?.trim().parse().ok());
        if let Some(found) = version.filter(|version| *version > VERSION) {
            return Err(EngineError::NewerFormat { file, found, supported: VERSION });
        }
        // Anything but the exact text that `to_text` writes was changed.
        match Self::parse(&text).filter(|manifest| manifest.to_text() == text) {
            Some(manifest) => Ok(Some(manifest)),
            None => {
                let detail = "the manifest is damaged".to_owned();
                Err(EngineError::Corrupt { file, offset: 0, detail })
            }
        }
    }

    /// Replaces the manifest, durably.
    pub(super) fn write(&self, disk: &Disk, dir: &Path) -> Result<(), EngineError> {
        let path = Self::path(dir);
        let new = path.with_extension("new");
        let written = disk.resume(&new, 0).and_then(|file| {
            file.write_at(0, self.to_text().as_bytes())?;
            file.sync()
        });
        written.map_err(|e| files::error("write", &new, &e))?;
        disk.rename(&new, &path)
    }

    pub(super) fn file(&self, name: &str) -> Option<&Listed> {
        self.files.iter().find(|file| file.name == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    fn to_text(&self) -> String {
        let timeline = u128::from_be_bytes(self.timeline);
        let (base, position) = (self.base, self.position);
        let mut text =
            format!("{TITLE} {VERSION}\ntimeline {timeline:032x}\nbase {base}\nposition {position}\n");
        // Writing to a `String` never fails.
        for Listed { name, bytes, crc } in &self.files {
            let _ = writeln!(text, "file {name} {bytes} {crc:08x}");
        }
        let sum = crc32c::crc32c(text.as_bytes());
        let _ = writeln!(text, "sum {sum:08x}");
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().skip(1);
        let timeline = u128::from_str_radix(lines.next()?.strip_prefix("timeline ")?, 16).ok()?.to_be_bytes();
        let base = lines.next()?.strip_prefix("base ")?.parse().ok()?;
        let position = lines.next()?.strip_prefix("position ")?.parse().ok()?;
        let mut files = Vec::new();
        for line in lines.map_while(|line| line.strip_prefix("file ")) {
            let mut words = line.split(' ');
            let name = words.next().filter(|name| is_name(name))?.to_owned();
            let bytes = words.next()?.parse().ok()?;
            files.push(Listed { name, bytes, crc: u32::from_str_radix(words.next()?, 16).ok()? });
        }
        Some(Self { timeline, base, position, files })
    }
}
