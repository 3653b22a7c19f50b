//! Backups of the whole store. They contain everything, so each step also checks the right to see personal
//! data.

use std::sync::Arc;

use bytes::Bytes;

use super::access::Guarded;
use super::{Directory, Error};
use crate::table::backup::{Backup, Held, Outline};

/// A backup that is being read.
pub struct BackupReader {
    guarded: Guarded,
    backup: Arc<Backup>,
    file: usize,
    at: Option<u64>,
}

/// Some bytes of a backup.
pub struct BackupPart {
    /// Its file, as an index into the outline.
    pub file: usize,
    /// Where the bytes begin in that file.
    pub at: u64,
    /// The bytes.
    pub bytes: Bytes,
}

impl Directory {
    /// Begins a backup of everything that is durable now, except what the caller already has (`held`).
    pub async fn backup(&self, held: Held) -> Result<BackupReader, Error> {
        let backup = Arc::new(self.guarded.everything().await?.backup(held).await?);
        Ok(BackupReader { guarded: self.guarded.clone(), backup, file: 0, at: None })
    }
}

impl BackupReader {
    /// The files of the backup.
    #[must_use]
    pub fn outline(&self) -> &Outline {
        self.backup.outline()
    }

    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<BackupPart>, Error> {
        while let Some(file) = self.backup.outline().files.get(self.file) {
            let at = self.at.unwrap_or(file.from);
            if at >= file.bytes {
                (self.file, self.at) = (self.file + 1, None);
                continue;
            }
            self.guarded.everything().await?;
            let (backup, index) = (Arc::clone(&self.backup), self.file);
            let read = tokio::task::spawn_blocking(move || backup.read(index, at)).await;
            let died = |died| Error::Internal { private: format!("reading a backup panicked: {died}") };
            let bytes = read.map_err(died)??;
            self.at = Some(at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX)));
            return Ok(Some(BackupPart { file: index, at, bytes }));
        }
        Ok(None)
    }
}
